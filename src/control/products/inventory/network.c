/* VPCs and vSwitches. The VPC and the first vSwitches come from the node file; more vSwitches may be made in it. */
#include "control/products/common/common.h"
#include "control/products/inventory/networks.h"

#define VSWITCH_PREFIX_MIN  16u
#define VSWITCH_PREFIX_MAX  28u /* ALBI-07 */
#define VSWITCH6_PREFIX_MAX 124u

/* --- IPv6 ranges that are not there ------------------------------------------------------------ */

int inventory_fail_ipv6(struct call *call, const char *code, const char *vswitch_id)
{
    const struct doc *vswitch = vswitch_id ? inventory_vswitch(call->txn, vswitch_id) : NULL;

    if (!vswitch)
        return call_fail(call, code,
            "This node has no public IPv6 addresses: eip_range6 in the section [network] of its node file is not set.");
    if (!json_flag(vswitch->body, "IsDefault", false))
        return call_fail(call, code,
            "The vSwitch %s has no IPv6 range: it was made without Ipv6CidrBlock.", vswitch_id);
    return call_fail(call, code,
        "The vSwitch %s has no IPv6 range: range6 in the section [zone %s] of the node file is not set.",
        vswitch_id, json_text(vswitch->body, "ZoneId"));
}

int inventory_check_vpc_ipv6(struct call *call, const char *code, const char *vpc_id)
{
    const json_t *vpc = txn_body(call->txn, "vpc.vpc", vpc_id);

    if (json_has(vpc, "Ipv6CidrBlock"))
        return 0;
    return call_fail(call, code,
        "The VPC %s has no IPv6 range: vpc_range6 in the section [network] of the node file is not set.",
        vpc_id);
}

/* --- VPCs, vSwitches --------------------------------------------------------------------------- */

/* The parameter EnableIpv6: whether there is an IPv6 range. */
static bool has_wanted_ipv6(struct call *call, const struct doc *doc)
{
    return !json_has(call->in, "EnableIpv6") ||
           json_flag(call->in, "EnableIpv6", false) == json_has(doc->body, "Ipv6CidrBlock");
}

static json_t *show_network(const struct doc *doc, const char *id_member)
{
    json_t *out = common_show(doc, id_member);

    json_put_text(out, "Status", "Available");
    json_put_text(out, "CreationTime", json_text(doc->body, "CreateTime"));
    return out;
}

static json_t *show_vpc(struct call *call, const struct doc *doc)
{
    json_t *out = show_network(doc, "VpcId");
    json_t *ids = json_array();
    struct doc_list list;

    txn_users(call->txn, "vpc.vswitch", doc->id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        (void)json_array_append_new(ids, json_string(list.docs[i]->id));
    doc_list_done(&list);
    json_put_text(out, "RegionId", call->node->region);
    json_put(out, "VSwitchIds", ids);
    return out;
}

int vpc_describe_vpcs(struct call *call)
{
    static const struct filter filters[] = {
        {"VpcId", NULL},
        {"VpcName", "VpcName"},
        {"IsDefault", "IsDefault"},
        {NULL, NULL},
    };
    static const struct listing listing = {
        .kind = "vpc.vpc",
        .out = "Vpcs",
        .filters = filters,
        .has_tags = true,
        .match = has_wanted_ipv6,
        .show = show_vpc,
    };

    return common_list(call, &listing);
}

static json_t *show_vswitch(struct call *call, const struct doc *doc)
{
    json_t *out = show_network(doc, "VSwitchId");

    json_put_int(out, "AvailableIpAddressCount", inventory_n_free(call->txn, doc));
    return out;
}

int vpc_describe_vswitches(struct call *call)
{
    static const struct filter filters[] = {
        {"VSwitchId", NULL},
        {"VpcId", "VpcId"},
        {"ZoneId", "ZoneId"},
        {"VSwitchName", "VSwitchName"},
        {"IsDefault", "IsDefault"},
        {NULL, NULL},
    };
    static const struct listing listing = {
        .kind = "vpc.vswitch",
        .out = "VSwitches",
        .filters = filters,
        .has_tags = true,
        .match = has_wanted_ipv6,
        .show = show_vswitch,
    };

    return common_list(call, &listing);
}

static bool has_zone(const struct node_conf *node, const char *zone)
{
    for (unsigned i = 0; i < node->n_zones; i++) {
        if (strcmp(node->zones[i].id, zone) == 0)
            return true;
    }
    return false;
}

/* Which vSwitch has a range that meets this one: a document's id, or NULL. member: of the documents. */
static const char *find_overlap(struct call *call, const char *member, const struct cidr *cidr)
{
    const char *taken = NULL;
    struct doc_list list;
    struct cidr other;

    txn_list(call->txn, "vpc.vswitch", &list);
    for (uint32_t i = 0; i < list.n && !taken; i++) {
        const char *range = json_text(list.docs[i]->body, member);

        if (range && cidr_parse(span_of(range), &other) == 0 &&
            (cidr_has(cidr, &other.addr) || cidr_has(&other, &cidr->addr)))
            taken = list.docs[i]->id;
    }
    doc_list_done(&list);
    return taken;
}

/* Ipv6CidrBlock is a number: the eight bits behind the prefix of the VPC's range. */
static int set_range6(struct call *call, const struct doc *vpc, json_t *body)
{
    int64_t number = json_int(call->in, "Ipv6CidrBlock", -1);
    char ip[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + 8];
    const char *taken;
    struct cidr cidr;
    unsigned bits;
    int r;

    if (number < 0)
        return 0;
    r = inventory_check_vpc_ipv6(call, "OperationDenied.VpcNotSupportIpv6", vpc->id);
    if (r < 0)
        return r;
    r = cidr_parse(span_of(json_text(vpc->body, "Ipv6CidrBlock")), &cidr);
    if (r < 0 || cidr.prefix + 8 > VSWITCH6_PREFIX_MAX)
        return call_fail(call, "InvalidIpv6CidrBlock.Malformed",
            "The range of the VPC %s, %s, is too short to be divided into 256.", vpc->id,
            json_text(vpc->body, "Ipv6CidrBlock"));
    bits = (unsigned)number << (8 - cidr.prefix % 8);
    cidr.addr.ip[cidr.prefix / 8] |= (uint8_t)(bits >> 8);
    cidr.addr.ip[cidr.prefix / 8 + 1] |= (uint8_t)bits;
    cidr.prefix += 8;
    (void)snprintf(
        text, sizeof(text), "%.*s/%u", (int)addr_format_ip(&cidr.addr, ip), ip, cidr.prefix);
    taken = find_overlap(call, "Ipv6CidrBlock", &cidr);
    if (taken)
        return call_fail(call, "InvalidCidrBlock.Overlapped",
            "Ipv6CidrBlock %d is %s, which overlaps the range of vSwitch %s.", (int)number, text,
            taken);
    json_put_text(body, "Ipv6CidrBlock", text);
    return 0;
}

/* The range must lie in the VPC's and meet no other vSwitch's. */
static int check_range(struct call *call, const struct doc *vpc)
{
    const char *text = call_text(call, "CidrBlock");
    struct cidr cidr, vpc_cidr;
    const char *taken;

    if (cidr_parse(span_of(text), &cidr) < 0 || cidr.addr.family != 4 ||
        cidr.prefix < VSWITCH_PREFIX_MIN || cidr.prefix > VSWITCH_PREFIX_MAX)
        return call_fail(call, "InvalidCidrBlock.Malformed",
            "CidrBlock %s is not an IPv4 range of /%u to /%u whose host bits are 0.", text,
            VSWITCH_PREFIX_MIN, VSWITCH_PREFIX_MAX);
    if (cidr_parse(span_of(json_text(vpc->body, "CidrBlock")), &vpc_cidr) < 0 ||
        cidr.prefix < vpc_cidr.prefix || !cidr_has(&vpc_cidr, &cidr.addr))
        return call_fail(call, "InvalidCidrBlock.Malformed",
            "CidrBlock %s does not lie inside %s, the range of VPC %s.", text,
            json_text(vpc->body, "CidrBlock"), vpc->id);
    taken = find_overlap(call, "CidrBlock", &cidr);
    if (taken)
        return call_fail(call, "InvalidCidrBlock.Overlapped",
            "CidrBlock %s overlaps the range of vSwitch %s.", text, taken);
    return 0;
}

int vpc_create_vswitch(struct call *call)
{
    static const char *const members[] = {
        "VpcId", "ZoneId", "CidrBlock", "VSwitchName", "Description", NULL};
    const struct doc *vpc = call_find(call, "vpc.vpc", "VpcId", "InvalidVpcId.NotFound", "VPC");
    const char *zone = call_text(call, "ZoneId");
    json_t *body;
    char id[64], time[32];
    int r;

    if (!vpc)
        return -EINVAL;
    if (!has_zone(call->node, zone))
        return call_fail(call, "InvalidZoneId.NotFound",
            "Zone %s is not one of this node: its node file names them.", zone);
    r = check_range(call, vpc);
    if (r < 0)
        return r;
    body = json_object();
    json_copy_members(body, call->in, members);
    json_put_flag(body, "IsDefault", false);
    json_put_text(body, "CreateTime", call_time(call, time));
    txn_new_id(call->txn, "vsw-", id);
    r = set_range6(call, vpc, body);
    if (r == 0)
        r = call_tags(call, body);
    if (r == 0)
        r = txn_add(call->txn, "vpc.vswitch", id, json_incref(body));
    json_decref(body);
    call_resource(call, id);
    json_put_text(call->out, "VSwitchId", id);
    return r;
}

int vpc_delete_vswitch(struct call *call)
{
    const struct doc *doc =
        call_find(call, "vpc.vswitch", "VSwitchId", "InvalidVSwitchId.NotFound", "vSwitch");
    uint32_t n;

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    if (json_flag(doc->body, "IsDefault", false))
        return call_fail(call, "OperationDenied.NodeVSwitch",
            "vSwitch %s comes from the node file and goes with its section there.", doc->id);
    n = txn_count_users(call->txn, NULL, doc->id);
    if (n > 0)
        return call_fail(call, "DependencyViolation",
            "vSwitch %s is in use: %u resources and addresses belong to it.", doc->id, n);
    (void)txn_remove(call->txn, "vpc.vswitch", doc->id);
    return 0;
}

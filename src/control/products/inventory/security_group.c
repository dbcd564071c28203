/* Security groups: prioritised rules that instances join. */
#include "control/products/common/common.h"
#include "control/products/inventory/networks.h"

#define RULES_MAX 200u

int ecs_create_security_group(struct call *call)
{
    static const char *const members[] = {
        "SecurityGroupName", "SecurityGroupType", "Description", NULL};
    const char *vpc = call_text(call, "VpcId");
    json_t *body;
    char id[64], time[32];
    int r;

    vpc = vpc ? vpc : call->node->vpc_id;
    if (!txn_get(call->txn, "vpc.vpc", vpc))
        return call_fail(call, "InvalidVpcId.NotFound", "VPC %s does not exist.", vpc);
    body = json_object();
    json_copy_members(body, call->in, members);
    json_put_text(body, "VpcId", vpc);
    json_put_text(body, "CreateTime", call_time(call, time));
    json_put(body, "Rules", json_array());
    txn_new_id(call->txn, "sg-", id);
    r = call_tags(call, body);
    if (r == 0)
        r = txn_add(call->txn, "ecs.security_group", id, json_incref(body));
    json_decref(body);
    call_resource(call, id);
    json_put_text(call->out, "SecurityGroupId", id);
    return r;
}

static const struct doc *find_group(struct call *call)
{
    const struct doc *doc = call_find(call, "ecs.security_group", "SecurityGroupId",
        "InvalidSecurityGroupId.NotFound", "security group");

    if (doc)
        call_resource(call, doc->id);
    return doc;
}

int ecs_delete_security_group(struct call *call)
{
    const struct doc *doc = find_group(call);
    uint32_t n;

    if (!doc)
        return -EINVAL;
    n = txn_count_users(call->txn, NULL, doc->id);
    if (n > 0)
        return call_fail(call, "DependencyViolation",
            "Security group %s is in use: %u instances have joined it.", doc->id, n);
    (void)txn_remove(call->txn, "ecs.security_group", doc->id);
    return 0;
}

/* "80/443", "-1/-1" for all. */
static bool is_port_range(const char *text, bool has_ports)
{
    struct span rest = span_of(text);
    struct span first, last;
    uint64_t from, to;

    if (strcmp(text, "-1/-1") == 0)
        return true;
    return has_ports && span_next(&rest, '/', &first) && span_next(&rest, '/', &last) &&
           rest.len == 0 && span_parse_u64(first, &from) == 0 && span_parse_u64(last, &to) == 0 &&
           from >= 1 && from <= to && to <= 65535;
}

/* A source may be an address or a range. */
static bool is_source(const char *text, unsigned family)
{
    struct cidr cidr;

    if (cidr_parse(span_of(text), &cidr) == 0)
        return cidr.addr.family == family;
    return addr_parse_ip(span_of(text), &cidr.addr) == 0 && cidr.addr.family == family;
}

static int check_rule(struct call *call, const json_t *rule)
{
    const char *protocol = json_text(rule, "IpProtocol");
    const char *ports = json_text(rule, "PortRange");
    const char *source = json_text(rule, "SourceCidrIp");
    const char *source6 = json_text(rule, "Ipv6SourceCidrIp");
    const char *priority = json_text(rule, "Priority");
    uint64_t number;

    if (!protocol)
        return call_fail(call, "MissingParameter", "IpProtocol is missing.");
    if (!source == !source6)
        return call_fail(call, "InvalidSourceCidrIp.Malformed",
            "A rule has either SourceCidrIp or Ipv6SourceCidrIp.");
    if ((source && !is_source(source, 4)) || (source6 && !is_source(source6, 6)))
        return call_fail(call, "InvalidSourceCidrIp.Malformed",
            "Source %s is not an address or a range whose host bits are 0.",
            source ? source : source6);
    if (!ports ||
        !is_port_range(ports, strcmp(protocol, "TCP") == 0 || strcmp(protocol, "UDP") == 0))
        return call_fail(call, "InvalidPortRange.Malformed",
            "PortRange %s is not two ports as 80/443, or -1/-1 where there are none.",
            ports ? ports : "(absent)");
    if (priority && (span_parse_u64(span_of(priority), &number) < 0 || number < 1 || number > 100))
        return call_fail(
            call, "InvalidPriority.Malformed", "Priority %s is not 1 to 100.", priority);
    return 0;
}

static int add_rule(struct call *call, json_t *rules, const json_t *given)
{
    static const char *const members[] = {"IpProtocol", "PortRange", "SourceCidrIp",
        "Ipv6SourceCidrIp", "Policy", "Priority", "Description", NULL};
    json_t *rule;
    size_t i;
    json_t *other;
    int r = check_rule(call, given);

    if (r < 0)
        return r;
    rule = json_object();
    json_copy_members(rule, given, members);
    /* Giving a rule again is no error, and makes no second one. */
    json_array_foreach (rules, i, other) {
        if (json_equal(rule, other)) {
            json_decref(rule);
            return 0;
        }
    }
    (void)json_array_append_new(rules, rule);
    if (json_array_size(rules) > RULES_MAX)
        return call_fail(call, "AuthorizationLimitExceed",
            "Security group %s would have more than %u rules.", call->resource, RULES_MAX);
    return 0;
}

int ecs_authorize_security_group(struct call *call)
{
    const struct doc *doc = find_group(call);
    const json_t *list = json_object_get(call->in, "Permissions");
    json_t *rules, *given;
    size_t i;
    int r = 0;

    if (!doc)
        return -EINVAL;
    rules = json_object_get(txn_edit(call->txn, "ecs.security_group", doc->id), "Rules");
    if (json_array_size(list) == 0)
        return add_rule(call, rules, call->in);
    json_array_foreach (list, i, given) {
        r = add_rule(call, rules, given);
        if (r < 0)
            break;
    }
    return r;
}

static json_t *show_group(struct call *call, const struct doc *doc)
{
    json_t *out = common_show(doc, "SecurityGroupId");

    (void)call;
    json_put_text(out, "CreationTime", json_text(doc->body, "CreateTime"));
    json_put_int(out, "RuleCount", (int64_t)json_len(doc->body, "Rules"));
    return out;
}

int ecs_describe_security_groups(struct call *call)
{
    static const struct filter filters[] = {
        {"SecurityGroupId", NULL},
        {"SecurityGroupIds", NULL},
        {"SecurityGroupName", "SecurityGroupName"},
        {"SecurityGroupType", "SecurityGroupType"},
        {"VpcId", "VpcId"},
        {NULL, NULL},
    };
    static const struct listing listing = {
        .kind = "ecs.security_group",
        .out = "SecurityGroups",
        .filters = filters,
        .has_tags = true,
        .show = show_group,
    };

    json_put_text(call->out, "RegionId", call->node->region);
    return common_list(call, &listing);
}

/* --- zones --------------------------------------------------------------------------------- */

int ecs_describe_zones(struct call *call)
{
    json_t *zones = json_array();

    for (unsigned i = 0; i < call->node->n_zones; i++) {
        json_t *zone = json_object();

        json_put_text(zone, "ZoneId", call->node->zones[i].id);
        json_put_text(zone, "LocalName", call->node->zones[i].id);
        json_put_text(zone, "ZoneType", "AvailabilityZone");
        (void)json_array_append_new(zones, zone);
    }
    json_put(call->out, "Zones", zones);
    return 0;
}

/* Servers and network interfaces: what server groups may name. They are registered by whoever runs them. */
#include "control/products/common/common.h"
#include "control/products/inventory/networks.h"
#include "control/products/inventory/operations.h"

/* What differs between the two. */
struct registry {
    const char *kind, *id_member, *prefix;
    const char *word; /* "Server": of the error codes */
    const char *what; /* for messages */
};

static const struct registry servers = {"ecs.server", "ServerId", "i-", "Server", "server"};
static const struct registry interfaces = {
    "ecs.network_interface", "NetworkInterfaceId", "eni-", "NetworkInterface", "network interface"};

static int fail(struct call *call, const struct registry *registry, const char *code,
    const char *id, const char *rule)
{
    char full[96];

    (void)snprintf(full, sizeof(full), "%s.%s", code, registry->word);
    return call_fail(call, full, "The %s %s %s.", registry->what, id, rule);
}

static const struct doc *find(struct call *call, const struct registry *registry)
{
    char code[96];

    (void)snprintf(code, sizeof(code), "ResourceNotFound.%s", registry->word);
    return call_find(call, registry->kind, registry->id_member, code, registry->what);
}

/* --- registering --------------------------------------------------------------------------- */

/* Sets PrivateIpAddresses of body: each a valid address in its usual spelling, none twice. */
static int set_addresses(struct call *call, json_t *body)
{
    const json_t *given = json_object_get(call->in, "PrivateIpAddresses");
    json_t *ips = json_array();
    json_t *value;
    size_t i;

    json_put(body, "PrivateIpAddresses", ips);
    json_array_foreach (given, i, value) {
        const char *text = json_string_value(value);
        char buf[ADDR_TEXT_MAX];
        struct addr addr;

        if (addr_parse_ip(span_of(text), &addr) < 0)
            return call_fail(call, "InvalidParameter",
                "PrivateIpAddresses.%zu is %s, which is not an IP address.", i + 1, text);
        buf[addr_format_ip(&addr, buf)] = '\0';
        if (json_array_has(body, "PrivateIpAddresses", buf, false))
            return call_fail(
                call, "InvalidParameter", "PrivateIpAddresses has %s more than once.", buf);
        (void)json_array_append_new(ips, json_string(buf));
    }
    return 0;
}

static bool has_zone(const struct node_conf *node, const char *zone)
{
    for (unsigned i = 0; i < node->n_zones; i++) {
        if (strcmp(node->zones[i].id, zone) == 0)
            return true;
    }
    return false;
}

/* VpcId, VSwitchId and ZoneId of body: those given, else those of the vSwitch that the first address is of. */
static int set_place(struct call *call, json_t *body)
{
    const char *vpc = call_text(call, "VpcId"), *zone = call_text(call, "ZoneId");
    const char *first =
        json_string_value(json_array_get(json_object_get(body, "PrivateIpAddresses"), 0));
    const struct doc *vswitch = NULL;
    struct addr addr;

    if (first && addr_parse_ip(span_of(first), &addr) == 0)
        vswitch = inventory_vswitch_of_ip(call->txn, &addr);
    if (vpc && !txn_get(call->txn, "vpc.vpc", vpc))
        return call_fail(call, "ResourceNotFound.Vpc", "The VPC %s does not exist.", vpc);
    if (zone && !has_zone(call->node, zone))
        return call_fail(
            call, "ResourceNotFound.Zone", "The zone %s is not one of this node.", zone);
    if (vswitch)
        json_put_text(body, "VSwitchId", vswitch->id);
    if (!zone && vswitch)
        zone = json_text(vswitch->body, "ZoneId");
    json_put_text(body, "VpcId", vpc ? vpc : call->node->vpc_id);
    if (zone)
        json_put_text(body, "ZoneId", zone);
    return 0;
}

static bool is_id(const char *id)
{
    for (; *id; id++) {
        char c = ascii_lower(*id);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* The id given, or a new one. eci-...: a container group is a server like another. */
static int choose_id(struct call *call, const struct registry *registry, char *id)
{
    const char *given = call_text(call, registry->id_member);

    if (!given) {
        txn_new_id(call->txn, registry->prefix, id);
        return 0;
    }
    if (strlen(given) >= 64 || !is_id(given) ||
        (strncmp(given, registry->prefix, strlen(registry->prefix)) != 0 &&
            (registry != &servers || strncmp(given, "eci-", 4) != 0)))
        return call_fail(call, "InvalidParameter",
            "%s is %s; it must begin with %s%s and have letters, digits, '-' and '_' only.",
            registry->id_member, given, registry->prefix, registry == &servers ? " or eci-" : "");
    (void)snprintf(id, 64, "%s", given);
    return 0;
}

static int fill(struct call *call, json_t *body)
{
    static const char *const members[] = {"Name", "Description", "InstanceId", NULL};
    char time[32];
    int r = set_addresses(call, body);

    if (r == 0)
        r = set_place(call, body);
    if (r == 0)
        r = call_tags(call, body);
    json_copy_members(body, call->in, members);
    json_put_text(body, "CreateTime", call_time(call, time));
    return r;
}

static int add(struct call *call, const struct registry *registry)
{
    json_t *body = json_object();
    char id[64];
    int r = choose_id(call, registry, id);

    if (r == 0)
        r = fill(call, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    if (txn_add(call->txn, registry->kind, id, body) < 0)
        return fail(call, registry, "ResourceAlreadyExist", id, "is registered already");
    call_resource(call, id);
    json_put_text(call->out, registry->id_member, id);
    return 0;
}

int openslb_register_server(struct call *call)
{
    return add(call, &servers);
}

int openslb_register_network_interface(struct call *call)
{
    const char *server = call_text(call, "InstanceId");

    if (server && !txn_get(call->txn, servers.kind, server))
        return fail(call, &servers, "ResourceNotFound", server, "does not exist");
    return add(call, &interfaces);
}

int openslb_update_server(struct call *call)
{
    static const char *const members[] = {"Name", "Description", "ZoneId", NULL};
    const struct doc *doc = find(call, &servers);
    const char *zone = call_text(call, "ZoneId");
    json_t *body;

    if (!doc)
        return -EINVAL;
    if (zone && !has_zone(call->node, zone))
        return call_fail(
            call, "ResourceNotFound.Zone", "The zone %s is not one of this node.", zone);
    call_resource(call, doc->id);
    body = txn_edit(call->txn, servers.kind, doc->id);
    json_copy_members(body, call->in, members);
    return json_len(call->in, "PrivateIpAddresses") > 0 ? set_addresses(call, body) : 0;
}

static int take_out(struct call *call, const struct registry *registry)
{
    const struct doc *doc = find(call, registry);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    if (txn_count_users(call->txn, NULL, doc->id) > 0)
        return fail(
            call, registry, "ResourceInUse", doc->id, "is in use by server groups or interfaces");
    (void)txn_remove(call->txn, registry->kind, doc->id);
    return 0;
}

int openslb_deregister_server(struct call *call)
{
    return take_out(call, &servers);
}

int openslb_deregister_network_interface(struct call *call)
{
    return take_out(call, &interfaces);
}

/* --- lists --------------------------------------------------------------------------------- */

static json_t *show(struct call *call, const struct doc *doc, const char *id_member)
{
    json_t *out = common_show(doc, id_member);

    json_put_int(out, "UseCount", txn_count_users(call->txn, NULL, doc->id));
    return out;
}

static json_t *show_server(struct call *call, const struct doc *doc)
{
    return show(call, doc, servers.id_member);
}

static json_t *show_interface(struct call *call, const struct doc *doc)
{
    return show(call, doc, interfaces.id_member);
}

int openslb_list_servers(struct call *call)
{
    static const struct filter filters[] = {{"ServerIds", NULL}, {"Name", "Name"},
        {"VpcId", "VpcId"}, {"ZoneId", "ZoneId"}, {NULL, NULL}};
    static const struct listing listing = {
        .kind = "ecs.server",
        .out = "Servers",
        .filters = filters,
        .has_tags = true,
        .show = show_server,
    };

    return common_list(call, &listing);
}

int openslb_list_network_interfaces(struct call *call)
{
    static const struct filter filters[] = {{"NetworkInterfaceIds", NULL},
        {"InstanceId", "InstanceId"}, {"Name", "Name"}, {"VpcId", "VpcId"}, {"ZoneId", "ZoneId"},
        {NULL, NULL}};
    static const struct listing listing = {
        .kind = "ecs.network_interface",
        .out = "NetworkInterfaces",
        .filters = filters,
        .show = show_interface,
    };

    return common_list(call, &listing);
}

/* --- as product Ecs shows them ------------------------------------------------------------- */

/* Whether one of the document's addresses is in a list parameter; an absent or empty one: yes. */
static bool has_address(const struct call *call, const char *param, const struct doc *doc)
{
    const json_t *ips = json_object_get(doc->body, "PrivateIpAddresses");
    json_t *ip;
    size_t i;

    if (json_len(call->in, param) == 0)
        return true;
    json_array_foreach (ips, i, ip) {
        if (json_array_has(call->in, param, json_string_value(ip), false))
            return true;
    }
    return false;
}

static bool match_instance(struct call *call, const struct doc *doc)
{
    const char *status = call_text(call, "Status");

    return (!status || strcmp(status, "Running") == 0) &&
           has_address(call, "PrivateIpAddresses", doc) && has_address(call, "Ipv6Address", doc);
}

static json_t *show_instance(struct call *call, const struct doc *doc)
{
    json_t *out = common_show(doc, "InstanceId");
    json_t *vpc = json_object();

    json_put_text(vpc, "VpcId", json_text(doc->body, "VpcId"));
    json_put_text(vpc, "VSwitchId", json_text(doc->body, "VSwitchId"));
    json_put(
        vpc, "PrivateIpAddress", json_incref(json_object_get(doc->body, "PrivateIpAddresses")));
    json_put(out, "VpcAttributes", vpc);
    json_put_text(out, "InstanceName", json_text(doc->body, "Name"));
    json_put_text(out, "InstanceNetworkType", "vpc");
    json_put_text(out, "RegionId", call->node->region);
    json_put_text(out, "Status", "Running");
    json_put_text(out, "CreationTime", json_text(doc->body, "CreateTime"));
    return out;
}

int ecs_describe_instances(struct call *call)
{
    static const struct filter filters[] = {{"InstanceIds", NULL}, {"InstanceName", "Name"},
        {"VpcId", "VpcId"}, {"VSwitchId", "VSwitchId"}, {"ZoneId", "ZoneId"}, {NULL, NULL}};
    static const struct listing listing = {
        .kind = "ecs.server",
        .out = "Instances",
        .filters = filters,
        .has_tags = true,
        .match = match_instance,
        .show = show_instance,
    };

    return common_list(call, &listing);
}

static const char *interface_status(const struct doc *doc)
{
    return json_text(doc->body, "InstanceId") ? "InUse" : "Available";
}

static const char *first_address(const struct doc *doc)
{
    return json_string_value(json_array_get(json_object_get(doc->body, "PrivateIpAddresses"), 0));
}

static bool match_interface(struct call *call, const struct doc *doc)
{
    const char *status = call_text(call, "Status");
    const char *primary = call_text(call, "PrimaryIpAddress");

    return (!status || strcmp(status, interface_status(doc)) == 0) &&
           (!primary || strcmp(primary, first_address(doc)) == 0) &&
           has_address(call, "PrivateIpAddress", doc) && has_address(call, "Ipv6Address", doc);
}

static json_t *show_ecs_interface(struct call *call, const struct doc *doc)
{
    const json_t *ips = json_object_get(doc->body, "PrivateIpAddresses");
    json_t *out = common_show(doc, "NetworkInterfaceId");
    json_t *sets = json_array();
    json_t *ip;
    size_t i;

    (void)call;
    json_array_foreach (ips, i, ip) {
        json_t *set = json_object();

        json_put_text(set, "PrivateIpAddress", json_string_value(ip));
        json_put_flag(set, "Primary", i == 0);
        (void)json_array_append_new(sets, set);
    }
    json_put(out, "PrivateIpSets", sets);
    json_put_text(out, "PrivateIpAddress", first_address(doc));
    json_put_text(out, "NetworkInterfaceName", json_text(doc->body, "Name"));
    json_put_text(out, "Status", interface_status(doc));
    json_put_text(out, "Type", "Secondary");
    json_put_text(out, "CreationTime", json_text(doc->body, "CreateTime"));
    return out;
}

int ecs_describe_network_interfaces(struct call *call)
{
    static const struct filter filters[] = {{"NetworkInterfaceId", NULL},
        {"NetworkInterfaceName", "Name"}, {"InstanceId", "InstanceId"}, {"VpcId", "VpcId"},
        {"VSwitchId", "VSwitchId"}, {NULL, NULL}};
    static const struct listing listing = {
        .kind = "ecs.network_interface",
        .out = "NetworkInterfaceSets",
        .filters = filters,
        .has_tags = true,
        .match = match_interface,
        .show = show_ecs_interface,
    };

    return common_list(call, &listing);
}

/* The list of servers in a group's document. */
#include "control/products/common/common.h"
#include "control/products/inventory/inventory.h"

#define SERVERS_MAX    1000u /* in a group */
#define GROUPS_MAX     200u  /* that have one server */
#define WEIGHT_DEFAULT 100
#define ID_LEN         64u

static json_t *servers_of(json_t *group)
{
    json_t *servers = json_object_get(group, "Servers");

    if (!servers) {
        servers = json_array();
        json_put(group, "Servers", servers);
    }
    return servers;
}

/* Whether element is the server that given names. An IP that is not given matches any. */
static bool is_server(const json_t *element, const json_t *given)
{
    const char *ip = json_text(given, "ServerIp");

    return json_text_is(element, "ServerId", json_text(given, "ServerId")) &&
           json_int(element, "Port", 0) == json_int(given, "Port", 0) &&
           (!ip || json_text_is(element, "ServerIp", ip));
}

static size_t find_server(const json_t *list, const json_t *wanted)
{
    size_t n = json_array_size(list);
    size_t i = 0;

    while (i < n && !is_server(json_array_get(list, i), wanted))
        i++;
    return i;
}

static bool has_id(const json_t *list, const char *server_id)
{
    const json_t *server;
    size_t i;

    json_array_foreach (list, i, server) {
        if (json_text_is(server, "ServerId", server_id))
            return true;
    }
    return false;
}

/* --- one server --------------------------------------------------------------------------------- */

static int check_type(
    struct call *call, const struct server_shape *shape, const json_t *group, const json_t *given)
{
    const char *type = json_text(given, "ServerType");
    const char *group_type = json_text(group, "ServerGroupType");
    bool is_ip = strcmp(type, "Ip") == 0;

    if (!is_ip && json_flag(given, "RemoteIpEnabled", false))
        return call_fail(call, shape->codes[SERVER_TYPE],
            "RemoteIpEnabled is for servers of type Ip; %s is of type %s.",
            json_text(given, "ServerId"), type);
    if (is_ip == (strcmp(group_type, "Ip") == 0))
        return 0;
    return call_fail(call, shape->codes[SERVER_TYPE],
        "A server of type %s cannot be in a server group of type %s.", type, group_type);
}

static int check_port(
    struct call *call, const struct server_shape *shape, const json_t *group, const json_t *given)
{
    int64_t port = json_int(given, "Port", 0);
    bool is_any = json_flag(group, "AnyPortEnabled", false);

    if (is_any ? port == 0 : port != 0)
        return 0;
    if (is_any)
        return call_fail(call, shape->codes[SERVER_BAD_PORT],
            "Port %d: servers of a group with AnyPortEnabled have the port 0.", (int)port);
    return call_fail(call, shape->codes[SERVER_BAD_PORT],
        "The server %s needs a Port between 1 and 65535.", json_text(given, "ServerId"));
}

/* Ranges that an address outside the VPC may be of. */
static bool is_remote_ip(const struct addr *addr)
{
    static const char *const ranges[] = {"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12",
        "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128"};

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct cidr cidr;

        if (cidr_parse(span_of(ranges[i]), &cidr) == 0 && cidr_has(&cidr, addr))
            return true;
    }
    return false;
}

/* A server that is an address. */
static int check_ip_server(struct call *call, const struct server_shape *shape, const json_t *given)
{
    const char *ip = json_text(given, "ServerId");
    const char *server_ip = json_text(given, "ServerIp");
    char text[ADDR_TEXT_MAX];
    struct addr addr;
    size_t n;

    if (addr_parse_ip(span_of(ip), &addr) < 0)
        return call_fail(
            call, shape->codes[SERVER_BAD_IP], "The server %s is not an IP address.", ip);
    /* An address is known by its text, so it has one only. */
    n = addr_format_ip(&addr, text);
    if (!span_eq(span_of(ip), (struct span){text, n}))
        return call_fail(call, shape->codes[SERVER_BAD_IP],
            "The address %s must be written as %.*s.", ip, (int)n, text);
    if (server_ip && strcmp(server_ip, ip) != 0)
        return call_fail(call, shape->codes[SERVER_BAD_IP], "ServerIp %s differs from ServerId %s.",
            server_ip, ip);
    if (addr.family == 6 && json_flag(given, "RemoteIpEnabled", false))
        return call_fail(call, shape->codes[SERVER_BAD_IP],
            "RemoteIpEnabled is for IPv4 addresses; %s is not one.", ip);
    if (cidr_has(&call->node->vpc_range, &addr) || cidr_has(&call->node->vpc_range6, &addr))
        return 0;
    if (shape->has_remote_ip && addr.family == 6)
        return call_fail(call, shape->codes[SERVER_VPC],
            "The address %s is not in the VPC, whose IPv6 range is vpc_range6 of the node file.",
            ip);
    if (shape->has_remote_ip && !json_flag(given, "RemoteIpEnabled", false))
        return call_fail(call, shape->codes[SERVER_VPC],
            "The address %s is not in the VPC; that needs RemoteIpEnabled.", ip);
    if (!is_remote_ip(&addr))
        return call_fail(call, shape->codes[SERVER_BAD_IP],
            "The address %s is neither in the VPC nor in 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 172.16.0.0/12, "
            "192.168.0.0/16 or fc00::/7.",
            ip);
    return 0;
}

static int resolve_failed(
    struct call *call, const struct server_shape *shape, const json_t *given, int error)
{
    static const struct {
        const char *type;
        enum server_fault fault;
    } missing[] = {{"Ecs", SERVER_NO_ECS}, {"Eni", SERVER_NO_ENI}, {"Eci", SERVER_NO_ECI}};
    const char *id = json_text(given, "ServerId");
    enum server_fault fault = SERVER_NO_ECS;

    if (error == -EINVAL)
        return call_fail(call, shape->codes[SERVER_BAD_IP],
            "%s is not an address of the server %s.",
            json_text(given, "ServerIp") ?: "The default address", id);
    for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
        if (json_text_is(given, "ServerType", missing[i].type))
            fault = missing[i].fault;
    }
    return call_fail(call, shape->codes[fault], "The server %s is not registered.", id);
}

/* Also of what an id stands for. */
static int check_family(
    struct call *call, const struct server_shape *shape, const json_t *group, const char *ip)
{
    if (!strchr(ip, ':') || json_flag(group, "Ipv6Enabled", false) ||
        json_text_is(group, "AddressIPVersion", "DualStack"))
        return 0;
    return call_fail(call, shape->codes[SERVER_NO_IPV6],
        "The address %s is of IPv6; the server group takes servers with IPv4 addresses only.", ip);
}

/* Finds the address of a server. ret_ip: INVENTORY_IP_LEN. */
static int resolve(struct call *call, const struct server_shape *shape, const json_t *group,
    const json_t *given, char *ret_ip)
{
    const char *id = json_text(given, "ServerId");
    const char *vpc = "";
    const char *zone = "";
    int r;

    if (json_text_is(given, "ServerType", "Ip")) {
        r = check_ip_server(call, shape, given);
        if (r < 0)
            return r;
        return inventory_resolve(call->txn, id, NULL, ret_ip);
    }
    /* An id that is an address would be found, but is no server. */
    r = strchr(id, '-') ? inventory_resolve(call->txn, id, json_text(given, "ServerIp"), ret_ip)
                        : -ENOENT;
    if (r == 0)
        r = inventory_place(call->txn, id, &vpc, &zone);
    if (r < 0)
        return resolve_failed(call, shape, given, r);
    if (!json_text_is(group, "VpcId", vpc))
        return call_fail(call, shape->codes[SERVER_VPC],
            "The server %s is in the VPC %s, its server group in %s.", id, vpc,
            json_text(group, "VpcId"));
    return 0;
}

static int add_server(
    struct call *call, const struct server_shape *shape, json_t *group, const json_t *given)
{
    static const char *const copied[] = {"ServerId", "ServerType", "Description", NULL};
    const char *server_id = json_text(given, "ServerId");
    char ip[INVENTORY_IP_LEN], uid[ID_LEN];
    json_t *server;
    int r = check_type(call, shape, group, given);

    if (r == 0)
        r = check_port(call, shape, group, given);
    if (r == 0)
        r = resolve(call, shape, group, given, ip);
    if (r == 0)
        r = check_family(call, shape, group, ip);
    if (r < 0)
        return r;
    if (!has_id(servers_of(group), server_id) &&
        txn_count_users(call->txn, shape->kind, server_id) >= GROUPS_MAX)
        return call_fail(call, shape->codes[SERVER_SERVER_QUOTA],
            "The server %s is in %u server groups, the most there may be.", server_id, GROUPS_MAX);
    txn_new_id(call->txn, "srv-", uid);
    server = json_object();
    json_copy_members(server, given, copied);
    json_put_text(server, "ServerUid", uid);
    json_put_text(server, "ServerIp", ip);
    json_put_int(server, "Port", json_int(given, "Port", 0));
    json_put_int(server, "Weight", json_int(given, "Weight", WEIGHT_DEFAULT));
    if (shape->has_remote_ip)
        json_put_flag(server, "RemoteIpEnabled", json_flag(given, "RemoteIpEnabled", false));
    if (find_server(servers_of(group), server) < json_array_size(servers_of(group))) {
        json_decref(server);
        return call_fail(call, shape->codes[SERVER_CONFLICT],
            "The server %s with the port %d is in the server group already.", server_id,
            (int)json_int(given, "Port", 0));
    }
    (void)json_array_append_new(servers_of(group), server);
    return 0;
}

/* --- lists of servers --------------------------------------------------------------------------- */

static int check_list(struct call *call, const struct server_shape *shape, const json_t *given)
{
    const json_t *server;
    size_t i;

    json_array_foreach (given, i, server) {
        if (!json_text(server, "ServerId"))
            return call_fail(
                call, "MissingParameter.ServerId", "Servers.%zu.ServerId is missing.", i + 1);
        if (find_server(given, server) < i)
            return call_fail(call, shape->codes[SERVER_DUPLICATE],
                "The server %s with the port %d is given twice.", json_text(server, "ServerId"),
                (int)json_int(server, "Port", 0));
    }
    return 0;
}

int servers_add(
    struct call *call, const struct server_shape *shape, json_t *group, const json_t *given)
{
    const json_t *server;
    size_t i;
    int r = check_list(call, shape, given);

    if (r < 0)
        return r;
    if (json_array_size(servers_of(group)) + json_array_size(given) > SERVERS_MAX)
        return call_fail(call, shape->codes[SERVER_GROUP_QUOTA],
            "A server group has at most %u servers.", SERVERS_MAX);
    json_array_foreach (given, i, server) {
        r = add_server(call, shape, group, server);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The place of a given server among those of the group, or call_fail's. */
static int find_given(struct call *call, const struct server_shape *shape, const json_t *group,
    const json_t *given, size_t *ret_at)
{
    const json_t *servers = json_object_get(group, "Servers");
    size_t at = find_server(servers, given);

    if (at == json_array_size(servers))
        return call_fail(call, shape->codes[SERVER_NOT_IN_GROUP],
            "The server %s with the port %d is not in the server group.",
            json_text(given, "ServerId"), (int)json_int(given, "Port", 0));
    *ret_at = at;
    return 0;
}

int servers_remove(
    struct call *call, const struct server_shape *shape, json_t *group, const json_t *given)
{
    const json_t *server;
    size_t at = 0;
    size_t i;
    int r = check_list(call, shape, given);

    if (r < 0)
        return r;
    json_array_foreach (given, i, server) {
        r = find_given(call, shape, group, server, &at);
        if (r < 0)
            return r;
        (void)json_array_remove(servers_of(group), at);
    }
    return 0;
}

int servers_update(
    struct call *call, const struct server_shape *shape, json_t *group, const json_t *given)
{
    static const char *const changed[] = {"Weight", "Description", NULL};
    const json_t *server;
    size_t at = 0;
    size_t i;
    int r = check_list(call, shape, given);

    if (r < 0)
        return r;
    json_array_foreach (given, i, server) {
        r = find_given(call, shape, group, server, &at);
        if (r < 0)
            return r;
        json_copy_members(json_array_get(servers_of(group), at), server, changed);
    }
    return 0;
}

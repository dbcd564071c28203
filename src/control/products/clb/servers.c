/* Lists of servers within instances and groups.
 *
 * A server of the default group is known by its id and address, one of another group by its port too:
 * the same server may be there with several ports.
 */
#include "control/products/clb/clb.h"
#include "control/products/inventory/inventory.h"

const struct clb_servers clb_default_servers = {"clb.load_balancer", "BackendServers", false};
const struct clb_servers clb_vserver_servers = {"clb.vserver_group", "Servers", true};
const struct clb_servers clb_master_slave_servers = {"clb.master_slave_group", "Servers", true};

static bool is_same_server(const json_t *a, const json_t *b)
{
    const char *ip = json_text(b, "ServerIp");

    return json_text_is(a, "ServerId", json_text(b, "ServerId")) &&
           (!ip || json_text_is(a, "ServerIp", ip));
}

int clb_servers_find(const struct clb_servers *servers, const json_t *list, const json_t *given)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one)
        if (is_same_server(one, given) &&
            (!servers->has_port || json_int(one, "Port", 0) == json_int(given, "Port", 0)))
            return (int)i;
    return -1;
}

/* Whether the list has a server at the same address and port, whatever its id: traffic could not
 * tell them apart. */
static bool has_address(const json_t *list, const json_t *server)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one)
        if (json_text_is(one, "ServerIp", json_text(server, "ServerIp")) &&
            json_int(one, "Port", 0) == json_int(server, "Port", 0))
            return true;
    return false;
}

/* --- the instance as a whole: one network, a bounded number of servers ------------------------ */

/* Goes through all servers of an instance. Ends when fn says true, and tells so. */
typedef bool (*server_fn)(struct call *call, const json_t *server, void *arg);

static bool each_in_list(struct call *call, const json_t *list, server_fn fn, void *arg)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one)
        if (fn(call, one, arg))
            return true;
    return false;
}

static bool each_server(struct call *call, const char *instance_id, server_fn fn, void *arg)
{
    static const struct clb_servers *const groups[] = {
        &clb_vserver_servers, &clb_master_slave_servers};
    const json_t *instance = txn_body(call->txn, "clb.load_balancer", instance_id);

    if (each_in_list(call, json_object_get(instance, "BackendServers"), fn, arg))
        return true;
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        CLB_LIST list = {0};

        txn_users(call->txn, groups[g]->kind, instance_id, &list);
        for (uint32_t i = 0; i < list.n; i++)
            if (each_in_list(call, json_object_get(list.docs[i]->body, "Servers"), fn, arg))
                return true;
    }
    return false;
}

static const char *vpc_of(struct call *call, const char *server_id)
{
    const char *vpc = "", *zone = "";

    return inventory_place(call->txn, server_id, &vpc, &zone) == 0 ? vpc : "";
}

static bool takes_vpc(struct call *call, const json_t *server, void *arg)
{
    const char **ret_vpc = arg;

    *ret_vpc = vpc_of(call, json_text(server, "ServerId"));
    return **ret_vpc != '\0';
}

/* The VPC that all servers of the instance are in: the instance's own, else that of the first
 * server that has one. "" while there is none. */
static const char *instance_vpc(struct call *call, const char *instance_id)
{
    const json_t *instance = txn_body(call->txn, "clb.load_balancer", instance_id);
    const char *vpc = json_text(instance, "VpcId");

    if (vpc)
        return vpc;
    vpc = "";
    return each_server(call, instance_id, takes_vpc, &vpc) ? vpc : "";
}

static bool is_counted(struct call *call, const json_t *server, void *arg)
{
    char key[128];

    (void)call;
    (void)snprintf(
        key, sizeof(key), "%s %s", json_text(server, "ServerId"), json_text(server, "ServerIp"));
    json_put_flag(arg, key, true);
    return false;
}

static int check_quota(struct call *call, const char *instance_id)
{
    json_t *seen = json_object();
    size_t n;

    (void)each_server(call, instance_id, is_counted, seen);
    n = json_object_size(seen);
    json_decref(seen);
    if (n > CLB_SERVERS_MAX)
        return call_fail(call, "QuotaLimitExceeds.BackendServers",
            "Load balancer %s would have %zu servers, more than %u.", instance_id, n,
            CLB_SERVERS_MAX);
    return 0;
}

/* --- one server ------------------------------------------------------------------------------- */

static int check_address(struct call *call, const json_t *given, char *ret_ip)
{
    const char *id = json_text(given, "ServerId");
    const char *ip = json_text(given, "ServerIp");
    int r = inventory_resolve(call->txn, id, ip, ret_ip);

    if (r == -ENOENT)
        return call_fail(call, "InvalidServerId.NotExist",
            "The server %s does not exist: register it first (RegisterServer of OpenSlb), or give an "
            "IP address as ServerId.",
            id);
    if (r < 0)
        return call_fail(call, "InvalidParameter",
            "ServerIp %s is not an address of the server %s.", ip ? ip : "(none)", id);
    return 0;
}

static int check_type(struct call *call, const json_t *given)
{
    const char *id = json_text(given, "ServerId");
    const json_t *card = txn_body(call->txn, "ecs.network_interface", id);
    bool needs_ip = json_text_is(given, "Type", "eni") || json_text_is(given, "Type", "eci");

    if (needs_ip && !json_has(given, "ServerIp"))
        return call_fail(call, "MissingParameter",
            "ServerIp is required for the server %s of Type %s.", id, json_text(given, "Type"));
    if (card && !json_text_is(given, "Type", "eni"))
        return call_fail(call, "InvalidParameter",
            "The server %s is a network interface: its Type must be eni.", id);
    if (card && !json_text(card, "InstanceId"))
        return call_fail(call, "InvalidParameter",
            "The network interface %s is not bound to a server, so it cannot be a backend.", id);
    return 0;
}

static int check_network(struct call *call, const json_t *given, const char *instance_id)
{
    const char *id = json_text(given, "ServerId");
    const char *vpc = vpc_of(call, id);
    const char *wanted = instance_vpc(call, instance_id);

    if (*vpc && *wanted && strcmp(vpc, wanted) != 0)
        return call_fail(call, "NetworkConflict",
            "The server %s is in VPC %s, but all servers of load balancer %s must be in VPC %s.",
            id, vpc, instance_id, wanted);
    return 0;
}

/* IPv6 clients reach servers of both families, IPv4 clients those of IPv4. */
static int check_ip_family(struct call *call, const char *ip, const char *instance_id)
{
    const json_t *instance = txn_body(call->txn, "clb.load_balancer", instance_id);
    bool is_creation = strcmp(call->op->name, "CreateVServerGroup") == 0;

    if (!strchr(ip, ':') || json_text_is(instance, "AddressIPVersion", "ipv6"))
        return 0;
    return call_fail(call,
        is_creation ? "LBNotSupportIpv6Backend" : "OperationDeny.LbNotSupportIPv6Server",
        "The address %s is of IPv6; the load balancer %s is of IPv4 and takes servers of IPv4 only.",
        ip, instance_id);
}

static int add_one(struct call *call, const struct clb_servers *servers, json_t *list,
    const json_t *given, const char *instance_id)
{
    static const char *const members[] = {"ServerId", "Type", "Description", "ServerType", NULL};
    char ip[INVENTORY_IP_LEN], uid[64];
    json_t *one;
    int r;

    if (servers->has_port && !json_has(given, "Port"))
        return call_fail(call, "InvalidParameter", "Port is required for the server %s.",
            json_text(given, "ServerId"));
    r = check_type(call, given);
    if (r == 0)
        r = check_address(call, given, ip);
    if (r == 0)
        r = check_ip_family(call, ip, instance_id);
    if (r == 0)
        r = check_network(call, given, instance_id);
    if (r < 0)
        return r;

    one = json_object();
    json_copy_members(one, given, members);
    json_put_text(one, "ServerIp", ip);
    json_put_int(one, "Weight", json_int(given, "Weight", 100));
    if (!json_has(one, "Type"))
        json_put_text(one, "Type", "ecs");
    if (servers->has_port)
        json_put_int(one, "Port", json_int(given, "Port", 0));
    if (has_address(list, one)) {
        json_decref(one);
        return call_fail(call, "InvalidBackendServers.ServerIpConflict",
            "The address %s of the server %s is in the group already%s.", ip,
            json_text(given, "ServerId"), servers->has_port ? " with this port" : "");
    }
    txn_new_id(call->txn, "srv-", uid);
    json_put_text(one, "ServerUid", uid);
    (void)json_array_append_new(list, one);
    return 0;
}

int clb_servers_add(struct call *call, const struct clb_servers *servers, json_t *list,
    const json_t *given, const char *instance_id)
{
    size_t i;
    json_t *one;

    json_array_foreach (given, i, one) {
        int r = add_one(call, servers, list, one, instance_id);

        if (r < 0)
            return r;
    }
    return check_quota(call, instance_id);
}

int clb_servers_set(
    struct call *call, const struct clb_servers *servers, json_t *list, const json_t *given)
{
    static const char *const members[] = {"Weight", "Description", NULL};
    size_t i;
    json_t *one;

    json_array_foreach (given, i, one) {
        int at = clb_servers_find(servers, list, one);

        if (at < 0)
            return call_fail(call, "InvalidServerId.NotExist",
                "The server %s%s is not in the group.", json_text(one, "ServerId"),
                servers->has_port ? " with this Port" : "");
        json_copy_members(json_array_get(list, (size_t)at), one, members);
    }
    return 0;
}

void clb_servers_remove(const struct clb_servers *servers, json_t *list, const json_t *given)
{
    size_t i;
    json_t *one;

    json_array_foreach (given, i, one) {
        int at = clb_servers_find(servers, list, one);

        if (at >= 0)
            (void)json_array_remove(list, (size_t)at);
    }
}

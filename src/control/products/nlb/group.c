/* Server groups of NLB, without their servers. */
#include "control/products/common/common.h"
#include "control/products/inventory/inventory.h"
#include "control/products/nlb/nlb.h"

enum { CHECK_INTERVAL_MAX_S = 50 }; /* UDP may take longer: the table's limit */

/* --- health check ------------------------------------------------------------------------------ */

static json_t *health_defaults(const json_t *group)
{
    bool is_udp = json_text_is(group, "Protocol", "UDP");

    return json_pack("{s:b, s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:[s]}",
        "HealthCheckEnabled", true, "HealthCheckType", is_udp ? "UDP" : "TCP",
        "HealthCheckConnectPort", 0, "HealthCheckConnectTimeout", 5, "HealthCheckInterval", 5,
        "HealthyThreshold", 2, "UnhealthyThreshold", 2, "HttpCheckMethod", "GET",
        "HealthCheckHttpVersion", "HTTP1.0", "HealthCheckUrl", "/", "HealthCheckHttpCode",
        "http_2xx");
}

static const char *const health_names[] = {"HealthCheckConnectPort", "HealthCheckConnectTimeout",
    "HealthCheckDomain", "HealthCheckEnabled", "HealthCheckExp", "HealthCheckHttpCode",
    "HealthCheckHttpVersion", "HealthCheckInterval", "HealthCheckReq", "HealthCheckType",
    "HealthCheckUrl", "HealthyThreshold", "HttpCheckMethod", "UnhealthyThreshold", NULL};

/* Puts what is given over what holds. */
static void merge_health(json_t *body, const json_t *given, bool is_new)
{
    json_t *health =
        is_new ? health_defaults(body) : json_deep_copy(json_object_get(body, "HealthCheck"));

    json_copy_members(health, given, health_names);
    json_put(body, "HealthCheck", health);
}

static bool is_alphanumeric(const char *text)
{
    for (; *text; text++) {
        char c = ascii_lower(*text);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

static int check_http_members(struct call *call, const json_t *health)
{
    const char *host = json_text(health, "HealthCheckDomain");
    const char *path = json_text(health, "HealthCheckUrl");
    const char *why = path ? common_check_path(path) : NULL;

    if (why)
        return call_fail(
            call, "IlleagalParam.healthCheckUrl", "HealthCheckUrl %s %s.", path, why); /* sic */
    why = host ? common_check_host(host) : NULL;
    if (why)
        return call_fail(
            call, "IllegalParam.healthCheckDomain", "HealthCheckDomain %s %s.", host, why);
    return 0;
}

static int check_udp_members(struct call *call, const json_t *health)
{
    static const char *const names[] = {"HealthCheckReq", "HealthCheckExp"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = json_text(health, names[i]);

        if (value && !is_alphanumeric(value))
            return call_fail(
                call, "IllegalParam", "%s must have letters and digits only.", names[i]);
    }
    if (json_has(health, names[0]) != json_has(health, names[1]))
        return call_fail(call, "IllegalParam", "HealthCheckReq and HealthCheckExp go together.");
    return 0;
}

static int check_health(struct call *call, const json_t *group)
{
    const json_t *health = json_object_get(group, "HealthCheck");
    bool is_udp = json_text_is(health, "HealthCheckType", "UDP");
    int r;

    if (is_udp && json_text_is(group, "Protocol", "TCP"))
        return call_fail(call, "IllegalParam",
            "HealthCheckType UDP is for server groups of protocol UDP or TCP_UDP.");
    if (!is_udp && json_int(health, "HealthCheckInterval", 0) > CHECK_INTERVAL_MAX_S)
        return call_fail(call, "IllegalParam", "HealthCheckInterval of a %s check must be 1 to %d.",
            json_text(health, "HealthCheckType"), CHECK_INTERVAL_MAX_S);
    if (is_udp && json_int(health, "HealthCheckInterval", 0) <
                      json_int(health, "HealthCheckConnectTimeout", 0))
        return call_fail(call, "IllegalParam",
            "HealthCheckInterval of a UDP check must not be less than HealthCheckConnectTimeout.");
    if (json_flag(health, "HealthCheckEnabled", false) &&
        json_flag(group, "AnyPortEnabled", false) &&
        json_int(health, "HealthCheckConnectPort", 0) == 0)
        return call_fail(call, "IllegalParam.AnyPortServerGroupConflictWithHealthCheckConfig",
            "AnyPortEnabled: servers have no port of their own to check, so HealthCheckConnectPort must be given.");
    r = check_http_members(call, health);
    return r < 0 ? r : check_udp_members(call, health);
}

/* --- create, update, delete -------------------------------------------------------------------- */

static int check_group(struct call *call, const json_t *body)
{
    int r = common_check_name(call, "ServerGroupName", json_text(body, "ServerGroupName"),
        "IllegalParam.ServerGroupName");

    if (r < 0)
        return r;
    if (json_text_is(body, "Scheduler", "qch") && !json_text_is(body, "Protocol", "UDP"))
        return call_fail(
            call, "IllegalParam", "Scheduler qch is for server groups of protocol UDP.");
    return check_health(call, body);
}

static int check_new(struct call *call)
{
    const char *vpc_id = call_text(call, "VpcId");

    if (!txn_get(call->txn, "vpc.vpc", vpc_id))
        return call_fail(call, "ResourceNotFound.Vpc", "VPC %s does not exist.", vpc_id);
    if (!json_text_is(call->in, "AddressIPVersion", "DualStack"))
        return 0;
    return inventory_check_vpc_ipv6(call, "OperationDenied.VpcNotSupportIpv6", vpc_id);
}

static json_t *new_body(struct call *call)
{
    static const char *const names[] = {"AddressIPVersion", "AnyPortEnabled",
        "ConnectionDrainEnabled", "ConnectionDrainTimeout", "PreserveClientIpEnabled", "Protocol",
        "ResourceGroupId", "Scheduler", "ServerGroupName", "ServerGroupType", "VpcId", NULL};
    json_t *body = json_object();

    json_copy_members(body, call->in, names); /* the table has their defaults */
    json_put(body, "Servers", json_array());
    merge_health(body, json_object_get(call->in, "HealthCheckConfig"), true);
    return body;
}

static int fill_new(struct call *call, json_t *body)
{
    int r = check_group(call, body);

    return r < 0 ? r : call_tags(call, body);
}

/* What all operations on a group end with. */
static void done(struct call *call, const char *id)
{
    call_resource(call, id);
    json_put_text(call->out, "ServerGroupId", id);
    call_job(call, "servergroup");
}

int nlb_create_server_group(struct call *call)
{
    json_t *body;
    char id[64];
    int r;

    r = check_new(call);
    if (r < 0)
        return r;
    body = new_body(call);
    r = fill_new(call, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    txn_new_id(call->txn, "sgp-", id);
    r = txn_add(call->txn, NLB_SERVER_GROUP, id, body);
    if (r < 0)
        return r;
    done(call, id);
    return 0;
}

int nlb_update_server_group_attribute(struct call *call)
{
    static const char *const names[] = {"ConnectionDrainEnabled", "ConnectionDrainTimeout",
        "PreserveClientIpEnabled", "Scheduler", "ServerGroupName", NULL};
    const char *id = call_text(call, "ServerGroupId");
    json_t *body;
    int r;

    if (!nlb_find_group(call))
        return -EINVAL;
    body = txn_edit(call->txn, NLB_SERVER_GROUP, id);
    json_copy_members(body, call->in, names);
    merge_health(body, json_object_get(call->in, "HealthCheckConfig"), false);
    r = check_group(call, body);
    if (r < 0)
        return r;
    done(call, id);
    return 0;
}

int nlb_delete_server_group(struct call *call)
{
    const char *id = call_text(call, "ServerGroupId");
    uint32_t n_users;

    if (!nlb_find_group(call))
        return -EINVAL;
    n_users = txn_count_users(call->txn, NLB_LISTENER, id);
    if (n_users > 0)
        return call_fail(call, "ResourceInUse.ServerGroup",
            "Server group %s is used by %u listeners.", id, n_users);
    (void)txn_remove(call->txn, NLB_SERVER_GROUP, id);
    call_resource(call, id);
    call_job(call, "servergroup");
    return 0;
}

/* --- list -------------------------------------------------------------------------------------- */

static const char *status_word(struct call *call, const struct doc *doc)
{
    switch (call_state(call, doc, NULL)) {
    case DELIVERY_NEW:
        return "Creating";
    case DELIVERY_ACTIVE:
        return "Available";
    case DELIVERY_CHANGED:
        return "Configuring";
    case DELIVERY_REFUSED:
        break;
    }
    return "CreateFailed"; /* or its last change did; why is in its job */
}

/* Ids of the instances whose listeners use the group, each once. */
static json_t *related_instances(struct call *call, const char *id)
{
    json_t *seen = json_object(), *ids = json_array();
    struct doc_list list;
    const char *key;
    json_t *value;

    txn_users(call->txn, NLB_LISTENER, id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        json_put_flag(seen, json_text(list.docs[i]->body, "LoadBalancerId"), true);
    doc_list_done(&list);
    json_object_foreach (seen, key, value)
        (void)json_array_append_new(ids, json_string(key));
    json_decref(seen);
    return ids;
}

static json_t *show_group(struct call *call, const struct doc *doc)
{
    json_t *row = common_show(doc, "ServerGroupId");

    json_put_int(row, "ServerCount", (int64_t)json_len(doc->body, "Servers"));
    json_put_text(row, "ServerGroupStatus", status_word(call, doc));
    json_put_text(row, "RegionId", call->node->region);
    json_put(row, "RelatedLoadBalancerIds", related_instances(call, doc->id));
    return row;
}

int nlb_list_server_groups(struct call *call)
{
    static const struct filter filters[] = {{"ServerGroupIds", NULL},
        {"ServerGroupNames", "ServerGroupName"}, {"ServerGroupType", "ServerGroupType"},
        {"VpcId", "VpcId"}, {"ResourceGroupId", "ResourceGroupId"}, {NULL, NULL}};
    static const struct listing listing = {
        .kind = NLB_SERVER_GROUP,
        .out = "ServerGroups",
        .filters = filters,
        .has_tags = true,
        .show = show_group,
    };

    return common_list(call, &listing);
}

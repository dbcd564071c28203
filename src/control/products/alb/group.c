/* Server groups: what they are set to, and their servers. */
#include "control/products/alb/group_check.h"
#include "control/products/common/common.h"
#include "control/products/inventory/inventory.h"

#define NOT_FOUND "ResourceNotFound.ServerGroup"

static const struct server_shape shape = {
    .kind = ALB_SERVER_GROUP,
    .has_remote_ip = true,
    .codes =
        {
            [SERVER_DUPLICATE] = "DuplicatedParam.BackendServer",
            [SERVER_CONFLICT] = "Conflict.BackendServer",
            [SERVER_NOT_IN_GROUP] = "ResourceNotFound.BackendServer",
            [SERVER_TYPE] = "Mismatch.ServerType",
            [SERVER_NO_ECS] = "ResourceNotFound.Ecs",
            [SERVER_NO_ENI] = "ResourceNotFound.Eni",
            [SERVER_NO_ECI] = "ResourceNotFound.Eci",
            [SERVER_NO_IPV6] = "IllegalParam.ServerIp",
            [SERVER_BAD_IP] = "IllegalParam.ServerIp",
            [SERVER_VPC] = "Mismatch.VpcId",
            [SERVER_BAD_PORT] = "MissingParameter",
            [SERVER_GROUP_QUOTA] = "ResourceQuotaExceeded.BackendServersNum",
            [SERVER_SERVER_QUOTA] = "ResourceQuotaExceeded.ServerAddedNum",
        },
};

static const struct doc *find_group(struct call *call)
{
    return call_find(call, ALB_SERVER_GROUP, "ServerGroupId", NOT_FOUND, "server group");
}

static json_t *edit_group(struct call *call)
{
    const struct doc *doc = find_group(call);

    if (!doc)
        return NULL;
    call_resource(call, doc->id);
    return txn_edit(call->txn, ALB_SERVER_GROUP, doc->id);
}

/* --- settings ----------------------------------------------------------------------------------- */

/* Takes the members of a struct parameter over those of body's struct of that name, which is made if there is none. */
static json_t *merge(const struct call *call, json_t *body, const char *name)
{
    json_t *to = json_object_get(body, name);

    if (!to) {
        to = json_object();
        json_put(body, name, to);
    }
    (void)json_object_update(to, json_object_get(call->in, name));
    return to;
}

static bool is_cookie_name(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= 200 && name[0] != '$' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.$") ==
               len;
}

/* What belongs to the other type must not be given, and does not stay. */
static int set_sticky(struct call *call, json_t *body)
{
    const json_t *given = json_object_get(call->in, "StickySessionConfig");
    json_t *sticky = merge(call, body, "StickySessionConfig");
    bool is_on = json_flag(sticky, "StickySessionEnabled", false);
    bool is_server = json_text_is(sticky, "StickySessionType", "Server");
    const char *other = is_server ? "CookieTimeout" : "Cookie";
    const char *cookie = json_text(sticky, "Cookie");

    json_put_flag(sticky, "StickySessionEnabled", is_on);
    if (!is_on)
        return 0;
    if (is_server && (!cookie || !is_cookie_name(cookie)))
        return call_fail(call, cookie ? "InvalidParameter" : "MissingParameter",
            "StickySessionType Server needs a Cookie of 1 to 200 letters, digits, '-', '_', '.' "
            "and '$' that does not begin with '$'.");
    if (json_has(given, other))
        return call_fail(call, "InvalidParameter",
            "StickySessionConfig.%s is not for StickySessionType %s.", other,
            is_server ? "Server" : "Insert");
    (void)json_object_del(sticky, other);
    json_put_text(sticky, "StickySessionType", is_server ? "Server" : "Insert");
    if (!is_server && !json_has(sticky, "CookieTimeout"))
        json_put_int(sticky, "CookieTimeout", 1000);
    return 0;
}

static int set_timers(struct call *call, json_t *body)
{
    json_t *drain = merge(call, body, "ConnectionDrainConfig");
    json_t *slow = merge(call, body, "SlowStartConfig");
    int64_t duration = json_int(slow, "SlowStartDuration", 30);

    json_put_flag(
        drain, "ConnectionDrainEnabled", json_flag(drain, "ConnectionDrainEnabled", false));
    json_put_int(drain, "ConnectionDrainTimeout", json_int(drain, "ConnectionDrainTimeout", 300));
    json_put_flag(slow, "SlowStartEnabled", json_flag(slow, "SlowStartEnabled", false));
    json_put_int(slow, "SlowStartDuration", duration);
    if (duration < 30 || duration > 900)
        return call_fail(call, "InvalidParameter", "SlowStartDuration %d must be from 30 to 900.",
            (int)duration);
    if (json_flag(slow, "SlowStartEnabled", false) && !json_text_is(body, "Scheduler", "Wrr"))
        return call_fail(call, "Mismatch.ServerGroupSchedulerAndSlowStartEnable",
            "Slow start needs the scheduler Wrr; this group has %s.", json_text(body, "Scheduler"));
    return 0;
}

static int set_scheduler(struct call *call, json_t *body)
{
    const json_t *uch = json_object_get(body, "UchConfig");
    const char *value = json_text(uch, "Value");

    if (!json_text_is(body, "Scheduler", "Uch")) {
        if (json_has(call->in, "UchConfig"))
            return call_fail(call, "InvalidParameter", "UchConfig is for the scheduler Uch.");
        (void)json_object_del(body, "UchConfig");
        return 0;
    }
    if (!uch)
        return call_fail(call, "MissingParameter", "The scheduler Uch needs UchConfig.");
    if (!json_text_is(uch, "Type", "QueryString"))
        return call_fail(call, "InvalidParameter", "UchConfig.Type %.60s must be QueryString.",
            json_text(uch, "Type"));
    if (!value || !value[0] || strlen(value) > 100 || strpbrk(value, " #[]{}\\|<>&=?"))
        return call_fail(call, "InvalidParameter",
            "UchConfig.Value %.100s must be the name of a query parameter, of 1 to 100 characters.",
            value ?: "");
    return 0;
}

static int set_check(struct call *call, json_t *body)
{
    const json_t *given = json_object_get(call->in, "HealthCheckConfig");
    json_t *check = json_object_get(body, "HealthCheckConfig");

    if (!check) {
        check = json_object();
        json_put(body, "HealthCheckConfig", check);
    }
    json_put_flag(check, "HealthCheckEnabled",
        json_flag(given, "HealthCheckEnabled", json_flag(check, "HealthCheckEnabled", true)));
    return alb_set_health_check(call, given, check);
}

/* A group that serves in each zone for itself knows the zones of its servers, and sends no client across. */
static int check_zone_local(struct call *call, const json_t *body)
{
    const json_t *server;
    size_t i;

    if (json_flag(body, "CrossZoneEnabled", true))
        return 0;
    if (json_flag(json_object_get(body, "StickySessionConfig"), "StickySessionEnabled", false))
        return call_fail(call, "InvalidParameter", "Session persistence needs CrossZoneEnabled.");
    json_array_foreach (json_object_get(body, "Servers"), i, server) {
        if (json_flag(server, "RemoteIpEnabled", false))
            return call_fail(call, "InvalidParameter",
                "The remote address %s needs CrossZoneEnabled.", json_text(server, "ServerId"));
    }
    return 0;
}

/* What the call says over what body has; then the whole is checked. */
static int set_group(struct call *call, json_t *body)
{
    static const char *const copied[] = {"ServerGroupName", "Scheduler", "UchConfig",
        "CrossZoneEnabled", "UpstreamKeepaliveEnabled", NULL};
    const char *name = call_text(call, "ServerGroupName");
    int r =
        name ? common_check_name(call, "ServerGroupName", name, "InvalidParameter.ServerGroupName")
             : 0;

    if (r < 0)
        return r;
    json_copy_members(body, call->in, copied);
    r = set_scheduler(call, body);
    if (r == 0)
        r = set_sticky(call, body);
    if (r == 0)
        r = set_timers(call, body);
    if (r == 0)
        r = set_check(call, body);
    return r < 0 ? r : check_zone_local(call, body);
}

/* --- create ------------------------------------------------------------------------------------- */

static int check_vpc(struct call *call)
{
    const char *vpc_id = call_text(call, "VpcId");

    if (!vpc_id)
        return call_fail(
            call, "MissingParameter", "VpcId is missing: servers of a group are of one VPC.");
    if (!txn_get(call->txn, "vpc.vpc", vpc_id))
        return call_fail(call, "ResourceNotFound.Vpc", "The VPC %s does not exist.", vpc_id);
    if (!json_flag(call->in, "Ipv6Enabled", false))
        return 0;
    return inventory_check_vpc_ipv6(call, "OperationDenied.VpcNotSupportIpv6", vpc_id);
}

int alb_create_server_group(struct call *call)
{
    static const struct creation creation = {ALB_SERVER_GROUP, "sgp-", "ServerGroupId"};
    static const char *const copied[] = {
        "ServerGroupType", "VpcId", "ResourceGroupId", "Protocol", "Ipv6Enabled", NULL};
    json_t *body = json_object();
    char time[32];
    int r = check_vpc(call);

    json_put_text(body, "Protocol", "HTTP");
    json_copy_members(body, call->in, copied);
    json_put_flag(body, "CrossZoneEnabled", true);
    json_put_flag(body, "UpstreamKeepaliveEnabled", true);
    json_put_text(body, "CreateTime", call_time(call, time));
    json_put(body, "Servers", json_array());
    if (r == 0)
        r = set_group(call, body);
    if (r == 0)
        r = call_tags(call, body);
    r = common_create(call, &creation, body, r);
    if (r < 0)
        return r;
    call_job(call, "servergroup");
    return 0;
}

/* --- read --------------------------------------------------------------------------------------- */

static void add_instances(struct call *call, const char *kind, const char *group_id, json_t *ids)
{
    struct doc_list users;

    txn_users(call->txn, kind, group_id, &users);
    for (uint32_t i = 0; i < users.n; i++) {
        const char *id = json_text(users.docs[i]->body, "LoadBalancerId");
        const json_t *element;
        bool is_there = false;
        size_t at;

        json_array_foreach (ids, at, element)
            is_there |= strcmp(json_string_value(element), id) == 0;
        if (!is_there)
            (void)json_array_append_new(ids, json_string(id));
    }
    doc_list_done(&users);
}

static json_t *show_group(struct call *call, const struct doc *doc)
{
    json_t *shown = common_show(doc, "ServerGroupId");
    json_t *ids = json_array();

    add_instances(call, ALB_LISTENER, doc->id, ids);
    add_instances(call, ALB_RULE, doc->id, ids);
    json_put(shown, "RelatedLoadBalancerIds", ids);
    json_put_int(shown, "ServerCount", (int64_t)json_len(doc->body, "Servers"));
    json_put_text(shown, "ServerGroupStatus", alb_state(call, doc, &alb_group_words));
    return shown;
}

int alb_list_server_groups(struct call *call)
{
    static const struct filter filters[] = {
        {"ServerGroupIds", NULL},
        {"ServerGroupNames", "ServerGroupName"},
        {"ServerGroupType", "ServerGroupType"},
        {"VpcId", "VpcId"},
        {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL},
    };
    static const struct listing listing = {.kind = ALB_SERVER_GROUP,
        .out = "ServerGroups",
        .filters = filters,
        .has_tags = true,
        .show = show_group};

    return common_list(call, &listing);
}

/* --- change ------------------------------------------------------------------------------------- */

int alb_update_server_group_attribute(struct call *call)
{
    json_t *body = edit_group(call);
    int r;

    if (!body)
        return -ENOENT;
    r = set_group(call, body);
    if (r == 0)
        r = alb_check_group_editions(call, call->resource, body);
    if (r < 0)
        return r;
    call_job(call, "servergroup");
    return 0;
}

int alb_delete_server_group(struct call *call)
{
    const struct doc *doc = find_group(call);
    uint32_t n;

    if (!doc)
        return -ENOENT;
    n = txn_count_users(call->txn, NULL, doc->id);
    if (n > 0)
        return call_fail(call, "ResourceInUse.ServerGroup",
            "The server group %s is used by %u listeners or rules.", doc->id, n);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, ALB_SERVER_GROUP, call->resource);
    call_job(call, "servergroup");
    return 0;
}

/* --- servers ------------------------------------------------------------------------------------ */

static int change_servers(
    struct call *call, int (*change)(struct call *call, const struct server_shape *shape,
                           json_t *group, const json_t *given))
{
    json_t *body = edit_group(call);
    int r;

    if (!body)
        return -ENOENT;
    r = change(call, &shape, body, json_object_get(call->in, "Servers"));
    if (r == 0)
        r = check_zone_local(call, body);
    if (r < 0)
        return r;
    call_job(call, "servergroup");
    return 0;
}

int alb_add_servers_to_server_group(struct call *call)
{
    return change_servers(call, servers_add);
}

int alb_remove_servers_from_server_group(struct call *call)
{
    return change_servers(call, servers_remove);
}

int alb_update_server_group_servers_attribute(struct call *call)
{
    return change_servers(call, servers_update);
}

int alb_replace_servers_in_server_group(struct call *call)
{
    json_t *body = edit_group(call);
    int r;

    if (!body)
        return -ENOENT;
    r = servers_remove(call, &shape, body, json_object_get(call->in, "RemovedServers"));
    if (r == 0)
        r = servers_add(call, &shape, body, json_object_get(call->in, "AddedServers"));
    if (r < 0)
        return r;
    call_job(call, "servergroup");
    return 0;
}

/* Servers of one group, or of all. */
static void show_servers(struct call *call, const struct doc *group, json_t *out)
{
    const char *status = alb_state(call, group, &alb_server_words);
    json_t *server;
    size_t i;

    json_array_foreach (json_object_get(group->body, "Servers"), i, server) {
        json_t *shown;

        if (!json_array_has(call->in, "ServerIds", json_text(server, "ServerId"), true))
            continue;
        shown = json_copy(server);
        json_put_text(shown, "ServerGroupId", group->id);
        json_put_text(shown, "Status", status);
        (void)json_array_append_new(out, shown);
    }
}

int alb_list_server_group_servers(struct call *call)
{
    json_t *out = json_array();
    struct doc_list groups;

    json_put(call->out, "Servers", out);
    if (json_has(call->in, "ServerGroupId")) {
        const struct doc *group = find_group(call);

        if (!group)
            return -ENOENT;
        if (call_tags_match(call, group->body))
            show_servers(call, group, out);
        return call_page_array(call, out);
    }
    txn_list(call->txn, ALB_SERVER_GROUP, &groups);
    for (uint32_t i = 0; i < groups.n; i++) {
        if (call_tags_match(call, groups.docs[i]->body))
            show_servers(call, groups.docs[i], out);
    }
    doc_list_done(&groups);
    return call_page_array(call, out);
}

/* The three kinds of server groups: default, vServer, primary/secondary. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

/* --- default group ---------------------------------------------------------------------------- */

static json_t *edit_servers(struct call *call, const struct clb_servers *servers, const char *id)
{
    call_resource(call, id);
    return json_object_get(txn_edit(call->txn, servers->kind, id), servers->member);
}

static void answer_servers(struct call *call, const char *member, const json_t *list)
{
    json_put(call->out, member, json_deep_copy(list));
}

static int change_default(struct call *call, int (*change)(struct call *, json_t *, const char *))
{
    const struct doc *instance = clb_find_instance(call);
    json_t *list;
    int r;

    if (!instance)
        return -EINVAL;
    list = edit_servers(call, &clb_default_servers, instance->id);
    r = change(call, list, call_text(call, "LoadBalancerId"));
    if (r < 0)
        return r;
    json_put_text(call->out, "LoadBalancerId", call_text(call, "LoadBalancerId"));
    answer_servers(call, "BackendServers", list);
    return 0;
}

static int default_add(struct call *call, json_t *list, const char *instance_id)
{
    return clb_servers_add(
        call, &clb_default_servers, list, json_object_get(call->in, "BackendServers"), instance_id);
}

static int default_set(struct call *call, json_t *list, const char *instance_id)
{
    (void)instance_id;
    return clb_servers_set(
        call, &clb_default_servers, list, json_object_get(call->in, "BackendServers"));
}

static int default_remove(struct call *call, json_t *list, const char *instance_id)
{
    (void)instance_id;
    clb_servers_remove(&clb_default_servers, list, json_object_get(call->in, "BackendServers"));
    return 0;
}

int clb_add_backend_servers(struct call *call)
{
    return change_default(call, default_add);
}

int clb_set_backend_servers(struct call *call)
{
    return change_default(call, default_set);
}

int clb_remove_backend_servers(struct call *call)
{
    return change_default(call, default_remove);
}

/* --- what both kinds of documents share ------------------------------------------------------- */

/* Names of one kind of group. */
struct group_kind {
    const struct clb_servers *servers;
    const char *id, *name, *given; /* parameters: id, name, list of servers */
    const char *groups;            /* answer of the list operation */
};
static const struct group_kind vserver = {
    &clb_vserver_servers, "VServerGroupId", "VServerGroupName", "BackendServers", "VServerGroups"};
static const struct group_kind pair = {&clb_master_slave_servers, "MasterSlaveServerGroupId",
    "MasterSlaveServerGroupName", "MasterSlaveBackendServers", "MasterSlaveServerGroups"};

static int create_group(struct call *call, const struct group_kind *kind)
{
    const struct doc *instance = clb_find_instance(call);
    json_t *body, *list;
    char id[64];
    int r;

    if (!instance)
        return -EINVAL;
    txn_new_id(call->txn, "rsp-", id);
    call_resource(call, id);
    body = json_object();
    list = json_array();
    json_put_text(body, "LoadBalancerId", instance->id);
    json_put_text(body, kind->name, call_text(call, kind->name) ? call_text(call, kind->name) : id);
    clb_put_times(call, body);
    json_put(body, kind->servers->member, list);
    r = txn_add(call->txn, kind->servers->kind, id, body);
    if (r < 0)
        return r;
    body = txn_edit(call->txn, kind->servers->kind, id);
    list = json_object_get(body, kind->servers->member);
    r = call_tags(call, body);
    if (r == 0)
        r = clb_servers_add(call, kind->servers, list, json_object_get(call->in, kind->given),
            call_text(call, "LoadBalancerId"));
    if (r < 0)
        return r;
    json_put_text(call->out, kind->id, id);
    answer_servers(call, kind->given, list);
    return 0;
}

static void put_group(json_t *out, const struct group_kind *kind, const struct doc *doc)
{
    json_put_text(out, kind->id, doc->id);
    json_put_text(out, kind->name, json_text(doc->body, kind->name));
    json_put_text(out, "LoadBalancerId", json_text(doc->body, "LoadBalancerId"));
    json_put_text(out, "CreateTime", json_text(doc->body, "CreateTime"));
    clb_put_tags(out, doc->body);
}

static int describe_group(struct call *call, const struct group_kind *kind)
{
    const struct doc *doc = clb_find_group(call, kind->servers->kind, kind->id);

    if (!doc)
        return -EINVAL;
    put_group(call->out, kind, doc);
    answer_servers(call, kind->given, json_object_get(doc->body, kind->servers->member));
    return 0;
}

static int delete_group(struct call *call, const struct group_kind *kind)
{
    CLB_LIST listeners = {0}, rules = {0};
    const struct doc *doc = clb_find_group(call, kind->servers->kind, kind->id);

    if (!doc)
        return -EINVAL;
    txn_users(call->txn, "clb.listener", doc->id, &listeners);
    txn_users(call->txn, "clb.rule", doc->id, &rules);
    if (listeners.n + rules.n > 0)
        return call_fail(call, "RspoolVipExist", "The server group %s is used by %s %s.", doc->id,
            listeners.n > 0 ? "listener" : "rule",
            listeners.n > 0 ? listeners.docs[0]->id : rules.docs[0]->id);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, kind->servers->kind, doc->id);
    return 0;
}

static json_t *listeners_of(struct call *call, const char *group_id)
{
    json_t *out = json_array();
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.listener", group_id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        json_put_text(one, "Protocol", json_text(list.docs[i]->body, "ListenerProtocol"));
        json_put_int(one, "Port", json_int(list.docs[i]->body, "ListenerPort", 0));
        (void)json_array_append_new(out, one);
    }
    return out;
}

static json_t *rules_of(struct call *call, const char *group_id)
{
    static const char *const members[] = {"RuleName", "Domain", "Url", NULL};
    json_t *out = json_array();
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.rule", group_id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        json_put_text(one, "RuleId", list.docs[i]->id);
        json_copy_members(one, list.docs[i]->body, members);
        (void)json_array_append_new(out, one);
    }
    return out;
}

static bool group_is_asked_for(const struct call *call, const struct doc *doc)
{
    const char *name = call_text(call, "Description");

    return call_tags_match(call, doc->body) &&
           (!name || json_text_is(doc->body, "VServerGroupName", name) ||
               json_text_is(doc->body, "MasterSlaveServerGroupName", name));
}

static int describe_groups(struct call *call, const struct group_kind *kind)
{
    json_t *groups;
    CLB_LIST list = {0};
    const struct doc *instance = clb_find_instance(call);

    if (!instance)
        return -EINVAL;
    txn_users(call->txn, kind->servers->kind, instance->id, &list);
    clb_filter(call, &list, group_is_asked_for);
    groups = json_array();
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object(), *users = json_object();

        put_group(one, kind, list.docs[i]);
        json_put_int(one, "ServerCount", (int64_t)json_len(list.docs[i]->body, "Servers"));
        if (json_flag(call->in, "IncludeListener", false))
            json_put(users, "Listeners", listeners_of(call, list.docs[i]->id));
        if (json_flag(call->in, "IncludeRule", false))
            json_put(users, "Rules", rules_of(call, list.docs[i]->id));
        json_put(one, "AssociatedObjects", users);
        (void)json_array_append_new(groups, one);
    }
    json_put(call->out, kind->groups, groups);
    return 0;
}

/* --- vServer groups --------------------------------------------------------------------------- */

int clb_create_vserver_group(struct call *call)
{
    return create_group(call, &vserver);
}

int clb_describe_vserver_groups(struct call *call)
{
    return describe_groups(call, &vserver);
}

int clb_describe_vserver_group_attribute(struct call *call)
{
    return describe_group(call, &vserver);
}

int clb_delete_vserver_group(struct call *call)
{
    return delete_group(call, &vserver);
}

static int change_vserver(
    struct call *call, int (*change)(struct call *, json_t *body, json_t *list))
{
    const struct doc *doc = clb_find_group(call, vserver.servers->kind, vserver.id);
    json_t *body, *list;
    int r;

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    json_put_text(call->out, vserver.id, doc->id);
    body = txn_edit(call->txn, vserver.servers->kind, doc->id);
    list = json_object_get(body, vserver.servers->member);
    r = change(call, body, list);
    if (r < 0)
        return r;
    json_put_text(call->out, vserver.name, json_text(body, vserver.name));
    answer_servers(call, vserver.given, list);
    return 0;
}

static int vserver_add(struct call *call, json_t *body, json_t *list)
{
    return clb_servers_add(call, &clb_vserver_servers, list,
        json_object_get(call->in, "BackendServers"), json_text(body, "LoadBalancerId"));
}

static int vserver_remove(struct call *call, json_t *body, json_t *list)
{
    (void)body;
    clb_servers_remove(&clb_vserver_servers, list, json_object_get(call->in, "BackendServers"));
    return 0;
}

static int vserver_set(struct call *call, json_t *body, json_t *list)
{
    const char *name = call_text(call, "VServerGroupName");

    if (name)
        json_put_text(body, "VServerGroupName", name);
    return clb_servers_set(
        call, &clb_vserver_servers, list, json_object_get(call->in, "BackendServers"));
}

/* A new server that is at the place of an old one (same id, address and port) is the old one
 * with other settings: its connections and its health go on. */
static void split_new(const json_t *old, const json_t *given, json_t *same, json_t *other)
{
    size_t i;
    json_t *one;

    json_array_foreach (given, i, one) {
        bool is_same = clb_servers_find(&clb_vserver_servers, old, one) >= 0;

        (void)json_array_append(is_same ? same : other, one);
    }
}

static int vserver_modify(struct call *call, json_t *body, json_t *list)
{
    const json_t *old = json_object_get(call->in, "OldBackendServers");
    json_t *gone = old ? json_deep_copy(old) : json_array();
    json_t *same = json_array(), *other = json_array();
    size_t i;
    json_t *one;
    int r = 0;

    split_new(old, json_object_get(call->in, "NewBackendServers"), same, other);
    json_array_foreach (old, i, one) {
        if (clb_servers_find(&clb_vserver_servers, list, one) < 0)
            r = call_fail(call, "InvalidServerId.NotExist",
                "OldBackendServers: the server %s with this Port is not in the group.",
                json_text(one, "ServerId"));
    }
    if (r == 0)
        r = clb_servers_set(call, &clb_vserver_servers, list, same);
    if (r == 0) {
        clb_servers_remove(&clb_vserver_servers, gone, same);
        clb_servers_remove(&clb_vserver_servers, list, gone);
        r = clb_servers_add(
            call, &clb_vserver_servers, list, other, json_text(body, "LoadBalancerId"));
    }
    json_decref(gone);
    json_decref(same);
    json_decref(other);
    return r;
}

int clb_add_vserver_group_backend_servers(struct call *call)
{
    return change_vserver(call, vserver_add);
}

int clb_remove_vserver_group_backend_servers(struct call *call)
{
    return change_vserver(call, vserver_remove);
}

int clb_set_vserver_group_attribute(struct call *call)
{
    return change_vserver(call, vserver_set);
}

int clb_modify_vserver_group_backend_servers(struct call *call)
{
    return change_vserver(call, vserver_modify);
}

/* --- primary/secondary groups ----------------------------------------------------------------- */

static int check_pair(struct call *call)
{
    const json_t *given = json_object_get(call->in, pair.given);
    unsigned n_masters = 0, n_slaves = 0;
    size_t i;
    json_t *one;

    if (json_array_size(given) != 2)
        return call_fail(call, "BACKEND_SERVERS_NUM_MUST_BE_TWO",
            "MasterSlaveBackendServers must have two servers, not %zu.", json_array_size(given));
    json_array_foreach (given, i, one) {
        if (!json_text(one, "ServerId"))
            return call_fail(call, "BACKEND_SERVER_ID_CAN_NOT_EMPTY",
                "MasterSlaveBackendServers.%zu.ServerId is missing.", i + 1);
        if (!json_has(one, "Port"))
            return call_fail(call, "BACKEND_SERVER_PORT_CAN_NOT_EMPTY",
                "MasterSlaveBackendServers.%zu.Port is missing.", i + 1);
        n_masters += json_text_is(one, "ServerType", "Master");
        n_slaves += json_text_is(one, "ServerType", "Slave");
    }
    if (n_masters != 1 || n_slaves != 1)
        return call_fail(call, "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE",
            "One server must have the ServerType Master and the other Slave.");
    one = json_array_get(given, 0);
    if (json_text_is(one, "ServerId", json_text(json_array_get(given, 1), "ServerId")) &&
        json_int(one, "Port", 0) == json_int(json_array_get(given, 1), "Port", 0))
        return call_fail(call, "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID",
            "Both servers are %s with port %d.", json_text(one, "ServerId"),
            (int)json_int(one, "Port", 0));
    return 0;
}

int clb_create_master_slave_server_group(struct call *call)
{
    int r = check_pair(call);

    return r < 0 ? r : create_group(call, &pair);
}

int clb_describe_master_slave_server_groups(struct call *call)
{
    return describe_groups(call, &pair);
}

int clb_describe_master_slave_server_group_attribute(struct call *call)
{
    return describe_group(call, &pair);
}

int clb_delete_master_slave_server_group(struct call *call)
{
    return delete_group(call, &pair);
}

/* Listeners as clients see them: attributes, lists, health. */
#include "control/products/clb/listener.h"
#include "control/products/clb/operations.h"

static const char *listener_status(struct call *call, const struct doc *doc)
{
    const json_t *instance =
        txn_body(call->txn, "clb.load_balancer", json_text(doc->body, "LoadBalancerId"));
    /* Nothing runs in an inactive instance. */
    bool is_enabled =
        json_flag(doc->body, "Enabled", false) && json_flag(instance, "Enabled", true);

    switch (call_state(call, doc, NULL)) {
    case DELIVERY_NEW:
        return is_enabled ? "starting" : "stopped";
    case DELIVERY_CHANGED:
        return is_enabled ? "configuring" : "stopping";
    case DELIVERY_REFUSED:
        /* What is wrong is told where operators look: with the node's status, by name. */
        return is_enabled ? "starting" : "stopped";
    case DELIVERY_ACTIVE:
        break;
    }
    return is_enabled ? "running" : "stopped";
}

/* The body as answers have it: the first ACL by itself too, the state, tags with both names. */
static void put_listener(struct call *call, json_t *out, const struct doc *doc)
{
    const json_t *acls = json_object_get(doc->body, "AclIds");

    (void)json_object_update(out, doc->body);
    if (json_array_size(acls) > 0)
        json_put(out, "AclId", json_incref(json_array_get(acls, 0)));
    else
        json_put(out, "AclIds", json_array());
    json_put_text(out, "Status", listener_status(call, doc));
    json_put_text(out, "SecurityStatus", "off");
    clb_put_tags(out, doc->body);
}

static json_t *users_as(
    struct call *call, const char *kind, const char *listener_id, const char *id_member)
{
    json_t *out = json_array();
    CLB_LIST list = {0};

    txn_users(call->txn, kind, listener_id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_deep_copy(list.docs[i]->body);

        json_put_text(one, id_member, list.docs[i]->id);
        (void)json_array_append_new(out, one);
    }
    return out;
}

static int describe(struct call *call, const char *protocol)
{
    const struct doc *doc = clb_find_listener(call, protocol);

    if (!doc)
        return -EINVAL;
    put_listener(call, call->out, doc);
    json_put(call->out, "Rules", users_as(call, "clb.rule", doc->id, "RuleId"));
    json_put(call->out, "DomainExtensions",
        users_as(call, "clb.domain_extension", doc->id, "DomainExtensionId"));
    return 0;
}

int clb_describe_tcp_listener(struct call *call)
{
    return describe(call, "tcp");
}

int clb_describe_udp_listener(struct call *call)
{
    return describe(call, "udp");
}

int clb_describe_http_listener(struct call *call)
{
    return describe(call, "http");
}

int clb_describe_https_listener(struct call *call)
{
    return describe(call, "https");
}

/* --- list ------------------------------------------------------------------------------------- */

static bool listener_is_asked_for(const struct call *call, const struct doc *doc)
{
    const char *protocol = call_text(call, "ListenerProtocol");
    const char *description = call_text(call, "Description");
    int64_t port = json_int(call->in, "ListenerPort", 0);

    return json_array_has(
               call->in, "LoadBalancerId", json_text(doc->body, "LoadBalancerId"), true) &&
           (!protocol || json_text_is(doc->body, "ListenerProtocol", protocol)) &&
           (!description || json_text_is(doc->body, "Description", description)) &&
           (port == 0 || port == json_int(doc->body, "ListenerPort", 0)) &&
           call_tags_match(call, doc->body);
}

int clb_describe_listeners(struct call *call)
{
    json_t *listeners = json_array();
    CLB_LIST list = {0};
    int r;

    json_put(call->out, "Listeners", listeners);
    txn_list(call->txn, "clb.listener", &list);
    clb_filter(call, &list, listener_is_asked_for);
    r = call_page(call, &list);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object(), *config;
        const char *protocol = json_text(list.docs[i]->body, "ListenerProtocol");

        put_listener(call, one, list.docs[i]);
        config = json_copy(one);
        if (json_has(one, "ProxyProtocolV2Enabled"))
            json_put_text(config, "ProxyProtocolV2Enabled",
                json_flag(one, "ProxyProtocolV2Enabled", false) ? "true" : "false");
        json_put(one, listener_protocol_find(protocol)->config, config);
        (void)json_array_append_new(listeners, one);
    }
    return 0;
}

/* --- health ----------------------------------------------------------------------------------- */

static const char *health_word(enum server_health health)
{
    switch (health) {
    case SERVER_HEALTH_HEALTHY:
        return "normal";
    case SERVER_HEALTH_UNHEALTHY:
        return "abnormal";
    case SERVER_HEALTH_INITIAL:
    case SERVER_HEALTH_UNCHECKED:
        break;
    }
    return "unavailable";
}

/* Adds the servers of one group as one listener, or one rule of it, uses them. group: "default"
 * or the group's id; user: the listener's or the rule's id (compile.h). */
static void add_health(struct call *call, const struct doc *listener, const json_t *servers,
    const char *group, const char *user)
{
    json_t *out = json_object_get(call->out, "BackendServers");
    char group_id[2 * CLB_LISTENER_LEN];
    size_t i;
    json_t *server;

    (void)snprintf(group_id, sizeof(group_id), "%.64s@%.96s", group, user);
    json_array_foreach (servers, i, server) {
        enum server_health health =
            call_health(call, group_id, json_text(server, "ServerUid"), NULL);
        json_t *one = json_object();

        json_put_text(one, "ServerId", json_text(server, "ServerId"));
        json_put_text(one, "ServerIp", json_text(server, "ServerIp"));
        json_put_int(one, "Port",
            json_int(server, "Port", json_int(listener->body, "BackendServerPort", 0)));
        json_put_int(one, "ListenerPort", json_int(listener->body, "ListenerPort", 0));
        json_put_text(one, "Protocol", json_text(listener->body, "ListenerProtocol"));
        json_put_text(one, "ServerHealthStatus", health_word(health));
        (void)json_array_append_new(out, one);
    }
}

static const json_t *servers_of(struct call *call, const char *group_id)
{
    const json_t *group = txn_body(call->txn, "clb.vserver_group", group_id);

    if (!group)
        group = txn_body(call->txn, "clb.master_slave_group", group_id);
    return json_object_get(group, "Servers");
}

static void add_rules_health(
    struct call *call, const struct doc *listener, const char *listener_group)
{
    json_t *seen = json_object();
    CLB_LIST rules = {0};

    json_put_flag(seen, listener_group, true);
    txn_users(call->txn, "clb.rule", listener->id, &rules);
    for (uint32_t i = 0; i < rules.n; i++) {
        const char *group = json_text(rules.docs[i]->body, "VServerGroupId");
        bool is_own = json_text_is(rules.docs[i]->body, "ListenerSync", "off");

        if (!is_own && json_has(seen, group))
            continue;
        if (!is_own)
            json_put_flag(seen, group, true);
        add_health(call, listener, servers_of(call, group), group,
            is_own ? rules.docs[i]->id : listener->id);
    }
    json_decref(seen);
}

static void add_listener_health(struct call *call, const struct doc *listener)
{
    const char *group = json_text(listener->body, "VServerGroupId");
    const json_t *instance =
        txn_body(call->txn, "clb.load_balancer", json_text(listener->body, "LoadBalancerId"));

    if (!group)
        group = json_text(listener->body, "MasterSlaveServerGroupId");
    if (group)
        add_health(call, listener, servers_of(call, group), group, listener->id);
    else if (json_has(listener->body, "BackendServerPort"))
        add_health(
            call, listener, json_object_get(instance, "BackendServers"), "default", listener->id);
    add_rules_health(call, listener, group ? group : "default");
}

static bool has_protocol(const struct call *call, const struct doc *doc)
{
    const char *protocol = call_text(call, "ListenerProtocol");

    return !protocol ||
           span_eq_nocase(span_of(protocol), span_of(json_text(doc->body, "ListenerProtocol")));
}

int clb_describe_health_status(struct call *call)
{
    const struct doc *found = json_has(call->in, "ListenerPort") ? clb_find_listener(call, NULL)
                                                                 : clb_find_instance(call);
    CLB_LIST list = {0};

    if (!found)
        return -EINVAL;
    json_put(call->out, "BackendServers", json_array());
    if (json_has(call->in, "ListenerPort")) {
        add_listener_health(call, found);
        return 0;
    }
    txn_users(call->txn, "clb.listener", found->id, &list);
    clb_filter(call, &list, has_protocol);
    for (uint32_t i = 0; i < list.n; i++)
        add_listener_health(call, list.docs[i]);
    return 0;
}

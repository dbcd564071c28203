/* GetListenerHealthStatus: servers of a listener's groups, and of its rules' groups, that are not healthy. */
#include "control/products/alb/listener.h"
#include "control/products/common/common.h"

static json_t *show_group(struct call *call, const char *group_id, const char *action)
{
    const json_t *group = txn_body(call->txn, ALB_SERVER_GROUP, group_id);
    bool is_checked =
        json_flag(json_object_get(group, "HealthCheckConfig"), "HealthCheckEnabled", false);
    json_t *shown = json_object();
    json_t *servers = json_array();
    const json_t *server;
    size_t i;

    json_put_text(shown, "ServerGroupId", group_id);
    json_put_text(shown, "ActionType", action);
    json_put_text(shown, "HealthCheckEnabled", is_checked ? "on" : "off");
    json_put(shown, "NonNormalServers", servers);
    json_array_foreach (json_object_get(group, "Servers"), i, server) {
        json_t *sick = common_server_health(call, group_id, is_checked, server, "Unused");

        if (sick)
            (void)json_array_append_new(servers, sick);
    }
    return shown;
}

/* The groups of a list of actions. */
static json_t *show_groups(struct call *call, const json_t *actions)
{
    json_t *groups = json_array();
    const json_t *action, *tuple;
    size_t i, at;

    json_array_foreach (actions, i, action) {
        const json_t *forward = json_object_get(action, "ForwardGroupConfig");
        const json_t *mirror =
            json_object_get(json_object_get(action, "TrafficMirrorConfig"), "MirrorGroupConfig");
        const json_t *tuples = json_object_get(forward ? forward : mirror, "ServerGroupTuples");

        json_array_foreach (tuples, at, tuple)
            (void)json_array_append_new(groups,
                show_group(call, json_text(tuple, "ServerGroupId"), json_text(action, "Type")));
    }
    return groups;
}

/* Pages are of rules; the listener itself is on each. */
static int show_rules(struct call *call, const char *listener_id)
{
    json_t *out = json_array();
    struct doc_list rules;
    int r;

    json_put(call->out, "RuleHealthStatus", out);
    txn_users(call->txn, ALB_RULE, listener_id, &rules);
    r = call_page(call, &rules);
    for (uint32_t i = 0; r == 0 && i < rules.n; i++) {
        json_t *shown = json_object();

        json_put_text(shown, "RuleId", rules.docs[i]->id);
        json_put(shown, "ServerGroupInfos",
            show_groups(call, json_object_get(rules.docs[i]->body, "RuleActions")));
        (void)json_array_append_new(out, shown);
    }
    doc_list_done(&rules);
    return r;
}

int alb_get_listener_health_status(struct call *call)
{
    static const char *const copied[] = {"ListenerPort", "ListenerProtocol", NULL};
    const struct doc *doc = listener_find(call);
    json_t *listeners, *shown;

    if (!doc)
        return -ENOENT;
    shown = json_object();
    json_put_text(shown, "ListenerId", doc->id);
    json_copy_members(shown, doc->body, copied);
    json_put(
        shown, "ServerGroupInfos", show_groups(call, json_object_get(doc->body, "DefaultActions")));
    listeners = json_array();
    (void)json_array_append_new(listeners, shown);
    json_put(call->out, "ListenerHealthStatus", listeners);
    return json_flag(call->in, "IncludeRule", false) ? show_rules(call, doc->id) : 0;
}

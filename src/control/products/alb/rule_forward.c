/* ForwardGroup, TrafficMirror, TrafficLimit: to which servers requests go, and how many. */
#include "control/products/alb/rule_actions.h"

#define GROUPS_MAX 5u

bool rule_uses_group(const json_t *rule, const char *group_id)
{
    const json_t *action, *tuple;
    size_t i, j;

    json_array_foreach (json_object_get(rule, "RuleActions"), i, action) {
        const json_t *forward = json_object_get(action, "ForwardGroupConfig");

        json_array_foreach (json_object_get(forward, "ServerGroupTuples"), j, tuple) {
            if (json_text_is(tuple, "ServerGroupId", group_id))
                return true;
        }
    }
    return false;
}

static int check_group(struct rule_check *check, size_t n, const json_t *tuple)
{
    struct alb_group_use use = {
        .load_balancer = check->instance,
        .listener = check->listener,
        .group_id = json_text(tuple, "ServerGroupId"),
        .protocol_code = "Mismatch.Protocol",
    };

    if (!use.group_id)
        return rule_missing(check, n, "ServerGroupTuples.ServerGroupId");
    use.is_new = !check->old || !rule_uses_group(check->old, use.group_id);
    return alb_check_group_use(check->call, &use);
}

static bool is_named_before(const json_t *tuples, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (json_text_is(json_array_get(tuples, i), "ServerGroupId",
                json_text(json_array_get(tuples, at), "ServerGroupId")))
            return true;
    }
    return false;
}

static int check_weight(struct rule_check *check, size_t n, json_t *tuple, bool is_only)
{
    int64_t weight = json_int(tuple, "Weight", -1);

    if (!json_has(tuple, "Weight") && !is_only)
        return call_fail(check->call, "MissingParameter",
            "RuleActions.%zu.ForwardGroupConfig: each of several server groups needs a Weight.", n);
    if (!json_has(tuple, "Weight")) {
        json_put_int(tuple, "Weight", 100);
        return 0;
    }
    return weight >= 0 && weight <= 100
               ? 0
               : rule_refuse(check, n, "ForwardGroupConfig.Weight",
                     json_text(tuple, "ServerGroupId"), "needs a weight from 0 to 100");
}

/* Requests of one kind: gRPC does not mix with HTTP. */
static int check_same_protocol(struct rule_check *check, size_t n, const json_t *tuples)
{
    const json_t *tuple;
    size_t n_grpc = 0;
    size_t i;

    json_array_foreach (tuples, i, tuple) {
        const json_t *group =
            txn_body(check->call->txn, ALB_SERVER_GROUP, json_text(tuple, "ServerGroupId"));

        n_grpc += json_text_is(group, "Protocol", "gRPC");
    }
    if (n_grpc == 0 || n_grpc == json_array_size(tuples))
        return 0;
    return call_fail(check->call, "OperationDenied.ProtocolMustSameForForwardGroupAction",
        "RuleActions.%zu.ForwardGroupConfig mixes gRPC server groups with others.", n);
}

static int check_sticky(struct rule_check *check, size_t n, json_t *config)
{
    json_t *sticky = json_object_get(config, "ServerGroupStickySession");
    bool is_on = json_flag(sticky, "Enabled", false);
    const json_t *tuple;
    size_t i;

    if (!is_on) {
        (void)json_object_del(config, "ServerGroupStickySession");
        return 0;
    }
    if (!json_has(sticky, "Timeout"))
        json_put_int(sticky, "Timeout", 1000);
    if (json_int(sticky, "Timeout", 0) < 1 || json_int(sticky, "Timeout", 0) > 86400)
        return rule_refuse(
            check, n, "ServerGroupStickySession.Timeout", "Timeout", "must be from 1 to 86400");
    json_array_foreach (json_object_get(config, "ServerGroupTuples"), i, tuple) {
        const char *id = json_text(tuple, "ServerGroupId");
        const json_t *group = txn_body(check->call->txn, ALB_SERVER_GROUP, id);

        if (!json_flag(
                json_object_get(group, "StickySessionConfig"), "StickySessionEnabled", false))
            return call_fail(check->call, "OperationDenied.ServerGroupStickySessionDisabled",
                "RuleActions.%zu.ServerGroupStickySession: the server group %s has no session persistence itself.",
                n, id);
    }
    return 0;
}

int rule_forward(struct rule_check *check, json_t *config, size_t n)
{
    json_t *tuples = json_object_get(config, "ServerGroupTuples");
    json_t *tuple;
    size_t i;
    int r;

    if (json_array_size(tuples) == 0)
        return rule_missing(check, n, "ForwardGroupConfig.ServerGroupTuples");
    if (json_array_size(tuples) > GROUPS_MAX)
        return rule_refuse(
            check, n, "ForwardGroupConfig", "ServerGroupTuples", "has at most 5 server groups");
    json_array_foreach (tuples, i, tuple) {
        r = check_group(check, n, tuple);
        if (r == 0)
            r = check_weight(check, n, tuple, json_array_size(tuples) == 1);
        if (r < 0)
            return r;
        if (is_named_before(tuples, i))
            return rule_refuse(check, n, "ForwardGroupConfig", json_text(tuple, "ServerGroupId"),
                "is given twice");
    }
    r = check_same_protocol(check, n, tuples);
    return r < 0 ? r : check_sticky(check, n, config);
}

int rule_mirror(struct rule_check *check, json_t *config, size_t n)
{
    const json_t *tuples =
        json_object_get(json_object_get(config, "MirrorGroupConfig"), "ServerGroupTuples");
    const char *id = json_text(json_array_get(tuples, 0), "ServerGroupId");
    int r;

    if (json_array_size(tuples) != 1)
        return rule_refuse(
            check, n, "TrafficMirrorConfig", "MirrorGroupConfig", "must name one server group");
    r = check_group(check, n, json_array_get(tuples, 0));
    if (r < 0)
        return r;
    if (!json_text_is(txn_body(check->call->txn, ALB_SERVER_GROUP, id), "Protocol", "HTTP"))
        return call_fail(check->call, "OperationDenied.MirrorActionSupportHttpGroupOnly",
            "RuleActions.%zu.TrafficMirrorConfig: the protocol of the server group %s is not HTTP.",
            n, id);
    json_put_text(config, "TargetType", "ForwardGroupMirror");
    return 0;
}

int rule_limit(struct rule_check *check, json_t *config, size_t n)
{
    static const char *const members[] = {"QPS", "PerIpQps"};
    int64_t qps = json_int(config, "QPS", 0);
    int64_t per_ip = json_int(config, "PerIpQps", 0);

    if (!json_has(config, "QPS") && !json_has(config, "PerIpQps"))
        return rule_missing(check, n, "TrafficLimitConfig.QPS");
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        int64_t value = json_int(config, members[i], 1);

        if (value < 1 || value > 1000000)
            return rule_refuse(
                check, n, "TrafficLimitConfig", members[i], "must be from 1 to 1000000");
    }
    if (qps > 0 && per_ip >= qps)
        return rule_refuse(check, n, "TrafficLimitConfig", "PerIpQps", "must be less than QPS");
    return 0;
}

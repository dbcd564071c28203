/* The actions of a rule: a row per type, and what they must be together. */
#include "control/products/alb/rule_actions.h"

struct action {
    const char *type, *config;
    int (*check)(struct rule_check *check, json_t *config, size_t n);
    bool is_final;    /* of a request: nothing comes after it */
    bool is_repeated; /* more than one in a rule */
    bool is_basic;    /* in all editions */
    bool is_response; /* in response rules too */
    bool needs_forward;
};

int rule_refuse(
    struct rule_check *check, size_t n, const char *member, const char *value, const char *why)
{
    return call_fail(check->call, "InvalidParameter", "RuleActions.%zu.%s: \"%.140s\" %s.", n,
        member, value, why);
}

int rule_missing(struct rule_check *check, size_t n, const char *member)
{
    return call_fail(check->call, "MissingParameter", "RuleActions.%zu.%s is missing.", n, member);
}

/* --- types -------------------------------------------------------------------------------------- */

static const struct action actions[] = {
    {"ForwardGroup", "ForwardGroupConfig", rule_forward, .is_final = true, .is_basic = true},
    {"Redirect", "RedirectConfig", rule_redirect, .is_final = true},
    {"FixedResponse", "FixedResponseConfig", rule_fixed, .is_final = true, .is_response = true},
    {"Rewrite", "RewriteConfig", rule_rewrite, .needs_forward = true},
    {"InsertHeader", "InsertHeaderConfig", rule_insert_header, .is_repeated = true,
        .is_response = true},
    {"RemoveHeader", "RemoveHeaderConfig", rule_remove_header, .is_repeated = true,
        .is_response = true},
    {"TrafficLimit", "TrafficLimitConfig", rule_limit, .needs_forward = true},
    {"TrafficMirror", "TrafficMirrorConfig", rule_mirror, .needs_forward = true},
    {"Cors", "CorsConfig", rule_cors, .is_final = false},
};

static const struct action *find_action(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (type && strcmp(actions[i].type, type) == 0)
            return &actions[i];
    }
    return NULL;
}

static int check_action(struct rule_check *check, json_t *action, size_t n)
{
    const char *type = json_text(action, "Type");
    const struct action *row = find_action(type);
    int64_t order = json_int(action, "Order", 0);
    json_t *config = row ? json_object_get(action, row->config) : NULL;
    char what[64];
    int r;

    if (!row)
        return rule_refuse(check, n, "Type", type ?: "", "is not a type of actions");
    if (!json_has(action, "Order"))
        return rule_missing(check, n, "Order");
    if (order < 1 || order > 50000)
        return call_fail(check->call, "IllegalParam.Order",
            "RuleActions.%zu.Order %d must be from 1 to 50000.", n, (int)order);
    if (check->is_response && !row->is_response)
        return rule_refuse(check, n, "Type", type, "is not for rules with Direction Response");
    (void)snprintf(what, sizeof(what), "An action of Type %s", type);
    r = row->is_basic ? 0 : alb_need_standard(check->call, check->instance, type, what);
    if (r == 0)
        r = rule_check_configs(check->call, action, row->config, "RuleActions", n);
    if (r < 0)
        return r;
    return config ? row->check(check, config, n) : rule_missing(check, n, row->config);
}

/* In ascending Order, as they are executed. */
static json_t *sort_actions(const json_t *list)
{
    json_t *sorted = json_array();
    json_t *action;
    size_t i;

    json_array_foreach (list, i, action) {
        size_t at = json_array_size(sorted);

        while (at > 0 &&
               json_int(json_array_get(sorted, at - 1), "Order", 0) > json_int(action, "Order", 0))
            at--;
        (void)json_array_insert(sorted, at, action);
    }
    return sorted;
}

static size_t count_type(const json_t *list, const char *type)
{
    const json_t *action;
    size_t n = 0;
    size_t i;

    json_array_foreach (list, i, action)
        n += json_text_is(action, "Type", type);
    return n;
}

static int check_order(struct rule_check *check, const json_t *sorted)
{
    size_t n = json_array_size(sorted);
    size_t n_final = 0;

    for (size_t i = 0; i < n; i++) {
        const json_t *action = json_array_get(sorted, i);
        int64_t order = json_int(action, "Order", 0);
        bool is_final = find_action(json_text(action, "Type"))->is_final;

        if (i > 0 && json_int(json_array_get(sorted, i - 1), "Order", 0) == order)
            return call_fail(check->call, "IllegalParam.Order",
                "RuleActions: the Order %d is given twice.", (int)order);
        if (is_final && i + 1 < n)
            return call_fail(check->call, "IllegalParam.Order",
                "RuleActions: the action of Type %s must have the largest Order.",
                json_text(action, "Type"));
        n_final += is_final;
    }
    if (n_final == 1 || check->is_response)
        return 0;
    return call_fail(check->call, "IllegalParam.Order",
        "RuleActions must end in an action of Type ForwardGroup, Redirect or FixedResponse.");
}

/* Headers of the same name in two actions. */
static int check_unique_headers(struct rule_check *check, const json_t *list)
{
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n * n; i++) {
        const json_t *one = json_object_get(json_array_get(list, i / n), "InsertHeaderConfig");
        const json_t *two = json_object_get(json_array_get(list, i % n), "InsertHeaderConfig");

        if (i % n < i / n && one && two &&
            span_eq_nocase(span_of(json_text(one, "Key")), span_of(json_text(two, "Key"))))
            return rule_refuse(check, i / n + 1, "InsertHeaderConfig.Key", json_text(one, "Key"),
                "is inserted twice");
    }
    return 0;
}

static int check_mirror_group(struct rule_check *check, const json_t *body, const json_t *list)
{
    const json_t *action;
    size_t i;

    json_array_foreach (list, i, action) {
        const json_t *mirror = json_object_get(action, "TrafficMirrorConfig");
        const json_t *tuples =
            json_object_get(json_object_get(mirror, "MirrorGroupConfig"), "ServerGroupTuples");

        if (mirror && rule_uses_group(body, json_text(json_array_get(tuples, 0), "ServerGroupId")))
            return call_fail(check->call, "OperationDenied.SameGroupForForwardAndMirrorAction",
                "RuleActions.%zu.TrafficMirrorConfig names a server group that requests are forwarded to.",
                i + 1);
    }
    return 0;
}

/* What actions need, or exclude, of each other. */
static int check_together(struct rule_check *check, const json_t *body, const json_t *list)
{
    bool has_forward = count_type(list, "ForwardGroup") > 0;
    char code[128];
    int r;

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        size_t n = count_type(list, actions[i].type);

        if (n > 1 && !actions[i].is_repeated)
            return call_fail(check->call, "InvalidParameter",
                "RuleActions has more than one action of Type %s.", actions[i].type);
        if (n == 0 || !actions[i].needs_forward || has_forward)
            continue;
        (void)snprintf(
            code, sizeof(code), "OperationDenied.%sMissingForwardGroup", actions[i].type);
        return call_fail(check->call, code, "An action of Type %s needs one of Type ForwardGroup.",
            actions[i].type);
    }
    r = check_unique_headers(check, list);
    return r < 0 ? r : check_mirror_group(check, body, list);
}

int rule_check_actions(struct rule_check *check, json_t *body)
{
    const json_t *list = json_object_get(body, "RuleActions");
    json_t *action;
    json_t *sorted;
    size_t i;
    int r;

    if (json_array_size(list) == 0)
        return call_fail(check->call, "MissingParameter", "A rule needs RuleActions.");
    json_array_foreach (list, i, action) {
        r = check_action(check, action, i + 1);
        if (r < 0)
            return r;
    }
    sorted = sort_actions(list);
    r = check_together(check, body, sorted);
    if (r == 0)
        r = check_order(check, sorted);
    if (r == 0)
        r = alb_check_quota(
            check->call, check->instance, ALB_QUOTA_ACTIONS, json_array_size(sorted));
    json_put(body, "RuleActions", sorted);
    return r;
}

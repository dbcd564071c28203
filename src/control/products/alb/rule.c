/* Rules: one or many at once, all or none. */
#include "control/products/alb/rule_check.h"
#include "control/products/common/common.h"

#define PRIORITY_MAX 10000

static bool is_response(const json_t *rule)
{
    return json_text_is(rule, "Direction", "Response");
}

/* --- checks ------------------------------------------------------------------------------------- */

static int check_priority(struct call *call, const json_t *body)
{
    int64_t priority = json_int(body, "Priority", 0);

    if (priority >= 1 && priority <= PRIORITY_MAX)
        return 0;
    return call_fail(call, "IllegalParam.Priority", "Priority %lld must be from 1 to %d.",
        (long long)priority, PRIORITY_MAX);
}

/* No two rules of a listener and a direction have the same priority; looked at when all changes are made, so
 * that rules may swap theirs in one call. */
static int check_priorities(struct call *call, const char *listener_id)
{
    uint32_t *seen =
        base_calloc((size_t)2 * (PRIORITY_MAX + 1), sizeof(*seen)); /* number in rules, from 1 */
    struct doc_list rules;
    int r = 0;

    txn_users(call->txn, ALB_RULE, listener_id, &rules);
    for (uint32_t i = 0; i < rules.n && r == 0; i++) {
        const json_t *body = rules.docs[i]->body;
        int64_t priority = json_int(body, "Priority", 0);
        uint32_t *at = &seen[2 * priority + is_response(body)];

        if (*at > 0)
            r = call_fail(call, "Conflict.Priority",
                "The rules %s and %s of the listener %s would both have the priority %d.",
                rules.docs[*at - 1]->id, rules.docs[i]->id, listener_id, (int)priority);
        *at = i + 1;
    }
    doc_list_done(&rules);
    free(seen);
    return r;
}

static int check_rule(struct call *call, const json_t *old, json_t *body)
{
    struct rule_check check = {
        .call = call,
        .instance = alb_instance_of(call, body),
        .listener = txn_body(call->txn, ALB_LISTENER, json_text(body, "ListenerId")),
        .old = old,
        .is_response = is_response(body),
    };
    const char *name = json_text(body, "RuleName");
    int r = check_priority(call, body);

    if (r == 0)
        r = name ? common_check_name(call, "RuleName", name, "InvalidParameter.RuleName")
                 : call_fail(call, "MissingParameter", "RuleName is missing.");
    if (r == 0 && check.is_response)
        r = alb_need_standard(
            call, check.instance, "ResponseRule", "A rule with Direction Response");
    if (r == 0)
        r = rule_check_conditions(&check, body);
    return r < 0 ? r : rule_check_actions(&check, body);
}

/* --- create ------------------------------------------------------------------------------------- */

/* call_tags reads the parameters of the call; a rule of a list has its own. */
static int take_tags(struct call *call, const json_t *given, json_t *body)
{
    const json_t *in = call->in;
    int r;

    call->in = given;
    r = call_tags(call, body);
    call->in = in;
    return r;
}

static int add_rule(
    struct call *call, const struct doc *listener, const json_t *given, char *ret_id)
{
    static const char *const copied[] = {
        "RuleName", "Priority", "RuleConditions", "RuleActions", NULL};
    json_t *body = json_object();
    int r;

    json_copy_members(body, given, copied);
    json_put_text(body, "ListenerId", listener->id);
    json_put_text(body, "LoadBalancerId", json_text(listener->body, "LoadBalancerId"));
    json_put_text(body, "Direction", json_text(given, "Direction") ?: "Request");
    r = take_tags(call, given, body);
    if (r == 0)
        r = check_rule(call, NULL, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    txn_new_id(call->txn, "rule-", ret_id);
    r = txn_add(call->txn, ALB_RULE, ret_id, body);
    return r < 0 ? call_fail(call, "InternalError", "The id %s is in use.", ret_id) : 0;
}

static const struct doc *find_listener(struct call *call)
{
    return call_find(call, ALB_LISTENER, "ListenerId", "ResourceNotFound.Listener", "listener");
}

/* After rules were added: how many there are, and their priorities. */
static int check_added(struct call *call, const struct doc *listener)
{
    const char *instance_id = json_text(listener->body, "LoadBalancerId");
    int r = alb_check_quota(call, alb_instance_of(call, listener->body), ALB_QUOTA_RULES,
        txn_count_users(call->txn, ALB_RULE, instance_id));

    return r < 0 ? r : check_priorities(call, listener->id);
}

int alb_create_rule(struct call *call)
{
    const struct doc *listener = find_listener(call);
    char id[64];
    int r;

    if (!listener)
        return -ENOENT;
    r = add_rule(call, listener, call->in, id);
    if (r == 0)
        r = check_added(call, listener);
    if (r < 0)
        return r;
    call_resource(call, id);
    json_put_text(call->out, "RuleId", id);
    call_job(call, "rule");
    return 0;
}

int alb_create_rules(struct call *call)
{
    const struct doc *listener = find_listener(call);
    json_t *ids = json_array();
    const json_t *given;
    char id[64];
    size_t i;
    int r;

    json_put(call->out, "RuleIds", ids);
    if (!listener)
        return -ENOENT;
    json_array_foreach (json_object_get(call->in, "Rules"), i, given) {
        json_t *shown = json_object();

        (void)json_array_append_new(ids, shown);
        r = add_rule(call, listener, given, id);
        if (r < 0)
            return r;
        json_put_text(shown, "RuleId", id);
        json_put_int(shown, "Priority", json_int(given, "Priority", 0));
        call_resource(call, id);
    }
    r = check_added(call, listener);
    if (r < 0)
        return r;
    call_job(call, "rule");
    return 0;
}

/* --- read --------------------------------------------------------------------------------------- */

static json_t *show_rule(struct call *call, const struct doc *doc)
{
    json_t *shown = common_show(doc, "RuleId");

    json_put_text(shown, "RuleStatus", alb_state(call, doc, &alb_rule_words));
    return shown;
}

int alb_list_rules(struct call *call)
{
    static const struct filter filters[] = {
        {"RuleIds", NULL},
        {"ListenerIds", "ListenerId"},
        {"LoadBalancerIds", "LoadBalancerId"},
        {"Direction", "Direction"},
        {NULL, NULL},
    };
    static const struct listing listing = {
        .kind = ALB_RULE, .out = "Rules", .filters = filters, .has_tags = true, .show = show_rule};

    return common_list(call, &listing);
}

/* --- change ------------------------------------------------------------------------------------- */

static const struct doc *find_rule(struct call *call, const char *id)
{
    const struct doc *doc = txn_get(call->txn, ALB_RULE, id);

    if (!doc && call_fail(call, "ResourceNotFound.Rule", "The rule %s does not exist.", id) < 0)
        return NULL;
    return doc;
}

static int change_rule(struct call *call, const struct doc *doc, const json_t *given)
{
    static const char *const copied[] = {
        "RuleName", "Priority", "RuleConditions", "RuleActions", NULL};
    json_t *old = json_incref(doc->body);
    json_t *body = txn_edit(call->txn, ALB_RULE, doc->id);
    int r;

    json_copy_members(body, given, copied);
    r = check_rule(call, old, body);
    json_decref(old);
    return r;
}

int alb_update_rule_attribute(struct call *call)
{
    const struct doc *doc = find_rule(call, call_text(call, "RuleId"));
    char listener_id[64];
    int r;

    if (!doc)
        return -ENOENT;
    call_resource(call, doc->id);
    (void)snprintf(listener_id, sizeof(listener_id), "%s", json_text(doc->body, "ListenerId"));
    r = change_rule(call, doc, call->in);
    if (r == 0)
        r = check_priorities(call, listener_id);
    if (r < 0)
        return r;
    call_job(call, "rule");
    return 0;
}

static bool is_given_before(const json_t *list, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (json_text_is(
                json_array_get(list, i), "RuleId", json_text(json_array_get(list, at), "RuleId")))
            return true;
    }
    return false;
}

int alb_update_rules_attribute(struct call *call)
{
    const json_t *list = json_object_get(call->in, "Rules");
    const json_t *given;
    char listener_id[64] = "";
    size_t i;
    int r;

    json_array_foreach (list, i, given) {
        const char *id = json_text(given, "RuleId");
        const struct doc *doc = find_rule(call, id);

        if (!doc)
            return -ENOENT;
        if (is_given_before(list, i))
            return call_fail(call, "InvalidParameter", "The rule %s is given twice.", id);
        if (i == 0)
            (void)snprintf(
                listener_id, sizeof(listener_id), "%s", json_text(doc->body, "ListenerId"));
        else if (!json_text_is(doc->body, "ListenerId", listener_id))
            return call_fail(call, "OperationDenied.ListenerIdInconsistent",
                "The rule %s belongs to another listener than the first one.", id);
        r = change_rule(call, doc, given);
        if (r < 0)
            return r;
        call_resource(call, id);
    }
    r = check_priorities(call, listener_id);
    if (r < 0)
        return r;
    call_job(call, "rule");
    return 0;
}

int alb_delete_rule(struct call *call)
{
    const struct doc *doc = find_rule(call, call_text(call, "RuleId"));

    if (!doc)
        return -ENOENT;
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, ALB_RULE, call->resource);
    call_job(call, "rule");
    return 0;
}

int alb_delete_rules(struct call *call)
{
    const json_t *element;
    char instance_id[64] = "";
    size_t i;

    json_array_foreach (json_object_get(call->in, "RuleIds"), i, element) {
        const struct doc *doc = find_rule(call, json_string_value(element));

        if (!doc)
            return -ENOENT;
        if (i == 0)
            (void)snprintf(
                instance_id, sizeof(instance_id), "%s", json_text(doc->body, "LoadBalancerId"));
        else if (!json_text_is(doc->body, "LoadBalancerId", instance_id))
            return call_fail(call, "OperationDenied.CrossLoadBalancerRules",
                "The rule %s belongs to another instance than the first one.", doc->id);
        call_resource(call, doc->id);
        (void)txn_remove(call->txn, ALB_RULE, call->resource);
    }
    call_job(call, "rule");
    return 0;
}

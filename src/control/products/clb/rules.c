/* Forwarding rules of http and https listeners: a domain, a path, or both, and the group that
 * serves them. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

/* Members of a rule that only count while ListenerSync is off. */
#define CHECKED                                                                           \
    "HealthCheckURI", "HealthCheckHttpCode", "HealthCheckInterval", "HealthCheckTimeout", \
        "HealthyThreshold", "UnhealthyThreshold"
static const char *const own_settings[] = {"Scheduler", "StickySession", "StickySessionType",
    "CookieTimeout", "Cookie", "HealthCheck", "HealthCheckDomain", "HealthCheckConnectPort",
    CHECKED, NULL};
static const char *const without_sync[] = {"Scheduler", "StickySession", "HealthCheck", NULL};
static const char *const with_check[] = {CHECKED, NULL};

/* --- checks ----------------------------------------------------------------------------------- */

static int check_rule_name(struct call *call, const char *name)
{
    if (!*name || !clb_text_is(name, "-/._"))
        return call_fail(call, "InvalidParameter",
            "RuleName \"%s\" may have only letters, digits and the characters - / . _", name);
    return 0;
}

static int check_target(struct call *call, const char *group_id, const char *instance_id)
{
    const json_t *group = txn_body(call->txn, "clb.vserver_group", group_id);

    if (!group || !json_text_is(group, "LoadBalancerId", instance_id))
        return call_fail(call, "InvalidParameter",
            "The specified VServerGroupId does not exist in load balancer %s: %s.", instance_id,
            group_id);
    return 0;
}

/* Whether two bodies have the same text, or both none, in a member. */
static bool is_same_text(const json_t *a, const json_t *b, const char *member)
{
    const char *left = json_text(a, member), *right = json_text(b, member);

    return left && right ? strcmp(left, right) == 0 : left == right;
}

/* A rule's name and what it matches are its own among the listener's rules. */
static int check_unique(struct call *call, const json_t *body)
{
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.rule", json_text(body, "ListenerKey"), &list);
    if (list.n > CLB_RULES_MAX)
        return call_fail(call, "QuotaLimitExceeds.Rule",
            "The listener %s cannot have more than %u rules.", json_text(body, "ListenerKey"),
            CLB_RULES_MAX);
    for (uint32_t i = 0; i < list.n; i++) {
        const json_t *other = list.docs[i]->body;

        if (other == body)
            continue;
        if (is_same_text(other, body, "RuleName"))
            return call_fail(call, "InvalidParameter",
                "RuleName %s is taken by the rule %s of the listener.", json_text(body, "RuleName"),
                list.docs[i]->id);
        if (is_same_text(other, body, "Domain") && is_same_text(other, body, "Url"))
            return call_fail(call, "DomainExist",
                "The rule %s of the listener has this Domain and Url already.", list.docs[i]->id);
    }
    return 0;
}

/* Domain and Url of one element of RuleList into the body. */
static int put_match(struct call *call, json_t *body, const json_t *given)
{
    const char *domain = json_text(given, "Domain"), *url = json_text(given, "Url");
    char lower[256];

    if (domain && *domain) {
        if (!clb_domain(domain, lower))
            return call_fail(call, "InvalidParameter",
                "Domain \"%s\" must be a host name, or *. and a host name.", domain);
        json_put_text(body, "Domain", lower);
    }
    if (url && *url) {
        if (!clb_path_is(url) || strcmp(url, "/") == 0)
            return call_fail(call, "InvalidParameter",
                "Url \"%s\" must be a slash and 1 to 79 letters, digits or characters - / . %% ? # & _ =",
                url);
        json_put_text(body, "Url", url);
    }
    if (!json_has(body, "Domain") && !json_has(body, "Url"))
        return call_fail(call, "InvalidParameter", "The rule %s must have a Domain or a Url.",
            json_text(given, "RuleName"));
    return 0;
}

/* --- creation --------------------------------------------------------------------------------- */

static int check_listener(struct call *call, const struct doc *listener)
{
    const char *protocol = json_text(listener->body, "ListenerProtocol");

    if (strcmp(protocol, "http") != 0 && strcmp(protocol, "https") != 0)
        return call_fail(call, "OperationFailed.ActionNotSupport",
            "The %s listener %s has no rules: only http and https listeners do.", protocol,
            listener->id);
    if (json_text_is(listener->body, "ListenerForward", "on"))
        return call_fail(call, "OperationFailed.ActionNotSupport",
            "The listener %s redirects every request, so its rules would never be used.",
            listener->id);
    return 0;
}

static int create_rule(
    struct call *call, const struct doc *listener, const json_t *given, json_t *answers)
{
    static const char *const from_listener[] = {
        "LoadBalancerId", "ListenerPort", "ListenerProtocol", NULL};
    static const char *const from_rule[] = {"RuleName", "VServerGroupId", NULL};
    json_t *body = json_object(), *answer;
    char id[64];
    int r;

    txn_new_id(call->txn, "rule-", id);
    call_resource(call, id);
    json_copy_members(body, listener->body, from_listener);
    json_copy_members(body, given, from_rule);
    json_put_text(body, "ListenerKey", listener->id);
    json_put_text(body, "ListenerSync", "on");
    r = txn_add(call->txn, "clb.rule", id, body);
    if (r == 0)
        r = check_rule_name(call, json_text(given, "RuleName"));
    if (r == 0)
        r = put_match(call, body, given);
    if (r == 0)
        r = check_target(
            call, json_text(given, "VServerGroupId"), json_text(body, "LoadBalancerId"));
    if (r == 0)
        r = check_unique(call, body);
    if (r < 0)
        return r;
    answer = json_object();
    json_put_text(answer, "RuleId", id);
    json_put_text(answer, "RuleName", json_text(body, "RuleName"));
    (void)json_array_append_new(answers, answer);
    return 0;
}

int clb_create_rules(struct call *call)
{
    const struct doc *listener = clb_find_listener(call, NULL);
    json_t *answers = json_array(), *given;
    size_t i;
    int r;

    json_put(call->out, "Rules", answers);
    if (!listener)
        return -EINVAL;
    r = check_listener(call, listener);
    if (r == 0 && json_len(call->in, "RuleList") == 0)
        r = call_fail(call, "InvalidParameter", "RuleList has no rules.");
    if (r < 0)
        return r;
    json_array_foreach (json_object_get(call->in, "RuleList"), i, given) {
        r = create_rule(call, listener, given, answers);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- one rule --------------------------------------------------------------------------------- */

static const struct doc *find_rule(struct call *call, const char *id)
{
    const struct doc *doc = id ? txn_get(call->txn, "clb.rule", id) : NULL;

    if (!doc)
        return CLB_NONE(
            call, "InvalidRuleId.NotFound", "The rule %s does not exist.", id ? id : "(none)");
    return doc;
}

static int require(
    struct call *call, const json_t *body, const char *const *members, const char *when)
{
    for (const char *const *name = members; *name; name++)
        if (!json_has(body, *name))
            return call_fail(call, "MissingParameter", "%s is required when %s.", *name, when);
    return 0;
}

static int put_settings(struct call *call, json_t *body)
{
    int r;

    if (json_has(call->in, "ListenerSync"))
        json_put_text(body, "ListenerSync", call_text(call, "ListenerSync"));
    if (json_text_is(body, "ListenerSync", "on")) {
        for (const char *const *name = own_settings; *name; name++) {
            if (json_has(call->in, *name))
                return call_fail(call, "InvalidParameter",
                    "%s: the rule follows its listener while ListenerSync is on.", *name);
            (void)json_object_del(body, *name);
        }
        return 0;
    }
    json_copy_members(body, call->in, own_settings);
    r = require(call, body, without_sync, "ListenerSync is off");
    if (r == 0 && json_text_is(body, "HealthCheck", "on"))
        r = require(call, body, with_check, "HealthCheck is on");
    if (r == 0)
        r = clb_check_sticky(call, body);
    return r < 0 ? r : clb_check_health(call, body);
}

int clb_set_rule(struct call *call)
{
    const char *name = call_text(call, "RuleName");
    const char *group = call_text(call, "VServerGroupId");
    const struct doc *doc = find_rule(call, call_text(call, "RuleId"));
    json_t *body;
    int r = 0;

    if (!doc)
        return -EINVAL;
    if (name)
        r = check_rule_name(call, name);
    if (r == 0 && group)
        r = check_target(call, group, json_text(doc->body, "LoadBalancerId"));
    if (r < 0)
        return r;
    call_resource(call, doc->id);
    body = txn_edit(call->txn, "clb.rule", doc->id);
    json_put_text(body, "RuleName", name);
    json_put_text(body, "VServerGroupId", group);
    r = check_unique(call, body);
    return r < 0 ? r : put_settings(call, body);
}

int clb_delete_rules(struct call *call)
{
    const json_t *ids = json_object_get(call->in, "RuleIds");
    size_t i;
    json_t *id;

    json_array_foreach (ids, i, id) {
        const struct doc *doc = find_rule(call, json_string_value(id));

        if (!doc)
            return -EINVAL;
        call_resource(call, doc->id);
        (void)txn_remove(call->txn, "clb.rule", doc->id);
    }
    return 0;
}

int clb_describe_rule_attribute(struct call *call)
{
    const struct doc *doc = find_rule(call, call_text(call, "RuleId"));

    if (!doc)
        return -EINVAL;
    (void)json_object_update(call->out, doc->body);
    json_put_text(call->out, "RuleId", doc->id);
    return 0;
}

int clb_describe_rules(struct call *call)
{
    const struct doc *listener = clb_find_listener(call, NULL);
    json_t *rules = json_array();
    CLB_LIST list = {0};

    json_put(call->out, "Rules", rules);
    if (!listener)
        return -EINVAL;
    txn_users(call->txn, "clb.rule", listener->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_deep_copy(list.docs[i]->body);

        json_put_text(one, "RuleId", list.docs[i]->id);
        (void)json_array_append_new(rules, one);
    }
    return 0;
}

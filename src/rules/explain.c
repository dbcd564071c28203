#include "rules/ruleset.h"

/* An entry that the index found, with the key by which its rule is considered. */
struct candidate_rule {
    const struct rules_entry *entry;
    uint64_t key;
    bool holds;
};

struct candidates {
    const struct ruleset *ruleset;
    const struct rules_facts *facts;
    struct candidate_rule *at;
    uint32_t n;
};

static const char *const kind_words[] = {
    [CONDITION_HOST] = "host",
    [CONDITION_PATH] = "path",
    [CONDITION_METHOD] = "method",
    [CONDITION_HEADER] = "header",
};

static void count_node(void *arg, const struct rules_node *node)
{
    struct candidates *candidates = arg;

    candidates->n += node->n;
}

static void collect_node(void *arg, const struct rules_node *node)
{
    struct candidates *candidates = arg;

    for (uint32_t i = 0; i < node->n; i++) {
        struct candidate_rule *candidate = &candidates->at[candidates->n++];

        candidate->entry = rules_entry_at(candidates->ruleset, node, i);
        candidate->key =
            rules_entry_key(candidates->ruleset, node, candidate->entry, candidates->facts);
        candidate->holds = candidate->key != RULES_KEY_NONE;
        if (!candidate->holds)
            candidate->key = candidate->entry->key;
    }
}

/* By rule, the entry that counts first. */
static int compare_by_rule(const void *a_ptr, const void *b_ptr)
{
    const struct candidate_rule *a = a_ptr, *b = b_ptr;

    if (a->entry->rule != b->entry->rule)
        return a->entry->rule < b->entry->rule ? -1 : 1;
    if (a->holds != b->holds)
        return a->holds ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return 0;
}

static int compare_by_key(const void *a_ptr, const void *b_ptr)
{
    const struct candidate_rule *a = a_ptr, *b = b_ptr;

    return a->key < b->key ? -1 : a->key > b->key;
}

/* All candidates in the order in which they count, each rule once. */
static int collect(struct candidates *candidates, struct arena *arena)
{
    uint32_t n = 0;

    rules_walk(candidates->ruleset, candidates->facts, count_node, candidates);
    candidates->at = arena_alloc(arena, candidates->n * sizeof(*candidates->at));
    if (!candidates->at)
        return -ENOMEM;
    candidates->n = 0;
    rules_walk(candidates->ruleset, candidates->facts, collect_node, candidates);
    if (candidates->n == 0)
        return 0;

    qsort(candidates->at, candidates->n, sizeof(*candidates->at), compare_by_rule);
    for (uint32_t i = 0; i < candidates->n; i++)
        if (n == 0 || candidates->at[i].entry->rule != candidates->at[n - 1].entry->rule)
            candidates->at[n++] = candidates->at[i];
    candidates->n = n;
    qsort(candidates->at, candidates->n, sizeof(*candidates->at), compare_by_key);
    return 0;
}

static void add_values(struct text *out, const struct rules_condition *condition)
{
    for (uint32_t i = 0; i < condition->n; i++) {
        text_add(out, i > 0 ? SPAN_LIT(" or ") : SPAN_LIT(" "));
        text_add_json(out, condition->values[i].text);
    }
}

/* What the request has where the condition looks. */
static void add_found(
    struct text *out, const struct rules_condition *condition, const struct rules_facts *facts)
{
    const struct http_fields *fields = &facts->msg->fields;
    uint32_t n = 0;

    for (uint32_t i = 0; condition->type == CONDITION_HEADER && i < fields->n; i++) {
        if (!span_eq_nocase(http_header_name(&fields->at[i]), condition->key))
            continue;
        text_add(out, n++ > 0 ? SPAN_LIT(", ") : SPAN_LIT(" (it has "));
        text_add_json(out, http_header_value(&fields->at[i]));
    }
    if (condition->type == CONDITION_HEADER)
        text_add(out, n > 0 ? SPAN_LIT(")") : SPAN_LIT(" (it has none)"));
    else if (condition->type == CONDITION_HOST && facts->host.len == 0)
        text_add(out, SPAN_LIT(" (it has none)"));
}

static void explain_condition(
    struct text *out, const struct rules_condition *condition, const struct rules_facts *facts)
{
    text_addf(out, "    %s", kind_words[condition->type]);
    if (condition->type == CONDITION_HEADER) {
        text_add_char(out, ' ');
        text_add_json(out, condition->key);
    }
    text_add(out, condition->n > 0 && condition->values[0].prefix ? SPAN_LIT(" begins with")
                                                                  : SPAN_LIT(" is"));
    add_values(out, condition);
    add_found(out, condition, facts);
    text_add(
        out, rules_condition_holds(condition, facts) ? SPAN_LIT(": yes\n") : SPAN_LIT(": no\n"));
}

static void explain_candidate(struct text *out, const struct ruleset *ruleset,
    const struct candidate_rule *candidate, const struct rules_facts *facts)
{
    const struct rules_rule *rule = &ruleset->rules[candidate->entry->rule];

    text_addf(out, "rule %s", rule->conf->res.id);
    if (!ruleset->by_specificity)
        text_addf(out, " (priority %u)", rule->conf->priority);
    text_add(out, candidate->holds ? SPAN_LIT(" matches\n") : SPAN_LIT(" does not match\n"));
    for (uint32_t i = 0; i < rule->n; i++)
        explain_condition(out, &rule->conditions[i], facts);
    if (rule->n == 0)
        text_add(out, SPAN_LIT("    it has no conditions\n"));
}

static void explain_part(
    struct text *out, const char *word, struct span received, struct span normal)
{
    text_addf(out, "%s: ", word);
    if (received.len == 0) {
        text_add(out, SPAN_LIT("none\n"));
        return;
    }
    text_add_json(out, normal);
    if (!span_eq(received, normal)) {
        text_add(out, SPAN_LIT(", normalised from "));
        text_add_json(out, received);
    }
    text_add_char(out, '\n');
}

static void explain_order(
    struct text *out, const struct candidates *candidates, const struct rules_facts *facts)
{
    const struct ruleset *ruleset = candidates->ruleset;

    if (ruleset->by_specificity) {
        uint32_t bucket = rules_find_bucket(ruleset, facts->host);

        if (bucket == RULES_BUCKET_ANY) {
            text_add(
                out, SPAN_LIT("host rules: none for this host, so rules without host count\n"));
        } else {
            text_add(out, SPAN_LIT("host rules: those of "));
            text_add_json(out, ruleset->buckets[bucket].host);
            text_add(out, SPAN_LIT(", the most specific that matches; no others count\n"));
        }
    }
    text_addf(out, "rules: %u of %u come into question by host and path; %s\n", candidates->n,
        ruleset->n_rules,
        ruleset->by_specificity ? "the longest path wins"
                                : "the first that matches wins, by priority");
}

static void explain_forward(struct text *out, const struct action *action, uint64_t draw)
{
    const struct forward_group *groups = FIELD_ITEMS(action->groups, struct forward_group);
    uint32_t chosen = rules_draw_group(action, draw);
    uint32_t total = 0;

    for (uint32_t i = 0; i < action->groups.n; i++)
        total += groups[i].weight;
    if (chosen == action->groups.n)
        text_add(out, SPAN_LIT("action: forward, but every server group has weight 0\n"));
    else if (action->groups.n == 1)
        text_add(out, SPAN_LIT("action: forward to the only server group\n"));
    else
        text_addf(out, "action: forward to server group %u of %u, drawn with weight %u of %u\n",
            chosen + 1, action->groups.n, groups[chosen].weight, total);
}

static void explain_rewrite(struct text *out, const struct verdict *verdict)
{
    text_add(out, SPAN_LIT("action: rewrite; the server gets host "));
    text_add_json(out, verdict->host);
    text_add(out, SPAN_LIT(", path "));
    text_add_json(out, verdict->path);
    if (verdict->has_query) {
        text_add(out, SPAN_LIT(", query "));
        text_add_json(out, verdict->query);
    }
    text_add_char(out, '\n');
}

static void explain_refusal(struct text *out, const struct verdict *verdict)
{
    text_addf(out, "refused with status %u: %s\n", verdict->status, reason_text(verdict->reason));
}

static void explain_action(struct text *out, const struct action *action,
    const struct rules_request *request, const struct verdict *verdict)
{
    switch ((enum action_type)action->type) {
    case ACTION_FORWARD:
        explain_forward(out, action, request->draw);
        break;
    case ACTION_REWRITE:
        if (verdict->kind == VERDICT_FORWARD)
            explain_rewrite(out, verdict);
        break;
    case ACTION_REDIRECT:
        if (verdict->kind != VERDICT_REDIRECT)
            break;
        text_addf(out, "action: redirect with status %u to ", verdict->status);
        text_add_json(out, verdict->location);
        text_add_char(out, '\n');
        break;
    case ACTION_FIXED_RESPONSE:
        text_addf(out, "action: fixed response with status %u, %zu bytes\n", verdict->status,
            verdict->content.len);
        break;
    }
}

static void explain_actions(struct text *out, const struct ruleset *ruleset,
    const struct rules_request *request, const struct verdict *verdict)
{
    const struct field_list *list =
        verdict->rule ? &verdict->rule->actions : &ruleset->listener->default_actions;

    if (verdict->kind == VERDICT_REFUSE) {
        explain_refusal(out, verdict);
        return;
    }
    for (uint32_t i = 0; i < list->n; i++)
        explain_action(out, &FIELD_ITEMS(*list, struct action)[i], request, verdict);
    if (list->n == 0)
        text_add(out, SPAN_LIT("action: none, so there is no server group\n"));
}

int rules_explain(const struct ruleset *ruleset, const struct rules_request *request,
    struct arena *arena, struct verdict *ret_verdict, struct text *out)
{
    struct rules_facts facts;
    struct candidates candidates = {.ruleset = ruleset, .facts = &facts};
    const struct rule_conf *rule = NULL;
    int r;

    r = rules_facts_init(request, arena, &facts, ret_verdict);
    if (r < 0)
        return r;
    if (r > 0) {
        explain_part(out, "host", request->msg->authority, request->msg->authority);
        explain_part(out, "path", request->msg->path, request->msg->path);
        explain_refusal(out, ret_verdict);
        return 0;
    }
    explain_part(out, "host", request->msg->authority, facts.host);
    explain_part(out, "path", request->msg->path, facts.path);
    r = collect(&candidates, arena);
    if (r < 0)
        return r;
    explain_order(out, &candidates, &facts);
    for (uint32_t i = 0; i < candidates.n && !rule; i++) {
        explain_candidate(out, ruleset, &candidates.at[i], &facts);
        if (candidates.at[i].holds)
            rule = ruleset->rules[candidates.at[i].entry->rule].conf;
    }
    if (!rule)
        text_add(out, SPAN_LIT("no rule matches: the listener's default action\n"));
    r = rules_act(ruleset, rule, request, &facts, arena, ret_verdict);
    if (r == 0)
        explain_actions(out, ruleset, request, ret_verdict);
    return r;
}

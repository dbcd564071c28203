#include "rules/ruleset.h"

COLD static int refuse(enum reason reason, struct verdict *ret_verdict)
{
    *ret_verdict = (struct verdict){
        .kind = VERDICT_REFUSE,
        .group = REF_NONE,
        .status = 400,
        .reason = reason,
    };
    return 1;
}

int rules_facts_init(const struct rules_request *request, struct arena *arena,
    struct rules_facts *ret_facts, struct verdict *ret_verdict)
{
    const struct http_msg *msg = request->msg;
    struct rules_facts facts = {.msg = msg, .path = msg->path};
    int r;

    r = host_normalise(msg->authority, arena, &facts.host);
    if (r == -EINVAL)
        return refuse(REASON_BAD_HOST, ret_verdict);
    if (r < 0)
        return r;
    facts.no_path = span_eq(msg->path, SPAN_LIT("*"));
    if (!facts.no_path) {
        r = path_normalise(msg->path, arena, &facts.path);
        if (r == -EINVAL)
            return refuse(REASON_BAD_PATH, ret_verdict);
        if (r < 0)
            return r;
    }
    *ret_facts = facts;
    return 0;
}

bool rules_value_holds(const struct rules_value *value, struct span text)
{
    if (value->prefix)
        return span_starts_with(text, value->text);
    if (value->exact)
        return span_eq(text, value->text);
    return pattern_match(value->text, text);
}

static bool any_value_holds(const struct rules_condition *condition, struct span text)
{
    for (uint32_t i = 0; i < condition->n; i++)
        if (rules_value_holds(&condition->values[i], text))
            return true;
    return false;
}

/* A header matches if any of its lines does, taken whole: "a, b" is one value, not two. Lines that edits
 * dropped count, as the client sent them. */
static bool header_holds(const struct rules_condition *condition, const struct http_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct http_header *header = &fields->at[i];

        if (header->id != condition->name)
            continue;
        if (condition->name == HTTP_NAME_OTHER &&
            !span_eq_nocase(http_header_name(header), condition->key))
            continue;
        if (any_value_holds(condition, http_header_value(header)))
            return true;
    }
    return false;
}

bool rules_condition_holds(const struct rules_condition *condition, const struct rules_facts *facts)
{
    switch ((enum condition_type)condition->type) {
    case CONDITION_HOST:
        return facts->host.len > 0 && any_value_holds(condition, facts->host);
    case CONDITION_PATH:
        return !facts->no_path && any_value_holds(condition, facts->path);
    case CONDITION_METHOD:
        return any_value_holds(condition, facts->msg->method_text);
    case CONDITION_HEADER:
        return header_holds(condition, &facts->msg->fields);
    }
    return false;
}

/* The best of the rule's paths that hold; one does. */
static uint64_t best_path_key(const struct rules_entry *entry, const struct rules_condition *path,
    const struct rules_facts *facts)
{
    uint64_t place = UINT32_MAX;

    for (uint32_t i = 0; i < path->n; i++)
        if (path->values[i].place < place && rules_value_holds(&path->values[i], facts->path))
            place = path->values[i].place;
    return place << 32 | entry->rule;
}

static bool path_is_proven(
    const struct rules_entry *entry, const struct rules_node *node, const struct rules_facts *facts)
{
    switch ((enum rules_proof)entry->proof) {
    case RULES_PROOF_DONE:
        return !facts->no_path;
    case RULES_PROOF_LENGTH:
        return !facts->no_path && facts->path.len == node->len;
    case RULES_PROOF_VALUE:
        return !facts->no_path && rules_value_holds(entry->value, facts->path);
    case RULES_PROOF_RULE:
    case RULES_PROOF_FREE:
        return true;
    }
    return false;
}

uint64_t rules_entry_key(const struct ruleset *ruleset, const struct rules_node *node,
    const struct rules_entry *entry, const struct rules_facts *facts)
{
    const struct rules_rule *rule;

    if (!path_is_proven(entry, node, facts))
        return RULES_KEY_NONE;
    /* Most entries end here: nothing more of the rule is touched, which with many rules is not in any cache. */
    if (!entry->check_host && !entry->check_more && entry->proof != RULES_PROOF_RULE)
        return entry->key;
    rule = &ruleset->rules[entry->rule];
    for (uint32_t i = 0; i < rule->n; i++) {
        const struct rules_condition *condition = &rule->conditions[i];

        if ((condition == rule->path && entry->proof != RULES_PROOF_RULE) ||
            (condition == rule->host && !entry->check_host))
            continue;
        if (!rules_condition_holds(condition, facts))
            return RULES_KEY_NONE;
    }
    if (ruleset->by_specificity && entry->proof == RULES_PROOF_RULE)
        return best_path_key(entry, rule->path, facts);
    return entry->key;
}

struct search {
    const struct ruleset *ruleset;
    const struct rules_facts *facts;
    uint64_t best;
    const struct rule_conf *rule; /* NULL: none yet */
};

static void search_node(void *arg, const struct rules_node *node)
{
    struct search *search = arg;

    for (uint32_t i = 0; i < node->n; i++) {
        const struct rules_entry *entry = rules_entry_at(search->ruleset, node, i);
        uint64_t key;

        if (entry->key >= search->best)
            return;
        key = rules_entry_key(search->ruleset, node, entry, search->facts);
        if (key < search->best) {
            search->best = key;
            search->rule = entry->conf;
        }
    }
}

int rules_decide(const struct ruleset *ruleset, const struct rules_request *request,
    struct arena *arena, struct verdict *ret_verdict)
{
    struct rules_facts facts;
    struct search search = {.ruleset = ruleset, .facts = &facts, .best = RULES_KEY_NONE};
    int r;

    r = rules_facts_init(request, arena, &facts, ret_verdict);
    if (r != 0)
        return r < 0 ? r : 0;
    if (ruleset->n_rules > 0)
        rules_walk(ruleset, &facts, search_node, &search);
    return rules_act(ruleset, search.rule, request, &facts, arena, ret_verdict);
}

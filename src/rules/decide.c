#include "rules/ruleset.h"

static int refuse(enum reason reason, struct verdict *ret_verdict)
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

bool rules_condition_holds(const struct rules_condition *condition,
    const struct rules_facts *facts)
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

uint64_t rules_entry_key(const struct ruleset *ruleset, const struct rules_entry *entry,
    const struct rules_facts *facts)
{
    const struct rules_rule *rule = &ruleset->rules[entry->rule];

    if (entry->value && (facts->no_path || !rules_value_holds(entry->value, facts->path)))
        return RULES_KEY_NONE;
    for (uint32_t i = 0; i < rule->n; i++) {
        const struct rules_condition *condition = &rule->conditions[i];

        if ((condition == rule->path && entry->value) ||
            (condition == rule->host && !entry->check_host))
            continue;
        if (!rules_condition_holds(condition, facts))
            return RULES_KEY_NONE;
    }
    if (ruleset->by_specificity && rule->path && !entry->value)
        return best_path_key(entry, rule->path, facts);
    return entry->key;
}

struct search {
    const struct ruleset *ruleset;
    const struct rules_facts *facts;
    uint64_t best;
    uint32_t rule;
};

static void search_node(void *arg, const struct rules_node *node)
{
    struct search *search = arg;

    for (uint32_t i = 0; i < node->n; i++) {
        const struct rules_entry *entry = &search->ruleset->entries[node->first + i];
        uint64_t key;

        if (entry->key >= search->best)
            return;
        key = rules_entry_key(search->ruleset, entry, search->facts);
        if (key < search->best) {
            search->best = key;
            search->rule = entry->rule;
        }
    }
}

int rules_decide(const struct ruleset *ruleset, const struct rules_request *request,
    struct arena *arena, struct verdict *ret_verdict)
{
    const struct rule_conf *rule = NULL;
    struct rules_facts facts;
    struct search search = {.ruleset = ruleset, .facts = &facts, .best = RULES_KEY_NONE};
    int r;

    r = rules_facts_init(request, arena, &facts, ret_verdict);
    if (r != 0)
        return r < 0 ? r : 0;
    rules_walk(ruleset, &facts, search_node, &search);
    if (search.best != RULES_KEY_NONE)
        rule = ruleset->rules[search.rule].conf;
    return rules_act(ruleset, rule, request, &facts, arena, ret_verdict);
}

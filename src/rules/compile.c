#include "rules/ruleset.h"

/* A host value in the form that hosts of requests have. */
static struct span host_value(struct span text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len);

    if (text.len > 1 && text.ptr[text.len - 1] == '.')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        out[i] = ascii_lower(text.ptr[i]);
    return (struct span){out, text.len};
}

static bool has_wildcard(struct span text)
{
    return span_find(text, '*') < text.len || span_find(text, '?') < text.len;
}

/* Longer values first; of one length the one that says most: exact, prefix, pattern. */
static uint32_t path_place(const struct rules_value *value)
{
    uint32_t len = (uint32_t)MIN(value->text.len, (size_t)0xffff);
    uint32_t kind = value->exact ? 0 : value->prefix ? 1 : 2;

    return (0xffff - len) << 8 | kind;
}

static struct rules_value compile_value(
    const struct condition *condition, struct span text, struct arena *arena)
{
    struct rules_value value = {.text = text};

    if (condition->type == CONDITION_HOST) {
        value.text = host_value(text, arena);
    } else if (condition->type == CONDITION_PATH) {
        value.text = rules_normalise_value(text, arena);
        value.prefix = condition->match == MATCH_PREFIX;
    }
    value.exact =
        condition->type == CONDITION_METHOD || (!value.prefix && !has_wildcard(value.text));
    value.place = path_place(&value);
    return value;
}

static struct rules_condition compile_condition(
    const struct condition *condition, struct arena *arena)
{
    const char *const *texts = FIELD_ITEMS(condition->values, const char *);
    struct rules_condition result = {
        .values = arena_alloc(arena, condition->values.n * sizeof(*result.values)),
        .n = condition->values.n,
        .type = condition->type,
        .key = span_of(condition->key),
        .name = HTTP_NAME_OTHER,
    };

    for (uint32_t i = 0; i < result.n; i++)
        result.values[i] = compile_value(condition, span_of(texts[i]), arena);
    if (condition->type == CONDITION_HEADER)
        result.name = http_name_find(result.key);
    return result;
}

static struct rules_rule compile_rule(const struct rule_conf *conf, struct arena *arena)
{
    const struct condition *conditions = FIELD_ITEMS(conf->conditions, struct condition);
    struct rules_rule rule = {
        .conf = conf,
        .conditions = arena_alloc(arena, conf->conditions.n * sizeof(*rule.conditions)),
        .n = conf->conditions.n,
    };

    for (uint32_t i = 0; i < rule.n; i++) {
        struct rules_condition *compiled = &rule.conditions[i];

        *compiled = compile_condition(&conditions[i], arena);
        if (compiled->type == CONDITION_HOST && !rule.host)
            rule.host = compiled;
        if (compiled->type == CONDITION_PATH && !rule.path)
            rule.path = compiled;
    }
    return rule;
}

static int compare_rules(const void *a_ptr, const void *b_ptr)
{
    const struct rule_conf *a = *(const struct rule_conf *const *)a_ptr;
    const struct rule_conf *b = *(const struct rule_conf *const *)b_ptr;

    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return strcmp(a->res.id, b->res.id);
}

struct ruleset *ruleset_new(
    const struct listener_conf *listener, const struct rule_conf *const *rules, uint32_t n_rules)
{
    struct ruleset *ruleset = base_zalloc(sizeof(*ruleset));
    const struct rule_conf **sorted = base_calloc((size_t)n_rules + 1, sizeof(void *));

    arena_init(&ruleset->arena, NULL, 0, SIZE_MAX);
    ruleset->listener = listener;
    ruleset->by_specificity = listener->rule_order == ORDER_SPECIFICITY;
    if (n_rules > 0) {
        memcpy(sorted, rules, n_rules * sizeof(void *));
        qsort(sorted, n_rules, sizeof(void *), compare_rules);
    }
    ruleset->rules = arena_alloc(&ruleset->arena, n_rules * sizeof(*ruleset->rules));
    ruleset->n_rules = n_rules;
    for (uint32_t i = 0; i < n_rules; i++)
        ruleset->rules[i] = compile_rule(sorted[i], &ruleset->arena);
    rules_index(ruleset);
    free(sorted);
    return ruleset;
}

struct ruleset *ruleset_free(struct ruleset *ruleset)
{
    if (!ruleset)
        return NULL;
    arena_done(&ruleset->arena);
    free(ruleset);
    return NULL;
}

/* Rules and requests for tests, written as short rows. */
#pragma once

#include "rules/rules.h"
#include "unit.h"

#define MAKE_VALUES 3u

/* Rows leave out what a case does not need. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Absent members put no condition. Values end at the first NULL. */
struct make_rule {
    const char *id;
    uint32_t priority;
    const char *hosts[MAKE_VALUES + 1];
    const char *paths[MAKE_VALUES + 1];
    const char *prefixes[MAKE_VALUES + 1];
    const char *methods[MAKE_VALUES + 1];
    const char *key; /* header */
    const char *headers[MAKE_VALUES + 1];
};

struct make_request {
    const char *host, *path, *query, *method;
    const char *key;
    const char *headers[MAKE_VALUES + 1];
};

static inline void make_condition(struct rule_conf *rule, enum condition_type type,
    enum match_mode match, const char *key, const char *const *values)
{
    struct condition *condition = &((struct condition *)rule->conditions.at)[rule->conditions.n];
    uint32_t n = 0;

    while (values[n])
        n++;
    if (n == 0)
        return;
    *condition = (struct condition){type, match, key, {(void *)(uintptr_t)values, n}};
    rule->conditions.n++;
}

/* Borrows the row. Its action is a fixed response that cannot be confused with the default. */
static inline struct rule_conf *make_rule(struct arena *arena, const struct make_rule *row)
{
    struct rule_conf *rule = arena_zalloc(arena, sizeof(*rule));
    struct action *action = arena_zalloc(arena, sizeof(*action));

    *action = (struct action){.type = ACTION_FIXED_RESPONSE,
        .status = 200,
        .content_type = "text/plain",
        .content = row->id};
    rule->res.id = row->id;
    rule->priority = row->priority;
    rule->conditions.at = arena_zalloc(arena, 5 * sizeof(struct condition));
    rule->actions = (struct field_list){action, 1};
    make_condition(rule, CONDITION_HOST, MATCH_PATTERN, "", row->hosts);
    make_condition(rule, CONDITION_PATH, MATCH_PATTERN, "", row->paths);
    make_condition(rule, CONDITION_PATH, MATCH_PREFIX, "", row->prefixes);
    make_condition(rule, CONDITION_METHOD, MATCH_PATTERN, "", row->methods);
    make_condition(rule, CONDITION_HEADER, MATCH_PATTERN, row->key, row->headers);
    return rule;
}

static inline struct http_msg make_msg(
    const struct make_request *row, struct http_header headers[static MAKE_VALUES])
{
    struct http_msg msg = {
        .is_request = true,
        .version = HTTP_VERSION_1_1,
        .authority = span_of(row->host),
        .path = span_of(row->path),
        .query = span_of(row->query),
        .has_query = row->query != NULL,
        .method_text = span_of(row->method ? row->method : "GET"),
        .fields = {.at = headers, .cap = MAKE_VALUES},
    };

    for (uint32_t i = 0; row->headers[i]; i++) {
        int r = http_add(&msg.fields, http_name_find(span_of(row->key)), span_of(row->key),
            span_of(row->headers[i]));

        assert_int_equal(r, 0);
    }
    return msg;
}

/* A ruleset and a request made out of arbitrary bytes, and a second evaluator: a linear scan without index, without
 * compiling, slow and plain. Whatever the bytes, both must say the same. Used by a unit test with random
 * bytes and by a fuzz target. */
#pragma once

#include "rules/rules.h"

/* What was found to be wrong ends the program, in a unit test and in a fuzz target alike. */
#define REFERENCE_CHECK(condition)                                                          \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            (void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

/* --- choices --- */

struct reference_source {
    const uint8_t *at;
    size_t left;
    struct arena arena;
};

/* In [0, n), 0 when the bytes are used up. n <= 256 */
static inline unsigned reference_choose(struct reference_source *source, unsigned n)
{
    if (source->left == 0)
        return 0;
    source->left--;
    return *source->at++ % n;
}

static inline bool reference_one_in(struct reference_source *source, unsigned n)
{
    return reference_choose(source, n) == n - 1;
}

/* One to max pieces in a row, mostly behind a '/'. */
static inline const char *reference_text(
    struct reference_source *source, const char *const *pieces, unsigned n_pieces, unsigned max)
{
    unsigned n = 1 + reference_choose(source, max);
    char *out = arena_alloc(&source->arena, n * 8 + 2);
    size_t len = 0;

    if (!reference_one_in(source, 16))
        out[len++] = '/';
    for (unsigned i = 0; i < n; i++) {
        struct span piece = span_of(pieces[reference_choose(source, n_pieces)]);

        memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
    }
    out[len] = '\0';
    return out;
}

static const char *const reference_host_values[] = {"a.x", "A.x", "b.a.x", "a.b.a.x", "*.x",
    "*.a.x", "*.b.a.x", "*.A.X", "*", "*x", "?.x", "*.?", "a.*", "*.*", "?.a.x", "b.?.x", "b.x.",
    "[::1]", "*.x*", "a?x"};
static const char *const reference_hosts[] = {"a.x", "A.X", "b.a.x", "B.a.x:80", "a.b.a.x", "b.x.",
    "x", "c.x", "c.b.a.x.", "[::1]:8080", "[::1]", "", "a-x", "a..x", "x.y", "z"};
static const char *const reference_value_pieces[] = {
    "/", "a", "b", "ab", "A", "*", "?", "%2f", "%2F", "%61", "%7c", "\xc3\xa4", "/a", "/b"};
static const char *const reference_path_pieces[] = {"/", "a", "b", "ab", "A", "/a", "/b", "/a",
    "%2f", "%2F", "%61", "%7C", "/..", "/.", "%2e", "%c3%a4", "\\", ";", "%", "%0a", "*"};
static const char *const reference_methods[] = {"GET", "POST", "PURGE"};
static const char *const reference_keys[] = {"X-Role", "x-role", "User-Agent"};
static const char *const reference_header_values[] = {
    "user", "admin", "user, admin", "*admin*", "user*", "?ser", ""};
static const char *const reference_templates[] = {"", "${host}", "${path}", "/n${path}", "/n",
    "a=${query}&p=${path}", "${query}", "h-${host}.x", "\r\n ${nothing}$", "/${port}/${protocol}"};

#define REFERENCE_TEXT(source, pieces, max) \
    reference_text((source), (pieces), ARRAY_LEN(pieces), (max))
#define REFERENCE_PICK(source, list) ((list)[reference_choose((source), ARRAY_LEN(list))])

/* n_values: repeats the same few to make so many. */
static inline struct condition reference_condition(
    struct reference_source *source, uint32_t n_values)
{
    struct condition condition = {.type = reference_choose(source, 4), .key = ""};
    uint32_t n_distinct = 1 + reference_choose(source, 3);
    uint32_t n = MAX(n_distinct, n_values);
    const char **values = arena_alloc(&source->arena, n * sizeof(*values));

    if (condition.type == CONDITION_PATH && reference_choose(source, 2) == 1)
        condition.match = MATCH_PREFIX;
    if (condition.type == CONDITION_HEADER)
        condition.key = REFERENCE_PICK(source, reference_keys);
    for (uint32_t i = 0; i < n; i++) {
        if (i >= n_distinct)
            values[i] = values[i % n_distinct];
        else if (condition.type == CONDITION_HOST)
            values[i] = REFERENCE_PICK(source, reference_host_values);
        else if (condition.type == CONDITION_PATH)
            values[i] = REFERENCE_TEXT(source, reference_value_pieces, 2);
        else if (condition.type == CONDITION_METHOD)
            values[i] = REFERENCE_PICK(source, reference_methods);
        else
            values[i] = REFERENCE_PICK(source, reference_header_values);
    }
    condition.values = (struct field_list){(void *)values, n};
    return condition;
}

static inline struct action reference_final_action(struct reference_source *source)
{
    struct action action = {.type = reference_choose(source, 3),
        .protocol = "",
        .port = "",
        .host = REFERENCE_PICK(source, reference_templates),
        .path = REFERENCE_PICK(source, reference_templates),
        .query = REFERENCE_PICK(source, reference_templates),
        .status = 301,
        .content_type = "text/plain",
        .content = "no"};
    struct forward_group *groups = arena_alloc(&source->arena, 3 * sizeof(*groups));

    for (uint32_t i = 0; i < 3; i++)
        groups[i] = (struct forward_group){{i}, reference_choose(source, 4)};
    action.groups = (struct field_list){groups, 3};
    return action;
}

static inline struct field_list reference_actions(struct reference_source *source)
{
    struct action *actions = arena_alloc(&source->arena, 2 * sizeof(*actions));
    uint32_t n = 0;

    if (reference_one_in(source, 3)) {
        actions[n] = reference_final_action(source);
        actions[n++].type = ACTION_REWRITE;
    }
    actions[n++] = reference_final_action(source);
    return (struct field_list){actions, n};
}

static inline struct rule_conf *reference_rule(struct reference_source *source, uint32_t i)
{
    struct rule_conf *rule = arena_zalloc(&source->arena, sizeof(*rule));
    uint32_t n = reference_choose(source, 4);
    /* Sometimes more hosts and paths than are indexed one by one. */
    uint32_t n_values = reference_one_in(source, 4) ? 17 : 1;
    struct condition *conditions = arena_alloc(&source->arena, (n + 1) * sizeof(*conditions));
    char id[2] = {(char)(' ' + i), '\0'};

    for (uint32_t k = 0; k < n; k++)
        conditions[k] = reference_condition(source, n_values);
    rule->res.id = arena_copy(&source->arena, (struct span){id, 1}).ptr;
    rule->priority = 1 + reference_choose(source, 40); /* some are equal: then the id decides */
    rule->conditions = (struct field_list){conditions, n};
    rule->actions = reference_actions(source);
    return rule;
}

static inline struct http_msg reference_msg(
    struct reference_source *source, struct http_header headers[static 3])
{
    struct http_msg msg = {.is_request = true, .fields = {.at = headers, .cap = 3}};

    msg.authority = span_of(REFERENCE_PICK(source, reference_hosts));
    msg.path = SPAN_LIT("*");
    if (!reference_one_in(source, 16)) {
        const char *text = REFERENCE_TEXT(source, reference_path_pieces, 6);

        msg.path = span_of(text);
    }
    msg.method_text = span_of(REFERENCE_PICK(source, reference_methods));
    msg.fields.n = reference_choose(source, 4);
    for (uint32_t i = 0; i < msg.fields.n; i++) {
        struct span name = span_of(REFERENCE_PICK(source, reference_keys));
        struct span value = span_of(REFERENCE_PICK(source, reference_header_values));

        headers[i] = (struct http_header){.name = name.ptr,
            .name_len = (uint32_t)name.len,
            .value = value.ptr,
            .value_len = (uint32_t)value.len,
            .id = (uint16_t)http_name_find(name)};
    }
    msg.has_query = reference_one_in(source, 2);
    if (msg.has_query)
        msg.query = span_of(REFERENCE_TEXT(source, reference_path_pieces, 3));
    return msg;
}

/* --- the slow evaluator --- */

static inline bool reference_matches(const char *pattern, struct span text)
{
    if (*pattern == '\0')
        return text.len == 0;
    if (*pattern == '*')
        return reference_matches(pattern + 1, text) ||
               (text.len > 0 && reference_matches(pattern, span_from(text, 1)));
    return text.len > 0 && (*pattern == '?' || *pattern == text.ptr[0]) &&
           reference_matches(pattern + 1, span_from(text, 1));
}

/* Host in lower case without port and final dot. */
static inline struct span reference_host(struct reference_source *source, struct span authority)
{
    struct span host = arena_copy(&source->arena, authority);
    char *bytes = (char *)(uintptr_t)host.ptr;

    if (host.len > 0 && host.ptr[0] == '[')
        host.len = span_find(host, ']') + 1;
    else
        host.len = span_find(host, ':');
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i < host.len; i++)
        bytes[i] = ascii_lower(bytes[i]);
    bytes[host.len] = '\0';
    return host;
}

static inline bool reference_is_unreserved(long byte)
{
    return byte != 0 && byte < 0x80 &&
           strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", (int)byte);
}

/* A path value as paths are: all of it in one of two spellings per byte. */
static inline const char *reference_value(struct reference_source *source, const char *value)
{
    char *out = arena_alloc(&source->arena, strlen(value) * 3 + 1);
    size_t n = 0;

    for (; *value != '\0'; value++) {
        long byte = (uint8_t)*value;
        bool escaped = false;

        if (byte == '%' && strspn(value + 1, "0123456789abcdefABCDEF") >= 2) {
            char digits[3] = {value[1], value[2], '\0'};

            byte = strtol(digits, NULL, 16);
            escaped = true;
            value += 2;
        }
        if (reference_is_unreserved(byte) || (!escaped && byte > ' ' && byte < 0x7f)) {
            out[n++] = (char)byte;
        } else {
            (void)snprintf(out + n, 4, "%%%02lX", (unsigned long)byte);
            n += 3;
        }
    }
    out[n] = '\0';
    return out;
}

struct reference_request {
    const struct http_msg *msg;
    struct span host, path;
    struct reference_source *source;
};

static inline bool reference_value_holds(
    const struct reference_request *request, const struct condition *condition, const char *value)
{
    const struct http_fields *fields = &request->msg->fields;
    struct span text = span_of(value);

    switch ((enum condition_type)condition->type) {
    case CONDITION_HOST:
        return request->host.len > 0 &&
               reference_matches(reference_host(request->source, text).ptr, request->host);
    case CONDITION_PATH:
        if (request->path.ptr[0] == '*')
            return false;
        value = reference_value(request->source, value);
        return condition->match == MATCH_PREFIX ? span_starts_with(request->path, span_of(value))
                                                : reference_matches(value, request->path);
    case CONDITION_METHOD:
        return span_eq(request->msg->method_text, text);
    case CONDITION_HEADER:
        for (uint32_t i = 0; i < fields->n; i++)
            if (span_eq_nocase(http_header_name(&fields->at[i]), span_of(condition->key)) &&
                reference_matches(value, http_header_value(&fields->at[i])))
                return true;
        return false;
    }
    return false;
}

static inline bool reference_condition_holds(
    const struct reference_request *request, const struct condition *condition)
{
    for (uint32_t i = 0; i < condition->values.n; i++)
        if (reference_value_holds(
                request, condition, FIELD_ITEMS(condition->values, const char *)[i]))
            return true;
    return false;
}

static inline bool reference_rule_holds(
    const struct reference_request *request, const struct rule_conf *rule)
{
    for (uint32_t i = 0; i < rule->conditions.n; i++)
        if (!reference_condition_holds(
                request, &FIELD_ITEMS(rule->conditions, struct condition)[i]))
            return false;
    return true;
}

static inline const struct condition *reference_first(
    const struct rule_conf *rule, enum condition_type type)
{
    for (uint32_t i = 0; i < rule->conditions.n; i++)
        if (FIELD_ITEMS(rule->conditions, struct condition)[i].type == type)
            return &FIELD_ITEMS(rule->conditions, struct condition)[i];
    return NULL;
}

static inline unsigned reference_n_wild(const char *value)
{
    unsigned n = 0;

    for (; *value != '\0'; value++)
        n += *value == '*' || *value == '?';
    return n;
}

/* Whether host value a decides before b. */
static inline bool reference_is_narrower(const char *a, const char *b)
{
    unsigned n_a = reference_n_wild(a), n_b = reference_n_wild(b);

    if ((n_a == 0) != (n_b == 0))
        return n_a == 0;
    if (strlen(a) != strlen(b))
        return strlen(a) > strlen(b);
    return n_a != n_b ? n_a < n_b : strcmp(a, b) < 0;
}

static inline const char *reference_best_host(
    const struct reference_request *request, const struct rule_conf *const *rules, uint32_t n)
{
    const char *best = NULL;

    for (uint32_t i = 0; i < n; i++) {
        const struct condition *host = reference_first(rules[i], CONDITION_HOST);

        for (uint32_t k = 0; host && k < host->values.n; k++) {
            const char *value = FIELD_ITEMS(host->values, const char *)[k];

            if (!reference_value_holds(request, host, value))
                continue;
            value = reference_host(request->source, span_of(value)).ptr;
            if (!best || reference_is_narrower(value, best))
                best = value;
        }
    }
    return best;
}

static inline bool reference_has_host(
    const struct reference_request *request, const struct rule_conf *rule, const char *host)
{
    const struct condition *condition = reference_first(rule, CONDITION_HOST);

    if (!host || !condition)
        return !host && !condition;
    for (uint32_t i = 0; i < condition->values.n; i++) {
        struct span value = span_of(FIELD_ITEMS(condition->values, const char *)[i]);

        if (span_eq(reference_host(request->source, value), span_of(host)))
            return true;
    }
    return false;
}

/* How much the rule's path says about this request: 0 without path. */
static inline size_t reference_path_rank(
    const struct reference_request *request, const struct rule_conf *rule)
{
    const struct condition *path = reference_first(rule, CONDITION_PATH);
    size_t best = 0;

    for (uint32_t i = 0; path && i < path->values.n; i++) {
        const char *value = FIELD_ITEMS(path->values, const char *)[i];
        size_t rank;

        if (!reference_value_holds(request, path, value))
            continue;
        value = reference_value(request->source, value);
        rank = strlen(value) * 4 + 1;
        if (path->match == MATCH_PREFIX)
            rank += 1;
        else if (reference_n_wild(value) == 0)
            rank += 2;
        best = MAX(best, rank);
    }
    return best;
}

static inline bool reference_is_before(const struct rule_conf *a, const struct rule_conf *b)
{
    return a->priority != b->priority ? a->priority < b->priority
                                      : strcmp(a->res.id, b->res.id) < 0;
}

static inline const struct rule_conf *reference_decide(const struct reference_request *request,
    bool by_specificity, const struct rule_conf *const *rules, uint32_t n)
{
    const char *host = by_specificity ? reference_best_host(request, rules, n) : NULL;
    const struct rule_conf *best = NULL;
    size_t best_rank = 0;

    for (uint32_t i = 0; i < n; i++) {
        size_t rank = by_specificity ? reference_path_rank(request, rules[i]) : 0;

        if (by_specificity && !reference_has_host(request, rules[i], host))
            continue;
        if (!reference_rule_holds(request, rules[i]))
            continue;
        if (!best || rank > best_rank ||
            (rank == best_rank && reference_is_before(rules[i], best))) {
            best = rules[i];
            best_rank = rank;
        }
    }
    return best;
}

/* --- both together --- */

static inline void reference_check_text(struct span text, bool is_url)
{
    for (size_t i = 0; i < text.len; i++)
        REFERENCE_CHECK(
            (uint8_t)text.ptr[i] > ' ' && text.ptr[i] < 0x7f && (!is_url || text.ptr[i] != '"'));
}

static inline void reference_check_same(const struct verdict *a, const struct verdict *b)
{
    REFERENCE_CHECK(a->kind == b->kind && a->rule == b->rule && a->group == b->group);
    REFERENCE_CHECK(a->status == b->status && a->reason == b->reason);
    REFERENCE_CHECK(a->has_query == b->has_query);
    REFERENCE_CHECK(span_eq(a->host, b->host) && span_eq(a->path, b->path));
    REFERENCE_CHECK(span_eq(a->query, b->query) && span_eq(a->location, b->location));
    REFERENCE_CHECK(span_eq(a->content, b->content));
}

static inline void reference_check_request(struct reference_source *source,
    const struct ruleset *ruleset, bool by_specificity, const struct rule_conf *const *rules,
    uint32_t n)
{
    struct http_header headers[3];
    struct http_msg msg = reference_msg(source, headers);
    struct rules_request asked = {.msg = &msg, .port = 80, .draw = reference_choose(source, 12)};
    struct reference_request request = {&msg, .source = source, .path = msg.path};
    struct verdict verdict, explained;
    struct text text;

    text_init(&text, (size_t)1 << 24);
    REFERENCE_CHECK(rules_decide(ruleset, &asked, &source->arena, &verdict) == 0);
    REFERENCE_CHECK(rules_explain(ruleset, &asked, &source->arena, &explained, &text) == 0);
    reference_check_same(&verdict, &explained);
    text_done(&text);

    if (!span_eq(msg.path, SPAN_LIT("*")) &&
        path_normalise(msg.path, &source->arena, &request.path) == -EINVAL) {
        REFERENCE_CHECK(verdict.kind == VERDICT_REFUSE && verdict.reason == REASON_BAD_PATH);
        return;
    }
    request.host = reference_host(source, msg.authority);
    REFERENCE_CHECK(verdict.rule == reference_decide(&request, by_specificity, rules, n));
    reference_check_text(verdict.location, true);
    if (verdict.kind != VERDICT_FORWARD)
        return;
    reference_check_text(verdict.host, true);
    reference_check_text(verdict.path, true);
    reference_check_text(verdict.query, false);
    REFERENCE_CHECK(verdict.path.ptr[0] == '/' || span_eq(verdict.path, SPAN_LIT("*")));
}

#define REFERENCE_RULES_MAX 60u

/* One ruleset, several requests. */
static inline void reference_run(const uint8_t *data, size_t size)
{
    const struct rule_conf *rules[REFERENCE_RULES_MAX];
    struct reference_source source = {.at = data, .left = size};
    struct listener_conf listener = {.res.id = "listener"};
    CLEANUP(ruleset_free) struct ruleset *ruleset = NULL;
    uint32_t n;

    arena_init(&source.arena, NULL, 0, SIZE_MAX);
    listener.rule_order = reference_choose(&source, 2);
    listener.default_actions = reference_actions(&source);
    n = reference_choose(&source, REFERENCE_RULES_MAX + 1);
    for (uint32_t i = 0; i < n; i++)
        rules[i] = reference_rule(&source, i);
    ruleset = ruleset_new(&listener, rules, n);
    do {
        reference_check_request(
            &source, ruleset, listener.rule_order == ORDER_SPECIFICITY, rules, n);
    } while (source.left > 0);
    arena_done(&source.arena);
}

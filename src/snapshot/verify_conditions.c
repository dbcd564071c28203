/* What rules look at: syntax of values, and what order by specificity can put in order. */
#include "snapshot/verify.h"

struct condition_check {
    const struct verify *verify;
    const struct condition *condition;
    const struct field_path *path;
};

static void complain(
    const struct condition_check *check, const char *name, const char *value, const char *rule)
{
    struct field_path path = {.up = check->path, .name = name};

    verify_complain(check->verify, &path, span_of(value), "%s", rule);
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* All of it letters, digits, or one of others. */
static bool has_only(const char *text, const char *others)
{
    for (; *text; text++) {
        if (!is_alnum(*text) && !strchr(others, *text))
            return false;
    }
    return true;
}

static const char *host_problem(const struct condition *condition, const char *value)
{
    size_t len = strlen(value);

    (void)condition;
    if (len > 253)
        return "must have at most 253 characters";
    if (!has_only(value, "-._*?"))
        return "must have letters, digits, and - . _ * ? only";
    if (value[0] == '.' || value[len - 1] == '.')
        return "must not begin or end with a dot";
    return NULL;
}

/* "." and ".." are gone from the path that is looked at, so they would never match. */
static bool has_dot_segment(const char *path)
{
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        size_t len = strcspn(slash + 1, "/");

        if ((len == 1 || len == 2) && strncmp(slash + 1, "..", len) == 0)
            return true;
    }
    return false;
}

static const char *path_problem(const struct condition *condition, const char *value)
{
    if (value[0] != '/')
        return "must begin with /";
    if (has_dot_segment(value))
        return "must not have the segments . and ..";
    for (const char *c = value; *c; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"#\\", *c))
            return "must have visible ASCII characters other than \" # \\ only";
        if (condition->match == MATCH_PREFIX && (*c == '*' || *c == '?'))
            return "must not have * or ?: the match is prefix";
    }
    return NULL;
}

static const char *method_problem(const struct condition *condition, const char *value)
{
    (void)condition;
    if (strlen(value) > 24)
        return "must have at most 24 characters";
    for (const char *c = value; *c; c++) {
        if ((*c < 'A' || *c > 'Z') && *c != '-' && *c != '_')
            return "must be a method in capital letters";
    }
    return NULL;
}

static const char *header_problem(const struct condition *condition, const char *value)
{
    size_t len = strlen(value);

    (void)condition;
    if (len > 128)
        return "must have at most 128 characters";
    if (value[0] == ' ' || value[len - 1] == ' ')
        return "must not begin or end with a space";
    for (const char *c = value; *c; c++) {
        if (*c < ' ' || *c > '~')
            return "must have printable ASCII characters only";
    }
    return NULL;
}

/* Name of a header (RFC 9110 section 5.6.2) that has no condition type of its own. */
static void verify_key(const struct condition_check *check)
{
    struct span key = span_of(check->condition->key);

    if (check->condition->type != CONDITION_HEADER) {
        if (key.len > 0)
            complain(check, "key", key.ptr, "is for conditions of type header only");
        return;
    }
    if (key.len == 0 || !has_only(key.ptr, "!#$%&'*+-.^_`|~"))
        complain(check, "key", key.ptr, "must be the name of a header");
    if (span_eq_nocase(key, SPAN_LIT("host")) || span_eq_nocase(key, SPAN_LIT("cookie")))
        complain(check, "key", key.ptr, "must not be Host or Cookie");
}

static void verify_values(const struct condition_check *check)
{
    static const char *(*const types[])(const struct condition *condition, const char *value) = {
        [CONDITION_HOST] = host_problem,
        [CONDITION_PATH] = path_problem,
        [CONDITION_METHOD] = method_problem,
        [CONDITION_HEADER] = header_problem,
    };
    const struct condition *condition = check->condition;
    const struct field_path path = {.up = check->path, .name = "values"};

    for (uint32_t i = 0; i < condition->values.n; i++) {
        const struct field_path element = {.up = &path, .index = i};
        const char *value = FIELD_ITEMS(condition->values, const char *)[i];
        const char *problem = types[condition->type](condition, value);

        if (problem)
            verify_complain(check->verify, &element, span_of(value), "%s", problem);
    }
}

/* Order by specificity compares one host and one path beginning per rule. */
static void verify_specific(const struct condition_check *check, const struct rule_conf *rule)
{
    const struct condition *condition = check->condition;

    if (condition->type != CONDITION_HOST && condition->type != CONDITION_PATH) {
        complain(check, "type", condition_type_names[condition->type],
            "must be host or path in a listener of order specificity");
        return;
    }
    if (condition->type == CONDITION_PATH && condition->match != MATCH_PREFIX)
        complain(check, "match", "pattern",
            "must be prefix for a path in a listener of order specificity");
    if (condition->values.n > 1)
        complain(check, "values", NULL, "must be a single one in a listener of order specificity");
    for (const struct condition *other = rule->conditions.at; other < condition; other++) {
        if (other->type == condition->type)
            complain(check, "type", condition_type_names[condition->type],
                "must appear once in a listener of order specificity");
    }
}

void verify_conditions(
    const struct verify *verify, const struct listener_conf *listener, const struct rule_conf *rule)
{
    const struct field_path path = {.name = "conditions"};

    for (uint32_t i = 0; i < rule->conditions.n; i++) {
        const struct field_path element = {.up = &path, .index = i};
        const struct condition_check check = {
            .verify = verify,
            .condition = &FIELD_ITEMS(rule->conditions, struct condition)[i],
            .path = &element,
        };

        if (check.condition->match == MATCH_PREFIX && check.condition->type != CONDITION_PATH)
            complain(&check, "match", "prefix", "is for conditions of type path only");
        verify_key(&check);
        verify_values(&check);
        if (listener->rule_order == ORDER_SPECIFICITY)
            verify_specific(&check, rule);
    }
}

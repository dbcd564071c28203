/* Conditions of rules: a row per type, a function per kind of value. */
#include "control/products/alb/rule_check.h"

#define CAPTURES_MAX 3u

/* What a value may be: NULL, or the rule that it breaks, to follow the value in a sentence. */
typedef const char *(*value_fn)(const char *value);

struct condition {
    const char *type, *config;
    value_fn check;
    unsigned len_min, len_max; /* of a value, in bytes */
    unsigned n_max;            /* values */
    unsigned key_max;          /* bytes of a key; 0: there is none */
    bool has_pairs;            /* values are {Key, Value}; else key_max > 0 is one Key for all */
    bool is_basic;             /* in all editions */
    bool is_response;          /* in response rules only */
    bool has_wildcards;
};

static bool is_alnum(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');
}

static bool has_only(const char *value, const char *others)
{
    for (; *value; value++) {
        if (!is_alnum(*value) && !strchr(others, *value))
            return false;
    }
    return true;
}

static bool is_regex(const char *value)
{
    return value[0] == '~';
}

static const char *check_host(const char *value)
{
    size_t len = strlen(value);
    const char *last = strrchr(value, '.');

    if (!has_only(value, ".-?=~_+\\^*!$&|()[]"))
        return "must have letters, digits and .-?=~_+\\^*!$&|()[] only";
    if (is_regex(value))
        return NULL;
    if (!last || value[0] == '.' || value[len - 1] == '.')
        return "must have a dot, but not as its first or last character";
    for (last++; *last; last++) {
        if (!(ascii_lower(*last) >= 'a' && ascii_lower(*last) <= 'z') && *last != '*' &&
            *last != '?')
            return "must have letters or wildcards only behind the last dot";
    }
    return NULL;
}

static bool is_printable(const char *value, const char *but)
{
    for (; *value; value++) {
        if (*value < ' ' || *value > '~' || strchr(but, *value))
            return false;
    }
    return true;
}

static const char *check_path(const char *value)
{
    if (is_regex(value))
        return is_printable(value, " \"")
                   ? NULL
                   : "must be a regular expression of visible ASCII characters";
    if (value[0] != '/')
        return "must begin with '/'";
    return has_only(value, "$-_.+/&~@:*?") ? NULL
                                           : "must have letters, digits and $-_.+/&~@:*? only";
}

static const char *check_text(const char *value)
{
    if (!is_printable(value, ""))
        return "must have printable ASCII characters only";
    return value[0] == ' ' || value[strlen(value) - 1] == ' ' ? "must not begin or end with a space"
                                                              : NULL;
}

static const char *check_query(const char *value)
{
    for (const char *c = value; *c; c++) {
        if (ascii_lower(*c) != *c)
            return "must not have upper-case letters (letter case does not matter)";
    }
    return is_printable(value, " #[]{}\\|<>&")
               ? NULL
               : "must be printable ASCII without spaces and #[]{}\\|<>&";
}

static const char *check_cookie(const char *value)
{
    return is_printable(value, " ;,") ? NULL
                                      : "must be printable ASCII without spaces, ';' and ','";
}

static const char *check_method(const char *value)
{
    static const char *const methods[] = {
        "HEAD", "GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(value, methods[i]) == 0)
            return NULL;
    }
    return "must be HEAD, GET, POST, OPTIONS, PUT, PATCH or DELETE";
}

static const char *check_source(const char *value)
{
    struct addr addr;
    struct cidr cidr;

    if (addr_parse_ip(span_of(value), &addr) == 0)
        return NULL;
    if (cidr_parse(span_of(value), &cidr) < 0)
        return "must be an IP address or a CIDR block without host bits";
    for (size_t i = 0; i < sizeof(cidr.addr.ip); i++) {
        if (cidr.addr.ip[i] != 0)
            return NULL;
    }
    return "must not begin with the address 0.0.0.0";
}

/* "200", "200-299"; commas separate. */
static bool is_status_range(struct span range)
{
    uint64_t low, high;
    size_t dash = span_find(range, '-');

    if (span_parse_u64((struct span){range.ptr, dash}, &low) < 0)
        return false;
    high = low;
    if (dash < range.len && span_parse_u64(span_from(range, dash + 1), &high) < 0)
        return false;
    return low >= 100 && low <= high && high <= 599;
}

static const char *check_status(const char *value)
{
    struct span list = span_of(value);
    struct span one;

    while (span_next(&list, ',', &one)) {
        if (!is_status_range(one))
            return "must be numbers from 100 to 599 or ranges of them, as in 200-299,404";
    }
    return NULL;
}

static const struct condition conditions[] = {
    {"Host", "HostConfig", check_host, 3, 128, 50, .is_basic = true, .has_wildcards = true},
    {"Path", "PathConfig", check_path, 1, 128, 50, .is_basic = true, .has_wildcards = true},
    {"Header", "HeaderConfig", check_text, 1, 128, 50, 40, .is_basic = true, .has_wildcards = true},
    {"QueryString", "QueryStringConfig", check_query, 1, 128, 20, 100, .has_pairs = true,
        .has_wildcards = true},
    {"Cookie", "CookieConfig", check_cookie, 1, 100, 50, 100, .has_pairs = true,
        .has_wildcards = true},
    {"Method", "MethodConfig", check_method, 1, 10, 10, .is_basic = false},
    {"SourceIp", "SourceIpConfig", check_source, 1, 48, 5, .is_basic = false},
    {"ResponseHeader", "ResponseHeaderConfig", check_text, 1, 128, 50, 40, .is_response = true,
        .has_wildcards = true},
    {"ResponseStatusCode", "ResponseStatusCodeConfig", check_status, 1, 128, 50,
        .is_response = true},
};

static const struct condition *find_condition(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if (type && strcmp(conditions[i].type, type) == 0)
            return &conditions[i];
    }
    return NULL;
}

/* --- one condition ------------------------------------------------------------------------------ */

static const char *check_len(const char *value, unsigned len_min, unsigned len_max)
{
    size_t len = strlen(value);

    if (len == 0 || len < len_min)
        return "is too short";
    return len > len_max ? "is too long" : NULL;
}

static const char *check_key(const struct condition *row, const char *key)
{
    const char *why = check_len(key, 1, row->key_max);

    if (why || row->has_pairs)
        return why ?: row->check(key);
    if (!has_only(key, "-_"))
        return "must have letters, digits, '-' and '_' only";
    if (span_eq_nocase(span_of(key), SPAN_LIT("cookie")) ||
        span_eq_nocase(span_of(key), SPAN_LIT("host")))
        return "has conditions of its own type";
    return NULL;
}

static int refuse(struct rule_check *check, const struct condition *row, size_t n, const char *what,
    const char *value, const char *why)
{
    return call_fail(check->call, "InvalidParameter",
        "RuleConditions.%zu.%s: the %s \"%.140s\" %s.", n, row->config, what, value, why);
}

/* Parts that a regular expression catches: parentheses but "(?" and escaped ones. */
static unsigned count_captures(const char *regex)
{
    unsigned n = 0;

    for (const char *c = regex; *c; c++) {
        if (*c == '\\' && c[1])
            c++;
        else if (*c == '(' && c[1] != '?')
            n++;
    }
    return n;
}

static void note_regex(struct rule_check *check, const char *value)
{
    unsigned n = MIN(count_captures(value), CAPTURES_MAX);

    check->n_captures = check->has_regex ? MIN(check->n_captures, n) : n;
    check->has_regex = true;
}

static int check_value(
    struct rule_check *check, const struct condition *row, size_t n, const json_t *element)
{
    const char *value = row->has_pairs ? json_text(element, "Value") : json_string_value(element);
    const char *key = row->has_pairs ? json_text(element, "Key") : NULL;
    const char *why;

    if (!value || (row->has_pairs && !key))
        return call_fail(check->call, "MissingParameter",
            "RuleConditions.%zu.%s: each of Values needs Key and Value.", n, row->config);
    why = check_len(value, row->len_min, row->len_max) ?: row->check(value);
    if (why)
        return refuse(check, row, n, "value", value, why);
    why = key ? check_key(row, key) : NULL;
    if (why)
        return refuse(check, row, n, "key", key, why);
    if (row->check == check_path && is_regex(value))
        note_regex(check, value);
    return 0;
}

static bool is_wild(const struct condition *row, const json_t *element)
{
    const char *value = row->has_pairs ? json_text(element, "Value") : json_string_value(element);

    return row->has_wildcards && !is_regex(value) && strpbrk(value, "*?");
}

static int check_edition(struct rule_check *check, const struct condition *row, size_t n)
{
    char what[64];

    if (row->is_response && !check->is_response)
        return call_fail(check->call, "InvalidParameter",
            "RuleConditions.%zu: conditions of Type %s are for rules with Direction Response only.",
            n, row->type);
    (void)snprintf(what, sizeof(what), "A condition of Type %s", row->type);
    return row->is_basic ? 0 : alb_need_standard(check->call, check->instance, row->type, what);
}

static int check_condition(
    struct rule_check *check, json_t *condition, size_t n, size_t *n_values, size_t *n_wild)
{
    const char *type = json_text(condition, "Type");
    const struct condition *row = find_condition(type);
    const json_t *config = row ? json_object_get(condition, row->config) : NULL;
    const char *key = json_text(config, "Key");
    const json_t *element;
    size_t i;
    int r;

    if (!row)
        return call_fail(check->call, "InvalidParameter",
            "RuleConditions.%zu.Type %.40s is not a type of conditions.", n, type ?: "(missing)");
    r = rule_check_configs(check->call, condition, row->config, "RuleConditions", n);
    if (r == 0)
        r = check_edition(check, row, n);
    if (r < 0)
        return r;
    if (json_len(config, "Values") == 0 || (row->key_max > 0 && !row->has_pairs && !key))
        return call_fail(check->call, "MissingParameter",
            "RuleConditions.%zu needs %s with %sValues.", n, row->config,
            row->key_max > 0 && !row->has_pairs ? "Key and " : "");
    if (json_len(config, "Values") > row->n_max)
        return call_fail(check->call, "InvalidParameter",
            "RuleConditions.%zu.%s has at most %u Values.", n, row->config, row->n_max);
    if (key && check_key(row, key))
        return refuse(check, row, n, "key", key, check_key(row, key));
    json_array_foreach (json_object_get(config, "Values"), i, element) {
        r = check_value(check, row, n, element);
        if (r < 0)
            return r;
        *n_values += 1;
        *n_wild += is_wild(row, element);
    }
    return 0;
}

int rule_check_conditions(struct rule_check *check, json_t *body)
{
    const json_t *list = json_object_get(body, "RuleConditions");
    json_t *condition;
    size_t n_values = 0;
    size_t n_wild = 0;
    size_t i;
    int r = 0;

    if (json_array_size(list) == 0)
        return call_fail(check->call, "MissingParameter", "A rule needs RuleConditions.");
    check->has_regex = false;
    check->n_captures = 0;
    json_array_foreach (list, i, condition) {
        r = check_condition(check, condition, i + 1, &n_values, &n_wild);
        if (r < 0)
            return r;
    }
    r = alb_check_quota(check->call, check->instance, ALB_QUOTA_CONDITIONS, n_values);
    return r < 0 ? r : alb_check_quota(check->call, check->instance, ALB_QUOTA_WILDCARDS, n_wild);
}

int rule_check_configs(
    struct call *call, json_t *element, const char *config, const char *list, size_t n)
{
    const char *name;
    json_t *value;

    json_object_foreach (element, name, value) {
        size_t len = strlen(name);

        if (len > 6 && strcmp(name + len - 6, "Config") == 0 && strcmp(name, config) != 0)
            return call_fail(call, "InvalidParameter", "%s.%zu.%s does not belong to Type %s.",
                list, n, name, json_text(element, "Type"));
    }
    return 0;
}

/* Redirect, Rewrite, FixedResponse: answers, and requests with other addresses. */
#include "control/products/alb/rule_actions.h"

#define CONTENT_MAX 1024u
#define PORT_MAX    65535u

/* --- texts with variables ----------------------------------------------------------------------- */

bool rule_is_host_byte(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
}

/* Bytes that go into a URI as they are. */
static bool is_query_byte(char c)
{
    return c > ' ' && c <= '~' && !strchr("\"#<>\\^`{}", c);
}

static bool is_path_byte(char c)
{
    return c != '?' && is_query_byte(c);
}

static const char *const variables[] = {
    "${host}", "${protocol}", "${port}", "${path}", "${query}", "${1}", "${2}", "${3}"};
#define N_NAMED 5u /* before the captures */

/* NULL, or the rule that a text breaks. Each variable once; captures that the conditions have. */
static const char *check_template(
    const struct rule_check *check, const char *value, bool (*is_allowed)(char c))
{
    unsigned seen = 0;
    size_t i;

    while (*value) {
        if (!span_starts_with(span_of(value), SPAN_LIT("${"))) {
            if (!is_allowed(*value++))
                return "has a character that cannot stand there";
            continue;
        }
        for (i = 0; i < ARRAY_LEN(variables); i++) {
            if (span_starts_with(span_of(value), span_of(variables[i])))
                break;
        }
        if (i == ARRAY_LEN(variables))
            return "has a variable other than ${host}, ${protocol}, ${port}, ${path}, ${query} and ${1} to ${3}";
        if (seen & 1u << i)
            return "has a variable twice";
        if (i >= N_NAMED && i - N_NAMED >= check->n_captures)
            return "uses a part that no regular expression of a Path condition catches";
        seen |= 1u << i;
        value += strlen(variables[i]);
    }
    return NULL;
}

static const char *check_host(const struct rule_check *check, const char *value)
{
    size_t len = strlen(value);
    const char *why;

    if (strcmp(value, "${host}") == 0)
        return NULL;
    if (strstr(value, "${"))
        return "must be ${host} alone or a domain name";
    why = check_template(check, value, rule_is_host_byte);
    if (!why &&
        (len < 3 || len > 128 || !strchr(value, '.') || value[0] == '.' || value[len - 1] == '.'))
        why = "must be a domain name of 3 to 128 characters with a dot inside";
    return why;
}

static const char *check_path(const struct rule_check *check, const char *value)
{
    if (value[0] != '/' && !span_starts_with(span_of(value), SPAN_LIT("${path}")))
        return "must begin with '/' or ${path}";
    return strlen(value) > 128 ? "has more than 128 characters"
                               : check_template(check, value, is_path_byte);
}

static const char *check_query(const struct rule_check *check, const char *value)
{
    return strlen(value) > 128 ? "has more than 128 characters"
                               : check_template(check, value, is_query_byte);
}

static const char *check_port(const struct rule_check *check, const char *value)
{
    uint64_t port;

    (void)check;
    if (strcmp(value, "${port}") == 0)
        return NULL;
    if (value[0] == '0' || span_parse_u64(span_of(value), &port) < 0 || port > PORT_MAX)
        return "must be ${port} or a number from 1 to 65535";
    return NULL;
}

/* Members of Redirect and Rewrite: those that are absent keep what the request has. */
static const struct target {
    const char *name, *keep;
    const char *(*check)(const struct rule_check *check, const char *value);
} targets[] = {
    {"Host", "${host}", check_host},
    {"Path", "${path}", check_path},
    {"Query", "${query}", check_query},
    {"Port", "${port}", check_port}, /* from here on of Redirect only */
    {"Protocol", "${protocol}", NULL},
};
#define N_REWRITE_TARGETS 3u

static int check_targets(struct rule_check *check, json_t *config, size_t n, size_t n_targets)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < n_targets; i++) {
        const char *value = json_text(config, targets[i].name) ?: targets[i].keep;
        const char *why = targets[i].check ? targets[i].check(check, value) : NULL;

        if (why)
            return rule_refuse(check, n, targets[i].name, value, why);
        n_kept += strcmp(value, targets[i].keep) == 0;
        if (!json_has(config, targets[i].name))
            json_put_text(config, targets[i].name, targets[i].keep);
    }
    if (n_kept == n_targets)
        return call_fail(check->call, "InvalidParameter",
            "RuleActions.%zu changes nothing: at least one of its parameters must differ from the request.",
            n);
    return 0;
}

int rule_redirect(struct rule_check *check, json_t *config, size_t n)
{
    int r = check_targets(check, config, n, ARRAY_LEN(targets));

    if (r < 0)
        return r;
    if (json_text_is(config, "Protocol", "HTTP") &&
        !json_text_is(check->listener, "ListenerProtocol", "HTTP"))
        return rule_refuse(
            check, n, "RedirectConfig.Protocol", "HTTP", "would lead from HTTPS to HTTP");
    if (!json_has(config, "HttpCode"))
        json_put_text(config, "HttpCode", "301");
    return 0;
}

int rule_rewrite(struct rule_check *check, json_t *config, size_t n)
{
    return check_targets(check, config, n, N_REWRITE_TARGETS);
}

/* --- FixedResponse ------------------------------------------------------------------------------ */

int rule_fixed(struct rule_check *check, json_t *config, size_t n)
{
    const char *code = json_text(config, "HttpCode");
    const char *content = json_text(config, "Content");

    if (!code)
        return rule_missing(check, n, "FixedResponseConfig.HttpCode");
    if (strlen(code) != 3 || !strchr("245", code[0]) || strspn(code, "0123456789") != 3)
        return rule_refuse(
            check, n, "FixedResponseConfig.HttpCode", code, "must be 2xx, 4xx or 5xx, as a number");
    if (!content)
        json_put_text(config, "Content", "");
    else if (strlen(content) > CONTENT_MAX)
        return rule_refuse(
            check, n, "FixedResponseConfig.Content", content, "has more than 1024 bytes");
    for (const char *c = content; c && *c; c++) {
        if ((unsigned char)*c >= 0x80)
            return rule_refuse(check, n, "FixedResponseConfig.Content", content,
                "must have ASCII characters only");
    }
    return 0;
}

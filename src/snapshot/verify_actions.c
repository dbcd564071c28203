/* What rules and listeners do: each action by itself, their order, and variables in texts. */
#include "snapshot/verify.h"

/* An action with where it is, and what its listener's requests are like. */
struct action_check {
    const struct verify *verify;
    const struct listener_conf *listener;
    const struct action *action;
    const struct field_path *path;
};

static void complain(
    const struct action_check *check, const char *name, const char *value, const char *rule)
{
    struct field_path path = {.up = check->path, .name = name};

    verify_complain(check->verify, name ? &path : check->path, span_of(value), "%s", rule);
}

/* The text fields of an action, and which types use them. */
static const struct action_text {
    const char *name;
    size_t offset;
    unsigned types; /* bits of enum action_type */
} action_texts[] = {
    {"protocol", offsetof(struct action, protocol), 1 << ACTION_REDIRECT},
    {"host", offsetof(struct action, host), 1 << ACTION_REDIRECT | 1 << ACTION_REWRITE},
    {"port", offsetof(struct action, port), 1 << ACTION_REDIRECT},
    {"path", offsetof(struct action, path), 1 << ACTION_REDIRECT | 1 << ACTION_REWRITE},
    {"query", offsetof(struct action, query), 1 << ACTION_REDIRECT | 1 << ACTION_REWRITE},
    {"content_type", offsetof(struct action, content_type), 1 << ACTION_FIXED_RESPONSE},
    {"content", offsetof(struct action, content), 1 << ACTION_FIXED_RESPONSE},
};

/* Fields of other types must be absent. */
static void verify_absent(const struct action_check *check)
{
    const struct action *action = check->action;
    char rule[64];

    (void)snprintf(rule, sizeof(rule), "must be absent from an action of type %s",
        action_type_names[action->type]);
    for (size_t i = 0; i < ARRAY_LEN(action_texts); i++) {
        const struct action_text *text = &action_texts[i];
        const char *value = *(const char *const *)((const char *)action + text->offset);

        if (value[0] != '\0' && !(text->types & 1u << action->type))
            complain(check, text->name, value, rule);
    }
    if (action->groups.n > 0 && action->type != ACTION_FORWARD)
        complain(check, "groups", NULL, rule);
    if (action->status != 0 && action->type != ACTION_REDIRECT &&
        action->type != ACTION_FIXED_RESPONSE)
        complain(check, "status", NULL, rule);
}

/* Bytes of the variable at the start of text: "${name}"; 0 if it is none. */
static size_t variable_len(struct span text)
{
    static const struct span variables[] = {SPAN_LIT("${host}"), SPAN_LIT("${protocol}"),
        SPAN_LIT("${port}"), SPAN_LIT("${path}"), SPAN_LIT("${query}")};

    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if (span_starts_with(text, variables[i]))
            return variables[i].len;
    }
    return 0;
}

/* "${1}" to "${3}": what a regular expression of the rule has caught. */
static bool is_capture(struct span text)
{
    return text.len >= 4 && span_starts_with(text, SPAN_LIT("${")) && text.ptr[2] >= '1' &&
           text.ptr[2] <= '3' && text.ptr[3] == '}';
}

typedef bool (*byte_test)(char c);

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._:[]", c));
}

/* Bytes that go into a URI as they are (RFC 3986): a space or line end would forge a header. */
static bool is_query_byte(char c)
{
    return c > ' ' && c <= '~' && !strchr("\"#<>\\^`", c);
}

static bool is_path_byte(char c)
{
    return c != '?' && is_query_byte(c);
}

/* Variables are spelled right, and what is around them may stand there. */
static void verify_template(
    const struct action_check *check, const char *name, const char *value, byte_test is_allowed)
{
    struct span rest = span_of(value);

    while (rest.len > 0) {
        size_t len = variable_len(rest);

        if (len == 0 && is_capture(rest)) {
            complain(check, name, value, "parts of a matched path are not built yet");
            return;
        }
        if (len == 0 && span_starts_with(rest, SPAN_LIT("${"))) {
            complain(check, name, value,
                "the variables are ${host}, ${protocol}, ${port}, ${path} and ${query}");
            return;
        }
        if (len == 0 && !is_allowed(rest.ptr[0])) {
            complain(check, name, value, "has a character that cannot stand there");
            return;
        }
        rest = span_from(rest, MAX(len, (size_t)1));
    }
}

static void verify_templates(const struct action_check *check)
{
    const struct action *action = check->action;

    verify_template(check, "host", action->host, is_host_byte);
    verify_template(check, "path", action->path, is_path_byte);
    verify_template(check, "query", action->query, is_query_byte);
    if (action->path[0] != '\0' && action->path[0] != '/' &&
        !span_starts_with(span_of(action->path), SPAN_LIT("${path}")))
        complain(check, "path", action->path, "must begin with / or ${path}");
}

/* Empty, the variable that stands for the same, or what the request has anyway. */
static bool keeps(const char *value, const char *variable, const char *own)
{
    return value[0] == '\0' || strcmp(value, variable) == 0 || (own && strcmp(value, own) == 0);
}

static bool changes_nothing(const struct action_check *check)
{
    const struct action *action = check->action;
    const char *scheme = check->listener->protocol == PROTOCOL_HTTP ? "http" : "https";
    char port[16];

    (void)snprintf(port, sizeof(port), "%u", check->listener->port);
    return keeps(action->protocol, "${protocol}", scheme) && keeps(action->host, "${host}", NULL) &&
           keeps(action->port, "${port}", port) && keeps(action->path, "${path}", NULL) &&
           keeps(action->query, "${query}", NULL);
}

static bool is_port_text(const char *text)
{
    uint64_t port;

    return text[0] != '0' && span_parse_u64(span_of(text), &port) == 0 && port >= 1 &&
           port <= UINT16_MAX;
}

static void verify_redirect(const struct action_check *check)
{
    const struct action *action = check->action;
    const char *protocol = action->protocol;

    if (action->status != 301 && action->status != 302 && action->status != 303 &&
        action->status != 307 && action->status != 308)
        complain(check, "status", NULL, "must be 301, 302, 303, 307 or 308");
    if (protocol[0] != '\0' && strcmp(protocol, "http") != 0 && strcmp(protocol, "https") != 0 &&
        strcmp(protocol, "${protocol}") != 0)
        complain(check, "protocol", protocol, "must be http, https or ${protocol}");
    if (action->port[0] != '\0' && strcmp(action->port, "${port}") != 0 &&
        !is_port_text(action->port))
        complain(check, "port", action->port, "must be ${port} or a number from 1 to 65535");
    verify_templates(check);
    if (changes_nothing(check))
        complain(
            check, NULL, NULL, "changes nothing: the client would be sent to where it is already");
}

static void verify_rewrite(const struct action_check *check)
{
    verify_templates(check);
    if (changes_nothing(check))
        complain(check, NULL, NULL, "changes nothing: give host, path or query");
}

/* type/subtype and parameters (RFC 9110 section 8.3), as far as it could harm the header. */
static bool is_media_type(const char *text)
{
    const char *slash = strchr(text, '/');

    if (!slash || slash == text || slash[1] == '\0' || slash[1] == ' ')
        return false;
    for (const char *c = text; *c; c++) {
        if (*c < ' ' || *c > '~')
            return false;
    }
    return text[0] != ' ' && text[strlen(text) - 1] != ' ';
}

static void verify_fixed_response(const struct action_check *check)
{
    const struct action *action = check->action;

    if (action->status < 200)
        complain(check, "status", NULL, "must be from 200 to 599");
    if (action->content_type[0] != '\0' && !is_media_type(action->content_type))
        complain(check, "content_type", action->content_type, "must be a media type");
    if ((action->status == 204 || action->status == 304) && action->content[0] != '\0')
        complain(check, "content", NULL, "must be absent: statuses 204 and 304 have no body");
}

/* What a listener's clients speak and a group's servers must. https and quic are spoken to clients only. */
static uint32_t group_protocol_of(uint32_t listener_protocol)
{
    switch (listener_protocol) {
    case PROTOCOL_HTTPS:
    case PROTOCOL_QUIC:
        return PROTOCOL_HTTP;
    case PROTOCOL_TCPSSL:
        return PROTOCOL_TCP;
    default:
        return listener_protocol;
    }
}

static void verify_forward_group(const struct action_check *check, uint32_t n)
{
    const struct forward_group *groups = check->action->groups.at;
    const struct field_path list = {.up = check->path, .name = "groups"};
    const struct field_path element = {.up = &list, .index = n};
    const struct field_path path = {.up = &element, .name = "group"};
    const struct field_path weight_path = {.up = &element, .name = "weight"};
    const struct group_conf *group = snapshot_group(check->verify->snapshot, groups[n].group.slot);
    uint32_t wanted = group_protocol_of(check->listener->protocol);

    if (!group)
        return;
    if (group->protocol != wanted)
        verify_complain(check->verify, &path, span_of(group->res.id),
            "is of protocol %s; a listener of protocol %s needs a group of protocol %s",
            protocol_names[group->protocol], protocol_names[check->listener->protocol],
            protocol_names[wanted]);
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i].group.slot == groups[n].group.slot)
            verify_complain(
                check->verify, &path, span_of(group->res.id), "is already named by groups[%u]", i);
    }
    if (wanted != PROTOCOL_HTTP && groups[n].weight == 0)
        verify_complain(check->verify, &weight_path, SPAN_LIT("0"),
            "must not be 0 in a listener of protocol %s, which has one group",
            protocol_names[check->listener->protocol]);
}

static void verify_forward(const struct action_check *check)
{
    const struct action *action = check->action;

    if (action->groups.n == 0)
        complain(check, "groups", NULL, "is required by an action of type forward");
    for (uint32_t i = 0; i < action->groups.n; i++)
        verify_forward_group(check, i);
}

static void verify_action(const struct action_check *check)
{
    static void (*const types[])(const struct action_check *check) = {
        [ACTION_FORWARD] = verify_forward,
        [ACTION_REDIRECT] = verify_redirect,
        [ACTION_FIXED_RESPONSE] = verify_fixed_response,
        [ACTION_REWRITE] = verify_rewrite,
    };

    verify_absent(check);
    types[check->action->type](check);
}

/* Rewrites, then exactly one final action; a rewrite is for servers to see, so that is a forward. */
static void verify_order(const struct action_check *check, uint32_t n, struct field_list list)
{
    const struct action *actions = list.at;
    const struct action *last = &actions[list.n - 1];
    bool is_last = n == list.n - 1;

    if (is_last && actions[n].type == ACTION_REWRITE)
        complain(check, "type", "rewrite",
            "must not be last: forward, redirect or fixed_response comes last");
    else if (!is_last && actions[n].type != ACTION_REWRITE)
        complain(check, "type", action_type_names[actions[n].type],
            "must be last, and there must be one such action only");
    else if (!is_last && last->type != ACTION_FORWARD && last->type != ACTION_REWRITE)
        complain(check, "type", "rewrite", "is for forwarded requests only");
}

static void verify_l4_actions(const struct verify *verify, const struct listener_conf *listener,
    struct field_list list, const struct field_path *path)
{
    const struct action *actions = list.at;

    if (list.n != 1 || actions[0].type != ACTION_FORWARD || actions[0].groups.n != 1)
        verify_complain(verify, path, (struct span){0},
            "a listener of protocol %s must have one action of type forward with one group",
            protocol_names[listener->protocol]);
}

void verify_actions(const struct verify *verify, const struct listener_conf *listener,
    struct field_list actions, const char *name)
{
    const struct field_path path = {.name = name};

    if (actions.n == 0)
        return;
    if (group_protocol_of(listener->protocol) != PROTOCOL_HTTP)
        verify_l4_actions(verify, listener, actions, &path);
    for (uint32_t i = 0; i < actions.n; i++) {
        const struct field_path element = {.up = &path, .index = i};
        const struct action_check check = {
            .verify = verify,
            .listener = listener,
            .action = &FIELD_ITEMS(actions, struct action)[i],
            .path = &element,
        };

        verify_action(&check);
        verify_order(&check, i, actions);
    }
}

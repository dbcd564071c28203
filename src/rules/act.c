#include "rules/ruleset.h"

/* Where a part of a URL is written decides which bytes may stand in it (RFC 3986 sections 3.2 to 3.4). */
enum part {
    PART_HOST,
    PART_PATH,
    PART_QUERY,
};

/* What the variables of a template stand for. */
struct variables {
    struct span host, protocol, port, path, query;
    char port_text[5];
};

/* Writes, or only counts while at is NULL: sizes come from the very code that writes. */
struct writer {
    char *at;
    size_t n;
};

static void put(struct writer *out, struct span s)
{
    if (out->at && s.len > 0)
        memcpy(out->at + out->n, s.ptr, s.len);
    out->n += s.len;
}

static bool is_allowed(char c, enum part part)
{
    if (rules_is_unreserved(c))
        return true;
    if (c == '\0')
        return false;
    switch (part) {
    case PART_HOST:
        return strchr("!$&'()*+;=:[]", c) != NULL;
    case PART_PATH:
        return strchr("!$&'()*+,;=:@/", c) != NULL;
    case PART_QUERY:
        return strchr("!$&'()*+,;=:@/?", c) != NULL;
    }
    return false;
}

/* Escapes what may not stand there; escapes that are there already stay. No byte that could end a
 * header line or begin another part of the URL gets through. */
static void put_encoded(struct writer *out, struct span s, enum part part)
{
    for (size_t i = 0; i < s.len; i++) {
        char escape[3];

        if (is_allowed(s.ptr[i], part) || rules_unescape(s, i) >= 0) {
            put(out, (struct span){s.ptr + i, 1});
            continue;
        }
        rules_put_escape(escape, (uint8_t)s.ptr[i]);
        put(out, (struct span){escape, 3});
    }
}

/* The variable that template begins with, and the bytes of its name; NULL if there is none. */
static const struct span *find_variable(
    const struct variables *variables, struct span template, size_t *ret_len)
{
    const struct {
        struct span name;
        const struct span *value;
    } table[] = {
        {SPAN_LIT("${host}"), &variables->host},
        {SPAN_LIT("${protocol}"), &variables->protocol},
        {SPAN_LIT("${port}"), &variables->port},
        {SPAN_LIT("${path}"), &variables->path},
        {SPAN_LIT("${query}"), &variables->query},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (span_starts_with(template, table[i].name)) {
            *ret_len = table[i].name.len;
            return table[i].value;
        }
    }
    return NULL;
}

/* What the next bytes of a template stand for: a variable, or themselves. *template moves behind them. */
static struct span next_piece(struct span *template, const struct variables *variables)
{
    size_t len = span_find(*template, '$');
    const struct span *value = NULL;
    struct span piece;

    if (len == 0) {
        len = 1; /* a '$' that begins no variable */
        value = find_variable(variables, *template, &len);
    }
    piece = value ? *value : (struct span){template->ptr, len};
    *template = span_from(*template, len);
    return piece;
}

static void put_template(
    struct writer *out, struct span template, const struct variables *variables, enum part part)
{
    while (template.len > 0)
        put_encoded(out, next_piece(&template, variables), part);
}

static void variables_init(struct variables *variables, const struct rules_request *request,
    const struct rules_facts *facts)
{
    struct text port;

    text_init_fixed(&port, variables->port_text, sizeof(variables->port_text));
    text_add_u64(&port, request->port);
    variables->port = text_span(&port);
    variables->host = facts->host;
    variables->protocol = request->tls ? SPAN_LIT("https") : SPAN_LIT("http");
    variables->path = facts->path;
    variables->query = facts->msg->query;
}

static int refuse(enum reason reason, struct verdict *verdict)
{
    verdict->kind = VERDICT_REFUSE;
    verdict->status = 400;
    verdict->reason = reason;
    return 0;
}

/* Templates of a redirect, with what is not given replaced by its variable. */
struct target {
    struct span protocol, host, port, path, query;
};

static struct span text_or(const char *text, struct span otherwise)
{
    return text && text[0] != '\0' ? span_of(text) : otherwise;
}

static bool is_default_port(struct span protocol, struct span port)
{
    return span_eq(port, span_eq(protocol, SPAN_LIT("https")) ? SPAN_LIT("443") : SPAN_LIT("80"));
}

static void put_location(
    struct writer *out, const struct target *target, const struct variables *variables)
{
    struct writer query = {0};

    put(out, target->protocol);
    put(out, SPAN_LIT("://"));
    put_template(out, target->host, variables, PART_HOST);
    if (!is_default_port(target->protocol, target->port)) {
        put(out, SPAN_LIT(":"));
        put_template(out, target->port, variables, PART_HOST);
    }
    put_template(out, target->path, variables, PART_PATH);
    put_template(&query, target->query, variables, PART_QUERY);
    if (query.n == 0)
        return;
    put(out, SPAN_LIT("?"));
    put_template(out, target->query, variables, PART_QUERY);
}

/* The first byte that a template yields, '\0' if it yields none. */
static char first_byte(struct span template, const struct variables *variables)
{
    while (template.len > 0) {
        struct span piece = next_piece(&template, variables);

        if (piece.len > 0)
            return piece.ptr[0];
    }
    return '\0';
}

static int redirect(const struct action *action, const struct variables *variables,
    struct arena *arena, struct verdict *verdict)
{
    struct target target = {
        .protocol = text_or(action->protocol, variables->protocol),
        .host = text_or(action->host, SPAN_LIT("${host}")),
        .port = text_or(action->port, variables->port),
        .path = text_or(action->path, SPAN_LIT("${path}")),
        .query = text_or(action->query, SPAN_LIT("${query}")),
    };
    struct writer count = {0};
    struct writer out = {0};

    if (span_eq(target.protocol, SPAN_LIT("${protocol}")))
        target.protocol = variables->protocol;
    if (span_eq(target.port, SPAN_LIT("${port}")))
        target.port = variables->port;
    if (first_byte(target.host, variables) == '\0')
        return refuse(REASON_BAD_HOST, verdict);
    if (first_byte(target.path, variables) != '/')
        return refuse(REASON_BAD_PATH, verdict);

    put_location(&count, &target, variables);
    out.at = arena_alloc(arena, count.n);
    if (!out.at)
        return -ENOMEM;
    put_location(&out, &target, variables);
    assert(out.n == count.n);
    verdict->kind = VERDICT_REDIRECT;
    verdict->reason = REASON_RULE_REDIRECT;
    verdict->status = (uint16_t)action->status;
    verdict->location = (struct span){out.at, out.n};
    return 0;
}

/* Expands a template in the arena. Returns 0 or -ENOMEM. */
static int expand(struct span template, const struct variables *variables, enum part part,
    struct arena *arena, struct span *ret_text)
{
    struct writer count = {0};
    struct writer out = {0};

    put_template(&count, template, variables, part);
    out.at = arena_alloc(arena, count.n);
    if (!out.at)
        return -ENOMEM;
    put_template(&out, template, variables, part);
    assert(out.n == count.n);
    *ret_text = (struct span){out.at, out.n};
    return 0;
}

/* Whether a template leaves its part as it is. */
static bool keeps(const char *template, const char *variable)
{
    return !template || template[0] == '\0' || strcmp(template, variable) == 0;
}

static int rewrite(const struct action *action, const struct variables *variables,
    struct arena *arena, struct verdict *verdict)
{
    int r = 0;

    if (!keeps(action->host, "${host}"))
        r = expand(span_of(action->host), variables, PART_HOST, arena, &verdict->host);
    if (r == 0 && !keeps(action->query, "${query}")) {
        r = expand(span_of(action->query), variables, PART_QUERY, arena, &verdict->query);
        verdict->has_query = verdict->query.len > 0;
    }
    if (r < 0 || keeps(action->path, "${path}"))
        return r;
    if (first_byte(span_of(action->path), variables) != '/')
        return refuse(REASON_BAD_PATH, verdict);
    return expand(span_of(action->path), variables, PART_PATH, arena, &verdict->path);
}

uint32_t rules_draw_group(const struct action *action, uint64_t draw)
{
    const struct forward_group *groups = FIELD_ITEMS(action->groups, struct forward_group);
    uint32_t total = 0;

    for (uint32_t i = 0; i < action->groups.n; i++)
        total += groups[i].weight;
    if (total == 0)
        return action->groups.n;
    draw %= total;
    for (uint32_t i = 0; i < action->groups.n; i++) {
        if (draw < groups[i].weight)
            return i;
        draw -= groups[i].weight;
    }
    return action->groups.n;
}

static void forward(const struct action *action, uint64_t draw, struct verdict *verdict)
{
    uint32_t i = rules_draw_group(action, draw);

    if (i == action->groups.n)
        return; /* the verdict began with no group */
    verdict->group = FIELD_ITEMS(action->groups, struct forward_group)[i].group.slot;
    verdict->reason = verdict->group == REF_NONE ? REASON_NO_GROUP : REASON_NONE;
}

static void fixed_response(const struct action *action, struct verdict *verdict)
{
    verdict->kind = VERDICT_FIXED;
    verdict->reason = REASON_RULE_FIXED;
    verdict->status = (uint16_t)action->status;
    verdict->content_type = span_of(action->content_type);
    verdict->content = span_of(action->content);
}

static int act(const struct action *action, const struct rules_request *request,
    const struct rules_facts *facts, struct arena *arena, struct verdict *verdict)
{
    struct variables variables;

    switch ((enum action_type)action->type) {
    case ACTION_FORWARD:
        forward(action, request->draw, verdict);
        return 0;
    case ACTION_FIXED_RESPONSE:
        fixed_response(action, verdict);
        return 0;
    case ACTION_REDIRECT:
        variables_init(&variables, request, facts);
        return redirect(action, &variables, arena, verdict);
    case ACTION_REWRITE:
        variables_init(&variables, request, facts);
        return rewrite(action, &variables, arena, verdict);
    }
    return 0;
}

int rules_act(const struct ruleset *ruleset, const struct rule_conf *rule,
    const struct rules_request *request, const struct rules_facts *facts, struct arena *arena,
    struct verdict *ret_verdict)
{
    const struct field_list *list = rule ? &rule->actions : &ruleset->listener->default_actions;
    const struct action *actions = FIELD_ITEMS(*list, struct action);
    struct verdict verdict = {
        .kind = VERDICT_FORWARD,
        .rule = rule,
        .group = REF_NONE,
        .reason = REASON_NO_GROUP, /* until a forward action finds one */
        .host = request->msg->authority,
        .path = facts->path,
        .query = request->msg->query,
        .has_query = request->msg->has_query,
    };

    for (uint32_t i = 0; i < list->n && verdict.kind == VERDICT_FORWARD; i++) {
        int r = act(&actions[i], request, facts, arena, &verdict);

        if (r < 0)
            return r;
    }
    *ret_verdict = verdict;
    return 0;
}

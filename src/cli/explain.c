/* slb explain: a request is written as a client would send it, read by the codec that the data plane
 * uses, and decided by the rules that the data plane uses. */
#include <getopt.h>

#include "cli/cli.h"
#include "http/h1/h1.h"
#include "rules/rules.h"

#define HEADERS_MAX 256u
#define TEXT_MAX    (64u << 20)

struct options {
    const char *snapshot, *listener, *method, *url;
    struct span host, target; /* of the URL */
    bool tls;
    struct addr client;
    uint64_t draw;
    struct text headers; /* lines as sent */
    bool has_host;
};

static int show_help(void)
{
    (void)fputs("usage: slb explain --snapshot FILE --listener ID --url URL [OPTION]...\n\n"
                "  --snapshot FILE        the configuration, as slbd data reads it\n"
                "  --listener ID          the listener that gets the request\n"
                "  --url URL              http://host/path?query, or https\n"
                "  --method METHOD        default: GET\n"
                "  --header 'NAME: TEXT'  may be repeated; Host replaces the one of the URL\n"
                "  --client IP            default: 127.0.0.1\n"
                "  --draw N               instead of chance, where weights choose a server group;\n"
                "                         default: 0\n",
        stdout);
    return CLI_OK;
}

/* Whether the text can be a part of one line of a request, whatever the codec may say to it. */
static bool is_one_line(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] < ' ' && text.ptr[i] != '\t')
            return false;
    return true;
}

static int parse_url(struct options *options)
{
    struct span url = span_of(options->url);
    size_t end;

    options->tls = span_starts_with(url, SPAN_LIT("https://"));
    if (!options->tls && !span_starts_with(url, SPAN_LIT("http://")))
        return cli_fail(CLI_USAGE, "explain: --url must begin with http:// or https://");
    if (!is_one_line(url) || span_find(url, ' ') < url.len || span_find(url, '\t') < url.len)
        return cli_fail(CLI_USAGE, "explain: --url has spaces or control characters");
    url = span_from(url, options->tls ? 8 : 7);
    end = MIN(span_find(url, '/'), span_find(url, '?'));
    options->host = (struct span){url.ptr, end};
    options->target = span_from(url, end);
    if (options->host.len == 0)
        return cli_fail(CLI_USAGE, "explain: --url has no host");
    return CLI_OK;
}

static int add_header(struct options *options, const char *text)
{
    struct span line = span_of(text);
    size_t colon = span_find(line, ':');
    struct span name = {line.ptr, colon};

    if (colon == line.len || !http_is_token(name) || !is_one_line(line))
        return cli_fail(CLI_USAGE, "explain: --header must be 'NAME: TEXT' on one line");
    if (http_name_find(name) == HTTP_NAME_HOST)
        options->has_host = true;
    text_add(&options->headers, line);
    text_add(&options->headers, SPAN_LIT("\r\n"));
    return CLI_OK;
}

static int parse_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 's':
        options->snapshot = value;
        return CLI_OK;
    case 'l':
        options->listener = value;
        return CLI_OK;
    case 'u':
        options->url = value;
        return CLI_OK;
    case 'm':
        options->method = value;
        if (!http_is_token(span_of(value)))
            return cli_fail(CLI_USAGE, "explain: --method must be a word such as GET");
        return CLI_OK;
    case 'H':
        return add_header(options, value);
    case 'c':
        if (addr_parse_ip(span_of(value), &options->client) < 0)
            return cli_fail(CLI_USAGE, "explain: --client must be an IP address");
        return CLI_OK;
    case 'd':
        if (span_parse_u64(span_of(value), &options->draw) < 0)
            return cli_fail(CLI_USAGE, "explain: --draw must be a number");
        return CLI_OK;
    default:
        return CLI_USAGE;
    }
}

static int check_options(struct options *options)
{
    if (!options->snapshot)
        return cli_fail(CLI_USAGE, "explain: --snapshot is missing");
    if (!options->listener)
        return cli_fail(CLI_USAGE, "explain: --listener is missing");
    if (!options->url)
        return cli_fail(CLI_USAGE, "explain: --url is missing");
    return parse_url(options);
}

/* The request as bytes. "OPTIONS *" has no URL of its own: an OPTIONS without a path is one (RFC 9112
 * section 3.2.4). */
static void format_request(const struct options *options, struct text *out)
{
    text_add(out, span_of(options->method));
    text_add_char(out, ' ');
    if (options->target.len == 0 && strcmp(options->method, "OPTIONS") == 0)
        text_add_char(out, '*');
    else if (options->target.len == 0 || options->target.ptr[0] != '/')
        text_add_char(out, '/');
    text_add(out, options->target);
    text_add(out, SPAN_LIT(" HTTP/1.1\r\n"));
    if (!options->has_host) {
        text_add(out, SPAN_LIT("Host: "));
        text_add(out, options->host);
        text_add(out, SPAN_LIT("\r\n"));
    }
    text_add(out, text_span(&options->headers));
    text_add(out, SPAN_LIT("\r\n"));
}

static void print_line(const char *word, struct span value)
{
    struct text line;

    text_init(&line, TEXT_MAX);
    text_add_json(&line, value);
    (void)printf("    %s %.*s\n", word, SPAN_ARG(text_span(&line)));
    text_done(&line);
}

static void print_group(const struct snapshot *snapshot, const struct verdict *verdict)
{
    const struct group_conf *group = snapshot_group(snapshot, verdict->group);
    char addr[ADDR_TEXT_MAX];

    if (!group) {
        (void)printf("verdict: no server group: %s\n", reason_text(verdict->reason));
        return;
    }
    (void)printf("verdict: forward to server group %s\n", group->res.id);
    print_line("host", verdict->host);
    print_line("path", verdict->path);
    if (verdict->has_query)
        print_line("query", verdict->query);
    for (uint32_t i = 0; i < group->servers.n; i++) {
        const struct server_conf *server = &FIELD_ITEMS(group->servers, struct server_conf)[i];
        struct addr full = server->ip;
        size_t len;

        full.port = (uint16_t)server->port;
        len = addr_format(&full, addr);
        (void)printf("    server %s %.*s weight %u\n", server->id, (int)len, addr, server->weight);
    }
}

static int print_verdict(const struct snapshot *snapshot, const struct verdict *verdict)
{
    switch (verdict->kind) {
    case VERDICT_FORWARD:
        print_group(snapshot, verdict);
        return CLI_OK;
    case VERDICT_REDIRECT:
        (void)printf(
            "verdict: redirect %u to %.*s\n", verdict->status, SPAN_ARG(verdict->location));
        return CLI_OK;
    case VERDICT_FIXED:
        (void)printf("verdict: fixed response %u\n", verdict->status);
        if (verdict->content_type.len > 0)
            print_line("type", verdict->content_type);
        if (verdict->content.len > 0)
            print_line("content", verdict->content);
        return CLI_OK;
    case VERDICT_REFUSE:
        (void)printf("verdict: refused %u %s: %s\n", verdict->status, reason_word(verdict->reason),
            reason_text(verdict->reason));
        return CLI_REFUSED;
    }
    return CLI_REFUSED;
}

/* Reads the request as the listener would. The message's spans lie in bytes. */
static int read_request(const struct listener_conf *listener, struct span bytes,
    struct http_header *headers, struct http_msg *ret_msg)
{
    struct h1_limits limits = {
        .line_bytes = listener->line_bytes,
        .header_bytes = listener->header_bytes,
        .head_bytes = listener->head_bytes,
        .n_headers = listener->n_headers,
        .body_bytes = listener->body_bytes,
    };
    struct http_msg msg = {.fields = {.at = headers, .cap = HEADERS_MAX}};
    struct h1_reader reader;
    struct h1_step step;

    h1_reader_init_request(&reader, &limits);
    do {
        h1_read(&reader, bytes, &msg, &step);
        bytes = span_from(bytes, step.used);
    } while (step.event == H1_MORE && step.used > 0);
    if (step.event != H1_HEAD) {
        enum reason reason = step.event == H1_REFUSE ? step.reason : REASON_BAD_REQUEST_LINE;

        (void)printf(
            "verdict: refused %u %s: %s\n", step.status, reason_word(reason), reason_text(reason));
        return CLI_REFUSED;
    }
    *ret_msg = msg;
    return CLI_OK;
}

static int explain_request(const struct options *options, const struct snapshot *snapshot,
    const struct listener_conf *listener, const struct ruleset *ruleset, struct arena *arena)
{
    struct http_header headers[HEADERS_MAX];
    struct http_msg msg;
    struct rules_request request = {
        .msg = &msg,
        .client = options->client,
        .port = (uint16_t)listener->port,
        .tls = listener->protocol == PROTOCOL_HTTPS,
        .draw = options->draw,
    };
    struct verdict verdict;
    struct text bytes, steps;
    int status;

    text_init(&bytes, TEXT_MAX);
    text_init(&steps, TEXT_MAX);
    format_request(options, &bytes);
    status = read_request(listener, text_span(&bytes), headers, &msg);
    if (status == CLI_OK) {
        if (rules_explain(ruleset, &request, arena, &verdict, &steps) < 0)
            abort(); /* the arena has no limit */
        (void)fwrite(steps.ptr, 1, steps.len, stdout);
        status = print_verdict(snapshot, &verdict);
    }
    text_done(&steps);
    text_done(&bytes);
    return status;
}

static void free_ruleset(void *ruleset)
{
    (void)ruleset_free(ruleset);
}

static const struct listener_conf *find_listener(const struct candidate *candidate, const char *id)
{
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];

        if (item->kind == KIND_LISTENER && item->after &&
            strcmp(((const struct listener_conf *)item->after)->res.id, id) == 0)
            return item->after;
    }
    return NULL;
}

static int check_listener(const struct options *options, const struct listener_conf *listener)
{
    if (!listener)
        return cli_fail(CLI_REFUSED, "%s has no listener %s", options->snapshot, options->listener);
    if (listener->protocol != PROTOCOL_HTTP && listener->protocol != PROTOCOL_HTTPS)
        return cli_fail(CLI_REFUSED, "listener %s is %s; only http and https have rules",
            listener->res.id, protocol_names[listener->protocol]);
    if ((listener->protocol == PROTOCOL_HTTPS) != options->tls)
        return cli_fail(CLI_REFUSED, "listener %s is %s, the URL is not", listener->res.id,
            protocol_names[listener->protocol]);
    return CLI_OK;
}

static int explain(const struct options *options)
{
    CLEANUP(builder_free) struct builder *builder = builder_new();
    const struct listener_conf *listener;
    const struct rule_conf **rules;
    struct candidate *candidate;
    struct ruleset *ruleset;
    struct arena arena;
    uint32_t n_rules;
    int status;

    status = cli_load_snapshot(builder, options->snapshot, &candidate);
    if (status != CLI_OK)
        return status;
    listener = find_listener(candidate, options->listener);
    status = check_listener(options, listener);
    if (status != CLI_OK) {
        builder_abandon(builder, candidate);
        return status;
    }
    n_rules = candidate_rules(builder, candidate, listener->res.slot, &rules);
    ruleset = ruleset_new(listener, rules, n_rules);
    candidate_set_ruleset(candidate, listener->res.slot, ruleset, free_ruleset);
    builder_commit(builder, candidate);

    arena_init(&arena, NULL, 0, SIZE_MAX);
    status = explain_request(options, builder_current(builder), listener, ruleset, &arena);
    arena_done(&arena);
    return status;
}

int cli_explain(int argc, char **argv)
{
    static const struct option table[] = {
        {"snapshot", required_argument, NULL, 's'},
        {"listener", required_argument, NULL, 'l'},
        {"url", required_argument, NULL, 'u'},
        {"method", required_argument, NULL, 'm'},
        {"header", required_argument, NULL, 'H'},
        {"client", required_argument, NULL, 'c'},
        {"draw", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.method = "GET", .client = {.ip = {127, 0, 0, 1}, .family = 4}};
    int status = CLI_OK;
    int option;

    text_init(&options.headers, TEXT_MAX);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while (status == CLI_OK && (option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'h') {
            text_done(&options.headers);
            return show_help();
        }
        status = parse_option(&options, option, optarg);
    }
    if (status == CLI_OK && optind < argc)
        status = cli_fail(CLI_USAGE, "explain: unexpected argument %s", argv[optind]);
    if (status == CLI_OK)
        status = check_options(&options);
    if (status == CLI_OK)
        status = explain(&options);
    text_done(&options.headers);
    return status;
}

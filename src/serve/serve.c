#include "serve/serve.h"

#include <stdarg.h>
#include <unistd.h>

#include "engine/net.h"
#include "serve/serve_conn.h"

#define SERVE_TEXT_MAX 4096u

struct serve_exchange *serve_exchange_new(struct serve_conn *c)
{
    struct serve_exchange *x = base_zalloc(sizeof(*x));

    x->conn = c;
    x->request.engine = c->serve->engine;
    x->request.peer = c->peer;
    x->headers = (struct http_fields){.at = x->header_room, .cap = ARRAY_LEN(x->header_room)};
    /* What goes into it is bounded by the limits of the head and by handlers. */
    arena_init(&x->arena, NULL, 0, SIZE_MAX);
    text_init_secret(&x->body, (size_t)c->serve->limits.body_bytes);
    return x;
}

struct serve_exchange *serve_exchange_free(struct serve_exchange *x)
{
    if (!x)
        return NULL;
    if (x->conn)
        x->conn->serve->held_bytes -= x->charged_bytes;
    text_done(&x->body);
    text_done(&x->answer);
    arena_wipe(&x->arena); /* the head: a query may have secrets too */
    free(x);
    return NULL;
}

bool serve_charge(struct serve_exchange *x, size_t bytes)
{
    struct serve *serve = x->conn->serve;

    if (serve->held_bytes + bytes > serve->limits.memory_bytes)
        return false;
    serve->held_bytes += bytes;
    x->charged_bytes += bytes;
    return true;
}

static bool serve_route_fits(const struct serve_route *route, struct span path)
{
    struct span own = span_of(route->path);

    if (!route->subtree)
        return span_eq(own, path);
    return span_starts_with(path, own) &&
           (path.len == own.len || own.ptr[own.len - 1] == '/' || path.ptr[own.len] == '/');
}

void serve_route_find(const struct serve *serve, struct serve_exchange *x)
{
    uint32_t method = 1u << x->request.method;

    for (uint32_t i = 0; i < serve->n_routes; i++) {
        const struct serve_route *route = &serve->routes[i];

        if (!serve_route_fits(route, x->request.path))
            continue;
        x->allow |= route->methods;
        if ((route->methods & method) != 0) {
            x->route = route;
            return;
        }
    }
    x->early_status = x->allow != 0 ? 405 : 404;
}

static void serve_add_header(
    struct serve_exchange *x, enum http_name id, struct span name, struct span value)
{
    int r = http_add(&x->headers, id, name, arena_copy(&x->arena, value));

    assert(r == 0);
    (void)r;
}

static void serve_begin_answer(struct serve_exchange *x, unsigned status, const char *content_type)
{
    assert(status >= 200 && status <= 599);
    x->status = (uint16_t)status;
    x->answered = true;
    clock_format_http(engine_wall(x->request.engine), x->date);
    serve_add_header(x, HTTP_NAME_DATE, SPAN_LIT("Date"), (struct span){x->date, CLOCK_HTTP_LEN});
    if (content_type)
        serve_add_header(
            x, HTTP_NAME_CONTENT_TYPE, SPAN_LIT("Content-Type"), span_of(content_type));
}

static void serve_add_allow(struct serve_exchange *x)
{
    struct text list;
    char buf[128];

    text_init_fixed(&list, buf, sizeof(buf));
    if ((x->allow & SERVE_METHOD(GET)) != 0)
        x->allow |= SERVE_METHOD(HEAD);
    for (unsigned i = HTTP_METHOD_OTHER + 1; i < HTTP_METHOD_COUNT; i++) {
        if ((x->allow & (1u << i)) == 0)
            continue;
        if (list.len > 0)
            text_add(&list, SPAN_LIT(", "));
        text_add(&list, http_method_text((enum http_method)i));
    }
    serve_add_header(x, HTTP_NAME_OTHER, SPAN_LIT("Allow"), text_span(&list));
}

static const char *serve_write_status(unsigned status, struct text *body)
{
    text_add_u64(body, status);
    text_add_char(body, ' ');
    text_add(body, http_status_phrase(status));
    text_add_char(body, '\n');
    return "text/plain";
}

void serve_fill_status(
    struct serve_exchange *x, unsigned status, const struct serve_request *request)
{
    const struct serve *serve = x->conn ? x->conn->serve : NULL;
    const char *content_type;

    text_init(&x->answer, SERVE_TEXT_MAX);
    if (serve && serve->refusal)
        content_type = serve->refusal(serve->refusal_arg, request, status, &x->answer);
    else
        content_type = serve_write_status(status, &x->answer);
    serve_begin_answer(x, status, content_type);
    if (status == 405)
        serve_add_allow(x);
}

/* The handler is done with x: its connection goes on with it, or nobody does. */
static void serve_give_back(struct serve_exchange *x)
{
    if (!x->conn) {
        (void)serve_exchange_free(x);
        return;
    }
    serve_conn_answered(x->conn);
}

/* Handlers may put into headers what a client sent. */
static bool serve_headers_valid(const struct serve_answer *answer)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < answer->n_headers; i++) {
        const struct http_header *h = &answer->headers[i];

        if (!http_is_token(http_header_name(h)) || !http_is_field_value(http_header_value(h)))
            return false;
        bytes += h->name_len + (size_t)h->value_len;
    }
    return bytes <= SERVE_HEADER_BYTES_MAX;
}

void serve_answer(struct serve_request *request, const struct serve_answer *answer)
{
    struct serve_exchange *x = container_of(request, struct serve_exchange, request);

    assert(!x->answered && answer->n_headers <= SERVE_HEADERS_MAX);
    if (!serve_headers_valid(answer)) {
        if (answer->body)
            text_done(answer->body);
        serve_fill_status(x, 500, request);
        serve_give_back(x);
        return;
    }
    serve_begin_answer(x, answer->status, answer->content_type);
    for (uint32_t i = 0; i < answer->n_headers; i++) {
        const struct http_header *h = &answer->headers[i];

        serve_add_header(x, (enum http_name)h->id, arena_copy(&x->arena, http_header_name(h)),
            http_header_value(h));
    }
    if (answer->body && answer->body->fixed) {
        text_init(&x->answer, answer->body->len);
        text_add(&x->answer, text_span(answer->body));
    } else if (answer->body) {
        x->answer = *answer->body;
        *answer->body = (struct text){.limit = x->answer.limit};
    }
    x->close = answer->close;
    serve_give_back(x);
}

void serve_answer_text(struct serve_request *request, unsigned status, const char *fmt, ...)
{
    struct serve_answer answer = {.status = (uint16_t)status, .content_type = "text/plain"};
    char buf[SERVE_TEXT_MAX];
    struct text body;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(buf, sizeof(buf) - 1, fmt, args);
    va_end(args);
    text_init_fixed(&body, buf, sizeof(buf));
    body.len = MIN((size_t)MAX(len, 0), sizeof(buf) - 2);
    text_add_char(&body, '\n');
    answer.body = &body;
    serve_answer(request, &answer);
}

bool serve_request_gone(struct serve_request *request)
{
    return !container_of(request, struct serve_exchange, request)->conn;
}

/* NOLINTNEXTLINE(readability-function-size): one line per limit */
static void serve_set_limits(struct serve *serve, const struct serve_limits *given)
{
#define SERVE_DEFAULT(member, value) \
    serve->limits.member = given->member != 0 ? given->member : (value)
    SERVE_DEFAULT(line_bytes, 16384);
    SERVE_DEFAULT(head_bytes, 32768);
    SERVE_DEFAULT(n_headers, 100);
    SERVE_DEFAULT(body_bytes, (uint64_t)1 << 20);
    SERVE_DEFAULT(n_connections, 256);
    SERVE_DEFAULT(memory_bytes, (uint64_t)64 << 20);
    SERVE_DEFAULT(idle_timeout_ms, 60000);
    SERVE_DEFAULT(header_timeout_ms, 10000);
    SERVE_DEFAULT(body_timeout_ms, 30000);
    SERVE_DEFAULT(answer_timeout_ms, 60000);
    SERVE_DEFAULT(send_timeout_ms, 30000);
#undef SERVE_DEFAULT
    serve->h1_limits = (struct h1_limits){
        .line_bytes = serve->limits.line_bytes,
        .header_bytes = serve->limits.line_bytes,
        .head_bytes = serve->limits.head_bytes,
        .n_headers = serve->limits.n_headers,
        .body_bytes = serve->limits.body_bytes,
    };
}

static void serve_on_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer)
{
    (void)acceptor;
    serve_conn_open(arg, fd, peer);
}

static int serve_listen(struct serve *serve, const struct addr *addr)
{
    int r = net_listen(addr, &(struct net_listen_opts){0}, &serve->listen_fd);

    if (r < 0)
        return r;
    return acceptor_start(
        &serve->acceptor, serve->engine, serve->listen_fd, serve_on_accept, serve);
}

struct serve *serve_new(struct engine *engine, const struct serve_opts *opts)
{
    struct serve *serve = base_zalloc(sizeof(*serve));
    int r;

    serve->engine = engine;
    serve->listen_fd = -1;
    serve->routes = opts->routes;
    serve->n_routes = opts->n_routes;
    list_init(&serve->all);
    list_init(&serve->waiting);
    serve->tls = opts->tls ? tls_context_ref(opts->tls) : NULL;
    serve->refusal = opts->refusal;
    serve->refusal_arg = opts->refusal_arg;
    serve_set_limits(serve, &opts->limits);
    serve->headers = base_calloc(serve->limits.n_headers, sizeof(*serve->headers));
    conn_env_init(&serve->env, engine, (size_t)serve->limits.memory_bytes, 0);
    r = serve_listen(serve, &opts->addr);
    if (r < 0) {
        serve = serve_free(serve);
        errno = -r;
    }
    return serve;
}

/* Connections that were closed in this turn may still be on the stack below: they are freed before. */
static void serve_free_last(void *arg, void *object)
{
    struct serve *serve = object;

    (void)arg;
    conn_env_done(&serve->env);
    serve->tls = tls_context_unref(serve->tls);
    free(serve->headers);
    free(serve);
}

struct serve *serve_free(struct serve *serve)
{
    if (!serve)
        return NULL;
    acceptor_stop(&serve->acceptor);
    if (serve->listen_fd >= 0)
        (void)close(serve->listen_fd);
    list_foreach_safe (link, &serve->all)
        serve_conn_close(list_entry(link, struct serve_conn, link), false);
    engine_defer_free(serve->engine, serve, serve_free_last, NULL);
    return NULL;
}

void serve_set_tls(struct serve *serve, struct tls_context *tls)
{
    assert(serve->tls && tls);
    (void)tls_context_ref(tls);
    serve->tls = tls_context_unref(serve->tls);
    serve->tls = tls;
}

const struct addr *serve_addr(const struct serve *serve)
{
    return &serve->acceptor.local;
}

void serve_stats(const struct serve *serve, struct serve_stats *ret_stats)
{
    *ret_stats = serve->stats;
}

#include "serve/serve_conn.h"

#include <unistd.h>

#include "observe/log.h"

#define SERVE_LINGER_NS    NSEC_PER_SEC
#define SERVE_LINGER_BYTES ((uint64_t)4 << 20)
#define SERVE_READ_BYTES   16384u /* behind bytes that are held already */
#define SERVE_SLICE_BYTES  ((size_t)65536)
#define SERVE_TURN_MAX     32u /* requests of one connection before others have their go */

static const struct span serve_continue = {"HTTP/1.1 100 Continue\r\n\r\n", 25};

static void serve_on_timer(struct engine *engine, struct timer *timer);

static bool serve_reading(const struct serve_conn *c)
{
    return c->state <= SERVE_BODY;
}

static void serve_set_timer(struct serve_conn *c, uint32_t ms)
{
    struct engine *engine = c->serve->engine;

    timer_set(engine, &c->timer, engine_now(engine) + nsec_from_ms(ms), serve_on_timer);
}

static void serve_set_state(struct serve_conn *c, enum serve_state state)
{
    c->state = (uint8_t)state;
    /* Between its first byte and its last a request does not gain on those that came before. */
    if (state == SERVE_IDLE || !serve_reading(c))
        list_remove(&c->waiting);
    if (state == SERVE_IDLE)
        list_add_back(&c->serve->waiting, &c->waiting);
}

static void serve_conn_free(void *arg, void *object)
{
    (void)arg;
    free(object);
}

/* The connection lets go of its exchange; the handler may still hold it. */
static void serve_drop_exchange(struct serve_conn *c)
{
    struct serve_exchange *x = TAKE(c->exchange);

    if (!x)
        return;
    if (!x->handed || x->answered) {
        (void)serve_exchange_free(x);
        return;
    }
    c->serve->held_bytes -= x->charged_bytes;
    x->conn = NULL;
}

void serve_conn_close(struct serve_conn *c, bool reset)
{
    struct serve *serve = c->serve;

    if (c->state == SERVE_CLOSED)
        return;
    serve_set_state(c, SERVE_CLOSED);
    timer_stop(&c->timer);
    list_remove(&c->link);
    serve->stats.n_connections--;
    serve_drop_exchange(c);
    text_done(&c->held);
    if (reset)
        conn_reset(&serve->env, &c->conn);
    else
        conn_close(&serve->env, &c->conn);
    engine_defer_free(serve->engine, c, serve_conn_free, NULL);
}

/* --- answering ------------------------------------------------------------------------------ */

static void serve_write_head(struct serve_conn *c)
{
    struct serve_exchange *x = c->exchange;
    struct http_msg msg = {
        .fields = x->headers,
        .status = x->status,
        .phrase = http_status_phrase(x->status),
        .version = HTTP_VERSION_1_1,
        .body = x->status == 204 || x->status == 304 ? HTTP_BODY_NONE : HTTP_BODY_LENGTH,
        .content_length = x->answer.len,
    };
    enum h1_connection connection = x->close    ? H1_CONNECTION_CLOSE
                                    : c->is_1_0 ? H1_CONNECTION_KEEP_ALIVE
                                                : H1_CONNECTION_DEFAULT;
    char *buf = conn_reserve(&c->serve->env, &c->conn, CONN_HEAD_BYTES);
    size_t n = h1_write_response(&msg, HTTP_VERSION_1_1, connection, buf, CONN_HEAD_BYTES);

    assert(n > 0); /* handlers' headers are few and short */
    conn_commit(&c->serve->env, &c->conn, n);
    if (msg.body == HTTP_BODY_NONE || x->request.is_head)
        x->sent_bytes = x->answer.len;
}

/* The answer is complete in the exchange: the next flush sends its head. */
static void serve_begin_send(struct serve_conn *c)
{
    struct serve_exchange *x = c->exchange;

    if (!c->keep_alive)
        x->close = true;
    serve_set_state(c, SERVE_SEND);
    serve_set_timer(c, c->serve->limits.send_timeout_ms);
    c->progress = 0;
    serve_write_head(c);
}

/* Answers in a handler's place and closes afterwards: what follows in the input is not read. */
static void serve_refuse(struct serve_conn *c, unsigned status)
{
    struct serve_exchange *x = c->exchange;

    c->serve->stats.refused++;
    c->keep_alive = false;
    if (!x || x->handed) {
        struct serve_exchange *own = serve_exchange_new(c);

        own->request.is_head = x && x->request.is_head;
        serve_fill_status(own, status, x ? &x->request : &own->request);
        serve_drop_exchange(c);
        c->exchange = own;
    } else {
        serve_fill_status(x, status, &x->request);
    }
    serve_begin_send(c);
}

static void serve_end_exchange(struct serve_conn *c)
{
    bool close = c->exchange->close;

    serve_drop_exchange(c);
    if (!close) {
        serve_set_state(c, SERVE_IDLE);
        serve_set_timer(c, c->serve->limits.idle_timeout_ms);
        return;
    }
    serve_set_state(c, SERVE_LINGER);
    timer_set(c->serve->engine, &c->timer, engine_now(c->serve->engine) + SERVE_LINGER_NS,
        serve_on_timer);
    text_done(&c->held);
    if (conn_shut(&c->serve->env, &c->conn) < 0)
        serve_conn_close(c, true);
}

/* Renews the time limit for a client that takes bytes. */
static void serve_note_progress(struct serve_conn *c)
{
    uint64_t taken =
        c->exchange->sent_bytes - MIN(c->exchange->sent_bytes, (size_t)c->conn.out_bytes);

    if (taken > c->progress)
        serve_set_timer(c, c->serve->limits.send_timeout_ms);
    c->progress = MAX(taken, c->progress);
}

/* A slice is added only to an empty queue, so that no more than one is ever copied into it. */
static void serve_gather_slice(struct serve_conn *c)
{
    struct serve_exchange *x = c->exchange;
    struct span rest = span_from(text_span(&x->answer), x->sent_bytes);

    if (c->conn.out_bytes > 0)
        return;
    rest.len = MIN(rest.len, SERVE_SLICE_BYTES);
    conn_gather(&c->serve->env, &c->conn, rest);
    x->sent_bytes += rest.len;
}

/* Returns whether the state has changed. */
static bool serve_send(struct serve_conn *c)
{
    const struct serve_exchange *x = c->exchange;
    int r;

    do {
        serve_gather_slice(c);
        r = conn_flush(&c->serve->env, &c->conn);
    } while (r == 0 && x->sent_bytes < x->answer.len);

    if (r < 0)
        serve_conn_close(c, true);
    else if (r == CONN_QUEUED)
        serve_note_progress(c);
    else
        serve_end_exchange(c);
    return r == 0;
}

void serve_conn_answered(struct serve_conn *c)
{
    if (!c->in_handler) /* else serve_run goes on by itself */
        engine_again(c->serve->engine, &c->conn.io);
}

/* --- reading -------------------------------------------------------------------------------- */

static void serve_fill_request(struct serve_exchange *x)
{
    struct serve_request *request = &x->request;

    request->method = (enum http_method)x->msg.method;
    request->is_head = request->method == HTTP_METHOD_HEAD;
    if (request->is_head)
        request->method = HTTP_METHOD_GET;
    request->path = x->msg.path;
    request->query = x->msg.query;
    request->authority = x->msg.authority;
    request->fields = &x->msg.fields;
}

static void serve_send_continue(struct serve_conn *c)
{
    conn_gather(&c->serve->env, &c->conn, serve_continue);
    if (conn_flush(&c->serve->env, &c->conn) < 0)
        serve_conn_close(c, true);
}

static void serve_on_head(struct serve_conn *c, const struct http_msg *msg, struct span head)
{
    struct serve_exchange *x = c->exchange = serve_exchange_new(c);
    bool has_body = msg->body == HTTP_BODY_CHUNKED || msg->content_length > 0;
    int r = http_msg_copy(msg, head, &x->arena, &x->msg);

    assert(r == 0); /* the arena has no limit */
    (void)r;
    c->keep_alive = msg->keep_alive;
    c->is_1_0 = msg->version == HTTP_VERSION_1_0;
    c->serve->stats.requests++;
    serve_fill_request(x);
    serve_route_find(c->serve, x);
    if (has_body && x->early_status != 0) {
        serve_refuse(c, x->early_status);
        return;
    }
    serve_set_state(c, SERVE_BODY);
    serve_set_timer(c, c->serve->limits.body_timeout_ms);
    if (has_body && msg->expect_continue)
        serve_send_continue(c);
}

static void serve_on_body(struct serve_conn *c, struct span part)
{
    struct serve_exchange *x = c->exchange;

    if (!serve_charge(x, part.len)) {
        serve_refuse(c, 503);
        return;
    }
    text_add(&x->body, part);
    assert(!text_failed(&x->body)); /* the reader has refused what is longer */
}

static void serve_on_request(struct serve_conn *c)
{
    struct serve_exchange *x = c->exchange;

    if (x->early_status != 0) {
        c->serve->stats.refused++;
        serve_fill_status(x, x->early_status, &x->request);
        serve_begin_send(c);
        return;
    }
    x->request.body = text_span(&x->body);
    x->handed = true;
    serve_set_state(c, SERVE_WAIT);
    serve_set_timer(c, c->serve->limits.answer_timeout_ms);
    c->in_handler = true;
    x->route->fn(x->route->arg, &x->request);
    c->in_handler = false;
}

static void serve_on_more(struct serve_conn *c, bool begun)
{
    c->starved = true;
    if (!begun || c->state != SERVE_IDLE)
        return;
    serve_set_state(c, SERVE_HEAD);
    serve_set_timer(c, c->serve->limits.header_timeout_ms);
}

/* Returns the bytes of in that were consumed; stops behind a whole request. */
static size_t serve_feed(struct serve_conn *c, struct span in)
{
    struct serve *serve = c->serve;
    size_t used = 0;

    c->starved = false;
    while (serve_reading(c) && !c->starved) {
        struct http_msg msg = {.fields = {.at = serve->headers, .cap = serve->limits.n_headers}};
        struct h1_step step;
        struct span head;

        h1_read(&c->reader, span_from(in, used), &msg, &step);
        head = (struct span){in.ptr + used, step.used};
        used += step.used;
        switch (step.event) {
        case H1_HEAD:
            serve_on_head(c, &msg, head);
            break;
        case H1_BODY:
            serve_on_body(c, step.body);
            break;
        case H1_END:
            serve_on_request(c);
            break;
        case H1_REFUSE:
            serve_refuse(c, step.status);
            break;
        default:
            serve_on_more(c, used < in.len || !h1_reader_idle(&c->reader));
            break;
        }
    }
    return used;
}

/* Feeds what is held. Returns whether the state has changed. */
static void serve_feed_held(struct serve_conn *c)
{
    c->held_at += serve_feed(c, span_from(text_span(&c->held), c->held_at));
    if (c->state == SERVE_CLOSED || c->held_at < c->held.len)
        return;
    text_done(&c->held);
    c->held_at = 0;
}

static void serve_hold(struct serve_conn *c, struct span rest)
{
    if (rest.len == 0)
        return;
    /* An incomplete head, or trailers, and whole requests behind one that is being answered. */
    text_init_secret(
        &c->held, 2 * (size_t)c->serve->limits.head_bytes + CONN_SCRATCH_BYTES + SERVE_READ_BYTES);
    c->held_at = 0;
    text_add(&c->held, rest);
}

/* Reads into the room behind what is held. */
static ssize_t serve_read_held(struct serve_conn *c)
{
    struct text *held = &c->held;
    ssize_t n;

    memmove(held->ptr, held->ptr + c->held_at, held->len - c->held_at);
    held->len -= c->held_at;
    c->held_at = 0;
    if (!text_make_room(held, SERVE_READ_BYTES))
        return -ENOBUFS;
    n = conn_read(&c->serve->env, &c->conn, held->ptr + held->len, SERVE_READ_BYTES);
    if (n > 0) {
        held->len += (size_t)n;
        serve_feed_held(c);
    }
    return n;
}

static ssize_t serve_read_scratch(struct serve_conn *c)
{
    char *scratch = c->serve->env.scratch;
    ssize_t n = conn_read(&c->serve->env, &c->conn, scratch, CONN_SCRATCH_BYTES);

    if (n > 0) {
        struct span in = {scratch, (size_t)n};
        size_t used = serve_feed(c, in);

        if (c->state != SERVE_CLOSED)
            serve_hold(c, span_from(in, used));
        /* What clients send to our own end points may be keys. */
        explicit_bzero(scratch, (size_t)n);
    }
    return n;
}

/* The peer's end, or an error. */
static void serve_on_read_end(struct serve_conn *c, int r)
{
    char ip[ADDR_TEXT_MAX];

    if (r == -EPROTO) {
        c->serve->stats.tls_failed++;
        log_line(LOG_DEBUG, "TLS with %.*s failed: %s", (int)addr_format_ip(&c->peer, ip), ip,
            tls_why(&c->conn));
    }
    /* The alert that tells the client why must not be overtaken by RST. */
    serve_conn_close(c, r < 0 && r != -EPROTO);
}

/* Returns whether there may be more to do at once. */
static bool serve_receive(struct serve_conn *c)
{
    ssize_t n = 1;

    /* An interim answer that the socket did not take at once. */
    if (c->conn.out_bytes > 0 && conn_flush(&c->serve->env, &c->conn) < 0)
        n = -EPIPE;
    else if (c->held.len > 0 && !c->starved)
        serve_feed_held(c);
    else if (c->held.len > 0)
        n = serve_read_held(c);
    else
        n = serve_read_scratch(c);

    if (n == -EAGAIN)
        return false;
    if (n <= 0) {
        serve_on_read_end(c, (int)n);
        return false;
    }
    return c->state != SERVE_CLOSED;
}

/* Returns whether there may be more to do at once. */
static bool serve_linger(struct serve_conn *c)
{
    struct conn_env *env = &c->serve->env;
    ssize_t n;

    if (conn_flush(env, &c->conn) < 0) {
        serve_conn_close(c, true);
        return false;
    }
    n = conn_read(env, &c->conn, env->scratch, CONN_SCRATCH_BYTES);
    if (n == -EAGAIN)
        return false;
    if (n > 0)
        c->lingered_bytes += (uint64_t)n;
    if (n <= 0 || c->lingered_bytes > SERVE_LINGER_BYTES) {
        serve_conn_close(c, false);
        return false;
    }
    return true;
}

/* --- events --------------------------------------------------------------------------------- */

/* One step of whatever state it is in. Returns whether there may be more to do at once. */
static bool serve_step(struct serve_conn *c)
{
    switch (c->state) {
    case SERVE_IDLE:
    case SERVE_HEAD:
    case SERVE_BODY:
        return serve_receive(c);
    case SERVE_WAIT:
        if (!c->exchange->answered)
            return false;
        if (!serve_charge(c->exchange, c->exchange->answer.len)) {
            serve_refuse(c, 503);
            return true;
        }
        serve_begin_send(c);
        return true;
    case SERVE_SEND:
        return serve_send(c);
    case SERVE_LINGER:
        return serve_linger(c);
    default:
        return false;
    }
}

static void serve_run(struct serve_conn *c)
{
    unsigned n_ended = 0;

    while (serve_step(c)) {
        if (c->state == SERVE_IDLE && ++n_ended == SERVE_TURN_MAX) {
            engine_again(c->serve->engine, &c->conn.io);
            return;
        }
    }
}

static void serve_on_ready(struct engine *engine, struct engine_io *io)
{
    struct serve_conn *c = container_of(io, struct serve_conn, conn.io);

    (void)engine;
    if (io->failed && c->state != SERVE_CLOSED)
        serve_conn_close(c, true);
    else
        serve_run(c);
}

static void serve_on_timer(struct engine *engine, struct timer *timer)
{
    struct serve_conn *c = container_of(timer, struct serve_conn, timer);

    (void)engine;
    c->serve->stats.timeouts += c->state != SERVE_LINGER && c->state != SERVE_IDLE;
    switch (c->state) {
    case SERVE_HEAD:
    case SERVE_BODY:
        serve_refuse(c, 408);
        serve_run(c);
        break;
    case SERVE_WAIT:
        serve_refuse(c, 504);
        serve_run(c);
        break;
    default:
        serve_conn_close(c, c->state == SERVE_SEND);
        break;
    }
}

/* --- room ----------------------------------------------------------------------------------- */

/* Whether both count as one client: a host has a whole /64 to choose its IPv6 addresses from. */
static bool serve_same_peer(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == 6 ? 8 : 4) == 0;
}

/* Closes the connection, of peer's if that is not NULL, that has waited longest without a whole request. Returns false
 * if all are being answered. */
static bool serve_evict(struct serve *serve, const struct addr *peer)
{
    serve->stats.closed_full++;
    list_foreach_safe (link, &serve->waiting) {
        struct serve_conn *c = list_entry(link, struct serve_conn, waiting);

        if (peer && !serve_same_peer(&c->peer, peer))
            continue;
        serve_conn_close(c, false);
        return true;
    }
    return false;
}

static bool serve_has_its_share(const struct serve *serve, const struct addr *peer)
{
    uint32_t share = MAX(serve->limits.n_connections / 2, 1u);
    uint32_t n = 0;

    if (serve->stats.n_connections < share || addr_is_loopback(peer))
        return false;
    list_foreach_safe (link, &serve->all)
        n += serve_same_peer(&list_entry(link, struct serve_conn, link)->peer, peer);
    return n >= share;
}

/* Returns false when there is no room for one more connection of peer. */
static bool serve_make_room(struct serve *serve, const struct addr *peer)
{
    if (serve_has_its_share(serve, peer))
        return serve_evict(serve, peer);
    if (serve->stats.n_connections >= serve->limits.n_connections)
        return serve_evict(serve, NULL);
    return true;
}

static int serve_open_socket(struct serve *serve, struct serve_conn *c, int fd)
{
    if (serve->tls)
        return tls_accept(&serve->env, &c->conn, fd, serve->tls, serve_on_ready);
    return conn_open(&serve->env, &c->conn, fd, &transport_plain, serve_on_ready);
}

void serve_conn_open(struct serve *serve, int fd, const struct addr *peer)
{
    struct serve_conn *c;

    if (!serve_make_room(serve, peer)) {
        (void)close(fd);
        return;
    }
    c = base_zalloc(sizeof(*c));
    if (serve_open_socket(serve, c, fd) < 0) {
        free(c);
        return;
    }
    c->serve = serve;
    c->peer = *peer;
    h1_reader_init_request(&c->reader, &serve->h1_limits);
    list_add_back(&serve->all, &c->link);
    serve->stats.connections++;
    serve->stats.n_connections++;
    serve_set_state(c, SERVE_IDLE);
    serve_set_timer(c, serve->limits.header_timeout_ms);
    serve_run(c);
}

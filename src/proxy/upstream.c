#include "proxy/upstream.h"

#include "engine/net.h"
#include "engine/sys.h"
#include "proxy/input.h"

#define PUMP_READS 8 /* per turn and connection */
/* A connection that was in use this short a time ago is taken for a request that cannot be repeated:
 * servers' keep-alive timeouts are longer. */
#define SURE_TIME NSEC_PER_SEC
/* A server that has said that it closes is let do so first, for so long: TIME-WAIT is then its, and our ports are free. */
#define LEAVE_TIME  NSEC_PER_SEC
#define LEAVING_MAX 1000u

static const struct stream_ops upstream_ops;

static void upstream_pump(struct upstream *u);

static void upstream_free(void *arg, void *object)
{
    struct proxy *proxy = arg;

    slab_put(&proxy->upstreams, object);
}

static void upstream_close(struct upstream *u, bool reset)
{
    struct proxy *proxy = u->proxy;

    if (u->closed)
        return;
    u->closed = true;
    timer_stop(&u->timer);
    if (list_linked(&u->idle)) {
        list_remove(&u->idle);
        if (u->leaves) {
            u->server->n_leaving--;
        } else {
            u->server->n_idle--;
            counter_sub(&u->server->cell->idle, 1);
        }
    }
    u->in = chunk_unref(&proxy->env->pool, u->in);
    if (reset)
        conn_reset(proxy->env, &u->conn);
    else
        conn_close(proxy->env, &u->conn);
    server_unref(u->server);
    engine_defer_free(proxy->engine, u, upstream_free, proxy);
}

/* Tells the exchange, which lets go. */
COLD static void upstream_fail(struct upstream *u, enum reason reason)
{
    struct exchange *x = u->stream.exchange;

    if (x)
        exchange_on_server_failed(x, reason);
    else
        upstream_close(u, false);
}

COLD static enum reason upstream_broken(const struct upstream *u)
{
    return u->conn.error == -ENOMEM ? REASON_OUT_OF_MEMORY : REASON_SERVER_RESET;
}

/* ---- time ---- */

static void upstream_on_timer(struct engine *engine, struct timer *timer)
{
    struct upstream *u = container_of(timer, struct upstream, timer);

    (void)engine;
    if (!u->stream.exchange)
        upstream_close(u, false);
    else if (u->connecting)
        upstream_fail(u, REASON_CONNECT_TIMEOUT);
    else
        exchange_on_server_late(
            u->stream.exchange, u->tunnel ? REASON_IDLE_TIMEOUT : REASON_SERVER_TIMEOUT);
}

void upstream_deadline(struct upstream *u, nsec at)
{
    timer_set(u->proxy->engine, &u->timer, at, upstream_on_timer);
}

/* ---- reading ---- */

static bool upstream_takes_input(const struct upstream *u)
{
    struct exchange *x = u->stream.exchange;

    return !u->closed && !u->connecting && x && !x->down_blocked && !x->splicing;
}

static bool upstream_step(struct upstream *u, struct span *in)
{
    struct http_msg msg; /* large, and written by the codec: not zeroed in vain */
    struct exchange *x = u->stream.exchange;
    struct span before = *in;
    struct h1_step step;

    if (u->tunnel) {
        *in = span_from(*in, in->len);
        if (before.len > 0)
            exchange_on_response_body(x, before);
        return false;
    }
    msg.fields = (struct http_fields){.at = u->proxy->fields, .cap = PROXY_HEADERS_MAX};
    h1_read(&u->reader, *in, &msg, &step);
    *in = span_from(*in, step.used);
    switch (step.event) {
    case H1_HEAD:
        u->keep = msg.keep_alive && msg.body != HTTP_BODY_CLOSE && msg.body != HTTP_BODY_TUNNEL;
        u->leaves = !msg.keep_alive && msg.body != HTTP_BODY_CLOSE && msg.body != HTTP_BODY_TUNNEL;
        u->tunnel = msg.body == HTTP_BODY_TUNNEL;
        exchange_on_response_head(x, &msg);
        return true;
    case H1_INTERIM:
        exchange_on_interim(x, &msg);
        return true;
    case H1_BODY:
        exchange_on_response_body(x, step.body);
        return true;
    case H1_END:
        /* Bytes behind the response belong to nothing: the connection is not to be trusted. */
        if (in->len > 0)
            u->keep = u->leaves = false;
        *in = span_from(*in, in->len);
        exchange_on_response_end(x, &msg.fields);
        return false;
    case H1_REFUSE:
        upstream_fail(
            u, step.reason == REASON_RESPONSE_TOO_LONG ? step.reason : REASON_BAD_RESPONSE);
        return false;
    default:
        return false;
    }
}

static void upstream_consume(struct upstream *u, struct span in, bool in_chunk)
{
    struct exchange *x = u->stream.exchange;
    bool blocked;

    u->answered |= in.len > 0;
    do {
        while (upstream_takes_input(u) && upstream_step(u, &in)) {
        }
        blocked = x->down_blocked;
        exchange_flush_response(x);
        /* An interim response may have waited for the client, and this flush sent it: nobody else will
         * come for the rest. */
    } while (blocked && !x->down_blocked && in.len > 0 && upstream_takes_input(u));
    if (!u->closed && !input_keep(u->proxy->env, &u->in, in, in_chunk))
        upstream_fail(u, REASON_OUT_OF_MEMORY);
    exchange_after_response(x);
}

COLD static void upstream_on_eof(struct upstream *u)
{
    struct exchange *x = u->stream.exchange;
    struct h1_step step;

    if (u->tunnel) {
        exchange_on_server_eof(x);
        return;
    }
    h1_read_eof(&u->reader, &step);
    if (step.event == H1_END) {
        u->keep = false;
        exchange_on_response_end(x, NULL);
        exchange_flush_response(x);
        exchange_after_response(x);
        return;
    }
    upstream_fail(u, u->answered ? REASON_SERVER_CUT : REASON_SERVER_CLOSED);
}

/* Reads once. Returns false when there is nothing to read now. */
static bool upstream_read(struct upstream *u)
{
    size_t room = 0;
    bool in_chunk = u->in != NULL;
    char *at = input_room(u->proxy->env, &u->in, &room);
    ssize_t n;

    if (!at) {
        upstream_fail(u, REASON_OUT_OF_MEMORY);
        return false;
    }
    n = conn_read(u->proxy->env, &u->conn, at, room);
    if (n == -EAGAIN)
        return false;
    if (n == 0) {
        upstream_on_eof(u);
        return false;
    }
    if (n < 0) {
        upstream_fail(u, REASON_SERVER_RESET);
        return false;
    }
    counter_add(&u->server->cell->bytes_in, (uint64_t)n);
    if (in_chunk) {
        u->in->end += (uint32_t)n;
        upstream_consume(u, chunk_span(u->in), true);
    } else {
        upstream_consume(u, (struct span){at, (size_t)n}, false);
    }
    return true;
}

/* One step of the pump. Returns false when there is nothing to do now. */
static bool upstream_work(struct upstream *u)
{
    if (u->in && chunk_span(u->in).len > 0 && u->resumed) {
        u->resumed = false;
        upstream_consume(u, chunk_span(u->in), true);
        return true;
    }
    /* After splicing, the end of the message is due without another byte. */
    if (!u->in && u->resumed && !u->tunnel) {
        u->resumed = false;
        upstream_consume(u, (struct span){0}, false);
        if (u->conn.read_eof && upstream_takes_input(u))
            upstream_on_eof(u); /* splicing has met it */
        return true;
    }
    return u->conn.io.readable && !u->conn.read_eof && upstream_read(u);
}

static void upstream_pump(struct upstream *u)
{
    int reads = 0;

    if (u->pumping)
        return;
    u->pumping = true;
    while (upstream_takes_input(u)) {
        if (reads++ == PUMP_READS) {
            engine_again(u->proxy->engine, &u->conn.io);
            break;
        }
        if (!upstream_work(u))
            break;
    }
    u->pumping = false;
}

static void upstream_on_connect(struct upstream *u)
{
    struct exchange *x = u->stream.exchange;
    int r = u->conn.io.failed || u->conn.io.hung_up ? net_connect_result(u->conn.io.fd) : 0;

    if (r < 0) {
        upstream_fail(u, r == -ECONNREFUSED ? REASON_CONNECT_REFUSED
                         : r == -ETIMEDOUT  ? REASON_CONNECT_TIMEOUT
                                            : REASON_CONNECT_FAILED);
        return;
    }
    u->connecting = false;
    if (x)
        exchange_on_connected(x);
    else
        upstream_close(u, false);
}

/* The server takes no more. It may have answered before it closed, to refuse a large body for one: that
 * is read first. */
COLD static void upstream_read_last(struct upstream *u)
{
    u->conn.io.readable = true;
    upstream_pump(u);
    if ((!u->conn.io.readable || u->conn.read_eof) && upstream_takes_input(u))
        upstream_fail(u, upstream_broken(u));
}

static void upstream_send_waiting(struct upstream *u)
{
    int r = conn_flush(u->proxy->env, &u->conn);

    if (r == -ENOMEM)
        upstream_fail(u, REASON_OUT_OF_MEMORY);
    else if (r < 0)
        upstream_read_last(u);
    else if (r == 0)
        exchange_on_server_drained(u->stream.exchange);
}

static void upstream_on_ready(struct engine *engine, struct engine_io *io)
{
    struct upstream *u = container_of(io, struct upstream, conn.io);

    (void)engine;
    if (u->connecting) {
        if (io->writable || io->failed)
            upstream_on_connect(u);
        /* What came in the same event is no news any more: it is looked at now. */
        if (u->closed || u->connecting)
            return;
    }
    if (!u->stream.exchange) {
        /* Kept, and the server closed it or spoke out of turn. */
        if (io->readable || io->hung_up || io->failed)
            upstream_close(u, false);
        return;
    }
    if (io->writable && (u->conn.out_bytes > 0 || u->stream.exchange->up_blocked))
        upstream_send_waiting(u);
    if (u->closed || !u->stream.exchange)
        return;
    if (u->stream.exchange->splicing)
        exchange_on_server_readable_raw(u->stream.exchange);
    else if (io->readable)
        upstream_pump(u);
}

/* ---- the stream that the exchange sees ---- */

static struct upstream *upstream_of(struct stream *s)
{
    return container_of(s, struct upstream, stream);
}

static int upstream_send_head(struct stream *s, struct http_msg *msg)
{
    struct upstream *u = upstream_of(s);
    struct exchange *x = s->exchange;
    struct conn_env *env = u->proxy->env;
    size_t room = CONN_HEAD_BYTES - env->head_used;
    char *buf = conn_reserve(env, &u->conn, room);
    bool v1_0 = x->group_conf->version_by_client && msg->version == HTTP_VERSION_1_0;
    enum h1_connection connection = H1_CONNECTION_DEFAULT;
    size_t n;

    if (msg->upgrade.len > 0)
        connection = H1_CONNECTION_UPGRADE;
    else if (!x->group_conf->keepalive)
        connection = H1_CONNECTION_CLOSE;
    else if (v1_0)
        connection = H1_CONNECTION_KEEP_ALIVE;
    u->out_chunked = msg->body == HTTP_BODY_CHUNKED;
    u->limits = (struct h1_limits){
        .line_bytes = x->group_conf->response_head_bytes,
        .header_bytes = x->group_conf->response_head_bytes,
        .head_bytes = x->group_conf->response_head_bytes,
        .n_headers = PROXY_HEADERS_MAX - HTTP_EDIT_HEADERS,
        .body_bytes = UINT64_MAX,
    };
    h1_reader_init_response(&u->reader, &u->limits, (enum http_method)msg->method);
    n = buf ? h1_write_request(
                  msg, v1_0 ? HTTP_VERSION_1_0 : HTTP_VERSION_1_1, connection, buf, room)
            : 0;
    if (n == 0)
        return -EMSGSIZE;
    conn_commit(env, &u->conn, n);
    counter_add(&u->server->cell->bytes_out, n);
    u->n_requests++;
    return 0;
}

static int upstream_send_body(struct stream *s, struct span bytes)
{
    struct upstream *u = upstream_of(s);
    struct conn_env *env = u->proxy->env;
    size_t framing = 0;

    if (u->out_chunked) {
        char *head = conn_reserve(env, &u->conn, H1_CHUNK_HEAD_MAX);

        framing = h1_write_chunk_head(bytes.len, head);
        conn_commit(env, &u->conn, framing);
        framing += 2;
    }
    conn_gather(env, &u->conn, bytes);
    if (u->out_chunked)
        conn_gather(env, &u->conn, SPAN_LIT("\r\n"));
    counter_add(&u->server->cell->bytes_out, bytes.len + framing);
    return 0;
}

static int upstream_send_end(struct stream *s, const struct http_fields *trailers)
{
    static const struct http_fields none;
    struct upstream *u = upstream_of(s);
    struct conn_env *env = u->proxy->env;
    size_t room = CONN_HEAD_BYTES - env->head_used;
    char *buf;
    size_t n;

    if (!u->out_chunked)
        return 0;
    buf = conn_reserve(env, &u->conn, room);
    n = buf ? h1_write_last_chunk(trailers ? trailers : &none, buf, room) : 0;
    if (n == 0)
        return -EMSGSIZE;
    conn_commit(env, &u->conn, n);
    counter_add(&u->server->cell->bytes_out, n);
    return 0;
}

static int upstream_flush(struct stream *s)
{
    struct upstream *u = upstream_of(s);
    int r = conn_flush(u->proxy->env, &u->conn);

    if (r >= 0 || r == -ENOMEM)
        return r;
    /* Before this is a failure its last words are read, but not now: the client's bytes are in the scratch. */
    u->conn.io.writable = true;
    engine_again(u->proxy->engine, &u->conn.io);
    return STREAM_QUEUED;
}

static int upstream_shut(struct stream *s)
{
    struct upstream *u = upstream_of(s);

    return conn_shut(u->proxy->env, &u->conn);
}

static void upstream_resume(struct stream *s)
{
    struct upstream *u = upstream_of(s);

    u->resumed = true;
    upstream_pump(u);
}

static void upstream_keep(struct upstream *u)
{
    const struct group_conf *conf = u->server->group->conf;
    nsec now = engine_now(u->proxy->engine);

    u->idle_at = now;
    list_add_front(&u->server->idle, &u->idle);
    u->server->n_idle++;
    counter_add(&u->server->cell->idle, 1);
    upstream_deadline(u, now + nsec_from_ms(conf->keepalive_idle_ms));
}

/* Whether nothing has come that the loop has not heard of yet. */
static bool upstream_is_quiet(struct upstream *u)
{
    char byte;

    if (sys_recv(u->conn.io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -EAGAIN || sys_fault_hit())
        return false;
    u->conn.io.readable = false;
    return true;
}

/* Whether nothing is on its way on this connection in either direction, as far as we know. */
static bool upstream_is_done(struct upstream *u)
{
    return u->conn.out_bytes == 0 && u->conn.error == 0 && !u->conn.read_eof &&
           !u->conn.io.hung_up && !u->conn.io.failed && !u->in &&
           (!u->conn.io.readable || upstream_is_quiet(u));
}

/* A connection with bytes behind its response would answer the next request with them. */
static bool upstream_may_keep(struct upstream *u)
{
    const struct group_conf *conf;

    if (!u->keep || u->server->removed || u->proxy->draining)
        return false;
    conf = u->server->group->conf;
    return conf && conf->keepalive && u->server->n_idle < conf->keepalive_conns &&
           (conf->keepalive_requests == 0 || u->n_requests < conf->keepalive_requests) &&
           upstream_is_done(u);
}

static bool upstream_may_leave(struct upstream *u)
{
    return u->leaves && !u->server->removed && !u->proxy->draining &&
           u->server->n_leaving < LEAVING_MAX && upstream_is_done(u);
}

/* Until the server's end comes: see upstream_on_ready. */
static void upstream_leave(struct upstream *u)
{
    list_add_back(&u->server->leaving, &u->idle);
    u->server->n_leaving++;
    upstream_deadline(u, engine_now(u->proxy->engine) + LEAVE_TIME);
}

static void upstream_release(struct stream *s, enum stream_release how)
{
    struct upstream *u = upstream_of(s);

    s->exchange = NULL;
    if (how == STREAM_CLEAN && upstream_may_keep(u))
        upstream_keep(u);
    else if (how == STREAM_CLEAN && upstream_may_leave(u))
        upstream_leave(u);
    else
        upstream_close(u, how == STREAM_CUT);
}

static struct conn *upstream_raw(struct stream *s, uint64_t *ret_left)
{
    struct upstream *u = upstream_of(s);

    *ret_left = u->tunnel ? 0 : h1_raw_left(&u->reader);
    if (u->in || !u->conn.transport->can_splice)
        return NULL;
    return &u->conn;
}

static void upstream_raw_moved(struct stream *s, uint64_t n, bool waits)
{
    struct upstream *u = upstream_of(s);

    (void)waits;
    h1_raw_skip(&u->reader, n);
    counter_add(&u->server->cell->bytes_in, n);
}

static const struct stream_ops upstream_ops = {
    .send_head = upstream_send_head,
    .send_body = upstream_send_body,
    .send_end = upstream_send_end,
    .flush = upstream_flush,
    .shut = upstream_shut,
    .resume = upstream_resume,
    .release = upstream_release,
    .raw = upstream_raw,
    .raw_moved = upstream_raw_moved,
};

/* ---- life ---- */

struct upstream *upstream_take(struct proxy *proxy, struct server *server, bool sure)
{
    struct upstream *u;

    if (list_empty(&server->idle))
        return NULL;
    u = container_of(server->idle.next, struct upstream, idle);
    if (sure && engine_now(proxy->engine) - u->idle_at > SURE_TIME)
        return NULL;
    if (sure && !upstream_is_quiet(u)) {
        upstream_close(u, false);
        return NULL;
    }
    list_remove(&u->idle);
    server->n_idle--;
    counter_sub(&server->cell->idle, 1);
    counter_add(&server->cell->reuses, 1);
    u->reused = true;
    u->answered = false;
    u->keep = u->leaves = false;
    return u;
}

int upstream_open(struct proxy *proxy, struct server *server, const struct addr *source,
    struct upstream **ret_upstream)
{
    struct upstream *u;
    int fd;
    int r = net_connect(&server->addr, source, &fd);

    if (r < 0)
        return r;
    u = slab_get(&proxy->upstreams);
    memset(u, 0, sizeof(*u));
    u->proxy = proxy;
    u->stream.ops = &upstream_ops;
    u->connecting = r == NET_CONNECTING;
    u->server = server_ref(server);
    r = conn_open(proxy->env, &u->conn, fd, &transport_plain, upstream_on_ready);
    if (r < 0) {
        server_unref(server);
        slab_put(&proxy->upstreams, u);
        return r;
    }
    u->conn.io.readable = false;
    if (u->connecting)
        u->conn.io.writable = false;
    counter_add(&server->cell->connects, 1);
    *ret_upstream = u;
    return u->connecting ? UPSTREAM_CONNECTING : 0;
}

void upstream_attach(struct upstream *u, struct exchange *x)
{
    u->stream.exchange = x;
    x->up = u;
}

void upstream_close_idle(struct server *server)
{
    list_foreach_safe (it, &server->idle)
        upstream_close(container_of(it, struct upstream, idle), false);
    list_foreach_safe (it, &server->leaving)
        upstream_close(container_of(it, struct upstream, idle), false);
}

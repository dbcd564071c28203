#include "proxy/client.h"

#include "engine/net.h"
#include "proxy/input.h"

#define LINGER_TIME      (2 * NSEC_PER_SEC)
#define LINGER_BYTES_MAX (1u << 20)
#define PUMP_READS       8 /* per turn and connection: others want to be served too */

static const struct stream_ops client_ops;

static void client_pump(struct client *c);
COLD static void client_refuse(struct client *c, uint16_t status, enum reason reason);

static nsec client_now(const struct client *c)
{
    return engine_now(c->listener->proxy->engine);
}

static struct conn_env *client_env(const struct client *c)
{
    return c->listener->proxy->env;
}

static void client_free(void *arg, void *object)
{
    struct client *c = object;
    struct proxy *proxy = arg;

    slab_put(&proxy->clients, c);
}

static void client_close_as(struct client *c, bool reset)
{
    struct http_listener *listener = c->listener;
    struct proxy *proxy = listener->proxy;

    if (c->closed)
        return;
    c->closed = true;
    timer_stop(&c->timer);
    c->in = chunk_unref(&proxy->env->pool, c->in);
    if (reset)
        conn_reset(proxy->env, &c->conn);
    else
        conn_close(proxy->env, &c->conn);
    list_remove(&c->link);
    counter_sub(&listener->cell->active, 1);
    proxy->n_clients--;
    engine_defer_free(proxy->engine, c, client_free, proxy);
    http_listener_left(listener);
}

static void client_close(struct client *c)
{
    client_close_as(c, false);
}

/* The connection is of no use any more: the exchange in progress, if any, hears why. What was cut ends in RST, also when our
 * write failed on a socket that lives: FIN would look like the end of a body that ends with the connection. */
COLD static void client_gone(struct client *c, enum reason reason)
{
    struct exchange *x = c->stream.exchange;

    if (x) {
        c->stream.exchange = NULL;
        exchange_on_client_gone(x, reason);
    }
    client_close_as(c, x || c->conn.out_bytes > 0 || c->conn.error != 0);
}

/* ---- deadlines: one timer, whose meaning follows from the phase ---- */

static void client_on_timer(struct engine *engine, struct timer *timer);

static void client_deadline(struct client *c, nsec at)
{
    timer_set(c->listener->proxy->engine, &c->timer, at, client_on_timer);
}

static void client_deadline_in(struct client *c, uint32_t ms)
{
    client_deadline(c, client_now(c) + nsec_from_ms(ms));
}

static void client_deadline_idle(struct client *c)
{
    const struct listener_conf *conf = c->listener->conf;

    if (conf)
        client_deadline_in(c, conf->idle_timeout_ms);
}

/* Of the request in progress. While bytes wait for the client, the deadline is theirs. */
static void client_deadline_body(struct client *c)
{
    const struct exchange *x = c->stream.exchange;

    if (!x || c->conn.out_bytes > 0 || exchange_is_blocked_down(x))
        return;
    if (x->request_done)
        client_deadline(c, NSEC_NEVER);
    else
        client_deadline_in(c, x->conf->body_timeout_ms);
}

static void client_on_timer(struct engine *engine, struct timer *timer)
{
    struct client *c = container_of(timer, struct client, timer);
    struct exchange *x = c->stream.exchange;

    (void)engine;
    if (c->conn.out_bytes > 0 || (x && exchange_is_blocked_down(x))) {
        client_gone(c, REASON_SEND_TIMEOUT);
    } else if (c->phase == CLIENT_HEAD && c->head_at != 0) {
        client_refuse(c, 408, REASON_HEADER_TIMEOUT);
    } else if (c->phase == CLIENT_EXCHANGE && x && exchange_takes_body(x)) {
        exchange_on_request_failed(x, 408, REASON_BODY_TIMEOUT);
    } else if (c->phase == CLIENT_EXCHANGE || c->phase == CLIENT_TUNNEL) {
        /* the server's side keeps the time */
    } else {
        client_close(c);
    }
}

/* ---- the end of a connection ---- */

COLD static void client_linger(struct client *c)
{
    int r = conn_shut(client_env(c), &c->conn);

    if (r < 0) {
        client_close(c);
        return;
    }
    c->phase = CLIENT_LINGER;
    c->in = chunk_unref(&client_env(c)->pool, c->in);
    client_deadline(c, client_now(c) + LINGER_TIME);
    engine_again(c->listener->proxy->engine, &c->conn.io);
}

/* All of the last response is with the kernel. Closing with unread input would send RST, which can
 * overtake the response. */
static void client_last_sent(struct client *c)
{
    bool unread =
        (c->in && chunk_span(c->in).len > 0) || c->conn.io.readable || !h1_reader_idle(&c->reader);

    if (c->conn.read_eof || !unread)
        client_close(c);
    else
        client_linger(c);
}

static void client_finish(struct client *c)
{
    c->phase = CLIENT_LAST;
    if (c->conn.error != 0)
        client_close(c);
    else if (c->conn.out_bytes == 0)
        client_last_sent(c);
    else
        client_deadline_in(c, c->send_timeout_ms);
}

COLD static void client_read_away(struct client *c)
{
    struct conn_env *env = client_env(c);

    while (c->conn.io.readable) {
        ssize_t n = conn_read(env, &c->conn, env->scratch, CONN_SCRATCH_BYTES);

        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            client_close(c);
            return;
        }
        c->lingered_bytes += (uint32_t)n;
        if (c->lingered_bytes > LINGER_BYTES_MAX) {
            client_close(c);
            return;
        }
    }
}

/* ---- reading ---- */

/* The address that the client connected to. */
static struct addr client_local(struct client *c)
{
    struct addr local = c->listener->acceptors[c->acceptor].local;
    static const uint8_t any[16];

    /* A listener on the wildcard address does not know where the client went. */
    if (memcmp(local.ip, any, sizeof(any)) == 0)
        (void)!net_local_addr(c->conn.io.fd, &local);
    return local;
}

/* A head that cannot become an exchange: answered here, then closed. */
static void client_refuse(struct client *c, uint16_t status, enum reason reason)
{
    struct exchange *x;
    struct http_msg none = {.is_request = true, .version = HTTP_VERSION_1_1};

    if (!c->listener->conf) {
        client_close(c);
        return;
    }
    c->wants_keep_alive = false;
    c->http_1_0 = false;
    c->phase = CLIENT_EXCHANGE;
    x = exchange_begin(c->listener, &c->stream, &none, (struct span){0},
        c->head_at ? c->head_at : client_now(c), true);
    if (!x) {
        client_close(c);
        return;
    }
    c->stream.exchange = x;
    x->client = c->peer;
    x->vip = client_local(c);
    x->rtt_us = c->rtt_us;
    exchange_on_request_failed(x, status, reason);
}

static void client_begin_exchange(
    struct client *c, const struct http_msg *msg, struct span head, bool done)
{
    struct proxy *proxy = c->listener->proxy;
    struct exchange *x;
    nsec head_at = c->head_at ? c->head_at : client_now(c);

    c->phase = CLIENT_EXCHANGE;
    c->head_at = 0;
    c->n_requests++;
    c->http_1_0 = msg->version == HTTP_VERSION_1_0;
    c->wants_keep_alive = msg->keep_alive;
    c->close_next = false;
    c->cut_on_close = false;
    x = exchange_begin(c->listener, &c->stream, msg, head, head_at, done);
    if (!x) {
        client_close(c);
        return;
    }
    c->stream.exchange = x;
    x->client = c->peer;
    x->vip = client_local(c);
    if (proxy->log && c->listener->conf->access_log && c->rtt_us == 0)
        c->rtt_us = net_rtt_us(c->conn.io.fd);
    x->rtt_us = c->rtt_us;
    client_deadline_body(c);
    exchange_run(x);
}

static bool client_takes_input(const struct client *c)
{
    if (c->closed)
        return false;
    if (c->phase == CLIENT_HEAD)
        return c->listener->conf != NULL;
    if (c->phase == CLIENT_TUNNEL)
        return c->stream.exchange && !c->stream.exchange->up_blocked;
    if (c->phase == CLIENT_EXCHANGE)
        return c->stream.exchange && exchange_takes_body(c->stream.exchange);
    return false;
}

/* One event of the codec. Returns false when nothing more can be done with the input now. */
static bool client_step(struct client *c, struct span *in)
{
    struct http_msg msg; /* large, and written by the codec: not zeroed in vain */
    struct h1_step step;
    struct span before = *in;
    struct exchange *x = c->stream.exchange;

    if (c->phase == CLIENT_TUNNEL) {
        *in = span_from(*in, in->len);
        if (before.len > 0)
            exchange_on_client_bytes(x, before);
        return false;
    }
    msg.fields = (struct http_fields){.at = c->listener->proxy->fields, .cap = PROXY_HEADERS_MAX};
    h1_read(&c->reader, *in, &msg, &step);
    *in = span_from(*in, step.used);
    switch (step.event) {
    case H1_HEAD:
        client_begin_exchange(
            c, &msg, (struct span){before.ptr, step.used}, h1_try_end(&c->reader));
        return true;
    case H1_BODY:
        exchange_on_request_body(x, step.body);
        client_deadline_body(c);
        return true;
    case H1_END:
        exchange_on_request_end(x, &msg.fields);
        client_deadline_body(c);
        return true;
    case H1_REFUSE:
        if (x)
            exchange_on_request_failed(x, step.status, step.reason);
        else
            client_refuse(c, step.status, step.reason);
        return false;
    default:
        return false;
    }
}

COLD static void client_out_of_memory(struct client *c)
{
    if (c->stream.exchange)
        exchange_on_request_failed(c->stream.exchange, 503, REASON_OUT_OF_MEMORY);
    else
        client_refuse(c, 503, REASON_OUT_OF_MEMORY);
}

static void client_consume(struct client *c, struct span in, bool in_chunk)
{
    struct exchange *x;

    while (client_takes_input(c) && client_step(c, &in)) {
    }
    if (c->closed)
        return;
    x = c->stream.exchange;
    if (x && x->up)
        exchange_flush_request(x);
    if (c->closed)
        return;
    if (c->phase == CLIENT_LAST || c->phase == CLIENT_LINGER) {
        c->in = chunk_unref(&client_env(c)->pool, c->in);
        return;
    }
    if (!input_keep(client_env(c), &c->in, in, in_chunk)) {
        client_out_of_memory(c);
        return;
    }
    if (c->phase == CLIENT_HEAD && c->head_at == 0 && c->in && c->listener->conf) {
        c->head_at = client_now(c);
        client_deadline_in(c, c->listener->conf->header_timeout_ms);
    }
}

COLD static void client_on_eof(struct client *c)
{
    struct exchange *x = c->stream.exchange;

    if (c->phase == CLIENT_TUNNEL) {
        exchange_on_client_eof(x);
        return;
    }
    if (x && !x->request_done) {
        exchange_on_request_failed(x, 400, REASON_CLIENT_CLOSED);
        return;
    }
    if (!x && c->head_at != 0)
        client_refuse(c, 400, REASON_CLIENT_CLOSED);
    else if (!x)
        client_close(c);
}

/* Reads once. Returns false when there is nothing to read now. */
static bool client_read(struct client *c)
{
    size_t room = 0;
    bool in_chunk = c->in != NULL;
    char *at = input_room(client_env(c), &c->in, &room);
    ssize_t n;

    if (!at) {
        client_out_of_memory(c);
        return false;
    }
    n = conn_read(client_env(c), &c->conn, at, room);
    if (n == -EAGAIN)
        return false;
    if (n == 0) {
        client_on_eof(c);
        return false;
    }
    if (n < 0) {
        client_gone(c, REASON_CLIENT_RESET);
        return false;
    }
    counter_add(&c->listener->cell->bytes_in, (uint64_t)n);
    if (in_chunk) {
        c->in->end += (uint32_t)n;
        client_consume(c, chunk_span(c->in), true);
    } else {
        client_consume(c, (struct span){at, (size_t)n}, false);
    }
    return true;
}

static void client_pump(struct client *c)
{
    int reads = 0;

    if (c->pumping)
        return;
    c->pumping = true;
    if (c->in && client_takes_input(c) && chunk_span(c->in).len > 0)
        client_consume(c, chunk_span(c->in), true);
    while (client_takes_input(c) && c->conn.io.readable && !c->conn.read_eof) {
        if (reads++ == PUMP_READS) {
            engine_again(c->listener->proxy->engine, &c->conn.io);
            break;
        }
        if (!client_read(c))
            break;
    }
    c->pumping = false;
    /* A head that was formatted while no byte of the body had come. */
    if (!c->closed && c->stream.exchange)
        exchange_flush_request(c->stream.exchange);
}

/* ---- writing ---- */

static void client_exchange_drained(struct client *c)
{
    exchange_on_client_drained(c->stream.exchange);
    client_deadline_body(c);
}

static void client_on_drained(struct client *c)
{
    if (c->phase == CLIENT_LAST)
        client_last_sent(c);
    else if (c->stream.exchange)
        client_exchange_drained(c);
}

static void client_send_waiting(struct client *c)
{
    uint32_t before = c->conn.out_bytes;
    int r = conn_flush(client_env(c), &c->conn);

    if (r < 0) {
        client_gone(c, REASON_CLIENT_CLOSED);
        return;
    }
    if (r == 0)
        client_on_drained(c);
    else if (before != c->conn.out_bytes)
        client_deadline_in(c, c->send_timeout_ms);
}

static void client_on_ready(struct engine *engine, struct engine_io *io)
{
    struct client *c = container_of(io, struct client, conn.io);

    (void)engine;
    if (io->failed && c->phase != CLIENT_HEAD) {
        client_gone(c, REASON_CLIENT_RESET);
        return;
    }
    if (io->writable && c->conn.out_bytes > 0)
        client_send_waiting(c);
    else if (io->writable && c->stream.exchange && c->stream.exchange->splicing)
        client_exchange_drained(c);
    if (c->closed)
        return;
    if (c->phase == CLIENT_LINGER)
        client_read_away(c);
    else if (io->readable || c->in)
        client_pump(c);
}

/* ---- the stream that the exchange sees ---- */

static struct client *client_of(struct stream *s)
{
    return container_of(s, struct client, stream);
}

static bool client_keeps_alive(const struct client *c, const struct exchange *x)
{
    const struct listener_conf *conf = c->listener->conf;

    return c->wants_keep_alive && !x->close_after && conf && !c->listener->proxy->draining &&
           (conf->keepalive_requests == 0 || c->n_requests < conf->keepalive_requests);
}

/* How the body is framed towards this client (RFC 9112 section 6.3). */
static void client_frame(struct client *c, struct http_msg *msg)
{
    c->out_chunked = false;
    if (msg->body != HTTP_BODY_CHUNKED && msg->body != HTTP_BODY_CLOSE)
        return;
    if (c->http_1_0) {
        msg->body = HTTP_BODY_CLOSE;
        c->close_next = true;
        c->cut_on_close = true;
        return;
    }
    msg->body = HTTP_BODY_CHUNKED;
    c->out_chunked = true;
}

static enum h1_connection client_connection(const struct client *c, const struct http_msg *msg)
{
    if (msg->status == 101)
        return H1_CONNECTION_UPGRADE;
    if (msg->status < 200)
        return H1_CONNECTION_DEFAULT;
    if (c->close_next)
        return H1_CONNECTION_CLOSE;
    return c->http_1_0 ? H1_CONNECTION_KEEP_ALIVE : H1_CONNECTION_DEFAULT;
}

static int client_send_head(struct stream *s, struct http_msg *msg)
{
    struct client *c = client_of(s);
    struct conn_env *env = client_env(c);
    size_t room = CONN_HEAD_BYTES - env->head_used;
    char *buf = conn_reserve(env, &c->conn, room);
    size_t n;

    if (msg->status >= 200) {
        c->close_next = !client_keeps_alive(c, s->exchange);
        client_frame(c, msg);
        c->send_timeout_ms = s->exchange->conf->send_timeout_ms;
    }
    n = buf ? h1_write_response(msg, HTTP_VERSION_1_1, client_connection(c, msg), buf, room) : 0;
    if (n == 0)
        return -EMSGSIZE;
    conn_commit(env, &c->conn, n);
    counter_add(&c->listener->cell->bytes_out, n);
    if (msg->status == 101) {
        c->phase = CLIENT_TUNNEL;
        c->out_chunked = false;
    }
    return 0;
}

static int client_send_body(struct stream *s, struct span bytes)
{
    struct client *c = client_of(s);
    struct conn_env *env = client_env(c);
    size_t framing = 0;

    if (c->out_chunked) {
        char *head = conn_reserve(env, &c->conn, H1_CHUNK_HEAD_MAX);

        framing = h1_write_chunk_head(bytes.len, head);
        conn_commit(env, &c->conn, framing);
        framing += 2;
    }
    conn_gather(env, &c->conn, bytes);
    if (c->out_chunked)
        conn_gather(env, &c->conn, SPAN_LIT("\r\n"));
    counter_add(&c->listener->cell->bytes_out, bytes.len + framing);
    return 0;
}

static int client_send_end(struct stream *s, const struct http_fields *trailers)
{
    static const struct http_fields none;
    struct client *c = client_of(s);
    struct conn_env *env = client_env(c);
    size_t room = CONN_HEAD_BYTES - env->head_used;
    char *buf;
    size_t n;

    if (!c->out_chunked)
        return 0;
    buf = conn_reserve(env, &c->conn, room);
    n = buf ? h1_write_last_chunk(trailers ? trailers : &none, buf, room) : 0;
    if (n == 0)
        return -EMSGSIZE;
    conn_commit(env, &c->conn, n);
    counter_add(&c->listener->cell->bytes_out, n);
    return 0;
}

static int client_flush(struct stream *s)
{
    struct client *c = client_of(s);
    int r = conn_flush(client_env(c), &c->conn);

    if (r == CONN_QUEUED)
        client_deadline_in(c, c->send_timeout_ms);
    return r;
}

static void client_resume(struct stream *s)
{
    struct client *c = client_of(s);

    client_deadline_body(c);
    client_pump(c);
}

/* The next request of this connection, which may have been read already. */
static void client_next(struct client *c)
{
    c->phase = CLIENT_HEAD;
    client_deadline_idle(c);
    if (c->in || c->conn.io.readable)
        engine_again(c->listener->proxy->engine, &c->conn.io);
}

static void client_release(struct stream *s, enum stream_release how)
{
    struct client *c = client_of(s);

    s->exchange = NULL;
    if (how == STREAM_CUT && c->cut_on_close) {
        client_close_as(c, true);
        return;
    }
    if (how == STREAM_CUT && c->phase == CLIENT_TUNNEL && c->conn.out_bytes == 0) {
        client_close(c);
        return;
    }
    if (how == STREAM_CLEAN && !c->close_next && c->listener->conf &&
        !c->listener->proxy->closing_idle)
        client_next(c);
    else
        client_finish(c);
}

static int client_shut(struct stream *s)
{
    struct client *c = client_of(s);

    return conn_shut(client_env(c), &c->conn);
}

static struct conn *client_raw(struct stream *s, uint64_t *ret_left)
{
    struct client *c = client_of(s);

    *ret_left = 0;
    if (c->out_chunked || c->conn.out_bytes > 0 || !c->conn.transport->can_splice)
        return NULL;
    return &c->conn;
}

static void client_raw_moved(struct stream *s, uint64_t n, bool waits)
{
    struct client *c = client_of(s);

    counter_add(&c->listener->cell->bytes_out, n);
    if (!waits)
        client_deadline_body(c);
    else if (n > 0 || c->timer.due_at == NSEC_NEVER)
        client_deadline_in(c, c->send_timeout_ms);
}

static const struct stream_ops client_ops = {
    .send_head = client_send_head,
    .send_body = client_send_body,
    .send_end = client_send_end,
    .flush = client_flush,
    .shut = client_shut,
    .resume = client_resume,
    .release = client_release,
    .raw = client_raw,
    .raw_moved = client_raw_moved,
};

/* ---- life ---- */

void client_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer)
{
    struct http_listener *listener = arg;
    struct proxy *proxy = listener->proxy;
    struct client *c;

    if (proxy->n_clients >= proxy->clients_max) {
        counter_add(&listener->cell->refused, 1);
        counter_add(&listener->cell->reasons[REASON_LIMIT_CONNECTIONS], 1);
        net_close_reset(fd);
        return;
    }
    c = slab_get(&proxy->clients);
    memset(c, 0, sizeof(*c));
    c->listener = listener;
    c->stream.ops = &client_ops;
    c->peer = *peer;
    c->send_timeout_ms = listener->conf->send_timeout_ms;
    c->acceptor = (uint8_t)(acceptor - listener->acceptors);
    h1_reader_init_request(&c->reader, &listener->limits);
    if (conn_open(proxy->env, &c->conn, fd, &transport_plain, client_on_ready) < 0) {
        slab_put(&proxy->clients, c);
        counter_add(&listener->cell->refused, 1);
        return;
    }
    /* What the client has sent by now is an event of the next turn: reading before would mostly be in vain. */
    c->conn.io.readable = false;
    list_add_back(&listener->clients, &c->link);
    listener->n_clients++;
    proxy->n_clients++;
    counter_add(&listener->cell->connections, 1);
    counter_add(&listener->cell->active, 1);
    /* Whoever connects and says nothing is idle. */
    client_deadline_idle(c);
}

void client_retire(struct client *c)
{
    bool idle = c->phase == CLIENT_HEAD && c->head_at == 0 && !c->in;

    if (!c->closed && idle)
        client_finish(c);
}

void client_cut(struct client *c)
{
    client_gone(c, REASON_DRAINING);
}

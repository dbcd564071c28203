#include "proxy/exchange.h"

#include "proxy/client.h"
#include "proxy/proxy.h"
#include "proxy/upstream.h"

#define INTERIM_MAX  16u    /* 1xx responses passed on for one request */
#define SPLICE_BYTES 32768u /* raw bytes to come that make splicing worth its pipe */

/* ---- life ---- */

static void exchange_free(void *arg, void *object)
{
    struct proxy *proxy = arg;
    struct exchange *x = object;

    arena_done(&x->arena);
    slab_put(&proxy->exchanges, x);
}

struct exchange *exchange_begin(struct http_listener *listener, struct stream *down,
    const struct http_msg *msg, struct span head, nsec first_at, bool request_done)
{
    struct proxy *proxy = listener->proxy;
    struct exchange *x = slab_get(&proxy->exchanges);
    nsec now = engine_now(proxy->engine);

    memset(x, 0, offsetof(struct exchange, arena));
    arena_init(&x->arena, x->first, sizeof(x->first), proxy->exchange_memory);
    x->proxy = proxy;
    x->down = down;
    x->listener = listener;
    x->begun_at = first_at;
    x->request_done = request_done;
    x->request_at = now;
    x->request_bytes = msg->head_bytes;
    if (http_msg_copy(msg, head, &x->arena, &x->request) < 0) {
        exchange_free(proxy, x);
        return NULL;
    }
    x->n_received = x->request.fields.n;
    x->view = view_ref(proxy->view);
    x->conf = listener->conf;
    proxy->n_exchanges++;
    counter_add(&listener->cell->requests, 1);
    return x;
}

static nsec exchange_now(const struct exchange *x)
{
    return engine_now(x->proxy->engine);
}

static void exchange_end(struct exchange *x)
{
    struct proxy *proxy = x->proxy;

    assert(!x->up && !x->on_server);
    x->ended = true;
    x->pipe = conn_pipe_put(proxy->env, x->pipe);
    exchange_account(x);
    view_unref(x->view);
    proxy->n_exchanges--;
    engine_defer_free(proxy->engine, x, exchange_free, proxy);
}

/* ---- servers tried ---- */

static void count_answer(struct server_cell *cell, uint16_t status, nsec took)
{
    counter *const classes[] = {
        &cell->status_2xx, &cell->status_3xx, &cell->status_4xx, &cell->status_5xx};
    unsigned class = status / 100u;

    if (class < 2 || class > 5)
        return;
    counter_add(classes[class - 2], 1);
    histogram_add(&cell->response_time, took);
}

/* The current try is over: its outcome is noted and the connection goes back or closes. */
static void exchange_leave_server(
    struct exchange *x, enum reason why, uint16_t status, enum stream_release how)
{
    struct upstream *u = x->up;

    if (x->on_server)
        count_answer(x->use.server->cell, status, exchange_now(x) - x->try_at);
    if (x->on_server && x->n_tries < LOG_TRIES_MAX) {
        x->tries[x->n_tries++] = (struct log_try){
            .server = x->use.server->addr,
            .time_ns = exchange_now(x) - x->try_at,
            .status = status,
            .reason = (uint16_t)why,
        };
    }
    x->up = NULL;
    x->up_blocked = false;
    if (u)
        u->stream.ops->release(&u->stream, how);
    if (x->on_server)
        server_use_end(&x->use);
    x->on_server = false;
    x->head_sent = false;
}

COLD static enum exchange_step exchange_fail(
    struct exchange *x, uint16_t status, enum reason reason)
{
    x->answer_status = status;
    x->reason = reason;
    return STEP_ANSWER;
}

COLD static uint16_t status_of_failure(enum reason reason)
{
    switch (reason) {
    case REASON_CONNECT_TIMEOUT:
    case REASON_SERVER_TIMEOUT:
        return 504;
    case REASON_OUT_OF_MEMORY:
    case REASON_OUT_OF_FILES:
    case REASON_NO_SERVERS:
    case REASON_NO_GROUP:
        return 503;
    default:
        return 502;
    }
}

static bool connect_failed(enum reason reason)
{
    return reason == REASON_CONNECT_REFUSED || reason == REASON_CONNECT_TIMEOUT ||
           reason == REASON_CONNECT_FAILED;
}

/* Whether the request may be given to a server again (RFC 9110 section 9.2.2): never once part of its body has gone; if it
 * reached a server, only when repeating it does no harm, and not after a whole time-out. */
static bool exchange_may_retry(const struct exchange *x, enum reason reason)
{
    if (x->body_begun || x->response_begun)
        return false;
    if (connect_failed(reason) || !x->head_sent)
        return true;
    return http_method_idempotent((enum http_method)x->request.method) &&
           (reason == REASON_SERVER_CLOSED || reason == REASON_SERVER_RESET);
}

/* The current try failed before anything of its response was passed on. */
COLD static enum exchange_step exchange_try_failed(struct exchange *x, enum reason reason)
{
    bool stale = x->up && x->up->reused && !x->up->answered && x->head_sent &&
                 (reason == REASON_SERVER_CLOSED || reason == REASON_SERVER_RESET);
    bool retry = exchange_may_retry(x, reason);
    struct server *server = x->use.server;

    if (stale && retry) {
        /* Not the server's fault: the same one again, by a new connection. */
        x->fresh_only = true;
        x->reason = REASON_STALE_RETRY;
        x->up->stream.ops->release(&x->up->stream, STREAM_CUT);
        x->up = NULL;
        x->up_blocked = false;
        x->head_sent = false;
        return STEP_CONNECT;
    }
    counter_add(
        connect_failed(reason) ? &server->cell->connect_failures : &server->cell->failures, 1);
    pick_failed(&x->pick, server);
    exchange_leave_server(x, reason, 0, STREAM_CUT);
    if (retry && x->n_tries < x->group_conf->tries) {
        x->last_failure = reason;
        return STEP_PICK;
    }
    return exchange_fail(x, status_of_failure(reason), reason);
}

/* ---- steps ---- */

static enum exchange_step step_decide(struct exchange *x)
{
    const struct ruleset *ruleset = table_get(&x->view->snapshot->rulesets, x->listener->slot);
    struct rules_request request = {
        .msg = &x->request,
        .client = x->client,
        .port = (uint16_t)x->conf->port,
        .draw = rng_next(&x->proxy->worker->rng),
    };

    if (!ruleset)
        return exchange_fail(x, 503, REASON_LISTENER_GONE);
    if (rules_decide(ruleset, &request, &x->arena, &x->verdict) < 0)
        return exchange_fail(x, 503, REASON_OUT_OF_MEMORY);
    switch (x->verdict.kind) {
    case VERDICT_FORWARD:
        break;
    case VERDICT_REDIRECT:
        return exchange_fail(x, x->verdict.status, REASON_RULE_REDIRECT);
    case VERDICT_FIXED:
        return exchange_fail(x, x->verdict.status, REASON_RULE_FIXED);
    default:
        x->close_after = true; /* as after any other malformed request */
        return exchange_fail(x, x->verdict.status, x->verdict.reason);
    }
    x->group_conf = snapshot_group(x->view->snapshot, x->verdict.group);
    if (!x->group_conf)
        return exchange_fail(x, 503, REASON_NO_GROUP);
    if (forward_edit_request(x) < 0)
        return exchange_fail(x, 503, REASON_OUT_OF_MEMORY);
    return STEP_PICK;
}

COLD static void exchange_cut_use(struct server_use *use, enum reason reason);

static enum exchange_step step_pick(struct exchange *x)
{
    struct group *group = groups_get(x->proxy->groups, x->verdict.group);
    struct server *server;
    enum reason reason;

    if (!group)
        return exchange_fail(x, 503, REASON_NO_GROUP);
    if (x->n_tries == 0)
        x->pick.key = forward_key(x);
    if (group_pick(group, &x->pick, exchange_now(x), &server, &reason) < 0) {
        if (x->last_failure != REASON_NONE)
            reason = x->last_failure;
        return exchange_fail(x, status_of_failure(reason), reason);
    }
    if (x->n_tries > 0)
        x->reason = REASON_NEXT_SERVER;
    else if (reason != REASON_NONE)
        x->reason = reason;
    server_use_begin(server, &x->use, exchange_cut_use);
    x->on_server = true;
    x->fresh_only = !x->group_conf->keepalive;
    return STEP_CONNECT;
}

COLD static enum reason reason_of_connect(int r)
{
    if (r == -EMFILE || r == -ENFILE)
        return REASON_OUT_OF_FILES;
    return r == -ECONNREFUSED ? REASON_CONNECT_REFUSED : REASON_CONNECT_FAILED;
}

static enum exchange_step step_connect(struct exchange *x)
{
    struct server *server = x->use.server;
    bool repeatable =
        x->request_done && http_method_idempotent((enum http_method)x->request.method);
    struct upstream *u;
    int r;

    x->try_at = exchange_now(x);
    u = x->fresh_only ? NULL : upstream_take(x->proxy, server, !repeatable);
    if (u) {
        upstream_attach(u, x);
        return STEP_SEND;
    }
    r = upstream_open(x->proxy, server, group_source(server->group), &u);
    if (r < 0)
        return exchange_try_failed(x, reason_of_connect(r));
    upstream_attach(u, x);
    if (r == 0)
        return STEP_SEND;
    upstream_deadline(u, exchange_now(x) + nsec_from_ms(x->group_conf->connect_timeout_ms));
    return STEP_WAIT;
}

static void exchange_touch(struct exchange *x)
{
    uint32_t ms = x->tunnel ? x->conf->tunnel_timeout_ms : x->conf->request_timeout_ms;

    upstream_deadline(x->up, exchange_now(x) + nsec_from_ms(ms));
}

/* The client waits for leave to send its body (RFC 9110 section 10.1.1). The server is there: give it. */
COLD static void exchange_send_continue(struct exchange *x)
{
    struct http_header field;
    struct http_msg msg = {.status = 100, .version = HTTP_VERSION_1_1};

    msg.fields = (struct http_fields){.at = &field, .cap = 1};
    if (x->down->ops->send_head(x->down, &msg) == 0)
        (void)!x->down->ops->flush(x->down);
}

static enum exchange_step step_send(struct exchange *x)
{
    struct stream *up = &x->up->stream;
    int r = up->ops->send_head(up, &x->request);

    if (r == -EMSGSIZE)
        return exchange_fail(x, 400, REASON_HEAD_TOO_LONG);
    if (r < 0)
        return exchange_try_failed(x, REASON_SERVER_RESET);
    x->head_sent = true;
    exchange_touch(x);
    x->step = STEP_RELAY;
    if (x->request_done || x->request.expect_continue) {
        exchange_flush_request(x);
        if (x->ended || x->step != STEP_RELAY || !x->up || &x->up->stream != up)
            return STEP_WAIT; /* it failed, and the next try has done the rest */
    }
    if (!x->request_done && x->request.expect_continue)
        exchange_send_continue(x);
    if (!x->request_done)
        x->down->ops->resume(x->down);
    return STEP_WAIT;
}

/* Nothing to do by itself: what arrives drives it. */
static enum exchange_step step_relay(struct exchange *x)
{
    return x->response_done && !x->down_blocked ? STEP_DONE : STEP_WAIT;
}

static enum exchange_step step_answer(struct exchange *x)
{
    struct http_msg msg;
    struct span body;
    int r;

    if (x->on_server)
        exchange_leave_server(x, x->reason, 0, STREAM_CUT);
    if (!x->down)
        return STEP_DONE;
    x->close_after |= !x->request_done;
    if (exchange_make_answer(x, &msg, &body) < 0)
        return STEP_DONE;
    x->status = msg.status;
    x->response_begun = true;
    x->response_at = exchange_now(x);
    r = x->down->ops->send_head(x->down, &msg);
    if (r == 0 && body.len > 0 && x->request.method != HTTP_METHOD_HEAD) {
        r = x->down->ops->send_body(x->down, body);
        x->body_sent = body.len;
    }
    if (r == 0)
        r = x->down->ops->flush(x->down);
    x->response_done = true;
    if (r < 0) {
        x->reason = REASON_CLIENT_CLOSED;
        x->close_after = true;
    }
    x->down_blocked = r == STREAM_QUEUED;
    x->step = STEP_RELAY;
    return step_relay(x);
}

static enum stream_release exchange_down_release(const struct exchange *x)
{
    if (!x->response_done)
        return STREAM_CUT;
    return x->request_done && !x->close_after ? STREAM_CLEAN : STREAM_CLOSE;
}

static enum exchange_step step_done(struct exchange *x)
{
    struct stream *down = x->down;
    enum stream_release how = exchange_down_release(x);

    if (x->on_server)
        exchange_leave_server(x, x->reason, x->up_status, STREAM_CUT);
    x->down = NULL;
    exchange_end(x);
    if (down)
        down->ops->release(down, how);
    return STEP_WAIT;
}

static const struct {
    const char *name;
    enum exchange_step (*run)(struct exchange *x);
} steps[] = {
    [STEP_DECIDE] = {"decide", step_decide},
    [STEP_PICK] = {"pick", step_pick},
    [STEP_CONNECT] = {"connect", step_connect},
    [STEP_SEND] = {"send", step_send},
    [STEP_RELAY] = {"relay", step_relay},
    [STEP_ANSWER] = {"answer", step_answer},
    [STEP_DONE] = {"done", step_done},
};

/* What must hold whenever a step begins. */
static void exchange_check(const struct exchange *x)
{
    assert(!x->ended);
    assert(!x->up || x->on_server);
    assert(x->step != STEP_SEND || x->up);
    assert(x->step != STEP_CONNECT || (x->on_server && !x->up));
    assert(!x->response_done || x->response_begun);
}

void exchange_run(struct exchange *x)
{
    for (;;) {
        enum exchange_step next;

        exchange_check(x);
        next = steps[x->step].run(x);
        if (next == STEP_WAIT)
            return;
        x->step = next;
    }
}

static void exchange_go(struct exchange *x, enum exchange_step step)
{
    x->step = step;
    exchange_run(x);
}

/* ---- what the client's side tells ---- */

void exchange_on_request_body(struct exchange *x, struct span bytes)
{
    struct stream *up = &x->up->stream;

    x->body_begun = true;
    x->request_bytes += bytes.len;
    if (up->ops->send_body(up, bytes) < 0)
        exchange_on_server_failed(x, REASON_SERVER_RESET);
    else
        exchange_touch(x);
}

void exchange_on_request_end(struct exchange *x, const struct http_fields *trailers)
{
    struct stream *up = &x->up->stream;

    x->request_done = true;
    x->request_at = exchange_now(x);
    if (up->ops->send_end(up, trailers) < 0)
        exchange_on_server_failed(x, REASON_SERVER_RESET);
    else
        exchange_touch(x);
}

void exchange_flush_request(struct exchange *x)
{
    int r;

    if (x->ended || !x->up || x->step != STEP_RELAY)
        return;
    r = x->up->stream.ops->flush(&x->up->stream);
    if (r < 0)
        exchange_on_server_failed(x, r == -ENOMEM ? REASON_OUT_OF_MEMORY : REASON_SERVER_RESET);
    else if (r == STREAM_QUEUED)
        x->up_blocked = true;
}

void exchange_on_request_failed(struct exchange *x, uint16_t status, enum reason reason)
{
    x->close_after = true;
    if (x->response_begun) {
        x->reason = reason;
        exchange_go(x, STEP_DONE);
        return;
    }
    exchange_go(x, exchange_fail(x, status, reason));
}

void exchange_on_client_gone(struct exchange *x, enum reason reason)
{
    x->down = NULL;
    x->reason = reason;
    if (!x->response_begun)
        x->status = 499;
    exchange_go(x, STEP_DONE);
}

/* The client's connection does not take the response. */
COLD static void exchange_down_broken(struct exchange *x, int error)
{
    x->reason = error == -ENOMEM ? REASON_OUT_OF_MEMORY : REASON_CLIENT_CLOSED;
    x->response_done = false;
    x->close_after = true;
    exchange_go(x, STEP_DONE);
}

void exchange_on_client_bytes(struct exchange *x, struct span bytes)
{
    x->request_bytes += bytes.len;
    x->up->stream.ops->send_body(&x->up->stream, bytes);
    exchange_touch(x);
}

/* Over when both sides have ended and the server's connection has taken all; the client's goes on by itself. */
static void exchange_check_tunnel(struct exchange *x)
{
    if (!x->client_ended || !x->server_ended || x->up_blocked)
        return;
    x->response_done = true;
    exchange_leave_server(x, x->reason, x->up_status, STREAM_CLOSE);
    exchange_go(x, STEP_DONE);
}

/* One side of a tunnel has ended: the other is told, and may go on until it ends as well. */
void exchange_on_client_eof(struct exchange *x)
{
    int r = x->up->stream.ops->shut(&x->up->stream);

    x->client_ended = true;
    x->close_after = true;
    if (r < 0) {
        exchange_on_server_failed(x, REASON_SERVER_RESET);
        return;
    }
    x->up_blocked = r == STREAM_QUEUED;
    exchange_check_tunnel(x);
}

void exchange_on_server_eof(struct exchange *x)
{
    int r = x->down->ops->shut(x->down);

    x->server_ended = true;
    x->close_after = true;
    if (r < 0)
        exchange_down_broken(x, r);
    else
        exchange_check_tunnel(x);
}

/* ---- what the server's side tells ---- */

void exchange_on_connected(struct exchange *x)
{
    exchange_go(x, STEP_SEND);
}

void exchange_on_interim(struct exchange *x, struct http_msg *msg)
{
    exchange_touch(x);
    if (++x->n_interim > INTERIM_MAX) {
        exchange_on_server_failed(x, REASON_BAD_RESPONSE);
        return;
    }
    /* 100 was ours to give; HTTP/1.0 knows no 1xx (RFC 9110 section 15.2). */
    if (msg->status == 100 || x->request.version == HTTP_VERSION_1_0)
        return;
    forward_edit_response(msg);
    if (x->down->ops->send_head(x->down, msg) < 0) {
        exchange_on_server_failed(x, REASON_RESPONSE_TOO_LONG);
        return;
    }
    /* At once: what follows may fail, and the next try gathers for another connection. */
    exchange_flush_response(x);
}

void exchange_on_response_head(struct exchange *x, struct http_msg *msg)
{
    x->up_status = msg->status;
    if (msg->status == 101 && (x->request.upgrade.len == 0 || !x->request_done)) {
        exchange_on_server_failed(x, REASON_BAD_RESPONSE);
        return;
    }
    if (x->conf->convert_504 && (msg->status == 504 || msg->status == 444)) {
        exchange_leave_server(x, REASON_STATUS_CONVERTED, msg->status, STREAM_CUT);
        exchange_go(x, exchange_fail(x, 502, REASON_STATUS_CONVERTED));
        return;
    }
    /* Bytes behind a refused upgrade cannot be told from another protocol's (RFC 9931). */
    x->close_after |= !x->request_done || (x->request.upgrade.len > 0 && msg->status != 101);
    x->status = msg->status;
    x->tunnel = msg->status == 101;
    forward_edit_response(msg);
    if (x->down->ops->send_head(x->down, msg) < 0) {
        exchange_on_server_failed(x, REASON_RESPONSE_TOO_LONG);
        return;
    }
    x->response_begun = true;
    x->response_at = exchange_now(x);
    exchange_touch(x);
}

void exchange_on_response_body(struct exchange *x, struct span bytes)
{
    x->body_sent += bytes.len;
    x->down->ops->send_body(x->down, bytes);
    exchange_touch(x);
}

void exchange_on_response_end(struct exchange *x, const struct http_fields *trailers)
{
    if (x->down->ops->send_end(x->down, trailers) < 0) {
        exchange_on_server_failed(x, REASON_RESPONSE_TOO_LONG);
        return;
    }
    x->response_done = true;
}

/* The kernel moves what is left of the body between the sockets, if both sides let it. */
static void exchange_try_splice(struct exchange *x)
{
    uint64_t left, unused;

    if (x->response_done || x->tunnel || !x->response_begun || !x->up || x->down_blocked)
        return;
    if (!x->up->stream.ops->raw(&x->up->stream, &left) || left < SPLICE_BYTES ||
        left == UINT64_MAX || !x->down->ops->raw(x->down, &unused))
        return;
    x->pipe = conn_pipe_get(x->proxy->env);
    if (!x->pipe)
        return;
    x->splicing = true;
    exchange_on_server_readable_raw(x);
}

void exchange_flush_response(struct exchange *x)
{
    int r;

    if (x->ended)
        return;
    r = x->down->ops->flush(x->down);
    if (r < 0)
        exchange_down_broken(x, r);
    else
        x->down_blocked = r == STREAM_QUEUED;
}

void exchange_after_response(struct exchange *x)
{
    if (x->ended)
        return;
    if (x->tunnel) {
        x->down->ops->resume(x->down);
        return;
    }
    if (!x->response_done) {
        exchange_try_splice(x);
        return;
    }
    if (x->on_server)
        exchange_leave_server(
            x, REASON_NONE, x->up_status, x->request_done ? STREAM_CLEAN : STREAM_CUT);
    exchange_run(x);
}

static void exchange_splice_end(struct exchange *x)
{
    x->splicing = false;
    x->pipe = conn_pipe_put(x->proxy->env, x->pipe);
}

void exchange_on_server_readable_raw(struct exchange *x)
{
    struct stream *up;
    struct conn *from, *to;
    uint64_t left, unused, moved[2] = {0, 0};
    int r;

    assert(x->splicing && x->up && x->down);
    up = &x->up->stream;
    from = up->ops->raw(up, &left);
    to = x->down->ops->raw(x->down, &unused);
    r = conn_splice(x->proxy->env, from, to, x->pipe, left, moved);

    up->ops->raw_moved(up, moved[0], false);
    x->body_sent += moved[1];
    x->down->ops->raw_moved(x->down, moved[1], x->pipe->bytes > 0);
    if (moved[0] + moved[1] > 0)
        exchange_touch(x);
    if (r < 0 && r != -EAGAIN && to->error) {
        exchange_down_broken(x, r);
        return;
    }
    if (r < 0 && r != -EAGAIN) {
        exchange_splice_end(x);
        exchange_on_server_failed(x, REASON_SERVER_RESET);
        return;
    }
    if (r == 1 || (left == moved[0] && x->pipe->bytes == 0)) {
        /* The codec sees the end, regular or not. */
        exchange_splice_end(x);
        up->ops->resume(up);
        return;
    }
    if (r == 0)
        engine_again(x->proxy->engine, &from->io);
}

void exchange_on_client_drained(struct exchange *x)
{
    x->down_blocked = false;
    if (x->step == STEP_RELAY && x->up)
        exchange_touch(x); /* the server's time was not running */
    if (x->splicing) {
        exchange_on_server_readable_raw(x);
    } else if (x->response_done && !x->tunnel) {
        exchange_run(x);
    } else if (x->up) {
        x->up->stream.ops->resume(&x->up->stream);
    }
}

void exchange_on_server_drained(struct exchange *x)
{
    x->up_blocked = false;
    if (x->tunnel)
        exchange_check_tunnel(x);
    if (!x->ended && x->down)
        x->down->ops->resume(x->down);
}

void exchange_on_server_late(struct exchange *x, enum reason reason)
{
    if (exchange_is_blocked_down(x) || (!x->request_done && !x->up_blocked))
        exchange_touch(x);
    else
        exchange_on_server_failed(x, reason);
}

void exchange_on_server_failed(struct exchange *x, enum reason reason)
{
    if (x->response_begun) {
        /* What came before the failure still goes out. */
        exchange_flush_response(x);
        if (x->ended)
            return;
        x->reason = reason == REASON_SERVER_CLOSED ? REASON_SERVER_CUT : reason;
        counter_add(&x->use.server->cell->failures, 1);
        exchange_leave_server(x, x->reason, x->up_status, STREAM_CUT);
        exchange_go(x, STEP_DONE);
        return;
    }
    exchange_go(x, exchange_try_failed(x, reason));
}

static void exchange_cut_use(struct server_use *use, enum reason reason)
{
    struct exchange *x = container_of(use, struct exchange, use);

    if (x->response_begun)
        exchange_on_server_failed(x, reason);
    else
        exchange_go(x, exchange_fail(x, 502, reason));
}

#include "l4/tcp.h"

#include "engine/net.h"

#define TCP_READS        8u /* per turn and direction: others want to be served too */
#define TCP_LARGE_BYTES  (CONN_SCRATCH_BYTES / 2)
#define TCP_LARGE_READS  2u /* in a row are bulk */
#define TCP_SMALL_BYTES  16384u
#define TCP_SMALL_MOVES  4u                  /* in a row are no bulk any more */
#define TCP_SPLICE_BYTES ((uint64_t)1 << 20) /* per turn and direction */

_Static_assert(sizeof(struct tcp_flow) <= 400, "many flows are idle: each must be small");

static void tcp_connect_next(struct tcp_flow *f);

static struct conn_env *tcp_env(const struct tcp_flow *f)
{
    return f->listener->l4->env;
}

static nsec tcp_now(const struct tcp_flow *f)
{
    return engine_now(f->listener->l4->engine);
}

/* ---- the end ---- */

static void tcp_free(void *arg, void *object)
{
    struct l4 *l4 = arg;

    slab_put(&l4->tcp_flows, object);
}

static void tcp_connect_done(struct tcp_flow *f)
{
    struct tcp_connect *c = TAKE(f->connect);

    if (!c)
        return;
    group_unref(c->group);
    slab_put(&f->listener->l4->tcp_connects, c);
}

static void tcp_close_side(struct tcp_flow *f, struct tcp_side *side, bool reset)
{
    side->pipe = conn_pipe_put(tcp_env(f), side->pipe);
    if (reset)
        conn_reset(tcp_env(f), &side->conn);
    else
        conn_close(tcp_env(f), &side->conn);
}

void tcp_end(struct tcp_flow *f, enum reason reason)
{
    struct l4 *l4 = f->listener->l4;

    if (f->closed)
        return;
    f->closed = true;
    timer_stop(&f->timer);
    tcp_close_side(f, &f->client, reason != REASON_NONE);
    tcp_close_side(f, &f->server, reason != REASON_NONE);
    tcp_connect_done(f);
    if (f->use.server)
        server_use_end(&f->use);
    flow_count(f->listener, reason);
    flow_end(f->listener, &f->link);
    view_unref(f->view);
    engine_defer_free(l4->engine, f, tcp_free, l4);
}

static void tcp_cut(struct server_use *use, enum reason reason)
{
    tcp_end(container_of(use, struct tcp_flow, use), reason);
}

/* A read or write on that side failed. */
static void tcp_broken(struct tcp_flow *f, const struct tcp_side *side)
{
    if (side->conn.error == -ENOMEM)
        tcp_end(f, REASON_OUT_OF_MEMORY);
    else
        tcp_end(f, side == &f->client ? REASON_CLIENT_RESET : REASON_SERVER_RESET);
}

/* ---- moving bytes ---- */

static void tcp_count_read(struct tcp_flow *f, const struct tcp_side *side, uint64_t n)
{
    if (side == &f->client)
        counter_add(&f->listener->cell->bytes_in, n);
    else
        counter_add(&f->use.server->cell->bytes_in, n);
}

static void tcp_count_sent(struct tcp_flow *f, const struct tcp_side *side, uint64_t n)
{
    if (side == &f->client)
        counter_add(&f->listener->cell->bytes_out, n);
    else
        counter_add(&f->use.server->cell->bytes_out, n);
}

static void tcp_active(struct tcp_flow *f)
{
    timer_renew(&f->timer, tcp_now(f) + f->idle_ns);
}

/* Bytes are to leave. Nothing delays the first ones, and many connections send no others: the option's call waits for
 * the second. */
static void tcp_hurry(struct tcp_side *to)
{
    if (to->prompt)
        return;
    if (to->sent) {
        net_set_nodelay(to->conn.io.fd);
        to->prompt = true;
    }
    to->sent = true;
}

/* Sends the queue of that side, n_more bytes that were gathered, and its end if shut. Returns false when some of
 * it waits or the flow has ended. */
static bool tcp_send(struct tcp_flow *f, struct tcp_side *to, size_t n_more, bool shut)
{
    uint64_t before = to->conn.out_bytes + n_more;
    int r;

    if (before > 0 && !shut)
        tcp_hurry(to);
    r = shut ? conn_shut(tcp_env(f), &to->conn) : conn_flush(tcp_env(f), &to->conn);
    if (r < 0) {
        tcp_broken(f, to);
        return false;
    }
    if (before != to->conn.out_bytes) {
        tcp_count_sent(f, to, before - to->conn.out_bytes);
        tcp_active(f);
    }
    return r == 0;
}

/* Whether both ends have been passed on, up to what the kernel has. */
static bool tcp_has_ended(const struct tcp_flow *f)
{
    return f->client.conn.shut_wanted && f->server.conn.shut_wanted &&
           f->client.conn.out_bytes == 0 && f->server.conn.out_bytes == 0;
}

/* Nothing more comes from one side. */
static void tcp_on_eof(struct tcp_flow *f, struct tcp_side *from, struct tcp_side *to)
{
    /* When the other direction has ended, closing says it all. */
    if (from->conn.shut_wanted && from->conn.out_bytes == 0 && to->conn.out_bytes == 0)
        tcp_end(f, REASON_NONE);
    else
        (void)tcp_send(f, to, 0, true);
}

static void tcp_note_size(struct tcp_side *from, size_t n)
{
    from->n_large = n >= TCP_LARGE_BYTES ? from->n_large + 1 : 0;
    if (n < CONN_SCRATCH_BYTES && from->n_large < TCP_LARGE_READS)
        return;
    from->bulk = true;
    from->n_large = 0;
}

/* Reads once and sends it on. Returns false when nothing more can be done now. */
static bool tcp_copy(struct tcp_flow *f, struct tcp_side *from, struct tcp_side *to)
{
    struct conn_env *env = tcp_env(f);
    ssize_t n = conn_read(env, &from->conn, env->scratch, CONN_SCRATCH_BYTES);

    if (n == -EAGAIN)
        return false;
    if (n < 0) {
        tcp_broken(f, from);
        return false;
    }
    if (n == 0) {
        tcp_on_eof(f, from, to);
        return false;
    }
    tcp_count_read(f, from, (uint64_t)n);
    tcp_active(f);
    tcp_note_size(from, (size_t)n);
    conn_gather(env, &to->conn, (struct span){env->scratch, (size_t)n});
    /* An end that is known leaves in the packet of the last bytes. */
    if (!tcp_send(f, to, (size_t)n, from->conn.end_next))
        return false;
    if (!tcp_has_ended(f))
        return true;
    tcp_end(f, REASON_NONE);
    return false;
}

/* The pipe is empty: it goes back, so that idle flows hold none. */
static void tcp_return_pipe(struct tcp_flow *f, struct tcp_side *from, uint64_t moved)
{
    from->pipe = conn_pipe_put(tcp_env(f), from->pipe);
    from->n_large = moved < TCP_SMALL_BYTES ? from->n_large + 1 : 0;
    if (from->n_large < TCP_SMALL_MOVES)
        return;
    from->bulk = false;
    from->n_large = 0;
}

static void tcp_splice(struct tcp_flow *f, struct tcp_side *from, struct tcp_side *to)
{
    uint64_t moved[2];
    int r;

    tcp_hurry(to);
    r = conn_splice(tcp_env(f), &from->conn, &to->conn, from->pipe, TCP_SPLICE_BYTES, moved);
    tcp_count_read(f, from, moved[0]);
    tcp_count_sent(f, to, moved[1]);
    if (moved[0] > 0 || moved[1] > 0)
        tcp_active(f);
    if (r < 0 && r != -EAGAIN) {
        tcp_broken(f, from->conn.error != 0 ? from : to);
        return;
    }
    if (from->pipe->bytes == 0)
        tcp_return_pipe(f, from, moved[0]);
    if (r == 1)
        tcp_on_eof(f, from, to);
    else if (r == 0)
        engine_again(f->listener->l4->engine, &from->conn.io);
}

/* Whether this direction splices now. Without a pipe to be had it copies on. */
static bool tcp_splices(struct tcp_flow *f, struct tcp_side *from)
{
    if (from->pipe)
        return true;
    if (!from->bulk || !from->conn.io.readable)
        return false;
    from->pipe = conn_pipe_get(tcp_env(f));
    if (!from->pipe)
        from->bulk = false;
    return from->pipe != NULL;
}

/* What waits for `to` goes first, and while any of it waits nothing is read: the kernel pushes back. */
static bool tcp_send_queue(struct tcp_flow *f, struct tcp_side *to)
{
    if (to->conn.out_bytes == 0)
        return true;
    if (!to->conn.io.writable || !tcp_send(f, to, 0, false))
        return false;
    if (!tcp_has_ended(f))
        return true;
    tcp_end(f, REASON_NONE);
    return false;
}

static void tcp_move(struct tcp_flow *f, struct tcp_side *from, struct tcp_side *to)
{
    for (unsigned i = 0; i < TCP_READS; i++) {
        if (!tcp_send_queue(f, to) || to->conn.shut_wanted || !to->conn.io.writable)
            return;
        if (tcp_splices(f, from)) {
            tcp_splice(f, from, to);
            return;
        }
        if (!from->conn.io.readable || !tcp_copy(f, from, to))
            return;
    }
    engine_again(f->listener->l4->engine, &from->conn.io);
}

/* A side was reset, and its bytes before that were read or have nowhere to go. */
static bool tcp_is_lost(const struct tcp_side *side, const struct tcp_side *other)
{
    return side->conn.io.failed && (!side->conn.io.readable || other->conn.out_bytes > 0 ||
                                       !other->conn.io.writable || other->conn.shut_wanted);
}

/* first: the side that something happened on. */
static void tcp_run(struct tcp_flow *f, struct tcp_side *first, struct tcp_side *second)
{
    tcp_move(f, first, second);
    if (!f->closed)
        tcp_move(f, second, first);
    if (f->closed)
        return;
    if (tcp_is_lost(&f->client, &f->server))
        tcp_end(f, REASON_CLIENT_RESET);
    else if (tcp_is_lost(&f->server, &f->client))
        tcp_end(f, REASON_SERVER_RESET);
}

/* ---- connecting ---- */

static void tcp_connected(struct tcp_flow *f);

static void tcp_try_failed(struct tcp_flow *f, enum reason reason)
{
    struct tcp_connect *c = f->connect;

    counter_add(&f->use.server->cell->connect_failures, 1);
    pick_failed(&c->pick, f->use.server);
    c->reason = reason;
    conn_close(tcp_env(f), &f->server.conn);
    server_use_end(&f->use);
}

static void tcp_on_timer(struct engine *engine, struct timer *timer)
{
    struct tcp_flow *f = container_of(timer, struct tcp_flow, timer);

    (void)engine;
    if (!f->connect) {
        tcp_end(f, REASON_IDLE_TIMEOUT);
        return;
    }
    tcp_try_failed(f, REASON_CONNECT_TIMEOUT);
    tcp_connect_next(f);
}

static enum reason tcp_connect_reason(int r)
{
    switch (r) {
    case -ECONNREFUSED:
        return REASON_CONNECT_REFUSED;
    case -ETIMEDOUT:
        return REASON_CONNECT_TIMEOUT;
    default:
        return REASON_CONNECT_FAILED;
    }
}

static void tcp_on_server_ready(struct engine *engine, struct engine_io *io)
{
    struct tcp_flow *f = container_of(io, struct tcp_flow, server.conn.io);
    int r;

    (void)engine;
    if (!f->connect) {
        tcp_run(f, &f->server, &f->client);
        return;
    }
    if (!io->writable && !io->failed)
        return;
    r = io->failed || io->hung_up ? net_connect_result(io->fd) : 0;
    if (r == 0) {
        tcp_connected(f);
        return;
    }
    tcp_try_failed(f, tcp_connect_reason(r));
    tcp_connect_next(f);
}

static void tcp_on_client_ready(struct engine *engine, struct engine_io *io)
{
    struct tcp_flow *f = container_of(io, struct tcp_flow, client.conn.io);

    (void)engine;
    if (!f->connect)
        tcp_run(f, &f->client, &f->server);
    else if (io->failed)
        tcp_end(f, REASON_CLIENT_RESET);
}

/* Opens the connection to f's server: 0, NET_CONNECTING or -errno. */
static int tcp_open_server(struct tcp_flow *f)
{
    const struct addr *addr = &f->use.server->addr;
    int fd;
    int r = net_connect_lazy(addr, flow_source(f->connect->group, addr->family), &fd);
    int opened;

    if (r < 0)
        return r;
    opened = conn_open(tcp_env(f), &f->server.conn, fd, &transport_plain, tcp_on_server_ready);
    if (opened < 0)
        return opened;
    counter_add(&f->use.server->cell->connects, 1);
    /* The loop tells what is ready, and that is how it ends: no call is made in vain. */
    f->server.conn.io.readable = false;
    f->server.conn.io.writable = r == 0;
    return r;
}

/* We are short of something ourselves: another server would not help. */
static enum reason tcp_own_trouble(int r)
{
    switch (r) {
    case -EMFILE:
    case -ENFILE:
        return REASON_OUT_OF_FILES;
    case -ENOMEM:
    case -ENOBUFS:
    case -ENOSPC:
        return REASON_OUT_OF_MEMORY;
    default:
        return REASON_NONE;
    }
}

static void tcp_unserved(struct tcp_flow *f, enum reason reason)
{
    counter_add(&f->listener->cell->refused, 1);
    tcp_end(f, reason);
}

/* Picks, and begins to connect: 0, NET_CONNECTING, or -EAGAIN to try the next server; -ECANCELED when the flow
 * has ended for want of one. */
static int tcp_connect_one(struct tcp_flow *f)
{
    struct tcp_connect *c = f->connect;
    struct server *server;
    enum reason reason;
    int r;

    if (c->tries_left == 0) {
        tcp_unserved(f, c->reason);
        return -ECANCELED;
    }
    c->tries_left--;
    if (group_pick(c->group, &c->pick, tcp_now(f), &server, &reason) < 0) {
        tcp_unserved(f, c->reason != REASON_NONE ? c->reason : reason);
        return -ECANCELED;
    }
    flow_count(f->listener, reason);
    if (c->reason != REASON_NONE)
        flow_count(f->listener, REASON_NEXT_SERVER);
    server_use_begin(server, &f->use, tcp_cut);
    r = tcp_open_server(f);
    if (r >= 0)
        return r;
    reason = tcp_own_trouble(r);
    if (reason != REASON_NONE) {
        tcp_unserved(f, reason);
        return -ECANCELED;
    }
    tcp_try_failed(f, tcp_connect_reason(r));
    return -EAGAIN;
}

static void tcp_connect_next(struct tcp_flow *f)
{
    int r;

    do {
        r = tcp_connect_one(f);
    } while (r == -EAGAIN);
    if (r == 0)
        tcp_connected(f);
    else if (r == NET_CONNECTING)
        timer_set(
            f->listener->l4->engine, &f->timer, tcp_now(f) + f->connect->timeout_ns, tcp_on_timer);
}

static void tcp_connected(struct tcp_flow *f)
{
    tcp_connect_done(f);
    timer_set(f->listener->l4->engine, &f->timer, tcp_now(f) + f->idle_ns, tcp_on_timer);
    tcp_run(f, &f->client, &f->server);
}

/* ---- life ---- */

static uint64_t tcp_key(
    const struct l4_socket *socket, const struct group *group, int fd, const struct addr *peer)
{
    struct addr local = socket->local;

    /* Bound to all addresses, only the connection knows which one it came to. */
    if (socket->wildcard && group->conf->scheduler == SCHEDULER_TCH)
        (void)!net_local_addr(fd, &local);
    return flow_key(group, peer, &local, (struct span){0});
}

static struct tcp_connect *tcp_connect_new(struct l4 *l4, struct group *group)
{
    struct tcp_connect *c = slab_get(&l4->tcp_connects);

    memset(c, 0, sizeof(*c));
    c->group = group_ref(group);
    c->timeout_ns = nsec_from_ms(group->conf->connect_timeout_ms);
    c->tries_left = group->conf->tries;
    return c;
}

void tcp_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer)
{
    struct l4_socket *socket = arg;
    struct l4_listener *listener = socket->listener;
    struct l4 *l4 = listener->l4;
    struct group *group;
    enum reason reason = flow_admit(listener, &group);
    struct tcp_flow *f;

    (void)acceptor;
    if (reason != REASON_NONE) {
        flow_refused(listener, reason);
        net_close_reset(fd);
        return;
    }
    f = slab_get(&l4->tcp_flows);
    memset(f, 0, sizeof(*f));
    f->listener = listener;
    f->server.conn.io.fd = -1;
    f->idle_ns = nsec_from_ms(listener->conf->idle_timeout_ms);
    if (conn_open(l4->env, &f->client.conn, fd, &transport_plain, tcp_on_client_ready) < 0) {
        slab_put(&l4->tcp_flows, f);
        flow_refused(listener, REASON_OUT_OF_MEMORY);
        return;
    }
    f->client.conn.io.readable = false; /* the loop tells */
    f->client.prompt = true;            /* as its listening socket is */
    f->connect = tcp_connect_new(l4, group);
    f->connect->pick.key = tcp_key(socket, group, fd, peer);
    f->view = view_ref(l4->view);
    flow_begin(listener, &f->link);
    tcp_connect_next(f);
}

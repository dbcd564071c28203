#include "l4/udp.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "engine/net.h"
#include "engine/sys.h"
#include "l4/udp_batch.h"

#ifndef UDP_GRO
#    define UDP_GRO 104
#endif

#define UDP_DRAIN_IDLE (5 * NSEC_PER_SEC)

#define UDP_ROUNDS      4u  /* batches per turn and socket: others want to be served too */
#define UDP_REPLIES     16u /* slots offered to one server's socket at a time */
#define UDP_GRO_REPLIES 2u  /* at once are a train */

static struct l4 *udp_l4(const struct udp_flow *f)
{
    return f->socket->listener->l4;
}

/* ---- the end ---- */

static void udp_free(void *arg, void *object)
{
    struct l4 *l4 = arg;

    slab_put(&l4->udp_flows, object);
}

/* It is assured, or over. */
static void udp_trust(struct udp_flow *f)
{
    if (!list_linked(&f->doubt))
        return;
    list_remove(&f->doubt);
    udp_l4(f)->n_unassured--;
}

/* It is not assured, and not idle. */
static void udp_doubt(struct udp_flow *f)
{
    udp_trust(f);
    list_add_back(&udp_l4(f)->udp_unassured, &f->doubt);
    udp_l4(f)->n_unassured++;
}

/* Lets go of the flow; its descriptor is the caller's. */
static int udp_forget(struct udp_flow *f, enum reason reason)
{
    struct l4_listener *listener = f->socket->listener;
    struct l4 *l4 = listener->l4;
    int fd = f->io.fd;

    assert(!f->closed);
    f->closed = true;
    timer_stop(&f->timer);
    engine_unwatch(l4->engine, &f->io);
    udp_table_remove(&listener->table, f);
    udp_trust(f);
    if (f->use.server)
        server_use_end(&f->use);
    flow_count(listener, reason);
    flow_end(listener, &f->link);
    view_unref(f->view);
    engine_defer_free(l4->engine, f, udp_free, l4);
    return fd;
}

void udp_end(struct udp_flow *f, enum reason reason)
{
    if (!f->closed)
        (void)close(udp_forget(f, reason));
}

bool udp_evict(struct l4 *l4)
{
    if (list_empty(&l4->udp_unassured))
        return false;
    udp_end(list_entry(l4->udp_unassured.next, struct udp_flow, doubt), REASON_FLOW_EVICTED);
    return true;
}

static void udp_cut(struct server_use *use, enum reason reason)
{
    udp_end(container_of(use, struct udp_flow, use), reason);
}

static void udp_on_idle(struct engine *engine, struct timer *timer)
{
    struct udp_flow *f = container_of(timer, struct udp_flow, timer);

    /* Idle is how every flow ends that nothing ended before: no reason to count. */
    udp_end(f, engine_now(engine) >= f->cut_at ? REASON_DRAINING : REASON_NONE);
}

static nsec udp_due(const struct udp_flow *f)
{
    return MIN(engine_now(udp_l4(f)->engine) + f->idle_ns, f->cut_at);
}

void udp_drain(const struct l4_listener *listener)
{
    struct engine *engine = listener->l4->engine;

    list_foreach (it, &listener->flows) {
        struct udp_flow *f = container_of(it, struct udp_flow, link);

        f->idle_ns = MIN(f->idle_ns, UDP_DRAIN_IDLE);
        timer_set(engine, &f->timer, udp_due(f), udp_on_idle);
    }
}

/* The server's machine says that nobody listens there, or the socket is of no use any more. */
static void udp_failed(struct udp_flow *f, int r)
{
    if (f->use.server)
        counter_add(&f->use.server->cell->connect_failures, 1);
    udp_end(f, r == -ECONNREFUSED ? REASON_CONNECT_REFUSED : REASON_CONNECT_FAILED);
}

static void udp_active(struct udp_flow *f)
{
    timer_renew(&f->timer, udp_due(f));
}

static void udp_client_sends(struct udp_flow *f)
{
    if (!list_linked(&f->doubt))
        return;
    if (f->answered)
        udp_trust(f);
    else
        udp_doubt(f);
}

static void udp_server_answers(struct udp_flow *f)
{
    f->answered = true;
    if (list_linked(&f->doubt))
        udp_doubt(f);
}

/* The last call found less than it had room for: n, of max. */
static void udp_note_read(struct engine *engine, struct engine_io *io, int n, uint32_t max)
{
    if (n >= 0 && (uint32_t)n >= max)
        return;
    /* A test's invention has no edge behind it. */
    if (sys_fault_hit())
        engine_again(engine, io);
    else
        io->readable = false;
}

/* ---- replies ---- */

static void udp_send_replies(struct udp_batch *batch)
{
    const struct l4_socket *socket = batch->replies_of;

    if (!socket)
        return;
    udp_out_send(&batch->replies);
    counter_add(&socket->listener->cell->datagrams_out, batch->replies.sent);
    counter_add(&socket->listener->cell->bytes_out, batch->replies.sent_bytes);
    batch->replies_of = NULL;
    batch->n_held = 0;
    list_remove(&batch->job.link);
}

static void udp_on_turn_end(struct engine *engine, struct engine_job *job)
{
    (void)engine;
    udp_send_replies(container_of(job, struct udp_batch, job));
}

void udp_socket_flush(struct l4_socket *socket)
{
    struct udp_batch *batch = socket->listener->l4->batch;

    if (batch && batch->replies_of == socket)
        udp_send_replies(batch);
}

/* Makes the batch one that gathers for the flow's client, with a free slot. */
static void udp_begin_replies(struct udp_batch *batch, struct udp_flow *f)
{
    if (batch->replies_of != f->socket || batch->n_held == UDP_SLOTS)
        udp_send_replies(batch);
    if (batch->replies_of)
        return;
    batch->replies_of = f->socket;
    udp_out_begin(&batch->replies, f->socket->io.fd);
    batch->job.fn = udp_on_turn_end;
    engine_job_add(udp_l4(f)->engine, &batch->job);
}

static void udp_expect_trains(struct udp_flow *f)
{
    int on = 1;

    f->gro = true;
    (void)setsockopt(f->io.fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

/* Takes n replies from the slots that begin at n_held. */
static void udp_take_replies(struct udp_batch *batch, struct udp_flow *f, uint32_t n)
{
    const struct addr *source = f->socket->wildcard ? &f->key.local : NULL;
    uint64_t bytes = 0;

    for (uint32_t i = batch->n_held; i < batch->n_held + n; i++) {
        struct udp_piece piece;

        if (!udp_batch_piece(batch, i, &piece))
            continue;
        bytes += piece.len;
        udp_out_add(&batch->replies, &piece, f, &f->key.client, source);
    }
    if (f->use.server)
        counter_add(&f->use.server->cell->bytes_in, bytes);
    batch->n_held += n;
    udp_server_answers(f);
    udp_active(f);
    if (n >= UDP_GRO_REPLIES && !f->gro)
        udp_expect_trains(f);
}

/* Reads replies into the batch and says whether there may be more. */
static bool udp_read_replies(struct udp_batch *batch, struct udp_flow *f, uint32_t max)
{
    int error = 0;
    int n;

    udp_begin_replies(batch, f);
    max = MIN(UDP_SLOTS - batch->n_held, max);
    n = f->gro ? udp_batch_recv(batch, f->io.fd, batch->n_held, max)
               : udp_batch_recv_plain(batch, f->io.fd, batch->n_held, max, &error);
    if (n > 0)
        udp_take_replies(batch, f, (uint32_t)n);
    else if (n != -EAGAIN)
        error = n;
    if (error < 0)
        udp_failed(f, error);
    return error == 0 && n == (int)max;
}

/* Mostly there is one reply, and to find no second one would take a call: if there is, the loop tells again. */
static void udp_on_server_ready(struct engine *engine, struct engine_io *io)
{
    struct udp_flow *f = container_of(io, struct udp_flow, io);
    struct udp_batch *batch = udp_l4(f)->batch;
    uint64_t turn = engine_turns(engine);
    uint32_t max = f->gro ? UDP_REPLIES : turn == f->told_turn + 1 ? UDP_GRO_REPLIES : 1;

    io->readable = false;
    f->told_turn = turn;
    for (uint32_t i = 0; i < UDP_ROUNDS && udp_read_replies(batch, f, max) && f->gro; i++)
        max = UDP_REPLIES;
}

/* ---- beginning ---- */

/* Takes over fd, which is closed on failure: 0 or -errno. server: NULL if it was removed. */
static int udp_adopt(struct l4_socket *socket, const struct udp_key *key, struct server *server,
    int fd, struct udp_flow **ret_flow)
{
    struct l4_listener *listener = socket->listener;
    struct l4 *l4 = listener->l4;
    struct udp_flow *f = slab_get(&l4->udp_flows);
    int r;

    memset(f, 0, sizeof(*f));
    f->io.fd = fd;
    r = engine_watch_level(l4->engine, &f->io, udp_on_server_ready);
    if (r < 0) {
        slab_put(&l4->udp_flows, f);
        (void)close(fd);
        return r;
    }
    f->io.readable = false; /* the loop tells */
    f->socket = socket;
    f->key = *key;
    f->hash = udp_key_hash(key);
    f->idle_ns = nsec_from_ms(listener->conf->idle_timeout_ms);
    f->cut_at = NSEC_NEVER;
    f->view = view_ref(l4->view);
    if (server)
        server_use_begin(server, &f->use, udp_cut);
    udp_table_add(&listener->table, f);
    udp_doubt(f);
    flow_begin(listener, &f->link);
    timer_set(l4->engine, &f->timer, udp_due(f), udp_on_idle);
    *ret_flow = f;
    return 0;
}

/* A limit of the process or the system is met before ours: -EAGAIN says that all ports are in use. */
static bool udp_is_scarce(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -EAGAIN;
}

/* A socket connected to the address, in the place of an unassured flow if there is no other: 0 or -errno. */
static int udp_dial(struct l4 *l4, const struct addr *addr, const struct addr *source, int *ret_fd)
{
    int r = net_connect_udp(addr, source, ret_fd);

    return udp_is_scarce(r) && udp_evict(l4) ? net_connect_udp(addr, source, ret_fd) : r;
}

/* A server and a socket connected to it: REASON_NONE, or why there is none. */
static enum reason udp_connect(struct l4_listener *listener, struct group *group, struct pick *pick,
    struct server **ret_server, int *ret_fd)
{
    enum reason failed = REASON_NONE;

    for (uint32_t tries = group->conf->tries; tries > 0; tries--) {
        struct server *server;
        enum reason reason;
        int r;

        if (group_pick(group, pick, engine_now(listener->l4->engine), &server, &reason) < 0)
            return failed != REASON_NONE ? failed : reason;
        flow_count(listener, reason);
        r = udp_dial(listener->l4, &server->addr, flow_source(group, server->addr.family), ret_fd);
        if (r == 0) {
            counter_add(&server->cell->connects, 1);
            *ret_server = server;
            return REASON_NONE;
        }
        if (r == -EMFILE || r == -ENFILE)
            return REASON_OUT_OF_FILES;
        counter_add(&server->cell->connect_failures, 1);
        pick_failed(pick, server);
        failed = REASON_CONNECT_FAILED;
    }
    return failed != REASON_NONE ? failed : REASON_CONNECT_FAILED;
}

/* NULL, and counted, when it may not or cannot begin. */
static struct udp_flow *udp_begin(
    struct l4_socket *socket, const struct udp_key *key, const struct udp_piece *piece)
{
    struct l4_listener *listener = socket->listener;
    struct pick pick = {0};
    struct group *group;
    struct server *server = NULL;
    struct udp_flow *f = NULL;
    enum reason reason = flow_admit(listener, &group);
    uint32_t first = piece->seg ? piece->seg : piece->len;
    int fd = -1;

    if (reason == REASON_NONE) {
        pick.key = flow_key(group, &key->client, &key->local, (struct span){piece->ptr, first});
        reason = udp_connect(listener, group, &pick, &server, &fd);
    }
    if (reason == REASON_NONE && udp_adopt(socket, key, server, fd, &f) < 0)
        reason = REASON_OUT_OF_MEMORY;
    if (reason == REASON_NONE)
        return f;
    flow_refused(listener, reason);
    return NULL;
}

/* ---- datagrams of clients ---- */

/* The flow of what lies in the slot, begun if need be; NULL if it goes nowhere. */
static struct udp_flow *udp_flow_of(
    struct l4_socket *socket, uint32_t slot, const struct udp_piece *piece)
{
    struct udp_batch *batch = socket->listener->l4->batch;
    struct udp_key key = {.local = socket->local};
    struct udp_flow *f;

    udp_batch_peer(batch, slot, &key.client);
    if (socket->wildcard && udp_batch_local(batch, slot, &key.local))
        key.local.port = socket->local.port;
    f = udp_table_find(&socket->listener->table, &key, udp_key_hash(&key));
    return f ? f : udp_begin(socket, &key, piece);
}

/* Sends the flow's datagrams, which are chained from the slot on. */
static void udp_send_up(struct udp_batch *batch, struct udp_flow *f, uint32_t slot)
{
    struct udp_out *out = &batch->up;

    udp_out_begin(out, f->io.fd);
    for (uint32_t i = slot; i != UDP_NEXT_NONE; i = batch->next[i]) {
        struct udp_piece piece;

        if (udp_batch_piece(batch, i, &piece))
            udp_out_add(out, &piece, f, NULL, NULL);
    }
    udp_out_send(out);
    if (f->use.server)
        counter_add(&f->use.server->cell->bytes_out, out->sent_bytes);
    udp_active(f);
    if (out->error == -ECONNREFUSED)
        udp_failed(f, out->error);
}

/* Sorts n datagrams by flow and sends them, flow by flow. */
static void udp_forward(struct l4_socket *socket, uint32_t n)
{
    struct udp_batch *batch = socket->listener->l4->batch;
    struct udp_flow *flows[UDP_SLOTS];
    uint8_t firsts[UDP_SLOTS];
    uint64_t datagrams = 0, bytes = 0;
    uint32_t n_flows = 0;

    batch->serial++;
    for (uint32_t i = 0; i < n; i++) {
        struct udp_piece piece;
        struct udp_flow *f;

        if (!udp_batch_piece(batch, i, &piece))
            continue;
        datagrams += udp_piece_count(&piece);
        bytes += piece.len;
        f = udp_flow_of(socket, i, &piece);
        if (!f)
            continue;
        if (f->serial == batch->serial) {
            batch->next[f->batch_last] = (uint8_t)i;
        } else {
            udp_client_sends(f);
            flows[n_flows] = f;
            firsts[n_flows++] = (uint8_t)i;
        }
        f->serial = batch->serial;
        f->batch_last = (uint8_t)i;
        batch->next[i] = UDP_NEXT_NONE;
    }
    counter_add(&socket->listener->cell->datagrams_in, datagrams);
    counter_add(&socket->listener->cell->bytes_in, bytes);
    for (uint32_t i = 0; i < n_flows; i++) {
        /* A later datagram of this batch may have evicted it. */
        if (!flows[i]->closed)
            udp_send_up(batch, flows[i], firsts[i]);
    }
}

static void udp_on_socket_ready(struct engine *engine, struct engine_io *io)
{
    struct l4_socket *socket = container_of(io, struct l4_socket, io);
    struct l4 *l4 = socket->listener->l4;

    for (uint32_t i = 0; i < UDP_ROUNDS && io->readable; i++) {
        int n;

        udp_send_replies(l4->batch); /* the slots are wanted */
        n = udp_batch_recv(l4->batch, io->fd, 0, UDP_SLOTS);
        udp_note_read(engine, io, n, UDP_SLOTS);
        if (n > 0)
            udp_forward(socket, (uint32_t)n);
    }
    if (io->readable)
        engine_again(engine, io);
}

/* ---- sockets ---- */

int udp_socket_start(struct l4_socket *socket, int fd)
{
    static const uint8_t any[sizeof(socket->local.ip)];
    struct l4 *l4 = socket->listener->l4;
    int on = 1;
    int r = net_local_addr(fd, &socket->local);

    if (r < 0)
        return r;
    if (!l4->batch)
        l4->batch = udp_batch_new();
    socket->wildcard = memcmp(socket->local.ip, any, sizeof(any)) == 0;
    if (socket->wildcard && socket->local.family == 4 &&
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
        return -errno;
    if (socket->wildcard && socket->local.family == 6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0)
        return -errno;
    /* Without it trains come as single datagrams. */
    (void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
    socket->io.fd = fd;
    r = engine_watch_input(l4->engine, &socket->io, udp_on_socket_ready);
    socket->io.readable = false; /* the loop tells, also of what came before */
    return r;
}

void udp_socket_stop(struct l4_socket *socket)
{
    engine_unwatch(socket->listener->l4->engine, &socket->io);
}

/* ---- hand-over ---- */

/* What the next process needs; fd is the flow's. */
static struct l4_udp_flow_state udp_state(const struct udp_flow *f)
{
    const struct server *server = f->use.server;
    nsec now = engine_now(udp_l4(f)->engine);
    nsec cut_at = f->cut_at;
    struct l4_udp_flow_state state = {
        .client = f->key.client,
        .local = f->key.local,
        .assured = !list_linked(&f->doubt),
        .upstream_fd = f->io.fd,
    };

    if (server && server->conf && server->group->conf) {
        state.server = server->addr;
        state.group_id = server->group->conf->res.id;
        state.server_id = server->conf->id;
        return state;
    }
    if (server && server->drain == DRAIN_WAITING)
        cut_at = server->drain_timer.due_at;
    if (cut_at != NSEC_NEVER)
        state.cut_for = MAX(cut_at - now, 1);
    return state;
}

void l4_export_udp(struct l4_listener *listener,
    void (*fn)(void *arg, const struct l4_udp_flow_state *flow), void *arg)
{
    if (!listener->udp)
        return;
    for (uint32_t i = 0; i < listener->n_sockets; i++)
        udp_socket_flush(listener->sockets[i]);
    list_foreach_safe (it, &listener->flows) {
        struct udp_flow *f = container_of(it, struct udp_flow, link);
        struct l4_udp_flow_state state = udp_state(f);

        (void)udp_forget(f, REASON_NONE);
        fn(arg, &state);
    }
}

static bool udp_is_group(const struct group *group, const char *id)
{
    return group && group->conf && strcmp(group->conf->res.id, id) == 0;
}

/* The group of that id: mostly the listener's own; else, as after a change, any. */
static struct group *udp_find_group(const struct l4_listener *listener, const char *id)
{
    const struct groups *groups = listener->l4->groups;
    struct group *own = flow_group(listener);

    if (udp_is_group(own, id))
        return own;
    for (uint32_t i = 0; i < groups->n; i++) {
        if (udp_is_group(groups->at[i], id))
            return groups->at[i];
    }
    return NULL;
}

static struct server *udp_find_server(
    const struct l4_listener *listener, const struct l4_udp_flow_state *flow)
{
    const struct group *group = udp_find_group(listener, flow->group_id);

    for (uint32_t i = 0; group && i < group->n_servers; i++) {
        struct server *server = group->servers[i];

        if (strcmp(server->conf->id, flow->server_id) == 0 && addr_eq(&server->addr, &flow->server))
            return server;
    }
    return NULL;
}

static struct l4_socket *udp_find_socket(
    const struct l4_listener *listener, const struct addr *local)
{
    for (uint32_t i = 0; i < listener->n_sockets; i++) {
        struct l4_socket *socket = listener->sockets[i];

        if (addr_eq(&socket->local, local) ||
            (socket->wildcard && socket->local.port == local->port &&
                socket->local.family >= local->family))
            return socket;
    }
    return NULL;
}

int l4_import_udp(struct l4_listener *listener, const struct l4_udp_flow_state *flow)
{
    struct engine *engine = listener->l4->engine;
    struct udp_key key = {flow->client, flow->local};
    struct l4_socket *socket =
        listener->udp && listener->conf ? udp_find_socket(listener, &flow->local) : NULL;
    struct server *server = socket && flow->server_id ? udp_find_server(listener, flow) : NULL;
    struct udp_flow *f = udp_table_find(&listener->table, &key, udp_key_hash(&key));
    int r = 0;

    if (!socket)
        r = -EADDRNOTAVAIL;
    else if (flow->server_id && !server)
        r = -ENOENT;
    else if (!f && !flow_find_room(listener))
        r = -ENOSPC;
    if (r < 0) {
        (void)close(flow->upstream_fd);
        return r;
    }
    if (f)
        udp_end(f, REASON_NONE);
    r = udp_adopt(socket, &key, server, flow->upstream_fd, &f);
    if (r < 0)
        return r;
    if (flow->assured)
        udp_trust(f);
    if (flow->cut_for > 0)
        f->cut_at = engine_now(engine) + flow->cut_for;
    timer_set(engine, &f->timer, udp_due(f), udp_on_idle);
    return 0;
}

#include "l4/l4.h"

#include "l4/tcp.h"
#include "l4/udp.h"
#include "l4/udp_batch.h"
#include "observe/log.h"

struct l4 *l4_new(struct worker *worker, struct groups *groups)
{
    struct l4 *l4 = base_zalloc(sizeof(*l4));

    l4->worker = worker;
    l4->engine = worker->engine;
    l4->env = &worker->env;
    l4->groups = groups;
    l4->flows_max = UINT32_MAX;
    l4->unassured_max = UINT32_MAX;
    slab_init(&l4->tcp_flows, sizeof(struct tcp_flow));
    slab_init(&l4->tcp_connects, sizeof(struct tcp_connect));
    slab_init(&l4->udp_flows, sizeof(struct udp_flow));
    list_init(&l4->listeners);
    list_init(&l4->udp_unassured);
    return l4;
}

static void l4_destroy(void *arg, void *object)
{
    struct l4 *l4 = object;

    (void)arg;
    slab_done(&l4->tcp_flows);
    slab_done(&l4->tcp_connects);
    slab_done(&l4->udp_flows);
    (void)udp_batch_free(l4->batch);
    free(l4);
}

struct l4 *l4_free(struct l4 *l4)
{
    if (!l4)
        return NULL;
    list_foreach_safe (it, &l4->listeners)
        l4_unlisten(container_of(it, struct l4_listener, link));
    l4_cut(l4);
    /* Behind the flows, which are freed in the same way. */
    engine_defer_free(l4->engine, l4, l4_destroy, NULL);
    return NULL;
}

void l4_set_view(struct l4 *l4, struct snapshot_view *view)
{
    l4->view = view;
}

/* ---- listeners ---- */

static int l4_socket_start(struct l4_socket *socket)
{
    static const uint8_t any[sizeof(((struct addr *)0)->ip)];
    struct l4_listener *listener = socket->listener;
    int r;

    if (listener->udp)
        return udp_socket_start(socket, socket->fd);
    r = acceptor_start(&socket->acceptor, listener->l4->engine, socket->fd, tcp_accept, socket);
    socket->local = socket->acceptor.local;
    socket->wildcard = memcmp(socket->local.ip, any, sizeof(any)) == 0;
    return r;
}

void l4_start_accepting(struct l4_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_sockets; i++) {
        int r = l4_socket_start(listener->sockets[i]);

        if (r < 0)
            log_line(LOG_ERROR, "listener %s: a socket cannot be watched: %s",
                listener->conf->res.id, strerrordesc_np(-r));
    }
}

struct l4_listener *l4_listen(struct l4 *l4, const struct listener_conf *conf, const int *fds)
{
    struct l4_listener *listener = base_zalloc(sizeof(*listener));

    assert(conf->protocol == PROTOCOL_TCP || conf->protocol == PROTOCOL_UDP);
    listener->l4 = l4;
    listener->conf = conf;
    listener->slot = conf->res.slot;
    listener->cell = &conf->state->cells[l4->worker->index];
    listener->udp = conf->protocol == PROTOCOL_UDP;
    listener->sockets =
        (struct l4_socket **)base_calloc(MAX(conf->bind.n, 1u), sizeof(struct l4_socket *));
    list_init(&listener->flows);
    list_add_back(&l4->listeners, &listener->link);
    for (uint32_t i = 0; i < conf->bind.n; i++) {
        struct l4_socket *socket = base_zalloc(sizeof(*socket));

        socket->listener = listener;
        socket->fd = fds[i];
        socket->io.fd = -1;
        listener->sockets[listener->n_sockets++] = socket;
    }
    l4_start_accepting(listener);
    return listener;
}

void l4_relisten(struct l4_listener *listener, const struct listener_conf *conf)
{
    listener->conf = conf;
    listener->cell = &conf->state->cells[listener->l4->worker->index];
}

void l4_stop_accepting(struct l4_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_sockets; i++) {
        if (listener->udp)
            udp_socket_stop(listener->sockets[i]);
        else
            acceptor_stop(&listener->sockets[i]->acceptor);
    }
}

/* Ends all flows of the listener. */
static void l4_cut_flows(struct l4_listener *listener, enum reason reason)
{
    list_foreach_safe (it, &listener->flows) {
        if (listener->udp)
            udp_end(container_of(it, struct udp_flow, link), reason);
        else
            tcp_end(container_of(it, struct tcp_flow, link), reason);
    }
}

void l4_unlisten(struct l4_listener *listener)
{
    if (listener->removed)
        return;
    l4_stop_accepting(listener);
    if (listener->udp) {
        for (uint32_t i = 0; i < listener->n_sockets; i++)
            udp_socket_flush(listener->sockets[i]);
        l4_cut_flows(listener, REASON_LISTENER_GONE);
    }
    listener->conf = NULL;
    listener->removed = true;
    flow_listener_left(listener);
}

/* ---- the end of the process ---- */

void l4_drain(struct l4 *l4)
{
    if (l4->draining)
        return;
    l4->draining = true;
    list_foreach (it, &l4->listeners) {
        const struct l4_listener *listener = container_of(it, struct l4_listener, link);

        if (listener->udp)
            udp_drain(listener);
    }
}

uint32_t l4_udp_active(const struct l4 *l4)
{
    return l4->n_udp;
}

uint32_t l4_active(const struct l4 *l4)
{
    return l4->n_flows;
}

void l4_cut(struct l4 *l4)
{
    list_foreach_safe (it, &l4->listeners)
        l4_cut_flows(container_of(it, struct l4_listener, link), REASON_DRAINING);
}

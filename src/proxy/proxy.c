#include "proxy/proxy.h"

#include "proxy/client.h"
#include "proxy/upstream.h"

/* What one exchange may allocate beyond its first block: heads are bounded by the listener's limits, edits and
 * rewrites by theirs. */
#define EXCHANGE_MEMORY (512u << 10)

struct proxy *proxy_new(struct worker *worker, struct groups *groups, struct access_log *log)
{
    struct proxy *proxy = base_zalloc(sizeof(*proxy));

    proxy->worker = worker;
    proxy->engine = worker->engine;
    proxy->env = &worker->env;
    proxy->groups = groups;
    proxy->log = log;
    proxy->clients_max = UINT32_MAX;
    proxy->exchange_memory = EXCHANGE_MEMORY;
    proxy->fields = base_calloc(PROXY_HEADERS_MAX, sizeof(struct http_header));
    list_init(&proxy->listeners);
    slab_init(&proxy->clients, sizeof(struct client));
    slab_init(&proxy->upstreams, sizeof(struct upstream));
    slab_init(&proxy->exchanges, sizeof(struct exchange));
    return proxy;
}

struct proxy *proxy_free(struct proxy *proxy)
{
    if (!proxy)
        return NULL;
    slab_done(&proxy->clients);
    slab_done(&proxy->upstreams);
    slab_done(&proxy->exchanges);
    free(proxy->fields);
    free(proxy);
    return NULL;
}

void proxy_set_view(struct proxy *proxy, struct snapshot_view *view)
{
    proxy->view = view;
}

static void http_listener_configure(
    struct http_listener *listener, const struct listener_conf *conf)
{
    listener->conf = conf;
    listener->limits = (struct h1_limits){
        .line_bytes = conf->line_bytes,
        .header_bytes = conf->header_bytes,
        .head_bytes = conf->head_bytes,
        .n_headers = conf->n_headers,
        .body_bytes = conf->body_bytes,
    };
}

struct http_listener *proxy_listen(
    struct proxy *proxy, const struct listener_conf *conf, const int *fds)
{
    struct http_listener *listener = base_zalloc(sizeof(*listener));

    listener->proxy = proxy;
    listener->slot = conf->res.slot;
    listener->cell = &conf->state->cells[proxy->worker->index];
    list_init(&listener->clients);
    list_add_back(&proxy->listeners, &listener->link);
    http_listener_configure(listener, conf);
    listener->n_acceptors = conf->bind.n;
    listener->acceptors = base_calloc(conf->bind.n, sizeof(struct acceptor));
    for (uint32_t i = 0; i < conf->bind.n; i++)
        listener->acceptors[i].io.fd = fds[i];
    proxy_start_accepting(listener);
    return listener;
}

void proxy_relisten(struct http_listener *listener, const struct listener_conf *conf)
{
    http_listener_configure(listener, conf);
}

void proxy_start_accepting(struct http_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_acceptors; i++) {
        struct acceptor *acceptor = &listener->acceptors[i];
        int r = acceptor_start(
            acceptor, listener->proxy->engine, acceptor->io.fd, client_accept, listener);

        if (r < 0)
            log_line(LOG_ERROR, "listener %s: a socket cannot be watched: %s",
                listener->conf->res.id, strerrordesc_np(-r));
    }
}

void proxy_stop_accepting(struct http_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_acceptors; i++)
        acceptor_stop(&listener->acceptors[i]);
}

static void http_listener_free(void *arg, void *object)
{
    struct http_listener *listener = object;

    (void)arg;
    view_unref(listener->view);
    free(listener->acceptors);
    free(listener);
}

void http_listener_left(struct http_listener *listener)
{
    listener->n_clients--;
    if (!listener->removed || listener->n_clients > 0)
        return;
    list_remove(&listener->link);
    engine_defer_free(listener->proxy->engine, listener, http_listener_free, NULL);
}

static void http_listener_retire(struct http_listener *listener)
{
    list_foreach_safe (it, &listener->clients)
        client_retire(container_of(it, struct client, link));
}

/* Called while the last view that has the listener is still current. */
void proxy_unlisten(struct http_listener *listener)
{
    proxy_stop_accepting(listener);
    listener->conf = NULL;
    listener->view = view_ref(listener->proxy->view);
    /* One more than there are, so that the last to leave is this function. */
    listener->n_clients++;
    listener->removed = true;
    http_listener_retire(listener);
    http_listener_left(listener);
}

void proxy_drain(struct proxy *proxy, bool close_idle)
{
    proxy->draining = true;
    if (!close_idle)
        return;
    proxy->closing_idle = true;
    list_foreach_safe (it, &proxy->listeners)
        http_listener_retire(container_of(it, struct http_listener, link));
}

uint32_t proxy_active(const struct proxy *proxy)
{
    return proxy->n_clients;
}

void proxy_cut(struct proxy *proxy)
{
    list_foreach_safe (it, &proxy->listeners) {
        struct http_listener *listener = container_of(it, struct http_listener, link);

        list_foreach_safe (client, &listener->clients)
            client_cut(container_of(client, struct client, link));
    }
}

void proxy_on_server_removed(void *arg, struct server *server)
{
    (void)arg;
    upstream_close_idle(server);
}

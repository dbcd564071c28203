/* The layer-7 proxy of one worker: HTTP listeners, client connections, exchanges, kept server connections. */
#pragma once

#include "balance/groups.h"
#include "base/slab.h"
#include "engine/acceptor.h"
#include "engine/worker.h"
#include "http/h1/h1.h"
#include "observe/access_log.h"
#include "snapshot/snapshot.h"

#define PROXY_HEADERS_MAX 1000u

/* One HTTP listener on one worker. Lives until its last connection ends, also after its removal. */
struct http_listener {
    struct proxy *proxy;
    const struct listener_conf *conf; /* of the worker's current view; NULL once removed */
    uint32_t slot;
    struct snapshot_view
        *view; /* once removed: a counted use that keeps the state of the counters */
    struct listener_cell *cell;
    struct h1_limits limits;
    struct acceptor *acceptors; /* owned array: one per bound address */
    uint32_t n_acceptors;
    struct list link;    /* in proxy->listeners */
    struct list clients; /* struct client, all */
    uint32_t n_clients;
    bool removed;
};

struct proxy {
    struct worker *worker;      /* borrowed */
    struct engine *engine;      /* the worker's */
    struct conn_env *env;       /* the worker's */
    struct groups *groups;      /* borrowed; the worker's */
    struct access_log *log;     /* borrowed; NULL: none */
    struct snapshot_view *view; /* current; borrowed from the plane */
    struct slab clients, upstreams, exchanges;
    struct http_header *fields; /* owned: scratch of PROXY_HEADERS_MAX for the codec */
    struct list listeners;      /* struct http_listener, removed ones with clients included */
    size_t exchange_memory;     /* limit of an exchange's arena */
    uint32_t n_clients, clients_max;
    uint32_t n_exchanges;
    bool draining;     /* the process is being replaced: finish, keep nothing alive */
    bool closing_idle; /* the process is stopping: whoever becomes idle is closed */
    char date[CLOCK_HTTP_LEN];
    nsec date_at;
};

struct proxy *proxy_new(struct worker *worker, struct groups *groups, struct access_log *log);
struct proxy *proxy_free(struct proxy *proxy);

/* The view that new exchanges use from now on. */
void proxy_set_view(struct proxy *proxy, struct snapshot_view *view);

/* A listener appeared: fds are its sockets for this worker, parallel to conf->bind (owned by the plane, watched here).
 * Its conf must be in the current view. */
struct http_listener *proxy_listen(
    struct proxy *proxy, const struct listener_conf *conf, const int *fds);
/* It has another configuration; the sockets are the same. */
void proxy_relisten(struct http_listener *listener, const struct listener_conf *conf);
/* It was removed: stops accepting, closes idle connections, lets exchanges end. Frees itself with the last. */
void proxy_unlisten(struct http_listener *listener);

void proxy_stop_accepting(struct http_listener *listener);
/* Takes that back: on the sockets that it had. */
void proxy_start_accepting(struct http_listener *listener);
/* From now on every response is its connection's last. Idle connections stay until their time is over, because closing one
 * may cross with a request; close_idle: they are closed now all the same. */
void proxy_drain(struct proxy *proxy, bool close_idle);
/* Client connections and exchanges that are still open. */
uint32_t proxy_active(const struct proxy *proxy);
/* Ends everything at once. */
void proxy_cut(struct proxy *proxy);
/* A client connection of the listener has ended: a removed listener goes with its last one. */
void http_listener_left(struct http_listener *listener);
/* For groups: a server left, its idle connections are closed. */
void proxy_on_server_removed(void *arg, struct server *server);

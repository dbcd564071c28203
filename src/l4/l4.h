/* The layer-4 proxy of one worker: TCP relays and UDP flows.
 *
 * Belongs to one worker. The plane makes listeners appear, change and go; flows that are open keep the view
 * they began with and are cut by drains, idle time, or l4_cut.
 */
#pragma once

#include "balance/groups.h"
#include "engine/acceptor.h"
#include "engine/worker.h"
#include "snapshot/snapshot.h"

struct l4 {
    struct worker *worker; /* borrowed */
    struct engine *engine;
    struct conn_env *env;
    struct groups *groups;      /* borrowed */
    struct snapshot_view *view; /* current; borrowed */
    struct slab tcp_flows, udp_flows;
    uint32_t n_flows, flows_max;
    bool draining;
    struct udp_batch *batch; /* owned: message headers and buffers of recvmmsg and sendmmsg, one per worker */
};

struct l4_listener {
    struct l4 *l4;
    const struct listener_conf *conf; /* of the worker's current view; NULL once removed */
    uint32_t slot;
    struct listener_cell *cell;
    struct l4_socket **sockets; /* owned: one per bound address; TCP acceptor or UDP socket */
    uint32_t n_sockets;
    struct list flows;
    uint32_t n_flows;
    bool removed;
};

struct l4 *l4_new(struct worker *worker, struct groups *groups);
struct l4 *l4_free(struct l4 *l4);
void l4_set_view(struct l4 *l4, struct snapshot_view *view);

/* tcp and udp listeners; fds parallel to conf->bind, owned by the plane, watched here. */
struct l4_listener *l4_listen(struct l4 *l4, const struct listener_conf *conf, const int *fds);
void l4_relisten(struct l4_listener *listener, const struct listener_conf *conf);
/* Removed: no new flows. TCP flows go on until they end; UDP flows end (their socket goes away). */
void l4_unlisten(struct l4_listener *listener);
/* The sockets are another process's now: stops accepting and reading, TCP flows go on; UDP flows can
 * still answer until they are exported. */
void l4_stop_accepting(struct l4_listener *listener);

/* Hand-over of UDP flows: calls fn for each flow with what the next process needs, then forgets the flow without closing
 * upstream_fd, which is fn's (it may duplicate it into a message). */
struct l4_udp_flow_state {
    struct addr client, local, server;
    const char *group_id;   /* of the server's group */
    const char *server_id;
    int upstream_fd;
};
void l4_export_udp(struct l4_listener *listener,
    void (*fn)(void *arg, const struct l4_udp_flow_state *flow), void *arg);
/* Adopts one: upstream_fd is ours now. A server that is gone, or a full table, closes it: 0 or -errno. */
int l4_import_udp(struct l4_listener *listener, const struct l4_udp_flow_state *flow) MUST_CHECK;

void l4_drain(struct l4 *l4);
uint32_t l4_active(const struct l4 *l4);
void l4_cut(struct l4 *l4);

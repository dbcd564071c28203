/* The layer-4 proxy of one worker: TCP relays and UDP flows.
 *
 * Belongs to one worker. The plane makes listeners appear, change and go; flows that are open keep the view
 * they began with and are cut by drains, idle time, or l4_cut.
 *
 * TCP: the client's bytes stay in the kernel until a server has accepted; what does not accept is followed by the next
 * server. An end of one side (FIN) is passed on behind the bytes before it, a reset as a reset, and idle time is
 * told to both sides by RST.
 *
 * UDP: a flow is a client's address and port together with the address it sent to. It stays on its server
 * until it is idle, cut by a drain, or the server's machine says that nobody listens (ICMP); a change of weight or
 * health alone does not move it. Datagrams pass whole or not at all, empty ones too. What a socket cannot take is
 * lost, as anywhere on a datagram's path.
 */
#pragma once

#include "balance/groups.h"
#include "base/slab.h"
#include "engine/acceptor.h"
#include "engine/worker.h"
#include "snapshot/snapshot.h"

struct l4 {
    struct worker *worker; /* borrowed */
    struct engine *engine;
    struct conn_env *env;
    struct groups *groups;      /* borrowed */
    struct snapshot_view *view; /* current; borrowed */
    struct slab tcp_flows, tcp_connects, udp_flows;
    struct list listeners;       /* all, also removed ones whose flows go on */
    uint32_t n_flows, flows_max; /* TCP and UDP; no limit at first */
    bool draining;
    struct udp_batch
        *batch; /* owned: message headers and buffers of recvmmsg and sendmmsg, one per worker; NULL
                                before the first UDP listener */
};

struct l4_slot;

/* UDP flows by client and local address: open addressing, hashed with the process's secret. */
struct l4_table {
    struct l4_slot *slots; /* owned */
    uint32_t cap, n;       /* cap: 0 or a power of two */
};

struct l4_listener {
    struct l4 *l4;
    const struct listener_conf *conf; /* of the worker's current view; NULL once removed */
    uint32_t slot;
    struct listener_cell *cell;
    struct l4_socket **sockets; /* owned: one per bound address; TCP acceptor or UDP socket */
    uint32_t n_sockets;
    struct list link; /* in l4->listeners */
    struct list flows;
    uint32_t n_flows;
    struct l4_table table; /* UDP */
    bool udp;
    bool removed;
};

/* Never NULL. The worker is not running yet, or this is its thread. */
struct l4 *l4_new(struct worker *worker, struct groups *groups);
/* Ends all that is open as l4_cut does; the memory goes at the end of the turn, or with the engine. NULL is accepted. */
struct l4 *l4_free(struct l4 *l4);
/* What new flows use from now on. */
void l4_set_view(struct l4 *l4, struct snapshot_view *view);

/* tcp and udp listeners; fds parallel to conf->bind, owned by the plane, watched here. Never NULL: a socket that the
 * kernel refuses to watch is logged and serves nobody. */
struct l4_listener *l4_listen(struct l4 *l4, const struct listener_conf *conf, const int *fds);
void l4_relisten(struct l4_listener *listener, const struct listener_conf *conf);
/* Removed: no new flows. TCP flows go on until they end; UDP flows end (their socket goes away). The listener frees itself
 * with its last flow. */
void l4_unlisten(struct l4_listener *listener);
/* The sockets are another process's now: stops accepting and reading, TCP flows go on; UDP flows can
 * still answer until they are exported. */
void l4_stop_accepting(struct l4_listener *listener);
/* Takes that back: on the sockets that it had. */
void l4_start_accepting(struct l4_listener *listener);

/* Hand-over of UDP flows: calls fn for each flow with what the next process needs, then forgets the flow without closing
 * upstream_fd, which is fn's (it may duplicate it into a message). The texts are borrowed for the call. Flows on a server
 * that was removed from its group end instead. */
struct l4_udp_flow_state {
    struct addr client, local, server;
    const char *group_id; /* of the server's group */
    const char *server_id;
    int upstream_fd;
};
void l4_export_udp(struct l4_listener *listener,
    void (*fn)(void *arg, const struct l4_udp_flow_state *flow), void *arg);
/* Adopts one: upstream_fd is ours now. It replaces a flow that the same client began here meanwhile. Returns 0, or with
 * upstream_fd closed: -ENOENT (group, server or its address is gone), -EADDRNOTAVAIL (the listener has no such
 * local address), -ENOSPC (flows_max), other -errno (the kernel refuses to watch it). */
int l4_import_udp(struct l4_listener *listener, const struct l4_udp_flow_state *flow) MUST_CHECK;

/* The process ends: open flows go on, new ones are refused, and UDP flows end when they are idle for 5 s (or for their own
 * idle time, if that is less). */
void l4_drain(struct l4 *l4);
/* Flows that are open: all, and those of UDP, which need their listener's socket until they end. O(listeners). */
uint32_t l4_active(const struct l4 *l4);
uint32_t l4_udp_active(const struct l4 *l4);
/* Ends all flows at once: TCP by RST to both sides. */
void l4_cut(struct l4 *l4);

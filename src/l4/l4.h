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
 *
 * UDP sources can be forged, so flows are not all worth the same. A flow is assured once its client has sent something after
 * the server answered: that client is there and goes on, as a forger, who hears no answer and seldom sends twice from
 * one address, does not (netfilter's connection tracking assures by the same sign). When a flow is to begin and there is no
 * room, the unassured UDP flow of the worker that has been idle longest is evicted for it (REASON_FLOW_EVICTED): its time
 * would have been the next to end, and a client that was there after all begins anew with its next datagram. Whoever sends in
 * one direction only and often is idle for less time than a flood's sources are. Room ends where UDP has its share of
 * flows_max, where TCP and UDP have all of it, where unassured_max are unassured (each has one of the kernel's ports, of which
 * there are fewer than descriptors and which checks need too), and where descriptors or ports run out all the same. Assured
 * flows and TCP connections are never evicted: without an unassured flow the new one is refused (REASON_LIMIT_CONNECTIONS).
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
    struct list listeners;               /* all, also removed ones whose flows go on */
    uint32_t n_flows, flows_max;         /* TCP and UDP; no limit at first */
    uint32_t n_udp;                      /* of n_flows */
    struct list udp_unassured;           /* UDP flows of all listeners, the longest idle first */
    uint32_t n_unassured, unassured_max; /* no limit at first */
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
 * upstream_fd, which is fn's (it may duplicate it into a message). The texts are borrowed for the call. */
struct l4_udp_flow_state {
    struct addr client, local, server;
    const char
        *group_id; /* of the server's group; NULL, as server_id: the server was removed from it */
    const char *server_id;
    nsec cut_for; /* of a removed server: what its drain has left; 0: nothing cuts the flow */
    bool assured;
    int upstream_fd;
};
void l4_export_udp(struct l4_listener *listener,
    void (*fn)(void *arg, const struct l4_udp_flow_state *flow), void *arg);
/* Adopts one: upstream_fd is ours now. It replaces a flow that the same client began here meanwhile. A flow whose server was
 * removed goes on without one here, which counts nothing. Returns 0, or with upstream_fd closed: -ENOENT (group, server or
 * its address is gone), -EADDRNOTAVAIL (the listener has no such local address), -ENOSPC (no room), other -errno (the
 * kernel refuses to watch it). */
int l4_import_udp(struct l4_listener *listener, const struct l4_udp_flow_state *flow) MUST_CHECK;

/* The process ends: open flows go on, new ones are refused, and UDP flows end when they are idle for 5 s (or for their own
 * idle time, if that is less). */
void l4_drain(struct l4 *l4);
/* Flows that are open: all, and those of UDP, which need their listener's socket until they end. */
uint32_t l4_active(const struct l4 *l4);
uint32_t l4_udp_active(const struct l4 *l4);
/* Ends all flows at once: TCP by RST to both sides. */
void l4_cut(struct l4 *l4);

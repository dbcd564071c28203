/* UDP flows. */
#pragma once

#include "l4/flow.h"
#include "l4/udp_table.h"

struct udp_flow {
    struct engine_io io; /* first: socket connected to the server */
    struct timer timer;  /* idle time */
    struct list link;    /* in listener->flows */
    struct list doubt;   /* in l4->udp_unassured; in no list: assured */
    struct l4_socket *socket;
    struct snapshot_view *view; /* a counted use */
    struct server_use use;      /* without a server: taken over, and the server had been removed */
    struct udp_key key;
    uint32_t hash;
    nsec idle_ns;
    nsec cut_at;        /* however busy it is; without a server only, else its drain cuts */
    uint64_t told_turn; /* of the loop: when it told of replies last */
    uint32_t serial;    /* batch that it has datagrams in */
    uint8_t batch_last; /* slot of the newest of them */
    bool gro;           /* the server sends trains: receive them so */
    bool answered;
    bool closed; /* memory stays until the turn's end */
};

/* Begins to read the socket's datagrams: 0 or -errno. fd stays the plane's. */
int udp_socket_start(struct l4_socket *socket, int fd) MUST_CHECK;
/* Reads no more; replies still leave by it. */
void udp_socket_stop(struct l4_socket *socket);
/* Sends replies that were gathered for it. */
void udp_socket_flush(struct l4_socket *socket);

/* Nobody says that a flow has ended; while the process ends, 5 s without a datagram do. */
void udp_drain(const struct l4_listener *listener);
/* Ends the flow and counts the reason. */
void udp_end(struct udp_flow *f, enum reason reason);
/* Ends the unassured flow that has been idle longest; false if all are assured. Its memory stays until the turn's end, but
 * datagrams that wait to go to its server are lost. O(1). */
bool udp_evict(struct l4 *l4);

/* TCP relays. */
#pragma once

#include "l4/flow.h"

/* One of the two connections, and the way of what is read from it. */
struct tcp_side {
    struct conn conn;
    struct conn_pipe
        *pipe;       /* owned: bytes on their way to the other side; NULL while there are none */
    uint8_t n_large; /* large reads in a row; while bulk: small ones */
    bool bulk : 1;   /* splice */
    bool sent : 1;   /* bytes went there */
    bool prompt : 1; /* TCP_NODELAY is on */
};

/* While no server has accepted. */
struct tcp_connect {
    struct pick pick;
    struct group *group; /* counted */
    nsec timeout_ns;     /* per server */
    uint32_t tries_left;
    enum reason reason; /* of the last failure */
};

struct tcp_flow {
    struct tcp_side client, server;
    struct timer timer; /* connecting: of this try; then idle time */
    struct list link;   /* in listener->flows */
    struct l4_listener *listener;
    struct snapshot_view *view;  /* a counted use */
    struct server_use use;       /* server is NULL between tries */
    struct tcp_connect *connect; /* owned; NULL once connected */
    nsec idle_ns;
    bool closed; /* memory stays until the turn's end */
};

/* acceptor_fn: arg is the l4_socket. */
void tcp_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer);
/* Ends the flow: REASON_NONE closes both sides, anything else resets them and is counted. */
void tcp_end(struct tcp_flow *f, enum reason reason);

/* One client connection that speaks HTTP/1. Idle, it is this struct and its socket, nothing else. */
#pragma once

#include "proxy/exchange.h"
#include "proxy/proxy.h"

enum client_phase {
    CLIENT_HEAD,     /* idle, or reading a head */
    CLIENT_EXCHANGE, /* one exchange at a time; pipelined requests wait unread */
    CLIENT_TUNNEL,   /* after 101 */
    CLIENT_LAST,     /* the last response is going out, then the connection closes */
    CLIENT_LINGER, /* our end is sent; what still comes is read away, so that no RST overtakes it */
};

struct client {
    struct conn conn; /* first */
    struct timer timer;
    struct stream stream;
    struct http_listener *listener;
    struct list link; /* in listener->clients */
    struct h1_reader reader;
    struct chunk *in; /* owned: read but not consumed; NULL when idle */
    nsec head_at;     /* first byte of the head that is being read; 0: none yet */
    struct addr peer;
    uint32_t n_requests;
    uint32_t lingered_bytes;
    uint32_t rtt_us;
    uint32_t send_timeout_ms; /* of the response in progress */
    uint8_t phase;            /* enum client_phase */
    uint8_t acceptor;         /* index: which bound address it came by */
    bool closed : 1;          /* memory stays until the turn's end */
    bool pumping : 1;
    bool close_next : 1;  /* the response in progress said Connection: close */
    bool out_chunked : 1; /* of the response in progress */
    bool http_1_0 : 1;    /* the request in progress */
    bool wants_keep_alive : 1;
    bool cut_on_close : 1; /* the response ends with the connection: a cut must be told by RST */
};

/* acceptor_fn: arg is the http_listener. */
void client_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer);
/* Closes if it is idle, else after its exchange. */
void client_retire(struct client *c);
/* Closes at once, by RST when mid-response. */
void client_cut(struct client *c);

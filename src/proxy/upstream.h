/* One connection to a server that speaks HTTP/1, and the pool of kept ones. */
#pragma once

#include "proxy/exchange.h"
#include "proxy/proxy.h"

struct upstream {
    struct conn conn; /* first */
    struct timer timer;
    struct stream stream;
    struct proxy *proxy;
    struct server *server; /* a counted reference */
    struct list idle;      /* in server->idle while kept, in server->leaving before its end */
    struct h1_reader reader;
    struct chunk *in;        /* owned: part of a response head; NULL else */
    struct h1_limits limits; /* of the response in progress */
    nsec idle_at;
    uint32_t n_requests;
    bool connecting : 1;
    bool reused : 1;
    bool answered : 1; /* a byte of the response in progress has come */
    bool keep : 1;     /* the response in progress allows another request */
    bool leaves : 1;   /* the response in progress says that the server closes behind it */
    bool out_chunked : 1;
    bool tunnel : 1;
    bool pumping : 1;
    bool resumed : 1; /* what is held, or the end of the message, may be handed on now */
    bool closed : 1;
};

#define UPSTREAM_CONNECTING 1

/* The newest kept connection to the server, or NULL. sure: skip those that may have gone stale without our
 * knowing, because the request could not be repeated. */
struct upstream *upstream_take(struct proxy *proxy, struct server *server, bool sure);
/* Begins a new one. 0: connected; UPSTREAM_CONNECTING: exchange_on_connected or exchange_on_server_failed follows;
 * -errno. */
int upstream_open(struct proxy *proxy, struct server *server, const struct addr *source,
    struct upstream **ret_upstream) MUST_CHECK;
/* Ties it to an exchange whose request it will carry. */
void upstream_attach(struct upstream *u, struct exchange *x);
/* When the server must have done what the exchange's step waits for. */
void upstream_deadline(struct upstream *u, nsec at);
/* Closes all connections of a server that no exchange has. */
void upstream_close_idle(struct server *server);

/* One connection of the small HTTP server: its states, and what they share with serve.c. */
#pragma once

#include "base/list.h"
#include "engine/acceptor.h"
#include "engine/conn.h"
#include "http/h1/h1.h"
#include "serve/serve.h"
#include "tls/transport.h"

enum serve_state {
    SERVE_IDLE, /* nothing of a request is here */
    SERVE_HEAD, /* some of its head */
    SERVE_BODY, /* its head, some of its body */
    SERVE_WAIT, /* the handler has it */
    SERVE_SEND, /* the answer is on its way */
    SERVE_LINGER, /* all is sent; the client's rest is read away, so that no RST overtakes the answer */
    SERVE_CLOSED,
};

/* One request with its answer. The connection's until the handler gets it; freed when both have let go. */
struct serve_exchange {
    struct serve_request request;
    struct serve_conn *conn; /* NULL: closed, or has answered in the handler's place */
    struct arena arena;      /* owned: head, answer's headers */
    struct http_msg msg;
    struct text body; /* owned: of the request */
    const struct serve_route *route;
    uint16_t early_status; /* decided by the head; 0: none */
    uint32_t allow;        /* methods, for 405 */
    bool handed;           /* to the handler */
    bool answered;

    uint16_t status;
    bool close;
    struct http_fields headers; /* of the answer */
    struct http_header header_room[SERVE_HEADERS_MAX + 3];
    char date[CLOCK_HTTP_LEN];
    struct text answer; /* owned */
    size_t sent_bytes;  /* of answer, given to the connection */
    size_t charged_bytes;
};

struct serve_conn {
    struct conn conn; /* first: on_ready gets it */
    struct serve *serve;
    struct list link;    /* of all */
    struct list waiting; /* of those without a whole request, longest first */
    struct timer timer;
    struct h1_reader reader;
    struct addr peer;
    struct text held; /* owned: read, not consumed; from held_at on */
    size_t held_at;
    bool starved;    /* the reader has said H1_MORE to what is held */
    bool keep_alive; /* the client's wish */
    bool is_1_0;
    bool in_handler;
    uint8_t state;                   /* enum serve_state */
    struct serve_exchange *exchange; /* owned, in SERVE_BODY to SERVE_SEND */
    uint64_t progress;               /* bytes the kernel took, when last looked */
    uint64_t lingered_bytes;
};

struct serve {
    struct engine *engine; /* borrowed */
    struct conn_env env;
    struct acceptor acceptor;
    int listen_fd;
    struct serve_limits limits;
    struct h1_limits h1_limits;
    const struct serve_route *routes; /* borrowed */
    uint32_t n_routes;
    struct tls_context *tls; /* a ref; NULL: plain */
    serve_refusal_fn refusal;
    void *refusal_arg;           /* borrowed */
    struct http_header *headers; /* owned: scratch of the reader */
    struct list all, waiting;
    uint64_t held_bytes; /* bodies and answers */
    struct serve_stats stats;
};

/* A new connection: fd is taken over. */
void serve_conn_open(struct serve *serve, int fd, const struct addr *peer);
/* Drops what waits; freed at the end of the turn. */
void serve_conn_close(struct serve_conn *c, bool reset);
/* The exchange of a waiting connection has been answered. */
void serve_conn_answered(struct serve_conn *c);

struct serve_exchange *serve_exchange_new(struct serve_conn *c);
struct serve_exchange *serve_exchange_free(struct serve_exchange *x);
/* More bytes held for x; false when the memory limit is reached. */
bool serve_charge(struct serve_exchange *x, size_t bytes);
/* Finds x's route, or sets its early_status. */
void serve_route_find(const struct serve *serve, struct serve_exchange *x);
/* Makes the answer that a status stands for. request: what it is about; x's own, or that of one that a handler has. */
void serve_fill_status(
    struct serve_exchange *x, unsigned status, const struct serve_request *request);

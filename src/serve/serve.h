/* A small HTTP/1.1 server for our own end points: metrics, API, console.
 *
 * One engine's thread does everything and never blocks. A handler gets a whole request and answers it at
 * once or later. Requests on one connection are answered in order, one at a time; whatever a client
 * can make grow has a limit. Not for traffic: the proxy does not use it.
 *
 * Answered here, without a handler: what HTTP/1.1 forbids (400, 414, 417, 501, 505), no such path (404), method
 * not in the route (405 with Allow), slow clients (408), bodies that are too large (413), memory all in
 * use (503), handlers that take too long (504). The owner may give these answers a body of its own.
 *
 * Connections are bounded. When there are too many, the one that has waited longest without a whole request, be it silent
 * or in the middle of one, makes room: who is quick is served however many are slow. No address but loopback
 * gets more than half of them (IPv6: no /64); beyond it only its own make room.
 */
#pragma once

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"
#include "engine/engine.h"
#include "http/msg.h"

struct serve;
struct tls_context;

/* Belongs to the handler from the call until serve_answer, also when its client has gone. */
struct serve_request {
    enum http_method method; /* a HEAD comes as GET: its answer's body is left out */
    bool is_head;
    struct span path;  /* as sent: neither decoded nor normalised; begins with '/' */
    struct span query; /* as sent, without '?' */
    struct span
        authority; /* Host; what browsers are tricked with: check it before acting on a request */
    const struct http_fields *fields;
    struct span body;
    struct addr peer;
    struct engine *engine;
};

/* Every call must lead to one serve_answer for request, now or later. Must not free the serve. */
typedef void (*serve_fn)(void *arg, struct serve_request *request);

#define SERVE_METHOD(name) (1u << HTTP_METHOD_##name)

struct serve_route {
    const char *path; /* "/metrics" */
    bool subtree;     /* "/console" is also for what lies below it; "/" then is for everything */
    uint32_t methods; /* SERVE_METHOD(GET) | ...; GET includes HEAD */
    serve_fn fn;
    void *arg; /* borrowed */
};

/* 0: the value in brackets. */
struct serve_limits {
    uint32_t line_bytes; /* request line or one header (16 KiB) */
    uint32_t head_bytes; /* (32 KiB) */
    uint32_t n_headers;  /* (100) */
    uint64_t body_bytes; /* of a request (1 MiB) */
    uint32_t
        n_connections; /* beyond it one makes room, or the new one is closed if all wait for answers (256) */
    uint64_t memory_bytes;    /* bodies and answers held, all connections; beyond it 503 (64 MiB) */
    uint32_t idle_timeout_ms; /* between requests (60 s) */
    uint32_t
        header_timeout_ms; /* connection to the first byte of a head (so it bounds TLS handshakes), and on to its end (10 s) */
    uint32_t body_timeout_ms;   /* end of the head to the end of the body (30 s) */
    uint32_t answer_timeout_ms; /* the handler (60 s) */
    uint32_t send_timeout_ms;   /* client takes no byte (30 s) */
};

/* Writes what a status that serve answers by itself says, and returns its content type. request: what is known of it; fields
 * is NULL and the rest is empty when its head was not read. Borrowed for the call. */
typedef const char *(*serve_refusal_fn)(
    void *arg, const struct serve_request *request, unsigned status, struct text *body);

struct serve_opts {
    struct addr addr;         /* port 0: chosen by the kernel */
    struct tls_context *tls;  /* gets a ref; NULL: plain HTTP */
    serve_refusal_fn refusal; /* NULL: a line of text/plain */
    void *refusal_arg;        /* borrowed */
    const struct serve_route
        *routes; /* borrowed as long as the serve; the first that fits is taken */
    uint32_t n_routes;
    struct serve_limits limits;
};

/* Listens. Returns NULL with errno. */
struct serve *serve_new(struct engine *engine, const struct serve_opts *opts);
/* Closes all connections. Requests that are not answered yet still must be. NULL is accepted. Returns NULL. */
struct serve *serve_free(struct serve *serve);

/* For connections that come from now on; gets a ref. Only for a serve that has had one. */
void serve_set_tls(struct serve *serve, struct tls_context *tls);

/* The address it listens on, with port. */
const struct addr *serve_addr(const struct serve *serve);

#define SERVE_HEADERS_MAX 16u
#define SERVE_HEADER_BYTES_MAX \
    16384u /* names and values; more, or a malformed one, is answered as 500 */

struct serve_answer {
    uint16_t status;          /* 200 to 599 */
    const char *content_type; /* NULL: none */
    struct text *body;        /* taken over, left empty; a fixed one is copied. NULL: no body */
    const struct http_header *headers; /* beside Content-Type, Date and framing; copied */
    uint32_t n_headers;                /* <= SERVE_HEADERS_MAX */
    bool close;                        /* the connection, afterwards */
};

/* Answers and ends the request: it must not be touched any more. The engine's thread only; others hand over
 * by engine_post. If the client has gone, the answer is dropped. */
void serve_answer(struct serve_request *request, const struct serve_answer *answer);
/* With a line of text/plain. */
void serve_answer_text(struct serve_request *request, unsigned status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Whether nobody waits for the answer any more, so that a handler can save itself the work. */
bool serve_request_gone(struct serve_request *request);

struct serve_stats {
    uint64_t connections, requests;
    uint64_t refused;    /* requests answered here without a handler */
    uint64_t tls_failed; /* connections that broke TLS */
    uint64_t timeouts;   /* connections that one ended */
    uint64_t
        closed_full; /* connections closed because there were too many, of all or of one address */
    uint32_t n_connections;
};
void serve_stats(const struct serve *serve, struct serve_stats *ret_stats);

/* One request and its response on their way through the proxy.
 *
 * Named steps, one dispatcher (exchange.c): DECIDE, PICK, CONNECT, SEND, RELAY, ANSWER, DONE. A step returns the next
 * one, or WAIT until a stream tells something. READ_HEAD belongs to the client's connection: an exchange
 * begins with a whole head. Belongs to one worker; ends by freeing itself at the turn's end.
 */
#pragma once

#include "balance/group.h"
#include "observe/access_log.h"
#include "proxy/stream.h"
#include "rules/rules.h"
#include "snapshot/snapshot.h"

struct proxy;
struct client;
struct upstream;
struct http_listener;

enum exchange_step {
    STEP_DECIDE,  /* what the rules say */
    STEP_PICK,    /* a server of the group */
    STEP_CONNECT, /* a connection to it, kept or new */
    STEP_SEND,    /* the request's head */
    STEP_RELAY,   /* bodies and the response, both ways */
    STEP_ANSWER,  /* a response of our own */
    STEP_DONE,
    STEP_WAIT, /* not a step: nothing to do before something happens */
};

#define EXCHANGE_ARENA_FIRST 2048u

struct exchange {
    struct proxy *proxy; /* borrowed */
    struct stream *down; /* the client's side; NULL when it has gone */
    struct upstream *up; /* the server's side, or NULL */
    struct http_listener *listener;
    const struct listener_conf *conf; /* of view */
    struct snapshot_view *view;       /* a counted use */
    struct group *group;              /* the worker's; may outlive its removal from the snapshot */
    const struct group_conf *group_conf; /* of view */
    struct server_use use;               /* on the server of this try */
    struct addr client, vip;

    struct http_msg request; /* in arena */
    struct verdict verdict;
    struct pick pick;

    enum exchange_step step;
    bool on_server : 1;      /* use is begun */
    bool request_done : 1;   /* the client's whole request was handed on, or it has no body */
    bool body_begun : 1;     /* some of its body was handed on: no retry any more */
    bool head_sent : 1;      /* the request went to the server of this try */
    bool response_begun : 1; /* a final head went to the client */
    bool response_done : 1;
    bool tunnel : 1;
    bool close_after : 1; /* the client's connection ends with this exchange */
    bool fresh_only : 1;  /* a kept connection failed: use a new one */
    bool splicing : 1;
    bool up_blocked : 1;   /* bytes wait for the server */
    bool down_blocked : 1; /* bytes wait for the client */
    bool client_ended : 1; /* tunnel: that side sent its end */
    bool server_ended : 1;
    bool ended : 1;

    uint32_t n_received; /* headers of the request as it came; ours stand behind them */
    uint32_t rtt_us;     /* of the client's connection; 0 unknown */
    uint8_t n_interim;
    uint8_t n_tries;
    uint16_t status;          /* sent to the client; 0 none yet */
    uint16_t up_status;       /* of the server's response; 0 none yet */
    uint16_t answer_status;   /* STEP_ANSWER */
    enum reason reason;       /* the one that goes to the log: the last that mattered */
    enum reason last_failure; /* of the tries so far */

    struct conn_pipe *pipe; /* while splicing */

    nsec begun_at;    /* first byte of the request was read */
    nsec request_at;  /* its last byte was read */
    nsec response_at; /* first byte of the response went out */
    nsec try_at;      /* this try began */
    uint64_t request_bytes, body_sent;

    struct arena arena; /* all above is zeroed for a new exchange, this and below is not */
    struct log_try tries[LOG_TRIES_MAX];
    char first[EXCHANGE_ARENA_FIRST];
};

/* Makes an exchange for a head that the client's codec read; msg and head are copied. first_at: when its first
 * byte came. request_done: nothing follows. The caller adds what it knows of the connection (client, vip,
 * rtt_us) and calls exchange_run. NULL when memory is out. */
struct exchange *exchange_begin(struct http_listener *listener, struct stream *down,
    const struct http_msg *msg, struct span head, nsec first_at, bool request_done);
/* Runs the steps until one has to wait. */
void exchange_run(struct exchange *x);

/* Whether bytes that came wait for the client: its connection keeps the time then. */
static inline bool exchange_is_blocked_down(const struct exchange *x)
{
    return x->down_blocked || (x->splicing && x->pipe->bytes > 0);
}

/* Whether the client's codec may hand on parts of the body now. */
static inline bool exchange_takes_body(const struct exchange *x)
{
    return x->step == STEP_RELAY && !x->request_done && !x->up_blocked && x->up;
}

/* From the client's side. After any of them x may have ended (x->ended; memory stays until the turn's end). */
void exchange_on_request_body(struct exchange *x, struct span bytes);
void exchange_on_request_end(struct exchange *x, const struct http_fields *trailers);
/* All of one read was handed on: put it on the wire. The spans are free to go afterwards. */
void exchange_flush_request(struct exchange *x);
/* The request cannot be completed: malformed (status 400 ...) or too slow (408). */
void exchange_on_request_failed(struct exchange *x, uint16_t status, enum reason reason) COLD;
/* The client has gone or does not read. */
void exchange_on_client_gone(struct exchange *x, enum reason reason) COLD;
/* All that waited for the client is with the kernel. */
void exchange_on_client_drained(struct exchange *x);
/* Bytes of a tunnel, and the end of one of its sides. */
void exchange_on_client_bytes(struct exchange *x, struct span bytes);
void exchange_on_client_eof(struct exchange *x);
void exchange_on_server_eof(struct exchange *x);

/* From the server's side. */
void exchange_on_connected(struct exchange *x);
void exchange_on_response_head(struct exchange *x, struct http_msg *msg);
void exchange_on_interim(struct exchange *x, struct http_msg *msg);
void exchange_on_response_body(struct exchange *x, struct span bytes);
void exchange_on_response_end(struct exchange *x, const struct http_fields *trailers);
void exchange_flush_response(struct exchange *x);
/* After the flush, when the server's connection has let go of its buffers: goes on to the next step, or splices. */
void exchange_after_response(struct exchange *x);
void exchange_on_server_drained(struct exchange *x);
/* The connection to the server failed, ended early or said nonsense. */
void exchange_on_server_failed(struct exchange *x, enum reason reason) COLD;
/* The server did nothing in its time: a failure, unless it is the client that everybody waits for. */
void exchange_on_server_late(struct exchange *x, enum reason reason) COLD;
void exchange_on_server_readable_raw(struct exchange *x); /* while splicing */

/* exchange_answer.c: fills the arena with a response of our own for x->answer_status. */
int exchange_make_answer(
    struct exchange *x, struct http_msg *ret_msg, struct span *ret_body) MUST_CHECK;

/* forward.c: the hash of what the group's scheduler sticks to. */
uint64_t forward_key(const struct exchange *x);
/* Edits of the request before it goes to a server: hop-by-hop, X-Forwarded-*, SLB-*, rewrites.
 * 0 or -ENOMEM. */
int forward_edit_request(struct exchange *x) MUST_CHECK;
/* Edits of a server's response before it goes to the client. */
void forward_edit_response(struct http_msg *msg);

/* exchange_log.c: counters and the access log line, once, at the end. */
void exchange_account(struct exchange *x);

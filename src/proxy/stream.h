/* One side of an exchange, whatever HTTP version its connection speaks.
 *
 * The exchange sends through the ops and is told what arrives through the exchange_on_* functions
 * (exchange.h). It never asks for a version. Sends gather; flush puts everything on the wire in one write.
 * Spans given to send_body are borrowed until flush.
 */
#pragma once

#include "engine/conn.h"
#include "http/msg.h"

struct exchange;
struct stream;

#define STREAM_QUEUED 1 /* bytes wait for the peer: send no more until exchange_on_*_drained */

enum stream_release {
    STREAM_CLEAN, /* both messages are complete: the connection may serve another exchange */
    STREAM_CLOSE, /* what was sent is complete, the connection is not to be used again */
    STREAM_CUT,   /* the message being sent stays incomplete, and the peer must be able to tell */
};

struct stream_ops {
    /* msg->body says how the body is framed; the codec may choose another framing that its version needs.
     * 0, -EMSGSIZE when the head does not fit, -errno. */
    int (*send_head)(struct stream *s, struct http_msg *msg);
    int (*send_body)(struct stream *s, struct span bytes);
    /* Ends the message; trailers may be NULL. */
    int (*send_end)(struct stream *s, const struct http_fields *trailers);
    /* 0, STREAM_QUEUED, or -errno: the connection is broken. */
    int (*flush)(struct stream *s);
    /* Goes on delivering what the peer sends, after the exchange could not take it. */
    void (*resume)(struct stream *s);
    /* Sends the end of our side of a tunnel: as flush. */
    int (*shut)(struct stream *s);
    /* The exchange lets go. */
    void (*release)(struct stream *s, enum stream_release how);
    /* The connection, if its bytes may be spliced now; *ret_left is how many are raw (read side). NULL if not. */
    struct conn *(*raw)(struct stream *s, uint64_t *ret_left);
    /* n raw bytes went past the codec; waits: more of them wait for this side to take them. */
    void (*raw_moved)(struct stream *s, uint64_t n, bool waits);
};

struct stream {
    const struct stream_ops *ops;
    struct exchange *exchange; /* NULL between exchanges */
};

/* One connected TCP socket with what waits to be sent.
 *
 * An idle connection holds no buffer. Reads go into the worker's scratch area; writes leave in one call
 * from where the bytes lie, and only what the socket did not take is copied into chunks. Plain TCP
 * and TLS differ in the transport's functions. Belongs to one worker.
 */
#pragma once

#include <sys/uio.h>

#include "base/chunk.h"
#include "base/span.h"
#include "engine/engine.h"

struct conn;
struct conn_env;

/* read and write keep the io's bits: they clear what the socket said "not yet" to, and only they know whether a
 * short count means that (a TLS record does not). */
struct transport {
    /* Bytes read, 0 at the peer's end, -EAGAIN, or -errno. */
    ssize_t (*read)(struct conn_env *env, struct conn *conn, char *buf, size_t n);
    /* Bytes taken, -EAGAIN, or -errno. */
    ssize_t (*write)(struct conn_env *env, struct conn *conn, const struct iovec *iov, int n);
    /* Sends the end of our side: 0, -EAGAIN or -errno. */
    int (*shut)(struct conn_env *env, struct conn *conn);
    /* Frees transport_state; the descriptor is still open. is_clean: the connection ends with all sent that it was
     * given, and without RST. NULL: there is nothing to free. */
    void (*close)(struct conn_env *env, struct conn *conn, bool is_clean);
    bool can_splice;
};

extern const struct transport transport_plain;

struct conn {
    struct engine_io io; /* first: on_ready gets &conn->io */
    const struct transport *transport;
    void *transport_state;              /* the transport's own; NULL for plain TCP */
    struct chunk *out_first, *out_last; /* owned: waiting to be sent */
    uint32_t out_bytes;                 /* in them */
    int16_t error;                      /* first -errno of a read or write that failed; 0 */
    bool end_next : 1;                  /* the peer's end is all that is left to read */
    bool read_eof : 1;                  /* the peer's end was read */
    bool shut_wanted : 1;               /* our end is to be sent when the queue is empty */
    bool shut_done : 1;
};

#define CONN_SCRATCH_BYTES 65536u
#define CONN_HEAD_BYTES    131072u /* a head as long as limits allow, with all that edits add */
#define CONN_IOV_MAX       32

/* What connections of one worker share. */
struct conn_env {
    struct engine *engine; /* borrowed */
    struct chunk_pool pool;
    char *scratch; /* owned, CONN_SCRATCH_BYTES: for one read and what is done with it */
    char *head;    /* owned, CONN_HEAD_BYTES: formatted bytes of the gathering */
    uint32_t head_used;
    uint32_t head_reserved; /* of conn_reserve, until the next call about the gathering */
    struct conn *gathering; /* whose bytes are in iov, or NULL */
    int n_iov;
    struct iovec iov[CONN_IOV_MAX];
    struct list pipes; /* owned: idle pipes for splicing */
    uint32_t n_pipes;  /* idle and lent */
    uint32_t n_pipes_max;
};

void conn_env_init(
    struct conn_env *env, struct engine *engine, size_t memory_limit, uint32_t n_pipes_max);
void conn_env_done(struct conn_env *env);

/* Takes over fd and watches it. Returns 0 or -errno (fd is closed then). */
int conn_open(struct conn_env *env, struct conn *conn, int fd, const struct transport *transport,
    engine_io_fn on_ready) MUST_CHECK;
/* Unwatches, closes, drops what waits. Its memory may still be on the stack: free it by
 * engine_defer_free. conn_reset sends RST instead of FIN. */
void conn_close(struct conn_env *env, struct conn *conn);
void conn_reset(struct conn_env *env, struct conn *conn);

/* For transports: the socket said "not yet". */
void conn_not_readable(struct conn_env *env, struct conn *conn);
void conn_not_writable(struct conn_env *env, struct conn *conn);

/* Reads at most n bytes. > 0 bytes; 0 the peer's end (read_eof is set); -EAGAIN; -errno (error is set). A short
 * read clears io.readable, so that the next one is not tried in vain; if the peer hung up before it, it sets end_next. */
ssize_t conn_read(struct conn_env *env, struct conn *conn, char *buf, size_t n) MUST_CHECK;

/* Gathering: one connection at a time (asserted). Bytes given to conn_gather are borrowed until conn_flush,
 * which every gathering must reach before the worker's scratch is used again. More than CONN_IOV_MAX pieces
 * flush by themselves. */
void conn_gather(struct conn_env *env, struct conn *conn, struct span bytes);
/* Room in the env's head buffer to format n bytes into; NULL if n > CONN_HEAD_BYTES. conn_commit says how
 * many were written; they join the gathering behind what is there. */
char *conn_reserve(struct conn_env *env, struct conn *conn, size_t n);
void conn_commit(struct conn_env *env, struct conn *conn, size_t n);

#define CONN_QUEUED 1
/* Sends queue and gathering in one call. 0: all is with the kernel; CONN_QUEUED: some waits in chunks (wait for
 * on_ready with io.writable); -ENOMEM: the worker's memory limit; other -errno: the connection is
 * broken (error is set). Calling it with nothing to send is fine. */
int conn_flush(struct conn_env *env, struct conn *conn) MUST_CHECK;

/* Sends our end (FIN) as soon as all queued bytes are out. Results as conn_flush. */
int conn_shut(struct conn_env *env, struct conn *conn) MUST_CHECK;

/* A pipe between two plain sockets; owned by whoever holds it. */
struct conn_pipe {
    struct list link;
    int fds[2];
    uint32_t bytes; /* in the pipe */
};

/* From the pool, or NULL when the limit is reached or the kernel has none: copy instead. */
struct conn_pipe *conn_pipe_get(struct conn_env *env);
/* A pipe with bytes in it is closed, not reused. NULL is accepted. Returns NULL. */
struct conn_pipe *conn_pipe_put(struct conn_env *env, struct conn_pipe *pipe);

/* Moves up to max bytes from one socket to the other past user space; to's queue must be empty. ret_moved[0] is
 * the bytes that left `from` in this call, ret_moved[1] those that `to` took; both are always written. Returns 0 when
 * max is through or others should have a turn (about 1 MiB was moved: engine_again), -EAGAIN when
 * neither side can move now, even if some was moved before, 1 when `from` is at its end (read_eof set) and the pipe
 * is empty, or -errno (error is set on the side that failed). */
int conn_splice(struct conn_env *env, struct conn *from, struct conn *to, struct conn_pipe *pipe,
    uint64_t max, uint64_t ret_moved[static 2]) MUST_CHECK;

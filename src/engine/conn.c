#include "engine/conn.h"

#include <unistd.h>

#include "engine/net.h"
#include "engine/sys.h"

#define CONN_CHUNKS_FREE_MAX 128u /* 2 MiB that a worker keeps between bursts */
#define CONN_PIPE_BYTES      (256ul * 1024ul)
#define CONN_SPLICE_TURN     (1024ul * 1024ul) /* per call: others wait meanwhile */
#define CONN_BIG_CHUNK_BYTES (1024ul * 1024ul)
#define CONN_JOIN_BYTES      1024u
#define CONN_CHUNKS_ROW      (4ul * CHUNK_DATA_BYTES) /* a longer rest gets one chunk of its own size */

void conn_env_init(
    struct conn_env *env, struct engine *engine, size_t memory_limit, uint32_t n_pipes_max)
{
    memset(env, 0, sizeof(*env));
    env->engine = engine;
    chunk_pool_init(&env->pool, memory_limit, CONN_CHUNKS_FREE_MAX);
    env->scratch = base_alloc(CONN_SCRATCH_BYTES);
    env->head = base_alloc(CONN_HEAD_BYTES);
    list_init(&env->pipes);
    env->n_pipes_max = n_pipes_max;
}

static void conn_pipe_free(struct conn_env *env, struct conn_pipe *pipe)
{
    assert(env->n_pipes > 0);
    env->n_pipes--;
    (void)close(pipe->fds[0]);
    (void)close(pipe->fds[1]);
    free(pipe);
}

void conn_env_done(struct conn_env *env)
{
    assert(!env->gathering);
    while (!list_empty(&env->pipes)) {
        struct conn_pipe *pipe = list_entry(env->pipes.next, struct conn_pipe, link);

        list_remove(&pipe->link);
        conn_pipe_free(env, pipe);
    }
    assert(env->n_pipes == 0);
    chunk_pool_done(&env->pool);
    free(env->scratch);
    free(env->head);
}

int conn_open(struct conn_env *env, struct conn *conn, int fd, const struct transport *transport,
    engine_io_fn on_ready)
{
    int r;

    *conn = (struct conn){.io = {.fd = fd}, .transport = transport};
    r = engine_watch(env->engine, &conn->io, on_ready);
    if (r < 0) {
        (void)close(fd);
        conn->io.fd = -1;
    }
    return r;
}

static void conn_drop_queue(struct conn_env *env, struct conn *conn)
{
    while (conn->out_first) {
        struct chunk *chunk = conn->out_first;

        conn->out_first = chunk->next;
        (void)chunk_unref(&env->pool, chunk);
    }
    conn->out_last = NULL;
    conn->out_bytes = 0;
}

static void conn_end_gathering(struct conn_env *env)
{
    env->gathering = NULL;
    env->n_iov = 0;
    env->head_used = 0;
    env->head_reserved = 0;
}

/* Returns the descriptor, which is the caller's to close; -1 if there was none. */
static int conn_detach(struct conn_env *env, struct conn *conn, bool reset)
{
    int fd = conn->io.fd;

    if (conn->transport && conn->transport->close)
        conn->transport->close(
            env, conn, !reset && env->gathering != conn && !conn->out_first && conn->error == 0);
    if (env->gathering == conn)
        conn_end_gathering(env);
    conn_drop_queue(env, conn);
    engine_forget(env->engine, &conn->io); /* connections are never another process's */
    conn->io.fd = -1;
    return fd;
}

void conn_close(struct conn_env *env, struct conn *conn)
{
    int fd = conn_detach(env, conn, false);

    if (fd >= 0)
        (void)close(fd);
}

void conn_reset(struct conn_env *env, struct conn *conn)
{
    int fd = conn_detach(env, conn, true);

    if (fd >= 0)
        net_close_reset(fd);
}

/* Nothing that waits can be sent any more. */
COLD static int conn_fail(struct conn_env *env, struct conn *conn, int r)
{
    if (conn->error == 0)
        conn->error = (int16_t)r;
    conn_drop_queue(env, conn);
    return r;
}

/* True in tests that make calls fail: the kernel said nothing, so no edge will follow. */
static bool conn_pretended(struct conn_env *env, struct conn *conn)
{
    if (!sys_fault_hit())
        return false;
    engine_again(env->engine, &conn->io);
    return true;
}

void conn_not_readable(struct conn_env *env, struct conn *conn)
{
    if (!conn_pretended(env, conn))
        conn->io.readable = false;
}

void conn_not_writable(struct conn_env *env, struct conn *conn)
{
    if (!conn_pretended(env, conn))
        conn->io.writable = false;
}

/* A read emptied the socket, and what comes later is an edge of its own. A FIN that was seen before is not: its edge is
 * spent, and it is what comes next, unless a reset took its place. */
static void plain_on_emptied(struct conn_env *env, struct conn *conn)
{
    if (!conn->io.hung_up)
        conn_not_readable(env, conn);
    else if (!conn->io.failed && !sys_fault_hit())
        conn->end_next = true;
}

static ssize_t plain_read(struct conn_env *env, struct conn *conn, char *buf, size_t n)
{
    ssize_t got = sys_recv(conn->io.fd, buf, n, 0);

    if (got == -EAGAIN)
        conn_not_readable(env, conn);
    else if (got > 0 && (size_t)got < n && !conn->io.urgent)
        plain_on_emptied(env, conn);
    return got;
}

static ssize_t plain_write(struct conn_env *env, struct conn *conn, const struct iovec *iov, int n)
{
    /* When only the end is behind it, both leave in one packet. */
    ssize_t sent = sys_sendv(conn->io.fd, iov, n, conn->shut_wanted ? MSG_MORE : 0);
    size_t total = 0;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (sent == -EAGAIN || (sent >= 0 && (size_t)sent < total))
        conn_not_writable(env, conn);
    return sent;
}

static int plain_shut(struct conn_env *env, struct conn *conn)
{
    (void)env;
    return shutdown(conn->io.fd, SHUT_WR) < 0 ? -errno : 0;
}

const struct transport transport_plain = {
    .read = plain_read,
    .write = plain_write,
    .shut = plain_shut,
    .can_splice = true,
};

static void conn_on_read_end(struct conn *conn)
{
    conn->read_eof = true;
    conn->io.readable = false;
}

COLD static int conn_on_read_error(struct conn *conn, int r)
{
    conn->io.readable = false;
    if (conn->error == 0)
        conn->error = (int16_t)r;
    return r;
}

ssize_t conn_read(struct conn_env *env, struct conn *conn, char *buf, size_t n)
{
    ssize_t got;

    assert(n > 0);
    if (conn->read_eof)
        return 0;
    if (!conn->io.readable)
        return conn->error != 0 ? conn->error : -EAGAIN;
    got = conn->end_next ? 0 : conn->transport->read(env, conn, buf, n);
    if (got == 0)
        conn_on_read_end(conn);
    else if (got < 0 && got != -EAGAIN)
        return conn_on_read_error(conn, (int)got);
    return got;
}

static int conn_push(struct conn_env *env, struct conn *conn);

/* Makes conn the one that gathers, with room for one more piece. */
static void conn_begin_piece(struct conn_env *env, struct conn *conn)
{
    assert(!env->gathering || env->gathering == conn);
    assert(!conn->shut_wanted);
    if (env->n_iov == CONN_IOV_MAX)
        (void)conn_push(env, conn); /* a failure stays in conn->error for the caller's own flush */
    env->gathering = conn;
}

static void conn_add_piece(struct conn_env *env, const char *ptr, size_t len)
{
    struct iovec *last = env->n_iov > 0 ? &env->iov[env->n_iov - 1] : NULL;

    if (last && (char *)last->iov_base + last->iov_len == ptr)
        last->iov_len += len;
    else
        env->iov[env->n_iov++] = sys_iovec(ptr, len);
}

/* Small pieces are copied behind the formatted head: the kernel takes one buffer faster than it walks a
 * vector. */
static bool conn_join_head(struct conn_env *env, struct span bytes)
{
    const struct iovec *last = &env->iov[env->n_iov - 1];

    if (bytes.len > CONN_JOIN_BYTES || bytes.len > CONN_HEAD_BYTES - env->head_used ||
        (char *)last->iov_base + last->iov_len != env->head + env->head_used)
        return false;
    memcpy(env->head + env->head_used, bytes.ptr, bytes.len);
    conn_add_piece(env, env->head + env->head_used, bytes.len);
    env->head_used += (uint32_t)bytes.len;
    return true;
}

void conn_gather(struct conn_env *env, struct conn *conn, struct span bytes)
{
    if (bytes.len == 0)
        return;
    conn_begin_piece(env, conn);
    env->head_reserved = 0;
    if (env->n_iov == 0 || !conn_join_head(env, bytes))
        conn_add_piece(env, bytes.ptr, bytes.len);
}

char *conn_reserve(struct conn_env *env, struct conn *conn, size_t n)
{
    if (n > CONN_HEAD_BYTES)
        return NULL;
    conn_begin_piece(env, conn);
    if (n > CONN_HEAD_BYTES - env->head_used) {
        (void)conn_push(env, conn);
        env->gathering = conn;
    }
    env->head_reserved = (uint32_t)n;
    return env->head + env->head_used;
}

void conn_commit(struct conn_env *env, struct conn *conn, size_t n)
{
    assert(env->gathering == conn && n <= env->head_reserved);
    env->head_reserved = 0;
    if (n == 0)
        return;
    conn_add_piece(env, env->head + env->head_used, n);
    env->head_used += (uint32_t)n;
}

/* Fills iov with the first chunks of the queue; returns how many. */
static int conn_queue_iov(const struct conn *conn, struct iovec iov[static CONN_IOV_MAX])
{
    int n = 0;

    for (struct chunk *chunk = conn->out_first; chunk && n < CONN_IOV_MAX; chunk = chunk->next)
        iov[n++] = (struct iovec){chunk->data + chunk->start, chunk->end - chunk->start};
    return n;
}

/* Drops n sent bytes from the queue's head. Returns those that were not the queue's. */
static size_t conn_queue_sent(struct conn_env *env, struct conn *conn, size_t n)
{
    while (n > 0 && conn->out_first) {
        struct chunk *chunk = conn->out_first;
        uint32_t part = (uint32_t)MIN(n, (size_t)(chunk->end - chunk->start));

        chunk->start += part;
        conn->out_bytes -= part;
        n -= part;
        if (chunk->start < chunk->end)
            break;
        conn->out_first = chunk->next;
        (void)chunk_unref(&env->pool, chunk);
    }
    if (!conn->out_first)
        conn->out_last = NULL;
    return n;
}

/* What a gathering still has to send. */
struct conn_rest {
    struct iovec *iov;
    int n;
};

static void conn_rest_sent(struct conn_rest *rest, size_t n)
{
    while (n > 0 && rest->n > 0) {
        struct iovec *first = rest->iov;
        size_t part = MIN(n, first->iov_len);

        first->iov_base = (char *)first->iov_base + part;
        first->iov_len -= part;
        n -= part;
        if (first->iov_len > 0)
            return;
        rest->iov++;
        rest->n--;
    }
}

/* One call for the queue and, if the whole queue fits, the rest behind it. */
static ssize_t conn_send_once(struct conn_env *env, struct conn *conn, const struct conn_rest *rest)
{
    struct iovec iov[2 * CONN_IOV_MAX];
    int n;

    if (!conn->out_first)
        return conn->transport->write(env, conn, rest->iov, rest->n);
    n = conn_queue_iov(conn, iov);
    if (n < CONN_IOV_MAX && rest->n > 0) {
        memcpy(iov + n, rest->iov, (size_t)rest->n * sizeof(*iov));
        n += rest->n;
    }
    return conn->transport->write(env, conn, iov, n);
}

/* Sends queue and rest until all is gone or the socket takes no more: 0 or -errno. */
static int conn_send(struct conn_env *env, struct conn *conn, struct conn_rest *rest)
{
    while (conn->io.writable && (conn->out_first || rest->n > 0)) {
        ssize_t sent = conn_send_once(env, conn, rest);

        if (sent == -EAGAIN || sent == 0)
            return 0;
        if (sent < 0)
            return (int)sent;
        conn_rest_sent(rest, conn_queue_sent(env, conn, (size_t)sent));
        if (sys_fault_hit())
            return 0;
    }
    return 0;
}

/* The chunk with room at the queue's end, or a new one for up to n bytes; NULL at the pool's limit. */
static struct chunk *conn_queue_tail(struct conn_env *env, struct conn *conn, size_t n)
{
    struct chunk *chunk = conn->out_last;

    if (chunk && chunk_room(chunk) > 0)
        return chunk;
    chunk = chunk_get(
        &env->pool, n > CONN_CHUNKS_ROW ? (uint32_t)MIN(n, (size_t)CONN_BIG_CHUNK_BYTES) : 0);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    if (conn->out_last)
        conn->out_last->next = chunk;
    else
        conn->out_first = chunk;
    conn->out_last = chunk;
    return chunk;
}

static int conn_queue(struct conn_env *env, struct conn *conn, struct conn_rest *rest)
{
    size_t n = 0;

    for (int i = 0; i < rest->n; i++)
        n += rest->iov[i].iov_len;
    if (n > UINT32_MAX - conn->out_bytes)
        return -ENOMEM;
    while (n > 0) {
        struct chunk *chunk = conn_queue_tail(env, conn, n);
        size_t part;

        if (!chunk)
            return -ENOMEM;
        part = MIN(rest->iov->iov_len, (size_t)chunk_room(chunk));
        memcpy(chunk->data + chunk->end, rest->iov->iov_base, part);
        chunk->end += (uint32_t)part;
        conn->out_bytes += (uint32_t)part;
        n -= part;
        conn_rest_sent(rest, part);
    }
    return 0;
}

/* The queue is empty: sends our end if that is wanted. */
static int conn_send_end(struct conn_env *env, struct conn *conn)
{
    int r;

    if (!conn->shut_wanted || conn->shut_done)
        return 0;
    r = conn->transport->shut(env, conn);
    if (r == -EAGAIN)
        return CONN_QUEUED;
    if (r < 0)
        return conn_fail(env, conn, r);
    conn->shut_done = true;
    return 0;
}

static int conn_push(struct conn_env *env, struct conn *conn)
{
    struct conn_rest rest = {.iov = env->iov};
    int r;

    if (env->gathering == conn) {
        rest.n = env->n_iov;
        conn_end_gathering(env);
    }
    if (conn->error != 0)
        return conn_fail(env, conn, conn->error);
    r = conn_send(env, conn, &rest);
    if (r < 0)
        return conn_fail(env, conn, r);
    if (rest.n > 0) {
        r = conn_queue(env, conn, &rest);
        if (r < 0)
            return conn_fail(env, conn, r);
    }
    return conn->out_first ? CONN_QUEUED : conn_send_end(env, conn);
}

int conn_flush(struct conn_env *env, struct conn *conn)
{
    /* Callers flush whenever something may be there. */
    if (env->gathering != conn && !conn->out_first && conn->error == 0 && !conn->shut_wanted)
        return 0;
    return conn_push(env, conn);
}

int conn_shut(struct conn_env *env, struct conn *conn)
{
    conn->shut_wanted = true;
    return conn_push(env, conn);
}

struct conn_pipe *conn_pipe_get(struct conn_env *env)
{
    struct conn_pipe *pipe;

    if (!list_empty(&env->pipes)) {
        pipe = list_entry(env->pipes.next, struct conn_pipe, link);
        list_remove(&pipe->link);
        return pipe;
    }
    if (env->n_pipes >= env->n_pipes_max)
        return NULL;
    pipe = base_zalloc(sizeof(*pipe));
    if (sys_pipe(pipe->fds, CONN_PIPE_BYTES) < 0) {
        free(pipe);
        return NULL;
    }
    env->n_pipes++;
    return pipe;
}

struct conn_pipe *conn_pipe_put(struct conn_env *env, struct conn_pipe *pipe)
{
    if (!pipe)
        return NULL;
    if (pipe->bytes > 0)
        conn_pipe_free(env, pipe);
    else
        list_add_front(&env->pipes, &pipe->link);
    return NULL;
}

/* Socket to pipe: bytes moved, 0 if nothing can be moved now, or -errno. */
static ssize_t conn_splice_in(
    struct conn_env *env, struct conn *from, struct conn_pipe *pipe, uint64_t max)
{
    ssize_t n;

    if (max == 0 || !from->io.readable)
        return 0;
    n = sys_splice(from->io.fd, pipe->fds[1], (size_t)MIN(max, (uint64_t)CONN_SPLICE_TURN), false);
    if (n == 0)
        conn_on_read_end(from);
    if (n > 0)
        pipe->bytes += (uint32_t)n;
    if (n != -EAGAIN)
        return n < 0 ? conn_on_read_error(from, (int)n) : n;
    /* With bytes in the pipe it may be the pipe that is full: the socket keeps its bit. */
    if (pipe->bytes == 0)
        conn_not_readable(env, from);
    return 0;
}

/* Pipe to socket, as above. */
static ssize_t conn_splice_out(struct conn_env *env, struct conn *to, struct conn_pipe *pipe)
{
    ssize_t n;

    if (pipe->bytes == 0 || !to->io.writable)
        return 0;
    n = sys_splice(pipe->fds[0], to->io.fd, pipe->bytes, false);
    if (n > 0)
        pipe->bytes -= (uint32_t)n;
    if (n != -EAGAIN)
        return n < 0 ? conn_fail(env, to, (int)n) : n;
    conn_not_writable(env, to);
    return 0;
}

int conn_splice(struct conn_env *env, struct conn *from, struct conn *to, struct conn_pipe *pipe,
    uint64_t max, uint64_t ret_moved[static 2])
{
    uint64_t in = 0, out = 0;
    ssize_t n_in, n_out;

    assert(from->transport->can_splice && to->transport->can_splice && !to->out_first);
    do {
        n_in = conn_splice_in(env, from, pipe, max - in);
        in += n_in > 0 ? (uint64_t)n_in : 0;
        n_out = conn_splice_out(env, to, pipe);
        out += n_out > 0 ? (uint64_t)n_out : 0;
    } while (n_in >= 0 && n_out >= 0 && n_in + n_out > 0 && MAX(in, out) < CONN_SPLICE_TURN);

    ret_moved[0] = in;
    ret_moved[1] = out;
    if (n_out < 0)
        return (int)n_out;
    if (n_in < 0)
        return (int)n_in;
    if (pipe->bytes == 0 && from->read_eof)
        return 1;
    if (pipe->bytes == 0 && in == max)
        return 0;
    return n_in + n_out > 0 ? 0 : -EAGAIN;
}

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/conn.h"
#include "engine/net.h"
#include "unit.h"

#define MEMORY (64ul * 1024ul * 1024ul)

/* What the transport was asked: plain calls, counted. */
static unsigned n_reads, n_writes, n_shuts;
static int last_n_iov;

static ssize_t counted_read(struct conn_env *env, struct conn *conn, char *buf, size_t n)
{
    n_reads++;
    return transport_plain.read(env, conn, buf, n);
}

static ssize_t counted_write(
    struct conn_env *env, struct conn *conn, const struct iovec *iov, int n)
{
    n_writes++;
    last_n_iov = n;
    return transport_plain.write(env, conn, iov, n);
}

static int counted_shut(struct conn_env *env, struct conn *conn)
{
    n_shuts++;
    return transport_plain.shut(env, conn);
}

static const struct transport counted = {
    .read = counted_read, .write = counted_write, .shut = counted_shut, .can_splice = true};

struct fixture {
    struct engine *engine;
    struct conn_env env;
    struct conn a, b; /* two connections of the worker */
    int far_a, far_b; /* their peers */
    unsigned n_ready;
};

static struct fixture fix;

static void on_ready(struct engine *engine, struct engine_io *io)
{
    (void)engine;
    (void)io;
    fix.n_ready++;
}

static int open_pair(struct conn *conn)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(conn_open(&fix.env, conn, fds[0], &counted, on_ready), 0);
    return fds[1];
}

static void begin(size_t memory_limit)
{
    memset(&fix, 0, sizeof(fix));
    fix.engine = engine_new(NULL);
    conn_env_init(&fix.env, fix.engine, memory_limit, 2);
    fix.far_a = open_pair(&fix.a);
    fix.far_b = open_pair(&fix.b);
    n_reads = n_writes = n_shuts = 0;
}

static int setup(void **state)
{
    (void)state;
    begin(MEMORY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    conn_close(&fix.env, &fix.a);
    conn_close(&fix.env, &fix.b);
    assert_int_equal(fix.env.pool.used_bytes, 0);
    fix.engine = engine_free(fix.engine);
    conn_env_done(&fix.env);
    (void)close(fix.far_a);
    (void)close(fix.far_b);
    return 0;
}

static void turn(void)
{
    assert_int_equal(engine_turn(fix.engine, 0), 0);
}

/* Makes the fixture's first connection one of TCP. */
static void use_tcp(void)
{
    struct net_listen_opts opts = {0};
    struct addr at = {.family = 4, .ip = {127, 0, 0, 1}}, peer;
    struct pollfd pfd = {.events = POLLIN};
    int fd;

    conn_close(&fix.env, &fix.a);
    (void)close(fix.far_a);
    assert_int_equal(net_listen(&at, &opts, &pfd.fd), 0);
    assert_int_equal(net_local_addr(pfd.fd, &at), 0);
    assert_true(net_connect(&at, NULL, &fix.far_a) >= 0);
    assert_int_equal(poll(&pfd, 1, -1), 1);
    fd = net_accept(pfd.fd, &peer);
    assert_true(fd >= 0);
    (void)close(pfd.fd);
    assert_int_equal(conn_open(&fix.env, &fix.a, fd, &counted, on_ready), 0);
}

/* Turns until the condition holds: over TCP a packet may take its time. */
#define TURN_UNTIL(condition)                                                  \
    do {                                                                       \
        while (!(condition))                                                   \
            assert_int_equal(engine_turn(fix.engine, 100 * NSEC_PER_MSEC), 0); \
    } while (0)

static uint32_t packets_out(const struct conn *conn)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    assert_int_equal(getsockopt(conn->io.fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_segs_out;
}

static void peer_sends(int far, const char *text)
{
    assert_int_equal(write(far, text, strlen(text)), (ssize_t)strlen(text));
}

static void peer_gets(int far, const char *text)
{
    char buf[256];
    ssize_t n = recv(far, buf, sizeof(buf), 0);

    assert_true(n >= 0);
    assert_span_is(((struct span){buf, (size_t)n}), text);
}

/* Bytes that can be told apart by their place. */
static char pattern_at(size_t i)
{
    return (char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static char *pattern_new(size_t n)
{
    char *bytes = base_alloc(n);

    for (size_t i = 0; i < n; i++)
        bytes[i] = pattern_at(i);
    return bytes;
}

/* Reads what is there and checks it against the pattern from *at on. */
static void peer_drains(int far, size_t *at)
{
    char buf[65536];
    size_t n_wrong = 0;
    ssize_t n;

    while ((n = recv(far, buf, sizeof(buf), 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            n_wrong += buf[i] != pattern_at((*at)++);
    }
    assert_int_equal(n_wrong, 0);
}

static void short_read_is_the_last_try(void **state)
{
    char *buf = fix.env.scratch;

    (void)state;
    peer_sends(fix.far_a, "hello");
    assert_int_equal(conn_read(&fix.env, &fix.a, buf, 100), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_false(fix.a.io.readable);
    assert_int_equal(conn_read(&fix.env, &fix.a, buf, 100), -EAGAIN);
    assert_int_equal(n_reads, 1);

    turn();
    peer_sends(fix.far_a, "again");
    turn();
    assert_true(fix.a.io.readable);
    assert_int_equal(conn_read(&fix.env, &fix.a, buf, 100), 5);
    assert_int_equal(n_reads, 2);
}

static void full_read_keeps_the_bit(void **state)
{
    (void)state;
    peer_sends(fix.far_a, "hello");
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 3), 3);
    assert_true(fix.a.io.readable);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 3), 2);
    assert_false(fix.a.io.readable);
}

static void short_read_after_hang_up_goes_on_to_the_end(void **state)
{
    (void)state;
    peer_sends(fix.far_a, "bye");
    assert_int_equal(shutdown(fix.far_a, SHUT_WR), 0);
    turn();
    assert_true(fix.a.io.hung_up);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 3);
    assert_true(fix.a.io.readable);
    assert_true(fix.a.end_next);
    assert_false(fix.a.read_eof);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 0);
    assert_true(fix.a.read_eof);
    assert_false(fix.a.io.readable);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 0);
    assert_int_equal(n_reads, 1);
}

static void full_read_after_hang_up_is_followed_by_another(void **state)
{
    (void)state;
    peer_sends(fix.far_a, "good bye");
    assert_int_equal(shutdown(fix.far_a, SHUT_WR), 0);
    turn();
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 5), 5);
    assert_false(fix.a.end_next);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 5), 3);
    assert_true(fix.a.end_next);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 5), 0);
    assert_int_equal(n_reads, 2);
}

/* A read stops before a byte out of band (RFC 6093), which is skipped: what is behind it is neither forgotten nor lost. */
static void short_read_before_urgent_data_is_not_the_last(void **state)
{
    (void)state;
    use_tcp();
    peer_sends(fix.far_a, "one");
    assert_int_equal(send(fix.far_a, "!", 1, MSG_OOB), 1);
    TURN_UNTIL(fix.a.io.urgent);
    peer_sends(fix.far_a, "two");
    assert_int_equal(shutdown(fix.far_a, SHUT_WR), 0);
    TURN_UNTIL(fix.a.io.hung_up);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 3);
    assert_memory_equal(fix.env.scratch, "one", 3);
    assert_true(fix.a.io.readable);
    assert_false(fix.a.end_next);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 3);
    assert_memory_equal(fix.env.scratch, "two", 3);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 0);
}

static void end_leaves_in_the_packet_of_the_last_bytes(void **state)
{
    uint32_t before;

    (void)state;
    use_tcp();
    before = packets_out(&fix.a);
    conn_gather(&fix.env, &fix.a, SPAN_LIT("bye"));
    assert_int_equal(conn_shut(&fix.env, &fix.a), 0);
    assert_int_equal(packets_out(&fix.a), before + 1);
    peer_gets(fix.far_a, "bye");
    peer_gets(fix.far_a, "");
}

static void hang_up_after_a_short_read_is_told(void **state)
{
    (void)state;
    turn();
    peer_sends(fix.far_a, "bye");
    turn();
    assert_int_equal(shutdown(fix.far_a, SHUT_WR), 0); /* between the wait and the read */
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 3);
    assert_false(fix.a.io.readable);
    turn();
    assert_int_equal(fix.n_ready, 1);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), 0);
}

static void read_error_sticks(void **state)
{
    (void)state;
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    conn_gather(&fix.env, &fix.a, SPAN_LIT("unread"));
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    (void)close(fix.far_a); /* with bytes unread: a Unix socket reports a reset */
    fix.far_a = -1;
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), -ECONNRESET);
    assert_int_equal(fix.a.error, -ECONNRESET);
    assert_int_equal(conn_read(&fix.env, &fix.a, fix.env.scratch, 100), -ECONNRESET);
    assert_int_equal(n_reads, 1);
    conn_gather(&fix.env, &fix.a, SPAN_LIT("more"));
    assert_int_equal(conn_flush(&fix.env, &fix.a), -ECONNRESET);
    assert_null(fix.env.gathering);
}

static void format(const char *text)
{
    int n = snprintf(conn_reserve(&fix.env, &fix.a, 100), 100, "%s", text);

    conn_commit(&fix.env, &fix.a, (size_t)n);
}

static void gathering_leaves_in_one_call(void **state)
{
    (void)state;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("one "));
    format("two ");
    format("three ");
    conn_gather(&fix.env, &fix.a, (struct span){NULL, 0});
    conn_gather(&fix.env, &fix.a, SPAN_LIT("four"));
    assert_int_equal(n_writes, 0);
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_int_equal(n_writes, 1);
    assert_int_equal(
        last_n_iov, 2); /* what is formatted lies side by side, and small pieces join it */
    peer_gets(fix.far_a, "one two three four");
    assert_null(fix.env.gathering);
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_int_equal(n_writes, 1);
    assert_int_equal(fix.env.pool.used_bytes, 0);
}

static void reserved_but_not_committed_is_nothing(void **state)
{
    (void)state;
    assert_null(conn_reserve(&fix.env, &fix.a, CONN_HEAD_BYTES + 1));
    assert_non_null(conn_reserve(&fix.env, &fix.a, CONN_HEAD_BYTES));
    conn_commit(&fix.env, &fix.a, 0);
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_int_equal(n_writes, 0);
    assert_null(fix.env.gathering);
}

static void too_many_pieces_flush_by_themselves(void **state)
{
    char letters[200];
    char expected[101] = {0};

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        char *piece = &letters[2 * i]; /* every other byte, so that the pieces do not join */

        piece[0] = expected[i] = (char)('a' + i % 26);
        conn_gather(&fix.env, &fix.a, (struct span){piece, 1});
    }
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_int_equal(n_writes, 4); /* 32 + 32 + 32 + 4 */
    peer_gets(fix.far_a, expected);
}

static void full_head_flushes_by_itself(void **state)
{
    char *pattern = pattern_new(60000);
    size_t got = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        memcpy(conn_reserve(&fix.env, &fix.a, 20000), pattern + (size_t)i * 20000, 20000);
        conn_commit(&fix.env, &fix.a, 20000);
    }
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    peer_drains(fix.far_a, &got);
    assert_int_equal(got, 60000);
    free(pattern);
}

/* Sends n bytes of the pattern in pieces of the given size while the peer does not read, then lets it read. */
static void send_more_than_fits(size_t n, size_t piece)
{
    char *pattern = pattern_new(n);
    size_t got = 0;
    int r = 0;

    for (size_t at = 0; at < n; at += piece) {
        conn_gather(&fix.env, &fix.a, (struct span){pattern + at, MIN(piece, n - at)});
        r = conn_flush(&fix.env, &fix.a);
        assert_true(r == 0 || r == CONN_QUEUED);
    }
    assert_int_equal(r, CONN_QUEUED);
    memset(pattern, 0, n); /* queued bytes are copies */
    free(pattern);
    assert_true(fix.a.out_bytes > 0);
    assert_false(fix.a.io.writable);

    while (r == CONN_QUEUED) {
        unsigned before = fix.n_ready;

        peer_drains(fix.far_a, &got);
        turn();
        assert_true(fix.n_ready > before);
        assert_true(fix.a.io.writable);
        r = conn_flush(&fix.env, &fix.a);
    }
    assert_int_equal(r, 0);
    peer_drains(fix.far_a, &got);
    assert_int_equal(got, n);
    assert_int_equal(fix.a.out_bytes, 0);
    assert_int_equal(fix.env.pool.used_bytes, 0);
}

static void rest_waits_in_chunks(void **state)
{
    static const struct {
        size_t n, piece;
    } cases[] = {{1000000, 1000000}, {1000000, 10000}, {1000000, 333}, {5000000, 2500000},
        {600000, 16384}, {3000000, 40000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        send_more_than_fits(cases[i].n, cases[i].piece);
}

static void nothing_is_tried_while_not_writable(void **state)
{
    (void)state;
    fix.a.io.writable = false;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("one "));
    assert_int_equal(conn_flush(&fix.env, &fix.a), CONN_QUEUED);
    conn_gather(&fix.env, &fix.a, SPAN_LIT("two "));
    assert_int_equal(conn_flush(&fix.env, &fix.a), CONN_QUEUED);
    assert_int_equal(n_writes, 0);
    assert_int_equal(fix.a.out_bytes, 8);
    assert_ptr_equal(fix.a.out_first, fix.a.out_last); /* the tail's room is used */
    fix.a.io.writable = true;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("three"));
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_int_equal(n_writes, 1);
    peer_gets(fix.far_a, "one two three");
}

static void end_is_sent_behind_the_queue(void **state)
{
    (void)state;
    fix.a.io.writable = false;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("last words"));
    assert_int_equal(conn_shut(&fix.env, &fix.a), CONN_QUEUED);
    assert_true(fix.a.shut_wanted);
    assert_false(fix.a.shut_done);
    assert_int_equal(n_shuts, 0);
    fix.a.io.writable = true;
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_true(fix.a.shut_done);
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    assert_int_equal(conn_shut(&fix.env, &fix.a), 0);
    assert_int_equal(n_shuts, 1);
    peer_gets(fix.far_a, "last words");
    peer_gets(fix.far_a, "");
}

static void write_error_drops_the_queue(void **state)
{
    (void)state;
    fix.a.io.writable = false;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("lost"));
    assert_int_equal(conn_flush(&fix.env, &fix.a), CONN_QUEUED);
    (void)close(fix.far_a);
    fix.far_a = -1;
    fix.a.io.writable = true;
    assert_int_equal(conn_flush(&fix.env, &fix.a), -EPIPE);
    assert_int_equal(fix.a.error, -EPIPE);
    assert_int_equal(fix.a.out_bytes, 0);
    assert_null(fix.a.out_first);
    assert_int_equal(fix.env.pool.used_bytes, 0);
    assert_int_equal(conn_flush(&fix.env, &fix.a), -EPIPE);
    assert_int_equal(conn_shut(&fix.env, &fix.a), -EPIPE);
}

static void memory_limit_is_an_error_that_stays(void **state)
{
    char *pattern = pattern_new(100000);

    (void)state;
    begin(2ul * CHUNK_BYTES);
    fix.a.io.writable = false;
    conn_gather(&fix.env, &fix.a, (struct span){pattern, 2ul * CHUNK_DATA_BYTES});
    assert_int_equal(conn_flush(&fix.env, &fix.a), CONN_QUEUED);
    conn_gather(&fix.env, &fix.a, SPAN_LIT("x"));
    assert_int_equal(conn_flush(&fix.env, &fix.a), -ENOMEM);
    assert_int_equal(fix.a.error, -ENOMEM);
    assert_int_equal(fix.env.pool.used_bytes, 0);
    fix.a.io.writable = true;
    assert_int_equal(conn_flush(&fix.env, &fix.a), -ENOMEM);
    assert_int_equal(n_writes, 0);

    /* The other one has the memory now. */
    fix.b.io.writable = false;
    conn_gather(&fix.env, &fix.b, SPAN_LIT("fine"));
    assert_int_equal(conn_flush(&fix.env, &fix.b), CONN_QUEUED);
    free(pattern);
}

static void closing_in_the_middle_of_gathering(void **state)
{
    (void)state;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("never"));
    conn_close(&fix.env, &fix.a);
    conn_close(&fix.env, &fix.a);
    assert_int_equal(fix.a.io.fd, -1);
    assert_false(fix.a.io.watched);
    peer_gets(fix.far_a, "");
    conn_gather(&fix.env, &fix.b, SPAN_LIT("next"));
    assert_int_equal(conn_flush(&fix.env, &fix.b), 0);
    peer_gets(fix.far_b, "next");
}

static void other_queue_is_flushed_while_one_gathers(void **state)
{
    (void)state;
    fix.b.io.writable = false;
    conn_gather(&fix.env, &fix.b, SPAN_LIT("b"));
    assert_int_equal(conn_flush(&fix.env, &fix.b), CONN_QUEUED);
    fix.b.io.writable = true;
    conn_gather(&fix.env, &fix.a, SPAN_LIT("a"));
    assert_int_equal(conn_flush(&fix.env, &fix.b), 0);
    assert_ptr_equal(fix.env.gathering, &fix.a);
    assert_int_equal(conn_flush(&fix.env, &fix.a), 0);
    peer_gets(fix.far_a, "a");
    peer_gets(fix.far_b, "b");
}

static void pipes_are_bounded_and_reused(void **state)
{
    struct conn_pipe *one = conn_pipe_get(&fix.env), *two = conn_pipe_get(&fix.env);

    (void)state;
    assert_non_null(one);
    assert_non_null(two);
    assert_null(conn_pipe_get(&fix.env));
    assert_null(conn_pipe_put(&fix.env, one));
    assert_ptr_equal(conn_pipe_get(&fix.env), one);
    one->bytes = 1; /* somebody's bytes would leak into the next connection */
    assert_null(conn_pipe_put(&fix.env, one));
    assert_int_equal(fix.env.n_pipes, 1);
    assert_null(conn_pipe_put(&fix.env, two));
    assert_null(conn_pipe_put(&fix.env, NULL));
}

/* What flows from far_a to far_b through a and b. */
struct flow {
    size_t sent, got, in, out, n;
    char *pattern; /* owned by the test */
};

static void flow_feeds(struct flow *flow)
{
    ssize_t n = write(fix.far_a, flow->pattern + flow->sent, flow->n - flow->sent);

    if (n > 0)
        flow->sent += (size_t)n;
}

static int flow_moves(struct flow *flow, struct conn_pipe *pipe, uint64_t max)
{
    uint64_t moved[2] = {99, 99};
    int r = conn_splice(&fix.env, &fix.a, &fix.b, pipe, max, moved);

    flow->in += moved[0];
    flow->out += moved[1];
    assert_int_equal(flow->in - flow->out, pipe->bytes);
    return r;
}

static void splice_moves_all_and_tells_the_end(void **state)
{
    struct flow flow = {.n = 3000000, .pattern = pattern_new(3000000)};
    struct conn_pipe *pipe = conn_pipe_get(&fix.env);
    int r = 0;

    (void)state;
    for (int i = 0; r != 1; i++) {
        assert_true(i < 10000);
        flow_feeds(&flow);
        if (flow.sent == flow.n)
            (void)shutdown(fix.far_a, SHUT_WR);
        if (i % 3 == 0) /* the slow side is the reader: the pipe fills up */
            peer_drains(fix.far_b, &flow.got);
        turn();
        r = flow_moves(&flow, pipe, UINT64_MAX);
        assert_true(r == 0 || r == 1 || r == -EAGAIN);
    }
    peer_drains(fix.far_b, &flow.got);
    assert_int_equal(flow.got, flow.n);
    assert_int_equal(flow.in, flow.n);
    assert_int_equal(flow.out, flow.n);
    assert_true(fix.a.read_eof);
    assert_null(conn_pipe_put(&fix.env, pipe));
    free(flow.pattern);
}

static void splice_stops_at_max(void **state)
{
    struct flow flow = {.n = 10000, .pattern = pattern_new(10000)};
    struct conn_pipe *pipe = conn_pipe_get(&fix.env);

    (void)state;
    flow_feeds(&flow);
    assert_int_equal(flow_moves(&flow, pipe, 4000), 0);
    assert_int_equal(flow.out, 4000);
    assert_true(fix.a.io.readable);
    assert_int_equal(flow_moves(&flow, pipe, 6000), 0);
    assert_int_equal(flow.out, 10000);
    peer_drains(fix.far_b, &flow.got);
    assert_int_equal(flow.got, 10000);
    assert_null(conn_pipe_put(&fix.env, pipe));
    free(flow.pattern);
}

static void splice_knows_which_side_blocked(void **state)
{
    struct flow flow = {.n = 8000000, .pattern = pattern_new(8000000)};
    struct conn_pipe *pipe = conn_pipe_get(&fix.env);

    (void)state;
    assert_int_equal(flow_moves(&flow, pipe, 100), -EAGAIN);
    assert_false(fix.a.io.readable);
    assert_true(fix.b.io.writable);

    /* far_b does not read: b blocks first, then the pipe; a stays readable. */
    for (int i = 0; i < 100; i++) {
        flow_feeds(&flow);
        turn();
        (void)flow_moves(&flow, pipe, UINT64_MAX);
    }
    assert_int_equal(flow_moves(&flow, pipe, UINT64_MAX), -EAGAIN);
    assert_true(fix.a.io.readable);
    assert_false(fix.b.io.writable);
    assert_true(pipe->bytes > 0);

    peer_drains(fix.far_b, &flow.got);
    turn();
    assert_true(fix.b.io.writable);
    while (flow_moves(&flow, pipe, UINT64_MAX) != -EAGAIN || pipe->bytes > 0) {
        peer_drains(fix.far_b, &flow.got);
        turn();
    }
    peer_drains(fix.far_b, &flow.got);
    assert_int_equal(flow.got, flow.sent);
    assert_false(fix.a.io.readable);
    assert_null(conn_pipe_put(&fix.env, pipe));
    free(flow.pattern);
}

static void splice_tells_who_failed(void **state)
{
    struct conn_pipe *pipe = conn_pipe_get(&fix.env);
    uint64_t moved[2];

    (void)state;
    peer_sends(fix.far_a, "hello");
    (void)close(fix.far_b);
    fix.far_b = -1;
    assert_int_equal(conn_splice(&fix.env, &fix.a, &fix.b, pipe, 100, moved), -EPIPE);
    assert_int_equal(moved[0], 5);
    assert_int_equal(moved[1], 0);
    assert_int_equal(fix.b.error, -EPIPE);
    assert_int_equal(fix.a.error, 0);
    assert_null(conn_pipe_put(&fix.env, pipe));
    assert_int_equal(fix.env.n_pipes, 0);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(short_read_is_the_last_try),
        WITH_FIXTURE(full_read_keeps_the_bit),
        WITH_FIXTURE(short_read_after_hang_up_goes_on_to_the_end),
        WITH_FIXTURE(full_read_after_hang_up_is_followed_by_another),
        WITH_FIXTURE(short_read_before_urgent_data_is_not_the_last),
        WITH_FIXTURE(end_leaves_in_the_packet_of_the_last_bytes),
        WITH_FIXTURE(hang_up_after_a_short_read_is_told),
        WITH_FIXTURE(read_error_sticks),
        WITH_FIXTURE(gathering_leaves_in_one_call),
        WITH_FIXTURE(reserved_but_not_committed_is_nothing),
        WITH_FIXTURE(too_many_pieces_flush_by_themselves),
        WITH_FIXTURE(full_head_flushes_by_itself),
        WITH_FIXTURE(rest_waits_in_chunks),
        WITH_FIXTURE(nothing_is_tried_while_not_writable),
        WITH_FIXTURE(end_is_sent_behind_the_queue),
        WITH_FIXTURE(write_error_drops_the_queue),
        cmocka_unit_test_teardown(memory_limit_is_an_error_that_stays, teardown),
        WITH_FIXTURE(closing_in_the_middle_of_gathering),
        WITH_FIXTURE(other_queue_is_flushed_while_one_gathers),
        WITH_FIXTURE(pipes_are_bounded_and_reused),
        WITH_FIXTURE(splice_moves_all_and_tells_the_end),
        WITH_FIXTURE(splice_stops_at_max),
        WITH_FIXTURE(splice_knows_which_side_blocked),
        WITH_FIXTURE(splice_tells_who_failed),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* splice cannot be told MSG_NOSIGNAL */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

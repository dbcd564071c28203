/* A relay of two connections in which, for each n, the n-th system call of a kind fails. Linked with the
 * engine that is built for it. The relay moves only when on_ready tells it to, so a readiness that
 * conn or engine lost would leave it hanging. */
#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/conn.h"
#include "engine/sys.h"
#include "unit.h"

#define RELAY_BYTES 400000u
#define TURNS_MAX   20000
#define CALLS_MAX   100u /* more than a relay makes of any kind */

enum relay_state { RELAYING, RELAY_DONE, RELAY_FAILED };

struct relay {
    struct engine *engine;
    struct conn_env env;
    struct conn from, to;
    struct conn_pipe *pipe; /* NULL: copies */
    bool splices;
    enum relay_state state;
    int error; /* what failed */
    int far_from, far_to;
    size_t sent, got;
    bool got_end;
};

static struct relay relay;
static char *pattern;

static unsigned count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir)) /* NOLINT(concurrency-mt-unsafe): one thread */
        n++;
    (void)closedir(dir);
    return n;
}

static void relay_fail(int r)
{
    relay.state = RELAY_FAILED;
    relay.error = r;
}

/* Returns whether `to` takes more. */
static bool relay_check_flush(int r)
{
    if (r < 0)
        relay_fail(r);
    return r == 0;
}

static void relay_end(void)
{
    int r = conn_shut(&relay.env, &relay.to);

    if (relay_check_flush(r))
        relay.state = RELAY_DONE;
}

static void relay_copy(void)
{
    if (!relay_check_flush(conn_flush(&relay.env, &relay.to)))
        return;
    if (relay.from.read_eof) {
        relay_end();
        return;
    }
    for (int i = 0; i < 4; i++) {
        ssize_t n = conn_read(&relay.env, &relay.from, relay.env.scratch, CONN_SCRATCH_BYTES);
        char *head;

        if (n == -EAGAIN)
            return;
        if (n < 0) {
            relay_fail((int)n);
            return;
        }
        if (n == 0) {
            relay_end();
            return;
        }
        head = conn_reserve(&relay.env, &relay.to, 1); /* pieces of both kinds */
        head[0] = relay.env.scratch[0];
        conn_commit(&relay.env, &relay.to, 1);
        conn_gather(&relay.env, &relay.to, (struct span){relay.env.scratch + 1, (size_t)n - 1});
        if (!relay_check_flush(conn_flush(&relay.env, &relay.to)))
            return;
    }
    engine_again(relay.engine, &relay.from.io);
}

static void relay_splice(void)
{
    uint64_t moved[2];
    int r = conn_splice(&relay.env, &relay.from, &relay.to, relay.pipe, UINT64_MAX, moved);

    if (r == 1)
        relay_end();
    else if (r == 0)
        engine_again(relay.engine, &relay.from.io);
    else if (r != -EAGAIN)
        relay_fail(r);
}

static void relay_on_ready(struct engine *engine, struct engine_io *io)
{
    (void)engine;
    (void)io;
    if (relay.state != RELAYING)
        return;
    if (relay.pipe)
        relay_splice();
    else
        relay_copy();
}

static int relay_open_conn(struct conn *conn, int *ret_far)
{
    int fds[2];
    int small = 20000, r;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    r = conn_open(&relay.env, conn, fds[0], &transport_plain, relay_on_ready);
    *ret_far = fds[1];
    return r;
}

static int relay_open(bool splices)
{
    int r;

    memset(&relay, 0, sizeof(relay));
    relay.from.io.fd = relay.to.io.fd = relay.far_from = relay.far_to = -1;
    relay.engine = engine_new(NULL);
    if (!relay.engine)
        return -errno;
    conn_env_init(&relay.env, relay.engine, 64u << 20, 1);
    r = relay_open_conn(&relay.from, &relay.far_from);
    if (r == 0)
        r = relay_open_conn(&relay.to, &relay.far_to);
    if (r == 0 && splices)
        relay.pipe = conn_pipe_get(&relay.env); /* without one: copy instead */
    return r;
}

static void relay_close(void)
{
    if (!relay.engine)
        return;
    conn_close(&relay.env, &relay.from);
    conn_close(&relay.env, &relay.to);
    relay.pipe = conn_pipe_put(&relay.env, relay.pipe);
    assert_int_equal(relay.env.pool.used_bytes, 0);
    relay.engine = engine_free(relay.engine);
    conn_env_done(&relay.env);
    if (relay.far_from >= 0)
        (void)close(relay.far_from);
    if (relay.far_to >= 0)
        (void)close(relay.far_to);
}

/* The peers use plain calls, which no plan touches. */
static void relay_peers_move(void)
{
    char buf[100000];
    ssize_t n;

    if (relay.sent < RELAY_BYTES) {
        n = send(relay.far_from, pattern + relay.sent, MIN(RELAY_BYTES - relay.sent, 150000u),
            MSG_NOSIGNAL);
        relay.sent += n > 0 ? (size_t)n : 0;
        if (relay.sent == RELAY_BYTES)
            (void)shutdown(relay.far_from, SHUT_WR);
    }
    n = recv(relay.far_to, buf, sizeof(buf), 0);
    if (n > 0) {
        assert_true(relay.got + (size_t)n <= RELAY_BYTES);
        assert_memory_equal(buf, pattern + relay.got, (size_t)n);
        relay.got += (size_t)n;
    }
    relay.got_end = relay.got_end || n == 0;
}

/* Runs a relay from beginning to end. Returns 0 when every byte and the end arrived, or what failed. */
static int relay_run(const char *plan, bool splices)
{
    unsigned n_fds = count_fds();
    int r;

    assert_int_equal(sys_fault_plan(plan), 0);
    r = relay_open(splices);
    if (r == 0)
        relay_on_ready(relay.engine, &relay.from.io);
    for (int i = 0; r == 0 && relay.state != RELAY_FAILED && !relay.got_end; i++) {
        if (i == TURNS_MAX)
            fail_msg("%s: hangs after %zu of %zu bytes", plan, relay.got, relay.sent);
        relay_peers_move();
        assert_int_equal(engine_turn(relay.engine, 0), 0);
    }
    if (r == 0 && relay.state == RELAY_FAILED) {
        r = relay.error;
        assert_true(relay.from.error == r || relay.to.error == r);
        assert_int_equal(relay.to.out_bytes == 0 || relay.to.error == 0, 1);
    } else if (r == 0) {
        assert_int_equal(relay.got, RELAY_BYTES);
        assert_int_equal(relay.from.error, 0);
        assert_int_equal(relay.to.error, 0);
    }
    relay_close();
    assert_int_equal(sys_fault_plan(""), 0);
    assert_int_equal(count_fds(), n_fds);
    return r;
}

static const struct {
    const char *call, *verdict;
    bool splices;
    int r; /* of a relay in which it happened */
} cases[] = {
    {"recv", "EAGAIN", false, 0},
    {"recv", "short", false, 0},
    {"recv", "ECONNRESET", false, -ECONNRESET},
    {"recv", "ETIMEDOUT", false, -ETIMEDOUT},
    {"send", "EAGAIN", false, 0},
    {"send", "short", false, 0},
    {"send", "EPIPE", false, -EPIPE},
    {"send", "ECONNRESET", false, -ECONNRESET},
    {"splice", "EAGAIN", true, 0},
    {"splice", "short", true, 0},
    {"splice", "ECONNRESET", true, -ECONNRESET},
    {"pipe", "EMFILE", true, 0},
    {"epoll_ctl", "ENOMEM", false, -ENOMEM},
    {"epoll_ctl", "ENOSPC", true, -ENOSPC},
};

/* The relay in which the n-th call fails; returns whether it did fail. */
static bool case_fails(size_t i, unsigned n)
{
    char plan[64];
    int r;

    (void)snprintf(plan, sizeof(plan), "%s:%u:%s", cases[i].call, n, cases[i].verdict);
    r = relay_run(plan, cases[i].splices);
    if (r != 0 && r != cases[i].r)
        fail_msg("%s: %d", plan, r);
    return r != 0;
}

static void nth_call_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned n_failed = 0;

        if (cases[i].r == 0) {
            for (unsigned n = 1; n <= CALLS_MAX; n++)
                assert_false(case_fails(i, n));
            continue;
        }
        while (n_failed < CALLS_MAX && case_fails(i, n_failed + 1))
            n_failed++;
        assert_true(
            n_failed > 0 && n_failed < CALLS_MAX); /* the relay makes that many of the kind */
    }
}

static void every_nth_call_stutters(void **state)
{
    static const struct {
        const char *plan;
        bool splices;
    } plans[] = {
        {"recv:%2:EAGAIN,send:%2:EAGAIN", false},
        {"recv:%3:short,send:%2:short", false},
        {"recv:%2:short,recv:%3:EAGAIN,send:%3:short,send:%4:EAGAIN", false},
        {"splice:%2:EAGAIN", true},
        {"splice:%3:short", true},
        {"splice:%2:short,splice:%3:EAGAIN", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(plans); i++)
        assert_int_equal(relay_run(plans[i].plan, plans[i].splices), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nth_call_fails),
        cmocka_unit_test(every_nth_call_stutters),
    };
    int r;

    (void)signal(SIGPIPE, SIG_IGN); /* splice cannot be told MSG_NOSIGNAL */
    pattern = base_alloc(RELAY_BYTES);
    for (size_t i = 0; i < RELAY_BYTES; i++)
        pattern[i] = (char)(i * 31 + (i >> 8) * 7 + (i >> 16));
    r = cmocka_run_group_tests(tests, NULL, NULL);
    free(pattern);
    return r;
}

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/acceptor.h"
#include "engine/net.h"
#include "unit.h"

#define CLIENTS  200
#define PATIENCE (60 * NSEC_PER_SEC)

static struct {
    struct engine *engine;
    struct acceptor acceptor;
    int fd;
    int clients[CLIENTS], accepted[CLIENTS];
    unsigned n_clients, n_accepted;
} rig;

static void on_accept(void *arg, struct acceptor *acceptor, int fd, const struct addr *peer)
{
    assert_ptr_equal(arg, &rig);
    assert_ptr_equal(acceptor, &rig.acceptor);
    assert_int_equal(peer->family, 4);
    rig.accepted[rig.n_accepted++] = fd;
}

static int setup(void **state)
{
    struct addr addr = {.family = 4, .ip = {127, 0, 0, 1}};
    struct net_listen_opts opts = {0};

    (void)state;
    memset(&rig, 0, sizeof(rig));
    rig.engine = engine_new(NULL);
    assert_int_equal(net_listen(&addr, &opts, &rig.fd), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    acceptor_stop(&rig.acceptor);
    rig.engine = engine_free(rig.engine);
    for (unsigned i = 0; i < rig.n_clients; i++)
        (void)close(rig.clients[i]);
    for (unsigned i = 0; i < rig.n_accepted; i++)
        (void)close(rig.accepted[i]);
    (void)close(rig.fd);
    return 0;
}

static void start(void)
{
    assert_int_equal(acceptor_start(&rig.acceptor, rig.engine, rig.fd, on_accept, &rig), 0);
}

/* Connects n clients; all of them wait in the queue when it returns. */
static void dial(unsigned n)
{
    struct addr addr;

    assert_int_equal(net_local_addr(rig.fd, &addr), 0);
    while (n-- > 0) {
        struct pollfd pfd = {.events = POLLOUT};

        assert_true(net_connect(&addr, NULL, &pfd.fd) >= 0);
        assert_int_equal(poll(&pfd, 1, -1), 1);
        assert_int_equal(net_connect_result(pfd.fd), 0);
        rig.clients[rig.n_clients++] = pfd.fd;
    }
}

static void turn(nsec wait)
{
    assert_int_equal(engine_turn(rig.engine, wait), 0);
}

static void turn_until_accepted(unsigned n)
{
    nsec give_up_at = clock_mono() + PATIENCE;

    while (rig.n_accepted < n) {
        turn(10 * NSEC_PER_MSEC);
        assert_true(clock_mono() < give_up_at);
    }
    assert_int_equal(rig.n_accepted, n);
}

static void one_at_a_time(void **state)
{
    (void)state;
    start();
    turn(0);
    for (unsigned i = 1; i <= 5; i++) {
        dial(1);
        turn_until_accepted(i);
    }
}

static void those_before_the_start_are_served(void **state)
{
    (void)state;
    dial(3);
    start();
    turn_until_accepted(3);
}

static void a_crowd_is_served_in_growing_shares(void **state)
{
    static const unsigned after[] = {1, 3, 7, 15, 31, 63, 127, 191, 200};

    (void)state;
    start();
    turn(0);
    dial(CLIENTS);
    for (unsigned i = 0; i < ARRAY_LEN(after); i++) {
        turn(0);
        assert_int_equal(rig.n_accepted, after[i]);
    }
}

/* Descriptors run out: the loop sleeps until it is time to look again. */
static void without_descriptors_it_waits(void **state)
{
    struct rlimit limit, none;
    struct engine_stats before, after;

    (void)state;
    start();
    dial(3);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turn(0);
    assert_int_equal(rig.acceptor.n_failed, 1);
    assert_true(rig.acceptor.paused);
    engine_stats(rig.engine, &before);
    turn(0);
    engine_stats(rig.engine, &after);
    assert_int_equal(after.events, before.events);
    assert_int_equal(rig.n_accepted, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    turn_until_accepted(3);
    assert_false(rig.acceptor.paused);
}

/* Somebody shut the listening socket down: it is told of as readable for ever. */
static void a_dead_socket_does_not_make_the_loop_spin(void **state)
{
    struct engine_stats before, after;

    (void)state;
    start();
    assert_int_equal(shutdown(rig.fd, SHUT_RDWR), 0);
    turn(0);
    assert_true(rig.acceptor.paused);
    turn(0); /* the end is told of once more */
    engine_stats(rig.engine, &before);
    turn(0);
    turn(0);
    engine_stats(rig.engine, &after);
    assert_int_equal(after.events, before.events);
}

static void stopped_it_accepts_nobody(void **state)
{
    (void)state;
    start();
    dial(1);
    acceptor_stop(&rig.acceptor);
    turn(0);
    turn(0);
    assert_int_equal(rig.n_accepted, 0);
    start();
    turn_until_accepted(1);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(one_at_a_time),
        WITH_RIG(those_before_the_start_are_served),
        WITH_RIG(a_crowd_is_served_in_growing_shares),
        WITH_RIG(without_descriptors_it_waits),
        WITH_RIG(a_dead_socket_does_not_make_the_loop_spin),
        WITH_RIG(stopped_it_accepts_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/engine.h"
#include "unit.h"

/* One end of a socketpair that is watched, the other in the test's hand. */
struct end {
    struct engine_io io;
    int far;
    unsigned n_ready;
    void (*action)(struct engine *engine, struct end *end);
    struct end *other;
};

static void on_ready(struct engine *engine, struct engine_io *io)
{
    struct end *end = container_of(io, struct end, io);

    end->n_ready++;
    if (end->action)
        end->action(engine, end);
}

static void end_open(struct engine *engine, struct end *end)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *end = (struct end){.io.fd = fds[0], .far = fds[1]};
    assert_int_equal(engine_watch(engine, &end->io, on_ready), 0);
}

static void end_close(struct engine *engine, struct end *end)
{
    engine_unwatch(engine, &end->io);
    (void)close(end->io.fd);
    (void)close(end->far);
}

static void end_send(const struct end *end)
{
    assert_int_equal(write(end->far, "x", 1), 1);
}

static void turn(struct engine *engine)
{
    assert_int_equal(engine_turn(engine, 0), 0);
}

static int setup(void **state)
{
    static int user;

    *state = engine_new(&user);
    assert_non_null(*state);
    assert_ptr_equal(engine_user(*state), &user);
    return 0;
}

static int teardown(void **state)
{
    assert_null(engine_free(*state));
    return 0;
}

static void watched_begins_with_both_bits(void **state)
{
    struct end end;

    end_open(*state, &end);
    assert_true(end.io.watched && end.io.readable && end.io.writable);
    assert_false(end.io.hung_up || end.io.failed);
    turn(*state); /* what registering reports is no news */
    assert_int_equal(end.n_ready, 0);
    end_close(*state, &end);
}

static void only_news_is_told(void **state)
{
    struct end end;

    end_open(*state, &end);
    turn(*state);
    end.io.readable = false;
    end_send(&end);
    turn(*state);
    assert_int_equal(end.n_ready, 1);
    assert_true(end.io.readable);
    end_send(&end); /* the owner has not read yet and knows */
    turn(*state);
    assert_int_equal(end.n_ready, 1);
    end_close(*state, &end);
}

static void hang_up_is_told_and_kept(void **state)
{
    struct end end;

    end_open(*state, &end);
    end.io.readable = false;
    assert_int_equal(shutdown(end.far, SHUT_WR), 0);
    turn(*state);
    assert_int_equal(end.n_ready, 1);
    assert_true(end.io.hung_up && end.io.readable);
    end_close(*state, &end);
}

static void unwatch_other(struct engine *engine, struct end *end)
{
    engine_unwatch(engine, &end->other->io);
}

static void rewatch_other(struct engine *engine, struct end *end)
{
    engine_unwatch(engine, &end->other->io);
    assert_int_equal(engine_watch(engine, &end->other->io, on_ready), 0);
    end->other->io.readable = false;
}

/* Both ends are ready in one batch; whichever runs first acts on the other. */
static void run_pair(
    struct engine *engine, void (*action)(struct engine *, struct end *), struct end pair[static 2])
{
    for (int i = 0; i < 2; i++) {
        end_open(engine, &pair[i]);
        pair[i].other = &pair[1 - i];
        pair[i].action = action;
    }
    turn(engine);
    for (int i = 0; i < 2; i++) {
        pair[i].io.readable = false;
        assert_int_equal(shutdown(pair[i].far, SHUT_WR), 0);
    }
    turn(engine);
}

static void stale_event_is_not_told(void **state)
{
    struct end pair[2];

    run_pair(*state, unwatch_other, pair);
    assert_int_equal(pair[0].n_ready + pair[1].n_ready, 1);
    turn(*state);
    assert_int_equal(pair[0].n_ready + pair[1].n_ready, 1);
    end_close(*state, &pair[0]);
    end_close(*state, &pair[1]);
}

static void stale_event_does_not_reach_a_new_watch(void **state)
{
    struct end pair[2];
    struct end *second;

    run_pair(*state, rewatch_other, pair);
    assert_int_equal(pair[0].n_ready + pair[1].n_ready, 1);
    second = pair[0].n_ready == 0 ? &pair[0] : &pair[1];
    assert_false(second->io.hung_up);
    second->action = NULL;
    turn(*state); /* but registering anew reports what is there */
    assert_int_equal(second->n_ready, 1);
    assert_true(second->io.hung_up);
    end_close(*state, &pair[0]);
    end_close(*state, &pair[1]);
}

static void ask_again(struct engine *engine, struct end *end)
{
    if (end->n_ready < 3)
        engine_again(engine, &end->io);
}

static void again_runs_once_per_turn_without_waiting(void **state)
{
    struct end end;

    end_open(*state, &end);
    turn(*state);
    end.action = ask_again;
    engine_again(*state, &end.io);
    engine_again(*state, &end.io);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(engine_turn(*state, NSEC_NEVER), 0);
        assert_int_equal(end.n_ready, i);
    }
    turn(*state);
    assert_int_equal(end.n_ready, 3);

    engine_again(*state, &end.io);
    engine_unwatch(*state, &end.io);
    turn(*state);
    assert_int_equal(end.n_ready, 3);
    end_close(*state, &end);
}

/* What ran in a turn, one letter each. */
static char trail[32];
static size_t trail_len;

static void trail_add(char c)
{
    assert_true(trail_len + 1 < sizeof(trail));
    trail[trail_len++] = c;
    trail[trail_len] = '\0';
}

static struct engine_job job_b;

static void on_free(void *arg, void *object)
{
    assert_ptr_equal(object, trail);
    if (arg) {
        trail_add('f');
        engine_defer_free(arg, trail, on_free, NULL);
    } else {
        trail_add('g');
    }
}

static void on_job_b(struct engine *engine, struct engine_job *job)
{
    (void)engine;
    (void)job;
    trail_add('b');
}

static void on_job_a(struct engine *engine, struct engine_job *job)
{
    (void)job;
    trail_add('a');
    job_b.fn = on_job_b;
    engine_job_add(engine, &job_b);
    engine_job_add(engine, &job_b);
    engine_defer_free(engine, trail, on_free, engine);
}

static void on_msg(struct engine *engine, struct engine_msg *msg)
{
    static struct engine_job job_a = {.fn = on_job_a};

    (void)msg;
    trail_add('m');
    engine_job_add(engine, &job_a);
    engine_job_add(engine, &job_a);
}

static void on_last_msg(struct engine *engine, struct engine_msg *msg)
{
    (void)engine;
    (void)msg;
    trail_add('n');
}

static void note_ready(struct engine *engine, struct end *end)
{
    (void)engine;
    (void)end;
    trail_add('r');
}

static void turn_keeps_its_order(void **state)
{
    struct engine_msg first = {.fn = on_msg}, last = {.fn = on_last_msg};
    struct end end;

    trail_len = 0;
    end_open(*state, &end);
    end.action = note_ready;
    end.io.readable = false;
    end_send(&end);
    engine_post(*state, &first);
    engine_post(*state, &last);
    assert_int_equal(engine_turn(*state, NSEC_NEVER), 0);
    assert_string_equal(trail, "rmnafg");
    assert_int_equal(engine_turn(*state, NSEC_NEVER), 0); /* b was added by a job */
    assert_string_equal(trail, "rmnafgb");
    end_close(*state, &end);
}

static void free_second(void *arg, void *object)
{
    unsigned *n = arg;

    (*n)++;
    free(object);
}

static void deferred_frees_outgrow_their_array(void **state)
{
    unsigned n = 0;

    for (int i = 0; i < 1000; i++)
        engine_defer_free(*state, base_alloc(16), free_second, &n);
    assert_int_equal(n, 0);
    turn(*state);
    assert_int_equal(n, 1000);
}

static void freeing_runs_what_is_outstanding(void **state)
{
    struct engine *engine = engine_new(NULL);
    struct engine_msg msg = {.fn = on_last_msg};
    struct timer timer = {0};
    struct engine_job job = {.fn = on_job_b};
    unsigned n = 0;

    (void)state;
    trail_len = 0;
    engine_post(engine, &msg);
    engine_defer_free(engine, base_alloc(16), free_second, &n);
    timer_set(engine, &timer, engine_now(engine) + NSEC_PER_SEC, NULL);
    engine_job_add(engine, &job);
    assert_null(engine_free(engine));
    assert_string_equal(trail, "n");
    assert_int_equal(n, 1);
    timer_stop(&timer); /* nothing of the engine is touched */
    list_remove(&job.link);
    assert_null(engine_free(NULL));
}

static void on_timer(struct engine *engine, struct timer *timer)
{
    assert_true(engine_now(engine) >= timer->armed_at || timer->armed_at == NSEC_NEVER);
    trail_add('t');
    engine_stop(engine);
}

static void run_sleeps_until_a_timer_stops_it(void **state)
{
    struct timer timer = {0};
    struct engine_stats stats = {0};
    uint64_t n_runs = 0;

    /* Again if this process stood still until the timer was due. */
    while (stats.waits == 0) {
        nsec due_at = clock_mono() + 3 * NSEC_PER_MSEC;

        assert_true(n_runs++ < 1000);
        trail_len = 0;
        timer_set(*state, &timer, due_at, on_timer);
        assert_int_equal(engine_run(*state), 0);
        assert_string_equal(trail, "t");
        assert_true(engine_now(*state) >= due_at);
        engine_stats(*state, &stats);
        assert_int_equal(stats.timers_fired, n_runs);
        assert_true(stats.turns >= 1);
    }
    assert_true(engine_wall(*state) > 1500000000 * NSEC_PER_SEC);
}

static void stop_before_run_ends_it_at_once(void **state)
{
    engine_stop(*state);
    assert_int_equal(engine_run(*state), 0);
}

static void bad_descriptor_is_refused(void **state)
{
    struct engine_io io = {.fd = -1};

    assert_int_equal(engine_watch(*state, &io, on_ready), -EBADF);
    assert_false(io.watched);
    engine_unwatch(*state, &io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(watched_begins_with_both_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(only_news_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(hang_up_is_told_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_event_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_event_does_not_reach_a_new_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(again_runs_once_per_turn_without_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(turn_keeps_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(deferred_frees_outgrow_their_array, setup, teardown),
        cmocka_unit_test(freeing_runs_what_is_outstanding),
        cmocka_unit_test_setup_teardown(run_sleeps_until_a_timer_stops_it, setup, teardown),
        cmocka_unit_test_setup_teardown(stop_before_run_ends_it_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_descriptor_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

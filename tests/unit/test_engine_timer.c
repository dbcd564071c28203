#include "engine/timer.h"
#include "unit.h"

#define MS NSEC_PER_MSEC

/* A timer that writes down when it fired. */
struct probe {
    struct timer timer;
    nsec fired_at; /* 0: not yet */
    unsigned n_fired;
    struct timer *victim; /* stopped by fn */
    nsec again_at;        /* set anew by fn; 0: not */
};

static nsec fake_now;
static struct timer_wheel wheel;

static void probe_fn(struct engine *engine, struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);

    assert_null(engine);
    assert_false(list_linked(&timer->link));
    probe->fired_at = fake_now;
    probe->n_fired++;
    if (probe->victim)
        timer_stop(probe->victim);
    if (probe->again_at > 0)
        timer_wheel_set(&wheel, timer, probe->again_at, probe_fn);
}

static void probe_set(struct probe *probe, nsec due_at)
{
    timer_wheel_set(&wheel, &probe->timer, due_at, probe_fn);
}

static unsigned advance(nsec now)
{
    fake_now = now;
    return timer_wheel_advance(&wheel, NULL, now);
}

/* A wheel whose hand is at tick 1000. */
static int setup(void **state)
{
    (void)state;
    timer_wheel_init(&wheel, 8000 * MS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timer_wheel_done(&wheel);
    return 0;
}

static void fires_at_the_tick_after(void **state)
{
    static const struct {
        nsec due_at, before, at;
    } cases[] = {
        {8000 * MS + 1, 8008 * MS - 1, 8008 * MS}, {8007 * MS, 8008 * MS - 1, 8008 * MS},
        {8008 * MS, 8008 * MS - 1, 8008 * MS}, {8008 * MS + 1, 8016 * MS - 1, 8016 * MS},
        {8192 * MS, 8192 * MS - 1, 8192 * MS},                /* tick 1024: first slot of level 1 */
        {8504 * MS, 8504 * MS - 1, 8504 * MS},                /* tick 1063 */
        {32768 * MS, 32768 * MS - 1, 32768 * MS},             /* tick 4096: level 2 */
        {40001 * MS, 40008 * MS - 1, 40008 * MS},             /* tick 5001 */
        {3600000 * MS, 3600000 * MS - 1, 3600000 * MS},       /* an hour */
        {864000001 * MS, 864000008 * MS - 1, 864000008 * MS}, /* ten days */
        {6307200000000 * MS, 6307200000000 * MS - 1, 6307200000000 * MS}, /* 200 years */
        {5 * MS, 8008 * MS - 1, 8008 * MS}, /* long past: the next tick */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct probe probe = {0};

        (void)setup(state);
        probe_set(&probe, cases[i].due_at);
        assert_true(timer_wheel_next(&wheel) <= cases[i].at);
        assert_int_equal(advance(cases[i].before), 0);
        assert_int_equal(advance(cases[i].at), 1);
        assert_true(probe.fired_at == cases[i].at);
        assert_true(timer_wheel_next(&wheel) == NSEC_NEVER);
    }
}

static void sleeping_until_next_is_enough(void **state)
{
    static const nsec dues[] = {8009 * MS, 8500 * MS, 9999 * MS, 60000 * MS, 3600001 * MS,
        864000003 * MS, 6307200000004 * MS};
    struct probe probes[ARRAY_LEN(dues)] = {0};
    unsigned n_fired = 0, n_looks = 0;
    nsec next;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(dues); i++)
        probe_set(&probes[i], dues[i]);
    while ((next = timer_wheel_next(&wheel)) != NSEC_NEVER) {
        n_fired += advance(next);
        n_looks++;
    }
    assert_int_equal(n_fired, ARRAY_LEN(dues));
    assert_true(n_looks <= ARRAY_LEN(dues) * TIMER_LEVELS);
    for (size_t i = 0; i < ARRAY_LEN(dues); i++) {
        assert_true(probes[i].fired_at >= dues[i]);
        assert_true(probes[i].fired_at < dues[i] + 8 * MS);
    }
}

/* A dense crowd, looked at in uneven steps: nobody early, nobody later than one tick plus the step. */
static void crowd_is_on_time(void **state)
{
    enum { CROWD = 2000 };
    static struct probe probes[CROWD];
    static nsec dues[CROWD];
    uint32_t x = 12345;
    unsigned n_fired = 0;
    nsec now = 8000 * MS;

    (void)state;
    memset(probes, 0, sizeof(probes));
    for (int i = 0; i < CROWD; i++) {
        x = x * 1664525u + 1013904223u;
        dues[i] = now + 1 + (nsec)(x % 70000u) * MS + (nsec)(x % 977u);
        probe_set(&probes[i], dues[i]);
    }
    while (n_fired < CROWD) {
        x = x * 1664525u + 1013904223u;
        now += (nsec)(x % 50u) * MS;
        n_fired += advance(now);
        assert_true(now < 80000 * MS);
    }
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(probes[i].n_fired, 1);
        assert_true(probes[i].fired_at >= dues[i]);
        assert_true(probes[i].fired_at < dues[i] + (8 + 50) * MS);
    }
}

static void later_deadline_is_only_a_store(void **state)
{
    struct probe probe = {0};
    struct list link;

    (void)state;
    probe_set(&probe, 8100 * MS);
    link = probe.timer.link;
    probe_set(&probe, 9100 * MS);
    assert_memory_equal(&link, &probe.timer.link, sizeof(link));
    timer_renew(&probe.timer, 9200 * MS);
    assert_memory_equal(&link, &probe.timer.link, sizeof(link));
    assert_int_equal(advance(9192 * MS), 0);
    assert_int_equal(advance(9200 * MS), 1);
}

static void earlier_deadline_moves(void **state)
{
    struct probe probe = {0};

    (void)state;
    probe_set(&probe, 100000 * MS);
    probe_set(&probe, 8050 * MS);
    assert_int_equal(advance(8055 * MS), 0);
    assert_int_equal(advance(8056 * MS), 1);
    assert_int_equal(advance(200000 * MS), 0);
}

static void never_disarms(void **state)
{
    struct probe armed = {0}, unarmed = {0};

    (void)state;
    probe_set(&armed, 8050 * MS);
    probe_set(&armed, NSEC_NEVER);
    probe_set(&unarmed, NSEC_NEVER);
    assert_int_equal(advance(9000 * MS), 0);
    assert_false(list_linked(&armed.timer.link));
    assert_false(list_linked(&unarmed.timer.link));
    assert_true(timer_wheel_next(&wheel) == NSEC_NEVER);
}

static void stopped_does_not_fire(void **state)
{
    struct probe probe = {0}, zeroed = {0};

    (void)state;
    timer_stop(&zeroed.timer);
    probe_set(&probe, 8050 * MS);
    timer_stop(&probe.timer);
    timer_stop(&probe.timer);
    assert_true(timer_wheel_next(&wheel) == NSEC_NEVER);
    assert_int_equal(advance(9000 * MS), 0);
}

static void fn_may_stop_one_that_is_due(void **state)
{
    struct probe second = {0};
    struct probe first = {.victim = &second.timer};

    (void)state;
    probe_set(&first, 8050 * MS);
    probe_set(&second, 8050 * MS);
    assert_int_equal(advance(9000 * MS), 1);
    assert_int_equal(second.n_fired, 0);
}

static void fn_may_set_itself_anew(void **state)
{
    struct probe ahead = {.again_at = 9500 * MS};
    struct probe behind = {.again_at = 1 * MS};

    (void)state;
    probe_set(&ahead, 8050 * MS);
    probe_set(&behind, 8050 * MS);
    assert_int_equal(advance(9000 * MS), 2);
    behind.again_at = 0;
    ahead.again_at = 0;
    assert_int_equal(
        advance(9008 * MS), 1); /* in the past: not in the same call but the next tick */
    assert_int_equal(behind.n_fired, 2);
    assert_int_equal(advance(9504 * MS), 1);
    assert_int_equal(ahead.n_fired, 2);
}

static struct probe *mover_target;

static void move_fn(struct engine *engine, struct timer *timer)
{
    (void)engine;
    (void)timer;
    probe_set(mover_target, 9700 * MS);
}

static void fn_may_move_one_that_is_due(void **state)
{
    struct timer mover = {0};
    struct probe target = {0};

    (void)state;
    mover_target = &target;
    timer_wheel_set(&wheel, &mover, 8050 * MS, move_fn);
    probe_set(&target, 8050 * MS);
    assert_int_equal(advance(9000 * MS), 1);
    assert_int_equal(target.n_fired, 0);
    assert_int_equal(advance(9703 * MS), 0);
    assert_int_equal(advance(9704 * MS), 1);
}

static void time_that_stands_or_goes_back_is_harmless(void **state)
{
    struct probe probe = {0};

    (void)state;
    probe_set(&probe, 8050 * MS);
    assert_int_equal(advance(8000 * MS), 0);
    assert_int_equal(advance(0), 0);
    assert_int_equal(advance(8056 * MS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fires_at_the_tick_after, setup, teardown),
        cmocka_unit_test_setup_teardown(sleeping_until_next_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(crowd_is_on_time, setup, teardown),
        cmocka_unit_test_setup_teardown(later_deadline_is_only_a_store, setup, teardown),
        cmocka_unit_test_setup_teardown(earlier_deadline_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(never_disarms, setup, teardown),
        cmocka_unit_test_setup_teardown(stopped_does_not_fire, setup, teardown),
        cmocka_unit_test_setup_teardown(fn_may_stop_one_that_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(fn_may_set_itself_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(fn_may_move_one_that_is_due, setup, teardown),
        cmocka_unit_test_setup_teardown(time_that_stands_or_goes_back_is_harmless, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

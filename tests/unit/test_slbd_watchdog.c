/* Time and what the kernel says are this test's. */
#include <unistd.h>

#include "slbd/watchdog.h"
#include "unit.h"

#define S NSEC_PER_SEC

static struct supervised shared;
static struct watchdog dog;
static struct thread_facts facts;
static unsigned ran_pct; /* how much of the time the threads run */
static nsec now;

static bool told(pid_t pid, uint32_t thread, struct thread_facts *ret_facts)
{
    assert_int_equal(pid, 77);
    assert_true(thread == 100 || thread == 101);
    *ret_facts = facts;
    ret_facts->ran_for = (now - 1000 * S) / 100 * ran_pct;
    return facts.state != '\0';
}

/* A process with a main loop and one worker that have both beaten once. */
static int setup(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof(shared));
    facts = (struct thread_facts){.state = 'S'};
    ran_pct = 0;
    now = 1000 * S;
    watchdog_start(&dog, 8 * S, now);
    for (unsigned i = 0; i < 2; i++) {
        atomic_store(&shared.loops[i].thread, 100 + i);
        atomic_store(&shared.loops[i].beats, 1);
    }
    atomic_store(&shared.watched, true);
    return 0;
}

/* The next look, that long after the one before. */
static int look_after(nsec passed)
{
    now += passed;
    return watchdog_look(&dog, &shared, 77, now, told);
}

static void beat_loop(unsigned loop)
{
    (void)atomic_fetch_add(&shared.loops[loop].beats, 1);
}

/* Looks each second until a loop hangs; returns how many seconds that took, 0 if none did within 100. */
static unsigned seconds_until_hung(int expected)
{
    for (unsigned i = 1; i <= 100; i++) {
        int loop = look_after(S);

        if (loop == WATCHDOG_FINE)
            continue;
        assert_int_equal(loop, expected);
        return i;
    }
    return 0;
}

static void loops_that_turn_are_fine(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        if (i % 7 == 0) { /* just in time */
            beat_loop(0);
            beat_loop(1);
        }
        assert_int_equal(look_after(S), WATCHDOG_FINE);
    }
}

static void a_loop_that_is_silent_for_the_deadline_hangs(void **state)
{
    (void)state;
    /* One look sees the first beat. */
    assert_int_equal(seconds_until_hung(0), 9);
}

static void a_worker_hangs_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        beat_loop(0);
        assert_int_equal(look_after(S), WATCHDOG_FINE);
    }
    beat_loop(0);
    assert_int_equal(look_after(S), 1);
}

static void a_stopped_thread_hangs(void **state)
{
    (void)state;
    facts.state = 'T';
    assert_int_equal(seconds_until_hung(0), 9);
}

static void a_thread_that_spins_hangs(void **state)
{
    (void)state;
    facts.state = 'R';
    ran_pct = 30;
    assert_int_equal(seconds_until_hung(0), 9);
}

static void a_thread_that_others_keep_from_running_is_starved(void **state)
{
    (void)state;
    facts.state = 'R';
    ran_pct = 10; /* an eighth is enough to turn */
    assert_int_equal(seconds_until_hung(0), 0);
    /* It runs, and yet does not turn. */
    ran_pct = 50;
    assert_int_not_equal(seconds_until_hung(0), 0);
}

static void a_thread_that_waits_for_the_disk_is_starved(void **state)
{
    (void)state;
    facts.state = 'D';
    assert_int_equal(seconds_until_hung(0), 0);
}

static void a_supervisor_that_did_not_run_gives_time(void **state)
{
    (void)state;
    assert_int_equal(look_after(S), WATCHDOG_FINE);
    /* A suspended machine: an hour is one look. */
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(look_after(3600 * S), WATCHDOG_FINE);
    assert_int_equal(look_after(3600 * S), 0);
}

static void looks_that_come_early_are_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        nsec before = dog.looked_at;

        assert_int_equal(watchdog_look(&dog, &shared, 77, now + S / 2, told), WATCHDOG_FINE);
        assert_int_equal(dog.looked_at, before);
    }
    assert_int_equal(watchdog_next_at(&dog), now + S);
}

static void a_process_that_does_not_ask_for_it_is_not_judged(void **state)
{
    (void)state;
    atomic_store(&shared.watched, false);
    assert_int_equal(seconds_until_hung(0), 0);
}

static void a_loop_that_has_not_begun_is_not_judged(void **state)
{
    (void)state;
    atomic_store(&shared.loops[0].thread, 0);
    atomic_store(&shared.loops[1].thread, 0);
    assert_int_equal(seconds_until_hung(0), 0);
}

static void deadline_0_is_off(void **state)
{
    (void)state;
    watchdog_start(&dog, 0, now);
    assert_int_equal(watchdog_next_at(&dog), NSEC_NEVER);
    assert_int_equal(seconds_until_hung(0), 0);
}

static void the_kernel_tells_of_this_thread(void **state)
{
    struct thread_facts mine;

    (void)state;
    assert_true(thread_facts_read(getpid(), (uint32_t)gettid(), &mine));
    assert_int_equal(mine.state, 'R');
    assert_true(mine.ran_for >= 0);
    assert_false(thread_facts_read(getpid(), 0x7ffffff0, &mine));
}

static void why_is_told_in_words(void **state)
{
    static const struct {
        enum restart_reason reason;
        int detail;
        const char *why;
    } cases[] = {
        {RESTART_EXIT, 1, "exit: code 1"},
        {RESTART_SIGNAL, 11, "signal: 11"},
        {RESTART_HUNG, 0, "hung: main loop"},
        {RESTART_HUNG, 3, "hung: worker 2"},
    };
    char why[SUPERVISED_WHY_MAX];

    (void)state;
    supervised_why(&shared, why);
    assert_string_equal(why, "");
    atomic_store(&shared.last_at_ms, 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        atomic_store(&shared.last_reason, cases[i].reason);
        atomic_store(&shared.last_detail, cases[i].detail);
        supervised_why(&shared, why);
        assert_string_equal(why, cases[i].why);
    }
    atomic_store(&shared.restarts[RESTART_EXIT], 2);
    atomic_store(&shared.restarts[RESTART_HUNG], 3);
    assert_int_equal(supervised_restarts(&shared), 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    static const struct CMUnitTest tests[] = {
        TEST(loops_that_turn_are_fine),
        TEST(a_loop_that_is_silent_for_the_deadline_hangs),
        TEST(a_worker_hangs_alone),
        TEST(a_stopped_thread_hangs),
        TEST(a_thread_that_spins_hangs),
        TEST(a_thread_that_others_keep_from_running_is_starved),
        TEST(a_thread_that_waits_for_the_disk_is_starved),
        TEST(a_supervisor_that_did_not_run_gives_time),
        TEST(looks_that_come_early_are_none),
        TEST(a_process_that_does_not_ask_for_it_is_not_judged),
        TEST(a_loop_that_has_not_begun_is_not_judged),
        TEST(deadline_0_is_off),
        TEST(the_kernel_tells_of_this_thread),
        TEST(why_is_told_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Groups: slow start and drain. Time is what the test says, except for drains, whose timers are the engine's
 * (short ones). */
#include "balance_make.h"

#define SLOW_MS 10000u

static struct group_conf *slow_conf(const char *servers, bool checked)
{
    struct group_conf *conf = conf_new(servers, SCHEDULER_WRR);

    conf->slow_start_ms = SLOW_MS;
    if (checked)
        conf->health_check.slot = 0;
    return conf;
}

/* The weight that a server is scheduled with at a moment. */
static uint32_t weight_at(struct group *group, uint32_t index, nsec now)
{
    (void)pick_at(group, &(struct pick){0}, now);
    return group->view[index].weight;
}

static const struct {
    unsigned ms;
    uint32_t weight; /* of 50 */
} ramp_cases[] = {
    {0, 50}, /* 1 % */
    {101, 50},
    {102, 100},   /* 1 + 99 * 102 / 10000 = 2 */
    {5000, 2500}, /* 1 + 49 */
    {9999, 4950}, /* 1 + 98 */
    {10000, 5000},
    {60000, 5000},
};

static void check_ramp(struct group *group, uint32_t index, nsec from)
{
    for (size_t i = 0; i < ARRAY_LEN(ramp_cases); i++) {
        nsec now = from + nsec_from_ms(ramp_cases[i].ms);

        group->weigh_at = 0; /* this very moment, not the step */
        assert_int_equal(weight_at(group, index, now), ramp_cases[i].weight);
    }
    assert_false(group->slow);
}

static void recovery_is_slow(void **unused)
{
    struct group *group = group_of(slow_conf("a=100 b=50", true));
    nsec t = nsec_from_ms(1000000);

    (void)unused;
    set_health('a', HEALTH_UP);
    set_health('b', HEALTH_UP);
    /* The first ones of a group start at full share. */
    assert_int_equal(weight_at(group, 1, t), 5000);
    set_health('b', HEALTH_DOWN);
    assert_int_equal(pick_at(group, &(struct pick){0}, t), 'a');
    server_state_set_health(states['b'], HEALTH_UP, t);
    check_ramp(group, 1, t);
    assert_int_equal(group->view[0].weight, 10000);

    /* Leaves it by being unhealthy, enters it again by recovering. */
    server_state_set_health(states['b'], HEALTH_DOWN, 0);
    (void)pick_at(group, &(struct pick){0}, t);
    server_state_set_health(states['b'], HEALTH_UP, 2 * t);
    check_ramp(group, 1, 2 * t);
    drop(group);
}

static void shares_grow_in_slow_start(void **unused)
{
    struct group *group = group_of(slow_conf("a=100 b=100", false));
    nsec t = nsec_from_ms(1000000);
    unsigned picks[128];

    (void)unused;
    set_health('b', HEALTH_DOWN);
    server_state_set_health(states['b'], HEALTH_UP, t);
    count_picks(group, 101, t, picks);
    assert_int_equal(picks['b'], 1);
    count_picks(group, 150, t + nsec_from_ms(SLOW_MS) / 2, picks);
    assert_in_range(picks['b'], 49, 51);
    count_picks(group, 200, t + nsec_from_ms(SLOW_MS), picks);
    assert_in_range(picks['b'], 99, 101);
    drop(group);
}

static void newcomers_without_checks_start_at_once(void **unused)
{
    struct group *group = group_of(slow_conf("a=100", false));
    nsec from = engine_now(engine);

    (void)unused;
    update(group, slow_conf("a=100 b=50", false));
    assert_int_equal(group->view[0].weight, 10000);
    check_ramp(group, 1, from);
    /* Who stays is not disturbed by the next one. */
    turn_for(2);
    update(group, slow_conf("a=100 b=50 c=50", false));
    assert_int_equal(group->servers[1]->slow_from, from);
    assert_int_equal(group->view[2].weight, 50);
    drop(group);
}

static void newcomers_with_checks_start_when_healthy(void **unused)
{
    struct group *group = group_of(slow_conf("a=100", true));
    nsec t = nsec_from_ms(1000000);

    (void)unused;
    set_health('a', HEALTH_UP);
    update(group, slow_conf("a=100 b=50", true));
    assert_int_equal(weight_at(group, 1, t), 50);
    set_health('b', HEALTH_UNKNOWN);
    assert_int_equal(weight_at(group, 1, 2 * t), 50);
    set_health('b', HEALTH_UP);
    assert_int_equal(weight_at(group, 1, 3 * t), 50);
    check_ramp(group, 1, 3 * t);
    drop(group);
}

static void without_a_full_share_all_have_it(void **unused)
{
    struct group *group = group_of(slow_conf("a=100 b=50", true));
    nsec t = nsec_from_ms(1000000);

    (void)unused;
    set_health('a', HEALTH_DOWN);
    set_health('b', HEALTH_DOWN);
    server_state_set_health(states['a'], HEALTH_UP, t);
    server_state_set_health(states['b'], HEALTH_UP, t + nsec_from_ms(SLOW_MS) / 2);
    assert_int_equal(weight_at(group, 0, t + nsec_from_ms(SLOW_MS) / 2), 10000);
    assert_int_equal(weight_at(group, 1, t + nsec_from_ms(SLOW_MS) / 2), 5000);
    /* The first one is through: the other goes on with its ramp. */
    assert_int_equal(weight_at(group, 0, t + nsec_from_ms(SLOW_MS)), 10000);
    assert_int_equal(weight_at(group, 1, t + nsec_from_ms(SLOW_MS)), 2500);
    /* It is the last one left: no ramp for it. */
    set_health('a', HEALTH_DOWN);
    assert_int_equal(weight_at(group, 1, t + nsec_from_ms(SLOW_MS)), 5000);
    drop(group);
}

static void slow_start_is_for_wrr(void **unused)
{
    struct group_conf *conf = slow_conf("a=100 b=100", false);
    struct group *group;
    nsec t = nsec_from_ms(1000000);

    (void)unused;
    conf->scheduler = SCHEDULER_SCH;
    group = group_of(conf);
    set_health('b', HEALTH_DOWN);
    server_state_set_health(states['b'], HEALTH_UP, t);
    assert_int_equal(weight_at(group, 1, t), 10000);
    drop(group);
}

/* Drain */

static struct group_conf *drain_conf(const char *servers, uint32_t timeout_ms)
{
    struct group_conf *conf = conf_new(servers, SCHEDULER_WRR);

    conf->drain = true;
    conf->drain_timeout_ms = timeout_ms;
    return conf;
}

static void turn_until_cut(unsigned n)
{
    nsec begun = clock_mono();

    while (n_cut < n && clock_mono() < begun + 60 * NSEC_PER_SEC)
        assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
    turn();
    assert_int_equal(n_cut, n);
}

static void removed_servers_drain(void **unused)
{
    struct group *group = group_of(drain_conf("a=1 b=1", 30));
    struct server *a = group->servers[0];
    struct server_use uses[3];

    (void)unused;
    n_cut = 0;
    server_use_begin(a, &uses[0], on_cut);
    server_use_begin(a, &uses[1], on_cut);
    server_use_begin(group->servers[1], &uses[2], on_cut);
    turn();
    update(group, drain_conf("b=1", 30));
    assert_string_equal(removed, "a");
    assert_int_equal(a->drain_timer.due_at, engine_now(engine) + nsec_from_ms(30));
    server_use_end(&uses[0]);
    turn_until_cut(1);
    server_use_end(&uses[2]);
    drop(group);
}

static void drain_of_nothing_cuts_at_once(void **unused)
{
    struct group *group = group_of(drain_conf("a=1 b=1", 0));
    struct server_use use;

    (void)unused;
    n_cut = 0;
    server_use_begin(group->servers[0], &use, on_cut);
    turn();
    set_health('a', HEALTH_DOWN);
    group_health_changed(group);
    assert_int_equal(n_cut, 0); /* never from inside the call */
    turn_until_cut(1);
    drop(group);
}

static void unhealthy_servers_drain(void **unused)
{
    struct group *group = group_of(drain_conf("a=1 b=1", 30));
    struct server *a = group->servers[0];
    struct server_use use;
    nsec due_at;

    (void)unused;
    n_cut = 0;
    server_use_begin(a, &use, on_cut);
    turn();
    set_health('a', HEALTH_DOWN);
    group_health_changed(group);
    assert_int_equal(a->drain, DRAIN_WAITING);
    set_health('a', HEALTH_UP); /* recovery: no drain */
    assert_true(strchr("ab", pick_one(group)) != NULL);
    assert_int_equal(a->drain, DRAIN_NONE);
    turn_for(45);
    assert_int_equal(n_cut, 0);

    set_health('a', HEALTH_DOWN);
    assert_int_equal(pick_one(group), 'b'); /* a pick notices too */
    due_at = a->drain_timer.due_at;
    assert_int_equal(due_at, engine_now(engine) + nsec_from_ms(30));
    /* Removal does not give it more time. */
    update(group, drain_conf("b=1", 1000));
    assert_int_equal(a->drain_timer.due_at, due_at);
    turn_until_cut(1);
    drop(group);
}

static void without_drain_unhealthy_servers_keep_their_work(void **unused)
{
    struct group *group = group_of(conf_new("a=1 b=1", SCHEDULER_WRR));
    struct server_use use;

    (void)unused;
    n_cut = 0;
    server_use_begin(group->servers[0], &use, on_cut);
    set_health('a', HEALTH_DOWN);
    group_health_changed(group);
    turn_for(20);
    assert_int_equal(n_cut, 0);
    server_use_end(&use);
    drop(group);
}

static struct server_use *cut_too;

static void on_cut_both(struct server_use *use, enum reason reason)
{
    on_cut(use, reason);
    if (cut_too)
        server_use_end(TAKE(cut_too));
}

static void a_cut_may_end_others(void **unused)
{
    struct group *group = group_of(drain_conf("a=1", 0));
    struct server_use uses[3];

    (void)unused;
    n_cut = 0;
    for (unsigned i = 0; i < 3; i++)
        server_use_begin(group->servers[0], &uses[i], on_cut_both);
    cut_too = &uses[1];
    turn();
    update(group, drain_conf("", 0));
    turn_until_cut(2);
    drop(group);
}

static void on_removed_end(void *arg, struct server *server)
{
    (void)arg;
    (void)server;
    if (cut_too)
        server_use_end(TAKE(cut_too));
}

/* The server that leaves first takes down what is open on one that leaves after it. */
static void leaving_may_end_uses_of_others_that_leave(void **unused)
{
    struct group_conf *conf = conf_new("a=1 b=1 c=1", SCHEDULER_WLC);
    struct group *group = group_new(conf, engine, 0, on_removed_end, NULL);
    struct server_use kept, use;

    (void)unused;
    server_use_begin(group->servers[0], &kept, on_cut);
    server_use_begin(group->servers[2], &use, on_cut);
    cut_too = &use;
    update(group, conf_new("d=1 e=1 a=1", SCHEDULER_WLC));
    assert_null(cut_too);
    assert_int_equal(group->view[2].inflight, 1);
    assert_int_equal(counter_get(&states['c']->cells[0].inflight), 0);
    server_use_end(&kept);
    drop(group);
}

static void removed_groups_live_until_their_last_use(void **unused)
{
    struct group_conf *conf = conf_new("a=1 b=1", SCHEDULER_WRR);
    struct group *group = group_of(conf);
    struct server_use use;
    struct server *server;
    enum reason reason;

    (void)unused;
    server_use_begin(group->servers[1], &use, on_cut);
    group_remove(group);
    free(conf);
    turn();
    assert_string_equal(removed, "ab");
    assert_null(group->conf);
    assert_null(group_source(group));
    group_health_changed(group);
    assert_int_equal(group_pick(group, &(struct pick){0}, 0, &server, &reason), -ENOENT);
    assert_int_equal(reason, REASON_NO_SERVERS);
    (void)group_ref(group);
    server_use_end(&use);
    turn();
    assert_int_equal(group->refs, 1);
    group_unref(group);
    turn();
}

/* The versions that had the server are gone, and with them the building thread's hold on its state. */
static void a_server_keeps_its_state(void **unused)
{
    struct group *group = group_of(conf_new("a=1 b=1", SCHEDULER_WRR));
    struct server *b = group->servers[1];
    struct server_use use;

    (void)unused;
    server_use_begin(b, &use, on_cut);
    update(group, conf_new("a=1", SCHEDULER_WRR));
    states['b'] = server_state_free(states['b']);
    turn();
    server_use_end(&use);
    /* Until the turn's end, as the server itself. */
    assert_int_equal(counter_get(&b->cell->inflight), 0);
    drop(group);
}

static void states_are_summed_over_workers(void **unused)
{
    struct server_cell sum;

    (void)unused;
    counter_add(&states['a']->cells[0].connects, 3);
    counter_add(&states['a']->cells[1].connects, 4);
    counter_add(&states['a']->cells[1].response_time.buckets[2], 5);
    counter_add(&states['a']->cells[0].response_time.sum_us, 6);
    server_state_sum(states['a'], &sum);
    assert_int_equal(counter_get(&sum.connects), 7);
    assert_int_equal(counter_get(&sum.uses), 0);
    assert_int_equal(counter_get(&sum.response_time.buckets[2]), 5);
    assert_int_equal(counter_get(&sum.response_time.sum_us), 6);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        GROUP_TEST(recovery_is_slow),
        GROUP_TEST(shares_grow_in_slow_start),
        GROUP_TEST(newcomers_without_checks_start_at_once),
        GROUP_TEST(newcomers_with_checks_start_when_healthy),
        GROUP_TEST(without_a_full_share_all_have_it),
        GROUP_TEST(slow_start_is_for_wrr),
        GROUP_TEST(removed_servers_drain),
        GROUP_TEST(drain_of_nothing_cuts_at_once),
        GROUP_TEST(unhealthy_servers_drain),
        GROUP_TEST(without_drain_unhealthy_servers_keep_their_work),
        GROUP_TEST(a_cut_may_end_others),
        GROUP_TEST(leaving_may_end_uses_of_others_that_leave),
        GROUP_TEST(removed_groups_live_until_their_last_use),
        GROUP_TEST(a_server_keeps_its_state),
        GROUP_TEST(states_are_summed_over_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

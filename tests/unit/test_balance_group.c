/* Groups: who is picked, and what survives an update. Time is what the test says. */
#include "balance_make.h"

static const struct {
    const char *name, *servers, *down;
    bool fail_open;
    const char *set; /* letters that are picked in 300 picks, or what is said instead */
} pick_cases[] = {
    /* proves: CLBSG-21 CLBSG-22 */
    {"all healthy", "a=100 b=100 c=100", "", false, "abc"},
    {"one unhealthy", "a=100 b=100 c=100", "b", false, "ac"},
    {"weight 0", "a=100 b=0 c=1", "", false, "ac"},
    {"all unhealthy, closed", "a=100 b=100", "ab", false, "!"},
    {"all unhealthy, open", "a=100 b=100", "ab", true, "ab"},
    {"all unhealthy, open, one without weight", "a=100 b=0 c=7", "abc", true, "ac"},
    {"the only one with weight is unhealthy", "a=0 b=100", "b", false, "!"},
    {"the same, open", "a=0 b=100", "b", true, "b"},
    {"no weight at all", "a=0 b=0", "", true, "0"},
    {"empty", "", "", true, "0"},
};

static void picks_healthy_servers_with_weight(void **unused)
{
    static const enum scheduler schedulers[] = {
        SCHEDULER_RR, SCHEDULER_WRR, SCHEDULER_WLC, SCHEDULER_SCH};

    (void)unused;
    for (size_t c = 0; c < ARRAY_LEN(pick_cases) * ARRAY_LEN(schedulers); c++) {
        size_t k = c / ARRAY_LEN(schedulers);
        struct group_conf *conf =
            conf_new(pick_cases[k].servers, schedulers[c % ARRAY_LEN(schedulers)]);
        struct group *group;
        char set[128] = {0};
        char text[128] = {0};

        conf->fail_open = pick_cases[k].fail_open;
        group = group_of(conf);
        for (const char *p = pick_cases[k].down; *p; p++)
            set_health(*p, HEALTH_DOWN);
        for (uint64_t i = 1; i <= 300; i++)
            set[(int)pick_at(group, &(struct pick){.key = i * 7919}, 0)] = 1;
        for (int i = 0, n = 0; i < 128; i++) {
            if (set[i])
                text[n++] = (char)i;
        }
        if (strcmp(text, pick_cases[k].set) != 0)
            fail_msg("%s, scheduler %zu: %s", pick_cases[k].name, c % ARRAY_LEN(schedulers), text);
        for (const char *p = pick_cases[k].down; *p; p++)
            set_health(*p, HEALTH_UP);
        drop(group);
    }
}

static void unknown_servers_are_used(void **unused)
{
    struct group *group = group_of(conf_new("a=1 b=1", SCHEDULER_RR));
    unsigned picks[128];

    (void)unused;
    set_health('a', HEALTH_UNKNOWN);
    set_health('b', HEALTH_UNKNOWN);
    count_picks(group, 10, 0, picks);
    assert_int_equal(picks['a'], 5);
    drop(group);
}

static void failures_are_told(void **unused)
{
    struct group_conf *conf = conf_new("a=1 b=1", SCHEDULER_RR);
    struct group *group;
    struct server *server;
    enum reason reason;

    (void)unused;
    conf->fail_open = true;
    group = group_of(conf);
    assert_int_equal(group_pick(group, &(struct pick){0}, 0, &server, &reason), 0);
    assert_int_equal(reason, REASON_NONE);
    set_health('a', HEALTH_DOWN);
    set_health('b', HEALTH_DOWN);
    assert_int_equal(group_pick(group, &(struct pick){0}, 0, &server, &reason), 0);
    assert_int_equal(reason, REASON_FAIL_OPEN);
    set_health('b', HEALTH_UP);
    assert_int_equal(group_pick(group, &(struct pick){0}, 0, &server, &reason), 0);
    assert_int_equal(reason, REASON_NONE);
    assert_int_equal(letter_of(server), 'b');
    drop(group);
}

static void what_was_tried_is_left_out(void **unused)
{
    struct group *group = group_of(conf_new("a=1 b=1 c=1", SCHEDULER_WRR));
    struct pick pick = {0};
    char tried[8] = {0};

    (void)unused;
    for (unsigned i = 0; i < 3; i++) {
        struct server *server;
        enum reason reason;

        assert_int_equal(group_pick(group, &pick, 0, &server, &reason), 0);
        assert_null(strchr(tried, letter_of(server)));
        tried[i] = letter_of(server);
        pick_failed(&pick, server);
        /* Indices change in between. */
        update(group, conf_new(i == 0 ? "c=1 a=1 b=1" : "b=1 c=1 a=1", SCHEDULER_WRR));
    }
    assert_int_equal(pick_at(group, &pick, 0), '-');
    assert_true(strchr("abc", pick_one(group)) != NULL);
    drop(group);
}

/* proves: CLBSG-17 */
static void round_robin_ignores_weights(void **unused)
{
    struct group *group = group_of(conf_new("a=100 b=1 c=50 d=0", SCHEDULER_RR));
    unsigned picks[128];

    (void)unused;
    count_picks(group, 300, 0, picks);
    assert_int_equal(picks['a'], 100);
    assert_int_equal(picks['b'], 100);
    assert_int_equal(picks['c'], 100);
    drop(group);
}

/* proves: CLBSG-16 ALBL-05 */
static void weights_set_the_proportion(void **unused)
{
    struct group *group = group_of(conf_new("a=100 b=50 c=50", SCHEDULER_WRR));
    unsigned picks[128];

    (void)unused;
    count_picks(group, 400, 0, picks);
    assert_int_equal(picks['a'], 200);
    assert_int_equal(picks['b'], 100);
    assert_int_equal(picks['c'], 100);
    drop(group);
}

/* proves: CLBSG-19 CLBSG-20 */
static void weight_changes_touch_new_work_only(void **unused)
{
    struct group *group = group_of(conf_new("a=100 b=100", SCHEDULER_WRR));
    struct server *a = group->servers[0];
    struct server_use use;
    unsigned picks[128];

    (void)unused;
    n_cut = 0;
    server_use_begin(a, &use, on_cut);
    update(group, conf_new("a=0 b=100", SCHEDULER_WRR));
    turn_for(20);
    assert_ptr_equal(group->servers[0], a);
    assert_int_equal(n_cut, 0);
    assert_int_equal(counter_get(&states['a']->cells[0].inflight), 1);
    count_picks(group, 100, 0, picks);
    assert_int_equal(picks['b'], 100);

    update(group, conf_new("a=100 b=300", SCHEDULER_WRR));
    count_picks(group, 400, 0, picks);
    assert_int_equal(picks['a'], 100);
    server_use_end(&use);
    assert_int_equal(counter_get(&states['a']->cells[0].inflight), 0);
    assert_int_equal(counter_get(&states['a']->cells[0].uses), 1);
    drop(group);
}

/* A thousand changes of weight under picks, seven picks to each: every server has its share of each span. */
static void many_weight_changes_keep_the_shares(void **unused)
{
    static const struct {
        const char *servers;
        double share[3];
    } phases[] = {
        {"a=100 b=100 c=100", {1.0 / 3, 1.0 / 3, 1.0 / 3}},
        {"a=1 b=1 c=1", {1.0 / 3, 1.0 / 3, 1.0 / 3}},
        {"a=100 b=50 c=50", {0.5, 0.25, 0.25}},
        {"a=10 b=30 c=60", {0.1, 0.3, 0.6}},
        {"a=2 b=1 c=1", {0.5, 0.25, 0.25}},
    };
    struct group *group = group_of(conf_new("a=1 b=1 c=1", SCHEDULER_WRR));
    double due[3] = {0};
    unsigned picked[3] = {0};

    (void)unused;
    for (unsigned i = 0; i < 1000; i++) {
        const size_t phase = i % ARRAY_LEN(phases);

        update(group, conf_new(phases[phase].servers, SCHEDULER_WRR));
        for (unsigned k = 0; k < 7; k++)
            picked[pick_one(group) - 'a']++;
        for (unsigned s = 0; s < 3; s++)
            due[s] += 7 * phases[phase].share[s];
    }
    for (unsigned s = 0; s < 3; s++)
        assert_true(picked[s] > due[s] - 3 && picked[s] < due[s] + 3);
    drop(group);
}

/* proves: CLBSG-40 */
static void servers_come_and_go(void **unused)
{
    struct group *group = group_of(conf_new("a=1 b=1 c=1", SCHEDULER_WRR));
    struct server *b = group->servers[1];
    struct server *c = group->servers[2];
    struct server_use use;
    unsigned picks[128];

    (void)unused;
    server_use_begin(b, &use, on_cut);
    update(group, conf_new("d=1 c=1", SCHEDULER_WRR));
    assert_string_equal(removed, "ab");
    assert_ptr_equal(group->servers[1], c);
    assert_int_equal(c->index, 1);
    assert_ptr_equal(c->conf, &FIELD_ITEMS(group->conf->servers, struct server_conf)[1]);
    count_picks(group, 10, 0, picks);
    assert_int_equal(picks['c'], 5);
    assert_int_equal(picks['d'], 5);

    /* Without drain what is open ends by itself. */
    turn_for(20);
    assert_true(b->removed);
    assert_null(b->conf);
    assert_int_equal(b->addr.ip[3], 'b');
    server_use_end(&use);
    turn();
    update(group, conf_new("", SCHEDULER_WRR));
    assert_int_equal(pick_one(group), '0');
    update(group, conf_new("a=1", SCHEDULER_WRR));
    assert_int_equal(pick_one(group), 'a');
    drop(group);
}

/* proves: CLBSG-10 CLBSG-38 */
static void one_server_may_have_several_ports(void **unused)
{
    struct group_conf *conf = conf_new("a=1 b=1", SCHEDULER_RR);
    struct server_conf *servers = conf->servers.at;
    struct group *group;
    unsigned picks[128];

    (void)unused;
    servers[1].id = servers[0].id;
    servers[1].addr = servers[0].addr;
    servers[1].addr.port = 81;
    group = group_of(conf);
    assert_int_equal(group->servers[0]->addr.port, 80);
    assert_int_equal(group->servers[1]->addr.port, 81);
    assert_true(group->view[0].identity != group->view[1].identity);
    count_picks(group, 10, 0, picks);
    assert_int_equal(picks['a'], 5);
    assert_int_equal(picks['b'], 5);
    drop(group);
}

static void schedulers_can_be_changed(void **unused)
{
    static const enum scheduler schedulers[] = {SCHEDULER_RR, SCHEDULER_SCH, SCHEDULER_WLC,
        SCHEDULER_UCH, SCHEDULER_WRR, SCHEDULER_TCH, SCHEDULER_QCH};
    struct group *group = group_of(conf_new("a=1 b=1 c=1", SCHEDULER_WRR));

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(schedulers); i++) {
        assert_true(strchr("abc", pick_at(group, &(struct pick){.key = i}, 0)) != NULL);
        assert_true(strchr("abc", pick_one(group)) != NULL);
        update(group, conf_new(i % 2 ? "a=1 c=1 b=1" : "c=2 b=1 a=1", schedulers[i]));
    }
    assert_int_equal(strlen(removed), 0);
    drop(group);
}

static void keys_stick_and_survive_weight_changes_elsewhere(void **unused)
{
    struct group *group = group_of(conf_new("a=100 b=100 c=100", SCHEDULER_SCH));
    struct pick pick = {.key = 123456789};
    char first = pick_at(group, &pick, 0);
    void *state = group->sched_state;

    (void)unused;
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(pick_at(group, &pick, 0), first);
    /* Nothing that the table is made of changed: it is not made again. */
    update(group, conf_new("a=100 b=100 c=100", SCHEDULER_SCH));
    assert_ptr_equal(group->sched_state, state);
    assert_int_equal(pick_at(group, &pick, 0), first);
    update(group, conf_new("c=100 a=100 b=100", SCHEDULER_SCH));
    assert_null(group->sched_state);
    assert_int_equal(pick_at(group, &pick, 0), first);
    set_health(first, HEALTH_DOWN);
    assert_int_not_equal(pick_at(group, &pick, 0), first);
    set_health(first, HEALTH_UP);
    assert_int_equal(pick_at(group, &pick, 0), first);
    drop(group);
}

static void without_a_key_turns_decide(void **unused)
{
    struct group *group = group_of(conf_new("a=200 b=100", SCHEDULER_UCH));
    unsigned picks[128];

    (void)unused;
    count_picks(group, 300, 0, picks);
    assert_int_equal(picks['a'], 200);
    update(group, conf_new("b=100 a=300", SCHEDULER_UCH));
    count_picks(group, 400, 0, picks);
    assert_in_range(picks['a'], 299, 301);
    drop(group);
}

static void least_connections_count_all_workers(void **unused)
{
    struct group_conf *conf = conf_new("a=1 b=1 c=1", SCHEDULER_WLC);
    struct group *here = group_of(conf);
    struct group *there = group_new(conf, engine, 1, NULL, NULL);
    struct server_use uses[5];
    nsec now = engine_now(engine) + NSEC_PER_SEC;

    (void)unused;
    server_use_begin(there->servers[0], &uses[0], on_cut);
    server_use_begin(there->servers[0], &uses[1], on_cut);
    server_use_begin(there->servers[1], &uses[2], on_cut);
    assert_int_equal(pick_at(here, &(struct pick){0}, now), 'c');
    server_use_begin(here->servers[2], &uses[3], on_cut);
    server_use_begin(here->servers[2], &uses[4], on_cut);
    assert_int_equal(pick_at(here, &(struct pick){0}, now), 'b');
    assert_int_equal(here->view[0].inflight, 2);
    assert_int_equal(here->view[1].inflight, 1);
    assert_int_equal(here->view[2].inflight, 2);
    for (unsigned i = 0; i < 5; i++)
        server_use_end(&uses[i]);
    group_remove(there);
    drop(here);
}

static void sources_take_turns(void **unused)
{
    static struct addr sources[] = {
        {.ip = {127, 0, 0, 1}, .family = 4}, {.ip = {127, 0, 0, 2}, .family = 4}};
    struct group_conf *conf = conf_new("a=1", SCHEDULER_RR);
    struct group *group = group_of(conf);

    (void)unused;
    assert_null(group_source(group));
    conf->source = (struct field_list){sources, 2};
    assert_ptr_equal(group_source(group), &sources[0]);
    assert_ptr_equal(group_source(group), &sources[1]);
    assert_ptr_equal(group_source(group), &sources[0]);
    conf->source.n = 1;
    assert_ptr_equal(group_source(group), &sources[0]);
    drop(group);
}

/* Slow start */

int main(void)
{
    static const struct CMUnitTest tests[] = {
        GROUP_TEST(picks_healthy_servers_with_weight),
        GROUP_TEST(unknown_servers_are_used),
        GROUP_TEST(failures_are_told),
        GROUP_TEST(what_was_tried_is_left_out),
        GROUP_TEST(round_robin_ignores_weights),
        GROUP_TEST(weights_set_the_proportion),
        GROUP_TEST(weight_changes_touch_new_work_only),
        GROUP_TEST(many_weight_changes_keep_the_shares),
        GROUP_TEST(servers_come_and_go),
        GROUP_TEST(one_server_may_have_several_ports),
        GROUP_TEST(schedulers_can_be_changed),
        GROUP_TEST(keys_stick_and_survive_weight_changes_elsewhere),
        GROUP_TEST(without_a_key_turns_decide),
        GROUP_TEST(least_connections_count_all_workers),
        GROUP_TEST(sources_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

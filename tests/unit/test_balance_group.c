/* Groups: who is picked, what survives an update, slow start, drain. Time is what the test says, except for drains,
 * whose timers are the engine's (short ones). */
#include "balance/group.h"
#include "base/hash.h"
#include "unit.h"

#define N_WORKERS 2u

static struct engine *engine;
static struct server_state *states[128]; /* by the letter of the server */
static char removed[256];                /* letters of servers that left, in order */

static int setup(void **unused)
{
    (void)unused;
    hash_init();
    engine = engine_new(NULL);
    assert_non_null(engine);
    memset(removed, 0, sizeof(removed));
    for (char c = 'a'; c <= 'z'; c++) {
        char key[] = {'g', '/', c, '\0'};

        states[(int)c] = server_state_new(key, N_WORKERS);
    }
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    engine = engine_free(engine);
    for (char c = 'a'; c <= 'z'; c++)
        states[(int)c] = server_state_free(states[(int)c]);
    return 0;
}

static void turn(void)
{
    assert_int_equal(engine_turn(engine, 0), 0);
}

/* Turns until the moment has passed. */
static void turn_for(unsigned ms)
{
    nsec until = clock_mono() + nsec_from_ms(ms);

    do {
        assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
    } while (clock_mono() < until);
    turn();
}

/* "a=100 b=50": servers with weights. All in one piece, so that freeing it shows who still points into it. */
static struct group_conf *conf_new(const char *text, enum scheduler scheduler)
{
    struct group_conf *conf = base_zalloc(sizeof(*conf) + 64 * sizeof(struct server_conf) + 256);
    struct server_conf *servers = (struct server_conf *)(void *)(conf + 1);
    char *ids = (char *)(servers + 64);
    struct span list = span_of(text);
    struct span item;

    conf->res.id = "g";
    conf->scheduler = scheduler;
    conf->health_check.slot = REF_NONE;
    conf->servers.at = servers;
    while (list.len > 0 && span_next(&list, ' ', &item)) {
        struct server_conf *server = &servers[conf->servers.n++];
        uint64_t weight;

        assert_int_equal(span_parse_u64(span_from(item, 2), &weight), 0);
        ids[0] = item.ptr[0];
        server->id = ids;
        server->weight = (uint32_t)weight;
        server->addr =
            (struct addr){.ip = {10, 0, 0, (uint8_t)item.ptr[0]}, .port = 80, .family = 4};
        server->state = states[(int)item.ptr[0]];
        ids += 2;
    }
    return conf;
}

static char letter_of(const struct server *server)
{
    return server->state->key[2];
}

static void on_removed(void *arg, struct server *server)
{
    char *letters = arg;

    assert_null(server->conf);
    if (strlen(letters) + 1 < sizeof(removed))
        letters[strlen(letters)] = letter_of(server);
}

static struct group *group_of(struct group_conf *conf)
{
    return group_new(conf, engine, 0, on_removed, removed);
}

/* Takes over conf and frees the one before, as a worker's last hold on an old snapshot would. */
static void update(struct group *group, struct group_conf *conf)
{
    const struct group_conf *old = group->conf;

    group_update(group, conf);
    free((void *)(uintptr_t)old);
}

static void drop(struct group *group)
{
    const struct group_conf *conf = group->conf;

    group_remove(group);
    turn();
    free((void *)(uintptr_t)conf);
}

static char pick_at(struct group *group, const struct pick *pick, nsec now)
{
    struct server *server;
    enum reason reason;

    if (group_pick(group, pick, now, &server, &reason) < 0)
        return reason == REASON_NO_SERVERS ? '0' : reason == REASON_ALL_UNHEALTHY ? '!' : '-';
    return letter_of(server);
}

static char pick_one(struct group *group)
{
    return pick_at(group, &(struct pick){0}, engine_now(engine));
}

/* Each letter's number of picks among n. */
static void count_picks(struct group *group, unsigned n, nsec now, unsigned picks[static 128])
{
    memset(picks, 0, 128 * sizeof(picks[0]));
    for (unsigned i = 0; i < n; i++)
        picks[(int)pick_at(group, &(struct pick){0}, now)]++;
}

static void set_health(char letter, enum server_health health)
{
    server_state_set_health(states[(int)letter], health, 0);
}

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

static unsigned n_cut;

static void on_cut(struct server_use *use, enum reason reason)
{
    assert_int_equal(reason, REASON_DRAINING);
    n_cut++;
    server_use_end(use);
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
    static const struct addr sources[] = {
        {.ip = {127, 0, 0, 1}, .family = 4}, {.ip = {127, 0, 0, 2}, .family = 4}};
    struct group_conf *conf = conf_new("a=1", SCHEDULER_RR);
    struct group *group = group_of(conf);

    (void)unused;
    assert_null(group_source(group));
    conf->source = (struct field_list){(void *)(uintptr_t)sources, 2};
    assert_ptr_equal(group_source(group), &sources[0]);
    assert_ptr_equal(group_source(group), &sources[1]);
    assert_ptr_equal(group_source(group), &sources[0]);
    conf->source.n = 1;
    assert_ptr_equal(group_source(group), &sources[0]);
    drop(group);
}

/* Slow start */

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

/* At most two seconds. */
static void turn_until_cut(unsigned n)
{
    nsec begun = clock_mono();

    while (n_cut < n && clock_mono() < begun + 2 * NSEC_PER_SEC)
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

#define GROUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        GROUP_TEST(removed_groups_live_until_their_last_use),
        GROUP_TEST(states_are_summed_over_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Schedulers by tables: who is picked, turn by turn. */
#include "balance/group.h"
#include "balance/sched.h"
#include "unit.h"

#define CASE_SERVERS 4

struct case_server {
    uint32_t weight, inflight;
    bool usable;
};

struct order_case {
    const char *name;
    const struct sched_ops *ops;
    struct case_server servers[CASE_SERVERS];
    uint32_t n;
    uint64_t seed;
    const char *order; /* one letter per pick; '-' is SCHED_NONE */
};

static const struct order_case order_cases[] = {
    /* proves: CLBSG-17 */
    {"rr ignores weights", &sched_rr, {{5, 0, true}, {1, 0, true}, {100, 0, true}}, 3, 0,
        "abcabcabc"},
    {"rr skips weight 0", &sched_rr, {{5, 0, true}, {0, 0, true}, {1, 0, true}}, 3, 0, "acacac"},
    {"rr skips unusable", &sched_rr, {{1, 0, false}, {1, 0, true}, {1, 0, true}}, 3, 0, "bcbcbc"},
    {"rr begins where the seed says", &sched_rr, {{1, 0, true}, {1, 0, true}, {1, 0, true}}, 3, 5,
        "cabcab"},
    {"rr nobody", &sched_rr, {{0, 0, true}, {1, 0, false}}, 2, 0, "--"},
    {"rr empty", &sched_rr, {{0}}, 0, 7, "-"},
    {"wrr weights spread", &sched_wrr, {{5, 0, true}, {1, 0, true}, {1, 0, true}}, 3, 0,
        "aabacaaaabacaa"},
    {"wrr 2 to 1", &sched_wrr, {{100, 0, true}, {50, 0, true}}, 2, 0, "abaaba"},
    {"wrr unusable is skipped", &sched_wrr, {{1, 0, true}, {9, 0, false}, {1, 0, true}}, 3, 0,
        "acacaca"},
    {"wrr the seed turns on", &sched_wrr, {{5, 0, true}, {1, 0, true}, {1, 0, true}}, 3, 5,
        "bacaaaabacaa"},
    {"wrr nobody left", &sched_wrr, {{0, 0, true}, {1, 0, false}, {1, 0, false}}, 3, 0, "---"},
    {"wrr empty", &sched_wrr, {{0}}, 0, 7, "-"},
    {"wlc fewest", &sched_wlc, {{1, 3, true}, {1, 1, true}, {1, 2, true}}, 3, 0, "bbb"},
    {"wlc equal ones take turns", &sched_wlc, {{1, 3, true}, {1, 2, true}, {1, 2, true}}, 3, 0,
        "bcbcb"},
    {"wlc all idle take turns", &sched_wlc, {{1, 0, true}, {9, 0, true}, {2, 0, true}}, 3, 0,
        "abcabc"},
    {"wlc per weight", &sched_wlc, {{2, 3, true}, {1, 2, true}}, 2, 0, "aaa"},
    {"wlc equal per weight", &sched_wlc, {{2, 4, true}, {1, 2, true}}, 2, 0, "abab"},
    {"wlc unusable and weight 0", &sched_wlc, {{1, 0, false}, {0, 0, true}, {1, 9, true}}, 3, 0,
        "ccc"},
    {"wlc nobody", &sched_wlc, {{1, 0, false}, {0, 0, true}}, 2, 0, "--"},
    {"wlc empty", &sched_wlc, {{0}}, 0, 7, "-"},
    {"maglev nobody has weight", &sched_maglev, {{0, 0, true}, {0, 0, true}}, 2, 0, "--"},
    {"maglev nobody is usable", &sched_maglev, {{1, 0, false}, {1, 0, false}}, 2, 0, "--"},
    {"maglev one is left", &sched_maglev, {{1, 0, false}, {0, 0, true}, {1, 0, true}}, 3, 0, "ccc"},
    {"maglev empty", &sched_maglev, {{0}}, 0, 0, "-"},
};

static void *state_new(const struct sched_ops *ops, uint32_t n)
{
    return base_zalloc(ops->state_size(n) + 8);
}

static void schedulers_pick_in_order(void **unused)
{
    (void)unused;
    for (size_t c = 0; c < ARRAY_LEN(order_cases); c++) {
        const struct order_case *oc = &order_cases[c];
        struct sched_server servers[CASE_SERVERS];
        struct sched_view view = {servers, oc->n};
        void *state = state_new(oc->ops, oc->n);
        char order[32] = {0};

        for (uint32_t i = 0; i < oc->n; i++)
            servers[i] = (struct sched_server){oc->servers[i].weight, oc->servers[i].inflight,
                oc->servers[i].usable, (uint64_t)i * 1000003u};
        oc->ops->init(state, view, oc->seed);
        for (size_t i = 0; oc->order[i] != '\0'; i++) {
            uint32_t index = oc->ops->pick(state, view, i * 7919);

            order[i] = index == SCHED_NONE ? '-' : (char)('a' + index);
        }
        if (strcmp(order, oc->order) != 0)
            fail_msg("%s: %s instead of %s", oc->name, order, oc->order);
        free(state);
    }
}

static void fill_view(struct sched_server *servers, uint32_t n, uint32_t weight)
{
    for (uint32_t i = 0; i < n; i++)
        servers[i] = (struct sched_server){.weight = weight,
            .usable = true,
            .identity = key_of_text((struct span){"0123456789abcdefghijklmnopqrstuvwxyz", i + 1})};
}

/* proves: CLBSG-16 ALBL-05 */
static void wrr_gives_exactly_its_weight(void **unused)
{
    static const uint32_t weights[4] = {10000, 5000, 5000, 100}; /* 100, 50, 50, 1 */
    struct sched_server servers[4];
    struct sched_view view = {servers, 4};
    uint32_t picked[4] = {0};
    int64_t *credit = state_new(&sched_wrr, 4);

    (void)unused;
    for (uint32_t i = 0; i < 4; i++)
        servers[i] = (struct sched_server){.weight = weights[i], .usable = true};
    sched_wrr.init(credit, view, 0);
    for (unsigned i = 0; i < 201; i++)
        picked[sched_wrr.pick(credit, view, 0)]++;
    assert_int_equal(picked[0], 100);
    assert_int_equal(picked[1], 50);
    assert_int_equal(picked[2], 50);
    assert_int_equal(picked[3], 1);
    assert_int_equal(credit[0] + credit[1] + credit[2] + credit[3], 0);
    free(credit);
}

static void rr_gives_everybody_the_same(void **unused)
{
    struct sched_server servers[3];
    struct sched_view view = {servers, 3};
    uint32_t picked[3] = {0};
    void *state = state_new(&sched_rr, 3);

    (void)unused;
    fill_view(servers, 3, 1);
    servers[1].weight = 10000;
    sched_rr.init(state, view, 2);
    for (unsigned i = 0; i < 3000; i++)
        picked[sched_rr.pick(state, view, 0)]++;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(picked[i], 1000);
    free(state);
}

struct carry_case {
    const char *name;
    const struct sched_ops *ops;
    uint32_t old_n, n_picks, n;
    uint32_t from[CASE_SERVERS];
    const char *order; /* letters are new indices; all weights are 1 */
};

static const struct carry_case carry_cases[] = {
    {"rr same", &sched_rr, 3, 1, 3, {0, 1, 2}, "bca"},
    {"rr next one left", &sched_rr, 3, 1, 2, {0, 2}, "bab"},
    {"rr last one left", &sched_rr, 3, 2, 2, {0, 1}, "aba"},
    {"rr moved", &sched_rr, 3, 1, 3, {2, 0, 1}, "cab"},
    {"rr joined", &sched_rr, 2, 1, 3, {0, 1, SCHED_NONE}, "bca"},
    {"rr all new", &sched_rr, 2, 1, 2, {SCHED_NONE, SCHED_NONE}, "aba"},
    {"rr was empty", &sched_rr, 0, 0, 2, {SCHED_NONE, SCHED_NONE}, "aba"},
    {"wrr same", &sched_wrr, 3, 1, 3, {0, 1, 2}, "bca"},
    {"wrr moved", &sched_wrr, 3, 1, 3, {2, 0, 1}, "acabc"},
    {"wrr the next one left", &sched_wrr, 3, 1, 2, {0, 2}, "bab"},
    {"wrr all new", &sched_wrr, 2, 1, 2, {SCHED_NONE, SCHED_NONE}, "aba"},
    {"wlc same", &sched_wlc, 3, 1, 3, {0, 1, 2}, "bca"},
    {"wlc moved", &sched_wlc, 3, 1, 3, {2, 0, 1}, "cab"},
};

static void turns_survive_changes(void **unused)
{
    (void)unused;
    for (size_t c = 0; c < ARRAY_LEN(carry_cases); c++) {
        const struct carry_case *cc = &carry_cases[c];
        struct sched_server servers[CASE_SERVERS];
        struct sched_view old_view = {servers, cc->old_n};
        struct sched_view view = {servers, cc->n};
        void *old = state_new(cc->ops, cc->old_n);
        void *state = state_new(cc->ops, cc->n);
        char order[8] = {0};

        fill_view(servers, CASE_SERVERS, 1);
        cc->ops->init(old, old_view, 0);
        for (uint32_t i = 0; i < cc->n_picks; i++)
            (void)cc->ops->pick(old, old_view, 0);
        cc->ops->carry(state, view, old, old_view, cc->from);
        for (size_t i = 0; cc->order[i] != '\0'; i++)
            order[i] = (char)('a' + cc->ops->pick(state, view, 0));
        if (strcmp(order, cc->order) != 0)
            fail_msg("%s: %s instead of %s", cc->name, order, cc->order);
        free(old);
        free(state);
    }
}

/* A server that has just had its turn at a great weight does not pay for it when all weights become small. */
static void wrr_scales_what_is_owed(void **unused)
{
    static const uint32_t from[20] = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    struct sched_server heavy[20], light[20];
    struct sched_view old_view = {heavy, 20};
    struct sched_view view = {light, 20};
    void *old = state_new(&sched_wrr, 20);
    void *state = state_new(&sched_wrr, 20);
    uint32_t picked[20] = {0};

    (void)unused;
    fill_view(heavy, 20, 10000);
    fill_view(light, 20, 100);
    for (unsigned i = 0; i < 7; i++)
        picked[sched_wrr.pick(old, old_view, 0)]++;
    sched_wrr.carry(state, view, old, old_view, from);
    for (unsigned i = 0; i < 33; i++)
        picked[sched_wrr.pick(state, view, 0)]++;
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(picked[i], 2);
    free(old);
    free(state);
}

/* Servers come and go for a long time, each right after its turn: what they owe is shared out among those
 * who stay, so that newcomers stand where the others do. */
static void wrr_newcomers_are_not_starved(void **unused)
{
    static const uint32_t from[3] = {SCHED_NONE, 1, 2};
    struct sched_server servers[3];
    struct sched_view view = {servers, 3};
    int64_t *state = state_new(&sched_wrr, 3);
    uint32_t picked[3] = {0};

    (void)unused;
    fill_view(servers, 3, 100);
    for (unsigned i = 0; i < 1000; i++) {
        int64_t *next = state_new(&sched_wrr, 3);

        while (sched_wrr.pick(state, view, 0) != 0)
            ;
        sched_wrr.carry(next, view, state, view, from);
        free(state);
        state = next;
        assert_in_range(state[0] + state[1] + state[2] + 1, 0, 2);
    }
    for (unsigned i = 0; i < 30; i++)
        picked[sched_wrr.pick(state, view, 0)]++;
    for (uint32_t i = 0; i < 3; i++)
        assert_in_range(picked[i], 9, 11);
    free(state);
}

#define MAGLEV_KEYS 1009u /* the table of up to 10 servers: key k is slot k */

static void *maglev_new(struct sched_view view, uint64_t seed)
{
    void *state = state_new(&sched_maglev, view.n);

    sched_maglev.init(state, view, seed);
    return state;
}

static void maglev_shares_are_weights(void **unused)
{
    struct sched_server servers[4];
    struct sched_view view = {servers, 4};
    uint32_t slots[4] = {0};
    void *state;

    (void)unused;
    fill_view(servers, 4, 5000);
    servers[1].weight = 10000;
    servers[3].weight = 0;
    state = maglev_new(view, 0);
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++)
        slots[sched_maglev.pick(state, view, key)]++;
    /* In two rounds the heavy one takes two slots and the others one each: 252 times, and one slot is left. */
    assert_in_range(slots[0], 252, 253);
    assert_in_range(slots[1], 504, 505);
    assert_in_range(slots[2], 252, 253);
    assert_int_equal(slots[3], 0);
    free(state);
}

static void maglev_is_the_same_everywhere(void **unused)
{
    struct sched_server servers[5], turned[5];
    struct sched_view view = {servers, 5};
    struct sched_view turned_view = {turned, 5};
    void *one, *other, *third;

    (void)unused;
    fill_view(servers, 5, 100);
    for (uint32_t i = 0; i < 5; i++)
        turned[i] = servers[4 - i];
    one = maglev_new(view, 1);
    other = maglev_new(view, 2);
    third = maglev_new(turned_view, 3);
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++) {
        uint32_t index = sched_maglev.pick(one, view, key);

        assert_int_equal(sched_maglev.pick(other, view, key), index);
        assert_int_equal(sched_maglev.pick(third, turned_view, key), 4 - index);
    }
    free(one);
    free(other);
    free(third);
}

/* An unusable server's keys move, spread over all others; nobody else's do; and they come back. */
static void maglev_moves_only_the_keys_of_the_sick(void **unused)
{
    struct sched_server servers[8];
    struct sched_view view = {servers, 8};
    uint32_t moved_to[8] = {0};
    uint32_t before[MAGLEV_KEYS];
    void *state;

    (void)unused;
    fill_view(servers, 8, 100);
    state = maglev_new(view, 0);
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++)
        before[key] = sched_maglev.pick(state, view, key);
    servers[3].usable = false;
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++) {
        uint32_t now = sched_maglev.pick(state, view, key);

        if (before[key] == 3)
            moved_to[now]++;
        else
            assert_int_equal(now, before[key]);
    }
    /* 126 or 127 keys, 18 for each of 7 others if chance were fair. */
    for (uint32_t i = 0; i < 8; i++)
        assert_in_range(moved_to[i], i == 3 ? 0 : 5, i == 3 ? 0 : 40);
    servers[3].usable = true;
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++)
        assert_int_equal(sched_maglev.pick(state, view, key), before[key]);
    free(state);
}

/* The keys of the unusable one go to the others by their weights. */
static void maglev_moves_keys_by_weight(void **unused)
{
    struct sched_server servers[3];
    struct sched_view view = {servers, 3};
    uint32_t before[3] = {0}, after[3] = {0};
    void *state;

    (void)unused;
    fill_view(servers, 3, 100);
    servers[2].weight = 300;
    state = maglev_new(view, 0);
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++)
        before[sched_maglev.pick(state, view, key)]++;
    servers[1].usable = false;
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++)
        after[sched_maglev.pick(state, view, key)]++;
    /* A fifth of the table, 201 or 202 slots, of which 3 in 4 go to the heavy one: 151. */
    assert_in_range(before[1], 201, 202);
    assert_int_equal(after[1], 0);
    assert_in_range(after[2] - before[2], 130, 172);
    free(state);
}

static void maglev_removal_moves_about_one_in_n(void **unused)
{
    struct sched_server servers[8], rest[7];
    struct sched_view view = {servers, 8};
    struct sched_view rest_view = {rest, 7};
    uint32_t moved = 0;
    void *before, *after;

    (void)unused;
    fill_view(servers, 8, 100);
    for (uint32_t i = 0; i < 7; i++)
        rest[i] = servers[i < 3 ? i : i + 1];
    before = maglev_new(view, 0);
    after = maglev_new(rest_view, 0);
    for (uint64_t key = 0; key < MAGLEV_KEYS; key++) {
        uint32_t was = sched_maglev.pick(before, view, key);
        uint32_t now = sched_maglev.pick(after, rest_view, key);

        moved += servers[was].identity != rest[now].identity;
    }
    /* One in 8 must move: 126. Some others do, because the table stays full. */
    assert_in_range(moved, 126, 1009 / 4);
    free(before);
    free(after);
}

static void maglev_finds_the_last_usable_one(void **unused)
{
    struct sched_server servers[1000];
    struct sched_view view = {servers, 1000};
    void *state;

    (void)unused;
    for (uint32_t i = 0; i < 1000; i++)
        servers[i] = (struct sched_server){.weight = 100,
            .usable = i == 777,
            .identity = key_of_text((struct span){(const char *)&i, sizeof(i)})};
    state = maglev_new(view, 0);
    for (uint64_t key = 0; key < 100; key++)
        assert_int_equal(sched_maglev.pick(state, view, key * 999), 777);
    free(state);
}

static struct addr addr_of(const char *text)
{
    struct addr addr = {0};

    assert_int_equal(addr_parse(span_of(text), &addr), 0);
    return addr;
}

static void keys_follow_what_they_are_of(void **unused)
{
    struct addr a = addr_of("10.0.0.1:1000"), a2 = addr_of("10.0.0.1:1001");
    struct addr b = addr_of("10.0.0.2:1000"), vip = addr_of("10.9.9.9:80");
    struct addr six = addr_of("[::1]:1000");

    (void)unused;
    assert_true(key_of_source(&a) == key_of_source(&a2));
    assert_true(key_of_source(&a) != key_of_source(&b));
    assert_true(key_of_source(&a) != key_of_source(&six));
    assert_true(key_of_tuple(&a, &vip) == key_of_tuple(&a, &vip));
    assert_true(key_of_tuple(&a, &vip) != key_of_tuple(&a2, &vip));
    assert_true(key_of_tuple(&a, &vip) != key_of_tuple(&vip, &a));
    assert_true(key_of_text(SPAN_LIT("x")) != key_of_text(SPAN_LIT("y")));
    assert_true(key_of_text((struct span){0}) != 0);
    /* XXH3 of the empty input with seed 0, from the algorithm's published test vectors: keys are frozen. */
    assert_true(key_of_text(SPAN_LIT("")) == UINT64_C(0x2D06800538D394C2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedulers_pick_in_order),
        cmocka_unit_test(wrr_gives_exactly_its_weight),
        cmocka_unit_test(rr_gives_everybody_the_same),
        cmocka_unit_test(turns_survive_changes),
        cmocka_unit_test(wrr_scales_what_is_owed),
        cmocka_unit_test(wrr_newcomers_are_not_starved),
        cmocka_unit_test(maglev_shares_are_weights),
        cmocka_unit_test(maglev_is_the_same_everywhere),
        cmocka_unit_test(maglev_moves_only_the_keys_of_the_sick),
        cmocka_unit_test(maglev_moves_keys_by_weight),
        cmocka_unit_test(maglev_removal_moves_about_one_in_n),
        cmocka_unit_test(maglev_finds_the_last_usable_one),
        cmocka_unit_test(keys_follow_what_they_are_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

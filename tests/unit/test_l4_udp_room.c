#include "l4_udp_make.h"

static void is_evicted_by_another(uint64_t n_before)
{
    int client = dial();

    say(client, "another");
    (void)serve("another");
    assert_int_equal(rig_reason(&rig, REASON_FLOW_EVICTED), n_before + 1);
    assert_int_equal(l4_active(rig.l4), 4);
    (void)close(client);
}

static void the_longest_idle_unassured_flow_makes_way(void **state)
{
    struct heard first[4], again;
    int clients[5];

    (void)state;
    begin(1);
    rig.l4->flows_max = 8; /* 4 of them for UDP */
    for (int i = 0; i < 4; i++) {
        clients[i] = dial();
        say(clients[i], "one");
        first[i] = serve("one");
    }
    /* 0 is assured; 1 sends again, and 3 is answered: 2 has been idle longest. */
    answer(&first[0], "two");
    hear(clients[0], "two");
    say(clients[0], "three");
    (void)serve("three");
    say(clients[1], "again");
    (void)serve("again");
    answer(&first[3], "two");
    hear(clients[3], "two");
    is_evicted_by_another(0);
    /* Then who came in its place, as the others are heard of. */
    answer(&first[1], "two");
    hear(clients[1], "two");
    answer(&first[3], "three");
    hear(clients[3], "three");
    is_evicted_by_another(1);
    for (int i = 0; i < 4; i += i == 1 ? 2 : 1) {
        say(clients[i], "still");
        again = serve("still");
        assert_true(same_sender(&again, &first[i]));
    }
    assert_int_equal(rig_reason(&rig, REASON_LIMIT_CONNECTIONS), 0);

    /* All are assured: nobody makes way. */
    assure(clients[2]);
    clients[4] = dial();
    say(clients[4], "late");
    RIG_UNTIL(&rig, rig_reason(&rig, REASON_LIMIT_CONNECTIONS) == 1);
    assert_int_equal(rig_reason(&rig, REASON_FLOW_EVICTED), 3);
    for (int i = 0; i < 4; i++) {
        say(clients[i], "still");
        (void)serve("still");
    }
    assert_int_equal(l4_active(rig.l4), 4);
    assert_int_equal(l4_udp_active(rig.l4), 4);
    for (int i = 0; i < 5; i++)
        (void)close(clients[i]);
    rig_done(&rig);
}

static void unassured_flows_have_a_limit_of_their_own(void **state)
{
    int clients[4];

    (void)state;
    begin(1);
    rig.l4->unassured_max = 1;
    for (int i = 0; i < 3; i++) {
        clients[i] = dial();
        assure(clients[i]);
    }
    clients[3] = dial();
    say(clients[3], "one");
    (void)serve("one");
    assert_int_equal(rig.l4->n_unassured, 1);
    assert_int_equal(l4_active(rig.l4), 4);
    is_evicted_by_another(0);
    assert_int_equal(rig.l4->n_unassured, 1);
    for (int i = 0; i < 3; i++) {
        say(clients[i], "still");
        (void)serve("still");
    }
    l4_cut(rig.l4);
    assert_int_equal(rig.l4->n_unassured, 0);
    for (int i = 0; i < 4; i++)
        (void)close(clients[i]);
    rig_done(&rig);
}

/* A flow may be evicted before what its client sent has left. */
static void more_than_there_is_room_for_may_come_at_once(void **state)
{
    static const char *const texts[] = {"0", "1", "2", "3", "4"};
    int clients[ARRAY_LEN(texts)];

    (void)state;
    begin(1);
    rig.l4->flows_max = 4; /* 2 of them for UDP */
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        clients[i] = dial();
        say(clients[i], texts[i]);
    }
    (void)serve("3");
    (void)serve("4");
    assert_int_equal(rig_reason(&rig, REASON_FLOW_EVICTED), 3);
    assert_int_equal(l4_active(rig.l4), 2);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        (void)close(clients[i]);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_idle_unassured_flow_makes_way),
        cmocka_unit_test(unassured_flows_have_a_limit_of_their_own),
        cmocka_unit_test(more_than_there_is_room_for_may_come_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

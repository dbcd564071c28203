#include "base/hash.h"
#include "l4/udp.h"
#include "unit.h"

#define FLOWS 1000u

static struct udp_flow flows[FLOWS];

static void set_key(struct udp_flow *flow, unsigned n)
{
    memset(flow, 0, sizeof(*flow));
    flow->key.client = (struct addr){.ip = {10, 0, 0, 1}, .port = (uint16_t)n, .family = 4};
    flow->key.local = (struct addr){.ip = {10, 0, 0, 2}, .port = 53, .family = 4};
    flow->hash = udp_key_hash(&flow->key);
}

static void table_finds_what_is_in_it(void **state)
{
    struct l4_table table = {0};

    (void)state;
    hash_init();
    for (unsigned i = 0; i < FLOWS; i++) {
        set_key(&flows[i], i);
        assert_null(udp_table_find(&table, &flows[i].key, flows[i].hash));
        udp_table_add(&table, &flows[i]);
    }
    for (unsigned i = 0; i < FLOWS; i += 3)
        udp_table_remove(&table, &flows[i]);
    for (unsigned i = 0; i < FLOWS; i++)
        assert_ptr_equal(
            udp_table_find(&table, &flows[i].key, flows[i].hash), i % 3 == 0 ? NULL : &flows[i]);
    free(table.slots);
}

/* Hashes by hand: 62, 62, 63, 0 and 1 in a table of 64, so that the run goes over the end. */
static void removal_closes_the_gap(void **state)
{
    static const uint32_t hashes[] = {62, 62, 63, 0, 1};

    (void)state;
    for (unsigned gone = 0; gone < ARRAY_LEN(hashes); gone++) {
        struct l4_table table = {0};

        for (unsigned i = 0; i < ARRAY_LEN(hashes); i++) {
            set_key(&flows[i], i);
            flows[i].hash = hashes[i];
            udp_table_add(&table, &flows[i]);
        }
        assert_int_equal(table.cap, 64);
        udp_table_remove(&table, &flows[gone]);
        assert_int_equal(table.n, 4);
        for (unsigned i = 0; i < ARRAY_LEN(hashes); i++)
            assert_ptr_equal(
                udp_table_find(&table, &flows[i].key, hashes[i]), i == gone ? NULL : &flows[i]);
        free(table.slots);
    }
}

static void addresses_make_the_flow(void **state)
{
    struct l4_table table = {0};
    struct udp_key other;

    (void)state;
    hash_init();
    set_key(&flows[0], 7);
    udp_table_add(&table, &flows[0]);
    other = flows[0].key;
    other.local.ip[3] = 9;
    assert_null(udp_table_find(&table, &other, udp_key_hash(&other)));
    assert_null(udp_table_find(&table, &other, flows[0].hash));
    free(table.slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_finds_what_is_in_it),
        cmocka_unit_test(removal_closes_the_gap),
        cmocka_unit_test(addresses_make_the_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

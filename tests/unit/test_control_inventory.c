#include "control/products/inventory/inventory.h"
#include "control/products/inventory/networks.h"
#include "control_make.h"

static struct store *store;
static struct catalog *catalog;
static struct txn *txn;
static struct node_conf node;

static void add_vswitch(const char *id, const char *range)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s}", "VpcId", "vpc-local", "ZoneId", "z", "CidrBlock", range);

    assert_int_equal(txn_add(txn, "vpc.vswitch", id, body), 0);
}

static int setup(void **state)
{
    struct errors errors;
    const char *why = "";
    int r = make_dir_setup(state);

    if (r < 0)
        return r;
    store = make_store();
    catalog = catalog_open(store, &why);
    assert_non_null(catalog);
    errors_init(&errors, 10);
    assert_int_equal(node_read(NULL, true, &node, &errors), 0);
    errors_done(&errors);
    txn = txn_begin(catalog);
    assert_int_equal(inventory_start(txn, &node), 0);
    return 0;
}

static int teardown(void **state)
{
    txn = txn_abort(txn);
    catalog = catalog_free(catalog);
    store = store_close(store);
    return make_dir_teardown(state);
}

/* ALBI-06: 16 addresses, of which the first and the last three are not given. */
static void first_and_last_three_addresses_are_reserved(void **state)
{
    char ips[12][INVENTORY_IP_LEN], more[1][INVENTORY_IP_LEN];

    (void)state;
    add_vswitch("vsw-small", "127.30.0.16/28");
    assert_int_equal(inventory_n_free(txn, inventory_vswitch(txn, "vsw-small")), 12);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-1", NULL, 12, 8}, ips), 0);
    assert_string_equal(ips[0], "127.30.0.17");
    assert_string_equal(ips[11], "127.30.0.28");
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-2", NULL, 1, 1}, more),
        -ENOSPC);
    inventory_release_one(txn, "alb-1", "127.30.0.20");
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-2", NULL, 1, 1}, more), 0);
    assert_string_equal(more[0], "127.30.0.20");
    inventory_release_one(txn, "alb-1", "127.30.0.20"); /* another's now: stays */
    assert_int_equal(inventory_n_free(txn, inventory_vswitch(txn, "vsw-small")), 0);
    inventory_release(txn, "alb-1");
    assert_int_equal(inventory_n_free(txn, inventory_vswitch(txn, "vsw-small")), 11);
}

/* ALBI-04, ALBI-05: three addresses are taken, eight must be free. */
static void eight_addresses_must_be_free(void **state)
{
    char ips[8][INVENTORY_IP_LEN];

    (void)state;
    add_vswitch("vsw-small", "127.30.0.0/28");
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-1", NULL, 3, 8}, ips), 0);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-2", NULL, 1, 8}, ips), 0);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-3", NULL, 1, 8}, ips), 0);
    /* 7 are left */
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-4", NULL, 3, 8}, ips),
        -ENOSPC);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-4", NULL, 3, 3}, ips), 0);
}

static void wanted_addresses_are_checked(void **state)
{
    static const struct {
        const char *wanted;
        int result;
    } cases[] = {
        {"127.30.0.5", 0},
        {"127.30.0.5", -EADDRINUSE},
        {"127.30.0.12", 0},
        {"127.30.0.0", -EINVAL}, /* reserved */
        {"127.30.0.13", -EINVAL},
        {"127.30.0.15", -EINVAL},
        {"127.30.0.16", -EINVAL},
        {"127.29.255.255", -EINVAL},
        {"::1", -EINVAL},
        {"here", -EINVAL},
    };
    char ips[1][INVENTORY_IP_LEN];

    (void)state;
    add_vswitch("vsw-small", "127.30.0.0/28");
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        int r = inventory_take(
            txn, &(struct inventory_wish){"vsw-small", "lb-1", cases[i].wanted, 1, 1}, ips);

        assert_int_equal(r, cases[i].result);
        if (r == 0)
            assert_string_equal(ips[0], cases[i].wanted);
    }
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-none", "lb-1", NULL, 1, 1}, ips),
        -EINVAL);
}

static void eips_are_bound_and_given_back(void **state)
{
    char id[64], ip[INVENTORY_IP_LEN], own_id[64], own_ip[INVENTORY_IP_LEN];

    (void)state;
    assert_int_equal(inventory_new_eip(txn, NULL, NULL, json_object(), id, ip), 0);
    assert_string_equal(ip, "127.32.0.1");
    assert_int_equal(inventory_take_eip(txn, id, "lb-1", own_id, own_ip), 0);
    assert_string_equal(own_ip, "127.32.0.1");
    assert_int_equal(inventory_take_eip(txn, id, "lb-2", own_id, own_ip), -EBUSY);
    assert_int_equal(inventory_take_eip(txn, "eip-none", "lb-2", own_id, own_ip), -ENOENT);
    /* Made for the instance: goes with it. */
    assert_int_equal(inventory_take_eip(txn, NULL, "lb-1", own_id, own_ip), 0);
    assert_string_equal(own_ip, "127.32.0.2");
    inventory_release(txn, "lb-1");
    assert_null(txn_get(txn, "vpc.eip", own_id));
    assert_non_null(txn_get(txn, "vpc.eip", id));
    assert_int_equal(inventory_take_eip(txn, id, "lb-2", own_id, own_ip), 0);
    assert_int_equal(
        inventory_new_eip(txn, NULL, "127.32.0.1", json_object(), id, ip), -EADDRINUSE);
    assert_int_equal(inventory_new_eip(txn, NULL, "127.33.0.1", json_object(), id, ip), -EINVAL);
    assert_int_equal(inventory_new_eip(txn, NULL, "127.32.0.2", json_object(), id, ip), 0);
}

static void servers_resolve_to_their_addresses(void **state)
{
    static const struct {
        const char *id, *ip;
        int result;
        const char *address;
    } cases[] = {
        {"i-1", NULL, 0, "10.0.0.1"},
        {"i-1", "10.0.0.2", 0, "10.0.0.2"},
        {"i-1", "10.0.0.3", -EINVAL, ""},
        {"eni-1", NULL, 0, "10.0.0.9"},
        {"i-2", NULL, -ENOENT, ""},
        {"10.1.1.1", NULL, 0, "10.1.1.1"},
        {"10.1.1.1", "10.1.1.1", 0, "10.1.1.1"},
        {"10.1.1.1", "10.1.1.2", -EINVAL, ""},
        {NULL, NULL, -ENOENT, ""},
    };
    const char *vpc, *zone;

    (void)state;
    assert_int_equal(txn_add(txn, "ecs.server", "i-1",
                         json_pack("{s:s, s:[s, s]}", "ZoneId", "cn-hangzhou-i",
                             "PrivateIpAddresses", "10.0.0.1", "10.0.0.2")),
        0);
    assert_int_equal(txn_add(txn, "ecs.network_interface", "eni-1",
                         json_pack("{s:[s]}", "PrivateIpAddresses", "10.0.0.9")),
        0);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        char ip[INVENTORY_IP_LEN] = "";

        assert_int_equal(inventory_resolve(txn, cases[i].id, cases[i].ip, ip), cases[i].result);
        assert_string_equal(ip, cases[i].address);
    }
    assert_int_equal(inventory_place(txn, "i-1", &vpc, &zone), 0);
    assert_string_equal(vpc, "");
    assert_string_equal(zone, "cn-hangzhou-i");
    assert_int_equal(inventory_place(txn, "127.16.17.1", &vpc, &zone), 0);
    assert_string_equal(vpc, "vpc-local");
    assert_string_equal(zone, "cn-hangzhou-i");
    assert_int_equal(inventory_place(txn, "i-2", &vpc, &zone), -ENOENT);
}

static void networks_in_use_stay_as_they_are(void **state)
{
    char ips[1][INVENTORY_IP_LEN];

    (void)state;
    /* Unused: follows the node file. */
    node.n_zones = 2;
    assert_int_equal(cidr_parse(SPAN_LIT("127.17.0.0/24"), &node.zones[1].range), 0);
    assert_int_equal(inventory_start(txn, &node), 0);
    assert_null(inventory_vswitch(txn, "vsw-j"));
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-i", "lb-1", NULL, 1, 1}, ips), 0);
    assert_string_equal(ips[0], "127.17.0.1");
    /* Used: refused. */
    assert_int_equal(cidr_parse(SPAN_LIT("127.18.0.0/24"), &node.zones[1].range), 0);
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    node.n_zones = 1;
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    inventory_release(txn, "lb-1");
    assert_int_equal(inventory_start(txn, &node), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(first_and_last_three_addresses_are_reserved),
        TEST(eight_addresses_must_be_free),
        TEST(wanted_addresses_are_checked),
        TEST(eips_are_bound_and_given_back),
        TEST(servers_resolve_to_their_addresses),
        TEST(networks_in_use_stay_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
    assert_int_equal(inventory_take(txn,
                         &(struct inventory_wish){"vsw-small", "alb-1", NULL, 12, 8, false}, ips),
        0);
    assert_string_equal(ips[0], "127.30.0.17");
    assert_string_equal(ips[11], "127.30.0.28");
    assert_int_equal(inventory_take(txn,
                         &(struct inventory_wish){"vsw-small", "alb-2", NULL, 1, 1, false}, more),
        -ENOSPC);
    inventory_release_one(txn, "alb-1", "127.30.0.20");
    assert_int_equal(inventory_take(txn,
                         &(struct inventory_wish){"vsw-small", "alb-2", NULL, 1, 1, false}, more),
        0);
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
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-1", NULL, 3, 8, false}, ips),
        0);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-2", NULL, 1, 8, false}, ips),
        0);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-3", NULL, 1, 8, false}, ips),
        0);
    /* 7 are left */
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-4", NULL, 3, 8, false}, ips),
        -ENOSPC);
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-small", "alb-4", NULL, 3, 3, false}, ips),
        0);
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
            txn, &(struct inventory_wish){"vsw-small", "lb-1", cases[i].wanted, 1, 1, false}, ips);

        assert_int_equal(r, cases[i].result);
        if (r == 0)
            assert_string_equal(ips[0], cases[i].wanted);
    }
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-none", "lb-1", NULL, 1, 1, false}, ips),
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
        inventory_take(txn, &(struct inventory_wish){"vsw-i", "lb-1", NULL, 1, 1, false}, ips), 0);
    assert_string_equal(ips[0], "127.17.0.1");
    /* Used: refused. */
    assert_int_equal(cidr_parse(SPAN_LIT("127.18.0.0/24"), &node.zones[1].range), 0);
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    node.n_zones = 1;
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    inventory_release(txn, "lb-1");
    assert_int_equal(inventory_start(txn, &node), 0);
}

/* --- IPv6 ------------------------------------------------------------------------------------ */

static void add_vswitch6(const char *id, const char *range, const char *range6)
{
    add_vswitch(id, range);
    json_put_text(txn_edit(txn, "vpc.vswitch", id), "Ipv6CidrBlock", range6);
}

static int take6(const char *vswitch_id, const char *wanted, char (*ips)[INVENTORY_IP_LEN])
{
    return inventory_take(
        txn, &(struct inventory_wish){vswitch_id, "alb-1", wanted, 1, 8, true}, ips);
}

/* As in IPv4: the first and the last three are not given, eight must be free. */
static void ipv6_addresses_are_reserved_and_given_back(void **state)
{
    char ips[12][INVENTORY_IP_LEN];

    (void)state;
    add_vswitch6("vsw-6", "127.30.0.16/28", "2001:db8::ffff:fff0/124");
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-6", "alb-1", NULL, 12, 8, true}, ips), 0);
    assert_string_equal(ips[0], "2001:db8::ffff:fff1");
    assert_string_equal(ips[11], "2001:db8::ffff:fffc");
    assert_int_equal(take6("vsw-6", NULL, ips), -ENOSPC);
    /* The IPv4 addresses are another matter. */
    assert_int_equal(inventory_n_free(txn, inventory_vswitch(txn, "vsw-6")), 12);
    inventory_release_one(txn, "alb-1", "2001:db8::ffff:fff5");
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-6", "alb-2", NULL, 1, 1, true}, ips), 0);
    assert_string_equal(ips[0], "2001:db8::ffff:fff5");
    inventory_release(txn, "alb-1");
    assert_int_equal(take6("vsw-6", NULL, ips), 0);
    add_vswitch("vsw-4", "127.30.1.0/24");
    assert_int_equal(take6("vsw-4", NULL, ips), -EAFNOSUPPORT);
    assert_int_equal(take6("vsw-none", NULL, ips), -EINVAL);
}

static void wanted_ipv6_addresses_are_checked(void **state)
{
    static const struct {
        const char *wanted;
        int result;
        const char *ip;
    } cases[] = {
        {"fd00:0:0:1::1", 0, "fd00:0:0:1::1"},
        {"FD00:0:0:1:0::2", 0, "fd00:0:0:1::2"},
        {"fd00:0:0:1::2", -EADDRINUSE, NULL},
        {"fd00:0:0:1:ff00::", 0, "fd00:0:0:1:ff00::"},
        {"fd00:0:0:1:ffff:ffff:ffff:fffb", 0, "fd00::1:ffff:ffff:ffff:fffb"},
        {"fd00:0:0:1::", -EINVAL, NULL}, /* reserved */
        {"fd00:0:0:1:ffff:ffff:ffff:fffd", -EINVAL, NULL},
        {"fd00:0:0:1:ffff:ffff:ffff:ffff", -EINVAL, NULL},
        {"fd00:0:0:2::1", -EINVAL, NULL},
        {"fd00::1", -EINVAL, NULL},
        {"fe00:0:0:1::1", -EINVAL, NULL},
        {"127.30.0.5", -EINVAL, NULL},
        {"here", -EINVAL, NULL},
    };
    char ips[1][INVENTORY_IP_LEN];

    (void)state;
    add_vswitch6("vsw-6", "127.30.0.0/28", "fd00:0:0:1::/64");
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        int r = take6("vsw-6", cases[i].wanted, ips);

        assert_int_equal(r, cases[i].result);
        if (r == 0)
            assert_string_equal(ips[0], cases[i].ip);
    }
}

static void public_ipv6_addresses_are_of_a_range_of_their_own(void **state)
{
    char ips[1][INVENTORY_IP_LEN];

    (void)state;
    assert_int_equal(inventory_take_public6(txn, "lb-1", ips), -EAFNOSUPPORT);
    assert_int_equal(cidr_parse(SPAN_LIT("fd00:7::/126"), &node.eip_range6), 0);
    assert_int_equal(inventory_start(txn, &node), 0);
    assert_int_equal(inventory_take_public6(txn, "lb-1", ips), 0);
    assert_string_equal(ips[0], "fd00:7::1");
    assert_int_equal(inventory_take_public6(txn, "lb-2", ips), 0);
    assert_int_equal(inventory_take_public6(txn, "lb-3", ips), -ENOSPC);
    node.eip_range6 = (struct cidr){0};
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    inventory_release(txn, "lb-1");
    inventory_release(txn, "lb-2");
    assert_int_equal(inventory_start(txn, &node), 0);
    assert_int_equal(inventory_take_public6(txn, "lb-1", ips), -EAFNOSUPPORT);
}

static void ipv6_ranges_come_any_time_and_stay_while_used(void **state)
{
    char ips[1][INVENTORY_IP_LEN];

    (void)state;
    assert_int_equal(
        inventory_take(txn, &(struct inventory_wish){"vsw-h", "lb-1", NULL, 1, 1, false}, ips), 0);
    assert_int_equal(cidr_parse(SPAN_LIT("fd00:1::/48"), &node.vpc_range6), 0);
    assert_int_equal(cidr_parse(SPAN_LIT("fd00:1::/64"), &node.zones[0].range6), 0);
    assert_int_equal(inventory_start(txn, &node), 0);
    assert_int_equal(take6("vsw-h", NULL, ips), 0);
    assert_string_equal(ips[0], "fd00:1::1");
    assert_int_equal(cidr_parse(SPAN_LIT("fd00:1:0:1::/64"), &node.zones[0].range6), 0);
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    node.zones[0].range6 = (struct cidr){0};
    assert_int_equal(inventory_start(txn, &node), -EBUSY);
    inventory_release(txn, "alb-1");
    assert_int_equal(inventory_start(txn, &node), 0);
    assert_false(json_has(inventory_vswitch(txn, "vsw-h")->body, "Ipv6CidrBlock"));
}

static void servers_have_addresses_of_both_versions(void **state)
{
    json_t *body = json_pack(
        "{s:s, s:[s, s]}", "VpcId", "vpc-local", "PrivateIpAddresses", "fd00:1::9", "127.16.0.9");
    char ip[INVENTORY_IP_LEN];
    const char *vpc, *zone;

    (void)state;
    assert_int_equal(txn_add(txn, "ecs.server", "i-6", body), 0);
    assert_int_equal(inventory_resolve(txn, "i-6", NULL, ip), 0);
    assert_string_equal(ip, "127.16.0.9");
    assert_int_equal(inventory_resolve(txn, "i-6", "fd00:1::9", ip), 0);
    assert_string_equal(ip, "fd00:1::9");
    assert_int_equal(inventory_resolve(txn, "FD00:1:0::9", NULL, ip), 0);
    assert_string_equal(ip, "fd00:1::9");
    add_vswitch6("vsw-6", "127.30.0.0/28", "fd00:1::/64");
    assert_int_equal(inventory_place(txn, "fd00:1::77", &vpc, &zone), 0);
    assert_string_equal(zone, "z");
    assert_int_equal(inventory_place(txn, "fd00:2::77", &vpc, &zone), 0);
    assert_string_equal(zone, "");
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
        TEST(ipv6_addresses_are_reserved_and_given_back),
        TEST(wanted_ipv6_addresses_are_checked),
        TEST(public_ipv6_addresses_are_of_a_range_of_their_own),
        TEST(ipv6_ranges_come_any_time_and_stay_while_used),
        TEST(servers_have_addresses_of_both_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

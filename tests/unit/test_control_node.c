#include "base/text.h"
#include "control/node.h"
#include "control_make.h"

/* --- ranges ---------------------------------------------------------------------------------- */

static void cidr_reads_only_whole_ranges(void **state)
{
    static const struct {
        const char *text;
        int result;
        unsigned prefix;
    } cases[] = {
        {"127.16.0.0/20", 0, 20},
        {"0.0.0.0/0", 0, 0},
        {"10.1.2.3/32", 0, 32},
        {"fd00::/8", 0, 8},
        {"127.16.0.1/20", -EINVAL, 0}, /* host bits */
        {"127.16.8.0/20", -EINVAL, 0},
        {"127.16.0.0/33", -EINVAL, 0},
        {"127.16.0.0", -EINVAL, 0},
        {"127.16.0.0/", -EINVAL, 0},
        {"127.16.0.0/-1", -EINVAL, 0},
        {"127.16.0/20", -EINVAL, 0},
        {"", -EINVAL, 0},
    };
    struct cidr cidr;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(cidr_parse(span_of(cases[i].text), &cidr), cases[i].result);
        if (cases[i].result == 0)
            assert_int_equal(cidr.prefix, cases[i].prefix);
    }
}

static void cidr_has_what_lies_in_it(void **state)
{
    static const struct {
        const char *range, *ip;
        bool has;
    } cases[] = {
        {"127.16.0.0/20", "127.16.0.0", true},
        {"127.16.0.0/20", "127.16.15.255", true},
        {"127.16.0.0/20", "127.16.16.0", false},
        {"127.16.0.0/20", "127.15.255.255", false},
        {"10.0.0.1/32", "10.0.0.1", true},
        {"10.0.0.1/32", "10.0.0.0", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "::1", false},
        {"fd00::/9", "fd7f::1", true},
        {"fd00::/9", "fd80::1", false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct cidr cidr;
        struct addr addr;

        assert_int_equal(cidr_parse(span_of(cases[i].range), &cidr), 0);
        assert_int_equal(addr_parse_ip(span_of(cases[i].ip), &addr), 0);
        assert_int_equal(cidr_has(&cidr, &addr), cases[i].has);
    }
}

/* --- the file -------------------------------------------------------------------------------- */

static int read_text(const char *text, struct node_conf *node, struct errors *errors)
{
    FILE *file = fopen(make_path("node.ini"), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    errors_init(errors, 100);
    return node_read(make_path("node.ini"), true, node, errors);
}

static void no_file_is_a_working_node(void **state)
{
    struct node_conf node;
    struct errors errors;
    char buf[ADDR_TEXT_MAX];

    (void)state;
    errors_init(&errors, 10);
    assert_int_equal(node_read(NULL, true, &node, &errors), 0);
    errors_done(&errors);
    assert_string_equal(node.region, "cn-hangzhou");
    assert_int_equal(node.n_zones, 3);
    assert_string_equal(node.zones[2].id, "cn-hangzhou-j");
    assert_string_equal(node.zones[2].vswitch_id, "vsw-j");
    assert_int_equal(node.zones[2].range.prefix, 20);
    assert_span_is(
        ((struct span){buf, addr_format_ip(&node.zones[2].range.addr, buf)}), "127.16.32.0");
    assert_span_is(((struct span){buf, addr_format(&node.api, buf)}), "127.0.0.1:9080");
    assert_string_equal(node.state_dir, "/var/lib/openslb");
    assert_string_equal(node.run_dir, "/run/openslb");
    assert_string_equal(node.access_log, "");
    assert_int_equal(node.rate_limit, 100);
    assert_int_equal(node.quotas.instances, 1000);
    assert_int_equal(node.quotas.certificates, 100000);
}

static void defaults_without_root_are_in_the_home(void **state)
{
    struct node_conf node;
    struct errors errors;

    (void)state;
    errors_init(&errors, 10);
    assert_int_equal(setenv("HOME", "/home/someone", 1), 0);
    assert_int_equal(node_read(NULL, false, &node, &errors), 0);
    errors_done(&errors);
    assert_string_equal(node.state_dir, "/home/someone/.local/state/openslb");
    assert_string_equal(node.run_dir, "/home/someone/.local/state/openslb/run");
}

static void settings_are_read(void **state)
{
    struct node_conf node;
    struct errors errors;

    (void)state;
    assert_int_equal(read_text("# a comment\n"
                               "[node]\n"
                               "region = cn-local\n"
                               "run_dir = /tmp/run ; another comment\n"
                               "[data]\n"
                               "admin =\n"
                               "workers=4\n"
                               "[network]\n"
                               "vpc_range = 10.0.0.0/8\n"
                               "[zone a]\n"
                               "vswitch_id = vsw-1\n"
                               "range = 10.1.0.0/24\n"
                               "range6 = 2001:db8:1::/64\n"
                               "[network]\n"
                               "vpc_range6 = 2001:db8::/32\n"
                               "eip_range6 =",
                         &node, &errors),
        0);
    errors_done(&errors);
    assert_int_equal(node.zones[0].range6.prefix, 64);
    assert_int_equal(node.vpc_range6.addr.family, 6);
    assert_int_equal(node.eip_range6.addr.family, 0);
    assert_string_equal(node.region, "cn-local");
    assert_string_equal(node.run_dir, "/tmp/run");
    assert_int_equal(node.admin.family, 0);
    assert_int_equal(node.workers, 4);
    assert_int_equal(node.n_zones, 1);
    assert_string_equal(node.zones[0].vswitch_id, "vsw-1");
}

static void the_api_may_be_anywhere_with_tls(void **state)
{
    static const char *const texts[] = {"0.0.0.0:9080", "[::]:9080", "[::1]:9080", "10.0.0.1:443"};
    struct node_conf node;
    struct errors errors;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        char text[200], buf[ADDR_TEXT_MAX];

        (void)snprintf(text, sizeof(text),
            "[api]\nlisten = %s\ntls_certificate = /c\ntls_key = /k\n", texts[i]);
        assert_int_equal(read_text(text, &node, &errors), 0);
        errors_done(&errors);
        assert_span_is(((struct span){buf, addr_format(&node.api, buf)}), texts[i]);
        assert_string_equal(node.tls_certificate, "/c");
        assert_string_equal(node.tls_key, "/k");
    }
    assert_int_equal(read_text("[api]\nlisten = [::1]:9080\n", &node, &errors), 0);
    errors_done(&errors);
}

static void what_is_printed_reads_back_the_same(void **state)
{
    struct node_conf node, again;
    struct errors errors;
    struct text text;

    (void)state;
    errors_init(&errors, 10);
    assert_int_equal(node_read(NULL, true, &node, &errors), 0);
    errors_done(&errors);
    node.workers = 7;
    text_init(&text, 65536);
    node_print(&node, &text);
    text_add_char(&text, '\0');
    assert_int_equal(read_text(text.ptr, &again, &errors), 0);
    errors_done(&errors);
    text_done(&text);
    assert_memory_equal(&node, &again, sizeof(node));
}

struct refusal {
    const char *text, *where, *field, *rule;
};

static void expect_refusal(const struct refusal *refusal)
{
    const struct error_item *item;
    struct node_conf node;
    struct errors errors;
    const char *where;

    assert_int_equal(read_text(refusal->text, &node, &errors), -EINVAL);
    assert_true(errors.n >= 1);
    item = &errors.items[0];
    where = strrchr(item->resource, '/');
    assert_string_equal(where ? where + 1 : item->resource, refusal->where);
    assert_string_equal(item->field, refusal->field);
    assert_string_equal(item->rule, refusal->rule);
    errors_done(&errors);
}

static void wrong_files_are_refused_with_line_and_rule(void **state)
{
#define NEEDS_TLS                                                                               \
    "must be a loopback address, or tls_certificate and tls_key must be given: other machines " \
    "reach the API by TLS only"
#define GOOD_ZONE "[zone a]\nvswitch_id=v\nrange=127.16.0.0/24\n"
    static const struct refusal cases[] = {
        {"\n[api]\nlisten = 0.0.0.0:9080\n", "[api]", "listen", NEEDS_TLS},
        {"[api]\nlisten = [::]:9080\n", "[api]", "listen", NEEDS_TLS},
        {"[api]\nlisten = 10.0.0.1:9080\ntls_key = /k\n", "[api]", "tls_certificate",
            "is required with tls_key"},
        {"[api]\ntls_certificate = /c\n", "[api]", "tls_key", "is required with tls_certificate"},
        {"[api]\ntls_certificate = c\n", "node.ini:2", "tls_certificate",
            "must be an absolute path"},
        {"[api]\nlisten =\n", "node.ini:2", "listen",
            "must be an address and a port, as 127.0.0.1:9080"},
        {"[api]\nlisten = 127.0.0.1\n", "node.ini:2", "listen",
            "must be an address and a port, as 127.0.0.1:9080"},
        {"[api]\nrate_limit = 0\n", "node.ini:2", "rate_limit", "must be 1..10000"},
        {"[quotas]\nservers = -1\n", "node.ini:2", "servers", "must be 0..10000000"},
        {"[quotas]\nrules = 1\n", "node.ini:2", "rules",
            "there is no such setting in this section"},
        {"[api]\nrate_limit = 1x\n", "node.ini:2", "rate_limit", "must be 1..10000"},
        {"[node]\nregio = x\n", "node.ini:2", "regio", "there is no such setting in this section"},
        {"[nodes]\nregion = x\n", "node.ini:2", "region",
            "must stand in a section: [node], [api], [data], [network], [quotas] or [zone ID]"},
        {"region = x\n", "node.ini:1", "region",
            "must stand in a section: [node], [api], [data], [network], [quotas] or [zone ID]"},
        {"[node]\nregion = a\nregion = b\n", "node.ini:3", "region", "is given twice"},
        {"[node]\nregion = a b\n", "node.ini:2", "region",
            "must have letters, digits, '-', '.' and '_' only"},
        {"[node]\nstate_dir = here\n", "node.ini:2", "state_dir", "must be an absolute path"},
        {"[node]\nstate_dir =\n", "node.ini:2", "state_dir", "is empty or too long"},
        {"[network]\nvpc_range = 127.16.0.1/12\n", "node.ini:2", "vpc_range",
            "must be an IPv4 range whose host bits are 0, as 127.16.0.0/20"},
        {GOOD_ZONE "[network]\nvpc_range = 127.32.0.0/16\neip_range=127.33.0.0/16\n", "[zone a]",
            "range", "must lie inside the vpc_range"},
        {"[network]\neip_range = 127.16.0.0/16\n", "[network]", "eip_range",
            "must not overlap the vpc_range"},
        {"[zone a]\nvswitch_id = v\n", "[zone a]", "range", "is required and must be valid"},
        {"[zone a]\nrange = 127.16.0.0/29\n", "node.ini:2", "range", "must be 16..28 bits long"},
        {GOOD_ZONE "[zone b]\nvswitch_id=w\nrange=127.16.0.128/28\n", "[zone b]", "range",
            "overlaps another zone's"},
        {GOOD_ZONE "[zone b]\nvswitch_id=v\nrange=127.16.1.0/28\n", "[zone b]", "vswitch_id",
            "is another zone's too"},
        {"[zone a]\ncolour = red\n", "node.ini:2", "colour", "there is no such setting of a zone"},
        {"[node]\nnonsense\n", "node.ini:2", "",
            "a line is a [section], name = value, or a comment behind # or ;"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        expect_refusal(&cases[i]);
}

#define IPV6_RANGE                                                                         \
    "must be an IPv6 range of global or unique local addresses whose host bits are 0, as " \
    "fd00:1::/64"

static void wrong_ipv6_ranges_are_refused(void **state)
{
    static const struct refusal cases[] = {
        {"[network]\nvpc_range6 = 10.0.0.0/8\n", "node.ini:2", "vpc_range6", IPV6_RANGE},
        {"[network]\nvpc_range6 = fd00::1/48\n", "node.ini:2", "vpc_range6", IPV6_RANGE},
        {"[network]\nvpc_range6 = fe80::/64\n", "node.ini:2", "vpc_range6", IPV6_RANGE},
        {"[network]\neip_range6 = ff05::/64\n", "node.ini:2", "eip_range6", IPV6_RANGE},
        {"[network]\nvpc_range6 = fd00::/121\n", "node.ini:2", "vpc_range6",
            "must be 8..120 bits long"},
        {"[network]\nvpc_range6 = fd00:1::/48\neip_range6 = fd00:1:0:2::/64\n", "[network]",
            "eip_range6", "must not overlap the vpc_range6"},
        {GOOD_ZONE "range6 = fd00:1::/125\n", "node.ini:4", "range6", "must be 16..124 bits long"},
        {GOOD_ZONE "range6 = fd00:1::/64\n", "[zone a]", "range6",
            "must lie inside the vpc_range6 of the section [network]"},
        {GOOD_ZONE "range6 = fd00:1::/64\n[network]\nvpc_range6 = fd00:2::/48\n", "[zone a]",
            "range6", "must lie inside the vpc_range6 of the section [network]"},
        {GOOD_ZONE
            "range6 = fd00:1::/64\n[zone b]\nvswitch_id=w\nrange=127.16.1.0/24\nrange6=fd00:1::/72\n"
            "[network]\nvpc_range6 = fd00:1::/48\n",
            "[zone b]", "range6", "overlaps another zone's"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
        expect_refusal(&cases[i]);
}

static void long_lines_and_missing_files_are_told(void **state)
{
    struct node_conf node;
    struct errors errors;
    char text[600] = "[node]\nregion = ";

    (void)state;
    memset(text + strlen(text), 'x', 500);
    assert_int_equal(read_text(text, &node, &errors), -EINVAL);
    assert_string_equal(errors.items[0].rule, "the line is too long, or has a NUL");
    errors_done(&errors);
    errors_init(&errors, 10);
    assert_int_equal(node_read(make_path("none"), true, &node, &errors), -EINVAL);
    assert_string_equal(errors.items[0].rule, "cannot be read: No such file or directory");
    errors_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cidr_reads_only_whole_ranges),
        cmocka_unit_test(cidr_has_what_lies_in_it),
        cmocka_unit_test(no_file_is_a_working_node),
        cmocka_unit_test(defaults_without_root_are_in_the_home),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(the_api_may_be_anywhere_with_tls),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(wrong_files_are_refused_with_line_and_rule),
        cmocka_unit_test(wrong_ipv6_ranges_are_refused),
        cmocka_unit_test(long_lines_and_missing_files_are_told),
    };

    return cmocka_run_group_tests(tests, make_dir_setup, make_dir_teardown);
}

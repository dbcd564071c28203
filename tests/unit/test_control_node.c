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
                               "range = 10.1.0.0/24",
                         &node, &errors),
        0);
    errors_done(&errors);
    assert_string_equal(node.region, "cn-local");
    assert_string_equal(node.run_dir, "/tmp/run");
    assert_int_equal(node.admin.family, 0);
    assert_int_equal(node.workers, 4);
    assert_int_equal(node.n_zones, 1);
    assert_string_equal(node.zones[0].vswitch_id, "vsw-1");
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

static void wrong_files_are_refused_with_line_and_rule(void **state)
{
#define GOOD_ZONE "[zone a]\nvswitch_id=v\nrange=127.16.0.0/24\n"
    static const struct {
        const char *text, *where, *field, *rule;
    } cases[] = {
        {"\n[api]\nlisten = 0.0.0.0:9080\n", "node.ini:3", "listen",
            "must be a loopback address: any other one needs TLS, which is not built yet"},
        {"[api]\nlisten = 127.0.0.1\n", "node.ini:2", "listen",
            "must be an address and a port, as 127.0.0.1:9080"},
        {"[api]\nrate_limit = 0\n", "node.ini:2", "rate_limit", "must be 1..10000"},
        {"[api]\nrate_limit = 1x\n", "node.ini:2", "rate_limit", "must be 1..10000"},
        {"[node]\nregio = x\n", "node.ini:2", "regio", "there is no such setting in this section"},
        {"[nodes]\nregion = x\n", "node.ini:2", "region",
            "must stand in a section: [node], [api], [data], [network] or [zone ID]"},
        {"region = x\n", "node.ini:1", "region",
            "must stand in a section: [node], [api], [data], [network] or [zone ID]"},
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
    struct node_conf node;
    struct errors errors;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        const struct error_item *item;
        const char *where;

        assert_int_equal(read_text(cases[i].text, &node, &errors), -EINVAL);
        assert_true(errors.n >= 1);
        item = &errors.items[0];
        where = strrchr(item->resource, '/');
        assert_string_equal(where ? where + 1 : item->resource, cases[i].where);
        assert_string_equal(item->field, cases[i].field);
        assert_string_equal(item->rule, cases[i].rule);
        errors_done(&errors);
    }
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
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(wrong_files_are_refused_with_line_and_rule),
        cmocka_unit_test(long_lines_and_missing_files_are_told),
    };

    return cmocka_run_group_tests(tests, make_dir_setup, make_dir_teardown);
}

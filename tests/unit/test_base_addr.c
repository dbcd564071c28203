#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/addr.h"
#include "unit.h"

static const struct {
    const char *text;
    int result;
    uint8_t family;
    uint8_t ip[16];
} ip_cases[] = {
    {"127.0.0.1", 0, 4, {127, 0, 0, 1}},
    {"0.0.0.0", 0, 4, {0}},
    {"255.255.255.255", 0, 4, {255, 255, 255, 255}},
    {"::", 0, 6, {0}},
    {"::1", 0, 6, {[15] = 1}},
    {"2001:db8::A:b", 0, 6, {0x20, 0x01, 0x0d, 0xb8, [13] = 0x0a, [15] = 0x0b}},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 0, 6,
        {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}},
    {"::ffff:10.1.2.3", 0, 4, {10, 1, 2, 3}},
    {"::FFFF:a01:203", 0, 4, {10, 1, 2, 3}},
    {"", -EINVAL, 0, {0}},
    {"127.0.0", -EINVAL, 0, {0}},
    {"127.0.0.1.", -EINVAL, 0, {0}},
    {"127.0.0.01", -EINVAL, 0, {0}},
    {"127.0.0.256", -EINVAL, 0, {0}},
    {"0x7f.0.0.1", -EINVAL, 0, {0}},
    {" 127.0.0.1", -EINVAL, 0, {0}},
    {"127.0.0.1 ", -EINVAL, 0, {0}},
    {"localhost", -EINVAL, 0, {0}},
    {"[::1]", -EINVAL, 0, {0}},
    {"fe80::1%lo", -EINVAL, 0, {0}},
    {"1::2::3", -EINVAL, 0, {0}},
    {"::12345", -EINVAL, 0, {0}},
    {"fffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", -EINVAL, 0, {0}},
};

static void ip_is_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ip_cases); i++) {
        struct addr addr = {.family = 99, .port = 7};

        print_message("%s\n", ip_cases[i].text);
        assert_int_equal(addr_parse_ip(span_of(ip_cases[i].text), &addr), ip_cases[i].result);
        if (ip_cases[i].result < 0) {
            assert_int_equal(addr.family, 99);
            continue;
        }
        assert_int_equal(addr.family, ip_cases[i].family);
        assert_int_equal(addr.port, 0);
        assert_memory_equal(addr.ip, ip_cases[i].ip, 16);
    }
}

static void ip_with_zero_byte_is_refused(void **state)
{
    struct addr addr;

    (void)state;
    assert_int_equal(addr_parse_ip(SPAN_LIT("127.0.0.1\0"), &addr), -EINVAL);
    assert_int_equal(addr_parse_ip(SPAN_LIT("127.0.0.1\0.evil"), &addr), -EINVAL);
}

static const struct {
    const char *text;
    const char *formatted; /* NULL: refused */
    const char *ip;
} port_cases[] = {
    {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1"},
    {"10.20.30.40:65535", "10.20.30.40:65535", "10.20.30.40"},
    {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0"},
    {"[::1]:8080", "[::1]:8080", "::1"},
    {"[2001:DB8:0:0:1:0:0:1]:443", "[2001:db8::1:0:0:1]:443", "2001:db8::1:0:0:1"},
    {"[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
        "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
        "1111:2222:3333:4444:5555:6666:7777:8888"},
    {"[::ffff:1.2.3.4]:5", "1.2.3.4:5", "1.2.3.4"},
    {"", NULL, NULL},
    {"127.0.0.1", NULL, NULL},
    {"127.0.0.1:", NULL, NULL},
    {"127.0.0.1:65536", NULL, NULL},
    {"127.0.0.1:080", NULL, NULL},
    {"127.0.0.1:00", NULL, NULL},
    {"127.0.0.1:+1", NULL, NULL},
    {"127.0.0.1:80x", NULL, NULL},
    {"127.0.0.1:18446744073709551696", NULL, NULL},
    {":80", NULL, NULL},
    {"::1:80", NULL, NULL},
    {"[::1]", NULL, NULL},
    {"[::1]80", NULL, NULL},
    {"[::1]:", NULL, NULL},
    {"[::1:80", NULL, NULL},
    {"[]:80", NULL, NULL},
    {"[127.0.0.1]:80", NULL, NULL},
    {"[", NULL, NULL},
};

static void address_with_port_goes_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(port_cases); i++) {
        struct addr addr = {.family = 99};
        char buf[ADDR_TEXT_MAX];
        int r = addr_parse(span_of(port_cases[i].text), &addr);

        print_message("%s\n", port_cases[i].text);
        if (!port_cases[i].formatted) {
            assert_int_equal(r, -EINVAL);
            assert_int_equal(addr.family, 99);
            continue;
        }
        assert_int_equal(r, 0);
        assert_span_is(((struct span){buf, addr_format(&addr, buf)}), port_cases[i].formatted);
        assert_span_is(((struct span){buf, addr_format_ip(&addr, buf)}), port_cases[i].ip);
    }
}

static void no_address_is_a_dash(void **state)
{
    struct addr none = {0};
    char buf[ADDR_TEXT_MAX];

    (void)state;
    assert_span_is(((struct span){buf, addr_format(&none, buf)}), "-");
    assert_span_is(((struct span){buf, addr_format_ip(&none, buf)}), "-");
}

static void sockaddr_goes_both_ways(void **state)
{
    struct sockaddr_storage sa;
    struct addr addr, back;

    (void)state;
    assert_int_equal(addr_parse(SPAN_LIT("1.2.3.4:258"), &addr), 0);
    assert_int_equal(addr_to_sockaddr(&addr, &sa), sizeof(struct sockaddr_in));
    assert_int_equal(sa.ss_family, AF_INET);
    assert_memory_equal((char *)&sa + 2, "\x01\x02\x01\x02\x03\x04", 6);
    addr_from_sockaddr(&sa, &back);
    assert_true(addr_eq(&addr, &back));

    assert_int_equal(addr_parse(SPAN_LIT("[2001:db8::1]:443"), &addr), 0);
    assert_int_equal(addr_to_sockaddr(&addr, &sa), sizeof(struct sockaddr_in6));
    assert_int_equal(sa.ss_family, AF_INET6);
    addr_from_sockaddr(&sa, &back);
    assert_true(addr_eq(&addr, &back));
}

static void mapped_sockaddr_becomes_ipv4(void **state)
{
    struct sockaddr_storage sa = {0};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&sa;
    struct addr addr, expected;

    (void)state;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(80);
    memcpy(&in6->sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01", 16);
    addr_from_sockaddr(&sa, &addr);
    assert_int_equal(addr_parse(SPAN_LIT("10.0.0.1:80"), &expected), 0);
    assert_true(addr_eq(&addr, &expected));
}

static void other_families_are_none(void **state)
{
    struct sockaddr_storage sa = {.ss_family = AF_UNIX};
    struct addr addr, none = {0};

    (void)state;
    addr_from_sockaddr(&sa, &addr);
    assert_true(addr_eq(&addr, &none));
    assert_int_equal(addr_to_sockaddr(&none, &sa), 0);
    assert_int_equal(sa.ss_family, AF_UNSPEC);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_is_parsed),
        cmocka_unit_test(ip_with_zero_byte_is_refused),
        cmocka_unit_test(address_with_port_goes_both_ways),
        cmocka_unit_test(no_address_is_a_dash),
        cmocka_unit_test(sockaddr_goes_both_ways),
        cmocka_unit_test(mapped_sockaddr_becomes_ipv4),
        cmocka_unit_test(other_families_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

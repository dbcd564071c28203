#include "http/msg.h"
#include "unit.h"

static const struct {
    const char *authority;
    const char *host; /* NULL: refused */
    uint16_t port;
} cases[] = {
    {"a", "a", 0},
    {"www.Example.com:8080", "www.Example.com", 8080},
    {"example.com.", "example.com.", 0},
    {"a_b-c~d", "a_b-c~d", 0},
    {"a:1", "a", 1},
    {"a:65535", "a", 65535},
    {"127.0.0.1:80", "127.0.0.1", 80},
    {"[::1]", "[::1]", 0},
    {"[2001:db8::1]:443", "[2001:db8::1]", 443},
    {"", NULL, 0},
    {":80", NULL, 0},
    {"a:", NULL, 0},
    {"a:0", NULL, 0},
    {"a:080", NULL, 0},
    {"a:65536", NULL, 0},
    {"a:100000", NULL, 0},
    {"a:-1", NULL, 0},
    {"a:8 0", NULL, 0},
    {"a:80:81", NULL, 0},
    {"a,b", NULL, 0},
    {"u@a", NULL, 0},
    {"u:p@a", NULL, 0},
    {"a/b", NULL, 0},
    {"a\\b", NULL, 0},
    {"a?b", NULL, 0},
    {"a#b", NULL, 0},
    {"a%2eb", NULL, 0},
    {"a b", NULL, 0},
    {"a\tb", NULL, 0},
    {"\xc3\xa9", NULL, 0},
    {"::1", NULL, 0},
    {"[::1", NULL, 0},
    {"[::1]a", NULL, 0},
    {"[::1]:", NULL, 0},
    {"[]", NULL, 0},
    {"[127.0.0.1]", NULL, 0},
    {"[fe80::1%eth0]", NULL, 0},
    {"[v1.a]", NULL, 0},
    {"[[::1]]", NULL, 0},
};

static void authorities_are_split_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span host = {0};
        uint16_t port = 0;
        int r = http_split_authority(span_of(cases[i].authority), &host, &port);

        print_message("%s\n", cases[i].authority);
        assert_int_equal(r, cases[i].host ? 0 : -EINVAL);
        assert_span_is(host, cases[i].host ? cases[i].host : "");
        assert_int_equal(port, cases[i].port);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(authorities_are_split_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "rules/rules.h"
#include "unit.h"

static const struct {
    const char *path;
    const char *normal; /* NULL: refused */
} path_cases[] = {
    {"/", "/"},
    {"/a/b.c/d_e~f-g", "/a/b.c/d_e~f-g"},
    {"/A/b", "/A/b"},
    {"/a:@!$&'()*+,;=b", "/a:@!$&'()*+,;=b"},
    {"/a|{}^`\"<>b", "/a|{}^`\"<>b"},
    /* empty segments are segments: "//admin" is not "/admin" */
    {"//admin", "//admin"},
    {"/a//b", "/a//b"},
    {"//", "//"},
    /* unreserved bytes have one spelling */
    {"/%61%7E%2d%5f%41", "/a~-_A"},
    {"/%2fa%2F", "/%2Fa%2F"},
    {"/%c3%A4", "/%C3%A4"},
    {"/%3f%23%25", "/%3F%23%25"},
    {"/%2561", "/%2561"},
    {"/%252e%252e/a", "/%252e%252e/a"},
    /* dot segments, plain and encoded */
    {"/.", "/"},
    {"/a/.", "/a/"},
    {"/./a", "/a"},
    {"/a/./b", "/a/b"},
    {"/a/..", "/"},
    {"/a/b/..", "/a/"},
    {"/a/../b", "/b"},
    {"/a/b/../../c", "/c"},
    {"/a/%2e%2e/b", "/b"},
    {"/a/%2E./b", "/b"},
    {"/a/%2e/b", "/a/b"},
    {"/a//../b", "/a/b"},
    {"//..", "/"},
    {"/public/../admin", "/admin"},
    {"/...", "/..."},
    {"/.well-known/x", "/.well-known/x"},
    {"/a/..b", "/a/..b"},
    {"/a/b..", "/a/b.."},
    {"/a/.%41", "/a/.A"},
    {"/..", NULL},
    {"/../a", NULL},
    {"/a/../..", NULL},
    {"/%2e%2e/a", NULL},
    {"/./../a", NULL},
    /* ".." that only some servers would see */
    {"/a/..%2fadmin", NULL},
    {"/a%2f..%2Fadmin", NULL},
    {"/a%2f..", NULL},
    {"/a\\..\\admin", NULL},
    {"/a/..\\admin", NULL},
    {"/a/%2e%2e%5cadmin", NULL},
    {"/a/..;/admin", NULL},
    {"/a/..;x=1/admin", NULL},
    {"/a/..%3bx/admin", NULL},
    {"/a%2f...", "/a%2F..."},
    {"/a;..", "/a;.."},
    {"/a\\b", "/a\\b"},
    {"/a%5cb", "/a%5Cb"},
    /* what is no path */
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
    {"%2f", NULL},
    {"/%", NULL},
    {"/%4", NULL},
    {"/%4g", NULL},
    {"/%g4", NULL},
    {"/%-1", NULL},
    {"/%00", NULL},
    {"/%0a", NULL},
    {"/%0D%0A", NULL},
    {"/%7f", NULL},
    {"/a b", NULL},
    {"/a\tb", NULL},
    {"/a\r\nb", NULL},
    {"/\x7f", NULL},
    {"/\xc3\xa4", NULL},
    {"/a?b", NULL},
    {"/a#b", NULL},
};

static void paths_are_normalised(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(path_cases); i++) {
        struct span normal = SPAN_LIT("untouched");
        struct span again;
        int r = path_normalise(span_of(path_cases[i].path), &arena, &normal);

        print_message("%s\n", path_cases[i].path);
        if (!path_cases[i].normal) {
            assert_int_equal(r, -EINVAL);
            assert_span_is(normal, "untouched");
            continue;
        }
        assert_int_equal(r, 0);
        assert_span_is(normal, path_cases[i].normal);
        assert_int_equal(path_normalise(normal, &arena, &again), 0);
        assert_ptr_equal(again.ptr, normal.ptr);
        assert_int_equal(again.len, normal.len);
    }
    arena_done(&arena);
}

static void zero_byte_in_path_is_refused(void **state)
{
    struct arena arena;
    struct span normal;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    assert_int_equal(path_normalise(SPAN_LIT("/a\0b"), &arena, &normal), -EINVAL);
    arena_done(&arena);
}

static void what_is_normal_is_not_copied(void **state)
{
    static const char path[] = "/static/app.js";
    static const char host[] = "www.example.com:8080";
    struct arena arena;
    struct span out;

    (void)state;
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(path_normalise(span_of(path), &arena, &out), 0);
    assert_ptr_equal(out.ptr, path);
    assert_int_equal(host_normalise(span_of(host), &arena, &out), 0);
    assert_ptr_equal(out.ptr, host);
    assert_int_equal(path_normalise(SPAN_LIT("/%61"), &arena, &out), -ENOMEM);
    assert_int_equal(host_normalise(SPAN_LIT("A"), &arena, &out), -ENOMEM);
    arena_done(&arena);
}

static const struct {
    const char *authority;
    const char *host; /* NULL: refused */
} host_cases[] = {
    {"", ""},
    {"a.b", "a.b"},
    {"A.B", "a.b"},
    {"WWW.Example.COM:8080", "www.example.com"},
    {"a.b.", "a.b"},
    {"a.b.:80", "a.b"},
    {"127.0.0.1:1", "127.0.0.1"},
    {"[::1]", "[::1]"},
    {"[2001:DB8::1]:443", "[2001:db8::1]"},
    {".", NULL},
    {":80", NULL},
    {"a:0", NULL},
    {"a:65536", NULL},
    {"a@b", NULL},
    {"a/b", NULL},
    {"a b", NULL},
    {"a,b", NULL},
    {"[::1", NULL},
};

static void hosts_are_normalised(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, 0, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(host_cases); i++) {
        struct span host;
        int r = host_normalise(span_of(host_cases[i].authority), &arena, &host);

        print_message("%s\n", host_cases[i].authority);
        if (!host_cases[i].host) {
            assert_int_equal(r, -EINVAL);
            continue;
        }
        assert_int_equal(r, 0);
        assert_span_is(host, host_cases[i].host);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_normalised),
        cmocka_unit_test(zero_byte_in_path_is_refused),
        cmocka_unit_test(what_is_normal_is_not_copied),
        cmocka_unit_test(hosts_are_normalised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

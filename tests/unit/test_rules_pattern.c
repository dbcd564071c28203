#include "rules/rules.h"
#include "unit.h"

static const struct {
    const char *pattern, *text;
    bool matches;
} cases[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "a/b.c", true},
    {"?", "", false},
    {"?", "a", true},
    {"?", "ab", false},
    {"/api/*", "/api/a/b", true},
    {"/api/*", "/api/", true},
    {"/api/*", "/api", false},
    {"/home*", "/home", true},
    {"/home*", "/homepage", true},
    {"/home*", "/home/x", true},
    {"/*", "/", true},
    {"*.example.com", "a.b.example.com", true},
    {"*.example.com", "example.com", false},
    {"*.example.com", "a.example.com.", false},
    {"a*b*c", "abbbbc", true},
    {"a*b*c", "ac", false},
    {"a*b*c", "abcbd", false},
    {"*.jpg", "/a.jpg.png.jpg", true},
    {"a**b", "ab", true},
    {"a*?b", "ab", false},
    {"a*?b", "axb", true},
    {"*ab", "aab", true},
    {"abc", "ABC", false},
    {"a.c", "abc", false},
    {"[a]", "a", false},
    {"\\*", "\\anything", true},
};

static void patterns_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s %s\n", cases[i].pattern, cases[i].text);
        assert_int_equal(
            pattern_match(span_of(cases[i].pattern), span_of(cases[i].text)), cases[i].matches);
    }
}

/* 2^60 steps for a matcher that tries every way to share the text among the stars. */
static void many_stars_end_soon(void **state)
{
    char pattern[121], text[4001];

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        pattern[2 * i] = '*';
        pattern[2 * i + 1] = 'a';
    }
    pattern[119] = 'b';
    pattern[120] = '\0';
    memset(text, 'a', 4000);
    text[4000] = '\0';
    assert_false(pattern_match(span_of(pattern), span_of(text)));
    text[3999] = 'b';
    assert_true(pattern_match(span_of(pattern), span_of(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match),
        cmocka_unit_test(many_stars_end_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

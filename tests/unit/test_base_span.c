#include "base/span.h"
#include "unit.h"

static const struct {
    const char *a, *b;
    bool equal;
} nocase_cases[] = {
    {"", "", true},
    {"a", "A", true},
    {"a", "b", false},
    {"a", "aa", false},
    {"Host", "hOST", true},
    {"Content-Length", "content-length", true},
    {"Content-Length", "content-lengtH", true},
    {"Content-Length", "content-lengtg", false},
    {"Content_Length", "content-length", false},
    {"xontent-Length", "content-length", false},
    {"Strict-Transport-Security", "STRICT-TRANSPORT-SECURITY", true},
    {"Strict-Transport-Security", "STRICT-TRANSPORU-SECURITY", false},
    {"abcdefgh", "ABCDEFGH", true},
    {"abcdefghi", "ABCDEFGHI", true},
    {"abcdefgh@", "abcdefgh`", false},
    {"abcdefgh[", "abcdefgh{", false},
    {"@[`{Zz09", "@[`{zZ09", true},
    {"\xc1xxxxxxx", "\xe1xxxxxxx", false}, /* letters only in ASCII */
    {"\xc1", "\xe1", false},
};

static void case_is_ignored_for_ascii_letters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nocase_cases); i++) {
        struct span a = span_of(nocase_cases[i].a), b = span_of(nocase_cases[i].b);

        print_message("%s %s\n", nocase_cases[i].a, nocase_cases[i].b);
        assert_int_equal(span_eq_nocase(a, b), nocase_cases[i].equal);
        assert_int_equal(span_eq_nocase(b, a), nocase_cases[i].equal);
    }
    assert_true(span_eq_nocase((struct span){0}, SPAN_LIT("")));
}

/* Every pair of bytes, alone and in a word, against the rule for one byte. */
static void every_pair_of_bytes_compares_right(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        unsigned char x = (unsigned char)(i >> 8), y = (unsigned char)i;
        char a[] = "0123456789x", b[] = "0123456789x";
        bool letter = (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z');
        bool equal = x == y || (letter && (x ^ y) == 0x20);

        a[5] = (char)x;
        b[5] = (char)y;
        assert_int_equal(span_eq_nocase((struct span){a, 11}, (struct span){b, 11}), equal);
        assert_int_equal(span_eq_nocase((struct span){a, 6}, (struct span){b, 6}), equal);
    }
}

static const struct {
    const char *text, *trimmed;
} trim_cases[] = {
    {"", ""},
    {" \t ", ""},
    {"a", "a"},
    {"\t a b \t", "a b"},
    {"\na\r", "\na\r"},
};

static void blanks_are_trimmed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(trim_cases); i++)
        assert_span_is(span_trim(span_of(trim_cases[i].text)), trim_cases[i].trimmed);
    assert_span_is(span_trim((struct span){0}), "");
}

static const struct {
    const char *list;
    char sep;
    const char *elements; /* each followed by | */
} list_cases[] = {
    {"", ',', "|"},
    {"a", ',', "a|"},
    {" a , b,c ", ',', "a|b|c|"},
    {"a,,b", ',', "a||b|"},
    {"a,", ',', "a||"},
    {",", ',', "||"},
    {"a=1; b=2,3", ';', "a=1|b=2,3|"},
    {" \t", ',', "|"},
};

static void elements_are_taken_in_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(list_cases); i++) {
        struct span list = span_of(list_cases[i].list);
        struct span element;
        char all[64];
        size_t len = 0;

        while (span_next(&list, list_cases[i].sep, &element)) {
            memcpy(all + len, element.ptr, element.len);
            len += element.len;
            all[len++] = '|';
        }
        assert_span_is(((struct span){all, len}), list_cases[i].elements);
        assert_false(span_next(&list, list_cases[i].sep, &element));
    }
}

static const struct {
    const char *text;
    int result;
    uint64_t value;
} number_cases[] = {
    {"0", 0, 0},
    {"00123", 0, 123},
    {"18446744073709551615", 0, UINT64_MAX},
    {"000000000000000000000018446744073709551615", 0, UINT64_MAX},
    {"18446744073709551616", -ERANGE, 7},
    {"18446744073709551620", -ERANGE, 7},
    {"100000000000000000000", -ERANGE, 7},
    {"99999999999999999999999999", -ERANGE, 7},
    {"99999999999999999999999999x", -EINVAL, 7},
    {"", -EINVAL, 7},
    {"-1", -EINVAL, 7},
    {"+1", -EINVAL, 7},
    {" 1", -EINVAL, 7},
    {"1 ", -EINVAL, 7},
    {"0x10", -EINVAL, 7},
    {"1/", -EINVAL, 7},
    {"1:", -EINVAL, 7},
    {"\xb1", -EINVAL, 7},
};

static void numbers_are_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(number_cases); i++) {
        uint64_t value = 7;

        print_message("%s\n", number_cases[i].text);
        assert_int_equal(
            span_parse_u64(span_of(number_cases[i].text), &value), number_cases[i].result);
        assert_true(value == number_cases[i].value);
    }
}

static void parts_are_compared_and_found(void **state)
{
    struct span s = SPAN_LIT("abcabc");

    (void)state;
    assert_true(span_eq(s, span_of("abcabc")));
    assert_false(span_eq(s, span_of("abcabC")));
    assert_true(span_eq((struct span){0}, SPAN_LIT("")));
    assert_int_equal(span_of(NULL).len, 0);
    assert_true(span_starts_with(s, SPAN_LIT("abca")));
    assert_true(span_starts_with(s, (struct span){0}));
    assert_false(span_starts_with(s, SPAN_LIT("bc")));
    assert_false(span_starts_with(s, SPAN_LIT("abcabca")));
    assert_int_equal(span_find(s, 'c'), 2);
    assert_int_equal(span_find(s, 'x'), 6);
    assert_int_equal(span_find((struct span){0}, 'x'), 0);
    assert_span_is(span_from(s, 4), "bc");
    assert_span_is(span_from(s, 6), "");
}

static void every_length_is_put_whole(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmn";

    (void)state;
    for (size_t n = 0; n < sizeof(letters); n++) {
        char *out = base_alloc(n + 1);

        assert_ptr_equal(span_put(out, (struct span){letters, n}), out + n);
        assert_memory_equal(out, letters, n);
        free(out);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_ignored_for_ascii_letters),
        cmocka_unit_test(every_pair_of_bytes_compares_right),
        cmocka_unit_test(blanks_are_trimmed),
        cmocka_unit_test(elements_are_taken_in_turn),
        cmocka_unit_test(numbers_are_parsed),
        cmocka_unit_test(parts_are_compared_and_found),
        cmocka_unit_test(every_length_is_put_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

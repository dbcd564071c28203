#include "base/text.h"
#include "unit.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static const struct {
    struct span in;
    const char *out;
} json_cases[] = {
    {{NULL, 0}, "\"\""},
    {SPAN_LIT("a"), "\"a\""},
    {SPAN_LIT("exactly8"), "\"exactly8\""},
    {SPAN_LIT("a longer run of ordinary bytes ~!\x7f"),
        "\"a longer run of ordinary bytes ~!\x7f\""},
    {SPAN_LIT("\""), "\"\\\"\""},
    {SPAN_LIT("\\"), "\"\\\\\""},
    {SPAN_LIT("/"), "\"/\""},
    {SPAN_LIT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {SPAN_LIT("\0\x01\x1f"), "\"\\u0000\\u0001\\u001f\""},
    {SPAN_LIT("\"\"\"\"\"\"\"\"\"\""), "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\""},
    {SPAN_LIT("first, then \" and then \\ and \n."), "\"first, then \\\" and then \\\\ and \\n.\""},
    /* well-formed UTF-8 stays: first and last of each length */
    {SPAN_LIT("\xc2\x80 \xdf\xbf"), "\"\xc2\x80 \xdf\xbf\""},
    {SPAN_LIT("\xe0\xa0\x80 \xef\xbf\xbf"), "\"\xe0\xa0\x80 \xef\xbf\xbf\""},
    {SPAN_LIT("\xed\x9f\xbf\xee\x80\x80"), "\"\xed\x9f\xbf\xee\x80\x80\""},
    {SPAN_LIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
    /* the rest does not: lone, overlong, surrogate, beyond the last, cut */
    {SPAN_LIT("\x80"), "\"" BAD "\""},
    {SPAN_LIT("\xbf\xff\xfe"), "\"" BAD BAD BAD "\""},
    {SPAN_LIT("\xc0\x80"), "\"" BAD BAD "\""},
    {SPAN_LIT("\xc1\xbf"), "\"" BAD BAD "\""},
    {SPAN_LIT("\xe0\x9f\xbf"), "\"" BAD BAD BAD "\""},
    {SPAN_LIT("\xed\xa0\x80"), "\"" BAD BAD BAD "\""},
    {SPAN_LIT("\xf0\x8f\xbf\xbf"), "\"" BAD BAD BAD BAD "\""},
    {SPAN_LIT("\xf4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\""},
    {SPAN_LIT("\xf5\x80\x80\x80"), "\"" BAD BAD BAD BAD "\""},
    {SPAN_LIT("a\xc3"), "\"a" BAD "\""},
    {SPAN_LIT("a\xe2\x82"), "\"a" BAD BAD "\""},
    {SPAN_LIT("\xf0\x9f\x98"), "\"" BAD BAD BAD "\""},
    {SPAN_LIT("\xc3\"x"), "\"" BAD "\\\"x\""},
    {SPAN_LIT("\xe2\x82\"x"), "\"" BAD BAD "\\\"x\""},
    {SPAN_LIT("\xe2\x28\xa1"), "\"" BAD "(" BAD "\""},
    {SPAN_LIT("caf\xc3\xa9, na\xc3\xafve, \xf0\x9f\x98\x80!"),
        "\"caf\xc3\xa9, na\xc3\xafve, \xf0\x9f\x98\x80!\""},
};

static void json_strings_are_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_cases); i++) {
        struct text text;

        text_init(&text, SIZE_MAX);
        text_add_json(&text, json_cases[i].in);
        assert_span_is(text_span(&text), json_cases[i].out);
        text_done(&text);
    }
}

static void check_put_json(struct span in, const char *expected)
{
    char *buf = base_alloc(TEXT_JSON_MAX(in.len));
    struct span out = {buf, (size_t)(text_put_json(buf, in) - buf)};

    assert_span_is(out, expected);
    free(buf);
}

static void json_is_put_where_room_was_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_cases); i++)
        check_put_json(json_cases[i].in, json_cases[i].out);
    check_put_json(SPAN_LIT("\x01\x02\x03\x04\x05\x06\x07\x0e\x0f"),
        "\"\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\u000e\\u000f\"");
}

/* With one byte less than the string needs, nothing of it appears. */
static void json_string_is_whole_or_absent(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_cases); i++) {
        size_t need = strlen(json_cases[i].out);

        for (size_t cap = 0; cap <= need; cap++) {
            char *buf = base_alloc(1 + cap);
            struct text text;

            text_init_fixed(&text, buf, 1 + cap);
            text_add_char(&text, '=');
            text_add_json(&text, json_cases[i].in);
            assert_int_equal(text_failed(&text), cap < need);
            assert_int_equal(text.len, cap < need ? 1 : 1 + need);
            text_done(&text);
            free(buf);
        }
    }
}

/* Wherever a special byte stands in a run, and whatever surrounds it. */
static void json_special_byte_is_found_everywhere(void **state)
{
    static const struct {
        char in;
        const char *out;
    } specials[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\x1f', "\\u001f"},
        {'\0', "\\u0000"}, {'\x80', BAD}, {'\xff', BAD}};

    (void)state;
    for (unsigned i = 0; i < 26 * ARRAY_LEN(specials); i++) {
        unsigned at = i / ARRAY_LEN(specials), k = i % ARRAY_LEN(specials);
        char in[] = "!#[]^ \x7f!#[]^ \x7f!#[]^ \x7f#####", out[64] = "\"";
        struct text text;

        memcpy(out + 1, in, at);
        memcpy(out + 1 + at, specials[k].out, strlen(specials[k].out));
        memcpy(out + 1 + at + strlen(specials[k].out), in + at + 1, 26 - at - 1);
        out[26 + strlen(specials[k].out)] = '"';
        in[at] = specials[k].in;

        text_init(&text, SIZE_MAX);
        text_add_json(&text, (struct span){in, 26});
        assert_span_is(text_span(&text), out);
        text_done(&text);
        check_put_json((struct span){in, 26}, out);
    }
}

/* The same for every length of a string without anything special, and with it at the end. */
static void json_strings_of_all_lengths_are_whole(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

    (void)state;
    for (size_t n = 0; n < sizeof(letters) - 1; n++) {
        char in[32], out[40];

        (void)snprintf(out, sizeof(out), "\"%.*s\"", (int)n, letters);
        check_put_json((struct span){letters, n}, out);
        (void)snprintf(in, sizeof(in), "%.*s\"", (int)n, letters);
        (void)snprintf(out, sizeof(out), "\"%.*s\\\"\"", (int)n, letters);
        check_put_json((struct span){in, n + 1}, out);
    }
}

static const struct {
    uint64_t value;
    const char *text;
} number_cases[] = {
    {0, "0"},
    {9, "9"},
    {10, "10"},
    {99, "99"},
    {100, "100"},
    {999, "999"},
    {1000, "1000"},
    {9999, "9999"},
    {10000, "10000"},
    {99999, "99999"},
    {100000, "100000"},
    {1234567, "1234567"},
    {99999999, "99999999"},
    {100000000, "100000000"},
    {4294967296, "4294967296"},
    {999999999999, "999999999999"},
    {1000000000000, "1000000000000"},
    {9999999999999999999u, "9999999999999999999"},
    {10000000000000000000u, "10000000000000000000"},
    {UINT64_MAX, "18446744073709551615"},
};

static void numbers_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(number_cases); i++) {
        size_t need = strlen(number_cases[i].text);

        for (size_t cap = need - 1; cap <= need; cap++) {
            char *buf = base_alloc(cap);
            struct text text;

            text_init_fixed(&text, buf, cap);
            text_add_u64(&text, number_cases[i].value);
            assert_span_is(text_span(&text), cap < need ? "" : number_cases[i].text);
            assert_int_equal(text_failed(&text), cap < need);
            free(buf);
        }
    }
}

static const struct {
    int64_t value;
    const char *text;
} signed_cases[] = {
    {0, "0"},
    {-1, "-1"},
    {7, "7"},
    {-10, "-10"},
    {INT64_MAX, "9223372036854775807"},
    {INT64_MIN, "-9223372036854775808"},
};

static void signed_numbers_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signed_cases); i++) {
        struct text text;

        text_init(&text, 20);
        text_add_i64(&text, signed_cases[i].value);
        assert_span_is(text_span(&text), signed_cases[i].text);
        text_done(&text);
    }
}

static const struct {
    uint64_t value;
    unsigned decimals;
    const char *text;
} fixed_cases[] = {
    {1234, 3, "1.234"},
    {1234, 0, "1234"},
    {1234, 4, "0.1234"},
    {1234, 6, "0.001234"},
    {0, 3, "0.000"},
    {5, 1, "0.5"},
    {1000, 3, "1.000"},
    {UINT64_MAX, 19, "1.8446744073709551615"},
};

static void decimals_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixed_cases); i++) {
        size_t need = strlen(fixed_cases[i].text);
        struct text text;

        text_init(&text, need);
        text_add_fixed(&text, fixed_cases[i].value, fixed_cases[i].decimals);
        assert_span_is(text_span(&text), fixed_cases[i].text);
        text_done(&text);

        text_init(&text, need - 1);
        text_add_fixed(&text, fixed_cases[i].value, fixed_cases[i].decimals);
        assert_true(text_failed(&text));
        assert_int_equal(text.len, 0);
        text_done(&text);
    }
}

static void overflow_sticks_until_reset(void **state)
{
    struct text text;
    char buf[4];

    (void)state;
    text_init_fixed(&text, buf, sizeof(buf));
    text_add(&text, SPAN_LIT("abc"));
    text_add(&text, SPAN_LIT("de"));
    assert_true(text_failed(&text));
    text_add(&text, SPAN_LIT("f"));
    text_add_char(&text, 'f');
    text_add_u64(&text, 1);
    text_add_json(&text, SPAN_LIT(""));
    text_addf(&text, "%s", "");
    text_addf(&text, "f");
    assert_span_is(text_span(&text), "abc");

    text_reset(&text);
    assert_false(text_failed(&text));
    text_add(&text, SPAN_LIT("defg"));
    assert_false(text_failed(&text));
    assert_span_is(text_span(&text), "defg");
    text_add_char(&text, 'h');
    assert_true(text_failed(&text));
    text_done(&text);
}

static void heap_text_grows_by_doubling_to_its_limit(void **state)
{
    struct text text;
    unsigned n_caps = 0;
    size_t cap = 0;

    (void)state;
    text_init(&text, 100000);
    for (unsigned i = 0; i < 100000; i++) {
        text_add_char(&text, (char)('a' + i % 26));
        n_caps += text.cap != cap;
        cap = text.cap;
    }
    assert_false(text_failed(&text));
    assert_int_equal(text.len, 100000);
    assert_true(n_caps <= 10);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(text.ptr[i], 'a' + i % 26);
    text_add_char(&text, 'x');
    assert_true(text_failed(&text));
    assert_int_equal(text.len, 100000);
    text_done(&text);
}

static void nothing_is_added_for_nothing(void **state)
{
    struct text text;

    (void)state;
    text_init(&text, 0);
    text_add(&text, (struct span){0});
    text_addf(&text, "%s", "");
    assert_false(text_failed(&text));
    assert_int_equal(text_span(&text).len, 0);
    text_done(&text);
}

static void format_uses_the_last_byte(void **state)
{
    char *buf = base_alloc(5);
    struct text text;

    (void)state;
    text_init_fixed(&text, buf, 5);
    text_addf(&text, "%d%s", 12, "345");
    assert_span_is(text_span(&text), "12345");
    assert_false(text_failed(&text));
    text_reset(&text);
    text_addf(&text, "%d", 123456);
    assert_true(text_failed(&text));
    assert_int_equal(text.len, 0);
    text_reset(&text);
    text_addf(&text, "%d", 1);
    text_addf(&text, "-%d", 2);
    assert_span_is(text_span(&text), "1-2");
    free(buf);

    text_init(&text, 1000);
    text_addf(&text, "%300d", 1);
    text_addf(&text, "%700d", 2);
    assert_int_equal(text.len, 1000);
    assert_int_equal(text.ptr[299], '1');
    assert_int_equal(text.ptr[999], '2');
    assert_false(text_failed(&text));
    text_done(&text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_string_is_whole_or_absent),
        cmocka_unit_test(json_is_put_where_room_was_made),
        cmocka_unit_test(json_special_byte_is_found_everywhere),
        cmocka_unit_test(json_strings_of_all_lengths_are_whole),
        cmocka_unit_test(numbers_are_written),
        cmocka_unit_test(signed_numbers_are_written),
        cmocka_unit_test(decimals_are_written),
        cmocka_unit_test(overflow_sticks_until_reset),
        cmocka_unit_test(heap_text_grows_by_doubling_to_its_limit),
        cmocka_unit_test(nothing_is_added_for_nothing),
        cmocka_unit_test(format_uses_the_last_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/error.h"
#include "base/text.h"
#include "unit.h"

#define FIFTEEN "fifteen bytes, "

static const struct {
    const char *resource, *field;
    struct span value;
    const char *rule, *line;
} cases[] = {
    {"listener/lsn-1", "port", SPAN_LIT("70000"), "must be 1..65535",
        "listener/lsn-1: port: \"70000\": must be 1..65535"},
    {"node.json", NULL, {0}, "is not JSON", "node.json: is not JSON"},
    {"node.json", "", {0}, "is not JSON", "node.json: is not JSON"},
    {"rule/r", "name", {0}, "is missing", "rule/r: name: is missing"},
    {"rule/r", "name", SPAN_LIT("a\n\"\0b"), "bad", "rule/r: name: \"a\\n\\\"?b\": bad"},
    {"rule/r", "name", SPAN_LIT(FIFTEEN FIFTEEN FIFTEEN FIFTEEN FIFTEEN "75 is cut in between"),
        "too long", "rule/r: name: \"" FIFTEEN FIFTEEN FIFTEEN FIFTEEN FIFTEEN "7...\": too long"},
    /* the two bytes of e acute would be the 76th and 77th */
    {"rule/r", "name",
        SPAN_LIT(FIFTEEN FIFTEEN FIFTEEN FIFTEEN FIFTEEN "\xc3\xa9 is cut in between"), "too long",
        "rule/r: name: \"" FIFTEEN FIFTEEN FIFTEEN FIFTEEN FIFTEEN "...\": too long"},
    {"rule/r", "name", SPAN_LIT(FIFTEEN FIFTEEN FIFTEEN FIFTEEN FIFTEEN "1234"), "just fits",
        "rule/r: name: \"" FIFTEEN FIFTEEN FIFTEEN FIFTEEN FIFTEEN "1234\": just fits"},
};

static void errors_read_as_one_line(void **state)
{
    struct errors errors;

    (void)state;
    errors_init(&errors, 100);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text text;

        errors_add(&errors, cases[i].resource, cases[i].field, cases[i].value, "%s", cases[i].rule);
        assert_int_equal(errors.n, i + 1);
        text_init(&text, 4096);
        error_format(&errors.items[i], &text);
        assert_span_is(text_span(&text), cases[i].line);
        text_done(&text);
    }
    errors_done(&errors);
}

static void further_ones_are_only_counted(void **state)
{
    struct errors errors;

    (void)state;
    errors_init(&errors, 5);
    for (unsigned i = 0; i < 8; i++)
        errors_add(&errors, "file", "field", (struct span){0}, "rule %u", i);
    assert_int_equal(errors.n, 5);
    assert_int_equal(errors.n_dropped, 3);
    assert_string_equal(errors.items[0].rule, "rule 0");
    assert_string_equal(errors.items[4].rule, "rule 4");
    errors_done(&errors);

    errors_init(&errors, 0);
    errors_add(&errors, "file", "field", (struct span){0}, "rule");
    assert_int_equal(errors.n, 0);
    assert_int_equal(errors.n_dropped, 1);
    errors_done(&errors);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_read_as_one_line),
        cmocka_unit_test(further_ones_are_only_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

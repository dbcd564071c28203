#include "http/msg.h"
#include "unit.h"

static const struct {
    const char *name;
    enum http_name id;
} name_cases[] = {
    {"host", HTTP_NAME_HOST},
    {"Host", HTTP_NAME_HOST},
    {"HOST", HTTP_NAME_HOST},
    {"te", HTTP_NAME_TE},
    {"Te", HTTP_NAME_TE},
    {"Content-Length", HTTP_NAME_CONTENT_LENGTH},
    {"CONTENT-LENGTH", HTTP_NAME_CONTENT_LENGTH},
    {"X-Forwarded-Host", HTTP_NAME_X_FORWARDED_HOST},
    {"X-Forwarded-Port", HTTP_NAME_X_FORWARDED_PORT},
    {"x-FORWARDED-client-SRCPORT", HTTP_NAME_X_FORWARDED_CLIENT_SRCPORT},
    {"Slb-Id", HTTP_NAME_SLB_ID},
    {"Slb-Ip", HTTP_NAME_SLB_IP},
    {"", HTTP_NAME_OTHER},
    {"h", HTTP_NAME_OTHER},
    {"hosts", HTTP_NAME_OTHER},
    {"hos", HTTP_NAME_OTHER},
    {"h\xcfst", HTTP_NAME_OTHER},
    {"content_length", HTTP_NAME_OTHER},
    {"content\rlength",
        HTTP_NAME_OTHER}, /* CR and '-' differ in the bit that letters may differ in */
    {"Content-Length0", HTTP_NAME_OTHER},
    {"ContentXLength", HTTP_NAME_OTHER},
    {"x-forwarded-client-srcport-and-more-of-it", HTTP_NAME_OTHER},
};

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(name_cases); i++) {
        print_message("%s\n", name_cases[i].name);
        assert_int_equal(http_name_find(span_of(name_cases[i].name)), name_cases[i].id);
    }
    assert_int_equal(http_name_find((struct span){0}), HTTP_NAME_OTHER);
}

/* name: of that id but for the byte at at, which takes every value. */
static void change_byte(struct span name, char *at, enum http_name id)
{
    const char right = *at;

    for (int c = 0; c < 256; c++) {
        *at = (char)c;
        assert_int_equal(http_name_find(name) == id, ascii_lower((char)c) == right);
    }
    *at = right;
}

static void names_are_found_exactly(void **state)
{
    (void)state;
    for (uint32_t id = HTTP_NAME_OTHER + 1; id < HTTP_NAME_COUNT; id++) {
        struct span text = http_name_text((enum http_name)id);
        char name[32];

        memcpy(name, text.ptr, text.len);
        for (size_t at = 0; at < text.len; at++)
            change_byte((struct span){name, text.len}, name + at, (enum http_name)id);
    }
    assert_span_is(http_name_text(HTTP_NAME_OTHER), "");
}

static void methods_are_found_in_upper_case(void **state)
{
    (void)state;
    for (uint32_t i = HTTP_METHOD_OTHER + 1; i < HTTP_METHOD_COUNT; i++)
        assert_int_equal(http_method_find(http_method_text((enum http_method)i)), i);
    assert_int_equal(http_method_find(SPAN_LIT("DELETE")), HTTP_METHOD_DELETE);
    assert_int_equal(http_method_find(SPAN_LIT("get")), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_find(SPAN_LIT("GETS")), HTTP_METHOD_OTHER);
    assert_int_equal(http_method_find(SPAN_LIT("")), HTTP_METHOD_OTHER);
    assert_true(http_method_idempotent(HTTP_METHOD_PUT));
    assert_false(http_method_idempotent(HTTP_METHOD_POST));
    assert_false(http_method_idempotent(HTTP_METHOD_OTHER));
}

static void statuses_have_phrases(void **state)
{
    (void)state;
    assert_span_is(http_status_phrase(200), "OK");
    assert_span_is(http_status_phrase(413), "Content Too Large");
    assert_span_is(http_status_phrase(504), "Gateway Timeout");
    assert_span_is(http_status_phrase(299), "Unknown");
    assert_span_is(http_status_phrase(0), "Unknown");
}

static void bytes_are_classified(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char byte = (char)c;
        const struct span s = {&byte, 1};
        bool letter_or_digit =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool token = letter_or_digit || (c != 0 && strchr("!#$%&'*+-.^_`|~", c));

        assert_int_equal(http_is_token(s), token);
        assert_int_equal(http_is_field_value(s), c == '\t' || (c >= 0x20 && c != 0x7f));
    }
    assert_false(http_is_token(SPAN_LIT("")));
    assert_false(http_is_token(SPAN_LIT("a b")));
    assert_true(http_is_field_value(SPAN_LIT("")));
    assert_false(http_is_field_value(SPAN_LIT("a\r\nb")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(names_are_found_exactly),
        cmocka_unit_test(methods_are_found_in_upper_case),
        cmocka_unit_test(statuses_have_phrases),
        cmocka_unit_test(bytes_are_classified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

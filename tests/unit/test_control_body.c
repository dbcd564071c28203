#include "control/store/body.h"
#include "unit.h"

/* NULL: not JSON; else the value in the words of json_dumps. */
static const struct {
    const char *json, *expected;
} cases[] = {
    {"{}", "{}"},
    {"[]", "[]"},
    {"{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
        "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}"},
    {"[0,-1,-0,9223372036854775807]", "[0,-1,0,9223372036854775807]"},
    {"[\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\te\"]", "[\"a\\\"b\\\\c/d\\b\\f\\n\\r\\te\"]"},
    {"[\"\\n\",\"\",\"\\n\\n\"]", "[\"\\n\",\"\",\"\\n\\n\"]"},
    {"{\"a\\nb\":\"c\"}", "{\"a\\nb\":\"c\"}"},
    {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
    {"[\"\xe4\xb8\xad\"]", "[\"\xe4\xb8\xad\"]"},
    /* what jansson is asked for */
    {"[\"\\u4e2d\"]", "[\"\xe4\xb8\xad\"]"},
    {" [ 1 , 2 ] ", "[1,2]"},
    {"[1.5,1e2]", "[1.5,100.0]"},
    {"[-9223372036854775808]", "[-9223372036854775808]"},
    /* what is refused */
    {"", NULL},
    {"7", NULL},
    {"[", NULL},
    {"{", NULL},
    {"{\"a\"}", NULL},
    {"{\"a\":}", NULL},
    {"{a:1}", NULL},
    {"[1,]", NULL},
    {"[,1]", NULL},
    {"{\"a\":1,}", NULL},
    {"[1]]", NULL},
    {"[01]", NULL},
    {"[-]", NULL},
    {"[tru]", NULL},
    {"[9223372036854775808]", NULL},
    {"[\"a]", NULL},
    {"[\"a\\", NULL},
    {"[\"\\x\"]", NULL},
    {"[\"a\nb\"]", NULL},
    {"[\"\xff\"]", NULL},
    {"[\"\\u0000\"]", NULL},
    {"{\"\xff\":1}", NULL},
};

static void bodies_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        /* Exactly as long as it is, so that a look behind its end is seen. */
        size_t n = strlen(cases[i].json);
        char *json = base_alloc(n + (n == 0)), *shown;
        json_t *body;

        memcpy(json, cases[i].json, n);
        body = body_read((struct span){json, n});
        shown = body ? json_dumps(body, JSON_COMPACT) : NULL;
        if (!shown != !cases[i].expected || (shown && strcmp(shown, cases[i].expected) != 0))
            fail_msg("%s is read as %s", cases[i].json, shown);
        free(shown);
        free(json);
        json_decref(body);
    }
}

static void depth_is_no_limit(void **state)
{
    char json[401];
    json_t *body;

    (void)state;
    memset(json, '[', 200);
    memset(json + 200, ']', 200);
    json[400] = '\0';
    body = body_read(span_of(json));
    assert_non_null(body);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read),
        cmocka_unit_test(depth_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

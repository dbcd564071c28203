/* Input that nobody sends by mistake, or that a crash left behind. */
#include "snapshot_make.h"

/* Refuses json and returns the first problem in full; the caller frees. */
static struct text refuse(struct span json)
{
    struct builder *builder = builder_new();
    struct candidate *candidate = NULL;
    struct errors errors;
    struct text text;

    errors_init(&errors, 1);
    assert_int_equal(builder_prepare(builder, json, false, &errors, &candidate), -EINVAL);
    assert_null(candidate);
    assert_int_equal(errors.n, 1);
    text = make_error_text(&errors);
    assert_true(errors.items[0].rule[0] != '\0');
    errors_done(&errors);
    builder_free(builder);
    return text;
}

static const struct {
    const char *json, *error;
} cases[] = {
    {"{\"version\":1e999999999}",
        "change: version: \"1e999999999\": must be a whole number from 0 to 9223372036854775807"},
    {"{\"version\":NaN}",
        "change: version: \"NaN\": must be a whole number from 0 to 9223372036854775807"},
    {"{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"i\",\"version\":1e999999999}]}",
        "upsert[0]: is not valid JSON: line 1, column 73: real number overflow near "
        "'1e999999999'"},
    {"{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"i\",\"version\":"
     "99999999999999999999}]}",
        "upsert[0]: is not valid JSON: line 1, column 82: too big integer near "
        "'99999999999999999999'"},
    {"{\"version\":1,\"upsert\":[{\"version\":NaN}]}",
        "upsert[0]: is not valid JSON: line 1, column 38: invalid token near 'NaN'"},
    {"{\"version\":1,\"upsert\":[\n{\"id\":\"a\",\"id\":\"b\"}]}",
        "upsert[0]: is not valid JSON: line 2, column 15: duplicate object key near '\"id\"'"},
    {"{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"a\\u0000b\"}]}",
        "upsert[0]: is not valid JSON: line 1, column 58: \\u0000 is not allowed"},
    {"{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"\xff\"}]}",
        "upsert[0]: is not valid JSON: line 1, column 49: unable to decode byte 0xff near '\"'"},
    {"{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"\xed\xa0\x80\"}]}",
        "upsert[0]: is not valid JSON: line 1, column 49: unable to decode byte 0xed near '\"'"},
    {"{\"version\":1,\"upsert\":[{\"kind\":\"instance\",\"id\":\"a\nb\"}]}",
        "upsert[0]: is not valid JSON: line 1, column 50: unexpected newline near '\"a'"},
    {"{\"version\":1,\"upsert\":[{]]}",
        "upsert[0]: is not valid JSON: line 1, column 26: string or '}' expected near ']'"},
    {"\xef\xbb\xbf{\"version\":1}",
        "change: is not a change in JSON: line 1, column 1: an object is expected: {\"version\": "
        "..., \"upsert\": [...]}"},
};

static void each_is_refused_with_a_clear_word(void **state)
{
    unsigned n_wrong = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text text = refuse(span_of(cases[i].json));

        if (!span_eq(text_span(&text), span_of(cases[i].error))) {
            print_error("%.*s\nis not\n%s\n", SPAN_ARG(text_span(&text)), cases[i].error);
            n_wrong++;
        }
        text_done(&text);
    }
    assert_int_equal(n_wrong, 0);
}

static void zero_bytes_are_refused(void **state)
{
    struct text text = refuse(SPAN_LIT("{\"version\":1,\"upsert\":[\"a\0b\"]}"));

    (void)state;
    text_done(&text);
    text = refuse(SPAN_LIT("{\"version\":1}\0"));
    assert_span_is(text_span(&text),
        "change: is not a change in JSON: line 1, column 14: nothing may follow the object");
    text_done(&text);
    text = refuse((struct span){NULL, 0});
    text_done(&text);
}

/* One byte repeated; 128 KiB here, any size behaves so. */
static void garbage_is_refused(void **state)
{
    static const char bytes[] = "{[\"\\}],:0 \n\0\xff"
                                "a";
    static const char head[] = "{\"version\":1,\"upsert\":[";
    size_t len = (size_t)128 << 10;
    char *garbage = base_alloc(len);

    (void)state;
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        struct text text;

        memset(garbage, bytes[i], len);
        text = refuse((struct span){garbage, len});
        text_done(&text);
        memcpy(garbage, head, sizeof(head) - 1);
        text = refuse((struct span){garbage, len});
        text_done(&text);
    }
    free(garbage);
}

static void a_change_may_not_be_too_large(void **state)
{
    /* the length is looked at before the bytes are */
    struct text text = refuse((struct span){"{", (size_t)SNAPSHOT_JSON_MAX + 1});

    (void)state;
    assert_span_is(text_span(&text), "change: must be at most 268435456 bytes of JSON");
    text_done(&text);
}

static void a_resource_may_not_be_too_large(void **state)
{
    static const char head[] = "{\"version\":1,\"upsert\":[{\"kind\":\"";
    static const char tail[] = "\"}]}";
    size_t len = (size_t)5 << 20;
    char *json = base_alloc(len);
    struct text text;

    (void)state;
    memset(json, 'x', len);
    memcpy(json, head, sizeof(head) - 1);
    memcpy(json + len - sizeof(tail) + 1, tail, sizeof(tail) - 1);
    text = refuse((struct span){json, len});
    assert_span_is(text_span(&text), "upsert[0]: must be at most 4194304 bytes of JSON");
    text_done(&text);
    free(json);
}

/* Cut at any byte, a change is refused and the set in force stays. Each copy is an allocation of its own, so
 * that AddressSanitizer sees a byte too far. */
static void torn_files_are_refused(void **state)
{
    struct builder *builder = builder_new();
    struct text whole;
    struct errors errors;
    struct candidate *candidate;

    (void)state;
    make_change(builder, CHANGE("1", BASE, ""), false);
    text_init(&whole, 1u << 20);
    builder_encode(builder, &whole);
    for (size_t len = 0; len < whole.len - 2; len++) {
        char *copy = base_alloc(len);

        memcpy(copy, whole.ptr, len);
        errors_init(&errors, 10);
        assert_int_equal(
            builder_prepare(builder, (struct span){copy, len}, true, &errors, &candidate), -EINVAL);
        assert_int_equal(errors.n, 1);
        errors_done(&errors);
        free(copy);
    }
    assert_non_null(builder_find(builder, KIND_RULE, "s1"));
    text_done(&whole);
    builder_free(builder);
}

/* {"version":1,"upsert":[INSTANCE, then n of whatever add writes]} */
static struct text make_many(uint32_t n, const char *head, const char *fmt, const char *tail)
{
    char *head_json = make_json(head), *item_json = make_json(fmt), *tail_json = make_json(tail);
    struct text text;

    text_init(&text, 64u << 20);
    text_add(&text, span_of(head_json));
    for (uint32_t i = 0; i < n; i++) {
        struct span rest = span_of(item_json);

        if (i > 0)
            text_add_char(&text, ',');
        while (rest.len > 0) {
            size_t len = span_find(rest, '#');

            text_add(&text, (struct span){rest.ptr, len});
            if (len == rest.len)
                break;
            text_add_u64(&text, i);
            rest = span_from(rest, len + 1);
        }
    }
    text_add(&text, span_of(tail_json));
    free(head_json);
    free(item_json);
    free(tail_json);
    return text;
}

static int prepare(struct builder *builder, const struct text *json, struct text *ret_errors)
{
    struct candidate *candidate;
    struct errors errors;
    int r;

    errors_init(&errors, 3);
    r = builder_prepare(builder, text_span(json), false, &errors, &candidate);
    if (r == 0)
        builder_commit(builder, candidate);
    *ret_errors = make_error_text(&errors);
    errors_done(&errors);
    return r;
}

static void limits_of_lists_hold(void **state)
{
    static const char server[] = "{'id':'s#','ip':'127.0.0.1','port':1#}";
    static const char group[] = "{'version':1,'upsert':[{'kind':'server_group','id':'g',"
                                "'protocol':'tcp','servers':[";
    struct builder *builder = builder_new();
    struct text json = make_many(1000, group, server, "]}]}");
    struct text errors;

    (void)state;
    assert_int_equal(prepare(builder, &json, &errors), 0);
    text_done(&json);
    text_done(&errors);
    json = make_many(1001, group, server, "]}]}");
    assert_int_equal(prepare(builder, &json, &errors), -EINVAL);
    assert_span_is(
        text_span(&errors), "server_group/g: servers: \"[...]\": must have 0 to 1000 elements");
    text_done(&json);
    text_done(&errors);
    builder_free(builder);
}

static void limits_of_rules_hold(void **state)
{
    static const char rule[] = "{'kind':'rule','id':'n#','listener':'s','conditions':["
                               "{'type':'path','match':'prefix','values':['/#']}],'actions':["
                               "{'type':'fixed_response','status':200}]}";
    struct builder *builder = builder_new();
    struct text json = make_many(9999, "{'version':2,'upsert':[", rule, "]}");
    struct text errors;
    uint32_t slot;

    (void)state;
    make_change(builder, CHANGE("1", BASE, ""), false);
    if (prepare(builder, &json, &errors) != 0)
        fail_msg("%.*s", SPAN_ARG(text_span(&errors)));
    text_done(&json);
    text_done(&errors);
    slot = make_slot(builder, KIND_RULE, "n9998");
    json = make_many(2, "{'version':2,'upsert':[",
        "{'kind':'rule','id':'q#','listener':'s',"
        "'conditions':[{'type':'host','values':['h#']}],'actions':["
        "{'type':'fixed_response','status':200}]}",
        "]}");
    assert_int_equal(prepare(builder, &json, &errors), -EINVAL);
    assert_span_is(text_span(&errors), "listener/s: must have at most 10000 rules, not 10002");
    text_done(&json);
    text_done(&errors);
    assert_int_equal(make_slot(builder, KIND_RULE, "n9998"), slot);
    builder_free(builder);
}

/* Many problems cost as much as many resources do. */
static void many_problems_are_counted(void **state)
{
    struct builder *builder = builder_new();
    struct text json = make_many(2000, "{'version':1,'upsert':[",
        "{'kind':'rule','id':'r#',"
        "'listener':'x','conditions':[],'actions':7,'a':1,'b':2}",
        "]}");
    struct candidate *candidate;
    struct errors errors;

    (void)state;
    errors_init(&errors, 10);
    assert_int_equal(
        builder_prepare(builder, text_span(&json), false, &errors, &candidate), -EINVAL);
    assert_int_equal(errors.n, 10);
    assert_int_equal(errors.n_dropped, 2000 * 4 - 10);
    errors_done(&errors);
    text_done(&json);
    builder_free(builder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_refused_with_a_clear_word),
        cmocka_unit_test(zero_bytes_are_refused),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_change_may_not_be_too_large),
        cmocka_unit_test(a_resource_may_not_be_too_large),
        cmocka_unit_test(torn_files_are_refused),
        cmocka_unit_test(limits_of_lists_hold),
        cmocka_unit_test(limits_of_rules_hold),
        cmocka_unit_test(many_problems_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

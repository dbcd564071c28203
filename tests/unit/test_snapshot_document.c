#include "base/text.h"
#include "snapshot/document.h"
#include "unit.h"

/* items: what upsert and remove hold, each behind a bar; errors: as told. */
static const struct {
    const char *json, *items, *errors;
    uint64_t version;
} cases[] = {
    {"{\"version\":7}", "", "", 7},
    {" {\t\"version\"\n:\r0 } ", "", "", 0},
    {"{\"version\":9223372036854775807,\"upsert\":[],\"remove\":[ ]}", "", "", INT64_MAX},
    {"{\"version\":1,\"upsert\":[1 , {\"a\":[\"]}\\\"\"]},\n\"x,]\"],\"remove\":[null]}",
        "|1|{\"a\":[\"]}\\\"\"]}|\"x,]\"|null", "", 1},
    /* what is inside of elements is for others to judge */
    {"{\"version\":1,\"upsert\":[{]]}", "|{]", "", 1},
    {"{\"version\":1,\"upsert\":[tru]}", "|tru", "", 1},
    /* shape */
    {"", "", "change: is not a change in JSON: line 1, column 1: the text ends too soon", 0},
    {"  \n ", "", "change: is not a change in JSON: line 2, column 2: the text ends too soon", 0},
    {"[]", "",
        "change: is not a change in JSON: line 1, column 1: an object is expected: {\"version\": "
        "..., \"upsert\": [...]}",
        0},
    {"{}", "", "change: version: is required", 0},
    {"{\"version\":1}{", "",
        "change: is not a change in JSON: line 1, column 14: nothing may follow the object", 0},
    {"{\"version\":1,}", "",
        "change: is not a change in JSON: line 1, column 14: a key is expected here", 0},
    {"{\"version\":1 \"upsert\":[]}", "",
        "change: is not a change in JSON: line 1, column 14: a comma or the end of the object is "
        "expected here",
        0},
    {"{\"version\" 1}", "",
        "change: is not a change in JSON: line 1, column 12: a colon is expected here", 0},
    {"{\"version\":}", "",
        "change: is not a change in JSON: line 1, column 12: a value is expected here", 0},
    {"{version:1}", "", "change: is not a change in JSON: line 1, column 2: a key is expected here",
        0},
    {"{\"versions\":1}", "",
        "change: is not a change in JSON: line 1, column 2: the keys are \"version\", \"upsert\" "
        "and \"remove\"",
        0},
    {"{\"version\":1,\"version\":2}", "",
        "change: is not a change in JSON: line 1, column 25: the same key appears twice", 0},
    {"{\"version\":1,\"upsert\":[],\"upsert\":[]}", "",
        "change: is not a change in JSON: line 1, column 37: the same key appears twice", 0},
    {"{\"version\":1,\"upsert\":{}}", "",
        "change: is not a change in JSON: line 1, column 23: \"upsert\" must be an array", 0},
    {"{\"version\":1,\"remove\":0}", "",
        "change: is not a change in JSON: line 1, column 23: \"remove\" must be an array", 0},
    {"{\"version\":1,\"upsert\":[}", "",
        "change: is not a change in JSON: line 1, column 23: \"upsert\" must be an array", 0},
    /* versions */
    {"{\"version\":01}", "",
        "change: version: \"01\": must be a whole number from 0 to 9223372036854775807", 0},
    {"{\"version\":-1}", "",
        "change: version: \"-1\": must be a whole number from 0 to 9223372036854775807", 0},
    {"{\"version\":1.5}", "",
        "change: version: \"1.5\": must be a whole number from 0 to 9223372036854775807", 0},
    {"{\"version\":\"1\"}", "",
        "change: version: \"\\\"1\\\"\": must be a whole number from 0 to 9223372036854775807", 0},
    {"{\"version\":9223372036854775808}", "",
        "change: version: \"9223372036854775808\": must be a whole number from 0 to "
        "9223372036854775807",
        0},
    {"{\"version\":99999999999999999999}", "",
        "change: version: \"99999999999999999999\": must be a whole number from 0 to "
        "9223372036854775807",
        0},
    /* arrays */
    {"{\"version\":1,\"upsert\":[1,]}", "|1",
        "change: is not a change in JSON: line 1, column 26: a value is expected here", 1},
    {"{\"version\":1,\"upsert\":[,1]}", "",
        "change: is not a change in JSON: line 1, column 24: a value is expected here", 1},
    {"{\"version\":1,\"upsert\":[1 2]}", "",
        "change: is not a change in JSON: line 1, column 26: a comma or the end of the array is "
        "expected here",
        1},
    {"{\"version\":1,\"upsert\":[1}]}", "",
        "change: is not a change in JSON: line 1, column 23: \"upsert\" must be an array", 0},
    {"{\"version\":1,\"upsert\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
        "|[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]", "", 1},
    {"{\"version\":1,\"upsert\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}", "",
        "change: is not a change in JSON: line 1, column 39: nested too deeply", 0},
};

static void add_items(
    struct document *document, struct span array, struct text *out, struct errors *errors)
{
    struct span item;
    size_t pos = 0;

    while (document_next(document, array, &pos, &item, errors) == 1) {
        text_add_char(out, '|');
        text_add(out, item);
    }
}

static void read(
    struct span json, struct document *document, struct text *items, struct text *messages)
{
    struct errors errors;

    errors_init(&errors, 10);
    text_init(items, 1u << 16);
    text_init(messages, 1u << 16);
    if (document_read(json, document, &errors) == 0) {
        add_items(document, document->upsert, items, &errors);
        add_items(document, document->remove, items, &errors);
    }
    for (uint32_t i = 0; i < errors.n; i++)
        error_format(&errors.items[i], messages);
    errors_done(&errors);
}

static void documents_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct document document = {0};
        struct text items, messages;

        read(span_of(cases[i].json), &document, &items, &messages);
        assert_span_is(text_span(&messages), cases[i].errors);
        assert_span_is(text_span(&items), cases[i].items);
        assert_int_equal(document.version, cases[i].version);
        text_done(&items);
        text_done(&messages);
    }
}

/* Cut anywhere, the text is refused and says where it ends. Each copy is its own allocation, so that
 * AddressSanitizer sees a byte too far. */
static void torn_documents_are_refused(void **state)
{
    static const char whole[] =
        "{\"version\":12,\"upsert\":[{\"a\":\"b\\\"\"},17],\"remove\":[{\"c\":[1,2]}]}";

    (void)state;
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *copy = base_alloc(len);
        struct document document = {0};
        struct text items, messages;

        memcpy(copy, whole, len);
        read((struct span){copy, len}, &document, &items, &messages);
        assert_true(messages.len > 0);
        assert_int_equal(items.len, 0);
        text_done(&items);
        text_done(&messages);
        free(copy);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_taken_apart),
        cmocka_unit_test(torn_documents_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

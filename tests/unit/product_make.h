/* Products without a node: operations of the program's products on a catalog of their own, called by name with parameters
 * as a form. Reads that ask what became of a document need a delivery, which there is none of here. */
#pragma once

#include "control/api/dispatch.h"
#include "control/control.h"
#include "control/products/inventory/inventory.h"
#include "control_make.h"

#define PRODUCT_NOW_MS 1767323045000ull /* 2026-01-02T03:04:05Z */

static struct control product_control;
static struct api *product_api;

static int product_setup(void **state)
{
    struct errors errors = {0};
    const char *why = "";
    struct txn *txn;

    if (make_dir_setup(state) < 0 || node_read(NULL, true, &product_control.node, &errors) < 0)
        return -1;
    product_control.store = make_store();
    product_control.catalog = catalog_open(product_control.store, &why);
    product_api = api_make(&product_control, products, n_products);
    txn = txn_begin(product_control.catalog);
    if (inventory_start(txn, &product_control.node) < 0)
        return -1;
    return txn_commit(txn, NULL, 0, NULL);
}

static int product_teardown(void **state)
{
    product_api = api_free(product_api);
    product_control.catalog = catalog_free(product_control.catalog);
    product_control.store = store_close(product_control.store);
    product_control = (struct control){0};
    return make_dir_teardown(state);
}

/* A document that the test needs and no operation of its product makes. */
static inline void product_add_doc(const char *kind, const char *id, const char *json)
{
    struct txn *txn = txn_begin(product_control.catalog);

    assert_int_equal(txn_add(txn, kind, id, json_loads(json, 0, NULL)), 0);
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

/* One call, "Nlb CreateListener". It must end with that code; "": it must succeed. The answer is a new reference. */
static inline json_t *product_call(const char *code, const char *name, const char *form)
{
    static const struct principal who = {"key-1", true};
    struct span rest = span_of(name), product;
    struct params params = {0};
    struct dispatch_request request = {
        .params = &params,
        .who = &who,
        .request_id = "REQUEST-1",
        .host = "api.test",
        .source_ip = "127.0.0.9",
        .user_agent = "test",
        .now_ms = PRODUCT_NOW_MS,
    };
    struct text text;
    json_t *answer;

    assert_true(span_next(&rest, ' ', &product));
    request.op = openapi_operation_find(openapi_product_by_name(product), rest);
    assert_non_null(request.op);
    assert_int_equal(params_decode_form(&params, span_of(form)), 0);
    text_init(&text, 1 << 20);
    (void)dispatch(product_api, &request, &text);
    answer = json_loadb(text.ptr, text.len, 0, NULL);
    if (strcmp(json_text(answer, "Code") ?: "", code) != 0)
        fail_msg("%s: %.*s instead of %s", name, SPAN_ARG(text_span(&text)), code);
    text_done(&text);
    params_done(&params);
    return answer;
}

/* Succeeds; the text of a member of the answer, in one of a few buffers that take turns; NULL without member. */
static inline PRINTF_LIKE(3, 4) const
    char *product_do(const char *name, const char *member, const char *fmt, ...)
{
    static char bufs[8][128];
    static unsigned turn;
    char form[4096], *buf = bufs[turn++ % ARRAY_LEN(bufs)];
    json_t *answer;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(form, sizeof(form), fmt, args);
    va_end(args);
    answer = product_call("", name, form);
    if (member)
        (void)snprintf(buf, sizeof(bufs[0]), "%s", json_text(answer, member));
    json_decref(answer);
    return member ? buf : NULL;
}

static inline PRINTF_LIKE(3, 4) void product_fails(
    const char *code, const char *name, const char *fmt, ...)
{
    char form[4096];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(form, sizeof(form), fmt, args);
    va_end(args);
    json_decref(product_call(code, name, form));
}

/* Whether two values are equal; "*" stands for any text. */
static inline bool product_is_like(json_t *actual, json_t *expected)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_string(expected) && strcmp(json_string_value(expected), "*") == 0)
        return json_is_string(actual);
    if (json_typeof(actual) != json_typeof(expected))
        return false;
    if (json_is_array(expected)) {
        bool is_like = json_array_size(actual) == json_array_size(expected);

        json_array_foreach (expected, i, value)
            is_like = is_like && product_is_like(json_array_get(actual, i), value);
        return is_like;
    }
    if (!json_is_object(expected))
        return json_equal(actual, expected);
    json_object_foreach (expected, key, value)
        if (!json_has(actual, key) || !product_is_like(json_object_get(actual, key), value))
            return false;
    return json_object_size(actual) == json_object_size(expected);
}

/* The committed body of a document is exactly that; NULL: there is none. */
static inline void product_assert_body(const char *kind, const char *id, const char *expected_json)
{
    struct txn *txn = txn_begin(product_control.catalog);
    const struct doc *doc = txn_get(txn, kind, id);
    json_t *expected = expected_json ? json_loads(expected_json, 0, NULL) : NULL;

    if (expected_json)
        assert_non_null(expected);
    if (!doc != !expected || (doc && !product_is_like(doc->body, expected))) {
        char *text = doc ? json_dumps(doc->body, JSON_SORT_KEYS) : base_strdup("not there");

        (void)txn_abort(txn);
        print_error("%s is %s\n", id, text);
        free(text);
        fail();
    }
    json_decref(expected);
    (void)txn_abort(txn);
}

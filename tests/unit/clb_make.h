/* CLB without a node: its operations on a catalog of their own, called by name with parameters as a form. */
#pragma once

#include "control/api/dispatch.h"
#include "control/control.h"
#include "control/products/inventory/inventory.h"
#include "control_make.h"

#define CLB_NOW_MS 1767323045000ull /* 2026-01-02T03:04:05Z */

extern const struct product product_clb;

static const struct product *const clb_products[] = {&product_clb};
static struct control clb_control;
static struct api *clb_api;

static int clb_setup(void **state)
{
    struct errors errors = {0};
    const char *why = "";
    struct txn *txn;

    if (make_dir_setup(state) < 0 || node_read(NULL, true, &clb_control.node, &errors) < 0)
        return -1;
    clb_control.store = make_store();
    clb_control.catalog = catalog_open(clb_control.store, &why);
    clb_api = api_make(&clb_control, clb_products, 1);
    txn = txn_begin(clb_control.catalog);
    if (inventory_start(txn, &clb_control.node) < 0)
        return -1;
    return txn_commit(txn, NULL, 0, NULL);
}

static int clb_teardown(void **state)
{
    clb_api = api_free(clb_api);
    clb_control.catalog = catalog_free(clb_control.catalog);
    clb_control.store = store_close(clb_control.store);
    clb_control = (struct control){0};
    return make_dir_teardown(state);
}

/* A document that other products would have made. */
static inline void clb_add_doc(const char *kind, const char *id, const char *json)
{
    struct txn *txn = txn_begin(clb_control.catalog);

    assert_int_equal(txn_add(txn, kind, id, json_loads(json, 0, NULL)), 0);
    assert_int_equal(txn_commit(txn, NULL, 0, NULL), 0);
}

/* One call; "good" for code: it must succeed. The answer is a new reference. */
static inline json_t *clb_call(const char *name, const char *form, const char *code)
{
    static const struct principal who = {"key-1", true};
    const struct openapi_product *product = openapi_product_by_name(SPAN_LIT("Slb"));
    struct params params = {0};
    const struct dispatch_request request = {
        .op = openapi_operation_find(product, span_of(name)),
        .params = &params,
        .who = &who,
        .request_id = "REQUEST-1",
        .host = "api.test",
        .source_ip = "127.0.0.9",
        .user_agent = "test",
        .now_ms = CLB_NOW_MS,
    };
    const char *answered;
    struct text text;
    json_t *answer;

    assert_non_null(request.op);
    assert_int_equal(params_decode_form(&params, span_of(form)), 0);
    text_init(&text, 1 << 20);
    (void)dispatch(clb_api, &request, &text);
    answer = json_loadb(text.ptr, text.len, 0, NULL);
    answered = json_text(answer, "Code") ? json_text(answer, "Code") : "good";
    if (strcmp(answered, code) != 0)
        print_error("%s: %.*s\n", name, SPAN_ARG(text_span(&text)));
    assert_string_equal(answered, code);
    text_done(&text);
    params_done(&params);
    return answer;
}

/* The same; parameters by a format, the answer's text member into buf of 96 (NULL: not wanted). */
__attribute__((format(printf, 4, 5))) static inline void clb_do(
    const char *name, const char *member, char *buf, const char *fmt, ...)
{
    char form[4096];
    json_t *answer;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(form, sizeof(form), fmt, args);
    va_end(args);
    answer = clb_call(name, form, "good");
    if (member)
        (void)snprintf(buf, 96, "%s", json_text(answer, member));
    json_decref(answer);
}

__attribute__((format(printf, 3, 4))) static inline void clb_fails(
    const char *code, const char *name, const char *fmt, ...)
{
    char form[4096];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(form, sizeof(form), fmt, args);
    va_end(args);
    json_decref(clb_call(name, form, code));
}

/* The committed body of a document: a new reference, NULL if there is none. */
static inline json_t *clb_body(const char *kind, const char *id)
{
    struct txn *txn = txn_begin(clb_control.catalog);
    const json_t *body = txn_body(txn, kind, id);
    json_t *copy = body ? json_deep_copy(body) : NULL;

    (void)txn_abort(txn);
    return copy;
}

/* A body is exactly what the text says, with '*' for texts that are made at random. */
static inline bool clb_is_like(const json_t *actual, const json_t *expected)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_string(expected) && strcmp(json_string_value(expected), "*") == 0)
        return json_is_string(actual);
    if (json_is_array(expected)) {
        if (json_array_size(actual) != json_array_size(expected))
            return false;
        json_array_foreach (expected, i, value)
            if (!clb_is_like(json_array_get(actual, i), value))
                return false;
        return true;
    }
    if (!json_is_object(expected))
        return json_equal(actual, expected);
    json_object_foreach ((json_t *)(uintptr_t)expected, key, value)
        if (!clb_is_like(json_object_get(actual, key), value))
            return false;
    return json_object_size(actual) == json_object_size(expected);
}

static inline void clb_assert_body(const char *kind, const char *id, const char *expected_json)
{
    json_t *actual = clb_body(kind, id);
    json_t *expected = json_loads(expected_json, 0, NULL);

    assert_non_null(expected);
    if (!clb_is_like(actual, expected)) {
        char *text = json_dumps(actual, JSON_SORT_KEYS);

        print_error("%s is %s\n", id, text);
        free(text);
        fail();
    }
    json_decref(actual);
    json_decref(expected);
}

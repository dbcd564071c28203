/* A product for tests of the dispatcher: things, which are documents of kind vpc.vpc, with operations that show one
 * rule each. Names are in the order that tables keep. */
#pragma once

#include "control/api/dispatch.h"
#include "control/control.h"
#include "control_make.h"

#define THING_KIND "vpc.vpc"
#define NOW_MS     1767323045000ull /* 2026-01-02T03:04:05Z */

#define TEXT(field)                           \
    {                                         \
        .name = field, .type = OPENAPI_STRING \
    }
#define NUMBER(field)                          \
    {                                          \
        .name = field, .type = OPENAPI_INTEGER \
    }
#define FLAG(field)                            \
    {                                          \
        .name = field, .type = OPENAPI_BOOLEAN \
    }
#define TEXTS(field)                                           \
    {                                                          \
        .name = field, .type = OPENAPI_STRING, .is_list = true \
    }
#define STRUCT(list)                                                        \
    {                                                                       \
        .type = OPENAPI_STRUCT, .fields = list, .n_fields = ARRAY_LEN(list) \
    }
#define LIST(nm, list)                                                       \
    {                                                                        \
        .name = nm, .type = OPENAPI_STRUCT, .is_list = true, .fields = list, \
        .n_fields = ARRAY_LEN(list)                                          \
    }

static const struct openapi_field tag_fields[] = {TEXT("Key"), TEXT("Value")};
static const struct openapi_field create_in[] = {
    TEXT("ClientToken"),
    FLAG("DryRun"),
    {.name = "Name", .type = OPENAPI_STRING, .required = true},
    {.name = "Password", .type = OPENAPI_STRING, .secret = true},
    {.name = "RegionId", .type = OPENAPI_STRING, .required = true},
    LIST("Tag", tag_fields),
};
static const struct openapi_field create_out[] = {
    TEXT("JobId"), TEXT("RequestId"), TEXT("ThingId")};
static const struct openapi_field token_in[] = {
    NUMBER("MaxResults"), TEXT("NextToken"), LIST("Tag", tag_fields)};
static const struct openapi_field number_in[] = {NUMBER("PageNumber"), NUMBER("PageSize")};
static const struct openapi_field thing_fields[] = {TEXT("Name"), TEXT("ThingId")};
static const struct openapi_field list_out[] = {NUMBER("MaxResults"), TEXT("NextToken"),
    NUMBER("PageNumber"), NUMBER("PageSize"), TEXT("RequestId"), LIST("Things", thing_fields),
    NUMBER("TotalCount")};
static const struct openapi_field tag_in[] = {FLAG("All"), TEXTS("ResourceId"),
    TEXT("ResourceType"), LIST("Tag", tag_fields), TEXTS("TagKey")};
static const struct openapi_field tag_row[] = {
    TEXT("ResourceId"), TEXT("TagKey"), TEXT("TagValue")};
static const struct openapi_field tag_out[] = {TEXT("RequestId"), LIST("TagResources", tag_row)};

static const struct openapi_product things;
static const struct openapi_operation thing_operations[] = {
    {.name = "BreakThing", .product = &things, .in = STRUCT(create_in), .out = STRUCT(create_out)},
    {.name = "CreateThing", .product = &things, .in = STRUCT(create_in), .out = STRUCT(create_out)},
    {.name = "ListNumbered",
        .product = &things,
        .is_read = true,
        .in = STRUCT(number_in),
        .out = STRUCT(list_out)},
    {.name = "ListTagResources",
        .product = &things,
        .is_read = true,
        .in = STRUCT(tag_in),
        .out = STRUCT(tag_out)},
    {.name = "ListThings",
        .product = &things,
        .is_read = true,
        .in = STRUCT(token_in),
        .out = STRUCT(list_out)},
    {.name = "ModifyPayType", .product = &things, .tier = OPENAPI_NA},
    {.name = "MoveThing", .product = &things, .tier = OPENAPI_P2},
    {.name = "TagResources", .product = &things, .in = STRUCT(tag_in), .out = STRUCT(tag_out)},
    {.name = "UntagResources", .product = &things, .in = STRUCT(tag_in), .out = STRUCT(tag_out)},
};
static const struct openapi_product things = {
    "Things", "2000-01-01", thing_operations, ARRAY_LEN(thing_operations), 0};

static const struct tag_kind thing_tags[] = {{"thing", THING_KIND}, {NULL, NULL}};

static int create_thing(struct call *call)
{
    json_t *body = json_object();
    char id[64];
    int r;

    txn_new_id(call->txn, "thing-", id);
    json_put_text(body, "Name", call_text(call, "Name"));
    r = txn_add(call->txn, THING_KIND, id, body);
    assert(r == 0);
    r = call_tags(call, body);
    if (r < 0)
        return r;
    call_resource(call, id);
    call_job(call, "thing");
    json_put_text(call->out, "ThingId", id);
    return 0;
}

static int break_thing(struct call *call)
{
    int r = create_thing(call);

    return r < 0 ? r : call_fail(call, "OperationDenied.Thing", "It broke.");
}

static int list_things(struct call *call)
{
    struct doc_list list;
    json_t *rows = json_array();
    uint32_t n = 0;
    int r;

    json_put(call->out, "Things", rows);
    txn_list(call->txn, THING_KIND, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (call_tags_match(call, list.docs[i]->body))
            list.docs[n++] = list.docs[i];
    }
    list.n = n;
    r = call_page(call, &list);
    for (uint32_t i = 0; i < list.n && r == 0; i++) {
        json_t *row = json_deep_copy(list.docs[i]->body);

        json_put_text(row, "ThingId", list.docs[i]->id);
        (void)json_array_append_new(rows, row);
    }
    doc_list_done(&list);
    return r;
}

static int tag_things(struct call *call)
{
    return call_tag_resources(call, thing_tags, "ResourceNotFound.Thing");
}

static int untag_things(struct call *call)
{
    return call_untag_resources(call, thing_tags, "ResourceNotFound.Thing");
}

static int list_thing_tags(struct call *call)
{
    return call_list_tag_resources(call, thing_tags);
}

static const struct call_operation thing_functions[] = {
    {"BreakThing", break_thing},
    {"CreateThing", create_thing},
    {"ListNumbered", list_things},
    {"ListTagResources", list_thing_tags},
    {"ListThings", list_things},
    {"TagResources", tag_things},
    {"UntagResources", untag_things},
};
static const struct product thing_product = {"Things", thing_functions, ARRAY_LEN(thing_functions)};
static const struct product *const thing_products[] = {&thing_product};

/* --- calling ------------------------------------------------------------------------------------- */

static struct control thing_control;
static struct api *thing_api;
static struct principal thing_caller;
static uint64_t thing_now_ms;

static int things_setup(void **state)
{
    const char *why = "";

    if (make_dir_setup(state) < 0)
        return -1;
    thing_control = (struct control){.node = {.region = "here", .rate_limit = 10, .event_days = 1}};
    thing_control.store = make_store();
    thing_control.catalog = catalog_open(thing_control.store, &why);
    if (!thing_control.catalog)
        return -1;
    thing_api = api_make(&thing_control, thing_products, 1);
    thing_caller = (struct principal){"key-1", true};
    thing_now_ms = NOW_MS;
    return 0;
}

static int things_teardown(void **state)
{
    thing_api = api_free(thing_api);
    thing_control.catalog = catalog_free(thing_control.catalog);
    thing_control.store = store_close(thing_control.store);
    return make_dir_teardown(state);
}

/* One call with parameters as a form. The answer is a new reference. */
static inline json_t *things_call(const char *name, const char *form, unsigned expected_status)
{
    const struct openapi_operation *op = openapi_operation_find(&things, span_of(name));
    struct params params = {0};
    const struct dispatch_request request = {
        .op = op,
        .params = &params,
        .who = &thing_caller,
        .request_id = "REQUEST-1",
        .host = "api.test",
        .source_ip = "127.0.0.9",
        .user_agent = "test",
        .now_ms = thing_now_ms,
    };
    struct text text;
    json_t *answer;
    unsigned status;

    assert_non_null(op);
    assert_int_equal(params_decode_form(&params, span_of(form)), 0);
    text_init(&text, 1 << 20);
    status = dispatch(thing_api, &request, &text);
    answer = json_loadb(text.ptr, text.len, 0, NULL);
    if (status != expected_status)
        print_error("%.*s\n", SPAN_ARG(text_span(&text)));
    assert_int_equal(status, expected_status);
    assert_non_null(answer);
    assert_string_equal(json_text(answer, "RequestId"), "REQUEST-1");
    text_done(&text);
    params_done(&params);
    return answer;
}

/* A call that must fail with that code. */
static inline void things_fail(
    const char *name, const char *form, unsigned status, const char *code)
{
    json_t *answer = things_call(name, form, status);

    assert_string_equal(json_text(answer, "Code"), code);
    assert_string_equal(json_text(answer, "HostId"), "api.test");
    assert_true(json_text(answer, "Message")[0] != '\0');
    json_decref(answer);
}

static inline uint32_t things_count(const char *kind)
{
    struct txn *txn = txn_begin(thing_control.catalog);
    uint32_t n = txn_count(txn, kind);

    (void)txn_abort(txn);
    return n;
}

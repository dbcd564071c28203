/* An operation that has one of each, for the tests of openapi. */
#pragma once

#include "openapi/params.h"
#include "unit.h"

static const char *const make_colors[] = {"Red", "green", "http_2xx", NULL};
static const char *const make_on[] = {"on", "off", NULL};
static const char *const make_off[] = {"off", NULL};

static const struct openapi_field make_entry_fields[] = {
    {.name = "Port",
        .type = OPENAPI_INTEGER,
        .has_min = true,
        .min = 1,
        .has_max = true,
        .max = 65535},
    {.name = "entry", .type = OPENAPI_STRING, .required = true},
};
static const struct openapi_field make_deep_fields[] = {
    {.name = "Key", .type = OPENAPI_STRING, .len_max = 5},
    {.name = "Weights", .type = OPENAPI_INTEGER, .is_list = true},
};
static const struct openapi_field make_server_fields[] = {
    {.name = "Deep",
        .type = OPENAPI_STRUCT,
        .is_list = true,
        .fields = make_deep_fields,
        .n_fields = 2},
    {.name = "Port",
        .type = OPENAPI_INTEGER,
        .required = true,
        .has_min = true,
        .min = 1,
        .has_max = true,
        .max = 65535},
    {.name = "ServerId", .type = OPENAPI_STRING},
    {.name = "Weight", .type = OPENAPI_INTEGER, .has_max = true, .max = 100, .default_text = "100"},
};
static const struct openapi_field make_target_fields[] = {
    {.name = "Id", .type = OPENAPI_STRING},
    {.name = "Mode",
        .type = OPENAPI_STRING,
        .names = make_on,
        .required = true,
        .refused = "Only one of them is built.",
        .built = make_off},
};
static const struct openapi_field make_in_fields[] = {
    {.name = "AclIds", .type = OPENAPI_STRING, .is_list = true, .items_min = 1, .items_max = 3},
    {.name = "Bandwidth",
        .type = OPENAPI_INTEGER,
        .has_min = true,
        .min = 1,
        .has_max = true,
        .max = 5120,
        .default_text = "-1"},
    {.name = "Codes", .type = OPENAPI_STRING, .is_comma = true, .names = make_colors},
    {.name = "Color", .type = OPENAPI_STRING, .names = make_colors},
    {.name = "Config", .type = OPENAPI_STRUCT, .fields = make_deep_fields, .n_fields = 2},
    {.name = "Entries",
        .type = OPENAPI_STRUCT,
        .is_list = true,
        .is_json = true,
        .fields = make_entry_fields,
        .n_fields = 2},
    {.name = "Flag", .type = OPENAPI_BOOLEAN},
    {.name = "Gzip",
        .type = OPENAPI_STRING,
        .names = make_on,
        .default_text = "off",
        .refused = "Compression is not built."},
    {.name = "Ids", .type = OPENAPI_STRING, .is_list = true, .is_json = true},
    {.name = "Long", .type = OPENAPI_LONG},
    {.name = "Name", .type = OPENAPI_STRING, .required = true, .len_min = 2, .len_max = 6},
    {.name = "OwnerId", .type = OPENAPI_LONG, .cloud = true, .default_text = "7"},
    {.name = "Password", .type = OPENAPI_STRING, .secret = true, .len_min = 8, .len_max = 100},
    {.name = "Proxy",
        .type = OPENAPI_STRUCT,
        .is_json = true,
        .fields = make_entry_fields,
        .n_fields = 1},
    {.name = "Quic",
        .type = OPENAPI_STRUCT,
        .fields = make_deep_fields,
        .n_fields = 2,
        .refused = "QUIC is not built."},
    {.name = "Ratio", .type = OPENAPI_DOUBLE},
    {.name = "Servers",
        .type = OPENAPI_STRUCT,
        .is_list = true,
        .fields = make_server_fields,
        .n_fields = 4},
    {.name = "Sticky",
        .type = OPENAPI_STRING,
        .names = make_on,
        .refused = "Stickiness is not built.",
        .built = make_off},
    {.name = "Target", .type = OPENAPI_STRUCT, .fields = make_target_fields, .n_fields = 2},
    {.name = "healthCheckInterval", .type = OPENAPI_INTEGER},
};
static const struct openapi_field make_tag_fields[] = {
    {.name = "Tag",
        .type = OPENAPI_STRUCT,
        .is_list = true,
        .fields = make_deep_fields,
        .n_fields = 2},
};
static const struct openapi_field make_port_fields[] = {
    {.name = "Port", .type = OPENAPI_INTEGER, .is_list = true},
};
static const struct openapi_field make_out_fields[] = {
    {.name = "Count", .type = OPENAPI_INTEGER},
    {.name = "Enabled", .type = OPENAPI_BOOLEAN},
    {.name = "Items",
        .type = OPENAPI_STRUCT,
        .is_list = true,
        .fields = make_server_fields,
        .n_fields = 4},
    {.name = "Ports", .type = OPENAPI_STRUCT, .fields = make_port_fields, .n_fields = 1},
    {.name = "Ratio", .type = OPENAPI_DOUBLE},
    {.name = "Switch", .type = OPENAPI_STRING},
    {.name = "Tags", .type = OPENAPI_STRUCT, .fields = make_tag_fields, .n_fields = 1},
};
static const struct openapi_error make_errors[] = {
    {"Odd.NotFound", 400},
    {"ResourceNotFound.Listener", 404},
    {"Unknown", 0},
};
static const struct openapi_operation make_operation = {
    .name = "CreateThing",
    .in = {.type = OPENAPI_STRUCT, .fields = make_in_fields, .n_fields = ARRAY_LEN(make_in_fields)},
    .out = {.type = OPENAPI_STRUCT,
        .fields = make_out_fields,
        .n_fields = ARRAY_LEN(make_out_fields)},
    .errors = make_errors,
    .n_errors = ARRAY_LEN(make_errors),
};
/* What every call without more than a name has. */
#define MAKE_REST "\"Bandwidth\":-1,\"Gzip\":\"off\",\"Name\":\"ab\""

static inline void make_assert_json(json_t *actual, const char *expected)
{
    char *text = json_dumps(actual, JSON_COMPACT | JSON_SORT_KEYS);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(actual);
}

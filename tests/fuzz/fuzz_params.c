/* The input is the query string or the form body of a call. */
#include "openapi/params.h"

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Deep lists, JSON texts of all three kinds, commas, defaults. */
static const char *const operations[][2] = {
    {"Alb", "CreateRule"},
    {"Alb", "CreateListener"},
    {"Alidns", "OperateBatchDomain"},
    {"Nlb", "CreateListener"},
    {"Nlb", "AddServersToServerGroup"},
    {"Slb", "CreateLoadBalancerHTTPListener"},
    {"Slb", "DeleteRules"},
    {"Slb", "SetVServerGroupAttribute"},
    {"Slb", "UploadServerCertificate"},
};

/* What was decoded has only what the table has, and says the same after a round over the wire. */
static void check_round(const struct openapi_operation *op, json_t *in)
{
    struct params params = {0};
    struct params_error error;
    json_t *again = NULL;
    int r = params_encode(op, in, &params, &error);

    CHECK(r == 0 || r == -E2BIG);
    if (r == 0) {
        CHECK(params_decode(op, &params, &again, &error) == 0);
        CHECK(json_equal(in, again));
        json_decref(again);
        CHECK(params_check(op, in, &again, &error) == 0);
        CHECK(json_equal(in, again));
        json_decref(again);
    }
    params_done(&params);
    json_decref(params_without_secrets(op, in));
    json_decref(params_answer(op, in));
}

static void check_error(const struct params_error *error)
{
    CHECK(error->code[0] != '\0');
    CHECK(text_is_utf8(span_of(error->message)));
    CHECK(strlen(error->message) < sizeof(error->message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct params params = {0};

    if (params_decode_form(&params, (struct span){(const char *)data, size}) < 0) {
        params_done(&params);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        const struct openapi_operation *op = openapi_operation_find(
            openapi_product_by_name(span_of(operations[i][0])), span_of(operations[i][1]));
        struct params_error error = {0};
        json_t *in = NULL;

        if (params_decode(op, &params, &in, &error) == 0) {
            check_round(op, in);
            json_decref(in);
        } else {
            check_error(&error);
        }
    }
    params_done(&params);
    return 0;
}

/* clang-format off */
#include "openapi_make.h"
/* clang-format on */

static void products_are_found(void **state)
{
    (void)state;
    assert_string_equal(openapi_product_by_version(SPAN_LIT("2014-05-15"))->name, "Slb");
    assert_string_equal(openapi_product_by_version(SPAN_LIT("2022-04-30"))->name, "Nlb");
    assert_null(openapi_product_by_version(SPAN_LIT("2014-05-1")));
    assert_null(openapi_product_by_version(SPAN_LIT("")));
    assert_string_equal(openapi_product_by_name(SPAN_LIT("aLB"))->version, "2020-06-16");
    assert_null(openapi_product_by_name(SPAN_LIT("al")));
    for (uint32_t i = 0; i < openapi_n_products; i++)
        assert_int_equal(openapi_products[i]->number, i);
}

static void operations_are_found(void **state)
{
    const struct openapi_product *slb = openapi_product_by_name(SPAN_LIT("slb"));
    const struct openapi_operation *op;

    (void)state;
    op = openapi_operation_find(slb, SPAN_LIT("DescribeLoadBalancers"));
    assert_non_null(op);
    assert_ptr_equal(op->product, slb);
    assert_true(op->is_read);
    assert_null(openapi_operation_find(slb, SPAN_LIT("describeLoadBalancers")));
    assert_null(openapi_operation_find(slb, SPAN_LIT("DescribeLoadBalancer")));
    assert_null(openapi_operation_find(slb, SPAN_LIT("DescribeLoadBalancers\0")));
    assert_null(openapi_operation_find(slb, SPAN_LIT("")));
    for (uint32_t i = 0; i < slb->n_operations; i++) {
        op = openapi_operation_find(slb, span_of(slb->operations[i].name));
        assert_ptr_equal(op, &slb->operations[i]);
    }
}

/* Tables say what json texts hold in three ways. */
static void json_texts_have_their_types(void **state)
{
    static const struct {
        const char *product, *operation, *field;
        enum openapi_type type;
        bool is_list;
        const char *member;
    } cases[] = {
        {"slb", "AddBackendServers", "BackendServers", OPENAPI_STRUCT, true, "ServerId"},
        {"slb", "DeleteRules", "RuleIds", OPENAPI_STRING, true, NULL},
        {"nlb", "CreateListener", "ProxyProtocolV2Config", OPENAPI_STRUCT, false,
            "Ppv2VpcIdEnabled"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct openapi_operation *op = openapi_operation_find(
            openapi_product_by_name(span_of(cases[i].product)), span_of(cases[i].operation));
        const struct openapi_field *field = openapi_field_find(&op->in, span_of(cases[i].field));

        assert_true(field->is_json);
        assert_int_equal(field->type, cases[i].type);
        assert_int_equal(field->is_list, cases[i].is_list);
        if (cases[i].member)
            assert_non_null(openapi_field_find(field, span_of(cases[i].member)));
    }
}

static void the_first_letter_of_a_field_may_be_of_either_case(void **state)
{
    (void)state;
    assert_string_equal(openapi_field_find(&make_operation.in, SPAN_LIT("AclIds"))->name, "AclIds");
    assert_string_equal(openapi_field_find(&make_operation.in, SPAN_LIT("aclIds"))->name, "AclIds");
    assert_string_equal(
        openapi_field_find(&make_operation.in, SPAN_LIT("HealthCheckInterval"))->name,
        "healthCheckInterval");
    assert_null(openapi_field_find(&make_operation.in, SPAN_LIT("Aclids")));
    assert_null(openapi_field_find(&make_operation.in, SPAN_LIT("")));
    assert_null(openapi_field_find(&make_operation.in, (struct span){NULL, 0}));
    assert_null(openapi_field_find(&make_entry_fields[0], SPAN_LIT("x")));
}

/* What decoding relies on holds for every operation. */
static void check_fields(const struct openapi_field *parent)
{
    for (uint32_t i = 0; i < parent->n_fields; i++) {
        const struct openapi_field *field = &parent->fields[i];

        assert_true(i == 0 || strcmp(parent->fields[i - 1].name, field->name) < 0);
        assert_ptr_equal(openapi_field_find(parent, span_of(field->name)), field);
        assert_int_equal(field->type == OPENAPI_STRUCT, field->n_fields > 0);
        check_fields(field);
    }
}

static void tables_are_sorted(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        const struct openapi_product *product = openapi_products[i];

        for (uint32_t k = 0; k < product->n_operations; k++) {
            const struct openapi_operation *op = &product->operations[k];

            assert_true(k == 0 || strcmp(product->operations[k - 1].name, op->name) < 0);
            check_fields(&op->in);
            check_fields(&op->out);
        }
    }
}

static void errors_have_a_status(void **state)
{
    static const struct {
        const char *code;
        unsigned status;
    } cases[] = {
        {"Odd.NotFound", 400},
        {"ResourceNotFound.Listener", 404},
        {"ResourceNotFound.Acl", 404},
        {"InvalidRuleId.NotFound", 404},
        {"Unknown", 400},
        {"Forbidden.NoPermission", 403},
        {"InternalError", 500},
        {"ServiceUnavailable", 503},
        {"UnsupportedHTTPMethod", 403},
        {"MissingParameter", 400},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(openapi_error_status(&make_operation, cases[i].code), cases[i].status);
    assert_int_equal(openapi_error_status(NULL, "InvalidAction.NotFound"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_found),
        cmocka_unit_test(operations_are_found),
        cmocka_unit_test(json_texts_have_their_types),
        cmocka_unit_test(the_first_letter_of_a_field_may_be_of_either_case),
        cmocka_unit_test(tables_are_sorted),
        cmocka_unit_test(errors_have_a_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

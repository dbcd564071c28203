/* clang-format off */
#include "unit.h"
/* clang-format on */

#include "cli/arguments.h"
#include "cli/help.h"

static const struct openapi_operation *get(const char *product, const char *operation)
{
    const struct openapi_operation *op =
        find_operation(find_product(span_of(product)), span_of(operation));

    assert_non_null(op);
    return op;
}

/* --- names --------------------------------------------------------------------------------- */

static void operations_have_names_with_dashes(void **state)
{
    static const char *const cases[][2] = {
        {"CreateListener", "create-listener"},
        {"CreateLoadBalancerHTTPListener", "create-load-balancer-http-listener"},
        {"UploadCACertificate", "upload-ca-certificate"},
        {"SetTLSCipherPolicyAttribute", "set-tls-cipher-policy-attribute"},
        {"ListAScripts", "list-a-scripts"},
        {"DescribeDNSSLBSubDomains", "describe-dnsslb-sub-domains"},
        {"UnTagResources", "un-tag-resources"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text text;

        text_init(&text, SIZE_MAX);
        add_kebab(&text, cases[i][0]);
        assert_span_is(text_span(&text), cases[i][1]);
        assert_true(same_name(text_span(&text), span_of(cases[i][0])));
        text_done(&text);
    }
}

static void every_operation_is_found_by_its_name_with_dashes(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        const struct openapi_product *product = openapi_products[i];

        for (uint32_t k = 0; k < product->n_operations; k++) {
            struct text text;

            text_init(&text, SIZE_MAX);
            add_kebab(&text, product->operations[k].name);
            assert_ptr_equal(find_operation(product, text_span(&text)), &product->operations[k]);
            text_done(&text);
        }
    }
}

static void distance_counts_letters(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},
        {"abc", "", 3},
        {"abc", "ABC", 0},
        {"a-b-c", "abc", 0},
        {"listner", "listener", 1},
        {"lsitener", "listener", 1},
        {"create", "delete", 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(
            name_distance(span_of(cases[i].a), span_of(cases[i].b)), cases[i].distance);
        assert_int_equal(
            name_distance(span_of(cases[i].b), span_of(cases[i].a)), cases[i].distance);
    }
}

static void the_nearest_name_is_found_if_it_is_near(void **state)
{
    const struct openapi_product *alb = find_product(SPAN_LIT("alb"));

    (void)state;
    assert_string_equal(nearest_operation(alb, SPAN_LIT("create-listner")), "CreateListener");
    assert_string_equal(nearest_operation(alb, SPAN_LIT("lsit-rules")), "ListRules");
    assert_null(nearest_operation(alb, SPAN_LIT("make-coffee-now")));
}

/* --- arguments ----------------------------------------------------------------------------- */

static const struct {
    const char *product, *operation, *name, *value;
    const char *pairs; /* name=value, each followed by a newline; NULL: an error */
    const char *said;
} cases[] = {
    {"alb", "CreateListener", "ListenerPort", "80", "ListenerPort=80\n", NULL},
    {"alb", "create-listener", "listener-port", "80", "ListenerPort=80\n", NULL},
    {"alb", "AddServersToServerGroup", "Servers.1.Port", "80", "Servers.1.Port=80\n", NULL},
    {"alb", "AddServersToServerGroup", "servers.2.server-id", "i", "Servers.2.ServerId=i\n", NULL},
    {"alb", "AddServersToServerGroup", "Servers",
        "[{\"Port\":80,\"ServerId\":\"i\"},{\"Port\":81}]",
        "Servers.1.Port=80\nServers.1.ServerId=i\nServers.2.Port=81\n", NULL},
    {"alb", "AddServersToServerGroup", "Servers.3", "{\"Port\":80}", "Servers.3.Port=80\n", NULL},
    {"alb", "AddServersToServerGroup", "Servers", "80", NULL, "JSON list"},
    {"alb", "AddServersToServerGroup", "Servers", "{\"Port\":80}", NULL, "must be a list"},
    {"alb", "AddServersToServerGroup", "Servers", "[{\"Prot\":80}]", NULL, "did you mean Port?"},
    {"alb", "AddServersToServerGroup", "Servers", "[80]", NULL, "must be a structure"},
    {"alb", "AddServersToServerGroup", "Servers.x.Port", "80", NULL, "index"},
    {"alb", "AddServersToServerGroup", "Servers.0.Port", "80", NULL, "index"},
    {"alb", "AddServersToServerGroup", "Servers.1.Port.2", "80", NULL, "no members"},
    {"alb", "AddServersToServerGroup", "Severs", "x", NULL, "did you mean Servers?"},
    {"alb", "AddServersToServerGroup", "", "x", NULL, "no parameter"},
    {"alb", "AssociateAclsWithListener", "AclIds", "acl-1", "AclIds.1=acl-1\n", NULL},
    {"alb", "AssociateAclsWithListener", "AclIds", "[\"acl-1\",\"acl-2\"]",
        "AclIds.1=acl-1\nAclIds.2=acl-2\n", NULL},
    {"alb", "AssociateAclsWithListener", "AclIds.2", "acl-2", "AclIds.2=acl-2\n", NULL},
    {"slb", "AddBackendServers", "BackendServers", "[{\"ServerId\":\"i\"}]",
        "BackendServers=[{\"ServerId\":\"i\"}]\n", NULL},
    {"clb", "DeleteRules", "RuleIds", "[\"rule-1\"]", "RuleIds=[\"rule-1\"]\n", NULL},
};

static void check(struct params *params, int r, const char *error, size_t i)
{
    struct text text;

    text_init(&text, SIZE_MAX);
    for (uint32_t k = 0; k < params->n; k++)
        text_addf(&text, "%s=%s\n", params->items[k].name, params->items[k].value);
    if (cases[i].pairs) {
        assert_int_equal(r, 0);
        assert_span_is(text_span(&text), cases[i].pairs);
    } else {
        assert_int_equal(r, -EINVAL);
        if (!strstr(error, cases[i].said))
            print_error("%s\n", error);
        assert_non_null(strstr(error, cases[i].said));
    }
    text_done(&text);
    params_done(params);
}

static void arguments_become_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char error[ARGUMENT_ERROR_MAX] = "";
        struct params params = {0};
        int r;

        r = argument_add(get(cases[i].product, cases[i].operation), &params, span_of(cases[i].name),
            span_of(cases[i].value), error);
        check(&params, r, error, i);
    }
}

static void json_becomes_pairs(void **state)
{
    json_t *object =
        json_loads("{\"listenerPort\": 80, \"GzipEnabled\": false, \"DefaultActions\": "
                   "[{\"Type\": \"ForwardGroup\"}], \"Tag\": null}",
            0, NULL);
    static const char *const pairs[][2] = {{"ListenerPort", "80"}, {"GzipEnabled", "false"},
        {"DefaultActions.1.Type", "ForwardGroup"}};
    char error[ARGUMENT_ERROR_MAX];
    struct params params = {0};

    (void)state;
    assert_int_equal(argument_add_json(get("alb", "CreateListener"), &params, object, error), 0);
    assert_int_equal(params.n, ARRAY_LEN(pairs));
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_span_is(params_find(&params, pairs[i][0]), pairs[i][1]);
    params_done(&params);
    json_decref(object);
}

static void booleans_are_flags(void **state)
{
    const struct openapi_operation *op = get("alb", "CreateListener");

    (void)state;
    assert_true(argument_is_flag(op, SPAN_LIT("DryRun")));
    assert_true(argument_is_flag(op, SPAN_LIT("dry-run")));
    assert_false(argument_is_flag(op, SPAN_LIT("ListenerPort")));
    assert_false(argument_is_flag(op, SPAN_LIT("Nothing")));
}

static void help_names_every_parameter(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        for (uint32_t k = 0; k < openapi_products[i]->n_operations; k++) {
            const struct openapi_operation *op = &openapi_products[i]->operations[k];
            struct text text;

            text_init(&text, SIZE_MAX);
            help_operation(&text, op);
            text_add_char(&text, '\0');
            for (uint32_t f = 0; f < op->in.n_fields; f++)
                assert_non_null(strstr(text.ptr, op->in.fields[f].name));
            text_done(&text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_have_names_with_dashes),
        cmocka_unit_test(every_operation_is_found_by_its_name_with_dashes),
        cmocka_unit_test(distance_counts_letters),
        cmocka_unit_test(the_nearest_name_is_found_if_it_is_near),
        cmocka_unit_test(arguments_become_pairs),
        cmocka_unit_test(json_becomes_pairs),
        cmocka_unit_test(booleans_are_flags),
        cmocka_unit_test(help_names_every_parameter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rules that ALB and NLB share and that need no document: TLS policies, targets of health checks. */
#include "control/products/common/common.h"
#include "unit.h"

static void policies_have_suites_of_their_versions(void **state)
{
    static const struct {
        const char *versions, *ciphers; /* JSON */
        const char *why;                /* NULL: it is one */
    } cases[] = {
        {"[\"TLSv1.2\"]", "[\"ECDHE-RSA-AES128-GCM-SHA256\"]", NULL},
        {"[\"TLSv1.0\", \"TLSv1.1\", \"TLSv1.2\"]", "[\"AES128-SHA\"]", NULL},
        {"[\"TLSv1.2\", \"TLSv1.3\"]", "[\"AES128-SHA256\", \"TLS_AES_128_GCM_SHA256\"]", NULL},
        {"[]", "[\"AES128-SHA\"]", "The TLS policy needs at least one version."},
        {"[\"SSLv3\"]", "[\"AES128-SHA\"]", "The TLS version SSLv3 is unknown."},
        {"[\"TLSv1.2\", \"TLSv1.2\"]", "[\"AES128-SHA\"]",
            "The TLS version TLSv1.2 is given twice."},
        {"[\"TLSv1.2\"]", "[\"RC4-MD5\"]", "The cipher suite RC4-MD5 is unknown."},
        {"[\"TLSv1.2\"]", "[\"AES128-SHA\", \"AES128-SHA\"]",
            "The cipher suite AES128-SHA is given twice."},
        {"[\"TLSv1.1\"]", "[\"AES128-SHA256\"]",
            "The cipher suite AES128-SHA256 is of none of the policy's TLS versions."},
        {"[\"TLSv1.2\"]", "[\"TLS_AES_128_GCM_SHA256\"]",
            "The cipher suite TLS_AES_128_GCM_SHA256 is of none of the policy's TLS versions."},
        {"[\"TLSv1.0\", \"TLSv1.2\"]", "[\"AES128-SHA256\"]",
            "The TLS policy has no cipher suite for TLSv1.0."},
        {"[\"TLSv1.2\"]", "[]", "The TLS policy has no cipher suite for TLSv1.2."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *versions = json_loads(cases[i].versions, 0, NULL);
        json_t *ciphers = json_loads(cases[i].ciphers, 0, NULL);
        char buf[160];
        const char *why = tls_check_policy(versions, ciphers, buf, sizeof(buf));

        if (cases[i].why)
            assert_string_equal(why, cases[i].why);
        else
            assert_null(why);
        json_decref(versions);
        json_decref(ciphers);
    }
}

static void system_policies_are_policies(void **state)
{
    json_t *all = tls_show_system_policies("Name", "Versions", "Suites");
    const json_t *policy;
    char buf[160];
    size_t i;

    (void)state;
    assert_int_equal(json_array_size(all), 5);
    json_array_foreach (all, i, policy) {
        assert_true(tls_is_system_policy(json_text(policy, "Name")));
        assert_null(tls_check_policy(json_object_get(policy, "Versions"),
            json_object_get(policy, "Suites"), buf, sizeof(buf)));
    }
    assert_false(tls_is_system_policy("tls_cipher_policy_1_4"));
    json_decref(all);
}

static void paths_and_hosts_of_checks(void **state)
{
    static const struct {
        const char *(*check)(const char *text);
        const char *text;
        bool is_good;
    } cases[] = {
        {common_check_path, "/", true},
        {common_check_path, "/a-b/c.d%20?x=1&y=~!()*[]@$^:',+#;_", true},
        {common_check_path, "", false},
        {common_check_path, "check", false},
        {common_check_path, "/a b", false},
        {common_check_path, "/\"", false},
        {common_check_path,
            "/2345678901234567890123456789012345678901234567890123456789012345678901234567890",
            true},
        {common_check_path,
            "/23456789012345678901234567890123456789012345678901234567890123456789012345678901",
            false},
        {common_check_host, "$SERVER_IP", true},
        {common_check_host, "www.example.com", true},
        {common_check_host, "a-1.b2.org", true},
        {common_check_host, "localhost", false},
        {common_check_host, "WWW.example.com", false},
        {common_check_host, "www.example.c0m", false},
        {common_check_host, ".example.com", false},
        {common_check_host, "-a.example.com", false},
        {common_check_host, "example.com.", false},
        {common_check_host, "exa_mple.com", false},
        {common_check_host, "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!cases[i].check(cases[i].text) != cases[i].is_good)
            fail_msg("%s", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_have_suites_of_their_versions),
        cmocka_unit_test(system_policies_are_policies),
        cmocka_unit_test(paths_and_hosts_of_checks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

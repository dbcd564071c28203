#include "base/text.h"
#include "control/products/dns/dns.h"
#include "unit.h"

static void values(void **state)
{
    static const struct {
        const char *type, *value, *kept; /* kept NULL: refused */
    } cases[] = {
        {"A", "192.0.2.1", "192.0.2.1"},
        {"A", "192.0.2.256", NULL},
        {"A", "192.0.2", NULL},
        {"A", "192.0.2.1 ", NULL},
        {"A", "::ffff:192.0.2.1", "192.0.2.1"},
        {"A", "www.example.com", NULL},
        {"A", "", NULL},
        {"AAAA", "2001:DB8:0:0::1", "2001:db8::1"},
        {"AAAA", "192.0.2.1", NULL},
        {"AAAA", "2001:db8::g", NULL},
        {"CNAME", "Web0.example.com.", "Web0.example.com"},
        {"CNAME", "localhost", NULL},
        {"CNAME", "192.0.2.1", NULL},
        {"CNAME", "a..b", NULL},
        {"CNAME", "*.example.com", NULL},
        {"NS", "ns1.example.com", "ns1.example.com"},
        {"MX", "mx.example.com", "mx.example.com"},
        {"MX", "10 mx.example.com", NULL},
        {"TXT", "v=spf1 -all", "v=spf1 -all"},
        {"TXT", "\"quoted\"", "\"quoted\""},
        {"TXT", "a\tb", NULL},
        {"TXT", "", NULL},
        {"SRV", "10 5 443 sip.example.com.", "10 5 443 sip.example.com"},
        {"SRV", " 0   0 65535   a.b", "0 0 65535 a.b"},
        {"SRV", "10 5 65536 a.b", NULL},
        {"SRV", "10 5 a.b", NULL},
        {"SRV", "10 5 443", NULL},
        {"SRV", "10 5 443 a.b c.d", NULL},
        {"CAA", "0 issue \"ca.example.com\"", "0 issue \"ca.example.com\""},
        {"CAA", "128 IODEF \"mailto:a@b.c\"", "128 IODEF \"mailto:a@b.c\""},
        {"CAA", "0 issue ca.example.com", NULL},
        {"CAA", "0 issue \"\"", NULL},
        {"CAA", "0 issue \"a\"b\"", NULL},
        {"CAA", "256 issue \"a.b\"", NULL},
        {"CAA", "0 other \"a.b\"", NULL},
        {"HINFO", "x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text kept;
        const char *why;

        text_init(&kept, SIZE_MAX);
        why = dns_value_check(cases[i].type, cases[i].value, &kept);
        if (!why != !!cases[i].kept)
            fail_msg("%s %s: %s", cases[i].type, cases[i].value, why ? why : "accepted");
        if (cases[i].kept)
            assert_span_is(text_span(&kept), cases[i].kept);
        text_done(&kept);
    }
}

static void text_has_512_bytes_at_most(void **state)
{
    char longest[514];
    struct text kept;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[512] = '\0';
    text_init(&kept, SIZE_MAX);
    assert_null(dns_value_check("TXT", longest, &kept));
    longest[512] = 'x';
    longest[513] = '\0';
    assert_non_null(dns_value_check("TXT", longest, &kept));
    text_done(&kept);
}

static void names_compare_without_case_and_texts_with_it(void **state)
{
    (void)state;
    assert_true(dns_value_eq("CNAME", "a.Example.com", "A.example.com"));
    assert_true(dns_value_eq("MX", "mx.a.b", "MX.a.b"));
    assert_false(dns_value_eq("TXT", "a", "A"));
    assert_true(dns_value_eq("A", "192.0.2.1", "192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(text_has_512_bytes_at_most),
        cmocka_unit_test(names_compare_without_case_and_texts_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

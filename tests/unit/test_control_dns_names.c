#include "control/products/dns/dns.h"
#include "unit.h"

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void domain_names(void **state)
{
    static const struct {
        const char *name, *kept; /* kept NULL: refused */
    } cases[] = {
        {"example.com", "example.com"}, {"EXAMPLE.Com.", "example.com"},
        {"a-b.example.com", "a-b.example.com"}, {"1.example.com", "1.example.com"},
        {"xn--fsqu00a.xn--55qx5d", "xn--fsqu00a.xn--55qx5d"}, {X63 ".com", X63 ".com"},
        {"example", NULL}, {"x" X63 ".com", NULL}, {X63 "." X63 "." X63 "." X63 ".com", NULL},
        {"", NULL}, {".", NULL}, {".com", NULL}, {"a..com", NULL}, {"a.com..", NULL},
        {"-a.com", NULL}, {"a-.com", NULL}, {"a_b.com", NULL}, {"*.com", NULL}, {"a b.com", NULL},
        {" a.com", NULL}, {"a. com", NULL}, {"192.0.2.1", NULL},
        {"\xe4\xbe\x8b\xe5\xad\x90.CN", "xn--fsqu00a.cn"},
        {"b\xc3\xbc"
         "cher.de",
            NULL}, /* has letter case: not converted */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char kept[DNS_NAME_MAX + 1] = "";
        int r = dns_domain_check(cases[i].name, kept);

        if ((r == 0) != (cases[i].kept != NULL))
            fail_msg("%s: %d", cases[i].name, r);
        if (cases[i].kept)
            assert_string_equal(kept, cases[i].kept);
    }
}

static void hosts_of_a_domain(void **state)
{
    static const struct {
        const char *rr, *kept;
    } cases[] = {
        {"@", "@"},
        {"WWW", "www"},
        {"*", "*"},
        {"*.a", "*.a"},
        {"_acme-challenge", "_acme-challenge"},
        {"a.b.c", "a.b.c"},
        {"", NULL},
        {"a.*", NULL},
        {"a*", NULL},
        {"**", NULL},
        {"@.a", NULL},
        {"a.", NULL},
        {"a b", NULL},
        {X63 "." X63 "." X63 "." X63, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char kept[DNS_NAME_MAX + 1] = "";
        int r = dns_rr_check(cases[i].rr, "example.com", kept);

        if ((r == 0) != (cases[i].kept != NULL))
            fail_msg("%s: %d", cases[i].rr, r);
        if (cases[i].kept)
            assert_string_equal(kept, cases[i].kept);
    }
}

/* RFC 3492 section 7.1 and RFC 5891's kind of mixture; labels are made lower case before. */
static void international_labels(void **state)
{
    static const struct {
        const char *name, *ascii;
    } cases[] = {
        {"\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4\xe4\xb8\xad\xe6\x96\x87",
            "xn--ihqwcrb4cv8a8dqg056pqjye"},
        {"3\xe5\xb9\xb4"
         "B\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f",
            "xn--3b-ww4c5e180e575a65lsy2b"},
        {"\xe3\x81\x9d\xe3\x81\xae\xe3\x82\xb9\xe3\x83\x94\xe3\x83\xbc\xe3\x83\x89\xe3\x81\xa7",
            "xn--d9juau41awczczp"},
        {"www.\xe4\xbe\x8b\xe5\xad\x90.\xe4\xb8\xad\xe5\x9b\xbd", "www.xn--fsqu00a.xn--fiqs8s"},
        {"plain.example", "plain.example"},
        {"", ""},
        {"\xd0\xbf\xd1\x80.example", NULL},
        {"\xe4\xbe", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char ascii[DNS_NAME_MAX + 2] = "";
        int r = dns_to_ascii(cases[i].name, ascii);

        if ((r == 0) != (cases[i].ascii != NULL))
            fail_msg("%zu: %d %s", i, r, ascii);
        if (cases[i].ascii)
            assert_string_equal(ascii, cases[i].ascii);
    }
}

/* Names in values keep their letter case and may have underscores. */
static void host_names(void **state)
{
    char kept[DNS_NAME_MAX + 1];

    (void)state;
    assert_int_equal(dns_name_check("_Sip._tcp.Example.com.", true, 2, kept), 0);
    assert_string_equal(kept, "_Sip._tcp.Example.com");
    assert_int_equal(dns_name_check("localhost", true, 2, kept), -EINVAL);
    assert_int_equal(dns_name_check("localhost", true, 1, kept), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domain_names),
        cmocka_unit_test(hosts_of_a_domain),
        cmocka_unit_test(international_labels),
        cmocka_unit_test(host_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Bodies of DNS documents, as a responder will read them, and what stands beside what. */
#include "product_make.h"

#define DOMAIN "DomainName=example.com"
#define SET    "www.example.com:CNAME"

static const char *add(const char *rr, const char *type, const char *value)
{
    return product_do(
        "Alidns AddDomainRecord", "RecordId", DOMAIN "&RR=%s&Type=%s&Value=%s", rr, type, value);
}

static void add_domain(void)
{
    (void)product_do("Alidns AddDomain", NULL, DOMAIN);
}

static void bodies(void **state)
{
    const char *id;

    (void)state;
    add_domain();
    product_assert_body("dns.domain", "example.com",
        "{\"DomainId\": \"*\", \"CreateTimestamp\": 1767323045000, \"Tags\": []}");
    id = product_do("Alidns AddDomainRecord", "RecordId",
        DOMAIN "&RR=WWW&Type=cname&Value=Web0.Example.com.&TTL=5&Line=default");
    assert_int_equal(strspn(id, "0123456789"), 18);
    product_assert_body("dns.record", id,
        "{\"DomainName\": \"example.com\", \"RR\": \"www\", \"Type\": \"CNAME\", \"Value\": \"Web0.Example.com\","
        " \"TTL\": 5, \"Line\": \"default\", \"Enabled\": true, \"CreateTimestamp\": 1767323045000,"
        " \"UpdateTimestamp\": 1767323045000}");
    id = product_do("Alidns AddDomainRecord", "RecordId",
        DOMAIN "&RR=@&Type=MX&Value=mx.example.net&Priority=10");
    product_assert_body("dns.record", id,
        "{\"DomainName\": \"example.com\", \"RR\": \"@\", \"Type\": \"MX\", \"Value\": \"mx.example.net\","
        " \"TTL\": 600, \"Priority\": 10, \"Line\": \"default\", \"Enabled\": true,"
        " \"CreateTimestamp\": 1767323045000, \"UpdateTimestamp\": 1767323045000}");
}

static void set_open(const char *open)
{
    (void)product_do(
        "Alidns SetDNSSLBStatus", NULL, "SubDomain=www.example.com&Type=CNAME&Open=%s", open);
}

static void weights_have_a_document_while_they_are_open(void **state)
{
    const char *one, *two;

    (void)state;
    add_domain();
    one = add("www", "CNAME", "a.example.net");
    two = add("www", "CNAME", "b.example.net");
    set_open("true");
    product_assert_body("dns.weights", SET,
        "{\"DomainName\": \"example.com\", \"RR\": \"www\", \"Type\": \"CNAME\", \"Open\": true, \"Lines\": {}}");
    (void)product_do("Alidns UpdateDNSSLBWeight", NULL, "RecordId=%s&Weight=0", one);
    product_assert_body("dns.record", one,
        "{\"DomainName\": \"example.com\", \"RR\": \"www\", \"Type\": \"CNAME\", \"Value\": \"a.example.net\","
        " \"TTL\": 600, \"Line\": \"default\", \"Enabled\": true, \"Weight\": 0,"
        " \"CreateTimestamp\": 1767323045000, \"UpdateTimestamp\": 1767323045000}");

    /* one line closed, all closed */
    (void)product_do("Alidns SetDNSSLBStatus", NULL,
        "SubDomain=www.example.com&Type=CNAME&Open=false&Line=default");
    product_assert_body("dns.weights", SET,
        "{\"DomainName\": \"example.com\", \"RR\": \"www\", \"Type\": \"CNAME\", \"Open\": true,"
        " \"Lines\": {\"default\": false}}");
    product_fails("DisableDNSSLB", "Alidns UpdateDNSSLBWeight", "RecordId=%s&Weight=1", two);
    set_open("false");
    product_assert_body("dns.weights", SET, NULL);

    /* a record that leaves the set leaves its weight, the last one takes the document with it */
    set_open("true");
    (void)product_do("Alidns UpdateDomainRecord", NULL,
        "RecordId=%s&RR=web0&Type=CNAME&Value=a.example.net", one);
    product_assert_body("dns.record", one,
        "{\"DomainName\": \"example.com\", \"RR\": \"web0\", \"Type\": \"CNAME\", \"Value\": \"a.example.net\","
        " \"TTL\": 600, \"Line\": \"default\", \"Enabled\": true,"
        " \"CreateTimestamp\": 1767323045000, \"UpdateTimestamp\": 1767323045000}");
    (void)product_do("Alidns DeleteDomainRecord", NULL, "RecordId=%s", two);
    product_assert_body("dns.weights", SET, NULL);
}

static void neighbours(void **state)
{
    /* What a host has, what is to come beside it, and the code that this ends with. */
    static const struct {
        const char *rr, *type, *value, *new_rr, *new_type, *new_value, *code;
    } cases[] = {
        {"a", "A", "192.0.2.1", "a", "A", "192.0.2.2", ""},
        {"a", "A", "192.0.2.1", "a", "A", "192.0.2.1", "DomainRecordDuplicate"},
        {"a", "A", "192.0.2.1", "b", "A", "192.0.2.1", ""},
        {"a", "A", "192.0.2.1", "a", "TXT", "x", ""},
        {"a", "A", "192.0.2.1", "a", "CNAME", "x.y", "DomainRecordConflict"},
        {"a", "CNAME", "x.y", "a", "TXT", "x", "DomainRecordConflict"},
        {"a", "CNAME", "x.y", "a", "CNAME", "x.z", ""},
        {"a", "CNAME", "x.y", "a", "CNAME", "X.Y", "DomainRecordDuplicate"},
        {"a", "NS", "x.y", "a", "NS", "x.z", ""},
        {"a", "NS", "x.y", "a", "A", "192.0.2.1", "DomainRecordConflict"},
        {"@", "A", "192.0.2.1", "@", "TXT", "x", ""},
        {"@", "A", "192.0.2.1", "@", "NS", "x.y", "SubDomainInvalid.Value"},
        {"a", "TXT", "x", "@", "CNAME", "x.y", "DomainRecordConflict"},
        {"a", "TXT", "x", "self", "CNAME", "self.EXAMPLE.com", "SubDomainInvalid.Value"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        add_domain();
        (void)add(cases[i].rr, cases[i].type, cases[i].value);
        product_fails(cases[i].code, "Alidns AddDomainRecord", DOMAIN "&RR=%s&Type=%s&Value=%s",
            cases[i].new_rr, cases[i].new_type, cases[i].new_value);
        (void)product_do("Alidns DeleteDomain", NULL, DOMAIN);
    }
}

static void a_set_has_90_records_at_most(void **state)
{
    (void)state;
    add_domain();
    for (unsigned i = 0; i < 90; i++) {
        char ip[16];

        (void)snprintf(ip, sizeof(ip), "192.0.2.%u", i);
        (void)add("a", "A", ip);
    }
    product_fails(
        "QuotaExceeded.Record", "Alidns AddDomainRecord", DOMAIN "&RR=a&Type=A&Value=192.0.2.200");
    (void)add("a", "AAAA", "2001:db8::1");
}

static void a_deleted_domain_leaves_nothing(void **state)
{
    const char *id;

    (void)state;
    add_domain();
    id = add("www", "CNAME", "a.example.net");
    (void)add("www", "CNAME", "b.example.net");
    set_open("true");
    (void)product_do("Alidns DeleteDomain", NULL, DOMAIN);
    product_assert_body("dns.domain", "example.com", NULL);
    product_assert_body("dns.record", id, NULL);
    product_assert_body("dns.weights", SET, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, product_setup, product_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies),
        TEST(weights_have_a_document_while_they_are_open),
        TEST(neighbours),
        TEST(a_set_has_90_records_at_most),
        TEST(a_deleted_domain_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cert_make.h"
#include "control/products/cas/cert_read.h"

#define TEXT_MAX 200000u

static struct made root, middle, leaf, other, rsa;
static struct text cert, key; /* what a case gives to cert_read */
static const char *why;

static int group_start(void **state)
{
    (void)state;
    root = make_cert(&(struct wish){.name = "Root", .key = "P-256", .is_ca = true});
    middle =
        make_cert(&(struct wish){.name = "Middle", .key = "P-256", .is_ca = true, .issuer = &root});
    leaf = make_cert(&(struct wish){.name = "www.example.com",
        .key = "P-256",
        .issuer = &middle,
        .names = "DNS:www.example.com,DNS:*.example.org,IP:127.0.0.1,IP:::1,email:a@b.example"});
    other = make_cert(&(struct wish){.name = "other", .key = "P-256"});
    rsa = make_cert(&(struct wish){.name = "RSA", .key = "RSA:1024", .is_ca = true});
    text_init(&cert, TEXT_MAX);
    text_init(&key, TEXT_MAX);
    return 0;
}

static int group_end(void **state)
{
    (void)state;
    made_done(&root);
    made_done(&middle);
    made_done(&leaf);
    made_done(&other);
    made_done(&rsa);
    text_done(&cert);
    text_done(&key);
    return 0;
}

/* The texts of one certificate with its key. */
static void give(const struct made *made)
{
    text_reset(&cert);
    text_reset(&key);
    make_cert_pem(&cert, made);
    make_key_pem(&key, made, NULL, false);
}

static void assert_fault(enum cert_fault expected, bool is_ca, const char *part)
{
    json_t *facts = NULL;
    enum cert_fault bad;

    why = "good";
    bad = cert_read(text_span(&cert), text_span(&key), is_ca, MAKE_NOW_MS, &facts, &why);
    json_decref(facts);
    if (bad != expected || !strstr(why, part))
        fail_msg("fault %d, \"%s\"; expected %d, \"%s\"", (int)bad, why, (int)expected, part);
}

static void a_chain_says_what_it_is(void **state)
{
    json_t *facts = NULL, *names, *chain;

    (void)state;
    text_reset(&cert);
    text_reset(&key);
    text_add(&cert, SPAN_LIT("subject=/CN=www.example.com\n"));
    make_cert_pem(&cert, &leaf);
    text_add(&cert, SPAN_LIT("\r\nissuer\r\n"));
    make_cert_pem(&cert, &middle);
    make_cert_pem(&cert, &root);
    make_key_pem(&key, &leaf, NULL, false);
    assert_int_equal(
        cert_read(text_span(&cert), text_span(&key), false, MAKE_NOW_MS, &facts, &why), CERT_GOOD);
    assert_string_equal(json_string_value(json_object_get(facts, "CommonName")), "www.example.com");
    assert_string_equal(json_string_value(json_object_get(facts, "Issuer")), "Middle");
    assert_string_equal(json_string_value(json_object_get(facts, "Organization")), "OpenSLB");
    assert_string_equal(json_string_value(json_object_get(facts, "City")), "");
    assert_string_equal(json_string_value(json_object_get(facts, "Serial")), "1003");
    assert_string_equal(json_string_value(json_object_get(facts, "Algorithm")), "ECC_P256");
    assert_string_equal(
        json_string_value(json_object_get(facts, "SignatureAlgorithm")), "ecdsa-with-SHA256");
    assert_int_equal(json_string_length(json_object_get(facts, "Fingerprint")), 59);
    assert_int_equal(json_string_length(json_object_get(facts, "Sha2")), 64);
    assert_int_equal(json_integer_value(json_object_get(facts, "NotBefore")), 1751457600000);
    assert_int_equal(json_integer_value(json_object_get(facts, "NotAfter")), 1782993600000);
    names = json_object_get(facts, "SubjectAlternativeNames");
    assert_int_equal(json_array_size(names), 4);
    assert_string_equal(json_string_value(json_array_get(names, 1)), "*.example.org");
    assert_string_equal(json_string_value(json_array_get(names, 2)), "127.0.0.1");
    assert_string_equal(json_string_value(json_array_get(names, 3)), "::1");
    chain = json_object_get(facts, "Chain");
    assert_int_equal(json_array_size(chain), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(chain, 1), "IssuerCommonName")), "Root");
    assert_memory_equal(json_string_value(json_object_get(facts, "Certificate")),
        "-----BEGIN CERTIFICATE-----\n", 28);
    json_decref(facts);
}

static void keys_are_judged(void **state)
{
    static const struct {
        const char *key;
        enum cert_fault expected;
        const char *part;
    } cases[] = {
        {"RSA:1024", CERT_GOOD, ""},
        {"P-256", CERT_GOOD, ""},
        {"P-384", CERT_GOOD, ""},
        {"P-521", CERT_GOOD, ""},
        {"RSA:512", CERT_WEAK, "RSA key of 512 bits"},
        {"secp256k1", CERT_UNSUPPORTED, "neither RSA nor EC"},
        {"ED25519", CERT_UNSUPPORTED, "neither RSA nor EC"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made made = make_cert(&(struct wish){.name = "x", .key = cases[i].key});

        print_message("%s\n", cases[i].key);
        give(&made);
        assert_fault(cases[i].expected, false, cases[i].part);
        made_done(&made);
    }
}

static void signatures_and_times_are_judged(void **state)
{
    const struct {
        const char *name;
        struct wish wish;
        bool is_ca;
        enum cert_fault expected;
        const char *part;
    } cases[] = {
        {"MD5", {.digest = EVP_md5(), .issuer = &rsa}, false, CERT_WEAK, "signed with MD5"},
        {"SHA-1", {.digest = EVP_sha1(), .issuer = &rsa}, false, CERT_WEAK, "signed with SHA1"},
        {"SHA-1 of a root", {.digest = EVP_sha1(), .is_ca = true}, true, CERT_GOOD, ""},
        {"SHA-1 of a CA", {.digest = EVP_sha1(), .is_ca = true, .issuer = &rsa}, true, CERT_WEAK,
            "SHA1"},
        {"SHA-512", {.digest = EVP_sha512(), .issuer = &rsa}, false, CERT_GOOD, ""},
        {"expired", {.from_s = -200, .until_s = -100}, false, CERT_EXPIRED, "has expired"},
        {"expires now", {.from_s = -200, .until_s = -1}, false, CERT_EXPIRED, "has expired"},
        {"expires soon", {.from_s = -200, .until_s = 1}, false, CERT_GOOD, ""},
        {"not valid yet", {.from_s = 100, .until_s = 200}, false, CERT_GOOD, ""},
        {"server's own CA", {.is_ca = true}, false, CERT_GOOD, ""},
        {"CA", {.is_ca = true}, true, CERT_GOOD, ""},
        {"no CA", {.is_ca = false}, true, CERT_NOT_CA, "basicConstraints"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wish wish = cases[i].wish;
        struct made made;

        print_message("%s\n", cases[i].name);
        wish.name = "x";
        wish.key = "RSA:1024";
        made = make_cert(&wish);
        give(&made);
        assert_fault(cases[i].expected, cases[i].is_ca, cases[i].part);
        made_done(&made);
    }
}

static void chains_are_in_order(void **state)
{
    const struct {
        const char *name;
        const struct made *certs[3];
        enum cert_fault expected;
        const char *part;
    } cases[] = {
        {"leaf alone", {&leaf}, CERT_GOOD, ""},
        {"leaf and issuer", {&leaf, &middle}, CERT_GOOD, ""},
        {"backwards", {&root, &middle, &leaf}, CERT_CHAIN, "key is that of certificate 3"},
        {"a gap", {&leaf, &root}, CERT_CHAIN, "Certificate 1 of the chain is not issued by"},
        {"a stranger behind", {&leaf, &middle, &other}, CERT_CHAIN, "Certificate 2 of the chain"},
        {"twice", {&leaf, &leaf}, CERT_CHAIN, "Certificate 1 of the chain"},
        {"another's", {&other}, CERT_KEY_OTHER, "not that of the certificate"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].name);
        give(&leaf);
        text_reset(&cert);
        for (size_t j = 0; j < 3 && cases[i].certs[j]; j++)
            make_cert_pem(&cert, cases[i].certs[j]);
        assert_fault(cases[i].expected, false, cases[i].part);
    }
}

static void an_expired_link_is_found(void **state)
{
    struct made old = make_cert(&(struct wish){.name = "Old",
        .key = "P-256",
        .is_ca = true,
        .issuer = &root,
        .from_s = -200,
        .until_s = -100});
    struct made young = make_cert(&(struct wish){.name = "young", .key = "P-256", .issuer = &old});

    (void)state;
    give(&young);
    make_cert_pem(&cert, &old);
    assert_fault(CERT_EXPIRED, false, "certificate 2 of the chain has expired");
    made_done(&old);
    made_done(&young);
}

static const char dh_block[] =
    "-----BEGIN DH PARAMETERS-----\nMAYCAQUCAQI=\n-----END DH PARAMETERS-----\n";
static const char ec_block[] =
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

/* Which texts stand in place of, or before, the good ones. */
static void texts_are_judged(void **state)
{
    static const struct {
        const char *name, *cert, *key;
        bool keeps_cert, keeps_key; /* the good ones follow */
        enum cert_fault expected;
        const char *part;
    } cases[] = {
        {"good", "", "", true, true, CERT_GOOD, ""},
        {"nothing", "", "", false, false, CERT_ABSENT, "certificate is missing"},
        {"no key", "", "", true, false, CERT_ABSENT, "private key is missing"},
        {"words", "hello", "", false, true, CERT_FORMAT, "not in PEM format"},
        {"words for a key", "", "hello", true, false, CERT_KEY_FORMAT, "not in PEM format"},
        {"DH parameters", dh_block, "", true, true, CERT_FORMAT, "\"DH PARAMETERS\""},
        {"DH parameters with the key", "", dh_block, true, true, CERT_KEY_FORMAT,
            "\"DH PARAMETERS\""},
        {"EC parameters with the key", "", ec_block, true, true, CERT_GOOD, ""},
        {"half a block", "-----BEGIN CERTIFICATE-----\nMIIB\n", "", false, true, CERT_FORMAT,
            "not in PEM format"},
        {"no certificate inside", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
            "", false, true, CERT_FORMAT, "no X.509 certificate"},
        {"no key inside", "", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
            true, false, CERT_KEY_FORMAT, "no RSA or EC key"},
        {"a public key", "", "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", true,
            false, CERT_KEY_FORMAT, "\"PUBLIC KEY\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].name);
        text_reset(&cert);
        text_reset(&key);
        text_add(&cert, span_of(cases[i].cert));
        text_add(&key, span_of(cases[i].key));
        if (cases[i].keeps_cert)
            make_cert_pem(&cert, &leaf);
        if (cases[i].keeps_key)
            make_key_pem(&key, &leaf, NULL, false);
        assert_fault(cases[i].expected, false, cases[i].part);
    }
}

static void keys_must_be_open_and_single(void **state)
{
    (void)state;
    for (int is_old = 0; is_old < 2; is_old++) {
        give(&leaf);
        text_reset(&key);
        make_key_pem(&key, &leaf, "secret", is_old);
        assert_fault(CERT_KEY_LOCKED, false, "encrypted");
        text_reset(&key);
        make_key_pem(&key, &leaf, NULL, is_old);
        assert_fault(CERT_GOOD, false, "");
        make_key_pem(&key, &leaf, NULL, is_old);
        assert_fault(CERT_KEY_FORMAT, false, "more than one key");
    }
    give(&leaf);
    make_key_pem(&cert, &leaf, NULL, false);
    assert_fault(CERT_FORMAT, false, "\"PRIVATE KEY\"");
}

static void sizes_are_limited(void **state)
{
    (void)state;
    give(&leaf);
    for (int i = 0; i < 10; i++)
        make_cert_pem(&cert, &root);
    assert_fault(CERT_TOO_BIG, false, "more than 10 certificates");
    give(&leaf);
    for (int i = 0; i < 65536; i++)
        text_add_char(&cert, '\n');
    assert_fault(CERT_TOO_BIG, false, "larger than 65536 bytes");
    give(&leaf);
    for (int i = 0; i < 65536; i++)
        text_add_char(&key, '\n');
    assert_fault(CERT_TOO_BIG, false, "larger than 65536 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_says_what_it_is),
        cmocka_unit_test(keys_are_judged),
        cmocka_unit_test(signatures_and_times_are_judged),
        cmocka_unit_test(chains_are_in_order),
        cmocka_unit_test(an_expired_link_is_found),
        cmocka_unit_test(texts_are_judged),
        cmocka_unit_test(keys_must_be_open_and_single),
        cmocka_unit_test(sizes_are_limited),
    };

    return cmocka_run_group_tests(tests, group_start, group_end);
}

#include <openssl/err.h>

#include "cert_make.h"
#include "tls/context.h"

#define YEAR_S 31536000

static void contexts_are_made_of_what_fits(void **state)
{
    static const struct {
        const char *key, *other_key, *password;
        const char *certificate, *key_text; /* NULL: the one that was made */
        long from_s, until_s;
        const char *why; /* NULL: it is good */
    } cases[] = {
        {"P-256", NULL, NULL, NULL, NULL, 0, 0, NULL},
        {"RSA:2048", NULL, NULL, NULL, NULL, 0, 0, NULL},
        {"P-256", "P-256", NULL, NULL, NULL, 0, 0,
            "the private key does not belong to the certificate"},
        {"P-256", "RSA:2048", NULL, NULL, NULL, 0, 0,
            "the private key does not belong to the certificate"},
        {"P-256", NULL, "secret", NULL, NULL, 0, 0,
            "the private key is not in PEM format, or is encrypted"},
        {"P-256", NULL, NULL, "", NULL, 0, 0,
            "the certificate is not in PEM format, or longer than 65536 bytes"},
        {"P-256", NULL, NULL, "hello", NULL, 0, 0,
            "the certificate is not in PEM format, or longer than 65536 bytes"},
        {"P-256", NULL, NULL, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            NULL, 0, 0, "the certificate is not in PEM format, or longer than 65536 bytes"},
        {"P-256", NULL, NULL, NULL, "", 0, 0,
            "the private key is not in PEM format, or is encrypted"},
        {"P-256", NULL, NULL, NULL, "hello", 0, 0,
            "the private key is not in PEM format, or is encrypted"},
        {"P-256", NULL, NULL, NULL, NULL, -YEAR_S, -1,
            "the certificate expired at "
            "2025-12-31T23:59:59Z"},
        {"P-256", NULL, NULL, NULL, NULL, 1, YEAR_S,
            "the certificate is not valid before 2026-01-01T00:00:01Z"},
        {"RSA:1024", NULL, NULL, NULL, NULL, 0, 0,
            "certificate 1 of the chain cannot be used: ee key too small"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct made made = make_cert(&(struct wish){.name = "www",
            .key = cases[i].key,
            .from_s = cases[i].from_s,
            .until_s = cases[i].until_s});
        struct tls_context *made_context = NULL;
        struct tls_context_opts opts = {.now = MAKE_NOW_S * NSEC_PER_SEC};
        struct text certificate, key;
        char why[TLS_WHY_MAX] = "";
        int r;

        text_init(&certificate, TLS_PEM_MAX);
        text_init(&key, TLS_PEM_MAX);
        make_cert_pem(&certificate, &made);
        if (cases[i].other_key) {
            EVP_PKEY_free(made.key);
            made.key = make_key(cases[i].other_key);
        }
        make_key_pem(&key, &made, cases[i].password, false);
        opts.certificate =
            cases[i].certificate ? span_of(cases[i].certificate) : text_span(&certificate);
        opts.key = cases[i].key_text ? span_of(cases[i].key_text) : text_span(&key);
        r = tls_context_new(NULL, &opts, &made_context, why);
        assert_string_equal(why, cases[i].why ? cases[i].why : "");
        assert_int_equal(r, cases[i].why ? -EINVAL : 0);
        assert_int_equal(ERR_peek_error(), 0);
        (void)tls_context_unref(made_context);
        text_done(&certificate);
        text_done(&key);
        made_done(&made);
    }
}

static void chains_are_looked_at_as_a_whole(void **state)
{
    struct made ca = make_cert(&(struct wish){.name = "CA", .key = "P-256", .is_ca = true});
    struct made old = make_cert(&(struct wish){
        .name = "old CA", .key = "P-256", .is_ca = true, .from_s = -YEAR_S, .until_s = -1});
    struct made made = make_cert(&(struct wish){.name = "www", .key = "P-256", .issuer = &ca});
    struct tls_context *made_context = NULL;
    OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();
    struct text certificate, key;
    char why[TLS_WHY_MAX] = "";
    struct tls_context_opts opts = {.now = MAKE_NOW_S * NSEC_PER_SEC};

    (void)state;
    text_init(&certificate, TLS_PEM_MAX);
    text_init(&key, TLS_PEM_MAX);
    make_key_pem(&key, &made, NULL, true);
    make_cert_pem(&certificate, &made);
    make_cert_pem(&certificate, &ca);
    opts.certificate = text_span(&certificate);
    opts.key = text_span(&key);
    assert_int_equal(tls_context_new(lib, &opts, &made_context, why), 0);
    assert_int_equal(tls_context_ends_at(made_context), MAKE_NOW_S + 15768000);
    made_context = tls_context_unref(made_context);

    make_cert_pem(&certificate, &old);
    opts.certificate = text_span(&certificate);
    assert_int_equal(tls_context_new(lib, &opts, &made_context, why), -EINVAL);
    assert_string_equal(why, "certificate 3 of the chain expired at 2025-12-31T23:59:59Z");
    opts.now = 0;
    assert_int_equal(tls_context_new(lib, &opts, &made_context, why), 0);
    made_context = tls_context_unref(made_context);
    for (unsigned i = 0; i < TLS_CHAIN_MAX; i++)
        make_cert_pem(&certificate, &ca);
    opts.certificate = text_span(&certificate);
    assert_int_equal(tls_context_new(lib, &opts, &made_context, why), -EINVAL);
    assert_string_equal(why, "the certificate has more than 10 certificates in its chain");
    text_done(&certificate);
    text_done(&key);
    made_done(&made);
    made_done(&old);
    made_done(&ca);
    OSSL_LIB_CTX_free(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_are_made_of_what_fits),
        cmocka_unit_test(chains_are_looked_at_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

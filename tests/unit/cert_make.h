/* Certificates and keys for tests, made on the spot. */
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "unit.h"

struct made {
    EVP_PKEY *key; /* owned */
    X509 *cert;    /* owned */
};

struct wish {
    const char *name;          /* common name */
    const char *key;           /* "RSA:1024", or a curve, or "ED25519" */
    const EVP_MD *digest;      /* NULL: what the key asks for */
    const struct made *issuer; /* NULL: self-signed */
    bool is_ca;
    const char *names;    /* subjectAltName: "DNS:a.example,IP:127.0.0.1" */
    long from_s, until_s; /* from MAKE_NOW; 0, 0: a year around it */
};

/* 2026-01-01T00:00:00Z. */
#define MAKE_NOW_S  1767225600
#define MAKE_NOW_MS ((uint64_t)MAKE_NOW_S * 1000)

static inline EVP_PKEY *make_key(const char *kind)
{
    if (strncmp(kind, "RSA:", 4) == 0)
        return EVP_RSA_gen((unsigned)atoi(kind + 4));
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_EC_gen(kind);
}

static inline void make_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline struct made make_cert(const struct wish *wish)
{
    static long serial = 0x1000;
    struct made made = {make_key(wish->key), X509_new()};
    const struct made *issuer = wish->issuer ? wish->issuer : &made;
    bool is_ed = strcmp(wish->key, "ED25519") == 0;
    X509_NAME *name;

    assert_non_null(made.key);
    name = X509_get_subject_name(made.cert);
    X509_set_version(made.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_UTF8, (const unsigned char *)wish->name, -1, -1, 0);
    X509_NAME_add_entry_by_txt(
        name, "O", MBSTRING_UTF8, (const unsigned char *)"OpenSLB", -1, -1, 0);
    X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert));
    ASN1_TIME_set(
        X509_getm_notBefore(made.cert), MAKE_NOW_S + (wish->until_s ? wish->from_s : -15768000));
    ASN1_TIME_set(
        X509_getm_notAfter(made.cert), MAKE_NOW_S + (wish->until_s ? wish->until_s : 15768000));
    X509_set_pubkey(made.cert, made.key);
    if (wish->is_ca)
        make_extension(made.cert, issuer->cert, NID_basic_constraints, "critical,CA:TRUE");
    make_extension(made.cert, issuer->cert, NID_subject_key_identifier, "hash");
    make_extension(made.cert, issuer->cert, NID_authority_key_identifier, "keyid");
    if (wish->names)
        make_extension(made.cert, issuer->cert, NID_subject_alt_name, wish->names);
    assert_true(X509_sign(made.cert, issuer->key,
                    is_ed          ? NULL
                    : wish->digest ? wish->digest
                                   : EVP_sha256()) > 0);
    return made;
}

static inline void made_done(struct made *made)
{
    EVP_PKEY_free(made->key);
    X509_free(made->cert);
}

/* Appends what a BIO holds. */
static inline void make_take(struct text *text, BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);

    text_add(text, (struct span){data, (size_t)n});
    BIO_free_all(bio);
}

static inline void make_cert_pem(struct text *text, const struct made *made)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, made->cert);
    make_take(text, bio);
}

/* password NULL: not encrypted. is_old: "RSA PRIVATE KEY" and its like instead of PKCS#8. */
static inline void make_key_pem(
    struct text *text, const struct made *made, const char *password, bool is_old)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password ? EVP_aes_128_cbc() : NULL;
    int n = password ? (int)strlen(password) : 0;
    const unsigned char *pass = (const unsigned char *)password;

    if (is_old)
        PEM_write_bio_PrivateKey_traditional(bio, made->key, cipher, pass, n, NULL, NULL);
    else
        PEM_write_bio_PrivateKey(bio, made->key, cipher, pass, n, NULL, NULL);
    make_take(text, bio);
}

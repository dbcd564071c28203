#include "control/products/cas/cert_read.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.h"

#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 8192

/* What a PEM text holds while it is read. */
struct chain {
    X509 *certs[CERT_CHAIN_MAX]; /* owned */
    uint32_t n;
};

/* A PEM block as OpenSSL hands it out. */
struct block {
    char *name, *header;
    unsigned char *data;
    long n_data;
};

DEFINE_CLEANUP(BIO, BIO_free_all)
DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
DEFINE_CLEANUP(GENERAL_NAMES, GENERAL_NAMES_free)
DEFINE_CLEANUP(BIGNUM, BN_free)

static char read_why[512];

static enum cert_fault PRINTF_LIKE(2, 3) fault(enum cert_fault which, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(read_why, sizeof(read_why), fmt, args);
    va_end(args);
    return which;
}

static void chain_done(struct chain *chain)
{
    for (uint32_t i = 0; i < chain->n; i++)
        X509_free(chain->certs[i]);
    chain->n = 0;
}

/* "certificate" for a single one, "certificate 2 of the chain" for others; for messages. */
static const char *chain_place(const struct chain *chain, uint32_t i)
{
    static char place[48];

    if (chain->n == 1)
        return "certificate";
    (void)snprintf(place, sizeof(place), "certificate %u of the chain", i + 1);
    return place;
}

/* --- PEM ------------------------------------------------------------------------------------- */

/* The data may be a key: it is wiped. */
static void block_done(struct block *block)
{
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    OPENSSL_clear_free(block->data, (size_t)block->n_data);
    *block = (struct block){0};
}

/* 1: a block; 0: the text has no more; -EINVAL: what begins as a block is none. */
static int block_next(BIO *in, struct block *ret_block)
{
    unsigned long error;

    if (PEM_read_bio(
            in, &ret_block->name, &ret_block->header, &ret_block->data, &ret_block->n_data))
        return 1;
    error = ERR_peek_last_error();
    ERR_clear_error();
    return ERR_GET_REASON(error) == PEM_R_NO_START_LINE ? 0 : -EINVAL;
}

static bool block_is(const struct block *block, const char *name)
{
    return strcmp(block->name, name) == 0;
}

static enum cert_fault chain_add(struct chain *chain, const struct block *block)
{
    const unsigned char *data = block->data;

    if (!block_is(block, "CERTIFICATE") && !block_is(block, "X509 CERTIFICATE"))
        return fault(CERT_FORMAT,
            "The certificate holds a block of \"%.40s\"; only CERTIFICATE blocks belong there.",
            block->name);
    if (chain->n == CERT_CHAIN_MAX)
        return fault(CERT_TOO_BIG, "The certificate has more than %u certificates in its chain.",
            CERT_CHAIN_MAX);
    chain->certs[chain->n] = d2i_X509(NULL, &data, block->n_data);
    if (!chain->certs[chain->n])
        return fault(CERT_FORMAT, "Block %u of the certificate is PEM, but no X.509 certificate.",
            chain->n + 1);
    chain->n++;
    return CERT_GOOD;
}

static enum cert_fault chain_read(struct span pem, struct chain *chain)
{
    CLEANUP(BIO_free_all) BIO *in = NULL;
    struct block block = {0};
    enum cert_fault bad = CERT_GOOD;
    int r = 0;

    if (pem.len == 0)
        return fault(CERT_ABSENT, "The certificate is missing.");
    if (pem.len > CERT_PEM_MAX)
        return fault(CERT_TOO_BIG, "The certificate is larger than %u bytes.", CERT_PEM_MAX);
    in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    assert(in);
    while (bad == CERT_GOOD && (r = block_next(in, &block)) > 0) {
        bad = chain_add(chain, &block);
        block_done(&block);
    }
    if (bad != CERT_GOOD)
        return bad;
    if (r < 0 || chain->n == 0)
        return fault(CERT_FORMAT,
            "The certificate is not in PEM format; convert DER, PKCS#7 and PKCS#12 first.");
    return CERT_GOOD;
}

static bool block_is_locked(const struct block *block)
{
    return block_is(block, "ENCRYPTED PRIVATE KEY") || strstr(block->header, "ENCRYPTED");
}

/* Takes one block of the key's text. */
static enum cert_fault key_take(const struct block *block, EVP_PKEY **key)
{
    const unsigned char *data = block->data;
    size_t n = strlen(block->name);

    if (block_is_locked(block))
        return fault(CERT_KEY_LOCKED, "The private key is encrypted; remove its passphrase first.");
    if (block_is(block, "EC PARAMETERS")) /* OpenSSL writes them in front; the key has them too */
        return CERT_GOOD;
    if (n < 11 || strcmp(block->name + n - 11, "PRIVATE KEY") != 0)
        return fault(CERT_KEY_FORMAT,
            "The private key holds a block of \"%.40s\", which does not belong there.",
            block->name);
    if (*key)
        return fault(CERT_KEY_FORMAT, "The private key holds more than one key.");
    *key = d2i_AutoPrivateKey(NULL, &data, block->n_data);
    if (!*key)
        return fault(CERT_KEY_FORMAT, "The private key is PEM, but no RSA or EC key.");
    return CERT_GOOD;
}

static enum cert_fault key_read(struct span pem, EVP_PKEY **ret_key)
{
    CLEANUP(BIO_free_all) BIO *in = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    struct block block = {0};
    enum cert_fault bad = CERT_GOOD;
    int r = 0;

    if (pem.len == 0)
        return fault(CERT_ABSENT, "The private key is missing.");
    if (pem.len > CERT_PEM_MAX)
        return fault(CERT_TOO_BIG, "The private key is larger than %u bytes.", CERT_PEM_MAX);
    in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    assert(in);
    while (bad == CERT_GOOD && (r = block_next(in, &block)) > 0) {
        bad = key_take(&block, &key);
        block_done(&block);
    }
    if (bad != CERT_GOOD)
        return bad;
    if (r < 0 || !key)
        return fault(CERT_KEY_FORMAT, "The private key is not in PEM format.");
    *ret_key = TAKE(key);
    return CERT_GOOD;
}

/* --- checks ---------------------------------------------------------------------------------- */

static const struct {
    const char *group; /* OpenSSL's name */
    const char *name;  /* of the algorithm, in answers */
} curves[] = {
    {"prime256v1", "ECC_P256"},
    {"secp384r1", "ECC_P384"},
    {"secp521r1", "ECC_P521"},
};

/* NULL: not one of ours. */
static const char *curve_name(const EVP_PKEY *key)
{
    char group[64];
    size_t n;

    if (!EVP_PKEY_get_group_name(key, group, sizeof(group), &n))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (strcmp(group, curves[i].group) == 0)
            return curves[i].name;
    return NULL;
}

static enum cert_fault check_algorithm(const EVP_PKEY *key, const char *place)
{
    int bits;

    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && curve_name(key))
        return CERT_GOOD;
    if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return fault(CERT_UNSUPPORTED,
            "The %s has a key that is neither RSA nor EC on P-256, P-384 or P-521.", place);
    bits = EVP_PKEY_get_bits(key);
    if (bits < RSA_BITS_MIN)
        return fault(CERT_WEAK, "The %s has an RSA key of %d bits; at least %d are needed.", place,
            bits, RSA_BITS_MIN);
    if (bits > RSA_BITS_MAX)
        return fault(CERT_UNSUPPORTED, "The %s has an RSA key of %d bits; at most %d can be used.",
            place, bits, RSA_BITS_MAX);
    return CERT_GOOD;
}

static bool cert_is_root(X509 *cert)
{
    return X509_get_extension_flags(cert) & EXFLAG_SS;
}

static enum cert_fault check_signature(X509 *cert, const char *place)
{
    int digest = NID_undef;

    if (cert_is_root(cert))
        return CERT_GOOD;
    (void)X509_get_signature_info(cert, &digest, NULL, NULL, NULL);
    if (digest != NID_md2 && digest != NID_md4 && digest != NID_md5 && digest != NID_sha1)
        return CERT_GOOD;
    return fault(CERT_WEAK, "The %s is signed with %s, which clients do not trust.", place,
        OBJ_nid2sn(digest));
}

static uint64_t time_ms(const ASN1_TIME *when)
{
    struct tm tm;
    time_t seconds;

    if (!ASN1_TIME_to_tm(when, &tm))
        return 0;
    seconds = timegm(&tm);
    return seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}

/* What must hold of each certificate of a chain. */
static enum cert_fault check_one(struct chain *chain, uint32_t i, bool is_ca, uint64_t now_ms)
{
    X509 *cert = chain->certs[i];
    const char *place = chain_place(chain, i);
    enum cert_fault bad;

    bad = check_algorithm(X509_get0_pubkey(cert), place);
    if (bad == CERT_GOOD)
        bad = check_signature(cert, place);
    if (bad != CERT_GOOD)
        return bad;
    if (time_ms(X509_get0_notAfter(cert)) <= now_ms && (i == 0 || !cert_is_root(cert)))
        return fault(CERT_EXPIRED, "The %s has expired.", place);
    if (is_ca && X509_check_ca(cert) != 1)
        return fault(CERT_NOT_CA,
            "The %s comes without a private key, so that it must be that of a CA; its "
            "basicConstraints do not say so.",
            place);
    return CERT_GOOD;
}

static enum cert_fault check_order(const struct chain *chain)
{
    for (uint32_t i = 1; i < chain->n; i++) {
        X509 *cert = chain->certs[i - 1], *issuer = chain->certs[i];

        if (X509_check_issued(issuer, cert) != X509_V_OK ||
            X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
            return fault(CERT_CHAIN,
                "Certificate %u of the chain is not issued by the one after it; the server's comes "
                "first, then "
                "each one's issuer.",
                i);
    }
    return CERT_GOOD;
}

static enum cert_fault check_key(const struct chain *chain, const EVP_PKEY *key)
{
    if (EVP_PKEY_eq(X509_get0_pubkey(chain->certs[0]), key) == 1)
        return CERT_GOOD;
    for (uint32_t i = 1; i < chain->n; i++)
        if (EVP_PKEY_eq(X509_get0_pubkey(chain->certs[i]), key) == 1)
            return fault(CERT_CHAIN,
                "The private key is that of certificate %u of the chain; the server's must come "
                "first.",
                i + 1);
    return fault(CERT_KEY_OTHER, "The private key is not that of the certificate.");
}

/* --- facts ----------------------------------------------------------------------------------- */

/* Texts of certificates are whatever their issuers wrote: what is not UTF-8, or has a NUL, is
 * left out. */
static json_t *fact_text(const ASN1_STRING *string)
{
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, string);
    json_t *json = NULL;

    if (n > 0 && !memchr(text, '\0', (size_t)n))
        json = json_stringn((const char *)text, (size_t)n);
    OPENSSL_free(text);
    return json;
}

/* The first entry of that kind, or "". */
static json_t *fact_entry(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    json_t *text =
        at < 0 ? NULL : fact_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

    return text ? text : json_string("");
}

static void alternative_name(json_t *names, const GENERAL_NAME *name)
{
    char buf[INET6_ADDRSTRLEN];
    const ASN1_OCTET_STRING *ip;

    if (name->type == GEN_DNS) {
        json_t *text = fact_text(name->d.dNSName);

        if (text)
            (void)json_array_append_new(names, text);
    }
    if (name->type != GEN_IPADD)
        return;
    ip = name->d.iPAddress;
    if (inet_ntop(ip->length == 4 ? AF_INET : AF_INET6, ip->data, buf, sizeof(buf)) &&
        (ip->length == 4 || ip->length == 16))
        (void)json_array_append_new(names, json_string(buf));
}

static json_t *fact_alternative_names(X509 *cert)
{
    CLEANUP(GENERAL_NAMES_free)
    GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    json_t *names = json_array();

    for (int i = 0; i < sk_GENERAL_NAME_num(list); i++)
        alternative_name(names, sk_GENERAL_NAME_value(list, i));
    return names;
}

static json_t *fact_fingerprint(X509 *cert, const EVP_MD *digest, const char *separator)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char buf[3 * EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct text text;

    if (!X509_digest(cert, digest, bytes, &n))
        n = 0;
    text_init_fixed(&text, buf, sizeof(buf));
    for (unsigned i = 0; i < n; i++)
        text_addf(&text, "%s%02x", i > 0 ? separator : "", bytes[i]);
    return json_stringn(text.ptr, text.len);
}

static json_t *fact_time(const ASN1_TIME *when)
{
    return json_integer((json_int_t)time_ms(when));
}

static json_t *fact_serial(X509 *cert)
{
    CLEANUP(BN_free) BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    json_t *text = json_string(hex ? hex : "");

    OPENSSL_free(hex);
    return text;
}

static json_t *fact_algorithm(const EVP_PKEY *key)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        return json_string(curve_name(key));
    return json_sprintf("RSA_%d", EVP_PKEY_get_bits(key));
}

/* All of the chain again, without what stood around the blocks. */
static json_t *fact_pem(const struct chain *chain)
{
    CLEANUP(BIO_free_all) BIO *out = BIO_new(BIO_s_mem());
    char *data;
    long n;

    assert(out);
    for (uint32_t i = 0; i < chain->n; i++)
        (void)PEM_write_bio_X509(out, chain->certs[i]);
    n = BIO_get_mem_data(out, &data);
    return json_stringn(data, (size_t)n);
}

/* [{CommonName, IssuerCommonName, NotBefore, NotAfter}], the leaf first. */
static json_t *fact_chain(const struct chain *chain)
{
    json_t *links = json_array();

    for (uint32_t i = 0; i < chain->n; i++) {
        X509 *cert = chain->certs[i];
        json_t *link = json_object();

        (void)json_object_set_new(
            link, "CommonName", fact_entry(X509_get_subject_name(cert), NID_commonName));
        (void)json_object_set_new(
            link, "IssuerCommonName", fact_entry(X509_get_issuer_name(cert), NID_commonName));
        (void)json_object_set_new(link, "NotBefore", fact_time(X509_get0_notBefore(cert)));
        (void)json_object_set_new(link, "NotAfter", fact_time(X509_get0_notAfter(cert)));
        (void)json_array_append_new(links, link);
    }
    return links;
}

static json_t *chain_facts(const struct chain *chain)
{
    X509 *leaf = chain->certs[0];
    const X509_NAME *subject = X509_get_subject_name(leaf), *issuer = X509_get_issuer_name(leaf);
    json_t *facts = json_object();
    const struct {
        const char *name;
        json_t *value;
    } members[] = {
        {"Certificate", fact_pem(chain)},
        {"Fingerprint", fact_fingerprint(leaf, EVP_sha1(), ":")},
        {"Sha2", fact_fingerprint(leaf, EVP_sha256(), "")},
        {"CommonName", fact_entry(subject, NID_commonName)},
        {"SubjectAlternativeNames", fact_alternative_names(leaf)},
        {"Issuer", fact_entry(issuer, NID_commonName)},
        {"Organization", fact_entry(subject, NID_organizationName)},
        {"Country", fact_entry(subject, NID_countryName)},
        {"Province", fact_entry(subject, NID_stateOrProvinceName)},
        {"City", fact_entry(subject, NID_localityName)},
        {"Serial", fact_serial(leaf)},
        {"Algorithm", fact_algorithm(X509_get0_pubkey(leaf))},
        {"SignatureAlgorithm", json_string(OBJ_nid2ln(X509_get_signature_nid(leaf)))},
        {"NotBefore", fact_time(X509_get0_notBefore(leaf))},
        {"NotAfter", fact_time(X509_get0_notAfter(leaf))},
        {"Chain", fact_chain(chain)},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        (void)json_object_set_new(facts, members[i].name, members[i].value);
    return facts;
}

/* --- the whole ------------------------------------------------------------------------------- */

static enum cert_fault read_checked(
    struct chain *chain, struct span cert, struct span key_pem, bool is_ca, uint64_t now_ms)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    enum cert_fault bad = chain_read(cert, chain);

    if (bad == CERT_GOOD && !is_ca)
        bad = key_read(key_pem, &key);
    for (uint32_t i = 0; bad == CERT_GOOD && i < chain->n; i++)
        bad = check_one(chain, i, is_ca, now_ms);
    if (bad != CERT_GOOD || is_ca)
        return bad;
    bad = check_key(chain, key);
    if (bad != CERT_GOOD)
        return bad;
    return check_order(chain);
}

enum cert_fault cert_read(struct span cert, struct span key, bool is_ca, uint64_t now_ms,
    json_t **ret_facts, const char **ret_why)
{
    struct chain chain = {0};
    enum cert_fault bad = read_checked(&chain, cert, key, is_ca, now_ms);

    if (bad == CERT_GOOD)
        *ret_facts = chain_facts(&chain);
    else
        *ret_why = read_why;
    chain_done(&chain);
    ERR_clear_error();
    return bad;
}

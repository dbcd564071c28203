#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <time.h>

#include "tls/inner.h"

DEFINE_CLEANUP(BIO, BIO_free_all)
DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
DEFINE_CLEANUP(X509, X509_free)

/* TLS 1.2: ephemeral keys and authenticated encryption only. 1.3 has nothing else. */
static const char tls_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

#define TLS_SECURITY_LEVEL 2 /* RSA from 2048 bits on, no SHA-1 */

/* --- errors ---------------------------------------------------------------------------------- */

static int PRINTF_LIKE(2, 3) fail(char *why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(why, TLS_WHY_MAX, fmt, args);
    va_end(args);
    ERR_clear_error();
    return -EINVAL;
}

/* OpenSSL's own words for what it refused last. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    return text ? text : "no reason is given";
}

/* --- PEM ------------------------------------------------------------------------------------- */

/* Nobody is there to be asked for a passphrase. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static BIO *open_pem(struct span pem)
{
    return pem.len > 0 && pem.len <= TLS_PEM_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm tm;

    return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

/* Whether it may be used now. */
static int check_dates(struct tls_context *context, const X509 *cert, unsigned number,
    const struct tls_context_opts *opts, char *why)
{
    int64_t begins_at = seconds_of(X509_get0_notBefore(cert));
    int64_t ends_at = seconds_of(X509_get0_notAfter(cert));
    int64_t now = opts->now / NSEC_PER_SEC;
    bool is_early = now < begins_at;
    char which[48] = "the certificate", date[32];
    time_t at = is_early ? begins_at : ends_at;
    struct tm tm;

    context->ends_at = number == 0 ? ends_at : MIN(context->ends_at, ends_at);
    if (opts->now == 0 || (!is_early && now <= ends_at))
        return 0;
    if (number > 0)
        (void)snprintf(which, sizeof(which), "certificate %u of the chain", number + 1);
    (void)gmtime_r(&at, &tm);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return fail(why, is_early ? "%s is not valid before %s" : "%s expired at %s", which, date);
}

static int add_certificate(struct tls_context *context, X509 *cert, unsigned number, char *why)
{
    if (number == TLS_CHAIN_MAX)
        return fail(why, "the certificate has more than %u certificates in its chain", number);
    if ((number == 0 ? SSL_CTX_use_certificate(context->ctx, cert)
                     : SSL_CTX_add1_chain_cert(context->ctx, cert)) != 1)
        return fail(why, "certificate %u of the chain cannot be used: %s", number + 1, reason());
    return 0;
}

static int use_chain(struct tls_context *context, struct ossl_lib_ctx_st *lib,
    const struct tls_context_opts *opts, char *why)
{
    CLEANUP(BIO_free_all) BIO *in = open_pem(opts->certificate);
    unsigned n = 0;
    int r = 0;

    while (in && r == 0) {
        CLEANUP(X509_free) X509 *cert = X509_new_ex(lib, NULL);

        if (!cert || !PEM_read_bio_X509(in, &cert, no_passphrase, NULL))
            break;
        r = check_dates(context, cert, n, opts, why);
        if (r == 0)
            r = add_certificate(context, cert, n, why);
        n++;
    }
    if (r < 0)
        return r;
    if (!in || n == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return fail(
            why, "the certificate is not in PEM format, or longer than %u bytes", TLS_PEM_MAX);
    ERR_clear_error();
    return 0;
}

static int use_key(
    struct tls_context *context, struct ossl_lib_ctx_st *lib, struct span pem, char *why)
{
    CLEANUP(BIO_free_all) BIO *in = open_pem(pem);
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;

    if (in)
        key = PEM_read_bio_PrivateKey_ex(in, NULL, no_passphrase, NULL, lib, NULL);
    if (!key)
        return fail(why, "the private key is not in PEM format, or is encrypted");
    if (X509_check_private_key(SSL_CTX_get0_certificate(context->ctx), key) != 1)
        return fail(why, "the private key does not belong to the certificate");
    if (SSL_CTX_use_PrivateKey(context->ctx, key) != 1)
        return fail(why, "the private key cannot be used: %s", reason());
    return 0;
}

/* --- ALPN ------------------------------------------------------------------------------------ */

static int on_alpn(SSL *ssl, const unsigned char **ret_out, unsigned char *ret_len,
    const unsigned char *offered, unsigned n_offered, void *arg)
{
    const struct tls_context *context = arg;
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, ret_len, context->alpn, context->n_alpn, offered,
            n_offered) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_alpn(struct tls_context *context, const struct tls_context_opts *opts)
{
    assert(opts->n_alpn <= TLS_ALPN_MAX);
    for (unsigned i = 0; i < opts->n_alpn; i++) {
        size_t len = strlen(opts->alpn[i]);

        assert(len > 0 && len < 32);
        context->alpn[context->n_alpn++] = (unsigned char)len;
        memcpy(context->alpn + context->n_alpn, opts->alpn[i], len);
        context->n_alpn += (unsigned)len;
    }
    if (context->n_alpn > 0)
        SSL_CTX_set_alpn_select_cb(context->ctx, on_alpn, context);
}

/* --- policy ---------------------------------------------------------------------------------- */

static bool set_policy(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, TLS_SECURITY_LEVEL);
    /* Plaintext, which may be a secret, is overwritten before its buffer goes back to the heap. */
    (void)SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_PRIORITIZE_CHACHA);
    /* What the socket did not take comes again from another place, as part of a longer write or alone. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS |
                                    SSL_MODE_NO_AUTO_CHAIN);
    /* One call of the kernel for what it has, instead of two for each record. */
    SSL_CTX_set_read_ahead(ctx, 1);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, tls_ciphers) == 1 && SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

static int fill(struct tls_context *context, struct ossl_lib_ctx_st *lib,
    const struct tls_context_opts *opts, char *why)
{
    int r;

    context->method = tls_bio_method();
    context->ctx = SSL_CTX_new_ex(lib, NULL, TLS_server_method());
    if (!context->method || !context->ctx || !set_policy(context->ctx))
        return fail(why, "OpenSSL cannot be set up: %s", reason());
    set_alpn(context, opts);
    r = use_chain(context, lib, opts, why);
    return r < 0 ? r : use_key(context, lib, opts->key, why);
}

int tls_context_new(struct ossl_lib_ctx_st *lib, const struct tls_context_opts *opts,
    struct tls_context **ret_context, char why[static TLS_WHY_MAX])
{
    CLEANUP(tls_context_unref) struct tls_context *context = base_zalloc(sizeof(*context));
    int r;

    atomic_init(&context->refs, 1);
    /* Only the first call of a process has a say; where something of OpenSSL ran before, set_policy covers what its
     * configuration file may have changed. */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    ERR_clear_error();
    r = fill(context, lib, opts, why);
    if (r < 0)
        return r;
    ERR_clear_error();
    *ret_context = TAKE(context);
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    (void)atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

struct tls_context *tls_context_unref(struct tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->method);
    free(context);
    return NULL;
}

int64_t tls_context_ends_at(const struct tls_context *context)
{
    return context->ends_at;
}

SSL *tls_context_open(struct tls_context *context)
{
    SSL *ssl = SSL_new(context->ctx);

    if (ssl)
        SSL_set_accept_state(ssl);
    return ssl;
}

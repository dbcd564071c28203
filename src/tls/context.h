/* What TLS servers of one certificate share: key, chain, policy, ticket keys.
 *
 * Made from PEM in memory: this folder opens no file, and its errors are sentences for whoever gave the PEM.
 * A context never changes. A renewed certificate is a new context: connections keep the one they began with.
 * Refcounted by atomics, so that workers may share one.
 */
#pragma once

#include "base/clock.h"
#include "base/span.h"

struct ossl_lib_ctx_st; /* OSSL_LIB_CTX */
struct tls_context;

#define TLS_PEM_MAX   65536u /* bytes of a chain, and of a key */
#define TLS_CHAIN_MAX 10u    /* certificates */
#define TLS_ALPN_MAX  8u     /* protocols */
#define TLS_WHY_MAX   256u

struct tls_context_opts {
    struct span certificate; /* PEM: the server's own certificate, then those that lead to its CA */
    struct span key;         /* PEM, not encrypted */
    nsec now; /* wall clock: a certificate that is not valid then is refused; 0: not looked at */
    const char *const
        *alpn; /* what the server speaks, best first; a client that offers others only is refused
                                (RFC 7301 section 3.2) */
    unsigned n_alpn; /* <= TLS_ALPN_MAX; 0: offers are ignored */
};

/* TLS 1.2 with forward secrecy and authenticated ciphers, and 1.3; one ticket for each full handshake, sealed with keys
 * that live as long as the context; no renegotiation, no compression, no early data. OpenSSL's configuration file has no
 * say in it. Algorithms are looked up here and not again.
 * lib: NULL is the process's own; another one must outlive the context. Opts are copied.
 * 0, or -EINVAL with why. */
int tls_context_new(struct ossl_lib_ctx_st *lib, const struct tls_context_opts *opts,
    struct tls_context **ret_context, char why[static TLS_WHY_MAX]) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *context);
/* NULL is accepted. Returns NULL. */
struct tls_context *tls_context_unref(struct tls_context *context);
DEFINE_CLEANUP(struct tls_context, tls_context_unref)

/* When the first certificate of the chain to end does so: seconds since 1970. */
int64_t tls_context_ends_at(const struct tls_context *context);

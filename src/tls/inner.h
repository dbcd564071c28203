/* What the files of this folder share. Only they know OpenSSL's types. */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "tls/context.h"

struct tls_context {
    atomic_uint refs;
    SSL_CTX *ctx;       /* owned */
    BIO_METHOD *method; /* owned; of the sockets of all its connections, which hold a ref */
    int64_t ends_at;
    unsigned char alpn[TLS_ALPN_MAX * 32]; /* lengths and names, as on the wire */
    unsigned n_alpn;                       /* bytes */
};

/* A new server's side, without BIO. NULL: no memory. */
SSL *tls_context_open(struct tls_context *context);

/* transport.c */
BIO_METHOD *tls_bio_method(void);

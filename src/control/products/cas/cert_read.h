/* What a certificate in PEM says, and what is wrong with it.
 *
 * Pure: bytes and a time in, facts or a fault out. Refused are: what is not PEM; more than
 * CERT_PEM_MAX bytes or CERT_CHAIN_MAX certificates; DH PARAMETERS and other blocks that do not
 * belong; encrypted keys; keys other than RSA of 1,024 to 8,192 bits and EC on P-256, P-384 and
 * P-521; a key that is not the leaf's; a chain in which one certificate is not issued by the next;
 * MD5 and older signatures, and SHA-1 signatures, but for those of self-signed roots, which nobody
 * checks; what has expired, but for self-signed roots of a chain; a CA that basicConstraints does
 * not call one. A certificate that is not valid yet is taken: it may be meant for later.
 */
#pragma once

#include <jansson.h>

#include "base/span.h"

#define CERT_PEM_MAX   65536u
#define CERT_CHAIN_MAX 10u

enum cert_fault {
    CERT_GOOD,
    CERT_ABSENT,      /* no certificate, or a server's without key */
    CERT_TOO_BIG,     /* size or length of the chain */
    CERT_FORMAT,      /* not PEM, or blocks that do not belong */
    CERT_CHAIN,       /* leaf not first, or not issued by the next */
    CERT_EXPIRED,     /* the leaf, or one of its chain */
    CERT_WEAK,        /* length of the key, or signature */
    CERT_UNSUPPORTED, /* algorithm or curve */
    CERT_NOT_CA,      /* a CA was asked for */
    CERT_KEY_FORMAT,  /* not one PEM private key */
    CERT_KEY_LOCKED,  /* the key is encrypted */
    CERT_KEY_OTHER,   /* the key is not that of the certificate */
    CERT_FAULTS,
};

/* cert, key: PEM; key is ignored for a CA. Returns CERT_GOOD with a new object of the facts
 * among the members that certs.h lists; else *ret_why is one sentence (static buffer, until the
 * next call). */
enum cert_fault cert_read(struct span cert, struct span key, bool is_ca, uint64_t now_ms,
    json_t **ret_facts, const char **ret_why) MUST_CHECK;

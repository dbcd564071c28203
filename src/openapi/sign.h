/* The two signatures of the API: V1 (HMAC-SHA1 over all parameters) and V3 (ACS3-HMAC-SHA256 over the
 * request). Pure functions: the control plane verifies with them, `slb` signs with them. */
#pragma once

#include "openapi/params.h"

#define SIGN_V1_LEN     28u /* base64 of 20 bytes */
#define SIGN_SHA256_LEN 64u /* hex */

/* Percent-encodes all bytes but A-Z a-z 0-9 - _ . ~, hex in upper case. */
void sign_encode(struct text *out, struct span s);

/* V1: METHOD & %2F & enc(sorted pairs without Signature). */
void sign_v1_string(struct text *out, struct span method, const struct params *params);
/* base64(HMAC-SHA1(secret + "&", string)); buf gets a NUL too. */
void sign_v1(struct span secret, struct span string, char buf[SIGN_V1_LEN + 1]);

struct sign_header {
    struct span name;  /* lower case */
    struct span value; /* trimmed */
};
/* V3: the canonical request; query: decoded pairs; headers: those signed, in the order of SignedHeaders.
 * content_sha256: the value of x-acs-content-sha256. The path is "/", as that of all operations. */
void sign_v3_canonical(struct text *out, struct span method, const struct params *query,
    const struct sign_header *headers, uint32_t n_headers, struct span content_sha256);
/* hex(HMAC-SHA256(secret, "ACS3-HMAC-SHA256\n" + hex(SHA-256(canonical)))). */
void sign_v3(struct span secret, struct span canonical, char buf[SIGN_SHA256_LEN + 1]);
void sign_sha256(struct span data, char buf[SIGN_SHA256_LEN + 1]);

/* Same length and bytes, in time that depends on the lengths only. */
bool sign_equal(struct span a, struct span b);

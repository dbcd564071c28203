/* The Authorization header of V3 requests: ACS3-HMAC-SHA256 Credential=ID,SignedHeaders=a;b,Signature=HEX. Pure. */
#pragma once

#include "base/span.h"

#define AUTHORIZATION_HEADERS_MAX 64u
#define AUTHORIZATION_KEY_MAX     128u

/* Borrows from what was parsed. */
struct authorization {
    struct span key_id;
    struct span signed_headers; /* as sent: a;b;c */
    struct span
        headers[AUTHORIZATION_HEADERS_MAX]; /* its elements: lower-case tokens, none twice */
    uint32_t n_headers;
    struct span signature; /* 64 lower-case hex digits */
};

/* 0; AUTHORIZATION_ALGORITHM: another scheme or algorithm; AUTHORIZATION_MALFORMED: anything else that is not exactly the
 * form above (the three members in any order, each once, with at most one space behind a comma). */
enum { AUTHORIZATION_ALGORITHM = 1, AUTHORIZATION_MALFORMED = 2 };
int authorization_parse(struct span value, struct authorization *ret_authorization) MUST_CHECK;
bool authorization_has(const struct authorization *authorization, struct span header);

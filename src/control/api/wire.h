/* A request as it came by HTTP: what it asks for, and whether its signature holds.
 *
 * Both signatures of the vendor's SDKs: V1 (all parameters, HMAC-SHA1) and V3 (ACS3-HMAC-SHA256 over the request). Pure:
 * no socket, no clock, no AccessKeys; the caller finds the secret between the two steps.
 */
#pragma once

#include "control/api/authorization.h"
#include "http/msg.h"
#include "openapi/params.h"

#define WIRE_WINDOW_MS (15ull * 60 * 1000) /* a timestamp may be so far off, either way */

struct wire_request {
    struct span method; /* "GET", "POST" */
    struct span query, body;
    const struct http_fields *fields;
};

/* Borrows from the request and from params. */
struct wire {
    struct params params; /* of query and form */
    uint32_t n_query;     /* the first so many are the query's */
    struct span action, version, key_id, nonce, timestamp;
    struct span signature;
    bool is_v3;
    struct authorization authorization; /* V3 */
    struct span content_sha256;
};

struct wire_error {
    unsigned status;
    const char *code;
    struct text message; /* owned */
};
void wire_error_init(struct wire_error *error);
void wire_error_done(struct wire_error *error);
/* Always -EINVAL. */
int wire_fail(struct wire_error *error, unsigned status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5) MUST_CHECK;

/* Reads parameters and who says to have signed. *ret_wire is to be ended with wire_done in any case.
 * 0, or -EINVAL with error filled. */
int wire_read(
    const struct wire_request *request, struct wire *ret_wire, struct wire_error *error) MUST_CHECK;
/* Timestamp, body hash, signature. 0, or -EINVAL with error filled. */
int wire_verify(const struct wire_request *request, const struct wire *wire, struct span secret,
    uint64_t now_ms, struct wire_error *error) MUST_CHECK;
void wire_done(struct wire *wire);

/* "2026-01-02T03:04:05Z" as ms since 1970: 0, or -EINVAL. */
int wire_parse_time(struct span text, uint64_t *ret_ms) MUST_CHECK;

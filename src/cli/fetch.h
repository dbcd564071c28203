/* One HTTP request at a time: libcurl, and nothing else here knows it. */
#pragma once

#include "base/text.h"

#define FETCH_ERROR_MAX 256u

struct fetch_post {
    const char *url;            /* http or https */
    const char *const *headers; /* "name: value", NULL-terminated */
    struct span body;
    unsigned timeout_ms;
    const char *ca; /* https: PEM file of the CAs that count; NULL: the system's */
};

/* Appends the body of the answer. 0, or a negative with why in error: -EKEYREJECTED the server's certificate cannot be
 * verified, -ENOKEY the CA file cannot be used, -EPROTO what answers speaks something else (TLS or not), -EIO not reached, or
 * no whole answer. Redirects are not followed and proxies not used: a key belongs to one node. */
int fetch(const struct fetch_post *post, struct text *answer, unsigned *ret_status,
    char error[FETCH_ERROR_MAX]) MUST_CHECK;

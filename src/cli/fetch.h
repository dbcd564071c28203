/* One HTTP request at a time: libcurl, and nothing else here knows it. */
#pragma once

#include "base/text.h"

#define FETCH_ERROR_MAX 256u

struct fetch_post {
    const char *url;            /* http or https */
    const char *const *headers; /* "name: value", NULL-terminated */
    struct span body;
    unsigned timeout_ms;
};

/* Appends the body of the answer. 0, or -EIO with why in error: not reached, or no whole answer. Redirects are not
 * followed and proxies not used: a key belongs to one node. */
int fetch(const struct fetch_post *post, struct text *answer, unsigned *ret_status,
    char error[FETCH_ERROR_MAX]) MUST_CHECK;

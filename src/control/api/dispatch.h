/* One call: find its function, check, run, store, log, answer. Knows no HTTP. */
#pragma once

#include "control/api/inner.h"

struct dispatch_request {
    const struct openapi_operation *op;
    const struct params *params;
    const struct principal *who;
    const char *request_id; /* upper-case UUID */
    const char *host;       /* as asked; "" without HTTP */
    const char *source_ip, *user_agent;
    uint64_t now_ms; /* since 1970 */
};

/* Writes the answer, good or bad, and returns its HTTP status. */
unsigned dispatch(struct api *api, const struct dispatch_request *request, struct text *ret_json);

/* The function of op in a set of n products. NULL: it is not built. */
call_fn dispatch_find(
    const struct product *const *set, uint32_t n, const struct openapi_operation *op);

/* The envelope of errors. */
void dispatch_error(struct text *json, const char *request_id, const char *host, const char *code,
    struct span message);

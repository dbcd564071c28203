/* The HTTP side of the API: who asks, whether they may, what they ask for, and the envelope of the answer. */
#pragma once

#include "control/call.h"
#include "serve/serve.h"

struct api;

/* Fails at start (NULL after logging) if a product has a function for an operation that its table lacks. */
struct api *api_new(struct control *control);
struct api *api_free(struct api *api);

/* What the server of the API allows: request lines of 64 KiB and more, as most calls carry their parameters there. */
extern const struct serve_limits api_limits;

/* The first AccessKey pair, which may do everything: if the store has no such key, makes it and writes it to
 * state_dir/root-key.json (0600). At start, before api_serve. 0, or negative after logging. */
int api_root_key(struct catalog *catalog, const struct node_conf *node) MUST_CHECK;

/* serve_fn: "/" with GET and POST. arg: the api. */
void api_serve(void *arg, struct serve_request *request);

#define API_CONTENT_TYPE "application/json;charset=utf-8"

/* serve_refusal_fn: the envelope of errors, with a RequestId. arg is not used. */
const char *api_refusal(
    void *arg, const struct serve_request *request, unsigned status, struct text *body);

/* One call without HTTP: operation, pairs, who. Writes the answer's JSON and returns its HTTP status. All that HTTP calls
 * get too: permission, ClientToken, DryRun, operation log, jobs. Tests and the first start use it. */
unsigned api_call(struct api *api, const struct openapi_operation *op, const struct params *params,
    const struct principal *who, const char *source_ip, struct text *ret_json);

/* Whether the operation has a function. */
bool api_is_built(const struct openapi_operation *op);

/* Since api_new. */
uint64_t api_uptime_ms(const struct api *api);

/* Buffered records of calls that changed nothing; written by a timer and at the end. */
void api_flush_events(struct api *api);

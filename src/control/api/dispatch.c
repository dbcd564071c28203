#include "control/api/dispatch.h"

#include <strings.h>

#include "control/api/quota.h"
#include "control/api/token.h"
#include "control/control.h"
#include "control/products/system/keys.h"
#include "control/secrets.h"
#include "observe/log.h"

/* One call under way. */
struct dispatch {
    struct api *api;
    const struct dispatch_request *request;
    struct call call;
    json_t *in, *out;     /* owned; in is NULL until it is decoded */
    json_t *answer;       /* owned: out as clients see it */
    struct token token;   /* of ClientToken */
    bool is_event_stored; /* the commit had it */
};

static int compare_name(const void *name, const void *row)
{
    const struct call_operation *operation = row;

    return strcmp(name, operation->name);
}

call_fn dispatch_find(
    const struct product *const *set, uint32_t n, const struct openapi_operation *op)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct call_operation *found;

        if (strcmp(set[i]->name, op->product->name) != 0)
            continue;
        found = bsearch(op->name, set[i]->operations, set[i]->n_operations,
            sizeof(*set[i]->operations), compare_name);
        if (found)
            return found->fn;
    }
    return NULL;
}

/* --- answers ------------------------------------------------------------------------------------- */

static int write_json(const char *bytes, size_t n, void *text)
{
    text_add(text, (struct span){bytes, n});
    return 0;
}

void dispatch_error(struct text *json, const char *request_id, const char *host, const char *code,
    struct span message)
{
    text_addf(json, "{\"RequestId\":\"%s\",\"HostId\":", request_id);
    text_add_json(json, span_of(host));
    text_add(json, SPAN_LIT(",\"Code\":"));
    text_add_json(json, span_of(code));
    text_add(json, SPAN_LIT(",\"Message\":"));
    text_add_json(json, message);
    text_add(json, SPAN_LIT(",\"Recommend\":\"\"}"));
}

static unsigned write_error(struct dispatch *d, struct text *ret_json)
{
    text_reset(ret_json);
    dispatch_error(
        ret_json, d->request->request_id, d->request->host, d->call.code, span_of(d->call.message));
    return d->call.status;
}

static unsigned write_answer(struct dispatch *d, struct text *ret_json)
{
    text_reset(ret_json);
    (void)json_dump_callback(d->answer, write_json, ret_json, JSON_COMPACT);
    if (!text_failed(ret_json))
        return 200;
    call_set_error(&d->call, "InternalError",
        "The answer is larger than %zu bytes; ask for fewer things.", ret_json->limit);
    return write_error(d, ret_json);
}

/* --- steps --------------------------------------------------------------------------------------- */

static int fail_unbuilt(struct call *call)
{
    const char *product = call->op->product->name;

    if (call->op->tier == OPENAPI_NA)
        return call_fail(call, "UnsupportedOperation",
            "%s of %s has no meaning outside the cloud and is not offered.", call->op->name,
            product);
    return call_fail(call, "UnsupportedOperation",
        "%s of %s is not built yet; docs/api-coverage.md lists what is.", call->op->name, product);
}

static bool documents(const struct openapi_operation *op, const char *code)
{
    for (uint32_t i = 0; i < op->n_errors; i++) {
        if (strcmp(op->errors[i].code, code) == 0)
            return true;
    }
    return false;
}

/* A region must be this node's. Clients that leave out a required one mean it. */
static int check_region(struct call *call, const struct params *params)
{
    struct span given = params_find(params, "RegionId");

    if (!openapi_field_find(&call->op->in, SPAN_LIT("RegionId")) || given.len == 0 ||
        span_eq(given, span_of(call->node->region)))
        return 0;
    return call_fail(call,
        documents(call->op, "InvalidParameter.RegionId") ? "InvalidParameter.RegionId"
                                                         : "InvalidRegionId.NotFound",
        "RegionId is %.*s; this node has the region %s.", (int)MIN(given.len, 64u), given.ptr,
        call->node->region);
}

static int decode(struct dispatch *d)
{
    const struct openapi_operation *op = d->request->op;
    const struct openapi_field *region = openapi_field_find(&op->in, SPAN_LIT("RegionId"));
    struct params_error error = {0};
    struct params with_region = {0};
    const struct params *params = d->request->params;
    int r = 0;

    if (region && region->required && params_find(params, "RegionId").len == 0) {
        for (uint32_t i = 0; i < params->n && r == 0; i++) {
            const struct param *p = &params->items[i];

            if (strcmp(p->name, "RegionId") != 0)
                r = params_add(&with_region, (struct span){p->name, p->name_len},
                    (struct span){p->value, p->value_len});
        }
        if (r == 0)
            r = params_add(&with_region, SPAN_LIT("RegionId"), span_of(d->call.node->region));
        params = &with_region;
    }
    if (r == 0)
        r = params_decode(op, params, &d->in, &error);
    params_done(&with_region);
    if (r == 0) {
        d->call.in = d->in;
        return 0;
    }
    if (error.code[0] == '\0')
        return call_fail(
            &d->call, "InvalidParameter", "There are more than %u parameters.", PARAMS_MAX);
    return call_fail(&d->call, error.code, "%s", error.message);
}

static bool is_dry_run(const struct call *call)
{
    const char *text = call_text(call, "DryRun");

    return json_flag(call->in, "DryRun", false) || (text && strcasecmp(text, "true") == 0);
}

static int fail_commit(struct call *call, int r)
{
    log_line(LOG_ERROR, "api: %s could not be stored: %s", call->op->name, strerrordesc_np(-r));
    if (r == -EIO)
        return call_fail(
            call, "InternalError", "The change could not be written; nothing has changed.");
    return call_fail(call, "ServiceUnavailable",
        r == -ENOSPC ? "There is no room on the disk; nothing has changed."
                     : "The store is busy; nothing has changed. Try again.");
}

/* What clients see; before the commit, because the operation log has it too. */
static void make_answer(struct dispatch *d)
{
    d->answer = params_answer(d->request->op, d->out);
    json_put_text(d->answer, "RequestId", d->request->request_id);
}

static struct event make_event(const struct dispatch *d)
{
    struct event_facts facts = {
        .op = d->request->op,
        .in = d->in,
        .answer = d->answer,
        .who = d->request->who->access_key_id,
        .request_id = d->request->request_id,
        .source_ip = d->request->source_ip,
        .user_agent = d->request->user_agent,
        .host = d->request->host,
        .region = d->call.node->region,
        .resource = d->call.resource,
        .code = d->call.code,
        .message = d->call.message,
        .now_ms = d->request->now_ms,
    };

    return event_make(&facts);
}

static int commit(struct dispatch *d)
{
    struct event event = make_event(d);
    struct store_event row = event_row(&event);
    int r;

    r = txn_commit(d->call.txn, &row, 1, NULL);
    d->call.txn = NULL;
    event_done(&event);
    if (r < 0) {
        d->answer = (json_decref(d->answer), NULL);
        return fail_commit(&d->call, r);
    }
    d->is_event_stored = true;
    return 0;
}

/* The function and what becomes of its work. */
static int run(struct dispatch *d, call_fn fn)
{
    struct call *call = &d->call;
    int r = quota_check(call);

    if (r < 0)
        return r;
    r = fn(call);
    if (r != 0 && call->code[0] == '\0') {
        log_line(LOG_ERROR, "api: %s failed without a reason: %d", call->op->name, r);
        return call_fail(call, "InternalError", "%s failed; nothing has changed.", call->op->name);
    }
    if (r != 0)
        return r;
    if (is_dry_run(call))
        return call_fail(call, "DryRunOperation",
            "The request would succeed; as DryRun was asked for, nothing has changed.");
    token_keep(&d->token, call);
    make_answer(d);
    return call->op->is_read ? 0 : commit(d);
}

/* 0 and d->answer, or a negative after call_fail. */
static int perform(struct dispatch *d)
{
    struct call *call = &d->call;
    call_fn fn = dispatch_find(d->api->products, d->api->n_products, call->op);
    json_t *known;
    int r;

    r = keys_allow(call);
    if (r < 0)
        return r;
    if (!fn)
        return fail_unbuilt(call);
    r = check_region(call, d->request->params);
    if (r < 0)
        return r;
    r = decode(d);
    if (r < 0)
        return r;
    r = token_find(&d->token, call, &known);
    if (r < 0)
        return r;
    if (r == 0)
        return run(d, fn);
    json_decref(d->out);
    d->out = known;
    make_answer(d);
    return 0;
}

static unsigned dispatch_call(
    struct api *api, const struct dispatch_request *request, struct text *ret_json)
{
    struct dispatch d = {.api = api, .request = request, .out = json_object()};
    unsigned status;
    int r;

    d.call = (struct call){
        .op = request->op,
        .out = d.out,
        .resources = json_array(),
        .txn = txn_begin(api->control->catalog),
        .control = api->control,
        .node = &api->control->node,
        .who = request->who,
        .request_id = request->request_id,
        .source_ip = request->source_ip,
        .now_ms = request->now_ms,
    };
    r = perform(&d);
    if (d.call.txn)
        (void)txn_abort(d.call.txn);
    if (!d.is_event_stored) {
        struct event event = make_event(&d);

        events_add(&api->events, &event);
    }
    status = r < 0 ? write_error(&d, ret_json) : write_answer(&d, ret_json);
    json_decref(d.call.resources);
    json_decref(d.in);
    json_decref(d.out);
    json_decref(d.answer);
    return status;
}

unsigned dispatch(struct api *api, const struct dispatch_request *request, struct text *ret_json)
{
    bool has_secrets = openapi_has_secrets(request->op);
    unsigned status;

    if (has_secrets)
        secrets_begin();
    status = dispatch_call(api, request, ret_json);
    if (has_secrets)
        secrets_end();
    return status;
}

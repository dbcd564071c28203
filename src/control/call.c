/* What every handler uses of a call: its errors, documents, times and jobs. */
#include "control/call.h"

#include <stdarg.h>
#include <time.h>

#include "control/api/uuid.h"

/* The oldest jobs go when there are more: a tenth at once, so that not each new one lists them all. */
#define JOBS_MAX 10000u

void call_set_error(struct call *call, const char *code, const char *fmt, ...)
{
    va_list args;

    (void)snprintf(call->code, sizeof(call->code), "%s", code);
    va_start(args, fmt);
    (void)vsnprintf(call->message, sizeof(call->message), fmt, args);
    va_end(args);
    call->status = openapi_error_status(call->op, code);
}

const struct doc *call_find(
    struct call *call, const char *kind, const char *param, const char *not_found, const char *what)
{
    const char *id = call_text(call, param);
    const struct doc *doc = id ? txn_get(call->txn, kind, id) : NULL;

    if (!id)
        call_set_error(call, "MissingParameter", "%s, the id of a %s, is missing.", param, what);
    else if (!doc)
        call_set_error(
            call, not_found, "The %s %.100s, which %s names, does not exist.", what, id, param);
    return doc;
}

const char *call_time(const struct call *call, char *buf)
{
    time_t seconds = (time_t)(call->now_ms / 1000);
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    assert(len > 0);
    return buf;
}

void call_resource(struct call *call, const char *id)
{
    (void)snprintf(call->resource, sizeof(call->resource), "%s", id);
    (void)json_array_append_new(call->resources, json_string(id));
}

static void call_trim_jobs(struct txn *txn)
{
    struct doc_list jobs;

    if (txn_count(txn, "system.job") < JOBS_MAX)
        return;
    txn_list(txn, "system.job", &jobs);
    for (uint32_t i = 0; i < jobs.n && i < JOBS_MAX / 10; i++)
        (void)txn_remove(txn, "system.job", jobs.docs[i]->id);
    doc_list_done(&jobs);
}

/* Addresses and zones of an instance are what its listeners are made of: a listener that was in force and is refused after
 * the change has failed because of it. */
static void add_listeners(struct call *call)
{
    static const char *const listeners[] = {"alb.listener", "nlb.listener"};
    struct doc_list list;

    for (size_t k = 0; k < ARRAY_LEN(listeners); k++) {
        txn_users(call->txn, listeners[k], call->resource, &list);
        for (uint32_t i = 0; i < list.n; i++) {
            if (call_state(call, list.docs[i], NULL) == DELIVERY_ACTIVE)
                (void)json_array_append_new(call->resources, json_string(list.docs[i]->id));
        }
        doc_list_done(&list);
    }
}

void call_job(struct call *call, const char *type)
{
    char id[UUID_LEN + 1];
    json_t *job = json_object();
    int r;

    assert(call->resource[0] != '\0');
    call_trim_jobs(call->txn);
    if (strcmp(type, "loadbalancer") == 0)
        add_listeners(call);
    uuid_make(id, false);
    json_put_text(job, "JobId", id);
    json_put_text(job, "Product", call->op->product->name);
    json_put_text(job, "ApiName", call->op->name);
    json_put_text(job, "ResourceType", type);
    json_put_text(job, "ResourceId", call->resource);
    if (json_array_size(call->resources) > 1)
        json_put(job, "ResourceIds", json_copy(call->resources));
    json_put_text(job, "Status", "Processing");
    json_put_int(job, "CreateTime", (json_int_t)call->now_ms);
    json_put_int(job, "ModifyTime", (json_int_t)call->now_ms);
    r = txn_add(call->txn, "system.job", id, job);
    assert(r == 0); /* 122 random bits */
    json_put_text(call->out, "JobId", id);
}

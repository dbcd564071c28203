#include "control/products/system/jobs.h"

#define JOB_KIND "system.job"

static bool is_ours(const struct call *call, const json_t *body)
{
    return json_text_is(body, "Product", call->op->product->name);
}

static bool equals_or_absent(const struct call *call, const json_t *body, const char *name)
{
    const char *wanted = call_text(call, name);

    return !wanted || wanted[0] == '\0' || json_text_is(body, name, wanted);
}

static bool matches(const struct call *call, const struct doc *doc)
{
    const char *resource = json_text(doc->body, "ResourceId");
    int64_t created = json_int(doc->body, "CreateTime", 0);

    return is_ours(call, doc->body) && json_array_has(call->in, "JobIds", doc->id, true) &&
           json_array_has(call->in, "ResourceIds", resource ? resource : "", true) &&
           equals_or_absent(call, doc->body, "ResourceType") &&
           equals_or_absent(call, doc->body, "ApiName") &&
           created >= json_int(call->in, "BeginTime", 0) &&
           created <= json_int(call->in, "EndTime", INT64_MAX);
}

/* What the operation does to its resource, by its name. */
static const char *operate_type(const char *api_name)
{
    static const char *const verbs[] = {
        "Create", "Delete", "Update", "Start", "Stop", "Enable", "Disable"};

    for (unsigned i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strncmp(api_name, verbs[i], strlen(verbs[i])) == 0)
            return verbs[i];
    }
    return "Update";
}

static json_t *show(const struct doc *doc)
{
    static const char *const same[] = {"ApiName", "CreateTime", "ErrorCode", "ErrorMessage",
        "ResourceId", "ResourceType", "Status", NULL};
    json_t *row = json_object();

    json_copy_members(row, doc->body, same);
    json_put_text(row, "Id", doc->id);
    json_put_text(row, "OperateType", operate_type(json_text(doc->body, "ApiName")));
    json_put_int(
        row, "ModifyTime", json_int(doc->body, "EndTimeMs", json_int(doc->body, "CreateTime", 0)));
    return row;
}

static int compare_order(const void *a, const void *b)
{
    const struct doc *const *x = a;
    const struct doc *const *y = b;

    return (*x)->order < (*y)->order ? -1 : (*x)->order > (*y)->order;
}

/* Clients that wait ask for one job again and again: those that are named are looked up, not searched for. */
static void list_named(struct call *call, struct doc_list *ret_list)
{
    const json_t *ids = json_object_get(call->in, "JobIds");
    const json_t *id;
    size_t i;

    *ret_list = (struct doc_list){.docs = base_calloc(json_array_size(ids), sizeof(struct doc *))};
    json_array_foreach (ids, i, id) {
        const struct doc *doc = txn_get(call->txn, JOB_KIND, json_string_value(id));
        bool is_new = doc != NULL;

        for (uint32_t j = 0; j < ret_list->n; j++)
            is_new = is_new && ret_list->docs[j] != doc;
        if (is_new)
            ret_list->docs[ret_list->n++] = doc;
    }
    qsort(ret_list->docs, ret_list->n, sizeof(struct doc *), compare_order);
}

int jobs_list(struct call *call)
{
    struct doc_list jobs;
    json_t *rows = json_array();
    uint32_t n = 0;
    int r;

    json_put(call->out, "Jobs", rows);
    if (json_len(call->in, "JobIds") > 0)
        list_named(call, &jobs);
    else
        txn_list(call->txn, JOB_KIND, &jobs);
    for (uint32_t i = 0; i < jobs.n; i++) {
        if (matches(call, jobs.docs[i]))
            jobs.docs[n++] = jobs.docs[i];
    }
    jobs.n = n;
    r = call_page(call, &jobs);
    for (uint32_t i = 0; i < jobs.n && r == 0; i++)
        (void)json_array_append_new(rows, show(jobs.docs[i]));
    doc_list_done(&jobs);
    return r;
}

int jobs_get_status(struct call *call)
{
    const struct doc *job = call_find(call, JOB_KIND, "JobId", "ResourceNotFound.JobId", "job");

    if (!job)
        return -ENOENT;
    if (!is_ours(call, job->body))
        return call_fail(
            call, "ResourceNotFound.JobId", "The job %s belongs to another product.", job->id);
    json_put_text(call->out, "Status", json_text(job->body, "Status"));
    return 0;
}

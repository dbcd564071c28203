/* Access logs of instances: on while an instance has a document that says where its log belongs.
 *
 * The data plane writes one file, that of the node; each line names its instance. Project and store
 * are labels that are kept and answered.
 */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

static const char *log_id(const char *instance_id, char *buf)
{
    (void)snprintf(buf, 128, "alog-%.64s", instance_id);
    return buf;
}

/* The instance of one element: its own LoadBalancerId, else that of the call. */
static int log_instance(struct call *call, const json_t *given, const char **ret_id)
{
    const char *id = json_text(given, "LoadBalancerId");

    if (!id)
        id = call_text(call, "LoadBalancerId");
    if (!id || !txn_get(call->txn, "clb.load_balancer", id))
        return call_fail(call, "InvalidLoadBalancerId.NotFound",
            "The specified LoadBalancerId %s does not exist.", id ? id : "(none)");
    *ret_id = id;
    return 0;
}

static int set_log(struct call *call, const json_t *given)
{
    const char *project = json_text(given, "logProject"), *store = json_text(given, "LogStore");
    const char *instance_id;
    char id[128];
    json_t *body;
    int r = log_instance(call, given, &instance_id);

    if (r < 0)
        return r;
    if (!project || !store)
        return call_fail(call, "InvalidParameter",
            "LogsDownloadAttributes: logProject and LogStore are required for %s.", instance_id);
    call_resource(call, instance_id);
    body = txn_edit(call->txn, "clb.access_log", log_id(instance_id, id));
    if (!body) {
        body = json_object();
        r = txn_add(call->txn, "clb.access_log", id, body);
        if (r < 0)
            return r;
    }
    json_put_text(body, "LoadBalancerId", instance_id);
    json_put_text(body, "LogProject", project);
    json_put_text(body, "LogStore", store);
    json_put_text(body, "LogType", "layer7");
    json_put_text(body, "Region", call->node->region);
    return 0;
}

static int each_attribute(struct call *call, int (*fn)(struct call *, const json_t *))
{
    const json_t *list = json_object_get(call->in, "LogsDownloadAttributes");
    size_t i;
    json_t *given;

    if (json_array_size(list) == 0)
        return call_fail(call, "InvalidParameter", "LogsDownloadAttributes has no elements.");
    json_array_foreach (list, i, given) {
        int r = fn(call, given);

        if (r < 0)
            return r;
    }
    return 0;
}

int clb_set_access_logs_download_attribute(struct call *call)
{
    if (call->node->access_log[0] == '\0')
        return call_fail(call, "Operation.NotAllowed",
            "This node writes no access log: name a file in its node file first.");
    return each_attribute(call, set_log);
}

static int delete_log(struct call *call, const json_t *given)
{
    const char *instance_id;
    char id[128];
    int r = log_instance(call, given, &instance_id);

    if (r < 0)
        return r;
    call_resource(call, instance_id);
    (void)txn_remove(call->txn, "clb.access_log", log_id(instance_id, id));
    return 0;
}

int clb_delete_access_logs_download_attribute(struct call *call)
{
    return each_attribute(call, delete_log);
}

static bool log_is_asked_for(const struct call *call, const struct doc *doc)
{
    const char *instance_id = call_text(call, "LoadBalancerId");
    const char *type = call_text(call, "LogType");
    const json_t *instance =
        txn_body(call->txn, "clb.load_balancer", json_text(doc->body, "LoadBalancerId"));

    return (!instance_id || json_text_is(doc->body, "LoadBalancerId", instance_id)) &&
           (!type || json_text_is(doc->body, "LogType", type)) && call_tags_match(call, instance);
}

int clb_describe_access_logs_download_attribute(struct call *call)
{
    json_t *out = json_array();
    CLB_LIST list = {0};
    int r;

    json_put(call->out, "LogsDownloadAttributes", out);
    txn_list(call->txn, "clb.access_log", &list);
    clb_filter(call, &list, log_is_asked_for);
    r = call_page(call, &list);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < list.n; i++)
        (void)json_array_append(out, list.docs[i]->body);
    return 0;
}

/* Listeners: made, shown, changed, started, stopped, deleted. */
#include "control/products/alb/listener.h"

#include "control/products/common/common.h"

const struct doc *listener_find(struct call *call)
{
    return call_find(call, ALB_LISTENER, "ListenerId", "ResourceNotFound.Listener", "listener");
}

json_t *listener_edit(struct call *call)
{
    const struct doc *doc = listener_find(call);

    if (!doc)
        return NULL;
    call_resource(call, doc->id);
    return txn_edit(call->txn, ALB_LISTENER, doc->id);
}

/* --- create ------------------------------------------------------------------------------------- */

/* HTTP and HTTPS are TCP ports, QUIC is a UDP port. */
static int check_port(struct call *call, const struct doc_list *others)
{
    int64_t port = json_int(call->in, "ListenerPort", 0);
    bool is_quic = json_text_is(call->in, "ListenerProtocol", "QUIC");

    for (uint32_t i = 0; i < others->n; i++) {
        const json_t *body = others->docs[i]->body;

        if (json_int(body, "ListenerPort", 0) == port &&
            json_text_is(body, "ListenerProtocol", "QUIC") == is_quic)
            return call_fail(call, "ResourceAlreadyExist.Listener",
                "The port %d of the instance is taken by the listener %s (%s).", (int)port,
                others->docs[i]->id, json_text(body, "ListenerProtocol"));
    }
    return 0;
}

static int check_new(struct call *call, const struct doc *instance)
{
    struct doc_list others;
    int r;

    txn_users(call->txn, ALB_LISTENER, instance->id, &others);
    r = check_port(call, &others);
    if (r == 0)
        r = alb_check_quota(call, instance->body, ALB_QUOTA_LISTENERS, others.n + 1);
    doc_list_done(&others);
    return r;
}

/* Members that every listener of its protocol has. */
static json_t *new_listener(const struct call *call)
{
    static const char *const copied[] = {
        "LoadBalancerId", "ListenerProtocol", "ListenerPort", NULL};
    json_t *body = json_object();
    json_t *log = json_object();
    json_t *trace = json_object();
    json_t *quic = json_object();

    json_copy_members(body, call->in, copied);
    json_put_flag(body, "Enabled", true);
    json_put_flag(trace, "TracingEnabled", false);
    json_put_flag(log, "AccessLogRecordCustomizedHeadersEnabled", false);
    json_put(log, "AccessLogTracingConfig", trace);
    json_put(body, "LogConfig", log);
    json_put_flag(quic, "QuicUpgradeEnabled", false);
    if (!json_text_is(body, "ListenerProtocol", "HTTP"))
        json_put(body, "AdditionalCertificates", json_array());
    if (json_text_is(body, "ListenerProtocol", "HTTPS")) {
        json_put_flag(body, "Http2Enabled", true);
        json_put_flag(body, "CaEnabled", false);
        json_put_text(body, "SecurityPolicyId", "tls_cipher_policy_1_0");
        json_put(body, "QuicConfig", json_incref(quic));
    }
    json_decref(quic);
    return body;
}

int alb_create_listener(struct call *call)
{
    static const struct creation creation = {ALB_LISTENER, "lsn-", "ListenerId"};
    const struct doc *instance = call_find(
        call, ALB_LOAD_BALANCER, "LoadBalancerId", "ResourceNotFound.LoadBalancer", "instance");
    json_t *body;
    int r;

    if (!instance)
        return -ENOENT;
    r = check_new(call, instance);
    body = new_listener(call);
    if (r == 0)
        r = listener_set(call, NULL, body);
    if (r == 0)
        r = call_tags(call, body);
    r = common_create(call, &creation, body, r);
    if (r < 0)
        return r;
    call_job(call, "listener");
    return 0;
}

/* --- read --------------------------------------------------------------------------------------- */

/* Elements with a Status, as answers have them. */
static json_t *with_status(const json_t *list, const char *status)
{
    json_t *out = json_array();
    json_t *element;
    size_t i;

    json_array_foreach (list, i, element) {
        json_t *shown = json_copy(element);

        json_put_text(shown, "Status", status);
        (void)json_array_append_new(out, shown);
    }
    return out;
}

static json_t *show_listener(struct call *call, const struct doc *doc)
{
    json_t *shown = common_show(doc, "ListenerId");
    json_t *acls = json_object_get(doc->body, "AclConfig");
    const char *status = alb_state(call, doc, &alb_listener_words);

    json_put_text(
        shown, "ListenerStatus", json_flag(doc->body, "Enabled", true) ? status : "Stopped");
    if (acls) {
        json_t *config = json_copy(acls);

        json_put(config, "AclRelations",
            with_status(json_object_get(acls, "AclRelations"), "Associated"));
        json_put(shown, "AclConfig", config);
    }
    if (json_has(doc->body, "CaCertificates"))
        json_put(shown, "CaCertificates",
            with_status(json_object_get(doc->body, "CaCertificates"), "Associated"));
    return shown;
}

int alb_get_listener_attribute(struct call *call)
{
    const struct doc *doc = listener_find(call);

    return doc ? common_answer(call, show_listener(call, doc)) : -ENOENT;
}

int alb_list_listeners(struct call *call)
{
    static const struct filter filters[] = {
        {"ListenerIds", NULL},
        {"LoadBalancerIds", "LoadBalancerId"},
        {"ListenerProtocol", "ListenerProtocol"},
        {NULL, NULL},
    };
    static const struct listing listing = {.kind = ALB_LISTENER,
        .out = "Listeners",
        .filters = filters,
        .has_tags = true,
        .show = show_listener};

    return common_list(call, &listing);
}

/* --- change ------------------------------------------------------------------------------------- */

int alb_update_listener_attribute(struct call *call)
{
    json_t *body = listener_edit(call);
    int r;

    if (!body)
        return -ENOENT;
    r = listener_set(call, call->resource, body);
    if (r < 0)
        return r;
    call_job(call, "listener");
    return 0;
}

static int set_enabled(struct call *call, bool enabled)
{
    json_t *body = listener_edit(call);

    if (!body)
        return -ENOENT;
    if (json_flag(body, "Enabled", true) == enabled)
        return call_fail(call, "IncorrectStatus.Listener", "The listener %s is %s already.",
            call->resource, enabled ? "started" : "stopped");
    json_put_flag(body, "Enabled", enabled);
    call_job(call, "listener");
    return 0;
}

int alb_start_listener(struct call *call)
{
    return set_enabled(call, true);
}

int alb_stop_listener(struct call *call)
{
    return set_enabled(call, false);
}

int alb_delete_listener(struct call *call)
{
    const struct doc *doc = listener_find(call);
    struct doc_list rules;

    if (!doc)
        return -ENOENT;
    if (txn_count_users(call->txn, ALB_LISTENER, doc->id) > 0)
        return call_fail(call, "ResourceInUse.Listener",
            "An HTTPS listener advertises the QUIC listener %s.", doc->id);
    call_resource(call, doc->id);
    txn_users(call->txn, ALB_RULE, call->resource, &rules);
    for (uint32_t i = 0; i < rules.n; i++)
        (void)txn_remove(call->txn, ALB_RULE, rules.docs[i]->id);
    doc_list_done(&rules);
    (void)txn_remove(call->txn, ALB_LISTENER, call->resource);
    call_job(call, "listener");
    return 0;
}

static int set_tracing(struct call *call, const json_t *given, json_t *body)
{
    bool is_on = json_flag(given, "TracingEnabled", false);
    json_t *trace = json_object();
    int r = 0;

    json_put(json_object_get(body, "LogConfig"), "AccessLogTracingConfig", trace);
    json_put_flag(trace, "TracingEnabled", is_on);
    if (is_on) {
        r = alb_need_standard(call, alb_instance_of(call, body), "Tracing", "Tracing");
        json_put_int(trace, "TracingSample", json_int(given, "TracingSample", 1));
        json_put_text(trace, "TracingType", "Zipkin");
    } else if (json_has(given, "TracingSample") || json_has(given, "TracingType")) {
        r = call_fail(call, "InvalidParameter",
            "TracingSample and TracingType can only be given when TracingEnabled is true.");
    }
    return r;
}

int alb_update_listener_log_config(struct call *call)
{
    static const char *const copied[] = {"AccessLogRecordCustomizedHeadersEnabled", NULL};
    const json_t *tracing = json_object_get(call->in, "AccessLogTracingConfig");
    json_t *body = listener_edit(call);
    int r;

    if (!body)
        return -ENOENT;
    if (!json_has(alb_instance_of(call, body), "AccessLogConfig"))
        return call_fail(call, "OperationDenied.AccessLogDisabled",
            "The access log of the instance of the listener %s is off.", call->resource);
    json_copy_members(json_object_get(body, "LogConfig"), call->in, copied);
    r = tracing ? set_tracing(call, tracing, body) : 0;
    if (r < 0)
        return r;
    call_job(call, "listener");
    return 0;
}

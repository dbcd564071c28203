/* TLS policies: those of the system and those that users make. */
#include "control/products/common/common.h"
#include "control/products/nlb/nlb.h"

static int check_policy(struct call *call, const json_t *body)
{
    char buf[256];
    const char *why = tls_check_policy(
        json_object_get(body, "TlsVersions"), json_object_get(body, "Ciphers"), buf, sizeof(buf));

    return why ? call_fail(call, "IllegalParam", "%s", why) : 0;
}

bool nlb_is_security_policy(struct call *call, const char *id)
{
    return tls_is_system_policy(id) || txn_get(call->txn, NLB_SECURITY_POLICY, id) != NULL;
}

/* --- operations -------------------------------------------------------------------------------- */

static const char *const settings[] = {"Ciphers", "SecurityPolicyName", "TlsVersions", NULL};

int nlb_create_security_policy(struct call *call)
{
    json_t *body;
    char id[64];
    int r;

    body = json_object();
    txn_new_id(call->txn, "sp-", id);
    json_put_text(body, "SecurityPolicyName", id);
    json_copy_members(body, call->in, settings);
    json_put_text(body, "ResourceGroupId", call_text(call, "ResourceGroupId"));
    r = check_policy(call, body);
    if (r >= 0)
        r = call_tags(call, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    r = txn_add(call->txn, NLB_SECURITY_POLICY, id, body);
    if (r < 0)
        return r;
    call_resource(call, id);
    json_put_text(call->out, "SecurityPolicyId", id);
    call_job(call, "securitypolicy");
    return 0;
}

static const struct doc *find_policy(struct call *call)
{
    return call_find(call, NLB_SECURITY_POLICY, "SecurityPolicyId",
        "ResourceNotFound.securitypolicy", "security policy");
}

int nlb_update_security_policy_attribute(struct call *call)
{
    const char *id = call_text(call, "SecurityPolicyId");
    json_t *body;
    int r;

    if (!find_policy(call))
        return -EINVAL;
    body = txn_edit(call->txn, NLB_SECURITY_POLICY, id);
    json_copy_members(body, call->in, settings);
    r = check_policy(call, body);
    if (r < 0)
        return r;
    call_resource(call, id);
    json_put_text(call->out, "SecurityPolicyId", id);
    call_job(call, "securitypolicy");
    return 0;
}

int nlb_delete_security_policy(struct call *call)
{
    const char *id = call_text(call, "SecurityPolicyId");
    uint32_t n_users;

    if (!find_policy(call))
        return -EINVAL;
    n_users = txn_count_users(call->txn, NLB_LISTENER, id);
    if (n_users > 0)
        return call_fail(call, "ResourceInUse.SecurityPolicy",
            "Security policy %s is used by %u listeners.", id, n_users);
    call_resource(call, id);
    (void)txn_remove(call->txn, NLB_SECURITY_POLICY, id);
    return 0;
}

/* "a,b": the way answers give lists. */
static void put_joined(json_t *out, const char *name, const json_t *texts)
{
    struct text joined;
    size_t i;
    json_t *item;

    text_init(&joined, SIZE_MAX);
    json_array_foreach (texts, i, item) {
        if (i > 0)
            text_add_char(&joined, ',');
        text_add(&joined, span_of(json_string_value(item)));
    }
    json_put(out, name, json_stringn(joined.len > 0 ? joined.ptr : "", joined.len));
    text_done(&joined);
}

static json_t *related_listeners(struct call *call, const char *id)
{
    static const char *const names[] = {"ListenerPort", "ListenerProtocol", "LoadBalancerId", NULL};
    json_t *rows = json_array();
    struct doc_list list;

    txn_users(call->txn, NLB_LISTENER, id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *row = json_object();

        json_copy_members(row, list.docs[i]->body, names);
        json_put_text(row, "ListenerId", list.docs[i]->id);
        (void)json_array_append_new(rows, row);
    }
    doc_list_done(&list);
    return rows;
}

static json_t *show_policy(struct call *call, const struct doc *doc)
{
    json_t *row = common_show(doc, "SecurityPolicyId");
    enum delivery state = call_state(call, doc, NULL);

    put_joined(row, "Ciphers", json_object_get(doc->body, "Ciphers"));
    put_joined(row, "TlsVersion", json_object_get(doc->body, "TlsVersions"));
    json_put_text(row, "SecurityPolicyStatus",
        state == DELIVERY_NEW || state == DELIVERY_CHANGED ? "Configuring" : "Available");
    json_put_text(row, "RegionId", call->node->region);
    json_put(row, "RelatedListeners", related_listeners(call, doc->id));
    return row;
}

int nlb_list_security_policy(struct call *call)
{
    static const struct filter filters[] = {{"SecurityPolicyIds", NULL},
        {"SecurityPolicyNames", "SecurityPolicyName"}, {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL}};
    static const struct listing listing = {
        .kind = NLB_SECURITY_POLICY,
        .out = "SecurityPolicies",
        .filters = filters,
        .has_tags = true,
        .show = show_policy,
    };

    return common_list(call, &listing);
}

int nlb_list_system_security_policy(struct call *call)
{
    json_t *rows = tls_show_system_policies("SecurityPolicyId", "TlsVersions", "Ciphers"), *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        json_put_text(row, "SecurityPolicyName", json_text(row, "SecurityPolicyId"));
        put_joined(row, "TlsVersion", json_object_get(row, "TlsVersions"));
        put_joined(row, "Ciphers", json_object_get(row, "Ciphers"));
    }
    json_put(call->out, "SecurityPolicies", rows);
    return 0;
}

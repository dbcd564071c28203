/* TLS policies that users made: protocol versions and cipher suites. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"
#include "control/products/common/common.h"

/* --- checks ----------------------------------------------------------------------------------- */

static int check_once(struct call *call, const char *param, const char *code)
{
    const json_t *list = json_object_get(call->in, param);
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one)
        for (size_t j = 0; j < i; j++)
            if (json_equal(json_array_get(list, j), one))
                return call_fail(call, code, "%s has %s twice.", param, json_string_value(one));
    return 0;
}

static int check_policy(struct call *call)
{
    const json_t *versions = json_object_get(call->in, "TLSVersions");
    const json_t *ciphers = json_object_get(call->in, "Ciphers");
    const char *why;
    char buf[256];
    int r = check_once(call, "TLSVersions", "ParamDuplicateError.TlsVersions");

    if (r == 0)
        r = check_once(call, "Ciphers", "ParamDuplicateError.Ciphers");
    if (r == 0)
        r = clb_check_name(call, "InvalidParameter", "Name");
    if (r < 0)
        return r;
    if (json_array_size(versions) == 0)
        return call_fail(call, "MissingParam.TlsVersions", "TLSVersions has no version.");
    if (json_array_size(ciphers) == 0)
        return call_fail(call, "MissingParam.Ciphers", "Ciphers has no cipher suite.");
    why = tls_check_policy(versions, ciphers, buf, sizeof(buf));
    if (why)
        return call_fail(call, "TLSPolicyNoSupportCipher", "%s", why);
    return 0;
}

static const struct doc *find_policy(struct call *call)
{
    const char *id = call_text(call, "TLSCipherPolicyId");
    const struct doc *doc = txn_get(call->txn, "clb.tls_policy", id);

    if (!doc)
        return CLB_NONE(
            call, "InvalidTLSPolicyId.NotExist", "The TLS policy %s does not exist.", id);
    return doc;
}

/* --- operations ------------------------------------------------------------------------------- */

static const char *const policy_members[] = {"Name", "TLSVersions", "Ciphers", NULL};

int clb_create_tls_cipher_policy(struct call *call)
{
    json_t *body;
    char id[64];
    int r = check_policy(call);

    if (r < 0)
        return r;
    txn_new_id(call->txn, "tls-", id);
    call_resource(call, id);
    body = json_object();
    json_copy_members(body, call->in, policy_members);
    json_put_int(body, "CreateTime", (int64_t)call->now_ms);
    json_put_text(call->out, "TLSCipherPolicyId", id);
    return txn_add(call->txn, "clb.tls_policy", id, body);
}

int clb_set_tls_cipher_policy_attribute(struct call *call)
{
    const struct doc *doc = find_policy(call);
    json_t *body;
    int r;

    if (!doc)
        return -EINVAL;
    r = check_policy(call);
    if (r < 0)
        return r;
    call_resource(call, doc->id);
    body = txn_edit(call->txn, "clb.tls_policy", doc->id);
    json_copy_members(body, call->in, policy_members);
    return 0;
}

int clb_delete_tls_cipher_policy(struct call *call)
{
    CLB_LIST users = {0};
    const struct doc *doc = find_policy(call);

    if (!doc)
        return -EINVAL;
    txn_users(call->txn, "clb.listener", doc->id, &users);
    if (users.n > 0)
        return call_fail(call, "TLSPolicyBeingUsed",
            "The TLS policy %s is used by the listener %s.", doc->id, users.docs[0]->id);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, "clb.tls_policy", doc->id);
    return 0;
}

static bool policy_is_asked_for(const struct call *call, const struct doc *doc)
{
    const char *id = call_text(call, "TLSCipherPolicyId"), *name = call_text(call, "Name");

    return (!id || strcmp(id, doc->id) == 0) && (!name || json_text_is(doc->body, "Name", name));
}

static json_t *users_of(struct call *call, const char *id)
{
    json_t *out = json_array();
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.listener", id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        json_put_text(one, "LoadBalancerId", json_text(list.docs[i]->body, "LoadBalancerId"));
        json_put_text(one, "Protocol", json_text(list.docs[i]->body, "ListenerProtocol"));
        json_put_int(one, "Port", json_int(list.docs[i]->body, "ListenerPort", 0));
        (void)json_array_append_new(out, one);
    }
    return out;
}

static const char *policy_status(struct call *call, const struct doc *doc)
{
    return call_state(call, doc, NULL) == DELIVERY_ACTIVE ? "normal" : "configuring";
}

int clb_list_tls_cipher_policies(struct call *call)
{
    json_t *out = json_array();
    CLB_LIST list = {0};
    int r;

    json_put(call->out, "TLSCipherPolicies", out);
    txn_list(call->txn, "clb.tls_policy", &list);
    clb_filter(call, &list, policy_is_asked_for);
    r = call_page(call, &list);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_deep_copy(list.docs[i]->body);

        json_put_text(one, "InstanceId", list.docs[i]->id);
        json_put_text(one, "Status", policy_status(call, list.docs[i]));
        if (json_flag(call->in, "IncludeListener", false))
            json_put(one, "RelateListeners", users_of(call, list.docs[i]->id));
        (void)json_array_append_new(out, one);
    }
    json_put_flag(call->out, "IsTruncated", json_has(call->out, "NextToken"));
    return 0;
}

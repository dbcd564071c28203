/* TLS policies: those of the product, and one's own. */
#include "control/products/alb/alb.h"
#include "control/products/common/common.h"

#define NOT_FOUND "ResourceNotFound.SecurityPolicy"

static const struct doc *find_policy(struct call *call)
{
    return call_find(call, ALB_SECURITY_POLICY, "SecurityPolicyId", NOT_FOUND, "security policy");
}

static int set_policy(struct call *call, json_t *body)
{
    static const char *const copied[] = {"SecurityPolicyName", "TLSVersions", "Ciphers", NULL};
    const char *name = call_text(call, "SecurityPolicyName");
    char text[160];
    const char *why;
    int r = name ? common_check_name(
                       call, "SecurityPolicyName", name, "InvalidParameter.SecurityPolicyName")
                 : 0;

    if (r < 0)
        return r;
    json_copy_members(body, call->in, copied);
    why = tls_check_policy(
        json_object_get(body, "TLSVersions"), json_object_get(body, "Ciphers"), text, sizeof(text));
    return why ? call_fail(call, "InvalidParameter", "%s", why) : 0;
}

int alb_create_security_policy(struct call *call)
{
    static const struct creation creation = {ALB_SECURITY_POLICY, "sp-", "SecurityPolicyId"};
    static const char *const copied[] = {"ResourceGroupId", NULL};
    json_t *body = json_object();
    char time[32];
    int r;

    json_copy_members(body, call->in, copied);
    json_put_text(body, "CreateTime", call_time(call, time));
    r = set_policy(call, body);
    if (r == 0)
        r = call_tags(call, body);
    return common_create(call, &creation, body, r);
}

static json_t *show_policy(struct call *call, const struct doc *doc)
{
    json_t *shown = common_show(doc, "SecurityPolicyId");

    json_put_text(shown, "SecurityPolicyStatus", alb_state(call, doc, &alb_policy_words));
    return shown;
}

int alb_list_security_policies(struct call *call)
{
    static const struct filter filters[] = {
        {"SecurityPolicyIds", NULL},
        {"SecurityPolicyNames", "SecurityPolicyName"},
        {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL},
    };
    static const struct listing listing = {.kind = ALB_SECURITY_POLICY,
        .out = "SecurityPolicies",
        .filters = filters,
        .has_tags = true,
        .show = show_policy};

    return common_list(call, &listing);
}

int alb_list_system_security_policies(struct call *call)
{
    json_put(call->out, "SecurityPolicies",
        tls_show_system_policies("SecurityPolicyId", "TLSVersions", "Ciphers"));
    return 0;
}

/* Own policies and system policies are used alike. */
int alb_list_security_policy_relations(struct call *call)
{
    static const struct alb_relations relations = {.param = "SecurityPolicyIds",
        .kind = ALB_SECURITY_POLICY,
        .out = "SecrityPolicyRelations", /* so spelled in the API */
        .id_member = "SecurityPolicyId",
        .is_builtin = tls_is_system_policy,
        .not_found = NOT_FOUND,
        .what = "security policy"};

    return alb_list_relations(call, &relations);
}

int alb_update_security_policy_attribute(struct call *call)
{
    const struct doc *doc = find_policy(call);
    int r;

    if (!doc)
        return -ENOENT;
    call_resource(call, doc->id);
    r = set_policy(call, txn_edit(call->txn, ALB_SECURITY_POLICY, call->resource));
    if (r < 0)
        return r;
    call_job(call, "securitypolicy");
    return 0;
}

int alb_delete_security_policy(struct call *call)
{
    const struct doc *doc = find_policy(call);
    uint32_t n;

    if (!doc)
        return -ENOENT;
    n = txn_count_users(call->txn, ALB_LISTENER, doc->id);
    if (n > 0)
        return call_fail(call, "ResourceInUse.SecurityPolicy",
            "The security policy %s is used by %u listeners.", doc->id, n);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, ALB_SECURITY_POLICY, call->resource);
    return 0;
}

/* Instances of NLB: what they are called, what protects them, who may reach them. */
#include "control/products/common/common.h"
#include "control/products/dns/dns.h"
#include "control/products/inventory/inventory.h"
#include "control/products/nlb/zones.h"

static int check_name(struct call *call)
{
    const char *name = call_text(call, "LoadBalancerName");

    return name ? common_check_name(call, "LoadBalancerName", name, "IllegalParam.loadBalancerName")
                : 0;
}

/* What a request says of both protections. */
struct protection {
    bool has_deletion, deletion;
    const char *deletion_reason; /* NULL: none */
    const char *modification;    /* NULL: stays as it is */
    const char *modification_reason;
};

/* --- create ------------------------------------------------------------------------------------ */

static int check_new(struct call *call)
{
    const char *vpc_id = call_text(call, "VpcId");

    if (!txn_get(call->txn, "vpc.vpc", vpc_id))
        return call_fail(call, "ResourceNotFound.Vpc", "VPC %s does not exist.", vpc_id);
    return check_name(call);
}

/* Reasons have codes of their own here; what else there is to check is common. */
static int check_reason(struct call *call, const char *reason, bool is_on, const char *kind)
{
    char code[64];

    if (!reason)
        return 0;
    (void)snprintf(code, sizeof(code), "IllegalParam.%sProtectionReason", kind);
    if (!is_on)
        return call_fail(
            call, code, "A reason of %s protection can only be given while that is on.", kind);
    return common_check_name(call, "The reason of protection", reason, code);
}

static int protect(struct call *call, json_t *body, const struct protection *wanted)
{
    const char *status = wanted->modification;
    int r;

    if (!status)
        status = json_text(json_object_get(body, "ModificationProtectionConfig"), "Status");
    r = check_reason(call, wanted->deletion_reason, wanted->deletion, "deletion");
    if (r < 0)
        return r;
    r = check_reason(call, wanted->modification_reason,
        status && strcmp(status, "ConsoleProtection") == 0, "modification");
    if (r < 0)
        return r;
    if (wanted->has_deletion)
        common_set_deletion_protection(call, body, wanted->deletion, wanted->deletion_reason);
    return common_set_modification_protection(
        call, body, wanted->modification, wanted->modification_reason);
}

static int protect_new(struct call *call, json_t *body)
{
    const json_t *deletion = json_object_get(call->in, "DeletionProtectionConfig");
    const json_t *modification = json_object_get(call->in, "ModificationProtectionConfig");
    const struct protection wanted = {
        .has_deletion = true,
        .deletion = json_flag(deletion, "Enabled", false),
        .deletion_reason = json_text(deletion, "Reason"),
        .modification = json_text(modification, "Status"),
        .modification_reason = json_text(modification, "Reason"),
    };

    return protect(call, body, &wanted);
}

static int fill_new(struct call *call, const char *id, json_t *body)
{
    static const char *const names[] = {
        "AddressIpVersion", "AddressType", "LoadBalancerName", "ResourceGroupId", "VpcId", NULL};
    const struct zone_owner owner = {
        .id = id,
        .vpc_id = call_text(call, "VpcId"),
        .is_internet = json_text_is(call->in, "AddressType", "Internet"),
        .has_ipv6 = json_text_is(call->in, "AddressIpVersion", "DualStack"),
    };
    json_t *mappings;
    char buf[32];
    int r;

    json_put_text(body, "AddressIpVersion", "ipv4");
    json_copy_members(body, call->in, names);
    if (owner.has_ipv6)
        json_put_text(body, "Ipv6AddressType", "Intranet");
    json_put_text(body, "CreateTime", call_time(call, buf));
    json_put_flag(body, "CrossZoneEnabled", true);
    json_put_int(body, "Cps", 0);
    json_put(body, "SecurityGroupIds", json_array());
    json_put(body, "DNSName",
        json_sprintf("%s.%s.nlb.%s", id, call->node->region, call->node->dns_suffix));
    r = protect_new(call, body);
    if (r < 0)
        return r;
    r = call_tags(call, body);
    if (r < 0)
        return r;
    r = zones_make(
        call, &nlb_zone_shape, &owner, json_object_get(call->in, "ZoneMappings"), &mappings);
    if (r < 0)
        return r;
    json_put(body, "ZoneMappings", mappings);
    return 0;
}

int nlb_create_load_balancer(struct call *call)
{
    json_t *body;
    char id[64];
    int r;

    r = check_new(call);
    if (r < 0)
        return r;
    txn_new_id(call->txn, "nlb-", id);
    body = json_object();
    r = fill_new(call, id, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    r = txn_add(call->txn, NLB_LOAD_BALANCER, id, body);
    if (r < 0)
        return r;
    call_resource(call, id);
    json_put_text(call->out, "LoadbalancerId", id); /* sic */
    return 0;
}

/* --- answers ----------------------------------------------------------------------------------- */

static const char *status_word(struct call *call, const struct doc *doc)
{
    switch (call_state(call, doc, NULL)) {
    case DELIVERY_NEW:
        return "Provisioning";
    case DELIVERY_CHANGED:
        return "Configuring";
    case DELIVERY_ACTIVE:
        return "Active";
    case DELIVERY_REFUSED:
        break;
    }
    return "CreateFailed";
}

static const char *business_word(struct call *call, const struct doc *doc)
{
    return call_state(call, doc, NULL) == DELIVERY_REFUSED ? "Abnormal" : "Normal";
}

static json_t *show_instance(struct call *call, const struct doc *doc)
{
    json_t *row = common_show(doc, "LoadBalancerId");

    json_put_text(row, "LoadBalancerStatus", status_word(call, doc));
    json_put_text(row, "LoadBalancerBusinessStatus", business_word(call, doc));
    json_put_text(row, "LoadBalancerType", "Network");
    json_put(
        row, "ZoneMappings", zones_show(&nlb_zone_shape, json_object_get(row, "ZoneMappings")));
    json_put(row, "LoadBalancerBillingConfig", json_pack("{s:s}", "PayType", "PostPay"));
    json_put_text(row, "RegionId", call->node->region);
    return row;
}

int nlb_get_load_balancer_attribute(struct call *call)
{
    const struct doc *doc = nlb_find_load_balancer(call);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    nlb_put_all(call->out, show_instance(call, doc));
    return 0;
}

/* Filters on what is not a member of the document. */
static bool is_wanted(struct call *call, const struct doc *doc)
{
    const char *status = call_text(call, "LoadBalancerStatus");
    const char *zone = call_text(call, "ZoneId");
    const char *business = call_text(call, "LoadBalancerBusinessStatus");

    if (status && strcmp(status, status_word(call, doc)) != 0)
        return false;
    if (business && strcmp(business, business_word(call, doc)) != 0)
        return false;
    return !zone || zones_have(doc->body, zone);
}

int nlb_list_load_balancers(struct call *call)
{
    static const struct filter filters[] = {{"LoadBalancerIds", NULL},
        {"LoadBalancerNames", "LoadBalancerName"}, {"AddressIpVersion", "AddressIpVersion"},
        {"AddressType", "AddressType"}, {"Ipv6AddressType", "Ipv6AddressType"},
        {"DNSName", "DNSName"}, {"VpcIds", "VpcId"}, {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL}};
    static const struct listing listing = {
        .kind = NLB_LOAD_BALANCER,
        .out = "LoadBalancers",
        .filters = filters,
        .has_tags = true,
        .match = is_wanted,
        .show = show_instance,
    };

    return common_list(call, &listing);
}

/* --- update, protect, delete ------------------------------------------------------------------- */

int nlb_update_load_balancer_attribute(struct call *call)
{
    static const char *const names[] = {"Cps", "CrossZoneEnabled", "LoadBalancerName", NULL};
    const char *id = call_text(call, "LoadBalancerId");
    int r;

    if (!nlb_find_load_balancer(call))
        return -EINVAL;
    r = check_name(call);
    if (r < 0)
        return r;
    json_copy_members(txn_edit(call->txn, NLB_LOAD_BALANCER, id), call->in, names);
    call_resource(call, id);
    call_job(call, "loadbalancer");
    return 0;
}

int nlb_update_load_balancer_protection(struct call *call)
{
    const char *id = call_text(call, "LoadBalancerId");
    struct protection wanted = {
        .deletion_reason = call_text(call, "DeletionProtectionReason"),
        .modification = call_text(call, "ModificationProtectionStatus"),
        .modification_reason = call_text(call, "ModificationProtectionReason"),
    };
    json_t *body;
    int r;

    if (!nlb_find_load_balancer(call))
        return -EINVAL;
    body = txn_edit(call->txn, NLB_LOAD_BALANCER, id);
    wanted.has_deletion = json_has(call->in, "DeletionProtectionEnabled") || wanted.deletion_reason;
    wanted.deletion =
        json_flag(call->in, "DeletionProtectionEnabled", common_is_deletion_protected(body));
    r = protect(call, body, &wanted);
    if (r < 0)
        return r;
    call_resource(call, id);
    return 0;
}

int nlb_delete_load_balancer(struct call *call)
{
    const char *id = call_text(call, "LoadBalancerId");
    const struct doc *doc = nlb_find_load_balancer(call);
    struct doc_list listeners;

    if (!doc)
        return -EINVAL;
    if (common_is_deletion_protected(doc->body))
        return call_fail(call, "OperationDenied.DeletionProtectionEnabled",
            "Load balancer %s has deletion protection; it must be switched off first.", id);
    if (dns_check_release(call, doc->body, "ResourceInUse.LoadBalancer") < 0)
        return -EBUSY;
    txn_users(call->txn, NLB_LISTENER, id, &listeners);
    for (uint32_t i = 0; i < listeners.n; i++)
        (void)txn_remove(call->txn, NLB_LISTENER, listeners.docs[i]->id);
    doc_list_done(&listeners);
    inventory_release(call->txn, id);
    (void)txn_remove(call->txn, NLB_LOAD_BALANCER, id);
    call_resource(call, id);
    call_job(call, "loadbalancer");
    return 0;
}

/* --- security groups --------------------------------------------------------------------------- */

static int change_security_groups(
    struct call *call, int (*change)(struct call *, json_t *, const struct security_group_codes *))
{
    static const struct security_group_codes codes = {
        .missing = "ResourceNotFound.SecurityGroup",
        .vpc_mismatch = "Mismatch.vpc",
        .joined_already = "Conflict.SecurityGroup",
        .not_joined = "ResourceNotFound.SecurityGroup",
        .quota = "QuotaExceeded.QuotaInsufficient",
    };
    const char *id = call_text(call, "LoadBalancerId");
    int r;

    if (!nlb_find_load_balancer(call))
        return -EINVAL;
    r = change(call, txn_edit(call->txn, NLB_LOAD_BALANCER, id), &codes);
    if (r < 0)
        return r;
    call_resource(call, id);
    call_job(call, "loadbalancer");
    return 0;
}

int nlb_load_balancer_join_security_group(struct call *call)
{
    return change_security_groups(call, common_join_security_groups);
}

int nlb_load_balancer_leave_security_group(struct call *call)
{
    return change_security_groups(call, common_leave_security_groups);
}

/* Instances: what is bought, with its addresses and protections. */
#include "control/products/alb/alb.h"
#include "control/products/common/common.h"
#include "control/products/dns/dns.h"
#include "control/products/inventory/inventory.h"

#define NOT_FOUND         "ResourceNotFound.LoadBalancer"
#define INSTANCE_NAME_LEN 320u

static const struct zone_shape shape = {
    .private_address = "IntranetAddress",
    .public_address = "Address",
    .public_always = true,
    .health = "IntranetAddressHcStatus",
    .health6 = "Ipv6AddressHcStatus",
    .codes =
        {
            [ZONE_MISMATCH] = "Mismatch.ZoneIdAndVSwitchId",
            [ZONE_DUPLICATE] = "DuplicatedParam.ZoneId",
            [ZONE_TOO_FEW] = "InvalidParameter.ZoneMappings",
            [ZONE_NO_VSWITCH] = "ResourceNotFound.VSwitch",
            [ZONE_VPC_MISMATCH] = "Mismatch.VpcId",
            [ZONE_NO_ADDRESS] = "ResourceNotEnough.VSwitchIp",
            [ZONE_NO_IPV6] = "OperationDenied.VSwitchNotSupportIpv6",
            [ZONE_ADDRESS_INVALID] = "InvalidParameter.IntranetAddress",
            [ZONE_ADDRESS_IN_USE] = "ResourceInUse.IntranetAddress",
            [ZONE_NO_EIP] = "ResourceNotFound.Eip",
            [ZONE_EIP_IN_USE] = "IncorrectBusinessStatus.Eip",
            [ZONE_EIP_UNWANTED] = "InvalidParameter.AllocationId",
            [ZONE_UNCHANGED] = "OperationDenied.ZoneMappingsNotChanged",
            [ZONE_OTHER_VSWITCH] = "OperationDenied.ZoneVSwitchChanged",
            [ZONE_NOT_THERE] = "OperationDenied.ZoneVSwitchNotExist",
            [ZONE_LAST] = "OperationDenied.ConfigLastActiveZoneNotSupport",
        },
};

static const struct security_group_codes security_groups = {
    .missing = "ResourceNotFound.SecurityGroup",
    .vpc_mismatch = "Mismatch.VpcId",
    .joined_already = "ResourceAlreadyAssociated.SecurityGroup",
    .not_joined = "ResourceNotAssociated.SecurityGroup",
    .quota = "ResourceQuotaExceeded.SecurityGroupNum",
};

/* The instance that a parameter names, to be changed. NULL after call_fail. */
static json_t *edit_instance(struct call *call, const char *param)
{
    const struct doc *doc = call_find(call, ALB_LOAD_BALANCER, param, NOT_FOUND, "instance");

    if (!doc)
        return NULL;
    call_resource(call, doc->id);
    return txn_edit(call->txn, ALB_LOAD_BALANCER, doc->id);
}

static struct zone_owner owner_of(const struct call *call, const json_t *body)
{
    return (struct zone_owner){
        .id = call->resource,
        .vpc_id = json_text(body, "VpcId"),
        .is_internet = json_text_is(body, "AddressType", "Internet"),
        .has_ipv6 = json_text_is(body, "AddressIpVersion", "DualStack"),
    };
}

/* --- create ------------------------------------------------------------------------------------- */

static int join_given_groups(struct call *call, json_t *body)
{
    const json_t *element;
    size_t i;

    json_put(body, "SecurityGroupIds", json_array());
    json_array_foreach (json_object_get(call->in, "SecurityGroupIds"), i, element) {
        const char *id = json_text(element, "SecurityGroupId");
        int r = id ? common_join_security_group(call, body, id, &security_groups) : 0;

        if (r < 0)
            return r;
    }
    return 0;
}

static int check_create(struct call *call)
{
    const char *name = call_text(call, "LoadBalancerName");
    const char *vpc_id = call_text(call, "VpcId");

    if (!txn_get(call->txn, "vpc.vpc", vpc_id))
        return call_fail(call, "ResourceNotFound.Vpc", "The VPC %s does not exist.", vpc_id);
    return name ? common_check_name(
                      call, "LoadBalancerName", name, "InvalidParameter.LoadBalancerName")
                : 0;
}

static int fill_instance(struct call *call, json_t *body)
{
    static const char *const copied[] = {"AddressType", "AddressAllocatedMode", "AddressIpVersion",
        "LoadBalancerEdition", "LoadBalancerName", "VpcId", "ResourceGroupId", NULL};
    const json_t *protection = json_object_get(call->in, "ModificationProtectionConfig");
    const struct zone_owner owner = owner_of(call, call->in);
    json_t *billing = json_object();
    json_t *mappings = NULL;
    char text[INSTANCE_NAME_LEN];
    int r;

    json_copy_members(body, call->in, copied);
    if (owner.has_ipv6)
        json_put_text(body, "Ipv6AddressType", "Intranet");
    json_put_text(billing, "PayType", "PostPay");
    json_put(body, "LoadBalancerBillingConfig", billing);
    json_put_text(body, "CreateTime", call_time(call, text));
    (void)snprintf(text, sizeof(text), "%s.%s.alb.%s", call->resource, call->node->region,
        call->node->dns_suffix);
    json_put_text(body, "DNSName", text);
    common_set_deletion_protection(
        call, body, json_flag(call->in, "DeletionProtectionEnabled", false), NULL);
    r = common_set_modification_protection(
        call, body, json_text(protection, "Status"), json_text(protection, "Reason"));
    if (r == 0)
        r = join_given_groups(call, body);
    if (r == 0)
        r = call_tags(call, body);
    if (r == 0)
        r = zones_make(call, &shape, &owner, json_object_get(call->in, "ZoneMappings"), &mappings);
    if (r == 0)
        json_put(body, "ZoneMappings", mappings);
    return r;
}

int alb_create_load_balancer(struct call *call)
{
    char id[64];
    json_t *body;
    int r = check_create(call);

    if (r < 0)
        return r;
    txn_new_id(call->txn, "alb-", id);
    call_resource(call, id);
    body = json_object();
    r = fill_instance(call, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    r = txn_add(call->txn, ALB_LOAD_BALANCER, id, body);
    if (r < 0)
        return call_fail(call, "InternalError", "The id %s is in use.", id);
    json_put_text(call->out, "LoadBalancerId", id);
    return 0;
}

/* --- read --------------------------------------------------------------------------------------- */

static json_t *show_instance(struct call *call, const struct doc *doc)
{
    json_t *shown = common_show(doc, "LoadBalancerId");
    const char *status = alb_state(call, doc, &alb_instance_words);
    bool is_refused = strcmp(status, alb_instance_words.words[DELIVERY_REFUSED]) == 0;

    json_put_text(shown, "LoadBalancerStatus", status);
    json_put_text(shown, "LoadBalancerBussinessStatus", is_refused ? "Abnormal" : "Normal");
    json_put(shown, "LoadBalancerOperationLocks", json_array());
    return shown;
}

int alb_get_load_balancer_attribute(struct call *call)
{
    const struct doc *doc =
        call_find(call, ALB_LOAD_BALANCER, "LoadBalancerId", NOT_FOUND, "instance");
    json_t *shown;

    if (!doc)
        return -ENOENT;
    json_put_text(call->out, "RegionId", call->node->region);
    shown = show_instance(call, doc);
    json_put(shown, "ZoneMappings", zones_show(&shape, json_object_get(shown, "ZoneMappings")));
    return common_answer(call, shown);
}

static bool matches_computed(struct call *call, const struct doc *doc)
{
    const char *zone = call_text(call, "ZoneId");
    json_t *shown;
    bool passes;

    if (zone && !zones_have(doc->body, zone))
        return false;
    if (!json_has(call->in, "LoadBalancerStatus") &&
        !json_has(call->in, "LoadBalancerBussinessStatus"))
        return true;
    shown = show_instance(call, doc);
    passes = json_text_is(shown, "LoadBalancerStatus",
                 call_text(call, "LoadBalancerStatus") ?: json_text(shown, "LoadBalancerStatus")) &&
             json_text_is(shown, "LoadBalancerBussinessStatus",
                 call_text(call, "LoadBalancerBussinessStatus")
                     ?: json_text(shown, "LoadBalancerBussinessStatus"));
    json_decref(shown);
    return passes;
}

int alb_list_load_balancers(struct call *call)
{
    static const struct filter filters[] = {
        {"LoadBalancerIds", NULL},
        {"LoadBalancerNames", "LoadBalancerName"},
        {"VpcIds", "VpcId"},
        {"AddressType", "AddressType"},
        {"AddressIpVersion", "AddressIpVersion"},
        {"Ipv6AddressType", "Ipv6AddressType"},
        {"DNSName", "DNSName"},
        {"ResourceGroupId", "ResourceGroupId"},
        {NULL, NULL},
    };
    static const struct listing listing = {.kind = ALB_LOAD_BALANCER,
        .out = "LoadBalancers",
        .filters = filters,
        .has_tags = true,
        .match = matches_computed,
        .show = show_instance};

    return common_list(call, &listing);
}

/* --- change ------------------------------------------------------------------------------------- */

int alb_update_load_balancer_attribute(struct call *call)
{
    const char *name = call_text(call, "LoadBalancerName");
    const json_t *protection = json_object_get(call->in, "ModificationProtectionConfig");
    json_t *body = edit_instance(call, "LoadBalancerId");
    int r = 0;

    if (!body)
        return -ENOENT;
    if (name)
        r = common_check_name(call, "LoadBalancerName", name, "InvalidParameter.LoadBalancerName");
    if (r == 0 && protection)
        r = common_set_modification_protection(
            call, body, json_text(protection, "Status"), json_text(protection, "Reason"));
    if (r < 0)
        return r;
    json_put_text(body, "LoadBalancerName", name);
    call_job(call, "loadbalancer");
    return 0;
}

static int set_deletion_protection(struct call *call, bool enabled)
{
    json_t *body = edit_instance(call, "ResourceId");

    if (!body)
        return -ENOENT;
    common_set_deletion_protection(call, body, enabled, NULL);
    return 0;
}

int alb_enable_deletion_protection(struct call *call)
{
    return set_deletion_protection(call, true);
}

int alb_disable_deletion_protection(struct call *call)
{
    return set_deletion_protection(call, false);
}

int alb_update_load_balancer_edition(struct call *call)
{
    const char *edition = call_text(call, "LoadBalancerEdition");
    json_t *body = edit_instance(call, "LoadBalancerId");

    if (!body)
        return -ENOENT;
    if (json_text_is(body, "LoadBalancerEdition", edition))
        return call_fail(call, "OperationDenied.EditionNotChanged",
            "The instance %s has the edition %s already.", call->resource, edition);
    if (strcmp(edition, "Basic") == 0)
        return call_fail(call, "OperationDenied.Downgrade",
            "The instance %s cannot go back to the edition Basic.", call->resource);
    json_put_text(body, "LoadBalancerEdition", edition);
    return 0;
}

static void remove_users(struct call *call, const char *kind, const char *target)
{
    struct doc_list list;

    txn_users(call->txn, kind, target, &list);
    for (uint32_t i = 0; i < list.n; i++)
        (void)txn_remove(call->txn, kind, list.docs[i]->id);
    doc_list_done(&list);
}

int alb_delete_load_balancer(struct call *call)
{
    const struct doc *doc =
        call_find(call, ALB_LOAD_BALANCER, "LoadBalancerId", NOT_FOUND, "instance");

    if (!doc)
        return -ENOENT;
    if (common_is_deletion_protected(doc->body))
        return call_fail(call, "OperationDenied.DeletionProtectionEnabled",
            "The instance %s cannot be released while its deletion protection is on.", doc->id);
    if (dns_check_release(call, doc->body, "ResourceInUse.LoadBalancer") < 0)
        return -EBUSY;
    call_resource(call, doc->id);
    remove_users(call, ALB_RULE, call->resource);
    remove_users(call, ALB_LISTENER, call->resource);
    inventory_release(call->txn, call->resource);
    (void)txn_remove(call->txn, ALB_LOAD_BALANCER, call->resource);
    call_job(call, "loadbalancer");
    return 0;
}

/* --- zones and addresses ------------------------------------------------------------------------ */

int alb_update_load_balancer_zones(struct call *call)
{
    json_t *body = edit_instance(call, "LoadBalancerId");
    struct zone_owner owner;
    int r;

    if (!body)
        return -ENOENT;
    owner = owner_of(call, body);
    r = zones_update(call, &shape, &owner, body, json_object_get(call->in, "ZoneMappings"));
    if (r < 0)
        return r;
    call_job(call, "loadbalancer");
    return 0;
}

static int shift_zones(struct call *call, bool is_start)
{
    json_t *body = edit_instance(call, "LoadBalancerId");

    if (!body)
        return -ENOENT;
    if (!json_text_is(body, "AddressAllocatedMode", "Fixed"))
        return call_fail(call, "OperationDenied.OnlyFixedAddressAllocatedModeSupported",
            "The instance %s has no fixed addresses; its zones cannot be shifted.", call->resource);
    return zones_shift(call, &shape, body, json_object_get(call->in, "ZoneMappings"), is_start);
}

int alb_start_shift_load_balancer_zones(struct call *call)
{
    return shift_zones(call, true);
}

int alb_cancel_shift_load_balancer_zones(struct call *call)
{
    return shift_zones(call, false);
}

int alb_update_load_balancer_address_type_config(struct call *call)
{
    const char *type = call_text(call, "AddressType");
    json_t *body = edit_instance(call, "LoadBalancerId");
    struct zone_owner owner;
    int r;

    if (!body)
        return -ENOENT;
    if (json_text_is(body, "AddressType", type))
        return call_fail(call, "OperationDenied.AddressTypeNotChanged",
            "The address type of the instance %s is %s already.", call->resource, type);
    json_put_text(body, "AddressType", type);
    owner = owner_of(call, body);
    r = zones_set_internet(call, &shape, &owner, body, json_object_get(call->in, "ZoneMappings"));
    if (r < 0)
        return r;
    call_job(call, "loadbalancer");
    return 0;
}

static int set_ipv6_internet(struct call *call, bool is_internet)
{
    json_t *body = edit_instance(call, "LoadBalancerId");
    int r;

    if (!body)
        return -ENOENT;
    r = zones_set_ipv6_internet(call, body, is_internet);
    if (r < 0)
        return r;
    call_job(call, "loadbalancer");
    return 0;
}

int alb_enable_load_balancer_ipv6_internet(struct call *call)
{
    return set_ipv6_internet(call, true);
}

int alb_disable_load_balancer_ipv6_internet(struct call *call)
{
    return set_ipv6_internet(call, false);
}

/* --- security groups ---------------------------------------------------------------------------- */

static bool has_acl(struct call *call, const char *id)
{
    struct doc_list list;
    bool found = false;

    txn_users(call->txn, ALB_LISTENER, id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        found |= json_has(list.docs[i]->body, "AclConfig");
    doc_list_done(&list);
    return found;
}

int alb_load_balancer_join_security_group(struct call *call)
{
    json_t *body = edit_instance(call, "LoadBalancerId");
    int r;

    if (!body)
        return -ENOENT;
    if (has_acl(call, call->resource))
        return call_fail(call, "OperationDenied.LbAssociatedAclCanNotJoinSecurityGroup",
            "A listener of the instance %s has access lists; it cannot join a security group.",
            call->resource);
    r = common_join_security_groups(call, body, &security_groups);
    if (r < 0)
        return r;
    call_job(call, "loadbalancer");
    return 0;
}

int alb_load_balancer_leave_security_group(struct call *call)
{
    json_t *body = edit_instance(call, "LoadBalancerId");
    int r;

    if (!body)
        return -ENOENT;
    r = common_leave_security_groups(call, body, &security_groups);
    if (r < 0)
        return r;
    call_job(call, "loadbalancer");
    return 0;
}

/* --- access log --------------------------------------------------------------------------------- */

int alb_enable_load_balancer_access_log(struct call *call)
{
    static const char *const copied[] = {"LogProject", "LogStore", NULL};
    json_t *body = edit_instance(call, "LoadBalancerId");
    json_t *config;

    if (!body)
        return -ENOENT;
    if (json_has(body, "AccessLogConfig"))
        return call_fail(call, "OperationDenied.AccessLogEnabled",
            "The access log of the instance %s is on already.", call->resource);
    if (!call->node->access_log[0])
        return call_fail(call, "OperationDenied.AccessLogNotSupport",
            "This node writes no access log: its setting data.access_log is empty.");
    config = json_object();
    json_copy_members(config, call->in, copied);
    json_put(body, "AccessLogConfig", config);
    call_job(call, "loadbalancer");
    return 0;
}

int alb_disable_load_balancer_access_log(struct call *call)
{
    json_t *body = edit_instance(call, "LoadBalancerId");

    if (!body)
        return -ENOENT;
    if (json_object_del(body, "AccessLogConfig") < 0)
        return call_fail(call, "OperationDenied.AccessLogDisabled",
            "The access log of the instance %s is off already.", call->resource);
    return 0;
}

/* Instances: created, changed, released. */
#include "base/addr.h"
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"
#include "control/products/dns/dns.h"
#include "control/products/inventory/inventory.h"

/* --- creation: where it is -------------------------------------------------------------------- */

static bool is_zone(const struct node_conf *node, const char *zone)
{
    for (unsigned i = 0; i < node->n_zones; i++)
        if (strcmp(node->zones[i].id, zone) == 0)
            return true;
    return false;
}

static int check_zones(struct call *call, json_t *body, const char *own_zone)
{
    static const char *const members[] = {"MasterZoneId", "SlaveZoneId"};

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *zone = call_text(call, members[i]);

        if (zone && !is_zone(call->node, zone))
            return call_fail(call, "InvalidParameter", "%s %s is not a zone of region %s.",
                members[i], zone, call->node->region);
        json_put_text(body, members[i], zone);
    }
    if (!json_has(body, "MasterZoneId"))
        json_put_text(body, "MasterZoneId", own_zone);
    if (json_text_is(body, "SlaveZoneId", json_text(body, "MasterZoneId")))
        return call_fail(
            call, "InvalidParameter", "SlaveZoneId must be another zone than MasterZoneId.");
    return 0;
}

/* An instance has one family. */
static bool wants_ipv6(const struct call *call)
{
    return json_text_is(call->in, "AddressIPVersion", "ipv6");
}

/* EIPs are of IPv4; public addresses of IPv6 come from a range of their own. */
static int take_public(struct call *call, const char *id, json_t *body)
{
    char eip[64], ip[1][INVENTORY_IP_LEN];
    int r = wants_ipv6(call) ? inventory_take_public6(call->txn, id, ip)
                             : inventory_take_eip(call->txn, NULL, id, eip, ip[0]);

    if (r == -EAFNOSUPPORT)
        return inventory_fail_ipv6(call, "RegionOrZonesNotSupportIpv6", NULL);
    if (r == -ENOSPC)
        return call_fail(call, "SubnetIpExhaust", "No address of the node's %s is free.",
            wants_ipv6(call) ? "eip_range6" : "EIP range");
    if (r < 0)
        return r;
    json_put_text(body, "EipId", wants_ipv6(call) ? NULL : eip);
    json_put_text(body, "Address", ip[0]);
    return 0;
}

static int place_internet(struct call *call, const char *id, json_t *body)
{
    int r;

    if (json_has(call->in, "Address") || json_has(call->in, "VSwitchId") ||
        json_has(call->in, "VpcId"))
        return call_fail(call, "InvalidParameter.Mismatch",
            "Address, VSwitchId and VpcId are for AddressType intranet.");
    r = take_public(call, id, body);
    if (r < 0)
        return r;
    json_put_text(body, "NetworkType", "classic");
    return check_zones(call, body, call->node->n_zones > 0 ? call->node->zones[0].id : NULL);
}

static int take_address(
    struct call *call, const char *id, const char *vswitch_id, char (*ret_ip)[INVENTORY_IP_LEN])
{
    const char *wanted = call_text(call, "Address");
    const struct inventory_wish wish = {vswitch_id, id, wanted, 1, 1, wants_ipv6(call)};
    int r = inventory_take(call->txn, &wish, ret_ip);

    if (r == -EAFNOSUPPORT)
        return inventory_fail_ipv6(call, "RegionOrZonesNotSupportIpv6", vswitch_id);
    if (r == -ENOSPC)
        return call_fail(call, "VSwitchAvailableIpNotExist",
            "No address of the vSwitch %s is free.", vswitch_id);
    if (r == -EADDRINUSE)
        return call_fail(call, "InvalidParameter", "Address %s is in use.", wanted);
    if (r == -EINVAL)
        return call_fail(call, "InvalidParameter",
            "Address %s is not an address that the vSwitch %s can give.",
            wanted ? wanted : "(none)", vswitch_id);
    return r;
}

static int place_intranet(struct call *call, const char *id, json_t *body)
{
    const char *vswitch_id = call_text(call, "VSwitchId"), *vpc = call_text(call, "VpcId");
    const struct doc *vswitch;
    char ip[1][INVENTORY_IP_LEN];
    int r;

    if (vpc && !txn_get(call->txn, "vpc.vpc", vpc))
        return call_fail(call, "InvalidVpcId.NotExist", "The VPC %s does not exist.", vpc);
    if (!vswitch_id)
        return call_fail(
            call, "MissingParam.VSwitchId", "VSwitchId is required for AddressType intranet.");
    vswitch = inventory_vswitch(call->txn, vswitch_id);
    if (!vswitch)
        return call_fail(
            call, "InvalidVSwitchId.NotFound", "The vSwitch %s does not exist.", vswitch_id);
    if (vpc && !json_text_is(vswitch->body, "VpcId", vpc))
        return call_fail(call, "InvalidParameter.Mismatch", "The vSwitch %s is not in the VPC %s.",
            vswitch_id, vpc);
    json_put_text(body, "VSwitchId", vswitch_id);
    json_put_text(body, "VpcId", json_text(vswitch->body, "VpcId"));
    json_put_text(body, "NetworkType", "vpc");
    r = check_zones(call, body, json_text(vswitch->body, "ZoneId"));
    if (r == 0)
        r = take_address(call, id, vswitch_id, ip);
    if (r < 0)
        return r;
    json_put_text(body, "Address", ip[0]);
    return 0;
}

/* --- creation: what it is --------------------------------------------------------------------- */

static int check_size(struct call *call, json_t *body)
{
    const char *spec = call_text(call, "LoadBalancerSpec");

    json_put_text(body, "LoadBalancerSpec", spec);
    if (spec && json_text_is(body, "InstanceChargeType", "PayByCLCU"))
        return call_fail(call, "InvalidParameter",
            "LoadBalancerSpec is for InstanceChargeType PayBySpec; PayByCLCU has no fixed limits.");
    /* Bandwidth means nothing for instances that are metered by traffic. */
    if (!json_text_is(body, "InternetChargeType", "paybybandwidth"))
        return 0;
    if (json_int(call->in, "Bandwidth", -1) < 1)
        return call_fail(call, "InvalidParameter.Bandwidth",
            "Bandwidth is required for InternetChargeType paybybandwidth.");
    json_put_int(body, "Bandwidth", json_int(call->in, "Bandwidth", -1));
    return 0;
}

/* Reason and status of the protection, from the call into the body; the reason means something
 * only while it is on. */
static int put_protection(struct call *call, json_t *body)
{
    const char *status = call_text(call, "ModificationProtectionStatus");
    const char *reason = call_text(call, "ModificationProtectionReason");
    char first[2] = {reason ? *reason : 'a', '\0'};

    json_put_text(body, "ModificationProtectionStatus", status ? status : "NonProtection");
    (void)json_object_del(body, "ModificationProtectionReason");
    if (!json_text_is(body, "ModificationProtectionStatus", "ConsoleProtection"))
        return 0;
    if (!clb_text_is(first, "") || (*first >= '0' && *first <= '9'))
        return call_fail(call, "InvalidParam.ModificationProtectionReason",
            "ModificationProtectionReason must begin with a letter.");
    json_put_text(body, "ModificationProtectionReason", reason);
    return clb_check_name(
        call, "InvalidParam.ModificationProtectionReason", "ModificationProtectionReason");
}

static json_t *new_instance(struct call *call, const char *id)
{
    static const char *const members[] = {"AddressIPVersion", "InternetChargeType",
        "InstanceChargeType", "DeleteProtection", "ResourceGroupId", NULL};
    const char *name = call_text(call, "LoadBalancerName");
    const char *type = call_text(call, "AddressType");
    json_t *body = json_object();

    json_copy_members(body, call->in, members);
    json_put_text(body, "LoadBalancerName", name ? name : id);
    /* Who names a vSwitch wants an address of it. */
    if (!type)
        type = json_has(call->in, "VSwitchId") ? "intranet" : "internet";
    json_put_text(body, "AddressType", type);
    json_put_text(body, "PayType", "PayOnDemand");
    json_put_flag(body, "Enabled", true);
    json_put(body, "BackendServers", json_array());
    if (!json_has(body, "ResourceGroupId"))
        json_put_text(body, "ResourceGroupId", "rg-default");
    clb_put_times(call, body);
    return body;
}

int clb_create_load_balancer(struct call *call)
{
    static const char *const answer[] = {"Address", "AddressIPVersion", "LoadBalancerName",
        "NetworkType", "ResourceGroupId", "VSwitchId", "VpcId", NULL};
    char id[64];
    json_t *body;
    int r;

    txn_new_id(call->txn, "lb-", id);
    call_resource(call, id);
    body = new_instance(call, id);
    r = txn_add(call->txn, "clb.load_balancer", id, body);
    if (r == 0)
        r = clb_check_name(call, "InvalidParameter", "LoadBalancerName");
    if (r == 0)
        r = check_size(call, body);
    if (r == 0)
        r = put_protection(call, body);
    if (r == 0)
        r = call_tags(call, body);
    if (r == 0)
        r = json_text_is(body, "AddressType", "internet") ? place_internet(call, id, body)
                                                          : place_intranet(call, id, body);
    if (r < 0)
        return r;
    json_copy_members(call->out, body, answer);
    json_put_text(call->out, "LoadBalancerId", id);
    return 0;
}

/* --- change ----------------------------------------------------------------------------------- */

static int edit_instance(struct call *call, json_t **ret_body)
{
    const struct doc *doc = clb_find_instance(call);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    *ret_body = txn_edit(call->txn, "clb.load_balancer", doc->id);
    return 0;
}

static int set_member(struct call *call, const char *member)
{
    json_t *body;
    int r = edit_instance(call, &body);

    if (r == 0)
        json_put_text(body, member, call_text(call, member));
    return r;
}

int clb_set_load_balancer_name(struct call *call)
{
    int r = clb_check_name(call, "InvalidParameter", "LoadBalancerName");

    return r < 0 ? r : set_member(call, "LoadBalancerName");
}

int clb_set_delete_protection(struct call *call)
{
    return set_member(call, "DeleteProtection");
}

int clb_set_load_balancer_status(struct call *call)
{
    json_t *body;
    int r = edit_instance(call, &body);

    if (r == 0)
        json_put_flag(body, "Enabled", json_text_is(call->in, "LoadBalancerStatus", "active"));
    return r;
}

int clb_set_modification_protection(struct call *call)
{
    json_t *body;
    int r = edit_instance(call, &body);

    return r < 0 ? r : put_protection(call, body);
}

int clb_modify_instance_spec(struct call *call)
{
    json_t *body;
    int r = edit_instance(call, &body);

    if (r < 0)
        return r;
    if (json_text_is(body, "InstanceChargeType", "PayByCLCU"))
        return call_fail(call, "OperationDenied.PayByCLCU",
            "The load balancer %s is PayByCLCU and has no specification.",
            call_text(call, "LoadBalancerId"));
    json_put_text(body, "LoadBalancerSpec", call_text(call, "LoadBalancerSpec"));
    return 0;
}

int clb_modify_internet_spec(struct call *call)
{
    static const char *const members[] = {"InternetChargeType", "Bandwidth", NULL};
    json_t *body;
    int r = edit_instance(call, &body);

    if (r < 0)
        return r;
    if (json_text_is(body, "AddressType", "intranet"))
        return call_fail(call, "Operation.NotAllowed",
            "The load balancer %s has no internet address.", call_text(call, "LoadBalancerId"));
    json_copy_members(body, call->in, members);
    if (!json_text_is(body, "InternetChargeType", "paybybandwidth")) {
        (void)json_object_del(body, "Bandwidth");
        return 0;
    }
    if (json_int(body, "Bandwidth", -1) < 1)
        return call_fail(call, "Instance.InternetChargeTypeNotAllowed",
            "Bandwidth is required for InternetChargeType paybybandwidth.");
    return clb_check_bandwidth(call, call_text(call, "LoadBalancerId"));
}

/* From a fixed size to none. */
int clb_modify_instance_charge_type(struct call *call)
{
    json_t *body;
    int r = edit_instance(call, &body);

    if (r < 0)
        return r;
    if (json_text_is(body, "InstanceChargeType", "PayByCLCU"))
        return call_fail(call, "OperationDenied.PayByCLCU",
            "The load balancer %s is PayByCLCU already.", call_text(call, "LoadBalancerId"));
    json_put_text(body, "InstanceChargeType", call_text(call, "InstanceChargeType"));
    (void)json_object_del(body, "LoadBalancerSpec");
    if (json_has(call->in, "InternetChargeType")) {
        json_put_text(body, "InternetChargeType", call_text(call, "InternetChargeType"));
        (void)json_object_del(body, "Bandwidth");
    }
    return 0;
}

/* There is one way to pay, and nobody to pay. */
int clb_modify_pay_type(struct call *call)
{
    json_t *body;

    return edit_instance(call, &body);
}

/* --- release ---------------------------------------------------------------------------------- */

int clb_delete_load_balancer(struct call *call)
{
    static const char *const parts[] = {"clb.rule", "clb.domain_extension", "clb.vserver_group",
        "clb.master_slave_group", "clb.access_log"};
    CLB_LIST listeners = {0};
    const struct doc *doc = clb_find_instance(call);

    if (!doc)
        return -EINVAL;
    if (json_text_is(doc->body, "DeleteProtection", "on"))
        return call_fail(call, "OperationDenied.DeleteProtectionIsOn",
            "The load balancer %s is protected from deletion; SetLoadBalancerDeleteProtection ends it.",
            doc->id);
    if (dns_check_release(call, doc->body, "Operation.NotAllowed") < 0)
        return -EBUSY;
    call_resource(call, doc->id);
    txn_users(call->txn, "clb.listener", doc->id, &listeners);
    for (uint32_t i = 0; i < listeners.n; i++)
        clb_remove_listener(call, listeners.docs[i]->id);
    for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
        CLB_LIST list = {0};

        txn_users(call->txn, parts[p], doc->id, &list);
        for (uint32_t i = 0; i < list.n; i++)
            (void)txn_remove(call->txn, parts[p], list.docs[i]->id);
    }
    inventory_release(call->txn, doc->id);
    (void)txn_remove(call->txn, "clb.load_balancer", doc->id);
    return 0;
}

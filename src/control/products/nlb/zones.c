/* Zones of NLB instances: their addresses, and moving them out of the instance's name. */
#include "control/products/nlb/zones.h"

const struct zone_shape nlb_zone_shape = {
    .private_address = "PrivateIPv4Address",
    .public_address = "PublicIPv4Address",
    .health = "PrivateIPv4HcStatus",
    .health6 = "PrivateIPv6HcStatus",
    .codes =
        {
            [ZONE_MISMATCH] = "Mismatch.ZoneIdAndVswitchId",
            [ZONE_DUPLICATE] = "InvalidZones",
            [ZONE_TOO_FEW] = "InvalidZones",
            [ZONE_NO_VSWITCH] = "ResourceNotFound.VSwitch",
            [ZONE_VPC_MISMATCH] = "Mismatch.VpcId",
            [ZONE_NO_ADDRESS] = "ResourceNotEnough.VSwitchIp",
            [ZONE_NO_IPV6] = "OperationFailed.vSwitchNotSupportIpv6",
            [ZONE_ADDRESS_INVALID] = "IllegalParam",
            [ZONE_ADDRESS_IN_USE] = "ResourceInUse.IP",
            [ZONE_NO_EIP] = "ResourceNotFound.AllocationId",
            [ZONE_EIP_IN_USE] = "ResourceAlreadyAssociated.AllocationId",
            [ZONE_EIP_UNWANTED] = "IllegalParam",
            [ZONE_UNCHANGED] = "IncorrectStatus.ZoneId",
            [ZONE_OTHER_VSWITCH] = "OperationDenied.ZoneVSwitchChanged",
            [ZONE_NOT_THERE] = "ResourceNotFound.ZoneId",
            [ZONE_LAST] = "OperationDenied.OnlyOneZone",
        },
};

int nlb_update_load_balancer_zones(struct call *call)
{
    const struct doc *doc = nlb_find_load_balancer(call);
    struct zone_owner owner;
    json_t *body;
    int r;

    if (!doc)
        return -EINVAL;
    owner = (struct zone_owner){.id = call_text(call, "LoadBalancerId")};
    body = txn_edit(call->txn, NLB_LOAD_BALANCER, owner.id);
    owner.vpc_id = json_text(body, "VpcId");
    owner.is_internet = json_text_is(body, "AddressType", "Internet");
    owner.has_ipv6 = json_text_is(body, "AddressIpVersion", "DualStack");
    r = zones_update(
        call, &nlb_zone_shape, &owner, body, json_object_get(call->in, "ZoneMappings"));
    if (r < 0)
        return r;
    call_resource(call, owner.id);
    call_job(call, "loadbalancer");
    return 0;
}

int nlb_update_load_balancer_address_type_config(struct call *call)
{
    const struct doc *doc = nlb_find_load_balancer(call);
    const char *type = call_text(call, "AddressType");
    struct zone_owner owner = {.id = call_text(call, "LoadBalancerId")};
    json_t *body;
    int r;

    if (!doc)
        return -EINVAL;
    if (json_text_is(doc->body, "AddressType", type))
        return call_fail(call, "OperationDenied.AddressTypeNotChanged",
            "Load balancer %s is of type %s already.", owner.id, type);
    body = txn_edit(call->txn, NLB_LOAD_BALANCER, owner.id);
    owner.vpc_id = json_text(body, "VpcId");
    owner.is_internet = strcmp(type, "Internet") == 0;
    r = zones_set_internet(
        call, &nlb_zone_shape, &owner, body, json_object_get(call->in, "ZoneMappings"));
    if (r < 0)
        return r;
    json_put_text(body, "AddressType", type);
    call_resource(call, owner.id);
    call_job(call, "loadbalancer");
    return 0;
}

static int set_ipv6_internet(struct call *call, bool is_internet)
{
    const char *id = call_text(call, "LoadBalancerId");

    if (!nlb_find_load_balancer(call))
        return -EINVAL;
    call_resource(call, id);
    return zones_set_ipv6_internet(call, txn_edit(call->txn, NLB_LOAD_BALANCER, id), is_internet);
}

int nlb_enable_load_balancer_ipv6_internet(struct call *call)
{
    return set_ipv6_internet(call, true);
}

int nlb_disable_load_balancer_ipv6_internet(struct call *call)
{
    return set_ipv6_internet(call, false);
}

static int shift(struct call *call, bool is_start)
{
    const char *id = call_text(call, "LoadBalancerId");
    int r;

    if (!nlb_find_load_balancer(call))
        return -EINVAL;
    r = zones_shift(call, &nlb_zone_shape, txn_edit(call->txn, NLB_LOAD_BALANCER, id),
        json_object_get(call->in, "ZoneMappings"), is_start);
    if (r < 0)
        return r;
    call_resource(call, id);
    return 0;
}

int nlb_start_shift_load_balancer_zones(struct call *call)
{
    return shift(call, true);
}

int nlb_cancel_shift_load_balancer_zones(struct call *call)
{
    return shift(call, false);
}

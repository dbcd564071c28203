/* Product Nlb: which operations there are. */
#include "control/products/nlb/nlb.h"

#include "control/products/common/common.h"
#include "control/products/system/jobs.h"

void nlb_put_all(json_t *out, json_t *given)
{
    int r = json_object_update(out, given);

    assert(r == 0);
    json_decref(given);
}

const struct doc *nlb_find_load_balancer(struct call *call)
{
    return call_find(call, NLB_LOAD_BALANCER, "LoadBalancerId", "ResourceNotFound.loadBalancer",
        "load balancer");
}

const struct doc *nlb_find_listener(struct call *call)
{
    return call_find(call, NLB_LISTENER, "ListenerId", "ResourceNotFound.listener", "listener");
}

const struct doc *nlb_find_group(struct call *call)
{
    return call_find(
        call, NLB_SERVER_GROUP, "ServerGroupId", "ResourceNotFound.serverGroup", "server group");
}

/* --- tags -------------------------------------------------------------------------------------- */

static const struct tag_kind tag_kinds[] = {
    {"loadbalancer", NLB_LOAD_BALANCER},
    {"listener", NLB_LISTENER},
    {"servergroup", NLB_SERVER_GROUP},
    {"securitypolicy", NLB_SECURITY_POLICY},
    {NULL, NULL},
};

/* Codes differ by the type of the resource. */
static const char *tag_not_found(const struct call *call)
{
    static const char *const codes[][2] = {
        {"loadbalancer", "ResourceNotFound.loadBalancer"},
        {"listener", "ResourceNotFound.listener"},
        {"servergroup", "ResourceNotFound.serverGroup"},
        {"securitypolicy", "ResourceNotFound.securitypolicy"},
    };
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(codes) && !json_text_is(call->in, "ResourceType", codes[i][0]))
        i++;
    return codes[i][1];
}

int nlb_tag_resources(struct call *call)
{
    return call_tag_resources(call, tag_kinds, tag_not_found(call));
}

int nlb_untag_resources(struct call *call)
{
    return call_untag_resources(call, tag_kinds, tag_not_found(call));
}

int nlb_list_tag_resources(struct call *call)
{
    return call_list_tag_resources(call, tag_kinds);
}

/* --- resource groups --------------------------------------------------------------------------- */

int nlb_move_resource_group(struct call *call)
{
    const char *id = call_text(call, "ResourceId");
    json_t *body = NULL, *data;

    for (const struct tag_kind *kind = tag_kinds; kind->type; kind++) {
        if (json_text_is(call->in, "ResourceType", kind->type))
            body = txn_edit(call->txn, kind->kind, id);
    }
    if (!body)
        return call_fail(call, tag_not_found(call), "The %s %.100s does not exist.",
            call_text(call, "ResourceType"), id);
    call_resource(call, id);
    json_put_text(body, "ResourceGroupId", call_text(call, "NewResourceGroupId"));
    data = json_object();
    json_put_text(data, "ResourceId", id);
    json_put(call->out, "Data", data);
    json_put_int(call->out, "HttpStatusCode", 200);
    json_put_flag(call->out, "Success", true);
    return 0;
}

/* --- the product ------------------------------------------------------------------------------- */

static const struct call_operation operations[] = {
    {"AddServersToServerGroup", nlb_add_servers_to_server_group},
    {"AssociateAdditionalCertificatesWithListener", nlb_associate_additional_certificates},
    {"CancelShiftLoadBalancerZones", nlb_cancel_shift_load_balancer_zones},
    {"CreateListener", nlb_create_listener},
    {"CreateLoadBalancer", nlb_create_load_balancer},
    {"CreateSecurityPolicy", nlb_create_security_policy},
    {"CreateServerGroup", nlb_create_server_group},
    {"DeleteListener", nlb_delete_listener},
    {"DeleteLoadBalancer", nlb_delete_load_balancer},
    {"DeleteSecurityPolicy", nlb_delete_security_policy},
    {"DeleteServerGroup", nlb_delete_server_group},
    {"DescribeRegions", common_describe_regions},
    {"DescribeZones", common_describe_zones},
    {"DisableLoadBalancerIpv6Internet", nlb_disable_load_balancer_ipv6_internet},
    {"DisassociateAdditionalCertificatesWithListener", nlb_disassociate_additional_certificates},
    {"EnableLoadBalancerIpv6Internet", nlb_enable_load_balancer_ipv6_internet},
    {"GetJobStatus", jobs_get_status},
    {"GetListenerAttribute", nlb_get_listener_attribute},
    {"GetListenerHealthStatus", nlb_get_listener_health_status},
    {"GetLoadBalancerAttribute", nlb_get_load_balancer_attribute},
    {"ListAsynJobs", jobs_list},
    {"ListListenerCertificates", nlb_list_listener_certificates},
    {"ListListeners", nlb_list_listeners},
    {"ListLoadBalancers", nlb_list_load_balancers},
    {"ListSecurityPolicy", nlb_list_security_policy},
    {"ListServerGroupServers", nlb_list_server_group_servers},
    {"ListServerGroups", nlb_list_server_groups},
    {"ListSystemSecurityPolicy", nlb_list_system_security_policy},
    {"ListTagResources", nlb_list_tag_resources},
    {"LoadBalancerJoinSecurityGroup", nlb_load_balancer_join_security_group},
    {"LoadBalancerLeaveSecurityGroup", nlb_load_balancer_leave_security_group},
    {"MoveResourceGroup", nlb_move_resource_group},
    {"RemoveServersFromServerGroup", nlb_remove_servers_from_server_group},
    {"StartListener", nlb_start_listener},
    {"StartShiftLoadBalancerZones", nlb_start_shift_load_balancer_zones},
    {"StopListener", nlb_stop_listener},
    {"TagResources", nlb_tag_resources},
    {"UntagResources", nlb_untag_resources},
    {"UpdateListenerAttribute", nlb_update_listener_attribute},
    {"UpdateLoadBalancerAddressTypeConfig", nlb_update_load_balancer_address_type_config},
    {"UpdateLoadBalancerAttribute", nlb_update_load_balancer_attribute},
    {"UpdateLoadBalancerProtection", nlb_update_load_balancer_protection},
    {"UpdateLoadBalancerZones", nlb_update_load_balancer_zones},
    {"UpdateSecurityPolicyAttribute", nlb_update_security_policy_attribute},
    {"UpdateServerGroupAttribute", nlb_update_server_group_attribute},
    {"UpdateServerGroupServersAttribute", nlb_update_server_group_servers_attribute},
};

const struct product product_nlb = {"Nlb", operations, ARRAY_LEN(operations)};

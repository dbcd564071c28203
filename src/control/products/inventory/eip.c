/* Elastic addresses: those of users, and those that came with an instance and go with it. */
#include "control/products/common/common.h"
#include "control/products/inventory/networks.h"

int vpc_allocate_eip_address(struct call *call)
{
    static const char *const members[] = {"Name", "Description", "InternetChargeType", NULL};
    const char *wanted = call_text(call, "IpAddress");
    json_t *body = json_object();
    char id[64], ip[INVENTORY_IP_LEN], time[32];
    int r;

    json_copy_members(body, call->in, members);
    json_put_text(body, "ChargeType", call_text(call, "InstanceChargeType"));
    json_put_text(body, "CreateTime", call_time(call, time));
    r = call_tags(call, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    r = inventory_new_eip(call->txn, NULL, wanted, body, id, ip);
    if (r == -EADDRINUSE)
        return call_fail(
            call, "InvalidIpAddress.AlreadyUsed", "IpAddress %s is taken already.", wanted);
    if (r == -EINVAL)
        return call_fail(call, "InvalidIpAddress",
            "IpAddress %s is not of the node's range of elastic addresses.", wanted);
    if (r == -ENOSPC)
        return call_fail(call, "QuotaExceeded.Eip",
            "All elastic addresses are taken: eip_range in the node file has no more.");
    if (r < 0)
        return r;
    call_resource(call, id);
    json_put_text(call->out, "AllocationId", id);
    json_put_text(call->out, "EipAddress", ip);
    return 0;
}

/* What InstanceType says of owners, by their ids' prefix. */
static const char *owner_type(const char *owner)
{
    if (strncmp(owner, "nlb-", 4) == 0)
        return "NLB";
    return strncmp(owner, "alb-", 4) == 0 ? "ALB" : "SlbInstance";
}

static const char *eip_status(const struct doc *doc)
{
    return json_text(doc->body, "Owner") ? "InUse" : "Available";
}

/* Those that came with an instance do not say. */
static const char *eip_charge(const struct doc *doc)
{
    return json_text(doc->body, "ChargeType") ?: "PostPaid";
}

static json_t *show_eip(struct call *call, const struct doc *doc)
{
    const char *owner = json_text(doc->body, "Owner");
    json_t *out = common_show(doc, "AllocationId");

    json_put_text(out, "Status", eip_status(doc));
    json_put_text(out, "ChargeType", eip_charge(doc));
    if (!json_has(out, "InternetChargeType"))
        json_put_text(out, "InternetChargeType", "PayByTraffic");
    json_put_text(out, "RegionId", call->node->region);
    json_put_text(out, "AllocationTime", json_text(doc->body, "CreateTime"));
    if (owner) {
        json_put_text(out, "InstanceId", owner);
        json_put_text(out, "InstanceRegionId", call->node->region);
        json_put_text(out, "InstanceType", owner_type(owner));
    }
    return out;
}

static bool is_asked_for(struct call *call, const struct doc *doc)
{
    const char *status = call_text(call, "Status"), *charge = call_text(call, "ChargeType");

    return (!status || strcmp(status, eip_status(doc)) == 0) &&
           (!charge || strcmp(charge, eip_charge(doc)) == 0);
}

int vpc_describe_eip_addresses(struct call *call)
{
    static const struct filter filters[] = {
        {"AllocationId", NULL},
        {"EipAddress", "IpAddress"},
        {"EipName", "Name"},
        {"AssociatedInstanceId", "Owner"},
        {NULL, NULL},
    };
    static const struct listing listing = {
        .kind = "vpc.eip",
        .out = "EipAddresses",
        .filters = filters,
        .has_tags = true,
        .match = is_asked_for,
        .show = show_eip,
    };

    return common_list(call, &listing);
}

int vpc_release_eip_address(struct call *call)
{
    const struct doc *doc = call_find(
        call, "vpc.eip", "AllocationId", "InvalidAllocationId.NotFound", "elastic address");
    const char *owner = doc ? json_text(doc->body, "Owner") : NULL;

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    if (owner)
        return call_fail(
            call, "IncorrectEipStatus", "Elastic address %s is bound to %s.", doc->id, owner);
    inventory_remove_eip(call->txn, doc);
    return 0;
}

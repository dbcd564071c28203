/* Zones of an instance: one vSwitch each, one address clients reach, two towards servers, perhaps an EIP; of dual-stack
 * instances the first three in IPv6 too. */
#include "control/products/common/common.h"
#include "control/products/inventory/inventory.h"
#include "engine/net.h"

#define ZONE_ADDRESSES 3u /* VIP and two local addresses */
#define ZONE_FREE      8u /* so many must be free, for growth */
#define ZONE_LOCALS    8u
#define ZONE_ID_LEN    64u

static json_t *zone_address(const json_t *mapping)
{
    return json_array_get(json_object_get(mapping, "LoadBalancerAddresses"), 0);
}

static json_t *find_zone(const json_t *mappings, const char *zone_id)
{
    json_t *mapping;
    size_t i;

    json_array_foreach (mappings, i, mapping) {
        if (json_text_is(mapping, "ZoneId", zone_id))
            return mapping;
    }
    return NULL;
}

bool zones_have(const json_t *body, const char *zone_id)
{
    return find_zone(json_object_get(body, "ZoneMappings"), zone_id) != NULL;
}

/* --- checks ------------------------------------------------------------------------------------- */

static int check_vswitch(struct call *call, const struct zone_shape *shape,
    const struct zone_owner *owner, const json_t *given)
{
    const char *vswitch_id = json_text(given, "VSwitchId");
    const char *zone_id = json_text(given, "ZoneId");
    const struct doc *vswitch = inventory_vswitch(call->txn, vswitch_id);

    if (!vswitch)
        return call_fail(
            call, shape->codes[ZONE_NO_VSWITCH], "The vSwitch %s does not exist.", vswitch_id);
    if (!json_text_is(vswitch->body, "ZoneId", zone_id))
        return call_fail(call, shape->codes[ZONE_MISMATCH], "The vSwitch %s is not in the zone %s.",
            vswitch_id, zone_id);
    if (!json_text_is(vswitch->body, "VpcId", owner->vpc_id))
        return call_fail(call, shape->codes[ZONE_VPC_MISMATCH],
            "The vSwitch %s is not in the VPC %s.", vswitch_id, owner->vpc_id);
    return 0;
}

/* EIPs: none twice, and only where there are any. */
static int check_allocations(struct call *call, const struct zone_shape *shape,
    const struct zone_owner *owner, const json_t *given)
{
    const json_t *mapping;
    size_t i;

    json_array_foreach (given, i, mapping) {
        const char *id = json_text(mapping, "AllocationId");

        if (!id)
            continue;
        if (!owner->is_internet)
            return call_fail(call, shape->codes[ZONE_EIP_UNWANTED],
                "AllocationId %s is for Internet instances only.", id);
        for (size_t j = 0; j < i; j++) {
            if (json_text_is(json_array_get(given, j), "AllocationId", id))
                return call_fail(
                    call, shape->codes[ZONE_EIP_IN_USE], "The EIP %s is given for two zones.", id);
        }
    }
    return 0;
}

static int check_mappings(struct call *call, const struct zone_shape *shape,
    const struct zone_owner *owner, const json_t *given)
{
    const json_t *mapping;
    size_t i;
    int r;

    json_array_foreach (given, i, mapping) {
        const char *zone_id = json_text(mapping, "ZoneId");

        r = check_vswitch(call, shape, owner, mapping);
        if (r < 0)
            return r;
        if (find_zone(given, zone_id) != mapping)
            return call_fail(
                call, shape->codes[ZONE_DUPLICATE], "The zone %s is given twice.", zone_id);
        if (!owner->has_ipv6 &&
            (json_has(mapping, "Ipv6Address") || json_len(mapping, "Ipv6LocalAddresses") > 0))
            return call_fail(call, shape->codes[ZONE_ADDRESS_INVALID],
                "IPv6 addresses are for instances with the AddressIpVersion DualStack.");
    }
    if (json_array_size(given) < MIN(2u, call->node->n_zones))
        return call_fail(call, shape->codes[ZONE_TOO_FEW],
            "An instance needs at least two zones, because the region %s has %u.",
            call->node->region, call->node->n_zones);
    return check_allocations(call, shape, owner, given);
}

/* --- addresses ---------------------------------------------------------------------------------- */

/* Addresses of one family: members of documents and requests. */
struct family {
    const char *address, *locals;
    bool is_ipv6;
};

static const struct family ipv6 = {"Ipv6Address", "Ipv6LocalAddresses", true};

static struct family ipv4_of(const struct zone_shape *shape)
{
    return (struct family){shape->private_address, "Ipv4LocalAddresses", false};
}

static int take_failed(struct call *call, const struct zone_shape *shape, const char *vswitch_id,
    const char *wanted, int error)
{
    switch (error) {
    case -ENOSPC:
        return call_fail(call, shape->codes[ZONE_NO_ADDRESS],
            "The vSwitch %s has less than %u free addresses.", vswitch_id, ZONE_FREE);
    case -EADDRINUSE:
        return call_fail(call, shape->codes[ZONE_ADDRESS_IN_USE],
            "The address %s of the vSwitch %s is in use.", wanted, vswitch_id);
    case -EINVAL:
        return call_fail(call, shape->codes[ZONE_ADDRESS_INVALID],
            "The address %s is not one that the vSwitch %s can give.", wanted, vswitch_id);
    case -EAFNOSUPPORT:
        return inventory_fail_ipv6(call, shape->codes[ZONE_NO_IPV6], vswitch_id);
    default:
        return call_fail(
            call, "InternalError", "No address could be taken from the vSwitch %s.", vswitch_id);
    }
}

/* Local addresses that the user wants; the VIP is taken already. */
static int take_locals(struct call *call, const struct zone_shape *shape, const char *owner,
    const struct family *family, const json_t *given, json_t *locals)
{
    const char *vswitch_id = json_text(given, "VSwitchId");
    const json_t *element;
    char ip[1][INVENTORY_IP_LEN];
    size_t i;

    json_array_foreach (json_object_get(given, family->locals), i, element) {
        const char *wanted = json_string_value(element);
        const struct inventory_wish wish = {vswitch_id, owner, wanted, 1, 1, family->is_ipv6};
        int r = inventory_take(call->txn, &wish, ip);

        if (r < 0)
            return take_failed(call, shape, vswitch_id, wanted, r);
        (void)json_array_append_new(locals, json_string(ip[0]));
    }
    return 0;
}

static int take_addresses(struct call *call, const struct zone_shape *shape, const char *owner,
    const struct family *family, const json_t *given, json_t *address)
{
    const char *vswitch_id = json_text(given, "VSwitchId");
    const char *wanted = json_text(given, family->address);
    unsigned n = json_len(given, family->locals) > 0 ? 1 : ZONE_ADDRESSES;
    const struct inventory_wish wish = {vswitch_id, owner, wanted, n, ZONE_FREE, family->is_ipv6};
    char ips[ZONE_ADDRESSES][INVENTORY_IP_LEN];
    json_t *locals = json_array();
    int r;

    json_put(address, family->locals, locals);
    r = inventory_take(call->txn, &wish, ips);
    if (r < 0)
        return take_failed(call, shape, vswitch_id, wanted, r);
    json_put_text(address, family->address, ips[0]);
    for (unsigned i = 1; i < n; i++)
        (void)json_array_append_new(locals, json_string(ips[i]));
    return take_locals(call, shape, owner, family, given, locals);
}

static int take_eip(struct call *call, const struct zone_shape *shape, const char *owner,
    const char *allocation_id, json_t *address)
{
    const json_t *eip = allocation_id ? txn_body(call->txn, "vpc.eip", allocation_id) : NULL;
    char id[ZONE_ID_LEN], ip[INVENTORY_IP_LEN];
    int r;

    /* ALBI-19: others are for instances that are metered as they are. */
    if (json_text_is(eip, "InternetChargeType", "PayByBandwidth") ||
        json_text_is(eip, "ChargeType", "PrePaid"))
        return call_fail(call, "OperationDenied.OnlyPostPaidEipSupported",
            "The EIP %s must be PostPaid and PayByTraffic.", allocation_id);
    r = inventory_take_eip(call->txn, allocation_id, owner, id, ip);
    switch (r) {
    case 0:
        json_put_text(address, "AllocationId", id);
        json_put_text(address, "EipType", "Common");
        json_put_text(address, shape->public_address, ip);
        return 0;
    case -EBUSY:
        return call_fail(
            call, shape->codes[ZONE_EIP_IN_USE], "The EIP %s is in use.", allocation_id);
    case -ENOENT:
        return call_fail(
            call, shape->codes[ZONE_NO_EIP], "The EIP %s does not exist.", allocation_id);
    default:
        return call_fail(call, shape->codes[ZONE_NO_EIP], "No EIP is left in this region.");
    }
}

/* Gives back what a zone holds. */
static void release_eip(
    struct call *call, const struct zone_shape *shape, const char *owner, json_t *address)
{
    const char *id = json_text(address, "AllocationId");

    if (!id)
        return;
    inventory_release_one(call->txn, owner, id);
    (void)json_object_del(address, "AllocationId");
    (void)json_object_del(address, "EipType");
    (void)json_object_del(address, shape->public_address);
    if (shape->public_always)
        json_put_text(address, shape->public_address, json_text(address, shape->private_address));
}

static void release_addresses(
    struct call *call, const char *owner, const struct family *family, const json_t *address)
{
    const json_t *local;
    size_t i;

    inventory_release_one(call->txn, owner, json_text(address, family->address));
    json_array_foreach (json_object_get(address, family->locals), i, local)
        inventory_release_one(call->txn, owner, json_string_value(local));
}

static void release_zone(
    struct call *call, const struct zone_shape *shape, const char *owner, json_t *mapping)
{
    const struct family ipv4 = ipv4_of(shape);
    json_t *address = zone_address(mapping);

    release_eip(call, shape, owner, address);
    release_addresses(call, owner, &ipv4, address);
    release_addresses(call, owner, &ipv6, address);
}

static int add_zone(struct call *call, const struct zone_shape *shape,
    const struct zone_owner *owner, const json_t *given, json_t *mappings)
{
    const struct family ipv4 = ipv4_of(shape);
    json_t *mapping = json_object();
    json_t *addresses = json_array();
    json_t *address = json_object();
    int r;

    (void)json_array_append_new(mappings, mapping);
    (void)json_array_append_new(addresses, address);
    json_put_text(mapping, "ZoneId", json_text(given, "ZoneId"));
    json_put_text(mapping, "VSwitchId", json_text(given, "VSwitchId"));
    json_put_text(mapping, "Status", "Active");
    json_put(mapping, "LoadBalancerAddresses", addresses);
    r = take_addresses(call, shape, owner->id, &ipv4, given, address);
    if (r == 0 && shape->public_always)
        json_put_text(address, shape->public_address, json_text(address, shape->private_address));
    if (r == 0 && owner->has_ipv6)
        r = take_addresses(call, shape, owner->id, &ipv6, given, address);
    if (r < 0 || !owner->is_internet)
        return r;
    return take_eip(call, shape, owner->id, json_text(given, "AllocationId"), address);
}

/* --- what operations do ------------------------------------------------------------------------- */

int zones_make(struct call *call, const struct zone_shape *shape, const struct zone_owner *owner,
    const json_t *given, json_t **ret_mappings)
{
    json_t *mappings;
    const json_t *mapping;
    size_t i;
    int r = check_mappings(call, shape, owner, given);

    if (r < 0)
        return r;
    mappings = json_array();
    json_array_foreach (given, i, mapping) {
        r = add_zone(call, shape, owner, mapping, mappings);
        if (r < 0) {
            json_decref(mappings);
            return r;
        }
    }
    *ret_mappings = mappings;
    return 0;
}

/* A zone that stays: with the vSwitch and the addresses it has. */
static int check_kept(
    struct call *call, const struct zone_shape *shape, const json_t *mapping, const json_t *given)
{
    const char *zone_id = json_text(given, "ZoneId");
    const char *wanted = json_text(given, shape->private_address);
    const char *eip = json_text(given, "AllocationId");

    if (!json_text_is(mapping, "VSwitchId", json_text(given, "VSwitchId")))
        return call_fail(call, shape->codes[ZONE_OTHER_VSWITCH],
            "The zone %s has the vSwitch %s; remove the zone before another one is added.", zone_id,
            json_text(mapping, "VSwitchId"));
    if (wanted && !json_text_is(zone_address(mapping), shape->private_address, wanted))
        return call_fail(call, shape->codes[ZONE_ADDRESS_INVALID],
            "The zone %s has an address already; it cannot become %s.", zone_id, wanted);
    if (eip && !json_text_is(zone_address(mapping), "AllocationId", eip))
        return call_fail(call, shape->codes[ZONE_ADDRESS_INVALID],
            "The zone %s has an EIP already; it cannot become %s.", zone_id, eip);
    return 0;
}

int zones_update(struct call *call, const struct zone_shape *shape, const struct zone_owner *owner,
    json_t *body, const json_t *given)
{
    json_t *mappings = json_object_get(body, "ZoneMappings");
    size_t n_kept = 0;
    const json_t *element;
    size_t i;
    int r = check_mappings(call, shape, owner, given);

    if (r < 0)
        return r;
    json_array_foreach (given, i, element) {
        json_t *mapping = find_zone(mappings, json_text(element, "ZoneId"));

        n_kept += mapping != NULL;
        r = mapping ? check_kept(call, shape, mapping, element) : 0;
        if (r < 0)
            return r;
    }
    if (n_kept == json_array_size(given) && n_kept == json_array_size(mappings))
        return call_fail(
            call, shape->codes[ZONE_UNCHANGED], "The instance has these zones already.");
    for (i = json_array_size(mappings); i-- > 0;) {
        json_t *mapping = json_array_get(mappings, i);

        if (find_zone(given, json_text(mapping, "ZoneId")))
            continue;
        release_zone(call, shape, owner->id, mapping);
        (void)json_array_remove(mappings, i);
    }
    json_array_foreach (given, i, element) {
        r = find_zone(mappings, json_text(element, "ZoneId"))
                ? 0
                : add_zone(call, shape, owner, element, mappings);
        if (r < 0)
            return r;
    }
    return 0;
}

int zones_set_internet(struct call *call, const struct zone_shape *shape,
    const struct zone_owner *owner, json_t *body, const json_t *given)
{
    json_t *mappings = json_object_get(body, "ZoneMappings");
    json_t *mapping;
    const json_t *element;
    size_t i;
    int r = check_allocations(call, shape, owner, given);

    if (r < 0)
        return r;
    json_array_foreach (given, i, element) {
        const char *zone_id = json_text(element, "ZoneId");
        const char *vswitch_id = json_text(element, "VSwitchId");

        mapping = zone_id ? find_zone(mappings, zone_id) : NULL;
        if (!mapping || (vswitch_id && !json_text_is(mapping, "VSwitchId", vswitch_id)))
            return call_fail(call, shape->codes[ZONE_MISMATCH],
                "The instance has no zone %s with the vSwitch %s.", zone_id ?: "(not given)",
                vswitch_id ?: "(not given)");
    }
    /* All first: a zone may be given what another one has. */
    json_array_foreach (mappings, i, mapping)
        release_eip(call, shape, owner->id, zone_address(mapping));
    if (!owner->is_internet)
        return 0;
    json_array_foreach (mappings, i, mapping) {
        const json_t *wish = find_zone(given, json_text(mapping, "ZoneId"));

        r = take_eip(
            call, shape, owner->id, json_text(wish, "AllocationId"), zone_address(mapping));
        if (r < 0)
            return r;
    }
    return 0;
}

int zones_set_ipv6_internet(struct call *call, json_t *body, bool is_internet)
{
    const char *type = is_internet ? "Internet" : "Intranet";
    const char *code = is_internet ? "OperationDenied.Ipv6InternetInstance"
                                   : "OperationDenied.Ipv6IntranetInstance";

    if (!json_text_is(body, "AddressIpVersion", "DualStack"))
        return call_fail(call, "OperationDenied.NonDualStackInstance",
            "The instance %s has no IPv6 addresses: its AddressIpVersion is not DualStack.",
            call->resource);
    if (json_text_is(body, "Ipv6AddressType", type))
        return call_fail(call, code, "The Ipv6AddressType of the instance %s is %s already.",
            call->resource, type);
    json_put_text(body, "Ipv6AddressType", type);
    return 0;
}

static void show_health(json_t *address, const char *member, const char *ip)
{
    struct addr addr;

    if (!ip || addr_parse_ip(span_of(ip), &addr) < 0)
        return;
    json_put_text(address, member, net_is_local(&addr) != 0 ? "Healthy" : "Unhealthy");
}

json_t *zones_show(const struct zone_shape *shape, const json_t *mappings)
{
    json_t *shown = json_deep_copy(mappings);
    const json_t *mapping;
    size_t i;

    json_array_foreach (shown, i, mapping) {
        json_t *address = zone_address(mapping);

        show_health(address, shape->health, json_text(address, shape->private_address));
        show_health(address, shape->health6, json_text(address, ipv6.address));
    }
    return shown;
}

static size_t count_active(const json_t *mappings)
{
    const json_t *mapping;
    size_t n = 0;
    size_t i;

    json_array_foreach (mappings, i, mapping)
        n += json_text_is(mapping, "Status", "Active");
    return n;
}

int zones_shift(struct call *call, const struct zone_shape *shape, json_t *body,
    const json_t *given, bool is_start)
{
    json_t *mappings = json_object_get(body, "ZoneMappings");
    const char *wanted = is_start ? "Shifted" : "Active";
    const json_t *element;
    size_t i;

    json_array_foreach (given, i, element) {
        const char *zone_id = json_text(element, "ZoneId");
        const char *vswitch_id = json_text(element, "VSwitchId");
        json_t *mapping = find_zone(mappings, zone_id);

        if (!mapping)
            return call_fail(
                call, shape->codes[ZONE_NOT_THERE], "The instance is not in the zone %s.", zone_id);
        if (!json_text_is(mapping, "VSwitchId", vswitch_id))
            return call_fail(call, shape->codes[ZONE_MISMATCH],
                "The zone %s of the instance has the vSwitch %s, not %s.", zone_id,
                json_text(mapping, "VSwitchId"), vswitch_id);
        if (json_text_is(mapping, "Status", wanted))
            return call_fail(call, shape->codes[ZONE_UNCHANGED], "The zone %s is %s already.",
                zone_id, is_start ? "shifted" : "active");
        if (is_start && count_active(mappings) == 1)
            return call_fail(call, shape->codes[ZONE_LAST],
                "The zone %s is the last active one of the instance.", zone_id);
        json_put_text(mapping, "Status", wanted);
    }
    return 0;
}

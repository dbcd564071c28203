/* Where instances can be: the node's region and zones. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

int clb_describe_regions(struct call *call)
{
    json_t *out = json_array(), *region = json_object();
    char endpoint[ADDR_TEXT_MAX + 1];

    endpoint[addr_format(&call->node->api, endpoint)] = '\0';
    json_put_text(region, "RegionId", call->node->region);
    json_put_text(region, "LocalName", call->node->region);
    json_put_text(region, "RegionEndpoint", endpoint);
    (void)json_array_append_new(out, region);
    json_put(call->out, "Regions", out);
    return 0;
}

static json_t *zone_new(const struct node_zone *zone)
{
    json_t *out = json_object();

    json_put_text(out, "ZoneId", zone->id);
    json_put_text(out, "LocalName", zone->id);
    return out;
}

int clb_describe_zones(struct call *call)
{
    const struct node_conf *node = call->node;
    json_t *out = json_array();

    for (unsigned i = 0; i < node->n_zones; i++) {
        json_t *zone = zone_new(&node->zones[i]), *slaves = json_array();

        for (unsigned j = 0; j < node->n_zones; j++)
            if (j != i)
                (void)json_array_append_new(slaves, zone_new(&node->zones[j]));
        json_put(zone, "SlaveZones", slaves);
        (void)json_array_append_new(out, zone);
    }
    json_put(call->out, "Zones", out);
    return 0;
}

/* What a zone can give, where the filters let it through. */
static void add_support(struct call *call, json_t *list, const char *type, const char *family)
{
    const char *wanted_type = call_text(call, "AddressType");
    const char *wanted_family = call_text(call, "AddressIPVersion");
    json_t *one;

    if ((wanted_type && strcmp(wanted_type, type) != 0) ||
        (wanted_family && strcmp(wanted_family, family) != 0))
        return;
    one = json_object();
    json_put_text(one, "AddressType", type);
    json_put_text(one, "AddressIPVersion", family);
    (void)json_array_append_new(list, one);
}

static void add_resource(
    struct call *call, json_t *out, const struct node_zone *master, const struct node_zone *slave)
{
    json_t *one = json_object(), *supports = json_array();

    json_put_text(one, "MasterZoneId", master->id);
    json_put_text(one, "SlaveZoneId", slave ? slave->id : NULL);
    add_support(call, supports, "vpc", "ipv4");
    add_support(call, supports, "classic_internet", "ipv4");
    if (master->range6.addr.family != 0)
        add_support(call, supports, "vpc", "ipv6");
    if (call->node->eip_range6.addr.family != 0)
        add_support(call, supports, "classic_internet", "ipv6");
    json_put(one, "SupportResources", supports);
    if (json_array_size(supports) > 0)
        (void)json_array_append(out, one);
    json_decref(one);
}

int clb_describe_available_resource(struct call *call)
{
    const struct node_conf *node = call->node;
    json_t *out = json_array();

    for (unsigned i = 0; i < node->n_zones; i++) {
        for (unsigned j = 0; j < node->n_zones; j++)
            if (j != i)
                add_resource(call, out, &node->zones[i], &node->zones[j]);
        if (node->n_zones == 1)
            add_resource(call, out, &node->zones[i], NULL);
    }
    json_put(call->out, "AvailableResources", out);
    return 0;
}

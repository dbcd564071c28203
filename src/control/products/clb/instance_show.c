/* Instances as clients see them. */
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

static const char *status_of(const json_t *body)
{
    return json_flag(body, "Enabled", true) ? "active" : "inactive";
}

static void put_instance(struct call *call, json_t *out, const struct doc *doc)
{
    (void)json_object_update(out, doc->body);
    json_put_text(out, "LoadBalancerId", doc->id);
    json_put_text(out, "LoadBalancerStatus", status_of(doc->body));
    json_put_text(out, "RegionId", call->node->region);
    json_put_text(out, "RegionIdAlias", call->node->region);
    json_put_text(out, "InternetChargeTypeAlias", json_text(doc->body, "InternetChargeType"));
    clb_put_tags(out, doc->body);
}

int clb_describe_load_balancer_attribute(struct call *call)
{
    const struct doc *doc = clb_find_instance(call);
    json_t *ports = json_array(), *pairs = json_array(), *old_pairs = json_array();
    CLB_LIST list = {0};

    json_put(call->out, "ListenerPorts", ports);
    json_put(call->out, "ListenerPortsAndProtocol", pairs);
    json_put(call->out, "ListenerPortsAndProtocal", old_pairs);
    if (!doc)
        return -EINVAL;
    put_instance(call, call->out, doc);
    txn_users(call->txn, "clb.listener", doc->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        static const char *const members[] = {"ListenerPort", "ListenerProtocol", "Description",
            "ListenerForward", "ForwardPort", NULL};
        const json_t *body = list.docs[i]->body;
        json_t *one = json_object(), *old = json_object();

        (void)json_array_append(ports, json_object_get(body, "ListenerPort"));
        json_copy_members(one, body, members);
        (void)json_array_append_new(pairs, one);
        json_put_int(old, "ListenerPort", json_int(body, "ListenerPort", 0));
        json_put_text(old, "ListenerProtocal", json_text(body, "ListenerProtocol"));
        (void)json_array_append_new(old_pairs, old);
    }
    return 0;
}

/* --- list ------------------------------------------------------------------------------------- */

static bool is_of_ids(const struct call *call, const char *id)
{
    struct span rest = span_of(call_text(call, "LoadBalancerId")), one;

    if (rest.len == 0)
        return true;
    while (span_next(&rest, ',', &one))
        if (span_eq(one, span_of(id)))
            return true;
    return false;
}

/* Whether the instance or one of its groups has a server with that member. */
static bool has_server(
    const struct call *call, const struct doc *doc, const char *member, const char *value)
{
    static const char *const groups[] = {"clb.vserver_group", "clb.master_slave_group"};
    const json_t *servers = json_object_get(doc->body, "BackendServers");
    size_t i;
    json_t *server;

    json_array_foreach (servers, i, server)
        if (json_text_is(server, member, value))
            return true;
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        CLB_LIST list = {0};

        txn_users(call->txn, groups[g], doc->id, &list);
        for (uint32_t n = 0; n < list.n; n++)
            json_array_foreach (json_object_get(list.docs[n]->body, "Servers"), i, server)
                if (json_text_is(server, member, value))
                    return true;
    }
    return false;
}

static bool instance_is_asked_for(const struct call *call, const struct doc *doc)
{
    /* Parameters that a member of the same name must equal. */
    static const char *const members[] = {"Address", "AddressIPVersion", "AddressType",
        "InternetChargeType", "LoadBalancerName", "MasterZoneId", "PayType", "ResourceGroupId",
        "SlaveZoneId", "VSwitchId", "VpcId"};
    const char *status = call_text(call, "LoadBalancerStatus");
    const char *network = call_text(call, "NetworkType");
    const char *server = call_text(call, "ServerId");
    const char *server_ip = call_text(call, "ServerIntranetAddress");

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *wanted = call_text(call, members[i]);

        if (wanted && !json_text_is(doc->body, members[i], wanted))
            return false;
    }
    return is_of_ids(call, doc->id) && (!status || strcmp(status, status_of(doc->body)) == 0) &&
           (!network ||
               span_eq_nocase(span_of(network), span_of(json_text(doc->body, "NetworkType")))) &&
           (!server || has_server(call, doc, "ServerId", server)) &&
           (!server_ip || has_server(call, doc, "ServerIp", server_ip)) &&
           call_tags_match(call, doc->body);
}

int clb_describe_load_balancers(struct call *call)
{
    json_t *out = json_array();
    CLB_LIST list = {0};
    int r;

    json_put(call->out, "LoadBalancers", out);
    txn_list(call->txn, "clb.load_balancer", &list);
    clb_filter(call, &list, instance_is_asked_for);
    r = call_page(call, &list);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        put_instance(call, one, list.docs[i]);
        (void)json_array_append_new(out, one);
    }
    return 0;
}

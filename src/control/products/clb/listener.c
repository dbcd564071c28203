/* Listeners: created, changed, started, stopped, deleted. */
#include "control/products/clb/listener.h"

#include "control/products/clb/operations.h"

static const int64_t udp_reserved[] = {250, 4789, 4790};

/* --- which ports go together ------------------------------------------------------------------ */

static bool is_udp(const char *protocol)
{
    return strcmp(protocol, "udp") == 0;
}

/* A port number belongs to one listener, but UDP shares with the three that are on TCP. */
static int check_port(
    struct call *call, const char *instance_id, const char *protocol, int64_t port)
{
    CLB_LIST list = {0};

    for (size_t i = 0; is_udp(protocol) && i < ARRAY_LEN(udp_reserved); i++)
        if (udp_reserved[i] == port)
            return call_fail(call, "OperationDenied.SpecialListenerPortNotAllowed",
                "ListenerPort: UDP port %d is reserved.", (int)port);
    txn_users(call->txn, "clb.listener", instance_id, &list);
    if (list.n >= CLB_LISTENERS_MAX)
        return call_fail(call, "QuotaLimitExceeds.Listener",
            "Load balancer %s has %u listeners already; more are not allowed.", instance_id,
            list.n);
    for (uint32_t i = 0; i < list.n; i++) {
        const json_t *other = list.docs[i]->body;
        const char *name = json_text(other, "ListenerProtocol");

        if (json_int(other, "ListenerPort", 0) != port)
            continue;
        if (strcmp(name, protocol) == 0)
            return call_fail(call, "ListenerAlreadyExists",
                "Load balancer %s has a %s listener of port %d already.", instance_id, protocol,
                (int)port);
        if (is_udp(name) == is_udp(protocol))
            return call_fail(call, "InvalidParameter.ListenerPortConflict",
                "ListenerPort %d is taken by the %s listener of load balancer %s.", (int)port, name,
                instance_id);
    }
    return 0;
}

static int create(struct call *call, const struct listener_protocol *protocol)
{
    int64_t port = json_int(call->in, "ListenerPort", 0);
    const struct doc *instance = clb_find_instance(call);
    char id[CLB_LISTENER_LEN];
    json_t *body;
    int r;

    if (!instance)
        return -EINVAL;
    r = check_port(call, instance->id, protocol->name, port);
    if (r < 0)
        return r;
    (void)clb_listener_id(instance->id, protocol->name, port, id);
    call_resource(call, id);
    body = json_object();
    json_put_text(body, "LoadBalancerId", instance->id);
    json_put_text(body, "ListenerProtocol", protocol->name);
    json_put_int(body, "ListenerPort", port);
    json_put_flag(body, "Enabled", false);
    r = txn_add(call->txn, "clb.listener", id, body);
    if (r == 0)
        r = listener_apply(call, protocol, body, true);
    return r < 0 ? r : listener_verify(call, protocol, body, true);
}

int clb_create_tcp_listener(struct call *call)
{
    return create(call, &listener_tcp);
}

int clb_create_udp_listener(struct call *call)
{
    return create(call, &listener_udp);
}

int clb_create_http_listener(struct call *call)
{
    return create(call, &listener_http);
}

int clb_create_https_listener(struct call *call)
{
    return create(call, &listener_https);
}

/* --- change ----------------------------------------------------------------------------------- */

static int edit_listener(struct call *call, const char *protocol, json_t **ret_body)
{
    const struct doc *doc = clb_find_listener(call, protocol);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    *ret_body = txn_edit(call->txn, "clb.listener", doc->id);
    return 0;
}

static int set(struct call *call, const struct listener_protocol *protocol)
{
    json_t *body;
    int r = edit_listener(call, protocol->name, &body);

    if (r == 0)
        r = listener_apply(call, protocol, body, false);
    return r < 0 ? r : listener_verify(call, protocol, body, false);
}

int clb_set_tcp_listener(struct call *call)
{
    return set(call, &listener_tcp);
}

int clb_set_udp_listener(struct call *call)
{
    return set(call, &listener_udp);
}

int clb_set_http_listener(struct call *call)
{
    return set(call, &listener_http);
}

int clb_set_https_listener(struct call *call)
{
    return set(call, &listener_https);
}

static int enable(struct call *call, bool is_enabled)
{
    json_t *body;
    int r = edit_listener(call, NULL, &body);

    if (r == 0)
        json_put_flag(body, "Enabled", is_enabled);
    return r;
}

int clb_start_listener(struct call *call)
{
    return enable(call, true);
}

int clb_stop_listener(struct call *call)
{
    return enable(call, false);
}

/* --- deletion --------------------------------------------------------------------------------- */

void clb_remove_listener(struct call *call, const char *id)
{
    static const char *const kinds_of_listener[] = {"clb.rule", "clb.domain_extension", "clb.acl"};

    for (size_t k = 0; k < ARRAY_LEN(kinds_of_listener); k++) {
        CLB_LIST list = {0};

        txn_users(call->txn, kinds_of_listener[k], id, &list);
        for (uint32_t i = 0; i < list.n; i++)
            (void)txn_remove(call->txn, kinds_of_listener[k], list.docs[i]->id);
    }
    (void)txn_remove(call->txn, "clb.listener", id);
}

int clb_delete_listener(struct call *call)
{
    CLB_LIST list = {0};
    const struct doc *doc = clb_find_listener(call, NULL);

    if (!doc)
        return -EINVAL;
    txn_users(call->txn, "clb.listener", doc->id, &list);
    if (list.n > 0)
        return call_fail(call, "ListenerForwardExist",
            "The listener %s redirects to %s: delete it first.", list.docs[0]->id, doc->id);
    call_resource(call, doc->id);
    clb_remove_listener(call, doc->id);
    return 0;
}

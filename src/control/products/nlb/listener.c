/* Listeners of NLB. A body is made or edited first and then checked whole, so that creating and updating obey the
 * same rules. */
#include "control/products/common/common.h"
#include "control/products/nlb/nlb.h"

#define LISTENERS_PER_INSTANCE 50u
#define LISTENERS_PER_GROUP    50u

enum { IDLE_MIN_S = 10, IDLE_MAX_S = 900, UDP_IDLE_MAX_S = 90 };

/* A listener as it would be stored. All borrowed. */
struct draft {
    struct call *call;
    const char *id; /* NULL: it is new */
    json_t *body;
    const json_t *load_balancer, *group;
    bool is_udp, is_tls;
};

/* --- checks ------------------------------------------------------------------------------------ */

static bool is_range(const json_t *listener)
{
    return json_int(listener, "ListenerPort", 0) == 0;
}

static int64_t first_port(const json_t *listener)
{
    return json_int(listener, is_range(listener) ? "StartPort" : "ListenerPort", 0);
}

static int64_t last_port(const json_t *listener)
{
    return json_int(listener, is_range(listener) ? "EndPort" : "ListenerPort", 0);
}

static int check_ports(const struct draft *draft)
{
    static const char *const names[] = {"StartPort", "EndPort"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        char code[64];

        if (is_range(draft->body) == json_has(draft->body, names[i]))
            continue;
        if (!is_range(draft->body))
            return call_fail(draft->call, "IllegalParam.Port",
                "%s is for listeners whose ListenerPort is 0.", names[i]);
        (void)snprintf(code, sizeof(code), "MissingParam.%s", names[i]);
        return call_fail(
            draft->call, code, "A listener whose ListenerPort is 0 needs %s.", names[i]);
    }
    if (first_port(draft->body) < 1)
        return call_fail(draft->call, "IllegalParam.Port", "StartPort must be 1 or more.");
    if (is_range(draft->body) && first_port(draft->body) >= last_port(draft->body))
        return call_fail(draft->call, "IllegalParam.Port",
            "EndPort %lld must be greater than StartPort %lld.", (long long)last_port(draft->body),
            (long long)first_port(draft->body));
    return 0;
}

/* TCP and TCPSSL are the same to the kernel; UDP has ports of its own. */
static bool ports_collide(const struct draft *draft, const struct doc *other)
{
    if (draft->id && strcmp(other->id, draft->id) == 0)
        return false;
    if (json_text_is(other->body, "ListenerProtocol", "UDP") != draft->is_udp)
        return false;
    return first_port(draft->body) <= last_port(other->body) &&
           first_port(other->body) <= last_port(draft->body);
}

static int check_port_is_free(const struct draft *draft)
{
    struct doc_list list;
    int r = 0;

    txn_users(draft->call->txn, NLB_LISTENER, json_text(draft->body, "LoadBalancerId"), &list);
    if (!draft->id && list.n >= LISTENERS_PER_INSTANCE)
        r = call_fail(draft->call, "QuotaExceeded.QuotaInsufficient",
            "A load balancer has at most %u listeners.", LISTENERS_PER_INSTANCE);
    for (uint32_t i = 0; r == 0 && i < list.n; i++) {
        if (ports_collide(draft, list.docs[i]))
            r = call_fail(draft->call, "Conflict.Port", "Port %lld is in use by listener %s.",
                (long long)MAX(first_port(draft->body), first_port(list.docs[i]->body)),
                list.docs[i]->id);
    }
    doc_list_done(&list);
    return r;
}

static bool group_serves(const struct draft *draft)
{
    if (json_text_is(draft->group, "Protocol", "TCP_UDP"))
        return !draft->is_tls;
    return json_text_is(draft->group, "Protocol", draft->is_udp ? "UDP" : "TCP");
}

static int check_group(const struct draft *draft)
{
    const char *group_id = json_text(draft->body, "ServerGroupId");
    bool any_port = json_flag(draft->group, "AnyPortEnabled", false);

    if (!json_text_is(draft->group, "VpcId", json_text(draft->load_balancer, "VpcId")))
        return call_fail(draft->call, "Mismatch.VpcId",
            "Server group %s is in VPC %s, the load balancer in %s.", group_id,
            json_text(draft->group, "VpcId"), json_text(draft->load_balancer, "VpcId"));
    if (json_text_is(draft->group, "AddressIPVersion", "DualStack") &&
        !json_text_is(draft->load_balancer, "AddressIpVersion", "DualStack"))
        return call_fail(draft->call, "OperationDenied.NonDualStackInstance",
            "Server group %s has the AddressIPVersion DualStack; only dual-stack load balancers can use it.",
            group_id);
    if (!group_serves(draft))
        return call_fail(draft->call, "Mismatch.Protocol",
            "A %s listener cannot use server group %s of protocol %s.",
            json_text(draft->body, "ListenerProtocol"), group_id,
            json_text(draft->group, "Protocol"));
    if (is_range(draft->body) && !any_port)
        return call_fail(draft->call,
            "IllegalParam.AnyPortListenerConflictWithNonAnyPortServerGroup",
            "A listener of a range of ports needs a server group with AnyPortEnabled; %s has not.",
            group_id);
    if (!is_range(draft->body) && any_port)
        return call_fail(draft->call,
            "IllegalParam.NonAnyPortListenerConflictWithAnyPortServerGroup",
            "Server group %s has AnyPortEnabled and serves listeners of a range of ports only.",
            group_id);
    return 0;
}

static int check_group_quota(const struct draft *draft)
{
    const char *group_id = json_text(draft->body, "ServerGroupId");
    /* One that is edited counts among the users already. */
    uint32_t n_users =
        txn_count_users(draft->call->txn, NLB_LISTENER, group_id) + (draft->id ? 0 : 1);

    if (n_users <= LISTENERS_PER_GROUP)
        return 0;
    return call_fail(draft->call, "QuotaExceeded.QuotaInsufficient",
        "Server group %s is used by %u listeners already.", group_id, LISTENERS_PER_GROUP);
}

static int check_idle_timeout(const struct draft *draft)
{
    int64_t idle_s = json_int(draft->body, "IdleTimeout", 0);
    int64_t max_s = draft->is_udp ? UDP_IDLE_MAX_S : IDLE_MAX_S;

    if (idle_s >= IDLE_MIN_S && idle_s <= max_s)
        return 0;
    return call_fail(draft->call, "IllegalParam.IdleTimeout",
        "IdleTimeout of a %s listener must be %d to %lld, not %lld.",
        json_text(draft->body, "ListenerProtocol"), IDLE_MIN_S, (long long)max_s,
        (long long)idle_s);
}

static int check_options(const struct draft *draft)
{
    if (draft->is_udp && json_int(draft->body, "Mss", 0) > 0)
        return call_fail(draft->call, "IllegalParam.MssConflictWithUdpAndGeneve",
            "Mss is for TCP and TCPSSL listeners.");
    return 0;
}

/* What only TCPSSL listeners have must not be given to others. */
static int check_plain(const struct draft *draft)
{
    static const char *const switches[] = {"AlpnEnabled", "CaEnabled"};
    static const char *const lists[] = {"CertificateIds", "CaCertificateIds"};
    static const char *const texts[] = {"AlpnPolicy", "SecurityPolicyId"};
    const char *given = NULL;

    if (draft->is_tls)
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(switches); i++) {
        if (json_flag(draft->body, switches[i], false))
            given = switches[i];
        if (json_len(draft->body, lists[i]) > 0)
            given = lists[i];
        if (json_has(draft->body, texts[i]))
            given = texts[i];
    }
    if (!given)
        return 0;
    return call_fail(draft->call, "IllegalParam", "%s is for TCPSSL listeners, not for %s.", given,
        json_text(draft->body, "ListenerProtocol"));
}

static int check_alpn(const struct draft *draft)
{
    bool enabled = json_flag(draft->body, "AlpnEnabled", false);

    if (!enabled && json_has(draft->call->in, "AlpnPolicy"))
        return call_fail(draft->call, "IllegalParam", "AlpnPolicy needs AlpnEnabled.");
    if (!enabled || json_has(draft->body, "AlpnPolicy"))
        return 0;
    return call_fail(draft->call, "MissingParam.AlpnPolicy", "AlpnEnabled needs an AlpnPolicy.");
}

/* The first of a list of certificates, of that kind, under the name its document has. */
static int check_certificate(
    const struct draft *draft, const char *list, bool is_ca, const char *not_found)
{
    const json_t *ids = json_object_get(draft->body, list);
    const struct doc *doc = nlb_find_certificate(
        draft->call, json_string_value(json_array_get(ids, 0)), is_ca, not_found);

    if (!doc)
        return -EINVAL;
    json_put(draft->body, list, json_pack("[s]", doc->id));
    return 0;
}

static int check_server_certificate(const struct draft *draft)
{
    size_t n = json_len(draft->body, "CertificateIds");
    int r;

    if (!draft->is_tls)
        return 0;
    if (n == 0)
        return call_fail(draft->call, "MissingParam.Certificate",
            "A TCPSSL listener needs a certificate in CertificateIds.");
    if (n > 1)
        return call_fail(draft->call, "IllegalParamSize.certificateIds",
            "CertificateIds takes one certificate, the default; others are associated with the listener.");
    r = check_certificate(draft, "CertificateIds", false, "ResourceNotFound.Certificate");
    if (r < 0)
        return r;
    for (size_t i = 0; i < json_len(draft->body, "AdditionalCertificates"); i++) {
        const json_t *extra =
            json_array_get(json_object_get(draft->body, "AdditionalCertificates"), i);

        if (json_array_has(draft->body, "CertificateIds", json_text(extra, "CertificateId"), false))
            return call_fail(draft->call, "ResourceAlreadyAssociated.Certificate",
                "Certificate %s is an additional certificate of the listener already.",
                json_text(extra, "CertificateId"));
    }
    return 0;
}

static int check_ca_certificate(const struct draft *draft)
{
    size_t n = json_len(draft->body, "CaCertificateIds");

    if (!json_flag(draft->body, "CaEnabled", false)) {
        if (n == 0)
            return 0;
        return call_fail(draft->call, "IllegalParam", "CaCertificateIds needs CaEnabled.");
    }
    if (n != 1)
        return call_fail(draft->call, "ResourceNotEnough.CaCertificateApiCount",
            "CaEnabled needs one certificate in CaCertificateIds, not %zu.", n);
    return check_certificate(draft, "CaCertificateIds", true, "ResourceNotFound.CaCertificate");
}

static int check_security_policy(const struct draft *draft)
{
    const char *id = json_text(draft->body, "SecurityPolicyId");

    if (!id || nlb_is_security_policy(draft->call, id))
        return 0;
    return call_fail(
        draft->call, "ResourceNotFound.securitypolicy", "Security policy %s does not exist.", id);
}

static int check_listener(struct draft *draft)
{
    static int (*const checks[])(const struct draft *draft) = {check_ports, check_port_is_free,
        check_group, check_group_quota, check_idle_timeout, check_options, check_plain, check_alpn,
        check_server_certificate, check_ca_certificate, check_security_policy};
    const char *group_id = json_text(draft->body, "ServerGroupId");

    draft->is_udp = json_text_is(draft->body, "ListenerProtocol", "UDP");
    draft->is_tls = json_text_is(draft->body, "ListenerProtocol", "TCPSSL");
    draft->load_balancer =
        txn_body(draft->call->txn, NLB_LOAD_BALANCER, json_text(draft->body, "LoadBalancerId"));
    draft->group = txn_body(draft->call->txn, NLB_SERVER_GROUP, group_id);
    if (!draft->group)
        return call_fail(draft->call, "ResourceNotFound.serverGroup",
            "The server group %s does not exist.", group_id);
    for (unsigned i = 0; i < ARRAY_LEN(checks); i++) {
        int r = checks[i](draft);

        if (r < 0)
            return r;
    }
    return 0;
}

/* --- create, update ---------------------------------------------------------------------------- */

/* Those that may change later, but for ProxyProtocolV2Config. */
static const char *const settings[] = {"AlpnEnabled", "AlpnPolicy", "CaCertificateIds", "CaEnabled",
    "CertificateIds", "Cps", "IdleTimeout", "ListenerDescription", "Mss", "ProxyProtocolEnabled",
    "SecSensorEnabled", "SecurityPolicyId", "ServerGroupId", NULL};

/* Members of the request over those that hold now. */
static void merge_proxy_config(json_t *body, const json_t *given)
{
    static const char *const names[] = {
        "Ppv2PrivateLinkEpIdEnabled", "Ppv2PrivateLinkEpsIdEnabled", "Ppv2VpcIdEnabled"};
    const json_t *old = json_object_get(body, "ProxyProtocolV2Config");
    json_t *merged = json_object();

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        json_put_flag(
            merged, names[i], json_flag(given, names[i], json_flag(old, names[i], false)));
    json_put(body, "ProxyProtocolV2Config", merged);
}

static void settle_tls(json_t *body)
{
    if (json_text_is(body, "ListenerProtocol", "TCPSSL") && !json_has(body, "SecurityPolicyId"))
        json_put_text(body, "SecurityPolicyId", "tls_cipher_policy_1_0");
    /* Switched off is switched off: what was given for it before does not linger. */
    if (!json_flag(body, "AlpnEnabled", false))
        (void)json_object_del(body, "AlpnPolicy");
}

static json_t *new_body(const struct call *call)
{
    static const char *const fixed[] = {
        "LoadBalancerId", "ListenerProtocol", "ListenerPort", "StartPort", "EndPort", NULL};
    static const char *const off[] = {
        "AlpnEnabled", "CaEnabled", "ProxyProtocolEnabled", "SecSensorEnabled"};
    static const char *const none[] = {
        "AdditionalCertificates", "CaCertificateIds", "CertificateIds"};
    json_t *body = json_object();

    for (unsigned i = 0; i < ARRAY_LEN(off); i++)
        json_put_flag(body, off[i], false);
    for (unsigned i = 0; i < ARRAY_LEN(none); i++)
        json_put(body, none[i], json_array());
    json_put_int(body, "Cps", 0);
    json_put_int(body, "Mss", 0);
    json_put_flag(body, "Enabled", true);
    json_copy_members(body, call->in, fixed);
    json_put_int(body, "IdleTimeout",
        json_text_is(body, "ListenerProtocol", "UDP") ? UDP_IDLE_MAX_S : IDLE_MAX_S);
    json_copy_members(body, call->in, settings);
    merge_proxy_config(body, json_object_get(call->in, "ProxyProtocolV2Config"));
    return body;
}

int nlb_create_listener(struct call *call)
{
    struct draft draft = {.call = call};
    json_t *body;
    char id[64];
    int r;

    if (!nlb_find_load_balancer(call))
        return -EINVAL;
    body = new_body(call);
    draft.body = body;
    r = check_listener(&draft);
    if (r >= 0)
        r = call_tags(call, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    settle_tls(body);
    txn_new_id(call->txn, "lsn-", id);
    r = txn_add(call->txn, NLB_LISTENER, id, body);
    if (r < 0)
        return r;
    call_resource(call, id);
    json_put_text(call->out, "ListenerId", id);
    call_job(call, "listener");
    return 0;
}

int nlb_update_listener_attribute(struct call *call)
{
    const struct doc *doc = nlb_find_listener(call);
    struct draft draft = {.call = call};
    json_t *body;
    int r;

    if (!doc)
        return -EINVAL;
    body = txn_edit(call->txn, NLB_LISTENER, doc->id);
    json_copy_members(body, call->in, settings);
    merge_proxy_config(body, json_object_get(call->in, "ProxyProtocolV2Config"));
    /* A CA goes with its switch, unless the request itself contradicts. */
    if (!json_flag(body, "CaEnabled", false) && !json_has(call->in, "CaCertificateIds"))
        json_put(body, "CaCertificateIds", json_array());
    draft.body = body;
    draft.id = call_text(call, "ListenerId");
    r = check_listener(&draft);
    if (r < 0)
        return r;
    settle_tls(body);
    call_resource(call, draft.id);
    call_job(call, "listener");
    return 0;
}

/* --- start, stop, delete ----------------------------------------------------------------------- */

static int set_enabled(struct call *call, bool enabled)
{
    const struct doc *doc = nlb_find_listener(call);

    if (!doc)
        return -EINVAL;
    if (json_flag(doc->body, "Enabled", true) == enabled)
        return call_fail(call, "IncorrectStatus.listener", "Listener %s is %s already.", doc->id,
            enabled ? "running" : "stopped");
    json_put_flag(txn_edit(call->txn, NLB_LISTENER, doc->id), "Enabled", enabled);
    call_resource(call, call_text(call, "ListenerId"));
    call_job(call, "listener");
    return 0;
}

int nlb_start_listener(struct call *call)
{
    return set_enabled(call, true);
}

int nlb_stop_listener(struct call *call)
{
    return set_enabled(call, false);
}

int nlb_delete_listener(struct call *call)
{
    const struct doc *doc = nlb_find_listener(call);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, NLB_LISTENER, call_text(call, "ListenerId"));
    call_job(call, "listener");
    return 0;
}

/* --- answers ----------------------------------------------------------------------------------- */

static const char *status_word(struct call *call, const struct doc *doc)
{
    bool enabled = json_flag(doc->body, "Enabled", true);

    switch (call_state(call, doc, NULL)) {
    case DELIVERY_NEW:
        return "Provisioning";
    case DELIVERY_CHANGED:
        return enabled ? "Configuring" : "Stopping";
    case DELIVERY_ACTIVE:
        return enabled ? "Running" : "Stopped";
    case DELIVERY_REFUSED:
        break;
    }
    return "CreateFailed"; /* or its last change did; why is in its job */
}

static json_t *show_listener(struct call *call, const struct doc *doc)
{
    json_t *row = common_show(doc, "ListenerId");

    json_put_text(row, "ListenerStatus", status_word(call, doc));
    json_put_text(row, "RegionId", call->node->region);
    return row;
}

int nlb_get_listener_attribute(struct call *call)
{
    const struct doc *doc = nlb_find_listener(call);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    nlb_put_all(call->out, show_listener(call, doc));
    return 0;
}

static bool sensor_matches(struct call *call, const struct doc *doc)
{
    const char *sensor = call_text(call, "SecSensorEnabled");

    return !sensor ||
           json_flag(doc->body, "SecSensorEnabled", false) == (strcmp(sensor, "true") == 0);
}

int nlb_list_listeners(struct call *call)
{
    static const struct filter filters[] = {{"ListenerIds", NULL},
        {"LoadBalancerIds", "LoadBalancerId"}, {"ListenerProtocol", "ListenerProtocol"},
        {NULL, NULL}};
    static const struct listing listing = {
        .kind = NLB_LISTENER,
        .out = "Listeners",
        .filters = filters,
        .has_tags = true,
        .match = sensor_matches,
        .show = show_listener,
    };

    return common_list(call, &listing);
}

/* --- health ------------------------------------------------------------------------------------ */

/* The data plane has a group of protocol TCP_UDP twice; the second one is for UDP. */
static void checked_group_id(const json_t *listener, const json_t *group, char buf[80])
{
    bool is_twin = json_text_is(group, "Protocol", "TCP_UDP") &&
                   json_text_is(listener, "ListenerProtocol", "UDP");

    (void)snprintf(buf, 80, "%s%s", json_text(listener, "ServerGroupId"), is_twin ? ":udp" : "");
}

/* Health of the listener's one group, as an element of ServerGroupInfos. */
static json_t *group_info(struct call *call, const json_t *listener)
{
    const char *group_id = json_text(listener, "ServerGroupId");
    const json_t *group = txn_body(call->txn, NLB_SERVER_GROUP, group_id);
    bool is_checked = json_flag(json_object_get(group, "HealthCheck"), "HealthCheckEnabled", false);
    json_t *info = json_object(), *abnormal = json_array(), *server;
    char checked_id[80];
    size_t i;

    checked_group_id(listener, group, checked_id);
    json_array_foreach (json_object_get(group, "Servers"), i, server) {
        json_t *health = common_server_health(call, checked_id, is_checked, server, NULL);

        if (health)
            (void)json_array_append_new(abnormal, health);
    }
    json_put_text(info, "ServerGroupId", group_id);
    json_put_flag(info, "HeathCheckEnabled", is_checked); /* sic */
    json_put(info, "NonNormalServers", abnormal);
    return info;
}

int nlb_get_listener_health_status(struct call *call)
{
    static const char *const names[] = {"ListenerPort", "ListenerProtocol", NULL};
    const struct doc *doc = nlb_find_listener(call);
    json_t *row;

    if (!doc)
        return -EINVAL;
    row = json_object();
    json_copy_members(row, doc->body, names);
    json_put_text(row, "ListenerId", doc->id);
    json_put(row, "ServerGroupInfos", json_pack("[o]", group_info(call, doc->body)));
    json_put(call->out, "ListenerHealthStatus", json_pack("[o]", row));
    json_put_int(call->out, "TotalCount", 1);
    return 0;
}

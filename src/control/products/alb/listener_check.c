/* What a listener is set to: members taken from a request, then the whole checked. */
#include "control/products/alb/listener.h"
#include "control/products/cas/certs.h"
#include "control/products/common/common.h"

#define POLICY_LISTENERS_MAX 10u
#define ALIAS_MAX            40u

/* Whether a list of words, separated by spaces, has one. */
static bool words_have(const char *words, const char *word)
{
    struct span list = span_of(words);
    struct span one;

    while (span_next(&list, ' ', &one)) {
        if (span_eq(one, span_of(word)))
            return true;
    }
    return false;
}

/* --- X-Forwarded headers ------------------------------------------------------------------------ */

#define XFF(name) "XForwardedFor" name

/* extra: text that belongs to the switch, dropped when it is off. */
static const struct {
    const char *name;
    bool value; /* by default */
    const char *protocols;
    const char *extra;
} xff_switches[] = {
    {XFF("Enabled"), true, "HTTP HTTPS QUIC", NULL},
    {XFF("ProtoEnabled"), false, "HTTP HTTPS QUIC", NULL},
    {XFF("SLBIdEnabled"), false, "HTTP HTTPS QUIC", NULL},
    {XFF("SLBPortEnabled"), false, "HTTP HTTPS QUIC", NULL},
    {XFF("HostEnabled"), false, "HTTP HTTPS QUIC", NULL},
    {XFF("ClientSrcPortEnabled"), false, "HTTP HTTPS", NULL},
    {XFF("ClientSourceIpsEnabled"), false, "HTTP HTTPS", XFF("ClientSourceIpsTrusted")},
    {XFF("ClientCertSubjectDNEnabled"), false, "HTTPS", XFF("ClientCertSubjectDNAlias")},
    {XFF("ClientCertIssuerDNEnabled"), false, "HTTPS", XFF("ClientCertIssuerDNAlias")},
    {XFF("ClientCertFingerprintEnabled"), false, "HTTPS", XFF("ClientCertFingerprintAlias")},
    {XFF("ClientCertClientVerifyEnabled"), false, "HTTPS", XFF("ClientCertClientVerifyAlias")},
};

static bool is_alias(const char *alias)
{
    size_t len = strlen(alias);

    return len >= 1 && len <= ALIAS_MAX &&
           strspn(alias, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* Addresses and CIDRs separated by semicolons. */
static bool is_trusted_list(const char *text)
{
    struct span list = span_of(text);
    struct span one;
    struct addr addr;
    struct cidr cidr;

    while (span_next(&list, ';', &one)) {
        if (addr_parse_ip(one, &addr) < 0 && cidr_parse(one, &cidr) < 0)
            return false;
    }
    return true;
}

static int check_xff_extra(
    struct call *call, const char *name, const char *extra, const char *value)
{
    if (strstr(extra, "Alias")) {
        if (!value || is_alias(value))
            return 0;
        return call_fail(call, "InvalidParameter",
            "%s %.60s must have 1 to 40 lower-case letters, digits, '-' and '_'.", extra, value);
    }
    if (!value)
        return call_fail(call, "MissingParameter", "%s needs %s.", name, extra);
    if (is_trusted_list(value))
        return 0;
    return call_fail(call, "InvalidParameter",
        "%s %.200s must be addresses and CIDRs, separated by semicolons.", extra, value);
}

static int check_xff(struct call *call, const json_t *given, const json_t *body)
{
    json_t *config = json_object_get(body, "XForwardedForConfig");
    const char *protocol = json_text(body, "ListenerProtocol");

    for (size_t i = 0; i < ARRAY_LEN(xff_switches); i++) {
        const char *name = xff_switches[i].name;
        const char *extra = xff_switches[i].extra;
        bool is_on = json_flag(config, name, false);
        int r = 0;

        if (is_on && !words_have(xff_switches[i].protocols, protocol))
            return call_fail(call, "InvalidParameter", "%s is not for listeners of protocol %s.",
                name, protocol);
        if (!extra)
            continue;
        if (!is_on && json_has(given, extra))
            return call_fail(
                call, "InvalidParameter", "%s can only be given when %s is true.", extra, name);
        if (is_on)
            r = check_xff_extra(call, name, extra, json_text(config, extra));
        else
            (void)json_object_del(config, extra);
        if (r < 0)
            return r;
    }
    if (json_flag(config, XFF("ClientSourceIpsEnabled"), false))
        return alb_need_standard(
            call, alb_instance_of(call, body), "ClientSourceIps", XFF("ClientSourceIpsEnabled"));
    return 0;
}

static void set_xff(json_t *given, json_t *body)
{
    static const char member[] = "XForwardedForConfig";
    json_t *config = json_object_get(body, member);

    if (!config) {
        config = json_object();
        json_put(body, member, config);
        for (size_t i = 0; i < ARRAY_LEN(xff_switches); i++)
            json_put_flag(config, xff_switches[i].name, xff_switches[i].value);
        json_put_text(config, XFF("ProcessingMode"), "append");
    }
    if (given)
        (void)json_object_update(config, given);
}

/* --- TLS ---------------------------------------------------------------------------------------- */

/* Parameters that only some protocols have. A switch that is given as false says what is true anyway. */
static const struct {
    const char *param, *protocols;
} only_for[] = {
    {"Certificates", "HTTPS QUIC"},
    {"CaCertificates", "HTTPS"},
    {"CaEnabled", "HTTPS"},
    {"SecurityPolicyId", "HTTPS"},
    {"Http2Enabled", "HTTPS"},
    {"QuicConfig", "HTTPS"},
};

static bool says_no(const json_t *value)
{
    return json_is_false(value) ||
           (json_is_object(value) && !json_flag(value, "QuicUpgradeEnabled", false));
}

static int check_params(struct call *call, const char *protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(only_for); i++) {
        const json_t *value = json_object_get(call->in, only_for[i].param);

        if (value && !says_no(value) && !words_have(only_for[i].protocols, protocol))
            return call_fail(call, "InvalidParameter", "%s is not for listeners of protocol %s.",
                only_for[i].param, protocol);
    }
    return 0;
}

int listener_take_certificates(
    struct call *call, const json_t *given, bool is_ca, json_t **ret_list)
{
    json_t *list = json_array();
    const json_t *element;
    size_t i;

    json_array_foreach (given, i, element) {
        const char *id = json_text(element, "CertificateId") ?: "";
        const struct doc *doc = certs_find(call->txn, call->node, id);
        json_t *taken;

        if (!doc || certs_is_ca(doc) != is_ca) {
            json_decref(list);
            if (!doc)
                return call_fail(
                    call, "ResourceNotFound.Certificate", "The certificate %s does not exist.", id);
            return call_fail(call, "InvalidParameter", "The certificate %s is %s CA certificate.",
                id, is_ca ? "not a" : "a");
        }
        taken = json_object();
        json_put_text(taken, "CertificateId", doc->id);
        (void)json_array_append_new(list, taken);
    }
    *ret_list = list;
    return 0;
}

static int set_certificates(struct call *call, json_t *body, const char *member, bool is_ca)
{
    const json_t *given = json_object_get(call->in, member);
    json_t *list;
    int r = given ? listener_take_certificates(call, given, is_ca, &list) : 0;

    if (given && r == 0)
        json_put(body, member, list);
    return r;
}

static int check_policy(struct call *call, const json_t *body)
{
    const char *policy = json_text(body, "SecurityPolicyId");

    if (!json_has(call->in, "SecurityPolicyId") || tls_is_system_policy(policy))
        return 0;
    if (!txn_get(call->txn, ALB_SECURITY_POLICY, policy))
        return call_fail(call, "ResourceNotFound.SecurityPolicy",
            "The security policy %s does not exist.", policy);
    if (txn_count_users(call->txn, ALB_LISTENER, policy) > POLICY_LISTENERS_MAX)
        return call_fail(call, "ResourceQuotaExceeded.SecurityPolicyAttachedNum",
            "The security policy %s is used by %u listeners, the most there may be.", policy,
            POLICY_LISTENERS_MAX);
    return alb_need_standard(
        call, alb_instance_of(call, body), "SecurityPolicy", "A security policy of one's own");
}

static int check_client_ca(struct call *call, const json_t *body)
{
    bool is_on = json_flag(body, "CaEnabled", false);
    size_t n = json_len(body, "CaCertificates");

    if (is_on && n == 0)
        return call_fail(call, "MissingParameter", "CaEnabled needs CaCertificates.");
    if (!is_on && json_has(call->in, "CaCertificates"))
        return call_fail(
            call, "InvalidParameter", "CaCertificates can only be given when CaEnabled is true.");
    return is_on ? alb_need_standard(call, alb_instance_of(call, body), "CaEnabled",
                       "Verification of client certificates")
                 : 0;
}

static int check_quic(struct call *call, const char *id, const json_t *body)
{
    const json_t *config = json_object_get(body, "QuicConfig");
    const char *quic_id = json_text(config, "QuicListenerId");
    const json_t *quic;
    struct doc_list users;
    bool taken = false;

    if (!json_flag(config, "QuicUpgradeEnabled", false))
        return quic_id && json_has(json_object_get(call->in, "QuicConfig"), "QuicListenerId")
                   ? call_fail(call, "InvalidParameter",
                         "QuicListenerId can only be given when QuicUpgradeEnabled is true.")
                   : 0;
    if (!quic_id)
        return call_fail(
            call, "MissingParameter", "QuicUpgradeEnabled needs QuicConfig.QuicListenerId.");
    quic = txn_body(call->txn, ALB_LISTENER, quic_id);
    if (!quic)
        return call_fail(
            call, "ResourceNotFound.Listener", "The QUIC listener %s does not exist.", quic_id);
    if (!json_text_is(quic, "ListenerProtocol", "QUIC"))
        return call_fail(
            call, "InvalidParameter", "The listener %s is not a QUIC listener.", quic_id);
    if (!json_text_is(quic, "LoadBalancerId", json_text(body, "LoadBalancerId")))
        return call_fail(call, "OperationDenied.CrossLoadBalancerQUICListener",
            "The QUIC listener %s belongs to another instance.", quic_id);
    txn_users(call->txn, ALB_LISTENER, quic_id, &users);
    for (uint32_t i = 0; i < users.n; i++)
        taken |= !id || strcmp(users.docs[i]->id, id) != 0;
    doc_list_done(&users);
    return taken ? call_fail(call, "ResourceAlreadyAssociated.Listener",
                       "The QUIC listener %s is used by another listener.", quic_id)
                 : 0;
}

static int set_tls(struct call *call, const char *id, json_t *body)
{
    static const char *const copied[] = {
        "SecurityPolicyId", "Http2Enabled", "CaEnabled", "QuicConfig", NULL};
    bool is_https = json_text_is(body, "ListenerProtocol", "HTTPS");
    int r = set_certificates(call, body, "Certificates", false);

    if (r == 0 && json_len(body, "Certificates") == 0)
        return call_fail(call, "MissingParameter", "A listener of protocol %s needs Certificates.",
            json_text(body, "ListenerProtocol"));
    if (r < 0 || !is_https)
        return r;
    json_copy_members(body, call->in, copied);
    if (!json_flag(body, "CaEnabled", false))
        json_put(body, "CaCertificates", json_array());
    else
        r = set_certificates(call, body, "CaCertificates", true);
    if (r == 0)
        r = check_client_ca(call, body);
    if (r == 0)
        r = check_policy(call, body);
    if (r == 0)
        r = check_quic(call, id, body);
    if (r == 0 && !json_flag(json_object_get(body, "QuicConfig"), "QuicUpgradeEnabled", false))
        (void)json_object_del(json_object_get(body, "QuicConfig"), "QuicListenerId");
    return r;
}

/* --- the default action ------------------------------------------------------------------------- */

static int check_default(struct call *call, const json_t *body, bool is_new)
{
    const json_t *actions = json_object_get(body, "DefaultActions");
    const json_t *action = json_array_get(actions, 0);
    const json_t *tuples =
        json_object_get(json_object_get(action, "ForwardGroupConfig"), "ServerGroupTuples");
    struct alb_group_use use = {
        .load_balancer = alb_instance_of(call, body),
        .listener = body,
        .group_id = json_text(json_array_get(tuples, 0), "ServerGroupId"),
        .protocol_code = "OperationDenied.ServerGroupProtocolNotSupport",
        .is_new = is_new,
    };

    if (json_array_size(actions) != 1 || json_array_size(tuples) != 1 ||
        !json_text_is(action, "Type", "ForwardGroup"))
        return call_fail(call, "InvalidParameter",
            "DefaultActions must be one action of Type ForwardGroup with one server group.");
    return alb_check_group_use(call, &use);
}

static bool speaks_grpc(struct call *call, const json_t *rule)
{
    const json_t *action, *tuple;
    size_t i, at;

    json_array_foreach (json_object_get(rule, "RuleActions"), i, action) {
        const json_t *forward = json_object_get(action, "ForwardGroupConfig");

        json_array_foreach (json_object_get(forward, "ServerGroupTuples"), at, tuple) {
            const char *id = json_text(tuple, "ServerGroupId");

            if (json_text_is(txn_body(call->txn, ALB_SERVER_GROUP, id), "Protocol", "gRPC"))
                return true;
        }
    }
    return false;
}

/* Rules that were made while HTTP/2 was on. */
static int check_rules(struct call *call, const char *id, const json_t *body)
{
    struct doc_list rules;
    int r = 0;

    if (!id || json_flag(body, "Http2Enabled", true))
        return 0;
    txn_users(call->txn, ALB_RULE, id, &rules);
    for (uint32_t i = 0; i < rules.n && r == 0; i++) {
        if (speaks_grpc(call, rules.docs[i]->body))
            r = call_fail(call, "OperationDenied.GRPCServerGroup",
                "The rule %s forwards to a gRPC server group; its listener needs Http2Enabled.",
                rules.docs[i]->id);
    }
    doc_list_done(&rules);
    return r;
}

int listener_set(struct call *call, const char *id, json_t *body)
{
    static const char *const copied[] = {"ListenerDescription", "IdleTimeout", "RequestTimeout",
        "GzipEnabled", "DefaultActions", NULL};
    const char *protocol = json_text(body, "ListenerProtocol");
    json_t *xff = json_object_get(call->in, "XForwardedForConfig");
    int r = check_params(call, protocol);

    if (r < 0)
        return r;
    json_copy_members(body, call->in, copied);
    set_xff(xff, body);
    r = check_xff(call, xff, body);
    if (r == 0 && strcmp(protocol, "HTTP") != 0)
        r = set_tls(call, id, body);
    if (r == 0)
        r = check_rules(call, id, body);
    if (r == 0)
        r = check_default(call, body, !id || json_has(call->in, "DefaultActions"));
    return r;
}

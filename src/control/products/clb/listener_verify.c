/* Whether the settings of a listener hold together. Each check reads the body as it would be
 * stored, so that creation and change share them. */
#include "control/products/cas/certs.h"
#include "control/products/clb/listener.h"
#include "control/products/common/common.h"

static bool is_on(const json_t *body, const char *member)
{
    return json_text_is(body, member, "on");
}

/* --- groups ----------------------------------------------------------------------------------- */

static int check_group(struct call *call, const json_t *body, const char *kind, const char *member,
    const char *code, const char *word)
{
    const char *id = json_text(body, member);
    const json_t *group = id ? txn_body(call->txn, kind, id) : NULL;

    if (!id)
        return 0;
    /* A group belongs to one instance; those of others are as good as none. */
    if (!group || !json_text_is(group, "LoadBalancerId", json_text(body, "LoadBalancerId")))
        return call_fail(call, code, "The specified %s does not exist in load balancer %s: %s.",
            word, json_text(body, "LoadBalancerId"), id);
    return 0;
}

static int verify_groups(
    struct call *call, const struct listener_protocol *protocol, const json_t *body)
{
    int r = check_group(
        call, body, "clb.vserver_group", "VServerGroupId", protocol->no_group, "VServerGroupId");

    if (r == 0)
        r = check_group(call, body, "clb.master_slave_group", "MasterSlaveServerGroupId",
            "InvalidParameter", "MasterSlaveGroupId");
    if (r < 0)
        return r;
    if (!json_has(body, "VServerGroupId") && !json_has(body, "MasterSlaveServerGroupId") &&
        !json_has(body, "BackendServerPort") && !is_on(body, "ListenerForward"))
        return call_fail(call, "MissingParameter",
            "BackendServerPort is required for a listener without VServerGroupId%s.",
            protocol->is_http ? "" : " or MasterSlaveServerGroupId");
    if (json_has(body, "MasterSlaveServerGroupId") && json_text_is(body, "HealthCheck", "off"))
        return call_fail(call, "OperationDenied.HealthCheckClosedForMasterSlaveMode",
            "A primary/secondary group needs its health check: HealthCheckSwitch cannot be off.");
    return 0;
}

/* --- access control --------------------------------------------------------------------------- */

static int check_acl(
    struct call *call, const json_t *body, const char *listener, const char *id, json_t *seen)
{
    const json_t *acl = txn_body(call->txn, "clb.acl", id);
    const json_t *instance =
        txn_body(call->txn, "clb.load_balancer", json_text(body, "LoadBalancerId"));
    uint32_t n_users;
    size_t i;
    json_t *entry;

    if (!acl)
        return call_fail(call, "AclNotExist", "The access control list %s does not exist.", id);
    if (!json_text_is(acl, "AddressIPVersion", json_text(instance, "AddressIPVersion")))
        return call_fail(call, "IpVersionConflict",
            "The access control list %s is for %s, the load balancer for %s.", id,
            json_text(acl, "AddressIPVersion"), json_text(instance, "AddressIPVersion"));
    n_users = txn_count_users(call->txn, "clb.listener", id);
    if (n_users > CLB_ACL_USERS_MAX)
        return call_fail(call, "AclListenerOverLimit",
            "The access control list %s cannot serve more than %u listeners; %s would be the next.",
            id, CLB_ACL_USERS_MAX, listener);
    json_array_foreach (json_object_get(acl, "AclEntrys"), i, entry) {
        const char *ip = json_text(entry, "AclEntryIP");

        if (json_has(seen, ip))
            return call_fail(call, "Duplicated.AclEntry",
                "The entry %s is in two access control lists of the listener.", ip);
        json_put_flag(seen, ip, true);
    }
    return 0;
}

int clb_check_acls(struct call *call, const json_t *body)
{
    const json_t *ids = json_object_get(body, "AclIds");
    char listener[CLB_LISTENER_LEN];
    json_t *seen, *id;
    size_t i, n;
    int r = 0;

    if (!is_on(body, "AclStatus"))
        return 0;
    if (!json_has(body, "AclType") || json_array_size(ids) == 0)
        return call_fail(
            call, "MissingParameter", "AclId and AclType are required when AclStatus is on.");
    if (json_array_size(ids) > CLB_ACLS_MAX)
        return call_fail(call, "QuotaLimitExceeds.AclAttachedToListener",
            "A listener has at most %u access control lists, not %zu.", CLB_ACLS_MAX,
            json_array_size(ids));
    (void)clb_listener_id(json_text(body, "LoadBalancerId"), json_text(body, "ListenerProtocol"),
        json_int(body, "ListenerPort", 0), listener);
    seen = json_object();
    json_array_foreach (ids, i, id) {
        r = check_acl(call, body, listener, json_string_value(id), seen);
        if (r < 0)
            break;
    }
    n = json_object_size(seen);
    json_decref(seen);
    if (r == 0 && n > CLB_ACL_ENTRIES_MAX)
        r = call_fail(call, "QuotaLimitExceeds.TotalAclEntry",
            "The access control lists of a listener have at most %u entries, not %zu.",
            CLB_ACL_ENTRIES_MAX, n);
    return r;
}

/* --- health checks ---------------------------------------------------------------------------- */

int clb_check_health(struct call *call, const json_t *body)
{
    const char *path = json_text(body, "HealthCheckURI");
    const char *domain = json_text(body, "HealthCheckDomain");
    char buf[256];

    if (path && !clb_path_is(path))
        return call_fail(call, "InvalidParameter",
            "HealthCheckURI \"%s\" must begin with a slash; letters, digits and - / . %% ? # & _ = "
            "may follow.",
            path);
    if (domain && *domain && strcmp(domain, "$_ip") != 0 &&
        (!clb_domain(domain, buf) || strchr(domain, '*')))
        return call_fail(call, "InvalidParameter",
            "HealthCheckDomain \"%s\" must be $_ip or a host name.", domain);
    return 0;
}

static int check_udp_text(
    struct call *call, const json_t *body, const char *member, const char *code)
{
    const char *text = json_text(body, member);

    for (const char *c = text; text && *c; c++)
        if ((unsigned char)*c >= 0x80)
            return call_fail(call, code, "%s may have only ASCII letters and digits.", member);
    if (text && !clb_text_is(text, ""))
        return call_fail(call, code, "%s may have only letters and digits.", member);
    return 0;
}

static int verify_layer4(struct call *call, const json_t *body)
{
    int r = check_udp_text(call, body, "HealthCheckReq", "InvalidParam.HealthCheckReq");

    if (r == 0)
        r = check_udp_text(call, body, "HealthCheckExp", "InvalidParam.HealthCheckExp");
    if (r < 0)
        return r;
    if (is_on(body, "ConnectionDrain") && !json_has(body, "ConnectionDrainTimeout"))
        return call_fail(call, "MissingParameter",
            "ConnectionDrainTimeout is required when ConnectionDrain is on.");
    return 0;
}

/* --- layer 7 ---------------------------------------------------------------------------------- */

static int check_cookie_name(struct call *call, const char *cookie)
{
    bool is_plain = true;

    for (const char *c = cookie; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == ',' || *c == ';')
            is_plain = false;
    if (!is_plain || *cookie == '$' || !clb_text_is(cookie, "!#$%&'*+-.^_`|~"))
        return call_fail(call, "InvalidParameter",
            "Cookie \"%s\" must be ASCII without commas, semicolons and spaces, and not begin with $.",
            cookie);
    return 0;
}

int clb_check_sticky(struct call *call, const json_t *body)
{
    const char *cookie = json_text(body, "Cookie");

    if (cookie) {
        int r = check_cookie_name(call, cookie);

        if (r < 0)
            return r;
    }
    if (!is_on(body, "StickySession"))
        return 0;
    if (!json_has(body, "StickySessionType"))
        return call_fail(
            call, "MissingParameter", "StickySessionType is required when StickySession is on.");
    if (json_text_is(body, "StickySessionType", "insert") && !json_has(body, "CookieTimeout"))
        return call_fail(call, "MissingParameter",
            "CookieTimeout is required when StickySessionType is insert.");
    if (json_text_is(body, "StickySessionType", "server") && !cookie)
        return call_fail(
            call, "MissingParameter", "Cookie is required when StickySessionType is server.");
    return 0;
}

static int check_forward(struct call *call, json_t *body)
{
    char key[CLB_LISTENER_LEN];

    if (!is_on(body, "ListenerForward"))
        return 0;
    if (!json_has(body, "ForwardPort"))
        json_put_int(body, "ForwardPort", 443);
    (void)clb_listener_id(
        json_text(body, "LoadBalancerId"), "https", json_int(body, "ForwardPort", 0), key);
    if (!txn_get(call->txn, "clb.listener", key))
        return call_fail(call, "ListenerForwardNotSupport",
            "ForwardPort %d: load balancer %s has no https listener of that port to redirect to.",
            (int)json_int(body, "ForwardPort", 0), json_text(body, "LoadBalancerId"));
    json_put_text(body, "ForwardKey", key);
    return 0;
}

static int check_certificate(struct call *call, json_t *body, const char *member, bool is_ca)
{
    const char *id = json_text(body, member);
    const struct doc *doc;

    if (id && !*id) { /* "" takes it away */
        (void)json_object_del(body, member);
        return 0;
    }
    if (!id)
        return 0;
    doc = certs_find(call->txn, call->node, id);
    if (!doc)
        return call_fail(
            call, "CertificateNotExist", "%s: the certificate %s does not exist.", member, id);
    if (certs_is_ca(doc) != is_ca)
        return call_fail(call, "CertificateTypeMismatched", "%s: the certificate %s is a %s.",
            member, id, is_ca ? "server's, not a CA's" : "CA's, not a server's");
    json_put_text(body, member, doc->id);
    return 0;
}

static int check_policy(struct call *call, const char *policy)
{
    if (!tls_is_system_policy(policy) && !txn_get(call->txn, "clb.tls_policy", policy))
        return call_fail(
            call, "InvalidTLSPolicyId.NotExist", "The TLS policy %s does not exist.", policy);
    return 0;
}

static int verify_https(struct call *call, json_t *body)
{
    int r;

    if (!json_has(body, "ServerCertificateId"))
        return call_fail(
            call, "MissingParameter", "ServerCertificateId is required for an https listener.");
    r = check_certificate(call, body, "ServerCertificateId", false);
    if (r == 0 && !json_has(body, "ServerCertificateId"))
        r = call_fail(call, "MissingParameter", "ServerCertificateId may not be empty.");
    if (r == 0)
        r = check_certificate(call, body, "CACertificateId", true);
    return r < 0 ? r : check_policy(call, json_text(body, "TLSCipherPolicy"));
}

static int verify_layer7(struct call *call, const struct listener_protocol *protocol, json_t *body)
{
    int r = clb_check_sticky(call, body);

    if (r == 0)
        r = check_forward(call, body);
    if (r == 0 && protocol == &listener_https)
        r = verify_https(call, body);
    return r;
}

/* --- bandwidth -------------------------------------------------------------------------------- */

int clb_check_bandwidth(struct call *call, const char *instance_id)
{
    const json_t *instance = txn_body(call->txn, "clb.load_balancer", instance_id);
    int64_t limit = json_int(instance, "Bandwidth", -1), sum = 0;
    CLB_LIST list = {0};

    if (limit <= 0)
        return 0;
    txn_users(call->txn, "clb.listener", instance_id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        sum += MAX(json_int(list.docs[i]->body, "Bandwidth", -1), (int64_t)0);
    if (sum > limit)
        return call_fail(call, "InvalidParameter",
            "Bandwidth: the listeners of load balancer %s would have %d Mbit/s, more than its %d.",
            instance_id, (int)sum, (int)limit);
    return 0;
}

static int verify_bandwidth(struct call *call, const json_t *body)
{
    if (json_int(body, "Bandwidth", -1) == 0)
        return call_fail(
            call, "InvalidParameter", "Bandwidth must be -1 (no limit) or 1 to 5120, not 0.");
    return clb_check_bandwidth(call, json_text(body, "LoadBalancerId"));
}

int listener_verify(
    struct call *call, const struct listener_protocol *protocol, json_t *body, bool is_new)
{
    int r = clb_check_name(call, "InvalidParameter", "Description");

    if (r == 0)
        r = verify_groups(call, protocol, body);
    if (r == 0)
        r = verify_bandwidth(call, body);
    if (r == 0)
        r = clb_check_acls(call, body);
    if (r == 0)
        r = clb_check_health(call, body);
    if (r == 0)
        r = protocol->is_http ? verify_layer7(call, protocol, body) : verify_layer4(call, body);
    if (r == 0 && is_new)
        r = call_tags(call, body);
    return r;
}

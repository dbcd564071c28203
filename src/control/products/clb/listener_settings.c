/* What listeners of each protocol can be told, and how it gets into their documents. */
#include "control/products/clb/listener.h"

#define COMMON                                                                            \
    "Bandwidth", "Scheduler", "Description", "AclStatus", "AclType", "BackendServerPort", \
        "HealthCheckConnectPort", "HealthyThreshold", "UnhealthyThreshold", "HealthCheckInterval"
#define HEADERS                                                                           \
    "XForwardedFor", "XForwardedFor_proto", "XForwardedFor_SLBIP", "XForwardedFor_SLBID", \
        "XForwardedFor_SLBPORT", "XForwardedFor_ClientSrcPort"
#define STICKY     "StickySession", "StickySessionType", "CookieTimeout", "Cookie"
#define HTTP_CHECK "HealthCheckDomain", "HealthCheckURI", "HealthCheckHttpCode"
#define LAYER7                                                                                     \
    COMMON, HEADERS, STICKY, HTTP_CHECK, "HealthCheck", "HealthCheckTimeout", "HealthCheckMethod", \
        "IdleTimeout", "RequestTimeout", "Gzip"
#define LAYER4 COMMON, "HealthCheckConnectTimeout", "ProxyProtocolV2Enabled"

/* Of creation only: what Set... calls have of it must be what it is. */
static const char *const fixed[] = {"BackendServerPort", "ListenerForward", "ForwardPort", NULL};

static const struct listener_alias layer4_aliases[] = {
    {"HealthCheckSwitch", "HealthCheck"},
    {"healthCheckInterval", "HealthCheckInterval"},
    {"healthCheckReq", "HealthCheckReq"},
    {"healthCheckExp", "HealthCheckExp"},
    {NULL, NULL},
};
static const struct listener_alias no_aliases[] = {{NULL, NULL}};

static const struct listener_default common_defaults[] = {
    {"Bandwidth", NULL, -1},
    {"Scheduler", "wrr", 0},
    {"AclStatus", "off", 0},
    {"HealthyThreshold", NULL, 3},
    {"UnhealthyThreshold", NULL, 3},
    {NULL, NULL, 0},
};

static const struct listener_default tcp_defaults[] = {
    {"HealthCheck", "on", 0},
    {"HealthCheckConnectTimeout", NULL, 5},
    {"HealthCheckInterval", NULL, 2},
    {"HealthCheckType", "tcp", 0},
    {"HealthCheckURI", "/", 0},
    {"HealthCheckHttpCode", "http_2xx", 0},
    {"HealthCheckMethod", "get", 0},
    {"EstablishedTimeout", NULL, 900},
    {"PersistenceTimeout", NULL, 0},
    {"ConnectionDrain", "off", 0},
    {NULL, NULL, 0},
};

static const struct listener_default udp_defaults[] = {
    {"HealthCheck", "on", 0},
    {"HealthCheckConnectTimeout", NULL, 10},
    {"HealthCheckInterval", NULL, 5},
    {NULL, NULL, 0},
};

static const struct listener_default layer7_defaults[] = {
    {"HealthCheckTimeout", NULL, 5},
    {"HealthCheckInterval", NULL, 2},
    {"HealthCheckURI", "/", 0},
    {"HealthCheckHttpCode", "http_2xx", 0},
    {"HealthCheckMethod", "head", 0},
    {"IdleTimeout", NULL, 15},
    {"RequestTimeout", NULL, 60},
    {"Gzip", "off", 0},
    {"StickySession", "off", 0},
    {"XForwardedFor", "on", 0},
    {"XForwardedFor_proto", "off", 0},
    {"XForwardedFor_SLBIP", "off", 0},
    {"XForwardedFor_SLBID", "off", 0},
    {"XForwardedFor_SLBPORT", "off", 0},
    {"XForwardedFor_ClientSrcPort", "off", 0},
    {NULL, NULL, 0},
};

static const struct listener_default http_defaults[] = {
    {"ListenerForward", "off", 0},
    {NULL, NULL, 0},
};

static const struct listener_default https_defaults[] = {
    {"EnableHttp2", "on", 0},
    {"TLSCipherPolicy", "tls_cipher_policy_1_0", 0},
    {NULL, NULL, 0},
};

const struct listener_protocol listener_tcp = {
    .name = "tcp",
    .config = "TCPListenerConfig",
    .no_group = "ResourceNotFound.VServerGroup",
    .settings = (const char *const[]){LAYER4, HTTP_CHECK, "HealthCheckType", "EstablishedTimeout",
        "PersistenceTimeout", "ConnectionDrain", "ConnectionDrainTimeout", NULL},
    .aliases = layer4_aliases,
    .defaults = {common_defaults, tcp_defaults},
};

const struct listener_protocol listener_udp = {
    .name = "udp",
    .config = "UDPListenerConfig",
    .no_group = "ResourceNotFound.VServerGroup",
    .settings = (const char *const[]){LAYER4, NULL},
    .aliases = layer4_aliases,
    .defaults = {common_defaults, udp_defaults},
};

const struct listener_protocol listener_http = {
    .name = "http",
    .config = "HTTPListenerConfig",
    .is_http = true,
    .no_group = "InvalidParameter.VServerGroupId",
    .settings = (const char *const[]){LAYER7, "ListenerForward", "ForwardPort", NULL},
    .aliases = no_aliases,
    .defaults = {common_defaults, layer7_defaults, http_defaults},
};

const struct listener_protocol listener_https = {
    .name = "https",
    .config = "HTTPSListenerConfig",
    .is_http = true,
    .no_group = "InvalidParameter.VServerGroupId",
    .settings = (const char *const[]){LAYER7, "ServerCertificateId", "CACertificateId",
        "TLSCipherPolicy", "EnableHttp2", NULL},
    .aliases = no_aliases,
    .defaults = {common_defaults, layer7_defaults, https_defaults},
};

const struct listener_protocol *listener_protocol_find(const char *name)
{
    static const struct listener_protocol *const all[] = {
        &listener_tcp, &listener_udp, &listener_http, &listener_https};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (name && strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

/* --- what the call says ----------------------------------------------------------------------- */

static int check_fixed(struct call *call, const json_t *body)
{
    for (const char *const *name = fixed; *name; name++) {
        const json_t *asked = json_object_get(call->in, *name);

        if (asked && !json_equal(asked, json_object_get(body, *name)))
            return call_fail(call, "InvalidParameter",
                "%s is decided when a listener is created and cannot be changed.", *name);
    }
    return 0;
}

static void put_defaults(json_t *body, const struct listener_default *rows)
{
    for (const struct listener_default *row = rows; row->member; row++) {
        if (json_has(body, row->member))
            continue;
        if (row->text)
            json_put_text(body, row->member, row->text);
        else
            json_put_int(body, row->member, row->value);
    }
}

/* One kind of group: the switch of Set... calls ("VServerGroup"), the id, and the other kind's
 * id, which it replaces. */
static int apply_group(
    struct call *call, json_t *body, const char *toggle, const char *param, const char *other)
{
    const char *id = call_text(call, param);

    if (json_text_is(call->in, toggle, "off")) {
        (void)json_object_del(body, param);
        return 0;
    }
    if (!id && json_text_is(call->in, toggle, "on"))
        return call_fail(
            call, "MissingParam.VServerGroupId", "%s is required when %s is on.", param, toggle);
    if (!id || !*id)
        return 0;
    json_put_text(body, param, id);
    (void)json_object_del(body, other);
    return 0;
}

static int apply_groups(struct call *call, json_t *body)
{
    const char *vserver = call_text(call, "VServerGroupId");
    const char *pair = call_text(call, "MasterSlaveServerGroupId");
    int r;

    if (vserver && *vserver && pair && *pair)
        return call_fail(call, "Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch",
            "A listener has one server group: VServerGroupId or MasterSlaveServerGroupId, not both.");
    r = apply_group(call, body, "VServerGroup", "VServerGroupId", "MasterSlaveServerGroupId");
    if (r < 0)
        return r;
    return apply_group(
        call, body, "MasterSlaveServerGroup", "MasterSlaveServerGroupId", "VServerGroupId");
}

/* AclId may be several ids with commas between them; they count only while AclStatus is on. */
static void apply_acls(struct call *call, json_t *body)
{
    struct span rest = span_of(call_text(call, "AclId")), id;
    json_t *ids;

    if (json_text_is(body, "AclStatus", "off")) {
        (void)json_object_del(body, "AclIds");
        (void)json_object_del(body, "AclType");
        return;
    }
    if (rest.len == 0)
        return;
    ids = json_array();
    while (span_next(&rest, ',', &id))
        (void)json_array_append_new(ids, json_stringn(id.ptr, id.len));
    json_put(body, "AclIds", ids);
}

int listener_apply(
    struct call *call, const struct listener_protocol *protocol, json_t *body, bool is_new)
{
    int r = is_new ? 0 : check_fixed(call, body);

    if (r < 0)
        return r;
    json_copy_members(body, call->in, protocol->settings);
    for (const struct listener_alias *row = protocol->aliases; row->param; row++)
        if (json_has(call->in, row->param))
            json_put(body, row->member, json_incref(json_object_get(call->in, row->param)));
    for (size_t i = 0; is_new && i < ARRAY_LEN(protocol->defaults) && protocol->defaults[i]; i++)
        put_defaults(body, protocol->defaults[i]);
    apply_acls(call, body);
    return apply_groups(call, body);
}

/* A CLB instance with its listeners, rules and groups.
 *
 * A group's scheduler, persistence and health check are settings of the listener (or of a rule that does not follow its
 * listener), so a group is compiled once for each listener that uses it. Refusals of such a group belong to the
 * listener, or to the rule; only what is wrong with its servers belongs to the group.
 */
#include "base/text.h"
#include "control/compile/compile_inner.h"
#include "control/products/clb/clb.h"

/* Nodes of the vendor's clusters: each enforces its share of the instance's limits. */
#define L4_NODES 4
#define L7_NODES 8

#define KEEPALIVE_REQUESTS 100
#define UDP_IDLE_S         90

/* A listener that is being compiled. */
struct clb {
    struct compile *compile;
    const struct doc *instance;
    const struct doc *listener;
    const char *protocol; /* "tcp", "udp", "http", "https" */
    bool is_http;         /* or https */
    bool is_logged;
};

/* A group as a listener or a rule uses it. */
struct use {
    const struct doc *settings;       /* the listener, or the rule that does not follow it */
    const char *vserver_group, *pair; /* ids of documents; both NULL: the default group */
};

static bool is_on(const json_t *body, const char *member)
{
    return json_text_is(body, member, "on");
}

/* --- health checks ---------------------------------------------------------------------------- */

static void put_http_check(json_t *check, const json_t *settings, bool is_http)
{
    const char *domain = json_text(settings, "HealthCheckDomain");
    const char *codes = json_text(settings, "HealthCheckHttpCode");
    char method[PART_NAME_LEN];

    if (!domain || strcmp(domain, "$_ip") == 0)
        domain = "";
    (void)part_lower(json_text(settings, "HealthCheckMethod"), method);
    json_put_text(check, "method", method[0] ? method : is_http ? "head" : "get");
    json_put_text(check, "http_minor", "1.0");
    part_text(check, "path", json_text(settings, "HealthCheckURI"));
    part_text(check, "host", domain);
    if (codes && codes[0] != '\0')
        json_put(check, "codes", part_words(codes, ','));
}

/* A timeout that is shorter than the interval does not count: the interval does. */
static json_t *make_check(const struct clb *clb, const json_t *settings)
{
    const char *timeout_name = clb->is_http ? "HealthCheckTimeout" : "HealthCheckConnectTimeout";
    bool is_udp = strcmp(clb->protocol, "udp") == 0;
    int64_t interval = json_int(settings, "HealthCheckInterval", is_udp ? 5 : 2);
    int64_t timeout = json_int(settings, timeout_name, is_udp ? 10 : 5);
    const char *protocol = clb->is_http ? "http" : is_udp ? "udp" : "tcp";
    json_t *check = json_object();

    if (!clb->is_http && !is_udp && json_text_is(settings, "HealthCheckType", "http"))
        protocol = "http";
    json_put_text(check, "protocol", protocol);
    part_int(check, "port", json_int(settings, "HealthCheckConnectPort", 0));
    part_seconds(check, "interval_ms", interval);
    part_seconds(check, "timeout_ms", MAX(timeout, interval));
    json_put_int(check, "rise", json_int(settings, "HealthyThreshold", 3));
    json_put_int(check, "fall", json_int(settings, "UnhealthyThreshold", 3));
    if (strcmp(protocol, "http") == 0)
        put_http_check(check, settings, clb->is_http);
    if (is_udp) {
        part_text(check, "request", json_text(settings, "HealthCheckReq"));
        part_text(check, "response", json_text(settings, "HealthCheckExp"));
    }
    return check;
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Cookies, or the client's address. */
static void put_persistence(json_t *group, const json_t *settings, bool is_http)
{
    int64_t timeout_s = json_int(settings, "PersistenceTimeout", 0);
    json_t *persistence = NULL;

    if (!is_http && timeout_s > 0) {
        persistence = json_pack("{s:s}", "type", "source_ip");
        part_seconds(persistence, "timeout_ms", timeout_s);
    } else if (is_http && is_on(settings, "StickySession") &&
               json_text_is(settings, "StickySessionType", "server")) {
        persistence = json_pack("{s:s}", "type", "cookie_rewrite");
        part_text(persistence, "cookie", json_text(settings, "Cookie"));
    } else if (is_http && is_on(settings, "StickySession")) {
        persistence = json_pack("{s:s, s:s}", "type", "cookie_insert", "cookie", "SERVERID");
        part_seconds(persistence, "timeout_ms", json_int(settings, "CookieTimeout", 0));
    }
    if (persistence)
        json_put(group, "persistence", persistence);
}

static json_t *servers_of(const struct clb *clb, const struct use *use)
{
    struct txn *txn = clb->compile->txn;
    struct part_servers servers = {0};
    const json_t *body = clb->instance->body;

    if (use->vserver_group || use->pair) {
        servers.group_id = use->pair ? use->pair : use->vserver_group;
        body = txn_body(
            txn, use->pair ? "clb.master_slave_group" : "clb.vserver_group", servers.group_id);
        servers.list = json_object_get(body, "Servers");
    } else {
        servers.group_id = clb->instance->id;
        servers.list = json_object_get(body, "BackendServers");
        servers.port = json_int(clb->listener->body, "BackendServerPort", 0);
    }
    return part_servers(clb->compile, &servers);
}

/* Fails open never: when no server is healthy, clients are refused. */
static json_t *make_group(const struct clb *clb, const struct use *use)
{
    const json_t *settings = use->settings->body;
    char scheduler[PART_NAME_LEN];
    json_t *group = json_object();

    (void)part_lower(json_text(settings, "Scheduler"), scheduler);
    json_put_text(group, "protocol", clb->is_http ? "http" : clb->protocol);
    json_put_text(group, "scheduler", scheduler[0] ? scheduler : "wrr");
    json_put(group, "servers", servers_of(clb, use));
    json_put_flag(group, "check_weight_zero", true);
    json_put_flag(group, "fail_open", false);
    put_persistence(group, settings, clb->is_http);
    if (is_on(settings, "ConnectionDrain")) {
        json_put_flag(group, "drain", true);
        part_seconds(group, "drain_timeout_ms", json_int(settings, "ConnectionDrainTimeout", 300));
    }
    if (clb->is_http) {
        json_put_flag(group, "keepalive", false);
        json_put_flag(group, "version_by_client", true);
    }
    return group;
}

/* Emits the group, if it was not used in the same way before. buf gets its id. */
static const char *emit_group(
    const struct clb *clb, const struct use *use, char buf[static COMPILE_ID_LEN])
{
    const char *name = use->pair ? use->pair : use->vserver_group ? use->vserver_group : "default";
    json_t *group;

    (void)snprintf(buf, COMPILE_ID_LEN, "%s@%s", name, use->settings->id);
    if (compile_has(clb->compile, "server_group", buf))
        return buf;
    group = make_group(clb, use);
    if (is_on(use->settings->body, "HealthCheck"))
        part_check(
            clb->compile, buf, use->settings->id, group, make_check(clb, use->settings->body));
    compile_emit(clb->compile, "server_group", buf, use->settings->id, group);
    return buf;
}

/* --- rules ------------------------------------------------------------------------------------ */

static json_t *make_conditions(const json_t *body)
{
    const char *domain = json_text(body, "Domain");
    const char *url = json_text(body, "Url");
    json_t *conditions = json_array();

    if (domain && domain[0] != '\0')
        (void)json_array_append_new(
            conditions, json_pack("{s:s, s:[s]}", "type", "host", "values", domain));
    if (url && url[0] != '\0')
        (void)json_array_append_new(conditions,
            json_pack("{s:s, s:s, s:[s]}", "type", "path", "match", "prefix", "values", url));
    return conditions;
}

static void emit_rule(const struct clb *clb, const struct doc *rule)
{
    const struct use use = {
        .settings = json_text_is(rule->body, "ListenerSync", "off") ? rule : clb->listener,
        .vserver_group = json_text(rule->body, "VServerGroupId"),
    };
    char group_id[COMPILE_ID_LEN];
    json_t *json = json_object();

    json_put_text(json, "listener", clb->listener->id);
    json_put(json, "conditions", make_conditions(rule->body));
    json_put(json, "actions", part_forward(emit_group(clb, &use, group_id)));
    compile_emit(clb->compile, "rule", rule->id, rule->id, json);
}

static void emit_rules(const struct clb *clb)
{
    struct doc_list list;

    txn_users(clb->compile->txn, "clb.rule", clb->listener->id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        emit_rule(clb, list.docs[i]);
    doc_list_done(&list);
}

/* --- listeners -------------------------------------------------------------------------------- */

static void put_access(json_t *json, const json_t *body)
{
    const json_t *ids = json_object_get(body, "AclIds");
    const char *type = json_text_is(body, "AclType", "black") ? "deny" : "allow";

    if (is_on(body, "AclStatus") && json_array_size(ids) > 0)
        json_put(
            json, "access", json_pack("{s:s, s:o}", "type", type, "lists", json_deep_copy(ids)));
}

static void put_http(json_t *json, const json_t *body)
{
    int64_t request_s = json_int(body, "RequestTimeout", 60);

    json_put_text(json, "rule_order", "specificity");
    part_seconds(json, "idle_timeout_ms", json_int(body, "IdleTimeout", 15));
    part_seconds(json, "request_timeout_ms", request_s);
    part_seconds(json, "header_timeout_ms", request_s);
    part_seconds(json, "body_timeout_ms", request_s);
    json_put_int(json, "keepalive_requests", KEEPALIVE_REQUESTS);
    json_put_flag(json, "convert_504", true);
    json_put_text(json, "xff", json_text_is(body, "XForwardedFor", "off") ? "off" : "append");
    part_flag(json, "x_forwarded_proto", is_on(body, "XForwardedFor_proto"));
    part_flag(json, "x_forwarded_port", is_on(body, "XForwardedFor_SLBPORT"));
    part_flag(json, "x_forwarded_client_srcport", is_on(body, "XForwardedFor_ClientSrcPort"));
    part_flag(json, "slb_id", is_on(body, "XForwardedFor_SLBID"));
    part_flag(json, "slb_ip", is_on(body, "XForwardedFor_SLBIP"));
    part_flag(json, "gzip", is_on(body, "Gzip"));
}

static void put_tls(const struct clb *clb, json_t *json)
{
    const json_t *body = clb->listener->body;
    json_t *certificates = json_array();
    struct doc_list list;

    json_put(json, "certificates", certificates);
    part_certificate(certificates, json_text(body, "ServerCertificateId"), NULL);
    txn_users(clb->compile->txn, "clb.domain_extension", clb->listener->id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        part_certificate(certificates, json_text(list.docs[i]->body, "ServerCertificateId"),
            json_text(list.docs[i]->body, "Domain"));
    doc_list_done(&list);
    part_text(json, "client_ca", json_text(body, "CACertificateId"));
    part_text(json, "tls_policy", json_text(body, "TLSCipherPolicy"));
    part_flag(json, "http2", is_on(body, "EnableHttp2"));
}

static void put_l4(json_t *json, const json_t *body, bool is_udp)
{
    part_seconds(
        json, "idle_timeout_ms", is_udp ? UDP_IDLE_S : json_int(body, "EstablishedTimeout", 900));
    part_flag(json, "proxy_protocol", json_flag(body, "ProxyProtocolV2Enabled", false));
}

/* To the https listener; rules and groups of the one that redirects are not used. */
static json_t *make_redirect(const json_t *body)
{
    char port[16];

    (void)snprintf(port, sizeof(port), "%d", (int)json_int(body, "ForwardPort", 443));
    return json_pack("[{s:s, s:s, s:s, s:i}]", "type", "redirect", "protocol", "https", "port",
        port, "status", 302);
}

static json_t *make_default_actions(const struct clb *clb)
{
    const json_t *body = clb->listener->body;
    const struct use use = {
        .settings = clb->listener,
        .vserver_group = json_text(body, "VServerGroupId"),
        .pair = json_text(body, "MasterSlaveServerGroupId"),
    };
    char group_id[COMPILE_ID_LEN];

    if (is_on(body, "ListenerForward"))
        return make_redirect(body);
    return part_forward(emit_group(clb, &use, group_id));
}

/* Bandwidth of listeners counts only where the instance is paid for by bandwidth. */
static void put_bandwidth(const struct clb *clb, json_t *json)
{
    int64_t mbps = json_int(clb->listener->body, "Bandwidth", -1);

    if (mbps > 0 && json_text_is(clb->instance->body, "InternetChargeType", "paybybandwidth"))
        json_put_int(json, "bandwidth_mbps", mbps);
}

static void emit_listener(const struct clb *clb)
{
    const json_t *body = clb->listener->body;
    json_t *json = json_object();

    json_put_text(json, "instance", clb->instance->id);
    json_put(json, "bind", json_pack("[s*]", json_text(clb->instance->body, "Address")));
    json_put_int(json, "port", json_int(body, "ListenerPort", 0));
    json_put_text(json, "protocol", clb->protocol);
    json_put(json, "default_actions", make_default_actions(clb));
    json_put_flag(json, "access_log", clb->is_http && clb->is_logged);
    put_access(json, body);
    put_bandwidth(clb, json);
    if (clb->is_http)
        put_http(json, body);
    else
        put_l4(json, body, strcmp(clb->protocol, "udp") == 0);
    if (strcmp(clb->protocol, "https") == 0)
        put_tls(clb, json);
    compile_emit(clb->compile, "listener", clb->listener->id, clb->listener->id, json);
    if (clb->is_http && !is_on(body, "ListenerForward"))
        emit_rules(clb);
}

/* --- instances -------------------------------------------------------------------------------- */

static void put_limits(json_t *json, const json_t *body)
{
    const struct clb_spec *spec = clb_spec_find(json_text(body, "LoadBalancerSpec"));
    int64_t mbps = json_int(body, "Bandwidth", -1);
    json_t *limits = json_object();

    if (spec) {
        json_put_int(limits, "connections", spec->max_connections);
        json_put_int(limits, "cps", spec->connections_per_s);
        json_put_int(limits, "qps", spec->requests_per_s);
    }
    if (mbps > 0 && json_text_is(body, "InternetChargeType", "paybybandwidth"))
        json_put_int(limits, "bandwidth_mbps", mbps);
    if (json_object_size(limits) > 0) {
        json_put_int(limits, "l4_nodes", L4_NODES);
        json_put_int(limits, "l7_nodes", L7_NODES);
        json_put(json, "limits", json_incref(limits));
    }
    json_decref(limits);
}

void compile_clb(struct compile *compile, const struct doc *instance)
{
    struct clb clb = {.compile = compile, .instance = instance};
    struct doc_list list;
    json_t *json;

    if (!json_flag(instance->body, "Enabled", true))
        return;
    json = json_object();
    json_put_text(json, "product", "clb");
    part_text(json, "name", json_text(instance->body, "LoadBalancerName"));
    put_limits(json, instance->body);
    compile_emit(compile, "instance", instance->id, instance->id, json);
    clb.is_logged = txn_count_users(compile->txn, "clb.access_log", instance->id) > 0;
    txn_users(compile->txn, "clb.listener", instance->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        char protocol[PART_NAME_LEN];

        clb.listener = list.docs[i];
        clb.protocol = part_lower(json_text(clb.listener->body, "ListenerProtocol"), protocol);
        clb.is_http = strncmp(protocol, "http", 4) == 0;
        if (json_flag(clb.listener->body, "Enabled", false))
            emit_listener(&clb);
    }
    doc_list_done(&list);
}

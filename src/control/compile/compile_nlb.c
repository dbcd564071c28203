/* An NLB instance with its listeners, and an NLB server group.
 *
 * The data plane speaks one protocol to a group. A group of protocol TCP_UDP is compiled twice: under its id for tcp,
 * and as "<id>:udp".
 */
#include "control/compile/compile_inner.h"

#define UDP_GROUP_SUFFIX ":udp"

/* --- listeners -------------------------------------------------------------------------------- */

/* The data-plane group that a listener of a protocol uses. */
static json_t *make_forward(struct compile *compile, const json_t *listener, bool is_udp)
{
    const char *id = json_text(listener, "ServerGroupId");
    const json_t *group = id ? txn_body(compile->txn, "nlb.server_group", id) : NULL;
    bool is_twin = is_udp && group && json_text_is(group, "Protocol", "TCP_UDP");
    char twin[COMPILE_ID_LEN];

    (void)snprintf(twin, sizeof(twin), "%s%s", id ? id : "", is_twin ? UDP_GROUP_SUFFIX : "");
    return part_forward(twin);
}

static void put_proxy_protocol(json_t *json, const json_t *body)
{
    static const struct {
        const char *member, *name;
    } rows[] = {
        {"Ppv2VpcIdEnabled", "vpc_id"},
        {"Ppv2PrivateLinkEpIdEnabled", "endpoint_id"},
        {"Ppv2PrivateLinkEpsIdEnabled", "endpoint_service_id"},
    };
    const json_t *config = json_object_get(body, "ProxyProtocolV2Config");
    json_t *tlvs = json_array();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (json_flag(config, rows[i].member, false))
            (void)json_array_append_new(tlvs, json_string(rows[i].name));
    }
    if (json_flag(body, "ProxyProtocolEnabled", false)) {
        json_put_flag(json, "proxy_protocol", true);
        part_ids(json, "proxy_protocol_tlvs", tlvs);
    }
    json_decref(tlvs);
}

static void put_tls(json_t *json, const json_t *body)
{
    static const struct {
        const char *policy, *protocols;
    } rows[] = {
        {"HTTP1Only", "http/1.1 http/1.0"},
        {"HTTP2Only", "h2"},
        {"HTTP2Optional", "http/1.1 http/1.0 h2"},
        {"HTTP2Preferred", "h2 http/1.1 http/1.0"},
    };
    json_t *certificates = json_array();

    part_certificates(certificates, json_object_get(body, "CertificateIds"));
    part_certificates(certificates, json_object_get(body, "AdditionalCertificates"));
    json_put(json, "certificates", certificates);
    if (json_flag(body, "CaEnabled", false))
        part_text(json, "client_ca",
            json_string_value(json_array_get(json_object_get(body, "CaCertificateIds"), 0)));
    part_text(json, "tls_policy", json_text(body, "SecurityPolicyId"));
    for (size_t i = 0; json_flag(body, "AlpnEnabled", false) && i < ARRAY_LEN(rows); i++) {
        if (json_text_is(body, "AlpnPolicy", rows[i].policy))
            json_put(json, "alpn", part_words(rows[i].protocols, ' '));
    }
}

static void put_ports(json_t *json, const json_t *body)
{
    int64_t port = json_int(body, "ListenerPort", 0);

    json_put_int(json, "port", port != 0 ? port : json_int(body, "StartPort", 0));
    if (port == 0)
        json_put_int(json, "port_end", json_int(body, "EndPort", 0));
}

static void emit_listener(
    struct compile *compile, const struct doc *instance, const struct doc *listener)
{
    const json_t *body = listener->body;
    char protocol[PART_NAME_LEN];
    json_t *json = json_object();
    bool is_udp;

    (void)part_lower(json_text(body, "ListenerProtocol"), protocol);
    is_udp = strcmp(protocol, "udp") == 0;
    json_put_text(json, "instance", instance->id);
    json_put(json, "bind", part_bind(instance->body));
    part_ipv6_clients(compile, json, instance->body);
    put_ports(json, body);
    json_put_text(json, "protocol", protocol);
    json_put(json, "default_actions", make_forward(compile, body, is_udp));
    json_put_flag(json, "access_log", false);
    part_seconds(json, "idle_timeout_ms", json_int(body, "IdleTimeout", is_udp ? 90 : 900));
    part_int(json, "cps", json_int(body, "Cps", 0));
    part_int(json, "mss", json_int(body, "Mss", 0));
    part_flag(json, "zone_local", !json_flag(instance->body, "CrossZoneEnabled", true));
    put_proxy_protocol(json, body);
    if (strcmp(protocol, "tcpssl") == 0)
        put_tls(json, body);
    compile_emit(compile, "listener", listener->id, listener->id, json);
}

void compile_nlb(struct compile *compile, const struct doc *instance)
{
    int64_t cps = json_int(instance->body, "Cps", 0);
    json_t *json = json_object();
    struct doc_list list;

    json_put_text(json, "product", "nlb");
    part_text(json, "name", json_text(instance->body, "LoadBalancerName"));
    part_ids(json, "security_groups", json_object_get(instance->body, "SecurityGroupIds"));
    if (cps > 0)
        json_put(json, "limits", json_pack("{s:I}", "cps", (json_int_t)cps));
    compile_emit(compile, "instance", instance->id, instance->id, json);
    txn_users(compile->txn, "nlb.listener", instance->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (json_flag(list.docs[i]->body, "Enabled", true))
            emit_listener(compile, instance, list.docs[i]);
    }
    doc_list_done(&list);
}

/* --- groups ----------------------------------------------------------------------------------- */

static json_t *make_check(const json_t *config)
{
    const json_t *codes = json_object_get(config, "HealthCheckHttpCode");
    const char *host = json_text(config, "HealthCheckDomain");
    char protocol[PART_NAME_LEN], method[PART_NAME_LEN];
    json_t *check = json_object();

    (void)part_lower(json_text(config, "HealthCheckType"), protocol);
    json_put_text(check, "protocol", protocol[0] ? protocol : "tcp");
    part_int(check, "port", json_int(config, "HealthCheckConnectPort", 0));
    part_seconds(check, "interval_ms", json_int(config, "HealthCheckInterval", 5));
    part_seconds(check, "timeout_ms", json_int(config, "HealthCheckConnectTimeout", 5));
    json_put_int(check, "rise", json_int(config, "HealthyThreshold", 2));
    json_put_int(check, "fall", json_int(config, "UnhealthyThreshold", 2));
    if (strcmp(protocol, "udp") == 0) {
        part_text(check, "request", json_text(config, "HealthCheckReq"));
        part_text(check, "response", json_text(config, "HealthCheckExp"));
    }
    if (strcmp(protocol, "http") != 0)
        return check;
    (void)part_lower(json_text(config, "HttpCheckMethod"), method);
    json_put_text(check, "method", method[0] ? method : "get");
    json_put_text(check, "http_minor",
        json_text_is(config, "HealthCheckHttpVersion", "HTTP1.1") ? "1.1" : "1.0");
    part_text(check, "path", json_text(config, "HealthCheckUrl"));
    part_text(check, "host", host && strcmp(host, "$SERVER_IP") == 0 ? "" : host);
    part_ids(check, "codes", codes);
    return check;
}

/* Where servers listen, of a group whose servers have no port of their own: where checks reach them. */
static int64_t any_port_of(const json_t *check)
{
    int64_t port = json_int(check, "HealthCheckConnectPort", 0);

    return port != 0 ? port : 1;
}

static void emit_group(
    struct compile *compile, const struct doc *doc, const char *id, const char *protocol)
{
    const json_t *body = doc->body;
    const json_t *check = json_object_get(body, "HealthCheck");
    bool is_any_port = json_flag(body, "AnyPortEnabled", false);
    const struct part_servers servers = {
        .list = json_object_get(body, "Servers"),
        .group_id = doc->id,
        .port = is_any_port ? any_port_of(check) : 0,
    };
    char scheduler[PART_NAME_LEN];
    json_t *group = json_object();

    (void)part_lower(json_text(body, "Scheduler"), scheduler);
    json_put_text(group, "protocol", protocol);
    json_put_text(group, "scheduler", scheduler[0] ? scheduler : "wrr");
    json_put(group, "servers", part_servers(compile, &servers));
    json_put_flag(group, "check_weight_zero", true);
    json_put_flag(group, "fail_open", true);
    part_flag(group, "any_port", is_any_port);
    part_flag(group, "preserve_client_ip", json_flag(body, "PreserveClientIpEnabled", false));
    if (json_flag(body, "ConnectionDrainEnabled", false)) {
        json_put_flag(group, "drain", true);
        part_seconds(group, "drain_timeout_ms", json_int(body, "ConnectionDrainTimeout", 300));
    }
    if (json_flag(check, "HealthCheckEnabled", false))
        part_check(compile, id, doc->id, group, make_check(check));
    compile_emit(compile, "server_group", id, doc->id, group);
}

void compile_nlb_group(struct compile *compile, const struct doc *doc)
{
    char twin[COMPILE_ID_LEN];

    if (json_text_is(doc->body, "Protocol", "UDP")) {
        emit_group(compile, doc, doc->id, "udp");
        return;
    }
    emit_group(compile, doc, doc->id, "tcp");
    if (!json_text_is(doc->body, "Protocol", "TCP_UDP"))
        return;
    (void)snprintf(twin, sizeof(twin), "%s" UDP_GROUP_SUFFIX, doc->id);
    emit_group(compile, doc, twin, "udp");
}

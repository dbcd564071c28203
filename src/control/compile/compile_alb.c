/* An ALB instance with its listeners and rules, and an ALB server group. */
#include "base/text.h"
#include "control/compile/compile_inner.h"

#define KEEPALIVE_HTTP_REQUESTS  100
#define KEEPALIVE_HTTPS_REQUESTS 1000

/* --- listeners -------------------------------------------------------------------------------- */

/* Names of the headers that tell of client certificates, where a listener asks for them. */
static void put_client_cert_headers(json_t *json, const json_t *config)
{
    static const struct {
        const char *name, *enabled, *alias, *header;
    } rows[] = {
        {"subject_dn", "XForwardedForClientCertSubjectDNEnabled",
            "XForwardedForClientCertSubjectDNAlias", "X-Forwarded-Clientcert-subjectdn"},
        {"issuer_dn", "XForwardedForClientCertIssuerDNEnabled",
            "XForwardedForClientCertIssuerDNAlias", "X-Forwarded-Clientcert-issuerdn"},
        {"fingerprint", "XForwardedForClientCertFingerprintEnabled",
            "XForwardedForClientCertFingerprintAlias", "X-Forwarded-Clientcert-fingerprint"},
        {"verify", "XForwardedForClientCertClientVerifyEnabled",
            "XForwardedForClientCertClientVerifyAlias", "X-Forwarded-Clientcert-clientverify"},
    };
    json_t *headers = json_object();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *alias = json_text(config, rows[i].alias);

        if (json_flag(config, rows[i].enabled, false))
            json_put_text(headers, rows[i].name, alias ? alias : rows[i].header);
    }
    if (json_object_size(headers) > 0)
        json_put(json, "client_cert_headers", json_incref(headers));
    json_decref(headers);
}

static void put_forwarded(json_t *json, const json_t *config)
{
    const char *xff = "append";

    if (!json_flag(config, "XForwardedForEnabled", true))
        xff = "off";
    else if (json_text_is(config, "XForwardedForProcessingMode", "remove"))
        xff = "remove";
    json_put_text(json, "xff", xff);
    part_flag(json, "x_forwarded_proto", json_flag(config, "XForwardedForProtoEnabled", false));
    part_flag(json, "x_forwarded_port", json_flag(config, "XForwardedForSLBPortEnabled", false));
    part_flag(json, "x_forwarded_host", json_flag(config, "XForwardedForHostEnabled", false));
    part_flag(json, "x_forwarded_client_srcport",
        json_flag(config, "XForwardedForClientSrcPortEnabled", false));
    part_flag(json, "slb_id", json_flag(config, "XForwardedForSLBIdEnabled", false));
    if (json_flag(config, "XForwardedForClientSourceIpsEnabled", false))
        json_put(json, "trusted_proxies",
            part_words(json_text(config, "XForwardedForClientSourceIpsTrusted"), ';'));
    put_client_cert_headers(json, config);
}

static void put_tls(json_t *json, const json_t *body)
{
    const json_t *quic = json_object_get(body, "QuicConfig");
    const json_t *ca = json_array_get(json_object_get(body, "CaCertificates"), 0);
    json_t *certificates = json_array();

    part_certificates(certificates, json_object_get(body, "Certificates"));
    part_certificates(certificates, json_object_get(body, "AdditionalCertificates"));
    json_put(json, "certificates", certificates);
    if (json_flag(body, "CaEnabled", false))
        part_text(json, "client_ca", json_text(ca, "CertificateId"));
    part_text(json, "tls_policy", json_text(body, "SecurityPolicyId"));
    part_flag(json, "http2", json_flag(body, "Http2Enabled", false));
    if (json_flag(quic, "QuicUpgradeEnabled", false))
        part_text(json, "quic_listener", json_text(quic, "QuicListenerId"));
}

static void put_access(json_t *json, const json_t *body)
{
    const json_t *config = json_object_get(body, "AclConfig");
    const char *type = json_text_is(config, "AclType", "Black") ? "deny" : "allow";
    json_t *lists = json_array(), *relation;
    size_t i;

    json_array_foreach (json_object_get(config, "AclRelations"), i, relation) {
        if (json_has(relation, "AclId"))
            (void)json_array_append_new(lists, json_string(json_text(relation, "AclId")));
    }
    if (json_array_size(lists) > 0)
        json_put(json, "access", json_pack("{s:s, s:O}", "type", type, "lists", lists));
    json_decref(lists);
}

static void put_log(json_t *json, const json_t *body, bool is_logged)
{
    const json_t *config = json_object_get(body, "LogConfig");
    const json_t *tracing = json_object_get(config, "AccessLogTracingConfig");

    json_put_flag(json, "access_log", is_logged);
    part_flag(
        json, "log_headers", json_flag(config, "AccessLogRecordCustomizedHeadersEnabled", false));
    if (json_flag(tracing, "TracingEnabled", false))
        json_put(json, "trace",
            json_pack("{s:s, s:I}", "type", "zipkin", "sample",
                (json_int_t)json_int(tracing, "TracingSample", 10000)));
}

static void emit_listener(
    struct compile *compile, const struct doc *instance, const struct doc *listener)
{
    const json_t *body = listener->body;
    int64_t request_s = json_int(body, "RequestTimeout", 60);
    char protocol[PART_NAME_LEN];
    json_t *json = json_object();
    bool is_http;

    (void)part_lower(json_text(body, "ListenerProtocol"), protocol);
    is_http = strcmp(protocol, "http") == 0;
    json_put_text(json, "instance", instance->id);
    json_put(json, "bind", part_bind(instance->body));
    part_ipv6_clients(compile, json, instance->body);
    json_put_int(json, "port", json_int(body, "ListenerPort", 0));
    json_put_text(json, "protocol", protocol);
    json_put(json, "default_actions", part_actions(json_object_get(body, "DefaultActions")));
    part_seconds(json, "idle_timeout_ms", json_int(body, "IdleTimeout", 15));
    part_seconds(json, "request_timeout_ms", request_s);
    part_seconds(json, "header_timeout_ms", request_s);
    part_seconds(json, "body_timeout_ms", request_s);
    json_put_int(
        json, "keepalive_requests", is_http ? KEEPALIVE_HTTP_REQUESTS : KEEPALIVE_HTTPS_REQUESTS);
    json_put_flag(json, "convert_504", true);
    put_forwarded(json, json_object_get(body, "XForwardedForConfig"));
    part_flag(json, "gzip", json_flag(body, "GzipEnabled", false));
    put_access(json, body);
    put_log(json, body, json_is_object(json_object_get(instance->body, "AccessLogConfig")));
    if (!is_http)
        put_tls(json, body);
    compile_emit(compile, "listener", listener->id, listener->id, json);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void emit_rule(struct compile *compile, const struct doc *rule)
{
    const json_t *body = rule->body;
    json_t *json = json_object();

    json_put_text(json, "listener", json_text(body, "ListenerId"));
    json_put_int(json, "priority", json_int(body, "Priority", 0));
    if (json_text_is(body, "Direction", "Response"))
        json_put_text(json, "direction", "response");
    json_put(json, "conditions", part_conditions(json_object_get(body, "RuleConditions")));
    json_put(json, "actions", part_actions(json_object_get(body, "RuleActions")));
    compile_emit(compile, "rule", rule->id, rule->id, json);
}

static void emit_rules(struct compile *compile, const struct doc *listener)
{
    struct doc_list list;

    txn_users(compile->txn, "alb.rule", listener->id, &list);
    for (uint32_t i = 0; i < list.n; i++)
        emit_rule(compile, list.docs[i]);
    doc_list_done(&list);
}

/* --- instances -------------------------------------------------------------------------------- */

void compile_alb(struct compile *compile, const struct doc *instance)
{
    json_t *json = json_object();
    struct doc_list list;

    json_put_text(json, "product", "alb");
    part_text(json, "name", json_text(instance->body, "LoadBalancerName"));
    part_ids(json, "security_groups", json_object_get(instance->body, "SecurityGroupIds"));
    compile_emit(compile, "instance", instance->id, instance->id, json);
    txn_users(compile->txn, "alb.listener", instance->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (!json_flag(list.docs[i]->body, "Enabled", true))
            continue;
        emit_listener(compile, instance, list.docs[i]);
        emit_rules(compile, list.docs[i]);
    }
    doc_list_done(&list);
}

/* --- groups ----------------------------------------------------------------------------------- */

static json_t *make_check(const json_t *config)
{
    const json_t *codes = json_object_get(config, "HealthCheckCodes");
    const char *host = json_text(config, "HealthCheckHost");
    char protocol[PART_NAME_LEN], method[PART_NAME_LEN];
    json_t *check = json_object();
    bool is_grpc;

    (void)part_lower(json_text(config, "HealthCheckProtocol"), protocol);
    (void)part_lower(json_text(config, "HealthCheckMethod"), method);
    is_grpc = strcmp(protocol, "grpc") == 0;
    json_put_text(check, "protocol", protocol[0] ? protocol : "http");
    part_int(check, "port", json_int(config, "HealthCheckConnectPort", 0));
    part_seconds(check, "interval_ms", json_int(config, "HealthCheckInterval", 2));
    part_seconds(check, "timeout_ms", json_int(config, "HealthCheckTimeout", 5));
    json_put_int(check, "rise", json_int(config, "HealthyThreshold", 3));
    json_put_int(check, "fall", json_int(config, "UnhealthyThreshold", 3));
    if (strcmp(protocol, "tcp") == 0)
        return check;
    part_text(check, "method", method);
    part_text(check, "path", json_text(config, "HealthCheckPath"));
    part_text(check, "host", host && strcmp(host, "$SERVER_IP") == 0 ? "" : host);
    if (json_array_size(codes) > 0)
        json_put(check, is_grpc ? "grpc_codes" : "codes", json_deep_copy(codes));
    if (!is_grpc)
        json_put_text(check, "http_minor",
            json_text_is(config, "HealthCheckHttpVersion", "HTTP1.0") ? "1.0" : "1.1");
    return check;
}

/* SERVERCORSID is the cookie's twin for requests from other sites. */
static void put_persistence(json_t *group, const json_t *config)
{
    json_t *persistence;

    if (!json_flag(config, "StickySessionEnabled", false))
        return;
    if (json_text_is(config, "StickySessionType", "Server")) {
        persistence = json_pack("{s:s}", "type", "cookie_rewrite");
        part_text(persistence, "cookie", json_text(config, "Cookie"));
    } else {
        persistence = json_pack("{s:s, s:s, s:s}", "type", "cookie_insert", "cookie", "SERVERID",
            "cross_site_cookie", "SERVERCORSID");
        part_seconds(persistence, "timeout_ms", json_int(config, "CookieTimeout", 1000));
    }
    json_put(group, "persistence", persistence);
}

static void put_timing(json_t *group, const json_t *body)
{
    const json_t *slow = json_object_get(body, "SlowStartConfig");
    const json_t *drain = json_object_get(body, "ConnectionDrainConfig");

    if (json_flag(slow, "SlowStartEnabled", false))
        part_seconds(group, "slow_start_ms", json_int(slow, "SlowStartDuration", 30));
    if (json_flag(drain, "ConnectionDrainEnabled", false)) {
        json_put_flag(group, "drain", true);
        part_seconds(group, "drain_timeout_ms", json_int(drain, "ConnectionDrainTimeout", 300));
    }
}

void compile_alb_group(struct compile *compile, const struct doc *doc)
{
    const json_t *body = doc->body;
    const json_t *check = json_object_get(body, "HealthCheckConfig");
    const struct part_servers servers = {
        .list = json_object_get(body, "Servers"),
        .group_id = doc->id,
        .has_zones = !json_flag(body, "CrossZoneEnabled", true),
    };
    char protocol[PART_NAME_LEN], scheduler[PART_NAME_LEN];
    json_t *group = json_object();

    (void)part_lower(json_text(body, "Protocol"), protocol);
    (void)part_lower(json_text(body, "Scheduler"), scheduler);
    json_put_text(group, "protocol", protocol[0] ? protocol : "http");
    json_put_text(group, "scheduler", scheduler[0] ? scheduler : "wrr");
    if (strcmp(scheduler, "uch") == 0)
        part_text(group, "hash_query", json_text(json_object_get(body, "UchConfig"), "Value"));
    json_put(group, "servers", part_servers(compile, &servers));
    json_put_flag(group, "check_weight_zero", false);
    json_put_flag(group, "fail_open", true);
    json_put_flag(group, "keepalive", json_flag(body, "UpstreamKeepaliveEnabled", true));
    part_flag(group, "zone_local", servers.has_zones);
    put_persistence(group, json_object_get(body, "StickySessionConfig"));
    put_timing(group, body);
    if (json_flag(check, "HealthCheckEnabled", false))
        part_check(compile, doc->id, doc->id, group, make_check(check));
    compile_emit(compile, "server_group", doc->id, doc->id, group);
}

#include "snapshot/unbuilt.h"

#include <jansson.h>

/* path: names from the resource down, without the numbers of elements. value NULL: a field; else a value of one. */
struct unbuilt {
    enum resource_kind kind;
    const char *path;
    const char *value;
    const char *sentence;
};

#define TERMINATION "TLS termination is not built yet"
#define CLIENT_CERT "verification of client certificates is not built yet"
#define QUIC        "QUIC is not built yet"
#define PROXY       "the PROXY protocol is not built yet"
#define ZONES       "balancing inside of one zone is not built yet"
#define EDIT        "editing of headers by rules is not built yet"
#define LIMIT       "limiting of requests by rules is not built yet"
#define CORS        "cross-origin headers are not built yet"
#define GRPC_CHECK  "health checks by gRPC are not built yet"

/* Actions stand in two places. */
#define UNBUILT_ACTIONS(kind, list)                                                           \
    {kind, list ".type", "insert_header", EDIT}, {kind, list ".type", "remove_header", EDIT}, \
        {kind, list ".type", "traffic_limit", LIMIT},                                         \
        {kind, list ".type", "traffic_mirror", "mirroring of requests is not built yet"},     \
        {kind, list ".type", "cors", CORS}, {kind, list ".header", NULL, EDIT},               \
        {kind, list ".value", NULL, EDIT}, {kind, list ".value_type", NULL, EDIT},            \
        {kind, list ".qps", NULL, LIMIT}, {kind, list ".qps_per_client", NULL, LIMIT},        \
        {kind, list ".cors", NULL, CORS},                                                     \
    {                                                                                         \
        kind, list ".persistence", NULL, "persistence of clients in a group is not built yet" \
    }

static const struct unbuilt rows[] = {
    {KIND_INSTANCE, "limits", NULL, "limits of instances are not built yet"},
    {KIND_INSTANCE, "security_groups", NULL, "security groups are not built yet"},

    {KIND_LISTENER, "protocol", "https", TERMINATION},
    {KIND_LISTENER, "protocol", "tcpssl", TERMINATION},
    {KIND_LISTENER, "protocol", "quic", QUIC},
    {KIND_LISTENER, "certificates", NULL, TERMINATION},
    {KIND_LISTENER, "tls_policy", NULL, TERMINATION},
    {KIND_LISTENER, "alpn", NULL, TERMINATION},
    {KIND_LISTENER, "http2", NULL, "HTTP/2 is not built yet"},
    {KIND_LISTENER, "quic_listener", NULL, QUIC},
    {KIND_LISTENER, "client_ca", NULL, CLIENT_CERT},
    {KIND_LISTENER, "client_cert_headers", NULL, CLIENT_CERT},
    {KIND_LISTENER, "access", NULL, "access lists are not built yet"},
    {KIND_LISTENER, "gzip", NULL, "compression of responses is not built yet"},
    {KIND_LISTENER, "port_end", NULL, "listening on a range of ports is not built yet"},
    {KIND_LISTENER, "cps", NULL, "limiting of new connections is not built yet"},
    {KIND_LISTENER, "bandwidth_mbps", NULL, "limiting of bandwidth is not built yet"},
    {KIND_LISTENER, "mss", NULL, "clamping of the TCP segment size is not built yet"},
    {KIND_LISTENER, "proxy_protocol", NULL, PROXY},
    {KIND_LISTENER, "proxy_protocol_tlvs", NULL, PROXY},
    {KIND_LISTENER, "zone_local", NULL, ZONES},
    {KIND_LISTENER, "trusted_proxies", NULL,
        "finding the client's address in X-Forwarded-For is not built yet"},
    {KIND_LISTENER, "log_headers", NULL, "logging of chosen headers is not built yet"},
    {KIND_LISTENER, "trace", NULL, "tracing is not built yet"},
    UNBUILT_ACTIONS(KIND_LISTENER, "default_actions"),

    {KIND_RULE, "direction", NULL, "rules for responses are not built yet"},
    {KIND_RULE, "conditions.type", "query_string",
        "conditions on the query string are not built yet"},
    {KIND_RULE, "conditions.type", "cookie", "conditions on cookies are not built yet"},
    {KIND_RULE, "conditions.type", "source_ip",
        "conditions on the client's address are not built yet"},
    {KIND_RULE, "conditions.type", "response_status",
        "conditions on the status of responses are not built yet"},
    {KIND_RULE, "conditions.type", "response_header",
        "conditions on headers of responses are not built yet"},
    {KIND_RULE, "conditions.match", "regex",
        "conditions with regular expressions are not built yet"},
    UNBUILT_ACTIONS(KIND_RULE, "actions"),

    {KIND_SERVER_GROUP, "protocol", "https", "TLS towards servers is not built yet"},
    {KIND_SERVER_GROUP, "protocol", "tcpssl", "TLS towards servers is not built yet"},
    {KIND_SERVER_GROUP, "protocol", "quic", "QUIC towards servers is not built yet"},
    {KIND_SERVER_GROUP, "protocol", "grpc", "gRPC towards servers is not built yet"},
    {KIND_SERVER_GROUP, "persistence", NULL, "persistence of clients is not built yet"},
    {KIND_SERVER_GROUP, "zone_local", NULL, ZONES},
    {KIND_SERVER_GROUP, "servers.zone", NULL, ZONES},
    {KIND_SERVER_GROUP, "servers.role", NULL, "primary and secondary servers are not built yet"},
    {KIND_SERVER_GROUP, "any_port", NULL,
        "connecting to the port that the client used is not built yet"},
    {KIND_SERVER_GROUP, "preserve_client_ip", NULL,
        "connecting to servers from the client's address is not built yet"},

    {KIND_HEALTH_CHECK, "protocol", "https", "health checks by HTTPS are not built yet"},
    {KIND_HEALTH_CHECK, "protocol", "grpc", GRPC_CHECK},
    {KIND_HEALTH_CHECK, "method", "post", GRPC_CHECK},
    {KIND_HEALTH_CHECK, "grpc_codes", NULL, GRPC_CHECK},
};

static const char *const kind_sentences[KIND_COUNT] = {
    [KIND_CERTIFICATE] = "certificates are not built yet",
    [KIND_CLIENT_CA] = CLIENT_CERT,
    [KIND_TLS_POLICY] = "TLS policies are not built yet",
    [KIND_ACCESS_LIST] = "access lists are not built yet",
    [KIND_SECURITY_GROUP] = "security groups are not built yet",
    [KIND_DNS_ZONE] = "DNS zones are not built yet",
    [KIND_LOG_TARGET] = "shipping of access logs is not built yet",
};

/* The names of a path with dots between them; cut if it is longer than any in the table. */
static size_t put_names(const struct field_path *path, char *buf, size_t cap)
{
    size_t len = path->up ? put_names(path->up, buf, cap) : 0;
    int n;

    if (!path->name || len >= cap)
        return len;
    n = snprintf(buf + len, cap - len, "%s%s", len > 0 ? "." : "", path->name);
    return len + (size_t)n;
}

static const char *find(
    enum resource_kind kind, const struct field_path *path, const struct span *value)
{
    char names[FIELD_PATH_MAX] = "";

    (void)put_names(path, names, sizeof(names));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct unbuilt *row = &rows[i];

        if (row->kind != kind || !row->value != !value || strcmp(row->path, names) != 0)
            continue;
        if (!value || span_eq(span_of(row->value), *value))
            return row->sentence;
    }
    return NULL;
}

const char *unbuilt_field(enum resource_kind kind, const struct field_path *path)
{
    /* A user's key with a dot in it is no path. */
    return strchr(path->name, '.') ? NULL : find(kind, path, NULL);
}

const char *unbuilt_value(enum resource_kind kind, const struct field_path *path, struct span value)
{
    return find(kind, path, &value);
}

const char *unbuilt_kind(enum resource_kind kind)
{
    return kind < KIND_COUNT ? kind_sentences[kind] : NULL;
}

static bool object_asks(json_t *json)
{
    const char *name;
    json_t *member;

    json_object_foreach (json, name, member) {
        if (unbuilt_asks(member))
            return true;
    }
    return false;
}

static bool array_asks(const json_t *json)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (unbuilt_asks(json_array_get(json, i)))
            return true;
    }
    return false;
}

/* Nested only as deep as a change may be. */
bool unbuilt_asks(json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_asks(json);
    case JSON_ARRAY:
        return array_asks(json);
    case JSON_STRING:
        return json_string_length(json) > 0;
    case JSON_INTEGER:
        return json_integer_value(json) != 0;
    case JSON_REAL:
    case JSON_TRUE:
        return true;
    case JSON_FALSE:
    case JSON_NULL:
        break;
    }
    return false;
}

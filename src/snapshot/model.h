/* The data-plane model: the only contract between the control plane and the data plane.
 *
 * The data plane knows no product: what differs between CLB, ALB and NLB is a field here. Each struct
 * has its rows in model.c. All of this is immutable once its snapshot is published.
 */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "snapshot/field.h"

/* X(NAME, "kind", served): kinds that are not served yet are refused by name. */
#define RESOURCE_KIND_LIST(X)                  \
    X(INSTANCE, "instance", true)              \
    X(LISTENER, "listener", true)              \
    X(RULE, "rule", true)                      \
    X(SERVER_GROUP, "server_group", true)      \
    X(HEALTH_CHECK, "health_check", true)      \
    X(CERTIFICATE, "certificate", false)       \
    X(CLIENT_CA, "client_ca", false)           \
    X(TLS_POLICY, "tls_policy", false)         \
    X(ACCESS_LIST, "access_list", false)       \
    X(SECURITY_GROUP, "security_group", false) \
    X(DNS_ZONE, "dns_zone", false)             \
    X(LOG_TARGET, "log_target", false)

enum resource_kind {
#define RESOURCE_KIND_ENUM(name, word, served) KIND_##name,
    RESOURCE_KIND_LIST(RESOURCE_KIND_ENUM)
#undef RESOURCE_KIND_ENUM
        KIND_COUNT
};

/* Begins every resource. refs belongs to the thread that builds snapshots. */
struct resource {
    const char *id;
    uint64_t version; /* as given; only for people and for acknowledgement */
    uint32_t slot;    /* its place in the table of its kind, stable while it exists */
    uint32_t refs;
    uint32_t kind;      /* enum resource_kind */
    struct arena arena; /* holds this resource */
};

enum product { PRODUCT_CLB, PRODUCT_ALB, PRODUCT_NLB };

struct instance_conf {
    struct resource res;
    uint32_t product; /* for logs and metrics; decides nothing */
    const char *name;
};

enum protocol {
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    PROTOCOL_TCPSSL,
    PROTOCOL_HTTP,
    PROTOCOL_HTTPS,
    PROTOCOL_QUIC
};

enum action_type { ACTION_FORWARD, ACTION_REDIRECT, ACTION_FIXED_RESPONSE, ACTION_REWRITE };

struct forward_group {
    struct ref group;
    uint32_t weight; /* 0..100; 0 is never chosen */
};

/* One action; which members mean something depends on type, and the rest must be absent. */
struct action {
    uint32_t type;
    struct field_list groups; /* forward: struct forward_group, 1..5 */
    /* redirect and rewrite: text with ${host} ${protocol} ${port} ${path} ${query}; "" keeps the request's */
    const char *protocol; /* redirect: "http", "https" or "${protocol}" */
    const char *host;
    const char *port; /* redirect: "${port}" or a number */
    const char *path;
    const char *query;
    uint32_t status; /* redirect: 301 302 303 307 308; fixed response: 200..599 */
    const char *content_type;
    const char *content; /* fixed response */
};

enum condition_type { CONDITION_HOST, CONDITION_PATH, CONDITION_METHOD, CONDITION_HEADER };
enum match_mode {
    MATCH_PATTERN, /* exact, with * for any string and ? for one character */
    MATCH_PREFIX,  /* path only: the value begins the path */
};

struct condition {
    uint32_t type;
    uint32_t match;           /* enum match_mode */
    const char *key;          /* header: its name */
    struct field_list values; /* const char *; any of them */
};

struct rule_conf {
    struct resource res;
    struct ref listener;
    uint32_t priority; /* 1..10000, unique per listener, smaller first; order by priority only */
    struct field_list conditions; /* struct condition; all of them */
    struct field_list actions;    /* struct action: rewrites, then exactly one final */
};

enum rule_order {
    ORDER_PRIORITY, /* first match by priority */
    ORDER_SPECIFICITY, /* exact host, then narrowest wildcard host, then no host; in it the longest path */
};

enum xff_mode { XFF_APPEND, XFF_REMOVE, XFF_OFF };

struct listener_state;

struct listener_conf {
    struct resource res;
    struct ref instance;
    struct field_list bind; /* struct addr, port 0 */
    uint32_t port;
    uint32_t protocol;
    struct addr ipv6_clients; /* network; family 0: clients of all IPv6 networks */
    uint32_t ipv6_clients_bits;
    uint32_t rule_order;
    struct field_list default_actions; /* as rule_conf.actions */
    bool access_log;

    uint32_t idle_timeout_ms;    /* http: between requests; tcp, udp: without a byte either way */
    uint32_t request_timeout_ms; /* http: server silent -> 504 */
    uint32_t header_timeout_ms;  /* http: first byte of a head to its end -> 408 */
    uint32_t body_timeout_ms;    /* http: between two reads of the request body -> 408 */
    uint32_t send_timeout_ms;    /* http: client takes no byte of the response */
    uint32_t tunnel_timeout_ms;  /* http: upgraded connection without a byte either way */
    uint32_t keepalive_requests; /* per client connection; 0: no limit */

    uint32_t line_bytes, header_bytes, head_bytes, n_headers;
    uint64_t body_bytes;

    uint32_t xff; /* enum xff_mode */
    bool x_forwarded_proto, x_forwarded_port, x_forwarded_host, x_forwarded_client_srcport;
    bool slb_id, slb_ip;
    bool convert_504; /* a server's own 504 or 444 is shown as 502 */

    struct listener_state
        *state; /* not a field: attached when applied; lives as long as any snapshot with it */
};

enum scheduler {
    SCHEDULER_RR,
    SCHEDULER_WRR,
    SCHEDULER_WLC,
    SCHEDULER_SCH, /* hash of the client's address */
    SCHEDULER_TCH, /* hash of both addresses and ports */
    SCHEDULER_QCH, /* udp: hash of the QUIC connection id */
    SCHEDULER_UCH, /* http: hash of a query parameter; without it, wrr */
};

struct server_state;

struct server_conf {
    const char *id;
    struct addr ip;
    uint32_t port;
    uint32_t weight; /* 0..100 */

    struct addr addr;           /* not a field: ip with port */
    struct server_state *state; /* not a field: attached when applied */
};

struct group_conf {
    struct resource res;
    uint32_t protocol; /* PROTOCOL_HTTP, PROTOCOL_TCP or PROTOCOL_UDP: how servers are spoken to */
    uint32_t scheduler;
    const char *hash_query;    /* uch: name of the parameter */
    struct field_list servers; /* struct server_conf */
    struct ref health_check;
    bool check_weight_zero; /* servers of weight 0 are checked too */
    bool fail_open;         /* all unhealthy: schedule over all; else refuse */
    uint32_t slow_start_ms; /* 0: off */
    bool drain; /* removed or unhealthy servers: connections are cut after drain_timeout_ms */
    uint32_t drain_timeout_ms;
    uint32_t connect_timeout_ms;
    uint32_t tries;           /* servers tried for one request or connection */
    struct field_list source; /* struct addr: local addresses towards servers, in turn */

    /* http: reuse connections to servers; else one per request with Connection: close */
    bool keepalive;
    uint32_t keepalive_idle_ms;
    uint32_t keepalive_conns;    /* idle ones per server and worker */
    uint32_t keepalive_requests; /* per connection; 0: no limit */
    bool version_by_client;      /* http: HTTP/1.0 clients reach servers by HTTP/1.0 */
    uint32_t response_head_bytes;
};

enum check_protocol { CHECK_TCP, CHECK_HTTP, CHECK_UDP };
enum check_method { CHECK_HEAD, CHECK_GET };

struct health_check_conf {
    struct resource res;
    uint32_t protocol;
    uint32_t port; /* 0: the server's */
    uint32_t interval_ms;
    uint32_t timeout_ms;
    uint32_t rise, fall;
    uint32_t method;
    uint32_t http_minor; /* enum of "1.0", "1.1" */
    const char *path;
    const char *host; /* "": the server's address */
    const char *user_agent;
    uint32_t codes;       /* flags http_2xx http_3xx http_4xx http_5xx */
    const char *request;  /* udp: what is sent */
    const char *response; /* udp: the only good answer; "": any, or none */
    struct addr source;
};

#define FIELD_ITEMS(list, type) ((type const *)(list).at)

struct model_kind {
    const char *name;
    bool served;
    size_t bytes; /* of its struct */
    const struct field *fields;
    /* NULL if the fields fit together, else one sentence for the user; *ret_field names the field. */
    const char *(*verify)(const void *conf, const char **ret_field);
    /* NULL, or sets what is absent and depends on other fields, and what is not a field. */
    void (*finish)(void *conf);
};

/* Rows of a kind; never NULL. */
const struct model_kind *model_kind(enum resource_kind kind);
/* KIND_COUNT if there is none of that name. */
enum resource_kind model_kind_find(const char *name);

extern const char *const product_names[], *const protocol_names[], *const scheduler_names[];
extern const char *const action_type_names[], *const condition_type_names[];

/* Defaults of listener_conf.idle_timeout_ms, whose row says 0. */
#define IDLE_TIMEOUT_HTTP_MS 15000u
#define IDLE_TIMEOUT_TCP_MS  900000u
#define IDLE_TIMEOUT_UDP_MS  90000u

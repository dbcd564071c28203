/* The rows of every kind, and what one resource can be checked for without its neighbours. */
#include "snapshot/model.h"

#include "snapshot/fields.h"

#define HOUR_MS       3600000u
#define GIB           ((uint64_t)1 << 30)
#define NAME_MAX_LEN  512u
#define SERVERS_MAX   1000u
#define VALUES_MAX    100u
#define CONDITION_MAX 20u
#define ACTIONS_MAX   8u

const char *const product_names[] = {"clb", "alb", "nlb", NULL};
const char *const protocol_names[] = {"tcp", "udp", "tcpssl", "http", "https", "quic", NULL};
const char *const scheduler_names[] = {"rr", "wrr", "wlc", "sch", "tch", "qch", "uch", NULL};
const char *const action_type_names[] = {"forward", "redirect", "fixed_response", "rewrite", NULL};
const char *const condition_type_names[] = {"host", "path", "method", "header", NULL};

static const char *const match_mode_names[] = {"pattern", "prefix", NULL};
static const char *const rule_order_names[] = {"priority", "specificity", NULL};
static const char *const xff_mode_names[] = {"append", "remove", "off", NULL};
static const char *const check_protocol_names[] = {"tcp", "http", "udp", NULL};
static const char *const check_method_names[] = {"head", "get", NULL};
static const char *const http_minor_names[] = {"1.0", "1.1", NULL};
static const char *const check_code_names[] = {
    "http_2xx", "http_3xx", "http_4xx", "http_5xx", NULL};

static const struct field instance_fields[] = {
    ENUM_FIELD(instance_conf, product, product_names, 0, FIELD_REQUIRED | FIELD_FIXED,
        "what it was bought as; a label for logs and metrics"),
    TEXT_FIELD(instance_conf, name, 0, NAME_MAX_LEN, NULL, 0, "what people call it"),
    {.type = FIELD_END},
};

static const struct field forward_group_fields[] = {
    REF_FIELD(forward_group, group, KIND_SERVER_GROUP, FIELD_REQUIRED, "group of servers"),
    UINT_FIELD(forward_group, weight, 0, 100, 100, 0,
        "share of requests among the groups of the action; 0 is never chosen"),
    {.type = FIELD_END},
};

static const struct field action_fields[] = {
    ENUM_FIELD(action, type, action_type_names, 0, FIELD_REQUIRED, "what is done"),
    LIST_FIELD(action, groups, forward_group, forward_group_fields, 0, 5,
        "forward: groups of servers, 1 to 5"),
    TEXT_FIELD(action, protocol, 0, 16, NULL, 0,
        "redirect: http, https or ${protocol}; empty keeps the request's"),
    TEXT_FIELD(action, host, 0, 253, NULL, 0,
        "redirect, rewrite: host, may have variables; empty keeps the request's"),
    TEXT_FIELD(
        action, port, 0, 16, NULL, 0, "redirect: a number or ${port}; empty keeps the request's"),
    TEXT_FIELD(action, path, 0, 1024, NULL, 0,
        "redirect, rewrite: path, may have variables; empty keeps the request's"),
    TEXT_FIELD(action, query, 0, 1024, NULL, 0,
        "redirect, rewrite: query, may have variables; empty keeps the request's"),
    UINT_FIELD(action, status, 0, 599, 0, 0,
        "redirect: 301, 302, 303, 307 or 308; fixed_response: 200 to 599"),
    TEXT_FIELD(action, content_type, 0, 128, NULL, 0,
        "fixed_response: media type; text/plain if there is content"),
    TEXT_FIELD(action, content, 0, 65536, NULL, FIELD_LINES, "fixed_response: body"),
    {.type = FIELD_END},
};

static const struct field condition_fields[] = {
    ENUM_FIELD(condition, type, condition_type_names, 0, FIELD_REQUIRED,
        "what of the request is looked at"),
    ENUM_FIELD(condition, match, match_mode_names, MATCH_PATTERN, 0,
        "pattern: all of it, * is any string and ? any character; prefix: the beginning of a path"),
    TEXT_FIELD(condition, key, 0, 40, NULL, 0, "header: its name"),
    TEXT_LIST_FIELD(condition, values, 1, VALUES_MAX, "one of them must match"),
    {.type = FIELD_END},
};

static const struct field rule_fields[] = {
    REF_FIELD(rule_conf, listener, KIND_LISTENER, FIELD_REQUIRED | FIELD_FIXED,
        "listener whose requests it decides"),
    UINT_FIELD(rule_conf, priority, 0, 10000, 0, 0,
        "order priority: 1 to 10000, unique in the listener, smaller first; else 0"),
    LIST_FIELD(rule_conf, conditions, condition, condition_fields, 1, CONDITION_MAX,
        "all of them must hold"),
    LIST_FIELD(rule_conf, actions, action, action_fields, 1, ACTIONS_MAX,
        "rewrites, then one final action"),
    {.type = FIELD_END},
};

static const struct field listener_fields[] = {
    REF_FIELD(listener_conf, instance, KIND_INSTANCE, FIELD_REQUIRED | FIELD_FIXED,
        "instance it belongs to"),
    IP_LIST_FIELD(listener_conf, bind, 1, 64, "local addresses"),
    UINT_FIELD(listener_conf, port, 1, 65535, 0, FIELD_REQUIRED, "local port"),
    ENUM_FIELD(listener_conf, protocol, protocol_names, 0, FIELD_REQUIRED | FIELD_FIXED,
        "what clients speak; tcp, udp and http are served"),
    IP_FIELD(listener_conf, ipv6_clients, 0,
        "network of the IPv6 clients; what others send to the IPv6 addresses is dropped, but for this "
        "host itself; all clients if there is none"),
    UINT_FIELD(listener_conf, ipv6_clients_bits, 0, 128, 0, 0, "length of the network's prefix"),
    ENUM_FIELD(listener_conf, rule_order, rule_order_names, ORDER_PRIORITY, 0,
        "priority: first match; specificity: narrowest host, then longest path"),
    LIST_FIELD(listener_conf, default_actions, action, action_fields, 1, ACTIONS_MAX,
        "when no rule matches"),
    BOOL_FIELD(listener_conf, access_log, true, "http: one line per request"),

    UINT_FIELD(listener_conf, idle_timeout_ms, 0, HOUR_MS, 0, 0,
        "http: between two requests; tcp, udp: without a byte either way; 0 is 15000 for http, "
        "900000 for tcp, 90000 for udp"),
    UINT_FIELD(listener_conf, request_timeout_ms, 10, HOUR_MS, 60000, 0,
        "http: a server that is silent for so long is answered for with 504"),
    UINT_FIELD(listener_conf, header_timeout_ms, 10, HOUR_MS, 60000, 0,
        "http: from the first byte of a request's head to its end, else 408"),
    UINT_FIELD(listener_conf, body_timeout_ms, 10, HOUR_MS, 60000, 0,
        "http: between two reads of a request's body, else 408"),
    UINT_FIELD(listener_conf, send_timeout_ms, 10, HOUR_MS, 60000, 0,
        "http: a client that takes no byte of the response for so long is cut off"),
    UINT_FIELD(listener_conf, tunnel_timeout_ms, 10, HOUR_MS, 60000, 0,
        "http: upgraded connection without a byte either way"),
    UINT_FIELD(listener_conf, keepalive_requests, 0, 1000000, 100, 0,
        "http: requests per client connection; 0 is no limit"),

    UINT_FIELD(
        listener_conf, line_bytes, 256, 32768, 32768, 0, "http: request line at most, else 414"),
    UINT_FIELD(listener_conf, header_bytes, 256, 32768, 32768, 0,
        "http: one header line at most, else 400"),
    UINT_FIELD(listener_conf, head_bytes, 1024, 65536, 65536, 0,
        "http: a request's whole head at most, else 400"),
    UINT_FIELD(listener_conf, n_headers, 10, 1000, 100, 0,
        "http: header lines of a request at most, else 400"),
    UINT64_FIELD(listener_conf, body_bytes, 0, 1024 * GIB, 50 * GIB,
        "http: a request's body at most, else 413"),

    ENUM_FIELD(listener_conf, xff, xff_mode_names, XFF_APPEND, 0,
        "http: X-Forwarded-For: append the client, remove the header, or leave it as it is"),
    BOOL_FIELD(listener_conf, x_forwarded_proto, false, "http: servers get X-Forwarded-Proto"),
    BOOL_FIELD(listener_conf, x_forwarded_port, false, "http: servers get X-Forwarded-Port"),
    BOOL_FIELD(listener_conf, x_forwarded_host, false, "http: servers get X-Forwarded-Host"),
    BOOL_FIELD(listener_conf, x_forwarded_client_srcport, false,
        "http: servers get X-Forwarded-Client-srcport"),
    BOOL_FIELD(listener_conf, slb_id, false, "http: servers get SLB-ID, the instance's id"),
    BOOL_FIELD(listener_conf, slb_ip, false, "http: servers get SLB-IP, the address asked"),
    BOOL_FIELD(
        listener_conf, convert_504, false, "http: a server's own 504 or 444 is shown as 502"),
    {.type = FIELD_END},
};

static const struct field server_fields[] = {
    TEXT_FIELD(server_conf, id, 1, 128, NULL, FIELD_REQUIRED, "unique in its group"),
    IP_FIELD(server_conf, ip, FIELD_REQUIRED, "address"),
    UINT_FIELD(server_conf, port, 1, 65535, 0, FIELD_REQUIRED, "port"),
    UINT_FIELD(server_conf, weight, 0, 100, 100, 0,
        "share of the work among the servers; 0 takes no new work"),
    {.type = FIELD_END},
};

static const struct field group_fields[] = {
    ENUM_FIELD(group_conf, protocol, protocol_names, 0, FIELD_REQUIRED | FIELD_FIXED,
        "how servers are spoken to: http, tcp or udp"),
    ENUM_FIELD(group_conf, scheduler, scheduler_names, SCHEDULER_WRR, 0,
        "how a server is chosen; qch only with udp, uch only with http"),
    TEXT_FIELD(group_conf, hash_query, 0, 128, NULL, 0,
        "uch: query parameter whose equal values go to one server"),
    LIST_FIELD(group_conf, servers, server_conf, server_fields, 0, SERVERS_MAX, "servers"),
    REF_FIELD(group_conf, health_check, KIND_HEALTH_CHECK, 0,
        "how servers are checked; without it all count as healthy"),
    BOOL_FIELD(group_conf, check_weight_zero, true, "servers of weight 0 are checked too"),
    BOOL_FIELD(group_conf, fail_open, false,
        "when no server is healthy, work goes to all of them; else it is refused"),
    UINT_FIELD(group_conf, slow_start_ms, 0, 900000, 0, 0,
        "wrr: how long a server that became healthy takes to reach its weight; 0 is at once, "
        "else at least 100"),
    BOOL_FIELD(group_conf, drain, false,
        "connections to removed or unhealthy servers are cut after drain_timeout_ms; else they end "
        "by themselves"),
    UINT_FIELD(group_conf, drain_timeout_ms, 0, 900000, 300000, 0, "see drain"),
    UINT_FIELD(group_conf, connect_timeout_ms, 10, 300000, 5000, 0,
        "http, tcp: a server that is not connected by then is given up"),
    UINT_FIELD(
        group_conf, tries, 1, 16, 3, 0, "http, tcp: servers tried for one request or connection"),
    IP_LIST_FIELD(group_conf, source, 0, 64,
        "local addresses towards servers, used in turn; the kernel chooses if there is none"),

    BOOL_FIELD(group_conf, keepalive, true,
        "http: connections to servers are used again; else each request says Connection: close"),
    UINT_FIELD(group_conf, keepalive_idle_ms, 10, HOUR_MS, 60000, 0,
        "http: an idle connection is closed after so long"),
    UINT_FIELD(group_conf, keepalive_conns, 0, 10000, 256, 0,
        "http: idle connections per server and worker"),
    UINT_FIELD(group_conf, keepalive_requests, 0, 1000000, 1000, 0,
        "http: requests per connection; 0 is no limit"),
    BOOL_FIELD(group_conf, version_by_client, false,
        "http: requests of HTTP/1.0 clients go to servers as HTTP/1.0"),
    UINT_FIELD(group_conf, response_head_bytes, 1024, 65536, 65536, 0,
        "http: a response's whole head at most, else 502"),
    {.type = FIELD_END},
};

static const struct field health_check_fields[] = {
    ENUM_FIELD(health_check_conf, protocol, check_protocol_names, 0, FIELD_REQUIRED,
        "how a server is asked"),
    UINT_FIELD(health_check_conf, port, 0, 65535, 0, 0, "port asked; 0 is the server's own"),
    UINT_FIELD(
        health_check_conf, interval_ms, 50, 300000, 2000, 0, "start of one check to the next"),
    UINT_FIELD(health_check_conf, timeout_ms, 50, 300000, 5000, 0, "a later answer is a failure"),
    UINT_FIELD(health_check_conf, rise, 1, 10, 3, 0, "successes in a row that bring a server up"),
    UINT_FIELD(health_check_conf, fall, 1, 10, 3, 0, "failures in a row that take a server down"),
    ENUM_FIELD(health_check_conf, method, check_method_names, CHECK_HEAD, 0, "http: method"),
    ENUM_FIELD(health_check_conf, http_minor, http_minor_names, 1, 0, "http: version"),
    TEXT_FIELD(health_check_conf, path, 1, 256, "/", 0, "http: path, may have a query"),
    TEXT_FIELD(health_check_conf, host, 0, 253, NULL, 0,
        "http: Host header; empty is the server's address"),
    TEXT_FIELD(health_check_conf, user_agent, 0, 128, "KeepAliveClient", 0,
        "http: User-Agent header; none if empty"),
    FLAGS_FIELD(health_check_conf, codes, check_code_names, 1, "http: statuses that are a success"),
    TEXT_FIELD(health_check_conf, request, 0, 512, NULL, 0, "udp: the datagram's content"),
    TEXT_FIELD(health_check_conf, response, 0, 512, NULL, 0,
        "udp: the one answer that is a success; if empty, silence is one and an ICMP error is none"),
    IP_FIELD(health_check_conf, source, 0, "local address; the kernel chooses if there is none"),
    {.type = FIELD_END},
};

/* Fields of the resource that only some protocols have a use for must be left alone by the others. */
static const char *find_foreign(
    const struct field *rows, const void *conf, const char *const *names)
{
    for (; *names; names++) {
        const struct field *row = fields_find(rows, span_of(*names));

        assert(row);
        if (!field_is_default(row, conf))
            return *names;
    }
    return NULL;
}

static bool is_header_text(const char *text, char lowest)
{
    for (; *text; text++) {
        if (*text < lowest || *text > '~')
            return false;
    }
    return true;
}

static const char *listener_verify(const void *conf, const char **ret_field)
{
    static const char *const http_only[] = {"rule_order", "request_timeout_ms", "header_timeout_ms",
        "body_timeout_ms", "send_timeout_ms", "tunnel_timeout_ms", "keepalive_requests",
        "line_bytes", "header_bytes", "head_bytes", "n_headers", "body_bytes", "xff",
        "x_forwarded_proto", "x_forwarded_port", "x_forwarded_host", "x_forwarded_client_srcport",
        "slb_id", "slb_ip", "convert_504", NULL};
    const struct listener_conf *listener = conf;

    if (listener->idle_timeout_ms < 10) {
        *ret_field = "idle_timeout_ms";
        return "must be 0, for the protocol's default, or at least 10";
    }
    *ret_field = "ipv6_clients";
    if (listener->ipv6_clients.family == 4)
        return "must be an IPv6 address";
    *ret_field = "ipv6_clients_bits";
    if ((listener->ipv6_clients.family == 6) != (listener->ipv6_clients_bits > 0))
        return "must be given with ipv6_clients, and only with it";
    *ret_field = NULL;
    if (listener->protocol == PROTOCOL_TCP || listener->protocol == PROTOCOL_UDP) {
        *ret_field = find_foreign(listener_fields, conf, http_only);
        return *ret_field ? "is for listeners of protocol http only" : NULL;
    }
    return NULL;
}

static const char *group_verify(const void *conf, const char **ret_field)
{
    static const char *const http_only[] = {"hash_query", "keepalive", "keepalive_idle_ms",
        "keepalive_conns", "keepalive_requests", "version_by_client", "response_head_bytes", NULL};
    static const char *const not_udp[] = {"connect_timeout_ms", "tries", NULL};
    const struct group_conf *group = conf;

    *ret_field = "scheduler";
    if (group->scheduler == SCHEDULER_QCH && group->protocol != PROTOCOL_UDP)
        return "qch needs protocol udp";
    if (group->scheduler == SCHEDULER_UCH && group->protocol != PROTOCOL_HTTP)
        return "uch needs protocol http";
    *ret_field = "hash_query";
    if (group->scheduler == SCHEDULER_UCH && group->hash_query[0] == '\0')
        return "is required by scheduler uch";
    if (group->scheduler != SCHEDULER_UCH && group->hash_query[0] != '\0')
        return "is for scheduler uch only";
    *ret_field = "slow_start_ms";
    if (group->slow_start_ms != 0 && group->slow_start_ms < 100)
        return "must be 0 or at least 100";
    if (group->slow_start_ms != 0 && group->scheduler != SCHEDULER_WRR)
        return "is for scheduler wrr only";
    *ret_field = NULL;
    if (group->protocol == PROTOCOL_TCP || group->protocol == PROTOCOL_UDP)
        *ret_field = find_foreign(group_fields, conf, http_only);
    if (*ret_field)
        return "is for groups of protocol http only";
    if (group->protocol == PROTOCOL_UDP)
        *ret_field = find_foreign(group_fields, conf, not_udp);
    return *ret_field ? "means nothing to groups of protocol udp" : NULL;
}

static const char *health_check_verify(const void *conf, const char **ret_field)
{
    static const char *const http_only[] = {
        "method", "http_minor", "path", "host", "user_agent", "codes", NULL};
    static const char *const udp_only[] = {"request", "response", NULL};
    const struct health_check_conf *check = conf;

    if (check->protocol != CHECK_UDP) {
        *ret_field = find_foreign(health_check_fields, conf, udp_only);
        if (*ret_field)
            return "is for checks of protocol udp only";
    }
    if (check->protocol != CHECK_HTTP) {
        *ret_field = find_foreign(health_check_fields, conf, http_only);
        return *ret_field ? "is for checks of protocol http only" : NULL;
    }
    *ret_field = "path";
    if (check->path[0] != '/' || !is_header_text(check->path, '!') || strchr(check->path, '#'))
        return "must begin with / and have visible ASCII characters other than #";
    *ret_field = "host";
    if (!is_header_text(check->host, '!') || strpbrk(check->host, "/?#@\\\""))
        return "must be a host name or address";
    *ret_field = "user_agent";
    if (!is_header_text(check->user_agent, ' ') || check->user_agent[0] == ' ' ||
        (check->user_agent[0] && check->user_agent[strlen(check->user_agent) - 1] == ' '))
        return "must be ASCII text without a space at its ends";
    *ret_field = "codes";
    return check->codes != 0 ? NULL : "must have at least one name";
}

static void actions_finish(struct field_list list)
{
    struct action *actions = list.at;

    for (uint32_t i = 0; i < list.n; i++) {
        bool needs_type = actions[i].type == ACTION_FIXED_RESPONSE && actions[i].content[0] != '\0';

        if (needs_type && actions[i].content_type[0] == '\0')
            actions[i].content_type = "text/plain";
    }
}

static void rule_finish(void *conf)
{
    actions_finish(((struct rule_conf *)conf)->actions);
}

static void listener_finish(void *conf)
{
    struct listener_conf *listener = conf;

    actions_finish(listener->default_actions);
    if (listener->idle_timeout_ms != 0)
        return;
    if (listener->protocol == PROTOCOL_UDP || listener->protocol == PROTOCOL_QUIC)
        listener->idle_timeout_ms = IDLE_TIMEOUT_UDP_MS;
    else if (listener->protocol == PROTOCOL_TCP || listener->protocol == PROTOCOL_TCPSSL)
        listener->idle_timeout_ms = IDLE_TIMEOUT_TCP_MS;
    else
        listener->idle_timeout_ms = IDLE_TIMEOUT_HTTP_MS;
}

static void group_finish(void *conf)
{
    struct group_conf *group = conf;
    struct server_conf *servers = group->servers.at;

    for (uint32_t i = 0; i < group->servers.n; i++) {
        servers[i].addr = servers[i].ip;
        servers[i].addr.port = (uint16_t)servers[i].port;
    }
}

static const struct field no_fields[] = {{.type = FIELD_END}};

#define KIND_NAME(NAME, word, is_served) \
    [KIND_##NAME].name = (word), [KIND_##NAME].served = (is_served),
#define KIND_ROWS(NAME, st, rows) \
    [KIND_##NAME].bytes = sizeof(struct st), [KIND_##NAME].fields = (rows)

static const struct model_kind kinds[KIND_COUNT] = {
    RESOURCE_KIND_LIST(KIND_NAME) /* has its commas */
    KIND_ROWS(INSTANCE, instance_conf, instance_fields),
    KIND_ROWS(LISTENER, listener_conf, listener_fields),
    [KIND_LISTENER].verify = listener_verify,
    [KIND_LISTENER].finish = listener_finish,
    KIND_ROWS(RULE, rule_conf, rule_fields),
    [KIND_RULE].finish = rule_finish,
    KIND_ROWS(SERVER_GROUP, group_conf, group_fields),
    [KIND_SERVER_GROUP].verify = group_verify,
    [KIND_SERVER_GROUP].finish = group_finish,
    KIND_ROWS(HEALTH_CHECK, health_check_conf, health_check_fields),
    [KIND_HEALTH_CHECK].verify = health_check_verify,
    KIND_ROWS(CERTIFICATE, resource, no_fields),
    KIND_ROWS(CLIENT_CA, resource, no_fields),
    KIND_ROWS(TLS_POLICY, resource, no_fields),
    KIND_ROWS(ACCESS_LIST, resource, no_fields),
    KIND_ROWS(SECURITY_GROUP, resource, no_fields),
    KIND_ROWS(DNS_ZONE, resource, no_fields),
    KIND_ROWS(LOG_TARGET, resource, no_fields),
};

const struct model_kind *model_kind(enum resource_kind kind)
{
    assert(kind < KIND_COUNT);
    return &kinds[kind];
}

enum resource_kind model_kind_find(const char *name)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        if (strcmp(kinds[kind].name, name) == 0)
            return (enum resource_kind)kind;
    }
    return KIND_COUNT;
}

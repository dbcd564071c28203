#include "observe/access_log.h"

#define FORMAT_SECOND_LEN 19u /* "2026-01-31T23:59:59" */

/* A line is written without a look at the room, which suffices for the longest: keys, numbers, addresses and
 * words need less than this, and each text six bytes for each of its own. */
#define FORMAT_BYTES_MAX     2048u
#define FORMAT_TRY_BYTES_MAX 192u

/* Each returns the byte behind what it wrote. */
#define PUT(at, literal) (memcpy((at), (literal), sizeof(literal) - 1), (at) + sizeof(literal) - 1)
#define PUT_TEXT(at, name, value)                        \
    ((value).len == 0 ? PUT((at), ",\"" name "\":\"-\"") \
                      : text_put_json(PUT((at), ",\"" name "\":"), (value)))
#define PUT_U64(at, name, value) text_put_u64(PUT((at), ",\"" name "\":"), (value))
#define PUT_TIME(at, name, span) text_put_fixed(PUT((at), ",\"" name "\":"), in_ms(span), 3)
#define PUT_WORD(at, name, put, ...)                            \
    do {                                                        \
        (at) = put(PUT((at), ",\"" name "\":\""), __VA_ARGS__); \
        *(at)++ = '"';                                          \
    } while (0)

/* Time that went backwards is no time. */
static uint64_t in_ms(nsec span)
{
    return span > 0 ? (uint64_t)(span / NSEC_PER_MSEC) : 0;
}

/* Most lines of a batch fall into the same second: only the milliseconds are written anew. */
static char *put_time(char *at, nsec wall)
{
    static _Thread_local char cached[CLOCK_TEXT_MAX];
    static _Thread_local size_t cached_len;
    static _Thread_local int64_t cached_second;
    int64_t second = wall / NSEC_PER_SEC - (wall % NSEC_PER_SEC < 0 ? 1 : 0);
    unsigned ms = (unsigned)((wall - second * NSEC_PER_SEC) / NSEC_PER_MSEC);

    if (second != cached_second || cached_len == 0) {
        cached_len = clock_format(wall, cached);
        cached_second = second;
    }
    memcpy(at, cached, sizeof(cached));
    at[FORMAT_SECOND_LEN + 1] = (char)('0' + ms / 100);
    at[FORMAT_SECOND_LEN + 2] = (char)('0' + ms / 10 % 10);
    at[FORMAT_SECOND_LEN + 3] = (char)('0' + ms % 10);
    return at + cached_len;
}

static char *put_ip(char *at, const struct addr *addr)
{
    return at + addr_format_ip(addr, at);
}

static char *put_reason(char *at, uint16_t reason)
{
    struct span word = span_of(reason_word((enum reason)reason));

    memcpy(at, word.ptr, word.len);
    return at + word.len;
}

static char *put_try_addr(char *at, const struct log_try *try)
{
    return at + addr_format(&try->server, at);
}

static char *put_try_time(char *at, const struct log_try *try)
{
    return text_put_fixed(at, in_ms(try->time_ns), 3);
}

static char *put_try_status(char *at, const struct log_try *try)
{
    return try->status == 0 ? PUT(at, "-") : text_put_u64(at, try->status);
}

static char *put_try_reason(char *at, const struct log_try *try)
{
    return put_reason(at, try->reason);
}

static unsigned n_tries_of(const struct log_record *record)
{
    return MIN(record->n_tries, LOG_TRIES_MAX);
}

/* One value for each try, in their order. */
static inline char *put_tries(char *at, const struct log_record *record,
    char *(*put_try)(char *at, const struct log_try *try))
{
    unsigned n = n_tries_of(record);

    if (n == 0)
        return PUT(at, "-");
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            at = PUT(at, ", ");
        at = put_try(at, &record->tries[i]);
    }
    return at;
}

static char *put_client(char *at, const struct log_record *record)
{
    at = PUT_U64(at, "body_bytes_sent", record->body_bytes_sent);
    PUT_WORD(at, "client_ip", put_ip, &record->client);
    return PUT_U64(at, "client_port", record->client.port);
}

static char *put_headers(char *at, const struct log_record *record)
{
    at = PUT_TEXT(at, "host", record->host);
    at = PUT_TEXT(at, "http_host", record->http_host);
    at = PUT_TEXT(at, "http_referer", record->referer);
    at = PUT_TEXT(at, "http_user_agent", record->user_agent);
    at = PUT_TEXT(at, "http_x_forwarded_for", record->forwarded_for);
    return PUT_TEXT(at, "http_x_real_ip", record->real_ip);
}

static char *put_request(char *at, const struct log_record *record)
{
    at = PUT_U64(at, "read_request_time", in_ms(record->read_request_ns));
    at = PUT_U64(at, "request_length", record->request_bytes);
    at = PUT_TEXT(at, "request_method", record->method);
    at = PUT_TIME(at, "request_time", record->request_ns);
    at = PUT_TEXT(at, "request_uri", record->uri);
    at = PUT_TEXT(at, "scheme", record->scheme);
    return PUT_TEXT(at, "server_protocol", record->protocol);
}

static char *put_instance(char *at, const struct log_record *record)
{
    at = PUT_U64(at, "slb_vport", record->vip.port);
    if (record->product == LOG_PRODUCT_CLB)
        at = PUT_TEXT(at, "slbid", record->instance);
    else
        at = PUT_TEXT(at, "app_lb_id", record->instance);
    at = PUT_U64(at, "status", record->status);
    return PUT_U64(at, "tcpinfo_rtt", record->rtt_us);
}

static char *put_upstream(char *at, const struct log_record *record)
{
    PUT_WORD(at, "upstream_addr", put_tries, record, put_try_addr);
    PUT_WORD(at, "upstream_response_time", put_tries, record, put_try_time);
    PUT_WORD(at, "upstream_status", put_tries, record, put_try_status);
    return at;
}

static char *put_rule(char *at, const struct log_record *record)
{
    PUT_WORD(at, "vip_addr", put_ip, &record->vip);
    at = PUT_U64(at, "write_response_time", in_ms(record->write_response_ns));
    at = PUT_TEXT(at, "hit_rule_id", record->rule);
    at = PUT_TEXT(at, "listener_id", record->listener);
    PUT_WORD(at, "reason", put_reason, record->reason);
    PUT_WORD(at, "upstream_reason", put_tries, record, put_try_reason);
    return at;
}

static char *put_line(char *at, const struct log_record *record)
{
    if (record->product == LOG_PRODUCT_CLB)
        at = PUT(at, "{\"__topic__\":\"slb_layer7_access_log\"");
    else
        at = PUT(at, "{\"__topic__\":\"alb_layer7_access_log\"");
    PUT_WORD(at, "time", put_time, record->wall_at);
    at = put_client(at, record);
    at = put_headers(at, record);
    at = put_request(at, record);
    at = put_instance(at, record);
    at = put_upstream(at, record);
    at = put_rule(at, record);
    return PUT(at, "}\n");
}

/* What the line may need. */
static size_t line_bytes_max(const struct log_record *record)
{
    const struct span *const texts[] = {&record->instance, &record->listener, &record->rule,
        &record->host, &record->http_host, &record->referer, &record->user_agent,
        &record->forwarded_for, &record->real_ip, &record->method, &record->uri, &record->scheme,
        &record->protocol};
    size_t bytes = FORMAT_BYTES_MAX + n_tries_of(record) * FORMAT_TRY_BYTES_MAX;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        bytes += TEXT_JSON_MAX(texts[i]->len);
    return bytes;
}

void access_log_format(const struct log_record *record, struct text *out)
{
    size_t bytes_max = line_bytes_max(record);
    char *line;

    if (LIKELY(!out->failed && bytes_max <= out->cap - out->len)) {
        line = out->ptr + out->len;
        out->len += (size_t)(put_line(line, record) - line);
        return;
    }
    /* The line may fit all the same, or out may grow for it. */
    line = base_alloc(bytes_max);
    text_add(out, (struct span){line, (size_t)(put_line(line, record) - line)});
    free(line);
}

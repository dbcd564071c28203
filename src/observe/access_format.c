#include "observe/access_log.h"

#define FORMAT_SECOND_LEN 19u /* "2026-01-31T23:59:59" */

/* The name is a literal, so that name, quotes and colon are one store. */
#define FORMAT_TEXT(out, name, value)                \
    do {                                             \
        text_add((out), SPAN_LIT(",\"" name "\":")); \
        format_text((out), (value));                 \
    } while (0)
#define FORMAT_U64(out, name, value)                 \
    do {                                             \
        text_add((out), SPAN_LIT(",\"" name "\":")); \
        text_add_u64((out), (value));                \
    } while (0)
#define FORMAT_FIXED(out, name, value, decimals)     \
    do {                                             \
        text_add((out), SPAN_LIT(",\"" name "\":")); \
        text_add_fixed((out), (value), (decimals));  \
    } while (0)
#define FORMAT_WORD(out, name, value)                  \
    do {                                               \
        text_add((out), SPAN_LIT(",\"" name "\":\"")); \
        (value);                                       \
        text_add_char((out), '"');                     \
    } while (0)

static void format_text(struct text *out, struct span value)
{
    if (value.len == 0)
        text_add(out, SPAN_LIT("\"-\""));
    else
        text_add_json(out, value);
}

/* Time that went backwards is no time. */
static uint64_t format_ms(nsec span)
{
    return span > 0 ? (uint64_t)(span / NSEC_PER_MSEC) : 0;
}

/* Most lines of a batch fall into the same second: only the milliseconds are written anew. */
static void format_time(struct text *out, nsec wall)
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
    cached[FORMAT_SECOND_LEN + 1] = (char)('0' + ms / 100);
    cached[FORMAT_SECOND_LEN + 2] = (char)('0' + ms / 10 % 10);
    cached[FORMAT_SECOND_LEN + 3] = (char)('0' + ms % 10);
    text_add(out, (struct span){cached, cached_len});
}

static void format_ip(struct text *out, const struct addr *addr)
{
    char buf[ADDR_TEXT_MAX];

    text_add(out, (struct span){buf, addr_format_ip(addr, buf)});
}

static void format_try_addr(struct text *out, const struct log_try *try)
{
    char buf[ADDR_TEXT_MAX];

    text_add(out, (struct span){buf, addr_format(&try->server, buf)});
}

static void format_try_time(struct text *out, const struct log_try *try)
{
    text_add_fixed(out, format_ms(try->time_ns), 3);
}

static void format_try_status(struct text *out, const struct log_try *try)
{
    if (try->status == 0)
        text_add_char(out, '-');
    else
        text_add_u64(out, try->status);
}

static void format_try_reason(struct text *out, const struct log_try *try)
{
    text_add(out, span_of(reason_word((enum reason)try->reason)));
}

/* One value for each try, in their order. */
static void format_tries(struct text *out, const struct log_record *record,
    void (*format)(struct text *out, const struct log_try *try))
{
    unsigned n = MIN(record->n_tries, LOG_TRIES_MAX);

    if (n == 0)
        text_add_char(out, '-');
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            text_add(out, SPAN_LIT(", "));
        format(out, &record->tries[i]);
    }
}

static void format_client(struct text *out, const struct log_record *record)
{
    FORMAT_U64(out, "body_bytes_sent", record->body_bytes_sent);
    FORMAT_WORD(out, "client_ip", format_ip(out, &record->client));
    FORMAT_U64(out, "client_port", record->client.port);
}

static void format_headers(struct text *out, const struct log_record *record)
{
    FORMAT_TEXT(out, "host", record->host);
    FORMAT_TEXT(out, "http_host", record->http_host);
    FORMAT_TEXT(out, "http_referer", record->referer);
    FORMAT_TEXT(out, "http_user_agent", record->user_agent);
    FORMAT_TEXT(out, "http_x_forwarded_for", record->forwarded_for);
    FORMAT_TEXT(out, "http_x_real_ip", record->real_ip);
}

static void format_request(struct text *out, const struct log_record *record)
{
    FORMAT_U64(out, "read_request_time", format_ms(record->read_request_ns));
    FORMAT_U64(out, "request_length", record->request_bytes);
    FORMAT_TEXT(out, "request_method", record->method);
    FORMAT_FIXED(out, "request_time", format_ms(record->request_ns), 3);
    FORMAT_TEXT(out, "request_uri", record->uri);
    FORMAT_TEXT(out, "scheme", record->scheme);
    FORMAT_TEXT(out, "server_protocol", record->protocol);
}

static void format_instance(struct text *out, const struct log_record *record)
{
    FORMAT_U64(out, "slb_vport", record->vip.port);
    if (record->product == LOG_PRODUCT_CLB)
        FORMAT_TEXT(out, "slbid", record->instance);
    else
        FORMAT_TEXT(out, "app_lb_id", record->instance);
    FORMAT_U64(out, "status", record->status);
    FORMAT_U64(out, "tcpinfo_rtt", record->rtt_us);
}

static void format_upstream(struct text *out, const struct log_record *record)
{
    FORMAT_WORD(out, "upstream_addr", format_tries(out, record, format_try_addr));
    FORMAT_WORD(out, "upstream_response_time", format_tries(out, record, format_try_time));
    FORMAT_WORD(out, "upstream_status", format_tries(out, record, format_try_status));
}

static void format_rule(struct text *out, const struct log_record *record)
{
    FORMAT_WORD(out, "vip_addr", format_ip(out, &record->vip));
    FORMAT_U64(out, "write_response_time", format_ms(record->write_response_ns));
    FORMAT_TEXT(out, "hit_rule_id", record->rule);
    FORMAT_TEXT(out, "listener_id", record->listener);
    FORMAT_TEXT(out, "reason", span_of(reason_word((enum reason)record->reason)));
    FORMAT_WORD(out, "upstream_reason", format_tries(out, record, format_try_reason));
}

void access_log_format(const struct log_record *record, struct text *out)
{
    size_t len_before = out->len;

    if (record->product == LOG_PRODUCT_CLB)
        text_add(out, SPAN_LIT("{\"__topic__\":\"slb_layer7_access_log\""));
    else
        text_add(out, SPAN_LIT("{\"__topic__\":\"alb_layer7_access_log\""));
    FORMAT_WORD(out, "time", format_time(out, record->wall_at));
    format_client(out, record);
    format_headers(out, record);
    format_request(out, record);
    format_instance(out, record);
    format_upstream(out, record);
    format_rule(out, record);
    text_add(out, SPAN_LIT("}\n"));
    if (text_failed(out))
        out->len = MIN(out->len, len_before);
}

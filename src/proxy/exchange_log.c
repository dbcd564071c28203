/* Counters and the access log line of an exchange that is over. */
#include "proxy/exchange.h"
#include "proxy/proxy.h"

static void count_status(struct listener_cell *cell, uint16_t status)
{
    counter *const classes[] = {&cell->status_1xx, &cell->status_2xx, &cell->status_3xx,
        &cell->status_4xx, &cell->status_5xx};
    unsigned i = status / 100u;

    if (i >= 1 && i <= ARRAY_LEN(classes))
        counter_add(classes[i - 1], 1);
}

/* Headers as the client sent them: edits only mark. Of several the first counts. */
static void log_headers(const struct exchange *x, struct log_record *record)
{
    for (uint32_t i = x->n_received; i-- > 0;) {
        const struct http_header *h = &x->request.fields.at[i];

        switch (h->id) {
        case HTTP_NAME_HOST:
            record->http_host = http_header_value(h);
            break;
        case HTTP_NAME_REFERER:
            record->referer = http_header_value(h);
            break;
        case HTTP_NAME_USER_AGENT:
            record->user_agent = http_header_value(h);
            break;
        case HTTP_NAME_X_FORWARDED_FOR:
            record->forwarded_for = http_header_value(h);
            break;
        case HTTP_NAME_X_REAL_IP:
            record->real_ip = http_header_value(h);
            break;
        default:
            break;
        }
    }
}

static void exchange_log(const struct exchange *x, nsec now)
{
    static const char *const versions[] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"};
    const struct instance_conf *instance =
        snapshot_instance(x->view->snapshot, x->conf->instance.slot);
    struct log_record record;

    memset(&record, 0, offsetof(struct log_record, tries));
    record.wall_at = engine_wall(x->proxy->engine);
    record.client = x->client;
    record.vip = x->vip;
    record.instance = span_of(instance ? instance->res.id : NULL);
    record.product = instance ? (uint8_t)instance->product : PRODUCT_ALB;
    record.listener = span_of(x->conf->res.id);
    record.rule = span_of(x->verdict.rule ? x->verdict.rule->res.id : NULL);
    log_headers(x, &record);
    record.host = x->request.authority;
    record.method = x->request.method_text;
    record.uri = x->request.target;
    record.scheme = SPAN_LIT("http");
    record.protocol =
        x->request.method_text.len > 0 ? span_of(versions[x->request.version]) : (struct span){0};
    record.request_bytes = x->request_bytes;
    record.body_bytes_sent = x->body_sent;
    record.request_ns = now - x->begun_at;
    record.read_request_ns = x->request_at - x->begun_at;
    record.write_response_ns = x->response_at ? now - x->response_at : 0;
    record.rtt_us = x->rtt_us;
    record.status = x->status;
    record.reason = (uint16_t)x->reason;
    record.n_tries = x->n_tries;
    memcpy(record.tries, x->tries, x->n_tries * sizeof(x->tries[0]));
    access_log_add(x->proxy->log, x->proxy->worker->index, &record);
}

void exchange_account(struct exchange *x)
{
    struct listener_cell *cell = x->listener->cell;
    nsec now = engine_now(x->proxy->engine);

    count_status(cell, x->status);
    histogram_add(&cell->request_time, now - x->begun_at);
    if (x->reason != REASON_NONE)
        counter_add(&cell->reasons[x->reason], 1);
    if (x->proxy->log && x->conf->access_log)
        exchange_log(x, now);
}

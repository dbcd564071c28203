#include "control/api/events.h"

#include <time.h>

#include "control/call.h"
#include "observe/log.h"

#define EVENTS_GATHERED_MAX 256u
#define EVENTS_BYTES_MAX    (4u << 20)
/* Parameters or an answer that are longer are left out of the record. */
#define EVENT_PART_MAX 65536u

/* The op with what it answers in place of what it takes: params_without_secrets knows the latter only. */
static json_t *without_secrets_out(const struct openapi_operation *op, const json_t *answer)
{
    struct openapi_operation turned = *op;

    turned.in = op->out;
    return params_without_secrets(&turned, answer);
}

/* part is taken over. */
static void put_part(json_t *record, const char *name, json_t *part)
{
    size_t bytes = json_dumpb(part, NULL, 0, JSON_COMPACT);

    if (bytes <= EVENT_PART_MAX) {
        json_put(record, name, part);
        return;
    }
    json_decref(part);
    json_put(record, name, json_pack("{s:I}", "omittedBytes", (json_int_t)bytes));
}

static void put_time(json_t *record, uint64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    char text[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    (void)!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_put_text(record, "eventTime", text);
}

/* json_put_text for what a client sent as a header: bytes that are not UTF-8 are no JSON. */
static void put_foreign(json_t *record, const char *name, const char *value)
{
    json_t *text = json_string(value);

    json_put(record, name, text ? text : json_string(""));
}

static json_t *make_record(const struct event_facts *facts, const char *id)
{
    json_t *record = json_object();
    json_t *user = json_object();
    bool is_read = facts->op->is_read;

    json_put_text(record, "eventId", id);
    json_put_text(record, "eventVersion", "1");
    json_put_text(record, "eventType", "ApiCall");
    json_put_text(record, "eventCategory", "Management");
    json_put_text(record, "eventName", facts->op->name);
    json_put_text(record, "eventRW", is_read ? "Read" : "Write");
    put_time(record, facts->now_ms);
    put_foreign(record, "eventSource", facts->host);
    json_put_text(record, "serviceName", facts->op->product->name);
    json_put_text(record, "apiVersion", facts->op->product->version);
    json_put_text(record, "acsRegion", facts->region);
    json_put_text(record, "requestId", facts->request_id);
    put_foreign(record, "sourceIpAddress", facts->source_ip);
    put_foreign(record, "userAgent", facts->user_agent);
    json_put_text(user, "type", "access-key");
    json_put_text(user, "accessKeyId", facts->who);
    json_put(record, "userIdentity", user);
    if (facts->resource[0] != '\0')
        json_put_text(record, "resourceName", facts->resource);
    if (facts->code[0] != '\0') {
        json_put_text(record, "errorCode", facts->code);
        put_foreign(record, "errorMessage", facts->message);
    }
    if (facts->in)
        put_part(record, "requestParameters", params_without_secrets(facts->op, facts->in));
    if (facts->answer && !is_read)
        put_part(record, "responseElements", without_secrets_out(facts->op, facts->answer));
    return record;
}

struct event event_make(const struct event_facts *facts)
{
    struct event event = {.name = facts->op->name, .time_ms = facts->now_ms};
    json_t *record;

    uuid_make(event.id, true);
    (void)snprintf(event.resource, sizeof(event.resource), "%s", facts->resource);
    (void)snprintf(event.user, sizeof(event.user), "%s", facts->who);
    record = make_record(facts, event.id);
    event.json = json_dumps(record, JSON_COMPACT);
    assert(event.json);
    json_decref(record);
    return event;
}

void event_done(struct event *event)
{
    free(event->json);
    event->json = NULL;
}

struct store_event event_row(const struct event *event)
{
    return (struct store_event){
        .id = span_of(event->id),
        .time_ms = event->time_ms,
        .name = span_of(event->name),
        .resource = span_of(event->resource),
        .user = span_of(event->user),
        .json = span_of(event->json),
    };
}

void events_add(struct events *events, struct event *event)
{
    if (!events->items)
        events->items = base_calloc(EVENTS_GATHERED_MAX, sizeof(*events->items));
    events->items[events->n++] = *event;
    events->bytes += strlen(event->json);
    if (events->n == EVENTS_GATHERED_MAX || events->bytes > EVENTS_BYTES_MAX)
        events_flush(events);
}

void events_flush(struct events *events)
{
    struct store_event rows[EVENTS_GATHERED_MAX];
    uint64_t revision;
    int r;

    if (events->n == 0)
        return;
    for (uint32_t i = 0; i < events->n; i++)
        rows[i] = event_row(&events->items[i]);
    store_relax(events->store);
    r = store_commit(events->store, NULL, 0, rows, events->n, &revision);
    if (r < 0)
        log_line(LOG_ERROR, "api: %u records of the operation log are lost: %s", events->n,
            strerrordesc_np(-r));
    for (uint32_t i = 0; i < events->n; i++)
        event_done(&events->items[i]);
    events->n = 0;
    events->bytes = 0;
}

void events_done(struct events *events)
{
    events_flush(events);
    free(events->items);
    *events = (struct events){0};
}

/* LookupEvents: the operation log, newest first unless asked otherwise. */
#include <strings.h>

#include "control/api/wire.h"
#include "control/call_page.h"
#include "control/control.h"
#include "control/products/system/system.h"

#define DEFAULT_SPAN_MS (7ull * 24 * 3600 * 1000)
#define STORE_PAGE      50u
/* Records read for one answer where the store cannot filter: then an answer may be short and still have a token. */
#define SCANNED_MAX 5000u

/* What the store cannot filter by. NULL: any. */
struct post_filter {
    const char *service, *rw;
};

struct lookup {
    struct call *call;
    struct store_event_query query;
    struct post_filter filter;
    json_t *rows;
    uint32_t wanted, scanned, n_page;
    uint64_t last; /* number of the last record read */
};

/* Objects of a record as JSON texts: their members are those of all operations. */
static void put_as_text(json_t *row, const char *from, const char *to)
{
    const json_t *part = json_object_get(row, from);
    char *dump = part ? json_dumps(part, JSON_COMPACT) : NULL;

    json_put_text(row, to, dump);
    free(dump);
}

static bool passes(const struct post_filter *filter, const json_t *row)
{
    const char *service = json_text(row, "serviceName");
    const char *rw = json_text(row, "eventRW");

    return (!filter->service || (service && strcasecmp(service, filter->service) == 0)) &&
           (!filter->rw || (rw && strcasecmp(rw, filter->rw) == 0));
}

static int on_event(void *arg, uint64_t number, struct span json)
{
    struct lookup *lookup = arg;
    json_t *row;

    if (json_array_size(lookup->rows) == lookup->wanted)
        return 0;
    lookup->n_page++;
    lookup->last = number;
    row = json_loadb(json.ptr, json.len, 0, NULL);
    if (!row)
        return -EIO;
    if (!passes(&lookup->filter, row)) {
        json_decref(row);
        return 0;
    }
    put_as_text(row, "requestParameters", "requestParameterJson");
    put_as_text(row, "responseElements", "responseElementsJson");
    (void)json_array_append_new(lookup->rows, row);
    return 0;
}

static int read_attribute(struct lookup *lookup, const char *key, const char *value)
{
    struct store_event_query *query = &lookup->query;
    const struct {
        const char *key;
        struct span *span;
        const char **text;
    } keys[] = {
        {"EventAccessKeyId", &query->user, NULL},
        {"User", &query->user, NULL},
        {"EventId", &query->id, NULL},
        {"EventName", &query->name, NULL},
        {"ResourceName", &query->resource, NULL},
        {"ServiceName", NULL, &lookup->filter.service},
        {"EventRW", NULL, &lookup->filter.rw},
    };

    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i].key, key) != 0)
            continue;
        if ((keys[i].span && keys[i].span->ptr) || (keys[i].text && *keys[i].text))
            break;
        if (keys[i].span)
            *keys[i].span = span_of(value);
        else
            *keys[i].text = value;
        return 0;
    }
    return call_fail(
        lookup->call, "InvalidQueryParameter", "LookupAttribute %s is given twice.", key);
}

/* *ret_ms stays as it is without the parameter. */
static int read_time(struct call *call, const char *name, uint64_t *ret_ms)
{
    const char *text = call_text(call, name);

    if (!text || text[0] == '\0' || wire_parse_time(span_of(text), ret_ms) == 0)
        return 0;
    return call_fail(call, "InvalidParameter",
        "%s is %.64s; it must look like 2026-01-31T23:59:59Z.", name, text);
}

static int read_query(struct lookup *lookup)
{
    struct call *call = lookup->call;
    struct store_event_query *query = &lookup->query;
    const char *token = call_text(call, "NextToken");
    const json_t *attribute;
    size_t i;
    int r;

    query->to_ms = call->now_ms;
    r = read_time(call, "EndTime", &query->to_ms);
    if (r < 0)
        return r;
    query->from_ms = query->to_ms - MIN(DEFAULT_SPAN_MS, query->to_ms);
    r = read_time(call, "StartTime", &query->from_ms);
    if (r < 0)
        return r;
    if (query->from_ms > query->to_ms)
        return call_fail(call, "InvalidTimeRange", "StartTime is later than EndTime.");
    query->oldest_first = json_text_is(call->in, "Direction", "FORWARD");
    query->limit = STORE_PAGE;
    json_array_foreach (json_object_get(call->in, "LookupAttribute"), i, attribute) {
        r = read_attribute(lookup, json_text(attribute, "Key"), json_text(attribute, "Value"));
        if (r < 0)
            return r;
    }
    return token && token[0] != '\0' ? page_token_read(call, token, &query->after) : 0;
}

/* Reads until the answer is full, the log ends, or enough was read in vain. *ret_more: there may be more. */
static int read_rows(struct lookup *lookup, bool *ret_more)
{
    int r;

    do {
        lookup->n_page = 0;
        r = store_events(lookup->call->control->store, &lookup->query, on_event, lookup);
        if (r < 0)
            return call_fail(lookup->call, "InternalError", "The operation log cannot be read.");
        lookup->scanned += lookup->n_page;
        lookup->query.after = lookup->last;
    } while (lookup->n_page == STORE_PAGE && json_array_size(lookup->rows) < lookup->wanted &&
             lookup->scanned < SCANNED_MAX);
    *ret_more = lookup->n_page > 0 &&
                (json_array_size(lookup->rows) == lookup->wanted || lookup->scanned >= SCANNED_MAX);
    return 0;
}

static void put_time(json_t *out, const char *name, uint64_t ms)
{
    struct call then = {.now_ms = ms};
    char buf[32];

    json_put_text(out, name, call_time(&then, buf));
}

int system_lookup_events(struct call *call)
{
    struct lookup lookup = {
        .call = call,
        .rows = json_array(),
        .wanted = (uint32_t)json_int(call->in, "MaxResults", 20),
    };
    char token[PAGE_TOKEN_LEN + 1];
    bool more = false;
    int r;

    json_put(call->out, "Events", lookup.rows);
    r = read_query(&lookup);
    if (r < 0)
        return r;
    api_flush_events(call->control->api);
    r = read_rows(&lookup, &more);
    if (r < 0)
        return r;
    if (more) {
        page_token_make(call, lookup.last, token);
        json_put_text(call->out, "NextToken", token);
    }
    put_time(call->out, "StartTime", lookup.query.from_ms);
    put_time(call->out, "EndTime", lookup.query.to_ms);
    return 0;
}

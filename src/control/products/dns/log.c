/* Logs of domains and records: what the operation log has of the calls that changed them. */
#include <time.h>

#include "control/control.h"
#include "control/products/dns/dns.h"

#define LOG_BATCH 50u   /* records per read of the store */
#define LOG_MAX   1000u /* records per operation; older ones are not shown */
#define DAY_MS    86400000u

/* Operations that make a log, and what their rows call them. */
struct action {
    const char *operation, *word;
};

static const struct action record_actions[] = {
    {"AddDomainRecord", "ADD"},
    {"UpdateDomainRecord", "UPDATE"},
    {"DeleteDomainRecord", "DELETE"},
    {"DeleteSubDomainRecords", "DELETE_SUBDOMAIN"},
    {"SetDomainRecordStatus", "SET_STATUS"},
    {"UpdateDomainRecordRemark", "REMARK"},
    {"SetDNSSLBStatus", "SET_WEIGHTED"},
    {"UpdateDNSSLBWeight", "WEIGHT"},
    {NULL, NULL},
};
static const struct action domain_actions[] = {
    {"AddDomain", "ADD"},
    {"DeleteDomain", "DELETE"},
    {"UpdateDomainRemark", "REMARK"},
    {"ChangeDomainGroup", "CHANGE_GROUP"},
    {NULL, NULL},
};

struct gather {
    struct call *call;
    const struct action *action;
    json_t *rows;
    uint64_t last;   /* number of the last record seen */
    uint32_t n_seen; /* of this batch */
};

/* --- one row ----------------------------------------------------------------------------------- */

/* "Line=default RR=www ...": what was asked for. */
static json_t *message_of(json_t *parameters)
{
    struct text text;
    const char *name;
    json_t *value, *message;

    text_init(&text, SIZE_MAX);
    json_object_foreach (parameters, name, value) {
        if (strcmp(name, "Lang") == 0 || strcmp(name, "UserClientIp") == 0)
            continue;
        if (text.len > 0)
            text_add_char(&text, ' ');
        if (json_is_string(value))
            text_addf(&text, "%s=%s", name, json_string_value(value));
        else if (json_is_integer(value))
            text_addf(&text, "%s=%lld", name, (long long)json_integer_value(value));
        else
            text_addf(&text, "%s=%s", name, json_is_true(value) ? "true" : "false");
    }
    message = json_stringn(text.len > 0 ? text.ptr : "", text.len);
    text_done(&text);
    return message;
}

static uint64_t parse_time_ms(const char *text)
{
    struct tm tm = {0};

    if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return 0;
    return (uint64_t)timegm(&tm) * 1000;
}

static bool mentions(const struct gather *gather, const json_t *row)
{
    const char *word = call_text(gather->call, "KeyWord");
    const char *domain = json_text(row, "DomainName");

    return !word || strcasestr(json_text(row, "Message"), word) ||
           (domain && strcasestr(domain, word));
}

static bool is_of_group(const struct gather *gather, const char *domain)
{
    const char *group = call_text(gather->call, "GroupId");
    const json_t *body = domain ? txn_body(gather->call->txn, DNS_DOMAIN, domain) : NULL;

    return !group || (body && json_text_is(body, "GroupId", group));
}

static int add_row(void *arg, uint64_t number, struct span json)
{
    struct gather *gather = arg;
    json_t *record = json_loadb(json.ptr, json.len, 0, NULL), *row;
    json_t *parameters = json_object_get(record, "requestParameters");
    uint64_t time_ms = parse_time_ms(json_text(record, "eventTime"));
    char time[DNS_TIME_LEN];

    gather->last = number;
    gather->n_seen++;
    if (!json_has(record, "errorCode")) {
        row = json_object();
        json_put_text(row, "Action", gather->action->word);
        json_put_text(row, "ActionTime", dns_time(time_ms, time));
        json_put_int(row, "ActionTimestamp", (int64_t)time_ms);
        json_put_text(row, "ClientIp", json_text(record, "sourceIpAddress"));
        json_put_text(row, "DomainName", json_text(parameters, "DomainName"));
        json_put(row, "Message", message_of(parameters));
        json_put_int(row, "Number", (int64_t)number);
        if (mentions(gather, row) && is_of_group(gather, json_text(row, "DomainName")))
            (void)json_array_append(gather->rows, row);
        json_decref(row);
    }
    json_decref(record);
    return 0;
}

/* --- all rows ---------------------------------------------------------------------------------- */

/* "2026-01-02" into ms; absent: fallback. */
static int read_date(struct call *call, const char *param, uint64_t fallback, uint64_t *ret_ms)
{
    const char *text = call_text(call, param), *end;
    struct tm tm = {0};

    *ret_ms = fallback;
    if (!text)
        return 0;
    end = strptime(text, "%Y-%m-%d", &tm);
    if (!end || *end != '\0')
        return call_fail(call, "InvalidParameter",
            "%s is %.32s; it must be a date such as 2026-01-02.", param, text);
    *ret_ms = (uint64_t)timegm(&tm) * 1000;
    return 0;
}

static int gather_action(struct gather *gather, struct store_event_query query)
{
    struct store *store = catalog_store(gather->call->control->catalog);
    uint32_t n_all = 0;

    query.name = span_of(gather->action->operation);
    query.limit = LOG_BATCH;
    do {
        int r;

        gather->n_seen = 0;
        r = store_events(store, &query, add_row, gather);
        if (r < 0)
            return r;
        query.after = gather->last;
        n_all += gather->n_seen;
    } while (gather->n_seen == LOG_BATCH && n_all < LOG_MAX);
    return 0;
}

struct numbered {
    int64_t number;
    json_t *row; /* borrowed */
};

/* Newest first. */
static int compare_rows(const void *a, const void *b)
{
    int64_t left = ((const struct numbered *)a)->number;
    int64_t right = ((const struct numbered *)b)->number;

    return left < right ? 1 : left > right ? -1 : 0;
}

/* rows is taken over. */
static json_t *sorted(json_t *rows)
{
    struct numbered *items = base_calloc(json_array_size(rows) + 1, sizeof(*items));
    json_t *result = json_array(), *row;
    size_t i;

    json_array_foreach (rows, i, row)
        items[i] = (struct numbered){json_int(row, "Number", 0), row};
    qsort(items, json_array_size(rows), sizeof(*items), compare_rows);
    for (i = 0; i < json_array_size(rows); i++)
        (void)json_array_append(result, items[i].row);
    free(items);
    json_decref(rows);
    return result;
}

/* resource: the domain's, or NULL for all. */
static int answer_logs(
    struct call *call, const struct action *actions, const char *resource, const char *name)
{
    struct gather gather = {.call = call, .rows = json_array()};
    struct store_event_query query = {.resource = span_of(resource)};
    json_t *rows;
    int r;

    r = read_date(call, "StartDate", 0, &query.from_ms);
    if (r == 0)
        r = read_date(call, "endDate", call->now_ms, &query.to_ms);
    if (json_has(call->in, "endDate"))
        query.to_ms += DAY_MS - 1; /* the day is part of what is asked for */
    for (; r == 0 && actions->operation; actions++) {
        gather.action = actions;
        r = gather_action(&gather, query);
    }
    rows = sorted(gather.rows);
    json_put(call->out, name, rows);
    return r < 0 ? r : call_page_array(call, rows);
}

int dns_describe_record_logs(struct call *call)
{
    const struct doc *domain = dns_domain_find(call, call_text(call, "DomainName"));

    if (!domain)
        return -EINVAL;
    return answer_logs(call, record_actions, json_text(domain->body, "DomainId"), "RecordLogs");
}

int dns_describe_domain_logs(struct call *call)
{
    return answer_logs(call, domain_actions, NULL, "DomainLogs");
}

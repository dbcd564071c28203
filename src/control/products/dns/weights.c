/* Weighted sets: of the records of one host and type on a line, each answer has one, by weight, instead of all. */
#include "control/products/dns/dns.h"

#define WEIGHTS_ID_LEN (2 * DNS_NAME_MAX + 32u)

static const char *const weighted_types[] = {"A", "AAAA", "CNAME"};

/* What sets are told apart by, besides the line. All borrowed. */
struct host {
    const char *domain, *rr, *type;
};

static const char *weights_id(const struct host *host, char buf[WEIGHTS_ID_LEN])
{
    (void)snprintf(buf, WEIGHTS_ID_LEN, "%s.%s:%s", host->rr, host->domain, host->type);
    return buf;
}

static struct host host_of(const json_t *record)
{
    return (struct host){
        json_text(record, "DomainName"), json_text(record, "RR"), json_text(record, "Type")};
}

static const json_t *find_weights(struct call *call, const struct host *host)
{
    char id[WEIGHTS_ID_LEN];

    return txn_body(call->txn, DNS_WEIGHTS, weights_id(host, id));
}

/* weights may be NULL. */
static bool is_open(const json_t *weights, const char *line)
{
    return json_flag(json_object_get(weights, "Lines"), line, json_flag(weights, "Open", false));
}

bool dns_is_weighted(struct call *call, const json_t *record)
{
    const struct host host = host_of(record);

    return is_open(find_weights(call, &host), json_text(record, "Line"));
}

static bool is_of_host(const json_t *record, const struct host *host)
{
    return json_text_is(record, "RR", host->rr) && json_text_is(record, "Type", host->type);
}

/* Records of a host and type, disabled ones too unless enabled_only; line NULL: on any line. */
static uint32_t count_records(
    struct call *call, const struct host *host, const char *line, bool enabled_only)
{
    struct doc_list list;
    uint32_t n = 0;

    txn_users(call->txn, DNS_RECORD, host->domain, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        const json_t *record = list.docs[i]->body;

        n += is_of_host(record, host) && (!line || json_text_is(record, "Line", line)) &&
             (!enabled_only || json_flag(record, "Enabled", true));
    }
    doc_list_done(&list);
    return n;
}

void dns_weights_settle(struct call *call, const char *domain, const char *rr, const char *type)
{
    const struct host host = {domain, rr, type};
    char id[WEIGHTS_ID_LEN];

    if (find_weights(call, &host) && count_records(call, &host, NULL, false) == 0)
        (void)txn_remove(call->txn, DNS_WEIGHTS, weights_id(&host, id));
}

/* --- the switch -------------------------------------------------------------------------------- */

static int check_open(struct call *call, const struct host *host, const char *line)
{
    if (host->rr[0] == '*')
        return call_fail(call, "DisableDNSSLB", "Hosts with * have no weights.");
    if (count_records(call, host, line, true) < 2)
        return call_fail(call, "DisableDNSSLB",
            "Weights need two enabled %s records or more of host %s.%s.", host->type, host->rr,
            host->domain);
    return 0;
}

/* Writes the switch: of one line, or (line NULL) of all, in place of what single lines had. */
static int put_switch(struct call *call, const struct host *host, const char *line, bool open)
{
    char id[WEIGHTS_ID_LEN];
    json_t *body = txn_edit(call->txn, DNS_WEIGHTS, weights_id(host, id)), *value;
    bool any_open;
    const char *key;

    if (!body && !open)
        return 0;
    if (!body) {
        int r = txn_add(call->txn, DNS_WEIGHTS, id,
            json_pack("{s:s, s:s, s:s, s:b, s:{}}", "DomainName", host->domain, "RR", host->rr,
                "Type", host->type, "Open", 0, "Lines"));

        if (r < 0)
            return r;
        body = txn_edit(call->txn, DNS_WEIGHTS, id);
    }
    if (line) {
        json_put_flag(json_object_get(body, "Lines"), line, open);
    } else {
        json_put_flag(body, "Open", open);
        json_put(body, "Lines", json_object());
    }
    any_open = json_flag(body, "Open", false);
    json_object_foreach (json_object_get(body, "Lines"), key, value)
        any_open |= json_is_true(value);
    if (!any_open)
        (void)txn_remove(call->txn, DNS_WEIGHTS, id);
    return 0;
}

/* Without Type it is the first that the host has records of. */
static const char *choose_type(struct call *call, const char *domain, const char *rr)
{
    const char *given = call_text(call, "Type");

    for (unsigned i = 0; !given && i < ARRAY_LEN(weighted_types); i++) {
        const struct host host = {domain, rr, weighted_types[i]};

        if (count_records(call, &host, NULL, false) > 0)
            given = weighted_types[i];
    }
    return given ? given : weighted_types[0];
}

int dns_set_dnsslb_status(struct call *call)
{
    const char *line = call_text(call, "Line");
    bool open = json_flag(call->in, "Open", true);
    char rr[DNS_NAME_MAX + 1];
    const struct doc *domain =
        dns_split(call, call_text(call, "SubDomain"), call_text(call, "DomainName"), rr);
    struct host host;
    int r;

    if (!domain)
        return -EINVAL;
    host = (struct host){domain->id, rr, choose_type(call, domain->id, rr)};
    if (line && !dns_is_line(line))
        return call_fail(call, "InvalidLine.NoExist",
            "There is no line %.64s; DescribeSupportLines names them.", line);
    r = open ? check_open(call, &host, line) : 0;
    if (r < 0)
        return r;
    r = put_switch(call, &host, line, open);
    if (r < 0)
        return r;
    dns_resource(call, domain);
    json_put_flag(call->out, "Open", open);
    json_put_int(call->out, "RecordCount", count_records(call, &host, line, false));
    return 0;
}

/* --- the weight of a record -------------------------------------------------------------------- */

int dns_update_dnsslb_weight(struct call *call)
{
    const struct doc *doc =
        call_find(call, DNS_RECORD, "RecordId", "DomainRecordNotBelongToUser", "record");
    int64_t weight = json_int(call->in, "Weight", 1);
    json_t *body;

    if (!doc)
        return -EINVAL;
    if (!dns_is_weighted(call, doc->body))
        return call_fail(call, "DisableDNSSLB",
            "The %s records of host %s are not weighted; SetDNSSLBStatus switches that on.",
            json_text(doc->body, "Type"), json_text(doc->body, "RR"));
    if (!json_flag(doc->body, "Enabled", true))
        return call_fail(call, "DisableDNSSLB",
            "Record %s is disabled and takes no part in its weighted set.", doc->id);
    dns_resource(call, txn_get(call->txn, DNS_DOMAIN, json_text(doc->body, "DomainName")));
    body = txn_edit(call->txn, DNS_RECORD, doc->id);
    json_put_int(body, "Weight", weight);
    json_put_int(body, "UpdateTimestamp", (int64_t)call->now_ms);
    json_put_text(call->out, "RecordId", call_text(call, "RecordId"));
    json_put_int(call->out, "Weight", weight);
    return 0;
}

/* --- which sets there are ---------------------------------------------------------------------- */

static bool is_weighted_type(const char *type)
{
    for (unsigned i = 0; i < ARRAY_LEN(weighted_types); i++) {
        if (strcmp(weighted_types[i], type) == 0)
            return true;
    }
    return false;
}

/* Counts the record in the row of its host and type: rows by id, each with RecordCount and, of its lines, Counts. */
static void count_into(json_t *rows, const json_t *record)
{
    const struct host host = host_of(record);
    const char *line = json_text(record, "Line");
    char id[WEIGHTS_ID_LEN];
    json_t *row = json_object_get(rows, weights_id(&host, id));
    json_t *counts;

    if (!row) {
        row = json_pack(
            "{s:s, s:s, s:i, s:{}}", "RR", host.rr, "Type", host.type, "RecordCount", 0, "Counts");
        json_put(rows, id, row);
    }
    counts = json_object_get(row, "Counts");
    json_put_int(row, "RecordCount", json_int(row, "RecordCount", 0) + 1);
    json_put_int(counts, line, json_int(counts, line, 0) + 1);
}

/* Whether the row is a set: two records or more on a line, or weighted from the time when it had them. */
static bool finish_row(struct call *call, const char *domain, json_t *row)
{
    const struct host host = {domain, json_text(row, "RR"), json_text(row, "Type")};
    const json_t *weights = find_weights(call, &host);
    json_t *lines = json_array(), *count;
    bool is_set = weights != NULL, any_open = false;
    const char *line;

    json_object_foreach (json_object_get(row, "Counts"), line, count) {
        bool open = is_open(weights, line);

        is_set |= json_integer_value(count) >= 2;
        any_open |= open;
        (void)json_array_append_new(
            lines, json_pack("{s:s, s:b}", "Line", line, "Open", (int)open));
    }
    json_put(row, "LineAlgorithms", lines);
    json_put_flag(row, "Open", any_open);
    json_put(row, "SubDomain",
        strcmp(host.rr, "@") == 0 ? json_string(domain) : json_sprintf("%s.%s", host.rr, domain));
    return is_set;
}

int dns_describe_dnsslb_sub_domains(struct call *call)
{
    const struct doc *domain = dns_domain_find(call, call_text(call, "DomainName"));
    const char *rr = call_text(call, "Rr"), *id;
    json_t *by_id, *row, *rows;
    struct doc_list list;

    if (!domain)
        return -EINVAL;
    by_id = json_object();
    txn_users(call->txn, DNS_RECORD, domain->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        const json_t *record = list.docs[i]->body;

        if (is_weighted_type(json_text(record, "Type")) &&
            (!rr || span_eq_nocase(span_of(rr), span_of(json_text(record, "RR")))))
            count_into(by_id, record);
    }
    doc_list_done(&list);
    rows = json_array();
    json_object_foreach (by_id, id, row) {
        if (finish_row(call, domain->id, row))
            (void)json_array_append(rows, row);
    }
    json_decref(by_id);
    json_put(call->out, "SlbSubDomains", rows);
    return call_page_array(call, rows);
}

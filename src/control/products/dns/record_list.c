/* Lists of records. */
#include "control/products/dns/dns.h"

static json_t *show_record(struct call *call, const struct doc *doc)
{
    json_t *row = json_copy(doc->body);
    bool is_weighted = dns_is_weighted(call, doc->body);

    json_put_text(row, "RecordId", doc->id);
    json_put_text(row, "Status", json_flag(doc->body, "Enabled", true) ? "ENABLE" : "DISABLE");
    json_put_flag(row, "Locked", false);
    json_put_flag(row, "LbaStatus", is_weighted);
    if (is_weighted)
        json_put_int(row, "Weight", json_int(doc->body, "Weight", 1));
    return row;
}

int dns_describe_domain_record_info(struct call *call)
{
    const struct doc *doc =
        call_find(call, DNS_RECORD, "RecordId", "DomainRecordNotBelongToUser", "record");
    const struct doc *domain;
    json_t *row;

    if (!doc)
        return -EINVAL;
    domain = txn_get(call->txn, DNS_DOMAIN, json_text(doc->body, "DomainName"));
    row = show_record(call, doc);
    (void)json_object_update(call->out, row);
    json_decref(row);
    json_put_text(call->out, "DomainId", json_text(domain->body, "DomainId"));
    json_put_text(call->out, "PunyCode", domain->id);
    dns_put_group(call, domain->body, call->out);
    return 0;
}

/* --- lists ------------------------------------------------------------------------------------- */

/* Cuts the list to a page and puts it into the answer. The list ends here. */
static int answer_records(struct call *call, struct doc_list *list)
{
    json_t *rows = json_array();
    int r = call_page(call, list);

    for (uint32_t i = 0; r == 0 && i < list->n; i++)
        (void)json_array_append_new(rows, show_record(call, list->docs[i]));
    doc_list_done(list);
    json_put(call->out, "DomainRecords", rows);
    return r;
}

static bool is_like(const char *text, const char *word)
{
    return !word || strcasestr(text, word) != NULL;
}

static bool is_same(const char *text, const char *word)
{
    return !word || span_eq_nocase(span_of(text), span_of(word));
}

/* KeyWord is looked for in host and value; each of the others in what it is named for. */
static bool is_wanted(const struct call *call, const json_t *record)
{
    const char *word = call_text(call, "KeyWord"), *status = call_text(call, "Status");
    const char *rr = json_text(record, "RR"), *value = json_text(record, "Value");
    bool (*match)(const char *, const char *) =
        json_text_is(call->in, "SearchMode", "EXACT") ? is_same : is_like;

    if (!match(rr, word) && !match(value, word))
        return false;
    if (status && json_flag(record, "Enabled", true) != (strcmp(status, "Enable") == 0))
        return false;
    return match(rr, call_text(call, "RRKeyWord")) &&
           match(value, call_text(call, "ValueKeyWord")) &&
           is_same(json_text(record, "Type"), call_text(call, "TypeKeyWord")) &&
           is_same(json_text(record, "Type"), call_text(call, "Type")) &&
           is_same(json_text(record, "Line"), call_text(call, "Line"));
}

int dns_describe_domain_records(struct call *call)
{
    const struct doc *domain = dns_domain_find(call, call_text(call, "DomainName"));
    bool oldest_first = json_text_is(call->in, "Direction", "ASC");
    struct doc_list list;
    uint32_t n = 0;

    if (!domain)
        return -EINVAL;
    txn_users(call->txn, DNS_RECORD, domain->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (is_wanted(call, list.docs[i]->body))
            list.docs[n++] = list.docs[i];
    }
    list.n = n;
    for (uint32_t i = 0; !oldest_first && i < n / 2; i++) {
        const struct doc *other = list.docs[n - 1 - i];

        list.docs[n - 1 - i] = list.docs[i];
        list.docs[i] = other;
    }
    return answer_records(call, &list);
}

int dns_describe_sub_domain_records(struct call *call)
{
    const char *type = call_text(call, "Type"), *line = call_text(call, "Line");
    char rr[DNS_NAME_MAX + 1];
    const struct doc *domain =
        dns_split(call, call_text(call, "SubDomain"), call_text(call, "DomainName"), rr);
    struct doc_list list;
    uint32_t n = 0;

    if (!domain)
        return -EINVAL;
    txn_users(call->txn, DNS_RECORD, domain->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        const json_t *record = list.docs[i]->body;

        if (json_text_is(record, "RR", rr) && is_same(json_text(record, "Type"), type) &&
            is_same(json_text(record, "Line"), line))
            list.docs[n++] = list.docs[i];
    }
    list.n = n;
    return answer_records(call, &list);
}

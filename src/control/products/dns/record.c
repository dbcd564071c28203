/* Records: what may stand beside what, and changing them. A body is made or edited first, then checked whole. */
#include "base/hash.h"
#include "control/products/dns/dns.h"

#define RECORD_ID_MIN 100000000000000000u /* the smallest number of 18 digits */

/* A record as it would be stored. All borrowed. */
struct draft {
    struct call *call;
    const char *id; /* NULL: it is new */
    json_t *body;
    const struct doc *domain;
};

static const struct doc *find_record(struct call *call)
{
    return call_find(call, DNS_RECORD, "RecordId", "DomainRecordNotBelongToUser", "record");
}

static const struct doc *domain_of(struct call *call, const json_t *record)
{
    return txn_get(call->txn, DNS_DOMAIN, json_text(record, "DomainName"));
}

/* --- checks of one record ---------------------------------------------------------------------- */

static int check_rr(const struct draft *draft)
{
    const char *given = json_text(draft->body, "RR");
    char rr[DNS_NAME_MAX + 1];

    if (dns_rr_check(given, draft->domain->id, rr) < 0)
        return call_fail(draft->call, "InvalidRR.Format",
            "RR %.253s must be @ or labels of letters, digits, hyphens and underscores, the first of which may be *.",
            given);
    json_put_text(draft->body, "RR", rr);
    return 0;
}

static int check_value(const struct draft *draft)
{
    const char *type = json_text(draft->body, "Type");
    struct text value;
    const char *why;
    int r = 0;

    text_init(&value, SIZE_MAX);
    why = dns_value_check(type, json_text(draft->body, "Value"), &value);
    if (why)
        r = call_fail(draft->call, "SubDomainInvalid.Value", "%s", why);
    else
        json_put(draft->body, "Value", json_stringn(value.ptr, value.len));
    text_done(&value);
    return r;
}

/* What stands at the top of a domain is the domain's own: its name servers and its SOA. */
static int check_place(const struct draft *draft)
{
    const char *rr = json_text(draft->body, "RR"), *type = json_text(draft->body, "Type");
    const char *value = json_text(draft->body, "Value");
    char host[2 * DNS_NAME_MAX + 2];

    if (strcmp(rr, "@") == 0 && strcmp(type, "NS") == 0)
        return call_fail(draft->call, "SubDomainInvalid.Value",
            "The name servers of a domain itself are this node's; NS records are for hosts below it.");
    if (strcmp(rr, "@") == 0 && strcmp(type, "CNAME") == 0)
        return call_fail(draft->call, "DomainRecordConflict",
            "A CNAME at @ would stand beside the domain's own NS and SOA records.");
    (void)snprintf(host, sizeof(host), "%s.%s", rr, draft->domain->id);
    if (strcmp(type, "CNAME") == 0 && span_eq_nocase(span_of(host), span_of(value)))
        return call_fail(
            draft->call, "SubDomainInvalid.Value", "The CNAME of %s must not be itself.", host);
    return 0;
}

static int check_priority(const struct draft *draft)
{
    bool is_mx = json_text_is(draft->body, "Type", "MX");

    if (is_mx && !json_has(draft->body, "Priority"))
        return call_fail(draft->call, "MissingParameter", "An MX record needs Priority.");
    if (!is_mx && json_has(draft->call->in, "Priority"))
        return call_fail(draft->call, "InvalidParameter", "Priority is for MX records.");
    if (!is_mx)
        (void)json_object_del(draft->body, "Priority");
    return 0;
}

static int check_line(const struct draft *draft)
{
    const char *line = json_text(draft->body, "Line");

    return dns_is_line(line)
               ? 0
               : call_fail(draft->call, "InvalidLine.NoExist",
                     "There is no line %.64s; DescribeSupportLines names them.", line);
}

/* --- checks against the others ----------------------------------------------------------------- */

/* CNAME and, below the top, NS stand for all of a host: no other type beside them (RFC 1034 sections 3.6.2, 4.2.1). */
static bool types_conflict(const char *rr, const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return false;
    if (strcmp(a, "CNAME") == 0 || strcmp(b, "CNAME") == 0)
        return true;
    return strcmp(rr, "@") != 0 && (strcmp(a, "NS") == 0 || strcmp(b, "NS") == 0);
}

static int check_against(const struct draft *draft, const struct doc *other)
{
    const char *type = json_text(draft->body, "Type"), *rr = json_text(draft->body, "RR");
    const char *other_type = json_text(other->body, "Type");

    if (strcmp(type, other_type) == 0 &&
        dns_value_eq(type, json_text(draft->body, "Value"), json_text(other->body, "Value")))
        return call_fail(draft->call, "DomainRecordDuplicate", "Record %s is the same.", other->id);
    if (json_flag(draft->body, "Enabled", true) && json_flag(other->body, "Enabled", true) &&
        types_conflict(rr, type, other_type))
        return call_fail(draft->call, "DomainRecordConflict",
            "A %s record cannot stand beside the %s record %s of host %s.", type, other_type,
            other->id, rr);
    return 0;
}

static bool is_neighbour(const struct draft *draft, const struct doc *other)
{
    return !(draft->id && strcmp(draft->id, other->id) == 0) &&
           json_text_is(other->body, "RR", json_text(draft->body, "RR")) &&
           json_text_is(other->body, "Line", json_text(draft->body, "Line"));
}

static int check_neighbours(const struct draft *draft)
{
    struct doc_list list;
    uint32_t n_set = 1;
    int r = 0;

    txn_users(draft->call->txn, DNS_RECORD, draft->domain->id, &list);
    for (uint32_t i = 0; r == 0 && i < list.n; i++) {
        if (!is_neighbour(draft, list.docs[i]))
            continue;
        n_set += json_text_is(list.docs[i]->body, "Type", json_text(draft->body, "Type"));
        r = check_against(draft, list.docs[i]);
    }
    doc_list_done(&list);
    if (r == 0 && n_set > DNS_SET_MAX)
        r = call_fail(draft->call, "QuotaExceeded.Record",
            "A host has at most %u records of a type.", DNS_SET_MAX);
    return r;
}

static int check_record(const struct draft *draft)
{
    static int (*const checks[])(const struct draft *draft) = {
        check_rr, check_value, check_place, check_priority, check_line, check_neighbours};

    for (unsigned i = 0; i < ARRAY_LEN(checks); i++) {
        int r = checks[i](draft);

        if (r < 0)
            return r;
    }
    return 0;
}

/* --- add, update ------------------------------------------------------------------------------- */

static const char *const settings[] = {"Line", "Priority", "RR", "TTL", "Type", "Value", NULL};

/* Ids of records are decimal numbers: 18 digits, from an id that nobody has. */
static void new_record_id(struct call *call, char buf[64])
{
    char any[64];
    uint64_t number;

    do {
        txn_new_id(call->txn, "", any);
        number = RECORD_ID_MIN + hash_place(span_of(any), 0) % (9 * RECORD_ID_MIN);
        (void)snprintf(buf, 64, "%llu", (unsigned long long)number);
    } while (txn_get(call->txn, DNS_RECORD, buf));
}

int dns_add_domain_record(struct call *call)
{
    const struct doc *domain = dns_domain_find(call, call_text(call, "DomainName"));
    struct draft draft = {.call = call, .domain = domain};
    char id[64];
    int r;

    if (!domain)
        return -EINVAL;
    draft.body = json_pack("{s:s, s:b, s:I, s:I}", "DomainName", domain->id, "Enabled", 1,
        "CreateTimestamp", (json_int_t)call->now_ms, "UpdateTimestamp", (json_int_t)call->now_ms);
    json_copy_members(draft.body, call->in, settings); /* the table has defaults of TTL and Line */
    r = check_record(&draft);
    if (r < 0) {
        json_decref(draft.body);
        return r;
    }
    new_record_id(call, id);
    r = txn_add(call->txn, DNS_RECORD, id, draft.body);
    if (r < 0)
        return r;
    dns_resource(call, domain);
    json_put_text(call->out, "RecordId", id);
    return 0;
}

static bool same_members(const json_t *a, const json_t *b, const char *const *names)
{
    for (; *names; names++) {
        json_t *left = json_object_get(a, *names), *right = json_object_get(b, *names);

        if (left != right && !json_equal(left, right))
            return false;
    }
    return true;
}

int dns_update_domain_record(struct call *call)
{
    static const char *const set_names[] = {"Line", "RR", "Type", NULL};
    const struct doc *doc = find_record(call);
    struct draft draft = {.call = call, .id = call_text(call, "RecordId")};
    json_t *old;
    int r;

    if (!doc)
        return -EINVAL;
    old = json_copy(doc->body);
    draft.domain = domain_of(call, old);
    draft.body = txn_edit(call->txn, DNS_RECORD, draft.id);
    json_copy_members(draft.body, call->in, settings);
    r = check_record(&draft);
    if (r == 0 && same_members(old, draft.body, settings))
        r = call_fail(call, "DomainRecordDuplicate", "Record %s is so already.", draft.id);
    if (r == 0) {
        json_put_int(draft.body, "UpdateTimestamp", (int64_t)call->now_ms);
        if (!same_members(old, draft.body, set_names)) {
            (void)json_object_del(draft.body, "Weight"); /* a share in the set it left */
            dns_weights_settle(
                call, draft.domain->id, json_text(old, "RR"), json_text(old, "Type"));
        }
        dns_resource(call, draft.domain);
        json_put_text(call->out, "RecordId", draft.id);
    }
    json_decref(old);
    return r;
}

/* --- status, remark ---------------------------------------------------------------------------- */

int dns_set_domain_record_status(struct call *call)
{
    const struct doc *doc = find_record(call);
    const char *status = call_text(call, "Status");
    struct draft draft = {.call = call, .id = call_text(call, "RecordId")};
    int r;

    if (!doc)
        return -EINVAL;
    draft.domain = domain_of(call, doc->body);
    draft.body = txn_edit(call->txn, DNS_RECORD, draft.id);
    json_put_flag(draft.body, "Enabled", strcmp(status, "Enable") == 0);
    json_put_int(draft.body, "UpdateTimestamp", (int64_t)call->now_ms);
    r = check_neighbours(&draft);
    if (r < 0)
        return r;
    dns_resource(call, draft.domain);
    json_put_text(call->out, "RecordId", draft.id);
    json_put_text(call->out, "Status", status);
    return 0;
}

int dns_update_domain_record_remark(struct call *call)
{
    const struct doc *doc = find_record(call);
    const char *remark = call_text(call, "Remark");
    json_t *body;

    if (!doc)
        return -EINVAL;
    dns_resource(call, domain_of(call, doc->body));
    body = txn_edit(call->txn, DNS_RECORD, doc->id);
    if (remark && remark[0])
        json_put_text(body, "Remark", remark);
    else
        (void)json_object_del(body, "Remark");
    return 0;
}

/* --- delete ------------------------------------------------------------------------------------ */

static void remove_record(struct call *call, const struct doc *doc)
{
    json_t *old = json_incref(doc->body);

    (void)txn_remove(call->txn, DNS_RECORD, doc->id);
    dns_weights_settle(
        call, json_text(old, "DomainName"), json_text(old, "RR"), json_text(old, "Type"));
    json_decref(old);
}

int dns_delete_domain_record(struct call *call)
{
    const struct doc *doc = find_record(call);

    if (!doc)
        return -EINVAL;
    dns_resource(call, domain_of(call, doc->body));
    remove_record(call, doc);
    json_put_text(call->out, "RecordId", call_text(call, "RecordId"));
    return 0;
}

int dns_delete_sub_domain_records(struct call *call)
{
    const struct doc *domain = dns_domain_find(call, call_text(call, "DomainName"));
    const char *type = call_text(call, "Type");
    char rr[DNS_NAME_MAX + 1];
    struct doc_list list;
    int64_t n = 0;

    if (!domain)
        return -EINVAL;
    if (dns_rr_check(call_text(call, "RR"), domain->id, rr) < 0)
        return call_fail(call, "InvalidRR.Format", "RR must be @ or labels of a name.");
    txn_users(call->txn, DNS_RECORD, domain->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (!json_text_is(list.docs[i]->body, "RR", rr) ||
            (type && !json_text_is(list.docs[i]->body, "Type", type)))
            continue;
        remove_record(call, list.docs[i]);
        n++;
    }
    doc_list_done(&list);
    dns_resource(call, domain);
    json_put_text(call->out, "RR", rr);
    json_put(call->out, "TotalCount", json_sprintf("%lld", (long long)n));
    return 0;
}

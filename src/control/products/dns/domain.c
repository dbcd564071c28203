/* Domains: zones of which this node is to be the name server. */
#include <time.h>

#include "control/api/uuid.h"
#include "control/products/dns/dns.h"

#define NS_MAX 2u

/* --- finding ----------------------------------------------------------------------------------- */

const struct doc *dns_domain_find(struct call *call, const char *name)
{
    char id[DNS_NAME_MAX + 1];
    const struct doc *doc = NULL;

    if (dns_domain_check(name, id) == 0)
        doc = txn_get(call->txn, DNS_DOMAIN, id);
    if (!doc)
        call_set_error(
            call, "InvalidDomainName.NoExist", "The domain %.253s does not exist.", name);
    return doc;
}

const struct doc *dns_domain_of(struct call *call, const char *name)
{
    const struct doc *doc = txn_get(call->txn, DNS_DOMAIN, name);

    while (!doc && (name = strchr(name, '.')) != NULL) {
        name++;
        doc = txn_get(call->txn, DNS_DOMAIN, name);
    }
    return doc;
}

static void split_at(const char *host, const char *domain, char ret_rr[DNS_NAME_MAX + 1])
{
    size_t len = strlen(host), domain_len = strlen(domain);

    if (len == domain_len)
        (void)snprintf(ret_rr, DNS_NAME_MAX + 1, "@");
    else
        (void)snprintf(ret_rr, DNS_NAME_MAX + 1, "%.*s", (int)(len - domain_len - 1), host);
}

static bool ends_in(const char *host, const char *domain)
{
    size_t len = strlen(host), domain_len = strlen(domain);

    if (len < domain_len || strcmp(host + len - domain_len, domain) != 0)
        return false;
    return len == domain_len || host[len - domain_len - 1] == '.';
}

/* A host's name in lower case without its final dot; "@.example.com" is the domain itself. */
static int lower_host(const char *host, char ret_host[DNS_NAME_MAX + 1])
{
    char ascii[DNS_NAME_MAX + 2];
    size_t len;

    if (strncmp(host, "@.", 2) == 0)
        host += 2;
    if (dns_to_ascii(host, ascii) < 0)
        return -EINVAL;
    len = strlen(ascii);
    if (len > 0 && ascii[len - 1] == '.')
        len--;
    if (len == 0 || len > DNS_NAME_MAX)
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        ret_host[i] = ascii_lower(ascii[i]);
    ret_host[len] = '\0';
    return 0;
}

const struct doc *dns_split(
    struct call *call, const char *host, const char *domain, char ret_rr[DNS_NAME_MAX + 1])
{
    char name[DNS_NAME_MAX + 1];
    const struct doc *doc;

    if (lower_host(host, name) < 0) {
        call_set_error(call, "InvalidDomainName.Format", "SubDomain must be the name of a host.");
        return NULL;
    }
    doc = domain ? dns_domain_find(call, domain) : dns_domain_of(call, name);
    if (!doc && domain)
        return NULL;
    if (!doc || !ends_in(name, doc->id)) {
        call_set_error(call, "InvalidDomainName.NoExist",
            "The host %.253s is in none of the domains asked about.", host);
        return NULL;
    }
    split_at(name, doc->id, ret_rr);
    return doc;
}

/* --- parts of answers -------------------------------------------------------------------------- */

const char *dns_time(uint64_t ms, char buf[DNS_TIME_LEN])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(buf, DNS_TIME_LEN, "%Y-%m-%dT%H:%MZ", &tm);
    assert(len > 0);
    return buf;
}

void dns_resource(struct call *call, const struct doc *domain)
{
    call_resource(call, json_text(domain->body, "DomainId"));
}

void dns_put_group(struct call *call, const json_t *domain, json_t *out)
{
    const char *id = json_text(domain, "GroupId");

    if (!id)
        return;
    json_put_text(out, "GroupId", id);
    json_put_text(out, "GroupName", json_text(txn_body(call->txn, DNS_GROUP, id), "GroupName"));
}

/* Those to which a registrar is to delegate the domain. */
static json_t *name_servers(const struct call *call)
{
    json_t *names = json_array();

    for (unsigned i = 1; i <= NS_MAX; i++)
        (void)json_array_append_new(names, json_sprintf("ns%u.%s", i, call->node->dns_suffix));
    return names;
}

static void put_domain(struct call *call, const struct doc *doc, json_t *out)
{
    static const char *const names[] = {
        "CreateTimestamp", "DomainId", "Remark", "ResourceGroupId", "Tags", NULL};
    char time[DNS_TIME_LEN];

    json_copy_members(out, doc->body, names);
    json_put_text(
        out, "CreateTime", dns_time((uint64_t)json_int(doc->body, "CreateTimestamp", 0), time));
    json_put_text(out, "DomainName", doc->id);
    json_put_text(out, "PunyCode", doc->id);
    json_put_flag(out, "AliDomain", false);
    json_put(out, "DnsServers", name_servers(call));
    dns_put_group(call, doc->body, out);
}

/* --- add, delete, remark ----------------------------------------------------------------------- */

int dns_add_domain(struct call *call)
{
    const char *group = call_text(call, "GroupId");
    char id[UUID_LEN + 1], name[DNS_NAME_MAX + 1];
    const struct doc *doc;
    json_t *body;
    int r;

    if (dns_domain_check(call_text(call, "DomainName"), name) < 0)
        return call_fail(call, "InvalidDomainName.Format",
            "DomainName must have two labels or more of letters, digits and hyphens; names in scripts other than Han, "
            "Kana and Hangul are given in their xn-- form.");
    if (txn_get(call->txn, DNS_DOMAIN, name))
        return call_fail(
            call, "InvalidDomainName.Duplicate", "The domain %s has been added already.", name);
    if (group && !txn_get(call->txn, DNS_GROUP, group))
        return call_fail(
            call, "InvalidGroupId.NoExist", "The domain group %.64s does not exist.", group);
    uuid_make(id, false);
    body = json_pack(
        "{s:s, s:I, s:[]}", "DomainId", id, "CreateTimestamp", (json_int_t)call->now_ms, "Tags");
    json_put_text(body, "GroupId", group);
    json_put_text(body, "ResourceGroupId", call_text(call, "ResourceGroupId"));
    r = txn_add(call->txn, DNS_DOMAIN, name, body);
    if (r < 0)
        return r;
    doc = txn_get(call->txn, DNS_DOMAIN, name);
    put_domain(call, doc, call->out);
    dns_resource(call, doc);
    return 0;
}

/* Removes all documents of a kind that belong to a domain. */
static void remove_users(struct call *call, const char *kind, const char *domain)
{
    struct doc_list list;

    txn_users(call->txn, kind, domain, &list);
    for (uint32_t i = 0; i < list.n; i++)
        (void)txn_remove(call->txn, kind, list.docs[i]->id);
    doc_list_done(&list);
}

int dns_delete_domain(struct call *call)
{
    const struct doc *doc = dns_domain_find(call, call_text(call, "DomainName"));
    char name[DNS_NAME_MAX + 1];

    if (!doc)
        return -EINVAL;
    dns_resource(call, doc);
    (void)snprintf(name, sizeof(name), "%s", doc->id);
    remove_users(call, DNS_RECORD, name);
    remove_users(call, DNS_WEIGHTS, name);
    (void)txn_remove(call->txn, DNS_DOMAIN, name);
    json_put_text(call->out, "DomainName", name);
    return 0;
}

int dns_update_domain_remark(struct call *call)
{
    const struct doc *doc = dns_domain_find(call, call_text(call, "DomainName"));
    const char *remark = call_text(call, "Remark");
    json_t *body;

    if (!doc)
        return -EINVAL;
    dns_resource(call, doc);
    body = txn_edit(call->txn, DNS_DOMAIN, doc->id);
    if (remark && remark[0])
        json_put_text(body, "Remark", remark);
    else
        (void)json_object_del(body, "Remark");
    return 0;
}

/* ResourceId is the name of the domain, as in the operations on tags. */
int dns_move_domain_resource_group(struct call *call)
{
    const struct doc *doc = dns_domain_find(call, call_text(call, "ResourceId"));

    if (!doc)
        return -EINVAL;
    dns_resource(call, doc);
    json_put_text(txn_edit(call->txn, DNS_DOMAIN, doc->id), "ResourceGroupId",
        call_text(call, "NewResourceGroupId"));
    return 0;
}

/* --- describe ---------------------------------------------------------------------------------- */

int dns_describe_domain_info(struct call *call)
{
    const struct doc *doc = dns_domain_find(call, call_text(call, "DomainName"));

    if (!doc)
        return -EINVAL;
    put_domain(call, doc, call->out);
    json_put_int(call->out, "MinTtl", 1);
    json_put_flag(call->out, "SubDomain", false);
    json_put_flag(call->out, "SlaveDns", false);
    json_put_flag(call->out, "InBlackHole", false);
    json_put_flag(call->out, "InClean", false);
    if (json_flag(call->in, "NeedDetailAttributes", false)) {
        json_put_flag(call->out, "RegionLines", false);
        json_put(call->out, "RecordLines", dns_lines(call_text(call, "Lang")));
        json_put(call->out, "AvailableTtls",
            json_pack("[s,s,s,s,s,s,s]", "1", "5", "60", "600", "1800", "3600", "86400"));
    }
    return 0;
}

static bool is_wanted(const struct call *call, const struct doc *doc)
{
    const char *word = call_text(call, "KeyWord"), *group = call_text(call, "GroupId");
    const char *resource_group = call_text(call, "ResourceGroupId");

    if (group && !json_text_is(doc->body, "GroupId", group))
        return false;
    if (resource_group && !json_text_is(doc->body, "ResourceGroupId", resource_group))
        return false;
    if (!word)
        return true;
    if (json_text_is(call->in, "SearchMode", "EXACT"))
        return span_eq_nocase(span_of(word), span_of(doc->id));
    return strcasestr(doc->id, word) != NULL;
}

int dns_describe_domains(struct call *call)
{
    struct doc_list list;
    json_t *rows;
    uint32_t n = 0;
    int r;

    txn_list(call->txn, DNS_DOMAIN, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (is_wanted(call, list.docs[i]))
            list.docs[n++] = list.docs[i];
    }
    list.n = n;
    r = call_page(call, &list);
    rows = json_array();
    for (uint32_t i = 0; r == 0 && i < list.n; i++) {
        json_t *row = json_object();

        put_domain(call, list.docs[i], row);
        json_put_int(row, "RecordCount", txn_count_users(call->txn, DNS_RECORD, list.docs[i]->id));
        (void)json_array_append_new(rows, row);
    }
    doc_list_done(&list);
    json_put(call->out, "Domains", rows);
    return r;
}

int dns_describe_domain_ns(struct call *call)
{
    if (!dns_domain_find(call, call_text(call, "DomainName")))
        return -EINVAL;
    /* Where the domain is delegated to now is a question to other name servers, which are not asked. */
    json_put(call->out, "DnsServers", json_array());
    json_put(call->out, "ExpectDnsServers", name_servers(call));
    json_put_flag(call->out, "AllAliDns", false);
    json_put_flag(call->out, "IncludeAliDns", false);
    json_put_text(call->out, "DetectFailedReasonCode", "NOT_DETECTED");
    return 0;
}

/* The last two labels of a name that has a dot. */
static const char *last_two_labels(const char *host)
{
    const char *domain = strrchr(host, '.');

    while (domain > host && domain[-1] != '.')
        domain--;
    return domain;
}

/* Which part of a name is a domain: the longest one that was added, else the last two labels. There is no list of public
 * suffixes here, so "example.co.uk" must be added to be known. */
int dns_get_main_domain_name(struct call *call)
{
    char host[DNS_NAME_MAX + 1], rr[DNS_NAME_MAX + 1];
    const struct doc *doc;
    const char *domain;
    int64_t level = 2; /* of a host right below the domain */

    if (lower_host(call_text(call, "InputString"), host) < 0 || !strchr(host, '.'))
        return call_fail(
            call, "InvalidDomainName.Format", "InputString must be a name of two labels or more.");
    doc = dns_domain_of(call, host);
    domain = doc ? doc->id : last_two_labels(host);
    if (dns_domain_check(domain, rr) < 0)
        return call_fail(
            call, "InvalidDomainName.Format", "InputString %.253s is not a name.", host);
    split_at(host, domain, rr);
    for (const char *c = rr; *c; c++)
        level += *c == '.';
    json_put_text(call->out, "DomainName", domain);
    json_put_text(call->out, "RR", rr);
    json_put_int(call->out, "DomainLevel", strcmp(rr, "@") == 0 ? 1 : level);
    return 0;
}

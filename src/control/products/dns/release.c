/* Whether weights still send clients to an instance that is to be released (DNS-34). */
#include "control/products/dns/dns.h"

#define CHAIN_MAX 8u /* aliases of aliases */

/* What a record may lead to. */
struct target {
    const char *name;   /* DNSName; NULL: it has none */
    const json_t *body; /* the instance's: its addresses */
};

static bool has_text(json_t *object, const char *value)
{
    const char *key;
    json_t *member;

    json_object_foreach (object, key, member) {
        if (json_is_string(member) && strcmp(json_string_value(member), value) == 0)
            return true;
    }
    return false;
}

static bool is_address(const struct target *target, const char *value)
{
    json_t *zone, *address;
    size_t i, j;

    if (json_text_is(target->body, "Address", value))
        return true;
    json_array_foreach (json_object_get(target->body, "ZoneMappings"), i, zone) {
        json_array_foreach (json_object_get(zone, "LoadBalancerAddresses"), j, address) {
            if (has_text(address, value))
                return true;
        }
    }
    return false;
}

/* Whether answers may have it. */
static bool is_answered(struct call *call, const json_t *record)
{
    return json_flag(record, "Enabled", true) &&
           (!dns_is_weighted(call, record) || json_int(record, "Weight", 1) > 0);
}

static bool leads_to(
    struct call *call, const json_t *record, const struct target *target, unsigned n_left);

static bool host_leads_to(
    struct call *call, const char *host, const struct target *target, unsigned n_left)
{
    char name[DNS_NAME_MAX + 1], rr[DNS_NAME_MAX + 1] = "@";
    const struct doc *domain = NULL;
    struct doc_list list;
    bool leads = false;
    size_t len;

    if (dns_name_check(host, false, 1, name) == 0)
        domain = dns_domain_of(call, name);
    if (!domain)
        return false;
    len = strlen(name) - strlen(domain->id);
    if (len > 0)
        (void)snprintf(rr, sizeof(rr), "%.*s", (int)len - 1, name);
    txn_users(call->txn, DNS_RECORD, domain->id, &list);
    for (uint32_t i = 0; i < list.n && !leads; i++) {
        const json_t *record = list.docs[i]->body;

        leads = json_text_is(record, "RR", rr) && is_answered(call, record) &&
                leads_to(call, record, target, n_left);
    }
    doc_list_done(&list);
    return leads;
}

/* NOLINTNEXTLINE(misc-no-recursion): n_left ends it */
static bool leads_to(
    struct call *call, const json_t *record, const struct target *target, unsigned n_left)
{
    const char *value = json_text(record, "Value");

    if (!json_text_is(record, "Type", "CNAME"))
        return is_address(target, value);
    if (target->name && strcasecmp(target->name, value) == 0)
        return true;
    return n_left > 0 && host_leads_to(call, value, target, n_left - 1);
}

/* The first record of a weighted set that sends clients there; its id, or NULL. */
static const char *find_share(struct call *call, const json_t *set, const struct target *target)
{
    const char *found = NULL;
    struct doc_list list;

    txn_users(call->txn, DNS_RECORD, json_text(set, "DomainName"), &list);
    for (uint32_t i = 0; i < list.n && !found; i++) {
        const json_t *record = list.docs[i]->body;

        if (json_text_is(record, "RR", json_text(set, "RR")) &&
            json_text_is(record, "Type", json_text(set, "Type")) && dns_is_weighted(call, record) &&
            is_answered(call, record) && leads_to(call, record, target, CHAIN_MAX))
            found = list.docs[i]->id;
    }
    doc_list_done(&list);
    return found;
}

int dns_check_release(struct call *call, const json_t *instance, const char *code)
{
    const struct target target = {json_text(instance, "DNSName"), instance};
    struct doc_list sets;
    int r = 0;

    txn_list(call->txn, DNS_WEIGHTS, &sets);
    for (uint32_t i = 0; i < sets.n && r == 0; i++) {
        const json_t *set = sets.docs[i]->body;
        const char *id = find_share(call, set, &target);

        if (id)
            r = call_fail(call, code,
                "The weights of %s.%s still send clients here: record %s. Give it the weight 0 first.",
                json_text(set, "RR"), json_text(set, "DomainName"), id);
    }
    doc_list_done(&sets);
    return r;
}

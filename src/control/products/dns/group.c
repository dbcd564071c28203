/* Groups of domains: names that people sort their domains by. */
#include "control/products/dns/dns.h"

static const struct doc *find_group(struct call *call)
{
    return call_find(call, DNS_GROUP, "GroupId", "InvalidGroupId.NoExist", "domain group");
}

/* Another group of that name, which there must not be. */
static int check_name(struct call *call, const char *name)
{
    struct doc_list list;
    int r = 0;

    txn_list(call->txn, DNS_GROUP, &list);
    for (uint32_t i = 0; r == 0 && i < list.n; i++) {
        if (json_text_is(list.docs[i]->body, "GroupName", name))
            r = call_fail(
                call, "InvalidGroupName.Duplicate", "A domain group %.64s exists already.", name);
    }
    doc_list_done(&list);
    return r;
}

static void done(struct call *call, const char *id, const char *name)
{
    json_put_text(call->out, "GroupId", id);
    json_put_text(call->out, "GroupName", name);
    call_resource(call, id);
}

int dns_add_domain_group(struct call *call)
{
    const char *name = call_text(call, "GroupName");
    char id[64];
    int r;

    r = check_name(call, name);
    if (r < 0)
        return r;
    txn_new_id(call->txn, "dg-", id);
    r = txn_add(call->txn, DNS_GROUP, id, json_pack("{s:s}", "GroupName", name));
    if (r < 0)
        return r;
    done(call, id, name);
    return 0;
}

int dns_update_domain_group(struct call *call)
{
    const struct doc *doc = find_group(call);
    const char *name = call_text(call, "GroupName");
    int r;

    if (!doc)
        return -EINVAL;
    r = json_text_is(doc->body, "GroupName", name) ? 0 : check_name(call, name);
    if (r < 0)
        return r;
    json_put_text(txn_edit(call->txn, DNS_GROUP, doc->id), "GroupName", name);
    done(call, call_text(call, "GroupId"), name);
    return 0;
}

int dns_delete_domain_group(struct call *call)
{
    const struct doc *doc = find_group(call);
    uint32_t n;

    if (!doc)
        return -EINVAL;
    n = txn_count_users(call->txn, DNS_DOMAIN, doc->id);
    if (n > 0)
        return call_fail(call, "Fobidden.NotEmptyGroup", "There are %u domains in the group %s.", n,
            doc->id); /* sic */
    done(call, doc->id, json_text(doc->body, "GroupName"));
    (void)txn_remove(call->txn, DNS_GROUP, call_text(call, "GroupId"));
    return 0;
}

/* Without GroupId the domain leaves its group. */
int dns_change_domain_group(struct call *call)
{
    const struct doc *domain = dns_domain_find(call, call_text(call, "DomainName"));
    const char *id = call_text(call, "GroupId");
    json_t *body;

    if (!domain)
        return -EINVAL;
    if (id && id[0] && !find_group(call))
        return -EINVAL;
    dns_resource(call, domain);
    body = txn_edit(call->txn, DNS_DOMAIN, domain->id);
    if (id && id[0])
        json_put_text(body, "GroupId", id);
    else
        (void)json_object_del(body, "GroupId");
    dns_put_group(call, body, call->out);
    return 0;
}

int dns_describe_domain_groups(struct call *call)
{
    const char *word = call_text(call, "KeyWord");
    struct doc_list list;
    json_t *rows;
    uint32_t n = 0;
    int r;

    txn_list(call->txn, DNS_GROUP, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        if (!word || strcasestr(json_text(list.docs[i]->body, "GroupName"), word))
            list.docs[n++] = list.docs[i];
    }
    list.n = n;
    r = call_page(call, &list);
    rows = json_array();
    for (uint32_t i = 0; r == 0 && i < list.n; i++) {
        json_t *row = json_object();

        json_put_text(row, "GroupId", list.docs[i]->id);
        json_put_text(row, "GroupName", json_text(list.docs[i]->body, "GroupName"));
        json_put_int(row, "DomainCount", txn_count_users(call->txn, DNS_DOMAIN, list.docs[i]->id));
        (void)json_array_append_new(rows, row);
    }
    doc_list_done(&list);
    json_put(call->out, "DomainGroups", rows);
    return r;
}

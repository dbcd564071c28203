/* Domain extensions: further certificates of https listeners, each chosen by the name that
 * clients ask for. */
#include "control/products/cas/certs.h"
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

static const struct doc *find_domain(struct call *call)
{
    const char *id = call_text(call, "DomainExtensionId");
    const struct doc *doc = id ? txn_get(call->txn, "clb.domain_extension", id) : NULL;

    if (!doc)
        return CLB_NONE(call, "InvalidParameter.DomainExtensionId",
            "The domain extension %s does not exist.", id ? id : "(none)");
    return doc;
}

/* Whether a name of a certificate ("*.a.b" or exact) covers a domain. A wildcard stands for one
 * label. */
static bool name_covers(const char *name, const char *domain)
{
    const char *dot = strchr(domain, '.');

    if (span_eq_nocase(span_of(name), span_of(domain)))
        return true;
    return strncmp(name, "*.", 2) == 0 && strncmp(domain, "*.", 2) != 0 && dot &&
           span_eq_nocase(span_of(name + 1), span_of(dot));
}

static bool certificate_covers(const json_t *cert, const char *domain)
{
    const char *common = json_text(cert, "CommonName");
    size_t i;
    json_t *name;

    if (common && name_covers(common, domain))
        return true;
    json_array_foreach (json_object_get(cert, "SubjectAlternativeNames"), i, name)
        if (name_covers(json_string_value(name), domain))
            return true;
    return false;
}

static int put_certificate(struct call *call, json_t *body)
{
    const char *id = call_text(call, "ServerCertificateId");
    const struct doc *doc;

    if (!id)
        return call_fail(call, "MissingParameter", "ServerCertificateId is required.");
    doc = certs_find(call->txn, call->node, id);
    if (!doc)
        return call_fail(
            call, "InvalidParameter.ServerCertificateId", "The certificate %s does not exist.", id);
    if (certs_is_ca(doc))
        return call_fail(
            call, "CertificateTypeMismatched", "The certificate %s is a CA's, not a server's.", id);
    if (!certificate_covers(doc->body, json_text(body, "Domain")))
        return call_fail(call, "InvalidParameter.Domain",
            "The certificate %s is not for the domain %s.", id, json_text(body, "Domain"));
    json_put_text(body, "ServerCertificateId", doc->id);
    return 0;
}

static int check_domain(struct call *call, const struct doc *listener, char *ret_domain)
{
    const char *domain = call_text(call, "Domain");
    CLB_LIST list = {0};

    txn_users(call->txn, "clb.domain_extension", listener->id, &list);
    if (!clb_domain(domain, ret_domain))
        return call_fail(call, "InvalidParameter.Domain",
            "Domain \"%s\" must be a host name, or *. and a host name.", domain);
    for (uint32_t i = 0; i < list.n; i++)
        if (json_text_is(list.docs[i]->body, "Domain", ret_domain))
            return call_fail(call, "InvalidParameter.Domain",
                "The listener %s has a certificate for %s already: %s.", listener->id, ret_domain,
                list.docs[i]->id);
    if (list.n >= CLB_DOMAINS_MAX)
        return call_fail(call, "DomainExtensionNumberOverLimit",
            "The listener %s cannot have more than %u domain extensions.", listener->id,
            CLB_DOMAINS_MAX);
    return 0;
}

int clb_create_domain_extension(struct call *call)
{
    static const char *const members[] = {"LoadBalancerId", "ListenerPort", NULL};
    const struct doc *listener = clb_find_listener(call, "https");
    char domain[256], id[64];
    json_t *body;
    int r;

    if (!listener)
        return -EINVAL;
    r = check_domain(call, listener, domain);
    if (r < 0)
        return r;
    txn_new_id(call->txn, "de-", id);
    call_resource(call, id);
    body = json_object();
    json_copy_members(body, listener->body, members);
    json_put_text(body, "ListenerKey", listener->id);
    json_put_text(body, "Domain", domain);
    r = txn_add(call->txn, "clb.domain_extension", id, body);
    if (r == 0)
        r = put_certificate(call, body);
    json_put_text(call->out, "DomainExtensionId", id);
    json_put_int(call->out, "ListenerPort", json_int(listener->body, "ListenerPort", 0));
    return r;
}

int clb_set_domain_extension_attribute(struct call *call)
{
    const struct doc *doc = find_domain(call);

    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    return put_certificate(call, txn_edit(call->txn, "clb.domain_extension", doc->id));
}

int clb_delete_domain_extension(struct call *call)
{
    CLB_LIST rules = {0};
    const struct doc *doc = find_domain(call);

    if (!doc)
        return -EINVAL;
    txn_users(call->txn, "clb.rule", json_text(doc->body, "ListenerKey"), &rules);
    for (uint32_t i = 0; i < rules.n; i++)
        if (json_text_is(rules.docs[i]->body, "Domain", json_text(doc->body, "Domain")))
            return call_fail(call, "DomainExtensionRelatedRuleExist",
                "The rule %s is for the same domain, %s: delete it first.", rules.docs[i]->id,
                json_text(doc->body, "Domain"));
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, "clb.domain_extension", doc->id);
    return 0;
}

static void put_domain(json_t *out, const struct doc *doc)
{
    (void)json_object_update(out, doc->body);
    json_put_text(out, "DomainExtensionId", doc->id);
}

int clb_describe_domain_extension_attribute(struct call *call)
{
    const struct doc *doc = find_domain(call);

    if (!doc)
        return -EINVAL;
    put_domain(call->out, doc);
    return 0;
}

int clb_describe_domain_extensions(struct call *call)
{
    const char *wanted = call_text(call, "DomainExtensionId");
    const struct doc *listener = clb_find_listener(call, "https");
    json_t *out = json_array();
    CLB_LIST list = {0};

    json_put(call->out, "DomainExtensions", out);
    if (!listener)
        return -EINVAL;
    txn_users(call->txn, "clb.domain_extension", listener->id, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        put_domain(one, list.docs[i]);
        if (!wanted || strcmp(wanted, list.docs[i]->id) == 0)
            (void)json_array_append(out, one);
        json_decref(one);
    }
    return 0;
}

/* Certificates as Slb names them: of servers, and of CAs whose clients may come. */
#include "control/products/cas/certs.h"
#include "control/products/clb/clb.h"
#include "control/products/clb/operations.h"

/* Names of the two sorts. */
struct cert_sort {
    bool is_ca;
    const char *id, *name, *pem, *list; /* parameters and members */
    const char *not_found;
};
static const struct cert_sort server_sort = {false, "ServerCertificateId", "ServerCertificateName",
    "ServerCertificate", "ServerCertificates", "ServerCertificateId.NotFound"};
static const struct cert_sort ca_sort = {true, "CACertificateId", "CACertificateName",
    "CACertificate", "CACertificates", "CACertificateId.NotFound"};

static const char *const server_codes[CERT_FAULTS] = {
    [CERT_ABSENT] = "IllegalParam.ServerCertificate",
    [CERT_TOO_BIG] = "IllegalParam.ServerCertificate",
    [CERT_FORMAT] = "CertificateFormatInvalid",
    [CERT_CHAIN] = "CertificateFormatInvalid",
    [CERT_EXPIRED] = "IllegalParam.ServerCertificate",
    [CERT_WEAK] = "OperationDenied.IllegalKeyLength",
    [CERT_UNSUPPORTED] = "EccCertificateNotSupport",
    [CERT_NOT_CA] = "ServerCertificate.NotSupport",
};
static const char *const ca_codes[CERT_FAULTS] = {NULL};

/* --- answers ---------------------------------------------------------------------------------- */

static void put_certificate(
    struct call *call, json_t *out, const struct cert_sort *sort, const struct doc *doc)
{
    static const char *const members[] = {
        "CommonName", "Fingerprint", "SubjectAlternativeNames", "ResourceGroupId", NULL};
    char buf[32];

    json_copy_members(out, doc->body, members);
    json_put_text(out, sort->id, doc->id);
    json_put_text(out, sort->name, json_text(doc->body, "Name"));
    json_put_text(out, "RegionId", call->node->region);
    json_put_int(out, "IsAliCloudCertificate", json_text_is(doc->body, "Origin", "cas"));
    json_put_int(out, "CreateTimeStamp", json_int(doc->body, "CreatedMs", 0));
    json_put_text(out, "CreateTime", clb_time((uint64_t)json_int(doc->body, "CreatedMs", 0), buf));
    json_put_int(out, "ExpireTimeStamp", json_int(doc->body, "NotAfter", 0));
    json_put_text(out, "ExpireTime", clb_time((uint64_t)json_int(doc->body, "NotAfter", 0), buf));
    clb_put_tags(out, doc->body);
}

static bool is_of_sort(const struct doc *doc, const struct cert_sort *sort)
{
    return certs_is_ca(doc) == sort->is_ca;
}

static const struct doc *find_certificate(struct call *call, const struct cert_sort *sort)
{
    const char *id = call_text(call, sort->id);
    const struct doc *doc = certs_find(call->txn, call->node, id);

    if (!doc || !is_of_sort(doc, sort))
        return CLB_NONE(call, sort->not_found, "The %s certificate %s does not exist.",
            sort->is_ca ? "CA" : "server", id);
    return doc;
}

/* --- operations ------------------------------------------------------------------------------- */

static int answer_upload(struct call *call, const struct cert_sort *sort, const char *id)
{
    const struct doc *doc = txn_get(call->txn, "cas.certificate", id);

    call_resource(call, id);
    put_certificate(call, call->out, sort, doc);
    return 0;
}

static int upload(struct call *call, const struct cert_sort *sort, const char *const *codes)
{
    struct certs_upload upload = {
        .name = call_text(call, sort->name),
        .cert = span_of(call_text(call, sort->pem)),
        .key = span_of(sort->is_ca ? NULL : call_text(call, "PrivateKey")),
        .is_ca = sort->is_ca,
        .origin = "slb",
    };
    static const char *const members[] = {"ResourceGroupId", NULL};
    json_t *body;
    int r = clb_check_name(call, "InvalidParameter", sort->name);

    if (r < 0)
        return r;
    r = certs_add(call, &upload, codes, &body);
    if (r != 0)
        return r;
    r = call_tags(call, body);
    if (r < 0)
        return r;
    json_copy_members(body, call->in, members);
    return answer_upload(call, sort, json_text(body, "CertificateId"));
}

int clb_upload_server_certificate(struct call *call)
{
    return upload(call, &server_sort, server_codes);
}

int clb_upload_ca_certificate(struct call *call)
{
    return upload(call, &ca_sort, ca_codes);
}

static int set_name(struct call *call, const struct cert_sort *sort)
{
    const struct doc *doc;
    int r = clb_check_name(call, "InvalidParameter", sort->name);

    if (r < 0)
        return r;
    doc = find_certificate(call, sort);
    if (!doc)
        return -EINVAL;
    call_resource(call, doc->id);
    json_put_text(
        txn_edit(call->txn, "cas.certificate", doc->id), "Name", call_text(call, sort->name));
    return 0;
}

int clb_set_server_certificate_name(struct call *call)
{
    return set_name(call, &server_sort);
}

int clb_set_ca_certificate_name(struct call *call)
{
    return set_name(call, &ca_sort);
}

static int delete_certificate(struct call *call, const struct cert_sort *sort)
{
    const struct doc *doc = find_certificate(call, sort);

    if (!doc)
        return -EINVAL;
    if (txn_count_users(call->txn, "clb.domain_extension", doc->id) > 0)
        return call_fail(call, "CertificateRelatedDomainExtensionExist",
            "A domain extension uses the certificate %s.", doc->id);
    if (txn_count_users(call->txn, NULL, doc->id) > 0)
        return call_fail(call, "CertificateAndPrivateKeyIsRefered",
            "A listener uses the certificate %s.", doc->id);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, "cas.certificate", doc->id);
    return 0;
}

int clb_delete_server_certificate(struct call *call)
{
    return delete_certificate(call, &server_sort);
}

int clb_delete_ca_certificate(struct call *call)
{
    return delete_certificate(call, &ca_sort);
}

static bool certificate_is_asked_for(
    const struct call *call, const struct cert_sort *sort, const struct doc *doc)
{
    const char *id = call_text(call, sort->id), *group = call_text(call, "ResourceGroupId");

    return is_of_sort(doc, sort) && (!id || strcmp(id, doc->id) == 0) &&
           (!group || json_text_is(doc->body, "ResourceGroupId", group)) &&
           call_tags_match(call, doc->body);
}

static int describe_certificates(struct call *call, const struct cert_sort *sort)
{
    json_t *out = json_array();
    CLB_LIST list = {0};

    json_put(call->out, sort->list, out);
    txn_list(call->txn, "cas.certificate", &list);
    for (uint32_t i = 0; i < list.n; i++) {
        json_t *one = json_object();

        put_certificate(call, one, sort, list.docs[i]);
        if (certificate_is_asked_for(call, sort, list.docs[i]))
            (void)json_array_append(out, one);
        json_decref(one);
    }
    return 0;
}

int clb_describe_server_certificates(struct call *call)
{
    return describe_certificates(call, &server_sort);
}

int clb_describe_ca_certificates(struct call *call)
{
    return describe_certificates(call, &ca_sort);
}

/* Certificates of TCPSSL listeners: the default one, those chosen by server name, and the CA's. */
#include "control/products/cas/certs.h"
#include "control/products/nlb/nlb.h"

#define ADDITIONAL_MAX 25u

const struct doc *nlb_find_certificate(
    struct call *call, const char *id, bool is_ca, const char *not_found)
{
    const struct doc *doc = id ? certs_find(call->txn, call->node, id) : NULL;

    if (doc && certs_is_ca(doc) == is_ca)
        return doc;
    call_set_error(call, not_found, "The %s certificate %s does not exist.",
        is_ca ? "CA" : "server", id ? id : "");
    return NULL;
}

/* A TCPSSL listener, or NULL after call_fail. */
static const struct doc *find_tls_listener(struct call *call)
{
    const struct doc *doc = nlb_find_listener(call);

    if (doc && !json_text_is(doc->body, "ListenerProtocol", "TCPSSL")) {
        call_set_error(call, "OperationDenied.Protocol",
            "Listener %s is of %s; only TCPSSL listeners have certificates.", doc->id,
            json_text(doc->body, "ListenerProtocol"));
        return NULL;
    }
    return doc;
}

/* --- list -------------------------------------------------------------------------------------- */

struct listing {
    struct call *call;
    const char *status;
    json_t *rows;
};

static void list_certificate(
    const struct listing *listing, const char *id, const char *type, bool is_default)
{
    const char *wanted = call_text(listing->call, "CertType");

    if (wanted && strcmp(wanted, type) != 0)
        return;
    if (!json_array_has(listing->call->in, "CertificateIds", id, true))
        return;
    (void)json_array_append_new(
        listing->rows, json_pack("{s:s, s:s, s:b, s:s}", "CertificateId", id, "CertificateType",
                           type, "IsDefault", (int)is_default, "Status", listing->status));
}

static void list_all(const struct listing *listing, const json_t *listener)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(listener, "CertificateIds"), i, item)
        list_certificate(listing, json_string_value(item), "Server", true);
    json_array_foreach (json_object_get(listener, "AdditionalCertificates"), i, item)
        list_certificate(listing, json_text(item, "CertificateId"), "Server", false);
    json_array_foreach (json_object_get(listener, "CaCertificateIds"), i, item)
        list_certificate(listing, json_string_value(item), "Ca", true);
}

int nlb_list_listener_certificates(struct call *call)
{
    const struct doc *doc = find_tls_listener(call);
    struct listing listing = {.call = call};
    enum delivery state;
    json_t *ids, *row;
    size_t i;
    int r;

    if (!doc)
        return -EINVAL;
    state = call_state(call, doc, NULL);
    listing.status =
        state == DELIVERY_NEW || state == DELIVERY_CHANGED ? "Associating" : "Associated";
    listing.rows = json_array();
    list_all(&listing, doc->body);
    json_put(call->out, "Certificates", listing.rows);
    r = call_page_array(call, listing.rows);
    if (r < 0)
        return r;
    ids = json_array();
    json_array_foreach (listing.rows, i, row)
        (void)json_array_append(ids, json_object_get(row, "CertificateId"));
    json_put(call->out, "CertificateIds", ids);
    return 0;
}

/* --- associate, disassociate ------------------------------------------------------------------- */

static bool is_additional(const json_t *listener, const char *id, size_t *ret_index)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(listener, "AdditionalCertificates"), i, item) {
        if (json_text_is(item, "CertificateId", id)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static int associate(struct call *call, json_t *body, const char *given_id)
{
    const struct doc *doc =
        nlb_find_certificate(call, given_id, false, "ResourceNotFound.Certificate");
    size_t index;

    if (!doc)
        return -EINVAL;
    if (json_array_has(body, "CertificateIds", doc->id, false) ||
        is_additional(body, doc->id, &index))
        return call_fail(call, "ResourceAlreadyAssociated.Certificate",
            "Certificate %s is associated with the listener already.", given_id);
    if (json_len(body, "AdditionalCertificates") >= ADDITIONAL_MAX)
        return call_fail(call, "QuotaExceeded.QuotaInsufficient",
            "A listener has at most %u additional certificates.", ADDITIONAL_MAX);
    (void)json_array_append_new(json_object_get(body, "AdditionalCertificates"),
        json_pack("{s:s}", "CertificateId", doc->id));
    return 0;
}

static int disassociate(struct call *call, json_t *body, const char *given_id)
{
    const struct doc *doc = certs_find(call->txn, call->node, given_id);
    const char *id = doc ? doc->id : given_id;
    size_t index;

    if (json_array_has(body, "CertificateIds", id, false))
        return call_fail(call, "OperationDenied.DefaultCertificateUsed",
            "Certificate %s is the listener's default; another one must take its place first.",
            given_id);
    if (json_array_has(body, "CaCertificateIds", id, false))
        return call_fail(call, "OperationDenied.CaCertificateUsed",
            "Certificate %s is the listener's CA certificate, not an additional one.", given_id);
    if (!is_additional(body, id, &index))
        return call_fail(call, "ResourceNotAssociated.Certificate",
            "Certificate %s is not associated with the listener.", given_id);
    (void)json_array_remove(json_object_get(body, "AdditionalCertificates"), index);
    return 0;
}

static int for_each_certificate(
    struct call *call, int (*fn)(struct call *call, json_t *body, const char *given_id))
{
    const struct doc *doc = find_tls_listener(call);
    const char *id = call_text(call, "ListenerId");
    json_t *body, *item;
    size_t i;

    if (!doc)
        return -EINVAL;
    body = txn_edit(call->txn, NLB_LISTENER, id);
    json_array_foreach (json_object_get(call->in, "AdditionalCertificateIds"), i, item) {
        int r = fn(call, body, json_string_value(item));

        if (r < 0)
            return r;
    }
    call_resource(call, id);
    call_job(call, "listener");
    return 0;
}

int nlb_associate_additional_certificates(struct call *call)
{
    return for_each_certificate(call, associate);
}

int nlb_disassociate_additional_certificates(struct call *call)
{
    return for_each_certificate(call, disassociate);
}

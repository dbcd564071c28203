/* Additional certificates of listeners, chosen by the name that clients ask for. */
#include "control/products/alb/listener.h"
#include "control/products/cas/certs.h"
#include "control/products/common/common.h"

static const char *const no_tls = "OperationDenied.HttpListenerNotSupport";

static bool is_default(const json_t *body, const char *id)
{
    const json_t *list = json_object_get(body, "Certificates");

    return common_index(list, "CertificateId", id) < json_array_size(list);
}

static int check_tls(struct call *call, const json_t *body)
{
    if (!json_text_is(body, "ListenerProtocol", "HTTP"))
        return 0;
    return call_fail(call, no_tls, "The listener %s speaks plain HTTP; it has no certificates.",
        call_text(call, "ListenerId"));
}

/* Certificates added to all listeners of an instance. */
static size_t count_additional(struct call *call, const char *instance_id)
{
    struct doc_list listeners;
    size_t n = 0;

    txn_users(call->txn, ALB_LISTENER, instance_id, &listeners);
    for (uint32_t i = 0; i < listeners.n; i++)
        n += json_len(listeners.docs[i]->body, "AdditionalCertificates");
    doc_list_done(&listeners);
    return n;
}

static int add_certificates(struct call *call, json_t *body, json_t *given)
{
    json_t *list = json_object_get(body, "AdditionalCertificates");
    json_t *certificate;
    size_t i;

    json_array_foreach (given, i, certificate) {
        const char *id = json_text(certificate, "CertificateId");

        if (common_index(list, "CertificateId", id) < json_array_size(list) || is_default(body, id))
            return call_fail(call, "ResourceAlreadyAssociated.Certificate",
                "The listener %s has the certificate %s already.", call->resource, id);
        (void)json_array_append(list, certificate);
    }
    return alb_check_quota(call, alb_instance_of(call, body), ALB_QUOTA_CERTIFICATES,
        count_additional(call, json_text(body, "LoadBalancerId")));
}

int alb_associate_additional_certificates_with_listener(struct call *call)
{
    json_t *body = listener_edit(call);
    json_t *given = NULL;
    int r;

    if (!body)
        return -ENOENT;
    r = check_tls(call, body);
    if (r == 0)
        r = listener_take_certificates(
            call, json_object_get(call->in, "Certificates"), false, &given);
    if (r < 0)
        return r;
    r = add_certificates(call, body, given);
    json_decref(given);
    if (r < 0)
        return r;
    call_job(call, "listener");
    return 0;
}

static int remove_certificate(struct call *call, json_t *body, const char *given)
{
    json_t *list = json_object_get(body, "AdditionalCertificates");
    const struct doc *doc = certs_find(call->txn, call->node, given);
    const char *id = doc ? doc->id : given;
    size_t at = common_index(list, "CertificateId", id);

    if (at < json_array_size(list)) {
        (void)json_array_remove(list, at);
        return 0;
    }
    if (is_default(body, id))
        return call_fail(call, "OperationDenied.DefaultCertificateUsed",
            "The certificate %s is the default one of the listener %s.", id, call->resource);
    return call_fail(call, "ResourceNotAssociated.Certificate",
        "The listener %s does not have the certificate %s.", call->resource, id);
}

int alb_dissociate_additional_certificates_from_listener(struct call *call)
{
    json_t *body = listener_edit(call);
    const json_t *given;
    size_t i;
    int r;

    if (!body)
        return -ENOENT;
    r = check_tls(call, body);
    json_array_foreach (json_object_get(call->in, "Certificates"), i, given)
        r = r < 0 ? r : remove_certificate(call, body, json_text(given, "CertificateId"));
    if (r < 0)
        return r;
    call_job(call, "listener");
    return 0;
}

static void show_certificates(const struct call *call, const struct doc *doc, const char *member,
    const char *type, json_t *out)
{
    json_t *certificate;
    size_t i;

    if (!json_text_is(call->in, "CertificateType", type) && json_has(call->in, "CertificateType"))
        return;
    json_array_foreach (json_object_get(doc->body, member), i, certificate) {
        json_t *shown;

        if (!json_array_has(
                call->in, "CertificateIds", json_text(certificate, "CertificateId"), true))
            continue;
        shown = json_copy(certificate);
        json_put_text(shown, "CertificateType", type);
        json_put_flag(shown, "IsDefault", strcmp(member, "AdditionalCertificates") != 0);
        json_put_text(shown, "Status", "Associated");
        (void)json_array_append_new(out, shown);
    }
}

int alb_list_listener_certificates(struct call *call)
{
    const struct doc *doc = listener_find(call);
    json_t *out = json_array();
    int r;

    json_put(call->out, "Certificates", out);
    if (!doc)
        return -ENOENT;
    r = check_tls(call, doc->body);
    if (r < 0)
        return r;
    show_certificates(call, doc, "Certificates", "Server", out);
    show_certificates(call, doc, "AdditionalCertificates", "Server", out);
    show_certificates(call, doc, "CaCertificates", "Ca", out);
    return call_page_array(call, out);
}

/* Product Cas: certificates that ALB and NLB listeners refer to.
 *
 * A certificate has a number (CertId) for this product and an id, "<CertId>-<region>"
 * (CertIdentifier), which is that of its document and what listeners hold. An upload without a
 * private key is that of a CA. Keys are in no answer.
 */
#include <sodium.h>
#include <time.h>

#include "control/products/cas/certs.h"

#define CERT_KIND    "cas.certificate"
#define NUMBER_MIN   10000000u
#define NUMBER_MAX   99999999u
#define DAY_MS       86400000
#define SOON_DAYS    30
#define DATE_BYTES   16u
#define NUMBER_BYTES 24u

static const char *const fault_codes[CERT_FAULTS] = {
    [CERT_ABSENT] = "InvalidParameter.Cert",
    [CERT_TOO_BIG] = "InvalidParameter.Cert",
    [CERT_FORMAT] = "InvalidParameter.Cert",
    [CERT_CHAIN] = "InvalidParameter.Cert",
    [CERT_EXPIRED] = "InvalidParameter.Cert",
    [CERT_WEAK] = "InvalidParameter.Cert",
    [CERT_UNSUPPORTED] = "InvalidParameter.Cert",
    [CERT_NOT_CA] = "InvalidParameter.Cert",
    [CERT_KEY_FORMAT] = "InvalidParameter.Key",
    [CERT_KEY_LOCKED] = "InvalidParameter.Key",
    [CERT_KEY_OTHER] = "InvalidParameter.Key",
};

static bool is_of_cas(const json_t *body)
{
    return json_text_is(body, "Origin", "cas");
}

/* --- upload ---------------------------------------------------------------------------------- */

/* A number that no certificate has, and its id. */
static uint32_t number_make(struct call *call, char *id, size_t n_id)
{
    uint32_t number;

    do {
        number = NUMBER_MIN + randombytes_uniform(NUMBER_MAX - NUMBER_MIN + 1);
        (void)snprintf(id, n_id, "%u-%s", number, call->node->region);
    } while (txn_get(call->txn, CERT_KIND, id));
    return number;
}

static bool name_is_used(struct call *call, const char *name)
{
    struct doc_list list;
    bool is_used = false;

    txn_list(call->txn, CERT_KIND, &list);
    for (uint32_t i = 0; i < list.n && !is_used; i++)
        is_used = is_of_cas(list.docs[i]->body) && json_text_is(list.docs[i]->body, "Name", name);
    doc_list_done(&list);
    return is_used;
}

static int upload_user_certificate(struct call *call)
{
    const char *name = call_text(call, "Name");
    char id[128], resource[80] = "";
    struct certs_upload upload = {
        .id = id,
        .name = name,
        .cert = span_of(call_text(call, "Cert")),
        .key = span_of(call_text(call, "Key")),
        .origin = "cas",
    };
    uint32_t number;
    json_t *body;
    int r;

    if (name_is_used(call, name))
        return call_fail(
            call, "NameRepeat", "There is a certificate of the name %s already.", name);
    number = number_make(call, id, sizeof(id));
    upload.is_ca = upload.key.len == 0;
    r = certs_add(call, &upload, fault_codes, &body);
    if (r < 0)
        return r;
    r = call_tags(call, body);
    if (r < 0)
        return r;
    (void)snprintf(resource, sizeof(resource), "cas-upload-%u", number);
    json_put_int(body, "CertId", number);
    json_put_text(body, "InstanceId", resource);
    call_resource(call, id);
    json_put_int(call->out, "CertId", number);
    json_put_text(call->out, "ResourceId", resource);
    return 0;
}

/* --- show ------------------------------------------------------------------------------------ */

static void put_date(json_t *out, const char *name, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    char buf[DATE_BYTES];
    struct tm tm;

    if (gmtime_r(&seconds, &tm) && strftime(buf, sizeof(buf), "%Y-%m-%d", &tm) > 0)
        json_put_text(out, name, buf);
}

/* Upper case, without the colons. */
static void put_fingerprint(json_t *out, const char *fingerprint)
{
    char buf[64];
    size_t n = 0;

    for (const char *c = fingerprint; c && *c && n + 1 < sizeof(buf); c++)
        if (*c != ':')
            buf[n++] = *c >= 'a' && *c <= 'f' ? (char)(*c - 'a' + 'A') : *c;
    buf[n] = '\0';
    json_put_text(out, "Fingerprint", buf);
}

static void put_names(json_t *out, const json_t *names)
{
    struct text all;
    const json_t *name;
    size_t i;

    text_init(&all, CERT_PEM_MAX);
    json_array_foreach (names, i, name)
        text_addf(&all, "%s%s", i > 0 ? "," : "", json_string_value(name));
    json_put(out, "Sans", json_stringn(all.len > 0 ? all.ptr : "", all.len));
    text_done(&all);
}

static int64_t days_left(const struct call *call, const json_t *object)
{
    int64_t left = json_int(object, "NotAfter", 0) - (int64_t)call->now_ms;

    return left > 0 ? left / DAY_MS : 0;
}

/* The words of this product for how long a certificate is good. */
static const char *show_status(const struct call *call, const json_t *body)
{
    if (json_int(body, "NotAfter", 0) <= (int64_t)call->now_ms)
        return "EXPIRED";
    return days_left(call, body) < SOON_DAYS ? "WILLEXPIRED" : "ISSUED";
}

/* What lists and details show alike. */
static void show(const struct call *call, const json_t *body, json_t *out)
{
    static const char *const same[] = {
        "City", "Country", "InstanceId", "Issuer", "Name", "Province", "Sha2", NULL};

    json_copy_members(out, body, same);
    json_put_text(out, "OrgName", json_text(body, "Organization"));
    json_put_text(out, "SerialNo", json_text(body, "Serial"));
    json_put_flag(out, "Expired", strcmp(show_status(call, body), "EXPIRED") == 0);
    put_date(out, "StartDate", json_int(body, "NotBefore", 0));
    put_date(out, "EndDate", json_int(body, "NotAfter", 0));
    put_fingerprint(out, json_text(body, "Fingerprint"));
    put_names(out, json_object_get(body, "SubjectAlternativeNames"));
}

/* The document that CertId names, or NULL after call_fail. */
static const struct doc *find_certificate(struct call *call)
{
    char number[NUMBER_BYTES];
    const struct doc *doc;

    (void)snprintf(number, sizeof(number), "%lld", (long long)json_int(call->in, "CertId", 0));
    doc = certs_find(call->txn, call->node, number);
    if (!doc)
        call_set_error(call, "NotFound", "The certificate %s does not exist.", number);
    return doc;
}

static void show_chain(const struct call *call, const json_t *body)
{
    static const char *const same[] = {
        "CommonName", "IssuerCommonName", "NotAfter", "NotBefore", NULL};
    json_t *chain = json_array();
    const json_t *link;
    size_t i;

    json_array_foreach (json_object_get(body, "Chain"), i, link) {
        json_t *row = json_object();

        json_copy_members(row, link, same);
        json_put_int(row, "RemainDay", days_left(call, link));
        (void)json_array_append_new(chain, row);
    }
    json_put(call->out, "CertChain", chain);
}

static int get_user_certificate_detail(struct call *call)
{
    static const char *const same[] = {"NotAfter", "NotBefore", "Tags", NULL};
    const struct doc *doc = find_certificate(call);
    const char *algorithm;

    if (!doc)
        return -ENOENT;
    show(call, doc->body, call->out);
    json_copy_members(call->out, doc->body, same);
    json_put_int(call->out, "Id", json_int(doc->body, "CertId", 0));
    json_put_text(call->out, "CertIdentifier", doc->id);
    json_put_text(call->out, "Common", json_text(doc->body, "CommonName"));
    json_put_flag(call->out, "BuyInAliyun", false);
    algorithm = json_text(doc->body, "Algorithm");
    json_put(call->out, "Algorithm", json_stringn(algorithm, strcspn(algorithm, "_")));
    if (!json_flag(call->in, "CertFilter", false))
        json_put_text(call->out, "Cert", json_text(doc->body, "Certificate"));
    show_chain(call, doc->body);
    return 0;
}

/* --- list ------------------------------------------------------------------------------------ */

static bool has_word(const json_t *body, const char *name, const char *word)
{
    const char *text = json_text(body, name);

    return text && strstr(text, word);
}

static bool matches_keyword(const json_t *body, const char *word)
{
    const json_t *name;
    size_t i;

    if (!word || !*word || has_word(body, "CommonName", word) ||
        has_word(body, "InstanceId", word) || has_word(body, "Name", word))
        return true;
    json_array_foreach (json_object_get(body, "SubjectAlternativeNames"), i, name)
        if (strstr(json_string_value(name), word))
            return true;
    return false;
}

/* Without a wanted status: those that are good. */
static bool matches_status(const struct call *call, const json_t *body)
{
    const char *wanted = call_text(call, "Status"), *status = show_status(call, body);

    return wanted ? strcmp(status, wanted) == 0 : strcmp(status, "EXPIRED") != 0;
}

static json_t *list_row(const struct call *call, const json_t *body)
{
    json_t *row = json_object();

    show(call, body, row);
    json_put_int(row, "CertificateId", json_int(body, "CertId", 0));
    json_put_text(row, "CommonName", json_text(body, "CommonName"));
    json_put_text(row, "Status", show_status(call, body));
    json_put_flag(row, "Upload", true);
    return row;
}

/* Nothing is bought here: orders and packages have empty lists. */
static int list_user_certificate_order(struct call *call)
{
    const char *type = call_text(call, "OrderType"), *word = call_text(call, "Keyword");
    int64_t page = json_int(call->in, "CurrentPage", 1), size = json_int(call->in, "ShowSize", 50);
    int64_t n = 0, first = (page - 1) * size;
    json_t *rows = json_array();
    struct doc_list list = {0};

    if (strcmp(type, "CERT") == 0 || strcmp(type, "UPLOAD") == 0)
        txn_list(call->txn, CERT_KIND, &list);
    for (uint32_t i = 0; i < list.n; i++) {
        const json_t *body = list.docs[i]->body;

        if (!is_of_cas(body) || !matches_keyword(body, word) || !matches_status(call, body))
            continue;
        if (n >= first && n < first + size)
            (void)json_array_append_new(rows, list_row(call, body));
        n++;
    }
    doc_list_done(&list);
    json_put(call->out, "CertificateOrderList", rows);
    json_put_int(call->out, "CurrentPage", page);
    json_put_int(call->out, "ShowSize", size);
    json_put_int(call->out, "TotalCount", n);
    return 0;
}

/* --- delete ---------------------------------------------------------------------------------- */

static int delete_user_certificate(struct call *call)
{
    const struct doc *doc = find_certificate(call);
    uint32_t n_users;

    if (!doc)
        return -ENOENT;
    n_users = txn_count_users(call->txn, NULL, doc->id);
    if (n_users > 0)
        return call_fail(call, "CertificateInUse",
            "The certificate %s is in use by %u listeners or domain extensions.", doc->id, n_users);
    call_resource(call, doc->id);
    (void)txn_remove(call->txn, CERT_KIND, doc->id);
    return 0;
}

/* --- the product ----------------------------------------------------------------------------- */

static const struct call_operation operations[] = {
    {"DeleteUserCertificate", delete_user_certificate},
    {"GetUserCertificateDetail", get_user_certificate_detail},
    {"ListUserCertificateOrder", list_user_certificate_order},
    {"UploadUserCertificate", upload_user_certificate},
};

extern const struct product product_cas;
const struct product product_cas = {"Cas", operations, ARRAY_LEN(operations)};

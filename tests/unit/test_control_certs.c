#include <fcntl.h>

#include "cert_make.h"
#include "control/products/cas/certs.h"
#include "control_make.h"

static char *seal(const char *text)
{
    char *sealed = NULL;

    assert_int_equal(certs_seal(make_dir, span_of(text), &sealed), 0);
    return sealed;
}

/* Opens a body with that sealed key; frees sealed. */
static int open_key(char *sealed, char **ret_pem)
{
    json_t *body = json_pack("{s:s}", "KeySealed", sealed);
    int r = certs_open_key(make_dir, body, ret_pem);

    json_decref(body);
    free(sealed);
    return r;
}

static void what_is_sealed_opens(void **state)
{
    char *one = seal("secret"), *two = seal("secret"), *pem;
    struct stat st;

    (void)state;
    assert_string_not_equal(one, two);
    assert_null(strstr(one, "secret"));
    assert_int_equal(stat(make_path("node-key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(open_key(one, &pem), 0);
    assert_string_equal(pem, "secret");
    pem = certs_key_free(pem);
    assert_null(certs_key_free(pem));
    assert_int_equal(open_key(two, &pem), 0);
    (void)certs_key_free(pem);
}

static void what_was_touched_does_not_open(void **state)
{
    char *sealed = seal("secret"), *pem;
    json_t *nothing = json_object();

    (void)state;
    assert_int_equal(certs_open_key(make_dir, nothing, &pem), -ENOENT);
    json_decref(nothing);
    assert_int_equal(open_key(base_strdup(""), &pem), -EBADMSG);
    assert_int_equal(open_key(base_strdup("no base64!"), &pem), -EBADMSG);
    assert_int_equal(open_key(base_strdup("AAAA"), &pem), -EBADMSG);
    sealed[40] = sealed[40] == 'A' ? 'B' : 'A';
    assert_int_equal(open_key(sealed, &pem), -EBADMSG);

    sealed = seal("secret");
    assert_int_equal(unlink(make_path("node-key")), 0);
    assert_int_equal(open_key(base_strdup(sealed), &pem), -EBADMSG);
    free(seal("another key is made"));
    assert_int_equal(open_key(sealed, &pem), -EBADMSG);
}

static void write_file(const char *name, const char *text)
{
    int fd = open(make_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void a_torn_node_key_is_never_replaced(void **state)
{
    char *sealed, *pem;

    (void)state;
    write_file("node-key.new", "of a process that died");
    free(seal("secret"));
    assert_int_equal(access(make_path("node-key.new"), F_OK), -1);

    write_file("node-key", "too short");
    assert_int_equal(certs_seal(make_dir, SPAN_LIT("secret"), &sealed), -EINVAL);
    assert_int_equal(open_key(base_strdup("AAAA"), &pem), -EINVAL);
}

/* --- documents ------------------------------------------------------------------------------- */

static struct node_conf node = {.region = "cn-hangzhou"};
static struct store *store;
static struct catalog *catalog;
static struct call call;
static struct text cert, key;

static int start(void **state)
{
    const char *why;
    int r = make_dir_setup(state);

    if (r < 0)
        return r;
    store = make_store();
    catalog = catalog_open(store, &why);
    (void)snprintf(node.state_dir, sizeof(node.state_dir), "%s", make_dir);
    call = (struct call){.node = &node, .txn = txn_begin(catalog), .now_ms = MAKE_NOW_MS};
    text_init(&cert, 10000);
    text_init(&key, 10000);
    return 0;
}

static int stop(void **state)
{
    text_done(&cert);
    text_done(&key);
    (void)txn_abort(call.txn);
    catalog = catalog_free(catalog);
    store = store_close(store);
    return make_dir_teardown(state);
}

static const char *const codes[CERT_FAULTS] = {[CERT_KEY_OTHER] = "KeyMismatch"};

static void give(const struct made *of_cert, const struct made *of_key)
{
    text_reset(&cert);
    text_reset(&key);
    make_cert_pem(&cert, of_cert);
    make_key_pem(&key, of_key, NULL, false);
}

static void a_certificate_is_added(void **state)
{
    struct made made = make_cert(&(struct wish){.name = "a", .key = "P-256"});
    struct certs_upload upload = {.name = "mine", .origin = "slb"};
    json_t *body;
    char *pem, *all;

    (void)state;
    give(&made, &made);
    upload.cert = text_span(&cert);
    upload.key = text_span(&key);
    assert_int_equal(certs_add(&call, &upload, codes, &body), 0);
    assert_true(json_text_is(body, "Name", "mine"));
    assert_true(json_text_is(body, "CertificateType", "server"));
    assert_true(json_text_is(body, "Origin", "slb"));
    assert_int_equal(json_int(body, "CreatedMs", 0), MAKE_NOW_MS);
    assert_non_null(txn_get(call.txn, "cas.certificate", json_text(body, "CertificateId")));
    assert_false(
        certs_is_ca(txn_get(call.txn, "cas.certificate", json_text(body, "CertificateId"))));
    all = json_dumps(body, 0);
    assert_null(strstr(all, "PRIVATE KEY"));
    free(all);
    assert_int_equal(certs_open_key(make_dir, body, &pem), 0);
    assert_span_is(text_span(&key), pem);
    (void)certs_key_free(pem);
    made_done(&made);
}

static void both_forms_of_an_id_are_found(void **state)
{
    static const struct {
        const char *id;
        bool is_found;
    } cases[] = {
        {"12345678-cn-hangzhou", true},
        {"12345678", true},
        {"1234567", false},
        {"12345678-cn-beijing", false},
        {"12345678x", false},
        {"", false},
    };
    struct made made = make_cert(&(struct wish){.name = "a", .key = "P-256", .is_ca = true});
    struct certs_upload upload = {.id = "12345678-cn-hangzhou", .is_ca = true, .origin = "cas"};
    json_t *body;

    (void)state;
    give(&made, &made);
    upload.cert = text_span(&cert);
    assert_int_equal(certs_add(&call, &upload, codes, &body), 0);
    assert_true(json_text_is(body, "Name", "12345678-cn-hangzhou"));
    assert_false(json_has(body, "KeySealed"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct doc *doc = certs_find(call.txn, &node, cases[i].id);

        assert_int_equal(doc != NULL, cases[i].is_found);
        assert_true(!doc || (certs_is_ca(doc) && strcmp(doc->id, upload.id) == 0));
    }
    made_done(&made);
}

static void faults_have_the_products_codes(void **state)
{
    static const struct openapi_operation operation = {.name = "Upload"};
    struct made made = make_cert(&(struct wish){.name = "a", .key = "P-256"});
    struct made other = make_cert(&(struct wish){.name = "b", .key = "P-256"});
    struct certs_upload upload = {.origin = "slb"};
    json_t *body;

    (void)state;
    call.op = &operation;
    give(&made, &other);
    upload.cert = text_span(&cert);
    upload.key = text_span(&key);
    assert_true(certs_add(&call, &upload, codes, &body) < 0);
    assert_string_equal(call.code, "KeyMismatch");
    assert_string_equal(call.message, "The private key is not that of the certificate.");
    upload.key = SPAN_LIT("x");
    assert_true(certs_add(&call, &upload, codes, &body) < 0);
    assert_string_equal(call.code, "InvalidParameter");
    assert_int_equal(txn_count(call.txn, "cas.certificate"), 0);
    made_done(&made);
    made_done(&other);
}

#define TEST_KEY(name) cmocka_unit_test_setup_teardown(name, make_dir_setup, make_dir_teardown)
#define TEST_DOC(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_KEY(what_is_sealed_opens),
        TEST_KEY(what_was_touched_does_not_open),
        TEST_KEY(a_torn_node_key_is_never_replaced),
        TEST_DOC(a_certificate_is_added),
        TEST_DOC(both_forms_of_an_id_are_found),
        TEST_DOC(faults_have_the_products_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

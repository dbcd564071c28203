#include "control/products/cas/certs.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "base/file.h"

#define NODE_KEY_BYTES crypto_secretbox_KEYBYTES
#define SEALED_EXTRA   (crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
#define PATH_BYTES     512u
#define BASE64         sodium_base64_VARIANT_ORIGINAL

/* --- the node key ---------------------------------------------------------------------------- */

static int key_load(const char *path, unsigned char key[static NODE_KEY_BYTES])
{
    char buf[NODE_KEY_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, buf, sizeof(buf));
    if (n < 0)
        r = -errno;
    else if (n != NODE_KEY_BYTES)
        r = -EINVAL;
    else
        memcpy(key, buf, NODE_KEY_BYTES);
    sodium_memzero(buf, sizeof(buf));
    (void)close(fd);
    return r;
}

/* So that the name is on disk before anything that was sealed is. */
static int dir_sync(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

    if (fd < 0)
        return -errno;
    if (fsync(fd) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

/* Makes the key whole or not at all: a torn one would lock up all that is sealed with it later. */
static int key_make(
    const char *state_dir, const char *path, unsigned char key[static NODE_KEY_BYTES])
{
    int r;

    randombytes_buf(key, NODE_KEY_BYTES);
    r = file_write(path, (struct span){(const char *)key, NODE_KEY_BYTES}, 0600);
    if (r < 0)
        return r;
    return dir_sync(state_dir);
}

/* The caller wipes key. */
static int key_get(const char *state_dir, bool may_make, unsigned char key[static NODE_KEY_BYTES])
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/node-key", state_dir), r;

    if (n >= (int)sizeof(path))
        return -ENAMETOOLONG;
    r = key_load(path, key);
    if (r == -ENOENT && may_make)
        return key_make(state_dir, path, key);
    return r;
}

/* --- sealing --------------------------------------------------------------------------------- */

int certs_seal(const char *state_dir, struct span text, char **ret_sealed)
{
    unsigned char key[NODE_KEY_BYTES], *box;
    size_t n_box = text.len + SEALED_EXTRA, n_base64 = sodium_base64_ENCODED_LEN(n_box, BASE64);
    char *sealed;
    int r = key_get(state_dir, true, key);

    if (r < 0)
        return r;
    box = base_alloc(n_box);
    randombytes_buf(box, crypto_secretbox_NONCEBYTES);
    r = crypto_secretbox_easy(
        box + crypto_secretbox_NONCEBYTES, (const unsigned char *)text.ptr, text.len, box, key);
    assert(r == 0);
    sealed = base_alloc(n_base64);
    (void)sodium_bin2base64(sealed, n_base64, box, n_box, BASE64);
    free(box);
    sodium_memzero(key, sizeof(key));
    *ret_sealed = sealed;
    return 0;
}

/* Opens a box of n bytes, with its nonce in front, into text, which has room for it and a NUL. */
static int box_open(const unsigned char *box, size_t n, const unsigned char *key, char *text)
{
    if (n < SEALED_EXTRA)
        return -EBADMSG;
    if (crypto_secretbox_open_easy((unsigned char *)text, box + crypto_secretbox_NONCEBYTES,
            n - crypto_secretbox_NONCEBYTES, box, key) != 0)
        return -EBADMSG;
    text[n - SEALED_EXTRA] = '\0';
    return 0;
}

int certs_open_key(const char *state_dir, const json_t *body, char **ret_pem)
{
    const char *sealed = json_text(body, "KeySealed");
    size_t n_sealed = sealed ? strlen(sealed) : 0, n_box = 0;
    unsigned char key[NODE_KEY_BYTES], *box;
    char *text;
    int r;

    if (!sealed)
        return -ENOENT;
    r = key_get(state_dir, false, key);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r; /* the key that it was sealed with is gone */
    box = base_alloc(n_sealed + 1);
    text = base_alloc(n_sealed + 1);
    r = sodium_base642bin(box, n_sealed, sealed, n_sealed, NULL, &n_box, NULL, BASE64) == 0
            ? box_open(box, n_box, key, text)
            : -EBADMSG;
    sodium_memzero(key, sizeof(key));
    free(box);
    if (r < 0) {
        free(text);
        return r;
    }
    *ret_pem = text;
    return 0;
}

char *certs_key_free(char *pem)
{
    if (pem)
        sodium_memzero(pem, strlen(pem));
    free(pem);
    return NULL;
}

/* --- documents ------------------------------------------------------------------------------- */

static int seal_into(struct call *call, struct span key, json_t *body)
{
    char *sealed;
    int r = certs_seal(call->node->state_dir, key, &sealed);

    if (r < 0)
        return call_fail(call, "InternalError",
            "The private key cannot be sealed: the node key in %s cannot be "
            "read or made (%s).",
            call->node->state_dir, strerrordesc_np(-r));
    json_put_text(body, "KeySealed", sealed);
    free(sealed);
    return 0;
}

int certs_add(struct call *call, const struct certs_upload *upload,
    const char *const codes[CERT_FAULTS], json_t **ret_body)
{
    json_t *body = NULL;
    const char *why;
    char made[64];
    const char *id = upload->id ? upload->id : made;
    enum cert_fault bad =
        cert_read(upload->cert, upload->key, upload->is_ca, call->now_ms, &body, &why);
    int r;

    if (bad != CERT_GOOD)
        return call_fail(call, codes[bad] ? codes[bad] : "InvalidParameter", "%s", why);
    if (!upload->id)
        txn_new_id(call->txn, "cert-", made);
    json_put_text(body, "CertificateId", id);
    json_put_text(body, "Name", upload->name ? upload->name : id);
    json_put_text(body, "CertificateType", upload->is_ca ? "ca" : "server");
    json_put_text(body, "Origin", upload->origin);
    json_put_int(body, "CreatedMs", (int64_t)call->now_ms);
    r = upload->is_ca ? 0 : seal_into(call, upload->key, body);
    if (r < 0) {
        json_decref(body);
        return r;
    }
    r = txn_add(call->txn, "cas.certificate", id, body);
    if (r < 0)
        return call_fail(call, "InvalidParameter", "The id %s is in use.", id);
    *ret_body = txn_edit(call->txn, "cas.certificate", id);
    return 0;
}

const struct doc *certs_find(struct txn *txn, const struct node_conf *node, const char *id)
{
    const struct doc *doc = txn_get(txn, "cas.certificate", id);
    char whole[128];
    int n;

    if (doc || !*id || strspn(id, "0123456789") != strlen(id))
        return doc;
    n = snprintf(whole, sizeof(whole), "%s-%s", id, node->region);
    return n < (int)sizeof(whole) ? txn_get(txn, "cas.certificate", whole) : NULL;
}

bool certs_is_ca(const struct doc *doc)
{
    return json_text_is(doc->body, "CertificateType", "ca");
}

#include "control/products/system/keys.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/file.h"
#include "control/api/api.h"
#include "control/products/cas/certs.h"
#include "observe/log.h"

#define KEY_ID_PREFIX "OSLB"
#define KEY_ID_RANDOM 20u
#define ROOT_FILE     "root-key.json"

static void random_text(char *at, size_t n)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < n; i++)
        at[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
    at[n] = '\0';
}

int keys_find(struct catalog *catalog, const char *state_dir, struct span id, struct key *ret_key)
{
    struct key key = {0};
    struct txn *txn;
    const json_t *body;
    int r = -ENOENT;

    if (id.len >= sizeof(key.id))
        return -ENOENT;
    memcpy(key.id, id.ptr, id.len);
    txn = txn_begin(catalog);
    body = txn_body(txn, KEYS_KIND, key.id);
    if (body) {
        r = certs_open_key(state_dir, body, &key.secret);
        key.is_active = json_text_is(body, "Status", "Active");
        key.is_root = json_flag(body, "Root", false);
    }
    (void)txn_abort(txn);
    if (r == 0)
        *ret_key = key;
    return r;
}

void key_done(struct key *key)
{
    (void)certs_key_free(key->secret);
    key->secret = NULL;
}

void keys_free_secret(char *secret)
{
    if (secret)
        sodium_memzero(secret, KEYS_SECRET_LEN);
    free(secret);
}

int keys_add(
    struct txn *txn, const char *state_dir, json_t *members, char *ret_id, char **ret_secret)
{
    char id[sizeof(KEY_ID_PREFIX) + KEY_ID_RANDOM];
    char *secret = base_zalloc(KEYS_SECRET_LEN + 1);
    char *sealed;
    int r;

    memcpy(id, KEY_ID_PREFIX, sizeof(KEY_ID_PREFIX));
    random_text(id + sizeof(KEY_ID_PREFIX) - 1, KEY_ID_RANDOM);
    random_text(secret, KEYS_SECRET_LEN);
    r = certs_seal(state_dir, (struct span){secret, KEYS_SECRET_LEN}, &sealed);
    if (r < 0) {
        keys_free_secret(secret);
        json_decref(members);
        return r;
    }
    json_put_text(members, "AccessKeyId", id);
    json_put_text(members, "KeySealed", sealed);
    json_put_text(members, "Status", "Active");
    free(sealed);
    r = txn_add(txn, KEYS_KIND, id, members);
    assert(r == 0); /* 119 random bits */
    (void)snprintf(ret_id, 64, "%s", id);
    *ret_secret = secret;
    return 0;
}

bool keys_is_unlimited(const json_t *body)
{
    return body && !json_text_is(body, "Permission", "read-only") &&
           json_len(body, "Products") == 0;
}

int keys_allow(struct call *call)
{
    const json_t *body;

    if (call->who->is_root)
        return 0;
    body = txn_body(call->txn, KEYS_KIND, call->who->access_key_id);
    if (!body || !json_text_is(body, "Status", "Active"))
        return call_fail(call, "Forbidden.NoPermission", "AccessKey %s is not active.",
            call->who->access_key_id);
    if (!json_array_has(body, "Products", call->op->product->name, true))
        return call_fail(call, "Forbidden.NoPermission", "AccessKey %s may not call %s.",
            call->who->access_key_id, call->op->product->name);
    if (!call->op->is_read && json_text_is(body, "Permission", "read-only"))
        return call_fail(call, "Forbidden.NoPermission",
            "AccessKey %s may only read; %s changes things.", call->who->access_key_id,
            call->op->name);
    return 0;
}

/* --- the first pair ------------------------------------------------------------------------------ */

/* Keys cannot limit or delete themselves, so one is left unless the store is new. */
static bool has_unlimited(struct txn *txn)
{
    struct doc_list keys;
    bool has = false;

    txn_list(txn, KEYS_KIND, &keys);
    for (uint32_t i = 0; i < keys.n; i++)
        has |= keys_is_unlimited(keys.docs[i]->body);
    doc_list_done(&keys);
    return has;
}

static int write_root(const struct node_conf *node, const char *id, const char *secret)
{
    char path[sizeof(node->state_dir) + sizeof(ROOT_FILE) + 1];
    struct text text;
    int r;

    (void)snprintf(path, sizeof(path), "%s/" ROOT_FILE, node->state_dir);
    text_init(&text, 4096);
    text_addf(&text, "{\"AccessKeyId\": \"%s\", \"AccessKeySecret\": \"%s\"}\n", id, secret);
    r = file_write(path, text_span(&text), 0600);
    sodium_memzero(text.ptr, text.len);
    text_done(&text);
    if (r < 0)
        log_line(LOG_ERROR, "%s: %s", path, strerrordesc_np(-r));
    return r;
}

int api_root_key(struct catalog *catalog, const struct node_conf *node)
{
    struct txn *txn = txn_begin(catalog);
    const struct call now = {.now_ms = (uint64_t)(clock_wall() / NSEC_PER_MSEC)};
    char id[64], time[32];
    json_t *members;
    char *secret;
    int r;

    if (has_unlimited(txn)) {
        (void)txn_abort(txn);
        return 0;
    }
    members = json_pack("{s:b, s:s, s:[], s:s}", "Root", 1, "Permission", "full", "Products",
        "Description", "made with the node");
    assert(members);
    json_put_text(members, "CreateDate", call_time(&now, time));
    r = keys_add(txn, node->state_dir, members, id, &secret);
    if (r < 0) {
        log_line(LOG_ERROR, "%s: the first AccessKey cannot be sealed: %s", node->state_dir,
            strerrordesc_np(-r));
        (void)txn_abort(txn);
        return r;
    }
    /* The file first: a pair in the store whose secret nobody has would lock everybody out. */
    r = write_root(node, id, secret);
    keys_free_secret(secret);
    if (r < 0) {
        (void)txn_abort(txn);
        return r;
    }
    r = txn_commit(txn, NULL, 0, NULL);
    if (r < 0)
        log_line(LOG_ERROR, "the first AccessKey cannot be stored: %s", strerrordesc_np(-r));
    else
        log_line(LOG_NOTICE, "the first AccessKey pair is in %s/" ROOT_FILE, node->state_dir);
    return r;
}

/* AccessKey pairs: documents of kind system.access_key {AccessKeyId, KeySealed, Status, Permission, Products, Root,
 * Description, CreateTime}. The secret is sealed with the node key and leaves the node once, when it is made. */
#pragma once

#include "control/call.h"

#define KEYS_KIND       "system.access_key"
#define KEYS_MAX        1000u
#define KEYS_SECRET_LEN 40u

struct key {
    char id[64];
    char *secret; /* owned */
    bool is_active, is_root;
};

/* 0, or -ENOENT, or negative if the secret cannot be opened. key_done when 0. */
int keys_find(
    struct catalog *catalog, const char *state_dir, struct span id, struct key *ret_key) MUST_CHECK;
void key_done(struct key *key);

/* Makes a pair. members: of the document besides those of every key; taken over. *ret_secret: wiped and freed by
 * keys_free_secret. ret_id: 64 bytes. 0 or -errno of sealing. */
int keys_add(struct txn *txn, const char *state_dir, json_t *members, char *ret_id,
    char **ret_secret) MUST_CHECK;
void keys_free_secret(char *secret);

/* Whether the caller may do this: 0, or call_fail's. */
int keys_allow(struct call *call) MUST_CHECK;
/* Whether a key is active and may do everything, as those must that manage keys. */
bool keys_is_unlimited(const json_t *body);

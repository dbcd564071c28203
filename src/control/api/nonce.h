/* Nonces of requests that were accepted, so that none is accepted twice.
 *
 * One is remembered until its request's timestamp would be refused anyway. What is kept is a hash; the number is
 * limited, and beyond it requests are refused: a replay must never get through because the table was full.
 * A key may have as many as there is room left for others: alone it gets half of the table, k busy keys get one
 * part of k + 1 each, and there is always room for one more key.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"

#define NONCES_MAX 1000000u

#define NONCE_KEY_LEN 32u /* hex digits of the hash that are kept: 128 bits */

/* An AccessKey that has nonces. */
struct nonce_owner {
    uint32_t n;  /* of its nonces; it goes with the last */
    size_t len;  /* of name */
    char name[]; /* the map's key */
};

struct nonce {
    struct list link;
    uint64_t forget_at_ms;
    struct nonce_owner *owner; /* NULL: of before a restart; whose it is was not written down */
    char key[NONCE_KEY_LEN];   /* the map's key */
};

struct nonces {
    struct map map;    /* hash -> struct nonce, owned */
    struct list list;  /* the same, oldest first */
    struct map owners; /* name -> struct nonce_owner, owned */
    uint32_t most;     /* NONCES_MAX; smaller in tests */
    /* nonce_file.c */
    char path[300];
    int fd;             /* -1: they live as long as the process */
    uint64_t n_in_file; /* records */
    bool write_failed;
};

void nonces_init(struct nonces *nonces);
void nonces_done(struct nonces *nonces);

/* Reads what an earlier process remembered, and from now on writes what is added to state_dir/nonces, without syncing: a
 * process that dies forgets nothing, a power cut takes the records of the last seconds at most. If the file
 * cannot be read or written, that is logged and they live as long as the process. kept_ms as in nonces_add. */
void nonces_open(struct nonces *nonces, const char *state_dir, uint64_t now_ms, uint64_t kept_ms);
/* For nonce.c: nonce was added. */
void nonces_note(struct nonces *nonces, const struct nonce *nonce);
/* For nonce_file.c. False: it is there already. */
bool nonces_put(struct nonces *nonces, const char *key, uint64_t forget_at_ms);

/* Remembers it for kept_ms from now_ms. 0; NONCE_USED; NONCE_FULL: the key has its share, or the table is full. */
enum { NONCE_USED = 1, NONCE_FULL = 2 };
int nonces_add(struct nonces *nonces, struct span key_id, struct span nonce, uint64_t now_ms,
    uint64_t kept_ms) MUST_CHECK;

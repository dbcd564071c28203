/* Nonces of requests that were accepted, so that none is accepted twice.
 *
 * One is remembered until its request's timestamp would be refused anyway. What is kept is a hash; the number is
 * limited, and beyond it requests are refused: a replay must never get through because the table was full.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"

#define NONCES_MAX 500000u

struct nonces {
    struct map map;   /* hash -> struct nonce, owned */
    struct list list; /* the same, oldest first */
};

void nonces_init(struct nonces *nonces);
void nonces_done(struct nonces *nonces);

/* Remembers it for kept_ms from now_ms. 0; NONCE_USED; NONCE_FULL. */
enum { NONCE_USED = 1, NONCE_FULL = 2 };
int nonces_add(struct nonces *nonces, struct span key_id, struct span nonce, uint64_t now_ms,
    uint64_t kept_ms) MUST_CHECK;

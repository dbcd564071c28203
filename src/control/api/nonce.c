#include "control/api/nonce.h"

#include "openapi/sign.h"

#define NONCE_KEY_LEN 32u /* hex digits of the hash that are kept: 128 bits */

struct nonce {
    struct list link;
    uint64_t forget_at_ms;
    char key[NONCE_KEY_LEN]; /* the map's key */
};

void nonces_init(struct nonces *nonces)
{
    *nonces = (struct nonces){0};
    list_init(&nonces->list);
}

static void nonce_forget(struct nonces *nonces, struct nonce *nonce)
{
    (void)map_remove(&nonces->map, (struct span){nonce->key, NONCE_KEY_LEN});
    list_remove(&nonce->link);
    free(nonce);
}

/* All are kept equally long, so the oldest is the first that is due. Wall time may step back: then they stay a little longer. */
static void nonces_expire(struct nonces *nonces, uint64_t now_ms)
{
    while (!list_empty(&nonces->list)) {
        struct nonce *oldest = container_of(nonces->list.next, struct nonce, link);

        if (oldest->forget_at_ms > now_ms)
            return;
        nonce_forget(nonces, oldest);
    }
}

void nonces_done(struct nonces *nonces)
{
    while (!list_empty(&nonces->list))
        nonce_forget(nonces, container_of(nonces->list.next, struct nonce, link));
    map_done(&nonces->map);
}

int nonces_add(
    struct nonces *nonces, struct span key_id, struct span nonce, uint64_t now_ms, uint64_t kept_ms)
{
    char hash[SIGN_SHA256_LEN + 1];
    struct text both;
    struct nonce *entry;

    nonces_expire(nonces, now_ms);
    text_init(&both, SIZE_MAX);
    text_addf(&both, "%.*s\n", SPAN_ARG(key_id));
    text_add(&both, nonce);
    sign_sha256(text_span(&both), hash);
    text_done(&both);
    if (map_find(&nonces->map, (struct span){hash, NONCE_KEY_LEN}))
        return NONCE_USED;
    if (nonces->map.n >= NONCES_MAX)
        return NONCE_FULL;
    entry = base_zalloc(sizeof(*entry));
    entry->forget_at_ms = now_ms + kept_ms;
    memcpy(entry->key, hash, NONCE_KEY_LEN);
    list_add_back(&nonces->list, &entry->link);
    (void)map_set(&nonces->map, (struct span){entry->key, NONCE_KEY_LEN}, entry);
    return 0;
}

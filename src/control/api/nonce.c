#include "control/api/nonce.h"

#include <unistd.h>

#include "openapi/sign.h"

void nonces_init(struct nonces *nonces)
{
    *nonces = (struct nonces){.fd = -1};
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
    if (nonces->fd >= 0)
        (void)close(nonces->fd);
    nonces->fd = -1;
}

static struct nonce *nonce_new(struct nonces *nonces, const char *key, uint64_t forget_at_ms)
{
    struct nonce *nonce = base_zalloc(sizeof(*nonce));

    nonce->forget_at_ms = forget_at_ms;
    memcpy(nonce->key, key, NONCE_KEY_LEN);
    list_add_back(&nonces->list, &nonce->link);
    (void)map_set(&nonces->map, (struct span){nonce->key, NONCE_KEY_LEN}, nonce);
    return nonce;
}

bool nonces_put(struct nonces *nonces, const char *key, uint64_t forget_at_ms)
{
    if (map_find(&nonces->map, (struct span){key, NONCE_KEY_LEN}))
        return false;
    (void)nonce_new(nonces, key, forget_at_ms);
    return true;
}

int nonces_add(
    struct nonces *nonces, struct span key_id, struct span nonce, uint64_t now_ms, uint64_t kept_ms)
{
    char hash[SIGN_SHA256_LEN + 1];
    struct text both;

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
    nonces_note(nonces, nonce_new(nonces, hash, now_ms + kept_ms));
    return 0;
}

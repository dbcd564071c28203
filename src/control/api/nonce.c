#include "control/api/nonce.h"

#include <unistd.h>

#include "openapi/sign.h"

void nonces_init(struct nonces *nonces)
{
    *nonces = (struct nonces){.fd = -1, .most = NONCES_MAX};
    list_init(&nonces->list);
}

/* A new one has no nonce yet. */
static struct nonce_owner *owner_of(struct nonces *nonces, struct span name)
{
    struct nonce_owner *owner = map_find(&nonces->owners, name);

    if (owner)
        return owner;
    owner = base_zalloc(sizeof(*owner) + name.len);
    owner->len = name.len;
    if (name.len > 0)
        memcpy(owner->name, name.ptr, name.len);
    (void)map_set(&nonces->owners, (struct span){owner->name, name.len}, owner);
    return owner;
}

static void owner_settle(struct nonces *nonces, struct nonce_owner *owner)
{
    if (owner->n > 0)
        return;
    (void)map_remove(&nonces->owners, (struct span){owner->name, owner->len});
    free(owner);
}

static void nonce_forget(struct nonces *nonces, struct nonce *nonce)
{
    if (nonce->owner) {
        nonce->owner->n--;
        owner_settle(nonces, nonce->owner);
    }
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
    map_done(&nonces->owners);
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
    struct nonce_owner *owner;
    struct nonce *added;
    struct text both;

    nonces_expire(nonces, now_ms);
    text_init(&both, SIZE_MAX);
    text_addf(&both, "%.*s\n", SPAN_ARG(key_id));
    text_add(&both, nonce);
    sign_sha256(text_span(&both), hash);
    text_done(&both);
    if (map_find(&nonces->map, (struct span){hash, NONCE_KEY_LEN}))
        return NONCE_USED;
    owner = owner_of(nonces, key_id);
    if (owner->n >= nonces->most - MIN(nonces->map.n, nonces->most)) {
        owner_settle(nonces, owner);
        return NONCE_FULL;
    }
    added = nonce_new(nonces, hash, now_ms + kept_ms);
    added->owner = owner;
    owner->n++;
    nonces_note(nonces, added);
    return 0;
}

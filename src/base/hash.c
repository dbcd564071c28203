#include "base/hash.h"

#include <sodium.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "the hash fills 64 bits");

/* Written once, before threads start. */
static unsigned char hash_secret[crypto_shorthash_KEYBYTES];
static bool hash_ready;

void hash_init(void)
{
    if (hash_ready)
        return;
    if (sodium_init() < 0) {
        (void)fprintf(stderr, "libsodium cannot be initialised\n");
        abort();
    }
    crypto_shorthash_keygen(hash_secret);
    hash_ready = true;
}

uint64_t hash_keyed(struct span bytes)
{
    uint64_t hash;

    assert(hash_ready);
    (void)crypto_shorthash(
        (unsigned char *)&hash, (const unsigned char *)bytes.ptr, bytes.len, hash_secret);
    return hash;
}

uint64_t hash_place(struct span bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
}

/* splitmix64: spreads any seed, even 0, over the whole state. */
static uint64_t rng_spread(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void rng_init(struct rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(rng->s); i++)
        rng->s[i] = rng_spread(&seed);
}

static uint64_t rng_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rng_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rng_rotate(s[3], 45);
    return result;
}

/* Lemire: the high half of a 32x32 multiplication, drawn again in the few cases that would favour
 * some results. */
uint32_t rng_below(struct rng *rng, uint32_t n)
{
    uint64_t product = (rng_next(rng) >> 32) * n;

    assert(n > 0);
    if ((uint32_t)product < n) {
        uint32_t unfair = -n % n;

        while ((uint32_t)product < unfair)
            product = (rng_next(rng) >> 32) * n;
    }
    return (uint32_t)(product >> 32);
}

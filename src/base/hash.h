/* Two kinds of hash, never to be confused.
 *
 * hash_keyed: for tables whose keys a peer can choose; differs in every process.
 * hash_place: for choosing a server; frozen (XXH3, 64 bit): all nodes and all versions agree.
 */
#pragma once

#include "base/span.h"

/* Call once before threads start; draws the secret. Repeated calls do nothing. */
void hash_init(void);

/* Asserts that hash_init was called. */
uint64_t hash_keyed(struct span bytes);
uint64_t hash_place(struct span bytes, uint64_t seed);

/* Fast, seedable, not for secrets: xoshiro256**. One per worker. */
struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, n); n > 0. */
uint32_t rng_below(struct rng *rng, uint32_t n);

/* Hash map from bytes to a pointer. Keys are hashed with a per-process secret, so a client that
 * chooses keys cannot make it slow. Open addressing; O(1) expected. Not thread safe. */
#pragma once

#include "base/span.h"

struct map_slot;

struct map {
    struct map_slot *slots; /* owned */
    uint32_t cap, n, n_dead;
};

/* A zeroed map is empty. Frees slots, not keys or values. */
void map_done(struct map *map);

/* The key's bytes are borrowed and must live as long as the entry; the key of an entry that is
 * replaced is replaced too. Returns the value that was there before, or NULL. value must not be
 * NULL. */
void *map_set(struct map *map, struct span key, void *value);

/* NULL if there is none. */
void *map_find(const struct map *map, struct span key);

/* Returns the value that was there, or NULL. */
void *map_remove(struct map *map, struct span key);

/* Walks in no order; *pos starts at 0. Returns the next value, or NULL at the end. Removing the entry
 * just returned is allowed; adding is not. */
void *map_next(const struct map *map, uint32_t *pos, struct span *ret_key);

#include "base/map.h"

#include "base/hash.h"

#define MAP_CAP_MIN 8u

/* Without value a slot is either empty, all zero, or dead: once used, and searches must go on
 * behind it. */
struct map_slot {
    struct span key; /* borrowed */
    void *value;     /* borrowed */
    uint64_t hash;   /* spares most comparisons, and all hashing when the table grows */
};

static const struct map_slot map_dead = {.hash = 1};

static bool map_is_dead(const struct map_slot *slot)
{
    return !slot->value && slot->hash == map_dead.hash;
}

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

/* The slot of the key, or the slot where it belongs. The table has an empty slot. */
static struct map_slot *map_locate(const struct map *map, struct span key, uint64_t hash)
{
    struct map_slot *place = NULL;

    for (uint32_t i = (uint32_t)hash & (map->cap - 1);; i = (i + 1) & (map->cap - 1)) {
        struct map_slot *slot = &map->slots[i];

        if (slot->value) {
            if (slot->hash == hash && span_eq(slot->key, key))
                return slot;
            continue;
        }
        if (!map_is_dead(slot))
            return place ? place : slot;
        if (!place)
            place = slot;
    }
}

/* Drops dead slots and leaves at least half of the table empty. */
static void map_rehash(struct map *map)
{
    struct map old = *map;
    uint64_t cap = MAP_CAP_MIN;

    while (cap < 2 * ((uint64_t)old.n + 1))
        cap *= 2;
    assert(cap <= UINT32_MAX);
    map->cap = (uint32_t)cap;
    map->n_dead = 0;
    map->slots = base_calloc(map->cap, sizeof(*map->slots));
    for (uint32_t i = 0; i < old.cap; i++) {
        const struct map_slot *slot = &old.slots[i];

        if (slot->value)
            *map_locate(map, slot->key, slot->hash) = *slot;
    }
    free(old.slots);
}

void *map_set(struct map *map, struct span key, void *value)
{
    uint64_t hash = hash_keyed(key);
    struct map_slot *slot;
    void *before;

    assert(value);
    if (4 * ((uint64_t)map->n + map->n_dead + 1) > 3 * (uint64_t)map->cap)
        map_rehash(map);
    slot = map_locate(map, key, hash);
    before = slot->value;
    if (!before) {
        map->n++;
        map->n_dead -= map_is_dead(slot);
    }
    *slot = (struct map_slot){.key = key, .value = value, .hash = hash};
    return before;
}

void *map_find(const struct map *map, struct span key)
{
    if (map->n == 0)
        return NULL;
    return map_locate(map, key, hash_keyed(key))->value;
}

void *map_remove(struct map *map, struct span key)
{
    struct map_slot *slot, *next;
    void *value;

    if (map->n == 0)
        return NULL;
    slot = map_locate(map, key, hash_keyed(key));
    value = slot->value;
    if (!value)
        return NULL;

    /* In front of an empty slot nothing needs to be searched behind this one. */
    next = &map->slots[(uint32_t)(slot - map->slots + 1) & (map->cap - 1)];
    *slot = (struct map_slot){0};
    if (next->value || map_is_dead(next)) {
        *slot = map_dead;
        map->n_dead++;
    }
    map->n--;
    return value;
}

void *map_next(const struct map *map, uint32_t *pos, struct span *ret_key)
{
    while (*pos < map->cap) {
        const struct map_slot *slot = &map->slots[(*pos)++];

        if (!slot->value)
            continue;
        *ret_key = slot->key;
        return slot->value;
    }
    return NULL;
}

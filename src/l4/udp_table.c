#include "l4/udp_table.h"

#include "base/hash.h"
#include "l4/udp.h"

#define UDP_TABLE_MIN 64u

_Static_assert(sizeof(struct udp_key) == 40, "keys are hashed and compared as bytes: no padding");

uint32_t udp_key_hash(const struct udp_key *key)
{
    return (uint32_t)hash_keyed((struct span){(const char *)key, sizeof(*key)});
}

struct udp_flow *udp_table_find(
    const struct l4_table *table, const struct udp_key *key, uint32_t hash)
{
    uint32_t mask = table->cap - 1;

    if (table->cap == 0)
        return NULL;
    for (uint32_t i = hash & mask; table->slots[i].flow; i = (i + 1) & mask) {
        if (table->slots[i].hash == hash &&
            memcmp(&table->slots[i].flow->key, key, sizeof(*key)) == 0)
            return table->slots[i].flow;
    }
    return NULL;
}

static void udp_table_put(struct l4_table *table, struct l4_slot slot)
{
    uint32_t mask = table->cap - 1;
    uint32_t i = slot.hash & mask;

    while (table->slots[i].flow)
        i = (i + 1) & mask;
    table->slots[i] = slot;
}

static void udp_table_grow(struct l4_table *table)
{
    struct l4_table old = *table;

    table->cap = MAX(2 * old.cap, UDP_TABLE_MIN);
    table->slots = base_calloc(table->cap, sizeof(table->slots[0]));
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.slots[i].flow)
            udp_table_put(table, old.slots[i]);
    }
    free(old.slots);
}

void udp_table_add(struct l4_table *table, struct udp_flow *flow)
{
    if (4 * ((uint64_t)table->n + 1) > 3 * (uint64_t)table->cap)
        udp_table_grow(table);
    udp_table_put(table, (struct l4_slot){flow, flow->hash});
    table->n++;
}

void udp_table_remove(struct l4_table *table, const struct udp_flow *flow)
{
    uint32_t mask = table->cap - 1;
    uint32_t hole = flow->hash & mask;

    while (table->slots[hole].flow != flow)
        hole = (hole + 1) & mask;
    /* Those behind move up, unless that would put them before their own place. */
    for (uint32_t i = (hole + 1) & mask; table->slots[i].flow; i = (i + 1) & mask) {
        uint32_t home = table->slots[i].hash & mask;

        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole] = (struct l4_slot){0};
    table->n--;
}

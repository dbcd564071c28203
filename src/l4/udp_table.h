/* The flows of a UDP listener by client and local address. */
#pragma once

#include "l4/l4.h"

struct udp_flow;

struct udp_key {
    struct addr client, local;
};

struct l4_slot {
    struct udp_flow *flow; /* borrowed; NULL: empty */
    uint32_t hash;
};

uint32_t udp_key_hash(const struct udp_key *key);
/* NULL if there is none. O(1) expected; so are the others. */
struct udp_flow *udp_table_find(
    const struct l4_table *table, const struct udp_key *key, uint32_t hash);
/* flow->key and flow->hash are set, and no other flow has the key. */
void udp_table_add(struct l4_table *table, struct udp_flow *flow);
/* flow must be in it. */
void udp_table_remove(struct l4_table *table, const struct udp_flow *flow);

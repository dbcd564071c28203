/* Consistent hashing by a lookup table (Eisenbud and others, "Maglev", NSDI 2016, section 3.4),
 * with weights.
 *
 * Every server walks the table in an order of its own that follows from its identity, and in rounds
 * takes the next free slot; a server with half the largest weight moves every second round. The
 * table depends on identities and weights alone: all workers and all nodes build the same one.
 * Health does not change it: instead of a choice that is not usable the key tries other slots, in an
 * order of its own, so that only the keys of that server move, to others in proportion to their
 * weights. (The neighbouring slots would not do: walks have one step each, so a server's right-hand
 * neighbours may all be one and the same.)
 *
 * Table sizes double: a group that grows past 10, 20, 40 ... servers gets the next size, and nearly
 * all keys move that once.
 */
#include "balance/sched.h"
#include "base/hash.h"

/* Primes, at least 100 slots per server up to 1,000 servers: shares are right within about 1 %. */
static const uint32_t maglev_sizes[] = {1009, 2003, 4001, 8009, 16001, 32003, 64007, 100003};

#define MAGLEV_FREE UINT16_MAX
_Static_assert(SCHED_SERVERS_MAX < MAGLEV_FREE, "slots hold the index of a server in 16 bits");

struct maglev_state {
    uint32_t n_slots; /* 0: no server has weight */
    uint16_t slots[]; /* index of a server */
};

/* One server's walk while the table is filled. */
struct maglev_walk {
    uint64_t identity;
    uint32_t server; /* index */
    uint32_t weight;
    uint32_t at;
    uint32_t step;
    uint32_t credit;
};

static uint32_t maglev_slots(uint32_t n)
{
    uint32_t i = 0;

    while (i + 1 < ARRAY_LEN(maglev_sizes) && maglev_sizes[i] < 100 * n)
        i++;
    return maglev_sizes[i];
}

static size_t maglev_state_size(uint32_t n)
{
    return sizeof(struct maglev_state) + maglev_slots(n) * sizeof(uint16_t);
}

static uint64_t maglev_hash(uint64_t identity, uint64_t seed)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(identity >> (8 * i));
    return hash_place((struct span){(const char *)bytes, sizeof(bytes)}, seed);
}

static void maglev_take_slot(struct maglev_state *state, struct maglev_walk *walk)
{
    /* The step is prime to the size: the walk visits every slot, and one is free. */
    while (state->slots[walk->at] != MAGLEV_FREE) {
        walk->at += walk->step;
        if (walk->at >= state->n_slots)
            walk->at -= state->n_slots;
    }
    state->slots[walk->at] = (uint16_t)walk->server;
}

static void maglev_fill(
    struct maglev_state *state, struct maglev_walk *walks, uint32_t n_walks, uint32_t max_weight)
{
    uint32_t left = state->n_slots;

    for (uint32_t i = 0; left > 0; i = i + 1 < n_walks ? i + 1 : 0) {
        walks[i].credit += walks[i].weight;
        if (walks[i].credit < max_weight)
            continue;
        walks[i].credit -= max_weight;
        maglev_take_slot(state, &walks[i]);
        left--;
    }
}

static int maglev_compare(const void *a, const void *b)
{
    const struct maglev_walk *one = a;
    const struct maglev_walk *other = b;

    return one->identity < other->identity ? -1 : one->identity > other->identity;
}

static void maglev_init(void *state, struct sched_view view, uint64_t seed)
{
    struct maglev_state *maglev = state;
    struct maglev_walk walks[SCHED_SERVERS_MAX];
    uint32_t n_slots = maglev_slots(view.n);
    uint32_t n_walks = 0;
    uint32_t max_weight = 0;

    (void)seed;
    assert(view.n <= SCHED_SERVERS_MAX);
    for (uint32_t i = 0; i < view.n; i++) {
        uint64_t identity = view.servers[i].identity;

        if (view.servers[i].weight == 0)
            continue;
        max_weight = MAX(max_weight, view.servers[i].weight);
        walks[n_walks++] = (struct maglev_walk){
            .identity = identity,
            .server = i,
            .weight = view.servers[i].weight,
            .at = (uint32_t)(maglev_hash(identity, 1) % n_slots),
            .step = (uint32_t)(maglev_hash(identity, 2) % (n_slots - 1)) + 1,
        };
    }
    if (n_walks == 0)
        return;
    /* The order in which servers are listed means nothing. */
    qsort(walks, n_walks, sizeof(walks[0]), maglev_compare);
    maglev->n_slots = n_slots;
    memset(maglev->slots, 0xff, n_slots * sizeof(maglev->slots[0]));
    maglev_fill(maglev, walks, n_walks, max_weight);
}

/* The usable server whose hash with the key is highest: for groups where nearly all are
 * unusable. */
static uint32_t maglev_highest(struct sched_view view, uint64_t key)
{
    uint32_t best = SCHED_NONE;
    uint64_t highest = 0;

    for (uint32_t i = 0; i < view.n; i++) {
        uint64_t hash;

        if (!sched_takes_work(&view.servers[i]))
            continue;
        hash = maglev_hash(view.servers[i].identity, key);
        if (best == SCHED_NONE || hash > highest) {
            highest = hash;
            best = i;
        }
    }
    return best;
}

static uint32_t maglev_pick(void *state, struct sched_view view, uint64_t key)
{
    const struct maglev_state *maglev = state;
    uint32_t at;

    if (maglev->n_slots == 0)
        return SCHED_NONE;
    at = (uint32_t)(key % maglev->n_slots);
    for (uint32_t probes = 0; probes <= view.n; probes++) {
        uint32_t i = maglev->slots[at];

        if (LIKELY(sched_takes_work(&view.servers[i])))
            return i;
        at = (uint32_t)(maglev_hash(key, probes) % maglev->n_slots);
    }
    return maglev_highest(view, key);
}

const struct sched_ops sched_maglev = {
    .name = "sch",
    .by_key = true,
    .state_size = maglev_state_size,
    .init = maglev_init,
    .pick = maglev_pick,
};

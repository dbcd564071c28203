/* Choosing the server of a group for one new exchange or flow.
 *
 * A scheduler sees numbers only: no addresses, no protocols, no clock. Every
 * worker has its own state per group, so nothing here locks, blocks or allocates.
 */
#pragma once

#include "base/base.h"

#define SCHED_SERVERS_MAX 1024u
#define SCHED_NONE        UINT32_MAX

struct sched_server {
    uint32_t weight; /* 0..100 times the slow-start scale (SCHED_WEIGHT_ONE); 0 takes no new work */
    uint32_t inflight; /* exchanges or flows open, all workers; may lag; read only by wlc */
    bool usable;       /* healthy, not removed, not tried already */
    uint64_t identity; /* hash of the server's id and address: consistent hashing places by it */
};

/* Weights are scaled so that slow start can give a server a hundredth of its share. */
#define SCHED_WEIGHT_ONE 100u

/* Borrowed from the group for one call; n <= SCHED_SERVERS_MAX. */
struct sched_view {
    const struct sched_server *servers;
    uint32_t n;
};

struct sched_ops {
    const char *name; /* the value of "scheduler" in the model; maglev: of its four hashes */
    bool by_key;
    bool by_inflight; /* reads inflight: the group keeps it fresh */

    /* Bytes of state for a group of n servers. */
    size_t (*state_size)(uint32_t n);

    /* Prepares zeroed state. The seed differs per worker, so that workers do not march in step;
     * schedulers that place by key ignore it: all workers and all nodes must agree. */
    void (*init)(void *state, struct sched_view view, uint64_t seed);

    /* Instead of init, after the group changed: zeroed state takes over the turns of an old
     * state of the same scheduler. from[i] is the old index of server i, or SCHED_NONE if it is
     * new. NULL: the state is a function of the view alone, and init makes it anew. O(n). */
    void (*carry)(void *state, struct sched_view view, const void *old_state,
        struct sched_view old_view, const uint32_t *from);

    /* Returns the index of a usable server with weight, or SCHED_NONE if there is none. O(n),
     * hashing O(1) while its choice is usable. key: the hash of what clients stick to. */
    uint32_t (*pick)(void *state, struct sched_view view, uint64_t key);
};

extern const struct sched_ops sched_rr, sched_wrr, sched_wlc, sched_maglev;

static inline bool sched_takes_work(const struct sched_server *server)
{
    return server->usable && server->weight > 0;
}

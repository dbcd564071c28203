/* Round robin: every server that takes work has its turn; weights only say who does.
 *
 * State: the index whose turn is next.
 */
#include "balance/sched.h"

struct rr_state {
    uint32_t next;
};

static size_t rr_state_size(uint32_t n)
{
    (void)n;
    return sizeof(struct rr_state);
}

static void rr_init(void *state, struct sched_view view, uint64_t seed)
{
    struct rr_state *rr = state;

    rr->next = view.n > 0 ? (uint32_t)(seed % view.n) : 0;
}

static void rr_carry(void *state, struct sched_view view, const void *old_state,
    struct sched_view old_view, const uint32_t *from)
{
    const struct rr_state *old = old_state;
    struct rr_state *rr = state;
    uint32_t nearest = UINT32_MAX;

    /* Next is who was nearest to its turn among those that stay. */
    for (uint32_t i = 0; i < view.n; i++) {
        uint32_t turns;

        if (from[i] == SCHED_NONE)
            continue;
        turns = (from[i] + old_view.n - old->next) % old_view.n;
        if (turns < nearest) {
            nearest = turns;
            rr->next = i;
        }
    }
}

static uint32_t rr_pick(void *state, struct sched_view view, uint64_t key)
{
    struct rr_state *rr = state;
    uint32_t i = rr->next;

    (void)key;
    for (uint32_t left = view.n; left > 0; left--) {
        uint32_t this = i;

        i = i + 1 < view.n ? i + 1 : 0;
        if (sched_takes_work(&view.servers[this])) {
            rr->next = i;
            return this;
        }
    }
    return SCHED_NONE;
}

const struct sched_ops sched_rr = {
    .name = "rr",
    .state_size = rr_state_size,
    .init = rr_init,
    .carry = rr_carry,
    .pick = rr_pick,
};

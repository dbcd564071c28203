/* Weighted least connections: the fewest exchanges or flows open per weight; servers that are equal
 * take turns.
 *
 * State: the index at which the next search begins.
 */
#include "balance/sched.h"

struct wlc_state {
    uint32_t next;
};

static size_t wlc_state_size(uint32_t n)
{
    (void)n;
    return sizeof(struct wlc_state);
}

static void wlc_init(void *state, struct sched_view view, uint64_t seed)
{
    struct wlc_state *wlc = state;

    wlc->next = view.n > 0 ? (uint32_t)(seed % view.n) : 0;
}

static void wlc_carry(void *state, struct sched_view view, const void *old_state,
    struct sched_view old_view, const uint32_t *from)
{
    const struct wlc_state *old = old_state;
    struct wlc_state *wlc = state;

    (void)old_view;
    for (uint32_t i = 0; i < view.n; i++) {
        if (from[i] == old->next)
            wlc->next = i;
    }
}

/* Whether a has less open per weight than b, without division. */
static bool wlc_less(const struct sched_server *a, const struct sched_server *b)
{
    return (uint64_t)a->inflight * b->weight < (uint64_t)b->inflight * a->weight;
}

static uint32_t wlc_pick(void *state, struct sched_view view, uint64_t key)
{
    struct wlc_state *wlc = state;
    uint32_t best = SCHED_NONE;
    uint32_t i = wlc->next;

    (void)key;
    for (uint32_t left = view.n; left > 0; left--) {
        const struct sched_server *server = &view.servers[i];

        if (sched_takes_work(server) &&
            (best == SCHED_NONE || wlc_less(server, &view.servers[best])))
            best = i;
        i = i + 1 < view.n ? i + 1 : 0;
    }
    if (best != SCHED_NONE)
        wlc->next = best + 1 < view.n ? best + 1 : 0;
    return best;
}

const struct sched_ops sched_wlc = {
    .name = "wlc",
    .by_inflight = true,
    .state_size = wlc_state_size,
    .init = wlc_init,
    .carry = wlc_carry,
    .pick = wlc_pick,
};

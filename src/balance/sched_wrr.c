/* Smooth weighted round robin.
 *
 * Each turn every candidate earns its weight; the richest is picked and pays
 * what all of them earned. In sum(weight) turns a server is picked weight times,
 * and its turns are spread out rather than bunched.
 * State: int64_t credit[n]. While the group does not change, credits sum to 0.
 */
#include "balance/sched.h"

static size_t wrr_state_size(uint32_t n)
{
    return n * sizeof(int64_t);
}

static uint32_t wrr_pick(void *state, struct sched_view view, uint64_t key)
{
    int64_t *credit = state;
    int64_t earned = 0;
    int64_t most = INT64_MIN;
    uint32_t best = SCHED_NONE;

    (void)key;
    for (uint32_t i = 0; i < view.n; i++) {
        const struct sched_server *server = &view.servers[i];
        int64_t has;

        if (!sched_takes_work(server))
            continue;
        has = credit[i] + server->weight;
        credit[i] = has;
        earned += server->weight;
        if (has > most) {
            most = has;
            best = i;
        }
    }
    if (best != SCHED_NONE)
        credit[best] -= earned;
    return best;
}

static void wrr_init(void *state, struct sched_view view, uint64_t seed)
{
    uint64_t turns = view.n > 0 ? seed % view.n : 0;

    for (uint64_t i = 0; i < turns; i++)
        (void)wrr_pick(state, view, 0);
}

static int64_t wrr_sum_weight(struct sched_view view)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < view.n; i++)
        sum += view.servers[i].weight;
    return sum;
}

/* credit / sum(weight) is by how many picks a server lags behind its share: that is what
 * survives a change, not the credit. Without it a server that had just paid for its turn at
 * weight 100 would wait for hundreds of turns after all weights fell to 1. */
static void wrr_carry(void *state, struct sched_view view, const void *old_state,
    struct sched_view old_view, const uint32_t *from)
{
    const int64_t *old_credit = old_state;
    int64_t *credit = state;
    int64_t old_sum = wrr_sum_weight(old_view);
    int64_t new_sum = wrr_sum_weight(view);
    int64_t n_carried = 0;
    int64_t rest = 0;

    if (old_sum == 0 || new_sum == 0)
        return;
    for (uint32_t i = 0; i < view.n; i++) {
        if (from[i] == SCHED_NONE)
            continue;
        credit[i] = old_credit[from[i]] * new_sum / old_sum;
        rest += credit[i];
        n_carried++;
    }
    /* What those who left owed or owned is shared out: credits sum to about 0 again, where
     * newcomers stand. */
    for (uint32_t i = 0; i < view.n; i++) {
        if (from[i] != SCHED_NONE)
            credit[i] -= rest / n_carried;
    }
}

const struct sched_ops sched_wrr = {
    .name = "wrr",
    .state_size = wrr_state_size,
    .init = wrr_init,
    .carry = wrr_carry,
    .pick = wrr_pick,
};

#include "balance/group.h"
#include "balance/server.h"

_Atomic uint32_t server_health_epoch;

struct server_state *server_state_new(const char *key, unsigned n_workers)
{
    struct server_state *state = base_zalloc(sizeof(*state));
    size_t bytes = n_workers * sizeof(struct server_cell);

    assert(n_workers > 0);
    state->key = base_strdup(key);
    state->refs = 1;
    atomic_init(&state->holds, 1);
    state->n_cells = n_workers;
    state->cells = aligned_alloc(CACHE_LINE, bytes);
    if (!state->cells)
        abort();
    memset(state->cells, 0, bytes);
    return state;
}

struct server_state *server_state_hold(struct server_state *state)
{
    (void)atomic_fetch_add_explicit(&state->holds, 1, memory_order_relaxed);
    return state;
}

void server_state_drop(struct server_state *state)
{
    /* Who is last sees all that the others did with it. */
    if (atomic_fetch_sub_explicit(&state->holds, 1, memory_order_acq_rel) > 1)
        return;
    free(state->key);
    free(state->cells);
    free(state);
}

struct server_state *server_state_free(struct server_state *state)
{
    if (state)
        server_state_drop(state);
    return NULL;
}

void server_state_sum(const struct server_state *state, struct server_cell *ret_sum)
{
    memset(ret_sum, 0, sizeof(*ret_sum));
    for (uint32_t i = 0; i < state->n_cells; i++) {
        const struct server_cell *cell = &state->cells[i];

#define CELL_SUM(name, suffix, type, help) counter_add(&ret_sum->name, counter_get(&cell->name));
        SERVER_COUNTER_LIST(CELL_SUM)
#undef CELL_SUM
        for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
            counter_add(
                &ret_sum->response_time.buckets[b], counter_get(&cell->response_time.buckets[b]));
        counter_add(&ret_sum->response_time.sum_us, counter_get(&cell->response_time.sum_us));
    }
}

void server_state_set_health(struct server_state *state, enum server_health health, nsec slow_from)
{
    if (slow_from != 0)
        atomic_store_explicit(&state->slow_from, slow_from, memory_order_relaxed);
    atomic_store_explicit(&state->health, health, memory_order_relaxed);
    /* Who sees the new epoch sees what was stored before it. */
    (void)atomic_fetch_add_explicit(&server_health_epoch, 1, memory_order_release);
}

#include "balance/group.h"

#include "balance/server.h"
#include "base/hash.h"

/* How long the number of connections on other workers may lag in a large group. */
#define GROUP_COUNT_EVERY NSEC_PER_MSEC
/* Groups with no more cells than this are counted in every turn of the loop. */
#define GROUP_COUNT_CELLS 64u

static const struct sched_ops *const schedulers[] = {
    [SCHEDULER_RR] = &sched_rr,
    [SCHEDULER_WRR] = &sched_wrr,
    [SCHEDULER_WLC] = &sched_wlc,
    [SCHEDULER_SCH] = &sched_maglev,
    [SCHEDULER_TCH] = &sched_maglev,
    [SCHEDULER_QCH] = &sched_maglev,
    [SCHEDULER_UCH] = &sched_maglev,
};

static struct sched_view group_view(const struct group *group)
{
    return (struct sched_view){group->view, group->n_servers};
}

static uint64_t group_identity(const struct server_conf *conf)
{
    char buf[ADDR_TEXT_MAX];
    uint64_t id = hash_place(span_of(conf->id), 0);

    return hash_place((struct span){buf, addr_format(&conf->addr, buf)}, id);
}

/* Counts what can be chosen, and opens the group when nothing can and conf wants it so. */
static void group_count_able(struct group *group)
{
    group->n_weighted = 0;
    group->n_able = 0;
    for (uint32_t i = 0; i < group->n_servers; i++) {
        group->n_weighted += group->view[i].weight > 0;
        group->n_able += sched_takes_work(&group->view[i]);
    }
    group->open = group->n_able == 0 && group->n_weighted > 0 && group->conf->fail_open;
    for (uint32_t i = 0; group->open && i < group->n_servers; i++)
        group->view[i].usable = true;
}

/* Weights at full share. Returns whether some server is in slow start. */
static bool group_weigh_full(struct group *group, nsec now)
{
    uint32_t slow_start_ms = group->sched == &sched_wrr ? group->conf->slow_start_ms : 0;
    bool slow = false;

    for (uint32_t i = 0; i < group->n_servers; i++) {
        const struct server *server = group->servers[i];

        group->view[i].weight = server->conf->weight * SCHED_WEIGHT_ONE;
        if (slow_start_ms > 0 && server_slow_pct(server, slow_start_ms, now) > 0)
            slow = true;
    }
    return slow;
}

static bool group_has_full_share(const struct group *group, nsec now)
{
    for (uint32_t i = 0; i < group->n_servers; i++) {
        if (group->servers[i]->health != HEALTH_DOWN && group->view[i].weight > 0 &&
            server_slow_pct(group->servers[i], group->conf->slow_start_ms, now) == 0)
            return true;
    }
    return false;
}

static void group_weigh(struct group *group, nsec now)
{
    group->slow = group_weigh_full(group, now);
    if (!group->slow)
        return;
    group->weigh_at = now + nsec_from_ms(group->conf->slow_start_ms) / 100;
    if (!group_has_full_share(group, now))
        return;
    for (uint32_t i = 0; i < group->n_servers; i++) {
        uint32_t pct = server_slow_pct(group->servers[i], group->conf->slow_start_ms, now);

        if (pct > 0)
            group->view[i].weight = group->view[i].weight / 100 * pct;
    }
}

static void group_refresh(struct group *group, nsec now)
{
    group->epoch = atomic_load_explicit(&server_health_epoch, memory_order_acquire);
    for (uint32_t i = 0; i < group->n_servers; i++) {
        server_see_health(group->servers[i], now);
        group->view[i].usable = group->servers[i]->health != HEALTH_DOWN;
    }
    group_weigh(group, now);
    group_count_able(group);
}

/* What is open on all workers; this worker's own part is kept exact in between by uses. */
static void group_count_inflight(struct group *group, nsec now)
{
    group->counted_at = now;
    for (uint32_t i = 0; i < group->n_servers; i++) {
        const struct server_state *state = group->servers[i]->state;
        uint64_t sum = 0;

        for (uint32_t c = 0; c < state->n_cells; c++)
            sum += counter_get(&state->cells[c].inflight);
        group->view[i].inflight = (uint32_t)MIN(sum, UINT32_MAX);
    }
}

static bool group_count_due(const struct group *group, nsec now)
{
    uint32_t n_cells = group->servers[0]->state->n_cells;

    if (n_cells == 1 || now == group->counted_at)
        return false;
    return n_cells * group->n_servers <= GROUP_COUNT_CELLS ||
           now - group->counted_at >= GROUP_COUNT_EVERY;
}

/* Room for a state; never of 0 bytes. */
static void *group_new_state(const struct sched_ops *ops, uint32_t n)
{
    return base_zalloc(MAX(ops->state_size(n), sizeof(uint64_t)));
}

static void *group_init_state(const struct group *group, const struct sched_ops *ops)
{
    void *state = group_new_state(ops, group->n_servers);

    ops->init(
        state, group_view(group), hash_place(span_of(group->conf->res.id), group->worker_index));
    return state;
}

/* The servers as they were before an update, and where the new ones come from. */
struct group_past {
    struct server **servers;   /* owned; those that stay are NULLed */
    struct sched_server *view; /* owned */
    uint32_t n;
    uint32_t *from; /* owned: per new server its old index, or SCHED_NONE */
    const struct sched_ops *sched;
};

static bool group_same_shares(const struct group *group, const struct group_past *past)
{
    if (group->n_servers != past->n)
        return false;
    for (uint32_t i = 0; i < past->n; i++) {
        if (past->from[i] != i || group->view[i].weight != past->view[i].weight)
            return false;
    }
    return true;
}

/* Returns the state for the servers of now: the same one, one that carries the turns on, or
 * NULL: to be made at the next pick. */
static void *group_carry_state(const struct group *group, const struct group_past *past,
    const struct sched_ops *ops, void *old_state)
{
    void *state;

    if (!old_state || group_same_shares(group, past))
        return old_state;
    if (!ops->carry) {
        free(old_state);
        return NULL;
    }
    state = group_new_state(ops, group->n_servers);
    ops->carry(
        state, group_view(group), old_state, (struct sched_view){past->view, past->n}, past->from);
    free(old_state);
    return state;
}

/* States of another scheduler are dropped, others carried. */
static void group_adopt_sched(struct group *group, const struct group_past *past)
{
    if (past->sched != group->sched) {
        free(TAKE(group->sched_state));
        free(TAKE(group->turns));
        return;
    }
    group->sched_state = group_carry_state(group, past, group->sched, group->sched_state);
    group->turns = group_carry_state(group, past, &sched_wrr, group->turns);
}

/* Index of the old server with that state, or SCHED_NONE. Order is mostly kept, so the search
 * begins where the last one ended. */
static uint32_t group_find_old(
    const struct group_past *past, const struct server_state *state, uint32_t start)
{
    uint32_t j = start;

    for (uint32_t left = past->n; left > 0; left--) {
        if (j >= past->n)
            j = 0;
        if (past->servers[j] && past->servers[j]->state == state)
            return j;
        j++;
    }
    return SCHED_NONE;
}

static struct server *group_join(struct group *group, const struct server_conf *conf, bool late)
{
    struct server *server = server_new(group, conf);

    /* The first servers of an empty group never enter slow start. */
    server->slow_pending = late && group->conf->slow_start_ms > 0 && server->health != HEALTH_DOWN;
    return server;
}

static void group_fill(struct group *group, struct group_past *past)
{
    const struct server_conf *confs = FIELD_ITEMS(group->conf->servers, struct server_conf);
    uint32_t start = 0;

    for (uint32_t i = 0; i < group->n_servers; i++) {
        uint32_t old = group_find_old(past, confs[i].state, start);

        past->from[i] = old;
        if (old == SCHED_NONE) {
            group->servers[i] = group_join(group, &confs[i], past->n > 0);
            group->view[i].identity = group_identity(&confs[i]);
        } else {
            group->servers[i] = past->servers[old];
            past->servers[old] = NULL;
            group->servers[i]->conf = &confs[i];
            group->view[i].identity = past->view[old].identity;
            start = old + 1;
        }
        group->servers[i]->index = i;
    }
}

void group_update(struct group *group, const struct group_conf *conf)
{
    struct group_past past = {
        .servers = group->servers,
        .view = group->view,
        .n = group->n_servers,
        .sched = group->sched,
    };
    uint32_t n = conf->servers.n;
    nsec now = engine_now(group->engine);

    assert(n <= SCHED_SERVERS_MAX);
    group->conf = conf;
    group->sched = schedulers[conf->scheduler];
    group->n_servers = n;
    group->servers = base_calloc(MAX(n, 1u), sizeof(struct server *));
    group->view = base_calloc(MAX(n, 1u), sizeof(group->view[0]));
    past.from = base_calloc(MAX(n, 1u), sizeof(past.from[0]));
    group_fill(group, &past);
    group_refresh(group, now);
    if (group->sched->by_inflight)
        group_count_inflight(group, now);
    group_adopt_sched(group, &past);

    for (uint32_t i = 0; i < past.n; i++) {
        if (past.servers[i])
            past.servers[i]->index = SCHED_NONE;
    }
    /* Last, when the group is whole again: on_removed may look at it. */
    for (uint32_t i = 0; i < past.n; i++) {
        if (past.servers[i])
            server_leave(past.servers[i]);
    }
    free((void *)past.servers);
    free(past.view);
    free(past.from);
}

struct group *group_new(const struct group_conf *conf, struct engine *engine, unsigned worker_index,
    void (*on_removed)(void *arg, struct server *server), void *arg)
{
    struct group *group = base_zalloc(sizeof(*group));

    group->engine = engine;
    group->worker_index = worker_index;
    group->refs = 1;
    group->on_removed = on_removed;
    group->on_removed_arg = arg;
    group_update(group, conf);
    return group;
}

struct group *group_ref(struct group *group)
{
    assert(group->refs > 0);
    group->refs++;
    return group;
}

static void group_free(void *arg, void *object)
{
    struct group *group = object;

    (void)arg;
    free((void *)group->servers);
    free(group->view);
    free(group->sched_state);
    free(group->turns);
    free(group);
}

void group_unref(struct group *group)
{
    assert(group->refs > 0);
    if (--group->refs == 0)
        engine_defer_free(group->engine, group, group_free, NULL);
}

void group_remove(struct group *group)
{
    struct server **servers = TAKE(group->servers);
    uint32_t n = group->n_servers;

    group->n_servers = 0;
    group->n_weighted = 0;
    group->n_able = 0;
    group->open = false;
    group->slow = false;
    for (uint32_t i = 0; i < n; i++)
        server_leave(servers[i]);
    group->conf = NULL;
    free((void *)servers);
    group_unref(group);
}

void group_health_changed(struct group *group)
{
    if (group->conf &&
        group->epoch != atomic_load_explicit(&server_health_epoch, memory_order_relaxed))
        group_refresh(group, engine_now(group->engine));
}

static uint32_t group_pick_able(struct group *group, uint64_t key)
{
    if (group->sched->by_key && key == 0) {
        if (UNLIKELY(!group->turns))
            group->turns = group_init_state(group, &sched_wrr);
        return sched_wrr.pick(group->turns, group_view(group), 0);
    }
    if (UNLIKELY(!group->sched_state))
        group->sched_state = group_init_state(group, group->sched);
    return group->sched->pick(group->sched_state, group_view(group), key);
}

/* Hides what was tried for one pick. */
static uint32_t group_pick_untried(struct group *group, const struct pick *pick)
{
    uint32_t hidden[PICK_TRIES_MAX];
    uint32_t n_hidden = 0;
    uint32_t index;

    for (uint32_t i = 0; i < group->n_servers && n_hidden < pick->n_tried; i++) {
        const struct server_state *state = group->servers[i]->state;
        uint32_t t = 0;

        while (t < pick->n_tried && pick->tried[t] != state)
            t++;
        if (t < pick->n_tried && group->view[i].usable) {
            group->view[i].usable = false;
            hidden[n_hidden++] = i;
        }
    }
    index = group_pick_able(group, pick->key);
    for (uint32_t h = 0; h < n_hidden; h++)
        group->view[hidden[h]].usable = true;
    return index;
}

int group_pick(struct group *group, const struct pick *pick, nsec now, struct server **ret_server,
    enum reason *ret_reason)
{
    uint32_t index;

    if (UNLIKELY(group->n_servers == 0)) {
        *ret_reason = REASON_NO_SERVERS;
        return -ENOENT;
    }
    if (UNLIKELY(group->epoch != atomic_load_explicit(&server_health_epoch, memory_order_relaxed)))
        group_refresh(group, now);
    else if (UNLIKELY(group->slow && now >= group->weigh_at))
        group_weigh(group, now);
    if (UNLIKELY(group->n_able == 0 && !group->open)) {
        *ret_reason = group->n_weighted > 0 ? REASON_ALL_UNHEALTHY : REASON_NO_SERVERS;
        return -ENOENT;
    }
    if (group->sched->by_inflight && group_count_due(group, now))
        group_count_inflight(group, now);

    index = UNLIKELY(pick->n_tried > 0) ? group_pick_untried(group, pick)
                                        : group_pick_able(group, pick->key);
    if (index == SCHED_NONE) {
        *ret_reason = REASON_NONE;
        return -ENOENT;
    }
    *ret_server = group->servers[index];
    *ret_reason = group->open ? REASON_FAIL_OPEN : REASON_NONE;
    return 0;
}

const struct addr *group_source(struct group *group)
{
    const struct addr *sources;

    if (!group->conf || group->conf->source.n == 0)
        return NULL;
    sources = FIELD_ITEMS(group->conf->source, struct addr);
    if (group->next_source >= group->conf->source.n)
        group->next_source = 0;
    return &sources[group->next_source++];
}

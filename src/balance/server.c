#include "balance/server.h"

struct server *server_new(struct group *group, const struct server_conf *conf)
{
    struct server *server = base_zalloc(sizeof(*server));

    assert(conf->state && group->worker_index < conf->state->n_cells);
    server->group = group_ref(group);
    server->conf = conf;
    server->state = server_state_hold(conf->state);
    server->cell = &conf->state->cells[group->worker_index];
    server->refs = 1;
    server->index = SCHED_NONE;
    server->addr = conf->addr;
    server->health = (uint8_t)server_state_health(conf->state);
    list_init(&server->idle);
    list_init(&server->leaving);
    list_init(&server->uses);
    return server;
}

struct server *server_ref(struct server *server)
{
    assert(server->refs > 0);
    server->refs++;
    return server;
}

static void server_free(void *arg, void *object)
{
    struct server *server = object;

    (void)arg;
    server_state_drop(server->state);
    free(server);
}

void server_unref(struct server *server)
{
    struct group *group = server->group;

    assert(server->refs > 0);
    if (--server->refs > 0)
        return;
    assert(server->removed && list_empty(&server->uses) && list_empty(&server->idle) &&
           list_empty(&server->leaving));
    timer_stop(&server->drain_timer);
    engine_defer_free(group->engine, server, server_free, NULL);
    group_unref(group);
}

void server_use_begin(struct server *server, struct server_use *use,
    void (*cut)(struct server_use *use, enum reason reason))
{
    use->server = server_ref(server);
    use->cut = cut;
    list_add_back(&server->uses, &use->link);
    counter_add(&server->cell->inflight, 1);
    counter_add(&server->cell->uses, 1);
    if (server->index != SCHED_NONE)
        server->group->view[server->index].inflight++;
}

void server_use_end(struct server_use *use)
{
    struct server *server = TAKE(use->server);

    assert(server);
    list_remove(&use->link);
    counter_sub(&server->cell->inflight, 1);
    if (server->index != SCHED_NONE && server->group->view[server->index].inflight > 0)
        server->group->view[server->index].inflight--;
    server_unref(server);
}

/* A cut may end other uses of the server and begin new ones: those that begin now are not cut. */
static void server_cut_uses(struct server *server)
{
    struct list left;

    (void)server_ref(server);
    list_init(&left);
    list_move_all(&left, &server->uses);
    while (!list_empty(&left)) {
        struct server_use *use = list_entry(left.next, struct server_use, link);

        list_remove(&use->link);
        list_add_back(&server->uses, &use->link);
        use->cut(use, REASON_DRAINING);
    }
    server_unref(server);
}

static void server_on_drain_time(struct engine *engine, struct timer *timer)
{
    struct server *server = container_of(timer, struct server, drain_timer);

    (void)engine;
    server->drain = DRAIN_DONE;
    server_cut_uses(server);
}

/* Cuts come from the loop, never from inside the call that found the server gone: 0 ms is the
 * loop's next turn. */
static void server_start_drain(struct server *server)
{
    struct engine *engine = server->group->engine;
    uint32_t timeout_ms = server->group->conf->drain_timeout_ms;

    server->drain = DRAIN_WAITING;
    timer_set(engine, &server->drain_timer, engine_now(engine) + nsec_from_ms(timeout_ms),
        server_on_drain_time);
}

static void server_stop_drain(struct server *server)
{
    timer_stop(&server->drain_timer);
    server->drain = DRAIN_NONE;
}

void server_see_health(struct server *server, nsec now)
{
    enum server_health health = server_state_health(server->state);

    server->health = (uint8_t)health;
    if (health == HEALTH_DOWN) {
        server->slow_pending = false;
        server->slow_from = 0;
        if (!server->group->conf->drain)
            server_stop_drain(server);
        else if (server->drain == DRAIN_NONE)
            server_start_drain(server);
        return;
    }
    server_stop_drain(server);
    /* A checked group's newcomer starts when it is known to be healthy. */
    if (server->slow_pending &&
        (health == HEALTH_UP || server->group->conf->health_check.slot == REF_NONE)) {
        server->slow_pending = false;
        server->slow_from = now;
    }
}

void server_leave(struct server *server)
{
    struct group *group = server->group;

    server->removed = true;
    server->conf = NULL;
    server->index = SCHED_NONE;
    if (group->on_removed)
        group->on_removed(group->on_removed_arg, server);
    /* A drain that began when it became unhealthy keeps its time. */
    if (group->conf->drain && server->drain != DRAIN_WAITING && !list_empty(&server->uses))
        server_start_drain(server);
    server_unref(server);
}

uint32_t server_slow_pct(const struct server *server, uint32_t slow_start_ms, nsec now)
{
    nsec from = atomic_load_explicit(&server->state->slow_from, memory_order_relaxed);
    nsec span = nsec_from_ms(slow_start_ms);

    if (server->slow_pending)
        return 1;
    from = MAX(from, server->slow_from);
    if (from == 0 || now - from >= span)
        return 0;
    /* The checker's clock may be ahead of this turn's. */
    return now <= from ? 1 : 1 + (uint32_t)(99 * (now - from) / span);
}

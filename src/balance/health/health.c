#include "balance/health/health.h"

#include "balance/health/check.h"
#include "base/hash.h"

/* Checks in flight; others wait for their turn. */
#define HEALTH_RUNNING_MAX 512u
/* Checks of a new target begin within this time, or its interval if that is shorter. */
#define HEALTH_PHASE_MAX NSEC_PER_SEC

/* One server of one group that is checked. */
struct target {
    struct watch *watch;
    const struct server_conf *server; /* of watch->group */
    struct server_state *state;       /* borrowed */
    struct check *check;              /* in flight, or NULL */
    struct list waiting;              /* in health->waiting */
    struct timer timer;               /* the next check */
    nsec since;                       /* wall time of the present verdict */
    uint64_t n_checks;                /* with a result */
    const char *why;                  /* of the last failure; "" after a success */
    unsigned status;                  /* of the last answer */
    uint32_t n_same;                  /* results in a row like the last one */
    bool last_ok;
};

/* One group. */
struct watch {
    struct health *health;
    const struct group_conf *group;
    const struct health_check_conf *check; /* NULL: none */
    struct target **targets; /* owned, parallel to the group's servers; NULL: not checked */
    uint32_t n;
};

struct health {
    struct engine *engine;
    struct conn_env *env;
    void (*on_change)(void *arg, const struct health_event *event);
    void *arg;
    struct rng rng;
    struct watch **watches; /* owned, by slot of the group; may be NULL */
    uint32_t n_watches;
    struct list waiting; /* struct target, oldest first */
    uint32_t n_running;
};

static void target_set_health(struct target *target, enum server_health after)
{
    struct health *health = target->watch->health;
    enum server_health before = server_state_health(target->state);
    nsec slow_from = 0;

    /* Recovering enters slow start; newcomers are the group's own affair. */
    if (before == HEALTH_DOWN && after == HEALTH_UP && target->watch->group->slow_start_ms > 0)
        slow_from = engine_now(health->engine);
    server_state_set_health(target->state, after, slow_from);
    target->since = engine_wall(health->engine);
}

static void health_tell(const struct watch *watch, const struct server_conf *server,
    enum server_health before, const struct target *target)
{
    const struct health_event event = {
        .group = watch->group,
        .server = server,
        .before = before,
        .after = server_state_health(server->state),
        .why = target ? target->why : "",
        .status = target ? target->status : 0,
    };

    if (watch->health->on_change)
        watch->health->on_change(watch->health->arg, &event);
}

static void target_on_result(struct check *check, const struct check_result *result)
{
    struct target *target = check->arg;
    const struct health_check_conf *conf = target->watch->check;
    enum server_health before = server_state_health(target->state);
    enum server_health after = before;

    target->n_checks++;
    target->why = result->why;
    target->status = result->status;
    target->n_same = target->last_ok == result->ok ? target->n_same + 1 : 1;
    target->last_ok = result->ok;

    /* A start is not delayed by rise: who answers the very first check is up. */
    if (result->ok && (before == HEALTH_UNKNOWN || target->n_same >= conf->rise))
        after = HEALTH_UP;
    else if (!result->ok && target->n_same >= conf->fall)
        after = HEALTH_DOWN;
    if (after == before)
        return;
    target_set_health(target, after);
    health_tell(target->watch, target->server, before, target);
}

static void health_run_waiting(struct health *health);

static void target_on_time(struct engine *engine, struct timer *timer)
{
    struct target *target = container_of(timer, struct target, timer);
    struct health *health = target->watch->health;

    (void)engine;
    list_add_back(&health->waiting, &target->waiting);
    health_run_waiting(health);
}

static void target_on_end(struct check *check)
{
    struct target *target = check->arg;
    struct health *health = target->watch->health;

    target->check = NULL;
    health->n_running--;
    timer_set(health->engine, &target->timer,
        engine_now(health->engine) + nsec_from_ms(target->watch->check->interval_ms),
        target_on_time);
    health_run_waiting(health);
}

static const struct check_owner target_owner = {
    .on_result = target_on_result,
    .on_end = target_on_end,
};

static void health_run_waiting(struct health *health)
{
    while (health->n_running < HEALTH_RUNNING_MAX && !list_empty(&health->waiting)) {
        struct target *target = list_entry(health->waiting.next, struct target, waiting);

        list_remove(&target->waiting);
        health->n_running++;
        target->check = check_start(
            health->env, &target_owner, target, target->watch->check, &target->server->addr);
    }
}

/* The timer's next moment is random, so that targets that come together do not stay together. */
static void target_schedule(struct target *target)
{
    struct health *health = target->watch->health;
    nsec phase = MIN(nsec_from_ms(target->watch->check->interval_ms), HEALTH_PHASE_MAX);

    timer_set(health->engine, &target->timer,
        engine_now(health->engine) + rng_below(&health->rng, (uint32_t)phase + 1), target_on_time);
}

static void target_stop(struct target *target)
{
    timer_stop(&target->timer);
    list_remove(&target->waiting);
    if (!target->check)
        return;
    check_stop(TAKE(target->check));
    target->watch->health->n_running--;
}

/* Whoever waits for the room of a check that was stopped gets it when the caller has finished. */
static struct target *target_free(struct target *target)
{
    if (!target)
        return NULL;
    target_stop(target);
    free(target);
    return NULL;
}

static struct target *target_new(struct watch *watch, const struct server_conf *server)
{
    struct target *target = base_zalloc(sizeof(*target));

    target->watch = watch;
    target->server = server;
    target->state = server->state;
    target->why = "";
    list_init(&target->waiting);
    if (server_state_health(target->state) == HEALTH_OFF)
        target_set_health(target, HEALTH_UNKNOWN);
    else
        target->since = engine_wall(watch->health->engine);
    target_schedule(target);
    return target;
}

/* The check itself is another one: what came before says little about the next result, but the
 * verdict stands. */
static void target_restart(struct target *target)
{
    target_stop(target);
    target->n_same = 0;
    target_schedule(target);
}

static void watch_turn_off(const struct watch *watch, const struct server_conf *server)
{
    enum server_health before = server_state_health(server->state);

    if (before == HEALTH_OFF)
        return;
    server_state_set_health(server->state, HEALTH_OFF, 0);
    if (before == HEALTH_DOWN)
        health_tell(watch, server, before, NULL);
}

/* The old target of a server, which leaves the old array, or NULL. */
static struct target *watch_take_old(
    struct target **old, uint32_t n, const struct server_state *state, uint32_t *start)
{
    uint32_t j = *start;

    for (uint32_t left = n; left > 0; left--) {
        if (j >= n)
            j = 0;
        if (old[j] && old[j]->state == state) {
            struct target *target = old[j];

            old[j] = NULL;
            *start = j + 1;
            return target;
        }
        j++;
    }
    return NULL;
}

static struct target *watch_fill_one(
    struct watch *watch, const struct server_conf *server, struct target *target, bool changed)
{
    if (!watch->check || (server->weight == 0 && !watch->group->check_weight_zero)) {
        watch_turn_off(watch, server);
        return target_free(target);
    }
    if (!target)
        return target_new(watch, server);
    target->server = server;
    if (changed)
        target_restart(target);
    return target;
}

static void watch_set(
    struct watch *watch, const struct group_conf *group, const struct health_check_conf *check)
{
    const struct server_conf *servers = FIELD_ITEMS(group->servers, struct server_conf);
    struct target **old = watch->targets;
    uint32_t n_old = watch->n;
    bool changed = watch->check != check;
    uint32_t start = 0;

    watch->group = group;
    watch->check = check;
    watch->n = group->servers.n;
    watch->targets = base_calloc(MAX(watch->n, 1u), sizeof(struct target *));
    for (uint32_t i = 0; i < watch->n; i++)
        watch->targets[i] = watch_fill_one(
            watch, &servers[i], watch_take_old(old, n_old, servers[i].state, &start), changed);
    for (uint32_t j = 0; j < n_old; j++)
        (void)target_free(old[j]);
    free((void *)old);
}

static struct watch *watch_free(struct watch *watch)
{
    if (!watch)
        return NULL;
    for (uint32_t i = 0; i < watch->n; i++)
        (void)target_free(watch->targets[i]);
    free((void *)watch->targets);
    free(watch);
    return NULL;
}

struct health *health_new(struct engine *engine, struct conn_env *env,
    void (*on_change)(void *arg, const struct health_event *event), void *arg)
{
    struct health *health = base_zalloc(sizeof(*health));

    health->engine = engine;
    health->env = env;
    health->on_change = on_change;
    health->arg = arg;
    list_init(&health->waiting);
    /* Phases only: nodes that start together should differ. */
    rng_init(&health->rng, (uint64_t)(clock_mono() ^ clock_wall()));
    return health;
}

struct health *health_free(struct health *health)
{
    if (!health)
        return NULL;
    for (uint32_t i = 0; i < health->n_watches; i++)
        (void)watch_free(health->watches[i]);
    free((void *)health->watches);
    free(health);
    return NULL;
}

static struct watch **health_reach(struct health *health, uint32_t slot)
{
    uint32_t n = MAX(health->n_watches, 16u);

    if (slot < health->n_watches)
        return &health->watches[slot];
    while (n <= slot)
        n *= 2;
    health->watches =
        (struct watch **)base_realloc((void *)health->watches, n * sizeof(struct watch *));
    memset((void *)(health->watches + health->n_watches), 0,
        (n - health->n_watches) * sizeof(struct watch *));
    health->n_watches = n;
    return &health->watches[slot];
}

static void health_apply_group(
    struct health *health, const struct snapshot *snapshot, const struct change_item *item)
{
    const struct group_conf *group = item->after;
    struct watch **at = health_reach(health, item->slot);

    if (!group) {
        *at = watch_free(*at);
        return;
    }
    if (!*at) {
        *at = base_zalloc(sizeof(**at));
        (*at)->health = health;
    }
    watch_set(*at, group, snapshot_health_check(snapshot, group->health_check.slot));
}

/* Groups that did not change may refer to a check that did. */
static void health_apply_checks(struct health *health, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < health->n_watches; i++) {
        struct watch *watch = health->watches[i];
        const struct health_check_conf *check;

        if (!watch)
            continue;
        check = snapshot_health_check(snapshot, watch->group->health_check.slot);
        if (check != watch->check)
            watch_set(watch, watch->group, check);
    }
}

void health_apply(struct health *health, const struct snapshot *snapshot,
    const struct change_item *items, uint32_t n_items)
{
    bool checks = false;

    for (uint32_t i = 0; i < n_items; i++) {
        if (items[i].kind == KIND_SERVER_GROUP)
            health_apply_group(health, snapshot, &items[i]);
        else if (items[i].kind == KIND_HEALTH_CHECK)
            checks = true;
    }
    if (checks)
        health_apply_checks(health, snapshot);
    health_run_waiting(health);
}

static const char *const health_names[] = {
    [HEALTH_OFF] = "off",
    [HEALTH_UNKNOWN] = "unknown",
    [HEALTH_UP] = "up",
    [HEALTH_DOWN] = "down",
};

static void target_encode(const struct target *target, struct text *out)
{
    char when[CLOCK_TEXT_MAX];

    text_add(out, SPAN_LIT(",\"since\":\""));
    text_add(out, (struct span){when, clock_format(target->since, when)});
    text_add(out, SPAN_LIT("\",\"why\":"));
    text_add_json(out, span_of(target->why));
    text_addf(out, ",\"status\":%u,\"checks\":", target->status);
    text_add_u64(out, target->n_checks);
}

static void watch_encode(const struct watch *watch, struct text *out, bool *first)
{
    const struct server_conf *servers = FIELD_ITEMS(watch->group->servers, struct server_conf);

    for (uint32_t i = 0; i < watch->n; i++) {
        text_add(out, *first ? SPAN_LIT("{\"group\":") : SPAN_LIT(",{\"group\":"));
        *first = false;
        text_add_json(out, span_of(watch->group->res.id));
        text_add(out, SPAN_LIT(",\"server\":"));
        text_add_json(out, span_of(servers[i].id));
        text_addf(out, ",\"state\":\"%s\"", health_names[server_state_health(servers[i].state)]);
        if (watch->targets[i])
            target_encode(watch->targets[i], out);
        else
            text_add(out, SPAN_LIT(",\"since\":null,\"why\":\"\",\"status\":0,\"checks\":0"));
        text_add_char(out, '}');
    }
}

void health_encode(const struct health *health, struct text *out)
{
    bool first = true;

    text_add_char(out, '[');
    for (uint32_t i = 0; i < health->n_watches; i++) {
        if (health->watches[i])
            watch_encode(health->watches[i], out, &first);
    }
    text_add_char(out, ']');
}

/* The way of a change: verified, bound, published, acknowledged. One at a time, in order. */
#include "plane/plane.h"
#include "rules/rules.h"

/* Whoever sends thousands of resources takes those out that are complained of and sends the rest. */
#define CHANGE_ERRORS_MAX 1000u

/* A listener whose sockets are new: workers open it, after closing it if it was open elsewhere. */
struct change_listener {
    uint32_t item; /* of the change */
    uint32_t n_sockets;
    struct plane_socket **sockets; /* owned array */
    int *fds;                      /* owned: n_workers rows of n_sockets */
};

struct plane_change {
    struct list link; /* in plane->waiting */
    struct plane *plane;
    char *json; /* owned while it waits */
    size_t json_bytes;
    bool whole;
    plane_done_fn done;
    void *arg;

    uint64_t version;
    struct change_item *items; /* owned copies */
    uint32_t n_items;
    struct change_listener *listeners; /* owned */
    uint32_t n_listeners;
    struct change_msg *msgs; /* owned, one per worker */
    unsigned n_pending;
};

struct change_msg {
    struct engine_msg msg; /* first */
    struct plane_change *change;
    struct plane_worker *worker;
    struct snapshot_view *view;
    const int **fds; /* owned: parallel to the change's items */
};

static void change_free(struct plane_change *change)
{
    for (uint32_t i = 0; i < change->n_listeners; i++) {
        free((void *)change->listeners[i].sockets);
        free(change->listeners[i].fds);
    }
    if (change->msgs) {
        for (unsigned i = 0; i < change->plane->n_workers; i++)
            free((void *)change->msgs[i].fds);
    }
    free(change->msgs);
    free(change->listeners);
    free(change->items);
    free(change->json);
    free(change);
}

/* ---- views: a worker's hold on a snapshot, handed back when its users are gone ---- */

struct owned_view {
    struct snapshot_view view;
    struct engine_msg msg;
    struct plane *plane;
};

static void view_on_main(struct engine *engine, struct engine_msg *msg)
{
    struct owned_view *owned = container_of(msg, struct owned_view, msg);

    (void)engine;
    builder_unref(owned->plane->builder, owned->view.owner);
    free(owned);
}

static void view_on_unused(struct snapshot_view *view)
{
    struct owned_view *owned = container_of(view, struct owned_view, view);

    owned->msg.fn = view_on_main;
    engine_post(owned->plane->engine, &owned->msg);
}

static struct snapshot_view *view_new(struct plane *plane)
{
    struct owned_view *owned = base_zalloc(sizeof(*owned));
    struct snapshot *snapshot = snapshot_ref(builder_current(plane->builder));

    owned->plane = plane;
    owned->view = (struct snapshot_view){
        .snapshot = snapshot,
        .users = 1,
        .on_unused = view_on_unused,
        .owner = snapshot,
    };
    return &owned->view;
}

/* ---- what a candidate needs before it can be in force ---- */

static void attach_server_state(
    struct plane *plane, const struct group_conf *group, struct server_conf *server)
{
    char key[512], ip[ADDR_TEXT_MAX];
    struct server_state *state;
    size_t n = addr_format(&server->addr, ip);

    (void)snprintf(key, sizeof(key), "%s/%s/%.*s", group->res.id, server->id, (int)n, ip);
    state = map_find(&plane->server_states, span_of(key));
    if (state) {
        state->refs++;
    } else {
        state = server_state_new(key, plane->n_workers);
        map_set(&plane->server_states, span_of(state->key), state);
    }
    server->state = state;
}

static void attach_listener_state(struct plane *plane, struct listener_conf *listener)
{
    struct listener_state *state = map_find(&plane->listener_states, span_of(listener->res.id));

    if (!state) {
        state = listener_state_new(listener->res.id, plane->n_workers);
        map_set(&plane->listener_states, span_of(state->id), state);
    }
    state->refs++;
    listener->state = state;
}

static void attach_states(struct plane *plane, const struct candidate *candidate)
{
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];

        if (!item->after)
            continue;
        if (item->kind == KIND_LISTENER)
            attach_listener_state(plane, item->after);
        if (item->kind == KIND_SERVER_GROUP) {
            struct group_conf *group = item->after;
            struct server_conf *servers = group->servers.at;

            for (uint32_t s = 0; s < group->servers.n; s++)
                attach_server_state(plane, group, &servers[s]);
        }
    }
}

static void detach_servers(struct plane *plane, struct group_conf *group)
{
    struct server_conf *servers = group->servers.at;

    for (uint32_t i = 0; i < group->servers.n; i++) {
        struct server_state *state = servers[i].state;

        if (!state || --state->refs > 0)
            continue;
        map_remove(&plane->server_states, span_of(state->key));
        server_state_free(state);
    }
}

static void detach_listener(struct plane *plane, struct listener_conf *listener)
{
    struct listener_state *state = listener->state;

    if (!state || --state->refs > 0)
        return;
    map_remove(&plane->listener_states, span_of(state->id));
    listener_state_free(state);
}

/* No snapshot has the resource any more, so no worker counts into what was attached to it. */
void plane_on_resource_free(void *arg, void *conf)
{
    struct plane *plane = arg;
    struct resource *res = conf;

    if (res->kind == KIND_SERVER_GROUP)
        detach_servers(plane, conf);
    else if (res->kind == KIND_LISTENER)
        detach_listener(plane, conf);
}

static void ruleset_free_fn(void *ruleset)
{
    ruleset_free(ruleset);
}

static void derive_rulesets(struct plane *plane, struct candidate *candidate)
{
    for (uint32_t i = 0; i < candidate->n_listeners; i++) {
        uint32_t slot = candidate->listeners[i];
        const struct listener_conf *listener = snapshot_listener(candidate->snapshot, slot);
        const struct rule_conf **rules;
        uint32_t n;

        if (!listener || listener->protocol != PROTOCOL_HTTP)
            continue;
        n = candidate_rules(plane->builder, candidate, slot, &rules);
        candidate_set_ruleset(candidate, slot, ruleset_new(listener, rules, n), ruleset_free_fn);
    }
}

static bool same_bind(const struct listener_conf *a, const struct listener_conf *b)
{
    return a->port == b->port && a->bind.n == b->bind.n &&
           memcmp(a->bind.at, b->bind.at, a->bind.n * sizeof(struct addr)) == 0;
}

static void release_sockets(struct plane *plane, struct change_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_sockets; i++)
        plane_socket_drop(plane, listener->sockets[i]);
}

static int bind_listener(struct plane *plane, const struct listener_conf *conf,
    struct change_listener *listener, struct errors *errors)
{
    bool udp = conf->protocol == PROTOCOL_UDP;

    listener->sockets = base_calloc(conf->bind.n, sizeof(struct plane_socket *));
    listener->fds = base_calloc((size_t)conf->bind.n * plane->n_workers, sizeof(int));
    for (uint32_t i = 0; i < conf->bind.n; i++) {
        struct addr addr = FIELD_ITEMS(conf->bind, struct addr)[i];
        char name[200], ip[ADDR_TEXT_MAX];
        int r;

        addr.port = (uint16_t)conf->port;
        r = plane_socket_use(plane, &addr, udp, &listener->sockets[i]);
        /* Sockets that another listener of the set in force has are left alone until the change is certain. */
        if (r == 0 && listener->sockets[i]->users == 1) {
            r = plane_socket_limit(plane, listener->sockets[i], conf);
            listener->n_sockets = i + 1;
        }
        if (r < 0) {
            (void)snprintf(name, sizeof(name), "listener/%s", conf->res.id);
            errors_add(errors, name, "bind", (struct span){ip, addr_format(&addr, ip)},
                "cannot be bound: %s", strerrordesc_np(-r));
            release_sockets(plane, listener);
            listener->n_sockets = 0;
            return r;
        }
        listener->n_sockets = i + 1;
        for (unsigned w = 0; w < plane->n_workers; w++)
            listener->fds[w * conf->bind.n + i] = listener->sockets[i]->fds[w];
    }
    return 0;
}

/* Binds all that is new. On failure everything is given back. */
static int bind_sockets(
    struct plane_change *change, const struct candidate *candidate, struct errors *errors)
{
    struct plane *plane = change->plane;
    int result = 0;

    change->listeners = base_calloc(candidate->n_items + 1, sizeof(*change->listeners));
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];
        struct change_listener *listener = &change->listeners[change->n_listeners];
        int r;

        if (item->kind != KIND_LISTENER || !item->after ||
            (item->before && same_bind(item->before, item->after)))
            continue;
        listener->item = i;
        r = bind_listener(plane, item->after, listener, errors);
        change->n_listeners++;
        if (r < 0)
            result = r;
    }
    if (result == 0)
        return 0;
    for (uint32_t i = 0; i < change->n_listeners; i++)
        release_sockets(plane, &change->listeners[i]);
    plane_sockets_trim(plane);
    return result;
}

/* The sockets of listeners that are gone or moved lose a user; they are closed when all workers have let go. */
static void unuse_sockets(struct plane *plane, const struct candidate *candidate)
{
    for (uint32_t i = 0; i < candidate->n_items; i++) {
        const struct change_item *item = &candidate->items[i];
        const struct listener_conf *conf = item->before;

        if (item->kind != KIND_LISTENER || !conf || (item->after && same_bind(conf, item->after)))
            continue;
        for (uint32_t b = 0; b < conf->bind.n; b++) {
            struct addr addr = FIELD_ITEMS(conf->bind, struct addr)[b];
            struct plane_socket *socket;

            addr.port = (uint16_t)conf->port;
            socket = plane_socket_find(plane, &addr, conf->protocol == PROTOCOL_UDP);
            if (socket)
                plane_socket_drop(plane, socket);
        }
    }
}

static void limit_sockets(struct plane *plane, const struct change_item *items, uint32_t n_items)
{
    for (uint32_t i = 0; i < n_items; i++) {
        const struct listener_conf *conf = items[i].after;

        if (items[i].kind != KIND_LISTENER || !conf)
            continue;
        for (uint32_t b = 0; b < conf->bind.n; b++) {
            struct addr addr = FIELD_ITEMS(conf->bind, struct addr)[b];
            const struct plane_socket *socket;
            int r;

            if (addr.family != 6)
                continue;
            addr.port = (uint16_t)conf->port;
            socket = plane_socket_find(plane, &addr, conf->protocol == PROTOCOL_UDP);
            r = socket ? plane_socket_limit(plane, socket, conf) : 0;
            if (r < 0)
                log_line(LOG_ERROR, "listener %s: ipv6_clients cannot be set: %s", conf->res.id,
                    strerrordesc_np(-r));
        }
    }
}

/* ---- to the workers and back ---- */

static void change_finish(struct plane_change *change)
{
    struct plane *plane = change->plane;
    struct errors none;

    plane->changing = NULL;
    plane->n_changes++;
    plane_sockets_trim(plane);
    plane_save(plane);
    errors_init(&none, 0);
    if (change->done)
        change->done(change->arg, change->version, &none);
    errors_done(&none);
    change_free(change);
    plane_apply_next(plane);
}

static void change_on_main(struct engine *engine, struct engine_msg *msg)
{
    struct change_msg *m = container_of(msg, struct change_msg, msg);

    (void)engine;
    if (--m->change->n_pending == 0)
        change_finish(m->change);
}

static void change_run(struct change_msg *m)
{
    plane_worker_apply(m->worker, m->view, m->change->items, m->change->n_items, m->fds);
}

static void change_on_worker(struct engine *engine, struct engine_msg *msg)
{
    struct change_msg *m = container_of(msg, struct change_msg, msg);

    (void)engine;
    change_run(m);
    m->msg.fn = change_on_main;
    engine_post(m->change->plane->engine, &m->msg);
}

static void change_send(struct plane_change *change)
{
    struct plane *plane = change->plane;

    change->msgs = base_calloc(plane->n_workers, sizeof(*change->msgs));
    change->n_pending = plane->n_workers;
    for (unsigned i = 0; i < plane->n_workers; i++) {
        struct change_msg *m = &change->msgs[i];

        m->change = change;
        m->worker = &plane->workers[i];
        m->view = view_new(plane);
        m->fds = base_calloc(change->n_items + 1, sizeof(*m->fds));
        for (uint32_t l = 0; l < change->n_listeners; l++) {
            const struct change_listener *listener = &change->listeners[l];

            m->fds[listener->item] = listener->fds + (size_t)i * listener->n_sockets;
        }
        m->msg.fn = change_on_worker;
    }
    plane->changing = change;
    if (plane->started) {
        for (unsigned i = 0; i < plane->n_workers; i++)
            engine_post(plane->workers[i].worker->engine, &change->msgs[i].msg);
        return;
    }
    /* Workers do not run yet: this thread may touch what is theirs. */
    for (unsigned i = 0; i < plane->n_workers; i++)
        change_run(&change->msgs[i]);
    change_finish(change);
}

/* json: what is refused; its sender knows it by its version. */
static void change_refuse(
    struct plane_change *change, struct span json, const struct errors *errors)
{
    change->version = snapshot_read_version(json);
    if (change->done)
        change->done(change->arg, change->version, errors);
    change_free(change);
}

static void change_begin(struct plane_change *change, struct span json)
{
    struct plane *plane = change->plane;
    struct candidate *candidate;
    struct errors errors;

    errors_init(&errors, CHANGE_ERRORS_MAX);
    if (builder_prepare(plane->builder, json, change->whole, &errors, &candidate) < 0) {
        change_refuse(change, json, &errors);
        errors_done(&errors);
        return;
    }
    change->version = candidate->snapshot->version;
    attach_states(plane, candidate);
    derive_rulesets(plane, candidate);
    if (bind_sockets(change, candidate, &errors) < 0) {
        builder_abandon(plane->builder, candidate);
        change_refuse(change, json, &errors);
        errors_done(&errors);
        return;
    }
    errors_done(&errors);
    unuse_sockets(plane, candidate);
    change->n_items = candidate->n_items;
    change->items = base_calloc(candidate->n_items + 1, sizeof(*change->items));
    memcpy(change->items, candidate->items, candidate->n_items * sizeof(*change->items));
    /* Old resources stay while any view has them, and the workers' current views have them now. */
    builder_commit(plane->builder, candidate);
    limit_sockets(plane, change->items, change->n_items);
    health_apply(plane->health, builder_current(plane->builder), change->items, change->n_items);
    change_send(change);
}

static struct plane_change *change_take(struct plane *plane)
{
    struct plane_change *change;

    if (list_empty(&plane->waiting))
        return NULL;
    change = container_of(plane->waiting.next, struct plane_change, link);
    list_remove(&change->link);
    return change;
}

void plane_apply_next(struct plane *plane)
{
    struct plane_change *change;

    while (!plane->changing && !plane->held && (change = change_take(plane)))
        change_begin(change, (struct span){change->json, change->json_bytes});
    if (!plane->changing && plane->held && plane->upgrade)
        upgrade_settled(plane->upgrade);
}

static void change_refuse_ending(struct plane_change *change, struct span json)
{
    struct errors errors;

    errors_init(&errors, 1);
    errors_add(&errors, "change", "", (struct span){0}, "this process is ending");
    change_refuse(change, json, &errors);
    errors_done(&errors);
}

void plane_apply_none(struct plane *plane)
{
    struct plane_change *change;

    while ((change = change_take(plane)))
        change_refuse_ending(change, (struct span){change->json, change->json_bytes});
}

void plane_apply(struct plane *plane, struct span json, bool whole, plane_done_fn done, void *arg)
{
    struct plane_change *change = base_zalloc(sizeof(*change));

    change->plane = plane;
    change->whole = whole;
    change->done = done;
    change->arg = arg;
    if (plane->draining) {
        change_refuse_ending(change, json);
        return;
    }
    if (!plane->changing && !plane->held && list_empty(&plane->waiting)) {
        change_begin(change, json);
        return;
    }
    change->json = base_strndup(json.ptr, json.len);
    change->json_bytes = json.len;
    list_add_back(&plane->waiting, &change->link);
}

/* ---- anything else that every worker does ---- */

struct worker_call {
    struct engine_msg msg; /* first */
    struct plane_worker *worker;
    struct worker_calls *all;
};

struct worker_calls {
    struct plane *plane;
    void (*fn)(struct plane_worker *w, void *arg);
    void (*done)(struct plane *plane, void *arg);
    void *arg;
    unsigned n_pending;
    struct worker_call calls[];
};

static void call_on_main(struct engine *engine, struct engine_msg *msg)
{
    struct worker_calls *all = container_of(msg, struct worker_call, msg)->all;

    (void)engine;
    if (--all->n_pending > 0)
        return;
    if (all->done)
        all->done(all->plane, all->arg);
    free(all);
}

static void call_on_worker(struct engine *engine, struct engine_msg *msg)
{
    struct worker_call *call = container_of(msg, struct worker_call, msg);

    (void)engine;
    call->all->fn(call->worker, call->all->arg);
    call->msg.fn = call_on_main;
    engine_post(call->all->plane->engine, &call->msg);
}

void plane_on_workers(struct plane *plane, void (*fn)(struct plane_worker *w, void *arg),
    void (*done)(struct plane *plane, void *arg), void *arg)
{
    struct worker_calls *all;

    if (plane->ended) {
        if (done)
            done(plane, arg);
        return;
    }
    all = base_zalloc(sizeof(*all) + plane->n_workers * sizeof(all->calls[0]));
    *all = (struct worker_calls){plane, fn, done, arg, plane->n_workers};
    for (unsigned i = 0; i < plane->n_workers; i++) {
        all->calls[i] = (struct worker_call){
            .msg.fn = call_on_worker, .worker = &plane->workers[i], .all = all};
        engine_post(plane->workers[i].worker->engine, &all->calls[i].msg);
    }
}

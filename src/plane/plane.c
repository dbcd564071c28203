#include "plane/plane.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define SAVE_DELAY  (200 * NSEC_PER_MSEC) /* changes come in bursts: one write for all of them */
#define DRAIN_LOOK  (100 * NSEC_PER_MSEC)
#define MAIN_MEMORY ((size_t)512 << 20) /* control socket and health checks */
#define FILE_MAX    (size_t) SNAPSHOT_JSON_MAX
#define LOCAL_PORTS 28232u /* the kernel's own default */

/* ---- life ---- */

static void plane_on_health(void *arg, const struct health_event *event);

static void plane_worker_init(struct plane *plane, struct plane_worker *w, struct worker *worker)
{
    w->plane = plane;
    w->worker = worker;
    worker->app = w;
    groups_init(&w->groups, worker->engine, worker->index, proxy_on_server_removed, NULL);
    w->proxy = proxy_new(worker, &w->groups, plane->log);
    w->l4 = l4_new(worker, &w->groups);
}

/* Descriptors bound connections: an idle one needs one, a busy one two. What is left is for servers, listeners, checks and
 * files. */
static uint32_t clients_per_worker(const struct plane *plane, long n_files)
{
    long spare = n_files / 10 + 128;

    return n_files > spare ? (uint32_t)((n_files - spare) * 3 / 4) / plane->n_workers + 1 : 16;
}

/* Ports that the kernel gives to sockets of ours: each UDP flow takes one. */
static uint32_t n_local_ports(void)
{
    struct text text;
    struct span rest, line, first, last;
    uint64_t low, high;
    uint32_t n = LOCAL_PORTS;

    text_init(&text, SIZE_MAX);
    if (file_read("/proc/sys/net/ipv4/ip_local_port_range", &text) == 0) {
        rest = text_span(&text);
        if (span_next(&rest, '\n', &line) && span_next(&line, '\t', &first) &&
            span_next(&line, '\t', &last) && span_parse_u64(first, &low) == 0 &&
            span_parse_u64(last, &high) == 0 && low <= high && high <= UINT16_MAX)
            n = (uint32_t)(high - low + 1);
    }
    text_done(&text);
    return n;
}

static int plane_make_workers(struct plane *plane)
{
    long n_files = sysconf(_SC_OPEN_MAX);
    uint32_t n_ports = n_local_ports();

    plane->workers = base_calloc(plane->n_workers, sizeof(*plane->workers));
    for (unsigned i = 0; i < plane->n_workers; i++) {
        struct worker_opts opts = {
            .index = i,
            .memory_limit = plane->opts.memory_bytes / plane->n_workers,
            .n_pipes_max = 256,
            .cpu = plane->opts.pin ? worker_cpu(i % worker_cpus()) : -1,
        };
        struct worker *worker = worker_new(&opts);

        if (!worker)
            return -errno;
        plane_worker_init(plane, &plane->workers[i], worker);
        plane->workers[i].proxy->clients_max = clients_per_worker(plane, n_files);
        plane->workers[i].l4->flows_max = clients_per_worker(plane, n_files);
        /* The other half is for flows that are assured, checks, and other programs. */
        plane->workers[i].l4->unassured_max = n_ports / 2 / plane->n_workers + 1;
    }
    return 0;
}

static int plane_open_log(struct plane *plane)
{
    struct access_log_opts opts = {
        .path = plane->opts.log_path,
        .rotate_bytes = plane->opts.log_rotate_bytes,
        .keep_files = plane->opts.log_keep,
        .n_workers = plane->n_workers,
        .ring_bytes = 4 << 20,
    };

    if (!plane->opts.log_path)
        return 0;
    plane->log = access_log_open(&opts);
    if (plane->log)
        return 0;
    log_line(LOG_ERROR, "access log %s cannot be opened: %s", opts.path, strerrordesc_np(errno));
    return -errno;
}

struct plane *plane_new(const struct plane_opts *opts)
{
    struct plane *plane = base_zalloc(sizeof(*plane));
    int r;

    plane->opts = *opts;
    plane->n_workers = opts->n_workers;
    list_init(&plane->waiting);
    plane->engine = engine_new(plane);
    if (!plane->engine) {
        free(plane);
        return NULL;
    }
    plane->started_at = clock_wall();
    conn_env_init(&plane->env, plane->engine, MAIN_MEMORY, 0);
    plane->builder = builder_new();
    builder_on_free(plane->builder, plane_on_resource_free, plane);
    plane->health = health_new(plane->engine, &plane->env, plane_on_health, plane);
    r = plane_open_log(plane);
    if (r == 0)
        r = plane_make_workers(plane);
    if (r < 0) {
        plane_free(plane);
        errno = -r;
        return NULL;
    }
    return plane;
}

static void plane_free_worker(struct plane_worker *w)
{
    if (!w->worker)
        return;
    if (w->plane->started)
        worker_stop(w->worker);
    /* The thread is gone: its things are this one's. Messages that it had not read expect all in place. */
    plane_worker_stop_accepting(w);
    (void)!engine_turn(w->worker->engine, 0);
    plane_worker_stop_accepting(w);
    plane_worker_cut(w);
    for (uint32_t i = 0; i < w->n_listeners; i++) {
        if (w->listeners[i].http)
            proxy_unlisten(w->listeners[i].http);
        if (w->listeners[i].l4)
            l4_unlisten(w->listeners[i].l4);
    }
    groups_done(&w->groups);
    (void)!engine_turn(w->worker->engine, 0);
    (void)!engine_turn(w->worker->engine, 0);
    if (w->view)
        view_unref(w->view);
    w->proxy = proxy_free(w->proxy);
    w->l4 = l4_free(w->l4);
    w->worker = worker_free(w->worker);
    free(w->listeners);
}

struct plane *plane_free(struct plane *plane)
{
    if (!plane)
        return NULL;
    plane->ended = true;
    plane_save_pending(plane);
    timer_stop(&plane->drain_timer);
    plane->commands = commands_free(plane->commands);
    plane->upgrade = upgrade_free(plane->upgrade);
    plane->admin = serve_free(plane->admin);
    plane_apply_none(plane);
    if (plane->workers) {
        for (unsigned i = 0; i < plane->n_workers; i++)
            plane_free_worker(&plane->workers[i]);
    }
    plane->health = health_free(plane->health);
    plane_sockets_close(plane);
    plane->saver = saver_free(plane->saver);
    /* Views that workers gave back are messages to this engine, and so is what the saver had. */
    (void)!engine_turn(plane->engine, 0);
    (void)!engine_turn(plane->engine, 0);
    plane->builder = builder_free(plane->builder);
    plane->log = access_log_close(plane->log);
    map_done(&plane->sockets);
    map_done(&plane->server_states);
    map_done(&plane->listener_states);
    conn_env_done(&plane->env);
    plane->engine = engine_free(plane->engine);
    free(plane->workers);
    free(plane);
    return NULL;
}

/* ---- health ---- */

static void worker_health_changed(struct plane_worker *w, void *arg)
{
    struct group *group = groups_get(&w->groups, *(const uint32_t *)arg);

    if (group)
        group_health_changed(group);
}

static void health_told(struct plane *plane, void *arg)
{
    (void)plane;
    free(arg);
}

static void plane_on_health(void *arg, const struct health_event *event)
{
    struct plane *plane = arg;
    uint32_t *slot = base_alloc(sizeof(*slot));

    *slot = event->group->res.slot;
    log_line(event->after == HEALTH_DOWN ? LOG_WARNING : LOG_NOTICE,
        "group %s: server %s is %s%s%s", event->group->res.id, event->server->id,
        event->after == HEALTH_DOWN ? "down: "
        : event->after == HEALTH_UP ? "up"
                                    : "not checked",
        event->after == HEALTH_DOWN ? event->why : "",
        event->after == HEALTH_DOWN && event->status ? " (status not expected)" : "");
    plane_on_workers(plane, worker_health_changed, health_told, slot);
    if (plane->commands)
        commands_health_event(plane->commands, event);
}

/* ---- state on disk ---- */

static void plane_save_now(struct engine *engine, struct timer *timer)
{
    struct plane *plane = container_of(timer, struct plane, save_timer);

    (void)engine;
    saver_put(plane->saver, builder_current(plane->builder));
}

void plane_save(struct plane *plane)
{
    if (plane->saver && !list_linked(&plane->save_timer.link))
        timer_set(plane->engine, &plane->save_timer, engine_now(plane->engine) + SAVE_DELAY,
            plane_save_now);
    if (plane->draining)
        plane_save_pending(plane);
}

void plane_save_pending(struct plane *plane)
{
    if (!list_linked(&plane->save_timer.link))
        return;
    timer_stop(&plane->save_timer);
    plane_save_now(plane->engine, &plane->save_timer);
}

struct load {
    const char *from;
    bool refused;
};

static void on_loaded(void *arg, uint64_t version, const struct errors *errors)
{
    struct load *load = arg;

    load->refused = errors->n > 0;
    for (uint32_t i = 0; i < errors->n; i++) {
        char buf[1024];
        struct text line;

        text_init_fixed(&line, buf, sizeof(buf));
        error_format(&errors->items[i], &line);
        log_line(LOG_ERROR, "%s: %.*s", load->from, SPAN_ARG(text_span(&line)));
    }
    if (errors->n_dropped > 0)
        log_line(LOG_ERROR, "%s: and %u more errors", load->from, errors->n_dropped);
    if (errors->n == 0)
        log_line(
            LOG_NOTICE, "%s: version %llu is in force", load->from, (unsigned long long)version);
}

/* Before the workers run: the outcome is known at once. */
static int plane_load(struct plane *plane, const char *from, struct span json)
{
    struct load load = {.from = from};

    plane_apply(plane, json, true, on_loaded, &load);
    return load.refused ? -EINVAL : 0;
}

static int plane_load_file(struct plane *plane, const char *path)
{
    struct text text;
    int r;

    text_init(&text, FILE_MAX);
    r = file_read(path, &text);
    if (r < 0)
        log_line(LOG_ERROR, "%s cannot be read: %s", path, strerrordesc_np(-r));
    else
        r = plane_load(plane, path, text_span(&text));
    text_done(&text);
    return r;
}

/* A state file that is torn or hostile must not prevent a start: it is set aside for people to look at. */
static int plane_load_state(struct plane *plane)
{
    const char *path = plane->opts.state_path;
    char aside[4096];

    if (!path || access(path, F_OK) < 0)
        return -ENOENT;
    if (plane_load_file(plane, path) == 0)
        return 0;
    (void)snprintf(aside, sizeof(aside), "%s.refused", path);
    if (rename(path, aside) == 0)
        log_line(LOG_ERROR, "state file %s was refused and is kept as %s", path, aside);
    return -ENOENT;
}

static void on_reloaded(void *arg, uint64_t version, const struct errors *errors)
{
    const struct plane *plane = arg;
    struct load load = {.from = plane->opts.snapshot_path};

    on_loaded(&load, version, errors);
}

void plane_reload(struct plane *plane)
{
    const char *path = plane->opts.snapshot_path;
    struct text text;
    int r;

    if (!path) {
        log_line(LOG_WARNING, "there is no snapshot file to read again");
        return;
    }
    text_init(&text, FILE_MAX);
    r = file_read(path, &text);
    if (r < 0)
        log_line(LOG_ERROR, "%s cannot be read: %s", path, strerrordesc_np(-r));
    else
        plane_apply(plane, text_span(&text), true, on_reloaded, plane);
    text_done(&text);
}

/* ---- start ---- */

static int plane_path(const struct plane *plane, const char *name, char *buf, size_t n)
{
    int used = snprintf(buf, n, "%s/%s", plane->opts.run_dir, name);

    return used > 0 && (size_t)used < n ? 0 : -ENAMETOOLONG;
}

/* The resource set comes from the process that we replace, else from the state file, else from the snapshot
 * file. *ret_sock: the old process, or -1. */
static int plane_first_set(struct plane *plane, int *ret_sock)
{
    char path[108];
    struct text state;
    int r = -ENOENT;

    *ret_sock = -1;
    text_init(&state, SIZE_MAX);
    if (plane->opts.run_dir && plane_path(plane, "handover.sock", path, sizeof(path)) == 0)
        r = upgrade_ask(plane, path, &state, ret_sock);
    if (r == 0)
        r = plane_load(plane, "hand-over", text_span(&state));
    else if (r != -ENOENT)
        log_line(LOG_ERROR, "hand-over from the running process failed: %s", strerrordesc_np(-r));
    text_done(&state);
    if (r != -ENOENT)
        return r;
    r = plane_load_state(plane);
    if (r != -ENOENT)
        return r;
    /* A snapshot file that is asked for and is not there is a mistake; a state file comes later. */
    if (plane->opts.snapshot_path && plane_load_file(plane, plane->opts.snapshot_path) < 0)
        return -EINVAL;
    return 0;
}

/* What may fail for reasons of its own comes before the old process gives anything up. */
static int plane_prepare_endpoints(struct plane *plane)
{
    if (plane->opts.admin.family != 0 && plane_open_admin(plane) < 0)
        return -EINVAL;
    if (!plane->opts.run_dir)
        return 0;
    if (mkdir(plane->opts.run_dir, 0700) < 0 && errno != EEXIST) {
        log_line(LOG_ERROR, "%s cannot be made: %s", plane->opts.run_dir, strerrordesc_np(errno));
        return -EINVAL;
    }
    return 0;
}

static int plane_open_endpoints(struct plane *plane)
{
    char path[108];

    if (!plane->opts.run_dir)
        return 0;
    if (plane_path(plane, "handover.sock", path, sizeof(path)) == 0)
        plane->upgrade = upgrade_new(plane, path);
    if (plane_path(plane, "control.sock", path, sizeof(path)) == 0)
        plane->commands = commands_new(plane, path);
    if (plane->upgrade && plane->commands)
        return 0;
    log_line(LOG_ERROR, "%s: its sockets cannot be made: %s", plane->opts.run_dir,
        strerrordesc_np(errno));
    return -EINVAL;
}

static int plane_start_workers(struct plane *plane)
{
    for (unsigned i = 0; i < plane->n_workers; i++) {
        int r = worker_start(plane->workers[i].worker);

        if (r < 0) {
            log_line(LOG_ERROR, "worker %u cannot be started: %s", i, strerrordesc_np(-r));
            return r;
        }
    }
    plane->started = true;
    return 0;
}

/* sock: the process that we replace, or -1. */
static int plane_start_serving(struct plane *plane, int sock)
{
    int r = plane_prepare_endpoints(plane);

    if (r < 0)
        return r;
    if (sock >= 0 && upgrade_ready(plane, sock) < 0)
        log_line(
            LOG_WARNING, "hand-over: the old process went away before it had given everything");
    r = plane_start_workers(plane);
    if (r == 0)
        r = plane_open_endpoints(plane);
    if (r == 0 && sock >= 0)
        upgrade_serving(sock);
    if (r == 0 && plane->opts.state_path) {
        plane->saver = saver_new(plane, plane->opts.state_path);
        plane_save(plane);
    }
    return r;
}

int plane_start(struct plane *plane)
{
    int sock;
    int r = plane_first_set(plane, &sock);

    if (r == 0)
        r = plane_start_serving(plane, sock);
    if (sock >= 0)
        close(sock);
    return r;
}

int plane_run(struct plane *plane)
{
    return engine_run(plane->engine);
}

/* ---- end ---- */

static void plane_look(struct engine *engine, struct timer *timer);

/* What all workers have open. */
struct open_count {
    _Atomic uint32_t all, udp;
};

static void worker_count(struct plane_worker *w, void *arg)
{
    struct open_count *count = arg;

    atomic_fetch_add_explicit(&count->all, plane_worker_active(w), memory_order_relaxed);
    atomic_fetch_add_explicit(&count->udp, plane_worker_udp_active(w), memory_order_relaxed);
}

static void worker_stop_reading(struct plane_worker *w, void *arg)
{
    (void)arg;
    plane_worker_stop_accepting(w);
}

static void plane_on_stopped_reading(struct plane *plane, void *arg)
{
    (void)arg;
    plane_sockets_close(plane);
}

static void worker_cut(struct plane_worker *w, void *arg)
{
    (void)arg;
    plane_worker_cut(w);
}

static void plane_on_cut(struct plane *plane, void *arg)
{
    (void)arg;
    engine_stop(plane->engine);
}

static void plane_counted(struct plane *plane, void *arg)
{
    const struct open_count *count = arg;
    uint32_t n = atomic_load_explicit(&count->all, memory_order_relaxed);
    uint32_t n_udp = atomic_load_explicit(&count->udp, memory_order_relaxed);

    free(arg);
    if (plane->ended)
        return;
    /* New clients are told by the kernel that nobody is there, which a socket without reader would hide. */
    if (n_udp == 0 && plane->reads_udp) {
        plane->reads_udp = false;
        plane_on_workers(plane, worker_stop_reading, plane_on_stopped_reading, NULL);
    }
    if (n == 0)
        engine_stop(plane->engine);
    else if (engine_now(plane->engine) >= plane->drain_until) {
        log_line(LOG_WARNING, "%u connections are cut: the time to finish is over", n);
        plane_on_workers(plane, worker_cut, plane_on_cut, NULL);
    } else
        timer_set(
            plane->engine, &plane->drain_timer, engine_now(plane->engine) + DRAIN_LOOK, plane_look);
}

static void plane_look(struct engine *engine, struct timer *timer)
{
    struct plane *plane = container_of(timer, struct plane, drain_timer);

    (void)engine;
    plane_on_workers(plane, worker_count, plane_counted, base_zalloc(sizeof(struct open_count)));
}

static void worker_drain(struct plane_worker *w, void *arg)
{
    plane_worker_drain(w, ((const struct plane *)arg)->stopping);
}

static void plane_drained(struct plane *plane, void *arg)
{
    (void)arg;
    /* A copy of a listening socket would keep a port bound that the next process gives up. */
    if (plane->reads_udp)
        plane_sockets_close_tcp(plane);
    else
        plane_sockets_close(plane);
    timer_set(plane->engine, &plane->drain_timer, engine_now(plane->engine), plane_look);
}

static void plane_drain(struct plane *plane)
{
    plane->draining = true;
    plane->reads_udp = plane->stopping;
    plane->drain_until = engine_now(plane->engine) + plane->opts.drain_for;
    plane->commands = commands_free(plane->commands);
    plane->upgrade = upgrade_free(plane->upgrade);
    plane->admin = serve_free(plane->admin);
    plane_apply_none(plane);
    /* What was acknowledged is kept, also by a process that ends at once. */
    plane_save_pending(plane);
    plane_on_workers(plane, worker_drain, plane_drained, plane);
}

void plane_stop(struct plane *plane)
{
    if (plane->stopping) {
        engine_stop(plane->engine);
        return;
    }
    plane->stopping = true;
    if (plane->draining)
        plane_on_workers(plane, worker_drain, NULL, plane);
    else
        plane_drain(plane);
}

void plane_replaced(struct plane *plane)
{
    if (!plane->draining)
        plane_drain(plane);
}

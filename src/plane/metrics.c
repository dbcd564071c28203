/* What the process tells of itself: Prometheus text, and JSON for the control socket. */
#include <unistd.h>

#include "engine/supervised.h"
#include "plane/plane.h"

/* Walks the slots of a kind in the current snapshot. */
static void *next_resource(const struct plane *plane, enum resource_kind kind, uint32_t *slot)
{
    const struct table *table = &builder_current(plane->builder)->kinds[kind];

    while (*slot < table->n_pages * TABLE_PAGE) {
        void *conf = table_get(table, (*slot)++);

        if (conf)
            return conf;
    }
    return NULL;
}

/* Labels live in one text; offsets become pointers when it is complete. */
struct label_set {
    struct text text;
    size_t *at; /* owned */
    uint32_t n, cap;
};

static void labels_begin(struct label_set *labels)
{
    if (labels->n == labels->cap) {
        labels->cap = labels->cap > 0 ? labels->cap * 2 : 64;
        labels->at = base_realloc(labels->at, labels->cap * sizeof(size_t));
    }
    labels->at[labels->n++] = labels->text.len;
}

static void labels_done(struct label_set *labels)
{
    text_done(&labels->text);
    free(labels->at);
}

static void write_listeners(struct plane *plane, struct text *out)
{
    struct label_set labels = {0};
    struct metrics_listener *all = NULL;
    const struct listener_conf *conf;
    uint32_t slot = 0, n = 0;

    text_init(&labels.text, SIZE_MAX);
    while ((conf = next_resource(plane, KIND_LISTENER, &slot))) {
        const struct instance_conf *instance =
            snapshot_instance(builder_current(plane->builder), conf->instance.slot);

        all = base_realloc(all, (n + 1) * sizeof(*all));
        all[n++].state = conf->state;
        labels_begin(&labels);
        metrics_add_label(&labels.text, "instance", span_of(instance ? instance->res.id : ""));
        text_add_char(&labels.text, ',');
        metrics_add_label(&labels.text, "listener", span_of(conf->res.id));
        text_add_char(&labels.text, '\0');
    }
    for (uint32_t i = 0; i < n; i++)
        all[i].labels = labels.text.ptr + labels.at[i];
    metrics_write_listeners(out, all, n);
    labels_done(&labels);
    free(all);
}

static void write_group_labels(
    struct label_set *labels, const struct group_conf *group, const struct server_conf *server)
{
    char ip[ADDR_TEXT_MAX];

    labels_begin(labels);
    metrics_add_label(&labels->text, "group", span_of(group->res.id));
    text_add_char(&labels->text, ',');
    metrics_add_label(&labels->text, "server", span_of(server->id));
    text_add_char(&labels->text, ',');
    metrics_add_label(&labels->text, "address", (struct span){ip, addr_format(&server->addr, ip)});
    text_add_char(&labels->text, '\0');
}

static void write_servers(struct plane *plane, struct text *out)
{
    struct label_set labels = {0};
    struct metrics_server *all = NULL;
    struct server_cell *sums = NULL;
    const struct group_conf *group;
    uint32_t slot = 0, n = 0, total = 0;

    text_init(&labels.text, SIZE_MAX);
    while ((group = next_resource(plane, KIND_SERVER_GROUP, &slot)))
        total += group->servers.n;
    all = base_calloc(total + 1, sizeof(*all));
    sums = aligned_alloc(CACHE_LINE, (total + 1) * sizeof(*sums));
    for (slot = 0; sums && (group = next_resource(plane, KIND_SERVER_GROUP, &slot));) {
        for (uint32_t i = 0; i < group->servers.n; i++, n++) {
            const struct server_conf *server = &FIELD_ITEMS(group->servers, struct server_conf)[i];

            server_state_sum(server->state, &sums[n]);
            all[n] = (struct metrics_server){.sum = &sums[n],
                .up = server_state_health(server->state) != HEALTH_DOWN,
                .weight = server->weight};
            write_group_labels(&labels, group, server);
        }
    }
    for (uint32_t i = 0; i < n; i++)
        all[i].labels = labels.text.ptr + labels.at[i];
    metrics_write_servers(out, all, n);
    labels_done(&labels);
    free(sums);
    free(all);
}

static void write_log(struct plane *plane, struct text *out)
{
    struct access_log_stats stats;

    if (!plane->log)
        return;
    access_log_stats(plane->log, &stats);
    metrics_write_value(out, "access_log_lines_total", "counter", "lines written", stats.written);
    metrics_write_value(out, "access_log_dropped_full_total", "counter",
        "lines dropped because a worker's ring was full", stats.dropped_full);
    metrics_write_value(out, "access_log_dropped_error_total", "counter",
        "lines dropped because the file could not be written", stats.dropped_error);
}

static void write_restarts(struct text *out)
{
    const struct supervised_page *page = supervised_page();

    if (!page)
        return;
    text_add(out, SPAN_LIT("# HELP openslb_process_restarts_total processes started anew, and why\n"
                           "# TYPE openslb_process_restarts_total counter\n"));
    for (unsigned role = 0; role < SUPERVISED_ROLES; role++) {
        for (unsigned reason = 0; reason < RESTART_REASONS; reason++)
            text_addf(out, "openslb_process_restarts_total{process=\"%s\",reason=\"%s\"} %llu\n",
                supervised_role_name(role), restart_reason_name(reason),
                (unsigned long long)atomic_load(&page->roles[role].restarts[reason]));
    }
}

void plane_write_metrics(struct plane *plane, struct text *out)
{
    metrics_write_value(out, "config_version", "gauge", "version of the resource set in force",
        builder_current(plane->builder)->version);
    metrics_write_value(
        out, "config_changes_total", "counter", "changes applied", plane->n_changes);
    metrics_write_value(out, "start_time_seconds", "gauge", "when the process started",
        (uint64_t)(plane->started_at / NSEC_PER_SEC));
    metrics_write_value(out, "workers", "gauge", "threads that carry traffic", plane->n_workers);
    write_restarts(out);
    write_listeners(plane, out);
    write_servers(plane, out);
    write_log(plane, out);
}

void plane_write_status(struct plane *plane, struct text *out)
{
    text_addf(out, "{\"version\":%llu,\"changes\":%llu,\"workers\":%u,\"pid\":%d,\"draining\":%s}",
        (unsigned long long)builder_current(plane->builder)->version,
        (unsigned long long)plane->n_changes, plane->n_workers, (int)getpid(),
        plane->draining ? "true" : "false");
}

static void write_listener_counters(const struct listener_conf *conf, struct text *out)
{
    struct listener_cell sum;

    listener_state_sum(conf->state, &sum);
    text_add(out, SPAN_LIT("{\"listener\":"));
    text_add_json(out, span_of(conf->res.id));
#define ADD_COUNTER(name, suffix, type, help)   \
    text_add(out, SPAN_LIT(",\"" #name "\":")); \
    text_add_u64(out, counter_get(&sum.name));
    LISTENER_COUNTER_LIST(ADD_COUNTER)
    text_add_char(out, '}');
}

static void write_server_counters(
    const struct group_conf *group, const struct server_conf *server, struct text *out)
{
    struct server_cell sum;
    char address[ADDR_TEXT_MAX];

    server_state_sum(server->state, &sum);
    text_add(out, SPAN_LIT("{\"group\":"));
    text_add_json(out, span_of(group->res.id));
    text_add(out, SPAN_LIT(",\"server\":"));
    text_add_json(out, span_of(server->id));
    text_add(out, SPAN_LIT(",\"address\":"));
    text_add_json(out, (struct span){address, addr_format(&server->addr, address)});
    SERVER_COUNTER_LIST(ADD_COUNTER)
#undef ADD_COUNTER
    text_add_char(out, '}');
}

void plane_write_counters(struct plane *plane, struct text *out)
{
    const struct listener_conf *listener;
    const struct group_conf *group;
    uint32_t slot = 0;
    bool first = true;

    text_add(out, SPAN_LIT("{\"listeners\":["));
    while ((listener = next_resource(plane, KIND_LISTENER, &slot))) {
        if (!first)
            text_add_char(out, ',');
        first = false;
        write_listener_counters(listener, out);
    }
    text_add(out, SPAN_LIT("],\"servers\":["));
    first = true;
    for (slot = 0; (group = next_resource(plane, KIND_SERVER_GROUP, &slot));) {
        for (uint32_t i = 0; i < group->servers.n; i++) {
            if (!first)
                text_add_char(out, ',');
            first = false;
            write_server_counters(group, &FIELD_ITEMS(group->servers, struct server_conf)[i], out);
        }
    }
    text_add(out, SPAN_LIT("]}"));
}

/* ---- the admin endpoint ---- */

static void serve_metrics(void *arg, struct serve_request *request)
{
    struct text text;

    text_init(&text, SIZE_MAX);
    plane_write_metrics(arg, &text);
    serve_answer(request, &(struct serve_answer){.status = 200,
                              .content_type = "text/plain; version=0.0.4; charset=utf-8",
                              .body = &text});
}

static void serve_status(void *arg, struct serve_request *request)
{
    struct text text;

    text_init(&text, SIZE_MAX);
    plane_write_status(arg, &text);
    text_add_char(&text, '\n');
    serve_answer(request,
        &(struct serve_answer){.status = 200, .content_type = "application/json", .body = &text});
}

int plane_open_admin(struct plane *plane)
{
    struct serve_opts opts = {.addr = plane->opts.admin,
        .routes = plane->admin_routes,
        .n_routes = ARRAY_LEN(plane->admin_routes)};
    char ip[ADDR_TEXT_MAX];

    plane->admin_routes[0] = (struct serve_route){
        .path = "/metrics", .methods = SERVE_METHOD(GET), .fn = serve_metrics, .arg = plane};
    plane->admin_routes[1] = (struct serve_route){
        .path = "/status", .methods = SERVE_METHOD(GET), .fn = serve_status, .arg = plane};
    plane->admin = serve_new(plane->engine, &opts);
    if (plane->admin)
        return 0;
    log_line(LOG_ERROR, "admin address %.*s cannot be served: %s", (int)addr_format(&opts.addr, ip),
        ip, strerrordesc_np(errno));
    return -errno;
}

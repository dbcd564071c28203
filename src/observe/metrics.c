#include "observe/metrics.h"

#define METRICS_LISTENER   "openslb_listener_"
#define METRICS_SERVER     "openslb_server_"
#define HISTOGRAM_BOUNDS   (HISTOGRAM_BUCKETS - 1) /* the last bucket has none */
#define HISTOGRAM_FIRST_NS NSEC_PER_MSEC

_Static_assert(sizeof(struct listener_cell) % sizeof(counter) == 0, "a cell is counters only");

/* One family whose value is a member of the cells. */
struct metrics_row {
    const char *suffix, *type, *help;
    size_t offset;
};

static const struct metrics_row listener_rows[] = {
#define METRICS_ROW(name, suffix, type, help) \
    {suffix, type, help, offsetof(struct listener_cell, name)},
    LISTENER_COUNTER_LIST(METRICS_ROW)
#undef METRICS_ROW
};

static const struct metrics_row server_rows[] = {
#define METRICS_ROW(name, suffix, type, help) \
    {suffix, type, help, offsetof(struct server_cell, name)},
    SERVER_COUNTER_LIST(METRICS_ROW)
#undef METRICS_ROW
};

void histogram_add(struct histogram *h, nsec span)
{
    uint64_t ns = span > 0 ? (uint64_t)span : 0;
    /* Whole milliseconds, rounded up: a bound belongs to its own bucket. */
    uint64_t ms = (ns + HISTOGRAM_FIRST_NS - 1) / HISTOGRAM_FIRST_NS;
    unsigned i = ms > 1 ? 64 - (unsigned)__builtin_clzll(ms - 1) : 0;

    counter_add(&h->buckets[MIN(i, HISTOGRAM_BOUNDS)], 1);
    counter_add(&h->sum_us, ns / NSEC_PER_USEC);
}

static void *metrics_cells_new(size_t n, size_t bytes)
{
    void *cells = aligned_alloc(CACHE_LINE, MAX(n, (size_t)1) * bytes);

    if (!cells)
        abort();
    memset(cells, 0, MAX(n, (size_t)1) * bytes);
    return cells;
}

struct listener_state *listener_state_new(const char *id, unsigned n_workers)
{
    struct listener_state *state = base_zalloc(sizeof(*state));

    state->id = base_strdup(id);
    state->n_cells = n_workers;
    state->cells = metrics_cells_new(n_workers, sizeof(*state->cells));
    return state;
}

struct listener_state *listener_state_free(struct listener_state *state)
{
    if (!state)
        return NULL;
    free(state->id);
    free(state->cells);
    free(state);
    return NULL;
}

void listener_state_sum(const struct listener_state *state, struct listener_cell *ret_sum)
{
    counter *sums = (counter *)(void *)ret_sum;

    memset(ret_sum, 0, sizeof(*ret_sum));
    for (uint32_t i = 0; i < state->n_cells; i++) {
        const counter *cell = (const counter *)(const void *)&state->cells[i];

        for (size_t k = 0; k < sizeof(*ret_sum) / sizeof(counter); k++)
            counter_add(&sums[k], counter_get(&cell[k]));
    }
}

static void metrics_add_head(struct text *out, struct span name, const char *type, const char *help)
{
    text_add(out, SPAN_LIT("# HELP "));
    text_add(out, name);
    text_add_char(out, ' ');
    text_add(out, span_of(help));
    text_add(out, SPAN_LIT("\n# TYPE "));
    text_add(out, name);
    text_add_char(out, ' ');
    text_add(out, span_of(type));
    text_add_char(out, '\n');
}

/* `name suffix{labels,more} `; labels and more may be empty. */
static void metrics_add_name(
    struct text *out, struct span name, const char *suffix, const char *labels, struct span more)
{
    struct span own = span_of(labels);

    text_add(out, name);
    text_add(out, span_of(suffix));
    if (own.len > 0 || more.len > 0) {
        text_add_char(out, '{');
        text_add(out, own);
        if (own.len > 0 && more.len > 0)
            text_add_char(out, ',');
        text_add(out, more);
        text_add_char(out, '}');
    }
    text_add_char(out, ' ');
}

static void metrics_add_u64(
    struct text *out, struct span name, const char *suffix, const char *labels, uint64_t value)
{
    metrics_add_name(out, name, suffix, labels, (struct span){0});
    text_add_u64(out, value);
    text_add_char(out, '\n');
}

static void metrics_add_histogram(
    struct text *out, struct span name, const char *labels, const struct histogram *h)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        struct text le;
        char buf[40];

        n += counter_get(&h->buckets[i]);
        text_init_fixed(&le, buf, sizeof(buf));
        text_add(&le, SPAN_LIT("le=\""));
        if (i < HISTOGRAM_BOUNDS)
            text_add_fixed(&le, UINT64_C(1) << i, 3);
        else
            text_add(&le, SPAN_LIT("+Inf"));
        text_add_char(&le, '"');
        metrics_add_name(out, name, "_bucket", labels, text_span(&le));
        text_add_u64(out, n);
        text_add_char(out, '\n');
    }
    metrics_add_name(out, name, "_sum", labels, (struct span){0});
    text_add_fixed(out, counter_get(&h->sum_us), 6);
    text_add_char(out, '\n');
    metrics_add_u64(out, name, "_count", labels, n);
}

static uint64_t metrics_row_value(const struct metrics_row *row, const void *cell)
{
    return counter_get((const counter *)(const void *)((const char *)cell + row->offset));
}

/* The reasons of one listener, those that have occurred. */
static void metrics_add_reasons(
    struct text *out, struct span name, const char *labels, const struct listener_cell *sum)
{
    for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++) {
        uint64_t value = counter_get(&sum->reasons[i]);
        struct text label;
        char buf[80];

        if (value == 0)
            continue;
        text_init_fixed(&label, buf, sizeof(buf));
        metrics_add_label(&label, "reason", span_of(reason_word((enum reason)i)));
        metrics_add_name(out, name, "", labels, text_span(&label));
        text_add_u64(out, value);
        text_add_char(out, '\n');
    }
}

/* The name of a row's family, in buf. */
static struct span metrics_row_name(
    const char *prefix, const struct metrics_row *row, char *buf, size_t cap)
{
    struct text name;

    text_init_fixed(&name, buf, cap);
    text_add(&name, span_of(prefix));
    text_add(&name, span_of(row->suffix));
    return text_span(&name);
}

void metrics_write_listeners(struct text *out, const struct metrics_listener *all, uint32_t n)
{
    struct listener_cell *sums = metrics_cells_new(n, sizeof(*sums));
    struct span reasons = SPAN_LIT(METRICS_LISTENER "reasons_total");
    struct span times = SPAN_LIT(METRICS_LISTENER "request_duration_seconds");
    char buf[128];

    for (uint32_t i = 0; i < n; i++)
        listener_state_sum(all[i].state, &sums[i]);
    for (size_t k = 0; k < ARRAY_LEN(listener_rows); k++) {
        const struct metrics_row *row = &listener_rows[k];
        struct span name = metrics_row_name(METRICS_LISTENER, row, buf, sizeof(buf));

        metrics_add_head(out, name, row->type, row->help);
        for (uint32_t i = 0; i < n; i++)
            metrics_add_u64(out, name, "", all[i].labels, metrics_row_value(row, &sums[i]));
    }
    metrics_add_head(out, reasons, "counter",
        "exchanges and connections that were refused, retried or answered by the balancer, by reason");
    for (uint32_t i = 0; i < n; i++)
        metrics_add_reasons(out, reasons, all[i].labels, &sums[i]);
    metrics_add_head(out, times, "histogram", "first byte of a request to the end of its response");
    for (uint32_t i = 0; i < n; i++)
        metrics_add_histogram(out, times, all[i].labels, &sums[i].request_time);
    free(sums);
}

void metrics_write_servers(struct text *out, const struct metrics_server *all, uint32_t n)
{
    struct span up = SPAN_LIT(METRICS_SERVER "up");
    struct span weight = SPAN_LIT(METRICS_SERVER "weight");
    struct span times = SPAN_LIT(METRICS_SERVER "response_duration_seconds");
    char buf[128];

    metrics_add_head(out, up, "gauge", "1 if the server is usable, 0 if its health check fails");
    for (uint32_t i = 0; i < n; i++)
        metrics_add_u64(out, up, "", all[i].labels, all[i].up);
    metrics_add_head(out, weight, "gauge", "configured weight");
    for (uint32_t i = 0; i < n; i++)
        metrics_add_u64(out, weight, "", all[i].labels, all[i].weight);
    for (size_t k = 0; k < ARRAY_LEN(server_rows); k++) {
        const struct metrics_row *row = &server_rows[k];
        struct span name = metrics_row_name(METRICS_SERVER, row, buf, sizeof(buf));

        metrics_add_head(out, name, row->type, row->help);
        for (uint32_t i = 0; i < n; i++)
            metrics_add_u64(out, name, "", all[i].labels, metrics_row_value(row, all[i].sum));
    }
    metrics_add_head(
        out, times, "histogram", "connect or send to a server to the end of its response");
    for (uint32_t i = 0; i < n; i++)
        metrics_add_histogram(out, times, all[i].labels, &all[i].sum->response_time);
}

void metrics_write_value(
    struct text *out, const char *name, const char *type, const char *help, uint64_t value)
{
    struct text full;
    char buf[128];

    text_init_fixed(&full, buf, sizeof(buf));
    text_add(&full, SPAN_LIT("openslb_"));
    text_add(&full, span_of(name));
    assert(!text_failed(&full));
    metrics_add_head(out, text_span(&full), type, help);
    metrics_add_u64(out, text_span(&full), "", NULL, value);
}

/* The escapes of a label value are those of JSON for a backslash, a quote and a newline; the other control
 * characters, which JSON must escape and Prometheus cannot, become spaces before. */
void metrics_add_label(struct text *out, const char *name, struct span value)
{
    char *plain = base_alloc(value.len + 1);

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        plain[i] = (uint8_t)c < 0x20 && c != '\n' ? ' ' : c;
    }
    if (out->len > 0 && out->ptr[out->len - 1] == '"')
        text_add_char(out, ',');
    text_add(out, span_of(name));
    text_add_char(out, '=');
    text_add_json(out, (struct span){plain, value.len});
    free(plain);
}

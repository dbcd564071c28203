/* Counters: one cell per worker, written by that worker alone, summed by whoever asks.
 *
 * A cell's owner adds with relaxed loads and stores (no locked instruction); readers see a value that was
 * true a moment ago. Names, help and labels come from the lists here.
 */
#pragma once

#include <stdatomic.h>

#include "base/clock.h"
#include "base/reason.h"
#include "base/text.h"

typedef _Atomic uint64_t counter;

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(
        c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline void counter_sub(counter *c, uint64_t n)
{
    counter_add(c, (uint64_t)0 - n);
}
static inline uint64_t counter_get(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* X(member, "prometheus suffix", counter|gauge, "help") */
#define LISTENER_COUNTER_LIST(X)                                                           \
    X(connections, "connections_total", "counter", "client connections or flows accepted") \
    X(active, "connections_active", "gauge", "client connections or flows open")           \
    X(requests, "requests_total", "counter", "requests read")                              \
    X(bytes_in, "received_bytes_total", "counter", "bytes read from clients")              \
    X(bytes_out, "sent_bytes_total", "counter", "bytes sent to clients")                   \
    X(status_1xx, "responses_1xx_total", "counter", "responses with status 1xx")           \
    X(status_2xx, "responses_2xx_total", "counter", "responses with status 2xx")           \
    X(status_3xx, "responses_3xx_total", "counter", "responses with status 3xx")           \
    X(status_4xx, "responses_4xx_total", "counter", "responses with status 4xx")           \
    X(status_5xx, "responses_5xx_total", "counter", "responses with status 5xx")           \
    X(datagrams_in, "received_datagrams_total", "counter", "datagrams from clients")       \
    X(datagrams_out, "sent_datagrams_total", "counter", "datagrams to clients")            \
    X(refused, "refused_total", "counter", "connections refused before any byte was read")

#define SERVER_COUNTER_LIST(X)                                                          \
    X(inflight, "inflight", "gauge", "exchanges or flows open")                         \
    X(idle, "idle_connections", "gauge", "idle connections kept for reuse")             \
    X(uses, "requests_total", "counter", "exchanges or flows given to the server")      \
    X(connects, "connects_total", "counter", "connections opened")                      \
    X(connect_failures, "connect_failures_total", "counter", "connections that failed") \
    X(reuses, "reuses_total", "counter", "exchanges on a reused connection")            \
    X(failures, "failures_total", "counter", "exchanges the server did not complete")   \
    X(bytes_out, "sent_bytes_total", "counter", "bytes sent to the server")             \
    X(bytes_in, "received_bytes_total", "counter", "bytes read from the server")        \
    X(status_2xx, "responses_2xx_total", "counter", "responses with status 2xx")        \
    X(status_3xx, "responses_3xx_total", "counter", "responses with status 3xx")        \
    X(status_4xx, "responses_4xx_total", "counter", "responses with status 4xx")        \
    X(status_5xx, "responses_5xx_total", "counter", "responses with status 5xx")

/* Latency in buckets: upper bounds 1 ms * 2^i from 1 ms to 131 s, then infinity. */
#define HISTOGRAM_BUCKETS 19u
struct histogram {
    counter buckets[HISTOGRAM_BUCKETS]; /* not cumulative */
    counter sum_us;
};
void histogram_add(struct histogram *h, nsec span);

struct listener_cell {
#define CELL_MEMBER(name, suffix, type, help) counter name;
    LISTENER_COUNTER_LIST(CELL_MEMBER)
    struct histogram request_time;
    counter reasons[REASON_COUNT];
} CACHE_ALIGNED;

struct server_cell {
    SERVER_COUNTER_LIST(CELL_MEMBER)
#undef CELL_MEMBER
    struct histogram response_time;
} CACHE_ALIGNED;

/* What outlives versions of a listener: its counters. Made and freed by the building thread, which also
 * counts refs; workers touch only their own cell. */
struct listener_state {
    char *id; /* owned */
    uint32_t refs;
    uint32_t n_cells;
    struct listener_cell *cells; /* owned; one per worker */
};

/* With refs 0. Never NULL. */
struct listener_state *listener_state_new(const char *id, unsigned n_workers);
struct listener_state *listener_state_free(struct listener_state *state);
/* Sums over all workers into *ret_sum. */
void listener_state_sum(const struct listener_state *state, struct listener_cell *ret_sum);

/* One family member per call; labels is `listener="x",instance="y"` already escaped. Families must be written
 * whole, so the writer goes family by family over all states. */
struct metrics_listener {
    const struct listener_state *state;
    const char *labels;
};
struct metrics_server {
    const struct server_cell *sum;
    const char *labels;
    unsigned up; /* 0 or 1 */
    unsigned weight;
};
/* Prometheus text format 0.0.4: openslb_listener_*, openslb_server_*, refusals by reason, and histograms. */
void metrics_write_listeners(struct text *out, const struct metrics_listener *all, uint32_t n);
void metrics_write_servers(struct text *out, const struct metrics_server *all, uint32_t n);
/* openslb_<name> of one value, with HELP and TYPE. */
void metrics_write_value(
    struct text *out, const char *name, const char *type, const char *help, uint64_t value);
/* Appends name="value", escaped (backslash, quote, newline) and made well-formed UTF-8; with a comma before it if
 * out ends in a quote, as it does behind another label. */
void metrics_add_label(struct text *out, const char *name, struct span value);

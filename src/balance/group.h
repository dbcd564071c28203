/* A server group as one worker sees it, and the servers' state that all workers share.
 *
 * Configuration (group_conf) is immutable and replaced whole; struct group lives on across
 * versions: servers are recognised by id and address, so that schedulers' turns, idle connections
 * and drains survive a change.
 */
#pragma once

#include "balance/sched.h"
#include "base/list.h"
#include "engine/engine.h"
#include "observe/metrics.h"
#include "snapshot/snapshot.h"

enum server_health {
    HEALTH_OFF,     /* not checked: usable */
    HEALTH_UNKNOWN, /* no verdict yet: usable, so that a start does not refuse everybody */
    HEALTH_UP,
    HEALTH_DOWN,
};

/* Shared by all workers; made and let go by the building thread. */
struct server_state {
    char *key;              /* owned: "group id/server id/ip:port" */
    uint32_t refs;          /* the building thread's, which counts versions that have it; new: 1 */
    _Atomic uint32_t holds; /* 1 of the building thread, and 1 of each struct server */
    uint32_t n_cells;
    _Atomic uint32_t health; /* enum server_health; written by the checker */
    /* Monotonic moment it became healthy after being down; 0: never, or its group had no slow
     * start. */
    _Atomic int64_t slow_from;
    struct server_cell *cells; /* owned; one per worker */
};

/* Changes whenever the health of any server of this process does, so that a pick notices with
 * one load. Written by server_state_set_health only. */
extern _Atomic uint32_t server_health_epoch;

struct server_state *server_state_new(const char *key, unsigned n_workers);
/* The building thread lets go. The memory goes with the last struct server: work that began
 * under one version may have been given to a server of a later one, which its own snapshot does
 * not keep. */
struct server_state *server_state_free(struct server_state *state);
void server_state_sum(const struct server_state *state, struct server_cell *ret_sum);
/* slow_from: see there; 0 leaves it. Any thread, but one writer per state. */
void server_state_set_health(struct server_state *state, enum server_health health, nsec slow_from);
static inline enum server_health server_state_health(const struct server_state *state)
{
    return (enum server_health)atomic_load_explicit(&state->health, memory_order_relaxed);
}

struct group;

enum server_drain {
    DRAIN_NONE,
    DRAIN_WAITING, /* the timer runs; then all uses are cut */
    DRAIN_DONE,    /* what begins from now on (the group is open) is left alone */
};

/* One server of a group on one worker. */
struct server {
    struct group *group; /* lives as long as the server */
    /* Of the group's current version. NULL once removed, when that version may be gone; addr
     * stays. */
    const struct server_conf *conf;
    struct server_state *state; /* held */
    struct server_cell *cell;   /* this worker's, in state */
    struct list idle;           /* the proxy's: idle upstream connections, newest first */
    uint32_t n_idle;
    struct list leaving; /* the proxy's: connections that the server is about to close */
    uint32_t n_leaving;
    struct list uses; /* struct server_use: what is open on this server now */
    struct timer drain_timer;
    nsec slow_from; /* joined a group that was not empty: its first slow start; 0: none */
    uint32_t refs;  /* uses and idle connections, and 1 while in the group */
    uint32_t index; /* in group->servers; SCHED_NONE once removed */
    uint8_t health; /* enum server_health as this worker last saw it */
    uint8_t drain;  /* enum server_drain */
    bool removed;
    bool slow_pending; /* joined a group that was not empty and waits for its first good check */
    struct addr addr;
};

/* Embedded in an exchange or flow while it is on a server. cut ends it at once (drain time
 * over); it must call server_use_end, now or later. */
struct server_use {
    struct list link;
    struct server *server;
    void (*cut)(struct server_use *use, enum reason reason);
};

struct group {
    const struct group_conf *conf; /* of the worker's current snapshot; NULL once removed */
    struct engine *engine;
    unsigned worker_index;
    uint32_t refs; /* group_ref's, servers (removed ones too), and 1 until group_remove */
    const struct sched_ops *sched;
    void *sched_state; /* owned; NULL: made at the next pick */
    void *turns;       /* owned; by_key: state of wrr for picks without a key; NULL: as above */
    struct sched_server *view; /* owned; parallel to servers */
    struct server **servers;   /* owned array */
    uint32_t n_servers;
    uint32_t n_weighted;  /* with weight */
    uint32_t n_able;      /* with weight and not unhealthy */
    uint32_t next_source; /* turns over conf->source */
    uint32_t epoch;       /* of server_health_epoch, as the view has it */
    bool open;            /* all are unhealthy and conf->fail_open: the view calls them usable */
    bool slow;            /* some server is in slow start: weights change at weigh_at */
    nsec weigh_at;
    nsec counted_at; /* when inflight of other workers was read */
    /* Called when a server leaves, before its drain begins and before it is freed: the pool
     * closes its idle connections. It must not call group_update or group_remove. */
    void (*on_removed)(void *arg, struct server *server);
    void *on_removed_arg;
};

/* conf->servers have their state attached. on_removed may be NULL. */
struct group *group_new(const struct group_conf *conf, struct engine *engine, unsigned worker_index,
    void (*on_removed)(void *arg, struct server *server), void *arg);
/* Takes over a new version: weights at once; turns go on for servers that stay (same state,
 * which is same id and address) while the scheduler is the same. Everything points into conf
 * after this; the old version may go. Servers that joined enter slow start if conf says so and
 * the group was not empty; those that left have conf NULL, on_removed is called, and they drain:
 * with conf->drain all uses are cut after drain_timeout_ms (0: in the next turn of the loop),
 * else they end by themselves. O(n) while the order is kept. */
void group_update(struct group *group, const struct group_conf *conf);
/* The group was removed: all servers leave as above; picks find no servers. Freed at the end of
 * the turn in which the last server is let go. */
void group_remove(struct group *group);
/* For who needs the group while it holds no server of it. */
struct group *group_ref(struct group *group);
void group_unref(struct group *group);
/* Some server's health changed: looks at all of them, starts or stops their drains. Picks do the
 * same by themselves, but a group that nobody picks from must drain too. Cheap when nothing
 * changed. */
void group_health_changed(struct group *group);

/* Slow start, by wrr alone: weight grows from 1 % to 100 % over conf->slow_start_ms in steps of
 * 1 %, from the moment a server that was unhealthy or joined later became healthy (at once if
 * the group is not checked). While no healthy server with weight is outside slow start, all have
 * their full share. */

#define PICK_TRIES_MAX 16u

/* What one exchange has tried; zeroed at start. */
struct pick {
    uint64_t key; /* of the client, for schedulers by key; 0: it has none, and wrr chooses */
    /* Of servers that failed it, added by pick_failed; only compared. Indices would not survive an
     * update. */
    const struct server_state *tried[PICK_TRIES_MAX];
    uint32_t n_tried;
};

/* The server failed this exchange: the next pick leaves it out. Beyond PICK_TRIES_MAX it is
 * forgotten. */
static inline void pick_failed(struct pick *pick, const struct server *server)
{
    if (pick->n_tried < PICK_TRIES_MAX)
        pick->tried[pick->n_tried++] = server->state;
}

/* Chooses. Healthy servers with weight that were not tried; when all are unhealthy, by
 * conf->fail_open over all with weight (REASON_FAIL_OPEN). Returns 0 with *ret_server, or
 * -ENOENT with *ret_reason: NO_SERVERS, ALL_UNHEALTHY, or NONE when those that could be chosen
 * have all been tried. *ret_reason is REASON_NONE normally. now: of the loop's turn. */
int group_pick(struct group *group, const struct pick *pick, nsec now, struct server **ret_server,
    enum reason *ret_reason) MUST_CHECK;

/* The exchange or flow begins and ends on the server: inflight, counters, drain. */
void server_use_begin(struct server *server, struct server_use *use,
    void (*cut)(struct server_use *use, enum reason reason));
void server_use_end(struct server_use *use);

struct server *server_ref(struct server *server);
/* The memory stays until the turn's end. */
void server_unref(struct server *server);

/* The next source address of the group in turn, or NULL if it has none. Points into the group's
 * conf. */
const struct addr *group_source(struct group *group);

/* Keys: the same on all nodes and in all versions, and never 0. */
uint64_t key_of_source(const struct addr *client);
uint64_t key_of_tuple(const struct addr *client, const struct addr *local);
uint64_t key_of_text(struct span text);

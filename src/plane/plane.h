/* The data plane of one process: workers, sockets, and the way of a change to them.
 *
 * The main thread builds snapshots, binds sockets, checks servers' health, answers the control socket and
 * the admin endpoint, and hands everything over to the next process. Workers carry the traffic. What
 * passes between them are messages; see docs/architecture.md for the path of a change.
 */
#pragma once

#include "balance/health/health.h"
#include "base/map.h"
#include "l4/l4.h"
#include "proxy/proxy.h"
#include "serve/serve.h"

struct plane_opts {
    unsigned n_workers;
    bool pin;
    size_t memory_bytes;       /* of all workers' buffers */
    const char *run_dir;       /* control.sock and handover.sock; NULL: neither */
    const char *state_path;    /* the last applied set is kept there; NULL: nowhere */
    const char *snapshot_path; /* read at start and on SIGHUP; NULL: none */
    struct addr admin;         /* metrics; family 0: none */
    const char *log_path;      /* access log; NULL: none */
    uint64_t log_rotate_bytes;
    unsigned log_keep;
    nsec drain_for; /* how long a replaced or stopping process waits for its connections */
};

/* One listener on one worker. */
struct plane_listener {
    struct http_listener *http; /* either this */
    struct l4_listener *l4;     /* or that */
};

struct plane_worker {
    struct worker *worker; /* owned */
    struct plane *plane;
    struct groups groups;
    struct proxy *proxy; /* owned */
    struct l4 *l4;       /* owned */
    struct snapshot_view *view;
    struct plane_listener *listeners; /* owned, by slot */
    uint32_t n_listeners;
};

/* A bound address: one socket per worker. Sockets outlive the listeners that use them by one change, and
 * processes by hand-over. */
struct plane_socket {
    char *key; /* owned: "tcp 127.0.0.1:80" */
    struct addr addr;
    bool udp;
    uint32_t users; /* listeners of the current snapshot */
    int fds[];      /* one per worker; -1 */
};

struct plane_change;

struct plane {
    struct plane_opts opts;
    struct engine *engine;
    struct conn_env env;
    struct builder *builder;
    struct health *health;
    struct access_log *log;
    struct serve *admin;
    struct serve_route admin_routes[2];
    struct plane_worker *workers; /* owned array */
    unsigned n_workers;
    struct map sockets;            /* key -> struct plane_socket */
    struct map server_states;      /* key -> struct server_state */
    struct map listener_states;    /* id -> struct listener_state */
    struct plane_change *changing; /* waits for acknowledgements */
    struct list waiting;           /* struct plane_change, applied later in order */
    struct commands *commands;
    struct upgrade *upgrade;
    struct saver *saver;
    struct timer save_timer;
    struct timer drain_timer;
    nsec drain_until;
    uint64_t n_changes;
    nsec started_at;
    bool has_spare_sockets; /* some may have no user */
    bool held;              /* changes wait: what the next process was told must stay true */
    bool draining;
    bool stopping;
    bool reads_udp; /* stopping: sockets of UDP listeners are open for the flows that there are */
    bool ended;     /* being freed: workers are asked nothing any more */
    bool started;   /* workers run */
};

/* Makes the workers, not yet running. NULL with errno. */
struct plane *plane_new(const struct plane_opts *opts);
struct plane *plane_free(struct plane *plane);

/* Takes over from a process that serves run_dir, else reads the state file or the snapshot file; starts the workers, the control socket and the admin
 * endpoint. 0, or -EINVAL after logging what is wrong. */
int plane_start(struct plane *plane) MUST_CHECK;

/* Runs until it is told to stop or has drained. 0 or -errno. */
int plane_run(struct plane *plane) MUST_CHECK;

/* Ends: stops accepting, lets exchanges finish for opts.drain_for, then cuts. Called again: cuts at once. */
void plane_stop(struct plane *plane);
/* As plane_stop, but the sockets are another process's now. */
void plane_replaced(struct plane *plane);
/* Reads opts.snapshot_path anew. */
void plane_reload(struct plane *plane);

/* How the change of that version ended. errors: empty when it was applied. Called once, on the main thread. */
typedef void (*plane_done_fn)(void *arg, uint64_t version, const struct errors *errors);

/* Applies a change: verified completely, then every worker takes it; done is called when all have. On
 * refusal nothing has changed. json is borrowed for the call. whole: see builder_prepare. */
void plane_apply(struct plane *plane, struct span json, bool whole, plane_done_fn done, void *arg);

/* Begins the next change that waits; while changes are held it tells the hand-over that none is under way. */
void plane_apply_next(struct plane *plane);
/* Refuses all that waits: this process applies nothing any more. */
void plane_apply_none(struct plane *plane);
/* For builder_on_free: gives back what was attached to a resource. */
void plane_on_resource_free(void *arg, void *conf);
/* Hands the applied set to the saver, if there is one, soon. */
void plane_save(struct plane *plane);
/* Now, if that is still to come. */
void plane_save_pending(struct plane *plane);

/* metrics.c. Serves /metrics and /status on opts.admin: 0 or -errno, logged. */
int plane_open_admin(struct plane *plane) MUST_CHECK;
void plane_write_metrics(struct plane *plane, struct text *out);
void plane_write_counters(struct plane *plane, struct text *out); /* JSON */
void plane_write_status(struct plane *plane, struct text *out);   /* JSON */

/* sockets.c. Finds or binds the sockets of an address. 0 or -errno. */
int plane_socket_use(struct plane *plane, const struct addr *addr, bool udp,
    struct plane_socket **ret_socket) MUST_CHECK;
/* Lets the clients in that the listener wants (ipv6_clients). 0 or -errno. */
int plane_socket_limit(const struct plane *plane, const struct plane_socket *socket,
    const struct listener_conf *conf) MUST_CHECK;
/* NULL if there is none. */
struct plane_socket *plane_socket_find(struct plane *plane, const struct addr *addr, bool udp);
void plane_socket_drop(struct plane *plane, struct plane_socket *socket);
/* Adopts one descriptor from another process. */
void plane_socket_adopt(
    struct plane *plane, const struct addr *addr, bool udp, unsigned index, int fd);
/* Closes all: they are another process's, or nobody's. */
void plane_sockets_close(struct plane *plane);
/* Those that connections come by; UDP flows need theirs until they end. */
void plane_sockets_close_tcp(struct plane *plane);
/* Closes those that no listener uses. */
void plane_sockets_trim(struct plane *plane);

/* worker.c: what a worker does with a committed change; on its thread, or before it runs.
 * fds: parallel to items; for a listener its sockets, parallel to conf->bind, or NULL when they are the same. */
void plane_worker_apply(struct plane_worker *w, struct snapshot_view *view,
    const struct change_item *items, uint32_t n_items, const int *const *fds);
void plane_worker_stop_accepting(struct plane_worker *w);
void plane_worker_start_accepting(struct plane_worker *w);
/* stopping: nobody takes over. Accepting ends, but what comes for UDP flows that are open is read on. */
void plane_worker_drain(struct plane_worker *w, bool stopping);
void plane_worker_cut(struct plane_worker *w);
uint32_t plane_worker_active(const struct plane_worker *w);
uint32_t plane_worker_udp_active(const struct plane_worker *w);

/* Runs fn(w, arg) on every worker's thread and then done(plane, arg) on the main thread; only done, and at once, when
 * the plane is being freed. */
void plane_on_workers(struct plane *plane, void (*fn)(struct plane_worker *w, void *arg),
    void (*done)(struct plane *plane, void *arg), void *arg);

/* commands.c: the Unix socket that changes come by. */
struct commands *commands_new(struct plane *plane, const char *path);
struct commands *commands_free(struct commands *commands);
void commands_health_event(struct commands *commands, const struct health_event *event);

/* upgrade.c: hand-over to the next process and from the previous one. */
struct upgrade *upgrade_new(struct plane *plane, const char *path);
struct upgrade *upgrade_free(struct upgrade *upgrade);
/* No change is under way any more: answers a process that has asked meanwhile. */
void upgrade_settled(struct upgrade *upgrade);
/* Asks the process that serves run_dir for its sockets and state. 0: *ret_state is its resource set (owned by the caller, may be
 * empty) and the old one waits for upgrade_ready, for as long as *ret_sock is open; -ENOENT: nobody is there; other -errno. */
int upgrade_ask(
    struct plane *plane, const char *path, struct text *ret_state, int *ret_sock) MUST_CHECK;
/* Our sockets are in place: the old process stops accepting and sends its UDP flows, which are adopted. Before the workers
 * run. 0 or -errno. */
int upgrade_ready(struct plane *plane, int sock) MUST_CHECK;
/* We serve: the old process lets go of what it gave. Returns when it has. */
void upgrade_serving(int sock);

/* save.c: writes the applied set to a file from a thread of its own; atomic and durable. NULL if there can be no thread. */
struct saver *saver_new(struct plane *plane, const char *path);
/* After what was given is written. The plane's engine must turn once more before its builder is freed. */
struct saver *saver_free(struct saver *saver);
/* Takes a reference, and gives it back when the set is written or a newer one came first. O(1). */
void saver_put(struct saver *saver, struct snapshot *snapshot);

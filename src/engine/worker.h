/* One data-plane thread: an engine, its connections' shared parts, and its number. */
#pragma once

#include <pthread.h>

#include "base/hash.h"
#include "engine/conn.h"
#include "engine/engine.h"

#define WORKERS_MAX 256u

struct worker {
    struct engine *engine; /* owned; engine_user() of it is this worker */
    struct conn_env env;
    struct rng rng;
    pthread_t thread;
    unsigned index; /* 0.. */
    int cpu;        /* as in worker_opts */
    bool running;
    void *app; /* borrowed: what the data plane keeps per worker */
};

struct worker_opts {
    unsigned index;
    size_t memory_limit; /* of chunks */
    uint32_t n_pipes_max;
    int cpu; /* pinned to it; -1: not pinned */
};

/* Makes the worker, not yet running: what is set up before worker_start needs no locks. NULL with errno. */
struct worker *worker_new(const struct worker_opts *opts);
/* Starts the thread ("slbd-w0"), signals blocked. 0 or -errno. */
int worker_start(struct worker *worker) MUST_CHECK;
/* Stops the loop and joins. */
void worker_stop(struct worker *worker);
struct worker *worker_free(struct worker *worker);

/* CPUs this process may use, as it was started (sched_getaffinity): count, and the i-th one. */
unsigned worker_cpus(void);
int worker_cpu(unsigned i);

static inline struct worker *worker_of(struct engine *engine)
{
    return (struct worker *)engine_user(engine);
}

#include "engine/worker.h"

#include <sched.h>
#include <signal.h>
#include <sys/random.h>

static pthread_once_t worker_cpus_once = PTHREAD_ONCE_INIT;
static cpu_set_t worker_cpu_set;

static void worker_read_cpus(void)
{
    CPU_ZERO(&worker_cpu_set);
    if (sched_getaffinity(0, sizeof(worker_cpu_set), &worker_cpu_set) < 0)
        CPU_SET(0, &worker_cpu_set); /* more CPUs than the set has room for */
}

unsigned worker_cpus(void)
{
    (void)pthread_once(&worker_cpus_once, worker_read_cpus);
    return (unsigned)CPU_COUNT(&worker_cpu_set);
}

int worker_cpu(unsigned i)
{
    assert(i < worker_cpus());
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &worker_cpu_set) && i-- == 0)
            return cpu;
    }
    return -1;
}

struct worker *worker_new(const struct worker_opts *opts)
{
    struct worker *worker = base_zalloc(sizeof(*worker));
    uint64_t seed;

    assert(opts->index < WORKERS_MAX);
    (void)worker_cpus(); /* before any thread is pinned */
    worker->index = opts->index;
    worker->cpu = opts->cpu;
    worker->engine = engine_new(worker);
    if (!worker->engine) {
        int error = errno;

        free(worker);
        errno = error;
        return NULL;
    }
    /* Workers must differ; nothing secret is drawn from it, so a poor seed is no failure. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint64_t)clock_mono() ^ opts->index;
    rng_init(&worker->rng, seed);
    conn_env_init(&worker->env, worker->engine, opts->memory_limit, opts->n_pipes_max);
    return worker;
}

static void *worker_thread(void *arg)
{
    struct worker *worker = arg;
    int r = engine_run(worker->engine);

    assert(r == 0); /* epoll_wait fails on programming errors only */
    return NULL;
}

static int worker_create(struct worker *worker, pthread_attr_t *attr)
{
    sigset_t all, before;
    int r;

    if (worker->cpu >= 0) {
        cpu_set_t cpus;

        if (worker->cpu >= CPU_SETSIZE)
            return -EINVAL;
        CPU_ZERO(&cpus);
        CPU_SET(worker->cpu, &cpus);
        /* With the attribute all that the thread allocates is near its CPU from the start. */
        r = pthread_attr_setaffinity_np(attr, sizeof(cpus), &cpus);
        if (r != 0)
            return -r;
    }
    /* The thread inherits the mask: no signal can reach it even at its birth. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&worker->thread, attr, worker_thread, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

int worker_start(struct worker *worker)
{
    pthread_attr_t attr;
    char name[16];
    int r;

    assert(!worker->running);
    r = pthread_attr_init(&attr);
    if (r != 0)
        return -r;
    r = worker_create(worker, &attr);
    (void)pthread_attr_destroy(&attr);
    if (r < 0)
        return r;
    worker->running = true;
    (void)snprintf(name, sizeof(name), "slbd-w%u", worker->index);
    (void)pthread_setname_np(worker->thread, name);
    return 0;
}

void worker_stop(struct worker *worker)
{
    if (!worker->running)
        return;
    engine_stop(worker->engine);
    (void)pthread_join(worker->thread, NULL);
    worker->running = false;
}

struct worker *worker_free(struct worker *worker)
{
    if (!worker)
        return NULL;
    worker_stop(worker);
    /* Its last messages and deferred frees still give chunks back. */
    worker->engine = engine_free(worker->engine);
    conn_env_done(&worker->env);
    free(worker);
    return NULL;
}

#include "engine/engine.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/sys.h"
#include "engine/timer.h"

#define ENGINE_BATCH 256

struct engine_deferred {
    void *object;
    void (*free_fn)(void *arg, void *object);
    void *arg;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): other threads' words have their own line */
struct engine {
    int epoll_fd;
    int wake_fd; /* eventfd; never read: edge-triggered, so every write is an event of its own */
    void *user;  /* borrowed */
    nsec now, wall;
    nsec busy_since;
    struct list again;
    struct list jobs;
    struct engine_deferred *deferred; /* owned */
    uint32_t n_deferred, n_deferred_max;
    struct engine_stats stats;
    int batch_next, batch_n; /* events[batch_next..batch_n) are not delivered yet */
    struct epoll_event events[ENGINE_BATCH];
    struct timer_wheel wheel;

    /* What other threads touch. inbox is a stack, newest first. A sender pushes, then looks at sleeping;
     * the loop sets sleeping, then looks at inbox: sequentially consistent, so one of them sees. */
    CACHE_ALIGNED _Atomic(struct engine_msg *) inbox;
    atomic_bool sleeping;
    atomic_bool stopping;
};

static nsec engine_clock_wall_coarse(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    return (nsec)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void engine_read_clock(struct engine *engine)
{
    engine->now = clock_mono();
    engine->wall = engine_clock_wall_coarse();
}

/* Closes what engine_new got as far as opening. */
static void engine_close_fds(struct engine *engine)
{
    if (engine->epoll_fd >= 0)
        (void)close(engine->epoll_fd);
    if (engine->wake_fd >= 0)
        (void)close(engine->wake_fd);
}

static int engine_open_fds(struct engine *engine)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};

    engine->wake_fd = -1;
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0)
        return -errno;
    engine->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (engine->wake_fd < 0)
        return -errno;
    return sys_epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->wake_fd, &event);
}

struct engine *engine_new(void *user)
{
    struct engine *engine = aligned_alloc(CACHE_LINE, sizeof(*engine));
    int r;

    if (!engine)
        return NULL;
    memset(engine, 0, sizeof(*engine));
    r = engine_open_fds(engine);
    if (r < 0) {
        engine_close_fds(engine);
        free(engine);
        errno = -r;
        return NULL;
    }
    engine->user = user;
    list_init(&engine->again);
    list_init(&engine->jobs);
    atomic_init(&engine->inbox, NULL);
    atomic_init(&engine->sleeping, false);
    atomic_init(&engine->stopping, false);
    engine_read_clock(engine);
    engine->busy_since = engine->now;
    timer_wheel_init(&engine->wheel, engine->now);
    return engine;
}

void *engine_user(const struct engine *engine)
{
    return engine->user;
}

nsec engine_now(const struct engine *engine)
{
    return engine->now;
}

nsec engine_wall(const struct engine *engine)
{
    return engine->wall;
}

uint64_t engine_turns(const struct engine *engine)
{
    return engine->stats.turns;
}

struct timer_wheel *engine_wheel(struct engine *engine)
{
    return &engine->wheel;
}

void engine_stats(const struct engine *engine, struct engine_stats *ret_stats)
{
    *ret_stats = engine->stats;
}

static int engine_watch_for(
    struct engine *engine, struct engine_io *io, engine_io_fn on_ready, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = io};
    int r;

    *io =
        (struct engine_io){.fd = io->fd, .readable = true, .writable = true, .on_ready = on_ready};
    list_init(&io->again);
    r = sys_epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, io->fd, &event);
    if (r < 0)
        return r;
    io->watched = true;
    return 0;
}

int engine_watch(struct engine *engine, struct engine_io *io, engine_io_fn on_ready)
{
    return engine_watch_for(
        engine, io, on_ready, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

int engine_watch_input(struct engine *engine, struct engine_io *io, engine_io_fn on_ready)
{
    return engine_watch_for(engine, io, on_ready, EPOLLIN | EPOLLET);
}

int engine_watch_level(struct engine *engine, struct engine_io *io, engine_io_fn on_ready)
{
    return engine_watch_for(engine, io, on_ready, EPOLLIN);
}

void engine_mute(struct engine *engine, struct engine_io *io, bool muted)
{
    /* Errors are told of in any case: muted, only once. */
    struct epoll_event event = {.events = muted ? EPOLLET : EPOLLIN, .data.ptr = io};

    assert(io->watched);
    io->readable = false;
    /* Of a descriptor that is in the set this cannot fail. */
    (void)epoll_ctl(engine->epoll_fd, EPOLL_CTL_MOD, io->fd, &event);
}

/* Takes back what the current batch still holds for io, which may be watched anew before it is reached. */
static void engine_forget_events(struct engine *engine, const struct engine_io *io)
{
    for (int i = engine->batch_next; i < engine->batch_n; i++) {
        if (engine->events[i].data.ptr == io) {
            engine->events[i].data.ptr = NULL;
            return;
        }
    }
}

void engine_forget(struct engine *engine, struct engine_io *io)
{
    if (!io->watched)
        return;
    io->watched = false;
    list_remove(&io->again);
    engine_forget_events(engine, io);
}

void engine_unwatch(struct engine *engine, struct engine_io *io)
{
    if (io->watched)
        (void)epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    engine_forget(engine, io);
}

void engine_again(struct engine *engine, struct engine_io *io)
{
    assert(io->watched);
    if (!list_linked(&io->again))
        list_add_back(&engine->again, &io->again);
}

void engine_job_add(struct engine *engine, struct engine_job *job)
{
    if (!list_linked(&job->link))
        list_add_back(&engine->jobs, &job->link);
}

void engine_defer_free(
    struct engine *engine, void *object, void (*free_fn)(void *arg, void *object), void *arg)
{
    if (engine->n_deferred == engine->n_deferred_max) {
        engine->n_deferred_max = MAX(2 * engine->n_deferred_max, 64u);
        engine->deferred =
            base_realloc(engine->deferred, engine->n_deferred_max * sizeof(*engine->deferred));
    }
    engine->deferred[engine->n_deferred++] =
        (struct engine_deferred){.object = object, .free_fn = free_fn, .arg = arg};
}

static void engine_wake(struct engine *engine)
{
    uint64_t one = 1;

    /* The load spares the loop's cache line; only the first of several senders writes. */
    if (!atomic_load(&engine->sleeping) || !atomic_exchange(&engine->sleeping, false))
        return;
    (void)!write(engine->wake_fd, &one, sizeof(one));
}

void engine_post(struct engine *engine, struct engine_msg *msg)
{
    struct engine_msg *head = atomic_load_explicit(&engine->inbox, memory_order_relaxed);

    do {
        msg->next = head;
    } while (!atomic_compare_exchange_weak(&engine->inbox, &head, msg));
    engine_wake(engine);
}

void engine_stop(struct engine *engine)
{
    atomic_store(&engine->stopping, true);
    engine_wake(engine);
}

static int engine_ms_from(nsec wait)
{
    nsec ms;

    if (wait == NSEC_NEVER)
        return -1;
    ms = wait / NSEC_PER_MSEC + (wait % NSEC_PER_MSEC != 0);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* How long this turn may wait, in milliseconds for epoll_wait. Anything but 0 means that senders have been
 * told to wake the loop. */
static int engine_begin_wait(struct engine *engine, nsec max_wait)
{
    nsec now, next_at;

    if (max_wait <= 0 || !list_empty(&engine->again) || !list_empty(&engine->jobs) ||
        engine->n_deferred > 0)
        return 0;

    /* The turn before may have been long: its moment would make timers late. */
    now = clock_mono();
    engine->stats.busy_ns += now - engine->busy_since;
    engine->busy_since = now;
    next_at = timer_wheel_next(&engine->wheel);
    if (next_at <= now)
        return 0;
    if (next_at != NSEC_NEVER)
        max_wait = MIN(max_wait, next_at - now);

    atomic_store(&engine->sleeping, true);
    if (atomic_load(&engine->inbox) || atomic_load(&engine->stopping)) {
        atomic_store_explicit(&engine->sleeping, false, memory_order_relaxed);
        return 0;
    }
    engine->stats.waits++;
    return engine_ms_from(max_wait);
}

static void engine_end_wait(struct engine *engine, bool waited)
{
    if (waited)
        atomic_store_explicit(&engine->sleeping, false, memory_order_relaxed);
    engine_read_clock(engine);
    if (!waited)
        engine->stats.busy_ns += engine->now - engine->busy_since;
    engine->busy_since = engine->now;
}

/* Remembers what the kernel says; the owner hears of it if it is news. */
static void engine_deliver(struct engine *engine, struct engine_io *io, uint32_t events)
{
    bool readable = (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    bool writable = (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    bool hung_up = (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
    bool failed = (events & EPOLLERR) != 0;
    bool news = (readable && !io->readable) || (writable && !io->writable) ||
                (hung_up && !io->hung_up) || (failed && !io->failed);

    io->readable |= readable;
    io->writable |= writable;
    io->hung_up |= hung_up;
    io->failed |= failed;
    io->urgent |= (events & EPOLLPRI) != 0;
    if (news)
        io->on_ready(engine, io);
}

static void engine_run_events(struct engine *engine, int n)
{
    engine->batch_next = 0;
    engine->batch_n = n;
    while (engine->batch_next < engine->batch_n) {
        const struct epoll_event *event = &engine->events[engine->batch_next++];
        struct engine_io *io = event->data.ptr;

        if (!io) /* the wake descriptor, or unwatched in this turn */
            continue;
        engine->stats.events++;
        engine_deliver(engine, io, event->events);
    }
}

/* n: the list as it stands; what adds itself again waits for the next turn. */
static void engine_run_again(struct engine *engine)
{
    struct list ready;

    list_init(&ready);
    list_move_all(&ready, &engine->again);
    while (!list_empty(&ready)) {
        struct engine_io *io = list_entry(ready.next, struct engine_io, again);

        list_remove(&io->again);
        io->on_ready(engine, io);
    }
}

static void engine_run_messages(struct engine *engine)
{
    struct engine_msg *newest_first, *msg = NULL;

    if (!atomic_load_explicit(&engine->inbox, memory_order_relaxed))
        return;
    newest_first = atomic_exchange(&engine->inbox, NULL);
    while (newest_first) {
        struct engine_msg *next = newest_first->next;

        newest_first->next = msg;
        msg = newest_first;
        newest_first = next;
    }
    while (msg) {
        struct engine_msg *next = msg->next; /* fn may free msg */

        engine->stats.messages++;
        msg->fn(engine, msg);
        msg = next;
    }
}

static void engine_run_jobs(struct engine *engine)
{
    struct list jobs;

    list_init(&jobs);
    list_move_all(&jobs, &engine->jobs);
    while (!list_empty(&jobs)) {
        struct engine_job *job = list_entry(jobs.next, struct engine_job, link);

        list_remove(&job->link);
        job->fn(engine, job);
    }
}

static void engine_run_deferred(struct engine *engine)
{
    /* By index and by copy: freeing may defer more, which may move the array. */
    for (uint32_t i = 0; i < engine->n_deferred; i++) {
        struct engine_deferred deferred = engine->deferred[i];

        deferred.free_fn(deferred.arg, deferred.object);
    }
    engine->n_deferred = 0;
}

int engine_turn(struct engine *engine, nsec max_wait)
{
    int timeout_ms = engine_begin_wait(engine, max_wait);
    int n = epoll_wait(engine->epoll_fd, engine->events, ENGINE_BATCH, timeout_ms);
    int error = n < 0 ? errno : 0;

    engine_end_wait(engine, timeout_ms != 0);
    if (error != 0 && error != EINTR)
        return -error;
    engine->stats.turns++;
    engine_run_events(engine, n);
    engine_run_again(engine);
    engine->stats.timers_fired += timer_wheel_advance(&engine->wheel, engine, engine->now);
    engine_run_messages(engine);
    engine_run_jobs(engine);
    engine_run_deferred(engine);
    return 0;
}

int engine_run(struct engine *engine)
{
    /* Not reset at the beginning: the stop may come before the thread gets here. */
    while (!atomic_load_explicit(&engine->stopping, memory_order_relaxed)) {
        int r = engine_turn(engine, NSEC_NEVER);

        if (r < 0)
            return r;
    }
    atomic_store(&engine->stopping, false);
    return 0;
}

static void engine_unlink_all(struct list *links)
{
    while (!list_empty(links))
        list_remove(links->next);
}

struct engine *engine_free(struct engine *engine)
{
    if (!engine)
        return NULL;
    while (atomic_load(&engine->inbox) || engine->n_deferred > 0) {
        engine_run_messages(engine);
        engine_run_deferred(engine);
    }
    timer_wheel_done(&engine->wheel);
    engine_unlink_all(&engine->again);
    engine_unlink_all(&engine->jobs);
    engine_close_fds(engine);
    free(engine->deferred);
    free(engine);
    return NULL;
}

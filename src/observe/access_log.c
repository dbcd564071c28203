#include "observe/access_log.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/text.h"
#include "observe/access_file.h"
#include "observe/access_record.h"
#include "observe/ring.h"

#define ACCESS_BATCH_BYTES ((size_t)256 * 1024)
/* One line of texts that are all control characters, each of them six bytes long then. */
#define ACCESS_LINE_MAX ((size_t)13 * 6 * ACCESS_TEXT_MAX + 8192)
/* A line is in the file at most this much later, and workers need not wake the thread for it. */
#define ACCESS_SLEEP_MS 80
/* Per ring and visit, so that one busy worker does not keep the thread from the others. */
#define ACCESS_VISIT_RECORDS 4096u
#define ACCESS_RELEASE_EVERY 32u

/* What one worker has here. */
struct access_slot {
    struct ring ring;
    counter dropped CACHE_ALIGNED; /* the worker's */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): what threads share has lines of its own */
struct access_log {
    struct access_slot *slots; /* owned */
    unsigned n_workers;
    int wake_fd;
    pthread_t thread;

    _Atomic bool woken CACHE_ALIGNED; /* a write to wake_fd is under way or unread */
    _Atomic bool stop, reopen;

    /* The thread's. */
    struct access_file file CACHE_ALIGNED;
    struct text batch;
    uint64_t batch_lines;
    counter written, dropped_error, rotations;
};

static void access_wake(struct access_log *log)
{
    uint64_t one = 1;

    if (atomic_load_explicit(&log->woken, memory_order_relaxed) ||
        atomic_exchange_explicit(&log->woken, true, memory_order_acq_rel))
        return;
    (void)!write(log->wake_fd, &one, sizeof(one));
}

void access_log_add(struct access_log *log, unsigned index, const struct log_record *record)
{
    struct access_slot *slot = &log->slots[index];
    size_t n = access_record_bytes(record);
    char *out = ring_reserve(&slot->ring, n);

    if (LIKELY(out)) {
        access_record_pack(record, out);
        ring_commit(&slot->ring, n);
    } else {
        counter_add(&slot->dropped, 1);
    }
    if (UNLIKELY(ring_past_half(&slot->ring)))
        access_wake(log);
}

static void access_write_batch(struct access_log *log)
{
    uint64_t n;

    if (log->batch.len == 0)
        return;
    n = access_file_write(&log->file, text_span(&log->batch), clock_mono());
    assert(n <= log->batch_lines);
    counter_add(&log->written, n);
    counter_add(&log->dropped_error, log->batch_lines - n);
    atomic_store_explicit(&log->rotations, log->file.n_rotations, memory_order_relaxed);
    log->batch_lines = 0;
    text_reset(&log->batch);
}

static void access_add_line(struct access_log *log, struct span packed)
{
    struct log_record record;

    access_record_unpack(packed, &record);
    access_log_format(&record, &log->batch);
    assert(!text_failed(&log->batch));
    log->batch_lines++;
    if (log->batch.len >= ACCESS_BATCH_BYTES)
        access_write_batch(log);
}

/* Returns whether records may be left. */
static bool access_visit(struct access_log *log, struct ring *ring)
{
    struct span packed;
    unsigned n = 0;

    while (n < ACCESS_VISIT_RECORDS && ring_next(ring, &packed)) {
        access_add_line(log, packed);
        if (++n % ACCESS_RELEASE_EVERY == 0)
            ring_release(ring);
    }
    ring_release(ring);
    return n == ACCESS_VISIT_RECORDS;
}

static bool access_visit_all(struct access_log *log)
{
    bool more = false;

    for (unsigned i = 0; i < log->n_workers; i++) {
        if (access_visit(log, &log->slots[i].ring))
            more = true;
    }
    access_write_batch(log);
    return more;
}

/* A worker that passes half its ring after the visit and before `woken` is cleared does not wake
 * us; its next record does, or the end of the sleep. */
static void access_sleep(struct access_log *log)
{
    struct pollfd pfd = {.fd = log->wake_fd, .events = POLLIN};
    uint64_t n;

    atomic_store_explicit(&log->woken, false, memory_order_release);
    (void)poll(&pfd, 1, ACCESS_SLEEP_MS);
    (void)!read(log->wake_fd, &n, sizeof(n));
}

static void *access_run(void *arg)
{
    struct access_log *log = arg;
    bool more, stop;

    do {
        /* Asked before the visit: what was added before the stop is still written. */
        stop = atomic_load_explicit(&log->stop, memory_order_acquire);
        if (atomic_exchange_explicit(&log->reopen, false, memory_order_acq_rel))
            access_file_reopen(&log->file, clock_mono());
        if (stop)
            log->file.retry_at = 0; /* the last chance to write */
        more = access_visit_all(log);
        if (!more && !stop)
            access_sleep(log);
    } while (more || !stop);
    return NULL;
}

/* Signals are for other threads, and SIGPIPE is for none. */
static int access_start_thread(struct access_log *log)
{
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&log->thread, NULL, access_run, log);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        (void)pthread_setname_np(log->thread, "slbd-log");
    return -r;
}

static struct access_log *access_free(struct access_log *log)
{
    for (unsigned i = 0; i < log->n_workers; i++)
        ring_done(&log->slots[i].ring);
    free(log->slots);
    text_done(&log->batch);
    access_file_close(&log->file);
    if (log->wake_fd >= 0)
        (void)close(log->wake_fd);
    free(log);
    return NULL;
}

static void *access_zalloc(size_t n, size_t size)
{
    void *p = aligned_alloc(CACHE_LINE, n * size);

    if (!p)
        abort();
    memset(p, 0, n * size);
    return p;
}

struct access_log *access_log_open(const struct access_log_opts *opts)
{
    struct access_log *log = access_zalloc(1, sizeof(*log));
    int r;

    log->file.fd = -1;
    log->n_workers = opts->n_workers;
    log->slots = access_zalloc(MAX(opts->n_workers, 1u), sizeof(*log->slots));
    for (unsigned i = 0; i < opts->n_workers; i++)
        ring_init(&log->slots[i].ring, opts->ring_bytes);
    text_init(&log->batch, ACCESS_BATCH_BYTES + ACCESS_LINE_MAX);
    (void)text_make_room(&log->batch, ACCESS_BATCH_BYTES + ACCESS_LINE_MAX);
    log->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = log->wake_fd < 0 ? -errno : 0;
    if (r == 0)
        r = access_file_open(&log->file, opts->path, opts->rotate_bytes, opts->keep_files);
    if (r == 0)
        r = access_start_thread(log);
    if (r < 0) {
        log = access_free(log);
        errno = -r;
    }
    return log;
}

struct access_log *access_log_close(struct access_log *log)
{
    if (!log)
        return NULL;
    atomic_store_explicit(&log->stop, true, memory_order_release);
    access_wake(log);
    (void)pthread_join(log->thread, NULL);
    return access_free(log);
}

void access_log_reopen(struct access_log *log)
{
    atomic_store_explicit(&log->reopen, true, memory_order_release);
    access_wake(log);
}

void access_log_stats(struct access_log *log, struct access_log_stats *ret_stats)
{
    struct access_log_stats stats = {
        .written = counter_get(&log->written),
        .dropped_error = counter_get(&log->dropped_error),
        .rotations = counter_get(&log->rotations),
    };

    for (unsigned i = 0; i < log->n_workers; i++)
        stats.dropped_full += counter_get(&log->slots[i].dropped);
    *ret_stats = stats;
}

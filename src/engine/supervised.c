#include "engine/supervised.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUPERVISED_ENV "OPENSLB_SUPERVISOR_FD"

/* This process's, if it is supervised. Set before threads start. */
static struct supervised_page *supervised_here;

const char *supervised_role_name(enum supervised_role role)
{
    static const char *const names[] = {
        [SUPERVISED_CONTROL] = "control", [SUPERVISED_DATA] = "data"};

    return names[role];
}

const char *restart_reason_name(enum restart_reason reason)
{
#define RESTART_REASON_NAME(id, name, text) [RESTART_##id] = (name),
    static const char *const names[] = {RESTART_REASON_LIST(RESTART_REASON_NAME)};
#undef RESTART_REASON_NAME

    return names[reason];
}

uint64_t supervised_restarts(const struct supervised *supervised)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < RESTART_REASONS; i++)
        n += atomic_load(&supervised->restarts[i]);
    return n;
}

void supervised_why(const struct supervised *supervised, char buf[static SUPERVISED_WHY_MAX])
{
    int detail = atomic_load(&supervised->last_detail);

    buf[0] = '\0';
    if (atomic_load(&supervised->last_at_ms) == 0)
        return;
    switch (atomic_load(&supervised->last_reason)) {
    case RESTART_EXIT:
        (void)snprintf(buf, SUPERVISED_WHY_MAX, "exit: code %d", detail);
        break;
    case RESTART_SIGNAL:
        (void)snprintf(buf, SUPERVISED_WHY_MAX, "signal: %d", detail);
        break;
    default:
        if (detail == 0)
            (void)snprintf(buf, SUPERVISED_WHY_MAX, "hung: main loop");
        else
            (void)snprintf(buf, SUPERVISED_WHY_MAX, "hung: worker %d", detail - 1);
        break;
    }
}

static struct supervised_page *supervised_map(int fd)
{
    void *page =
        mmap(NULL, sizeof(struct supervised_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return page == MAP_FAILED ? NULL : page;
}

struct supervised_page *supervised_make(int *ret_fd)
{
    int fd = memfd_create("openslb-supervised", MFD_CLOEXEC);
    struct supervised_page *page = NULL;
    int error;

    if (fd < 0)
        return NULL;
    if (ftruncate(fd, (off_t)sizeof(*page)) == 0)
        page = supervised_map(fd);
    if (!page) {
        error = errno;
        (void)close(fd);
        errno = error;
        return NULL;
    }
    page->bytes = sizeof(*page);
    *ret_fd = fd;
    return page;
}

void supervised_pass(int fd)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", fd);
    if (fcntl(fd, F_SETFD, 0) == 0)
        (void)setenv(SUPERVISED_ENV, text, 1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* What the environment names may be anything, left over from another program. */
static bool supervised_is_page(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_size == (off_t)sizeof(struct supervised_page);
}

void supervised_open(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before threads */
    const char *text = getenv(SUPERVISED_ENV);
    struct supervised_page *page;
    uint64_t fd;

    if (!text || span_parse_u64(span_of(text), &fd) < 0 || fd > INT32_MAX ||
        !supervised_is_page((int)fd))
        return;
    (void)unsetenv(SUPERVISED_ENV); /* NOLINT(concurrency-mt-unsafe) */
    page = supervised_map((int)fd);
    (void)close((int)fd);
    if (page && page->bytes == sizeof(*page))
        supervised_here = page;
}

const struct supervised_page *supervised_page(void)
{
    return supervised_here;
}

static void beat_on_timer(struct engine *engine, struct timer *timer)
{
    struct beat *beat = container_of(timer, struct beat, timer);

    if (atomic_load_explicit(&beat->loop->thread, memory_order_relaxed) == 0)
        atomic_store(&beat->loop->thread, (uint32_t)gettid());
    (void)atomic_fetch_add(&beat->loop->beats, 1);
    timer_set(engine, timer, engine_now(engine) + beat->every, beat_on_timer);
}

void beat_start(struct beat *beat, struct engine *engine, enum supervised_role role, unsigned loop)
{
    struct supervised_page *page = supervised_here;

    assert(loop < SUPERVISED_LOOPS);
    if (!page || atomic_load(&page->every) == 0)
        return;
    *beat =
        (struct beat){.loop = &page->roles[role].loops[loop], .every = atomic_load(&page->every)};
    atomic_store(&page->roles[role].watched, true);
    timer_set(engine, &beat->timer, engine_now(engine), beat_on_timer);
}

void beats_end(enum supervised_role role)
{
    if (supervised_here)
        atomic_store(&supervised_here->roles[role].watched, false);
}

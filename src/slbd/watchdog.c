#include "slbd/watchdog.h"

#include <fcntl.h>
#include <unistd.h>

/* A thread that could run and had less than this part of the time was kept from it by others. */
#define STARVED_PART 8

static nsec interval(const struct watchdog *watchdog)
{
    return MAX(watchdog->deadline / WATCHDOG_LOOKS, NSEC_PER_MSEC);
}

void watchdog_start(struct watchdog *watchdog, nsec deadline, nsec now)
{
    *watchdog = (struct watchdog){.deadline = deadline, .looked_at = now};
}

nsec watchdog_next_at(const struct watchdog *watchdog)
{
    return watchdog->deadline == 0 ? NSEC_NEVER : watchdog->looked_at + interval(watchdog);
}

/* Fields 3, 14 and 15 of /proc/PID/task/TID/stat; the second is in parentheses and may have any byte. */
static bool facts_parse(char *stat, struct thread_facts *ret_facts)
{
    const char *rest = strrchr(stat, ')');
    unsigned long user, system;
    char state;

    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
    if (!rest || sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &state,
                     &user, &system) != 3)
        return false;
    *ret_facts =
        (struct thread_facts){state, (nsec)(user + system) * (NSEC_PER_SEC / sysconf(_SC_CLK_TCK))};
    return true;
}

bool thread_facts_read(pid_t pid, uint32_t thread, struct thread_facts *ret_facts)
{
    char path[64], stat[512];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%u/stat", (int)pid, thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, stat, sizeof(stat) - 1);
    (void)close(fd);
    stat[MAX(n, 0)] = '\0';
    return facts_parse(stat, ret_facts);
}

/* Half the deadline has passed: what its thread does from now on decides. */
static void loop_suspect(
    struct watchdog_loop *loop, pid_t pid, uint32_t thread, thread_facts_fn facts)
{
    struct thread_facts now = {0};

    (void)facts(pid, thread, &now);
    loop->ran_for = now.ran_for;
    loop->is_suspect = true;
}

/* Whether others keep the thread from running. */
static bool loop_is_starved(const struct watchdog_loop *loop, nsec deadline, pid_t pid,
    uint32_t thread, thread_facts_fn facts)
{
    struct thread_facts now;

    if (!facts(pid, thread, &now))
        return false;
    if (now.state == 'D')
        return true;
    return now.state == 'R' && now.ran_for - loop->ran_for < deadline / 2 / STARVED_PART;
}

/* Whether it hangs. */
static bool loop_look(struct watchdog *watchdog, struct watchdog_loop *loop,
    const struct supervised_loop *shared, pid_t pid, nsec passed, thread_facts_fn facts)
{
    uint32_t thread = atomic_load(&shared->thread);
    uint32_t beats = atomic_load(&shared->beats);

    if (thread == 0 || beats != loop->beats) {
        *loop = (struct watchdog_loop){.beats = beats};
        return false;
    }
    loop->silent_for += passed;
    if (loop->silent_for >= watchdog->deadline / 2 && !loop->is_suspect)
        loop_suspect(loop, pid, thread, facts);
    if (loop->silent_for < watchdog->deadline)
        return false;
    if (!loop_is_starved(loop, watchdog->deadline, pid, thread, facts))
        return true;
    loop->silent_for = watchdog->deadline / 2;
    loop->is_suspect = false;
    return false;
}

int watchdog_look(struct watchdog *watchdog, const struct supervised *supervised, pid_t pid,
    nsec now, thread_facts_fn facts)
{
    nsec passed = MIN(now - watchdog->looked_at, interval(watchdog));
    int hung = WATCHDOG_FINE;

    if (watchdog->deadline == 0 || now < watchdog_next_at(watchdog))
        return WATCHDOG_FINE;
    watchdog->looked_at = now;
    if (!atomic_load(&supervised->watched))
        return WATCHDOG_FINE;
    for (unsigned i = 0; i < SUPERVISED_LOOPS; i++) {
        if (loop_look(watchdog, &watchdog->loops[i], &supervised->loops[i], pid, passed, facts) &&
            hung == WATCHDOG_FINE)
            hung = (int)i;
    }
    return hung;
}

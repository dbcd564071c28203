/* The event loop: one per thread, edge-triggered epoll, and the only code that knows of epoll.
 *
 * A turn: wait; ready descriptors; descriptors that asked for another go; timers that are due; messages of
 * other threads; jobs; deferred frees. The clock is read once per turn. Everything but engine_post
 * and engine_stop belongs to the loop's thread.
 *
 * The contract with owners of descriptors (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET, registered
 * once): readiness is remembered in the io's bits until a call says "not yet". Try first, arm nothing.
 */
#pragma once

#include "base/clock.h"
#include "base/list.h"

struct engine;
struct engine_io;

typedef void (*engine_io_fn)(struct engine *engine, struct engine_io *io);

/* One watched descriptor; embedded in its owner. */
struct engine_io {
    int fd;            /* -1 when there is none */
    bool readable : 1; /* a read may give bytes, an end, or an error */
    bool writable : 1; /* a write may take bytes */
    bool hung_up : 1; /* the peer has sent FIN or RST: read on to the end even after a short read */
    bool failed : 1;  /* EPOLLERR was seen */
    bool
        urgent : 1; /* the peer sent a byte out of band: reads stop before it, so a short one does not say "empty" */
    bool watched : 1;
    engine_io_fn on_ready; /* called when a bit was newly set, and on engine_again */
    struct list again;     /* the engine's */
};

struct timer;
typedef void (*timer_fn)(struct engine *engine, struct timer *timer);

/* Embedded in its owner; zeroed is stopped. */
struct timer {
    struct list link; /* the wheel's */
    nsec due_at;      /* what the owner wants; NSEC_NEVER or 0 when stopped */
    nsec armed_at;    /* when the wheel will look; <= due_at */
    timer_fn fn;
};

/* Work for the end of this turn; embedded in its owner. */
struct engine_job {
    struct list link;
    void (*fn)(struct engine *engine, struct engine_job *job);
};

/* A message from another thread; owned by the sender until posted, by the receiver's fn after. */
struct engine_msg {
    struct engine_msg *next;
    void (*fn)(struct engine *engine, struct engine_msg *msg);
};

/* Returns NULL with errno when the kernel refuses. user: given back by engine_user. */
struct engine *engine_new(void *user);
/* Stops all that is left unwatched and frees it; runs outstanding deferred frees and messages first. */
struct engine *engine_free(struct engine *engine);
DEFINE_CLEANUP(struct engine, engine_free)

void *engine_user(const struct engine *engine);

/* Turns until engine_stop. Returns 0, or -errno if epoll itself fails. */
int engine_run(struct engine *engine) MUST_CHECK;
/* One turn that waits at most max_wait. For tests and for engine_run. */
int engine_turn(struct engine *engine, nsec max_wait) MUST_CHECK;
/* Ends engine_run after the current turn. Any thread. */
void engine_stop(struct engine *engine);

/* Monotonic time of this turn, and wall time of this turn. */
nsec engine_now(const struct engine *engine);
nsec engine_wall(const struct engine *engine);
/* Number of this turn. */
uint64_t engine_turns(const struct engine *engine);

/* Begins to watch io->fd; all other members are initialised here, readable and writable set:
 * what is not ready says so on the first try. Returns 0 or -errno. */
int engine_watch(struct engine *engine, struct engine_io *io, engine_io_fn on_ready) MUST_CHECK;
/* The same, without being told of room to write: a UDP socket has that anew after every datagram it sends. */
int engine_watch_input(
    struct engine *engine, struct engine_io *io, engine_io_fn on_ready) MUST_CHECK;
/* Input of which a turn takes as much as it likes, such as that of a listening socket: on_ready clears readable, tries
 * nothing in vain, and is called again in the next turn while there is some. */
int engine_watch_level(
    struct engine *engine, struct engine_io *io, engine_io_fn on_ready) MUST_CHECK;
/* For an io of engine_watch_level that cannot take any now: is not told until it is unmuted. */
void engine_mute(struct engine *engine, struct engine_io *io, bool muted);
/* Ends watching; the caller closes the fd. Explicit EPOLL_CTL_DEL, because a descriptor that was handed
 * to another process would stay registered after close. Events of this turn for it are not delivered. */
void engine_unwatch(struct engine *engine, struct engine_io *io);
/* The same without the system call, for a descriptor that no other process has and that is closed next: closing
 * takes it out of the kernel's set. */
void engine_forget(struct engine *engine, struct engine_io *io);

/* Calls on_ready again in the next turn without waiting: for owners that stop early to be fair to others. */
void engine_again(struct engine *engine, struct engine_io *io);

/* Starts, renews or moves; O(1), and no work at all when due_at does not come before armed_at. Ticks of
 * 8 ms: fires at due_at or up to one tick later, never earlier. */
void timer_set(struct engine *engine, struct timer *timer, nsec due_at, timer_fn fn);
void timer_stop(struct timer *timer);

/* Moves the deadline of a timer that is armed for an earlier moment: a store, nothing else. Callers
 * know that due_at is not before armed_at; the assertion holds them to it. */
static inline void timer_renew(struct timer *timer, nsec due_at)
{
    assert(due_at >= timer->armed_at);
    timer->due_at = due_at;
}

/* fn runs once, at the end of this turn (before deferred frees); adding twice is one run. A job that is added by
 * a job runs in the next turn, which does not wait. list_remove(&job->link) takes it back. */
void engine_job_add(struct engine *engine, struct engine_job *job);

/* free_fn(object) at the end of this turn, when nobody on the stack can still hold it. The first words
 * of the object are not touched. */
void engine_defer_free(
    struct engine *engine, void *object, void (*free_fn)(void *arg, void *object), void *arg);

/* Hands msg to the engine's thread, in order per sender; wakes it if it sleeps. Any thread. */
void engine_post(struct engine *engine, struct engine_msg *msg);

struct engine_stats {
    uint64_t turns, waits, events, messages, timers_fired;
    nsec busy_ns; /* not waiting */
};
void engine_stats(const struct engine *engine, struct engine_stats *ret_stats);

/* What the supervisor and the processes that it runs share: some memory that each of them maps.
 *
 * Event loops count there that they turn; the supervisor looks, and ends a process of which one does not. The other
 * way it tells how often it had to start each process anew, and why. Who is not supervised has none of it.
 */
#pragma once

#include <stdatomic.h>

#include "engine/engine.h"
#include "engine/worker.h"

enum supervised_role { SUPERVISED_CONTROL, SUPERVISED_DATA, SUPERVISED_ROLES };

/* Why a process was started anew: name, and what it means. */
#define RESTART_REASON_LIST(X)               \
    X(EXIT, "exit", "it ended by itself")    \
    X(SIGNAL, "signal", "a signal ended it") \
    X(HUNG, "hung", "a loop did not turn, and it was ended")

enum restart_reason {
#define RESTART_REASON_ENUM(id, name, text) RESTART_##id,
    RESTART_REASON_LIST(RESTART_REASON_ENUM)
#undef RESTART_REASON_ENUM
        RESTART_REASONS
};

#define SUPERVISED_LOOPS (WORKERS_MAX + 1) /* the main loop, then the workers' */

struct supervised_loop {
    _Atomic uint32_t thread; /* the kernel's number; 0: it does not run yet */
    _Atomic uint32_t beats;
};

/* One process, and those that ran in its place before. */
struct supervised {
    struct supervised_loop loops[SUPERVISED_LOOPS];
    atomic_bool watched; /* the process wants to be judged by its loops */
    _Atomic uint64_t restarts[RESTART_REASONS];
    /* Of the last restart. Exit code, number of the signal, or index of the loop. */
    _Atomic uint32_t last_reason;
    _Atomic int32_t last_detail;
    _Atomic int64_t last_at_ms; /* since 1970; 0: there was none */
};

struct supervised_page {
    uint64_t bytes;        /* sizeof(struct supervised_page): it is one */
    _Atomic int64_t every; /* nsec: loops beat so often; 0: nobody looks */
    struct supervised roles[SUPERVISED_ROLES];
};

/* "control", "data"; "exit" ... */
const char *supervised_role_name(enum supervised_role role);
const char *restart_reason_name(enum restart_reason reason);

/* Restarts for any reason. */
uint64_t supervised_restarts(const struct supervised *supervised);
#define SUPERVISED_WHY_MAX 40u
/* "exit: code 1", "signal: 11", "hung: worker 2", "hung: main loop"; "" when there was no restart. */
void supervised_why(const struct supervised *supervised, char buf[static SUPERVISED_WHY_MAX]);

/* --- the supervisor ------------------------------------------------------------------------ */

/* *ret_fd is for the processes. NULL with errno. Lives as long as the process. */
struct supervised_page *supervised_make(int *ret_fd);
/* In a new process, before it becomes another program: gives it the memory. */
void supervised_pass(int fd);

/* --- the processes ------------------------------------------------------------------------- */

/* Takes what the supervisor gave; before threads. Called once. */
void supervised_open(void);
/* NULL: nobody supervises this process. */
const struct supervised_page *supervised_page(void);

/* One loop that tells that it turns. */
struct beat {
    struct timer timer;
    struct supervised_loop *loop;
    nsec every;
};

/* From the loop's first turn on; loop 0 is the main thread's. Before the loop runs, or on its thread. beat lives as long as
 * the engine. Does nothing when nobody looks. */
void beat_start(struct beat *beat, struct engine *engine, enum supervised_role role, unsigned loop);
/* The loops end because they are to: nobody is to look any more. */
void beats_end(enum supervised_role role);

/* Whether the loops of a process turn.
 *
 * What counts is how often the supervisor has looked in vain, not what the clock says: a machine that was suspended, or so loaded that
 * the supervisor itself did not run, gives everybody more time. Nor is a thread hung that waits for its CPU or for the disk.
 * One that is stopped (SIGSTOP, a debugger) is: connections wait for it all the same.
 */
#pragma once

#include <sys/types.h>

#include "engine/supervised.h"

/* How often it is looked within the deadline; loops beat as often. */
#define WATCHDOG_LOOKS 8

#define WATCHDOG_FINE (-1)

struct watchdog_loop {
    uint32_t beats;
    nsec silent_for; /* in looks of at most one interval each */
    nsec ran_for;    /* CPU time of its thread when half the deadline had passed */
    bool is_suspect; /* half the deadline has passed */
};

struct watchdog {
    nsec deadline; /* 0: off */
    nsec looked_at;
    struct watchdog_loop loops[SUPERVISED_LOOPS];
};

/* What the kernel says of a thread. */
struct thread_facts {
    char state;   /* R, S, D, T, t ... of proc(5) */
    nsec ran_for; /* CPU time so far */
};
/* Whether there is such a thread. */
typedef bool (*thread_facts_fn)(pid_t pid, uint32_t thread, struct thread_facts *ret_facts);
bool thread_facts_read(pid_t pid, uint32_t thread, struct thread_facts *ret_facts);

/* A process begins; deadline 0: it is not watched. */
void watchdog_start(struct watchdog *watchdog, nsec deadline, nsec now);
/* When to look next; NSEC_NEVER: never. */
nsec watchdog_next_at(const struct watchdog *watchdog);
/* Looks, if it is time. Returns the index of a loop that hangs, or WATCHDOG_FINE. */
int watchdog_look(struct watchdog *watchdog, const struct supervised *supervised, pid_t pid,
    nsec now, thread_facts_fn facts);

/* The wheel that an engine's timers hang in. Internal to the engine: others use engine.h.
 *
 * Ticks of 8 ms, seven levels of 64 slots: they span every moment that fits nsec, so no timer is too
 * far away. A timer sits on the level of the highest bit in which its tick differs from the
 * wheel's, so slots behind the wheel's hand are empty on every level and one bit map per
 * level finds the next one. Knows no clock: `now` is given.
 */
#pragma once

#include "engine/engine.h"

#define TIMER_TICK      (8 * NSEC_PER_MSEC)
#define TIMER_LEVELS    7u
#define TIMER_SLOT_BITS 6u
#define TIMER_SLOTS     (1u << TIMER_SLOT_BITS)

struct timer_wheel {
    uint64_t tick;               /* the last one that was looked at */
    uint64_t used[TIMER_LEVELS]; /* bit: the slot may hold timers; a stopped timer leaves it set */
    struct list due;             /* taken from the slots, fn not yet run */
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, nsec now);
/* Leaves all timers stopped. */
void timer_wheel_done(struct timer_wheel *wheel);

/* timer_set without an engine. */
void timer_wheel_set(struct timer_wheel *wheel, struct timer *timer, nsec due_at, timer_fn fn);

/* When the wheel wants to look again, NSEC_NEVER if it is empty. May be before any timer is due. O(1). */
nsec timer_wheel_next(struct timer_wheel *wheel);

/* Runs what is due at now, in the order of ticks. Timers that are set meanwhile wait for the next
 * call. engine is only handed to fn. Returns how many ran. */
unsigned timer_wheel_advance(struct timer_wheel *wheel, struct engine *engine, nsec now);

/* The engine's own. */
struct timer_wheel *engine_wheel(struct engine *engine);

#include "engine/timer.h"

static uint64_t timer_tick_before(nsec at)
{
    return at > 0 ? (uint64_t)at / (uint64_t)TIMER_TICK : 0;
}

static uint64_t timer_tick_after(nsec at)
{
    uint64_t tick = timer_tick_before(at);

    return at > 0 && (uint64_t)at % (uint64_t)TIMER_TICK != 0 ? tick + 1 : tick;
}

/* Bits of a tick below a level. */
static uint64_t timer_level_mask(unsigned level)
{
    return (UINT64_C(1) << (level * TIMER_SLOT_BITS)) - 1;
}

void timer_wheel_init(struct timer_wheel *wheel, nsec now)
{
    memset(wheel->used, 0, sizeof(wheel->used));
    wheel->tick = timer_tick_before(now);
    list_init(&wheel->due);
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    }
}

static void timer_drop_all(struct list *timers)
{
    while (!list_empty(timers))
        timer_stop(list_entry(timers->next, struct timer, link));
}

void timer_wheel_done(struct timer_wheel *wheel)
{
    timer_drop_all(&wheel->due);
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            timer_drop_all(&wheel->slots[level][slot]);
    }
}

/* Hangs an unlinked timer up for its due_at. */
static void timer_insert(struct timer_wheel *wheel, struct timer *timer)
{
    uint64_t tick = MAX(timer_tick_after(timer->due_at), wheel->tick + 1);
    unsigned high_bit = 63u - (unsigned)__builtin_clzll(tick ^ wheel->tick);
    unsigned level = high_bit / TIMER_SLOT_BITS;
    unsigned slot = (unsigned)(tick >> (level * TIMER_SLOT_BITS)) % TIMER_SLOTS;
    nsec looks_at = (nsec)(tick & ~timer_level_mask(level)) * TIMER_TICK;

    assert(level < TIMER_LEVELS);
    timer->armed_at = MIN(timer->due_at, looks_at);
    wheel->used[level] |= UINT64_C(1) << slot;
    list_add_back(&wheel->slots[level][slot], &timer->link);
}

void timer_wheel_set(struct timer_wheel *wheel, struct timer *timer, nsec due_at, timer_fn fn)
{
    timer->fn = fn;
    timer->due_at = due_at;
    if (list_linked(&timer->link)) {
        if (due_at >= timer->armed_at)
            return;
        list_remove(&timer->link);
    }
    if (due_at == NSEC_NEVER)
        timer_stop(timer);
    else
        timer_insert(wheel, timer);
}

void timer_set(struct engine *engine, struct timer *timer, nsec due_at, timer_fn fn)
{
    timer_wheel_set(engine_wheel(engine), timer, due_at, fn);
}

void timer_stop(struct timer *timer)
{
    list_remove(&timer->link);
    timer->due_at = NSEC_NEVER;
    timer->armed_at = NSEC_NEVER; /* so that renewing a stopped timer trips the assertion */
}

/* Forgets slots of a level that were emptied by timer_stop, up to the first that was not. */
static void timer_tidy_level(struct timer_wheel *wheel, unsigned level)
{
    while (wheel->used[level] != 0) {
        unsigned slot = (unsigned)__builtin_ctzll(wheel->used[level]);

        if (!list_empty(&wheel->slots[level][slot]))
            return;
        wheel->used[level] &= wheel->used[level] - 1;
    }
}

/* Finds the next slot that holds timers; *ret_tick is its first tick. NULL if there is none. */
static struct list *timer_next_slot(struct timer_wheel *wheel, uint64_t *ret_tick)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        unsigned slot;

        timer_tidy_level(wheel, level);
        if (wheel->used[level] == 0)
            continue;
        slot = (unsigned)__builtin_ctzll(wheel->used[level]);
        *ret_tick = (wheel->tick & ~timer_level_mask(level + 1)) | (uint64_t)slot
                                                                       << (level * TIMER_SLOT_BITS);
        return &wheel->slots[level][slot];
    }
    return NULL;
}

nsec timer_wheel_next(struct timer_wheel *wheel)
{
    uint64_t tick;

    if (!timer_next_slot(wheel, &tick))
        return NSEC_NEVER;
    return (nsec)MIN(tick, (uint64_t)(NSEC_NEVER / TIMER_TICK)) * TIMER_TICK;
}

/* Looks at every timer of a slot that the hand has reached: due, or hung up anew on a lower level. */
static void timer_take_slot(struct timer_wheel *wheel, struct list *slot)
{
    struct list taken;

    list_init(&taken);
    list_move_all(&taken, slot);
    while (!list_empty(&taken)) {
        struct timer *timer = list_entry(taken.next, struct timer, link);

        list_remove(&timer->link);
        if (timer->due_at == NSEC_NEVER || timer->due_at == 0)
            timer_stop(timer);
        else if (timer_tick_after(timer->due_at) <= wheel->tick)
            list_add_back(&wheel->due, &timer->link);
        else
            timer_insert(wheel, timer);
    }
}

unsigned timer_wheel_advance(struct timer_wheel *wheel, struct engine *engine, nsec now)
{
    uint64_t now_tick = timer_tick_before(now);
    uint64_t slot_tick;
    struct list *slot;
    unsigned n_fired = 0;

    if (now_tick <= wheel->tick)
        return 0;
    while ((slot = timer_next_slot(wheel, &slot_tick)) && slot_tick <= now_tick) {
        wheel->tick = slot_tick;
        timer_take_slot(wheel, slot);
    }
    wheel->tick = now_tick;

    while (!list_empty(&wheel->due)) {
        struct timer *timer = list_entry(wheel->due.next, struct timer, link);
        nsec due_at = timer->due_at;
        timer_fn fn = timer->fn;

        list_remove(&timer->link);
        if (due_at != NSEC_NEVER && timer_tick_after(due_at) > now_tick) {
            timer_insert(wheel, timer); /* an earlier fn moved it */
            continue;
        }
        timer_stop(timer);
        if (due_at == NSEC_NEVER || due_at == 0)
            continue;
        fn(engine, timer);
        n_fired++;
    }
    return n_fired;
}

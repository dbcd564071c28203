/* Memory that is freed all at once. One exchange, one resource or one decode has one arena.
 *
 * Small objects come from blocks that double in size; nothing is freed singly. Under
 * AddressSanitizer what was reset is poisoned. Not for two threads at a time.
 */
#pragma once

#include "base/span.h"

struct arena_block;

struct arena {
    char *at, *end;             /* free bytes of the current block */
    struct arena_block *blocks; /* owned; newest first */
    void *first;                /* borrowed: caller's first block, or NULL */
    size_t first_bytes;
    size_t used_bytes;  /* taken from malloc by this arena */
    size_t limit_bytes; /* of used_bytes */
};

/* first: caller's memory used before any malloc, may be NULL (then first_bytes is 0); it must live as
 * long as the arena. limit_bytes: of memory beyond first; SIZE_MAX for configuration. */
void arena_init(struct arena *arena, void *first, size_t first_bytes, size_t limit_bytes);

/* Frees everything; the arena can be used again. */
void arena_reset(struct arena *arena);

/* Frees everything. Accepts a zeroed arena. */
void arena_done(struct arena *arena);

/* The same; all that was in it is overwritten first. */
void arena_wipe(struct arena *arena);

/* Slow path of arena_alloc; same arguments and result. */
void *arena_alloc_block(struct arena *arena, size_t bytes) COLD;

/* Aligned to 8, not zeroed. NULL only when the limit is reached. */
static inline void *arena_alloc(struct arena *arena, size_t bytes)
{
#if !SLB_ASAN
    /* The room is a multiple of 8, so what fits still fits when it is padded. */
    if (LIKELY(bytes <= (size_t)(arena->end - arena->at))) {
        void *ptr = arena->at;

        arena->at += (bytes + 7) & ~(size_t)7;
        return ptr;
    }
#endif
    return arena_alloc_block(arena, bytes);
}

/* Zeroed. NULL only when the limit is reached. */
void *arena_zalloc(struct arena *arena, size_t bytes);

/* A copy, followed by a final zero. ptr is NULL only when the limit is reached. */
struct span arena_copy(struct arena *arena, struct span s);

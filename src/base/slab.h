/* Objects of one size, reused last in first out. Per worker; not thread safe.
 * Memory comes in slabs of 64 KiB and is returned only by slab_done. Under AddressSanitizer free
 * objects and the gaps between objects are poisoned. */
#pragma once

#include <sanitizer/asan_interface.h>

#include "base/base.h"

struct slab {
    void *free; /* singly linked through the first word */
    struct slab_block *blocks;
    uint32_t object_bytes;
    uint32_t n_used;
};

void slab_init(struct slab *slab, size_t object_bytes);

/* All objects must have come back. */
void slab_done(struct slab *slab);

/* Slow path of slab_get: fills the free list. */
void slab_grow(struct slab *slab);

/* Not zeroed; 16-byte aligned. Aborts when memory is gone: callers bound how many there may be. */
static inline void *slab_get(struct slab *slab)
{
    void *object;

    if (UNLIKELY(!slab->free))
        slab_grow(slab);
    object = slab->free;
    ASAN_UNPOISON_MEMORY_REGION(object, slab->object_bytes);
    slab->free = *(void **)object;
    slab->n_used++;
    return object;
}

static inline void slab_put(struct slab *slab, void *object)
{
    assert(slab->n_used > 0);
    slab->n_used--;
    *(void **)object = slab->free;
    slab->free = object;
    ASAN_POISON_MEMORY_REGION(object, slab->object_bytes);
}

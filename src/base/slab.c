#include "base/slab.h"

#define SLAB_BLOCK_BYTES 65536u
#define SLAB_ALIGN       16u
#define SLAB_GAP_BYTES   (SLB_ASAN ? SLAB_ALIGN : 0u) /* between objects, always poisoned */

struct slab_block {
    struct slab_block *next;
    char pad[SLAB_ALIGN - sizeof(void *)];
    char objects[];
};

_Static_assert(sizeof(struct slab_block) % SLAB_ALIGN == 0, "objects are aligned");

void slab_init(struct slab *slab, size_t object_bytes)
{
    assert(object_bytes <= UINT32_MAX / 2);
    *slab = (struct slab){.object_bytes = (uint32_t)MAX(object_bytes, sizeof(void *))};
}

void slab_done(struct slab *slab)
{
    struct slab_block *block = slab->blocks;

    assert(slab->n_used == 0);
    while (block) {
        struct slab_block *next = block->next;

        free(block);
        block = next;
    }
    *slab = (struct slab){0};
}

void slab_grow(struct slab *slab)
{
    size_t stride =
        ((slab->object_bytes + SLAB_ALIGN - 1) & ~(size_t)(SLAB_ALIGN - 1)) + SLAB_GAP_BYTES;
    size_t n = MAX((SLAB_BLOCK_BYTES - sizeof(struct slab_block)) / stride, (size_t)1);
    struct slab_block *block = base_alloc(sizeof(*block) + n * stride);

    block->next = slab->blocks;
    slab->blocks = block;
    /* Backwards, so that objects are handed out in the order of their addresses. */
    for (size_t i = n; i > 0; i--) {
        void *object = block->objects + (i - 1) * stride;

        *(void **)object = slab->free;
        slab->free = object;
    }
    ASAN_POISON_MEMORY_REGION(block->objects, n * stride);
}

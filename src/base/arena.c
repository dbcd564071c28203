#include "base/arena.h"

#include <malloc.h>
#include <sanitizer/asan_interface.h>

#define ARENA_BLOCK_MIN 4096u
#define ARENA_BLOCK_MAX 65536u

struct arena_block {
    struct arena_block *next;
    size_t next_bytes; /* size of the block that follows this one */
#if SLB_ASAN
    char gap[16]; /* poisoned: catches writes in front of the data */
#endif
    char data[];
};

/* Where an arena without memory points: an empty object needs an address other than NULL. */
static char arena_nowhere[8];

static void arena_rewind(struct arena *arena)
{
    uintptr_t skip = -(uintptr_t)arena->first & 7;

    arena->blocks = NULL;
    arena->used_bytes = 0;
    arena->at = arena_nowhere;
    arena->end = arena_nowhere;
    if (arena->first_bytes < skip + 8)
        return;
    arena->at = (char *)arena->first + skip;
    arena->end = arena->at + ((arena->first_bytes - skip) & ~(size_t)7);
}

void arena_init(struct arena *arena, void *first, size_t first_bytes, size_t limit_bytes)
{
    arena->first = first;
    arena->first_bytes = first ? first_bytes : 0;
    arena->limit_bytes = limit_bytes;
    arena_rewind(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    while (block) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    arena_rewind(arena);
}

void arena_done(struct arena *arena)
{
    arena_reset(arena);
    *arena = (struct arena){0};
}

void arena_wipe(struct arena *arena)
{
    for (struct arena_block *block = arena->blocks; block; block = block->next)
        explicit_bzero(block->data, malloc_usable_size(block) - offsetof(struct arena_block, data));
    if (arena->first)
        explicit_bzero(arena->first, arena->first_bytes);
    arena_done(arena);
}

#if SLB_ASAN
/* Every object is a malloc of its own, so that a byte too far is found. The caller's first block is
 * charged but not touched. */
void *arena_alloc_block(struct arena *arena, size_t bytes)
{
    size_t padded = (bytes + 7) & ~(size_t)7;
    struct arena_block *block;

    if (bytes > SIZE_MAX / 2)
        return NULL;
    if (padded <= (size_t)(arena->end - arena->at))
        arena->at += padded;
    else if (padded <= arena->limit_bytes - arena->used_bytes)
        arena->used_bytes += padded;
    else
        return NULL;

    block = base_alloc(sizeof(*block) + bytes);
    ASAN_POISON_MEMORY_REGION(block->gap, sizeof(block->gap));
    block->next = arena->blocks;
    arena->blocks = block;
    return block->data;
}
#else
/* Returns a block of bytes in all, charged and in no list; NULL over the limit. */
static struct arena_block *arena_take(struct arena *arena, size_t bytes)
{
    struct arena_block *block;

    if (bytes > arena->limit_bytes - arena->used_bytes)
        return NULL;
    block = base_alloc(bytes);
    block->next_bytes = ARENA_BLOCK_MIN;
    arena->used_bytes += bytes;
    return block;
}

/* A large object gets its own block; the current one stays in use. */
static void *arena_alloc_alone(struct arena *arena, size_t padded)
{
    struct arena_block *block = arena_take(arena, sizeof(*block) + padded);
    struct arena_block **place = arena->blocks ? &arena->blocks->next : &arena->blocks;

    if (!block)
        return NULL;
    block->next = *place;
    *place = block;
    return block->data;
}

void *arena_alloc_block(struct arena *arena, size_t bytes)
{
    size_t padded = (bytes + 7) & ~(size_t)7;
    size_t left = (arena->limit_bytes - arena->used_bytes) & ~(size_t)7;
    size_t block_bytes = arena->blocks ? arena->blocks->next_bytes : ARENA_BLOCK_MIN;
    struct arena_block *block;

    if (bytes > SIZE_MAX / 2)
        return NULL;
    block_bytes = MIN(block_bytes, left);
    if (sizeof(*block) + padded > block_bytes)
        return arena_alloc_alone(arena, padded);

    block = arena_take(arena, block_bytes);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    block->next_bytes = MIN(2 * block_bytes, (size_t)ARENA_BLOCK_MAX);
    arena->blocks = block;
    arena->at = block->data + padded;
    arena->end = (char *)block + block_bytes;
    return block->data;
}
#endif

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    void *ptr = arena_alloc(arena, bytes);

    if (ptr)
        memset(ptr, 0, bytes);
    return ptr;
}

struct span arena_copy(struct arena *arena, struct span s)
{
    char *copy = arena_alloc(arena, s.len + 1);

    if (!copy)
        return (struct span){0};
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct span){copy, s.len};
}

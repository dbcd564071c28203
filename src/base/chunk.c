#include "base/chunk.h"

#include <sanitizer/asan_interface.h>

void chunk_pool_init(struct chunk_pool *pool, size_t limit_bytes, uint32_t n_free_max)
{
    *pool = (struct chunk_pool){.limit_bytes = limit_bytes, .n_free_max = n_free_max};
}

/* A chunk in the list is poisoned except for its link. */
static struct chunk *chunk_pop(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->free;

    ASAN_UNPOISON_MEMORY_REGION(chunk, CHUNK_BYTES);
    pool->free = chunk->next;
    pool->n_free--;
    return chunk;
}

void chunk_pool_done(struct chunk_pool *pool)
{
    assert(pool->used_bytes == 0);
    while (pool->free)
        free(chunk_pop(pool));
    *pool = (struct chunk_pool){0};
}

static size_t chunk_bytes(uint32_t cap)
{
    return sizeof(struct chunk) + cap;
}

struct chunk *chunk_get(struct chunk_pool *pool, uint32_t data_bytes)
{
    uint32_t cap = MAX(data_bytes, CHUNK_DATA_BYTES);
    size_t bytes = chunk_bytes(cap);
    struct chunk *chunk;

    if (UNLIKELY(bytes > pool->limit_bytes - pool->used_bytes)) {
        pool->n_refused++;
        return NULL;
    }
    pool->used_bytes += bytes;
    if (LIKELY(pool->free && cap == CHUNK_DATA_BYTES))
        chunk = chunk_pop(pool);
    else
        chunk = base_alloc(bytes);
    chunk->next = NULL;
    chunk->cap = cap;
    chunk->start = 0;
    chunk->end = 0;
    chunk->refs = 1;
    return chunk;
}

struct chunk *chunk_unref(struct chunk_pool *pool, struct chunk *chunk)
{
    if (!chunk)
        return NULL;
    assert(chunk->refs > 0);
    if (--chunk->refs > 0)
        return NULL;

    pool->used_bytes -= chunk_bytes(chunk->cap);
    if (chunk->cap != CHUNK_DATA_BYTES || pool->n_free >= pool->n_free_max) {
        free(chunk);
        return NULL;
    }
    chunk->next = pool->free;
    pool->free = chunk;
    pool->n_free++;
    ASAN_POISON_MEMORY_REGION(&chunk->cap, CHUNK_BYTES - offsetof(struct chunk, cap));
    return NULL;
}

/* Blocks of bytes in waiting: what was read and cannot be parsed yet, what is to be sent and does
 * not fit the socket. Every worker has one pool; its limit is what bounds the memory peers can hold.
 *
 * Chunks of one size are kept in a LIFO list so that a busy worker reuses hot memory. Not thread safe.
 */
#pragma once

#include "base/span.h"

#define CHUNK_BYTES 16384u /* whole chunk with header */

struct chunk {
    struct chunk *next; /* for whoever holds it */
    uint32_t cap;       /* bytes of data */
    uint32_t start;     /* bytes [start, end) are in use */
    uint32_t end;
    uint32_t refs;
    char data[];
};

#define CHUNK_DATA_BYTES (CHUNK_BYTES - (uint32_t)sizeof(struct chunk))

struct chunk_pool {
    struct chunk *free; /* owned; standard size only */
    uint32_t n_free;
    uint32_t n_free_max; /* more than these go back to malloc */
    size_t used_bytes;   /* in chunks that somebody holds */
    size_t limit_bytes;  /* of used_bytes */
    uint64_t n_refused;  /* chunk_get that hit the limit */
};

void chunk_pool_init(struct chunk_pool *pool, size_t limit_bytes, uint32_t n_free_max);

/* All chunks must have come back. */
void chunk_pool_done(struct chunk_pool *pool);

/* A chunk with at least data_bytes of room (the standard size if less), start = end = 0, one reference.
 * NULL when the pool's limit is reached. */
struct chunk *chunk_get(struct chunk_pool *pool, uint32_t data_bytes);

static inline struct chunk *chunk_ref(struct chunk *chunk)
{
    chunk->refs++;
    return chunk;
}

/* Gives one reference back; the last one returns the chunk to the pool. NULL is accepted. Returns NULL. */
struct chunk *chunk_unref(struct chunk_pool *pool, struct chunk *chunk);

static inline struct span chunk_span(const struct chunk *chunk)
{
    return (struct span){chunk->data + chunk->start, chunk->end - chunk->start};
}

static inline uint32_t chunk_room(const struct chunk *chunk)
{
    return chunk->cap - chunk->end;
}

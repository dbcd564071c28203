/* Records of any length from one thread to one other, without locks and without system calls.
 *
 * The writer is a worker, the reader the log thread. Each keeps its own position and what it last saw of
 * the other's on a cache line of its own, and looks again only when that does not suffice. A record
 * lies in one piece; what remains at the end of the ring is skipped.
 */
#pragma once

#include <stdatomic.h>

#include "base/span.h"

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): each side has a line of its own */
struct ring {
    char *data;   /* owned */
    size_t bytes; /* a power of two */

    /* The writer's line. */
    _Atomic uint64_t tail CACHE_ALIGNED; /* bytes written since the start */
    uint64_t at;                         /* where the record being written begins */
    uint64_t head_seen;

    /* The reader's line. */
    _Atomic uint64_t head CACHE_ALIGNED; /* bytes given back since the start */
    uint64_t read_at;                    /* what ring_next has passed */
    uint64_t tail_seen;
};

/* bytes: a power of two, 64 to 2^31. */
void ring_init(struct ring *ring, size_t bytes);
void ring_done(struct ring *ring);

/* Writer: room for a record of n bytes, aligned to 8, or NULL when there is none now. ring_commit hands it
 * over; without that the next reservation takes the same place. */
char *ring_reserve(struct ring *ring, size_t n);
void ring_commit(struct ring *ring, size_t n);
/* Writer: whether more than half is in use. Looks at the reader's line only if it may be so. */
bool ring_past_half(struct ring *ring);

/* Reader: the next record, or false. Its bytes stay until ring_release gives back all that was passed. */
bool ring_next(struct ring *ring, struct span *ret_record);
void ring_release(struct ring *ring);

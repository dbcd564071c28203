#include "observe/ring.h"

#define RING_BYTES_MIN 64u
#define RING_BYTES_MAX ((size_t)1 << 31)
#define RING_SKIP      UINT32_MAX

/* Before every record. Frames are multiples of 8 bytes, so one always fits before the ring's end. */
struct ring_frame {
    uint32_t frame_bytes; /* with this struct and padding */
    uint32_t bytes;       /* of the record; RING_SKIP: nothing up to the end of the ring */
};

void ring_init(struct ring *ring, size_t bytes)
{
    assert(bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX && (bytes & (bytes - 1)) == 0);
    *ring = (struct ring){.data = base_alloc(bytes), .bytes = bytes};
}

void ring_done(struct ring *ring)
{
    free(ring->data);
    ring->data = NULL;
}

static struct ring_frame *ring_frame_at(const struct ring *ring, uint64_t at)
{
    return (struct ring_frame *)(void *)(ring->data + (at & (ring->bytes - 1)));
}

static size_t ring_frame_bytes(size_t n)
{
    return sizeof(struct ring_frame) + ((n + 7) & ~(size_t)7);
}

static bool ring_has_room(struct ring *ring, uint64_t tail, size_t n)
{
    if (LIKELY(n <= ring->bytes - (tail - ring->head_seen)))
        return true;
    ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    return n <= ring->bytes - (tail - ring->head_seen);
}

char *ring_reserve(struct ring *ring, size_t n)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t to_end = ring->bytes - (tail & (ring->bytes - 1));
    size_t frame_bytes = ring_frame_bytes(n);
    size_t skip = frame_bytes > to_end ? to_end : 0;

    if (n > ring->bytes || !ring_has_room(ring, tail, skip + frame_bytes))
        return NULL;
    if (skip > 0)
        *ring_frame_at(ring, tail) = (struct ring_frame){(uint32_t)skip, RING_SKIP};
    ring->at = tail + skip;
    return (char *)(ring_frame_at(ring, ring->at) + 1);
}

void ring_commit(struct ring *ring, size_t n)
{
    size_t frame_bytes = ring_frame_bytes(n);

    *ring_frame_at(ring, ring->at) = (struct ring_frame){(uint32_t)frame_bytes, (uint32_t)n};
    atomic_store_explicit(&ring->tail, ring->at + frame_bytes, memory_order_release);
}

bool ring_past_half(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (LIKELY(tail - ring->head_seen <= ring->bytes / 2))
        return false;
    ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    return tail - ring->head_seen > ring->bytes / 2;
}

bool ring_next(struct ring *ring, struct span *ret_record)
{
    const struct ring_frame *frame;

    do {
        if (ring->read_at == ring->tail_seen) {
            ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
            if (ring->read_at == ring->tail_seen)
                return false;
        }
        frame = ring_frame_at(ring, ring->read_at);
        ring->read_at += frame->frame_bytes;
    } while (frame->bytes == RING_SKIP);

    *ret_record = (struct span){(const char *)(frame + 1), frame->bytes};
    return true;
}

void ring_release(struct ring *ring)
{
    atomic_store_explicit(&ring->head, ring->read_at, memory_order_release);
}

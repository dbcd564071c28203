/* Reads a binary message from front to back. The first overrun sticks: later reads give 0 and one check
 * at the end tells. */
#pragma once

#include "base/span.h"

struct cursor {
    const uint8_t *at, *end; /* borrowed */
    bool failed;
};

static inline struct cursor cursor_of(struct span s)
{
    return (struct cursor){(const uint8_t *)s.ptr, (const uint8_t *)s.ptr + s.len, false};
}

static inline bool cursor_failed(const struct cursor *c)
{
    return c->failed;
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* Network byte order. */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u24(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct span cursor_bytes(struct cursor *c, size_t n);

#include "base/cursor.h"

/* The next n bytes, or NULL if there are fewer: then the rest is skipped, so that no later read
 * succeeds on what it was not meant for. */
static const uint8_t *cursor_take(struct cursor *c, size_t n)
{
    const uint8_t *at = c->at;

    if (UNLIKELY(c->failed || n > cursor_left(c))) {
        c->failed = true;
        c->at = c->end;
        return NULL;
    }
    if (n > 0)
        c->at += n;
    return at;
}

/* Big-endian number of n bytes. */
static inline uint64_t cursor_number(struct cursor *c, size_t n)
{
    const uint8_t *at = cursor_take(c, n);
    uint64_t value = 0;

    if (!at)
        return 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)cursor_number(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)cursor_number(c, 2);
}

uint32_t cursor_u24(struct cursor *c)
{
    return (uint32_t)cursor_number(c, 3);
}

uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)cursor_number(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return cursor_number(c, 8);
}

struct span cursor_bytes(struct cursor *c, size_t n)
{
    const uint8_t *at = cursor_take(c, n);

    return (struct span){(const char *)at, at ? n : 0};
}

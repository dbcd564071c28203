#include "base/span.h"

#define SPAN_ONES        0x0101010101010101u
#define SPAN_DIGITS_SAFE 19u /* decimal digits that always fit 64 bits */

static uint64_t span_load64(const char *ptr)
{
    uint64_t word;

    memcpy(&word, ptr, sizeof(word));
    return word;
}

/* ascii_lower of eight bytes at once: the top bit of each byte is made to say whether it is a
 * capital letter, and moved to where 0x20 is. */
static uint64_t span_lower64(uint64_t word)
{
    uint64_t low = word & (0x7f * SPAN_ONES);
    uint64_t from_a = low + (0x80 - 'A') * SPAN_ONES;
    uint64_t beyond_z = low + (0x7f - 'Z') * SPAN_ONES;
    uint64_t capital = (from_a ^ beyond_z) & ~word & (0x80 * SPAN_ONES);

    return word | capital >> 2;
}

static bool span_eq_nocase64(const char *a, const char *b)
{
    uint64_t word_a = span_load64(a), word_b = span_load64(b);

    return word_a == word_b || span_lower64(word_a) == span_lower64(word_b);
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    if (a.len < 8) {
        for (size_t i = 0; i < a.len; i++) {
            if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i + 8 < a.len; i += 8) {
        if (!span_eq_nocase64(a.ptr + i, b.ptr + i))
            return false;
    }
    return span_eq_nocase64(a.ptr + a.len - 8, b.ptr + b.len - 8);
}

static bool span_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && span_is_blank(s.ptr[s.len - 1]))
        s.len--;
    while (s.len > 0 && span_is_blank(s.ptr[0]))
        s = span_from(s, 1);
    return s;
}

bool span_next(struct span *list, char sep, struct span *ret_element)
{
    size_t len = span_find(*list, sep);

    if (!list->ptr)
        return false;
    *ret_element = span_trim((struct span){list->ptr, len});
    if (len < list->len)
        *list = span_from(*list, len + 1);
    else
        *list = (struct span){0};
    return true;
}

int span_parse_u64(struct span s, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool overflow = false;

    if (s.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

        if (digit > 9)
            return -EINVAL;
        if (UNLIKELY(i >= SPAN_DIGITS_SAFE))
            overflow |= value > (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    if (overflow)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

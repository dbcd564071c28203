/* Sixteen bytes at once. Internal to src/http/h1. What these functions pass is certain; what they stop at
 * the caller judges by chars_table. */
#pragma once

#include "base/base.h"

#ifdef __SSE2__
#    include <emmintrin.h>

/* Bit i: p[i] is not a visible ASCII character or space, thus may be a control character. */
static inline uint64_t h1_odd_mask16(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    /* signed: 0x20..0x7e become 0x21..0x7f, DEL and what is not ASCII become negative or 0 */
    __m128i plain = _mm_cmpgt_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(1)), _mm_set1_epi8(0x20));

    return (uint64_t)(uint32_t)_mm_movemask_epi8(plain) ^ 0xffff;
}

/* How many bytes at the front of p[0..15] are letters or '-'. */
static inline unsigned h1_letters16(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    /* 'a'..'z' become the 26 lowest signed values */
    __m128i shifted = _mm_add_epi8(lower, _mm_set1_epi8((char)(0x80 - 'a')));
    __m128i letter = _mm_cmplt_epi8(shifted, _mm_set1_epi8(26 - 0x80));
    __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(letter, dash));

    return (unsigned)__builtin_ctz(~mask);
}
#else
static inline uint64_t h1_odd_mask16(const char *p)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < 16; i++)
        mask |= (uint64_t)((uint8_t)(p[i] - 0x20) > 0x7e - 0x20) << i;
    return mask;
}

static inline unsigned h1_letters16(const char *p)
{
    (void)p;
    return 0;
}
#endif

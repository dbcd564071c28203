/* Finding the end of a head.
 *
 * One pass over the bytes stops at control characters only; what is left between them is a line.
 * Thus the parser behind it need not look for ends of lines or for control characters again.
 */
#include "http/h1/h1_head.h"

#define SCAN_BLOCK 64u

#ifdef __SSE2__
# include <emmintrin.h>

/* Bit i: p[i] is a control character other than tab. */
static inline uint64_t control_mask16(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}
#else
/* Eight bytes at once: bit 7 of each byte of the result says whether it is a control character. */
static inline uint64_t control_bytes8(const char *p)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t low7 = 0x7f * ones;
    uint64_t bytes, seven, low, tab, del;

    memcpy(&bytes, p, sizeof(bytes));
# if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
# endif
    seven = bytes & low7;
    low = ~(seven + 0x60 * ones);                /* < 0x20 */
    tab = ~((seven ^ ('\t' * ones)) + low7);     /* == tab */
    del = ~((seven ^ low7) + low7);              /* == 0x7f */
    return ((low & ~tab) | del) & ~bytes & (0x80 * ones);
}

static inline uint64_t control_mask16(const char *p)
{
    uint64_t mask = 0;

    for (unsigned half = 0; half < 2; half++) {
        /* gathers the top bits of eight bytes into one byte */
        uint64_t bits = (control_bytes8(p + half * 8) >> 7) * 0x0102040810204080u >> 56;

        mask |= bits << (half * 8);
    }
    return mask;
}
#endif

/* Of the first n bytes, n <= SCAN_BLOCK. */
static uint64_t control_mask_tail(const char *p, size_t n)
{
    uint64_t mask = 0;
    size_t at = 0;

    for (; at + 16 <= n; at += 16)
        mask |= control_mask16(p + at) << at;
    if (at < n) {
        char rest[16] = {0};

        memcpy(rest, p + at, n - at);
        mask |= (control_mask16(rest) & ((1u << (n - at)) - 1)) << at;
    }
    return mask;
}

static inline uint64_t control_mask(const char *p, size_t n)
{
    if (LIKELY(n >= SCAN_BLOCK))
        return control_mask16(p) | control_mask16(p + 16) << 16 | control_mask16(p + 32) << 32 |
               control_mask16(p + 48) << 48;
    return control_mask_tail(p, n);
}

/* Offset that a line beginning at line, with its end, may not reach. */
static inline size_t line_bound(const struct h1_limits *limits, size_t line, bool first)
{
    size_t bound = line + (first ? limits->line_bytes : limits->header_bytes);

    return MIN(bound, (size_t)limits->head_bytes);
}

static enum reason too_long(const struct h1_scan *scan, size_t bound)
{
    if (scan->response)
        return REASON_RESPONSE_TOO_LONG;
    if (bound == scan->limits->head_bytes)
        return REASON_HEAD_TOO_LONG;
    return scan->line == 0 && !scan->trailers ? REASON_URI_TOO_LONG : REASON_HEADER_TOO_LONG;
}

/* A control character at pos: which part of the message does it spoil? */
static enum reason bad_control(const struct h1_scan *scan, size_t pos)
{
    struct span before = {scan->in.ptr + scan->line, pos - scan->line};
    size_t space;

    if (scan->in.ptr[pos] == '\r' || scan->in.ptr[pos] == '\n')
        return REASON_BAD_LINE_END;
    if (scan->line > 0 || scan->trailers)
        return span_find(before, ':') < before.len ? REASON_BAD_HEADER_VALUE
                                                   : REASON_BAD_HEADER_NAME;
    if (scan->response)
        return REASON_BAD_STATUS_LINE;
    space = span_find(before, ' ');
    if (space == before.len)
        return REASON_BAD_METHOD;
    return span_find(span_from(before, space + 1), ' ') == before.len - space - 1
               ? REASON_BAD_TARGET
               : REASON_BAD_REQUEST_LINE;
}

/* What a control character at pos, where a line end should be, is refused for. bound: of its line. */
static enum reason refuse_control(const struct h1_scan *scan, size_t pos, size_t bound)
{
    bool pair_begins = scan->in.ptr[pos] == '\r';

    return pos + pair_begins >= bound ? too_long(scan, bound) : bad_control(scan, pos);
}

/* A line whose CR is at cr has ended; it is not the empty one. */
static inline void note_line(struct h1_scan *scan, size_t cr)
{
    if (UNLIKELY(scan->line == 0 && !scan->trailers)) {
        scan->start_end = cr;
        return;
    }
    if (LIKELY(scan->n_lines < scan->fields->cap))
        scan->fields->at[scan->n_lines].value_len = (uint32_t)cr;
    scan->n_lines++;
}

enum reason h1_scan_lines(struct h1_scan *scan)
{
    const struct h1_limits *limits = scan->limits;
    const char *p = scan->in.ptr;
    size_t n = MIN(scan->in.len, (size_t)limits->head_bytes + 1);
    size_t bound = line_bound(limits, scan->line, scan->line == 0 && !scan->trailers);

    for (size_t block = scan->at; block < n; block += SCAN_BLOCK) {
        uint64_t mask = control_mask(p + block, n - block);

        while (mask != 0) {
            size_t pos = block + (unsigned)__builtin_ctzll(mask);
            size_t next = pos + 1;

            mask &= mask - 1;
            if (next == scan->line)
                continue; /* LF of a line end across two blocks */
            if (p[pos] == '\r' && next == n && pos < bound) {
                scan->at = pos;
                return REASON_NONE;
            }
            if (UNLIKELY(p[pos] != '\r' || next >= bound || p[next] != '\n'))
                return refuse_control(scan, pos, bound);
            if (pos == scan->line && (pos > 0 || scan->trailers)) {
                scan->done = true;
                scan->at = pos + 2;
                return REASON_NONE;
            }
            note_line(scan, pos);
            scan->line = pos + 2;
            bound = line_bound(limits, scan->line, false);
            mask &= mask - (pos - block < SCAN_BLOCK - 1); /* its LF */
        }
    }
    scan->at = MAX(scan->at, n);
    return n > bound ? too_long(scan, bound) : REASON_NONE;
}

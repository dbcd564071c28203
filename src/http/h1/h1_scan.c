/* Finding the end of a head.
 *
 * One pass over the bytes stops at control characters only; what is left between them is a line.
 * Thus the parser behind it need not look for ends of lines or for control characters again.
 */
#include "http/chars.h"
#include "http/h1/h1_head.h"
#include "http/h1/h1_simd.h"

#define SCAN_BLOCK 64u

/* The last n bytes of total, n < SCAN_BLOCK. */
static uint64_t odd_mask_tail(const char *p, size_t n, size_t total)
{
    uint64_t mask = 0;
    size_t at = 0;

    for (; at + 16 <= n; at += 16)
        mask |= h1_odd_mask16(p + at) << at;
    if (at < n && total >= 16) /* the last 16 bytes, without those looked at before */
        return mask | h1_odd_mask16(p + n - 16) >> (16 - (n - at)) << at;
    for (; at < n; at++)
        mask |= (uint64_t)!chars_is(p[at], CHARS_VALUE) << at;
    return mask;
}

/* Bit i: p[at + i] may be a control character. */
static inline uint64_t odd_mask(const char *p, size_t at, size_t n)
{
    if (UNLIKELY(n - at < SCAN_BLOCK))
        return odd_mask_tail(p + at, n - at, n);
    return h1_odd_mask16(p + at) | h1_odd_mask16(p + at + 16) << 16 |
           h1_odd_mask16(p + at + 32) << 32 | h1_odd_mask16(p + at + 48) << 48;
}

/* Offset that the end of a line beginning at line may not reach. */
static inline size_t line_bound(const struct h1_limits *limits, size_t line, bool first)
{
    size_t bound = line + (first ? limits->line_bytes : limits->header_bytes);

    return MIN(bound, (size_t)limits->head_bytes);
}

COLD static enum reason too_long(const struct h1_scan *scan, size_t bound)
{
    if (scan->response)
        return REASON_RESPONSE_TOO_LONG;
    if (bound == scan->limits->head_bytes)
        return REASON_HEAD_TOO_LONG;
    return scan->line == 0 && !scan->trailers ? REASON_URI_TOO_LONG : REASON_HEADER_TOO_LONG;
}

/* A control character at pos: which part of the message does it spoil? */
COLD static enum reason bad_control(const struct h1_scan *scan, size_t pos)
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

static inline bool is_line_end(const char *p)
{
    uint16_t pair, crlf;

    memcpy(&pair, p, sizeof(pair));
    memcpy(&crlf, "\r\n", sizeof(crlf));
    return pair == crlf;
}

/* What the search changes with every line, apart so that it stays in registers. */
struct scan_lines {
    struct http_fields fields;
    size_t header_bytes;
    size_t line;       /* start of the current line */
    size_t bound;      /* offset that the end of the current line may not reach */
    size_t last_bound; /* the same for a line of any length */
    size_t start_end;  /* of the start line */
    uint32_t number;   /* of the current line; the start line has the number before 0 */
};

/* A line whose CR is at cr is as it should be. */
static inline void pass_line(struct scan_lines *lines, size_t cr)
{
    if (LIKELY(lines->number < lines->fields.cap))
        lines->fields.at[lines->number].value_len = (uint32_t)cr;
    else if (lines->number == UINT32_MAX)
        lines->start_end = cr;
    lines->number++;
    lines->line = cr + 2;
    lines->bound = MIN(lines->last_bound, lines->line + lines->header_bytes);
}

/* Passes the lines that end in one block. Returns the offset of the first control character that does not
 * end a line: of the empty line, an error, a CR that is the last byte; n if there is none. */
static inline size_t pass_block(struct scan_lines *lines, const char *p, size_t block, size_t n)
{
    uint64_t mask = odd_mask(p, block, n);

    if (lines->line == block + 1)
        mask &= mask - 1; /* LF of a line that ended with the block before */
    while (mask != 0) {
        size_t pos = block + (unsigned)__builtin_ctzll(mask);

        mask &= mask - 1;
        if (LIKELY(pos + 1 < lines->bound && is_line_end(p + pos) && pos != lines->line)) {
            pass_line(lines, pos);
            mask &= mask - 1;                        /* its LF */
        } else if (!chars_is(p[pos], CHARS_VALUE)) { /* neither tab nor obs-text */
            return pos;
        }
    }
    return n;
}

/* The same for all blocks. */
static size_t pass_lines(struct h1_scan *scan, size_t n)
{
    bool first = scan->line == 0 && !scan->trailers;
    size_t stop = n;
    struct scan_lines lines = {
        .fields = *scan->fields,
        .header_bytes = scan->limits->header_bytes,
        .line = scan->line,
        .bound = MIN(n, line_bound(scan->limits, scan->line, first)),
        .last_bound = MIN(n, (size_t)scan->limits->head_bytes),
        .number = scan->n_lines - first,
    };

    for (size_t block = scan->at; block < n && stop == n; block += SCAN_BLOCK)
        stop = pass_block(&lines, scan->in.ptr, block, n);
    if (first && lines.line > 0)
        scan->start_end = lines.start_end;
    scan->line = lines.line;
    scan->n_lines = lines.number + (lines.line == 0 && !scan->trailers);
    return stop;
}

enum reason h1_scan_lines(struct h1_scan *scan)
{
    size_t n = MIN(scan->in.len, (size_t)scan->limits->head_bytes + 1);
    size_t pos = pass_lines(scan, n);
    size_t bound = line_bound(scan->limits, scan->line, scan->line == 0 && !scan->trailers);
    const char *p = scan->in.ptr;

    scan->at = MAX(scan->at, pos);
    if (pos >= bound)
        return n > bound ? too_long(scan, bound) : REASON_NONE;
    if (pos == n)
        return REASON_NONE;
    if (p[pos] != '\r')
        return bad_control(scan, pos);
    if (pos + 1 == n)
        return REASON_NONE; /* before anything is said about it, the next byte must come */
    if (pos + 1 >= bound)
        return too_long(scan, bound);
    if (p[pos + 1] != '\n')
        return bad_control(scan, pos);
    scan->done = true;
    scan->at = pos + 2;
    return REASON_NONE;
}

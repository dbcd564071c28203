/* A run of bytes that somebody else owns. */
#pragma once

#include "base/base.h"

struct span {
    const char *ptr; /* borrowed; NULL only with len 0 */
    size_t len;
};

#define SPAN_LIT(text) ((struct span){(text), sizeof(text) - 1})
/* For printf("%.*s"). */
#define SPAN_ARG(s) (int)(s).len, (s).ptr

static inline struct span span_of(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

/* Copies n bytes to out. Most texts are short: two moves that may overlap cost less than a call. Returns the byte
 * behind them. */
static inline char *span_put(char *out, struct span s)
{
    if (s.len > 16) {
        memcpy(out, s.ptr, s.len);
    } else if (s.len >= 8) {
        uint64_t first, last;

        memcpy(&first, s.ptr, 8);
        memcpy(&last, s.ptr + s.len - 8, 8);
        memcpy(out, &first, 8);
        memcpy(out + s.len - 8, &last, 8);
    } else if (s.len >= 4) {
        uint32_t first, last;

        memcpy(&first, s.ptr, 4);
        memcpy(&last, s.ptr + s.len - 4, 4);
        memcpy(out, &first, 4);
        memcpy(out + s.len - 4, &last, 4);
    } else if (s.len > 0) {
        out[0] = s.ptr[0];
        out[s.len / 2] = s.ptr[s.len / 2];
        out[s.len - 1] = s.ptr[s.len - 1];
    }
    return out + s.len;
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_starts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* From offset at to the end; at may not be beyond it. */
static inline struct span span_from(struct span s, size_t at)
{
    assert(at <= s.len);
    return (struct span){s.ptr + at, s.len - at};
}

/* ASCII letters only, as protocols mean it (RFC 9110 section 5.1). */
bool span_eq_nocase(struct span a, struct span b);

/* First offset of c, or s.len if it is not there. */
static inline size_t span_find(struct span s, char c)
{
    const char *hit = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : s.len;
}

/* Without spaces and tabs at both ends. */
struct span span_trim(struct span s);

/* Takes the next element of a list separated by sep, trimmed; *list moves behind it. Returns false
 * at the end, which a list with ptr NULL is at. Empty elements are returned as empty spans, so ""
 * has one element and "a," has two. */
bool span_next(struct span *list, char sep, struct span *ret_element);

/* Decimal digits only, whole span, no sign, no overflow: 0, or -EINVAL, or -ERANGE. */
int span_parse_u64(struct span s, uint64_t *ret_value) MUST_CHECK;

/* ASCII lower case of one byte. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

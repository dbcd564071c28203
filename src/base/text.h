/* Append-only text: JSON answers, log lines, metrics. Grows as needed up to a limit.
 *
 * Overflow sticks: further appends do nothing and text_failed tells. Length is always the bytes written.
 */
#pragma once

#include "base/span.h"

struct text {
    char *ptr; /* owned unless fixed */
    size_t len, cap;
    size_t limit;
    bool fixed;  /* caller's buffer, never grows */
    bool failed; /* limit reached; content is cut at an append boundary */
    bool secret; /* overwritten wherever it was */
};

/* Grows from the heap up to limit bytes. */
void text_init(struct text *text, size_t limit);
/* The same, of which nothing stays in memory after text_done. */
void text_init_secret(struct text *text, size_t limit);
/* Writes into the caller's buffer. */
void text_init_fixed(struct text *text, char *buf, size_t cap);
void text_done(struct text *text);
void text_reset(struct text *text);

static inline bool text_failed(const struct text *text)
{
    return text->failed;
}
static inline struct span text_span(const struct text *text)
{
    return (struct span){text->ptr, text->len};
}

/* Slow path of text_make_room. */
bool text_grow(struct text *text, size_t bytes) COLD;

/* Room for bytes more. False when the limit is or was reached. */
static inline bool text_make_room(struct text *text, size_t bytes)
{
    if (LIKELY(!text->failed && bytes <= text->cap - text->len))
        return true;
    return text_grow(text, bytes);
}

/* Inline so that literals become plain stores. */
static inline void text_add(struct text *text, struct span s)
{
    if (s.len == 0 || !text_make_room(text, s.len))
        return;
    memcpy(text->ptr + text->len, s.ptr, s.len);
    text->len += s.len;
}

static inline void text_add_char(struct text *text, char c)
{
    if (!text_make_room(text, 1))
        return;
    text->ptr[text->len++] = c;
}

void text_add_u64(struct text *text, uint64_t value);
void text_add_i64(struct text *text, int64_t value);
/* value / 10^decimals with exactly that many digits behind the point: (1234, 3) gives 1.234.
 * decimals: 0 (no point) to 19. */
void text_add_fixed(struct text *text, uint64_t value, unsigned decimals);
void text_addf(struct text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A JSON string with quotes (RFC 8259 section 7). Each byte that is not part of well-formed UTF-8
 * (RFC 3629) becomes U+FFFD, so that a hostile header cannot make a log line that parsers
 * refuse. */
void text_add_json(struct text *text, struct span s);

/* The same, unchecked, for who has made room for the longest result. Each returns the byte behind what it wrote. */
#define TEXT_U64_MAX         20u
#define TEXT_JSON_MAX(s_len) (6 * (s_len) + 2)
char *text_put_u64(char *at, uint64_t value);
char *text_put_fixed(char *at, uint64_t value, unsigned decimals);
char *text_put_json(char *at, struct span s);

/* Whether all of s is well-formed UTF-8 (RFC 3629). */
bool text_is_utf8(struct span s);

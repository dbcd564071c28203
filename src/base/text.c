#include "base/text.h"

#include <stdarg.h>

#include "base/wipe.h"

#define TEXT_CAP_MIN 256u
#define TEXT_ONES    0x0101010101010101u
#define TEXT_TOPS    (0x80 * TEXT_ONES)

_Static_assert(
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "text_find_special: first byte is lowest");

void text_init(struct text *text, size_t limit)
{
    *text = (struct text){.limit = limit};
}

void text_init_secret(struct text *text, size_t limit)
{
    *text = (struct text){.limit = limit, .secret = true};
}

/* NOLINTNEXTLINE(readability-non-const-parameter): later appends write to buf */
void text_init_fixed(struct text *text, char *buf, size_t cap)
{
    *text = (struct text){.ptr = buf, .cap = cap, .limit = cap, .fixed = true};
}

void text_done(struct text *text)
{
    if (text->secret)
        wipe_free(text->ptr);
    else if (!text->fixed)
        free(text->ptr);
    *text = (struct text){0};
}

void text_reset(struct text *text)
{
    text->len = 0;
    text->failed = false;
}

bool text_grow(struct text *text, size_t bytes)
{
    size_t cap;

    if (text->failed)
        return false;
    if (text->fixed || bytes > text->limit - text->len) {
        text->failed = true;
        return false;
    }
    cap = text->cap < text->limit / 2 ? 2 * text->cap : text->limit;
    cap = MAX(cap, text->len + bytes);
    cap = MAX(cap, MIN(text->limit, (size_t)TEXT_CAP_MIN));
    text->ptr =
        text->secret ? wipe_realloc(text->ptr, text->len, cap) : base_realloc(text->ptr, cap);
    text->cap = cap;
    return true;
}

static unsigned text_count_digits(uint64_t value)
{
    unsigned n = 1;

    for (; value >= 10000; value /= 10000)
        n += 4;
    return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Writes exactly n digits, two at a time. */
static void text_put_digits(char *out, uint64_t value, unsigned n)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";

    while (n >= 2) {
        n -= 2;
        memcpy(out + n, &pairs[value % 100 * 2], 2);
        value /= 100;
    }
    if (n > 0)
        out[0] = (char)('0' + value % 10);
}

char *text_put_u64(char *at, uint64_t value)
{
    unsigned n;

    if (value < 10) {
        *at = (char)('0' + value);
        return at + 1;
    }
    n = text_count_digits(value);
    text_put_digits(at, value, n);
    return at + n;
}

void text_add_u64(struct text *text, uint64_t value)
{
    unsigned n = text_count_digits(value);

    if (!text_make_room(text, n))
        return;
    text_put_digits(text->ptr + text->len, value, n);
    text->len += n;
}

void text_add_i64(struct text *text, int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    unsigned n = text_count_digits(magnitude);

    if (value >= 0) {
        text_add_u64(text, magnitude);
        return;
    }
    if (!text_make_room(text, n + 1))
        return;
    text->ptr[text->len] = '-';
    text_put_digits(text->ptr + text->len + 1, magnitude, n);
    text->len += n + 1;
}

char *text_put_fixed(char *at, uint64_t value, unsigned decimals)
{
    uint64_t scale = 1;

    assert(decimals < TEXT_U64_MAX);
    if (decimals == 0)
        return text_put_u64(at, value);
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    at = text_put_u64(at, value / scale);
    *at++ = '.';
    text_put_digits(at, value % scale, decimals);
    return at + decimals;
}

void text_add_fixed(struct text *text, uint64_t value, unsigned decimals)
{
    char buf[2 * TEXT_U64_MAX + 1];

    text_add(text, (struct span){buf, (size_t)(text_put_fixed(buf, value, decimals) - buf)});
}

void text_addf(struct text *text, const char *fmt, ...)
{
    size_t room = text->cap - text->len;
    va_list args;
    char *copy;
    int len;

    if (text->failed)
        return;
    va_start(args, fmt);
    len = vsnprintf(room > 0 ? text->ptr + text->len : NULL, room, fmt, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len < room) {
        text->len += (size_t)len;
        return;
    }

    /* vsnprintf wants room for a final zero too, which there may never be: go by a copy. */
    if (!text_make_room(text, (size_t)len))
        return;
    copy = base_alloc((size_t)len + 1);
    va_start(args, fmt);
    (void)vsnprintf(copy, (size_t)len + 1, fmt, args);
    va_end(args);
    text_add(text, (struct span){copy, (size_t)len});
    free(copy);
}

/* Sets the top bit of each byte that a JSON string cannot hold as it is, or that is not ASCII. A
 * borrow may set it for a byte above such a one too, never for one below: the lowest is right. */
static uint64_t text_find_special(uint64_t word)
{
    uint64_t control = word - 0x20 * TEXT_ONES;
    uint64_t quote = (word ^ '"' * TEXT_ONES) - TEXT_ONES;
    uint64_t backslash = (word ^ '\\' * TEXT_ONES) - TEXT_ONES;

    return (control | quote | backslash | word) & TEXT_TOPS;
}

/* Copies fewer than eight bytes if they are ordinary. */
static bool text_copy_short(char *out, const char *in, size_t len)
{
    uint32_t first, last;

    if (len < 4)
        return false;
    memcpy(&first, in, 4);
    memcpy(&last, in + len - 4, 4);
    if (text_find_special((uint64_t)last << 32 | first) != 0)
        return false;
    memcpy(out, &first, 4);
    memcpy(out + len - 4, &last, 4);
    return true;
}

/* Copies ordinary bytes up to the first special one. Returns how many. */
static size_t text_copy_plain(char *out, const char *in, size_t len)
{
    size_t i = 0;

    if (len < 8 && text_copy_short(out, in, len))
        return len;
    while (i + 8 <= len) {
        uint64_t word, special;

        memcpy(&word, in + i, 8);
        special = text_find_special(word);
        memcpy(out + i, &word, 8);
        if (special != 0)
            return i + (size_t)__builtin_ctzll(special) / 8;
        if (i + 8 == len)
            return len;
        i = MIN(i + 8, len - 8); /* the last eight may overlap */
    }
    for (; i < len; i++) {
        uint8_t c = (uint8_t)in[i];

        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return i;
        out[i] = in[i];
    }
    return len;
}

/* Length of the well-formed sequence at the start of s (RFC 3629 section 4), or 0. */
static size_t text_utf8_len(struct span s)
{
    const uint8_t *c = (const uint8_t *)s.ptr;
    uint8_t low = 0x80,
            high = 0xbf; /* of the second byte: no overlong form, surrogate, or beyond U+10FFFF */
    size_t len;

    if (c[0] >= 0xc2 && c[0] <= 0xdf)
        len = 2;
    else if (c[0] >= 0xe0 && c[0] <= 0xef)
        len = 3;
    else if (c[0] >= 0xf0 && c[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (len > s.len)
        return 0;

    if (c[0] == 0xe0)
        low = 0xa0;
    else if (c[0] == 0xed)
        high = 0x9f;
    else if (c[0] == 0xf0)
        low = 0x90;
    else if (c[0] == 0xf4)
        high = 0x8f;
    if (c[1] < low || c[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

static struct span text_escape(uint8_t c, char buf[static 6])
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[256] = {['"'] = '"',
        ['\\'] = '\\',
        ['\b'] = 'b',
        ['\f'] = 'f',
        ['\n'] = 'n',
        ['\r'] = 'r',
        ['\t'] = 't'};

    buf[0] = '\\';
    if (letters[c] != '\0') {
        buf[1] = letters[c];
        return (struct span){buf, 2};
    }
    buf[1] = 'u';
    buf[2] = '0';
    buf[3] = '0';
    buf[4] = hex[c >> 4];
    buf[5] = hex[c & 15];
    return (struct span){buf, 6};
}

/* What stands for the special character at the start of s; *ret_len is how many bytes of s those are. */
static struct span text_special(struct span s, char buf[static 6], size_t *ret_len)
{
    uint8_t c = (uint8_t)s.ptr[0];
    size_t len = c < 0x80 ? 1 : text_utf8_len(s);

    *ret_len = MAX(len, (size_t)1);
    if (c < 0x80)
        return text_escape(c, buf);
    return len > 0 ? (struct span){s.ptr, len} : SPAN_LIT("\xef\xbf\xbd");
}

/* Writes it, keeping room for all that may follow if it is plain. Returns how many bytes of s it stands for. */
static size_t text_add_special(struct text *text, struct span s)
{
    char buf[6];
    size_t len;
    struct span out = text_special(s, buf, &len);

    if (text_make_room(text, out.len + s.len - len + 1))
        text_add(text, out);
    return len;
}

char *text_put_json(char *at, struct span s)
{
    *at++ = '"';
    while (s.len > 0) {
        size_t n = text_copy_plain(at, s.ptr, s.len);
        struct span out;
        char buf[6];

        at += n;
        s = span_from(s, n);
        if (LIKELY(s.len == 0))
            break;
        out = text_special(s, buf, &n);
        memcpy(at, out.ptr, out.len);
        at += out.len;
        s = span_from(s, n);
    }
    *at++ = '"';
    return at;
}

void text_add_json(struct text *text, struct span s)
{
    size_t len_before = text->len;

    /* Room for the rest unescaped and the closing quote is there at every step. */
    if (!text_make_room(text, s.len + 2))
        return;
    text->ptr[text->len++] = '"';
    while (s.len > 0) {
        size_t n = text_copy_plain(text->ptr + text->len, s.ptr, s.len);

        text->len += n;
        s = span_from(s, n);
        if (s.len > 0)
            s = span_from(s, text_add_special(text, s));
        if (text->failed) {
            text->len = len_before;
            return;
        }
    }
    text->ptr[text->len++] = '"';
}

bool text_is_utf8(struct span s)
{
    size_t at = 0;

    while (at < s.len) {
        size_t len = (uint8_t)s.ptr[at] < 0x80 ? 1 : text_utf8_len(span_from(s, at));

        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

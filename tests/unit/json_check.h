/* Whether a text is one JSON value (RFC 8259) in well-formed UTF-8, and nothing else. Deliberately knows none of the
 * code that writes JSON. */
#pragma once

#include "base/span.h"

struct json_check {
    const uint8_t *at, *end;
};

static inline bool json_check_value(struct json_check *in, unsigned depth);

static inline int json_check_peek(const struct json_check *in)
{
    return in->at < in->end ? *in->at : -1;
}

static inline bool json_check_take(struct json_check *in, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(in->end - in->at) < n || memcmp(in->at, word, n) != 0)
        return false;
    in->at += n;
    return true;
}

static inline bool json_check_escape(struct json_check *in)
{
    int c = json_check_peek(in);

    in->at++;
    if (c != 'u')
        return c > 0 && strchr("\"\\/bfnrt", c);
    for (int i = 0; i < 4; i++, in->at++) {
        c = json_check_peek(in);
        if (c < 0 || !strchr("0123456789abcdefABCDEF", c))
            return false;
    }
    return true;
}

/* One character of several bytes: its code point must need them all and be no surrogate. */
static inline bool json_check_wide(struct json_check *in)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = *in->at++;
    unsigned n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t code = first & (0xffu >> (n + 1));

    if (first < 0xc0 || first > 0xf7)
        return false;
    for (unsigned i = 1; i < n; i++, in->at++) {
        int c = json_check_peek(in);

        if (c < 0 || (c & 0xc0) != 0x80)
            return false;
        code = code << 6 | (uint32_t)(c & 0x3f);
    }
    return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static inline bool json_check_string(struct json_check *in)
{
    if (!json_check_take(in, "\""))
        return false;
    for (;;) {
        int c = json_check_peek(in);

        if (c < 0x20)
            return false;
        if (c >= 0x80) {
            if (!json_check_wide(in))
                return false;
            continue;
        }
        in->at++;
        if (c == '"')
            return true;
        if (c == '\\' && !json_check_escape(in))
            return false;
    }
}

static inline bool json_check_digits(struct json_check *in)
{
    const uint8_t *start = in->at;

    while (json_check_peek(in) >= '0' && json_check_peek(in) <= '9')
        in->at++;
    return in->at > start;
}

static inline bool json_check_number(struct json_check *in)
{
    (void)json_check_take(in, "-");
    if (!json_check_take(in, "0") && !json_check_digits(in))
        return false;
    if (json_check_take(in, ".") && !json_check_digits(in))
        return false;
    if (!json_check_take(in, "e") && !json_check_take(in, "E"))
        return true;
    if (!json_check_take(in, "-"))
        (void)json_check_take(in, "+");
    return json_check_digits(in);
}

static inline bool json_check_members(struct json_check *in, char close, unsigned depth)
{
    in->at++;
    if (json_check_peek(in) == close) {
        in->at++;
        return true;
    }
    do {
        if (close == '}' && (!json_check_string(in) || !json_check_take(in, ":")))
            return false;
        if (!json_check_value(in, depth + 1))
            return false;
    } while (json_check_take(in, ","));
    return json_check_peek(in) == close && in->at++;
}

static inline bool json_check_value(struct json_check *in, unsigned depth)
{
    switch (json_check_peek(in)) {
    case '{':
        return depth < 32 && json_check_members(in, '}', depth);
    case '[':
        return depth < 32 && json_check_members(in, ']', depth);
    case '"':
        return json_check_string(in);
    case 't':
        return json_check_take(in, "true");
    case 'f':
        return json_check_take(in, "false");
    case 'n':
        return json_check_take(in, "null");
    default:
        return json_check_number(in);
    }
}

/* White space between tokens is not accepted: what is checked here is written without. */
static inline bool json_check(struct span text)
{
    struct json_check in = {
        .at = (const uint8_t *)text.ptr,
        .end = (const uint8_t *)text.ptr + text.len,
    };

    return json_check_value(&in, 0) && in.at == in.end;
}

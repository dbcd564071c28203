#include "rules/ruleset.h"

/* What a byte does to a path as it is received. Wider than RFC 3986, as browsers send "|" and "{"; '?' and '#'
 * would end the path. */
enum path_byte {
    PATH_BAD,
    PATH_PLAIN,
    PATH_ODD, /* looked at closely */
};
static const uint8_t path_bytes[256] = {
    ['!' ... '"'] = PATH_PLAIN,
    ['$'] = PATH_PLAIN,
    ['%'] = PATH_ODD,
    ['&' ... '-'] = PATH_PLAIN,
    ['.'] = PATH_ODD,
    ['/' ... '>'] = PATH_PLAIN,
    ['@' ... '['] = PATH_PLAIN,
    ['\\'] = PATH_ODD,
    [']' ... '~'] = PATH_PLAIN,
};

enum shape {
    SHAPE_BAD,
    SHAPE_NORMAL,
    SHAPE_CHANGES,
};

/* A dot segment begins behind each '/'. Any "/." is looked at closely later, even ".well-known". */
static enum shape shape_of(struct span path)
{
    enum shape shape = SHAPE_NORMAL;

    if (path.len == 0 || path.ptr[0] != '/')
        return SHAPE_BAD;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        int byte;

        if (LIKELY(path_bytes[(uint8_t)c] == PATH_PLAIN))
            continue;
        if (path_bytes[(uint8_t)c] == PATH_BAD)
            return SHAPE_BAD;
        if (c == '\\' || (c == '.' && path.ptr[i - 1] == '/'))
            shape = SHAPE_CHANGES;
        if (c != '%')
            continue;
        byte = rules_unescape(path, i);
        if (byte < 0x20 || byte == 0x7f)
            return SHAPE_BAD;
        shape = SHAPE_CHANGES;
    }
    return shape;
}

/* Decodes what is unreserved and writes other escapes in upper case. Escapes have been checked. */
static size_t write_escapes(struct span path, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < path.len; i++) {
        int byte = path.ptr[i] == '%' ? rules_unescape(path, i) : -1;

        if (byte < 0) {
            out[n++] = path.ptr[i];
            continue;
        }
        if (rules_is_unreserved((char)byte)) {
            out[n++] = (char)byte;
        } else {
            rules_put_escape(out + n, (unsigned)byte);
            n += 3;
        }
        i += 2;
    }
    return n;
}

/* Bytes of what some servers take for '/' at s[at]: itself, '\', or either of them escaped; else 0. */
static size_t separator_bytes(struct span s, size_t at)
{
    if (s.ptr[at] == '/' || s.ptr[at] == '\\')
        return 1;
    if (s.ptr[at] != '%' || s.len - at < 3)
        return 0;
    return memcmp(s.ptr + at, "%2F", 3) == 0 || memcmp(s.ptr + at, "%5C", 3) == 0 ? 3 : 0;
}

/* Whether the segment before s[at] ends there for some servers. */
static bool ends_segment(struct span s, size_t at)
{
    return at == s.len || s.ptr[at] == ';' || separator_bytes(s, at) > 0 ||
           (s.len - at >= 3 && memcmp(s.ptr + at, "%3B", 3) == 0);
}

/* Whether a server that decodes %2F, takes '\' for '/', or cuts ";parameters" off would find "..": the
 * balancer would then have matched another path than the one that is served. */
static bool hides_dots(struct span path)
{
    size_t i = 0;

    while (i < path.len) {
        size_t bytes = separator_bytes(path, i);

        i += MAX(bytes, (size_t)1);
        if (bytes > 0 && span_starts_with(span_from(path, i), SPAN_LIT("..")) &&
            ends_segment(path, i + 2))
            return true;
    }
    return false;
}

/* RFC 3986 section 5.2.4, in place; but ".." above the root is refused, as no honest client sends it.
 * Returns the new length, or 0. */
static size_t remove_dots(char *path, size_t len)
{
    size_t n = 0;
    size_t i = 0;

    while (i < len) {
        size_t end = i + 1;
        size_t segment;

        while (end < len && path[end] != '/')
            end++;
        segment = end - i - 1;
        if (segment == 1 && path[i + 1] == '.') {
            if (end == len)
                path[n++] = '/';
        } else if (segment == 2 && memcmp(path + i + 1, "..", 2) == 0) {
            if (n == 0)
                return 0;
            while (path[--n] != '/')
                continue;
            if (end == len)
                path[n++] = '/';
        } else {
            memmove(path + n, path + i, end - i);
            n += end - i;
        }
        i = end;
    }
    return n;
}

/* What path_normalise does to a path that may not be normal. */
static int path_rewrite(struct span path, struct arena *arena, struct span *ret_path)
{
    char *out = arena_alloc(arena, path.len);
    struct span result;

    if (!out)
        return -ENOMEM;
    result = (struct span){out, write_escapes(path, out)};
    result.len = remove_dots(out, result.len);
    if (result.len == 0 || hides_dots(result))
        return -EINVAL;
    *ret_path = span_eq(result, path) ? path : result;
    return 0;
}

int path_normalise(struct span path, struct arena *arena, struct span *ret_path)
{
    enum shape shape = shape_of(path);

    if (shape == SHAPE_BAD)
        return -EINVAL;
    if (UNLIKELY(shape == SHAPE_CHANGES))
        return path_rewrite(path, arena, ret_path);
    *ret_path = path;
    return 0;
}

static bool has_upper(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != ascii_lower(s.ptr[i]))
            return true;
    return false;
}

int host_normalise(struct span authority, struct arena *arena, struct span *ret_host)
{
    struct span host;
    uint16_t port;
    char *out;
    int r;

    if (authority.len == 0) {
        *ret_host = authority;
        return 0;
    }
    r = http_split_authority(authority, &host, &port);
    if (r < 0)
        return r;
    if (host.ptr[host.len - 1] == '.')
        host.len--;
    if (host.len == 0)
        return -EINVAL;
    if (LIKELY(!has_upper(host))) {
        *ret_host = host;
        return 0;
    }
    out = arena_alloc(arena, host.len);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < host.len; i++)
        out[i] = ascii_lower(host.ptr[i]);
    *ret_host = (struct span){out, host.len};
    return 0;
}

struct span rules_normalise_value(struct span value, struct arena *arena)
{
    char *out = arena_alloc(arena, value.len * 3);
    size_t n = 0;

    for (size_t i = 0; i < value.len; i++) {
        int byte = rules_unescape(value, i);

        if (byte < 0 && value.ptr[i] > ' ' && value.ptr[i] < 0x7f) {
            out[n++] = value.ptr[i];
            continue;
        }
        if (byte < 0)
            byte = (uint8_t)value.ptr[i];
        else
            i += 2;
        if (rules_is_unreserved((char)byte)) {
            out[n++] = (char)byte;
        } else {
            rules_put_escape(out + n, (unsigned)byte);
            n += 3;
        }
    }
    return (struct span){out, n};
}

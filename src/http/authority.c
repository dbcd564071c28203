#include "base/addr.h"
#include "http/chars.h"
#include "http/msg.h"

static int parse_port(struct span text, uint16_t *ret_port)
{
    uint32_t port = 0;

    if (text.len == 0 || text.len > 5 || text.ptr[0] == '0')
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (uint8_t)text.ptr[i] - (unsigned)'0';

        if (digit > 9)
            return -EINVAL;
        port = port * 10 + digit;
    }
    if (port > UINT16_MAX)
        return -EINVAL;
    *ret_port = (uint16_t)port;
    return 0;
}

/* Bytes of the host at the front, or 0 if it is malformed. */
static size_t host_bytes(struct span authority)
{
    size_t n = 0;

    if (authority.len > 0 && authority.ptr[0] == '[') {
        struct addr addr;
        size_t end = span_find(authority, ']');

        if (end == authority.len ||
            addr_parse_ip((struct span){authority.ptr + 1, end - 1}, &addr) < 0 || addr.family != 6)
            return 0;
        return end + 1;
    }
    while (n < authority.len && chars_is(authority.ptr[n], CHARS_HOST))
        n++;
    return n;
}

int http_split_authority(struct span authority, struct span *ret_host, uint16_t *ret_port)
{
    size_t n = host_bytes(authority);
    uint16_t port = 0;

    if (n == 0)
        return -EINVAL;
    if (n < authority.len) {
        if (authority.ptr[n] != ':' || parse_port(span_from(authority, n + 1), &port) < 0)
            return -EINVAL;
    }
    *ret_host = (struct span){authority.ptr, n};
    *ret_port = port;
    return 0;
}

#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t addr_mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* Family 4 if ip is IPv4-mapped (RFC 4291 section 2.5.5.2), else 6. */
static void addr_set_ip6(struct addr *addr, const uint8_t ip[16])
{
    if (memcmp(ip, addr_mapped_prefix, sizeof(addr_mapped_prefix)) == 0) {
        addr->family = 4;
        memcpy(addr->ip, ip + sizeof(addr_mapped_prefix), 4);
        return;
    }
    addr->family = 6;
    memcpy(addr->ip, ip, 16);
}

int addr_parse_ip(struct span text, struct addr *ret_addr)
{
    struct addr addr = {0};
    char buf[INET6_ADDRSTRLEN];
    uint8_t ip[16];

    if (text.len == 0 || text.len >= sizeof(buf) || span_find(text, '\0') < text.len)
        return -EINVAL;
    memcpy(buf, text.ptr, text.len);
    buf[text.len] = '\0';

    if (inet_pton(AF_INET, buf, ip) == 1) {
        addr.family = 4;
        memcpy(addr.ip, ip, 4);
    } else if (inet_pton(AF_INET6, buf, ip) == 1) {
        addr_set_ip6(&addr, ip);
    } else {
        return -EINVAL;
    }
    *ret_addr = addr;
    return 0;
}

/* One spelling per port: no leading zeros. */
static int addr_parse_port(struct span text, uint16_t *ret_port)
{
    uint64_t port;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
        return -EINVAL;
    if (span_parse_u64(text, &port) < 0 || port > UINT16_MAX)
        return -EINVAL;
    *ret_port = (uint16_t)port;
    return 0;
}

int addr_parse(struct span text, struct addr *ret_addr)
{
    bool bracketed = text.len > 0 && text.ptr[0] == '[';
    struct span ip = bracketed ? span_from(text, 1) : text;
    size_t ip_len = span_find(ip, bracketed ? ']' : ':');
    struct span rest = span_from(ip, ip_len);
    struct addr addr;

    ip.len = ip_len;
    /* Brackets say IPv6, even of an address that becomes IPv4. */
    if (bracketed != (span_find(ip, ':') < ip.len))
        return -EINVAL;
    if (!span_starts_with(rest, bracketed ? SPAN_LIT("]:") : SPAN_LIT(":")))
        return -EINVAL;
    if (addr_parse_ip(ip, &addr) < 0)
        return -EINVAL;
    if (addr_parse_port(span_from(rest, bracketed ? 2 : 1), &addr.port) < 0)
        return -EINVAL;
    *ret_addr = addr;
    return 0;
}

/* value < 100000. By hand, like the rest of IPv4: every access log line has addresses. */
static size_t addr_put_decimal(char *out, unsigned value)
{
    char digits[5];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

size_t addr_format_ip(const struct addr *addr, char buf[static ADDR_TEXT_MAX])
{
    size_t len = 0;

    if (addr->family == 6) {
        const char *text = inet_ntop(AF_INET6, addr->ip, buf, ADDR_TEXT_MAX);

        assert(text);
        return strlen(text);
    }
    if (addr->family != 4) {
        buf[0] = '-';
        return 1;
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned octet = addr->ip[i];

        if (i > 0)
            buf[len++] = '.';
        if (octet >= 100)
            buf[len++] = (char)('0' + octet / 100);
        if (octet >= 10)
            buf[len++] = (char)('0' + octet / 10 % 10);
        buf[len++] = (char)('0' + octet % 10);
    }
    return len;
}

size_t addr_format(const struct addr *addr, char buf[static ADDR_TEXT_MAX])
{
    size_t len = addr_format_ip(addr, buf);

    if (addr->family == 0)
        return len;
    if (addr->family == 6) {
        memmove(buf + 1, buf, len);
        buf[0] = '[';
        buf[len + 1] = ']';
        len += 2;
    }
    buf[len++] = ':';
    return len + addr_put_decimal(buf + len, addr->port);
}

socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret_sa)
{
    memset(ret_sa, 0, sizeof(*ret_sa));
    if (addr->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret_sa;

        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip, 4);
        return sizeof(*in);
    }
    if (addr->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sa;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(addr->port);
        memcpy(&in6->sin6_addr, addr->ip, 16);
        return sizeof(*in6);
    }
    return 0;
}

void addr_from_sockaddr(const struct sockaddr_storage *sa, struct addr *ret_addr)
{
    struct addr addr = {0};

    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

        addr.family = 4;
        addr.port = ntohs(in->sin_port);
        memcpy(addr.ip, &in->sin_addr, 4);
    } else if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

        addr.port = ntohs(in6->sin6_port);
        addr_set_ip6(&addr, in6->sin6_addr.s6_addr);
    }
    *ret_addr = addr;
}

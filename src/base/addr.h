/* An IP address with port, compact enough to sit in every connection. */
#pragma once

#include <sys/socket.h>

#include "base/span.h"

struct addr {
    uint8_t ip[16]; /* IPv4 in the first four bytes, the rest zero; network order */
    uint16_t port;  /* host order */
    uint8_t family; /* 4, 6, or 0 for none */
    uint8_t pad;    /* zero, so that addresses compare with memcmp */
};

/* "127.0.0.1", "::1": 0 or -EINVAL. Port is left 0. No names, no zones, no brackets. IPv4-mapped
 * IPv6 becomes IPv4, so that one address has one form. */
int addr_parse_ip(struct span text, struct addr *ret_addr) MUST_CHECK;

/* "127.0.0.1:80", "[::1]:80": 0 or -EINVAL. */
int addr_parse(struct span text, struct addr *ret_addr) MUST_CHECK;

/* Formats "ip" or "ip:port" / "[ip]:port", and "-" for family 0; no final zero. Returns bytes
 * written, at most ADDR_TEXT_MAX. IPv6 is written as RFC 5952 says. */
#define ADDR_TEXT_MAX 56u
size_t addr_format_ip(const struct addr *addr, char buf[static ADDR_TEXT_MAX]);
size_t addr_format(const struct addr *addr, char buf[static ADDR_TEXT_MAX]);

/* Returns the length to give the kernel; 0 and AF_UNSPEC for family 0. */
socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret_sa);
/* Anything but IPv4 and IPv6 becomes family 0. IPv4-mapped IPv6 becomes IPv4. */
void addr_from_sockaddr(const struct sockaddr_storage *sa, struct addr *ret_addr);

/* 127.0.0.0/8 or ::1. */
static inline bool addr_is_loopback(const struct addr *addr)
{
    static const uint8_t one[16] = {[15] = 1};

    return addr->family == 4 ? addr->ip[0] == 127
                             : addr->family == 6 && memcmp(addr->ip, one, sizeof(one)) == 0;
}

static inline bool addr_eq(const struct addr *a, const struct addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

#include "control/node.h"

static unsigned bits_of(const struct addr *addr)
{
    return addr->family == 4 ? 32 : 128;
}

/* Whether the first `prefix` bits of both are the same. */
static bool same_prefix(const struct addr *a, const struct addr *b, unsigned prefix)
{
    unsigned bytes = prefix / 8, rest = prefix % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    if (memcmp(a->ip, b->ip, bytes) != 0)
        return false;
    return rest == 0 || ((a->ip[bytes] ^ b->ip[bytes]) & mask) == 0;
}

static bool host_bits_are_zero(const struct cidr *cidr)
{
    for (unsigned bit = cidr->prefix; bit < bits_of(&cidr->addr); bit++) {
        if (cidr->addr.ip[bit / 8] & 0x80 >> bit % 8)
            return false;
    }
    return true;
}

int cidr_parse(struct span text, struct cidr *ret_cidr)
{
    size_t slash = span_find(text, '/');
    struct cidr cidr;
    uint64_t prefix;

    if (slash == text.len || addr_parse_ip((struct span){text.ptr, slash}, &cidr.addr) < 0 ||
        span_parse_u64(span_from(text, slash + 1), &prefix) < 0 || prefix > bits_of(&cidr.addr))
        return -EINVAL;
    cidr.prefix = (unsigned)prefix;
    if (!host_bits_are_zero(&cidr))
        return -EINVAL;
    *ret_cidr = cidr;
    return 0;
}

bool cidr_has(const struct cidr *cidr, const struct addr *addr)
{
    return cidr->addr.family == addr->family && same_prefix(&cidr->addr, addr, cidr->prefix);
}

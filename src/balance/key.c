#include "balance/group.h"
#include "base/hash.h"

/* 0 means "no key". */
static uint64_t key_of(const void *bytes, size_t n)
{
    uint64_t key = hash_place((struct span){bytes, n}, 0);

    return key ? key : 1;
}

/* The port goes in network order, so that machines of either order agree. */
static size_t key_put_addr(uint8_t *buf, const struct addr *addr, bool port)
{
    buf[0] = addr->family;
    memcpy(buf + 1, addr->ip, sizeof(addr->ip));
    if (!port)
        return 1 + sizeof(addr->ip);
    buf[1 + sizeof(addr->ip)] = (uint8_t)(addr->port >> 8);
    buf[2 + sizeof(addr->ip)] = (uint8_t)addr->port;
    return 3 + sizeof(addr->ip);
}

uint64_t key_of_source(const struct addr *client)
{
    uint8_t buf[24];

    return key_of(buf, key_put_addr(buf, client, false));
}

uint64_t key_of_tuple(const struct addr *client, const struct addr *local)
{
    uint8_t buf[48];
    size_t n = key_put_addr(buf, client, true);

    n += key_put_addr(buf + n, local, true);
    return key_of(buf, n);
}

uint64_t key_of_text(struct span text)
{
    return key_of(text.ptr, text.len);
}

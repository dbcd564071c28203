#include "l4/quic_key.h"

#include "base/cursor.h"

#define QUIC_LONG_HEADER         0x80u
#define QUIC_VERSION_NEGOTIATION 0u

bool quic_key(struct span datagram, struct span *ret_id)
{
    struct cursor in = cursor_of(datagram);
    uint8_t first = cursor_u8(&in);
    struct span id;

    if ((first & QUIC_LONG_HEADER) != 0) {
        uint32_t version = cursor_u32(&in);

        id = cursor_bytes(&in, cursor_u8(&in));
        if (version == QUIC_VERSION_NEGOTIATION)
            return false;
    } else {
        id = cursor_bytes(&in, QUIC_KEY_BYTES);
    }
    if (cursor_failed(&in) || id.len == 0)
        return false;
    ret_id->ptr = id.ptr;
    ret_id->len = MIN(id.len, (size_t)QUIC_KEY_BYTES);
    return true;
}

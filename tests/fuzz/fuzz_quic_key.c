/* The input is a datagram of a client. */
#include "l4/quic_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was found lies within the input, is as long as it may be, and all of it is needed to find it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *ptr = (const char *)data;
    struct span id, less;

    if (!quic_key((struct span){ptr, size}, &id))
        return 0;
    assert(id.len > 0 && id.len <= QUIC_KEY_BYTES);
    assert(id.ptr > ptr && id.ptr + id.len <= ptr + size);
    assert(!quic_key((struct span){ptr, (size_t)(id.ptr - ptr) + id.len - 1}, &less));
    return 0;
}

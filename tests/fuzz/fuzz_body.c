/* Bodies out of the store, true or damaged: the fast reader and jansson read the same, or both refuse. */
#include "control/store/body.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span json = {(const char *)data, size};
    json_t *fast = body_read(json), *slow = json_loadb(json.ptr, json.len, 0, NULL);

    assert(!fast == !slow);
    assert(!fast || json_equal(fast, slow));
    json_decref(fast);
    json_decref(slow);
    return 0;
}

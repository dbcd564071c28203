/* The first byte says which request is answered, 'H' a HEAD and anything else a GET; behind it is what a
 * server sends until it closes. */
#include "h1_rewrite.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h1_limits limits = {
        .line_bytes = 200,
        .header_bytes = 300,
        .head_bytes = 600,
        .n_headers = 12,
        .body_bytes = 1000,
    };
    struct h1_reader reader;

    if (size == 0)
        return 0;
    h1_reader_init_response(&reader, &limits, data[0] == 'H' ? HTTP_METHOD_HEAD : HTTP_METHOD_GET);
    h1_rewrite_fuzz(&reader, (struct span){(const char *)data + 1, size - 1});
    return 0;
}

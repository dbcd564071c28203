/* The input is what a client sends on one connection. */
#include "h1_rewrite.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* small, so that the fuzzer reaches them */
    static const struct h1_limits limits = {
        .line_bytes = 200,
        .header_bytes = 300,
        .head_bytes = 600,
        .n_headers = 12,
        .body_bytes = 1000,
    };
    struct h1_reader reader;

    h1_reader_init_request(&reader, &limits);
    h1_rewrite_fuzz(&reader, (struct span){(const char *)data, size});
    return 0;
}

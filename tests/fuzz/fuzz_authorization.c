/* The input is the value of an Authorization header. */
#include "control/api/authorization.h"
#include "http/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct span s, struct span whole)
{
    return s.ptr >= whole.ptr && s.ptr + s.len <= whole.ptr + whole.len;
}

/* What was found lies within the input, and is what a signer may have written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span value = {(const char *)data, size};
    struct authorization a;
    size_t sum = 0;

    if (authorization_parse(value, &a) != 0)
        return 0;
    assert(is_inside(a.key_id, value) && a.key_id.len > 0 && a.key_id.len <= AUTHORIZATION_KEY_MAX);
    assert(is_inside(a.signature, value) && a.signature.len == 64);
    assert(is_inside(a.signed_headers, value));
    assert(a.n_headers > 0 && a.n_headers <= AUTHORIZATION_HEADERS_MAX);
    for (uint32_t i = 0; i < a.n_headers; i++) {
        assert(is_inside(a.headers[i], a.signed_headers) && http_is_token(a.headers[i]));
        assert(authorization_has(&a, a.headers[i]));
        sum += a.headers[i].len + 1;
    }
    assert(sum == a.signed_headers.len + 1);
    return 0;
}

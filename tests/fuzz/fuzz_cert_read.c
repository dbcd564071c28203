/* Certificates and keys as anybody may upload them: facts or a sentence, and facts that can be stored.
 *
 * Input: a certificate, a zero byte, a key. Without a zero byte it is that of a CA. */
#include "control/products/cas/cert_read.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2026-01-01 */
#define NOW_MS 1767225600000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = {(const char *)data, size}, cert = {all.ptr, span_find(all, '\0')};
    bool is_ca = cert.len == all.len;
    struct span key = is_ca ? (struct span){0} : span_from(all, cert.len + 1);
    const char *why = NULL;
    json_t *facts = NULL;
    char *json;

    if (cert_read(cert, key, is_ca, NOW_MS, &facts, &why) != CERT_GOOD) {
        assert(!facts && why && why[0] != '\0');
        return 0;
    }
    json = json_dumps(facts, JSON_COMPACT);
    assert(json);
    free(json);
    json_decref(facts);
    return 0;
}

#include "openapi/sign.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define SECRET_MAX 1024u

void sign_encode(struct text *out, struct span s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';

        if (is_plain) {
            text_add_char(out, (char)c);
        } else {
            const char escape[] = {'%', hex[c >> 4], hex[c & 15]};

            text_add(out, (struct span){escape, sizeof(escape)});
        }
    }
}

static int compare_spans(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t len = MIN(a_len, b_len);
    int order = len > 0 ? memcmp(a, b, len) : 0;

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_params(const void *left, const void *right)
{
    const struct param *a = *(const struct param *const *)left;
    const struct param *b = *(const struct param *const *)right;
    int order = compare_spans(a->name, a->name_len, b->name, b->name_len);

    return order != 0 ? order : compare_spans(a->value, a->value_len, b->value, b->value_len);
}

/* The pairs by name, encoded and joined; `left_out` (NULL: none) is not among them. */
static void add_sorted(struct text *out, const struct params *params, const char *left_out)
{
    const struct param **sorted = base_calloc(params->n + 1, sizeof(const struct param *));
    uint32_t n = 0;

    for (uint32_t i = 0; i < params->n; i++) {
        if (!left_out || strcmp(params->items[i].name, left_out) != 0)
            sorted[n++] = &params->items[i];
    }
    qsort(sorted, n, sizeof(const struct param *), compare_params);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            text_add_char(out, '&');
        sign_encode(out, (struct span){sorted[i]->name, sorted[i]->name_len});
        text_add_char(out, '=');
        sign_encode(out, (struct span){sorted[i]->value, sorted[i]->value_len});
    }
    free(sorted);
}

void sign_v1_string(struct text *out, struct span method, const struct params *params)
{
    struct text query;

    text_init_secret(&query, SIZE_MAX);
    add_sorted(&query, params, "Signature");
    text_add(out, method);
    text_add(out, SPAN_LIT("&%2F&"));
    sign_encode(out, text_span(&query));
    text_done(&query);
}

/* Libcrypto fails only when it is out of memory or forbids the algorithm: no request can be judged then. */
static void require(bool worked)
{
    if (UNLIKELY(!worked))
        abort();
}

void sign_v1(struct span secret, struct span string, char buf[SIGN_V1_LEN + 1])
{
    unsigned char digest[20];
    char key[SECRET_MAX + 1];

    assert(secret.len <= SECRET_MAX);
    if (secret.len > 0)
        memcpy(key, secret.ptr, secret.len);
    key[secret.len] = '&';
    require(HMAC(EVP_sha1(), key, (int)secret.len + 1, (const unsigned char *)string.ptr,
                string.len, digest, NULL) != NULL);
    OPENSSL_cleanse(key, sizeof(key));
    (void)EVP_EncodeBlock((unsigned char *)buf, digest, sizeof(digest));
}

static void put_hex(const unsigned char digest[32], char buf[SIGN_SHA256_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < 32; i++) {
        buf[2 * i] = hex[digest[i] >> 4];
        buf[2 * i + 1] = hex[digest[i] & 15];
    }
    buf[SIGN_SHA256_LEN] = '\0';
}

void sign_sha256(struct span data, char buf[SIGN_SHA256_LEN + 1])
{
    unsigned char digest[32];

    require(EVP_Digest(data.ptr, data.len, digest, NULL, EVP_sha256(), NULL) == 1);
    put_hex(digest, buf);
}

void sign_v3_canonical(struct text *out, struct span method, const struct params *query,
    const struct sign_header *headers, uint32_t n_headers, struct span content_sha256)
{
    text_add(out, method);
    text_add(out, SPAN_LIT("\n/\n"));
    add_sorted(out, query, NULL);
    text_add_char(out, '\n');
    for (uint32_t i = 0; i < n_headers; i++) {
        text_add(out, headers[i].name);
        text_add_char(out, ':');
        text_add(out, headers[i].value);
        text_add_char(out, '\n');
    }
    text_add_char(out, '\n');
    for (uint32_t i = 0; i < n_headers; i++) {
        if (i > 0)
            text_add_char(out, ';');
        text_add(out, headers[i].name);
    }
    text_add_char(out, '\n');
    text_add(out, content_sha256);
}

void sign_v3(struct span secret, struct span canonical, char buf[SIGN_SHA256_LEN + 1])
{
    char string[18 + SIGN_SHA256_LEN + 1] = "ACS3-HMAC-SHA256\n";
    unsigned char digest[32];

    sign_sha256(canonical, string + 17);
    require(HMAC(EVP_sha256(), secret.len > 0 ? secret.ptr : "", (int)secret.len,
                (const unsigned char *)string, 17 + SIGN_SHA256_LEN, digest, NULL) != NULL);
    put_hex(digest, buf);
}

bool sign_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

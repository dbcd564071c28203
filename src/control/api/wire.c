#include "control/api/wire.h"

#include <stdarg.h>
#include <time.h>

#include "openapi/sign.h"

/* Room for the string to sign of a V1 request of the largest size, encoded twice. An answer shows it if it is not too long. */
#define WIRE_STRING_MAX  (24u << 20)
#define WIRE_MESSAGE_MAX (1u << 20)
#define WIRE_NONCE_MAX   256u

/* What SDKs look for in front of the string to sign, letter by letter: if theirs is the same they tell their user that the
 * secret is wrong, and else show both. */
#define V1_MISMATCH \
    "Specified signature is not matched with our calculation. server string to sign is:"

void wire_error_init(struct wire_error *error)
{
    *error = (struct wire_error){0};
    text_init_secret(&error->message, WIRE_MESSAGE_MAX);
}

void wire_error_done(struct wire_error *error)
{
    text_done(&error->message);
}

int wire_fail(struct wire_error *error, unsigned status, const char *code, const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    error->status = status;
    error->code = code;
    text_reset(&error->message);
    text_add(&error->message, span_of(message));
    return -EINVAL;
}

void wire_done(struct wire *wire)
{
    params_done(&wire->params);
}

static int two_digits(const char *at)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return -1;
    return (at[0] - '0') * 10 + at[1] - '0';
}

int wire_parse_time(struct span text, uint64_t *ret_ms)
{
    static const char pattern[] = "dddd-dd-ddTdd:dd:ddZ";
    struct tm tm = {0}, again;
    time_t seconds;

    if (text.len != sizeof(pattern) - 1)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';

        if (pattern[i] == 'd' ? !is_digit : text.ptr[i] != pattern[i])
            return -EINVAL;
    }
    tm.tm_year = two_digits(text.ptr) * 100 + two_digits(text.ptr + 2) - 1900;
    tm.tm_mon = two_digits(text.ptr + 5) - 1;
    tm.tm_mday = two_digits(text.ptr + 8);
    tm.tm_hour = two_digits(text.ptr + 11);
    tm.tm_min = two_digits(text.ptr + 14);
    tm.tm_sec = two_digits(text.ptr + 17);
    again = tm;
    seconds = timegm(&again);
    /* timegm accepts 31 February and says 3 March. */
    if (seconds < 0 || again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday ||
        again.tm_hour != tm.tm_hour)
        return -EINVAL;
    *ret_ms = (uint64_t)seconds * 1000;
    return 0;
}

/* The value of a header that is there once; ptr NULL if it is absent. -EINVAL if it is repeated. */
static int find_header(const struct http_fields *fields, struct span name, struct span *ret_value)
{
    const struct http_header *header;
    uint32_t pos = 0;

    header = http_find_name_from(fields, name, &pos);
    *ret_value = header ? span_trim(http_header_value(header)) : (struct span){0};
    return header && http_find_name_from(fields, name, &pos) ? -EINVAL : 0;
}

static bool is_form(struct span content_type)
{
    struct span type;

    return content_type.len == 0 ||
           (span_next(&content_type, ';', &type) &&
               span_eq_nocase(type, SPAN_LIT("application/x-www-form-urlencoded")));
}

static int read_params(
    const struct wire_request *request, struct wire *wire, struct wire_error *error)
{
    struct span content_type;
    int r;

    r = params_decode_form(&wire->params, request->query);
    wire->n_query = wire->params.n;
    if (r == 0 && request->body.len > 0) {
        if (find_header(request->fields, SPAN_LIT("content-type"), &content_type) < 0 ||
            !is_form(content_type))
            return wire_fail(error, 400, "UnsupportedContentType",
                "A request body must be application/x-www-form-urlencoded.");
        r = params_decode_form(&wire->params, request->body);
    }
    if (r == -E2BIG)
        return wire_fail(
            error, 400, "InvalidParameter", "There are more than %u parameters.", PARAMS_MAX);
    if (r < 0)
        return wire_fail(error, 400, "InvalidParameter",
            "The parameters are not well-formed: a %% without two hexadecimal digits, a zero byte, or not UTF-8.");
    return 0;
}

/* --- V1 ------------------------------------------------------------------------------------------ */

/* Parameters that must have one value if they are there. */
static const struct {
    const char *name;
    bool required;
    const char *value;
} v1_fixed[] = {
    {"SignatureMethod", true, "HMAC-SHA1"},
    {"SignatureVersion", true, "1.0"},
    {"SignatureType", false, ""},
    {"Format", false, "JSON"},
};

static int read_v1_fixed(const struct wire *wire, struct wire_error *error)
{
    for (unsigned i = 0; i < ARRAY_LEN(v1_fixed); i++) {
        struct span value = params_find(&wire->params, v1_fixed[i].name);

        if (!value.ptr && v1_fixed[i].required)
            return wire_fail(error, 400, "MissingParameter", "%s is missing.", v1_fixed[i].name);
        if (value.ptr && !span_eq_nocase(value, span_of(v1_fixed[i].value)))
            return wire_fail(error, 400, i < 3 ? "IncompleteSignature" : "InvalidParameter.Format",
                "%s is %.*s; only \"%s\" is supported.", v1_fixed[i].name, (int)MIN(value.len, 64u),
                value.ptr, v1_fixed[i].value);
    }
    if (params_find(&wire->params, "SecurityToken").len > 0)
        return wire_fail(error, 400, "InvalidSecurityToken.NotSupported",
            "Security tokens are not supported; use an AccessKey pair.");
    return 0;
}

static int read_v1(struct wire *wire, struct wire_error *error)
{
    const struct {
        const char *name;
        struct span *ret;
    } wanted[] = {
        {"Action", &wire->action},
        {"Version", &wire->version},
        {"AccessKeyId", &wire->key_id},
        {"Signature", &wire->signature},
        {"SignatureNonce", &wire->nonce},
        {"Timestamp", &wire->timestamp},
    };

    for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
        *wanted[i].ret = params_find(&wire->params, wanted[i].name);
        if (wanted[i].ret->len == 0)
            return wire_fail(error, 400, "MissingParameter", "%s is missing.", wanted[i].name);
    }
    return read_v1_fixed(wire, error);
}

static int verify_v1(const struct wire_request *request, const struct wire *wire,
    struct span secret, struct wire_error *error)
{
    char expected[SIGN_V1_LEN + 1];
    struct text string;
    int r = 0;

    text_init_secret(&string, WIRE_STRING_MAX);
    sign_v1_string(&string, request->method, &wire->params);
    sign_v1(secret, text_span(&string), expected);
    if (text_failed(&string) ||
        !sign_equal(wire->signature, (struct span){expected, SIGN_V1_LEN})) {
        r = wire_fail(error, 400, "SignatureDoesNotMatch", V1_MISMATCH);
        text_add(&error->message, text_span(&string));
    }
    text_done(&string);
    return r;
}

/* --- V3 ------------------------------------------------------------------------------------------ */

static int read_v3(const struct wire_request *request, struct span authorization, struct wire *wire,
    struct wire_error *error)
{
    const struct {
        struct span name;
        struct span *ret; /* NULL: it must be there and signed, no more */
    } wanted[] = {
        {SPAN_LIT("host"), NULL},
        {SPAN_LIT("x-acs-action"), &wire->action},
        {SPAN_LIT("x-acs-version"), &wire->version},
        {SPAN_LIT("x-acs-date"), &wire->timestamp},
        {SPAN_LIT("x-acs-signature-nonce"), &wire->nonce},
        {SPAN_LIT("x-acs-content-sha256"), &wire->content_sha256},
    };
    struct span value;
    int r;

    wire->is_v3 = true;
    r = authorization_parse(authorization, &wire->authorization);
    if (r == AUTHORIZATION_ALGORITHM)
        return wire_fail(error, 400, "IncompleteSignature",
            "Authorization must begin with ACS3-HMAC-SHA256, the only algorithm supported.");
    if (r != 0)
        return wire_fail(error, 400, "IncompleteSignature",
            "Authorization is not Credential=ID,SignedHeaders=NAMES,Signature=HEX.");
    for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
        if (find_header(request->fields, wanted[i].name, &value) < 0 || value.len == 0)
            return wire_fail(error, 400, "MissingParameter",
                "Header %.*s is missing, or there more than once.", SPAN_ARG(wanted[i].name));
        if (!authorization_has(&wire->authorization, wanted[i].name))
            return wire_fail(error, 400, "IncompleteSignature",
                "Header %.*s must be among SignedHeaders.", SPAN_ARG(wanted[i].name));
        if (wanted[i].ret)
            *wanted[i].ret = value;
    }
    if (find_header(request->fields, SPAN_LIT("x-acs-security-token"), &value) < 0 || value.len > 0)
        return wire_fail(error, 400, "InvalidSecurityToken.NotSupported",
            "Security tokens are not supported; use an AccessKey pair.");
    wire->key_id = wire->authorization.key_id;
    wire->signature = wire->authorization.signature;
    return 0;
}

static int verify_v3(const struct wire_request *request, const struct wire *wire,
    struct span secret, struct wire_error *error)
{
    const struct authorization *a = &wire->authorization;
    const struct params query = {.items = wire->params.items, .n = wire->n_query};
    struct sign_header headers[AUTHORIZATION_HEADERS_MAX];
    char hash[SIGN_SHA256_LEN + 1], expected[SIGN_SHA256_LEN + 1];
    struct text canonical;
    bool is_equal;

    sign_sha256(request->body, hash);
    if (!sign_equal(wire->content_sha256, (struct span){hash, SIGN_SHA256_LEN}))
        return wire_fail(error, 400, "SignatureDoesNotMatch",
            "x-acs-content-sha256 is not the SHA-256 of the body that came.");
    for (uint32_t i = 0; i < a->n_headers; i++) {
        headers[i].name = a->headers[i];
        if (find_header(request->fields, a->headers[i], &headers[i].value) < 0 ||
            !headers[i].value.ptr)
            return wire_fail(error, 400, "IncompleteSignature",
                "Signed header %.*s is not there, or more than once.",
                (int)MIN(a->headers[i].len, 64u), a->headers[i].ptr);
    }
    text_init_secret(&canonical, WIRE_STRING_MAX);
    sign_v3_canonical(
        &canonical, request->method, &query, headers, a->n_headers, wire->content_sha256);
    sign_v3(secret, text_span(&canonical), expected);
    is_equal = !text_failed(&canonical) &&
               sign_equal(wire->signature, (struct span){expected, SIGN_SHA256_LEN});
    sign_sha256(text_span(&canonical), hash);
    text_done(&canonical);
    if (is_equal)
        return 0;
    return wire_fail(error, 400, "SignatureDoesNotMatch", V1_MISMATCH "ACS3-HMAC-SHA256\n%s", hash);
}

/* --- both ---------------------------------------------------------------------------------------- */

int wire_read(const struct wire_request *request, struct wire *ret_wire, struct wire_error *error)
{
    struct span authorization;
    int r;

    *ret_wire = (struct wire){0};
    r = read_params(request, ret_wire, error);
    if (r < 0)
        return r;
    if (find_header(request->fields, SPAN_LIT("authorization"), &authorization) < 0)
        return wire_fail(
            error, 400, "IncompleteSignature", "There is more than one Authorization.");
    /* Clients that sign with V1 also send x-acs headers: what is signed wins. */
    if (authorization.ptr && !params_find(&ret_wire->params, "Signature").ptr)
        r = read_v3(request, authorization, ret_wire, error);
    else
        r = read_v1(ret_wire, error);
    if (r == 0 && ret_wire->nonce.len > WIRE_NONCE_MAX)
        return wire_fail(
            error, 400, "InvalidParameter", "The nonce is longer than %u bytes.", WIRE_NONCE_MAX);
    return r;
}

int wire_verify(const struct wire_request *request, const struct wire *wire, struct span secret,
    uint64_t now_ms, struct wire_error *error)
{
    uint64_t then_ms;

    if (wire_parse_time(wire->timestamp, &then_ms) < 0)
        return wire_fail(error, 400, "InvalidTimeStamp.Format",
            "The timestamp must look like 2026-01-31T23:59:59Z, in UTC.");
    if (then_ms + WIRE_WINDOW_MS < now_ms || now_ms + WIRE_WINDOW_MS < then_ms)
        return wire_fail(error, 400, "InvalidTimeStamp.Expired",
            "The timestamp is more than 15 minutes off; compare the clocks.");
    return wire->is_v3 ? verify_v3(request, wire, secret, error)
                       : verify_v1(request, wire, secret, error);
}

#include "control/api/authorization.h"

#include "http/msg.h"
#include "openapi/sign.h"

static bool is_key_id(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return s.len > 0 && s.len <= AUTHORIZATION_KEY_MAX;
}

static bool is_lower_token(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
            return false;
    }
    return http_is_token(s);
}

static bool is_signature(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !(s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))
            return false;
    }
    return s.len == SIGN_SHA256_LEN;
}

bool authorization_has(const struct authorization *authorization, struct span header)
{
    for (uint32_t i = 0; i < authorization->n_headers; i++) {
        if (span_eq(authorization->headers[i], header))
            return true;
    }
    return false;
}

/* Cuts at the first c; *rest is what follows. False: there is none. */
static bool cut(struct span *rest, char c, struct span *ret_before)
{
    size_t at = span_find(*rest, c);

    if (at == rest->len)
        return false;
    *ret_before = (struct span){rest->ptr, at};
    *rest = span_from(*rest, at + 1);
    return true;
}

static bool read_headers(struct span list, struct authorization *a)
{
    struct span rest = list;
    bool more = list.len > 0;

    a->signed_headers = list;
    while (more) {
        struct span header;

        more = cut(&rest, ';', &header);
        if (!more)
            header = rest;
        if (!is_lower_token(header) || authorization_has(a, header) ||
            a->n_headers == AUTHORIZATION_HEADERS_MAX)
            return false;
        a->headers[a->n_headers++] = header;
    }
    return a->n_headers > 0;
}

static bool read_member(struct span name, struct span value, struct authorization *a)
{
    if (span_eq(name, SPAN_LIT("Credential")) && !a->key_id.ptr) {
        a->key_id = value;
        return is_key_id(value);
    }
    if (span_eq(name, SPAN_LIT("SignedHeaders")) && a->n_headers == 0)
        return read_headers(value, a);
    if (span_eq(name, SPAN_LIT("Signature")) && !a->signature.ptr) {
        a->signature = value;
        return is_signature(value);
    }
    return false;
}

int authorization_parse(struct span value, struct authorization *ret_authorization)
{
    struct authorization a = {0};
    struct span rest = value;
    struct span scheme, name;

    if (!cut(&rest, ' ', &scheme) || !span_eq(scheme, SPAN_LIT("ACS3-HMAC-SHA256")))
        return AUTHORIZATION_ALGORITHM;
    for (unsigned i = 0; i < 3; i++) {
        struct span member;

        if (i < 2 ? !cut(&rest, ',', &member) : span_find(rest, ',') != rest.len)
            return AUTHORIZATION_MALFORMED;
        if (i == 2)
            member = rest;
        if (i > 0 && member.len > 0 && member.ptr[0] == ' ')
            member = span_from(member, 1);
        if (!cut(&member, '=', &name) || !read_member(name, member, &a))
            return AUTHORIZATION_MALFORMED;
    }
    *ret_authorization = a;
    return 0;
}

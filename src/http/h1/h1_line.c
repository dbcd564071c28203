/* Request line, status line, and the one authority of a request (RFC 9112 sections 3 and 4). */
#include "http/chars.h"
#include "http/h1/h1_head.h"

static const char *skip(const char *at, unsigned chars_class)
{
    while (chars_is(*at, chars_class)) /* ends at CR at the latest */
        at++;
    return at;
}

/* "HTTP/1.1" and nothing behind it. */
static bool is_version(struct span s)
{
    return s.len == 8 && memcmp(s.ptr, "HTTP/", 5) == 0 && chars_hex(s.ptr[5]) < 10 &&
           s.ptr[6] == '.' && chars_hex(s.ptr[7]) < 10;
}

/* Of is_version. */
static bool parse_version(struct span s, uint8_t *ret_version)
{
    if (s.ptr[5] != '1' || (s.ptr[7] != '0' && s.ptr[7] != '1'))
        return false;
    *ret_version = s.ptr[7] == '1' ? HTTP_VERSION_1_1 : HTTP_VERSION_1_0;
    return true;
}

static void split_query(struct span target, struct http_msg *msg)
{
    size_t mark = span_find(target, '?');

    msg->path = (struct span){target.ptr, mark};
    msg->has_query = mark < target.len;
    if (msg->has_query)
        msg->query = span_from(target, mark + 1);
}

/* absolute-form: "http://authority/path?query" */
COLD static enum reason parse_absolute(struct span target, struct http_msg *msg)
{
    size_t colon = span_find(target, ':');
    struct span scheme = {target.ptr, colon};
    struct span rest, host;
    size_t n = 0;
    uint16_t port;

    if (!span_eq_nocase(scheme, SPAN_LIT("http")) && !span_eq_nocase(scheme, SPAN_LIT("https")))
        return REASON_BAD_TARGET;
    rest = span_from(target, colon);
    if (!span_starts_with(rest, SPAN_LIT("://")))
        return REASON_BAD_TARGET;
    rest = span_from(rest, 3);
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
        n++;
    msg->scheme = scheme;
    msg->authority = (struct span){rest.ptr, n};
    if (http_split_authority(msg->authority, &host, &port) < 0)
        return REASON_BAD_TARGET;
    split_query(span_from(rest, n), msg);
    /* RFC 9112 section 3.2.4: OPTIONS without a path means the server as a whole */
    if (msg->path.len == 0)
        msg->path =
            msg->method == HTTP_METHOD_OPTIONS && !msg->has_query ? SPAN_LIT("*") : SPAN_LIT("/");
    return REASON_NONE;
}

static enum reason parse_target(struct http_msg *msg)
{
    struct span target = msg->target;

    if (LIKELY(target.ptr[0] == '/')) {
        split_query(target, msg);
        return REASON_NONE;
    }
    if (span_eq(target, SPAN_LIT("*")) && msg->method == HTTP_METHOD_OPTIONS) {
        msg->path = target;
        return REASON_NONE;
    }
    return parse_absolute(target, msg);
}

enum reason h1_parse_request_line(struct span line, struct http_msg *msg)
{
    const char *end = line.ptr + line.len;
    const char *at = skip(line.ptr, CHARS_METHOD);
    const char *target;
    struct span version;

    msg->method_text = (struct span){line.ptr, (size_t)(at - line.ptr)};
    if (msg->method_text.len == 0 || *at != ' ')
        return at == end ? REASON_BAD_REQUEST_LINE : REASON_BAD_METHOD;
    target = at + 1;
    at = skip(target, CHARS_TARGET);
    msg->target = (struct span){target, (size_t)(at - target)};
    if (at == end || (at == target && *at == ' '))
        return REASON_BAD_REQUEST_LINE;
    if (*at != ' ')
        return REASON_BAD_TARGET;
    version = (struct span){at + 1, (size_t)(end - at - 1)};
    if (!is_version(version))
        return REASON_BAD_REQUEST_LINE;
    if (!parse_version(version, &msg->version))
        return REASON_BAD_VERSION;
    msg->method = (uint8_t)http_method_find(msg->method_text);
    if (msg->method == HTTP_METHOD_CONNECT || msg->method == HTTP_METHOD_TRACE)
        return REASON_METHOD_REFUSED;
    return parse_target(msg);
}

/* RFC 9112 section 4: the phrase may be missing, and so may the space in front of it. */
enum reason h1_parse_status_line(struct span line, struct http_msg *msg)
{
    struct span version = {line.ptr, MIN(line.len, (size_t)8)};
    unsigned status = 0;

    if (!is_version(version))
        return REASON_BAD_STATUS_LINE;
    if (!parse_version(version, &msg->version))
        return REASON_BAD_VERSION;
    if (line.len < 12 || line.ptr[8] != ' ' || (line.len > 12 && line.ptr[12] != ' '))
        return REASON_BAD_STATUS_LINE;
    for (unsigned i = 9; i < 12; i++) {
        unsigned digit = chars_hex(line.ptr[i]);

        if (digit > 9)
            return REASON_BAD_STATUS_LINE;
        status = status * 10 + digit;
    }
    if (status < 100 || status > 599)
        return REASON_BAD_STATUS_LINE;
    msg->status = (uint16_t)status;
    if (line.len > 13)
        msg->phrase = span_from(line, 13);
    return REASON_NONE;
}

/* Host and the authority of the target name the same server; the port of the scheme may be left out. */
COLD static bool same_authority(struct span host, const struct http_msg *msg)
{
    uint16_t default_port = msg->scheme.len == 5 ? 443 : 80;
    struct span name, other;
    uint16_t port, other_port;

    return http_split_authority(host, &name, &port) == 0 &&
           http_split_authority(msg->authority, &other, &other_port) == 0 &&
           span_eq_nocase(name, other) &&
           (port ? port : default_port) == (other_port ? other_port : default_port);
}

enum reason h1_check_host(const struct h1_facts *facts, struct http_msg *msg)
{
    struct span name;
    uint16_t port;

    if (facts->n_hosts > 1)
        return REASON_BAD_HOST;
    if (facts->n_hosts == 0)
        return msg->version == HTTP_VERSION_1_0 ? REASON_NONE : REASON_BAD_HOST;
    if (UNLIKELY(msg->scheme.len > 0))
        return same_authority(facts->host, msg) ? REASON_NONE : REASON_BAD_HOST;
    if (http_split_authority(facts->host, &name, &port) < 0)
        return REASON_BAD_HOST;
    msg->authority = facts->host;
    return REASON_NONE;
}

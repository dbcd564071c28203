/* Writing heads and chunk framing. Framing is made here from what the message is, never copied. */
#include "http/h1/h1.h"

/* Output that knows its end. An overrun sticks: at becomes NULL. */
struct h1_out {
    char *at, *end;
};

static inline void put(struct h1_out *out, struct span s)
{
    if (UNLIKELY(!out->at || (size_t)(out->end - out->at) < s.len)) {
        out->at = NULL;
        return;
    }
    if (s.len > 0)
        memcpy(out->at, s.ptr, s.len);
    out->at += s.len;
}

static void put_number(struct h1_out *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(out, (struct span){digits + at, sizeof(digits) - at});
}

static void put_line(struct h1_out *out, struct span name, struct span value)
{
    size_t len = name.len + value.len + 4;

    if (UNLIKELY(!out->at || (size_t)(out->end - out->at) < len)) {
        out->at = NULL;
        return;
    }
    memcpy(out->at, name.ptr, name.len);
    out->at += name.len;
    *out->at++ = ':';
    *out->at++ = ' ';
    if (value.len > 0)
        memcpy(out->at, value.ptr, value.len);
    out->at += value.len;
    *out->at++ = '\r';
    *out->at++ = '\n';
}

static size_t out_bytes(const struct h1_out *out, const char *buf)
{
    return out->at ? (size_t)(out->at - buf) : 0;
}

/* What this file writes itself. */
static bool is_own(uint16_t id, bool request)
{
    switch (id) {
    case HTTP_NAME_HOST:
        return request;
    case HTTP_NAME_CONNECTION:
    case HTTP_NAME_KEEP_ALIVE:
    case HTTP_NAME_PROXY_CONNECTION:
    case HTTP_NAME_TE:
    case HTTP_NAME_UPGRADE:
    case HTTP_NAME_TRANSFER_ENCODING:
    case HTTP_NAME_CONTENT_LENGTH:
        return true;
    default:
        return false;
    }
}

static void put_fields(struct h1_out *out, const struct http_msg *msg)
{
    for (uint32_t i = 0; i < msg->fields.n; i++) {
        const struct http_header *h = &msg->fields.at[i];

        if (!h->dropped && !is_own(h->id, msg->is_request))
            put_line(out, http_header_name(h), http_header_value(h));
    }
}

static void put_length(struct h1_out *out, uint64_t length)
{
    put(out, SPAN_LIT("Content-Length: "));
    put_number(out, length);
    put(out, SPAN_LIT("\r\n"));
}

/* A response that may have a body, but has none, says which length it has or would have. */
static bool says_length(const struct http_msg *msg)
{
    return !msg->is_request && msg->status >= 200 && msg->status != 204 &&
           msg->content_length != HTTP_LENGTH_UNKNOWN;
}

static void put_framing(struct h1_out *out, const struct http_msg *msg)
{
    switch ((enum http_body)msg->body) {
    case HTTP_BODY_NONE:
        if (says_length(msg))
            put_length(out, msg->content_length);
        break;
    case HTTP_BODY_LENGTH:
        put_length(out, msg->content_length);
        break;
    case HTTP_BODY_CHUNKED:
        put(out, SPAN_LIT("Transfer-Encoding: chunked\r\n"));
        break;
    case HTTP_BODY_CLOSE:
    case HTTP_BODY_TUNNEL:
        break;
    }
}

static void put_connection(
    struct h1_out *out, const struct http_msg *msg, enum h1_connection connection)
{
    if (msg->body == HTTP_BODY_CLOSE)
        connection = H1_CONNECTION_CLOSE;
    switch (connection) {
    case H1_CONNECTION_DEFAULT:
        break;
    case H1_CONNECTION_KEEP_ALIVE:
        put(out, SPAN_LIT("Connection: keep-alive\r\n"));
        break;
    case H1_CONNECTION_CLOSE:
        put(out, SPAN_LIT("Connection: close\r\n"));
        break;
    case H1_CONNECTION_UPGRADE:
        put(out, SPAN_LIT("Connection: upgrade\r\n"));
        put_line(out, SPAN_LIT("Upgrade"), msg->upgrade);
        break;
    }
}

static struct span version_text(enum http_version version)
{
    return version == HTTP_VERSION_1_0 ? SPAN_LIT("HTTP/1.0") : SPAN_LIT("HTTP/1.1");
}

static bool can_express(const struct http_msg *msg, enum http_version version)
{
    if (msg->body == HTTP_BODY_CHUNKED)
        return version == HTTP_VERSION_1_1;
    return !msg->is_request || msg->body == HTTP_BODY_NONE || msg->body == HTTP_BODY_LENGTH;
}

size_t h1_write_request(const struct http_msg *msg, enum http_version version,
    enum h1_connection connection, char *buf, size_t cap)
{
    struct h1_out out = {buf, buf + cap};

    assert(msg->is_request);
    if (!can_express(msg, version))
        return 0;
    put(&out, msg->method_text.len > 0 ? msg->method_text
                                       : http_method_text((enum http_method)msg->method));
    put(&out, SPAN_LIT(" "));
    put(&out, msg->path);
    if (msg->has_query) {
        put(&out, SPAN_LIT("?"));
        put(&out, msg->query);
    }
    put(&out, SPAN_LIT(" "));
    put(&out, version_text(version));
    put(&out, SPAN_LIT("\r\n"));
    /* RFC 9112 section 3.2: with nothing to say, 1.1 says it with an empty Host */
    if (msg->authority.len > 0 || version == HTTP_VERSION_1_1)
        put_line(&out, SPAN_LIT("Host"), msg->authority);
    put_fields(&out, msg);
    put_framing(&out, msg);
    put_connection(&out, msg, connection);
    put(&out, SPAN_LIT("\r\n"));
    return out_bytes(&out, buf);
}

size_t h1_write_response(const struct http_msg *msg, enum http_version version,
    enum h1_connection connection, char *buf, size_t cap)
{
    struct h1_out out = {buf, buf + cap};

    assert(!msg->is_request && msg->status >= 100 && msg->status <= 599);
    if (!can_express(msg, version))
        return 0;
    put(&out, version_text(version));
    put(&out, SPAN_LIT(" "));
    put_number(&out, msg->status);
    put(&out, SPAN_LIT(" "));
    put(&out, msg->phrase.len > 0 ? msg->phrase : http_status_phrase(msg->status));
    put(&out, SPAN_LIT("\r\n"));
    put_fields(&out, msg);
    put_framing(&out, msg);
    put_connection(&out, msg, connection);
    put(&out, SPAN_LIT("\r\n"));
    return out_bytes(&out, buf);
}

size_t h1_write_chunk_head(uint64_t bytes, char buf[static H1_CHUNK_HEAD_MAX])
{
    unsigned digits;

    assert(bytes > 0); /* 0 would end the message */
    digits = (67u - (unsigned)__builtin_clzll(bytes)) / 4;
    for (unsigned i = 0; i < digits; i++)
        buf[i] = "0123456789abcdef"[bytes >> (4 * (digits - 1 - i)) & 15];
    buf[digits] = '\r';
    buf[digits + 1] = '\n';
    return digits + 2;
}

size_t h1_write_last_chunk(const struct http_fields *trailers, char *buf, size_t cap)
{
    struct h1_out out = {buf, buf + cap};

    put(&out, SPAN_LIT("0\r\n"));
    for (uint32_t i = 0; trailers && i < trailers->n; i++) {
        const struct http_header *h = &trailers->at[i];

        if (!h->dropped)
            put_line(&out, http_header_name(h), http_header_value(h));
    }
    put(&out, SPAN_LIT("\r\n"));
    return out_bytes(&out, buf);
}

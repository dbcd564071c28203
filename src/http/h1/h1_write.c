/* Writing heads and chunk framing. Framing is made here from what the message is, never copied. */
#include "http/h1/h1.h"

/* Output that knows its end. An overrun sticks: at becomes NULL. */
struct h1_out {
    char *at, *end;
};

/* Where len bytes may be written, or NULL. */
static inline char *make_room(struct h1_out *out, size_t len)
{
    char *at = out->at;

    if (UNLIKELY(!at || (size_t)(out->end - at) < len)) {
        out->at = NULL;
        return NULL;
    }
    out->at = at + len;
    return at;
}

static inline void put(struct h1_out *out, struct span s)
{
    char *at = make_room(out, s.len);

    if (LIKELY(at))
        (void)span_put(at, s);
}

static inline char *put_end(char *at)
{
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

static void put_line(struct h1_out *out, struct span name, struct span value)
{
    char *at = make_room(out, name.len + value.len + 4);

    if (UNLIKELY(!at))
        return;
    at = span_put(at, name);
    *at++ = ':';
    *at++ = ' ';
    (void)put_end(span_put(at, value));
}

static size_t out_bytes(const struct h1_out *out, const char *buf)
{
    return out->at ? (size_t)(out->at - buf) : 0;
}

/* What this file writes itself; in requests also Host. */
#define OWN                                                                                    \
    (HTTP_BIT(CONNECTION) | HTTP_BIT(KEEP_ALIVE) | HTTP_BIT(PROXY_CONNECTION) | HTTP_BIT(TE) | \
        HTTP_BIT(UPGRADE) | HTTP_BIT(TRANSFER_ENCODING) | HTTP_BIT(CONTENT_LENGTH))

static void put_fields(struct h1_out *out, const struct http_msg *msg)
{
    uint64_t own = msg->is_request ? OWN | HTTP_BIT(HOST) : OWN;

    for (uint32_t i = 0; i < msg->fields.n; i++) {
        const struct http_header *h = &msg->fields.at[i];

        if (!h->dropped && !(own & http_name_bit(h->id)))
            put_line(out, http_header_name(h), http_header_value(h));
    }
}

static void put_length(struct h1_out *out, uint64_t length)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + length % 10);
        length /= 10;
    } while (length > 0);
    put_line(out, SPAN_LIT("Content-Length"), (struct span){digits + at, sizeof(digits) - at});
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

static char *put_version(char *at, enum http_version version)
{
    at = span_put(at, SPAN_LIT("HTTP/1.1"));
    if (version == HTTP_VERSION_1_0)
        at[-1] = '0';
    return at;
}

static void put_request_line(
    struct h1_out *out, const struct http_msg *msg, enum http_version version)
{
    struct span method = msg->method_text.len > 0 ? msg->method_text
                                                  : http_method_text((enum http_method)msg->method);
    size_t query_len = msg->has_query ? msg->query.len + 1 : 0;
    char *at =
        make_room(out, method.len + msg->path.len + query_len + sizeof("  HTTP/1.1\r\n") - 1);

    if (UNLIKELY(!at))
        return;
    at = span_put(at, method);
    *at++ = ' ';
    at = span_put(at, msg->path);
    if (msg->has_query) {
        *at++ = '?';
        at = span_put(at, msg->query);
    }
    *at++ = ' ';
    (void)put_end(put_version(at, version));
}

static void put_status_line(
    struct h1_out *out, const struct http_msg *msg, enum http_version version)
{
    struct span phrase = msg->phrase.len > 0 ? msg->phrase : http_status_phrase(msg->status);
    char *at = make_room(out, phrase.len + sizeof("HTTP/1.1 200 \r\n") - 1);

    if (UNLIKELY(!at))
        return;
    at = put_version(at, version);
    at[0] = ' ';
    at[1] = (char)('0' + msg->status / 100);
    at[2] = (char)('0' + msg->status / 10 % 10);
    at[3] = (char)('0' + msg->status % 10);
    at[4] = ' ';
    (void)put_end(span_put(at + 5, phrase));
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
    put_request_line(&out, msg, version);
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
    put_status_line(&out, msg, version);
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

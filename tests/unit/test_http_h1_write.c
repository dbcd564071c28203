/* Heads and chunk framing as they leave. */
#include "http/h1/h1.h"
#include "unit.h"

#define HEADERS 8u

/* A header list from "name: value" pairs; a leading '-' marks a dropped one. */
static void fill(struct http_fields *fields, const char *const *lines)
{
    fields->n = 0;
    for (; *lines; lines++) {
        const char *line = *lines + (**lines == '-');
        struct span whole = span_of(line);
        size_t colon = span_find(whole, ':');
        struct span name = {line, colon};

        assert_int_equal(
            http_add(fields, http_name_find(name), name, span_trim(span_from(whole, colon + 1))),
            0);
        fields->at[fields->n - 1].dropped = **lines == '-';
    }
}

struct write_case {
    struct http_msg msg;
    enum http_version version;
    enum h1_connection connection;
    const char *headers[HEADERS];
    const char *text; /* NULL: cannot be written */
};

#define SPAN(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }
#define REQUEST     .is_request = true, .method = HTTP_METHOD_GET, .path = SPAN("/p")
#define RESPONSE(s) .status = (s)

static const struct write_case cases[] = {
    {{REQUEST, .authority = SPAN("a:8")}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT,
        {"A: b", "-C: d", "Empty:"}, "GET /p HTTP/1.1\r\nHost: a:8\r\nA: b\r\nEmpty: \r\n\r\n"},
    {{REQUEST, .authority = SPAN("a"), .has_query = true}, HTTP_VERSION_1_1, H1_CONNECTION_CLOSE,
        {NULL}, "GET /p? HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
    {{REQUEST, .authority = SPAN("a"), .has_query = true, .query = SPAN("x=y")}, HTTP_VERSION_1_0,
        H1_CONNECTION_KEEP_ALIVE, {NULL},
        "GET /p?x=y HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"},
    {{REQUEST, .method_text = SPAN("PURGE")}, HTTP_VERSION_1_0, H1_CONNECTION_DEFAULT, {NULL},
        "PURGE /p HTTP/1.0\r\n\r\n"},
    {{REQUEST}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {NULL},
        "GET /p HTTP/1.1\r\nHost: \r\n\r\n"},
    /* framing is made, not copied */
    {{REQUEST, .authority = SPAN("a"), .body = HTTP_BODY_LENGTH,
         .content_length = 18446744073709551614u},
        HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT,
        {"Content-Length: 5", "Transfer-Encoding: chunked", "Host: b", "Connection: x",
            "Keep-Alive: y", "TE: z", "Upgrade: h2c"},
        "GET /p HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551614\r\n\r\n"},
    {{REQUEST, .authority = SPAN("a"), .body = HTTP_BODY_LENGTH}, HTTP_VERSION_1_1,
        H1_CONNECTION_DEFAULT, {NULL}, "GET /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {{REQUEST, .authority = SPAN("a"), .body = HTTP_BODY_CHUNKED}, HTTP_VERSION_1_1,
        H1_CONNECTION_DEFAULT, {NULL},
        "GET /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {{REQUEST, .authority = SPAN("a"), .upgrade = SPAN("websocket")}, HTTP_VERSION_1_1,
        H1_CONNECTION_UPGRADE, {NULL},
        "GET /p HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"},
    {{REQUEST, .body = HTTP_BODY_CHUNKED}, HTTP_VERSION_1_0, H1_CONNECTION_DEFAULT, {NULL}, NULL},
    {{REQUEST, .body = HTTP_BODY_CLOSE}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {NULL}, NULL},

    {{RESPONSE(200), .body = HTTP_BODY_LENGTH, .content_length = 12}, HTTP_VERSION_1_1,
        H1_CONNECTION_DEFAULT, {"Server: s", "Host: kept in responses"},
        "HTTP/1.1 200 OK\r\nServer: s\r\nHost: kept in responses\r\nContent-Length: 12\r\n\r\n"},
    {{RESPONSE(200), .phrase = SPAN("Fine"), .body = HTTP_BODY_CHUNKED}, HTTP_VERSION_1_1,
        H1_CONNECTION_CLOSE, {NULL},
        "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"},
    {{RESPONSE(200), .body = HTTP_BODY_CHUNKED}, HTTP_VERSION_1_0, H1_CONNECTION_CLOSE, {NULL},
        NULL},
    {{RESPONSE(200), .body = HTTP_BODY_CLOSE}, HTTP_VERSION_1_0, H1_CONNECTION_KEEP_ALIVE, {NULL},
        "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"},
    {{RESPONSE(302)}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {"Location: /x"},
        "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"},
    {{RESPONSE(200), .content_length = 7}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {NULL},
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"}, /* answers HEAD */
    {{RESPONSE(304), .content_length = HTTP_LENGTH_UNKNOWN}, HTTP_VERSION_1_1,
        H1_CONNECTION_DEFAULT, {NULL}, "HTTP/1.1 304 Not Modified\r\n\r\n"},
    {{RESPONSE(204)}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {NULL},
        "HTTP/1.1 204 No Content\r\n\r\n"},
    {{RESPONSE(100)}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {NULL},
        "HTTP/1.1 100 Continue\r\n\r\n"},
    {{RESPONSE(101), .body = HTTP_BODY_TUNNEL, .upgrade = SPAN("x")}, HTTP_VERSION_1_1,
        H1_CONNECTION_UPGRADE, {NULL},
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"},
    {{RESPONSE(299), .body = HTTP_BODY_LENGTH}, HTTP_VERSION_1_1, H1_CONNECTION_DEFAULT, {NULL},
        "HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n"},
};

static size_t write_case(const struct write_case *c, char *buf, size_t cap)
{
    struct http_header headers[HEADERS];
    struct http_msg msg = c->msg;

    msg.fields = (struct http_fields){.at = headers, .cap = HEADERS};
    fill(&msg.fields, c->headers);
    return msg.is_request ? h1_write_request(&msg, c->version, c->connection, buf, cap)
                          : h1_write_response(&msg, c->version, c->connection, buf, cap);
}

static void heads_are_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *text = cases[i].text ? cases[i].text : "";
        char buf[512];
        size_t n = write_case(&cases[i], buf, sizeof(buf));

        assert_span_is(((struct span){buf, n}), text);
    }
}

/* Under AddressSanitizer a byte too many would show. */
static void fit_into(const struct write_case *c, size_t cap, size_t needed)
{
    char *buf = base_alloc(MAX(cap, (size_t)1));

    assert_int_equal(write_case(c, buf, cap), cap == needed ? needed : 0);
    free(buf);
}

static void a_head_that_does_not_fit_is_not_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t needed = cases[i].text ? strlen(cases[i].text) : 0;

        for (size_t cap = 0; cap <= needed; cap++)
            fit_into(&cases[i], cap, needed);
    }
}

static void chunk_heads_are_written(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } chunks[] = {
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {0x1a2b, "1a2b\r\n"},
        {16384, "4000\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        char buf[H1_CHUNK_HEAD_MAX];

        assert_span_is(
            ((struct span){buf, h1_write_chunk_head(chunks[i].bytes, buf)}), chunks[i].text);
    }
}

static void last_chunks_are_written(void **state)
{
    static const char *const lines[] = {"A: b", "-C: d", NULL};
    struct http_header headers[HEADERS];
    struct http_fields fields = {.at = headers, .cap = HEADERS};
    char buf[32];

    (void)state;
    assert_span_is(((struct span){buf, h1_write_last_chunk(NULL, buf, sizeof(buf))}), "0\r\n\r\n");
    assert_span_is(((struct span){buf, h1_write_last_chunk(&fields, buf, 5)}), "0\r\n\r\n");
    fill(&fields, lines);
    assert_span_is(
        ((struct span){buf, h1_write_last_chunk(&fields, buf, 11)}), "0\r\nA: b\r\n\r\n");
    assert_int_equal(h1_write_last_chunk(&fields, buf, 10), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written),
        cmocka_unit_test(a_head_that_does_not_fit_is_not_written),
        cmocka_unit_test(chunk_heads_are_written),
        cmocka_unit_test(last_chunks_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a server may send: as strict as what a client may. */
#include "../fuzz/h1_events.h"
#include "unit.h"

static const struct h1_limits limits = {
    .line_bytes = 100,
    .header_bytes = 200,
    .head_bytes = 300,
    .n_headers = 4,
    .body_bytes = 1000,
};

#define IN(text)      SPAN_LIT(text)
#define LINE(line)    IN(line "\r\nContent-Length: 0\r\n\r\n")
#define OK200(rest)   IN("HTTP/1.1 200 OK\r\n" rest)
#define CHUNKED(body) OK200("Transfer-Encoding: chunked\r\n\r\n" body)
#define TEN(x)        x x x x x x x x x x
#define BAD_LINE      "REFUSE:bad_status_line:502"
#define BAD_LENGTH    "REFUSE:bad_content_length:502"
#define BAD_CODING    "REFUSE:bad_transfer_encoding:502"
#define TOO_LONG      "REFUSE:response_too_long:502"

struct response_case {
    const char *name;
    struct span input;
    const char *events; /* with the end of the connection behind the input */
    enum http_method method;
};

static const struct response_case cases[] = {
    {"length", OK200("Content-Length: 5\r\n\r\nhello"), "HEAD BODY:hello END", HTTP_METHOD_GET},
    {"length 0", OK200("Content-Length: 0\r\n\r\n"), "HEAD END", HTTP_METHOD_GET},
    {"cut", OK200("Content-Length: 6\r\n\r\nhello"), "HEAD BODY:hello REFUSE:server_cut:502",
        HTTP_METHOD_GET},
    {"chunked", CHUNKED("5\r\nhello\r\n0\r\n\r\n"), "HEAD BODY:hello END", HTTP_METHOD_GET},
    {"chunked, cut", CHUNKED("5\r\nhello\r\n"), "HEAD BODY:hello REFUSE:server_cut:502",
        HTTP_METHOD_GET},
    {"chunked, cut in trailers", CHUNKED("0\r\nA: b\r\n"), "HEAD REFUSE:server_cut:502",
        HTTP_METHOD_GET},
    {"trailers", CHUNKED("0\r\nServer-Timing: x\r\n\r\n"), "HEAD END{0:Server-Timing=x}",
        HTTP_METHOD_GET},
    {"forbidden trailer", CHUNKED("0\r\nSet-Cookie: x\r\n\r\n"), "HEAD REFUSE:bad_trailer:502",
        HTTP_METHOD_GET},
    {"chunked in 1.0",
        IN("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
        "HEAD BODY:a END", HTTP_METHOD_GET},
    {"until close", OK200("\r\nhello"), "HEAD BODY:hello END", HTTP_METHOD_GET},
    {"until close, empty", OK200("\r\n"), "HEAD END", HTTP_METHOD_GET},
    {"until close, over the limit", OK200("\r\n" TEN(TEN("0123456789")) "x"),
        "HEAD BODY:" TEN(TEN("0123456789")) " REFUSE:body_too_large:502", HTTP_METHOD_GET},
    {"length over the limit", OK200("Content-Length: 1001\r\n\r\n"), "REFUSE:body_too_large:502",
        HTTP_METHOD_GET},
    {"nothing", IN(""), "", HTTP_METHOD_GET},
    {"cut in the head", IN("HTTP/1.1 200 OK\r\nA: b\r\n"), "REFUSE:server_cut:502",
        HTTP_METHOD_GET},

    /* no body, whatever the head says */
    {"HEAD", OK200("Content-Length: 5\r\n\r\n"), "HEAD END", HTTP_METHOD_HEAD},
    {"HEAD, chunked", CHUNKED(""), "HEAD END", HTTP_METHOD_HEAD},
    {"HEAD, huge length", OK200("Content-Length: 9999\r\n\r\n"), "HEAD END", HTTP_METHOD_HEAD},
    {"204", IN("HTTP/1.1 204 No Content\r\n\r\n"), "HEAD END", HTTP_METHOD_GET},
    {"204 with length", IN("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), "HEAD END",
        HTTP_METHOD_GET},
    {"304", IN("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), "HEAD END",
        HTTP_METHOD_GET},

    /* 1xx */
    {"interim",
        IN("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"),
        "INTERIM INTERIM HEAD BODY:a END", HTTP_METHOD_POST},
    {"interim only", IN("HTTP/1.1 100 Continue\r\n\r\n"), "INTERIM", HTTP_METHOD_GET},
    {"interim with length", IN("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"), "INTERIM",
        HTTP_METHOD_GET},
    {"interim, then cut", IN("HTTP/1.1 100 Continue\r\n\r\nHTTP"), "INTERIM REFUSE:server_cut:502",
        HTTP_METHOD_GET},
    {"switching",
        IN("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\n"),
        "HEAD BODY:\x81\n END", HTTP_METHOD_GET},
    {"switching to nothing", IN("HTTP/1.1 101 Switching\r\n\r\n"), "REFUSE:bad_response:502",
        HTTP_METHOD_GET},
    {"switching without Connection", IN("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"),
        "REFUSE:bad_response:502", HTTP_METHOD_GET},

    /* status line */
    {"no phrase", LINE("HTTP/1.1 200"), "HEAD END", HTTP_METHOD_GET},
    {"empty phrase", LINE("HTTP/1.1 200 "), "HEAD END", HTTP_METHOD_GET},
    {"obs-text in phrase", LINE("HTTP/1.1 200 \xe9\t\xff"), "HEAD END", HTTP_METHOD_GET},
    {"599", LINE("HTTP/1.1 599 x"), "HEAD END", HTTP_METHOD_GET},
    {"600", LINE("HTTP/1.1 600 x"), BAD_LINE, HTTP_METHOD_GET},
    {"999", LINE("HTTP/1.1 999 x"), BAD_LINE, HTTP_METHOD_GET},
    {"099", LINE("HTTP/1.1 099 x"), BAD_LINE, HTTP_METHOD_GET},
    {"000", LINE("HTTP/1.1 000 x"), BAD_LINE, HTTP_METHOD_GET},
    {"two digits", LINE("HTTP/1.1 20 x"), BAD_LINE, HTTP_METHOD_GET},
    {"four digits", LINE("HTTP/1.1 2000 x"), BAD_LINE, HTTP_METHOD_GET},
    {"letter", LINE("HTTP/1.1 20a x"), BAD_LINE, HTTP_METHOD_GET},
    {"sign", LINE("HTTP/1.1 +20 x"), BAD_LINE, HTTP_METHOD_GET},
    {"split", IN("HTTP/1.1\r\n 200 OK\r\n\r\n"), BAD_LINE, HTTP_METHOD_GET},
    {"split behind the space", IN("HTTP/1.1 \r\n200 OK\r\n\r\n"), BAD_LINE, HTTP_METHOD_GET},
    {"two spaces", LINE("HTTP/1.1  200 OK"), BAD_LINE, HTTP_METHOD_GET},
    {"tab", LINE("HTTP/1.1\t200 OK"), BAD_LINE, HTTP_METHOD_GET},
    {"no status", LINE("HTTP/1.1"), BAD_LINE, HTTP_METHOD_GET},
    {"NUL in phrase", LINE("HTTP/1.1 200 \0"), BAD_LINE, HTTP_METHOD_GET},
    {"2.0", LINE("HTTP/2.0 200 OK"), "REFUSE:bad_version:502", HTTP_METHOD_GET},
    {"1.2", LINE("HTTP/1.2 200 OK"), "REFUSE:bad_version:502", HTTP_METHOD_GET},
    {"lower case", LINE("http/1.1 200 OK"), BAD_LINE, HTTP_METHOD_GET},
    {"other protocol", IN("220 mail"), BAD_LINE, HTTP_METHOD_GET},
    {"0.9", IN("<html>"), BAD_LINE, HTTP_METHOD_GET},
    {"other protocol with H", LINE("HELO"), BAD_LINE, HTTP_METHOD_GET},
    {"empty line first", IN("\r\nHTTP/1.1 200 OK\r\n\r\n"), BAD_LINE, HTTP_METHOD_GET},
    {"TLS", IN("\x16\x03\x01"), BAD_LINE, HTTP_METHOD_GET},

    /* framing */
    {"length twice, same", OK200("Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
        "HEAD BODY:a END", HTTP_METHOD_GET},
    {"length twice, different", OK200("Content-Length: 1\r\nContent-Length: 2\r\n\r\na"),
        BAD_LENGTH, HTTP_METHOD_GET},
    {"length as a list", OK200("Content-Length: 1, 1\r\n\r\na"), BAD_LENGTH, HTTP_METHOD_GET},
    {"length with sign", OK200("Content-Length: +1\r\n\r\na"), BAD_LENGTH, HTTP_METHOD_GET},
    {"empty length", OK200("Content-Length:\r\n\r\na"), BAD_LENGTH, HTTP_METHOD_GET},
    {"bad length to HEAD", OK200("Content-Length: x\r\n\r\n"), BAD_LENGTH, HTTP_METHOD_HEAD},
    {"length and chunked", OK200("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        "REFUSE:length_and_chunked:502", HTTP_METHOD_GET},
    {"identity", OK200("Transfer-Encoding: identity\r\n\r\n"), BAD_CODING, HTTP_METHOD_GET},
    {"gzip, chunked", OK200("Transfer-Encoding: gzip, chunked\r\n\r\n"), BAD_CODING,
        HTTP_METHOD_GET},
    {"chunked twice", OK200("Transfer-Encoding: chunked, chunked\r\n\r\n"), BAD_CODING,
        HTTP_METHOD_GET},
    {"0x1", CHUNKED("0x1\r\na\r\n0\r\n\r\n"), "HEAD REFUSE:bad_chunk:502", HTTP_METHOD_GET},

    /* header lines */
    {"empty name", OK200(": x\r\n\r\n"), "REFUSE:bad_header_name:502", HTTP_METHOD_GET},
    {"space before the colon", OK200("A : x\r\n\r\n"), "REFUSE:bad_header_name:502",
        HTTP_METHOD_GET},
    {"folded", OK200("A: x\r\n y\r\n\r\n"), "REFUSE:obs_fold:502", HTTP_METHOD_GET},
    {"bare LF", IN("HTTP/1.1 200 OK\n\n"), "REFUSE:bad_line_end:502", HTTP_METHOD_GET},
    {"bare CR", OK200("A: x\ry\r\n\r\n"), "REFUSE:bad_line_end:502", HTTP_METHOD_GET},
    {"NUL", OK200("A: \0\r\n\r\n"), "REFUSE:bad_header_value:502", HTTP_METHOD_GET},
    {"Host and Expect mean nothing",
        OK200("Host: ,\r\nHost: x\r\nExpect: y\r\n"
              "Content-Length: 0\r\n\r\n"),
        "HEAD END", HTTP_METHOD_GET},
    {"cut behind the status line", OK200(""), "REFUSE:server_cut:502", HTTP_METHOD_GET},
    {"phrase too long", IN("HTTP/1.1 200 " TEN("0123456789")), TOO_LONG, HTTP_METHOD_GET},
    {"header too long", OK200("A: " TEN(TEN("ab"))), TOO_LONG, HTTP_METHOD_GET},
    {"head too long", OK200("A: " TEN(TEN("a")) "\r\nB: " TEN(TEN("a")) "\r\nC: " TEN(TEN("a"))),
        TOO_LONG, HTTP_METHOD_GET},
    {"too many", OK200("A:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n"), TOO_LONG, HTTP_METHOD_GET},
};

static void run_case(const struct response_case *c)
{
    struct rng rng;

    rng_init(&rng, c->input.len);
    for (unsigned i = 0; i < 12; i++) {
        struct h1_events events = {.eof = true};

        h1_reader_init_response(&events.reader, &limits, c->method);
        h1_events_run(
            &events, c->input, i == 0 ? MAX(c->input.len, (size_t)1) : 1, i < 2 ? NULL : &rng);
        if (!span_eq(text_span(&events.text), span_of(c->events)))
            fail_msg("%s (cut %u): got \"%.*s\", expected \"%s\"", c->name, i,
                SPAN_ARG(text_span(&events.text)), c->events);
        text_done(&events.text);
    }
}

static void responses_are_read_in_one_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_case(&cases[i]);
}

static const struct {
    struct span input;
    enum http_method method;
    enum http_body body;
    uint64_t content_length;
    bool keep_alive;
    const char *phrase;
} head_cases[] = {
    {OK200("Content-Length: 5\r\n\r\n"), HTTP_METHOD_GET, HTTP_BODY_LENGTH, 5, true, "OK"},
    {OK200("Content-Length: 5\r\nConnection: close\r\n\r\n"), HTTP_METHOD_GET, HTTP_BODY_LENGTH, 5,
        false, "OK"},
    {OK200("Content-Length: 5\r\n\r\n"), HTTP_METHOD_HEAD, HTTP_BODY_NONE, 5, true, "OK"},
    {OK200("\r\n"), HTTP_METHOD_HEAD, HTTP_BODY_NONE, HTTP_LENGTH_UNKNOWN, true, "OK"},
    {CHUNKED(""), HTTP_METHOD_HEAD, HTTP_BODY_NONE, HTTP_LENGTH_UNKNOWN, true, "OK"},
    {OK200("\r\n"), HTTP_METHOD_GET, HTTP_BODY_CLOSE, 0, false, "OK"},
    {CHUNKED(""), HTTP_METHOD_GET, HTTP_BODY_CHUNKED, 0, true, "OK"},
    {IN("HTTP/1.0 200\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"),
        HTTP_METHOD_GET, HTTP_BODY_CHUNKED, 0, false, ""},
    {IN("HTTP/1.0 200 \r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"), HTTP_METHOD_GET,
        HTTP_BODY_LENGTH, 5, true, ""},
    {IN("HTTP/1.0 200  a\r\nContent-Length: 5\r\n\r\n"), HTTP_METHOD_GET, HTTP_BODY_LENGTH, 5,
        false, " a"},
    {IN("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"), HTTP_METHOD_GET, HTTP_BODY_NONE,
        HTTP_LENGTH_UNKNOWN, true, "No"},
    {IN("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n"), HTTP_METHOD_GET, HTTP_BODY_NONE, 5, true,
        "No"},
    {IN("HTTP/1.1 304 No\r\n\r\n"), HTTP_METHOD_GET, HTTP_BODY_NONE, HTTP_LENGTH_UNKNOWN, true,
        "No"},
    {IN("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n"), HTTP_METHOD_GET,
        HTTP_BODY_TUNNEL, 0, false, "x"},
};

static void framing_and_connection_are_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(head_cases); i++) {
        struct http_header headers[H1_EVENTS_HEADERS];
        struct http_msg msg = {.fields = {.at = headers, .cap = H1_EVENTS_HEADERS}};
        struct h1_reader reader;
        struct h1_step step;

        h1_reader_init_response(&reader, &limits, head_cases[i].method);
        h1_read(&reader, head_cases[i].input, &msg, &step);
        assert_int_equal(step.event, H1_HEAD);
        assert_false(msg.is_request);
        assert_int_equal(msg.body, head_cases[i].body);
        assert_int_equal(msg.content_length, head_cases[i].content_length);
        assert_int_equal(msg.keep_alive, head_cases[i].keep_alive);
        assert_span_is(msg.phrase, head_cases[i].phrase);
        assert_span_is(msg.upgrade, msg.status == 101 ? "y" : "");
    }
}

static void open_ended_bodies_may_pass_beside_the_reader(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg = {.fields = {.at = headers, .cap = H1_EVENTS_HEADERS}};
    struct h1_reader reader;
    struct h1_step step;

    (void)state;
    h1_reader_init_response(&reader, &limits, HTTP_METHOD_GET);
    h1_read(&reader, OK200("\r\n"), &msg, &step);
    assert_true(h1_raw_left(&reader) == UINT64_MAX);
    h1_raw_skip(&reader, 1u << 30);
    assert_true(h1_raw_left(&reader) == UINT64_MAX);
    h1_read_eof(&reader, &step);
    assert_int_equal(step.event, H1_END);
    /* nothing can follow */
    assert_false(h1_reader_idle(&reader));
    h1_read(&reader, OK200("\r\n"), &msg, &step);
    assert_int_equal(step.event, H1_REFUSE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_read_in_one_way),
        cmocka_unit_test(framing_and_connection_are_understood),
        cmocka_unit_test(open_ended_bodies_may_pass_beside_the_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

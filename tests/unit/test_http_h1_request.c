/* What a client may send, and what each malformed or ambiguous input is refused for. */
#include "../fuzz/h1_events.h"
#include "unit.h"

static const struct h1_limits limits = {
    .line_bytes = 100,
    .header_bytes = 300,
    .head_bytes = 500,
    .n_headers = 5,
    .body_bytes = 1000,
};

struct request_case {
    const char *name;
    struct span input;
    const char *events;
};

#define IN(text) SPAN_LIT(text)
/* a head that is valid so far */
#define GET(headers)        IN("GET / HTTP/1.1\r\nHost: a\r\n" headers "\r\n")
#define LINE(line)          IN(line "\r\nHost: a\r\n\r\n")
#define HOST(headers)       IN("GET / HTTP/1.1\r\n" headers "\r\n")
#define POST(headers, body) IN("POST / HTTP/1.1\r\nHost: a\r\n" headers "\r\n" body)
#define CHUNKED(body)       POST("Transfer-Encoding: chunked\r\n", body)
#define TEN(x)              x x x x x x x x x x

#define OK          "HEAD END"
#define BAD_LENGTH  "REFUSE:bad_content_length:400"
#define BAD_CODING  "REFUSE:bad_transfer_encoding:400"
#define NO_CODING   "REFUSE:bad_transfer_encoding:501"
#define BAD_LINE    "REFUSE:bad_request_line:400"
#define BAD_TARGET  "REFUSE:bad_target:400"
#define BAD_METHOD  "REFUSE:bad_method:400"
#define BAD_HOST    "REFUSE:bad_host:400"
#define BAD_NAME    "REFUSE:bad_header_name:400"
#define BAD_VALUE   "REFUSE:bad_header_value:400"
#define BAD_END     "REFUSE:bad_line_end:400"
#define BAD_CHUNK   "HEAD REFUSE:bad_chunk:400"
#define BAD_TRAILER "HEAD REFUSE:bad_trailer:400"

static void run_case(const struct request_case *c)
{
    struct rng rng;

    rng_init(&rng, c->input.len);
    /* whole, byte by byte, and cut at random: all the same */
    for (unsigned i = 0; i < 12; i++) {
        struct h1_events events = {.is_long = false};

        h1_reader_init_request(&events.reader, &limits);
        h1_events_run(
            &events, c->input, i == 0 ? MAX(c->input.len, (size_t)1) : 1, i < 2 ? NULL : &rng);
        if (!span_eq(text_span(&events.text), span_of(c->events)))
            fail_msg("%s (cut %u): got \"%.*s\", expected \"%s\"", c->name, i,
                SPAN_ARG(text_span(&events.text)), c->events);
        text_done(&events.text);
    }
}

#define RUN(cases)                                    \
    do {                                              \
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) \
            run_case(&(cases)[i]);                    \
    } while (0)

static const struct request_case length_cases[] = {
    {"none", GET(""), OK},
    {"zero", POST("Content-Length: 0\r\n", ""), OK},
    {"five", POST("Content-Length: 5\r\n", "hello"), "HEAD BODY:hello END"},
    {"leading zeros", POST("Content-Length: 0005\r\n", "hello"), "HEAD BODY:hello END"},
    {"white space around", POST("Content-Length: \t 5 \t\r\n", "hello"), "HEAD BODY:hello END"},
    {"no white space", POST("Content-Length:5\r\n", "hello"), "HEAD BODY:hello END"},
    {"incomplete", POST("Content-Length: 6\r\n", "hello"), "HEAD BODY:hello"},
    {"twice, different", POST("Content-Length: 5\r\nContent-Length: 6\r\n", ""), BAD_LENGTH},
    {"twice, same", POST("Content-Length: 5\r\nContent-Length: 5\r\n", ""), BAD_LENGTH},
    {"empty, then real", POST("Content-Length:\r\nContent-Length: 5\r\n", ""), BAD_LENGTH},
    {"real, then empty", POST("Content-Length: 5\r\nContent-Length: \r\n", ""), BAD_LENGTH},
    {"empty", POST("Content-Length: \r\n", ""), BAD_LENGTH},
    {"plus", POST("Content-Length: +5\r\n", ""), BAD_LENGTH},
    {"minus", POST("Content-Length: -5\r\n", ""), BAD_LENGTH},
    {"minus zero", POST("Content-Length: -0\r\n", ""), BAD_LENGTH},
    {"hexadecimal", POST("Content-Length: 0x10\r\n", ""), BAD_LENGTH},
    {"hexadecimal digit", POST("Content-Length: a\r\n", ""), BAD_LENGTH},
    {"underscore", POST("Content-Length: 1_0\r\n", ""), BAD_LENGTH},
    {"list", POST("Content-Length: 5,5\r\n", ""), BAD_LENGTH},
    {"list with space", POST("Content-Length: 5, 5\r\n", ""), BAD_LENGTH},
    {"space inside", POST("Content-Length: 1 0\r\n", ""), BAD_LENGTH},
    {"fraction", POST("Content-Length: 5.0\r\n", ""), BAD_LENGTH},
    {"quoted", POST("Content-Length: \"5\"\r\n", ""), BAD_LENGTH},
    {"2^64", POST("Content-Length: 18446744073709551616\r\n", ""), BAD_LENGTH},
    {"2^64 + 5", POST("Content-Length: 18446744073709551621\r\n", ""), BAD_LENGTH},
    {"80 digits", POST("Content-Length: " TEN("99999999") "\r\n", ""), BAD_LENGTH},
    {"2^64 - 1", POST("Content-Length: 18446744073709551615\r\n", ""), "REFUSE:body_too_large:413"},
    {"2^63", POST("Content-Length: 9223372036854775808\r\n", ""), "REFUSE:body_too_large:413"},
    {"over the limit", POST("Content-Length: 1001\r\n", ""), "REFUSE:body_too_large:413"},
    {"at the limit", POST("Content-Length: 1000\r\n", ""), "HEAD"},
    {"with chunked", POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        "REFUSE:length_and_chunked:400"},
    {"chunked, then length", POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", ""),
        "REFUSE:length_and_chunked:400"},
    {"with unknown coding", POST("Content-Length: 5\r\nTransfer-Encoding: x\r\n", ""),
        "REFUSE:length_and_chunked:400"},
};

static const struct request_case coding_cases[] = {
    {"chunked", CHUNKED("0\r\n\r\n"), OK},
    {"any case", POST("transfer-encoding: CHUNKED\r\n", "0\r\n\r\n"), OK},
    {"empty element in front", POST("Transfer-Encoding: ,chunked\r\n", ""), BAD_CODING},
    {"empty element behind", POST("Transfer-Encoding: chunked,\r\n", ""), BAD_CODING},
    {"twice in a list", POST("Transfer-Encoding: chunked, chunked\r\n", ""), BAD_CODING},
    {"twice", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""), BAD_CODING},
    {"identity and chunked",
        POST("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", ""), BAD_CODING},
    {"no-break space",
        POST("Transfer-Encoding: \xa0"
             "chunked\r\n",
            ""),
        BAD_CODING},
    {"vertical tab", POST("Transfer-Encoding: \vchunked\r\n", ""), BAD_VALUE},
    {"quoted", POST("Transfer-Encoding: \"chunked\"\r\n", ""), BAD_CODING},
    {"parameter", POST("Transfer-Encoding: chunked;q=1\r\n", ""), BAD_CODING},
    {"space inside", POST("Transfer-Encoding: chunked x\r\n", ""), BAD_CODING},
    {"empty", POST("Transfer-Encoding:\r\n", ""), BAD_CODING},
    {"not last", POST("Transfer-Encoding: chunked, gzip\r\n", ""), BAD_CODING},
    {"identity", POST("Transfer-Encoding: identity\r\n", ""), NO_CODING},
    {"gzip", POST("Transfer-Encoding: gzip\r\n", ""), NO_CODING},
    {"gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n", ""), NO_CODING},
    {"longer word", POST("Transfer-Encoding: xchunked\r\n", ""), NO_CODING},
    {"in 1.0", IN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), BAD_CODING},
    {"space before the colon", POST("Transfer-Encoding : chunked\r\n", ""), BAD_NAME},
    {"underscore is another name", POST("Transfer_Encoding: chunked\r\n", ""), OK},
};

static const struct request_case chunk_cases[] = {
    {"two chunks", CHUNKED("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "HEAD BODY:hello world END"},
    {"upper and lower case", CHUNKED("A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n"),
        "HEAD BODY:01234567890123456789a END"},
    {"leading zeros", CHUNKED("0000000000000001\r\na\r\n0000\r\n\r\n"), "HEAD BODY:a END"},
    {"17 digits", CHUNKED("00000000000000001\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"17 digits overflow", CHUNKED("10000000000000001\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"16 digits, 2^64 - 1", CHUNKED("ffffffffffffffff\r\na"), "HEAD REFUSE:body_too_large:413"},
    {"over the limit", CHUNKED("3e9\r\na"), "HEAD REFUSE:body_too_large:413"},
    {"over the limit in sum", CHUNKED("1\r\na\r\n3e8\r\na"),
        "HEAD BODY:a REFUSE:body_too_large:413"},
    {"at the limit", CHUNKED("1\r\na\r\n3e7\r\nb"), "HEAD BODY:ab"},
    {"empty size", CHUNKED("\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"empty size with extension", CHUNKED(";a\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"junk behind", CHUNKED("1junk\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"0x", CHUNKED("0x1\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"-0x0", CHUNKED("-0x0\r\n\r\n"), BAD_CHUNK},
    {"plus", CHUNKED("+1\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"underscore", CHUNKED("1_0\r\n"), BAD_CHUNK},
    {"space in front", CHUNKED(" 1\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"tab in front", CHUNKED("\t1\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"space behind", CHUNKED("1 \r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"NUL behind", CHUNKED("1\0\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"bare LF behind size", CHUNKED("1\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"bare CR behind size", CHUNKED("1\ra\r\n0\r\n\r\n"), BAD_CHUNK},
    {"two CR behind size", CHUNKED("1\r\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"bare LF behind data", CHUNKED("1\r\na\n0\r\n\r\n"), "HEAD BODY:a REFUSE:bad_chunk:400"},
    {"bare CR behind data", CHUNKED("1\r\na\r0\r\n\r\n"), "HEAD BODY:a REFUSE:bad_chunk:400"},
    {"nothing behind data", CHUNKED("1\r\na0\r\n\r\n"), "HEAD BODY:a REFUSE:bad_chunk:400"},
    {"data too long", CHUNKED("1\r\nab\r\n0\r\n\r\n"), "HEAD BODY:a REFUSE:bad_chunk:400"},
    {"CRLF before the last chunk", CHUNKED("1\r\na\r\n\r\n0\r\n\r\n"),
        "HEAD BODY:a REFUSE:bad_chunk:400"},
    {"extensions", CHUNKED("1;a;b=c;d=\"e\\\"\\\\;\";f\r\na\r\n0;x\r\n\r\n"), "HEAD BODY:a END"},
    {"bad white space", CHUNKED("1 ;\ta = b ; c= \"d\" ;e\r\na\r\n0\r\n\r\n"), "HEAD BODY:a END"},
    {"bare LF in extension", CHUNKED("1;a\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"bare CR in extension", CHUNKED("1;a\rb\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"CR in quotes", CHUNKED("1;a=\"\r\n\"\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"escaped CR in quotes", CHUNKED("1;a=\"\\\r\n\"\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"NUL in quotes", CHUNKED("1;a=\"\0\"\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"text behind quotes", CHUNKED("1;a=\"b\"c\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"no name", CHUNKED("1;\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"no value", CHUNKED("1;a=\r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"space behind extension", CHUNKED("1;a \r\na\r\n0\r\n\r\n"), BAD_CHUNK},
    {"extension of 256 bytes", CHUNKED("1;" TEN(TEN("ab")) TEN("abcde") "abcde\r\na\r\n0\r\n\r\n"),
        "HEAD BODY:a END"},
    {"extension of 257 bytes", CHUNKED("1;" TEN(TEN("ab")) TEN("abcde") "abcdef\r\na\r\n0\r\n\r\n"),
        BAD_CHUNK},
};

static const struct request_case trailer_cases[] = {
    {"two", CHUNKED("0\r\nX-Sum: 1\r\nB:\r\n\r\n"), "HEAD END{0:X-Sum=1}{0:B=}"},
    {"next request", CHUNKED("0\r\nA: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        "HEAD END{0:A=1} HEAD END"},
    {"incomplete", CHUNKED("0\r\nA: 1\r\n"), "HEAD"},
    {"length", CHUNKED("0\r\nContent-Length: 5\r\n\r\n"), BAD_TRAILER},
    {"coding", CHUNKED("0\r\nTransfer-Encoding: chunked\r\n\r\n"), BAD_TRAILER},
    {"host", CHUNKED("0\r\nhost: b\r\n\r\n"), BAD_TRAILER},
    {"authorization", CHUNKED("0\r\nAuthorization: x\r\n\r\n"), BAD_TRAILER},
    {"proxy-authorization", CHUNKED("0\r\nProxy-Authorization: x\r\n\r\n"), BAD_TRAILER},
    {"cookie", CHUNKED("0\r\nCookie: x\r\n\r\n"), BAD_TRAILER},
    {"identity", CHUNKED("0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n"), BAD_TRAILER},
    {"range", CHUNKED("0\r\nRANGE: x\r\n\r\n"), BAD_TRAILER},
    {"connection", CHUNKED("0\r\nConnection: close\r\n\r\n"), BAD_TRAILER},
    {"folded", CHUNKED("0\r\nA: 1\r\n b\r\n\r\n"), BAD_TRAILER},
    {"folded first", CHUNKED("0\r\n A: 1\r\n\r\n"), BAD_TRAILER},
    {"bare LF", CHUNKED("0\r\nA: 1\n\r\n"), BAD_TRAILER},
    {"bare LF at the end", CHUNKED("0\r\n\n"), BAD_TRAILER},
    {"empty name", CHUNKED("0\r\n: 1\r\n\r\n"), BAD_TRAILER},
    {"NUL", CHUNKED("0\r\nA: \0\r\n\r\n"), BAD_TRAILER},
    {"no colon", CHUNKED("0\r\nGET / HTTP/1.1\r\n\r\n"), BAD_TRAILER},
    {"too many", CHUNKED("0\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n"),
        "HEAD REFUSE:too_many_headers:400"},
    {"too long", CHUNKED("0\r\nA: " TEN(TEN("aaa")) "\r\n\r\n"), "HEAD REFUSE:header_too_long:400"},
};

static const struct request_case line_cases[] = {
    {"origin form", LINE("GET /a?b HTTP/1.1"), OK},
    {"other method", LINE("M-SEARCH / HTTP/1.1"), OK},
    {"what browsers leave as it is", LINE("GET /a|b{c}\"d\"<e>^`\\?f=[g]|h HTTP/1.1"), OK},
    {"percent", LINE("GET /%2e%2e/%2F%00%zz HTTP/1.1"), OK},
    {"two slashes", LINE("GET //admin HTTP/1.1"), OK},
    {"fragment", LINE("GET /a#b HTTP/1.1"), BAD_TARGET},
    {"fragment in query", LINE("GET /a?b#c HTTP/1.1"), BAD_TARGET},
    {"not ASCII", LINE("GET /\xc3\xa9 HTTP/1.1"), BAD_TARGET},
    {"tab in target", LINE("GET /a\tb HTTP/1.1"), BAD_TARGET},
    {"NUL in target", LINE("GET /a\0b HTTP/1.1"), BAD_TARGET},
    {"DEL in target", LINE("GET /a\x7f HTTP/1.1"), BAD_TARGET},
    {"no slash", LINE("GET a HTTP/1.1"), BAD_TARGET},
    {"authority form", LINE("GET a:80 HTTP/1.1"), BAD_TARGET},
    {"asterisk", LINE("OPTIONS * HTTP/1.1"), OK},
    {"asterisk, other method", LINE("GET * HTTP/1.1"), BAD_TARGET},
    {"asterisk and more", LINE("OPTIONS *a HTTP/1.1"), BAD_TARGET},
    {"absolute", LINE("GET http://a/b HTTP/1.1"), OK},
    {"absolute, any case", LINE("GET HTTP://A/b HTTP/1.1"), OK},
    {"absolute, default port", LINE("GET http://a:80/b HTTP/1.1"), OK},
    {"absolute, default port of https", LINE("GET https://a:443/b HTTP/1.1"), OK},
    {"absolute without path", LINE("GET http://a HTTP/1.1"), OK},
    {"absolute with query only", LINE("GET http://a?b HTTP/1.1"), OK},
    {"absolute, other host", LINE("GET http://b/ HTTP/1.1"), BAD_HOST},
    {"absolute, other port", LINE("GET http://a:81/ HTTP/1.1"), BAD_HOST},
    {"absolute without Host", IN("GET http://a/ HTTP/1.1\r\n\r\n"), BAD_HOST},
    {"absolute, 1.0 without Host", IN("GET http://a/ HTTP/1.0\r\n\r\n"), OK},
    {"userinfo", LINE("GET http://u@a/ HTTP/1.1"), BAD_TARGET},
    {"userinfo with port", LINE("GET http://a:80@b/ HTTP/1.1"), BAD_TARGET},
    {"comma", LINE("GET http://a,b/ HTTP/1.1"), BAD_TARGET},
    {"no authority", LINE("GET http:///a HTTP/1.1"), BAD_TARGET},
    {"one slash", LINE("GET http:/a HTTP/1.1"), BAD_TARGET},
    {"backslash in authority", LINE("GET http://a\\b/ HTTP/1.1"), BAD_TARGET},
    {"other scheme", LINE("GET ftp://a/ HTTP/1.1"), BAD_TARGET},
    {"CONNECT", LINE("CONNECT a:443 HTTP/1.1"), "REFUSE:method_refused:405"},
    {"TRACE", LINE("TRACE / HTTP/1.1"), "REFUSE:method_refused:405"},
    {"lower case", LINE("get / HTTP/1.1"), BAD_METHOD},
    {"mixed case", LINE("GeT / HTTP/1.1"), BAD_METHOD},
    {"method with colon", LINE("GET: / HTTP/1.1"), BAD_METHOD},
    {"method with tab", LINE("GET\t/ HTTP/1.1"), BAD_METHOD},
    {"method with NUL", LINE("GE\0T / HTTP/1.1"), BAD_METHOD},
    {"space in front", LINE(" GET / HTTP/1.1"), BAD_METHOD},
    {"two spaces", LINE("GET  / HTTP/1.1"), BAD_LINE},
    {"space in target", LINE("GET /a b HTTP/1.1"), BAD_LINE},
    {"space behind", LINE("GET / HTTP/1.1 "), BAD_LINE},
    {"two spaces before version", LINE("GET /  HTTP/1.1"), BAD_LINE},
    {"0.9", LINE("GET /"), BAD_LINE},
    {"method only", LINE("GET"), BAD_LINE},
    {"control before version", LINE("GET / \x01HTTP/1.1"), BAD_LINE},
    {"version in lower case", LINE("GET / http/1.1"), BAD_LINE},
    {"two digits", LINE("GET / HTTP/1.10"), BAD_LINE},
    {"letter in version", LINE("GET / HTTP/1.a"), BAD_LINE},
    {"1.2", LINE("GET / HTTP/1.2"), "REFUSE:bad_version:505"},
    {"2.0", IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "REFUSE:bad_version:505"},
    {"0.9 said", LINE("GET / HTTP/0.9"), "REFUSE:bad_version:505"},
    {"1.0", IN("GET / HTTP/1.0\r\n\r\n"), OK},
    {"TLS", IN("\x16\x03\x01"), "REFUSE:tls_on_plain:400"},
    {"LF first", IN("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BAD_END},
    {"NUL first", IN("\0"), BAD_METHOD},
    {"one empty line", IN("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"two empty lines", IN("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), OK},
    {"three empty lines", IN("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BAD_LINE},
    {"empty lines between", IN("GET / HTTP/1.0\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n"),
        "HEAD END HEAD END"},
    {"CR first", IN("\rGET / HTTP/1.1\r\n"), BAD_END},
    {"100 bytes", LINE("GET /" TEN("12345678") "1234 HTTP/1.1"), OK},
    {"101 bytes", LINE("GET /" TEN("12345678") "12345 HTTP/1.1"), "REFUSE:uri_too_long:414"},
};

static const struct request_case host_cases[] = {
    {"name", HOST("Host: a.example\r\n"), OK},
    {"port", HOST("Host: a.example:8080\r\n"), OK},
    {"v4", HOST("Host: 127.0.0.1:80\r\n"), OK},
    {"v6", HOST("Host: [::1]\r\n"), OK},
    {"v6 and port", HOST("Host: [::1]:80\r\n"), OK},
    {"missing", HOST(""), BAD_HOST},
    {"empty", HOST("Host:\r\n"), BAD_HOST},
    {"twice", HOST("Host: a\r\nHost: b\r\n"), BAD_HOST},
    {"twice, same", HOST("Host: a\r\nhost: a\r\n"), BAD_HOST},
    {"twice in 1.0", IN("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), BAD_HOST},
    {"missing in 1.0", IN("GET / HTTP/1.0\r\n\r\n"), OK},
    {"empty in 1.0", IN("GET / HTTP/1.0\r\nHost: \r\n\r\n"), BAD_HOST},
    {"comma", HOST("Host: a,b\r\n"), BAD_HOST},
    {"userinfo", HOST("Host: u@a\r\n"), BAD_HOST},
    {"slash", HOST("Host: a/b\r\n"), BAD_HOST},
    {"percent", HOST("Host: a%41\r\n"), BAD_HOST},
    {"space", HOST("Host: a b\r\n"), BAD_HOST},
    {"not ASCII", HOST("Host: \xc3\xa9\r\n"), BAD_HOST},
    {"scheme", HOST("Host: http://a\r\n"), BAD_HOST},
    {"port only", HOST("Host: :80\r\n"), BAD_HOST},
    {"empty port", HOST("Host: a:\r\n"), BAD_HOST},
    {"port 0", HOST("Host: a:0\r\n"), BAD_HOST},
    {"port 65536", HOST("Host: a:65536\r\n"), BAD_HOST},
    {"port with sign", HOST("Host: a:+80\r\n"), BAD_HOST},
    {"two ports", HOST("Host: a:80:80\r\n"), BAD_HOST},
    {"v6 bare", HOST("Host: ::1\r\n"), BAD_HOST},
    {"v6 open", HOST("Host: [::1\r\n"), BAD_HOST},
    {"v6 zone", HOST("Host: [fe80::1%25eth0]\r\n"), BAD_HOST},
    {"v4 in brackets", HOST("Host: [127.0.0.1]\r\n"), BAD_HOST},
};

static const struct request_case header_cases[] = {
    {"empty value", GET("A:\r\n"), OK},
    {"obs-text in value", GET("A: \xff\x80\r\n"), OK},
    {"tab in value", GET("A: b\tc\r\n"), OK},
    {"all token bytes", GET("!#$%&'*+-.^_`|~09azAZ: 1\r\n"), OK},
    {"empty name", GET(": x\r\n"), BAD_NAME},
    {"empty name and value", GET(":\r\n"), BAD_NAME},
    {"no colon", GET("abc\r\n"), BAD_NAME},
    {"space before the colon", GET("A : b\r\n"), BAD_NAME},
    {"tab before the colon", GET("A\t: b\r\n"), BAD_NAME},
    {"space in name", GET("A B: c\r\n"), BAD_NAME},
    {"slash in name", GET("A/B: c\r\n"), BAD_NAME},
    {"not ASCII in name", GET("\xc3\xa9: c\r\n"), BAD_NAME},
    {"NUL in name", GET("A\0: c\r\n"), BAD_NAME},
    {"NUL in value", GET("A: \0\r\n"), BAD_VALUE},
    {"escape in value", GET("A: \x1b[0m\r\n"), BAD_VALUE},
    {"DEL in value", GET("A: \x7f\r\n"), BAD_VALUE},
    {"bare CR in value", GET("A: b\rc\r\n"), BAD_END},
    {"bare CR in name", GET("A\rB: c\r\n"), BAD_END},
    {"bare LF in value", GET("A: b\nC: d\r\n"), BAD_END},
    {"two CR", GET("A: b\r\r\n"), BAD_END},
    {"bare LF everywhere", IN("GET / HTTP/1.1\nHost: a\n\n"), BAD_END},
    {"bare LF at the end", IN("GET / HTTP/1.1\r\nHost: a\r\n\n"), BAD_END},
    {"LF CR", IN("GET / HTTP/1.1\r\nHost: a\n\r\n\r"), BAD_END},
    {"folded", GET("A: b\r\n c\r\n"), "REFUSE:obs_fold:400"},
    {"folded with tab", GET("A: b\r\n\tc\r\n"), "REFUSE:obs_fold:400"},
    {"folded start line", HOST(" A: b\r\nHost: a\r\n"), "REFUSE:obs_fold:400"},
    {"white space only", GET(" \r\n"), "REFUSE:obs_fold:400"},
    {"name of 270 bytes", GET("Content-Length0" TEN(TEN("ab")) TEN("abcde") "abcde: 1\r\n"), OK},
    {"name beyond the limit", GET("Content-Length0" TEN(TEN("abc")) ": 1\r\n"),
        "REFUSE:header_too_long:400"},
    {"line of 300 bytes", GET("A: " TEN(TEN("ab")) TEN("abcdefghi") "abcde\r\n"), OK},
    {"line of 301 bytes", GET("A: " TEN(TEN("ab")) TEN("abcdefghi") "abcdef\r\n"),
        "REFUSE:header_too_long:400"},
    {"head too long",
        GET("A: " TEN(TEN("ab")) "\r\nB: " TEN(TEN("ab")) "\r\nC: " TEN(TEN("a")) "\r\n"),
        "REFUSE:head_too_long:400"},
    {"line too long", LINE("GET /" TEN("0123456789") " HTTP/1.1"), "REFUSE:uri_too_long:414"},
    {"line too long, no end", IN("GET /" TEN("0123456789")), "REFUSE:uri_too_long:414"},
    {"header too long, no end", IN("GET / HTTP/1.1\r\nA: " TEN(TEN("abc"))),
        "REFUSE:header_too_long:400"},
    {"five", GET("A:\r\nA:\r\nA:\r\nA:\r\n"), OK},
    {"six", GET("A:\r\nA:\r\nA:\r\nA:\r\nA:\r\n"), "REFUSE:too_many_headers:400"},
    {"expect", POST("Expect: 100-Continue\r\n", ""), OK},
    {"other expectation", POST("Expect: 200-ok\r\n", ""), "REFUSE:bad_expect:417"},
    {"no expectation", POST("Expect:\r\n", ""), "REFUSE:bad_expect:417"},
    {"64 connection options", GET("Connection: " TEN("a,a,a,") TEN("a,a,a,") "a,a,a,a\r\n"), OK},
    {"65 connection options", GET("Connection: " TEN("a,a,a,") TEN("a,a,a,") "a,a,a,a,a\r\n"),
        BAD_VALUE},
};

static void lengths_are_read_in_one_way(void **state)
{
    (void)state;
    RUN(length_cases);
}

static void codings_other_than_one_chunked_are_refused(void **state)
{
    (void)state;
    RUN(coding_cases);
}

static void chunk_framing_is_exact(void **state)
{
    (void)state;
    RUN(chunk_cases);
}

static void trailers_carry_no_decisions(void **state)
{
    (void)state;
    RUN(trailer_cases);
}

static void request_lines_are_exact(void **state)
{
    (void)state;
    RUN(line_cases);
}

static void host_is_one_and_valid(void **state)
{
    (void)state;
    RUN(host_cases);
}

static void header_lines_are_exact(void **state)
{
    (void)state;
    RUN(header_cases);
}

/* One head read in whole. headers: scratch of H1_EVENTS_HEADERS. */
static struct h1_step read_head(
    struct span in, struct http_header *headers, struct http_msg *ret_msg)
{
    struct h1_reader reader;
    struct h1_step step;

    *ret_msg = (struct http_msg){.fields = {.at = headers, .cap = H1_EVENTS_HEADERS}};
    h1_reader_init_request(&reader, &limits);
    h1_read(&reader, in, ret_msg, &step);
    assert_int_equal(step.event, H1_HEAD);
    return step;
}

static const struct {
    struct span input;
    const char *scheme, *authority, *path, *query; /* query NULL: there is no '?' */
} target_cases[] = {
    {LINE("GET / HTTP/1.1"), "", "a", "/", NULL},
    {LINE("GET //admin HTTP/1.1"), "", "a", "//admin", NULL},
    {LINE("GET //b/admin?x HTTP/1.1"), "", "a", "//b/admin", "x"},
    {LINE("GET /a/../%2e%2E/b HTTP/1.1"), "", "a", "/a/../%2e%2E/b", NULL},
    {LINE("GET /? HTTP/1.1"), "", "a", "/", ""},
    {LINE("GET /a?b?c HTTP/1.1"), "", "a", "/a", "b?c"},
    {LINE("GET http://A:80/b?c HTTP/1.1"), "http", "A:80", "/b", "c"},
    {LINE("GET HTTPS://a/ HTTP/1.1"), "HTTPS", "a", "/", NULL},
    {LINE("GET http://a HTTP/1.1"), "http", "a", "/", NULL},
    {LINE("GET http://a?b HTTP/1.1"), "http", "a", "/", "b"},
    {LINE("GET http://a//b HTTP/1.1"), "http", "a", "//b", NULL},
    {LINE("OPTIONS * HTTP/1.1"), "", "a", "*", NULL},
    {LINE("OPTIONS http://a HTTP/1.1"), "http", "a", "*", NULL},
    {LINE("OPTIONS http://a? HTTP/1.1"), "http", "a", "/", ""},
    {IN("GET http://a:8/ HTTP/1.0\r\n\r\n"), "http", "a:8", "/", NULL},
    {IN("GET / HTTP/1.0\r\n\r\n"), "", "", "/", NULL},
};

static void targets_are_split(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(target_cases); i++) {
        const char *query = target_cases[i].query;

        (void)read_head(target_cases[i].input, headers, &msg);
        assert_span_is(msg.scheme, target_cases[i].scheme);
        assert_span_is(msg.authority, target_cases[i].authority);
        assert_span_is(msg.path, target_cases[i].path);
        assert_int_equal(msg.has_query, query != NULL);
        assert_span_is(msg.query, query ? query : "");
    }
}

static const struct {
    struct span input;
    bool keep_alive, expect_continue, te_trailers;
    const char *upgrade;
} connection_cases[] = {
    {GET(""), true, false, false, ""},
    {GET("Connection: close\r\n"), false, false, false, ""},
    {GET("Connection: keep-alive, Close\r\n"), false, false, false, ""},
    {GET("Connection: x\r\nConnection: ,close,\r\n"), false, false, false, ""},
    {GET("Connection: closed\r\n"), true, false, false, ""},
    {IN("GET / HTTP/1.0\r\n\r\n"), false, false, false, ""},
    {IN("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true, false, false, ""},
    {IN("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), false, false, false, ""},
    {IN("GET / HTTP/1.0\r\nKeep-Alive: timeout=5\r\n\r\n"), false, false, false, ""},
    {POST("Expect: 100-continue\r\nContent-Length: 1\r\n", ""), true, true, false, ""},
    {POST("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", ""), true, true, false, ""},
    {POST("Expect: 100-continue\r\nContent-Length: 0\r\n", ""), true, false, false, ""},
    {POST("Expect: 100-continue\r\n", ""), true, false, false, ""},
    {IN("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"), false, false,
        false, ""},
    {GET("TE: trailers\r\n"), true, false, true, ""},
    {GET("TE: gzip, Trailers\r\n"), true, false, true, ""},
    {GET("TE: trailersx\r\n"), true, false, false, ""},
    {GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), true, false, false, "websocket"},
    {GET("Connection: a, UPGRADE\r\nUpgrade: x/1.0\r\n"), true, false, false, "x/1.0"},
    {POST("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n", ""), true, false, false,
        "x"},
    /* nobody asked, a body would follow, or it is not one protocol: an ordinary request */
    {GET("Upgrade: websocket\r\n"), true, false, false, ""},
    {GET("Connection: upgrade\r\n"), true, false, false, ""},
    {POST("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n", ""), true, false, false,
        ""},
    {POST("Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n", ""), true, false,
        false, ""},
    {GET("Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n"), true, false, false, ""},
    {GET("Connection: upgrade\r\nUpgrade: a, b\r\n"), true, false, false, ""},
    {GET("Connection: upgrade\r\nUpgrade:\r\n"), true, false, false, ""},
    {GET("Connection: upgrade\r\nUpgrade: a/\r\n"), true, false, false, ""},
    {GET("Connection: upgrade\r\nUpgrade: H2C\r\n"), true, false, false, ""},
    {IN("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), false, false, false, ""},
};

static void connection_is_understood(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(connection_cases); i++) {
        print_message("%.*s\n", SPAN_ARG(connection_cases[i].input));
        (void)read_head(connection_cases[i].input, headers, &msg);
        assert_int_equal(msg.keep_alive, connection_cases[i].keep_alive);
        assert_int_equal(msg.expect_continue, connection_cases[i].expect_continue);
        assert_int_equal(msg.te_trailers, connection_cases[i].te_trailers);
        assert_span_is(msg.upgrade, connection_cases[i].upgrade);
    }
}

static void the_message_lies_in_the_input(void **state)
{
    const struct span in = POST("Content-Length: 5\r\nx-A_b: \t two words \r\n", "hello");
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg;
    struct h1_step step = read_head(in, headers, &msg);

    (void)state;
    assert_int_equal(step.used, in.len - 5);
    assert_int_equal(msg.head_bytes, in.len - 5);
    assert_true(msg.is_request);
    assert_int_equal(msg.version, HTTP_VERSION_1_1);
    assert_int_equal(msg.method, HTTP_METHOD_POST);
    assert_ptr_equal(msg.method_text.ptr, in.ptr);
    assert_ptr_equal(msg.target.ptr, in.ptr + 5);
    assert_int_equal(msg.body, HTTP_BODY_LENGTH);
    assert_int_equal(msg.content_length, 5);
    assert_int_equal(msg.fields.n, 3);
    assert_int_equal(headers[0].id, HTTP_NAME_HOST);
    assert_int_equal(headers[1].id, HTTP_NAME_CONTENT_LENGTH);
    assert_int_equal(headers[2].id, HTTP_NAME_OTHER);
    assert_span_is(http_header_name(&headers[2]), "x-A_b");
    assert_span_is(http_header_value(&headers[2]), "two words");
    assert_false(headers[2].dropped);
}

static void empty_lines_count_as_used_but_not_as_head(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg;
    struct h1_step step = read_head(IN("\r\nGET / HTTP/1.0\r\n\r\n"), headers, &msg);

    (void)state;
    assert_int_equal(step.used, 20);
    assert_int_equal(msg.head_bytes, 18);
}

/* CVE-2026-2833 and its kind: what follows an upgrade is not read before somebody asks for it. */
static void bytes_behind_a_request_wait(void **state)
{
    const struct span in = GET("Connection: upgrade\r\nUpgrade: foo\r\n");
    const struct span both = GET("Connection: upgrade\r\nUpgrade: foo\r\n"
                                 "\r\nGET /admin HTTP/1.1\r\nHost: a\r\n");
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    struct h1_reader reader;
    struct h1_step step;

    (void)state;
    h1_reader_init_request(&reader, &limits);
    assert_true(h1_reader_idle(&reader));
    h1_read(&reader, both, &msg, &step);
    assert_int_equal(step.event, H1_HEAD);
    assert_int_equal(step.used, in.len);
    assert_false(h1_reader_idle(&reader));
    h1_read(&reader, span_from(both, in.len), &msg, &step);
    assert_int_equal(step.event, H1_END);
    assert_int_equal(step.used, 0);
    assert_true(h1_reader_idle(&reader));
}

static void the_end_is_taken_when_it_is_due(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    struct h1_reader reader;
    struct h1_step step;

    (void)state;
    h1_reader_init_request(&reader, &limits);
    assert_false(h1_try_end(&reader));
    h1_read(&reader, GET(""), &msg, &step);
    assert_true(h1_try_end(&reader));
    assert_true(h1_reader_idle(&reader));
    assert_false(h1_try_end(&reader));
    h1_read(&reader, POST("Content-Length: 5\r\n", ""), &msg, &step);
    assert_false(h1_try_end(&reader));
    h1_read(&reader, IN("hello"), &msg, &step);
    assert_int_equal(step.event, H1_BODY);
    assert_true(h1_try_end(&reader));
}

static void bodies_may_pass_beside_the_reader(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    struct span in = CHUNKED("a\r\n0123");
    struct h1_reader reader;
    struct h1_step step;

    (void)state;
    h1_reader_init_request(&reader, &limits);
    assert_int_equal(h1_raw_left(&reader), 0);
    h1_read(&reader, POST("Content-Length: 9\r\n", ""), &msg, &step);
    assert_int_equal(h1_raw_left(&reader), 9);
    h1_raw_skip(&reader, 4);
    h1_read(&reader, IN("ab"), &msg, &step);
    assert_int_equal(step.event, H1_BODY);
    h1_raw_skip(&reader, 3);
    assert_int_equal(h1_raw_left(&reader), 0);
    h1_read(&reader, (struct span){0}, &msg, &step);
    assert_int_equal(step.event, H1_END);

    h1_read(&reader, in, &msg, &step);
    assert_int_equal(step.event, H1_HEAD);
    in = span_from(in, step.used);
    h1_read(&reader, in, &msg, &step);
    assert_int_equal(step.event, H1_BODY);
    assert_int_equal(step.used, 7);
    assert_span_is(step.body, "0123");
    assert_int_equal(h1_raw_left(&reader), 6);
    h1_raw_skip(&reader, 6);
    assert_int_equal(h1_raw_left(&reader), 0);
    h1_read(&reader, IN("\r\n0\r\n\r\n"), &msg, &step);
    assert_int_equal(step.event, H1_END);
    assert_int_equal(step.used, 7);
}

static const struct {
    struct span input;
    const char *events;
} eof_cases[] = {
    {IN(""), ""},
    {IN("\r\n"), ""},
    {IN("\r"), "REFUSE:client_closed:400"},
    {IN("G"), "REFUSE:client_closed:400"},
    {IN("GET / HTTP/1.0\r\n\r\n"), "HEAD END"},
    {POST("Content-Length: 6\r\n", "hello"), "HEAD BODY:hello REFUSE:client_closed:400"},
    {CHUNKED(""), "HEAD REFUSE:client_closed:400"},
    {CHUNKED("5\r\nhello\r\n"), "HEAD BODY:hello REFUSE:client_closed:400"},
    {CHUNKED("0\r\n"), "HEAD REFUSE:client_closed:400"},
};

static void an_early_end_is_told_from_a_late_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(eof_cases); i++) {
        struct h1_events events = {.eof = true};

        h1_reader_init_request(&events.reader, &limits);
        h1_events_run(&events, eof_cases[i].input, 1, NULL);
        assert_span_is(text_span(&events.text), eof_cases[i].events);
        text_done(&events.text);
    }
}

static void a_refusal_is_final(void **state)
{
    struct http_header headers[H1_EVENTS_HEADERS];
    struct http_msg msg = {.fields = {.at = headers, .cap = ARRAY_LEN(headers)}};
    struct h1_reader reader;
    struct h1_step step;

    (void)state;
    h1_reader_init_request(&reader, &limits);
    h1_read(&reader, LINE("GET / HTTP/1.2"), &msg, &step);
    h1_read(&reader, LINE("GET / HTTP/1.1"), &msg, &step);
    assert_int_equal(step.event, H1_REFUSE);
    assert_int_equal(step.reason, REASON_BAD_VERSION);
    assert_int_equal(step.status, 505);
    h1_read_eof(&reader, &step);
    assert_int_equal(step.event, H1_REFUSE);
    assert_int_equal(step.reason, REASON_BAD_VERSION);
    assert_false(h1_reader_idle(&reader));
    assert_int_equal(h1_raw_left(&reader), 0);
}

static void scratch_that_is_too_small_limits_headers(void **state)
{
    struct http_header headers[2];
    struct http_msg msg = {.fields = {.at = headers, .cap = 2}};
    struct h1_reader reader;
    struct h1_step step;

    (void)state;
    h1_reader_init_request(&reader, &limits);
    h1_read(&reader, GET("A: b\r\n"), &msg, &step);
    assert_int_equal(step.event, H1_HEAD);
    h1_reader_init_request(&reader, &limits);
    h1_read(&reader, GET("A: b\r\nC: d\r\n"), &msg, &step);
    assert_int_equal(step.event, H1_REFUSE);
    assert_int_equal(step.reason, REASON_TOO_MANY_HEADERS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_read_in_one_way),
        cmocka_unit_test(codings_other_than_one_chunked_are_refused),
        cmocka_unit_test(chunk_framing_is_exact),
        cmocka_unit_test(trailers_carry_no_decisions),
        cmocka_unit_test(request_lines_are_exact),
        cmocka_unit_test(host_is_one_and_valid),
        cmocka_unit_test(header_lines_are_exact),
        cmocka_unit_test(targets_are_split),
        cmocka_unit_test(connection_is_understood),
        cmocka_unit_test(the_message_lies_in_the_input),
        cmocka_unit_test(empty_lines_count_as_used_but_not_as_head),
        cmocka_unit_test(bytes_behind_a_request_wait),
        cmocka_unit_test(the_end_is_taken_when_it_is_due),
        cmocka_unit_test(bodies_may_pass_beside_the_reader),
        cmocka_unit_test(an_early_end_is_told_from_a_late_one),
        cmocka_unit_test(a_refusal_is_final),
        cmocka_unit_test(scratch_that_is_too_small_limits_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The small server with real sockets on loopback; server and clients take turns on this one thread. */
#include <unistd.h>

#include "engine/net.h"
#include "serve/serve.h"
#include "unit.h"

#define TURNS_MAX 2000
#define TURN_WAIT (2 * NSEC_PER_MSEC)
#define PATIENCE  (60 * NSEC_PER_SEC) /* a busy kernel may deliver late, also on loopback */
#define BIG_BYTES ((size_t)8 << 20)
#define DATE_LINE "Date: "
#define TEXT_MAX  65536

struct client {
    int fd;
    bool ended; /* the server has closed */
    char *got;  /* without Date lines */
    size_t n_got;
};

static struct engine *engine;
static struct serve *serve;
static struct serve_request *waiting[4];
static unsigned n_waiting;

/* --- handlers --------------------------------------------------------------------------------- */

static void answer_echo(void *arg, struct serve_request *request)
{
    struct serve_answer answer = {.status = 200, .content_type = "text/x-echo"};
    struct text body;

    (void)arg;
    text_init(&body, 1 << 20);
    text_add(&body, http_method_text(request->method));
    text_add_char(&body, ' ');
    text_add(&body, request->path);
    text_add_char(&body, ' ');
    text_add(&body, request->query);
    text_add_char(&body, ' ');
    text_add(&body, http_header_value(http_find(request->fields, HTTP_NAME_USER_AGENT)));
    text_add_char(&body, ' ');
    text_add(&body, request->body);
    answer.body = &body;
    serve_answer(request, &answer);
    assert_int_equal(body.len, 0); /* taken */
}

static void answer_later(void *arg, struct serve_request *request)
{
    (void)arg;
    assert_true(n_waiting < ARRAY_LEN(waiting));
    waiting[n_waiting++] = request;
}

static void answer_big(void *arg, struct serve_request *request)
{
    struct text body;

    (void)arg;
    text_init(&body, BIG_BYTES);
    assert_true(text_make_room(&body, BIG_BYTES));
    for (size_t i = 0; i < BIG_BYTES; i++)
        body.ptr[i] = (char)('a' + i % 23);
    body.len = BIG_BYTES;
    serve_answer(request, &(struct serve_answer){.status = 200, .body = &body});
}

static void answer_nothing(void *arg, struct serve_request *request)
{
    (void)arg;
    serve_answer(request, &(struct serve_answer){.status = 204});
}

/* Puts the query into a header. */
static void answer_header(void *arg, struct serve_request *request)
{
    const struct http_header header = {
        .name = "X-Query",
        .name_len = 7,
        .value = *(const char **)arg,
        .value_len = (uint32_t)strlen(*(const char **)arg),
    };

    serve_answer(
        request, &(struct serve_answer){.status = 200, .headers = &header, .n_headers = 1});
}

static void answer_line(void *arg, struct serve_request *request)
{
    (void)arg;
    serve_answer_text(request, 418, "no %s", "coffee");
}

static const char *header_value;

static const struct serve_route routes[] = {
    {.path = "/echo", .methods = SERVE_METHOD(GET) | SERVE_METHOD(POST), .fn = answer_echo},
    {.path = "/put", .methods = SERVE_METHOD(PUT), .fn = answer_echo},
    {.path = "/put", .methods = SERVE_METHOD(GET), .fn = answer_echo},
    {.path = "/tree", .subtree = true, .methods = SERVE_METHOD(GET), .fn = answer_echo},
    {.path = "/later", .methods = SERVE_METHOD(GET) | SERVE_METHOD(POST), .fn = answer_later},
    {.path = "/big", .methods = SERVE_METHOD(GET), .fn = answer_big},
    {.path = "/nothing", .methods = SERVE_METHOD(GET), .fn = answer_nothing},
    {.path = "/header", .methods = SERVE_METHOD(GET), .fn = answer_header, .arg = &header_value},
    {.path = "/line", .methods = SERVE_METHOD(GET), .fn = answer_line},
};

/* --- both ends -------------------------------------------------------------------------------- */

static void start(const struct serve_limits *limits)
{
    struct serve_opts opts = {.routes = routes, .n_routes = ARRAY_LEN(routes), .limits = *limits};

    assert_int_equal(addr_parse(SPAN_LIT("127.0.0.1:0"), &opts.addr), 0);
    engine = engine_new(NULL);
    assert_non_null(engine);
    serve = serve_new(engine, &opts);
    assert_non_null(serve);
    n_waiting = 0;
}

static void stop(void)
{
    serve = serve_free(serve);
    engine = engine_free(engine);
}

static void turn(void)
{
    assert_int_equal(engine_turn(engine, TURN_WAIT), 0);
}

static void client_open(struct client *client)
{
    *client = (struct client){.fd = -1};
    assert_true(net_connect(serve_addr(serve), NULL, &client->fd) >= 0);
    turn();
}

static void client_close(struct client *client)
{
    (void)close(client->fd);
    free(client->got);
}

static void client_send(struct client *client, struct span bytes)
{
    for (unsigned i = 0; bytes.len > 0 && i < TURNS_MAX; i++) {
        ssize_t n = send(client->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n > 0)
            bytes = span_from(bytes, (size_t)n);
        turn();
    }
    assert_int_equal(bytes.len, 0);
}

/* Takes a Date line out of what was got: its value is not the same twice. */
static void client_drop_dates(struct client *client)
{
    char *date;

    if (client->n_got >= TEXT_MAX)
        return;
    while (client->n_got > 0 &&
           (date = memmem(client->got, client->n_got, DATE_LINE, strlen(DATE_LINE)))) {
        size_t len = strlen(DATE_LINE) + CLOCK_HTTP_LEN + 2;
        size_t rest = client->n_got - (size_t)(date - client->got);

        if (rest < len)
            return;
        memmove(date, date + len, rest - len);
        client->n_got -= len;
    }
}

/* Returns whether something came. */
static bool client_take(struct client *client)
{
    char buf[TEXT_MAX];
    ssize_t got = recv(client->fd, buf, sizeof(buf), MSG_DONTWAIT);

    client->ended = got == 0 || (got < 0 && errno != EAGAIN);
    if (got > 0) {
        client->got = base_realloc(client->got, client->n_got + (size_t)got);
        memcpy(client->got + client->n_got, buf, (size_t)got);
        client->n_got += (size_t)got;
    }
    client_drop_dates(client);
    return got >= 0;
}

/* Reads until n bytes are there, or the end. */
static void client_read(struct client *client, size_t n)
{
    nsec give_up_at = clock_mono() + PATIENCE;

    while (!client->ended && client->n_got < n && clock_mono() < give_up_at) {
        (void)client_take(client);
        turn();
    }
}

/* Reads what comes behind that, until the server has been idle for some turns. */
static void client_read_more(struct client *client)
{
    for (unsigned n_idle = 0; n_idle < 5 && !client->ended; turn())
        n_idle = client_take(client) ? 0 : n_idle + 1;
}

/* What came is exactly that; then it is forgotten. */
static void client_expect(struct client *client, const char *expected)
{
    client_read(client, strlen(expected));
    client_read_more(client);
    assert_span_is(((struct span){client->got, client->n_got}), expected);
    client->n_got = 0;
}

static void client_expect_end(struct client *client)
{
    client_read(client, SIZE_MAX);
    assert_true(client->ended);
}

/* Requests that answer_later has. */
static void expect_waiting(unsigned n)
{
    for (nsec give_up_at = clock_mono() + PATIENCE; n_waiting < n && clock_mono() < give_up_at;)
        turn();
    assert_int_equal(n_waiting, n);
}

static void expect_gone(struct serve_request *request)
{
    nsec give_up_at = clock_mono() + PATIENCE;

    while (!serve_request_gone(request) && clock_mono() < give_up_at)
        turn();
    assert_true(serve_request_gone(request));
}

#define ECHO_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/x-echo\r\nContent-Length: "
#define REFUSED(status, len)                                                         \
    "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\nContent-Length: " len "\r\n" \
    "Connection: close\r\n\r\n" status "\n"

/* --- tests ------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *in, *out;
    bool ends;
} cases[] = {
    {"get", "GET /echo?a=b HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n\r\n",
        ECHO_HEAD "16\r\n\r\nGET /echo a=b u ", false},
    {"head", "HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n", ECHO_HEAD "12\r\n\r\n", false},
    {"post", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz",
        ECHO_HEAD "16\r\n\r\nPOST /echo   xyz", false},
    {"chunked",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n",
        ECHO_HEAD "16\r\n\r\nPOST /echo   xyz", false},
    {"three in a row",
        "GET /echo?1 HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /echo?2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
        "GET /echo?3 HTTP/1.1\r\nHost: h\r\n\r\n",
        ECHO_HEAD "13\r\n\r\nGET /echo 1  " ECHO_HEAD "15\r\n\r\nPOST /echo 2  x" ECHO_HEAD
                  "13\r\n\r\nGET /echo 3  ",
        false},
    {"asks to close", "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        ECHO_HEAD "12\r\nConnection: close\r\n\r\nGET /echo   ", true},
    {"1.0", "GET /echo HTTP/1.0\r\n\r\n", ECHO_HEAD "12\r\nConnection: close\r\n\r\nGET /echo   ",
        true},
    {"1.0 keep-alive", "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        ECHO_HEAD "12\r\nConnection: keep-alive\r\n\r\nGET /echo   ", false},
    {"second route of a path", "GET /put HTTP/1.1\r\nHost: h\r\n\r\n",
        ECHO_HEAD "11\r\n\r\nGET /put   ", false},
    {"tree itself", "GET /tree HTTP/1.1\r\nHost: h\r\n\r\n", ECHO_HEAD "12\r\n\r\nGET /tree   ",
        false},
    {"below tree", "GET /tree/a/b HTTP/1.1\r\nHost: h\r\n\r\n",
        ECHO_HEAD "16\r\n\r\nGET /tree/a/b   ", false},
    {"beside tree", "GET /trees HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n"
        "404 Not Found\n",
        false},
    {"below a plain path", "GET /echo/a HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n"
        "404 Not Found\n",
        false},
    {"other method", "DELETE /put HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nAllow: GET, HEAD, PUT\r\n"
        "Content-Length: 23\r\n\r\n405 Method Not Allowed\n",
        false},
    {"not found with a body", "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /",
        REFUSED("404 Not Found", "14"), true},
    {"no body in the answer", "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n", false},
    {"line", "GET /line HTTP/1.1\r\nHost: h\r\n\r\n",
        "HTTP/1.1 418 Unknown\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nno coffee\n",
        false},
    {"malformed", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", REFUSED("400 Bad Request", "16"), true},
    {"no host", "GET / HTTP/1.1\r\n\r\n", REFUSED("400 Bad Request", "16"), true},
    {"too large", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n",
        REFUSED("413 Content Too Large", "22"), true},
    {"too large in chunks",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
        REFUSED("413 Content Too Large", "22"), true},
    {"a good one before a bad one", "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01",
        ECHO_HEAD "12\r\n\r\nGET /echo   " REFUSED("400 Bad Request", "16"), true},
};

static const struct serve_limits small = {.body_bytes = 1000, .head_bytes = 2000, .n_headers = 8};

static void check_case(size_t i, size_t piece_bytes)
{
    struct span in = span_of(cases[i].in);
    struct client client;

    client_open(&client);
    while (in.len > 0) {
        struct span piece = {in.ptr, MIN(in.len, piece_bytes)};

        client_send(&client, piece);
        in = span_from(in, piece.len);
    }
    client_read(&client, cases[i].ends ? SIZE_MAX : strlen(cases[i].out));
    client_read_more(&client);
    if (!span_eq((struct span){client.got, client.n_got}, span_of(cases[i].out)))
        print_error("%s:\n", cases[i].name);
    assert_span_is(((struct span){client.got, client.n_got}), cases[i].out);
    assert_int_equal(client.ended, cases[i].ends);
    client_close(&client);
}

static void requests_are_answered(void **state)
{
    (void)state;
    start(&small);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_case(i, SIZE_MAX);
    stop();
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    start(&small);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!cases[i].ends) /* one that ends may do so before its last byte */
            check_case(i, 7);
    }
    stop();
}

static void body_is_asked_for(void **state)
{
    struct client client;

    (void)state;
    start(&small);
    client_open(&client);
    client_send(&client, SPAN_LIT("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                                  "Expect: 100-continue\r\n\r\n"));
    client_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(&client, SPAN_LIT("x"));
    client_expect(&client, ECHO_HEAD "14\r\n\r\nPOST /echo   x");
    client_send(&client, SPAN_LIT("POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                                  "Expect: 100-continue\r\n\r\n"));
    client_expect(&client, REFUSED("404 Not Found", "14"));
    client_expect_end(&client);
    client_close(&client);
    stop();
}

static void answer_may_come_later(void **state)
{
    struct client client;

    (void)state;
    start(&small);
    client_open(&client);
    client_send(&client,
        SPAN_LIT("GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n"));
    expect_waiting(1);
    client_expect(&client, "");
    assert_false(serve_request_gone(waiting[0]));
    serve_answer_text(waiting[0], 200, "late");
    client_expect(&client,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nlate\n" ECHO_HEAD
        "12\r\n\r\nGET /echo   ");
    client_close(&client);
    stop();
}

static void answer_to_nobody_is_dropped(void **state)
{
    struct client client;

    (void)state;
    start(&small);
    client_open(&client);
    client_send(&client, SPAN_LIT("GET /later HTTP/1.1\r\nHost: h\r\n\r\n"));
    expect_waiting(1);
    net_close_reset(client.fd);
    client.fd = -1;
    expect_gone(waiting[0]);
    serve_answer_text(waiting[0], 200, "late");
    client_close(&client);
    stop();
}

static void requests_outlive_the_server(void **state)
{
    struct client client;

    (void)state;
    start(&small);
    client_open(&client);
    client_send(
        &client, SPAN_LIT("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"));
    expect_waiting(1);
    serve = serve_free(serve);
    turn();
    assert_true(serve_request_gone(waiting[0]));
    assert_span_is(waiting[0]->body, "ab");
    serve_answer_text(waiting[0], 200, "late");
    client_close(&client);
    stop();
}

static void half_closed_client_gets_its_answer(void **state)
{
    struct client client;

    (void)state;
    start(&small);
    client_open(&client);
    client_send(&client, SPAN_LIT("GET /later HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    expect_waiting(1);
    client_expect(&client, "");
    serve_answer_text(waiting[0], 200, "late");
    client_expect(
        &client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nlate\n");
    client_expect_end(&client);
    client_close(&client);
    stop();
}

static void big_answer_goes_as_the_client_reads(void **state)
{
    struct client client;
    const char *body;

    (void)state;
    start(&small);
    client_open(&client);
    client_send(&client,
        SPAN_LIT("GET /big HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n"));
    client_read(&client, BIG_BYTES + 100); /* the first head and the beginning of the second too */
    client_read_more(&client);
    body = memmem(client.got, client.n_got, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    assert_true(client.n_got - (size_t)(body - client.got) > BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i += 997)
        assert_int_equal(body[i], 'a' + i % 23);
    assert_memory_equal(body + BIG_BYTES, "HTTP/1.1 200 OK\r\n", 17);
    client_close(&client);
    stop();
}

static void slow_clients_are_told_so(void **state)
{
    static const struct {
        const char *in, *out;
    } slow[] = {
        {"GET /echo HTTP/1.1\r\nHo", REFUSED("408 Request Timeout", "20")},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx",
            REFUSED("408 Request Timeout", "20")},
        {"GET /later HTTP/1.1\r\nHost: h\r\n\r\n", REFUSED("504 Gateway Timeout", "20")},
        {"", ""},
        {"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", ECHO_HEAD "12\r\n\r\nGET /echo   "},
    };
    const struct serve_limits limits = {.header_timeout_ms = 300,
        .body_timeout_ms = 300,
        .answer_timeout_ms = 300,
        .idle_timeout_ms = 300,
        .send_timeout_ms = 300};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        struct client client;

        start(&limits);
        client_open(&client);
        client_send(&client, span_of(slow[i].in));
        client_expect_end(&client);
        client_expect(&client, slow[i].out);
        if (n_waiting > 0)
            serve_answer_text(waiting[0], 200, "too late");
        client_close(&client);
        stop();
    }
}

static void reader_of_nothing_is_cut(void **state)
{
    const struct serve_limits limits = {.send_timeout_ms = 8};
    struct client client;
    struct serve_stats stats = {.n_connections = 1};

    (void)state;
    start(&limits);
    client_open(&client);
    client_send(&client, SPAN_LIT("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (nsec give_up_at = clock_mono() + PATIENCE;
         (stats.n_connections > 0 || stats.timeouts == 0) && clock_mono() < give_up_at;) {
        turn();
        serve_stats(serve, &stats);
    }
    assert_int_equal(stats.n_connections, 0);
    assert_int_equal(stats.timeouts, 1);
    client_close(&client);
    stop();
}

static void one_connection_too_many_replaces_an_idle_one(void **state)
{
    const struct serve_limits limits = {.n_connections = 2};
    struct client clients[4];
    struct serve_stats stats;

    (void)state;
    start(&limits);
    for (unsigned i = 0; i < 3; i++) {
        client_open(&clients[i]);
        client_send(&clients[i], SPAN_LIT("GET /later HTTP/1.1\r\nHost: h\r\n\r\n"));
        expect_waiting(i + 1);
        if (i == 0) { /* the first is idle again when the third comes */
            serve_answer_text(waiting[0], 200, "one");
            client_read(&clients[i], 1);
        }
    }
    client_expect_end(&clients[0]);
    client_open(&clients[3]); /* nobody is idle */
    client_expect_end(&clients[3]);
    serve_stats(serve, &stats);
    assert_int_equal(stats.connections, 3);
    assert_int_equal(stats.n_connections, 2);
    assert_int_equal(stats.closed_full, 2);
    serve_answer_text(waiting[1], 200, "two");
    serve_answer_text(waiting[2], 200, "three");
    for (unsigned i = 0; i < ARRAY_LEN(clients); i++)
        client_close(&clients[i]);
    stop();
}

static void memory_has_a_limit(void **state)
{
    const struct serve_limits limits = {.memory_bytes = 100000, .body_bytes = 90000};
    static char body[60000];
    struct client one, two;

    (void)state;
    memset(body, 'x', sizeof(body));
    start(&limits);
    client_open(&one);
    client_open(&two);
    client_send(&one, SPAN_LIT("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n"));
    client_send(&one, (struct span){body, sizeof(body)});
    expect_waiting(1);
    client_send(&two, SPAN_LIT("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n"));
    client_send(&two, (struct span){body, sizeof(body)});
    client_expect(&two, REFUSED("503 Service Unavailable", "24"));
    serve_answer_text(waiting[0], 200, "done");
    client_expect(
        &one, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\ndone\n");
    client_send(&one, SPAN_LIT("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n"));
    client_send(&one, (struct span){body, sizeof(body)});
    expect_waiting(2); /* what the first held was given back */
    serve_answer_text(waiting[1], 200, "done");
    client_close(&one);
    client_close(&two);
    stop();
}

static void headers_cannot_split_the_answer(void **state)
{
    struct client client;

    (void)state;
    start(&small);
    client_open(&client);
    header_value = "fine";
    client_send(&client, SPAN_LIT("GET /header HTTP/1.1\r\nHost: h\r\n\r\n"));
    client_expect(&client, "HTTP/1.1 200 OK\r\nX-Query: fine\r\nContent-Length: 0\r\n\r\n");
    header_value = "x\r\nSet-Cookie: a=b";
    client_send(&client, SPAN_LIT("GET /header HTTP/1.1\r\nHost: h\r\n\r\n"));
    client_expect(&client,
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n"
        "\r\n500 Internal Server Error\n");
    client_close(&client);
    stop();
}

static void many_requests_at_once_are_all_answered(void **state)
{
    static char in[60000];
    struct client client;
    struct serve_stats stats;
    size_t n = 0, len = 0;

    (void)state;
    while (len + 100 < sizeof(in)) {
        len += (size_t)snprintf(
            in + len, sizeof(in) - len, "GET /nothing?%zu HTTP/1.1\r\nHost: h\r\n\r\n", n);
        n++;
    }
    start(&small);
    client_open(&client);
    client_send(&client, (struct span){in, len});
    client_read(&client, n * strlen("HTTP/1.1 204 No Content\r\n\r\n"));
    serve_stats(serve, &stats);
    assert_int_equal(stats.requests, n);
    assert_int_equal(client.n_got, n * strlen("HTTP/1.1 204 No Content\r\n\r\n"));
    client_close(&client);
    stop();
}

static void address_of_others_is_an_error(void **state)
{
    struct serve_opts opts = {.routes = routes, .n_routes = 1};

    (void)state;
    start(&small);
    assert_int_equal(addr_parse(SPAN_LIT("192.0.2.1:1"), &opts.addr), 0); /* not ours */
    errno = 0;
    assert_null(serve_new(engine, &opts));
    assert_int_equal(errno, EADDRNOTAVAIL);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(body_is_asked_for),
        cmocka_unit_test(answer_may_come_later),
        cmocka_unit_test(answer_to_nobody_is_dropped),
        cmocka_unit_test(requests_outlive_the_server),
        cmocka_unit_test(half_closed_client_gets_its_answer),
        cmocka_unit_test(big_answer_goes_as_the_client_reads),
        cmocka_unit_test(slow_clients_are_told_so),
        cmocka_unit_test(reader_of_nothing_is_cut),
        cmocka_unit_test(one_connection_too_many_replaces_an_idle_one),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(headers_cannot_split_the_answer),
        cmocka_unit_test(many_requests_at_once_are_all_answered),
        cmocka_unit_test(address_of_others_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

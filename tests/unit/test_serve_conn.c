/* Who gets a connection of the small server, and what it says by itself. Clients are socketpairs with addresses that a test
 * gives them. */
#include <sys/socket.h>
#include <unistd.h>

#include "cert_make.h"
#include "serve/serve_conn.h"

#define CLIENTS_MAX 16u

static struct engine *engine;
static struct serve *serve;
static struct serve_request *waiting[CLIENTS_MAX];
static unsigned n_waiting;
static int clients[CLIENTS_MAX];
static unsigned n_clients;

static void answer_later(void *arg, struct serve_request *request)
{
    (void)arg;
    waiting[n_waiting++] = request;
}

static void answer_ok(void *arg, struct serve_request *request)
{
    (void)arg;
    serve_answer(request, &(struct serve_answer){.status = 204});
}

static const struct serve_route routes[] = {
    {.path = "/later", .methods = SERVE_METHOD(GET) | SERVE_METHOD(POST), .fn = answer_later},
    {.path = "/ok", .methods = SERVE_METHOD(GET), .fn = answer_ok},
};

static void turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(engine_turn(engine, 0), 0);
}

static void start(struct serve_opts opts)
{
    opts.routes = routes;
    opts.n_routes = ARRAY_LEN(routes);
    assert_int_equal(addr_parse(SPAN_LIT("127.0.0.1:0"), &opts.addr), 0);
    engine = engine_new(NULL);
    serve = serve_new(engine, &opts);
    assert_non_null(serve);
    n_waiting = n_clients = 0;
}

static void stop(void)
{
    for (unsigned i = 0; i < n_waiting; i++)
        serve_answer(waiting[i], &(struct serve_answer){.status = 204});
    serve = serve_free(serve);
    engine = engine_free(engine);
    for (unsigned i = 0; i < n_clients; i++)
        (void)close(clients[i]);
}

/* Returns the client's number. What it sends first is there before the server looks, so that no time limit runs until then. */
static unsigned client_open_with(const char *ip, const char *text)
{
    struct addr peer;
    int fds[2];

    assert_true(n_clients < CLIENTS_MAX);
    assert_int_equal(addr_parse_ip(span_of(ip), &peer), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(send(fds[1], text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    serve_conn_open(serve, fds[0], &peer);
    turns(1);
    clients[n_clients] = fds[1];
    return n_clients++;
}

static unsigned client_open(const char *ip)
{
    return client_open_with(ip, "");
}

static void client_send(unsigned client, const char *text)
{
    assert_int_equal(
        send(clients[client], text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    turns(3);
}

static bool client_is_open(unsigned client)
{
    char c;
    ssize_t n = recv(clients[client], &c, 1, MSG_DONTWAIT | MSG_PEEK);

    return n > 0 || (n < 0 && errno == EAGAIN);
}

#define SHORT_MS \
    300 /* begins when a connection is opened: what is sent at once must still be in time */
#define GET_OK    "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n"
#define GET_LATER "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"

/* --- room -------------------------------------------------------------------------------------- */

static void who_waited_longest_makes_room(void **state)
{
    static const char *const first_bytes[] = {
        "",                                                               /* silent */
        "GET /ok HTTP/1.1\r\nHost:",                                      /* in its head */
        "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab", /* in its body */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(first_bytes); i++) {
        unsigned slow, slower, quick, late;

        start((struct serve_opts){.limits = {.n_connections = 3}});
        slow = client_open("127.0.0.1");
        client_send(slow, first_bytes[i]);
        slower = client_open("127.0.0.1");
        quick = client_open("127.0.0.1");
        client_send(slow, i == 1 ? " h" : ""); /* what comes meanwhile gains nothing */
        client_send(quick, GET_LATER);
        late = client_open("127.0.0.1");
        assert_false(client_is_open(slow));
        assert_true(client_is_open(slower));
        client_send(late, GET_OK);
        assert_true(client_is_open(late));
        /* It has been answered, so that it waits for less time than the other one. */
        (void)client_open("127.0.0.1");
        assert_false(client_is_open(slower));
        assert_true(client_is_open(quick) && client_is_open(late));
        stop();
    }
}

static void all_slow_clients_together_shut_nobody_out(void **state)
{
    struct serve_stats stats;

    (void)state;
    start((struct serve_opts){.limits = {.n_connections = 4}});
    for (unsigned i = 0; i < 8; i++)
        client_send(client_open("127.0.0.1"), "GET /");
    for (unsigned i = 0; i < 4; i++) {
        unsigned client = client_open("127.0.0.1");

        client_send(client, GET_LATER);
        assert_int_equal(n_waiting, i + 1);
    }
    assert_false(client_is_open(client_open("127.0.0.1"))); /* all are being answered */
    serve_stats(serve, &stats);
    assert_int_equal(stats.n_connections, 4);
    assert_int_equal(stats.closed_full, 9);
    stop();
}

static void one_address_has_half_at_most(void **state)
{
    static const struct {
        const char *many, *other;
        bool is_same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.2", false}, {"192.0.2.1", "127.0.0.1", false},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"2001:db8::1", "2001:db8::2", true}, /* one /64 */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned first, second, third, other;

        start((struct serve_opts){.limits = {.n_connections = 4}});
        other = client_open(cases[i].other);
        first = client_open(cases[i].many);
        second = client_open(cases[i].many);
        assert_int_equal(client_is_open(other), !cases[i].is_same);
        third = client_open(cases[i].many);
        assert_false(client_is_open(first));
        assert_int_equal(client_is_open(other), !cases[i].is_same);
        client_send(second, GET_LATER);
        client_send(third, GET_LATER);
        assert_false(client_is_open(client_open(cases[i].many))); /* both of its own are busy */
        assert_int_equal(serve->stats.n_connections, cases[i].is_same ? 2 : 3);
        stop();
    }
}

static void loopback_may_have_all(void **state)
{
    (void)state;
    start((struct serve_opts){.limits = {.n_connections = 4}});
    for (unsigned i = 0; i < 4; i++)
        (void)client_open(i % 2 == 0 ? "127.0.0.1" : "::1");
    for (unsigned i = 0; i < 4; i++)
        assert_true(client_is_open(i));
    stop();
}

/* --- refusals ---------------------------------------------------------------------------------- */

static const char *write_refusal(
    void *arg, const struct serve_request *request, unsigned status, struct text *body)
{
    assert_string_equal(arg, "arg");
    text_addf(body, "%u[%.*s][%.*s][%s]", status, SPAN_ARG(request->path),
        SPAN_ARG(request->authority), request->fields ? "fields" : "");
    return "text/x-refusal";
}

static void refusals_are_the_owners(void **state)
{
    static const struct {
        const char *in, *status, *body;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "404 ", "404[/][h][fields]"},
        {"PUT /ok HTTP/1.1\r\nHost: h\r\n\r\n", "405 ", "405[/ok][h][fields]"},
        {"nonsense\r\n\r\n", "400 ", "400[][][]"},
        {"GET /ok HTTP/1.1\r\n\r\n", "400 ", "400[][][]"},
        {"POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n", "413 ", "413["},
        {"GET /ok HTTP/1.1\r\nHost:", "408 ", "408[][][]"},
        {"POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", "408 ",
            "408[/later][h][fields]"},
        {GET_LATER, "504 ", "504[/later][h][fields]"},
    };
    struct serve_opts opts = {.refusal = write_refusal, .refusal_arg = "arg"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        bool is_late = cases[i].status[2] == '8' || cases[i].status[0] == '5';
        uint32_t timeout_ms = is_late ? SHORT_MS : 60000;
        char buf[1024] = "";
        ssize_t n = -1;
        const char *body;

        opts.limits = (struct serve_limits){.header_timeout_ms = timeout_ms,
            .body_timeout_ms = timeout_ms,
            .answer_timeout_ms = timeout_ms};
        start(opts);
        (void)client_open_with("127.0.0.1", cases[i].in);
        for (unsigned t = 0; t < 2000 && n < 0; t++) {
            assert_int_equal(engine_turn(engine, 2 * NSEC_PER_MSEC), 0);
            n = recv(clients[0], buf, sizeof(buf) - 1, 0);
        }
        assert_true(n > 13);
        assert_memory_equal(buf + 9, cases[i].status, 4);
        assert_non_null(strstr(buf, "\r\nContent-Type: text/x-refusal\r\n"));
        body = strstr(buf, "\r\n\r\n");
        assert_non_null(body);
        assert_memory_equal(body + 4, cases[i].body, strlen(cases[i].body));
        stop();
    }
}

/* --- TLS --------------------------------------------------------------------------------------- */

static struct tls_context *make_tls(void)
{
    struct made made = make_cert(&(struct wish){.name = "www", .key = "P-256"});
    struct tls_context *tls = NULL;
    struct tls_context_opts opts = {0};
    struct text certificate, key;
    char why[TLS_WHY_MAX];

    text_init(&certificate, TLS_PEM_MAX);
    text_init(&key, TLS_PEM_MAX);
    make_cert_pem(&certificate, &made);
    make_key_pem(&key, &made, NULL, false);
    opts.certificate = text_span(&certificate);
    opts.key = text_span(&key);
    assert_int_equal(tls_context_new(NULL, &opts, &tls, why), 0);
    text_done(&certificate);
    text_done(&key);
    made_done(&made);
    return tls;
}

static void handshakes_have_as_long_as_heads(void **state)
{
    struct tls_context *tls = make_tls();
    struct serve_stats stats = {.n_connections = 1};

    (void)state;
    start((struct serve_opts){.tls = tls, .limits = {.header_timeout_ms = SHORT_MS}});
    (void)client_open_with("127.0.0.1", "\x16\x03\x01"); /* a handshake begins like this */
    for (unsigned i = 0; i < 2000 && stats.n_connections > 0; i++) {
        assert_int_equal(engine_turn(engine, 2 * NSEC_PER_MSEC), 0);
        serve_stats(serve, &stats);
    }
    assert_int_equal(stats.n_connections, 0);
    stop();
    (void)tls_context_unref(tls);
}

static void plain_requests_are_not_answered_on_a_tls_port(void **state)
{
    struct tls_context *tls = make_tls(), *renewed = make_tls();
    struct serve_stats stats;
    char c;

    (void)state;
    start((struct serve_opts){.tls = tls});
    for (unsigned i = 0; i < 2; i++) {
        unsigned client = client_open("127.0.0.1");

        client_send(client, GET_OK);
        assert_int_equal(recv(clients[client], &c, 1, 0), 0);
        serve_set_tls(serve, renewed);
    }
    serve_stats(serve, &stats);
    assert_int_equal(stats.tls_failed, 2);
    assert_int_equal(stats.requests, 0);
    stop();
    (void)tls_context_unref(tls);
    (void)tls_context_unref(renewed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waited_longest_makes_room),
        cmocka_unit_test(all_slow_clients_together_shut_nobody_out),
        cmocka_unit_test(one_address_has_half_at_most),
        cmocka_unit_test(loopback_may_have_all),
        cmocka_unit_test(refusals_are_the_owners),
        cmocka_unit_test(handshakes_have_as_long_as_heads),
        cmocka_unit_test(plain_requests_are_not_answered_on_a_tls_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

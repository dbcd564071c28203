/* Health checks against servers on loopback that live in this thread: they do what their script says between two turns
 * of the checker's loop. Intervals are short; only tests of time limits have short ones. */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "balance/health/health.h"
#include "base/hash.h"
#include "engine/net.h"
#include "unit.h"

#define INTERVAL_MS 10u
#define TIMEOUT_MS  20000u /* kept though this process may stand still */
#define PATIENCE    (60 * NSEC_PER_SEC)

/* One server. */
struct backend {
    int listen_fd;
    struct addr addr;
    const char *answer;     /* NULL: silence; "": closes */
    const char *answers[3]; /* in turn, instead */
    uint32_t answer_bytes;  /* of a body behind the answer */
    int conns[8];
    unsigned n_accepted;
    unsigned n_reset;  /* connections that ended by RST */
    unsigned n_closed; /* by FIN */
    char request[512]; /* the last one */
    size_t request_len;
};

static struct engine *engine;
static struct conn_env env;
static struct health *health;
static struct backend backend;
static struct server_state *state, *other_state;
static struct table_page *pages[KIND_COUNT];
static struct snapshot snapshot;
static struct server_conf servers[2];
static struct group_conf group;
static struct health_check_conf check;
static char events[256]; /* "unknown>up;" ... */
static struct health_event last_event;

static const char *const names[] = {"off", "unknown", "up", "down"};

static void on_change(void *arg, const struct health_event *event)
{
    size_t used = strlen(events);

    assert_ptr_equal(arg, events);
    last_event = *event;
    (void)snprintf(
        events + used, sizeof(events) - used, "%s>%s;", names[event->before], names[event->after]);
}

static void backend_open(struct backend *b)
{
    struct addr any = {.ip = {127, 0, 0, 1}, .family = 4};

    memset(b, 0, sizeof(*b));
    assert_int_equal(net_listen(&any, &(struct net_listen_opts){0}, &b->listen_fd), 0);
    assert_int_equal(net_local_addr(b->listen_fd, &b->addr), 0);
    for (size_t i = 0; i < ARRAY_LEN(b->conns); i++)
        b->conns[i] = -1;
    b->answer = "";
}

static void backend_close(struct backend *b)
{
    for (size_t i = 0; i < ARRAY_LEN(b->conns); i++) {
        if (b->conns[i] >= 0)
            (void)close(b->conns[i]);
    }
    (void)close(b->listen_fd);
}

static void backend_accept(struct backend *b)
{
    for (size_t i = 0; i < ARRAY_LEN(b->conns); i++) {
        struct addr peer;

        if (b->conns[i] >= 0)
            continue;
        b->conns[i] = net_accept(b->listen_fd, &peer);
        if (b->conns[i] < 0)
            return;
        b->n_accepted++;
        b->request_len = 0;
        if (b->answers[0])
            b->answer = b->answers[b->n_accepted % ARRAY_LEN(b->answers)];
    }
}

static void backend_answer(struct backend *b, int fd)
{
    static const char body[65536];

    if (!b->answer || !memmem(b->request, b->request_len, "\r\n\r\n", 4))
        return;
    (void)!send(fd, b->answer, strlen(b->answer), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (b->answer_bytes > 0)
        (void)!send(fd, body, MIN(b->answer_bytes, sizeof(body)), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (b->answer[0] == '\0')
        (void)shutdown(fd, SHUT_WR);
}

static void backend_serve(struct backend *b, int *fd)
{
    ssize_t n = recv(
        *fd, b->request + b->request_len, sizeof(b->request) - 1 - b->request_len, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        b->request_len += (size_t)n;
        b->request[b->request_len] = '\0';
        backend_answer(b, *fd);
        return;
    }
    if (n == 0)
        b->n_closed++;
    else
        b->n_reset++;
    (void)close(*fd);
    *fd = -1;
}

static void turn(void)
{
    assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
    backend_accept(&backend);
    for (size_t i = 0; i < ARRAY_LEN(backend.conns); i++) {
        if (backend.conns[i] >= 0)
            backend_serve(&backend, &backend.conns[i]);
    }
}

static nsec turn_for(unsigned ms)
{
    nsec begun = clock_mono();

    do
        turn();
    while (clock_mono() < begun + nsec_from_ms(ms));
    return clock_mono() - begun;
}

/* Turns until the state is so. Returns how long it took. */
static nsec turn_until(enum server_health health_wanted)
{
    nsec begun = clock_mono();

    while (server_state_health(state) != health_wanted) {
        turn();
        if (clock_mono() > begun + PATIENCE)
            fail_msg("still %s", names[server_state_health(state)]);
    }
    return clock_mono() - begun;
}

static void put(enum resource_kind kind, void *conf)
{
    pages[kind]->at[0] = conf;
}

static void apply(enum resource_kind kind, const void *before, void *after)
{
    const struct change_item item = {.kind = kind, .slot = 0, .before = before, .after = after};

    put(kind, after);
    health_apply(health, &snapshot, &item, 1);
}

static void conf_init(void)
{
    servers[0] = (struct server_conf){
        .id = "s1", .weight = 100, .addr = backend.addr, .port = backend.addr.port, .state = state};
    servers[1] = servers[0];
    servers[1].id = "s2";
    servers[1].state = other_state;
    group = (struct group_conf){.res.id = "g1", .servers = {servers, 1}, .health_check.slot = 0};
    check = (struct health_check_conf){
        .protocol = CHECK_TCP,
        .interval_ms = INTERVAL_MS,
        .timeout_ms = TIMEOUT_MS,
        .rise = 2,
        .fall = 3,
        .method = CHECK_HEAD,
        .http_minor = 1,
        .path = "/up?x=1",
        .host = "",
        .user_agent = "SLBHealthCheck",
        .codes = 1,
        .request = "",
        .response = "",
    };
}

static int setup(void **unused)
{
    (void)unused;
    hash_init();
    engine = engine_new(NULL);
    assert_non_null(engine);
    conn_env_init(&env, engine, 1 << 20, 0);
    memset(events, 0, sizeof(events));
    state = server_state_new("g1/s1", 1);
    other_state = server_state_new("g1/s2", 1);
    backend_open(&backend);
    memset(&snapshot, 0, sizeof(snapshot));
    for (size_t k = 0; k < KIND_COUNT; k++) {
        pages[k] = base_zalloc(sizeof(*pages[k]));
        snapshot.kinds[k] = (struct table){&pages[k], 1};
    }
    conf_init();
    put(KIND_HEALTH_CHECK, &check);
    health = health_new(engine, &env, on_change, events);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    health = health_free(health);
    assert_int_equal(engine_turn(engine, 0), 0);
    backend_close(&backend);
    conn_env_done(&env);
    engine = engine_free(engine);
    state = server_state_free(state);
    other_state = server_state_free(other_state);
    for (size_t k = 0; k < KIND_COUNT; k++)
        free(pages[k]);
    return 0;
}

static void tcp_checks_shake_hands_and_reset(void **unused)
{
    (void)unused;
    apply(KIND_SERVER_GROUP, NULL, &group);
    assert_int_equal(server_state_health(state), HEALTH_UNKNOWN);
    (void)turn_until(HEALTH_UP);
    while (backend.n_accepted < 4 || backend.n_reset < 3)
        turn();
    assert_string_equal(events, "unknown>up;");
    assert_string_equal(last_event.why, "");
    assert_int_equal(backend.n_closed, 0);
}

/* A socket of that address that does nothing: its port is given to nobody else. */
static int hold(struct addr addr, int type)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&addr, &sa);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sa, len), 0);
    return fd;
}

/* proves: CLBSG-22 */
static void refused_connections_take_a_server_down_and_success_brings_it_back(void **unused)
{
    int held = hold(backend.addr, SOCK_STREAM); /* or another test might listen there meanwhile */
    nsec down_at;

    (void)unused;
    group.slow_start_ms = 1000;
    (void)close(backend.listen_fd);
    backend.listen_fd = -1;
    apply(KIND_SERVER_GROUP, NULL, &group);
    (void)turn_until(HEALTH_DOWN);
    assert_string_equal(last_event.why, "CONNECT_FAILED");
    assert_int_equal(atomic_load(&state->slow_from), 0);
    down_at = engine_now(engine);

    assert_int_equal(
        net_listen(&backend.addr, &(struct net_listen_opts){0}, &backend.listen_fd), 0);
    (void)turn_until(HEALTH_UP);
    assert_string_equal(events, "unknown>down;down>up;");
    assert_ptr_equal(last_event.server, &servers[0]);
    /* Two successes in a row, and then it is in slow start. */
    assert_true(atomic_load(&state->slow_from) >= down_at + nsec_from_ms(INTERVAL_MS));
    (void)close(held);
}

/* A server of datagrams: answers each with `answer`, or not at all (NULL). */
static int datagrams_open(struct addr *ret_addr)
{
    struct addr any = {.ip = {127, 0, 0, 1}, .family = 4};
    int fd;

    assert_int_equal(net_listen(&any, &(struct net_listen_opts){.udp = true}, &fd), 0);
    assert_int_equal(net_local_addr(fd, ret_addr), 0);
    return fd;
}

static void datagrams_answer(int fd, const char *asked, const char *answer)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    char buf[64];
    ssize_t n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&from, &len);

    if (n < 0)
        return;
    assert_int_equal(n, strlen(asked));
    assert_memory_equal(buf, asked, strlen(asked));
    if (answer)
        (void)!sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&from, len);
}

static const struct {
    const char *name, *request, *response, *answer, *why;
    bool is_closed;
    enum server_health verdict;
} udp_cases[] = {
    {"silence", "", "", NULL, "", false, HEALTH_UP},
    {"any answer", "ping", "", "what?", "", false, HEALTH_UP},
    {"the answer", "ping", "pong", "pong", "", false, HEALTH_UP},
    {"another answer", "ping", "pong", "pongs", "RESPONSE_MISMATCH", false, HEALTH_DOWN},
    {"no answer", "ping", "pong", NULL, "RECV_RESPONSE_TIMEOUT", false, HEALTH_DOWN},
    {"nobody there", "ping", "", NULL, "CONNECT_FAILED", true, HEALTH_DOWN},
    {"nobody there to answer", "ping", "pong", NULL, "CONNECT_FAILED", true, HEALTH_DOWN},
};

static void udp_checks_judge_by_answer_silence_and_icmp(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(udp_cases); i++) {
        int fd = datagrams_open(&servers[0].addr);

        /* Nobody is there, not even who asks, to whom the kernel might give the port: another address has it. */
        if (udp_cases[i].is_closed) {
            struct addr other = servers[0].addr;

            other.ip[1] = 77;
            (void)close(fd);
            fd = hold(other, SOCK_DGRAM);
        }
        check.protocol = CHECK_UDP;
        check.timeout_ms = udp_cases[i].answer || udp_cases[i].is_closed ? TIMEOUT_MS : 50;
        check.request = udp_cases[i].request;
        check.response = udp_cases[i].response;
        apply(KIND_SERVER_GROUP, NULL, &group);
        for (nsec end = clock_mono() + PATIENCE;
             server_state_health(state) != udp_cases[i].verdict && clock_mono() < end;) {
            turn();
            if (!udp_cases[i].is_closed)
                datagrams_answer(fd, udp_cases[i].request, udp_cases[i].answer);
        }
        assert_int_equal(server_state_health(state), udp_cases[i].verdict);
        assert_string_equal(last_event.why, udp_cases[i].why);
        (void)close(fd);
        (void)teardown(unused);
        (void)setup(unused);
    }
}

static void failures_must_be_in_a_row(void **unused)
{
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static const char bad[] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

    (void)unused;
    check.protocol = CHECK_HTTP;
    backend.answers[0] = bad;
    backend.answers[1] = good; /* the first */
    backend.answers[2] = bad;
    apply(KIND_SERVER_GROUP, NULL, &group);
    while (backend.n_accepted < 8)
        turn();
    assert_string_equal(events, "unknown>up;");
}

struct http_case {
    const char *name;
    const char *host;
    const char *answer;
    const char *request;
    const char *why;
    uint32_t method, http_minor, codes;
    uint32_t answer_bytes;
    enum server_health verdict;
    unsigned status;
};

#define HEAD_11(host)                                                           \
    "HEAD /up?x=1 HTTP/1.1\r\nHost: " host "\r\nUser-Agent: SLBHealthCheck\r\n" \
    "Connection: close\r\n\r\n"

#define GET_10                                                                  \
    "GET /up?x=1 HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: SLBHealthCheck\r\n" \
    "Connection: close\r\n\r\n"

/* Codes: 1 http_2xx, 2 http_3xx, 4 http_4xx, 8 http_5xx. */
static const struct http_case http_cases[] = {
    {"head 1.1", "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", HEAD_11("127.0.0.1"), "",
        CHECK_HEAD, 1, 1, 0, HEALTH_UP, 200},
    {"host", "www.example.com", "HTTP/1.1 204 No Content\r\n\r\n", HEAD_11("www.example.com"), "",
        CHECK_HEAD, 1, 1, 0, HEALTH_UP, 204},
    {"get 1.0", "", "HTTP/1.0 200 OK\r\nContent-Length: 60000\r\n\r\n", GET_10, "", CHECK_GET, 0, 1,
        60000, HEALTH_UP, 200},
    {"body to the end of the connection", "", "HTTP/1.0 200 OK\r\n\r\n", NULL, "", CHECK_GET, 1, 1,
        20000, HEALTH_UP, 200},
    {"interim first", "", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", NULL, "",
        CHECK_HEAD, 1, 1, 0, HEALTH_UP, 200},
    {"status not wanted", "", "HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", NULL,
        "RESPONSE_MISMATCH", CHECK_HEAD, 1, 1, 0, HEALTH_DOWN, 301},
    {"status wanted", "", "HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", NULL, "", CHECK_HEAD, 1, 3,
        0, HEALTH_UP, 301},
    {"5xx wanted", "", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", NULL, "", CHECK_HEAD, 1, 8,
        0, HEALTH_UP, 503},
    {"4xx is not 5xx", "", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", NULL,
        "RESPONSE_MISMATCH", CHECK_HEAD, 1, 8, 0, HEALTH_DOWN, 404},
    {"not HTTP", "", "220 smtp.example.com\r\n\r\n", NULL, "RESPONSE_FORMAT_ERROR", CHECK_HEAD, 1,
        15, 0, HEALTH_DOWN, 0},
    {"closed without an answer", "", "", NULL, "RECV_RESPONSE_FAILED", CHECK_HEAD, 1, 15, 0,
        HEALTH_DOWN, 0},
    {"silence", "", NULL, NULL, "RECV_RESPONSE_TIMEOUT", CHECK_HEAD, 1, 15, 0, HEALTH_DOWN, 0},
    {"half a head", "", "HTTP/1.1 200 OK\r\nContent-", NULL, "RECV_RESPONSE_TIMEOUT", CHECK_HEAD, 1,
        15, 0, HEALTH_DOWN, 0},
    {"endless head", "", "HTTP/1.1 200 OK\r\nX: ", NULL, "RESPONSE_FORMAT_ERROR", CHECK_HEAD, 1, 15,
        9000, HEALTH_DOWN, 0},
};

static void http_checks_judge_the_answer(void **unused)
{
    for (size_t i = 0; i < ARRAY_LEN(http_cases); i++) {
        const struct http_case *hc = &http_cases[i];

        if (i > 0)
            (void)setup(unused);
        backend.answer = hc->answer;
        backend.answer_bytes = hc->answer_bytes;
        check.protocol = CHECK_HTTP;
        check.interval_ms = 1;
        check.timeout_ms = strcmp(hc->why, "RECV_RESPONSE_TIMEOUT") == 0 ? 60 : TIMEOUT_MS;
        check.fall = 2;
        check.method = hc->method;
        check.http_minor = hc->http_minor;
        check.codes = hc->codes;
        check.host = hc->host;
        apply(KIND_SERVER_GROUP, NULL, &group);
        (void)turn_until(hc->verdict);
        if (strcmp(last_event.why, hc->why) != 0 || last_event.status != hc->status)
            fail_msg("%s: %s %u", hc->name, last_event.why, last_event.status);
        if (hc->request)
            assert_string_equal(backend.request, hc->request);
        if (i + 1 < ARRAY_LEN(http_cases))
            (void)teardown(unused);
    }
}

/* A server that accepts and never answers is down after timeout * fall + interval * (fall - 1). */
/* proves: CLBSG-26 */
static void the_time_to_fail_follows_the_timeout(void **unused)
{
    static const unsigned timeouts_ms[] = {20, 100};

    for (size_t i = 0; i < ARRAY_LEN(timeouts_ms); i++) {
        nsec took;

        if (i > 0)
            (void)setup(unused);
        backend.answer = NULL;
        check.protocol = CHECK_HTTP;
        check.timeout_ms = timeouts_ms[i];
        apply(KIND_SERVER_GROUP, NULL, &group);
        took = turn_until(HEALTH_DOWN);
        assert_true(took >= nsec_from_ms(3 * timeouts_ms[i] + 2 * INTERVAL_MS));
        assert_string_equal(last_event.why, "RECV_RESPONSE_TIMEOUT");
        if (i + 1 < ARRAY_LEN(timeouts_ms))
            (void)teardown(unused);
    }
}

static void weight_zero_is_checked_if_the_group_wants_it(void **unused)
{
    struct group_conf wanted, weighted;
    struct server_conf heavy;

    (void)unused;
    servers[0].weight = 0;
    apply(KIND_SERVER_GROUP, NULL, &group);
    (void)turn_for(30);
    assert_int_equal(server_state_health(state), HEALTH_OFF);
    assert_int_equal(backend.n_accepted, 0);

    /* Health checks go on at weight 0. proves: CLBSG-19 */
    wanted = group;
    wanted.check_weight_zero = true;
    apply(KIND_SERVER_GROUP, &group, &wanted);
    (void)turn_until(HEALTH_UP);

    apply(KIND_SERVER_GROUP, &wanted, &group);
    assert_int_equal(server_state_health(state), HEALTH_OFF);

    weighted = group;
    heavy = servers[0];
    heavy.weight = 1;
    weighted.servers.at = &heavy;
    apply(KIND_SERVER_GROUP, &group, &weighted);
    (void)turn_until(HEALTH_UP);
}

static void a_removed_check_makes_servers_usable(void **unused)
{
    struct group_conf unchecked;
    unsigned n_accepted;

    (void)unused;
    (void)close(backend.listen_fd);
    backend.listen_fd = -1;
    apply(KIND_SERVER_GROUP, NULL, &group);
    (void)turn_until(HEALTH_DOWN);
    assert_int_equal(
        net_listen(&backend.addr, &(struct net_listen_opts){0}, &backend.listen_fd), 0);
    n_accepted = backend.n_accepted;

    unchecked = group;
    unchecked.health_check.slot = REF_NONE;
    apply(KIND_SERVER_GROUP, &group, &unchecked);
    assert_int_equal(server_state_health(state), HEALTH_OFF);
    assert_string_equal(events, "unknown>down;down>off;");
    (void)turn_for(40);
    assert_int_equal(backend.n_accepted, n_accepted);
}

static void changes_keep_the_verdict(void **unused)
{
    struct health_check_conf http = check;
    struct group_conf more = group;
    uint32_t epoch;

    (void)unused;
    apply(KIND_SERVER_GROUP, NULL, &group);
    (void)turn_until(HEALTH_UP);
    epoch = atomic_load(&server_health_epoch);

    /* A check that fails from now on: up until fall failures. */
    http.protocol = CHECK_HTTP;
    apply(KIND_HEALTH_CHECK, &check, &http);
    assert_int_equal(server_state_health(state), HEALTH_UP);
    assert_int_equal(atomic_load(&server_health_epoch), epoch);
    (void)turn_until(HEALTH_DOWN);

    /* Another server joins: the first one's verdict stands. */
    more.servers.n = 2;
    apply(KIND_SERVER_GROUP, &group, &more);
    assert_int_equal(server_state_health(state), HEALTH_DOWN);
    assert_int_equal(server_state_health(other_state), HEALTH_UNKNOWN);
    /* It leaves while a check may be under way. */
    (void)turn_for(15);
    apply(KIND_SERVER_GROUP, &more, &group);
    apply(KIND_SERVER_GROUP, &group, NULL);
    (void)turn_for(15);
}

static void the_state_can_be_read(void **unused)
{
    struct text out;

    (void)unused;
    text_init(&out, 4096);
    health_encode(health, &out);
    assert_span_is(text_span(&out), "[]");
    text_reset(&out);

    servers[0].weight = 0;
    group.servers.n = 2;
    servers[1].weight = 1;
    apply(KIND_SERVER_GROUP, NULL, &group);
    while (server_state_health(other_state) != HEALTH_UP)
        turn();
    health_encode(health, &out);
    assert_true(span_starts_with(text_span(&out),
        SPAN_LIT(
            "[{\"group\":\"g1\",\"server\":\"s1\",\"state\":\"off\",\"since\":null,\"why\":\"\","
            "\"status\":0,\"checks\":0},{\"group\":\"g1\",\"server\":\"s2\",\"state\":\"up\","
            "\"since\":\"20")));
    assert_non_null(
        memmem(out.ptr, out.len, "+00:00\",\"why\":\"\",\"status\":0,\"checks\":1}]", 40));
    text_done(&out);
}

static void another_port_and_a_source_can_be_set(void **unused)
{
    (void)unused;
    check.port = backend.addr.port;
    servers[0].addr.port = 1;
    check.source = (struct addr){.ip = {127, 0, 0, 9}, .family = 4};
    apply(KIND_SERVER_GROUP, NULL, &group);
    while (backend.n_accepted == 0) {
        struct addr peer;
        int fd;

        assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
        fd = net_accept(backend.listen_fd, &peer);
        if (fd < 0)
            continue;
        backend.n_accepted++;
        assert_int_equal(peer.ip[3], 9);
        (void)close(fd);
    }
    (void)turn_until(HEALTH_UP);
}

/* More targets than may be checked at a time: all get their turn. */
static void thousands_of_targets_take_turns(void **unused)
{
    enum { N = 1000 };
    struct server_conf *many = base_calloc(N, sizeof(*many));
    struct server_state **states = base_calloc(N, sizeof(struct server_state *));
    unsigned n_up = 0;

    (void)unused;
    for (unsigned i = 0; i < N; i++) {
        states[i] = server_state_new("x", 1);
        many[i] = servers[0];
        many[i].state = states[i];
    }
    group.servers = (struct field_list){many, N};
    check.interval_ms = 20;
    apply(KIND_SERVER_GROUP, NULL, &group);
    for (nsec begun = clock_mono(); n_up < N && clock_mono() < begun + PATIENCE;) {
        struct addr peer;
        int fd;

        assert_int_equal(engine_turn(engine, NSEC_PER_MSEC), 0);
        while ((fd = net_accept(backend.listen_fd, &peer)) >= 0)
            (void)close(fd);
        n_up = 0;
        for (unsigned i = 0; i < N; i++)
            n_up += server_state_health(states[i]) == HEALTH_UP;
    }
    assert_int_equal(n_up, N);
    apply(KIND_SERVER_GROUP, &group, NULL);
    for (unsigned i = 0; i < N; i++)
        states[i] = server_state_free(states[i]);
    free((void *)states);
    free(many);
}

#define HEALTH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HEALTH_TEST(tcp_checks_shake_hands_and_reset),
        HEALTH_TEST(refused_connections_take_a_server_down_and_success_brings_it_back),
        HEALTH_TEST(udp_checks_judge_by_answer_silence_and_icmp),
        HEALTH_TEST(failures_must_be_in_a_row),
        HEALTH_TEST(http_checks_judge_the_answer),
        HEALTH_TEST(the_time_to_fail_follows_the_timeout),
        HEALTH_TEST(weight_zero_is_checked_if_the_group_wants_it),
        HEALTH_TEST(a_removed_check_makes_servers_usable),
        HEALTH_TEST(changes_keep_the_verdict),
        HEALTH_TEST(the_state_can_be_read),
        HEALTH_TEST(another_port_and_a_source_can_be_set),
        HEALTH_TEST(thousands_of_targets_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

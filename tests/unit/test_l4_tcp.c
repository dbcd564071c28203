#include <netinet/tcp.h>
#include <poll.h>

#include "l4/tcp.h"
#include "l4_pair.h"

/* proves: NLBI-22 NLBI-25 NLBI-27 */
static void bytes_go_both_ways(void **state)
{
    struct pair pair;

    (void)state;
    begin(1);
    pair = open_pair();
    for (int i = 0; i < 3; i++) {
        say(pair.client, "question");
        hear(pair.server, "question");
        say(pair.server, "an answer");
        hear(pair.client, "an answer");
    }
    assert_int_equal(l4_active(rig.l4), 1);
    assert_int_equal(counter_get(&rig_cell(&rig)->active), 1);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->inflight), 1);
    close_pair(&pair);
    until_idle();
    assert_int_equal(counter_get(&rig_cell(&rig)->connections), 1);
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_in), 24);
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_out), 27);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->bytes_out), 24);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->bytes_in), 27);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->connects), 1);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->uses), 1);
    assert_int_equal(counter_get(&rig_cell(&rig)->refused), 0);
    rig_done(&rig);
}

static void servers_may_speak_first(void **state)
{
    struct pair pair;

    (void)state;
    begin(1);
    pair = open_pair();
    say(pair.server, "220 hello");
    hear(pair.client, "220 hello");
    close_pair(&pair);
    rig_done(&rig);
}

static void one_end_leaves_the_other_way_open(void **state)
{
    struct pair pair;

    (void)state;
    begin(1);
    pair = open_pair();
    say(pair.client, "all I have");
    assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
    hear(pair.server, "all I have");
    hear_end(pair.server);
    say(pair.server, "thanks");
    hear(pair.client, "thanks");
    say(pair.server, "bye");
    hear(pair.client, "bye");
    assert_int_equal(l4_active(rig.l4), 1);
    assert_int_equal(shutdown(pair.server, SHUT_WR), 0);
    hear_end(pair.client);
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_SERVER_RESET), 0);
    close_pair(&pair);
    rig_done(&rig);
}

static const struct tcp_flow *only_flow(void)
{
    assert_int_equal(rig.listener->n_flows, 1);
    return list_entry(rig.listener->flows.next, struct tcp_flow, link);
}

static int tcp_option(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, option, &value, &len), 0);
    return value;
}

/* Nothing delays a first write, so that its connection need not be told not to. */
static void nothing_is_delayed_from_the_second_write_on(void **state)
{
    struct pair pair;

    (void)state;
    begin(1);
    pair = greeted_pair();
    assert_int_equal(tcp_option(only_flow()->client.conn.io.fd, TCP_NODELAY), 1);
    assert_int_equal(tcp_option(only_flow()->server.conn.io.fd, TCP_NODELAY), 0);
    say(pair.client, "again");
    hear(pair.server, "again");
    assert_int_equal(tcp_option(only_flow()->server.conn.io.fd, TCP_NODELAY), 1);
    close_pair(&pair);
    rig_done(&rig);
}

static void last_words_and_end_go_together(void **state)
{
    struct pair pair;

    (void)state;
    begin(1);
    pair = greeted_pair();
    say(pair.server, "bye");
    assert_int_equal(shutdown(pair.server, SHUT_WR), 0);
    hear(pair.client, "bye");
    hear_end(pair.client);
    /* The other way is still open. */
    say(pair.client, "wait");
    hear(pair.server, "wait");
    say(pair.client, "that is all");
    assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
    hear(pair.server, "that is all");
    hear_end(pair.server);
    until_idle();
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_in), 20);
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_out), 3);
    assert_int_equal(rig_reason(&rig, REASON_CLIENT_RESET), 0);
    assert_int_equal(rig_reason(&rig, REASON_SERVER_RESET), 0);
    close_pair(&pair);
    rig_done(&rig);
}

static void a_reset_is_passed_on(void **state)
{
    struct pair pair;

    (void)state;
    begin(1);
    pair = greeted_pair();
    reset(pair.client);
    hear_reset(pair.server);
    (void)close(pair.server);
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_CLIENT_RESET), 1);

    pair = greeted_pair();
    reset(pair.server);
    hear_reset(pair.client);
    (void)close(pair.client);
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_SERVER_RESET), 1);
    rig_done(&rig);
}

static bool idle_time_is_kept(unsigned idle_ms)
{
    struct pair pair;
    nsec begun_at, said_at;
    bool in_time;

    rig_init(&rig, false, 1, RIG_MEMORY);
    rig.conf.idle_timeout_ms = idle_ms;
    rig_start(&rig, "127.0.0.1:0");
    begun_at = clock_mono();
    pair = open_pair();
    said_at = rig_turn_for(&rig, nsec_from_ms(idle_ms) * 5 / 8);
    in_time = said_at - begun_at < nsec_from_ms(idle_ms) * 7 / 8;
    if (in_time) {
        say(pair.client, "x");
        hear(pair.server, "x");
        hear_reset(pair.server);
        assert_true(clock_mono() - said_at > nsec_from_ms(idle_ms) * 3 / 4);
        hear_reset(pair.client);
        assert_int_equal(l4_active(rig.l4), 0);
        assert_int_equal(rig_reason(&rig, REASON_IDLE_TIMEOUT), 1);
    }
    close_pair(&pair);
    rig_done(&rig);
    return in_time;
}

/* proves: CLBL-11 */
static void idle_time_resets_both_sides(void **state)
{
    (void)state;
    rig_until_in_time(idle_time_is_kept, 80);
}

static void stop_server(uint32_t i)
{
    (void)close(rig.server_fds[i]);
    rig.server_fds[i] = -1;
}

static void a_refusal_is_followed_by_the_next_server(void **state)
{
    struct pair pairs[2];

    (void)state;
    begin(2);
    stop_server(0);
    for (int i = 0; i < 2; i++) {
        pairs[i] = open_pair();
        assert_int_equal(pairs[i].index, 1);
        say(pairs[i].client, "hello");
        hear(pairs[i].server, "hello");
        close_pair(&pairs[i]);
    }
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_NEXT_SERVER), 2);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->connect_failures), 2);
    assert_int_equal(counter_get(&rig_server(&rig, 1)->connect_failures), 0);
    assert_int_equal(counter_get(&rig_cell(&rig)->refused), 0);
    rig_done(&rig);
}

static void without_a_server_the_client_is_reset(void **state)
{
    int client;

    (void)state;
    begin(3);
    for (uint32_t i = 0; i < 3; i++)
        stop_server(i);
    client = dial(&rig.at);
    hear_reset(client);
    (void)close(client);
    assert_int_equal(rig_reason(&rig, REASON_CONNECT_REFUSED), 1);
    assert_int_equal(rig_reason(&rig, REASON_NEXT_SERVER), 1); /* two tries for three servers */
    assert_int_equal(counter_get(&rig_cell(&rig)->refused), 1);

    rig_next(&rig);
    for (uint32_t i = 0; i < 3; i++)
        rig.server_confs[1][i].weight = 0;
    rig_apply(&rig, &rig.group_conf[1]);
    client = dial(&rig.at);
    hear_reset(client);
    (void)close(client);
    assert_int_equal(rig_reason(&rig, REASON_NO_SERVERS), 1);

    rig_apply(&rig, NULL);
    client = dial(&rig.at);
    hear_reset(client);
    (void)close(client);
    assert_int_equal(rig_reason(&rig, REASON_NO_GROUP), 1);
    rig_done(&rig);
}

/* proves: CLBL-20 */
static void a_silent_server_is_followed_by_the_next(void **state)
{
    int fillers[2];
    struct pair pair;

    (void)state;
    rig_init(&rig, false, 2, RIG_MEMORY);
    rig.group_conf[0].connect_timeout_ms = 60;
    /* Its queue is full, so that it does not even answer. */
    assert_int_equal(listen(rig.server_fds[0], 0), 0);
    fillers[0] = dial(&rig.server_confs[0][0].addr);
    fillers[1] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    rig_start(&rig, "127.0.0.1:0");
    pair = (struct pair){.client = dial(&rig.at), .server = -1};
    RIG_UNTIL(&rig, (pair.server = accept4(rig.server_fds[1], NULL, NULL, 0)) >= 0);
    say(pair.client, "hello");
    hear(pair.server, "hello");
    assert_int_equal(rig_reason(&rig, REASON_NEXT_SERVER), 1);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->connect_failures), 1);
    close_pair(&pair);
    (void)close(fillers[0]);
    (void)close(fillers[1]);
    rig_done(&rig);
}

static void a_client_may_leave_while_we_connect(void **state)
{
    int filler, client;

    (void)state;
    rig_init(&rig, false, 1, RIG_MEMORY);
    assert_int_equal(listen(rig.server_fds[0], 0), 0);
    filler = dial(&rig.server_confs[0][0].addr);
    rig_start(&rig, "127.0.0.1:0");
    client = dial(&rig.at);
    RIG_UNTIL(&rig, l4_active(rig.l4) == 1);
    reset(client);
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_CLIENT_RESET), 1);
    (void)close(filler);
    rig_done(&rig);
}

static void a_removed_server_is_drained(void **state)
{
    struct pair pair;

    (void)state;
    rig_init(&rig, false, 2, RIG_MEMORY);
    rig.group_conf[0].drain = true;
    rig.group_conf[0].drain_timeout_ms = 30;
    rig_start(&rig, "127.0.0.1:0");
    do {
        pair = open_pair();
        if (pair.index != 1)
            close_pair(&pair);
    } while (pair.index != 1);
    rig_next(&rig)->servers.n = 1;
    rig_apply(&rig, &rig.group_conf[1]);
    say(pair.client, "still here");
    hear(pair.server, "still here");
    hear_reset(pair.client);
    hear_reset(pair.server);
    assert_int_equal(rig_reason(&rig, REASON_DRAINING), 1);
    close_pair(&pair);
    rig_done(&rig);
}

static void weights_are_for_new_connections(void **state)
{
    struct pair old, new;

    (void)state;
    begin(2);
    old = open_pair();
    rig_next(&rig);
    rig.server_confs[1][old.index].weight = 0;
    rig_apply(&rig, &rig.group_conf[1]);
    for (int i = 0; i < 3; i++) {
        new = open_pair();
        assert_int_equal(new.index, 1 - old.index);
        close_pair(&new);
    }
    say(old.client, "hello");
    hear(old.server, "hello");
    close_pair(&old);
    rig_done(&rig);
}

static void one_source_has_one_server(void **state)
{
    uint32_t first = 0;

    (void)state;
    rig_init(&rig, false, 4, RIG_MEMORY);
    rig.group_conf[0].scheduler = SCHEDULER_SCH;
    rig_start(&rig, "127.0.0.1:0");
    for (int i = 0; i < 6; i++) {
        struct pair pair = open_pair();

        if (i == 0)
            first = pair.index;
        assert_int_equal(pair.index, first);
        close_pair(&pair);
    }
    rig_done(&rig);
}

/* ---- much at once ---- */

static unsigned char pattern(uint64_t at)
{
    return (unsigned char)(at * 31 + (at >> 11));
}

struct load {
    int from, to;
    uint64_t n, sent, seen;
    uint64_t take; /* bytes read at a time */
};

static void load_step(struct load *load)
{
    unsigned char buf[65536];
    ssize_t n;

    if (load->sent < load->n) {
        size_t part = (size_t)MIN(load->n - load->sent, (uint64_t)sizeof(buf));

        for (size_t i = 0; i < part; i++)
            buf[i] = pattern(load->sent + i);
        n = send(load->from, buf, part, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            load->sent += (uint64_t)n;
        if (load->sent == load->n)
            assert_int_equal(shutdown(load->from, SHUT_WR), 0);
    }
    n = recv(load->to, buf, MIN(load->take, sizeof(buf)), MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; i++) {
        if (buf[i] != pattern(load->seen + (uint64_t)i))
            fail_msg("byte %llu is wrong", (unsigned long long)(load->seen + (uint64_t)i));
    }
    if (n > 0)
        load->seen += (uint64_t)n;
}

/* Both directions at once, then both ends. */
static void carry(struct pair *pair, uint64_t n, uint64_t take_bytes)
{
    struct load there = {pair->client, pair->server, n, 0, 0, take_bytes};
    struct load back = {pair->server, pair->client, n, 0, 0, take_bytes};
    nsec give_up_at = clock_mono() + 5 * RIG_PATIENCE;

    while (there.seen < n || back.seen < n) {
        load_step(&there);
        load_step(&back);
        assert_int_equal(engine_turn(rig.worker->engine, 0), 0);
        assert_true(clock_mono() < give_up_at);
    }
    hear_end(pair->client);
    hear_end(pair->server);
    until_idle();
}

static void bulk_is_whole(void **state)
{
    static const struct {
        uint32_t n_pipes;
        uint64_t take;
    } ways[] = {{4, 65536}, {0, 65536}, {1, 4000}, {0, 4000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct pair pair;

        begin(1);
        rig.worker->env.n_pipes_max = ways[i].n_pipes;
        pair = open_pair();
        carry(&pair, 3u << 20, ways[i].take);
        assert_int_equal(counter_get(&rig_cell(&rig)->bytes_in), 3u << 20);
        assert_int_equal(counter_get(&rig_cell(&rig)->bytes_out), 3u << 20);
        assert_int_equal(counter_get(&rig_server(&rig, 0)->bytes_in), 3u << 20);
        assert_int_equal(counter_get(&rig_server(&rig, 0)->bytes_out), 3u << 20);
        assert_int_equal(rig.worker->env.pool.used_bytes, 0);
        close_pair(&pair);
        rig_done(&rig);
    }
}

/* Sends until nothing is taken any more for a while, in turns too: the process may have stood still. */
static uint64_t stuff(int fd)
{
    static const char zeroes[65536];
    uint64_t sum = 0;
    nsec moved_at = clock_mono();
    unsigned n_idle = 0;

    while (clock_mono() - moved_at < 30 * NSEC_PER_MSEC || n_idle++ < 100) {
        ssize_t n = send(fd, zeroes, sizeof(zeroes), MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            sum += (uint64_t)n;
            moved_at = clock_mono();
            n_idle = 0;
        }
        assert_int_equal(engine_turn(rig.worker->engine, 0), 0);
    }
    return sum;
}

static void a_slow_reader_pushes_back(void **state)
{
    struct pair pair;
    uint64_t sum, got = 0;
    char buf[65536];

    (void)state;
    begin(1);
    rig.worker->env.n_pipes_max = 0;
    pair = open_pair();
    sum = stuff(pair.client);
    /* One read's worth waits here, and no more. */
    assert_in_range(rig.worker->env.pool.used_bytes, 0, 2 * CONN_SCRATCH_BYTES);
    assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
    while (got < sum)
        got += (uint64_t)rig_recv(&rig, pair.server, buf, sizeof(buf));
    hear_end(pair.server);
    close_pair(&pair);
    until_idle();
    assert_int_equal(rig.worker->env.pool.used_bytes, 0);
    rig_done(&rig);
}

static void without_memory_a_flow_is_reset(void **state)
{
    struct pair pair;

    (void)state;
    rig_init(&rig, false, 1, 1);
    rig_start(&rig, "127.0.0.1:0");
    rig.worker->env.n_pipes_max = 0;
    pair = open_pair();
    (void)stuff(pair.client);
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_OUT_OF_MEMORY), 1);
    close_pair(&pair);
    rig_done(&rig);
}

/* ---- life ---- */

static void limits_refuse(void **state)
{
    struct pair pair;
    int client;

    (void)state;
    begin(1);
    rig.l4->flows_max = 1;
    pair = open_pair();
    client = dial(&rig.at);
    hear_reset(client);
    (void)close(client);
    assert_int_equal(rig_reason(&rig, REASON_LIMIT_CONNECTIONS), 1);
    assert_int_equal(counter_get(&rig_cell(&rig)->refused), 1);
    rig.l4->flows_max = UINT32_MAX;
    l4_drain(rig.l4);
    client = dial(&rig.at);
    hear_reset(client);
    (void)close(client);
    assert_int_equal(rig_reason(&rig, REASON_DRAINING), 1);
    say(pair.client, "hello");
    hear(pair.server, "hello");
    l4_cut(rig.l4);
    hear_reset(pair.client);
    hear_reset(pair.server);
    close_pair(&pair);
    rig_done(&rig);
}

/* proves: CLBL-06 */
static void flows_outlive_their_listener(void **state)
{
    struct pair pair, new;

    (void)state;
    rig_init(&rig, false, 1, RIG_MEMORY);
    rig.conf.idle_timeout_ms = 1000;
    rig_start(&rig, "127.0.0.1:0");
    pair = open_pair();
    {
        /* A change of the listener is for new connections. */
        struct listener_conf changed = rig.conf;

        changed.idle_timeout_ms = 10;
        l4_relisten(rig.listener, &changed);
        new = open_pair();
        hear_reset(new.client);
        close_pair(&new);
        say(pair.client, "hello");
        hear(pair.server, "hello");
        l4_unlisten(TAKE(rig.listener));
    }
    rig_turns(&rig, 2);
    say(pair.client, "hello");
    hear(pair.server, "hello");
    close_pair(&pair);
    until_idle();
    rig_turn(&rig);
    assert_true(list_empty(&rig.l4->listeners));
    rig_done(&rig);
}

static void accepting_can_stop(void **state)
{
    struct pair pair;
    int client;

    (void)state;
    begin(1);
    pair = open_pair();
    l4_stop_accepting(rig.listener);
    client = dial(&rig.at);
    rig_turns(&rig, 5);
    assert_int_equal(l4_active(rig.l4), 1);
    say(pair.client, "hello");
    hear(pair.server, "hello");
    close_pair(&pair);
    (void)close(client);
    rig_done(&rig);
}

/* proves: NLBI-07 */
static void versions_of_ip_mix(void **state)
{
    struct pair pair;

    (void)state;
    rig_init(&rig, false, 2, RIG_MEMORY);
    (void)close(rig.server_fds[1]);
    rig.server_fds[1] = rig_bind("[::1]:0", false);
    rig.server_confs[0][1].addr = rig_local(rig.server_fds[1]);
    rig_start(&rig, "[::1]:0");
    for (int i = 0; i < 4; i++) {
        pair = open_pair();
        say(pair.client, "hello");
        hear(pair.server, "hello");
        close_pair(&pair);
    }
    until_idle();
    assert_int_equal(counter_get(&rig_server(&rig, 0)->uses), 2);
    assert_int_equal(counter_get(&rig_server(&rig, 1)->uses), 2);
    rig_done(&rig);
}

static void sources_take_turns(void **state)
{
    static struct addr sources[3];
    struct pair pair;

    (void)state;
    rig_init(&rig, false, 1, RIG_MEMORY);
    (void)!addr_parse_ip(SPAN_LIT("127.0.0.7"), &sources[0]);
    (void)!addr_parse_ip(SPAN_LIT("::1"), &sources[1]); /* of no use towards this server */
    (void)!addr_parse_ip(SPAN_LIT("127.0.0.8"), &sources[2]);
    rig.group_conf[0].source = (struct field_list){sources, 3};
    rig_start(&rig, "127.0.0.1:0");
    for (int i = 0; i < 4; i++) {
        struct sockaddr_in sin;
        socklen_t len = sizeof(sin);

        pair = open_pair();
        assert_int_equal(getpeername(pair.server, (struct sockaddr *)&sin, &len), 0);
        assert_int_equal(ntohl(sin.sin_addr.s_addr) & 0xff, i % 2 == 0 ? 7 : 8);
        close_pair(&pair);
    }
    rig_done(&rig);
}

/* ---- system calls that fail ---- */

static void short_calls_lose_nothing(void **state)
{
    static const char *const plans[] = {
        "recv:%2:EAGAIN",
        "recv:%3:short",
        "send:%2:EAGAIN",
        "send:%3:short",
        "splice:%2:EAGAIN",
        "splice:%5:short",
        "pipe:1:EMFILE",
        "recv:%3:EAGAIN,send:%5:EAGAIN,splice:%7:EAGAIN",
    };

    (void)state;
    if (sys_fault_plan("") == -ENOTSUP)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct pair pair;

        begin(1);
        pair = open_pair();
        assert_int_equal(sys_fault_plan(plans[i]), 0);
        carry(&pair, 300000, 65536);
        assert_int_equal(sys_fault_plan(""), 0);
        close_pair(&pair);
        rig_done(&rig);
    }
}

/* The n-th call of each kind fails, for each n: every flow ends, and nothing is left behind. */
static void failing_calls_end_the_flow(void **state)
{
    static const char *const calls[] = {"socket", "connect", "epoll_ctl", "recv", "send", "splice"};
    static const char *const errors[] = {"EMFILE", "ENOMEM", "ECONNRESET"};

    (void)state;
    if (sys_fault_plan("") == -ENOTSUP)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(calls) * ARRAY_LEN(errors) * 4; i++) {
        char plan[64];
        struct pair pair = {.server = -1};
        nsec begun_at = clock_mono();

        begin(2);
        (void)snprintf(
            plan, sizeof(plan), "%s:%zu:%s", calls[i % 6], i / 18 + 1, errors[i / 6 % 3]);
        pair.client = dial(&rig.at);
        assert_int_equal(sys_fault_plan(plan), 0);
        for (int k = 0; k < 12; k++) {
            (void)!send(pair.client, plan, sizeof(plan), MSG_NOSIGNAL | MSG_DONTWAIT);
            assert_int_equal(engine_turn(rig.worker->engine, 0), 0);
            for (uint32_t s = 0; pair.server < 0 && s < 2; s++)
                pair.server = accept4(rig.server_fds[s], NULL, NULL, SOCK_CLOEXEC);
        }
        assert_int_equal(sys_fault_plan(""), 0);
        (void)close(pair.client);
        if (pair.server >= 0)
            (void)close(pair.server);
        stop_server(0); /* with what was not accepted */
        stop_server(1);
        until_idle();
        assert_true(clock_mono() - begun_at < RIG_PATIENCE);
        rig_done(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(servers_may_speak_first),
        cmocka_unit_test(one_end_leaves_the_other_way_open),
        cmocka_unit_test(nothing_is_delayed_from_the_second_write_on),
        cmocka_unit_test(last_words_and_end_go_together),
        cmocka_unit_test(a_reset_is_passed_on),
        cmocka_unit_test(idle_time_resets_both_sides),
        cmocka_unit_test(a_refusal_is_followed_by_the_next_server),
        cmocka_unit_test(without_a_server_the_client_is_reset),
        cmocka_unit_test(a_silent_server_is_followed_by_the_next),
        cmocka_unit_test(a_client_may_leave_while_we_connect),
        cmocka_unit_test(a_removed_server_is_drained),
        cmocka_unit_test(weights_are_for_new_connections),
        cmocka_unit_test(one_source_has_one_server),
        cmocka_unit_test(bulk_is_whole),
        cmocka_unit_test(a_slow_reader_pushes_back),
        cmocka_unit_test(without_memory_a_flow_is_reset),
        cmocka_unit_test(limits_refuse),
        cmocka_unit_test(flows_outlive_their_listener),
        cmocka_unit_test(accepting_can_stop),
        cmocka_unit_test(versions_of_ip_mix),
        cmocka_unit_test(sources_take_turns),
        cmocka_unit_test(short_calls_lose_nothing),
        cmocka_unit_test(failing_calls_end_the_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <netinet/udp.h>

#include "l4_udp_make.h"

#ifndef UDP_SEGMENT
#    define UDP_SEGMENT 103
#endif

static char big[BIG];

static void until_idle(void)
{
    RIG_UNTIL(&rig, l4_active(rig.l4) == 0);
}

static void each_client_has_its_flow(void **state)
{
    struct heard first[3], again;
    int clients[3];

    (void)state;
    begin(2);
    for (int i = 0; i < 3; i++) {
        clients[i] = dial();
        say(clients[i], "question");
        first[i] = serve("question");
        answer(&first[i], "an answer");
        hear(clients[i], "an answer");
    }
    assert_false(same_sender(&first[0], &first[2]));
    assert_int_equal(first[0].index, first[2].index); /* turns are taken */
    assert_int_not_equal(first[0].index, first[1].index);
    for (int i = 0; i < 3; i++) {
        say(clients[i], "more");
        again = serve("more");
        assert_true(same_sender(&again, &first[i]));
        assert_int_equal(again.index, first[i].index);
    }
    assert_int_equal(l4_active(rig.l4), 3);
    assert_int_equal(counter_get(&rig_cell(&rig)->connections), 3);
    assert_int_equal(counter_get(&rig_cell(&rig)->active), 3);
    assert_int_equal(counter_get(&rig_cell(&rig)->datagrams_in), 6);
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_in), 36);
    assert_int_equal(counter_get(&rig_cell(&rig)->datagrams_out), 3);
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_out), 27);
    assert_int_equal(
        counter_get(&rig_server(&rig, 0)->inflight) + counter_get(&rig_server(&rig, 1)->inflight),
        3);
    assert_int_equal(counter_get(&rig_server(&rig, first[1].index)->bytes_out), 12);
    assert_int_equal(counter_get(&rig_server(&rig, first[1].index)->bytes_in), 9);
    for (int i = 0; i < 3; i++)
        (void)close(clients[i]);
    rig_done(&rig);
}

static void any_size_passes_whole(void **state)
{
    static const size_t sizes[] = {1, 0, 1200, 0, 1473, 9000, 60000, BIG, 65000, 3};
    struct heard heard;
    int client;

    (void)state;
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 7 + i / 256);
    begin(1);
    client = dial();
    say(client, "hello");
    heard = serve("hello");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        say_n(client, big + i, sizes[i] - MIN(i, sizes[i]));
        hear_n(rig.server_fds[0], big + i, sizes[i] - MIN(i, sizes[i]));
        answer_n(&heard, big, sizes[i]);
        hear_n(client, big, sizes[i]);
    }
    /* All at once: joined or not, what arrives is what was sent. */
    for (size_t i = 0; i < 4; i++)
        say_n(client, big, sizes[i]);
    for (size_t i = 0; i < 4; i++)
        hear_n(rig.server_fds[0], big, sizes[i]);
    (void)close(client);
    rig_done(&rig);
}

/* One call of the sender, many datagrams. Returns false if this kernel cannot. */
static bool send_train(int fd, const struct heard *to, const char *bytes, size_t n, uint16_t seg)
{
    union {
        char buf[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)bytes, n};
    struct msghdr msg = {
        .msg_name = to ? (void *)(uintptr_t)&to->from : NULL,
        .msg_namelen = to ? to->len : 0,
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(seg));
    memcpy(CMSG_DATA(c), &seg, sizeof(seg));
    return sendmsg(fd, &msg, 0) == (ssize_t)n;
}

static void hear_train(int fd, size_t n, size_t seg)
{
    for (size_t at = 0; at < n; at += seg)
        hear_n(fd, big + at, MIN(seg, n - at));
}

static void trains_arrive_as_datagrams(void **state)
{
    static const struct {
        size_t n;
        uint16_t seg;
    } trains[] = {{2050, 100}, {64, 1}, {30000, 1200}, {3000, 1500}, {60000, 9000}, {100, 100}};
    struct heard heard;
    int client;

    (void)state;
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 5 + i / 256);
    begin(1);
    client = dial();
    say(client, "hello");
    heard = serve("hello");
    if (!send_train(client, NULL, big, 200, 100))
        skip();
    hear_train(rig.server_fds[0], 200, 100);
    for (size_t i = 0; i < ARRAY_LEN(trains); i++) {
        size_t n = trains[i].n;
        uint16_t seg = trains[i].seg;

        for (int twice = 0; twice < 2; twice++) {
            assert_true(send_train(client, NULL, big, n, seg));
            assert_true(send_train(rig.server_fds[0], &heard, big, n, seg));
        }
        for (int twice = 0; twice < 2; twice++) {
            hear_train(rig.server_fds[0], n, seg);
            hear_train(client, n, seg);
        }
    }
    /* 1 hello, 2 to begin with, then twice 21, 64, 25, 2, 7 and 1 */
    assert_int_equal(counter_get(&rig_cell(&rig)->datagrams_in), 243);
    assert_int_equal(counter_get(&rig_cell(&rig)->datagrams_out), 240);
    assert_int_equal(counter_get(&rig_server(&rig, 0)->bytes_out), 5 + 200 + 2 * 95214);
    assert_int_equal(counter_get(&rig_cell(&rig)->bytes_out), 2 * 95214);
    (void)close(client);
    rig_done(&rig);
}

/* One is read at a time until a server sends several at once. */
static void replies_that_come_together_all_arrive(void **state)
{
    enum { REPLIES = 100 };
    struct heard heard;
    int client;

    (void)state;
    begin(1);
    client = dial();
    say(client, "all of them");
    heard = serve("all of them");
    for (char i = 0; i < REPLIES; i++)
        answer_n(&heard, &i, 1);
    for (char i = 0; i < REPLIES; i++)
        hear_n(client, &i, 1);
    assert_int_equal(counter_get(&rig_cell(&rig)->datagrams_out), REPLIES);
    (void)close(client);
    rig_done(&rig);
}

/* More than one batch of many flows in one turn. */
static void many_at_once_are_all_served(void **state)
{
    enum { CLIENTS = 30, EACH = 5 };
    int clients[CLIENTS];
    uint32_t n_served = 0;
    nsec give_up_at = clock_mono() + RIG_PATIENCE;

    (void)state;
    begin(1);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = dial();
    for (int k = 0; k < EACH; k++) {
        for (int i = 0; i < CLIENTS; i++)
            say_n(clients[i], "0123456789", (size_t)(1 + (i + k) % 3));
    }
    while (n_served < CLIENTS * EACH) {
        struct heard heard = {.len = sizeof(heard.from)};
        char buf[16];
        ssize_t n = recvfrom(rig.server_fds[0], buf, sizeof(buf), MSG_DONTWAIT,
            (struct sockaddr *)&heard.from, &heard.len);

        if (n < 0) {
            rig_turn(&rig);
            assert_true(clock_mono() < give_up_at);
            continue;
        }
        answer_n(&heard, buf, (size_t)n);
        n_served++;
    }
    for (int i = 0; i < CLIENTS; i++) {
        for (int k = 0; k < EACH; k++)
            hear_n(clients[i], "0123456789", (size_t)(1 + (i + k) % 3));
        (void)close(clients[i]);
    }
    assert_int_equal(l4_active(rig.l4), CLIENTS);
    assert_int_equal(counter_get(&rig_cell(&rig)->datagrams_out), CLIENTS * EACH);
    rig_done(&rig);
}

static void replies_leave_from_where_the_client_asked(void **state)
{
    static const char *const binds[] = {"0.0.0.0:0", "[::]:0"};
    static const char *const ips[2][2] = {{"127.0.0.2", "127.0.0.3"}, {"::1", "::1"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(binds); i++) {
        rig_init(&rig, true, 1, RIG_MEMORY);
        rig_start(&rig, binds[i]);
        for (size_t k = 0; k < 2; k++) {
            struct addr to;
            struct heard heard;
            int client;

            assert_int_equal(addr_parse_ip(span_of(ips[i][k]), &to), 0);
            to.port = rig.at.port;
            client = dial_from(NULL, &to);
            say(client, "hello");
            heard = serve("hello");
            answer(&heard, "here");
            answer(&heard, "I am");
            hear(client, "here");
            hear(client, "I am");
            (void)close(client);
        }
        assert_int_equal(l4_active(rig.l4), 2);
        rig_done(&rig);
    }
}

/* One client port towards two of our addresses: two flows. */
static void addresses_are_told_apart(void **state)
{
    struct addr to[2];
    struct heard heard[2];
    struct sockaddr_storage sa;
    socklen_t len;
    int client;

    (void)state;
    rig_init(&rig, true, 1, RIG_MEMORY);
    rig_start(&rig, "0.0.0.0:0");
    client = dial_from("127.0.0.9:0", &rig.at);
    for (int i = 0; i < 2; i++) {
        to[i] = rig_addr(i == 0 ? "127.0.0.2:1" : "127.0.0.3:1");
        to[i].port = rig.at.port;
        len = addr_to_sockaddr(&to[i], &sa);
        assert_int_equal(connect(client, (struct sockaddr *)&sa, len), 0);
        say(client, "hello");
        heard[i] = serve("hello");
    }
    assert_false(same_sender(&heard[0], &heard[1]));
    answer(&heard[0], "for the other address");
    answer(&heard[1], "for this one");
    hear(client, "for this one");
    (void)close(client);
    rig_done(&rig);
}

/* proves: NLBI-07 */
static void versions_of_ip_mix(void **state)
{
    struct heard heard;
    int client;

    (void)state;
    rig_init(&rig, true, 1, RIG_MEMORY);
    rig_start(&rig, "[::1]:0");
    client = dial();
    say(client, "six");
    heard = serve("six");
    assert_int_equal(heard.from.ss_family, AF_INET);
    answer(&heard, "four");
    hear(client, "four");
    (void)close(client);
    rig_done(&rig);
}

static bool idle_time_is_kept(unsigned idle_ms)
{
    nsec idle = nsec_from_ms(idle_ms);
    struct heard first, second;
    bool in_time;
    nsec said_at;
    int client;

    rig_init(&rig, true, 1, RIG_MEMORY);
    rig.conf.idle_timeout_ms = idle_ms;
    rig_start(&rig, "127.0.0.1:0");
    client = dial();
    said_at = clock_mono();
    say(client, "one");
    first = serve("one");
    in_time = rig_turn_for(&rig, idle * 5 / 8) - said_at < idle * 7 / 8;
    if (in_time) {
        said_at = clock_mono();
        answer(&first, "two");
        hear(client, "two");
        in_time = rig_turn_for(&rig, idle * 5 / 8) - said_at < idle * 7 / 8;
    }
    if (in_time) {
        assert_int_equal(l4_active(rig.l4), 1);
        until_idle();
        assert_int_equal(counter_get(&rig_cell(&rig)->active), 0);
        say(client, "three");
        second = serve("three");
        assert_false(same_sender(&first, &second));
    }
    (void)close(client);
    rig_done(&rig);
    return in_time;
}

static void idle_flows_end(void **state)
{
    (void)state;
    rig_until_in_time(idle_time_is_kept, 60);
}

static void a_dead_port_is_left(void **state)
{
    struct heard heard;
    int client;

    (void)state;
    begin(2);
    client = dial();
    say(client, "one");
    heard = serve("one");
    (void)close(rig.server_fds[heard.index]);
    rig.server_fds[heard.index] = -1;
    say(client, "lost");
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_CONNECT_REFUSED), 1);
    assert_int_equal(counter_get(&rig_server(&rig, heard.index)->connect_failures), 1);
    say(client, "two");
    assert_int_equal(serve("two").index, 1 - heard.index);
    (void)close(client);
    rig_done(&rig);
}

static void a_flow_stays_until_it_is_drained(void **state)
{
    struct heard heard, again;
    int client;

    (void)state;
    rig_init(&rig, true, 2, RIG_MEMORY);
    rig_start(&rig, "127.0.0.1:0");
    client = dial();
    say(client, "one");
    heard = serve("one");

    /* Unhealthy, and without weight: not for this flow. */
    server_state_set_health(rig.states[heard.index], HEALTH_DOWN, 0);
    rig_next(&rig);
    rig.server_confs[1][heard.index].weight = 0;
    rig_apply(&rig, &rig.group_conf[1]);
    say(client, "two");
    again = serve("two");
    assert_true(same_sender(&heard, &again));

    rig_next(&rig)->drain = true;
    rig_apply(&rig, &rig.group_conf[0]);
    until_idle();
    assert_int_equal(rig_reason(&rig, REASON_DRAINING), 1);
    say(client, "three");
    assert_int_equal(serve("three").index, 1 - heard.index);
    (void)close(client);
    rig_done(&rig);
}

static void schedulers_hash(void **state)
{
    static const char id_1[] = "\xc3\0\0\0\1\x08"
                               "abcdefgh";
    static const char id_2[] = "\x43"
                               "abcdefgh and more";
    uint32_t index = 0;

    (void)state;
    rig_init(&rig, true, 4, RIG_MEMORY);
    rig.group_conf[0].scheduler = SCHEDULER_QCH;
    rig_start(&rig, "127.0.0.1:0");
    for (int i = 0; i < 8; i++) {
        int client = dial();
        bool found = false;

        say_n(client, i % 2 ? id_1 : id_2, (i % 2 ? sizeof(id_1) : sizeof(id_2)) - 1);
        while (!found) {
            rig_turn(&rig);
            for (uint32_t s = 0; s < 4; s++) {
                char buf[64];

                if (recv(rig.server_fds[s], buf, sizeof(buf), MSG_DONTWAIT) < 0)
                    continue;
                if (i == 0)
                    index = s;
                assert_int_equal(s, index);
                found = true;
            }
        }
        (void)close(client);
    }
    /* What is no QUIC sticks to its source. */
    for (int i = 0; i < 6; i++) {
        int client = dial();

        say(client, "x");
        if (i == 0)
            index = serve("x").index;
        else
            assert_int_equal(serve("x").index, index);
        (void)close(client);
    }
    rig_done(&rig);
}

static void what_cannot_begin_is_counted(void **state)
{
    int clients[2];

    (void)state;
    begin(1);
    rig.l4->flows_max = 1;
    clients[0] = dial();
    clients[1] = dial();
    assure(clients[0]);
    say(clients[1], "two");
    RIG_UNTIL(&rig, rig_reason(&rig, REASON_LIMIT_CONNECTIONS) == 1);
    rig.l4->flows_max = 10;
    rig_next(&rig);
    rig.server_confs[1][0].weight = 0;
    rig_apply(&rig, &rig.group_conf[1]);
    say(clients[1], "two");
    RIG_UNTIL(&rig, rig_reason(&rig, REASON_NO_SERVERS) == 1);
    l4_drain(rig.l4);
    say(clients[1], "two");
    RIG_UNTIL(&rig, rig_reason(&rig, REASON_DRAINING) == 1);
    assert_int_equal(counter_get(&rig_cell(&rig)->refused), 3);
    say(clients[0], "one");
    (void)serve("one");
    assert_int_equal(l4_active(rig.l4), 1);
    l4_cut(rig.l4);
    assert_int_equal(l4_active(rig.l4), 0);
    (void)close(clients[0]);
    (void)close(clients[1]);
    rig_done(&rig);
}

static void flows_end_with_their_listener(void **state)
{
    struct heard heard;
    int client;

    (void)state;
    begin(1);
    client = dial();
    say(client, "one");
    heard = serve("one");
    answer(&heard, "two");
    l4_unlisten(TAKE(rig.listener));
    assert_int_equal(l4_active(rig.l4), 0);
    assert_int_equal(rig_reason(&rig, REASON_LISTENER_GONE), 1);
    rig_turns(&rig, 2);
    assert_true(list_empty(&rig.l4->listeners));
    (void)close(client);
    rig_done(&rig);
}

/* ---- hand-over ---- */

struct exported {
    struct l4_udp_flow_state flows[4];
    uint32_t n;
};

static void take_flow(void *arg, const struct l4_udp_flow_state *flow)
{
    struct exported *exported = arg;

    assert_true(exported->n < 4);
    if (flow->group_id)
        assert_string_equal(flow->group_id, "group");
    exported->flows[exported->n++] = *flow;
}

static void flows_move_to_another_process(void **state)
{
    struct exported exported = {0};
    struct heard heard[2], again;
    struct l4 *other;
    int clients[2];

    (void)state;
    begin(2);
    for (int i = 0; i < 2; i++) {
        clients[i] = dial();
        say(clients[i], "one");
        heard[i] = serve("one");
    }
    l4_stop_accepting(rig.listener);
    say(clients[0], "meanwhile");
    answer(&heard[1], "still");
    hear(clients[1], "still");

    l4_export_udp(rig.listener, take_flow, &exported);
    assert_int_equal(exported.n, 2);
    assert_int_equal(l4_active(rig.l4), 0);
    assert_string_equal(exported.flows[0].server_id, heard[0].index == 0 ? "a" : "b");
    l4_unlisten(TAKE(rig.listener));

    other = l4_new(rig.worker, &rig.groups);
    l4_set_view(other, &rig.view);
    rig.listener = l4_listen(other, &rig.conf, rig.fds);
    for (int i = 0; i < 2; i++)
        assert_int_equal(l4_import_udp(rig.listener, &exported.flows[i]), 0);
    assert_int_equal(l4_active(other), 2);
    again = serve("meanwhile");
    assert_true(same_sender(&again, &heard[0]));
    for (int i = 0; i < 2; i++) {
        answer(&heard[i], "two");
        hear(clients[i], "two");
        say(clients[i], "three");
        again = serve("three");
        assert_true(same_sender(&again, &heard[i]));
        (void)close(clients[i]);
    }
    l4_unlisten(TAKE(rig.listener));
    (void)l4_free(other);
    rig_done(&rig);
}

/* The other half of a hand-over: another layer-4 proxy, with the listener and what was exported. */
static struct l4 *take_over(const struct exported *exported)
{
    struct l4 *other = l4_new(rig.worker, &rig.groups);

    l4_unlisten(TAKE(rig.listener));
    l4_set_view(other, &rig.view);
    rig.listener = l4_listen(other, &rig.conf, rig.fds);
    for (uint32_t i = 0; i < exported->n; i++)
        assert_int_equal(l4_import_udp(rig.listener, &exported->flows[i]), 0);
    return other;
}

static void a_flow_moves_without_its_server(void **state)
{
    struct exported exported = {0}, again = {0};
    struct group_conf *next;
    struct heard heard, late;
    struct l4 *others[2];
    int clients[2];

    (void)state;
    begin(2);
    clients[0] = dial();
    assure(clients[0]);
    clients[1] = dial();
    say(clients[1], "one");
    heard = serve("one");
    next = rig_next(&rig);
    next->servers.n = 1;
    next->drain = true;
    next->drain_timeout_ms = 3600000;
    rig_apply(&rig, next);

    l4_export_udp(rig.listener, take_flow, &exported);
    assert_int_equal(exported.n, 2);
    assert_true(exported.flows[0].assured);
    assert_string_equal(exported.flows[0].server_id, "a");
    assert_int_equal(exported.flows[0].cut_for, 0);
    assert_false(exported.flows[1].assured);
    assert_null(exported.flows[1].server_id);
    assert_null(exported.flows[1].group_id);
    assert_in_range(exported.flows[1].cut_for, 1, 3600 * NSEC_PER_SEC);

    others[0] = take_over(&exported);
    say(clients[1], "two");
    late = serve("two");
    assert_true(same_sender(&late, &heard));
    answer(&late, "three");
    hear(clients[1], "three");
    say(clients[1], "four");
    (void)serve("four");

    /* Once more; its drain ends there. */
    l4_export_udp(rig.listener, take_flow, &again);
    assert_int_equal(again.n, 2);
    assert_true(again.flows[1].assured);
    assert_null(again.flows[1].server_id);
    assert_in_range(again.flows[1].cut_for, 1, 3600 * NSEC_PER_SEC);
    again.flows[1].cut_for = 1;
    others[1] = take_over(&again);
    RIG_UNTIL(&rig, rig_reason(&rig, REASON_DRAINING) == 1);
    assert_int_equal(l4_active(others[1]), 1);

    l4_unlisten(TAKE(rig.listener));
    for (int i = 0; i < 2; i++) {
        (void)l4_free(others[i]);
        (void)close(clients[i]);
    }
    rig_done(&rig);
}

static int spare_fd(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void what_cannot_be_adopted_is_closed(void **state)
{
    struct l4_udp_flow_state wrong;
    struct l4_udp_flow_state flow = {.group_id = "group", .server_id = "a", .assured = true};

    (void)state;
    begin(1);
    flow.client = rig_addr("127.0.0.1:9999");
    flow.local = rig.at;
    flow.server = rig.server_confs[0][0].addr;

    wrong = flow;
    wrong.group_id = "another";
    wrong.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &wrong), -ENOENT);
    assert_int_equal(close(wrong.upstream_fd), -1);

    wrong = flow;
    wrong.server_id = "b";
    wrong.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &wrong), -ENOENT);

    wrong = flow;
    wrong.server.port ^= 1;
    wrong.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &wrong), -ENOENT);

    wrong = flow;
    wrong.local.port ^= 1;
    wrong.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &wrong), -EADDRNOTAVAIL);

    rig.l4->flows_max = 1;
    flow.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &flow), 0);
    wrong = flow;
    wrong.client.port ^= 1;
    wrong.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &wrong), -ENOSPC);
    assert_int_equal(close(wrong.upstream_fd), -1);

    /* The same flow again takes the place of the one that is there. */
    wrong = flow;
    wrong.upstream_fd = spare_fd();
    assert_int_equal(l4_import_udp(rig.listener, &wrong), 0);
    assert_int_equal(l4_active(rig.l4), 1);
    rig_done(&rig);
}

/* ---- system calls that fail ---- */

static void failing_calls_cost_datagrams_only(void **state)
{
    static const char *const plans[] = {
        "recvmmsg:%2:EAGAIN",
        "recvmmsg:%2:short",
        "recvmmsg:%3:ENOMEM",
        "sendmmsg:%2:EAGAIN",
        "sendmmsg:%2:short",
        "sendmmsg:%3:EIO",
        "sendmmsg:%3:EMSGSIZE",
        "sendmmsg:%3:EPERM",
        "sendmmsg:%5:ECONNREFUSED",
        "socket:%2:EMFILE",
        "connect:%2:ENETUNREACH",
        "epoll_ctl:%2:ENOMEM",
    };

    (void)state;
    if (sys_fault_plan("") == -ENOTSUP)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        int clients[4];
        struct heard heard;

        begin(2);
        for (int c = 0; c < 4; c++)
            clients[c] = dial();
        assert_int_equal(sys_fault_plan(plans[i]), 0);
        for (int k = 0; k < 20; k++) {
            char buf[64];
            ssize_t n;

            for (int c = 0; c < 4; c++) {
                say(clients[c], "ping");
                say(clients[c], "ping");
            }
            assert_int_equal(engine_turn(rig.worker->engine, 0), 0);
            for (uint32_t s = 0; s < 2; s++) {
                heard = (struct heard){.index = s, .len = sizeof(heard.from)};
                while ((n = recvfrom(rig.server_fds[s], buf, sizeof(buf), MSG_DONTWAIT,
                            (struct sockaddr *)&heard.from, &heard.len)) >= 0) {
                    assert_int_equal(n, 4);
                    answer(&heard, "pong");
                }
            }
        }
        assert_int_equal(sys_fault_plan(""), 0);
        rig_turns(&rig, 8);
        for (uint32_t s = 0; s < 2; s++) {
            char buf[64];

            while (recv(rig.server_fds[s], buf, sizeof(buf), MSG_DONTWAIT) >= 0)
                ;
        }
        /* It serves again. */
        for (int c = 0; c < 4; c++) {
            (void)close(clients[c]);
            clients[c] = dial();
            say(clients[c], "ping");
            heard = serve("ping");
            answer(&heard, "at last");
            hear(clients[c], "at last");
            (void)close(clients[c]);
        }
        rig_done(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_has_its_flow),
        cmocka_unit_test(any_size_passes_whole),
        cmocka_unit_test(trains_arrive_as_datagrams),
        cmocka_unit_test(replies_that_come_together_all_arrive),
        cmocka_unit_test(many_at_once_are_all_served),
        cmocka_unit_test(replies_leave_from_where_the_client_asked),
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(versions_of_ip_mix),
        cmocka_unit_test(idle_flows_end),
        cmocka_unit_test(a_dead_port_is_left),
        cmocka_unit_test(a_flow_stays_until_it_is_drained),
        cmocka_unit_test(schedulers_hash),
        cmocka_unit_test(what_cannot_begin_is_counted),
        cmocka_unit_test(flows_end_with_their_listener),
        cmocka_unit_test(flows_move_to_another_process),
        cmocka_unit_test(a_flow_moves_without_its_server),
        cmocka_unit_test(what_cannot_be_adopted_is_closed),
        cmocka_unit_test(failing_calls_cost_datagrams_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

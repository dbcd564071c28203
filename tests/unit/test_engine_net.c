/* Sockets on the loopback interface: what options do can be seen there only. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/net.h"
#include "unit.h"

static struct addr addr_of(const char *text)
{
    struct addr addr = {0};

    assert_int_equal(addr_parse(span_of(text), &addr), 0);
    return addr;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static int wait_for(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};

    assert_int_equal(poll(&pfd, 1, 5000), 1);
    return pfd.revents;
}

/* A listening socket on a port of the kernel's choice. */
static int listen_on(const char *text, const struct net_listen_opts *opts, struct addr *ret_addr)
{
    struct addr addr = addr_of(text);
    int fd = -1;

    assert_int_equal(net_listen(&addr, opts, &fd), 0);
    assert_int_equal(net_local_addr(fd, ret_addr), 0);
    assert_true(ret_addr->port > 0);
    return fd;
}

static void connects_and_accepts(const char *where)
{
    struct net_listen_opts opts = {.backlog = 16};
    struct addr addr, peer, local;
    int listener = listen_on(where, &opts, &addr);
    int client = -1, server, r;

    assert_int_equal(net_accept(listener, &peer), -EAGAIN);
    r = net_connect(&addr, NULL, &client);
    assert_true(r == 0 || r == NET_CONNECTING);
    (void)wait_for(client, POLLOUT);
    assert_int_equal(net_connect_result(client), 0);
    (void)wait_for(listener, POLLIN);
    server = net_accept(listener, &peer);
    assert_true(server >= 0);
    assert_int_equal(net_local_addr(client, &local), 0);
    assert_true(addr_eq(&local, &peer));

    assert_int_equal(option(client, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(server, IPPROTO_TCP, TCP_NODELAY), 1); /* inherited */
    assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(server, F_GETFD) & FD_CLOEXEC);
    assert_true(net_rtt_us(client) > 0);
    (void)close(client);
    (void)close(server);
    (void)close(listener);
}

static void tcp_over_both_families(void **state)
{
    (void)state;
    connects_and_accepts("127.0.0.1:0");
    connects_and_accepts("127.9.8.7:0");
    connects_and_accepts("[::1]:0");
}

static void source_address_is_used(void **state)
{
    struct net_listen_opts opts = {0};
    struct addr source = addr_of("127.0.0.77:0"), addr, peer;
    int listener = listen_on("127.0.0.1:0", &opts, &addr);
    int client = -1, server, r;

    (void)state;
    r = net_connect(&addr, &source, &client);
    assert_true(r == 0 || r == NET_CONNECTING);
    assert_int_equal(option(client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
    (void)wait_for(listener, POLLIN);
    server = net_accept(listener, &peer);
    assert_true(server >= 0);
    peer.port = 0;
    assert_true(addr_eq(&peer, &source));
    (void)close(client);
    (void)close(server);
    (void)close(listener);
}

static void refused_connection_is_told(void **state)
{
    struct net_listen_opts opts = {0};
    struct addr addr;
    int listener = listen_on("127.0.0.1:0", &opts, &addr);
    int client = -1, r;

    (void)state;
    (void)close(listener);
    r = net_connect(&addr, NULL, &client);
    if (r == NET_CONNECTING) {
        (void)wait_for(client, POLLOUT);
        r = net_connect_result(client);
        (void)close(client);
    }
    assert_int_equal(r, -ECONNREFUSED);
}

static void port_is_shared_by_a_group(void **state)
{
    struct net_listen_opts opts = {0};
    struct addr addr;
    int fds[2] = {listen_on("127.0.0.1:0", &opts, &addr), -1};

    (void)state;
    assert_int_equal(net_listen(&addr, &opts, &fds[1]), 0);
    assert_int_equal(net_reuseport_by_cpu(fds, 2), 0);
    assert_int_equal(net_reuseport_by_cpu(fds, 0), -EINVAL);

    /* Any CPU modulo 2 is a member of the group: every connection finds one. */
    for (int i = 0; i < 8; i++) {
        struct pollfd pfds[2] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
        struct addr peer;
        int client = -1, server, r;

        r = net_connect(&addr, NULL, &client);
        assert_true(r == 0 || r == NET_CONNECTING);
        assert_int_equal(poll(pfds, 2, 5000), 1);
        server = net_accept(pfds[0].revents ? fds[0] : fds[1], &peer);
        assert_true(server >= 0);
        (void)close(client);
        (void)close(server);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void udp_echoes(void **state)
{
    struct net_listen_opts opts = {.udp = true, .receive_bytes = 65536};
    struct addr addr;
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int server = listen_on("127.0.0.1:0", &opts, &addr);
    int client = -1;
    char buf[8];

    (void)state;
    assert_int_equal(option(server, SOL_SOCKET, SO_RCVBUF), 2 * 65536);
    assert_int_equal(net_connect_udp(&addr, NULL, &client), 0);
    assert_int_equal(send(client, "ping", 4, 0), 4);
    (void)wait_for(server, POLLIN);
    assert_int_equal(recvfrom(server, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), 4);
    assert_int_equal(sendto(server, "pong", 4, 0, (struct sockaddr *)&from, len), 4);
    (void)wait_for(client, POLLIN);
    assert_int_equal(recv(client, buf, sizeof(buf), 0), 4);
    (void)close(client);
    (void)close(server);
}

static void address_of_nobody_needs_freebind(void **state)
{
    static const char *const places[] = {"192.0.2.1:0", "[2001:db8::1]:0"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct addr addr = addr_of(places[i]);
        struct net_listen_opts opts = {0};
        int fd = -1;

        assert_int_equal(net_listen(&addr, &opts, &fd), -EADDRNOTAVAIL);
        assert_int_equal(fd, -1);
        opts.freebind = true;
        assert_int_equal(net_listen(&addr, &opts, &fd), 0);
        (void)close(fd);
    }
}

static void v6_only_leaves_v4_alone(void **state)
{
    struct net_listen_opts opts = {.v6_only = true};
    struct addr addr;
    int fd = listen_on("[::]:0", &opts, &addr);

    (void)state;
    assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    (void)close(fd);
}

static void reset_is_seen_by_the_peer(void **state)
{
    struct net_listen_opts opts = {0};
    struct addr addr, peer;
    int listener = listen_on("127.0.0.1:0", &opts, &addr);
    int client = -1, server, r;
    char c;

    (void)state;
    r = net_connect(&addr, NULL, &client);
    assert_true(r == 0 || r == NET_CONNECTING);
    (void)wait_for(listener, POLLIN);
    server = net_accept(listener, &peer);
    net_close_reset(server);
    (void)wait_for(client, POLLIN);
    assert_int_equal(recv(client, &c, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)close(client);
    (void)close(listener);
}

static void family_none_is_refused(void **state)
{
    struct addr none = {0};
    struct net_listen_opts opts = {0};
    int fd = -1;

    (void)state;
    assert_int_equal(net_listen(&none, &opts, &fd), -EAFNOSUPPORT);
    assert_int_equal(net_connect(&none, NULL, &fd), -EAFNOSUPPORT);
    assert_int_equal(net_connect_udp(&none, NULL, &fd), -EAFNOSUPPORT);
    assert_int_equal(fd, -1);
}

static void own_addresses_are_known(void **state)
{
    static const struct {
        const char *addr;
        int result;
    } cases[] = {
        {"127.0.0.1:0", 1},
        {"127.9.8.7:80", 1},
        {"[::1]:0", 1},
        {"192.0.2.1:0", 0},
        {"[2001:db8::1]:0", 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr addr = addr_of(cases[i].addr);

        assert_int_equal(net_is_local(&addr), cases[i].result);
    }
}

/* This host's own are always let in; what becomes of others a test with more addresses shows. */
static void clients_of_this_host_are_not_limited(void **state)
{
    struct net_listen_opts opts = {.udp = true};
    struct addr network = addr_of("[2001:db8::]:0"), addr;
    int fd = listen_on("[::1]:0", &opts, &addr), client = -1;
    char buf[8];

    (void)state;
    assert_int_equal(net_unlimit_clients6(fd), 0);
    for (unsigned bits = 1; bits <= 128; bits++) {
        assert_int_equal(net_limit_clients6(fd, &network, bits), 0);
        assert_int_equal(net_connect_udp(&addr, NULL, &client), 0);
        assert_int_equal(send(client, "x", 1, 0), 1);
        (void)wait_for(fd, POLLIN);
        assert_int_equal(recv(fd, buf, sizeof(buf), 0), 1);
        (void)close(client);
    }
    assert_int_equal(net_unlimit_clients6(fd), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_over_both_families),
        cmocka_unit_test(source_address_is_used),
        cmocka_unit_test(refused_connection_is_told),
        cmocka_unit_test(port_is_shared_by_a_group),
        cmocka_unit_test(udp_echoes),
        cmocka_unit_test(address_of_nobody_needs_freebind),
        cmocka_unit_test(v6_only_leaves_v4_alone),
        cmocka_unit_test(reset_is_seen_by_the_peer),
        cmocka_unit_test(family_none_is_refused),
        cmocka_unit_test(own_addresses_are_known),
        cmocka_unit_test(clients_of_this_host_are_not_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

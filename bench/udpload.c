/* UDP load in a closed loop, and the server that echoes it.
 *
 *   udpload echo IP:PORT
 *   udpload load IP:PORT SECONDS FLOWS TRAIN BYTES
 *
 * Each of FLOWS sockets sends TRAIN datagrams in one system call (UDP_SEGMENT), waits for all of
 * them to come back, and sends again. What is not back after LOST_NS is counted as lost, and the flow
 * goes on. load prints one line of JSON: n (echoes), failed (lost), seconds, and p50_us and p99_us
 * of a train.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOST_NS      200000000ll
#define SECOND_NS    1000000000ll
#define FLOWS_MAX    10000
#define TRAIN_MAX    60
#define PACKET_MAX   65535
#define EVENTS_MAX   256
#define BUCKETS      100000 /* of one microsecond; the last one holds all that took longer */
#define SOCKET_BYTES (4 << 20)

struct flow {
    int fd;
    uint32_t sequence; /* begins every datagram of a train, so that late echoes do not count */
    uint32_t n_missing;
    int64_t sent_at;
};

struct load {
    struct flow flows[FLOWS_MAX];
    uint32_t n_flows, train, bytes;
    uint64_t n_echoes, n_lost, n_trains;
    uint32_t took_us[BUCKETS];
    char out[PACKET_MAX], in[PACKET_MAX];
    int epoll;
};

static struct load load;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static struct sockaddr_in parse_addr(const char *text)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    char ip[INET_ADDRSTRLEN] = "";
    const char *colon = strchr(text, ':');

    if (!colon || (size_t)(colon - text) >= sizeof(ip)) {
        (void)fprintf(stderr, "udpload: %s is not IP:PORT\n", text);
        exit(2);
    }
    memcpy(ip, text, (size_t)(colon - text));
    if (inet_pton(AF_INET, ip, &addr.sin_addr) != 1) {
        (void)fprintf(stderr, "udpload: %s is not an IPv4 address\n", ip);
        exit(2);
    }
    addr.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return addr;
}

static uint32_t parse_number(const char *text, uint32_t min, uint32_t max)
{
    unsigned long n = strtoul(text, NULL, 10);

    if (n < min || n > max) {
        (void)fprintf(stderr, "udpload: %s must be %u..%u\n", text, min, max);
        exit(2);
    }
    return (uint32_t)n;
}

static int udp_socket(int flags)
{
    int fd = socket(AF_INET, SOCK_DGRAM | flags, 0), bytes = SOCKET_BYTES, on = 1;

    if (fd < 0)
        die("socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0)
        die("UDP_GRO");
    return fd;
}

union control {
    char buf[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* Returns the bytes read, at most PACKET_MAX; *ret_segment is the size of each datagram in them. */
static ssize_t receive(int fd, char *buf, struct sockaddr_in *ret_from, uint32_t *ret_segment)
{
    union control control;
    struct iovec iov = {buf, PACKET_MAX};
    struct msghdr msg = {.msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_name = ret_from,
        .msg_namelen = ret_from ? sizeof(*ret_from) : 0,
        .msg_control = &control,
        .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &msg, 0);

    if (n < 0)
        return n;
    *ret_segment = (uint32_t)n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int segment;

            memcpy(&segment, CMSG_DATA(c), sizeof(segment));
            *ret_segment = (uint32_t)segment;
        }
    }
    return n;
}

static ssize_t transmit(int fd, char *buf, size_t len, struct sockaddr_in *to, uint32_t segment)
{
    union control control = {{0}};
    struct iovec iov = {buf, len};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_name = to, .msg_namelen = to ? sizeof(*to) : 0};

    if (segment < len) {
        uint16_t bytes = (uint16_t)segment;
        struct cmsghdr *c;

        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(sizeof(bytes));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = IPPROTO_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(bytes));
        memcpy(CMSG_DATA(c), &bytes, sizeof(bytes));
    }
    return sendmsg(fd, &msg, 0);
}

static _Noreturn void run_echo(const char *where)
{
    struct sockaddr_in addr = parse_addr(where), from;
    int fd = udp_socket(0);
    uint32_t segment;

    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        die("bind");
    for (;;) {
        ssize_t n = receive(fd, load.in, &from, &segment);

        if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
            die("recvmsg");
        if (n > 0)
            (void)transmit(fd, load.in, (size_t)n, &from, segment);
    }
}

static void flow_send(struct flow *flow)
{
    size_t len = (size_t)load.train * load.bytes;

    flow->sequence++;
    for (uint32_t i = 0; i < load.train; i++)
        memcpy(load.out + (size_t)i * load.bytes, &flow->sequence, sizeof(flow->sequence));
    flow->n_missing = load.train;
    flow->sent_at = now();
    if (transmit(flow->fd, load.out, len, NULL, load.bytes) < 0 && errno != ECONNREFUSED &&
        errno != ENOBUFS && errno != EAGAIN)
        die("sendmsg");
}

static void flow_count(struct flow *flow, ssize_t n, uint32_t segment)
{
    for (ssize_t at = 0; at + (ssize_t)sizeof(uint32_t) <= n; at += segment) {
        uint32_t sequence;

        memcpy(&sequence, load.in + at, sizeof(sequence));
        if (sequence != flow->sequence || flow->n_missing == 0)
            continue;
        load.n_echoes++;
        flow->n_missing--;
    }
}

static void flow_receive(struct flow *flow)
{
    uint32_t segment;
    int64_t us;

    while (flow->n_missing > 0) {
        ssize_t n = receive(flow->fd, load.in, NULL, &segment);

        if (n <= 0)
            return;
        flow_count(flow, n, segment);
    }
    us = (now() - flow->sent_at) / 1000;
    load.took_us[us < BUCKETS ? us : BUCKETS - 1]++;
    load.n_trains++;
    flow_send(flow);
}

static void resend_lost(void)
{
    int64_t t = now();

    for (uint32_t i = 0; i < load.n_flows; i++) {
        struct flow *flow = &load.flows[i];

        if (t - flow->sent_at < LOST_NS)
            continue;
        load.n_lost += flow->n_missing;
        flow_send(flow);
    }
}

static void flows_open(const struct sockaddr_in *to)
{
    load.epoll = epoll_create1(0);
    for (uint32_t i = 0; i < load.n_flows; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        struct flow *flow = &load.flows[i];

        flow->fd = udp_socket(SOCK_NONBLOCK);
        if (connect(flow->fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
            die("connect");
        if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, flow->fd, &event) < 0)
            die("epoll_ctl");
    }
    for (uint32_t i = 0; i < load.n_flows; i++)
        flow_send(&load.flows[i]);
}

static uint32_t percentile(double part)
{
    uint64_t wanted = (uint64_t)((double)load.n_trains * part), seen = 0;

    for (uint32_t us = 0; us < BUCKETS; us++) {
        seen += load.took_us[us];
        if (seen > wanted)
            return us;
    }
    return BUCKETS;
}

static int run_load(char **argv)
{
    struct sockaddr_in to = parse_addr(argv[0]);
    int64_t started_at = now(), check_at = started_at + LOST_NS;
    int64_t end_at = started_at + parse_number(argv[1], 1, 3600) * SECOND_NS, t = started_at;

    load.n_flows = parse_number(argv[2], 1, FLOWS_MAX);
    load.train = parse_number(argv[3], 1, TRAIN_MAX);
    load.bytes = parse_number(argv[4], sizeof(uint32_t), PACKET_MAX / TRAIN_MAX);
    flows_open(&to);
    while (t < end_at) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(load.epoll, events, EVENTS_MAX, 50);

        for (int i = 0; i < n; i++)
            flow_receive(&load.flows[events[i].data.u32]);
        t = now();
        if (t >= check_at) {
            resend_lost();
            check_at = t + LOST_NS / 4;
        }
    }
    (void)printf("{\"n\": %llu, \"failed\": %llu, \"seconds\": %.3f, \"p50_us\": %u, "
                 "\"p99_us\": %u}\n",
        (unsigned long long)load.n_echoes, (unsigned long long)load.n_lost,
        (double)(t - started_at) / (double)SECOND_NS, percentile(0.50), percentile(0.99));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "echo") == 0)
        run_echo(argv[2]);
    if (argc == 7 && strcmp(argv[1], "load") == 0)
        return run_load(argv + 2);
    (void)fprintf(stderr, "usage: udpload echo IP:PORT\n"
                          "       udpload load IP:PORT SECONDS FLOWS TRAIN BYTES\n");
    return 2;
}

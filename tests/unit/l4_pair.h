/* TCP connections through a relay, with both of their ends in the hands of the test. */
#pragma once

#include "l4_make.h"

static struct rig rig;

/* One connection as the test sees it. */
struct pair {
    int client;
    int server;     /* -1 until accepted */
    uint32_t index; /* of the server */
};

static inline int dial(const struct addr *addr)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

/* Whichever server the connection comes to. */
static inline void take(struct pair *pair)
{
    nsec give_up_at = clock_mono() + RIG_PATIENCE;

    while (pair->server < 0) {
        rig_turn(&rig);
        assert_true(clock_mono() < give_up_at);
        for (uint32_t i = 0; pair->server < 0 && i < rig.n_servers; i++) {
            if (rig.server_fds[i] < 0)
                continue;
            pair->server = accept4(rig.server_fds[i], NULL, NULL, SOCK_CLOEXEC);
            pair->index = i;
        }
    }
}

static inline struct pair open_pair(void)
{
    struct pair pair = {.client = dial(&rig.at), .server = -1};

    take(&pair);
    return pair;
}

static inline void close_pair(struct pair *pair)
{
    (void)close(pair->client);
    (void)close(pair->server);
}

static inline void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void hear(int fd, const char *text)
{
    char buf[256];
    ssize_t n = rig_recv(&rig, fd, buf, sizeof(buf));

    assert_true(n >= 0);
    assert_span_is(((struct span){buf, (size_t)n}), text);
}

static inline void hear_end(int fd)
{
    char byte;

    assert_int_equal(rig_recv(&rig, fd, &byte, 1), 0);
}

static inline void hear_reset(int fd)
{
    char byte;

    assert_int_equal(rig_recv(&rig, fd, &byte, 1), -ECONNRESET);
}

static inline void reset(int fd)
{
    net_close_reset(fd);
}

/* Connected all the way. */
static inline struct pair greeted_pair(void)
{
    struct pair pair = open_pair();

    say(pair.client, "hello");
    hear(pair.server, "hello");
    return pair;
}

static inline void begin(uint32_t n_servers)
{
    rig_init(&rig, false, n_servers, RIG_MEMORY);
    rig_start(&rig, "127.0.0.1:0");
}

static inline void until_idle(void)
{
    RIG_UNTIL(&rig, l4_active(rig.l4) == 0);
}

/* Clients and servers of the UDP listener of l4_make.h. */
#pragma once

#include "l4_make.h"

#define BIG 65507u /* longest payload of a UDP datagram over IPv4 */

static struct rig rig;

static inline int dial_from(const char *from, const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t len;
    struct addr local;
    int fd = socket(to->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (from) {
        local = rig_addr(from);
        len = addr_to_sockaddr(&local, &sa);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    }
    len = addr_to_sockaddr(to, &sa);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

/* A connected socket hears only who answers from the address that was asked. */
static inline int dial(void)
{
    return dial_from(NULL, &rig.at);
}

static inline void begin(uint32_t n_servers)
{
    rig_init(&rig, true, n_servers, RIG_MEMORY);
    rig_start(&rig, "127.0.0.1:0");
}

static inline void say_n(int fd, const char *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, 0), n);
}

static inline void say(int fd, const char *text)
{
    say_n(fd, text, strlen(text));
}

static inline void hear_n(int fd, const char *bytes, size_t n)
{
    static char buf[BIG + 1];

    assert_int_equal(rig_recv(&rig, fd, buf, sizeof(buf)), n);
    assert_memory_equal(buf, bytes, n);
}

static inline void hear(int fd, const char *text)
{
    hear_n(fd, text, strlen(text));
}

/* What a server hears, and from whom. */
struct heard {
    uint32_t index;
    struct sockaddr_storage from;
    socklen_t len;
};

/* Any server hears the text. */
static inline struct heard serve(const char *text)
{
    nsec give_up_at = clock_mono() + RIG_PATIENCE;
    char buf[256];

    for (;;) {
        rig_turn(&rig);
        assert_true(clock_mono() < give_up_at);
        for (uint32_t i = 0; i < rig.n_servers; i++) {
            struct heard heard = {.index = i, .len = sizeof(heard.from)};
            ssize_t n = rig.server_fds[i] < 0
                            ? -1
                            : recvfrom(rig.server_fds[i], buf, sizeof(buf), MSG_DONTWAIT,
                                  (struct sockaddr *)&heard.from, &heard.len);

            if (n < 0)
                continue;
            assert_span_is(((struct span){buf, (size_t)n}), text);
            return heard;
        }
    }
}

static inline void answer_n(const struct heard *heard, const char *bytes, size_t n)
{
    assert_int_equal(sendto(rig.server_fds[heard->index], bytes, n, 0,
                         (const struct sockaddr *)&heard->from, heard->len),
        n);
}

static inline void answer(const struct heard *heard, const char *text)
{
    answer_n(heard, text, strlen(text));
}

static inline bool same_sender(const struct heard *a, const struct heard *b)
{
    return a->len == b->len && memcmp(&a->from, &b->from, a->len) == 0;
}

/* Asks, is answered, and sends again: more than a forger does. */
static inline void assure(int client)
{
    struct heard heard;

    say(client, "question");
    heard = serve("question");
    answer(&heard, "an answer");
    hear(client, "an answer");
    say(client, "more");
    (void)serve("more");
}

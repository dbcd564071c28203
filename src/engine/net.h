/* Making sockets. All are non-blocking and close-on-exec. Functions return 0 or -errno. */
#pragma once

#include "base/addr.h"

struct net_listen_opts {
    int backlog; /* TCP; 0: the system's maximum */
    bool udp;
    bool v6_only;
    int receive_bytes; /* SO_RCVBUF; 0: the system's */
    bool freebind;     /* IP_FREEBIND: the address may come later */
};

/* A bound socket with SO_REUSEADDR and SO_REUSEPORT: one per worker shares the port. TCP: listening, with
 * TCP_NODELAY set so that accepted sockets inherit it without a call of their own. */
int net_listen(const struct addr *addr, const struct net_listen_opts *opts, int *ret_fd) MUST_CHECK;

/* Spreads connections over the reuseport group of fds[0..n) by the CPU that received them, if the kernel
 * can; 0 or -errno, which callers may ignore. */
int net_reuseport_by_cpu(const int *fds, unsigned n) MUST_CHECK;

/* Accepts one. Returns the descriptor, -EAGAIN when there is none, other -errno on failure. */
int net_accept(int listen_fd, struct addr *ret_peer) MUST_CHECK;

#define NET_CONNECTING 1
/* Begins to connect, TCP_NODELAY on. source: local address to use (port 0: chosen by the kernel late, with
 * IP_BIND_ADDRESS_NO_PORT), or NULL. Returns 0 when connected at once, NET_CONNECTING, or -errno. */
int net_connect(const struct addr *addr, const struct addr *source, int *ret_fd) MUST_CHECK;
/* A connected UDP socket. */
int net_connect_udp(const struct addr *addr, const struct addr *source, int *ret_fd) MUST_CHECK;

/* Outcome of a connect that is writable: 0 or -errno (SO_ERROR). */
int net_connect_result(int fd) MUST_CHECK;

int net_local_addr(int fd, struct addr *ret_addr) MUST_CHECK;

/* Closes so that the peer gets RST instead of FIN (SO_LINGER 0). */
void net_close_reset(int fd);

/* Smoothed round-trip time of a TCP socket in microseconds, 0 if unknown. */
uint32_t net_rtt_us(int fd);

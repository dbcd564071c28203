/* Making sockets. All are non-blocking and close-on-exec. Functions return 0 or -errno. */
#pragma once

#include "base/addr.h"

struct net_listen_opts {
    int backlog; /* TCP; 0: the system's maximum */
    bool udp;
    bool v6_only;
    int receive_bytes; /* SO_RCVBUF; 0: the system's */
    bool freebind;     /* IP_FREEBIND: the address need not be on an interface */
};

/* A bound socket with SO_REUSEADDR and SO_REUSEPORT: one per worker shares the port. TCP: listening, with
 * TCP_NODELAY set so that accepted sockets inherit it without a call of their own. */
int net_listen(const struct addr *addr, const struct net_listen_opts *opts, int *ret_fd) MUST_CHECK;

/* Spreads connections over the reuseport group of fds[0..n) by the CPU that received them, if the kernel
 * can; 0 or -errno, which callers may ignore. */
int net_reuseport_by_cpu(const int *fds, unsigned n) MUST_CHECK;

/* The kernel drops what a listening or UDP socket of IPv6 is sent, unless it comes from the network or from this host itself;
 * accepted sockets inherit that. bits: 1..128. The second one takes it back. */
int net_limit_clients6(int fd, const struct addr *network, unsigned bits) MUST_CHECK;
int net_unlimit_clients6(int fd) MUST_CHECK;

/* Accepts one. Returns the descriptor, -EAGAIN when there is none, other -errno on failure. */
int net_accept(int listen_fd, struct addr *ret_peer) MUST_CHECK;

#define NET_CONNECTING 1
/* Begins to connect, TCP_NODELAY on. source: local address to use (port 0: chosen by the kernel late, with
 * IP_BIND_ADDRESS_NO_PORT), or NULL. Returns 0 when connected at once, NET_CONNECTING, or -errno. */
int net_connect(const struct addr *addr, const struct addr *source, int *ret_fd) MUST_CHECK;
/* The same with TCP_NODELAY off, which makes no difference to a first write: net_set_nodelay is due before the second. */
int net_connect_lazy(const struct addr *addr, const struct addr *source, int *ret_fd) MUST_CHECK;
void net_set_nodelay(int fd);
/* A connected UDP socket. */
int net_connect_udp(const struct addr *addr, const struct addr *source, int *ret_fd) MUST_CHECK;

/* Outcome of a connect that is writable: 0 or -errno (SO_ERROR). */
int net_connect_result(int fd) MUST_CHECK;

int net_local_addr(int fd, struct addr *ret_addr) MUST_CHECK;

/* Whether packets to the address stay on this host: 1 if it is on an interface or below a local route, 0 if not, or -errno.
 * An IPv6 address of a local route alone (ip -6 route add local PREFIX dev lo) can be bound with freebind only. */
int net_is_local(const struct addr *addr) MUST_CHECK;

/* Closes so that the peer gets RST instead of FIN (SO_LINGER 0). */
void net_close_reset(int fd);

/* Smoothed round-trip time of a TCP socket in microseconds, 0 if unknown. */
uint32_t net_rtt_us(int fd);

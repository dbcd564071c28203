#include "engine/net.h"

#include <limits.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "engine/sys.h"

/* Connections that died in the queue, skipped in one call. */
#define NET_ABORTED_MAX 16

static int net_set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int net_family(const struct addr *addr)
{
    return addr->family == 6 ? AF_INET6 : addr->family == 4 ? AF_INET : AF_UNSPEC;
}

static int net_set_listen_opts(int fd, const struct addr *addr, const struct net_listen_opts *opts)
{
    int r = net_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (r == 0)
        r = net_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && addr->family == 6)
        r = net_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, opts->v6_only);
    if (r == 0 && opts->freebind && addr->family == 6)
        r = net_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    if (r == 0 && opts->freebind && addr->family == 4)
        r = net_set(fd, IPPROTO_IP, IP_FREEBIND, 1);
    if (r == 0 && opts->receive_bytes > 0)
        r = net_set(fd, SOL_SOCKET, SO_RCVBUF, opts->receive_bytes);
    if (r == 0 && !opts->udp)
        r = net_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return r;
}

static int net_bind_listen(int fd, const struct addr *addr, const struct net_listen_opts *opts)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int r = net_set_listen_opts(fd, addr, opts);

    if (r < 0)
        return r;
    if (bind(fd, (const struct sockaddr *)&sa, len) < 0)
        return -errno;
    if (opts->udp)
        return 0;
    /* The kernel cuts it to net.core.somaxconn. */
    return listen(fd, opts->backlog > 0 ? opts->backlog : INT_MAX) < 0 ? -errno : 0;
}

int net_listen(const struct addr *addr, const struct net_listen_opts *opts, int *ret_fd)
{
    int fd = sys_socket(net_family(addr), opts->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    int r;

    if (fd < 0)
        return fd;
    r = net_bind_listen(fd, addr, opts);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int net_reuseport_by_cpu(const int *fds, unsigned n)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_CPU)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {.len = ARRAY_LEN(code), .filter = code};

    if (n == 0)
        return -EINVAL;
    /* It belongs to the group; any member will do. */
    if (setsockopt(fds[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) < 0)
        return -errno;
    return 0;
}

/* Where the kernel's filters (classic BPF) find what decides. */
#define FILTER_SOURCE6   (SKF_NET_OFF + 8) /* of the IPv6 header */
#define FILTER_INTERFACE (SKF_AD_OFF + SKF_AD_IFINDEX)

struct source_filter {
    struct sock_filter code[20];
    unsigned short n;
};

static void filter_add(struct source_filter *filter, unsigned code, uint32_t k)
{
    assert(filter->n < ARRAY_LEN(filter->code));
    filter->code[filter->n++] = (struct sock_filter)BPF_STMT((unsigned short)code, k);
}

/* Accepts if what is loaded is k; else goes on behind. */
static void filter_accept(struct source_filter *filter, uint32_t k)
{
    filter_add(filter, BPF_JMP | BPF_JEQ | BPF_K, k);
    filter->code[filter->n - 1].jf = 1;
    filter_add(filter, BPF_RET | BPF_K, UINT32_MAX);
}

/* Accepts if the first `bits` bits of the source are the network's; else goes on behind. */
static void filter_accept_network(
    struct source_filter *filter, const struct addr *network, unsigned bits)
{
    unsigned first = filter->n, n_words = (bits + 31) / 32;

    for (unsigned i = 0; i < n_words; i++) {
        unsigned left = bits - 32 * i;
        uint32_t mask = left >= 32 ? UINT32_MAX : ~(UINT32_MAX >> left);
        uint32_t word;

        memcpy(&word, network->ip + 4 * (size_t)i, sizeof(word));
        filter_add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(FILTER_SOURCE6 + 4 * (int)i));
        filter_add(filter, BPF_ALU | BPF_AND | BPF_K, mask);
        filter_add(filter, BPF_JMP | BPF_JEQ | BPF_K, ntohl(word) & mask);
    }
    filter_add(filter, BPF_RET | BPF_K, UINT32_MAX);
    for (unsigned i = 0; i < n_words; i++) {
        unsigned at = first + 3 * i + 2;

        filter->code[at].jf = (uint8_t)(filter->n - at - 1);
    }
}

int net_limit_clients6(int fd, const struct addr *network, unsigned bits)
{
    struct source_filter filter = {.n = 0};
    struct sock_fprog program;

    filter_accept_network(&filter, network, bits);
    /* What this host sends to itself, whichever of its addresses it chose. */
    filter_add(&filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)FILTER_INTERFACE);
    filter_accept(&filter, if_nametoindex("lo"));
    filter_add(&filter, BPF_RET | BPF_K, 0);
    program = (struct sock_fprog){.len = filter.n, .filter = filter.code};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
        return -errno;
    return 0;
}

int net_unlimit_clients6(int fd)
{
    int none = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

int net_accept(int listen_fd, struct addr *ret_peer)
{
    struct sockaddr_storage sa;
    int fd = -ECONNABORTED;

    for (int i = 0; i < NET_ABORTED_MAX && fd == -ECONNABORTED; i++) {
        sa.ss_family = AF_UNSPEC;
        fd = sys_accept(listen_fd, &sa);
    }
    if (fd >= 0)
        addr_from_sockaddr(&sa, ret_peer);
    return fd;
}

static int net_bind_source(int fd, const struct addr *source)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(source, &sa);
    int r;

    /* Port 0: chosen when connecting, where it only has to differ per destination. A given port: connections to
     * different destinations may share it. */
    if (source->port == 0)
        r = net_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    else
        r = net_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r < 0)
        return r;
    return bind(fd, (const struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

/* Binds and connects a fresh socket: 0, -EINPROGRESS or other -errno. */
static int net_connect_fd(int fd, const struct addr *addr, const struct addr *source)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int r;

    if (source) {
        r = net_bind_source(fd, source);
        if (r < 0)
            return r;
    }
    return sys_connect(fd, &sa, len);
}

int net_connect_lazy(const struct addr *addr, const struct addr *source, int *ret_fd)
{
    int fd = sys_socket(net_family(addr), SOCK_STREAM, 0);
    int r;

    if (fd < 0)
        return fd;
    r = net_connect_fd(fd, addr, source);
    if (r < 0 && r != -EINPROGRESS) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return r == 0 ? 0 : NET_CONNECTING;
}

void net_set_nodelay(int fd)
{
    /* A connection that is broken says so when it is used. */
    (void)net_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

int net_connect(const struct addr *addr, const struct addr *source, int *ret_fd)
{
    int r = net_connect_lazy(addr, source, ret_fd);

    if (r >= 0)
        net_set_nodelay(*ret_fd);
    return r;
}

int net_connect_udp(const struct addr *addr, const struct addr *source, int *ret_fd)
{
    int fd = sys_socket(net_family(addr), SOCK_DGRAM, 0);
    int r;

    if (fd < 0)
        return fd;
    r = net_connect_fd(fd, addr, source);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int net_connect_result(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

int net_local_addr(int fd, struct addr *ret_addr)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa);

    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return -errno;
    addr_from_sockaddr(&sa, ret_addr);
    return 0;
}

void net_close_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(fd);
}

uint32_t net_rtt_us(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return 0;
    return info.tcpi_rtt;
}

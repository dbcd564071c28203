#include <netinet/in.h>
#include <unistd.h>

#include "engine/net.h"
#include "engine/sys.h"
#include "plane/plane.h"

static struct span socket_key(const struct addr *addr, bool udp, char buf[static 64])
{
    struct text text;
    char ip[ADDR_TEXT_MAX];

    text_init_fixed(&text, buf, 64);
    text_add(&text, udp ? SPAN_LIT("udp ") : SPAN_LIT("tcp "));
    text_add(&text, (struct span){ip, addr_format(addr, ip)});
    return text_span(&text);
}

static struct plane_socket *socket_add(struct plane *plane, const struct addr *addr, bool udp)
{
    struct plane_socket *socket =
        base_zalloc(sizeof(*socket) + plane->n_workers * sizeof(socket->fds[0]));
    char buf[64];
    struct span key = socket_key(addr, udp, buf);

    socket->key = base_strndup(key.ptr, key.len);
    socket->addr = *addr;
    socket->udp = udp;
    for (unsigned i = 0; i < plane->n_workers; i++)
        socket->fds[i] = -1;
    map_set(&plane->sockets, span_of(socket->key), socket);
    return socket;
}

static void socket_free(struct plane *plane, struct plane_socket *socket)
{
    map_remove(&plane->sockets, span_of(socket->key));
    for (unsigned i = 0; i < plane->n_workers; i++) {
        if (socket->fds[i] >= 0)
            close(socket->fds[i]);
    }
    free(socket->key);
    free(socket);
}

/* The kernel looks for IPv6 addresses on the interfaces only; those that a local route covers are as good. */
static bool socket_needs_freebind(const struct addr *addr)
{
    return addr->family == 6 && net_is_local(addr) > 0;
}

/* Our sockets allow others to share their port, and so may those of another program of the same user, which would
 * take part of the connections: 0 when nobody has the address, else -errno. */
static int socket_probe(const struct addr *addr, bool udp)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int fd = sys_socket(sa.ss_family, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    int on = 1;
    int r = 0;

    if (fd < 0)
        return fd;
    if (addr->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        r = -errno;
    if (r == 0 && socket_needs_freebind(addr) &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0)
        r = -errno;
    /* TCP: connections that a listener of old has left behind do not count. */
    if (r == 0 && !udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        r = -errno;
    if (r == 0 && bind(fd, (const struct sockaddr *)&sa, len) < 0)
        r = -errno;
    close(fd);
    return r;
}

/* Whether a socket of ours would be in the way of a probe: of another address, or of all. */
static bool socket_is_near(struct plane *plane, const struct addr *addr, bool udp)
{
    const struct plane_socket *socket;
    struct span key;
    uint32_t pos = 0;

    while ((socket = map_next(&plane->sockets, &pos, &key))) {
        if (socket->udp == udp && socket->addr.port == addr->port &&
            socket->addr.family == addr->family)
            return true;
    }
    return false;
}

/* Binds what is missing: everything for a new address, or the rest when the process that we replace had
 * fewer workers. */
static int socket_bind(struct plane *plane, struct plane_socket *socket)
{
    struct net_listen_opts opts = {.udp = socket->udp, .v6_only = true};

    if (socket->udp)
        opts.receive_bytes = 4 << 20;
    if (socket->fds[plane->n_workers - 1] < 0)
        opts.freebind = socket_needs_freebind(&socket->addr);
    for (unsigned i = 0; i < plane->n_workers; i++) {
        int r = socket->fds[i] >= 0 ? 0 : net_listen(&socket->addr, &opts, &socket->fds[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

struct plane_socket *plane_socket_find(struct plane *plane, const struct addr *addr, bool udp)
{
    char buf[64];

    return map_find(&plane->sockets, socket_key(addr, udp, buf));
}

int plane_socket_use(
    struct plane *plane, const struct addr *addr, bool udp, struct plane_socket **ret_socket)
{
    struct plane_socket *socket = plane_socket_find(plane, addr, udp);
    int r = socket || socket_is_near(plane, addr, udp) ? 0 : socket_probe(addr, udp);

    if (r < 0)
        return r;
    if (!socket)
        socket = socket_add(plane, addr, udp);
    r = socket_bind(plane, socket);
    if (r < 0) {
        if (socket->users == 0)
            socket_free(plane, socket);
        return r;
    }
    socket->users++;
    *ret_socket = socket;
    return 0;
}

int plane_socket_limit(
    const struct plane *plane, const struct plane_socket *socket, const struct listener_conf *conf)
{
    int r = 0;

    if (socket->addr.family != 6)
        return 0;
    for (unsigned i = 0; i < plane->n_workers && r == 0; i++) {
        if (conf->ipv6_clients.family != 0)
            r = net_limit_clients6(socket->fds[i], &conf->ipv6_clients, conf->ipv6_clients_bits);
        else
            r = net_unlimit_clients6(socket->fds[i]);
    }
    return r;
}

void plane_socket_drop(struct plane *plane, struct plane_socket *socket)
{
    assert(socket->users > 0);
    if (--socket->users == 0)
        plane->has_spare_sockets = true;
}

void plane_socket_adopt(
    struct plane *plane, const struct addr *addr, bool udp, unsigned index, int fd)
{
    struct plane_socket *socket = plane_socket_find(plane, addr, udp);

    if (!socket)
        socket = socket_add(plane, addr, udp);
    plane->has_spare_sockets = true;
    /* A process with fewer workers cannot keep all sockets: what the kernel has queued on the rest would be lost, so
     * the caller refuses that before. */
    if (index < plane->n_workers && socket->fds[index] < 0)
        socket->fds[index] = fd;
    else
        close(fd);
}

void plane_sockets_trim(struct plane *plane)
{
    struct plane_socket *socket;
    struct span key;
    uint32_t pos = 0;

    /* Mostly there are none, and there may be very many sockets to look at. */
    if (!plane->has_spare_sockets)
        return;
    plane->has_spare_sockets = false;
    while ((socket = map_next(&plane->sockets, &pos, &key))) {
        if (socket->users == 0)
            socket_free(plane, socket);
    }
}

void plane_sockets_close(struct plane *plane)
{
    struct plane_socket *socket;
    struct span key;
    uint32_t pos = 0;

    while ((socket = map_next(&plane->sockets, &pos, &key)))
        socket_free(plane, socket);
}

void plane_sockets_close_tcp(struct plane *plane)
{
    struct plane_socket *socket;
    struct span key;
    uint32_t pos = 0;

    while ((socket = map_next(&plane->sockets, &pos, &key))) {
        if (!socket->udp)
            socket_free(plane, socket);
    }
}

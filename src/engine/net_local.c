/* Asks the kernel's routing table (rtnetlink, RTM_GETROUTE). */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include "engine/net.h"

struct route_request {
    struct nlmsghdr hdr;
    struct rtmsg route;
    struct rtattr attr;
    uint8_t ip[16];
};

static void route_request_init(struct route_request *request, const struct addr *addr)
{
    unsigned ip_bytes = addr->family == 4 ? 4 : 16;

    *request = (struct route_request){
        .hdr = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = addr->family == 4 ? AF_INET : AF_INET6,
            .rtm_dst_len = (unsigned char)(8 * ip_bytes)},
        .attr = {.rta_type = RTA_DST, .rta_len = (unsigned short)RTA_LENGTH(ip_bytes)},
    };
    request->hdr.nlmsg_len = NLMSG_LENGTH(sizeof(request->route)) + RTA_LENGTH(ip_bytes);
    memcpy(request->ip, addr->ip, ip_bytes);
}

/* 1: the route says that packets stay here; 0: another one, or none. */
static int route_answer(const char *buf, size_t n)
{
    struct nlmsghdr hdr;
    struct rtmsg route;
    struct nlmsgerr failed;

    if (n < NLMSG_LENGTH(sizeof(failed.error)))
        return -EBADMSG;
    memcpy(&hdr, buf, sizeof(hdr));
    if (hdr.nlmsg_type == NLMSG_ERROR) {
        memcpy(&failed.error, buf + NLMSG_HDRLEN, sizeof(failed.error));
        return failed.error == -EPERM || failed.error == -EINVAL ? failed.error : 0;
    }
    if (hdr.nlmsg_type != RTM_NEWROUTE || n < NLMSG_LENGTH(sizeof(route)))
        return -EBADMSG;
    memcpy(&route, buf + NLMSG_HDRLEN, sizeof(route));
    return route.rtm_type == RTN_LOCAL;
}

int net_is_local(const struct addr *addr)
{
    struct route_request request;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    char buf[4096];
    ssize_t n;
    int r;

    if (fd < 0)
        return -errno;
    route_request_init(&request, addr);
    /* The kernel answers while it is asked. */
    n = send(fd, &request, request.hdr.nlmsg_len, 0);
    if (n >= 0)
        n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
    r = n < 0 ? -errno : route_answer(buf, (size_t)n);
    (void)close(fd);
    return r;
}

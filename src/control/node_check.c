/* What the host must have for the node file to be true. */
#include <ifaddrs.h>
#include <netinet/in.h>

#include "control/node.h"
#include "engine/net.h"
#include "observe/log.h"

/* Whether an interface has an address of the range. */
static bool has_interface_address(const struct cidr *range)
{
    struct ifaddrs *list;
    bool has = false;

    if (getifaddrs(&list) < 0)
        return true; /* not known: the data plane tells what it cannot bind */
    for (const struct ifaddrs *it = list; it && !has; it = it->ifa_next) {
        struct sockaddr_storage sa = {0};
        struct addr addr;

        if (!it->ifa_addr || it->ifa_addr->sa_family != AF_INET6)
            continue;
        memcpy(&sa, it->ifa_addr, sizeof(struct sockaddr_in6));
        addr_from_sockaddr(&sa, &addr);
        addr.port = 0;
        has = cidr_has(range, &addr);
    }
    freeifaddrs(list);
    return has;
}

/* The second address, which is the first that is given, stands for a local route to all. */
static bool is_here(const struct cidr *range)
{
    struct addr addr = range->addr;

    addr.ip[15] |= 1;
    return net_is_local(&addr) != 0 || has_interface_address(range);
}

static void check_range(const char *section, const char *name, const struct cidr *range)
{
    char ip[ADDR_TEXT_MAX];
    int n;

    if (range->addr.family == 0 || is_here(range))
        return;
    n = (int)addr_format_ip(&range->addr, ip);
    log_line(LOG_WARNING,
        "[%s] %s: no address of %.*s/%u is this host's, so listeners on them will be refused: put "
        "them on an interface, or give the host all of them with ip -6 route add local %.*s/%u dev lo",
        section, name, n, ip, range->prefix, n, ip, range->prefix);
}

void node_check_ranges(const struct node_conf *node)
{
    char section[80];

    check_range("network", "eip_range6", &node->eip_range6);
    for (unsigned i = 0; i < node->n_zones; i++) {
        (void)snprintf(section, sizeof(section), "zone %s", node->zones[i].id);
        check_range(section, "range6", &node->zones[i].range6);
    }
}

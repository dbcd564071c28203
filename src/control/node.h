/* The node file: what one machine needs to know that is not a resource.
 *
 * An INI file; every setting has a default, so that no file at all is a working node on loopback. Read once.
 */
#pragma once

#include "base/addr.h"
#include "base/error.h"

#define NODE_ZONES_MAX 8u

struct cidr {
    struct addr addr; /* port 0 */
    unsigned prefix;
};
/* "127.16.0.0/20"; host bits must be 0. -EINVAL. */
int cidr_parse(struct span text, struct cidr *ret_cidr) MUST_CHECK;
bool cidr_has(const struct cidr *cidr, const struct addr *addr);

struct node_zone {
    char id[64];         /* "cn-hangzhou-h" */
    char vswitch_id[64]; /* the one that is made with the node */
    struct cidr range;   /* of that vSwitch: VIPs and local addresses */
    struct cidr range6;  /* the same in IPv6; family 0: it has none */
};

/* Most objects of a kind on this node; 0: any number. */
struct node_quotas {
    unsigned instances, server_groups, access_lists, tls_policies, certificates;
    unsigned domains, records, servers, vswitches, security_groups;
};

struct node_conf {
    char region[64];
    char vpc_id[64];
    struct cidr vpc_range;
    struct cidr vpc_range6; /* IPv6; family 0: none */
    struct node_zone zones[NODE_ZONES_MAX];
    unsigned n_zones;
    struct cidr eip_range;
    struct cidr eip_range6;                  /* IPv6; family 0: none */
    char dns_suffix[128];                    /* alb-x.<region>.alb.<suffix> */
    char state_dir[256];                     /* store, keys */
    char run_dir[256];                       /* control sockets */
    struct addr api;                         /* not loopback: has TLS */
    char tls_certificate[256], tls_key[256]; /* files of the API; both or none: empty */
    struct addr admin;                       /* metrics of the data plane; family 0: none */
    char access_log[256];                    /* empty: none */
    unsigned workers;                        /* 0: one per CPU */
    unsigned rate_limit;                     /* API calls per second and key, 1..10000 */
    unsigned event_days;                     /* operation log, 1..3650 */
    struct node_quotas quotas;
};

/* path NULL: defaults. 0, or -EINVAL with errors naming file, setting, value and rule. as_root: defaults are below /var/lib and
 * /run, else below the user's own directories. */
int node_read(
    const char *path, bool as_root, struct node_conf *ret_node, struct errors *errors) MUST_CHECK;
/* Logs a warning for each IPv6 range of which this host has no address: what takes one of it will not be served. IPv4 ranges
 * are not looked at: addresses are often added one by one, as they are taken. */
void node_check_ranges(const struct node_conf *node);
/* All settings with values, defaults and meaning, as a node file. */
struct text;
void node_print(const struct node_conf *node, struct text *out);

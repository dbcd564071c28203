/* What instances and groups are made of: networks, addresses, servers.
 *
 * VPCs, vSwitches and zones come from the node file; addresses of vSwitches and EIPs are taken and given back by
 * instances; servers (i-...), network interfaces (eni-...) and security groups (sg-...) are registered by their users.
 * All functions work inside the call's transaction.
 */
#pragma once

#include "control/call.h"

#define INVENTORY_IP_LEN 48u

/* Makes the node's VPC and vSwitches, or checks that they are as the node file says. 0 or negative after logging. */
int inventory_start(struct txn *txn, const struct node_conf *node) MUST_CHECK;

/* The vSwitch's zone, or NULL: no such vSwitch. */
const struct doc *inventory_vswitch(struct txn *txn, const char *vswitch_id);

struct inventory_wish {
    const char *vswitch_id, *owner;
    const char *wanted; /* the first address; NULL: any */
    unsigned n;
    unsigned n_free; /* so many must be free before: an instance needs 8 in a vSwitch (ALBI-05) */
    bool is_ipv6;    /* of the vSwitch's IPv6 range */
};
/* Takes addresses of a vSwitch. Reserved are the first and the last three of the range (ALBI-06). 0; -ENOSPC: too few
 * are free; -EADDRINUSE, -EINVAL: wanted is taken, or not of that range; -EAFNOSUPPORT: it has no IPv6 range. */
int inventory_take(struct txn *txn, const struct inventory_wish *wish,
    char (*ret_ips)[INVENTORY_IP_LEN]) MUST_CHECK;
/* Binds an EIP to owner: the one allocation_id names, or a new one if that is NULL, which goes away with the owner.
 * 0; -ENOENT; -EBUSY: bound already, to whomever; -ENOSPC. ret_id: 64 bytes. */
int inventory_take_eip(struct txn *txn, const char *allocation_id, const char *owner, char *ret_id,
    char *ret_ip) MUST_CHECK;
/* Takes an IPv6 address of the node file's eip_range6. 0; -EAFNOSUPPORT: it has none; -ENOSPC. */
int inventory_take_public6(
    struct txn *txn, const char *owner, char (*ret_ip)[INVENTORY_IP_LEN]) MUST_CHECK;
/* call_fail: the vSwitch (NULL: public addresses) or the VPC has no IPv6 range, and where it would get one. */
int inventory_fail_ipv6(struct call *call, const char *code, const char *vswitch_id);
/* Unless the VPC has an IPv6 range. */
int inventory_check_vpc_ipv6(struct call *call, const char *code, const char *vpc_id) MUST_CHECK;
/* Gives back all that owner has taken: addresses, EIPs. */
void inventory_release(struct txn *txn, const char *owner);
/* The same for one address or EIP id of owner. */
void inventory_release_one(struct txn *txn, const char *owner, const char *ip_or_eip);

/* Address of a server as groups name it: server_id i-..., eni-... (ip, if given, must be one of its addresses; else its
 * first IPv4 address, or its first) or an IP. 0 and the text; -ENOENT: nothing of that id; -EINVAL: ip is not an address of it. */
int inventory_resolve(
    struct txn *txn, const char *server_id, const char *ip, char *ret_ip) MUST_CHECK;
/* The VPC and zone of a server; "" for plain IPs that no vSwitch has. */
int inventory_place(
    struct txn *txn, const char *server_id, const char **ret_vpc, const char **ret_zone) MUST_CHECK;

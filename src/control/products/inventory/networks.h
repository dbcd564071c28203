/* What the operations on networks need beside inventory.h. */
#pragma once

#include "control/products/inventory/inventory.h"

/* Addresses of the vSwitch that can still be taken. */
uint32_t inventory_n_free(struct txn *txn, const struct doc *vswitch);
/* NULL: none has it. */
const struct doc *inventory_vswitch_of_ip(struct txn *txn, const struct addr *addr);

/* A new EIP: wanted is its address or NULL, owner an instance or NULL; body (taken over) is what else its document has.
 * ret_id: 64 bytes. 0; -ENOSPC; -EADDRINUSE, -EINVAL: wanted is taken, or not of the range. */
int inventory_new_eip(struct txn *txn, const char *owner, const char *wanted, json_t *body,
    char *ret_id, char *ret_ip) MUST_CHECK;
void inventory_remove_eip(struct txn *txn, const struct doc *eip);

/* The operations: network.c, eip.c, server.c, security_group.c. */
int vpc_allocate_eip_address(struct call *call);
int vpc_create_vswitch(struct call *call);
int vpc_delete_vswitch(struct call *call);
int vpc_describe_eip_addresses(struct call *call);
int vpc_describe_vpcs(struct call *call);
int vpc_describe_vswitches(struct call *call);
int vpc_release_eip_address(struct call *call);
int ecs_authorize_security_group(struct call *call);
int ecs_create_security_group(struct call *call);
int ecs_delete_security_group(struct call *call);
int ecs_describe_instances(struct call *call);
int ecs_describe_network_interfaces(struct call *call);
int ecs_describe_security_groups(struct call *call);
int ecs_describe_zones(struct call *call);

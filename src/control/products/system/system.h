/* The node's own operations: AccessKeys, state, counters; and its operation log. */
#pragma once

#include "control/call.h"

int system_create_access_key(struct call *call);
int system_delete_access_key(struct call *call);
int system_get_counters(struct call *call);
int system_get_node_status(struct call *call);
int system_list_access_keys(struct call *call);
int system_list_refusals(struct call *call);
int system_update_access_key(struct call *call);
int system_lookup_events(struct call *call);

extern const struct product product_openslb, product_actiontrail;

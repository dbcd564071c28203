#include "control/products/system/system.h"

#include "control/products/inventory/operations.h"

static const struct call_operation openslb_operations[] = {
    {"CreateAccessKey", system_create_access_key},
    {"DeleteAccessKey", system_delete_access_key},
    {"DeregisterNetworkInterface", openslb_deregister_network_interface},
    {"DeregisterServer", openslb_deregister_server},
    {"GetCounters", system_get_counters},
    {"GetNodeStatus", system_get_node_status},
    {"ListAccessKeys", system_list_access_keys},
    {"ListNetworkInterfaces", openslb_list_network_interfaces},
    {"ListRefusals", system_list_refusals},
    {"ListServers", openslb_list_servers},
    {"RegisterNetworkInterface", openslb_register_network_interface},
    {"RegisterServer", openslb_register_server},
    {"UpdateAccessKey", system_update_access_key},
    {"UpdateServer", openslb_update_server},
};

const struct product product_openslb = {
    "OpenSlb", openslb_operations, ARRAY_LEN(openslb_operations)};

static const struct call_operation actiontrail_operations[] = {
    {"LookupEvents", system_lookup_events},
};

const struct product product_actiontrail = {
    "ActionTrail", actiontrail_operations, ARRAY_LEN(actiontrail_operations)};

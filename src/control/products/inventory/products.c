#include "control/products/inventory/networks.h"

extern const struct product product_vpc, product_ecs;

static const struct call_operation vpc_operations[] = {
    {"AllocateEipAddress", vpc_allocate_eip_address},
    {"CreateVSwitch", vpc_create_vswitch},
    {"DeleteVSwitch", vpc_delete_vswitch},
    {"DescribeEipAddresses", vpc_describe_eip_addresses},
    {"DescribeVSwitches", vpc_describe_vswitches},
    {"DescribeVpcs", vpc_describe_vpcs},
    {"ReleaseEipAddress", vpc_release_eip_address},
};

const struct product product_vpc = {"Vpc", vpc_operations, ARRAY_LEN(vpc_operations)};

static const struct call_operation ecs_operations[] = {
    {"AuthorizeSecurityGroup", ecs_authorize_security_group},
    {"CreateSecurityGroup", ecs_create_security_group},
    {"DeleteSecurityGroup", ecs_delete_security_group},
    {"DescribeInstances", ecs_describe_instances},
    {"DescribeNetworkInterfaces", ecs_describe_network_interfaces},
    {"DescribeSecurityGroups", ecs_describe_security_groups},
    {"DescribeZones", ecs_describe_zones},
};

const struct product product_ecs = {"Ecs", ecs_operations, ARRAY_LEN(ecs_operations)};

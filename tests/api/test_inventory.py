"""Networks, elastic addresses, servers and security groups, by the operations of Vpc, Ecs and OpenSlb."""
import json

import pytest

import lib
from lib import ApiError, proves


def vswitch(node, number, prefix=28, zone=lib.ZONES[0]):
    """A new vSwitch in a part of the VPC that no other test uses: its id."""
    return node.call(
        "Vpc", "CreateVSwitch", VpcId=lib.VPC, ZoneId=zone, CidrBlock=f"{node.prefix}.{64 + number}.0/{prefix}"
    )["VSwitchId"]


def free_addresses(node, vswitch_id):
    rows = node.call("Vpc", "DescribeVSwitches", VSwitchId=vswitch_id)["VSwitches"]["VSwitch"]
    assert len(rows) == 1, rows
    return rows[0]["AvailableIpAddressCount"]


def nlb(node, *vswitches):
    zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(lib.ZONES, vswitches)]
    return node.call("Nlb", "CreateLoadBalancer", AddressType="Intranet", VpcId=lib.VPC, ZoneMappings=zones)[
        "LoadbalancerId"
    ]


def test_networks_of_the_node_file(node):
    vpcs = node.call("Vpc", "DescribeVpcs")["Vpcs"]["Vpc"]
    assert [v["VpcId"] for v in vpcs] == [lib.VPC]
    assert vpcs[0]["CidrBlock"] == f"{node.prefix}.0.0/17" and vpcs[0]["Status"] == "Available"
    rows = node.call("Vpc", "DescribeVSwitches", ZoneId=lib.ZONES[1], IsDefault=True)["VSwitches"]["VSwitch"]
    assert [(r["VSwitchId"], r["CidrBlock"], r["VpcId"]) for r in rows] == [
        (lib.VSWITCHES[1], f"{node.prefix}.16.0/20", lib.VPC)
    ]
    zones = node.call("Ecs", "DescribeZones")["Zones"]["Zone"]
    assert tuple(z["ZoneId"] for z in zones) == lib.ZONES
    node.fails("OperationDenied.NodeVSwitch", "Vpc", "DeleteVSwitch", VSwitchId=lib.VSWITCHES[0])


@proves("ALBI-06", "ALBI-07")
def test_vswitches_are_made_and_limited(node):
    made = vswitch(node, 0)
    assert free_addresses(node, made) == 12  # of 16: the first one and the last three are reserved
    for cidr, code in (
        (f"{node.prefix}.66.0/29", "InvalidCidrBlock.Malformed"),
        (f"{node.prefix}.66.1/28", "InvalidCidrBlock.Malformed"),
        (f"{node.prefix}.64.0/24", "InvalidCidrBlock.Overlapped"),
        ("10.0.0.0/24", "InvalidCidrBlock.Malformed"),
    ):
        node.fails(code, "Vpc", "CreateVSwitch", VpcId=lib.VPC, ZoneId=lib.ZONES[0], CidrBlock=cidr)
    node.fails(
        "InvalidZoneId.NotFound", "Vpc", "CreateVSwitch", VpcId=lib.VPC, ZoneId="zz", CidrBlock=f"{node.prefix}.66.0/28"
    )
    node.call("Vpc", "DeleteVSwitch", VSwitchId=made)
    assert node.fails("InvalidVSwitchId.NotFound", "Vpc", "DeleteVSwitch", VSwitchId=made).status == 404


@proves("ALBI-04", "ALBI-05")
def test_an_instance_takes_three_addresses_and_needs_eight(node):
    one, two = vswitch(node, 2), vswitch(node, 3, zone=lib.ZONES[1])
    first = nlb(node, one, two)
    assert (free_addresses(node, one), free_addresses(node, two)) == (9, 9)
    nlb(node, one, two)  # 6 are left
    with pytest.raises(ApiError) as refused:
        nlb(node, one, two)
    assert "8" in refused.value.message, refused.value
    assert node.fails("DependencyViolation", "Vpc", "DeleteVSwitch", VSwitchId=one).status == 400
    node.do("Nlb", "DeleteLoadBalancer", LoadBalancerId=first)
    assert free_addresses(node, one) == 9
    nlb(node, one, two)


def test_elastic_addresses(node):
    made = node.call("Vpc", "AllocateEipAddress", Name="web", Tag=[{"Key": "k", "Value": "v"}])
    assert made["EipAddress"].startswith(f"{node.prefix}.")
    rows = node.call("Vpc", "DescribeEipAddresses", AllocationId=made["AllocationId"])["EipAddresses"]["EipAddress"]
    assert (rows[0]["IpAddress"], rows[0]["Status"], rows[0]["Name"]) == (made["EipAddress"], "Available", "web")
    assert rows[0]["Tags"] == {"Tag": [{"Key": "k", "Value": "v"}]}
    node.fails("InvalidIpAddress.AlreadyUsed", "Vpc", "AllocateEipAddress", IpAddress=made["EipAddress"])
    node.fails("InvalidIpAddress", "Vpc", "AllocateEipAddress", IpAddress="10.0.0.1")

    # An internet CLB brings its own, which goes with it.
    lb = node.call("Slb", "CreateLoadBalancer", RegionId=lib.REGION)
    rows = node.call("Vpc", "DescribeEipAddresses", EipAddress=lb["Address"])["EipAddresses"]["EipAddress"]
    assert (rows[0]["InstanceId"], rows[0]["Status"]) == (lb["LoadBalancerId"], "InUse")
    node.fails("IncorrectEipStatus", "Vpc", "ReleaseEipAddress", AllocationId=rows[0]["AllocationId"])
    node.call("Slb", "DeleteLoadBalancer", RegionId=lib.REGION, LoadBalancerId=lb["LoadBalancerId"])
    assert node.call("Vpc", "DescribeEipAddresses", EipAddress=lb["Address"])["TotalCount"] == 0

    node.call("Vpc", "ReleaseEipAddress", AllocationId=made["AllocationId"])
    node.fails("InvalidAllocationId.NotFound", "Vpc", "ReleaseEipAddress", AllocationId=made["AllocationId"])


def eips(node, lb):
    """AllocationId by zone, as the instance has them."""
    mappings = node.call("Nlb", "GetLoadBalancerAttribute", LoadBalancerId=lb)["ZoneMappings"]
    return {m["ZoneId"]: m["LoadBalancerAddresses"][0].get("AllocationId") for m in mappings}


def owner(node, eip):
    (row,) = node.call("Vpc", "DescribeEipAddresses", AllocationId=eip)["EipAddresses"]["EipAddress"]
    return row.get("InstanceId")


def test_zones_of_an_instance_do_not_share_or_lose_elastic_addresses(node):
    zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(lib.ZONES, lib.VSWITCHES)]
    x, y, z = (node.call("Vpc", "AllocateEipAddress")["AllocationId"] for _ in range(3))
    with_xy = [{**zones[0], "AllocationId": x}, {**zones[1], "AllocationId": y}]
    lb = node.call("Nlb", "CreateLoadBalancer", AddressType="Internet", VpcId=lib.VPC, ZoneMappings=with_xy)
    lb = lb["LoadbalancerId"]

    def update(*mappings):
        node.call("Nlb", "UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=list(mappings))

    def update_fails(code, *mappings):
        node.fails(code, "Nlb", "UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=list(mappings))

    # The new zone asks for what a zone that stays has; and a zone that stays for another one than it has.
    update_fails("ResourceAlreadyAssociated.AllocationId", zones[0], zones[1], {**zones[2], "AllocationId": x})
    update_fails("IllegalParam", {**zones[0], "AllocationId": z}, zones[1], zones[2])
    assert eips(node, lb) == {lib.ZONES[0]: x, lib.ZONES[1]: y}
    # What a zone that goes had is free for the one that comes.
    update(*with_xy, {**zones[2], "AllocationId": z})
    update(zones[0], {**zones[2], "AllocationId": z})
    update(zones[0], {**zones[1], "AllocationId": z})
    assert eips(node, lb) == {lib.ZONES[0]: x, lib.ZONES[1]: z}
    assert [owner(node, eip) for eip in (x, y, z)] == [lb, None, lb]
    node.call("Nlb", "DeleteLoadBalancer", LoadBalancerId=lb)
    assert [owner(node, eip) for eip in (x, y, z)] == [None] * 3


def test_servers_are_registered_used_and_deregistered(node):
    ip = f"{node.prefix}.0.77"
    made = node.call("OpenSlb", "RegisterServer", ServerId="i-web1", Name="ECS01", PrivateIpAddresses=[ip])
    assert made["ServerId"] == "i-web1"
    node.fails("ResourceAlreadyExist.Server", "OpenSlb", "RegisterServer", ServerId="i-web1", PrivateIpAddresses=[ip])
    node.fails("InvalidParameter", "OpenSlb", "RegisterServer", ServerId="web1", PrivateIpAddresses=[ip])
    node.fails("InvalidParameter", "OpenSlb", "RegisterServer", PrivateIpAddresses=["a.example"])
    row = node.call("Ecs", "DescribeInstances", InstanceIds=json.dumps(["i-web1"]))["Instances"]["Instance"][0]
    assert row["ZoneId"] == lib.ZONES[0] and row["Status"] == "Running" and row["InstanceName"] == "ECS01"
    assert row["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == [ip]
    assert row["VpcAttributes"]["VSwitchId"] == lib.VSWITCHES[0]
    assert node.call("Ecs", "DescribeInstances", PrivateIpAddresses=json.dumps([ip]))["TotalCount"] == 1
    assert node.call("Ecs", "DescribeInstances", Status="Stopped")["TotalCount"] == 0

    group = node.do("Nlb", "CreateServerGroup", ServerGroupName="group", VpcId=lib.VPC)["ServerGroupId"]
    server = {"ServerId": "i-web1", "ServerType": "Ecs", "Port": 80}
    node.do("Nlb", "AddServersToServerGroup", ServerGroupId=group, Servers=[server])
    assert node.call("OpenSlb", "ListServers", ServerIds=["i-web1"])["Servers"][0]["UseCount"] == 1
    node.fails("ResourceInUse.Server", "OpenSlb", "DeregisterServer", ServerId="i-web1")
    node.call("OpenSlb", "UpdateServer", ServerId="i-web1", PrivateIpAddresses=[f"{node.prefix}.0.78"], Name="ECS1")
    node.do("Nlb", "DeleteServerGroup", ServerGroupId=group)
    node.call("OpenSlb", "DeregisterServer", ServerId="i-web1")
    assert node.fails("ResourceNotFound.Server", "OpenSlb", "DeregisterServer", ServerId="i-web1").status == 404


def test_a_server_that_moves_takes_its_traffic_along(node, backends):
    """UpdateServer changes the address that the data plane connects to."""
    one, two = backends.tcp(), backends.tcp(ip="127.0.0.43")
    server = node.call("OpenSlb", "RegisterServer", PrivateIpAddresses=[one.ip])["ServerId"]
    group = node.do("Nlb", "CreateServerGroup", ServerGroupName="group", VpcId=lib.VPC)["ServerGroupId"]
    node.do(
        "Nlb", "AddServersToServerGroup", ServerGroupId=group,
        Servers=[{"ServerId": server, "ServerType": "Ecs", "Port": one.port}],
    )  # fmt: skip
    lb = nlb(node, *lib.VSWITCHES[:2])
    node.do(
        "Nlb", "CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol="TCP", ListenerPort=7001
    )

    def addresses():
        groups = [r for r in node.data("get snapshot")["upsert"] if r["kind"] == "server_group"]
        return [s["ip"] for g in groups for s in g.get("servers", []) if s["port"] == one.port]

    assert set(addresses()) == {one.ip}
    node.call("OpenSlb", "UpdateServer", ServerId=server, PrivateIpAddresses=[two.ip])
    lib.wait_for(lambda: set(addresses()) == {two.ip}, "the data plane has the new address")


def test_network_interfaces(node):
    server = node.call("OpenSlb", "RegisterServer", PrivateIpAddresses=["10.0.0.1"])["ServerId"]
    made = node.call(
        "OpenSlb", "RegisterNetworkInterface", InstanceId=server, PrivateIpAddresses=["10.0.0.2", "10.0.0.3"]
    )["NetworkInterfaceId"]
    assert made.startswith("eni-")
    answer = node.call("Ecs", "DescribeNetworkInterfaces", **{"NetworkInterfaceId.1": made})
    row = answer["NetworkInterfaceSets"]["NetworkInterfaceSet"][0]
    assert (row["InstanceId"], row["PrivateIpAddress"], row["Status"]) == (server, "10.0.0.2", "InUse")
    assert [s["Primary"] for s in row["PrivateIpSets"]["PrivateIpSet"]] == [True, False]
    node.fails("ResourceInUse.Server", "OpenSlb", "DeregisterServer", ServerId=server)
    assert node.call("OpenSlb", "ListNetworkInterfaces", InstanceId=server)["TotalCount"] == 1
    node.call("OpenSlb", "DeregisterNetworkInterface", NetworkInterfaceId=made)
    node.call("OpenSlb", "DeregisterServer", ServerId=server)
    node.fails(
        "ResourceNotFound.Server", "OpenSlb", "RegisterNetworkInterface", InstanceId="i-none",
        PrivateIpAddresses=["10.0.0.2"],
    )  # fmt: skip


def test_security_groups(node):
    group = node.call("Ecs", "CreateSecurityGroup", SecurityGroupName="web", VpcId=lib.VPC)["SecurityGroupId"]
    rule = {"IpProtocol": "tcp", "PortRange": "80/443", "SourceCidrIp": "10.0.0.0/8"}
    node.call("Ecs", "AuthorizeSecurityGroup", SecurityGroupId=group, Permissions=[rule, rule])
    node.call("Ecs", "AuthorizeSecurityGroup", SecurityGroupId=group, **{**rule, "Policy": "drop", "Priority": "2"})
    row = node.call("Ecs", "DescribeSecurityGroups", SecurityGroupId=group)["SecurityGroups"]["SecurityGroup"][0]
    assert (row["SecurityGroupName"], row["RuleCount"]) == ("web", 2)
    for wrong, code in (
        ({"PortRange": "443/80"}, "InvalidPortRange.Malformed"),
        ({"PortRange": "80"}, "InvalidPortRange.Malformed"),
        ({"SourceCidrIp": "10.0.0.1/8"}, "InvalidSourceCidrIp.Malformed"),
        ({"SourceCidrIp": None}, "InvalidSourceCidrIp.Malformed"),
        ({"Priority": "101"}, "InvalidPriority.Malformed"),
        ({"IpProtocol": None}, "MissingParameter"),
    ):
        node.fails(code, "Ecs", "AuthorizeSecurityGroup", SecurityGroupId=group, **{**rule, **wrong})
    node.call("Ecs", "DeleteSecurityGroup", SecurityGroupId=group)
    node.fails("InvalidSecurityGroupId.NotFound", "Ecs", "DeleteSecurityGroup", SecurityGroupId=group)

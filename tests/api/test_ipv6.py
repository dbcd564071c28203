"""IPv6 of a node: ranges of the node file, dual-stack ALB and NLB, CLB of IPv6, and what is refused without ranges.

Nodes and their servers live in a network namespace of this file, whose loopback interface has all addresses of the ranges by
local routes (AnyIP), as docs/operating.md tells. Clients in a second one, a link away, have an address of the VPC and another.
"""
import ctypes
import ipaddress
import json
import os
import socket
import subprocess
import threading

import pytest

import alb as alb_lib
import clb as clb_lib
import lib
import nlb as nlb_lib
from lib import proves

VPC6 = "fd00:6::/48"
ZONES6 = ("fd00:6:0:1::/64", "fd00:6:0:2::/64", "fd00:6:0:3::/120")
PUBLIC6 = "fd00:7::/120"
SERVERS6 = "fd00:6:0:f0::/64"
SERVER6 = "fd00:6:0:f0::10"
INSIDE = "fd00:6:0:cc::c"  # a client in the VPC
OUTSIDE = "fd00:9::c"  # one on the Internet
LINK = ("fd00:a::1", "fd00:a::2")  # between the two namespaces
NOT_HERE = "2001:db8:6::/64"

CLONE_NEWNET = 0x40000000
IPV6_FREEBIND = 78


_libc = ctypes.CDLL(None, use_errno=True)
_clients = []  # descriptor of the clients' namespace


def _ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr}")


def _in_thread(fn):
    """What fn gives in a thread of its own, whose namespace it may change."""
    box = []

    def run():
        try:
            box.append((fn(), None))
        except BaseException as e:  # the caller's
            box.append((None, e))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if box[0][1]:
        raise box[0][1]
    return box[0][0]


def among_clients(fn):
    """What fn gives in the clients' namespace."""

    def run():
        assert _libc.setns(_clients[0], CLONE_NEWNET) == 0
        return fn()

    return _in_thread(run)


def _new_namespace():
    """A descriptor that keeps it, or None."""

    def run():
        if _libc.unshare(CLONE_NEWNET) < 0:
            return None
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    return _in_thread(run)


def _connect_namespaces():
    for range6 in (*ZONES6, PUBLIC6, SERVERS6):
        _ip("-6", "route", "add", "local", range6, "dev", "lo")
    _ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", f"/proc/{os.getpid()}/fd/{_clients[0]}")
    _ip("-6", "address", "add", f"{LINK[0]}/64", "dev", "veth0", "nodad")
    _ip("link", "set", "veth0", "up")
    among_clients(_set_clients)
    for client in (INSIDE, OUTSIDE):
        _ip("-6", "route", "add", client, "via", LINK[1])


def _set_clients():
    _ip("link", "set", "lo", "up")
    _ip("link", "set", "veth1", "up")
    for address in (f"{LINK[1]}/64", f"{INSIDE}/128", f"{OUTSIDE}/128"):
        _ip("-6", "address", "add", address, "dev", "veth1", "nodad")
    for range6 in (VPC6, PUBLIC6):
        _ip("-6", "route", "add", range6, "via", LINK[0])


@pytest.fixture(scope="module", autouse=True)
def namespace():
    """This thread, and what it starts, in a network of its own with the ranges above."""
    clients = _new_namespace()
    if clients is None:
        pytest.skip("this user may not make network namespaces")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    _clients[:] = [clients]
    assert _libc.unshare(CLONE_NEWNET) == 0
    try:
        _ip("link", "set", "lo", "up")
        try:
            _connect_namespaces()
        except OSError as e:
            pytest.skip(f"no IPv6 here: {e}")
        yield
    finally:
        assert _libc.setns(home, CLONE_NEWNET) == 0
        os.close(home)
        os.close(_clients.pop())


class Node6(lib.Node):
    """ranges: of zones by number, and of "vpc" and "eip"; those that are missing are not set."""

    def __init__(self, ranges, **kwargs):
        self.ranges = ranges
        super().__init__(**kwargs)

    def _conf(self, *args):
        text = super()._conf(*args)
        for name in ("vpc", "eip"):
            if name in self.ranges:
                text = text.replace("[network]\n", f"[network]\n{name}_range6 = {self.ranges[name]}\n")
        for i, zone in enumerate(lib.ZONES):
            if i in self.ranges:
                text = text.replace(f"[zone {zone}]\n", f"[zone {zone}]\nrange6 = {self.ranges[i]}\n")
        return text


ALL = {"vpc": VPC6, "eip": PUBLIC6, **dict(enumerate(ZONES6))}


@pytest.fixture(scope="module")
def node(namespace):
    node = Node6(ALL)
    yield node
    node.stop()


@pytest.fixture
def new_node(namespace):
    nodes = []

    def start(ranges, **kwargs):
        nodes.append(Node6(ranges, **kwargs))
        return nodes[-1]

    yield start
    for node in nodes:
        node.stop()


@pytest.fixture
def alb(node):
    return alb_lib.Alb(node)


@pytest.fixture
def nlb(node):
    return nlb_lib.Nlb(node)


@pytest.fixture
def clb(node):
    return clb_lib.Clb(node)


def _bind_anywhere(cls):
    """The backend on an address that a local route alone gives."""

    class Anywhere(cls):
        def __init__(self, **kwargs):
            real = socket.socket

            class Free(real):
                def bind(self, addr):
                    if self.family == socket.AF_INET6:
                        self.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                    super().bind(addr)

            socket.socket = Free
            try:
                super().__init__(**kwargs)
            finally:
                socket.socket = real

    return Anywhere


@pytest.fixture(scope="module")
def servers(namespace):
    """servers(lib.HttpBackend, ip, ...): one that lives as long as the module."""
    items = []

    def start(cls, ip=SERVER6, **kwargs):
        items.append(_bind_anywhere(cls)(ip=ip, **kwargs))
        return items[-1]

    yield start
    for item in items:
        item.stop()


def dual(zones=2):
    return {
        "AddressIpVersion": "DualStack",
        "ZoneMappings": [{"ZoneId": z, "VSwitchId": v} for z, v in zip(lib.ZONES[:zones], lib.VSWITCHES)],
    }


def addresses(attributes):
    return [m["LoadBalancerAddresses"][0] for m in attributes["ZoneMappings"]]


def vips6(attributes):
    return [a["Ipv6Address"] for a in addresses(attributes)]


def curl(address, *more):
    """Status and body of a request by curl."""
    host = f"[{address}]" if ":" in address else address
    words = ["curl", "-sS", "-m", "60", "-g", "-w", "\n%{http_code}", *more, f"http://{host}/"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def curl_from(source, address):
    return among_clients(lambda: curl(address, "--interface", source))


def _echo_from(addr, source):
    def run():
        with socket.create_connection(addr, timeout=60, source_address=(source, 0)) as sock:
            sock.sendall(b"hello")
            return sock.recv(100)

    return among_clients(run)


def udp(addr):
    with socket.socket(socket.AF_INET6 if ":" in addr[0] else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(60)
        sock.connect(addr)
        sock.send(b"hello")
        return sock.recv(100)


SILENCE = 1.0  # seconds; what the kernel drops is never answered


def reaches(addr, source, seconds=lib.PATIENCE):
    """Whether a connection from that address is made."""

    def run():
        try:
            socket.create_connection(addr, timeout=seconds, source_address=(source, 0)).close()
        except socket.timeout:
            return False
        return True

    return among_clients(run)


def hears(addr, source, seconds=lib.PATIENCE):
    """Whether a datagram from that address is answered."""

    def run():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.settimeout(seconds)
            sock.bind((source, 0))
            sock.sendto(b"hello", addr)
            try:
                return sock.recv(100) != b""
            except socket.timeout:
                return False

    return among_clients(run)


def in_range(address, range6):
    return ipaddress.ip_address(address) in ipaddress.ip_network(range6)


# --- ALB -----------------------------------------------------------------------------------------


@proves("ALBI-14", "ALBI-23")
def test_alb_serves_both_versions_and_its_ipv6_type_changes(node, alb, servers):
    six = servers(lib.HttpBackend, name="six")
    four = servers(lib.HttpBackend, lib.HOST, name="four")
    mine = alb.instance(AddressType="Internet", **dual())
    lb = mine["LoadBalancerId"]
    assert (mine["AddressIpVersion"], mine["AddressType"], mine["Ipv6AddressType"]) == ("DualStack", "Internet", "Intranet")
    for address, range6 in zip(addresses(mine), ZONES6):
        taken = [address["Ipv6Address"], *address["Ipv6LocalAddresses"]]
        assert len(set(taken)) == 3 and all(in_range(a, range6) for a in taken)
        assert ipaddress.IPv4Address(address["Address"]) != ipaddress.IPv4Address(address["IntranetAddress"])

    health = {(a["IntranetAddressHcStatus"], a["Ipv6AddressHcStatus"]) for a in addresses(mine)}
    assert health == {("Healthy", "Healthy")}
    group = alb.group(
        {"ServerId": six.ip, "ServerType": "Ip", "Port": six.port}, four, Ipv6Enabled=True,
        HealthCheckConfig={"HealthCheckEnabled": True, "HealthCheckProtocol": "TCP"},
    )  # fmt: skip
    assert alb.group_attributes(group)["Ipv6Enabled"] is True
    alb.listener(lb, group, XForwardedForConfig={"XForwardedForEnabled": True, "XForwardedForProcessingMode": "append"})
    alb.call("EnableLoadBalancerAccessLog", LoadBalancerId=lb, LogProject="p", LogStore="s")
    alb.wait_active(lb)

    for vip in [*vips6(mine), *alb_lib.vips(mine), *(a["Address"] for a in addresses(mine))]:
        assert {curl(vip)[1].strip() for _ in range(4)} == {"six", "four"}, vip
    assert curl_from(INSIDE, vips6(mine)[0])[0] == 200
    clients = {r.header("X-Forwarded-For") for r in six.requests + four.requests}
    assert INSIDE in clients and any("." in c for c in clients)
    logged = lib.wait_for(lambda: _logged(node, INSIDE), "a line of the access log with the client's address")
    assert logged["upstream_addr"] in (f"[{six.ip}]:{six.port}", f"{four.ip}:{four.port}")

    # The Internet reaches the IPv4 side from the start, the IPv6 one when it is told so.
    assert reaches((vips6(mine)[0], 80), INSIDE) and not reaches((vips6(mine)[0], 80), OUTSIDE, SILENCE)
    alb.fails("OperationDenied.Ipv6IntranetInstance", "DisableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    alb.do("EnableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    assert alb.attributes(lb)["Ipv6AddressType"] == "Internet"
    assert vips6(alb.attributes(lb)) == vips6(mine)
    assert curl_from(OUTSIDE, vips6(mine)[0])[0] == 200
    alb.fails("OperationDenied.Ipv6InternetInstance", "EnableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    assert [b["LoadBalancerId"] for b in alb.call("ListLoadBalancers", Ipv6AddressType="Internet")["LoadBalancers"]] == [lb]
    alb.do("DisableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    assert alb.attributes(lb)["Ipv6AddressType"] == "Intranet"
    assert reaches((vips6(mine)[1], 80), INSIDE) and not reaches((vips6(mine)[1], 80), OUTSIDE, SILENCE)
    assert [b["LoadBalancerId"] for b in alb.call("ListLoadBalancers", AddressIpVersion="DualStack")["LoadBalancers"]] == [lb]

    # The IPv4 side changes for itself.
    alb.do("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Intranet")
    assert vips6(alb.attributes(lb)) == vips6(mine)

    # Another zone, and one less.
    three = dual(3)["ZoneMappings"]
    alb.do("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=three)
    more = vips6(alb.wait_active(lb))
    assert more[:2] == vips6(mine) and in_range(more[2], ZONES6[2])
    assert curl(more[2])[0] == 200
    alb.do("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=three[1:])
    assert vips6(alb.wait_active(lb)) == more[1:]
    lib.wait_for(lambda: lib.refuses((more[0], 80)), "the zone's address is given up")

    alb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    lib.wait_for(lambda: lib.refuses((more[1], 80)), "the instance is gone")
    again = alb.instance(**dual())
    assert vips6(again) == vips6(mine), "released addresses are given again"
    alb.do("DeleteLoadBalancer", LoadBalancerId=again["LoadBalancerId"])


def _logged(node, client):
    if not node.log_path.exists():
        return None
    for line in node.log_path.read_text().splitlines():
        row = json.loads(line)
        if row.get("client_ip") == client:
            return row
    return None


@proves("ALBI-44")
def test_dual_stack_alb_has_no_access_lists(alb, servers):
    lb = alb.instance(**dual())["LoadBalancerId"]
    group = alb.group()
    listener = alb.listener(lb, group)
    acl = alb.do("CreateAcl", AclName="acl")["AclId"]
    alb.fails("OperationDenied.AclNotSupport", "AssociateAclsWithListener", ListenerId=listener, AclIds=[acl], AclType="White")
    alb.do("DeleteLoadBalancer", LoadBalancerId=lb)


@proves("ALBI-24")
def test_group_of_ipv6_is_for_dual_stack_instances(alb):
    plain = alb.instance()["LoadBalancerId"]
    group = alb.group(Ipv6Enabled=True)
    error = alb.fails(
        "OperationDenied.NonDualStackInstance", "CreateListener", LoadBalancerId=plain, ListenerProtocol="HTTP",
        ListenerPort=80, DefaultActions=[alb_lib.forward(group)],
    )  # fmt: skip
    assert "Ipv6Enabled" in error.message
    four = alb.group()
    add = {"ServerType": "Ip", "Port": 80}
    for code, group_id, server in [
        ("IllegalParam.ServerIp", four, {**add, "ServerId": SERVER6}),  # not of IPv6
        ("Mismatch.VpcId", group, {**add, "ServerId": "2001:db8::1"}),  # not of the VPC
        ("IllegalParam.ServerIp", group, {**add, "ServerId": SERVER6, "RemoteIpEnabled": True}),
        ("IllegalParam.ServerIp", group, {**add, "ServerId": "FD00:6:0:F0::10"}),  # another spelling
    ]:
        alb.fails(code, "AddServersToServerGroup", ServerGroupId=group_id, Servers=[server])
    alb.fails("OperationDenied.NonDualStackInstance", "EnableLoadBalancerIpv6Internet", LoadBalancerId=plain)
    alb.do("DeleteLoadBalancer", LoadBalancerId=plain)


def test_registered_server_with_both_versions(node, alb, servers):
    """Its IPv4 address counts unless the other one is named."""
    port = lib.free_port()
    four = servers(lib.HttpBackend, lib.HOST, name="four", port=port)
    six = servers(lib.HttpBackend, SERVER6, name="six", port=port)
    node.call("OpenSlb", "RegisterServer", ServerId="i-both", PrivateIpAddresses=[six.ip, four.ip], ZoneId=lib.ZONES[0])
    found = node.call("Ecs", "DescribeInstances", **{"Ipv6Address": [SERVER6]})["Instances"]["Instance"]
    assert [i["InstanceId"] for i in found] == ["i-both"]
    lb = alb.instance(**dual())
    group = alb.group(ServerGroupType="Instance", Ipv6Enabled=True)
    server = {"ServerId": "i-both", "ServerType": "Ecs", "Port": port}
    alb.do("AddServersToServerGroup", ServerGroupId=group, Servers=[server])
    alb.listener(lb["LoadBalancerId"], group)
    assert {curl(vip)[1].strip() for vip in vips6(lb) for _ in range(3)} == {"four"}
    alb.do("AddServersToServerGroup", ServerGroupId=group, Servers=[{**server, "ServerIp": SERVER6}])
    assert {curl(vip)[1].strip() for vip in vips6(lb) for _ in range(4)} == {"four", "six"}
    alb.do("DeleteLoadBalancer", LoadBalancerId=lb["LoadBalancerId"])


# --- NLB -----------------------------------------------------------------------------------------


@proves("NLBI-07")
def test_nlb_tcp_and_udp_between_versions(nlb, servers):
    stream, datagrams = servers(lib.TcpEcho), servers(lib.UdpEcho, name="six")
    mapped = dual()["ZoneMappings"]
    mapped[0].update(Ipv6Address="fd00:6:0:1::abcd", Ipv6LocalAddresses=["fd00:6:0:1::a", "fd00:6:0:1::b"])
    mine = nlb.instance(AddressIpVersion="DualStack", ZoneMappings=mapped)
    lb = mine["LoadBalancerId"]
    assert (mine["AddressIpVersion"], mine["Ipv6AddressType"]) == ("DualStack", "Intranet")
    assert addresses(mine)[0]["Ipv6Address"] == "fd00:6:0:1::abcd"
    assert addresses(mine)[0]["Ipv6LocalAddresses"] == ["fd00:6:0:1::a", "fd00:6:0:1::b"]
    health = {(a["PrivateIPv4HcStatus"], a["PrivateIPv6HcStatus"]) for a in addresses(mine)}
    assert health == {("Healthy", "Healthy")}
    assert in_range(vips6(mine)[1], ZONES6[1]) and len(addresses(mine)[1]["Ipv6LocalAddresses"]) == 2

    six = [nlb.group(b, AddressIPVersion="DualStack", Protocol=p) for b, p in [(stream, "TCP"), (datagrams, "UDP")]]
    four = [
        nlb.group(servers(lib.TcpEcho, lib.HOST)),
        nlb.group(servers(lib.UdpEcho, lib.HOST, name="four"), Protocol="UDP"),
    ]
    for i, (tcp_group, udp_group) in enumerate([six, four]):
        nlb.listener(lb, tcp_group, "TCP", 7000 + i)
        nlb.listener(lb, udp_group, "UDP", 7000 + i)
    for vip in [*vips6(mine), *nlb_lib.vips(mine)]:
        for i, name in enumerate([b"six", b"four"]):
            assert nlb_lib.echo((vip, 7000 + i)) == b"hello"
            assert udp((vip, 7000 + i)) == name + b":hello"

    front = (vips6(mine)[0], 7000)
    assert reaches(front, INSIDE) and hears(front, INSIDE)
    assert not reaches(front, OUTSIDE, SILENCE) and not hears(front, OUTSIDE, SILENCE)
    nlb.fails("OperationDenied.Ipv6IntranetInstance", "DisableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    nlb.call("EnableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    assert nlb.wait_active(lb)["Ipv6AddressType"] == "Internet"
    assert _echo_from(front, OUTSIDE) == b"hello" and hears(front, OUTSIDE)
    (listed,) = nlb.call("ListLoadBalancers", Ipv6AddressType="Internet")["LoadBalancers"]
    assert listed["ZoneMappings"][0]["LoadBalancerAddresses"][0]["Ipv6Address"] == "fd00:6:0:1::abcd"
    nlb.call("DisableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    assert nlb.attributes(lb)["Ipv6AddressType"] == "Intranet"
    assert nlb.call("ListLoadBalancers", Ipv6AddressType="Internet")["LoadBalancers"] == []

    nlb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    lib.wait_for(lambda: lib.refuses((vips6(mine)[0], 7000)), "the instance is gone")


def test_what_nlb_refuses(nlb):
    plain = nlb.instance()["LoadBalancerId"]
    group = nlb.group(AddressIPVersion="DualStack")
    nlb.fails(
        "OperationDenied.NonDualStackInstance", "CreateListener", LoadBalancerId=plain, ServerGroupId=group,
        ListenerProtocol="TCP", ListenerPort=80,
    )  # fmt: skip
    nlb.fails("OperationDenied.NonDualStackInstance", "EnableLoadBalancerIpv6Internet", LoadBalancerId=plain)
    nlb.fails("OperationDenied.NonDualStackInstance", "DisableLoadBalancerIpv6Internet", LoadBalancerId=plain)
    six = {"ServerId": SERVER6, "ServerType": "Ip", "Port": 80}
    nlb.fails("OperationDenied.ServerGroupNotSupportIpv6", "AddServersToServerGroup", ServerGroupId=nlb.group(), Servers=[six])
    public = {**six, "ServerId": "2001:db8::1"}
    nlb.fails("IllegalParam.IP", "AddServersToServerGroup", ServerGroupId=group, Servers=[public])
    given = {"AddressType": "Intranet", "VpcId": lib.VPC}
    for code, version, address in [
        ("IllegalParam", "ipv4", "fd00:6:0:1::9"),
        ("IllegalParam", "DualStack", "fd00:6:0:2::9"),  # of the other zone
        ("IllegalParam", "DualStack", "fd00:6:0:1::"),  # reserved
        ("IllegalParam", "DualStack", "fd00:6:0:1:ffff:ffff:ffff:fffe"),
        ("IllegalParam", "DualStack", "10.0.0.1"),
    ]:
        mappings = dual()["ZoneMappings"]
        mappings[0]["Ipv6Address"] = address
        nlb.fails(code, "CreateLoadBalancer", AddressIpVersion=version, ZoneMappings=mappings, **given)


# --- CLB -----------------------------------------------------------------------------------------


@proves("CLB-27", "CLB-30")
def test_clb_is_of_one_version(clb, servers):
    six, four = servers(lib.HttpBackend, name="six"), servers(lib.HttpBackend, lib.HOST, name="four")
    datagrams = servers(lib.UdpEcho, name="six")
    for params, range6 in [
        ({"AddressType": "internet"}, PUBLIC6),
        ({"AddressType": "intranet", "VSwitchId": "vsw-h"}, ZONES6[0]),
        ({"AddressType": "intranet", "VSwitchId": "vsw-h", "Address": "fd00:6:0:1::beef"}, "fd00:6:0:1::beef/128"),
    ]:
        answer = clb.call("CreateLoadBalancer", AddressIPVersion="ipv6", **params)
        lb, address = answer["LoadBalancerId"], answer["Address"]
        assert answer["AddressIPVersion"] == "ipv6" and in_range(address, range6)
        group = clb.group(lb, six, four)
        clb.listener("http", lb, 80, VServerGroupId=group)
        clb.listener("tcp", lb, 81, VServerGroupId=group)
        clb.listener("udp", lb, 82, VServerGroupId=clb.group(lb, datagrams))
        assert {curl(address)[1].strip() for _ in range(4)} == {"six", "four"}
        assert {curl(address, "--connect-to", f"::[{address}]:81")[1].strip() for _ in range(4)} == {"six", "four"}
        assert udp((address, 82)) == b"six:hello"
        shown = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
        assert (shown["AddressIPVersion"], shown["Address"]) == ("ipv6", address)
        found = clb.call("DescribeLoadBalancers", AddressIPVersion="ipv6")["LoadBalancers"]["LoadBalancer"]
        assert [f["LoadBalancerId"] for f in found] == [lb]
        acl = clb.call("CreateAccessControlList", AclName="four", AddressIPVersion="ipv4")["AclId"]
        with pytest.raises(lib.ApiError):
            clb.set_listener("http", lb, 80, AclStatus="on", AclType="white", AclId=acl)
        clb.call("DeleteAccessControlList", AclId=acl)
        clb.call("DeleteLoadBalancer", LoadBalancerId=lb)
        lib.wait_for(lambda at=address: lib.refuses((at, 80)), "the instance is gone")
    plain, address = clb.instance()
    assert ":" not in address
    server = [{"ServerId": SERVER6, "Port": 80}]
    clb.fails("LBNotSupportIpv6Backend", "CreateVServerGroup", LoadBalancerId=plain, BackendServers=server)
    group = clb.group(plain)
    clb.fails("OperationDeny.LbNotSupportIPv6Server", "AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=server)
    clb.fails("OperationDeny.LbNotSupportIPv6Server", "AddBackendServers", LoadBalancerId=plain, BackendServers=server)
    clb.call("DeleteLoadBalancer", LoadBalancerId=plain)
    assert len(clb.call("DescribeAvailableResource", AddressIPVersion="ipv6")["AvailableResources"]["AvailableResource"]) == 6


@proves("DNS-19", "NLBI-13")
def test_what_a_clb_can_move_to(clb, alb, nlb, servers):
    """An instance that takes over has addresses of the CLB's version and takes its servers."""
    six, four = servers(lib.HttpBackend, name="six"), servers(lib.HttpBackend, lib.HOST, name="four")
    new = {"ServerType": "Ip"}
    for version, server in [("ipv4", four), ("ipv6", six)]:
        old = clb.call("CreateLoadBalancer", AddressIPVersion=version, VSwitchId="vsw-h")
        clb.listener("tcp", old["LoadBalancerId"], 80, VServerGroupId=clb.group(old["LoadBalancerId"], server))
        assert curl(old["Address"])[1].strip() == server.name
        clb.call("DeleteLoadBalancer", LoadBalancerId=old["LoadBalancerId"])
        given = {**new, "ServerId": server.ip, "Port": server.port}
        if version == "ipv4":
            groups = alb.group({**given, "RemoteIpEnabled": True}), nlb.group(given)
        else:
            alb.fails("IllegalParam.ServerIp", "AddServersToServerGroup", ServerGroupId=alb.group(), Servers=[given])
            nlb.fails("OperationDenied.ServerGroupNotSupportIpv6", "AddServersToServerGroup", ServerGroupId=nlb.group(), Servers=[given])
            groups = alb.group(given, Ipv6Enabled=True), nlb.group(given, AddressIPVersion="DualStack")
        for product, group in zip((alb, nlb), groups):
            for params in ({}, dual()):
                one = product.instance(**params)
                if version == "ipv6" and not params:
                    assert not any(":" in str(value) for value in addresses(one)[0].values())
                    with pytest.raises(lib.ApiError, match="only dual-stack"):
                        product.listener(one["LoadBalancerId"], group)
                else:
                    product.listener(one["LoadBalancerId"], group)
                    vips = vips6(one) if version == "ipv6" else (alb_lib if product is alb else nlb_lib).vips(one)
                    assert [curl(vip)[1].strip() for vip in vips] == [server.name] * 2
                product.do("DeleteLoadBalancer", LoadBalancerId=one["LoadBalancerId"])


# --- who may come --------------------------------------------------------------------------------

CLIENTS = [  # network, bits, INSIDE, OUTSIDE
    ("fd00:6::", 48, True, False), ("fd00:6::", 31, True, False), ("fd00::", 28, True, True),
    ("fd00:6:0:cc::c", 128, True, False), ("fd00:6:0:cc::d", 128, False, False), ("fd00:6:0:cc::", 64, True, False),
    ("fd00:6:0:cc::", 97, True, False), ("fd00:9::", 33, False, True), ("8000::", 1, True, True), (None, 0, True, True),
]  # fmt: skip


def test_networks_of_clients(tmp_path, servers):
    """One listener through all of them; this host itself always comes in. The data plane alone."""
    data = lib.e2e
    echo = servers(lib.TcpEcho)
    front = {**data.listener(protocol="tcp", port=80), "bind": ["fd00:6:0:1::5"]}
    lb = data.Slbd(tmp_path, data.snapshot(data.group(backends=[echo], protocol="tcp"), front), ["--drain", "0"])
    try:
        for network, bits, inside, outside in CLIENTS:
            limits = {"ipv6_clients": network, "ipv6_clients_bits": bits} if network else {}
            lb.apply([{**front, **limits}])
            addr = ("fd00:6:0:1::5", 80)
            for source, expected in [(INSIDE, inside), (OUTSIDE, outside)]:
                found = reaches(addr, source, lib.PATIENCE if expected else SILENCE)
                assert found is expected, (network, bits, source)
            assert nlb_lib.echo(addr, seconds=lib.PATIENCE) == b"hello"
            lb.upgrade()
        for wrong in ({"ipv6_clients": "127.0.0.0", "ipv6_clients_bits": 8}, {"ipv6_clients": "fd00::"}, {"ipv6_clients_bits": 8}):
            assert lb.try_apply([{**front, **wrong}])["ok"] is False
    finally:
        lb.stop()


# --- networks ------------------------------------------------------------------------------------


def test_networks_show_their_ranges(node):
    (vpc,) = node.call("Vpc", "DescribeVpcs", EnableIpv6=True)["Vpcs"]["Vpc"]
    assert vpc["Ipv6CidrBlock"] == VPC6
    shown = node.call("Vpc", "DescribeVSwitches", EnableIpv6=True)["VSwitches"]["VSwitch"]
    assert {s["VSwitchId"]: s["Ipv6CidrBlock"] for s in shown} == dict(zip(lib.VSWITCHES, ZONES6))
    make = {"VpcId": lib.VPC, "ZoneId": lib.ZONES[0]}
    new = node.call("Vpc", "CreateVSwitch", CidrBlock=f"{node.prefix}.96.0/24", Ipv6CidrBlock=200, **make)["VSwitchId"]
    (one,) = node.call("Vpc", "DescribeVSwitches", VSwitchId=new)["VSwitches"]["VSwitch"]
    assert one["Ipv6CidrBlock"] == "fd00:6:0:c800::/56"
    block = f"{node.prefix}.97.0/24"
    node.fails("InvalidCidrBlock.Overlapped", "Vpc", "CreateVSwitch", CidrBlock=block, Ipv6CidrBlock=200, **make)
    node.fails("InvalidCidrBlock.Overlapped", "Vpc", "CreateVSwitch", CidrBlock=block, Ipv6CidrBlock=0, **make)
    node.call("Vpc", "DeleteVSwitch", VSwitchId=new)
    plain = node.call("Vpc", "CreateVSwitch", CidrBlock=block, **make)["VSwitchId"]
    shown = node.call("Vpc", "DescribeVSwitches", EnableIpv6=False)["VSwitches"]["VSwitch"]
    assert [s["VSwitchId"] for s in shown] == [plain]
    alb = alb_lib.Alb(node)
    mappings = [{"ZoneId": lib.ZONES[0], "VSwitchId": plain}, alb_lib.ZONE_MAPPINGS[1]]
    with pytest.raises(lib.ApiError, match="made without Ipv6CidrBlock"):
        alb.new(AddressIpVersion="DualStack", ZoneMappings=mappings)
    node.call("Vpc", "DeleteVSwitch", VSwitchId=plain)


@proves("ALBI-23", "CLB-27")
def test_without_ranges_ipv6_is_refused_by_the_name_of_the_setting(new_node):
    node = new_node({})
    alb, nlb, clb = alb_lib.Alb(node), nlb_lib.Nlb(node), clb_lib.Clb(node)
    network, zone = "section [network]", f"section [zone {lib.ZONES[0]}]"
    given = {"AddressType": "Intranet", "VpcId": lib.VPC}
    group = {"ServerGroupName": "group", "VpcId": lib.VPC}
    check = {"HealthCheckConfig": {"HealthCheckEnabled": False}}
    errors = [
        alb.fails("OperationDenied.VSwitchNotSupportIpv6", "CreateLoadBalancer", LoadBalancerEdition="Standard",
                  LoadBalancerBillingConfig=alb_lib.BILLING, **given, **dual()),
        nlb.fails("OperationFailed.vSwitchNotSupportIpv6", "CreateLoadBalancer", **given, **dual()),
        clb.fails("RegionOrZonesNotSupportIpv6", "CreateLoadBalancer", AddressIPVersion="ipv6", VSwitchId="vsw-h"),
    ]  # fmt: skip
    for error in errors:
        assert "range6" in error.message and zone in error.message, error
    errors = [
        alb.fails("OperationDenied.VpcNotSupportIpv6", "CreateServerGroup", Ipv6Enabled=True, **group, **check),
        nlb.fails("OperationDenied.VpcNotSupportIpv6", "CreateServerGroup", AddressIPVersion="DualStack", **group),
        node.fails("OperationDenied.VpcNotSupportIpv6", "Vpc", "CreateVSwitch", VpcId=lib.VPC, ZoneId=lib.ZONES[0],
                   CidrBlock=f"{node.prefix}.96.0/24", Ipv6CidrBlock=1),
        clb.fails("RegionOrZonesNotSupportIpv6", "CreateLoadBalancer", AddressIPVersion="ipv6"),
    ]  # fmt: skip
    for error in errors:
        assert "_range6" in error.message and network in error.message, error
    assert "range6" not in node.stderr()


def test_ranges_come_and_do_not_go_while_they_are_used(new_node):
    """A node gets IPv6 when instances are there already; a range that addresses are taken from stays."""
    node = new_node({})
    alb = alb_lib.Alb(node)
    old = alb.instance()["LoadBalancerId"]
    node.stop(keep=True)
    plain = node.conf_path.read_text()
    node.ranges = ALL
    node.conf_path.write_text(node._conf(10000))
    text = node.conf_path.read_text()
    node.start()
    assert alb.attributes(old)["AddressIpVersion"] == "IPv4"
    mine = alb.instance(**dual())
    node.stop(keep=True)
    for other in (plain, text.replace(ZONES6[0], "fd00:6:0:9::/64")):
        node.conf_path.write_text(other)
        done = subprocess.run([lib.SLBD_BIN, "control", "--node", node.conf_path], capture_output=True, timeout=60, check=False)
        assert done.returncode == 1 and b"vsw-h, which was fd00:6:0:1::/64, has another IPv6 range" in done.stderr, done.stderr
    node.conf_path.write_text(text)
    node.start()
    assert vips6(alb.wait_active(mine["LoadBalancerId"])) == vips6(mine)
    alb.do("DeleteLoadBalancer", LoadBalancerId=mine["LoadBalancerId"])
    node.stop(keep=True)
    node.conf_path.write_text(plain)
    node.start()
    assert "Ipv6CidrBlock" not in node.call("Vpc", "DescribeVpcs")["Vpcs"]["Vpc"][0]


def test_range_that_this_host_does_not_have_is_told(new_node):
    """At the start; and each listener tells the address. Without the route it would be silence."""
    node = new_node({"vpc": "2001:db8:6::/48", 0: NOT_HERE, 1: "2001:db8:6:1::/64"})
    alb = alb_lib.Alb(node)
    for zone, range6 in zip(lib.ZONES, (NOT_HERE, "2001:db8:6:1::/64")):
        assert f"[zone {zone}] range6: no address of {range6} is this host's" in node.stderr()
    lb = alb.instance(**dual())["LoadBalancerId"]
    answer = alb.call(
        "CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTP", ListenerPort=80, DefaultActions=[alb_lib.forward(alb.group())]
    )  # fmt: skip
    node.wait_job("Alb", answer, status="Failed")
    assert "Cannot assign requested address" in str(node.call("OpenSlb", "ListRefusals"))
    health = {(a["IntranetAddressHcStatus"], a["Ipv6AddressHcStatus"]) for a in addresses(alb.attributes(lb))}
    assert health == {("Healthy", "Unhealthy")}


def test_everything_is_there_after_a_crash(new_node, servers):
    six = servers(lib.HttpBackend, name="six")
    node = new_node(ALL)
    alb = alb_lib.Alb(node)
    mine = alb.instance(**dual())
    alb.listener(mine["LoadBalancerId"], alb.group({"ServerId": six.ip, "ServerType": "Ip", "Port": six.port}, Ipv6Enabled=True))
    node.kill()
    node.start()
    assert vips6(alb.wait_active(mine["LoadBalancerId"])) == vips6(mine)
    for vip in vips6(mine):
        assert curl(vip) == (200, "six\n")
    pid = node.kill_child("data")
    assert pid
    for vip in vips6(mine):
        lib.wait_for(lambda at=vip: lib.accepts((at, 80)), "the next data process serves")
        assert curl(vip) == (200, "six\n")

"""What the tests of NLB share: product Nlb called in few words."""
import socket

import lib

ZONE_MAPPINGS = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(lib.ZONES[:2], lib.VSWITCHES)]


class Nlb:
    """Operations of one node. Those that change something return when the data plane serves it."""

    def __init__(self, node):
        self.node = node

    def call(self, action, **params):
        return self.node.call("Nlb", action, **params)

    def do(self, action, **params):
        return self.node.do("Nlb", action, **params)

    def fails(self, code, action, **params):
        return self.node.fails(code, "Nlb", action, **params)

    def instance(self, **params):
        """A new instance, Intranet in two zones unless params say otherwise: its attributes when it is Active."""
        given = {"AddressType": "Intranet", "VpcId": lib.VPC, "ZoneMappings": ZONE_MAPPINGS}
        lb = self.call("CreateLoadBalancer", **{**given, **params})["LoadbalancerId"]
        return self.wait_active(lb)

    def attributes(self, lb):
        return self.call("GetLoadBalancerAttribute", LoadBalancerId=lb)

    def wait_active(self, lb):
        return self.node.wait(
            lambda a: a["LoadBalancerStatus"] == "Active", "Nlb", "GetLoadBalancerAttribute", LoadBalancerId=lb
        )

    def group(self, *backends, **params):
        """A new group of type Ip: its id. backends: of lib, or dicts as in Servers."""
        given = {"ServerGroupName": "group", "ServerGroupType": "Ip", "VpcId": lib.VPC}
        group = self.do("CreateServerGroup", **{**given, **params})["ServerGroupId"]
        if backends:
            self.do("AddServersToServerGroup", ServerGroupId=group, Servers=[_as_server(b) for b in backends])
        return group

    def listener(self, lb, group, protocol="TCP", port=80, **params):
        return self.do(
            "CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol=protocol, ListenerPort=port,
            **params,
        )["ListenerId"]  # fmt: skip

    def listener_status(self, listener):
        return self.call("GetListenerAttribute", ListenerId=listener)["ListenerStatus"]


def vips(attributes):
    """Private addresses of an instance, by zone."""
    return [m["LoadBalancerAddresses"][0]["PrivateIPv4Address"] for m in attributes["ZoneMappings"]]


def server(backend, **fields):
    """A server of an Ip group for a backend of lib."""
    return {"ServerId": backend.ip, "ServerIp": backend.ip, "ServerType": "Ip", "Port": backend.port, **fields}


def _as_server(backend):
    return backend if isinstance(backend, dict) else server(backend)


def echo(addr, data=b"hello", seconds=lib.PATIENCE):
    """What a TCP echo gives back."""
    with socket.create_connection(addr, timeout=seconds) as sock:
        sock.sendall(data)
        return sock.recv(100)


def ask_udp(addr, data=b"hello", seconds=lib.PATIENCE):
    """The answer to one datagram from a new port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.sendto(data, addr)
        return sock.recv(100)

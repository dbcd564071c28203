"""What the tests of CLB share: product Slb called in few words."""
import json
import socket

import lib


class Clb:
    """Operations of one node, with the region and JSON texts filled in."""

    def __init__(self, node):
        self.node = node

    def call(self, action, **params):
        return self.node.call("Slb", action, RegionId=lib.REGION, **_as_texts(params))

    def fails(self, code, action, **params):
        return self.node.fails(code, "Slb", action, RegionId=lib.REGION, **_as_texts(params))

    def instance(self, **params):
        """A new instance, internet unless params say otherwise: (id, address)."""
        answer = self.call("CreateLoadBalancer", **params)
        return answer["LoadBalancerId"], answer["Address"]

    def group(self, instance, *backends, **params):
        servers = [server(b) if not isinstance(b, dict) else b for b in backends]
        return self.call("CreateVServerGroup", LoadBalancerId=instance, BackendServers=servers, **params)[
            "VServerGroupId"
        ]

    def listener(self, protocol, instance, port, start=True, **params):
        """A listener, started and served by the data plane unless start is False."""
        given = {"tcp": {"Bandwidth": -1}, "udp": {"Bandwidth": -1}, "http": {"HealthCheck": "off"},
                 "https": {"Bandwidth": -1, "HealthCheck": "off"}}[protocol]  # fmt: skip
        where = {"LoadBalancerId": instance, "ListenerPort": port}
        self.call(f"CreateLoadBalancer{protocol.upper()}Listener", **where, **{**given, **params})
        if start:
            self.call("StartLoadBalancerListener", **where, ListenerProtocol=protocol)
            self.wait_status(protocol, instance, port)
        return where

    def attribute(self, protocol, instance, port):
        return self.call(
            f"DescribeLoadBalancer{protocol.upper()}ListenerAttribute", LoadBalancerId=instance, ListenerPort=port
        )

    def wait_status(self, protocol, instance, port, status="running"):
        lib.wait_for(
            lambda: self.attribute(protocol, instance, port)["Status"] == status,
            f"{protocol} listener {port} is {status}",
            lib.JOB_SECONDS,
        )

    def set_listener(self, protocol, instance, port, **params):
        """A change that the data plane serves when this returns."""
        self.call(
            f"SetLoadBalancer{protocol.upper()}ListenerAttribute", LoadBalancerId=instance, ListenerPort=port, **params
        )
        self.wait_status(protocol, instance, port)

    def health(self, instance, **params):
        """Words by (listener port, server address, server port)."""
        rows = self.call("DescribeHealthStatus", LoadBalancerId=instance, **params)["BackendServers"]["BackendServer"]
        return {(r["ListenerPort"], r["ServerIp"], r["Port"]): r["ServerHealthStatus"] for r in rows}


def _as_texts(params):
    """Lists of structs and of ids travel as JSON texts in Slb, but for Tag, TagKey, ResourceId and their like."""
    texts = ("Servers", "RuleList", "RuleIds", "AclEntrys", "Attributes")
    return {k: json.dumps(v) if isinstance(v, list) and k.endswith(texts) else v for k, v in params.items()}


def server(backend, weight=100, **fields):
    """A member of a vServer group for a backend of lib."""
    return {"ServerId": backend.ip, "Port": backend.port, "Weight": weight, **fields}


def names(addr, n=20, path="/", headers=()):
    """Which servers answer n requests: their counts by name."""
    counts = {}
    for _ in range(n):
        answer = lib.get(addr, path, headers)
        name = answer.text.strip() if answer.status == 200 else answer.status
        counts[name] = counts.get(name, 0) + 1
    return counts


def ask_udp(addr, data=b"ping", timeout=lib.PATIENCE):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.sendto(data, addr)
        return sock.recv(65536)

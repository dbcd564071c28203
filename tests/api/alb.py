"""What the tests of ALB share: product Alb called in few words."""
import collections

import lib

ZONE_MAPPINGS = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(lib.ZONES[:2], lib.VSWITCHES)]
BILLING = {"PayType": "PostPay"}


class Alb:
    """Operations of one node. do: returns when the data plane serves the change."""

    def __init__(self, node):
        self.node = node

    def call(self, action, **params):
        return self.node.call("Alb", action, **params)

    def do(self, action, **params):
        return self.node.do("Alb", action, **params)

    def fails(self, code, action, **params):
        return self.node.fails(code, "Alb", action, **params)

    def new(self, **params):
        """A new instance, Standard and Intranet in two zones unless params say otherwise: its id."""
        given = {
            "AddressType": "Intranet", "LoadBalancerEdition": "Standard", "VpcId": lib.VPC,
            "LoadBalancerBillingConfig": BILLING, "ZoneMappings": ZONE_MAPPINGS,
        }  # fmt: skip
        return self.call("CreateLoadBalancer", **{**given, **params})["LoadBalancerId"]

    def instance(self, **params):
        """The same: its attributes when it is Active."""
        return self.wait_active(self.new(**params))

    def wait_active(self, lb):
        return self.node.wait(
            lambda a: a["LoadBalancerStatus"] == "Active", "Alb", "GetLoadBalancerAttribute", LoadBalancerId=lb
        )

    def attributes(self, lb):
        return self.call("GetLoadBalancerAttribute", LoadBalancerId=lb)

    def group(self, *backends, **params):
        """A new group of type Ip without health checks: its id. backends: of lib, or dicts as in Servers."""
        given = {
            "ServerGroupName": "group", "ServerGroupType": "Ip", "VpcId": lib.VPC, "Protocol": "HTTP",
            "HealthCheckConfig": {"HealthCheckEnabled": False},
        }  # fmt: skip
        group = self.do("CreateServerGroup", **{**given, **params})["ServerGroupId"]
        if backends:
            servers = [b if isinstance(b, dict) else server(b) for b in backends]
            self.do("AddServersToServerGroup", ServerGroupId=group, Servers=servers)
        return group

    def group_attributes(self, group):
        (found,) = self.call("ListServerGroups", ServerGroupIds=[group])["ServerGroups"]
        return found

    def listener(self, lb, group, port=80, **params):
        return self.do(
            "CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTP", ListenerPort=port,
            DefaultActions=[forward(group)], **params,
        )["ListenerId"]  # fmt: skip

    def rule(self, listener, priority, conditions, *actions, **params):
        """A new rule: its id. Actions get their Order by their place."""
        return self.do(
            "CreateRule", ListenerId=listener, Priority=priority, RuleName="rule", RuleConditions=conditions,
            RuleActions=ordered(actions), **params,
        )["RuleId"]  # fmt: skip


def vips(attributes):
    """Private addresses of an instance, by zone."""
    return [m["LoadBalancerAddresses"][0]["IntranetAddress"] for m in attributes["ZoneMappings"]]


def server(backend, **fields):
    """A server of an Ip group for a backend of lib, which is on loopback and so outside the VPC."""
    return {"ServerId": backend.ip, "ServerType": "Ip", "Port": backend.port, "RemoteIpEnabled": True, **fields}


def forward(*groups):
    """ForwardGroup to groups: ids, or (id, weight)."""
    tuples = [{"ServerGroupId": g} if isinstance(g, str) else {"ServerGroupId": g[0], "Weight": g[1]} for g in groups]
    return {"Type": "ForwardGroup", "ForwardGroupConfig": {"ServerGroupTuples": tuples}}


def fixed(code="200", content="fixed", kind="text/plain"):
    return action("FixedResponse", HttpCode=code, Content=content, ContentType=kind)


def action(kind, **config):
    return {"Type": kind, f"{kind}Config": config}


def ordered(actions):
    return [{"Order": i, **a} for i, a in enumerate(actions, 1)]


def on(kind, *values, **config):
    """A condition: on("Path", "/a*"), on("Header", "v", Key="k")."""
    return {"Type": kind, f"{kind}Config": {"Values": list(values), **config}}


def names(addr, n=20, path="/", host=None):
    """Which servers answer n requests: their counts by name."""
    headers = [("Host", host)] if host else []
    return collections.Counter(lib.get(addr, path, headers).body.decode().strip() for _ in range(n))

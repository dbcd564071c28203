"""DryRun and ClientToken of every operation that takes them: each is called dry, then with a token, then again.

The walks below are the lives of an ALB and an NLB. At the end no operation that takes one of the two is left out.
"""
import json

import pytest

import alb as alb_words
import lib
from alb import BILLING
from certs import Certs
from lib import REGION, VPC, VSWITCHES, ZONES

TOKEN_MISMATCH = {"Alb": "IdempotentParameterMismatch", "Nlb": "IdempotenceSignatureMismatch"}
# What a walk looks at to see that a dry run has changed nothing.
LISTS = {
    "Alb": ("ListLoadBalancers", "ListListeners", "ListServerGroups", "ListServerGroupServers", "ListRules", "ListAcls",
            "ListSecurityPolicies", "ListHealthCheckTemplates"),
    "Nlb": ("ListLoadBalancers", "ListListeners", "ListServerGroups", "ListServerGroupServers", "ListSecurityPolicy"),
}  # fmt: skip
# Answers that their operations do not have here: what they are about is not built.
UNBUILT = {"UnsupportedOperation"}


def takes(table, name):
    """Operations of a table that take a parameter of that name."""
    found, op = set(), None
    for line in (lib.ROOT / f"src/openapi/tables/{table}.txt").read_text().splitlines():
        words = line.split()
        if words[:1] == ["op"]:
            op = words[1]
        elif words[:2] == ["in", name]:
            found.add(op)
    return found


class Careful:
    """Calls of one product, each rehearsed. Remembers which it has seen."""

    def __init__(self, node, product):
        self.node = node
        self.product = product
        self.dry = takes(product.lower(), "DryRun")
        self.token = takes(product.lower(), "ClientToken")
        self.seen = set()
        self.n_tokens = 0

    def state(self):
        """What there is, but for states, which move by themselves."""

        def stable(value):
            if isinstance(value, dict):
                return {k: stable(v) for k, v in value.items() if "Status" not in k and k != "RequestId"}
            return [stable(v) for v in value] if isinstance(value, list) else value

        answers = [self.node.call(self.product, a, MaxResults=100) for a in LISTS[self.product]]
        return json.dumps([stable(a) for a in answers], sort_keys=True)

    def call(self, action, **params):
        self.seen.add(action)
        if action in self.dry:
            before = self.state()
            refused = self.node.fails("DryRunOperation", self.product, action, DryRun=True, **params)
            assert refused.status == 400
            assert self.state() == before, f"a dry {action} has changed something"
        if action not in self.token or action.startswith(("Get", "Describe")):
            return self.node.call(self.product, action, **params)
        self.n_tokens += 1
        token = f"token-{self.n_tokens}-of-{action}"
        first = self.node.call(self.product, action, ClientToken=token, **params)
        after = self.state()
        again = self.node.call(self.product, action, ClientToken=token, **params)
        assert first.pop("RequestId") != again.pop("RequestId")
        assert first == again, action
        assert self.state() == after, f"a repeated {action} has changed something"
        other = next(n for n, v in params.items() if isinstance(v, str) and n.endswith(("Id", "Name")))
        wrong = {**params, other: params[other] + "x"}
        self.node.fails(TOKEN_MISMATCH[self.product], self.product, action, ClientToken=token, **wrong)
        return first

    def left_out(self):
        return (self.dry | self.token) - self.seen


@pytest.fixture(scope="module")
def certificates(node, tmp_path_factory):
    made = Certs(tmp_path_factory.mktemp("certs"))
    ids = []
    for name in ("www.example.net", "api.example.net"):
        cert, key = made.make(name)
        ids.append(f'{node.call("Cas", "UploadUserCertificate", Name=name, Cert=cert, Key=key)["CertId"]}-{REGION}')
    return ids


def security_groups(node, n):
    return [node.call("Ecs", "CreateSecurityGroup", VpcId=VPC)["SecurityGroupId"] for _ in range(n)]


def zones(*numbers):
    return [{"ZoneId": ZONES[i], "VSwitchId": VSWITCHES[i]} for i in numbers]


def test_life_of_an_alb(node, certificates):
    alb = Careful(node, "Alb")
    call = alb.call
    lb = call("CreateLoadBalancer", LoadBalancerName="careful", AddressType="Intranet", LoadBalancerEdition="Basic",
              VpcId=VPC, LoadBalancerBillingConfig=BILLING, ZoneMappings=zones(0, 1))["LoadBalancerId"]  # fmt: skip
    call("UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName="careful-2")
    call("UpdateLoadBalancerEdition", LoadBalancerId=lb, LoadBalancerEdition="Standard")
    call("EnableDeletionProtection", ResourceId=lb)
    call("DisableDeletionProtection", ResourceId=lb)
    call("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones(0, 2))
    call("StartShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones(2))
    call("CancelShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones(2))
    call("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Internet")
    call("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Intranet")
    groups = security_groups(node, 1)
    call("LoadBalancerJoinSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=groups)
    call("LoadBalancerLeaveSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=groups)
    call("EnableLoadBalancerAccessLog", LoadBalancerId=lb, LogProject="p", LogStore="s")

    group = call("CreateServerGroup", ServerGroupName="careful", ServerGroupType="Ip", VpcId=VPC, Protocol="HTTP",
                 HealthCheckConfig={"HealthCheckEnabled": False})["ServerGroupId"]  # fmt: skip
    call("UpdateServerGroupAttribute", ServerGroupId=group, ServerGroupName="careful-2")
    one, two = ({"ServerId": f"{node.prefix}.50.{i}", "ServerType": "Ip", "Port": 80} for i in (1, 2))
    call("AddServersToServerGroup", ServerGroupId=group, Servers=[one])
    call("UpdateServerGroupServersAttribute", ServerGroupId=group, Servers=[{**one, "Weight": 7}])
    call("ReplaceServersInServerGroup", ServerGroupId=group, AddedServers=[two], RemovedServers=[one])
    template = call("CreateHealthCheckTemplate", HealthCheckTemplateName="careful")["HealthCheckTemplateId"]
    call("UpdateHealthCheckTemplateAttribute", HealthCheckTemplateId=template, HealthCheckTemplateName="careful-2",
         HealthCheckInterval=9)  # fmt: skip
    call("ApplyHealthCheckTemplateToServerGroup", ServerGroupId=group, HealthCheckTemplateId=template)

    listener = call("CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTPS", ListenerPort=443,
                    DefaultActions=[alb_words.forward(group)], Certificates=[{"CertificateId": certificates[0]}])["ListenerId"]  # fmt: skip
    more = [{"CertificateId": certificates[1]}]
    call("AssociateAdditionalCertificatesWithListener", ListenerId=listener, Certificates=more)
    call("DissociateAdditionalCertificatesFromListener", ListenerId=listener, Certificates=more)
    call("UpdateListenerAttribute", ListenerId=listener, ListenerDescription="careful")
    call("UpdateListenerLogConfig", ListenerId=listener, AccessLogRecordCustomizedHeadersEnabled=True)
    call("StopListener", ListenerId=listener)
    call("StartListener", ListenerId=listener)
    acl = call("CreateAcl", AclName="careful")["AclId"]
    call("UpdateAclAttribute", AclId=acl, AclName="careful-2")
    call("AddEntriesToAcl", AclId=acl, AclEntries=[{"Entry": "10.0.0.0/8"}])
    call("RemoveEntriesFromAcl", AclId=acl, Entries=["10.0.0.0/8"])
    call("AssociateAclsWithListener", ListenerId=listener, AclIds=[acl], AclType="White")
    call("DissociateAclsFromListener", ListenerId=listener, AclIds=[acl])
    call("DeleteAcl", AclId=acl)
    policy = call("CreateSecurityPolicy", SecurityPolicyName="careful", TLSVersions=["TLSv1.2"],
                  Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"])["SecurityPolicyId"]  # fmt: skip
    call("UpdateSecurityPolicyAttribute", SecurityPolicyId=policy, SecurityPolicyName="careful-2")
    call("DeleteSecurityPolicy", SecurityPolicyId=policy)

    def new_rule(i):
        return {"Priority": i, "RuleName": f"rule-{i}", "RuleConditions": [alb_words.on("Path", f"/{i}")],
                "RuleActions": alb_words.ordered([alb_words.fixed()])}  # fmt: skip

    rule = call("CreateRule", ListenerId=listener, **new_rule(1))["RuleId"]
    rules = [r["RuleId"] for r in call("CreateRules", ListenerId=listener, Rules=[new_rule(2), new_rule(3)])["RuleIds"]]
    call("UpdateRuleAttribute", RuleId=rule, RuleName="renamed")
    node.call("Alb", "UpdateRulesAttribute", Rules=[{"RuleId": r, "RuleName": "renamed"} for r in rules], ClientToken="rules")
    node.fails("DryRunOperation", "Alb", "UpdateRulesAttribute", Rules=[{"RuleId": rules[0], "Priority": 9}], DryRun=True)
    node.fails(TOKEN_MISMATCH["Alb"], "Alb", "UpdateRulesAttribute", Rules=[{"RuleId": rules[0], "Priority": 9}], ClientToken="rules")
    node.fails("DryRunOperation", "Alb", "DeleteRules", RuleIds=rules, DryRun=True)
    first = node.call("Alb", "DeleteRules", RuleIds=rules, ClientToken="gone")
    assert node.call("Alb", "DeleteRules", RuleIds=rules, ClientToken="gone")["JobId"] == first["JobId"]
    node.fails("DryRunOperation", "Alb", "DeleteHealthCheckTemplates", HealthCheckTemplateIds=[template], DryRun=True)
    node.call("Alb", "DeleteHealthCheckTemplates", HealthCheckTemplateIds=[template], ClientToken="gone")
    node.call("Alb", "DeleteHealthCheckTemplates", HealthCheckTemplateIds=[template], ClientToken="gone")
    alb.seen |= {"UpdateRulesAttribute", "DeleteRules", "DeleteHealthCheckTemplates"}
    call("DeleteRule", RuleId=rule)
    call("DisableLoadBalancerAccessLog", LoadBalancerId=lb)
    call("DeleteListener", ListenerId=listener)
    call("RemoveServersFromServerGroup", ServerGroupId=group, Servers=[two])
    call("DeleteServerGroup", ServerGroupId=group)
    call("DeleteLoadBalancer", LoadBalancerId=lb)
    leave_out(node, alb, {"EnableLoadBalancerIpv6Internet", "DisableLoadBalancerIpv6Internet"})


def leave_out(node, careful, of_ipv6):
    """What is left is not built, or needs an instance with IPv6, which other tests have."""
    for action in careful.left_out() - of_ipv6:
        with pytest.raises(lib.ApiError) as refused:
            node.call(careful.product, action)
        assert refused.value.code in UNBUILT, action


def test_life_of_an_nlb(node, certificates):
    nlb = Careful(node, "Nlb")
    call = nlb.call
    for action in ("DescribeRegions", "DescribeZones"):
        call(action)
    lb = call("CreateLoadBalancer", LoadBalancerName="careful", AddressType="Intranet", VpcId=VPC,
              ZoneMappings=zones(0, 1))["LoadbalancerId"]  # fmt: skip
    call("GetLoadBalancerAttribute", LoadBalancerId=lb)
    call("UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName="careful-2")
    call("UpdateLoadBalancerProtection", LoadBalancerId=lb, DeletionProtectionEnabled=False)
    call("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones(0, 2))
    call("StartShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones(2))
    call("CancelShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=zones(2))
    call("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Internet")
    call("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Intranet")
    groups = security_groups(node, 1)
    call("LoadBalancerJoinSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=groups)
    call("LoadBalancerLeaveSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=groups)
    group = call("CreateServerGroup", ServerGroupName="careful", ServerGroupType="Ip", VpcId=VPC)["ServerGroupId"]
    call("UpdateServerGroupAttribute", ServerGroupId=group, ServerGroupName="careful-2")
    server = {"ServerId": "127.0.9.1", "ServerType": "Ip", "Port": 80}
    call("AddServersToServerGroup", ServerGroupId=group, Servers=[server])
    call("UpdateServerGroupServersAttribute", ServerGroupId=group, Servers=[{**server, "Weight": 7}])
    listener = call("CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol="TCPSSL", ListenerPort=443,
                    CertificateIds=certificates[:1])  # fmt: skip
    call("GetJobStatus", JobId=listener["JobId"])
    listener = listener["ListenerId"]
    call("GetListenerAttribute", ListenerId=listener)
    call("AssociateAdditionalCertificatesWithListener", ListenerId=listener, AdditionalCertificateIds=certificates[1:])
    call("DisassociateAdditionalCertificatesWithListener", ListenerId=listener, AdditionalCertificateIds=certificates[1:])
    call("UpdateListenerAttribute", ListenerId=listener, ListenerDescription="careful")
    call("StopListener", ListenerId=listener)
    call("StartListener", ListenerId=listener)
    tags = {"ResourceType": "loadbalancer", "ResourceId": [lb]}
    for action, more in (("TagResources", {"Tag": [{"Key": "k", "Value": "v"}]}), ("UntagResources", {"TagKey": ["k"]})):
        node.fails("DryRunOperation", "Nlb", action, DryRun=True, **tags, **more)
        node.call("Nlb", action, ClientToken="tags", **tags, **more)
        node.call("Nlb", action, ClientToken="tags", **tags, **more)
        node.fails(TOKEN_MISMATCH["Nlb"], "Nlb", action, ClientToken="tags", **{**tags, "ResourceId": ["x"]}, **more)
        nlb.seen.add(action)
    policy = call("CreateSecurityPolicy", SecurityPolicyName="careful", TlsVersions=["TLSv1.2"],
                  Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"])["SecurityPolicyId"]  # fmt: skip
    call("UpdateSecurityPolicyAttribute", SecurityPolicyId=policy, SecurityPolicyName="careful-2")
    call("DeleteSecurityPolicy", SecurityPolicyId=policy)
    call("DeleteListener", ListenerId=listener)
    call("RemoveServersFromServerGroup", ServerGroupId=group, Servers=[server])
    call("DeleteServerGroup", ServerGroupId=group)
    call("DeleteLoadBalancer", LoadBalancerId=lb)
    leave_out(node, nlb, {"EnableLoadBalancerIpv6Internet", "DisableLoadBalancerIpv6Internet"})


def test_dry_runs_of_clb(node):
    """The six of Slb: four kinds of listeners, rules made and changed; and the one token."""

    def call(action, **params):
        return node.call("Slb", action, RegionId=REGION, **params)

    lb = call("CreateLoadBalancer", ClientToken="clb-once", LoadBalancerName="one")["LoadBalancerId"]
    assert call("CreateLoadBalancer", ClientToken="clb-once", LoadBalancerName="one")["LoadBalancerId"] == lb
    refused = node.fails("IdempotentParameterMismatch", "Slb", "CreateLoadBalancer", RegionId=REGION, ClientToken="clb-once",
                         LoadBalancerName="two")  # fmt: skip
    assert refused.status == 400
    where = {"LoadBalancerId": lb}
    call("CreateLoadBalancerTCPListener", **where, ListenerPort=1, BackendServerPort=80, Bandwidth=-1)
    call("CreateLoadBalancerUDPListener", **where, ListenerPort=2, BackendServerPort=80, Bandwidth=-1)
    call("CreateLoadBalancerHTTPListener", **where, ListenerPort=3, BackendServerPort=80, HealthCheck="off")

    def told(kind, port):
        answer = call(f"DescribeLoadBalancer{kind}ListenerAttribute", **where, ListenerPort=port)
        return {k: v for k, v in answer.items() if k not in ("RequestId", "Status")}

    for kind, port in (("TCP", 1), ("UDP", 2), ("HTTP", 3)):
        before = told(kind, port)
        node.fails("DryRunOperation", "Slb", f"SetLoadBalancer{kind}ListenerAttribute", RegionId=REGION, **where,
                   ListenerPort=port, Description="dry", DryRun="true")  # fmt: skip
        assert told(kind, port) == before and before.get("Description") != "dry"
        node.fails("InvalidParameter", "Slb", f"SetLoadBalancer{kind}ListenerAttribute", RegionId=REGION, **where,
                   ListenerPort=port + 10, Description="dry", DryRun="true")  # fmt: skip
    group = call("CreateVServerGroup", **where, BackendServers=json.dumps([{"ServerId": "127.0.9.1", "Port": 80}]))["VServerGroupId"]
    rules = json.dumps([{"RuleName": "r", "Url": "/a", "VServerGroupId": group}])
    place = {**where, "ListenerPort": 3, "RegionId": REGION}
    node.fails("DryRunOperation", "Slb", "CreateRules", **place, RuleList=rules, DryRun="true")
    assert node.call("Slb", "DescribeRules", **place)["Rules"] == {"Rule": []}
    rule = node.call("Slb", "CreateRules", **place, RuleList=rules)["Rules"]["Rule"][0]["RuleId"]
    node.fails("DryRunOperation", "Slb", "SetRule", RegionId=REGION, RuleId=rule, RuleName="dry", DryRun="true")
    assert call("DescribeRuleAttribute", RuleId=rule)["RuleName"] == "r"


def test_tokens_are_of_one_key_and_one_operation(node):
    """The same text from another key, or at another operation, is another token; what failed is not remembered."""
    new = {"ServerGroupName": "token", "ServerGroupType": "Ip", "VpcId": VPC, "ClientToken": "shared",
           "HealthCheckConfig": {"HealthCheckEnabled": False}}  # fmt: skip
    mine = node.call("Alb", "CreateServerGroup", **new)["ServerGroupId"]
    other = node.new_key().call("Alb", "CreateServerGroup", **new)["ServerGroupId"]
    assert mine != other
    acl = node.call("Alb", "CreateAcl", AclName="token", ClientToken="shared")["AclId"]
    assert acl.startswith("acl-")
    node.fails("ResourceNotFound.ServerGroup", "Alb", "DeleteServerGroup", ServerGroupId="sgp-none", ClientToken="again")
    node.call("Alb", "DeleteServerGroup", ServerGroupId=mine, ClientToken="again")
    for wrong in ("é", "a b", "x" * 129, "tab\t"):
        node.fails("InvalidParameter", "Alb", "CreateAcl", AclName="token", ClientToken=wrong)

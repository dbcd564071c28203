"""The shape of every answer: what the tables name, in their types; lists in their wrappers, times in their formats."""
import json
import re

import pytest

import alb as alb_words
import lib
from alb import Alb
from certs import Certs
from clb import Clb
from lib import REGION, VPC
from nlb import Nlb

TYPES = {"string": str, "integer": int, "long": int, "double": float, "boolean": bool}
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
MINUTES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ")
TAG = [{"Key": "k", "Value": "v"}]


def read_tables():
    """{product: {operation: ({in: words}, {out: type})}}"""
    products = {}
    for name in ("slb", "alb", "nlb", "alidns"):
        operations, op = {}, None
        for line in (lib.ROOT / f"src/openapi/tables/{name}.txt").read_text().splitlines():
            words = line.split()
            if words[:1] == ["product"]:
                products[words[1]] = operations
            elif words[:1] == ["op"]:
                op = operations.setdefault(words[1], ({}, {}))
            elif words[:1] == ["in"]:
                op[0][words[1]] = words[2:]
            elif words[:1] == ["out"]:
                op[1][words[1]] = words[2]
    return products


TABLES = read_tables()


def check(product, out, value, path=""):
    """Every member is in the table, has its type, and is neither null nor a time of another format."""
    if isinstance(value, dict):
        for name, member in value.items():
            check(product, out, member, f"{path}.{name}" if path else name)
        return
    if isinstance(value, list):
        assert out.get(path) == "list" or f"{path}.N" in out, f"{path} is a list"
        for element in value:
            check(product, out, element, f"{path}.N")
        return
    assert path in out, f"{path} is not in the table"
    kind = TYPES[out[path]]
    assert type(value) is kind or (kind is float and type(value) is int), f"{path}: {value!r} is not a {out[path]}"
    name = path.rpartition(".")[2]
    if kind is str and re.search("Time$|Date$", name) and product != "Slb" or name in ("CreateTime", "StartTime"):
        if kind is str:
            assert (MINUTES if product == "Alidns" else SECONDS).fullmatch(value), f"{path}: {value}"
    if kind is int and re.search("Time[Ss]tamp$|ActionTimestamp$", name):
        assert 10**12 < value < 10**13, f"{path}: {value} is not in milliseconds"




@pytest.fixture(scope="module")
def things(node, tmp_path_factory):
    """One of everything, and the parameters by which it is asked for."""
    alb, nlb, clb = Alb(node), Nlb(node), Clb(node)
    made = Certs(tmp_path_factory.mktemp("certs"))
    cert, key = made.make("www.example.net", san="DNS:www.example.net,DNS:api.example.net")
    ca, _ = made.make("ca", ca=True)
    cas = f'{node.call("Cas", "UploadUserCertificate", Name="www", Cert=cert, Key=key)["CertId"]}-{REGION}'
    server = {"ServerId": "127.0.9.1", "ServerType": "Ip", "Port": 80}
    remote = {**server, "RemoteIpEnabled": True}

    lb = alb.instance(Tag=TAG, AddressType="Internet", LoadBalancerName="alb")["LoadBalancerId"]
    alb.call("EnableDeletionProtection", ResourceId=lb)
    group = alb.group(remote, Tag=TAG, HealthCheckConfig={"HealthCheckEnabled": True})
    plain = alb.group(remote)
    listener = alb.listener(lb, plain, 80, Tag=TAG)
    secure = alb.call("CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTPS", ListenerPort=443, Tag=TAG,
                      Certificates=[{"CertificateId": cas}], DefaultActions=[alb_words.forward(group)])["ListenerId"]  # fmt: skip
    acl = alb.call("CreateAcl", AclName="acl", Tag=TAG)["AclId"]
    alb.call("AddEntriesToAcl", AclId=acl, AclEntries=[{"Entry": "10.0.0.0/8", "Description": "inside"}])
    alb.call("AssociateAclsWithListener", ListenerId=secure, AclIds=[acl], AclType="White")
    rule = alb.rule(
        listener, 1, [alb_words.on("Path", "/a"), alb_words.on("Header", "v", Key="k")],
        alb_words.action("Rewrite", Path="/b"), alb_words.forward((plain, 10)),
    )  # fmt: skip
    policy = alb.call("CreateSecurityPolicy", SecurityPolicyName="policy", TLSVersions=["TLSv1.2"], Tag=TAG,
                      Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"])["SecurityPolicyId"]  # fmt: skip
    template = alb.call("CreateHealthCheckTemplate", HealthCheckTemplateName="template", Tag=TAG)["HealthCheckTemplateId"]

    nlb_lb = nlb.instance(Tag=TAG, AddressType="Internet", LoadBalancerName="nlb")["LoadBalancerId"]
    nlb.call("UpdateLoadBalancerProtection", LoadBalancerId=nlb_lb, DeletionProtectionEnabled=True,
             ModificationProtectionStatus="ConsoleProtection")  # fmt: skip
    nlb_group = nlb.group(server, Tag=TAG, HealthCheckConfig={"HealthCheckEnabled": True, "HealthCheckType": "HTTP"})
    nlb_listener = nlb.listener(nlb_lb, nlb_group, Tag=TAG)
    tls = nlb.call("CreateListener", LoadBalancerId=nlb_lb, ServerGroupId=nlb_group, ListenerProtocol="TCPSSL",
                   ListenerPort=443, CertificateIds=[cas])  # fmt: skip
    nlb_policy = nlb.call("CreateSecurityPolicy", TlsVersions=["TLSv1.2"], Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"], Tag=TAG)

    classic, _ = clb.instance(Tag=TAG)
    vgroup = clb.group(classic, {"ServerId": "127.0.9.1", "Port": 80}, Tag=TAG)
    pair = clb.call("CreateMasterSlaveServerGroup", LoadBalancerId=classic, MasterSlaveBackendServers=[
        {"ServerId": f"127.0.9.{i}", "Port": 80, "ServerType": t} for i, t in ((1, "Master"), (2, "Slave"))
    ])["MasterSlaveServerGroupId"]  # fmt: skip
    clb.call("AddBackendServers", LoadBalancerId=classic, BackendServers=[{"ServerId": "127.0.9.1"}])
    certificate = clb.call("UploadServerCertificate", ServerCertificate=cert, PrivateKey=key, Tag=TAG)["ServerCertificateId"]
    clb.call("UploadCACertificate", CACertificate=ca)
    for protocol, port in (("tcp", 1), ("udp", 2), ("http", 3)):
        clb.listener(protocol, classic, port, start=False, VServerGroupId=vgroup, Tag=TAG)
    clb.listener("https", classic, 4, start=False, VServerGroupId=vgroup, ServerCertificateId=certificate)
    extension = clb.call("CreateDomainExtension", LoadBalancerId=classic, ListenerPort=4, Domain="api.example.net",
                         ServerCertificateId=certificate)["DomainExtensionId"]  # fmt: skip
    clb_rule = clb.call("CreateRules", LoadBalancerId=classic, ListenerPort=3, RuleList=[
        {"RuleName": "r", "Url": "/a", "VServerGroupId": vgroup}])["Rules"]["Rule"][0]["RuleId"]  # fmt: skip
    clb_acl = clb.call("CreateAccessControlList", AclName="acl", Tag=TAG)["AclId"]
    clb.call("AddAccessControlListEntry", AclId=clb_acl, AclEntrys=[{"entry": "10.0.0.0/8", "comment": "c"}])
    clb.call("CreateTLSCipherPolicy", Name="policy", TLSVersions=["TLSv1.2"], Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"])
    clb.call("SetAccessLogsDownloadAttribute", LoadBalancerId=classic, LogsDownloadAttributes=[{"logProject": "p", "LogStore": "s"}])

    node.call("Alidns", "AddDomain", DomainName="shape.example")
    node.call("Alidns", "AddDomainGroup", GroupName="group")
    records = [node.call("Alidns", "AddDomainRecord", DomainName="shape.example", RR="www", Type="A", Value=f"192.0.2.{i}")
               for i in (1, 2)]  # fmt: skip
    node.call("Alidns", "SetDNSSLBStatus", SubDomain="www.shape.example", Open=True)
    node.call("Alidns", "TagResources", ResourceType="DOMAIN", ResourceId=["shape.example"], Tag=TAG)
    return {
        "Alb": {"LoadBalancerId": lb, "ListenerId": listener, "ServerGroupId": group, "AclId": acl, "AclIds": [acl],
                "HealthCheckTemplateId": template, "SecurityPolicyIds": [policy], "ResourceType": "loadbalancer", "TagKey": "k",
                "+ListListenerCertificates": {"ListenerId": secure}, "+ListRules": {"RuleIds": [rule]}},
        "Nlb": {"LoadBalancerId": nlb_lb, "ListenerId": nlb_listener, "ServerGroupId": nlb_group, "JobId": tls["JobId"],
                "ResourceType": "loadbalancer", "+ListListenerCertificates": {"ListenerId": tls["ListenerId"]},
                "+ListSecurityPolicy": {"SecurityPolicyIds": [nlb_policy["SecurityPolicyId"]]}},
        "Slb": {"RegionId": REGION, "LoadBalancerId": classic, "VServerGroupId": vgroup, "MasterSlaveServerGroupId": pair,
                "AclId": clb_acl, "RuleId": clb_rule, "DomainExtensionId": extension, "ListenerPort": 3, "ResourceType": "instance",
                "+DescribeLoadBalancerTCPListenerAttribute": {"ListenerPort": 1},
                "+DescribeLoadBalancerUDPListenerAttribute": {"ListenerPort": 2},
                "+DescribeLoadBalancerHTTPSListenerAttribute": {"ListenerPort": 4},
                "+DescribeDomainExtensions": {"ListenerPort": 4}},
        "Alidns": {"DomainName": "shape.example", "SubDomain": "www.shape.example", "RecordId": records[0]["RecordId"],
                   "InputString": "www.shape.example", "ResourceType": "DOMAIN"},
    }  # fmt: skip


READS = [
    (product, action) for product, operations in TABLES.items() for action in operations
    if action.startswith(("Describe", "List", "Get"))
]  # fmt: skip


@pytest.mark.parametrize("product, action", READS, ids=[f"{p}.{a}" for p, a in READS])
def test_an_answer_has_the_shape_of_its_table(node, things, product, action):
    """With something to show. What the answer must have is RequestId, and never Code at its top."""
    given, out = TABLES[product][action]
    known = {**things[product], **things[product].get(f"+{action}", {})}
    params = {name: known[name] for name, words in given.items() if "required" in words and name in known}
    params |= {name[:-2]: known[name[:-2]] for name, words in given.items() if name.endswith(".N") and "required" in words and name[:-2] in known}
    params |= things[product].get(f"+{action}", {})
    try:
        answer = node.call(product, action, **params)
    except lib.ApiError as e:
        assert e.code == "UnsupportedOperation", e
        assert set(e.data) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
        return
    check(product, out, answer)
    assert "Code" not in answer and "RequestId" in answer
    shown = json.dumps(answer)
    # As a word: ids are random letters.
    assert not re.search(r"\bnull\b", shown) and len(answer) > 1, shown
    if "Tags" in shown and product != "Alidns":
        assert '"k"' in shown or '"Tags": []' in shown or '"Tag": []' in shown, shown


EMPTY = [
    ("Slb", "DescribeLoadBalancers", {"LoadBalancerId": "lb-none"}, {"LoadBalancers": {"LoadBalancer": []}}),
    ("Slb", "DescribeServerCertificates", {"ServerCertificateId": "none"}, {"ServerCertificates": {"ServerCertificate": []}}),
    ("Slb", "DescribeCACertificates", {"CACertificateId": "none"}, {"CACertificates": {"CACertificate": []}}),
    ("Slb", "DescribeLoadBalancerListeners", {"LoadBalancerId": ["lb-none"]}, {"Listeners": [], "TotalCount": 0}),
    ("Slb", "DescribeAccessControlLists", {"AclName": "none"}, {"Acls": {"Acl": []}, "TotalCount": 0}),
    ("Slb", "ListTLSCipherPolicies", {"TLSCipherPolicyId": "none"}, {"TLSCipherPolicies": []}),
    ("Slb", "ListTagResources", {"ResourceType": "instance", "ResourceId": ["lb-none"]}, {"TagResources": {"TagResource": []}}),
    ("Slb", "DescribeTags", {"LoadBalancerId": "lb-none"}, {"TagSets": {"TagSet": []}, "TotalCount": 0}),
    ("Alb", "ListLoadBalancers", {"LoadBalancerIds": ["alb-none"]}, {"LoadBalancers": [], "TotalCount": 0}),
    ("Alb", "ListListeners", {"ListenerIds": ["lsn-none"]}, {"Listeners": [], "TotalCount": 0}),
    ("Alb", "ListRules", {"RuleIds": ["rule-none"]}, {"Rules": [], "TotalCount": 0}),
    ("Alb", "ListAsynJobs", {"JobIds": ["none"]}, {"Jobs": [], "TotalCount": 0}),
    ("Alb", "ListTagResources", {"ResourceType": "acl", "ResourceId": ["acl-none"]}, {"TagResources": []}),
    ("Nlb", "ListLoadBalancers", {"LoadBalancerIds": ["nlb-none"]}, {"LoadBalancers": [], "TotalCount": 0}),
    ("Nlb", "ListServerGroups", {"ServerGroupIds": ["sgp-none"]}, {"ServerGroups": [], "TotalCount": 0}),
    ("Nlb", "ListSecurityPolicy", {"SecurityPolicyIds": ["sp-none"]}, {"SecurityPolicies": []}),
    ("Alidns", "DescribeDomains", {"KeyWord": "none.none"}, {"Domains": {"Domain": []}, "TotalCount": 0}),
    ("Alidns", "ListTagResources", {"ResourceType": "DOMAIN", "ResourceId": ["none.example"]}, {"TagResources": []}),
]


@pytest.mark.parametrize("product, action, params, expected", EMPTY, ids=[f"{e[0]}.{e[1]}" for e in EMPTY])
def test_lists_without_elements_are_there(node, product, action, params, expected):
    answer = node.call(product, action, **({"RegionId": REGION} if product == "Slb" else {}), **params)
    assert {name: answer[name] for name in expected} == expected
    assert "NextToken" not in answer


def test_words_are_taken_in_any_case_and_answered_in_their_own(node):
    """Documents and clients disagree about letter case; so do the booleans of one of them."""
    alb, clb = Alb(node), Clb(node)
    group = alb.group(Protocol="http", Scheduler="WRR", ServerGroupType="ip", UpstreamKeepaliveEnabled="True")
    shown = alb.group_attributes(group)
    assert (shown["Protocol"], shown["Scheduler"], shown["ServerGroupType"]) == ("HTTP", "Wrr", "Ip")
    assert shown["UpstreamKeepaliveEnabled"] is True
    lb, _ = clb.instance(AddressType="INTERNET", InternetChargeType="PayByTraffic")
    answer = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert (answer["AddressType"], answer["InternetChargeType"]) == ("internet", "paybytraffic")
    clb.call("CreateLoadBalancerTCPListener", LoadBalancerId=lb, ListenerPort=1, BackendServerPort=80, Bandwidth=-1,
             healthCheckInterval=7, scheduler="RR")  # fmt: skip
    shown = clb.attribute("tcp", lb, 1)
    assert (shown["HealthCheckInterval"], shown["Scheduler"]) == (7, "rr")
    alb.fails("InvalidParameter", "CreateServerGroup", ServerGroupName="group", VpcId=VPC, Scheduler="fastest",
              HealthCheckConfig={"HealthCheckEnabled": False})  # fmt: skip

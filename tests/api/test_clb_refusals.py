"""What CLB refuses, and with which code: one row each. Nothing that was refused leaves a trace."""
import pytest

from clb import Clb
from lib import proves


@pytest.fixture(scope="module")
def world(node):
    """Two instances with what rows refer to as @name; nothing is started."""
    clb = Clb(node)
    lb, _ = clb.instance(LoadBalancerName="refusals")
    other, _ = clb.instance()
    one = {"ServerId": "127.0.0.1", "Port": 9001}
    two = {"ServerId": "127.0.0.1", "Port": 9002}
    group, foreign = clb.group(lb, one), clb.group(other, one)
    pair = clb.call(
        "CreateMasterSlaveServerGroup", LoadBalancerId=lb,
        MasterSlaveBackendServers=[{**one, "ServerType": "Master"}, {**two, "ServerType": "Slave"}],
    )["MasterSlaveServerGroupId"]  # fmt: skip
    clb.listener("http", lb, 8000, start=False, VServerGroupId=group)
    clb.listener("tcp", lb, 7000, start=False, MasterSlaveServerGroupId=pair)
    clb.listener("udp", lb, 7000, start=False, BackendServerPort=53)
    clb.call("AddBackendServers", LoadBalancerId=lb, BackendServers=[{"ServerId": "127.0.0.1"}])
    rule = clb.call(
        "CreateRules", LoadBalancerId=lb, ListenerPort=8000,
        RuleList=[{"RuleName": "first", "Domain": "a.example", "Url": "/x", "VServerGroupId": group}],
    )["Rules"]["Rule"][0]["RuleId"]  # fmt: skip
    acl = clb.call("CreateAccessControlList", AclName="office")["AclId"]
    clb.call("AddAccessControlListEntry", AclId=acl, AclEntrys=[{"entry": "10.0.0.0/8", "comment": "inside"}])
    used = clb.call("CreateAccessControlList", AclName="used")["AclId"]
    clb.call(
        "SetLoadBalancerHTTPListenerAttribute", LoadBalancerId=lb, ListenerPort=8000,
        AclStatus="on", AclType="white", AclId=used,
    )  # fmt: skip
    six = clb.call("CreateAccessControlList", AclName="six", AddressIPVersion="ipv6")["AclId"]
    locked, _ = clb.instance(DeleteProtection="on")
    names = {
        "lb": lb, "other": other, "group": group, "foreign": foreign, "pair": pair, "rule": rule, "acl": acl,
        "used": used, "six": six, "locked": locked,
    }  # fmt: skip
    return clb, names


def row(name, code, action, proof=(), message="", **params):
    return pytest.param(code, action, message, params, id=name, marks=proof)


def rule(**fields):
    return {"LoadBalancerId": "@lb", "ListenerPort": 8000, "RuleList": [{"RuleName": "r", "VServerGroupId": "@group", **fields}]}


def servers(*rows):
    return [{"ServerId": "127.0.0.1", **r} for r in rows]


MASTER, SLAVE = {"Port": 1, "ServerType": "Master"}, {"Port": 2, "ServerType": "Slave"}
TCP = {"LoadBalancerId": "@lb", "ListenerPort": 7001, "Bandwidth": -1, "BackendServerPort": 80}
UDP = TCP
HTTP = {"LoadBalancerId": "@lb", "ListenerPort": 8001, "HealthCheck": "off", "BackendServerPort": 80}
HTTPS = {**HTTP, "Bandwidth": -1, "ListenerPort": 8443}
SET_TCP = {"LoadBalancerId": "@lb", "ListenerPort": 7000}
SET_HTTP = {"LoadBalancerId": "@lb", "ListenerPort": 8000}
MISSING = "The specified resource does not exist"
NO_GROUP = "The specified VServerGroupId does not exist"
C_TCP, C_UDP, C_HTTP, C_HTTPS = (f"CreateLoadBalancer{p}Listener" for p in ("TCP", "UDP", "HTTP", "HTTPS"))
S_TCP, S_UDP, S_HTTP = (f"SetLoadBalancer{p}ListenerAttribute" for p in ("TCP", "UDP", "HTTP"))

ROWS = [
    # instances
    row("unknown instance", "InvalidLoadBalancerId.NotFound", "SetLoadBalancerName", LoadBalancerId="lb-none", LoadBalancerName="x"),
    row("name", "InvalidParameter", "CreateLoadBalancer", LoadBalancerName="a b"),
    row("name too long", "InvalidParameter", "CreateLoadBalancer", LoadBalancerName="n" * 81),
    row("intranet without vSwitch", "MissingParam.VSwitchId", "CreateLoadBalancer", AddressType="intranet"),
    row("unknown vSwitch", "InvalidVSwitchId.NotFound", "CreateLoadBalancer", VSwitchId="vsw-none"),
    row("unknown VPC", "InvalidVpcId.NotExist", "CreateLoadBalancer", VSwitchId="vsw-h", VpcId="vpc-none"),
    row("vSwitch of internet instance", "InvalidParameter.Mismatch", "CreateLoadBalancer", AddressType="internet", VSwitchId="vsw-h"),
    row("address out of range", "InvalidParameter", "CreateLoadBalancer", VSwitchId="vsw-h", Address="192.0.2.1"),
    row("unknown zone", "InvalidParameter", "CreateLoadBalancer", MasterZoneId="cn-nowhere"),
    row("same zones", "InvalidParameter", "CreateLoadBalancer", MasterZoneId="cn-hangzhou-h", SlaveZoneId="cn-hangzhou-h"),
    row("ipv6", "RegionOrZonesNotSupportIpv6", "CreateLoadBalancer", AddressIPVersion="ipv6"),
    row("bandwidth missing", "InvalidParameter.Bandwidth", "CreateLoadBalancer", InternetChargeType="paybybandwidth"),
    row("bandwidth", "InvalidParameter", "CreateLoadBalancer", InternetChargeType="paybybandwidth", Bandwidth=5121),
    row("specification", "UnsupportedParameter", "CreateLoadBalancer", LoadBalancerSpec="slb.s2.small"),
    row("reason", "InvalidParam.ModificationProtectionReason", "CreateLoadBalancer",
        ModificationProtectionStatus="ConsoleProtection", ModificationProtectionReason="1st"),
    row("tag key", "InvalidParam.TagKey", "CreateLoadBalancer", Tag=[{"Key": "acs:x", "Value": "1"}]),
    row("status", "InvalidParameter", "SetLoadBalancerStatus", LoadBalancerId="@lb", LoadBalancerStatus="locked"),
    row("deletion protected", "OperationDenied.DeleteProtectionIsOn", "DeleteLoadBalancer", LoadBalancerId="@locked"),
    # listeners: ports
    row("port 0", "InvalidParameter", C_TCP, **{**TCP, "ListenerPort": 0}),
    row("port 65536", "InvalidParameter", C_TCP, **{**TCP, "ListenerPort": 65536}),
    row("port range as text", "InvalidParameter", C_TCP, proof=proves("CLB-26", "CLBL-02"), **{**TCP, "ListenerPort": "80-90"}),
    row("port range", "UnsupportedParameter", C_UDP, proof=proves("CLB-26", "CLBL-02"), StartPort=80, EndPort=90, **UDP),
    row("port taken", "ListenerAlreadyExists", C_TCP, **{**TCP, "ListenerPort": 7000}),
    row("port of another protocol", "InvalidParameter.ListenerPortConflict", C_HTTP, **{**HTTP, "ListenerPort": 7000}),
    *[row(f"UDP {p}", "OperationDenied.SpecialListenerPortNotAllowed", C_UDP, **{**UDP, "ListenerPort": p}) for p in (250, 4789, 4790)],
    row("several of a port", "TooManyListeners", "StopLoadBalancerListener", LoadBalancerId="@lb", ListenerPort=7000),
    row("unknown listener", "InvalidParameter", "StartLoadBalancerListener", message=MISSING, LoadBalancerId="@lb", ListenerPort=9),
    row("unknown listener's attributes", "InvalidParameter", "DescribeLoadBalancerTCPListenerAttribute",
        message=MISSING, LoadBalancerId="@lb", ListenerPort=8000),
    # listeners: groups
    row("no target", "MissingParameter", C_TCP, **{k: v for k, v in TCP.items() if k != "BackendServerPort"}),
    row("no target, HTTP", "MissingParameter", C_HTTP, **{k: v for k, v in HTTP.items() if k != "BackendServerPort"}),
    row("two groups", "Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch", C_TCP, proof=proves("CLBSG-28"),
        VServerGroupId="@group", MasterSlaveServerGroupId="@pair", **TCP),
    row("unknown group, TCP", "ResourceNotFound.VServerGroup", C_TCP, message=NO_GROUP, VServerGroupId="rsp-none", **TCP),
    row("unknown group, HTTP", "InvalidParameter.VServerGroupId", C_HTTP, message=NO_GROUP, VServerGroupId="rsp-none", **HTTP),
    row("group of another instance", "ResourceNotFound.VServerGroup", C_TCP, proof=proves("CLB-35"), VServerGroupId="@foreign", **TCP),
    row("pair for HTTP", "UnsupportedParameter", C_HTTP, proof=proves("CLBSG-15"), MasterSlaveServerGroupId="@pair", **HTTP),
    row("pair as vServer group", "InvalidParameter.VServerGroupId", C_HTTP, proof=proves("CLBSG-15"), VServerGroupId="@pair", **HTTP),
    row("pair unchecked", "OperationDenied.HealthCheckClosedForMasterSlaveMode", C_TCP,
        **{**TCP, "MasterSlaveServerGroupId": "@pair", "HealthCheckSwitch": "off"}),
    row("backend port is fixed", "InvalidParameter", S_UDP, proof=proves("CLBSG-32", "CLBSG-37"), BackendServerPort=54, **SET_TCP),
    row("no way back to the default group", "MissingParameter", S_HTTP, VServerGroup="off", **SET_HTTP),
    row("switch without id", "MissingParam.VServerGroupId", S_HTTP, VServerGroup="on", **SET_HTTP),
    # listeners: settings
    row("bandwidth of listener", "InvalidParameter", C_TCP, **{**TCP, "Bandwidth": 5121}),
    row("bandwidth 0", "InvalidParameter", C_TCP, **{**TCP, "Bandwidth": 0}),
    row("TCP idle 9", "InvalidParameter", C_TCP, proof=proves("CLBL-07"), EstablishedTimeout=9, **TCP),
    row("TCP idle 901", "InvalidParameter", S_TCP, proof=proves("CLBL-07"), EstablishedTimeout=901, **SET_TCP),
    row("HTTP idle 0", "InvalidParameter", C_HTTP, proof=proves("CLBL-08"), IdleTimeout=0, **HTTP),
    row("HTTP idle 61", "InvalidParameter", S_HTTP, proof=proves("CLBL-08"), IdleTimeout=61, **SET_HTTP),
    row("request timeout 0", "InvalidParameter", C_HTTP, proof=proves("CLBL-09"), RequestTimeout=0, **HTTP),
    row("request timeout 181", "InvalidParameter", S_HTTP, proof=proves("CLBL-09"), RequestTimeout=181, **SET_HTTP),
    row("persistence 3601", "InvalidParameter", C_TCP, PersistenceTimeout=3601, **TCP),
    row("drain without time", "MissingParameter", C_TCP, ConnectionDrain="on", **TCP),
    row("scheduler of another protocol", "InvalidParameter", C_HTTP, Scheduler="sch", **HTTP),
    row("qch is UDP's", "InvalidParameter", C_TCP, Scheduler="qch", **TCP),
    row("description", "InvalidParameter", C_TCP, Description="a<b", **TCP),
    row("sticky without type", "MissingParameter", C_HTTP, StickySession="on", **HTTP),
    row("sticky without time", "MissingParameter", C_HTTP, StickySession="on", StickySessionType="insert", **HTTP),
    row("sticky without cookie", "MissingParameter", C_HTTP, StickySession="on", StickySessionType="server", **HTTP),
    row("cookie", "InvalidParameter", C_HTTP, Cookie="$a", **HTTP),
    row("cookie time", "InvalidParameter", C_HTTP, CookieTimeout=86401, **HTTP),
    row("check path", "InvalidParameter", C_HTTP, HealthCheckURI="x", **HTTP),
    row("check path's characters", "InvalidParameter", C_HTTP, HealthCheckURI="/a b", **HTTP),
    row("check host", "InvalidParameter", C_HTTP, HealthCheckDomain="a_b", **HTTP),
    row("check interval", "InvalidParameter", C_HTTP, HealthCheckInterval=51, **HTTP),
    row("check thresholds", "InvalidParameter", C_HTTP, HealthyThreshold=11, **HTTP),
    row("check threshold of UDP", "InvalidParameter", S_UDP, UnhealthyThreshold=1, **SET_TCP),
    row("check codes", "InvalidParameter", C_HTTP, HealthCheckHttpCode="http_2xx,http_9xx", **HTTP),
    row("UDP request", "InvalidParam.HealthCheckReq", C_UDP, healthCheckReq="a-b", **UDP),
    row("UDP answer", "InvalidParam.HealthCheckExp", C_UDP, healthCheckExp="a b", **UDP),
    row("gzip", "UnsupportedParameter", C_HTTP, Gzip="on", **HTTP),
    row("SYN proxy", "UnsupportedParameter", S_TCP, SynProxy="enable", **SET_TCP),
    row("redirect to nothing", "ListenerForwardNotSupport", C_HTTP, ListenerForward="on", ForwardPort=444, **HTTP),
    row("redirect later", "InvalidParameter", S_HTTP, proof=proves("CLBL-35"), ListenerForward="on", **SET_HTTP),
    row("no certificate", "MissingParameter", C_HTTPS, **HTTPS),
    row("unknown certificate", "CertificateNotExist", C_HTTPS, ServerCertificateId="cert-none", **HTTPS),
    # access control
    row("ACL without id", "MissingParameter", C_TCP, AclStatus="on", AclType="white", **TCP),
    row("unknown ACL", "AclNotExist", C_TCP, AclStatus="on", AclType="white", AclId="acl-none", **TCP),
    row("ACL of the other family", "IpVersionConflict", C_TCP, AclStatus="on", AclType="black", AclId="@six", **TCP),
    row("the same ACL twice", "Duplicated.AclEntry", C_TCP, AclStatus="on", AclType="black", AclId="@acl,@acl", **TCP),
    row("too many ACLs", "QuotaLimitExceeds.AclAttachedToListener", C_TCP, AclStatus="on", AclType="black",
        AclId="@acl,@used,@acl,@used", **TCP),
    row("used ACL", "OperationFailed.AclBindedWithVip", "DeleteAccessControlList", AclId="@used"),
    row("no such ACL", "AclNotExist", "DeleteAccessControlList", AclId="acl-none"),
    row("no entries", "AclEntryEmpty", "AddAccessControlListEntry", AclId="@acl"),
    row("entry", "AclEntryIllegal", "AddAccessControlListEntry", AclId="@acl", AclEntrys=[{"entry": "10.0.0.1/8"}]),
    row("entry of the other family", "AclEntryIllegal", "AddAccessControlListEntry", AclId="@acl", AclEntrys=[{"entry": "::1"}]),
    row("51 entries", "InvalidParameter", "AddAccessControlListEntry", AclId="@acl",
        AclEntrys=[{"entry": f"10.1.{n}.0/24"} for n in range(51)]),
    # servers
    row("unknown server", "InvalidServerId.NotExist", "AddBackendServers", LoadBalancerId="@lb", BackendServers=[{"ServerId": "i-none"}]),
    row("server twice", "InvalidBackendServers.ServerIpConflict", "AddBackendServers", LoadBalancerId="@lb", BackendServers=servers({})),
    row("weight", "InvalidParameter", "AddBackendServers", proof=proves("CLBSG-18"), LoadBalancerId="@lb",
        BackendServers=[{"ServerId": "127.0.0.2", "Weight": 101}]),
    row("21 servers", "InvalidParameter", "AddBackendServers", LoadBalancerId="@lb",
        BackendServers=[{"ServerId": f"127.0.1.{n}"} for n in range(21)]),
    row("not a list", "InvalidParameter", "AddBackendServers", LoadBalancerId="@lb", BackendServers="[{'ServerId': 'i-1'}]"),
    row("not in the default group", "InvalidServerId.NotExist", "SetBackendServers", LoadBalancerId="@lb",
        BackendServers=[{"ServerId": "127.0.0.9", "Weight": 1}]),
    row("no port", "InvalidParameter", "CreateVServerGroup", LoadBalancerId="@lb", BackendServers=servers({})),
    row("same port twice", "InvalidBackendServers.ServerIpConflict", "AddVServerGroupBackendServers", VServerGroupId="@group",
        BackendServers=servers({"Port": 9001})),
    row("old server is not there", "InvalidServerId.NotExist", "ModifyVServerGroupBackendServers", VServerGroupId="@group",
        OldBackendServers=servers({"Port": 1}), NewBackendServers=servers({"Port": 2})),
    row("unknown vServer group", "InvalidParameter", "DescribeVServerGroupAttribute", message=NO_GROUP, VServerGroupId="rsp-none"),
    row("used vServer group", "RspoolVipExist", "DeleteVServerGroup", VServerGroupId="@group"),
    row("used pair", "RspoolVipExist", "DeleteMasterSlaveServerGroup", MasterSlaveServerGroupId="@pair"),
    row("unknown pair", "InvalidParameter", "DeleteMasterSlaveServerGroup",
        message="The specified MasterSlaveGroupId does not exist", MasterSlaveServerGroupId="rsp-none"),
    *[
        row(f"pair: {name}", code, "CreateMasterSlaveServerGroup", proof=proves("CLBSG-06"), LoadBalancerId="@lb",
            MasterSlaveBackendServers=given)
        for name, code, given in [
            ("one", "BACKEND_SERVERS_NUM_MUST_BE_TWO", servers(MASTER)),
            ("three", "BACKEND_SERVERS_NUM_MUST_BE_TWO", servers(MASTER, SLAVE, {"Port": 3, "ServerType": "Slave"})),
            ("two masters", "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE", servers(MASTER, {**SLAVE, "ServerType": "Master"})),
            ("same port", "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID", servers(MASTER, {**SLAVE, "Port": 1})),
            ("no port", "BACKEND_SERVER_PORT_CAN_NOT_EMPTY", servers({"ServerType": "Master"}, SLAVE)),
            ("no id", "BACKEND_SERVER_ID_CAN_NOT_EMPTY", [MASTER, SLAVE]),
        ]
    ],
    # members of a pair: there is no operation that changes them
    row("pair grows", "InvalidParameter", "AddVServerGroupBackendServers", proof=proves("CLBSG-34", "CLBSG-41"), VServerGroupId="@pair",
        BackendServers=servers({"Port": 3})),
    row("pair shrinks", "InvalidParameter", "RemoveVServerGroupBackendServers", proof=proves("CLBSG-34", "CLBSG-41"), VServerGroupId="@pair",
        BackendServers=servers({"Port": 9001})),
    row("default group cannot be deleted", "InvalidParameter", "DeleteVServerGroup", proof=proves("CLBSG-32"), VServerGroupId="default"),
    # rules
    row("neither domain nor path", "InvalidParameter", "CreateRules", **rule()),
    row("path", "InvalidParameter", "CreateRules", **rule(Url="x")),
    row("path is a slash", "InvalidParameter", "CreateRules", **rule(Url="/")),
    row("path too long", "InvalidParameter", "CreateRules", **rule(Url="/" + "x" * 80)),
    row("domain", "InvalidParameter", "CreateRules", **rule(Domain="a*.example")),
    row("rule's name", "InvalidParameter", "CreateRules", **rule(RuleName="a b", Url="/y")),
    row("rule's name taken", "InvalidParameter", "CreateRules", **rule(RuleName="first", Url="/y")),
    row("domain and path taken", "DomainExist", "CreateRules", **rule(Domain="A.example", Url="/x")),
    row("rule without group", "MissingParameter", "CreateRules", **rule(Url="/y", VServerGroupId=None)),
    row("rule to a group of another instance", "InvalidParameter", "CreateRules", proof=proves("CLB-35"), message=NO_GROUP,
        **rule(Url="/y", VServerGroupId="@foreign")),
    row("rule to a pair", "InvalidParameter", "CreateRules", message=NO_GROUP, **rule(Url="/y", VServerGroupId="@pair")),
    row("rules of a TCP listener", "OperationFailed.ActionNotSupport", "CreateRules", ListenerProtocol="tcp",
        **{**rule(Url="/y"), "ListenerPort": 7000}),
    row("11 rules", "InvalidParameter", "CreateRules", LoadBalancerId="@lb", ListenerPort=8000,
        RuleList=[{"RuleName": f"r{n}", "Url": f"/{n}", "VServerGroupId": "@group"} for n in range(11)]),
    row("unknown rule", "InvalidRuleId.NotFound", "SetRule", RuleId="rule-none", RuleName="x"),
    row("own settings are missing", "MissingParameter", "SetRule", RuleId="@rule", ListenerSync="off"),
    row("own check is incomplete", "MissingParameter", "SetRule", RuleId="@rule", ListenerSync="off", Scheduler="rr",
        StickySession="off", HealthCheck="on"),
    row("own setting of a rule in sync", "InvalidParameter", "SetRule", RuleId="@rule", Scheduler="rr"),
    row("own setting and sync", "InvalidParameter", "SetRule", RuleId="@rule", ListenerSync="on", Scheduler="rr"),
    # the rest
    row("unknown policy", "InvalidTLSPolicyId.NotExist", "DeleteTLSCipherPolicy", TLSCipherPolicyId="tls-none"),
    row("suite of another version", "TLSPolicyNoSupportCipher", "CreateTLSCipherPolicy", Name="ab", **{
        "TLSVersions.1": "TLSv1.2", "Ciphers.1": "TLS_AES_128_GCM_SHA256"}),
    row("suite twice", "ParamDuplicateError.Ciphers", "CreateTLSCipherPolicy", Name="ab", **{
        "TLSVersions.1": "TLSv1.2", "Ciphers.1": "AES128-SHA", "Ciphers.2": "AES128-SHA"}),
    row("no such certificate", "ServerCertificateId.NotFound", "DeleteServerCertificate", ServerCertificateId="x"),
    row("no such CA", "CACertificateId.NotFound", "DeleteCACertificate", CACertificateId="x"),
    row("bad certificate", "CertificateFormatInvalid", "UploadServerCertificate", ServerCertificate="x", PrivateKey="y"),
    row("no such extension", "InvalidParameter.DomainExtensionId", "DeleteDomainExtension", DomainExtensionId="de-none"),
    row("extension without listener", "InvalidParameter", "CreateDomainExtension", message=MISSING, LoadBalancerId="@lb",
        ListenerPort=443, Domain="a.example", ServerCertificateId="x"),
    row("tag of nothing", "ResourceNotExist", "TagResources", ResourceType="instance", **{
        "ResourceId.1": "lb-none", "Tag.1.Key": "k", "Tag.1.Value": "v"}),
    row("move nothing", "InvalidParameter", "MoveResourceGroup", ResourceType="loadbalancer", ResourceId="lb-none",
        NewResourceGroupId="rg-1"),
    row("missing parameter", "MissingParameter", "SetLoadBalancerName", LoadBalancerId="@lb"),
]  # fmt: skip


def fill(value, names):
    """@name stands for an id."""
    if isinstance(value, str):
        for name in sorted(names, key=len, reverse=True):
            value = value.replace("@" + name, names[name])
        return value
    if isinstance(value, list):
        return [fill(v, names) for v in value]
    if isinstance(value, dict):
        return {k: fill(v, names) for k, v in value.items() if v is not None}
    return value


@pytest.mark.parametrize("code, action, message, params", ROWS)
def test_refuses(world, code, action, message, params):
    clb, names = world

    error = clb.fails(code, action, **fill(params, names))

    assert message in error.message
    assert error.status == (404 if code == "ResourceNotFound.Listener" or code.endswith("NotFound") and "VSwitch" not in code else 400)


@proves("CLBL-10")
def test_defaults_of_a_listener_are_those_of_the_product(world):
    clb, names = world
    lb = names["lb"]

    clb.listener("tcp", lb, 7500, start=False, BackendServerPort=80)
    clb.listener("http", lb, 7501, start=False, BackendServerPort=80, HealthCheck="on")
    tcp = clb.attribute("tcp", lb, 7500)
    http = clb.attribute("http", lb, 7501)

    assert (tcp["EstablishedTimeout"], tcp["PersistenceTimeout"], tcp["Scheduler"]) == (900, 0, "wrr")
    assert (tcp["HealthCheck"], tcp["HealthCheckInterval"], tcp["HealthCheckConnectTimeout"]) == ("on", 2, 5)
    assert (http["IdleTimeout"], http["RequestTimeout"], http["Scheduler"]) == (15, 60, "wrr")
    assert (http["HealthyThreshold"], http["UnhealthyThreshold"], http["HealthCheckTimeout"]) == (3, 3, 5)
    assert (http["XForwardedFor"], http["StickySession"], http["Gzip"]) == ("on", "off", "off")


def test_what_was_refused_left_no_trace(world):
    clb, names = world
    ports = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=names["lb"])["ListenerPorts"]["ListenerPort"]
    rules = clb.call("DescribeRules", LoadBalancerId=names["lb"], ListenerPort=8000)["Rules"]["Rule"]

    assert set(ports) - {7500, 7501} == {8000, 7000}  # without those of the test of defaults
    assert [(r["RuleName"], r["Domain"], r["Url"]) for r in rules] == [("first", "a.example", "/x")]


def test_listeners_and_rules_are_bounded(node):
    clb = Clb(node)
    lb, _ = clb.instance()
    group = clb.group(lb)
    for port in range(1000, 1050):
        clb.listener("http", lb, port, start=False, VServerGroupId=group)
    clb.fails("QuotaLimitExceeds.Listener", "CreateLoadBalancerHTTPListener", LoadBalancerId=lb, ListenerPort=1050,
              HealthCheck="off", VServerGroupId=group)  # fmt: skip
    for first in range(0, 40, 10):
        rules = [{"RuleName": f"r{n}", "Url": f"/{n}", "VServerGroupId": group} for n in range(first, first + 10)]
        clb.call("CreateRules", LoadBalancerId=lb, ListenerPort=1000, RuleList=rules)
    one_more = [{"RuleName": "r40", "Url": "/40", "VServerGroupId": group}]
    clb.fails("QuotaLimitExceeds.Rule", "CreateRules", LoadBalancerId=lb, ListenerPort=1000, RuleList=one_more)
    for first in range(0, 200, 20):
        servers = [{"ServerId": f"127.0.2.{n}", "Port": 80} for n in range(first, first + 20)]
        clb.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=servers)
    one_more = [{"ServerId": "127.0.2.200"}]
    clb.fails("QuotaLimitExceeds.BackendServers", "AddBackendServers", LoadBalancerId=lb, BackendServers=one_more)

"""What ALB refuses, and with which code: rows of cases. Nothing that was refused leaves a trace."""
import ipaddress

import pytest

import lib
from alb import BILLING, ZONE_MAPPINGS, action, fixed, forward, on, ordered
from lib import proves


@pytest.fixture(scope="module")
def ids(alb):
    """What cases name: {lb}, {listener}, {basic} ... stand for these."""
    found = {"lb": alb.new(), "basic": alb.new(LoadBalancerEdition="Basic")}
    found["group"] = alb.group()
    found["slow"] = alb.group(SlowStartConfig={"SlowStartEnabled": True})
    found["drain"] = alb.group(ConnectionDrainConfig={"ConnectionDrainEnabled": True})
    https = {"ServerGroupName": "https", "VpcId": lib.VPC, "Protocol": "HTTPS", "HealthCheckConfig": {"HealthCheckEnabled": False}}
    found["https"] = alb.call("CreateServerGroup", **https)["ServerGroupId"]  # its job may fail: not served yet
    found["listener"] = alb.listener(found["lb"], found["group"], 80)
    found["basic_listener"] = alb.listener(found["basic"], found["group"], 80)
    alb.rule(found["listener"], 7, [on("Path", "/seven")], fixed())
    return found


def fill(value, ids):
    """value with {name} in its texts replaced; ${host} and its like stay."""
    if isinstance(value, dict):
        return {k: fill(v, ids) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, ids) for v in value]
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return ids[value[1:-1]]
    return value


def zones(*pairs, **fields):
    return [{"ZoneId": lib.ZONES[z], "VSwitchId": v, **fields} for z, v in pairs]


H, I, J = lib.VSWITCHES

INSTANCES = [
    ("InvalidParameter.ZoneMappings", {"ZoneMappings": ZONE_MAPPINGS[:1]}),
    ("DuplicatedParam.ZoneId", {"ZoneMappings": zones((0, H), (0, H))}),
    ("Mismatch.ZoneIdAndVSwitchId", {"ZoneMappings": zones((0, I), (1, H))}),
    ("ResourceNotFound.VSwitch", {"ZoneMappings": zones((0, "vsw-none"), (1, I))}),
    ("ResourceNotFound.Vpc", {"VpcId": "vpc-none"}),
    ("InvalidParameter.IntranetAddress", {"ZoneMappings": zones((0, H), (1, I), IntranetAddress="10.0.0.1")}),
    ("InvalidParameter.AllocationId", {"ZoneMappings": zones((0, H), (1, I), AllocationId="eip-1")}),
    ("ResourceNotFound.Eip", {"AddressType": "Internet", "ZoneMappings": [
        {**ZONE_MAPPINGS[0], "AllocationId": "eip-none"}, ZONE_MAPPINGS[1]]}),
    ("UnsupportedParameter", {"AddressType": "Internet", "ZoneMappings": zones((0, H), (1, I), EipType="Anycast")}),
    ("InvalidParameter.LoadBalancerName", {"LoadBalancerName": "1st"}),
    ("InvalidParameter", {"LoadBalancerName": "x"}),
    ("OperationDenied.VSwitchNotSupportIpv6", {"AddressIpVersion": "DualStack"}),
    ("UnsupportedParameter", {"LoadBalancerEdition": "StandardWithWaf"}),
    ("InvalidParameter", {"AddressType": "Public"}),
    ("InvalidParameter.ModificationProtectionConfig.Reason", {"ModificationProtectionConfig": {"Reason": "because"}}),
    ("ResourceNotFound.SecurityGroup", {"SecurityGroupIds": [{"SecurityGroupId": "sg-none"}]}),
    ("MissingParameter", {"VpcId": None}),
]  # fmt: skip


@proves("ALBI-03", "ALBI-16", "ALBI-17", "ALBI-20")
@pytest.mark.parametrize("code,params", INSTANCES)
def test_instance_is_refused(alb, ids, code, params):
    given = {"AddressType": "Intranet", "LoadBalancerEdition": "Standard", "VpcId": lib.VPC,
             "LoadBalancerBillingConfig": BILLING, "ZoneMappings": ZONE_MAPPINGS}  # fmt: skip
    before = alb.call("ListLoadBalancers", MaxResults=100)["TotalCount"]
    error = alb.fails(code, "CreateLoadBalancer", **{**given, **params})
    assert error.status == (404 if "NotFound" in code else 400)
    assert alb.call("ListLoadBalancers", MaxResults=100)["TotalCount"] == before


LISTENERS = [
    ("ResourceAlreadyExist.Listener", {"ListenerPort": 80}),
    ("ResourceAlreadyExist.Listener", {"ListenerPort": 80, "ListenerProtocol": "HTTPS"}),
    ("ResourceNotFound.LoadBalancer", {"LoadBalancerId": "alb-none"}),
    ("ResourceNotFound.ServerGroup", {"DefaultActions": [forward("sgp-none")]}),
    ("InvalidParameter", {"ListenerPort": 0}),
    ("InvalidParameter", {"ListenerPort": 65536}),
    ("InvalidParameter", {"ListenerProtocol": "TCP"}),
    ("InvalidParameter", {"IdleTimeout": 601}),
    ("InvalidParameter", {"RequestTimeout": 0}),
    ("InvalidParameter", {"DefaultActions": [{**forward("{group}"), "Type": "Redirect"}]}),
    ("InvalidParameter", {"DefaultActions": [forward("{group}"), forward("{group}")]}),
    ("InvalidParameter", {"DefaultActions": [forward("{group}", "{https}")]}),
    ("UnsupportedParameter", {"GzipEnabled": True}),
    ("MissingParameter", {"ListenerProtocol": "HTTPS"}),
    ("MissingParameter", {"ListenerProtocol": "QUIC"}),
    ("ResourceNotFound.Certificate", {"ListenerProtocol": "HTTPS", "Certificates": [{"CertificateId": "cert-none"}]}),
    ("InvalidParameter", {"Certificates": [{"CertificateId": "cert-none"}]}),
    ("InvalidParameter", {"SecurityPolicyId": "tls_cipher_policy_1_2"}),
    ("InvalidParameter", {"Http2Enabled": True}),
    ("InvalidParameter", {"CaEnabled": True}),
    ("InvalidParameter", {"QuicConfig": {"QuicUpgradeEnabled": True}}),
    ("InvalidParameter", {"XForwardedForConfig": {"XForwardedForClientCertSubjectDNEnabled": True}}),
    ("InvalidParameter", {"XForwardedForConfig": {"XForwardedForClientCertSubjectDNAlias": "x"}}),
    ("InvalidParameter", {"XForwardedForConfig": {"XForwardedForProcessingMode": "replace"}}),
    ("MissingParameter", {"XForwardedForConfig": {"XForwardedForClientSourceIpsEnabled": True}}),
    ("InvalidParameter", {"XForwardedForConfig": {"XForwardedForClientSourceIpsEnabled": True,
                                                  "XForwardedForClientSourceIpsTrusted": "everyone"}}),
    ("UnsupportedFeature.ClientSourceIps", {"LoadBalancerId": "{basic}", "XForwardedForConfig": {
        "XForwardedForClientSourceIpsEnabled": True, "XForwardedForClientSourceIpsTrusted": "10.0.0.0/8;127.0.0.1"}}),
    ("Mismatch.LoadBalancerEditionAndSlowStartEnable", {"LoadBalancerId": "{basic}", "DefaultActions": [forward("{slow}")]}),
    ("Mismatch.LoadBalancerEditionAndConnectionDrain", {"LoadBalancerId": "{basic}", "DefaultActions": [forward("{drain}")]}),
    ("OperationDenied.ServerGroupProtocolNotSupport", {"LoadBalancerId": "{basic}", "DefaultActions": [forward("{https}")]}),
]  # fmt: skip


@proves("ALBL-11", "ALBL-12")
@pytest.mark.parametrize("code,params", LISTENERS)
def test_listener_is_refused(alb, ids, code, params):
    given = {"LoadBalancerId": "{lb}", "ListenerPort": 81, "ListenerProtocol": "HTTP", "DefaultActions": [forward("{group}")]}
    alb.fails(code, "CreateListener", **fill({**given, **params}, ids))
    assert alb.call("ListListeners", LoadBalancerIds=[ids["lb"]])["TotalCount"] == 1


GROUPS = [
    ("ResourceNotFound.Vpc", {"VpcId": "vpc-none"}),
    ("MissingParameter", {"VpcId": None}),
    ("MissingParameter", {"HealthCheckConfig": None}),
    ("InvalidParameter.ServerGroupName", {"ServerGroupName": "-x"}),
    ("UnsupportedParameter", {"ServerGroupType": "Fc"}),
    ("OperationDenied.VpcNotSupportIpv6", {"Ipv6Enabled": True}),
    ("InvalidParameter", {"Protocol": "TCP"}),
    ("MissingParameter", {"Scheduler": "Uch"}),
    ("InvalidParameter", {"Scheduler": "Uch", "UchConfig": {"Type": "Header", "Value": "x"}}),
    ("InvalidParameter", {"UchConfig": {"Type": "QueryString", "Value": "x"}}),
    ("Mismatch.ServerGroupSchedulerAndSlowStartEnable", {"Scheduler": "Wlc", "SlowStartConfig": {"SlowStartEnabled": True}}),
    ("InvalidParameter", {"SlowStartConfig": {"SlowStartEnabled": True, "SlowStartDuration": 29}}),
    ("InvalidParameter", {"ConnectionDrainConfig": {"ConnectionDrainEnabled": True, "ConnectionDrainTimeout": 901}}),
    ("MissingParameter", {"StickySessionConfig": {"StickySessionEnabled": True, "StickySessionType": "Server"}}),
    ("InvalidParameter", {"StickySessionConfig": {"StickySessionEnabled": True, "StickySessionType": "Server", "Cookie": "$a"}}),
    ("InvalidParameter", {"StickySessionConfig": {"StickySessionEnabled": True, "Cookie": "a"}}),
    ("InvalidParameter", {"StickySessionConfig": {"StickySessionEnabled": True, "StickySessionType": "Server", "Cookie": "a",
                                                  "CookieTimeout": 5}}),
    ("InvalidParameter", {"StickySessionConfig": {"StickySessionEnabled": True}, "CrossZoneEnabled": False}),
    ("InvalidParameter", {"HealthCheckConfig": {"HealthCheckEnabled": True, "HealthCheckPath": "check"}}),
    ("InvalidParameter", {"HealthCheckConfig": {"HealthCheckEnabled": True, "HealthCheckHost": "localhost"}}),
    ("InvalidParameter", {"HealthCheckConfig": {"HealthCheckEnabled": True, "HealthCheckCodes": ["http_1xx"]}}),
    ("InvalidParameter", {"HealthCheckConfig": {"HealthCheckEnabled": True, "HealthCheckMethod": "POST"}}),
    ("InvalidParameter", {"HealthCheckConfig": {"HealthCheckEnabled": True, "HealthyThreshold": 1}}),
    ("InvalidParameter", {"HealthCheckConfig": {"HealthCheckEnabled": True, "HealthCheckProtocol": "gRPC", "HealthCheckCodes": ["100"]}}),
]  # fmt: skip


@pytest.mark.parametrize("code,params", GROUPS)
def test_group_is_refused(alb, ids, code, params):
    given = {"ServerGroupName": "group", "VpcId": lib.VPC, "Protocol": "HTTP", "HealthCheckConfig": {"HealthCheckEnabled": False}}
    alb.fails(code, "CreateServerGroup", **{**given, **params})


PATH = [on("Path", "/x")]
RULES = [
    ("Conflict.Priority", {"Priority": 7}),
    ("InvalidParameter", {"Priority": 0}),
    ("InvalidParameter", {"Priority": 10001}),
    ("ResourceNotFound.Listener", {"ListenerId": "lsn-none"}),
    ("ResourceNotFound.ServerGroup", {"RuleActions": ordered([forward("sgp-none")])}),
    ("MissingParameter", {"RuleActions": ordered([forward("{group}", "{https}")])}),
    ("OperationDenied.RewriteMissingForwardGroup", {"RuleActions": ordered([action("Rewrite", Path="/y"), fixed()])}),
    ("IllegalParam.Order", {"RuleActions": ordered([fixed(), action("InsertHeader", Key="a", Value="b", ValueType="UserDefined")])}),
    ("QuotaExceeded.RuleMatchEvaluationsNum", {"RuleConditions": [on("Path", *[f"/{i}" for i in range(11)])]}),
    ("QuotaExceeded.RuleMatchEvaluationsNum", {"ListenerId": "{basic_listener}", "RuleConditions": [on("Path", *[f"/{i}" for i in range(6)])]}),
    ("UnsupportedFeature.Method", {"ListenerId": "{basic_listener}", "RuleConditions": [on("Method", "GET")]}),
    ("UnsupportedFeature.FixedResponse", {"ListenerId": "{basic_listener}"}),
    ("UnsupportedFeature.Redirect", {"ListenerId": "{basic_listener}", "RuleActions": ordered([action("Redirect", Protocol="HTTPS")])}),
    ("UnsupportedFeature.ResponseRule", {"ListenerId": "{basic_listener}", "Direction": "Response"}),
    ("InvalidParameter.RuleName", {"RuleName": "1x"}),
]  # fmt: skip


@pytest.mark.parametrize("code,params", RULES)
def test_rule_is_refused(alb, ids, code, params):
    given = {"ListenerId": "{listener}", "Priority": 100, "RuleName": "rule", "RuleConditions": PATH, "RuleActions": ordered([fixed()])}
    alb.fails(code, "CreateRule", **fill({**given, **params}, ids))
    assert alb.call("ListRules", ListenerIds=[ids["listener"]])["TotalCount"] == 1


@proves("ALBI-05", "ALBI-06", "ALBI-07")
def test_vswitch_has_room_for_growth_or_is_refused(alb):
    network = {"RegionId": lib.REGION, "VpcId": lib.VPC}
    prefix = alb.node.prefix
    call, fails = alb.node.call, alb.node.fails
    fails("InvalidCidrBlock.Malformed", "Vpc", "CreateVSwitch", **network, ZoneId=lib.ZONES[0], CidrBlock=f"{prefix}.64.0/29")
    small = call("Vpc", "CreateVSwitch", **network, ZoneId=lib.ZONES[0], CidrBlock=f"{prefix}.64.0/28")["VSwitchId"]
    given = [{"ZoneId": lib.ZONES[0], "VSwitchId": small}, ZONE_MAPPINGS[1]]
    for reserved in ("0", "13", "14", "15"):
        wanted = [{**given[0], "IntranetAddress": f"{prefix}.64.{reserved}"}, given[1]]
        alb.fails("InvalidParameter.IntranetAddress", "CreateLoadBalancer", AddressType="Intranet", LoadBalancerEdition="Basic",
                  VpcId=lib.VPC, LoadBalancerBillingConfig=BILLING, ZoneMappings=wanted)  # fmt: skip
    alb.new(ZoneMappings=given)
    alb.new(ZoneMappings=given)
    error = alb.fails("ResourceNotEnough.VSwitchIp", "CreateLoadBalancer", AddressType="Intranet", LoadBalancerEdition="Basic",
                      VpcId=lib.VPC, LoadBalancerBillingConfig=BILLING, ZoneMappings=given)  # fmt: skip
    assert small in error.message


def test_access_lists_per_listener(alb, ids):
    # Jobs are not waited for: the data plane may lack access lists.
    acl = alb.call("CreateAcl", AclName="office")["AclId"]
    alb.call("AddEntriesToAcl", AclId=acl, AclEntries=[{"Entry": "10.0.0.0/8", "Description": "inside"}, {"Entry": "127.0.0.1"}])
    shown = alb.call("ListAclEntries", AclId=acl)["AclEntries"]
    assert [(e["Entry"], e.get("Description")) for e in shown] == [("10.0.0.0/8", "inside"), ("127.0.0.1/32", None)]
    alb.fails("ResourceAlreadyExist.AclEntry", "AddEntriesToAcl", AclId=acl, AclEntries=[{"Entry": "10.1.0.0/16"}, {"Entry": "10.0.0.0/8"}])
    assert alb.call("ListAclEntries", AclId=acl)["TotalCount"] == 2
    for entry in ("0.0.0.0/0", "10.0.0.1/8", "::/0", "office"):
        alb.fails("InvalidParameter", "AddEntriesToAcl", AclId=acl, AclEntries=[{"Entry": entry}])
    alb.fails("ResourceNotFound.AclEntry", "RemoveEntriesFromAcl", AclId=acl, Entries=["10.2.0.0/16"])

    listener = ids["listener"]
    alb.fails("ResourceNotFound.Acl", "AssociateAclsWithListener", ListenerId=listener, AclIds=["acl-none"], AclType="White")
    alb.call("AssociateAclsWithListener", ListenerId=listener, AclIds=[acl], AclType="White")
    config = alb.call("GetListenerAttribute", ListenerId=listener)["AclConfig"]
    assert config == {"AclType": "White", "AclRelations": [{"AclId": acl, "Status": "Associated"}]}
    alb.fails("Conflict.Acl", "AssociateAclsWithListener", ListenerId=listener, AclIds=[acl], AclType="Black")
    alb.fails("ResourceInUse.Acl", "DeleteAcl", AclId=acl)
    (relation,) = alb.call("ListAclRelations", AclIds=[acl])["AclRelations"]
    assert [r["ListenerId"] for r in relation["RelatedListeners"]] == [listener]
    alb.call("DissociateAclsFromListener", ListenerId=listener, AclIds=[acl])
    alb.fails("ResourceNotAssociated.Acl", "DissociateAclsFromListener", ListenerId=listener, AclIds=[acl])
    assert "AclConfig" not in alb.call("GetListenerAttribute", ListenerId=listener)
    alb.call("DeleteAcl", AclId=acl)


def test_own_tls_policies(alb):
    policy = alb.call("CreateSecurityPolicy", SecurityPolicyName="strict", TLSVersions=["TLSv1.2"],
                      Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"])["SecurityPolicyId"]  # fmt: skip
    for versions, ciphers in [(["TLSv1.2"], ["TLS_AES_128_GCM_SHA256"]), (["TLSv1.2"], ["RC4-SHA"]),
                              (["TLSv1.2", "TLSv1.3"], ["ECDHE-RSA-AES128-GCM-SHA256"]),
                              (["TLSv1.2"], ["AES128-SHA", "AES128-SHA"])]:  # fmt: skip
        alb.fails("InvalidParameter", "UpdateSecurityPolicyAttribute", SecurityPolicyId=policy, TLSVersions=versions, Ciphers=ciphers)
    alb.call("UpdateSecurityPolicyAttribute", SecurityPolicyId=policy, TLSVersions=["TLSv1.3"], Ciphers=["TLS_AES_128_GCM_SHA256"])
    (shown,) = alb.call("ListSecurityPolicies", SecurityPolicyIds=[policy])["SecurityPolicies"]
    assert (shown["TLSVersions"], shown["Ciphers"]) == (["TLSv1.3"], ["TLS_AES_128_GCM_SHA256"])
    names = [p["SecurityPolicyId"] for p in alb.call("ListSystemSecurityPolicies")["SecurityPolicies"]]
    assert len(names) == 5 and "tls_cipher_policy_1_2_strict_with_1_3" in names
    assert alb.call("ListSecurityPolicyRelations", SecurityPolicyIds=[policy])["SecrityPolicyRelations"][0]["RelatedListeners"] == []
    alb.call("DeleteSecurityPolicy", SecurityPolicyId=policy)
    alb.fails("ResourceNotFound.SecurityPolicy", "DeleteSecurityPolicy", SecurityPolicyId=policy)


def test_health_check_templates_are_copied_into_groups(alb):
    template = alb.call("CreateHealthCheckTemplate", HealthCheckTemplateName="quick", HealthCheckInterval=1,
                        HealthCheckPath="/check")["HealthCheckTemplateId"]  # fmt: skip
    group = alb.group()
    alb.do("ApplyHealthCheckTemplateToServerGroup", HealthCheckTemplateId=template, ServerGroupId=group)
    check = alb.group_attributes(group)["HealthCheckConfig"]
    assert (check["HealthCheckEnabled"], check["HealthCheckInterval"], check["HealthCheckPath"]) == (True, 1, "/check")
    alb.call("UpdateHealthCheckTemplateAttribute", HealthCheckTemplateId=template, HealthCheckInterval=9)
    shown = alb.call("GetHealthCheckTemplateAttribute", HealthCheckTemplateId=template)
    assert (shown["HealthCheckInterval"], shown["HealthCheckPath"], shown["HealthCheckMethod"]) == (9, "/check", "HEAD")
    assert alb.group_attributes(group)["HealthCheckConfig"]["HealthCheckInterval"] == 1
    alb.call("DeleteHealthCheckTemplates", HealthCheckTemplateIds=[template])
    alb.fails("ResourceNotFound.HealthCheckTemplate", "GetHealthCheckTemplateAttribute", HealthCheckTemplateId=template)


def test_editions_go_up_only(alb):
    lb = alb.new(LoadBalancerEdition="Basic")
    alb.fails("OperationDenied.EditionNotChanged", "UpdateLoadBalancerEdition", LoadBalancerId=lb, LoadBalancerEdition="Basic")
    alb.call("UpdateLoadBalancerEdition", LoadBalancerId=lb, LoadBalancerEdition="Standard")
    alb.fails("OperationDenied.Downgrade", "UpdateLoadBalancerEdition", LoadBalancerId=lb, LoadBalancerEdition="Basic")


@proves("ALBI-22", "ALBI-24")
def test_ipv4_instance_has_no_ipv6_and_gets_none(alb):
    mine = alb.instance(AddressType="Internet")
    lb = mine["LoadBalancerId"]
    assert mine["AddressIpVersion"] == "IPv4"
    for address in [m["LoadBalancerAddresses"][0] for m in mine["ZoneMappings"]]:
        assert not any("Ipv6" in member for member in address)
        assert all(ipaddress.IPv4Address(address[m]) for m in ("Address", "IntranetAddress"))
    alb.fails("OperationDenied.NonDualStackInstance", "EnableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    alb.fails("OperationDenied.NonDualStackInstance", "DisableLoadBalancerIpv6Internet", LoadBalancerId=lb)
    alb.call("UpdateLoadBalancerAttribute", LoadBalancerId=lb, AddressIpVersion="DualStack")  # no parameter of it
    assert alb.attributes(lb)["AddressIpVersion"] == "IPv4"


def test_regions_and_zones_are_the_nodes(alb):
    assert [r["RegionId"] for r in alb.call("DescribeRegions")["Regions"]] == [lib.REGION]
    assert [z["ZoneId"] for z in alb.call("DescribeZones")["Zones"]] == list(lib.ZONES)


def test_security_groups_are_joined_and_left(alb):
    lb = alb.new()
    call = alb.node.call
    groups = [call("Ecs", "CreateSecurityGroup", RegionId=lib.REGION, VpcId=lib.VPC)["SecurityGroupId"] for _ in range(5)]
    # Jobs are not waited for: the data plane may lack security groups.
    alb.call("LoadBalancerJoinSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=groups[:2])
    assert alb.attributes(lb)["SecurityGroupIds"] == groups[:2]
    joined = {"ResourceAlreadyAssociated.SecurityGroup": groups[:1], "ResourceNotFound.SecurityGroup": ["sg-none"],
              "ResourceQuotaExceeded.SecurityGroupNum": groups[2:]}  # fmt: skip
    for code, ids in joined.items():
        alb.fails(code, "LoadBalancerJoinSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=ids)
    alb.fails("ResourceNotAssociated.SecurityGroup", "LoadBalancerLeaveSecurityGroup", LoadBalancerId=lb,
              SecurityGroupIds=groups[1:3])  # fmt: skip
    alb.call("LoadBalancerLeaveSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=groups[:2])
    assert alb.attributes(lb).get("SecurityGroupIds", []) == []


def test_log_settings_of_listeners_need_the_access_log(alb):
    lb = alb.new()
    listener = alb.listener(lb, alb.group())
    given = {"ListenerId": listener, "AccessLogTracingConfig": {"TracingEnabled": True, "TracingSample": 5}}
    alb.fails("OperationDenied.AccessLogDisabled", "UpdateListenerLogConfig", **given)
    alb.call("EnableLoadBalancerAccessLog", LoadBalancerId=lb, LogProject="p", LogStore="s")
    alb.fails("InvalidParameter", "UpdateListenerLogConfig", ListenerId=listener,
              AccessLogTracingConfig={"TracingEnabled": False, "TracingSample": 5})  # fmt: skip
    alb.call("UpdateListenerLogConfig", **given)
    assert alb.call("GetListenerAttribute", ListenerId=listener)["LogConfig"] == {
        "AccessLogRecordCustomizedHeadersEnabled": False,
        "AccessLogTracingConfig": {"TracingEnabled": True, "TracingSample": 5, "TracingType": "Zipkin"}}  # fmt: skip


def test_lists_are_filtered_and_dry_runs_leave_nothing(alb, ids):
    listeners = alb.call("ListListeners", LoadBalancerIds=[ids["lb"], ids["basic"]])["Listeners"]
    assert {x["ListenerId"] for x in listeners} == {ids["listener"], ids["basic_listener"]}
    assert alb.call("ListListeners", LoadBalancerIds=[ids["lb"]], ListenerProtocol="QUIC")["TotalCount"] == 0
    groups = alb.call("ListServerGroups", ServerGroupNames=["https"])["ServerGroups"]
    assert [g["Protocol"] for g in groups] == ["HTTPS"]
    alb.fails("DryRunOperation", "DeleteServerGroup", ServerGroupId=ids["https"], DryRun=True)
    alb.fails("ResourceInUse.ServerGroup", "DeleteServerGroup", ServerGroupId=ids["group"], DryRun=True)
    assert alb.call("ListServerGroups", ServerGroupNames=["https"])["TotalCount"] == 1

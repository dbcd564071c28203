"""What NLB refuses, with which code: each row is a call on a prepared instance and group."""
import pytest

import lib
import nlb as words
from lib import proves
from nlb import server


class Place:
    """An address that is nobody's business to serve."""

    ip = lib.HOST
    port = 9


@pytest.fixture(scope="module")
def ids(nlb):
    """Names that rows may use as values: {lb}, {tcp}, {udp}, {both}, {any}, {lsn}."""
    lb = nlb.instance()["LoadBalancerId"]
    off = {"HealthCheckEnabled": False}
    made = {
        "lb": lb,
        "tcp": nlb.group(Place),
        "udp": nlb.group(Protocol="UDP"),
        "both": nlb.group(Protocol="TCP_UDP"),
    }
    # the data plane may refuse it: the control plane keeps it and its rules
    made["any"] = nlb.call("CreateServerGroup", **GROUP, AnyPortEnabled=True, HealthCheckConfig=off)["ServerGroupId"]
    made["lsn"] = nlb.listener(lb, made["tcp"], port=80)
    made["lsn_udp"] = nlb.listener(lb, made["udp"], "UDP", 80)
    return made


def filled(value, ids):
    if isinstance(value, dict):
        return {k: filled(v, ids) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v, ids) for v in value]
    return value.format(**ids) if isinstance(value, str) and value.startswith("{") and not value.startswith('{"') else value


LISTENER = {"LoadBalancerId": "{lb}", "ListenerProtocol": "TCP", "ListenerPort": 81, "ServerGroupId": "{tcp}"}
LISTENERS = [
    ("no such instance", {"LoadBalancerId": "nlb-0"}, "ResourceNotFound.loadBalancer"),
    ("no such group", {"ServerGroupId": "sgp-0"}, "ResourceNotFound.serverGroup"),
    ("port in use", {"ListenerPort": 80}, "Conflict.Port"),
    ("TCPSSL on a port of TCP", {"ListenerProtocol": "TCPSSL", "ListenerPort": 80}, "Conflict.Port"),
    ("UDP on a port of UDP", {"ListenerProtocol": "UDP", "ListenerPort": 80, "ServerGroupId": "{udp}"}, "Conflict.Port"),
    ("port beyond 65535", {"ListenerPort": 65536}, "InvalidParameter"),
    ("no such protocol", {"ListenerProtocol": "HTTP"}, "InvalidParameter"),
    ("TCP to a UDP group", {"ServerGroupId": "{udp}"}, "Mismatch.Protocol"),
    ("UDP to a TCP group", {"ListenerProtocol": "UDP"}, "Mismatch.Protocol"),
    ("TCPSSL to a group of both", {"ListenerProtocol": "TCPSSL", "ServerGroupId": "{both}"}, "Mismatch.Protocol"),
    ("any-port group, one port", {"ServerGroupId": "{any}"},
     "IllegalParam.NonAnyPortListenerConflictWithAnyPortServerGroup"),
    ("range, plain group", {"ListenerPort": 0, "StartPort": 1000, "EndPort": 2000},
     "IllegalParam.AnyPortListenerConflictWithNonAnyPortServerGroup"),
    ("range without start", {"ListenerPort": 0, "EndPort": 2000, "ServerGroupId": "{any}"}, "MissingParam.StartPort"),
    ("range without end", {"ListenerPort": 0, "StartPort": 2000, "ServerGroupId": "{any}"}, "MissingParam.EndPort"),
    ("range of one", {"ListenerPort": 0, "StartPort": 9, "EndPort": 9, "ServerGroupId": "{any}"}, "IllegalParam.Port"),
    ("range over a port in use", {"ListenerPort": 0, "StartPort": 70, "EndPort": 90, "ServerGroupId": "{any}"},
     "Conflict.Port"),
    ("start of no range", {"StartPort": 1000}, "IllegalParam.Port"),
    ("TCP idle over 900", {"IdleTimeout": 901}, "IllegalParam.IdleTimeout"),
    ("idle under 10", {"IdleTimeout": 9}, "InvalidParameter"),
    ("UDP idle over 90", {"ListenerProtocol": "UDP", "ServerGroupId": "{udp}", "IdleTimeout": 91},
     "IllegalParam.IdleTimeout"),
    ("too many connections per second", {"Cps": 1000001}, "InvalidParameter"),
    ("Mss of UDP", {"ListenerProtocol": "UDP", "ServerGroupId": "{udp}", "Mss": 1400},
     "IllegalParam.MssConflictWithUdpAndGeneve"),
    ("certificate of TCP", {"CertificateIds": ["c-1"]}, "IllegalParam"),
    ("policy of TCP", {"SecurityPolicyId": "tls_cipher_policy_1_2"}, "IllegalParam"),
    ("TCPSSL without certificate", {"ListenerProtocol": "TCPSSL"}, "MissingParam.Certificate"),
    ("no such certificate", {"ListenerProtocol": "TCPSSL", "CertificateIds": ["c-1"]}, "ResourceNotFound.Certificate"),
    ("two certificates", {"ListenerProtocol": "TCPSSL", "CertificateIds": ["c-1", "c-2"]},
     "IllegalParamSize.certificateIds"),
    ("ALPN without policy", {"ListenerProtocol": "TCPSSL", "AlpnEnabled": True}, "MissingParam.AlpnPolicy"),
    ("monitoring by the second", {"SecSensorEnabled": True}, "UnsupportedParameter"),
    ("description too short", {"ListenerDescription": "x"}, "InvalidParameter"),
]  # fmt: skip


@proves("NLBI-37")
@pytest.mark.parametrize("name,changes,code", LISTENERS, ids=[r[0] for r in LISTENERS])
def test_listener_is_refused(nlb, ids, name, changes, code):
    nlb.fails(code, "CreateListener", **filled({**LISTENER, **changes}, ids))


CHANGES = [
    ("TCP idle over 900", "{lsn}", {"IdleTimeout": 901}, "IllegalParam.IdleTimeout"),
    ("UDP idle over 90", "{lsn_udp}", {"IdleTimeout": 100}, "IllegalParam.IdleTimeout"),
    ("to a UDP group", "{lsn}", {"ServerGroupId": "{udp}"}, "Mismatch.Protocol"),
    ("to no group", "{lsn}", {"ServerGroupId": "sgp-0"}, "ResourceNotFound.serverGroup"),
    ("CA of TCP", "{lsn}", {"CaEnabled": True}, "IllegalParam"),
    ("no such listener", "lsn-0", {"Mss": 1400}, "ResourceNotFound.listener"),
]  # fmt: skip


@pytest.mark.parametrize("name,listener,changes,code", CHANGES, ids=[r[0] for r in CHANGES])
def test_change_of_a_listener_is_refused(nlb, ids, name, listener, changes, code):
    nlb.fails(code, "UpdateListenerAttribute", ListenerId=filled(listener, ids), **filled(changes, ids))


GROUP = {"ServerGroupName": "group", "VpcId": lib.VPC, "ServerGroupType": "Ip"}
GROUPS = [
    ("name with a digit first", {"ServerGroupName": "1group"}, "IllegalParam.ServerGroupName"),
    ("no such VPC", {"VpcId": "vpc-0"}, "ResourceNotFound.Vpc"),
    ("qch of TCP", {"Scheduler": "qch"}, "IllegalParam"),
    ("no such scheduler", {"Scheduler": "random"}, "InvalidParameter"),
    ("client's address kept", {"PreserveClientIpEnabled": True}, "UnsupportedParameter"),
    ("dual stack", {"AddressIPVersion": "DualStack"}, "OperationDenied.VpcNotSupportIpv6"),
    ("drain over 900", {"ConnectionDrainTimeout": 901}, "InvalidParameter"),
    ("any port, checked nowhere", {"AnyPortEnabled": True},
     "IllegalParam.AnyPortServerGroupConflictWithHealthCheckConfig"),
    ("UDP check of TCP", {"HealthCheckConfig": {"HealthCheckType": "UDP"}}, "IllegalParam"),
    ("interval over 50", {"HealthCheckConfig": {"HealthCheckInterval": 51}}, "IllegalParam"),
    ("threshold of 1", {"HealthCheckConfig": {"HealthyThreshold": 1}}, "InvalidParameter"),
    ("path without slash", {"HealthCheckConfig": {"HealthCheckType": "HTTP", "HealthCheckUrl": "up"}},
     "IlleagalParam.healthCheckUrl"),
    ("host with underscore", {"HealthCheckConfig": {"HealthCheckType": "HTTP", "HealthCheckDomain": "a_b.c"}},
     "IllegalParam.healthCheckDomain"),
    ("UDP text with space", {"Protocol": "UDP", "HealthCheckConfig": {"HealthCheckReq": "a b", "HealthCheckExp": "c"}},
     "IllegalParam"),
    ("UDP text without answer", {"Protocol": "UDP", "HealthCheckConfig": {"HealthCheckReq": "ab"}}, "IllegalParam"),
]  # fmt: skip


@pytest.mark.parametrize("name,changes,code", GROUPS, ids=[r[0] for r in GROUPS])
def test_group_is_refused(nlb, name, changes, code):
    nlb.fails(code, "CreateServerGroup", **{**GROUP, **changes})


SERVERS = [
    ("twice in the call", "{tcp}", [server(Place, Port=1), server(Place, Port=1)], "DuplicatedParam.Server"),
    ("there already", "{tcp}", [server(Place)], "DuplicatedParam.Server"),
    ("weight over 100", "{tcp}", [server(Place, Weight=101)], "InvalidParameter"),
    ("no port", "{tcp}", [server(Place, Port=0)], "IllegalParam"),
    ("ECS in a group of IPs", "{tcp}", [server(Place, ServerId="i-1", ServerType="Ecs")], "Mismatch.ServerType"),
    ("public address", "{tcp}", [server(Place, ServerId="8.8.8.8", ServerIp="8.8.8.8")], "IllegalParam.IP"),
    ("no such group", "sgp-0", [server(Place)], "ResourceNotFound.serverGroup"),
]  # fmt: skip


@pytest.mark.parametrize("name,group,servers,code", SERVERS, ids=[r[0] for r in SERVERS])
def test_server_is_refused(nlb, ids, name, group, servers, code):
    nlb.fails(code, "AddServersToServerGroup", ServerGroupId=filled(group, ids), Servers=servers)


def test_server_that_is_not_there_cannot_be_changed_or_removed(nlb, ids):
    absent = [server(Place, Port=99)]
    nlb.fails("ResourceNotFound.BackendServer", "RemoveServersFromServerGroup", ServerGroupId=ids["tcp"], Servers=absent)
    nlb.fails("ResourceNotFound.BackendServer", "UpdateServerGroupServersAttribute", ServerGroupId=ids["tcp"],
              Servers=absent)  # fmt: skip


ONE, TWO = words.ZONE_MAPPINGS
INSTANCE = {"AddressType": "Intranet", "VpcId": lib.VPC, "ZoneMappings": [ONE, TWO]}
INSTANCES = [
    ("one zone of three", {"ZoneMappings": [ONE]}, "InvalidZones"),
    ("a zone twice", {"ZoneMappings": [ONE, ONE]}, "InvalidZones"),
    ("vSwitch of another zone", {"ZoneMappings": [ONE, {**TWO, "VSwitchId": lib.VSWITCHES[2]}]},
     "Mismatch.ZoneIdAndVswitchId"),
    ("no such vSwitch", {"ZoneMappings": [ONE, {**TWO, "VSwitchId": "vsw-0"}]}, "ResourceNotFound.VSwitch"),
    ("no such VPC", {"VpcId": "vpc-0"}, "ResourceNotFound.Vpc"),
    ("neither type", {"AddressType": "Public"}, "InvalidParameter"),
    ("dual stack", {"AddressIpVersion": "DualStack"}, "OperationFailed.vSwitchNotSupportIpv6"),
    ("name with a space", {"LoadBalancerName": "my nlb"}, "IllegalParam.loadBalancerName"),
    ("address of another range", {"ZoneMappings": [{**ONE, "PrivateIPv4Address": "10.0.0.1"}, TWO]}, "IllegalParam"),
    ("EIP inside", {"ZoneMappings": [{**ONE, "AllocationId": "eip-0"}, TWO]}, "IllegalParam"),
    ("no such EIP", {"AddressType": "Internet", "ZoneMappings": [{**ONE, "AllocationId": "eip-0"}, TWO]},
     "ResourceNotFound.AllocationId"),
    ("reason without protection", {"DeletionProtectionConfig": {"Enabled": False, "Reason": "why-not"}},
     "IllegalParam.deletionProtectionReason"),
    ("bandwidth package", {"BandwidthPackageId": "cbwp-1"}, "UnsupportedParameter"),
]  # fmt: skip


@proves("NLBI-17")
@pytest.mark.parametrize("name,changes,code", INSTANCES, ids=[r[0] for r in INSTANCES])
def test_instance_is_refused(nlb, name, changes, code):
    nlb.fails(code, "CreateLoadBalancer", **{**INSTANCE, **changes})


def test_range_of_ports_is_kept_from_single_ports_in_it(nlb, ids):
    # whether the data plane can serve a range is its own matter: the control plane keeps it
    answer = nlb.call("CreateListener", LoadBalancerId=ids["lb"], ServerGroupId=ids["any"], ListenerProtocol="TCP",
                      ListenerPort=0, StartPort=20000, EndPort=20010)  # fmt: skip
    shown = nlb.call("GetListenerAttribute", ListenerId=answer["ListenerId"])
    assert (shown["ListenerPort"], shown["StartPort"], shown["EndPort"]) == (0, "20000", "20010")
    for port, code in ((20000, "Conflict.Port"), (20010, "Conflict.Port")):
        nlb.fails(code, "CreateListener", **filled({**LISTENER, "ListenerPort": port}, ids))
    nlb.call("CreateListener", **filled({**LISTENER, "ListenerPort": 20011}, ids))


def test_only_zones_of_the_instance_shift_and_not_the_last_one(nlb, ids):
    third = {"ZoneId": lib.ZONES[2], "VSwitchId": lib.VSWITCHES[2]}
    lb = {"LoadBalancerId": ids["lb"]}
    nlb.fails("ResourceNotFound.ZoneId", "StartShiftLoadBalancerZones", **lb, ZoneMappings=[third])
    nlb.fails("IncorrectStatus.ZoneId", "CancelShiftLoadBalancerZones", **lb, ZoneMappings=[ONE])
    nlb.call("StartShiftLoadBalancerZones", **lb, ZoneMappings=[ONE])
    nlb.fails("OperationDenied.OnlyOneZone", "StartShiftLoadBalancerZones", **lb, ZoneMappings=[TWO])
    nlb.call("CancelShiftLoadBalancerZones", **lb, ZoneMappings=[ONE])


def test_policies_are_checked_kept_while_used_and_listed(nlb):
    good = {"TlsVersions": ["TLSv1.2"], "Ciphers": ["ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA256"]}
    nlb.fails("IllegalParam", "CreateSecurityPolicy", TlsVersions=["TLSv1.3"], Ciphers=["AES128-SHA"])
    nlb.fails("IllegalParam", "CreateSecurityPolicy", TlsVersions=["TLSv1.2"], Ciphers=["ROT13"])
    policy = nlb.call("CreateSecurityPolicy", SecurityPolicyName="mine", **good)["SecurityPolicyId"]
    row = nlb.call("ListSecurityPolicy", SecurityPolicyIds=[policy])["SecurityPolicies"][0]
    assert (row["SecurityPolicyName"], row["TlsVersion"]) == ("mine", "TLSv1.2")
    assert row["Ciphers"] == "ECDHE-RSA-AES128-GCM-SHA256,AES128-SHA256"
    nlb.call("UpdateSecurityPolicyAttribute", SecurityPolicyId=policy, SecurityPolicyName="ours")
    nlb.call("DeleteSecurityPolicy", SecurityPolicyId=policy)
    nlb.fails("ResourceNotFound.securitypolicy", "DeleteSecurityPolicy", SecurityPolicyId=policy)
    names = [p["SecurityPolicyId"] for p in nlb.call("ListSystemSecurityPolicy")["SecurityPolicies"]]
    assert "tls_cipher_policy_1_2_strict_with_1_3" in names

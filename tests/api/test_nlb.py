"""NLB through its API, proved by what clients get: listeners, weights, protection, zones, release."""
import collections
import json
import socket

import pytest

import lib
import nlb as words
from certs import Certs
from clb import Clb
from lib import get, proves, refuses, wait_for
from nlb import ask_udp, echo, server, vips


@pytest.fixture(scope="module")
def ecs(backends):
    """Two servers of every kind of answer: nginx pages that name them."""
    return [backends.nginx("ECS01"), backends.nginx("ECS02")]


def names(addr, n):
    """Which servers answer n connections: their counts by name."""
    return collections.Counter(get(addr).body.decode().strip() for _ in range(n))


@proves("NLBI-11", "NLBI-15", "NLBI-17", "NLBI-20", "NLBI-22", "NLBI-23", "NLBI-24", "NLBI-25", "NLBI-26", "NLBI-27",
        "NLBI-29")  # fmt: skip
def test_walkthrough_an_internet_instance_serves_port_80_in_both_zones(nlb, ecs):
    mine = nlb.instance(AddressType="Internet", LoadBalancerName="www")
    lb = mine["LoadBalancerId"]
    assert mine["DNSName"].startswith(f"{lb}.{lib.REGION}.nlb.")
    assert [m["ZoneId"] for m in mine["ZoneMappings"]] == list(lib.ZONES[:2])
    assert [m["VSwitchId"] for m in mine["ZoneMappings"]] == list(lib.VSWITCHES[:2])
    assert mine["CrossZoneEnabled"] is True and mine["AddressIpVersion"] == "ipv4"

    group = nlb.group(*[server(e) for e in ecs])
    shown = nlb.call("ListServerGroups", ServerGroupIds=[group])["ServerGroups"][0]
    assert (shown["Protocol"], shown["Scheduler"], shown["ServerCount"]) == ("TCP", "Wrr", 2)
    check = shown["HealthCheck"]
    assert check["HealthCheckEnabled"] is True and check["HealthCheckType"] == "TCP"
    assert (check["HealthyThreshold"], check["UnhealthyThreshold"], check["HealthCheckInterval"]) == (2, 2, 5)
    rows = nlb.call("ListServerGroupServers", ServerGroupId=group)["Servers"]
    assert [(r["Port"], r["Weight"]) for r in rows] == [(e.port, 100) for e in ecs]

    listener = nlb.listener(lb, group)
    shown = nlb.call("GetListenerAttribute", ListenerId=listener)
    assert (shown["ListenerStatus"], shown["IdleTimeout"], shown["ServerGroupId"]) == ("Running", 900, group)
    addresses = [a for m in mine["ZoneMappings"] for a in m["LoadBalancerAddresses"]]
    for address in [a[n] for a in addresses for n in ("PrivateIPv4Address", "PublicIPv4Address")]:
        assert set(names((address, 80), 4)) <= {"ECS01", "ECS02"}
    assert nlb.call("ListServerGroups", ServerGroupIds=[group])["ServerGroups"][0]["RelatedLoadBalancerIds"] == [lb]


@proves("NLBI-12", "NLBI-14", "DNS-15", "DNS-17", "OPS-14")
def test_start_of_a_migration_clb_and_nlb_serve_from_the_same_servers(nlb, backends, ecs):
    echoes = backends.udp()
    clb = Clb(nlb.node)
    old, old_address = clb.instance(AddressType="internet")
    clb.listener("tcp", old, 80, VServerGroupId=clb.group(old, *ecs))
    clb.listener("udp", old, 53, VServerGroupId=clb.group(old, echoes))
    nlb.node.call("Alidns", "AddDomain", DomainName="shop.example.cn")
    nlb.node.call("Alidns", "AddDomainRecord", DomainName="shop.example.cn", RR="www", Type="A", Value=old_address)

    mine = nlb.instance(AddressType="Internet")
    lb = mine["LoadBalancerId"]
    nlb.listener(lb, nlb.group(*ecs))
    nlb.listener(lb, nlb.group(echoes, Protocol="UDP"), "UDP", 53)

    new_address = mine["ZoneMappings"][0]["LoadBalancerAddresses"][0]["PublicIPv4Address"]
    for address in (old_address, new_address):
        assert names((address, 80), 4) == {"ECS01": 2, "ECS02": 2}
        assert ask_udp((address, 53)) == f"{echoes.name}:hello".encode()

    nlb.attributes(lb)
    looked_up = [{"Key": "EventName", "Value": "GetLoadBalancerAttribute"}, {"Key": "ResourceName", "Value": lb}]
    events = nlb.node.wait(lambda a: a["Events"], "ActionTrail", "LookupEvents", LookupAttribute=looked_up)["Events"]
    assert json.loads(events[0]["requestParameterJson"])["LoadBalancerId"] == lb


def test_addresses_do_not_change_while_the_instance_lives(nlb, ecs):
    mine = nlb.instance()
    nlb.listener(mine["LoadBalancerId"], nlb.group(*ecs))
    nlb.do("UpdateLoadBalancerAttribute", LoadBalancerId=mine["LoadBalancerId"], LoadBalancerName="other")
    again = nlb.attributes(mine["LoadBalancerId"])
    assert again["LoadBalancerName"] == "other"
    assert vips(again) == vips(mine)
    assert get((vips(mine)[0], 80)).status == 200  # what an A record would name


def test_weights_decide_the_shares_and_change_while_running(nlb, ecs):
    mine = nlb.instance()
    group = nlb.group(server(ecs[0], Weight=80), server(ecs[1], Weight=20))
    nlb.listener(mine["LoadBalancerId"], group)
    address = (vips(mine)[0], 80)
    assert names(address, 20) == {"ECS01": 16, "ECS02": 4}

    weights = [server(ecs[0], Weight=0), server(ecs[1], Weight=100)]
    nlb.do("UpdateServerGroupServersAttribute", ServerGroupId=group, Servers=weights)
    assert names(address, 6) == {"ECS02": 6}

    nlb.do("RemoveServersFromServerGroup", ServerGroupId=group, Servers=[server(ecs[0])])
    rows = nlb.call("ListServerGroupServers", ServerGroupId=group)
    assert rows["TotalCount"] == 1 and rows["Servers"][0]["ServerIp"] == ecs[1].ip


@proves("NLBI-14")
def test_udp_and_tcp_listeners_share_a_port_and_a_group(nlb, backends):
    tcp = backends.tcp()
    udp = backends.udp(port=tcp.port)
    mine = nlb.instance()
    lb, address = mine["LoadBalancerId"], (vips(mine)[1], 5353)
    group = nlb.group(tcp, Protocol="TCP_UDP")
    nlb.listener(lb, group, "TCP", 5353)
    listener = nlb.listener(lb, group, "UDP", 5353)

    assert echo(address) == b"hello"
    assert ask_udp(address) == f"{udp.name}:hello".encode()
    assert nlb.call("GetListenerAttribute", ListenerId=listener)["IdleTimeout"] == 90
    nlb.fails("Conflict.Port", "CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol="UDP",
              ListenerPort=5353)  # fmt: skip


@proves("NLBI-38")
def test_server_may_be_a_client_of_its_own_nlb(nlb, backends):
    one = backends.tcp(ip="127.0.0.2")
    mine = nlb.instance()
    nlb.listener(mine["LoadBalancerId"], nlb.group(one))
    with socket.create_connection((vips(mine)[0], 80), timeout=lib.PATIENCE, source_address=(one.ip, 0)) as sock:
        sock.sendall(b"to myself")
        assert sock.recv(100) == b"to myself"


def test_udp_group_is_checked_by_udp(nlb, backends):
    udp = backends.udp()
    mine = nlb.instance()
    group = nlb.group(udp, Protocol="UDP", Scheduler="qch")
    nlb.listener(mine["LoadBalancerId"], group, "UDP", 53)
    assert ask_udp((vips(mine)[0], 53)) == f"{udp.name}:hello".encode()
    check = nlb.call("ListServerGroups", ServerGroupIds=[group])["ServerGroups"][0]["HealthCheck"]
    assert (check["HealthCheckEnabled"], check["HealthCheckType"]) == (True, "UDP")


def test_stopped_listener_closes_its_port_and_started_one_opens_it(nlb, ecs):
    mine = nlb.instance()
    listener = nlb.listener(mine["LoadBalancerId"], nlb.group(*ecs))
    address = (vips(mine)[0], 80)

    nlb.fails("IncorrectStatus.listener", "StartListener", ListenerId=listener)
    nlb.do("StopListener", ListenerId=listener)
    assert nlb.listener_status(listener) == "Stopped"
    wait_for(lambda: refuses(address), "the port is closed")
    nlb.fails("IncorrectStatus.listener", "StopListener", ListenerId=listener)
    nlb.do("StartListener", ListenerId=listener)
    assert nlb.listener_status(listener) == "Running"
    assert get(address).status == 200


def test_listener_moves_to_another_group_without_a_gap(nlb, ecs):
    mine = nlb.instance()
    one, two = nlb.group(ecs[0]), nlb.group(ecs[1])
    listener = nlb.listener(mine["LoadBalancerId"], one)
    address = (vips(mine)[0], 80)
    assert names(address, 2) == {"ECS01": 2}
    nlb.fails("ResourceInUse.ServerGroup", "DeleteServerGroup", ServerGroupId=one)
    nlb.do("UpdateListenerAttribute", ListenerId=listener, ServerGroupId=two, ListenerDescription="moved")
    assert names(address, 2) == {"ECS02": 2}
    nlb.do("DeleteServerGroup", ServerGroupId=one)
    assert nlb.call("ListServerGroups", ServerGroupIds=[one])["ServerGroups"] == []


def test_health_is_told_and_healthy_servers_are_not_listed(nlb, backends):
    one = backends.tcp()
    gone = server(one, Port=lib.free_port())
    mine = nlb.instance()
    group = nlb.group(one, gone, HealthCheckConfig={"HealthCheckInterval": 1, "HealthCheckConnectTimeout": 1})
    listener = nlb.listener(mine["LoadBalancerId"], group)

    def is_told(answer):
        info = answer["ListenerHealthStatus"][0]["ServerGroupInfos"][0]
        return [(s["Port"], s["Status"]) for s in info["NonNormalServers"]] == [(gone["Port"], "Unhealthy")]

    answer = nlb.node.wait(is_told, "Nlb", "GetListenerHealthStatus", ListenerId=listener)
    info = answer["ListenerHealthStatus"][0]["ServerGroupInfos"][0]
    assert info["HeathCheckEnabled"] is True and info["ServerGroupId"] == group
    assert info["NonNormalServers"][0]["Reason"]["ReasonCode"] == "CONNECT_FAILED"


def test_protection_refuses_the_release_until_it_is_off(nlb, ecs):
    mine = nlb.instance(DeletionProtectionConfig={"Enabled": True, "Reason": "production"})
    lb = mine["LoadBalancerId"]
    listener = nlb.listener(lb, nlb.group(*ecs))
    assert mine["DeletionProtectionConfig"]["Enabled"] is True

    nlb.fails("OperationDenied.DeletionProtectionEnabled", "DeleteLoadBalancer", LoadBalancerId=lb)
    nlb.call("UpdateLoadBalancerProtection", LoadBalancerId=lb, DeletionProtectionEnabled=False,
             ModificationProtectionStatus="ConsoleProtection", ModificationProtectionReason="by-hand")  # fmt: skip
    shown = nlb.attributes(lb)
    assert shown["DeletionProtectionConfig"]["Enabled"] is False
    assert shown["ModificationProtectionConfig"]["Reason"] == "by-hand"

    nlb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    nlb.fails("ResourceNotFound.loadBalancer", "GetLoadBalancerAttribute", LoadBalancerId=lb)
    nlb.fails("ResourceNotFound.listener", "GetListenerAttribute", ListenerId=listener)
    wait_for(lambda: refuses((vips(mine)[0], 80)), "the port is closed")


def test_released_addresses_can_be_had_again(nlb):
    mine = nlb.instance()
    wanted = vips(mine)[0]
    mappings = [{**words.ZONE_MAPPINGS[0], "PrivateIPv4Address": wanted}, words.ZONE_MAPPINGS[1]]
    nlb.fails("ResourceInUse.IP", "CreateLoadBalancer", AddressType="Intranet", VpcId=lib.VPC, ZoneMappings=mappings)
    nlb.do("DeleteLoadBalancer", LoadBalancerId=mine["LoadBalancerId"])
    assert vips(nlb.instance(ZoneMappings=mappings))[0] == wanted


def test_zones_come_go_and_shift(nlb, ecs):
    mine = nlb.instance()
    lb = mine["LoadBalancerId"]
    nlb.listener(lb, nlb.group(*ecs))
    third = {"ZoneId": lib.ZONES[2], "VSwitchId": lib.VSWITCHES[2]}

    nlb.do("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=[*words.ZONE_MAPPINGS, third])
    now = nlb.wait_active(lb)
    assert vips(now)[:2] == vips(mine) and len(vips(now)) == 3
    wait_for(lambda: not refuses((vips(now)[2], 80)), "the new zone serves")

    nlb.call("StartShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=[third])
    statuses = {m["ZoneId"]: m["Status"] for m in nlb.attributes(lb)["ZoneMappings"]}
    assert statuses == {lib.ZONES[0]: "Active", lib.ZONES[1]: "Active", lib.ZONES[2]: "Shifted"}
    assert get((vips(now)[2], 80)).status == 200  # shifted zones leave the name, not the network
    nlb.call("CancelShiftLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=[third])

    nlb.do("UpdateLoadBalancerZones", LoadBalancerId=lb, ZoneMappings=words.ZONE_MAPPINGS)
    assert vips(nlb.attributes(lb)) == vips(mine)
    wait_for(lambda: refuses((vips(now)[2], 80)), "the old zone is gone")


def test_address_type_changes_both_ways(nlb, ecs):
    mine = nlb.instance()
    lb = mine["LoadBalancerId"]
    nlb.listener(lb, nlb.group(*ecs))
    nlb.do("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Internet")
    public = nlb.attributes(lb)["ZoneMappings"][0]["LoadBalancerAddresses"][0]["PublicIPv4Address"]
    wait_for(lambda: not refuses((public, 80)), "the EIP serves")
    nlb.fails("OperationDenied.AddressTypeNotChanged", "UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb,
              AddressType="Internet")  # fmt: skip
    nlb.do("UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=lb, AddressType="Intranet")
    wait_for(lambda: refuses((public, 80)), "the EIP is gone")
    assert get((vips(mine)[0], 80)).status == 200


def test_tags_group_resources_of_all_kinds(nlb, ecs):
    mine = nlb.instance(Tag=[{"Key": "team", "Value": "edge"}])
    group = nlb.group(*ecs)
    nlb.call("TagResources", ResourceType="servergroup", ResourceId=[group], Tag=[{"Key": "team", "Value": "edge"}])
    edge = [{"Key": "team", "Value": "edge"}]
    found = nlb.call("ListLoadBalancers", Tag=edge)["LoadBalancers"]
    assert [row["LoadBalancerId"] for row in found] == [mine["LoadBalancerId"]]
    assert nlb.attributes(mine["LoadBalancerId"])["Tags"] == [{"TagKey": "team", "TagValue": "edge"}]
    rows = nlb.call("ListTagResources", ResourceType="servergroup", ResourceId=[group])["TagResources"]
    assert [(r["ResourceId"], r["TagKey"], r["TagValue"]) for r in rows] == [(group, "team", "edge")]
    nlb.call("UntagResources", ResourceType="servergroup", ResourceId=[group], TagKey=["team"])
    assert nlb.call("ListServerGroups", Tag=edge)["ServerGroups"] == []


def test_lists_come_in_pages(nlb):
    made = [nlb.group(ServerGroupName=f"page-{i}") for i in range(5)]
    seen, token = [], None
    while True:
        page = nlb.call("ListServerGroups", ServerGroupIds=made, MaxResults=2, NextToken=token)
        seen += [g["ServerGroupId"] for g in page["ServerGroups"]]
        assert page["TotalCount"] == 5 and page["MaxResults"] == 2
        token = page.get("NextToken")
        if not token:
            break
    assert seen == made


def test_what_the_data_plane_lacks_shows_on_the_listener_and_in_its_job(nlb, ecs):
    mine = nlb.instance()
    lb, group = mine["LoadBalancerId"], nlb.group(*ecs)
    answer = nlb.call("CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol="TCP", ListenerPort=443,
                      ProxyProtocolEnabled=True, ProxyProtocolV2Config='{"Ppv2VpcIdEnabled":true}')  # fmt: skip
    nlb.node.wait_job("Nlb", answer, status="Failed")
    shown = nlb.call("GetListenerAttribute", ListenerId=answer["ListenerId"])
    assert shown["ListenerStatus"] == "CreateFailed"
    assert shown["ProxyProtocolV2Config"]["Ppv2VpcIdEnabled"] is True
    assert refuses((vips(mine)[0], 443))


@proves("NLBI-20", "NLBI-21")
def test_registered_servers_and_interfaces_join_by_their_ids(nlb, backends):
    def register(action, **params):
        return nlb.node.call("OpenSlb", action, **params)

    one, two = backends.tcp(), backends.tcp(ip="127.0.0.2")
    ecs = register("RegisterServer", PrivateIpAddresses=[one.ip], ZoneId=lib.ZONES[0])["ServerId"]
    eni = register("RegisterNetworkInterface", PrivateIpAddresses=["127.0.0.9", two.ip])["NetworkInterfaceId"]
    mine = nlb.instance()
    servers = [
        {"ServerId": ecs, "ServerType": "Ecs", "Port": one.port},
        {"ServerId": eni, "ServerType": "Eni", "ServerIp": two.ip, "Port": two.port},
    ]
    group = nlb.group(*servers, ServerGroupType="Instance")
    nlb.listener(mine["LoadBalancerId"], group)
    for _ in range(4):
        assert echo((vips(mine)[0], 80)) == b"hello"
    assert one.n_connections > 0 and two.n_connections > 0
    rows = nlb.call("ListServerGroupServers", ServerGroupId=group)["Servers"]
    assert [(r["ServerId"], r["ServerIp"]) for r in rows] == [(ecs, one.ip), (eni, two.ip)]
    assert rows[0]["ZoneId"] == lib.ZONES[0]
    nlb.fails("ResourceNotFound.Eni", "AddServersToServerGroup", ServerGroupId=group,
              Servers=[{"ServerId": "eni-none", "ServerType": "Eni", "Port": 1}])  # fmt: skip
    nlb.fails("Mismatch.ServerType", "AddServersToServerGroup", ServerGroupId=group, Servers=[server(one)])


def test_security_groups_join_and_leave(nlb):
    made = [nlb.node.call("Ecs", "CreateSecurityGroup", RegionId=lib.REGION, VpcId=lib.VPC)["SecurityGroupId"]
            for _ in range(5)]  # fmt: skip
    lb = nlb.instance()["LoadBalancerId"]
    nlb.call("LoadBalancerJoinSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=made[:4])
    assert nlb.attributes(lb)["SecurityGroupIds"] == made[:4]
    refused = [([made[0]], "Conflict.SecurityGroup"), ([made[4]], "QuotaExceeded.QuotaInsufficient"),
               (["sg-none"], "ResourceNotFound.SecurityGroup")]  # fmt: skip
    for ids, code in refused:
        nlb.fails(code, "LoadBalancerJoinSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=ids)
    nlb.do("LoadBalancerLeaveSecurityGroup", LoadBalancerId=lb, SecurityGroupIds=made[:4])
    assert nlb.attributes(lb)["SecurityGroupIds"] == []


# --- TCPSSL: kept and checked; the data plane says that it has no TLS yet ------------------------


@pytest.fixture(scope="module")
def certificates(node, tmp_path_factory):
    """Ids of three server certificates of the certificate service."""
    made = Certs(tmp_path_factory.mktemp("certs"))
    ids = []
    for name in ("www.example.com", "api.example.com", "dev.example.com"):
        cert, key = made.make(name, san=f"DNS:{name}")
        uploaded = node.call("Cas", "UploadUserCertificate", Name=name.replace(".", "-"), Cert=cert, Key=key)
        ids.append(f"{uploaded['CertId']}-{lib.REGION}")
    return ids


@proves("NLBI-34")
def test_tcpssl_listener_keeps_certificates_of_the_certificate_service(nlb, ecs, certificates):
    default, other, third = certificates
    lb, group = nlb.instance()["LoadBalancerId"], nlb.group(*ecs)
    listener = nlb.call(
        "CreateListener", LoadBalancerId=lb, ServerGroupId=group, ListenerProtocol="TCPSSL", ListenerPort=443,
        CertificateIds=[default], AlpnEnabled=True, AlpnPolicy="HTTP2Preferred",
    )["ListenerId"]  # fmt: skip
    shown = nlb.call("GetListenerAttribute", ListenerId=listener)
    assert shown["CertificateIds"] == [default] and shown["AlpnPolicy"] == "HTTP2Preferred"
    assert shown["SecurityPolicyId"] == "tls_cipher_policy_1_0"
    nlb.fails("IllegalParam", "UpdateListenerAttribute", ListenerId=listener, CaCertificateIds=[default])
    nlb.fails("ResourceNotFound.CaCertificate", "UpdateListenerAttribute", ListenerId=listener, CaEnabled=True,
              CaCertificateIds=[default])  # fmt: skip

    which = {"ListenerId": listener, "AdditionalCertificateIds": [other]}
    nlb.call("AssociateAdditionalCertificatesWithListener", **which)
    rows = nlb.call("ListListenerCertificates", ListenerId=listener)
    assert [(c["CertificateId"], c["IsDefault"]) for c in rows["Certificates"]] == [(default, True), (other, False)]
    assert rows["CertificateIds"] == [default, other]
    nlb.fails("ResourceAlreadyAssociated.Certificate", "AssociateAdditionalCertificatesWithListener", **which)
    nlb.fails("ResourceAlreadyAssociated.Certificate", "UpdateListenerAttribute", ListenerId=listener,
              CertificateIds=[other])  # fmt: skip
    nlb.fails("OperationDenied.DefaultCertificateUsed", "DisassociateAdditionalCertificatesWithListener",
              ListenerId=listener, AdditionalCertificateIds=[default])  # fmt: skip
    nlb.call("DisassociateAdditionalCertificatesWithListener", **which)
    nlb.fails("ResourceNotAssociated.Certificate", "DisassociateAdditionalCertificatesWithListener", **which)
    nlb.call("UpdateListenerAttribute", ListenerId=listener, CertificateIds=[third], AlpnEnabled=False)
    shown = nlb.call("GetListenerAttribute", ListenerId=listener)
    assert shown["CertificateIds"] == [third] and "AlpnPolicy" not in shown


def test_certificates_are_for_tcpssl_only(nlb, ecs, certificates):
    listener = nlb.listener(nlb.instance()["LoadBalancerId"], nlb.group(*ecs))
    nlb.fails("OperationDenied.Protocol", "ListListenerCertificates", ListenerId=listener)
    nlb.fails("OperationDenied.Protocol", "AssociateAdditionalCertificatesWithListener", ListenerId=listener,
              AdditionalCertificateIds=certificates[:1])  # fmt: skip


def test_policy_in_use_is_kept(nlb, ecs, certificates):
    policy = nlb.call("CreateSecurityPolicy", TlsVersions=["TLSv1.2"], Ciphers=["AES128-SHA256"])["SecurityPolicyId"]
    listener = nlb.call(
        "CreateListener", LoadBalancerId=nlb.instance()["LoadBalancerId"], ServerGroupId=nlb.group(*ecs),
        ListenerProtocol="TCPSSL", ListenerPort=443, CertificateIds=certificates[:1], SecurityPolicyId=policy,
    )["ListenerId"]  # fmt: skip
    row = nlb.call("ListSecurityPolicy", SecurityPolicyIds=[policy])["SecurityPolicies"][0]
    assert [r["ListenerId"] for r in row["RelatedListeners"]] == [listener]
    nlb.fails("ResourceInUse.SecurityPolicy", "DeleteSecurityPolicy", SecurityPolicyId=policy)
    nlb.call("DeleteListener", ListenerId=listener)
    nlb.call("DeleteSecurityPolicy", SecurityPolicyId=policy)


def test_jobs_and_places(nlb):
    job = nlb.do("CreateServerGroup", ServerGroupName="job", VpcId=lib.VPC)["JobId"]
    rows = nlb.call("ListAsynJobs", JobIds=[job])["Jobs"]
    assert [(r["Id"], r["Status"]) for r in rows] == [(job, "Succeeded")]
    nlb.fails("ResourceNotFound.JobId", "GetJobStatus", JobId="none")
    assert [r["RegionId"] for r in nlb.call("DescribeRegions")["Regions"]] == [lib.REGION]
    assert [z["ZoneId"] for z in nlb.call("DescribeZones")["Zones"]] == list(lib.ZONES)

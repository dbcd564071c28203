"""The life of what CLB keeps besides traffic: lists and filters, certificates, ACLs, policies, tags, states."""
import subprocess

import pytest

import lib
from clb import server
from lib import proves


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """make(name) gives (certificate, key), make(name, is_ca=True) one of a CA."""
    where = tmp_path_factory.mktemp("pem")

    def make(name, is_ca=False):
        cert, key = where / f"{name}.crt", where / f"{name}.key"
        usage = ["-addext", "basicConstraints=critical,CA:TRUE" if is_ca else "basicConstraints=CA:FALSE"]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", key, "-out", cert,
             "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:*.{name}", *usage],
            check=True, capture_output=True,
        )  # fmt: skip
        return cert.read_text(), key.read_text()

    return make


# --- instances ---------------------------------------------------------------------------------


def test_specifications_are_refused_until_their_limits_are_built(clb):
    clb.fails("UnsupportedParameter", "CreateLoadBalancer", LoadBalancerSpec="slb.s1.small")
    lb, _ = clb.instance()
    clb.fails("UnsupportedParameter", "ModifyLoadBalancerInstanceSpec", LoadBalancerId=lb, LoadBalancerSpec="slb.s1.small")


def test_metering_of_an_instance_can_be_changed(clb):
    lb, _ = clb.instance()

    def told():
        return clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)

    clb.call("ModifyLoadBalancerInternetSpec", LoadBalancerId=lb, InternetChargeType="paybybandwidth", Bandwidth=10)
    assert (told()["InternetChargeType"], told()["Bandwidth"]) == ("paybybandwidth", 10)
    over = {"LoadBalancerId": lb, "ListenerPort": 80, "Bandwidth": 11, "BackendServerPort": 80}
    clb.fails("InvalidParameter", "CreateLoadBalancerTCPListener", **over)
    clb.call("CreateLoadBalancerTCPListener", **{**over, "Bandwidth": 9})
    clb.fails("InvalidParameter", "ModifyLoadBalancerInternetSpec", LoadBalancerId=lb, Bandwidth=8)
    clb.call("ModifyLoadBalancerInternetSpec", LoadBalancerId=lb, InternetChargeType="paybytraffic")
    assert "Bandwidth" not in told()
    clb.call("ModifyLoadBalancerInstanceChargeType", LoadBalancerId=lb, InstanceChargeType="PayByCLCU")
    assert told()["InstanceChargeType"] == "PayByCLCU"


def test_instances_are_found_by_what_they_are(clb):
    tags = [{"Key": "find", "Value": "me"}]
    lb, address = clb.instance(LoadBalancerName="find-1", Tag=tags, VSwitchId=lib.VSWITCHES[1])
    two, _ = clb.instance(LoadBalancerName="find-2", Tag=tags)
    clb.group(two, {"ServerId": "127.0.7.7", "Port": 80})
    clb.call("SetLoadBalancerStatus", LoadBalancerId=two, LoadBalancerStatus="inactive")

    def found(**filters):
        answer = clb.call("DescribeLoadBalancers", Tag=tags, **filters)
        rows = [r["LoadBalancerId"] for r in answer["LoadBalancers"]["LoadBalancer"]]
        assert answer["TotalCount"] == len(rows) or "PageSize" in filters
        return rows

    assert found() == [lb, two]
    assert found(LoadBalancerName="find-1") == [lb]
    assert found(LoadBalancerId=f"{two},lb-none") == [two]
    assert found(Address=address) == [lb]
    assert found(AddressType="internet") == [two]
    assert found(NetworkType="vpc") == [lb]
    assert found(VSwitchId=lib.VSWITCHES[1], VpcId=lib.VPC) == [lb]
    assert found(LoadBalancerStatus="inactive") == [two]
    assert found(ServerId="127.0.7.7") == [two]
    assert found(ServerIntranetAddress="127.0.7.8") == []
    assert found(PageSize=1, PageNumber=2) == [two]


def test_protection_from_changes_is_kept_with_its_reason(clb):
    lb, _ = clb.instance()

    def told():
        answer = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
        return answer["ModificationProtectionStatus"], answer.get("ModificationProtectionReason")

    assert told() == ("NonProtection", None)
    protect = {"ModificationProtectionStatus": "ConsoleProtection", "ModificationProtectionReason": "managed"}
    clb.call("SetLoadBalancerModificationProtection", LoadBalancerId=lb, **protect)
    assert told() == ("ConsoleProtection", "managed")
    clb.call("SetLoadBalancerModificationProtection", LoadBalancerId=lb, ModificationProtectionStatus="NonProtection")
    assert told() == ("NonProtection", None)


def test_client_token_makes_one_instance(clb):
    first = clb.call("CreateLoadBalancer", ClientToken="t-1", LoadBalancerName="once")
    again = clb.call("CreateLoadBalancer", ClientToken="t-1", LoadBalancerName="once")

    assert first["LoadBalancerId"] == again["LoadBalancerId"]
    clb.call("DeleteLoadBalancer", LoadBalancerId=first["LoadBalancerId"])


def test_dry_run_of_a_change_changes_nothing(clb):
    lb, _ = clb.instance()
    clb.listener("http", lb, 80, start=False, BackendServerPort=80)

    change = {"LoadBalancerId": lb, "ListenerPort": 80, "DryRun": "true"}
    clb.fails("DryRunOperation", "SetLoadBalancerHTTPListenerAttribute", IdleTimeout=33, **change)
    assert clb.attribute("http", lb, 80)["IdleTimeout"] == 15


# --- groups ------------------------------------------------------------------------------------


@proves("CLBSG-03", "CLBSG-39", "CLBL-42")
def test_primary_secondary_group_lives_and_names_its_users(clb):
    lb, _ = clb.instance()
    one, two = {"ServerId": "127.0.0.1", "Port": 1, "ServerType": "Master"}, {"ServerId": "127.0.0.1", "Port": 2, "ServerType": "Slave"}
    made = clb.call("CreateMasterSlaveServerGroup", LoadBalancerId=lb, MasterSlaveServerGroupName="pair",
                    MasterSlaveBackendServers=[one, two])  # fmt: skip
    group = made["MasterSlaveServerGroupId"]
    clb.listener("tcp", lb, 80, start=False, MasterSlaveServerGroupId=group)

    told = clb.call("DescribeMasterSlaveServerGroupAttribute", MasterSlaveServerGroupId=group)
    members = told["MasterSlaveBackendServers"]["MasterSlaveBackendServer"]
    assert [(m["Port"], m["ServerType"], m["Weight"]) for m in members] == [(1, "Master", 100), (2, "Slave", 100)]
    listed = clb.call("DescribeMasterSlaveServerGroups", LoadBalancerId=lb, IncludeListener="true")
    users = listed["MasterSlaveServerGroups"]["MasterSlaveServerGroup"][0]["AssociatedObjects"]["Listeners"]
    assert users == {"Listener": [{"Port": 80, "Protocol": "tcp"}]}
    clb.call("DeleteLoadBalancerListener", LoadBalancerId=lb, ListenerPort=80)
    clb.call("DeleteMasterSlaveServerGroup", MasterSlaveServerGroupId=group)


@proves("CLBSG-28", "CLBSG-14", "CLBSG-32")
def test_vserver_group_serves_listeners_of_all_kinds_and_rules(clb):
    lb, _ = clb.instance()
    group = clb.group(lb, {"ServerId": "127.0.0.1", "Port": 80}, VServerGroupName="shared")
    for protocol, port in (("tcp", 1), ("udp", 1), ("http", 2)):
        clb.listener(protocol, lb, port, start=False, VServerGroupId=group)
    clb.call("CreateRules", LoadBalancerId=lb, ListenerPort=2, RuleList=[{"RuleName": "r", "Url": "/x", "VServerGroupId": group}])

    listed = clb.call("DescribeVServerGroups", LoadBalancerId=lb, IncludeListener="true", IncludeRule="true")
    row = listed["VServerGroups"]["VServerGroup"][0]
    assert (row["VServerGroupName"], row["ServerCount"]) == ("shared", 1)
    users = row["AssociatedObjects"]
    assert [(u["Protocol"], u["Port"]) for u in users["Listeners"]["Listener"]] == [("tcp", 1), ("udp", 1), ("http", 2)]
    assert [u["Url"] for u in users["Rules"]["Rule"]] == ["/x"]
    clb.call("SetVServerGroupAttribute", VServerGroupId=group, VServerGroupName="renamed")
    assert clb.call("DescribeVServerGroupAttribute", VServerGroupId=group)["VServerGroupName"] == "renamed"


@proves("CLBSG-32")
def test_weights_and_members_of_the_default_group_change(clb):
    lb, _ = clb.instance()

    def servers(action, *rows):
        answer = clb.call(action, LoadBalancerId=lb, BackendServers=list(rows))
        return [(r["ServerId"], int(r["Weight"])) for r in answer["BackendServers"]["BackendServer"]]

    one, two = {"ServerId": "127.0.0.1"}, {"ServerId": "127.0.0.2", "Weight": 5}
    assert servers("AddBackendServers", one, two) == [("127.0.0.1", 100), ("127.0.0.2", 5)]
    assert servers("SetBackendServers", {**one, "Weight": 0}) == [("127.0.0.1", 0), ("127.0.0.2", 5)]
    assert servers("RemoveBackendServers", one, {"ServerId": "127.0.0.9"}) == [("127.0.0.2", 5)]


# --- listeners ---------------------------------------------------------------------------------


def test_listeners_of_several_instances_are_listed_by_pages(clb):
    tags = [{"Key": "page", "Value": "1"}]
    one, two = clb.instance()[0], clb.instance()[0]
    clb.listener("tcp", one, 10, start=False, BackendServerPort=80, Tag=tags, ProxyProtocolV2Enabled="true")
    clb.listener("udp", one, 10, start=False, BackendServerPort=80, Tag=tags)
    clb.listener("http", two, 11, start=False, BackendServerPort=80, Tag=tags, Description="web")

    first = clb.call("DescribeLoadBalancerListeners", Tag=tags, MaxResults=2)
    rest = clb.call("DescribeLoadBalancerListeners", Tag=tags, MaxResults=2, NextToken=first["NextToken"])
    rows = first["Listeners"] + rest["Listeners"]
    assert [(r["ListenerProtocol"], r["ListenerPort"], r["LoadBalancerId"]) for r in rows] == [
        ("tcp", 10, one), ("udp", 10, one), ("http", 11, two)]  # fmt: skip
    assert (first["TotalCount"], "NextToken" in rest) == (3, False)
    assert rows[0]["TCPListenerConfig"]["ProxyProtocolV2Enabled"] == "true"
    assert rows[2]["HTTPListenerConfig"]["IdleTimeout"] == 15
    assert "UDPListenerConfig" not in rows[0]

    def found(**filters):
        return [r["ListenerProtocol"] for r in clb.call("DescribeLoadBalancerListeners", Tag=tags, **filters)["Listeners"]]

    assert found(ListenerProtocol="udp") == ["udp"]
    assert found(Description="web") == ["http"]
    assert found(**{"LoadBalancerId.1": two}) == ["http"]


def test_listener_that_the_data_plane_refuses_stays_starting(clb, node):
    lb, _ = clb.instance()
    clb.listener("tcp", lb, 80, start=False, PersistenceTimeout=60, VServerGroupId=clb.group(lb, {"ServerId": "127.0.0.1", "Port": 80}))
    clb.call("StartLoadBalancerListener", LoadBalancerId=lb, ListenerPort=80)

    told = node.wait(lambda answer: answer["Refusals"], "OpenSlb", "ListRefusals", **{"ResourceIds.1": f"{lb}:tcp:80"})
    assert "persistence" in told["Refusals"][0]["Reason"]
    assert clb.attribute("tcp", lb, 80)["Status"] == "starting"
    clb.set_listener("tcp", lb, 80, PersistenceTimeout=0)


@proves("CLBL-35", "CLBL-39", "CLBSG-14")
def test_https_listener_with_certificates_extensions_and_a_redirect(clb, pems):
    lb, _ = clb.instance()
    group = clb.group(lb)
    certs = {}
    for name in ("a.example", "b.example"):
        pem, key = pems(name)
        answer = clb.call("UploadServerCertificate", ServerCertificate=pem, PrivateKey=key, ServerCertificateName=name)
        assert answer["CommonName"] == name
        certs[name] = answer["ServerCertificateId"]
    ca = clb.call("UploadCACertificate", CACertificate=pems("ca.example", is_ca=True)[0])["CACertificateId"]
    where = clb.listener("https", lb, 8443, start=False, VServerGroupId=group, ServerCertificateId=certs["a.example"],
                         CACertificateId=ca, TLSCipherPolicy="tls_cipher_policy_1_2")  # fmt: skip

    told = clb.attribute("https", lb, 8443)
    assert (told["ServerCertificateId"], told["CACertificateId"]) == (certs["a.example"], ca)
    assert (told["TLSCipherPolicy"], told["EnableHttp2"]) == ("tls_cipher_policy_1_2", "on")
    clb.fails("CertificateTypeMismatched", "SetLoadBalancerHTTPSListenerAttribute", ServerCertificateId=ca, **where)
    clb.fails("CertificateAndPrivateKeyIsRefered", "DeleteServerCertificate", ServerCertificateId=certs["a.example"])
    clb.fails("CertificateAndPrivateKeyIsRefered", "DeleteCACertificate", CACertificateId=ca)

    clb.fails("InvalidParameter.Domain", "CreateDomainExtension", Domain="c.example", ServerCertificateId=certs["b.example"], **where)
    made = clb.call("CreateDomainExtension", Domain="x.b.example", ServerCertificateId=certs["b.example"], **where)
    extension = made["DomainExtensionId"]
    listed = clb.call("DescribeDomainExtensions", **where)["DomainExtensions"]["DomainExtension"]
    assert [(e["Domain"], e["ServerCertificateId"]) for e in listed] == [("x.b.example", certs["b.example"])]
    clb.fails("CertificateRelatedDomainExtensionExist", "DeleteServerCertificate", ServerCertificateId=certs["b.example"])
    rule = [{"RuleName": "b", "Domain": "x.b.example", "VServerGroupId": group}]
    rule = clb.call("CreateRules", RuleList=rule, **where)["Rules"]["Rule"][0]["RuleId"]
    clb.fails("DomainExtensionRelatedRuleExist", "DeleteDomainExtension", DomainExtensionId=extension)
    clb.call("DeleteRules", RuleIds=[rule])
    clb.call("DeleteDomainExtension", DomainExtensionId=extension)

    clb.listener("http", lb, 8080, start=False, ListenerForward="on", ForwardPort=8443)
    assert clb.attribute("http", lb, 8080)["ForwardPort"] == 8443
    clb.fails("ListenerForwardExist", "DeleteLoadBalancerListener", **where)
    clb.fails("OperationFailed.ActionNotSupport", "CreateRules", LoadBalancerId=lb, ListenerPort=8080,
              RuleList=[{"RuleName": "r", "Url": "/x", "VServerGroupId": group}])  # fmt: skip
    clb.call("DeleteLoadBalancerListener", LoadBalancerId=lb, ListenerPort=8080)
    clb.call("SetLoadBalancerHTTPSListenerAttribute", CACertificateId="", **where)
    clb.call("DeleteCACertificate", CACertificateId=ca)
    clb.call("DeleteLoadBalancerListener", **where)
    clb.call("SetServerCertificateName", ServerCertificateId=certs["a.example"], ServerCertificateName="renamed")
    rows = clb.call("DescribeServerCertificates", ServerCertificateId=certs["a.example"])["ServerCertificates"]["ServerCertificate"]
    assert [(r["ServerCertificateName"], r["SubjectAlternativeNames"]) for r in rows] == [
        ("renamed", {"SubjectAlternativeName": ["a.example", "*.a.example"]})]  # fmt: skip
    for cert in certs.values():
        clb.call("DeleteServerCertificate", ServerCertificateId=cert)


@proves("CLBL-01")
def test_redirect_answers_with_the_https_address(clb, pems):
    lb, address = clb.instance()
    pem, key = pems("r.example")
    cert = clb.call("UploadServerCertificate", ServerCertificate=pem, PrivateKey=key)["ServerCertificateId"]
    clb.listener("https", lb, 8443, start=False, BackendServerPort=80, ServerCertificateId=cert)
    clb.listener("http", lb, 8080, ListenerForward="on", ForwardPort=8443)

    answer = lib.get((address, 8080), "/a?b=c", [("Host", f"{address}:8080")])

    assert (answer.status, answer.header("location")) == (302, f"https://{address}:8443/a?b=c")


def test_rule_has_settings_of_its_own_while_it_is_out_of_sync(clb):
    lb, _ = clb.instance()
    group = clb.group(lb)
    where = clb.listener("http", lb, 80, start=False, VServerGroupId=group)
    rule = clb.call("CreateRules", RuleList=[{"RuleName": "r", "Url": "/x", "VServerGroupId": group}], **where)
    rule = rule["Rules"]["Rule"][0]["RuleId"]
    own = {"Scheduler": "rr", "StickySession": "off", "HealthCheck": "off"}

    clb.call("SetRule", RuleId=rule, RuleName="renamed", ListenerSync="off", **own)
    told = clb.call("DescribeRuleAttribute", RuleId=rule)
    assert (told["RuleName"], told["ListenerSync"], told["Scheduler"], told["ListenerPort"]) == ("renamed", "off", "rr", "80")
    clb.call("SetRule", RuleId=rule, ListenerSync="on")
    assert "Scheduler" not in clb.call("DescribeRuleAttribute", RuleId=rule)


# --- access control ----------------------------------------------------------------------------


def test_access_lists_are_kept_and_belong_to_listeners(clb):
    lb, _ = clb.instance()
    acl = clb.call("CreateAccessControlList", AclName="list")["AclId"]
    entries = [{"entry": "10.0.0.0/8", "comment": "a"}, {"entry": "192.0.2.7"}]
    clb.call("AddAccessControlListEntry", AclId=acl, AclEntrys=entries)
    clb.call("AddAccessControlListEntry", AclId=acl, AclEntrys=entries[:1])
    for port, kind in ((80, "white"), (81, "black")):
        clb.listener("tcp", lb, port, start=False, BackendServerPort=80, AclStatus="on", AclType=kind, AclId=acl)

    told = clb.call("DescribeAccessControlListAttribute", AclId=acl)
    assert [e["AclEntryIP"] for e in told["AclEntrys"]["AclEntry"]] == ["10.0.0.0/8", "192.0.2.7/32"]
    users = told["RelatedListeners"]["RelatedListener"]
    assert [(u["ListenerPort"], u["AclType"], u["Protocol"]) for u in users] == [(80, "white", "tcp"), (81, "black", "tcp")]
    assert clb.attribute("tcp", lb, 80)["AclIds"] == {"AclId": [acl]}
    clb.call("RemoveAccessControlListEntry", AclId=acl, AclEntrys=[{"entry": "192.0.2.7/32"}])
    clb.call("SetAccessControlListAttribute", AclId=acl, AclName="renamed")
    listed = clb.call("DescribeAccessControlLists", AclName="renamed")
    assert (listed["TotalCount"], listed["Acls"]["Acl"][0]["AclId"]) == (1, acl)
    for port in (80, 81):
        where = {"LoadBalancerId": lb, "ListenerPort": port}
        clb.call("SetLoadBalancerTCPListenerAttribute", AclStatus="off", **where)
    clb.call("DeleteAccessControlList", AclId=acl)


def test_old_white_list_is_a_list_of_the_listener(clb):
    lb, _ = clb.instance()
    where = clb.listener("http", lb, 80, start=False, BackendServerPort=80)

    def told():
        answer = clb.call("DescribeListenerAccessControlAttribute", **where)
        return answer["AccessControlStatus"], answer["SourceItems"]

    assert told() == ("close", "")
    clb.call("AddListenerWhiteListItem", SourceItems="10.0.0.0/8, 192.0.2.1", **where)
    clb.call("SetListenerAccessControlStatus", AccessControlStatus="open_white_list", **where)
    assert told() == ("open_white_list", "10.0.0.0/8,192.0.2.1/32")
    assert clb.attribute("http", lb, 80)["AclType"] == "white"
    clb.fails("InvalidParameter.SourceItems", "AddListenerWhiteListItem", SourceItems="x", **where)
    clb.call("RemoveListenerWhiteListItem", SourceItems="192.0.2.1", **where)
    clb.call("SetListenerAccessControlStatus", AccessControlStatus="close", **where)
    assert told() == ("close", "10.0.0.0/8")
    clb.call("DeleteLoadBalancerListener", **where)


# --- the rest ----------------------------------------------------------------------------------


def test_tls_policies_live_and_name_their_users(clb, pems):
    lb, _ = clb.instance()
    suites = {"TLSVersions.1": "TLSv1.2", "Ciphers.1": "ECDHE-RSA-AES128-GCM-SHA256", "Ciphers.2": "AES128-SHA"}
    policy = clb.call("CreateTLSCipherPolicy", Name="strict", **suites)["TLSCipherPolicyId"]
    pem, key = pems("p.example")
    cert = clb.call("UploadServerCertificate", ServerCertificate=pem, PrivateKey=key)["ServerCertificateId"]
    where = clb.listener("https", lb, 443, start=False, BackendServerPort=80, ServerCertificateId=cert, TLSCipherPolicy=policy)

    row = clb.call("ListTLSCipherPolicies", TLSCipherPolicyId=policy, IncludeListener="true")["TLSCipherPolicies"][0]
    assert (row["Name"], row["TLSVersions"], len(row["Ciphers"])) == ("strict", ["TLSv1.2"], 2)
    assert row["RelateListeners"] == [{"LoadBalancerId": lb, "Port": 443, "Protocol": "https"}]
    clb.fails("TLSPolicyBeingUsed", "DeleteTLSCipherPolicy", TLSCipherPolicyId=policy)
    clb.call("SetTLSCipherPolicyAttribute", TLSCipherPolicyId=policy, Name="other", **suites)
    clb.call("DeleteLoadBalancerListener", **where)
    clb.call("DeleteTLSCipherPolicy", TLSCipherPolicyId=policy)
    assert clb.call("ListTLSCipherPolicies", TLSCipherPolicyId=policy)["TotalCount"] == 0


def test_tags_old_and_new_are_the_same_tags(clb):
    lb, _ = clb.instance()
    clb.call("AddTags", LoadBalancerId=lb, Tags='[{"TagKey": "k1", "TagValue": "v1"}]')
    clb.call("TagResources", ResourceType="instance", ResourceId=[lb], Tag=[{"Key": "k2", "Value": "v2"}])

    listed = clb.call("ListTagResources", ResourceType="instance", ResourceId=[lb])["TagResources"]["TagResource"]
    assert {(t["TagKey"], t["TagValue"]) for t in listed} == {("k1", "v1"), ("k2", "v2")}
    told = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)["Tags"]["Tag"]
    assert {(t["TagKey"], t["TagValue"]) for t in told} == {("k1", "v1"), ("k2", "v2")}
    sets = clb.call("DescribeTags", LoadBalancerId=lb)["TagSets"]["TagSet"]
    assert {(t["TagKey"], t["InstanceCount"]) for t in sets} == {("k1", 1), ("k2", 1)}
    clb.call("RemoveTags", LoadBalancerId=lb, Tags='[{"TagKey": "k1", "TagValue": "v1"}]')
    clb.call("UntagResources", ResourceType="instance", ResourceId=[lb], All="true")
    assert clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)["Tags"] == {"Tag": []}


def test_resource_group_is_a_label_that_can_be_changed(clb):
    lb, _ = clb.instance(ResourceGroupId="rg-1")
    clb.call("MoveResourceGroup", ResourceType="loadbalancer", ResourceId=lb, NewResourceGroupId="rg-2")

    rows = clb.call("DescribeLoadBalancers", ResourceGroupId="rg-2")["LoadBalancers"]["LoadBalancer"]
    assert [r["LoadBalancerId"] for r in rows] == [lb]


def test_region_and_zones_are_the_nodes(clb):
    assert [r["RegionId"] for r in clb.call("DescribeRegions")["Regions"]["Region"]] == [lib.REGION]
    zones = clb.call("DescribeZones")["Zones"]["Zone"]
    assert [z["ZoneId"] for z in zones] == list(lib.ZONES)
    assert [s["ZoneId"] for s in zones[0]["SlaveZones"]["SlaveZone"]] == list(lib.ZONES[1:])
    pairs = clb.call("DescribeAvailableResource", AddressIPVersion="ipv4")["AvailableResources"]["AvailableResource"]
    assert len(pairs) == 6
    assert clb.call("DescribeAvailableResource", AddressIPVersion="ipv6")["AvailableResources"] == {"AvailableResource": []}


def test_everything_is_there_after_a_crash(clb, node, backends):
    one = backends.nginx("ECS01")
    lb, address = clb.instance(LoadBalancerName="lasting")
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, server(one)))

    node.kill_child("control")
    node.wait_api()
    clb.wait_status("http", lb, 8080)
    assert lib.get((address, 8080)).status == 200


@proves("CLBSG-30", "CLBSG-31")
def test_servers_are_named_by_id_and_interfaces_must_be_bound(clb, node, backends):
    one = backends.nginx("ECS01")
    lb, address = clb.instance()
    server_id = node.call("OpenSlb", "RegisterServer", PrivateIpAddresses=[one.ip])["ServerId"]
    card = {"PrivateIpAddresses": ["127.0.0.3", "127.0.0.4"]}
    loose = node.call("OpenSlb", "RegisterNetworkInterface", **card)["NetworkInterfaceId"]
    bound = node.call("OpenSlb", "RegisterNetworkInterface", InstanceId=server_id, **card)["NetworkInterfaceId"]
    group = clb.group(lb, {"ServerId": server_id, "Port": one.port})
    eni = {"Type": "eni", "Port": one.port}
    pod = node.call("OpenSlb", "RegisterServer", ServerId="eci-1", PrivateIpAddresses=["127.0.0.5"])["ServerId"]

    def add(code, **given):
        clb.fails(code, "AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=[{**eni, **given}])

    add("MissingParameter", ServerId=bound)
    add("InvalidParameter", ServerId=bound, ServerIp="127.0.0.2")
    add("InvalidParameter", ServerId=loose, ServerIp="127.0.0.3")
    add("InvalidParameter", ServerId=bound, ServerIp="127.0.0.3", Type="ecs")
    add("InvalidBackendServers.ServerIpConflict", ServerId=one.ip, Type="ecs")
    for ip in ("127.0.0.3", "127.0.0.4"):
        clb.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=[{**eni, "ServerId": bound, "ServerIp": ip}])
    pod = {"ServerId": pod, "ServerIp": "127.0.0.5", "Type": "eci", "Port": one.port}
    clb.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=[pod])
    rows = clb.call("DescribeVServerGroupAttribute", VServerGroupId=group)["BackendServers"]["BackendServer"]
    assert [(r["ServerId"], r["Type"]) for r in rows] == [
        (server_id, "ecs"), (bound, "eni"), (bound, "eni"), ("eci-1", "eci")]  # fmt: skip
    gone = [{"ServerId": bound, "Port": one.port}] * 2 + [pod]
    clb.call("RemoveVServerGroupBackendServers", VServerGroupId=group, BackendServers=gone)
    clb.listener("http", lb, 8080, VServerGroupId=group)
    assert lib.get((address, 8080)).text == "ECS01\n"


@proves("CLB-32", "CLB-37")
def test_other_regions_are_not_known_here(clb, node):
    lb, _ = clb.instance()
    servers = '[{"ServerId": "127.0.0.1"}]'
    where = {"LoadBalancerId": lb, "RegionId": "cn-elsewhere", "BackendServers": servers}

    assert node.fails("InvalidRegionId.NotFound", "Slb", "AddBackendServers", **where).status == 404

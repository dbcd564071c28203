"""Every parameter that narrows a list is tried on two objects, one of which it must find and the other not."""
import json

import pytest

import alb as alb_words
import lib
from certs import Certs
from lib import REGION, VPC, VSWITCHES, ZONES

OTHER_ZONES = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(ZONES[1:], VSWITCHES[1:])]


def tag(value):
    return [{"Key": "of", "Value": value}]


@pytest.fixture(scope="module")
def certificates(node, tmp_path_factory):
    """Three server certificates and two client CAs of the certificate service: their ids."""
    made = Certs(tmp_path_factory.mktemp("certs"))

    def upload(name, **how):
        cert, key = made.make(name, **how)
        given = {"Cert": cert} if how.get("ca") else {"Cert": cert, "Key": key}
        return f'{node.call("Cas", "UploadUserCertificate", Name=name, **given)["CertId"]}-{REGION}'

    servers = [upload(f"www{i}.example.net") for i in range(3)]
    return servers, upload("filter-ca", ca=True)


def rows_of(answer, path):
    """The list that an answer has at a dotted path."""
    for name in path.split("."):
        answer = answer[name]
    return answer


def finds(node, operation, path, member, first, second, filters, **base):
    """Each filter alone lets first pass and not second; a value that nothing has finds neither; without, both are there.

    filters: (parameters) or (parameters, parameters that nothing passes).
    """
    product, action = operation.split(".")

    def found(**params):
        answer = node.call(product, action, **{**base, **params})
        rows = rows_of(answer, path)
        return [r[member] if isinstance(r, dict) else r for r in rows]

    everything = found()
    assert first in everything and second in everything, (operation, everything)
    for one in filters:
        params, none = one if isinstance(one, tuple) else (one, None)
        got = found(**params)
        assert first in got and second not in got, f"{operation} {params}: {got}"
        if none is not None:
            got = found(**none)
            assert first not in got and second not in got, f"{operation} {none}: {got}"


# --- ALB --------------------------------------------------------------------------------------------


def test_filters_of_alb_instances(node, alb):
    one = alb.new(LoadBalancerName="filtered-1", AddressType="Internet", Tag=tag("alb-1"), ResourceGroupId="rg-1")
    two = alb.new(
        LoadBalancerName="filtered-2", Tag=tag("alb-2"), ZoneMappings=OTHER_ZONES,
    )  # fmt: skip
    alb.wait_active(one)
    dns_name = alb.attributes(one)["DNSName"]
    finds(node, "Alb.ListLoadBalancers", "LoadBalancers", "LoadBalancerId", one, two, [
        ({"LoadBalancerIds": [one]}, {"LoadBalancerIds": ["alb-none"]}),
        ({"LoadBalancerNames": ["x1", "filtered-1"]}, {"LoadBalancerNames": ["filtered"]}),
        {"AddressType": "Internet"},
        ({"ZoneId": ZONES[0]}, {"ZoneId": "zone-none"}),
        ({"DNSName": dns_name}, {"DNSName": "none." + dns_name}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("alb-1")}, {"Tag": tag("alb-none")}),
    ])  # fmt: skip
    alb.wait_active(two)
    both = {"LoadBalancerIds": [one, two]}
    for params, n in (
        ({"AddressIpVersion": "IPv4"}, 2), ({"LoadBalancerStatus": "Active"}, 2), ({"LoadBalancerStatus": "Inactive"}, 0),
        ({"LoadBalancerBussinessStatus": "Normal"}, 2), ({"LoadBalancerBussinessStatus": "Abnormal"}, 0),
        ({"Ipv6AddressType": "Internet"}, 0), ({"Tag": [{"Key": "of"}]}, 2), ({"VpcIds": [VPC]}, 2), ({"VpcIds": ["vpc-none"]}, 0),
    ):  # fmt: skip
        assert len(alb.call("ListLoadBalancers", **both, **params)["LoadBalancers"]) == n, params


def test_filters_of_alb_groups_listeners_and_rules(node, alb):
    g1 = alb.group(ServerGroupName="filtered-1", Tag=tag("sgp-1"), ResourceGroupId="rg-1")
    g2 = alb.group(ServerGroupName="filtered-2", ServerGroupType="Instance", Tag=tag("sgp-2"))
    finds(node, "Alb.ListServerGroups", "ServerGroups", "ServerGroupId", g1, g2, [
        ({"ServerGroupIds": [g1]}, {"ServerGroupIds": ["sgp-none"]}),
        ({"ServerGroupNames": ["filtered-1"]}, {"ServerGroupNames": ["filtered"]}),
        {"ServerGroupType": "Ip"},
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("sgp-1")}, {"Tag": tag("sgp-none")}),
    ])  # fmt: skip

    servers = [{"ServerId": f"127.0.9.{i}", "ServerType": "Ip", "Port": 80, "RemoteIpEnabled": True} for i in (1, 2)]
    alb.do("AddServersToServerGroup", ServerGroupId=g1, Servers=servers)
    finds(node, "Alb.ListServerGroupServers", "Servers", "ServerId", "127.0.9.1", "127.0.9.2", [
        ({"ServerIds": ["127.0.9.1"]}, {"ServerIds": ["127.0.9.3"]}),
    ], ServerGroupId=g1)  # fmt: skip
    other = alb.group(servers[1], Tag=tag("sgp-3"))
    finds(node, "Alb.ListServerGroupServers", "Servers", "ServerGroupId", g1, other, [
        {"ServerGroupId": g1}, ({"Tag": tag("sgp-1")}, {"Tag": tag("sgp-none")}),
    ])  # fmt: skip

    a, b = alb.new(), alb.new()
    l1 = alb.call(
        "CreateListener", LoadBalancerId=a, ListenerProtocol="HTTP", ListenerPort=80,
        DefaultActions=[alb_words.forward(g1)], Tag=tag("lsn-1"),
    )["ListenerId"]  # fmt: skip
    node.fails("InvalidParameter", "Alb", "ListListeners", ListenerProtocol="TCP")
    l2 = alb.listener(b, other, 80)
    for vpc, n in ((VPC, 1), ("vpc-none", 0)):
        assert alb.call("ListServerGroups", ServerGroupIds=[g1], VpcId=vpc)["TotalCount"] == n
    finds(node, "Alb.ListListeners", "Listeners", "ListenerId", l1, l2, [
        ({"ListenerIds": [l1]}, {"ListenerIds": ["lsn-none"]}),
        ({"LoadBalancerIds": [a]}, {"LoadBalancerIds": ["alb-none"]}),
        ({"Tag": tag("lsn-1")}, {"Tag": tag("lsn-none")}),
    ])  # fmt: skip
    assert alb.call("ListListeners", ListenerIds=[l1], ListenerProtocol="http")["TotalCount"] == 1
    assert alb.call("ListListeners", ListenerIds=[l1], ListenerProtocol="HTTPS")["TotalCount"] == 0

    r1 = alb.rule(l1, 1, [alb_words.on("Path", "/a")], alb_words.fixed(), Tag=tag("rule-1"))
    r2 = alb.rule(l2, 1, [alb_words.on("Path", "/a")], alb_words.fixed())
    finds(node, "Alb.ListRules", "Rules", "RuleId", r1, r2, [
        ({"RuleIds": [r1]}, {"RuleIds": ["rule-none"]}),
        ({"ListenerIds": [l1]}, {"ListenerIds": ["lsn-none"]}),
        ({"LoadBalancerIds": [a]}, {"LoadBalancerIds": ["alb-none"]}),
        ({"Tag": tag("rule-1")}, {"Tag": tag("rule-none")}),
    ])  # fmt: skip
    assert alb.call("ListRules", RuleIds=[r1], Direction="Response")["TotalCount"] == 0


def test_filters_of_alb_lists_policies_templates_and_jobs(node, alb):
    acls = [alb.do("CreateAcl", AclName=f"filtered-{i}", Tag=tag(f"acl-{i}"), **more)["AclId"]
            for i, more in ((1, {"ResourceGroupId": "rg-1"}), (2, {}))]  # fmt: skip
    finds(node, "Alb.ListAcls", "Acls", "AclId", *acls, [
        ({"AclIds": [acls[0]]}, {"AclIds": ["acl-none"]}),
        ({"AclNames": ["filtered-1"]}, {"AclNames": ["filtered"]}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("acl-1")}, {"Tag": tag("acl-none")}),
    ])  # fmt: skip
    policies = [
        alb.call("CreateSecurityPolicy", SecurityPolicyName=f"filtered-{i}", TLSVersions=["TLSv1.2"],
                 Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"], Tag=tag(f"sp-{i}"), **more)["SecurityPolicyId"]
        for i, more in ((1, {"ResourceGroupId": "rg-1"}), (2, {}))
    ]  # fmt: skip
    finds(node, "Alb.ListSecurityPolicies", "SecurityPolicies", "SecurityPolicyId", *policies, [
        ({"SecurityPolicyIds": [policies[0]]}, {"SecurityPolicyIds": ["sp-none"]}),
        ({"SecurityPolicyNames": ["filtered-1"]}, {"SecurityPolicyNames": ["filtered"]}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("sp-1")}, {"Tag": tag("sp-none")}),
    ])  # fmt: skip
    templates = [
        alb.call("CreateHealthCheckTemplate", HealthCheckTemplateName=f"filtered-{i}", Tag=tag(f"hct-{i}"), **more)[
            "HealthCheckTemplateId"]
        for i, more in ((1, {"ResourceGroupId": "rg-1"}), (2, {}))
    ]  # fmt: skip
    finds(node, "Alb.ListHealthCheckTemplates", "HealthCheckTemplates", "HealthCheckTemplateId", *templates, [
        ({"HealthCheckTemplateIds": [templates[0]]}, {"HealthCheckTemplateIds": ["hct-none"]}),
        ({"HealthCheckTemplateNames": ["filtered-1"]}, {"HealthCheckTemplateNames": ["filtered"]}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("hct-1")}, {"Tag": tag("hct-none")}),
    ])  # fmt: skip

    began = alb.call("CreateServerGroup", ServerGroupName="jobs", ServerGroupType="Ip", VpcId=VPC,
                     HealthCheckConfig={"HealthCheckEnabled": False})  # fmt: skip
    node.wait_job("Alb", began)
    deleted = alb.do("DeleteAcl", AclId=acls[1])
    job = node.job("Alb", began["JobId"])
    late = node.job("Alb", deleted["JobId"])
    filters = [
        ({"JobIds": [job["Id"]]}, {"JobIds": ["none"]}),
        ({"ResourceIds": [began["ServerGroupId"]]}, {"ResourceIds": ["sgp-none"]}),
        {"ResourceType": "servergroup"}, {"ApiName": "CreateServerGroup"},
    ]  # fmt: skip
    if job["CreateTime"] < late["CreateTime"]:
        filters.append(({"EndTime": job["CreateTime"]}, {"EndTime": 1}))
    finds(node, "Alb.ListAsynJobs", "Jobs", "Id", job["Id"], late["Id"], filters, MaxResults=100)
    far = {"JobIds": [job["Id"]], "BeginTime": late["CreateTime"] + 1}
    assert alb.call("ListAsynJobs", **far)["Jobs"] == []


def test_filters_of_alb_certificates_and_tags(node, alb, certificates):
    (first, second, _), ca = certificates
    lb = alb.new(Tag=[{"Key": "zone-a", "Value": "1"}, {"Key": "zone-b", "Value": "2"}])
    group = alb.group()
    listener = alb.call(
        "CreateListener", LoadBalancerId=lb, ListenerProtocol="HTTPS", ListenerPort=443,
        DefaultActions=[alb_words.forward(group)], Certificates=[{"CertificateId": first}], CaEnabled=True,
        CaCertificates=[{"CertificateId": ca}],
    )["ListenerId"]  # fmt: skip
    alb.call(
        "AssociateAdditionalCertificatesWithListener", ListenerId=listener, Certificates=[{"CertificateId": second}]
    )
    # Without a type they are those of the server.
    finds(node, "Alb.ListListenerCertificates", "Certificates", "CertificateId", first, second, [
        ({"CertificateIds": [first]}, {"CertificateIds": ["99-none"]}),
    ], ListenerId=listener)  # fmt: skip
    by_type = {
        kind: [c["CertificateId"] for c in
               alb.call("ListListenerCertificates", ListenerId=listener, CertificateType=kind)["Certificates"]]
        for kind in ("Ca", "Server")
    }  # fmt: skip
    assert by_type == {"Ca": [ca], "Server": [first, second]}

    acl = alb.do("CreateAcl", AclName="tagged", Tag=[{"Key": "zone-a", "Value": "9"}])["AclId"]
    keys = alb.call("ListTagKeys", ResourceType="loadbalancer", MaxResults=100)["TagKeys"]
    assert {"zone-a", "zone-b"} <= {k["TagKey"] for k in keys} and {k["Category"] for k in keys} == {"Custom"}
    finds(node, "Alb.ListTagKeys", "TagKeys", "TagKey", "zone-a", "zone-b", [
        ({"Keyword": "ne-a"}, {"Keyword": "zone-c"}),
    ], ResourceType="loadbalancer", MaxResults=100)  # fmt: skip
    assert alb.call("ListTagKeys", ResourceType="loadbalancer", Category="System")["TagKeys"] == []
    finds(node, "Alb.ListTagValues", "TagValues", "", "1", "9", [
        {"ResourceType": "loadbalancer"}, ({"ResourceId": lb}, {"ResourceId": "alb-none"}),
    ], TagKey="zone-a")  # fmt: skip
    assert alb.call("ListTagValues", TagKey="zone-b")["TagValues"] == ["2"]
    other = alb.new(Tag=[{"Key": "zone-a", "Value": "2"}])
    finds(node, "Alb.ListTagResources", "TagResources", "ResourceId", lb, other, [
        ({"Tag": [{"Key": "zone-a", "Value": "1"}]}, {"Tag": [{"Key": "zone-a", "Value": "3"}]}),
        ({"ResourceId": [lb]}, {"ResourceId": ["alb-none"]}),
    ], ResourceType="loadbalancer", MaxResults=100)  # fmt: skip
    shown = alb.call("ListTagResources", ResourceType="acl", ResourceId=[acl])["TagResources"]
    assert [(t["ResourceId"], t["TagKey"], t["TagValue"]) for t in shown] == [(acl, "zone-a", "9")]


# --- NLB --------------------------------------------------------------------------------------------


def test_filters_of_nlb_instances(node, nlb):
    one = nlb.instance(
        LoadBalancerName="filtered-1", AddressType="Internet", Tag=tag("nlb-1"), ResourceGroupId="rg-1"
    )["LoadBalancerId"]  # fmt: skip
    two = nlb.call(
        "CreateLoadBalancer", AddressType="Intranet", VpcId=VPC, Tag=tag("nlb-2"), LoadBalancerName="filtered-2",
        ZoneMappings=OTHER_ZONES,
    )["LoadbalancerId"]  # fmt: skip
    dns_name = nlb.attributes(one)["DNSName"]
    finds(node, "Nlb.ListLoadBalancers", "LoadBalancers", "LoadBalancerId", one, two, [
        ({"LoadBalancerIds": [one]}, {"LoadBalancerIds": ["nlb-none"]}),
        ({"LoadBalancerNames": ["filtered-1"]}, {"LoadBalancerNames": ["filtered"]}),
        {"AddressType": "Internet"},
        ({"ZoneId": ZONES[0]}, {"ZoneId": "zone-none"}),
        ({"DNSName": dns_name}, {"DNSName": "none." + dns_name}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("nlb-1")}, {"Tag": tag("nlb-none")}),
    ])  # fmt: skip
    nlb.wait_active(two)
    both = {"LoadBalancerIds": [one, two]}
    for params, n in (
        ({"AddressIpVersion": "ipv4"}, 2), ({"LoadBalancerStatus": "Active"}, 2), ({"LoadBalancerStatus": "Deleted"}, 0),
        ({"LoadBalancerBusinessStatus": "Normal"}, 2), ({"LoadBalancerBusinessStatus": "Abnormal"}, 0),
        ({"Ipv6AddressType": "Internet"}, 0), ({"LoadBalancerType": "Network"}, 2), ({"VpcIds": [VPC]}, 2), ({"VpcIds": ["vpc-none"]}, 0),
    ):  # fmt: skip
        assert len(nlb.call("ListLoadBalancers", **both, **params)["LoadBalancers"]) == n, params


def test_filters_of_nlb_groups_listeners_and_policies(node, nlb, certificates):
    servers = [{"ServerId": f"127.0.9.{i}", "ServerType": "Ip", "Port": 80} for i in (1, 2)]
    g1 = nlb.group(*servers, ServerGroupName="filtered-1", Tag=tag("sgp-1"), ResourceGroupId="rg-1")
    g2 = nlb.group(ServerGroupName="filtered-2", ServerGroupType="Instance", Tag=tag("sgp-2"))
    finds(node, "Nlb.ListServerGroups", "ServerGroups", "ServerGroupId", g1, g2, [
        ({"ServerGroupIds": [g1]}, {"ServerGroupIds": ["sgp-none"]}),
        ({"ServerGroupNames": ["filtered-1"]}, {"ServerGroupNames": ["filtered"]}),
        {"ServerGroupType": "Ip"},
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("sgp-1")}, {"Tag": tag("sgp-none")}),
    ])  # fmt: skip
    finds(node, "Nlb.ListServerGroupServers", "Servers", "ServerId", "127.0.9.1", "127.0.9.2", [
        ({"ServerIds": ["127.0.9.1"]}, {"ServerIds": ["127.0.9.3"]}),
        ({"ServerIps": ["127.0.9.1"]}, {"ServerIps": ["127.0.9.3"]}),
    ], ServerGroupId=g1)  # fmt: skip
    udp = nlb.group(servers[0], Protocol="UDP")
    finds(node, "Nlb.ListServerGroupServers", "Servers", "ServerGroupId", g1, udp, [{"ServerGroupId": g1}])

    for vpc, n in ((VPC, 1), ("vpc-none", 0)):
        assert nlb.call("ListServerGroups", ServerGroupIds=[g1], VpcId=vpc)["TotalCount"] == n

    a, b = (nlb.instance()["LoadBalancerId"] for _ in range(2))
    l1 = nlb.listener(a, g1, Tag=tag("lsn-1"))
    l2 = nlb.listener(b, udp, "UDP")
    finds(node, "Nlb.ListListeners", "Listeners", "ListenerId", l1, l2, [
        ({"ListenerIds": [l1]}, {"ListenerIds": ["lsn-none"]}),
        ({"LoadBalancerIds": [a]}, {"LoadBalancerIds": ["nlb-none"]}),
        {"ListenerProtocol": "TCP"},
        ({"Tag": tag("lsn-1")}, {"Tag": tag("lsn-none")}),
    ])  # fmt: skip
    assert nlb.call("ListListeners", ListenerIds=[l1], SecSensorEnabled="false")["TotalCount"] == 1
    assert nlb.call("ListListeners", ListenerIds=[l1], SecSensorEnabled="true")["TotalCount"] == 0
    jobs = [nlb.do(action, ListenerId=l1)["JobId"] for action in ("StopListener", "StartListener")]
    shown = nlb.call("ListAsynJobs", JobIds=[jobs[0]])["Jobs"]
    assert [j.get("JobId", j.get("Id")) for j in shown] == [jobs[0]]

    policies = [
        nlb.do("CreateSecurityPolicy", SecurityPolicyName=f"filtered-{i}", TlsVersions=["TLSv1.2"],
               Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"], Tag=tag(f"sp-{i}"), **more)["SecurityPolicyId"]
        for i, more in ((1, {"ResourceGroupId": "rg-1"}), (2, {}))
    ]  # fmt: skip
    finds(node, "Nlb.ListSecurityPolicy", "SecurityPolicies", "SecurityPolicyId", *policies, [
        ({"SecurityPolicyIds": [policies[0]]}, {"SecurityPolicyIds": ["sp-none"]}),
        ({"SecurityPolicyNames": ["filtered-1"]}, {"SecurityPolicyNames": ["filtered"]}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("sp-1")}, {"Tag": tag("sp-none")}),
    ])  # fmt: skip
    shown = nlb.call("ListTagResources", ResourceType="listener", Tag=tag("lsn-1"))["TagResources"]
    assert [t["ResourceId"] for t in shown] == [l1]
    assert nlb.call("ListTagResources", ResourceType="servergroup", ResourceId=[g2])["TagResources"][0]["TagValue"] == "sgp-2"

    (first, second, _), ca = certificates
    tls = nlb.call(
        "CreateListener", LoadBalancerId=a, ServerGroupId=g1, ListenerProtocol="TCPSSL", ListenerPort=443,
        CertificateIds=[first], CaEnabled=True, CaCertificateIds=[ca],
    )["ListenerId"]  # fmt: skip
    nlb.call("AssociateAdditionalCertificatesWithListener", ListenerId=tls, AdditionalCertificateIds=[second])
    finds(node, "Nlb.ListListenerCertificates", "Certificates", "CertificateId", first, second, [
        ({"CertificateIds": [first]}, {"CertificateIds": ["99-none"]}),
    ], ListenerId=tls)  # fmt: skip
    by_type = {
        kind: [c["CertificateId"] for c in
               nlb.call("ListListenerCertificates", ListenerId=tls, CertType=kind)["Certificates"]]
        for kind in ("Ca", "Server")
    }  # fmt: skip
    assert by_type == {"Ca": [ca], "Server": [first, second]}


# --- CLB --------------------------------------------------------------------------------------------


def test_filters_of_clb_instances(node, clb):
    """Others are tried by test_instances_are_found_by_what_they_are."""
    one, _ = clb.instance(LoadBalancerName="filtered-1", ResourceGroupId="rg-1", MasterZoneId=ZONES[0],
                          SlaveZoneId=ZONES[1], PayType="PayOnDemand", Tag=tag("lb-1"))  # fmt: skip
    two, _ = clb.instance(LoadBalancerName="filtered-2", MasterZoneId=ZONES[1], SlaveZoneId=ZONES[2],
                          InternetChargeType="paybybandwidth", Bandwidth=5)  # fmt: skip
    finds(node, "Slb.DescribeLoadBalancers", "LoadBalancers.LoadBalancer", "LoadBalancerId", one, two, [
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"MasterZoneId": ZONES[0]}, {"MasterZoneId": "zone-none"}),
        ({"SlaveZoneId": ZONES[1]}, {"SlaveZoneId": "zone-none"}),
        {"InternetChargeType": "paybytraffic"},
        ({"Tags": json.dumps([{"tagKey": "of", "tagValue": "lb-1"}])},
         {"Tags": json.dumps([{"TagKey": "of", "TagValue": "none"}])}),
        ({"LoadBalancerName": "filtered-1"}, {"LoadBalancerName": "filtered"}),
    ], PageSize=100)  # fmt: skip
    both = {"LoadBalancerId": f"{one},{two}"}
    for params, n in (({"AddressIPVersion": "ipv4"}, 2), ({"AddressIPVersion": "ipv6"}, 0), ({"PayType": "PayOnDemand"}, 2)):
        assert clb.call("DescribeLoadBalancers", **both, **params)["TotalCount"] == n, params
    assert clb.call("DescribeLoadBalancers", PageSize=1)["PageNumber"] == 1
    for wrong in ({"PageSize": 101}, {"PageSize": 0}, {"PageNumber": 0}):
        clb.fails("InvalidParameter", "DescribeLoadBalancers", **wrong)


def test_filters_of_clb_listeners_groups_and_rules(node, clb):
    a, _ = clb.instance()
    b, _ = clb.instance()
    g1 = clb.group(a, {"ServerId": "127.0.9.1", "Port": 80}, VServerGroupName="filtered-1", Tag=tag("rsp-1"))
    g2 = clb.group(a, {"ServerId": "127.0.9.2", "Port": 80}, VServerGroupName="filtered-2")
    elsewhere = clb.group(b, {"ServerId": "127.0.9.1", "Port": 80})
    finds(node, "Slb.DescribeVServerGroups", "VServerGroups.VServerGroup", "VServerGroupId", g1, g2, [
        ({"Description": "filtered-1"}, {"Description": "none"}), ({"Tag": tag("rsp-1")}, {"Tag": tag("none")}),
    ], LoadBalancerId=a)  # fmt: skip
    clb.listener("http", a, 80, VServerGroupId=g1, Description="first-of-two", Tag=tag("listener-1"))
    clb.listener("tcp", b, 81, VServerGroupId=elsewhere)
    rows = clb.call("DescribeLoadBalancerListeners", MaxResults=100)["Listeners"]
    assert {(a, 80), (b, 81)} <= {(r["LoadBalancerId"], r["ListenerPort"]) for r in rows}
    finds(node, "Slb.DescribeLoadBalancerListeners", "Listeners", "LoadBalancerId", a, b, [
        ({"LoadBalancerId": [a]}, {"LoadBalancerId": ["lb-none"]}), {"ListenerProtocol": "http"},
        ({"ListenerPort": 80}, {"ListenerPort": 79}), ({"Description": "first-of-two"}, {"Description": "first"}),
        ({"Tag": tag("listener-1")}, {"Tag": tag("none")}),
    ], MaxResults=100)  # fmt: skip

    rule = clb.call("CreateRules", LoadBalancerId=a, ListenerPort=80,
                    RuleList=[{"RuleName": "r1", "Url": "/a", "VServerGroupId": g1}])["Rules"]["Rule"][0]["RuleId"]  # fmt: skip

    def associated(**params):
        (group,) = [g for g in clb.call("DescribeVServerGroups", LoadBalancerId=a, **params)["VServerGroups"]["VServerGroup"]
                    if g["VServerGroupId"] == g1]  # fmt: skip
        objects = group.get("AssociatedObjects", {})
        return objects.get("Listeners", {}).get("Listener"), objects.get("Rules", {}).get("Rule")

    assert associated() == (None, None)
    assert associated(IncludeListener=True) == ([{"Port": 80, "Protocol": "http"}], None)
    assert associated(IncludeRule=True)[1][0]["RuleId"] == rule

    pairs = [
        clb.call("CreateMasterSlaveServerGroup", LoadBalancerId=a, MasterSlaveServerGroupName=f"pair-{i}", **more,
                 MasterSlaveBackendServers=[{"ServerId": f"127.0.9.{s}", "Port": 80, "ServerType": t}
                                            for s, t in ((1, "Master"), (2, "Slave"))])["MasterSlaveServerGroupId"]
        for i, more in ((1, {"Tag": tag("pair-1")}), (2, {}))
    ]  # fmt: skip
    finds(node, "Slb.DescribeMasterSlaveServerGroups", "MasterSlaveServerGroups.MasterSlaveServerGroup",
          "MasterSlaveServerGroupId", *pairs, [
              ({"Description": "pair-1"}, {"Description": "none"}), ({"Tag": tag("pair-1")}, {"Tag": tag("none")}),
          ], LoadBalancerId=a)  # fmt: skip

    clb.listener("tcp", a, 90, VServerGroupId=g2)
    assert {k[0] for k in clb.health(a)} == {80, 90}
    assert {k[0] for k in clb.health(a, ListenerPort=90)} == {90}
    assert clb.health(a, ListenerPort=90, ListenerProtocol="tcp") == clb.health(a, ListenerProtocol="tcp")


def test_filters_of_clb_lists_certificates_policies_and_tags(node, clb, tmp_path):
    acls = [clb.call("CreateAccessControlList", AclName=f"filtered-{i}", AddressIPVersion="ipv4", **more)["AclId"]
            for i, more in ((1, {"ResourceGroupId": "rg-1", "Tag": tag("acl-1")}), (2, {}))]  # fmt: skip
    finds(node, "Slb.DescribeAccessControlLists", "Acls.Acl", "AclId", *acls, [
        {"AclName": "filtered-1"}, ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
        ({"Tag": tag("acl-1")}, {"Tag": tag("none")}),
    ], PageSize=50)  # fmt: skip
    assert clb.call("DescribeAccessControlLists", AddressIPVersion="ipv6")["TotalCount"] == 0
    entries = [{"entry": "10.0.0.0/8", "comment": "inside"}, {"entry": "192.0.2.1/32", "comment": "outside"}]
    clb.call("AddAccessControlListEntry", AclId=acls[0], AclEntrys=entries)
    finds(node, "Slb.DescribeAccessControlListAttribute", "AclEntrys.AclEntry", "AclEntryIP", "10.0.0.0/8",
          "192.0.2.1/32", [({"AclEntryComment": "inside"}, {"AclEntryComment": "none"}), {"Page": 1, "PageSize": 1}],
          AclId=acls[0])  # fmt: skip

    made = Certs(tmp_path)
    ids = []
    for i, more in ((1, {"ResourceGroupId": "rg-1", "Tag": tag("cert-1")}), (2, {})):
        cert, key = made.make(f"clb{i}.example.net")
        ids.append(clb.call("UploadServerCertificate", ServerCertificate=cert, PrivateKey=key, **more)["ServerCertificateId"])
    finds(node, "Slb.DescribeServerCertificates", "ServerCertificates.ServerCertificate", "ServerCertificateId", *ids, [
        ({"ServerCertificateId": ids[0]}, {"ServerCertificateId": "none"}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}), ({"Tag": tag("cert-1")}, {"Tag": tag("none")}),
    ])  # fmt: skip
    ids = []
    for i, more in ((1, {"ResourceGroupId": "rg-1", "Tag": tag("ca-1")}), (2, {})):
        cert, _ = made.make(f"ca{i}", ca=True)
        ids.append(clb.call("UploadCACertificate", CACertificate=cert, **more)["CACertificateId"])
    finds(node, "Slb.DescribeCACertificates", "CACertificates.CACertificate", "CACertificateId", *ids, [
        ({"CACertificateId": ids[0]}, {"CACertificateId": "none"}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}), ({"Tag": tag("ca-1")}, {"Tag": tag("none")}),
    ])  # fmt: skip

    policies = [
        clb.call("CreateTLSCipherPolicy", Name=f"filtered-{i}", **{"TLSVersions.1": "TLSv1.2",
                 "Ciphers.1": "ECDHE-RSA-AES128-GCM-SHA256"})["TLSCipherPolicyId"] for i in (1, 2)
    ]  # fmt: skip
    finds(node, "Slb.ListTLSCipherPolicies", "TLSCipherPolicies", "InstanceId", *policies, [
        ({"TLSCipherPolicyId": policies[0]}, {"TLSCipherPolicyId": "tls-none"}),
        ({"Name": "filtered-1"}, {"Name": "none"}),
    ])  # fmt: skip

    one, _ = clb.instance(Tag=tag("tagged-1"))
    two, _ = clb.instance(Tag=tag("tagged-2"))
    finds(node, "Slb.ListTagResources", "TagResources.TagResource", "ResourceId", one, two, [
        ({"ResourceId": [one]}, {"ResourceId": ["lb-none"]}), ({"Tag": tag("tagged-1")}, {"Tag": tag("none")}),
    ], ResourceType="instance")  # fmt: skip
    finds(node, "Slb.DescribeTags", "TagSets.TagSet", "TagValue", "tagged-1", "tagged-2", [
        ({"LoadBalancerId": one}, {"LoadBalancerId": "lb-none"}),
        ({"Tags": json.dumps([{"TagKey": "of", "TagValue": "tagged-1"}])},
         {"Tags": json.dumps([{"TagKey": "of", "TagValue": "none"}])}),
    ])  # fmt: skip
    by_key = clb.call("DescribeTags", DistinctKey=True)["TagSets"]["TagSet"]
    assert [r["TagKey"] for r in by_key].count("of") == 1

    log = [{"logProject": "p", "LogStore": "s"}]
    for lb in (one, two):
        clb.call("SetAccessLogsDownloadAttribute", LoadBalancerId=lb, LogsDownloadAttributes=log)
    finds(node, "Slb.DescribeAccessLogsDownloadAttribute", "LogsDownloadAttributes.LogsDownloadAttribute",
          "LoadBalancerId", one, two, [
              ({"LoadBalancerId": one}, {"LogType": "layer4"}),
              ({"Tags": json.dumps([{"TagKey": "of", "TagValue": "tagged-1"}])},
               {"Tags": json.dumps([{"TagKey": "of", "TagValue": "none"}])}),
          ])  # fmt: skip


# --- DNS --------------------------------------------------------------------------------------------


def test_filters_of_domains_and_records(node):
    def call(action, **params):
        return node.call("Alidns", action, **params)

    group = call("AddDomainGroup", GroupName="filtered")["GroupId"]
    call("AddDomain", DomainName="filter-one.example", GroupId=group, ResourceGroupId="rg-1")
    call("AddDomain", DomainName="filter-two.example")
    names = ("filter-one.example", "filter-two.example")
    finds(node, "Alidns.DescribeDomains", "Domains.Domain", "DomainName", *names, [
        ({"KeyWord": "ER-ONE"}, {"KeyWord": "filter-three"}),
        ({"KeyWord": "filter-one.example", "SearchMode": "EXACT"}, {"KeyWord": "filter", "SearchMode": "EXACT"}),
        ({"GroupId": group}, {"GroupId": "dg-none"}),
        ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-none"}),
    ])  # fmt: skip
    call("MoveDomainResourceGroup", ResourceId="filter-two.example", NewResourceGroupId="rg-2")
    (moved,) = call("DescribeDomains", ResourceGroupId="rg-2")["Domains"]["Domain"]
    assert moved["DomainName"] == "filter-two.example"
    node.fails("InvalidDomainName.NoExist", "Alidns", "MoveDomainResourceGroup", ResourceId="none.example",
               NewResourceGroupId="rg-2")  # fmt: skip
    other = call("AddDomainGroup", GroupName="another")["GroupId"]
    finds(node, "Alidns.DescribeDomainGroups", "DomainGroups.DomainGroup", "GroupId", group, other, [
        ({"KeyWord": "filter"}, {"KeyWord": "none"}),
    ])  # fmt: skip

    def add(rr, kind, value, **params):
        return call("AddDomainRecord", DomainName=names[0], RR=rr, Type=kind, Value=value, **params)["RecordId"]

    one, two = add("www", "A", "192.0.2.1"), add("mail", "MX", "mx.example.net", Priority=5)
    call("SetDomainRecordStatus", RecordId=two, Status="Disable")
    finds(node, "Alidns.DescribeDomainRecords", "DomainRecords.Record", "RecordId", one, two, [
        ({"RRKeyWord": "WW"}, {"RRKeyWord": "none"}),
        ({"TypeKeyWord": "A"}, {"TypeKeyWord": "TXT"}),
        ({"ValueKeyWord": "192.0"}, {"ValueKeyWord": "none"}),
        ({"KeyWord": "www"}, {"KeyWord": "none"}),
        ({"KeyWord": "www", "SearchMode": "EXACT"}, {"KeyWord": "w", "SearchMode": "EXACT"}),
        ({"Type": "A"}, {"Type": "TXT"}),
        {"Status": "Enable"},
        ({"RRKeyWord": "www", "TypeKeyWord": "A", "SearchMode": "COMBINATION"},
         {"RRKeyWord": "www", "TypeKeyWord": "MX", "SearchMode": "COMBINATION"}),
    ], DomainName=names[0])  # fmt: skip
    assert call("DescribeDomainRecords", DomainName=names[0], Line="unicom")["TotalCount"] == 0
    orders = [
        [r["RecordId"] for r in call("DescribeDomainRecords", DomainName=names[0], Direction=d)["DomainRecords"]["Record"]]
        for d in ("ASC", "DESC")
    ]
    assert orders == [[one, two], [two, one]]
    text = add("www", "TXT", "hello")
    finds(node, "Alidns.DescribeSubDomainRecords", "DomainRecords.Record", "RecordId", one, text, [
        ({"Type": "A"}, {"Type": "MX"}),
    ], SubDomain=f"www.{names[0]}")  # fmt: skip
    assert call("DescribeSubDomainRecords", SubDomain=f"www.{names[0]}", Line="unicom")["TotalCount"] == 0

    for rr in ("www", "api"):
        for i in (3, 4):
            add(rr, "A", f"192.0.2.{i}")
        call("SetDNSSLBStatus", SubDomain=f"{rr}.{names[0]}", Open=True)
    finds(node, "Alidns.DescribeDNSSLBSubDomains", "SlbSubDomains.SlbSubDomain", "SubDomain", f"www.{names[0]}",
          f"api.{names[0]}", [({"Rr": "www"}, {"Rr": "none"})], DomainName=names[0])  # fmt: skip

    call("TagResources", ResourceType="DOMAIN", ResourceId=[names[0]], Tag=tag("domain-1"))
    call("TagResources", ResourceType="DOMAIN", ResourceId=[names[1]], Tag=tag("domain-2"))
    finds(node, "Alidns.ListTagResources", "TagResources", "ResourceId", *names, [
        ({"ResourceId": [names[0]]}, {"ResourceId": ["none.example"]}), ({"Tag": tag("domain-1")}, {"Tag": tag("none")}),
    ], ResourceType="DOMAIN")  # fmt: skip


def test_filters_of_logs_of_domains(node):
    def call(action, **params):
        return node.call("Alidns", action, **params)

    group = call("AddDomainGroup", GroupName="logged")["GroupId"]
    names = ("logged-one.example", "logged-two.example")
    call("AddDomain", DomainName=names[0], GroupId=group)
    call("AddDomain", DomainName=names[1])
    finds(node, "Alidns.DescribeDomainLogs", "DomainLogs.DomainLog", "DomainName", *names, [
        ({"KeyWord": "logged-one"}, {"KeyWord": "logged-three"}),
        ({"GroupId": group}, {"GroupId": "dg-none"}),
    ])  # fmt: skip
    for rr in ("www", "api"):
        call("AddDomainRecord", DomainName=names[0], RR=rr, Type="A", Value="192.0.2.1")
    logs = call("DescribeRecordLogs", DomainName=names[0])["RecordLogs"]["RecordLog"]
    assert len(logs) == 2
    (found,) = call("DescribeRecordLogs", DomainName=names[0], KeyWord="www")["RecordLogs"]["RecordLog"]
    assert "www" in found["Message"]
    for action, base in (("DescribeDomainLogs", {}), ("DescribeRecordLogs", {"DomainName": names[0]})):
        for when, n in (({"StartDate": "2000-01-01"}, True), ({"endDate": "2000-01-01"}, False),
                        ({"StartDate": "2000-01-01", "endDate": "2999-01-01"}, True)):  # fmt: skip
            assert (call(action, **base, **when)["TotalCount"] > 0) == n, (action, when)


# --- inventory --------------------------------------------------------------------------------------


def test_filters_of_the_inventory(node):
    vswitches = [
        node.call("Vpc", "CreateVSwitch", VpcId=VPC, ZoneId=ZONES[i], CidrBlock=f"{node.prefix}.{100 + i}.0/28",
                  VSwitchName=f"filtered-{i}", Tag=tag(f"vsw-{i}"))["VSwitchId"] for i in range(2)
    ]  # fmt: skip
    finds(node, "Vpc.DescribeVSwitches", "VSwitches.VSwitch", "VSwitchId", *vswitches, [
        ({"VSwitchId": vswitches[0]}, {"VSwitchId": "vsw-none"}), ({"VSwitchName": "filtered-0"}, {"VSwitchName": "none"}),
        ({"ZoneId": ZONES[0]}, {"ZoneId": ZONES[2]}), ({"Tag": tag("vsw-0")}, {"Tag": tag("none")}),
    ], PageSize=50, IsDefault=False)  # fmt: skip
    finds(node, "Vpc.DescribeVSwitches", "VSwitches.VSwitch", "VSwitchId", VSWITCHES[0], vswitches[0], [
        {"IsDefault": True},
    ], PageSize=50)  # fmt: skip
    for params, n in (({"VpcId": VPC}, 1), ({"VpcId": "vpc-none"}, 0), ({"VpcName": "none"}, 0), ({"IsDefault": True}, 1),
                      ({"IsDefault": False}, 0), ({"Tag": tag("none")}, 0)):  # fmt: skip
        assert node.call("Vpc", "DescribeVpcs", **params)["TotalCount"] == n, params
    assert node.call("Vpc", "DescribeVSwitches", VpcId="vpc-none")["TotalCount"] == 0

    eips = [node.call("Vpc", "AllocateEipAddress", Name=f"filtered-{i}", Tag=tag(f"eip-{i}")) for i in range(2)]
    ids = [e["AllocationId"] for e in eips]
    finds(node, "Vpc.DescribeEipAddresses", "EipAddresses.EipAddress", "AllocationId", *ids, [
        ({"AllocationId": ids[0]}, {"AllocationId": "eip-none"}), ({"EipName": "filtered-0"}, {"EipName": "none"}),
        ({"EipAddress": eips[0]["EipAddress"]}, {"EipAddress": "192.0.2.1"}), ({"Tag": tag("eip-0")}, {"Tag": tag("none")}),
    ], PageSize=50)  # fmt: skip
    lb = node.call("Slb", "CreateLoadBalancer", RegionId=REGION)
    (used,) = node.call("Vpc", "DescribeEipAddresses", AssociatedInstanceId=lb["LoadBalancerId"])["EipAddresses"]["EipAddress"]
    assert used["IpAddress"] == lb["Address"]
    finds(node, "Vpc.DescribeEipAddresses", "EipAddresses.EipAddress", "AllocationId", used["AllocationId"], ids[0], [
        {"Status": "InUse"},
    ], PageSize=50)  # fmt: skip

    servers = [
        node.call("OpenSlb", "RegisterServer", Name=f"filtered-{i}", PrivateIpAddresses=[f"{node.prefix}.{16 * i}.99"],
                  Tag=tag(f"i-{i}"))["ServerId"] for i in range(2)
    ]  # fmt: skip
    finds(node, "OpenSlb.ListServers", "Servers", "ServerId", *servers, [
        ({"ServerIds": [servers[0]]}, {"ServerIds": ["i-none"]}), ({"Name": "filtered-0"}, {"Name": "none"}),
        ({"ZoneId": ZONES[0]}, {"ZoneId": ZONES[2]}), ({"Tag": tag("i-0")}, {"Tag": tag("none")}),
    ])  # fmt: skip
    assert node.call("OpenSlb", "ListServers", VpcId="vpc-none")["TotalCount"] == 0
    finds(node, "Ecs.DescribeInstances", "Instances.Instance", "InstanceId", *servers, [
        ({"InstanceIds": json.dumps([servers[0]])}, {"InstanceIds": '["i-none"]'}),
        ({"InstanceName": "filtered-0"}, {"InstanceName": "none"}), ({"ZoneId": ZONES[0]}, {"ZoneId": ZONES[2]}),
        ({"VSwitchId": VSWITCHES[0]}, {"VSwitchId": VSWITCHES[2]}), ({"Tag": tag("i-0")}, {"Tag": tag("none")}),
        ({"PrivateIpAddresses": json.dumps([f"{node.prefix}.0.99"])}, {"PrivateIpAddresses": '["192.0.2.1"]'}),
    ])  # fmt: skip
    assert node.call("Ecs", "DescribeInstances", VpcId="vpc-none")["TotalCount"] == 0

    interfaces = [
        node.call("OpenSlb", "RegisterNetworkInterface", Name=f"filtered-{i}", PrivateIpAddresses=[f"{node.prefix}.{16 * i}.98"],
                  **({"InstanceId": servers[0]} if i == 0 else {}))["NetworkInterfaceId"] for i in range(2)
    ]  # fmt: skip
    finds(node, "OpenSlb.ListNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId", *interfaces, [
        ({"NetworkInterfaceIds": [interfaces[0]]}, {"NetworkInterfaceIds": ["eni-none"]}),
        ({"InstanceId": servers[0]}, {"InstanceId": "i-none"}), ({"Name": "filtered-0"}, {"Name": "none"}),
        ({"ZoneId": ZONES[0]}, {"ZoneId": ZONES[2]}),
    ])  # fmt: skip
    finds(node, "Ecs.DescribeNetworkInterfaces", "NetworkInterfaceSets.NetworkInterfaceSet", "NetworkInterfaceId", *interfaces, [
        ({"NetworkInterfaceId": [interfaces[0]]}, {"NetworkInterfaceId": ["eni-none"]}),
        ({"InstanceId": servers[0]}, {"InstanceId": "i-none"}), {"Status": "InUse"},
        ({"NetworkInterfaceName": "filtered-0"}, {"NetworkInterfaceName": "none"}),
        ({"VSwitchId": VSWITCHES[0]}, {"VSwitchId": VSWITCHES[2]}),
        ({"PrimaryIpAddress": f"{node.prefix}.0.98"}, {"PrimaryIpAddress": "192.0.2.1"}),
        ({"PrivateIpAddress": [f"{node.prefix}.0.98"]}, {"PrivateIpAddress": ["192.0.2.1"]}),
    ])  # fmt: skip

    groups = [
        node.call("Ecs", "CreateSecurityGroup", VpcId=VPC, SecurityGroupName=f"filtered-{i}", SecurityGroupType=kind,
                  Tag=tag(f"sg-{i}"))["SecurityGroupId"] for i, kind in enumerate(("normal", "enterprise"))
    ]  # fmt: skip
    finds(node, "Ecs.DescribeSecurityGroups", "SecurityGroups.SecurityGroup", "SecurityGroupId", *groups, [
        ({"SecurityGroupId": groups[0]}, {"SecurityGroupId": "sg-none"}),
        ({"SecurityGroupIds": json.dumps(groups[:1])}, {"SecurityGroupIds": '["sg-none"]'}),
        ({"SecurityGroupName": "filtered-0"}, {"SecurityGroupName": "none"}), {"SecurityGroupType": "normal"},
        ({"Tag": tag("sg-0")}, {"Tag": tag("none")}),
    ])  # fmt: skip
    assert node.call("Ecs", "DescribeSecurityGroups", VpcId="vpc-none")["TotalCount"] == 0


def test_filters_of_certificates_refusals_and_events(node, tmp_path):
    made = Certs(tmp_path)
    ids = []
    for name in ("listed-one.example.net", "listed-two.example.net"):
        cert, key = made.make(name)
        ids.append(node.call("Cas", "UploadUserCertificate", Name=name, Cert=cert, Key=key)["CertId"])
    finds(node, "Cas.ListUserCertificateOrder", "CertificateOrderList", "CertificateId", *ids, [
        ({"Keyword": "listed-one"}, {"Keyword": "listed-three"}),
    ], OrderType="UPLOAD")  # fmt: skip
    for params in ({"OrderType": "UPLOAD", "Status": "EXPIRED"}, {"OrderType": "BUY"}):
        shown = node.call("Cas", "ListUserCertificateOrder", **params)["CertificateOrderList"]
        assert not set(ids) & {r["CertificateId"] for r in shown}, params

    node.call("Cas", "DeleteUserCertificate", CertId=ids[0])
    key = node.new_key()
    key.call("Slb", "DescribeRegions")

    def events(**params):
        look = [{"Key": k, "Value": v} for k, v in params.items()]
        return node.call("ActionTrail", "LookupEvents", LookupAttribute=look, MaxResults=50)["Events"]

    for name, value, member in (
        ("EventName", "DeleteUserCertificate", "eventName"), ("EventRW", "Read", "eventRW"),
        ("ServiceName", "Cas", "serviceName"), ("ResourceName", f"{ids[0]}-{REGION}", "resourceName"),
    ):  # fmt: skip
        lib.wait_for(lambda n=name, v=value: events(**{n: v}), f"events by {name}")
        assert {e[member].lower() for e in events(**{name: value})} == {value.lower()}
    lib.wait_for(lambda: events(EventAccessKeyId=key.key), "events of the key")
    (one,) = events(EventAccessKeyId=key.key)
    assert one["eventName"] == "DescribeRegions" and events(EventId=one["eventId"]) == [one]
    assert {e["eventId"] for e in events(User=key.key)} == {one["eventId"]}
    assert events(EventName="None") == []

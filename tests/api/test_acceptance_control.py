"""Rows of tests/acceptance.tsv that the control plane decides: what is offered to whom, and what is not."""
import re

import pytest

import alb as alb_words
import lib
import nlb as nlb_words
from certs import Certs
from lib import REGION, VPC, VSWITCHES, ZONES, get, proves, wait_for


@pytest.fixture(scope="module")
def certificate(node, tmp_path_factory):
    cert, key = Certs(tmp_path_factory.mktemp("certs")).make("www.example.net")
    return f'{node.call("Cas", "UploadUserCertificate", Name="www", Cert=cert, Key=key)["CertId"]}-{REGION}'


def operations(table):
    """{operation: set of its parameters} of a table."""
    found, op = {}, None
    for line in (lib.ROOT / f"src/openapi/tables/{table}.txt").read_text().splitlines():
        words = line.split()
        if words[:1] == ["op"]:
            op = found.setdefault(words[1], set())
        elif words[:1] == ["in"]:
            op.add(words[1])
    return found


# --- elastic addresses of ALB ------------------------------------------------------------------------


@proves("ALBI-19", "ALBI-21")
def test_alb_takes_only_eips_that_are_metered_by_traffic_and_in_no_package(node, alb, nlb):
    """When it is made, when it becomes public, when zones are added; NLB likewise."""

    def eip(**params):
        return node.call("Vpc", "AllocateEipAddress", **params)["AllocationId"]

    fine = [eip(InternetChargeType="PayByTraffic"), eip()]
    shown = node.call("Vpc", "DescribeEipAddresses", AllocationId=fine[1])["EipAddresses"]["EipAddress"][0]
    assert (shown["InternetChargeType"], shown["ChargeType"]) == ("PayByTraffic", "PostPaid")
    wrong = [eip(InternetChargeType="PayByBandwidth"), eip(InstanceChargeType="PrePaid")]
    assert node.call("Vpc", "DescribeEipAddresses", ChargeType="PrePaid")["EipAddresses"]["EipAddress"][0]["AllocationId"] == wrong[1]

    def mappings(first, second):
        return [{"ZoneId": z, "VSwitchId": v, "AllocationId": e} for z, v, e in zip(ZONES, VSWITCHES, (first, second))]

    code = "OperationDenied.OnlyPostPaidEipSupported"
    new = {"AddressType": "Internet", "VpcId": VPC}
    billing = {"LoadBalancerEdition": "Standard", "LoadBalancerBillingConfig": alb_words.BILLING}
    private = alb.new()
    for bad in wrong:
        refused = alb.fails(code, "CreateLoadBalancer", **new, **billing, ZoneMappings=mappings(fine[0], bad))
        assert refused.status == 400 and bad in refused.message
        nlb.fails(code, "CreateLoadBalancer", **new, ZoneMappings=mappings(bad, fine[0]))
        alb.fails(code, "UpdateLoadBalancerAddressTypeConfig", LoadBalancerId=private, AddressType="Internet",
                  ZoneMappings=mappings(fine[0], bad))  # fmt: skip
    public = alb.new(**new, ZoneMappings=mappings(*fine))  # which nobody took meanwhile
    other = nlb.instance(AddressType="Internet")["LoadBalancerId"]
    third = {"ZoneId": ZONES[2], "VSwitchId": VSWITCHES[2], "AllocationId": wrong[0]}
    nlb.fails(code, "UpdateLoadBalancerZones", LoadBalancerId=other, ZoneMappings=[*nlb_words.ZONE_MAPPINGS, third])
    shown = alb.attributes(public)["ZoneMappings"]
    assert [m["LoadBalancerAddresses"][0]["AllocationId"] for m in shown] == fine

    # There are no packages that one could be in.
    package = {"BandwidthPackageId": "cbwp-1", "LoadBalancerId": public, "RegionId": REGION}
    for words in (alb, nlb):
        words.fails("UnsupportedOperation", "AttachCommonBandwidthPackageToLoadBalancer", **package)
    for action in ("CreateCommonBandwidthPackage", "AddCommonBandwidthPackageIp"):
        node.fails("InvalidAction.NotFound", "Vpc", action, BandwidthPackageId="cbwp-1", IpInstanceId=fine[0])


# --- editions of ALB ---------------------------------------------------------------------------------


@proves("ALBI-26")
def test_standard_adds_policies_redirect_rewrite_and_tracing_to_basic(node, alb, backends, certificate):
    """Basic refuses each of the four by name; the same calls pass when the instance has become Standard."""
    web = backends.http(lambda request: lib.e2e.response(request.target.encode()))
    mine = alb.instance(LoadBalancerEdition="Basic")
    lb, group = mine["LoadBalancerId"], alb.group(web)
    listener = alb.listener(lb, group)
    policy = alb.call("CreateSecurityPolicy", SecurityPolicyName="own", TLSVersions=["TLSv1.2"],
                      Ciphers=["ECDHE-RSA-AES128-GCM-SHA256"])["SecurityPolicyId"]  # fmt: skip
    secure = {"LoadBalancerId": lb, "ListenerProtocol": "HTTPS", "ListenerPort": 443, "SecurityPolicyId": policy,
              "Certificates": [{"CertificateId": certificate}], "DefaultActions": [alb_words.forward(group)]}  # fmt: skip
    rule = {"ListenerId": listener, "RuleName": "rule"}
    redirect = {**rule, "Priority": 1, "RuleConditions": [alb_words.on("Path", "/moved")],
                "RuleActions": alb_words.ordered([alb_words.action("Redirect", Path="/there", HttpCode="302")])}  # fmt: skip
    rewrite = {**rule, "Priority": 2, "RuleConditions": [alb_words.on("Path", "/old")],
               "RuleActions": alb_words.ordered([alb_words.action("Rewrite", Path="/new"), alb_words.forward(group)])}  # fmt: skip
    trace = {"ListenerId": listener, "AccessLogTracingConfig": {"TracingEnabled": True, "TracingSample": 100, "TracingType": "Zipkin"}}
    alb.do("EnableLoadBalancerAccessLog", LoadBalancerId=lb, LogProject="p", LogStore="s")
    calls = [("CreateListener", secure), ("CreateRule", redirect), ("CreateRule", rewrite), ("UpdateListenerLogConfig", trace)]
    for action, params in calls:
        with pytest.raises(lib.ApiError) as refused:
            alb.call(action, **params)
        assert refused.value.status == 400 and "Basic" in refused.value.message, (action, refused.value)
    assert alb.call("ListRules", ListenerIds=[listener])["TotalCount"] == 0

    alb.call("UpdateLoadBalancerEdition", LoadBalancerId=lb, LoadBalancerEdition="Standard")
    for action, params in calls[1:3]:
        alb.do(action, **params)
    address = (alb_words.vips(mine)[0], 80)
    moved = get(address, "/moved", [("Host", "www.example.net")])
    assert (moved.status, moved.header("location")) == (302, "http://www.example.net/there")
    assert get(address, "/old").text == "/new"
    assert alb.call("ListListeners", ListenerIds=[listener])["Listeners"][0]["LogConfig"]["AccessLogTracingConfig"]["TracingEnabled"] is False
    for action, params in (calls[0], calls[3]):
        alb.call(action, **params)
    shown = {r["ListenerPort"]: r for r in alb.call("ListListeners", LoadBalancerIds=[lb])["Listeners"]}
    assert shown[443]["SecurityPolicyId"] == policy
    assert shown[80]["LogConfig"]["AccessLogTracingConfig"]["TracingSample"] == 100
    alb.fails("OperationDenied.Downgrade", "UpdateLoadBalancerEdition", LoadBalancerId=lb, LoadBalancerEdition="Basic")


# --- what cannot be moved to ALB, and what CLB lacks -------------------------------------------------


@proves("DNS-18")
def test_alb_has_no_place_for_tcp_and_udp_listeners_of_a_clb(alb, clb, backends, certificate):
    """Each listener of a CLB is asked for at an ALB, with its protocol, port and servers."""
    web = backends.nginx("ECS01")
    classic, _ = clb.instance()
    clb.listener("tcp", classic, 80, start=False, VServerGroupId=clb.group(classic, web))
    clb.listener("udp", classic, 53, start=False, VServerGroupId=clb.group(classic, web))
    clb.listener("http", classic, 8080, start=False, VServerGroupId=clb.group(classic, web))
    rows = clb.call("DescribeLoadBalancerListeners", LoadBalancerId=[classic])["Listeners"]
    mine = alb.instance()
    group = alb.group(web)

    def move(protocol, port):
        more = {"Certificates": [{"CertificateId": certificate}]} if protocol == "HTTPS" else {}
        return alb.call("CreateListener", LoadBalancerId=mine["LoadBalancerId"], ListenerProtocol=protocol,
                        ListenerPort=port, DefaultActions=[alb_words.forward(group)], **more)  # fmt: skip

    moved = []
    for protocol, port in [(r["ListenerProtocol"].upper(), r["ListenerPort"]) for r in rows] + [("HTTPS", 443)]:
        if protocol in ("TCP", "UDP"):
            with pytest.raises(lib.ApiError) as refused:
                move(protocol, port)
            assert (refused.value.status, refused.value.code) == (400, "InvalidParameter"), refused.value
            assert "ListenerProtocol" in refused.value.message and protocol in refused.value.message
            alb.fails("InvalidParameter", "CreateServerGroup", ServerGroupName="group", Protocol=protocol, VpcId=VPC,
                      HealthCheckConfig={"HealthCheckEnabled": False})  # fmt: skip
        else:
            move(protocol, port)
            moved.append((protocol, port))
    assert moved == [("HTTP", 8080), ("HTTPS", 443)]
    shown = alb.call("ListListeners", LoadBalancerIds=[mine["LoadBalancerId"]])["Listeners"]
    assert [(r["ListenerProtocol"], r["ListenerPort"]) for r in shown] == moved
    address = (alb_words.vips(mine)[0], 8080)
    wait_for(lambda: lib.accepts(address), "the moved listener serves")
    assert get(address).text.strip() == "ECS01"


LIMITS = re.compile("qps|rate|limit|throttl|bandwidth|cps", re.IGNORECASE)


@proves("CLBL-32")
def test_clb_has_no_limit_by_url_only_the_bandwidth_of_a_listener(node, alb, clb, backends):
    """No operation on rules takes a limit, and what ALB calls one is no member of a rule; listeners take a bandwidth."""
    table = operations("slb")
    for action, params in table.items():
        if "Rule" in action:
            assert not [p for p in params if LIMITS.search(p)], action
    for kind in ("TCP", "UDP", "HTTP", "HTTPS"):
        for action in (f"CreateLoadBalancer{kind}Listener", f"SetLoadBalancer{kind}ListenerAttribute"):
            assert [p for p in table[action] if LIMITS.search(p)] == ["Bandwidth"], action
    assert any(LIMITS.search(p) for p in operations("alb")["CreateRule"])  # which has it

    web = backends.nginx("ECS01")
    lb, address = clb.instance()
    group = clb.group(lb, web)
    clb.listener("http", lb, 80, VServerGroupId=group)
    limited = {"RuleName": "limited", "Url": "/a", "VServerGroupId": group, "TrafficLimitConfig": {"QPS": 1}, "QPS": 1}
    try:
        clb.call("CreateRules", LoadBalancerId=lb, ListenerPort=80, RuleList=[limited])
    except lib.ApiError as e:
        assert e.status == 400
        for name in ("TrafficLimitConfig", "QPS"):
            del limited[name]
        clb.call("CreateRules", LoadBalancerId=lb, ListenerPort=80, RuleList=[limited])
    (rule,) = node.call("Slb", "DescribeRules", RegionId=REGION, LoadBalancerId=lb, ListenerPort=80)["Rules"]["Rule"]
    assert not [name for name in rule if LIMITS.search(name)]
    assert {get((address, 80), "/a").status for _ in range(50)} <= {200, 404}


# --- what a setting that is not built does ------------------------------------------------------------


def test_balancing_inside_of_a_zone_is_refused_with_its_reason(node, alb, nlb, backends):
    """Of a group of ALB and of an NLB: the job says what is missing, the last version goes on serving."""
    web = {"ServerId": f"{node.prefix}.50.7", "ServerType": "Ip", "Port": 80}
    mine = alb.instance()
    group = alb.group(web)
    alb.listener(mine["LoadBalancerId"], group)
    change = alb.call("UpdateServerGroupAttribute", ServerGroupId=group, CrossZoneEnabled=False)
    node.wait_job("Alb", change, status="Failed")
    job = node.job("Alb", change["JobId"])
    assert job["ErrorCode"] == "OperationFailed.DataPlane" and "zone" in job["ErrorMessage"], job
    assert lib.accepts((alb_words.vips(mine)[0], 80))
    alb.do("UpdateServerGroupAttribute", ServerGroupId=group, CrossZoneEnabled=True)

    other = nlb.instance()
    lb, address = other["LoadBalancerId"], (nlb_words.vips(other)[0], 80)
    nlb.listener(lb, nlb.group(backends.tcp()))
    change = nlb.call("UpdateLoadBalancerAttribute", LoadBalancerId=lb, CrossZoneEnabled=False)
    node.wait_job("Nlb", change, status="Failed")
    refusals = node.wait(lambda a: a["Refusals"], "OpenSlb", "ListRefusals", MaxResults=100)["Refusals"]
    assert [r for r in refusals if "zone" in r["Reason"]], refusals
    assert nlb_words.echo(address) == b"hello"
    nlb.do("UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName="renamed")  # the listener was refused before
    nlb.do("UpdateLoadBalancerAttribute", LoadBalancerId=lb, CrossZoneEnabled=True)
    assert nlb_words.echo(address) == b"hello"


# --- capacity ------------------------------------------------------------------------


@proves("NLBI-03")
def test_an_nlb_takes_what_comes_without_a_specification(nlb, backends):
    """No operation has one to choose; ten times the connections are served by the same instance, unchanged."""
    for action, params in operations("nlb").items():
        assert not [p for p in params if re.search("spec(?!ial)", p, re.IGNORECASE)], action
    echo = backends.tcp()
    mine = nlb.instance()
    nlb.listener(mine["LoadBalancerId"], nlb.group(echo))
    before = nlb.attributes(mine["LoadBalancerId"])
    address = (nlb_words.vips(mine)[0], 80)
    for n in (30, 300):
        socks = [lib.socket.create_connection(address, timeout=30) for _ in range(n)]
        for i, sock in enumerate(socks):
            sock.sendall(b"%d" % i)
        assert [sock.recv(100) for sock in socks] == [b"%d" % i for i in range(n)]
        for sock in socks:
            sock.close()
    after = nlb.attributes(mine["LoadBalancerId"])
    assert {k: v for k, v in after.items() if k != "RequestId"} == {k: v for k, v in before.items() if k != "RequestId"}


# --- release after a migration -----------------------------------------------------------------------


@proves("DNS-34")
def test_a_clb_is_not_released_while_a_weight_sends_clients_to_it(node, clb, alb):
    """Through the alias of a migration: refused at each step but the last one; its successor likewise on the way back."""

    def dns(action, **params):
        return node.call("Alidns", action, **params)

    classic, address = clb.instance()
    mine = alb.instance()
    domain = "release.example"
    dns("AddDomain", DomainName=domain)

    def add(rr, kind, value):
        return dns("AddDomainRecord", DomainName=domain, RR=rr, Type=kind, Value=value, TTL=5)["RecordId"]

    add("web0", "A", address)
    old, new = add("www", "CNAME", f"WEB0.{domain}"), add("www", "CNAME", mine["DNSName"])
    dns("SetDNSSLBStatus", SubDomain=f"www.{domain}", Type="CNAME", Open=True)

    def weigh(of_old, of_new):
        dns("UpdateDNSSLBWeight", RecordId=old, Weight=of_old)
        dns("UpdateDNSSLBWeight", RecordId=new, Weight=of_new)

    for share in (100, 50, 1):
        weigh(share, 100 - share)
        refused = clb.fails("Operation.NotAllowed", "DeleteLoadBalancer", LoadBalancerId=classic)
        assert refused.status == 400 and f"www.{domain}" in refused.message and old in refused.message
        if share < 100:
            alb.fails("ResourceInUse.LoadBalancer", "DeleteLoadBalancer", LoadBalancerId=mine["LoadBalancerId"])
    weigh(100, 0)  # a rollback
    other = alb.new()
    alb.do("DeleteLoadBalancer", LoadBalancerId=other)
    clb.fails("Operation.NotAllowed", "DeleteLoadBalancer", LoadBalancerId=classic)
    weigh(0, 100)
    clb.call("DeleteLoadBalancer", LoadBalancerId=classic)  # web0 still names its address, and nothing leads there
    assert clb.call("DescribeLoadBalancers", LoadBalancerId=classic)["TotalCount"] == 0

    # A set that names the address itself, and one that is switched off, paused or in a circle.
    classic, address = clb.instance()
    direct = add("direct", "A", address)
    add("direct", "A", "192.0.2.1")
    for a, b in (("c1", "c2"), ("c2", "c1")):
        add(a, "CNAME", f"{b}.{domain}")
    add("round", "CNAME", f"c1.{domain}")
    add("round", "CNAME", f"c2.{domain}")
    dns("SetDNSSLBStatus", SubDomain=f"round.{domain}", Type="CNAME", Open=True)
    dns("SetDNSSLBStatus", SubDomain=f"direct.{domain}", Type="A", Open=True)
    clb.fails("Operation.NotAllowed", "DeleteLoadBalancer", LoadBalancerId=classic)
    dns("SetDomainRecordStatus", RecordId=direct, Status="Disable")
    clb.call("DeleteLoadBalancer", LoadBalancerId=classic)

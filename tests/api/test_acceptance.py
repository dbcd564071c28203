"""Rows of tests/acceptance.tsv that span products: what an operator does by API and with slb, shown by traffic."""
import collections
import json
import os
import subprocess
from pathlib import Path

import pytest

import alb as alb_words
import lib
import nlb as nlb_words
from lib import get, proves, wait_for

SLB_BIN = os.environ.get("SLB_BIN", str(Path(lib.SLBD_BIN).parents[1] / "cli" / "slb"))


@pytest.fixture(scope="module")
def ecs(backends):
    return [backends.nginx("ECS01"), backends.nginx("ECS02")]


@pytest.fixture
def slb(node):
    """slb(words...) is (exit status, what it printed)."""
    host, port = node.addr
    env = {
        **os.environ,
        "OPENSLB_ENDPOINT": f"http://{host}:{port}",
        "OPENSLB_KEY_FILE": str(node.state_dir / "root-key.json"),
    }

    def run(*words):
        done = subprocess.run(
            [SLB_BIN, *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=lib.PATIENCE, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


def names(addr, n, host):
    """Which servers answer n requests for a host: their counts by name."""
    return collections.Counter(get(addr, "/", [("Host", host)]).text.strip() for _ in range(n))


# --- the operation log, and lives of instances ---------------------------------------------------


def last_event(node, name):
    looked_up = [{"Key": "EventName", "Value": name}]
    answer = node.wait(lambda a: a["Events"], "ActionTrail", "LookupEvents", LookupAttribute=looked_up, MaxResults=1)
    return answer["Events"][0]


@proves("LOG-12")
def test_operation_log_has_names_and_parameters_of_changes_and_reads(node, alb, nlb, clb):
    """Of all three products: what was called, and with what."""
    lb = alb.new(LoadBalancerName="logged")
    made = last_event(node, "CreateLoadBalancer")
    assert made["resourceName"] == lb
    assert json.loads(made["requestParameterJson"])["LoadBalancerName"] == "logged"
    assert (made["serviceName"].lower(), made["eventRW"], made["apiVersion"]) == ("alb", "Write", lib.VERSIONS["Alb"])

    for lb, read, call in (
        (lb, "GetLoadBalancerAttribute", alb.attributes),
        (nlb.instance()["LoadBalancerId"], "GetLoadBalancerAttribute", nlb.attributes),
        (clb.instance()[0], "DescribeLoadBalancerAttribute", lambda i: clb.call(read, LoadBalancerId=i)),
    ):
        call(lb)
        event = last_event(node, read)
        assert event["eventName"] == read and event["eventRW"] == "Read"
        assert json.loads(event["requestParameterJson"])["LoadBalancerId"] == lb
        assert event["userIdentity"]["accessKeyId"] == node.client.key


@proves("OPS-11")
def test_instances_are_made_protected_and_released_by_api(alb, nlb, clb):
    lb = alb.new()
    alb.call("EnableDeletionProtection", ResourceId=lb)
    assert alb.attributes(lb)["DeletionProtectionConfig"]["Enabled"] is True
    alb.fails("OperationDenied.DeletionProtectionEnabled", "DeleteLoadBalancer", LoadBalancerId=lb)
    alb.call("DisableDeletionProtection", ResourceId=lb)
    alb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    alb.fails("ResourceNotFound.LoadBalancer", "GetLoadBalancerAttribute", LoadBalancerId=lb)

    lb = nlb.instance()["LoadBalancerId"]
    nlb.call("UpdateLoadBalancerProtection", LoadBalancerId=lb, DeletionProtectionEnabled=True)
    assert nlb.attributes(lb)["DeletionProtectionConfig"]["Enabled"] is True
    nlb.fails("OperationDenied.DeletionProtectionEnabled", "DeleteLoadBalancer", LoadBalancerId=lb)
    nlb.call("UpdateLoadBalancerProtection", LoadBalancerId=lb, DeletionProtectionEnabled=False)
    nlb.do("DeleteLoadBalancer", LoadBalancerId=lb)
    nlb.fails("ResourceNotFound.loadBalancer", "GetLoadBalancerAttribute", LoadBalancerId=lb)

    lb, _ = clb.instance()
    clb.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="on")
    assert clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)["DeleteProtection"] == "on"
    clb.fails("OperationDenied.DeleteProtectionIsOn", "DeleteLoadBalancer", LoadBalancerId=lb)
    clb.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="off")
    clb.call("DeleteLoadBalancer", LoadBalancerId=lb)
    assert clb.call("DescribeLoadBalancers", LoadBalancerId=lb)["TotalCount"] == 0


@proves("OPS-10", "DNS-36")
def test_listeners_serve_with_nothing_but_what_is_required(alb, nlb, clb, ecs):
    one = ecs[0]
    mine = alb.instance()
    listener = alb.listener(mine["LoadBalancerId"], alb.group(one))
    shown = alb.call("GetListenerAttribute", ListenerId=listener)
    assert (shown["IdleTimeout"], shown["RequestTimeout"]) == (15, 60)
    assert shown["XForwardedForConfig"]["XForwardedForEnabled"] is True
    tcp = nlb.instance()
    listener = nlb.listener(tcp["LoadBalancerId"], nlb.group(one))
    assert nlb.call("GetListenerAttribute", ListenerId=listener)["IdleTimeout"] == 900
    lb, classic = clb.instance()
    clb.listener("http", lb, 80, VServerGroupId=clb.group(lb, one))
    shown = clb.attribute("http", lb, 80)
    assert (shown["IdleTimeout"], shown["RequestTimeout"], shown["Scheduler"]) == (15, 60, "wrr")
    for address in (alb_words.vips(mine)[0], nlb_words.vips(tcp)[0], classic):
        answer = get((address, 80))
        assert (answer.status, answer.text.strip()) == (200, "ECS01")  # the server's page names it


@proves("CLB-01")
def test_an_http_listener_ends_the_clients_request_and_makes_its_own(clb, backends):
    """What the server reads is a request of the balancer's: its connection, its framing, its headers."""
    server = backends.http()
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, server))
    with lib.e2e.Client((address, 8080)) as client:
        for i in range(2):  # one connection of the client, two of the balancer
            client.send(b"POST /a HTTP/1.1\r\nhost: www.example.net\r\nconnection: keep-alive, x-mine\r\nx-mine: 1\r\n"
                        b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")  # fmt: skip
            client.send(b"2;x=y\r\nbc\r\n0\r\n\r\n")
            assert client.response("POST").status == 200
    asked = server.requests[-2:]
    assert asked[0].connection != asked[1].connection
    for request in asked:
        assert (request.method, request.target, request.body) == ("POST", "/a", b"abc")
        assert request.header("connection") == "close" and request.header("x-mine") is None
        assert request.header("x-forwarded-for") == "127.0.0.1"
        assert b";x=y" not in request.raw


@proves("CLBSG-45")
def test_nothing_is_compressed_with_gzip_off_or_through_tcp(clb, backends):
    text = b"compressible " * 1000
    server = backends.http(lambda request: lib.e2e.response(text, headers=[("Content-Type", "text/plain")]))
    lb, address = clb.instance()
    group = clb.group(lb, server)
    clb.listener("http", lb, 8080, VServerGroupId=group, Gzip="off")
    clb.listener("tcp", lb, 8081, VServerGroupId=group)
    for port in (8080, 8081):
        answer = get((address, port), "/", [("Accept-Encoding", "gzip")])
        assert answer.header("content-encoding") is None and answer.body == text


@proves("CLBA-05")
def test_clients_do_not_stay_with_a_server_until_that_is_switched_on(clb, ecs):
    lb, address = clb.instance()
    group = clb.group(lb, *ecs)
    clb.listener("http", lb, 8080, VServerGroupId=group)
    clb.listener("tcp", lb, 8081, VServerGroupId=group)
    assert clb.attribute("http", lb, 8080)["StickySession"] == "off"
    assert clb.attribute("tcp", lb, 8081)["PersistenceTimeout"] == 0
    assert get((address, 8080)).header("set-cookie") is None
    for port in (8080, 8081):
        assert names((address, port), 10, "www.example.net") == {"ECS01": 5, "ECS02": 5}


# --- publishing and migrating ---------------------------------------------------------------------


class Zone:
    """A domain of its own, and what its records say."""

    def __init__(self, node, domain):
        self.node = node
        self.domain = domain
        node.call("Alidns", "AddDomain", DomainName=domain)

    def add(self, rr, type_, value, **params):
        return self.node.call(
            "Alidns", "AddDomainRecord", DomainName=self.domain, RR=rr, Type=type_, Value=value, **params
        )["RecordId"]

    def record(self, rr, type_):
        """The only one of its host and type."""
        answer = self.node.call("Alidns", "DescribeDomainRecords", DomainName=self.domain)
        (found,) = [r for r in answer["DomainRecords"]["Record"] if (r["RR"], r["Type"]) == (rr, type_)]
        return found


@proves("CLB-40")
def test_an_a_record_with_the_address_of_a_clb_leads_to_its_servers(node, clb, ecs):
    lb, address = clb.instance()
    clb.listener("http", lb, 80, VServerGroupId=clb.group(lb, *ecs))
    zone = Zone(node, "clb-40.example.cn")
    zone.add("www", "A", clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)["Address"])
    value = zone.record("www", "A")["Value"]
    assert value == address
    assert names((value, 80), 4, "www.clb-40.example.cn") == {"ECS01": 2, "ECS02": 2}


@proves("ALBI-42")
def test_an_a_record_may_name_the_fixed_address_of_an_alb(node, alb, ecs):
    mine = alb.instance(AddressAllocatedMode="Fixed")
    lb = mine["LoadBalancerId"]
    alb.listener(lb, alb.group(*ecs))
    zone = Zone(node, "albi-42.example.cn")
    zone.add("www", "A", alb_words.vips(mine)[0])
    alb.do("UpdateLoadBalancerAttribute", LoadBalancerId=lb, LoadBalancerName="renamed")
    node.kill_child("control")
    node.kill_child("data")
    node.wait_api()
    alb.wait_active(lb)
    assert alb_words.vips(alb.attributes(lb)) == alb_words.vips(mine)
    value = zone.record("www", "A")["Value"]
    wait_for(lambda: lib.accepts((value, 80)), "the listener is back")
    assert names((value, 80), 4, "www.albi-42.example.cn") == {"ECS01": 2, "ECS02": 2}


@proves("ALBI-45")
def test_steps_of_an_alb_in_order_group_listener_and_cname(node, alb, ecs):
    mine = alb.instance()
    lb = mine["LoadBalancerId"]
    group = alb.group(*ecs)
    alb.listener(lb, group)
    zone = Zone(node, "albi-45.example.cn")
    zone.add("www", "CNAME", mine["DNSName"])
    assert zone.record("www", "CNAME")["Value"] == f"{lb}.{lib.REGION}.alb.openslb.test"
    for vip in alb_words.vips(mine):
        assert names((vip, 80), 4, "www.albi-45.example.cn") == {"ECS01": 2, "ECS02": 2}


@proves("DNS-02", "DNS-04", "DNS-05", "DNS-20")
def test_records_of_a_migration_whose_two_sides_serve_from_the_same_servers(node, alb, clb, backends):
    """ECS01 and ECS02 of the inventory stand behind both; the CLB gets a temporary name, the business name two aliases."""
    ips = [f"{node.prefix}.50.{i}" for i in (1, 2)]
    port = lib.free_port()
    for i, ip in enumerate(ips, 1):
        backends.nginx(f"ECS0{i}", ip=ip, port=port)
    ids = [node.call("OpenSlb", "RegisterServer", PrivateIpAddresses=[ip])["ServerId"] for ip in ips]
    lb, old = clb.instance(AddressType="intranet", VSwitchId=lib.VSWITCHES[0])
    clb.call("AddBackendServers", LoadBalancerId=lb, BackendServers=[{"ServerId": i} for i in ids])
    clb.listener("http", lb, 80, BackendServerPort=port)
    mine = alb.instance()
    members = [{"ServerId": i, "ServerType": "Ecs", "Port": port} for i in ids]
    alb.listener(mine["LoadBalancerId"], alb.group(*members, ServerGroupType="Instance"))

    zone = Zone(node, "shop-alb.example.cn")
    zone.add("web0", "A", old, TTL=5)
    zone.add("www", "CNAME", f"web0.{zone.domain}", Line="default", TTL=5)
    zone.add("www", "CNAME", mine["DNSName"], Line="default", TTL=5)
    answer = node.call("Alidns", "DescribeDomainRecords", DomainName=zone.domain)
    aliases = {r["Value"]: (r["Line"], r["TTL"]) for r in answer["DomainRecords"]["Record"] if r["RR"] == "www"}
    assert aliases == {f"web0.{zone.domain}": ("default", 5), mine["DNSName"]: ("default", 5)}
    for address in (zone.record("web0", "A")["Value"], alb_words.vips(mine)[0]):
        assert names((address, 80), 4, f"www.{zone.domain}") == {"ECS01": 2, "ECS02": 2}


@pytest.fixture
def with_hosts(tmp_path):
    """with_hosts(line, command...): what the command prints where /etc/hosts ends with that line."""
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no private mount namespace here")

    def run(line, *command):
        hosts = tmp_path / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{line}\n")
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, str(hosts), *command], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=lib.PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


@proves("DNS-24")
def test_a_hosts_line_leads_to_the_new_alb_before_any_record_does(alb, ecs, with_hosts):
    mine = alb.instance(AddressType="Internet")
    alb.listener(mine["LoadBalancerId"], alb.group(ecs[0]))
    eip = mine["ZoneMappings"][0]["LoadBalancerAddresses"][0]["Address"]
    out, err = with_hosts(f"{eip} www.pre-test.example", "curl", "-sv", "http://www.pre-test.example/")
    assert out.strip() == "ECS01" and eip in err


TELNET = "import socket, sys; socket.create_connection((sys.argv[1], 80), 30); print('connected')"


@proves("DNS-26", "DNS-27", "NLBI-28")
def test_a_connection_to_the_name_reaches_the_new_nlb(nlb, ecs, with_hosts):
    mine = nlb.instance(AddressType="Internet")
    nlb.listener(mine["LoadBalancerId"], nlb.group(ecs[0]))
    eip = mine["ZoneMappings"][0]["LoadBalancerAddresses"][0]["PublicIPv4Address"]
    for name in ("www.pre-test.example", mine["DNSName"]):
        assert with_hosts(f"{eip} {name}", "/usr/bin/python3", "-c", TELNET, name)[0] == "connected\n"
        assert with_hosts(f"{eip} {name}", "curl", "-s", f"http://{name}/")[0].strip() == "ECS01"


# --- diagnosis ------------------------------------------------------------------------------------


@proves("OPS-02")
def test_slb_tells_which_ports_and_protocols_have_listeners(alb, clb, slb, ecs):
    mine = alb.instance(LoadBalancerName="diagnosed")
    lb = mine["LoadBalancerId"]
    alb.listener(lb, alb.group(ecs[0]), 8080)
    with pytest.raises(ConnectionRefusedError):  # what brought the operator here
        get((alb_words.vips(mine)[0], 80))
    status, out = slb("alb", "list-listeners", "--LoadBalancerIds", lb, "-o", "json")
    assert status == 0
    assert [(r["ListenerPort"], r["ListenerProtocol"]) for r in json.loads(out)["Listeners"]] == [(8080, "HTTP")]

    classic, address = clb.instance()
    clb.listener("tcp", classic, 80, start=False, VServerGroupId=clb.group(classic, ecs[0]))
    assert lib.refuses((address, 80))
    status, out = slb("clb", "describe-load-balancer-listeners", "--LoadBalancerId.1", classic, "-o", "json")
    assert status == 0
    (row,) = json.loads(out)["Listeners"]
    assert (row["ListenerPort"], row["ListenerProtocol"], row["Status"]) == (80, "tcp", "stopped")


@proves("OPS-03", "OPS-05")
def test_slb_tells_that_no_server_is_healthy_and_why_nothing_is_forwarded(clb, slb, backends):
    """The server's process is gone: slb names it, nothing is forwarded, and asked directly it does not answer either."""
    web = backends.nginx("ECS09")
    lb, address = clb.instance()
    clb.listener("http", lb, 80, VServerGroupId=clb.group(lb, web), HealthCheck="on", HealthCheckInterval=1,
                 HealthCheckTimeout=20, HealthyThreshold=2, UnhealthyThreshold=2, HealthCheckURI="/")  # fmt: skip

    def state():
        """slb health of this server: its exit status and its row."""
        status, out = slb("health", "-o", "json")
        rows = [r for r in json.loads(out) if r["Instance"] == lb]
        return status, rows[0]["State"] if rows else "healthy"

    def curl_itself():
        command = ["curl", "-sI", "-m", "30", f"http://{web.ip}:{web.port}/"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=lib.PATIENCE, check=False)
        return done.stdout.partition("\n")[0]

    wait_for(lambda: state()[1] == "healthy", "the server is healthy")
    assert get((address, 80)).status == 200 and curl_itself() == "HTTP/1.1 200 OK"
    web.stop()
    wait_for(lambda: state() == (1, "abnormal"), "slb health tells of the server")
    status, out = slb("status", "-o", "json")
    assert status == 1
    assert [r["Ip"] for r in json.loads(out)["UnhealthyServers"] if r["Instance"] == lb] == [web.ip]
    assert get((address, 80)).status == 502 and curl_itself() == ""
    web.start()
    wait_for(lambda: state()[1] == "healthy", "the server is healthy again")
    assert get((address, 80)).status == 200

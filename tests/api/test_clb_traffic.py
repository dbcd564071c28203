"""CLB through its API, proved by what clients get: listeners of each protocol, weights, rules, status."""
import socket


import lib
from clb import ask_udp, names, server
from lib import get, proves, refuses, wait_for


def tcp_echo(addr, data=b"hello"):
    with socket.create_connection(addr, timeout=lib.PATIENCE) as sock:
        sock.sendall(data)
        return sock.recv(100)


@proves("CLBSG-01", "CLBSG-04", "CLBSG-07", "CLBSG-08", "CLB-31", "CLB-41")
def test_default_group_serves_every_listener_at_the_listeners_port(clb, backends):
    one = backends.nginx("ECS01")
    lb, address = clb.instance(LoadBalancerName="web-1")
    assert clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)["BackendServers"] == {"BackendServer": []}

    clb.call("AddBackendServers", LoadBalancerId=lb, BackendServers=[{"ServerId": one.ip}])
    clb.listener("http", lb, 8080, BackendServerPort=one.port)
    clb.listener("tcp", lb, 8081, BackendServerPort=one.port)

    assert names((address, 8080), 2) == {"ECS01": 2}
    assert names((address, 8081), 2) == {"ECS01": 2}
    again = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert again["Address"] == address
    assert again["ListenerPorts"] == {"ListenerPort": [8080, 8081]}
    assert again["BackendServers"]["BackendServer"][0]["Weight"] == 100


@proves("CLBL-06", "CLBSG-20")
def test_created_listener_is_stopped_and_forwards_while_it_is_started(clb, backends):
    one = backends.nginx("ECS01")
    lb, address = clb.instance()
    where = clb.listener("http", lb, 8080, start=False, VServerGroupId=clb.group(lb, one))

    assert clb.attribute("http", lb, 8080)["Status"] == "stopped"
    assert refuses((address, 8080))
    clb.call("StartLoadBalancerListener", **where)
    clb.wait_status("http", lb, 8080)
    assert get((address, 8080)).status == 200
    clb.call("StopLoadBalancerListener", **where)
    clb.wait_status("http", lb, 8080, "stopped")
    wait_for(lambda: refuses((address, 8080)), "the port is closed")


@proves("CLBSG-02", "CLBSG-05", "CLBSG-16", "CLBSG-18", "CLBSG-33", "CLBSG-40")
def test_weights_decide_the_shares_and_change_while_running(clb, backends):
    one, two, three = (backends.nginx(f"ECS0{n}") for n in (1, 2, 3))
    lb, address = clb.instance()
    group = clb.group(lb, server(one, 80), server(two, 20))
    clb.listener("http", lb, 8080, VServerGroupId=group)

    assert names((address, 8080), 20) == {"ECS01": 16, "ECS02": 4}
    clb.call("SetVServerGroupAttribute", VServerGroupId=group, BackendServers=[server(one, 0), server(two, 100)])
    wait_for(lambda: names((address, 8080), 5) == {"ECS02": 5}, "weight 0 gets nothing new")
    clb.call(
        "ModifyVServerGroupBackendServers", VServerGroupId=group,
        OldBackendServers=[server(one), server(two)], NewBackendServers=[server(one, 100), server(three, 100)],
    )  # fmt: skip
    wait_for(lambda: names((address, 8080), 10) == {"ECS01": 5, "ECS03": 5}, "the changed group serves")
    clb.call("AddVServerGroupBackendServers", VServerGroupId=group, BackendServers=[server(two)])
    wait_for(lambda: len(names((address, 8080), 6)) == 3, "all three serve")
    clb.call("RemoveVServerGroupBackendServers", VServerGroupId=group, BackendServers=[server(one), server(two)])
    wait_for(lambda: names((address, 8080), 5) == {"ECS03": 5}, "the removed servers get nothing")


@proves("CLBSG-17")
def test_round_robin_does_not_look_at_weights(clb, backends):
    one, two = backends.nginx("ECS01"), backends.nginx("ECS02")
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, Scheduler="rr", VServerGroupId=clb.group(lb, server(one, 90), server(two, 10)))

    assert names((address, 8080), 10) == {"ECS01": 5, "ECS02": 5}
    clb.set_listener("http", lb, 8080, Scheduler="wrr")
    assert names((address, 8080), 10) == {"ECS01": 9, "ECS02": 1}


@proves("CLBL-40", "CLBSG-11", "CLBSG-10", "CLBSG-48")
def test_rules_send_domains_and_paths_to_their_groups(clb, backends):
    one, two, three = (backends.nginx(f"ECS0{n}") for n in (1, 2, 3))
    lb, address = clb.instance()
    where = clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, one))
    both, last = clb.group(lb, two, three), clb.group(lb, three)
    rules = clb.call(
        "CreateRules", **where,
        RuleList=[
            {"RuleName": "home", "Domain": "www.example.net", "Url": "/home", "VServerGroupId": both},
            {"RuleName": "wild", "Domain": "*.example.net", "VServerGroupId": last},
        ],
    )["Rules"]["Rule"]  # fmt: skip
    front = (address, 8080)
    home = [("Host", "www.example.net")]

    wait_for(lambda: names(front, 1, headers=[("Host", "a.example.net")]) == {"ECS03": 1}, "the rules serve")
    assert names(front, 4, "/home", home) == {"ECS02": 2, "ECS03": 2}
    assert names(front, 4, "/other", home) == {"ECS01": 4}
    assert names(front, 2) == {"ECS01": 2}
    clb.call("SetRule", RuleId=rules[0]["RuleId"], VServerGroupId=last)
    wait_for(lambda: names(front, 3, "/home", home) == {"ECS03": 3}, "the rule has another group")
    clb.call("DeleteRules", RuleIds=[r["RuleId"] for r in rules])
    wait_for(lambda: names(front, 2, "/home", home) == {"ECS01": 2}, "no rule is left")


@proves("CLBSG-09", "CLBSG-28", "CLBSG-38")
def test_tcp_and_udp_listeners_carry_bytes_and_may_share_a_port(clb, backends):
    tcp, udp = backends.tcp(greeting=b"A:"), backends.udp(name="u1")
    lb, address = clb.instance()
    clb.listener("tcp", lb, 7000, VServerGroupId=clb.group(lb, tcp))
    clb.listener("udp", lb, 7000, VServerGroupId=clb.group(lb, udp))

    wait_for(lambda: tcp_echo((address, 7000)).startswith(b"A:"), "bytes come back")
    assert ask_udp((address, 7000)) == b"u1:ping"
    clb.fails("TooManyListeners", "StopLoadBalancerListener", LoadBalancerId=lb, ListenerPort=7000)
    clb.call("StopLoadBalancerListener", LoadBalancerId=lb, ListenerPort=7000, ListenerProtocol="udp")
    clb.wait_status("udp", lb, 7000, "stopped")
    assert tcp_echo((address, 7000)).startswith(b"A:")


@proves("CLBSG-21", "CLBSG-22", "CLBE-02")
def test_health_takes_servers_out_and_is_told(clb, backends):
    one, two = backends.nginx("ECS01"), backends.nginx("ECS02")
    lb, address = clb.instance()
    check = {"HealthCheck": "on", "HealthCheckInterval": 1, "HealthCheckTimeout": 20, "HealthyThreshold": 2,
             "UnhealthyThreshold": 2}  # fmt: skip
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, one, two), **check)
    keys = [(8080, b.ip, b.port) for b in (one, two)]

    wait_for(lambda: clb.health(lb) == {keys[0]: "normal", keys[1]: "normal"}, "both are healthy")
    one.stop()
    wait_for(lambda: clb.health(lb, ListenerPort=8080)[keys[0]] == "abnormal", "one is not")
    assert names((address, 8080), 6) == {"ECS02": 6}
    two.stop()
    wait_for(lambda: clb.health(lb)[keys[1]] == "abnormal", "neither is")
    assert get((address, 8080)).status == 502


@proves("CLB-31")
def test_private_instance_has_the_address_it_asked_for(clb, node, backends):
    one = backends.nginx("ECS01")
    wanted = f"{node.prefix}.0.77"
    lb, address = clb.instance(VSwitchId=lib.VSWITCHES[0], VpcId=lib.VPC, Address=wanted)
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, one))

    assert address == wanted
    assert get((wanted, 8080)).status == 200
    told = clb.call("DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert (told["AddressType"], told["NetworkType"]) == ("intranet", "vpc")
    assert told["MasterZoneId"] == lib.ZONES[0]


def test_inactive_instance_forwards_nothing(clb, backends):
    one = backends.nginx("ECS01")
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, one))

    clb.call("SetLoadBalancerStatus", LoadBalancerId=lb, LoadBalancerStatus="inactive")
    wait_for(lambda: refuses((address, 8080)), "the port is closed")
    assert clb.attribute("http", lb, 8080)["Status"] == "stopped"
    clb.call("SetLoadBalancerStatus", LoadBalancerId=lb, LoadBalancerStatus="active")
    wait_for(lambda: not refuses((address, 8080)), "the port is open")
    assert get((address, 8080)).status == 200


def test_released_instance_takes_its_listeners_with_it_and_gives_its_address_back(clb, node, backends):
    one = backends.nginx("ECS01")
    wanted = {"VSwitchId": lib.VSWITCHES[0], "Address": f"{node.prefix}.0.99"}
    lb, address = clb.instance(**wanted)
    where = clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, one))
    clb.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="on")

    clb.fails("OperationDenied.DeleteProtectionIsOn", "DeleteLoadBalancer", LoadBalancerId=lb)
    assert get((address, 8080)).status == 200
    clb.call("SetLoadBalancerDeleteProtection", LoadBalancerId=lb, DeleteProtection="off")
    clb.call("DeleteLoadBalancer", LoadBalancerId=lb)
    wait_for(lambda: refuses((address, 8080)), "the port is closed")
    gone = clb.fails("InvalidLoadBalancerId.NotFound", "DescribeLoadBalancerAttribute", LoadBalancerId=lb)
    assert gone.status == 404
    clb.fails("InvalidLoadBalancerId.NotFound", "StartLoadBalancerListener", **where)
    assert clb.instance(**wanted)[1] == wanted["Address"]


@proves("LOG-04")
def test_access_log_is_written_while_it_is_asked_for(clb, node, backends):
    one = backends.nginx("ECS01")
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, one))
    log = [{"LoadBalancerId": lb, "logProject": "p1", "LogStore": "s1"}]

    def logged(path):
        get((address, 8080), path)
        return path in (node.log_path.read_text() if node.log_path.exists() else "")

    assert not logged("/before")
    clb.call("SetAccessLogsDownloadAttribute", LogsDownloadAttributes=log)
    wait_for(lambda: logged("/during"), "the log is on")
    told = clb.call("DescribeAccessLogsDownloadAttribute", LoadBalancerId=lb)["LogsDownloadAttributes"]
    assert [(r["LogProject"], r["LogStore"]) for r in told["LogsDownloadAttribute"]] == [("p1", "s1")]
    assert "/before" not in node.log_path.read_text()
    clb.call("DeleteAccessLogsDownloadAttribute", LogsDownloadAttributes=log)
    assert clb.call("DescribeAccessLogsDownloadAttribute", LoadBalancerId=lb)["TotalCount"] == 0


def test_headers_for_servers_follow_the_listeners_switches(clb, backends):
    seen = backends.http()
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, seen))
    names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Client-srcport", "SLB-ID", "SLB-IP")

    def asked():
        get((address, 8080), headers=[("X-Forwarded-For", "1.1.1.1"), ("SLB-ID", "forged")])
        return [seen.requests[-1].header(name) for name in names]

    assert asked()[:4] == ["1.1.1.1, 127.0.0.1", None, None, None]
    switches = ("proto", "SLBIP", "SLBID", "SLBPORT", "ClientSrcPort")
    clb.set_listener("http", lb, 8080, **{f"XForwardedFor_{name}": "on" for name in switches})
    told = asked()
    assert told[:3] == ["1.1.1.1, 127.0.0.1", "http", "8080"]
    assert int(told[3]) > 0
    assert told[4:] == [lb, address]


@proves("CLBE-09", "CLBL-22", "CLBL-23")
def test_silent_server_is_answered_for_after_the_request_timeout(clb, backends):
    hang = backends.http(lambda request: lib.e2e.time.sleep(3) or b"")
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, RequestTimeout=1, VServerGroupId=clb.group(lb, hang))

    assert get((address, 8080)).status == 504


@proves("CLBSG-49", "CLBL-26")
def test_servers_get_a_connection_per_request_that_says_close(clb, backends):
    seen = backends.http()
    lb, address = clb.instance()
    clb.listener("http", lb, 8080, VServerGroupId=clb.group(lb, seen))

    with lib.e2e.Client((address, 8080)) as client:
        for _ in range(3):
            assert client.request().status == 200

    assert [(r.header("Connection"), r.connection) for r in seen.requests] == [("close", n) for n in range(3)]


@proves("CLBSG-47")
def test_tcp_listener_may_check_its_servers_by_http(clb, backends):
    good, bad = backends.http(name="good"), backends.http(lambda request: lib.e2e.response(status="500 No"))
    lb, address = clb.instance()
    check = {"HealthCheckType": "http", "HealthCheckURI": "/ok", "HealthCheckDomain": "check.example",
             "healthCheckInterval": 1, "HealthCheckConnectTimeout": 20, "HealthyThreshold": 2,
             "UnhealthyThreshold": 2}  # fmt: skip
    clb.listener("tcp", lb, 7000, VServerGroupId=clb.group(lb, good, bad), **check)

    expected = {(7000, good.ip, good.port): "normal", (7000, bad.ip, bad.port): "abnormal"}
    wait_for(lambda: clb.health(lb) == expected, "one is healthy")
    probe = good.requests[0]
    assert (probe.method, probe.target, probe.version) == ("GET", "/ok", "HTTP/1.0")
    assert (probe.header("Host"), probe.header("User-Agent")) == ("check.example", "KeepAliveClient")
    assert names((address, 7000), 4) == {"good": 4}


def test_rule_out_of_sync_schedules_and_checks_for_itself(clb, backends):
    one, two = backends.nginx("ECS01"), backends.nginx("ECS02")
    lb, address = clb.instance()
    group = clb.group(lb, server(one, 90), server(two, 10))
    where = clb.listener("http", lb, 8080, VServerGroupId=group)
    rule = [{"RuleName": "own", "Url": "/own", "VServerGroupId": group}]
    rule = clb.call("CreateRules", RuleList=rule, **where)["Rules"]["Rule"][0]["RuleId"]

    wait_for(lambda: names((address, 8080), 10, "/own") == {"ECS01": 9, "ECS02": 1}, "the rule follows its listener")
    own = {"Scheduler": "rr", "StickySession": "off", "HealthCheck": "on", "HealthCheckURI": "/ok", "HealthCheckTimeout": 20,
           "HealthCheckInterval": 1, "HealthyThreshold": 2, "UnhealthyThreshold": 2, "HealthCheckHttpCode": "http_2xx"}  # fmt: skip
    clb.call("SetRule", RuleId=rule, ListenerSync="off", **own)
    wait_for(lambda: names((address, 8080), 10, "/own") == {"ECS01": 5, "ECS02": 5}, "the rule has its own scheduler")
    assert names((address, 8080), 10) == {"ECS01": 9, "ECS02": 1}
    rows = clb.call("DescribeHealthStatus", LoadBalancerId=lb)["BackendServers"]["BackendServer"]
    assert len(rows) == 4


@proves("CLBL-06")
def test_open_connection_keeps_what_it_began_with(clb, backends):
    old, new = backends.tcp(greeting=b"old:"), backends.tcp(greeting=b"new:")
    lb, address = clb.instance()
    first, second = clb.group(lb, old), clb.group(lb, new)
    clb.listener("tcp", lb, 7000, VServerGroupId=first)

    with socket.create_connection((address, 7000), timeout=lib.PATIENCE) as kept:
        assert kept.recv(4) == b"old:"
        clb.set_listener("tcp", lb, 7000, VServerGroup="on", VServerGroupId=second)
        wait_for(lambda: tcp_echo((address, 7000)).startswith(b"new:"), "new connections go to the new group")
        kept.sendall(b"still")
        assert kept.recv(5) == b"still"
    clb.call("DeleteVServerGroup", VServerGroupId=first)


def test_udp_servers_are_checked_by_datagrams(clb, backends):
    good, dead = backends.udp(name="u1"), lib.free_port()
    lb, address = clb.instance()
    group = clb.group(lb, server(good), {"ServerId": lib.HOST, "Port": dead})
    check = {"healthCheckInterval": 1, "HealthCheckConnectTimeout": 2, "HealthyThreshold": 2, "UnhealthyThreshold": 2}
    clb.listener("udp", lb, 7000, VServerGroupId=group, **check)

    expected = {(7000, good.ip, good.port): "normal", (7000, lib.HOST, dead): "abnormal"}
    wait_for(lambda: clb.health(lb, ListenerProtocol="udp") == expected, "one is healthy")
    assert {ask_udp((address, 7000)) for _ in range(4)} == {b"u1:ping"}

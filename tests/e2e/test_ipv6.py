"""IPv6 on [::1]: listeners of each protocol, servers, checks, logs, hand-over, and clients of one version before servers of the
other."""
import socket
from collections import Counter

import pytest
from lib import HOST, Client, UdpEcho, free_port, get, group, listener, proves, server, snapshot, wait_for

HOST6 = "::1"
CHECK = {"kind": "health_check", "id": "hc-1", "interval_ms": 100, "timeout_ms": 20000, "rise": 1, "fall": 1}


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind((HOST6, 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_ipv6(), reason="this host has no [::1]")


def both(**fields):
    """A listener with one port on both addresses."""
    return listener(port=free_port(HOST6), bind=[HOST, HOST6], **fields)


def ask_udp(sock, data, seconds=20.0):
    sock.settimeout(seconds)
    sock.send(data)
    return sock.recv(65536)


def udp_client(addr):
    sock = socket.socket(socket.AF_INET6 if ":" in addr[0] else socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(addr)
    return sock


def test_http_tells_servers_and_log_the_clients_address(slbd, http_backend):
    six = http_backend(name="six", ip=HOST6)
    front = both(x_forwarded_port=True, slb_ip=True, x_forwarded_client_srcport=True)
    lb = slbd(snapshot(group(backends=[six]), front))
    for host in (HOST6, HOST):
        answer = get((host, front["port"]), headers=[("X-Forwarded-For", "2001:db8::7")])
        assert (answer.status, answer.text) == (200, "six\n")
        request = six.requests[-1]
        assert request.header("X-Forwarded-For") == f"2001:db8::7, {host}"
        assert request.header("SLB-IP") == host
    lines = lb.log_lines(2)
    assert {line["client_ip"] for line in lines} == {HOST6, HOST}  # of two workers, in any order
    assert {line["upstream_addr"] for line in lines} == {f"[{HOST6}]:{six.port}"}
    assert any(f'address="[{HOST6}]:{six.port}"' in name or f'address="{HOST6}"' in name for name in lb.metrics())


def test_host_with_an_ipv6_address_is_a_host(slbd, http_backend):
    """Also as the condition of a rule, and in what a redirect says."""
    six = http_backend(ip=HOST6)
    front = both(
        default_actions=[
            {"type": "redirect", "protocol": "http", "host": "${host}", "port": "8080", "path": "/x", "status": 301}
        ]
    )
    lb = slbd(snapshot(group(backends=[six]), front))
    answer = get((HOST6, front["port"]), headers=[("Host", f"[{HOST6}]:{front['port']}")])
    assert (answer.status, answer.header("Location")) == (301, f"http://[{HOST6}]:8080/x")
    assert lb.process.poll() is None


@proves("NLBI-07")
@pytest.mark.parametrize("client, place", [(HOST6, HOST6), (HOST6, HOST), (HOST, HOST6)])
def test_tcp_relay_between_versions(slbd, tcp_echo, client, place):
    echo = tcp_echo(ip=place)
    front = both(protocol="tcp")
    slbd(snapshot(group(backends=[echo], protocol="tcp"), front))
    data = bytes(i % 251 for i in range(1 << 20))
    with Client((client, front["port"]), 60.0) as relay:
        for at in range(0, len(data), 65536):
            relay.send(data[at : at + 65536])
            assert relay.reader.exactly(65536) == data[at : at + 65536]


@proves("NLBI-07")
@pytest.mark.parametrize("client, place", [(HOST6, HOST6), (HOST6, HOST), (HOST, HOST6)])
@pytest.mark.parametrize("size", [0, 1, 1452, 1453, 9000, 60000])
def test_udp_between_versions(slbd, udp_echo, client, place, size):
    echo = udp_echo(ip=place)
    front = both(protocol="udp")
    slbd(snapshot(group(backends=[echo], protocol="udp"), front), "--drain", "0")
    data = bytes(i % 251 for i in range(size))
    with udp_client((client, front["port"])) as sock:
        for _ in range(3):
            assert ask_udp(sock, data) == b"u1:" + data


def test_udp_burst_keeps_every_datagram_and_its_bounds(slbd, udp_echo):
    echo = udp_echo(ip=HOST6)
    front = both(protocol="udp")
    slbd(snapshot(group(backends=[echo], protocol="udp"), front), "--drain", "0")
    # No more than any socket on the way holds while its reader stands still.
    sent = [bytes([i]) * (1 + 37 * (i % 30)) for i in range(100)]
    with udp_client((HOST6, front["port"])) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.settimeout(20)
        for data in sent:
            sock.send(data)
        got = [sock.recv(65536) for _ in sent]
    assert Counter(got) == Counter(b"u1:" + data for data in sent)


def test_udp_of_all_addresses_answers_from_the_one_asked(slbd, udp_echo):
    """A socket of :: must say which address an answer comes from: clients hear no other."""
    echo = udp_echo()
    front = listener(port=free_port("::"), bind=["::"], protocol="udp")
    slbd(snapshot(group(backends=[echo], protocol="udp"), front), "--drain", "0")
    with udp_client((HOST6, front["port"])) as sock:
        assert ask_udp(sock, b"one") == b"u1:one"
        assert ask_udp(sock, b"two") == b"u1:two"


@pytest.mark.parametrize("protocol", ["tcp", "http", "udp"])
def test_checks_see_servers_come_and_go(slbd, http_backend, protocol):
    kind = UdpEcho if protocol == "udp" else http_backend
    one = kind(ip=HOST6)
    check = {**CHECK, "protocol": protocol, "method": "get"} if protocol == "http" else {**CHECK, "protocol": protocol}
    if protocol == "udp":
        check.update(request="ping", response="u1:ping", timeout_ms=300, interval_ms=400)
    front = both(protocol="udp" if protocol == "udp" else "http")
    lb = slbd(snapshot(check, group(backends=[one], protocol=front["protocol"], health_check="hc-1"), front))
    name = ("sg-1", server(one)["id"])
    lb.wait_health({name: "up"})
    if protocol == "http":
        assert one.requests[0].header("Host") == f"[{HOST6}]"
    one.stop()
    lb.wait_health({name: "down"})


def test_port_in_use_is_told_with_brackets(slbd, http_backend):
    one = http_backend(ip=HOST6)
    lb = slbd(snapshot(group(backends=[one])))
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind((HOST6, 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = lb.try_apply([listener(port=port, bind=[HOST6])])
    assert answer["ok"] is False
    assert f"[{HOST6}]:{port}" in str(answer["errors"]) and "Address already in use" in str(answer["errors"])


def test_address_of_nobody_is_refused(slbd, http_backend):
    lb = slbd(snapshot(group(backends=[http_backend()])))
    answer = lb.try_apply([listener(bind=["2001:db8::1"])])
    assert answer["ok"] is False and "Cannot assign requested address" in str(answer["errors"])


def test_upgrade_takes_over_listeners_and_flows(slbd, http_backend, tcp_echo, udp_echo):
    fronts = {p: listener(f"lsn-{p}", free_port(HOST6), f"sg-{p}", p, bind=[HOST6]) for p in ("http", "tcp", "udp")}
    backends = {"http": http_backend(ip=HOST6), "tcp": tcp_echo(ip=HOST6), "udp": udp_echo(ip=HOST6)}
    groups = [group(f"sg-{p}", [b], p) for p, b in backends.items()]
    lb = slbd(snapshot(*groups, *fronts.values()), "--workers", "2", "--drain", "20")
    with Client((HOST6, fronts["tcp"]["port"]), 60.0) as old, udp_client((HOST6, fronts["udp"]["port"])) as flow:
        old.send(b"before")
        assert old.reader.exactly(6) == b"before"
        assert ask_udp(flow, b"before") == b"u1:before"
        lb.upgrade()
        old.send(b"after")
        assert old.reader.exactly(5) == b"after"
        assert ask_udp(flow, b"after") == b"u1:after"
        assert get((HOST6, fronts["http"]["port"]), timeout=60.0).status == 200
        with Client((HOST6, fronts["tcp"]["port"]), 60.0) as new:
            new.send(b"new")
            assert new.reader.exactly(3) == b"new"
    assert len({peer for peer, _ in backends["udp"].received}) == 1, "the flow has kept its socket"
    wait_for(lambda: lb.replaced[0].poll() == 0, "the old process has ended", 60)

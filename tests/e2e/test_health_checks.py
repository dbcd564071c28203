"""Health checks: what servers are asked, what counts as healthy, and what that means for requests."""
import re
import threading
import time
from collections import Counter

import pytest

from lib import (
    CLOSE,
    HANG,
    HOST,
    PATIENCE,
    READ_HEAD,
    RESET,
    Client,
    get,
    group,
    listener,
    proves,
    response,
    server,
    snapshot,
    wait_for,
)

# A time limit that a server of the test keeps even if the machine stands still for a while.
FAST = {"interval_ms": 100, "timeout_ms": 20000, "rise": 1, "fall": 1}
SHORT = {"timeout_ms": 300}
CHECKED = {"health_check": "hc-1"}


def check(**fields):
    return {"kind": "health_check", "id": "hc-1", "protocol": "http", **FAST, **fields}


class Switched:
    """A server whose checks can be made to fail: /check has the status of .status, the rest says the name."""

    def __init__(self, http_backend, name):
        self.status = "200 OK"
        self.backend = http_backend(self.respond, name=name)
        self.ip, self.port = self.backend.ip, self.backend.port
        self.name = name
        self.key = ("sg-1", server(self)["id"])

    def respond(self, request):
        if request.target == "/check":
            return response(status=self.status)
        return response(self.name.encode())

    def served(self):
        return sum(r.target != "/check" for r in self.backend.requests)


ASKED = [
    ({}, "HEAD / HTTP/1.1", "ip", "KeepAliveClient"),
    ({"method": "get", "path": "/check?a=b"}, "GET /check?a=b HTTP/1.1", "ip", "KeepAliveClient"),
    ({"http_minor": "1.0", "method": "get"}, "GET / HTTP/1.0", "ip", "KeepAliveClient"),
    ({"host": "check.example", "user_agent": "probe/1"}, "HEAD / HTTP/1.1", "check.example", "probe/1"),
]


@pytest.mark.parametrize("fields, line, host, agent", ASKED)
def test_what_a_server_is_asked(front, http_backend, fields, line, host, agent):
    backend = http_backend()
    lb, _ = front(backend, in_group=CHECKED, more=[check(**fields)])

    lb.wait_health({("sg-1", server(backend)["id"]): "up"})
    request = backend.requests[0]
    assert f"{request.method} {request.target} {request.version}" == line
    assert request.header("Host").split(":")[0] == (backend.ip if host == "ip" else host)
    assert request.header("User-Agent") == agent
    assert request.body == b""


VERDICTS = [
    # fields of the check, what the server does, state, why
    ({}, [READ_HEAD, response()], "up", ""),
    ({}, [READ_HEAD, response(status="302 Found")], "down", "RESPONSE_MISMATCH"),
    ({"codes": ["http_2xx", "http_3xx"]}, [READ_HEAD, response(status="302 Found")], "up", ""),
    ({"codes": ["http_4xx"]}, [READ_HEAD, response(status="404 Not Found")], "up", ""),
    ({"codes": ["http_4xx"]}, [READ_HEAD, response()], "down", "RESPONSE_MISMATCH"),
    (SHORT, [READ_HEAD, HANG], "down", "RECV_RESPONSE_TIMEOUT"),
    (SHORT, [READ_HEAD, b"HTTP/1.1 200", HANG], "down", "RECV_RESPONSE_TIMEOUT"),
    ({}, [READ_HEAD, CLOSE], "down", "RECV_RESPONSE_FAILED"),
    ({}, [READ_HEAD, RESET], "down", "RECV_RESPONSE_FAILED"),
    ({}, [READ_HEAD, b"garbage\r\n\r\n", HANG], "down", "RESPONSE_FORMAT_ERROR"),
    ({"protocol": "tcp"}, [HANG], "up", ""),
    ({"protocol": "tcp"}, [RESET], "up", ""),
]


@pytest.mark.parametrize("fields, steps, state, why", VERDICTS)
def test_verdict(front, scripted, fields, steps, state, why):
    backend = scripted(steps)
    lb, _ = front(backend, in_group=CHECKED, more=[check(**fields)])

    lb.wait_health({("sg-1", server(backend)["id"]): state})
    row = lb.control("get health")[0]
    assert (row["state"], row["why"]) == (state, why)


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_server_that_refuses_is_down(front, http_backend, protocol):
    backend = http_backend()
    backend.stop()
    lb, _ = front(server(backend), in_group=CHECKED, more=[check(protocol=protocol)])

    lb.wait_health({("sg-1", server(backend)["id"]): "down"})
    assert lb.control("get health")[0]["why"] == "CONNECT_FAILED"


def test_another_port_is_asked(front, http_backend):
    backend, prober = http_backend(name="server"), http_backend(name="prober")
    lb, addr = front(backend, in_group=CHECKED, more=[check(port=prober.port)])

    lb.wait_health({("sg-1", server(backend)["id"]): "up"})
    assert len(prober.requests) > 0 and backend.requests == []
    assert get(addr).body == b"server\n"


@proves("CLBSG-21", "CLBSG-22")
def test_unhealthy_server_is_skipped_until_it_recovers(front, http_backend):
    one, two = Switched(http_backend, "one"), Switched(http_backend, "two")
    lb, addr = front(one, two, in_group=CHECKED, more=[check(path="/check")], keepalive_requests=0)
    lb.wait_health({one.key: "up", two.key: "up"})

    with Client(addr) as client:
        def shares(n=20):
            return Counter(client.request().text for _ in range(n))

        assert shares() == {"one": 10, "two": 10}
        one.status = "500 Internal Server Error"
        lb.wait_health({one.key: "down"})
        assert shares() == {"two": 20}
        one.status = "200 OK"
        lb.wait_health({one.key: "up"})
        assert shares() == {"one": 10, "two": 10}
    assert {l["reason"] for l in lb.log_lines(60)} == {"-"}
    assert "server " + one.key[1] + " is down: RESPONSE_MISMATCH" in lb.stderr()


def test_rise_and_fall_are_counted(front, scripted):
    """One success or failure less than it takes changes nothing, and the next opposite result begins anew."""
    good, bad = [READ_HEAD, response()], [READ_HEAD, response(status="500 Internal Server Error")]
    steps = [good, *[bad] * 3, good, *[bad] * 4, *[good] * 2, *[bad] * 4, *[good] * 3, *[bad] * 4, good]
    backend = scripted(*steps)
    lb, _ = front(backend, in_group=CHECKED, more=[check(rise=3, fall=4)])

    wait_for(lambda: backend.n_connections > len(steps) + 3, "all checks were made")
    lb.wait_health({("sg-1", server(backend)["id"]): "up"})
    assert re.findall(r"server \S+ is (up|down)", lb.stderr()) == ["up", "down", "up", "down", "up"]


def test_one_failure_between_successes_changes_nothing(front, scripted):
    ok, bad = [READ_HEAD, response()], [READ_HEAD, response(status="500 No")]
    backend = scripted(ok, *[bad, ok] * 6, ok)
    lb, _ = front(backend, in_group=CHECKED, more=[check(fall=2)])

    wait_for(lambda: backend.n_connections > 14, "all checks were made")
    assert lb.health() == {("sg-1", server(backend)["id"]): "up"}
    assert "down" not in lb.stderr()


@proves("CLBE-02")
def test_all_unhealthy_is_502(front, http_backend):
    one, two = Switched(http_backend, "one"), Switched(http_backend, "two")
    one.status = two.status = "503 Service Unavailable"
    lb, addr = front(one, two, in_group=CHECKED, more=[check(path="/check")])
    lb.wait_health({one.key: "down", two.key: "down"})

    assert get(addr).status == 502
    line = lb.log_lines(1)[0]
    assert (line["status"], line["upstream_status"], line["reason"]) == (502, "-", "all_unhealthy")
    assert one.served() == two.served() == 0
    one.status = "200 OK"
    lb.wait_health({one.key: "up"})
    assert get(addr).text == "one"


def test_fail_open_schedules_over_all(front, http_backend):
    one, two = Switched(http_backend, "one"), Switched(http_backend, "two")
    one.status = two.status = "503 Service Unavailable"
    lb, addr = front(one, two, in_group={**CHECKED, "fail_open": True}, more=[check(path="/check")])
    lb.wait_health({one.key: "down", two.key: "down"})

    with Client(addr) as client:
        assert Counter(client.request().text for _ in range(10)) == {"one": 5, "two": 5}
    assert {l["reason"] for l in lb.log_lines(10)} == {"fail_open"}


def test_without_check_servers_are_off_and_serve(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend)

    assert lb.health() == {("sg-1", server(backend)["id"]): "off"}
    assert get(addr).status == 200


def test_check_can_be_taken_away_and_given(front, http_backend):
    one = Switched(http_backend, "one")
    one.status = "500 No"
    lb, addr = front(one, in_group=CHECKED, more=[check(path="/check")])
    lb.wait_health({one.key: "down"})
    assert get(addr).status == 502

    lb.apply([group(backends=[one])])
    lb.wait_health({one.key: "off"})
    assert get(addr).status == 200
    lb.apply([group(backends=[one], health_check="hc-1")])
    lb.wait_health({one.key: "down"})
    lb.apply([check(path="/check", codes=["http_5xx"])])
    lb.wait_health({one.key: "up"})
    assert get(addr).status == 200


def test_recovered_server_starts_slowly(front, http_backend):
    one, two = Switched(http_backend, "one"), Switched(http_backend, "two")
    lb, addr = front(
        one, two, in_group={**CHECKED, "slow_start_ms": 60000}, more=[check(path="/check")], keepalive_requests=0
    )

    def recovers():
        one.status = "500 No"
        lb.wait_health({one.key: "down", two.key: "up"})
        one.status = "200 OK"
        lb.wait_health({one.key: "up"})

    with Client(addr) as client:
        recovers()
        early = Counter(client.request().text for _ in range(50))
        assert early["one"] <= 12, "of 25 in the end"
        lb.apply([group(backends=[one, two], slow_start_ms=300, **CHECKED)])
        recovers()
        client.request()
        time.sleep(0.5)
        assert Counter(client.request().text for _ in range(50)) == {"one": 25, "two": 25}


def test_unhealthy_server_is_drained(front, http_backend):
    late = threading.Event()
    state = {"status": "200 OK"}

    def respond(request):
        if request.target == "/check":
            return response(status=state["status"])
        late.wait(PATIENCE)
        return response(b"late")

    backend = http_backend(respond)
    key = ("sg-1", server(backend)["id"])
    lb, addr = front(backend, in_group={**CHECKED, "drain": True, "drain_timeout_ms": 200}, more=[check(path="/check")])
    lb.wait_health({key: "up"})

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: any(r.target == "/" for r in backend.requests), "the request is at the server")
        state["status"] = "500 No"
        lb.wait_health({key: "down"})
        assert client.response().status == 502
        late.set()
    assert lb.log_lines(1)[0]["reason"] == "draining"


def test_one_server_in_two_groups_is_checked_for_each(slbd, http_backend):
    one = Switched(http_backend, "one")
    second = {**check(path="/other"), "id": "hc-2", "codes": ["http_4xx"]}
    front = listener()
    lb = slbd(
        snapshot(
            group(backends=[one], **CHECKED), group("sg-2", [one], health_check="hc-2"), check(path="/check"), second, front
        )
    )

    lb.wait_health({one.key: "up", ("sg-2", one.key[1]): "down"})
    assert get((HOST, front["port"])).status == 200

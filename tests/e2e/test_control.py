"""The control socket: a change is true or refused, and whoever asks gets an answer."""
import json
import os
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from lib import (
    HOST,
    SLBD_BIN,
    STOP_SECONDS,
    Client,
    forward,
    free_port,
    get,
    group,
    instance,
    listener,
    proves,
    server,
    snapshot,
    wait_for,
)


class Control:
    """A connection to the control socket that stays open."""

    def __init__(self, lb):
        self.socket = lb.connect_control()
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.data:
            piece = self.socket.recv(1 << 20)
            assert piece, f"the connection ended; so far {self.data[:200]!r}"
            self.data += piece
        line, _, self.data = self.data.partition(b"\n")
        return json.loads(line)

    def ask(self, line):
        self.send((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
        return self.line()


def change(version, upsert=(), remove=()):
    return {"version": version, "upsert": list(upsert), "remove": list(remove)}


def page(port):
    return get((HOST, port)).text


@pytest.fixture
def served(slbd, http_backend):
    """(slbd, port of its listener, backend "py")"""
    front = listener()
    backend = http_backend()
    return slbd(snapshot(group(backends=[backend]), front)), front["port"], backend


# --- whole or not at all ---------------------------------------------------------------------

REFUSED = [
    (
        "range",
        {"port": 70000},
        {
            "resource": "listener/lsn-2",
            "field": "port",
            "value": "70000",
            "rule": "must be a whole number from 1 to 65535",
        },
    ),
    (
        "unknown field",
        {"prot": 80},
        {"resource": "listener/lsn-2", "value": "prot", "rule": "is not the name of a field"},
    ),
    (
        "no such group",
        {"default_actions": [forward("sg-nowhere")]},
        {"resource": "listener/lsn-2", "field": "default_actions[0].groups[0].group", "value": "sg-nowhere"},
    ),
    (
        "a kind that is not served",
        {"protocol": "https"},
        {"resource": "listener/lsn-2", "field": "protocol", "value": "https"},
    ),
    (
        "a field of another protocol",
        {"protocol": "tcp", "request_timeout_ms": 1000, "default_actions": [forward("sg-tcp")]},
        {"resource": "listener/lsn-2", "field": "request_timeout_ms"},
    ),
    (
        "wrong type",
        {"port": "80"},
        {"resource": "listener/lsn-2", "field": "port"},
    ),
]


@pytest.mark.parametrize("fields, expected", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_one_error_refuses_the_whole_change(served, http_backend, fields, expected):
    """Also what was right in the same change does not happen."""
    lb, port, _ = served
    before = lb.control("get snapshot")
    other = http_backend(name="other")
    wrong = {**listener("lsn-2"), **fields}
    good = [group(backends=[other]), group("sg-tcp", [other], "tcp"), listener("lsn-3")]
    answer = lb.control(change(2, [*good, wrong]))
    assert answer["ok"] is False and answer["more_errors"] == 0, answer
    assert (answer["version"], answer["in_force"]) == (2, 1), answer
    assert len(answer["errors"]) == 1, answer
    row = answer["errors"][0]
    assert set(row) == {"resource", "field", "value", "rule"} and row["rule"]
    assert expected.items() <= row.items(), row
    assert lb.control("get snapshot") == before
    assert page(port) == "py\n"
    with pytest.raises(ConnectionRefusedError):
        get((HOST, good[2]["port"]))


@pytest.mark.parametrize(
    "line, version",
    [
        (json.dumps(change(7, [{**listener("lsn-2"), "port": 70000}])), 7),
        ('{"upsert": [], "version": 8', 8),
        ('{"version": 9, "version": 10, "upsert": []}', 9),
        ('{"upsert": []}', 0),
        ('{"version": -1, "upsert": []}', 0),
        ("replace " + json.dumps(change(11, [{"kind": "nothing", "id": "x"}])), 11),
    ],
    ids=["range", "torn", "twice", "absent", "negative", "replace"],
)
def test_refusal_names_its_version_and_the_one_in_force(served, line, version):
    lb, _, _ = served
    with Control(lb) as control:
        assert control.ask(change(5)) == {"version": 5, "ok": True}
        answer = control.ask(line)
        assert (answer["version"], answer["ok"], answer["in_force"]) == (version, False, 5), answer


def test_names_tell_what_there_is(served):
    lb, _, _ = served
    snapshot = lb.control("get snapshot")
    names = lb.control("get names")
    assert names["version"] == snapshot["version"]
    assert sorted(names["names"]) == sorted(f"{r['kind']}/{r['id']}" for r in snapshot["upsert"])


def test_all_errors_are_told_at_once(served):
    lb, _, _ = served
    wrong = [listener(f"lsn-bad-{i}", port=free_port(), idle_timeout_ms=-1) for i in range(3)]
    wrong.append({"kind": "certificate", "id": "c"})
    remove = [{"kind": "server_group", "id": "sg-1"}, {"kind": "rule", "id": "no"}]
    answer = lb.control(change(2, wrong, remove))
    assert answer["ok"] is False
    named = {(row["resource"], row["field"]) for row in answer["errors"]}
    for i in range(3):
        assert (f"listener/lsn-bad-{i}", "idle_timeout_ms") in named, named
    assert ("upsert[3]", "kind") in named, named  # a kind that is not served
    assert any(resource == "rule/no" for resource, _ in named), named


def test_group_in_use_is_not_removed(served):
    lb, port, _ = served
    answer = lb.control(change(2, [], [{"kind": "server_group", "id": "sg-1"}]))
    assert answer["ok"] is False, answer
    assert page(port) == "py\n"


@proves("CLBSG-28", "NLBI-27")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_l4_listener_has_one_group(served, protocol):
    lb, _, _ = served
    groups = [group("sg-a", protocol=protocol), group("sg-b", protocol=protocol)]
    front = {**listener("lsn-2", protocol=protocol), "default_actions": [forward("sg-a", "sg-b")]}
    answer = lb.control(change(2, [*groups, front]))
    assert answer["ok"] is False and answer["errors"][0]["resource"] == "listener/lsn-2", answer
    # One group may serve many listeners.
    fronts = [listener(f"lsn-{i}", protocol=protocol, to="sg-a") for i in (2, 3)]
    assert lb.control(change(2, [groups[0], *fronts])) == {"version": 2, "ok": True}


def test_two_listeners_on_one_address_are_refused(served):
    lb, port, _ = served
    answer = lb.control(change(2, [listener("lsn-2", port)]))
    assert answer["ok"] is False
    assert answer["errors"][0]["resource"] == "listener/lsn-2", answer


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"version": 2, "upsert": [], "remove": []',
        '{"version": 2, "upsert": []} trailing',
        '{"version": 2, "version": 3, "upsert": []}',
        '{"upsert": []}',
        '{"version": 2, "upsert": {}}',
        '{"version": -1, "upsert": []}',
        '{"version": 2, "unknown": []}',
        "replace",
        "replace {",
        "get",
        "get everything",
        "watch traffic",
        "GET / HTTP/1.1",
        "\x00",
        "[" * 100000,
    ],
    ids=range(16),
)
def test_bad_lines_are_answered(served, line):
    """With what is wrong, and the connection goes on."""
    lb, port, _ = served
    with Control(lb) as control:
        answer = control.ask(line)
        assert answer["ok"] is False and answer["errors"][0]["rule"], answer
        assert control.ask("get status")["version"] == 1
    assert page(port) == "py\n"


# --- what only the data plane can know -------------------------------------------------------


def refused_bind(lb, front, other=()):
    """The change is refused because of this listener's address."""
    before = lb.control("get snapshot")
    answer = lb.control(change(2, [front, *other]))
    assert answer["ok"] is False, answer
    row = answer["errors"][0]
    assert (row["resource"], row["field"]) == (f"listener/{front['id']}", "bind"), answer
    assert row["rule"].startswith("cannot be bound: "), answer
    assert lb.control("get snapshot") == before
    return row


def test_port_of_somebody_else_refuses_the_change(served, http_backend):
    lb, port, _ = served
    other = http_backend(name="other")
    front = listener("lsn-2", other.port)
    good = listener("lsn-3")
    row = refused_bind(lb, front, [good, group(backends=[other])])
    assert row["value"] == f"{HOST}:{other.port}"
    assert row["rule"] == "cannot be bound: Address already in use"
    assert page(port) == "py\n"
    with pytest.raises(ConnectionRefusedError):
        get((HOST, good["port"]))
    # What was refused leaves nothing behind: the same is accepted when the port is free.
    other.stop()
    lb.apply([front])
    assert page(other.port) == "py\n"


def test_udp_port_of_somebody_else_refuses_the_change(served, udp_echo):
    lb, _, _ = served
    other = udp_echo()
    refused_bind(
        lb, listener("lsn-2", other.port, "sg-udp", "udp"), [group("sg-udp", protocol="udp")]
    )


@pytest.mark.parametrize("kind, protocol", [("stream", "tcp"), ("dgram", "udp")])
def test_port_that_another_balancer_shares_is_refused(served, kind, protocol):
    """A socket that allows sharing would take part of the connections away."""
    lb, _, _ = served
    kind = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((HOST, free_port()))  # which no client gets when it is free again
        if protocol == "tcp":
            other.listen()
        front = listener("lsn-2", other.getsockname()[1], "sg-2", protocol)
        refused_bind(lb, front, [group("sg-2", protocol=protocol)])
    lb.apply([front, group("sg-2", protocol=protocol)])


def test_address_that_is_not_here_refuses_the_change(served):
    lb, port, _ = served
    refused_bind(lb, listener("lsn-2", bind=[HOST, "192.0.2.1"]))
    assert page(port) == "py\n"


def test_second_address_that_fails_keeps_the_first_listener(served, http_backend):
    """A listener that would move keeps serving where it is."""
    lb, port, _ = served
    other = http_backend(name="other", ip="127.0.0.7")
    moved = listener(port=other.port, bind=[HOST, "127.0.0.7"])
    refused_bind(lb, moved)
    assert page(port) == "py\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_privileged_port_as_nobody_is_refused():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as f:
        if int(f.read()) <= 80:
            pytest.skip("low ports need no privilege here")
    as_nobody = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    if subprocess.run([*as_nobody, SLBD_BIN, "--version"], capture_output=True).returncode != 0:
        pytest.skip("nobody may not run slbd where it lies")
    conf = snapshot(group(), listener(port=80, bind=["127.0.0.80"]))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:  # tmp_path is root's alone
        json.dump(conf, f)
        f.flush()
        os.chmod(f.name, 0o644)
        run = subprocess.run(
            [*as_nobody, SLBD_BIN, "data", "--snapshot", f.name], capture_output=True, timeout=STOP_SECONDS
        )
    assert run.returncode == 1, run
    assert b'listener/lsn-1: bind: "127.0.0.80:80": cannot be bound: Permission denied' in run.stderr, run


# --- lines -----------------------------------------------------------------------------------


def test_torn_line(served):
    """A line may come in pieces; a connection that ends within one changes nothing."""
    lb, _, _ = served
    text = json.dumps(change(2, [instance("lb-2")])).encode() + b"\n"
    with Control(lb) as control:
        for i in range(0, len(text), 7):
            control.send(text[i : i + 7])
            time.sleep(0.001)
        assert control.line() == {"version": 2, "ok": True}
    with Control(lb) as control:
        control.send(json.dumps(change(3, [instance("lb-3")])).encode())
    assert lb.status()["version"] == 2
    ids = {r["id"] for r in lb.control("get snapshot")["upsert"]}
    assert "lb-2" in ids and "lb-3" not in ids


def test_many_lines_at_once_are_answered_in_order(served):
    lb, port, backend = served
    lines = []
    for i in range(200):
        weight = server(backend, 1 + i % 100)
        lines.append(json.dumps(change(2 + i, [group(backends=[weight])])))
        if i % 10 == 0:
            lines.append("get status")
    with Control(lb) as control:
        control.send("\n".join(lines).encode() + b"\n")
        for i in range(200):
            assert control.line() == {"version": 2 + i, "ok": True}
            if i % 10 == 0:
                assert control.line()["version"] == 2 + i
    assert page(port) == "py\n"


def test_huge_change(served):
    """Thousands of resources in one line of megabytes."""
    lb, port, backend = served
    n = 10000
    servers = [{**server(backend), "id": f"s-{i}", "port": i + 1} for i in range(10)]
    groups = [group(f"sg-big-{i}", servers) for i in range(n)]
    line = json.dumps(change(2, groups))
    assert len(line) > 6 << 20
    assert lb.control(line, timeout=120) == {"version": 2, "ok": True}
    assert len(lb.control("get snapshot", timeout=120)["upsert"]) == n + 3
    assert page(port) == "py\n"


def test_line_without_end_is_given_up(served):
    """More than 256 MiB is no line: the connection is closed, and slbd goes on."""
    lb, port, _ = served
    piece = b"x" * (1 << 20)
    with Control(lb) as control:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(300):
                control.send(piece)
    assert page(port) == "py\n"
    assert lb.status()["version"] == 1


def test_client_that_does_not_read_holds_up_nobody(served):
    lb, port, _ = served
    groups = [group(f"sg-big-{i}", [server(served[2], 100)]) for i in range(3000)]
    lb.apply(groups)
    with Control(lb) as lazy:
        lazy.send(b"get snapshot\n" * 50)
        time.sleep(0.2)
        assert lb.status()["version"] == 2
        lb.apply([instance("lb-2")])
        assert page(port) == "py\n"


def test_client_that_leaves_before_its_answer(served):
    lb, port, _ = served
    for i in range(30):
        with Control(lb) as control:
            control.send(json.dumps(change(2 + i, [instance(f"lb-x{i}")])).encode() + b"\n")
    wait_for(lambda: lb.status()["version"] == 31, "all of them are applied")
    assert page(port) == "py\n"


def test_several_clients_at_once(served):
    """Each change is whole: versions are applied one after the other, and none is lost."""
    lb, port, backend = served
    n_clients, n_changes = 8, 25
    errors = []

    def work(number):
        try:
            with Control(lb) as control:
                for i in range(n_changes):
                    version = 100 + number * n_changes + i
                    extra = group(f"sg-{number}-{i}", [server(backend)])
                    answer = control.ask(change(version, [extra]))
                    if answer != {"version": version, "ok": True}:
                        errors.append(answer)
        except (AssertionError, OSError, ValueError) as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(n_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[:3]
    ids = {r["id"] for r in lb.control("get snapshot")["upsert"]}
    assert all(f"sg-{c}-{i}" in ids for c in range(n_clients) for i in range(n_changes))
    assert page(port) == "py\n"


# --- what can be asked -----------------------------------------------------------------------


def test_status(served):
    lb, _, _ = served
    status = lb.status()
    assert (status["version"], status["pid"], status["draining"]) == (1, lb.pid, False)
    lb.apply([instance("lb-2")])
    assert lb.status()["version"] == 2
    assert lb.status()["changes"] == status["changes"] + 1


def statuses_2xx(lb):
    """Counted for the first listener and the first server."""
    counters = lb.counters()
    return counters["listeners"][0]["status_2xx"], counters["servers"][0]["status_2xx"]


def test_counters(served):
    lb, port, backend = served
    with Client((HOST, port)) as client:
        for _ in range(3):
            assert client.request().status == 200
        # A client may have its response before it is counted.
        wait_for(lambda: statuses_2xx(lb) == (3, 3), "three responses")
        counters = lb.counters()
    row = counters["listeners"][0]
    assert (row["listener"], row["connections"], row["requests"], row["status_2xx"]) == ("lsn-1", 1, 3, 3)
    row = counters["servers"][0]
    assert (row["group"], row["server"]) == ("sg-1", f"s-{HOST}-{backend.port}")
    assert (row["connects"], row["reuses"], row["status_2xx"]) == (1, 2, 3)


def test_counters_outlive_changes(served):
    lb, port, backend = served
    page(port)
    lb.apply([listener(port=port, idle_timeout_ms=20000), group(backends=[server(backend, 7)])])
    page(port)
    wait_for(lambda: statuses_2xx(lb) == (2, 2), "two responses")
    assert lb.counters()["listeners"][0]["requests"] == 2
    assert lb.counters()["servers"][0]["uses"] == 2


def test_snapshot_reads_back(served, slbd):
    """What slbd tells is a set that it takes, and it says the same then."""
    lb, port, _ = served
    told = lb.control("get snapshot")
    lb.stop()
    again = slbd(told)
    assert again.control("get snapshot") == told
    assert page(port) == "py\n"


@proves("CLBSG-21", "CLBSG-22")
def test_health_and_watch_health(slbd, http_backend):
    one, two = http_backend(name="one"), http_backend(name="two")
    names = [f"s-{HOST}-{b.port}" for b in (one, two)]
    check = {
        "kind": "health_check", "id": "hc", "protocol": "http",
        "interval_ms": 100, "rise": 1, "fall": 2,
    }  # fmt: skip
    front = listener()
    # One worker: each takes its own turns, and six connections need not reach one of many workers twice.
    lb = slbd(snapshot(group(backends=[one, two], health_check="hc"), front, check), "--workers", "1")
    lb.wait_health({("sg-1", names[0]): "up", ("sg-1", names[1]): "up"})
    with Control(lb) as control, Control(lb) as second:
        assert control.ask("watch health") == {"ok": True}
        assert second.ask("watch health") == {"ok": True}
        two.stop()
        event = control.line()
        assert (event["event"], event["group"], event["server"]) == ("health", "sg-1", names[1])
        assert (event["before"], event["after"]) == ("up", "down")
        assert event["why"] not in ("", "-")
        assert second.line() == event
        assert {page(front["port"]) for _ in range(6)} == {"one\n"}
        again = http_backend(name="two", port=two.port)
        event = control.line()
        assert (event["before"], event["after"]) == ("down", "up")
        assert {page(front["port"]) for _ in range(6)} == {"one\n", "two\n"}
        # A connection that watches can still ask.
        assert control.ask("get status")["pid"] == lb.pid
        again.stop()


# --- complete sets ---------------------------------------------------------------------------


def test_replace_removes_what_it_lacks(served, http_backend):
    lb, port, _ = served
    new = listener("lsn-new")
    other = http_backend(name="other")
    lb.apply([listener("lsn-2")])
    lb.replace(snapshot(group("sg-new", [other]), {**new, "default_actions": [forward("sg-new")]}, version=9))
    assert page(new["port"]) == "other\n"
    with pytest.raises(ConnectionRefusedError):
        page(port)
    ids = {r["id"] for r in lb.control("get snapshot")["upsert"]}
    assert ids == {"lb-1", "sg-new", "lsn-new"}


def test_replace_by_something_wrong_changes_nothing(served):
    lb, port, _ = served
    answer = lb.control("replace " + json.dumps(snapshot(listener(port=port, to="sg-none"), version=2)))
    assert answer["ok"] is False
    assert page(port) == "py\n"


@pytest.mark.parametrize("protocol", ["http", "tcp", "udp"])
def test_listener_moves_between_one_address_and_all(served, protocol):
    """What is bound now is no obstacle to what is wanted next."""
    lb, _, backend = served
    front = listener("lsn-2", protocol=protocol, to="sg-2")
    lb.apply([group("sg-2", [backend], protocol), front])
    lb.apply([{**front, "bind": ["0.0.0.0"]}])
    lb.apply([{**front, "bind": ["127.0.0.5"]}])
    lb.apply([{**front, "bind": ["127.0.0.5", "127.0.0.6"]}])
    if protocol != "udp":
        assert get(("127.0.0.6", front["port"])).text == "py\n"
        with pytest.raises(ConnectionRefusedError):
            get((HOST, front["port"]))


def test_listener_that_comes_back_at_once(served):
    """Removed and made anew while a connection of old is open."""
    lb, port, _ = served
    front = listener(port=port)
    for _ in range(10):
        with Client((HOST, port)) as client:
            assert client.request().status == 200
            lb.apply(remove=[("listener", "lsn-1")])
            lb.apply([front])
            for _ in range(5):
                assert page(port) == "py\n"


def test_ports_can_be_swapped_in_one_change(slbd, http_backend):
    one, two = http_backend(name="one"), http_backend(name="two")
    a, b = listener("lsn-a", to="sg-a"), listener("lsn-b", to="sg-b")
    lb = slbd(snapshot(group("sg-a", [one]), group("sg-b", [two]), a, b))
    assert (page(a["port"]), page(b["port"])) == ("one\n", "two\n")
    lb.apply([{**a, "port": b["port"]}, {**b, "port": a["port"]}])
    assert (page(a["port"]), page(b["port"])) == ("two\n", "one\n")


@proves("CLBL-06")
def test_change_holds_at_once_for_new_requests(served, http_backend):
    """Also on a connection that was open before; a response that has begun goes on as it began."""
    lb, port, _ = served
    body = b"x" * (4 << 20)
    slow = http_backend(
        lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    other = http_backend(name="other")
    lb.apply([group(backends=[slow])])
    with Client((HOST, port)) as reading, Client((HOST, port)) as waiting:
        reading.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert reading.reader.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        for i in range(20):
            lb.apply([group(backends=[other]), listener(port=port, idle_timeout_ms=20000 + i)])
            assert waiting.request().text == "other\n"
            lb.apply([group(backends=[served[2]])])
            assert waiting.request().text == "py\n"
        assert reading.reader.exactly(len(body)) == body


# --- state on disk ---------------------------------------------------------------------------


def test_state_file_keeps_what_was_acknowledged(slbd, http_backend, tmp_path):
    """Change after change, through an orderly end and through a crash."""
    state = tmp_path / "state.json"
    front = listener()
    one, two = http_backend(name="one"), http_backend(name="two")
    lb = slbd(snapshot(group(backends=[one]), front), "--state", str(state))

    def saved():
        return json.loads(state.read_text())["version"] == lb.version if state.exists() else False

    for backend in (two, one, two):
        lb.apply([group(backends=[backend])])
        wait_for(saved, "the state file is up to date")
    lb.kill()
    lb.start()
    assert page(front["port"]) == "two\n"
    lb.apply([group(backends=[one])])
    lb.stop()
    assert saved()
    lb.start()
    assert page(front["port"]) == "one\n"


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"version": 1, "upsert": [{"kind": "listener"}]}', b"\xff" * 100]
)
def test_torn_state_file_does_not_prevent_a_start(slbd, http_backend, tmp_path, content):
    state = tmp_path / "state.json"
    state.write_bytes(content)
    front = listener()
    slbd(snapshot(group(backends=[http_backend()]), front), "--state", str(state))
    assert page(front["port"]) == "py\n"
    assert (tmp_path / "state.json.refused").read_bytes() == content

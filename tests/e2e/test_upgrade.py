"""Upgrades that go wrong or meet something else: the running process goes on, or the next one has it all."""
import json
import signal
import socket
import subprocess
import threading
import time

import pytest
from lib import (
    HOST,
    PATIENCE,
    READ_HEAD,
    STOP_SECONDS,
    Client,
    accepts,
    get,
    group,
    in_one_of,
    instance,
    listener,
    server,
    snapshot,
    wait_for,
)

STEPS = ("hello", "ready", "done")


class Successor:
    """Speaks the hand-over as a new process does, up to where the test wants it to die."""

    def __init__(self, lb, n_workers=2):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(lb.dir / "handover.sock"))
        self.n_workers = n_workers
        self.fds = []
        self.lines = []

    def hello(self):
        self.socket.send(b"hello %d" % self.n_workers)
        self.until("end")

    def ready(self):
        self.socket.send(b"ready")

    def done(self):
        self.until("done")

    def until(self, last):
        while True:
            data, fds, _, _ = socket.recv_fds(self.socket, 65536, 64)
            self.fds += fds
            assert data, f"the connection ended after {self.lines}"
            self.lines.append(data.decode())
            if self.lines[-1] == last:
                return

    def die(self):
        for fd in self.fds:
            socket.close(fd)
        self.socket.close()


@pytest.fixture
def served(slbd, http_backend, tcp_echo, udp_echo):
    """(slbd, ports by protocol)"""
    fronts = {p: listener(f"lsn-{p}", to=f"sg-{p}", protocol=p) for p in ("http", "tcp", "udp")}
    fronts["udp"]["idle_timeout_ms"] = 1000  # so that an end need not wait long
    backends = {"http": http_backend(), "tcp": tcp_echo(), "udp": udp_echo()}
    groups = [group(f"sg-{p}", [b], p) for p, b in backends.items()]
    lb = slbd(snapshot(*groups, *fronts.values()), "--workers", "2", "--drain", "20")
    return lb, {p: front["port"] for p, front in fronts.items()}


def ask_udp(sock):
    """The answer to one datagram that may have to begin its flow anew."""
    sock.send(b"x")
    return sock.recv(100)


def all_is_well(ports):
    assert get((HOST, ports["http"])).text == "py\n"
    with Client((HOST, ports["tcp"])) as client:
        client.send(b"echo")
        assert client.reader.exactly(4) == b"echo"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((HOST, ports["udp"]))
        assert ask_udp(sock) == b"u1:x"


@pytest.mark.parametrize("n_steps", range(len(STEPS) + 1))
def test_next_process_dies(served, n_steps):
    """At whichever step: the old one serves on, and open connections notice nothing."""
    lb, ports = served
    web = HOST, ports["http"]
    with Client((HOST, ports["tcp"])) as relay, Client(web) as http, Client(web) as silent:
        relay.send(b"before")
        assert relay.reader.exactly(6) == b"before"
        assert http.request().status == 200
        peer = Successor(lb)
        for step in STEPS[:n_steps]:
            getattr(peer, step)()
        peer.die()
        for _ in range(10):
            all_is_well(ports)
        relay.send(b"after")
        assert relay.reader.exactly(5) == b"after"
        assert (http.request().status, silent.request().status) == (200, 200)
    lb.apply([instance("lb-2")])
    assert lb.process.poll() is None
    lb.upgrade()
    all_is_well(ports)
    assert lb.replaced[-1].wait(STOP_SECONDS) == 0
    assert lb.status()["version"] == 2


def test_changes_wait_for_the_next_process_and_are_applied_if_it_dies(served):
    """A change that is acknowledged is never lost: neither process may answer for the other."""
    lb, ports = served
    peer = Successor(lb)
    peer.hello()
    with lb.connect_control() as control:
        control.sendall(json.dumps({"version": 2, "upsert": [instance("lb-2")]}).encode() + b"\n")
        control.settimeout(0.5)
        with pytest.raises(socket.timeout):
            control.recv(100)
        assert lb.status()["version"] == 1
        peer.die()
        control.settimeout(PATIENCE)
        assert json.loads(control.recv(1000)) == {"version": 2, "ok": True}
    all_is_well(ports)


def test_changes_that_wait_end_without_an_answer_when_the_next_process_serves(served):
    lb, ports = served
    peer = Successor(lb)
    peer.hello()
    peer.ready()
    peer.done()
    with lb.connect_control() as control:
        control.sendall(json.dumps({"version": 2, "upsert": [instance("lb-2")]}).encode() + b"\n")
        time.sleep(0.1)
        peer.socket.send(b"serving")
        control.settimeout(PATIENCE)
        try:
            assert control.recv(1000) == b""
        except ConnectionResetError:
            pass  # it was not even read
    # The old one lets go of its copies before it closes: now the port is only ours.
    assert peer.socket.recv(100) == b""
    assert lb.process.wait(STOP_SECONDS) == 0
    peer.die()
    assert not accepts((HOST, ports["http"]))


def answer_of(control):
    """What comes on a control connection; None when it ends instead."""
    try:
        line = control.makefile().readline()
    except ConnectionResetError:
        line = ""
    return json.loads(line) if line else None


def test_upgrade_in_the_middle_of_a_change(served, http_backend):
    """The hand-over follows the change that is under way, and takes it along."""
    lb, ports = served
    one = server(http_backend())
    many = [{**one, "id": f"s-{p}", "port": p + 1} for p in range(20)]
    big = [group(f"sg-{i}", many) for i in range(2000)]

    def attempt():
        lb.version += 1
        line = json.dumps({"version": lb.version, "upsert": big}).encode()
        with lb.connect_control() as control:
            control.sendall(line)  # most of it has been read when this returns
            control.sendall(b"\n")
            lb.upgrade()
            # A next process that was faster than the change would leave it without an answer.
            assert answer_of(control) == {"version": lb.version, "ok": True}
        assert lb.status()["version"] == lb.version
        all_is_well(ports)

    in_one_of(3, attempt)


def test_two_next_processes_at_once(served):
    """The second is told so and ends; nothing happens to the first."""
    lb, ports = served
    peer = Successor(lb)
    peer.hello()
    second = subprocess.run(lb.command(), capture_output=True, timeout=STOP_SECONDS)
    assert second.returncode == 1
    assert b"another process is taking over" in second.stderr, second.stderr
    peer.die()
    all_is_well(ports)


def test_fewer_workers_are_refused(served):
    """What the kernel has queued for the others would be lost."""
    lb, ports = served
    command = lb.command()
    command[command.index("--workers") + 1] = "1"
    second = subprocess.run(command, capture_output=True, timeout=STOP_SECONDS)
    assert second.returncode == 1
    assert b"the old process has more workers" in second.stderr, second.stderr
    all_is_well(ports)


def test_more_workers(served):
    lb, ports = served
    lb.args[lb.args.index("--workers") + 1] = "4"
    lb.upgrade()
    assert lb.status()["workers"] == 4
    for _ in range(20):
        all_is_well(ports)
    assert lb.replaced[-1].wait(STOP_SECONDS) == 0


def test_next_process_that_cannot_have_its_admin_address(served):
    """It fails before the old one has given anything up."""
    lb, ports = served
    command = lb.command()
    with socket.create_server((HOST, 0)) as other:
        command[command.index("--admin") + 1] = f"{HOST}:{other.getsockname()[1]}"
        second = subprocess.run(command, capture_output=True, timeout=STOP_SECONDS)
    assert second.returncode == 1
    assert b"admin address" in second.stderr, second.stderr
    all_is_well(ports)
    assert lb.status()["pid"] == lb.pid


@pytest.mark.parametrize("line", [b"hello", b"hello -1", b"HELLO 2", b"\xff\xff", b"ready", b"hello 2 3"])
def test_nonsense_on_the_hand_over_socket(served, line):
    lb, ports = served
    peer = Successor(lb)
    peer.socket.send(line)
    assert peer.socket.recv(100) == b""
    peer.die()
    all_is_well(ports)
    lb.upgrade()
    all_is_well(ports)


def good_until_close(client):
    """The answer to a request if it says that it is the last one."""
    answer = client.request()
    assert answer.status == 200
    return answer if answer.header("connection") == "close" else None


def test_idle_connection_is_told_to_close_not_cut(served):
    """A keep-alive connection of the old process is good for one more request, which says the rest."""
    lb, ports = served
    with Client((HOST, ports["http"])) as client:
        assert client.request().header("connection") in (None, "keep-alive")
        lb.upgrade()
        wait_for(lambda: "hand-over: done" in lb.stderr(), "the old process knows that it is replaced")
        # Its worker knows a moment later.
        wait_for(lambda: good_until_close(client), "an answer that says close", seconds=5, step=0.1)
        assert client.is_closed()
    assert lb.replaced[-1].wait(STOP_SECONDS) == 0


def test_request_that_is_under_way_is_finished_by_the_old_process(slbd, scripted):
    upgraded = threading.Event()
    one = scripted([READ_HEAD, upgraded, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"])
    front = listener()
    lb = slbd(snapshot(group(backends=[one]), front))
    with Client((HOST, front["port"])) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: one.n_open() == 1, "the request is at its server")
        lb.upgrade()
        upgraded.set()
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"slow")
    assert lb.replaced[-1].wait(STOP_SECONDS) == 0


def test_connections_that_wait_in_the_queue_reach_the_next_process(served):
    """While nobody accepts they are established by the kernel, and nobody has to connect again."""
    lb, ports = served
    peer = Successor(lb)
    peer.hello()
    peer.ready()
    peer.done()
    clients = [Client((HOST, ports["http"])) for _ in range(50)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    peer.die()
    for client in clients:
        assert client.response().text == "py\n"
        client.close()


def test_state_file_is_the_next_process_s(slbd, http_backend, tmp_path):
    """The old one does not write over it."""
    state = tmp_path / "state.json"
    front = listener()
    one, two = http_backend(name="one"), http_backend(name="two")
    lb = slbd(snapshot(group(backends=[one]), front), "--state", str(state))
    for backend in (two, one, two, one):
        lb.apply([group(backends=[backend])])
        lb.upgrade()
        lb.apply([group(backends=[backend]), instance(f"lb-{backend.name}")])
        assert get((HOST, front["port"])).text == f"{backend.name}\n"
    wait_for(
        lambda: state.exists() and json.loads(state.read_text())["version"] == lb.version,
        "the state is saved",
    )
    for process in lb.replaced:
        assert process.wait(STOP_SECONDS) == 0
    assert json.loads(state.read_text())["version"] == lb.version
    lb.kill()
    lb.start()
    assert get((HOST, front["port"])).text == "one\n"


def test_crash_leaves_files_that_do_not_hinder(served):
    """Sockets of a process that was killed are nobody's."""
    lb, ports = served
    lb.kill()
    lb.start()
    all_is_well(ports)


@pytest.mark.parametrize("wait_ms", range(100, 200, 15))
def test_second_signal_ends_at_once(served, wait_ms):
    """Whatever the first one has under way."""
    lb, ports = served
    with Client((HOST, ports["tcp"])) as client:
        client.send(b"echo")
        assert client.reader.exactly(4) == b"echo"
        lb.signal(signal.SIGTERM)
        wait_for(lambda: not accepts((HOST, ports["tcp"])), "it accepts no more")
        client.send(b"echo")
        assert client.reader.exactly(4) == b"echo"
        time.sleep(wait_ms / 1000)
        lb.signal(signal.SIGTERM)
        assert lb.process.wait(STOP_SECONDS) == 0
        assert client.is_closed()

"""TCP relays: bytes, ends, resets and time limits pass through as they are."""
import asyncio
import hashlib
import os
import select
import socket
import threading
import time
from collections import Counter

import pytest
import websockets
from lib import (
    HANG,
    HOST,
    PATIENCE,
    RESET,
    Client,
    free_port,
    group,
    listener,
    proves,
    read_bytes,
    server,
    snapshot,
    wait_for,
)

BIG_BYTES = 64 << 20
# Each takes its own turns: more than a test makes connections would all choose the first server.
TWO_WORKERS = ("--workers", "2")


def relay(slbd, backends, group_fields=None, listener_fields=None, args=TWO_WORKERS):
    """slbd with one TCP listener; (slbd, its address)."""
    front = listener(protocol="tcp", **(listener_fields or {}))
    conf = snapshot(group(backends=backends, protocol="tcp", **(group_fields or {})), front)
    return slbd(conf, *args), (HOST, front["port"])


def listener_counters(lb, name="lsn-1"):
    return next(row for row in lb.counters()["listeners"] if row["listener"] == name)


def is_reset(sock, seconds=PATIENCE):
    """Whether the peer ends the connection by RST, not FIN."""
    sock.settimeout(seconds)
    try:
        return sock.recv(1) != b"" and is_reset(sock, seconds)
    except ConnectionResetError:
        return True


class Place:
    """An address that is nobody's business to serve."""

    def __init__(self, port, ip=HOST):
        self.ip = ip
        self.port = port


class Blackhole:
    """A server that never accepts: its queue is full, so SYNs get no answer."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind((HOST, 0))
        self.socket.listen(0)
        self.ip, self.port = self.socket.getsockname()
        self.fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.ip, self.port))
            self.fillers.append(filler)

    def stop(self):
        for filler in self.fillers:
            filler.close()
        self.socket.close()


@pytest.fixture
def blackhole():
    hole = Blackhole()
    yield hole
    hole.stop()


class Named(threading.Thread):
    """Accepts, says its name and keeps the connection; n: connections so far."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.text = name.encode()
        self.socket = socket.create_server((HOST, 0), backlog=512)
        self.ip, self.port = self.socket.getsockname()
        self.open = []
        self.start()

    def run(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(sock)
            sock.sendall(self.text)

    @property
    def n(self):
        return len(self.open)

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.join(PATIENCE)
        self.socket.close()
        for sock in self.open:
            sock.close()


@pytest.fixture
def named():
    """named("a") starts one."""
    made = []

    def make(name):
        made.append(Named(name))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def connect(addr):
    """(client, name of its server)"""
    client = Client(addr)
    return client, client.reader.exactly(1).decode()


# --- bytes -----------------------------------------------------------------------------------


@proves("NLBI-22")
def test_bytes_pass_unchanged(slbd, tcp_echo):
    """Also those that look like another protocol: nothing is read into them."""
    _, addr = relay(slbd, [tcp_echo()])
    with Client(addr) as client:
        for data in (b"\x00", b"GET / HTTP/9.9\r\n\r\n", bytes(range(256)) * 100, b"\x16\x03\x01"):
            client.send(data)
            assert client.reader.exactly(len(data)) == data


def test_server_speaks_first(slbd, tcp_echo):
    _, addr = relay(slbd, [tcp_echo(greeting=b"220 ready\r\n")])
    with Client(addr) as client:
        assert client.reader.exactly(11) == b"220 ready\r\n"


def _pump(sock, data):
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def _digest(sock):
    digest = hashlib.sha256()
    while True:
        piece = sock.recv(1 << 20)
        if not piece:
            return digest.hexdigest()
        digest.update(piece)


def test_big_transfers_both_ways_at_once(slbd):
    """Each side sends 64 MiB and its end while it receives as much."""
    up, down = os.urandom(BIG_BYTES), os.urandom(BIG_BYTES)
    got = {}

    with socket.create_server((HOST, 0)) as server_socket:

        def serve():
            sock, _ = server_socket.accept()
            with sock:
                sender = threading.Thread(target=_pump, args=(sock, down))
                sender.start()
                got["up"] = _digest(sock)
                sender.join()

        thread = threading.Thread(target=serve)
        thread.start()
        lb, addr = relay(slbd, [Place(server_socket.getsockname()[1])])
        with socket.create_connection(addr, timeout=120) as sock:
            sender = threading.Thread(target=_pump, args=(sock, up))
            sender.start()
            got["down"] = _digest(sock)
            sender.join()
        thread.join(120)

    assert got == {"up": hashlib.sha256(up).hexdigest(), "down": hashlib.sha256(down).hexdigest()}
    wait_for(lambda: listener_counters(lb)["active"] == 0, "the relay ends")
    row = listener_counters(lb)
    assert (row["bytes_in"], row["bytes_out"]) == (BIG_BYTES, BIG_BYTES)


def test_reader_that_pauses_pushes_back(slbd, scripted):
    """What nobody reads stays with the sender, not in the balancer."""
    one = scripted([1.0, read_bytes(8 << 20), b"ok"])
    lb, addr = relay(slbd, [one], args=("--workers", "1"))
    before = lb.rss_bytes()
    with Client(addr) as client:
        client.send(os.urandom(8 << 20))
        assert client.reader.exactly(2) == b"ok"
    assert lb.rss_bytes() - before < 6 << 20


@proves("CLBL-04")
@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_websocket(slbd, protocol):
    async def echo(ws, *_):
        async for message in ws:
            await ws.send(message)

    async def talk():
        async with websockets.serve(echo, HOST, 0) as backend:
            one = Place(backend.sockets[0].getsockname()[1])
            front = listener(protocol=protocol)
            conf = snapshot(group(backends=[one], protocol=protocol), front)
            await asyncio.to_thread(slbd, conf)
            async with websockets.connect(f"ws://{HOST}:{front['port']}/") as ws:
                for message in ("hello", b"\x00\xff" * 50000, ""):
                    await ws.send(message)
                    assert await asyncio.wait_for(ws.recv(), PATIENCE) == message
                pong = await ws.ping()
                await asyncio.wait_for(pong, PATIENCE)
                await ws.close(1000, "bye")
                assert ws.close_code == 1000

    asyncio.run(talk())


# --- ends ------------------------------------------------------------------------------------


def test_half_close_of_the_client(slbd, scripted):
    """Its FIN reaches the server behind its bytes; the answer still comes."""
    with socket.create_server((HOST, 0)) as backend:
        _, addr = relay(slbd, [Place(backend.getsockname()[1])])
        with socket.create_connection(addr, timeout=PATIENCE) as client:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            sock, _ = backend.accept()
            with sock:
                assert sock.makefile("rb").read() == b"question"
                time.sleep(0.2)
                sock.sendall(b"answer")
            assert client.makefile("rb").read() == b"answer"


def test_half_close_of_the_server(slbd):
    with socket.create_server((HOST, 0)) as backend:
        _, addr = relay(slbd, [Place(backend.getsockname()[1])])
        with socket.create_connection(addr, timeout=PATIENCE) as client:
            sock, _ = backend.accept()
            with sock:
                sock.sendall(b"that is all")
                sock.shutdown(socket.SHUT_WR)
                assert client.makefile("rb").read() == b"that is all"
                time.sleep(0.2)
                client.sendall(b"thanks")
                client.shutdown(socket.SHUT_WR)
                sock.settimeout(PATIENCE)
                assert sock.makefile("rb").read() == b"thanks"


@pytest.mark.parametrize("bytes_before", [b"", b"some bytes"])
def test_reset_of_the_client_reaches_the_server(slbd, bytes_before):
    with socket.create_server((HOST, 0)) as backend:
        lb, addr = relay(slbd, [Place(backend.getsockname()[1])])
        client = Client(addr)
        client.send(b"x" + bytes_before)
        sock, _ = backend.accept()
        with sock:
            assert sock.recv(100) == b"x" + bytes_before
            client.reset()
            assert is_reset(sock)
        wait_for(lambda: listener_counters(lb)["active"] == 0, "the relay ends")


def test_reset_of_the_server_reaches_the_client(slbd, scripted):
    _, addr = relay(slbd, [scripted([read_bytes(1), RESET])])
    with Client(addr) as client:
        client.send(b"x")
        assert is_reset(client.sock)


@proves("CLBL-11")
def test_idle_connection_is_reset_on_both_sides(slbd):
    with socket.create_server((HOST, 0)) as backend:
        _, addr = relay(
            slbd, [Place(backend.getsockname()[1])], listener_fields={"idle_timeout_ms": 2000}
        )
        with Client(addr) as client:
            sock, _ = backend.accept()
            with sock:
                began = time.monotonic()
                client.send(b"x")
                assert sock.recv(10) == b"x"
                assert is_reset(sock)
                assert is_reset(client.sock)
                assert 1.9 < time.monotonic() - began


def test_one_direction_keeps_the_relay_alive(slbd):
    """Idle means that no byte goes either way."""
    with socket.create_server((HOST, 0)) as backend:
        _, addr = relay(
            slbd, [Place(backend.getsockname()[1])], listener_fields={"idle_timeout_ms": 2000}
        )
        with Client(addr) as client:
            sock, _ = backend.accept()
            with sock:
                for _ in range(25):
                    sock.sendall(b"x")
                    time.sleep(0.1)
                assert client.reader.exactly(25) == b"x" * 25


# --- servers that fail -----------------------------------------------------------------------


def test_refused_connection_goes_to_the_next_server(slbd, tcp_echo):
    lb, addr = relay(slbd, [Place(free_port()), tcp_echo(greeting=b"b")])
    for _ in range(6):
        with Client(addr) as client:
            assert client.reader.exactly(1) == b"b"
    failed = [row["connect_failures"] for row in lb.counters()["servers"]]
    assert failed[0] >= 2 and failed[1] == 0


@proves("CLBL-20")
def test_connect_timeout_goes_to_the_next_server(slbd, blackhole, tcp_echo):
    _, addr = relay(
        slbd, [blackhole, tcp_echo(greeting=b"b")], group_fields={"connect_timeout_ms": 300}
    )
    waited = []
    for _ in range(4):
        began = time.monotonic()
        with Client(addr) as client:
            client.send(b"said before anybody accepted")
            assert client.reader.exactly(29) == b"bsaid before anybody accepted"
        waited.append(time.monotonic() - began)
    assert 0.28 <= max(waited) < 4.5, waited


@proves("CLBL-19", "CLBL-20")
def test_connect_timeout_is_five_seconds(slbd, blackhole, tcp_echo):
    """The product's time is what a group has unless it says otherwise."""
    _, addr = relay(slbd, [server(blackhole, 100), server(tcp_echo(greeting=b"b"), 1)])
    began = time.monotonic()
    with Client(addr) as client:
        assert client.reader.exactly(1) == b"b"
    assert 4.9 <= time.monotonic() - began < 9.5


def is_turned_away(addr):
    """By RST, which may come before connect() returns."""
    try:
        with Client(addr) as client:
            return is_reset(client.sock)
    except ConnectionResetError:
        return True


def test_all_servers_down_resets_the_client(slbd):
    lb, addr = relay(slbd, [Place(free_port()), Place(free_port())])
    assert is_turned_away(addr)
    wait_for(lambda: listener_counters(lb)["refused"] == 1, "it is counted")


def test_no_server_resets_the_client(slbd):
    lb, addr = relay(slbd, [])
    assert is_turned_away(addr)
    wait_for(lambda: listener_counters(lb)["refused"] == 1, "it is counted")


# --- balance ---------------------------------------------------------------------------------


def shares(addr, n):
    """Connections by server, all open at once."""
    clients = [connect(addr) for _ in range(n)]
    for client, _ in clients:
        client.close()
    return Counter(name for _, name in clients)


@proves("CLBSG-16")
@pytest.mark.parametrize("scheduler", ["wrr", "wlc"])
def test_connections_follow_weights(slbd, named, scheduler):
    backends = [server(named("a"), 60), server(named("b"), 30), server(named("c"), 10)]
    _, addr = relay(slbd, backends, {"scheduler": scheduler}, args=("--workers", "1"))
    assert shares(addr, 100) == {"a": 60, "b": 30, "c": 10}


@proves("CLBSG-17")
def test_round_robin_ignores_weight(slbd, named):
    backends = [server(named("a"), 100), server(named("b"), 1)]
    _, addr = relay(slbd, backends, {"scheduler": "rr"}, args=("--workers", "1"))
    assert shares(addr, 40) == {"a": 20, "b": 20}


@proves("CLBA-07")
def test_clients_stay_on_their_server_by_address(slbd, named):
    """Each address always reaches the same server, and many addresses reach all."""
    backends = [named("a"), named("b"), named("c")]
    _, addr = relay(slbd, backends, {"scheduler": "sch"})
    found = {}
    for _ in range(3):
        for i in range(60):  # with random ports a server gets none of so many once in 10**10 runs
            client = Client(addr, source=(f"127.0.1.{i + 1}", 0))
            name = client.reader.exactly(1)
            client.close()
            assert found.setdefault(i, name) == name
    assert len(set(found.values())) == 3


@proves("CLBSG-19")
def test_weight_zero_takes_nothing_new_and_lets_connections_finish(slbd, tcp_echo):
    one, two = tcp_echo(greeting=b"a"), tcp_echo(greeting=b"b")
    check = {"kind": "health_check", "id": "hc", "protocol": "tcp", "interval_ms": 100, "rise": 1}
    front = listener(protocol="tcp")
    fields = {"protocol": "tcp", "health_check": "hc"}
    lb = slbd(snapshot(group(backends=[one, two], **fields), front, check), *TWO_WORKERS)
    addr = (HOST, front["port"])
    clients = [connect(addr) for _ in range(6)]
    assert {name for _, name in clients} == {"a", "b"}
    lb.apply([group(backends=[server(one, 0), server(two)], **fields)])
    n_checks = one.n_connections
    for _ in range(8):
        client, name = connect(addr)
        client.close()
        assert name == "b"
    for client, _ in clients:
        client.send(b"still here")
        assert client.reader.exactly(10) == b"still here"
        client.close()
    wait_for(lambda: one.n_connections >= n_checks + 3, "checks of the server with weight 0")
    assert lb.health()["sg-1", f"s-{HOST}-{one.port}"] == "up"


@proves("CLBSG-20", "CLBSG-40")
def test_new_weights_move_new_connections_only(slbd, named):
    one, two = named("a"), named("b")
    lb, addr = relay(slbd, [server(one, 100), server(two, 0)], args=("--workers", "1"))
    clients = [connect(addr) for _ in range(10)]
    assert {name for _, name in clients} == {"a"}
    lb.apply([group(backends=[server(one, 10), server(two, 90)], protocol="tcp")])
    later = [connect(addr) for _ in range(20)]
    assert Counter(name for _, name in later) == {"a": 2, "b": 18}
    lb.apply([group(backends=[two], protocol="tcp")])
    assert connect(addr)[1] == "b"
    # Those of a server that has gone from the group go on as well.
    for sock in one.open[:10]:
        sock.sendall(b"!")
    for client, _ in clients:
        assert client.reader.exactly(1) == b"!"


def test_drain_cuts_connections_to_a_removed_server(slbd, named):
    one, two = named("a"), named("b")
    fields = {"protocol": "tcp", "drain": True, "drain_timeout_ms": 500}
    front = listener(protocol="tcp")
    lb = slbd(snapshot(group(backends=[one, two], **fields), front), "--workers", "1")
    addr = (HOST, front["port"])
    clients = [connect(addr) for _ in range(4)]
    began = time.monotonic()
    lb.apply([group(backends=[two], **fields)])
    for client, name in clients:
        if name == "a":
            assert is_reset(client.sock)
    assert 0.45 < time.monotonic() - began
    for sock in two.open:
        sock.sendall(b"!")
    for client, name in clients:
        if name == "b":
            assert client.reader.exactly(1) == b"!"


@proves("CLBSG-21", "CLBSG-22")
def test_unhealthy_server_gets_nothing_new_until_it_recovers(slbd, tcp_echo):
    one = tcp_echo(greeting=b"a")
    two = tcp_echo(greeting=b"b")
    check = {
        "kind": "health_check", "id": "hc", "protocol": "tcp",
        "interval_ms": 100, "rise": 2, "fall": 2,
    }  # fmt: skip
    front = listener(protocol="tcp")
    both = group(backends=[one, two], protocol="tcp", health_check="hc")
    lb = slbd(snapshot(both, front, check), *TWO_WORKERS)
    addr = (HOST, front["port"])
    name = f"s-{HOST}-{one.port}"
    lb.wait_health({("sg-1", name): "up"})
    one.stop()
    lb.wait_health({("sg-1", name): "down"})
    for _ in range(8):
        client, where = connect(addr)
        client.close()
        assert where == "b"
    again = tcp_echo(greeting=b"a", port=one.port)
    lb.wait_health({("sg-1", name): "up"})
    assert {connect(addr)[1] for _ in range(8)} == {"a", "b"}
    again.stop()


def test_removed_listener_lets_relays_go_on(slbd, tcp_echo):
    lb, addr = relay(slbd, [tcp_echo()])
    with Client(addr) as client:
        client.send(b"before")
        assert client.reader.exactly(6) == b"before"
        lb.apply(remove=[("listener", "lsn-1")])
        with pytest.raises(ConnectionRefusedError):
            Client(addr)
        client.send(b"after")
        assert client.reader.exactly(5) == b"after"


def test_client_that_leaves_before_the_server_accepts(slbd, blackhole):
    lb, addr = relay(slbd, [blackhole], {"connect_timeout_ms": 300000})
    client = Client(addr)
    wait_for(lambda: listener_counters(lb)["active"] == 1, "the relay begins")
    client.reset()
    wait_for(lambda: listener_counters(lb)["active"] == 0, "the relay ends")


def test_server_that_hangs_does_not_hold_others(slbd, scripted, tcp_echo):
    hanging, echo = scripted([HANG]), tcp_echo()
    _, addr = relay(slbd, [hanging, echo], args=("--workers", "1"))
    clients = [Client(addr) for _ in range(10)]
    for client in clients:
        client.send(b"x")
    sockets = [client.sock for client in clients]
    wait_for(lambda: len(select.select(sockets, [], [], 0)[0]) == 5, "every other one is answered")
    for client in clients:
        client.close()


def test_linger_reset_with_bytes_unread(slbd):
    """A client that closes with bytes unread sends RST: the server hears of it."""
    with socket.create_server((HOST, 0)) as backend:
        _, addr = relay(slbd, [Place(backend.getsockname()[1])])
        client = Client(addr)
        sock, _ = backend.accept()
        with sock:
            sock.sendall(b"unread")
            wait_for(lambda: client.sock.recv(6, socket.MSG_PEEK) == b"unread", "the bytes arrive")
            client.close()
            assert is_reset(sock)



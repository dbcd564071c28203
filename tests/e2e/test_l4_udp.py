"""UDP flows: datagrams pass whole, a client stays on its server, and a new process takes flows over."""
import socket
import time
from collections import Counter

import pytest
from lib import HOST, PATIENCE, STOP_SECONDS, group, listener, server, snapshot, wait_for


# Each takes its own turns: more than a test has clients would all choose the first server.
TWO_WORKERS = ("--workers", "2")


class UdpClient:
    def __init__(self, addr, source=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        if source:
            self.socket.bind(source)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(addr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, data):
        """The name of the server that answered with the same bytes."""
        self.socket.send(data)
        name, _, echo = self.socket.recv(65536).partition(b":")
        assert echo == data, f"{len(data)} bytes came back as {len(echo)}"
        return name.decode()


def flows(slbd, backends, group_fields=None, listener_fields=None, args=()):
    """slbd with one UDP listener; (slbd, its address)."""
    front = listener(protocol="udp", **(listener_fields or {}))
    conf = snapshot(group(backends=backends, protocol="udp", **(group_fields or {})), front)
    # Flows count as open until they are idle: the end of a test does not wait for them.
    return slbd(conf, "--drain", "0", *(args or TWO_WORKERS)), (HOST, front["port"])


def counters(lb):
    return lb.counters()["listeners"][0]


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 9000, 60000, 65000])
def test_datagrams_pass_whole(slbd, udp_echo, size):
    one = udp_echo()
    lb, addr = flows(slbd, [one])
    data = bytes(i % 251 for i in range(size))
    with UdpClient(addr) as client:
        for _ in range(3):
            assert client.ask(data) == "u1"
    assert [d for _, d in one.received] == [data] * 3
    wait_for(lambda: counters(lb)["datagrams_out"] == 3, "counters")
    assert (counters(lb)["datagrams_in"], counters(lb)["bytes_in"]) == (3, 3 * size)


def test_burst_keeps_every_datagram_and_its_bounds(slbd, udp_echo):
    """Sizes that differ must not run together, whatever the kernel batches."""
    one = udp_echo()
    _, addr = flows(slbd, [one])
    sent = [bytes([i % 256]) * (1 + (i * 37) % 1400) for i in range(100)]
    with UdpClient(addr) as client:
        for data in sent:
            client.socket.send(data)
        got = [client.socket.recv(65536) for _ in sent]
    assert got == [b"u1:" + data for data in sent]


def test_client_stays_on_its_server(slbd, udp_echo):
    """Until its flow ends: changes of weight and of members do not move it."""
    one, two = udp_echo("a"), udp_echo("b")
    lb, addr = flows(slbd, [one, two])
    clients = [UdpClient(addr) for _ in range(10)]
    where = [client.ask(b"first") for client in clients]
    assert set(where) == {"a", "b"}
    lb.apply([group(backends=[server(one, 0), server(two, 100)], protocol="udp")])
    assert [client.ask(b"weights") for client in clients] == where
    lb.apply([group(backends=[two], protocol="udp")])
    assert [client.ask(b"members") for client in clients] == where
    with UdpClient(addr) as client:
        assert client.ask(b"new") == "b"
    for client in clients:
        client.socket.close()


def test_server_sees_one_port_for_each_client(slbd, udp_echo):
    one = udp_echo()
    _, addr = flows(slbd, [one])
    clients = [UdpClient(addr) for _ in range(5)]
    for _ in range(4):
        for i, client in enumerate(clients):
            client.ask(b"%d" % i)
    ports = {}
    for peer, data in one.received:
        ports.setdefault(data, set()).add(peer)
    assert [len(p) for p in ports.values()] == [1] * 5
    assert len(set.union(*ports.values())) == 5
    for client in clients:
        client.socket.close()


def held(addr):
    """A socket that has this address, which is about to be free."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def binds():
        try:
            sock.bind(addr)
        except OSError:
            return False
        return True

    wait_for(binds, "its address is free")
    return sock


def test_idle_flow_begins_anew(slbd, udp_echo):
    one = udp_echo()
    lb, addr = flows(slbd, [one], listener_fields={"idle_timeout_ms": 2000})
    with UdpClient(addr) as client:
        for _ in range(24):
            client.ask(b"alive")
            time.sleep(0.1)
        (first,) = {peer for peer, _ in one.received}
        wait_for(lambda: counters(lb)["active"] == 0, "the flow ends")
        with held(first):  # or the kernel might give the same port again
            client.ask(b"again")
        assert one.received[-1][0] != first
    assert counters(lb)["connections"] == 2


def test_replies_alone_keep_a_flow(slbd):
    """A server may go on sending to a client that only asked once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as backend:
        backend.bind((HOST, 0))
        backend.settimeout(PATIENCE)
        one = server(type("Place", (), {"ip": HOST, "port": backend.getsockname()[1]}))
        _, addr = flows(slbd, [one], listener_fields={"idle_timeout_ms": 2000})
        with UdpClient(addr) as client:
            client.socket.send(b"subscribe")
            _, peer = backend.recvfrom(100)
            for i in range(24):
                backend.sendto(b"%d" % i, peer)
                assert client.socket.recv(100) == b"%d" % i
                time.sleep(0.1)


def answered(client):
    """The server's name, or None: a datagram may meet a server that has gone."""
    try:
        return client.ask(b"again")
    except socket.timeout:
        return None


def test_server_that_nobody_listens_on_is_given_up(slbd, udp_echo):
    """ICMP ends the flow: the client's next datagram picks again."""
    one, two = udp_echo("a"), udp_echo("b")
    _, addr = flows(slbd, [one, two], args=("--workers", "1"))
    clients = [UdpClient(addr) for _ in range(2)]
    assert {client.ask(b"first") for client in clients} == {"a", "b"}
    one.stop()
    for client in clients:
        client.socket.settimeout(0.3)
        wait_for(lambda client=client: answered(client) == "b", "the other server has answered")
        client.socket.close()


def test_healthy_server_is_picked(slbd, udp_echo, tcp_echo):
    """A server that its check calls down gets no new flow."""
    alive = udp_echo("a")
    up = tcp_echo()
    check = {
        "kind": "health_check", "id": "hc", "protocol": "tcp", "port": up.port,
        "interval_ms": 100, "rise": 1, "fall": 1,
    }  # fmt: skip
    other = udp_echo("c", ip="127.0.0.2")  # nothing listens on the check's port there
    front = listener(protocol="udp")
    both = group(backends=[alive, other], protocol="udp", health_check="hc")
    lb = slbd(snapshot(both, front, check), "--drain", "0")
    lb.wait_health({("sg-1", f"s-127.0.0.2-{other.port}"): "down"})
    for _ in range(6):
        with UdpClient((HOST, front["port"])) as client:
            assert client.ask(b"x") == "a"
    assert not other.received


def test_drain_moves_flows_of_a_removed_server(slbd, udp_echo):
    one, two = udp_echo("a"), udp_echo("b")
    fields = {"protocol": "udp", "drain": True, "drain_timeout_ms": 2000}
    front = listener(protocol="udp")
    lb = slbd(snapshot(group(backends=[one], **fields), front), "--drain", "0")
    with UdpClient((HOST, front["port"])) as client:
        assert client.ask(b"1") == "a"
        lb.apply([group(backends=[two], **fields)])
        assert client.ask(b"2") == "a"
        wait_for(lambda: counters(lb)["active"] == 0, "the drain ends the flow")
        assert client.ask(b"3") == "b"


@pytest.mark.parametrize(
    "scheduler, shares",
    [("wrr", {"a": 30, "b": 10}), ("rr", {"a": 20, "b": 20})],
)
def test_flows_are_shared(slbd, udp_echo, scheduler, shares):
    backends = [server(udp_echo("a"), 75), server(udp_echo("b"), 25)]
    _, addr = flows(slbd, backends, {"scheduler": scheduler}, args=("--workers", "1"))
    found = Counter()
    for _ in range(40):
        with UdpClient(addr) as client:
            found[client.ask(b"x")] += 1
    assert found == shares


def test_address_hash_keeps_clients_together(slbd, udp_echo):
    """All flows of one address reach one server."""
    backends = [udp_echo(name) for name in "abc"]
    _, addr = flows(slbd, backends, {"scheduler": "sch"})
    found = {}
    for i in range(60):  # with random ports a server gets none of so many once in 10**10 runs
        for _ in range(3):
            with UdpClient(addr, (f"127.0.1.{i + 1}", 0)) as client:
                found.setdefault(i, set()).add(client.ask(b"x"))
    assert all(len(names) == 1 for names in found.values())
    assert len(set.union(*found.values())) == 3


def test_answers_come_from_the_address_that_was_asked(slbd, udp_echo):
    """A listener on all addresses answers from the right one, or a connected client would not hear it."""
    front = listener(protocol="udp", bind=["0.0.0.0"])
    slbd(snapshot(group(backends=[udp_echo("a")], protocol="udp"), front), "--drain", "0")
    for ip in ("127.0.0.1", "127.0.0.77", "127.1.2.3"):
        with UdpClient((ip, front["port"])) as client:
            assert client.ask(b"x") == "a"


def test_no_server_loses_the_datagram(slbd, udp_echo):
    lb, addr = flows(slbd, [])
    with UdpClient(addr) as client:
        client.socket.send(b"x")
        wait_for(lambda: counters(lb)["refused"] == 1, "it is counted")
        lb.apply([group(backends=[udp_echo("a")], protocol="udp")])
        assert client.ask(b"y") == "a"


def test_removed_listener_ends_its_flows(slbd, udp_echo):
    one = udp_echo()
    lb, addr = flows(slbd, [one])
    front = listener(port=addr[1], protocol="udp")
    with UdpClient(addr) as client:
        client.ask(b"1")
        lb.apply(remove=[("listener", "lsn-1")])
        client.socket.send(b"2")
        with pytest.raises(ConnectionRefusedError):
            client.socket.recv(100)
        lb.apply([front])
        client.ask(b"3")
    assert [data for _, data in one.received] == [b"1", b"3"]


def test_upgrade_takes_flows_over(slbd, udp_echo):
    """The new process has the flow: same server, same port seen by the server, no datagram unanswered."""
    one, two = udp_echo("a"), udp_echo("b")
    lb, addr = flows(slbd, [one, two])
    clients = [UdpClient(addr) for _ in range(20)]
    where = [client.ask(b"%d" % i) for i, client in enumerate(clients)]
    for _ in range(3):
        lb.upgrade()
        assert [client.ask(b"%d" % i) for i, client in enumerate(clients)] == where
        assert lb.replaced[-1].wait(STOP_SECONDS) == 0
    ports = {}
    for peer, data in one.received + two.received:
        ports.setdefault(data, set()).add(peer)
    assert [len(p) for p in ports.values()] == [1] * 20
    for client in clients:
        client.socket.close()


def test_upgrade_takes_flows_over_whose_server_was_removed(slbd, udp_echo):
    """The new process does not know that server; the flows stay on it all the same."""
    one, two = udp_echo("a"), udp_echo("b")
    lb, addr = flows(slbd, [one, two])
    clients = [UdpClient(addr) for _ in range(10)]
    where = [client.ask(b"%d" % i) for i, client in enumerate(clients)]
    assert set(where) == {"a", "b"}
    lb.apply([group(backends=[two], protocol="udp")])
    for _ in range(2):
        lb.upgrade()
        assert [client.ask(b"%d" % i) for i, client in enumerate(clients)] == where
    ports = {}
    for peer, data in one.received + two.received:
        ports.setdefault(data, set()).add(peer)
    assert [len(p) for p in ports.values()] == [1] * 10
    with UdpClient(addr) as client:
        assert client.ask(b"new") == "b"
    for client in clients:
        client.socket.close()


def test_listener_change_keeps_flows(slbd, udp_echo):
    one = udp_echo()
    lb, addr = flows(slbd, [one])
    with UdpClient(addr) as client:
        client.ask(b"1")
        lb.apply([listener(port=addr[1], protocol="udp", idle_timeout_ms=5000)])
        client.ask(b"2")
        lb.apply([listener(port=addr[1], protocol="udp", bind=[HOST, "127.0.0.9"])])
        with UdpClient(("127.0.0.9", addr[1])) as second:
            second.ask(b"3")
        client.ask(b"4")

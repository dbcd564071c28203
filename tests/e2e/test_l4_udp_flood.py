"""A flood of forged UDP sources takes the place of its like: nobody else's, and never more than the share of UDP."""
import os
import re
import select
import socket
import tempfile

import pytest

from lib import HOST, PATIENCE, Slbd, group, listener, snapshot, wait_for

FILES = 400
FLOWS_MAX = (FILES - FILES // 10 - 128) * 3 // 4 + 1  # with one worker; see clients_per_worker in plane.c
UDP_MAX = FLOWS_MAX // 2
N_FORGED = 2000
AT_ONCE = 40  # before somebody is asked, so that the kernel's buffers hold them all
N_TCP = UDP_MAX + 20  # more than what UDP leaves of the table


class FewFiles(Slbd):
    def command(self):
        return ["prlimit", f"--nofile={FILES}:{FILES}", *super().command()]


class Site:
    """A UDP and a TCP listener of one process that may open few files. No flow ends by being idle."""

    def __init__(self, where, udp, tcp):
        self.udp_front = listener("lsn-udp", to="sg-udp", protocol="udp", idle_timeout_ms=900000)
        tcp_front = listener("lsn-tcp", to="sg-tcp", protocol="tcp", idle_timeout_ms=900000)
        conf = snapshot(
            group("sg-udp", [udp], "udp"), group("sg-tcp", [tcp], "tcp"), self.udp_front, tcp_front
        )
        self.udp = (HOST, self.udp_front["port"])
        self.tcp = (HOST, tcp_front["port"])
        self.lb = FewFiles(where, conf, ("--workers", "1", "--drain", "0"))

    def counters(self, name):
        return next(c for c in self.lb.counters()["listeners"] if c["listener"] == name)

    def reasons(self):
        """{(listener, reason): how often}, of those that have occurred."""
        found = {}
        for sample, n in self.lb.metrics().items():
            labels = dict(re.findall(r'(\w+)="([^"]*)"', sample))
            if "reason" in labels and "listener" in labels and n > 0:
                found[labels["listener"], labels["reason"]] = n
        return found

    def n_files(self):
        return len(os.listdir(f"/proc/{self.lb.pid}/fd"))


@pytest.fixture
def site(udp_echo, tcp_echo):
    with tempfile.TemporaryDirectory(prefix="openslb-", dir="/tmp") as where:
        echo = udp_echo()
        made = Site(where, echo, tcp_echo())
        made.received = echo.received
        yield made
        made.lb.stop()


@pytest.fixture
def sockets():
    made = []
    yield made
    for sock in made:
        sock.close()


def udp_client(site, sockets):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets.append(sock)
    sock.settimeout(PATIENCE)
    sock.connect(site.udp)
    return sock


def tcp_client(site, sockets):
    sockets.append(socket.create_connection(site.tcp, timeout=PATIENCE))
    return sockets[-1]


def ask(sock, data, answer):
    sock.sendall(data)
    assert sock.recv(100) == answer


def forge(site, n):
    """One datagram of a source that hears no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((f"127.1.{n // 250}.{n % 250 + 1}", 0))
        sock.sendto(b"forged", site.udp)


def test_a_flood_of_sources_evicts_only_its_own(site, sockets):
    n_files_before = site.n_files()
    kept = [udp_client(site, sockets) for _ in range(5)]
    for i, sock in enumerate(kept):
        for _ in range(2):
            ask(sock, b"kept %d" % i, b"u1:kept %d" % i)
    for n in range(N_FORGED):
        forge(site, n)
        if n % AT_ONCE == AT_ONCE - 1:
            for i, sock in enumerate(kept):
                ask(sock, b"kept %d" % i, b"u1:kept %d" % i)
            late = udp_client(site, sockets)
            ask(late, b"late", b"u1:late")
            ask(late, b"later", b"u1:later")
    held = []
    for n in range(N_TCP):
        forge(site, N_FORGED + n)
        held.append(tcp_client(site, sockets))
        ask(held[-1], b"new", b"new")
    for i, sock in enumerate(kept):
        ask(sock, b"kept %d" % i, b"u1:kept %d" % i)
    for sock in held:
        ask(sock, b"still", b"still")

    reasons = site.reasons()
    assert set(reasons) == {("lsn-udp", "flow_evicted")}
    assert reasons["lsn-udp", "flow_evicted"] >= N_FORGED - UDP_MAX
    assert site.counters("lsn-tcp")["active"] == N_TCP
    assert site.counters("lsn-udp")["active"] <= FLOWS_MAX - N_TCP
    assert site.counters("lsn-udp")["refused"] == site.counters("lsn-tcp")["refused"] == 0

    # Over: new ones come and stay, and what was taken comes back.
    for sock in held:
        sock.close()
    wait_for(lambda: site.counters("lsn-tcp")["active"] == 0, "the connections end")
    ask(udp_client(site, sockets), b"after", b"u1:after")
    site.lb.apply(remove=[("listener", "lsn-udp")])
    wait_for(lambda: site.n_files() <= n_files_before, "all descriptors have come back")


def test_the_next_process_knows_who_is_established(site, sockets):
    """Flows that were taken over have been idle longer than those of the flood, and outlast it all the same."""
    kept = [udp_client(site, sockets) for _ in range(5)]
    for i, sock in enumerate(kept):
        for _ in range(2):
            ask(sock, b"kept %d" % i, b"u1:kept %d" % i)
    site.lb.upgrade()
    other = udp_client(site, sockets)
    for n in range(3 * UDP_MAX):
        forge(site, n)
        if n % AT_ONCE == AT_ONCE - 1:
            ask(other, b"other", b"u1:other")
    assert site.reasons()["lsn-udp", "flow_evicted"] >= UDP_MAX
    for i, sock in enumerate(kept):
        ask(sock, b"kept %d" % i, b"u1:kept %d" % i)
    ports = {(data, peer) for peer, data in site.received if data.startswith(b"kept")}
    assert len(ports) == len(kept), "one port for each, as the server sees it"


def test_established_flows_make_no_room(site, sockets):
    """UDP has its share and no more, however honest: the next one is refused, connections are not."""

    def refused():
        return site.counters("lsn-udp")["refused"]

    kept = []
    while refused() == 0:
        assert len(kept) <= UDP_MAX, "more than the share"
        sock = udp_client(site, sockets)
        sock.send(b"first")
        wait_for(lambda sock=sock: select.select([sock], [], [], 0)[0] or refused(), "an outcome")
        if not refused():
            assert sock.recv(100) == b"u1:first"
            ask(sock, b"second", b"u1:second")
            kept.append(sock)
    assert len(kept) == UDP_MAX
    assert site.reasons() == {("lsn-udp", "limit_connections"): 1}
    for sock in kept:
        ask(sock, b"third", b"u1:third")
    ask(tcp_client(site, sockets), b"new", b"new")

"""How many system calls a request may cost: two reads and two writes, and next to nothing else."""
import collections
import re
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from lib import (
    HOST,
    PATIENCE,
    STOP_SECONDS,
    Client,
    group,
    is_sanitized,
    listener,
    snapshot,
    wait_for,
)

REQUESTS = 400
CLIENTS = 8
CONNECTIONS = 100
DATAGRAMS = 200


def is_traced(pid, tracer):
    """Whether all threads are attached and the tracer has nothing left to do but wait for them."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    attached = all("TracerPid:\t0" not in (task / "status").read_text() for task in tasks)
    return attached and Path(f"/proc/{tracer.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def count_calls(pid, where, work):
    """Calls by name that the process made while work ran."""
    out = where / "strace"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", str(out), "-p", str(pid)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: tracer.poll() is not None or is_traced(pid, tracer), "strace is attached to all threads")
        if tracer.poll() is not None:
            pytest.skip(f"processes cannot be traced here: {tracer.stderr.read().strip()}")
        work()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=STOP_SECONDS)
    calls = re.findall(r"^\d+\s+([a-z_0-9]+)\(", out.read_text(), re.MULTILINE)
    return collections.Counter(calls)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.skipif(is_sanitized(), reason="sanitizers make calls of their own")
def test_kept_connections_cost_two_reads_and_two_writes(front, nginx, tmp_path):
    lb, addr = front(nginx("ECS01"), keepalive_requests=0, access_log=False)
    clients = [Client(addr) for _ in range(CLIENTS)]
    for client in clients:
        assert client.request().status == 200

    def ask(client):
        for _ in range(REQUESTS // CLIENTS):
            assert client.request().status == 200

    def work():
        threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    calls = count_calls(lb.pid, tmp_path, work)
    for client in clients:
        client.close()
    reads, writes = calls["recvfrom"], calls["sendto"] + calls["sendmsg"]
    # Connections that were made while the first requests ran at once may still be missing for one of them.
    assert 2 * REQUESTS <= reads <= 2.05 * REQUESTS, calls
    assert 2 * REQUESTS <= writes <= 2.05 * REQUESTS, calls
    for name in ("epoll_ctl", "setsockopt", "socket", "connect", "close", "futex", "write", "getsockopt"):
        assert calls[name] <= 3 * CLIENTS, calls
    assert calls["clock_gettime"] == 0, calls


def of_layer_4(slbd, backend, protocol):
    front = listener(protocol=protocol)
    conf = snapshot(group(backends=[backend], protocol=protocol), front)
    return slbd(conf, "--workers", "1", "--drain", "0"), (HOST, front["port"])


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.skipif(is_sanitized(), reason="sanitizers make calls of their own")
def test_a_relayed_connection_costs_fourteen_calls(slbd, tcp_echo, tmp_path):
    lb, addr = of_layer_4(slbd, tcp_echo(), "tcp")

    def work():
        for _ in range(CONNECTIONS):
            with socket.create_connection(addr, PATIENCE) as sock:
                sock.sendall(b"question")
                assert sock.recv(100) == b"question"
                sock.shutdown(socket.SHUT_WR)
                assert sock.recv(100) == b""

    calls = count_calls(lb.pid, tmp_path, work)
    # With two calls of close that make fourteen; some connections may take another read.
    for name, n in (("epoll_ctl", 2), ("socket", 1), ("connect", 1), ("recvfrom", 4), ("sendto", 2), ("shutdown", 1)):
        assert n * CONNECTIONS <= calls[name] <= 1.1 * n * CONNECTIONS, calls
    assert calls["accept4"] <= 1.2 * CONNECTIONS, calls  # in vain some times
    for name in ("setsockopt", "getsockopt", "getsockname", "fcntl", "pipe2", "splice", "clock_gettime"):
        assert calls[name] == 0, calls


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.skipif(is_sanitized(), reason="sanitizers make calls of their own")
def test_an_echoed_datagram_costs_two_reads_and_two_writes(slbd, udp_echo, tmp_path):
    lb, addr = of_layer_4(slbd, udp_echo("u1"), "udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(addr)

        def work():
            for _ in range(DATAGRAMS):
                sock.send(b"x")
                assert sock.recv(100) == b"u1:x"

        work()
        calls = count_calls(lb.pid, tmp_path, work)
    reads, writes = calls["recvmmsg"] + calls["recvfrom"], calls["sendmmsg"] + calls["sendto"]
    assert 2 * DATAGRAMS <= reads <= 2.2 * DATAGRAMS, calls
    assert 2 * DATAGRAMS <= writes <= 2.05 * DATAGRAMS, calls
    for name in ("epoll_ctl", "socket", "connect", "setsockopt", "close", "clock_gettime"):
        assert calls[name] <= 3, calls

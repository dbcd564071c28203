"""A process that is told to stop: UDP flows in use go on for a while, those that nobody uses hold nothing up."""
import signal
import socket
import threading
import time

import pytest
from lib import HOST, PATIENCE, free_port, group, listener, snapshot, wait_for

LONG_IDLE = {"idle_timeout_ms": 900000}


@pytest.fixture
def client():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        yield sock


def ask(sock, data):
    sock.send(data)
    return sock.recv(65536)


def udp_site(slbd, backend, *args, more=()):
    """(slbd, address) of a UDP listener whose flows count as open for 15 minutes."""
    front = {**listener(protocol="udp"), **LONG_IDLE}
    lb = slbd(snapshot(group(backends=[backend], protocol="udp"), front, *more), "--workers", "2", *args)
    return lb, (HOST, front["port"])


def tell_stop(lb):
    lb.process.send_signal(signal.SIGTERM)


def test_idle_flows_do_not_hold_a_stopping_process(slbd, udp_echo, client):
    lb, addr = udp_site(slbd, udp_echo(), "--drain", "300")
    client.connect(addr)
    assert ask(client, b"x") == b"u1:x"
    tell_stop(lb)
    assert lb.process.wait(60) == 0  # far from 900 and from 300


def test_a_flow_in_use_goes_on_and_new_ones_are_refused(slbd, udp_echo, client):
    one = udp_echo()
    lb, addr = udp_site(slbd, one, "--drain", "300")
    client.connect(addr)
    ask(client, b"before")
    tell_stop(lb)
    wait_for(lambda: refuses(lb), "it is stopping")
    for i in range(10):
        assert ask(client, b"%d" % i) == b"u1:%d" % i
        time.sleep(0.1)
    assert lb.process.poll() is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.connect(addr)
        late.send(b"late")
        assert ask(client, b"last") == b"u1:last"
    assert lb.process.wait(60) == 0
    assert b"late" not in [data for _, data in one.received]


def refuses(lb):
    try:
        lb.connect_control().close()
    except OSError:
        return True
    return False


def test_an_answer_under_way_is_delivered(slbd, client):
    """The server takes a second; the process is told to stop meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE)
        server.bind((HOST, 0))

        class Backend:
            ip, port = server.getsockname()

        lb, addr = udp_site(slbd, Backend, "--drain", "300")
        client.connect(addr)
        client.send(b"slow")
        data, peer = server.recvfrom(100)
        tell_stop(lb)
        wait_for(lambda: refuses(lb), "it is stopping")
        server.sendto(b"done:" + data, peer)
        assert client.recv(100) == b"done:slow"
    assert lb.process.wait(60) == 0


def test_a_flow_that_never_rests_is_cut_after_the_drain(slbd, udp_echo, client):
    lb, addr = udp_site(slbd, udp_echo(), "--drain", "2")
    client.connect(addr)
    ask(client, b"x")
    stop = threading.Event()

    def chatter():
        while not stop.is_set():
            try:
                client.send(b"again")
            except OSError:
                pass
            time.sleep(0.05)

    thread = threading.Thread(target=chatter, daemon=True)
    thread.start()
    try:
        tell_stop(lb)
        assert lb.process.wait(60) == 0
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert "are cut" in lb.stderr()


def test_new_clients_hear_that_nobody_is_there_while_a_connection_ends(slbd, udp_echo, tcp_echo, client):
    """The last flow is over and a TCP connection goes on: the UDP port is closed, not silent."""
    port = free_port()
    front = listener("lsn-tcp", port, protocol="tcp", to="sg-tcp")
    more = [group("sg-tcp", [tcp_echo()], "tcp"), front]
    lb, addr = udp_site(slbd, udp_echo(), "--drain", "300", more=more)
    client.connect(addr)
    ask(client, b"x")
    with socket.create_connection((HOST, port), timeout=PATIENCE) as held:
        held.sendall(b"y")
        assert held.recv(10)
        tell_stop(lb)

        def is_refused():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
                late.settimeout(0.2)
                late.connect(addr)
                try:
                    late.send(b"z")
                    late.recv(10)
                except ConnectionRefusedError:
                    return True
                except TimeoutError:
                    pass
                return False

        wait_for(is_refused, "the port is closed", 60)
        held.sendall(b"still")
        assert held.recv(10)
        assert lb.process.poll() is None
    assert lb.process.wait(60) == 0

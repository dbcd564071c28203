"""Peers that do not take their bytes, answer before they were asked, or stop listening while they are spoken to."""
import socket
import threading
import time

import pytest

import lib
from lib import CLOSE, HANG, READ_HEAD, Client, read_bytes, response, wait_for
from test_stress_faults import HAS_FAULTS

BIG = 6 << 20  # more than sockets and proxy hold together


def small_client(addr, bytes=65536):
    """A client whose socket has room for little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, bytes)
    sock.settimeout(lib.PATIENCE)
    sock.connect(addr)
    client = Client.__new__(Client)
    client.sock, client.reader = sock, lib._Reader(sock)
    return client


def send_all(sock, data):
    try:
        sock.sendall(data)
    except OSError:
        pass


def test_upload_goes_on_while_a_whole_early_response_waits_for_the_client(front, scripted):
    """The server's connection has gone by then; what comes of the body has nowhere to go. Of many sizes some are such
    that only the end of the response waits."""
    sizes = range(2_000_000, 8_000_000, 50_000)
    head = b"HTTP/1.1 413 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    lb, addr = front(scripted(*[[READ_HEAD, head + b"%x\r\n%s\r\n0\r\n\r\n" % (n, bytes(n)), HANG] for n in sizes]))

    for n in sizes:
        with small_client(addr, 16384) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            time.sleep(0.02)
            for _ in range(3):
                send_all(client.sock, b"b" * 1000)  # who has stood still for long may have been ended
                time.sleep(0.002)
    assert lb.process.poll() is None, lb.stderr()


@pytest.mark.skipif(not HAS_FAULTS, reason="built without faults")
def test_fixed_answer_waits_while_the_body_comes(slbd):
    """An answer of our own that the client does not take at once."""
    content = "y" * 1024
    fixed = {"type": "fixed_response", "status": 200, "content_type": "text/plain", "content": content}
    listener = lib.listener(default_actions=[fixed])
    lb = slbd(lib.snapshot(listener), "--workers", "1", env={"SLBD_FAULTS": "send:%2:EAGAIN,send:%3:short"})

    for i in range(20):
        with Client((lib.HOST, listener["port"])) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"[: -1 - i % 8])
            assert client.response().text == content
    assert lb.process.poll() is None


def test_server_that_speaks_first_is_heard_at_once(front, scripted):
    """It is too busy and says so as soon as it accepts, and does not close."""
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"
    lb, addr = front(scripted([busy, HANG]))

    took = []
    for _ in range(11):
        begun = time.monotonic()
        assert lib.get(addr).text == "busy"  # long before the time limit of a request
        took.append(time.monotonic() - begun)
    assert sorted(took)[5] < 1


def test_refusal_of_a_large_body_arrives_though_the_server_reads_no_more(front, scripted):
    refusal = response(b"too large", "413 Content Too Large", close=True)
    lb, addr = front(scripted([READ_HEAD, read_bytes(100000), refusal, CLOSE]))

    for _ in range(10):
        with Client(addr) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BIG)
            sender = threading.Thread(target=send_all, args=(client.sock, bytes(BIG)), daemon=True)
            sender.start()
            answer = client.response()
            assert (answer.status, answer.text) == (413, "too large")
            client.close()
            sender.join(lib.PATIENCE)


def test_server_is_not_late_while_the_client_reads_slowly(front, scripted):
    clients = []
    for n, (head, body) in enumerate((
        (b"Content-Length: %d\r\n" % BIG, b"z" * BIG),
        (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (BIG, b"z" * BIG)),
    )):  # fmt: skip
        backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body, HANG])
        _, addr = front(backend, id=f"lsn-{n}", request_timeout_ms=2000)
        clients.append(small_client(addr))
        clients[-1].send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(3)
    for client in clients:
        with client:
            assert len(client.response().body) == BIG


def test_server_is_not_late_while_the_client_sends_slowly(front, http_backend):
    lb, addr = front(http_backend(lambda r: response(r.body)), request_timeout_ms=2000)

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        time.sleep(3)
        client.send(b"cd")
        assert client.response().body == b"abcd"


def test_client_that_never_sends_its_body_is_ended_by_its_own_time(front, http_backend):
    lb, addr = front(http_backend(), request_timeout_ms=100, body_timeout_ms=500)

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        assert client.response().status == 408
    line = lb.log_lines(1)[0]
    assert (line["status"], line["reason"]) == (408, "body_timeout")


def test_client_that_never_reads_is_ended_by_the_send_timeout(front, scripted):
    """Also when its request ends while the response waits for it. The server's time, which is shorter, stands still."""
    early = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG + bytes(BIG)
    get_all = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + bytes(1000)
    running = []
    for n, request in enumerate((get_all, post)):
        lb, addr = front(
            scripted([READ_HEAD, early, HANG]), id=f"lsn-{n}", send_timeout_ms=2500, request_timeout_ms=2000
        )
        running.append((lb, small_client(addr)))
        running[-1][1].send(request)
    time.sleep(0.2)
    send_all(running[1][1].sock, bytes(1000))
    for lb, client in running:
        with client:
            assert lb.log_lines(1)[0]["reason"] == "send_timeout"
        wait_for(lambda lb=lb: lb.counters()["listeners"][0]["active"] == 0, "the connection has gone")


def test_old_client_can_tell_that_the_rest_of_a_body_never_came(front, scripted):
    """All of the response is here but not with the client, which has no other sign of its end than FIN."""
    data = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(BIG)
    lb, addr = front(scripted([READ_HEAD, data, CLOSE]), send_timeout_ms=300)

    with small_client(addr) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        wait_for(lambda: lb.log_lines(1), "the exchange has ended")
        wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "the connection has gone")
        try:
            got = len(client.reader.rest())
        except ConnectionResetError:
            got = None
    assert got is None, f"{got} bytes and a regular end"


UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\n"


class HalfClosing(lib._Listening):
    """Ends its side of a tunnel at once, waits, then reads all that comes."""

    def __init__(self, **kwargs):
        self.got = []
        super().__init__(**kwargs)

    def serve(self, sock, number):
        reader = lib._Reader(sock)
        reader.until(b"\r\n\r\n")
        sock.sendall(SWITCHED + b"bye")
        sock.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
        self.got.append(len(reader.rest()))


def test_tunnel_delivers_all_to_a_server_that_ended_first(front, _backends):
    backend = _backends.keep(HalfClosing())
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(UPGRADE)
        assert client.response().status == 101
        assert client.reader.rest() == b"bye"
        sent = 3 << 20
        client.send(bytes(sent))
        client.sock.shutdown(socket.SHUT_WR)
        wait_for(lambda: backend.got, "the server has read all")
    assert backend.got == [sent]

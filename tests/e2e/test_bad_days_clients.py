"""Clients in trouble: too slow, too greedy, gone. What they hold is bounded, and the log says what happened."""
import socket
import threading
import time

import pytest

from lib import (
    CLOSE,
    HANG,
    READ_HEAD,
    Client,
    get,
    is_sanitized,
    proves,
    response,
    wait_for,
)

GIB = 1 << 30
# AddressSanitizer keeps what is freed for a while.
GROWTH = (64 if is_sanitized() else 2) << 20


def outcome(lb, n=1):
    line = lb.log_lines(n)[n - 1]
    return line["status"], line["reason"]


class Stream:
    """An HTTP server that sends one large body without holding it; sent: bytes it got rid of."""

    def __init__(self, size):
        self.size = size
        self.sent = 0

    def serve(self, sock, number):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size)
        piece = b"x" * 262144
        while self.sent < self.size:
            self.sent += sock.send(piece[: self.size - self.sent])


@pytest.fixture
def stream(http_backend):
    def start(size):
        backend = http_backend()
        source = Stream(size)
        backend.serve = source.serve
        backend.source = source
        return backend

    return start


# --- timeouts ---------------------------------------------------------------------------------


def test_head_that_is_not_finished_in_time_is_408(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend, header_timeout_ms=300)

    begun = time.monotonic()
    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: www.example.net\r\nA: ")
        client.sock.settimeout(0.05)
        answer = b""
        # A byte every 50 ms does not buy more time.
        while not answer and time.monotonic() - begun < 20:
            try:
                answer = client.sock.recv(65536)
            except TimeoutError:
                client.send(b"b")
        assert time.monotonic() - begun > 0.28
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n") and b"\r\nConnection: close\r\n" in answer
        assert client.is_closed()
    assert outcome(lb) == (408, "header_timeout")
    assert backend.n_connections == 0


def test_second_head_has_its_own_time(front, http_backend):
    lb, addr = front(http_backend(), header_timeout_ms=200)

    with Client(addr) as client:
        assert client.request().status == 200
        time.sleep(0.3)  # idle: no head has begun
        assert client.request().status == 200
        client.send(b"GET /half HTTP/1.1\r\n")
        assert client.response().status == 408
        assert client.is_closed()
    assert [outcome(lb, n) for n in (1, 2, 3)] == [(200, "-"), (200, "-"), (408, "header_timeout")]


def test_body_that_stops_is_408(front, http_backend):
    lb, addr = front(http_backend(), body_timeout_ms=200)

    for framing, part in ((b"Content-Length: 10", b"12345"), (b"Transfer-Encoding: chunked", b"9\r\n12345")):
        with Client(addr) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + part)
            answer = client.response()
            assert (answer.status, answer.header("Connection")) == (408, "close")
            assert client.is_closed()
    assert outcome(lb) == (408, "body_timeout")


def test_body_that_never_begins_is_408(front, http_backend):
    lb, addr = front(http_backend(), body_timeout_ms=200)

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
        assert client.response().status == 408
    assert outcome(lb) == (408, "body_timeout")


def test_body_that_dribbles_is_waited_for(front, http_backend):
    """Longer in all than it may stand still."""
    _, addr = front(http_backend(lambda r: response(r.body)), body_timeout_ms=2000)
    body = b"slowly " * 4

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        for letter in body:
            time.sleep(0.1)
            client.send(bytes([letter]))
        assert client.response().body == body


@proves("CLBL-17")
def test_idle_connection_is_closed_after_its_timeout(front, http_backend):
    lb, addr = front(http_backend(), idle_timeout_ms=2000)

    begun = time.monotonic()
    with Client(addr) as used, Client(addr) as unused:
        assert used.request().status == 200
        for client in (used, unused):
            assert client.is_closed(10), "the time limit is not the default one"
            assert time.monotonic() - begun > 1.9
    lb.log_lines(1)
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "no connection is left")
    assert len(lb.log_lines()) == 1, "an idle close is no request"


def test_client_that_reads_nothing_is_cut(front, stream):
    backend = stream(64 << 20)
    lb, addr = front(backend, send_timeout_ms=300)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        line = lb.log_lines(1)[0]
    assert (line["status"], line["reason"]) == (200, "send_timeout")
    assert 0 < line["body_bytes_sent"] < 64 << 20
    wait_for(lambda: backend.n_open() == 0, "the server's connection is closed too")


# --- clients that leave -----------------------------------------------------------------------


def test_client_that_leaves_while_the_server_works(front, scripted):
    done = threading.Event()
    backend = scripted([READ_HEAD, done, response(b"late"), HANG])
    lb, addr = front(backend)

    client = Client(addr)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: backend.received.get(0), "the request is there")
    client.reset()
    assert outcome(lb) == (499, "client_reset")
    done.set()
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "no connection is left")


def test_client_that_sends_its_end_still_gets_its_answer(front, scripted):
    """A half-closed connection is legal: printf | nc does it."""
    backend = scripted([READ_HEAD, 0.2, response(b"here"), HANG])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.sock.shutdown(socket.SHUT_WR)
        assert client.response().body == b"here"
        assert client.is_closed()
    assert outcome(lb) == (200, "-")


def test_client_that_leaves_in_the_middle_of_its_head_or_body(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend)

    for n, data in enumerate((b"GET / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"), 1):
        with Client(addr) as client:
            client.send(data)
            client.sock.shutdown(socket.SHUT_WR)
            client.reader.rest()
        assert outcome(lb, n) == (400, "client_closed")
    assert backend.requests == []


def test_client_that_leaves_in_the_middle_of_the_response(front, stream):
    backend = stream(256 << 20)
    lb, addr = front(backend)

    for n, leave in enumerate((Client.reset, Client.close), 1):
        client = Client(addr)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.reader.exactly(1 << 20)
        leave(client)
        line = lb.log_lines(n)[n - 1]
        assert (line["status"], line["upstream_status"]) == (200, "200")
        assert line["reason"] in ("client_reset", "client_closed")
        assert 1 << 20 <= line["body_bytes_sent"] < 256 << 20
    wait_for(lambda: backend.n_open() == 0, "the server's connections are closed too")


def test_client_that_leaves_a_chunked_response(front, scripted):
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[piece] * 2000, HANG])
    lb, addr = front(backend)

    client = Client(addr)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.reader.exactly(1 << 18)
    client.reset()
    line = lb.log_lines(1)[0]
    assert line["status"] == 200 and line["reason"] in ("client_reset", "client_closed")


# --- slow clients hold little ------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_slow_reader_of_a_large_body_costs_no_memory(front, stream, scripted, chunked):
    """10 KiB/s for some seconds: the server is held back, nothing piles up here."""
    if chunked:
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[piece] * 16384])
    else:
        backend = stream(GIB)
    lb, addr = front(backend)
    assert get(addr, "/missing", method="TRACE").status == 405  # all that is made once is there
    before = lb.rss_bytes()

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        most = 0
        end = time.monotonic() + (2.0 if chunked else 6.0)
        while time.monotonic() < end:
            assert client.sock.recv(1024)
            time.sleep(0.1)
            most = max(most, lb.rss_bytes())
        assert most - before < GROWTH
        if not chunked:
            # What socket buffers take is the kernel's affair; it is far from all of it.
            assert backend.source.sent < 64 << 20
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "the connection is gone")


def test_slow_server_holds_back_a_fast_client(front, scripted):
    backend = scripted([READ_HEAD, HANG])
    lb, addr = front(backend)
    before = lb.rss_bytes()

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIB)
        client.sock.settimeout(0.5)
        sent = 0
        try:
            while sent < GIB:
                sent += client.sock.send(b"x" * 262144)
        except (TimeoutError, OSError):
            pass
        assert sent < 64 << 20
        assert lb.rss_bytes() - before < GROWTH


def test_many_idle_connections_cost_little(front, http_backend):
    lb, addr = front(http_backend())
    with Client(addr) as client:
        client.request()
    before = lb.rss_bytes()

    clients = [Client(addr) for _ in range(500)]
    for client in clients:
        assert client.request().status == 200
    grown = lb.rss_bytes() - before
    for client in clients:
        client.close()

    assert grown < (GROWTH if is_sanitized() else 500 * 4096), f"{grown // 500} bytes for each"


def test_large_upload_to_a_server_that_answers_early_and_closes(front, scripted):
    """The answer must reach the client although it is still sending."""
    backend = scripted([READ_HEAD, response(b"enough", "403 Forbidden", close=True), 0.3, CLOSE])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + b"x" * 100000)
        answer = client.response()
        assert (answer.status, answer.body) == (403, b"enough")
        try:
            client.send(b"x" * 400000)
        except OSError:
            pass
        assert client.is_closed()
    assert outcome(lb) == (403, "-")

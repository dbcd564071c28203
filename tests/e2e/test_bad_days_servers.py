"""Servers in trouble: what the client gets, what is tried again, and what the log says of it."""
import socket
import threading
import time

import pytest

from lib import (
    CLOSE,
    HANG,
    HOST,
    READ_HEAD,
    READ_REQUEST,
    RESET,
    Client,
    exchange,
    free_port,
    get,
    proves,
    response,
    wait_for,
)

ONE_TRY = {"tries": 1}
# In turn, so that the first request goes to one of two and the second to the other.
IN_TURN = {"scheduler": "rr"}


class Refusing:
    """An address that refuses connections: bound, never listening."""

    def __init__(self):
        self.ip = HOST
        self.port = free_port()
        self.socket = socket.socket()
        self.socket.bind((self.ip, self.port))

    def stop(self):
        self.socket.close()


class Full:
    """A listening socket whose queue is full: a SYN gets no answer."""

    def __init__(self):
        self.ip = HOST
        self.port = free_port()
        self.socket = socket.socket()
        self.socket.bind((self.ip, self.port))
        self.socket.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.ip, self.port))
            self.fillers.append(filler)
        time.sleep(0.05)

    def stop(self):
        for filler in self.fillers:
            filler.close()
        self.socket.close()


@pytest.fixture
def refusing(_backends):
    return lambda: _backends.keep(Refusing())


@pytest.fixture
def full(_backends):
    return lambda: _backends.keep(Full())


def last(lb, n=1):
    """(status, upstream_status, reason, upstream_reason) of the n-th line."""
    line = lb.log_lines(n)[n - 1]
    return line["status"], line["upstream_status"], line["reason"], line["upstream_reason"]


# --- one server, no way out -------------------------------------------------------------------


@proves("CLBE-08", "CLBE-09", "CLBL-22", "CLBL-23")
def test_server_that_never_answers_is_504(front, scripted):
    backend = scripted([READ_HEAD, HANG])
    lb, addr = front(backend, request_timeout_ms=300)

    begun = time.monotonic()
    with Client(addr) as client:
        assert client.request().status == 504
        took = time.monotonic() - begun
        assert 0.28 < took < 20, "the time limit is not the default one"
        assert client.request("GET", "/2").status == 504, "the client's connection stays usable"

    assert last(lb) == (504, "-", "server_timeout", "server_timeout")
    # A request that may still be worked upon is not given to anyone else, nor again.
    assert backend.n_connections == 2


def test_server_that_stops_in_the_middle_is_cut_after_the_timeout(front, scripted):
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", HANG])
    lb, addr = front(backend, request_timeout_ms=2000)

    got = exchange(addr, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert got.endswith(b"\r\n\r\n123")
    assert last(lb) == (200, "200", "server_timeout", "server_timeout")


def test_server_that_dribbles_is_waited_for(front, scripted):
    """Longer in all than it may stand still."""
    text = b"slowly " * 4
    body = [piece for letter in text for piece in (bytes([letter]), 0.1)]
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text), *body, HANG])
    _, addr = front(backend, request_timeout_ms=2000)

    assert get(addr).body == text


MID_HEAD = [
    ("nothing at all", [READ_HEAD, CLOSE], "server_closed"),
    ("nothing, by RST", [READ_HEAD, RESET], "server_reset"),
    ("half a status line", [READ_HEAD, b"HTTP/1.", CLOSE], "server_cut"),
    ("half a head", [READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Le", 0.05, CLOSE], "server_cut"),
    ("half a head, by RST", [READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Le", 0.05, RESET], "server_reset"),
]


@proves("CLBE-01", "CLBE-04")
@pytest.mark.parametrize("steps, reason", [c[1:] for c in MID_HEAD], ids=[c[0] for c in MID_HEAD])
def test_server_that_ends_before_its_head_does_is_502(front, scripted, steps, reason):
    lb, addr = front(scripted(steps), in_group=ONE_TRY)

    with Client(addr) as client:
        for method in ("GET", "POST"):
            assert client.request(method, "/x", body=b"" if method == "POST" else None).status == 502

    assert last(lb) == (502, "-", reason, reason)
    assert last(lb, 2) == (502, "-", reason, reason)


MID_BODY = [
    ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", [CLOSE], "server_cut"),
    ("in a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345", [CLOSE], "server_cut"),
    ("behind a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", [CLOSE], "server_cut"),
    (
        "before the trailers end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\nX: y\r\n",
        [CLOSE],
        "server_cut",
    ),
    ("bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\nxx\r\n", [HANG], "bad_response"),
]


@proves("CLBE-04")
@pytest.mark.parametrize("start, end, reason", [c[1:] for c in MID_BODY], ids=[c[0] for c in MID_BODY])
def test_client_can_tell_that_a_body_was_cut(front, scripted, start, end, reason):
    lb, addr = front(scripted([READ_HEAD, start, *end]))

    got = exchange(addr, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")

    assert got.count(b"HTTP/1.1") == 1 and b"12345" in got
    if b"chunked" in start:
        assert not got.endswith(b"0\r\n\r\n") and b"\r\n0\r\n" not in got
    else:
        assert got.endswith(b"\r\n\r\n12345")
    assert last(lb) == (200, "200", reason, reason)


@proves("CLBE-04")
def test_client_can_tell_that_a_body_was_cut_by_rst(front, scripted):
    seen = threading.Event()
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", seen, RESET])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        client.reader.until(b"\r\n\r\n12345")
        seen.set()
        assert client.is_closed()
    assert last(lb) == (200, "200", "server_reset", "server_reset")
    assert backend.n_connections == 1


def test_old_client_can_tell_that_a_body_was_cut(front, scripted):
    """HTTP/1.0 knows no chunks: the end of the connection would look like the end of the body, so it is RST."""
    seen = threading.Event()
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345", seen, CLOSE])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        client.reader.until(b"12345")
        seen.set()
        with pytest.raises(ConnectionResetError):
            client.sock.recv(1)
    assert last(lb) == (200, "200", "server_cut", "server_cut")


def test_large_cut_body_is_told_apart_when_spliced(front, scripted):
    size = 4 << 20
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * (size // 2), CLOSE])
    lb, addr = front(backend)

    got = exchange(addr, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert len(got.split(b"\r\n\r\n", 1)[1]) == size // 2
    assert last(lb) == (200, "200", "server_cut", "server_cut")


@proves("CLBE-01")
def test_refused_connection_is_502(front, refusing):
    lb, addr = front(refusing())

    with Client(addr) as client:
        assert [client.request().status for _ in range(2)] == [502, 502]
    assert last(lb) == (502, "-", "connect_refused", "connect_refused")


@proves("CLBE-10")
def test_connect_timeout_is_504(front, full):
    lb, addr = front(full(), in_group={"connect_timeout_ms": 200, **ONE_TRY})

    begun = time.monotonic()
    assert get(addr).status == 504
    assert 0.18 < time.monotonic() - begun < 4.5, "the time limit is not the default one"
    assert last(lb) == (504, "-", "connect_timeout", "connect_timeout")


def test_response_head_that_is_too_long_is_502(front, scripted):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %s\r\n\r\n"
    backend = scripted([READ_HEAD, head % (b"a" * 2000), HANG], [READ_HEAD, head % (b"a" * 500), HANG])
    lb, addr = front(backend, in_group={"response_head_bytes": 1024})

    assert [get(addr).status for _ in range(2)] == [502, 200]
    assert last(lb) == (502, "-", "response_too_long", "response_too_long")


def test_long_response_head_within_the_limit_arrives(front, scripted):
    value = b"b" * 60000
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + value + b"\r\n\r\nok", HANG])
    _, addr = front(backend)

    answer = get(addr)

    assert (answer.status, answer.body, answer.header("X")) == (200, b"ok", value.decode())


def test_endless_head_is_bounded(front, scripted):
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n" * 1000] * 100, HANG])
    lb, addr = front(backend)

    assert get(addr).status == 502
    assert last(lb) == (502, "-", "response_too_long", "response_too_long")


@proves("CLBE-03")
def test_504_and_444_of_the_server_can_be_converted(front, scripted):
    steps = [
        [READ_HEAD, response(b"theirs", "504 Gateway Timeout"), HANG],
        [READ_HEAD, b"HTTP/1.1 444 No Response\r\nContent-Length: 0\r\n\r\n", HANG],
        [READ_HEAD, response(b"theirs", "503 Service Unavailable"), HANG],
    ]
    lb, addr = front(scripted(*steps), convert_504=True)
    assert [get(addr).status for _ in range(3)] == [502, 502, 503]
    assert last(lb) == (502, "504", "status_converted", "status_converted")
    assert last(lb, 2) == (502, "444", "status_converted", "status_converted")
    assert last(lb, 3) == (503, "503", "-", "-")

    _, addr = front(scripted(*steps), id="lsn-2", in_group={"keepalive": False})
    assert [get(addr).status for _ in range(3)] == [504, 444, 503]


# --- the next server ---------------------------------------------------------------------------


def test_refused_connection_goes_to_the_next_server(front, refusing, http_backend):
    backend = http_backend()
    lb, addr = front(refusing(), backend, in_group=IN_TURN)

    with Client(addr) as client:
        for i in range(4):
            assert client.request("POST", f"/{i}", body=b"x").status == 200
    assert [r.target for r in backend.requests] == ["/0", "/1", "/2", "/3"]
    seen = {(l["upstream_status"], l["reason"], l["upstream_reason"]) for l in lb.log_lines(4)}
    assert seen == {("200", "-", "-"), ("-, 200", "next_server", "connect_refused, -")}


@proves("CLBL-20", "CLBL-21")
def test_connect_timeout_goes_to_the_next_server(front, full, http_backend):
    backend = http_backend()
    lb, addr = front(full(), backend, in_group={"connect_timeout_ms": 200, **IN_TURN})

    assert [get(addr, f"/{i}").status for i in range(2)] == [200, 200]
    tried = [l for l in lb.log_lines(2) if l["upstream_status"] == "-, 200"]
    assert len(tried) == 1
    assert (tried[0]["reason"], tried[0]["upstream_reason"]) == ("next_server", "connect_timeout, -")
    first, second = (float(t) for t in tried[0]["upstream_response_time"].split(", "))
    assert 0.19 <= first < 4.5
    # Each try has its own time: together they are no longer than the whole, rounded to milliseconds.
    assert first + second <= tried[0]["request_time"] + 0.003


@proves("CLBL-19")
def test_connect_timeout_is_5_s_by_default(front, full, http_backend):
    backend = http_backend()
    lb, addr = front(full(), backend, in_group=IN_TURN)

    answers = []
    begun = time.monotonic()
    for _ in range(2):
        answers.append(get(addr).status)
    assert answers == [200, 200]
    assert 4.9 < time.monotonic() - begun < 9.5


def test_all_servers_refuse(front, refusing):
    lb, addr = front(*[refusing() for _ in range(5)])

    assert get(addr).status == 502
    assert last(lb) == (502, "-, -, -", "connect_refused", ", ".join(["connect_refused"] * 3))


def test_fewer_servers_than_tries(front, refusing):
    lb, addr = front(*[refusing() for _ in range(2)], in_group={"tries": 5})

    assert get(addr).status == 502
    assert last(lb) == (502, "-, -", "connect_refused", "connect_refused, connect_refused")


RETRIED = [
    ("GET", [READ_HEAD, RESET], True),
    ("GET", [READ_HEAD, CLOSE], True),
    ("HEAD", [READ_HEAD, CLOSE], True),
    ("PUT", [READ_HEAD, CLOSE], False),  # its body has begun to go
    ("DELETE", [READ_HEAD, CLOSE], True),
    ("OPTIONS", [READ_HEAD, RESET], True),
    ("POST", [READ_REQUEST, RESET], False),
    ("POST", [READ_REQUEST, CLOSE], False),
    ("PATCH", [READ_REQUEST, CLOSE], False),
    ("PURGE", [READ_HEAD, CLOSE], False),  # nobody knows what it does
    ("GET", [READ_HEAD, b"HTTP/1.1 2", 0.05, CLOSE], False),
    ("GET", [READ_HEAD, b"nonsense\r\n\r\n", HANG], False),
]


@pytest.mark.parametrize("method, steps, retried", RETRIED)
def test_only_what_may_be_repeated_is_repeated(front, scripted, http_backend, method, steps, retried):
    """Two requests in turn: exactly one of them meets the bad server first."""
    bad, good = scripted(steps), http_backend()
    lb, addr = front(bad, good, in_group=IN_TURN)

    body = b"x" if method in ("POST", "PUT", "PATCH") else None
    statuses = sorted(get(addr, f"/{i}", method=method, body=body).status for i in range(2))

    assert statuses == ([200, 200] if retried else [200, 502])
    assert bad.n_connections == 1
    assert len(good.requests) == (2 if retried else 1)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_requests_without_body_that_act_are_never_sent_twice(front, scripted, http_backend, method):
    bad, good = scripted([READ_HEAD, CLOSE]), http_backend()
    lb, addr = front(bad, good, in_group=IN_TURN)

    targets = ["/0", "/1"]
    statuses = {t: get(addr, t, method=method, body=b"").status for t in targets}

    assert sorted(statuses.values()) == [200, 502]
    served = [r.target for r in good.requests]
    assert served == [t for t in targets if statuses[t] == 200]
    met = [bytes(d) for d in bad.received.values()]
    assert len(met) == 1 and met[0].count(method.encode()) == 1


# --- kept connections that went stale ----------------------------------------------------------


def test_request_on_a_stale_connection_is_repeated_silently(front, scripted):
    """The server closes when the second request is on its way."""
    backend = scripted(
        [READ_HEAD, response(b"1"), READ_HEAD, CLOSE],
        [READ_HEAD, response(b"2"), READ_HEAD, RESET],
        [READ_HEAD, response(b"3"), HANG],
    )
    lb, addr = front(backend)

    with Client(addr) as client:
        assert [client.request(path=f"/{i}").body for i in range(3)] == [b"1", b"2", b"3"]
    assert [(l["status"], l["upstream_status"], l["reason"]) for l in lb.log_lines(3)] == [
        (200, "200", "-"),
        (200, "200", "stale_retry"),
        (200, "200", "stale_retry"),
    ]


def test_post_on_a_stale_connection_is_not_repeated(front, scripted):
    backend = scripted([READ_HEAD, response(b"1"), READ_REQUEST, CLOSE], [READ_HEAD, response(b"2"), HANG])
    lb, addr = front(backend)

    with Client(addr) as client:
        assert client.request().status == 200
        assert client.request("POST", "/act", body=b"x").status == 502
        assert client.request().body == b"2"
    assert last(lb, 2) == (502, "-", "server_closed", "server_closed")


def test_closed_idle_connection_is_not_used(front, scripted):
    ends = [threading.Event(), threading.Event()]
    backend = scripted(
        [READ_HEAD, response(b"1"), ends[0], CLOSE],
        [READ_HEAD, response(b"2"), ends[1], RESET],
        [READ_REQUEST, response(b"3"), HANG],
    )
    lb, addr = front(backend)

    with Client(addr) as client:
        for body, end in zip((b"1", b"2"), ends):
            assert client.request().body == body
            wait_for(lambda: idle(lb) == 1, "the connection is kept")
            end.set()
            wait_for(lambda: idle(lb) == 0, "the closed connection has gone")
        assert client.request("POST", body=b"x").body == b"3"
    assert [l["reason"] for l in lb.log_lines(3)] == ["-", "-", "-"]


def idle(lb):
    return sum(s["idle"] for s in lb.counters()["servers"])


def test_post_right_behind_a_close_finds_a_fresh_connection(front, scripted):
    """No time for the loop to notice: the connection is looked at before a request that cannot be repeated."""
    backend = scripted(*[[READ_REQUEST, response(b"ok"), CLOSE]] * 50)
    lb, addr = front(backend)

    statuses = []
    with Client(addr) as client:
        for _ in range(50):
            statuses.append(client.request("POST", body=b"x").status)
            # Its end is with our kernel then; a server that is slow to close could still get the next request.
            wait_for(lambda: backend.n_open() == 0, "the server has closed", step=0)
    assert statuses == [200] * 50

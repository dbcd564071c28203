"""HTTP/1.1 and 1.0 messages on their way through: order, framing, and what is answered without a server."""
import hashlib
import time

import pytest

from lib import (
    CLOSE,
    HANG,
    READ_HEAD,
    READ_REQUEST,
    Client,
    exchange,
    get,
    proves,
    response,
)

END = b"\r\n\r\n"


def echo(request):
    """Tells the target and the body."""
    return response(f"{request.method} {request.target} ".encode() + request.body)


def fixed_rule(path, status=200, content="fixed", priority=1, listener="lsn-1"):
    action = {"type": "fixed_response", "status": status}
    if content:
        action["content"] = content
    return {
        "kind": "rule",
        "id": f"rule-{priority}",
        "listener": listener,
        "priority": priority,
        "conditions": [{"type": "path", "values": [path]}],
        "actions": [action],
    }


def bodies(addr, data, n):
    """Sends bytes on one connection and returns the bodies of n responses."""
    with Client(addr) as client:
        client.send(data)
        return [client.response().body for _ in range(n)]


# --- one connection, many requests -----------------------------------------------------------


@proves("ALBL-08")
def test_connections_are_kept_on_both_sides(front, http_backend):
    backend = http_backend(echo)
    lb, addr = front(backend)

    with Client(addr) as client:
        for i in range(5):
            answer = client.request("POST", f"/{i}", body=b"x" * i)
            assert (answer.status, answer.body) == (200, b"POST /%d " % i + b"x" * i)
            assert answer.header("Connection") is None
    assert backend.n_connections == 1


def test_pipelined_requests_are_answered_in_order(front, http_backend):
    def slow_when_even(request):
        if int(request.target[1:]) % 2 == 0:
            time.sleep(0.02)
        return echo(request)

    backend = http_backend(slow_when_even)
    _, addr = front(backend)
    data = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(20))

    assert bodies(addr, data, 20) == [b"GET /%d " % i for i in range(20)]


def test_pipelined_answers_of_our_own_do_not_overtake(front, http_backend):
    def slowly(request):
        time.sleep(0.05)
        return echo(request)

    _, addr = front(http_backend(slowly), more=[fixed_rule("/fixed*")])
    data = (
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        b"POST /fixed HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n"
        b"GET /4 HTTP/1.1\r\nHost: a\r\n\r\n"
    )

    assert bodies(addr, data, 7) == [
        b"GET /1 ", b"fixed", b"POST /2 abc", b"fixed", b"fixed", b"POST /3 xy", b"GET /4 ",
    ]  # fmt: skip


def test_pipelining_survives_any_cut(front, http_backend):
    _, addr = front(http_backend(echo))
    data = (
        b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nT: 1\r\n\r\n"
        b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nxy"
    )
    expected = [b"POST /1 abc", b"GET /2 ", b"POST /3 xy"]

    for piece in (1, 2, 3, 7, 50, len(data)):
        got = exchange(addr, data, piece=piece, pause=0.001 if piece < 4 else 0.01)
        assert [part.split(END)[1] for part in got.split(b"HTTP/1.1 200 OK")[1:]] == expected, piece


def test_nothing_is_served_behind_connection_close(front, http_backend):
    backend = http_backend(echo)
    _, addr = front(backend)
    data = (
        b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    )

    got = exchange(addr, data)

    assert got.count(b"HTTP/1.1 ") == 1 and got.endswith(b"GET /1 ")
    assert b"\r\nConnection: close\r\n" in got
    assert [r.target for r in backend.requests] == ["/1"]


def test_empty_lines_before_a_request_are_skipped(front, http_backend):
    _, addr = front(http_backend(echo))

    assert bodies(addr, b"\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n", 1) == [b"GET /1 "]


# --- bodies ----------------------------------------------------------------------------------


def test_chunked_request_keeps_its_trailers(front, http_backend):
    backend = http_backend(echo)
    _, addr = front(backend)

    answer = bodies(
        addr,
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n",
        1,
    )

    assert answer == [b"POST / hello world"]
    request = backend.requests[0]
    assert request.header("Transfer-Encoding") == "chunked" and request.header("Content-Length") is None
    assert request.raw.endswith(b"0\r\nX-Sum: 42\r\n\r\n")
    assert b"ext" not in request.raw


def test_chunked_response_keeps_its_trailers(front, scripted):
    backend = scripted(
        [
            READ_HEAD,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n",
            0.05,
            b"5\r\npedia\r\n0\r\nX-Sum: 9\r\n\r\n",
            HANG,
        ]
    )
    _, addr = front(backend)

    answer = get(addr)

    assert (answer.status, answer.body) == (200, b"wikipedia")
    assert answer.header("Transfer-Encoding") == "chunked" and answer.header("Content-Length") is None
    assert answer.raw.endswith(b"0\r\nX-Sum: 9\r\n\r\n") and b"x=y" not in answer.raw


def test_body_that_ends_by_closing_becomes_chunked(front, scripted):
    backend = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\n\r\nall ", 0.05, b"of it", CLOSE])
    _, addr = front(backend)

    with Client(addr) as client:
        for _ in range(2):
            answer = client.request()
            assert (answer.body, answer.header("Transfer-Encoding")) == (b"all of it", "chunked")


def test_large_bodies_arrive_unharmed(front, nginx, http_backend):
    data = hashlib.sha256(b"seed").digest() * (8 << 20 >> 5)
    one = nginx("ECS01")
    one.file("large", data)
    _, addr = front(one)
    assert get(addr, "/large", timeout=90).body == data

    two = http_backend(lambda request: response(hashlib.sha256(request.body).hexdigest().encode()))
    _, addr = front(two, id="lsn-2")
    digest = hashlib.sha256(data).hexdigest()
    assert get(addr, "/", method="POST", body=data, timeout=90).text == digest
    chunked = b"".join(
        b"%x\r\n" % len(part) + part + b"\r\n" for part in (data[i : i + 99991] for i in range(0, len(data), 99991))
    )
    answer = get(
        addr, method="POST", headers=[("Transfer-Encoding", "chunked")], body=chunked + b"0\r\n\r\n", timeout=90
    )
    assert answer.text == digest


def test_response_before_the_request_has_ended_is_passed_on_and_closes(front, scripted):
    backend = scripted([READ_HEAD, response(b"too much", "413 Content Too Large"), HANG])
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        answer = client.response()
        assert (answer.status, answer.body, answer.header("Connection")) == (413, b"too much", "close")
        assert client.is_closed()


# --- no body ---------------------------------------------------------------------------------


NO_BODY = [
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", 200, "1234"),
    ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, None),
    ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200, None),
    ("HEAD", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "0"),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: \"a\"\r\n\r\n", 304, "1234"),
    ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, None),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "0"),
]


@pytest.mark.parametrize("method, head, status, length", NO_BODY)
def test_message_without_body_leaves_the_connection_usable(front, scripted, method, head, status, length):
    backend = scripted([READ_HEAD, head, READ_HEAD, response(b"next"), HANG])
    _, addr = front(backend)

    with Client(addr) as client:
        answer = client.request(method)
        assert (answer.status, answer.body, answer.header("Content-Length")) == (status, b"", length)
        assert client.request().body == b"next"


def test_head_of_answers_of_our_own(front, http_backend):
    _, addr = front(http_backend(), more=[fixed_rule("/f", 200, "12345")])

    with Client(addr) as client:
        for method, body in (("HEAD", b""), ("GET", b"12345")):
            answer = client.request(method, "/f")
            assert (answer.status, answer.header("Content-Length"), answer.body) == (200, "5", body)


# --- 1xx and Expect --------------------------------------------------------------------------


def test_interim_responses_are_relayed(front, scripted):
    backend = scripted(
        [
            READ_HEAD,
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\n\r\n",
            0.05,
            b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"done"),
            READ_HEAD,
            b"HTTP/1.1 103 Early Hints\r\n\r\n" + response(b"again", close=True),
            CLOSE,
        ]
    )
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.reader.until(END) == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload" + END
        assert client.reader.until(END) == b"HTTP/1.1 102 Processing" + END
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"done")
        # 100 asks for a body; nobody waits for that here.
        assert b" 100 " not in client.reader.data
    old = exchange(addr, b"GET / HTTP/1.0\r\n\r\n")
    assert old.startswith(b"HTTP/1.1 200 OK\r\n") and old.endswith(b"again")


def test_expect_continue_is_answered_when_the_server_is_there(front, http_backend):
    backend = http_backend(echo)
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.reader.until(END) == b"HTTP/1.1 100 Continue" + END
        client.send(b"hello")
        assert client.response().body == b"PUT / hello"
        # The body may also come unasked.
        client.send(b"PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi")
        assert client.response().body == b"PUT /2 hi"
    assert [r.header("Expect") for r in backend.requests] == [None, None]


def test_expect_continue_without_server_gets_the_final_answer(front, scripted):
    gone = scripted([CLOSE])
    gone.stop()
    _, addr = front(gone)

    with Client(addr) as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        answer = client.response()
        assert (answer.status, answer.raw.count(b"HTTP/1.1")) == (502, 1)
        assert client.is_closed()
    with Client(addr) as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: miracles\r\n\r\n")
        assert client.response().status == 417
        assert client.is_closed()


# --- methods, targets, versions --------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT www.example.net:443 HTTP/1.1\r\nHost: www.example.net:443\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_connect_and_trace_are_refused(front, http_backend, head):
    backend = http_backend()
    lb, addr = front(backend)

    got = exchange(addr, head + b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n") and got.count(b"HTTP/1.1") == 1
    assert backend.requests == []
    assert lb.log_lines(1)[0]["reason"] == "method_refused"


TARGETS = [
    (b"GET /a?b=c HTTP/1.1\r\nHost: www.example.net\r\n\r\n", "GET", "/a?b=c", "www.example.net"),
    (b"GET http://www.example.net/a?b HTTP/1.1\r\nHost: www.example.net\r\n\r\n", "GET", "/a?b", "www.example.net"),
    (b"GET http://www.example.net HTTP/1.1\r\nHost: www.example.net:80\r\n\r\n", "GET", "/", "www.example.net"),
    (b"GET http://[::1]:8080?x HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET", "/?x", "[::1]:8080"),
    (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "a"),
    (b"OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "a"),
    (b"PURGE /x HTTP/1.1\r\nHost: a\r\n\r\n", "PURGE", "/x", "a"),
    (b"GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/?", "a"),
    (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET", "/", "a"),
    (b"GET / HTTP/1.0\r\n\r\n", "GET", "/", ""),
]


@pytest.mark.parametrize("head, method, target, host", TARGETS)
def test_target_and_host_that_the_server_sees(front, http_backend, head, method, target, host):
    backend = http_backend()
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(head)
        assert client.response().status == 200
    request = backend.requests[0]
    assert (request.method, request.target, request.version) == (method, target, "HTTP/1.1")
    assert request.header("Host") == host


def test_http_1_0_clients(front, http_backend, scripted):
    _, addr = front(http_backend(echo))
    with Client(addr) as client:
        for i in range(2):
            answer = client.request(path=f"/{i}", headers=[("Connection", "keep-alive")], version="1.0")
            assert (answer.body, answer.header("Connection")) == (b"GET /%d " % i, "keep-alive")
        answer = client.request(path="/last", version="1.0")
        assert (answer.body, answer.header("Connection")) == (b"GET /last ", "close")
        assert client.is_closed()

    chunked = scripted([READ_REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", HANG])
    _, addr = front(chunked, id="lsn-2")
    got = exchange(addr, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"Transfer-Encoding" not in got and b"Content-Length" not in got
    assert b"\r\nConnection: close\r\n" in got and got.endswith(END + b"abc")

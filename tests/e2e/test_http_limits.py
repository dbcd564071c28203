"""Limits of a listener: what is at the limit passes, what is beyond gets its status and reason."""
import pytest

from lib import Client, exchange, proves, response

PASSED = None  # 200, nothing to explain


def line_of(n):
    """A request line of n bytes, with its CRLF."""
    rest = len(b"GET / HTTP/1.1\r\n")
    return b"GET /" + b"a" * (n - rest) + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def header_of(n):
    return b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (n - 5) + b"\r\n\r\n"


def head_of(n):
    """A head of n bytes in short lines."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\n"
    while n - len(head) - 2 > 100:
        head += b"X: " + b"a" * 45 + b"\r\n"
    return head + b"Y: " + b"b" * (n - len(head) - 7) + b"\r\n\r\n"


def headers_of(n):
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * (n - 1) + b"\r\n"


def sized(n):
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n


def chunked(*sizes):
    body = b"".join(b"%x\r\n" % n + b"x" * n + b"\r\n" for n in sizes)
    return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


LIMITS = [
    ({"line_bytes": 300}, line_of(300), PASSED),
    ({"line_bytes": 300}, line_of(301), (414, "uri_too_long")),
    ({}, line_of(32768), PASSED),
    ({}, line_of(32769), (414, "uri_too_long")),
    ({}, b"GET /" + b"a" * 40000, (414, "uri_too_long")),
    ({"header_bytes": 300}, header_of(300), PASSED),
    ({"header_bytes": 300}, header_of(301), (400, "header_too_long")),
    ({}, header_of(32768), PASSED),
    ({}, header_of(32769), (400, "header_too_long")),
    ({"head_bytes": 1024}, head_of(1024), PASSED),
    ({"head_bytes": 1024}, head_of(1025), (400, "head_too_long")),
    ({"n_headers": 1000}, head_of(40000), PASSED),
    ({"n_headers": 1000}, line_of(32768)[:-2] + b"X: " + b"a" * (32768 - 16) + b"\r\n\r\n", PASSED),
    ({"n_headers": 12}, headers_of(12), PASSED),
    ({"n_headers": 12}, headers_of(13), (400, "too_many_headers")),
    ({}, headers_of(100), PASSED),
    ({}, headers_of(101), (400, "too_many_headers")),
    ({"body_bytes": 1000}, sized(1000), PASSED),
    ({"body_bytes": 1000}, sized(1001), (413, "body_too_large")),
    ({"body_bytes": 1000}, chunked(500, 500), PASSED),
    ({"body_bytes": 1000}, chunked(500, 501), (413, "body_too_large")),
    ({"body_bytes": 0}, sized(0), PASSED),
    ({"body_bytes": 0}, sized(1), (413, "body_too_large")),
]


@pytest.mark.parametrize("fields, data, refused", LIMITS, ids=range(len(LIMITS)))
def test_limit(front, http_backend, fields, data, refused):
    backend = http_backend()
    lb, addr = front(backend, **fields)

    with Client(addr) as client:
        client.send(data)
        answer = client.response()
        assert answer.status == (refused[0] if refused else 200)
        if refused:
            assert answer.header("Connection") == "close" and client.is_closed()
        else:
            assert client.request().status == 200
    line = lb.log_lines(1)[0]
    assert (line["status"], line["reason"]) == (refused or (200, "-"))
    if refused:
        assert backend.requests == []


def test_body_beyond_the_limit_is_refused_before_it_is_sent(front, http_backend):
    _, addr = front(http_backend(), body_bytes=10)

    got = exchange(addr, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 413 Content Too Large\r\n")


@proves("CLBL-16")
def test_connection_is_closed_after_100_requests(front, http_backend):
    _, addr = front(http_backend())

    with Client(addr) as client:
        closing = [client.request().header("Connection") for _ in range(100)]
        assert closing == [None] * 99 + ["close"]
        assert client.is_closed()


def test_requests_beyond_the_limit_are_not_served(front, http_backend):
    backend = http_backend()
    _, addr = front(backend, keepalive_requests=3)

    got = exchange(addr, b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(6)))

    assert got.count(b"HTTP/1.1 200 OK\r\n") == 3 and got.count(b"\r\nConnection: close\r\n") == 1
    assert [r.target for r in backend.requests] == ["/0", "/1", "/2"]


def test_keepalive_requests_0_is_no_limit(front, http_backend):
    _, addr = front(http_backend(), keepalive_requests=0)

    with Client(addr) as client:
        assert {client.request().header("Connection") for _ in range(250)} == {None}


@pytest.mark.parametrize("field", ["idle_timeout_ms", "keepalive_requests", "body_bytes"])
def test_new_limits_hold_for_connections_that_are_open(front, http_backend, field):
    backend = http_backend(lambda r: response(r.body))
    lb, addr = front(backend)

    with Client(addr) as client:
        assert client.request().status == 200
        conf = next(r for r in lb.control("get snapshot")["upsert"] if r["kind"] == "listener")
        lb.apply([{**conf, field: {"idle_timeout_ms": 2000, "keepalive_requests": 2, "body_bytes": 3}[field]}])
        if field == "body_bytes":
            assert client.request("POST", body=b"1234").status == 413
            return
        answer = client.request()
        assert answer.header("Connection") == ("close" if field == "keepalive_requests" else None)
        assert client.is_closed(10), "the time limit is not the default one"

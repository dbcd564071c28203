"""Headers on their way: what belongs to one hop goes, what the listener promises is added, spoofs are overwritten."""
import pytest

from lib import HANG, READ_HEAD, Client, exchange, get

ANYBODY = "127.0.0.9"


def seen_by_server(front, http_backend, headers, **fields):
    """Headers at the server, names in lower case, for one request from ANYBODY."""
    backend = http_backend()
    lb, addr = front(backend, **fields)
    with Client(addr, source=(ANYBODY, 0)) as client:
        assert client.request(headers=headers).status == 200
        port = client.sock.getsockname()[1]
    return [(n.lower(), v) for n, v in backend.requests[0].headers], addr, port


HOP = [
    ("what Connection names", [("Connection", "X-Drop, x-too"), ("X-Drop", "1"), ("X-Too", "2"), ("X-Keep", "3")], [("x-keep", "3")]),
    ("Keep-Alive", [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")], []),
    ("Proxy-Connection", [("Proxy-Connection", "keep-alive")], []),
    ("TE and Trailer", [("Connection", "TE"), ("TE", "trailers"), ("Trailer", "X")], []),
    ("Upgrade that nobody connects to", [("Upgrade", "websocket")], []),
    ("h2c", [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")], []),
    ("two Connection lines", [("Connection", "a"), ("Connection", "b"), ("A", "1"), ("B", "2"), ("C", "3")], [("c", "3")]),
    ("what servers rely on stays", [("Connection", "Cookie, Authorization, Content-Type"), ("Cookie", "a=b"), ("Authorization", "x"), ("Content-Type", "t/t")],
     [("cookie", "a=b"), ("authorization", "x"), ("content-type", "t/t")]),
    ("order and repetition stay", [("B", "1"), ("A", "2"), ("B", "3"), ("a", "4")], [("b", "1"), ("a", "2"), ("b", "3"), ("a", "4")]),
    ("bytes stay", [("X-Latin", "gr\xfc\xdfe"), ("X-Tab", "a\tb"), ("X-Empty", "")], [("x-latin", "gr\xfc\xdfe"), ("x-tab", "a\tb"), ("x-empty", "")]),
]  # fmt: skip


@pytest.mark.parametrize("sent, expected", [c[1:] for c in HOP], ids=[c[0] for c in HOP])
def test_hop_by_hop_headers(front, http_backend, sent, expected):
    seen, _, _ = seen_by_server(front, http_backend, sent)

    assert seen == [("host", "www.example.net"), *expected, ("x-forwarded-for", ANYBODY)]


FORWARDED_FOR = [
    ("append", [], [ANYBODY]),
    ("append", ["1.1.1.1"], [f"1.1.1.1, {ANYBODY}"]),
    ("append", ["1.1.1.1, 2.2.2.2", "3.3.3.3"], [f"1.1.1.1, 2.2.2.2, 3.3.3.3, {ANYBODY}"]),
    ("append", ["", "unknown"], [f"unknown, {ANYBODY}"]),
    ("remove", ["1.1.1.1", "2.2.2.2"], []),
    ("off", [], []),
    ("off", ["1.1.1.1", "2.2.2.2"], ["1.1.1.1", "2.2.2.2"]),
]


@pytest.mark.parametrize("mode, sent, expected", FORWARDED_FOR)
def test_x_forwarded_for(front, http_backend, mode, sent, expected):
    headers = [("x-forwarded-FOR", v) for v in sent]
    seen, _, _ = seen_by_server(front, http_backend, headers, xff=mode)

    assert [v for n, v in seen if n == "x-forwarded-for"] == expected


def test_headers_of_the_listener_replace_spoofed_ones(front, http_backend):
    spoofed = [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Client-srcport", "1"),
        ("SLB-ID", "lb-evil"),
        ("SLB-IP", "6.6.6.6"),
        ("SLB-IP", "7.7.7.7"),
    ]
    seen, addr, port = seen_by_server(
        front,
        http_backend,
        spoofed,
        x_forwarded_proto=True,
        x_forwarded_port=True,
        x_forwarded_host=True,
        x_forwarded_client_srcport=True,
        slb_id=True,
        slb_ip=True,
    )

    assert sorted(seen) == [
        ("host", "www.example.net"),
        ("slb-id", "lb-1"),
        ("slb-ip", "127.0.0.1"),
        ("x-forwarded-client-srcport", str(port)),
        ("x-forwarded-for", ANYBODY),
        ("x-forwarded-host", "www.example.net"),
        ("x-forwarded-port", str(addr[1])),
        ("x-forwarded-proto", "http"),
    ]


def test_connection_cannot_remove_what_the_listener_adds(front, http_backend):
    names = "X-Forwarded-For, X-Forwarded-Proto, SLB-ID, Host, Content-Length"
    seen, _, _ = seen_by_server(
        front, http_backend, [("Connection", names), ("X-Forwarded-For", "1.1.1.1")], x_forwarded_proto=True, slb_id=True
    )

    assert sorted(seen) == [
        ("host", "www.example.net"),
        ("slb-id", "lb-1"),
        ("x-forwarded-for", f"1.1.1.1, {ANYBODY}"),
        ("x-forwarded-proto", "http"),
    ]


def test_underscore_aliases_do_not_get_through(front, http_backend):
    """CGI and its heirs read X_Forwarded_For as X-Forwarded-For."""
    sent = [
        ("X_Forwarded_For", "6.6.6.6"),
        ("x_forwarded-for", "6.6.6.6"),
        ("X_FORWARDED_PROTO", "https"),
        ("X-Forwarded_Host", "evil"),
        ("X_Real_IP", "6.6.6.6"),
        ("SLB_ID", "evil"),
        ("SLB_IP", "6.6.6.6"),
        ("X_Other", "stays"),
    ]
    seen, _, _ = seen_by_server(front, http_backend, sent)

    assert seen == [("host", "www.example.net"), ("x_other", "stays"), ("x-forwarded-for", ANYBODY)]


def test_response_headers(front, scripted):
    backend = scripted(
        [
            READ_HEAD,
            b"HTTP/1.1 200 Fine\r\nServer: theirs\r\nDate: then\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
            b"Connection: X-Hop, keep-alive\r\nKeep-Alive: timeout=9\r\nX-Hop: 1\r\nProxy-Connection: x\r\n"
            b"X-Latin: \xfc\r\nContent-Length: 2\r\n\r\nok",
            HANG,
        ]
    )
    _, addr = front(backend)

    answer = get(addr)

    assert (answer.status, answer.reason) == (200, "Fine")
    assert answer.headers == [
        ("Server", "theirs"),
        ("Date", "then"),
        ("Set-Cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("X-Latin", "\xfc"),
        ("Content-Length", "2"),
    ]


def test_headers_of_our_own_answers(front):
    _, addr = front()

    answer = get(addr)

    assert answer.status == 503
    assert [n.lower() for n, _ in answer.headers] == ["date", "content-type", "content-length"]
    assert answer.header("Content-Type") == "text/html" and b"503 Service Unavailable" in answer.body
    old = exchange(addr, b"GET / HTTP/1.0\r\n\r\n")
    assert old.startswith(b"HTTP/1.1 503 ") and b"\r\nConnection: close\r\n" in old

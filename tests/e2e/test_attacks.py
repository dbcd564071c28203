"""Inputs that broke other balancers and proxies: each has one answer, and no server sees what it tried to hide.

A case is what a client sends and the status it gets; behind a refusal the connection is closed and what
followed is never read as a request. With status 200 the case is harmless, and the server sees exactly
what is listed.
"""
import tempfile
import threading

import pytest

from lib import (
    HANG,
    HOST,
    READ_HEAD,
    Client,
    HttpBackend,
    Slbd,
    exchange,
    group,
    listener,
    response,
    snapshot,
    wait_for,
)

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def head(*lines, start=b"POST / HTTP/1.1", host=b"Host: a"):
    return b"\r\n".join((start, *([host] if host else []), *lines, b"", b""))


def lengths(*lines):
    return head(*lines) + b"hello" + HIDDEN


def chunks(body):
    return head(b"Transfer-Encoding: chunked") + body + HIDDEN


def target(path):
    return head(start=b"GET " + path + b" HTTP/1.1") + HIDDEN


def name(field):
    return head(field, start=b"GET / HTTP/1.1") + HIDDEN


# --- length ambiguity -----------------------------------------------------------------------

LENGTHS = [
    ("two lengths that differ", lengths(b"Content-Length: 5", b"Content-Length: 6"), "bad_content_length"),
    ("two lengths that agree", lengths(b"Content-Length: 5", b"Content-Length: 5"), "bad_content_length"),
    ("empty, then a real one", lengths(b"Content-Length:", b"Content-Length: 5"), "bad_content_length"),
    ("real, then an empty one", lengths(b"Content-Length: 5", b"Content-Length: "), "bad_content_length"),
    ("empty", lengths(b"Content-Length:"), "bad_content_length"),
    ("plus sign", lengths(b"Content-Length: +5"), "bad_content_length"),
    ("minus sign", lengths(b"Content-Length: -5"), "bad_content_length"),
    ("minus zero", lengths(b"Content-Length: -0"), "bad_content_length"),
    ("hexadecimal", lengths(b"Content-Length: 0x10"), "bad_content_length"),
    ("underscore", lengths(b"Content-Length: 1_0"), "bad_content_length"),
    ("list", lengths(b"Content-Length: 5,5"), "bad_content_length"),
    ("list with space", lengths(b"Content-Length: 5, 5"), "bad_content_length"),
    ("inner space", lengths(b"Content-Length: 1 0"), "bad_content_length"),
    ("fraction", lengths(b"Content-Length: 5.0"), "bad_content_length"),
    ("exponent", lengths(b"Content-Length: 1e1"), "bad_content_length"),
    ("21 digits", lengths(b"Content-Length: 100000000000000000005"), "bad_content_length"),
    ("2^64 + 5", lengths(b"Content-Length: 18446744073709551621"), "bad_content_length"),
    ("form feed", lengths(b"Content-Length: \x0c5"), "bad_header_value"),
    ("non-ASCII digit", lengths(b"Content-Length: \xb9"), "bad_content_length"),
    ("length, then chunked", lengths(b"Content-Length: 5", b"Transfer-Encoding: chunked"), "length_and_chunked"),
    ("chunked, then length", lengths(b"Transfer-Encoding: chunked", b"Content-Length: 5"), "length_and_chunked"),
    ("identity and length", lengths(b"Transfer-Encoding: identity", b"Content-Length: 5"), "length_and_chunked"),
]

CODINGS = [
    ("empty coding", 400, b"Transfer-Encoding:"),
    ("comma, chunked", 400, b"Transfer-Encoding: ,chunked"),
    ("chunked, comma", 400, b"Transfer-Encoding: chunked,"),
    ("chunked twice in a list", 400, b"Transfer-Encoding: chunked, chunked"),
    ("chunked in two lines", 400, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ("chunked and identity in two lines", 400, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    ("non-breaking space", 400, b"Transfer-Encoding: \xa0chunked"),
    ("vertical tab", 400, b"Transfer-Encoding: \x0bchunked"),
    ("quoted", 400, b'Transfer-Encoding: "chunked"'),
    ("with parameter", 400, b"Transfer-Encoding: chunked;a=b"),
    ("longer", 501, b"Transfer-Encoding: xchunked"),
    ("identity", 501, b"Transfer-Encoding: identity"),
    ("gzip, chunked", 501, b"Transfer-Encoding: gzip, chunked"),
    ("chunked, gzip", 400, b"Transfer-Encoding: chunked, gzip"),
    ("space in the word", 400, b"Transfer-Encoding: chun ked"),
    ("space before the colon", 400, b"Transfer-Encoding : chunked"),
    ("tab before the colon", 400, b"Transfer-Encoding\t: chunked"),
    ("folded", 400, b"Transfer-Encoding:\r\n chunked"),
    ("folded behind another", 400, b"A: b\r\n Transfer-Encoding: chunked"),
]

OLD = [
    ("1.0 with chunked", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    (
        "1.0 with chunked, kept alive",
        b"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    ),
]

# --- chunk syntax ---------------------------------------------------------------------------

CHUNKS = [
    ("bare LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    ("bare LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
    ("bare LF behind the last size", b"5\r\nhello\r\n0\n\r\n"),
    ("bare CR behind the size", b"5\rhello\r\n0\r\n\r\n"),
    ("CR inside an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("LF inside an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("LF inside a quoted extension", b'5;a="\n"\r\nhello\r\n0\r\n\r\n'),
    ("junk behind the size", b"1junk\r\nh\r\n0\r\n\r\n"),
    ("minus", b"-0x0\r\n\r\n"),
    ("minus zero", b"-0\r\n\r\n"),
    ("plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("0x1", b"0x1\r\nh\r\n0\r\n\r\n"),
    ("underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    ("space in front", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("space behind", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("tab in front", b"\t5\r\nhello\r\n0\r\n\r\n"),
    ("empty size", b"\r\nhello\r\n0\r\n\r\n"),
    ("extension without size", b";a=b\r\n\r\n"),
    ("17 digits", b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("CRLF in front of the last chunk", b"5\r\nhello\r\n\r\n0\r\n\r\n"),
    ("data longer than its size", b"4\r\nhello\r\n0\r\n\r\n"),
    ("data shorter than its size", b"6\r\nhello\r\n0\r\n\r\n"),
    ("two bytes behind the data", b"5\r\nhelloXX0\r\n\r\n"),
    ("trailer without colon", b"0\r\nfoo\r\n\r\n"),
    ("trailer with Content-Length", b"0\r\nContent-Length: 5\r\n\r\n"),
    ("trailer with Host", b"0\r\nHost: b\r\n\r\n"),
    ("trailer with Transfer-Encoding", b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("trailer with X-Forwarded-For", b"0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n"),
    ("trailer with Authorization", b"0\r\nAuthorization: Basic eA==\r\n\r\n"),
    ("trailer with bare LF", b"0\r\nA: b\n\r\n"),
    ("trailer with space before the colon", b"0\r\nA : b\r\n\r\n"),
]

TOO_LARGE = [
    ("16 digits", chunks(b"ffffffffffffffff\r\nhello")),
    ("63 bits", chunks(b"8000000000000000\r\nhello")),
    ("second chunk wraps", chunks(b"5\r\nhello\r\nfffffffffffffffb\r\nhello")),
    ("Content-Length of 64 bits", lengths(b"Content-Length: 18446744073709551615")),
]

# --- header names and values ----------------------------------------------------------------

NAMES = [
    ("empty name", name(b": a")),
    ("only a colon", name(b":")),
    ("no colon", name(b"abc")),
    ("space before the colon", name(b"A : b")),
    ("space in the name", name(b"A b: c")),
    ("first line begins with space", b"GET / HTTP/1.1\r\n A: b\r\nHost: a\r\n\r\n" + HIDDEN),
    ("folded", name(b"A: b\r\n c")),
    ("folded with tab", name(b"A: b\r\n\tc")),
    ("NUL in the name", name(b"A\0: b")),
    ("NUL in the value", name(b"A: b\0c")),
    ("CR in the value", name(b"A: b\rc")),
    ("bare CR at the end", name(b"A: b\r\r")),
    ("bare LF line end", b"GET / HTTP/1.1\nHost: a\n\n" + HIDDEN),
    ("bare LF behind a header", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" + HIDDEN),
    ("LF as the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\n" + HIDDEN),
    ("DEL in the value", name(b"A: b\x7fc")),
    ("ESC in the value", name(b"A: b\x1bc")),
    ("non-ASCII name", name(b"\xc3\xa4: b")),
    ("parenthesis in the name", name(b"A(b): c")),
    ("quote in the name", name(b'"A": c')),
]

LINES = [
    ("no target", b"GET\r\n\r\n", 400),
    ("no version", b"GET /\r\n\r\n", 400),
    ("two spaces", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("two spaces before the version", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("tab", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("space behind the version", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("space in front", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("lower-case method", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("method with a space and a path", b"GET /admin? / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("lower-case version", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("version 1.10", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    ("version 01.1", b"GET / HTTP/01.1\r\nHost: a\r\n\r\n", 400),
    ("version 1,1", b"GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400),
    ("version 1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("version 2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("version 0.9", b"GET / HTTP/0.9\r\n\r\n", 505),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("NUL", b"\0", 400),
    ("three empty lines", b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("bare LF in front", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("fragment", target(b"/a#b"), 400),
    ("fragment in the query", target(b"/a?b#c"), 400),
    ("control character", target(b"/\x01"), 400),
    ("non-ASCII", target(b"/\xc3\xa4"), 400),
    ("relative", target(b"admin"), 400),
    ("other scheme", target(b"ftp://a/"), 400),
    ("scheme without authority", target(b"http:///x"), 400),
    ("asterisk for GET", target(b"*"), 400),
]

HOSTS = [
    ("no Host in 1.1", b"GET / HTTP/1.1\r\n\r\n"),
    ("two", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("two that agree", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("empty", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("comma", b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
    ("userinfo", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("percent", b"GET / HTTP/1.1\r\nHost: a%2f\r\n\r\n"),
    ("port 0", b"GET / HTTP/1.1\r\nHost: a:0\r\n\r\n"),
    ("port 65536", b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
    ("port with letters", b"GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n"),
    ("empty port", b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    ("open bracket", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ("differs from the target", b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
    ("port differs from the target", b"GET http://a/ HTTP/1.1\r\nHost: a:8080\r\n\r\n"),
    ("userinfo in the target", b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
]

PATHS = [
    ("above the root", b"/../etc/passwd"),
    ("above the root, escaped", b"/%2e%2e/etc"),
    ("dots behind an escaped slash", b"/a%2F..%2Fadmin"),
    ("dots behind a backslash", b"/a\\..\\admin"),
    ("dots with parameters", b"/a/..;x=y/admin"),
    ("escaped NUL", b"/a%00"),
    ("escaped CR LF", b"/a%0d%0aX:%20y"),
    ("half an escape", b"/a%2"),
    ("not an escape", b"/a%zz"),
    ("lone percent", b"/100%"),
]

REFUSED = (
    [(f"length: {what}", data, 400, reason) for what, data, reason in LENGTHS]
    + [(f"coding: {what}", lengths(line), status, None) for what, status, line in CODINGS]
    + [(f"old: {what}", data, 400, "bad_transfer_encoding") for what, data in OLD]
    + [(f"chunk: {what}", chunks(body), 400, None) for what, body in CHUNKS]
    + [(f"too large: {what}", data, 413, "body_too_large") for what, data in TOO_LARGE]
    + [(f"header: {what}", data, 400, None) for what, data in NAMES]
    + [(f"line: {what}", data + HIDDEN, status, None) for what, data, status in LINES]
    + [(f"host: {what}", data + HIDDEN, 400, None) for what, data in HOSTS]
    + [(f"path: {what}", target(path), 400, "bad_path") for what, path in PATHS]
    + [
        ("long name", name(b"Content-Length0" + b"a" * 270 + b":"), 200, None),
        ("smuggling prefix", name(b"Content-Length0aaa: 5"), 200, None),
    ]
)


@pytest.fixture(scope="module")
def site():
    """One slbd and one server for all cases: what one case leaves behind would show in the next."""
    backend = HttpBackend(name="server")
    with tempfile.TemporaryDirectory(prefix="openslb-") as where:
        one = listener(keepalive_requests=0)
        lb = Slbd(where, snapshot(group(backends=[backend]), one), ("--workers", "1"))
        yield lb, (HOST, one["port"]), backend
        lb.stop()
        backend.stop()


def n_accounted(lb):
    """Requests so far, when no client is left of whom something may still be counted; the log may lag behind."""

    def rows():
        listeners = lb.counters()["listeners"]
        return None if any(row["active"] for row in listeners) else listeners

    return sum(row["requests"] for row in wait_for(rows, "no connection is left"))


@pytest.mark.parametrize("data, status, reason", [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_input(site, data, status, reason):
    lb, addr, backend = site
    seen = len(backend.requests)
    logged = n_accounted(lb)

    if status == 200:
        got = exchange(addr, data.replace(HIDDEN, b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
        assert got.count(b"HTTP/1.1 200 OK\r\n") == 2
        return
    got = exchange(addr, data)
    assert got.startswith(b"HTTP/1.1 %d " % status), got[:200]
    assert got.count(b"HTTP/1.1 ") == 1 and b"\r\nConnection: close\r\n" in got
    # A body that goes wrong later has had its beginning sent; never more than that one request.
    assert len(backend.requests) == seen
    if reason:
        lines = lb.log_lines(logged + 1)
        assert (lines[-1]["status"], lines[-1]["reason"]) == (status, reason)


def test_input_is_refused_however_it_is_cut(site):
    _, addr, backend = site
    seen = len(backend.requests)

    for _, data, status, _ in REFUSED[::7]:
        if status != 200:
            got = exchange(addr, data[:200], piece=1)
            assert got.startswith(b"HTTP/1.1 %d " % status) and got.count(b"HTTP/1.1 ") == 1
    assert len(backend.requests) == seen


def test_site_still_serves(site):
    """What any case hid would have reached the server by now."""
    lb, addr, backend = site

    with Client(addr) as client:
        assert [client.request(path=f"/{i}").status for i in range(3)] == [200] * 3
    # /x is of the connections that vanish.
    assert {r.target for r in backend.requests} <= {"/", "/last", "/0", "/1", "/2", "/x"}
    assert lb.stderr().count("\n") <= 2, lb.stderr()


# --- what was matched is what is forwarded ----------------------------------------------------

FORWARDED = [
    (b"//admin", "//admin"),
    (b"/a//b", "/a//b"),
    (b"/a/./b", "/a/b"),
    (b"/a/../b", "/b"),
    (b"/a/%2e%2e/b", "/b"),
    (b"/%61dmin", "/admin"),
    (b"/a%2fb", "/a%2Fb"),
    (b"/a%2Fb", "/a%2Fb"),
    (b"/A%7Eb", "/A~b"),
    (b"/a?b=%zz%00", "/a?b=%zz%00"),
    (b"/a?../..", "/a?../.."),
    (b"/.well-known/x", "/.well-known/x"),
]


@pytest.mark.parametrize("sent, seen", FORWARDED)
def test_path_is_normalised_once(front, http_backend, sent, seen):
    backend = http_backend()
    _, addr = front(backend)

    got = exchange(addr, b"GET " + sent + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 200 "), got[:500]
    assert [r.target for r in backend.requests] == [seen]


# --- reuse without draining -------------------------------------------------------------------


def test_body_of_an_answered_request_is_not_a_request(front, http_backend):
    """The fixed answer comes before the body is read: what follows must not be taken for a request."""
    rule = {
        "kind": "rule",
        "id": "rule-1",
        "listener": "lsn-1",
        "priority": 1,
        "conditions": [{"type": "path", "values": ["/fixed"]}],
        "actions": [{"type": "fixed_response", "status": 403}],
    }
    backend = http_backend()
    _, addr = front(backend, more=[rule])

    for framing, body in (
        (b"Content-Length: %d" % len(HIDDEN), HIDDEN),
        (b"Transfer-Encoding: chunked", b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n"),
    ):
        start = b"POST /fixed HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n"
        for pause in (0, 0.05):
            got = b""
            with Client(addr) as client:
                client.send(start)
                if not pause:
                    client.send(body)
                got = client.response()
                assert (got.status, got.header("Connection")) == (403, "close")
                if pause:
                    client.send(body)
                assert client.is_closed()
    assert backend.requests == []


def test_server_that_answers_before_the_body_is_not_reused(front, scripted):
    early = [READ_HEAD, response(b"early"), HANG]
    backend = scripted(early)
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN))
        assert client.response().body == b"early"
        try:
            client.send(HIDDEN)
        except OSError:
            pass
        assert client.is_closed()
    with Client(addr) as client:
        assert client.request(path="/2").body == b"early"
    assert backend.n_connections == 2
    assert all(b"/hidden" not in data for data in backend.received.values())


# --- hostile servers --------------------------------------------------------------------------

HOSTILE = [
    ("garbage", b"\0\1\2\3garbage\r\n\r\n"),
    ("another protocol", b"220 smtp ready\r\n"),
    ("no version", b"200 OK\r\n\r\n"),
    ("lower case", b"http/1.1 200 OK\r\n\r\n"),
    ("HTTP/2", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("no status", b"HTTP/1.1 OK\r\n\r\n"),
    ("status of two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
    ("status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
    ("status 099", b"HTTP/1.1 099 OK\r\n\r\n"),
    ("status 600", b"HTTP/1.1 600 OK\r\n\r\n"),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    ("negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nxx"),
    ("length and chunked", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx"),
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx"),
    ("folded", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx"),
    ("NUL in a value", b"HTTP/1.1 200 OK\r\nA: b\0\r\nContent-Length: 1\r\n\r\nx"),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx"),
    ("empty name", b"HTTP/1.1 200 OK\r\n: 1\r\n\r\nx"),
    ("101 that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"),
    ("seventeen 1xx", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
]


@pytest.mark.parametrize("data", [c[1] for c in HOSTILE], ids=[c[0] for c in HOSTILE])
def test_malformed_response_is_502(front, scripted, data):
    backend = scripted([READ_HEAD, data, HANG])
    lb, addr = front(backend)

    with Client(addr) as client:
        answer = client.request("GET")
        assert answer.status == 502
        assert client.request("GET").status == 502, "the client's connection stays usable"
    line = lb.log_lines(1)[0]
    assert (line["status"], line["reason"], line["upstream_status"]) == (502, "bad_response", "-")


def idle(lb):
    return sum(s["idle"] for s in lb.counters()["servers"])


def test_bytes_behind_a_response_belong_to_nobody(front, scripted):
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
    out_of_turn = threading.Event()
    backend = scripted(
        [READ_HEAD, response(b"first") + stray, HANG],
        [READ_HEAD, response(b"second"), out_of_turn, stray, HANG],
        [READ_HEAD, response(b"third"), HANG],
    )
    lb, addr = front(backend)

    with Client(addr) as client:
        assert client.request().body == b"first"
        assert client.request().body == b"second"
        wait_for(lambda: idle(lb) == 1, "the second server connection is kept")
        out_of_turn.set()
        wait_for(lambda: idle(lb) == 0, "what was said out of turn has ended it")
        assert client.request().body == b"third"


# --- the rest ---------------------------------------------------------------------------------


def test_connections_that_vanish_at_once(site):
    """Sub-millisecond disconnects, in every way and with all amounts of a request."""
    lb, addr, backend = site
    request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"

    for n in range(200):
        client = Client(addr)
        try:
            client.send(request[: n % (len(request) + 1)])
            if n % 2:
                client.reset()
        except OSError:
            pass
        client.close()
    with Client(addr) as client:
        assert client.request().status == 200
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "no connection is left")


def test_long_host_in_a_redirect_is_neither_cut_nor_padded(front):
    rule = {
        "kind": "rule",
        "id": "rule-1",
        "listener": "lsn-1",
        "priority": 1,
        "conditions": [{"type": "path", "values": ["/*"]}],
        "actions": [{"type": "redirect", "status": 301, "protocol": "https", "port": "443", "query": "h=${host}&p=${path}"}],
    }
    lb, addr = front(more=[rule])

    for length in (250, 4095, 4096, 4097, 30000):
        host, path = "h" * length, "/" + "p" * length
        with Client(addr) as client:
            answer = client.request(path=path, headers=[("Host", host)])
            assert answer.status == 301
            assert answer.header("Location") == f"https://{host}{path}?h={host}&p={path}"
            assert client.request(headers=[("Host", "a")]).header("Location") == "https://a/?h=a&p=/"


def test_endless_trailers_and_extensions_are_bounded(site):
    _, addr, backend = site
    seen = len(backend.requests)

    start = head(b"Transfer-Encoding: chunked")
    for flood in (b"0\r\n" + b"A: b\r\n" * 20000, b"5;" + b"a" * 100000, b"0\r\nA: " + b"b" * 100000):
        got = exchange(addr, start + flood)
        assert got.startswith(b"HTTP/1.1 400 ") and got.count(b"HTTP/1.1 ") == 1
    assert len(backend.requests) == seen

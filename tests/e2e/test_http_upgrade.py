"""Upgraded connections: WebSocket and any other protocol that both sides agree on."""
import asyncio
import socket
import threading
import time

import pytest
import websockets

from lib import CLOSE, HANG, HOST, READ_HEAD, Client, exchange, free_port, proves, read_bytes, response, wait_for

ASK = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\nX: y\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo/2\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


class Address:
    """Where a server of the test listens, as groups want it."""

    def __init__(self):
        self.ip = HOST
        self.port = free_port()


@proves("CLBL-04")
def test_websocket(front):
    backend = Address()
    lb, addr = front(backend)

    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    async def talk():
        async with websockets.serve(echo, backend.ip, backend.port, max_size=None):
            uri = f"ws://{HOST}:{addr[1]}/chat"
            async with websockets.connect(uri, max_size=None, compression=None) as ws:
                for message in ("hello", b"\0\1\2", "x" * 70000, bytes(range(256)) * 8192):
                    await ws.send(message)
                    assert await ws.recv() == message
                await ws.ping()
                # Both ways at once.
                await asyncio.gather(*(ws.send(str(i)) for i in range(100)))
                assert [await ws.recv() for _ in range(100)] == [str(i) for i in range(100)]

    asyncio.run(asyncio.wait_for(talk(), 60))
    line = lb.log_lines(1)[0]
    assert (line["status"], line["upstream_status"], line["reason"]) == (101, "101", "-")
    assert line["body_bytes_sent"] > 2 << 20 and line["request_length"] > 2 << 20


def test_switch_is_announced_to_both_sides(front, scripted):
    backend = scripted([READ_HEAD, SWITCH + b"early", read_bytes(4), b"pong", CLOSE])
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(ASK)
        answer = client.response()
        assert (answer.status, answer.header("Upgrade"), answer.header("Connection")) == (101, "foo/2", "upgrade")
        assert client.reader.exactly(5) == b"early"
        client.send(b"ping")
        assert client.reader.exactly(4) == b"pong"
    seen = backend.received[0]
    assert b"\r\nUpgrade: foo/2\r\n" in seen and b"\r\nConnection: upgrade\r\n" in seen and b"\r\nX: y\r\n" in seen


def test_early_bytes_reach_the_server_only_after_the_switch(front, scripted):
    switch = threading.Event()
    backend = scripted([READ_HEAD, switch, SWITCH, read_bytes(len(HIDDEN)), b"pong", CLOSE])
    _, addr = front(backend)

    with Client(addr) as client:
        client.send(ASK + HIDDEN)
        wait_for(lambda: backend.received.get(0), "the head is at the server")
        assert backend.received[0].endswith(b"\r\n\r\n") and HIDDEN not in backend.received[0]
        switch.set()
        assert client.response().status == 101
        assert client.reader.exactly(4) == b"pong"
    assert backend.received[0].endswith(HIDDEN)


@pytest.mark.parametrize("answer", [response(b"no"), response(b"no", "404 Not Found"), b"HTTP/1.1 200 OK\r\n\r\nno"])
def test_early_bytes_never_become_a_request_when_the_server_refuses(front, scripted, answer):
    """RFC 9931: `Upgrade: foo` and a second request in one packet, and the server answers 200."""
    backend = scripted([READ_HEAD, answer, 0.2, CLOSE])
    _, addr = front(backend)

    got = exchange(addr, ASK + HIDDEN)

    assert got.count(b"HTTP/1.1 ") == 1 and b"no" in got and b"\r\nConnection: close\r\n" in got
    assert backend.n_connections == 1
    assert all(b"/hidden" not in data for data in backend.received.values())


def test_switch_that_nobody_asked_for_is_502(front, scripted):
    for n, ask in enumerate((b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: foo/2\r\n\r\n")):
        backend = scripted([READ_HEAD, SWITCH, HANG])
        _, addr = front(backend, id=f"lsn-{n}")
        with Client(addr) as client:
            client.send(ask)
            assert client.response().status == 502


def test_upgrade_with_a_body_is_not_an_upgrade(front, http_backend):
    backend = http_backend(lambda r: response(r.body))
    _, addr = front(backend)

    with Client(addr) as client:
        headers = [("Connection", "Upgrade"), ("Upgrade", "foo/2")]
        assert client.request("POST", headers=headers, body=b"data").body == b"data"
        assert client.request().status == 200
    assert backend.requests[0].header("Upgrade") is None and backend.requests[0].header("Connection") is None


def test_each_side_may_end_first(front, scripted):
    backend = scripted([READ_HEAD, SWITCH, read_bytes(3), 0.1, b"late", CLOSE], [READ_HEAD, SWITCH + b"bye", CLOSE])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(ASK)
        assert client.response().status == 101
        client.send(b"end")
        client.sock.shutdown(socket.SHUT_WR)
        assert client.reader.rest() == b"late"
    with Client(addr) as client:
        client.send(ASK)
        assert client.response().status == 101
        assert client.reader.rest() == b"bye"
    assert [(l["status"], l["reason"]) for l in lb.log_lines(2)] == [(101, "-")] * 2


def test_tunnel_that_idles_is_closed(front, scripted):
    """Its own time counts, not that of requests or of connections without one, and every byte begins it anew."""
    backend = scripted([READ_HEAD, SWITCH, HANG])
    lb, addr = front(backend, tunnel_timeout_ms=2000, request_timeout_ms=1500, idle_timeout_ms=1500)

    with Client(addr) as client:
        client.send(ASK)
        assert client.response().status == 101
        for _ in range(24):
            time.sleep(0.1)
            begun = time.monotonic()
            client.send(b"x")
        assert client.is_closed()
        assert time.monotonic() - begun > 1.9
    assert (lb.log_lines(1)[0]["status"], lb.log_lines(1)[0]["reason"]) == (101, "idle_timeout")


def test_tunnel_pushes_back(front, scripted):
    """The server does not read: what the client sends stays with the client."""
    backend = scripted([READ_HEAD, SWITCH, HANG])
    lb, addr = front(backend)

    with Client(addr) as client:
        client.send(ASK)
        assert client.response().status == 101
        client.sock.settimeout(0.3)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 256 << 20:
                sent += client.sock.send(b"x" * 262144)
        assert sent < 64 << 20

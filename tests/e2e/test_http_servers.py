"""Connections to servers: kept or one for each request, and the version that servers are spoken to in."""
import subprocess
import threading
import time

import pytest

from lib import CLOSE, HANG, HOST, READ_HEAD, Client, exchange, get, proves, response, wait_for


def idle(lb):
    return sum(s["idle"] for s in lb.counters()["servers"])


@proves("CLBSG-49", "CLBL-26")
def test_one_connection_for_each_request(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend, in_group={"keepalive": False})

    with Client(addr) as client:
        for i in range(5):
            answer = client.request("POST" if i % 2 else "GET", f"/{i}", body=b"x" if i % 2 else None)
            assert (answer.status, answer.header("Connection")) == (200, None)
    assert [r.connection for r in backend.requests] == [0, 1, 2, 3, 4]
    assert {r.header("Connection") for r in backend.requests} == {"close"}
    assert lb.counters()["servers"][0]["reuses"] == 0


@proves("ALBL-08")
def test_kept_connections_carry_many_requests(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend)

    for i in range(20):
        assert get(addr, f"/{i}").status == 200
    assert backend.n_connections == 1
    assert {r.header("Connection") for r in backend.requests} == {None}
    wait_for(lambda: idle(lb) == 1, "the connection is kept")
    server = lb.counters()["servers"][0]
    assert (server["connects"], server["reuses"], server["uses"], server["idle"]) == (1, 19, 20, 1)


@proves("ALBL-09")
def test_keep_alive_can_be_switched_while_running(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend)
    conf = next(r for r in lb.control("get snapshot")["upsert"] if r["kind"] == "server_group")

    with Client(addr) as client:
        client.request()
        lb.apply([{**conf, "keepalive": False}])
        client.request()
        client.request()
        lb.apply([{**conf, "keepalive": True}])
        client.request()
        client.request()
    assert [r.header("Connection") for r in backend.requests] == [None, "close", "close", None, None]


def test_requests_per_server_connection(front, http_backend):
    backend = http_backend()
    _, addr = front(backend, in_group={"keepalive_requests": 3})

    for _ in range(7):
        assert get(addr).status == 200
    assert [r.connection for r in backend.requests] == [0, 0, 0, 1, 1, 1, 2]


def test_idle_server_connections_are_closed_in_time(front, http_backend):
    answered_at = []  # just before the answer leaves, so that no stall can make the wait seem shorter

    def respond(_):
        answered_at.append(time.monotonic())
        return response(b"x")

    backend = http_backend(respond)
    lb, addr = front(backend, in_group={"keepalive_idle_ms": 500})

    get(addr)
    wait_for(lambda: backend.closed_at, "the idle connection is closed", 20)
    assert backend.closed_at[0] - answered_at[0] > 0.4
    wait_for(lambda: idle(lb) == 0, "no connection is idle any more")


def test_number_of_idle_connections_is_limited(front, scripted):
    all_there = threading.Event()
    backend = scripted([READ_HEAD, all_there, response(b"ok"), HANG])
    lb, addr = front(backend, in_group={"keepalive_conns": 2})

    clients = [Client(addr) for _ in range(6)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: backend.n_connections == 6, "all requests are at the server")
    all_there.set()
    for client in clients:
        assert client.response().status == 200
        client.close()
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "all clients are gone")
    assert (backend.n_connections, idle(lb)) == (6, 2)


def test_server_that_closes_is_not_reused(front, http_backend):
    for n, answer in enumerate((response(b"x", close=True), b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx")):
        backend = http_backend(lambda r, answer=answer: (answer, CLOSE))
        lb, addr = front(backend, id=f"lsn-{n}")
        with Client(addr) as client:
            assert [client.request().body for _ in range(3)] == [b"x"] * 3
        assert backend.n_connections == 3
        assert [l["reason"] for l in lb.log_lines(3)] == ["-"] * 3


def test_removed_server_loses_its_idle_connections(front, http_backend):
    one, two = http_backend(name="one"), http_backend(name="two")
    lb, addr = front(one)
    get(addr)
    conf = next(r for r in lb.control("get snapshot")["upsert"] if r["kind"] == "server_group")

    lb.apply([{**conf, "servers": [{"id": "s-2", "ip": two.ip, "port": two.port}]}])

    assert get(addr).body == b"two\n"
    wait_for(lambda: one.n_open() == 0, "nothing is open to the removed server")


VERSIONS = [
    (False, "1.1", "HTTP/1.1", None),
    (False, "1.0", "HTTP/1.1", None),
    (True, "1.1", "HTTP/1.1", None),
    (True, "1.0", "HTTP/1.0", "keep-alive"),
]


@proves("CLBL-30")
@pytest.mark.parametrize("by_client, version, expected, connection", VERSIONS)
def test_version_that_the_server_sees(front, http_backend, by_client, version, expected, connection):
    backend = http_backend()
    _, addr = front(backend, in_group={"version_by_client": by_client})

    answer = get(addr, version=version, method="POST", body=b"abc")

    assert answer.status == 200
    request = backend.requests[0]
    assert (request.version, request.body, request.header("Connection")) == (expected, b"abc", connection)


def test_version_by_client_without_keep_alive(front, http_backend):
    backend = http_backend(lambda r: (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", CLOSE))
    _, addr = front(backend, in_group={"version_by_client": True, "keepalive": False})

    got = exchange(addr, b"GET /x HTTP/1.0\r\n\r\n")

    assert got.endswith(b"\r\n\r\nuntil the end")
    assert backend.requests[0].raw.startswith(b"GET /x HTTP/1.0\r\n")
    assert backend.requests[0].header("Host") is None
    assert backend.requests[0].header("Connection") == "close"


@proves("CLBSG-46")
def test_http_1_0_servers(front, scripted):
    chunked = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    kept = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nkept"
    until_end = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    backend = scripted(
        [READ_HEAD, chunked, HANG],  # its connection is not used again: another hop may have mixed up the framing
        [READ_HEAD, kept, READ_HEAD, until_end, CLOSE],
    )
    _, addr = front(backend)

    with Client(addr) as client:
        assert [client.request().body for _ in range(3)] == [b"hello", b"kept", b"until the end"]
    assert backend.n_connections == 2


def test_source_addresses_towards_servers(front, nginx):
    sources = ["127.0.0.21", "127.0.0.22"]
    lb, addr = front(nginx("ECS01"), in_group={"source": sources, "keepalive": False})

    assert [get(addr, "/echo").json()["client"] for _ in range(4)] == sources * 2


@pytest.mark.parametrize("client_version", ["1.0", "1.1"])
def test_nginx_behind_and_curl_in_front(front, nginx, client_version):
    lb, addr = front(nginx("ECS01"), x_forwarded_proto=True)

    url = f"http://{HOST}:{addr[1]}/echo?a=b"
    out = subprocess.run(
        ["curl", "-sS", f"--http{client_version}", "-H", "Host: www.example.net", url],
        capture_output=True, check=True, timeout=60, text=True,
    ).stdout  # fmt: skip
    assert '"uri":"/echo?a=b"' in out and '"host":"www.example.net"' in out
    assert f'"xff":"{HOST}"' in out and '"xfp":"http"' in out and '"protocol":"HTTP/1.1"' in out

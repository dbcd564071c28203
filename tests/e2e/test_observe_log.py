"""The access log: one line per request, every field with what really happened."""
import json
import re
import subprocess
import time

import pytest

from lib import (
    CLOSE,
    HANG,
    HOST,
    READ_HEAD,
    SLBD_BIN,
    STOP_SECONDS,
    Client,
    accepts,
    exchange,
    forward,
    get,
    group,
    in_one_of,
    instance,
    listener,
    proves,
    response,
    snapshot,
    wait_for,
)

FIELDS = [
    "__topic__", "time", "body_bytes_sent", "client_ip", "client_port", "host", "http_host", "http_referer",
    "http_user_agent", "http_x_forwarded_for", "http_x_real_ip", "read_request_time", "request_length",
    "request_method", "request_time", "request_uri", "scheme", "server_protocol", "slb_vport", "app_lb_id",
    "status", "tcpinfo_rtt", "upstream_addr", "upstream_response_time", "upstream_status", "vip_addr",
    "write_response_time", "hit_rule_id", "listener_id", "reason", "upstream_reason",
]  # fmt: skip


def without_times(line):
    return {k: v for k, v in line.items() if k not in ("time", "tcpinfo_rtt") and not k.endswith("_time")}


@proves("LOG-03", "LOG-09")
def test_every_field(front, http_backend):
    backend = http_backend(lambda r: response(b"not here\n", "404 Not Found"))
    rule = {
        "kind": "rule",
        "id": "rule-1",
        "listener": "lsn-1",
        "priority": 1,
        "conditions": [{"type": "path", "values": ["/a*"]}],
        "actions": [{"type": "rewrite", "path": "/b"}, forward("sg-1")],
    }
    lb, addr = front(backend, more=[rule])

    with Client(addr, source=("127.0.0.5", 0)) as client:
        port = client.sock.getsockname()[1]
        request = (
            b'POST /a%2f"b"?c=d HTTP/1.1\r\nHost: WWW.example.net:8080\r\nReferer: http://r/\r\nUser-Agent: ua "1"\r\n'
            b"X-Forwarded-For: 9.9.9.9\r\nX-Real-IP: 8.8.8.8\r\nContent-Length: 5\r\n\r\nhello"
        )
        client.send(request)
        assert client.response().status == 404

    line = lb.log_lines(1)[0]
    assert list(line) == FIELDS
    assert without_times(line) == {
        "__topic__": "alb_layer7_access_log",
        "body_bytes_sent": 9,
        "client_ip": "127.0.0.5",
        "client_port": port,
        "host": "WWW.example.net:8080",
        "http_host": "WWW.example.net:8080",
        "http_referer": "http://r/",
        "http_user_agent": 'ua "1"',
        "http_x_forwarded_for": "9.9.9.9",
        "http_x_real_ip": "8.8.8.8",
        "request_length": len(request),
        "request_method": "POST",
        "request_uri": '/a%2f"b"?c=d',
        "scheme": "http",
        "server_protocol": "HTTP/1.1",
        "slb_vport": addr[1],
        "app_lb_id": "lb-1",
        "status": 404,
        "upstream_addr": f"{HOST}:{backend.port}",
        "upstream_status": "404",
        "vip_addr": HOST,
        "hit_rule_id": "rule-1",
        "listener_id": "lsn-1",
        "reason": "-",
        "upstream_reason": "-",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert 0 < line["tcpinfo_rtt"] < 1000000
    assert isinstance(line["request_time"], float) and isinstance(line["read_request_time"], int)


@proves("LOG-04")
def test_lines_of_a_clb_instance(slbd, http_backend):
    one = listener()
    lb = slbd(snapshot(instance(product="clb"), group(backends=[http_backend()]), one))

    get((HOST, one["port"]))

    line = lb.log_lines(1)[0]
    assert line["__topic__"] == "slb_layer7_access_log"
    assert line["slbid"] == "lb-1" and "app_lb_id" not in line


def test_what_is_absent_is_a_dash(front, http_backend):
    lb, addr = front(http_backend())

    exchange(addr, b"GET / HTTP/1.0\r\n\r\n")

    line = lb.log_lines(1)[0]
    absent = ["host", "http_host", "http_referer", "http_user_agent", "http_x_forwarded_for", "http_x_real_ip", "hit_rule_id"]
    assert {line[name] for name in absent} == {"-"}
    assert line["server_protocol"] == "HTTP/1.0"


def test_line_of_a_request_that_could_not_be_read(front, http_backend):
    lb, addr = front(http_backend())

    exchange(addr, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")

    line = lb.log_lines(1)[0]
    assert (line["status"], line["reason"], line["request_method"], line["request_uri"]) == (400, "bad_host", "-", "-")
    assert (line["client_ip"], line["vip_addr"], line["slb_vport"], line["listener_id"]) == (HOST, HOST, addr[1], "lsn-1")
    assert (line["upstream_addr"], line["upstream_status"], line["upstream_response_time"]) == ("-", "-", "-")


@proves("LOG-05", "LOG-06")
def test_times(front, scripted):
    """A slow client, then a slow server, then a slow response: each shows where it belongs."""
    backend = scripted([READ_HEAD, 0.3, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", 0.2, b"cd", HANG])
    lb, addr = front(backend, in_group={"keepalive": False})
    paths = iter("abcdefgh")

    def attempt():
        path = "/" + next(paths)
        with Client(addr) as client:
            client.send(b"GET %s HTTP/1.1\r\n" % path.encode())
            time.sleep(0.25)
            client.send(b"Host: a\r\n\r\n")
            assert client.response().body == b"abcd"
        line = wait_for(lambda: [l for l in lb.log_lines() if l["request_uri"] == path], "its line")[0]
        assert 0.74 <= line["request_time"] < 1.5
        assert 240 <= line["read_request_time"] < 600
        assert 0.49 <= float(line["upstream_response_time"]) < 0.9
        assert 190 <= line["write_response_time"] < 500

    in_one_of(8, attempt)


def test_request_time_without_a_server(front):
    rule = {
        "kind": "rule",
        "id": "rule-1",
        "listener": "lsn-1",
        "priority": 1,
        "conditions": [{"type": "path", "values": ["/*"]}],
        "actions": [{"type": "fixed_response", "status": 200, "content": "12345"}],
    }
    lb, addr = front(more=[rule])

    get(addr)

    line = lb.log_lines(1)[0]
    assert (line["upstream_response_time"], line["upstream_addr"], line["body_bytes_sent"]) == ("-", "-", 5)
    assert line["request_time"] < 10


def test_sizes(front, scripted):
    """body_bytes_sent is the body without framing; request_length is all that the client sent but chunk framing."""
    backend = scripted(
        [
            READ_HEAD,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            READ_HEAD,
            b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",  # for HEAD
            READ_HEAD,
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
            READ_HEAD,
            response(b"x" * 1000000),
            CLOSE,
        ]
    )
    lb, addr = front(backend)

    with Client(addr) as client:
        client.request(path="/1")
        client.request("HEAD", "/2")
        client.request(path="/3")
        client.request(path="/4")
    lines = lb.log_lines(4)
    assert [l["body_bytes_sent"] for l in lines] == [5, 0, 0, 1000000]
    request = b"GET /1 HTTP/1.1\r\nHost: www.example.net\r\n\r\n"
    assert [l["request_length"] for l in lines] == [len(request), len(request) + 1, len(request), len(request)]


HOSTILE = [
    ("quotes and backslashes", b'a"b\\c'),
    ("latin", b"\xfc\xff\xfe"),
    ("half a character", b"\xe2\x82"),
    ("tab", b"a\tb"),
    ("looks like JSON", b'"},{"status":200'),
    ("percent", b"%s%n%x"),
    ("long", b"x" * 20000),
]


@pytest.mark.parametrize("value", [c[1] for c in HOSTILE], ids=[c[0] for c in HOSTILE])
def test_hostile_values_stay_inside_their_field(front, http_backend, value):
    lb, addr = front(http_backend())

    exchange(addr, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: " + value + b"\r\n\r\n")

    line = lb.log_lines(1)[0]
    assert list(line) == FIELDS and line["status"] == 200
    assert lb.log_path.read_bytes().count(b"\n") == 1
    lb.log_path.read_text("utf-8")
    if value.isascii():
        assert line["http_user_agent"] == value.decode()[:8192]


def test_log_can_be_switched_off_for_a_listener(front, http_backend):
    loud = listener("lsn-2")
    lb, addr = front(http_backend(), access_log=False, more=[loud])

    get(addr)
    get((HOST, loud["port"]), "/loud")

    assert [l["request_uri"] for l in lb.log_lines(1)] == ["/loud"]


def test_lines_of_one_connection_are_in_order(front, http_backend):
    lb, addr = front(http_backend(), args=("--workers", "2"), keepalive_requests=0)

    with Client(addr) as client:
        for i in range(300):
            client.request(path=f"/{i}")
    lines = lb.log_lines(300)
    assert [l["request_uri"] for l in lines] == [f"/{i}" for i in range(300)]


def test_many_lines_from_all_workers_are_whole(front, nginx):
    """Pipelined by the hundred on many connections: nothing is mixed, lost or repeated."""
    lb, addr = front(nginx("ECS01"), args=("--workers", "2"), keepalive_requests=0)

    clients = [Client(addr) for _ in range(20)]
    for n, client in enumerate(clients):
        client.send(b"".join(b"GET /%d/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (n, i) for i in range(100)))
    for client in clients:
        assert [client.response().status for _ in range(100)] == [200] * 100
        client.close()
    lines = lb.log_lines(2000)
    assert sorted(l["request_uri"] for l in lines) == sorted(f"/{n}/{i}" for n in range(20) for i in range(100))
    wait_for(lambda: lb.metrics()["openslb_access_log_lines_total"] == 2000, "they are counted")


def test_stdout_is_a_place_for_the_log(tmp_path, http_backend):
    one = listener()
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps(snapshot(group(backends=[http_backend()]), one)))
    process = subprocess.Popen(
        [SLBD_BIN, "data", "--snapshot", str(path), "--workers", "1", "--access-log", "-"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        addr = (HOST, one["port"])
        wait_for(lambda: accepts(addr), "slbd accepts")
        get(addr, "/here")
        assert json.loads(process.stdout.readline())["request_uri"] == "/here"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        process.stdout.close()

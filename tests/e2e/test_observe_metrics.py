"""Metrics and counters: they add up to the traffic that was."""
import re
import threading
import urllib.error
import urllib.request

import pytest

from lib import (
    HANG,
    HOST,
    PATIENCE,
    READ_HEAD,
    Client,
    exchange,
    free_port,
    get,
    group,
    listener,
    response,
    server,
    wait_for,
)

ONE = 'instance="lb-1",listener="lsn-1"'


def sample(lb, name, labels=ONE):
    return lb.metrics()[f"openslb_{name}{{{labels}}}"]


def test_requests_and_statuses_add_up(front, http_backend):
    backend = http_backend(lambda r: response(b"12345", f"{r.target[1:]} X"))
    lb, addr = front(backend)
    requests = 0

    with Client(addr) as client:
        for status, n in ((200, 7), (301, 2), (404, 3), (503, 1)):
            for _ in range(n):
                client.request(path=f"/{status}")
                requests += 1
    for _ in range(4):
        exchange(addr, b"nonsense\r\n\r\n")
        requests += 1

    expected = {
        "listener_requests_total": requests,
        "listener_connections_total": 5,
        "listener_connections_active": 0,
        "listener_responses_2xx_total": 7,
        "listener_responses_3xx_total": 2,
        "listener_responses_4xx_total": 3 + 4,
        "listener_responses_5xx_total": 1,
        "listener_refused_total": 0,
    }
    wait_for(lambda: sample(lb, "listener_connections_active") == 0, "connections are closed")
    assert {name: sample(lb, name) for name in expected} == expected
    of_server = f'group="sg-1",server="{server(backend)["id"]}",address="{backend.ip}:{backend.port}"'
    expected = {
        "server_requests_total": 13,
        "server_connects_total": 1,
        "server_reuses_total": 12,
        "server_connect_failures_total": 0,
        "server_failures_total": 0,
        "server_inflight": 0,
        "server_idle_connections": 1,
        "server_responses_2xx_total": 7,
        "server_responses_3xx_total": 2,
        "server_responses_4xx_total": 3,
        "server_responses_5xx_total": 1,
    }
    assert {name: sample(lb, name, of_server) for name in expected} == expected


def test_reasons_are_counted(front, http_backend):
    backend = http_backend()
    lb, addr = front(backend)

    for data, n in ((b"GET / HTTP/1.1\r\n\r\n", 3), (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 2)):
        for _ in range(n):
            exchange(addr, data)
    lb.apply([group(backends=[])])
    get(addr)

    def reasons():
        return {
            re.search(r'reason="([a-z_0-9]+)"', name)[1]: value
            for name, value in lb.metrics().items()
            if "reason=" in name and value > 0
        }

    # An answer can be read before the exchange behind it is accounted.
    wait_for(lambda: sum(reasons().values()) >= 6, "all refusals are counted")
    assert reasons() == {"bad_host": 3, "method_refused": 2, "no_servers": 1}


def test_bytes_are_counted(front, scripted):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    backend = scripted([READ_HEAD, head + b"x" * 100000, HANG])
    lb, addr = front(backend)

    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with Client(addr) as client:
        client.send(request)
        raw = client.response().raw
    counters = wait_for(lambda: done(lb), "the exchange is counted")
    assert counters["listeners"][0]["bytes_in"] == len(request)
    assert counters["listeners"][0]["bytes_out"] == len(raw)
    assert counters["servers"][0]["bytes_in"] == len(head) + 100000
    assert counters["servers"][0]["bytes_out"] == len(backend.received[0])


def done(lb):
    counters = lb.counters()
    return None if any(c["active"] for c in counters["listeners"]) else counters


def test_bytes_are_counted_for_all_framings(front, nginx, http_backend):
    """Sent bytes are what clients received, to the byte: chunked, our own answers, large and spliced."""
    one = nginx("ECS01", extra="location = /chunked { chunked_transfer_encoding on; add_header X y; return 200 abc; }")
    one.file("large", b"x" * 3000000)
    chunked = http_backend(lambda r: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n")
    second = listener("lsn-2", to="sg-2")
    lb, addr = front(one, more=[group("sg-2", [chunked]), second])

    received = 0
    for target in (addr, (HOST, second["port"])):
        with Client(target) as client:
            for path in ("/", "/large", "/missing"):
                received += len(client.request(path=path).raw)
        received += len(exchange(target, b"nonsense\r\n\r\n"))
    counters = wait_for(lambda: done(lb), "all connections are gone")
    assert sum(c["bytes_out"] for c in counters["listeners"]) == received


def test_gauges_while_traffic_is_open(front, scripted):
    rest = threading.Event()
    backend = scripted([READ_HEAD, rest, response(b"ok"), HANG])
    lb, addr = front(backend)

    def gauges():
        counters = lb.counters()
        return counters["listeners"][0]["active"], counters["servers"][0]["inflight"]

    clients = [Client(addr) for _ in range(3)]
    for client in clients[:2]:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: backend.n_connections == 2, "two requests are at the server")
    wait_for(lambda: gauges() == (3, 2), "all are counted")
    rest.set()
    for client in clients[:2]:
        client.response()
    for client in clients:
        client.close()
    wait_for(lambda: lb.counters()["listeners"][0]["active"] == 0, "no connection is left")
    counters = lb.counters()
    assert (counters["servers"][0]["inflight"], counters["servers"][0]["idle"]) == (0, 2)


def test_latency_histogram(front, scripted):
    """It says of three requests what the access log says, which rounds to milliseconds."""
    backend = scripted([READ_HEAD, 0.2, response(b"ok"), READ_HEAD, response(b"ok"), READ_HEAD, response(b"ok"), HANG])
    lb, addr = front(backend)

    with Client(addr) as client:
        for _ in range(3):
            client.request()
    count = f"openslb_listener_request_duration_seconds_count{{{ONE}}}"
    wait_for(lambda: lb.metrics()[count] == 3, "all requests are accounted for")  # which follows the answer
    times = [line["request_time"] for line in lb.log_lines(3)]
    assert times[0] >= 0.19
    metrics = lb.metrics()
    buckets = {
        float(re.search(r'le="([^"]+)"', name)[1].replace("+Inf", "inf")): value
        for name, value in metrics.items()
        if name.startswith("openslb_listener_request_duration_seconds_bucket")
    }
    assert min(buckets) < 0.01 and buckets[float("inf")] == 3, sorted(metrics)
    for le, n in buckets.items():
        assert sum(t + 0.001 <= le for t in times) <= n <= sum(t - 0.001 <= le for t in times), (le, n, times)
    total = metrics[f"openslb_listener_request_duration_seconds_sum{{{ONE}}}"]
    assert abs(total - sum(times)) < 0.004


def test_failures_of_servers_are_counted(front, scripted):
    gone = free_port()
    cut = scripted([READ_HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"])
    lb, addr = front({"id": "gone", "ip": HOST, "port": gone}, cut, in_group={"scheduler": "rr", "tries": 2})

    for _ in range(2):
        try:
            get(addr)
        except ConnectionError:
            pass

    def by_id():
        return {s["server"]: s for s in lb.counters()["servers"]}

    wait_for(lambda: by_id()[server(cut)["id"]]["failures"] == 2, "both failures are counted")
    assert by_id()["gone"]["connect_failures"] >= 1 and by_id()["gone"]["failures"] == 0


def test_server_gauges_tell_health_and_weight(front, http_backend):
    backend = http_backend()
    check = {"kind": "health_check", "id": "hc-1", "protocol": "tcp", "interval_ms": 100, "fall": 1, "rise": 1}
    lb, _ = front(server(backend, 42), in_group={"health_check": "hc-1"}, more=[check])
    labels = f'group="sg-1",server="{server(backend)["id"]}",address="{backend.ip}:{backend.port}"'

    lb.wait_health({("sg-1", server(backend)["id"]): "up"})
    assert (sample(lb, "server_up", labels), sample(lb, "server_weight", labels)) == (1, 42)
    backend.stop()
    lb.wait_health({("sg-1", server(backend)["id"]): "down"})
    assert sample(lb, "server_up", labels) == 0


def test_exposition_is_well_formed(front, http_backend):
    lb, addr = front(http_backend(), more=[listener("lsn-2"), group("sg-2", [http_backend()])])
    get(addr)

    with urllib.request.urlopen(f"http://{HOST}:{lb.admin_port}/metrics", timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.read().decode()
    typed, seen, family_order = {}, set(), []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed and kind in ("counter", "gauge", "histogram")
            typed[name] = kind
        elif not line.startswith("#"):
            match = re.fullmatch(r'([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+]+|\+Inf|NaN)', line)
            assert match, line
            assert line.rpartition(" ")[0] not in seen, line
            seen.add(line.rpartition(" ")[0])
            family = match[1] if match[1] in typed else re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert family in typed, line
            if not family_order or family_order[-1] != family:
                family_order.append(family)
            assert typed[family] != "counter" or match[1].endswith("_total")
    assert len(family_order) == len(set(family_order)), "a family is written in one piece"


def test_version_and_changes(front, http_backend):
    backend = http_backend()
    lb, _ = front(backend)

    assert (lb.metrics()["openslb_config_version"], lb.metrics()["openslb_workers"]) == (1, 1)
    before = lb.metrics()["openslb_config_changes_total"]
    lb.apply([group(backends=[server(backend, 1)])])
    lb.try_apply([group(backends=[server(backend, 101)])])
    assert lb.metrics()["openslb_config_version"] == 2
    assert lb.metrics()["openslb_config_changes_total"] == before + 1


@pytest.mark.parametrize("path, status", [("/", 404), ("/metricsx", 404), ("/../metrics", 404)])
def test_admin_endpoint_serves_nothing_else(front, path, status):
    lb, _ = front()

    assert get((HOST, lb.admin_port), path).status in (status, 400)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"http://{HOST}:{lb.admin_port}/metrics", data=b"x"), timeout=PATIENCE)
    assert refused.value.code == 405

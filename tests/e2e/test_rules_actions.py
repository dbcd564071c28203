"""What rules do: redirects with variables, fixed responses, rewrites, weighted groups; and changes while serving."""
import threading

import pytest

from lib import (
    HANG,
    READ_HEAD,
    Client,
    accepts,
    exchange,
    forward,
    get,
    group,
    listener,
    proves,
    response,
    wait_for,
)

HOST_NAME = "www.example.net"


def rule(actions, path="/*", priority=1, name=None):
    return {
        "kind": "rule",
        "id": name or f"rule-{priority}",
        "listener": "lsn-1",
        "priority": priority,
        "conditions": [{"type": "path", "values": [path]}],
        "actions": actions,
    }


def redirect(status=301, **parts):
    return {"type": "redirect", "status": status, **parts}


PORT = "{port}"

REDIRECTS = [
    # action, request path, status, Location; {port} is the listener's
    (redirect(protocol="https", port="443"), "/a/b?c=d", 301, "https://www.example.net/a/b?c=d"),
    (redirect(302, protocol="https", port="8443"), "/a", 302, "https://www.example.net:8443/a"),
    (redirect(303, host="new.example"), "/a?b", 303, "http://new.example:{port}/a?b"),
    (redirect(307, host="${host}.cn", port="80"), "/a", 307, "http://www.example.net.cn/a"),
    (redirect(308, path="/new${path}"), "/a?b=c", 308, "http://www.example.net:{port}/new/a?b=c"),
    (redirect(301, path="/x", query="from=${path}&${query}"), "/a?b=c", 301, "http://www.example.net:{port}/x?from=/a&b=c"),
    (redirect(301, path="/${protocol}/${port}/${host}"), "/", 301, "http://www.example.net:{port}/http/{port}/www.example.net"),
    (redirect(301, protocol="https", port="443"), "/%61?x#".rstrip("#"), 301, "https://www.example.net/a?x"),
    (redirect(301, protocol="https", port="443"), "/a%0D%0Ab".replace("%0D%0A", "%25"), 301, "https://www.example.net/a%25b"),
    (redirect(301, protocol="https", port="443"), "/<script>", 301, "https://www.example.net/%3Cscript%3E"),
    (redirect(301, protocol="https", port="443"), "//evil.example", 301, "https://www.example.net//evil.example"),
]  # fmt: skip


@proves("CLBL-01", "ALBL-15", "ALBL-18", "ALBL-19", "ALBL-20", "ALBL-21", "ALBL-22", "ALBL-23")
@pytest.mark.parametrize("action, path, status, location", REDIRECTS)
def test_redirect(front, http_backend, action, path, status, location):
    backend = http_backend()
    lb, addr = front(backend, more=[rule([action])])

    with Client(addr) as client:
        answer = client.request(path=path)
        assert (answer.status, answer.header("Location")) == (status, location.replace(PORT, str(addr[1])))
        assert client.request("HEAD", path).status == status, "the connection stays usable"
    assert backend.requests == []
    line = lb.log_lines(1)[0]
    assert (line["reason"], line["upstream_status"], line["hit_rule_id"]) == ("rule_redirect", "-", "rule-1")


def test_redirect_needs_a_host(front):
    _, addr = front(more=[rule([redirect(protocol="https", port="443")])])

    assert exchange(addr, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


FIXED = [
    ({"status": 200, "content": "hello"}, 200, "text/plain", b"hello"),
    ({"status": 503, "content": '{"a": 1}', "content_type": "application/json"}, 503, "application/json", b'{"a": 1}'),
    ({"status": 404}, 404, None, b""),
    ({"status": 204}, 204, None, b""),
    ({"status": 299, "content": "line\r\nline\n"}, 299, "text/plain", b"line\r\nline\n"),
    ({"status": 200, "content": "ü" * 1000}, 200, "text/plain", "ü".encode() * 1000),
]


@pytest.mark.parametrize("fields, status, content_type, body", FIXED)
def test_fixed_response(front, http_backend, fields, status, content_type, body):
    backend = http_backend()
    lb, addr = front(backend, more=[rule([{"type": "fixed_response", **fields}])])

    with Client(addr) as client:
        for method, data in (("GET", None), ("POST", b"")):
            answer = client.request(method, body=data)
            assert (answer.status, answer.header("Content-Type"), answer.body) == (status, content_type, body)
    assert backend.requests == []
    assert [(l["status"], l["reason"]) for l in lb.log_lines(2)] == [(status, "rule_fixed")] * 2


REWRITES = [
    # rewrite, request, target and host at the server
    ({"path": "/new"}, "/old?x=y", "/new?x=y", HOST_NAME),
    ({"path": "/new${path}"}, "/old", "/new/old", HOST_NAME),
    ({"host": "inner.example"}, "/a", "/a", "inner.example"),
    ({"host": "${host}:8080"}, "/a", "/a", f"{HOST_NAME}:8080"),
    ({"query": "q=${query}"}, "/a?b", "/a?q=b", HOST_NAME),
    ({"path": "/p", "host": "h", "query": "k=v"}, "/a?b", "/p?k=v", "h"),
    ({"path": "/x${path}"}, "/a%2fb%20c", "/x/a%2Fb%20c", HOST_NAME),
    ({"path": "${path}/end"}, "/%61", "/a/end", HOST_NAME),
    ({"query": "from=${path}"}, "/a", "/a?from=/a", HOST_NAME),
]


@pytest.mark.parametrize("fields, path, target, host", REWRITES)
def test_rewrite(front, http_backend, fields, path, target, host):
    backend = http_backend()
    lb, addr = front(backend, more=[rule([{"type": "rewrite", **fields}, forward("sg-1")])])

    assert get(addr, path).status == 200
    request = backend.requests[0]
    assert (request.target, request.header("Host")) == (target, host)
    line = lb.log_lines(1)[0]
    assert (line["request_uri"], line["http_host"]) == (path, HOST_NAME), "the log has what the client sent"


def test_capture_with_plus_and_ampersand_is_not_expanded_twice(front, http_backend):
    backend = http_backend()
    _, addr = front(backend, more=[rule([{"type": "rewrite", "path": "/r", "query": "u=${path}?${query}"}, forward("sg-1")])])

    assert get(addr, "/a+b&c$d${path}?e+f&g=${query}").status == 200
    assert backend.requests[0].target == "/r?u=/a+b&c$d$%7Bpath%7D?e+f&g=$%7Bquery%7D"


def test_groups_by_weight(front, http_backend):
    one, two, three = (http_backend(name=n) for n in ("one", "two", "three"))
    action = forward(("sg-1", 20), ("sg-2", 80), ("sg-3", 0))
    lb, addr = front(one, more=[group("sg-2", [two]), group("sg-3", [three]), rule([action])], keepalive_requests=0)

    with Client(addr) as client:
        for _ in range(1000):
            assert client.request().status == 200
    # 1,000 draws at 20 %: 200 with a deviation of 13; 70 is more than five of them.
    assert 130 < len(one.requests) < 270 and len(one.requests) + len(two.requests) == 1000
    assert three.requests == []


def test_group_without_weight_is_503(front, http_backend):
    lb, addr = front(http_backend(), more=[rule([forward(("sg-1", 0))])])

    assert get(addr).status == 503
    assert lb.log_lines(1)[0]["reason"] == "no_group"


# --- changes ----------------------------------------------------------------------------------


@proves("CLBL-06")
def test_changes_hold_for_new_requests_of_open_connections(front, http_backend):
    one, two = http_backend(name="one"), http_backend(name="two")
    lb, addr = front(one, more=[group("sg-2", [two])])
    fixed = {"type": "fixed_response", "status": 200, "content": "fixed"}

    with Client(addr) as client:
        def body(path="/"):
            return client.request(path=path).text

        assert body() == "one\n"
        lb.apply([rule([forward("sg-2")])])
        assert body() == "two\n"
        lb.apply([rule([fixed], path="/f", priority=2), rule([forward("sg-2")], priority=3)])
        assert body("/f") == "two\n", "the older rule still comes first"
        lb.apply(remove=[("rule", "rule-1")])
        assert (body("/f"), body()) == ("fixed", "two\n")
        lb.apply(remove=[("rule", "rule-2"), ("rule", "rule-3")])
        assert (body("/f"), body()) == ("one\n", "one\n")
        lb.apply([listener(port=addr[1], default_actions=[fixed])])
        assert body() == "fixed"
        refused = lb.try_apply([rule([forward("sg-9")])])
        assert refused["ok"] is False and body() == "fixed"


def test_request_under_way_keeps_what_it_began_with(front, scripted, http_backend):
    changed = threading.Event()
    slow = scripted([READ_HEAD, changed, 0.4, response(b"slow"), HANG])
    lb, addr = front(slow)

    with Client(addr) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: slow.n_connections == 1, "the request is at the server")
        lb.apply([group(backends=[]), listener(port=addr[1], convert_504=True, request_timeout_ms=100)])
        changed.set()
        assert client.response().body == b"slow"
        assert client.request().status == 503


def test_removed_listener_finishes_its_requests(front, scripted):
    rest = threading.Event()
    slow = scripted([READ_HEAD, rest, response(b"slow"), HANG])
    lb, addr = front(slow)

    with Client(addr) as busy, Client(addr) as idle:
        busy.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: slow.n_connections == 1, "the request is at the server")
        lb.apply(remove=[("listener", "lsn-1")])
        assert not accepts(addr)
        assert idle.is_closed()
        rest.set()
        answer = busy.response()
        assert (answer.body, answer.header("Connection")) == (b"slow", "close")
        assert busy.is_closed()

"""Which rule a request meets: conditions, order, and that what was matched is what the server gets."""
import pytest

from lib import Client, exchange, forward, get, group, proves

HOST_NAME = "www.example.net"


def condition(type, *values, **fields):
    return {"type": type, "values": list(values), **fields}


def rule(name, *conditions, to=None, priority=0, actions=None):
    """A rule that answers with its own name, or forwards to a group."""
    final = forward(to) if to else {"type": "fixed_response", "status": 200, "content": name}
    return {
        "kind": "rule",
        "id": name,
        "listener": "lsn-1",
        "priority": priority,
        "conditions": list(conditions),
        "actions": actions or [final],
    }


def numbered(*rules):
    """Priorities in the order given."""
    return [{**r, "priority": 10 * n} for n, r in enumerate(rules, 1)]


DEFAULT = [{"type": "fixed_response", "status": 200, "content": "default"}]


def answers(addr, table):
    """Compares all of a table of (request line, headers, name of the rule)."""
    got = []
    with Client(addr) as client:
        for line, headers, _ in table:
            method, path = line.split(" ", 1)
            answer = client.request(method, path, headers=headers)
            got.append((line, headers, answer.header("X") or answer.text))
    assert got == table


def host(name):
    return [("Host", name)]


@proves("ALBL-17", "ALBL-24", "ALBL-25", "ALBL-16")
def test_conditions(front):
    rules = numbered(
        rule("exact-host", condition("host", "a.example.com")),
        rule("wild-host", condition("host", "*.example.com"), condition("path", "/only")),
        rule("one-letter", condition("host", "?.example.org")),
        rule("home", condition("host", HOST_NAME), condition("path", "/home*")),
        rule("one-char", condition("path", "/file?.txt")),
        rule("exact", condition("path", "/exact")),
        rule("two-paths", condition("path", "/a", "/b/*")),
        rule("prefix", condition("path", "/pre", match="prefix")),
        rule("method", condition("method", "DELETE", "PURGE")),
        rule("header", condition("header", "blue", "gr*n", key="X-Colour")),
        rule("both", condition("header", "1", key="X-A"), condition("header", "2", key="X-B")),
        rule("case", condition("path", "/Case")),
        rule("all", condition("host", "all.example"), condition("path", "/*")),
    )
    _, addr = front(more=rules, default_actions=DEFAULT, keepalive_requests=0)

    answers(
        addr,
        [
            ("GET /x", host("a.example.com"), "exact-host"),
            ("GET /x", host("A.EXAMPLE.com:8080"), "exact-host"),
            ("GET /x", host("a.example.com."), "exact-host"),
            ("GET /only", host("b.example.com"), "wild-host"),
            ("GET /only", host("b.c.example.com"), "wild-host"),
            ("GET /only", host("example.com"), "default"),
            ("GET /x", host("b.example.com"), "default"),
            ("GET /x", host("z.example.org"), "one-letter"),
            ("GET /x", host("zz.example.org"), "default"),
            ("GET /home", [], "home"),
            ("GET /homepage?x=y", [], "home"),
            ("GET /home/a/b", [], "home"),
            ("GET /hom", [], "default"),
            ("GET /home", host("other.example.net"), "default"),
            ("GET /file1.txt", [], "one-char"),
            ("GET /file.txt", [], "default"),
            ("GET /file12.txt", [], "default"),
            ("GET /exact", [], "exact"),
            ("GET /exact?query", [], "exact"),
            ("GET /exact/", [], "default"),
            ("GET /a", [], "two-paths"),
            ("GET /b/x", [], "two-paths"),
            ("GET /b", [], "default"),
            ("GET /pre", [], "prefix"),
            ("GET /prefix", [], "prefix"),
            ("GET /pr", [], "default"),
            ("DELETE /x", [], "method"),
            ("PURGE /x", [], "method"),
            ("POST /x", [], "default"),
            ("GET /x", [("x-colour", "blue")], "header"),
            ("GET /x", [("X-COLOUR", "green")], "header"),
            ("GET /x", [("X-Colour", "red"), ("X-Colour", "blue")], "header"),
            ("GET /x", [("X-Colour", "red, blue")], "default"),
            ("GET /x", [("X-Colour", "Blue")], "default"),
            ("GET /x", [("X-A", "1")], "default"),
            ("GET /x", [("X-A", "1"), ("X-B", "2")], "both"),
            ("GET /Case", [], "case"),
            ("GET /case", [], "default"),
            ("GET /any/thing", host("all.example"), "all"),
            ("GET /", host("all.example"), "all"),
        ],
    )


def test_first_match_by_priority(front):
    rules = [
        rule("late", condition("path", "/a*"), priority=300),
        rule("first", condition("path", "/ab*"), priority=10),
        rule("second", condition("path", "/abc"), priority=200),
        rule("last", condition("path", "/*"), priority=10000),
    ]
    _, addr = front(more=rules, default_actions=DEFAULT)

    answers(
        addr,
        [
            ("GET /abc", [], "first"),
            ("GET /ab", [], "first"),
            ("GET /aa", [], "late"),
            ("GET /b", [], "last"),
            ("OPTIONS *", [], "default"),
        ],
    )


def test_narrowest_by_specificity(front):
    rules = [
        rule("wide", condition("host", "*.net")),
        rule("narrow", condition("host", "*.example.net")),
        rule("exact", condition("host", HOST_NAME)),
        rule("exact-home", condition("host", HOST_NAME), condition("path", "/home", match="prefix")),
        rule("exact-home-a", condition("host", HOST_NAME), condition("path", "/home/a", match="prefix")),
        rule("narrow-home", condition("host", "*.example.net"), condition("path", "/home", match="prefix")),
        rule("any-deep", condition("path", "/home/a/b/c", match="prefix")),
        rule("any-home", condition("path", "/home", match="prefix")),
    ]
    _, addr = front(more=rules, default_actions=DEFAULT, rule_order="specificity")

    answers(
        addr,
        [
            ("GET /", [], "exact"),
            ("GET /home", [], "exact-home"),
            ("GET /home/b", [], "exact-home"),
            ("GET /home/a/b/c", [], "exact-home-a"),
            ("GET /home/a", host("x.example.net"), "narrow-home"),
            ("GET /", host("x.example.net"), "narrow"),
            ("GET /home", host("x.net"), "wide"),
            ("GET /home", host("x.org"), "any-home"),
            ("GET /home/a/b/c/d", host("x.org"), "any-deep"),
            ("GET /", host("x.org"), "default"),
        ],
    )


MATCHED = [
    # sent, the rule's path, what the server sees
    ("/admin", "/admin*", "/admin"),
    ("/%61dmin", "/admin*", "/admin"),
    ("/x/../admin", "/admin*", "/admin"),
    ("/x/%2e%2E/admin", "/admin*", "/admin"),
    ("/./admin/./x", "/admin*", "/admin/x"),
    ("/admin%2fx", "/admin%2Fx", "/admin%2Fx"),
    ("/a b".replace(" ", "%20"), "/a%20b", "/a%20b"),
    ("/caf%c3%a9", "/caf%C3%A9", "/caf%C3%A9"),
    ("/caf%C3%A9", "/caf%c3%a9", "/caf%C3%A9"),
    ("/~user", "/%7Euser", "/~user"),
]


@pytest.mark.parametrize("sent, path, seen", MATCHED)
def test_what_is_matched_is_what_is_forwarded(front, http_backend, sent, path, seen):
    backend = http_backend()
    _, addr = front(backend, more=[rule("r", condition("path", path), to="sg-1", priority=1)], default_actions=DEFAULT)

    assert get(addr, sent + "?q=%2e%2e/..").body == b"py\n"
    assert backend.requests[0].target == seen + "?q=%2e%2e/.."


NOT_MATCHED = ["//admin", "/Admin", "/x/..%2fadmin", "/admin%00", "/%2fadmin", "/ADMIN", "/;x/admin", "/adm%69", "/admi"]


@pytest.mark.parametrize("sent", NOT_MATCHED)
def test_no_way_around_a_rule_is_served_as_what_it_hides(front, http_backend, sent):
    """The server gets the path that did not match, never one that it could take for /admin by our doing."""
    backend = http_backend()
    guard = rule("guard", condition("path", "/admin*"), priority=1)
    _, addr = front(backend, more=[guard])

    answer = get(addr, sent)

    assert answer.body in (b"py\n",) or answer.status == 400
    assert [r.target for r in backend.requests] == ([sent.replace("%69", "i").replace("%2f", "%2F")] if answer.status == 200 else [])


def test_absolute_target_is_matched_like_any_other(front, http_backend):
    guard = rule("guard", condition("host", "secret.example"), condition("path", "/admin*"), priority=1)
    _, addr = front(http_backend(), more=[guard])

    got = exchange(
        addr, b"GET http://SECRET.example/x/../admin HTTP/1.1\r\nHost: secret.example\r\nConnection: close\r\n\r\n"
    )
    assert got.endswith(b"guard")


def test_many_rules(front):
    """The same answer as with few: every host and path has its own rule."""
    rules = [
        rule(f"r-{h}-{p}", condition("host", f"h{h}.example.net"), condition("path", f"/p{p}/*"), priority=1 + 20 * h + p)
        for h in range(101)
        for p in range(10)
    ]
    _, addr = front(more=rules, default_actions=DEFAULT, keepalive_requests=0)

    table = []
    for h in (0, 1, 50, 99, 100):
        for p in (0, 5, 9):
            table.append((f"GET /p{p}/x", host(f"h{h}.EXAMPLE.net"), f"r-{h}-{p}"))
    table.append(("GET /p10/x", host("h1.example.net"), "default"))
    table.append(("GET /p1/x", host("h101.example.net"), "default"))
    answers(addr, table)


@proves("ALBL-14", "ALBL-26")
def test_rules_forward_to_their_groups(front, http_backend):
    one, two, three = (http_backend(name=n) for n in ("one", "two", "three"))
    rules = numbered(
        rule("r-1", condition("path", "/one*"), to="sg-2"),
        rule("r-2", condition("path", "/two*"), to="sg-3"),
    )
    lb, addr = front(one, more=[group("sg-2", [two]), group("sg-3", [three]), *rules])

    with Client(addr) as client:
        bodies = [client.request(path=p).text for p in ("/", "/one", "/two/x", "/one", "/onetwo", "/three")]
    assert bodies == ["one\n", "two\n", "three\n", "two\n", "two\n", "one\n"]
    assert [l["hit_rule_id"] for l in lb.log_lines(6)] == ["-", "r-1", "r-2", "r-1", "r-1", "-"]

"""Configuration changes and binary upgrades under load, with nothing dropped.

`run` starts backends, slbd and the load, makes changes through the control socket while another thread
upgrades the process, and returns what happened. The acceptance is: no failure at all.
"""
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import lib  # noqa: E402
import load  # noqa: E402

BIG_BYTES = 3 << 20
BIG_RATE = "512k"
ANSWER_SECONDS = 60
EXIT_SECONDS = 60
DEFAULTS = {"scheduler": "wrr", "rise": 3, "keepalive_requests": 100}  # not in what slbd tells
WHAT = ("requests", "uploads", "downloads", "websockets", "relays", "datagrams")
EXTRAS_MAX = 6  # listeners, rules and the like that come and go

CLIENTS = {
    "keepalive": 8,
    "fresh": 4,
    "upload": 2,
    "download": 3,
    "websocket": 4,
    "tcp": 6,
    "udp": 6,
    "udp_short": 2,
}


class Servers:
    """The process of servers.py."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "servers.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.ports = json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(EXIT_SECONDS)
        self.process.stdout.close()


class Place:
    """A backend as lib.server wants it."""

    def __init__(self, port):
        self.ip = lib.HOST
        self.port = port


class Held:
    """A connection that was open when its listener went: it must go on."""

    def __init__(self, port):
        self.client = lib.Client((lib.HOST, port))
        self.echo(b"before")

    def echo(self, data):
        self.client.send(data)
        got = self.client.reader.exactly(len(data))
        assert got == data, f"{got!r} came back for {data!r}"

    def close(self):
        self.client.close()


class Model:
    """What is configured, as the scenario believes; (kind, id) -> resource."""

    def __init__(self, nginxs, ports):
        self.nginxs = [lib.server(n) for n in nginxs]
        self.tcp = [lib.server(Place(p)) for p in ports["tcp"]]
        self.udp = [lib.server(Place(p)) for p in ports["udp"]]
        self.http_port, self.tcp_port, self.udp_port = (lib.free_port() for _ in range(3))
        self.resources = {}
        py = lib.server(Place(ports["http"][0]))
        for resource in (
            lib.instance(),
            {"kind": "health_check", "id": "hc", "protocol": "tcp", "interval_ms": 500},
            lib.group("sg-http", self.nginxs[:3], health_check="hc"),
            lib.group("sg-py", [py], health_check="hc"),
            lib.group("sg-tcp", self.tcp[:2], protocol="tcp", health_check="hc"),
            lib.group("sg-udp", self.udp[:2], protocol="udp"),
            lib.listener("lsn-http", self.http_port, "sg-http"),
            lib.listener("lsn-tcp", self.tcp_port, "sg-tcp", "tcp"),
            lib.listener("lsn-udp", self.udp_port, "sg-udp", "udp"),
            self.rule("rule-ws", 1, "/ws", [lib.forward("sg-py")]),
            self.rule("rule-upload", 2, "/upload", [lib.forward("sg-py")]),
        ):
            self.put(resource)

    @staticmethod
    def rule(name, priority, path, actions):
        return {
            "kind": "rule",
            "id": name,
            "listener": "lsn-http",
            "priority": priority,
            "conditions": [{"type": "path", "values": [path]}],
            "actions": actions,
        }

    def put(self, resource):
        self.resources[resource["kind"], resource["id"]] = resource

    def get(self, kind, name):
        """A copy, to be changed and applied."""
        return json.loads(json.dumps(self.resources[kind, name]))

    def complete(self, version):
        return {"version": version, "upsert": list(self.resources.values())}


class Changes:
    """Makes random changes and looks at what they bring about as soon as they are acknowledged."""

    def __init__(self, slbd, model, seed):
        self.slbd = slbd
        self.model = model
        self.random = random.Random(seed)
        self.version = 1
        self.n = 0
        self.n_repeated = 0
        self.n_extra = 0
        self.extras = []  # undo functions of what came and has to go
        self.held = []
        self.kinds = (
            self.weights, self.weights, self.members, self.scheduler, self.timeouts, self.check,
            self.add_rule, self.add_rule, self.add_http, self.add_tcp, self.add_udp, self.whole,
        )  # fmt: skip

    def one(self):
        """One change; what was added goes again later."""
        if len(self.extras) >= EXTRAS_MAX or (self.extras and self.random.random() < 0.3):
            self.extras.pop(self.random.randrange(len(self.extras)))()
        else:
            self.random.choice(self.kinds)()

    # --- telling slbd ----------------------------------------------------------------------

    def apply(self, upsert=(), remove=()):
        for resource in upsert:
            self.model.put(resource)
        for kind, name in remove:
            del self.model.resources[kind, name]
        self.version += 1
        gone = [{"kind": kind, "id": name} for kind, name in remove]
        self.tell(json.dumps({"version": self.version, "upsert": list(upsert), "remove": gone}))

    def whole(self):
        self.version += 1
        self.tell("replace " + json.dumps(self.model.complete(self.version)))

    def tell(self, line):
        """A process that is replaced may go without an answer: nobody knows then, and all is sent again."""
        self.n += 1
        end_at = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                answer = self.slbd.control(line)
                break
            except (OSError, ValueError):
                assert time.monotonic() < end_at, "the control socket does not answer"
                self.n_repeated += 1
                time.sleep(0.02)
                line = "replace " + json.dumps(self.model.complete(self.version))
        assert answer == {"version": self.version, "ok": True}, (answer, line)

    # --- kinds of changes ------------------------------------------------------------------

    def weights(self):
        group = self.model.get("server_group", self.random.choice(("sg-http", "sg-tcp", "sg-udp")))
        for server in group["servers"]:
            server["weight"] = self.random.choice((0, 1, 10, 100))
        self.random.choice(group["servers"])["weight"] = 50
        self.apply([group])

    def members(self):
        """The last server comes or goes."""
        name, servers = self.random.choice(
            (("sg-http", self.model.nginxs), ("sg-tcp", self.model.tcp), ("sg-udp", self.model.udp))
        )
        group = self.model.get("server_group", name)
        if len(group["servers"]) < len(servers):
            group["servers"].append(servers[-1])
            self.apply([group])
            return
        group["servers"].pop()
        group["servers"][0]["weight"] = 100
        self.apply([group])

    def scheduler(self):
        name = self.random.choice(("sg-http", "sg-tcp", "sg-udp"))
        group = self.model.get("server_group", name)
        group["scheduler"] = self.random.choice(("rr", "wrr", "wlc", "sch"))
        if group["scheduler"] == "rr":  # takes weight for a switch
            group["servers"][0]["weight"] = 100
        self.apply([group])

    def timeouts(self):
        listener = self.model.get("listener", "lsn-http")
        listener["idle_timeout_ms"] = self.random.randrange(15000, 60000)
        listener["request_timeout_ms"] = self.random.randrange(30000, 180000)
        listener["keepalive_requests"] = self.random.choice((0, 50, 100))
        relay = self.model.get("listener", "lsn-tcp")
        relay["idle_timeout_ms"] = self.random.randrange(10000, 900000)
        flows = self.model.get("listener", "lsn-udp")
        flows["idle_timeout_ms"] = self.random.randrange(10000, 90000)
        self.apply([listener, relay, flows])

    def check(self):
        check = self.model.get("health_check", "hc")
        check["interval_ms"] = self.random.randrange(200, 1000)
        check["rise"] = self.random.randrange(1, 4)
        self.apply([check])

    def name_extra(self, what):
        self.n_extra += 1
        return f"{what}-{self.n_extra}"

    def add_rule(self):
        """New requests follow a rule when it is acknowledged, and no longer when it is gone."""
        name = self.name_extra("extra-rule")
        path = f"/{name}"
        content = f"{name}\n"
        fixed = {"type": "fixed_response", "status": 203, "content": content}
        self.apply([self.model.rule(name, 1000 + self.n_extra, path, [fixed])])
        self.expect(path, 203, content)
        self.extras.append(lambda: self.remove_rule(name, path))

    def remove_rule(self, name, path):
        self.apply(remove=[("rule", name)])
        self.expect(path, 200, None)

    def expect(self, path, status, content):
        answer = lib.get((lib.HOST, self.model.http_port), path)
        assert answer.status == status, (path, answer.raw)
        assert content is None or answer.text == content, (path, answer.raw)

    def add_http(self):
        name, port = self.name_extra("extra-http"), lib.free_port()
        self.apply([lib.listener(name, port, "sg-http")])
        assert lib.get((lib.HOST, port)).status == 200
        self.extras.append(lambda: self.remove_listener(name, port))

    def add_tcp(self):
        """A connection that is open when its listener goes is not cut."""
        name, port = self.name_extra("extra-tcp"), lib.free_port()
        self.apply([lib.listener(name, port, "sg-tcp", "tcp")])
        held = Held(port)

        def undo():
            held.echo(b"still there")
            self.remove_listener(name, port)
            held.echo(b"after")
            self.held.append(held)
            while len(self.held) > EXTRAS_MAX:
                self.held.pop(0).close()

        self.extras.append(undo)

    def add_udp(self):
        name, port = self.name_extra("extra-udp"), lib.free_port()
        self.apply([lib.listener(name, port, "sg-udp", "udp")])
        with lib.socket.socket(lib.socket.AF_INET, lib.socket.SOCK_DGRAM) as sock:
            sock.settimeout(lib.PATIENCE)
            sock.connect((lib.HOST, port))
            sock.send(b"first")
            assert sock.recv(100).endswith(b" first")
        self.extras.append(lambda: self.remove_listener(name, port))

    def remove_listener(self, name, port):
        self.apply(remove=[("listener", name)])
        assert not lib.accepts((lib.HOST, port)), f"{name} still accepts"

    def finish(self):
        while self.extras:
            self.extras.pop()()
        for held in self.held:
            held.echo(b"at the end")
            held.close()
        assert_same(self.slbd.control("get snapshot"), self.model, self.version)


def assert_same(snapshot, model, version):
    """Everything that was acknowledged is there, also after upgrades."""
    assert snapshot["version"] == version, (snapshot["version"], version)
    there = {(r["kind"], r["id"]): r for r in snapshot["upsert"]}
    assert there.keys() == model.resources.keys(), there.keys() ^ model.resources.keys()
    for key, resource in model.resources.items():
        for field, value in resource.items():
            found = there[key].get(field, DEFAULTS.get(field))
            if not isinstance(value, (list, dict)):
                assert found == value, (key, field, found, value)
    for name in ("sg-http", "sg-tcp", "sg-udp"):
        want = model.resources["server_group", name]["servers"]
        found = there["server_group", name]["servers"]
        weights = [(s["id"], s.get("weight", 100)) for s in found]
        assert weights == [(s["id"], s["weight"]) for s in want], (name, weights)


class Upgrades:
    """Spread evenly over the changes; a thread of its own, so that they meet changes at any point."""

    def __init__(self, slbd, n):
        self.slbd = slbd
        self.n = n
        self.done = 0
        self.error = None
        self.under_way = threading.Event()
        self.wanted = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            while self.done < self.n:
                self.wanted.acquire()
                if self.error is StopIteration:
                    return
                self.under_way.set()
                self.slbd.upgrade()
                self.under_way.clear()
                self.done += 1
        except (AssertionError, OSError) as e:
            self.error = e

    def start(self):
        self.thread.start()

    def finish(self):
        self.thread.join()
        if self.error:
            raise AssertionError(f"upgrade {self.done + 1}: {self.error}")

    def stop(self):
        if self.thread.is_alive():
            self.error = StopIteration
            self.wanted.release()
            self.thread.join()


def wait_for_exits(slbd):
    """Replaced processes end by themselves when their last connection has."""
    for process in slbd.replaced:
        try:
            code = process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"replaced process {process.pid} does not end: {slbd.stderr()}") from None
        assert code == 0, f"replaced process {process.pid} ended with {code}: {slbd.stderr()}"


def check_log(slbd, counts):
    """Every request has its line, whichever process served it."""
    wanted = sum(counts.get(what, 0) for what in ("requests", "uploads", "downloads", "websockets"))

    def n_good():
        return sum(line["status"] in (101, 200) for line in slbd.log_lines())

    lib.wait_for(lambda: n_good() >= wanted, f"{wanted} lines in the access log", step=0.2)


class Result:
    def __init__(self):
        self.seconds = 0.0
        self.changes = 0
        self.repeated = 0
        self.upgrades = 0
        self.counts = {}
        self.failures = []
        self.n_failures = 0
        self.udp_moves = []
        self.stderr = ""

    def is_good(self, n_upgrades):
        dropped = self.counts.get("datagrams dropped by the kernel", 0)
        used = all(self.counts.get(what, 0) > 0 for what in WHAT)
        clean = self.n_failures == 0 and not self.udp_moves and dropped == 0
        return clean and used and self.upgrades == n_upgrades

    def summary(self):
        lines = [
            f"{self.changes} changes ({self.repeated} sent again to the next process), "
            f"{self.upgrades} upgrades in {self.seconds:.0f} s",
            ", ".join(f"{n} {what}" for what, n in sorted(self.counts.items())),
            f"{self.n_failures} failures, {len(self.udp_moves)} UDP flows moved, "
            f"{self.counts.get('datagrams dropped by the kernel', 0)} datagrams dropped by the kernel",
            *self.failures,
            *self.udp_moves,
        ]
        return "\n".join(lines)


def make_target(model, nginxs, ports):
    big = os.urandom(BIG_BYTES)
    for nginx in nginxs:
        nginx.file("big", big)
    return load.Target(
        http=model.http_port,
        tcp=model.tcp_port,
        udp=model.udp_port,
        pages={f"{n.name}\n".encode() for n in nginxs},
        big=("/big", BIG_BYTES, hashlib.sha256(big).hexdigest()),
        udp_ports={model.udp_port, *ports["udp"]},
    )


def make_changes(changes, upgrades, traffic, n_changes, seconds):
    """Changes at an even pace, but without a pause during upgrades, which come evenly spread over them."""
    begin = time.monotonic()
    n_started = 0
    while changes.n < n_changes:
        changes.one()
        due = changes.n * (upgrades.n + 1) // (n_changes + 1)
        for _ in range(due - n_started):
            upgrades.wanted.release()
        n_started = max(n_started, due)
        if upgrades.error:
            break
        left = begin + seconds * changes.n / n_changes - time.monotonic()
        while left > 0 and not upgrades.under_way.wait(min(left, 0.01)):
            left = begin + seconds * changes.n / n_changes - time.monotonic()
        assert traffic.thread.is_alive(), "the load ended"
    for _ in range(upgrades.n - n_started):
        upgrades.wanted.release()


def run(start_nginx, start_slbd, n_changes, n_upgrades, seconds, seed=1, clients=None):
    """start_nginx(name, extra=...) and start_slbd(snapshot, *args): as the fixtures of tests/e2e."""
    clients = clients or CLIENTS
    result = Result()
    extra = f"location = /big {{ limit_rate {BIG_RATE}; }}"
    nginxs = [start_nginx(f"ECS0{i + 1}", extra=extra) for i in range(4)]
    servers = Servers()
    try:
        model = Model(nginxs, servers.ports)
        slbd = start_slbd(model.complete(1), "--workers", "2")
        traffic = load.Load(make_target(model, nginxs, servers.ports), clients, seed)
        changes = Changes(slbd, model, seed)
        upgrades = Upgrades(slbd, n_upgrades)
        begin = time.monotonic()
        traffic.start()
        try:
            # Lasting flows are on servers that stay: a flow whose server is gone ends with an upgrade.
            lib.wait_for(lambda: traffic.counts["lasting udp flows"] == clients["udp"], "UDP flows")
            upgrades.start()
            make_changes(changes, upgrades, traffic, n_changes, seconds)
            upgrades.finish()
            changes.finish()
        finally:
            upgrades.stop()
            traffic.stop()
            result.seconds = time.monotonic() - begin
            result.changes, result.repeated = changes.n, changes.n_repeated
            result.upgrades = upgrades.done
            result.counts = dict(traffic.counts)
            result.failures, result.n_failures = traffic.failures, traffic.n_failures
            result.udp_moves = traffic.udp_moves
        wait_for_exits(slbd)
        check_log(slbd, result.counts)
        result.stderr = slbd.stderr()
    finally:
        servers.stop()
    return result

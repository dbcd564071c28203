"""Good and hostile clients at once, good and bad servers behind, and a kernel that fails now and then.

Whatever happens, slbd lives, nobody gets another's bytes, what was cut can be told from what is complete, and
when the clients have gone nothing of them is left. OPENSLB_STRESS_SECONDS: per run (1.5). The faults need a
build with -Dfaults=true; without it only the runs without them take place.
"""
import os
import random
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

import lib
from lib import SLBD_BIN, Client, wait_for

SECONDS = float(os.environ.get("OPENSLB_STRESS_SECONDS", "1.5"))
SEED = int(os.environ.get("OPENSLB_STRESS_SEED", str(random.randrange(1 << 30))))
HANG_SECONDS = 20
HAS_FAULTS = b"SLBD_FAULTS" in Path(SLBD_BIN).read_bytes() if Path(SLBD_BIN).exists() else False
# Of ourselves, when the server failed, memory or descriptors ended, or the request did not come through.
OUR_FAILURES = {400, 408, 502, 503, 504}


def pattern(name, n):
    """n bytes that only this request may get."""
    unit = b"<" + name.encode() + b">"
    return (unit * (n // len(unit) + 1))[:n]


# --- servers ---------------------------------------------------------------------------------


class Many(lib._Listening):
    """Does what the path of a request says: /WHAT/NAME/SIZE. Kept alive unless WHAT ends the connection."""

    def serve(self, sock, number):
        sock.settimeout(HANG_SECONDS * 3)
        reader = lib._Reader(sock)
        try:
            while self.answer(sock, reader):
                reader.data, reader.pos = reader.data[reader.pos :], 0
        except (OSError, ValueError):
            pass

    def answer(self, sock, reader):
        if not reader.data and not reader._more():
            return False
        head = reader.until(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ")
        _, what, name, size = target.split("/")
        headers = lib._parse_headers(head)
        if what in ("early", "refuse"):
            return self.early(sock, reader, what, name, int(size), headers)
        body = self.read_body(reader, headers)
        start = f"HTTP/1.1 200 OK\r\nX-Name: {name}\r\nX-Got: {len(body)}\r\n"
        if body and body != pattern(name, len(body)):
            start = start.replace(name, "mixed-" + name)
        return getattr(self, "do_" + what)(sock, start, pattern(name, int(size)), method)

    @staticmethod
    def read_body(reader, headers):
        if (lib._find_header(headers, "transfer-encoding") or "") == "chunked":
            return reader.chunked()
        return reader.exactly(int(lib._find_header(headers, "content-length") or 0))

    def early(self, sock, reader, what, name, size, headers):
        """Answers before the body is there; refusing, it does not even read it, which ends in RST."""
        data = f"HTTP/1.1 413 No\r\nX-Name: {name}\r\nContent-Length: {size}\r\n\r\n".encode()
        sock.sendall(data + pattern(name, size))
        if what == "refuse":
            return False
        self.read_body(reader, headers)
        return True

    def do_plain(self, sock, start, body, method):
        head = f"{start}Content-Length: {len(body)}\r\n\r\n".encode()
        sock.sendall(head + (b"" if method == "HEAD" else body))
        return True

    def do_chunked(self, sock, start, body, method):
        pieces, at = [], 0
        while at < len(body) and method != "HEAD":
            n = random.choice((1, 7, 300, 8192, 65536))
            pieces.append(b"%x\r\n%s\r\n" % (len(body[at : at + n]), body[at : at + n]))
            at += n
        end = b"" if method == "HEAD" else b"0\r\nX-End: 1\r\n\r\n"
        sock.sendall(f"{start}Transfer-Encoding: chunked\r\n\r\n".encode() + b"".join(pieces) + end)
        return True

    def do_close(self, sock, start, body, method):
        sock.sendall(f"{start}Connection: close\r\n\r\n".encode() + (b"" if method == "HEAD" else body))
        return False

    def do_interim(self, sock, start, body, method):
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * random.randrange(1, 4))
        return self.do_chunked(sock, start, body, method)

    def do_slow(self, sock, start, body, method):
        head = f"{start}Content-Length: {len(body)}\r\n\r\n".encode()
        data = head + (b"" if method == "HEAD" else body)
        step = max(1, len(data) // 5)
        for at in range(0, len(data), step):
            sock.sendall(data[at : at + step])
            time.sleep(random.uniform(0, 0.01))
        return True

    def do_none(self, sock, start, body, method):
        status = random.choice(("204 No Content", "304 Not Modified"))
        sock.sendall(start.replace("200 OK", status).encode() + b"\r\n")
        return True

    def do_leave(self, sock, start, body, method):
        """A promise to stay that it breaks at once."""
        self.do_plain(sock, start, body, method)
        return False

    def do_behind(self, sock, start, body, method):
        """A second response that nobody asked for, in the same segment: later ones nobody can tell apart."""
        if len(body) > 8000:
            return self.do_plain(sock, start, body, method)
        data = f"{start}Content-Length: {len(body)}\r\n\r\n".encode()
        data += b"" if method == "HEAD" else body
        sock.sendall(data + b"HTTP/1.1 200 OK\r\nX-Name: poison\r\nContent-Length: 0\r\n\r\n")
        return True

    def do_half(self, sock, start, body, method):
        if random.random() < 0.5:
            data = f"{start}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body
        else:
            data = f"{start}Transfer-Encoding: chunked\r\n\r\n{len(body) + 2:x}\r\n".encode() + body
        sock.sendall(data)
        return self.go(sock)

    def do_nothing(self, sock, start, body, method):
        return self.go(sock)

    def do_garbage(self, sock, start, body, method):
        sock.sendall(random.randbytes(100))
        return random.random() < 0.5

    @staticmethod
    def go(sock):
        if random.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def do_tunnel(self, sock, start, body, method):
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: t\r\nConnection: upgrade\r\n\r\n")
        while True:
            data = sock.recv(65536)
            if not data:
                return False
            sock.sendall(data)


# --- clients ---------------------------------------------------------------------------------


class Load:
    """Threads that run clients until the time is over. problems: what must not have happened.

    wanted: how many good answers there must be; they go on for them as long as the clients' patience lasts.
    """

    def __init__(self, addr, clients, n_threads, seconds, wanted=-1):
        self.addr = addr
        self.wanted = wanted
        self.end = time.monotonic() + seconds
        self.clients = clients
        self.problems = []
        self.n_good = self.n_failed = 0
        self.number = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(n_threads)]
        for thread in self.threads:
            thread.start()

    def name(self):
        with self.lock:
            self.number += 1
            return f"n{self.number}"

    def goes_on(self):
        late = time.monotonic() - self.end
        return late < 0 or (self.n_good <= self.wanted and late < HANG_SECONDS)

    def run(self, i):
        rng = random.Random(SEED + i)
        while self.goes_on() and not self.problems:
            client = rng.choice(self.clients)
            try:
                client(self, rng)
            except socket.timeout:
                self.problems.append(f"{client.__name__} hangs")
            except (OSError, ValueError):
                with self.lock:
                    self.n_failed += 1
            except AssertionError as e:
                self.problems.append(f"{client.__name__}: {e}")

    def join(self):
        for thread in self.threads:
            thread.join(HANG_SECONDS * 2)
            assert not thread.is_alive(), "a client never ends"
        assert not self.problems, f"seed {SEED}: {self.problems[:5]}"


GOOD = ("plain", "chunked", "close", "interim", "slow", "none", "leave", "behind")
BAD = ("half", "nothing", "garbage")
SIZES = (0, 1, 100, 5000, 65536 - 150, 65536, 131072, 700000)


def check(load, answer, name, method, size, what):
    """The answer is that request's and whole, or one of our own failures."""
    whose = answer.header("X-Name")
    if whose is None:
        assert answer.status in OUR_FAILURES, f"{what}: {answer.raw[:200]}"
        load.n_failed += 1
        return
    assert whose == name, f"{what} for {name}: {answer.raw[:200]}"
    if method != "HEAD" and answer.status in (200, 413):
        assert answer.body == pattern(name, size), f"{what}: {len(answer.body)} bytes of {size}"
    load.n_good += 1


def head_of(rng, load, method="GET", version="1.1", good=True, fields=""):
    what = rng.choice(GOOD if good else GOOD + BAD)
    size, name = rng.choice(SIZES), load.name()
    head = f"{method} /{what}/{name}/{size} HTTP/{version}\r\nHost: a\r\n{fields}\r\n".encode()
    return head, name, size, what


def one_by_one(load, rng):
    with Client(load.addr, HANG_SECONDS) as client:
        for _ in range(rng.randrange(1, 20)):
            method = rng.choice(("GET", "GET", "HEAD", "DELETE"))
            head, name, size, what = head_of(rng, load, method, good=rng.random() < 0.8)
            client.send(head)
            answer = client.response(method)
            check(load, answer, name, method, size, what)
            if answer.header("Connection") == "close":
                return


def pipelined(load, rng):
    with Client(load.addr, HANG_SECONDS) as client:
        asked = [head_of(rng, load) for _ in range(rng.randrange(2, 12))]
        client.send(b"".join(a[0] for a in asked))
        for _, name, size, what in asked:
            check(load, client.response(), name, "GET", size, what)


def old(load, rng):
    with Client(load.addr, HANG_SECONDS) as client:
        head, name, size, what = head_of(rng, load, version="1.0")
        client.send(head)
        check(load, client.response(), name, "GET", size, what)


def slow_reader(load, rng):
    """Little room to receive, so that all of slbd's ways to wait for a client are gone."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(HANG_SECONDS)
    sock.connect(load.addr)
    client = Client.__new__(Client)
    client.sock, client.reader = sock, lib._Reader(sock)
    with client:
        name, size = load.name(), rng.choice((300000, 1500000))
        what = rng.choice(("plain", "chunked", "close", "half"))
        client.send(f"GET /{what}/{name}/{size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        time.sleep(rng.uniform(0, 0.1))
        answer = client.response()
        assert what != "half" or answer.status in OUR_FAILURES, "a cut body looked whole"
        check(load, answer, name, "GET", size, what)


def upload(load, rng):
    n = rng.choice((1, 3000, 65536, 65536 * 3 + 1, 1200000))
    fields, name = "", load.name()
    body = pattern(name, n)
    if rng.random() < 0.5:
        fields += f"Content-Length: {n}\r\n"
    else:
        fields += "Transfer-Encoding: chunked\r\n"
        step = rng.choice((1000, 50000))
        parts = [body[i : i + step] for i in range(0, n, step)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
    if rng.random() < 0.3:
        fields += "Expect: 100-continue\r\n"
    what, size = rng.choice(("plain", "chunked", "close", "early", "refuse", "leave")), rng.choice(SIZES)
    with Client(load.addr, HANG_SECONDS) as client:
        head = f"POST /{what}/{name}/{size} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()
        follows = what not in ("early", "refuse", "close") and rng.random() < 0.5
        second = head_of(rng, load)
        # Sent by its own thread: a server may answer before it has all.
        data = head + body + (second[0] if follows else b"")
        sender = threading.Thread(target=send_all, args=(client.sock, data), daemon=True)
        sender.start()
        try:
            answer = client.response()
            check(load, answer, name, "POST", size, what)
            if answer.status == 200:
                assert int(answer.header("X-Got")) == n
                if follows and answer.header("Connection") != "close":
                    check(load, client.response(), second[1], "GET", second[2], second[3])
        finally:
            try:
                client.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sender.join(HANG_SECONDS)


def send_all(sock, data):
    try:
        sock.sendall(data)
    except OSError:
        pass


def tunnel(load, rng):
    name = load.name()
    data = pattern(name, rng.choice((10, 70000, 400000)))
    with Client(load.addr, HANG_SECONDS) as client:
        client.send(
            f"GET /tunnel/{name}/0 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\n".encode()
        )
        answer = client.response()
        if answer.status != 101:
            assert answer.status in OUR_FAILURES, answer.raw[:200]
            return
        sender = threading.Thread(target=send_all, args=(client.sock, data), daemon=True)
        sender.start()
        try:
            assert client.reader.exactly(len(data)) == data, "a tunnel mixed its bytes"
            client.sock.shutdown(socket.SHUT_WR)
            assert client.reader.rest() == b""
            load.n_good += 1
        finally:
            sender.join(HANG_SECONDS)


def gone(load, rng):
    """Asks, reads some of the answer or none, and goes by FIN or RST."""
    with Client(load.addr, HANG_SECONDS) as client:
        head, *_ = head_of(rng, load, good=False)
        client.send(head * rng.randrange(1, 4))
        if rng.random() < 0.5:
            client.sock.recv(rng.choice((1, 1000, 100000)))
        if rng.random() < 0.5:
            client.reset()


def half_closed(load, rng):
    with Client(load.addr, HANG_SECONDS) as client:
        head, name, size, what = head_of(rng, load)
        client.send(head)
        client.sock.shutdown(socket.SHUT_WR)
        check(load, client.response(), name, "GET", size, what)


def broken_off(load, rng):
    """A request that never gets complete."""
    with Client(load.addr, HANG_SECONDS) as client:
        name = load.name()
        data = f"POST /plain/{name}/10 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n".encode() + bytes(50000)
        client.send(data[: rng.randrange(1, len(data))])
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0, 0.02))
        if rng.random() < 0.5:
            client.reset()


def nonsense(load, rng):
    junk = rng.choice((rng.randbytes(200), b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", b"\x16\x03\x01", b"GET\r\n\r\n" * 50))
    with Client(load.addr, HANG_SECONDS) as client:
        head, name, size, what = head_of(rng, load)
        client.send(head + junk)
        check(load, client.response(), name, "GET", size, what)
        client.reader.rest()


def never_reads(load, rng):
    """Uploads, is answered early and at length, and reads nothing of it."""
    with Client(load.addr, HANG_SECONDS) as client:
        name = load.name()
        client.send(f"POST /early/{name}/700000 HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n".encode())
        client.sock.settimeout(0.05)
        try:
            for _ in range(30):
                client.send(bytes(100000))
        except socket.timeout:
            pass
        time.sleep(rng.uniform(0, 0.1))


CLIENTS = [
    one_by_one, one_by_one, pipelined, pipelined, old, slow_reader, upload, upload, tunnel,
    gone, half_closed, broken_off, nonsense, never_reads,
]  # fmt: skip


# --- runs ------------------------------------------------------------------------------------

PLANS = [
    "",
    "send:%3:short,recv:%5:EAGAIN",
    "send:%7:EAGAIN,splice:%4:EAGAIN,splice:%9:short,pipe:%5:EMFILE",
    "connect:%9:ECONNREFUSED,recv:%101:ECONNRESET,accept:%10:EMFILE,socket:%31:EMFILE",
    "send:%61:EPIPE,send:%5:short,recv:%3:EAGAIN,splice:%17:ECONNRESET,epoll_ctl:%97:ENOMEM",
]


def start(slbd, backends, plan="", args=()):
    # Time-outs that end what hangs before the clients would call it hanging.
    limits = {f"{t}_timeout_ms": 8000 for t in ("header", "body", "send", "request", "idle", "tunnel")}
    listener = lib.listener(**limits)
    group = lib.group(backends=backends, connect_timeout_ms=2000)
    lb = slbd(lib.snapshot(group, listener), "--workers", "2", *args, env={"SLBD_FAULTS": plan} if plan else None)
    return lb, (lib.HOST, listener["port"])


def counters(lb):
    """The control socket suffers from the faults as well."""

    problem = None

    def read():
        nonlocal problem
        assert lb.process.poll() is None, f"slbd ended with {lb.process.returncode}: {lb.stderr()}"
        try:
            return lb.control("get counters", 5)
        except (OSError, ValueError) as e:
            problem = e

    try:
        return wait_for(read, "the control socket answers")
    except AssertionError as e:
        raise AssertionError(f"{e}; {problem!r}; {lb.stderr()}") from None


def settle(lb):
    """When the clients have gone, so has all that was for them."""

    def quiet():
        now = counters(lb)
        return not any(l["active"] for l in now["listeners"]) and not any(s["inflight"] for s in now["servers"])

    wait_for(quiet, "no connection is left", step=0.1)
    assert lb.process.poll() is None, lb.stderr()


def run(slbd, many, wanted, plan="", args=()):
    lb, addr = start(slbd, many, plan, args)
    load = Load(addr, CLIENTS, 12, SECONDS, wanted)
    load.join()
    settle(lb)
    lb.stop()
    return load


@pytest.fixture
def many(_backends):
    return [_backends.keep(Many()) for _ in range(3)]


@pytest.mark.parametrize("plan", PLANS, ids=["no faults", "short", "again", "refused", "broken"])
def test_nothing_is_mixed_lost_or_left(slbd, many, plan):
    if plan and not HAS_FAULTS:
        pytest.skip("built without faults")
    wanted = 5 * SECONDS
    load = run(slbd, many, wanted, plan)
    assert load.n_good > wanted, f"{load.n_good} good, {load.n_failed} failed"


def test_without_memory_requests_fail_but_nothing_breaks(slbd, many):
    load = run(slbd, many, 0, args=("--memory", "1M"))
    assert load.n_good > 0


def test_every_phase_meets_a_change_of_configuration(slbd, many):
    """Servers leave and are cut, listeners change, go and come back, while all kinds of clients are at work."""
    lb, addr = start(slbd, many)
    load = Load(addr, CLIENTS, 12, SECONDS, wanted=1)
    rng = random.Random(SEED)
    n = 0
    while (time.monotonic() < load.end or n <= 3) and not load.problems:
        load.end = max(load.end, time.monotonic() + 0.1)  # changes that take long still meet clients
        drain = {"drain": True, "drain_timeout_ms": rng.choice((0, 50))}
        servers = rng.sample(many, rng.randrange(0, 4))
        listener = lib.listener(port=addr[1], header_timeout_ms=rng.choice((1000, 2000)), xff=rng.choice(("append", "off")))
        lb.apply([lib.group(backends=servers, **rng.choice((drain, {})))])
        lb.apply([listener])
        if n % 3 == 0:
            lb.apply(remove=[("listener", "lsn-1")])
            time.sleep(rng.uniform(0, 0.03))
            lb.apply([listener, lib.group(backends=many)])
        time.sleep(rng.uniform(0, 0.1))
        n += 1
    load.join()
    settle(lb)
    lb.stop()
    assert n > 3 and load.n_good > 0


@pytest.mark.parametrize("plan", PLANS[:2], ids=["no faults", "short"])
def test_every_phase_meets_the_end(slbd, many, plan):
    """Stopped twice in a row: what is open is cut wherever it stands."""
    if plan and not HAS_FAULTS:
        pytest.skip("built without faults")
    for _ in range(3):
        lb, addr = start(slbd, many, plan)
        load = Load(addr, CLIENTS, 12, 1.0)
        time.sleep(random.uniform(0.3, 0.7))
        lb.process.terminate()
        time.sleep(random.uniform(0, 0.05))
        if lb.process.poll() is None:
            lb.process.terminate()
        lb.process.wait(lib.STOP_SECONDS)
        lb.stop()
        load.join()

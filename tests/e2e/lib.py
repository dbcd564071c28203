"""The end-to-end driver: real processes and raw sockets, all on loopback.

Tests get these through the fixtures of conftest.py, which also stop everything.
"""
import fcntl
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLBD_BIN = os.environ.get("SLBD_BIN", str(ROOT / "build/src/slbd/slbd"))
HOST = "127.0.0.1"
# Who has to reach the Internet takes this one. All others talk with this host, of which a proxy knows nothing.
OUTER_ENVIRON = dict(os.environ)
for _name in OUTER_ENVIRON:
    if _name.lower().endswith("_proxy"):
        del os.environ[_name]
# Short and everybody's, whatever TMPDIR is: names of Unix sockets have a limit.
tempfile.tempdir = "/tmp"
# How long to wait for what comes at once unless the machine stands still; whoever waits in vain waits so long.
PATIENCE = 30.0
START_SECONDS = 60
STOP_SECONDS = 60


def proves(*ids):
    """Marks a test as proof of rows of tests/acceptance.tsv; tools/coverage reads the literals."""
    return pytest.mark.proves(*ids)


def is_sanitized():
    """Whether SLBD_BIN has AddressSanitizer in it, whose memory is not ours to count."""
    return b"__asan_init" in Path(SLBD_BIN).read_bytes()


def wait_for(condition, what, seconds=PATIENCE, step=0.01):
    """The first true value of condition(); fails the test with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        is_last = time.monotonic() > end  # looked at first: what came during a stall still counts
        value = condition()
        if value:
            return value
        if is_last:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(step)


def in_one_of(tries, attempt):
    """Runs attempt() until it passes, so many times at most: for what only a clock can tell.

    The machine may stand still in the midst of one attempt; a mistake spoils them all.
    """
    for _ in range(tries - 1):
        try:
            return attempt()
        except AssertionError:
            continue
    return attempt()


# --- addresses -----------------------------------------------------------------------------

_given_ports = set()
# Ports are chosen before they are bound: one byte of this file for each, locked by the test process that has it.
_ports_file = open(f"/tmp/openslb-test-ports-{os.getuid()}", "ab")


def family_of(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def take_port(port, ip=HOST):
    """Whether this port is free for TCP and UDP, and no test process has it or had it before; then it is ours."""
    if port in _given_ports:
        return False
    try:
        fcntl.lockf(_ports_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        with socket.socket(family_of(ip), socket.SOCK_STREAM) as tcp:
            tcp.bind((ip, port))
        with socket.socket(family_of(ip), socket.SOCK_DGRAM) as udp:
            udp.bind((ip, port))
    except OSError:
        return False
    _given_ports.add(port)
    return True


def _ports_to_give():
    """Outside of the range from which the kernel gives ports to clients, if it leaves enough.

    A client could take one before it is bound, or be connected with itself where nobody should answer.
    """
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    below, above = range(10000, min(low, 32000)), range(high + 1, 65536)
    most = max(below, above, key=len)
    return most if len(most) >= 10000 else range(10000, 32000)


_ports = _ports_to_give()


def free_port(ip=HOST):
    """One of these ports that take_port() gives."""
    while True:
        port = random.choice(_ports)
        if take_port(port, ip):
            return port


def accepts(addr):
    try:
        with socket.create_connection(addr, timeout=PATIENCE):
            return True
    except OSError:
        return False


# --- clients -------------------------------------------------------------------------------


class Response:
    """One HTTP/1 response. headers: (name, value) in order; raw: every byte of it."""

    def __init__(self, version, status, reason, headers, body, raw):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.raw = raw

    def header(self, name):
        """The value of a header that is there once; None if it is not."""
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) < 2, f"{name} is repeated: {values}"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


class _Reader:
    """Reads from a socket and remembers every byte."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()  # appending to bytes would copy all of it each time
        self.pos = 0

    def _more(self):
        piece = self.sock.recv(65536)
        self.data += piece
        return bool(piece)

    def until(self, end):
        while True:
            at = self.data.find(end, self.pos)
            if at >= 0:
                piece = bytes(self.data[self.pos : at + len(end)])
                self.pos = at + len(end)
                return piece
            if not self._more():
                raise ConnectionError(f"ended before {end!r}: {bytes(self.data[self.pos:][:500])!r}")

    def exactly(self, n):
        while len(self.data) < self.pos + n:
            if not self._more():
                got = bytes(self.data[self.pos :][:500])
                raise ConnectionError(f"ended {self.pos + n - len(self.data)} bytes early: {got!r}")
        piece = bytes(self.data[self.pos : self.pos + n])
        self.pos += n
        return piece

    def rest(self):
        while self._more():
            pass
        piece = bytes(self.data[self.pos :])
        self.pos = len(self.data)
        return piece

    def chunked(self):
        """The body of chunks up to the end of its trailer section."""
        body = bytearray()
        while True:
            n = int(self.until(b"\r\n").split(b";")[0], 16)
            if n == 0:
                break
            body += self.exactly(n)
            assert self.exactly(2) == b"\r\n"
        while self.until(b"\r\n") != b"\r\n":
            pass
        return bytes(body)


def _parse_headers(head):
    headers = []
    for line in head.split(b"\r\n")[1:]:
        if line:
            name, _, value = line.partition(b":")
            headers.append((name.decode("latin-1"), value.strip().decode("latin-1")))
    return headers


def _find_header(headers, name):
    for n, v in headers:
        if n.lower() == name:
            return v
    return None


class Client:
    """A client connection: sends bytes as they are, reads responses one by one."""

    def __init__(self, addr, timeout=PATIENCE, source=None):
        self.sock = socket.create_connection(addr, timeout=timeout, source_address=source)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = _Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def request(self, method="GET", path="/", headers=(), body=None, version="1.1"):
        """Sends one request and reads its response. Host and Content-Length are added if missing."""
        names = {n.lower() for n, _ in headers}
        lines = [f"{method} {path} HTTP/{version}"]
        if "host" not in names:
            lines.append("Host: www.example.net")
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{n}: {v}" for n, v in headers]
        self.send("\r\n".join(lines + ["", ""]).encode("latin-1") + (body or b""))
        return self.response(method)

    def response(self, method="GET"):
        """Reads one response, skipping 1xx other than 101."""
        while True:
            start = self.reader.pos
            head = self.reader.until(b"\r\n\r\n")
            version, status, reason = (head.split(b"\r\n")[0].decode("latin-1") + "  ").split(" ", 2)
            if int(status) >= 200 or int(status) == 101:
                break
        headers = _parse_headers(head)
        length = _find_header(headers, "content-length")
        if method == "HEAD" or int(status) in (101, 204, 304):
            body = b""
        elif (_find_header(headers, "transfer-encoding") or "").lower() == "chunked":
            body = self.reader.chunked()
        elif length is not None:
            body = self.reader.exactly(int(length))
        else:
            body = self.reader.rest()
        raw = bytes(self.reader.data[start : self.reader.pos])
        return Response(version, int(status), reason.strip(), headers, body, raw)

    def is_closed(self, seconds=PATIENCE):
        """True when the peer ends the connection within so many seconds (FIN or RST) without a byte more."""
        self.sock.settimeout(seconds)
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


def get(addr, path="/", headers=(), method="GET", body=None, version="1.1", timeout=PATIENCE):
    """One request on a connection of its own."""
    with Client(addr, timeout) as client:
        return client.request(method, path, headers, body, version)


def exchange(addr, data, timeout=PATIENCE, pause=0.0, piece=None):
    """Sends bytes and returns everything that comes until the peer closes. The peer's reset is an end too.

    piece, pause: sends so many bytes at a time, with a pause in seconds between them.
    Raises TimeoutError with what came when the peer keeps the connection open.
    """
    got = b""
    with socket.create_connection(addr, timeout=timeout) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(0, len(data), piece or len(data) or 1):
                sock.sendall(data[at : at + (piece or len(data))])
                if pause:
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        while True:
            try:
                more = sock.recv(65536)
            except ConnectionResetError:
                return got
            except socket.timeout:
                raise TimeoutError(f"still open after {len(got)} bytes: {got[-1000:]!r}") from None
            if not more:
                return got
            got += more


# --- backends ------------------------------------------------------------------------------

NGINX_CONF = """\
daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type text/plain;
    server_tokens off;
    keepalive_requests 1000000;
    keepalive_timeout 300s;
    client_max_body_size 0;
    server {{
        listen {ip}:{port};
        root {dir}/www;
        location = / {{ return 200 "{name}\\n"; }}
        location / {{ try_files $uri @name; }}
        location @name {{ return 200 "{name}\\n"; }}
        location = /echo {{
            default_type application/json;
            return 200 '{{"server":"{name}","method":"$request_method","uri":"$request_uri","protocol":"$server_protocol","host":"$http_host","connection":"$http_connection","xff":"$http_x_forwarded_for","xfp":"$http_x_forwarded_proto","xfport":"$http_x_forwarded_port","client":"$remote_addr","conn":"$connection","nth":"$connection_requests"}}\\n';
        }}
        {extra}
    }}
}}
"""


class Nginx:
    """Debian's nginx as a backend: every page names it, /echo tells what it was asked, files are in www."""

    def __init__(self, where, name="ECS01", ip=HOST, port=None, extra=""):
        self.name = name
        self.ip = ip
        self.port = port or free_port(ip)
        self.addr = (self.ip, self.port)
        self.dir = Path(where) / f"nginx-{name}-{self.port}"
        (self.dir / "www").mkdir(parents=True)
        conf = NGINX_CONF.format(dir=self.dir, name=name, ip=ip, port=self.port, extra=extra)
        (self.dir / "nginx.conf").write_text(conf)
        self.process = None
        self.start()

    def start(self):
        command = ["nginx", "-p", str(self.dir), "-c", str(self.dir / "nginx.conf")]
        command += ["-e", str(self.dir / "error.log")]
        with open(self.dir / "stderr", "ab") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err)

        def up():
            if self.process.poll() is not None:
                raise AssertionError("nginx ended: " + (self.dir / "stderr").read_text())
            return accepts(self.addr)

        wait_for(up, f"nginx {self.name} accepts", START_SECONDS)

    def file(self, name, data):
        """Puts a file into its document root."""
        (self.dir / "www" / name).write_bytes(data)

    def requests(self):
        """Lines of its access log."""
        path = self.dir / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)


class Step:
    """What a scripted backend does besides sending bytes (bytes) and waiting (float, seconds)."""

    def __init__(self, name, n=0):
        self.name = name
        self.n = n


READ_HEAD = Step("read_head")  # up to the empty line
READ_REQUEST = Step("read_request")  # head and body
CLOSE = Step("close")  # FIN after what was sent
RESET = Step("reset")  # RST
HANG = Step("hang")  # keeps the connection open until the test ends


def read_bytes(n):
    return Step("read_bytes", n)


class Request:
    """What a backend was asked. headers: (name, value) in order; connection: number of its connection, from 0."""

    def __init__(self, method, target, version, headers, body, raw, connection):
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.body = body
        self.raw = raw
        self.connection = connection

    def header(self, name):
        values = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(values) < 2, f"{name} is repeated: {values}"
        return values[0] if values else None


def read_request(reader, connection):
    """None at an orderly end between two requests."""
    start = reader.pos
    if len(reader.data) == reader.pos and not reader._more():
        return None
    head = reader.until(b"\r\n\r\n")
    method, target, version = head.split(b"\r\n")[0].decode("latin-1").split(" ")
    headers = _parse_headers(head)
    length = _find_header(headers, "content-length")
    body = b""
    if (_find_header(headers, "transfer-encoding") or "").lower() == "chunked":
        body = reader.chunked()
    elif length is not None:
        body = reader.exactly(int(length))
    raw = bytes(reader.data[start : reader.pos])
    return Request(method, target, version, headers, body, raw, connection)


class _Listening:
    """A TCP server with a thread for each connection; what a thread raises is kept and shown by stop().

    closed_at: when each connection ended here (time.monotonic()), by its number.
    """

    def __init__(self, ip=HOST, port=None, backlog=128):
        self.ip = ip
        self.port = port or free_port(ip)
        self.addr = (self.ip, self.port)
        self.n_connections = 0
        self.errors = []
        self.closed_at = {}
        self._open = set()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.socket = socket.socket(family_of(ip), socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.addr)
        self.socket.listen(backlog)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self._lock:
                number = self.n_connections
                self.n_connections += 1
                self._open.add(sock)
            threading.Thread(target=self._run, args=(sock, number), daemon=True).start()

    def _run(self, sock, number):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.serve(sock, number)
        except (ConnectionError, socket.timeout):
            pass
        except Exception as e:  # a mistake of the test: must not go unseen
            if not self._ending.is_set():
                self.errors.append(e)
        finally:
            with self._lock:
                sock.close()
                self.closed_at[number] = time.monotonic()
                self._open.discard(sock)

    def serve(self, sock, number):
        raise NotImplementedError

    def n_open(self):
        with self._lock:
            return len(self._open)

    def stop(self):
        """No descriptor is closed that a thread may be about to use: its number may be another socket's by then."""
        self._ending.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(PATIENCE)
        self.socket.close()
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        assert not self.errors, f"a backend of the test failed: {self.errors}"


class Scripted(_Listening):
    """Plays the same steps on every connection: bytes, seconds, a Step, or a threading.Event that the test sets.

    received: bytes by connection.

    scripts: steps by connection number; the last one holds for all later connections.
    """

    def __init__(self, *scripts, **kwargs):
        self.scripts = scripts
        self.received = {}
        super().__init__(**kwargs)

    def serve(self, sock, number):
        reader = _Reader(sock)
        try:
            for step in self.scripts[min(number, len(self.scripts) - 1)]:
                if self._play(step, sock, reader, number):
                    return
        finally:
            self.received[number] = bytes(reader.data)

    def _play(self, step, sock, reader, number):
        """One step; true if it ended the connection."""
        if isinstance(step, bytes):
            sock.sendall(step)
        elif isinstance(step, (int, float)):
            self._ending.wait(step)
        elif isinstance(step, threading.Event):
            while not step.wait(0.1) and not self._ending.is_set():
                pass
        elif step.name == "read_head":
            reader.until(b"\r\n\r\n")
        elif step.name == "read_request":
            read_request(reader, number)
        elif step.name == "read_bytes":
            reader.exactly(step.n)
        elif step.name == "hang":
            self._ending.wait()
        elif step.name == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        elif step.name == "close":
            return True
        self.received[number] = bytes(reader.data)
        return False


def response(body=b"", status="200 OK", headers=(), close=False):
    """The bytes of a plain response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{n}: {v}" for n, v in headers]
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + body


class HttpBackend(_Listening):
    """Reads whole requests, keeps them in .requests, answers with respond(request) -> bytes; keeps alive.

    It closes after a response when respond gives (bytes, CLOSE) or the request says Connection: close.
    """

    def __init__(self, respond=None, name="py", **kwargs):
        self.name = name
        self.respond = respond or (lambda request: response(f"{name}\n".encode()))
        self.requests = []
        super().__init__(**kwargs)

    def serve(self, sock, number):
        reader = _Reader(sock)
        while True:
            request = read_request(reader, number)
            if request is None:
                return
            self.requests.append(request)
            answer = self.respond(request)
            close = isinstance(answer, tuple)
            sock.sendall(answer[0] if close else answer)
            if close or "close" in (_find_header(request.headers, "connection") or "").lower():
                return


class TcpEcho(_Listening):
    """Sends a greeting, then back what it gets; passes the client's FIN on when all is sent."""

    def __init__(self, greeting=b"", **kwargs):
        self.greeting = greeting
        super().__init__(**kwargs)

    def serve(self, sock, number):
        sock.sendall(self.greeting)
        while True:
            data = sock.recv(65536)
            if not data:
                return
            sock.sendall(data)


class UdpEcho:
    """Answers each datagram with its name, a colon and the datagram. received: (client address, bytes)."""

    def __init__(self, name="u1", ip=HOST, port=None):
        self.name = name
        self.ip = ip
        self.port = port or free_port(ip)
        self.addr = (self.ip, self.port)
        self.received = []
        self.socket = socket.socket(family_of(ip), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # what comes while we stand still
        self.socket.bind(self.addr)
        self._ending = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                data, addr = self.socket.recvfrom(65536)
                if self._ending:
                    return
                self.received.append((addr, data))
                self.socket.sendto(self.name.encode() + b":" + data, addr)
            except ConnectionRefusedError:
                continue
            except OSError:
                return

    def stop(self):
        self._ending = True
        with socket.socket(family_of(self.ip), socket.SOCK_DGRAM) as sock:
            while self._thread.is_alive():
                sock.sendto(b"", self.addr)  # wakes the thread
                self._thread.join(0.1)
        self.socket.close()


# --- configuration -------------------------------------------------------------------------


def server(backend, weight=100, **fields):
    """A server of a group, from anything with ip and port."""
    return {
        "id": f"s-{backend.ip}-{backend.port}",
        "ip": backend.ip,
        "port": backend.port,
        "weight": weight,
        **fields,
    }


def group(id="sg-1", backends=(), protocol="http", scheduler="wrr", **fields):
    """A server group; backends: objects with ip and port, or dicts from server()."""
    servers = [b if isinstance(b, dict) else server(b) for b in backends]
    return {
        "kind": "server_group",
        "id": id,
        "protocol": protocol,
        "scheduler": scheduler,
        "servers": servers,
        **fields,
    }


def forward(*groups):
    """A forward action to groups: ids, or (id, weight)."""
    pairs = [g if isinstance(g, tuple) else (g, 100) for g in groups]
    return {"type": "forward", "groups": [{"group": g, "weight": w} for g, w in pairs]}


def listener(id="lsn-1", port=None, to="sg-1", protocol="http", **fields):
    """A listener on loopback that forwards to a group, unless default_actions says otherwise."""
    return {
        "kind": "listener",
        "id": id,
        "instance": "lb-1",
        "bind": [HOST],
        "port": port or free_port(),
        "protocol": protocol,
        "default_actions": [forward(to)],
        **fields,
    }


def instance(id="lb-1", product="alb", **fields):
    return {"kind": "instance", "id": id, "product": product, **fields}


def snapshot(*resources, version=1):
    """A complete set; the instance lb-1 is added unless one is given."""
    resources = list(resources)
    if not any(r["kind"] == "instance" for r in resources):
        resources.insert(0, instance())
    return {"version": version, "upsert": resources}


# --- slbd ----------------------------------------------------------------------------------

SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior|Memory)Sanitizer|runtime error:")


class Slbd:
    """`slbd data` with a snapshot (a dict). args: more arguments. Ready when the constructor returns.

    where: a short path, because the name of a Unix socket is limited to about 100 bytes.
    """

    def __init__(self, where, conf, args=(), env=None):
        self.dir = Path(where)
        self.snapshot_path = self.dir / "snapshot.json"
        self.control_path = self.dir / "control.sock"
        self.log_path = self.dir / "access.log"
        self.stderr_path = self.dir / "stderr"
        self.admin_port = free_port()
        self.version = conf.get("version", 1)
        self.args = list(args)
        self.env = {**os.environ, **(env or {})}
        self.snapshot_path.write_text(json.dumps(conf))
        self.process = None
        self.replaced = []
        try:
            self.start()
        except BaseException:
            if self.process:
                self.kill()
            raise

    def command(self):
        return [
            SLBD_BIN, "data",
            "--snapshot", str(self.snapshot_path),
            "--run-dir", str(self.dir),
            "--access-log", str(self.log_path),
            "--admin", f"{HOST}:{self.admin_port}",
            *self.args,
        ]  # fmt: skip

    def start(self):
        """Starts a process; also again after kill() or stop()."""
        with open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=self.env
            )
        wait_for(self._is_ready, "slbd answers on its control socket", START_SECONDS)

    def upgrade(self):
        """Starts a new process that takes over from the running one, which drains and is kept in .replaced."""
        self.replaced.append(self.process)
        self.start()

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"slbd ended with {self.process.returncode}: {self.stderr()}")
        try:
            return self.status()["pid"] == self.pid
        except OSError:
            return False

    def connect_control(self, timeout=60.0):
        """A connection to the control socket, for tests that speak to it themselves."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(str(self.control_path))
        except OSError:
            sock.close()
            raise
        return sock

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def control(self, line, timeout=60.0):
        """Sends one line, a dict or text, to the control socket and returns the answer."""
        text = line if isinstance(line, str) else json.dumps(line)
        with self.connect_control(timeout) as sock:
            sock.sendall(text.encode() + b"\n")
            return json.loads(_Reader(sock).until(b"\n"))

    def status(self):
        return self.control("get status")

    def health(self):
        """State by (group, server): "up", "down", "unknown" or "off"."""
        return {(row["group"], row["server"]): row["state"] for row in self.control("get health")}

    def wait_health(self, expected):
        """Waits until the servers named in expected, {(group, server): state}, are in these states."""
        wait_for(lambda: expected.items() <= self.health().items(), expected, PATIENCE, 0.05)

    def counters(self):
        """{"listeners": [...], "servers": [...]}"""
        return self.control("get counters")

    def try_apply(self, upsert=(), remove=()):
        """Sends a change and returns the answer, good or bad. remove: (kind, id) or {"kind", "id"}."""
        self.version += 1
        gone = [r if isinstance(r, dict) else {"kind": r[0], "id": r[1]} for r in remove]
        return self.control({"version": self.version, "upsert": list(upsert), "remove": gone})

    def apply(self, upsert=(), remove=()):
        """Sends a change that must be accepted."""
        answer = self.try_apply(upsert, remove)
        assert answer.get("ok") is True, answer
        return answer

    def replace(self, conf):
        """Sends a complete set that must be accepted."""
        self.version = conf["version"]
        answer = self.control("replace " + json.dumps(conf))
        assert answer.get("ok") is True, answer
        return answer

    def log_lines(self, n=None):
        """The access log as dicts; waits until there are at least n."""

        def read():
            try:
                text = self.log_path.read_text()
            except FileNotFoundError:
                text = ""
            lines = [json.loads(line) for line in text.split("\n")[:-1]]
            return (lines,) if n is None or len(lines) >= n else None

        return wait_for(read, f"{n} lines in the access log")[0]

    def metrics_text(self):
        with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/metrics", timeout=PATIENCE) as r:
            return r.read().decode()

    def metrics(self):
        """Samples by their name with labels, as written: {'slbd_x{a="b"}': 1.0}."""
        samples = {}
        for line in self.metrics_text().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def rss_bytes(self):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self):
        """Ends it in an orderly way and asserts that it found nothing wrong with itself. May be called twice."""
        for process in [self.process, *self.replaced]:
            self._end(process)
        found = SANITIZER.search(self.stderr())
        assert not found, self.stderr()

    def _end(self, process):
        """The first SIGTERM lets open work finish, the second one cuts it; two at once would count as one."""
        for _ in range(STOP_SECONDS // 2):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(2)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            process.kill()
            process.wait(STOP_SECONDS)
            raise AssertionError(f"slbd did not end after SIGTERM: {self.stderr()}")
        code = process.returncode
        assert code in (0, -signal.SIGKILL), f"slbd ended with {code}: {self.stderr()}"

"""Mixed load on one balancer, which remembers every failure with its cause.

Clients behave as real ones do: they close when told to, end WebSockets with a close frame, and end
connections with FIN. A reply that is lost is a failure, not something to repeat: only a datagram that
the kernel itself dropped, by its own counters, is sent once more and counted apart.
"""
import asyncio
import hashlib
import os
import random
import threading
import time
from collections import Counter

import wire

HOST = "127.0.0.1"
WAIT_SECONDS = 40.0
UDP_WAIT_SECONDS = 10.0
FAILURES_KEPT = 50


class Wrong(Exception):
    """The other side did something that it must not."""


class Target:
    """Where the load goes. pages: bodies that / may have; big: (path, bytes, SHA-256 of the body)."""

    def __init__(self, http, tcp, udp, pages, big, udp_ports):
        self.http = http
        self.tcp = tcp
        self.udp = udp
        self.pages = pages
        self.big = big
        self.udp_ports = udp_ports  # all that datagrams are sent to, for the kernel's counters


def kernel_drops(ports):
    """Datagrams dropped by the kernel at sockets that are bound or connected to one of these ports."""
    drops = 0
    with open("/proc/net/udp", encoding="ascii") as f:
        for line in f.readlines()[1:]:
            words = line.split()
            local, remote = (int(word.split(":")[1], 16) for word in words[1:3])
            if local in ports or remote in ports:
                drops += int(words[12])
    return drops


class HttpConnection:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.port = writer.get_extra_info("sockname")[1]
        self.opened_at = time.monotonic()
        self.n_requests = 0
        self.open = True

    @classmethod
    async def connect(cls, port):
        return cls(*await asyncio.open_connection(HOST, port))

    def __str__(self):
        age = time.monotonic() - self.opened_at
        return f"request {self.n_requests} of connection from port {self.port}, {age:.2f} s old"

    async def send(self, method, path, headers=(), body=b""):
        self.n_requests += 1
        lines = [f"{method} {path} HTTP/1.1", "Host: soak.example.net", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self.writer.drain()

    async def head(self):
        head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), wire.parse_headers(head)

    async def response(self):
        """(status, body); closes when the response says so."""
        status, headers = await self.head()
        body = b"".join([piece async for piece in wire.body_pieces(self.reader, headers)])
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, body

    def close(self):
        self.open = False
        self.writer.close()


class UdpClient(asyncio.DatagramProtocol):
    def __init__(self):
        self.replies = asyncio.Queue()
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.replies.put_nowait(data)

    def error_received(self, exc):
        self.replies.put_nowait(exc)


class Load:
    """Starts with start(), ends with stop(); then counts and failures are complete.

    n: clients of each kind: keepalive, fresh, upload, download, websocket, tcp, udp, udp_short.
    """

    def __init__(self, target, n, seed=1):
        self.target = target
        self.n = n
        self.random = random.Random(seed)
        self.counts = Counter()
        self.failures = []
        self.n_failures = 0
        self.udp_moves = []
        self.drops = kernel_drops(target.udp_ports)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self.started_at = time.monotonic()

    def start(self):
        self.thread.start()

    def stop(self):
        """Lets every client finish what it is at."""
        self.ending.set()
        self.thread.join()

    def fail(self, kind, cause):
        self.n_failures += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(f"{time.monotonic() - self.started_at:8.3f} s  {kind}: {cause}")

    # --- one client ------------------------------------------------------------------------

    async def _main(self):
        clients = []
        for kind, n in self.n.items():
            once = getattr(self, "_" + kind)
            clients += [self._repeat(kind, once, i) for i in range(n)]
        await asyncio.gather(*clients)

    async def _repeat(self, kind, once, number):
        await asyncio.sleep(self.random.random() * 0.5)
        while not self.ending.is_set():
            about = []  # what the client wants known of itself if it fails
            try:
                await once(about)
            except asyncio.TimeoutError:
                self.fail(kind, f"nothing came for too long; client {number}: {about}")
            except asyncio.IncompleteReadError as e:
                self.fail(kind, f"ended after {e.partial[:80]!r}; client {number}: {about}")
            except (OSError, Wrong, ValueError) as e:
                self.fail(kind, f"{type(e).__name__}: {e}; client {number}: {about}")

    @staticmethod
    def _within(awaitable, seconds=WAIT_SECONDS):
        return asyncio.wait_for(awaitable, seconds)

    async def _pause(self, most):
        await asyncio.sleep(self.random.random() * most)

    async def _page(self, connection, headers=()):
        await self._within(connection.send("GET", "/", headers))
        status, body = await self._within(connection.response())
        if status != 200 or body not in self.target.pages:
            raise Wrong(f"status {status}, body {body[:80]!r}")
        self.counts["requests"] += 1

    async def _keepalive(self, about):
        connection = await self._within(HttpConnection.connect(self.target.http))
        about.append(connection)
        self.counts["connections"] += 1
        try:
            while connection.open and not self.ending.is_set():
                await self._page(connection)
                await self._pause(self.random.choice((0.02, 0.05, 0.1, 1.0)))
        finally:
            connection.close()

    async def _fresh(self, about):
        connection = await self._within(HttpConnection.connect(self.target.http))
        about.append(connection)
        self.counts["connections"] += 1
        try:
            await self._page(connection, self.random.choice(((), ("Connection: close",))))
        finally:
            connection.close()
        await self._pause(0.05)

    async def _upload(self, about):
        """In chunks, slowly, so that changes and upgrades come in the middle."""
        connection = await self._within(HttpConnection.connect(self.target.http))
        about.append(connection)
        digest = hashlib.sha256()
        total = 0
        try:
            await connection.send("POST", "/upload", ("Transfer-Encoding: chunked",))
            for _ in range(self.random.randrange(10, 60)):
                piece = os.urandom(self.random.randrange(1, 40000))
                digest.update(piece)
                total += len(piece)
                connection.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await self._within(connection.writer.drain())
                await self._pause(0.1)
            connection.writer.write(b"0\r\n\r\n")
            status, body = await self._within(connection.response())
        finally:
            connection.close()
        if status != 200 or body.decode() != f"{total} {digest.hexdigest()}\n":
            raise Wrong(f"status {status}, body {body[:100]!r} for {total} bytes")
        self.counts["uploads"] += 1

    async def _download(self, about):
        """The server sends it at a limited rate: it takes seconds."""
        path, n_bytes, expected = self.target.big
        connection = await self._within(HttpConnection.connect(self.target.http))
        about.append(connection)
        digest = hashlib.sha256()
        total = 0
        try:
            await connection.send("GET", path)
            status, headers = await self._within(connection.head())
            pieces = wire.body_pieces(connection.reader, headers)
            while True:
                try:
                    piece = await self._within(pieces.__anext__())
                except StopAsyncIteration:
                    break
                digest.update(piece)
                total += len(piece)
        finally:
            about.append(f"{total} of {n_bytes} bytes")
            connection.close()
        if status != 200 or digest.hexdigest() != expected:
            raise Wrong(f"status {status}, or the bytes differ")
        self.counts["downloads"] += 1

    async def _websocket(self, about):
        connection = await self._within(HttpConnection.connect(self.target.http))
        about.append(connection)
        key = wire.upgrade_key()
        headers = (
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        try:
            await connection.send("GET", "/ws", headers)
            status, answer = await self._within(connection.head())
            if status != 101 or answer.get("sec-websocket-accept") != wire.upgrade_answer(key):
                raise Wrong(f"status {status}, {answer}")
            await self._frames(connection, about)
        finally:
            connection.close()
        self.counts["websockets"] += 1

    async def _frames(self, connection, about):
        end_at = time.monotonic() + self.random.uniform(2, 9)
        n = 0
        while time.monotonic() < end_at and not self.ending.is_set():
            data = os.urandom(self.random.choice((1, 125, 126, 2000, 70000)))
            connection.writer.write(wire.frame(wire.BINARY, data, masked=True))
            if await self._within(wire.read_frame(connection.reader)) != (wire.BINARY, data):
                raise Wrong(f"frame {n} came back differently")
            n += 1
            about[1:] = [f"{n} frames"]
            self.counts["frames"] += 1
            await self._pause(0.1)
        connection.writer.write(wire.frame(wire.CLOSE, b"\x03\xe8", masked=True))
        if await self._within(wire.read_frame(connection.reader)) != (wire.CLOSE, b"\x03\xe8"):
            raise Wrong("the close frame was answered by something else")

    async def _tcp(self, about):
        reader, writer = await self._within(asyncio.open_connection(HOST, self.target.tcp))
        about.append(f"from port {writer.get_extra_info('sockname')[1]}")
        end_at = time.monotonic() + self.random.uniform(0.1, 9)
        try:
            while time.monotonic() < end_at and not self.ending.is_set():
                data = os.urandom(self.random.choice((1, 100, 5000, 200000)))
                writer.write(data)
                if await self._within(reader.readexactly(len(data))) != data:
                    raise Wrong("other bytes came back")
                self.counts["echoes"] += 1
                about[1:] = [f"{time.monotonic() - end_at:.2f} s from its end"]
                await self._pause(0.1)
            writer.write_eof()
            if await self._within(reader.read(1)) != b"":
                raise Wrong("bytes after the end")
        finally:
            writer.close()
        self.counts["relays"] += 1

    # --- datagrams -------------------------------------------------------------------------

    def _kernel_dropped(self):
        """Whether its counters have grown since they were last looked at."""
        before = self.drops
        self.drops = kernel_drops(self.target.udp_ports)
        return self.drops > before

    async def _ask(self, client, data):
        """Sends a datagram and returns (server, port it was asked from)."""
        for again in (False, True):
            client.transport.sendto(data)
            try:
                reply = await self._within(client.replies.get(), UDP_WAIT_SECONDS)
                break
            except asyncio.TimeoutError:
                if again or not self._kernel_dropped():
                    raise
                self.counts["datagrams dropped by the kernel"] += 1
        if isinstance(reply, Exception):
            raise reply
        name, port, echo = reply.split(b" ", 2)
        if echo != data:
            raise Wrong(f"{len(data)} bytes were answered by {len(echo)} others: {echo[:20]!r}")
        self.counts["datagrams"] += 1
        return name.decode(), int(port)

    async def _open_udp(self):
        loop = asyncio.get_running_loop()
        _, client = await loop.create_datagram_endpoint(
            UdpClient, remote_addr=(HOST, self.target.udp)
        )
        return client

    async def _udp(self, about):
        """One flow for the whole time: it keeps its server and the port that the server sees."""
        client = await self._open_udp()
        first = None
        n = 0
        try:
            while not self.ending.is_set():
                size = self.random.choice((0, 1, 500, 1400, 9000))
                where = await self._ask(client, b"%d " % n + os.urandom(size))
                n += 1
                if first is None:
                    first = where
                    self.counts["lasting udp flows"] += 1
                about[:] = [f"datagram {n}, at {where}"]
                if where != first:
                    self.udp_moves.append(f"{first} -> {where} at datagram {n}")
                    first = where
                await self._pause(0.06)
        finally:
            client.transport.close()
        self.counts["udp flows"] += 1

    async def _udp_short(self, about):
        client = await self._open_udp()
        try:
            for n in range(5):
                about[:] = [f"datagram {n}", await self._ask(client, b"short %d" % n)]
        finally:
            client.transport.close()
        self.counts["udp flows"] += 1
        await self._pause(0.1)

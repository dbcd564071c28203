"""Backends of the load, in a process of their own: HTTP with uploads and WebSocket, TCP echo, UDP echo.

Prints one line of JSON with their ports and ends with its standard input.
"""
import asyncio
import hashlib
import json
import socket
import sys

import wire

HOST = "127.0.0.1"
N_TCP = 3
N_UDP = 3
RECEIVE_BYTES = 4 << 20


async def read_body(reader, headers):
    """(length, SHA-256) of a body."""
    digest = hashlib.sha256()
    total = 0
    async for piece in wire.body_pieces(reader, headers):
        digest.update(piece)
        total += len(piece)
    return total, digest.hexdigest()


async def echo_frames(reader, writer):
    while True:
        opcode, data = await wire.read_frame(reader)
        writer.write(wire.frame(opcode, data, masked=False))
        await writer.drain()
        if opcode == wire.CLOSE:
            return


async def serve_http(reader, writer):
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        headers = wire.parse_headers(head)
        if headers.get("upgrade", "").lower() == "websocket":
            writer.write(wire.accept_upgrade(headers))
            await echo_frames(reader, writer)
            return
        total, digest = await read_body(reader, headers)
        body = f"{total} {digest}\n".encode()
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        if headers.get("connection", "").lower() == "close":
            return


async def serve_echo(reader, writer):
    while True:
        data = await reader.read(65536)
        if not data:
            return
        writer.write(data)
        await writer.drain()


def guarded(serve):
    """A client that goes away ends its connection and nothing else."""

    async def run(reader, writer):
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return run


class UdpEcho(asyncio.DatagramProtocol):
    """Answers with its name, the port that it was asked from, and the datagram."""

    def __init__(self, name):
        self.name = name
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(f"{self.name} {addr[1]} ".encode() + data, addr)


async def start_tcp(serve):
    server = await asyncio.start_server(guarded(serve), HOST, 0, backlog=1024)
    return server.sockets[0].getsockname()[1]


async def start_udp(name):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    sock.setblocking(False)
    sock.bind((HOST, 0))
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: UdpEcho(name), sock=sock)
    return sock.getsockname()[1]


async def main():
    ports = {
        "http": [await start_tcp(serve_http)],
        "tcp": [await start_tcp(serve_echo) for _ in range(N_TCP)],
        "udp": [await start_udp(f"u{i}") for i in range(N_UDP)],
    }
    print(json.dumps(ports), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

"""The bit of HTTP/1.1 and WebSocket (RFC 6455) that the load and its backends speak."""
import base64
import hashlib
import os

TEXT, BINARY, CLOSE = 1, 2, 8
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def parse_headers(head):
    """{name in lower case: value}"""
    headers = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        if name:
            headers[name.lower()] = value.strip()
    return headers


async def body_pieces(reader, headers):
    """The pieces of a message's body, by Content-Length or in chunks; none without either."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while True:
            n = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            if n > 0:
                yield await reader.readexactly(n)
            await reader.readuntil(b"\r\n")
            if n == 0:
                return
    left = int(headers.get("content-length", "0"))
    while left > 0:
        piece = await reader.read(min(left, 65536))
        if not piece:
            raise ConnectionError(f"the body ended {left} bytes early")
        left -= len(piece)
        yield piece


def upgrade_key():
    return base64.b64encode(os.urandom(16)).decode()


def upgrade_answer(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def accept_upgrade(headers):
    """The response of a server to the headers of an upgrade request."""
    answer = upgrade_answer(headers["sec-websocket-key"])
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {answer}\r\n\r\n"
    ).encode()


def _mask(data, key):
    n = len(data)
    repeated = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(n, "big")


def frame(opcode, data, masked):
    """One final frame (RFC 6455 section 5.2)."""
    n = len(data)
    bit = 0x80 if masked else 0
    if n < 126:
        head = bytes([0x80 | opcode, bit | n])
    elif n < 65536:
        head = bytes([0x80 | opcode, bit | 126]) + n.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, bit | 127]) + n.to_bytes(8, "big")
    if not masked:
        return head + data
    key = os.urandom(4)
    return head + key + _mask(data, key)


async def read_frame(reader):
    """(opcode, data) of a final frame, unmasked."""
    first, second = await reader.readexactly(2)
    n = second & 0x7F
    if n >= 126:
        n = int.from_bytes(await reader.readexactly(2 if n == 126 else 8), "big")
    key = await reader.readexactly(4) if second & 0x80 else None
    data = await reader.readexactly(n)
    return first & 0x0F, _mask(data, key) if key and data else data

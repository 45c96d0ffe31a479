"""A web server that answers a path in the way the path says, most of them meant to hold a client or to fill it."""

import asyncio
import gzip
import socket
import struct
from collections.abc import AsyncIterator
from urllib.parse import unquote

from tests.security.made_up_answers import made_up

OK = b"HTTP/1.1 200 OK\r\n"
PIECE = b"x" * 65536
FOREVER = 10**9
TICK_S = 0.02  # between the bytes of what is drip-fed; far below any timeout per read


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one request and close."""
    try:
        line = await reader.readline()
        head = await reader.readuntil(b"\r\n\r\n") if line else b""
        path = line.split(b" ")[1].decode() if line.count(b" ") == 2 else "/"
        async for piece in _pieces(path, head, writer):
            writer.write(piece)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


def redirect(status: int, target: str) -> bytes:
    """An answer that sends its client to `target`."""
    return f"HTTP/1.1 {status} Elsewhere\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()


async def _drip(text: bytes) -> AsyncIterator[bytes]:
    for byte in text:
        yield bytes([byte])
        await asyncio.sleep(TICK_S)


async def _endless(piece: bytes, pause_s: float = 0) -> AsyncIterator[bytes]:
    for _ in range(FOREVER):
        yield piece
        await asyncio.sleep(pause_s)


async def _pieces(path: str, head: bytes, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    kind, _, rest = path[1:].partition("/")
    if kind == "to":  # /to/<status>/<depth>/<target>: the target after so many redirects
        status, depth, target = rest.split("/", 2)
        onward = unquote(target) if depth == "1" else f"/to/{status}/{int(depth) - 1}/{target}"
        yield redirect(int(status), onward)
    elif kind == "echo":
        yield OK + b"\r\n" + head
    elif kind in FIXED:
        yield FIXED[kind]
    elif kind in ENDLESS:
        start, piece, pause_s = ENDLESS[kind]
        yield start
        async for more in _endless(piece, pause_s):
            yield more
    elif kind in DRIPPED:
        start, slow = DRIPPED[kind]
        yield start
        async for byte in _drip(slow):
            yield byte
    elif kind in STALLING or kind == "made-up":
        sent, stalls, _ = made_up(int(rest)) if rest else (STALLING[kind], True, None)
        yield sent
        if stalls:
            await asyncio.sleep(FOREVER)
    elif kind in ("reset", "reset-in-body"):
        if kind == "reset-in-body":
            yield OK + b"Content-Length: 1000\r\n\r\nxxxxx"
        # Lingering for no time makes closing a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif kind != "empty":
        yield OK + b"Content-Length: 5\r\n\r\nhello"


FIXED = {
    "cookie": b"HTTP/1.1 302 Elsewhere\r\nSet-Cookie: a=b\r\nLocation: /echo\r\n\r\n",
    "missing": b"HTTP/1.1 404 Not Found\r\n\r\nhello",
    "part": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\n\r\nhello",
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
    "ask-for-password": b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\nhello",
    "use-proxy": b"HTTP/1.1 305 Use Proxy\r\nLocation: http://10.0.0.1/\r\n\r\n",
    "garbage": b"\0\xff\xfe" * 1000,
    "http-0.9": b"hello",
    "short": OK + b"Content-Length: 1000000\r\n\r\nhello",
    "negative-length": OK + b"Content-Length: -1\r\n\r\n" + PIECE,
    "huge-length": OK + b"Content-Length: 100000000000000000000\r\n\r\nhello",
    "wrong-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "negative-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "huge-chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nhello",
    "gzip": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hello"),
    "gzip-bomb": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(20_000_000)),
    "deflate": OK + b"Content-Encoding: deflate\r\n\r\nhello",
    "brotli": OK + b"Content-Encoding: br\r\n\r\nhello",
    "twice-compressed": OK + b"Content-Encoding: gzip, identity\r\n\r\nhello",
    "loop": redirect(302, "/loop"),
    "to-nowhere": b"HTTP/1.1 302 Elsewhere\r\nLocation:\r\n\r\n",
    "refresh": OK + b"Refresh: 0; url=http://10.0.0.1/\r\nContent-Length: 5\r\n\r\nhello",
    "lie": OK + b"Content-Length: 5\r\n\r\n" + b"hello" * 20,
    "many-headers": OK + b"A: b\r\n" * 100_000 + b"\r\nhello",
    "long-header": OK + b"A: " + b"b" * 10_000_000 + b"\r\n\r\nhello",
}

# What is sent first, what then comes again and again, and with which pause.
ENDLESS = {
    "endless": (OK + b"\r\n", PIECE, 0),
    "endless-chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + PIECE + b"\r\n", 0),
    "endless-chunk-line": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1", 0),
    "endless-headers": (OK, b"A: b\r\n", TICK_S),
    "endless-header": (OK + b"A: ", PIECE, 0),
    "endless-continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0),
    "endless-trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n", 0),
    "endless-redirect-body": (b"HTTP/1.1 302 Elsewhere\r\nLocation: /ok\r\n\r\n", PIECE, 0),
    "dripped-chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", TICK_S),
    "dripped-redirects": (b"HTTP/1.1 302 Elsewhere\r\nLocation: /", b"x", TICK_S),
}

# What is sent before nothing more comes.
STALLING = {
    "silent": b"",
    "stall": OK + b"Content-Length: 1000\r\n\r\nxxxxx",
}

# What is sent first, and what then comes byte by byte.
DRIPPED = {
    "dripped-body": (OK + b"Content-Length: 900\r\n\r\n", b"x" * 900),
    "dripped-status": (b"", OK * 100),
    "dripped-header": (OK, b"A: " + b"b" * 10_000),
}

"""Answers of a web server made up from a number: cut, padded, compressed, in chunks that are none, and stalling."""

import random
import zlib
from typing import NamedTuple

SIZES = (1, 7, 1000, 65_536, 99_999, 100_000, 100_001, 400_000)
STATUSES = (*["200 OK"] * 6, "206 Partial Content", "203 x", "404 x", "500 x", "299 x")
JUNK = (b"A: b", b"Set-Cookie: a=b", b"Content-Type: text/html", b"Keep-Alive: timeout=9", b"ETag: \xff", b"Age: -1")


class MadeUp(NamedTuple):
    """The bytes sent, whether the server then stalls, and what may be made of it: bodies, and None for a refusal."""

    sent: bytes
    stalls: bool
    readings: tuple[bytes | None, ...]


def made_up(seed: int) -> MadeUp:
    """The answer of this number, always the same."""
    rng = random.Random(seed)
    size = rng.choice(SIZES)
    body = (rng.randbytes(499).hex().encode() * (size // 998 + 1))[:size]
    status = rng.choice(STATUSES)
    head, payload, *readings = rng.choice(_FRAMINGS)(body, rng)
    lines = [*rng.sample(JUNK, rng.randint(0, len(JUNK))), *head]
    rng.shuffle(lines)
    sent = b"\r\n".join([f"HTTP/1.1 {status}".encode(), *lines, b"", payload])
    stalls = rng.random() < 0.15
    if stalls:
        sent = sent[: rng.randrange(len(sent) - len(payload) // 2)]
    return MadeUp(sent, stalls, tuple(readings) if status == "200 OK" and not stalls else (None,))


def _whole(body, rng):
    return [b"Content-Length: %d" % len(body)], body, body


def _padded(body, rng):
    return [b"Content-Length: %d" % len(body)], body + rng.randbytes(100), body


def _cut(body, rng):
    return [b"Content-Length: %d" % (len(body) + rng.randint(1, 10**9))], body, None


def _unbounded(body, rng):
    return [], body, body


def _in_chunks(body, rng):
    return [b"Transfer-Encoding: chunked"], b"".join(_chunks(body, rng)) + b"0\r\n\r\n", body


def _without_end(body, rng):
    return [b"Transfer-Encoding: chunked"], b"".join(_chunks(body, rng)), None


def _in_broken_chunks(body, rng):
    first, *rest = _chunks(body, rng)
    broken = rng.choice([b"zz\r\n", b"-1\r\n", b"\xff\r\n", b"1" * 100_000, first[:-1]])
    return [b"Transfer-Encoding: chunked"], first[: len(first) // 2] + broken + b"".join(rest), None


def _compressed(body, rng):
    packed = zlib.compress(body)
    coding = rng.choice([b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"x"])
    return [b"Content-Encoding: " + coding, b"Content-Length: %d" % len(packed)], packed, None


def _at_odds(body, rng):  # counts as no length at all, or as one of them
    lengths = rng.sample([b"-1", b"0x5", b"five", b"5, 6", b"%d" % (len(body) + 1)], 2)
    return [b"Content-Length: " + length for length in lengths], body, body, None


def _chunks(body, rng):
    chunks, start = [], 0
    while start < len(body):
        size = rng.choice([1, 100, 50_000, 200_000])
        piece = body[start : start + max(size, len(body) // 50)]
        chunks.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        start += len(piece)
    return chunks


_FRAMINGS = (
    _whole, _padded, _cut, _unbounded, _in_chunks, _without_end, _in_broken_chunks, _compressed, _at_odds,
)  # fmt: skip

"""Requests that a proxy and the server behind it may read differently, so that one hides in another.

Each is sent on a connection of its own with a harmless marker after it. Three ids tell what the server saw: `attack-N`,
`smuggled-N` (the request within the attack's body) and `marker-N`.
"""

import random

from tests.conftest import KEY

TARGETS = [
    b"POST /extract HTTP/1.1",
    b"GET /persons HTTP/1.1",
    b"POST /extract HTTP/1.0",
    b"POST http://x/extract HTTP/1.1",
    b"GET http://y:1/persons HTTP/1.1",
    b"CONNECT x:80 HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"POST /extract HTTP/1.1\0",
    b"POST /extract HTTP/1.1 ",
    b"POST  /extract  HTTP/1.1",
    b"POST\t/extract\tHTTP/1.1",
    b"POST /extract HTTP/1.2",
    b"POST /extract HTTP/01.1",
    b"POST /a b HTTP/1.1",
    b"GET /%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0aDELETE%20/collections/canary HTTP/1.1",
    b"GET /persons\rX: HTTP/1.1",
    b"GET /persons?name=\xff\x01 HTTP/1.1",
    b"\r\n\r\nPOST /extract HTTP/1.1",
]
CODINGS = [
    b"",
    b"Transfer-Encoding: chunked",
    b"transfer-encoding: CHUNKED",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding\t: chunked",
    b"X: x\r\n Transfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding: chunked\x0c",
    b"Transfer-Encoding: chunked\0",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked;q=1",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: \xa0chunked",
    b"Transfer-Encoding:",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding\0: chunked",
    b"X: x\nTransfer-Encoding: chunked",
    b"X: x\rTransfer-Encoding: chunked",
    b"TE: chunked",
]
# `%d` is a number of bytes.
LENGTHS = [
    b"",
    b"Content-Length: %d",
    b"content-length:%d",
    b"Content-Length: %d\r\nContent-Length: %d",
    b"Content-Length: %d\r\nContent-Length: 0",
    b"Content-Length: 0\r\nContent-Length: %d",
    b"Content-Length: %d, %d",
    b"Content-Length: -%d",
    b"Content-Length: +%d",
    b"Content-Length: 0x%x",
    b"Content-Length: 000%d",
    b"Content-Length: %d.0",
    b"Content-Length: %d_0",
    b"Content-Length: %d\x0b",
    b"Content-Length: %d\0",
    b"Content-Length: %d;",
    b"Content-Length : %d",
    b"Content-Length:\r\n %d",
    b"Content_Length: %d",
    b"Content-Length: \xb2%d",
    b"Content-Length: 18446744073709551616%d",
    b"X: x\nContent-Length: %d",
    b"X: x\rContent-Length: %d",
]
# Around the smuggled request: what stands before it, and what after.
BODIES = [
    (b"", b""),
    (b"0\r\n\r\n", b""),
    (b"%x\r\n", b"\r\n0\r\n\r\n"),  # a chunk of it
    (b"%x;a=b\r\n", b"\r\n0\r\n\r\n"),
    (b"%x;a=\n", b"\r\n0\r\n\r\n"),
    (b"%X \r\n", b"\r\n0\r\n\r\n"),
    (b"0x%x\r\n", b"\r\n0\r\n\r\n"),
    (b"+%x\r\n", b"\r\n0\r\n\r\n"),
    (b"2\r\nab\r\n0\r\n\r\n", b""),
    (b"2\r\nabXX0\r\n\r\n", b""),
    (b"2\r\nab0\r\n\r\n", b""),
    (b"0\n\n", b""),
    (b"0\r\n\n", b""),
    (b"0\n\r\n", b""),
    (b"0;\n\r\n\r\n", b""),
    (b"-0\r\n\r\n", b""),
    (b"00000000000000000000\r\n\r\n", b""),
    (b"0\x0b\r\n\r\n", b""),
    (b"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
    (b"10000000000000000\r\n\r\n", b""),
    (b"100000000\r\n\r\n", b""),
    (b"fffffffffffffffe\r\n\r\n", b""),
    (b"\r\n", b""),
]
EXTRAS = [
    b"",
    b"Expect: 100-continue",
    b"Expect: x\r\nExpect: 100-continue",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Connection: keep-alive, X-API-Key, Authorization, X-Forwarded-For, X-Request-Id",
    b"Connection: Content-Length, Transfer-Encoding",
    b"X-Forwarded-For: 10.0.0.1",
    b"X_Forwarded_For: 10.0.0.1",
    b"X-Forwarded-For : 10.0.0.1",
    b"X-A: a\rX-Forwarded-For: 10.0.0.1",
    b"X-A: a\nX-Forwarded-For: 10.0.0.1",
    b"X A: a",
    b"X-A: a\0b",
    b" X-A: a",
    b": a",
    b"Host: y",
    b"Trailer: Content-Length",
    b"Keep-Alive: 1",
    b"X-Request-Id: a\r\n b",
    b"Content-Type: application/json\r\nContent-Encoding: gzip",
]
_WHOLE = [
    b"GET /persons?name=smuggled HTTP/1.1\r\n%b\r\n",
    b"DELETE /collections/canary HTTP/1.1\r\n%b\r\n",
]
SMUGGLED = [
    *_WHOLE * 2,
    b"GET /persons HTTP/1.1\r\n%bContent-Length: 100\r\n\r\n",  # would take the marker for its body
    b"GET /persons HTTP/1.1\r\n%bX-Rest: ",  # would take the marker's first line for a header
]
OLDEST = b"GET /persons?name=smuggled\r\n"  # HTTP/0.9


def attack(number, rng):
    """The bytes of one attack, each odd part alone first and then some of them together, and of its marker."""
    target, coding, length, (before, after), extra = SINGLES[number] if number < len(SINGLES) else mixed(rng)
    template, keeps, oldest = rng.choice(SMUGGLED), rng.random() < 0.5, number % 50 == 49
    smuggled = OLDEST if oldest else template % _head(b"smuggled", number)
    filled = before % len(smuggled) if b"%" in before else before
    body = filled + smuggled + after
    claimed = rng.choice([len(body), len(body), len(filled), len(filled) + len(smuggled) // 2])
    framing = [coding, _filled(length, claimed)]
    rng.shuffle(framing)
    lines = [target, *framing, extra, b"Connection: keep-alive" if keeps else b""]
    head = b"".join(line + b"\r\n" for line in lines if line)
    marker = b"GET /health HTTP/1.1\r\n%bConnection: close\r\n\r\n" % _head(b"marker", number)
    return (b"" if oldest else head + _head(b"attack", number) + b"\r\n") + body, marker


def mixed(rng):
    """A plain request with one to three of its parts odd: with more it is refused for one, and hides the rest."""
    picks = list(rng.choice([_CHUNKED, _SIZED, _BOTH]))
    for place in rng.sample(range(len(PARTS)), rng.randint(1, 3)):
        picks[place] = rng.choice(PARTS[place])
    return picks


def attacks(count):
    rng = random.Random(count)
    return [attack(number, rng) for number in range(count)]


def _head(kind, number):
    return b"Host: x\r\nX-API-Key: %b\r\nX-Request-Id: %b-%d\r\n" % (KEY.encode(), kind, number)


def _filled(template, claimed):
    places = template.count(b"%")
    return template % ((claimed,) * places) if places else template


PARTS = (TARGETS, CODINGS, LENGTHS, BODIES, EXTRAS)
_CHUNKED = (TARGETS[0], CODINGS[1], LENGTHS[0], BODIES[1], EXTRAS[0])
_SIZED = (TARGETS[0], CODINGS[0], LENGTHS[1], BODIES[0], EXTRAS[0])
_BOTH = (TARGETS[0], CODINGS[1], LENGTHS[1], BODIES[1], EXTRAS[0])
# Each odd part alone, on a request in chunks, on one with a length, or on one with both.
_ALONE = [(_BOTH, 1), (_BOTH, 2), (_CHUNKED, 1), (_SIZED, 2), (_CHUNKED, 3), (_CHUNKED, 4), (_SIZED, 0)]
SINGLES = [(*plain[:place], odd, *plain[place + 1 :]) for plain, place in _ALONE for odd in PARTS[place]]

"""The hostile requests: each a name, what is sent, and how it has to be refused."""

import gzip
import zlib
from dataclasses import dataclass

from tests.conftest import KEY

# Beside the error codes: a plain 200, and an end by the server itself, where what was sent is no HTTP.
FINE = "200"
REFUSED = "refused"

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
PNG = "image/png"


@dataclass(frozen=True)
class Hostile:
    """`hangs_up`: the client closes its half of the connection when all is sent."""

    name: str
    sent: bytes
    answers: tuple[str, ...] = ("validation_error",)
    hangs_up: bool = False


def post(body=b"", *headers, kind=JSON, path="/extract", length=None):
    """A request of which everything can be wrong; `length` and `kind` as "" leave their header out."""
    body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", f"X-API-Key: {KEY}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"Content-Length: {len(body) if length is None else length}"] if length != "" else []
    return raw(*lines, *headers, body=body)


def raw(*lines, body=b""):
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode("latin-1") for line in lines) + (
        b"\r\n\r\n" + body
    )


def get(*headers, path="/health", method="GET", version="HTTP/1.1"):
    return raw(f"{method} {path} {version}", "Host: x", "Connection: close", *headers)


def parts(*texts, end="--B--\r\n"):
    return "".join(f"--B\r\n{text}\r\n" for text in texts) + end


def form(*texts, end="--B--\r\n"):
    return post(parts(*texts, end=end), kind=MULTIPART)


def field(name, content="a"):
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{content}'


FILE = 'Content-Disposition: form-data; name="img"; filename="{}"\r\n\r\na'
TYPE = "Content-Type: "
NOT_AN_IMAGE = ("image_decode_error",)
TOO_LARGE = ("request_too_large",)
UNSUPPORTED = ("unsupported_media_type",)
NO_LENGTH = ("length_required",)
BROKEN = (REFUSED,)
MILLION = 1_000_000

IN_JSON = [
    Hostile("100,000 arrays in each other", post("[" * 100_000)),
    Hostile("100,000 objects in each other", post('{"a":' * 100_000)),
    Hostile("50,000 arrays and objects in an image", post('{"img":' + '[{"a":' * 50_000)),
    Hostile("closed arrays", post('{"img":' + "[" * 100_000 + "]" * 100_000 + "}")),
    *(
        Hostile(f"the number {number}", post(f'{{"img": "a", "threshold": {number}}}', path="/find"))
        for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "-0.1")
    ),
    Hostile("a number that is none, deep", post('{"img": {"a": [NaN]}}')),
    Hostile("an integer of 10,000 digits", post('{"img": "a", "max_faces": ' + "9" * 10_000 + "}")),
    Hostile("a fraction of 10,000 digits", post('{"img": "a", "max_faces": 0.' + "4" * 10_000 + "}")),
    Hostile("an exponent of 10,000 digits", post('{"img": "a", "max_faces": 1e' + "9" * 10_000 + "}")),
    Hostile("a key twice", post('{"img": "a", "img": "b"}')),
    Hostile("a key twice, deep", post('{"img": {"a": [{"b": 1, "b": 2}]}}')),
    Hostile("a key twice, once escaped", post('{"img1": "a", "img2": "b", "img\\u0031": "c"}', path="/verify")),
    Hostile("a key twice, both escaped", post('{"\\u0069mg": "a", "i\\u006dg": "b"}')),
    Hostile("a million keys", post("{" + ",".join(f'"{n}":1' for n in range(MILLION)) + "}")),
    Hostile("a key a million times", post("{" + ",".join(['"a":1'] * MILLION) + "}")),
    Hostile("a million actions", post('{"img": "a", "actions": [' + ",".join("1" * MILLION) + "]}", path="/analyze")),
    Hostile("a key of a megabyte", post('{"' + "a" * MILLION + '": 1}')),
    Hostile("an option of a megabyte", post('{"img": "a", "color_face": "' + "a" * MILLION + '"}')),
    Hostile("a path of a megabyte", post('{"img": "' + "../" * (MILLION // 3) + '"}'), ("image_source_forbidden",)),
    Hostile("a NUL in an image", post('{"img": "a\\u0000.png"}'), NOT_AN_IMAGE),
    Hostile("half a character in an image", post('{"img": "\\ud800"}'), NOT_AN_IMAGE),
    Hostile("half a character in a key", post('{"img": "a", "\\udfff": 1}')),
    Hostile("half a character in bytes", post(b'{"img": "\xed\xa0\x80"}')),
    Hostile("a byte order mark", post('\ufeff{"img": "a"}'), NOT_AN_IMAGE),
    Hostile("UTF-16", post('{"img": "a"}'.encode("utf-16"))),
    Hostile("UTF-16 that says so", post('{"img": "a"}'.encode("utf-16"), kind=f"{JSON}; charset=utf-16")),
    Hostile("UTF-32", post('{"img": "a"}'.encode("utf-32"))),
    Hostile("bytes that are no UTF-8", post(b'{"img": "\xff\xfe\xc0\xaf"}')),
    Hostile("a keyword of Python's", post('{"img": None}')),
    Hostile("a comment", post('{"img": "a" /* */}')),
    Hostile("more after the end", post('{"img": "a"} {"img": "b"}')),
    Hostile("names of Python's own", post('{"img": "a", "__class__": {}, "model_config": {}, "__proto__": 1}')),
    *(Hostile(f"{text} for an object", post(text)) for text in ('[{"img": "a"}]', "1", '"a"', "null", "true", "")),
]  # fmt: skip

IN_FORMS = [
    Hostile("a part twice", form(field("img"), field("img"))),
    Hostile("a part as file and as text", form(field("img"), FILE.format("f"))),
    Hostile("1,001 parts", form(*(field(n) for n in range(1001))), TOO_LARGE),
    Hostile("a part without a name", form("Content-Disposition: form-data\r\n\r\na")),
    Hostile("two parts without a name", form(*["Content-Disposition: form-data\r\n\r\na"] * 2)),
    Hostile("a file without a name", form('Content-Disposition: form-data; filename="f"\r\n\r\na')),
    Hostile("a part with an empty name", form(field(""))),
    Hostile("a part without headers", form("\r\na")),
    Hostile("a part that is no form-data", form("Content-Disposition: attachment\r\n\r\na")),
    Hostile("a part header of megabytes", form("X: " + "a" * 3 * MILLION + "\r\n" + field("img"))),
    Hostile("a name of megabytes", form(field("a" * 3 * MILLION))),
    Hostile("100,000 headers of a part", form("X: a\r\n" * 100_000 + field("img"))),
    Hostile(
        "100,000 headers of a part behind 1,001 lines that are almost its boundary",
        form(field("a", "\r\n--Bx" * 1001), "X: a\r\n" * 100_000 + field("img")),
    ),
    Hostile("no boundary", post(parts(field("img")), kind="multipart/form-data")),
    Hostile("an empty boundary", post(parts(field("img")), kind="multipart/form-data; boundary=")),
    Hostile("a boundary of 300 characters", post(parts(field("a")), kind=f"multipart/form-data; boundary={'B' * 300}")),
    Hostile("a boundary of odd characters", post(parts(field("img")), kind='multipart/form-data; boundary="\xff\\(["')),
    Hostile("another boundary", post(parts(field("img")), kind="multipart/form-data; boundary=C")),
    Hostile("a form never closed", form(field("img"), end="")),
    Hostile("a part never ended", post("--B\r\nContent-Disposition: form-data; na", kind=MULTIPART)),
    Hostile("a name that is no UTF-8", form(field("img\ud800"))),
    Hostile("a text that is no UTF-8", form(field("img", "\ud800")), NOT_AN_IMAGE),
    Hostile("a file named to climb", form(FILE.format("../../x\0.png")), NOT_AN_IMAGE),
    Hostile("a form in a form", form(f"{TYPE}multipart/mixed; boundary=C\r\n" + field("img", "--C--")), NOT_AN_IMAGE),
    Hostile("a part in an unknown charset", form(f"{TYPE}text/plain; charset=none\r\n" + field("img")), NOT_AN_IMAGE),
    Hostile("a part in a codec of Python's", form(f"{TYPE}text/plain; charset=zlib\r\n" + field("img")), NOT_AN_IMAGE),
    Hostile("an empty form", post("--B--\r\n", kind=MULTIPART)),
    Hostile("a million fields", post("&".join(f"{n}=1" for n in range(MILLION)), kind=FORM)),
    Hostile("a million ampersands", post("&" * MILLION, kind=FORM)),
    Hostile("a field twice", post("img=a&img=b", kind=FORM)),
    Hostile("a field twice, once escaped", post("img=a&im%67=b", kind=FORM)),
    Hostile("escapes that are none", post("img=%zz&%=%&max_faces=%31%", kind=FORM)),
    Hostile("escapes that are no UTF-8", post("%ff=%c0%af&img=a", kind=FORM)),
    Hostile("a million actions by commas", post("img=a&actions=" + "," * MILLION, kind=FORM, path="/analyze")),
    Hostile("options beside a form", post("img=a", kind=FORM, path="/extract?max_faces=1")),
]  # fmt: skip

BOMB = gzip.compress(b" " * 100 * MILLION)
TYPES = [
    *(
        Hostile(f"the type {kind!r:.40}", post('{"img": "a"}', kind=kind), UNSUPPORTED)
        for kind in ("", "text/plain", "application/json-patch+json", "multipart/mixed; boundary=B", "application",
                     "/", ";", "application/json/x", "\xff", "application/x-python-pickle")
    ),
    Hostile("a type of 7,000 characters", post("{}", kind="a" * 7000), UNSUPPORTED),
    Hostile("two types", post("img=a", f"{TYPE}{FORM}"), BROKEN),
    Hostile("JSON in an unknown charset", post("[]", kind=f"{JSON}; charset=nonsense")),
    Hostile("JSON in a codec of Python's", post("[]", kind=f"{JSON}; charset=zlib_codec")),
    *(
        Hostile(f"no image as {kind}", post(b"a", kind=kind), NOT_AN_IMAGE)
        for kind in ("image/", "image/*", "image/png; charset=utf-16", "image/../json", "image/svg+xml")
    ),
    Hostile("an image of nothing", post(kind=PNG)),
    Hostile("an image for a pair", post(b"a", kind=PNG, path="/verify"), UNSUPPORTED),
    Hostile("an entity", post('<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc">]><svg>&a;</svg>', kind=PNG), NOT_AN_IMAGE),
    Hostile("a gzip bomb as JSON", post(BOMB, "Content-Encoding: gzip"), UNSUPPORTED),
    Hostile("a gzip bomb as image", post(BOMB, "Content-Encoding: gzip", kind=PNG), UNSUPPORTED),
    Hostile("a gzip bomb as form", post(BOMB, "Content-Encoding: gzip", kind=FORM), UNSUPPORTED),
    Hostile("a deflate bomb", post(zlib.compress(b" " * 10 * MILLION), "Content-Encoding: deflate"), UNSUPPORTED),
]  # fmt: skip

ID, CODING, CLOSE = "X-Request-Id: ", "Transfer-Encoding: ", b"Connection: close\r\n"
HTTP = [
    *(
        Hostile(f"a Content-Length of {length!r:.20}", post("{}", length=length), BROKEN)
        for length in ("-1", "+2", "0x2", "1_0", "2 2", "2,2", "two", " ", "\xb2")
    ),
    Hostile("a Content-Length of 10^30", post("{}", length=10**30), TOO_LARGE),
    Hostile("a Content-Length of 10^5000", post("{}", length="1" + "0" * 5000), BROKEN),
    Hostile("two Content-Lengths", post("{}", "Content-Length: 0"), BROKEN),
    Hostile("a Content-Length with an underscore", post("{}", "Content_Length: 1", length="")),
    Hostile("a Content-Length too small", post('{}GET /health HTTP/1.1\r\nHost: x\r\n\r\n', length=2)),
    Hostile("a Content-Length too large", post('{"img": "a"}', length=100), hangs_up=True),
    Hostile("a form cut off", post("img=a", kind=FORM, length=100), hangs_up=True),
    Hostile("an image cut off", post(b"a", kind=PNG, length=100), hangs_up=True),
    Hostile("no length", post("{}", length="")),
    Hostile("chunks", post("2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=""), NO_LENGTH),
    Hostile("chunks that are none", post("nonsense", "Transfer-Encoding: chunked", length=""), NO_LENGTH),
    Hostile("a chunk of 10^30", post("f" * 25 + "\r\n{}", "Transfer-Encoding: chunked", length=""), NO_LENGTH),
    Hostile("chunks and a length", post("0\r\n\r\nGET /x", "Transfer-Encoding: chunked"), BROKEN),
    Hostile("chunks twice", post("0\r\n\r\n", "Transfer-Encoding: chunked, chunked", length=""), BROKEN),
    Hostile("chunks in two headers", post("0\r\n\r\n", f"{CODING}chunked", f"{CODING}identity", length=""), BROKEN),
    Hostile("an unknown coding", post("0\r\n\r\n", "Transfer-Encoding: xchunked", length=""), BROKEN),
    Hostile("chunks after a tab", post("0\r\n\r\n", "Transfer-Encoding:\tchunked", length=""), NO_LENGTH),
    Hostile("chunks after a vertical tab", post("0\r\n\r\n", "Transfer-Encoding: \x0bchunked", length=""), BROKEN),
    Hostile("HTTP/1.0 in chunks", raw("POST /extract HTTP/1.0", f"{CODING}chunked", body=b"0\r\n\r\n"), BROKEN),
    Hostile("a folded header", get("X: a\r\n b"), BROKEN),
    Hostile("a space before the colon", get("X : a"), BROKEN),
    Hostile("a header without a colon", get("nonsense"), BROKEN),
    Hostile("a header without a name", get(": a"), BROKEN),
    Hostile("a NUL in a header", get("X: a\0b"), BROKEN),
    Hostile("a carriage return in a header", get("X: a\rY: b"), BROKEN),
    Hostile("lines that end in LF only", b"GET /health HTTP/1.1\nHost: x\n\n", BROKEN, hangs_up=True),
    Hostile("a header of 100 kB", get("X: " + "a" * 100_000), BROKEN),
    Hostile("10,000 headers", get(*["X: a"] * 10_000), BROKEN),
    Hostile("a header that never ends", b"GET / HTTP/1.1\r\nX: " + b"a" * MILLION, BROKEN, hangs_up=True),
    Hostile("a URL of 20,000 characters", get(path="/" + "a" * 20_000), BROKEN),
    Hostile("a query of 20,000 characters", post(b"a", kind=PNG, path="/extract?a=" + "a" * 20_000), BROKEN),
    Hostile("300 options of a raw image", post(b"a", kind=PNG, path="/extract?" + "&".join(map(str, range(300))))),
    Hostile("a path that climbs", get(path="/../../etc/passwd"), ("not_found",)),
    Hostile("a path with escaped line ends", get(path="/%0d%0aX:%20a"), ("not_found",)),
    Hostile("a path with a NUL", get(path="/\0"), BROKEN),
    Hostile("a path that is no UTF-8", get(path="/%ff%c0%af"), ("not_found",)),
    Hostile("another host's URL", get(path="http://example.com/nothing"), ("not_found",)),
    *(
        Hostile(f"the method {method:.20}", get(method=method), ("method_not_allowed",))
        for method in ("BREW", "DELETE", "PUT", "PATCH", "TRACE", "PROPFIND", "POST")
    ),
    *(Hostile(f"the method {method:.20}", get(method=method), BROKEN) for method in ("brew", "G\0T", "A" * 1000, "")),
    Hostile("a method in a header", post("[]", "X-HTTP-Method-Override: GET", path="/health"), ("method_not_allowed",)),
    *(
        Hostile(f"the version {version!r}", get(version=version), BROKEN)
        for version in ("HTTP/9.9", "HTTP/1", "http/1.1", "HTTP/1.1 x", "HTTP/2.0")
    ),
    Hostile("HTTP/0.9", b"GET /\r\n\r\n", BROKEN),
    Hostile("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BROKEN),
    Hostile("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", BROKEN),
    Hostile("a proxy's line", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get(), BROKEN),
    Hostile("noise", bytes(range(256)) * 100, BROKEN, hangs_up=True),
    Hostile("nothing", b"", BROKEN, hangs_up=True),
    Hostile("an unknown expectation", post("{}", "Expect: nonsense"), BROKEN),
    Hostile("waiting to send 100 MB", post("", "Expect: 100-continue", length=100 * MILLION), TOO_LARGE),
    Hostile("an upgrade", get("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AA"), (FINE,)),
    Hostile("two requests at once", get().replace(CLOSE, b"") + get(), (FINE, FINE)),
    Hostile("a wrong one and a good one", post("[]").replace(CLOSE, b"") + get(), ("validation_error", FINE)),
    Hostile("an id that drives a terminal", get(f"{ID}\x1b[2J"), BROKEN),
    Hostile("an id with a line end", get(f"{ID}a\r\n Set-Cookie: b"), BROKEN),
    *(
        Hostile(f"the id {given!r:.20}", get(ID + given), (FINE,))
        for given in ("a" * 7000, "\xe9\xff", "%0d%0aSet-Cookie:b", "a b", '"}{"', "", "\u00e2\u0080\u00a8")
    ),
    Hostile("a path from a header", get("SCRIPT_NAME: /health", "PATH_INFO: /x"), (FINE,)),
    Hostile("schemes at odds", get("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"), (FINE,)),
]  # fmt: skip

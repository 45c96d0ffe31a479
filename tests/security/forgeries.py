"""Requests that try to write lines of their own into the log: every field of a client's, with what could end a line."""

import json
import random
from urllib.parse import quote

from tests.security.bodies import FORM, MULTIPART, PNG, field, form, get, parts, post

FORGED_JSON = (
    '{"time": "2001-01-01T00:00:00+0000", "level": "INFO", "logger": "access", "message": "request", "forged": 1}'
)
FORGED_TEXT = "2001-01-01 00:00:00,000 INFO    request forged=1"
ENDS = ["\n", "\r", "\r\n", "\n\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0"]
DRIVES = ["\x1b[2K\x1b[1A", "\x1b]0;title\x07", "\x9b2J", "\b" * 80, "\x7f" * 80, "\u202e", "\ud800"]
OVERLONG = 5000

HEADERS = ["X-Request-Id", "User-Agent", "X-Forwarded-For", "X-API-Key", "Authorization", "Idempotency-Key", "Referer"]
VALUES = ["model_name", "detector_backend", "name", "collection", "img", "person_id", "color_face", "retain_until"]


def _json(given, path="/register"):
    return post(json.dumps(given), path=path)


def _header(name):
    return lambda text: get(f"{name}: ".encode() + _encoded(text), path="/persons")


def _value(name):
    return lambda text: _json({"img": "a.png", "name": "a"} | {name: text})


def _encoded(text):
    return text.encode("utf-8", "surrogatepass")


def _escaped(text):
    return quote(_encoded(text))


def _raw_path(text):
    return get().replace(b"/health", b"/" + _encoded(text))


# By the field: the request that carries a text in it.
FIELDS = {
    "path": _raw_path,
    "escaped path": lambda text: get(path=f"/{_escaped(text)}"),
    "name of a collection in the path": lambda text: get(path=f"/collections/{_escaped(text)}", method="DELETE"),
    "query": lambda text: get(path=f"/persons?name={_escaped(text)}"),
    "name in the query": lambda text: get(path=f"/persons?{_escaped(text)}=1"),
    "query of an image": lambda text: post(b"a", kind=PNG, path=f"/extract?model_name={_escaped(text)}"),
    "method": lambda text: get().replace(b"GET", b"GET" + _encoded(text)),
    "type": lambda text: post("{}", kind="").replace(b"\r\n\r\n", b"\r\nContent-Type: " + _encoded(text) + b"\r\n\r\n"),
    **{f"header {name}": _header(name) for name in HEADERS},
    "key after Bearer": lambda text: get(b"Authorization: Bearer " + _encoded(text), path="/persons"),
    "key of that shape": lambda text: get(b"X-API-Key: fsk_0123456789ab_" + _encoded(text), path="/persons"),
    "name of a header": lambda text: get(_encoded(text) + b": a"),
    **{f"JSON {name}": _value(name) for name in VALUES},
    "JSON key": lambda text: _json({"img": "a.png", text: 1}),
    "JSON label": lambda text: _json({"img": "a.png", "name": "a", "labels": {"a": text}}),
    "JSON key of a label": lambda text: _json({"img": "a.png", "name": "a", "labels": {text: "a"}}),
    "JSON metadata": lambda text: _json({"img": "a.png", "name": "a", "metadata": {text: [text]}}),
    "image URL": lambda text: _json({"img": f"http://localhost/{text}"}, "/extract"),
    "image path": lambda text: _json({"img": f"people/{text}.png"}, "/extract"),
    "name of a new collection": lambda text: _json({"name": text}, "/collections"),
    "field of a form": lambda text: form(field("img", text)),
    "name of a field": lambda text: form(field(text)),
    "name of a file": lambda text: post(
        parts(f'Content-Disposition: form-data; name="img"; filename="{text}"\r\n\r\na'), kind=MULTIPART
    ),
    "escaped field": lambda text: post(f"img={_escaped(text)}", kind=FORM),
}


def forgeries(count, *, forged):
    """So many requests, each with the name of its field; `forged` is the line that they want to be in the log."""
    rng = random.Random(count)
    names = list(FIELDS)
    for number in range(count):
        end, drive = rng.choice(ENDS), rng.choice(["", "", *DRIVES])
        long = rng.choice(["a", "a", "a" * OVERLONG])
        name = names[number % len(names)]
        yield name, FIELDS[name](f"{long}{drive}{end}{forged}{end}")

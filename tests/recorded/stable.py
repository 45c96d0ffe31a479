"""Answers without what differs from run to run: ids, moments and durations become names that stay the same."""

import json
import re
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_OF_TESTS = "00000000-"  # begins the id that requests send where there is nobody
_TOKEN = re.compile(r"fsk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_KEY_ID = re.compile(r"[0-9a-f]{12}")
_LAST_HASH = re.compile(r"last hash: ([0-9a-f]{64})")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|\+00:00)")
_VERSION = re.compile(r"\d+\.\d+\.\d+\S*")

_MOMENTS = {"registered_at", "forgotten_at", "at", "sealed_at", "created_at", "revoked_at"}
_DAYS = {"last_used_on"}
_DURATIONS = {"time", "milliseconds", "age_s"}
_SIZES = {"bytes"}  # of a file that holds the folder's name
_NAMED = {"next_cursor", "hash", "last_hash", "previous"}  # whose values are as good as random
_DIGITS = 6  # of a float; the last ones differ by processor
_MAX_NUMBERS = 16  # of a list that is written out


class Names:
    """What is known of one scenario's random values: each has one name, wherever it appears again."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def learn(self, value: str, name: str) -> None:
        """Call a value so from now on, unless it has a name already."""
        if value:
            self._names.setdefault(value, f"<{name}>")

    def of_text(self, text: str, where: str) -> str:
        """The text with names in place of values; ids that are new are named after where they are."""
        for found in _TOKEN.finditer(text):
            self.learn(found[0], f"{where}.token")
            self.learn(found[1], f"{where}.key")
        for number in _UUID.findall(text):
            if not number.startswith(_OF_TESTS):
                self.learn(number, where)
        for found in _LAST_HASH.findall(text):
            self.learn(found, f"{where}.hash")
        for value, name in sorted(self._names.items(), key=lambda known: -len(known[0])):  # an API key has its ID in it
            text = text.replace(value, name)
        return text

    def of_value(self, value: Any, where: str, key: str = "") -> Any:
        """A value of JSON, in the same way; objects keep the order of their keys."""
        match value:
            case dict():
                return {name: self.of_value(one, f"{where}.{name}", name) for name, one in value.items()}
            case list() if len(value) > _MAX_NUMBERS and all(isinstance(one, int | float) for one in value):
                return f"<{len(value)} numbers, {_digest(json.dumps([_number(one) for one in value]))}>"
            case list():
                return [self.of_value(one, f"{where}.{place}", key) for place, one in enumerate(value)]
            case str():
                return self._of_string(value, where, key)
        return _number(value, key)

    def _of_string(self, value: str, where: str, key: str) -> str:
        if key in _MOMENTS and (found := _MOMENT.fullmatch(value)):
            return f"<moment {found[1]}>"
        if key in _DAYS:
            return "<day>"
        if key == "version" and _VERSION.fullmatch(value):
            return "<version>"
        if key in _NAMED or (key == "id" and _KEY_ID.fullmatch(value)):
            self.learn(value, where)
        if value.startswith("data:image/"):
            head, comma, content = value.rpartition(",")
            return f"{head}{comma}{_content(b64decode(content))}"
        return self.of_text(value, where)


def _number(value: Any, key: str = "") -> Any:
    """A number in as many digits as are the same everywhere; anything else as it is."""
    is_float = isinstance(value, float)
    if key in (_DURATIONS if is_float else _SIZES):
        return f"<{key}>"
    return round(value, _DIGITS) + 0 if is_float else value  # + 0: no minus before a zero


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return f"sha256 {sha256(data).hexdigest()[:16]}"


def _content(content: bytes) -> str:
    return f"<{len(content)} bytes, {_digest(content)}>"


def body(content: bytes, kind: str, names: Names, where: str) -> Any:
    """The body of an answer: JSON as it is, a short text by its lines, of anything else length and SHA-256."""
    if content and kind == "application/json":
        value = json.loads(content)
        if "openapi" in value:
            return _document(content.decode(), value)
        said = names.of_value(value, where)
        return said | {"models": [_model(one) for one in said["models"]]} if "presets" in value else said
    if kind.startswith("text/") and len(content) < 2000:
        return lines(content.decode(), names, where)
    return _content(content) if content else ""


def _document(text: str, value: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document: the digest of all of it but its version, and those of its parts, to see which changed."""
    version = f'"version": {json.dumps(value["info"]["version"])}'
    return {
        "openapi": value["openapi"],
        "keys": list(value),
        "document": _digest(text.replace(version, "")),
        "operations": {
            f"{method.upper()} {path}": _digest(json.dumps(operation))
            for path, operations in value["paths"].items()
            for method, operation in operations.items()
        },
        "schemas": {name: _digest(json.dumps(schema)) for name, schema in value["components"]["schemas"].items()},
    }


def _model(described: dict[str, Any]) -> dict[str, Any]:
    """What is said of a model, with digests of its lists; whether a package is installed differs by machine."""
    shown = {
        name: _digest(json.dumps(value)) if isinstance(value, dict | list) and name != "input_px" else value
        for name, value in described.items()
    }
    by_package = "<by package>"
    return shown | ({"installed": by_package, "package_problem": by_package} if described["package"] else {})


def lines(text: str, names: Names, where: str, hide: Sequence[str] = ()) -> list[str]:
    """The lines of a text; one that is an object of JSON is read as such."""
    for pattern in hide:
        text = re.sub(pattern, "<hidden>", text)
    return [_line(line, names, f"{where}.{place}") for place, line in enumerate(text.splitlines())]


def _line(line: str, names: Names, where: str) -> str:
    if line.startswith('{"'):
        return json.dumps(names.of_value(json.loads(line), where), ensure_ascii=False)
    return names.of_text(line, where)

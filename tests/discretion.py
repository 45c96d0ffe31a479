"""What no answer and no line of a log may tell, whatever was asked: looked for in all that tests get to see."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

from core.exceptions import DeepFaceError, InternalError
from tests.conftest import KEY, PROJECT

SHOWING = ("/extract", "/crop", "/crops")  # whose answers are pictures
EMBEDDING = "/represent"
_IDENTITY = re.compile(r'"(identity|photo_id)": ?"[^"]*"')  # a path by design, unless IDENTITY_PATHS says otherwise
_NEW_KEY = re.compile(r'"key": ?"fsk_[^"]*"')  # which only the answer of POST /keys shows
_PAGES = ("/docs", "/console")  # files for browsers, which are no answers to anybody's data
_WITH_TRACEBACK = (InternalError.code, DeepFaceError.code)

_SECRET = re.compile(rf"{KEY}|{sha256(KEY.encode()).hexdigest()}|fsk_[0-9a-f]+_[\w-]{{20,}}")
_INTERNAL = re.compile(rf'Traceback \(most|site-packages|File "/|{re.escape(str(PROJECT))}|/pytest-of-')
_PICTURE = re.compile(r"(?:(?=([A-Za-z0-9+/])(?!\1{3}))[A-Za-z0-9+/]){120,}")  # base64; no hash, id or word is so long
_NUMBERS = re.compile(r"(?:-?\d+\.\d{5,}(?:e-?\d+)?,\s*){4}")  # in a row: of an embedding, since boxes are whole

overheard: list[str] = []  # what the answers have told that they must not, for who asks in the end


def hear(path: str, text: str) -> None:
    """Search an answer, of which nothing is kept but what it must not tell."""
    overheard.extend(told_by_answer(path, text))


def told_by_answer(path: str, text: str) -> Iterator[str]:
    """What the answer of `path`, its head and its body, tells that it must not."""
    if path.rpartition("/v1")[2].startswith(_PAGES):
        return
    text = _IDENTITY.sub("", text)
    text = _NEW_KEY.sub("", text) if path.endswith("/keys") else text
    kinds = {"a secret": _SECRET, "internals": _INTERNAL}
    if not path.endswith(SHOWING):
        kinds["a picture"] = _PICTURE
    if not path.endswith(EMBEDDING):
        kinds["an embedding"] = _NUMBERS
    for kind, pattern in kinds.items():
        if found := pattern.search(text):
            yield f"{path} tells {kind}: {found[0]:.60}"


def told_by_log(text: str) -> Iterator[str]:
    """What a log tells that it must not; internals are for the failures of the service itself."""
    kinds = {"a secret": _SECRET, "a picture": _PICTURE, "an embedding": _NUMBERS}
    for line in text.splitlines():
        for kind, pattern in (kinds if may_have_a_traceback(line) else {**kinds, "internals": _INTERNAL}).items():
            if found := pattern.search(line):
                yield f"the log tells {kind}: {found[0]:.60} in {line:.300}"


def may_have_a_traceback(line: str) -> bool:
    """Whether it is the log line of a failure of the service itself, and no decoder's in C, which has its own words."""
    with suppress(ValueError):
        known = json.loads(line)
        return isinstance(known, dict) and known.get("message") in _WITH_TRACEBACK
    return False

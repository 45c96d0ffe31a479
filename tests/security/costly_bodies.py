"""Bodies that would cost far more than their size: each a name, where it goes, and what is sent."""

import json
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote

from tests.pictures import ALICE, photo

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
SIZE = 2_000_000
PHOTO = b64encode(photo(ALICE)).decode()
ROUTES = {
    "/extract": ("img",),
    "/find": ("img",),
    "/identify": ("img",),
    "/compare": ("img",),
    "/register": ("img", "frames"),
    "/verify": ("img1", "img2", "frames"),
}


@dataclass(frozen=True)
class Costly:
    """A body, and the status that has to answer it."""

    name: str
    path: str
    kind: str
    body: bytes
    statuses: tuple[int, ...] = (422,)


def as_kind(kind, fields):
    """The fields, pairs of texts, as a body of this kind."""
    if kind == JSON:
        lists = {name: [text for other, text in fields if other == name] for name, _ in fields}
        return json.dumps({name: texts if name == "frames" else texts[0] for name, texts in lists.items()}).encode()
    if kind == FORM:
        return "&".join(f"{name}={quote(text, safe='')}" for name, text in fields).encode()
    parts = [f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields]
    return "".join([*parts, "--B--\r\n"]).encode()


def escapes(size=SIZE):
    for path, images in ROUTES.items():
        for name in images:
            for escape, statuses in (("%", (400, 422)), ("%25", (400, 422)), ("%ff", (400, 422))):
                text = f"{name}=".encode() + escape.encode() * (size // len(escape))
                yield Costly(f"{name} of {escape}", path, FORM, text, statuses)
        for name in ("max_faces", "nothing", "model_name"):
            yield Costly(f"{name} of escapes", path, FORM, f"{name}=".encode() + b"%31" * (size // 3))
            body = as_kind(MULTIPART, [(name, "1" * size)])
            yield Costly(f"{name} of megabytes", path, MULTIPART, body)
        yield Costly("a name of escapes", path, FORM, b"%41" * (size // 3))


def values(size=SIZE):
    zeros = f"[{'0,' * (size // 2)}0]"
    for path, name, text in (
        ("/identify", "embedding", zeros),
        ("/recognize", "embedding", zeros),
        ("/compare", "target_vectors", f"[{','.join([zeros[:8192] + '0]'] * (size // 8194))}]"),
        ("/compare", "vectors", zeros),
        ("/compare", "source_vector", zeros),
        ("/identify", "labels", f'{{"a": {zeros}}}'),
        ("/register", "metadata", f'{{"a": {zeros}}}'),
        ("/register", "labels", zeros),
    ):
        for kind in (JSON, FORM, MULTIPART):
            fields = [("img", PHOTO), (name, text)]
            body = as_kind(kind, fields) if kind != JSON else f'{{"img": "{PHOTO}", "{name}": {text}}}'.encode()
            yield Costly(f"a million values of {name}", path, kind, body)
    for path, name in (("/identify", "embedding"), ("/compare", "target_vectors"), ("/register", "metadata")):
        query = f"{path}?{name}=[{'0,' * 20_000}0]" + "&labels={}" * (path != "/compare") + "&x=" + "0," * 20_000
        yield Costly(f"{name} in the query", query, "image/png", photo(ALICE))


def texts(size=SIZE):
    for text, statuses in (
        ("http://127.0.0.1/" + "é" * (size // 2), (400, 403)),
        ("https://" + "a." * (size // 4), (400, 403)),
        ("http://127.0.0.1/?" + "a" * size, (400, 403)),
        ("../" * (size // 3), (400, 403)),
        ("a/" * (size // 2), (400, 403)),
        ("/" + "é/" * (size // 4), (400, 403)),
    ):
        for path, images in ROUTES.items():
            for name in images if path != "/compare" else ():  # which looks at its vectors first
                fields = [(name, text), (name, text[:-1])] if name == "frames" else [(name, text)]
                if path == "/verify":
                    fields += [(other, PHOTO) for other in ("img1", "img2") if other != name][-1:]
                if path == "/register":
                    fields.append(("name", "Alice"))
                for kind in (JSON, FORM, MULTIPART):
                    yield Costly(f"{name} of {text[:10]}…", path, kind, as_kind(kind, fields), statuses)

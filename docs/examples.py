"""`python -m docs.examples` records the examples of the OpenAPI document: what the service answers about the photos of
`make demo`, with the models that come in Python packages.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.cli.demo.photos import PhotoFolder
from api.context import services_of
from api.examples import FACE, FILE, KEY, OTHER_PERSON, PERSON
from api.examples import PHOTO as PHOTO_ID
from api.factory import create_app
from api.views import views
from core.settings import Settings

PHOTO, SECOND_PHOTO = "hopper/cropped.jpg", "hopper/tilted.jpg"
COLLECTION = "visitors"
UNTIL = "2030-01-31T00:00:00Z"

# The examples of the requests, and what stands in a path. The vectors to compare are added from /represent.
REQUESTS: dict[str, dict[str, Any]] = {
    "verify": {"img1": PHOTO, "img2": SECOND_PHOTO},
    "analyze": {"img": PHOTO, "actions": ["age", "gender"]},
    "represent": {"img": PHOTO},
    "extract": {"img": PHOTO},
    "quality": {"img": PHOTO},
    "compare": {"img": SECOND_PHOTO, "target_vectors": [{"id": "hopper", "vector": []}]},
    "find": {"img": SECOND_PHOTO, "refresh": "wait"},
    "register": {"img": PHOTO, "name": "Grace Hopper", "labels": {"team": "navy"}, "store_crop": True},
    "identify": {"img": SECOND_PHOTO},
    "recognize": {"img": SECOND_PHOTO},
    "change_person": {"labels": {"team": "navy"}, "retain_until": UNTIL},
    "merge_persons": {"person_ids": [OTHER_PERSON], "retain_until": UNTIL},
    "add_collection": {"name": COLLECTION},
    "change_face": {"set_aside": False},
    "crops": {"ids": [FACE]},
    "create_key": {"name": "front door", "scopes": ["gallery:read"], "expires_at": UNTIL},
    "forget": {"id": PERSON},
}
VARIABLES = {"person_id": PERSON, "face_id": FACE, "name": COLLECTION, "key_id": KEY, "photo_id": PHOTO_ID}

ANOTHER = {"img": "astronaut/tilted.jpg", "name": "Eileen Collins", "face_policy": "largest"}
# An order in which each request can be answered; `register` with other fields prepares the next ones.
ORDER: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {}) for name in ("info", "health", "ready", "models", "verify", "analyze", "represent", "extract")),
    *((name, {}) for name in ("quality", "compare", "find", "indexes", "photo")),
    ("register", ANOTHER),
    *((name, {}) for name in ("register", "identify", "recognize", "persons", "person", "face", "crop")),
    *((name, {}) for name in ("change_person", "merge_persons", "collections", "add_collection", "remove_collection")),
    *((name, {}) for name in ("crops", "change_face", "create_key", "keys", "revoke_key", "limits")),
    *((name, {}) for name in ("verifications", "audit", "verify_audit", "forget_face")),
    ("register", ANOTHER),
    ("forget_person", {}),
    ("register", ANOTHER),
    ("forget", {}),
)

_API_KEY = "a-key-of-the-setting-with-all-scopes"
_MOST_ROWS = 2  # of a list in an answer; of numbers all are shown
_MOST_PICTURE = 80  # characters of a data URI
_DECIMALS = 6
_DECIMALS_OF_EMBEDDING = 4
_MOMENT = "2026-11-29T21:32:25.735547Z"
_IS_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ATTEMPTS = 50  # until decisions are sealed, which happens in the background


def main() -> None:
    """Write the examples."""
    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        PhotoFolder(Path("faces_db")).write()
        found = record(ready_app(Path(folder)))
        os.chdir(before)
    FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def record(app: Flask) -> dict[str, dict[str, Any]]:
    """Ask each operation once, and return the examples by operation."""
    routes = {view.__name__: (method, path) for method, path, view in views(app)}
    client, known = app.test_client(), {"": ""}
    client.environ_base["HTTP_X_API_KEY"] = _API_KEY
    found: dict[str, dict[str, Any]] = {}
    for name, instead in ORDER:
        method, path = routes[name]
        request = REQUESTS[name] | instead if name in REQUESTS else None
        if name == "compare":
            vector = found["represent"]["answer"]["result"][0]["embedding"]
            request = REQUESTS[name] | {"target_vectors": [{"id": "hopper", "vector": vector}]}
        answer = _answer(client, method, _replaced(path.format(**VARIABLES), known), _replaced(request, known))
        if name == "register" and answer is not None:
            known |= {PERSON: answer["person_id"], FACE: answer["id"], OTHER_PERSON: known.get(PERSON, "")}
        if name == "create_key":
            known |= {KEY: answer["id"]}
        if not instead and name not in found:
            found[name] = dict(_example(request, path, _shown(answer, known)))
    return found


def ready_app(folder: Path, **changes: Any) -> Flask:
    """Return the service with its models loaded, on the photos of the current folder; keywords change settings."""
    settings: dict[str, Any] = {
        "api_keys": (_API_KEY,),
        "data_path": folder / "data",
        "faces_db_path": "./faces_db",
        "model_preset": "offline",
    }
    app = create_app(Settings(_env_file=None, **settings | changes))
    readiness = services_of(app).health.readiness
    readiness.start()
    assert readiness.wait(60)
    return app


def _answer(client: FlaskClient, method: str, path: str, request: Any) -> Any:
    """Return the JSON of an answer; None if there is none. A page of the audit trail is asked for until it is full."""
    answer: Any = None
    for _ in range(_ATTEMPTS):
        response = client.open(path, method=method, json=request)
        assert response.status_code < 300, (path, response.text)
        answer = response.json if response.is_json and response.status_code < 300 else None
        if path not in ("/audit", "/verifications") or any(answer.get(name) for name in ("events", "verifications")):
            break
        time.sleep(0.1)
    return answer


def _example(request: Any, path: str, answer: Any) -> Iterator[tuple[str, Any]]:
    if request is not None:
        yield "request", request
    if variables := {name: value for name, value in VARIABLES.items() if f"{{{name}}}" in path}:
        yield "path", variables
    if answer is not None:
        yield "answer", answer


def _replaced(value: Any, known: dict[str, str]) -> Any:
    """Return the value with what is known in place of what stands for it."""
    text = json.dumps(value)
    for name, real in known.items():
        text = text.replace(name, real) if name else text
    return json.loads(text)


def _shown(answer: Any, known: dict[str, str]) -> Any:
    """Return the answer as an example: short, and with the same IDs and times as the others."""
    return _short(_replaced(answer, {real: name for name, real in known.items() if real}))


def _short(value: Any) -> Any:
    match value:
        case dict():
            return {name: _short(one) for name, one in value.items()}
        case [float(), *_]:
            return [round(number, _DECIMALS_OF_EMBEDDING) for number in value]
        case list():
            return [_short(one) for one in value[:_MOST_ROWS]]
        case float():
            return round(value, _DECIMALS)
        case str():
            return _short_text(value)
    return value


def _short_text(value: str) -> str:
    if value.startswith("data:"):
        return f"{value[:_MOST_PICTURE]}..."
    if value.startswith(f"fsk_{KEY}_"):
        return f"fsk_{KEY}_..."
    return _MOMENT if _IS_MOMENT.fullmatch(value) and value != UNTIL else value


if __name__ == "__main__":
    main()

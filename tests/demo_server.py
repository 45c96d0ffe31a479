"""The real server with the photos of `make demo`, for programs that try the examples of the OpenAPI document."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.cli.demo.photos import PhotoFolder
from api.examples import FACE, OTHER_PERSON, PERSON, examples
from api.examples import KEY as KEY_ID
from docs.examples import ORDER
from tests.conftest import KEY
from tests.models.graphs import accept_all, write_graphs
from tests.serving import served, wait_for

IDS = {"person": PERSON, "face": FACE, "other": OTHER_PERSON, "key": KEY_ID}


@contextlib.contextmanager
def demo_server(folder: Path, *, weights: Path | None = None, **environment: str) -> Iterator[str]:
    """The address of a server with an API key, Dlib, and made-up networks for /analyze: the real ones are not here.

    `weights` is a folder with real networks, which take the place of those made up.
    """
    make_up_networks(folder / "home", weights)
    PhotoFolder(folder / "faces_db").write()
    settings = {
        "FACES_DB_PATH": "./faces_db",
        "MODEL_PRESET": "offline",
        "DEFAULT_MODEL": "",
        "API_KEYS": KEY,
        "DOORS": "",
    }
    with served(folder, **settings | environment) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        yield url


def make_up_networks(home: Path, real: Path | None = None) -> None:
    """Write networks with random numbers where DEEPFACE_HOME has the real ones, and those of the folder `real`."""
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_graphs(weights)
    for file in real.iterdir() if real else ():
        shutil.copyfile(file, weights / file.name)
    accept_all(home)


def calls(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every operation of the document with its example, in an order in which each can be answered."""
    found = {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    return [_call(name, *found[name], instead) for name, instead in ORDER]


def _call(name: str, method: str, path: str, operation: dict[str, Any], instead: dict[str, Any]) -> dict[str, Any]:
    variables = examples()[name].get("path", {})
    call = {"operation": name, "method": method, "path": path, "variables": variables, "instead": instead}
    if "requestBody" in operation:
        media = operation["requestBody"]["content"]["application/json"]
        return call | {"body": media["example"] | instead, "model": media["schema"]["$ref"].rpartition("/")[2]}
    return call


def names(document: dict[str, Any]) -> set[str]:
    """The operations of the document."""
    return {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}


def given(url: str, folder: Path, document: dict[str, Any]) -> str:
    """What a program needs to make the calls, as JSON."""
    photo = str(folder / "faces_db" / "hopper" / "tilted.jpg")
    return json.dumps({"url": url, "key": KEY, "photo": photo, "ids": IDS, "calls": calls(document)})

"""Calls every operation with the client of openapi-python-client, in an environment without the service's packages."""

import importlib
import io
import json
import pkgutil
import sys
import typing
from pathlib import Path
from uuid import UUID

import face_service_client.api
from face_service_client import AuthenticatedClient
from face_service_client.api.faces import represent, verify
from face_service_client.models import ErrorBody, RepresentUpload, VerifyRequest
from face_service_client.types import File

GIVEN = json.loads(Path(sys.argv[1]).read_text())
IDS = GIVEN["ids"]


def operations():
    """The module of each operation by its name."""
    for group in pkgutil.iter_modules(face_service_client.api.__path__, "face_service_client.api."):
        for module in pkgutil.iter_modules(importlib.import_module(group.name).__path__, f"{group.name}."):
            yield module.name.rpartition(".")[2], importlib.import_module(module.name)


def arguments(function, call):
    """The keywords of a call, of the types that the client declares."""
    hints = typing.get_type_hints(function)
    for name, value in call["variables"].items():
        yield name, UUID(value) if hints[name] is UUID else value
    if "body" in call:
        models = {model.__name__: model for model in typing.get_args(hints["body"]) or (hints["body"],)}
        yield "body", models[call["model"]].from_dict(call["body"])


def typed(client):
    """The types of the client: what a program writes, and reads of an answer; a photo in a form and as the body."""
    answer = verify.sync(client=client, body=VerifyRequest(img1="hopper/cropped.jpg", img2="hopper/tilted.jpg"))
    assert answer.verified
    assert answer.distance <= answer.threshold
    photo = Path(GIVEN["photo"]).read_bytes()
    upload = RepresentUpload(img=File(io.BytesIO(photo), "photo.jpg", "image/jpeg"), max_faces=1)
    uploaded = represent.sync(client=client, body=upload)
    raw = represent.sync(client=client, body=File(io.BytesIO(photo)), max_faces=1)
    assert uploaded.result[0].embedding == raw.result[0].embedding


def main():
    client = AuthenticatedClient(base_url=GIVEN["url"], token=GIVEN["key"])
    modules, real, statuses = dict(operations()), {}, []
    typed(client)
    for call in GIVEN["calls"]:
        text = json.dumps(call)
        for example, number in real.items():
            text = text.replace(example, number)
        function = modules[call["operation"]].sync_detailed
        response = function(client=client, **dict(arguments(function, json.loads(text))))
        assert not isinstance(response.parsed, ErrorBody), response.parsed
        assert (response.parsed is None) == (response.status_code == 204)
        statuses.append((call["operation"], int(response.status_code)))
        if call["operation"] == "register":
            real |= {
                IDS["other"]: real.get(IDS["person"], IDS["other"]),
                IDS["person"]: str(response.parsed.person_id),
                IDS["face"]: str(response.parsed.id),
            }
        if call["operation"] == "create_key":
            real[IDS["key"]] = response.parsed.id
    print(json.dumps(statuses))


main()

"""The real service on the fake engine, for the attacks that are not about networks.

Served as `served(folder, app="tests.security.standins:NAME()")`.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from flask import Flask, Response, request
from typing_extensions import override
from werkzeug.exceptions import HTTPException

from api.factory import create_app
from core.logging import annotate
from tests.fakes import FakeEngine
from tests.pictures import BOB, MASK

FAILS_TO_DETECT, FAILS_TO_EMBED = MASK, BOB


def observed() -> Flask:
    """Each request's line says as well which address it is said to come from."""
    app = create_app(engine=FakeEngine())

    @app.after_request
    def note(response: Response) -> Response:
        annotate(forwarded_for=request.headers.get("X-Forwarded-For"))
        return response

    return app


def talkative() -> Flask:
    """Each request's line says all that the client said; a second line quotes it in a traceback."""
    app = create_app(engine=FakeEngine())
    logger = logging.getLogger("talkative")

    @app.after_request
    def tell(response: Response) -> Response:
        said = " ".join(_said())
        annotate(said=said)
        logger.error("failed", exc_info=ValueError(said))
        return response

    return app


def _said() -> Iterator[str]:
    yield request.path
    for name, value in [*request.headers, *request.args.items()]:
        yield f"{name}: {value}"
    with suppress(HTTPException):
        for name, file in request.files.items():
            yield f"{name}: {file.filename}"
        for name, value in request.form.items():
            yield f"{name}: {value}"
        yield from _texts(request.get_json(silent=True))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value.encode(errors="replace").decode()
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])


class FaultyEngine(FakeEngine):
    """Fails for two people, with texts that name a file of the server; its embeddings have many digits."""

    @override
    def detect(self, image, detection):
        faces = super().detect(image, detection)
        if any(_shows(face.crop, FAILS_TO_DETECT) for face in faces):
            raise RuntimeError(f"[ONNXRuntimeError] {__file__}: the detector failed")
        return faces

    @override
    def embed(self, crops, **options):
        if any(_shows(crop, FAILS_TO_EMBED) for crop in crops):
            with open(f"{__file__}.weights", "rb"):
                pass
        exact = super().embed(crops, **options)
        return exact + np.random.default_rng(int(exact.sum())).random(exact.shape)


def _shows(crop, colour) -> bool:
    return bool(np.all(np.abs(crop[crop.shape[0] // 2, crop.shape[1] // 2].astype(int) - colour) < 16))


def faulty() -> Flask:
    return create_app(engine=FaultyEngine())

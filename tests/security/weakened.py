"""Our code with one guard taken away, for the twins.

Applications are served as `served(folder, app="tests.security.weakened:NAME()")`.
"""

import logging
import os
import signal
import socket
import threading
import time
import traceback
from contextlib import suppress
from io import BytesIO

import cv2
import numpy as np
from flask import Flask, Response, request

import core.images.sources
import core.logging
from api.errors import answer_error
from api.factory import create_app
from core.exceptions import ImageDecodeError, ImageSourceForbidden, InternalError
from services.database import encryption
from tests.fakes import FakeEngine
from tests.security import standins

GROWN_BYTES = 200_000_000

kept = []


def without_header_check() -> Flask:
    """Decodes whatever OpenCV takes, of any size; OpenCV's own limit is MAX_IMAGE_PIXELS, which is set beside it."""

    def decode(content, policy, *, field):
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)

    core.images.sources.decode = decode
    return create_app()


def obeying_images() -> Flask:
    """Does what is written at the end of an image."""
    deeds = {
        b"tell": lambda: _refuse("Traceback (most recent call last)"),
        b"fail": lambda: 1 / 0,
        b"wait": lambda: time.sleep(1.5),
        b"grow": lambda: kept.append(b"x" * GROWN_BYTES),
        b"die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    }

    def decode(content, policy, *, field):
        for word, deed in deeds.items():
            if content.endswith(word):
                deed()
        return np.zeros((8, 8, 3), np.uint8)

    core.images.sources.decode = decode
    return create_app(engine=FakeEngine())


def _refuse(message):
    raise ImageDecodeError(message)


def leaving_things() -> Flask:
    """Leaves behind what its path says."""
    deeds = {
        "/leave/connections": lambda: kept.extend(socket.socketpair() for _ in range(10)),
        "/leave/threads": lambda: [threading.Timer(60, int).start() for _ in range(20)],
        "/leave/lines": lambda: print("no JSON", flush=True),
        "/leave/memory": lambda: kept.append(b"x" * GROWN_BYTES),
        "/leave/worker": lambda: os.kill(os.getpid(), signal.SIGKILL),
    }
    app = create_app(engine=FakeEngine())

    @app.before_request
    def leave():
        if request.path in deeds:
            deeds[request.path]()

    return app


def with_plain_lines() -> Flask:
    """Writes into its log what a client says as it is."""
    core.logging._escaped = str
    return standins.talkative()


def telling() -> Flask:
    """Answers its own failures with all it knows of them, and logs what it was sent."""
    app = standins.faulty()

    @app.before_request
    def log() -> None:
        body = request.environ["wsgi.input"].read(request.content_length or 0)
        request.environ["wsgi.input"] = BytesIO(body)  # for the service, which reads it again
        logging.getLogger("telling").info("%s %s", dict(request.headers), body)

    @app.errorhandler(Exception)
    def tell(error: Exception):
        return answer_error(InternalError("".join(traceback.format_exception(error))))

    return app


def failing() -> Flask:
    """Fails at every request for a face or the gallery, with a page of the server's own."""
    app = create_app(engine=FakeEngine())

    @app.before_request
    def fail():
        if request.path not in ("/health", "/openapi.json"):
            return Response("<h1>Internal Server Error</h1>", 500)
        return None

    return app


def trusting_rows(monkeypatch):
    """Binds what is encrypted to its face alone, and reads whatever has ever been encrypted, or is plain."""

    def decrypted(self, stored, sealed_with, what, number, person):
        if sealed_with is None:
            return stored
        keys = self._keyring if stored.startswith(b"\1") else self._keyring.bound
        return keys.decrypt(stored, what + number)

    monkeypatch.setattr(encryption, "_bound", lambda what, number, person: what + number.bytes)
    monkeypatch.setattr(encryption.Decryption, "_decrypted", decrypted)


def read_joined(source, policy):
    """Reads a path below the root as if nobody meant harm."""
    try:
        with open(os.path.join(policy.roots[0], source), "rb") as file:
            return file.read(policy.max_bytes)
    except (OSError, ValueError):
        raise ImageDecodeError from None


def read_checked_first(source, policy):
    """Reads a path once its links have been resolved and found to stay below the root, as is usual."""
    with suppress(OSError):
        path = os.path.realpath(os.path.join(policy.roots[0], source))
        if path.startswith(policy.roots[0] + os.sep):
            return read_joined(path, policy)
    raise ImageSourceForbidden

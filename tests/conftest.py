"""What most tests start from: settings of their own, the fake engine, an application that is ready."""

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.context import services_of
from api.factory import create_app
from core.images.decoding import ImagePolicy
from core.settings import Settings
from tests.fakes import FakeEngine

PROJECT = Path(__file__).parents[1]
KEY = "a-key-of-the-setting-with-all-scopes"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither the developer's environment nor a `.env` reaches a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture(autouse=True)
def _no_temporary_file_remains(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Every test has a folder of its own for temporary files, and leaves none there."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert os.listdir(folder) == []


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """`create_app` configures logging; the next test must not inherit it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The code's defaults, with every folder below the test's own. Drawn faces have no quality, so any is accepted."""
    for folder in ("photos", "images"):
        (tmp_path / folder).mkdir()
    return Settings(
        faces_db_path=str(tmp_path / "photos"),
        images_path=str(tmp_path / "images"),
        data_path=tmp_path / "data",
        deepface_home=tmp_path / "home",
        min_quality=0,
    )


@pytest.fixture
def engine() -> FakeEngine:
    """The engine of `app`."""
    return FakeEngine()


@pytest.fixture
def make_app(settings: Settings, engine: FakeEngine) -> Callable[..., Flask]:
    """Makes an application whose models have loaded; keywords change settings."""

    def make(**changes: Any) -> Flask:
        app = create_app(settings.model_copy(update=changes), engine=engine)
        readiness = services_of(app).health.readiness
        readiness.start()
        assert readiness.wait(10)
        return app

    return make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application on the fake engine, ready."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of `app`."""
    return app.test_client()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder of FACES_DB_PATH."""
    return tmp_path / "photos"


@pytest.fixture
def policy(tmp_path: Path) -> ImagePolicy:
    """Small limits, and one root."""
    root = tmp_path / "root"
    root.mkdir()
    return ImagePolicy(max_bytes=100_000, max_pixels=1_000_000, roots=(str(root),))


def open_below(folder: Path) -> list[str]:
    """The files and folders below `folder`, and itself, that this process holds open; what threads of other tests open
    elsewhere meanwhile is not asked for."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own, and what closes meanwhile
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in found if Path(path).is_relative_to(folder)]


def assert_error(response: TestResponse, status: int, code: str, *fields: str) -> dict[str, Any]:
    """Assert the one error body with this status and code, naming exactly these fields; returns the body."""
    body = response.get_json()
    assert (response.status_code, body["error_code"]) == (status, code), body
    assert set(body) == {"success", "error_code", "message", "request_id", "details"}
    assert body["success"] is False
    assert body["message"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert [entry["field"] for entry in body["details"].get("fields", [])] == list(fields), body
    for leak in ("Traceback", "site-packages", str(PROJECT), tempfile.gettempdir()):
        assert leak not in json.dumps(body)
    return body

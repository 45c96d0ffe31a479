"""A database that another version of the service wrote: every command refuses it in one line."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.conftest import PROJECT
from tests.pictures import ALICE, write_photo

SAID = "Error: The database has schema {}; this version of the service supports 0013. Use the version that wrote it.\n"

COMMANDS = (
    "gallery stats",
    "gallery enroll {photos}",
    "gallery import {archive}",
    "gallery export gallery.zip",
    "gallery expire",
    "gallery purge",
    "db upgrade",
    "keys create somebody --scope faces",
    "keys list",
    "keys grant 0123456789ab faces",
    "keys revoke 0123456789ab",
    "audit verify",
    "audit export audit.jsonl",
)


@pytest.fixture(params=["0008", "0014"])
def revision(request, app, settings):
    """A revision before or after this version's, and a database that has it."""
    settings.data_path.mkdir(exist_ok=True)
    with closing(sqlite3.connect(settings.data_path / "gallery.db")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (request.param,))
        connection.commit()
    return request.param


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_the_database_of_another_version_in_one_line(app, photos, settings, revision, command):
    write_photo(photos / "Ann" / "1.png", ALICE)
    before = (settings.data_path / "gallery.db").read_bytes()
    archive = PROJECT / "tests" / "persisted" / "written" / "sqlite" / "gallery.zip"
    result = app.test_cli_runner().invoke(args=command.format(photos=photos, archive=archive).split())
    assert result.exit_code == 1
    assert result.stderr == SAID.format(revision)
    assert (settings.data_path / "gallery.db").read_bytes() == before


def test_the_encryption_key_is_not_changed_in_the_database_of_another_version(make_app, revision):
    app = make_app(gallery_key=("ab" * 32,))
    result = app.test_cli_runner().invoke(args=["gallery", "rotate-key"])
    assert (result.exit_code, result.stderr) == (1, SAID.format(revision))


def test_the_doctor_says_so_in_a_line_of_each_part_that_needs_the_database(app, revision):
    result = app.test_cli_runner().invoke(args=["doctor"])
    said = SAID.format(revision).removeprefix("Error: ")
    assert result.exit_code == 1
    for part in ("database", "keys"):
        assert f"  WRONG {part:16} {said}" in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["api.cli", "gunicorn"])
def test_the_service_does_not_start_on_the_database_of_another_version(settings, revision, command):
    arguments = {
        "api.cli": ["-c", "from api.cli import main; main()", "serve"],
        "gunicorn": ["-m", "gunicorn", "--config", "python:api.server", "main:app"],
    }
    environment = {
        **os.environ,
        "DATA_PATH": str(settings.data_path),
        "DEEPFACE_HOME": str(settings.deepface_home),
        "PYTHONPATH": str(PROJECT),
    }
    started = subprocess.run(
        [sys.executable, *arguments[command]], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert started.returncode == 1
    assert started.stderr == SAID.format(revision).replace("Error:", "The service cannot start.")
    assert started.stdout == ""

"""A database that another version of the service wrote: every command refuses it in one line."""

import sqlite3
from contextlib import closing

import pytest

SAID = "Error: The database has schema {}; this version of the service supports 0010. Use the version that wrote it.\n"

COMMANDS = (
    "gallery stats",
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


@pytest.fixture(params=["0008", "0011"])
def revision(request, app, settings):
    """A revision before or after this version's, and a database that has it."""
    settings.data_path.mkdir(exist_ok=True)
    with closing(sqlite3.connect(settings.data_path / "gallery.db")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (request.param,))
        connection.commit()
    return request.param


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_the_database_of_another_version_in_one_line(app, settings, revision, command):
    before = (settings.data_path / "gallery.db").read_bytes()
    result = app.test_cli_runner().invoke(args=command.split())
    assert result.exit_code == 1
    assert result.stderr == SAID.format(revision)
    assert (settings.data_path / "gallery.db").read_bytes() == before

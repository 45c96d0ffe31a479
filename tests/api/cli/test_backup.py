"""The commands of backups, as somebody types them."""

import os

import pytest

from api.context import services_of
from tests.api.v1.test_gallery import register
from tests.pictures import ALICE, BOB

KEY = "ab" * 32


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=list(map(str, arguments)))


def names(app):
    return sorted(person["name"] for person in app.test_client().get("/persons").get_json()["persons"])


@pytest.mark.parametrize("changes", [{}, {"gallery_key": (KEY,)}], ids=["plain", "encrypted"])
def test_a_backup_is_written_and_restored_under_the_running_service(make_app, tmp_path, changes):
    app, file = make_app(**changes), tmp_path / "backup.zip"
    alice = register(app.test_client(), ALICE, "Alice")["person_id"]
    written = run(app, "backup", file)
    assert written.exit_code == 0
    assert written.stdout.startswith("Backup of 20")
    assert " UTC written, 2 files\n" in written.stdout
    register(app.test_client(), BOB, "Bob")
    app.test_client().delete(f"/persons/{alice}")
    restored = run(app, "restore", file, "--keep-old")
    assert restored.exit_code == 0, restored.output
    first, second, third = restored.stdout.splitlines()
    assert first.endswith(" UTC restored")
    assert second == "1 persons and faces deleted again"
    assert third.startswith("The replaced files are in DATA_PATH/replaced-20")
    assert names(app) == []
    again = run(app, "restore", file, "--no-reapply-forgets")
    assert again.stdout.splitlines()[1] == "Persons and faces that were deleted since may be back."
    assert names(app) == ["Alice"]
    assert "0 persons" not in run(app, "db", "reapply-forgets").stdout
    assert names(app) == []
    assert services_of(app).audit.log.flush(30)
    verified = run(app, "audit", "verify")
    assert verified.exit_code == 0, verified.output
    assert "was restored; what was recorded since is not in this trail: after batch" in verified.stdout


def test_a_backup_is_an_event(app, tmp_path):
    register(app.test_client(), ALICE, "Alice")
    run(app, "backup", tmp_path / "backup.zip")
    services_of(app).audit.log.flush(30)
    events = app.test_client().get("/audit?action=backup").get_json()["events"]
    assert [(event["action"], event["outcome"]) for event in events] == [("backup", "done")]


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_of_postgresql_it_is_said_what_to_use(make_app, tmp_path, command):
    (tmp_path / "file").write_bytes(b"")
    app = make_app(database_url="postgresql://127.0.0.1:1/nobody")
    result = run(app, command, tmp_path / "file")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The database is PostgreSQL. Back it up and restore it with PostgreSQL's own tools.\n"
    )


def test_what_goes_wrong_is_said_in_one_line(app, tmp_path):
    register(app.test_client(), ALICE, "Alice")
    (tmp_path / "folder").write_bytes(b"")
    for arguments, says in (
        (("restore", tmp_path / "folder"), "is not a backup of this service, or is damaged. Nothing was changed."),
        (("restore", tmp_path / "missing"), "does not exist"),
        (("backup", tmp_path / "folder" / "x"), "The backup cannot be written: "),
        (("db", "reapply-forgets", tmp_path / "missing"), "does not exist"),
    ):
        result = run(app, *arguments)
        assert result.exit_code in (1, 2)
        assert says in result.stderr
        assert "Traceback" not in result.output


def test_the_log_of_another_machine_is_taken_as_well(make_app, tmp_path, settings):
    app = make_app()
    alice = register(app.test_client(), ALICE, "Alice")["person_id"]
    file = tmp_path / "backup.zip"
    run(app, "backup", file)
    app.test_client().delete(f"/persons/{alice}")
    other = tmp_path / "other.log"
    os.replace(settings.data_path / "forgets.log", other)
    assert "0 persons" in run(app, "restore", file).stdout
    assert names(app) == ["Alice"]
    assert run(app, "db", "reapply-forgets", other).stdout == "1 persons and faces deleted again\n"
    assert names(app) == []

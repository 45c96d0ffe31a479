"""The schema of a new database, and what becomes of one that another version left."""

from contextlib import closing

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.exceptions import ServiceUnavailable
from services.database import migration
from services.database.choice import make_database
from services.database.migration import OtherSchema, UnknownSchema
from services.database.schema import metadata

# Revisions of a schema in which a person gets a nickname, after two steps more.
REVISION = """
from alembic import op

revision, down_revision = {name!r}, {before!r}

def upgrade():
    for statement in {statements!r}:
        op.execute(statement)
"""
FIRST = ["CREATE TABLE toys (name VARCHAR(20))"]
SECOND = ["ALTER TABLE toys ADD COLUMN nickname VARCHAR(20)", "UPDATE toys SET nickname = lower(name)"]
BROKEN = ["ALTER TABLE toys ADD COLUMN colour VARCHAR(20)", "ALTER TABLE no_toys ADD COLUMN colour VARCHAR(20)"]


@pytest.fixture
def database(database_url):
    with closing(make_database(database_url)) as made:
        yield made


@pytest.fixture
def run(database_url):
    """Runs a statement beside the service, and gives its rows."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def run(statement):
        with engine.begin() as connection:
            found = connection.execute(sa.text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []

    return run


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """Takes the place of the service's own revisions; called with several lists of statements it has so many."""
    folder = tmp_path / "toys"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text((migration.MIGRATIONS / "env.py").read_text())
    monkeypatch.setattr(migration, "MIGRATIONS", folder)

    def make(*revisions):
        for number, statements in enumerate(revisions):
            before = f"toy{number - 1}" if number else None
            text = REVISION.format(name=f"toy{number}", before=before, statements=statements)
            (folder / "versions" / f"toy{number}.py").write_text(text)

    return make


@pytest.mark.filterwarnings("ignore:Did not recognize type 'vector'")
def test_a_new_database_has_the_schema_that_the_statements_expect(database):
    with database.reading() as connection:
        changes = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [change for change in changes if not (change[0] == "remove_index" and "direction" in change[1].name)] == []
    assert database.status().revision == database.status().newest == "0013"
    database.upgrade()  # changes nothing


@pytest.mark.parametrize("revision", ["0001", "0008", "0014", "nonsense"])
def test_a_schema_of_another_version_is_refused_in_one_line_and_left_alone(database, run, revision):
    run("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    run(f"INSERT INTO alembic_version VALUES ('{revision}')")
    for ask in (database.upgrade, database.key_problem, database.reading().__enter__, database.size_bytes):
        with pytest.raises(UnknownSchema, match=f"^The database has schema {revision}; [^\n]+ supports 0013") as raised:
            ask()
        assert isinstance(raised.value, ServiceUnavailable)
    assert run("SELECT version_num FROM alembic_version") == [(revision,)]
    assert database.status().revision == revision


def test_each_step_is_taken_with_what_is_in_the_database(database, run, toys):
    toys(FIRST)
    database.upgrade()
    run("INSERT INTO toys VALUES ('Bear')")
    toys(FIRST, SECOND)
    database.upgrade()
    assert run("SELECT name, nickname FROM toys") == [("Bear", "bear")]
    assert run("SELECT version_num FROM alembic_version") == [("toy1",)]


def test_steps_of_which_one_fails_are_all_taken_back(database, run, toys):
    toys(FIRST)
    database.upgrade()
    run("INSERT INTO toys VALUES ('Bear')")
    toys(FIRST, SECOND, BROKEN)
    with pytest.raises(ServiceUnavailable):
        database.upgrade()
    assert run("SELECT * FROM toys") == [("Bear",)]
    assert run("SELECT version_num FROM alembic_version") == [("toy0",)]
    toys(FIRST, SECOND, [])
    database.upgrade()
    assert run("SELECT nickname FROM toys") == [("bear",)]


def test_without_leave_to_migrate_no_schema_is_made_until_somebody_does(database):
    database.migrates = False
    for ask in (database.key_problem, database.reading().__enter__, database.writing().__enter__):
        with pytest.raises(OtherSchema, match=r"^The database has no schema yet, and AUTO_MIGRATE=false\. Run: "):
            ask()
    assert database.status().revision == ""
    assert database.is_missing == database.url.drivername.startswith("sqlite")
    database.upgrade()
    assert database.size_bytes() > 0


@pytest.mark.parametrize(
    ("revision", "says"),
    [
        ("0012", r"has schema 0012; this version needs 0013, and AUTO_MIGRATE=false\. Run: face-service db upgrade$"),
        ("0014", r"has schema 0014; this version of the service supports 0013\. Use the version that wrote it\.$"),
    ],
)
def test_without_leave_to_migrate_another_schema_is_said_until_it_is_the_newest(
    database, run, monkeypatch, revision, says
):
    monkeypatch.setattr("services.database.database.WRITABLE_S", 0)
    database.migrates = False
    database.upgrade()
    database.require_writable()
    run(f"UPDATE alembic_version SET version_num = '{revision}'")
    for ask in (database.require_writable, database.reading().__enter__):
        with pytest.raises(OtherSchema, match=says):
            ask()
    assert run("SELECT version_num FROM alembic_version") == [(revision,)]
    run("UPDATE alembic_version SET version_num = '0013'")
    database.require_writable()

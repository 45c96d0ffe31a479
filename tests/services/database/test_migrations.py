"""A gallery as the first version left it, brought to the newest schema and back, on both databases."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from services.database import schema
from services.database.database import Database
from services.gallery.store.rows import text_of_space
from services.gallery.store.values import AnswerKey
from tests.services.conftest import events_in
from tests.services.gallery.store.test_store import FORGET, REGISTER, SPACE, everybody, near, register, vector

NOW = datetime.now(UTC)
ANN, FACE = UUID("00000000-0000-4000-8000-00000000000a"), UUID("00000000-0000-4000-8000-0000000000fa")
BOB = uuid4()
MIGRATIONS = Path(schema.__file__).parent / "migrations"

# The columns of the first version, and rows in them.
ROWS = {
    "collections": [{"name": "default", "created_at": NOW}],
    "persons": [
        {
            "id": number, "collection": "default", "name": name, "labels": {"a": "b"}, "metadata": {"n": [1, None]},
            "registered_at": NOW, "retain_until": None,
        }
        for number, name in ((ANN, "Élodie"), (BOB, "Bob"))
    ],
    "faces": [
        {
            "id": number, "person_id": person, "collection": "default", "space": text_of_space(SPACE), "dimension": 128,
            "embedding": vector(first), "detector": "opencv", "weights": "w", "area": {"x": 1, "y": 2, "w": 3, "h": 4},
            "confidence": 0.5, "quality": {"sharpness": 1.5}, "liveness": None, "crop": crop, "registered_at": NOW,
        }
        for number, person, first, crop in ((FACE, ANN, 1, b"png"), (uuid4(), ANN, 2, None), (uuid4(), BOB, 3, None))
    ],
    "changes": [{"face_id": FACE}],
    "events": [
        {
            "at": NOW, "action": "register", "outcome": "done", "request_id": "r", "key_id": "k", "details": {"n": 1},
            "collection": "default", "person_id": str(ANN), "face_id": str(FACE),
        }
    ],
    "answers": [
        {"key": key, "request": "d", "faces": faces, "at": at}
        for key, faces, at in (
            ("sent", [str(FACE)], NOW),
            ("sent long ago", [str(FACE)], NOW - timedelta(days=8)),
            ("enrol 1", [str(FACE)], NOW - timedelta(days=800)),
            ("forgotten", [str(uuid4())], NOW),
        )
    ],
}  # fmt: skip
TYPES = {"answers": {"faces": schema.Json}}


def first_version(name):
    columns = schema.metadata.tables[name].c
    types = TYPES.get(name, {})
    return sa.table(name, *(sa.column(one, types[one] if one in types else columns[one].type) for one in ROWS[name][0]))


@pytest.fixture
def content(database_url):
    """Reads the rows of the first version, and writes them."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def read():
        with engine.connect() as connection:
            found = {name: connection.execute(sa.select(first_version(name))).mappings().all() for name in ROWS}
        rows = {name: [dict(row) for row in some] for name, some in found.items()}
        for row in rows["faces"]:
            row["embedding"] = row["embedding"] if isinstance(row["embedding"], bytes) else row["embedding"].tobytes()
        return {name: sorted(some, key=str) for name, some in rows.items()}

    def write():
        with engine.begin() as connection:
            for name, rows in ROWS.items():
                connection.execute(sa.insert(first_version(name)), rows)

    read.write = write
    return read


def test_a_gallery_of_the_first_version_is_whole_in_the_newest_and_in_the_first_again(
    database_url, make_store, audit, content
):
    with closing(Database(database_url)) as database:
        database.upgrade("0001")
        content.write()
        before = content()
        gallery = make_store()
        assert near(gallery, 1) == [("Élodie", 0.0), ("Bob", 2.0)]
        assert {person.name: len(faces) for person, faces in everybody(gallery)} == {"Élodie": 2, "Bob": 1}
        assert gallery.crop(str(FACE)) == b"png"
        page = gallery.persons(collection=None, name="éLO", labels={"a": "b"}, cursor=None, limit=9)
        assert [(person.name, person.metadata) for person in page.persons] == [("Élodie", {"n": [1, None]})]
        for key in ("sent", "enrol 1"):
            first = gallery.answered(key)
            assert (first.request, first.person_id, first.name, first.face.id) == ("d", str(ANN), "Élodie", str(FACE))
        assert (gallery.answered("sent long ago"), gallery.answered("forgotten")) == (None, None)
        assert (audit.seal(limit=9), len(events_in(audit))) == (1, 1)

        database.downgrade("0001")
        after = content()
        known = [[row for row in rows["answers"] if row["key"] != "forgotten"] for rows in (before, after)]
        assert known[0] == known[1]
        assert after | {"answers": None} == before | {"answers": None}

        database.upgrade()
        gallery = make_store()
        assert near(gallery, 1)[0] == ("Élodie", 0.0)
        gallery.forget(FORGET, person_id=str(ANN))
        register(gallery, "Zoë", answer_key=AnswerKey("sent long ago", "d"))
        database.downgrade("0001")
        assert {row["name"] for row in content()["persons"]} == {"Bob", "Zoë"}


def test_every_step_is_taken_and_taken_back_with_a_gallery_in_it(database_url, make_store, content):
    steps = [one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
    assert steps[0] == "0001"
    with closing(Database(database_url)) as database:
        database.upgrade("0001")
        content.write()
        for before, step in pairwise(steps):
            database.upgrade(step)
            database.downgrade(before)
            database.upgrade(step)
        gallery = make_store()
        assert near(gallery, 3)[0] == ("Bob", 0.0)
        gallery.update(str(BOB), {"name": "Rob"}, REGISTER)
        for step in [*steps[-2::-1], "base"]:
            database.downgrade(step)

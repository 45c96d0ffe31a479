"""A stored value that cannot be read hides neither its person nor the others, on both databases."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from core.exceptions import PersonNotFound
from services.gallery.answers import face_row, person_row
from tests.services.gallery.store.test_store import FORGET, REGISTER, face, near, register

EVERYBODY = {"collection": None, "name": "", "labels": {}, "cursor": None, "limit": 9}

DEEP = '{"a":' * 255 + "1" + "}" * 255
SPOILED = {
    "metadata too deep to answer": ("metadata", DEEP, "metadata"),
    "metadata too deep to read": ("metadata", '{"a":' * 3000 + "1" + "}" * 3000, "metadata"),
    "metadata of another kind": ("metadata", "[1]", "metadata"),
    "labels of another kind": ("labels", '"blue"', "labels"),
    "labels of numbers": ("labels", '{"a": 1}', "labels"),
}
ON_SQLITE = {
    "text that is no JSON": ("metadata", "{", "metadata"),
    "text that is no time": ("retain_until", "soon", "retain_until"),
    "a year beyond all": ("retain_until", "10000-01-01T00:00:00.000000+00:00", "retain_until"),
    "no time of registration": ("registered_at", "", "registered_at"),
}
ON_POSTGRESQL = {
    "the year 10000": ("retain_until", "10000-01-01T00:00:00Z", "retain_until"),
    "infinity": ("retain_until", "infinity", "retain_until"),
    "before Christ": ("retain_until", "0044-03-15 00:00:00+00 BC", "retain_until"),
}


def spoil(gallery, person, column, value):
    with gallery._database.writing() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        kind = "jsonb" if column in ("labels", "metadata") else "timestamptz"
        what = ":value" if on_sqlite else f"CAST(:value AS {kind})"
        number = UUID(person.id).hex if on_sqlite else person.id
        statement = sa.text(f"UPDATE persons SET {column} = {what} WHERE id = :number")
        connection.execute(statement, {"value": value, "number": number})


@pytest.mark.parametrize("case", [*SPOILED, *ON_SQLITE, *ON_POSTGRESQL])
def test_a_listing_names_whom_it_cannot_read(gallery, case):
    backend = gallery._database._engine.dialect.name
    if case in (ON_SQLITE if backend == "postgresql" else ON_POSTGRESQL):
        pytest.skip("the other database cannot hold it")
    column, value, problem = {**SPOILED, **ON_SQLITE, **ON_POSTGRESQL}[case]
    for name in ("Ann", "Cid"):
        register(gallery, name, labels={"a": "b"})
    bob, _ = register(gallery, "Bob", face(2), labels={"a": "b"}, metadata={"n": 1})
    spoil(gallery, bob, column, value)
    rows = list(map(person_row, gallery.persons(**EVERYBODY).persons))
    assert [(row.name, row.problem) for row in rows] == [
        ("Ann", None), ("Bob", f"{problem} cannot be read"), ("Cid", None),
    ]  # fmt: skip
    assert rows[1].labels == ({} if problem == "labels" else {"a": "b"})
    assert "problem" not in rows[0].model_dump()
    assert near(gallery, 2)[0] == ("Bob", 0.0)
    if column != "registered_at":
        empty = {"labels": {}, "metadata": {}, "retain_until": None}[column]
        assert person_row(gallery.update(bob.id, {column: empty}, REGISTER)).problem is None
        spoil(gallery, bob, column, value)
    gallery.forget(FORGET, person_id=bob.id)
    with pytest.raises(PersonNotFound):
        gallery.person(bob.id)


def test_a_face_without_the_measures_of_this_service_is_described_without_them(gallery):
    _, (kept,) = register(gallery, "Ann", face(1, quality={"other": 1.5}))
    assert face_row(gallery.face(kept.id)).quality is None

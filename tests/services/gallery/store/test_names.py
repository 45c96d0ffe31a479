"""One visible name is one person, and the twins of earlier versions, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from core.exceptions import Conflict, ValidationFailed
from services.database.schema import identity_key, persons
from services.gallery.store.values import Retention
from tests.services.conftest import events_in
from tests.services.gallery.store.test_store import FORGET, REGISTER, everybody, face, near, register

NFC, NFD = "Jos\u00e9", "Jose\u0301"
SPELLINGS = [NFC, NFD, "JOS\u00c9", "Jo\u200bs\u00e9", "\uff2aos\u00e9"]


def make_twin(gallery, name, *faces, at=None, **options):
    """A person as an earlier version registered one, whose name others have too."""
    person, _ = register(gallery, f"twin {uuid4()}", *faces, **options)
    columns = {"name": name, "identity": f"{identity_key(name)}\n{person.id}"}
    with gallery._database.writing() as connection:
        connection.execute(sa.update(persons).where(persons.c.id == UUID(person.id)).values(columns))
    return replace(person, name=name)


def identities(gallery):
    with gallery._database.reading() as connection:
        return sorted(connection.scalars(sa.select(persons.c.identity)))


def test_another_spelling_is_the_same_person_and_the_first_is_shown(gallery):
    first, _ = register(gallery, NFD)
    for number, name in enumerate(SPELLINGS, 2):
        person, _ = register(gallery, name, face(number))
        assert (person.id, person.name, person.faces) == (first.id, NFD, number)
    assert register(gallery, NFC, collection="others")[0].id != first.id
    gallery.forget(FORGET, person_id=first.id)
    assert near(gallery, 1) == []
    assert register(gallery, NFC)[0].name == NFC


def test_who_is_registered_at_once_in_several_spellings_is_one_person(make_store):
    stores = [make_store() for _ in range(3)]
    for number in range(15):
        names = [f"{name} {number}" for name in (NFC, NFC, NFD, "JOS\u00c9")]
        with ThreadPoolExecutor(len(names)) as pool:
            found = list(pool.map(lambda pair: register(*pair)[0].id, zip(stores * 2, names, strict=False)))
        assert len(set(found)) == 1
    assert len(identities(stores[0])) == 15


def test_the_last_moment_of_the_calendar_comes_back(gallery):
    for number, moment in enumerate((datetime.min, datetime.max)):
        until = moment.replace(tzinfo=UTC)
        person, _ = register(gallery, str(number), retain_until=until)
        assert gallery.person(person.id).retain_until == until
        gallery.forget(FORGET, person_id=person.id)


def test_a_person_may_take_another_spelling_of_the_name_but_nobody_elses(gallery):
    first, _ = register(gallery, NFC)
    other, _ = register(gallery, "Ann")
    for name in SPELLINGS[::-1]:
        assert gallery.update(first.id, {"name": name}, REGISTER).name == name
        with pytest.raises(Conflict):
            gallery.update(other.id, {"name": name}, REGISTER)
    gallery.update(first.id, {"name": "Bob"}, REGISTER)
    assert gallery.update(other.id, {"name": NFD}, REGISTER).name == NFD
    assert identities(gallery) == ["bob", "jos\u00e9"]


def test_nobody_is_registered_by_the_name_of_twins(gallery):
    first, second = register(gallery, NFC)[0], make_twin(gallery, NFD)
    for name in SPELLINGS:
        with pytest.raises(Conflict) as raised:
            register(gallery, name)
        assert raised.value.details["person_ids"] == [first.id, second.id]
    assert register(gallery, None, face(2), person_id=second.id)[0].faces == 2
    assert [[one.id for one in group] for group in gallery.twins()] == [[first.id, second.id]]


def test_a_twin_keeps_its_name_in_any_spelling_or_takes_another(gallery):
    first, second = register(gallery, NFC)[0], make_twin(gallery, NFD)
    gallery.update(second.id, {"name": "JOS\u00c9"}, REGISTER)
    with pytest.raises(Conflict):
        gallery.update(second.id, {"name": NFC}, REGISTER)  # byte for byte the other's
    assert len(gallery.twins()) == 1
    gallery.update(first.id, {"name": "Ann"}, REGISTER)
    assert gallery.twins() == []
    assert register(gallery, NFC)[0].id == second.id
    assert identities(gallery) == ["ann", "jos\u00e9"]


def test_the_last_twin_takes_the_name_over(gallery):
    first, second, third = register(gallery, NFC)[0], make_twin(gallery, NFD), make_twin(gallery, "JOS\u00c9")
    gallery.forget(FORGET, person_id=first.id)
    with pytest.raises(Conflict):
        register(gallery, NFC)
    gallery.forget(FORGET, person_id=second.id)
    assert register(gallery, NFC)[0].id == third.id
    assert identities(gallery) == ["jos\u00e9"]


def test_merged_twins_are_one_person(gallery):
    first, second = register(gallery, NFC)[0], make_twin(gallery, NFD, face(2))
    gallery.merge(second.id, [first.id], REGISTER)
    assert identities(gallery) == ["jos\u00e9"]
    person, _ = register(gallery, NFC, face(3))
    assert (person.id, person.name, person.faces) == (second.id, NFD, 3)


def test_a_twin_of_another_gallery_gives_its_faces_to_the_first(gallery, audit):
    register(gallery, NFC, face(1), labels={"a": "1"}, metadata={"x": 1})
    ((person, faces),) = everybody(gallery)
    gallery.forget(FORGET, person_id=person.id)
    first, _ = register(gallery, NFD, face(2), labels={"a": "2", "b": "2"})
    with pytest.raises(Conflict):
        gallery.restore(person, faces, REGISTER)
    for _ in range(2):
        assert gallery.join(person, faces, REGISTER).id == first.id
    joined = gallery.person(first.id)
    assert (joined.name, joined.faces, joined.labels, joined.metadata) == (NFD, 2, {"a": "2", "b": "2"}, {"x": 1})
    assert near(gallery, 1)[0] == (NFD, 0.0)
    assert [one.event.person_id for one in events_in(audit)][-2:] == [first.id, first.id]  # the register, and one join
    assert gallery.join(replace(person, name=NFD), faces, REGISTER) is None  # the same spelling is no twin
    with pytest.raises(Conflict):
        gallery.join(replace(person, retain_until=person.registered_at), faces, REGISTER)


def test_the_faces_of_somebody_else_are_not_joined(gallery):
    ann, _ = register(gallery, "Ann")
    ((_, faces),) = everybody(gallery)
    first, _ = register(gallery, NFC, face(2))
    with pytest.raises(Conflict):
        gallery.join(replace(ann, id=str(uuid4()), name=NFD), faces, REGISTER)
    assert gallery.person(first.id).faces == 1


def test_what_one_person_may_have_is_limited_over_all_requests(gallery):
    first, _ = register(gallery, "Ann", labels={str(n): "" for n in range(30)}, metadata={"a": "x" * 6000})
    other, _ = register(gallery, "Bob", face(2), labels={str(n): "" for n in range(30, 60)}, metadata={"b": "x" * 6000})
    for name, values in (("labels", other.labels), ("metadata", other.metadata)):
        with pytest.raises(ValidationFailed) as raised:
            register(gallery, "ANN", **{name: values})
        assert [field["field"] for field in raised.value.details["fields"]] == [name]
    with pytest.raises(ValidationFailed):
        gallery.merge(first.id, [other.id], REGISTER, limit=Retention(None))
    assert gallery.person(first.id) == first
    assert gallery.person(other.id) == other


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_a_list_passes_names_that_fold_to_thousands_of_letters(gallery, limit):
    names = [
        "\ufdfa" * 200,
        "\ufdfa" * 199 + "a",
        "\ufdfa" * 199,
        "\ufdfa",
        "a",
        "\U0001d504" * 200,
        "\U00020000" * 200,
    ]
    ids = {register(gallery, name)[0].id for name in names}
    assert len(ids) == len(names)
    seen, cursor = [], None
    while cursor is not None or not seen:
        page = gallery.persons(collection=None, name="", labels={}, cursor=cursor, limit=limit)
        seen += [person.id for person in page.persons]
        cursor = page.next_cursor
        assert len(cursor or "") <= 2200
        for person in page.persons:  # the cursor of somebody who is gone leads on
            gallery.forget(FORGET, person_id=person.id)
    assert sorted(seen) == sorted(ids)

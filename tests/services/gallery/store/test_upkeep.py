"""The contract of the gallery's store, on both databases and encrypted: expiry, counts, cleaning, taking along."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from core.exceptions import Conflict
from tests.services.conftest import ALSO_ENCRYPTED, events_in
from tests.services.gallery.store.test_store import (
    FORGET,
    OTHER,
    REGISTER,
    SPACE,
    comparable,
    embedded,
    everybody,
    face,
    near,
    register,
    vector,
)

pytestmark = ALSO_ENCRYPTED

EVERYBODY = {"collection": None, "name": "", "labels": {}, "cursor": None, "limit": 100}


def test_those_whose_time_is_over_expire_each_with_an_event(gallery, audit):
    now = datetime.now(UTC)
    over = [register(gallery, str(number), retain_until=now - timedelta(days=number))[0].id for number in range(3)]
    register(gallery, "later", retain_until=now + timedelta(seconds=1))
    register(gallery, "never")
    first = gallery.expire(now, FORGET, limit=2)
    second = gallery.expire(now, FORGET, limit=2)
    assert gallery.expire(now, FORGET, limit=2) == []
    assert (len(first), len(second)) == (2, 1)
    assert {one.event.person_id for one in first + second} == set(over)
    assert events_in(audit, "forget") == first + second
    assert sorted(name for name, _ in near(gallery, 1)) == ["later", "never"]


def test_faces_are_counted_by_collection_and_space(gallery):
    assert gallery.face_counts() == {}
    empty = gallery._database.size_bytes()
    assert empty > 0
    register(gallery, "Ann", face(1, also=[embedded(1, space=OTHER)]))
    register(gallery, "Bob", face(2))
    register(gallery, "Ann", collection="others")
    register(gallery, "Cid", face(crop=bytes(500_000), embedding=vector(1)), collection="others")
    gallery.add_collection("empty", REGISTER)
    assert gallery.face_counts() == {("default", SPACE): 2, ("default", OTHER): 1, ("others", SPACE): 2}
    assert gallery.face_count() == 4
    assert gallery._database.size_bytes() > empty


def test_a_purge_leaves_what_is_there(gallery):
    ann, _ = register(gallery, "Ann")
    register(gallery, "Bob", face(2))
    gallery.forget(FORGET, person_id=ann.id)
    assert set(gallery._database.purge().values()) <= {"done"}
    assert near(gallery, 1) == [("Bob", 1.0)]


def test_a_whole_person_is_taken_to_another_gallery(gallery):
    assert everybody(gallery) == []
    ann = face(1, 2, liveness=0.5, crop=b"png", also=[embedded(4, space=OTHER)])
    register(gallery, "Ann", ann, face(3, space=OTHER), labels={"a": "b"})
    register(gallery, "Bob", face(2), metadata={"n": [1]}, retain_until=datetime.now(UTC))
    both = everybody(gallery)
    assert {person.name for person, _ in both} == {"Ann", "Bob"}
    for person, faces in both:
        assert gallery.restore(person, faces, REGISTER) is False
        gallery.forget(FORGET, person_id=person.id)
        assert gallery.restore(person, faces, REGISTER) is True
        assert gallery.person(person.id) == person
        again = {one.id: one for someone, theirs in everybody(gallery) if someone == person for one in theirs}
        for one in faces:
            assert comparable(again[one.id].face) == comparable(one.face)
    assert near(gallery, 1, 2)[0] == near(gallery, 4, space=OTHER)[0] == ("Ann", 0.0)


@pytest.mark.parametrize("into_the_first", [True, False])
def test_a_snapshot_is_of_one_moment_and_keeps_no_writer_waiting(gallery, into_the_first):
    for number in range(3):
        register(gallery, str(number), face(number), face(number, 1))
    gallery.add_collection("empty", REGISTER)
    before = {person.name: [one.id for one in faces] for person, faces in everybody(gallery)}
    with gallery.snapshot() as snapshot:
        first, faces = next(snapshot.persons)
        rest = [person.id for person in gallery.persons(**EVERYBODY).persons if person.id != first.id]
        into, others = (first.id, rest) if into_the_first else (rest[0], [first.id, rest[1]])
        gallery.merge(into, others, REGISTER)
        register(gallery, "later", collection="later")
        seen = {person.name: [one.id for one in theirs] for person, theirs in [(first, faces), *snapshot.persons]}
        assert (seen, snapshot.collections) == (before, ["default", "empty"])
    assert sorted(len(theirs) for _, theirs in everybody(gallery)) == [1, 6]


def test_a_person_whose_name_or_face_is_somebody_elses_is_not_restored(gallery):
    ann, (kept,) = register(gallery, "Ann")
    ((_, faces),) = everybody(gallery)
    for other in (replace(ann, id=str(uuid4())), replace(ann, id=str(uuid4()), name="Bob", collection="new")):
        with pytest.raises(Conflict):
            gallery.restore(other, faces, REGISTER)
    assert gallery.collections() == {"default": 1}
    assert gallery.face(kept.id).person_id == ann.id

"""The contract of the gallery's store, on both databases and encrypted."""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa

from core.exceptions import Conflict, FaceNotFound, NotFound, PersonNotFound, ValidationFailed
from services.audit.events import Event
from services.database.schema import answers, embeddings
from services.deepface.interface import EmbeddingSpace, FaceArea
from services.gallery.store.rows import cursor_of_face
from services.gallery.store.values import (
    FaceChange,
    FaceEmbedding,
    IdempotencyKey,
    IdempotencyKeyTaken,
    IdempotencyRecord,
    NewFace,
    NotCompared,
    Registration,
    Retention,
)
from tests.services.conftest import ALSO_ENCRYPTED, events_in

pytestmark = ALSO_ENCRYPTED

SPACE = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)
OTHER = replace(SPACE, model="VGG-Face")
DIMENSION = {SPACE: 128, OTHER: 4096}
REGISTER = Event(action="register", outcome="stored", request_id="r", details={"model": "Dlib"})
FORGET = Event(action="forget", outcome="forgotten")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def vector(*first, space=SPACE):
    embedding = np.zeros(DIMENSION[space], np.float32)
    embedding[: len(first)] = first
    return embedding


def embedded(*first, space):
    return FaceEmbedding(space=space, vector=vector(*first, space=space), weights="o")


def face(*first, space=SPACE, embedding=None, also=(), **changes):
    """A face with one embedding, or with those of `also` too."""
    numbers = vector(*first, space=space) if embedding is None else embedding
    made = NewFace(
        embeddings=(FaceEmbedding(space=space, vector=numbers, weights="w"), *also),
        detector="opencv",
        area=FaceArea(x=1, y=2, w=3, h=4, left_eye=(5, 6)),
        confidence=0.9,
        quality={"sharpness": 12.5},
    )
    return replace(made, **changes)


def register(gallery, name, *faces, collection="default", **options):
    faces = faces or [face(1)]
    return gallery.register(Registration(faces=faces, name=name, collection=collection, event=REGISTER, **options))


def near(gallery, *probe, space=SPACE, collection="default", metric="euclidean", k=10, **options):
    found = gallery.nearest(
        vector(*probe, space=space).astype(np.float64),
        space=space, collection=collection, metric=metric, k=k, **options,
    )  # fmt: skip
    return [(one.person.name, one.distance) for one in found]


def comparable(new):
    """A face to be stored, with embeddings that can be compared."""
    return replace(new, embeddings=[(one.space, one.weights, one.vector.tobytes()) for one in new.embeddings])


def everybody(gallery):
    with gallery.snapshot() as snapshot:
        return list(snapshot.persons)


def test_a_registered_face_is_kept_as_it_was_given(gallery):
    before = datetime.now(UTC)
    until = before + timedelta(days=30)
    person, (kept,) = register(
        gallery, "Zoë", face(1, 2, liveness=0.75, crop=b"png"),
        labels={"team": "blue"}, metadata={"n": [1, None]}, retain_until=until,
    )  # fmt: skip
    assert (person.name, person.collection, person.labels) == ("Zoë", "default", {"team": "blue"})
    assert (person.metadata, person.faces, person.retain_until) == ({"n": [1, None]}, 1, until)
    assert before <= person.registered_at <= datetime.now(UTC)
    assert (kept.person_id, kept.weights, kept.detector) == (person.id, {SPACE: "w"}, "opencv")
    assert kept.area == FaceArea(x=1, y=2, w=3, h=4, left_eye=(5, 6))
    assert (kept.confidence, kept.quality, kept.liveness, kept.has_crop) == (0.9, {"sharpness": 12.5}, 0.75, True)
    assert gallery.person(person.id) == person
    assert gallery.face(kept.id) == kept
    assert gallery.faces(person.id) == [kept]
    assert gallery.crop(kept.id) == b"png"
    assert gallery.crop(register(gallery, "Ann")[1][0].id) is None


def test_a_face_keeps_the_name_of_its_photo(gallery):
    ann, (one, other) = register(gallery, "Ann", face(1, photo="ann/1.jpg"), face(2))
    bob, (third,) = register(gallery, "Bob", face(3, photo="bob.png"))
    assert (one.photo, other.photo, gallery.face(one.id)) == ("ann/1.jpg", None, one)
    everyone = [one.id, other.id, third.id]
    assert gallery.photos(everyone) == {one.id: "ann/1.jpg", third.id: "bob.png"}
    assert gallery.photos([]) == gallery.photos([other.id, UNKNOWN]) == {}
    gallery.merge(ann.id, [bob.id], REGISTER)
    gallery.forget(FORGET, face_id=one.id)
    assert gallery.photos(everyone) == {third.id: "bob.png"}


def test_a_name_or_an_id_gives_a_person_another_face(gallery):
    person, _ = register(gallery, "Ann", labels={"a": "1", "b": "1"}, metadata={"x": 1})
    again, _ = register(gallery, "Ann", face(2), face(3), labels={"b": "2"}, metadata={"y": 2})
    assert (again.id, again.faces, again.labels, again.metadata) == (
        person.id, 3, {"a": "1", "b": "2"}, {"x": 1, "y": 2},
    )  # fmt: skip
    by_id, _ = register(gallery, None, face(4), person_id=person.id)
    assert by_id.faces == 4
    elsewhere, _ = register(gallery, "Ann", collection="others")
    assert elsewhere.id != person.id
    for unknown in (str(uuid4()), "no id", elsewhere.id):
        with pytest.raises(PersonNotFound):
            register(gallery, None, person_id=unknown)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "euclidean_l2", "angular"])
def test_persons_come_nearest_first_by_their_best_face(gallery, metric):
    register(gallery, "Ann", face(1, 0), face(0, 1))
    register(gallery, "Bob", face(1, 1))
    register(gallery, "Cid", face(-1, 0.1))
    register(gallery, "Dan", face(1, 0, space=OTHER))
    register(gallery, "Eve", face(1, 0), collection="others")
    found = near(gallery, 1, 0.2, metric=metric)
    assert [name for name, _ in found] == ["Ann", "Bob", "Cid"]
    assert near(gallery, 1, 0.2, metric=metric, k=1) == found[:1]
    assert near(gallery, 1, 0.2, metric=metric, within=found[1][1]) == found[:2]
    assert near(gallery, 1, 0, metric=metric)[0] == ("Ann", 0.0)
    assert [name for name, _ in near(gallery, 1, 0, space=OTHER, metric=metric)] == ["Dan"]
    for limit in (None, 1.0):
        assert near(gallery, 1, 0, collection="nowhere", metric=metric, within=limit) == []


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_search_may_list_every_face(gallery, metric):
    ann, _ = register(gallery, "Ann", face(1, 0), face(0, 1), face(1, 0.1), labels={"team": "blue"})
    register(gallery, "Bob", face(1, 1))
    register(gallery, "Eve", face(1, 0), collection="others")
    found = near(gallery, 1, 0, metric=metric, by_face=True)
    assert [name for name, _ in found] == ["Ann", "Ann", "Bob", "Ann"]
    assert [name for name, _ in near(gallery, 1, 0, metric=metric)] == ["Ann", "Bob"]
    assert near(gallery, 1, 0, metric=metric, by_face=True, k=2) == found[:2]
    assert near(gallery, 1, 0, metric=metric, by_face=True, within=found[2][1]) == found[:3]
    for whose in ({"person_id": ann.id}, {"labels": {"team": "blue"}}):
        assert len(near(gallery, 1, 0, metric=metric, by_face=True, **whose)) == 3


def test_a_person_is_found_by_name_in_any_spelling_of_the_collection(gallery):
    ann, _ = register(gallery, "Ann")
    register(gallery, "Bob", collection="others")
    assert gallery.named("ANN", within="default") == gallery.person(ann.id)
    for name, collection in (("Ann", "others"), ("Bob", "default"), ("An", "default"), ("Ann", "nowhere")):
        with pytest.raises(PersonNotFound):
            gallery.named(name, within=collection)


def test_the_last_face_may_take_its_person_along(gallery):
    ann, (first, second) = register(gallery, "Ann", face(1), face(2))
    assert gallery.forget(FORGET, face_id=first.id, last_with_person=True).recorded.event.person_id == ann.id
    assert gallery.person(ann.id).faces == 1
    with pytest.raises(FaceNotFound):
        gallery.forget(FORGET, face_id=second.id, within="others", last_with_person=True)
    gallery.forget(FORGET, face_id=second.id, last_with_person=True)
    with pytest.raises(PersonNotFound):
        gallery.person(ann.id)
    bob, (only,) = register(gallery, "Bob")
    gallery.forget(FORGET, face_id=only.id)
    assert gallery.person(bob.id).faces == 0


def test_a_search_may_be_narrowed_to_a_person_or_to_labels(gallery):
    ann, _ = register(gallery, "Ann", face(1), labels={"team": "blue", "site": "x"})
    register(gallery, "Bob", face(2), labels={"team": "blue"})
    register(gallery, "Cid", face(3), labels={"team": "red"})
    assert near(gallery, 3, person_id=ann.id) == [("Ann", 2.0)]
    assert near(gallery, 3, person_id="no id") == near(gallery, 3, person_id=str(uuid4())) == []
    assert near(gallery, 3, labels={"team": "blue"}) == [("Bob", 1.0), ("Ann", 2.0)]
    assert near(gallery, 3, labels={"team": "blue", "site": "x"}) == [("Ann", 2.0)]
    assert near(gallery, 3, labels={"team": "blue"}, person_id=ann.id, within=1.0) == []


def test_many_faces_of_one_person_hide_nobody_and_ties_are_in_the_order_of_ids(gallery):
    register(gallery, "Crowd", *(face(1, number / 1000) for number in range(200)))
    others = [register(gallery, f"Other {number}", face(2))[0] for number in range(4)]
    assert [name for name, _ in near(gallery, 1, k=3)] == [
        "Crowd", *(person.name for person in sorted(others, key=lambda person: person.id)[:2]),
    ]  # fmt: skip


def test_random_faces_are_found_as_float64_says(gallery):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(300, 128)).astype(np.float32)
    for number, embedding in enumerate(embeddings):
        register(gallery, f"{number:03}", face(embedding=embedding))
    for probe in rng.normal(size=(10, 128)) + embeddings[:10]:
        unit = probe / np.linalg.norm(probe)
        units = embeddings.astype(np.float64)
        cosine = 1 - (units / np.linalg.norm(units, axis=1, keepdims=True)) @ unit
        expected = [(f"{number:03}", round(cosine[number], 6)) for number in cosine.argsort()[:5]]
        found = gallery.nearest(probe, space=SPACE, collection="default", metric="cosine", k=5)
        assert [(one.person.name, one.distance) for one in found] == expected


def test_what_one_worker_changes_every_other_sees_at_once(make_store):
    one, other = make_store(), make_store()
    assert near(other, 1) == []
    ann, (kept,) = register(one, "Ann", face(1))
    assert near(other, 1) == [("Ann", 0.0)]
    bob, _ = register(other, "Bob", face(2))
    assert near(one, 2)[0] == ("Bob", 0.0)
    one.update(ann.id, {"name": "Anna"}, REGISTER)
    assert near(other, 1)[0] == ("Anna", 0.0)
    other.merge(bob.id, [ann.id], REGISTER)
    assert near(one, 1) == [("Bob", 0.0)]
    one.forget(FORGET, face_id=kept.id)
    assert near(other, 1) == [("Bob", 1.0)]
    other.forget(FORGET, person_id=bob.id)
    assert near(one, 1) == []


def test_the_forgotten_are_gone(gallery):
    ann, (first, second) = register(gallery, "Ann", face(1), face(2))
    receipt = gallery.forget(FORGET, face_id=first.id).recorded
    assert (receipt.event.person_id, receipt.event.face_id) == (ann.id, first.id)
    with pytest.raises(FaceNotFound):
        gallery.face(first.id)
    assert gallery.person(ann.id).faces == 1
    receipt = gallery.forget(FORGET, person_id=ann.id).recorded
    assert (receipt.event.person_id, receipt.event.face_id) == (ann.id, "")
    for ask in (gallery.person, gallery.faces, lambda number: gallery.forget(FORGET, person_id=number)):
        with pytest.raises(PersonNotFound):
            ask(ann.id)
    for ask in (gallery.face, gallery.crop, lambda number: gallery.forget(FORGET, face_id=number)):
        for number in (second.id, "no id"):
            with pytest.raises(FaceNotFound):
                ask(number)


def test_persons_are_changed_and_merged(gallery):
    ann, bob, cid = (register(gallery, name, face(number))[0] for number, name in enumerate(("Ann", "Bob", "Cid")))
    changed = gallery.update(ann.id, {"name": "Anna", "labels": {"a": "b"}, "metadata": {}}, REGISTER)
    assert (changed.name, changed.labels) == ("Anna", {"a": "b"})
    with pytest.raises(Conflict):
        gallery.update(ann.id, {"name": "Bob"}, REGISTER)
    merged = gallery.merge(ann.id, [bob.id, cid.id, ann.id], REGISTER)
    assert (merged.name, merged.faces) == ("Anna", 3)
    with pytest.raises(PersonNotFound):
        gallery.person(bob.id)
    elsewhere, _ = register(gallery, "Eve", collection="others")
    for other in (bob.id, elsewhere.id):
        with pytest.raises(PersonNotFound):
            gallery.merge(ann.id, [other], REGISTER)
    for ask in (lambda: gallery.update(bob.id, {}, REGISTER), lambda: gallery.merge(bob.id, [ann.id], REGISTER)):
        with pytest.raises(PersonNotFound):
            ask()


def test_a_merge_keeps_the_labels_and_metadata_of_all_and_the_persons_own_first(gallery):
    ann, bob, cid = (
        register(gallery, name, face(number), labels={"who": name, name: "x"}, metadata={"n": number, name: [number]})[
            0
        ]
        for number, name in enumerate(("Ann", "Bob", "Cid"))
    )
    merged = gallery.merge(bob.id, [cid.id, ann.id, cid.id], REGISTER)
    assert merged.labels == {"who": "Bob", "Ann": "x", "Bob": "x", "Cid": "x"}
    assert merged.metadata == {"n": 1, "Ann": [0], "Bob": [1], "Cid": [2]}
    assert gallery.person(bob.id) == merged
    dan, eve = (register(gallery, name, labels={"who": name})[0] for name in ("Dan", "Eve"))
    fay, _ = register(gallery, "Fay")
    assert gallery.merge(fay.id, [eve.id, dan.id], REGISTER).labels == {"who": "Eve"}


def test_a_merge_of_persons_who_are_kept_until_different_times_needs_to_be_told_which(gallery):
    soon = datetime.now(UTC) + timedelta(days=1)
    for limits in ((None, soon), (soon, None), (soon, soon + timedelta(days=1))):
        for limit in (None, soon + timedelta(days=7)):
            into, other = (register(gallery, f"{uuid4()}", face(1), retain_until=until)[0] for until in limits)
            with pytest.raises(Conflict):
                gallery.merge(into.id, [other.id], REGISTER)
            assert (gallery.person(into.id), gallery.person(other.id)) == (into, other)
            assert gallery.merge(into.id, [other.id], REGISTER, limit=Retention(limit)).retain_until == limit
    both = [register(gallery, name, retain_until=soon)[0].id for name in ("Ann", "Bob")]
    assert gallery.merge(both[0], both[1:], REGISTER).retain_until == soon


def test_persons_are_listed_by_name_in_pages(gallery):
    for number in range(7):
        register(gallery, f"Ann {number}%", labels={"even": str(number % 2 == 0)})
    register(gallery, "Bob", collection="others")

    def names(**options):
        given = {"collection": None, "name": "", "labels": {}, "cursor": None, "limit": 3} | options
        found = []
        while True:
            page = gallery.persons(**given)
            found.append([person.name for person in page.persons])
            if page.next_cursor is None:
                return found
            given["cursor"] = page.next_cursor

    assert names() == [["Ann 0%", "Ann 1%", "Ann 2%"], ["Ann 3%", "Ann 4%", "Ann 5%"], ["Ann 6%", "Bob"]]
    assert names(collection="default", limit=7) == [[f"Ann {number}%" for number in range(7)]]
    assert names(name="n 3%") == [["Ann 3%"]]
    assert names(name="ANN 3") == [["Ann 3%"]]
    assert names(name="%%") == [[]]
    assert names(labels={"even": "True"}) == [["Ann 0%", "Ann 2%", "Ann 4%"], ["Ann 6%"]]


def test_pages_go_on_where_they_ended_whoever_comes_or_goes(gallery):
    ids = {name: register(gallery, name)[0].id for name in ("Ann", "Bob", "Cid", "Dan", "Eve", "Fay")}

    def page(cursor):
        found = gallery.persons(collection=None, name="", labels={}, cursor=cursor, limit=2)
        return [person.name for person in found.persons], found.next_cursor

    names, cursor = page(None)
    assert names == ["Ann", "Bob"]
    gallery.forget(FORGET, person_id=ids["Bob"])  # with whom the page ended
    gallery.update(ids["Ann"], {"name": "Zoë"}, REGISTER)
    register(gallery, "Abe")
    register(gallery, "Bob")
    register(gallery, "Cia")
    names, cursor = page(cursor)
    assert names in (["Cia", "Cid"], ["Bob", "Cia"])  # the new Bob comes before or after the old one, by his id
    while cursor is not None:
        more, cursor = page(cursor)
        names += more
    assert [name for name in names if name != "Bob"] == ["Cia", "Cid", "Dan", "Eve", "Fay", "Zoë"]
    for wrong in ("", "x", ids["Cid"], "é", b64encode(bytes(17)).decode(), b64encode(bytes(16) + b"\xff").decode()):
        with pytest.raises(ValidationFailed, match="not valid"):
            page(wrong)


def test_collections_are_made_listed_and_removed_with_an_event_for_each_person(gallery, audit):
    gallery.add_collection("empty", REGISTER)
    ann, _ = register(gallery, "Ann", collection="full")
    assert gallery.collections() == {"empty": 0, "full": 1}
    with pytest.raises(Conflict):
        gallery.add_collection("full", REGISTER)
    gallery.remove_collection("empty", FORGET, with_persons=False)
    with pytest.raises(NotFound):
        gallery.remove_collection("empty", FORGET, with_persons=False)
    with pytest.raises(Conflict):
        gallery.remove_collection("full", FORGET, with_persons=False)
    removal = Event(action="remove_collection", outcome="done", collection="full")
    removed = gallery.remove_collection("full", removal, with_persons=True).recorded
    assert gallery.collections() == {}
    *_, forgotten, last = events_in(audit)
    reason = {"reason": "remove_collection"}
    assert forgotten.event == replace(removal, action="forget", person_id=ann.id, details=reason, at=last.event.at)
    assert last == removed
    assert near(gallery, 1, collection="full") == []


def test_the_spaces_of_a_collection_are_known(gallery):
    register(gallery, "Ann", face(1), face(1, space=OTHER))
    assert gallery.spaces("default") == {SPACE: 128, OTHER: 4096}
    assert gallery.spaces("nowhere") == {}


def test_a_face_is_found_in_each_of_its_spaces_and_is_one_face(gallery):
    ann, (kept,) = register(gallery, "Ann", face(1, also=[embedded(2, space=OTHER)]))
    assert list(kept.weights.items()) == [(SPACE, "w"), (OTHER, "o")]
    assert ann.faces == gallery.person(ann.id).faces == gallery.face_count() == 1
    assert gallery.faces(ann.id) == [kept]
    assert list(gallery.face(kept.id).weights) == [SPACE, OTHER]
    register(gallery, "Bob", face(2))
    assert near(gallery, 1) == [("Ann", 0.0), ("Bob", 1.0)]
    assert near(gallery, 2, space=OTHER) == [("Ann", 0.0)]
    assert near(gallery, 2, space=OTHER, person_id=ann.id) == [("Ann", 0.0)]
    assert gallery.spaces("default", person_id=ann.id) == {SPACE: 128, OTHER: 4096}
    assert gallery.mixed() == {"default": {SPACE: 2, OTHER: 1}}
    assert gallery.not_compared("default", SPACE) == NotCompared(persons=0, spaces={})
    assert gallery.not_compared("default", OTHER) == NotCompared(persons=1, spaces={SPACE: 1})


def test_persons_without_a_face_in_another_space_are_found_alone(gallery):
    register(gallery, "Ann", face(1), face(1, space=OTHER))
    assert not gallery.is_anybody_only_in(SPACE, "default", lacking=OTHER)
    register(gallery, "Bob", face(2), face(3))
    register(gallery, "Cid", face(2), collection="elsewhere")
    assert gallery.is_anybody_only_in(SPACE, "default", lacking=OTHER)
    assert not gallery.is_anybody_only_in(OTHER, "default", lacking=SPACE)
    assert not gallery.is_anybody_only_in(SPACE, "nowhere", lacking=OTHER)
    for metric in ("euclidean", "cosine"):
        assert {name for name, _ in near(gallery, 1, metric=metric, lacking=OTHER)} == {"Bob"}
    assert near(gallery, 1, lacking=OTHER, by_face=True) == [("Bob", 1.0), ("Bob", 2.0)]
    assert near(gallery, 1, lacking=OTHER, collection="elsewhere") == [("Cid", 1.0)]


def test_persons_whose_faces_all_have_a_photo_can_be_spared(gallery):
    register(gallery, "Ann", face(1, photo="ann.jpg"))
    where = {"lacking": OTHER, "spares_photos": True}
    assert near(gallery, 1, **where) == []
    assert not gallery.is_anybody_only_in(SPACE, "default", **where)
    register(gallery, "Bob", face(2, photo="bob.jpg"), face(3))
    assert near(gallery, 1, **where) == [("Bob", 1.0)]
    assert gallery.is_anybody_only_in(SPACE, "default", **where)


def test_the_names_of_a_collection_are_sorted_in_any_case(gallery):
    for name in ("zoë", "Ann", "Eve", "bob"):
        register(gallery, name)
    register(gallery, "Cid", collection="elsewhere")
    assert gallery.names("default") == ["Ann", "bob", "Eve", "zoë"]
    assert gallery.names("nowhere") == []


def test_what_becomes_of_a_face_becomes_of_all_its_embeddings(make_store):
    one, other = make_store(), make_store()
    spaces = {SPACE: 1, OTHER: 2}
    ann, (kept,) = register(one, "Ann", face(1, crop=b"png", also=[embedded(2, space=OTHER)]))
    bob, _ = register(one, "Bob", face(3))
    for space, number in spaces.items():
        assert near(other, number, space=space)[0] == ("Ann", 0.0)
    one.merge(bob.id, [ann.id], REGISTER)
    for space, number in spaces.items():
        assert near(other, number, space=space) == [("Bob", 0.0)]
    assert (other.crop(kept.id), other.face(kept.id)) == (b"png", replace(kept, person_id=bob.id))
    one.forget(FORGET, face_id=kept.id)
    assert near(other, 2, space=OTHER) == []
    assert near(other, 1) == [("Bob", 2.0)]
    with one._database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(embeddings)) == 1
    one.remove_collection("default", FORGET, with_persons=True)
    assert near(other, 1) == []


def test_a_face_of_two_embeddings_that_cannot_be_stored_is_not_stored_by_half(gallery):
    with pytest.raises(sa.exc.IntegrityError):
        register(gallery, "Ann", face(1, also=[embedded(2, space=SPACE)]))
    assert (gallery.face_count(), gallery.collections(), near(gallery, 1)) == (0, {}, [])


def test_a_request_that_comes_again_finds_what_it_stored(gallery):
    assert gallery.answered("key") is None
    key = IdempotencyKey("key", "digest")
    ann, (kept,) = register(gallery, "Ann", idempotency_key=key)
    assert gallery.answered("key") == IdempotencyRecord(request="digest", person=ann, face=kept)
    with pytest.raises(IdempotencyKeyTaken):
        register(gallery, "Bob", idempotency_key=key)
    assert [
        person.name for person in gallery.persons(collection=None, name="", labels={}, cursor=None, limit=9).persons
    ] == ["Ann"]
    anna = gallery.update(ann.id, {"name": "Anna"}, REGISTER)
    assert gallery.answered("key").person == anna
    bob, _ = register(gallery, "Bob", face(2))
    merged = gallery.merge(bob.id, [ann.id], REGISTER)
    assert gallery.answered("key") == IdempotencyRecord(
        request="digest", person=merged, face=replace(kept, person_id=bob.id)
    )
    gallery.forget(FORGET, face_id=kept.id)
    assert gallery.answered("key") is None
    with pytest.raises(IdempotencyKeyTaken):
        register(gallery, "Ann", idempotency_key=key)


def test_an_answer_is_kept_for_as_long_as_it_lasts_without_a_name_and_no_face_for_longer_than_there_is_one(gallery):
    over, lasting = IdempotencyKey("over", "d", timedelta(days=-1)), IdempotencyKey("lasting", "d", timedelta(days=1))
    register(gallery, "Ann", idempotency_key=over)
    assert gallery.answered("over") is None
    bob, _ = register(gallery, "Bob", face(2), idempotency_key=lasting)
    register(gallery, "Ann", face(3), idempotency_key=IdempotencyKey("over", "other"))
    assert gallery.answered("over").request == "other"
    assert gallery.answered("lasting").person.name == "Bob"
    register(gallery, "Cid", face(3), idempotency_key=IdempotencyKey("for good", "d"))
    register(gallery, "Dan", face(3), idempotency_key=over_again(gallery))
    gallery.forget(FORGET, person_id=bob.id)
    with gallery._database.reading() as connection:
        columns = (answers.c.key, answers.c.face_id.is_not(None), answers.c.person_id, answers.c.name)
        rows = connection.execute(sa.select(*columns).order_by(answers.c.key)).all()
    kept = {"for good": True, "lasting": False, "over": True, "over again": True}
    assert rows == [(key, has_face, None, None) for key, has_face in kept.items()]


def over_again(gallery):
    """A key of which the answer is over, and was never asked for again."""
    register(gallery, "Dan", face(3), idempotency_key=IdempotencyKey("never again", "d", timedelta(days=-1)))
    return IdempotencyKey("over again", "d")


@pytest.mark.parametrize(
    ("name", "looked_for"),
    [
        ("Élodie", "élodie"),
        ("ÉLODIE", "élod"),
        ("Straße", "STRASSE"),
        ("Zoe\u0308", "zoë"),
        ("Ёлка", "ёЛ"),
        ("Ωmega", "ω"),
    ],
)
def test_a_name_is_found_in_any_case_and_however_its_letters_are_composed(gallery, name, looked_for):
    person, _ = register(gallery, name)
    register(gallery, "Bob")

    def found(name):
        page = gallery.persons(collection=None, name=name, labels={}, cursor=None, limit=9)
        return [person.name for person in page.persons]

    assert found(looked_for) == [name]
    gallery.update(person.id, {"name": "Ann"}, REGISTER)
    assert (found(looked_for), found("ANN")) == ([], ["Ann"])


def test_names_are_listed_in_the_order_of_their_letters_in_any_case(gallery):
    for name in ("b", "Éa", "A", "c", "Ba", "ab", "ea"):
        register(gallery, name)
    page = gallery.persons(collection=None, name="", labels={}, cursor=None, limit=9)
    assert [person.name.casefold() for person in page.persons] == ["a", "ab", "b", "ba", "c", "ea", "éa"]


def test_every_change_has_its_event_and_a_failed_one_has_none(gallery, audit):
    ann, (kept,) = register(gallery, "Ann")
    gallery.forget(FORGET, person_id=ann.id)
    with pytest.raises(PersonNotFound):
        gallery.forget(FORGET, person_id=ann.id)
    audit.record([Event(action="verify", outcome="match", key_id="k")])
    first, second, third = events_in(audit)
    assert first.event == replace(REGISTER, person_id=ann.id, face_id=kept.id, at=first.event.at)
    assert (second.event.action, second.event.person_id, third.event.key_id) == ("forget", ann.id, "k")
    assert first.id < second.id < third.id
    assert REGISTER.at < first.event.at <= second.event.at <= third.event.at
    assert events_in(audit, "verify") == [third]


def test_the_faces_of_a_person_come_page_by_page_and_none_twice(gallery):
    person, _ = register(gallery, "Ann", *(face(number) for number in range(1, 6)))  # all of one moment
    register(gallery, "Bob", face(9))
    for number in range(6, 8):
        register(gallery, "Ann", face(number))
    every = gallery.faces(person.id)
    assert len(every) == 7
    for limit in (1, 2, 3, 7, 100):
        pages, cursor = [], None
        while page := gallery.faces(person.id, cursor=cursor, limit=limit):
            assert len(page) <= limit
            pages += page
            cursor = cursor_of_face(page[-1])
        assert pages == every
    cursor = cursor_of_face(every[2])
    gallery.forget(FORGET, face_id=every[2].id)
    assert gallery.faces(person.id, cursor=cursor) == every[3:]


@pytest.mark.parametrize("place", ["", "x", "é", UNKNOWN, f"{UNKNOWN}2030-13-01", f"{UNKNOWN}0001-01-01T00:00+23:00"])
def test_a_cursor_of_no_page_of_faces_is_wrong(gallery, place):
    person, _ = register(gallery, "Ann")
    for cursor in (place, urlsafe_b64encode(place.encode()).decode()):
        with pytest.raises(ValidationFailed) as caught:
            gallery.faces(person.id, cursor=cursor)
        assert caught.value.details["fields"][0]["field"] == "cursor"


def test_a_person_may_be_there_before_any_face(gallery, audit):
    add = Event(action="add_person", outcome="done", collection="staff")
    number = gallery.add_person("Zoë", "staff", add)
    assert (gallery.person(number).name, gallery.person(number).faces) == ("Zoë", 0)
    for name in ("Zoë", "ZOË"):
        with pytest.raises(Conflict):
            gallery.add_person(name, "staff", add)
    assert gallery.add_person("Zoë", "elsewhere", add) != number
    assert [one.event.person_id for one in events_in(audit, "add_person")][:1] == [number]
    person, _ = register(gallery, "zoë", collection="staff")
    assert (person.id, person.faces) == (number, 1)


def test_names_are_sorted_and_of_one_collection(gallery):
    for name in ("bob", "Ann", "Zoë"):
        register(gallery, name)
    register(gallery, "Eve", collection="staff")
    assert gallery.names("default") == ["Ann", "bob", "Zoë"]
    assert gallery.names("nowhere") == []


def test_faces_are_listed_by_page_with_the_names_of_their_persons(gallery):
    bob, (first, second) = register(gallery, "Bob", face(1), face(2))
    _, (third,) = register(gallery, "Ann", face(3))
    register(gallery, "Eve", collection="staff")
    everyone = [*sorted([(first.id, "Bob"), (second.id, "Bob")]), (third.id, "Ann")]

    def page(skip, limit, person_id=None):
        found, total = gallery.named_faces("default", person_id=person_id, skip=skip, limit=limit)
        return [(one.face_id, one.name) for one in found], total

    assert page(0, 10) == (everyone, 3)
    assert page(1, 1) == (everyone[1:2], 3)
    assert page(3, 10) == ([], 3)
    assert page(0, 1, bob.id) == (everyone[:1], 2)


def test_everybody_of_a_collection_is_forgotten_and_the_collection_stays(gallery, audit):
    ann, bob = register(gallery, "Ann", face(1), face(2))[0], register(gallery, "Bob")[0]
    register(gallery, "Eve", collection="staff")
    assert gallery.forget_everybody("default", FORGET) == (2, 3)
    assert gallery.collections() == {"default": 0, "staff": 1}
    assert near(gallery, 1) == []
    forgotten = [one.event.person_id for one in events_in(audit, "forget")]
    assert sorted(forgotten) == sorted([ann.id, bob.id])
    assert gallery.forget_everybody("default", FORGET) == gallery.forget_everybody("nowhere", FORGET) == (0, 0)


CHANGE = Event(action="change_face", outcome="done")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_face_that_is_set_aside_is_kept_and_not_compared(gallery, make_store, metric):
    other = make_store()
    ann, (first,) = register(gallery, "Ann", face(1))
    _, (second,) = register(gallery, "Ann", face(0, 1, crop=b"png"))
    register(gallery, "Bob", face(1, 1))
    for store in (gallery, other):
        assert near(store, 1, metric=metric)[0] == ("Ann", 0)
    changed = gallery.change_face(first.id, FaceChange(set_aside=True), CHANGE)
    assert changed == replace(first, set_aside=True) == gallery.face(first.id)
    assert [one.set_aside for one in gallery.faces(ann.id)] == [True, False]
    for store in (gallery, other, make_store()):
        (nearest, distance), (ann_again, _) = near(store, 1, metric=metric)
        assert (nearest, ann_again, distance > 0) == ("Bob", "Ann", True)
        assert [name for name, _ in near(store, 1, metric=metric, by_face=True)] == ["Bob", "Ann"]
        assert near(store, 1, metric=metric, person_id=ann.id) == [
            ("Ann", pytest.approx(1 if metric == "cosine" else 2**0.5))
        ]
    assert gallery.person(ann.id).faces == 2
    assert gallery.change_face(first.id, FaceChange(set_aside=False), CHANGE) == first
    assert near(other, 1, metric=metric)[0] == ("Ann", 0)
    gallery.change_face(second.id, FaceChange(set_aside=True), CHANGE)
    assert gallery.crop(second.id) == b"png"


def test_persons_without_a_face_to_compare_do_not_count(gallery):
    ann, (of_ann,) = register(gallery, "Ann", face(1))
    bob, (of_bob,) = register(gallery, "Bob", face(1, space=OTHER))
    assert gallery.not_compared("default", SPACE) == NotCompared(persons=1, spaces={OTHER: 1})
    gallery.change_face(of_bob.id, FaceChange(set_aside=True), CHANGE)
    assert gallery.not_compared("default", SPACE) == NotCompared(persons=0, spaces={})
    assert gallery.spaces("default") == {SPACE: 128}
    assert gallery.spaces("default", person_id=bob.id) == {}
    gallery.change_face(of_ann.id, FaceChange(set_aside=True), CHANGE)
    assert near(gallery, 1) == []
    assert gallery.person(ann.id).faces == 1


def test_a_face_moves_to_another_person_of_its_collection(gallery, audit, make_store):
    other = make_store()
    ann, (first, second) = register(gallery, "Ann", face(1, crop=b"one"), face(0, 1))
    bob, _ = register(gallery, "Bob", face(0, 0, 1))
    eve, _ = register(gallery, "Eve", face(1), collection="elsewhere")
    assert near(other, 1)[0] == ("Ann", 0)
    moved = gallery.change_face(first.id, FaceChange(person_id=bob.id, set_aside=True), CHANGE)
    assert moved == replace(first, person_id=bob.id, set_aside=True)
    gallery.change_face(first.id, FaceChange(set_aside=False), CHANGE)
    for store in (gallery, other):
        assert near(store, 1)[0] == ("Bob", 0)
    assert (gallery.person(ann.id).faces, gallery.person(bob.id).faces) == (1, 2)
    assert gallery.crop(first.id) == b"one"  # encrypted for the person who has it now
    for unknown in (eve.id, UNKNOWN, "x"):
        with pytest.raises(PersonNotFound):
            gallery.change_face(second.id, FaceChange(person_id=unknown), CHANGE)
    for face_id, within in ((UNKNOWN, None), ("x", None), (second.id, "elsewhere")):
        with pytest.raises(FaceNotFound):
            gallery.change_face(face_id, FaceChange(set_aside=True), CHANGE, within=within)
    same = gallery.change_face(second.id, FaceChange(person_id=ann.id), CHANGE)
    assert same == second
    assert [(one.event.person_id, one.event.face_id, one.event.details) for one in events_in(audit, "change_face")] == [
        (bob.id, first.id, {"moved_from": ann.id}),
        (bob.id, first.id, {}),
        (ann.id, second.id, {}),
    ]


def test_a_set_aside_face_is_so_in_another_gallery(gallery):
    ann, (first,) = register(gallery, "Ann", face(1))
    register(gallery, "Ann", face(0, 1))
    gallery.change_face(first.id, FaceChange(set_aside=True), CHANGE)
    ((person, faces),) = everybody(gallery)
    gallery.forget(FORGET, person_id=ann.id)
    assert gallery.restore(person, faces, REGISTER)
    assert [one.set_aside for one in gallery.faces(ann.id)] == [True, False]
    assert near(gallery, 1) == [("Ann", pytest.approx(2**0.5))]


def test_a_person_is_shown_by_the_first_face_with_an_image(gallery):
    ann, (first,) = register(gallery, "Ann", face(1))
    second, third = (register(gallery, "Ann", face(2, crop=crop))[1][0] for crop in (b"two", b"three"))

    def shown():
        person = gallery.person(ann.id)
        return person.cover_face_id, person.has_crop

    assert shown() == (second.id, True)
    assert gallery.persons(collection=None, name="", labels={}, cursor=None, limit=9).persons == [
        gallery.person(ann.id)
    ]
    gallery.change_face(second.id, FaceChange(set_aside=True), CHANGE)
    assert shown() == (third.id, True)
    gallery.forget(FORGET, face_id=third.id)
    assert shown() == (second.id, True)
    gallery.forget(FORGET, face_id=second.id)
    assert shown() == (first.id, False)
    gallery.forget(FORGET, face_id=first.id)
    assert shown() == (None, False)


def test_the_images_of_many_faces_are_read_at_once(gallery):
    _, (one, without, other) = register(gallery, "Ann", face(1, crop=b"one"), face(2), face(3, crop=b"three"))
    _, (foreign,) = register(gallery, "Eve", face(1, crop=b"four"), collection="elsewhere")
    wanted = [other.id, without.id, one.id, foreign.id, UNKNOWN, "x"]
    assert gallery.crops(wanted) == {one.id: b"one", other.id: b"three", foreign.id: b"four"}
    assert gallery.crops(wanted, within="elsewhere") == {foreign.id: b"four"}
    assert gallery.crops([]) == {}

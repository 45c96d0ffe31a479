"""Enrolling a folder on the fake engine and a SQLite file."""

import pytest

from core.exceptions import ModelUnavailable
from core.files import FoundFile
from services.audit.events import Event
from services.gallery.maintenance import UpkeepService
from tests.pictures import ALICE, ALICIA, BOB, MASK, write_photo
from tests.services.gallery.imports.importing import POLICY, faces, kill_after, names


@pytest.fixture
def enrol(register, sources, photos):
    return lambda *arguments, **options: register(sources.people(photos), *arguments, **options)


def test_every_photo_is_enrolled_as_the_first_folder_says(enrol, store, photos):
    write_photo(photos / "Alice" / "1.png", ALICE)
    write_photo(photos / "Alice" / "holiday" / "2.jpg", ALICIA)
    write_photo(photos / "Bob B." / "1.webp", BOB)
    steps = []
    assert enrol(progress=lambda *step: steps.append(step)) == (3, 0, {})
    assert names(store) == {"Alice": 2, "Bob B.": 1}
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_a_second_time_only_what_is_new_is_embedded(enrol, store, photos, engine):
    write_photo(photos / "Alice" / "1.png", ALICE)
    write_photo(photos / "Bob" / "1.png", BOB)
    assert enrol() == (2, 0, {})
    write_photo(photos / "Alice" / "2.png", ALICIA)
    write_photo(photos / "Bob" / "1.png", BOB, ALICE)
    assert enrol() == (1, 1, {"Bob/1.png": "several_faces"})
    assert engine.embedded == 5
    write_photo(photos / "Bob" / "1.png", ALICIA)
    assert enrol() == (1, 2, {})
    assert names(store) == {"Alice": 2, "Bob": 2}


def test_another_collection_or_embedding_space_is_enrolled_anew(enrol, store, photos):
    write_photo(photos / "Alice" / "1.png", ALICE)
    assert enrol() == (1, 0, {})
    assert enrol("others") == (1, 0, {})
    assert enrol(expand_percentage=10) == (1, 0, {})
    assert enrol(expand_percentage=10) == (0, 1, {})
    assert (names(store), names(store, "others")) == ({"Alice": 2}, {"Alice": 1})
    found = UpkeepService(store=store, database=store._database).statistics()
    assert (found.faces, sorted(found.faces_by_space.values())) == (3, [1, 1, 2])


def test_bad_photos_are_refused_and_the_others_enrolled(enrol, store, photos):
    write_photo(photos / "Alice" / "1.png", ALICE)
    write_photo(photos / "Alice" / "empty.png")
    write_photo(photos / "loose.png", ALICE)
    write_photo(photos / ("x" * 201) / "1.png", ALICE)
    (photos / "Alice" / "text.png").write_bytes(b"hello")
    (photos / "Alice" / "large.png").write_bytes(bytes(POLICY.max_bytes + 1))
    (photos / "Alice" / "notes.txt").write_bytes(b"hello")
    assert enrol() == (1, 0, {
        "Alice/empty.png": "no_face_detected", "Alice/large.png": "image_too_large",
        "Alice/text.png": "image_decode_error", "loose.png": "no_person",
        f"{'x' * 201}/1.png": "validation_error (name)",
    })  # fmt: skip
    assert names(store) == {"Alice": 1}


def test_no_link_leads_out_of_the_folder(enrol, store, photos, tmp_path):
    write_photo(tmp_path / "outside" / "1.png", BOB)
    write_photo(photos / "Alice" / "1.png", ALICE)
    (photos / "Bob").symlink_to(tmp_path / "outside")
    (photos / "Alice" / "2.png").symlink_to(tmp_path / "outside" / "1.png")
    (photos / "Alice" / "3.png").symlink_to("1.png")
    assert enrol() == (2, 0, {"Alice/2.png": "outside_folder", "Bob": "linked_folder"})
    assert names(store) == {"Alice": 2}


def test_a_recycle_folder_is_no_person(enrol, store, photos):
    for name in ("Alice/1.png", "#recycle/1.png", "Alice/@eaDir/1.png", "Alice/._2.png", "lost+found/1.png"):
        write_photo(photos / name, ALICE)
    assert enrol() == (1, 0, {})
    assert names(store) == {"Alice": 1}


def test_a_photo_that_vanishes_meanwhile_is_refused(enrol, monkeypatch):
    monkeypatch.setattr("core.images.folder.list_files", lambda *_: [FoundFile("Alice/1.png")])
    assert enrol() == (0, 0, {"Alice/1.png": "unreadable"})


def test_a_photo_that_was_forgotten_does_not_come_back(enrol, store, photos, engine):
    write_photo(photos / "Alice" / "1.png", ALICE)
    assert enrol() == (1, 0, {})
    (person,) = store.persons(collection=None, name="", labels={}, cursor=None, limit=2).persons
    store.forget(Event(action="forget", outcome="done"), person_id=person.id)
    engine.embedded = 0
    for dry_run in (True, False):
        assert enrol(dry_run=dry_run) == (0, 0, {"Alice/1.png": "conflict"})
    assert names(store) == {}
    assert engine.embedded == 0


def test_a_missing_model_ends_it_and_what_was_enrolled_stays(enrol, store, photos, engine):
    write_photo(photos / "Alice" / "1.png", ALICE)
    assert enrol() == (1, 0, {})
    write_photo(photos / "Bob" / "1.png", BOB)
    engine.missing = {"VGG-Face"}
    with pytest.raises(ModelUnavailable):
        enrol()
    engine.missing = set()
    assert enrol() == (1, 1, {})


@pytest.mark.parametrize("photos_done", [1, 4])
def test_an_enrolment_that_was_killed_goes_on_where_it_ended(enrol, store, photos, tmp_path, photos_done):
    for number in range(8):
        write_photo(photos / f"p{number}" / "1.png", (ALICE, BOB)[number % 2])
    kill_after(photos_done, tmp_path, "people", photos)
    enrolled, known, refused = enrol()
    assert (enrolled + known, refused) == (8, {})
    assert known >= photos_done
    assert names(store) == {f"p{number}": 1 for number in range(8)}


def test_photos_are_accepted_as_the_options_say(enrol, store, photos):
    write_photo(photos / "Alice" / "1.png", ALICE)
    assert enrol() == (1, 0, {})
    write_photo(photos / "Bob" / "1.png", ALICE)
    write_photo(photos / "Two" / "1.png", ALICIA, BOB)
    write_photo(photos / "Mask" / "1.png", MASK)
    refused = {"Bob/1.png": "conflict", "Mask/1.png": "spoof_detected", "Two/1.png": "several_faces"}
    assert enrol(on_duplicate="reject", anti_spoofing=True) == (0, 1, refused)
    assert enrol(min_quality=0.9)[2]["Bob/1.png"] == "low_quality"
    assert enrol(on_duplicate="merge", face_policy="largest", store_crop=True)[0] == 3
    (alice,) = store.persons(collection=None, name="alice", labels={}, cursor=None, limit=2).persons
    assert sorted(one.has_crop for one in store.faces(alice.id))[:2] == [False, True]


def test_a_dry_run_says_the_same_and_stores_nothing(enrol, store, photos, engine):
    write_photo(photos / "Alice" / "1.png", ALICE)
    write_photo(photos / "Alice" / "2.png", ALICE, BOB)
    write_photo(photos / "Bob" / "1.png")
    refused = {"Alice/2.png": "several_faces", "Bob/1.png": "no_face_detected"}
    assert enrol(dry_run=True) == (1, 0, refused)
    assert names(store) == {}
    assert enrol() == (1, 0, refused)
    write_photo(photos / "Bob" / "1.png", ALICE)
    refused = {"Alice/2.png": "several_faces", "Bob/1.png": "conflict"}
    assert enrol(dry_run=True, on_duplicate="reject") == (0, 1, refused)
    assert names(store) == {"Alice": 1}


def test_a_face_keeps_the_name_of_its_photo(enrol, store, photos):
    write_photo(photos / "Alice" / "1.png", ALICE)
    write_photo(photos / "Alice" / ("x" * 210) / "1.png", ALICE)
    assert enrol() == (2, 0, {})
    assert {face.photo for face in faces(store, "Alice")} == {"Alice/1.png", None}


def test_a_name_that_could_control_a_terminal_is_refused_unread(enrol, store, photos):
    for name in ("Al\x1b[2Jice", "Al\u202eice", "\u200b"):
        write_photo(photos / name / "1.png", ALICE)
    done = enrol()
    assert done[:2] == (0, 0)
    assert set(done[2].values()) == {"validation_error (name)"}
    assert names(store) == {}

"""Enrolling a folder on the fake engine and a SQLite file."""

import os
import signal
import subprocess
import sys

import pytest

from core.exceptions import ModelUnavailable
from core.files import FoundFile
from core.images.decoding import ImagePolicy
from schemas.gallery import EnrolmentOptions
from services.audit.events import Event
from services.audit.recorder import EventLog
from services.audit.store import AuditStore
from services.database.choice import make_database
from services.faces.frames import FrameReader
from services.faces.options import Defaults
from services.faces.reader import FaceReader
from services.gallery.enrolment import EnrolmentService
from services.gallery.maintenance import UpkeepService
from services.gallery.registration import GalleryService
from services.gallery.store.sqlite_search import MatrixSearch
from services.gallery.store.store import GalleryStore
from tests.conftest import PROJECT
from tests.pictures import ALICE, ALICIA, BOB, MASK, write_photo

POLICY = ImagePolicy(max_bytes=100_000, max_pixels=1_000_000)


@pytest.fixture
def database(tmp_path):
    database = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    yield database
    database.close()


@pytest.fixture
def store(database):
    return GalleryStore(database, MatrixSearch(database))


@pytest.fixture
def enrol(database, store, settings, engine, photos):
    defaults = Defaults.of(settings)
    reader = FaceReader(engine=engine, policy=POLICY, max_faces=256, antispoof_threshold=defaults.antispoof_threshold)
    frames = FrameReader(reader=reader, defaults=defaults)
    log = EventLog(store=AuditStore(database))
    gallery = GalleryService(engine=engine, frames=frames, defaults=defaults, min_quality=0, store=store, log=log)
    service = EnrolmentService(gallery=gallery, store=store, defaults=defaults, policy=POLICY, lanes=2)

    def enrol(collection="default", progress=lambda done, total: None, **options):
        done = service.enrol(photos, collection, EnrolmentOptions(**options), progress)
        return done.enrolled, done.known, done.refused

    return enrol


def names(store, collection="default"):
    page = store.persons(collection=collection, name="", labels={}, cursor=None, limit=100)
    return {person.name: person.faces for person in page.persons}


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
        "Alice/text.png": "image_decode_error", "loose.png": "no_person", f"{'x' * 201}/1.png": "validation_error",
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


def test_a_photo_that_was_forgotten_does_not_come_back(enrol, store, photos):
    write_photo(photos / "Alice" / "1.png", ALICE)
    assert enrol() == (1, 0, {})
    (person,) = store.persons(collection=None, name="", labels={}, cursor=None, limit=2).persons
    store.forget(Event(action="forget", outcome="done"), person_id=person.id)
    assert enrol() == (0, 0, {"Alice/1.png": "conflict"})
    assert names(store) == {}


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
    script = [sys.executable, "-m", "tests.services.gallery.enrolling_process"]
    arguments = [f"sqlite:///{tmp_path / 'gallery.db'}", str(photos), str(photos_done)]
    # Not in the project's folder, where there may be a .env.
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    killed = subprocess.run(
        [*script, *arguments], cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
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

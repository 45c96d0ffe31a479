import threading

import pytest

from core.exceptions import DeepFaceError, FolderNotFound, ServiceUnavailable
from schemas.common import EmbeddingOptions
from schemas.find import IndexesQuery
from services.faces.options import Defaults
from services.find.indexes import IndexService
from services.find.store import FolderIndexStore
from tests.fakes import FakeEngine
from tests.pictures import ALICE, BOB, write_photo

DLIB = EmbeddingOptions(model_name="Dlib")


@pytest.fixture
def make_indexes(settings, make_indexer):
    def make(engine, *, folder=settings.faces_db_path):
        return IndexService(
            indexer=make_indexer(engine),
            store=FolderIndexStore(settings.data_path / "index"),
            defaults=Defaults.of(settings),
            folder=folder,
        )

    return make


def test_an_index_built_ahead_tells_what_is_in_it_and_how_far_the_build_was(make_indexes, photos, engine):
    write_photo(photos / "both.png", ALICE, BOB)
    write_photo(photos / "nobody.png")
    (photos / "zero.jpg").write_bytes(b"")
    progress = []
    status = make_indexes(engine).build(DLIB, lambda done, total: progress.append((done, total)))
    assert progress
    assert all(done <= total <= 3 for done, total in progress)
    assert (status.model, status.detector_backend, status.alignment) == ("Dlib", "opencv", "template")
    assert (status.state, status.photos, status.faces, status.pending) == ("ready", 3, 2, 0)
    assert status.failed == {"no_face_detected": 1, "image_decode_error": 1}
    assert status.bytes > 0
    assert status.age_s < 60


def test_after_a_restart_an_index_is_stored_until_it_is_asked_for(make_indexes, photos):
    write_photo(photos / "a.png", ALICE)
    built = make_indexes(FakeEngine()).build(DLIB, lambda *_: None)
    engine = FakeEngine()
    indexes = make_indexes(engine)
    (stored,) = indexes.overview(IndexesQuery()).indexes
    assert stored.state == "stored"
    assert (stored.photos, stored.faces, stored.bytes) == (1, 1, built.bytes)
    assert "pending" not in stored.model_dump()
    indexes.build(DLIB, lambda *_: None)
    assert [status.state for status in indexes.overview(IndexesQuery()).indexes] == ["ready"]
    assert engine.embedded == 0


def test_a_build_under_way_a_pending_photo_and_a_failed_build_are_told(make_indexes, photos):
    write_photo(photos / "a.png", ALICE)
    engine = FakeEngine(gate=threading.Event())
    indexes = make_indexes(engine)
    builder = threading.Thread(target=indexes.build, args=(DLIB, lambda *_: None))
    builder.start()
    while not (found := indexes.overview(IndexesQuery()).indexes) or found[0].total is None:
        pass
    assert (found[0].state, found[0].done, found[0].photos, found[0].pending) == ("building", 0, 0, 1)
    engine.gate.set()
    builder.join(10)
    engine.load = broken
    write_photo(photos / "b.png", ALICE)
    with pytest.raises(DeepFaceError):
        indexes.build(DLIB, lambda *_: None)
    (status,) = indexes.overview(IndexesQuery()).indexes
    assert (status.state, status.photos, status.pending) == ("failed", 1, 1)


def broken(_):
    raise DeepFaceError


def test_a_photo_that_may_still_succeed_is_pending_and_says_why(make_indexes, photos, engine):
    write_photo(photos / "a.png", ALICE)
    detect = engine.detect
    engine.detect = lambda *_: broken(None)
    indexes = make_indexes(engine)
    status = indexes.build(DLIB, lambda *_: None)
    assert (status.state, status.photos, status.pending, status.failed) == ("ready", 0, 1, {"deepface_error": 1})
    engine.detect = detect
    indexes._indexer.states()[0].popitem()[1].retry.clear()
    status = indexes.build(DLIB, lambda *_: None)
    assert (status.photos, status.pending, status.failed) == (1, 0, {})


def test_a_missing_folder_is_an_error(make_indexes, engine, photos):
    photos.rmdir()
    for ask in (
        lambda: make_indexes(engine).overview(IndexesQuery()),
        lambda: make_indexes(engine).build(DLIB, lambda *_: None),
    ):
        with pytest.raises(FolderNotFound):
            ask()
    with pytest.raises(ServiceUnavailable):
        make_indexes(engine, folder="").overview(IndexesQuery())

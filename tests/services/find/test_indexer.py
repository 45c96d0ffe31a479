import errno
import logging
import threading
import time

import pytest

from core.exceptions import DeadlineExceeded, DeepFaceError, IndexBuilding, ServiceUnavailable
from core.timeouts import deadline
from services.find import build
from tests.fakes import FakeEngine
from tests.pictures import ALICE, BOB, write_photo
from tests.services.find.conftest import found, identities


def test_a_changed_folder_is_said_to_be_pending_and_waited_for_on_request(service, photos):
    write_photo(photos / "alice.png", ALICE)
    write_photo(photos / "gone.png", ALICE)
    write_photo(photos / "replaced.png", ALICE)
    assert len(found(service, ALICE).result[0]) == 3
    write_photo(photos / "new.png", ALICE)
    (photos / "gone.png").unlink()
    write_photo(photos / "replaced.png", BOB, BOB)
    stale = found(service, ALICE)
    assert (stale.pending, len(stale.result[0])) == (3, 3)
    fresh = found(service, ALICE, refresh="wait", threshold=0.01)
    assert fresh.pending == 0
    assert identities(fresh, photos) == [["alice.png", "new.png"]]


def test_an_index_survives_a_restart_and_only_changes_are_embedded(make_service, photos):
    for number in range(5):
        write_photo(photos / f"{number}.png", ALICE)
    assert len(found(make_service(FakeEngine()), ALICE).result[0]) == 5
    write_photo(photos / "5.png", ALICE)
    restarted = FakeEngine()
    assert len(found(make_service(restarted), ALICE, refresh="wait").result[0]) == 6
    assert restarted.embedded == 2  # the query and the new photo


def test_a_damaged_index_is_rebuilt(make_service, photos, settings):
    write_photo(photos / "alice.png", ALICE)
    found(make_service(FakeEngine()), ALICE)
    (file,) = (settings.data_path / "index").glob("*.index")
    file.write_bytes(file.read_bytes()[:-40])
    assert len(found(make_service(FakeEngine()), ALICE).result[0]) == 1


def test_options_that_change_the_embedding_have_indexes_of_their_own(service, photos, engine):
    write_photo(photos / "alice.png", ALICE)
    for number, options in enumerate(
        ({}, {"model_name": "ArcFace"}, {"detector_backend": "ssd"}, {"align": False}, {"detection": "full"}), 1
    ):
        assert len(found(service, ALICE, **options).result[0]) == 1
        assert engine.embedded == 2 * number


def test_while_the_first_index_is_built_a_request_waits_and_then_says_so(make_service, photos):
    write_photo(photos / "alice.png", ALICE)
    engine = FakeEngine()
    service = make_service(engine)
    gate = threading.Event()
    detect = engine.detect

    def only_the_query_passes(image, detection):
        if threading.current_thread().name == "folder-index-lane":
            assert gate.wait(10)
        return detect(image, detection)

    engine.detect = only_the_query_passes
    started = time.monotonic()
    with pytest.raises(IndexBuilding) as caught, deadline(0.2):
        found(service, ALICE)
    assert time.monotonic() - started >= 0.2
    assert caught.value.details == {"done": 0, "total": 1}
    assert caught.value.retry_after_s
    gate.set()
    give_up_at = time.monotonic() + 10
    while True:
        try:
            with deadline(0.2):
                assert len(found(service, ALICE).result[0]) == 1
            break
        except IndexBuilding:
            assert time.monotonic() < give_up_at


def test_a_photo_that_failed_for_a_reason_that_may_pass_stays_pending_and_is_tried_again(
    service, photos, engine, monkeypatch
):
    write_photo(photos / "alice.png", ALICE)
    write_photo(photos / "unlucky.png", ALICE, BOB)
    detect, broken = engine.detect, [True]

    def sometimes(image, detection):
        faces = detect(image, detection)
        if broken and len(faces) == 2:
            raise DeepFaceError
        return faces

    engine.detect = sometimes
    answer = found(service, ALICE, refresh="wait")
    assert (identities(answer, photos), answer.pending) == ([["alice.png"]], 1)
    broken.clear()
    service._indexer.states()[0].popitem()[1].retry.clear()
    answer = found(service, ALICE, refresh="wait", threshold=0.01)
    assert (identities(answer, photos), answer.pending) == ([["alice.png", "unlucky.png"]], 0)


def test_a_build_says_in_the_log_how_far_it_is(service, photos, monkeypatch, caplog):
    monkeypatch.setattr(build, "_PROGRESS_S", 0)
    caplog.set_level(logging.INFO, "services.find.build")
    for number in range(20):
        write_photo(photos / f"{number}.png", ALICE)
    found(service, ALICE)
    told = [(record.done, record.total) for record in caplog.records if record.message == "folder index building"]
    assert told[-1] == (20, 20)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    (end,) = [record for record in caplog.records if record.message == "folder index updated"]
    assert (end.photos, end.embedded, end.failed) == (20, 20, 0)


def test_other_weights_have_another_index(service, photos, engine):
    write_photo(photos / "alice.png", ALICE)
    found(service, ALICE)
    engine.weights = "others"
    embedded = engine.embedded
    assert len(found(service, ALICE).result[0]) == 1
    assert engine.embedded == embedded + 2


def test_a_folder_that_cannot_be_read_this_time_does_not_look_empty(service, photos, monkeypatch):
    write_photo(photos / "alice.png", ALICE)
    found(service, ALICE)

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("core.images.folder.list_files", broken)
    with pytest.raises(ServiceUnavailable, match="Input/output error"):
        found(service, ALICE)


def test_a_client_that_leaves_while_the_index_is_built_is_not_waited_for(service, photos, engine):
    write_photo(photos / "alice.png", ALICE)
    gone, hold = threading.Event(), threading.Event()
    detect = engine.detect

    def slow_index(image, detection):
        if threading.current_thread().name == "folder-index-lane":
            gone.set()
            assert hold.wait(10)
        return detect(image, detection)

    engine.detect = slow_index
    with deadline(30, is_abandoned=gone.is_set), pytest.raises(DeadlineExceeded, match="closed the connection"):
        found(service, ALICE)
    hold.set()
    assert len(found(service, ALICE).result[0]) == 1


def test_a_folder_that_cannot_be_stored_is_searched_all_the_same(make_service, engine, photos, settings):
    write_photo(photos / "alice.png", ALICE)
    settings.data_path.write_bytes(b"in the way")
    assert len(found(make_service(engine), ALICE).result[0]) == 1


@pytest.fixture
def older_index(make_service, photos, monkeypatch):
    """An index of an earlier version, which has photos of a recycle folder; with other photos or without."""

    def make(*others):
        for name in ("#recycle/bob.png", ".Trash-0/bob.png", *others):
            write_photo(photos / name, ALICE)
        with monkeypatch.context() as patched:
            patched.setattr("core.images.folder.PhotoLister.skips", lambda *_: False)
            assert len(found(make_service(FakeEngine()), ALICE).result[0]) == 2 + len(others)

    return make


def test_photos_of_a_recycle_folder_leave_an_older_index(make_service, make_indexer, photos, older_index):
    older_index("alice.png")
    service = make_service(FakeEngine())
    answer = found(service, ALICE, refresh="wait")
    assert (identities(answer, photos), answer.pending) == ([["alice.png"]], 0)
    assert [index.photos for index in make_indexer(FakeEngine()).states()[1]] == [1]


@pytest.mark.parametrize("wait", ["auto", "wait"])
def test_they_leave_it_too_where_the_folder_shows_no_other_photos(
    make_service, make_indexer, photos, older_index, wait
):
    older_index()
    service = make_service(FakeEngine())
    for _ in range(100):
        answer = found(service, ALICE, refresh=wait)
        if not answer.result[0]:
            break
        time.sleep(0.05)
    assert answer.result == [[]]
    assert [index.photos for index in make_indexer(FakeEngine()).states()[1]] == [0]

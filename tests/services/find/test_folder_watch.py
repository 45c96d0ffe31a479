import threading
import time

import pytest

from core.exceptions import FolderNotFound, ServiceUnavailable
from core.images.folder import PhotoLister
from services.find import folder_watch
from services.find.folder_watch import FolderWatch
from tests.pictures import ALICE, write_photo


@pytest.fixture
def photos(tmp_path):
    return tmp_path


@pytest.fixture
def looks(monkeypatch):
    """The threads that looked through the folder, in order."""
    found = []
    photos = PhotoLister.photos

    def counted(*arguments):
        found.append(threading.current_thread().name)
        return photos(*arguments)

    monkeypatch.setattr(PhotoLister, "photos", counted)
    return found


def names(photos):
    return [name for name, _ in photos.items()]


def test_a_folder_is_looked_through_once_in_the_interval_or_when_that_is_asked_for(photos, looks):
    watch = FolderWatch(str(photos), refresh_s=60)
    write_photo(photos / "a.png", ALICE)
    first = watch.photos()
    write_photo(photos / "b.png", ALICE)
    assert watch.photos() is first
    assert names(watch.photos(fresh=True)) == ["a.png", "b.png"]
    assert len(looks) == 2


def test_the_same_photos_are_the_same_object(photos):
    watch = FolderWatch(str(photos), refresh_s=0)
    write_photo(photos / "a.png", ALICE)
    assert watch.photos() is watch.photos(fresh=True)


def test_a_large_folder_is_looked_through_behind_the_requests_backs(photos, looks, monkeypatch):
    monkeypatch.setattr(folder_watch, "_INLINE_S", -1)
    watch = FolderWatch(str(photos), refresh_s=0)
    first = watch.photos()
    write_photo(photos / "a.png", ALICE)
    assert watch.photos() is first
    watch._background.join(10)
    assert names(watch.photos()) == ["a.png"]
    watch._background.join(10)
    assert set(looks[1:]) == {"folder-watch"}
    assert names(watch.photos(fresh=True)) == ["a.png"]
    photos.joinpath("a.png").unlink()
    photos.rmdir()
    watch.photos()
    watch._background.join(10)
    with pytest.raises(FolderNotFound):
        watch.photos()


def test_those_who_ask_at_once_share_a_look(photos, monkeypatch):
    started, go_on, looks = threading.Event(), threading.Event(), []
    list_photos = PhotoLister.photos

    def slow(*arguments):
        looks.append(arguments)
        started.set()
        assert go_on.wait(10)
        return list_photos(*arguments)

    monkeypatch.setattr(PhotoLister, "photos", slow)
    watch = FolderWatch(str(photos), refresh_s=60)
    first = threading.Thread(target=watch.photos)
    first.start()
    assert started.wait(10)
    others = [threading.Thread(target=watch.photos, kwargs={"fresh": True}) for _ in range(5)]
    for thread in others:
        thread.start()
    time.sleep(0.2)  # for all of them to have asked
    go_on.set()
    for thread in [first, *others]:
        thread.join(10)
    assert len(looks) == 2  # the first began before the others asked; one more is enough for all of those


def test_a_missing_folder_and_one_that_cannot_be_read_are_errors_each_time(photos, monkeypatch):
    watch = FolderWatch(str(photos / "missing"), refresh_s=60)
    for _ in range(2):
        with pytest.raises(FolderNotFound):
            watch.photos()

    def broken(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(PhotoLister, "photos", broken)
    with pytest.raises(ServiceUnavailable, match="Permission denied"):
        FolderWatch(str(photos), refresh_s=60).photos()

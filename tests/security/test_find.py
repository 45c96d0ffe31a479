"""Options of `/find` that queue one index after the other, so that the default index waits, or makes room."""

import threading
import time
from collections.abc import Callable

import pytest

from services.find.scheduler import BuildScheduler
from services.find.turns import Urgency
from tests.fakes import FakeEngine
from tests.pictures import ALICE, photo, write_photo

ATTACK = "indexes: options of `/find` that queue builds"
PHOTOS, LANES = 24, 2
RAW = {"data": photo(ALICE), "content_type": "image/png"}
MODELS = ("Facenet", "ArcFace", "SFace", "OpenFace")


class CountingEngine(FakeEngine):
    """Counts the photos that builds of other indexes search while `is_asked` is set; such a search takes a while."""

    def __init__(self):
        super().__init__(lanes=LANES)
        self.is_asked, self.is_busy = threading.Event(), threading.Event()
        self.searched_meanwhile = 0

    def detect(self, image, detection):
        if detection.expand_percentage and threading.current_thread().name == "folder-index-lane":
            self.is_busy.set()
            self.searched_meanwhile += self.is_asked.is_set()
            time.sleep(0.005)
        return super().detect(image, detection)


@pytest.fixture
def engine():
    return CountingEngine()


def options(count):
    of_photo = "/find?model_name={}&expand_percentage={}&threshold=0.5"
    return [of_photo.format(MODELS[number % 4], 1 + number // 4) for number in range(count)]


def breaches(app, engine, photos, settings, count):
    """What the default index suffers from this many requests with options of their own."""
    for number in range(PHOTOS):
        write_photo(photos / f"{number}.png", ALICE)
    found, statuses = [], []
    assert app.test_client().post("/find", **RAW).status_code == 200
    (default,) = (settings.data_path / "folder_index").glob("*.index")
    ask = [
        threading.Thread(target=lambda path=path: statuses.append(app.test_client().post(path, **RAW).status_code))
        for path in options(count)
    ]
    for thread in ask:
        thread.start()
    assert engine.is_busy.wait(60), statuses
    write_photo(photos / "new.png", ALICE)
    engine.is_asked.set()
    answer = app.test_client().post("/find?refresh=wait", **RAW)
    engine.is_asked.clear()
    if engine.searched_meanwhile > 4 * LANES:
        found.append(f"the default index waited for {engine.searched_meanwhile} photos of others")
    if answer.status_code != 200 or len(answer.json["result"][0]) != PHOTOS + 1:
        found.append(f"the default index answered {answer.status_code}")
    for thread in ask:
        thread.join()
    indexes = app.test_client().get("/find/indexes").json["indexes"]
    if sum(index["state"] != "stored" for index in indexes) > 1 + settings.find_spaces_max:
        found.append("too many indexes are in memory")
    files = list((settings.data_path / "folder_index").glob("*.index"))
    if len(files) > 1 + settings.find_spaces_max:
        found.append(f"{len(files)} indexes are stored")
    if default not in files:
        found.append("the default index is gone")
    if set(statuses) - {200, 503}:
        found.append(f"the others were answered {set(statuses)}")
    return found


def test_options_neither_delay_nor_replace_the_default_index(
    make_app: Callable, engine, photos, settings, attack, cases
):
    count = cases(16, 200)
    attack(ATTACK, count, breaches(make_app(), engine, photos, settings, count))


def test_builds_in_one_queue_without_limit_would_be_noticed(
    make_app: Callable, engine, photos, settings, attack, monkeypatch
):
    monkeypatch.setattr(BuildScheduler, "_urgency", lambda *_: Urgency.PERMANENT)
    app = make_app(find_spaces_max=1000)
    found = breaches(app, engine, photos, settings, 12)
    attack(ATTACK, 12, found, twin=True, noticing=("waited", "in memory", "stored"))

"""Builds on request: one at a time, behind the refreshes of other indexes, and only so many of them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest

from core.exceptions import DeepFaceError, IndexBuilding, ModelUnavailable, ValidationFailed
from core.timeouts import deadline
from services.find.indexer import FolderIndexer
from services.find.photos import PhotoEmbedder
from services.find.policy import IndexPolicy
from services.find.store import FolderIndexStore
from tests.conftest import PROJECT
from tests.fakes import FakeEngine
from tests.pictures import ALICE, write_photo
from tests.services.find.conftest import POLICY
from tests.services.find.index_builder import SPACE

LANES = 2


class WatchedEngine(FakeEngine):
    """Notes the expansion of every detection of a build; those with an expansion are slow, or wait for `gate`."""

    def __init__(self):
        super().__init__(lanes=LANES)
        self.detected = []
        self.go_on = threading.Event()
        self.go_on.set()

    def detect(self, image, detection):
        if threading.current_thread().name == "folder-index-lane":
            self.detected.append(detection.expand_percentage)
            if detection.expand_percentage:
                assert self.go_on.wait(20)
                time.sleep(0.01)
        return super().detect(image, detection)


@pytest.fixture
def engine():
    return WatchedEngine()


@pytest.fixture
def make_indexer(settings, engine):
    def make(engine=engine, *, max_kept=4, **options):
        return FolderIndexer(
            engine=engine,
            store=FolderIndexStore(settings.data_path / "index"),
            embedder=PhotoEmbedder(engine=engine, policy=POLICY, max_faces=256),
            folder=settings.faces_db_path,
            lanes=LANES,
            batch_size=8,
            refresh_s=0,
            policy=IndexPolicy(default=("opencv", SPACE), max_kept=max_kept, **options),
        )

    return make


def key_of(indexer, expansion):
    return indexer.key("opencv", replace(SPACE, expand_percentage=expansion))


def ask(indexer, expansion, *, wait=False):
    return indexer.current(key_of(indexer, expansion), wait_for_changes=wait)


@contextmanager
def asked_at_once(indexer, expansions):
    """Requests for these indexes, each in its own thread; yields what became of each, which is complete afterwards."""
    outcomes = {}

    def one(expansion):
        try:
            ask(indexer, expansion)
            outcomes[expansion] = "answered"
        except IndexBuilding:
            outcomes[expansion] = "index_building"

    threads = [threading.Thread(target=one, args=(expansion,)) for expansion in expansions]
    for thread in threads:
        thread.start()
    yield outcomes
    for thread in threads:
        thread.join(60)


def until(condition):
    give_up_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def stored(indexer):
    return sorted(index.key.space.expand_percentage for index in indexer.states()[1])


def in_memory(indexer):
    return sorted(key.space.expand_percentage for key, state in indexer.states()[0].items() if state.index is not None)


def test_a_refresh_of_the_default_index_passes_the_first_builds_of_others(make_indexer, engine, photos):
    for number in range(40):
        write_photo(photos / f"{number}.png", ALICE)
    indexer = make_indexer()
    ask(indexer, 0)
    with asked_at_once(indexer, (1, 2, 3)):
        until(lambda: 1 in engine.detected or 2 in engine.detected or 3 in engine.detected)
        write_photo(photos / "new.png", ALICE)
        before = len(engine.detected)
        index, pending = ask(indexer, 0, wait=True)
        meanwhile = Counter(engine.detected[before:])
    assert (len(index.photos), pending) == (41, 0)
    assert meanwhile[0] == 1
    assert sum(meanwhile.values()) - 1 <= 3 * LANES  # of 120
    assert in_memory(indexer) == [0, 1, 2, 3]


def test_the_first_build_of_the_default_index_and_of_a_command_passes_them_too(make_indexer, engine, photos):
    for number in range(40):
        write_photo(photos / f"{number}.png", ALICE)
    indexer, command = make_indexer(), make_indexer()
    with asked_at_once(indexer, (1, 2)):
        until(lambda: engine.detected)
        command.keep(key_of(command, 9))
        for asking, expansion in ((indexer, 0), (command, 9)):
            before = len(engine.detected)
            assert len(ask(asking, expansion)[0].photos) == 40
            meanwhile = Counter(engine.detected[before:])
            assert meanwhile[1] + meanwhile[2] <= 3 * LANES


def test_first_builds_run_one_at_a_time_in_all_workers(make_indexer, engine, photos):
    for number in range(10):
        write_photo(photos / f"{number}.png", ALICE)
    one, other = make_indexer(), make_indexer()
    with asked_at_once(one, (1, 2)), asked_at_once(other, (3, 4)):
        pass
    order = list(dict.fromkeys(engine.detected))
    assert engine.detected == [expansion for expansion in order for _ in range(10)]


def test_the_least_recently_used_of_those_built_on_request_goes(make_indexer, photos):
    write_photo(photos / "a.png", ALICE)
    indexer = make_indexer()
    for expansion in (0, 1, 2, 3, 4):
        ask(indexer, expansion)
    ask(indexer, 1)
    ask(indexer, 5)
    until(lambda: stored(indexer) == [0, 1, 3, 4, 5])
    assert in_memory(indexer) == [0, 1, 3, 4, 5]


def test_however_many_options_are_tried_the_default_and_kept_indexes_stay(make_indexer, engine, photos):
    write_photo(photos / "a.png", ALICE)
    indexer, command = make_indexer(), make_indexer()
    ask(indexer, 0)
    command.keep(key_of(command, 100))
    ask(command, 100)
    for expansion in range(1, 30):
        ask(indexer, expansion)
    until(lambda: stored(indexer) == [0, 26, 27, 28, 29, 100])
    assert in_memory(indexer) == [0, 26, 27, 28, 29]
    embedded = engine.embedded
    restarted = make_indexer()
    for expansion in (0, 29, 100):
        ask(restarted, expansion)
    assert engine.embedded == embedded
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("folder-index-")]
    assert "folder-index-lane" not in names


def test_only_so_many_first_builds_wait_and_one_asked_for_again_waits_once(make_indexer, engine, photos):
    write_photo(photos / "a.png", ALICE)
    indexer = make_indexer()
    ask(indexer, 0)
    engine.go_on.clear()
    with asked_at_once(indexer, (1, 2, 3, 4)) as outcomes:
        until(lambda: sum(state.building for state in indexer.states()[0].values()) == 4)
        for expansion in (5, 6, 5):
            with pytest.raises(IndexBuilding) as caught:
                ask(indexer, expansion)
            assert caught.value.retry_after_s
        for expansion in (1, 2, 3, 4):
            with pytest.raises(IndexBuilding), deadline(0.01):
                ask(indexer, expansion)
        assert len(ask(indexer, 0, wait=True)[0].photos) == 1
        engine.go_on.set()
    assert set(outcomes.values()) == {"answered"}
    assert Counter(engine.detected) == Counter(range(5))
    assert len(ask(indexer, 5)[0].photos) == 1


def test_a_build_that_fails_takes_no_place(make_indexer, engine, photos):
    write_photo(photos / "a.png", ALICE)
    indexer = make_indexer()
    for expansion in range(5):
        ask(indexer, expansion)
    load, engine.load = engine.load, lambda _: (_ for _ in ()).throw(ModelUnavailable("missing"))
    for expansion in range(10, 20):
        with pytest.raises(ModelUnavailable):
            ask(indexer, expansion)
    engine.load = lambda _: (_ for _ in ()).throw(DeepFaceError)
    with pytest.raises(DeepFaceError):
        ask(indexer, 20)
    engine.load = load
    assert stored(indexer) == [0, 1, 2, 3, 4]
    assert in_memory(indexer) == [0, 1, 2, 3, 4]
    ask(indexer, 5)
    until(lambda: len(indexer.states()[0]) == 5)  # and none of those that failed
    until(lambda: stored(indexer) == [0, 2, 3, 4, 5])


SERVE = """
import sys, time
from pathlib import Path
from tests.services.find import test_scheduler as tests
from tests.services.find.index_builder import SPACE, LoggedEmbedder
from services.find import build
from services.find.indexer import FolderIndexer
from services.find.policy import IndexPolicy
from services.find.store import FolderIndexStore
build._DRAFT_S, build._DRAFT_SHARE = 0.01, 1.0
photos, data, log, *expansions = sys.argv[1:]
indexer = FolderIndexer(engine=tests.WatchedEngine(), store=FolderIndexStore(Path(data)), embedder=LoggedEmbedder(log),
    folder=photos, lanes=2, batch_size=2, refresh_s=0, policy=IndexPolicy(default=("opencv", SPACE)))
for expansion in map(int, expansions):
    tests.ask(indexer, expansion)
"""


def test_a_worker_killed_in_the_midst_of_a_first_build_leaves_the_turn_to_others(photos, settings, tmp_path):
    for number in range(200):
        write_photo(photos / f"{number}.png", ALICE)
    data, log = settings.data_path / "index", tmp_path / "log"
    command = [sys.executable, "-c", SERVE, str(photos), str(data), str(log)]
    with subprocess.Popen([*command, "0", "1"], cwd=PROJECT) as process:
        until(lambda: list(data.glob("*.index")))
        complete = {path.stem for path in data.glob("*.index")}
        until(lambda: {path.stem for path in data.glob("*.draft")} - complete)
        os.kill(process.pid, signal.SIGKILL)
    assert len(list(data.glob("*.index"))) == 1
    begun = len(log.read_text().split())
    subprocess.run([*command, "1"], cwd=PROJECT, check=True)
    assert len(list(data.glob("*.index"))) == 2
    assert not list(data.glob("*.draft"))
    assert len(log.read_text().split()) - begun < 200


def test_an_index_outside_find_spaces_is_refused_unless_it_exists(make_indexer, photos):
    write_photo(photos / "a.png", ALICE)
    free = make_indexer()
    for expansion in (0, 1):
        ask(free, expansion)
    free.keep(key_of(free, 2))
    allowed = frozenset({key_of(free, 3).name})
    for indexer in (make_indexer(allowed=allowed), make_indexer(allowed=frozenset())):
        for expansion in (0, 1, 2):
            indexer.require_allowed(key_of(indexer, expansion))
        with pytest.raises(ValidationFailed) as caught:
            indexer.require_allowed(key_of(indexer, 4))
        (field,) = caught.value.details["fields"]
        assert field["field"] == "expand_percentage"
    make_indexer(allowed=allowed).require_allowed(key_of(free, 3))

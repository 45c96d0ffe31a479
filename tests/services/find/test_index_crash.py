"""What is left of an index when its builder is killed, shared, or overtaken by changes."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from services.find import folder_watch
from services.find.store import FolderIndexStore
from tests.conftest import PROJECT
from tests.pictures import ALICE, ALICIA, BOB, photo, write_photo
from tests.services.find.conftest import found
from tests.services.find.index_builder import SPACE, make_indexer

COLOURS = (ALICE, ALICIA, BOB)
KILLS = 50


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos", tmp_path / "data", tmp_path / "log"


@contextmanager
def builder(folders):
    command = [sys.executable, "-m", "tests.services.find.index_builder", *map(str, folders)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


def begin(process):
    """Begin a build; returns the process to kill."""
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def ended(process):
    """Whether the build came to its own end."""
    return process.stdout.readline() == "done\n"


def shown(index):
    """Which photo shows which colours, by an index."""
    faces = [(index.name(row), tuple(embedding[:3].astype(int))) for row, embedding in enumerate(index.embeddings)]
    return {name: [colour for other, colour in faces if other == name] for name, _ in index.photos.items()}


def change(photos, there, rng):
    """Add, replace and remove some photos; `there` is what the folder shows."""
    for number in rng.sample(range(120), 30):
        name = f"{number % 7}/{number}.png"
        if name in there and rng.random() < 0.3:
            (photos / name).unlink()
            del there[name]
        else:
            there[name] = [rng.choice(COLOURS)]
            write_photo(photos / name, *there[name])


def test_a_builder_killed_at_any_moment_leaves_an_index_that_is_whole_and_loses_no_photo(folders):
    photos, data, _ = folders
    rng = random.Random(0)
    there = {}
    store = FolderIndexStore(data)
    key = make_indexer(*folders).key("opencv", SPACE)
    left = Counter()
    with builder(folders) as process:
        change(photos, there, rng)
        started = time.monotonic()
        begin(process)
        assert ended(process)
        takes_s = time.monotonic() - started
        complete = dict(there)
        for kill in range(KILLS):
            change(photos, there, rng)
            child = begin(process)
            time.sleep(rng.uniform(0, 1.5 * takes_s))
            with suppress(ProcessLookupError):  # it was faster
                os.kill(child, signal.SIGKILL)
            takes_s *= 0.9 if ended(process) else 1.05  # the machine may be busier or less busy than at first
            index = shown(store.load(key))
            assert index in (complete, there), kill
            left["complete" if index == there else "draft" if store.load(key, draft=True) else "as before"] += 1
            complete = index
        assert min(left["complete"], left["draft"]) >= 2, left
        begin(process)
        assert ended(process)
    assert shown(store.load(key)) == there
    assert sorted(path.suffix for path in data.iterdir() if path.name[0] != ".") == [".index", ".lock"]


def test_what_a_killed_builder_embedded_is_not_embedded_again(folders):
    photos, data, log = folders
    for number in range(200):
        write_photo(photos / f"{number}.png", ALICE)
    with builder(folders) as process:
        child = begin(process)
        while not list(data.glob("*.draft")):
            time.sleep(0.001)
        os.kill(child, signal.SIGKILL)
        assert not ended(process)
        drafted = FolderIndexStore(data).load(make_indexer(*folders).key("opencv", SPACE), draft=True)
        log.write_text("")
        begin(process)
        assert ended(process)
    assert len(log.read_text().split()) == 200 - len(drafted.photos) < 200


def test_two_workers_never_embed_the_same_photo_twice(folders):
    photos, _, log = folders
    for number in range(100):
        write_photo(photos / f"{number}.png", ALICE)
    with builder(folders) as one, builder(folders) as other:
        begin(one)
        begin(other)
        assert ended(one)
        assert ended(other)
    assert sorted(Counter(log.read_text().split()).items()) == sorted((f"{number}.png", 1) for number in range(100))


def test_a_worker_serves_its_last_index_while_another_builds_and_then_the_others(
    make_indexer, engine, photos, monkeypatch
):
    monkeypatch.setattr(folder_watch, "_INLINE_S", 60)  # however long the machine takes to list two photos
    write_photo(photos / "a.png", ALICE)
    one, other = make_indexer(engine), make_indexer(engine)
    key = one.key("opencv", SPACE)
    one.current(key, wait_for_changes=False)
    other.current(key, wait_for_changes=False)
    write_photo(photos / "b.png", BOB)
    one.current(key, wait_for_changes=True)
    embedded = engine.embedded
    index, pending = other.current(key, wait_for_changes=False)
    assert (len(index.photos), pending) == (1, 1)
    index, pending = other.current(key, wait_for_changes=True)
    assert (len(index.photos), pending, engine.embedded) == (2, 0, embedded)


def test_a_worker_that_knows_less_takes_nothing_back(make_indexer, engine, photos):
    write_photo(photos / "a.png", ALICE)
    one, other = make_indexer(engine, refresh_s=3600), make_indexer(engine)
    keys = [one.key(detector, SPACE) for detector in ("opencv", "skip")]
    one.current(keys[0], wait_for_changes=False)
    write_photo(photos / "b.png", BOB)
    other.current(keys[1], wait_for_changes=False)
    one.current(keys[1], wait_for_changes=False)  # its photos seem to have become fewer
    used, _, _ = one.states()
    while used[keys[1]].building:
        time.sleep(0.001)
    _, stored, _ = one.states()
    assert len(used[keys[1]].index.photos) == 2
    assert {index.key: index.photos for index in stored} == {keys[0]: 1, keys[1]: 2}


def distances(service, **options):
    """The photos that a query of Alice is compared with, and their distances."""
    rows = found(service, ALICE, similarity_search=True, **options).result[0]
    return {Path(row.identity).name: row.distance for row in rows}


def test_answers_during_changes_are_those_of_a_fresh_scan_before_or_after(service, photos):
    for number, colour in enumerate(COLOURS):
        write_photo(photos / f"{number}.png", colour)
    far = dict(zip(COLOURS, distances(service, refresh="wait").values(), strict=True))
    assert len(set(far.values())) == len(COLOURS)
    steps = 20
    there = {f"{number}.png": colour for number, colour in enumerate(COLOURS)}
    states = [{name: far[colour] for name, colour in there.items()}]
    wrong, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            before = len(states) - 1
            answer = distances(service)
            if answer not in states[max(0, before - 2) :]:  # a half photo is two states
                wrong.append((answer, states[before:]))

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    rng = random.Random(1)
    for step in range(steps):
        name, colour = f"{rng.randrange(8)}.png", rng.choice(COLOURS)
        kind = rng.choice(["write", "remove", "half"])
        there.pop(name, None)
        if kind == "half":
            states.append({name: far[colour] for name, colour in there.items()})  # while the second half is missing
        if kind != "remove":
            there[name] = colour
        states.append({name: far[colour] for name, colour in there.items()})
        change_one(photos / name, kind, colour)
        assert distances(service, refresh="wait") == states[-1], (step, kind)
    stop.set()
    for client in clients:
        client.join(10)
    assert wrong == []


def change_one(path, kind, colour):
    if kind == "remove":
        path.unlink(missing_ok=True)
    elif kind == "half":
        content = photo(colour)
        with path.open("wb", buffering=0) as file:
            file.write(content[: len(content) // 2])
            time.sleep(0.1)
            file.write(content[len(content) // 2 :])
    else:
        write_photo(path, colour)

"""Whole searches of a folder, what the look at it costs, and the building of its index: ours beside DeepFace's."""

import base64
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import requests

from benchmarks.galleries import ALIKE, Engines, Gallery, write_photos
from benchmarks.servers import ours
from benchmarks.timing import in_turn
from core.settings import available_cores
from services.find.folder_watch import FolderWatch

REPETITIONS = 5
LOOK_REPETITIONS = 15
IN_A_ROW = 6  # a look goes on after its request, and should not fall into the other server's
ROW_REPETITIONS = 5
BUILDS = 3
BUILT_MODEL = "Dlib"


def print_find(engines: Engines, galleries: list[Gallery]) -> None:
    """`/find` over HTTP and `DeepFace.find` in process, of one query in the same folders."""
    print(
        f"\nwhole /find over HTTP and DeepFace.find, medians of {REPETITIONS} taken in turn, {ALIKE} photos found;"
        "\nVGG-Face (4096): a stand-in for the network, which then costs both nothing"
    )
    print("    faces       ours      DeepFace    ratio")
    for gallery in galleries:
        with ours(engines.home, **engines.settings(gallery.folder, gallery.model)) as (url, *_):
            find = _asker(engines, url)
            assert find() == engines.deepface_find(gallery.folder, gallery.model)
            ways: dict[str, Callable[[], Any]] = {
                "ours": find,
                "DeepFace": partial(_unlimited, engines, gallery.folder, gallery.model),
            }
            took = in_turn(ways, REPETITIONS)
        print(f"{gallery} {took['ours']:7.0f} ms {took['DeepFace']:10.0f} ms {took['DeepFace'] / took['ours']:8.1f}")


def print_look(engines: Engines, gallery: Gallery) -> None:
    """A look at a folder that has not changed: what it takes, and what requests pay for it."""
    watch = FolderWatch(str(gallery.folder), refresh_s=0)
    took = in_turn({"look": lambda: watch.photos(fresh=True)}, LOOK_REPETITIONS)
    settings = engines.settings(gallery.folder, gallery.model)
    with (
        ours(engines.home, **settings, FACES_DB_REFRESH_S="3600") as (once_url, *_),
        ours(engines.home, **settings, FACES_DB_REFRESH_S="0") as (always_url, *_),
    ):
        once, always = (partial(_in_a_row, _asker(engines, url)) for url in (once_url, always_url))
        took |= in_turn({"once": once, "always": always}, ROW_REPETITIONS)
    without, with_one = took["once"] / IN_A_ROW, took["always"] / IN_A_ROW
    print(
        f"\n{gallery.count:,} photos unchanged: a look takes {took['look']:.0f} ms, in the background"
        f"\n/find takes {without:.0f} ms without one, {with_one:.0f} ms with one at every request"
        f" (medians of {ROW_REPETITIONS} times {IN_A_ROW} in turn)"
    )


def _in_a_row(find: Callable[[], Any]) -> None:
    for _ in range(IN_A_ROW):
        find()


def print_build(engines: Engines, count: int) -> None:
    """The first index of a folder: ours on all lanes, with faces of several photos embedded together and each by
    itself, and the one that `DeepFace.find` makes when first asked."""
    engines.engine.load(BUILT_MODEL)
    rates: dict[str, list[float]] = {"together": [], "apart": [], "DeepFace": []}
    for build in range(BUILDS):
        for way, batch_size in (("together", None), ("apart", 1)):
            folder = engines.home / f"built-{build}-{way}"
            write_photos(folder, count, shrunk=2)
            indexer, key = engines.indexer(folder, BUILT_MODEL, batch_size=batch_size)
            started = time.perf_counter()
            index, pending = indexer.current(key, wait_for_changes=True)
            rates[way].append(count / (time.perf_counter() - started))
            assert (len(index.embeddings), pending) == (count, 0)
        started = time.perf_counter()
        _unlimited(engines, folder, BUILT_MODEL)
        rates["DeepFace"].append(count / (time.perf_counter() - started))
    print(f"\nfirst index of {count} photos of 208 x 250, {BUILT_MODEL}, photos a second, medians of {BUILDS} in turn:")
    ratio = statistics.median(one / other for one, other in zip(rates["together"], rates["DeepFace"], strict=True))
    print(
        f"ours {statistics.median(rates['together']):.1f}, ours with each photo by itself"
        f" {statistics.median(rates['apart']):.1f}, DeepFace {statistics.median(rates['DeepFace']):.1f},"
        f" ratio {ratio:.2f}"
    )


def _asker(engines: Engines, url: str) -> Callable[[], list[str]]:
    """`/find` of the query: the names it is found in."""
    session = requests.Session()
    text = base64.b64encode(engines.query).decode()

    def find() -> list[str]:
        answer = session.post(f"{url}/find", json={"img": text}, timeout=60)
        assert answer.ok, answer.text
        (rows,) = answer.json()["result"]
        return sorted(row["identity"] for row in rows)

    return find


def _unlimited(engines: Engines, folder: Path, model: str) -> None:
    cv2.setNumThreads(available_cores())  # as it is where nobody limits it
    engines.deepface_find(folder, model)
    cv2.setNumThreads(1)  # as our engine has it

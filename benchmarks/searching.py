"""Search beside search, and a large index on its own: speed, memory, and its file."""

import gc
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from deepface.modules import recognition, representation
from deepface.modules.filestore import LocalFileStore

from benchmarks.building import built_footprint
from benchmarks.galleries import ALIKE, Engines, Gallery, write_index
from benchmarks.servers import resident_mb
from benchmarks.timing import in_turn
from core.nearest import nearest
from core.process import share_arena
from services.find.folder_watch import FolderWatch
from services.find.index import Floats, FolderIndex, IndexKey
from services.find.index_state import IndexState
from services.find.store import FolderIndexStore
from services.models.catalogue import catalogue

K = 5
METRIC = "cosine"
REPETITIONS = 31
THEIR_REPETITIONS = 3
LARGE = (100_000, 128)
LARGE_MODEL = "Dlib"
LARGE_REPETITIONS = 5
LOOKS = 3

# What is aimed at: the scan in no more than so many times the reading of the matrix, and the index in so many times it.
AIM_SEARCH = 1.5
AIM_MEMORY = 1.2


def print_search(galleries: list[Gallery]) -> None:
    """Our search, the mere reading of the matrix, and DeepFace's search with the reading of its rows."""
    print(
        f"\nsearch alone, {METRIC}, one thread, medians of {REPETITIONS} (DeepFace {THEIR_REPETITIONS}) taken in turn"
        f"\nread: the fastest of numpy's ways through the float32 matrix; aim: ours within {AIM_SEARCH} x read"
        "\nDeepFace: the loading of its rows from the datastore + __find_as_dicts without the network"
    )
    print("    faces     within threshold         nearest 5             read (by)           DeepFace    ratio")
    for gallery in galleries:
        ours = _ours(gallery.probe, gallery.embeddings, gallery.model)
        loads, searches = _deepfaces(gallery)
        print(
            f"{gallery} {_row(ours)} {loads:14.0f} + {searches:.0f} ms {(loads + searches) / ours['threshold']:8,.0f}"
        )


def print_large(engines: Engines) -> None:
    """What only we can hold: the search, the file, and the memory of a process of its own."""
    count, dimension = LARGE
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal(LARGE, dtype=np.float32)
    print(f"\n{count:,} x {dimension}, ours alone")
    print(f"search   {_row(_ours(rng.standard_normal(dimension), embeddings, LARGE_MODEL))}")
    folder = engines.home / "large"
    for number in range(count):
        path = folder / f"person{number // 10:05}" / f"photo{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _, key = engines.indexer(folder, LARGE_MODEL)
    write_index(engines.store, key, embeddings)
    index = engines.store.load(key)
    assert index is not None
    ways: dict[str, Callable[[], Any]] = {
        "save": lambda: engines.store.save(key, index),
        "load": lambda: engines.store.load(key),
    }
    took = in_turn(ways, LARGE_REPETITIONS)
    (stored,) = (one for one in engines.store.stored() if one.key == key)
    print(f"file     {stored.bytes / 1e6:.1f} MB, saved in {took['save']:.0f} ms, loaded in {took['load']:.0f} ms")
    arrays, loaded, most, watched = _alone(_footprint, engines.home / "data" / "folder_index", key)
    matrix = embeddings.nbytes / 1e6
    print(f"memory   matrix {matrix:.1f} MB; in matrices (aim {AIM_MEMORY}): all arrays {arrays / matrix:.2f},", end="")
    print(f" resident {loaded / matrix:.2f}, while it is loaded {most / matrix:.2f},", end="")
    print(f" with the folder watched {watched / matrix:.2f}")
    built, updated = _alone(built_footprint, engines.home / "built", folder, LARGE[1])
    print(
        f"         resident in a process that has built it {built / matrix:.2f}, and updated it {updated / matrix:.2f}"
    )


def _alone(measure: Callable[..., Any], *arguments: Any) -> Any:
    """What a process of its own measures, which allocates as the service's do."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=share_arena) as pool:
        return pool.submit(measure, *arguments).result()


def _ours(probe: Any, embeddings: Floats, model: str) -> dict[str, float]:
    matrix = (embeddings, np.asarray(np.linalg.norm(embeddings, axis=1), np.float32))
    threshold = catalogue.find(model).thresholds[METRIC]
    vector = probe.astype(np.float32)
    return in_turn(
        {
            "threshold": lambda: nearest(probe, matrix, METRIC, within=threshold),
            "k": lambda: nearest(probe, matrix, METRIC, k=K),
            "product": lambda: embeddings @ vector,
            "max": embeddings.max,
            "sum of ints": embeddings.view(np.uint64).sum,
        },
        REPETITIONS,
    )


def _row(took: dict[str, float]) -> str:
    by, read = min(list(took.items())[2:], key=lambda item: item[1])
    within, k = (f"{took[name]:6.2f} ms ({took[name] / read:4.2f} x)" for name in ("threshold", "k"))
    return f"{within} {k} {read:7.2f} ms {f'({by})':17}"


def _deepfaces(gallery: Gallery) -> tuple[float, float]:
    store = LocalFileStore(str(gallery.folder))
    area = dict.fromkeys("xywh", 1)
    loaded: list[Any] = [None]

    def load() -> None:
        loaded[0] = None  # first, as a request that begins has nothing of the one before
        loaded[0] = recognition.__load_representations(store, gallery.datastore, "npz")

    def search() -> None:
        (found,) = recognition.__find_as_dicts(
            loaded[0],
            [{"face": None, "facial_area": area}],
            model_name=gallery.model,
            distance_metric=METRIC,
            threshold=catalogue.find(gallery.model).thresholds[METRIC],
        )
        assert len(found) == ALIKE

    embedded = [{"embedding": gallery.probe.tolist()}]
    with patch.object(representation, "represent", return_value=embedded):
        took = in_turn({"load": load, "search": search}, THEIR_REPETITIONS)
    return took["load"], took["search"]


def _footprint(folder: Path, key: IndexKey) -> tuple[float, float, float, float]:
    """In megabytes, of this process, which holds nothing else: the arrays of an index and its names; what is resident
    once it is loaded; the most that was meanwhile; and what is resident after some looks at the folder."""
    store = FolderIndexStore(folder)
    gc.collect()
    before, most_before = resident_mb(os.getpid()), _most_resident_mb()
    state = IndexState(store.load(key), None)
    index = state.index
    assert index is not None
    arrays = _bytes(index) / 1e6
    gc.collect()
    loaded, most = resident_mb(os.getpid()) - before, _most_resident_mb() - most_before
    watch = FolderWatch(key.folder, refresh_s=0)
    del index
    for _ in range(LOOKS):
        assert state.pending(watch.photos(fresh=True)) == 0
    gc.collect()
    return arrays, loaded, most, resident_mb(os.getpid()) - before


def _bytes(index: FolderIndex) -> int:
    arrays = (index.problems, index.photo_of_row, index.boxes, index.embeddings, index.lengths)
    photos = index.photos
    return sum(array.nbytes for array in (*arrays, photos.ends, photos.signatures)) + len(photos.text)


def _most_resident_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6

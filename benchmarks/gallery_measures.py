"""What the gallery's databases take: to identify, to register, to open."""

import gc
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import psycopg

from benchmarks.galleries import Engines
from benchmarks.gallery_faces import EVERYBODY, FACES_EACH, FEW, PROBES, People
from benchmarks.gallery_stores import METRIC, K, Searched, Stores
from benchmarks.servers import resident_mb
from benchmarks.timing import in_turn
from services.audit.events import Event
from services.deepface.interface import Detection
from services.gallery.store.values import Registration

REPETITIONS = 31
EXACT_PROBES = 50  # that what is exact is checked with
REGISTRATIONS = 31
OPENINGS = 5
MODEL, DETECTOR = "Dlib", "opencv"

# What is aimed at.
AIM_READ = 1.5  # times the reading of the matrix, for the search in memory
AIM_RANK_1, AIM_INDEXED_MS = 0.995, 10
AIM_REGISTER_MS = 5
AIM_OPENING_S = 2

Probes = npt.NDArray[np.float64]


def print_terms(server_url: str) -> None:
    """What the words of the tables mean, and the aims."""
    with psycopg.connect(server_url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('shared_buffers'),"
            " (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')"
        ).fetchone()
    assert row is not None
    print(
        f"PostgreSQL {row[0]} with shared_buffers {row[1]}, pgvector {row[2]}; warm page cache"
        f"\n{FACES_EACH} made-up faces a person around a random centre; a probe is another one, from a fixed seed"
        f"\nwhole: GalleryStore.nearest of {K} persons, {METRIC} (the scan by euclidean); alone: without reading who"
        " they are"
        "\nread: the fastest of numpy's ways through the float32 matrix, in turn with SQLite's search"
        f"\nmedians of {REPETITIONS}; rank-1 and recall@{K} against one product with all faces: the index of {PROBES}"
        f" probes, the others of {EXACT_PROBES}"
        f"\naims: SQLite alone within {AIM_READ} x read; the index with rank-1 {AIM_RANK_1} in {AIM_INDEXED_MS} ms;"
        f" registering in {AIM_REGISTER_MS} ms; opening in {AIM_OPENING_S} s"
    )


def print_search(people: People, stores: Stores) -> None:
    """Identifying's search on each database, beside the reading of the matrix, and in a small collection beside it."""
    matrix = people.embeddings[: people.everybody]
    probe = people.probes[0].astype(np.float32)
    named = {"SQLite, exact": stores.sqlite, "pgvector, HNSW": stores.indexed, "pgvector, scan": stores.scanning}
    reads: dict[str, Callable[[], Any]] = {
        "product": lambda: matrix @ probe,
        "max": matrix.max,
        "sum of ints": matrix.view(np.uint64).sum,
    }
    took: dict[str, float] = {}
    for name, searched in named.items():  # one after the other: what one leaves in the caches is not the next one's
        ways = dict(reads) if searched is stores.sqlite else {}
        ways[f"{name} whole"] = _each(partial(searched.whole, collection=EVERYBODY), people.probes)
        ways[f"{name} alone"] = _each(partial(searched.alone, collection=EVERYBODY), people.probes)
        ways[f"{name} few"] = _each(partial(searched.whole, collection=FEW), people.few_probes)
        took |= in_turn(ways, REPETITIONS)
    by, read = min(((name, took[name]) for name in reads), key=lambda item: item[1])
    print(f"\n{people} faces; read {read:.2f} ms ({by}); HNSW built in {stores.built_s:.0f} s")
    print("                       whole       alone           rank-1  recall@5    a collection of 1 %   rank-1")
    for name, searched in named.items():
        checked = PROBES if searched is stores.indexed else EXACT_PROBES
        rank_1, recall = _accuracy(searched, people, EVERYBODY, people.probes[:checked])
        few, _ = _accuracy(searched, people, FEW, people.few_probes[:checked])
        whole, alone, small = (took[f"{name} {what}"] for what in ("whole", "alone", "few"))
        print(
            f"{name:16} {whole:8.2f} ms {alone:8.2f} ms ({alone / read:5.2f} x) {rank_1:8.3f} {recall:9.3f}"
            f" {small:19.2f} ms {few:8.3f}"
        )


def print_registering(home: Path, people: People, stores: Stores) -> None:
    """What a registration adds to the inference before it: the transaction, with its commit to the disk."""
    engines = Engines(home)
    image = np.asarray(cv2.imdecode(np.frombuffer(engines.query, np.uint8), cv2.IMREAD_COLOR), np.uint8)

    def infer() -> None:
        with engines.engine.lane():
            found = engines.engine.detect(image, Detection(detector=DETECTOR, method="bounded", alignment="dlib"))
            engines.engine.embed([face.crop for face in found], model=MODEL, normalization="base")

    ways: dict[str, Callable[[], Any]] = {
        "inference": infer,
        "SQLite": partial(_register, stores.sqlite, people, iter(range(people.everybody))),
        "PostgreSQL": partial(_register, stores.indexed, people, iter(range(people.everybody))),
    }
    took = in_turn(ways, REGISTRATIONS)
    started = time.perf_counter()
    indexed = stores.indexed.store.index_waiting(limit=REGISTRATIONS)
    indexed_ms = (time.perf_counter() - started) * 1000 / indexed
    print(f"\nregistering a new person beside {people}, {MODEL} and {DETECTOR}; medians of {REGISTRATIONS} in turn")
    print(f"inference {took['inference']:.0f} ms")
    for name in ("SQLite", "PostgreSQL"):
        print(f"{name:10} {took[name]:6.2f} ms, {took[name] / took['inference']:.1%} of the inference")
    print(f"putting a face into PostgreSQL's index, behind the answer: {indexed_ms:.1f} ms, mean of {indexed}")


def print_opening(people: People, stores: Stores) -> None:
    """The first search of a new process that finds the faces in SQLite's file, and the memory that it then has."""
    context = multiprocessing.get_context("spawn")
    opened = []
    for _ in range(OPENINGS):
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            opened.append(pool.submit(_open, stores.sqlite_url, people.probes[0]).result())
    seconds, memory = (statistics.median(values) for values in zip(*opened, strict=True))
    matrix = people.embeddings[: people.everybody].nbytes / 1e6
    print(f"\nopening {people} from SQLite's file, the first search of a process: {seconds:.2f} s; the matrix", end="")
    print(f" has {matrix:.0f} MB, the process then {memory / matrix:.2f} times that more; medians of {OPENINGS}")


def _each(way: Callable[[Any], Any], probes: Probes) -> Callable[[], Any]:
    """The way with the next of the probes at each call."""
    coming = cycle(probes)
    return lambda: way(next(coming))


def _accuracy(searched: Searched, people: People, collection: str, probes: Probes) -> tuple[float, float]:
    """How many first persons are the exact search's, and how many of its K are found."""
    first, among = 0, 0
    for probe, exact in zip(probes, people.nearest(collection, probes, K), strict=True):
        found, expected = searched.whole(probe, collection), [str(number) for number in exact]
        first += found[0] == expected[0]
        among += len({*found} & {*expected})
    return first / len(probes), among / len(probes) / K


def _register(searched: Searched, people: People, rows: Any) -> None:
    row = next(rows)
    event = Event(action="register", outcome="stored")
    searched.store.register(
        Registration(faces=[people.face(row)], name=f"New {row}", collection=EVERYBODY, event=event)
    )


def _open(url: str, probe: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Seconds, and megabytes of this process, which holds nothing else."""
    gc.collect()
    before = resident_mb(os.getpid())
    started = time.perf_counter()
    searched = Searched(url)
    searched.whole(probe, EVERYBODY)
    seconds = time.perf_counter() - started
    gc.collect()
    return seconds, resident_mb(os.getpid()) - before

"""What the plots of the documents show: error curves, requests beside DeepFace's API, and searches of the gallery.

Each is written to `docs/images/NAME.json` with the machine, and drawn by `make pictures`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.servers import PROJECT, machine
from core.process import prepare_process
from core.settings import Settings

WAYS = (("deepface", "eyes"), ("bounded", "template"))  # search and alignment: DeepFace's, and the service's
DETECTORS = ("yunet", "dlib", "opencv")
SIZES = (1_000, 10_000, 100_000)  # faces of the gallery
DIMENSION = 128  # Dlib's
SEARCHES = 31
PHOTO_SIDES = (400, 1600)  # widths in pixels; the height is a quarter more
PHOTOS = (8, 40)


def main(figure: str) -> None:
    """Measure and write one figure. Each needs a process of its own: numpy reads at import how many threads it has."""
    prepare_process(Settings())
    measured = {"machine": machine(), "command": f"python -m benchmarks figures {figure}"} | FIGURES[figure]()
    (PROJECT / "docs" / "images" / f"{figure}.json").write_text(json.dumps(measured) + "\n")
    print(f"Wrote docs/images/{figure}.json")


def errors() -> dict[str, Any]:
    """Return, for each detector and way, the rates of false matches and false non-matches at every threshold."""
    import numpy as np

    from benchmarks.accuracy import crops_of, labelled_photos
    from benchmarks.persons import compare
    from benchmarks.real_engine import real_engine
    from benchmarks.variants import METRIC, MODEL
    from tests.models.labelled import labelled_pairs

    photos, curves = labelled_photos(), []
    famous = len(labelled_pairs()[0])
    sets = (slice(famous), slice(famous, None))  # each with its own pairs
    apart = np.empty(0)
    with real_engine() as engine:
        for detector in DETECTORS:
            for method, alignment in WAYS:
                crops = crops_of(engine, photos, detector, method, alignment)
                found = engine.embed(crops, model=MODEL, normalization="base", alignment=alignment)
                compared = [compare(found[part], photos.persons[part], METRIC) for part in sets]
                apart, same = (np.concatenate([getattr(one, name) for one in compared]) for name in ("apart", "same"))
                thresholds = np.unique(apart)
                rates = [
                    (float((apart[~same] <= limit).mean()), float((apart[same] > limit).mean())) for limit in thresholds
                ]
                curves.append(
                    {"detector": detector, "search": method, "alignment": alignment, "rates": _corners(rates)}
                )
    return {"model": MODEL, "pairs": len(apart), "curves": curves}


def _corners(rates: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points at which both rates have changed, with four decimals: the corners of the line."""
    lowest = {round(matched, 4): round(missed, 4) for matched, missed in rates}
    corners: list[tuple[float, float]] = []
    for matched, missed in sorted(lowest.items()):
        if not corners or missed < corners[-1][1]:
            corners.append((matched, missed))
    return corners


def requests() -> dict[str, Any]:
    """Return the requests per second and the 95th percentile of both services, by the number of clients."""
    from benchmarks.load import load
    from benchmarks.overhead import CLIENTS, REQUESTS_PER_LEVEL, SIZE_PX, mixed_work, pictures
    from benchmarks.servers import deepfaces, ours

    rows = []
    with tempfile.TemporaryDirectory() as name, ours(Path(name)) as (url, *_), deepfaces(Path(name)) as (their_url, *_):
        for clients in CLIENTS:
            row: dict[str, Any] = {"clients": clients}
            for who, where in (("service", url), ("deepface", their_url)):
                rate, p95 = load(where, mixed_work(pictures()), clients=clients, count=REQUESTS_PER_LEVEL)
                row[who] = {"per_second": round(rate, 1), "p95_ms": round(p95)}
            rows.append(row)
    return {"size_px": SIZE_PX, "rows": rows}


def searches() -> dict[str, Any]:
    """Return the median milliseconds of a whole search of the gallery, by the number of faces."""
    from benchmarks.gallery_faces import EVERYBODY, People
    from benchmarks.gallery_stores import Stores
    from benchmarks.timing import in_turn
    from tests.postgresql import running

    rows = []
    with tempfile.TemporaryDirectory() as name, running() as server:
        for count in SIZES:
            people = People.made(count, DIMENSION)
            stores = Stores.filled(Path(name) / f"{count}.db", server.url, people)
            probe = people.probes[0]
            ways: dict[str, Callable[[], Any]] = {
                "sqlite_ms": partial(stores.sqlite.whole, probe, EVERYBODY),
                "postgresql_ms": partial(stores.indexed.whole, probe, EVERYBODY),
            }
            took = in_turn(ways, SEARCHES)
            rows.append({"faces": count, "dimension": DIMENSION} | {way: round(took[way], 2) for way in ways})
    return {"rows": rows}


def folders() -> dict[str, Any]:
    """Return the processor seconds per photo that the two commands take, start and end of the process left out."""
    from benchmarks.overhead import pictures

    rows = []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for side_px in PHOTO_SIDES:
            contents = pictures((side_px, side_px * 5 // 4))
            for command in (("index", "build"), ("gallery", "enroll")):
                few, many = (_processor_s(home, contents, count, command) for count in PHOTOS)
                each = (many - few) / (PHOTOS[1] - PHOTOS[0])
                rows.append({"photo_px": side_px, "command": " ".join(command), "processor_s": round(each, 3)})
    return {"photos": PHOTOS[1], "rows": rows}


def _processor_s(home: Path, contents: list[bytes], count: int, command: tuple[str, ...]) -> float:
    """Return what a command takes for a folder of so many photos, two persons in turn, with no other work."""
    work = Path(tempfile.mkdtemp(dir=home))
    folder = work / "photos"
    for number in range(count):
        path = folder / f"person{number:05}" / "photo.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(contents[number % 2] + number.to_bytes(4))  # what follows a JPEG's end is not looked at
    environment = os.environ | {
        "MODEL_PRESET": "offline",
        "FACES_DB_PATH": str(folder),
        "DATA_PATH": str(work / "data"),
        "DEEPFACE_HOME": str(home),
        "PYTHONPATH": str(PROJECT),
    }
    options = [str(folder), "--face-policy", "largest"] if command[0] == "gallery" else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "api.cli", *command, *options],
        cwd=work,
        env=environment,
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


FIGURES: dict[str, Callable[[], dict[str, Any]]] = {
    "errors": errors,
    "requests": requests,
    "searches": searches,
    "folders": folders,
}

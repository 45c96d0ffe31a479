"""How long it takes to move in from CompreFace: its schema in a real PostgreSQL, and an image for each person.

They are imported with an engine that costs nothing and with Dlib, which tells the time of the models from all other.
"""

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from core.process import prepare_process
from core.settings import Settings
from schemas.gallery import EnrolmentOptions
from services.bootstrap.services import Services
from tests.postgresql import new_database, running
from tests.services.gallery.imports.compreface import CompreFaceDatabase


def main(persons: int) -> None:
    """Print the times of imports, and of second ones that find everything registered."""
    with tempfile.TemporaryDirectory() as name, running() as server:
        os.chdir(name)  # away from the project's .env
        settings = Settings(
            model_preset="offline", data_path=Path(name, "fake"), deepface_home=Path(name), min_quality=0
        )
        prepare_process(settings)
        from services.bootstrap.build import build_services  # after the process is prepared
        from tests.fakes import FakeEngine

        print(f"{settings.cores} cores, {settings.lanes} lanes")
        drawn = _database(new_database(server.url), persons, _drawn)
        services = build_services(settings, engine=FakeEngine(lanes=settings.lanes))
        for what in ("without models", "without models, again"):
            _measure(what, services, drawn)
        photos = _database(new_database(server.url), persons, _photos)
        services = build_services(settings.model_copy(update={"data_path": Path(name, "dlib")}))
        _measure("Dlib, one image to load the models", services, _database(new_database(server.url), 1, _photos))
        for what in ("Dlib", "Dlib, again"):
            _measure(what, services, photos)


def _database(url: str, persons: int, images: Callable[[int], Iterator[bytes]]) -> str:
    compreface = CompreFaceDatabase(url)
    for number, image in enumerate(images(persons)):
        compreface.add(f"Person {number}", image)
    return url


def _measure(what: str, services: Services, url: str) -> None:
    started, busy = time.perf_counter(), time.process_time()
    with services.gallery.sources.compreface(url, "") as entries:
        done = services.gallery.enrolment.enrol(
            entries, collection="default", options=EnrolmentOptions(face_policy="largest"), progress=lambda *_: None
        )
    took, busy = time.perf_counter() - started, time.process_time() - busy
    print(f"{what}: {done.enrolled} registered, {done.known} known, {len(done.refused)} refused:", end=" ")
    print(f"{took:.1f} s, processor time {busy:.1f} s, {1000 * busy / (done.enrolled + done.known):.1f} ms an image")


def _drawn(count: int) -> Iterator[bytes]:
    """So many pictures that the fake engine can read."""
    from tests.pictures import ALICE, photo

    return itertools.repeat(photo(ALICE), count)


def _photos(count: int) -> Iterator[bytes]:
    """So many different JPEGs of one person, of 400 x 467 pixels."""
    from api.cli.demo.photos import variations  # imports OpenCV, which `prepare_process` has to precede

    rng = np.random.default_rng(count)
    photo = cv2.imdecode(np.frombuffer(dict(variations("hopper"))["cropped"], np.uint8), cv2.IMREAD_COLOR)
    assert photo is not None
    small = cv2.resize(photo, (400, 467), interpolation=cv2.INTER_AREA)
    for _ in range(count):
        noisy = np.clip(small + rng.normal(0, 4, small.shape), 0, 255).astype(np.uint8)
        yield cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()

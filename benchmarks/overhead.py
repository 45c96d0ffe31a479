"""What HTTP adds to an inference, and how much is served at once: our service beside DeepFace's own API."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import requests
import skimage

from benchmarks.load import Work, data_uri, load, post
from benchmarks.servers import deepfaces, machine, ours
from core.process import prepare_process
from core.settings import Settings, available_cores

REPETITIONS = 60
REQUESTS_PER_LEVEL = 60
CLIENTS = (1, 2, 4, 8)
SIZE_PX = (416, 499)


def main() -> None:
    """Print both tables."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        contents = pictures()
        with ours(home) as (our_url, *_), deepfaces(home) as (their_url, *_):
            print_overhead(home, our_url, their_url, contents[0])
            print_throughput(our_url, their_url, contents)


def pictures(size_px: tuple[int, int] = SIZE_PX) -> list[bytes]:
    """Two people, as JPEG of one size (width, height)."""
    paths = (
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
        Path(skimage.__file__).parent / "data" / "astronaut.png",
    )
    pictures_ = (np.asarray(cv2.imread(str(path)), np.uint8) for path in paths)
    return [np.asarray(cv2.imencode(".jpg", cv2.resize(one, size_px))[1], np.uint8).tobytes() for one in pictures_]


def print_overhead(home: Path, our_url: str, their_url: str, content: bytes) -> None:
    """The same work in process, on the decoded image, and over HTTP; interleaved, so that noise hits all alike."""
    prepare_process(Settings(deepface_home=home))
    from deepface import DeepFace

    from services.deepface.engine import DeepFaceEngine
    from services.deepface.interface import Detection
    from services.models.weights import Weights

    settings = Settings()
    engine = DeepFaceEngine(Weights(home), lanes=settings.lanes, cores=settings.cores)
    image = np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    session = requests.Session()
    work = ("represent", {"img": data_uri(content), "model_name": "Dlib", "detector_backend": "opencv"})

    def in_our_process() -> None:
        with engine.lane():
            faces = engine.detect(image, Detection(detector="opencv", method="bounded", alignment="dlib"))
            engine.embed([face.crop for face in faces], model="Dlib", normalization="base")

    def in_deepface() -> None:
        cv2.setNumThreads(available_cores())  # as it is where nobody limits it
        DeepFace.represent(image, model_name="Dlib", detector_backend="opencv")
        cv2.setNumThreads(1)  # as our engine has it

    ways: dict[str, Callable[[], Any]] = {
        "ours, in process": in_our_process,
        "ours, HTTP": lambda: post(our_url, work, session),
        "DeepFace, in process": in_deepface,
        "DeepFace, HTTP": lambda: post(their_url, work, session),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for repetition in range(REPETITIONS + 3):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if repetition >= 3:
                took[name].append((time.perf_counter() - started) * 1000)
    print(f"\n/represent, {SIZE_PX[0]} x {SIZE_PX[1]} JPEG, Dlib, opencv: medians of {REPETITIONS}, taken in turn")
    for who in ("ours", "DeepFace"):
        inside, over_http = took[f"{who}, in process"], took[f"{who}, HTTP"]
        # The difference of neighbours: what else the machine does from minute to minute hits both.
        added = statistics.median(b - a for a, b in zip(inside, over_http, strict=True))
        before, after = statistics.median(inside), statistics.median(over_http)
        print(
            f"{who:9} in process {before:6.1f} ms   HTTP {after:6.1f} ms   adds {added:5.1f} ms, {added / before:4.0%}"
        )


def print_throughput(our_url: str, their_url: str, contents: list[bytes]) -> None:
    """Requests per second and p95 of mixed work at several numbers of clients, ours and theirs in turn."""
    print(f"\nmixed work (two represent, one verify), {REQUESTS_PER_LEVEL} requests a level")
    mix = mixed_work(contents)
    print("clients      ours req/s    p95 ms   DeepFace req/s    p95 ms    ratio")
    for clients in CLIENTS:
        rate, p95 = load(our_url, mix, clients=clients, count=REQUESTS_PER_LEVEL)
        their_rate, their_p95 = load(their_url, mix, clients=clients, count=REQUESTS_PER_LEVEL)
        print(f"{clients:7} {rate:15.1f} {p95:9.0f} {their_rate:16.1f} {their_p95:9.0f} {rate / their_rate:8.2f}")


def mixed_work(contents: list[bytes]) -> list[Work]:
    """Return two requests to `/represent` and one to `/verify`, of two JPEGs."""
    first, second = (data_uri(content) for content in contents)
    options = {"model_name": "Dlib", "detector_backend": "opencv"}
    return [
        ("represent", {"img": first, **options}),
        ("verify", {"img1": first, "img2": second, **options}),
        ("represent", {"img": second, **options}),
    ]

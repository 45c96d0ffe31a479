"""What HTTP adds to an inference, and how much is served at once: our service beside DeepFace's own API."""

import base64
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import requests
import skimage

from benchmarks.servers import deepfaces, machine, ours
from core.config import Settings, available_cores
from core.runtime import prepare_process

REPETITIONS = 60
REQUESTS_PER_LEVEL = 60
CLIENTS = (1, 2, 4, 8)
SIZE_PX = (416, 499)

Body = dict[str, Any]
Work = tuple[str, Body]


def main() -> None:
    """Print both tables."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        contents = pictures()
        with ours(home) as (our_url, *_), deepfaces(home) as (their_url, *_):
            print_overhead(home, our_url, their_url, contents[0])
            print_throughput(our_url, their_url, contents)


def pictures() -> list[bytes]:
    """Two people, as JPEG of one size."""
    paths = (
        Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
        Path(skimage.__file__).parent / "data" / "astronaut.png",
    )
    pictures_ = (np.asarray(cv2.imread(str(path)), np.uint8) for path in paths)
    return [np.asarray(cv2.imencode(".jpg", cv2.resize(one, SIZE_PX))[1], np.uint8).tobytes() for one in pictures_]


def print_overhead(home: Path, our_url: str, their_url: str, content: bytes) -> None:
    """The same work in process, on the decoded image, and over HTTP; interleaved, so that noise hits all alike."""
    prepare_process(Settings(deepface_home=home))
    from deepface import DeepFace

    from services.engine.base import Detection
    from services.engine.deepface import DeepFaceEngine
    from services.engine.weights import WeightFolder

    settings = Settings()
    engine = DeepFaceEngine(WeightFolder(home), lanes=settings.lanes, threads=settings.threads_per_lane)
    image = np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    session = requests.Session()
    text = base64.b64encode(content).decode()
    their_body = {"img": f"data:image/jpeg;base64,{text}", "model_name": "Dlib", "detector_backend": "opencv"}

    def in_our_process() -> None:
        with engine.lane():
            faces = engine.detect(image, Detection(detector="opencv"))
            engine.embed([face.crop for face in faces], model="Dlib", normalization="base")

    def in_deepface() -> None:
        cv2.setNumThreads(available_cores())  # as it is where nobody limits it
        DeepFace.represent(image, model_name="Dlib", detector_backend="opencv")
        cv2.setNumThreads(1)  # as our engine has it

    ways: dict[str, Callable[[], Any]] = {
        "ours, in process": in_our_process,
        "ours, HTTP": lambda: ok(session.post(f"{our_url}/represent", json={"img": text})),
        "DeepFace, in process": in_deepface,
        "DeepFace, HTTP": lambda: ok(session.post(f"{their_url}/represent", json=their_body)),
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
    texts = [base64.b64encode(content).decode() for content in contents]
    options = {"model_name": "Dlib", "detector_backend": "opencv"}
    our_mix: list[Work] = [
        ("represent", {"img": texts[0], **options}),
        ("verify", {"img1": texts[0], "img2": texts[1], **options}),
        ("represent", {"img": texts[1], **options}),
    ]
    their_mix: list[Work] = [
        (
            route,
            {key: f"data:image/jpeg;base64,{value}" if key.startswith("img") else value for key, value in body.items()},
        )
        for route, body in our_mix
    ]
    print("clients      ours req/s    p95 ms   DeepFace req/s    p95 ms    ratio")
    for clients in CLIENTS:
        rate, p95 = load(our_url, our_mix, clients)
        their_rate, their_p95 = load(their_url, their_mix, clients)
        print(f"{clients:7} {rate:15.1f} {p95:9.0f} {their_rate:16.1f} {their_p95:9.0f} {rate / their_rate:8.2f}")


def as_data_uri(key: str, value: str) -> str:
    """The images of a body in the one form of base64 that DeepFace takes."""
    return f"data:image/jpeg;base64,{value}" if key.startswith("img") else value


def load(url: str, mix: list[Work], clients: int) -> tuple[float, float]:
    """Requests per second, and the 95th percentile of their milliseconds."""

    def one(work: Work) -> float:
        started = time.perf_counter()
        ok(requests.post(f"{url}/{work[0]}", json=work[1]))
        return (time.perf_counter() - started) * 1000

    works = list(islice(cycle(mix), REQUESTS_PER_LEVEL))
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        took = list(pool.map(one, works))
    return len(works) / (time.perf_counter() - started), statistics.quantiles(took, n=20)[-1]


def ok(response: requests.Response) -> None:
    """Fail loudly: a fast error is no speed."""
    assert response.ok, response.text

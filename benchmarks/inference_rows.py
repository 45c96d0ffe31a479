"""The rows of the table of `inference`; each starts the servers it needs and prints its lines."""

import importlib.util
import multiprocessing
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.inference_table import ONE, OURS, US, WHO, Measured, asking, preloading, print_line, servers
from benchmarks.load import Work, data_uri, load, post, warm_up
from benchmarks.networks import ATTRIBUTES, home_of_networks
from benchmarks.overhead import pictures
from benchmarks.processor import VGG_FACE_FLOP, gflops
from benchmarks.servers import PROJECT, deepfaces, ours, private_mb, resident_mb
from benchmarks.timing import in_turn

SHARED = PROJECT.parent / "shared"  # photos and weights that no package carries
REPETITIONS = 9
CLIENTS = 8
REQUESTS = 24
ROUNDS = 3
STARTS = 3

_LARGE, _LARGER, _GROUP = (SHARED / "faces" / "annotated" / name for name in ("005_A.jpg", "003_A.jpg", "015_6.jpg"))
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 85)  # keeps 20 megapixels below MAX_IMAGE_BYTES
_FIRST, _SECOND = pictures((416, 624))
_INT8 = "  the same, INFERENCE_RUNTIME=onnx-int8"
_RECOGNITION = ("VGG-Face", "Facenet512", "ArcFace", "Dlib")


def verify_large(home: Path) -> None:
    """Two pairs of large photos: of two people, and of one and its mirror image."""
    work = "/verify, 20 and 32 megapixels, Dlib, opencv"
    if _lacks_shared(work):
        return
    pairs = ((_LARGE.read_bytes(), _LARGER.read_bytes()), (_LARGE.read_bytes(), _mirrored(_LARGE)))
    with servers(home, "Dlib", "opencv") as urls:
        _warm_up(urls, _verify((_FIRST, _SECOND), "Dlib"))
        judged = [_judged(urls, _verify(pair, "Dlib")) for pair in pairs]
    print_line(work, {who: statistics.median(took[who] for took, _ in judged) for who in WHO}, "ms", aim=20)
    print(f"  one time each; the same verdict on {sum(agreed for _, agreed in judged)} of {len(pairs)} pairs")


def verify(home: Path) -> None:
    """Two photos of a usual size."""
    work = _verify((_FIRST, _SECOND), "Facenet512")
    _single(home, "/verify, 416 x 624, Facenet512, opencv", work, "Facenet512", "opencv", aim=3, faster_aim=3)


def represent_group(home: Path) -> None:
    """Six faces, which may go through the network at once."""
    title = "/represent, 6 faces, ArcFace, opencv"
    if not _lacks_shared(title):
        work = _represent(_GROUP.read_bytes(), "ArcFace", "opencv")
        _single(home, title, work, "ArcFace", "opencv", aim=3, faster_aim=3)


def represent(home: Path) -> None:
    """What costs most is neither a cascade nor a network that runs on ONNX Runtime."""
    title = "/represent, 416 x 624, Dlib, yunet"
    if not _lacks_shared(title):
        _single(home, title, _represent(_FIRST, "Dlib", "yunet"), "Dlib", "yunet", aim=1.5)


def analyze(home: Path) -> None:
    """Four attributes, of networks that share their convolutions with each other and of such that do not."""
    work = ("analyze", {"img": data_uri(_FIRST), "detector_backend": "opencv"})
    models = (*ATTRIBUTES, "opencv")
    _single(home, "/analyze, 4 attributes, planted trunk", work, *models, aim=2.2, faster_aim=4, has_large_layers=True)
    with home_of_networks(unshared=True) as apart:
        _single(apart, "/analyze, 4 attributes, trunks of their own", work, *models, has_large_layers=True)


def at_once(home: Path) -> None:
    """Mixed work of many clients."""
    mix = [
        _verify((_FIRST, _SECOND), "Facenet512"),
        _represent(_FIRST, "ArcFace", "opencv"),
        _represent(_SECOND, "Dlib", "opencv"),
        ("analyze", {"img": data_uri(_SECOND), "detector_backend": "opencv"}),
    ]
    with servers(home, "Facenet512", "ArcFace", "Dlib", *ATTRIBUTES, "opencv") as urls:
        _warm_up(urls, *mix)
        rounds = [
            {who: load(url, mix, clients=CLIENTS, count=REQUESTS) for who, url in urls.items()} for _ in range(ROUNDS)
        ]
    rates, p95s = ({who: statistics.median(round_[who][i] for round_ in rounds) for who in WHO} for i in (0, 1))
    work = f"{CLIENTS} clients, mixed work"
    print_line(f"{work}, requests a second", rates, "/s", aim=3, more=True)
    print_line(f"{work}, 95th percentile", p95s, "ms", aim=3)


def memory(home: Path) -> None:
    """What is resident when every network has answered a request, and what of that is no page of a file."""
    mix = [_represent(_FIRST, model, "opencv") for model in _RECOGNITION]
    mix.append(("analyze", {"img": data_uri(_FIRST), "detector_backend": "opencv"}))
    models = (*_RECOGNITION, *ATTRIBUTES, "opencv")
    theirs = _footprint(deepfaces(home), mix)
    for line, runtime in (("resident, 4 models and 4 attributes", "onnx"), (_INT8, "onnx-int8")):
        settings = preloading(*models) | {"INFERENCE_RUNTIME": runtime}
        with ours(home, **settings):  # keeps the networks' optimised forms
            pass
        mine = _footprint(ours(home, **settings), mix)
        print_line(line, {ONE: theirs[0], US: mine[0]}, "MB", aim=3)
        print_line("  of that no page of a file", {ONE: theirs[1], US: mine[1]}, "MB", aim=3)


def _footprint(server: AbstractContextManager[tuple[str, int, float]], mix: list[Work]) -> tuple[float, float]:
    """What is resident of a server's worker after this work, and what of that is no page of a file."""
    with server as (url, worker, _):
        for work in mix:
            post(url, work)
        return resident_mb(worker), private_mb(worker)


def processor(home: Path) -> None:
    """The share of what the processor can do that a pass of VGG-Face does."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        done, possible, threads = apart.submit(gflops, home, OURS).result()
    print_line("VGG-Face, share of the float32 peak", {US: done / possible * 100}, "%")
    print(f"  {VGG_FACE_FLOP / 1e9:.1f} GFLOP a pass, {done:.0f} of {possible:.0f} GFLOP/s on {threads} thread(s)")


def start(home: Path) -> None:
    """From the start of gunicorn until it is ready; DeepFace's loads the same before it answers at all."""
    theirs = {"DEEPFACE_FACE_RECOGNITION_MODELS": "Dlib", "DEEPFACE_FACE_DETECTION_MODELS": "opencv"}
    few = {
        ONE: _started(partial(deepfaces, home, 1, **theirs)),
        US: _started(partial(ours, home, **preloading("Dlib", "opencv"))),
    }
    all_ = {US: _started(partial(ours, home, **preloading(*_RECOGNITION, *ATTRIBUTES, "opencv")), count=1)}
    for models, started in (("Dlib, opencv", few), ("all of row 7", all_)):
        print_line(f"start to ready, {models}", {who: seconds for who, (seconds, _) in started.items()}, "s")
        print_line(f"resident when ready, {models}", {who: mb for who, (_, mb) in started.items()}, "MB")


def _started(server: Callable[[], Any], count: int = STARTS) -> tuple[float, float]:
    """Median seconds until ready and megabytes resident then, after a first start."""
    starts = []
    for _ in range(count + 1):
        with server() as (_, worker, seconds):
            starts.append((seconds, resident_mb(worker)))
    return statistics.median(seconds for seconds, _ in starts[1:]), statistics.median(mb for _, mb in starts[1:])


def _single(
    home: Path,
    title: str,
    work: Work,
    *models: str,
    aim: float | None = None,
    faster_aim: float | None = None,
    has_large_layers: bool = False,
) -> None:
    """One client, one request after the other, of each server in turn; with a `faster_aim` on OpenVINO too, and with
    large dense layers in 8 bits too."""
    lines = [(title, "onnx", aim)]
    if has_large_layers:
        lines.append((_INT8, "onnx-int8", None))
    if faster_aim is not None and importlib.util.find_spec("openvino") is not None:
        lines.append(("  the same, INFERENCE_RUNTIME=openvino", "openvino", faster_aim))
    for line, runtime, aimed in lines:
        with servers(home, *models, runtime=runtime) as urls:
            _warm_up(urls, work)
            print_line(line, in_turn(asking(urls, work), REPETITIONS), "ms", aim=aimed)


def _judged(urls: dict[str, str], work: Work) -> tuple[Measured, bool]:
    """What one /verify takes of each, and whether all say the same."""
    verdicts = {}

    def judge(who: str, ask: Callable[[], Any]) -> None:
        verdicts[who] = ask()["verified"]

    took = in_turn({who: partial(judge, who, ask) for who, ask in asking(urls, work).items()}, 1, uncounted=0)
    return took, len(set(verdicts.values())) == 1


def _warm_up(urls: dict[str, str], *mix: Work) -> None:
    for url in urls.values():
        warm_up(url, mix)


def _lacks_shared(work: str) -> bool:
    if not SHARED.is_dir():
        print(f"{work}: left out, for there is no folder ../shared with photos and weights", flush=True)
    return not SHARED.is_dir()


def _verify(pair: tuple[bytes, bytes], model: str) -> Work:
    first, second = map(data_uri, pair)
    return "verify", {"img1": first, "img2": second, "model_name": model, "detector_backend": "opencv"}


def _represent(photo: bytes, model: str, detector: str) -> Work:
    return "represent", {"img": data_uri(photo), "model_name": model, "detector_backend": detector}


def _mirrored(path: Path) -> bytes:
    photo = np.asarray(cv2.imread(str(path)), np.uint8)
    return np.asarray(cv2.imencode(".jpg", cv2.flip(photo, 1), _QUALITY)[1], np.uint8).tobytes()

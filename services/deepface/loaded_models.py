"""Loads the networks of the engine, each when it is first needed.

Detectors and dlib's objects crash or return wrong results if two threads share them. So each lane has its own. ONNX
Runtime's sessions are large and safe to share. So there is one of each, and their passes take turns.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlib
from deepface.commons import backend_utils

from core.encryption import Keyring
from core.exceptions import ModelUnavailable
from core.metrics.definitions import MODEL_LOAD
from core.settings.types import CPU
from core.timeouts import POLL_S, check_deadline
from services.deepface import orientation
from services.deepface.clients import TASKS, build_client
from services.deepface.hooks import sees_gpu
from services.deepface.lanes import Lane, Lanes
from services.deepface.networks.batching import Batcher
from services.deepface.networks.choice import make_runtime
from services.deepface.networks.onnx_cpu import OnnxRuntime
from services.deepface.networks.onnx_gpu import PASSES_AT_ONCE, GpuRuntime, can_use_gpu
from services.deepface.networks.runtime import Runtime
from services.deepface.networks.shared_trunk import SharedTrunk
from services.deepface.requirements import require_files, require_sound
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model
from services.models.weights import Weights

# The tasks that run on INFERENCE_RUNTIME.
_RUN_TASKS = ("recognition", "attribute")

_EYE_FINDER = "opencv"  # the detector whose eye cascade DeepFace uses for boxes of detectors that give no eyes
_PREDICTORS_DETECTOR = "dlib"  # the detector among whose files a shape predictor finds five landmarks in any box
_PREDICTOR = "predictor"  # its name in the lanes
_UPRIGHT = "upright"  # in a lane, the detector that tells how faces are turned


class LoadedModels:
    """The networks by name, those of the lanes and those shared. Safe to call from several threads.

    `runtime`, `cache` and `keyring` are as in `networks.choice.make_runtime`. `gpu_device` is as GPU_DEVICE.
    """

    def __init__(
        self,
        weights: Weights,
        lanes: Lanes,
        *,
        cores: int,
        gpu_device: int | None,
        runtime: str,
        cache: Path | None,
        keyring: Keyring | None,
        batch_size: int,
    ) -> None:
        self._framework = framework = backend_utils.get_backend_engine()
        # With another framework, the models that stay on ONNX Runtime do not need the framework's GPU.
        is_required = gpu_device is not None and framework == "onnx"
        self._is_on_gpu = gpu_device != CPU and (is_required or can_use_gpu())
        at_once = PASSES_AT_ONCE if self._is_on_gpu else None
        self._passes = Batcher(cores, batch_size, at_once=at_once)
        threads = self._passes.threads
        graphs = None if cache is None else cache / "graphs"
        # Detectors and liveness always use float32, whatever the runtime of the other models.
        self._exact: Runtime = (
            GpuRuntime(name=framework, batch_size=batch_size)
            if self._is_on_gpu
            else OnnxRuntime(name=framework, threads=threads, folder=graphs, keyring=keyring)
        )
        self._runtime = make_runtime(
            runtime, self._exact, threads=threads, batch_size=batch_size, cache=cache, keyring=keyring
        )
        trunks = None if cache is None or framework != "onnx" else cache / "trunk"
        self.trunk = SharedTrunk(weights, self._passes, self._runtime, trunks, keyring)
        self._weights = weights
        self._lanes = lanes
        self._shared: dict[str, Any] = {}
        self._ready = {"skip"}
        self._digests: dict[str, str] = {}
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def load(self, name: str) -> None:
        """As `Engine.load`."""
        model = catalogue.find(name)
        if model.name in self._ready:
            return
        with self._only_loader(model.name):
            if model.name in self._ready:
                return
            started = time.perf_counter()
            require_files(self._weights, model)
            require_sound(self._weights, model)
            self._require_device()
            if model.thread_safe:
                self._shared[model.name] = self._built(model)
            else:
                for lane in self._lanes.all:
                    lane.models[model.name] = self._built(model)
            if model.task == "detection":
                self._load_for_crops(model)
            if model.has_own_crop:
                self.load_predictor()
            self._ready.add(model.name)
            MODEL_LOAD.labels(model.name).set(time.perf_counter() - started)

    def _load_for_crops(self, model: Model) -> None:
        """Load what crops and their quality need after this detector, so that no request has to wait for it."""
        if model.name != _EYE_FINDER:
            self.load(_EYE_FINDER)
        if not self._weights.missing(catalogue.find(_PREDICTORS_DETECTOR)):
            self.load_predictor()
        self.load_upright()

    def load_upright(self) -> None:
        """Give each lane a detector that tells how faces are turned; building it takes half a second."""
        with self._only_loader(_UPRIGHT):
            if _UPRIGHT not in self._ready:
                for lane in self._lanes.all:
                    lane.models[_UPRIGHT] = orientation.make_detector()
                self._ready.add(_UPRIGHT)

    def load_predictor(self) -> None:
        """Give each lane a shape predictor, without the detector beside it: building that holds Python's lock.

        Raises:
            ModelUnavailable: as `load`.
        """
        if _PREDICTOR in self._ready:
            return
        model = catalogue.find(_PREDICTORS_DETECTOR)
        with self._only_loader(_PREDICTOR):
            if _PREDICTOR in self._ready:
                return
            require_files(self._weights, model)
            require_sound(self._weights, model)
            (file,) = model.files
            for lane in self._lanes.all:
                lane.models[_PREDICTOR] = dlib.shape_predictor(str(self._weights.path(file)))
            self._ready.add(_PREDICTOR)

    def device(self) -> str:
        """As `Engine.device`."""
        if self._framework == "onnx":
            return "GPU" if self._is_on_gpu and can_use_gpu() else "CPU"
        return "GPU" if sees_gpu() else "CPU"

    def is_loaded(self, name: str) -> bool:
        """As `Engine.is_loaded`."""
        return catalogue.find(name).name in self._ready

    @contextmanager
    def _only_loader(self, name: str) -> Iterator[None]:
        """Let one thread at a time load a model. Waiting threads keep their deadlines."""
        lock = self._loading[name]
        while not lock.acquire(timeout=POLL_S):
            check_deadline()
        try:
            yield
        finally:
            lock.release()

    def _require_device(self) -> None:
        if self._is_on_gpu and not can_use_gpu():
            raise ModelUnavailable(
                "ONNX Runtime cannot use the GPU of GPU_DEVICE. Install NVIDIA's driver and requirements-gpu.txt, or"
                " set GPU_DEVICE=-1 to use the processor."
            )

    def _built(self, model: Model) -> Any:
        runtime = self._runtime if model.task in _RUN_TASKS else self._exact
        return build_client(model, self._weights, runtime=runtime, passes=self._passes, trunk=self.trunk)

    def fingerprint(self, names: Sequence[str]) -> str:
        """As `Engine.fingerprint`."""
        parts = [self._runtime.name]
        for model in map(catalogue.find, names):
            require_files(self._weights, model)
            for file in self._weights.files(model):
                if file.name not in self._digests:
                    self._digests[file.name] = self._weights.digest(file)
                parts.append(self._digests[file.name])
        return " ".join(parts)

    def rejected(self) -> list[str]:
        """As `Engine.rejected`."""
        return sorted({*self._exact.rejected(), *self._runtime.rejected(), *self.trunk.rejected()})

    def of_task(self, lane: Lane, task: str, name: str) -> Any:
        """The model that DeepFace requests, built earlier by `load`."""
        return self.named(lane, name.lower() if task == TASKS["attribute"] else name)

    def named(self, lane: Lane, name: str) -> Any:
        """The loaded model of this name, of the lane or shared."""
        return lane.models[name] if name in lane.models else self._shared[name]

    def predictor(self, lane: Lane) -> Any:
        """The lane's shape predictor; None before `load_predictor`."""
        return lane.models.get(_PREDICTOR)

    def upright(self, lane: Lane) -> Any:
        """The lane's detector that tells how faces are turned, after `load_upright`."""
        return lane.models[_UPRIGHT]

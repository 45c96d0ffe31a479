"""DeepFace behind the engine interface.

DeepFace's own functions find, crop, embed and analyze faces, so that results are DeepFace's results. Its detectors and
dlib's objects crash or return wrong results if two threads share them. So each lane has its own. ONNX Runtime's
sessions are large and safe to share. So there is one of each, and their passes take turns.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt
from deepface.commons import backend_utils
from deepface.modules import representation, verification
from deepface.modules.exceptions import FaceNotDetected, ImgNotFound
from typing_extensions import override

from core.distances import unit_length
from core.encryption import Keyring
from core.exceptions import DeepFaceError, ModelUnavailable, NoFaceDetected, ServiceError
from core.metrics.definitions import MODEL_LOAD
from core.metrics.stages import stage
from core.settings.types import CPU
from core.timeouts import POLL_S, check_deadline
from services.deepface import orientation
from services.deepface.attributes import analyze
from services.deepface.clients import TASKS, build_client
from services.deepface.detection import (
    as_deepface,
    as_found,
    in_batches,
    needs_predictor,
    unit_scale,
    with_landmarks,
)
from services.deepface.detectors import search
from services.deepface.dlib_attributes import estimate
from services.deepface.hooks import resolving, sees_gpu
from services.deepface.interface import (
    UNIT_LENGTH,
    Detection,
    Engine,
    Face,
    FaceArea,
    LivenessScore,
    Pixels,
    SecondLook,
)
from services.deepface.lanes import Lane, Lanes
from services.deepface.liveness import score_liveness
from services.deepface.networks.batching import Batcher
from services.deepface.networks.choice import make_runtime
from services.deepface.networks.onnx_cpu import OnnxRuntime
from services.deepface.networks.onnx_gpu import PASSES_AT_ONCE, GpuRuntime, can_use_gpu
from services.deepface.networks.runtime import Runtime
from services.deepface.networks.shared_trunk import SharedTrunk
from services.deepface.requirements import require_files, require_sound
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE_RGB, Model
from services.models.weights import Weights

# The tasks that run on INFERENCE_RUNTIME.
_RUN_TASKS = ("recognition", "attribute")

_EYE_FINDER = "opencv"  # the detector whose eye cascade DeepFace uses for boxes of detectors that give no eyes
_PREDICTORS_DETECTOR = "dlib"  # the detector among whose files a shape predictor finds five landmarks in any box
_PREDICTOR = "predictor"  # its name in the lanes
_UPRIGHT = "upright"  # in a lane, the detector that tells how faces are turned


class DeepFaceEngine(Engine):
    """DeepFace 0.0.103 on the framework selected by `prepare_process`, with `lanes` lanes and `cores` cores.

    `runtime`, `cache` and `keyring` are as in `networks.choice.make_runtime`. `gpu_device` is as GPU_DEVICE.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        lanes: int,
        cores: int,
        gpu_device: int | None = CPU,
        runtime: str = "onnx",
        cache: Path | None = None,
        keyring: Keyring | None = None,
        max_side_px: int | None = None,
        batch_size: int = 8,
    ) -> None:
        self._framework = framework = backend_utils.get_backend_engine()
        # With another framework, the models that stay on ONNX Runtime do not need the framework's GPU.
        is_required = gpu_device is not None and framework == "onnx"
        self._is_on_gpu = gpu_device != CPU and (is_required or can_use_gpu())
        at_once = PASSES_AT_ONCE if self._is_on_gpu else None
        self._batch_size = batch_size
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
        self._trunk = SharedTrunk(weights, self._passes, self._runtime, trunks, keyring)
        self._max_side_px = max_side_px
        self._weights = weights
        self._lanes = Lanes(lanes)
        self._shared: dict[str, Any] = {}
        self._ready = {"skip"}
        self._digests: dict[str, str] = {}
        self._loading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @override
    def lane(self) -> AbstractContextManager[object]:
        return self._lanes.hold()

    @override
    def load(self, name: str) -> None:
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
                self._load_predictor()
            self._ready.add(model.name)
            MODEL_LOAD.labels(model.name).set(time.perf_counter() - started)

    def _load_for_crops(self, model: Model) -> None:
        """Load what crops and their quality need after this detector, so that no request has to wait for it."""
        if model.name != _EYE_FINDER:
            self.load(_EYE_FINDER)
        if not self._weights.missing(catalogue.find(_PREDICTORS_DETECTOR)):
            self._load_predictor()
        self._load_upright()

    def _load_upright(self) -> None:
        """Give each lane a detector that tells how faces are turned; building it takes half a second."""
        with self._only_loader(_UPRIGHT):
            if _UPRIGHT not in self._ready:
                for lane in self._lanes.all:
                    lane.models[_UPRIGHT] = orientation.make_detector()
                self._ready.add(_UPRIGHT)

    def _load_predictor(self) -> None:
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

    @override
    def device(self) -> str:
        if self._framework == "onnx":
            return "GPU" if self._is_on_gpu and can_use_gpu() else "CPU"
        return "GPU" if sees_gpu() else "CPU"

    @override
    def is_loaded(self, name: str) -> bool:
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
        return build_client(model, self._weights, runtime=runtime, passes=self._passes, trunk=self._trunk)

    @override
    def fingerprint(self, names: Sequence[str]) -> str:
        parts = [self._runtime.name]
        for model in map(catalogue.find, names):
            require_files(self._weights, model)
            for file in self._weights.files(model):
                if file.name not in self._digests:
                    self._digests[file.name] = self._weights.digest(file)
                parts.append(self._digests[file.name])
        return " ".join(parts)

    @override
    def detect(self, image: Pixels, detection: Detection) -> list[Face]:
        model = catalogue.find(detection.detector)
        how = replace(detection, detector=model.name)
        self.load(model.name)
        if needs_predictor(how):
            self._load_predictor()
        with self._inside_deepface() as lane:
            predictor = lane.models[_PREDICTOR] if needs_predictor(how) else None
            if how.method == "deepface" or how.detector == "skip":
                return as_deepface(image, how, predictor)
            found = search(
                model.name,
                self._model(lane, TASKS["detection"], model.name),
                image,
                model.search,
                side_px=self._max_side_px or model.search.side_px,
                full=how.method == "full",
            )
            with stage("align", model.name):
                return as_found(image, found, how, predictor)

    @override
    def look_again(self, image: Pixels, areas: Sequence[FaceArea]) -> list[SecondLook]:
        self._load_upright()  # after the detector skip, which is never loaded
        self._load_predictor()
        looks = []
        with self._inside_deepface() as lane:
            for area in areas:
                check_deadline()
                seen = area if area.nose is not None else with_landmarks(image, area, lane.models[_PREDICTOR])
                looks.append(orientation.look_again(lane.models[_UPRIGHT], image, seen))
        return looks

    @override
    def embed(
        self,
        crops: Sequence[Pixels],
        *,
        model: str,
        normalization: str,
        alignment: str = "eyes",
        from_bytes: bool = False,
    ) -> npt.NDArray[np.float64]:
        self.load(model)
        trained = catalogue.find(model).trained_pixels if alignment == TEMPLATE_RGB else None
        scaling = normalization.removesuffix(UNIT_LENGTH)
        faces: list[Any] = []
        with self._inside_deepface():
            for batch in in_batches(crops, self._batch_size):
                # DeepFace hands the colours on in the order in which it gets them.
                ordered = batch if trained is None else [crop[:, :, ::-1] for crop in batch]
                embedded = representation.represent(
                    img_path=ordered if from_bytes else [unit_scale(crop) for crop in ordered],
                    model_name=model,
                    detector_backend="skip",
                    normalization=scaling if trained is None or scaling != "base" else trained.scaling,
                )
                # DeepFace leaves out the outer list for a single face.
                faces += embedded if len(batch) == 1 else [image[0] for image in embedded]
        embeddings = np.array([face["embedding"] for face in faces], np.float64)
        return embeddings if scaling == normalization else unit_length(embeddings)

    @override
    def attributes(self, image: Pixels, faces: Sequence[Face], models: Sequence[str]) -> list[dict[str, Any]]:
        self.load_all(models)
        dlibs = [name for name in models if catalogue.find(name).has_own_crop]
        deepfaces = [name for name in models if name not in dlibs]
        with self._inside_deepface() as lane:
            found = estimate(image, faces, [self._shared[name] for name in dlibs], lane.models.get(_PREDICTOR))
            rows = iter(found)
            for batch in in_batches([face.crop for face in faces if deepfaces], self._batch_size):
                with self._trunk.remembering():
                    for row in analyze(batch, deepfaces, lambda name: self._model(lane, TASKS["attribute"], name)):
                        next(rows).update(row)
        return found

    @override
    def sharing(self) -> list[str]:
        return self._trunk.models

    @override
    def rejected(self) -> list[str]:
        return sorted({*self._exact.rejected(), *self._runtime.rejected(), *self._trunk.rejected()})

    @override
    def liveness(self, image: Pixels, areas: Sequence[FaceArea]) -> list[LivenessScore]:
        self.load(catalogue.LIVENESS)
        scores = []
        with self._inside_deepface():
            for area in areas:
                check_deadline()
                scores.append(score_liveness(self._shared[catalogue.LIVENESS], image, area))
        return scores

    @override
    def confidence(self, distance: float, *, model: str, metric: str, verified: bool) -> float:
        return float(
            verification.find_confidence(distance=distance, model_name=model, distance_metric=metric, verified=verified)
        )

    @contextmanager
    def _inside_deepface(self) -> Iterator[Lane]:
        """Hold a lane, resolve DeepFace's models to loaded ones, and convert DeepFace's errors to service errors."""
        with self._lanes.hold() as lane, resolving(lambda task, name: self._model(lane, task, name)):
            try:
                yield lane
            except ServiceError:
                raise
            except (FaceNotDetected, ImgNotFound) as error:
                raise NoFaceDetected from error
            except Exception as error:  # DeepFace raises ValueError and any error of its frameworks
                raise DeepFaceError from error

    def _model(self, lane: Lane, task: str, name: str) -> Any:
        """The model that DeepFace requests, built earlier by `load`."""
        name = name.lower() if task == TASKS["attribute"] else name
        return lane.models[name] if name in lane.models else self._shared[name]

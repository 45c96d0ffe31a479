"""DeepFace behind the engine interface.

DeepFace's own functions find, crop, embed and analyze faces, so that results are DeepFace's results.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from deepface.modules import representation, verification
from deepface.modules.exceptions import FaceNotDetected, ImgNotFound
from typing_extensions import override

from core.distances import unit_length
from core.encryption import Keyring
from core.exceptions import DeepFaceError, NoFaceDetected, ServiceError
from core.metrics.stages import stage
from core.settings.types import CPU
from core.timeouts import check_deadline
from services.deepface import orientation
from services.deepface.attributes import analyze
from services.deepface.clients import TASKS
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
from services.deepface.hooks import resolving
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
from services.deepface.loaded_models import LoadedModels
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE_RGB
from services.models.weights import Weights


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
        self._lanes = Lanes(lanes)
        self._models = LoadedModels(
            weights,
            self._lanes,
            cores=cores,
            gpu_device=gpu_device,
            runtime=runtime,
            cache=cache,
            keyring=keyring,
            batch_size=batch_size,
        )
        self._batch_size = batch_size
        self._max_side_px = max_side_px

    @override
    def lane(self) -> AbstractContextManager[object]:
        return self._lanes.hold()

    @override
    def load(self, name: str) -> None:
        self._models.load(name)

    @override
    def device(self) -> str:
        return self._models.device()

    @override
    def is_loaded(self, name: str) -> bool:
        return self._models.is_loaded(name)

    @override
    def fingerprint(self, names: Sequence[str]) -> str:
        return self._models.fingerprint(names)

    @override
    def detect(self, image: Pixels, detection: Detection) -> list[Face]:
        model = catalogue.find(detection.detector)
        how = replace(detection, detector=model.name)
        self.load(model.name)
        if needs_predictor(how):
            self._models.load_predictor()
        with self._inside_deepface() as lane:
            predictor = self._models.predictor(lane) if needs_predictor(how) else None
            if how.method == "deepface" or how.detector == "skip":
                return as_deepface(image, how, predictor)
            found = search(
                model.name,
                self._models.named(lane, model.name),
                image,
                model.search,
                side_px=self._max_side_px or model.search.side_px,
                full=how.method == "full",
            )
            with stage("align", model.name):
                return as_found(image, found, how, predictor)

    @override
    def look_again(self, image: Pixels, areas: Sequence[FaceArea]) -> list[SecondLook]:
        self._models.load_upright()  # after the detector skip, which is never loaded
        self._models.load_predictor()
        looks = []
        with self._inside_deepface() as lane:
            for area in areas:
                check_deadline()
                seen = area if area.nose is not None else with_landmarks(image, area, self._models.predictor(lane))
                looks.append(orientation.look_again(self._models.upright(lane), image, seen))
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
            shared = [self._models.named(lane, name) for name in dlibs]
            found = estimate(image, faces, shared, self._models.predictor(lane))
            rows = iter(found)
            for batch in in_batches([face.crop for face in faces if deepfaces], self._batch_size):
                with self._models.trunk.remembering():
                    for row in analyze(batch, deepfaces, partial(self._models.of_task, lane, TASKS["attribute"])):
                        next(rows).update(row)
        return found

    @override
    def sharing(self) -> list[str]:
        return self._models.trunk.models

    @override
    def rejected(self) -> list[str]:
        return self._models.rejected()

    @override
    def liveness(self, image: Pixels, areas: Sequence[FaceArea]) -> list[LivenessScore]:
        self.load(catalogue.LIVENESS)
        scores = []
        with self._inside_deepface() as lane:
            network = self._models.named(lane, catalogue.LIVENESS)
            for area in areas:
                check_deadline()
                scores.append(score_liveness(network, image, area))
        return scores

    @override
    def confidence(self, distance: float, *, model: str, metric: str, verified: bool) -> float:
        return float(
            verification.find_confidence(distance=distance, model_name=model, distance_metric=metric, verified=verified)
        )

    @contextmanager
    def _inside_deepface(self) -> Iterator[Lane]:
        """Hold a lane, resolve DeepFace's models to loaded ones, and convert DeepFace's errors to service errors."""
        with self._lanes.hold() as lane, resolving(partial(self._models.of_task, lane)):
            try:
                yield lane
            except ServiceError:
                raise
            except (FaceNotDetected, ImgNotFound) as error:
                raise NoFaceDetected from error
            except Exception as error:  # DeepFace raises ValueError and any error of its frameworks
                raise DeepFaceError from error

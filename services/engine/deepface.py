"""DeepFace behind the engine interface: the one place that imports it.

DeepFace's own functions find, cut out, embed and describe the faces, so that the answers are its answers. Around them
stand what a server needs: no download, no two threads inside a detector, our errors instead of its.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from deepface.commons import folder_utils, onnx_utils, weight_utils
from deepface.models.spoofing.FasNetUtils import crop as fasnet_crop
from deepface.models.spoofing.onnx.FasNet import Fasnet
from deepface.modules import demography, detection, modeling, representation, verification
from deepface.modules.exceptions import FaceNotDetected, ImgNotFound
from retinaface.commons import weight_utils as retinaface_weight_utils
from typing_extensions import override

from core.exceptions import DeepFaceError, LivenessUnavailable, ModelUnavailable, NoFaceDetected, ServiceError
from services.engine import catalogue
from services.engine.base import Detection, Engine, Face, FaceArea, LivenessScore, Pixels, Weights

_TASKS = {"recognition": "facial_recognition", "detection": "face_detector", "attribute": "facial_attribute"}

# The scales at which the two liveness networks see the face, in widths of its box (their file names say so), and the
# class of their output that means a live face (github.com/minivision-ai/Silent-Face-Anti-Spoofing, test.py).
_FASNET_SCALES = (2.7, 4)
_FASNET_SIZE_PX = 80
_FASNET_REAL = 1

# DeepFace's model cache is one dictionary of the process, filled without a lock, and its detectors crash or answer
# wrongly when two threads share them. So one thread at a time is inside DeepFace.
_LOCK = threading.RLock()


def _local_weights(file_name: str, *_: Any, **__: Any) -> str:
    """Stands in for the functions with which DeepFace and RetinaFace download: finds the file or says it is missing."""
    path = os.path.normpath(os.path.join(folder_utils.get_deepface_home(), ".deepface", "weights", file_name))
    if not os.path.isfile(path):
        raise ModelUnavailable(f"The weights {file_name} are not installed.")
    return path


weight_utils.download_weights_if_necessary = _local_weights
retinaface_weight_utils.download_weights_if_necessary = _local_weights


class DeepFaceEngine(Engine):
    """DeepFace 0.0.103 on the engine that `prepare_process` chose."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._ready = {"skip"}
        self._fasnet: Fasnet | None = None

    @override
    def load(self, name: str) -> None:
        model = catalogue.find(name)
        if model.name in self._ready:
            return
        with _LOCK:
            self._require_files(model)
            try:
                self._build(model)
            except ServiceError:
                raise
            except ImportError as error:
                raise ModelUnavailable(
                    f"{model.name} needs a package that is not installed: pip install {model.package}"
                ) from error
            except Exception as error:  # whatever a damaged file makes the frameworks raise
                raise ModelUnavailable(
                    f"{model.name} could not be loaded; its weights may be damaged. Delete and fetch them again:"
                    f" flask --app main weights fetch {model.name}"
                ) from error
            self._ready.add(model.name)

    def _require_files(self, model: catalogue.Model) -> None:
        missing = [file.name for file in self._weights.missing(model)]
        if missing:
            error = LivenessUnavailable if model.task == "liveness" else ModelUnavailable
            raise error(
                f"{model.name} needs {' and '.join(missing)}, which is not installed here. Fetch it with:"
                f" flask --app main weights fetch {model.name}",
                details={"model": model.name, "missing_files": missing},
            )

    def _build(self, model: catalogue.Model) -> None:
        if model.task == "liveness":
            # The networks' ONNX form whatever DeepFace runs on: only there are both outputs within reach.
            self._fasnet = Fasnet()
        else:
            name = model.name.capitalize() if model.task == "attribute" else model.name
            modeling.build_model(task=_TASKS[model.task], model_name=name)

    @override
    def detect(self, image: Pixels, detection_: Detection) -> list[Face]:
        detector = catalogue.find(detection_.detector).name
        self.load(detector)
        with _inside_deepface():
            found = detection.extract_faces(
                img_path=image,
                detector_backend=detector,
                enforce_detection=detection_.enforce,
                align=detection_.align,
                expand_percentage=detection_.expand_percentage,
                max_faces=detection_.max_faces,
                color_face="bgr",
                normalize_face=False,
            )
        # Copies: DeepFace's crops are views that keep its bordered image, four times the picture, alive.
        return [
            Face(area=FaceArea(**face["facial_area"]), confidence=face["confidence"], crop=face["face"].copy())
            for face in found
        ]

    @override
    def embed(
        self, crops: Sequence[Pixels], *, model: str, normalization: str, from_bytes: bool = False
    ) -> npt.NDArray[np.float64]:
        self.load(model)
        with _inside_deepface():
            embedded = representation.represent(
                img_path=list(crops) if from_bytes else [_unit_scale(crop) for crop in crops],
                model_name=model,
                detector_backend="skip",
                normalization=normalization,
            )
        # DeepFace leaves out the outer list for a single image.
        faces = [embedded[0]] if len(crops) == 1 else [image[0] for image in embedded]
        return np.array([face["embedding"] for face in faces], np.float64)

    @override
    def attributes(self, crop: Pixels, actions: Sequence[str]) -> dict[str, Any]:
        for action in actions:
            self.load(action)
        with _inside_deepface():
            found = demography.analyze(
                img_path=crop, actions=tuple(actions), detector_backend="skip", enforce_detection=False, silent=True
            )[0]
        return {key: value for key, value in found.items() if key not in ("region", "face_confidence")}

    @override
    def liveness(self, image: Pixels, areas: Sequence[FaceArea]) -> list[LivenessScore]:
        self.load(catalogue.LIVENESS)
        with _inside_deepface():
            return [self._judge(image, area) for area in areas]

    def _judge(self, image: Pixels, area: FaceArea) -> LivenessScore:
        assert self._fasnet is not None, "load() built it"
        box = (area.x, area.y, area.w, area.h)
        networks = (self._fasnet.first_model, self._fasnet.second_model)
        mean = np.mean(
            [
                onnx_utils.run_session(network, fasnet_crop(image, box, scale, _FASNET_SIZE_PX, _FASNET_SIZE_PX))[0]
                for network, scale in zip(networks, _FASNET_SCALES, strict=True)
            ],
            axis=0,
        )
        return LivenessScore(is_real=bool(mean.argmax() == _FASNET_REAL), probability=float(mean[_FASNET_REAL]))

    @override
    def confidence(self, distance: float, *, model: str, metric: str, verified: bool) -> float:
        return float(
            verification.find_confidence(distance=distance, model_name=model, distance_metric=metric, verified=verified)
        )


def _unit_scale(crop: Pixels) -> npt.NDArray[Any]:
    """The crop in [0, 1] as `extract_faces` gives it, which leaves one without a value over 1 as it is."""
    return crop / 255 if crop.max() > 1 else crop


@contextmanager
def _inside_deepface() -> Iterator[None]:
    """One thread at a time, with DeepFace's errors turned into ours."""
    with _LOCK:
        try:
            yield
        except ServiceError:
            raise
        except (FaceNotDetected, ImgNotFound) as error:
            raise NoFaceDetected from error
        except Exception as error:  # DeepFace raises ValueError and whatever its frameworks raise
            raise DeepFaceError from error

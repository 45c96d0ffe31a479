"""The interface of a face engine, as the use cases see it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.exceptions import LivenessUnavailable, ModelUnavailable

UNIT_LENGTH = "_l2"  # ends a normalization whose embeddings are scaled to length 1

Pixels = npt.NDArray[np.uint8]
Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How to find faces in an image and crop them.

    `method` is `deepface`, `bounded` or `full`; `alignment` is `none`, `eyes` or the name of a template.
    """

    detector: str
    method: str = "deepface"
    enforce: bool = True
    alignment: str = "eyes"
    expand_percentage: int = 0
    max_faces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceArea:
    """A box and landmarks in pixels of the upright image, origin top-left. Left and right are the person's own."""

    x: int
    y: int
    w: int
    h: int
    left_eye: Point | None = None
    right_eye: Point | None = None
    nose: Point | None = None
    mouth_left: Point | None = None
    mouth_right: Point | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face found in an image.

    `area` has the box as `Detection.expand_percentage` enlarges it, inside the image. `found` has it as the detector
    gave it, and may extend beyond the image; None if the whole image is taken for the face.

    `crop` is the input for the models, aligned if requested: BGR uint8 of shape (height, width, 3). `confidence` is the
    detector's, 0 to 1. It is 0 if the whole image counts as the face.
    """

    area: FaceArea
    confidence: float
    crop: Pixels
    found: FaceArea | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpace:
    """The options that must be equal for two embeddings to be comparable. The key of every index and stored face."""

    model: str
    alignment: str
    detection: str
    normalization: str
    expand_percentage: int


@dataclass(frozen=True, slots=True)
class LivenessScore:
    """The verdict of the liveness models. `probability` of a real face is their mean, 0 to 1."""

    is_real: bool
    probability: float


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A face turned by `quarter_turns` clockwise (0 to 3), as it looks most like one.

    `margin` says how much it does so: above 0 for a face, 1 for most upright ones. `area` has the eyes and a nose: its
    tip from a detector that gives a mouth, else its base.
    """

    quarter_turns: int
    margin: float
    area: FaceArea


class Engine(ABC):
    """Finds, embeds and analyzes faces. Safe to call from any thread. No call downloads anything."""

    @abstractmethod
    def lane(self) -> AbstractContextManager[object]:
        """Hold one lane for all calls of this thread until the block ends.

        A lane is an inference slot with its own detectors; their number is fixed. A call outside such a block takes a
        lane for itself. Threads get lanes in the order in which they ask.

        Raises:
            DeadlineExceeded: on entering, the request's time ended or its client disconnected before a lane was free.
        """

    @abstractmethod
    def load(self, name: str) -> None:
        """Make the catalogue's model or detector `name` ready for use. Returns at once if it already is.

        Raises:
            ModelUnavailable: weights or a package are missing. The message names the file and the command to fetch it.
            LivenessUnavailable: the same for the liveness models.
        """

    def load_all(self, names: Iterable[str]) -> None:
        """As `load` for each of these models. If several are unavailable, one error names all of them.

        Raises:
            ModelUnavailable, LivenessUnavailable: as `load`. The details of several have `models` and `missing_files`.
        """
        errors: dict[str, ModelUnavailable | LivenessUnavailable] = {}
        for name in dict.fromkeys(names):
            try:
                self.load(name)
            except (ModelUnavailable, LivenessUnavailable) as error:
                errors[name] = error
        if len(errors) == 1:
            raise errors.popitem()[1]
        if errors:
            raise _all_unavailable(errors)

    @abstractmethod
    def device(self) -> str:
        """The device that runs the models: `CPU` or `GPU`."""

    @abstractmethod
    def is_loaded(self, name: str) -> bool:
        """Whether this process has loaded the catalogue's model `name`."""

    @abstractmethod
    def fingerprint(self, names: Sequence[str]) -> str:
        """A text that identifies the weights of these models and their runtime. Another text means other embeddings.

        Raises:
            ModelUnavailable: as `load`.
        """

    @abstractmethod
    def detect(self, image: Pixels, detection: Detection) -> list[Face]:
        """The faces of a BGR image in the detector's order; with `max_faces` or a bounded search, largest first.

        Without `enforce`, an image without a face counts as one face with confidence 0. The list is empty only if every
        box is empty.

        Raises:
            NoFaceDetected: there is no face, and `detection.enforce` is on.
            ModelUnavailable: as `load`.
            DeadlineExceeded: the request's time ended.
        """

    @abstractmethod
    def look_again(self, image: Pixels, areas: Sequence[FaceArea]) -> list[SecondLook]:
        """What another detector, which sees upright faces only, says about each face of the BGR image.

        Raises:
            ModelUnavailable: the shape predictor that finds noses is not installed.
            DeadlineExceeded: the request's time ended between two faces.
        """

    @abstractmethod
    def embed(
        self,
        crops: Sequence[Pixels],
        *,
        model: str,
        normalization: str,
        alignment: str = "eyes",
        from_bytes: bool = False,
    ) -> npt.NDArray[np.float64]:
        """The embeddings of face crops as the model returns them, shape (len(crops), dimension).

        `alignment` is that of the embedding space. With `template_rgb`, the network gets the colours that it was
        trained on, and with the normalization `base` also their scale.

        `from_bytes` resizes the crops as uint8, like DeepFace.represent for the detector `skip`. Otherwise DeepFace
        resizes them as floats in [0, 1]. The results differ in the third digit.

        A `normalization` that ends with `UNIT_LENGTH` scales the embeddings to length 1.

        Raises:
            ModelUnavailable: as `load`.
            DeadlineExceeded: the request's time ended between two batches of crops.
        """

    @abstractmethod
    def attributes(self, image: Pixels, faces: Sequence[Face], models: Sequence[str]) -> list[dict[str, Any]]:
        """The attributes of the faces of a BGR image, by these attribute models.

        Returns:
            For each face, the keys of each model's action: `age` (years, int); `gender`, `emotion`, `race` (label to
            percent, sum 100), each also with `dominant_…` (label). dlib's age also has `age_range`: the first and the
            last of the ages (years, int) that hold the central 80 % of the probability.

        Raises:
            ModelUnavailable: as `load`.
            DeadlineExceeded: as `embed`.
        """

    @abstractmethod
    def sharing(self) -> list[str]:
        """The loaded models with identical first layers, which run once for all of them."""

    def rejected(self) -> list[str]:
        """The prepared networks below DATA_PATH that were not loaded, because this service had not made them."""
        return []

    @abstractmethod
    def liveness(self, image: Pixels, areas: Sequence[FaceArea]) -> list[LivenessScore]:
        """The liveness of each face of the upright BGR image.

        Raises:
            LivenessUnavailable: as `load`.
            DeadlineExceeded: the request's time ended between two faces.
        """

    @abstractmethod
    def confidence(self, distance: float, *, model: str, metric: str, verified: bool) -> float:
        """DeepFace's confidence in percent that a pair is the same person: 51 to 100 if verified, else 0 to 49."""


def _all_unavailable(errors: Mapping[str, ModelUnavailable | LivenessUnavailable]) -> ModelUnavailable:
    """The one error for several models. Models whose files are missing share one sentence and one command."""
    missing = {
        name: error.details["missing_files"] for name, error in errors.items() if "missing_files" in error.details
    }
    said = [error.message for name, error in errors.items() if name not in missing]
    if missing:
        models = ", ".join(f"{name} ({', '.join(files)})" for name, files in missing.items())
        said.insert(0, f"Models are not installed: {models}. Run: face-service weights fetch {' '.join(missing)}")
    return ModelUnavailable(
        ". ".join(said),
        details={"models": list(errors), "missing_files": [file for files in missing.values() for file in files]},
    )

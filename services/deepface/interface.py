"""What a use-case may ask of a face engine, and of the files its models need."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How faces are searched in an image and cut out of it.

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
    """A box and landmarks in pixels of the upright image, origin top-left; left and right are the person's own."""

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

    `crop` is the face as the models get it, aligned if that was asked for: BGR uint8 of shape (height, width, 3).
    `confidence` is the detector's, 0 to 1; 0 where the whole image was taken for the face.
    """

    area: FaceArea
    confidence: float
    crop: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpace:
    """What has to be the same for two embeddings to be comparable; the key of every index and stored face."""

    model: str
    alignment: str
    detection: str
    normalization: str
    expand_percentage: int


@dataclass(frozen=True, slots=True)
class LivenessScore:
    """The verdict of the liveness networks; `probability` of a real face, mean over the networks, 0 to 1."""

    is_real: bool
    probability: float


class Engine(ABC):
    """Finds, embeds and describes faces. Safe to call from any thread; no call downloads anything."""

    @abstractmethod
    def lane(self) -> AbstractContextManager[object]:
        """One of the fixed number of lanes inference runs in, for all calls of this thread inside the block.

        A call outside such a block takes a lane for itself. Waiting for one is first come, first served.

        Raises:
            DeadlineExceeded: on entering; the request's time was over, or its client gone, before a lane was free.
        """

    @abstractmethod
    def load(self, name: str) -> None:
        """Make the catalogue's model or detector `name` ready for use; returns at once when it is.

        Raises:
            ModelUnavailable: its weights or package are absent, naming the file and the command that fetches it.
            LivenessUnavailable: the same of the liveness networks.
        """

    @abstractmethod
    def device(self) -> str:
        """What the networks run on here: `CPU` or `GPU`."""

    @abstractmethod
    def is_loaded(self, name: str) -> bool:
        """Whether `load` has made the catalogue's model `name` ready in this process."""

    @abstractmethod
    def fingerprint(self, names: Sequence[str]) -> str:
        """Names the weights behind these models and what runs them; another name means other embeddings.

        Raises:
            ModelUnavailable: as `load`.
        """

    @abstractmethod
    def detect(self, image: Pixels, detection: Detection) -> list[Face]:
        """The faces of a BGR image, in the detector's order; with `max_faces` or a bounded search the largest first.

        Without `enforce` an image without a face counts as one face with confidence 0. The list is empty only if
        every box was empty.

        Raises:
            NoFaceDetected: there is no face, and `detection.enforce` is on.
            ModelUnavailable: as `load`.
        """

    @abstractmethod
    def embed(
        self, crops: Sequence[Pixels], *, model: str, normalization: str, from_bytes: bool = False
    ) -> npt.NDArray[np.float64]:
        """The embeddings of face crops, as the model gives them (not normalised), shape (len(crops), dimension).

        `from_bytes` resizes the crops as uint8, as DeepFace.represent does for a detector of `skip`; everywhere else
        DeepFace resizes them as floats in [0, 1], which differs in the third digit.

        Raises:
            ModelUnavailable: as `load`.
        """

    @abstractmethod
    def attributes(self, crops: Sequence[Pixels], actions: Sequence[str]) -> list[dict[str, Any]]:
        """DeepFace's attributes of face crops.

        Returns:
            For each face and action its keys: `age` (years, int), `gender`, `emotion`, `race` (label to percent, sum
            100) and `dominant_…` (label) for the latter three.

        Raises:
            ModelUnavailable: as `load`.
        """

    @abstractmethod
    def sharing(self) -> list[str]:
        """The models whose first layers are the same and run once for all of them, as far as they are loaded."""

    @abstractmethod
    def liveness(self, image: Pixels, areas: Sequence[FaceArea]) -> list[LivenessScore]:
        """For each face of the upright BGR image, whether it is a live one.

        Raises:
            LivenessUnavailable: as `load`.
        """

    @abstractmethod
    def confidence(self, distance: float, *, model: str, metric: str, verified: bool) -> float:
        """DeepFace's confidence in percent that a pair is the same person: 51 to 100 if verified, else 0 to 49."""

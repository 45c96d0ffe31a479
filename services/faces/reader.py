"""Finds the faces of an image source, the first step of every use case."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.exceptions import ModelUnavailable, NoFaceDetected, SpoofDetected
from core.images.decoding import ImagePolicy
from core.images.sources import managed_image
from core.logging import annotate
from core.metrics.stages import count_faces, stage
from schemas.common import FacialArea
from services.deepface.interface import Detection, Engine, Face, FaceArea, LivenessScore, Pixels, SecondLook
from services.faces.liveness import combine_liveness, is_spoof
from services.faces.plan import EmbeddingPlan, Plan
from services.models.catalogue import catalogue

Embeddings = npt.NDArray[np.float64]

_SECOND_LOOK = "dlib"  # the detector of `Engine.look_again`


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face of the image, with its liveness if it was requested, and a second look if its quality is judged.

    `detector` is the one that found the face. `also` is its embedding by the plan's `also`, of shape (dimension,); None
    if there is no such plan, or its detector does not find the face.
    """

    face: Face
    liveness: LivenessScore | None
    detector: str
    second_look: SecondLook | None
    also: npt.NDArray[np.float64] | None = None

    @property
    def is_detected(self) -> bool:
        """False if no face was found and the whole image is taken for one, as with the detector `skip`."""
        return self.face.confidence > 0


class DetectedFaces(list[DetectedFace]):
    """The faces of an image. `truncated` is True if the image has more faces than the service reads, else None."""

    truncated: Literal[True] | None = None


class FaceReader:
    """Opens images, and finds and embeds their faces, as the plan of a request says.

    Of more than `max_faces` faces, the largest are read. A face counts as live from the probability
    `antispoof_threshold` on, 0 to 1.
    """

    def __init__(self, *, engine: Engine, policy: ImagePolicy, max_faces: int, antispoof_threshold: float) -> None:
        self._engine = engine
        self._policy = policy
        self._max_faces = max_faces
        self._antispoof_threshold = antispoof_threshold

    @contextmanager
    def faces(self, source: str | bytes, field: str, plan: Plan) -> Iterator[DetectedFaces]:
        """The faces of the image in the request's `field`, in the order of `Engine.detect`.

        The thread holds a lane until the block ends.

        Raises:
            ImageError: as `managed_image`, and `NoFaceDetected`. Each names the field.
            SpoofDetected: a face is not live, and the plan refuses that.
            ModelUnavailable, LivenessUnavailable: weights are missing. Raised before the image is read.
            DeadlineExceeded: as `Engine.lane` and `Engine.detect`.
        """
        with self.opened(source, field, plan) as (_, faces):
            yield faces

    def judge(self, scores: Sequence[LivenessScore]) -> LivenessScore:
        """The result of `judged` with the threshold of this service."""
        return combine_liveness(scores, self._antispoof_threshold)

    @contextmanager
    def opened(self, source: str | bytes, field: str, plan: Plan) -> Iterator[tuple[Pixels, DetectedFaces]]:
        """The image, and the results of `faces`. The thread holds a lane until the block ends.

        Raises:
            As `faces`. An `ImageError` raised in the block gets the name of the field.
        """
        self._engine.load_all(plan.models)
        with managed_image(source, field=field, policy=self._policy, lane=self._engine.lane()) as image:
            found = self._found(image, plan)
            if plan.only_surest_face and found:
                found = [max(found, key=_certainty)]
            truncated = len(found) > self._max_faces
            if truncated:
                found = sorted(found, key=_largest_first)[: self._max_faces]
            live: Sequence[LivenessScore | None] = [None] * len(found)
            if plan.judges_liveness:
                with stage("liveness", catalogue.LIVENESS):
                    scores = self._engine.liveness(image, [face.area for face in found])
                live = [self.judge([score]) for score in scores]
            if plan.refuses_spoofs and any(map(is_spoof, live)):
                raise SpoofDetected
            looks: Sequence[SecondLook | None] = [None] * len(found)
            if plan.judges_quality:
                with stage("detect", _SECOND_LOOK):
                    looks = self._engine.look_again(image, [face.area for face in found])
            detector = plan.detection.detector
            annotate(detector=detector, faces=len(found))
            count_faces(len(found))
            faces = DetectedFaces(
                DetectedFace(face, score, detector, look) for face, score, look in zip(found, live, looks, strict=True)
            )
            faces.truncated = True if truncated else None
            yield image, faces

    def _found(self, image: Pixels, plan: Plan) -> list[Face]:
        """The faces of the image that count, but at most one more than the service reads.

        Raises:
            NoFaceDetected: the detector is certain of no face, and the plan requires one.
        """
        if not plan.min_confidence:
            return self._detected(image, plan.detection)
        every = self._detected(image, replace(plan.detection, max_faces=None))  # the largest may be no face
        found = [face for face in every if face.confidence >= plan.min_confidence]
        if not found and plan.detection.enforce:
            raise NoFaceDetected
        most = plan.detection.max_faces
        return found if most is None else sorted(found, key=_largest_first)[:most]

    def _detected(self, image: Pixels, detection: Detection) -> list[Face]:
        """The faces of the image, but at most one more than the service reads."""
        most = self._max_faces + 1
        asked = most if detection.max_faces is None else min(most, detection.max_faces)
        with stage("detect", detection.detector):
            return self._engine.detect(image, replace(detection, max_faces=asked))

    def embedded(
        self, source: str | bytes, field: str, plan: EmbeddingPlan, *, from_bytes: bool = False
    ) -> tuple[DetectedFaces, Embeddings]:
        """The faces, and their embeddings of shape (faces, dimension). `from_bytes` is as in `Engine.embed`.

        Raises:
            As `faces`.
        """
        with self.embedding(source, field, plan, from_bytes=from_bytes) as (_, faces, embeddings):
            return faces, embeddings

    @contextmanager
    def embedding(
        self, source: str | bytes, field: str, plan: EmbeddingPlan, *, from_bytes: bool = False
    ) -> Iterator[tuple[Pixels, DetectedFaces, Embeddings]]:
        """The image, and the results of `embedded`. The thread holds a lane until the block ends.

        Raises:
            As `faces`. An `ImageError` raised in the block gets the name of the field.
        """
        model = plan.space.model
        annotate(model=model)
        with self.opened(source, field, plan) as (image, faces):
            embeddings = np.empty((0, 0))
            if faces:
                crops = [read.face.crop for read in faces]
                with stage("embed", model):
                    embeddings = self._engine.embed(
                        crops,
                        model=model,
                        normalization=plan.space.normalization,
                        alignment=plan.space.alignment,
                        from_bytes=from_bytes,
                    )
                if plan.also is not None:
                    faces[:] = self._embedded_also(image, faces, plan.also)
            yield image, faces, embeddings

    def _embedded_also(self, image: Pixels, faces: DetectedFaces, plan: EmbeddingPlan) -> list[DetectedFace]:
        """The faces with `also`: the plan detects them itself, because its threshold is for its own detector."""
        found = [face for face in self._detected(image, replace(plan.detection, enforce=False)) if face.confidence > 0]
        again = [next((one for one in found if _is_same(one.area, read.face.area)), None) for read in faces]
        crops = [face.crop for face in again if face is not None]
        if not crops:
            return faces
        space = plan.space
        with stage("embed", space.model):
            embeddings = self._engine.embed(
                crops, model=space.model, normalization=space.normalization, alignment=space.alignment
            )
        rows = iter(embeddings)
        pairs = zip(faces, again, strict=True)
        return [read if face is None else replace(read, also=next(rows)) for read, face in pairs]


def plan_beside(plan: EmbeddingPlan, default: EmbeddingPlan, engine: Engine) -> EmbeddingPlan | None:
    """The `default` plan, if it has another embedding space than `plan` and its models are installed."""
    if plan.space == default.space:
        return None
    with suppress(ModelUnavailable):
        engine.load_all(default.models)
        return default
    return None


def _is_same(one: FaceArea, other: FaceArea) -> bool:
    """Whether two boxes, which may be two detectors', are of one face: each has the other's centre."""
    return _has_centre(one, other) and _has_centre(other, one)


def _has_centre(area: FaceArea, other: FaceArea) -> bool:
    x, y = other.x + other.w / 2, other.y + other.h / 2
    return area.x <= x <= area.x + area.w and area.y <= y <= area.y + area.h


def _largest_first(face: Face) -> int:
    return -face.area.w * face.area.h


def _certainty(face: Face) -> tuple[float, int]:
    """What the surest face has most of: confidence, and among equal ones the area."""
    return face.confidence, face.area.w * face.area.h


def facial_area(area: FaceArea) -> FacialArea:
    """The response body for the box and landmarks of a face."""
    return FacialArea.model_validate(area, from_attributes=True)

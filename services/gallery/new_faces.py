"""Makes the faces of a registration: found, embedded and measured, or refused if they are not good enough."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.exceptions import LowQuality, NoFaceDetected, SeveralFaces, SpoofDetected
from schemas.common import EmbeddingOptions
from schemas.gallery import RegisterRequest
from services.deepface.interface import Engine, FaceArea
from services.faces.frames import FrameReader
from services.faces.liveness import is_spoof
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.quality import Quality, count_findings, measure_quality, measures, problems
from services.faces.reader import DetectedFace, plan_beside
from services.gallery.store.values import FaceEmbedding, NewFace


class NewFaces:
    """Makes the faces that a request wants to have stored. A face may have two embeddings, of different spaces."""

    def __init__(self, *, engine: Engine, frames: FrameReader, defaults: Defaults, min_quality: float) -> None:
        self._engine = engine
        self._frames = frames
        self._defaults = defaults
        self._default = defaults.embedding_plan(EmbeddingOptions())
        self._min_quality = min_quality

    def plan(self, request: RegisterRequest) -> EmbeddingPlan:
        """The plan of the request, and of the defaults `also` if theirs is another space whose models are installed.

        Raises:
            As `Defaults.decision_plan`, if the request compares faces; else as `Defaults.embedding_plan`.
        """
        compares = request.on_duplicate != "allow" or request.frames is not None
        plan = self._defaults.decision_plan(request) if compares else self._defaults.embedding_plan(request)
        return replace(plan, judges_quality=True, also=plan_beside(plan, self._default, self._engine))

    def one(self, request: RegisterRequest, plan: EmbeddingPlan, *, at: FaceArea | None = None) -> NewFace:
        """The one face of the image, or the face of the best quality among the frames of a capture.

        `at` is the place of the face, if the image shows other faces as well.

        Raises:
            SeveralFaces, LowQuality, SpoofDetected: the image cannot be registered.
            Others as `FrameReader.embedded`.
        """
        read, embedding = self._one_face(request, plan, at)
        quality = measure_quality(read)
        count_findings(quality)
        self._require_quality(request, quality)
        return self._new_face(request, plan, read, embedding, quality)

    def every(self, request: RegisterRequest, plan: EmbeddingPlan) -> list[NewFace]:
        """Every face of the image that is good enough.

        Raises:
            LowQuality: no face is good enough.
            Others as `FrameReader.embedded`.
        """
        faces, embeddings = self._frames.embedded(request.img, None, "img", plan)
        if not faces:
            raise NoFaceDetected(field="img")
        qualities = [measure_quality(read) for read in faces]
        for quality in qualities:
            count_findings(quality)
        self._require_quality(request, max(qualities, key=lambda quality: quality.score))
        least = self._least_quality(request)
        return [
            self._new_face(request, plan, read, embedding, quality)
            for read, embedding, quality in zip(faces, embeddings, qualities, strict=True)
            if quality.score >= least
        ]

    def _one_face(self, request: RegisterRequest, plan: EmbeddingPlan, at: FaceArea | None) -> tuple[DetectedFace, Any]:
        is_capture = request.frames is not None
        takes_largest = is_capture and request.face_policy == "largest"
        one = replace(plan, detection=replace(plan.detection, max_faces=1)) if takes_largest else plan
        faces, embeddings = self._frames.embedded(request.img, request.frames, "img", one)
        worth = [measure_quality(read).score if is_capture else read.face.area.w * read.face.area.h for read in faces]
        there = [place for place, read in enumerate(faces) if at is None or _centres_meet(read.face.area, at)]
        best = max(there, key=worth.__getitem__, default=None)
        if best is None:
            raise NoFaceDetected(field=_field(request))
        if len(there) > 1 and request.face_policy == "single" and not is_capture:
            raise SeveralFaces(field=_field(request))
        if is_spoof(faces[best].liveness):
            raise SpoofDetected(field=_field(request))
        return faces[best], embeddings[best]

    def _least_quality(self, request: RegisterRequest) -> float:
        return self._min_quality if request.min_quality is None else request.min_quality

    def _require_quality(self, request: RegisterRequest, quality: Quality) -> None:
        least = self._least_quality(request)
        if quality.score < least:
            raise LowQuality(
                f"The face is not good enough to be registered: {problems(quality)}.",
                field=_field(request),
                details={"score": quality.score, "min_quality": least, "reasons": list(quality.reasons)},
            )

    def _new_face(
        self, request: RegisterRequest, plan: EmbeddingPlan, read: DetectedFace, embedding: Any, quality: Quality
    ) -> NewFace:
        embeddings = [self._embedding(plan, embedding)]
        if plan.also is not None and read.also is not None:
            embeddings.append(self._embedding(plan.also, read.also))
        crop: Any = cv2.imencode(".png", read.face.crop)[1] if request.store_crop else None
        return NewFace(
            embeddings=tuple(embeddings),
            detector=plan.detection.detector,
            area=read.face.area,
            confidence=read.face.confidence,
            quality={name: value for name, value in measures(quality).model_dump().items() if value is not None},
            liveness=None if read.liveness is None else read.liveness.probability,
            crop=None if crop is None else crop.tobytes(),
        )

    def _embedding(self, plan: EmbeddingPlan, embedding: npt.NDArray[np.float64]) -> FaceEmbedding:
        return FaceEmbedding(
            space=plan.space,
            vector=np.asarray(embedding, np.float32),
            weights=self._engine.fingerprint([plan.detection.detector, plan.space.model]),
        )


def _field(request: RegisterRequest) -> str:
    return "img" if request.frames is None else "frames"


def _centres_meet(one: FaceArea, other: FaceArea) -> bool:
    """Whether each of the boxes has the centre of the other one."""
    aside = abs(2 * one.x + one.w - 2 * other.x - other.w)
    below = abs(2 * one.y + one.h - 2 * other.y - other.h)
    return aside <= min(one.w, other.w) and below <= min(one.h, other.h)

"""Answers of LocalAI's face API."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field
from typing_extensions import override

from schemas import faces, gallery
from schemas.common import ANTISPOOF_SCORE, IS_REAL, FacialArea, key_if_set
from schemas.compat.common import Certainty, Dimension, DoorError, UsedModel, UsedThreshold
from schemas.faces import AnalyzedFace, Attributes, Liveness


class LocalAIArea(BaseModel):
    """The box of a face in pixels."""

    x: int = Field(description="Left edge of the box, in pixels.")
    y: int = Field(description="Top edge of the box, in pixels.")
    w: int = Field(description="Width of the box, in pixels.")
    h: int = Field(description="Height of the box, in pixels.")

    @classmethod
    def of(cls, area: FacialArea) -> Self:
        """The box of a facial area."""
        return cls(x=area.x, y=area.y, w=area.w, h=area.h)


Area = Annotated[LocalAIArea, Field(description="Box of the face.")]
Person = Annotated[str, Field(description="The person's name.")]
CosineDistance = Annotated[float, Field(description="Cosine distance, 0 to 2.")]


def confidence(distance: float, threshold: float) -> float:
    """How far the distance is below the threshold, in percent; 0 from the threshold on."""
    return round(min(max((1 - distance / threshold) * 100, 0), 100), 4)


class LocalAIVerifyResponse(BaseModel):
    """Whether the surest face of each image is the same person."""

    verified: bool = Field(description="True if the distance is below the threshold and no liveness check failed.")
    distance: CosineDistance
    threshold: UsedThreshold
    confidence: float = Field(description="How far the distance is below the threshold, in percent.")
    model: UsedModel
    img1_area: Area
    img2_area: Area
    img1_is_real: bool | None = key_if_set(IS_REAL)
    img1_antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)
    img2_is_real: bool | None = key_if_set(IS_REAL)
    img2_antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)
    processing_time_ms: float = Field(description="Processing time in milliseconds.")

    @classmethod
    def of(cls, answer: faces.VerifyResponse, model: str | None) -> Self:
        """The answer to a request that names this model."""
        return cls(
            verified=answer.verified,
            distance=answer.distance,
            threshold=answer.threshold,
            confidence=confidence(answer.distance, answer.threshold),
            model=model or answer.model,
            img1_area=LocalAIArea.of(answer.facial_areas["img1"]),
            img2_area=LocalAIArea.of(answer.facial_areas["img2"]),
            img1_is_real=answer.img1_is_real,
            img1_antispoof_score=answer.img1_antispoof_score,
            img2_is_real=answer.img2_is_real,
            img2_antispoof_score=answer.img2_antispoof_score,
            processing_time_ms=answer.time * 1000,
        )


class LocalAIAnalyzedFace(Attributes, Liveness):
    """One face with the attributes that could be estimated."""

    region: Area
    face_confidence: Certainty


class LocalAIAnalyzeResponse(BaseModel):
    """The attributes of every face."""

    faces: list[LocalAIAnalyzedFace] = Field(description="One entry per face.")

    @classmethod
    def of(cls, found: Sequence[AnalyzedFace]) -> Self:
        """The answer with these faces."""
        return cls(faces=[_analyzed(face) for face in found])


def _analyzed(face: AnalyzedFace) -> LocalAIAnalyzedFace:
    return LocalAIAnalyzedFace(region=LocalAIArea.of(face.region), **face.model_dump(exclude={"region"}))


class LocalAIEmbedResponse(BaseModel):
    """The embedding of the surest face."""

    embedding: list[float] = Field(description="The embedding with a length of 1.")
    dim: Dimension
    model: UsedModel

    @classmethod
    def of(cls, answer: faces.RepresentResponse, model: str | None) -> Self:
        """The answer to a request that names this model."""
        embedding = answer.result[0].embedding
        length = math.hypot(*embedding) or 1
        return cls(embedding=[number / length for number in embedding], dim=answer.dim, model=model or answer.model)


class LocalAIRegisterResponse(BaseModel):
    """The stored face."""

    id: str = Field(description="ID of the face.")
    name: Person
    registered_at: datetime = Field(description="Time of the registration.")


class LocalAIMatch(BaseModel):
    """A stored face."""

    id: str = Field(description="ID of the face.")
    name: Person
    labels: dict[str, str] | None = key_if_set("The person's labels.")
    distance: CosineDistance
    confidence: float = Field(description="How far the distance is below the threshold, in percent.")
    match: bool = Field(description="True if the distance is within the threshold.")


class LocalAIIdentifyResponse(BaseModel):
    """The nearest stored faces, whatever their distance."""

    matches: list[LocalAIMatch] = Field(description="One entry per stored face, nearest first.")

    @classmethod
    def of(cls, answer: gallery.IdentifyResponse) -> Self:
        """The answer of the service."""
        return cls(matches=[_match(match) for face in answer.result for match in face.matches])


def _match(match: gallery.Match) -> LocalAIMatch:
    return LocalAIMatch(
        id=match.face_id,
        name=match.name,
        labels=match.labels or None,
        distance=match.distance,
        confidence=confidence(match.distance, match.threshold),
        match=match.match,
    )


class LocalAILocated(BaseModel):
    """A located object, which is always a face."""

    x: int = Field(description="Left edge of the box, in pixels.")
    y: int = Field(description="Top edge of the box, in pixels.")
    width: int = Field(description="Width of the box, in pixels.")
    height: int = Field(description="Height of the box, in pixels.")
    class_name: Literal["face"] = Field("face", description="Always `face`.")
    confidence: float = Field(description="The detector's confidence, 0 to 1.")


class LocalAIDetectionResponse(BaseModel):
    """The located faces."""

    detections: list[LocalAILocated] = Field(description="One entry per face.")

    @classmethod
    def of(cls, answer: faces.DetectResponse, threshold: float) -> Self:
        """The faces of which the detector is at least so certain."""
        return cls(detections=[_located(face) for face in answer.result if face.face_confidence >= threshold])


def _located(face: faces.LocatedFace) -> LocalAILocated:
    area = face.facial_area
    return LocalAILocated(x=area.x, y=area.y, width=area.w, height=area.h, confidence=face.face_confidence)


class LocalAIErrorDetails(BaseModel):
    """What went wrong."""

    code: int = Field(ge=400, le=599, description="The HTTP status.")
    message: str = Field(description="Explanation of the error for humans.")
    type: str = Field(description="The service's error code.")


class LocalAIError(DoorError):
    """The body of every error."""

    error: LocalAIErrorDetails = Field(description="The error.")

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        return cls(error=LocalAIErrorDetails(code=status, message=message, type=code))

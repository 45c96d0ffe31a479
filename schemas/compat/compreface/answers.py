"""Answers of CompreFace, and its scale of similarity."""

import math
from collections.abc import Callable, Iterable
from typing import Self, TypeVar

from pydantic import BaseModel, Field, RootModel

from schemas import faces, gallery
from schemas.common import FACE_CONFIDENCE, FacialArea, Point, key_if_set
from schemas.fields import Uuid

F = TypeVar("F")

_DECIMALS = 5
_STEEPNESS = 6.25
_MOST_OF_STRANGERS = 0.49
_CENTRAL = 0.8  # the share of the probability between both ends of `age_range`

_SIMILARITY = (
    "How alike the faces are, 0 to 1. 0.5 lies on the service's threshold. At most 0.49 unless the decision is a match."
)
_GENDERS = {"Woman": "female", "Man": "male"}
_PEOPLE = "Name of the person."
_IMAGE_ID = "ID of the face."


def similarity(distance: float, threshold: float, *, is_match: bool) -> float:
    """The similarity of two faces, 0 to 1: 0.5 on the threshold, and at most 0.49 unless they match.

    Clients decide by it. By CompreFace's own formula, strangers have 0.9995 with Dlib.
    """
    value = (math.tanh(_STEEPNESS * (1 - distance / threshold)) + 1) / 2
    return round(value if is_match else min(value, _MOST_OF_STRANGERS), _DECIMALS)


class CompreFaceSubject(BaseModel):
    """A subject."""

    subject: str = Field(description=_PEOPLE)


class CompreFaceSubjects(BaseModel):
    """All subjects."""

    subjects: list[str] = Field(description="Names of all persons of the collection, sorted.")


class CompreFaceUpdated(BaseModel):
    """Whether a subject was renamed."""

    updated: bool = Field(description="False if the subject has this name already.")


class CompreFaceDeleted(BaseModel):
    """What was deleted."""

    deleted: int = Field(description="Number of deleted subjects, or of deleted faces.")


class CompreFaceExample(BaseModel):
    """A stored face."""

    image_id: Uuid = Field(description=_IMAGE_ID)
    subject: str | None = key_if_set(f"{_PEOPLE} Left out for API keys that may delete faces and not read them.")


class CompreFaceDeletedExamples(RootModel[list[CompreFaceExample]]):
    """The deleted faces."""


class CompreFaceExamples(BaseModel):
    """A page of stored faces."""

    faces: list[CompreFaceExample] = Field(description="The faces of this page, the oldest first.")
    page_number: int = Field(description="Number of the page, from 0.")
    page_size: int = Field(description="Number of faces per page.")
    total_pages: int = Field(description="Number of pages.")
    total_elements: int = Field(description="Number of faces on all pages.")

    @classmethod
    def of(cls, found: Iterable[tuple[str, str]], *, page: int, size: int, total: int) -> Self:
        """The page with these faces, each as its id and the name of its person."""
        return cls(
            faces=[CompreFaceExample(image_id=face_id, subject=name) for face_id, name in found],
            page_number=page,
            page_size=size,
            total_pages=math.ceil(total / size),
            total_elements=total,
        )


class CompreFaceBox(BaseModel):
    """The box of a face, in pixels of the upright image."""

    probability: float = Field(description=FACE_CONFIDENCE)
    x_min: int = Field(description="Left edge, in pixels.")
    y_min: int = Field(description="Top edge, in pixels.")
    x_max: int = Field(description="Right edge, in pixels.")
    y_max: int = Field(description="Bottom edge, in pixels.")

    @classmethod
    def of(cls, area: FacialArea, confidence: float) -> Self:
        """The box of a facial area."""
        return cls(
            probability=round(confidence, _DECIMALS),
            x_min=area.x,
            y_min=area.y,
            x_max=area.x + area.w,
            y_max=area.y + area.h,
        )


class CompreFaceAge(BaseModel):
    """The estimated age."""

    probability: float | None = key_if_set(
        "Probability, 0 to 1, that the age is in the range. Left out if the model estimates no range."
    )
    low: int = Field(description="Lower end of the range, in years.")
    high: int = Field(description="Upper end of the range, in years.")

    @classmethod
    def of(cls, face: faces.AnalyzedFace) -> Self | None:
        """The age of a face, if it was estimated."""
        if face.age is None:
            return None
        if face.age_range is None:
            return cls(probability=None, low=face.age, high=face.age)
        low, high = face.age_range
        return cls(probability=_CENTRAL, low=low, high=high)


class CompreFaceGender(BaseModel):
    """The estimated gender."""

    probability: float = Field(description="Probability of the value, 0 to 1.")
    value: str = Field(description="`female` or `male`.")

    @classmethod
    def of(cls, face: faces.AnalyzedFace) -> Self | None:
        """The gender of a face, if it was estimated."""
        if face.gender is None or face.dominant_gender is None:
            return None
        percent = face.gender[face.dominant_gender]
        return cls(probability=round(percent / 100, _DECIMALS), value=_GENDERS[face.dominant_gender])


class CompreFaceFace(BaseModel):
    """A face of an image, with what `face_plugins` asks for as far as the service has it."""

    age: CompreFaceAge | None = key_if_set("The estimated age, with `age`.")
    gender: CompreFaceGender | None = key_if_set("The estimated gender, with `gender`.")
    landmarks: list[Point] | None = key_if_set(
        "With `landmarks`, x and y in pixels of: the eye on the left of the image, the eye on the right, the nose, and"
        " the left and right corner of the mouth. Shorter if the detector does not find all of them."
    )
    embedding: list[float] | None = key_if_set("The embedding, with `calculator`. Its length is that of the model.")
    box: CompreFaceBox = Field(description="Where the face is.")


class CompreFaceSimilarity(BaseModel):
    """A subject, and how alike it is to a face."""

    subject: str = Field(description=_PEOPLE)
    similarity: float = Field(description=_SIMILARITY)


class CompreFaceRecognizedFace(CompreFaceFace):
    """A face with the subjects that are most alike."""

    subjects: list[CompreFaceSimilarity] = Field(description="The most similar persons, the most similar one first.")


class CompreFaceMatch(CompreFaceFace):
    """A face, and how alike it is to the one it was compared with."""

    similarity: float = Field(description=_SIMILARITY)


class CompreFaceVerifiedFace(CompreFaceMatch):
    """A face, and how alike it is to a stored one."""

    subject: str = Field(description="Name of the person of the stored face.")


class CompreFaceVersions(BaseModel):
    """The models that made an answer."""

    detector: str = Field(description="Face detector.")
    calculator: str | None = key_if_set("Recognition model, if faces were embedded.")
    age: str | None = key_if_set("Model of the age, with `age`.")
    gender: str | None = key_if_set("Model of the gender, with `gender`.")


class CompreFaceStatus(BaseModel):
    """Base of the answers about images."""

    plugins_versions: CompreFaceVersions | None = key_if_set("The models, with `status=true`.")


class CompreFaceDetectResponse(CompreFaceStatus):
    """The faces of an image."""

    result: list[CompreFaceFace] = Field(description="One entry per face.")


class CompreFaceRecognizeResponse(CompreFaceStatus):
    """The faces of an image, with the subjects that are most alike."""

    result: list[CompreFaceRecognizedFace] = Field(description="One entry per face.")


class CompreFaceVerifyFaceResponse(CompreFaceStatus):
    """The faces of an image, compared with a stored face."""

    result: list[CompreFaceVerifiedFace] = Field(description="One entry per face.")


class CompreFaceComparison(CompreFaceStatus):
    """The face of the source image, and the faces of the target image."""

    source_image_face: CompreFaceFace = Field(description="The face of the source image.")
    face_matches: list[CompreFaceMatch] = Field(description="One entry per face of the target image.")


class CompreFaceVerifyResponse(BaseModel):
    """The comparison of two images."""

    result: list[CompreFaceComparison] = Field(description="One comparison.")


class CompreFaceRecognizedEmbedding(BaseModel):
    """An embedding with the subjects that are most alike."""

    embedding: list[float] = Field(description="The embedding of the request.")
    similarities: list[CompreFaceSimilarity] = Field(
        description="The most similar persons, the most similar one first."
    )


class CompreFaceRecognizeEmbeddingsResponse(BaseModel):
    """The embeddings of the request, with the subjects that are most alike."""

    result: list[CompreFaceRecognizedEmbedding] = Field(description="One entry per embedding, in their order.")


class CompreFaceVerifiedEmbedding(BaseModel):
    """An embedding, and how alike it is to the one it was compared with."""

    embedding: list[float] = Field(description="The embedding of the request.")
    similarity: float = Field(description=_SIMILARITY)


class CompreFaceVerifyEmbeddingsResponse(BaseModel):
    """The compared embeddings."""

    result: list[CompreFaceVerifiedEmbedding] = Field(description="The most similar embedding first.")

    @classmethod
    def of(cls, compared: Iterable[tuple[list[float], float]]) -> Self:
        """The answer with these embeddings, each with its similarity."""
        result = [CompreFaceVerifiedEmbedding(embedding=one, similarity=alike) for one, alike in compared]
        return cls(result=sorted(result, key=lambda one: -one.similarity))


def subjects_of(face: gallery.IdentifiedFace, threshold: float) -> list[CompreFaceSimilarity]:
    """The persons of a face, by the service's own threshold."""
    return [
        CompreFaceSimilarity(
            subject=match.name,
            similarity=similarity(
                match.distance, threshold, is_match=place == 0 and face.decision == "match" and match.match
            ),
        )
        for place, match in enumerate(face.matches)
    ]


def landmarks_of(area: FacialArea) -> list[Point] | None:
    """The points of a face from the left of the image to the right, down to the first that is unknown."""
    points: list[Point] = []
    for point in (area.right_eye, area.left_eye, area.nose, area.mouth_right, area.mouth_left):
        if point is None:
            break
        points.append(point)
    return points or None


def at(area: FacialArea, found: Iterable[F], area_of: Callable[[F], FacialArea]) -> F | None:
    """The face that another look at the same image found at this place; None if it found none there."""
    near = [one for one in found if _apart(area, area_of(one)) <= max(area.w, area.h) / 2]
    return min(near, key=lambda one: _apart(area, area_of(one)), default=None)


def _apart(area: FacialArea, other: FacialArea) -> float:
    """The distance of the centres of two boxes, in pixels."""
    across = area.x + area.w / 2 - other.x - other.w / 2
    return math.hypot(across, area.y + area.h / 2 - other.y - other.h / 2)

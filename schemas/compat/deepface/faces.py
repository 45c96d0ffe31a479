"""Bodies of /represent, /verify and /analyze, and what all bodies of the door have in common."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import override

from schemas import faces
from schemas.common import PAIR_CONFIDENCE, ImageSource, key_if_set
from schemas.compat.common import (
    Align,
    Box,
    Certainty,
    Distance,
    DoorError,
    DoorRequest,
    Enforce,
    PairOfBoxes,
    UsedDetector,
    UsedMetric,
    UsedModel,
    UsedThreshold,
    Vector,
)
from schemas.names import Action, DetectorName, Metric, ModelName


def _lenient(kind: type[bool] | type[int]) -> BeforeValidator:
    """Takes what a form could say in JSON, too. In DeepFace every text is true, also `false`."""
    adapter = TypeAdapter(kind)

    def read(value: object) -> object:
        with suppress(ValidationError):
            return adapter.validate_python(value, strict=False)
        return value

    return BeforeValidator(read)


LENIENT_BOOL = _lenient(bool)
Flag = Annotated[bool, LENIENT_BOOL]
LENIENT_INT = _lenient(int)  # after the range of a field: the range of a validated value has no JSON Schema

_PUNCTUATION = str.maketrans("", "", "[]()\"' ")
_INPUT_FIELDS = {"body", "img", "img1", "img2"}


class DeepFaceApiRequest(DoorRequest):
    """A request with images. Faces are found and cropped as DeepFace does, whatever the settings."""

    detector_backend: DetectorName = Field(
        "opencv", description="Face detector. `skip` treats the whole image as one face."
    )
    enforce_detection: Annotated[Enforce, LENIENT_BOOL] = True
    align: Annotated[Align, LENIENT_BOOL] = True
    anti_spoofing: Flag = Field(False, description="Also check liveness. A face that fails is an error.")

    @property
    def detection(self) -> dict[str, Any]:
        """The options for finding faces."""
        names = {"detector_backend", "enforce_detection", "align", "anti_spoofing"}
        return {**self.model_dump(include=names), "detection": "deepface", "expand_percentage": 0}


class DeepFaceApiModelRequest(DeepFaceApiRequest):
    """A request that embeds faces."""

    model_name: ModelName = Field("VGG-Face", description="Recognition model.")

    @property
    def embedding(self) -> dict[str, Any]:
        """The options for finding, cropping and embedding faces."""
        return {"model_name": self.model_name, "alignment": "eyes", "normalization": "base", **self.detection}


class DeepFaceApiRepresentRequest(DeepFaceApiModelRequest):
    """An image whose faces are embedded."""

    img: ImageSource
    max_faces: Annotated[int, Field(ge=1, le=10_000), LENIENT_INT] | None = Field(
        None, description="Maximum number of faces. The largest areas come first."
    )


class DeepFaceApiVerifyRequest(DeepFaceApiModelRequest):
    """Two images to compare."""

    img1: ImageSource
    img2: ImageSource
    distance_metric: Metric = Field("cosine", description="Distance metric for embeddings.")
    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="Maximum distance. Default: DeepFace's. Required where DeepFace's does not hold."
    )


def _actions(value: object) -> object:
    """The attributes in a list, or in texts such as `age, gender` and `["age", "gender"]`."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return value
    return [action for text in texts for action in text.translate(_PUNCTUATION).split(",")]


class DeepFaceApiAnalyzeRequest(DeepFaceApiRequest):
    """An image whose faces are analyzed."""

    repeatable: ClassVar[frozenset[str]] = frozenset({"actions"})

    img: ImageSource
    actions: Annotated[list[Action], Field(min_length=1, max_length=100, fail_fast=True), BeforeValidator(_actions)] = (
        Field(["age", "gender", "emotion", "race"], description="Attributes to estimate: a list, or a text of them.")
    )


class AsDeepFace:
    """What DeepFace's API does differently."""

    refuses_spoofs: ClassVar[bool] = True
    has_deepface_thresholds: ClassVar[bool] = True


class DeepFaceApiRepresent(AsDeepFace, faces.RepresentRequest):
    """An image to embed as DeepFace does."""


class DeepFaceApiVerify(AsDeepFace, faces.VerifyRequest):
    """Two images to compare as DeepFace does."""


class DeepFaceApiAnalyze(AsDeepFace, faces.AnalyzeRequest):
    """An image to analyze as DeepFace does."""


class DeepFaceApiEmbeddedFace(BaseModel):
    """A face and its embedding."""

    embedding: Vector
    facial_area: Box
    face_confidence: Certainty


class DeepFaceApiRepresentResponse(BaseModel):
    """The embedding of every face."""

    results: list[DeepFaceApiEmbeddedFace] = Field(description="One entry per face.")

    @classmethod
    def of(cls, answer: faces.RepresentResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate({"results": answer.result}, from_attributes=True)


class DeepFaceApiVerifyResponse(BaseModel):
    """Whether the closest pair of faces is the same person."""

    verified: bool = Field(description="True if the distance is within the threshold and no liveness check failed.")
    distance: Distance
    threshold: UsedThreshold
    confidence: float = Field(description=PAIR_CONFIDENCE)
    model: UsedModel
    detector_backend: UsedDetector
    similarity_metric: UsedMetric
    facial_areas: PairOfBoxes
    time: float = Field(description="Processing time in seconds.")

    @classmethod
    def of(cls, answer: faces.VerifyResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate(answer, from_attributes=True)


class DeepFaceApiAnalyzedFace(faces.Attributes):
    """A face with the requested attributes."""

    region: Box
    face_confidence: Certainty


class DeepFaceApiAnalyzeResponse(BaseModel):
    """The attributes of every face."""

    results: list[DeepFaceApiAnalyzedFace] = Field(description="One entry per face.")

    @classmethod
    def of(cls, answer: faces.AnalyzeResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate({"results": answer.result}, from_attributes=True)


class DeepFaceApiError(DoorError):
    """The body of every error: one of the three keys."""

    exception: str | None = key_if_set("What is wrong with the body or an image field of the request.")
    error: str | None = key_if_set("Any other error.")
    message: str | None = key_if_set("The API key is missing or wrong.")

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        if code == "unauthorized":
            return cls(message="Invalid or missing authentication token")
        if code == "validation_error" and _INPUT_FIELDS & {wrong["field"] for wrong in fields}:
            return cls(exception=message)
        return cls(error=message)

"""Bodies of /represent, /verify and /analyze, and what all bodies of the door have in common."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import override

from schemas import faces
from schemas.common import (
    Action,
    DetectorName,
    FacialArea,
    ImageSource,
    Metric,
    ModelName,
    key_if_set,
)
from schemas.compat.common import DoorError, DoorRequest


def _lenient(kind: type[bool] | type[int]) -> BeforeValidator:
    """Takes what a form could say in JSON, too. In DeepFace every text is true, also `false`."""
    adapter = TypeAdapter(kind)

    def read(value: object) -> object:
        with suppress(ValidationError):
            return adapter.validate_python(value, strict=False)
        return value

    return BeforeValidator(read)


Flag = Annotated[bool, _lenient(bool)]
LENIENT_INT = _lenient(int)  # after the range of a field: the range of a validated value has no JSON Schema

_PUNCTUATION = str.maketrans("", "", "[]()\"' ")
_INPUT_FIELDS = {"body", "img", "img1", "img2"}


class DeepFaceApiRequest(DoorRequest):
    """A request with images. Faces are found and cropped as DeepFace does, whatever the settings."""

    detector_backend: DetectorName = "opencv"
    enforce_detection: Flag = True
    align: Flag = True
    anti_spoofing: Flag = Field(False, description="Also check liveness. A face that fails is an error.")

    @property
    def detection(self) -> dict[str, Any]:
        """The options for finding faces."""
        names = {"detector_backend", "enforce_detection", "align", "anti_spoofing"}
        return {**self.model_dump(include=names), "detection": "deepface", "expand_percentage": 0}


class DeepFaceApiModelRequest(DeepFaceApiRequest):
    """A request that embeds faces."""

    model_name: ModelName = "VGG-Face"

    @property
    def embedding(self) -> dict[str, Any]:
        """The options for finding, cropping and embedding faces."""
        return {"model_name": self.model_name, "alignment": "eyes", "normalization": "base", **self.detection}


class DeepFaceApiRepresentRequest(DeepFaceApiModelRequest):
    """An image whose faces are embedded."""

    img: ImageSource
    max_faces: Annotated[int, Field(ge=1, le=10_000), LENIENT_INT] | None = None


class DeepFaceApiVerifyRequest(DeepFaceApiModelRequest):
    """Two images to compare."""

    img1: ImageSource
    img2: ImageSource
    distance_metric: Metric = "cosine"
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

    embedding: list[float]
    facial_area: FacialArea
    face_confidence: float


class DeepFaceApiRepresentResponse(BaseModel):
    """The embedding of every face."""

    results: list[DeepFaceApiEmbeddedFace]

    @classmethod
    def of(cls, answer: faces.RepresentResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate({"results": answer.result}, from_attributes=True)


class DeepFaceApiVerifyResponse(BaseModel):
    """Whether the closest pair of faces is the same person."""

    verified: bool
    distance: float
    threshold: float
    confidence: float
    model: str
    detector_backend: str
    similarity_metric: str
    facial_areas: dict[str, FacialArea]
    time: float = Field(description="Processing time in seconds.")

    @classmethod
    def of(cls, answer: faces.VerifyResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate(answer, from_attributes=True)


class DeepFaceApiAnalyzedFace(BaseModel):
    """A face with the requested attributes. Percentages sum to 100."""

    age: int | None = key_if_set()
    dominant_gender: str | None = key_if_set()
    gender: dict[str, float] | None = key_if_set()
    dominant_emotion: str | None = key_if_set()
    emotion: dict[str, float] | None = key_if_set()
    dominant_race: str | None = key_if_set()
    race: dict[str, float] | None = key_if_set()
    region: FacialArea
    face_confidence: float


class DeepFaceApiAnalyzeResponse(BaseModel):
    """The attributes of every face."""

    results: list[DeepFaceApiAnalyzedFace]

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

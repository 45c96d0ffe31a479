"""Bodies of LocalAI's face API, and the models that its clients name."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from schemas import faces, gallery
from schemas.common import Action, DetectorName, FacialArea, ImageSource, ModelName, key_if_set
from schemas.compat.common import DoorError, DoorRequest
from schemas.faces import AnalyzedFace, Liveness
from schemas.fields import COLLECTION, CollectionName, Id, Labels, Name

# LocalAI's thresholds are for faces cropped as these models were trained, with all five landmarks of these detectors
# (localai.io/features/face-recognition).
_AS_TRAINED = {
    "align": True,
    "alignment": "template",
    "detection": "bounded",
    "normalization": "base",
    "expand_percentage": 0,
}
_OPENCV = {"model_name": "SFace", "detector_backend": "yunet", **_AS_TRAINED}
_BUFFALO_L = {"model_name": "Buffalo_L", "detector_backend": "retinaface", **_AS_TRAINED}

# The options and the threshold, a cosine distance, behind each model of LocalAI.
MODELS: dict[str, tuple[dict[str, Any], float]] = {
    "insightface-opencv": (_OPENCV, 0.5),
    "insightface-buffalo-l": (_BUFFALO_L, 0.35),
    "face-detect-yunet-sface": (_OPENCV, 0.363),
    "face-detect-buffalo-l": (_BUFFALO_L, 0.35),
}

_NOT_OFFERED = ("insightface-buffalo-s", "face-detect-buffalo-m", "face-detect-buffalo-s")
_DEFAULT_STORES = ("", "local-store")
_LARGEST_DISTANCE = 2.0  # of cosine


def _known(model: str) -> str:
    names = (*MODELS, *get_args(ModelName.__value__), *get_args(DetectorName))
    if model in _NOT_OFFERED:
        raise PydanticCustomError("model", f"DeepFace has no weights of {model}; use insightface-buffalo-l")
    if model and model not in names:
        raise PydanticCustomError("model", f"The service has no such model; use one of {', '.join(names)}")
    return model


class LocalAIModelRequest(DoorRequest):
    """A request that names a model: one of LocalAI's, or one of the service's own."""

    is_json: ClassVar[bool] = True

    model: Annotated[str, AfterValidator(_known)] | None = Field(
        None, description="A model of LocalAI, or one of the service's recognition models or detectors."
    )

    @property
    def detection(self) -> dict[str, Any]:
        """The options for finding faces."""
        chosen, _ = MODELS.get(self.model or "", ({}, None))
        detector = self.model if self.model in get_args(DetectorName.__value__) else chosen.get("detector_backend")
        method = {"detection": chosen["detection"]} if chosen else {}
        return {"detector_backend": detector, "enforce_detection": True, **method}

    @property
    def embedding(self) -> dict[str, Any]:
        """The options for finding, cropping and embedding faces."""
        chosen, _ = MODELS.get(self.model or "", ({}, None))
        name = self.model if self.model in get_args(ModelName.__value__) else None
        return {"model_name": name, **self.detection, **chosen}

    def comparison(self, threshold: float | None) -> dict[str, Any]:
        """The options for comparing faces. Without a threshold it is LocalAI's for the model, or else our own."""
        _, published = MODELS.get(self.model or "", ({}, None))
        return {**self.embedding, "distance_metric": "cosine", "threshold": threshold or published}


# As in LocalAI, which is written in Go, 0 means the same as leaving a number out.
Threshold = Annotated[
    float,
    Field(ge=0, le=_LARGEST_DISTANCE, description="Maximum cosine distance. Default, also for 0: that of the model."),
]


class LocalAIStoreRequest(LocalAIModelRequest):
    """A request about the gallery, whose collections are LocalAI's stores."""

    collection: CollectionName = Field(
        COLLECTION,
        validation_alias=AliasChoices("store"),
        description="The collection. Also left out if it is empty or `local-store`. Default: that of the API key.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_store(cls, values: Any) -> Any:
        """The values without a store that means the default, so that it counts as left out everywhere."""
        if isinstance(values, dict) and values.get("store") in _DEFAULT_STORES:
            return {name: value for name, value in values.items() if name != "store"}
        return values


class LocalAIVerifyRequest(LocalAIModelRequest):
    """Two images to compare."""

    img1: ImageSource
    img2: ImageSource
    threshold: Threshold | None = None
    anti_spoofing: bool = Field(False, description="Also check liveness. A face that fails is never verified.")


class LocalAIAnalyzeRequest(LocalAIModelRequest):
    """An image whose faces are analyzed."""

    img: ImageSource
    actions: Annotated[list[Action], Field(max_length=100, fail_fast=True)] = Field(
        [], description="Attributes to estimate. Empty = all."
    )
    anti_spoofing: bool = Field(False, description="Also check liveness.")


class LocalAIEmbedRequest(LocalAIModelRequest):
    """An image whose surest face is embedded."""

    img: ImageSource


class LocalAIRegisterRequest(LocalAIStoreRequest):
    """An image of a person to register."""

    img: ImageSource
    name: Name
    labels: Labels | None = None


class LocalAIIdentifyRequest(LocalAIStoreRequest):
    """An image of a person to identify."""

    img: ImageSource
    top_k: int = Field(0, ge=0, le=100, description="Maximum number of matches. Default, also for 0: 5.")
    threshold: Threshold | None = None


class LocalAIForgetRequest(LocalAIStoreRequest):
    """A face to delete."""

    id: Id


class LocalAIDetectionRequest(LocalAIModelRequest):
    """An image in which faces are located."""

    img: ImageSource = Field(validation_alias=AliasChoices("image"))
    threshold: float = Field(0, ge=0, le=1, description="Minimum confidence of the detector.")


class SurestVerify(faces.VerifyRequest):
    """Two images, each with one face to compare."""

    only_surest_face: ClassVar[bool] = True


class SurestRepresent(faces.RepresentRequest):
    """An image with one face to embed."""

    only_surest_face: ClassVar[bool] = True


class SurestRegister(gallery.RegisterRequest):
    """An image with one face to register."""

    only_surest_face: ClassVar[bool] = True


class SurestIdentify(gallery.IdentifyRequest):
    """An image with one face to identify among all stored faces."""

    only_surest_face: ClassVar[bool] = True
    lists_faces: ClassVar[bool] = True


class LocalAIArea(BaseModel):
    """The box of a face in pixels."""

    x: int
    y: int
    w: int
    h: int

    @classmethod
    def of(cls, area: FacialArea) -> Self:
        """The box of a facial area."""
        return cls(x=area.x, y=area.y, w=area.w, h=area.h)


def confidence(distance: float, threshold: float) -> float:
    """How far the distance is below the threshold, in percent; 0 from the threshold on."""
    return round(min(max((1 - distance / threshold) * 100, 0), 100), 4)


class LocalAIVerifyResponse(BaseModel):
    """Whether the surest face of each image is the same person."""

    verified: bool = Field(description="True if the distance is below the threshold and no liveness check failed.")
    distance: float = Field(description="Cosine distance.")
    threshold: float
    confidence: float = Field(description="How far the distance is below the threshold, in percent.")
    model: str
    img1_area: LocalAIArea
    img2_area: LocalAIArea
    img1_is_real: bool | None = key_if_set()
    img1_antispoof_score: float | None = key_if_set()
    img2_is_real: bool | None = key_if_set()
    img2_antispoof_score: float | None = key_if_set()
    processing_time_ms: float

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


class LocalAIAnalyzedFace(Liveness):
    """One face with the attributes that could be estimated. Percentages sum to 100."""

    region: LocalAIArea
    face_confidence: float
    age: float | None = key_if_set()
    dominant_gender: str | None = key_if_set()
    gender: dict[str, float] | None = key_if_set()
    dominant_emotion: str | None = key_if_set()
    emotion: dict[str, float] | None = key_if_set()
    dominant_race: str | None = key_if_set()
    race: dict[str, float] | None = key_if_set()


class LocalAIAnalyzeResponse(BaseModel):
    """The attributes of every face."""

    faces: list[LocalAIAnalyzedFace]

    @classmethod
    def of(cls, found: Sequence[AnalyzedFace]) -> Self:
        """The answer with these faces."""
        return cls(faces=[_analyzed(face) for face in found])


def _analyzed(face: AnalyzedFace) -> LocalAIAnalyzedFace:
    return LocalAIAnalyzedFace(region=LocalAIArea.of(face.region), **face.model_dump(exclude={"region"}))


class LocalAIEmbedResponse(BaseModel):
    """The embedding of the surest face."""

    embedding: list[float] = Field(description="The embedding with a length of 1.")
    dim: int
    model: str

    @classmethod
    def of(cls, answer: faces.RepresentResponse, model: str | None) -> Self:
        """The answer to a request that names this model."""
        embedding = answer.result[0].embedding
        length = math.hypot(*embedding) or 1
        return cls(embedding=[number / length for number in embedding], dim=answer.dim, model=model or answer.model)


class LocalAIRegisterResponse(BaseModel):
    """The stored face."""

    id: str = Field(description="ID of the face.")
    name: str
    registered_at: datetime


class LocalAIMatch(BaseModel):
    """A stored face."""

    id: str = Field(description="ID of the face.")
    name: str
    labels: dict[str, str] | None = key_if_set()
    distance: float = Field(description="Cosine distance.")
    confidence: float = Field(description="How far the distance is below the threshold, in percent.")
    match: bool = Field(description="True if the distance is within the threshold.")


class LocalAIIdentifyResponse(BaseModel):
    """The nearest stored faces, whatever their distance."""

    matches: list[LocalAIMatch]

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

    x: int
    y: int
    width: int
    height: int
    class_name: Literal["face"] = "face"
    confidence: float = Field(description="The detector's confidence, 0 to 1.")


class LocalAIDetectionResponse(BaseModel):
    """The located faces."""

    detections: list[LocalAILocated]

    @classmethod
    def of(cls, answer: faces.DetectResponse, threshold: float) -> Self:
        """The faces of which the detector is at least so certain."""
        return cls(detections=[_located(face) for face in answer.result if face.face_confidence >= threshold])


def _located(face: faces.LocatedFace) -> LocalAILocated:
    area = face.facial_area
    return LocalAILocated(x=area.x, y=area.y, width=area.w, height=area.h, confidence=face.face_confidence)


class LocalAIErrorDetails(BaseModel):
    """What went wrong."""

    code: int = Field(description="The HTTP status.")
    message: str = Field(description="Explanation of the error for humans.")
    type: str = Field(description="The service's error code.")


class LocalAIError(DoorError):
    """The body of every error."""

    error: LocalAIErrorDetails

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        return cls(error=LocalAIErrorDetails(code=status, message=message, type=code))

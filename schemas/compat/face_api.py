"""Bodies of Face API, whose own source is not public: the names are those that its clients were given."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import AliasChoices, BaseModel, Field
from typing_extensions import override

from schemas import faces, gallery
from schemas.common import ANTISPOOF_SCORE, IS_REAL, PAIR_CONFIDENCE, SIMILARITY, ImageSource, key_if_set
from schemas.compat.common import (
    Dimension,
    Distance,
    DoorError,
    DoorRequest,
    PairOfBoxes,
    UsedDetector,
    UsedMetric,
    UsedModel,
    UsedThreshold,
    Vector,
)
from schemas.fields import COLLECTION, CollectionName, Metadata, Name
from schemas.names import Action, DetectorName, Metric, ModelName

# Face API's thresholds for all models. They are right for Facenet as DeepFace crops faces, and accept strangers of
# others: of Dlib, all.
_PUBLISHED = {"Facenet": {"cosine": 0.4, "euclidean": 10.0, "euclidean_l2": 1.0}}

_UNPROCESSABLE = 422
_OPTIONS = ("model_name", "detector_backend", "distance_metric", "enforce_detection", "align", "anti_spoofing")

Threshold = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
    Field(
        description="Maximum distance that counts as the same person. Default: Face API's for Facenet as DeepFace crops"
        " faces, else the service's own."
    ),
]
ChosenMetric = Annotated[Metric | None, Field(description="Distance metric for embeddings. Default: DEFAULT_METRIC.")]
Collection = Annotated[CollectionName, Field(description="The collection. Default: that of the API key.")]


class FaceApiRequest(DoorRequest):
    """A request with images; the options are those of DeepFace."""

    detector_backend: DetectorName | None = Field(None, description="Face detector. Default: DEFAULT_DETECTOR.")
    enforce_detection: bool | None = Field(
        None,
        description="If true, an image without a face is an error. If false, the whole image counts as one face."
        " Default: DEFAULT_ENFORCE_DETECTION.",
    )
    align: bool | None = Field(None, description="Rotate faces upright. Default: DEFAULT_ALIGN.")
    anti_spoofing: bool = Field(False, description="Also check liveness.")

    @property
    def options(self) -> dict[str, Any]:
        """The options for the service's own request."""
        return self.model_dump(include=set(_OPTIONS))


class FaceApiModelRequest(FaceApiRequest):
    """A request that embeds faces."""

    model_name: ModelName | None = Field(None, description="Recognition model. Default: DEFAULT_MODEL.")


class FaceApiVerifyRequest(FaceApiModelRequest):
    """Two images to compare."""

    img1: ImageSource = Field(validation_alias=AliasChoices("img1", "image1"))
    img2: ImageSource = Field(validation_alias=AliasChoices("img2", "image2"))
    distance_metric: ChosenMetric = None
    threshold: Threshold = None


class FaceApiAnalyzeRequest(FaceApiRequest):
    """An image whose faces are analyzed."""

    repeatable: ClassVar[frozenset[str]] = frozenset({"actions"})

    img: ImageSource = Field(validation_alias=AliasChoices("img", "image"))
    actions: Annotated[list[Action], Field(max_length=100, fail_fast=True)] | None = Field(
        None, description="Attributes to estimate. Default: all that can be estimated here."
    )


class FaceApiEmbedRequest(FaceApiModelRequest):
    """An image whose largest face is embedded, and stored for a person if one is named."""

    img: ImageSource = Field(validation_alias=AliasChoices("img", "image"))
    person_id: Name | None = Field(
        None, description="The person's name in the gallery. Requires the scope `gallery:write`."
    )
    metadata: Metadata | None = Field(None, description="Merged into the person's metadata. In forms: JSON.")
    collection: Collection = COLLECTION


class FaceApiRecognizeRequest(FaceApiModelRequest):
    """An image whose largest face is looked up in the gallery."""

    img: ImageSource = Field(validation_alias=AliasChoices("img", "image"))
    person_id: Name | None = Field(None, description="Compare with this person only.")
    distance_metric: ChosenMetric = None
    threshold: Threshold = None
    collection: Collection = COLLECTION


class FaceApiVerify(faces.VerifyRequest):
    """Two images to compare by Face API's thresholds, where they hold."""

    published_thresholds: ClassVar[Mapping[str, Mapping[str, float]]] = _PUBLISHED


class FaceApiRecognize(gallery.RecognizeRequest):
    """An image to look up among all stored faces, by Face API's thresholds where they hold."""

    lists_faces: ClassVar[bool] = True
    published_thresholds: ClassVar[Mapping[str, Mapping[str, float]]] = _PUBLISHED


class FaceApiVerifyResponse(BaseModel):
    """Whether the closest pair of faces is the same person."""

    verified: bool = Field(description="True if the distance is within the threshold and no liveness check failed.")
    distance: Distance
    threshold: UsedThreshold
    confidence: float | None = key_if_set(PAIR_CONFIDENCE)
    model: UsedModel
    detector_backend: UsedDetector
    similarity_metric: UsedMetric
    facial_areas: PairOfBoxes
    img1_is_real: bool | None = key_if_set(IS_REAL)
    img1_antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)
    img2_is_real: bool | None = key_if_set(IS_REAL)
    img2_antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)
    time: float = Field(description="Processing time in seconds.")

    @classmethod
    def of(cls, answer: faces.VerifyResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate(answer, from_attributes=True)


class FaceApiAnalyzeResponse(BaseModel):
    """The attributes of every face."""

    results: list[faces.AnalyzedFace] = Field(description="One entry per face.")


class FaceApiEmbedResponse(BaseModel):
    """The embedding of the largest face, and what was stored."""

    person_id: str | None = Field(description="The person in the request. Null if nothing was stored.")
    embedding_id: str | None = Field(description="ID of the stored face. Null if nothing was stored.")
    embedding: Vector
    model_name: UsedModel
    dim: Dimension

    @classmethod
    def of(cls, answer: faces.RepresentResponse, person_id: str | None, embedding_id: str | None) -> Self:
        """The answer of the service, with the stored face."""
        return cls(
            person_id=person_id,
            embedding_id=embedding_id,
            embedding=answer.result[0].embedding,
            model_name=answer.model,
            dim=answer.dim,
        )


class FaceApiMatch(BaseModel):
    """A stored face within the threshold."""

    person_id: str = Field(description="The person's name in the gallery.")
    embedding_id: str = Field(description="ID of the stored face.")
    distance: Distance
    similarity: float = Field(description=SIMILARITY)
    threshold: UsedThreshold


class FaceApiRecognizeResponse(BaseModel):
    """The stored faces within the threshold, nearest first."""

    matches: list[FaceApiMatch] = Field(description="One entry per stored face.")
    count: int = Field(description="Number of faces in the response.")

    @classmethod
    def of(cls, found: Sequence[gallery.Match]) -> Self:
        """The answer with these persons."""
        return cls(matches=[_match(match) for match in found], count=len(found))


def _match(match: gallery.Match) -> FaceApiMatch:
    return FaceApiMatch(
        person_id=match.name,
        embedding_id=match.face_id,
        distance=match.distance,
        similarity=match.similarity,
        threshold=match.threshold,
    )


class FaceApiWrongField(BaseModel):
    """What is wrong with a field."""

    loc: list[str] = Field(description="`body` and the field.")
    msg: str = Field(description="Explanation of the error for humans.")
    type: str = Field(description="The service's error code.")


class FaceApiError(DoorError):
    """The body of every error, as FastAPI has it."""

    detail: str | list[FaceApiWrongField] = Field(
        description="Explanation of the error for humans. For status 422: the wrong fields."
    )

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        if status != _UNPROCESSABLE:
            return cls(detail=message)
        return cls(
            detail=[FaceApiWrongField(loc=["body", wrong["field"]], msg=wrong["msg"], type=code) for wrong in fields]
        )

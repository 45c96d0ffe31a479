"""Bodies of deepface.dev, the hosted DeepFace (docs.deepface.dev)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from pydantic_core import PydanticCustomError
from typing_extensions import override

from schemas import faces
from schemas.common import ImageSource
from schemas.compare import OTHER_NAMES, Compared, CompareRequest, CompareResponse, Source
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
from schemas.models import ModelInfo
from schemas.names import DetectorName, ModelName, Normalization

MODEL = "Facenet"  # of requests without `model_name`
METRIC = "cosine"

_METRICS = ("cosine", "euclidean", "euclidean_l2")
_NO_MODEL = "model_name is not allowed."
_NO_DETECTOR = "detector_backend is not allowed."
_NO_METRIC = "distance_metric must be cosine, euclidean, or euclidean_l2."
_OPTIONS = (
    *("model_name", "detector_backend", "distance_metric", "threshold"),
    *("enforce_detection", "align", "normalization", "anti_spoofing"),
)


def _one_of(names: Sequence[str], refusal: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in names:
            raise PydanticCustomError("not_allowed", "{refusal}", {"refusal": refusal})
        return value

    return BeforeValidator(check)


def _filled(default: str) -> Callable[[object], object]:
    def fill(value: object) -> object:
        return default if isinstance(value, str) and not value.strip() else value

    return fill


DevModel = Annotated[
    ModelName, _one_of(get_args(ModelName.__value__), _NO_MODEL), Field(description="Recognition model.")
]
DevDetector = Annotated[
    Annotated[DetectorName, _one_of(get_args(DetectorName.__value__), _NO_DETECTOR)] | None,
    Field(description="Face detector. Default: DEFAULT_DETECTOR."),
]
DevMetric = Annotated[
    Literal["cosine", "euclidean", "euclidean_l2"],
    _one_of(_METRICS, _NO_METRIC),
    Field(description="Distance metric for embeddings."),
]


class DevRequest(DoorRequest):
    """A request that embeds the faces of images."""

    model_name: Annotated[DevModel, BeforeValidator(_filled(MODEL))] = Field(
        "Facenet", description="Recognition model. Empty means the default."
    )
    detector_backend: DevDetector = None
    enforce_detection: Enforce = True
    align: Align = True
    normalization: Normalization | None = Field(
        None, description="Normalization of the model's input. Default: DEFAULT_NORMALIZATION."
    )
    anti_spoofing: bool = Field(False, description="Also check liveness.")

    @property
    def options(self) -> dict[str, Any]:
        """The options for the service's own request."""
        return self.model_dump(include=set(_OPTIONS))


class DevVerifyRequest(DevRequest):
    """Two images to compare."""

    img1: ImageSource
    img2: ImageSource
    distance_metric: DevMetric = "cosine"
    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None,
        description="Maximum distance that counts as the same person. Default: the service's own."
        " Required if none is known for the options.",
    )


class DevRepresentRequest(DevRequest):
    """An image whose faces are embedded."""

    img: ImageSource


class DevCompareRequest(DoorRequest, CompareRequest):
    """One source (`img` or `source_vector`), and embeddings of the same model to compare it with."""

    model_config = ConfigDict(extra="ignore")

    refuses_spoofs: ClassVar[bool] = True

    model_name: DevModel
    detector_backend: DevDetector = None
    distance_metric: DevMetric = Field(
        "cosine", validation_alias=AliasChoices("distance_metric", OTHER_NAMES["distance_metric"])
    )


class DevRepresent(faces.RepresentRequest):
    """An image to embed; a face that is not live is an error, because the answer has no place to say so."""

    refuses_spoofs: ClassVar[bool] = True


class DevVerifyResponse(BaseModel):
    """Whether the closest pair of faces is the same person."""

    verified: bool = Field(description="True if the distance is within the threshold and no liveness check failed.")
    distance: Distance
    threshold: UsedThreshold
    model: UsedModel
    facial_areas: PairOfBoxes
    time: float = Field(description="Processing time in seconds.")

    @classmethod
    def of(cls, answer: faces.VerifyResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate(answer, from_attributes=True)


class DevFace(BaseModel):
    """A face and its embedding."""

    embedding: Vector
    model_name: UsedModel
    facial_area: Box
    face_confidence: Certainty


class DevRepresentResponse(RootModel[list[DevFace]]):
    """One entry for each face."""

    @classmethod
    def of(cls, answer: faces.RepresentResponse) -> Self:
        """The answer of the service."""
        return cls([DevFace(model_name=answer.model, **dict(face)) for face in answer.result])


class DevCompareResponse(BaseModel):
    """The results for all targets in request order. `best` is the nearest target."""

    model: UsedModel
    distance_metric: UsedMetric
    threshold: UsedThreshold
    source: Source = Field(description="What the targets were compared with.")
    results: list[Compared] = Field(description="One entry for each target, in request order.")
    best: Compared = Field(description="The nearest target.")

    @classmethod
    def of(cls, answer: CompareResponse) -> Self:
        """The answer of the service."""
        return cls.model_validate(answer, from_attributes=True)


class DevDefaults(BaseModel):
    """The options of a request that leaves them out."""

    model_name: UsedModel
    detector_backend: UsedDetector
    distance_metric: UsedMetric


class DevLimits(BaseModel):
    """What a request may have at most."""

    max_body_bytes: int = Field(description="Size of a request in bytes.")
    max_image_bytes: int = Field(description="Size of an image in bytes, decoded from base64.")
    max_image_pixels: int = Field(description="Width times height of an image, in pixels.")
    max_faces: int = Field(description="Number of faces per image. Of more, the largest are used.")
    request_timeout_s: float = Field(description="Processing time in seconds.")
    queue_max: int = Field(description="Number of requests that may wait.")
    rate_limit: str = Field(
        exclude_if=lambda limit: not limit, description="Requests per API key. Left out if there is no limit."
    )


class DevCapabilities(BaseModel):
    """What the service offers. Models and detectors are those that are installed and allowed."""

    models: list[str] = Field(description="Recognition models.")
    dimensions: dict[str, int] = Field(description="Length of an embedding, for each model.")
    detectors: list[str] = Field(description="Face detectors.")
    distance_metrics: list[str] = Field(description="Distance metrics.")
    defaults: DevDefaults = Field(description="Options that a request may leave out.")
    limits: DevLimits = Field(description="The largest request.")

    @classmethod
    def of(cls, models: Sequence[ModelInfo], *, detector: str, limits: DevLimits) -> Self:
        """The answer of a service with these models, this default detector and these limits."""
        usable = [model for model in models if model.installed and model.allowed]
        dimensions = {model.name: model.dim for model in usable if model.task == "recognition" and model.dim}
        return cls(
            models=list(dimensions),
            dimensions=dimensions,
            detectors=[model.name for model in usable if model.task == "detection"],
            distance_metrics=list(_METRICS),
            defaults=DevDefaults(model_name=MODEL, detector_backend=detector, distance_metric=METRIC),
            limits=limits,
        )


class DevReadiness(BaseModel):
    """That the service is ready."""

    ready: Literal[True] = Field(True, description="True in every success response.")


class DevError(DoorError):
    """The body of every error."""

    error: str = Field(description="Stable error code.")
    detail: str = Field(description="Explanation of the error for humans.")

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        refusals = (wrong["msg"] for wrong in fields if wrong["msg"] in (_NO_MODEL, _NO_DETECTOR, _NO_METRIC))
        return cls(error=code, detail=next(refusals, message))

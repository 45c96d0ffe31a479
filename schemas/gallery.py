"""Bodies of the endpoints of the gallery."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from schemas.common import (
    WHOLE,
    ComparisonOptions,
    DetectionOptions,
    EmbeddingOptions,
    FacialArea,
    ImageSource,
    MetricOptions,
    Response,
    key_if_set,
)
from schemas.faces import Liveness
from schemas.frames import FRAMES_INSTEAD, Frames, image_or_frames

_KEY = r"^[A-Za-z0-9_.-]{1,64}$"
_MOST_METADATA = 10_000  # characters, as JSON


def parsed(value: object) -> object:
    """JSON that came as the text of a form's field."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise PydanticCustomError("json", "Input should be JSON") from None
    return value


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """What both databases can keep: no NUL, half a character, infinite number, and not too much."""
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        written.encode()
    except ValueError:
        raise PydanticCustomError("json", "Input should be JSON without infinite numbers or half characters") from None
    if len(written) > _MOST_METADATA or "\\u0000" in written:
        raise PydanticCustomError("too_large", "Input should have no NUL, and at most 10000 characters")
    return value


def _moment(value: object) -> object:
    """A moment that came as text, which strict JSON could not hold otherwise."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    raise PydanticCustomError("moment", "Input should be a date and time with its offset, as ISO 8601 writes it")


def _as_written(value: str) -> str:
    """An id as answers have it; anything else as it is, for it is nobody's."""
    try:
        return str(UUID(value))
    except ValueError:
        return value


# A line of text that a person could have written: no control character, nothing around it.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"
    ),
]
CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
LabelKey = Annotated[str, StringConstraints(pattern=_KEY)]
LabelValue = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Labels = Annotated[
    dict[LabelKey, LabelValue],
    Field(max_length=50, json_schema_extra={"propertyNames": {"pattern": _KEY}, "additionalProperties": False}),
    BeforeValidator(parsed),
]
Metadata = Annotated[
    dict[str, JsonValue], AfterValidator(_storable), BeforeValidator(parsed), WithJsonSchema({"type": "object"})
]
_LARGEST = 3.4028234663852886e38  # of float32, in which embeddings are kept and compared
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
Embedding = Annotated[list[Number], Field(min_length=1, max_length=4096, fail_fast=True), BeforeValidator(parsed)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_as_written)]

Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]

COLLECTION = "default"


class QualityMeasures(BaseModel):
    """How good a face is for the gallery."""

    sharpness: float = Field(description="Variance of the Laplacian of the grey crop at 112 x 112 pixels.")
    brightness: float = Field(description="Mean of the grey crop, 0 to 255.")
    size_px: int = Field(description="The box's shorter side.")
    turn: float | None = key_if_set(
        "How far the nose is from between the eyes, in their distance; 0 straight ahead. Only with a detector that"
        " gives the nose, as yunet does."
    )
    score: float = Field(description="The least of all as a share of what is good, 0 to 1.")


class EnrolmentOptions(EmbeddingOptions):
    """How a photo is embedded, and which are accepted for the gallery."""

    on_duplicate: Literal["allow", "reject", "merge"] = Field(
        "allow",
        description="If the face is within the model's threshold of another person's: store it all the same, answer"
        " 409, or store it as that person's.",
    )
    face_policy: Literal["single", "largest"] = Field(
        "single", description="Whether a photo of several faces is refused, or its largest face taken."
    )
    min_quality: float | None = Field(None, ge=0, le=1, description="The least `quality.score` that is accepted.")
    store_crop: bool = Field(False, description="Whether the aligned picture of the face is kept as well.")


class RegisterRequest(EnrolmentOptions):
    """A photo of a person, by `name` or by `person_id`, for the gallery."""

    image_lists: ClassVar[frozenset[str]] = frozenset({"frames"})

    frames: Frames | None = Field(None, description=FRAMES_INSTEAD.format(field="img"))
    img: ImageSource | None = Field(None, validate_default=True)
    name: Name | None = Field(None, description="The person's name, unique in the collection; made if there is none.")
    person_id: Id | None = Field(None, description="The person, in place of the name.")
    collection: CollectionName = COLLECTION
    labels: Labels | None = Field(None, description="Merged into the person's labels; in forms as JSON.")
    metadata: Metadata | None = Field(None, description="Merged into the person's metadata; in forms as JSON.")
    retain_until: Moment | None = Field(None, description="After this moment the person is to be forgotten.")

    _or_frames = field_validator("img", mode="after")(image_or_frames)

    @model_validator(mode="after")
    def _one_person(self) -> "RegisterRequest":
        if (self.name is None) == (self.person_id is None):
            raise PydanticCustomError("person", "Give either name or person_id")
        return self


class RegisterResponse(Response):
    """The face as it is stored."""

    id: str = Field(description="The face.")
    person_id: str
    name: str
    collection: str
    registered_at: datetime
    facial_area: FacialArea
    face_confidence: float
    quality: QualityMeasures


MostPersons = Annotated[int, Field(ge=1, le=100), WHOLE]


class ProbeRequest(MetricOptions):
    """A photo, or an embedding of the model and options named, to be looked up in the gallery."""

    img: ImageSource | None = None
    embedding: Embedding | None = Field(None, description="In place of the image; in forms as JSON.")
    collection: CollectionName = COLLECTION
    person_id: Id | None = Field(None, description="Compare with this person only.")
    labels: Labels | None = Field(None, description="Compare with persons who have all these labels; in forms as JSON.")

    @model_validator(mode="after")
    def _one_probe(self) -> "ProbeRequest":
        if (self.img is None) == (self.embedding is None):
            raise PydanticCustomError("probe", "Give either img or embedding")
        return self


class IdentifyRequest(ProbeRequest, ComparisonOptions):
    """A probe, and how many persons near it are answered."""

    top_k: MostPersons = Field(5, description="At most this many persons per face.")


class RecognizeRequest(ProbeRequest):
    """A probe, of which all persons within the model's own threshold are answered."""

    top_k: MostPersons | None = Field(None, description="At most this many persons per face; by default all.")


class Match(BaseModel):
    """A person of the gallery, by the nearest face."""

    person_id: str
    face_id: str
    name: str
    labels: dict[str, str]
    distance: float
    similarity: float = Field(description="Larger is closer: 1 - distance, for euclidean metrics 1 / (1 + distance).")
    confidence: float = Field(description="DeepFace's confidence, 0 to 100, that it is the same person.")
    threshold: float
    match: bool = Field(description="Whether the distance is within the threshold, and the probe no spoof.")


class IdentifiedFace(Liveness):
    """A face of the probe and who it may be."""

    facial_area: FacialArea | None = key_if_set()
    face_confidence: float | None = key_if_set()
    quality: QualityMeasures | None = key_if_set()
    decision: Literal["match", "unknown", "ambiguous"]
    reason: str
    matches: list[Match] = Field(description="Nearest first.")


class IdentifyResponse(Response):
    """Every face of the probe."""

    count: int
    model: str
    similarity_metric: str
    result: list[IdentifiedFace]


class QualityRequest(DetectionOptions):
    """A photo to be judged before it is registered."""

    img: ImageSource


class JudgedFace(BaseModel):
    """One face of the photo."""

    facial_area: FacialArea
    face_confidence: float
    quality: QualityMeasures
    reasons: list[str] = Field(description="`blurred`, `too_dark`, `too_small`, `turned`.")
    advice: list[str] = Field(description="What to do about each reason.")
    not_judged: list[str] = Field(description="`turned` where the detector gives no nose; else nothing.")


class QualityResponse(Response):
    """Whether the photo would do, and if not, why."""

    acceptable: bool
    reasons: list[str] = Field(description="`several_faces`, and what is wrong with the largest face.")
    advice: list[str]
    count: int
    result: list[JudgedFace]

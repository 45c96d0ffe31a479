"""Bodies of the endpoints of the gallery."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.common import (
    WHOLE,
    ComparisonOptions,
    EmbeddingOptions,
    FacialArea,
    ImageSource,
    MetricOptions,
    Response,
    key_if_set,
)
from schemas.faces import FRAMES_INSTEAD, Frames, Liveness, QualityMeasures, image_or_frames
from schemas.fields import COLLECTION, CollectionName, Embedding, Id, Labels, Metadata, Moment, Name


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

"""Request and response bodies of the gallery."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.common import (
    NULL_MEANS_DEFAULT,
    WHOLE,
    ComparisonOptions,
    FacialArea,
    ImageResponse,
    ImageSource,
    ThresholdSource,
    key_if_set,
)
from schemas.faces import FRAMES_INSTEAD, FacesResponse, Frames, Liveness, QualityMeasures, image_or_frames
from schemas.fields import COLLECTION, CollectionName, Embedding, Id, Labels, Metadata, Moment, Name


class EnrolmentOptions(ComparisonOptions):
    """How an image is embedded and compared, and which images the gallery accepts.

    Only `on_duplicate` other than `allow`, and frames, compare faces. They use the service's own threshold, and
    `threshold` only where it has none, so that a request cannot choose who counts as another person.
    """

    on_duplicate: Annotated[Literal["allow", "reject", "merge"], NULL_MEANS_DEFAULT] = Field(
        "allow",
        description="What to do with a face within the threshold of another person's face. `allow`: store it"
        " anyway. `reject`: answer 409. `merge`: store it as the other person's face. Only API keys with"
        " `gallery:read` are told whose face it is.",
    )
    face_policy: Annotated[Literal["single", "largest"], NULL_MEANS_DEFAULT] = Field(
        "single", description="`single`: refuse an image with several faces. `largest`: use its largest face."
    )
    min_quality: float | None = Field(
        None, ge=0, le=1, description="Minimum accepted `quality.score`. 0 accepts any. Default: MIN_QUALITY."
    )
    store_crop: Annotated[bool, NULL_MEANS_DEFAULT] = Field(
        False, description="Also store the aligned crop of the face."
    )


class RegisterRequest(EnrolmentOptions):
    """An image of a person to register in the gallery. `name` or `person_id` identifies the person."""

    image_lists: ClassVar[frozenset[str]] = frozenset({"frames"})

    frames: Frames | None = Field(None, description=FRAMES_INSTEAD.format(field="img"))
    img: ImageSource | None = Field(None, validate_default=True)
    name: Name | None = Field(
        None, description="The person's name, unique in the collection. An unknown name creates a person."
    )
    person_id: Id | None = Field(None, description="An existing person, in place of the name.")
    collection: Annotated[CollectionName, NULL_MEANS_DEFAULT] = COLLECTION
    labels: Labels | None = Field(None, description="Labels to merge into the person's labels. In forms: JSON.")
    metadata: Metadata | None = Field(None, description="Merged into the person's metadata. In forms: JSON.")
    retain_until: Moment | None = Field(None, description="The person is due for deletion after this moment.")

    _or_frames = field_validator("img", mode="after")(image_or_frames)

    @model_validator(mode="after")
    def _one_person(self) -> "RegisterRequest":
        if (self.name is None) == (self.person_id is None):
            raise PydanticCustomError("person", "Give either name or person_id")
        return self


class Space(BaseModel):
    """An embedding space: the model and the options that decide which faces can be compared."""

    model: str
    alignment: str
    detection: str
    normalization: str
    expand_percentage: int


class FaceSpace(Space):
    """An embedding space in which a face can be compared."""

    weights: str = Field(description="Identifies the files of the detector and the model, and the runtime.")


class RegisterResponse(ImageResponse):
    """The stored face."""

    id: str = Field(description="ID of the face.")
    person_id: str | None = key_if_set(
        "The person. API keys without `gallery:read` get it only if the request named the person: not with"
        " `on_duplicate` `merge`."
    )
    name: str | None = key_if_set("The person's name. Only for API keys with `gallery:read`.")
    collection: str
    registered_at: datetime
    facial_area: FacialArea
    face_confidence: float
    quality: QualityMeasures
    spaces: list[FaceSpace] | None = key_if_set(
        "All models and options by which the face can be compared: those of the request, and the service's defaults."
        " Left out if there are only those of the request."
    )


MostPersons = Annotated[int, Field(ge=1, le=100), WHOLE]


class ProbeRequest(ComparisonOptions):
    """An image, or an embedding of the given model and options, to look up in the gallery."""

    vectors: ClassVar[frozenset[str]] = frozenset({"embedding"})

    # Whether every face is a match of its own, and not only the nearest of each person.
    lists_faces: ClassVar[bool] = False

    # Whether a collection without any face of the model and options is an error, also if it has no faces at all.
    requires_faces: ClassVar[bool] = False

    img: ImageSource | None = None
    embedding: Embedding | None = Field(
        None,
        description="Embedding, in place of the image. Requires the scope `embeddings`. In forms: JSON.",
    )
    collection: Annotated[CollectionName, NULL_MEANS_DEFAULT] = COLLECTION
    person_id: Id | None = Field(None, description="Compare with this person only.")
    labels: Labels | None = Field(
        None, description="Compare only with persons who have all these labels. In forms: JSON."
    )
    min_quality: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Minimum `quality.score` of a face in the image. A face below it is `unknown`. Default: any.",
    )

    @model_validator(mode="after")
    def _one_probe(self) -> "ProbeRequest":
        if (self.img is None) == (self.embedding is None):
            raise PydanticCustomError("probe", "Give either img or embedding")
        return self


class IdentifyRequest(ProbeRequest):
    """A probe, and the number of nearest persons to return."""

    top_k: Annotated[MostPersons, NULL_MEANS_DEFAULT] = Field(5, description="Maximum number of persons per face.")


class RecognizeRequest(ProbeRequest):
    """A probe. The response lists all persons within the threshold."""

    top_k: MostPersons | None = Field(None, description="Maximum number of persons per face. Default: all.")


class Match(BaseModel):
    """A person in the gallery, compared by the nearest face."""

    person_id: str
    face_id: str
    name: str
    labels: dict[str, str]
    distance: float
    similarity: float = Field(
        description="1 - distance, or 1 / (1 + distance) for the euclidean metrics. Larger is closer."
    )
    confidence: float = Field(description="DeepFace's confidence that it is the same person, 0 to 100.")
    threshold: float
    match: bool = Field(
        description="True if the distance is within the threshold and the probe is no spoof and not below min_quality."
    )


class IdentifiedFace(Liveness):
    """A face of the probe with its nearest persons."""

    facial_area: FacialArea | None = key_if_set()
    face_confidence: float | None = key_if_set()
    quality: QualityMeasures | None = key_if_set()
    decision: Literal["match", "unknown", "ambiguous"]
    reason: str
    matches: list[Match] = Field(description="The nearest persons, nearest first.")


class SpacePersons(Space):
    """An embedding space, and the number of persons with a face in it."""

    persons: int


class NotCompared(BaseModel):
    """Persons of the collection without a face of the model and options of the request."""

    persons: int
    spaces: list[SpacePersons] = Field(description="The models and options of their faces. A person may be in several.")


class IdentifyResponse(FacesResponse):
    """The results for every face of the probe."""

    count: int
    model: str
    similarity_metric: str
    threshold_source: ThresholdSource
    not_compared: NotCompared | None = key_if_set(
        "Persons of the collection who were not compared, because all their faces were registered with another model or"
        " other options. Left out if there are none. In a large collection, the numbers may be a minute old."
    )
    result: list[IdentifiedFace]

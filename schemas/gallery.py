"""Request and response bodies of the gallery."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from schemas.common import (
    DISTANCE,
    FACE_CONFIDENCE,
    IMAGE,
    NOT_MEASURED,
    NULL_MEANS_DEFAULT,
    PAIR_CONFIDENCE,
    SIMILARITY,
    THRESHOLD,
    THRESHOLD_SOURCE,
    WHOLE,
    ComparisonOptions,
    EmbeddingOptions,
    FacialArea,
    ImageResponse,
    ImageSource,
    key_if_set,
)
from schemas.faces import FRAMES_INSTEAD, FacesResponse, Frames, Liveness, QualityMeasures, image_or_frames
from schemas.fields import COLLECTION, CollectionName, Embedding, Id, Labels, Metadata, Moment, Name, Uuid
from schemas.names import ThresholdSource

OnDuplicate = TypeAliasType("OnDuplicate", Literal["allow", "reject", "merge"])
FacePolicy = TypeAliasType("FacePolicy", Literal["single", "largest"])


class EnrolmentOptions(ComparisonOptions):
    """How an image is embedded and compared, and which images the gallery accepts.

    Only `on_duplicate` other than `allow`, and frames, compare faces. They use the service's own threshold, and
    `threshold` only where it has none, so that a request cannot choose who counts as another person.
    """

    on_duplicate: Annotated[OnDuplicate, NULL_MEANS_DEFAULT] = Field(
        "allow",
        description="What to do with a face within the threshold of another person's face. `allow`: store it"
        " anyway. `reject`: answer 409. `merge`: store it as the other person's face. Only API keys with"
        " `gallery:read` are told whose face it is.",
    )
    face_policy: Annotated[FacePolicy, NULL_MEANS_DEFAULT] = Field(
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
    img: ImageSource | None = Field(None, validate_default=True, description=f"The image: {IMAGE}")
    name: Name | None = Field(
        None, description="The person's name, unique in the collection. An unknown name creates a person."
    )
    person_id: Id | None = Field(None, description="An existing person, in place of the name.")
    collection: Annotated[CollectionName, NULL_MEANS_DEFAULT] = Field(
        COLLECTION, description="Collection of the person. A missing one is created."
    )
    labels: Labels | None = Field(None, description="Labels to merge into the person's labels. In forms: JSON.")
    metadata: Metadata | None = Field(None, description="Merged into the person's metadata. In forms: JSON.")
    retain_until: Moment | None = Field(None, description="The person is due for deletion after this moment.")

    _or_frames = field_validator("img", mode="after")(image_or_frames)

    @model_validator(mode="after")
    def _one_person(self) -> "RegisterRequest":
        if (self.name is None) == (self.person_id is None):
            raise PydanticCustomError("person", "Give either name or person_id")
        return self


class RegisterEveryRequest(RegisterRequest):
    """An image of which every face is registered for the person."""

    photo: Name = Field(description="Name of the image.")


class RegisterPhotosRequest(EmbeddingOptions):
    """Photos of one person. The largest face of each is registered."""

    photos: Annotated[list[ImageSource], Field(min_length=1)] = Field(description=f"The photos, each {IMAGE}")
    name: Name = Field(description="The person's name. An unknown name creates a person.")
    collection: CollectionName = Field(COLLECTION, description="Collection of the person. A missing one is created.")

    def each(self) -> list[RegisterRequest]:
        """A request to register the largest face, for each photo."""
        options = self.model_dump(exclude={"photos", "max_faces"})
        return [RegisterRequest(img=photo, face_policy="largest", max_faces=1, **options) for photo in self.photos]


class Space(BaseModel):
    """An embedding space: the model and the options that decide which faces can be compared."""

    model: str = Field(description="Recognition model.")
    alignment: str = Field(description="How faces are aligned. `none` if they are not aligned.")
    detection: str = Field(description="How images are searched: `bounded`, `full` or `deepface`.")
    normalization: str = Field(description="Normalization of the model's input.")
    expand_percentage: int = Field(description="Enlargement of the face boxes, 0 to 100 percent.")


class FaceSpace(Space):
    """An embedding space in which a face can be compared."""

    weights: str = Field(description="Identifies the files of the detector and the model, and the runtime.")


class RegisterResponse(ImageResponse):
    """The stored face."""

    id: Uuid = Field(description="ID of the face.")
    person_id: Uuid | None = key_if_set(
        "The person. API keys without `gallery:read` get it only if the request named the person: not with"
        " `on_duplicate` `merge`."
    )
    name: str | None = key_if_set("The person's name. Only for API keys with `gallery:read`.")
    collection: str = Field(description="Collection of the person.")
    registered_at: datetime = Field(description="Time of the registration, in UTC.")
    facial_area: FacialArea = Field(description="Box and landmarks of the face.")
    face_confidence: float = Field(description=FACE_CONFIDENCE)
    quality: QualityMeasures = Field(description="The measures of the face.")
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

    # Whether persons without a face of the model and options are compared by the service's defaults.
    compares_everybody: ClassVar[bool] = False

    # Whether these leave out persons of whose faces each has the name of a photo: DeepFace's API registered them, and
    # finds them by the request's model only.
    spares_photos: ClassVar[bool] = False

    # Whether a collection that does not exist is an error. Otherwise nobody is in it.
    requires_collection: ClassVar[bool] = True

    img: ImageSource | None = Field(None, description=f"The image: {IMAGE}")
    embedding: Embedding | None = Field(
        None,
        description="Embedding, in place of the image. Requires the scope `embeddings`. In forms: JSON.",
    )
    collection: Annotated[CollectionName, NULL_MEANS_DEFAULT] = Field(COLLECTION, description="Collection to search.")
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

    @property
    def only_face(self) -> str | None:
        """The ID of the one face of the person that is compared; None = all faces."""
        return None

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

    person_id: Uuid = Field(description="ID of the person.")
    face_id: Uuid = Field(description="ID of the person's nearest face.")
    name: str = Field(description="Name of the person.")
    labels: dict[str, str] = Field(description="Labels of the person.")
    distance: float = Field(description=DISTANCE)
    similarity: float = Field(description=SIMILARITY)
    confidence: float | None = key_if_set(f"{PAIR_CONFIDENCE} {NOT_MEASURED}")
    threshold: float = Field(description=THRESHOLD)
    match: bool = Field(
        description="True if the distance is within the threshold and the probe is no spoof and not below min_quality."
    )


class MatchByDefault(Match):
    """A person without a face of the request's model and options, compared by the service's defaults."""

    model: str = Field(description="The service's default recognition model.")


class IdentifiedFace(Liveness):
    """A face of the probe with its nearest persons."""

    facial_area: FacialArea | None = key_if_set("Box and landmarks of the face. Left out for an embedding.")
    face_confidence: float | None = key_if_set(f"{FACE_CONFIDENCE} Left out for an embedding.")
    quality: QualityMeasures | None = key_if_set("The measures of the face. Left out for an embedding.")
    decision: Literal["match", "unknown", "ambiguous"] = Field(
        description="`match`: one person is within the threshold and clearly the closest. `ambiguous`: two persons are"
        " almost equally close. `unknown`: nobody is within the threshold, or the face is refused."
    )
    reason: str = Field(description="Why the decision was made, for humans.")
    matches: list[Match] = Field(description="The nearest persons, nearest first.")


class SpacePersons(Space):
    """An embedding space, and the number of persons with a face in it."""

    persons: int = Field(description="Number of persons with a face of this model and options.")


class NotCompared(BaseModel):
    """Persons of the collection without a face of the model and options of the request."""

    persons: int = Field(description="Number of these persons.")
    spaces: list[SpacePersons] = Field(description="The models and options of their faces. A person may be in several.")


class IdentifyResponse(FacesResponse):
    """The results for every face of the probe."""

    count: int = Field(description="Number of faces in the response.")
    model: str = Field(description="Recognition model.")
    similarity_metric: str = Field(description="Distance metric.")
    threshold_source: ThresholdSource = Field(description=THRESHOLD_SOURCE)
    not_compared: NotCompared | None = key_if_set(
        "Persons of the collection who were not compared, because all their faces were registered with another model or"
        " other options. Left out if there are none. In a large collection, the numbers may be a minute old."
    )
    result: list[IdentifiedFace] = Field(description="One entry per face, or one for an embedding.")

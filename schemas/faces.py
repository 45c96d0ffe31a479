"""Bodies of the five face endpoints."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from schemas.common import (
    WHOLE,
    Action,
    AlignmentOptions,
    ComparisonOptions,
    DetectionOptions,
    EmbeddingOptions,
    FacialArea,
    ImageSource,
    Response,
    key_if_set,
)
from schemas.frames import FRAMES_INSTEAD, Frames, image_or_frames


class VerifyRequest(ComparisonOptions):
    """Two images to compare 1:1, or an image and a person of the gallery."""

    image_lists: ClassVar[frozenset[str]] = frozenset({"frames"})

    frames: Frames | None = Field(None, description=FRAMES_INSTEAD.format(field="img1"))
    img1: ImageSource | None = Field(None, validate_default=True)
    person_id: str | None = Field(
        None, min_length=1, max_length=100, description="A person of the gallery, in place of img2."
    )
    img2: ImageSource | None = Field(None, validate_default=True)

    _or_frames = field_validator("img1", mode="after")(image_or_frames)

    @field_validator("img2", mode="after")
    @classmethod
    def _or_a_person(cls, img2: str | bytes | None, given: ValidationInfo) -> str | bytes | None:
        person_id = given.data.get("person_id")
        if img2 is None and person_id is None:
            raise PydanticCustomError("missing", "Field required")
        if img2 is not None and person_id is not None:
            raise PydanticCustomError("person", "Give either img2 or person_id")
        return img2


class AnalyzeRequest(DetectionOptions):
    """An image whose faces' attributes are wanted."""

    repeatable: ClassVar[frozenset[str]] = frozenset({"actions"})

    img: ImageSource
    # fail_fast: an error about each of a million wrong actions would be an answer of megabytes.
    actions: Annotated[list[Action], Field(min_length=1, max_length=4, fail_fast=True)] | None = Field(
        None, description="The attributes to estimate; by default all."
    )


class RepresentRequest(EmbeddingOptions):
    """An image whose faces' embeddings are wanted."""

    img: ImageSource


class FindRequest(ComparisonOptions):
    """An image whose faces are searched among the photos of FACES_DB_PATH."""

    img: ImageSource
    k: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = Field(
        None, description="At most this many rows per face of the query."
    )
    similarity_search: bool = Field(False, description="Whether faces beyond the threshold are listed as well.")
    refresh: Literal["auto", "wait"] = Field(
        "auto",
        description="`auto` answers from the last complete index and says how many photos are `pending`; `wait` first"
        " waits until every changed photo is in it.",
    )


class ExtractRequest(AlignmentOptions):
    """An image whose faces are wanted as pictures."""

    img: ImageSource
    color_face: Literal["rgb", "gray"] = Field("rgb", description="Colours of the crops.")


class Liveness(BaseModel):
    """The verdict on a face where `anti_spoofing` was asked for."""

    is_real: bool | None = key_if_set("Whether the face was judged live.")
    antispoof_score: float | None = key_if_set("Mean probability of `real` over the two networks, 0 to 1.")


class VerifyResponse(Response):
    """Whether the closest pair of faces of the two images is the same person."""

    verified: bool = Field(description="Whether the distance is within the threshold and no liveness check failed.")
    distance: float = Field(description="Distance of the closest pair; smaller is closer.")
    threshold: float
    confidence: float = Field(description="DeepFace's confidence, 0 to 100, that the pair is the same person.")
    model: str
    detector_backend: str
    similarity_metric: str
    facial_areas: dict[Literal["img1", "img2"], FacialArea] = Field(description="The compared pair.")
    person_id: str | None = key_if_set("The person of the gallery, where one took the place of img2.")
    face_id: str | None = key_if_set("The face of the person that is nearest.")
    frame: int | None = key_if_set("The frame, from 0, whose distance and box these are: the middle one by distance.")
    img1_is_real: bool | None = key_if_set()
    img1_antispoof_score: float | None = key_if_set()
    img2_is_real: bool | None = key_if_set()
    img2_antispoof_score: float | None = key_if_set()
    time: float = Field(description="Seconds the server took.")


class AnalyzedFace(Liveness):
    """One face and the attributes asked for; percentages sum to 100."""

    age: int | None = key_if_set()
    dominant_gender: str | None = key_if_set()
    gender: dict[str, float] | None = key_if_set()
    dominant_emotion: str | None = key_if_set()
    emotion: dict[str, float] | None = key_if_set()
    dominant_race: str | None = key_if_set()
    race: dict[str, float] | None = key_if_set()
    region: FacialArea
    face_confidence: float = Field(description="The detector's confidence, 0 to 1.")


class AnalyzeResponse(Response):
    """The attributes of every face."""

    count: int
    result: list[AnalyzedFace]


class EmbeddedFace(Liveness):
    """One face and its embedding, as the model gives it (not normalised)."""

    embedding: list[float]
    facial_area: FacialArea
    face_confidence: float = Field(description="The detector's confidence, 0 to 1.")


class RepresentResponse(Response):
    """The embedding of every face."""

    count: int
    model: str
    dim: int = Field(description="Length of each embedding.")
    result: list[EmbeddedFace]


class FoundPhoto(Liveness):
    """A face of a photo of the folder (target) compared with a face of the query (source)."""

    identity: str = Field(description="The photo: FACES_DB_PATH and what is below it, or only the latter.")
    person: str | None = Field(description="The first folder below FACES_DB_PATH, if there is one.")
    distance: float
    threshold: float
    confidence: float
    target_x: int
    target_y: int
    target_w: int
    target_h: int
    source_x: int
    source_y: int
    source_w: int
    source_h: int


class FindResponse(Response):
    """One list of photos per face of the query, nearest first."""

    faces_queried: int
    pending: int = Field(description="Changed photos that this answer does not reflect yet.")
    result: list[list[FoundPhoto]]


class ExtractedFace(Liveness):
    """One face as a picture."""

    face_base64: str = Field(description="Data URI of a PNG.")
    facial_area: FacialArea
    confidence: float = Field(description="The detector's confidence, 0 to 1.")


class ExtractResponse(Response):
    """Every face of the image as a picture."""

    faces_found: int
    result: list[ExtractedFace]

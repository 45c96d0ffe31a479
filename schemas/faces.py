"""Bodies of the five face endpoints."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from schemas.common import (
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

FRAMES_INSTEAD = (
    "In place of {field}: 2 to 5 images of one capture, each with the same one face. Whether it is a live one is judged"
    " over all of them, whatever anti_spoofing says."
)


def _distinct(frames: list[str | bytes]) -> list[str | bytes]:
    """Refuse a frame that is given twice, by its place in the list."""
    for place, frame in enumerate(frames):
        first = frames.index(frame)
        if first < place:
            same = PydanticCustomError("same_frame", "It is the same as frames[{first}]", {"first": first})
            wrong = InitErrorDetails(type=same, loc=(place,), input=None)
            raise ValidationError.from_exception_data("frames", [wrong])
    return frames


Frames = Annotated[
    list[ImageSource],
    Field(min_length=2, max_length=5, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]


def image_or_frames(image: str | bytes | None, given: ValidationInfo) -> str | bytes | None:
    """Validates the image of a model whose `frames`, declared before it, may take its place."""
    if "frames" in given.data:  # else they are wrong, and an error of their own
        if image is None and given.data["frames"] is None:
            raise PydanticCustomError("missing", "Field required")
        if image is not None and given.data["frames"] is not None:
            raise PydanticCustomError("frames", "Give either {field} or frames", {"field": given.field_name})
    return image


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


class ExtractedFace(Liveness):
    """One face as a picture."""

    face_base64: str = Field(description="Data URI of a PNG.")
    facial_area: FacialArea
    confidence: float = Field(description="The detector's confidence, 0 to 1.")


class ExtractResponse(Response):
    """Every face of the image as a picture."""

    faces_found: int
    result: list[ExtractedFace]


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

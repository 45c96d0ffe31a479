"""Request and response bodies of /verify, /analyze, /represent, /extract and /quality."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import TypeAliasType

from schemas.common import (
    ANTISPOOF_SCORE,
    DISTANCE,
    FACE_CONFIDENCE,
    IMAGE,
    IS_REAL,
    NOT_MEASURED,
    NULL_MEANS_DEFAULT,
    PAIR_CONFIDENCE,
    THRESHOLD,
    THRESHOLD_SOURCE,
    AlignmentOptions,
    ComparisonOptions,
    DetectionOptions,
    EmbeddingOptions,
    FacialArea,
    ImageResponse,
    ImageSource,
    key_if_set,
)
from schemas.fields import Uuid
from schemas.names import Action, ThresholdSource

FRAMES_INSTEAD = (
    "2 to 5 images of one capture, in place of {field}. Each shows exactly one face, always of the same person."
    " Liveness is checked over all of them, whatever the value of anti_spoofing."
)


def _distinct(frames: list[str | bytes]) -> list[str | bytes]:
    """The frames, if all differ. The error names the repeated frame by its position in the list."""
    for place, frame in enumerate(frames):
        first = frames.index(frame)
        if first < place:
            same = PydanticCustomError(
                "same_frame", "Same image as frames[{first}]; send another one", {"first": first}
            )
            wrong = InitErrorDetails(type=same, loc=(place,), input=None)
            raise ValidationError.from_exception_data("frames", [wrong])
    return frames


Frames = Annotated[
    list[ImageSource],
    Field(min_length=2, max_length=5, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]


def image_or_frames(image: str | bytes | None, given: ValidationInfo) -> str | bytes | None:
    """The image of a request model, validated against `frames`. The model must declare `frames` before the image."""
    if "frames" in given.data:  # otherwise `frames` is invalid and has its own error
        if image is None and given.data["frames"] is None:
            raise PydanticCustomError("missing", "Field required")
        if image is not None and given.data["frames"] is not None:
            raise PydanticCustomError("frames", "Give either {field} or frames", {"field": given.field_name})
    return image


class VerifyRequest(ComparisonOptions):
    """Two images to compare 1:1, or an image and a person in the gallery."""

    image_lists: ClassVar[frozenset[str]] = frozenset({"frames"})

    frames: Frames | None = Field(None, description=FRAMES_INSTEAD.format(field="img1"))
    img1: ImageSource | None = Field(None, validate_default=True, description=f"The first image: {IMAGE}")
    person_id: Uuid | None = Field(
        None, min_length=1, max_length=100, description="A person in the gallery, in place of img2."
    )
    img2: ImageSource | None = Field(None, validate_default=True, description=f"The second image: {IMAGE}")

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


def _listed(actions: object) -> object:
    if isinstance(actions, str):
        raise PydanticCustomError("actions", 'Input should be a list, for example ["age", "gender"]')
    return actions


class AnalyzeRequest(DetectionOptions):
    """An image whose faces are analyzed."""

    repeatable: ClassVar[frozenset[str]] = frozenset({"actions"})

    img: ImageSource
    # fail_fast: without it, a million wrong actions would cause an error response of megabytes.
    actions: (
        Annotated[list[Action], Field(min_length=1, max_length=4, fail_fast=True), BeforeValidator(_listed)] | None
    ) = Field(
        None,
        description="Attributes to estimate. A missing model is an error. Default: all that can be estimated here.",
    )


class DetectRequest(DetectionOptions):
    """An image whose faces are located."""

    img: ImageSource


class RepresentRequest(EmbeddingOptions):
    """An image whose faces are embedded."""

    img: ImageSource


ColorMode = TypeAliasType("ColorMode", Literal["rgb", "gray"])


class ExtractRequest(AlignmentOptions):
    """An image whose faces are cropped."""

    img: ImageSource
    color_face: Annotated[ColorMode, NULL_MEANS_DEFAULT] = Field("rgb", description="Colour mode of the crops.")


class Liveness(BaseModel):
    """The liveness verdict on a face, if liveness was checked."""

    is_real: bool | None = key_if_set(IS_REAL)
    antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)


class VerifyResponse(ImageResponse):
    """Whether the closest pair of faces is the same person."""

    verified: bool = Field(description="True if the distance is within the threshold and no liveness check failed.")
    distance: float = Field(description=DISTANCE)
    threshold: float = Field(description=THRESHOLD)
    threshold_source: ThresholdSource = Field(description=THRESHOLD_SOURCE)
    confidence: float | None = key_if_set(f"{PAIR_CONFIDENCE} {NOT_MEASURED}")
    model: str = Field(description="Recognition model.")
    detector_backend: str = Field(description="Face detector.")
    similarity_metric: str = Field(description="Distance metric.")
    facial_areas: dict[Literal["img1", "img2"], FacialArea] = Field(description="Boxes of the compared pair.")
    person_id: Uuid | None = key_if_set("The person in the gallery, if the request names one in place of img2.")
    face_id: Uuid | None = key_if_set("The person's nearest stored face.")
    frame: int | None = key_if_set("Index of the compared frame, from 0: the middle one by distance.")
    img1_is_real: bool | None = key_if_set(IS_REAL)
    img1_antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)
    img2_is_real: bool | None = key_if_set(IS_REAL)
    img2_antispoof_score: float | None = key_if_set(ANTISPOOF_SCORE)
    time: float = Field(description="Processing time in seconds.")


class Attributes(BaseModel):
    """The attributes of a face. Percentages sum to 100."""

    age: int | None = key_if_set("Estimated age in years.")
    dominant_gender: str | None = key_if_set("The most probable gender: `Woman` or `Man`.")
    gender: dict[str, float] | None = key_if_set("Percentage by gender, 0 to 100.")
    dominant_emotion: str | None = key_if_set("The most probable emotion.")
    emotion: dict[str, float] | None = key_if_set("Percentage by emotion, 0 to 100.")
    dominant_race: str | None = key_if_set("The most probable group.")
    race: dict[str, float] | None = key_if_set("Percentage by group, 0 to 100.")


class AnalyzedFace(Attributes, Liveness):
    """One face with the requested attributes."""

    age_range: Annotated[list[int], Field(min_length=2, max_length=2)] | None = key_if_set(
        "The ages in years between which the central 80 % of the probability lies. Only of dlib's model."
    )
    region: FacialArea = Field(description="Box and landmarks of the face.")
    face_confidence: float = Field(description=FACE_CONFIDENCE)


class FacesResponse(ImageResponse):
    """Base of the responses that list the faces of an image."""

    faces_truncated: Literal[True] | None = key_if_set(
        "True if the image has more than MAX_FACES faces. The response is about the largest ones."
    )


class AnalyzeResponse(FacesResponse):
    """The attributes of every face."""

    count: int = Field(description="Number of faces in the response.")
    result: list[AnalyzedFace] = Field(description="One entry per face.")
    unavailable: dict[Action, str] | None = key_if_set(
        "The attributes that cannot be estimated here, each with the reason, if the request names no `actions`."
    )


class LocatedFace(Liveness):
    """One face."""

    facial_area: FacialArea
    face_confidence: float = Field(description="The detector's confidence, 0 to 1.")


class DetectResponse(FacesResponse):
    """Where every face is."""

    count: int
    result: list[LocatedFace]


class EmbeddedFace(Liveness):
    """One face and its embedding as the model returns it (not normalized)."""

    embedding: list[float] = Field(description="The numbers of the embedding, `dim` of them.")
    facial_area: FacialArea = Field(description="Box and landmarks of the face.")
    face_confidence: float = Field(description=FACE_CONFIDENCE)


class RepresentResponse(FacesResponse):
    """The embedding of every face."""

    count: int = Field(description="Number of faces in the response.")
    model: str = Field(description="Recognition model.")
    dim: int = Field(description="Number of values in each embedding.")
    result: list[EmbeddedFace] = Field(description="One entry per face.")


class MatchedFace(EmbeddedFace):
    """A face of the second image, and how far it is from the face of the first."""

    distance: float = Field(description=DISTANCE)


class MatchResponse(BaseModel):
    """The face of the first image, and every face of the second."""

    source: EmbeddedFace = Field(description="The face of the first image.")
    decision: VerifyResponse = Field(description="Whether the nearest face of the second image is the same person.")
    result: list[MatchedFace] = Field(description="One entry per face of the second image.")


class ExtractedFace(Liveness):
    """One cropped face."""

    face_base64: str = Field(description="Data URI of the crop as PNG.")
    facial_area: FacialArea = Field(description="Box and landmarks of the face.")
    confidence: float = Field(description=FACE_CONFIDENCE)


class ExtractResponse(FacesResponse):
    """The crop of every face of the image."""

    faces_found: int = Field(description="Number of faces in the response.")
    result: list[ExtractedFace] = Field(description="One entry per face.")


class QualityMeasures(BaseModel):
    """Quality measures of a face."""

    sharpness: float = Field(description="Variance of the Laplacian of the grey crop at 112 x 112 pixels.")
    brightness: float = Field(description="Mean of the grey crop, 0 to 255.")
    size_px: int = Field(description="Shorter side of the face's box, in pixels.")
    turn: float | None = key_if_set(
        "Distance of the nose from the midpoint of the eyes, divided by the distance between the eyes. From 0: looking"
        " straight ahead. Absent without a face."
    )
    score: float = Field(
        description="Overall quality, 0 to 1: the lowest measure, relative to a good value. The certainty of the"
        " detector counts as a measure. 0 without a face, or if it is not upright."
    )


class QualityRequest(DetectionOptions):
    """An image to check before it is registered."""

    img: ImageSource


class JudgedFace(BaseModel):
    """One face of the image with its quality."""

    facial_area: FacialArea = Field(description="Box and landmarks of the face.")
    face_confidence: float = Field(description=FACE_CONFIDENCE)
    quality: QualityMeasures = Field(description="The measures of the face.")
    reasons: list[str] = Field(
        description="Problems of the face: `no_face` (no face was found, or none was looked for), `uncertain` (the"
        " detector is not certain that it is a face), `upside_down` (also on its side), `blurred`, `too_dark`,"
        " `too_small`, `turned`."
    )
    advice: list[str] = Field(description="How to fix each problem.")


class QualityResponse(FacesResponse):
    """Whether the image is good enough to register, with the reasons if it is not."""

    acceptable: bool = Field(description="True if there are no reasons against the image.")
    reasons: list[str] = Field(description="`several_faces`, and the problems of the largest face.")
    advice: list[str] = Field(description="How to fix each problem.")
    count: int = Field(description="Number of faces in the response.")
    result: list[JudgedFace] = Field(description="One entry per face.")

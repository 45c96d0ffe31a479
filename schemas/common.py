"""Options and bodies shared by several endpoints."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

from schemas.names import Alignment, DetectionMethod, DetectorName, EmbeddingNormalization, Metric, ModelName


def _source(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """The image itself and no copy, because a URL carries the content that was fetched for it."""
    if not isinstance(value, str | bytes):
        raise PydanticCustomError("image_source", "Input should be a string or a file")
    if not value:
        raise PydanticCustomError("image_source", "The image is empty; send a file or a string with content")
    validate(value)
    return value


# A string in JSON and in text fields. Bytes (the encoded image) in file parts and raw bodies.
IMAGE = "a URL, a data URI, base64, or a path below the server's image folders. In multipart forms also a file."
ImageSource = Annotated[
    str | bytes,
    WrapValidator(_source),
    WithJsonSchema({"type": "string", "minLength": 1}),
    Field(description=f"The image: {IMAGE}"),
]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


RAW_IMAGE_FIELD = "img"  # also the field of a body that is the image itself

IMAGE_FIELDS = frozenset({RAW_IMAGE_FIELD, "img1", "img2"})

# JSON has one number type. JSON Schema, and clients that follow it, treat 5.0 as an integer.
WHOLE = BeforeValidator(_whole)


class _NullMeansDefault:
    """Marks a field with a default of its own, for which `null` means the same as leaving the field out."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.nullable_schema(handler(source))  # for the schema; `Request` removes the null before


NULL_MEANS_DEFAULT = _NullMeansDefault()


class Request(BaseModel):
    """Base of all request bodies. An undeclared field is an error. `null` means the same as leaving a field out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Whether the request is that of another system: unknown fields and the query string are ignored, and the body is no
    # image by itself.
    is_foreign: ClassVar[bool] = False

    # Whether the body is JSON, whatever its Content-Type says.
    is_json: ClassVar[bool] = False

    # The field whose list is the whole JSON, with no object around it.
    list_field: ClassVar[str] = ""

    # Whether the body is described as a form only.
    is_form: ClassVar[bool] = False

    # The text field of a form that may hold the API key. The body is then read before the key is known.
    key_field: ClassVar[str | None] = None

    # List fields. A form may repeat them, one value each time, or send comma-separated values.
    repeatable: ClassVar[frozenset[str]] = frozenset()

    # List fields of images. A form must repeat them, because data URIs contain commas.
    image_lists: ClassVar[frozenset[str]] = frozenset()

    # Fields of numbers. In a form they are JSON, and may be longer than other text.
    vectors: ClassVar[frozenset[str]] = frozenset()

    # Maximum number of values in the JSON, at all depths together. In a form: in all its text together.
    most_values: ClassVar[int] = 10_000

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        """The values without the nulls that mean a default, so that these fields count as left out everywhere."""
        if not isinstance(values, dict):
            return values
        marked = cls.nullable_fields()
        return {name: value for name, value in values.items() if value is not None or name not in marked}

    @classmethod
    def nullable_fields(cls) -> frozenset[str]:
        """The names of the fields with a default of their own that `null` stands for, or in a form an empty text."""
        return frozenset(name for name, field in cls.model_fields.items() if NULL_MEANS_DEFAULT in field.metadata)

    @classmethod
    def names(cls) -> frozenset[str]:
        """The names by which a request may send the fields."""
        return frozenset(name for field in cls.model_fields for name in (field, *cls._aliases(field)))

    @classmethod
    def field_of(cls, name: str, *, is_file: bool) -> str:
        """The name of the field to which a part of a form belongs: a file if `is_file`, else text."""
        return name

    @classmethod
    def name_of(cls, field: str) -> str:
        """The first name by which a request may send the field, or an item of it such as `frames[2]`."""
        name, bracket, item = field.partition("[")
        return next(iter(cls._aliases(name)), name) + bracket + item

    @classmethod
    def _aliases(cls, field: str) -> list[str]:
        info = cls.model_fields.get(field)
        alias = None if info is None else info.validation_alias
        if isinstance(alias, AliasChoices):
            return [str(name) for name in alias.choices]
        return [alias] if isinstance(alias, str) else []

    @classmethod
    def takes_raw_image(cls) -> bool:
        """Whether the body may be the image itself."""
        return RAW_IMAGE_FIELD in cls.model_fields and not cls.is_foreign

    @classmethod
    def image_fields(cls) -> frozenset[str]:
        """The names of the fields that take an image, or a list of images."""
        fields = IMAGE_FIELDS & cls.model_fields.keys()
        return frozenset(name for field in fields for name in (field, *cls._aliases(field))) | cls.image_lists


class Response(BaseModel):
    """Base of all success bodies."""

    success: Literal[True] = Field(True, description="True in every success response.")


def key_if_set(description: str | None = None) -> Any:
    """A field whose key is left out of the response if it has no value; it is never null."""
    return Field(None, exclude_if=lambda value: value is None, description=description)


class ImageWarning(BaseModel):
    """Something about an image that was read all the same."""

    field: str = Field(description="Field of the request that holds the image.")
    msg: str = Field(description="What is wrong with the image, for humans.")


class ImageResponse(Response):
    """Base of the success bodies of requests with images."""

    warnings: list[ImageWarning] | None = key_if_set("Images that were read although they are damaged.")


class DetectionOptions(Request):
    """Options for finding faces in an image."""

    # Whether only the face counts of which the detector is most certain.
    only_surest_face: ClassVar[bool] = False

    # Whether a face that is not live is an error.
    refuses_spoofs: ClassVar[bool] = False

    @property
    def min_confidence(self) -> float:
        """The confidence of the detector, 0 to 1, below which a face does not count."""
        return 0.0

    detector_backend: DetectorName | None = Field(
        None, description="Face detector. Default: DEFAULT_DETECTOR. `skip` treats the whole image as one face."
    )
    enforce_detection: bool | None = Field(
        None,
        description="If true, an image without a face is an error. If false, the whole image counts as one face."
        " Default: DEFAULT_ENFORCE_DETECTION.",
    )
    align: bool | None = Field(None, description="Rotate faces upright. Default: DEFAULT_ALIGN.")
    detection: DetectionMethod | None = Field(
        None,
        description="How the image is searched. `bounded`: in a small copy, and at full size only if the copy shows no"
        " face. `full`: always in both. `deepface`: in the full image with DeepFace's border. Default: DETECTION.",
    )
    expand_percentage: Annotated[int, Field(ge=0, le=100), WHOLE] | None = Field(
        None, description="Enlarge face boxes by this percentage. Default: DEFAULT_EXPAND_PERCENTAGE."
    )
    anti_spoofing: Annotated[bool, NULL_MEANS_DEFAULT] = Field(
        False, description="Also check whether each face is live or printed/replayed."
    )
    max_faces: Annotated[int, Field(ge=1, le=10_000), WHOLE] | None = Field(
        None, description="Maximum number of faces per image. The largest areas come first."
    )


class AlignmentOptions(DetectionOptions):
    """Options for finding and cropping faces."""

    alignment: Alignment | None = Field(
        None,
        description="How faces are aligned. `template`: as in the model's training. `eyes`: DeepFace's rotation about"
        " the eyes. `auto`: `template` if its threshold has been measured, else `eyes`. Default: DEFAULT_ALIGNMENT.",
    )


class EmbeddingOptions(AlignmentOptions):
    """Options for finding, cropping and embedding faces."""

    model_name: ModelName | None = Field(None, description="Recognition model. Default: DEFAULT_MODEL.")
    normalization: EmbeddingNormalization | None = Field(
        None,
        description="Normalization of the model's input. `base_l2`: as `base`, with embeddings scaled to length 1."
        " Default: DEFAULT_NORMALIZATION.",
    )


class MetricOptions(EmbeddingOptions):
    """Options for embedding faces and measuring their distance."""

    distance_metric: Metric | None = Field(None, description="Distance metric for embeddings. Default: DEFAULT_METRIC.")


class ComparisonOptions(MetricOptions):
    """Options for embedding and comparing faces."""

    # Whether DeepFace's thresholds hold, also where the service has measured its own.
    has_deepface_thresholds: ClassVar[bool] = False

    # Thresholds of another system, by model and metric, in place of DeepFace's.
    published_thresholds: ClassVar[Mapping[str, Mapping[str, float]]] = {}

    threshold: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Maximum distance that counts as the same person. Default: the service's own for the metric,"
        " the other options and the detector. Required if none is known for them.",
    )


# Meaning of response fields that several groups of endpoints have.
THRESHOLD_SOURCE = (
    "Where the threshold is from: the request, a measurement with this service, or DeepFace's published table."
)
DISTANCE = (
    "Distance of the two embeddings. Smaller is closer. 0 to 2 for `cosine` and `euclidean_l2`, 0 to 1 for `angular`,"
    " from 0 for `euclidean`."
)
THRESHOLD = "Maximum distance that counts as the same person, in the range of the distance."
SIMILARITY = (
    "1 - distance, or 1 / (1 + distance) for the euclidean metrics. Larger is closer. -1 to 1 for `cosine`, 0 to 1 for"
    " the others."
)
PAIR_CONFIDENCE = "Confidence that it is the same person, 0 to 100 percent."
NOT_MEASURED = "Absent with a template without measured thresholds."
FACE_CONFIDENCE = "The detector's confidence that this is a face, 0 to 1."
IS_REAL = "Whether the face is judged live. Only if liveness was checked."
ANTISPOOF_SCORE = "Mean probability of `real` over the two liveness models, 0 to 1. Only if liveness was checked."

PageLimit = Annotated[int, Field(ge=1, le=1000, description="Maximum number of entries per page.")]

Point = tuple[int, int]


def _point(what: str) -> str:
    return f"{what}: x and y in pixels of the upright image."


class FacialArea(BaseModel):
    """A face's box and landmarks in pixels of the upright image, origin top-left. Left and right are the person's."""

    x: int = Field(description="Left edge of the box, in pixels.")
    y: int = Field(description="Top edge of the box, in pixels.")
    w: int = Field(description="Width of the box, in pixels.")
    h: int = Field(description="Height of the box, in pixels.")
    left_eye: Point | None = Field(None, description=_point("Left eye of the person"))
    right_eye: Point | None = Field(None, description=_point("Right eye of the person"))
    nose: Point | None = key_if_set(_point("Nose"))
    mouth_left: Point | None = key_if_set(_point("Left corner of the mouth"))
    mouth_right: Point | None = key_if_set(_point("Right corner of the mouth"))


class ErrorBody(BaseModel):
    """The body of every error response."""

    success: Literal[False] = Field(False, description="False in every error response.")
    error_code: str = Field(description="Stable error code; see the table of errors.")
    message: str = Field(description="Explanation of the error for humans.")
    request_id: str = Field(description="Request ID, also in the header X-Request-Id and in the request's log lines.")
    details: dict[str, Any] = Field(
        description="More facts about the error, for example `fields`: a list of {field, msg}."
    )

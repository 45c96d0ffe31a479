"""What several endpoints share: names, options, the error body."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

ModelName = Literal[
    "VGG-Face",
    "Facenet",
    "Facenet512",
    "OpenFace",
    "DeepFace",
    "DeepID",
    "ArcFace",
    "Dlib",
    "SFace",
    "GhostFaceNet",
    "Buffalo_L",
]
DetectorName = Literal[
    "opencv",
    "ssd",
    "dlib",
    "mtcnn",
    "fastmtcnn",
    "retinaface",
    "mediapipe",
    "yolov8",
    "yolov8n",
    "yolov8m",
    "yolov8l",
    "yolov11n",
    "yolov11s",
    "yolov11m",
    "yolov11l",
    "yolov12n",
    "yolov12s",
    "yolov12m",
    "yolov12l",
    "yunet",
    "centerface",
    "skip",
]
Metric = Literal["cosine", "euclidean", "euclidean_l2", "angular"]
Normalization = Literal["base", "raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace"]
Alignment = Literal["auto", "eyes", "template"]
DetectionMethod = Literal["bounded", "full", "deepface"]
Action = Literal["age", "gender", "emotion", "race"]


def _source(value: object) -> object:
    if not isinstance(value, str | bytes):
        raise PydanticCustomError("image_source", "Input should be a string or a file")
    if not value:
        raise PydanticCustomError("image_source", "The image is empty")
    return value


# A string in JSON and text fields, the encoded image itself (bytes) in file parts and raw bodies.
ImageSource = Annotated[
    str | bytes,
    BeforeValidator(_source),
    WithJsonSchema({"type": "string", "minLength": 1}),
    Field(
        description="The image: a URL, a data URI, base64, or a path below the server's image folders; in multipart"
        " also the file itself."
    ),
]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON knows one kind of number: to JSON Schema, and to clients that write it so, 5.0 is an integer.
WHOLE = BeforeValidator(_whole)


class Request(BaseModel):
    """Base of all request bodies: no field but the declared ones. `null` means the same as leaving it out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Lists: a form may repeat them, one value each time, or separate the values by commas.
    repeatable: ClassVar[frozenset[str]] = frozenset()

    # Lists of images: a form repeats them. Commas are part of data URIs.
    image_lists: ClassVar[frozenset[str]] = frozenset()

    # How many values, however deep, the JSON may hold.
    most_values: ClassVar[int] = 10_000


class Response(BaseModel):
    """Base of all 200 bodies."""

    success: Literal[True] = True


def key_if_set(description: str | None = None) -> Any:
    """A field whose key is left out of the answer, rather than null, where it has no value."""
    return Field(None, exclude_if=lambda value: value is None, description=description)


class DetectionOptions(Request):
    """How faces are searched in the image."""

    detector_backend: DetectorName | None = Field(
        None, description="Face detector; by default DEFAULT_DETECTOR. `skip` takes the whole image as one face."
    )
    enforce_detection: bool | None = Field(
        None,
        description="Whether an image without a face is an error; if not, the whole image counts as one face. By"
        " default DEFAULT_ENFORCE_DETECTION.",
    )
    align: bool | None = Field(None, description="Whether faces are turned upright. By default DEFAULT_ALIGN.")
    detection: DetectionMethod | None = Field(
        None,
        description="How the detector is run: `bounded`, on a small copy, and at full size only if that shows no face;"
        " `full`, always on both; `deepface`, on the full image with DeepFace's border. By default DETECTION.",
    )
    expand_percentage: Annotated[int, Field(ge=0, le=100), WHOLE] | None = Field(
        None, description="By how many percent boxes grow. By default DEFAULT_EXPAND_PERCENTAGE."
    )
    anti_spoofing: bool = Field(False, description="Whether each face is also judged live or printed/replayed.")
    max_faces: Annotated[int, Field(ge=1, le=10_000), WHOLE] | None = Field(
        None, description="At most this many faces per image, the largest areas first."
    )


class AlignmentOptions(DetectionOptions):
    """How faces are searched and cut out."""

    alignment: Alignment | None = Field(
        None,
        description="How faces are aligned: `template`, as the model was trained; `eyes`, DeepFace's rotation about the"
        " eyes; `auto`, by the template where its threshold has been measured. By default DEFAULT_ALIGNMENT.",
    )


class EmbeddingOptions(AlignmentOptions):
    """How faces are searched, cut out and embedded."""

    model_name: ModelName | None = Field(None, description="Recognition model; by default DEFAULT_MODEL.")
    normalization: Normalization | None = Field(
        None, description="Normalisation of the model's input; by default DEFAULT_NORMALIZATION."
    )


class MetricOptions(EmbeddingOptions):
    """How faces are embedded, and their distance measured."""

    distance_metric: Metric | None = Field(None, description="Distance between embeddings; by default DEFAULT_METRIC.")


class ComparisonOptions(MetricOptions):
    """How faces are embedded and compared."""

    threshold: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Largest distance that counts as the same person; by default the model's own for the metric.",
    )


PageLimit = Annotated[int, Field(ge=1, le=1000)]

Point = Annotated[tuple[int, int], Field(description="x and y in pixels of the upright image.")]


class FacialArea(BaseModel):
    """A face's box and landmarks in pixels of the upright image, origin top-left; left and right are the person's."""

    x: int
    y: int
    w: int
    h: int
    left_eye: Point | None = None
    right_eye: Point | None = None
    nose: Point | None = key_if_set()
    mouth_left: Point | None = key_if_set()
    mouth_right: Point | None = key_if_set()


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    success: Literal[False] = False
    error_code: str = Field(description="Stable name of the error; see the table of errors.")
    message: str = Field(description="One sentence for a person.")
    request_id: str = Field(description="Also in the header X-Request-Id and on the log lines of this request.")
    details: dict[str, Any] = Field(
        description="What is known beyond the code, such as `fields`: a list of {field, msg}."
    )

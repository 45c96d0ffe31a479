"""Bodies of the face API of DeepStack and CodeProject.AI. Where their servers differ, all their clients bear these."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import override

from schemas import faces, gallery
from schemas.common import FACE_CONFIDENCE, FacialArea
from schemas.compat.common import DoorError, DoorRequest
from schemas.fields import Name
from schemas.text import identity

UNKNOWN = "unknown"  # the name of everybody whom the service does not recognize
METRIC = "cosine"

_CUT = 0.67  # DeepStack's: from this confidence on, a face has a name
_DECIMALS = 4
_MAX_FILES = 100

_NO_IMAGE = "No valid image file found"
_NO_PERSON = "userid not specified"
_NO_NUMBER = "Invalid value for min_confidence"
_TOO_LARGE = "min_confidence cannot be greater than 1"
_ONE_FILE = "expected two image files, only one found"
_MANY_FILES = "only two images allowed"
_TEXTS = frozenset({_NO_IMAGE, _NO_NUMBER, _TOO_LARGE, _ONE_FILE, _MANY_FILES})
_OF_MISSING = {"image": _NO_IMAGE, "images": _NO_IMAGE, "userid": _NO_PERSON}
_MISSING = "Field required"  # Pydantic's words


def confidence(distance: float, threshold: float) -> float:
    """How sure it is that two faces show one person, 0 to 1, for a cosine distance: DeepStack's cut is the threshold.

    DeepStack's own scale, (cosine + 1) / 2, gives strangers up to 0.95 with Dlib.
    """
    return round(min(max(1 - (1 - _CUT) * distance / threshold, 0), 1), _DECIMALS)


def _file(value: object) -> object:
    if not isinstance(value, bytes):
        raise PydanticCustomError("file", _NO_IMAGE)
    return value


def _number(value: object) -> object:
    """The number in a text; raises a PydanticCustomError if it is none, or above 1."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise PydanticCustomError("number", _NO_NUMBER)
    if number > 1:
        raise PydanticCustomError("number", _TOO_LARGE)
    return number


def _not_reserved(name: str) -> str:
    if identity(name) == UNKNOWN:
        raise PydanticCustomError("reserved", "The name unknown is reserved for faces that are not recognized")
    return name


def _two(files: list[bytes]) -> list[bytes]:
    if len(files) != 2:
        raise PydanticCustomError("two", _ONE_FILE if len(files) < 2 else _MANY_FILES)
    return files


ImageFile = Annotated[bytes, BeforeValidator(_file), WithJsonSchema({"type": "string", "format": "binary"})]
Confidence = Annotated[float, Field(ge=0, le=1), BeforeValidator(_number)]
UserId = Annotated[Name, AfterValidator(_not_reserved)]


class DeepStackRequest(DoorRequest):
    """A form; the names of its fields are read in any case."""

    is_form: ClassVar[bool] = True
    key_field: ClassVar[str | None] = "api_key"

    api_key: str | None = Field(
        None, description="The API key, before or after the files. Headers may hold it instead. Empty = none."
    )

    @classmethod
    @override
    def field_of(cls, name: str, *, is_file: bool) -> str:
        return name.lower()


class DeepStackImageRequest(DeepStackRequest):
    """A form with an image."""

    img: ImageFile = Field(validation_alias=AliasChoices("image"), description="The image: JPEG, PNG or WebP.")


class DeepStackFilesRequest(DeepStackRequest):
    """A form whose files are images, whatever their names."""

    image_lists: ClassVar[frozenset[str]] = frozenset({"images"})

    @classmethod
    @override
    def field_of(cls, name: str, *, is_file: bool) -> str:
        return "images" if is_file else super().field_of(name, is_file=is_file)


class DeepStackFaceRequest(DeepStackImageRequest):
    """An image in which faces are located."""

    min_confidence: Confidence = Field(
        0, description="Minimum confidence of the detector, 0 to 1. Empty = default: all that it finds."
    )


class DeepStackRecognizeRequest(DeepStackImageRequest):
    """An image whose faces are recognized."""

    min_confidence: Confidence = Field(
        _CUT,
        description="Minimum confidence of a name, 0 to 1. Empty = default. Up to 0.67 it changes nothing, because the"
        " service's own threshold holds; above, it is stricter.",
    )


class DeepStackRegisterRequest(DeepStackFilesRequest):
    """Images of one person."""

    userid: UserId = Field(description="The person's name. `unknown` is reserved.")
    images: Annotated[list[ImageFile], Field(min_length=1, max_length=_MAX_FILES)] = Field(
        description="Images of the person: every file of the form, whatever its name. The largest face of each counts."
    )


class DeepStackMatchRequest(DeepStackFilesRequest):
    """Two images to compare."""

    images: Annotated[list[ImageFile], AfterValidator(_two)] = Field(
        description="Two images: the files of the form, whatever their names.",
        json_schema_extra={"minItems": 2, "maxItems": 2},
    )


class DeepStackDeleteRequest(DeepStackRequest):
    """A person to delete."""

    userid: UserId = Field(description="The person's name.")


class DeepStackIdentify(gallery.IdentifyRequest):
    """An image whose faces are identified; nobody is in a collection that does not exist."""

    requires_collection: ClassVar[bool] = False


class DeepStackAnswer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    success: Literal[True] = Field(True, description="True in every answer that is no error.")
    duration: float = Field(0, description="Time since the request began, in seconds.")
    code: Literal[200] = Field(200, description="The HTTP status, always 200.")
    inference_ms: int = Field(0, alias="inferenceMs", description="Time to find and compare faces, in milliseconds.")
    process_ms: int = Field(0, alias="processMs", description="Time since the request began, in milliseconds.")


class DeepStackBox(BaseModel):
    """The box of a face in pixels of the upright image, origin top-left."""

    x_min: int = Field(description="Left edge of the box, in pixels.")
    y_min: int = Field(description="Top edge of the box, in pixels.")
    x_max: int = Field(description="Right edge of the box, in pixels.")
    y_max: int = Field(description="Bottom edge of the box, in pixels.")


class DeepStackFace(DeepStackBox):
    """A located face."""

    confidence: float = Field(description=FACE_CONFIDENCE)


class DeepStackRecognizedFace(DeepStackBox):
    """A face, with the name of the person if one is recognized."""

    confidence: float = Field(
        description="How sure the name is, 0 to 1: 0.67 lies on the service's threshold. 0 without a name."
    )
    userid: str = Field(description="The person's name. `unknown` if nobody is recognized.")


class DeepStackPredictions(DeepStackAnswer):
    """Base of the answers with faces."""

    count: int = Field(description="Number of faces.")
    message: str = Field(description="The number of faces, for humans.")


class DeepStackFaceResponse(DeepStackPredictions):
    """The located faces, the largest first."""

    predictions: list[DeepStackFace] = Field(description="The faces, the largest first.")

    @classmethod
    def of(cls, found: Sequence[faces.LocatedFace], least: float) -> Self:
        """The faces of which the detector is at least so certain."""
        predictions = [
            DeepStackFace(confidence=face.face_confidence, **_box(face.facial_area))
            for face in found
            if face.face_confidence >= least
        ]
        return cls(predictions=_largest_first(predictions), **_counted(len(predictions)))


class DeepStackRecognizeResponse(DeepStackPredictions):
    """The faces with the names of their persons, the largest first."""

    predictions: list[DeepStackRecognizedFace] = Field(description="The faces, the largest first.")

    @classmethod
    def of(cls, found: Sequence[gallery.IdentifiedFace], least: float) -> Self:
        """The identified faces. A face has a name from the confidence `least` on."""
        predictions = [_recognized(face, least) for face in found]
        return cls(predictions=_largest_first(predictions), **_counted(len(predictions)))


class DeepStackRegisterResponse(DeepStackAnswer):
    """That the faces are stored."""

    message: Literal["face added", "face updated"] = Field(
        description="`face updated` if the person had been registered before."
    )


class DeepStackMatchResponse(DeepStackAnswer):
    """How much alike two faces are."""

    similarity: float = Field(
        description="How sure it is that both images show one person, 0 to 1: 0.67 lies on the service's threshold."
    )

    @classmethod
    def of(cls, answer: faces.VerifyResponse) -> Self:
        """The answer of the service."""
        return cls(similarity=confidence(answer.distance, answer.threshold))


class DeepStackListResponse(DeepStackAnswer):
    """The registered persons."""

    faces: list[str] = Field(description="The names of all persons, sorted.")


class DeepStackDeleteResponse(DeepStackAnswer):
    """That the person is not registered, now or before."""


class DeepStackPing(BaseModel):
    """That the service is there."""

    success: Literal[True] = Field(True, description="Always true.")
    code: Literal[200] = Field(200, description="The HTTP status, always 200.")


class DeepStackError(DoorError):
    """The body of every error."""

    success: Literal[False] = Field(False, description="False in every error.")
    error: str = Field(description="Explanation of the error for humans.")
    code: int = Field(description="The HTTP status, 400 to 599.")

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        return cls(error=next(filter(None, map(_said, fields)), message), code=status)


def _said(wrong: dict[str, str]) -> str | None:
    """The text of DeepStack about a wrong field; None if it has none."""
    if wrong["msg"] == _MISSING:
        return _OF_MISSING.get(wrong["field"])
    return wrong["msg"] if wrong["msg"] in _TEXTS else None


def _box(area: FacialArea) -> dict[str, int]:
    return {"x_min": area.x, "y_min": area.y, "x_max": area.x + area.w, "y_max": area.y + area.h}


def _largest_first(boxes: list[Any]) -> list[Any]:
    return sorted(boxes, key=lambda box: -(box.x_max - box.x_min) * (box.y_max - box.y_min))


def _counted(count: int) -> dict[str, Any]:
    faces_found = {0: "No faces found", 1: "Found 1 face"}.get(count, f"Found {count} faces")
    return {"count": count, "message": faces_found}


def _recognized(face: gallery.IdentifiedFace, least: float) -> DeepStackRecognizedFace:
    assert face.facial_area is not None, "the request has an image"
    if face.decision == "match":
        nearest = face.matches[0]
        sure = confidence(nearest.distance, nearest.threshold)
        if sure >= least:
            return DeepStackRecognizedFace(userid=nearest.name, confidence=sure, **_box(face.facial_area))
    return DeepStackRecognizedFace(userid=UNKNOWN, confidence=0, **_box(face.facial_area))

"""Several images of one capture, in place of one image."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from schemas.common import ImageSource


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

FRAMES_INSTEAD = (
    "In place of {field}: 2 to 5 images of one capture, each with the same one face. Whether it is a live one is judged"
    " over all of them, whatever anti_spoofing says."
)


def image_or_frames(image: str | bytes | None, given: ValidationInfo) -> str | bytes | None:
    """Validates the image of a model whose `frames`, declared before it, may take its place."""
    if "frames" in given.data:  # else they are wrong, and an error of their own
        if image is None and given.data["frames"] is None:
            raise PydanticCustomError("missing", "Field required")
        if image is not None and given.data["frames"] is not None:
            raise PydanticCustomError("frames", "Give either {field} or frames", {"field": given.field_name})
    return image

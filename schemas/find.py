"""Request and response bodies of the photo folder."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from schemas.common import (
    DISTANCE,
    NULL_MEANS_DEFAULT,
    PAIR_CONFIDENCE,
    THRESHOLD,
    THRESHOLD_SOURCE,
    WHOLE,
    ComparisonOptions,
    ImageSource,
    Request,
    Response,
    key_if_set,
)
from schemas.faces import FacesResponse, Liveness
from schemas.names import ThresholdSource

Refresh = TypeAliasType("Refresh", Literal["auto", "wait"])


class FailedPhoto(BaseModel):
    """A photo that is not searched."""

    photo: str = Field(description="Path below FACES_DB_PATH. Bytes that are not UTF-8 are written as in `\\xff`.")
    reason: str = Field(description="The reason, as in `failed`.")


class IndexesQuery(Request):
    """What the list of indexes shows."""

    failed: bool = Field(False, description="Also list the photos without a face in each index, at most 1000.")


class IndexStatus(BaseModel):
    """One index of the photos in FACES_DB_PATH, made with one detector and one model."""

    name: str = Field(description="The options of the index as one text, for FIND_SPACES.")
    model: str = Field(description="Recognition model.")
    detector_backend: str = Field(description="Face detector.")
    alignment: str = Field(
        description="How faces are aligned. `none` if they are not. `template_rgb` is `template` with the model's own"
        " colours."
    )
    detection: str = Field(description="How images are searched: `bounded`, `full` or `deepface`.")
    normalization: str = Field(description="Normalization of the model's input.")
    expand_percentage: int = Field(description="Enlargement of the face boxes, 0 to 100 percent.")
    state: Literal["ready", "building", "failed", "kept", "stored"] = Field(
        description="`ready`: answers requests. `building`: a build is running; the last complete index, if any,"
        " answers. `failed`: the next request retries the build. `kept`: answers although the folder shows no photos"
        " any more, for example because its disk is not mounted. `stored`: on disk, not used since the start."
    )
    permanent: bool = Field(
        description="Whether the index is the default one or was made by a command. Other indexes may make room for one"
        " that a request builds."
    )
    photos: int = Field(description="Number of photos in the index.")
    faces: int = Field(description="Number of faces in these photos.")
    pending: int | None = key_if_set("Number of changed photos that are not in the index yet. Only for indexes in use.")
    done: int | None = key_if_set("Number of photos that the running build has processed.")
    total: int | None = key_if_set("Number of photos that the running build has to process.")
    failed: dict[str, int] = Field(description="Number of photos without a face in the index, by reason.")
    failures: list[FailedPhoto] | None = key_if_set("The photos counted in `failed`. Only with `failed=true`.")
    bytes: int | None = key_if_set("Size of the index file, in bytes.")
    age_s: float | None = key_if_set("Seconds since the index file was written.")


class IndexesResponse(Response):
    """The indexes of the photo folder."""

    indexes: list[IndexStatus] = Field(description="One entry per index.")


class FindRequest(ComparisonOptions):
    """An image whose faces are searched for in the photos of FACES_DB_PATH."""

    img: ImageSource
    k: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = Field(
        None, description="Maximum number of rows per face of the image. Default: all."
    )
    similarity_search: Annotated[bool, NULL_MEANS_DEFAULT] = Field(
        False, description="Also list faces beyond the threshold."
    )
    refresh: Annotated[Refresh, NULL_MEANS_DEFAULT] = Field(
        "auto",
        description="`auto`: answer from the last complete index and report how many photos are `pending`. `wait`:"
        " first wait until the index contains every changed photo.",
    )


class PhotoQuery(Request):
    """The size of a photo."""

    size: Annotated[int, Field(ge=16, le=4096)] = Field(
        1600, description="Longest side of the answer, 16 to 4096 pixels. Smaller photos are not enlarged."
    )


class FoundPhoto(Liveness):
    """A face of a photo (target) compared with a face of the image (source)."""

    identity: str = Field(description="Path of the photo: with FACES_DB_PATH, or relative to it.")
    photo_id: str = Field(description="ID of the photo, for `GET /find/photos/{photo_id}`.")
    person: str | None = Field(
        description="The first folder below FACES_DB_PATH. Null if there is none, or with FIND_PERSON=off."
    )
    distance: float = Field(description=DISTANCE)
    threshold: float | None = Field(
        description=f"{THRESHOLD} Null if none is known for the options of a `similarity_search`."
    )
    confidence: float | None = Field(
        description=f"{PAIR_CONFIDENCE} Null without a threshold, and with a template without measured thresholds."
    )
    target_x: int = Field(description="Left edge of the face in the photo, in pixels.")
    target_y: int = Field(description="Top edge of the face in the photo, in pixels.")
    target_w: int = Field(description="Width of the face in the photo, in pixels.")
    target_h: int = Field(description="Height of the face in the photo, in pixels.")
    source_x: int = Field(description="Left edge of the face in the image, in pixels.")
    source_y: int = Field(description="Top edge of the face in the image, in pixels.")
    source_w: int = Field(description="Width of the face in the image, in pixels.")
    source_h: int = Field(description="Height of the face in the image, in pixels.")


class FindResponse(FacesResponse):
    """One list of photos per face of the image, nearest first."""

    faces_queried: int = Field(description="Number of faces of the image that were searched for.")
    pending: int = Field(description="Number of changed photos that this response does not reflect yet.")
    threshold_source: ThresholdSource | None = Field(description=f"{THRESHOLD_SOURCE} Null without a threshold.")
    result: list[list[FoundPhoto]] = Field(description="One list of photos per face of the image.")

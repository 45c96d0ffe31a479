"""What is said of the indexes of the photo folder."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from schemas.common import WHOLE, ComparisonOptions, ImageSource, Response, key_if_set
from schemas.faces import Liveness


class IndexStatus(BaseModel):
    """One index: the photos of FACES_DB_PATH as one detector finds and one model embeds the faces in them."""

    model: str
    detector_backend: str
    alignment: str = Field(description="How faces are aligned; `none` where they are not.")
    detection: str
    normalization: str
    expand_percentage: int
    state: Literal["ready", "building", "failed", "kept", "stored"] = Field(
        description="`ready` answers; `building` does as well, from the last complete one if there is one; `failed` is"
        " tried again by the next request; `kept` answers although the folder shows no photo any more, as if its disk"
        " were not mounted; `stored` is on disk and was not asked for since the start."
    )
    photos: int = Field(description="Photos the index reflects.")
    faces: int = Field(description="Faces in them.")
    pending: int | None = key_if_set("Changed photos the index does not reflect yet; only of one in use.")
    done: int | None = key_if_set("Photos that the build under way has done.")
    total: int | None = key_if_set("Photos that the build under way has to do.")
    failed: dict[str, int] = Field(description="Photos without a face in the index, by the reason.")
    bytes: int | None = key_if_set("Size of the file.")
    age_s: float | None = key_if_set("Seconds since the file was written.")


class IndexesResponse(Response):
    """The indexes of the photo folder."""

    indexes: list[IndexStatus]


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

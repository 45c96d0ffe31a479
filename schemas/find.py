"""What is said of the indexes of the photo folder."""

from typing import Literal

from pydantic import BaseModel, Field

from schemas.common import Response, key_if_set


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

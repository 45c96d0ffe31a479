"""Bodies of the endpoints about the persons, faces and collections of the gallery."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue

from schemas.common import FacialArea, PageLimit, Request, Response
from schemas.faces import QualityMeasures
from schemas.fields import CollectionName, Id, Labels, Metadata, Moment, Name


class ForgetRequest(Request):
    """A face or person to be forgotten."""

    id: Id


class Receipt(Response):
    """What was forgotten, and when; the number is that of the event."""

    receipt_id: str
    forgotten_at: datetime
    person_id: str = Field(description="Empty where it was a collection.")
    face_id: str = Field(description="Empty where it was all of a person.")
    bytes_gone: bool = Field(
        description="Whether the bytes are in no file any more; if not, they are out of reach of any query, and leave"
        " the disk with `gallery purge`."
    )


class PersonRow(BaseModel):
    """A person of the gallery."""

    id: str
    collection: str
    name: str
    labels: dict[str, str]
    metadata: dict[str, JsonValue]
    registered_at: datetime
    retain_until: datetime | None
    faces: int


class PersonInfo(Response, PersonRow):
    """A person of the gallery."""


class PersonsQuery(Request):
    """Which persons are listed."""

    collection: CollectionName | None = Field(None, description="Of this collection only.")
    name: str = Field("", max_length=200, pattern=r"^[^\x00]*$", description="Whose name has this in it, in any case.")
    labels: Labels | None = Field(None, description="Who have all these labels, as JSON.")
    cursor: str | None = Field(None, max_length=2000, description="The `next_cursor` of the page before.")
    limit: PageLimit = 100


class PersonsResponse(Response):
    """A page of persons, by name."""

    persons: list[PersonRow]
    next_cursor: str | None


class PersonChanges(Request):
    """What is to be changed of a person; labels and metadata take the place of the old ones."""

    name: Name | None = None
    labels: Labels | None = None
    metadata: Metadata | None = None
    retain_until: Moment | None = None


class MergeRequest(Request):
    """The persons whose faces become those of the person of the path."""

    person_ids: Annotated[list[Id], Field(min_length=1, max_length=100, fail_fast=True)]
    retain_until: Moment | None = Field(
        None,
        description="Until when the person is kept, null is for ever; to be given where those of the persons differ.",
    )


class FaceRow(BaseModel):
    """A face of the gallery; its embedding is given to nobody."""

    id: str
    person_id: str
    collection: str
    model: str
    alignment: str = Field(description="As it came out: `template`, `eyes`, or `none` where nothing was turned.")
    detection: str
    normalization: str
    expand_percentage: int
    detector_backend: str
    weights: str = Field(description="Of which files the detector and the model were, and what ran them.")
    facial_area: FacialArea
    face_confidence: float
    quality: QualityMeasures
    liveness: float | None = Field(description="The probability of a real face; null where it was not judged.")
    has_crop: bool
    registered_at: datetime


class FaceInfo(Response, FaceRow):
    """A face of the gallery; its embedding is given to nobody."""


class PersonDetails(PersonInfo):
    """A person with all faces."""

    face_list: list[FaceRow]


class CollectionRequest(Request):
    """A collection to be made."""

    name: CollectionName


class CollectionQuery(Request):
    """How a collection is removed."""

    with_persons: bool = Field(False, description="Whether all its persons are forgotten with it.")


class CollectionRow(BaseModel):
    """A collection."""

    name: str
    persons: int


class CollectionInfo(Response, CollectionRow):
    """A collection."""


class CollectionsResponse(Response):
    """All collections, by name."""

    collections: list[CollectionRow]

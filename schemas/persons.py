"""Request and response bodies of the persons, faces and collections of the gallery."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, RootModel

from schemas.common import FacialArea, PageLimit, Request, Response, key_if_set
from schemas.faces import QualityMeasures
from schemas.fields import CollectionName, Id, Labels, Metadata, Moment, Name
from schemas.gallery import FaceSpace, SpacePersons


class ForgetRequest(Request):
    """A face or person to delete."""

    id: Id


class Receipt(Response):
    """What was deleted, and when. `receipt_id` is the ID of the audit event."""

    receipt_id: str
    forgotten_at: datetime
    person_id: str = Field(
        description="Empty if a collection was deleted, and for API keys without `gallery:read` also if a face was."
    )
    face_id: str = Field(description="Empty if a whole person was deleted.")
    bytes_gone: bool = Field(
        description="True if no file contains the deleted bytes any more. If false, no query reaches them, and"
        " `gallery purge` erases them from the disk."
    )


class PersonRow(BaseModel):
    """A person in the gallery."""

    id: str
    collection: str
    name: str
    labels: dict[str, str]
    metadata: dict[str, JsonValue]
    registered_at: datetime
    retain_until: datetime | None
    faces: int
    problem: str | None = key_if_set("Names the stored values that cannot be read. They are left out here.")


class PersonInfo(Response, PersonRow):
    """A person in the gallery."""


class PersonId(Response):
    """A changed person, for API keys without `gallery:read`."""

    id: str


class ChangedPerson(RootModel[PersonInfo | PersonId]):
    """A changed person. API keys without `gallery:read` get the ID only."""


class PersonsQuery(Request):
    """Filters for the list of persons."""

    collection: CollectionName | None = Field(None, description="Only persons in this collection.")
    name: str = Field(
        "", max_length=200, pattern=r"^[^\x00]*$", description="Only persons with this text in their name, in any case."
    )
    labels: Labels | None = Field(None, description="Only persons who have all these labels, as JSON.")
    cursor: str | None = Field(None, max_length=2200, description="`next_cursor` of the previous page.")
    limit: PageLimit = 100


class PersonsResponse(Response):
    """A page of persons, sorted by name."""

    persons: list[PersonRow]
    next_cursor: str | None


class PersonChanges(Request):
    """Changes to a person. New labels and metadata replace the old ones."""

    name: Name | None = None
    labels: Labels | None = None
    metadata: Metadata | None = None
    retain_until: Moment | None = None


class MergeRequest(Request):
    """Persons to merge into the person in the path."""

    person_ids: Annotated[list[Id], Field(min_length=1, max_length=100, fail_fast=True)]
    retain_until: Moment | None = Field(
        None,
        description="Until when to keep the merged person. Null = unlimited. Required if the persons' dates differ.",
    )


class FaceRow(BaseModel):
    """A face in the gallery. Its embeddings are never returned. The model and options are those of the request."""

    id: str
    person_id: str
    collection: str
    model: str
    alignment: str = Field(description="The alignment used: `template`, `template_rgb`, `eyes`, or `none`.")
    detection: str
    normalization: str
    expand_percentage: int
    detector_backend: str
    weights: str = Field(description="Identifies the files of the detector and the model, and the runtime.")
    facial_area: FacialArea
    face_confidence: float
    quality: QualityMeasures | None = Field(description="Null if the stored measures cannot be read.")
    liveness: float | None = Field(description="Probability of a real face. Null if liveness was not checked.")
    has_crop: bool
    registered_at: datetime
    spaces: list[FaceSpace] | None = key_if_set(
        "All models and options by which the face can be compared. Left out if there are only those above."
    )


class FaceInfo(Response, FaceRow):
    """A face in the gallery. Its embedding is never returned."""


class FacesQuery(Request):
    """The page of a person's faces."""

    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the previous page.")
    limit: PageLimit = 100


class PersonDetails(PersonInfo):
    """A person with a page of their faces, in the order of registration. `faces` is the number of all."""

    face_list: list[FaceRow]
    next_cursor: str | None = Field(description="`cursor` of the next page of faces. Null at the end.")


class CollectionRequest(Request):
    """A collection to create."""

    name: CollectionName


class CollectionQuery(Request):
    """Options for deleting a collection."""

    with_persons: bool = Field(False, description="Also delete all persons in the collection.")


class CollectionRow(BaseModel):
    """A collection and its number of persons."""

    name: str
    persons: int
    spaces: list[SpacePersons] | None = key_if_set(
        "How many of the persons have faces of each model and options. A search compares only persons with faces of its"
        " own model and options. Left out if all faces have the same."
    )


class CollectionInfo(Response, CollectionRow):
    """A collection and its number of persons."""


class CollectionsResponse(Response):
    """All collections, sorted by name."""

    collections: list[CollectionRow]

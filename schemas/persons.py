"""Request and response bodies of the persons, faces and collections of the gallery."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field, JsonValue, RootModel

from schemas.common import (
    FACE_CONFIDENCE,
    NULL_MEANS_DEFAULT,
    WHOLE,
    FacialArea,
    PageLimit,
    Request,
    Response,
    key_if_set,
)
from schemas.faces import QualityMeasures
from schemas.fields import CollectionName, Id, Labels, Metadata, Moment, Name, Uuid
from schemas.gallery import FaceSpace, SpacePersons


class ForgetRequest(Request):
    """A face or person to delete."""

    id: Id = Field(description="ID of the face or person.")


class Receipt(Response):
    """What was deleted, and when."""

    receipt_id: str = Field(description="ID of the event in the audit trail: a number as text.")
    forgotten_at: datetime = Field(description="Time of the deletion, in UTC.")
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

    id: Uuid = Field(description="ID of the person.")
    collection: str = Field(description="Collection of the person.")
    name: str = Field(description="Name of the person, unique in the collection.")
    labels: dict[str, str] = Field(description="Labels of the person, by key.")
    metadata: dict[str, JsonValue] = Field(description="Metadata of the person, by key.")
    registered_at: datetime = Field(description="Time of the first registration, in UTC.")
    retain_until: datetime | None = Field(
        description="The person is due for deletion after this moment, in UTC. Null = unlimited."
    )
    faces: int = Field(description="Number of the person's faces.")
    cover_face_id: Uuid | None = Field(
        description="ID of the face to show for the person: the first one with a stored crop, or else the first one."
        " Null without faces."
    )
    has_crop: bool = Field(description="Whether the crop of this face is stored.")
    problem: str | None = key_if_set("Names the stored values that cannot be read. They are left out here.")


class PersonInfo(Response, PersonRow):
    """A person in the gallery."""


class PersonId(Response):
    """A changed person, for API keys without `gallery:read`."""

    id: Uuid = Field(description="ID of the person.")


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

    persons: list[PersonRow] = Field(description="The persons of this page.")
    next_cursor: str | None = Field(description="`cursor` of the next page. Null at the end.")


class PersonChanges(Request):
    """Changes to a person. New labels and metadata replace the old ones."""

    name: Name | None = Field(None, description="New name, 1 to 200 characters in one line.")
    labels: Labels | None = Field(None, description="All labels of the person, at most 50. In forms: JSON.")
    metadata: Metadata | None = Field(
        None, description="All metadata of the person, at most 10,000 characters as JSON. In forms: JSON."
    )
    retain_until: Moment | None = Field(
        None, description="The person is due for deletion after this moment. Null = unlimited."
    )


class MergeRequest(Request):
    """Persons to merge into the person in the path."""

    person_ids: Annotated[list[Id], Field(min_length=1, max_length=100, fail_fast=True)] = Field(
        description="IDs of the persons to merge and delete, 1 to 100."
    )
    retain_until: Moment | None = Field(
        None,
        description="Until when to keep the merged person. Null = unlimited. Required if the persons' dates differ.",
    )


class FaceRow(BaseModel):
    """A face in the gallery. Its embeddings are never returned. The model and options are those of the request."""

    id: Uuid = Field(description="ID of the face.")
    person_id: Uuid = Field(description="ID of the person.")
    collection: str = Field(description="Collection of the person.")
    model: str = Field(description="Recognition model of the embedding.")
    alignment: str = Field(description="The alignment used: `template`, `template_rgb`, `eyes`, or `none`.")
    detection: str = Field(description="How the image was searched: `bounded`, `full` or `deepface`.")
    normalization: str = Field(description="Normalization of the model's input.")
    expand_percentage: int = Field(description="Enlargement of the face box, 0 to 100 percent.")
    detector_backend: str = Field(description="Face detector.")
    weights: str = Field(description="Identifies the files of the detector and the model, and the runtime.")
    facial_area: FacialArea = Field(description="Box and landmarks of the face in its image.")
    face_confidence: float = Field(description=FACE_CONFIDENCE)
    quality: QualityMeasures | None = Field(description="Null if the stored measures cannot be read.")
    liveness: float | None = Field(description="Probability of a real face, 0 to 1. Null if liveness was not checked.")
    has_crop: bool = Field(description="Whether the crop of the face is stored.")
    registered_at: datetime = Field(description="Time of the registration, in UTC.")
    set_aside: bool = Field(description="True if the face is kept without being compared.")
    photo: str | None = key_if_set("Name of the photo, if a client of DeepFace's API gave one.")
    spaces: list[FaceSpace] | None = key_if_set(
        "All models and options by which the face can be compared. Left out if there are only those above."
    )


class FaceInfo(Response, FaceRow):
    """A face in the gallery. Its embedding is never returned."""


class FaceId(Response):
    """A changed face, for API keys without `gallery:read`."""

    id: Uuid = Field(description="ID of the face.")


class ChangedFace(RootModel[FaceInfo | FaceId]):
    """A changed face. API keys without `gallery:read` get the ID only."""


class FaceChanges(Request):
    """Changes to a face."""

    person_id: Id | None = Field(
        None, description="Move the face to this person, who is in the same collection. Default: no move."
    )
    set_aside: bool | None = Field(
        None,
        description="True: keep the face and no longer compare it. False: compare it again. Default: no change.",
    )


class CropQuery(Request):
    """The size of a crop."""

    size: Annotated[int, Field(ge=16, le=1024)] | None = Field(
        None, description="Longest side of the image, 16 to 1024 pixels. Smaller crops stay. Default: as stored."
    )


class CropsRequest(Request):
    """Faces whose crops are shown together."""

    repeatable: ClassVar[frozenset[str]] = frozenset({"ids"})

    ids: Annotated[list[Id], Field(min_length=1, max_length=100, fail_fast=True)] = Field(
        description="IDs of the faces, 1 to 100."
    )
    size: Annotated[int, Field(ge=16, le=512), WHOLE, NULL_MEANS_DEFAULT] = Field(
        160, description="Longest side of each image, 16 to 512 pixels. Smaller crops stay."
    )


class FaceCrop(BaseModel):
    """The crop of a face as a thumbnail."""

    id: Uuid = Field(description="ID of the face.")
    image: str = Field(description="Data URI of the crop as JPEG.")


class CropsResponse(Response):
    """The crops of several faces."""

    crops: list[FaceCrop] = Field(
        description="One entry per face with a stored crop, in the order of the request. Other IDs are left out."
    )


class FacesQuery(Request):
    """The page of a person's faces."""

    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the previous page.")
    limit: PageLimit = 100


class PersonDetails(PersonInfo):
    """A person with a page of their faces, in the order of registration. `faces` is the number of all."""

    face_list: list[FaceRow] = Field(description="The faces of this page.")
    next_cursor: str | None = Field(description="`cursor` of the next page of faces. Null at the end.")


class CollectionRequest(Request):
    """A collection to create."""

    name: CollectionName = Field(description="Name of the collection: 1 to 100 letters, digits, `_`, `.` and `-`.")


class CollectionQuery(Request):
    """Options for deleting a collection."""

    with_persons: bool = Field(False, description="Also delete all persons in the collection.")


class CollectionRow(BaseModel):
    """A collection and its number of persons."""

    name: str = Field(description="Name of the collection.")
    persons: int = Field(description="Number of its persons.")
    spaces: list[SpacePersons] | None = key_if_set(
        "How many of the persons have faces of each model and options. A search compares only persons with faces of its"
        " own model and options. Left out if all faces have the same."
    )


class CollectionInfo(Response, CollectionRow):
    """A collection and its number of persons."""


class CollectionsResponse(Response):
    """All collections, sorted by name."""

    collections: list[CollectionRow] = Field(description="One entry per collection.")

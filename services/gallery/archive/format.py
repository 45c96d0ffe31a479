"""The format of an export: an uncompressed zip of JSON lines, arrays and face images."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, NonNegativeInt, StringConstraints

from schemas.fields import CollectionName, Labels, Metadata, Name, Number, UtcTime
from schemas.names import ModelName
from services.deepface.interface import EmbeddingSpace, FaceArea
from services.models.catalogue import catalogue

MANIFEST, PERSONS, FACES = "manifest.json", "persons.jsonl", "faces.jsonl"

# Words of the service, which commands print.
_Short = Annotated[str, StringConstraints(max_length=20, pattern=r"^[ -~]*$")]
_Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[ -~]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Space(_Part):
    """An embedding space."""

    model: ModelName
    alignment: _Short
    detection: _Short
    normalization: _Short
    expand_percentage: Annotated[int, Field(ge=0, le=100)]


class Manifest(_Part):
    """`members` are the other files of the zip, each with its SHA-256; the space at n has `embeddings/n.npy`.

    Format 2 has faces with several embeddings, or with the name of the photo. Format 3 has faces that are set aside.
    """

    format: Literal[1, 2, 3] = 1
    persons: int
    faces: int
    collections: list[CollectionName]
    spaces: list[Space]
    members: dict[str, str]


# A name as earlier versions took it.
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class PersonLine(_Part):
    """A person; `faces` is how many of the next face lines belong to the person."""

    id: UUID
    collection: CollectionName
    name: _Name
    labels: dict[str, str]
    metadata: dict[str, JsonValue]
    registered_at: AwareDatetime
    retain_until: AwareDatetime | None
    faces: NonNegativeInt


class StorablePerson(BaseModel):
    """The values of a person that a gallery takes; earlier versions took and exported others."""

    name: Name
    labels: Labels
    metadata: Metadata
    registered_at: UtcTime
    retain_until: UtcTime | None


class SpaceOfFace(_Part):
    """An embedding of a face: the next one of this embedding space."""

    space: NonNegativeInt
    weights: _Text


class FaceLine(_Part):
    """A face. `space` and `weights` are of its first embedding, and `also` has the others."""

    id: UUID
    space: NonNegativeInt
    detector: _Short
    weights: _Text
    area: FaceArea
    confidence: Number
    quality: dict[str, Number]
    liveness: Number | None
    has_crop: bool
    registered_at: UtcTime
    photo: _Name | None = Field(default=None, exclude_if=lambda photo: photo is None)
    also: list[SpaceOfFace] = Field(default=[], exclude_if=lambda also: not also)
    set_aside: bool = Field(default=False, exclude_if=lambda set_aside: not set_aside)


def dimension_of(space: EmbeddingSpace) -> int:
    """The length of the space's embeddings; raises KeyError or ValueError if its model has none."""
    dimension = catalogue.find(space.model).dim
    if dimension is None:
        raise ValueError("the model has no embeddings")
    return dimension


def array_name(place: int) -> str:
    """The name of the member with the embeddings of the manifest's space at this position."""
    return f"embeddings/{place}.npy"


def crop_name(face_id: UUID) -> str:
    """The name of the member with the image of a face."""
    return f"crops/{face_id}.png"

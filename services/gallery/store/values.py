"""The values that the gallery's database takes and returns: persons, faces, and what happened to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from services.audit.events import Event, RecordedEvent
from services.deepface.interface import EmbeddingSpace, FaceArea

Vector = npt.NDArray[np.float32]


class IdempotencyKeyTaken(Exception):
    """Another registration used this idempotency key first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of a collection; the name is unique in the collection.

    `cover_face_id` is the face to show for the person, None without faces, and `has_crop` whether it has an image.
    `problem` names the stored values that cannot be read and are empty here; usually, it is None.
    """

    id: str
    collection: str
    name: str
    labels: dict[str, str]
    metadata: dict[str, Any]
    registered_at: datetime
    retain_until: datetime | None
    faces: int
    cover_face_id: str | None = None
    has_crop: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a person is kept; None means unlimited."""

    retain_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceEmbedding:
    """What a face is compared by in an embedding space.

    `vector` is float32 of shape (dimension,); `weights` is `Engine.fingerprint` of the models that made it.
    """

    space: EmbeddingSpace
    vector: Vector
    weights: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFace:
    """A face to be stored.

    `embeddings` are of different spaces; the first is of the space that was requested. `quality` is what the quality
    gate measured; `liveness` is the probability of a real face, None if it was not judged; `crop` is an encoded image;
    `photo` is the name of the photo, None if it has none; a face that is `set_aside` is kept and not compared.
    """

    embeddings: tuple[FaceEmbedding, ...]
    detector: str
    area: FaceArea
    confidence: float
    quality: dict[str, float]
    liveness: float | None = None
    crop: bytes | None = None
    photo: str | None = None
    set_aside: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key of a request that may be retried, the digest of its content, and how long the key is valid.

    `lasts` None means for ever.
    """

    key: str
    request: str
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One or more faces of one person to be stored, with their event.

    The person is found by id or, without an id, by name in the collection. A person with a new name is created. Labels
    and metadata are merged into the person's.
    """

    faces: Sequence[NewFace]
    collection: str
    event: Event
    name: str | None = None
    person_id: str | None = None
    labels: Mapping[str, str] | None = None
    metadata: Mapping[str, Any] | None = None
    retain_until: datetime | None = None
    idempotency_key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFace:
    """A face of the gallery, without its embeddings and image.

    `weights` are those of each embedding; the first is of the space that was requested.
    """

    id: str
    person_id: str
    collection: str
    weights: dict[EmbeddingSpace, str]
    detector: str
    area: FaceArea
    confidence: float
    quality: dict[str, float]
    liveness: float | None
    has_crop: bool
    registered_at: datetime
    photo: str | None = None
    set_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceChange:
    """What changes about a face: the person it belongs to, and whether it is set aside; None changes nothing."""

    person_id: str | None = None
    set_aside: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyRecord:
    """The stored result of a request: the digest of its content, the face, and the current person of the face."""

    request: str
    person: Person
    face: StoredFace


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFace:
    """A face with all stored data, for another gallery."""

    id: str
    registered_at: datetime
    face: NewFace


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The event of a deletion, and whether the deleted bytes are gone from every file of the database."""

    recorded: RecordedEvent
    bytes_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A gallery at one moment: the names of its collections, and all persons with their faces by registration.

    The persons are read one by one; later changes do not affect them.
    """

    collections: list[str]
    persons: Iterator[tuple[Person, list[ExportedFace]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMatch:
    """A person near a probe, by the person's nearest face; `distance` is in the requested metric."""

    person: Person
    face_id: str
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """How many persons have faces, but none in an embedding space, and how many of them have some in each other one."""

    persons: int
    spaces: dict[EmbeddingSpace, int]


@dataclass(frozen=True, slots=True)
class NamedFace:
    """A face, and the name of its person."""

    face_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Persons sorted by name, and the cursor of the next page if there is one."""

    persons: list[Person]
    next_cursor: str | None

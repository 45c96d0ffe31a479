"""What the gallery's store takes and gives: persons, faces, and what became of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from services.audit.events import Event, RecordedEvent
from services.deepface.interface import EmbeddingSpace, FaceArea

Embedding = npt.NDArray[np.float32]


class AnswerKeyTaken(Exception):
    """Another registration with this answer key was first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of a collection; the name is unique in it."""

    id: str
    collection: str
    name: str
    labels: dict[str, str]
    metadata: dict[str, Any]
    registered_at: datetime
    retain_until: datetime | None
    faces: int


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a person is to be kept; None is without end."""

    retain_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFace:
    """A face to be stored.

    `embedding` is float32 of shape (dimension,); `weights` is `Engine.fingerprint` of what made it; `quality` as the
    quality gate measured it; `liveness` the probability of a real face, where it was judged; `crop` an encoded image.
    """

    embedding: Embedding
    space: EmbeddingSpace
    detector: str
    weights: str
    area: FaceArea
    confidence: float
    quality: dict[str, float]
    liveness: float | None = None
    crop: bytes | None = None


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """By which a request is known that is sent again: its key, the digest of what it says, and how long that counts;
    None is for good."""

    key: str
    request: str
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Faces of one person to be stored, at least one, with their event.

    The person is that of the id or, without one, of the name in the collection, who is made if there is none. Labels
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
    answer_key: AnswerKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFace:
    """A face of the gallery, without its embedding and crop."""

    id: str
    person_id: str
    collection: str
    space: EmbeddingSpace
    detector: str
    weights: str
    area: FaceArea
    confidence: float
    quality: dict[str, float]
    liveness: float | None
    has_crop: bool
    registered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request was answered: the digest of what it said, the face, and whose it was at the time."""

    request: str
    person_id: str
    name: str
    face: StoredFace


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeFace:
    """All that is stored of a face, for another gallery to take over."""

    id: str
    registered_at: datetime
    face: NewFace


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was removed for good, as it is recorded, and whether its bytes are in no file of the database any more."""

    recorded: RecordedEvent
    bytes_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A gallery at one moment: the names of its collections, and everybody with all faces, the first registered first.

    The persons are read one by one, whatever becomes of them meanwhile.
    """

    collections: list[str]
    persons: Iterator[tuple[Person, list[WholeFace]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A person near a probe, by the nearest of the person's faces; `distance` in the metric that was asked for."""

    person: Person
    face_id: str
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Persons in order of their names, and the cursor of the next page if there is one."""

    persons: list[Person]
    next_cursor: str | None

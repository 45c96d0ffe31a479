"""Converts rows of the tables to values of the gallery."""

import json
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.exceptions import FaceNotFound, PersonNotFound, ValidationFailed
from schemas import text
from services.database.schema import as_id, embeddings, faces, persons, sorting_key
from services.deepface.interface import EmbeddingSpace, FaceArea
from services.gallery.store.values import Person, StoredFace

logger = logging.getLogger(__name__)

_ID_LENGTH = 36  # characters of a UUID

# A row for each embedding of a face, without the embedding itself and the image, which are large.
_SELECT_FACES = (
    sa.select(*(column for column in faces.c if column.name != "crop"), faces.c.crop.is_not(None).label("has_crop"))
    .add_columns(embeddings.c.collection, embeddings.c.space, embeddings.c.weights)
    .join(embeddings, embeddings.c.face_id == faces.c.id)
    .order_by(faces.c.registered_at, faces.c.id, embeddings.c.place)
)

# With the person of the face: an embedding whose row names another person must not be decrypted.
SELECT_EMBEDDINGS = (
    sa.select(embeddings.c.face_id, embeddings.c.space, embeddings.c.weights)
    .add_columns(embeddings.c.embedding, embeddings.c.sealed_with, faces.c.person_id)
    .join(faces, faces.c.id == embeddings.c.face_id)
    .order_by(embeddings.c.face_id, embeddings.c.place)
)

_IS_PERSONS = faces.c.person_id == persons.c.id
_HAS_NO_CROP = faces.c.crop.is_(None)
_FACES = sa.select(sa.func.count()).where(_IS_PERSONS).scalar_subquery().label("faces")
# The first face with an image, or else the first one; of both rather one that is compared.
_COVER = (
    sa.select(faces.c.id)
    .where(_IS_PERSONS)
    .order_by(_HAS_NO_CROP, faces.c.set_aside, faces.c.registered_at, faces.c.id)
    .limit(1)
    .scalar_subquery()
    .label("cover_face_id")
)
_HAS_CROP = sa.exists().where(_IS_PERSONS, ~_HAS_NO_CROP).label("has_crop")
SELECT_PERSONS = sa.select(persons, _FACES, _COVER, _HAS_CROP)
_SELECT_SOME = SELECT_PERSONS.where(persons.c.id.in_(sa.bindparam("numbers", expanding=True)))

# What a stored value raises that the service did not write, for example a year beyond 9999 in PostgreSQL.
_UNREADABLE = (ValueError, TypeError, ArithmeticError, RecursionError, sa.exc.DataError)

# The values of a person that may be unreadable, with what stands for them.
_EMPTY: dict[str, Any] = {
    "labels": {},
    "metadata": {},
    "registered_at": datetime.min.replace(tzinfo=UTC),
    "retain_until": None,
}


@lru_cache(maxsize=256)  # called by every search
def text_of_space(space: EmbeddingSpace) -> str:
    """The embedding space as text; equal spaces have equal texts."""
    return json.dumps(asdict(space), sort_keys=True)


def space_of_text(written: str) -> EmbeddingSpace:
    """The embedding space of a text from `text_of_space`."""
    return EmbeddingSpace(**json.loads(written))


def read_persons(
    connection: sa.Connection, select: sa.Select[Any], values: Mapping[str, Any] | None = None
) -> list[Person]:
    """The persons of a select like SELECT_PERSONS; a value that cannot be read hides neither its person nor others."""
    try:
        return [person_of(row) for row in connection.execute(select, values)]
    except _UNREADABLE:
        numbers = connection.scalars(select.with_only_columns(persons.c.id), values).all()
        return [_salvaged(connection, number) for number in numbers]


def person_of(row: Any, problem: str | None = None) -> Person:
    """The person of a row of SELECT_PERSONS; raises TypeError for values that are not a person's."""
    _check("labels", row.labels)
    _check("metadata", row.metadata)
    return Person(
        id=str(row.id),
        collection=row.collection,
        name=row.name,
        labels=row.labels,
        metadata=row.metadata,
        registered_at=row.registered_at,
        retain_until=row.retain_until,
        faces=row.faces,
        cover_face_id=None if row.cover_face_id is None else str(row.cover_face_id),
        has_crop=row.has_crop,
        problem=problem,
    )


def _check(name: str, value: Any) -> None:
    is_object = isinstance(value, dict)
    if name in ("labels", "metadata") and not is_object:
        raise TypeError(name)
    if name == "labels" and not all(isinstance(label, str) for label in value.values()):
        raise TypeError(name)


def _salvaged(connection: sa.Connection, number: UUID) -> Person:
    """The person, without the values that cannot be read."""
    of_person = persons.c.id == number
    readable = [column for column in SELECT_PERSONS.selected_columns if column.name not in _EMPTY]
    values = dict(connection.execute(sa.select(*readable).where(of_person)).one()._mapping)
    lost = []
    for name, empty in _EMPTY.items():
        try:
            values[name] = connection.scalar(sa.select(persons.c[name]).where(of_person))
            _check(name, values[name])
        except _UNREADABLE:
            values[name] = empty
            lost.append(name)
    problem = f"{', '.join(lost)} cannot be read" if lost else None
    if problem:
        logger.warning("a person cannot be read", extra={"person_id": str(number), "reason": problem})
    return person_of(SimpleNamespace(**values), problem)


def read_faces(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[StoredFace]:
    """These faces, in the order of registration."""
    rows = connection.execute(_SELECT_FACES.where(which))
    return [_face_of(list(of_face)) for _, of_face in groupby(rows, key=attrgetter("id"))]


def _face_of(rows: Sequence[Any]) -> StoredFace:
    row = rows[0]
    return StoredFace(
        id=str(row.id),
        person_id=str(row.person_id),
        collection=row.collection,
        weights={space_of_text(one.space): one.weights for one in rows},
        detector=row.detector,
        area=area_of(row.area),
        confidence=row.confidence,
        quality=row.quality,
        liveness=row.liveness,
        has_crop=row.has_crop,
        registered_at=row.registered_at,
        photo=row.photo,
        set_aside=row.set_aside,
    )


def area_of(stored: Mapping[str, Any]) -> FaceArea:
    """The box and landmarks of a column `area`."""
    area: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    return FaceArea(**area)


def has_labels(labels: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    """The conditions that a person has all these labels; their keys are plain words."""
    return [persons.c.labels[key].as_string() == value for key, value in labels.items()]


def has_face_in(space: str, collection: str, person_id: sa.ColumnElement[UUID]) -> sa.Exists:
    """The condition that a person of the collection has a face in the embedding space that is not set aside."""
    theirs = embeddings.alias()
    return sa.exists().where(
        theirs.c.collection == collection,
        theirs.c.space == space,
        theirs.c.person_id == person_id,
        ~theirs.c.set_aside,
    )


def lacks(
    space: str, collection: str, person_id: sa.ColumnElement[UUID], *, spares_photos: bool
) -> sa.ColumnElement[bool]:
    """The condition that a person of the collection has no face in the embedding space.

    With `spares_photos`, the person also has a face without the name of a photo.
    """
    has_none = ~has_face_in(space, collection, person_id)
    if not spares_photos:
        return has_none
    return has_none & sa.exists().where(faces.c.person_id == person_id, faces.c.photo.is_(None), ~faces.c.set_aside)


def cursor_of(person: Person) -> str:
    """The cursor of a page that ends with this person; it stays valid if the person changes or is deleted."""
    return urlsafe_b64encode(UUID(person.id).bytes + sorting_key(person.name).encode()).decode()


def comes_after(cursor: str) -> sa.ColumnElement[bool]:
    """The condition that a person comes after a cursor from `cursor_of`; raises ValidationFailed for an invalid one."""
    try:
        place = urlsafe_b64decode(cursor)
        number, name = UUID(bytes=place[:16]), place[16:].decode()
    except ValueError:
        raise _invalid_cursor() from None
    if "\0" in name:  # PostgreSQL cannot store it
        raise _invalid_cursor()
    # The cursor of a longer key, which only another program writes, has its beginning.
    key = persons.c.folded if len(name) < text.MAX_FOLDED else sa.func.substr(persons.c.folded, 1, text.MAX_FOLDED)
    return sa.tuple_(key, persons.c.id) > sa.tuple_(sa.literal(name), sa.literal(number))


def cursor_of_face(face: StoredFace) -> str:
    """The cursor of a page of a person's faces that ends with this face; it stays valid if the face is deleted."""
    return urlsafe_b64encode(f"{face.id}{face.registered_at.isoformat()}".encode()).decode()


def face_comes_after(cursor: str) -> sa.ColumnElement[bool]:
    """The condition that a face comes after a cursor from `cursor_of_face`; raises ValidationFailed for another."""
    try:
        place = urlsafe_b64decode(cursor).decode()
        number, moment = UUID(place[:_ID_LENGTH]), datetime.fromisoformat(place[_ID_LENGTH:]).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid_cursor() from None
    last = sa.tuple_(sa.literal(moment, faces.c.registered_at.type), sa.literal(number, faces.c.id.type))
    return sa.tuple_(faces.c.registered_at, faces.c.id) > last


def _invalid_cursor() -> ValidationFailed:
    return ValidationFailed.of("cursor", "The cursor is invalid. Use the next_cursor of the previous page")


def id_of(given: str, missing: type[Exception]) -> UUID:
    """The id in a client's text; raises `missing` if it is not a valid id, and so matches nothing."""
    number = as_id(given)
    if number is None:
        raise missing
    return number


def person_in(connection: sa.Connection, number: UUID, within: str | None = None) -> Person:
    """The person, in the collection `within` if given; raises PersonNotFound."""
    select = SELECT_PERSONS.where(persons.c.id == number)
    if within is not None:
        select = select.where(persons.c.collection == within)
    found = read_persons(connection, select)
    if not found:
        raise PersonNotFound
    return found[0]


def persons_in(connection: sa.Connection, numbers: Sequence[UUID]) -> dict[UUID, Person]:
    """Those of the persons that exist."""
    found = read_persons(connection, _SELECT_SOME, {"numbers": list(numbers)})
    return {UUID(person.id): person for person in found}


def face_in(connection: sa.Connection, number: UUID, within: str | None = None) -> StoredFace:
    """The face, in the collection `within` if given; raises FaceNotFound."""
    found = read_faces(connection, faces.c.id == number)
    if not found or within not in (None, found[0].collection):
        raise FaceNotFound
    return found[0]

"""Exports, imports and merges whole persons."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import Conflict
from services.audit.events import Event
from services.audit.store import record
from services.database import encryption, schema
from services.database.database import Database
from services.database.schema import collections, faces, persons
from services.gallery.store import limits, names, writes
from services.gallery.store.rows import (
    SELECT_EMBEDDINGS,
    SELECT_PERSONS,
    area_of,
    person_in,
    read_persons,
    space_of_text,
)
from services.gallery.store.values import ExportedFace, FaceEmbedding, NewFace, Person, Retention, Snapshot


class TransferStore:
    """The methods of `GalleryStore` for whole persons."""

    _database: Database
    _keyring: Keyring

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The whole gallery as of this moment, until the block ends; other transactions do not wait for it.

        It may also raise StorageFull.
        """
        with self._database.snapshot() as connection:
            names = connection.scalars(sa.select(collections.c.name).order_by(collections.c.name))
            yield Snapshot(collections=list(names), persons=_everybody(connection, self._keyring))

    def restore(self, person: Person, faces: Sequence[ExportedFace], event: Event) -> bool:
        """Store a person of another gallery with the same ids; False, without any change, if the person exists.

        Raises:
            Conflict: another person has the name, or one of the faces.
        """
        try:
            with self._database.writing() as connection:
                is_new = self._restore(connection, person, faces, event)
            writes.keep_room(self._database, [one.face for one in faces])
            return is_new
        except sa.exc.IntegrityError as error:
            raise Conflict("Another person has the name or one of the faces.") from error

    def join(self, person: Person, faces: Sequence[ExportedFace], event: Event) -> Person | None:
        """Add the faces, labels and metadata of a person of another gallery to the one whose name looks the same.

        None if nobody has the name in another spelling. What the person here already has stays, so the call may be
        repeated; the returned person is as before it.

        Raises:
            Conflict: several persons have the name, another one has a face, or the `retain_until` differ.
            ValidationFailed: the person would have too many labels, or too much metadata.
        """
        try:
            with self._database.writing() as connection:
                return self._join(connection, person, faces, event)
        except sa.exc.IntegrityError as error:
            raise Conflict("Another person has one of the faces.") from error

    def _join(
        self, connection: sa.Connection, person: Person, whole: Sequence[ExportedFace], event: Event
    ) -> Person | None:
        number = names.only_one_called(connection, person.name, person.collection)
        if number is None:
            return None
        first = writes.lock_person(connection, number)
        if first.name == person.name:
            return None
        known = set(connection.scalars(sa.select(faces.c.id).where(faces.c.person_id == number)))
        new = [one for one in whole if UUID(one.id) not in known]
        values = _united([first, person])
        if new or any(getattr(first, name) != value for name, value in values.items()):
            connection.execute(sa.update(persons).where(persons.c.id == number).values(**values))
            self._add(connection, new, number, first.collection)
            record(connection, event, schema.now(), person_id=first.id)
        return first

    def _add(self, connection: sa.Connection, whole: Sequence[ExportedFace], person: UUID, collection: str) -> None:
        sealed = encryption.Encryption(connection, self._keyring)
        for one in whole:
            writes.add_face(
                connection,
                sealed,
                one.face,
                person=person,
                collection=collection,
                at=one.registered_at,
                number=UUID(one.id),
            )

    def _restore(self, connection: sa.Connection, person: Person, whole: Sequence[ExportedFace], event: Event) -> bool:
        number, now = UUID(person.id), schema.now()
        if connection.execute(sa.select(1).where(persons.c.id == number)).first() is not None:
            return False
        names.only_one_called(connection, person.name, person.collection)
        writes.ensure_collection(connection, person.collection, now)
        connection.execute(
            sa.insert(persons).values(
                id=number,
                collection=person.collection,
                name=person.name,
                labels=person.labels,
                metadata=person.metadata,
                registered_at=person.registered_at,
                retain_until=person.retain_until,
            )
        )
        self._add(connection, whole, number, person.collection)
        record(connection, event, now, person_id=person.id)
        return True


def _everybody(connection: sa.Connection, keyring: Keyring) -> Iterator[tuple[Person, list[ExportedFace]]]:
    read = encryption.Decryption(connection, keyring)
    next_one = SELECT_PERSONS.order_by(persons.c.id).limit(1)
    found = read_persons(connection, next_one)
    while found:
        (person,), number = found, UUID(found[0].id)
        yield person, _whole_faces(connection, read, number)
        found = read_persons(connection, next_one.where(persons.c.id > number))


def _whole_faces(connection: sa.Connection, read: encryption.Decryption, person: UUID) -> list[ExportedFace]:
    is_persons = faces.c.person_id == person
    compared: defaultdict[UUID, list[FaceEmbedding]] = defaultdict(list)
    for row in connection.execute(SELECT_EMBEDDINGS.where(is_persons)):
        one = FaceEmbedding(space=space_of_text(row.space), vector=read.embedding_of(row), weights=row.weights)
        compared[row.face_id].append(one)
    whole = sa.select(faces).where(is_persons).order_by(faces.c.registered_at, faces.c.id)
    return [_whole_face(read, row, compared[row.id]) for row in connection.execute(whole)]


def _whole_face(read: encryption.Decryption, row: Any, compared: Sequence[FaceEmbedding]) -> ExportedFace:
    face = NewFace(
        embeddings=tuple(compared),
        detector=row.detector,
        area=area_of(row.area),
        confidence=row.confidence,
        quality=row.quality,
        liveness=row.liveness,
        crop=read.crop_of(row),
        photo=row.photo,
        set_aside=row.set_aside,
    )
    return ExportedFace(id=str(row.id), registered_at=row.registered_at, face=face)


def merge(
    connection: sa.Connection,
    keyring: Keyring,
    number: UUID,
    others: Sequence[UUID],
    *,
    limit: Retention | None,
    within: str | None,
) -> None:
    """As `GalleryStore.merge`, for others that are not the person; the caller records the event."""
    collection = person_in(connection, number, within).collection
    everyone = sorted({number, *others})  # sorted, so that two merges cannot deadlock
    locked = {one: writes.lock_person(connection, one, collection) for one in everyone}
    into, *merged = (locked[one] for one in (number, *others))
    values = _united([into, *merged], limit)
    writes.move_faces(connection, keyring, faces.c.person_id.in_(others), number)
    connection.execute(sa.delete(persons).where(persons.c.id.in_(others)))
    connection.execute(sa.update(persons).where(persons.c.id == number).values(**values))
    names.called(connection, into.name, collection)  # a twin of the deleted ones takes the name over


def _united(several: Sequence[Person], limit: Retention | None = None) -> dict[str, Any]:
    """What becomes of the first person, whose values win; raises Conflict, ValidationFailed."""
    labels, metadata = _union([one.labels for one in several]), _union([one.metadata for one in several])
    return {
        "labels": labels if labels == several[0].labels else limits.labels(labels),
        "metadata": metadata if metadata == several[0].metadata else limits.metadata(metadata),
        "retain_until": _limit_of(several) if limit is None else limit.retain_until,
    }


def _union(several: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The union of the dictionaries; the first value of a key wins."""
    return {name: value for one in reversed(several) for name, value in one.items()}


def _limit_of(several: Sequence[Person]) -> Any:
    first, *others = {one.retain_until for one in several}
    if others:
        raise Conflict("The persons have different retain_until dates. Set retain_until for the merged person.")
    return first

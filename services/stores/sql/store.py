"""The gallery in a SQL database."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from typing_extensions import override

from core.exceptions import Conflict, FaceNotFound, NotFound, PersonNotFound, ServiceUnavailable
from services.engine.base import EmbeddingSpace
from services.stores.audit_base import Event, RecordedEvent
from services.stores.gallery_base import (
    GalleryStore,
    Neighbour,
    NewFace,
    Page,
    Person,
    StoredFace,
    WholeFace,
)
from services.stores.sql import sealing, transfer, writes
from services.stores.sql.database import Database
from services.stores.sql.rows import (
    FACE_COLUMNS,
    SELECT_PERSONS,
    comes_after,
    cursor_of,
    face_of,
    faces_in,
    has_labels,
    id_of,
    only,
    person_in,
    person_of,
    space_of_text,
    text_of_space,
)
from services.stores.sql.schema import answers, as_id, collections, faces, persons
from services.stores.sql.search import FaceSearch, Filter


class SqlGalleryStore(GalleryStore):
    """One schema for SQLite and PostgreSQL; `search` is what differs."""

    def __init__(self, database: Database, search: FaceSearch) -> None:
        self._database = database
        self._search = search
        self._keyring = database.keyring

    @override
    def ping(self) -> None:
        with self._database.reading() as connection:
            if problem := sealing.problem(connection, self._keyring):  # another database, in its place
                raise ServiceUnavailable(problem)

    @override
    def upgrade(self) -> None:
        self._database.upgrade()

    @override
    def purge(self) -> dict[str, str]:
        return self._database.purge()

    @override
    def size_bytes(self) -> int:
        return self._database.size_bytes()

    @override
    def register(
        self,
        faces: Sequence[NewFace],
        *,
        collection: str,
        event: Event,
        name: str | None = None,
        person_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        retain_until: datetime | None = None,
        answer_key: tuple[str, str] | None = None,
    ) -> tuple[Person, list[StoredFace]]:
        now = writes.now()
        with self._database.writing() as connection:
            writes.ensure_collection(connection, collection, now)
            if person_id is not None:
                number = writes.lock_person(connection, id_of(person_id, PersonNotFound), collection)
            else:
                assert name is not None, "a person has a name or an id"
                number = writes.lock_person_called(connection, name, collection, now)
            writes.merge_into(connection, number, labels=labels, metadata=metadata, retain_until=retain_until)
            add = partial(writes.add_face, connection, self._keyring, person=number, collection=collection, at=now)
            ids = [add(face) for face in faces]
            if answer_key is not None:
                key, request = answer_key
                writes.keep_answer(connection, key, request, ids, now)
            writes.record(connection, event, now, person_id=str(number), face_id=str(ids[0]) if ids else "")
            return person_in(connection, number), faces_in(connection, ids)

    @override
    def one_at_a_time(self) -> AbstractContextManager[None]:
        return self._database.one_at_a_time()

    @override
    def answered(self, key: str) -> tuple[str, Person, list[StoredFace]] | None:
        with self._database.reading() as connection:
            row = connection.execute(sa.select(answers).where(answers.c.key == key)).first()
            found = [] if row is None else faces_in(connection, [UUID(face_id) for face_id in row.faces])
            if row is None or not found:
                return None
            return row.request, person_in(connection, UUID(found[0].person_id)), found

    @override
    def nearest(
        self,
        probe: npt.NDArray[np.float64],
        *,
        space: EmbeddingSpace,
        collection: str,
        metric: str,
        k: int,
        within: float | None = None,
        person_id: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[Neighbour]:
        number = None if person_id is None else as_id(person_id)
        if person_id is not None and number is None:
            return []
        only = Filter(collection=collection, space=text_of_space(space), person=number, labels=labels or {})
        found = self._search.nearest(probe, only, metric=metric, k=k, within=within)
        with self._database.reading() as connection:
            rows = connection.execute(SELECT_PERSONS.where(persons.c.id.in_([near.person_id for near in found])))
            there = {row.id: person_of(row) for row in rows}
        return [
            Neighbour(person=there[near.person_id], face_id=str(near.face_id), distance=near.distance)
            for near in found
            if near.person_id in there  # forgotten this moment
        ]

    @override
    def spaces(self, collection: str) -> dict[EmbeddingSpace, int]:
        select = sa.select(faces.c.space, faces.c.dimension).where(faces.c.collection == collection).distinct()
        with self._database.reading() as connection:
            return {space_of_text(row.space): row.dimension for row in connection.execute(select)}

    @override
    def face_counts(self) -> dict[tuple[str, EmbeddingSpace], int]:
        key = (faces.c.collection, faces.c.space)
        select = sa.select(*key, sa.func.count().label("faces")).group_by(*key).order_by(*key)
        with self._database.reading() as connection:
            return {(row.collection, space_of_text(row.space)): row.faces for row in connection.execute(select)}

    @override
    def person(self, person_id: str) -> Person:
        with self._database.reading() as connection:
            return person_in(connection, id_of(person_id, PersonNotFound))

    @override
    def persons(
        self, *, collection: str | None, name: str, labels: Mapping[str, str], cursor: str | None, limit: int
    ) -> Page:
        select = SELECT_PERSONS.where(*has_labels(labels)).order_by(persons.c.name, persons.c.id).limit(limit + 1)
        if collection is not None:
            select = select.where(persons.c.collection == collection)
        if name:
            select = select.where(persons.c.name.icontains(name, autoescape=True))
        if cursor is not None:
            select = select.where(comes_after(cursor))
        with self._database.reading() as connection:
            found = [person_of(row) for row in connection.execute(select)]
        return Page(persons=found[:limit], next_cursor=cursor_of(found[limit - 1]) if len(found) > limit else None)

    @override
    def update(self, person_id: str, changes: Mapping[str, Any], event: Event) -> Person:
        number = id_of(person_id, PersonNotFound)
        try:
            with self._database.writing() as connection:
                before = person_in(connection, number)
                if changes:
                    connection.execute(sa.update(persons).where(persons.c.id == number).values(**changes))
                writes.record(connection, event, writes.now(), person_id=before.id)
                return person_in(connection, number)
        except sa.exc.IntegrityError as error:
            raise Conflict("The name is taken.") from error

    @override
    def merge(self, person_id: str, others: Collection[str], event: Event) -> Person:
        number = id_of(person_id, PersonNotFound)
        merged = {id_of(other, PersonNotFound) for other in others} - {number}
        with self._database.writing() as connection:
            into = person_in(connection, number)
            for one in sorted({number, *merged}):  # in one order, so that two merges cannot wait for each other
                writes.lock_person(connection, one, into.collection)
            moved = faces.c.person_id.in_(merged)
            writes.note_changes(connection, list(connection.scalars(sa.select(faces.c.id).where(moved))))
            connection.execute(sa.update(faces).where(moved).values(person_id=number))
            connection.execute(sa.delete(persons).where(persons.c.id.in_(merged)))
            writes.record(connection, event, writes.now(), person_id=into.id)
            return person_in(connection, number)

    @override
    def faces(self, person_id: str) -> list[StoredFace]:
        number = id_of(person_id, PersonNotFound)
        select = sa.select(*FACE_COLUMNS).where(faces.c.person_id == number)
        with self._database.reading() as connection:
            person_in(connection, number)
            rows = connection.execute(select.order_by(faces.c.registered_at, faces.c.id))
            return [face_of(row) for row in rows]

    @override
    def face(self, face_id: str) -> StoredFace:
        with self._database.reading() as connection:
            return only(faces_in(connection, [id_of(face_id, FaceNotFound)]))

    @override
    def crop(self, face_id: str) -> bytes | None:
        select = sa.select(faces.c.id, faces.c.crop, faces.c.sealed_with)
        with self._database.reading() as connection:
            row = connection.execute(select.where(faces.c.id == id_of(face_id, FaceNotFound))).first()
        if row is None:
            raise FaceNotFound
        return sealing.crop_of(self._keyring, row)

    @override
    def forget(self, event: Event, *, person_id: str | None = None, face_id: str | None = None) -> RecordedEvent:
        with self._database.erasing() as connection:
            if face_id is not None:
                face = only(faces_in(connection, [id_of(face_id, FaceNotFound)]))
                writes.forget_faces(connection, faces.c.id == UUID(face.id))
                return writes.record(connection, event, writes.now(), person_id=face.person_id, face_id=face.id)
            number = id_of(person_id or "", PersonNotFound)
            writes.lock_person(connection, number)
            writes.forget_persons(connection, persons.c.id == number)
            return writes.record(connection, event, writes.now(), person_id=str(number))

    @override
    def expire(self, at: datetime, event: Event, *, limit: int) -> list[RecordedEvent]:
        over = sa.select(persons.c.id).where(persons.c.retain_until <= at).order_by(persons.c.id).limit(limit)
        with self._database.erasing() as connection:
            numbers = list(connection.scalars(over.with_for_update()))
            writes.forget_persons(connection, persons.c.id.in_(numbers))
            return [writes.record(connection, event, writes.now(), person_id=str(number)) for number in numbers]

    @override
    def whole_person(self, *, after: str | None) -> tuple[Person, list[WholeFace]] | None:
        with self._database.reading() as connection:
            return transfer.whole_person(connection, self._keyring, after)

    @override
    def restore(self, person: Person, faces: Sequence[WholeFace], event: Event) -> bool:
        try:
            with self._database.writing() as connection:
                return transfer.restore(connection, self._keyring, person, faces, event)
        except sa.exc.IntegrityError as error:
            raise Conflict("The name or a face is somebody else's.") from error

    @override
    def collections(self) -> dict[str, int]:
        count = sa.select(sa.func.count()).where(persons.c.collection == collections.c.name).scalar_subquery()
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(collections.c.name, count.label("persons")).order_by("name"))
            return {row.name: row.persons for row in rows}

    @override
    def add_collection(self, name: str, event: Event) -> None:
        try:
            with self._database.writing() as connection:
                connection.execute(sa.insert(collections).values(name=name, created_at=writes.now()))
                writes.record(connection, event, writes.now())
        except sa.exc.IntegrityError as error:
            raise Conflict("The name is taken.") from error

    @override
    def remove_collection(self, name: str, event: Event, *, with_persons: bool) -> RecordedEvent:
        with self._database.erasing() as connection:
            # A name that no request could have given may hold what PostgreSQL cannot.
            if not name.isprintable() or not connection.scalar(sa.select(1).where(collections.c.name == name)):
                raise NotFound("There is no such collection.")
            within = persons.c.collection == name
            if not with_persons and connection.execute(sa.select(1).where(within)).first() is not None:
                raise Conflict("The collection has persons.")
            forgotten = writes.forget_persons(connection, within)
            connection.execute(sa.delete(collections).where(collections.c.name == name))
            now, of_each = writes.now(), replace(event, action="forget", details={"reason": event.action})
            writes.record_all(connection, [replace(of_each, person_id=str(number), at=now) for number in forgotten])
            return writes.record(connection, event, now)

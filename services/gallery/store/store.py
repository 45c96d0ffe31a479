"""The gallery in a SQL database."""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.exceptions import Conflict, FaceNotFound, PersonNotFound, ServiceUnavailable, StorageFull
from core.metrics.stages import stage
from schemas.text import folded
from services.audit.events import Event, RecordedEvent
from services.audit.store import record
from services.database import encryption, schema
from services.database.database import Database
from services.database.forget_log import Forget
from services.database.schema import as_id, faces, persons
from services.deepface.interface import EmbeddingSpace
from services.gallery.store import idempotency, names, writes
from services.gallery.store.collections import CollectionStore
from services.gallery.store.faces import FaceStore
from services.gallery.store.rows import (
    SELECT_PERSONS,
    comes_after,
    cursor_of,
    face_in,
    has_labels,
    id_of,
    person_in,
    persons_in,
    read_persons,
    text_of_space,
)
from services.gallery.store.search import FaceSearch, Filter
from services.gallery.store.transfer import TransferStore, merge
from services.gallery.store.values import (
    Forgotten,
    IdempotencyRecord,
    Page,
    Person,
    PersonMatch,
    Registration,
    Retention,
    StoredFace,
)


class GalleryStore(CollectionStore, FaceStore, TransferStore):
    """Stores the gallery; threads and processes see each other's changes as soon as they are acknowledged.

    Each method that changes something is one transaction, including its event. When it returns, the change survives a
    crash. If it raises, nothing has changed. If `within` is given, the person or face must be in that collection;
    otherwise it counts as not found. Every method may raise ServiceUnavailable. Methods that write may also raise
    StorageFull. SQLite and PostgreSQL share one schema; only `search` differs.
    """

    def __init__(self, database: Database, search: FaceSearch) -> None:
        self._database = database
        self._search = search
        self._keyring = database.keyring

    def ping(self) -> None:
        """Return if the database answers and can be written; raises ServiceUnavailable, StorageFull."""
        with self._database.reading() as connection:
            if problem := encryption.problem(connection, self._keyring):  # another database may have replaced it
                raise ServiceUnavailable(problem)
        self._database.require_writable()

    def index_waiting(self, *, limit: int) -> int:
        """Add up to `limit` of the newest faces to the index, for faster searches; returns how many."""
        return self._search.index_waiting(limit=limit)

    def register(self, new: Registration) -> tuple[Person, list[StoredFace]]:
        """Store faces of a person. With an `idempotency_key`, a later `answered` returns the first stored face.

        Raises:
            PersonNotFound: there is no person with this id in the collection.
            Conflict: several persons have the name.
            ValidationFailed: the person would have too many labels, or too much metadata.
            IdempotencyKeyTaken: another registration used the key first.
        """
        now = schema.now()
        with self._database.writing() as connection:
            person = writes.person_to_change(connection, new, now)
            sealed = encryption.Encryption(connection, self._keyring)
            of_person = partial(writes.add_face, person=UUID(person.id), collection=new.collection, at=now)
            stored = [of_person(connection, sealed, face) for face in new.faces]
            if new.idempotency_key is not None:
                idempotency.keep(connection, new.idempotency_key, UUID(stored[0].id), now)
            record(connection, new.event, now, person_id=person.id, face_id=stored[0].id)
            person = person_in(connection, UUID(person.id))
        writes.keep_room(self._database, new.faces)
        return person, stored

    def one_at_a_time(self) -> AbstractContextManager[None]:
        """A block that one caller of all processes can enter at a time: for changes that depend on a search."""
        return self._database.one_at_a_time()

    def answered(self, key: str, *, by: str | None = None) -> IdempotencyRecord | None:
        """What the request with this idempotency key stored.

        None if there was no such request, its record has expired, what it stored was deleted, or another API key than
        the one with the id `by` stored it.
        """
        with self._database.reading() as connection:
            return idempotency.find(connection, key, schema.now(), by)

    def has_answered(self, key: str) -> bool:
        """Whether a request with this idempotency key stored something, also if it was deleted since."""
        with self._database.reading() as connection:
            return idempotency.exists(connection, key, schema.now())

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
        by_face: bool = False,
        lacking: EmbeddingSpace | None = None,
        spares_photos: bool = False,
    ) -> list[PersonMatch]:
        """The `k` nearest persons with faces in this space, nearest first; equal distances by id.

        With `by_face` the `k` nearest faces, each with its person. With `lacking`, only persons without a face in that
        other space; with `spares_photos` too, only those of them with a face that has no name of a photo.
        """
        number = None if person_id is None else as_id(person_id)
        if person_id is not None and number is None:
            return []
        only = Filter(
            collection=collection,
            space=text_of_space(space),
            person=number,
            labels=labels or {},
            by_face=by_face,
            lacking=None if lacking is None else text_of_space(lacking),
            spares_photos=spares_photos,
        )
        # The other metrics use only the direction, and some lengths exceed the range of float32.
        if metric != "euclidean":
            probe = np.ldexp(probe, -int(np.frexp(np.abs(probe).max())[1]))
        with stage("search", space.model):
            found = self._search.nearest(probe, only, metric=metric, k=k, within=within)
        with self._database.reading() as connection:
            there = persons_in(connection, [near.person_id for near in found])
        return [
            PersonMatch(person=there[near.person_id], face_id=str(near.face_id), distance=near.distance)
            for near in found
            if near.person_id in there  # the person may have just been deleted
        ]

    def person(self, person_id: str, *, within: str | None = None) -> Person:
        """The person; raises PersonNotFound."""
        with self._database.reading() as connection:
            return person_in(connection, id_of(person_id, PersonNotFound), within)

    def named(self, name: str, *, within: str) -> Person:
        """The person with this name, in any spelling; raises PersonNotFound, or Conflict if several have it."""
        with self._database.reading() as connection:
            number = names.look_up(connection, name, within)
            if number is None:
                raise PersonNotFound
            return person_in(connection, number)

    def persons(
        self, *, collection: str | None, name: str, labels: Mapping[str, str], cursor: str | None, limit: int
    ) -> Page:
        """Persons whose name contains `name`, in any case, and who have all these labels; by default all persons.

        Raises:
            ValidationFailed: the cursor is not the `next_cursor` of a page.
        """
        select = SELECT_PERSONS.where(*has_labels(labels)).order_by(persons.c.folded, persons.c.id).limit(limit + 1)
        if collection is not None:
            select = select.where(persons.c.collection == collection)
        if name:
            select = select.where(persons.c.folded.contains(folded(name), autoescape=True))
        if cursor is not None:
            select = select.where(comes_after(cursor))
        with self._database.reading() as connection:
            found = read_persons(connection, select)
        return Page(persons=found[:limit], next_cursor=cursor_of(found[limit - 1]) if len(found) > limit else None)

    def update(self, person_id: str, changes: Mapping[str, Any], event: Event, *, within: str | None = None) -> Person:
        """Change name, labels, metadata or retain_until; raises PersonNotFound, Conflict."""
        number, values = id_of(person_id, PersonNotFound), dict(changes)
        which = persons.c.id == number
        if within is not None:  # in the statement itself: a name that is taken elsewhere is no Conflict here
            which &= persons.c.collection == within
        try:
            with self._database.writing() as connection:
                if "name" in values:
                    values |= names.renamed(connection, number, values["name"], within)
                if values:
                    connection.execute(sa.update(persons).where(which).values(**values))
                record(connection, event, schema.now(), person_id=str(number))
                return person_in(connection, number, within)  # if there is none, nothing has changed
        except sa.exc.IntegrityError as error:
            raise Conflict("The name is taken.") from error

    def twins(self) -> list[list[Person]]:
        """The persons of each name that several persons of a collection have, the first registered one first.

        Only galleries of earlier versions have such twins.
        """
        with self._database.reading() as connection:
            groups = names.twins(connection)
            found = persons_in(connection, [number for group in groups for number in group])
        return [[found[number] for number in group] for group in groups]

    def merge(
        self,
        person_id: str,
        others: Collection[str],
        event: Event,
        *,
        limit: Retention | None = None,
        within: str | None = None,
    ) -> Person:
        """Move all faces, labels and metadata of the others to the person, and delete the others.

        If several have the same label or metadata key, the person's value stays, or else the first other's. If their
        `retain_until` differ, only the caller can decide: the earliest could delete faces too soon, any other could
        keep some for longer than promised.

        Raises:
            PersonNotFound: one of them does not exist, or is in another collection.
            Conflict: their `retain_until` differ, and no `limit` is given.
            ValidationFailed: the person would have too many labels, or too much metadata.
        """
        number = id_of(person_id, PersonNotFound)
        merged = list(dict.fromkeys(id_of(other, PersonNotFound) for other in others))
        with self._database.writing() as connection:
            ids = [other for other in merged if other != number]
            merge(connection, self._keyring, number, ids, limit=limit, within=within)
            record(connection, event, schema.now(), person_id=str(number))
            return person_in(connection, number)

    def forget(
        self,
        event: Event,
        *,
        person_id: str | None = None,
        face_id: str | None = None,
        within: str | None = None,
        last_with_person: bool = False,
    ) -> Forgotten:
        """Permanently delete a face, or a person with all faces.

        Deleting a person's last face keeps the person, unless it goes `last_with_person`. Raises PersonNotFound,
        FaceNotFound.
        """
        forget = partial(
            self._forget, event, person_id=person_id, face_id=face_id, within=within, last_with_person=last_with_person
        )
        try:
            return forget()
        except StorageFull:
            of_person = faces.c.person_id == as_id(person_id or "")
            if within is not None:
                of_person &= writes.are_in(within)
            writes.forget_one_by_one(self._database, of_person, event)
            return forget()

    def _forget(
        self, event: Event, *, person_id: str | None, face_id: str | None, within: str | None, last_with_person: bool
    ) -> Forgotten:
        with self._database.erasing() as erasure:
            connection, now = erasure.connection, schema.now()
            if face_id is not None:
                face = face_in(connection, id_of(face_id, FaceNotFound), within)
                if last_with_person:  # no other transaction may give the person a face meanwhile
                    writes.lock_person(connection, UUID(face.person_id))
                owner, this = UUID(face.person_id), UUID(face.id)
                writes.forget_faces(connection, faces.c.id == this)
                is_last = last_with_person and writes.forget_without_faces(connection, owner)
                erasure.forgets.append(Forget(at=now, person_id=owner if is_last else None, face_ids=(this,)))
                who = {"person_id": face.person_id, "face_id": face.id}
            else:
                person = writes.lock_person(connection, id_of(person_id or "", PersonNotFound), within)
                writes.forget_persons(erasure, persons.c.id == UUID(person.id), now)
                who = {"person_id": person.id}
            recorded = record(connection, event, now, **who)
        return Forgotten(recorded=recorded, bytes_gone=erasure.is_complete)

    def expire(self, at: datetime, event: Event, *, limit: int) -> list[RecordedEvent]:
        """Permanently delete up to `limit` persons whose `retain_until` is `at` or earlier; one event for each."""
        over = sa.select(persons.c.id).where(persons.c.retain_until <= at).order_by(persons.c.id).limit(limit)
        try:
            return self._expire(over, event)
        except StorageFull:
            writes.forget_one_by_one(self._database, faces.c.person_id.in_(over), event)
            return self._expire(over, event)

    def _expire(self, over: sa.Select[tuple[UUID]], event: Event) -> list[RecordedEvent]:
        with self._database.erasing() as erasure:
            connection, now = erasure.connection, schema.now()
            numbers = list(connection.scalars(over.with_for_update()))
            writes.forget_persons(erasure, persons.c.id.in_(numbers), now)
            return [record(connection, event, now, person_id=str(number)) for number in numbers]

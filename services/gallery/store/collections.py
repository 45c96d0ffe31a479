"""The collections of the gallery, and what each contains."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.exceptions import Conflict, NotFound, StorageFull
from services.audit.events import Event
from services.audit.store import record, record_all
from services.database import schema
from services.database.database import Database, Erasure
from services.database.schema import as_id, collections, embeddings, faces, persons
from services.deepface.interface import EmbeddingSpace
from services.gallery.store import names, writes
from services.gallery.store.rows import has_face_in, lacks, space_of_text, text_of_space
from services.gallery.store.values import Forgotten, NamedFace, NotCompared


class CollectionStore:
    """The methods of `GalleryStore` for collections."""

    _database: Database

    def collections(self) -> dict[str, int]:
        """The names of all collections, with the number of persons in each."""
        count = sa.select(sa.func.count()).where(persons.c.collection == collections.c.name).scalar_subquery()
        select = sa.select(collections.c.name, count.label("persons")).order_by("name")
        with self._database.reading() as connection:
            return {row.name: row.persons for row in connection.execute(select)}

    def add_collection(self, name: str, event: Event) -> None:
        """Create an empty collection; raises Conflict."""
        try:
            with self._database.writing() as connection:
                connection.execute(sa.insert(collections).values(name=name, created_at=schema.now()))
                record(connection, event, schema.now())
        except sa.exc.IntegrityError as error:
            raise Conflict("The name is taken.") from error

    def names(self, collection: str) -> list[str]:
        """The names of all persons of the collection, sorted."""
        select = sa.select(persons.c.name).where(persons.c.collection == collection)
        with self._database.reading() as connection:
            return list(connection.scalars(select.order_by(persons.c.folded, persons.c.id)))

    def add_person(self, name: str, collection: str, event: Event) -> str:
        """Create a person without faces; returns the id. Raises Conflict if the name is taken."""
        now = schema.now()
        with self._database.writing() as connection:
            if names.only_one_called(connection, name, collection) is not None:
                raise Conflict("A person with this name exists already.")
            writes.ensure_collection(connection, collection, now)
            person = writes.lock_person_called(connection, name, collection, now)
            record(connection, event, now, person_id=person.id)
        return person.id

    def named_faces(
        self, collection: str, *, person_id: str | None, skip: int, limit: int
    ) -> tuple[list[NamedFace], int]:
        """At most `limit` faces of the collection, or of this person, after the first `skip`; and how many there are.

        They are in the order of registration.
        """
        which = persons.c.collection == collection
        if person_id is not None:
            which &= persons.c.id == as_id(person_id)
        of_person = faces.join(persons, persons.c.id == faces.c.person_id)
        count = sa.select(sa.func.count()).select_from(of_person).where(which)
        page = sa.select(faces.c.id, persons.c.name).select_from(of_person).where(which)
        page = page.order_by(faces.c.registered_at, faces.c.id).offset(skip).limit(limit)
        with self._database.reading() as connection:
            found = [NamedFace(str(row.id), row.name) for row in connection.execute(page)]
            return found, connection.scalar(count) or 0

    def forget_everybody(self, collection: str, event: Event) -> tuple[int, int]:
        """Permanently delete all persons of a collection, with an event for each; returns how many persons and faces.

        Without persons, nothing is recorded.
        """
        try:
            return self._forget_everybody(collection, event)
        except StorageFull:
            writes.forget_one_by_one(self._database, writes.are_in(collection), event)
            return self._forget_everybody(collection, event)

    def _forget_everybody(self, collection: str, event: Event) -> tuple[int, int]:
        with self._database.erasing() as erasure:
            connection = erasure.connection
            their_faces = sa.select(sa.func.count()).select_from(faces).where(writes.are_in(collection))
            count = connection.scalar(their_faces) or 0
            return _forget_persons(erasure, persons.c.collection == collection, event, schema.now()), count

    def remove_collection(self, name: str, event: Event, *, with_persons: bool) -> Forgotten:
        """Permanently delete a collection, with an event for each person.

        Raises NotFound, or Conflict if the collection has persons and `with_persons` is false.
        """
        try:
            return self._remove_collection(name, event, with_persons=with_persons)
        except StorageFull:
            if not with_persons:
                raise
            of_each = replace(event, action="forget", details={"reason": event.action})
            writes.forget_one_by_one(self._database, writes.are_in(name), of_each)
            return self._remove_collection(name, event, with_persons=with_persons)

    def _remove_collection(self, name: str, event: Event, *, with_persons: bool) -> Forgotten:
        with self._database.erasing() as erasure:
            connection = erasure.connection
            # A name that no request could have created may hold characters that PostgreSQL rejects.
            if not name.isprintable() or not connection.scalar(sa.select(1).where(collections.c.name == name)):
                raise NotFound("The collection does not exist.")
            within = persons.c.collection == name
            if not with_persons and connection.execute(sa.select(1).where(within)).first() is not None:
                raise Conflict("The collection has persons. Set with_persons to delete them too.")
            now, of_each = schema.now(), replace(event, action="forget", details={"reason": event.action})
            _forget_persons(erasure, within, of_each, now)
            connection.execute(sa.delete(collections).where(collections.c.name == name))
            recorded = record(connection, event, now)
        return Forgotten(recorded=recorded, bytes_gone=erasure.is_complete)

    def spaces(self, collection: str, *, person_id: str | None = None) -> dict[EmbeddingSpace, int]:
        """The embedding spaces of the collection's faces, or of this person's in it, with the dimension of each.

        Faces that are set aside do not count.
        """
        select = sa.select(embeddings.c.space, embeddings.c.dimension)
        select = select.where(embeddings.c.collection == collection, ~embeddings.c.set_aside)
        with self._database.reading() as connection:
            if person_id is None:
                rows = _one_of_each(connection, select)
            else:
                rows = list(connection.execute(select.where(embeddings.c.person_id == as_id(person_id)).distinct()))
            return {space_of_text(row.space): row.dimension for row in rows}

    def not_compared(self, collection: str, space: EmbeddingSpace) -> NotCompared:
        """The persons of the collection who have faces, but none in this embedding space, and where they have them.

        Faces that are set aside do not count.
        """
        theirs = text_of_space(space)
        is_compared = has_face_in(theirs, collection, embeddings.c.person_id)
        count = sa.func.count(embeddings.c.person_id.distinct()).label("persons")
        where = sa.and_(
            embeddings.c.collection == collection, embeddings.c.space != theirs, ~embeddings.c.set_aside, ~is_compared
        )
        with self._database.reading() as connection:
            rows = connection.execute(_by_space(count).where(where)).all()
            found = {space_of_text(row.space): row.persons for row in rows}
            total = sum(found.values()) if len(found) < 2 else connection.scalar(sa.select(count).where(where))
        return NotCompared(persons=total or 0, spaces=found)

    def is_anybody_only_in(
        self, space: EmbeddingSpace, collection: str, *, lacking: EmbeddingSpace, spares_photos: bool = False
    ) -> bool:
        """Whether a person of the collection has a face in the `space`, and none in the space `lacking`.

        With `spares_photos`, only persons with a face that has no name of a photo count.
        """
        is_here = (embeddings.c.collection == collection) & (embeddings.c.space == text_of_space(space))
        only = lacks(text_of_space(lacking), collection, embeddings.c.person_id, spares_photos=spares_photos)
        with self._database.reading() as connection:
            return connection.execute(sa.select(1).where(is_here, only).limit(1)).first() is not None

    def mixed(self) -> dict[str, dict[EmbeddingSpace, int]]:
        """The collections with faces in several embedding spaces, and the number of persons in each of those."""
        count = sa.func.count(embeddings.c.person_id.distinct()).label("persons")
        found: dict[str, dict[EmbeddingSpace, int]] = {}
        with self._database.reading() as connection:
            for name in connection.scalars(sa.select(collections.c.name).order_by(collections.c.name)).all():
                within = embeddings.c.collection == name
                if len(_one_of_each(connection, sa.select(embeddings.c.space).where(within))) > 1:
                    rows = connection.execute(_by_space(count).where(within))
                    found[name] = {space_of_text(row.space): row.persons for row in rows}
        return found

    def face_count(self) -> int:
        """The number of faces."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(faces)) or 0

    def face_counts(self) -> dict[tuple[str, EmbeddingSpace], int]:
        """The number of faces per collection and embedding space, without zeros; a face may be in several spaces."""
        key = (embeddings.c.collection, embeddings.c.space)
        select = sa.select(*key, sa.func.count().label("faces")).group_by(*key).order_by(*key)
        with self._database.reading() as connection:
            return {(row.collection, space_of_text(row.space)): row.faces for row in connection.execute(select)}


def _forget_persons(erasure: Erasure, which: sa.ColumnElement[bool], event: Event, at: datetime) -> int:
    """Delete persons and all their faces, with an event for each person; returns how many persons."""
    forgotten = writes.forget_persons(erasure, which, at)
    record_all(erasure.connection, [replace(event, person_id=str(number), at=at) for number in forgotten])
    return len(forgotten)


def _by_space(count: sa.ColumnElement[int]) -> sa.Select[Any]:
    return sa.select(embeddings.c.space, count).group_by(embeddings.c.space)


def _one_of_each(connection: sa.Connection, select: sa.Select[Any]) -> list[sa.Row[Any]]:
    """The first row of each embedding space: so many steps in an index instead of a look at each face."""
    first = select.order_by(embeddings.c.space).limit(1)
    rows: list[sa.Row[Any]] = []
    row = connection.execute(first).first()
    while row is not None:
        rows.append(row)
        row = connection.execute(first.where(embeddings.c.space > row.space)).first()
    return rows

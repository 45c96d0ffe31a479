"""The statements with which a transaction changes the gallery."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import Conflict, PersonNotFound
from services.audit.events import Event
from services.audit.store import record
from services.database import schema
from services.database.database import Database, Erasure
from services.database.encryption import Encryption
from services.database.forget_log import Forget
from services.database.schema import INDEXED_DIMENSIONS, changes, collections, embeddings, faces, persons
from services.database.upserts import insert_if_missing
from services.gallery.store import idempotency, limits, names
from services.gallery.store.reencryption import encrypt_crops, encrypt_embeddings
from services.gallery.store.rows import SELECT_PERSONS, id_of, read_persons, text_of_space
from services.gallery.store.values import NewFace, Person, Registration, StoredFace

_INSERT_FACE, _INSERT_EMBEDDING = sa.insert(faces), sa.insert(embeddings)
_ATTEMPTS = 5  # to find or create a person whom other transactions create and delete


def ensure_collection(connection: sa.Connection, name: str, at: datetime) -> None:
    """Create the collection unless it exists."""
    insert_if_missing(connection, collections, {"name": name, "created_at": at})


def lock_person(connection: sa.Connection, number: UUID, collection: str | None = None) -> Person:
    """Lock the person against other changes until the transaction ends; raises PersonNotFound."""
    select = SELECT_PERSONS.where(persons.c.id == number).with_for_update(of=persons)
    if collection is not None:
        select = select.where(persons.c.collection == collection)
    found = read_persons(connection, select)
    if not found:
        raise PersonNotFound
    return found[0]


def lock_person_called(connection: sa.Connection, name: str, collection: str, at: datetime) -> Person:
    """As `lock_person`, by name in any spelling; a person with a new name is created.

    Raises Conflict if several persons have the name.
    """
    for _ in range(_ATTEMPTS):  # another transaction may have just created or deleted the person
        number = names.only_one_called(connection, name, collection)
        if number is not None:
            with suppress(PersonNotFound):
                return lock_person(connection, number, collection)
            continue
        new: dict[str, Any] = {
            "id": uuid4(),
            "collection": collection,
            "name": name,
            "registered_at": at,
            "labels": {},
            "metadata": {},
        }
        # Without a target, so that a race for either of the two unique columns is no error.
        if insert_if_missing(connection, persons, new):
            return Person(**new | {"id": str(new["id"])}, retain_until=None, faces=0)
    raise Conflict("The name is taken.")


def person_to_change(connection: sa.Connection, new: Registration, at: datetime) -> Person:
    """The person of a registration, locked, with the labels, metadata and retain_until that it adds.

    Raises:
        PersonNotFound: there is no person with this id in the collection.
        Conflict: several persons have the name.
        ValidationFailed: the person would have too many labels, or too much metadata.
    """
    ensure_collection(connection, new.collection, at)
    if new.person_id is not None:
        person = lock_person(connection, id_of(new.person_id, PersonNotFound), new.collection)
    else:
        assert new.name is not None, "a person has a name or an id"
        person = lock_person_called(connection, new.name, new.collection, at)
    values: dict[str, Any] = {}
    if new.labels:
        values["labels"] = limits.labels(person.labels | dict(new.labels))
    if new.metadata:
        values["metadata"] = limits.metadata(person.metadata | dict(new.metadata))
    if new.retain_until is not None:
        values["retain_until"] = new.retain_until
    if values:
        connection.execute(sa.update(persons).where(persons.c.id == UUID(person.id)).values(**values))
    return replace(person, **values)


def add_face(
    connection: sa.Connection,
    sealed: Encryption,
    face: NewFace,
    *,
    person: UUID,
    collection: str,
    at: datetime,
    number: UUID | None = None,
) -> StoredFace:
    """Store the face with a new id, or with `number`."""
    number = number or uuid4()
    values = {
        "id": number,
        "person_id": person,
        "detector": face.detector,
        "area": asdict(face.area),
        "confidence": face.confidence,
        "quality": face.quality,
        "liveness": face.liveness,
        "registered_at": at,
        "photo": face.photo,
        "set_aside": face.set_aside,
    }
    connection.execute(_INSERT_FACE, values | sealed.crop(number, person, face.crop))
    for place, one in enumerate(face.embeddings):
        values = {
            "face_id": number,
            "space": text_of_space(one.space),
            "place": place,
            "person_id": person,
            "collection": collection,
            "dimension": len(one.vector),
            "weights": one.weights,
            "waits_for_index": connection.dialect.name != "sqlite" and len(one.vector) in INDEXED_DIMENSIONS,
            "set_aside": face.set_aside,
        }
        connection.execute(_INSERT_EMBEDDING, values | sealed.embedding(number, person, one.vector))
    note_changes(connection, faces.c.id == number)
    return StoredFace(
        id=str(number),
        person_id=str(person),
        collection=collection,
        weights={one.space: one.weights for one in face.embeddings},
        detector=face.detector,
        area=face.area,
        confidence=face.confidence,
        quality=face.quality,
        liveness=face.liveness,
        has_crop=face.crop is not None,
        registered_at=at,
        photo=face.photo,
        set_aside=face.set_aside,
    )


def move_faces(connection: sa.Connection, keyring: Keyring, which: sa.ColumnElement[bool], person: UUID) -> None:
    """Give faces to another person; what is encrypted is encrypted anew, because it belongs to its person."""
    note_changes(connection, which)
    encrypt_crops(connection, keyring, which & faces.c.sealed_with.is_not(None), person=person)
    encrypt_embeddings(connection, keyring, which & embeddings.c.sealed_with.is_not(None), person=person)
    _update_faces(connection, which, {"person_id": person})


def set_aside(connection: sa.Connection, which: sa.ColumnElement[bool], *, is_set: bool) -> None:
    """Keep faces without comparing them, or compare them again."""
    note_changes(connection, which)
    _update_faces(connection, which, {"set_aside": is_set})


def _update_faces(connection: sa.Connection, which: sa.ColumnElement[bool], values: Mapping[str, Any]) -> None:
    """Set these columns, which both tables have."""
    of_faces = embeddings.c.face_id.in_(sa.select(faces.c.id).where(which))
    connection.execute(sa.update(embeddings).where(of_faces).values(values))
    connection.execute(sa.update(faces).where(which).values(values))


def note_changes(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Tell other processes that these faces were added, removed or changed; PostgreSQL needs no such list."""
    if connection.dialect.name == "sqlite":
        connection.execute(sa.insert(changes).from_select(["face_id"], sa.select(faces.c.id).where(which)))


def forget_faces(connection: sa.Connection, which: sa.ColumnElement[bool]) -> dict[UUID, UUID]:
    """Delete faces with their embeddings; returns the ids of the faces, each with the id of its person."""
    note_changes(connection, which)
    idempotency.forget(connection, sa.select(faces.c.id).where(which))
    deleted = connection.execute(sa.delete(faces).where(which).returning(faces.c.id, faces.c.person_id))
    return {row.id: row.person_id for row in deleted}


def are_in(collection: str) -> sa.ColumnElement[bool]:
    """The condition that faces are in a collection."""
    return faces.c.person_id.in_(sa.select(persons.c.id).where(persons.c.collection == collection))


def forget_one_by_one(database: Database, which: sa.ColumnElement[bool], event: Event) -> None:
    """Delete faces, each in a transaction with its event: the journal of all together may not fit on a full disk.

    Raises:
        ServiceUnavailable, StorageFull: what was deleted before stays so.
    """
    with database.reading() as connection:
        found = connection.execute(sa.select(faces.c.id, faces.c.person_id).where(which)).all()
    for row in found:
        with database.erasing() as erasure:
            now = schema.now()
            forget_faces(erasure.connection, faces.c.id == row.id)
            erasure.forgets.append(Forget(at=now, face_ids=(row.id,)))
            of_face = {"person_id": str(row.person_id), "face_id": str(row.id)}
            record(erasure.connection, event, now, **of_face)


def keep_room(database: Database, added: Sequence[NewFace]) -> None:
    """Reserve room on the disk to delete the largest of these faces."""
    database.keep_room(max((len(face.crop) for face in added if face.crop is not None), default=0))


def forget_without_faces(connection: sa.Connection, number: UUID) -> bool:
    """Delete the person if it has no face; returns whether it was deleted."""
    has_faces = sa.exists().where(faces.c.person_id == number)
    return connection.execute(sa.delete(persons).where(persons.c.id == number, ~has_faces)).rowcount > 0


def forget_persons(erasure: Erasure, which: sa.ColumnElement[bool], at: datetime) -> list[UUID]:
    """Delete persons and all their faces, with an event of this time; returns the ids of the persons."""
    connection, theirs = erasure.connection, defaultdict[UUID, list[UUID]](list)
    of_persons = faces.c.person_id.in_(sa.select(persons.c.id).where(which))
    for face, person in forget_faces(connection, of_persons).items():
        theirs[person].append(face)
    gone = sorted(connection.scalars(sa.delete(persons).where(which).returning(persons.c.id)))
    erasure.forgets += [Forget(at=at, person_id=person, face_ids=tuple(theirs[person])) for person in gone]
    return gone

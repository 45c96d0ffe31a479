"""Stores the results of requests with an idempotency key, so that a retry stores nothing."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.database.schema import answers, events, faces, persons
from services.database.upserts import insert_if_missing
from services.gallery.store.rows import SELECT_PERSONS, person_of, read_faces
from services.gallery.store.values import IdempotencyKey, IdempotencyKeyTaken, IdempotencyRecord


def keep(connection: sa.Connection, key: IdempotencyKey, face: UUID, at: datetime) -> None:
    """Store which face a request registered, and delete expired records; raises IdempotencyKeyTaken."""
    connection.execute(sa.delete(answers).where(answers.c.expires_at <= at))
    values = {
        "key": key.key,
        "request": key.request,
        "face_id": face,
        "at": at,
        "expires_at": None if key.lasts is None else at + key.lasts,
    }
    if not insert_if_missing(connection, answers, values):
        raise IdempotencyKeyTaken


def exists(connection: sa.Connection, key: str, at: datetime) -> bool:
    """As `GalleryStore.has_answered`, at this moment."""
    return connection.scalar(sa.select(1).where(answers.c.key == key, _lasts(at))) is not None


def find(connection: sa.Connection, key: str, at: datetime, by: str | None) -> IdempotencyRecord | None:
    """As `GalleryStore.answered`, at this moment."""
    row = connection.execute(sa.select(answers).where(answers.c.key == key, _lasts(at))).first()
    if row is None or row.face_id is None or (by is not None and not _registered_by(connection, row.face_id, by)):
        return None
    owner = sa.select(faces.c.person_id).where(faces.c.id == row.face_id).scalar_subquery()
    # One statement, because a merge may give the face to another person at any moment.
    person = connection.execute(SELECT_PERSONS.where(persons.c.id == owner)).first()
    face = read_faces(connection, faces.c.id == row.face_id)
    if person is None or not face:
        return None
    return IdempotencyRecord(request=row.request, person=person_of(person), face=face[0])


def _lasts(at: datetime) -> sa.ColumnElement[bool]:
    return answers.c.expires_at.is_(None) | (answers.c.expires_at > at)


def _registered_by(connection: sa.Connection, face: UUID, key_id: str) -> bool:
    event = (events.c.action == "register") & (events.c.face_id == str(face)) & (events.c.key_id == key_id)
    return connection.scalar(sa.select(1).where(event)) is not None


def forget(connection: sa.Connection, face_ids: sa.Select[tuple[UUID]]) -> None:
    """Clear which faces these were; the record of the request itself stays."""
    said = {"face_id": None, "person_id": None, "name": None}
    connection.execute(sa.update(answers).where(answers.c.face_id.in_(face_ids)).values(said))

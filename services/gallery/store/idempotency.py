"""Stores the results of requests with an idempotency key, so that a retry stores nothing."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from services.database.schema import answers
from services.database.upserts import insert_if_missing
from services.gallery.store.rows import faces_in
from services.gallery.store.values import IdempotencyKey, IdempotencyKeyTaken, IdempotencyRecord, Person


def keep(connection: sa.Connection, key: IdempotencyKey, face: UUID, person: Person, at: datetime) -> None:
    """Store which face a request registered, and delete expired records; raises IdempotencyKeyTaken."""
    connection.execute(sa.delete(answers).where(answers.c.expires_at <= at))
    values = {
        "key": key.key,
        "request": key.request,
        "face_id": face,
        "person_id": UUID(person.id),
        "name": person.name,
        "at": at,
        "expires_at": None if key.lasts is None else at + key.lasts,
    }
    if not insert_if_missing(connection, answers, values):
        raise IdempotencyKeyTaken


def find(connection: sa.Connection, key: str, at: datetime) -> IdempotencyRecord | None:
    """As `GalleryStore.answered`, at this moment."""
    lasts = answers.c.expires_at.is_(None) | (answers.c.expires_at > at)
    row = connection.execute(sa.select(answers).where(answers.c.key == key, lasts)).first()
    found = [] if row is None or row.name is None else faces_in(connection, [row.face_id])
    if row is None or not found:
        return None
    return IdempotencyRecord(request=row.request, person_id=str(row.person_id), name=row.name, face=found[0])


def forget(connection: sa.Connection, face_ids: sa.Select[tuple[UUID]]) -> None:
    """Clear to whom these faces belonged; the record of the request itself stays."""
    said = {"face_id": None, "person_id": None, "name": None}
    connection.execute(sa.update(answers).where(answers.c.face_id.in_(face_ids)).values(said))

"""Encrypts faces that another key or an earlier version encrypted, or that are not encrypted."""

from contextlib import suppress
from uuid import UUID

import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import ServiceUnavailable
from services.audit.events import Event
from services.audit.store import record
from services.database import encryption, schema
from services.database.database import Database
from services.database.schema import embeddings, faces, sealing_keys
from services.gallery.store.rows import SELECT_EMBEDDINGS

_STILL_READ = "All data is encrypted, but SQLite's log still holds the old data. Run: face-service gallery purge"


class FaceReencryption:
    """Encrypts faces with the first key of GALLERY_KEY. Each method may raise ServiceUnavailable.

    On SQLite, none of the previous data stays in any file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keyring = database.keyring

    def has_key(self) -> bool:
        """Whether there is an encryption key."""
        return bool(self._keyring)

    def remaining(self) -> int:
        """How many faces the first key has yet to encrypt."""
        with self._database.reading() as connection:
            found = sa.union(*self._of_others()).subquery()
            return connection.scalar(sa.select(sa.func.count()).select_from(found)) or 0

    def reencrypt(self, event: Event, *, limit: int) -> int:
        """Encrypt up to `limit` of these faces in one transaction; returns how many.

        The call that finds none deletes the records of all other keys. Only this call records the event.

        Raises:
            ServiceUnavailable: also if no key decrypts one of the faces; nothing was changed.
            StorageFull: nothing was changed.
        """
        while True:
            with suppress(sa.exc.IntegrityError):
                with self._database.erasing() as erasure:
                    count = self._reencrypt(erasure.connection, limit)
                    # If another key comes into use at this moment, the database rejects the deletion.
                    if not count:
                        of_others = sealing_keys.c.id != encryption.first_key(self._keyring)
                        erasure.connection.execute(sa.delete(sealing_keys).where(of_others))
                        record(erasure.connection, event, schema.now())
                if self._database.seals_embeddings and not count and not erasure.is_complete:
                    raise ServiceUnavailable(_STILL_READ)
                return count

    def _reencrypt(self, connection: sa.Connection, limit: int) -> int:
        select = sa.union_all(*self._of_others()).limit(limit)  # which stops early, as `union` does not
        numbers = set(connection.scalars(select))
        crops = faces.c.id.in_(numbers) & faces.c.crop.is_not(None) & self._is_of_others(faces.c.sealed_with)
        encrypt_crops(connection, self._keyring, crops)
        if self._database.seals_embeddings:
            vectors = embeddings.c.face_id.in_(numbers) & self._is_of_others(embeddings.c.sealed_with)
            encrypt_embeddings(connection, self._keyring, vectors)
        return len(numbers)

    def _of_others(self) -> list[sa.Select[tuple[UUID]]]:
        """The faces with an image that the first key has not encrypted, and those with such an embedding."""
        crops = sa.select(faces.c.id).where(faces.c.crop.is_not(None), self._is_of_others(faces.c.sealed_with))
        vectors = sa.select(embeddings.c.face_id).where(self._is_of_others(embeddings.c.sealed_with))
        return [crops, vectors] if self._database.seals_embeddings else [crops]

    def _is_of_others(self, sealed_with: sa.ColumnElement[str | None]) -> sa.ColumnElement[bool]:
        others = sa.select(sealing_keys.c.id).where(sealing_keys.c.id != encryption.first_key(self._keyring))
        return sealed_with.is_(None) | sealed_with.in_(others)


def encrypt_crops(
    connection: sa.Connection, keyring: Keyring, which: sa.ColumnElement[bool], *, person: UUID | None = None
) -> None:
    """Encrypt the images of these faces with the first key, for `person` or for the person whose face it is.

    Raises:
        ServiceUnavailable: no key decrypts an image.
    """
    read, sealed = encryption.Decryption(connection, keyring), encryption.Encryption(connection, keyring)
    select = sa.select(faces.c.id, faces.c.person_id, faces.c.crop, faces.c.sealed_with).where(which)
    for row in connection.execute(select.with_for_update()).all():
        columns = sealed.crop(row.id, person or row.person_id, read.crop_of(row))
        connection.execute(sa.update(faces).where(faces.c.id == row.id).values(columns))


def encrypt_embeddings(
    connection: sa.Connection, keyring: Keyring, which: sa.ColumnElement[bool], *, person: UUID | None = None
) -> None:
    """As `encrypt_crops`, for embeddings."""
    read, sealed = encryption.Decryption(connection, keyring), encryption.Encryption(connection, keyring)
    for row in connection.execute(SELECT_EMBEDDINGS.where(which)).all():
        columns = sealed.embedding(row.face_id, person or row.person_id, read.embedding_of(row))
        this = (embeddings.c.face_id == row.face_id) & (embeddings.c.space == row.space)
        connection.execute(sa.update(embeddings).where(this).values(columns))

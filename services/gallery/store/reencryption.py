"""Encrypts faces that another key or an earlier version encrypted, or that are not encrypted."""

from contextlib import suppress

import sqlalchemy as sa

from core.exceptions import ServiceUnavailable
from services.audit.events import Event
from services.audit.store import record
from services.database import encryption, schema
from services.database.database import Database
from services.database.schema import faces, sealing_keys

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
            return connection.scalar(sa.select(sa.func.count()).where(self._of_others())) or 0

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
        select = sa.select(*encryption.COLUMNS)
        rows = connection.execute(select.where(self._of_others()).limit(limit).with_for_update()).all()
        read = encryption.Decryption(connection, self._keyring)
        for row in rows:
            sealed = encryption.columns_anew(connection, self._keyring, read, row, row.person_id)
            connection.execute(sa.update(faces).where(faces.c.id == row.id).values(sealed))
        return len(rows)

    def _of_others(self) -> sa.ColumnElement[bool]:
        others = sa.select(sealing_keys.c.id).where(sealing_keys.c.id != encryption.first_key(self._keyring))
        of_others = faces.c.sealed_with.is_(None) | faces.c.sealed_with.in_(others)
        return of_others if self._database.seals_embeddings else of_others & faces.c.crop.is_not(None)

"""Seals what other keys have sealed, or none."""

from contextlib import suppress

import sqlalchemy as sa

from core.exceptions import ServiceUnavailable
from services.audit import store
from services.audit.events import Event
from services.database import encryption, schema
from services.database.database import Database
from services.database.schema import faces, sealing_keys

_STILL_READ = "All is encrypted; what it was before is in SQLite's log while others read it: call `gallery purge`."


class FaceSealer:
    """Seals with the first key of GALLERY_KEY what was not. Each method may raise ServiceUnavailable.

    On SQLite nothing of what was there before stays in any file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keyring = database.keyring

    def has_key(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._keyring)

    def remaining(self) -> int:
        """How many faces are not sealed with it, and should be."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(self._of_others())) or 0

    def reseal(self, event: Event, *, limit: int) -> int:
        """Seal at most so many of them, in one transaction; returns how many.

        The call that finds none forgets all other keys, and only its event is recorded.

        Raises:
            ServiceUnavailable: also if none of the keys opens one of them; nothing is changed.
            StorageFull: nothing is changed.
        """
        while True:
            with suppress(sa.exc.IntegrityError):
                with self._database.erasing() as erasure:
                    count = self._reseal(erasure.connection, limit)
                    if not count:  # unless another key is used again this moment, which the database notices
                        of_others = sealing_keys.c.id != self._keyring.first
                        erasure.connection.execute(sa.delete(sealing_keys).where(of_others))
                        store.record(erasure.connection, event, schema.now())
                if self._database.seals_embeddings and not count and not erasure.is_complete:
                    raise ServiceUnavailable(_STILL_READ)
                return count

    def _reseal(self, connection: sa.Connection, limit: int) -> int:
        select = sa.select(faces.c.id, faces.c.embedding, faces.c.crop, faces.c.sealed_with)
        rows = connection.execute(select.where(self._of_others()).limit(limit).with_for_update()).all()
        for row in rows:
            embedding, crop = encryption.embedding_of(self._keyring, row), encryption.crop_of(self._keyring, row)
            columns = encryption.columns(connection, self._keyring, row.id, embedding, crop)
            if not self._database.seals_embeddings:
                del columns["embedding"]  # which stays as it is
            connection.execute(sa.update(faces).where(faces.c.id == row.id).values(columns))
        return len(rows)

    def _of_others(self) -> sa.ColumnElement[bool]:
        others = sa.select(sealing_keys.c.id).where(sealing_keys.c.id != self._keyring.first)
        of_others = faces.c.sealed_with.is_(None) | faces.c.sealed_with.in_(others)
        return of_others if self._database.seals_embeddings else of_others & faces.c.crop.is_not(None)

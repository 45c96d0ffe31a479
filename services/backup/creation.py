"""The use case of writing a backup while the service runs."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from zipfile import ZipFile

from core import __version__
from core.archives import chunks_of, write_member
from core.encryption import encrypting
from core.exceptions import CommandError, StorageFull
from core.files import atomically_written
from services.audit.events import Event
from services.audit.recorder import new_event
from services.backup.format import DATABASE, FORGETS, MANIFEST, Manifest, others_in, sqlite_of
from services.database.database import Database


class FileInUse(CommandError):
    """A backup may not take the place of a file that the service uses."""


class CreationService:
    """Writes backups. A backup is recorded as an event before its file exists."""

    def __init__(self, *, database: Database, data_path: Path, record: Callable[[Event], None]) -> None:
        self._database = database
        self._data_path = data_path
        self._record = record

    def create(self, path: Path) -> Manifest:
        """Write a backup to `path`, with every change that was acknowledged before this call.

        Raises:
            NotSqlite: the database is PostgreSQL.
            FileInUse: `path` is a file of the service.
            OSError: the file cannot be written; an existing file stays unchanged.
            ServiceUnavailable, StorageFull: the database does not answer, or cannot record the event.
        """
        database, keyring = sqlite_of(self._database), self._database.keyring
        mine = [database.path, self._data_path / FORGETS, *others_in(self._data_path)]
        if path.resolve() in {one.resolve() for one in mine}:
            raise FileInUse("The service uses this file. Choose another name for the backup.")
        self._record(new_event("backup"))
        with atomically_written(path) as file:
            if keyring:
                with encrypting(file, keyring) as encrypted:
                    return self._write(encrypted, path.parent)
            return self._write(file, path.parent)

    def _write(self, file: IO[bytes], folder: Path) -> Manifest:
        """Write the zip; the temporary copy of the database is in `folder`, which has room for it."""
        database, taken_at = sqlite_of(self._database), datetime.now(UTC)
        members: dict[str, str] = {}
        with ZipFile(file, "w") as archive:
            try:
                with database.copied(folder) as copy:
                    members[DATABASE] = write_member(archive, DATABASE, chunks_of(copy))
            except StorageFull as error:  # of the copy: the backup's disk
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            for one in (self._data_path / FORGETS, *others_in(self._data_path)):
                with suppress(FileNotFoundError), one.open("rb") as content:  # an index may have just been deleted
                    name = str(one.relative_to(self._data_path))
                    members[name] = write_member(archive, name, chunks_of(content))
            manifest = Manifest(
                version=__version__,
                schema_revision=database.status().revision,
                taken_at=taken_at,
                members=members,
            )
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
        return manifest

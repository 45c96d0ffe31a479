"""The use case of restoring a backup while the service runs."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from core.archives import CHUNK, check_members, read_manifest
from core.encryption import DecryptionError, Keyring, decrypting, encrypted_by
from core.files import atomically_written, locked
from services.audit.events import moment
from services.audit.recorder import new_event
from services.audit.store import AuditStore
from services.backup.format import DATABASE, FORGETS, MANIFEST, BadBackup, Manifest, sqlite_of
from services.database import exchange, migration
from services.database.choice import make_database
from services.database.database import Database
from services.database.forget_log import ForgetLog
from services.gallery.store.reapplying import reapply

_STAGING = ".restore"  # a folder beside the database

_SEAL_AT_ONCE = 500  # events

_LAST_SEAL = "SELECT id, hash FROM seals ORDER BY id DESC LIMIT 1"

_NO_BACKUP = "The file is not a backup of this service, or is damaged. Nothing was changed."
_NO_KEY = "GALLERY_KEY: the backup is encrypted, but no encryption key is set. Nothing was changed."
_WRONG_KEY = "GALLERY_KEY: the encryption key does not match this backup. Nothing was changed."

# What zipfile, Pydantic and the decryption raise for a damaged or foreign file.
_UNREADABLE = (BadZipFile, ValueError, LookupError, EOFError, NotImplementedError, RuntimeError, DecryptionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored: when the backup was made, what was deleted again, and where the former files are, if kept.

    `reapplied` counts persons and faces; None if deletions were not reapplied.
    """

    taken_at: datetime
    reapplied: int | None
    kept: str


class RestorationService:
    """Restores backups."""

    def __init__(self, *, database: Database, data_path: Path, forgets: ForgetLog) -> None:
        self._database = database
        self._data_path = data_path
        self._forgets = forgets

    def restore(self, path: Path, *, reapplies: bool, keeps_old: bool) -> Restored:
        """Restore the backup at `path` after checking all of it.

        The database is replaced last, in one step: a crash leaves the former one or the restored one. What was
        forgotten since the backup is deleted in the restored one before, unless not `reapplies`. An event is in it,
        too. The former files are deleted, unless `keeps_old`.

        Raises:
            NotSqlite: the database is PostgreSQL.
            BadBackup: the file cannot be restored; nothing was changed.
            ServiceUnavailable: the keys do not decrypt the backup's database, or others use the database for too long.
            OSError: a file cannot be read or written.
        """
        place = sqlite_of(self._database).path
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.parent), _opened(path, self._database.keyring) as archive:  # one restore at a time
            manifest = _checked(archive)
            with _staging(place.parent / _STAGING) as folder:
                staged = folder / DATABASE
                _extract(archive, DATABASE, staged)
                with closing(make_database(f"sqlite:///{staged}", self._database.keyring)) as database:
                    _require_sound(staged, database)
                    replaced = f"replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}" if keeps_old else ""
                    self._put_others(archive, manifest, replaced)
                    with exchange.locked(place) as former:
                        reapplied = self._complete(database, manifest, former, reapplies=reapplies)
                        database.close()
                        exchange.replace(staged, place, kept=_kept(place.parent, DATABASE, replaced))
        return Restored(taken_at=manifest.taken_at, reapplied=reapplied, kept=replaced)

    def _put_others(self, archive: ZipFile, manifest: Manifest, replaced: str) -> None:
        """Put the other files in place, each in one step, and add to the log of deletions what it lacks."""
        for name in manifest.members.keys() - {DATABASE, FORGETS}:
            target = self._data_path / name
            if kept := _kept(self._data_path, name, replaced):
                with suppress(FileNotFoundError):
                    os.link(target, kept)
            with archive.open(name) as content, atomically_written(target) as file:
                shutil.copyfileobj(content, file, CHUNK)
        if FORGETS in manifest.members:
            known = set(self._forgets.read())
            former = ForgetLog.parse(archive.read(FORGETS))
            if missing := [one for one in former if one not in known]:
                self._forgets.append(missing)

    def _complete(
        self, database: Database, manifest: Manifest, former: sqlite3.Connection | None, *, reapplies: bool
    ) -> int | None:
        """Record the restoration in the restored database, and reapply deletions, none of which can be added now."""
        trail = AuditStore(database)
        details: dict[str, Any] = {"backup_at": moment(manifest.taken_at), "batch": trail.standing().last}
        details |= _chain_of(former) | {"reapplies": reapplies}
        trail.record([new_event("restore", **details)])
        reapplied = reapply(database, self._forgets.read()) if reapplies else None
        while trail.seal(limit=_SEAL_AT_ONCE) == _SEAL_AT_ONCE:
            pass
        return reapplied


@contextmanager
def _opened(path: Path, keyring: Keyring) -> Iterator[ZipFile]:
    """The backup as a zip; raises BadBackup."""
    with path.open("rb") as file:
        key = encrypted_by(file)
        if key and key not in keyring.ids:
            raise BadBackup(_WRONG_KEY if keyring else _NO_KEY)
        try:
            archive = ZipFile(decrypting(file, keyring) if key else file)
        except _UNREADABLE as error:
            raise BadBackup(_NO_BACKUP) from error
        with archive:
            yield archive


def _checked(archive: ZipFile) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(read_manifest(archive, MANIFEST))
        check_members(archive, MANIFEST, manifest.members)
    except _UNREADABLE as error:
        raise BadBackup(_NO_BACKUP) from error
    if not migration.is_known(manifest.schema_revision):
        raise BadBackup(
            f"The backup is of version {manifest.version} and has schema {manifest.schema_revision}; this version of"
            f" the service supports {migration.newest_revision()}. Nothing was changed."
        )
    return manifest


def _require_sound(path: Path, database: Database) -> None:
    """Return if the restored database is whole and the keys decrypt it. Upgrades its schema.

    Raises:
        BadBackup: it is not.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise BadBackup(_NO_BACKUP) from error
    if found != ("ok",):
        raise BadBackup("The database in the backup is damaged. Nothing was changed.")
    if problem := database.key_problem():
        raise BadBackup(f"{problem}. Nothing was changed.")


def _chain_of(former: sqlite3.Connection | None) -> dict[str, Any]:
    """The last batch of the audit trail in the former database; empty if there is none that can be read."""
    with suppress(sqlite3.DatabaseError):
        if former is not None and (row := former.execute(_LAST_SEAL).fetchone()) is not None:
            return {"replaced_batch": row[0], "replaced_hash": row[1]}
    return {}


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """An empty folder, which is gone afterwards; also what a crash left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _extract(archive: ZipFile, name: str, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with archive.open(name) as content, open(descriptor, "wb") as file:
        shutil.copyfileobj(content, file, CHUNK)


def _kept(folder: Path, name: str, replaced: str) -> Path | None:
    """Where a replaced file is kept, in an existing folder; None if it is not."""
    if not replaced:
        return None
    path = folder / replaced / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path

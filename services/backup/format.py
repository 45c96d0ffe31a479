"""The format of a backup: an uncompressed zip of the database and the other files of DATA_PATH.

If GALLERY_KEY is set, the whole file is encrypted (see `core.encryption`). What the database encrypts stays so as well.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator

from core.exceptions import CommandError
from services.database.database import Database
from services.database.sqlite import SqliteDatabase

MANIFEST, DATABASE, FORGETS = "manifest.json", "gallery.db", "forgets.log"

# The other files of a backup, by their paths in DATA_PATH: indexes of the photo folder, and results of the self-test.
_OTHERS = re.compile(r"folder_index/[0-9a-f]{32}\.(index|draft|kept)|folder_index\.encrypted|self_test\.json")
_PLACES = ("folder_index/*", "folder_index.encrypted", "self_test.json")


class BadBackup(CommandError):
    """The file is not a backup that this service can restore; the message says why. Nothing was changed."""


class NotSqlite(CommandError):
    """The database of the service is no SQLite file."""


class Manifest(BaseModel):
    """What a backup holds.

    `version` and `schema_revision` are of the service that made it, `taken_at` is a moment before the database was
    copied, and `members` are the files with their SHA-256.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["face-service backup 1"] = "face-service backup 1"
    version: str
    schema_revision: str
    taken_at: AwareDatetime
    members: dict[str, str]

    @field_validator("members")
    @classmethod
    def _are_known(cls, members: dict[str, str]) -> dict[str, str]:
        if DATABASE not in members or not all(is_other(name) for name in members.keys() - {DATABASE, FORGETS}):
            raise ValueError("the members are not those of a backup")
        return members


def is_other(name: str) -> bool:
    """Whether a backup has the file of this name beside the database and the log of deletions."""
    return _OTHERS.fullmatch(name) is not None


def others_in(data_path: Path) -> Iterator[Path]:
    """Yield the files of DATA_PATH for which `is_other` holds, sorted."""
    for place in _PLACES:
        for path in sorted(data_path.glob(place)):
            if is_other(str(path.relative_to(data_path))):
                yield path


def sqlite_of(database: Database) -> SqliteDatabase:
    """The database, if it is a SQLite file; raises NotSqlite."""
    if not isinstance(database, SqliteDatabase):
        raise NotSqlite("The database is PostgreSQL. Back it up and restore it with PostgreSQL's own tools.")
    return database

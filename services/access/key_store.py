"""The API keys in the gallery's database."""

import logging
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from core.scopes import Scope
from services.audit import store
from services.audit.events import Event
from services.database.database import Database
from services.database.schema import keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key without its secret, of which there is only the SHA-256 (32 bytes); `collection` is all it may touch of the
    gallery, None means everything."""

    id: str
    name: str
    secret_sha256: bytes
    scopes: frozenset[Scope]
    collection: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    last_used_on: date | None = None

    def is_valid(self, at: datetime) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


class KeyStore:
    """Keeps keys. Every method may raise ServiceUnavailable, those that write also StorageFull."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all_keys(self) -> list[StoredKey]:
        """All keys there ever were, the oldest first."""
        if self._database.is_missing:  # who keeps no gallery needs no file
            return []
        with self._database.reading() as connection:
            return [_key_of(row) for row in connection.execute(sa.select(keys).order_by(keys.c.created_at, keys.c.id))]

    def add(self, key: StoredKey) -> None:
        """Keep a new key, with an event."""
        scopes = sorted(key.scopes)
        event = Event(
            action="create_key",
            outcome="done",
            collection=key.collection or "",
            details={"key": key.id, "scopes": scopes},
        )
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(keys).values(
                    id=key.id,
                    name=key.name,
                    secret_sha256=key.secret_sha256.hex(),
                    scopes=scopes,
                    collection=key.collection,
                    created_at=key.created_at,
                    expires_at=key.expires_at,
                )
            )
            store.record(connection, event, key.created_at)

    def revoke(self, key_id: str, at: datetime) -> bool:
        """Make a key invalid for good, with an event; False if there is none of this id."""
        is_key = keys.c.id == key_id
        with self._database.writing() as connection:
            if connection.scalar(sa.select(1).where(is_key)) is None:
                return False
            changed = connection.execute(
                sa.update(keys).where(is_key, keys.c.revoked_at.is_(None)).values(revoked_at=at)
            )
            if changed.rowcount:
                store.record(connection, Event(action="revoke_key", outcome="done", details={"key": key_id}), at)
            return True

    def note_use(self, key_ids: list[str], on: date) -> None:
        """Remember the day on which these keys were last used."""
        with self._database.writing() as connection:
            connection.execute(sa.update(keys).where(keys.c.id.in_(key_ids)).values(last_used_on=on))


def _key_of(row: Any) -> StoredKey:
    return StoredKey(
        id=row.id,
        name=row.name,
        secret_sha256=bytes.fromhex(row.secret_sha256),
        scopes=frozenset(scope for name in row.scopes if (scope := _scope(name))),
        collection=row.collection,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_on=row.last_used_on,
    )


@cache  # so that each name is logged once
def _scope(name: str) -> Scope | None:
    """The scope of this name; none if another version of the service gave it to the key."""
    try:
        return Scope(name)
    except ValueError:
        logger.warning("a key has a scope that this version does not know", extra={"scope": name})
        return None

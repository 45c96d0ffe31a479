"""The API keys in the gallery's database."""

import logging
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from core.exceptions import CommandError
from core.scopes import Scope
from services.audit.recorder import new_event
from services.audit.store import record
from services.database.database import Database
from services.database.schema import keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """An API key with the SHA-256 (32 bytes) of its secret.

    The key is valid only for `collection` of the gallery; None means all collections.
    """

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
        """Whether the key is valid at that moment."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


class GrantRefused(CommandError):
    """Raised when a scope cannot be added to an API key."""


class KeyStore:
    """Stores API keys. Every method may raise ServiceUnavailable; methods that write may also raise StorageFull."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all_keys(self) -> list[StoredKey]:
        """All API keys, including revoked and expired ones, oldest first."""
        if self._database.is_missing:  # without a gallery there need not be a file
            return []
        with self._database.reading() as connection:
            return [_key_of(row) for row in connection.execute(sa.select(keys).order_by(keys.c.created_at, keys.c.id))]

    def add(self, key: StoredKey) -> None:
        """Store a new API key, and record an event."""
        scopes = sorted(key.scopes)
        event = new_event("create_key", collection=key.collection or "", key=key.id, scopes=scopes)
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
            record(connection, event, key.created_at)

    def grant(self, key_id: str, scope: Scope, at: datetime) -> bool:
        """Add a scope to an API key, and record an event; False if the id is unknown.

        Raises:
            GrantRefused: the key is revoked; or it is for one collection, and the scope is `admin`.
        """
        is_key = keys.c.id == key_id
        with self._database.writing() as connection:
            row = connection.execute(sa.select(keys).where(is_key).with_for_update()).first()
            if row is None:
                return False
            if row.revoked_at is not None:
                raise GrantRefused("The API key is revoked. Create a new one.")
            if row.collection is not None and scope is Scope.ADMIN:
                raise GrantRefused("The API key is for one collection. The scope admin covers all collections.")
            if scope not in row.scopes:
                connection.execute(sa.update(keys).where(is_key).values(scopes=sorted({*row.scopes, scope})))
                event = new_event("grant_scope", collection=row.collection or "", key=key_id, scope=scope)
                record(connection, event, at)
            return True

    def revoke(self, key_id: str, at: datetime) -> bool:
        """Revoke an API key permanently, and record an event; False if the id is unknown."""
        is_key = keys.c.id == key_id
        with self._database.writing() as connection:
            if connection.scalar(sa.select(1).where(is_key)) is None:
                return False
            changed = connection.execute(
                sa.update(keys).where(is_key, keys.c.revoked_at.is_(None)).values(revoked_at=at)
            )
            if changed.rowcount:
                record(connection, new_event("revoke_key", key=key_id), at)
            return True

    def note_use(self, key_ids: list[str], on: date) -> None:
        """Store the day on which these API keys were last used."""
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
    """The scope of this name; None for a scope that another version of the service assigned."""
    try:
        return Scope(name)
    except ValueError:
        logger.warning("this version ignores an unknown scope of an API key", extra={"scope": name})
        return None

"""Where the API keys are kept."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date, datetime

from core.scopes import Scope


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


class KeyStore(ABC):
    """Keeps keys. Every method may raise ServiceUnavailable, those that write also StorageFull."""

    @abstractmethod
    def all_keys(self) -> list[StoredKey]:
        """All keys there ever were, the oldest first."""

    @abstractmethod
    def add(self, key: StoredKey) -> None:
        """Keep a new key, with an event."""

    @abstractmethod
    def revoke(self, key_id: str, at: datetime) -> bool:
        """Make a key invalid for good, with an event; False if there is none of this id."""

    @abstractmethod
    def note_use(self, key_ids: list[str], on: date) -> None:
        """Remember the day on which these keys were last used."""

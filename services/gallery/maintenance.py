"""The use-cases of looking after the gallery: what is in it, forgetting those whose time is over, its database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from core.exceptions import ServiceUnavailable
from services.audit.recorder import new_event
from services.database.database import Database
from services.deepface.interface import EmbeddingSpace
from services.gallery.store.reencryption import FaceSealer
from services.gallery.store.store import GalleryStore

_ENCRYPTED_AT_ONCE = 200  # faces in one transaction, for which others who write have to wait

_AT_ONCE = 100  # persons forgotten in one transaction
_INDEXED_AT_ONCE = 16  # faces, a tenth of a second in which nobody else can change them


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """How many persons each collection has, how many faces in each embedding space, and the database's size."""

    persons: dict[str, int]
    faces: dict[tuple[str, EmbeddingSpace], int]
    size_bytes: int


class UpkeepService:
    """Looks after the gallery. Every method may raise ServiceUnavailable, those that change something StorageFull."""

    def __init__(self, *, store: GalleryStore, database: Database) -> None:
        self._store = store
        self._database = database

    def statistics(self) -> Statistics:
        """What is in the gallery."""
        return Statistics(
            persons=self._store.collections(), faces=self._store.face_counts(), size_bytes=self._database.size_bytes()
        )

    def expire(self) -> int:
        """Forget everybody whose `retain_until` is over, each with an event; returns how many they were."""
        now = datetime.now(UTC)
        event = new_event("forget", reason="retain_until")
        count = 0
        while forgotten := self._store.expire(now, event, limit=_AT_ONCE):
            count += len(forgotten)
        return count

    def upgrade(self) -> None:
        """Bring the database to the newest schema."""
        self._database.upgrade()

    def index_some(self) -> bool:
        """Have the database's index take up some of the faces that wait for it; says whether there may be more."""
        return self._store.index_waiting(limit=_INDEXED_AT_ONCE) > 0

    def purge(self) -> dict[str, str]:
        """As `Database.purge`."""
        return self._database.purge()


class KeyRotationService:
    """Encrypts faces anew, while the gallery is in use."""

    def __init__(self, *, faces: FaceSealer) -> None:
        self._faces = faces

    def rotate(self, progress: Callable[[int, int], None]) -> int:
        """Encrypt every face that the first key has not, and return how many they were.

        `progress` hears how many of how many are done.

        What was done when it is interrupted stays done.

        Raises:
            ServiceUnavailable: there is no key, none opens a face, or the database does not answer.
            StorageFull: as it says.
        """
        if not self._faces.has_key():
            raise ServiceUnavailable("GALLERY_KEY: there is no key to encrypt with")
        total, done = self._faces.remaining(), 0
        event = new_event("rotate_key")
        while count := self._faces.reseal(event, limit=_ENCRYPTED_AT_ONCE):
            done += count
            progress(done, max(done, total))
        return done

"""The use cases of maintaining the gallery: statistics, expiry, key rotation and its database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from core.exceptions import Conflict, PersonNotFound, ServiceUnavailable, ValidationFailed
from services.audit.recorder import new_event
from services.database.database import Database
from services.deepface.interface import EmbeddingSpace
from services.gallery.store.reencryption import FaceReencryption
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import Person

_ENCRYPTED_AT_ONCE = 200  # faces in one transaction, for which other writers wait

_AT_ONCE = 100  # persons deleted in one transaction
_INDEXED_AT_ONCE = 16  # faces that are locked against changes for a tenth of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The persons per collection, all faces, those per collection and embedding space, and the database's bytes.

    A face may be in several embedding spaces.
    """

    persons: dict[str, int]
    faces: int
    faces_by_space: dict[tuple[str, EmbeddingSpace], int]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Persons of a collection with one name, the first registered one first, and why they were not merged, if so."""

    persons: list[Person]
    problem: str = ""


class UpkeepService:
    """Maintains the gallery.

    Every method may raise ServiceUnavailable. Methods that write may also raise StorageFull.
    """

    def __init__(self, *, store: GalleryStore, database: Database) -> None:
        self._store = store
        self._database = database

    def statistics(self) -> Statistics:
        """The current content of the gallery in numbers."""
        return Statistics(
            persons=self._store.collections(),
            faces=self._store.face_count(),
            faces_by_space=self._store.face_counts(),
            size_bytes=self._database.size_bytes(),
        )

    def expire(self) -> int:
        """Delete persons whose `retain_until` has passed, each with an event; returns how many."""
        now = datetime.now(UTC)
        event = new_event("forget", reason="retain_until")
        count = 0
        while forgotten := self._store.expire(now, event, limit=_AT_ONCE):
            count += len(forgotten)
        return count

    def merge_twins(self, *, dry_run: bool) -> Iterator[Twins]:
        """Merge the persons of each name that several persons have into the first one; with `dry_run`, only list them.

        Yields them after each merge. Persons whose `retain_until` differ, or who have too many labels or too much
        metadata together, stay as they are.
        """
        for first, *others in self._store.twins():
            problem, ids = "", [one.id for one in others]
            if not dry_run:
                try:
                    self._store.merge(first.id, ids, new_event("merge", merged=sorted(ids)))
                except (Conflict, ValidationFailed, PersonNotFound) as error:
                    problem = error.message
            yield Twins(persons=[first, *others], problem=problem)

    def upgrade(self) -> None:
        """Upgrade the database to the newest schema."""
        self._database.upgrade()

    def index_some(self) -> bool:
        """Add some of the waiting faces to the database's index; returns whether there may be more."""
        return self._store.index_waiting(limit=_INDEXED_AT_ONCE) > 0

    def purge(self) -> dict[str, str]:
        """As `Database.purge`."""
        return self._database.purge()


class KeyRotationService:
    """Encrypts faces with the first key, while the gallery is in use."""

    def __init__(self, *, faces: FaceReencryption) -> None:
        self._faces = faces

    def rotate(self, progress: Callable[[int, int], None]) -> int:
        """Encrypt every face that the first key has not encrypted; returns how many.

        `progress` is called with how many faces are done, and how many there are.

        An interrupted call keeps what it has done.

        Raises:
            ServiceUnavailable: there is no key, no key decrypts a face, or the database does not answer.
            StorageFull: the disk is full.
        """
        if not self._faces.has_key():
            raise ServiceUnavailable("GALLERY_KEY: no encryption key is set")
        total, done = self._faces.remaining(), 0
        event = new_event("rotate_key")
        while count := self._faces.reencrypt(event, limit=_ENCRYPTED_AT_ONCE):
            done += count
            progress(done, max(done, total))
        return done

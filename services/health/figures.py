"""Reads for the metrics what the database and the indexes of the photo folder know."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from core.exceptions import ServiceError
from core.metrics import definitions
from core.metrics.exposition import Reading
from core.shared_json import SharedJson
from schemas.find import IndexesQuery, IndexStatus
from services.audit.store import AuditStore
from services.find.indexes import IndexService
from services.gallery.store.store import GalleryStore

logger = logging.getLogger(__name__)

_EVERY_S = 15.0  # how old the figures may be; Prometheus asks every 15 s to 60 s

_READ_AT, _VALUES = "read_at", "values"


class Figures:
    """The sizes of gallery, audit trail and indexes, read every 15 seconds at most.

    The workers of a server share them in `folder`; without one, they are in the memory of this process.
    """

    def __init__(
        self, *, store: GalleryStore, audit: AuditStore, indexes: IndexService | None, folder: Path | None
    ) -> None:
        self._store = store
        self._audit = audit
        self._indexes = indexes
        self._lock = Lock()
        self._memory: dict[str, Any] = {}
        self._shared = None if folder is None else SharedJson(folder / "figures.json")

    def readings(self) -> list[Reading]:
        """The figures. Those that cannot be read are missing until the next time."""
        with self._kept() as kept:
            now = time.monotonic()  # the same clock in all processes
            if _READ_AT not in kept or now - kept[_READ_AT] >= _EVERY_S:
                kept[_VALUES] = [
                    *self._read(self._of_gallery),
                    *self._read(self._of_audit),
                    *self._read(self._of_folder),
                ]
                kept[_READ_AT] = time.monotonic()
            return [Reading(name, value, labels) for name, value, labels in kept[_VALUES]]

    @contextmanager
    def _kept(self) -> Iterator[dict[str, Any]]:
        """The figures as they were read last, which only this thread changes until the block ends."""
        with self._lock:
            if self._shared is None:
                yield self._memory
            else:
                with self._shared.changing(anew=True) as kept:
                    yield kept

    def _read(self, part: Callable[[], Iterator[tuple[str, float, list[str]]]]) -> list[tuple[str, float, list[str]]]:
        try:
            return list(part())
        except ServiceError as error:
            logger.debug("figures for the metrics cannot be read", extra={"reason": error.code})
            return []

    def _of_gallery(self) -> Iterator[tuple[str, float, list[str]]]:
        yield definitions.GALLERY_FACES, self._store.face_count(), []
        yield definitions.GALLERY_PERSONS, sum(self._store.collections().values()), []

    def _of_audit(self) -> Iterator[tuple[str, float, list[str]]]:
        yield definitions.AUDIT_UNSEALED, self._audit.unsealed(), []

    def _of_folder(self) -> Iterator[tuple[str, float, list[str]]]:
        if self._indexes is not None:
            # Requests may build others, with options of their choice.
            for index in self._indexes.overview(IndexesQuery()).indexes:
                if index.permanent:
                    yield from _of_index(index)


def _of_index(index: IndexStatus) -> Iterator[tuple[str, float, list[str]]]:
    yield definitions.INDEX_PHOTOS, index.photos, [index.name]
    if index.pending is not None:
        yield definitions.INDEX_PENDING, index.pending, [index.name]
    if index.age_s is not None:
        yield definitions.INDEX_AGE, index.age_s, [index.name]

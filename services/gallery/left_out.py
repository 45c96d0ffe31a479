"""Who is not compared by a search; counted at once in a small gallery, and once a minute in a large one."""

import time
from typing import NamedTuple

from services.deepface.interface import EmbeddingSpace
from services.gallery.store.store import GalleryStore
from services.gallery.store.values import NotCompared

# Counting looks at every face: 0.2 s for 50,000 faces of two embeddings in SQLite. A search takes a tenth of that.
_SLOW_S = 0.02
_KEPT_S = 60
_MAX_KEPT = 1000


class _Counted(NamedTuple):
    """What was counted, and until when it holds by the monotonic clock."""

    found: NotCompared
    until: float


class LeftOut:
    """Counts the persons who are not compared. If that takes long, the result is kept for a minute."""

    def __init__(self, store: GalleryStore) -> None:
        self._store = store
        self._kept: dict[tuple[str, EmbeddingSpace], _Counted] = {}

    def of(self, collection: str, space: EmbeddingSpace) -> NotCompared:
        """As `GalleryStore.not_compared`, or what it was up to a minute ago."""
        started = time.monotonic()
        kept = self._kept.get((collection, space))
        if kept is not None and started < kept.until:
            return kept.found
        found = self._store.not_compared(collection, space)
        done = time.monotonic()
        if done - started > _SLOW_S:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[collection, space] = _Counted(found, done + _KEPT_S)
        return found

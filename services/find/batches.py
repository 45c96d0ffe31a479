"""Embeds the photos of a folder: photos are searched in all lanes, and faces are embedded in batches."""

import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ThreadPool

from services.find.index import IndexKey
from services.find.photos import DetectedPhoto, Embedded, PhotoEmbedder, PhotoUnavailable

# Limits the memory of waiting crops, because crops have any size and a folder may hold large portraits.
_MAX_WAITING_BYTES = 2**26


class PhotoBatches:
    """Collects photos until they have `size` faces to embed together. Safe to call from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[DetectedPhoto] = []
        self._lock = threading.Lock()

    def joined(self, photo: DetectedPhoto) -> list[DetectedPhoto]:
        """Add a photo and return the photos to embed now; none while more may join.

        A photo without faces is returned at once.
        """
        if not photo.crops:
            return [photo]
        with self._lock:
            self._waiting.append(photo)
            crops = [crop for one in self._waiting for crop in one.crops]
            is_full = len(crops) >= self._size or sum(crop.nbytes for crop in crops) >= _MAX_WAITING_BYTES
            return self._taken() if is_full else []

    def rest(self) -> list[DetectedPhoto]:
        """The photos that still wait. Call this after the last photo."""
        with self._lock:
            return self._taken()

    def _taken(self) -> list[DetectedPhoto]:
        taken, self._waiting = self._waiting, []
        return taken


def embedded_photos(
    embedder: PhotoEmbedder,
    key: IndexKey,
    names: Sequence[str],
    *,
    lanes: int,
    batch_size: int,
    pause: Callable[[], None] = lambda: None,
) -> Iterator[Embedded]:
    """Every photo with its faces, or the reason for its failure, as soon as each is ready.

    `lanes` photos are searched at the same time. The lane that completes a batch embeds it while the other lanes keep
    searching. So the memory never holds more than one batch per lane. Each photo is searched when `pause` returns.

    Raises:
        ServiceError: as `Engine.load`.
    """
    batches = PhotoBatches(batch_size)

    def embed(name: str) -> list[Embedded]:
        pause()
        try:
            photo = embedder.detected(key, name)
        except PhotoUnavailable as error:
            return [(name, error)]
        return embedder.embedded(key, batches.joined(photo))

    with ThreadPool(min(lanes, max(1, len(names))), _name_thread) as pool:
        for some in pool.imap_unordered(embed, names):
            yield from some
    yield from embedder.embedded(key, batches.rest())


def _name_thread() -> None:
    threading.current_thread().name = "folder-index-lane"

"""The photos of a folder through all lanes, and the faces of several of them through the network together."""

import threading
from collections.abc import Iterator, Sequence
from multiprocessing.pool import ThreadPool

from services.find.index import IndexKey
from services.find.photos import DetectedPhoto, Embedded, PhotoEmbedder, PhotoUnavailable

# Crops that wait are pictures of any size: a folder of large portraits must not fill the memory with them.
_MOST_WAITING_BYTES = 2**26


class PhotoBatches:
    """Photos whose faces wait for those of others, fewer than `size` of them. Safe to call from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[DetectedPhoto] = []
        self._lock = threading.Lock()

    def joined(self, photo: DetectedPhoto) -> list[DetectedPhoto]:
        """The photos to embed now that this one has come, none while more may join; one without faces at once."""
        if not photo.crops:
            return [photo]
        with self._lock:
            self._waiting.append(photo)
            crops = [crop for one in self._waiting for crop in one.crops]
            is_full = len(crops) >= self._size or sum(crop.nbytes for crop in crops) >= _MOST_WAITING_BYTES
            return self._taken() if is_full else []

    def rest(self) -> list[DetectedPhoto]:
        """What still waits, when no more will come."""
        with self._lock:
            return self._taken()

    def _taken(self) -> list[DetectedPhoto]:
        taken, self._waiting = self._waiting, []
        return taken


def embedded_photos(
    embedder: PhotoEmbedder, key: IndexKey, names: Sequence[str], *, lanes: int, batch_size: int
) -> Iterator[Embedded]:
    """Every photo with its faces, or why it has none, as they come.

    Faces are searched in as many photos at once as there are `lanes`. Whichever completes a batch embeds it, while the
    other lanes search on: so never more than a batch a lane is in memory.

    Raises:
        ServiceError: as `Engine.load`.
    """
    batches = PhotoBatches(batch_size)

    def embed(name: str) -> list[Embedded]:
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

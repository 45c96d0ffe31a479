"""Updates one index of the photo folder."""

import logging
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial

from services.deepface.interface import Engine
from services.find.batches import embedded_photos
from services.find.deepface_import.npz import import_npz
from services.find.folder_watch import FolderWatch
from services.find.index import NO_FACE, FolderIndex, IndexKey
from services.find.index_state import IndexState, is_empty_at_once
from services.find.index_update import IndexUpdate
from services.find.photo_list import Photos
from services.find.photos import CHANGING, PhotoEmbedder, PhotoUnavailable
from services.find.store import FolderIndexStore

logger = logging.getLogger(__name__)

_RETRY_PHOTO_S = 60

_PROGRESS_S = 10.0  # between two log lines about the progress of a build

_DRAFT_S = 5.0  # between two drafts
_DRAFT_SHARE = 0.05  # maximum share of a build's time spent on drafts


class DraftPolicy:
    """Decides when a build saves a draft: every few seconds, within a small share of the build's time."""

    def __init__(self) -> None:
        self._begun = self._saved_at = time.monotonic()
        self._spent_s = 0.0

    def save_if_due(self, save: Callable[[], None]) -> None:
        """Call `save` if a draft is due."""
        now = time.monotonic()
        if now - self._saved_at >= _DRAFT_S and self._spent_s <= _DRAFT_SHARE * (now - self._begun):
            save()
            self._saved_at = time.monotonic()
            self._spent_s += self._saved_at - now


class ProgressLog:
    """Logs the progress of a build at regular intervals."""

    def __init__(self, state: IndexState) -> None:
        self._state = state
        self._told_at = time.monotonic()

    def tell_if_due(self) -> None:
        """Log the progress if a log line is due."""
        now = time.monotonic()
        if now - self._told_at >= _PROGRESS_S:
            logger.info("folder index building", extra={"done": self._state.done, "total": self._state.total})
            self._told_at = now


@dataclass(frozen=True, slots=True)
class Build:
    """Updates the index of `key`, and notes its progress and failed photos in `state`. Calls `pause` before photos."""

    key: IndexKey
    state: IndexState
    pause: Callable[[], None]
    _: KW_ONLY
    engine: Engine
    store: FolderIndexStore
    embedder: PhotoEmbedder
    watch: FolderWatch
    lanes: int
    batch_size: int

    def run(self) -> tuple[FolderIndex, object]:
        """The updated index and its version in the store. The caller must hold `FolderIndexStore.building`.

        Raises:
            FolderNotFound, ServiceUnavailable: as `FolderWatch.photos`.
            ServiceError: as `Engine.load`.
        """
        index, version = self._last()
        # Another worker may have built for photos that were unknown to this request. A listing that starts now, while
        # nobody else builds, never reverts that index.
        photos = self.watch.photos(fresh=True)
        if index is not None and is_empty_at_once(index, photos):
            photos = Photos.of(item for item in index.photos.items() if not self.watch.skips(item[0]))
        if index is not None and index.photos.equals(photos):
            return index, version
        updated = self._updated(index or FolderIndex.empty(), photos)
        return updated, version if updated is index else self._saved(updated)

    def _last(self) -> tuple[FolderIndex | None, object]:
        """The last complete index, possibly saved by another process, and its version."""
        index, version = self.state.index, self.store.version(self.key)
        if version != self.state.version:
            index = self.store.load(self.key) or index
        return index, version

    def _saved(self, index: FolderIndex) -> object:
        try:
            self.store.save(self.key, index)
        except OSError as error:
            # No acknowledged data is lost: the index answers from memory, and the next start builds it again.
            logger.error("folder index not saved, and will be rebuilt after a restart: %s", error.strerror)
        return self.store.version(self.key)

    def _updated(self, index: FolderIndex, photos: Photos) -> FolderIndex:
        """`index` with every photo that differs from `photos` embedded again; the same object if nothing changed."""
        update = IndexUpdate(index, photos, self.store.load(self.key, draft=True))
        # DeepFace does not record its weights. Once the store has an index, even of other weights, DeepFace's may be
        # stale.
        if self.store.version(self.key) is None:
            update.added |= import_npz(self.key, update.missing())
        todo = self.state.due(update.missing())
        if todo:
            self.engine.load(self.key.detector)
            self.engine.load(self.key.space.model)
        self._embed(todo, update)
        if update.is_empty():
            return index
        failed = sum(name not in update.added for name in todo)
        logger.info(
            "folder index updated", extra={"photos": len(photos), "embedded": len(todo) - failed, "failed": failed}
        )
        return update.result()

    def _embed(self, names: list[str], update: IndexUpdate) -> None:
        """Add the faces of these photos to `update`, and save drafts to the store."""
        self.state.begin(len(names))
        progress, drafts, save_draft = ProgressLog(self.state), DraftPolicy(), partial(self._save_draft, update)
        results = embedded_photos(
            self.embedder, self.key, names, lanes=self.lanes, batch_size=self.batch_size, pause=self.pause
        )
        for name, faces in results:
            if isinstance(faces, PhotoUnavailable):
                self.watch.failures.tell(name, str(faces), type(faces.__cause__ or faces).__name__)
                self.state.complete(name, _retry(faces))
            else:
                if faces.problem not in ("", NO_FACE):
                    self.watch.failures.tell(name, faces.problem)
                update.added[name] = faces
                self.state.complete(name)
            progress.tell_if_due()
            drafts.save_if_due(save_draft)

    def _save_draft(self, update: IndexUpdate) -> None:
        try:
            self.store.save(self.key, update.draft(), draft=True)
        except OSError as error:
            logger.warning("draft of a folder index not saved: %s", error.strerror)


def _retry(error: PhotoUnavailable) -> tuple[str, float]:
    """The reason why a photo failed, and the time of the next try, as time.monotonic()."""
    # A photo that was being written may be complete at the next look.
    delay_s = 0 if str(error) == CHANGING else _RETRY_PHOTO_S
    return str(error), time.monotonic() + delay_s

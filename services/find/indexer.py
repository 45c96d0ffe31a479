"""Keeps the indexes of the photo folder up to date, in the background, and answers with the last complete one."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from core.exceptions import DeepFaceError, IndexBuilding, ServiceError
from core.files import Signature
from core.process import release_unused
from services.deepface.interface import EmbeddingSpace, Engine
from services.find.batches import embedded_photos
from services.find.deepface_import.index_rows import RecordedFace, adopted
from services.find.deepface_import.npz import taken_over
from services.find.folder_watch import FolderWatch
from services.find.index import FolderIndex, IndexKey, PhotoFaces
from services.find.index_state import IndexState, changes, is_empty_at_once
from services.find.photo_list import Photos
from services.find.photos import CHANGING, PhotoEmbedder, PhotoUnavailable
from services.find.store import FolderIndexStore, StoredIndex

logger = logging.getLogger(__name__)

_RETRY_PHOTO_S = 60

# Every combination of model, detector and their options has an index of its own, and clients choose the options.
_MOST_INDEXES = 32

_OTHERS_S = 0.2  # between two looks whether another process still builds

# How often a build says in the log how far it is, and keeps a draft of what it has.
_PROGRESS_S = 10.0
_DRAFT_S = 5.0
_DRAFT_SHARE = 0.05  # of a build's time, at most, that goes into drafts


class FolderIndexer:
    """Builds and refreshes the indexes of one folder, one after the other, each in all lanes."""

    def __init__(
        self,
        *,
        engine: Engine,
        store: FolderIndexStore,
        embedder: PhotoEmbedder,
        folder: str,
        lanes: int,
        batch_size: int,
        refresh_s: float,
    ) -> None:
        self._engine = engine
        self._store = store
        self._embedder = embedder
        self._folder = folder
        self._lanes = lanes
        self._batch_size = batch_size
        self._watch = FolderWatch(folder, refresh_s=refresh_s)
        self._states: dict[IndexKey, IndexState] = {}  # the least recently used first
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[IndexKey, IndexState]] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def key(self, detector: str, space: EmbeddingSpace) -> IndexKey:
        """The key of the folder's index for this detector and embedding space.

        Raises:
            ModelUnavailable: as `Engine.load`.
        """
        weights = self._engine.fingerprint([detector, space.model])
        return IndexKey(folder=self._folder, detector=detector, space=space, weights=weights)

    def current(
        self, key: IndexKey, *, wait_for_changes: bool, progress: Callable[[int, int], None] | None = None
    ) -> tuple[FolderIndex, int]:
        """The index of `key` and how many changed photos it does not reflect yet.

        Changes start a build in the background. Only the first build, and any with `wait_for_changes`, is waited for,
        as long as the request's deadline allows; `progress` is told from time to time how many of how many photos are
        done. Photos that fail for a reason that may pass stay pending, and so do all while the folder shows none.

        Raises:
            FolderNotFound: the folder does not exist.
            IndexBuilding: there is no complete (with `wait_for_changes`: no fresh) index within the time, or too many
                indexes are asked for at once.
            ServiceUnavailable: the folder could not be read.
            ServiceError: the build failed, as the engine said.
        """
        state = self._state(key)
        photos = self._watch.photos(fresh=wait_for_changes)
        waited = False
        while True:
            with state.changed:
                pending = state.pending(photos)
                todo = 0 if self._is_kept(key, state, photos) else pending
                if state.index is not None and not (todo and wait_for_changes and not waited):
                    if not waited and todo > state.put_off():
                        self._start(key, state, photos)
                    return state.index, pending
                waited = self._start(key, state, photos)  # a build begun before may not know of these photos
                state.wait(progress)
                if state.failure is not None:
                    raise type(state.failure)(state.failure.message, details=state.failure.details)

    def adopt(self, key: IndexKey, rows: Iterable[RecordedFace]) -> tuple[int, int]:
        """Add what `rows`, of an index of DeepFace, has of the photos that the stored index of `key` does not have.

        Returns how many photos that were, and how many are still to be embedded.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
            IndexBuilding: the index is being built; then nothing changes, nor if `rows` raises.
            OSError: the index could not be saved.
        """
        with self._store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            photos = self._watch.photos(fresh=True)
            index = self._store.load(key) or FolderIndex.empty()
            wanted, added = self._wanted(key, index, photos)
            taken = adopted(key, {name: wanted[name] for name in wanted.keys() - added.keys()}, rows)
            added |= taken
            if added:
                self._store.save(key, index.updated(photos, added))
        return len(taken), len(wanted) - len(added)

    def prune(self) -> int:
        """Remove from the stored indexes the photos that the folder does not show, even if it shows none; how many.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
            Others as `index_pruning.prune`.
        """
        return prune(self._store, self._folder, self._watch.photos(fresh=True))

    def states(self) -> tuple[dict[IndexKey, IndexState], list[StoredIndex], Photos]:
        """The indexes in use, those in the store (which of the folder's may be both), and the photos there are.

        Raises:
            FolderNotFound, ServiceUnavailable: as `current`.
        """
        photos = self._watch.photos()
        with self._lock:
            used = dict(self._states)
        return used, [index for index in self._store.stored() if index.key.folder == self._folder], photos

    def _state(self, key: IndexKey) -> IndexState:
        with self._lock:
            state = self._states.pop(key, None)
            if state is None:
                version = self._store.version(key)  # before loading: a newer index is then only loaded again
                state = IndexState(self._store.load(key), version)
            if len(self._states) >= _MOST_INDEXES:
                idle = next((other for other, its in self._states.items() if not its.building), None)
                if idle is None:
                    raise state.still_building()
                del self._states[idle]  # its file stays
            self._states[key] = state
            return state

    def _is_kept(self, key: IndexKey, state: IndexState, photos: Photos) -> bool:
        """Whether the index stays as it is although the folder shows nothing of it; no longer once it is pruned."""
        kept = is_empty_at_once(state.index, photos) and state.version == self._store.version(key)
        if kept and not state.is_kept:
            logger.warning("the photo folder shows no photo any more; its last index goes on answering")
        state.is_kept = kept
        return kept

    def _start(self, key: IndexKey, state: IndexState, photos: Photos) -> bool:
        """Ask for a build unless one is under way; the caller holds `state.changed`."""
        if state.building:
            return False
        with self._lock:
            if self._worker is None:
                worker = threading.Thread(target=self._work, name="folder-index", daemon=True)
                worker.start()
                self._worker = worker
        state.building, state.failure = True, None
        state.done, state.total = 0, len(photos)
        self._jobs.put((key, state))
        return True

    def _work(self) -> None:
        while True:
            self._work_on(*self._jobs.get())  # nothing of a job stays in memory while there is no other

    def _work_on(self, key: IndexKey, state: IndexState) -> None:
        with self._store.building(key) as mine:
            if mine:
                self._build(key, state)
        if mine:
            release_unused()  # one small array a photo leaves as much in holes as the index takes
            return
        # What the other process builds is loaded once it is done; meanwhile other indexes get their turn.
        time.sleep(_OTHERS_S)
        self._jobs.put((key, state))

    def _build(self, key: IndexKey, state: IndexState) -> None:
        failure: ServiceError | None = None
        index, version = state.index, state.version
        try:
            if version is None or version != self._store.version(key):
                version = self._store.version(key)
                index = self._store.load(key) or index
            # Another worker may have built for photos that whoever asked did not know of yet: only a look from now on,
            # while nobody else builds, never takes an index back.
            photos = self._watch.photos(fresh=True)
            if index is None or (changes(index, photos) and not is_empty_at_once(index, photos)):
                updated = self._updated(key, state, index or FolderIndex.empty(), photos)
                if updated is not index:
                    index, version = updated, self._saved(key, updated)
        except ServiceError as error:
            failure = error
        except Exception:  # whatever it was, those who wait have to hear of it
            logger.exception("a folder index could not be built")
            failure = DeepFaceError()
        with state.changed:
            if failure is None:
                state.index, state.version = index, version
            state.building, state.failure = False, failure
            state.changed.notify_all()

    def _saved(self, key: IndexKey, index: FolderIndex) -> object:
        try:
            self._store.save(key, index)
        except OSError as error:
            # Nothing acknowledged is lost: the index serves from memory, and the next start builds it again.
            logger.error("a folder index could not be saved: %s", error.strerror)
        return self._store.version(key)

    def _updated(self, key: IndexKey, state: IndexState, index: FolderIndex, photos: Photos) -> FolderIndex:
        """`index` with every photo that differs from `photos` embedded anew."""
        wanted, added = self._wanted(key, index, photos)
        # DeepFace does not record its weights: once there is an index of ours, even of other weights, its may be stale.
        if self._store.version(key) is None:
            added |= taken_over(key, {name: wanted[name] for name in wanted.keys() - added.keys()})
        now = time.monotonic()
        state.retry = {name: later for name, later in state.retry.items() if name in wanted}
        todo = [name for name in wanted if name not in added and state.retry.get(name, ("", now))[1] <= now]
        if todo:
            self._engine.load(key.detector)
            self._engine.load(key.space.model)
        failed = self._embed(key, state, todo, added)
        if not added and not any(signature is None for _, signature in index.photos.changes(photos)):
            return index
        logger.info(
            "folder index updated", extra={"photos": len(photos), "embedded": len(todo) - failed, "failed": failed}
        )
        return index.updated(photos, added)

    def _wanted(
        self, key: IndexKey, index: FolderIndex, photos: Photos
    ) -> tuple[dict[str, Signature], dict[str, PhotoFaces]]:
        """The photos that `index` does not have as they are now; and those of them that a draft has."""
        wanted = {name: signature for name, signature in index.photos.changes(photos) if signature is not None}
        draft = self._store.load(key, draft=True)
        drafted = {} if draft is None else draft.by_photo()
        return wanted, {name: faces for name, faces in drafted.items() if wanted.get(name) == faces.signature}

    def _embed(self, key: IndexKey, state: IndexState, todo: list[str], added: dict[str, PhotoFaces]) -> int:
        """Put the faces of the photos `todo` into `added`; returns how many of them failed."""
        failed = 0
        with state.changed:
            state.done, state.total = 0, len(todo)
        begun = told_at = drafted_at = time.monotonic()
        drafting_s = 0.0
        results = embedded_photos(self._embedder, key, todo, lanes=self._lanes, batch_size=self._batch_size)
        for name, faces in results:
            if isinstance(faces, PhotoUnavailable):
                failed += 1
                self._put_off(state, name, faces)
            else:
                added[name] = faces
                state.retry.pop(name, None)
            with state.changed:
                state.done += 1
            now = time.monotonic()
            if now - told_at >= _PROGRESS_S:
                logger.info("folder index building", extra={"done": state.done, "total": len(todo)})
                told_at = now
            if now - drafted_at >= _DRAFT_S and drafting_s <= _DRAFT_SHARE * (now - begun):
                self._keep_draft(key, added)
                drafted_at = time.monotonic()
                drafting_s += drafted_at - now
        return failed

    def _put_off(self, state: IndexState, name: str, error: PhotoUnavailable) -> None:
        cause = type(error.__cause__ or error).__name__
        logger.warning("a photo could not be indexed", extra={"reason": str(error), "cause": cause})
        # One that was being written is whole at the next look.
        later = 0 if str(error) == CHANGING else _RETRY_PHOTO_S
        state.retry[name] = (str(error), time.monotonic() + later)

    def _keep_draft(self, key: IndexKey, added: Mapping[str, PhotoFaces]) -> None:
        photos = Photos.of((name, faces.signature) for name, faces in added.items())
        try:
            self._store.save(key, FolderIndex.empty().updated(photos, added), draft=True)
        except OSError as error:
            logger.warning("a draft of a folder index could not be kept: %s", error.strerror)


def prune(store: FolderIndexStore, folder: str, photos: Photos) -> int:
    """Remove all photos but `photos` from the indexes of `folder`; returns how many they were.

    Other processes take the indexes up with their next request.

    Raises:
        IndexBuilding: an index is being built; those after it have not been looked at.
        OSError: an index could not be saved.
    """
    there = set(photos.names())
    removed = 0
    for key in [stored.key for stored in store.stored() if stored.key.folder == folder]:
        with store.building(key) as mine:
            if not mine:
                raise IndexBuilding
            index = store.load(key) or FolderIndex.empty()
            left = Photos.of((name, signature) for name, signature in index.photos.items() if name in there)
            if len(left) < len(index.photos):
                store.save(key, index.updated(left, {}))
                removed += len(index.photos) - len(left)
    return removed

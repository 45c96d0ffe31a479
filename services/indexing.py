"""Keeps the indexes of the photo folder up to date, in the background, and answers with the last complete one."""

import logging
import queue
import threading
import time

import numpy as np

from core.deadline import POLL_S, check_deadline, remaining_s
from core.exceptions import (
    DeepFaceError,
    FolderNotFound,
    ImageDecodeError,
    ImageTooLarge,
    IndexBuilding,
    NoFaceDetected,
    ServiceError,
    ServiceUnavailable,
)
from core.files import FoundFile, OutsideRoot, list_files, open_beneath
from core.images import ImagePolicy, decode, read_limited
from services.engine.base import Detection, Engine
from services.options import NOT_ALIGNED
from services.stores.base import FolderIndex, FolderIndexStore, IndexKey, PhotoFaces

logger = logging.getLogger(__name__)

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

_RETRY_AFTER_S = 5
_RETRY_PHOTO_S = 60

# Every combination of model, detector and their options has an index of its own, and clients choose the options.
_MOST_INDEXES = 32

# Requests that wait for an index hold places of the queue that others could use for a lane.
_MOST_WAITING = 16


class _State:
    """One index: the last complete one, and the build under way. Guarded by `changed`."""

    def __init__(self, index: FolderIndex | None) -> None:
        self.index = index
        self.changed = threading.Condition()
        self.building = False
        self.failure: ServiceError | None = None
        self.done = 0
        self.total = 0
        self.waiting = 0
        # Photos that could not be read or embedded for a reason that may pass, and when to try them again.
        self.retry_at: dict[str, float] = {}


class FolderIndexer:
    """Builds and refreshes folder indexes in one background thread, one index after the other."""

    def __init__(self, *, engine: Engine, store: FolderIndexStore, policy: ImagePolicy) -> None:
        self._engine = engine
        self._store = store
        self._policy = policy
        self._states: dict[IndexKey, _State] = {}  # the least recently used first
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[IndexKey, _State, dict[str, FoundFile]]] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def current(self, key: IndexKey, *, wait_for_changes: bool) -> tuple[FolderIndex, int]:
        """The index of `key` and how many changed photos it does not reflect yet.

        Changes start a build in the background. Only the first build, and any with `wait_for_changes`, is waited for,
        as long as the request's deadline allows. Photos that fail for a reason that may pass stay pending.

        Raises:
            FolderNotFound: the folder does not exist.
            IndexBuilding: there is no complete (with `wait_for_changes`: no fresh) index within the time, or too many
                indexes are asked for at once.
            ServiceUnavailable: the folder could not be read.
            ServiceError: the build failed, as the engine said.
        """
        state = self._state(key)
        waited = False
        while True:
            files = self._photos(key)
            with state.changed:
                pending = _changes(state.index, files)
                if state.index is not None and not (pending and wait_for_changes and not waited):
                    if pending:
                        self._start(key, state, files)
                    return state.index, pending
                waited = self._start(key, state, files)  # a build begun before may not know of these files
                _wait(state)
                if state.failure is not None:
                    raise type(state.failure)(state.failure.message, details=state.failure.details)

    def _state(self, key: IndexKey) -> _State:
        with self._lock:
            state = self._states.pop(key, None) or _State(self._store.load(key))
            if len(self._states) >= _MOST_INDEXES:
                idle = next((other for other, its in self._states.items() if not its.building), None)
                if idle is None:
                    raise _building(state)
                del self._states[idle]  # its file stays
            self._states[key] = state
            return state

    def _photos(self, key: IndexKey) -> dict[str, FoundFile]:
        try:
            return {file.name: file for file in list_files(key.folder, PHOTO_SUFFIXES)}
        except (FileNotFoundError, NotADirectoryError):
            raise FolderNotFound from None
        except OSError as error:
            raise ServiceUnavailable(f"The photo folder could not be read: {error.strerror}.") from error

    def _start(self, key: IndexKey, state: _State, files: dict[str, FoundFile]) -> bool:
        """Ask for a build towards `files` unless one is under way; the caller holds `state.changed`."""
        if state.building:
            return False
        with self._lock:
            if self._worker is None:
                worker = threading.Thread(target=self._work, name="folder-index", daemon=True)
                worker.start()
                self._worker = worker
        state.building, state.failure = True, None
        state.done, state.total = 0, len(files)
        self._jobs.put((key, state, files))
        return True

    def _work(self) -> None:
        while True:
            self._build(*self._jobs.get())

    def _build(self, key: IndexKey, state: _State, files: dict[str, FoundFile]) -> None:
        failure: ServiceError | None = None
        index = state.index or FolderIndex.empty()
        try:
            index = self._updated(key, state, index, files)
            if index is not state.index:
                self._save(key, index)
        except ServiceError as error:
            failure = error
        except Exception:  # whatever it was, those who wait have to hear of it
            logger.exception("a folder index could not be built")
            failure = DeepFaceError()
        with state.changed:
            if failure is None:
                state.index = index
            state.building, state.failure = False, failure
            state.changed.notify_all()

    def _save(self, key: IndexKey, index: FolderIndex) -> None:
        try:
            self._store.save(key, index)
        except OSError as error:
            # Nothing acknowledged is lost: the index serves from memory, and the next start builds it again.
            logger.error("a folder index could not be saved: %s", error.strerror)

    def _updated(self, key: IndexKey, state: _State, index: FolderIndex, files: dict[str, FoundFile]) -> FolderIndex:
        """`index` with every photo that differs from `files` embedded anew."""
        self._engine.load(key.detector)
        self._engine.load(key.space.model)
        now = time.monotonic()
        todo = [
            file
            for file in files.values()
            if index.photos.get(file.name) != file.signature and state.retry_at.get(file.name, 0) <= now
        ]
        with state.changed:
            state.total = len(todo)
        added = {}
        for file in todo:
            photo = self._embedded(key, file)
            if photo is not None:
                added[file.name] = photo
            with state.changed:
                state.done += 1
                if photo is None:
                    state.retry_at[file.name] = time.monotonic() + _RETRY_PHOTO_S
        removed = set(index.photos) - set(files)
        if not added and not removed:
            return index
        failed = len(todo) - len(added)
        logger.info("folder index updated", extra={"photos": len(files), "embedded": len(added), "failed": failed})
        return index.changed(removed=removed, added=added)

    def _embedded(self, key: IndexKey, file: FoundFile) -> PhotoFaces | None:
        """The faces of one photo: none if it is no picture or shows no face, None if that could not be found out."""
        space = key.space
        detection = Detection(
            detector=key.detector, align=space.alignment != NOT_ALIGNED, expand_percentage=space.expand_percentage
        )
        try:
            with open_beneath(key.folder, file.name) as content, self._engine.lane():
                image = decode(read_limited(content, self._policy), self._policy)
                faces = self._engine.detect(image, detection)
                crops = [face.crop for face in faces]
                embeddings = self._engine.embed(crops, model=space.model, normalization=space.normalization)
        except (NoFaceDetected, ImageDecodeError):
            return PhotoFaces(
                signature=file.signature, boxes=np.empty((0, 4), np.int32), embeddings=np.empty((0, 0), np.float32)
            )
        except (OSError, OutsideRoot, ImageTooLarge, DeepFaceError) as error:
            cause = type(error.__cause__ or error).__name__
            logger.warning("a photo could not be indexed", extra={"reason": cause})
            return None
        boxes = np.array([[face.area.x, face.area.y, face.area.w, face.area.h] for face in faces], np.int32)
        return PhotoFaces(
            signature=file.signature, boxes=boxes.reshape(-1, 4), embeddings=embeddings.astype(np.float32)
        )


def _wait(state: _State) -> None:
    """Return once the build under way is over; the caller holds `state.changed`."""
    if state.waiting >= _MOST_WAITING:
        raise _building(state)
    state.waiting += 1
    try:
        while state.building:
            remaining = remaining_s()
            if remaining == 0:
                raise _building(state)
            state.changed.wait(POLL_S if remaining is None else min(POLL_S, remaining))
            if remaining_s() != 0:
                check_deadline()  # whether anybody still waits for the answer
    finally:
        state.waiting -= 1


def _building(state: _State) -> IndexBuilding:
    return IndexBuilding(details={"done": state.done, "total": state.total}, retry_after_s=_RETRY_AFTER_S)


def _changes(index: FolderIndex | None, files: dict[str, FoundFile]) -> int:
    """How many photos were added, changed or removed since `index`."""
    known = {} if index is None else index.photos
    changed = sum(known.get(file.name) != file.signature for file in files.values())
    return changed + len(known.keys() - files.keys())

"""Keeps the indexes of the photo folder up to date, in the background, and answers with the last complete one."""

import logging
import threading

import numpy as np

from core.deadline import remaining_s
from core.exceptions import DeepFaceError, FolderNotFound, ImageError, IndexBuilding, ServiceError
from core.files import FoundFile, OutsideRoot, list_files, open_beneath
from core.images import ImagePolicy, decode, read_limited
from services.engine.base import Detection, Engine
from services.options import NOT_ALIGNED
from services.stores.base import FolderIndex, FolderIndexStore, IndexKey, PhotoFaces

logger = logging.getLogger(__name__)

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

_RETRY_AFTER_S = 5


class _State:
    """One index: the last complete one, and the build under way. Guarded by `changed`."""

    def __init__(self, index: FolderIndex | None) -> None:
        self.index = index
        self.changed = threading.Condition()
        self.building = False
        self.failure: ServiceError | None = None
        self.done = 0
        self.total = 0


class FolderIndexer:
    """Builds and refreshes folder indexes, one thread an index while there is something to embed."""

    def __init__(self, *, engine: Engine, store: FolderIndexStore, policy: ImagePolicy) -> None:
        self._engine = engine
        self._store = store
        self._policy = policy
        self._states: dict[IndexKey, _State] = {}
        self._lock = threading.Lock()

    def current(self, key: IndexKey, *, wait_for_changes: bool) -> tuple[FolderIndex, int]:
        """The index of `key` and how many changed photos it does not reflect yet.

        Changes start a build in the background. Only the first build, and any with `wait_for_changes`, is waited for,
        as long as the request's deadline allows.

        Raises:
            FolderNotFound: the folder does not exist.
            IndexBuilding: there is no complete (with `wait_for_changes`: no fresh) index within the time.
            ServiceError: the build failed, as the engine said.
        """
        state = self._state(key)
        while True:
            files = self._photos(key)
            with state.changed:
                pending = _changes(state.index, files)
                if state.index is not None and not (pending and wait_for_changes):
                    if pending:
                        self._start(key, state, files)
                    return state.index, pending
                self._start(key, state, files)
                if not state.changed.wait_for(lambda: not state.building, remaining_s()):
                    raise IndexBuilding(
                        details={"done": state.done, "total": state.total}, retry_after_s=_RETRY_AFTER_S
                    )
                if state.failure is not None:
                    raise state.failure

    def _state(self, key: IndexKey) -> _State:
        with self._lock:
            if key not in self._states:
                self._states[key] = _State(self._store.load(key))
            return self._states[key]

    def _photos(self, key: IndexKey) -> dict[str, FoundFile]:
        try:
            return {file.name: file for file in list_files(key.folder, PHOTO_SUFFIXES)}
        except (FileNotFoundError, NotADirectoryError):
            raise FolderNotFound from None

    def _start(self, key: IndexKey, state: _State, files: dict[str, FoundFile]) -> None:
        """Start a build towards `files` unless one is under way; the caller holds `state.changed`."""
        if not state.building:
            state.building, state.failure = True, None
            threading.Thread(target=self._build, args=(key, state, files), name="folder-index", daemon=True).start()

    def _build(self, key: IndexKey, state: _State, files: dict[str, FoundFile]) -> None:
        failure: ServiceError | None = None
        index = state.index or FolderIndex.empty()
        try:
            index = self._updated(key, state, index, files)
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
        todo = [file for file in files.values() if index.photos.get(file.name) != file.signature]
        state.done, state.total = 0, len(todo)
        added = {}
        for file in todo:
            added[file.name] = self._embedded(key, file)
            state.done += 1
        logger.info("folder index updated", extra={"photos": len(files), "embedded": len(todo)})
        return index.changed(removed=set(index.photos) - set(files), added=added)

    def _embedded(self, key: IndexKey, file: FoundFile) -> PhotoFaces:
        """The faces of one photo; a photo that cannot be read or has no face is remembered as having none."""
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
        except (OSError, OutsideRoot, ImageError, DeepFaceError) as error:
            logger.debug("a photo was left out of the index", extra={"reason": type(error).__name__})
            return PhotoFaces(
                signature=file.signature, boxes=np.empty((0, 4), np.int32), embeddings=np.empty((0, 0), np.float32)
            )
        boxes = np.array([[face.area.x, face.area.y, face.area.w, face.area.h] for face in faces], np.int32)
        return PhotoFaces(
            signature=file.signature, boxes=boxes.reshape(-1, 4), embeddings=embeddings.astype(np.float32)
        )


def _changes(index: FolderIndex | None, files: dict[str, FoundFile]) -> int:
    """How many photos were added, changed or removed since `index`."""
    known = {} if index is None else index.photos
    changed = sum(known.get(file.name) != file.signature for file in files.values())
    return changed + len(known.keys() - files.keys())

"""Schedules builds of indexes: one after the other in one background thread, each by one process at a time."""

import logging
import queue
import threading
import time
from collections.abc import Callable

from core.exceptions import DeepFaceError, ServiceError
from core.process import release_unused
from services.find.build import Build
from services.find.index import IndexKey
from services.find.index_state import IndexState
from services.find.photo_list import Photos
from services.find.store import FolderIndexStore

logger = logging.getLogger(__name__)

# Limits the indexes in use, because every combination of options has its own index and clients choose the options.
_MAX_INDEXES = 32

_OTHERS_S = 0.2  # between two checks whether another process still builds


class BuildScheduler:
    """The indexes in use and their queue of builds. Safe to call from several threads.

    If a build fails, all waiting requests get its error. The next request for the index starts another build.
    """

    def __init__(self, store: FolderIndexStore, make_build: Callable[[IndexKey, IndexState], Build]) -> None:
        self._store = store
        self._make_build = make_build
        self._states: dict[IndexKey, IndexState] = {}  # the least recently used first
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[IndexKey, IndexState]] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def states(self) -> dict[IndexKey, IndexState]:
        """All indexes in use."""
        with self._lock:
            return dict(self._states)

    def state(self, key: IndexKey) -> IndexState:
        """The state of the index of `key`, which is in use from now on. The least recently used index is dropped.

        Raises:
            IndexBuilding: all indexes in use are being built, so none can be dropped.
        """
        with self._lock:
            state = self._states.pop(key, None)
            if state is None:
                version = self._store.version(key)  # before loading, so that a newer index is loaded again
                state = IndexState(self._store.load(key), version)
            if len(self._states) >= _MAX_INDEXES:
                idle = next((other for other, its in self._states.items() if not its.building), None)
                if idle is None:
                    raise state.still_building()
                del self._states[idle]  # its file stays
            self._states[key] = state
            return state

    def start(self, key: IndexKey, state: IndexState, photos: Photos) -> bool:
        """Whether this call started a build for `photos`; no if one is running. The caller holds `state.changed`."""
        if state.building:
            return False
        with self._lock:
            if self._worker is None:
                worker = threading.Thread(target=self._work, name="folder-index", daemon=True)
                worker.start()
                self._worker = worker
        state.begin(len(photos))
        self._jobs.put((key, state))
        return True

    def _work(self) -> None:
        while True:
            self._work_on(*self._jobs.get())  # a call, so that no job stays in memory while the queue is empty

    def _work_on(self, key: IndexKey, state: IndexState) -> None:
        with self._store.building(key) as mine:
            if mine:
                self._build(key, state)
        if mine:
            release_unused()  # small arrays, one per photo, leave as much fragmented memory as the index takes
            return
        # The index is loaded when the other process has built it. Meanwhile other indexes get their turn.
        time.sleep(_OTHERS_S)
        self._jobs.put((key, state))

    def _build(self, key: IndexKey, state: IndexState) -> None:
        try:
            index, version = self._make_build(key, state).run()
        except ServiceError as error:
            state.fail(error)
        except Exception:  # waiting requests must get every error
            logger.exception("building a folder index failed")
            state.fail(DeepFaceError())
        else:
            state.succeed(index, version)

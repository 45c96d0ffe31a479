"""Which index is built when: one after the other, in one background thread, and by one process at a time."""

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

# Every combination of model, detector and their options has an index of its own, and clients choose the options.
_MAX_INDEXES = 32

_OTHERS_S = 0.2  # between two looks whether another process still builds


class BuildScheduler:
    """The indexes in use, and the builds they wait for. Safe to call from several threads.

    A build that fails tells those who wait for it; the next request that needs the index starts another.
    """

    def __init__(self, store: FolderIndexStore, make_build: Callable[[IndexKey, IndexState], Build]) -> None:
        self._store = store
        self._make_build = make_build
        self._states: dict[IndexKey, IndexState] = {}  # the least recently used first
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[IndexKey, IndexState]] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def states(self) -> dict[IndexKey, IndexState]:
        """Every index in use."""
        with self._lock:
            return dict(self._states)

    def state(self, key: IndexKey) -> IndexState:
        """The index of `key`, in use from now on; the least recently used makes room.

        Raises:
            IndexBuilding: every place is taken by an index that is being built.
        """
        with self._lock:
            state = self._states.pop(key, None)
            if state is None:
                version = self._store.version(key)  # before loading: a newer index is then only loaded again
                state = IndexState(self._store.load(key), version)
            if len(self._states) >= _MAX_INDEXES:
                idle = next((other for other, its in self._states.items() if not its.building), None)
                if idle is None:
                    raise state.still_building()
                del self._states[idle]  # its file stays
            self._states[key] = state
            return state

    def start(self, key: IndexKey, state: IndexState, photos: Photos) -> bool:
        """Start a build for `photos` unless one is under way; whether it did. The caller holds `state.changed`."""
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
        try:
            index, version = self._make_build(key, state).run()
        except ServiceError as error:
            state.fail(error)
        except Exception:  # whatever it was, those who wait have to hear of it
            logger.exception("a folder index could not be built")
            state.fail(DeepFaceError())
        else:
            state.succeed(index, version)

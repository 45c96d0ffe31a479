"""Schedules builds of indexes in background threads: urgent builds first, each index by one process at a time."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.exceptions import DeepFaceError, ServiceError
from core.process import release_unused
from services.find.build import Build
from services.find.index import IndexKey
from services.find.index_state import IndexState
from services.find.photo_list import Photos
from services.find.policy import IndexPolicy
from services.find.store import FolderIndexStore
from services.find.turns import Urgency

logger = logging.getLogger(__name__)

_OTHERS_S = 0.2  # between two checks whether another process still builds


# Makes the build of an index. The build calls the function before each photo.
MakeBuild = Callable[[IndexKey, IndexState, Callable[[], None]], Build]


@dataclass(frozen=True, slots=True)
class _Job:
    key: IndexKey
    state: IndexState
    urgency: Urgency


class BuildScheduler:
    """The indexes in use and their queues of builds, one queue and thread per urgency. Thread-safe.

    A build pauses between photos while a more urgent one runs, in this or another process. So the options of requests
    never delay the default index. If a build fails, all waiting requests get its error, and the index takes no place.
    The next request for the index starts another build.
    """

    def __init__(self, store: FolderIndexStore, make_build: MakeBuild, policy: IndexPolicy) -> None:
        self._store = store
        self._make_build = make_build
        self._policy = policy
        self._states: dict[IndexKey, IndexState] = {}  # the least recently used first
        self._lock = threading.Lock()
        self._jobs: dict[Urgency, queue.SimpleQueue[_Job]] = {}

    def states(self) -> dict[IndexKey, IndexState]:
        """All indexes in use."""
        with self._lock:
            return dict(self._states)

    def state(self, key: IndexKey) -> IndexState:
        """The state of the index of `key`, which is in use from now on. An index that exists is loaded."""
        with self._lock:
            state = self._states.pop(key, None)
            if state is not None:
                self._states[key] = state
            else:
                version = self._store.version(key)  # before loading, so that a newer index is loaded again
                state = self._states[key] = IndexState(self._store.load(key), version)
                self._drop_unused(key)
        self._store.note_use(key)
        return state

    def has(self, key: IndexKey) -> bool:
        """Whether there is a complete index, in use or stored."""
        state = self._states.get(key)
        return (state is not None and state.index is not None) or self._store.has(key)

    def is_permanent(self, key: IndexKey) -> bool:
        """Whether the index is kept however many indexes requests build: the default one, or made by a command."""
        return self._policy.is_default(key) or self._store.is_kept(key)

    def start(self, key: IndexKey, state: IndexState, photos: Photos) -> bool:
        """Whether this call started a build for `photos`; no if one is running. The caller holds `state.changed`.

        Raises:
            IndexBuilding: as many first builds as the policy allows are waiting already.
        """
        if state.building:
            return False
        urgency = self._urgency(key, state)
        with self._lock:
            if urgency is Urgency.FIRST and self._waiting() >= self._policy.max_kept:
                raise state.still_building()
            self._states[key] = state
            state.begin(len(photos))
            if urgency not in self._jobs:
                self._jobs[urgency] = queue.SimpleQueue()
                name = f"folder-index-{urgency.name.lower()}"
                threading.Thread(target=self._work, args=(self._jobs[urgency],), name=name, daemon=True).start()
        self._jobs[urgency].put(_Job(key, state, urgency))
        return True

    def _urgency(self, key: IndexKey, state: IndexState) -> Urgency:
        if self.is_permanent(key):
            return Urgency.PERMANENT
        return Urgency.FIRST if state.index is None else Urgency.REFRESH

    def _waiting(self) -> int:
        """The number of first builds on request that run or wait. The caller holds the lock."""
        return sum(
            state.building and state.index is None and not self.is_permanent(key) for key, state in self._states.items()
        )

    def _drop_unused(self, latest: IndexKey) -> None:
        """Drop from memory what takes a place beyond the policy. The caller holds the lock.

        These are the least recently used indexes built on request, and indexes that could not be built.
        """
        on_request = {key: state for key, state in self._states.items() if not self.is_permanent(key)}
        idle = [key for key, state in on_request.items() if not state.building and key != latest]
        complete = sum(state.index is not None for state in on_request.values())
        for key in idle:
            if on_request[key].index is None:
                del self._states[key]
            elif complete > self._policy.max_kept:
                del self._states[key]  # the store decides about its file
                complete -= 1

    def _work(self, jobs: "queue.SimpleQueue[_Job]") -> None:
        while True:
            self._work_on(jobs, jobs.get())  # a call, so that no job stays in memory while the queue is empty

    def _work_on(self, jobs: "queue.SimpleQueue[_Job]", job: _Job) -> None:
        with self._store.building(job.key) as mine, self._store.turns.taken(job.urgency) as my_turn:
            if mine and my_turn:
                self._build(job)
        if mine and my_turn:
            release_unused()  # small arrays, one per photo, leave as much fragmented memory as the index takes
            return
        # The index is loaded when the other process has built it. Meanwhile other indexes get their turn.
        time.sleep(_OTHERS_S)
        jobs.put(job)

    def _build(self, job: _Job) -> None:
        build = self._make_build(job.key, job.state, partial(self._store.turns.wait, job.urgency))
        try:
            index, version = build.run()
        except ServiceError as error:
            job.state.fail(error)
        except Exception:  # waiting requests must get every error
            logger.exception("building a folder index failed")
            job.state.fail(DeepFaceError())
        else:
            job.state.succeed(index, version)
            with self._lock:
                self._states.pop(job.key, None)
                self._states[job.key] = job.state  # the most recently used one, although its request was long ago
                self._drop_unused(job.key)
            self._store.make_room(self._policy.max_kept, self._policy.default_key(job.key.folder))

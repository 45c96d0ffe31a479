"""Records events in the background, and seals them."""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

from core.exceptions import Conflict, FaceNotFound, NotFound, PersonNotFound, ServiceError
from core.logging import facts
from core.metrics.definitions import AUDIT_LOST
from services.audit.events import Event
from services.audit.store import AuditStore
from services.database.schema import as_id

logger = logging.getLogger(__name__)

_BATCH_S = 1.0
_LARGEST_BATCH = 500  # events of some kilobytes each at most, so that fifty batches can be read at once
_MAX_WAITING = 10_000
_RETRY_S = 2.0
_LAST_S = 3.0

# The refusals that tell something about the gallery.
_REFUSALS = (Conflict, NotFound, PersonNotFound, FaceNotFound)

_FAILED = "audit events cannot be recorded or sealed yet"


def new_event(
    action: str, outcome: str = "done", *, collection: str = "", person_id: str = "", face_id: str = "", **details: Any
) -> Event:
    """An event of the current moment, request and caller; request and caller are empty outside requests."""
    known = facts()
    return Event(
        action=action,
        outcome=outcome,
        request_id=known.get("request_id", ""),
        key_id=known.get("key_id", ""),
        collection=collection,
        person_id=person_id,
        face_id=face_id,
        details=details,
    )


def _id_or_empty(text: str | None) -> str:
    number = None if text is None else as_id(text)
    return "" if number is None else str(number)


class EventLog:
    """Records events and seals them in one background thread, at most one second later.

    Between batches the thread does other work that can wait until after a response. It calls `afterwards` for one part
    of this work, as long as the result says that there may be more.

    A slow or unavailable database delays no request: events wait in memory. The number of events beyond that limit is
    logged. The thread starts with the first event. So a process without events, and one that has yet to fork, has no
    thread.
    """

    def __init__(self, *, store: AuditStore, afterwards: Callable[[], bool] = lambda: False) -> None:
        self._store = store
        self._afterwards = afterwards
        self._lock = threading.Lock()  # guards the next three
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._worker: threading.Thread | None = None
        self._awake = threading.Event()
        self._hurry = threading.Event()
        self._working = threading.Lock()

    def keep(self, *events: Event) -> None:
        """Queue the events to be recorded."""
        with self._lock:
            kept = events[: _MAX_WAITING - len(self._waiting)]
            self._waiting.extend(kept)
            lost = len(events) - len(kept)
            self._lost += lost
        if lost:
            AUDIT_LOST.inc(lost)
        self.wake()

    @contextmanager
    def refusals(
        self, action: str, *, collection: str = "", person_id: str | None = None, face_id: str | None = None
    ) -> Iterator[None]:
        """Queue an event with the outcome `refused` and the error's code if the block refuses the action.

        The ids may be any text of a client. Text that is no id is left out of the event.
        """
        try:
            yield
        except _REFUSALS as error:
            who = {"person_id": _id_or_empty(person_id), "face_id": _id_or_empty(face_id)}
            self.keep(new_event(action, "refused", collection=collection, **who, reason=error.code))
            raise

    def wake(self) -> None:
        """Seal what this process recorded, or what another process recorded before it was killed."""
        self._awake.set()
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="event-log", daemon=True)
                self._worker.start()
                atexit.register(self._end)  # record and seal what still waits at SIGTERM

    def flush(self, timeout_s: float) -> bool:
        """Whether all waiting events were recorded and sealed within the time."""
        end = time.monotonic() + timeout_s
        self._hurry.set()
        while (waits := self._awake.is_set() or self._working.locked()) and time.monotonic() < end:
            time.sleep(0.01)
        self._hurry.clear()
        return not waits

    def _end(self) -> None:
        if not self.flush(_LAST_S) and self._waiting:
            AUDIT_LOST.inc(len(self._waiting))
            logger.error("audit events are lost: the process ends", extra={"count": len(self._waiting)})

    def _work(self) -> None:
        while True:
            self._awake.wait()
            self._hurry.wait(_BATCH_S)
            with self._working:
                self._drain_with_retries()

    def _drain_with_retries(self) -> None:
        """Drain, and retry until that succeeds. Only the first failure in a row is logged."""
        for failures in count():
            try:
                self._drain()
            except ServiceError as error:
                if not failures:
                    logger.error(_FAILED, extra={"count": len(self._waiting), "reason": error.code})
            except Exception:  # a thread that ended silently would leave all later events unsealed
                if not failures:
                    logger.exception(_FAILED, extra={"count": len(self._waiting)})
            else:
                if failures:
                    logger.info("audit events are recorded and sealed again")
                return
            time.sleep(_RETRY_S)

    def _drain(self) -> None:
        """Record and seal everything, including events that arrive between the parts of `afterwards`."""
        has_more = True
        while has_more:
            self._awake.clear()
            self._record()
            while self._store.seal(limit=_LARGEST_BATCH) == _LARGEST_BATCH:
                pass
            has_more = self._afterwards()

    def _record(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            logger.error("audit events are lost: the database is too slow", extra={"count": lost})
        while batch := self._first():
            self._store.record(batch)
            with self._lock:
                for _ in batch:
                    self._waiting.popleft()

    def _first(self) -> list[Event]:
        with self._lock:
            return list(islice(self._waiting, _LARGEST_BATCH))

"""Writes the decisions of /verify into the events, behind the answers."""

import atexit
import logging
import queue
import threading
import time
from contextlib import suppress

from core.exceptions import ServiceError
from core.logging import facts
from schemas.faces import VerifyResponse
from schemas.verifications import Verification, VerificationsQuery, VerificationsResponse
from services.stores.gallery_base import Event, GalleryStore, RecordedEvent

logger = logging.getLogger(__name__)

_ACTION = "verify"
_BATCH_S = 0.5
_MOST_WAITING = 10_000
_LAST_S = 3.0

# What is said of a decision; no image, embedding or name.
_DETAILS = ("model", "detector_backend", "similarity_metric", "distance", "threshold", "verified")


class VerificationLog:
    """Keeps each decision of /verify, half a second after the answer; a store that is slow or away delays nobody."""

    def __init__(self, *, store: GalleryStore, enabled: bool) -> None:
        self._store = store
        self._enabled = enabled
        self._waiting: queue.Queue[Event] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def keep(self, answer: VerifyResponse) -> VerifyResponse:
        """Have the decision written, and give the answer back."""
        if self._enabled:
            event = Event(
                action=_ACTION,
                outcome="match" if answer.verified else "no_match",
                request_id=facts().get("request_id", ""),
                key_id=facts().get("key_id", ""),
                person_id=answer.person_id or "",
                face_id=answer.face_id or "",
                details={name: getattr(answer, name) for name in _DETAILS},
            )
            try:
                self._waiting.put_nowait(event)
            except queue.Full:
                logger.error("a verification is not recorded: the database does not keep up")
            self._start()
        return answer

    def page(self, query: VerificationsQuery) -> VerificationsResponse:
        """Recorded decisions, oldest first; raises ServiceUnavailable."""
        found = self._store.events(action=_ACTION, after=query.after, limit=query.limit)
        last = found[-1].id if len(found) == query.limit else None
        return VerificationsResponse(verifications=[_verification(one) for one in found], next_after=last)

    def flush(self, timeout_s: float) -> bool:
        """Whether all that waits was written within the time."""
        end = time.monotonic() + timeout_s
        while self._waiting.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)
        return not self._waiting.unfinished_tasks

    def _start(self) -> None:
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="verification-log", daemon=True)
                self._worker.start()
                atexit.register(self.flush, _LAST_S)  # what SIGTERM finds waiting is written

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            time.sleep(_BATCH_S)
            with suppress(queue.Empty):
                while True:
                    batch.append(self._waiting.get_nowait())
            try:
                self._store.record(batch)
            except ServiceError as error:
                logger.error("verifications are not recorded", extra={"count": len(batch), "reason": error.code})
            for _ in batch:
                self._waiting.task_done()


def _verification(recorded: RecordedEvent) -> Verification:
    event = recorded.event
    return Verification(
        id=str(recorded.id),
        at=recorded.at,
        request_id=event.request_id,
        key_id=event.key_id,
        person_id=event.person_id,
        **event.details,
    )

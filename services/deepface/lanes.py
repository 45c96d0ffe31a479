"""A fixed number of lanes: inference slots, each with its own objects that threads must not share."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.exceptions import ServiceError
from core.metrics.definitions import LANES_BUSY
from core.metrics.stages import lane_wait
from core.timeouts import POLL_S, check_deadline, remaining_s


class Lane:
    """The objects of one lane by name: detectors, and others that threads must not share."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}


class _Ticket:
    """A place in the queue. The thread that frees a lane puts the lane here."""

    def __init__(self) -> None:
        self.lane: Lane | None = None
        self.called = threading.Event()


class Lanes:
    """Lends each lane to one thread at a time, first come, first served."""

    def __init__(self, count: int) -> None:
        self.all = tuple(Lane() for _ in range(count))
        self._free = list(self.all)
        self._queue: deque[_Ticket] = deque()
        self._lock = threading.Lock()
        self._held = threading.local()

    @contextmanager
    def hold(self) -> Iterator[Lane]:
        """A lane for this thread until the block ends. An inner block gets the lane of the outer block.

        Raises:
            DeadlineExceeded: the request's time ended or its client disconnected before a lane was free.
        """
        lane = getattr(self._held, "lane", None)
        if lane is not None:
            yield lane
            return
        with lane_wait():
            self._held.lane = lane = self._take()
        LANES_BUSY.inc()
        try:
            yield lane
        finally:
            LANES_BUSY.dec()
            self._held.lane = None
            self._give_back(lane)

    def _take(self) -> Lane:
        check_deadline()
        with self._lock:
            if self._free:
                return self._free.pop()
            ticket = _Ticket()
            self._queue.append(ticket)
        try:
            while not ticket.called.wait(min(POLL_S, remaining_s() or POLL_S)):
                check_deadline()
        except ServiceError:
            self._leave(ticket)
            raise
        assert ticket.lane is not None, "the calling thread puts a lane in"
        return ticket.lane

    def _leave(self, ticket: _Ticket) -> None:
        """Give up a place in the queue, and a lane that arrived at the last moment."""
        with self._lock:
            lane = ticket.lane
            if lane is None:
                self._queue.remove(ticket)
        if lane is not None:
            self._give_back(lane)

    def _give_back(self, lane: Lane) -> None:
        with self._lock:
            if self._queue:
                ticket = self._queue.popleft()
                ticket.lane = lane
                ticket.called.set()
            else:
                self._free.append(lane)

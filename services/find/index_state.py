"""What is known of one folder index, and the wait for its build."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from core.exceptions import IndexBuilding, ServiceError
from core.timeouts import POLL_S, check_deadline, remaining_s
from services.find.index import FolderIndex
from services.find.photo_list import Photos

_RETRY_AFTER_S = 5

# Requests that wait for an index hold places of the queue that others could use for a lane.
_MOST_WAITING = 16


class IndexState:
    """One index: the last complete one, and the build under way. Guarded by `changed`."""

    def __init__(self, index: FolderIndex | None, version: object) -> None:
        self.index = index
        self.version = version  # the store's, of what `index` is
        self.changed = threading.Condition()
        self.building = False
        self.failure: ServiceError | None = None
        self.done = 0
        self.total = 0
        self.waiting = 0
        self.is_kept = False  # although the folder shows nothing of it; said in the log once
        # Photos that could not be read or embedded for a reason that may pass: the reason, and when to try again.
        self.retry: dict[str, tuple[str, float]] = {}
        self._compared: tuple[FolderIndex | None, Photos, int] | None = None

    def pending(self, photos: Photos) -> int:
        """How many photos were added, changed or removed since the index."""
        if self._compared is None or self._compared[0] is not self.index or self._compared[1] is not photos:
            pending = changes(self.index, photos)
            if self.index is not None and not pending:
                self.index = replace(self.index, photos=photos)  # the same, once in memory
            self._compared = (self.index, photos, pending)
        return self._compared[2]

    def put_off(self) -> int:
        """How many of the pending photos are not to be tried again yet."""
        now = time.monotonic()
        return sum(again_at > now for _, again_at in self.retry.values())

    def wait(self, progress: Callable[[int, int], None] | None) -> None:
        """Return once the build under way is over; the caller holds `changed`.

        Raises:
            IndexBuilding: the request's time is over first, or too many wait already.
            DeadlineExceeded: its client went away.
        """
        if self.waiting >= _MOST_WAITING:
            raise self.still_building()
        self.waiting += 1
        try:
            while self.building:
                if progress is not None:
                    progress(self.done, self.total)
                remaining = remaining_s()
                if remaining == 0:
                    raise self.still_building()
                self.changed.wait(POLL_S if remaining is None else min(POLL_S, remaining))
                if remaining_s() != 0:
                    check_deadline()  # whether anybody still waits for the answer
        finally:
            self.waiting -= 1

    def still_building(self) -> IndexBuilding:
        """The error that says how far the build is."""
        return IndexBuilding(details={"done": self.done, "total": self.total}, retry_after_s=_RETRY_AFTER_S)


def changes(index: FolderIndex | None, photos: Photos) -> int:
    """How many photos were added, changed or removed since `index`."""
    if index is None:
        return len(photos)
    return sum(1 for _ in index.photos.changes(photos))


def is_empty_at_once(index: FolderIndex | None, photos: Photos) -> bool:
    """Whether the folder shows no photo, and `index` has some: so it looks where its disk is not mounted.

    Such an index goes on answering, and is not brought up to date before there are photos again.
    """
    return index is not None and len(index.photos) > 0 and len(photos) == 0

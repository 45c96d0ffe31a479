"""What is known of one folder index, and the wait for its build."""

import threading
import time
from collections.abc import Callable, Mapping
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
        """How many photos were added, changed or removed since the index; the caller holds `changed`."""
        if self._compared is None or self._compared[0] is not self.index or self._compared[1] is not photos:
            pending = len(photos) if self.index is None else sum(1 for _ in self.index.photos.changes(photos))
            if self.index is not None and not pending:
                self.index = replace(self.index, photos=photos)  # the same, once in memory
            self._compared = (self.index, photos, pending)
        return self._compared[2]

    def delayed(self) -> int:
        """How many of the pending photos are not to be tried again yet; the caller holds `changed`."""
        now = time.monotonic()
        return sum(again_at > now for _, again_at in self.retry.values())

    def due(self, missing: Mapping[str, object]) -> list[str]:
        """The photos to try now, of those that the index misses. Those that it misses no longer are not put off."""
        now = time.monotonic()
        retry = {name: later for name, later in self.retry.items() if name in missing}
        with self.changed:
            self.retry = retry
        return [name for name in missing if retry.get(name, ("", now))[1] <= now]

    def begin(self, total: int) -> None:
        """Note that a build of so many photos is under way."""
        with self.changed:
            self.building, self.failure = True, None
            self.done, self.total = 0, total

    def complete(self, name: str, later: tuple[str, float] | None = None) -> None:
        """Note that a photo is embedded, or why it failed and when to try it `later`, of time.monotonic()."""
        with self.changed:
            self.done += 1
            if later is None:
                self.retry.pop(name, None)
            else:
                self.retry[name] = later

    def succeed(self, index: FolderIndex, version: object) -> None:
        """Note that the build is over, and what came of it."""
        with self.changed:
            self.index, self.version = index, version
            self.building = False
            self.changed.notify_all()

    def fail(self, failure: ServiceError) -> None:
        """Note that the build is over, and why nothing came of it."""
        with self.changed:
            self.building, self.failure = False, failure
            self.changed.notify_all()

    def wait(self, progress: Callable[[int, int], None] | None) -> None:
        """Return once the build under way is over; the caller holds `changed`.

        Raises:
            IndexBuilding: the request's time is over first, or too many wait already.
            ServiceError: the build failed, as the engine said.
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
        if self.failure is not None:
            raise type(self.failure)(self.failure.message, details=self.failure.details)

    def still_building(self) -> IndexBuilding:
        """The error that says how far the build is."""
        return IndexBuilding(details={"done": self.done, "total": self.total}, retry_after_s=_RETRY_AFTER_S)


def is_empty_at_once(index: FolderIndex | None, photos: Photos) -> bool:
    """Whether the folder shows no photo, and `index` has some: so it looks where its disk is not mounted.

    Such an index goes on answering, and is not brought up to date before there are photos again.
    """
    return index is not None and len(index.photos) > 0 and len(photos) == 0

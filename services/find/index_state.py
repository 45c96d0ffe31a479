"""The state of one folder index, and waiting for its build."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from core.exceptions import IndexBuilding, ServiceError
from core.timeouts import POLL_S, check_deadline, remaining_s
from services.find.index import FolderIndex
from services.find.photo_list import Photos

_RETRY_AFTER_S = 5

# Limits the requests that wait for an index, because they hold queue places that others could use for a lane.
_MAX_WAITING = 16


class IndexState:
    """One index: its last complete version and its running build. Guarded by `changed`."""

    def __init__(self, index: FolderIndex | None, version: object) -> None:
        self.index = index
        self.version = version  # the store's version of `index`
        self.changed = threading.Condition()
        self.building = False
        self.failure: ServiceError | None = None
        self.done = 0
        self.total = 0
        self.waiting = 0
        self.is_kept = False  # although the folder shows no photos; logged once
        # Photos that failed for a temporary reason: the reason, and the time of the next try.
        self.retry: dict[str, tuple[str, float]] = {}
        self._skipped: tuple[FolderIndex | None, int] = (None, 0)
        self._compared: tuple[FolderIndex | None, Photos, int] | None = None

    def pending(self, photos: Photos) -> int:
        """The number of photos added, changed or removed since the index was built. The caller holds `changed`."""
        if self._compared is None or self._compared[0] is not self.index or self._compared[1] is not photos:
            pending = len(photos) if self.index is None else sum(1 for _ in self.index.photos.changes(photos))
            if self.index is not None and not pending:
                self.index = replace(self.index, photos=photos)  # equal; keeps one copy in memory instead of two
            self._compared = (self.index, photos, pending)
        return self._compared[2]

    def skipped(self, skips: Callable[[str], bool]) -> int:
        """The number of photos in the index whose name `skips` accepts. The caller holds `changed`."""
        if self.index is not None and self._skipped[0] is not self.index:
            self._skipped = (self.index, sum(map(skips, self.index.photos.names())))
        return self._skipped[1]

    def delayed(self) -> int:
        """The number of pending photos whose next try is not due yet. The caller holds `changed`."""
        now = time.monotonic()
        return sum(again_at > now for _, again_at in self.retry.values())

    def due(self, missing: Mapping[str, object]) -> list[str]:
        """The missing photos to try now. Delays of photos that are no longer missing are dropped."""
        now = time.monotonic()
        retry = {name: later for name, later in self.retry.items() if name in missing}
        with self.changed:
            self.retry = retry
        return [name for name in missing if retry.get(name, ("", now))[1] <= now]

    def begin(self, total: int) -> None:
        """Note the start of a build of `total` photos."""
        with self.changed:
            self.building, self.failure = True, None
            self.done, self.total = 0, total

    def complete(self, name: str, later: tuple[str, float] | None = None) -> None:
        """Note that a photo is done. `later` is the reason of a failure and the time of the next try.

        The time is as time.monotonic().
        """
        with self.changed:
            self.done += 1
            if later is None:
                self.retry.pop(name, None)
            else:
                self.retry[name] = later

    def succeed(self, index: FolderIndex, version: object) -> None:
        """Note the end of the build and its result."""
        with self.changed:
            self.index, self.version = index, version
            self.building = False
            self.changed.notify_all()

    def fail(self, failure: ServiceError) -> None:
        """Note the failure of the build and its reason."""
        with self.changed:
            self.building, self.failure = False, failure
            self.changed.notify_all()

    def wait(self, progress: Callable[[int, int], None] | None) -> None:
        """Wait until the running build ends. The caller holds `changed`.

        Raises:
            IndexBuilding: the request's time ended first, or too many requests wait already.
            ServiceError: the build failed; this is the error of the engine.
            DeadlineExceeded: the client disconnected.
        """
        if self.waiting >= _MAX_WAITING:
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
                    check_deadline()  # raises if the client has disconnected
        finally:
            self.waiting -= 1
        if self.failure is not None:
            raise type(self.failure)(self.failure.message, details=self.failure.details)

    def still_building(self) -> IndexBuilding:
        """The error with the progress of the build."""
        return IndexBuilding(details={"done": self.done, "total": self.total}, retry_after_s=_RETRY_AFTER_S)


def is_empty_at_once(index: FolderIndex | None, photos: Photos) -> bool:
    """Whether the folder shows no photos although `index` has some, as if the folder's disk were not mounted.

    Such an index keeps answering. It is updated only when the folder shows photos again.
    """
    return index is not None and len(index.photos) > 0 and len(photos) == 0

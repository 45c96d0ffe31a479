"""What the worker processes of a server know of each other."""

import mmap


class Workers:
    """Which workers are ready, and whether all have ever been ready at the same time.

    Create it before the workers are forked: it is memory that they share, so nothing of it outlives the server, and a
    worker that is killed changes nothing. The parent process calls `begin` and `end`, the workers the rest.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._slots = 2 * count  # while the server is reloaded, old and new workers exist
        self._ready = mmap.mmap(-1, self._slots + 1)  # a byte each, and one for `have_all_been_ready`
        self._used: set[int] = set()

    def begin(self) -> int | None:
        """Return the slot of a worker that is about to be forked; None if there are too many."""
        free = [slot for slot in range(self._slots) if slot not in self._used]
        if not free:
            return None
        self._used.add(free[0])
        self._ready[free[0]] = False
        return free[0]

    def end(self, slot: int | None) -> None:
        """Take back the slot of a worker that has ended, however it ended."""
        if slot is not None:
            self._ready[slot] = False
            self._used.discard(slot)

    def set_ready(self, slot: int | None) -> None:
        """Say that the worker with this slot is ready."""
        if slot is not None:
            self._ready[slot] = True

    def ready_and_all(self) -> tuple[int, int]:
        """Return how many workers are ready, and how many there should be."""
        return sum(self._ready[: self._slots]), self._count

    def have_all_been_ready(self) -> bool:
        """Return whether all workers have been ready at the same time, now or before."""
        if sum(self._ready[: self._slots]) >= self._count:
            self._ready[self._slots] = True
        return bool(self._ready[self._slots])

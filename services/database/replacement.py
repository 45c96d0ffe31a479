"""Notices that the file of a SQLite database was replaced, as by a backup that is put back while the service runs.

Another file under the name (`mv`) has another inode. Another content in the same file (`cp`) has another history: the
last event that was seen is not in it, because events are only added, and each says when it happened.
"""

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from core.exceptions import ServiceUnavailable
from core.files import Signature, signature_of
from core.timeouts import budget_left_s

_LOOK_S = 1.0  # between two looks at the history, each of which opens a connection

_MISSING = "The database file is missing. Restore it, or restart the service to begin with an empty database."

_INCOMPLETE = "The database file is being replaced. Retry later."

# The revision of the schema, and the last event: its id and time.
_History = tuple[str, int, str]
_NEWEST = "SELECT (SELECT version_num FROM alembic_version), id, at FROM events ORDER BY id DESC LIMIT 1"
_REVISION = "SELECT version_num, 0, '' FROM alembic_version"
_IS_IN = "SELECT 1 FROM events WHERE id = ? AND at = ?"


class FileWatch:
    """Watches the database at a path, for all threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._inode: tuple[int, int] | None = None
        self._signature: Signature | None = None
        self._history: _History | None = None
        self._looked_at = 0.0

    @property
    def has_seen_any(self) -> bool:
        """Whether there was a database at the last call of `was_replaced`."""
        return self._inode is not None

    def was_replaced(self) -> bool:
        """Whether the database is another one than at the last call.

        Raises:
            ServiceUnavailable: there is no database any more, or it is being replaced at the moment.
        """
        with self._lock:
            try:
                status = os.stat(self._path)
            except FileNotFoundError:
                status = None
            if status is None or not status.st_size:
                if self._inode is not None:
                    raise ServiceUnavailable(_MISSING)
                return False
            before, self._inode = self._inode, (status.st_dev, status.st_ino)
            if before is not None and before != self._inode:
                self._history = self._signature = None
                return True
            is_due = time.monotonic() - self._looked_at >= _LOOK_S
            return is_due and self._signature != signature_of(status) and self._has_other_history(status)

    def _has_other_history(self, status: os.stat_result) -> bool:
        self._looked_at = time.monotonic()
        # A new connection: those of the pool may have pages of before in their caches. Opening the file in any other
        # way would drop SQLite's locks (sqlite.org/howtocorrupt.html, 2.2).
        uri = f"file:{quote(str(self._path))}?mode=rw"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=budget_left_s())) as connection:
                known = self._history
                is_known = known is None or connection.execute(_IS_IN, known[1:]).fetchone() or not known[1]
                now = connection.execute(_NEWEST).fetchone() or connection.execute(_REVISION).fetchone()
                if self._is_incomplete(connection):
                    self._looked_at = 0.0
                    raise ServiceUnavailable(_INCOMPLETE)
        except sqlite3.Error:  # whoever uses the database next is told; and it is looked at again
            return False
        self._history, self._signature = now, signature_of(status)
        return not is_known or (known is not None and now is not None and known[0] != now[0])

    def _is_incomplete(self, connection: sqlite3.Connection) -> bool:
        """Whether the file has fewer pages than it says, as while it is copied. With a write-ahead log, it may."""
        (mode,), (pages,), (size,) = (
            connection.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "page_count", "page_size")
        )
        return bool(mode != "wal" and os.stat(self._path).st_size < pages * size)

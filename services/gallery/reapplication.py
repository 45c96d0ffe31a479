"""The use case of deleting again what a restored backup of the database brought back."""

from collections.abc import Callable, Sequence
from pathlib import Path

from services.audit.events import Event
from services.audit.recorder import new_event
from services.database.database import Database
from services.database.forget_log import ForgetLog
from services.gallery.store.reapplying import reapply


class ReapplicationService:
    """Reapplies the logs of deletions."""

    def __init__(self, *, database: Database, log: ForgetLog, record: Callable[[Event], None]) -> None:
        self._database = database
        self._log = log
        self._record = record

    def reapply(self, others: Sequence[Path]) -> int:
        """Delete again what came back, by the log of this DATA_PATH and those of other machines.

        Returns the number of persons and faces. An event has it, too.

        Raises:
            ServiceUnavailable, StorageFull: what was deleted before stays so.
            OSError: a log cannot be read; nothing was deleted.
        """
        forgets = [one for log in (self._log, *map(ForgetLog, others)) for one in log.read()]
        count = reapply(self._database, forgets)
        self._record(new_event("reapply_forgets", known=len(forgets), deleted=count))
        return count

"""A process that records and seals, records once more, and is killed."""

import os
import signal
import sys

from services.database.database import Database
from services.stores.audit_base import Event
from services.stores.sql.audit import SqlAuditStore

TWO = [Event(action="verify", outcome="match")] * 2

if __name__ == "__main__":
    store = SqlAuditStore(Database(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        store.record(TWO)
        store.seal(limit=3)
    store.record(TWO)
    os.kill(os.getpid(), signal.SIGKILL)

"""A process that records and seals, records once more, and is killed."""

import os
import signal
import sys

from services.audit.events import Event
from services.audit.store import AuditStore
from services.database.choice import make_database

TWO = [Event(action="verify", outcome="match")] * 2

if __name__ == "__main__":
    store = AuditStore(make_database(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        store.record(TWO)
        store.seal(limit=3)
    store.record(TWO)
    os.kill(os.getpid(), signal.SIGKILL)

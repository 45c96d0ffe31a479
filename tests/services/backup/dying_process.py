"""Backs up or restores, and kills itself before a step: python … FOLDER KEY TASK FILE JOURNAL, with steps as input.

A step is a call that changes the disk, or SQLite's copying. For each line a child begins anew, and its exit code is
printed: that of SIGKILL, or how many steps there are where it took all of them.
"""

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from services.database import sqlite
from tests.services.backup.place import Place

STEPS = ("fsync", "replace", "link", "unlink", "open", "mkdir", "write")
FAILED = 255


def main(folder: str, key: str, task: str, file: str, journal: str) -> None:
    sqlite._SAFE_WAL = (3, 0, 0) if journal == "WAL" else (9, 0, 0)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            place = Place(Path(folder), (bytes.fromhex(key),) if key else ())
            run(place.creation.create if task == "backup" else place.restore, Path(file), int(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(task: Any, file: Path, last: int) -> None:
    """Run the task until it comes to the step, and end the process."""
    taken = 0

    def counted(call: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal taken
            if taken == last:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            return call(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    sqlite.copy_into = counted(sqlite.copy_into)
    try:
        task(file)
    except BaseException:
        traceback.print_exc()
        taken = FAILED
    os._exit(taken)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The real service on the fake engine, whose workers load as files of a folder allow.

Served as `served(folder, app="tests.gated:gated()")` with the folder in GATES: the Nth worker that begins is ready once
`ready-N` is there.
"""

import os
import time
from pathlib import Path

from flask import Flask
from typing_extensions import override

from api.factory import create_app
from tests.fakes import FakeEngine


def gated() -> Flask:
    folder = Path(os.environ["GATES"])
    number = 1
    while not _is_mine(folder / f"began-{number}"):
        number += 1
    return create_app(engine=_GatedEngine(folder / f"ready-{number}"))


def _is_mine(file: Path) -> bool:
    try:
        file.open("x").write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


class _GatedEngine(FakeEngine):
    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    @override
    def load(self, name):
        while not self._file.exists():
            time.sleep(0.02)
        super().load(name)

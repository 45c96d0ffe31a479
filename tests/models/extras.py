"""`python -m tests.models.extras [MODEL...]` tries the packages of optional models, each in an environment of its own.

It runs the command that the service prints for the model, then checks that OpenCV and numpy are as before and that
DeepFace's client of the model runs behind the engine. Without names, it tries all. The networks are made, or are those
inside the package.
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
    """Install the packages, once for the models that need the same, and check each model."""
    from services.models.catalogue.catalogue import MODELS, find

    tried: dict[str, list[str]] = {}
    for model in [find(name) for name in names] or MODELS.values():
        if model.extra is not None and model.extra.command:
            tried.setdefault(model.extra.command, []).append(model.name)
    for command, models in tried.items():
        environment = PROJECT / f".venv-{models[0].lower()}"
        print(f"{', '.join(models)}: {command}", flush=True)
        venv.create(environment, with_pip=True, clear=True)
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        quiet = os.environ | {"PATH": path, "PIP_QUIET": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        for step in (
            "pip install --require-hashes -r requirements-onnx.lock",
            command,
            *(f"python -m tests.models.extras {CHECK} {name}" for name in models),
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

    pinned = (PROJECT / "requirements-onnx.txt").read_text()
    assert f"\nnumpy=={np.__version__}\n" in pinned, np.__version__
    assert cv2.__version__.startswith("4."), cv2.__version__
    assert opencv_problem() is None
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_detector_graphs(weights)
    model, face = find(name), draw_face()
    if name.startswith("yolo"):
        _write_yolo(name, weights / model.files[0].name)
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
        assert all(faces) if name.startswith("yolo") else faces == [1, 1, 1], faces
    assert found("opencv") == [1, 1, 1]


def _write_yolo(name: str, path: Path) -> None:
    """The architecture of this name with random weights; it takes every place of its coarsest grid for a face."""
    import torch
    from ultralytics import YOLO

    # DeepFace's yolov8n gives five points of a face. The authors write later versions without the v.
    architecture = "yolov8n-pose" if name == "yolov8n" else name.replace("v1", "1")
    made = YOLO(f"{architecture}.yaml")
    with torch.no_grad():
        made.model.model[-1].cv3[-1][-1].bias[0] = 10
    made.save(path)


if __name__ == "__main__":
    if sys.argv[1:2] == [CHECK]:
        check(*sys.argv[2:])
    else:
        main(*sys.argv[1:])

"""The networks on OpenVINO, beside the same on ONNX Runtime."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.config import SettingsError, load_settings
from services.engine.base import Detection
from services.engine.deepface import DeepFaceEngine
from services.engine.weights import WeightFolder

PROJECT = Path(__file__).parents[2]

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed: requirements-openvino.txt"
)


@pytest.fixture
def engines(deepface_home, tmp_path, monkeypatch):
    """By its name, an engine on each runtime."""
    monkeypatch.setenv("DEEPFACE_HOME", str(deepface_home))
    weights = WeightFolder(deepface_home)
    weights.install_packaged()
    return {
        name: DeepFaceEngine(weights, lanes=1, cores=2, runtime=name, cache=tmp_path / name)
        for name in ("onnx", "openvino")
    }


@pytest.fixture
def crops(astronaut, engines):
    image = cv2.imread(str(astronaut))
    how = Detection(detector="opencv", enforce=True, max_faces=1)
    face = engines["onnx"].detect(image, how)[0].crop
    return [face, cv2.flip(face, 1), cv2.GaussianBlur(face, (9, 9), 3)]


@needs_openvino
def test_embeddings_point_where_float32s_do(engines, crops):
    for model in ("Dlib", "VGG-Face", "Facenet512"):
        ours, exact = (engines[name].embed(crops, model=model, normalization="base") for name in ("openvino", "onnx"))
        cosines = (ours * exact).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosines.min() >= 0.9999, model


@needs_openvino
def test_faces_one_by_one_and_together_give_the_same(engines, crops):
    together = engines["openvino"].embed(crops, model="Dlib", normalization="base")
    for crop, embedding in zip(crops, together, strict=True):
        alone = engines["openvino"].embed([crop], model="Dlib", normalization="base")[0]
        assert alone @ embedding / np.linalg.norm(alone) / np.linalg.norm(embedding) >= 0.9999


@needs_openvino
def test_boxes_and_liveness_stay_those_of_float32(engines, astronaut):
    image = cv2.imread(str(astronaut))
    found = {name: engine.detect(image, Detection(detector="opencv")) for name, engine in engines.items()}
    areas = [face.area for face in found["onnx"]]
    assert [face.area for face in found["openvino"]] == areas
    assert engines["openvino"].liveness(image, areas) == engines["onnx"].liveness(image, areas)


@needs_openvino
def test_embeddings_of_another_runtime_are_known_by_another_fingerprint(engines):
    ours, exact = (engines[name].fingerprint(["Dlib"]) for name in ("openvino", "onnx"))
    assert ours.startswith("openvino-")
    assert exact.startswith("onnx ")
    assert ours.split()[1:] == exact.split()[1:]


@needs_openvino
def test_openvinos_reports_to_its_makers_are_never_loaded(tmp_path):
    program = (
        "import sys; from services.engine.openvino_runtime import OpenVinoRuntime; OpenVinoRuntime(threads=1);"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    )
    home = {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=os.environ | home, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"GPU_DEVICE": "0"}, "goes with DEEPFACE_ENGINE=onnx and GPU_DEVICE=-1"),
        (None, "is not installed: pip install -r requirements-openvino.txt"),
    ],
)
def test_openvino_where_it_cannot_be_is_refused_at_start(variables, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFERENCE_RUNTIME", "openvino")
    if variables is None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for name, value in (variables or {}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="INFERENCE_RUNTIME: .*" + said):
        load_settings()

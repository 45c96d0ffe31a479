"""The networks on the runtimes that are not exact, beside the same in float32."""

import importlib.util
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from core.settings import SettingsError, load_settings
from services.deepface.engine import DeepFaceEngine
from services.deepface.interface import Detection
from services.deepface.networks import int8
from services.models.weights import Weights
from tests.conftest import PROJECT

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed: requirements-openvino.txt"
)
ON_EACH = pytest.mark.parametrize(
    "engines", ["onnx-int8", pytest.param("openvino", marks=needs_openvino)], indirect=True
)


@pytest.fixture
def engines(request, deepface_home, tmp_path, monkeypatch):
    """An engine on this runtime, and one in float32; to the first the dense layers of tiny networks are large."""
    monkeypatch.setenv("DEEPFACE_HOME", str(deepface_home))
    monkeypatch.setattr(int8, "_MIN_BYTES", 1000)
    weights = Weights(deepface_home)
    weights.install_packaged()
    return [
        DeepFaceEngine(weights, lanes=1, cores=2, runtime=name, cache=tmp_path / name)
        for name in (request.param, "onnx")
    ]


@pytest.fixture
def crops(astronaut, engines):
    image = cv2.imread(str(astronaut))
    how = Detection(detector="opencv", enforce=True, max_faces=1)
    face = engines[1].detect(image, how)[0].crop
    return [face, cv2.flip(face, 1), cv2.GaussianBlur(face, (9, 9), 3)]


@ON_EACH
def test_embeddings_point_where_float32s_do(engines, crops):
    for model in ("Dlib", "VGG-Face", "Facenet512"):
        ours, exact = (engine.embed(crops, model=model, normalization="base") for engine in engines)
        cosines = (ours * exact).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(exact, axis=1)
        assert cosines.min() >= 0.9999, model


@ON_EACH
def test_faces_one_by_one_and_together_give_the_same(engines, crops):
    engine, _ = engines
    for model in ("Dlib", "VGG-Face"):
        together = engine.embed(crops, model=model, normalization="base")
        for crop, embedding in zip(crops, together, strict=True):
            alone = engine.embed([crop], model=model, normalization="base")[0]
            assert alone @ embedding / np.linalg.norm(alone) / np.linalg.norm(embedding) >= 0.9999


@ON_EACH
def test_boxes_and_liveness_stay_those_of_float32(engines, astronaut):
    image = cv2.imread(str(astronaut))
    ours, exact = ([face.area for face in engine.detect(image, Detection(detector="opencv"))] for engine in engines)
    assert ours == exact
    assert engines[0].liveness(image, exact) == engines[1].liveness(image, exact)


@ON_EACH
def test_embeddings_of_another_runtime_are_known_by_another_fingerprint(engines):
    ours, exact = (engine.fingerprint(["Dlib"]) for engine in engines)
    assert ours.startswith(("openvino-", "onnx-int8 "))
    assert exact.startswith("onnx ")
    assert ours.split()[1:] == exact.split()[1:]


@needs_openvino
def test_openvinos_reports_to_its_makers_are_never_loaded(tmp_path):
    program = (
        "import sys; from services.deepface.networks.openvino import OpenVinoRuntime; OpenVinoRuntime(threads=1);"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    )
    home = {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=os.environ | home, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("runtime", "variables", "said"),
    [
        ("openvino", {"GPU_DEVICE": "0"}, "openvino requires DEEPFACE_ENGINE=onnx and GPU_DEVICE=-1"),
        ("onnx-int8", {"GPU_DEVICE": "0"}, "onnx-int8 requires DEEPFACE_ENGINE=onnx and GPU_DEVICE=-1"),
        ("onnx-tf32", {}, "onnx-tf32 requires DEEPFACE_ENGINE=onnx and a GPU number in GPU_DEVICE"),
        ("onnx-tf32", {"GPU_DEVICE": ""}, "a GPU number in GPU_DEVICE"),
        ("openvino", None, "is not installed. Run: pip install -r requirements-openvino.txt"),
    ],
)
def test_a_runtime_where_it_cannot_be_is_refused_at_start(runtime, variables, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INFERENCE_RUNTIME", runtime)
    if variables is None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    else:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for name, value in (variables or {}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="INFERENCE_RUNTIME: .*" + said):
        load_settings()

import os
import subprocess
import sys

import pytest

from core.process import prepare_process
from core.settings import Settings
from tests.conftest import PROJECT


@pytest.fixture(autouse=True)
def _environment_as_it_was():
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_settings_reach_the_libraries_through_the_environment(tmp_path):
    settings = Settings(gpu_device=1, deepface_home=tmp_path, max_image_pixels=7, inference_lanes=1, workers=1000)
    prepare_process(settings)
    expected = {
        "DEEPFACE_BACKEND_ENGINE": "onnx",
        "OMP_NUM_THREADS": "1",
        "DEEPFACE_HOME": str(tmp_path),
        "CUDA_VISIBLE_DEVICES": "1",
        "OPENCV_IO_MAX_IMAGE_PIXELS": "7",
    }
    assert os.environ.items() >= expected.items()


def test_an_automatic_device_leaves_the_choice_open():
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    prepare_process(Settings(gpu_device=None))
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_onnx_runtime_reports_nothing_to_anybody(tmp_path):
    """Its reporter leaves a session file and a device id behind as soon as a session is built."""
    script = f"""
from pathlib import Path
from core.settings import Settings
from core.process import prepare_process
prepare_process(Settings(deepface_home=Path({str(tmp_path)!r})))
import onnx, onnxruntime
from onnx import TensorProto, helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnxruntime.InferenceSession(model.SerializeToString())
"""
    # It also keeps still where it believes to be tested, which would hide a failure here.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=PROJECT, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

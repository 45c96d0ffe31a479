"""Attributes of several faces at once, beside DeepFace's own of one after the other."""

import shutil

import cv2
import numpy as np
import pytest

from services.deepface.engine import DeepFaceEngine
from services.deepface.interface import Detection
from services.deepface.networks.shared_trunk import Trunk
from services.models.weights import Weights
from tests.models.graphs import accept_all, write_on_trunk

ACTIONS = ("age", "gender", "emotion", "race")
SHARED_FILES = {"age_model_weights.onnx": 101, "gender_model_weights.onnx": 2, "race_model_single_batch.onnx": 6}


@pytest.fixture
def engine(deepface_home, real_client):
    return DeepFaceEngine(Weights(deepface_home), lanes=1, cores=2)


@pytest.fixture
def image(two):
    return cv2.imdecode(np.frombuffer(two, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def faces(engine, image):
    """Two faces, and the whole image as a third."""
    hows = (Detection(detector=detector, method="bounded") for detector in ("opencv", "skip"))
    return [face for how in hows for face in engine.detect(image, how)]


def close(ours, theirs):
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(close(ours[key], theirs[key]) for key in theirs)
    return ours == theirs if isinstance(theirs, str) else ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_attributes_of_several_faces_are_deepfaces_of_each(engine, image, faces, deepface, count):
    ours = engine.attributes(image, faces[:count], ACTIONS)
    assert len(ours) == count
    for attributes, face in zip(ours, faces, strict=False):
        theirs = deepface.analyze(face.crop, ACTIONS, detector_backend="skip", enforce_detection=False, silent=True)[0]
        assert all(close(attributes[key], theirs[key]) for key in attributes)
        assert theirs.keys() - attributes.keys() == {"region", "face_confidence"}


def test_only_what_is_asked_for_is_said(engine, image, faces):
    assert [set(one) for one in engine.attributes(image, faces, ["age"])] == [{"age"}] * 3
    assert [set(one) for one in engine.attributes(image, faces, ["emotion"])] == [{"emotion", "dominant_emotion"}] * 3


@pytest.fixture
def planted(deepface_home, tmp_path):
    """Age, gender and race on one trunk of their own, in a home with the other networks."""
    home = tmp_path / "home"
    shutil.copytree(deepface_home, home)
    for seed, name in enumerate(SHARED_FILES):
        write_on_trunk(home / ".deepface" / "weights" / name, classes=SHARED_FILES[name], seed=seed)
    accept_all(home)
    return home


def test_networks_on_one_trunk_answer_as_apart_and_run_it_once(planted, tmp_path, image, faces, monkeypatch):
    monkeypatch.setenv("DEEPFACE_HOME", str(planted))
    apart = DeepFaceEngine(Weights(planted), lanes=1, cores=2)
    shared = DeepFaceEngine(Weights(planted), lanes=1, cores=2, cache=tmp_path / "trunk")
    passes = []
    run = Trunk.features

    def counted(self, faces):
        before = len(self._thread.seen)
        features = run(self, faces)
        passes.append(len(self._thread.seen) - before)
        return features

    monkeypatch.setattr(Trunk, "features", counted)
    for count in (1, 3):
        both = (engine.attributes(image, faces[:count], ACTIONS) for engine in (apart, shared))
        for one, other in zip(*both, strict=True):
            assert all(close(other[key], one[key]) for key in one)
    assert passes == [1, 0, 0] * 2
    assert (apart.sharing(), shared.sharing()) == ([], ["age", "gender", "race"])

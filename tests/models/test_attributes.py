"""Attributes of several faces at once, beside DeepFace's own of one after the other."""

import cv2
import numpy as np
import pytest

from services.engine.base import Detection
from services.engine.deepface import DeepFaceEngine
from services.engine.weights import WeightFolder

ACTIONS = ("age", "gender", "emotion", "race")


@pytest.fixture
def engine(deepface_home, real_client):
    return DeepFaceEngine(WeightFolder(deepface_home), lanes=1, cores=2)


@pytest.fixture
def crops(engine, two):
    image = cv2.imdecode(np.frombuffer(two, np.uint8), cv2.IMREAD_COLOR)
    how = Detection(detector="opencv", method="bounded")
    return [face.crop for face in engine.detect(image, how)] + [image]


def close(ours, theirs):
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(close(ours[key], theirs[key]) for key in theirs)
    return ours == theirs if isinstance(theirs, str) else ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_attributes_of_several_faces_are_deepfaces_of_each(engine, crops, deepface, count):
    ours = engine.attributes(crops[:count], ACTIONS)
    assert len(ours) == count
    for attributes, crop in zip(ours, crops, strict=False):
        theirs = deepface.analyze(crop, ACTIONS, detector_backend="skip", enforce_detection=False, silent=True)[0]
        assert all(close(attributes[key], theirs[key]) for key in attributes)
        assert theirs.keys() - attributes.keys() == {"region", "face_confidence"}


def test_only_what_is_asked_for_is_said(engine, crops):
    assert [set(one) for one in engine.attributes(crops, ["age"])] == [{"age"}] * 3
    assert [set(one) for one in engine.attributes(crops, ["emotion"])] == [{"emotion", "dominant_emotion"}] * 3

"""Our answers beside DeepFace's."""

import base64

import numpy as np
import pytest

from core.images.decoding import ImagePolicy
from tests.models.conftest import needs_shared

TOLERANCE = 1e-5
POLICY = ImagePolicy(max_bytes=10**8, max_pixels=10**8)
DETECTORS = ("opencv", "dlib", pytest.param("yunet", marks=needs_shared), "skip")
# Every detector and every model: what a model does with a crop is the same whoever cut it out.
ON_THE_GRID = pytest.mark.parametrize(
    ("model", "detector"),
    [
        *(("Dlib", detector) for detector in ("opencv", "dlib", "skip")),
        pytest.param("Dlib", "yunet", marks=needs_shared),
        *((model, "opencv") for model in ("Facenet512", "VGG-Face", "SFace", "DeepID", "GhostFaceNet")),
    ],
)


def post(client, route, images, **options):
    data = {name: base64.b64encode(content).decode() for name, content in images.items()}
    response = client.post(f"/{route}", json=data | options)
    assert response.status_code == 200, response.json
    return response.json


def threshold_of(model, metric="cosine"):
    """DeepFace's threshold. Both sides are given it, since ours has another where DeepFace's accepts strangers."""
    from deepface.modules.verification import find_threshold

    return float(find_threshold(model, metric))


def as_json(value):
    """DeepFace's value as JSON would give it: tuples as lists, numpy numbers as numbers."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def assert_same(ours, theirs, tolerance=TOLERANCE):
    """Assert equality, of numbers within the tolerance; theirs may not have keys that ours has not."""
    theirs = as_json(theirs)
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key], tolerance)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other, tolerance)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, abs=tolerance)
    else:
        assert ours == theirs

"""Attributes of faces from DeepFace's own functions. Each model runs once for all faces."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from deepface.modules import demography, preprocessing

from core.metrics.stages import stage
from services.deepface.detection import unit_scale
from services.deepface.hooks import resolving
from services.deepface.interface import Pixels

_SIDE_PX = 224  # `demography.analyze` resizes faces to this before each model's own preprocessing


class _Predicted:
    """Stand-in for a client with a known prediction, so that DeepFace only formats it."""

    def __init__(self, prediction: Any) -> None:
        self._prediction = prediction

    def predict(self, _: Any) -> Any:
        return self._prediction


def analyze(crops: Sequence[Pixels], actions: Sequence[str], client_of: Callable[[str], Any]) -> list[dict[str, Any]]:
    """The result of `demography.analyze` for each face. `client_of` returns DeepFace's client for an action."""
    faces = np.concatenate([preprocessing.resize_image(unit_scale(crop), (_SIDE_PX, _SIDE_PX)) for crop in crops])
    predicted = {}
    for action in actions:  # which are the names of the models
        with stage("analyze", action):
            predicted[action] = _predicted(client_of(action), faces)
    return [
        _in_words(crop, {action: predictions[row] for action, predictions in predicted.items()})
        for row, crop in enumerate(crops)
    ]


def _predicted(client: Any, faces: Any) -> Any:
    # DeepFace's clients leave out the outer list for a single face.
    return client.predict(faces) if len(faces) > 1 else [client.predict(faces)]


def _in_words(crop: Pixels, predictions: dict[str, Any]) -> dict[str, Any]:
    with resolving(lambda _, name: _Predicted(predictions[name.lower()])):
        found = demography.analyze(
            img_path=crop,
            actions=tuple(predictions),
            detector_backend="skip",
            enforce_detection=False,
            silent=True,
        )[0]
    return {key: value for key, value in found.items() if key not in ("region", "face_confidence")}

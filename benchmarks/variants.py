"""Cheap changes to how a face becomes an embedding, tried on the template."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.persons import Compared, Whole, compare
from core.distances import distances
from services.deepface.interface import Detection, Engine, Face, Pixels
from services.models.catalogue import catalogue

MODEL = "Dlib"
METRIC = "cosine"
HOW = Detection(detector="dlib", method="bounded", alignment="dlib", enforce=False, max_faces=1)

_CROPS = 4  # of which the mean is taken
_SHIFT, _TURN, _SCALE = 0.025, 4.0, 0.05  # how much they differ: share of the side, degrees, share of the size
_SEVERAL = 8  # faces of a photo, of which the best is taken

Floats = npt.NDArray[np.float64]


def variants(engine: Engine, detector: str, images: Sequence[Pixels], persons: Whole) -> Iterator[tuple[str, Compared]]:
    """Each change with its distances; the first is none."""
    how = replace(HOW, detector=detector)

    def embedded(crops: Sequence[Pixels]) -> Floats:
        return engine.embed(crops, model=MODEL, normalization="base", alignment="template")

    def largest(expand_percentage: int = 0) -> list[Pixels]:
        changed = replace(how, expand_percentage=expand_percentage)
        return [engine.detect(image, changed)[0].crop for image in images]

    crops = largest()
    plain = embedded(crops)
    yield "as it is", compare(plain, persons, METRIC)
    mirrored = embedded([np.ascontiguousarray(crop[:, ::-1]) for crop in crops])
    yield "mean with the mirrored crop", compare(plain + mirrored, persons, METRIC)
    moved = [embedded([move(crop) for crop in crops]) for move in _moves()]
    yield f"mean of {_CROPS} moved crops", compare(np.sum(moved, axis=0), persons, METRIC)
    for percentage in (-10, 10):
        yield f"box {percentage:+} %", compare(embedded(largest(percentage)), persons, METRIC)
    if detector == "yunet":
        for score in (0.6, 0.9):
            with _score(detector, score):
                yield f"score {score}", compare(embedded(largest()), persons, METRIC)
    faces = [engine.detect(image, replace(how, max_faces=_SEVERAL)) for image in images]
    surest = [max(of_photo, key=lambda face: face.confidence).crop for of_photo in faces]
    yield "the surest of several faces", compare(embedded(surest), persons, METRIC)
    yield "the nearest of several faces", _nearest(faces, embedded, persons)


def _moves() -> list[Callable[[Pixels], Pixels]]:
    rng = np.random.default_rng(0)

    def move(turn: float, scale: float, shift: Floats) -> Callable[[Pixels], Pixels]:
        def moved(crop: Pixels) -> Pixels:
            height, width = crop.shape[:2]
            matrix = np.array(cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale), np.float64)
            matrix[:, 2] += shift * (width, height)
            return np.asarray(cv2.warpAffine(crop, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)

        return moved

    return [
        move(rng.uniform(-_TURN, _TURN), rng.uniform(1 - _SCALE, 1 + _SCALE), rng.uniform(-_SHIFT, _SHIFT, 2))
        for _ in range(_CROPS)
    ]


@contextmanager
def _score(detector: str, score: float) -> Iterator[None]:
    """Let the detector take boxes from another score on."""
    model = catalogue.MODELS[detector]
    catalogue.MODELS[detector] = replace(model, search=replace(model.search, score=score))
    try:
        yield
    finally:
        catalogue.MODELS[detector] = model


def _nearest(
    faces: Sequence[Sequence[Face]], embedded: Callable[[Sequence[Pixels]], Floats], persons: Whole
) -> Compared:
    """The distances of the nearest faces of each two photos."""
    embeddings = [embedded([face.crop for face in of_photo]) for of_photo in faces]
    first, second = np.triu_indices(len(persons), 1)
    apart = [distances(embeddings[a], embeddings[b], METRIC).min() for a, b in zip(first, second, strict=True)]
    return Compared(
        apart=np.array(apart), first=persons[first], second=persons[second], persons=len(np.unique(persons))
    )

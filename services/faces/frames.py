"""Reads the frames of one capture in place of one image, compares them, and judges their liveness together."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from core.distances import distances
from core.exceptions import NoFaceDetected, SeveralFaces, ValidationFailed
from services.deepface.interface import FaceArea, Pixels
from services.faces.options import Defaults
from services.faces.plan import EmbeddingPlan
from services.faces.reader import DetectedFace, Embeddings, FaceReader

# Frames are compared within the face's box of the first frame: grey, 32 x 32 pixels, mean 0, deviation 1. Up to this
# root mean square difference, two frames count as the same image. Share of 26 photos below it, by change:
# - JPEG of quality 60 or more, WebP of 80, brightness, sensor noise of 4 grey levels: 0.88 to 1.0
# - face moved by half a pixel: 0.35
# - face moved by a pixel: 0
_SAME = 0.04
_SIDE_PX = 32

_Look = npt.NDArray[np.float64]


class FrameReader:
    """Reads the image of a request, or the frames in its place."""

    def __init__(self, *, reader: FaceReader, defaults: Defaults) -> None:
        self._reader = reader
        self._defaults = defaults

    def embedded(
        self,
        image: str | bytes | None,
        frames: Sequence[str | bytes] | None,
        field: str,
        plan: EmbeddingPlan,
    ) -> tuple[list[DetectedFace], Embeddings]:
        """The faces of the image in `field`, or the one face of each frame, with their embeddings.

        All faces of `frames` get the same liveness, judged over all of them.

        Raises:
            NoFaceDetected, SeveralFaces: a frame does not show exactly one face. The error names it as `frames[2]`.
            ValidationFailed: a frame is the same image as another, or shows another person than the others.
            Others as `FaceReader.faces`.
        """
        if frames is None:
            assert image is not None, "a request has an image or frames"
            return self._reader.embedded(image, field, plan)
        faces, embeddings = self._read(frames, self._defaults.capture_plan(plan))
        _require_one_person(embeddings, plan)
        verdict = self._reader.judge([read.liveness for read in faces if read.liveness is not None])
        return [replace(read, liveness=verdict) for read in faces], embeddings

    def _read(self, frames: Sequence[str | bytes], plan: EmbeddingPlan) -> tuple[list[DetectedFace], Embeddings]:
        faces: list[DetectedFace] = []
        rows: list[Embeddings] = []
        looks: list[_Look] = []
        size = (0, 0)
        for place, frame in enumerate(frames):
            field = f"frames[{place}]"
            with self._reader.embedding(frame, field, plan) as (image, found, embeddings):
                if len(found) != 1:
                    raise _not_one_face(len(found))
                size = size if looks else image.shape[:2]
                faces.append(found[0])
                rows.append(embeddings)
                looks.append(_look(image, size, faces[0].face.area))
            for other in range(place):
                if np.sqrt(np.mean((looks[other] - looks[place]) ** 2)) <= _SAME:
                    raise ValidationFailed.of(field, f"Same image as frames[{other}]; send another moment")
        return faces, np.concatenate(rows)


def _require_one_person(embeddings: Embeddings, plan: EmbeddingPlan) -> None:
    apart = distances(embeddings, embeddings, plan.metric)
    if apart.max() > plan.strict_threshold:
        odd = len(apart) - 1 - int(apart.mean(axis=0)[::-1].argmax())  # for two frames, the second
        raise ValidationFailed.of(f"frames[{odd}]", "Shows another person than the other frames; send one person")


def _not_one_face(count: int) -> NoFaceDetected | SeveralFaces:
    if count == 0:
        return NoFaceDetected()
    return SeveralFaces("The frame shows several faces. Send frames with one face, or set max_faces to 1.")


def _look(image: Pixels, size: tuple[int, int], area: FaceArea) -> _Look:
    """The `area` of the image after resizing to `size` (height, width), independent of brightness and contrast."""
    if image.shape[:2] != size:
        image = np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    part = image[area.y : area.y + max(1, area.h), area.x : area.x + max(1, area.w)]
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    small = np.asarray(cv2.resize(grey, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), np.float64)
    return np.asarray((small - small.mean()) / max(float(small.std()), 1.0))

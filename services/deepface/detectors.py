"""Runs detectors directly on an image without border or scaling.

The detectors are the models inside DeepFace's clients. The clients' own `detect_faces` is not used, because it drops
landmarks and has other thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import nlargest
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.timeouts import check_deadline
from services.deepface.interface import Pixels
from services.deepface.suppression import distinct
from services.models.catalogue.types import Search

Points = npt.NDArray[np.float64]

# Boxes that are compared with each other. Of more, the largest are. Tiles show a face up to four times, so this is
# enough for 1000 faces, the largest MAX_FACES.
_MAX_BOXES = 4096

# Scale step between two face sizes of the cascade. DeepFace's 1.1 takes twice the time and finds as many faces.
_CASCADE_STEP = 1.2

# Border of a copy on each side, as a share of the image's side: as wide as DeepFace's. A close-up's face has at least
# the second share of the shorter side, in both directions.
_BORDER = 0.5
_MIN_CLOSE_UP = 0.5

# A box of a tile is no face if its area is smaller than this share of a face's box around it.
_MAX_PART = 0.25

# Tiles overlap by this share of their side, so that a face at the edge of one tile is whole in the next.
_OVERLAP = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A found face. `box` is x, y, width, height in pixels; `score` is the detector's, 0 to 1.

    `points` holds x and y of landmarks. With shape (5, 2): right eye, left eye, nose tip, right and left corner of the
    mouth. With shape (3, 2) or (2, 2): the eyes and the base of the nose, or the eyes only. Right and left are the
    person's own. None if the detector has no landmarks.
    """

    box: npt.NDArray[np.float64]
    score: float
    points: Points | None = None

    def placed(self, scale: float, x: float = 0, y: float = 0) -> "Found":
        """The face in the coordinates of the original image. `scale` scaled that image; x, y is the tile's corner."""
        shift = np.array([x, y], np.float64)
        points = None if self.points is None else self.points / scale + shift
        return Found(box=self.box / scale + np.append(shift, (0, 0)), score=self.score, points=points)


def search(detector: str, client: Any, image: Pixels, how: Search, *, side_px: int, full: bool) -> list[Found]:
    """The faces of a BGR image, largest first.

    The search uses a copy with a long side of `side_px`. A small image is enlarged at most `how.enlarge` times. If the
    copy shows no face, the search looks for a face that fills the image, in a copy with a border. If that shows none
    either, or with `full`, the search also covers the image at full size in tiles.

    Raises:
        DeadlineExceeded: the request's time ended.
    """
    run = partial(_DETECTORS.get(detector, _by_client), client)
    scale = min(side_px / max(image.shape[:2]), how.enlarge)
    copy = _scaled(image, scale)
    faces = [face.placed(scale) for face in run(copy, how) or _close_up(run, copy, how, side_px)]
    if scale < 1 and (full or not faces):
        evident = faces
        for x, y, tile in _tiles(image, side_px):
            check_deadline()
            inside = [face.placed(1, x, y) for face in run(tile, how) if not _cut(face, x, y, tile, image)]
            faces = _largest([*faces, *(face for face in inside if not _is_part_of_any(face, evident))])
    return sorted(_distinct(_largest(faces)), key=lambda face: -_size(face))


def _close_up(run: Callable[[Pixels, Search], list[Found]], image: Pixels, how: Search, side_px: int) -> list[Found]:
    """A face that fills the image. Detectors need to see something around it, if only a border."""
    check_deadline()
    height, width = image.shape[:2]
    scale = min(1.0, side_px / (max(height, width) * (1 + 2 * _BORDER)))
    copy = _scaled(image, scale)
    rows, columns = (int(side * _BORDER) for side in copy.shape[:2])
    bordered = cv2.copyMakeBorder(copy, rows, rows, columns, columns, cv2.BORDER_CONSTANT)
    found = [face.placed(scale, -columns / scale, -rows / scale) for face in run(np.asarray(bordered, np.uint8), how)]
    return [face for face in found if min(face.box[2:]) >= _MIN_CLOSE_UP * min(height, width)]


def _is_part_of_any(face: Found, others: list[Found]) -> bool:
    """Whether the box lies in a much larger one: part of a face that a tile showed without its surroundings."""
    return any(
        _size(face) < _MAX_PART * _size(other)
        and (face.box[:2] + face.box[2:] / 2 > other.box[:2]).all()
        and (face.box[:2] + face.box[2:] / 2 < other.box[:2] + other.box[2:]).all()
        for other in others
    )


def _scaled(image: Pixels, scale: float) -> Pixels:
    """A copy `scale` times as large. A much larger image is first averaged by a whole factor, because that is fast."""
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    factor = min(int(1 / scale), *image.shape[:2])
    if factor > 1:
        rows, columns = (side // factor for side in image.shape[:2])
        whole = image[: rows * factor, : columns * factor]
        image = np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=kind), np.uint8)


def _tiles(image: Pixels, side: int) -> list[tuple[int, int, Pixels]]:
    """Overlapping squares that cover the image, each with x and y of its upper left corner."""
    height, width = image.shape[:2]
    return [
        (x, y, np.ascontiguousarray(image[y : y + side, x : x + side]))
        for y in _starts(height, side)
        for x in _starts(width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    step = int(side * (1 - _OVERLAP))
    return [*range(0, max(1, length - side), step), *([length - side] if length > side else [])]


def _cut(face: Found, x: int, y: int, tile: Pixels, image: Pixels) -> bool:
    """Whether the face touches an edge of the tile inside the image, so that the next tile shows more of it."""
    left, top, width, height = face.box
    rows, columns = tile.shape[:2]
    return bool(
        (left <= 0 < x)
        or (top <= 0 < y)
        or (left + width >= columns < image.shape[1] - x)
        or (top + height >= rows < image.shape[0] - y)
    )


def _distinct(faces: list[Found]) -> list[Found]:
    """The faces without duplicates. The box with the best score is kept."""
    boxes = np.array([face.box for face in faces]).reshape(-1, 4)
    return [faces[index] for index in distinct(boxes, np.array([face.score for face in faces]))]


def _largest(faces: list[Found]) -> list[Found]:
    """The faces, or the largest of too many."""
    return faces if len(faces) <= _MAX_BOXES else nlargest(_MAX_BOXES, faces, key=_size)


def _size(face: Found) -> float:
    return float(face.box[2] * face.box[3])


def _yunet(client: Any, image: Pixels, how: Search) -> list[Found]:
    network = client.model
    network.setInputSize((image.shape[1], image.shape[0]))
    network.setScoreThreshold(how.score)
    rows = network.detect(image)[1]
    if rows is None:
        return []
    return [Found(box=row[:4], score=float(row[14]), points=row[4:14].reshape(5, 2)) for row in rows.astype(np.float64)]


def _dlib(client: Any, image: Pixels, how: Search) -> list[Found]:
    # In grey, dlib takes two thirds of the time and finds as many faces.
    rectangles, scores, _ = client.model["face_detector"].run(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 0, how.score)
    return [
        Found(
            box=np.array([face.left(), face.top(), face.width(), face.height()], np.float64),
            score=min(max(0.0, score), 1.0),
        )
        for face, score in zip(rectangles, scores, strict=True)
    ]


def _opencv(client: Any, image: Pixels, how: Search) -> list[Found]:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    boxes, _, scores = client.model["face_detector"].detectMultiScale3(
        grey, scaleFactor=_CASCADE_STEP, minNeighbors=int(how.score), outputRejectLevels=True
    )
    return [
        Found(box=np.array(box, np.float64), score=(100 - float(score)) / 100)  # the formula of DeepFace
        for box, score in zip(boxes, scores, strict=True)
    ]


def _mtcnn(client: Any, image: Pixels, _: Search) -> list[Found]:
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")  # left and right in the image
    return [
        Found(
            box=np.array(face["box"], np.float64),
            score=float(face["confidence"]),
            points=np.array([face["keypoints"][name] for name in names], np.float64),
        )
        for face in client.model.detect_faces(np.ascontiguousarray(image[:, :, ::-1]))
    ]


def _by_client(client: Any, image: Pixels, _: Search) -> list[Found]:
    return [found_of(region) for region in client.detect_faces(image)]


def found_of(region: Any) -> Found:
    """The `Found` for DeepFace's `FacialAreaRegion` or for a `FaceArea`."""
    points = [region.right_eye, region.left_eye, region.nose, region.mouth_right, region.mouth_left]
    known = points if None not in points else points[:2]
    return Found(
        box=np.array([region.x, region.y, region.w, region.h], np.float64),
        score=float(getattr(region, "confidence", None) or 0),
        points=None if None in known else np.array(known, np.float64),
    )


_DETECTORS: dict[str, Callable[[Any, Pixels, Search], list[Found]]] = {
    "yunet": _yunet,
    "dlib": _dlib,
    "opencv": _opencv,
    "mtcnn": _mtcnn,
}

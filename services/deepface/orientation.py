"""Looks at a face again: whether it is one, and by how many quarter turns it is turned from upright.

Landmarks do not tell that: YuNet finds half of all faces upside down, and it and dlib's predictor place the landmarks
as in an upright face. dlib's frontal face detector finds upright faces only, so it is run on the turned surroundings.
Of 75 good photos it sees the faces of all detectors, and none in 26 of 28 false boxes of the cascade.
"""

from typing import Any

import cv2
import dlib
import numpy as np

from services.deepface.interface import FaceArea, Pixels, SecondLook

_SIDE_PX = 240  # of the surroundings, in which a face has half of that; the detector finds faces from 80 px on
_SURROUNDINGS = 2.0  # side, in sides of the face's box
_FACE_PX = (50, 210)  # side of a box for the same face
_MAX_APART_PX = 50  # between the middles of two boxes for the same face

# An upright face with this margin of the detector needs no look at the other sides.
_CERTAIN = 0.5


def make_detector() -> Any:
    """dlib's frontal face detector. Threads must not share it."""
    return dlib.get_frontal_face_detector()


def look_again(detector: Any, image: Pixels, area: FaceArea) -> SecondLook:
    """The turn in which the detector is surest of the face; no turn and a margin of 0 if it sees none in any."""
    around = _surroundings(image, area)
    margins = [_margin(detector, around)]
    if margins[0] < _CERTAIN:
        margins += [_margin(detector, np.ascontiguousarray(np.rot90(around, turns))) for turns in (1, 2, 3)]
    turns = int(np.argmax(margins))
    return SecondLook(quarter_turns=turns, margin=margins[turns], area=area)


def _surroundings(image: Pixels, area: FaceArea) -> Pixels:
    """The grey square around the face, of `_SIDE_PX`. Edges of the image are continued."""
    side = _SURROUNDINGS * max(area.w, area.h, 1)
    left, top = area.x + area.w / 2 - side / 2, area.y + area.h / 2 - side / 2
    height, width = image.shape[:2]
    x, y = min(width - 1, max(0, int(left))), min(height - 1, max(0, int(top)))
    part = image[y : max(y + 1, int(top + side)), x : max(x + 1, int(left + side))]
    scale = _SIDE_PX / side
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    grey = cv2.cvtColor(np.asarray(cv2.resize(part, size, interpolation=kind), np.uint8), cv2.COLOR_BGR2GRAY)
    before = max(0, round((x - left) * scale)), max(0, round((y - top) * scale))
    after = (max(0, _SIDE_PX - size[0] - before[0]), max(0, _SIDE_PX - size[1] - before[1]))
    whole = cv2.copyMakeBorder(grey, before[1], after[1], before[0], after[0], cv2.BORDER_REPLICATE)
    return np.asarray(whole, np.uint8)


def _margin(detector: Any, grey: Pixels) -> float:
    """The detector's margin for a face in the middle; 0 if there is none."""
    boxes, margins, _ = detector.run(grey, 0, 0)
    middle = _SIDE_PX / 2
    found = [
        margin
        for box, margin in zip(boxes, margins, strict=True)
        if abs(box.center().x - middle) <= _MAX_APART_PX
        and abs(box.center().y - middle) <= _MAX_APART_PX
        and _FACE_PX[0] <= box.width() <= _FACE_PX[1]
    ]
    return max(found, default=0.0)

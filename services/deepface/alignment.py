"""Crops faces as in the training of the recognition models.

A template defines where the landmarks of a face lie in the crop. The crop is the image after the similarity transform
(rotation, scale, shift) that moves the landmarks there. The catalogue has the template of each model.
"""

from typing import Any

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from services.deepface.detectors import Found, Points
from services.deepface.interface import Pixels

_DLIB_PX = 150
_DLIB_PADDING = 0.25

# Side of the square for dlib's predictor, relative to a distance between landmarks. This is the larger of eye to eye
# and eyes to mouth.
_SQUARE_OF_POINTS = 2.6

# Right eye, left eye, nose tip, right and left corner of the mouth in a crop of 112 px: the `arcface_dst` of
# github.com/deepinsight/insightface, python-package/insightface/utils/face_align.py.
_ARCFACE_PX = 112
_ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)

# The box enlarged by 32 px of 160 and stretched to a square. The published models were made so, with
# src/align/align_dataset_mtcnn.py of github.com/davidsandberg/facenet (--image_size 160 --margin 32). Here the margin
# is in proportion to the face.
_FACENET_PX = 160
_FACENET_GROWTH = 160 / (160 - 32)

# A square around the whole head: the box enlarged by 0.3, from "VGGFace2: A dataset for recognising faces across pose
# and age" (Cao et al. 2018, section 5).
_VGG_PX = 224
_VGG_GROWTH = 1.3

# Crops are sampled from a copy that is at most this many times too large, because sampling a larger copy skips pixels.
_MAX_REDUCTION = 2.0


def cut_out(image: Pixels, face: Found, template: str, expand_percentage: int, predictor: Any) -> Pixels:
    """The BGR crop of `face` for a `template`, enlarged by `expand_percentage`.

    `predictor` is dlib's 5-point shape predictor.
    """
    growth = 1 + expand_percentage / 100
    match template:
        case "dlib":
            return _dlib_chip(image, face, growth, predictor)
        case "arcface":
            return _arcface(image, face, growth, predictor)
        case "facenet":
            size = face.box[2:] * _FACENET_GROWTH * growth
            return _box(image, face, size, _FACENET_PX)
        case _:
            size = np.full(2, face.box[2:].max() * _VGG_GROWTH * growth)
            return _box(image, face, size, _VGG_PX)


def landmarks(image: Pixels, face: Found, predictor: Any) -> Points:
    """The centres of the right and the left eye and the base of the nose, shape (3, 2), by dlib's predictor."""
    (x, y), _, shape = predicted(image, face, predictor)
    parts = np.array([(shape.part(part).x, shape.part(part).y) for part in range(5)], np.float64)
    # Parts 0 and 1 are the corners of the eye on the right side of the image: the person's left eye.
    points: Points = np.array([parts[2:4].mean(axis=0), parts[:2].mean(axis=0), parts[4]]) + np.array([x, y])
    return points


def _dlib_chip(image: Pixels, face: Found, growth: float, predictor: Any) -> Pixels:
    """dlib's face chip, as in the training of its model (dlib.net/face_recognition.py.html)."""
    _, region, shape = predicted(image, face, predictor)
    padding = ((1 + 2 * _DLIB_PADDING) * growth - 1) / 2
    chip = dlib.get_face_chip(region, shape, _DLIB_PX, padding)
    return np.ascontiguousarray(chip[:, :, ::-1], np.uint8)


def predicted(image: Pixels, face: Found, predictor: Any) -> tuple[tuple[int, int], Pixels, Any]:
    """dlib's five landmarks: the upper left corner and RGB pixels of a part of the image, and the landmarks in it."""
    x, y, side = _square(face)
    margin = 0.75 * side  # how far a chip may extend beyond the square, at any rotation
    left, top = (max(0, int(start - margin)) for start in (x, y))
    region = image[top : max(top + 1, int(y + side + margin)), left : max(left + 1, int(x + side + margin)), ::-1]
    region = np.ascontiguousarray(region)
    box = dlib.rectangle(*(round(edge) for edge in (x - left, y - top, x + side - left, y + side - top)))
    return (left, top), region, predictor(region, box)


def _square(face: Found) -> tuple[float, float, float]:
    """The upper left corner and the side of a square like those of dlib's detector, which its predictor expects.

    With five landmarks, the centre is midway between eyes and mouth. Otherwise it is the centre of the box. Both gave
    the best chips on the labelled photos of `python -m benchmarks accuracy`.
    """
    if face.points is not None and len(face.points) == 5:
        eye, mouth = face.points[:2].mean(axis=0), face.points[3:].mean(axis=0)
        middle = (eye + mouth) / 2
        between = float(np.linalg.norm(face.points[0] - face.points[1]))
        side = _SQUARE_OF_POINTS * max(between, float(np.linalg.norm(eye - mouth)))
    else:
        middle = face.box[:2] + face.box[2:] / 2
        side = float(face.box[2:].mean())
    return float(middle[0] - side / 2), float(middle[1] - side / 2), side


def _arcface(image: Pixels, face: Found, growth: float, predictor: Any) -> Pixels:
    # The template has the tip of the nose, and dlib's predictor gives the base.
    points = landmarks(image, face, predictor)[:2] if face.points is None else face.points
    middle = _ARCFACE_PX / 2
    target = (_ARCFACE[: len(points)] - middle) / growth + middle
    return _warped(image, _similarity(points, target), _ARCFACE_PX)


def _box(image: Pixels, face: Found, size: npt.NDArray[np.float64], side_px: int) -> Pixels:
    """The part of the image of this size around the centre of the face, stretched to a square. Black outside."""
    scale = side_px / np.maximum(size, 1)
    shift = side_px / 2 - (face.box[:2] + face.box[2:] / 2) * scale
    return _warped(image, np.column_stack([np.diag(scale), shift]), side_px)


def _warped(image: Pixels, transform: npt.NDArray[np.float64], side_px: int) -> Pixels:
    """The image after `transform` (2, 3), with sides of `side_px` pixels. Black outside the image."""
    reduction = 1 / np.sqrt(abs(np.linalg.det(transform[:, :2])))
    if reduction > _MAX_REDUCTION:
        # Only the part that is in the crop is reduced, to save time.
        corners = np.array([[0, 0], [side_px, 0], [0, side_px], [side_px, side_px]], np.float64)
        seen = (corners - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
        left, top = np.clip(np.floor(seen.min(axis=0)), 0, np.array(image.shape[1::-1]) - 1).astype(int)
        right, bottom = np.maximum(np.ceil(seen.max(axis=0)).astype(int) + 1, (left + 1, top + 1))
        part = image[top:bottom, left:right]
        smaller = 1 / reduction
        size = max(1, round(part.shape[1] * smaller)), max(1, round(part.shape[0] * smaller))
        ratio = np.array(size) / part.shape[1::-1]
        image = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        linear = transform[:, :2] / ratio
        transform = np.column_stack([linear, transform[:, 2] + transform[:, :2] @ (left, top)])
    return np.asarray(cv2.warpAffine(image, transform, (side_px, side_px), flags=cv2.INTER_LINEAR), np.uint8)


def _similarity(points: Points, target: Points) -> npt.NDArray[np.float64]:
    """The similarity transform (2, 3) that maps `points` to `target` with least squares (Umeyama 1991)."""
    middle, target_middle = points.mean(axis=0), target.mean(axis=0)
    spread, target_spread = points - middle, target - target_middle
    u, singular, v = np.linalg.svd(target_spread.T @ spread)
    signs = np.array([1, np.sign(np.linalg.det(u @ v))])
    scale = (singular * signs).sum() / max((spread**2).sum(), np.finfo(np.float64).tiny)
    linear = scale * (u * signs) @ v
    return np.column_stack([linear, target_middle - linear @ middle])

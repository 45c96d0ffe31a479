"""Faces cut out the way the recognition networks saw them in training.

A template says where in the crop the face's points lie; the crop is the picture under the similarity (rotation, scale,
shift) that brings the points there. Which template a model was trained on is in the catalogue.
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

# Side of the square dlib's predictor gets, in distances between the eyes or from eyes to mouth, whichever is larger.
_SQUARE_OF_POINTS = 2.6

# Right eye, left eye, nose tip, right and left corner of the mouth in a crop of 112 px: the `arcface_dst` of
# github.com/deepinsight/insightface, python-package/insightface/utils/face_align.py.
_ARCFACE_PX = 112
_ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)

# The box grown by 32 px of 160, as github.com/davidsandberg/facenet's src/align/align_dataset_mtcnn.py is run for
# the published models (--image_size 160 --margin 32), here in proportion to the face; stretched to a square.
_FACENET_PX = 160
_FACENET_GROWTH = 160 / (160 - 32)

# A square round the whole head: the box grown by 0.3, as "VGGFace2: A dataset for recognising faces across pose and
# age" (Cao et al. 2018, section 5) has it.
_VGG_PX = 224
_VGG_GROWTH = 1.3

# Crops are taken from a copy that is at most this many times too large, or the sampling would skip pixels.
_MOST_REDUCTION = 2.0


def cut_out(image: Pixels, face: Found, template: str, expand_percentage: int, predictor: Any) -> Pixels:
    """The BGR crop of `face` that `template` describes, with `expand_percentage` more on its sides.

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


def eyes(image: Pixels, face: Found, predictor: Any) -> Points:
    """The middles of the right and the left eye, of shape (2, 2), by dlib's predictor of the corners of the eyes."""
    (x, y), _, shape = _predicted(image, face, predictor)
    corners = np.array([(shape.part(part).x, shape.part(part).y) for part in range(4)], np.float64)
    # Parts 0 and 1 are the corners of the eye on the right of the picture: the person's left.
    middles: Points = np.array([corners[2:].mean(axis=0), corners[:2].mean(axis=0)]) + np.array([x, y])
    return middles


def _dlib_chip(image: Pixels, face: Found, growth: float, predictor: Any) -> Pixels:
    """dlib's face chip, as dlib_face_recognition_resnet_model_v1 was trained on (dlib.net/face_recognition.py.html)."""
    _, region, shape = _predicted(image, face, predictor)
    padding = ((1 + 2 * _DLIB_PADDING) * growth - 1) / 2
    chip = dlib.get_face_chip(region, shape, _DLIB_PX, padding)
    return np.ascontiguousarray(chip[:, :, ::-1], np.uint8)


def _predicted(image: Pixels, face: Found, predictor: Any) -> tuple[tuple[int, int], Pixels, Any]:
    """dlib's five points: the upper left corner and the RGB pixels of the part of the image they are in, and they."""
    x, y, side = _square(face)
    margin = 0.75 * side  # what a chip may reach beyond the square, turned by any angle
    left, top = (max(0, int(start - margin)) for start in (x, y))
    region = image[top : max(top + 1, int(y + side + margin)), left : max(left + 1, int(x + side + margin)), ::-1]
    region = np.ascontiguousarray(region)
    box = dlib.rectangle(*(round(edge) for edge in (x - left, y - top, x + side - left, y + side - top)))
    return (left, top), region, predictor(region, box)


def _square(face: Found) -> tuple[float, float, float]:
    """Upper left corner and side of a square as dlib's own detector would draw it, for which its predictor was trained.

    From five points it is round the middle between eyes and mouth, from a box round its middle: either way dlib's
    chip came out best on the labelled photos of `python -m benchmarks accuracy`.
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
    points = eyes(image, face, predictor) if face.points is None else face.points
    middle = _ARCFACE_PX / 2
    target = (_ARCFACE[: len(points)] - middle) / growth + middle
    return _warped(image, _similarity(points, target), _ARCFACE_PX)


def _box(image: Pixels, face: Found, size: npt.NDArray[np.float64], side_px: int) -> Pixels:
    """The part of the image of this size round the middle of the face, stretched to a square; black outside."""
    scale = side_px / np.maximum(size, 1)
    shift = side_px / 2 - (face.box[:2] + face.box[2:] / 2) * scale
    return _warped(image, np.column_stack([np.diag(scale), shift]), side_px)


def _warped(image: Pixels, transform: npt.NDArray[np.float64], side_px: int) -> Pixels:
    """The image under `transform` (2, 3), in `side_px` pixels a side; black outside."""
    reduction = 1 / np.sqrt(abs(np.linalg.det(transform[:, :2])))
    if reduction > _MOST_REDUCTION:
        # Only the part that ends up in the crop is reduced.
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
    """The similarity (2, 3) that brings `points` nearest to `target` in least squares (Umeyama 1991)."""
    middle, target_middle = points.mean(axis=0), target.mean(axis=0)
    spread, target_spread = points - middle, target - target_middle
    u, singular, v = np.linalg.svd(target_spread.T @ spread)
    signs = np.array([1, np.sign(np.linalg.det(u @ v))])
    scale = (singular * signs).sum() / max((spread**2).sum(), np.finfo(np.float64).tiny)
    linear = scale * (u * signs) @ v
    return np.column_stack([linear, target_middle - linear @ middle])

"""Cuts a person's face out of a photo, as a photo program has marked it."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from core.exceptions import NoFaceDetected
from core.images.decoding import ImagePolicy, decode
from core.images.exif import orientation
from core.images.header import image_format
from core.images.pixels import swaps_sides, upright_point
from services.deepface.interface import FaceArea

_MARGIN = 0.5  # of the region, on every side: detectors need some of what is around a face
_MAX_SIDE_PX = 1600  # of the cut
_MAX_STRETCH = 0.02  # difference of the proportions of two sizes that count as equal
_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of an image as it is stored, before its EXIF orientation is applied.

    `x` and `y` are the centre, `w` and `h` the sides, all relative to the image: 0 to 1 from its top left. `applied_to`
    is the width and height of the image for which the region was drawn, in any unit; None if unknown.
    """

    x: float
    y: float
    w: float
    h: float
    applied_to: tuple[float, float] | None = None


class Cut(NamedTuple):
    """An encoded part of a photo, upright, and where in it the region is."""

    content: bytes
    place: FaceArea


class OtherProportions(Exception):
    """The photo was cropped or turned after the region was drawn."""


def cut_out(content: bytes, region: Region, policy: ImagePolicy) -> Cut:
    """The region of an encoded photo with a margin.

    Raises:
        OtherProportions: the region was drawn for another image.
        ImageDecodeError, ImageTooLarge: as `decode`.
        NoFaceDetected: the region is empty.
    """
    pixels = decode(content, policy)
    turned = orientation(content, image_format(content) or "")
    height, width = pixels.shape[:2]
    stored = (height, width) if swaps_sides(turned) else (width, height)
    if region.applied_to is not None and not _alike(stored, region.applied_to):
        raise OtherProportions
    x, y = upright_point(region.x, region.y, turned)
    w, h = (region.h, region.w) if swaps_sides(turned) else (region.w, region.h)
    half_w, half_h = (0.5 + _MARGIN) * w * width, (0.5 + _MARGIN) * h * height
    left, right = (round(min(max(edge, 0), width)) for edge in (x * width - half_w, x * width + half_w))
    top, bottom = (round(min(max(edge, 0), height)) for edge in (y * height - half_h, y * height + half_h))
    if right <= left or bottom <= top:
        raise NoFaceDetected
    cut = pixels[top:bottom, left:right]
    scale = min(1.0, _MAX_SIDE_PX / max(cut.shape))
    if scale < 1:
        cut = np.asarray(cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    encoded = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    place = FaceArea(
        x=round(((x - w / 2) * width - left) * scale),
        y=round(((y - h / 2) * height - top) * scale),
        w=round(w * width * scale),
        h=round(h * height * scale),
    )
    return Cut(encoded.tobytes(), place)


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two sizes have the same proportions, up to rounding."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= _MAX_STRETCH * one[0] * other[1]

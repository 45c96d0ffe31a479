"""Draws the image of the self-test: a face, computed so that it is the same on every machine."""

from functools import cache

import numpy as np

from services.deepface.interface import FaceArea, Pixels

SIDE_PX = 256

# Area of the drawn head.
FACE = FaceArea(x=70, y=58, w=116, h=148)

_BACKGROUND = (150, 140, 120)
_LIGHTER_BELOW = 40

# Ellipses, each drawn over the previous ones: centre x and y, radii x and y, colour (blue, green, red), width of the
# soft edge in pixels. OpenCV's cascade, dlib's detector and YuNet find a face in them.
_ELLIPSES = (
    (128, 250, 95, 50, (90, 60, 50), 1.5),  # shoulders
    (128, 205, 32, 50, (125, 155, 195), 1.5),  # neck
    (128, 110, 72, 88, (30, 40, 55), 1.5),  # hair
    (128, 132, 56, 74, (145, 175, 215), 1.5),  # face
    *(
        part
        for side in (-1, 1)
        for part in (
            (128 + 24 * side, 118, 15, 8, (100, 130, 170), 3),  # socket
            (128 + 24 * side, 103, 16, 3.5, (40, 50, 70), 1),  # brow
            (128 + 24 * side, 118, 11, 5, (235, 235, 235), 0.8),  # eye
            (128 + 24 * side, 118, 4.8, 4.8, (50, 40, 30), 0.7),  # iris
            (128 + 9 * side, 150, 5, 3, (85, 110, 150), 1.2),  # nostril
        )
    ),
    (128, 140, 6, 20, (165, 195, 232), 4),  # ridge of the nose
    (128, 172, 21, 6, (90, 90, 165), 1.2),  # lips
    (128, 172, 19, 1.2, (50, 50, 90), 0.6),  # line between the lips
)


@cache
def draw_face() -> Pixels:
    """Return the image, BGR uint8 of shape (SIDE_PX, SIDE_PX, 3); it is shared and read-only."""
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float64)
    picture = np.array(_BACKGROUND) + (y / SIDE_PX * _LIGHTER_BELOW)[..., None]
    for centre_x, centre_y, radius_x, radius_y, colour, edge in _ELLIPSES:
        outside = np.hypot((x - centre_x) / radius_x, (y - centre_y) / radius_y) - 1
        cover = 1 / (1 + np.exp(np.clip(outside * min(radius_x, radius_y) / edge, -50, 50)))
        picture += (np.array(colour) - picture) * cover[..., None]
    pixels = np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)
    pixels.setflags(write=False)
    return pixels

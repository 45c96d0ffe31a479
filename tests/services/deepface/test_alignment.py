"""Crops of made pictures: a dot at every landmark has to come out where the template wants it."""

import cv2
import numpy as np
import pytest

from services.deepface.alignment import cut_out
from services.deepface.detectors import Found

# As published: github.com/deepinsight/insightface, `arcface_dst`.
ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def face_with_dots(turn_deg, scale, middle=(700, 500), size=(1400, 1000)):
    """A picture of five bright dots, as a face turned by `turn_deg` and `scale` times the template has landmarks."""
    turn = np.deg2rad(turn_deg)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (ARCFACE - 56) @ rotation.T + middle
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for point in points:
        cv2.circle(image, tuple(point.round().astype(int).tolist()), max(2, round(2 * scale)), (255, 255, 255), -1)
    box = np.array([*points.min(axis=0), *np.ptp(points, axis=0)])
    return image, Found(box=box, score=1, points=points)


def dots(crop):
    _, _, _, middles = cv2.connectedComponentsWithStats((crop[:, :, 0] > 100).astype(np.uint8))
    return sorted(map(tuple, middles[1:]))


def apart(found, expected):
    assert len(found) == len(expected)
    return np.abs(np.array(found) - np.array(sorted(map(tuple, expected)))).max()


@pytest.mark.parametrize("scale", [0.8, 1, 2.5, 6])
@pytest.mark.parametrize("turn_deg", [0, 17, -40, 90, 180])
def test_landmarks_come_out_where_the_arcface_template_wants_them(turn_deg, scale):
    image, face = face_with_dots(turn_deg, scale)
    crop = cut_out(image, face, "arcface", 0, None)
    assert crop.shape == (112, 112, 3)
    assert apart(dots(crop), ARCFACE) < 1


def test_the_eyes_alone_give_the_same_crop_of_an_undistorted_face():
    image, face = face_with_dots(25, 3)
    eyes = Found(box=face.box, score=1, points=face.points[:2])
    assert apart(dots(cut_out(image, eyes, "arcface", 0, None)), ARCFACE) < 1


def test_a_crop_is_never_mirrored():
    """Left and right mixed up, only a mirror would bring the landmarks to the template's places."""
    image, face = face_with_dots(0, 2)
    mixed_up = Found(box=face.box, score=1, points=face.points[[1, 0, 2, 4, 3]])
    found = dots(cut_out(image, mixed_up, "arcface", 0, None))
    assert len(found) != len(ARCFACE) or apart(found, ARCFACE) > 5


def test_more_of_the_surroundings_is_seen_with_expand_percentage():
    image, face = face_with_dots(10, 3)
    crop = cut_out(image, face, "arcface", 100, None)
    assert crop.shape == (112, 112, 3)
    assert apart(dots(crop), (ARCFACE - 56) / 2 + 56) < 1


def test_what_lies_outside_the_picture_is_black():
    image, face = face_with_dots(0, 3, middle=(0, 500))
    image[:] = 255
    crop = cut_out(image, face, "arcface", 0, None)
    assert not crop[:, :54].any()
    assert crop[:, 58:].min() == 255


@pytest.mark.parametrize(
    ("template", "side_px", "size"),
    [("facenet", 160, (100 * 160 / 128, 160 * 160 / 128)), ("vggface", 224, (160 * 1.3, 160 * 1.3))],
)
def test_box_templates_show_the_grown_box_stretched_to_a_square(template, side_px, size):
    width, height = size
    image = np.zeros((800, 1200, 3), np.uint8)
    x, y = 500 - width / 2, 400 - height / 2
    cv2.rectangle(image, (round(x), round(y)), (round(x + width), round(y + height)), (255, 255, 255), -1)
    face = Found(box=np.array([450.0, 320, 100, 160]), score=1)
    crop = cut_out(image, face, template, 0, None)
    assert crop.shape == (side_px, side_px, 3)
    assert crop[2:-2, 2:-2].min() == 255
    grown = cut_out(image, face, template, 50, None)
    lit = np.argwhere(grown[:, :, 0] > 127)
    assert np.abs(lit.min(axis=0) - side_px / 6).max() <= 2
    assert np.abs(lit.max(axis=0) + 1 - side_px * 5 / 6).max() <= 2


@pytest.mark.parametrize("template", ["arcface", "facenet", "vggface"])
def test_a_huge_and_a_tiny_face_are_cut_out_without_skipping_pixels(template):
    """Stripes one pixel wide average to grey; sampled here and there they would come out black and white."""
    image = np.zeros((3000, 3000, 3), np.uint8)
    image[::2] = 255
    points = (ARCFACE - 56) * 20 + 1500
    box = np.array([*points.min(axis=0), *np.ptp(points, axis=0)])
    crop = cut_out(image, Found(box=box, score=1, points=points), template, 0, None)
    inner = crop[20:-20, 20:-20].astype(float)
    assert abs(inner.mean() - 127) < 5
    assert inner.std() < 40
    tiny = Found(box=np.array([10.0, 10, 1, 1]), score=1, points=(ARCFACE - 56) / 100 + 10)
    assert cut_out(image, tiny, template, 0, None).any()

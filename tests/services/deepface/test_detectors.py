import time

import cv2
import numpy as np
import pytest

from core.exceptions import DeadlineExceeded
from core.timeouts import deadline
from services.deepface.detectors import Found, found_of, search
from services.deepface.interface import FaceArea
from services.models.catalogue.types import Search

SIDE_PX = 200
MIN_PX = 12  # of a face that the detector below sees


class Squares:
    """A detector that takes for a face whatever is white; what it sees too small it does not see."""

    def __init__(self):
        self.shapes = []

    def detect_faces(self, image):
        self.shapes.append(image.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats((image[:, :, 0] > 127).astype(np.uint8))
        boxes = [[int(value) for value in stats[row, :4]] for row in range(1, count)]
        return [FaceArea(x=x, y=y, w=w, h=h) for x, y, w, h in boxes if min(w, h) >= MIN_PX]


def picture(width, height, *squares):
    image = np.zeros((height, width, 3), np.uint8)
    for x, y, side in squares:
        image[y : y + side, x : x + side] = 255
    return image


def boxes(image, *, full=False, how=Search(), detector=None):  # noqa: B008
    found = search("any", detector or Squares(), image, how, side_px=SIDE_PX, full=full)
    return [tuple(face.box.round().astype(int).tolist()) for face in found]


def test_a_large_image_is_searched_in_a_small_copy_and_boxes_are_those_of_the_image():
    detector = Squares()
    assert boxes(picture(2000, 1000, (500, 300, 200), (1000, 100, 400)), detector=detector) == [
        (1000, 100, 400, 400),
        (500, 300, 200, 200),
    ]
    assert detector.shapes == [(100, 200)]


@pytest.mark.parametrize("size", [(1999, 1013), (613, 407), (201, 199), (4001, 37)])
def test_boxes_are_right_to_a_pixel_of_the_copy_whatever_the_sides(size):
    width, height = size
    side = height // 2
    x, y = width // 3, height // 4
    (found,) = boxes(picture(width, height, (x, y, side)), full=True)[:1]
    assert np.abs(np.array(found) - (x, y, side, side)).max() <= 1 + 2 * max(size) / SIDE_PX


def test_a_small_image_is_enlarged_as_far_as_the_detector_gains_by_it():
    detector = Squares()
    assert boxes(picture(50, 40, (10, 10, 8)), detector=detector) == []
    assert boxes(picture(50, 40, (10, 10, 8)), detector=detector, how=Search(enlarge=3)) == [(10, 10, 8, 8)]
    assert boxes(picture(150, 40, (10, 10, 12)), detector=detector, how=Search(enlarge=3)) == [(10, 10, 12, 12)]
    in_a_border = (80, 100)  # the first image, which seemed to show nothing
    assert detector.shapes == [(40, 50), in_a_border, (120, 150), (53, 200)]


def test_a_face_too_small_for_the_copy_is_found_at_full_size():
    assert boxes(picture(2000, 1000, (1403, 707, 20))) == [(1403, 707, 20, 20)]


def test_the_full_size_is_searched_only_if_the_copy_shows_no_face_or_on_request():
    image = picture(2000, 1000, (100, 100, 400), (1403, 707, 20))
    assert boxes(image) == [(100, 100, 400, 400)]
    assert boxes(image, full=True) == [(100, 100, 400, 400), (1403, 707, 20, 20)]


@pytest.mark.parametrize("x", range(80, 230, 7))
def test_a_face_on_the_edge_of_a_tile_is_found_once_and_whole(x):
    assert boxes(picture(1000, 900, (x, 130, 30)), full=True) == [(x, 130, 30, 30)]


def test_an_image_no_larger_than_the_copy_is_searched_once_and_once_more_with_a_border():
    detector = Squares()
    assert boxes(picture(SIDE_PX, 90, (50, 30, 40)), full=True, detector=detector) == [(50, 30, 40, 40)]
    assert len(detector.shapes) == 1
    assert boxes(picture(SIDE_PX, 90), full=True, detector=detector) == []
    assert len(detector.shapes) == 3


class Surrounded(Squares):
    """Sees a face only in front of something else, as cascades do, and takes its parts for faces in a tile."""

    def detect_faces(self, image):
        faces = super().detect_faces(image)
        height, width = image.shape[:2]
        if any(face.w == width or face.h == height for face in faces):
            return [FaceArea(x=20, y=30, w=40, h=40)] if self.sees_parts(image) else []
        return faces

    def sees_parts(self, image):
        return image.shape[:2] == (SIDE_PX, SIDE_PX) and len(self.shapes) > 2


@pytest.mark.parametrize(("width", "height"), [(120, 150), (200, 200), (1000, 1600), (3000, 2000)])
@pytest.mark.parametrize("full", [False, True])
def test_a_face_that_fills_the_image_is_found_in_a_border_and_no_part_of_it_in_a_tile(width, height, full):
    image = np.full((height, width, 3), 255, np.uint8)
    detector = Surrounded()
    (found,) = boxes(image, full=full, detector=detector)
    assert np.abs(np.array(found) - (0, 0, width, height)).max() <= 2 * max(width, height) / SIDE_PX
    assert (len(detector.shapes) > 2) == (full and max(width, height) > SIDE_PX)


def test_a_small_face_in_a_border_is_none():
    """There the copy is half as large, and has shown nothing at twice the size."""

    class BlindAtFirst(Squares):
        def detect_faces(self, image):
            found = super().detect_faces(image)
            return found if len(self.shapes) > 1 else []

    assert boxes(picture(SIDE_PX, SIDE_PX, (20, 20, 90)), detector=BlindAtFirst()) == []
    assert boxes(picture(SIDE_PX, SIDE_PX, (20, 20, 120)), detector=BlindAtFirst()) == [(20, 20, 120, 120)]


def test_a_face_beside_a_large_one_is_found_in_a_tile():
    image = picture(2000, 1000, (100, 100, 800), (1403, 707, 20))
    assert boxes(image, full=True) == [(100, 100, 800, 800), (1403, 707, 20, 20)]


@pytest.mark.parametrize("size", [(5000, 20), (20, 5000), (3000, 7)])
def test_a_very_long_image_is_searched(size):
    assert boxes(picture(*size)) == []


def test_a_search_at_full_size_ends_with_the_time_of_the_request():
    with deadline(0.001), pytest.raises(DeadlineExceeded):
        time.sleep(0.002)
        boxes(picture(2000, 2000))


def test_landmarks_move_with_their_box():
    found = Found(box=np.array([10.0, 20, 30, 40]), score=1, points=np.array([[12.0, 22], [30, 24]]))
    moved = found.placed(0.5, 100, 200)
    assert moved.box.tolist() == [120, 240, 60, 80]
    assert moved.points.tolist() == [[124, 244], [160, 248]]


def test_landmarks_are_all_five_or_the_eyes_or_none():
    area = {"x": 0, "y": 0, "w": 9, "h": 9}
    eyes = {"right_eye": (2, 3), "left_eye": (6, 3)}
    rest = {"nose": (4, 5), "mouth_right": (3, 7), "mouth_left": (5, 7)}
    assert found_of(FaceArea(**area)).points is None
    assert found_of(FaceArea(**area, **eyes)).points.tolist() == [[2, 3], [6, 3]]
    assert found_of(FaceArea(**area, **eyes, **rest)).points.tolist() == [[2, 3], [6, 3], [4, 5], [3, 7], [5, 7]]
    assert found_of(FaceArea(**area, **rest)).points is None

"""What is found wrong with a face, on made-up crops and landmarks."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.deepface.interface import Face, FaceArea
from services.faces.quality import ADVICE, measure_quality

AREA = FaceArea(x=0, y=0, w=120, h=120, left_eye=(80, 50), right_eye=(40, 50), nose=(60, 70))
NOISE = np.random.default_rng(0).integers(60, 256, (120, 120, 3), np.uint8)


def face(crop=NOISE, **changes):
    return Face(area=replace(AREA, **changes), confidence=0.9, crop=crop)


def test_a_sharp_bright_large_face_that_looks_ahead_is_good():
    quality = measure_quality(face())
    assert (quality.reasons, quality.turn, quality.score) == ((), 0.0, 1.0)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (face(NOISE // 8), "too_dark"),
        (face(cv2.GaussianBlur(NOISE, (0, 0), 8)), "blurred"),
        (face(w=30, h=90), "too_small"),
        (face(nose=(81, 70)), "turned"),
        (face(nose=(39, 70)), "turned"),
        (face(left_eye=(60, 90), right_eye=(60, 50), nose=(40, 91)), "turned"),  # of a head on its side
    ],
)
def test_what_is_wrong_is_named_and_nothing_else(one, reason):
    quality = measure_quality(one)
    assert quality.reasons == (reason,)
    assert quality.score < 1
    assert ADVICE[reason]


def test_a_face_is_turned_from_half_the_distance_of_the_eyes_on():
    turns = [measure_quality(face(nose=(60 + aside, 90))) for aside in (0, 10, 20, 21)]
    assert [one.turn for one in turns] == [0.0, 0.25, 0.5, 0.53]
    assert [one.reasons for one in turns] == [(), (), (), ("turned",)]
    assert [one.score for one in turns[1:]] == [0.75, 0.5, 0.47]


@pytest.mark.parametrize("missing", [{"nose": None}, {"left_eye": None}, {"right_eye": AREA.left_eye}])
def test_without_the_landmarks_nobody_is_said_to_be_turned(missing):
    quality = measure_quality(face(**missing))
    assert (quality.turn, quality.reasons) == (None, ())


def test_an_empty_crop_is_worth_nothing():
    assert measure_quality(face(np.empty((0, 0, 3), np.uint8))).score == 0

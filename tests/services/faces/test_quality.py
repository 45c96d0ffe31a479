"""What is found wrong with a face, on made-up crops and landmarks."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from services.deepface.interface import Face, FaceArea, SecondLook
from services.faces.quality import ADVICE, measure_quality
from services.faces.reader import DetectedFace

MOUTH = {"mouth_right": (45, 95), "mouth_left": (75, 95)}
NO_MOUTH = dict.fromkeys(MOUTH)
AREA = FaceArea(x=0, y=0, w=120, h=120, left_eye=(80, 50), right_eye=(40, 50), nose=(60, 70), **MOUTH)
NOISE = np.random.default_rng(0).integers(60, 256, (120, 120, 3), np.uint8)


def face(crop=NOISE, *, confidence=0.9, detector="yunet", look=(0, 1), **changes):
    """A face; `look` is what the second look sees: quarter turns and the margin."""
    area = replace(AREA, **changes)
    second = None if look is None else SecondLook(*look, area=area)
    return DetectedFace(Face(area=area, confidence=confidence, crop=crop), None, detector, second)


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
        (face(left_eye=(80, 70), right_eye=(50, 40), nose=(36, 50)), "turned"),  # of a tilted head
        (face(confidence=0), "no_face"),
        (face(confidence=0, detector="skip", look=None), "no_face"),
        (face(confidence=0.75), "uncertain"),
        (face(confidence=0.09, detector="dlib"), "uncertain"),
        (face(confidence=0.2, detector="retinaface"), "uncertain"),
        (face(detector="opencv", look=(0, 0.1)), "uncertain"),
        (face(look=(1, 1)), "upside_down"),
        (face(look=(2, 1)), "upside_down"),
        (face(left_eye=(40, 70), right_eye=(80, 70), nose=(60, 50), **NO_MOUTH), "upside_down"),
        (face(left_eye=(60, 90), right_eye=(60, 50), nose=(50, 70), **NO_MOUTH), "upside_down"),  # on its side
        (face(mouth_right=(40, 10), mouth_left=(80, 10)), "upside_down"),
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


def test_the_tip_of_the_nose_is_farther_aside_than_its_base():
    tip, base = (measure_quality(face(nose=(76, 80), **mouth)) for mouth in (MOUTH, NO_MOUTH))
    assert (tip.turn, base.turn) == (0.4, 0.52)
    assert (tip.reasons, base.reasons) == ((), ("turned",))


@pytest.mark.parametrize("missing", [{"nose": None}, {"left_eye": None}, {"right_eye": AREA.left_eye}])
def test_without_the_landmarks_nobody_is_said_to_be_turned(missing):
    quality = measure_quality(face(**missing))
    assert (quality.turn, quality.reasons) == (None, ())


def test_the_second_look_shows_the_nose_where_the_detector_does_not():
    without = replace(AREA, nose=None, **NO_MOUTH)
    for nose, turn in (((60, 70), 0.0), ((76, 70), 0.52)):
        look = SecondLook(quarter_turns=0, margin=1, area=replace(without, nose=nose))
        read = DetectedFace(Face(area=without, confidence=0.9, crop=NOISE), None, "opencv", look)
        assert measure_quality(read).turn == turn


def test_without_a_face_nothing_is_said_about_its_turn():
    assert measure_quality(face(confidence=0, nose=(81, 70))).turn is None


def test_an_empty_crop_is_worth_nothing():
    assert measure_quality(face(np.empty((0, 0, 3), np.uint8))).score == 0


@pytest.mark.parametrize(
    "one", [face(confidence=0), face(look=(3, 1)), face(mouth_right=(40, 10), mouth_left=(80, 10))]
)
def test_what_is_no_upright_face_is_worth_nothing(one):
    assert measure_quality(one).score == 0


@pytest.mark.parametrize(
    ("detector", "confidences"),
    [("yunet", (0.7, 0.8, 0.85, 0.9)), ("dlib", (0.05, 0.15, 0.2, 0.3)), ("ssd", (0.1, 0.2, 0.4, 0.5))],
)
def test_the_less_certain_the_detector_the_lower_the_quality(detector, confidences):
    scores = [measure_quality(face(confidence=value, detector=detector)).score for value in confidences]
    assert scores == sorted(set(scores))
    assert scores[-1] == 1


def test_a_second_look_tells_where_the_confidence_does_not():
    looks = [(0, margin) for margin in (0, 0.1, 0.2, 0.3, 2)]
    scores = [
        [measure_quality(face(detector="opencv", confidence=c, look=look)).score for look in looks] for c in (0.1, 1)
    ]
    assert scores == [[0, 0.33, 0.67, 1, 1]] * 2
    assert measure_quality(face(detector="opencv", look=None)).score == 1


@pytest.mark.parametrize("tilt", [-45, -20, 0, 20, 45])
def test_a_tilted_head_is_upright(tilt):
    turn = cv2.getRotationMatrix2D((60.0, 60.0), tilt, 1)
    names = ("left_eye", "right_eye", "nose", "mouth_right", "mouth_left")
    points = [getattr(AREA, name) for name in names]
    moved = {name: tuple((turn @ (*point, 1)).astype(int).tolist()) for name, point in zip(names, points, strict=True)}
    assert "upside_down" not in measure_quality(face(**moved)).reasons


@pytest.mark.parametrize("kind", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_a_small_face_that_was_enlarged_has_little_detail(kind):
    """However strong its edges are."""
    small = cv2.resize(NOISE, (20, 20), interpolation=cv2.INTER_AREA)
    strong = cv2.normalize(cv2.resize(small, (120, 120), interpolation=kind), None, 0, 255, cv2.NORM_MINMAX)
    quality = measure_quality(face(strong))
    assert quality.reasons == ("blurred",)
    assert quality.detail < 8
    assert quality.score < 0.45

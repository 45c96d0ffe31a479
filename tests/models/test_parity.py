"""Every endpoint answers what DeepFace's own function answers for the same decoded image and options."""

import base64

import cv2
import numpy as np
import pytest

from core.images.decoding import decode
from tests.models.comparing import DETECTORS, ON_THE_GRID, POLICY, TOLERANCE, assert_same, post, threshold_of

NORMALIZATIONS = ("raw", "Facenet", "Facenet2018", "VGGFace", "VGGFace2", "ArcFace")


@ON_THE_GRID
def test_verify(real_client, deepface, two, one, model, detector):
    options = {"model_name": model, "detector_backend": detector, "threshold": threshold_of(model)}
    contents = {"img1": two, "img2": one}
    ours = post(real_client, "verify", contents, **options)
    theirs = deepface.verify(decode(contents["img1"], POLICY), decode(contents["img2"], POLICY), **options)
    del ours["success"], ours["time"], ours["threshold_source"], theirs["time"]
    assert_same(ours, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {"align": False}, {"expand_percentage": 20}, {"threshold": 0.01},
        *({"distance_metric": metric} for metric in ("angular", "euclidean", "euclidean_l2")),
        *({"normalization": name, "model_name": "Facenet512"} for name in NORMALIZATIONS),
    ],
)  # fmt: skip
def test_verify_with_every_other_option(real_client, deepface, two, one, options):
    options = {"model_name": "Dlib", "detector_backend": "opencv"} | options
    options = {"threshold": threshold_of(options["model_name"], options.get("distance_metric", "cosine"))} | options
    contents = {"img1": two, "img2": one}
    ours = post(real_client, "verify", contents, **options)
    theirs = deepface.verify(decode(contents["img1"], POLICY), decode(contents["img2"], POLICY), **options)
    del ours["success"], ours["time"], ours["threshold_source"], theirs["time"]
    assert_same(ours, theirs)


@ON_THE_GRID
def test_represent(real_client, deepface, two, model, detector):
    options = {"model_name": model, "detector_backend": detector}
    ours = post(real_client, "represent", {"img": two}, **options)
    theirs = deepface.represent(decode(two, POLICY), **options)
    assert (ours["count"], ours["dim"]) == (len(theirs), len(theirs[0]["embedding"]))
    if detector == "skip":
        # DeepFace gives the height as the width here and the width as the height.
        assert ours["result"][0]["facial_area"].items() >= {"x": 0, "y": 0, "w": 613, "h": 306}.items()
        for face in (ours["result"][0], theirs[0]):
            del face["facial_area"]
    assert_same(ours["result"], theirs)


@pytest.mark.parametrize("options", [{"max_faces": 1}, {"align": False, "expand_percentage": 10}])
@pytest.mark.parametrize("detector", DETECTORS[:3])
def test_represent_with_other_options(real_client, deepface, two, detector, options):
    options |= {"model_name": "Dlib", "detector_backend": detector}
    ours = post(real_client, "represent", {"img": two}, **options)
    assert_same(ours["result"], deepface.represent(decode(two, POLICY), **options))


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("color_face", ["rgb", "gray"])
@pytest.mark.parametrize("align", [True, False])
def test_extract(real_client, deepface, two, detector, color_face, align):
    options = {"detector_backend": detector, "color_face": color_face, "align": align}
    ours = post(real_client, "extract", {"img": two}, **options)
    theirs = deepface.extract_faces(decode(two, POLICY), **options)
    assert ours["faces_found"] == len(theirs)
    for one, other in zip(ours["result"], theirs, strict=True):
        png = np.frombuffer(base64.b64decode(one.pop("face_base64").partition(",")[2]), np.uint8)
        picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
        picture = picture[..., ::-1] if color_face == "rgb" else picture
        assert np.abs(picture / 255 - other.pop("face")).max() <= TOLERANCE
        assert_same(one, other)


@pytest.mark.parametrize("detector", DETECTORS)
def test_analyze(real_client, deepface, two, detector):
    ours = post(real_client, "analyze", {"img": two}, detector_backend=detector)
    theirs = deepface.analyze(decode(two, POLICY), detector_backend=detector, silent=True)
    assert ours["count"] == len(theirs)
    assert_same(ours["result"], theirs)


def test_analyze_of_some_attributes(real_client, deepface, one):
    options = {"actions": ["emotion", "age"], "detector_backend": "dlib", "align": False}
    ours = post(real_client, "analyze", {"img": one}, **options)
    assert_same(ours["result"], deepface.analyze(decode(one, POLICY), silent=True, **options))


def test_liveness_says_what_deepface_says_but_marks_instead_of_failing(real_client, deepface, two):
    ours = post(real_client, "extract", {"img": two}, detector_backend="dlib", anti_spoofing=True)
    theirs = deepface.extract_faces(decode(two, POLICY), detector_backend="dlib", anti_spoofing=True)
    assert [face["is_real"] for face in ours["result"]] == [face["is_real"] for face in theirs]
    for one, other in zip(ours["result"], theirs, strict=True):
        if other["is_real"]:  # of a spoof DeepFace gives the probability of the class that won
            assert one["antispoof_score"] == pytest.approx(float(other["antispoof_score"]), abs=TOLERANCE)
        else:
            assert one["antispoof_score"] <= 1 - float(other["antispoof_score"]) + TOLERANCE

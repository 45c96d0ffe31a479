from typing import get_args

import pytest

from schemas.names import DetectorName, Metric
from services.models.catalogue import catalogue
from services.models.thresholds import Conditions, Threshold, confidence_of, threshold_of, without_threshold

RECOGNITION = [model for model in catalogue.MODELS.values() if model.task == "recognition"]
DLIB, ARCFACE = catalogue.find("Dlib"), catalogue.find("ArcFace")
DETECTORS = [catalogue.find(name).name for name in get_args(DetectorName.__value__)]


@pytest.mark.parametrize("alignment", ["eyes", "none"])
@pytest.mark.parametrize("metric", get_args(Metric.__value__))
def test_deepfaces_thresholds_hold_behind_every_detector_that_looks_for_faces(alignment, metric):
    for detector in sorted({*DETECTORS} - {"skip"}):
        conditions = Conditions(alignment=alignment, detector=detector)
        assert without_threshold(ARCFACE, conditions) == {}
        assert threshold_of(ARCFACE, metric, conditions) == Threshold(ARCFACE.thresholds[metric], "deepface")


@pytest.mark.parametrize("model", RECOGNITION, ids=lambda model: model.name)
@pytest.mark.parametrize(
    ("wrong", "options"),
    [
        ({"normalization": "Facenet"}, {"normalization"}),
        ({"normalization": "raw"}, {"normalization"}),
        ({"expand_percentage": 1}, {"expand_percentage"}),
        ({"detector": "skip"}, {"detector_backend"}),
        (
            {"normalization": "ArcFace", "expand_percentage": 100, "detector": "skip"},
            {"normalization", "expand_percentage", "detector_backend"},
        ),
    ],
)
@pytest.mark.parametrize("alignment", ["eyes", "none", "template"])
def test_no_threshold_holds_outside_its_conditions(model, alignment, wrong, options):
    conditions = Conditions(**{"alignment": alignment, "detector": "dlib"} | wrong)
    named = set(without_threshold(model, conditions))
    assert named >= options
    assert named - options <= {"alignment"}
    assert all(threshold_of(model, metric, conditions) is None for metric in get_args(Metric.__value__))


def test_a_template_has_a_threshold_only_behind_the_detectors_it_was_measured_with():
    for detector in DETECTORS:
        conditions = Conditions(alignment="template", detector=detector)
        found = threshold_of(DLIB, "cosine", conditions)
        if detector in ("opencv", "dlib", "yunet"):
            assert found == Threshold(0.083, "measured")
        else:
            assert (found, set(without_threshold(DLIB, conditions))) == (None, {"detector_backend"})
    assert set(without_threshold(ARCFACE, Conditions(alignment="template", detector="yunet"))) == {"alignment"}


@pytest.mark.parametrize("metric", get_args(Metric.__value__))
def test_a_measured_threshold_replaces_the_published_one(metric):
    for one in DLIB.measured_thresholds:
        conditions = Conditions(alignment=one.alignment, detector=one.detector)
        assert threshold_of(DLIB, metric, conditions) == Threshold(one.values[metric], "measured")
        assert one.values[metric] <= DLIB.thresholds[metric] or one.alignment == "template"


@pytest.mark.parametrize("detector", ["opencv", "dlib", "yunet"])
@pytest.mark.parametrize("metric", get_args(Metric.__value__))
def test_a_measured_confidence_falls_with_the_distance_and_is_50_at_the_threshold(metric, detector):
    conditions = Conditions(alignment="template", detector=detector)
    threshold = threshold_of(DLIB, metric, conditions).value
    found = [confidence_of(DLIB, metric, conditions, threshold * share) for share in (0, 0.5, 0.9, 1, 1.1, 2, 1e9)]
    assert found == sorted(found, reverse=True)
    assert found[3] == 50
    assert (found[0] > 99, found[-2] < 1, found[-1]) == (True, True, 0)


@pytest.mark.parametrize(
    ("model", "conditions"),
    [
        (DLIB, Conditions(alignment="template", detector="ssd")),
        (DLIB, Conditions(alignment="template", detector="dlib", normalization="Facenet")),
        (DLIB, Conditions(alignment="template", detector="dlib", expand_percentage=10)),
        (DLIB, Conditions(alignment="eyes", detector="dlib")),
        (ARCFACE, Conditions(alignment="template_rgb", detector="yunet")),
    ],
)
def test_what_was_not_measured_has_no_measured_confidence(model, conditions):
    assert confidence_of(model, "cosine", conditions, 0.01) is None

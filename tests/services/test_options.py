import typing

import pytest

from core.config import Settings, SettingsError
from core.exceptions import ValidationFailed
from schemas.common import Action, AlignmentOptions, ComparisonOptions, DetectionOptions, DetectorName, ModelName
from services.engine import catalogue
from services.engine.base import Detection, EmbeddingSpace
from services.options import Defaults


def test_an_option_left_out_or_null_is_the_settings():
    settings = Settings(
        default_model="Dlib", default_detector="yolov8", default_expand_percentage=5, default_align=False
    )
    defaults = Defaults.of(settings)
    options = ComparisonOptions(model_name=None)
    assert defaults.detection_of(options) == Detection(
        detector="yolov8n", method="bounded", alignment="none", expand_percentage=5
    )
    assert defaults.space_of(options) == EmbeddingSpace(
        model="Dlib", alignment="none", detection="bounded", normalization="base", expand_percentage=5
    )
    assert defaults.threshold_of(options) == 0.07


def test_an_option_given_wins():
    options = ComparisonOptions(
        model_name="ArcFace",
        align=False,
        enforce_detection=False,
        distance_metric="euclidean",
        threshold=0,
        max_faces=2,
        detection="full",
    )
    defaults = Defaults.of(Settings())
    assert defaults.detection_of(options) == Detection(
        detector="opencv", method="full", alignment="none", enforce=False, max_faces=2
    )
    assert defaults.metric_of(options) == "euclidean"
    assert defaults.threshold_of(options) == 0
    assert defaults.threshold_of(options.model_copy(update={"threshold": None})) == 4.15


@pytest.mark.parametrize(
    ("default", "asked", "model", "space", "crop", "threshold"),
    [
        ("auto", None, "Dlib", "template", "dlib", catalogue.find("Dlib").template_thresholds["cosine"]),
        ("auto", None, "ArcFace", "eyes", "eyes", 0.68),  # its threshold for the template was never measured
        ("auto", "eyes", "Dlib", "eyes", "eyes", 0.07),
        ("auto", "template", "ArcFace", "template", "arcface", 0.68),
        ("eyes", "auto", "Dlib", "template", "dlib", catalogue.find("Dlib").template_thresholds["cosine"]),
        ("eyes", None, "Dlib", "eyes", "eyes", 0.07),
        ("template", None, "Facenet512", "template", "facenet", 0.30),
        ("template", None, "OpenFace", "eyes", "eyes", 0.10),  # has none
    ],
)
def test_faces_are_cut_out_as_the_model_was_trained_where_its_threshold_is_known(
    default, asked, model, space, crop, threshold
):
    defaults = Defaults.of(Settings(default_alignment=default, default_model=model))
    for options in (ComparisonOptions(alignment=asked), ComparisonOptions(alignment=asked, model_name=model)):
        assert defaults.space_of(options).alignment == space
        assert defaults.detection_of(options).alignment == crop
        assert defaults.threshold_of(options) == threshold
    assert defaults.detection_of(AlignmentOptions(alignment=asked)).alignment == crop
    assert defaults.detection_of(DetectionOptions()).alignment == "eyes"
    assert defaults.detection_of(ComparisonOptions(alignment=asked, align=False)).alignment == "none"


def test_a_template_a_model_does_not_have_is_a_wrong_option():
    with pytest.raises(ValidationFailed) as caught:
        Defaults.of(Settings()).space_of(ComparisonOptions(alignment="template", model_name="OpenFace"))
    assert caught.value.details["fields"][0]["field"] == "alignment"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"default_model": "Nobody"}, "DEFAULT_MODEL"),
        ({"default_detector": "x"}, "DEFAULT_DETECTOR"),
        ({"default_metric": "x"}, "DEFAULT_METRIC"),
        ({"default_normalization": "x"}, "DEFAULT_NORMALIZATION"),
    ],
)
def test_a_default_that_no_request_could_name_is_a_settings_error(change, name):
    with pytest.raises(SettingsError, match=f"^{name}: "):
        Defaults.of(Settings(**change))


def test_requests_can_name_exactly_the_catalogues_models():
    def rows(task):
        return {model.name for model in catalogue.MODELS.values() if model.task == task}

    assert set(typing.get_args(ModelName)) == rows("recognition")
    assert set(typing.get_args(DetectorName)) - set(catalogue.ALIASES) == rows("detection")
    assert set(typing.get_args(Action)) == rows("attribute")

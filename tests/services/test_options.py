import typing

import pytest

from core.config import Settings, SettingsError
from schemas.common import Action, ComparisonOptions, DetectorName, ModelName
from services.engine import catalogue
from services.engine.base import Detection, EmbeddingSpace
from services.options import Defaults


def test_an_option_left_out_or_null_is_the_settings():
    settings = Settings(
        default_model="Dlib", default_detector="yolov8", default_expand_percentage=5, default_align=False
    )
    defaults = Defaults.of(settings)
    options = ComparisonOptions(model_name=None)
    assert defaults.detection_of(options) == Detection(detector="yolov8n", align=False, expand_percentage=5)
    assert defaults.space_of(options) == EmbeddingSpace(
        model="Dlib", alignment="none", detection="deepface", normalization="base", expand_percentage=5
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
    )
    defaults = Defaults.of(Settings())
    assert defaults.detection_of(options) == Detection(detector="opencv", align=False, enforce=False, max_faces=2)
    assert defaults.metric_of(options) == "euclidean"
    assert defaults.threshold_of(options) == 0
    assert defaults.threshold_of(options.model_copy(update={"threshold": None})) == 4.15


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

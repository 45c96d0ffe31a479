import typing
from pathlib import Path

import pytest

from core.exceptions import ValidationFailed
from core.settings import Settings, SettingsError, load_settings
from schemas.common import AlignmentOptions, ComparisonOptions, DetectionOptions
from schemas.names import Action, DetectorName, ModelName
from services.deepface.interface import Detection, EmbeddingSpace
from services.faces.options import Defaults
from services.models.catalogue import catalogue


def test_an_option_left_out_or_null_is_the_settings():
    settings = Settings(default_model="Dlib", default_detector="yolov8", default_align=False)
    defaults = Defaults.of(settings)
    options = ComparisonOptions(model_name=None)
    plan = defaults.embedding_plan(options)
    assert plan.detection == Detection(detector="yolov8n", method="bounded", alignment="none")
    assert plan.space == EmbeddingSpace(
        model="Dlib", alignment="none", detection="bounded", normalization="base", expand_percentage=0
    )
    assert (plan.threshold, plan.threshold_source) == (0.07, "deepface")


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
    plan = defaults.embedding_plan(options)
    assert plan.detection == Detection(detector="opencv", method="full", alignment="none", enforce=False, max_faces=2)
    assert plan.metric == "euclidean"
    assert (plan.threshold, plan.threshold_source) == (0, "request")
    own = defaults.embedding_plan(options.model_copy(update={"threshold": None}))
    assert own.threshold == plan.strict_threshold == 4.15


@pytest.mark.parametrize(
    ("default", "asked", "model", "space", "crop", "threshold"),
    [
        ("auto", None, "Dlib", "template", "dlib", 0.083),
        ("auto", None, "ArcFace", "eyes", "eyes", 0.68),  # its threshold for the template was never measured
        ("auto", "eyes", "Dlib", "eyes", "eyes", 0.052),
        ("eyes", "auto", "Dlib", "template", "dlib", 0.083),
        ("eyes", None, "Dlib", "eyes", "eyes", 0.052),
        ("template", None, "OpenFace", "eyes", "eyes", 0.10),  # has none
    ],
)
def test_faces_are_cut_out_as_the_model_was_trained_where_its_threshold_is_known(
    default, asked, model, space, crop, threshold
):
    defaults = Defaults.of(Settings(default_alignment=default, default_model=model))
    for options in (ComparisonOptions(alignment=asked), ComparisonOptions(alignment=asked, model_name=model)):
        plan = defaults.embedding_plan(options)
        assert plan.space.alignment == space
        assert plan.detection.alignment == crop
        assert plan.threshold == threshold
    assert defaults.plan(AlignmentOptions(alignment=asked)).detection.alignment == crop
    assert defaults.plan(DetectionOptions()).detection.alignment == "eyes"
    assert defaults.plan(ComparisonOptions(alignment=asked, align=False)).detection.alignment == "none"


@pytest.mark.parametrize(
    ("model", "space", "crop"),
    [
        ("Dlib", "template", "dlib"),
        ("SFace", "template", "arcface"),  # DeepFace feeds it the colours of its training
        ("ArcFace", "template_rgb", "arcface"),
        ("Facenet512", "template_rgb", "facenet"),
    ],
)
def test_a_template_with_other_pixels_than_deepfaces_is_another_space(model, space, crop):
    plan = Defaults.of(Settings()).embedding_plan(ComparisonOptions(alignment="template", model_name=model))
    assert (plan.space.alignment, plan.detection.alignment) == (space, crop)


def test_a_template_a_model_does_not_have_is_a_wrong_option():
    with pytest.raises(ValidationFailed) as caught:
        Defaults.of(Settings()).embedding_plan(ComparisonOptions(alignment="template", model_name="OpenFace"))
    assert caught.value.details["fields"][0]["field"] == "alignment"


def chosen():
    """Model, detector and what is preloaded, of the settings of this process."""
    defaults = Defaults.of(load_settings())
    return defaults.model, defaults.detector, defaults.preload


@pytest.mark.parametrize(
    ("preset", "preloaded"),
    [
        (None, ("VGG-Face", "opencv")),
        ("deepface", ("VGG-Face", "opencv")),
        ("offline", ("Dlib", "dlib")),
        ("commercial", ("SFace", "yunet", "MiniFASNet")),
        ("accurate", ("ArcFace", "retinaface")),
    ],
)
def test_a_preset_is_the_defaults_and_what_is_preloaded(monkeypatch, preset, preloaded):
    if preset is not None:
        monkeypatch.setenv("MODEL_PRESET", preset)
    assert chosen() == (*preloaded[:2], preloaded)


@pytest.mark.parametrize("name", ["DEFAULT_MODEL", "FACE_RECOGNITION_MODEL"])
@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_a_setting_wins_over_a_preset_wherever_it_is_given(monkeypatch, name, where):
    # The preset in the environment, and so nearer than a setting in `.env`.
    monkeypatch.setenv("MODEL_PRESET", "commercial")
    if where == "environment":
        monkeypatch.setenv(name, "Facenet")
    else:
        Path(".env").write_text(f"{name}=Facenet\n")
    assert chosen() == ("Facenet", "yunet", ("Facenet", "yunet", "MiniFASNet"))
    monkeypatch.setenv("DEFAULT_DETECTOR", "opencv")
    monkeypatch.setenv("PRELOAD_MODELS", "Dlib")
    assert chosen() == ("Facenet", "opencv", ("Dlib",))


def test_an_empty_setting_leaves_the_choice_to_the_preset(monkeypatch):
    Path(".env").write_text("MODEL_PRESET=offline\nDEFAULT_MODEL=\n")
    monkeypatch.setenv("DEFAULT_DETECTOR", "")
    assert chosen() == ("Dlib", "dlib", ("Dlib", "dlib"))


def test_the_presets_are_the_catalogues_and_of_its_models():
    (literal,) = {field.annotation for name, field in Settings.model_fields.items() if name == "model_preset"}
    assert set(typing.get_args(literal)) == set(catalogue.PRESETS)
    for preset in catalogue.PRESETS.values():
        model, detector, *_ = catalogue.models_of(preset)
        assert (model.task, detector.task) == ("recognition", "detection")


@pytest.mark.parametrize(("preset", "allowed"), [("offline", 1), ("commercial", 1), ("accurate", 0), ("deepface", 0)])
def test_a_preset_is_judged_by_the_license_policy(preset, allowed):
    settings = Settings(model_preset=preset, license_policy="commercial")
    if allowed:
        assert Defaults.of(settings).preload
    else:
        with pytest.raises(SettingsError, match=r"^MODEL_PRESET: "):
            Defaults.of(settings)


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

    assert set(typing.get_args(ModelName.__value__)) == rows("recognition")
    assert set(typing.get_args(DetectorName.__value__)) - set(catalogue.ALIASES) == rows("detection")
    assert {name for models in catalogue.ATTRIBUTE_MODELS.values() for name in models.values()} == rows("attribute")
    assert all(set(typing.get_args(Action.__value__)) == set(models) for models in catalogue.ATTRIBUTE_MODELS.values())


@pytest.mark.parametrize(
    ("settings", "age"),
    [
        ({}, "age"),
        ({"model_preset": "offline"}, "dlib-age"),
        ({"model_preset": "commercial"}, "dlib-age"),
        ({"model_preset": "accurate"}, "age"),
        ({"model_preset": "offline", "attribute_models": "deepface"}, "age"),
        ({"attribute_models": "dlib"}, "dlib-age"),
    ],
)
def test_the_attribute_models_are_those_of_the_setting_or_else_of_the_preset(settings, age):
    assert Defaults.of(Settings(**settings)).attributes["age"] == age


def test_dlibs_age_and_gender_leave_emotion_and_race_to_deepface():
    dlibs, deepfaces = catalogue.ATTRIBUTE_MODELS["dlib"], catalogue.ATTRIBUTE_MODELS["deepface"]
    assert {action for action, name in dlibs.items() if name != deepfaces[action]} == {"age", "gender"}


def test_frames_are_judged_live_whatever_the_request_says():
    defaults = Defaults.of(Settings())
    plan = defaults.embedding_plan(ComparisonOptions())
    assert not plan.judges_liveness
    assert defaults.capture_plan(plan).judges_liveness

"""LICENSE_POLICY, at start and in requests."""

import pytest

from core.exceptions import LicenseForbidden
from core.settings import Settings, SettingsError
from services.faces.options import Defaults
from services.models.catalogue import catalogue
from services.models.licensing import LicensePolicy

COMMERCIAL = {"license_policy": "commercial", "default_model": "SFace", "default_detector": "yunet"}


@pytest.mark.parametrize("model", catalogue.MODELS.values(), ids=lambda model: model.name)
def test_every_licence_has_a_verdict_a_reason_and_a_source(model):
    terms = model.license
    assert terms.name
    assert terms.reason.endswith(".")
    assert terms.source.startswith("https://")
    assert LicensePolicy("any").allows(terms)
    assert LicensePolicy("commercial").allows(terms) == (terms.commercial_use == "yes")


def test_what_is_known_to_be_for_research_is_not_for_commerce():
    verdicts = {name: model.license.commercial_use for name, model in catalogue.MODELS.items()}
    assert {verdicts[name] for name in ("VGG-Face", "ArcFace", "Buffalo_L", "retinaface", "age", "gender", "race")} == {
        "no"
    }
    assert {verdicts[name] for name in ("Dlib", "dlib", "SFace", "yunet", "MiniFASNet", "opencv")} == {"yes"}


def test_an_alias_is_judged_as_what_it_stands_for():
    with pytest.raises(LicenseForbidden, match="yolov8n"):
        LicensePolicy("commercial").require("skip", "yolov8")


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"default_model": "VGG-Face"}, "DEFAULT_MODEL: .* VGG-Face:"),
        ({"default_detector": "yolov8"}, "DEFAULT_DETECTOR: .* yolov8:"),
        ({"preload_models": ("SFace", "age")}, "PRELOAD_MODELS: .* age:"),
    ],
)
def test_a_forbidden_default_is_a_settings_error_of_one_line(change, setting):
    Defaults.of(Settings(**COMMERCIAL))
    with pytest.raises(SettingsError, match=f"^{setting}") as caught:
        Defaults.of(Settings(**COMMERCIAL | change))
    assert "\n" not in str(caught.value)

import pytest

from core.settings import Settings, SettingsError
from schemas.common import EmbeddingOptions
from services.faces.options import Defaults
from services.find.index import IndexKey
from services.find.policy import IndexPolicy
from services.preflight import require_known_defaults

DEFAULTS = Defaults.of(Settings(default_model="Dlib", default_detector="opencv"))


def policy(*spaces):
    return IndexPolicy.of(spaces, 4, DEFAULTS)


def key(**options):
    plan = DEFAULTS.embedding_plan(EmbeddingOptions(**options))
    return IndexKey(folder="/photos", detector=plan.detection.detector, space=plan.space, weights="w")


def refused(rules, **options):
    """The fields of the refusal; None if a request may build the index."""
    if rules.allows(key(**options)):
        return None
    return {entry["field"] for entry in rules.refusal(key(**options), options).details["fields"]}


def test_without_the_setting_everything_is_allowed():
    assert refused(policy(), model_name="ArcFace", expand_percentage=7) is None


@pytest.mark.parametrize(
    ("space", "options"),
    [
        ("ArcFace", {"model_name": "ArcFace"}),
        ("Dlib/yolov8", {"detector_backend": "yolov8n"}),
        ("Dlib/dlib/eyes", {"detector_backend": "dlib", "alignment": "eyes"}),
        ("ArcFace/ssd/none", {"model_name": "ArcFace", "detector_backend": "ssd", "align": False}),
        (" Facenet / ssd / auto / full / Facenet2018 / 10 ", None),
        (key(model_name="ArcFace", normalization="raw").name, {"model_name": "ArcFace", "normalization": "raw"}),
        (
            key(model_name="ArcFace", alignment="template").name,
            {"model_name": "ArcFace", "alignment": "template"},
        ),
    ],
)
def test_a_name_allows_one_index_and_the_default_one_is_always_allowed(space, options):
    options = options or {
        "model_name": "Facenet",
        "detector_backend": "ssd",
        "detection": "full",
        "normalization": "Facenet2018",
        "expand_percentage": 10,
    }
    rules = policy(space)
    assert refused(rules) is None
    assert refused(rules, **options) is None
    assert refused(rules, **options | {"expand_percentage": 11}) == {"expand_percentage"}


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"model_name": "ArcFace"}, {"model_name"}),
        ({"detector_backend": "ssd"}, {"detector_backend"}),
        ({"alignment": "eyes"}, {"alignment"}),
        ({"model_name": "ArcFace", "alignment": "template"}, {"model_name"}),
        ({"align": False}, {"align"}),
        ({"detection": "full"}, {"detection"}),
        ({"normalization": "raw"}, {"normalization"}),
        ({"expand_percentage": 1}, {"expand_percentage"}),
        ({"expand_percentage": 1, "normalization": "raw"}, {"expand_percentage", "normalization"}),
    ],
)
def test_a_refusal_names_the_options_that_differ(options, fields):
    assert refused(policy(key().name), **options) == fields


def test_a_refusal_says_what_is_allowed():
    (entry,) = policy("Dlib").refusal(key(align=False)).details["fields"]
    assert entry["msg"] == "Input should be true, because FIND_SPACES allows no new index with false"


@pytest.mark.parametrize(
    "space",
    [
        "",
        "Nobody",
        "Dlib/nobody",
        "Dlib//eyes",
        "Dlib/dlib/crooked",
        "OpenFace/dlib/template",
        "Dlib/dlib/eyes/full/base/101",
        "Dlib/dlib/eyes/full/base/1/2",
    ],
)
def test_a_wrong_name_stops_the_start(space):
    with pytest.raises(SettingsError, match="FIND_SPACES"):
        policy(space)
    with pytest.raises(SettingsError, match="FIND_SPACES"):
        require_known_defaults(Settings(default_model="Dlib", find_spaces=(space,)))


def test_a_model_outside_the_license_policy_stops_the_start():
    with pytest.raises(SettingsError, match="FIND_SPACES"):
        require_known_defaults(
            Settings(model_preset="commercial", license_policy="commercial", find_spaces=("VGG-Face",))
        )

"""Every row of the catalogue in the five endpoints: with real weights where they are there, else with a made network.

A row whose package is not installed has to say which to install.
"""

import math
import shutil
from base64 import b64encode
from dataclasses import dataclass

import pytest

from api.context import services_of
from api.factory import create_app
from core.settings import Settings
from services.health.drawn_face import SIDE_PX, draw_face
from services.models.catalogue import catalogue
from services.models.extras import package_problem
from services.models.thresholds import Conditions, threshold_of
from tests.conftest import assert_error
from tests.models.detector_graphs import write_detector_graphs
from tests.models.graphs import accept_all
from tests.pictures import encoded

FACE = encoded(draw_face())
PICTURE = b64encode(FACE).decode()
OTHER = b64encode(encoded(draw_face()[:, ::-1].copy())).decode()
PHOTO = "somebody/face.png"


def rows(task):
    models = [model for model in catalogue.MODELS.values() if model.task == task]
    assert models
    return pytest.mark.parametrize("model", models, ids=lambda model: model.name)


@pytest.fixture(scope="module")
def home(deepface_home, tmp_path_factory):
    """A DEEPFACE_HOME with a file for everything that is to be loaded."""
    home = tmp_path_factory.mktemp("home")
    weights = home / ".deepface" / "weights"
    shutil.copytree(deepface_home / ".deepface" / "weights", weights)
    write_detector_graphs(weights)
    for file in (file for model in catalogue.MODELS.values() for file in model.files if file.name.endswith(".pt")):
        (weights / file.name).touch()  # so that the package is all that is missing
    accept_all(home)
    return home


@pytest.fixture(scope="module")
def app(home, tmp_path_factory):
    """An application of which every test loads another model."""
    photos = tmp_path_factory.mktemp("photos")
    (photos / PHOTO).parent.mkdir()
    (photos / PHOTO).write_bytes(FACE)
    settings = Settings(
        _env_file=None, deepface_home=home, data_path=tmp_path_factory.mktemp("data"), faces_db_path=str(photos),
        default_model="Dlib", default_detector="opencv", preload_models=("skip",),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DEEPFACE_HOME", str(home))  # so that it is taken back afterwards
        app = create_app(settings)
    services_of(app).health.readiness.start()
    assert services_of(app).health.readiness.wait(60)
    return app


@pytest.fixture
def client(app, home, monkeypatch):
    """A client, while DeepFace looks for its files in `home`."""
    monkeypatch.setenv("DEEPFACE_HOME", str(home))
    return app.test_client()


@dataclass
class Call:
    """A request to one of the five."""

    route: str
    body: dict

    def post(self, client, options):
        return client.post(f"/{self.route}", json=self.body | options)


# With a threshold, because most detectors have no measured one.
VERIFY = Call("verify", {"img1": PICTURE, "img2": OTHER, "threshold": 1})
ANALYZE = Call("analyze", {"img": PICTURE, "actions": ["emotion"]})
REPRESENT = Call("represent", {"img": PICTURE})
FIND = Call("find", {"img": PICTURE, "refresh": "wait", "similarity_search": True, "threshold": 1})
EXTRACT = Call("extract", {"img": PICTURE})
FIVE = (VERIFY, ANALYZE, REPRESENT, FIND, EXTRACT)


def answered(client, call, **options):
    response = call.post(client, options)
    assert response.status_code == 200, response.json
    return response.json


def is_missing(model):
    return model.extra is not None and package_problem(model) is not None


def assert_names_the_package(client, model, calls, **options):
    for call in calls:
        body = assert_error(call.post(client, options), 503, "model_unavailable")
        assert (model.extra.command or "mediapipe.solutions") in body["message"], call.route
        assert model.name in body["message"]


def skip_without_weights(model):
    """The made files are for what is no Python package; what a package then loads from them is its own affair."""
    if model.extra is not None and model.files and not model.name.startswith("Buffalo"):
        pytest.skip(f"the packages of {model.name} are installed, but its real weights are not here")


def assert_inside(area):
    assert 0 <= area["x"] < area["x"] + area["w"] <= SIDE_PX
    assert 0 <= area["y"] < area["y"] + area["h"] <= SIDE_PX


@rows("recognition")
def test_every_recognition_model(client, model):
    options = {"model_name": model.name}
    if is_missing(model):
        assert_names_the_package(client, model, (VERIFY, REPRESENT, FIND), **options)
        return
    for alignment in ("eyes", *(("template",) if model.template else ())):
        options["alignment"] = alignment
        own = threshold_of(model, "cosine", Conditions(alignment=alignment, detector="opencv"))
        options["threshold"] = 0.5 if own is None else own.value
        verified = answered(client, VERIFY, **options)
        assert math.isfinite(verified["distance"])
        assert (verified["threshold"], verified["threshold_source"]) == (options.pop("threshold"), "request")
        represented = answered(client, REPRESENT, **options)
        assert (represented["model"], represented["dim"]) == (model.name, model.dim)
        (face,) = represented["result"]
        assert len(face["embedding"]) == model.dim
        assert all(map(math.isfinite, face["embedding"]))
        assert any(face["embedding"])
        ((row,),) = answered(client, FIND, **options)["result"]
        assert (row["person"], row["distance"]) == ("somebody", pytest.approx(0, abs=1e-5))


@rows("detection")
def test_every_detector(client, model):
    options = {"detector_backend": model.name}
    if is_missing(model):
        assert_names_the_package(client, model, FIVE, **options)
        return
    skip_without_weights(model)
    extracted = answered(client, EXTRACT, **options)
    assert extracted["faces_found"] == len(extracted["result"]) >= 1
    for face in extracted["result"]:
        assert_inside(face["facial_area"])
        assert face["face_base64"].startswith("data:image/png;base64,")
        assert (face["confidence"] > 0.3) == (model.name != "skip")
    represented = answered(client, REPRESENT, **options)
    assert [face["facial_area"] for face in represented["result"]] == [
        face["facial_area"] for face in extracted["result"]
    ]
    verified = answered(client, VERIFY, **options, threshold=1)
    assert verified["detector_backend"] == model.name
    assert_inside(verified["facial_areas"]["img2"])
    assert len(answered(client, ANALYZE, **options)["result"]) == extracted["faces_found"]
    found = answered(client, FIND, **options, threshold=1)
    assert found["faces_queried"] == extracted["faces_found"]
    for lines in found["result"]:
        assert lines[0]["distance"] == pytest.approx(0, abs=1e-5)
    for method in ("full", "deepface"):
        answered(client, EXTRACT, **options, detection=method)


@pytest.mark.parametrize("action", catalogue.ATTRIBUTE_MODELS["deepface"])
def test_every_attribute_network(client, action):  # dlib's are in test_dlib_attributes.py
    (face,) = answered(client, ANALYZE, actions=[action])["result"]
    if action == "age":
        assert 0 <= face["age"] <= 100
        return
    assert sum(face[action].values()) == pytest.approx(100, abs=0.1)
    assert face[f"dominant_{action}"] in face[action]


@rows("liveness")
def test_every_liveness_network(client, model):
    assert model.name == catalogue.LIVENESS
    for call in (ANALYZE, REPRESENT, EXTRACT):
        (face,) = answered(client, call, anti_spoofing=True)["result"]
        assert 0 <= face["antispoof_score"] <= 1
        assert face["is_real"] in (True, False)
    verified = answered(client, VERIFY, anti_spoofing=True)
    assert {"img1_is_real", "img1_antispoof_score", "img2_is_real", "img2_antispoof_score"} <= set(verified)
    assert "is_real" in answered(client, FIND, anti_spoofing=True)["result"][0][0]


def test_no_row_is_forgotten():
    assert {model.task for model in catalogue.MODELS.values()} == {"recognition", "detection", "attribute", "liveness"}

"""The door of DeepFace's API beside DeepFace's own application: the same requests get the same answers.

Excepted are the time, the ids, the texts of errors, and that the text `false` is false here.
"""

import io
from base64 import b64encode
from uuid import uuid4

import numpy as np
import pytest

from api.context import services_of
from api.factory import create_app
from core.settings import Settings
from tests.models.comparing import DETECTORS, assert_same
from tests.models.conftest import needs_shared
from tests.models.test_liveness import LIVE, SPOOF
from tests.pictures import encoded

TOLERANCE = 1e-4
# Of a search's confidence: it has two places, and here it is that of the distance with six places.
ROUNDED = 0.0101
KINDS = ("json", "form", "multipart")
OF_ANY_KIND = pytest.mark.parametrize("kind", KINDS)
BEHIND_EVERY_DETECTOR = pytest.mark.parametrize("detector", DETECTORS[:3])  # `skip` has no threshold here
DLIB = {"model_name": "Dlib", "detector_backend": "dlib"}
BLANK = encoded(np.full((200, 200, 3), 128, np.uint8))


@pytest.fixture(scope="module")
def door(deepface_home, tmp_path_factory):
    """A client of the service with the defaults of its settings, but for the thresholds of liveness and quality."""
    folder = tmp_path_factory.mktemp("door")
    settings = Settings(
        _env_file=None, data_path=folder, deepface_home=deepface_home, default_model="Dlib",
        antispoof_threshold=0, min_quality=0,
    )  # fmt: skip
    app = create_app(settings)
    readiness = services_of(app).health.readiness
    readiness.start()
    assert readiness.wait(60)
    readiness.require_ready()
    return app.test_client()


@pytest.fixture
def theirs(deepface_home, monkeypatch, tmp_path):
    """A client of DeepFace's application, on the same weights, with a database of its own."""
    monkeypatch.setenv("DEEPFACE_HOME", str(deepface_home))  # of both: no environment reaches a test by itself
    monkeypatch.setenv("DEEPFACE_DATABASE_TYPE", "sqlite")
    monkeypatch.setenv("DEEPFACE_CONNECTION_DETAILS", str(tmp_path / "deepface.db"))
    from deepface.api.src.app import create_app as create_theirs

    return create_theirs().test_client()


def sent(client, path, images, kind="json", **options):
    """The answer to a request with these images in this kind of body."""
    if kind == "multipart":
        files = {name: (io.BytesIO(content), "a.png") for name, content in images.items()}
        return client.post(path, data=files | {name: str(value) for name, value in options.items()})
    texts = {name: f"data:image/png;base64,{b64encode(content).decode()}" for name, content in images.items()}
    if kind == "form":
        return client.post(path, data=texts | {name: str(value) for name, value in options.items()})
    return client.post(path, json=texts | options)


def compared(door, theirs, route, images, kind="json", **options):
    """The answer of the door, which is that of DeepFace."""
    ours, other = (
        sent(door, f"/deepface/{route}", images, kind, **options),
        sent(theirs, f"/{route}", images, kind, **options),
    )
    assert (ours.status_code, other.status_code) == (200, 200), (ours.text, other.text)
    confidences = [matches_of(answer.json, "confidence") for answer in (ours, other)]
    assert confidences[0] == pytest.approx(confidences[1], abs=ROUNDED)
    one, two = without_excepted(ours.json), without_excepted(other.json)
    assert_same(one, two, TOLERANCE)
    return one


def matches_of(answer, field):
    """A field of every match of a search, in their order."""
    found = [faces for faces in answer.get("results", []) if isinstance(faces, list)]
    return [match[field] for matches in found for match in matches]


def without_excepted(answer):
    answer.pop("time", None)
    for faces in answer.get("results", []):
        for match in faces if isinstance(faces, list) else []:
            del match["id"], match["confidence"]
    return answer


@OF_ANY_KIND
@BEHIND_EVERY_DETECTOR
def test_verify_and_represent(door, theirs, two, one, detector, kind):
    options = {"model_name": "Dlib", "detector_backend": detector}
    compared(door, theirs, "verify", {"img1": two, "img2": one}, kind, **options)
    compared(door, theirs, "represent", {"img": two}, kind, **options)


@pytest.mark.parametrize("model", ["Facenet", "Facenet512", "OpenFace", "DeepID", "ArcFace", "SFace", "GhostFaceNet"])
def test_the_other_models(door, theirs, two, one, model):
    compared(door, theirs, "verify", {"img1": two, "img2": one}, model_name=model, detector_backend="dlib")
    compared(door, theirs, "represent", {"img": two}, model_name=model, detector_backend="dlib")


@pytest.mark.parametrize("options", [{}, {"align": False}, {"distance_metric": "euclidean_l2"}])
@BEHIND_EVERY_DETECTOR
def test_verify_with_other_options(door, theirs, two, one, detector, options):
    options = options | {"model_name": "Dlib", "detector_backend": detector}
    compared(door, theirs, "verify", {"img1": two, "img2": one}, **options)
    compared(door, theirs, "verify", {"img1": one, "img2": one}, **options)


def test_the_defaults_are_deepfaces(door, theirs, two, one):
    answer = compared(door, theirs, "verify", {"img1": two, "img2": one})
    assert (answer["model"], answer["detector_backend"], answer["similarity_metric"]) == (
        "VGG-Face",
        "opencv",
        "cosine",
    )
    compared(door, theirs, "represent", {"img": two})


@OF_ANY_KIND
def test_represent_with_fewer_faces(door, theirs, two, kind):
    assert len(compared(door, theirs, "represent", {"img": two}, kind, max_faces=1, **DLIB)["results"]) == 1


@OF_ANY_KIND
@BEHIND_EVERY_DETECTOR
def test_analyze(door, theirs, two, kind, detector):
    compared(door, theirs, "analyze", {"img": two}, kind, detector_backend=detector)
    compared(door, theirs, "analyze", {"img": two}, kind, actions="[age, 'emotion']", detector_backend=detector)


@needs_shared
def test_liveness(door, theirs):
    live, spoof = LIVE.read_bytes(), SPOOF.read_bytes()
    options = {"detector_backend": "dlib", "anti_spoofing": True}
    compared(door, theirs, "analyze", {"img": live}, actions=["age"], **options)
    for route, images in (("represent", {"img": spoof}), ("verify", {"img1": live, "img2": spoof})):
        for client, path in ((door, f"/deepface/{route}"), (theirs, f"/{route}")):
            answer = sent(client, path, images, model_name="Dlib", **options)
            assert (answer.status_code, list(answer.json)) == (400, ["error"])


# Beside the image; DeepFace requires that they are the same as those of the registration.
SEARCHES = [
    {},
    {"k": 1},
    {"similarity_search": True},
    {"similarity_search": True, "k": 2},
    {"distance_metric": "euclidean"},
    {"distance_metric": "angular", "similarity_search": True},
    {"distance_metric": "euclidean_l2", "similarity_search": True},
]


@pytest.fixture
def collection():
    """A part of the gallery for one test; DeepFace's application has a new database each time."""
    return f"c{uuid4().hex}"


@BEHIND_EVERY_DETECTOR
def test_register_and_search(door, theirs, two, one, detector, collection):
    options = {"model_name": "Dlib", "detector_backend": detector, "collection": collection}
    for kind, (name, image) in zip(KINDS, (("both/1.png", two), ("hopper/2.jpg", one), ("again", one)), strict=True):
        compared(door, theirs, "register", {"img": image}, kind, img_name=name, **options)
    for number, search in enumerate(SEARCHES):
        compared(door, theirs, "search", {"img": two}, KINDS[number % 3], **options, **search)


def test_register_and_search_with_normalized_embeddings(door, theirs, two, one, collection):
    options = DLIB | {"l2_normalize": True, "collection": collection}
    compared(door, theirs, "register", {"img": one}, img_name="hopper", **options)
    for metric in ("cosine", "euclidean"):
        options["distance_metric"] = metric
        compared(door, theirs, "search", {"img": two}, similarity_search=True, **options)


WRONG = [
    ("represent", ()),
    ("represent", ("blank",)),
    ("verify", ("one",)),
    ("search", ("one",)),
]


@pytest.mark.parametrize(("route", "images"), WRONG)
def test_what_deepface_refuses_is_refused_with_the_same_status(door, theirs, route, images, one):
    content = {"one": one, "blank": BLANK}
    sources = {"img" if route != "verify" else "img1": content[name] for name in images}
    answers = [
        sent(client, path, sources, **DLIB) for client, path in ((door, f"/deepface/{route}"), (theirs, f"/{route}"))
    ]
    ours, other = ((answer.status_code, list(answer.json)) for answer in answers)
    assert ours == other


@pytest.mark.parametrize("options", [{"model_name": "x"}, {"detector_backend": "x"}, {"distance_metric": "x"}])
def test_what_deepface_does_not_have_is_refused_with_the_same_status(door, theirs, one, options):
    images = {"img1": one, "img2": one}
    for client, path in ((door, "/deepface/verify"), (theirs, "/verify")):
        answer = sent(client, path, images, **DLIB | options)
        assert (answer.status_code, list(answer.json)) == (400, ["error"])


def test_the_home_page(door, theirs):
    assert door.get("/deepface/").text == theirs.get("/").text

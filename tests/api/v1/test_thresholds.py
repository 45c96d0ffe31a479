"""A threshold is used only where it holds; elsewhere a request has to send its own."""

from base64 import b64encode

import pytest

from core.settings import Settings, SettingsError
from services.faces.options import Defaults
from tests.conftest import assert_error
from tests.pictures import ALICE, ALICIA, BOB, photo, write_photo

OUTSIDE = [
    ({"normalization": "Facenet"}, "normalization"),
    ({"expand_percentage": 50}, "expand_percentage"),
    ({"detector_backend": "skip"}, "detector_backend"),
    ({"model_name": "ArcFace", "alignment": "template"}, "alignment"),
    ({"model_name": "Dlib", "alignment": "template", "detector_backend": "ssd"}, "detector_backend"),
]
VECTOR = [0.5] * 4096


def text(*colours):
    return b64encode(photo(*colours)).decode()


def deciding():
    """A request of each kind that decides whether two faces are of one person."""
    yield "verify", {"img1": text(ALICE), "img2": text(ALICE)}
    yield "verify", {"frames": [text(ALICE), text(ALICIA)], "img2": text(ALICE)}
    yield "identify", {"img": text(ALICE)}
    yield "recognize", {"img": text(ALICE)}
    yield "find", {"img": text(ALICE)}
    yield "compare", {"img": text(ALICE), "target_vectors": [VECTOR]}
    yield "compare", {"source_vector": VECTOR, "target_vector": VECTOR}
    yield "register", {"img": text(BOB), "name": "Bob", "on_duplicate": "reject"}
    yield "register", {"img": text(BOB), "name": "Bob", "on_duplicate": "merge"}
    yield "register", {"frames": [text(BOB), text(ALICE)], "name": "Bob"}


@pytest.fixture
def client(client, photos):
    write_photo(photos / "alice" / "1.png", ALICE)
    return client


@pytest.mark.parametrize(("options", "field"), OUTSIDE, ids=lambda value: value if isinstance(value, str) else None)
@pytest.mark.parametrize(("route", "body"), list(deciding()))
def test_no_decision_is_made_without_a_threshold_that_holds(client, route, body, options, field):
    refused = client.post(f"/{route}", json=body | options)
    assert_error(refused, 422, "validation_error", field)
    assert "threshold" in refused.json["details"]["fields"][0]["msg"]
    answer = client.post(f"/{route}", json=body | options | {"threshold": 0.1})
    if answer.status_code == 422:  # about something else: the frames, or the length of the vectors
        assert field not in {one["field"] for one in answer.json["details"]["fields"]}
    else:
        assert answer.json.get("threshold_source", "request") == "request"


@pytest.mark.parametrize("way", ["form", "query"])
def test_it_is_the_same_however_the_options_are_sent(client, way):
    options = {"normalization": "Facenet"}
    if way == "form":
        answer = client.post("/identify", data={"img": text(ALICE)} | options)
    else:
        answer = client.post("/identify?normalization=Facenet", data=photo(ALICE), content_type="image/png")
    assert_error(answer, 422, "validation_error", "normalization")


@pytest.mark.parametrize(("options", "field"), OUTSIDE)
def test_what_decides_nothing_needs_no_threshold(client, options, field):
    assert client.post("/represent", json={"img": text(ALICE)} | options).status_code == 200
    assert client.post("/register", json={"img": text(ALICE), "name": field} | options).status_code == 201


def test_every_option_without_a_threshold_is_named(client):
    options = {"normalization": "raw", "expand_percentage": 7, "detector_backend": "skip"}
    fields = client.post("/verify", json={"img1": "a", "img2": "b"} | options).json["details"]["fields"]
    assert {one["field"] for one in fields} == set(options)


def test_a_similarity_search_without_a_threshold_lists_distances_alone(client):
    body = {"img": text(ALICE), "similarity_search": True, "normalization": "Facenet", "refresh": "wait"}
    answer = client.post("/find", json=body).json
    ((row,),) = answer["result"]
    assert (row["distance"], row["threshold"], row["confidence"], answer["threshold_source"]) == (0, None, None, None)
    answer = client.post("/find", json=body | {"threshold": 0.2}).json
    ((row,),) = answer["result"]
    assert (row["threshold"], answer["threshold_source"], row["confidence"] > 50) == (0.2, "request", True)


@pytest.mark.parametrize("options", [options for options, _ in OUTSIDE if "alignment" in options])
def test_a_template_that_was_not_measured_has_no_confidence(client, options):
    options = options | {"threshold": 0.1}
    verified = client.post("/verify", json={"img1": text(ALICE), "img2": text(ALICE)} | options).json
    assert verified["verified"] is True
    assert "confidence" not in verified
    assert client.post("/register", json={"img": text(ALICE), "name": "Alice"} | options).status_code == 201
    match = client.post("/identify", json={"img": text(ALICE)} | options).json["result"][0]["matches"][0]
    assert (match["match"], "confidence" in match) == (True, False)
    ((row,),) = client.post("/find", json={"img": text(ALICE), "refresh": "wait"} | options).json["result"]
    assert (row["distance"], row["confidence"]) == (0, None)


STRANGER = (224, 0, 0)  # farther from ALICE than any threshold


@pytest.mark.parametrize("options", [{}, {"alignment": "eyes"}, {"align": False}])
@pytest.mark.parametrize("model", ["Dlib", "ArcFace"])
def test_a_confidence_agrees_with_the_verdict_at_the_services_threshold(client, model, options):
    options = options | {"model_name": model}
    for other, verified in ((ALICE, True), (STRANGER, False)):
        answer = client.post("/verify", json={"img1": text(ALICE), "img2": text(other)} | options).json
        assert answer["verified"] is verified
        assert (answer["confidence"] >= 50) is verified


@pytest.mark.parametrize(
    ("options", "threshold", "source"),
    [
        ({}, 0.68, "deepface"),
        ({"align": False}, 0.68, "deepface"),
        ({"detector_backend": "ssd", "detection": "deepface"}, 0.68, "deepface"),
        ({"model_name": "Dlib"}, 0.083, "measured"),
        ({"model_name": "Dlib", "alignment": "eyes"}, 0.052, "measured"),
        ({"model_name": "Dlib", "align": False, "detector_backend": "yunet"}, 0.043, "measured"),
        ({"model_name": "Dlib", "alignment": "eyes", "detector_backend": "ssd"}, 0.07, "deepface"),
        ({"threshold": 0.3}, 0.3, "request"),
    ],
)
def test_the_answer_says_which_threshold_was_used(client, options, threshold, source):
    answer = client.post("/verify", json={"img1": text(ALICE), "img2": text(ALICE)} | options).json
    assert (answer["threshold"], answer["threshold_source"]) == (threshold, source)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"default_normalization": "Facenet"}, "DEFAULT_NORMALIZATION"),
        ({"default_expand_percentage": 10}, "DEFAULT_EXPAND_PERCENTAGE"),
        ({"default_detector": "skip"}, "DEFAULT_DETECTOR"),
        ({"default_alignment": "template", "default_model": "ArcFace"}, "DEFAULT_ALIGNMENT"),
        ({"default_model": "Dlib", "default_detector": "retinaface"}, "DEFAULT_DETECTOR"),
    ],
)
def test_defaults_without_a_threshold_stop_the_start(settings, named):
    with pytest.raises(SettingsError, match=f"^{named}: no threshold is known for "):
        Defaults.of(Settings(**settings))
    assert Defaults.of(Settings())


@pytest.mark.parametrize("threshold", [None, 2])
def test_an_image_without_a_face_matches_only_by_a_threshold_of_the_request(client, threshold):
    client.post("/register", json={"img": text(ALICE), "name": "Alice"})
    options = {"enforce_detection": False} | ({} if threshold is None else {"threshold": threshold})
    wall = text()
    expected = threshold is not None
    verified = client.post("/verify", json={"img1": wall, "img2": text(ALICE)} | options).json
    assert verified["verified"] is (expected and verified["distance"] <= threshold)
    (face,) = client.post("/identify", json={"img": wall} | options).json["result"]
    assert (face["decision"] == "match", face["matches"][0]["match"]) == (expected, expected)
    assert (face["reason"] == "No face was found in the image.") is not expected
    assert bool(client.post("/recognize", json={"img": wall} | options).json["result"][0]["matches"]) is expected
    assert bool(client.post("/find", json={"img": wall, "refresh": "wait"} | options).json["result"][0]) is expected
    searched = client.post("/find", json={"img": wall, "similarity_search": True} | options).json
    assert len(searched["result"][0]) == 1

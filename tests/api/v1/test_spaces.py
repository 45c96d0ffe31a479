"""A face that is registered with other options than the defaults is found with both, over HTTP."""

from base64 import b64encode

import pytest

from tests.api.v1.test_gallery import identify, names, register, text
from tests.conftest import assert_error
from tests.pictures import ALICE, ALICIA, BOB, Block, encoded, picture

DEFAULT = {
    "model": "VGG-Face",
    "alignment": "eyes",
    "detection": "bounded",
    "normalization": "base",
    "expand_percentage": 0,
    "weights": "fake",
}
OTHERS = [
    {"model_name": "Dlib"},
    {"align": False},
    {"detection": "full"},
    {"normalization": "raw"},
    {"expand_percentage": 10},
]


def of_person(client, person_id):
    return client.get(f"/persons/{person_id}").json["face_list"]


@pytest.mark.parametrize("options", OTHERS)
def test_a_face_of_other_options_is_found_with_them_and_with_the_defaults(client, options):
    kept = register(client, ALICE, "Alice", **options)
    assert (len(kept["spaces"]), kept["spaces"][1]) == (2, DEFAULT)
    for way in ({}, options):
        (face,) = identify(client, ALICE, **way)
        assert (face["decision"], names(face), face["matches"][0]["face_id"]) == ("match", ["Alice"], kept["id"])
    assert "not_compared" not in client.post("/identify", json={"img": text(ALICE)}).json
    (face,) = of_person(client, kept["person_id"])
    assert face["spaces"] == kept["spaces"]
    assert {name: face[name] for name in DEFAULT} == kept["spaces"][0] != DEFAULT
    assert client.get(f"/faces/{kept['id']}").json["spaces"] == kept["spaces"]


def test_a_face_of_the_defaults_has_one_embedding_and_says_nothing_of_others(client, engine):
    engine.embedded = 0
    kept = register(client, ALICE, "Alice")
    assert (engine.embedded, "spaces" in kept) == (1, False)
    assert "spaces" not in of_person(client, kept["person_id"])[0]


@pytest.mark.parametrize("missing", ["VGG-Face", "opencv"])
def test_without_the_default_model_or_detector_a_face_has_the_requested_embedding(client, engine, missing):
    engine.missing = {missing}
    kept = register(client, ALICE, "Alice", model_name="Dlib", detector_backend="dlib")
    assert "spaces" not in kept
    assert names(identify(client, ALICE, model_name="Dlib", detector_backend="dlib")[0]) == ["Alice"]
    engine.missing = set()
    refused = client.post("/identify", json={"img": text(ALICE)})
    assert_error(refused, 422, "validation_error", "model_name")


def test_of_several_faces_the_one_that_is_registered_is_embedded_in_both_spaces(client):
    image = b64encode(encoded(picture(Block(BOB), Block(ALICE, x=100, w=60, h=60)))).decode()
    body = {"img": image, "name": "Alice", "face_policy": "largest", "model_name": "Dlib"}
    assert client.post("/register", json=body).status_code == 201
    for way in ({}, {"model_name": "Dlib"}):
        assert identify(client, ALICE, **way)[0]["matches"][0]["distance"] == 0


def test_a_face_the_default_detector_does_not_see_has_the_requested_embedding(client, engine, monkeypatch):
    detect = engine.detect

    def blind(image, detection):
        return detect(image, detection) if detection.detector == "dlib" else []

    monkeypatch.setattr(engine, "detect", blind)
    kept = register(client, ALICE, "Alice", model_name="Dlib", detector_backend="dlib")
    assert "spaces" not in kept


def test_frames_are_registered_in_both_spaces(client):
    frames = [b64encode(encoded(picture(Block(ALICE, x=x)))).decode() for x in (20, 26)]
    body = {"frames": frames, "name": "Alice", "model_name": "Dlib"}
    response = client.post("/register", json=body)
    assert response.status_code == 201, response.json
    assert len(response.json["spaces"]) == 2


def test_duplicates_are_looked_for_in_the_requested_space_only(client, engine):
    engine.missing = {"VGG-Face"}
    register(client, ALICE, "Alice", model_name="Dlib")
    engine.missing = set()
    register(client, ALICE, "Other", model_name="Facenet", on_duplicate="reject", threshold=0.01)
    body = {"img": text(ALICE), "name": "Third", "model_name": "Dlib", "on_duplicate": "reject"}
    assert_error(client.post("/register", json=body), 409, "conflict")
    merged = register(client, ALICE, "Third", model_name="Dlib", on_duplicate="merge")
    assert merged["name"] == "Alice"
    assert client.get(f"/persons/{merged['person_id']}").json["faces"] == 2


def test_a_repeated_request_gets_the_same_spaces_and_stores_nothing(client):
    headers = {"Idempotency-Key": "k"}
    first = register(client, ALICE, "Alice", headers=headers, model_name="Dlib")
    assert register(client, ALICE, "Alice", headers=headers, model_name="Dlib") == first
    assert len(of_person(client, first["person_id"])) == 1


def test_a_face_is_forgotten_in_all_its_spaces(client):
    kept = register(client, ALICE, "Alice", model_name="Dlib")
    register(client, ALICIA, "Alicia", model_name="Dlib")
    assert client.delete(f"/faces/{kept['id']}").status_code == 200
    for way in ({}, {"model_name": "Dlib"}):
        assert names(identify(client, ALICE, **way)[0]) == ["Alicia"]

"""/compare on the fake engine."""

import json
from base64 import b64encode

import pytest

from schemas.compare import OTHER_NAMES
from tests.conftest import assert_error
from tests.pictures import ALICE, ALICIA, BOB, photo


def text(*colours):
    return b64encode(photo(*colours)).decode()


@pytest.fixture
def vector(client):
    """The embedding of a face of this colour."""
    return lambda colour: client.post("/represent", json={"img": text(colour)}).json["result"][0]["embedding"]


def test_an_image_is_compared_with_embeddings(client, vector):
    targets = [{"id": "b", "vector": vector(BOB)}, vector(ALICE), {"id": None, "vector": vector(ALICIA)}]
    body = {"img": text(ALICE), "target_vectors": targets, "threshold": 0.001}
    answer = client.post("/compare", json=body).json
    assert (answer["model"], answer["distance_metric"], answer["threshold"]) == ("VGG-Face", "cosine", 0.001)
    assert answer["source"] == {"type": "image", "face_index": 0, "facial_area": answer["source"]["facial_area"]}
    assert [(one["index"], one.get("id"), one["verified"]) for one in answer["results"]] == [
        (0, "b", False), (1, None, True), (2, None, False),
    ]  # fmt: skip
    assert answer["best"] == answer["results"][1]
    assert (answer["best"]["distance"], answer["best"]["similarity"]) == (0, 1)


def test_an_embedding_is_compared_with_another(client, vector):
    body = {"source_vector": vector(ALICE), "target_vector": vector(ALICE), "distance_metric": "euclidean"}
    answer = client.post("/compare", json=body).json
    assert (answer["source"], answer["best"]["distance"], answer["best"]["verified"]) == ({"type": "vector"}, 0, True)


def test_a_face_of_several_is_named_by_its_place(client, vector):
    body = {"img": text(ALICE, BOB), "target_vector": vector(BOB), "threshold": 0.001}
    assert client.post("/compare", json=body).json["best"]["verified"] is False
    assert client.post("/compare", json=body | {"face_index": 1}).json["best"]["verified"] is True
    assert_error(client.post("/compare", json=body | {"face_index": 2}), 422, "validation_error", "face_index")


def test_many_embeddings_fit_into_a_request(client, vector):
    numbers = [round(number, 3) for number in vector(ALICE)]
    body = {"source_vector": numbers, "target_vectors": [numbers] * 100}
    assert len(client.post("/compare", json=body).json["results"]) == 100


def test_the_names_of_deepface_dev_mean_the_same(client, vector):
    of = {
        "source_vector": vector(ALICE),
        "target_vector": vector(BOB),
        "target_vectors": [vector(BOB), {"id": "a", "vector": vector(ALICIA)}],
        "distance_metric": "euclidean",
    }
    for target in ("target_vector", "target_vectors"):
        names = ("source_vector", target, "distance_metric")
        ours = client.post("/compare", json={name: of[name] for name in names}).json
        body = {OTHER_NAMES[name]: of[name] for name in names}
        assert ours["success"] is True
        assert client.post("/compare", json=body).json == ours
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
        assert client.post("/compare", data=form).json == ours


@pytest.mark.parametrize(("name", "other"), OTHER_NAMES.items())
def test_one_thing_by_both_names_is_an_error(client, name, other):
    given = {"target_vectors": [[1.0]], "distance_metric": "cosine"}.get(name, [1.0])
    assert_error(client.post("/compare", json={name: given, other: given}), 422, "validation_error", other)


def test_the_document_knows_both_names(client):
    described = client.get("/openapi.json").json["components"]["schemas"]["CompareRequest"]["properties"]
    for name, other in OTHER_NAMES.items():
        known, also = described[name], described[other]
        assert also == known | {"description": f"Alias of {name}. Send only one of the two."}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"source_vector": [1.0]}, "body"),
        ({"source_vector": [1.0], "img": "a", "target_vector": [1.0]}, "body"),
        ({"source_vector": [1.0], "target_vector": [1.0], "target_vectors": [[1.0]]}, "body"),
        ({"source_vector": [1.0], "target_vector": [1.0]}, "target_vector"),
        ({"img": "a", "target_vectors": [[1.0]]}, "target_vectors"),
        ({"img": "a", "target_vectors": []}, "target_vectors"),
        ({"img": "a", "target_vectors": [{"id": "x"}]}, "target_vectors[0].vector"),
        ({"img": "a", "target_vector": ["x"]}, "target_vector[0]"),
        ({"img": "a", "vector_b": ["x"]}, "vector_b[0]"),
        ({"img": "a", "metric": "x"}, "metric"),
    ],
)
def test_a_wrong_comparison_names_the_field(client, body, field):
    assert_error(client.post("/compare", json=body), 422, "validation_error", field)


def test_an_image_without_a_face_is_an_error(client, vector):
    response = client.post("/compare", json={"img": text(), "target_vector": vector(BOB)})
    assert_error(response, 422, "no_face_detected", "img")

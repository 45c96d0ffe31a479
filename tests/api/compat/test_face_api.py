"""Face API's door on the fake engine: bodies, statuses, and what a client cannot get through it."""

import io
import json
from base64 import b64encode

import pytest

from api.context import services_of
from core.scopes import Scope
from tests.api.v1.test_gallery import register, text
from tests.conftest import KEY
from tests.pictures import ALICE, ALICIA, BOB, Block, encoded, photo, picture

STRANGER = (0, 224, 0)  # far from everybody with every model


def ask(client, route, **body):
    return client.post(f"/face-api/{route}", json=body)


def asked(client, route, **body):
    answer = ask(client, route, **body)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_two_images_are_compared_as_deepface_does(client):
    answer = asked(client, "verify", img1=text(ALICE), img2=text(ALICE))
    area = {"x": 20, "y": 30, "w": 40, "h": 40, "left_eye": [55, 35], "right_eye": [25, 35]}
    assert answer.pop("time") >= 0
    assert answer == {
        "verified": True,
        "distance": 0,
        "threshold": 0.68,
        "confidence": 75,
        "model": "VGG-Face",
        "detector_backend": "opencv",
        "similarity_metric": "cosine",
        "facial_areas": {"img1": area, "img2": area},
    }


@pytest.mark.parametrize("names", [("img1", "img2"), ("image1", "image2")])
@pytest.mark.parametrize("kind", ["json", "form", "multipart"])
def test_images_come_by_either_name_and_in_every_kind_of_body(client, names, kind):
    texts, files = [text(ALICE), text(BOB)], [(io.BytesIO(photo(who)), "a.png") for who in (ALICE, BOB)]
    if kind == "json":
        answer = client.post("/face-api/verify", json=dict(zip(names, texts, strict=True)))
    else:
        data = dict(zip(names, texts if kind == "form" else files, strict=True)) | {"anti_spoofing": "false"}
        answer = client.post("/face-api/verify", data=data)
    assert (answer.status_code, "img1_is_real" in answer.json) == (200, False)


def test_every_verification_leaves_a_row(app):
    client = app.test_client()
    asked(client, "verify", img1=text(ALICE), img2=text(STRANGER))
    services_of(app).audit.log.flush(30)
    (row,) = client.get("/verifications").json["verifications"]
    assert (row["verified"], row["model"], row["threshold"]) == (False, "VGG-Face", 0.68)


def test_faces_are_analyzed_as_deepface_does(client):
    (face,) = asked(client, "analyze", image=text(ALICE), actions=["age", "emotion"])["results"]
    assert set(face) == {"age", "dominant_emotion", "emotion", "region", "face_confidence"}
    (face,) = asked(client, "analyze", img=text(ALICE), actions=[])["results"]
    assert {"age", "dominant_race"} < set(face)


def test_a_face_is_embedded_and_stored_only_for_a_person(client):
    answer = asked(client, "embed", img=text(ALICE), model_name="Dlib")
    assert (answer["person_id"], answer["embedding_id"], answer["model_name"], answer["dim"]) == (
        None,
        None,
        "Dlib",
        128,
    )
    assert client.get("/persons").json["persons"] == []
    kept = asked(client, "embed", img=text(ALICE), model_name="Dlib", person_id="customer 17", metadata={"a": [1]})
    assert kept["embedding"] == answer["embedding"]
    assert kept["person_id"] == "customer 17"
    face = client.get(f"/faces/{kept['embedding_id']}").json
    (person,) = client.get("/persons").json["persons"]
    assert (person["name"], person["metadata"], person["id"]) == ("customer 17", {"a": [1]}, face["person_id"])


def test_the_largest_face_counts(client):
    group = b64encode(encoded(picture(Block(BOB, x=10, w=20, h=20), Block(ALICE, x=60, w=60, h=60)))).decode()
    alone = asked(client, "embed", img=text(ALICE))["embedding"]
    assert asked(client, "embed", img=group, person_id="Alice")["embedding"] == alone
    (match,) = asked(client, "recognize", img=group, threshold=0.001)["matches"]
    assert (match["person_id"], match["distance"]) == ("Alice", 0)


def test_the_stored_faces_within_the_threshold_are_recognized(client):
    ids = {
        name: asked(client, "embed", img=text(who), person_id=name)["embedding_id"]
        for name, who in (("Alice", ALICE), ("Alicia", ALICIA), ("Bob", BOB))
    }
    answer = asked(client, "recognize", img=text(ALICE), threshold=0.1)
    assert answer["count"] == len(answer["matches"]) == 2
    near, far = answer["matches"]
    assert near == {
        "person_id": "Alice",
        "embedding_id": ids["Alice"],
        "distance": 0,
        "similarity": 1,
        "threshold": 0.1,
    }
    assert (far["person_id"], far["distance"] > 0) == ("Alicia", True)
    only = asked(client, "recognize", img=text(ALICE), threshold=0.1, person_id="alicia")
    assert [match["person_id"] for match in only["matches"]] == ["Alicia"]
    assert asked(client, "recognize", img=text(ALICE), person_id="Nobody") == {"matches": [], "count": 0}
    assert asked(client, "recognize", img=text(STRANGER), threshold=0.1) == {"matches": [], "count": 0}


def test_every_stored_face_is_a_match(client):
    for who in (ALICE, ALICIA, ALICE):
        asked(client, "embed", img=text(who), person_id="Alice")
    answer = asked(client, "recognize", img=text(ALICE), threshold=0.1)
    assert [match["person_id"] for match in answer["matches"]] == ["Alice"] * 3
    assert [match["distance"] > 0 for match in answer["matches"]] == [False, False, True]


def test_who_was_registered_elsewhere_is_recognized(client):
    kept = register(client, ALICE, "Alice")
    (match,) = asked(client, "recognize", img=text(ALICE), person_id="Alice")["matches"]
    assert match["embedding_id"] == kept["id"]


# Face API's 0.4, 10 and 1.0 are for Facenet as DeepFace crops faces. Options, metric, threshold.
THRESHOLDS = [
    ({"model_name": "Facenet"}, "cosine", 0.4),
    ({"model_name": "Facenet"}, "euclidean", 10),
    ({"model_name": "Facenet"}, "euclidean_l2", 1.0),
    ({"model_name": "Facenet"}, "angular", 0.33),
    ({"model_name": "Dlib"}, "cosine", 0.083),
    ({"model_name": "Dlib"}, "euclidean_l2", 0.407),
    ({"model_name": "Facenet512"}, "cosine", 0.3),
    ({}, "cosine", 0.68),
    ({"model_name": "Facenet", "threshold": 0.2}, "cosine", 0.2),
]


@pytest.mark.parametrize(("options", "metric", "threshold"), THRESHOLDS)
def test_face_apis_thresholds_hold_for_facenet_only(client, options, metric, threshold):
    options = options | {"distance_metric": metric}
    assert asked(client, "verify", img1=text(ALICE), img2=text(ALICE), **options)["threshold"] == threshold
    model = {name: value for name, value in options.items() if name == "model_name"}
    asked(client, "embed", img=text(ALICE), person_id="Alice", **model)
    (match,) = asked(client, "recognize", img=text(ALICE), **options)["matches"]
    assert match["threshold"] == threshold


def test_another_crop_of_facenet_has_no_threshold_here_either(make_app):
    client = make_app(default_alignment="template", default_model="Dlib", default_detector="dlib").test_client()
    answer = ask(client, "verify", img1=text(ALICE), img2=text(ALICE), model_name="Facenet")
    assert answer.status_code == 422
    assert "No threshold is known" in answer.json["detail"][0]["msg"]


@pytest.mark.parametrize("model", ["Facenet", "Dlib", "VGG-Face"])
def test_what_is_no_face_is_nobody(client, model):
    body = {"img1": text(), "img2": text(), "enforce_detection": False, "model_name": model}
    assert asked(client, "verify", **body)["verified"] is False


def test_the_default_model_may_be_facenet(make_app):
    client = make_app(default_model="Facenet", default_metric="euclidean_l2").test_client()
    assert asked(client, "verify", img1=text(ALICE), img2=text(ALICE))["threshold"] == 1.0
    assert client.post("/verify", json={"img1": text(ALICE), "img2": text(ALICE)}).json["threshold"] == 0.8


WRONG = [
    ("verify", {}, 422, ["img1", "img2"]),
    ("verify", {"image1": text(ALICE)}, 422, ["img2"]),
    ("verify", {"img1": text(ALICE), "img2": text(ALICE), "threshold": "0.4"}, 422, ["threshold"]),
    ("verify", {"img1": text(ALICE), "img2": text(ALICE), "model_name": "Elsewhere"}, 422, ["model_name"]),
    ("verify", {"img1": text(ALICE), "img2": text()}, 400, "img2"),
    ("verify", {"img1": "/etc/passwd", "img2": text()}, 403, "img1"),
    ("analyze", {"image": "nonsense"}, 400, "img"),
    ("embed", {"img": text(ALICE), "person_id": ""}, 422, ["person_id"]),
    ("embed", {"img": text(ALICE), "person_id": "a\nb"}, 422, ["person_id"]),
    ("embed", {"img": text(ALICE), "person_id": 7}, 422, ["person_id"]),
    ("embed", {"img": text(ALICE), "person_id": "A", "metadata": [1]}, 422, ["metadata"]),
    ("embed", {"img": text(ALICE), "person_id": "A", "collection": "../x"}, 422, ["collection"]),
    ("recognize", {"img": text()}, 400, "img"),
    ("recognize", {"img": text(ALICE), "threshold": -1}, 422, ["threshold"]),
]


@pytest.mark.parametrize(("route", "body", "status", "said"), WRONG)
def test_what_is_wrong_is_told_as_fastapi_tells_it(client, route, body, status, said):
    answer = ask(client, route, **body)
    assert (answer.status_code, set(answer.json)) == (status, {"detail"}), answer.text
    detail = answer.json["detail"]
    if status == 422:
        assert [wrong["loc"] for wrong in detail] == [["body", field] for field in said]
        assert {(*wrong,) for wrong in detail} == {("loc", "msg", "type")}
    else:
        assert detail.startswith(f"{said}: ")


def test_unknown_fields_and_null_are_ignored_and_the_query_string_too(client):
    body = {"img1": text(ALICE), "img2": text(ALICE), "silent": True, "threshold": None}
    assert client.post("/face-api/verify?x=1", json=body).status_code == 200


def test_storing_needs_the_scope_to_write_and_a_key_sees_its_collection_only(make_app):
    app = make_app(api_keys=(KEY,))
    keys, client = services_of(app).access.keys, app.test_client()

    def post(route, token, **body):
        return client.post(f"/face-api/{route}", json={"img": text(ALICE)} | body, headers={"X-API-Key": token})

    reads = keys.create("x", {Scope.FACES, Scope.GALLERY_READ}, collection="mine")[1]
    writes = keys.create("x", {Scope.FACES, Scope.GALLERY_WRITE}, collection="mine")[1]
    assert post("embed", reads).status_code == 200
    refused = post("embed", reads, person_id="Eve")
    assert (refused.status_code, "gallery:write" in refused.json["detail"]) == (403, True)
    assert post("embed", KEY, person_id="Alice").status_code == 200
    assert post("recognize", reads).json["count"] == 0
    assert post("recognize", reads, person_id="Alice").json["count"] == 0
    assert post("recognize", reads, collection="default").status_code == 403
    assert post("embed", writes, person_id="Eve", collection="default").status_code == 403
    assert post("embed", writes, person_id="Eve").status_code == 200
    assert [match["person_id"] for match in post("recognize", reads).json["matches"]] == ["Eve"]
    assert [match["person_id"] for match in post("recognize", KEY).json["matches"]] == ["Alice"]


def test_names_with_markup_are_data(client):
    name = '<img src=x onerror=alert(1)> "; DROP TABLE faces; --'
    asked(client, "embed", img=text(ALICE), person_id=name, metadata={"</script>": "<b>"})
    answer = ask(client, "recognize", img=text(ALICE), person_id=name)
    assert answer.json["matches"][0]["person_id"] == name
    assert answer.mimetype == "application/json"


def test_a_form_carries_metadata_as_json(client):
    data = {"img": (io.BytesIO(photo(ALICE)), "a.png"), "person_id": "A", "metadata": json.dumps({"a": 1})}
    assert client.post("/face-api/embed", data=data).status_code == 200
    assert client.get("/persons").json["persons"][0]["metadata"] == {"a": 1}

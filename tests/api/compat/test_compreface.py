"""CompreFace's door on the fake engine: bodies, statuses, codes, and what a client cannot get through it."""

import io
from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote
from uuid import UUID

import pytest

from api.context import services_of
from core.scopes import Scope
from schemas.compat.compreface.answers import similarity
from tests.api.v1.test_gallery import UNKNOWN, text
from tests.api.v1.test_gallery import register as register_natively
from tests.conftest import KEY
from tests.fakes import FakeEngine
from tests.pictures import ALICE, ALICIA, BOB, Block, encoded, photo, picture

STRANGER = (0, 224, 0)  # far from everybody
BOX = {"probability": 0.9, "x_min": 20, "y_min": 30, "x_max": 60, "y_max": 70}
ROOT = "/api/v1/recognition"
DETECT, VERIFY = "/api/v1/detection/detect", "/api/v1/verification/verify"
DIMENSION = 128


@pytest.fixture
def app(make_app):
    """An application with Dlib: its threshold lies between the colours of the pictures."""
    return make_app(default_model="Dlib")


def upload(client, path, *colours, field="file", **query):
    """The answer to an image in a form, as the clients of CompreFace send it."""
    data = {field: (io.BytesIO(photo(*colours)), "image.png")}
    return client.post(path, data=data, query_string=query)


def uploaded(client, path, *colours, **query):
    answer = upload(client, path, *colours, **query)
    assert answer.status_code in (200, 201), answer.text
    return answer.json


def add(client, colour, subject):
    return uploaded(client, f"{ROOT}/faces", colour, subject=subject)["image_id"]


def recognized(client, *colours, **query):
    return uploaded(client, f"{ROOT}/recognize", *colours, **query)["result"]


def listed(client, **query):
    return client.get(f"{ROOT}/faces", query_string=query).json


def subjects(client):
    return client.get(f"{ROOT}/subjects").json["subjects"]


def assert_error(answer, status, code, said=""):
    assert (answer.status_code, answer.json.get("code")) == (status, code), answer.text
    assert set(answer.json) == {"message", "code"}
    assert said in answer.json["message"]


def embedding_of(client, colour):
    (face,) = uploaded(client, DETECT, colour, face_plugins="calculator")["result"]
    return face["embedding"]


# Subjects


def test_subjects_are_added_listed_renamed_and_deleted(client):
    answer = client.post(f"{ROOT}/subjects", json={"subject": "Bob"})
    assert (answer.status_code, answer.json) == (201, {"subject": "Bob"})
    assert_error(client.post(f"{ROOT}/subjects", json={"subject": "BOB"}), 400, 43)
    add(client, ALICE, "Alice")
    assert subjects(client) == ["Alice", "Bob"]
    assert client.put(f"{ROOT}/subjects/Bob", json={"subject": "Robert"}).json == {"updated": True}
    assert client.put(f"{ROOT}/subjects/Robert", json={"subject": "Robert"}).json == {"updated": False}
    assert subjects(client) == ["Alice", "Robert"]
    answer = client.delete(f"{ROOT}/subjects/Robert")
    assert (answer.status_code, answer.json) == (200, {"subject": "Robert"})
    assert_error(client.delete(f"{ROOT}/subjects/Robert"), 404, 42)
    assert_error(client.put(f"{ROOT}/subjects/Robert", json={"subject": "Bob"}), 404, 42)
    assert client.delete(f"{ROOT}/subjects").json == {"deleted": 1}
    assert client.delete(f"{ROOT}/subjects").json == {"deleted": 0}
    assert subjects(client) == []


def test_a_subject_that_gets_the_name_of_another_is_merged_into_it(client):
    of_alice, of_alicia = add(client, ALICE, "Alice"), add(client, ALICIA, "Alicia")
    assert client.put(f"{ROOT}/subjects/Alicia", json={"subject": "alice"}).json == {"updated": True}
    assert subjects(client) == ["Alice"]
    assert [face["image_id"] for face in listed(client, subject="ALICE")["faces"]] == [of_alice, of_alicia]


def test_another_spelling_of_the_same_name_is_taken_over(client):
    add(client, ALICE, "alice")
    assert client.put(f"{ROOT}/subjects/alice", json={"subject": "Alice"}).json == {"updated": True}
    assert subjects(client) == ["Alice"]


@pytest.mark.parametrize("name", ["A b", "O'Neil / Smith", "Zoë ?", "100%", "a/b/c", "<b>; DROP TABLE persons"])
def test_every_name_has_a_path(client, name):
    assert client.post(f"{ROOT}/subjects", json={"subject": name}).status_code == 201
    assert client.delete(f"{ROOT}/subjects/{quote(name, safe='')}").json == {"subject": name}


def test_a_final_slash_makes_no_difference(client):
    assert client.get(f"{ROOT}/subjects/").json == {"subjects": []}
    assert client.get(f"{ROOT}/faces/").json["total_elements"] == 0


# Faces


def test_a_face_is_added_and_makes_its_subject(client):
    answer = upload(client, f"{ROOT}/faces", ALICE, subject="Alice", det_prob_threshold=0.8)
    assert (answer.status_code, set(answer.json), answer.json["subject"]) == (201, {"image_id", "subject"}, "Alice")
    assert str(UUID(answer.json["image_id"])) == answer.json["image_id"]
    assert client.get(f"/faces/{answer.json['image_id']}").json["collection"] == "default"
    as_base64 = client.post(f"{ROOT}/faces?subject=Alice", json={"file": text(ALICIA)})
    assert (as_base64.status_code, as_base64.json["subject"]) == (201, "Alice")
    assert client.get("/persons").json["persons"][0]["faces"] == 2


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ("subject=A%20b?det_prob_threshold=0.8", "A b"),
        ("subject=A%20b?det_prob_threshold=0.8&status=true", "A b"),
        ("subject=Who%3F", "Who?"),
        ("subject=Who?", "Who?"),
        ("subject=a?b=c", "a?b=c"),
    ],
)
def test_a_subject_ends_where_the_javascript_client_joins_an_option(client, query, subject):
    answer = client.post(f"{ROOT}/faces?{query}", json={"file": text(ALICE)})
    assert (answer.status_code, answer.json["subject"]) == (201, subject)


def test_options_that_the_javascript_client_joins_wrongly_are_read(client):
    query = "det_prob_threshold=0.1?face_plugins=landmarks?status=true"
    answer = client.post(f"{DETECT}?{query}", json={"file": text(ALICE)})
    assert set(answer.json) == {"result", "plugins_versions"}
    assert "landmarks" in answer.json["result"][0]


def test_the_pages_of_faces_are_numbered_from_0(client):
    ids = [add(client, colour, name) for colour, name in ((ALICE, "Alice"), (BOB, "Bob"), (ALICIA, "Alice"))]
    assert listed(client) == {
        "faces": [
            {"image_id": ids[0], "subject": "Alice"},
            {"image_id": ids[1], "subject": "Bob"},
            {"image_id": ids[2], "subject": "Alice"},
        ],
        "page_number": 0,
        "page_size": 20,
        "total_pages": 1,
        "total_elements": 3,
    }
    second = listed(client, page=1, size=2)
    assert [face["image_id"] for face in second["faces"]] == [ids[2]]
    assert (second["page_number"], second["page_size"], second["total_pages"]) == (1, 2, 2)
    assert listed(client, page=7)["faces"] == []
    assert [face["image_id"] for face in listed(client, subject="Alice")["faces"]] == [ids[0], ids[2]]
    assert listed(client, subject="Nobody")["total_elements"] == 0
    assert listed(client, subject="")["total_elements"] == 3
    assert listed(client, size=10**6)["page_size"] == 2000


def test_faces_are_deleted_by_id_by_subject_and_altogether(client):
    ids = [add(client, colour, name) for colour, name in ((ALICE, "Alice"), (BOB, "Bob"), (ALICIA, "Alice"))]
    assert client.delete(f"{ROOT}/faces/{ids[0]}").json == {"image_id": ids[0], "subject": "Alice"}
    assert_error(client.delete(f"{ROOT}/faces/{ids[0]}"), 404, 44)
    assert_error(client.delete(f"{ROOT}/faces/no-id"), 404, 44)
    assert client.delete(f"{ROOT}/faces?subject=alice").json == {"deleted": 1}
    assert subjects(client) == ["Bob"]
    assert client.delete(f"{ROOT}/faces?subject=alice").json == {"deleted": 0}
    add(client, ALICE, "Alice")
    add(client, ALICIA, "Alice")
    assert client.delete(f"{ROOT}/faces").json == {"deleted": 3}
    assert subjects(client) == []
    assert client.delete(f"{ROOT}/faces").json == {"deleted": 0}


def test_several_faces_are_deleted_by_a_list_and_unknown_ones_left_out(client):
    ids = [add(client, colour, "Alice") for colour in (ALICE, ALICIA)]
    answer = client.post(f"{ROOT}/faces/delete", json=[ids[1], UNKNOWN, ids[0]])
    assert answer.json == [{"image_id": number, "subject": "Alice"} for number in reversed(ids)]
    assert client.post(f"{ROOT}/faces/delete", json=[]).json == []
    assert_error(client.post(f"{ROOT}/faces/delete", json={}), 400, 5, "ids")
    assert_error(client.post(f"{ROOT}/faces/delete", json=[1]), 400, 26)


def test_the_image_of_a_face_is_its_stored_crop_or_empty(client):
    without = add(client, ALICE, "Alice")
    kept = register_natively(client, BOB, "Bob", store_crop=True)["id"]
    for number in (without, UNKNOWN):
        answer = client.get(f"{ROOT}/faces/{number}/img")
        assert (answer.status_code, answer.data) == (200, b"")
    answer = client.get(f"{ROOT}/faces/{kept}/img")
    assert (answer.data, answer.mimetype) == (client.get(f"/faces/{kept}/crop").data, "image/png")


def test_a_retry_with_the_same_key_stores_nothing(client):
    head = {"Idempotency-Key": "1"}
    answers = [client.post(f"{ROOT}/faces?subject=A", json={"file": text(ALICE)}, headers=head) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert listed(client)["total_elements"] == 1


# Recognition


def test_each_face_has_its_most_similar_subjects(client):
    for colour, name in ((ALICE, "Alice"), (BOB, "Bob")):
        add(client, colour, name)
    alice, bob = recognized(client, ALICE, BOB)
    assert alice == {"box": BOX, "subjects": [{"subject": "Alice", "similarity": 1.0}]}
    assert (bob["box"]["x_min"], bob["subjects"][0]["subject"]) == (80, "Bob")
    (alice,) = recognized(client, ALICE, prediction_count=2)
    assert [one["subject"] for one in alice["subjects"]] == ["Alice", "Bob"]
    assert alice["subjects"][1]["similarity"] < 0.49
    for every in (-1, 1000):
        assert len(recognized(client, ALICE, prediction_count=every)[0]["subjects"]) == 2


def test_without_subjects_there_are_none(client):
    assert recognized(client, ALICE) == [{"box": BOX, "subjects": []}]


def test_the_image_may_be_base64_in_json(client):
    add(client, ALICE, "Alice")
    answer = client.post(f"{ROOT}/recognize?limit=0&prediction_count=1", json={"file": text(ALICE)})
    assert answer.json["result"][0]["subjects"][0]["subject"] == "Alice"


def test_a_stranger_has_a_similarity_on_the_refusing_side(client):
    for colour, name in ((ALICE, "Alice"), (BOB, "Bob")):
        add(client, colour, name)
    (face,) = recognized(client, STRANGER, prediction_count=2)
    assert [one["similarity"] <= 0.49 for one in face["subjects"]] == [True, True]


def test_who_is_ambiguous_is_on_the_refusing_side(client):
    add(client, ALICE, "Alice")
    add(client, ALICE, "Her twin")
    (face,) = recognized(client, ALICE)
    assert face["subjects"][0]["similarity"] == 0.49


# Distance by threshold, whether it is a match, similarity.
SCALE = [
    (0, True, 1.0),
    (0.5, True, 0.99807),
    (0.9, True, 0.77730),
    (1, True, 0.5),
    (1, False, 0.49),
    (0, False, 0.49),
    (1.1, False, 0.2227),
    (2, False, 0.0),
]


@pytest.mark.parametrize(("distance", "is_match", "expected"), SCALE)
@pytest.mark.parametrize("threshold", [0.407, 1.17])
def test_half_a_similarity_lies_on_the_threshold(distance, threshold, is_match, expected):
    assert similarity(distance * threshold, threshold, is_match=is_match) == pytest.approx(expected, abs=5e-6)


def test_the_largest_faces_come_first_if_they_are_limited(client):
    blocks = (Block(BOB, x=10, w=20, h=20), Block(ALICE, x=60, w=60, h=60))
    body = {"file": b64encode(encoded(picture(*blocks))).decode()}
    for path in (f"{ROOT}/recognize", DETECT):
        assert len(client.post(path, json=body).json["result"]) == 2
        (face,) = client.post(f"{path}?limit=1", json=body).json["result"]
        assert face["box"]["x_min"] == 60


class Uncertain(FakeEngine):
    """Is certain of small faces only."""

    def detect(self, image, detection):
        faces = super().detect(image, detection)
        return [replace(face, confidence=0.9 if face.area.w < 50 else 0.3) for face in faces]


@pytest.mark.parametrize("engine", [Uncertain()], ids=["uncertain"])
def test_faces_of_which_the_detector_is_less_certain_do_not_count(client):
    blocks = (Block(BOB, x=10, w=20, h=20), Block(ALICE, x=60, w=60, h=60))
    body = {"file": b64encode(encoded(picture(*blocks))).decode()}
    assert_error(client.post(f"{ROOT}/faces?subject=Bob", json=body), 400, 31)
    assert client.post(f"{ROOT}/faces?subject=Bob&det_prob_threshold=0.8", json=body).status_code == 201
    for path in (f"{ROOT}/recognize", DETECT):
        (face,) = client.post(f"{path}?limit=1&det_prob_threshold=0.8", json=body).json["result"]
        assert face["box"]["x_min"] == 10
        assert_error(client.post(f"{path}?det_prob_threshold=0.95", json=body), 400, 28)


def test_an_image_may_be_one_face_by_itself(client):
    add(client, ALICE, "Alice")
    (face,) = recognized(client, ALICE, detect_faces="false", det_prob_threshold=0.8)
    assert face["box"] == {"probability": 0, "x_min": 0, "y_min": 0, "x_max": 200, "y_max": 120}
    assert face["subjects"][0]["similarity"] <= 0.49


# Detection and verification


def test_faces_are_detected(client):
    assert uploaded(client, DETECT, ALICE) == {"result": [{"box": BOX}]}
    assert len(uploaded(client, DETECT, ALICE, BOB)["result"]) == 2


def test_the_face_of_one_image_is_compared_with_every_face_of_another(client):
    files = {"source_image": photo(ALICE), "target_image": photo(ALICE, BOB)}
    answer = client.post(VERIFY, data={name: (io.BytesIO(image), "image.png") for name, image in files.items()})
    assert answer.status_code == 200, answer.text
    (comparison,) = answer.json["result"]
    assert comparison["source_image_face"] == {"box": BOX}
    alice, bob = comparison["face_matches"]
    assert alice == {"box": BOX, "similarity": 1.0}
    assert (bob["box"]["x_min"], bob["similarity"] <= 0.49) == (80, True)
    body = {"source_image": text(ALICE), "target_image": text(STRANGER)}
    (face,) = client.post(VERIFY, json=body).json["result"][0]["face_matches"]
    assert face["similarity"] <= 0.49


def test_an_image_is_compared_with_the_stored_face_and_with_no_other(client):
    ids = [add(client, colour, "Alice") for colour in (ALICE, BOB)]
    add(client, STRANGER, "Eve")
    for number, alike in zip(ids, (True, False), strict=True):
        (face,) = uploaded(client, f"{ROOT}/faces/{number}/verify", ALICE)["result"]
        assert (face["box"], face["subject"], face["similarity"] == 1) == (BOX, "Alice", alike)
    assert_error(upload(client, f"{ROOT}/faces/{UNKNOWN}/verify", ALICE), 404, 44)


def test_a_stored_face_is_found_among_very_many_of_its_person(client):
    last = [add(client, colour, "Alice") for colour in [ALICE] * 12 + [BOB]][-1]
    (face,) = uploaded(client, f"{ROOT}/faces/{last}/verify", ALICE)["result"]
    assert face["similarity"] < 0.49


# Embeddings


def test_embeddings_are_recognized(client):
    for colour, name in ((ALICE, "Alice"), (BOB, "Bob")):
        add(client, colour, name)
    vectors = [embedding_of(client, colour) for colour in (BOB, ALICE, STRANGER)]
    answer = client.post(f"{ROOT}/embeddings/recognize?prediction_count=1", json={"embeddings": vectors})
    bob, alice, stranger = answer.json["result"]
    assert bob == {"embedding": vectors[0], "similarities": [{"subject": "Bob", "similarity": 1.0}]}
    assert alice["similarities"][0]["subject"] == "Alice"
    assert stranger["similarities"][0]["similarity"] <= 0.49


def test_embeddings_are_compared_with_a_stored_face_and_with_one_another(client):
    number = add(client, ALICE, "Alice")
    alice, bob = embedding_of(client, ALICE), embedding_of(client, BOB)
    url = f"{ROOT}/embeddings/faces/{number}/verify"
    answer = client.post(url, json={"embeddings": [bob, alice]})
    first, second = answer.json["result"]
    assert first == {"embedding": alice, "similarity": 1.0}
    assert (second["embedding"], second["similarity"] < 0.49) == (bob, True)
    body = {"source": alice, "targets": [bob, alice]}
    assert client.post("/api/v1/verification/embeddings/verify", json=body).json == answer.json
    assert_error(client.post(f"{ROOT}/embeddings/faces/{UNKNOWN}/verify", json={"embeddings": [bob]}), 404, 44)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{ROOT}/embeddings/recognize", {"embeddings": []}),
        ("/api/v1/verification/embeddings/verify", {"source": [1.0] * DIMENSION, "targets": []}),
    ],
)
def test_no_embeddings_are_a_wrong_count(client, path, body):
    assert_error(client.post(path, json=body), 400, 37)


def test_embeddings_of_another_length_are_refused(client):
    add(client, ALICE, "Alice")
    assert_error(client.post(f"{ROOT}/embeddings/recognize", json={"embeddings": [[1.0, 2.0]]}), 400, 26, "128")


# Plugins


def test_plugins_add_what_the_service_knows_of_a_face(client):
    plugins = "age,gender,landmarks,calculator,mask,pose"
    add(client, ALICE, "Alice")
    for path in (DETECT, f"{ROOT}/recognize"):
        (face,) = uploaded(client, path, ALICE, face_plugins=plugins)["result"]
        assert face["age"] == {"low": 64, "high": 64}
        assert face["gender"] == {"probability": 1.0, "value": "female"}
        assert face["landmarks"] == [[25, 35], [55, 35]]  # from left to right, as far as the detector finds them
        assert len(face["embedding"]) == DIMENSION
        assert {"mask", "pose"} & set(face) == set()
    (comparison,) = client.post(
        f"{VERIFY}?face_plugins={plugins}", json={"source_image": text(ALICE), "target_image": text(ALICE, BOB)}
    ).json["result"]
    assert comparison["source_image_face"]["age"] == {"low": 64, "high": 64}
    assert [face["age"]["low"] for face in comparison["face_matches"]] == [64, 224]
    assert [face["embedding"][0] for face in comparison["face_matches"]] == [32, 224]


@pytest.mark.parametrize("engine", [FakeEngine(missing=["gender", "dlib-gender"])], ids=["without"])
def test_plugins_whose_models_are_absent_are_left_out(client):
    (face,) = uploaded(client, DETECT, ALICE, face_plugins="age,gender", status="true")["result"]
    assert set(face) == {"box", "age"}


def test_the_status_names_the_models(client):
    answer = uploaded(client, f"{ROOT}/recognize", ALICE, status="True")
    assert answer["plugins_versions"] == {"detector": "opencv", "calculator": "Dlib"}
    answer = uploaded(client, DETECT, ALICE, status="true", face_plugins="age")
    assert set(answer["plugins_versions"]) == {"detector", "age"}
    assert "plugins_versions" not in uploaded(client, DETECT, ALICE, status="false")


# Errors

IMAGE = {"file": text(ALICE)}
WRONG = [
    ("POST", f"{ROOT}/recognize", None, 400, 34, "file"),
    ("POST", f"{ROOT}/recognize", {"file": text()}, 400, 28, "file"),
    ("POST", f"{ROOT}/recognize", {"file": "nonsense"}, 400, 21, "file"),
    ("POST", f"{ROOT}/recognize", {"file": 1}, 400, 26, "file"),
    ("POST", f"{ROOT}/recognize?limit=-1", IMAGE, 400, 26, "limit"),
    ("POST", f"{ROOT}/recognize?limit=x", IMAGE, 400, 26, "limit"),
    ("POST", f"{ROOT}/recognize?prediction_count=0", IMAGE, 400, 26, "prediction_count"),
    ("POST", f"{ROOT}/recognize?prediction_count=-2", IMAGE, 400, 26, "prediction_count"),
    ("POST", f"{ROOT}/recognize?det_prob_threshold=1.1", IMAGE, 400, 26, "det_prob_threshold"),
    ("POST", f"{ROOT}/recognize?status=perhaps", IMAGE, 400, 26, "status"),
    ("POST", f"{ROOT}/faces", IMAGE, 400, 33, "subject"),
    ("POST", f"{ROOT}/faces?subject=", IMAGE, 400, 33, "subject"),
    ("POST", f"{ROOT}/faces?subject=A%00", IMAGE, 400, 36, "subject"),
    ("POST", f"{ROOT}/faces?subject=A", {"file": text(ALICE, BOB)}, 400, 31, "file"),
    ("POST", f"{ROOT}/faces?subject=A", {"file": text()}, 400, 28, "file"),
    ("POST", f"{ROOT}/faces?subject=A", {}, 400, 5, "file"),
    ("POST", f"{ROOT}/faces?subject=A", None, 400, 34, "file"),
    ("DELETE", f"{ROOT}/faces?subject=", None, 400, 36, "subject"),
    ("GET", f"{ROOT}/faces?size=0", None, 400, 26, "size"),
    ("GET", f"{ROOT}/faces?page=-1", None, 400, 26, "page"),
    ("POST", f"{ROOT}/subjects", {}, 400, 5, "subject"),
    ("POST", f"{ROOT}/subjects", {"subject": ""}, 400, 36, "subject"),
    ("POST", f"{ROOT}/subjects", {"subject": 7}, 400, 36, "subject"),
    ("POST", f"{ROOT}/subjects", [], 400, 26, "object"),
    ("PUT", f"{ROOT}/subjects/A%1b", {"subject": "B"}, 400, 36, "subject"),
    ("POST", VERIFY, {"source_image": text(ALICE)}, 400, 5, "target_image"),
    ("POST", VERIFY, {"source_image": text(ALICE, BOB), "target_image": text(ALICE)}, 400, 31, "source_image"),
    ("POST", VERIFY, {"source_image": text(), "target_image": text(ALICE)}, 400, 28, "source_image"),
    ("POST", VERIFY, {"source_image": text(ALICE), "target_image": text()}, 400, 28, "target_image"),
    ("POST", f"{ROOT}/embeddings/recognize", {}, 400, 5, "embeddings"),
    ("POST", f"{ROOT}/embeddings/recognize", {"embeddings": ["x"]}, 400, 26, "embeddings[0]"),
    ("POST", DETECT, {"file": "/etc/passwd"}, 403, 21, "file"),
    ("POST", DETECT, {"file": "http://127.0.0.1/a.jpg"}, 403, 21, "file"),
    ("POST", f"{ROOT}/nothing", None, 404, 0, ""),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code", "said"), WRONG)
def test_what_is_wrong_is_told_by_comprefaces_numbers(client, method, path, body, status, code, said):
    answer = client.open(path, method=method, json=body) if body is not None else client.open(path, method=method)
    assert_error(answer, status, code, said)


@pytest.mark.parametrize("engine", [FakeEngine(missing=["Dlib"])], ids=["without"])
def test_a_model_that_is_absent_is_an_error_of_the_face_service(make_app):
    app = make_app(default_model="Dlib", preload_models=("opencv",))
    assert_error(upload(app.test_client(), f"{ROOT}/recognize", ALICE), 503, 41, "Dlib")


def test_a_missing_key_and_a_wrong_one_have_numbers_of_their_own(make_app):
    client = make_app(api_keys=(KEY,)).test_client()
    assert_error(client.get(f"{ROOT}/subjects"), 400, 20)
    assert_error(client.get(f"{ROOT}/subjects", headers={"x-api-key": KEY[::-1]}), 404, 10)
    assert client.get(f"{ROOT}/subjects", headers={"x-api-key": KEY}).status_code == 200


def test_poor_photos_are_refused(make_app):
    client = make_app(min_quality=1).test_client()
    assert_error(upload(client, f"{ROOT}/faces", ALICE, subject="A"), 400, 26, "good enough")


# Keys


def test_each_key_has_a_collection_of_its_own(make_app):
    app = make_app(api_keys=(KEY,), default_model="Dlib")
    keys, scopes = services_of(app).access.keys, set(Scope) - {Scope.ADMIN}
    clients = []
    for name in ("one", "two"):
        client = app.test_client()
        client.environ_base["HTTP_X_API_KEY"] = keys.create("x", scopes, collection=name)[1]
        clients.append(client)
    operator = app.test_client()
    operator.environ_base["HTTP_X_API_KEY"] = KEY
    one, two = clients
    assert recognized(one, ALICE)[0]["subjects"] == []  # before the collection exists
    number = add(one, ALICE, "Alice")
    assert operator.get(f"/faces/{number}").json["collection"] == "one"
    for stranger in (two, operator):
        assert subjects(stranger) == listed(stranger)["faces"] == []
        assert recognized(stranger, ALICE)[0]["subjects"] == []
        for method, path in (("DELETE", ""), ("POST", "/verify")):
            answer = stranger.open(f"{ROOT}/faces/{number}{path}", method=method, json=IMAGE)
            assert_error(answer, 404, 44)
        assert stranger.get(f"{ROOT}/faces/{number}/img").data == b""
        assert stranger.delete(f"{ROOT}/faces").json == stranger.delete(f"{ROOT}/subjects").json == {"deleted": 0}
    assert subjects(one) == ["Alice"]


def test_a_key_that_may_only_write_is_not_told_whose_face_it_deletes(make_app):
    app = make_app(api_keys=(KEY,))
    token = services_of(app).access.keys.create("x", {Scope.GALLERY_WRITE})[1]
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = token
    number = add(client, ALICE, "Alice")
    assert client.delete(f"{ROOT}/faces/{number}").json == {"image_id": number}


def test_attributes_and_embeddings_need_the_scope_for_faces(make_app):
    app = make_app(api_keys=(KEY,))
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = services_of(app).access.keys.create("x", {Scope.GALLERY_READ})[1]
    for plugin, status in (("landmarks", 200), ("age", 403), ("gender", 403), ("calculator", 403)):
        assert upload(client, f"{ROOT}/recognize", ALICE, face_plugins=plugin).status_code == status
    assert_error(client.post(f"{ROOT}/embeddings/recognize", json={"embeddings": [[1.0] * 4096]}), 403, 10)


# One gallery


def test_who_is_enrolled_here_is_identified_natively_and_the_other_way_round(client):
    number = add(client, ALICE, "Alice")
    (face,) = client.post("/identify", json={"img": text(ALICE)}).json["result"]
    assert (face["decision"], face["matches"][0]["face_id"]) == ("match", number)
    register_natively(client, BOB, "Bob")
    assert recognized(client, BOB)[0]["subjects"] == [{"subject": "Bob", "similarity": 1.0}]


def test_what_was_decided_and_changed_is_in_the_audit_trail(app):
    client = app.test_client()
    number = add(client, ALICE, "Alice")
    client.post(f"{ROOT}/subjects", json={"subject": "Bob"})
    recognized(client, ALICE)
    uploaded(client, f"{ROOT}/faces/{number}/verify", BOB)
    client.post(VERIFY, json={"source_image": text(ALICE), "target_image": text(BOB)})
    client.put(f"{ROOT}/subjects/Bob", json={"subject": "Robert"})
    client.delete(f"{ROOT}/subjects")
    services_of(app).audit.log.flush(30)
    events = [(one["action"], one["outcome"]) for one in client.get("/audit").json["events"]]
    assert set(events) == {
        ("register", "done"),
        ("add_person", "done"),
        ("identify", "match"),
        ("identify", "unknown"),
        ("verify", "no_match"),
        ("change", "done"),
        ("forget", "done"),
    }
    assert events.count(("forget", "done")) == 2


# The images with the key in the path


@pytest.fixture
def with_images(make_app):
    return make_app(api_keys=(KEY,), doors=("compreface", "compreface-static"))


def test_images_with_the_key_in_the_path_are_closed_by_default(make_app):
    client = make_app(api_keys=(KEY,)).test_client()
    answer = client.get(f"/api/v1/static/{KEY}/images/{UNKNOWN}")
    assert (answer.status_code, answer.json["error_code"]) == (404, "not_found")


def test_images_with_the_key_in_the_path_are_those_of_the_keys_collection(with_images, caplog):
    operator = with_images.test_client()
    operator.environ_base["HTTP_X_API_KEY"] = KEY
    kept = register_natively(operator, BOB, "Bob", store_crop=True)["id"]
    client, keys = with_images.test_client(), services_of(with_images).access.keys
    tokens = {
        "reads": keys.create("x", {Scope.GALLERY_READ})[1],
        "writes": keys.create("x", {Scope.GALLERY_WRITE})[1],
        "elsewhere": keys.create("x", {Scope.GALLERY_READ}, collection="other")[1],
    }
    answers = {name: client.get(f"/api/v1/static/{token}/images/{kept}") for name, token in tokens.items()}
    assert answers["reads"].data == operator.get(f"/faces/{kept}/crop").data
    assert answers["reads"].headers["Cache-Control"] == "no-store"
    assert_error(answers["writes"], 403, 10)
    assert (answers["elsewhere"].status_code, answers["elsewhere"].data) == (200, b"")
    assert_error(client.get(f"/api/v1/static/{KEY[::-1]}/images/{kept}", headers={"x-api-key": KEY}), 404, 10)
    assert not [token for token in (*tokens.values(), KEY[::-1]) if token in caplog.text]


def test_the_header_is_no_key_where_the_path_has_one(with_images):
    client = with_images.test_client()
    answers = [client.get(f"/api/v1/static/wrong/images/{UNKNOWN}") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [404] * 10 + [429]


# Double Take


def test_the_three_calls_of_double_take(client):
    """`api/src/util/detectors/compreface.js` of Double Take: train, recognize, remove."""
    train = upload(client, f"{ROOT}/faces", ALICE, subject="Alice Cooper")
    assert train.status_code == 201
    answer = upload(client, f"{ROOT}/recognize", ALICE, det_prob_threshold=0.8).json
    known = {"name": "alice cooper", "confidence": 100, "match": True, "width": 40, "height": 40}
    assert double_take(answer) == [known]
    stranger = double_take(upload(client, f"{ROOT}/recognize", STRANGER, det_prob_threshold=0.8).json)
    assert [(face["name"], face["match"]) for face in stranger] == [("unknown", False)]
    assert double_take(upload(client, f"{ROOT}/recognize", det_prob_threshold=0.8).json) == []
    assert client.delete(f"{ROOT}/faces?subject=Alice+Cooper").json == {"deleted": 1}


def double_take(data):
    """What Double Take makes of an answer, with its own limits of 40 and 60 percent."""
    if data.get("code") == 28:
        return []
    found = []
    for face in data["result"]:
        best = face["subjects"][0] if face["subjects"] else None
        confidence = round(best["similarity"] * 100, 2) if best else 0
        box = face["box"]
        found.append(
            {
                "name": best["subject"].lower() if best and confidence >= 40 else "unknown",
                "confidence": confidence,
                "match": confidence >= 60,
                "width": box["x_max"] - box["x_min"],
                "height": box["y_max"] - box["y_min"],
            }
        )
    return found


def test_unknown_options_and_fields_are_ignored(client):
    answer = client.post(f"{ROOT}/recognize?timestamp=1&limit=", json={**IMAGE, "x": 1})
    assert answer.status_code == 200
    assert client.get(f"{ROOT}/subjects?x=1").status_code == 200
    assert client.delete(f"{ROOT}/subjects?x=1", headers={"Content-Type": "application/json"}).status_code == 200

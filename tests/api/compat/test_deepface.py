"""The door of DeepFace's own API on the fake engine: bodies, statuses, and what holds as everywhere.

`tests/models/test_deepface_api.py` compares it with DeepFace's application.
"""

import io
from importlib.metadata import version

import pytest

from api.context import services_of
from core.scopes import Scope
from tests.api.v1.test_gallery import register, text
from tests.conftest import KEY
from tests.pictures import ALICE, ALICIA, BOB, MASK, photo, write_photo

STRANGER = (0, 224, 0)  # far from everybody with every model
PAIR = {"img1": text(ALICE), "img2": text(ALICE)}
IMAGE = {"img": text(ALICE)}
AREA = {"x": 20, "y": 30, "w": 40, "h": 40, "left_eye": [55, 35], "right_eye": [25, 35]}


def ask(client, route, **body):
    return client.post(f"/deepface/{route}", json=body)


def asked(client, route, **body):
    answer = ask(client, route, **body)
    assert answer.status_code == 200, answer.text
    return answer.json


def assert_error(answer, status, key, said=""):
    assert (answer.status_code, set(answer.json)) == (status, {key}), answer.text
    assert said in answer.json[key]


@pytest.mark.parametrize("path", ["/deepface", "/deepface/"])
def test_the_home_page_is_deepfaces(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.text == f"<h1>Welcome to DeepFace API v{version('deepface')}!</h1>"


def test_two_images_are_compared_as_deepface_does(client):
    answer = asked(client, "verify", **PAIR)
    assert answer.pop("time") >= 0
    assert answer == {
        "verified": True,
        "distance": 0,
        "threshold": 0.68,
        "confidence": 75,
        "model": "VGG-Face",
        "detector_backend": "opencv",
        "similarity_metric": "cosine",
        "facial_areas": {"img1": AREA, "img2": AREA},
    }


def test_faces_are_embedded_and_analyzed(client):
    one, two = asked(client, "represent", img=text(ALICE, BOB))["results"]
    assert set(one) == {"embedding", "facial_area", "face_confidence"}
    assert (len(one["embedding"]), one["facial_area"], two["facial_area"]["x"]) == (4096, AREA, 80)
    assert len(asked(client, "represent", img=text(ALICE, BOB), max_faces=1)["results"]) == 1
    (face,) = asked(client, "analyze", **IMAGE)["results"]
    assert {"age", "gender", "dominant_race", "emotion", "region", "face_confidence"} < set(face)


@pytest.mark.parametrize("changes", [{"default_alignment": "template", "detection": "full", "default_align": False}])
def test_faces_are_cropped_as_deepface_does_whatever_the_settings(make_app, monkeypatch, changes):
    app = make_app(**changes)
    plans = []
    reader = services_of(app).faces.service._reader
    embedded = reader.embedded

    def watched(source, field, plan, **how):
        plans.append(plan)
        return embedded(source, field, plan, **how)

    monkeypatch.setattr(type(reader), "embedded", lambda _, *args, **how: watched(*args, **how))
    asked(app.test_client(), "represent", **IMAGE, model_name="Dlib")
    (plan,) = plans
    space = plan.space
    assert (space.alignment, space.detection, space.normalization, space.expand_percentage) == (
        "eyes",
        "deepface",
        "base",
        0,
    )
    assert (plan.detection.detector, plan.detection.method, plan.detection.alignment) == ("opencv", "deepface", "eyes")


def kinds(client, **fields):
    """The answers to the same request in every kind of body."""
    yield client.post("/deepface/analyze", json=fields | IMAGE)
    texts = {name: str(value) for name, value in fields.items()}
    yield client.post("/deepface/analyze", data=texts | IMAGE)
    yield client.post("/deepface/analyze", data=texts | {"img": (io.BytesIO(photo(ALICE)), "a.png")})


@pytest.mark.parametrize(
    "actions", ["age, emotion", "[age,emotion]", '["age", "emotion"]', "('age', 'emotion')", "age,emotion,age"]
)
def test_actions_may_be_a_text(client, actions):
    for answer in kinds(client, actions=actions):
        (face,) = answer.json["results"]
        assert set(face) == {"age", "dominant_emotion", "emotion", "region", "face_confidence"}
    assert set(asked(client, "analyze", **IMAGE, actions=["age"])["results"][0]) == {"age", "region", "face_confidence"}


@pytest.mark.parametrize(("value", "is_checked"), [("false", False), ("False", False), ("0", False), ("true", True)])
def test_false_is_false_in_every_kind_of_body(client, value, is_checked):
    body = {"img": text(MASK), "anti_spoofing": value}
    answers = [ask(client, "represent", **body), client.post("/deepface/represent", data=body)]
    answers += [client.post("/deepface/represent", data=body | {"img": (io.BytesIO(photo(MASK)), "a.png")})]
    for answer in answers:
        assert answer.status_code == (400 if is_checked else 200)
    assert ask(client, "represent", **body | {"anti_spoofing": 0}).status_code == 200
    assert len(asked(client, "represent", img=text(ALICE, BOB), max_faces="1")["results"]) == 1


@pytest.mark.parametrize("route", ["represent", "verify", "analyze"])
def test_a_face_that_is_not_live_is_an_error(client, route):
    real, spoof = (
        {"img": text(ALICE), **PAIR},
        {"img": text(ALICE, MASK), "img1": text(ALICE), "img2": text(ALICE, MASK)},
    )
    assert ask(client, route, **real, anti_spoofing=True).status_code == 200
    answer = ask(client, route, **spoof, anti_spoofing=True)
    assert_error(answer, 400, "error", f"Exception while {route.removesuffix('e').removesuffix('y')}")
    assert ask(client, route, **spoof).status_code == 200


# Options, metric and threshold: DeepFace's own, also where the service has measured another.
THRESHOLDS = [
    ({"model_name": "Dlib"}, "cosine", 0.07),
    ({"model_name": "Dlib", "align": False}, "euclidean_l2", 0.4),
    ({"model_name": "Dlib", "detector_backend": "yunet"}, "angular", 0.12),
    ({"model_name": "Facenet"}, "euclidean", 10),
    ({"model_name": "Dlib", "threshold": 0.01}, "cosine", 0.01),
]


@pytest.mark.parametrize(("options", "metric", "threshold"), THRESHOLDS)
def test_thresholds_are_deepfaces(client, options, metric, threshold):
    assert asked(client, "verify", **PAIR, **options, distance_metric=metric)["threshold"] == threshold


def test_where_deepfaces_threshold_does_not_hold_one_is_asked_for(client):
    answer = ask(client, "verify", **PAIR, detector_backend="skip")
    assert_error(answer, 400, "error", "No threshold is known")
    assert asked(client, "verify", **PAIR, detector_backend="skip", threshold=0.3)["threshold"] == 0.3


def test_what_is_no_face_is_nobody(client):
    body = {"img1": text(), "img2": text(), "enforce_detection": False}
    assert asked(client, "verify", **body)["verified"] is False


WRONG = [
    ("represent", {}, 400, "exception", "img: Field required"),
    ("verify", {"img1": text(ALICE)}, 400, "exception", "img2: Field required"),
    ("represent", {"img": 1}, 400, "exception", "img"),
    ("represent", IMAGE | {"model_name": "Elsewhere"}, 400, "error", "Exception while representing: model_name"),
    ("represent", IMAGE | {"detector_backend": "x"}, 400, "error", "detector_backend"),
    ("represent", IMAGE | {"align": "perhaps"}, 400, "error", "align"),
    ("represent", IMAGE | {"max_faces": 0}, 400, "error", "max_faces"),
    ("represent", {"img": text()}, 400, "error", "Exception while representing: img"),
    ("represent", {"img": "nonsense"}, 400, "error", "img"),
    ("represent", {"img": "/etc/passwd"}, 400, "error", "img"),
    ("represent", {"img": "../../etc/passwd"}, 400, "error", "img"),
    ("represent", {"img": "http://127.0.0.1/a.jpg"}, 400, "error", "img"),
    ("verify", PAIR | {"distance_metric": "x"}, 400, "error", "Exception while verifying: distance_metric"),
    ("verify", PAIR | {"threshold": -1}, 400, "error", "threshold"),
    ("verify", PAIR | {"img2": text()}, 400, "error", "img2"),
    ("analyze", IMAGE | {"actions": []}, 400, "error", "Exception while analyzing: actions"),
    ("analyze", IMAGE | {"actions": "shoe size"}, 400, "error", "actions"),
    ("analyze", IMAGE | {"actions": [1]}, 400, "error", "actions"),
    ("analyze", IMAGE | {"actions": 1}, 400, "error", "actions"),
]


@pytest.mark.parametrize(("route", "body", "status", "key", "said"), WRONG)
def test_what_is_wrong_is_told_as_deepface_tells_it(client, route, body, status, key, said):
    answer = ask(client, route, **body)
    assert_error(answer, status, key, said)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_a_400(client, body):
    answer = client.post("/deepface/verify", data=body, content_type="application/json")
    assert_error(answer, 400, "exception")


def test_a_model_that_is_not_installed_names_the_command(make_app, engine):
    engine.missing = {"ArcFace"}
    answer = ask(make_app().test_client(), "represent", **IMAGE, model_name="ArcFace")
    assert_error(answer, 400, "error", "ArcFace is missing")


def test_a_wrong_or_missing_key_is_told_as_deepface_tells_it(make_app):
    client = make_app(api_keys=(KEY,)).test_client()
    for headers in ({}, {"Authorization": f"Bearer {KEY[::-1]}"}):
        answer = client.post("/deepface/represent", json=IMAGE, headers=headers)
        assert (answer.status_code, answer.json) == (401, {"message": "Invalid or missing authentication token"})
    answer = client.post("/deepface/represent", json=IMAGE, headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200


def test_unknown_fields_and_null_are_ignored_and_the_query_string_too(client):
    body = {**PAIR, "silent": True, "threshold": None, "model_name": None}
    assert client.post("/deepface/verify?x=1", json=body).status_code == 200


def test_paths_below_the_photo_folder_need_the_scope_find(make_app, photos):
    write_photo(photos / "alice" / "1.png", ALICE)
    app = make_app(api_keys=(KEY,))
    token = services_of(app).access.keys.create("x", {Scope.FACES})[1]
    client, body = app.test_client(), {"img": "alice/1.png"}
    assert client.post("/deepface/represent", json=body, headers={"X-API-Key": KEY}).status_code == 200
    assert client.post("/deepface/represent", json=body, headers={"X-API-Key": token}).status_code == 400


def test_every_verification_is_recorded(app):
    client = app.test_client()
    asked(client, "verify", **PAIR)
    services_of(app).audit.log.flush(30)
    (row,) = client.get("/verifications").json["verifications"]
    assert (row["verified"], row["model"], row["threshold"]) == (True, "VGG-Face", 0.68)


def registered(client, *colours, **fields):
    return asked(client, "register", img=text(*colours), **fields)["inserted"]


def found(client, *colours, **fields):
    """Name and whether there is a distance, of what a search finds for each face."""
    results = asked(client, "search", img=text(*colours), **fields)["results"]
    return [[(match["img_name"], match["distance"] > 0) for match in matches] for matches in results]


def names(client):
    return [person["name"] for person in client.get("/persons").json["persons"]]


def test_every_face_of_a_photo_is_registered_and_every_stored_face_is_found(client):
    assert registered(client, ALICE, BOB, img_name="Alice") == 2
    assert registered(client, ALICIA, img_name="Alicia") == 1
    options = {"threshold": 0.1}
    assert found(client, ALICE, BOB, **options) == [[("Alice", False), ("Alicia", True)], [("Alice", False)]]
    assert found(client, ALICE, k=1, **options) == [[("Alice", False)]]
    assert found(client, STRANGER, **options) == [[]]
    assert len(found(client, STRANGER, similarity_search=True)[0]) == 3
    assert len(found(client, STRANGER, similarity_search="true", k="2")[0]) == 2
    (person,) = [person for person in client.get("/persons").json["persons"] if person["name"] == "Alice"]
    assert person["faces"] == 2


def test_a_found_face_has_deepfaces_fields(client):
    registered(client, BOB, img_name="Bob", model_name="Dlib", align=False)
    options = {"model_name": "Dlib", "align": False, "l2_normalize": True, "distance_metric": "euclidean"}
    ((match,),) = asked(client, "search", img=text(BOB), **options)["results"]
    assert client.get(f"/faces/{match.pop('id')}").json["model"] == "Dlib"
    assert match == {
        "img_name": "Bob",
        "model_name": "Dlib",
        "detector_backend": "opencv",
        "aligned": False,
        "l2_normalized": True,
        "search_method": "exact",
        "target_x": 20,
        "target_y": 30,
        "target_w": 40,
        "target_h": 40,
        "threshold": 0.4,
        "distance_metric": "euclidean_l2",
        "distance": 0,
        "confidence": match["confidence"],
    }


# What is asked for, and the metric that DeepFace compares with.
METRICS = [
    ({}, "cosine"),
    ({"distance_metric": "angular"}, "angular"),
    ({"distance_metric": "euclidean"}, "euclidean"),
    ({"distance_metric": "euclidean", "l2_normalize": True}, "euclidean_l2"),
    ({"search_method": "ann"}, "euclidean"),
    ({"search_method": "ann", "l2_normalize": "false"}, "euclidean"),
    ({"search_method": "ann", "l2_normalize": True, "distance_metric": "angular"}, "cosine"),
]


@pytest.mark.parametrize(("options", "metric"), METRICS)
def test_the_metric_is_deepfaces(client, options, metric):
    registered(client, ALICE, img_name="Alice")
    ((match,),) = asked(client, "search", img=text(ALICE), **options)["results"]
    assert (match["distance_metric"], match["search_method"]) == (metric, options.get("search_method", "exact"))


# Name of the image, and the person's name.
NAMES = [
    ("alice/1.jpg", "alice"),
    ("alice/2019/1.jpg", "alice"),
    ("/alice/1.jpg", "alice"),
    ("alice.jpg", "alice"),
    ("Alice", "Alice"),
    ("https://example.com/photos/1.jpg", "https://example.com/photos/1.jpg"),
]


@pytest.mark.parametrize(("img_name", "name"), NAMES)
def test_the_person_is_the_first_folder_or_the_stem_of_the_images_name(client, img_name, name):
    registered(client, ALICE, img_name=img_name)
    assert names(client) == [name]


def test_without_a_name_the_person_comes_from_the_path_or_is_new(client, photos):
    for path, who in (("alice/1.png", ALICE), (str(photos / "bob" / "1.png"), BOB)):
        write_photo(photos / path, who)
        assert asked(client, "register", img=path) == {"inserted": 1}
    registered(client, ALICIA)
    assert {"alice", "bob"} < set(names(client))
    assert len(names(client)) == 3


def test_a_name_that_is_none_is_refused(client):
    for name in ("/", "a\nb/1.jpg", "x" * 201, 7):
        answer = ask(client, "register", img=text(ALICE), img_name=name)
        assert_error(answer, 400, "error", "Exception while registering: ")
    assert names(client) == []


def test_poor_faces_are_left_out_and_none_at_all_is_an_error(make_app):
    client = make_app(min_quality=0.99).test_client()
    assert_error(ask(client, "register", img=text(ALICE), img_name="Alice"), 400, "error", "not good enough")
    assert names(client) == []


def test_searching_an_empty_gallery_or_another_model_is_an_error_as_with_deepface(client):
    assert_error(ask(client, "search", img=text(ALICE)), 400, "error", "Exception while searching: ")
    registered(client, ALICE, img_name="Alice")
    assert_error(ask(client, "search", img=text(ALICE), model_name="Dlib"), 400, "error", "no faces")
    assert_error(ask(client, "search", img=text(ALICE), normalization="Facenet"), 400, "error", "threshold")


def test_who_is_registered_here_is_identified_everywhere_and_forgotten_for_good(client):
    registered(client, ALICE, img_name="alice/1.jpg")
    options = {"alignment": "eyes", "detection": "deepface", "detector_backend": "opencv"}
    ((match,),) = [face["matches"] for face in client.post("/identify", json=IMAGE | options).json["result"]]
    assert (match["name"], match["match"]) == ("alice", True)
    assert client.post("/forget", json={"id": match["person_id"]}).status_code == 204
    assert_error(ask(client, "search", img=text(ALICE)), 400, "error")


def test_the_name_of_the_photo_is_kept_with_each_face(client):
    registered(client, ALICE, BOB, img_name="alice/1.jpg")
    registered(client, ALICIA, img_name="alice/2.jpg")
    register(client, ALICE, "Alice", alignment="eyes", detection="deepface")
    matches = found(client, ALICE, threshold=0.1)[0]
    assert sorted(matches) == [("alice", False), ("alice/1.jpg", False), ("alice/2.jpg", True)]
    ((one,),) = asked(client, "search", img=text(BOB), threshold=0.01)["results"]
    assert client.get(f"/faces/{one['id']}").json["photo"] == one["img_name"] == "alice/1.jpg"


def test_the_same_face_is_stored_once_as_with_deepface(client):
    assert registered(client, ALICE, BOB, img_name="alice/1.jpg") == 2
    assert registered(client, ALICE, img_name="alice/1.jpg") == 0
    assert registered(client, ALICE, ALICIA, img_name="eve/1.jpg") == 1
    assert registered(client, BOB, img_name="bob/1.jpg", model_name="Dlib") == 1
    assert registered(client, BOB, img_name="bob/1.jpg", collection="staff") == 1
    assert {
        person["name"]: person["faces"] for person in client.get("/persons?collection=default").json["persons"]
    } == {
        "alice": 2,
        "bob": 1,
        "eve": 1,
    }


def test_the_index_is_always_built(client):
    for answer in (ask(client, "build/index"), client.post("/deepface/build/index", data={"model_name": "Dlib"})):
        assert (answer.status_code, answer.json) == (200, {"message": "Index built successfully"})


def test_a_key_of_a_collection_registers_and_finds_there_only(make_app):
    app = make_app(api_keys=(KEY,))
    scopes = {Scope.GALLERY_READ, Scope.GALLERY_WRITE}
    token = services_of(app).access.keys.create("x", scopes, collection="mine")[1]
    client = app.test_client()

    def post(route, key, **body):
        return client.post(f"/deepface/{route}", json=IMAGE | body, headers={"X-API-Key": key})

    assert post("register", KEY, img_name="Alice").status_code == 200
    assert post("search", token).status_code in (400, 404)
    assert post("search", token, collection="default").status_code == 403
    assert post("register", token, img_name="Eve").status_code == 200
    assert [match["img_name"] for match in post("search", token).json["results"][0]] == ["Eve"]
    assert [match["img_name"] for match in post("search", KEY).json["results"][0]] == ["Alice"]


def test_what_was_decided_is_in_the_audit_trail(app):
    client = app.test_client()
    registered(client, ALICE, BOB, img_name="Alice")
    found(client, ALICE)
    services_of(app).audit.log.flush(30)
    events = [(one["action"], one["outcome"]) for one in client.get("/audit").json["events"]]
    assert events == [("register", "done"), ("recognize", "match")]


def test_who_was_registered_elsewhere_is_found_by_the_services_defaults(make_app):
    client = make_app(default_model="Dlib").test_client()
    kept = register(client, ALICE, "Alice")
    (matches,) = asked(client, "search", **IMAGE)["results"]
    (match,) = matches
    assert (match["id"], match["img_name"], match["model_name"]) == (kept["id"], "Alice", "Dlib")
    assert (match["distance"], match["threshold"]) == (0, 0.083)
    assert asked(client, "search", img=text(STRANGER))["results"] == [[]]
    (every,) = asked(client, "search", img=text(STRANGER), similarity_search=True)["results"]
    assert [match["img_name"] for match in every] == ["Alice"]


def test_the_nearest_for_their_thresholds_come_first(make_app):
    client = make_app(default_model="Dlib").test_client()
    registered(client, ALICIA, img_name="Alicia")
    register(client, ALICE, "Alice")
    (matches,) = asked(client, "search", **IMAGE)["results"]
    assert [(match["img_name"], match["model_name"]) for match in matches] == [
        ("Alice", "Dlib"),
        ("Alicia", "VGG-Face"),
    ]
    assert [matches[0]] == asked(client, "search", **IMAGE, k=1)["results"][0]


def test_a_stricter_threshold_of_the_request_is_stricter_for_everybody(make_app):
    client = make_app(default_model="Dlib").test_client()
    register(client, ALICIA, "Alicia")
    ((match,),) = asked(client, "search", **IMAGE)["results"]
    half = asked(client, "search", **IMAGE, threshold=0.34, similarity_search=True)["results"][0][0]
    assert (match["threshold"], half["threshold"]) == (0.083, pytest.approx(0.0415))
    looser = asked(client, "search", **IMAGE, threshold=1.5)["results"][0][0]
    assert looser["threshold"] == 0.083


def test_who_was_registered_here_is_found_by_the_model_of_the_request_only(make_app):
    client = make_app(default_model="Dlib").test_client()
    registered(client, ALICE, img_name="Alice")
    (match,) = asked(client, "search", **IMAGE)["results"][0]
    assert match["model_name"] == "VGG-Face"
    assert_error(ask(client, "search", **IMAGE, model_name="ArcFace"), 400, "error", "no faces")
    register(client, BOB, "Bob")
    found = asked(client, "search", img=text(BOB), model_name="ArcFace", similarity_search=True)["results"][0]
    assert [one["img_name"] for one in found] == ["Bob"]


def test_the_audit_trail_has_the_model_that_decided(make_app):
    app = make_app(default_model="Dlib")
    client = app.test_client()
    kept = register(client, ALICE, "Alice")
    asked(client, "search", **IMAGE)
    services_of(app).audit.log.flush(30)
    (event,) = [one for one in client.get("/audit").json["events"] if one["action"] == "recognize"]
    assert (event["outcome"], event["face_id"]) == ("match", kept["id"])
    assert (event["details"]["model"], event["details"]["threshold"]) == ("Dlib", 0.083)

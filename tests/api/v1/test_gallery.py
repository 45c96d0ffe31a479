"""The gallery's endpoints on the fake engine and a SQLite file."""

import io
import json
from base64 import b64encode

import cv2
import numpy as np
import pytest

from tests.conftest import KEY, assert_error
from tests.pictures import ALICE, ALICIA, BOB, MASK, Block, encoded, photo, picture

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def text(*colours):
    return b64encode(photo(*colours)).decode()


def register(client, colour, name, headers=None, **options):
    response = client.post("/register", json={"img": text(colour), "name": name, **options}, headers=headers)
    assert response.status_code == 201, response.json
    return response.json


def identify(client, *colours, route="identify", threshold=0.01, **options):
    options = {"img": text(*colours), "threshold": threshold} | options
    response = client.post(f"/{route}", json=options)
    assert response.status_code == 200, response.json
    return response.json["result"]


def names(face):
    return [match["name"] for match in face["matches"]]


def test_a_registered_face_is_identified(client):
    kept = register(client, ALICE, "Alice", labels={"team": "blue"}, metadata={"n": 1})
    assert (kept["name"], kept["collection"], kept["face_confidence"]) == ("Alice", "default", 0.9)
    assert kept["facial_area"]["x"] == 20
    assert set(kept["quality"]) == {"sharpness", "brightness", "size_px", "turn", "score"}
    alice, bob = identify(client, ALICE, BOB)
    assert (alice["decision"], names(alice)) == ("match", ["Alice"])
    (match,) = alice["matches"]
    assert (match["person_id"], match["face_id"]) == (kept["person_id"], kept["id"])
    assert (match["distance"], match["similarity"], match["match"], match["labels"]) == (0, 1, True, {"team": "blue"})
    assert (bob["decision"], names(bob), bob["matches"][0]["match"]) == ("unknown", ["Alice"], False)


def test_all_within_the_threshold_are_recognized_and_nobody_else(client):
    (nobody,) = identify(client, ALICE, route="recognize")
    assert (nobody["decision"], nobody["reason"]) == ("unknown", "No enrolled persons to compare with.")
    for number in range(12):
        register(client, ALICE, f"{number}")
    alice, bob = identify(client, ALICE, BOB, route="recognize")
    assert (alice["decision"], len(alice["matches"])) == ("ambiguous", 12)
    assert {match["match"] for match in alice["matches"]} == {True}
    assert (bob["decision"], bob["reason"], bob["matches"]) == ("unknown", "No person is within the threshold.", [])
    (alice,) = identify(client, ALICE, route="recognize", top_k=3)
    assert (alice["decision"], len(alice["matches"])) == ("ambiguous", 3)


@pytest.mark.parametrize("route", ["identify", "recognize"])
def test_whom_and_where_nobody_knows_is_not_looked_for(client, route):
    alice = register(client, ALICE, "Alice", collection="staff")["person_id"]
    probe = {"img": text(ALICE)}
    assert client.post(f"/{route}", json=probe).json["result"][0]["decision"] == "unknown"
    assert_error(client.post(f"/{route}", json=probe | {"collection": "nowhere"}), 404, "not_found")
    for number in (UNKNOWN, "x", alice):  # who is in another collection
        assert_error(client.post(f"/{route}", json=probe | {"person_id": number}), 404, "person_not_found")
    asked = probe | {"collection": "staff", "person_id": alice}
    assert names(client.post(f"/{route}", json=asked).json["result"][0]) == ["Alice"]
    client.delete(f"/persons/{alice}")
    assert client.post(f"/{route}", json=probe | {"collection": "staff"}).json["result"][0]["matches"] == []


@pytest.mark.parametrize("route", ["register", "identify"])
def test_forms_and_raw_images_do_as_well(client, route):
    options = {"name": "Alice", "labels": json.dumps({"a": "b"})} if route == "register" else {"top_k": "3"}
    status = 201 if route == "register" else 200
    form = {"img": (io.BytesIO(photo(ALICE)), "a.png"), **options}
    assert client.post(f"/{route}", data=form).status_code == status
    raw = client.post(f"/{route}", data=photo(ALICE), content_type="image/png", query_string=options)
    assert raw.status_code == status, raw.json


def test_two_persons_about_equally_near_are_ambiguous(client):
    register(client, ALICE, "Alice")
    register(client, ALICIA, "Alicia")
    (face,) = identify(client, ALICE)
    assert (face["decision"], names(face)) == ("match", ["Alice", "Alicia"])
    register(client, ALICE, "Twin")
    (face,) = identify(client, ALICE)
    assert (face["decision"], sorted(names(face)[:2])) == ("ambiguous", ["Alice", "Twin"])
    (face,) = identify(client, ALICE, top_k=1)
    assert (face["decision"], len(face["matches"])) == ("ambiguous", 1)


def test_identification_may_be_narrowed_and_by_embedding(client):
    alice = register(client, ALICE, "Alice", labels={"team": "red"})
    register(client, BOB, "Bob", labels={"team": "blue"})
    assert names(identify(client, ALICE, labels={"team": "blue"})[0]) == ["Bob"]
    assert names(identify(client, BOB, person_id=alice["person_id"])[0]) == ["Alice"]
    embedding = client.post("/represent", json={"img": text(BOB)}).json["result"][0]["embedding"]
    response = client.post("/identify", json={"embedding": embedding})
    (face,) = response.json["result"]
    assert (face["decision"], names(face)[0]) == ("match", "Bob")
    assert "facial_area" not in face
    wrong = client.post("/identify", json={"embedding": [1.0, 2.0]})
    body = assert_error(wrong, 422, "validation_error", "embedding")
    assert client.post("/identify", json={"embedding": [3e38] * 4096}).json["result"][0]["matches"]
    for number in (1e39, -1e300):
        wrong = client.post("/identify", json={"embedding": [number] * 4096})
        assert_error(wrong, 422, "validation_error", "embedding[0]")
        wrong = client.post("/compare", json={"source_vector": [1.0], "target_vectors": [[number]]})
        assert_error(wrong, 422, "validation_error", "target_vectors[0].vector[0]")
    assert "2 numbers" in body["details"]["fields"][0]["msg"]
    assert "4096" in body["details"]["fields"][0]["msg"]


def test_a_model_the_collection_does_not_hold_is_named_with_those_it_does(client, engine):
    assert identify(client, ALICE, model_name="Dlib")[0]["decision"] == "unknown"
    register(client, ALICE, "Alice")
    response = client.post("/identify", json={"img": text(ALICE), "model_name": "Dlib"})
    body = assert_error(response, 422, "validation_error", "model_name")
    way = "VGG-Face (alignment eyes, detection bounded, normalization base, expand_percentage 0)"
    assert way in body["details"]["fields"][0]["msg"]
    engine.missing = {"VGG-Face"}
    bob = register(client, BOB, "Bob", model_name="Dlib")["person_id"]
    register(client, ALICE, "Alice", model_name="Dlib")
    engine.missing = set()
    assert identify(client, ALICE, model_name="Dlib")[0]["decision"] == "match"
    for path, image in (("/identify", "img"), ("/verify", "img1")):
        body = assert_error(
            client.post(path, json={image: text(BOB), "person_id": bob}), 422, "validation_error", "model_name"
        )
        assert "The person has no faces of this model" in body["details"]["fields"][0]["msg"]
        assert "Dlib (alignment template, " in body["details"]["fields"][0]["msg"]


def test_a_spoof_is_nobodys_match(client):
    register(client, ALICE, "Alice")
    for spoof, routes in (((32, 64, 32), "live"), ((32, 64, 96), "live")):  # not real; real, but below the threshold
        near, judged = identify(client, spoof, threshold=2), identify(client, spoof, threshold=2, anti_spoofing=True)
        assert (near[0]["decision"], near[0]["matches"][0]["match"]) == ("match", True)
        assert (judged[0]["decision"], judged[0]["is_real"]) == ("unknown", False)
        assert (names(judged[0]), judged[0]["matches"][0]["match"]) == (["Alice"], False)
        assert routes in judged[0]["reason"]
        (face,) = identify(client, spoof, route="recognize", threshold=2, anti_spoofing=True)
        assert (face["decision"], face["matches"]) == ("unknown", [])


def test_photos_that_are_not_to_be_registered(client):
    two = {"img": text(ALICE, BOB), "name": "x"}
    assert_error(client.post("/register", json=two), 422, "several_faces", "img")
    assert_error(client.post("/register", json={"img": text(), "name": "x"}), 422, "no_face_detected", "img")
    spoof = {"img": text(MASK), "name": "x", "anti_spoofing": True}
    assert_error(client.post("/register", json=spoof), 422, "spoof_detected", "img")
    dull = assert_error(
        client.post("/register", json={"img": text(ALICE), "name": "x", "min_quality": 0.9}), 422, "low_quality", "img"
    )
    assert "blurred" in dull["details"]["reasons"]
    assert client.get("/persons").json["persons"] == []
    assert client.post("/register", json=two | {"face_policy": "largest"}).status_code == 201
    assert client.post("/register", json=two | {"max_faces": 1}).status_code == 201


def test_a_face_somebody_else_has_is_kept_refused_or_given_to_them(client):
    alice = register(client, ALICE, "Alice")
    other = {"img": text(ALICE), "name": "Other"}
    body = assert_error(client.post("/register", json=other | {"on_duplicate": "reject"}), 409, "conflict")
    assert body["details"] == {"person_id": alice["person_id"], "name": "Alice", "distance": 0.0}
    merged = client.post("/register", json=other | {"on_duplicate": "merge"}).json
    assert merged["person_id"] == alice["person_id"]
    again = register(client, ALICE, "Alice", on_duplicate="reject")
    assert again["person_id"] == alice["person_id"]
    assert register(client, ALICE, "Other")["person_id"] != alice["person_id"]


def test_without_the_person_nothing_is_told_of_faces(client, engine):
    register(client, ALICE, "Alice")
    theirs = register(client, ALICE, "Alice", collection="theirs")["person_id"]
    embedded = engine.embedded
    for person in (UNKNOWN, "x", theirs):
        for choice in ("reject", "merge", "allow"):
            asked = {"img": text(ALICE), "person_id": person, "on_duplicate": choice}
            assert_error(client.post("/register", json=asked), 404, "person_not_found")
    assert engine.embedded == embedded


def test_a_request_sent_again_answers_as_the_first_and_stores_nothing(client):
    headers = {"Idempotency-Key": "k1"}
    first = register(client, ALICE, "Alice", headers=headers)
    assert register(client, ALICE, "Alice", headers=headers) == first
    client.patch(f"/persons/{first['person_id']}", json={"name": "Anna"})
    assert register(client, ALICE, "Alice", headers=headers) == first | {"name": "Anna"}
    assert client.get(f"/persons/{first['person_id']}").json["faces"] == 1
    other = client.post("/register", json={"img": text(BOB), "name": "Bob"}, headers=headers)
    assert_error(other, 409, "conflict")
    for key in ("", "k" * 201):
        wrong = client.post("/register", json={"img": text(BOB), "name": "Bob"}, headers={"Idempotency-Key": key})
        assert_error(wrong, 422, "validation_error", "Idempotency-Key")


def test_a_request_sent_again_answers_who_has_the_face_now(client):
    headers = {"Idempotency-Key": "k1"}
    first, bob = register(client, ALICE, "Alice", headers=headers), register(client, BOB, "Bob")["person_id"]
    client.post(f"/persons/{bob}/merge", json={"person_ids": [first["person_id"]]})
    again = register(client, ALICE, "Alice", headers=headers)
    assert again == first | {"person_id": bob, "name": "Bob"}
    assert [person["name"] for person in client.get("/persons").json["persons"]] == ["Bob"]
    client.delete(f"/faces/{first['id']}")
    for _ in range(2):
        again = client.post("/register", json={"img": text(ALICE), "name": "Alice"}, headers=headers)
        assert_error(again, 409, "conflict")
        assert "Bob" not in again.text
    assert client.get(f"/persons/{bob}").json["faces"] == 1


def test_the_forgotten_are_not_found_any_more(client):
    alice, bob = register(client, ALICE, "Alice"), register(client, BOB, "Bob")
    response = client.post("/forget", json={"id": alice["id"]})
    assert (response.status_code, response.data) == (204, b"")
    assert int(response.headers["X-Receipt-Id"]) > 0
    declared = client.get("/openapi.json").json["paths"]["/forget"]["post"]["responses"]["204"]
    assert set(declared["headers"]) == {"X-Receipt-Id"}
    assert client.get(f"/persons/{alice['person_id']}").json["faces"] == 0
    assert names(identify(client, ALICE)[0]) == ["Bob"]
    receipt = client.delete(f"/persons/{bob['person_id']}")
    assert (receipt.status_code, receipt.json["person_id"], receipt.json["bytes_gone"]) == (200, bob["person_id"], True)
    assert identify(client, BOB)[0]["matches"] == []
    for number in (bob["person_id"], bob["id"], UNKNOWN, "x"):
        assert_error(client.post("/forget", json={"id": number}), 404, "person_not_found")
    assert_error(client.delete(f"/faces/{bob['id']}"), 404, "face_not_found")
    assert client.delete(f"/faces/{register(client, BOB, 'Bob')['id']}").status_code == 200


def test_persons_are_listed_changed_and_merged(client):
    kept = {name: register(client, ALICE, name, labels={"x": name})["person_id"] for name in ("Ann", "Bob", "Cid")}
    page = client.get("/persons", query_string={"limit": 2}).json
    assert [person["name"] for person in page["persons"]] == ["Ann", "Bob"]
    rest = client.get("/persons", query_string={"limit": 2, "cursor": page["next_cursor"]}).json
    assert ([person["name"] for person in rest["persons"]], rest["next_cursor"]) == (["Cid"], None)
    found = client.get("/persons", query_string={"labels": '{"x": "Bob"}', "name": "b"}).json["persons"]
    assert [person["id"] for person in found] == [kept["Bob"]]
    path = f"/persons/{kept['Ann']}"
    changed = client.patch(path, json={"name": "Anna", "retain_until": "2030-01-02T03:04:05Z"}).json
    assert (changed["name"], changed["labels"]) == ("Anna", {"x": "Ann"})
    assert changed["retain_until"].startswith("2030-01-02T03:04:05")
    assert client.patch(path, json={"retain_until": None}).json["retain_until"] is None
    assert_error(client.patch(path, json={"name": "Bob"}), 409, "conflict")
    merged = client.post(f"{path}/merge", json={"person_ids": [kept["Bob"], kept["Cid"]]}).json
    assert merged["faces"] == 3
    person = client.get(path).json
    assert len(person["face_list"]) == 3
    assert {face["person_id"] for face in person["face_list"]} == {kept["Ann"]}
    assert_error(client.get(f"/persons/{kept['Bob']}"), 404, "person_not_found")


def test_the_faces_of_a_person_come_page_by_page(client):
    (person_id,) = {register(client, ALICE, "Ann")["person_id"] for _ in range(5)}
    seen, query = [], {"limit": 2}
    while True:
        page = client.get(f"/persons/{person_id}", query_string=query).json
        assert (page["faces"], len(page["face_list"]) <= 2) == (5, True)
        seen += [face["id"] for face in page["face_list"]]
        if page["next_cursor"] is None:
            break
        query = {"limit": 2, "cursor": page["next_cursor"]}
    whole = client.get(f"/persons/{person_id}").json
    assert (seen, whole["next_cursor"]) == ([face["id"] for face in whole["face_list"]], None)
    for query in ({"cursor": "x"}, {"limit": 0}, {"limit": 1001}, {"page": 2}):
        assert_error(client.get(f"/persons/{person_id}", query_string=query), 422, "validation_error", *query)


def test_a_merge_says_until_when_the_person_is_kept(client):
    ann = register(client, ALICE, "Ann")["person_id"]
    bob = register(client, BOB, "Bob", retain_until="2030-01-02T03:04:05Z")["person_id"]
    path = f"/persons/{ann}/merge"
    assert_error(client.post(path, json={"person_ids": [bob]}), 409, "conflict")
    merged = client.post(path, json={"person_ids": [bob.upper()], "retain_until": None}).json
    assert (merged["faces"], merged["retain_until"]) == (2, None)


def test_an_id_means_the_same_in_capitals(client):
    person = register(client, ALICE, "Alice")["person_id"]
    again = {"img": text(ALICE), "person_id": person.upper(), "on_duplicate": "reject"}
    assert client.post("/register", json=again).json["person_id"] == person
    assert client.get(f"/persons/{person.upper()}").json["faces"] == 2
    assert client.post("/verify", json={"img1": text(ALICE), "person_id": person.upper()}).json["verified"] is True


def test_a_crop_is_kept_only_where_that_was_asked_for(client):
    face = register(client, ALICE, "Alice", store_crop=True)
    crop = client.get(f"/faces/{face['id']}/crop")
    assert (crop.status_code, crop.mimetype) == (200, "image/png")
    assert cv2.imdecode(np.frombuffer(crop.data, np.uint8), cv2.IMREAD_COLOR).shape == (40, 40, 3)
    assert client.get(f"/faces/{face['id']}").json["has_crop"] is True
    plain = register(client, ALICE, "Alice")
    assert client.get(f"/faces/{plain['id']}").json["has_crop"] is False
    assert_error(client.get(f"/faces/{plain['id']}/crop"), 404, "face_not_found")
    assert "embedding" not in client.get(f"/faces/{plain['id']}").text


def test_collections_are_kept_apart(client):
    assert client.post("/collections", json={"name": "staff"}).status_code == 201
    assert_error(client.post("/collections", json={"name": "staff"}), 409, "conflict")
    register(client, ALICE, "Alice", collection="staff")
    register(client, ALICE, "Alice", collection="guests")
    listed = client.get("/collections").json["collections"]
    assert listed == [{"name": name, "persons": 1} for name in ("guests", "staff")]
    assert identify(client, ALICE)[0]["matches"] == []
    assert names(identify(client, ALICE, collection="staff")[0]) == ["Alice"]
    assert_error(client.delete("/collections/staff"), 409, "conflict")
    assert client.delete("/collections/staff?with_persons=true").status_code == 200
    assert_error(client.post("/identify", json={"img": text(ALICE), "collection": "staff"}), 404, "not_found")
    assert_error(client.delete("/collections/staff"), 404, "not_found")


def test_quality_says_what_is_wrong_and_what_to_do(client):
    dull = client.post("/quality", json={"img": text(ALICE, BOB)}).json
    assert (dull["acceptable"], dull["count"]) == (False, 2)
    assert dull["reasons"][0] == "several_faces"
    assert len(dull["advice"]) == len(dull["reasons"])
    small = encoded(picture(Block(ALICE, w=20, h=20)))
    (face,) = client.post("/quality", data=small, content_type="image/png").json["result"]
    assert {"blurred", "too_small"} <= set(face["reasons"])
    assert face["quality"]["size_px"] == 20
    assert face["quality"]["turn"] == 0  # the detector gives no nose, but the second look does
    dark = client.post("/quality", data=photo((0, 0, 64)), content_type="image/png").json
    assert "too_dark" in dark["reasons"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "img"),
        ({"img": "a"}, "body"),
        ({"img": "a", "name": "x", "person_id": "y"}, "body"),
        ({"img": "a", "name": " "}, "name"),
        ({"img": "a", "name": "a\nb"}, "name"),
        ({"img": "a", "name": "x" * 201}, "name"),
        ({"img": "a", "name": "x", "collection": "../x"}, "collection"),
        ({"img": "a", "name": "x", "labels": {"a b": "c"}}, "labels.a b.[key]"),
        ({"img": "a", "name": "x", "labels": {"a": 1}}, "labels.a"),
        ({"img": "a", "name": "x", "metadata": {"a": "b" * 10_000}}, "metadata"),
        ({"img": "a", "name": "x", "metadata": {"a": "\0"}}, "metadata"),
        ({"img": "a", "name": "x", "metadata": {"\ud800": 1}}, "metadata"),
        ({"img": "a", "name": "\ud800"}, "name"),
        ({"img": "a", "name": "x", "retain_until": "2030-01-01T00:00:00"}, "retain_until"),
        ({"img": "a", "name": "x", "min_quality": 2}, "min_quality"),
    ],
)
def test_a_wrong_registration_names_the_field(client, body, field):
    assert_error(client.post("/register", json=body), 422, "validation_error", field)


def test_an_infinite_number_is_no_metadata(client):
    body = '{"img": "a", "name": "x", "metadata": {"a": 1e999}}'
    response = client.post("/register", data=body, content_type="application/json")
    assert_error(response, 422, "validation_error", "metadata")


def test_names_that_no_database_could_hold_are_nobodys(client):
    assert_error(client.delete("/collections/%00"), 404, "not_found")
    assert_error(client.get("/persons", query_string={"name": "\0"}), 422, "validation_error", "name")
    for path in ("/persons/%00", "/faces/%00", "/faces/%FF/crop"):
        assert client.get(path).status_code == 404


def test_unknown_persons_are_404_wherever_they_are_named(client):
    assert_error(client.post("/register", json={"img": text(ALICE), "person_id": UNKNOWN}), 404, "person_not_found")
    for method, path, body in (
        ("GET", f"/persons/{UNKNOWN}", None),
        ("PATCH", f"/persons/{UNKNOWN}", {}),
        ("DELETE", f"/persons/{UNKNOWN}", None),
        ("POST", f"/persons/{UNKNOWN}/merge", {"person_ids": ["x"]}),
    ):
        assert_error(client.open(path, method=method, json=body), 404, "person_not_found")
    for path in (f"/faces/{UNKNOWN}", "/faces/x", f"/faces/{UNKNOWN}/crop"):
        assert_error(client.get(path), 404, "face_not_found")


def test_a_database_that_does_not_answer_is_503_and_faces_are_still_verified(make_app):
    app = make_app(database_url="postgresql://nobody@127.0.0.1:1/nothing", api_keys=(KEY,))
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = KEY
    assert_error(client.get("/persons"), 503, "service_unavailable")
    assert_error(client.post("/register", json={"img": text(ALICE), "name": "x"}), 503, "service_unavailable")
    assert client.post("/verify", json={"img1": text(ALICE), "img2": text(ALICE)}).status_code == 200
    body = client.get("/ready").json
    assert (body["error_code"], "nobody" in json.dumps(body)) == ("service_unavailable", False)

"""/verify against a person of the gallery, and the log of its decisions."""

from api.context import services_of
from tests.api.v1.test_gallery import UNKNOWN, register, text
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE, ALICIA, BOB, MASK


def test_an_image_is_verified_against_a_person(client):
    alice = register(client, ALICE, "Alice")
    register(client, ALICIA, "Alice")
    body = {"img1": text(BOB, ALICIA), "person_id": alice["person_id"], "threshold": 0.001}
    answer = client.post("/verify", json=body).json
    assert (answer["verified"], answer["distance"], answer["person_id"]) == (True, 0.0, alice["person_id"])
    assert answer["face_id"] != alice["id"]
    assert set(answer["facial_areas"]) == {"img1"}
    assert answer["facial_areas"]["img1"]["x"] == 80
    assert client.post("/verify", json=body | {"img1": text(BOB)}).json["verified"] is False
    spoof = client.post("/verify", json=body | {"img1": text(MASK), "threshold": 2, "anti_spoofing": True}).json
    assert (spoof["verified"], spoof["img1_is_real"]) == (False, False)
    assert_error(client.post("/verify", json=body | {"person_id": UNKNOWN}), 404, "person_not_found")
    assert_error(client.post("/verify", json=body | {"img1": text()}), 422, "no_face_detected", "img1")
    assert_error(client.post("/verify", json=body | {"model_name": "Dlib"}), 422, "validation_error", "model_name")
    assert_error(client.post("/verify", json=body | {"img2": text(BOB)}), 422, "validation_error", "img2")
    assert_error(client.post("/verify", json={"img1": text(BOB)}), 422, "validation_error", "img2")


def test_every_verification_is_on_record_without_the_images(app):
    client = app.test_client()
    alice = register(client, ALICE, "Alice")
    first = client.post("/verify", json={"img1": text(ALICE), "img2": text(BOB), "threshold": 0.01})
    client.post("/verify", json={"img1": text(ALICE), "person_id": alice["person_id"]})
    assert services_of(app).audit.log.flush(10)
    listed = client.get("/verifications").json
    one, other = listed["verifications"]
    assert (one["verified"], one["distance"], one["threshold"]) == (False, first.json["distance"], 0.01)
    assert (one["model"], one["person_id"], one["key_id"]) == ("VGG-Face", "", "")
    assert one["request_id"] == first.headers["X-Request-Id"]
    assert (other["verified"], other["person_id"], listed["next_after"]) == (True, alice["person_id"], None)
    page = client.get("/verifications", query_string={"limit": 1}).json
    assert (page["verifications"], page["next_after"]) == ([one], f"1-{one['id']}")
    rest = client.get("/verifications", query_string={"after": page["next_after"]}).json
    assert rest["verifications"] == [other]


def test_where_that_is_switched_off_only_verifications_against_a_person_are_kept(make_app):
    app = make_app(record_verifications=False)
    client = app.test_client()
    alice = register(client, ALICE, "Alice")
    client.post("/verify", json={"img1": text(ALICE), "img2": text(BOB)})
    client.post("/verify", json={"img1": text(ALICE), "person_id": alice["person_id"]})
    assert services_of(app).audit.log.flush(10)
    (kept,) = client.get("/verifications").json["verifications"]
    assert kept["person_id"] == alice["person_id"]


def test_a_database_that_is_away_delays_no_verification_and_loses_no_answer(make_app, capsys):
    app = make_app(database_url="postgresql://nobody@127.0.0.1:1/nothing", api_keys=(KEY,))
    pair = {"img1": text(ALICE), "img2": text(ALICE)}
    answer = app.test_client().post("/verify", json=pair, headers={"X-API-Key": KEY})
    assert answer.json["verified"] is True
    assert not services_of(app).audit.log.flush(5)
    assert "audit events cannot be recorded" in capsys.readouterr().out

"""The faces of a person over HTTP: set aside, moved, and shown as thumbnails."""

from base64 import b64decode

import cv2
import numpy as np
import pytest

from api.context import services_of
from core.scopes import Scope
from services.gallery.store.values import Registration
from tests.api.v1.test_gallery import UNKNOWN, identify, names, register, text
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE, ALICIA, BOB, encoded, picture
from tests.services.gallery.store.test_store import REGISTER, face

FACE = {"store_crop": True}


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_a_face_is_set_aside_and_compared_again(client):
    alice = register(client, ALICE, "Alice")
    path = f"/faces/{alice['id']}"
    assert client.get(path).json["set_aside"] is False
    changed = client.patch(path, json={"set_aside": True})
    assert changed.status_code == 200
    assert changed.json == client.get(path).json
    assert changed.json["set_aside"] is True
    (nobody,) = identify(client, ALICE)
    assert (nobody["decision"], nobody["matches"]) == ("unknown", [])
    refused = client.post("/verify", json={"img1": text(ALICE), "person_id": alice["person_id"], "threshold": 0.01})
    assert_error(refused, 422, "validation_error", "model_name")
    assert client.get(f"/persons/{alice['person_id']}").json["faces"] == 1
    assert client.patch(path, json={"set_aside": False}).json["set_aside"] is False
    assert names(identify(client, ALICE)[0]) == ["Alice"]
    assert client.patch(path, json={}).json == client.get(path).json


def test_a_face_is_moved_to_another_person(client):
    alice, bob = register(client, ALICE, "Alice"), register(client, BOB, "Bob")
    moved = client.patch(f"/faces/{alice['id']}", json={"person_id": bob["person_id"]})
    assert (moved.status_code, moved.json["person_id"]) == (200, bob["person_id"])
    assert names(identify(client, ALICE)[0]) == ["Bob"]
    assert client.get(f"/persons/{alice['person_id']}").json["faces"] == 0
    assert [one["id"] for one in client.get(f"/persons/{bob['person_id']}").json["face_list"]] == [
        alice["id"],
        bob["id"],
    ]


def test_what_cannot_be_changed_is_said(client, app):
    alice, eve = register(client, ALICE, "Alice"), register(client, BOB, "Eve", collection="staff")
    path = f"/faces/{alice['id']}"
    for person_id in (UNKNOWN, "x", eve["person_id"]):
        assert_error(client.patch(path, json={"person_id": person_id}), 404, "person_not_found")
    for face_id in (UNKNOWN, "x", "%00"):
        assert_error(client.patch(f"/faces/{face_id}", json={"set_aside": True}), 404, "face_not_found")
    assert_error(client.patch(path, json={"set_aside": "yes"}), 422, "validation_error", "set_aside")
    assert_error(client.patch(path, json={"name": "x"}), 422, "validation_error", "name")
    assert services_of(app).audit.log.flush(30)
    events = client.get("/audit?action=change_face").json["events"]
    assert [(event["outcome"], event["face_id"]) for event in events] == [
        *[("refused", alice["id"])] * 3, ("refused", UNKNOWN), ("refused", ""), ("refused", ""),
    ]  # fmt: skip


def test_a_change_of_a_face_is_in_the_trail(client, app):
    alice, bob = register(client, ALICE, "Alice"), register(client, BOB, "Bob")
    client.patch(f"/faces/{alice['id']}", json={"person_id": bob["person_id"], "set_aside": True})
    assert services_of(app).audit.log.flush(30)
    (event,) = client.get("/audit?action=change_face").json["events"]
    assert (event["outcome"], event["person_id"], event["face_id"]) == ("done", bob["person_id"], alice["id"])
    assert event["details"] == {"fields": ["person_id", "set_aside"], "moved_from": alice["person_id"]}


def test_a_key_that_may_not_read_is_told_the_id_alone(make_app):
    app = make_app(api_keys=(KEY,))
    alice = register(app.test_client(), ALICE, "Alice", {"X-API-Key": KEY})
    key = services_of(app).access.keys.create("x", {Scope.GALLERY_WRITE})[1]
    changed = app.test_client().patch(f"/faces/{alice['id']}", json={"set_aside": True}, headers={"X-API-Key": key})
    assert changed.json == {"success": True, "id": alice["id"]}


def test_a_list_of_persons_names_the_face_to_show(client):
    plain = register(client, ALICE, "Alice")
    kept = register(client, ALICIA, None, person_id=plain["person_id"], **FACE)
    register(client, BOB, "Bob")
    alice, bob = client.get("/persons").json["persons"]
    assert (alice["cover_face_id"], alice["has_crop"], bob["has_crop"]) == (kept["id"], True, False)
    client.delete(f"/faces/{bob['cover_face_id']}")
    assert client.get(f"/persons/{bob['id']}").json["cover_face_id"] is None


def test_a_crop_is_answered_in_the_size_that_is_asked_for(client):
    path = f"/faces/{register(client, ALICE, 'Alice', **FACE)['id']}/crop"
    assert decoded(client.get(path).data).shape == (40, 40, 3)
    for size, side in ((16, 16), (40, 40), (1024, 40)):
        answer = client.get(f"{path}?size={size}")
        assert (answer.status_code, answer.mimetype, decoded(answer.data).shape) == (200, "image/png", (side, side, 3))
    for size in ("15", "1025", "x", ""):
        assert_error(client.get(f"{path}?size={size}"), 422, "validation_error", "size")


def test_the_crops_of_many_faces_come_in_one_answer(client):
    alice, bob = register(client, ALICE, "Alice", **FACE), register(client, BOB, "Bob", **FACE)
    plain = register(client, ALICIA, "Plain")
    answer = client.post(
        "/faces/crops", json={"ids": [bob["id"], plain["id"], UNKNOWN, "x", alice["id"], bob["id"]], "size": 24}
    )
    assert answer.status_code == 200
    crops = answer.json["crops"]
    assert [crop["id"] for crop in crops] == [bob["id"], alice["id"]]
    for crop, colour in zip(crops, (BOB, ALICE), strict=True):
        kind, _, content = crop["image"].partition(",")
        assert kind == "data:image/jpeg;base64"
        shown = decoded(b64decode(content))
        assert shown.shape == (24, 24, 3)
        assert np.abs(shown.astype(int) - colour).max() < 16
    for ids in ([], [UNKNOWN] * 101):
        assert_error(client.post("/faces/crops", json={"ids": ids}), 422, "validation_error", "ids")
    assert_error(client.post("/faces/crops", json={"ids": ["x"], "size": 513}), 422, "validation_error", "size")


def test_a_key_sees_crops_of_its_collection_only(make_app):
    app = make_app(api_keys=(KEY,))
    alice = register(app.test_client(), ALICE, "Alice", {"X-API-Key": KEY}, **FACE)
    eve = register(app.test_client(), BOB, "Eve", {"X-API-Key": KEY}, collection="staff", **FACE)
    key = services_of(app).access.keys.create("x", {Scope.GALLERY_READ, Scope.GALLERY_WRITE}, collection="staff")[1]
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = key
    crops = client.post("/faces/crops", json={"ids": [alice["id"], eve["id"]]}).json["crops"]
    assert [crop["id"] for crop in crops] == [eve["id"]]
    assert_error(client.get(f"/faces/{alice['id']}/crop?size=16"), 404, "face_not_found")
    assert_error(client.patch(f"/faces/{alice['id']}", json={"set_aside": True}), 404, "face_not_found")
    moved = client.patch(f"/faces/{eve['id']}", json={"person_id": alice["person_id"]})
    assert_error(moved, 404, "person_not_found")


@pytest.mark.parametrize("crop", [b"no image", encoded(picture(width=4, height=4))])
def test_a_stored_image_that_cannot_be_read_is_left_out(app, client, crop):
    """As an import of another program's file may bring it."""
    store = services_of(app).gallery.persons._store
    _, (kept,) = store.register(
        Registration(faces=[face(1, crop=crop)], name="X", collection="default", event=REGISTER)
    )
    assert client.get(f"/faces/{kept.id}/crop").data == crop
    assert_error(client.get(f"/faces/{kept.id}/crop?size=16"), 404, "face_not_found")
    assert client.post("/faces/crops", json={"ids": [kept.id]}).json["crops"] == []

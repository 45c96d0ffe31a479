"""Names over HTTP: one visible name is one person; and who was not compared."""

import numpy as np
import pytest
import sqlalchemy as sa

from api.context import services_of
from services.gallery.store.values import Registration
from tests.api.v1.test_gallery import identify, names, register, text
from tests.conftest import assert_error
from tests.pictures import ALICE, BOB
from tests.services.gallery.store.test_names import NFC, NFD, SPELLINGS, make_twin
from tests.services.gallery.store.test_store import REGISTER, face


def listed(client, **query):
    return client.get("/persons", query_string=query).json["persons"]


def test_all_spellings_of_a_name_are_one_person(client):
    first = register(client, ALICE, NFD)["person_id"]
    answers = [register(client, ALICE, name) for name in SPELLINGS]
    assert {(answer["person_id"], answer["name"]) for answer in answers} == {(first, NFD)}
    (face,) = identify(client, ALICE)
    assert (face["decision"], names(face)) == ("match", [NFD])
    for name in SPELLINGS:
        assert [person["id"] for person in listed(client, name=name)] == [first]
    assert client.post("/forget", json={"id": first}).status_code == 204
    assert identify(client, ALICE)[0]["decision"] == "unknown"


@pytest.mark.parametrize("policy", ["reject", "merge"])
def test_no_spelling_of_a_name_is_another_person_with_the_face(client, policy):
    register(client, ALICE, NFC)
    for name in SPELLINGS:
        assert register(client, ALICE, name, on_duplicate=policy)["name"] == NFC
    assert len(listed(client)) == 1


def test_a_name_is_changed_to_another_spelling_but_not_to_anothers(client):
    first = register(client, ALICE, NFC)["person_id"]
    bob = register(client, BOB, "Bob")["person_id"]
    assert client.patch(f"/persons/{first}", json={"name": NFD}).json["name"] == NFD
    assert_error(client.patch(f"/persons/{bob}", json={"name": NFC}), 409, "conflict")
    for unsafe in ("Bo\u202eb", "Bo\x9bb", "\u3164", "Bo\u2028b"):
        assert_error(client.patch(f"/persons/{bob}", json={"name": unsafe}), 422, "validation_error", "name")
    assert client.patch(f"/persons/{bob}", json={"name": "Bo\u200bb "}).json["name"] == "Bob"


def test_a_name_of_twins_needs_an_id(app, client):
    first = register(client, ALICE, NFC)["person_id"]
    second = make_twin(services_of(app).gallery.persons._store, NFD, collection="default").id
    body = assert_error(client.post("/register", json={"img": text(BOB), "name": NFC}), 409, "conflict")
    assert body["details"]["person_ids"] == [first, second]
    kept = client.post("/register", json={"img": text(BOB), "person_id": second})
    assert (kept.status_code, kept.json["name"]) == (201, NFD)


def test_metadata_and_labels_of_one_person_are_limited_over_all_requests(client):
    register(client, ALICE, "Ann", metadata={"a": "x" * 6000}, labels={str(n): "" for n in range(50)})
    more = {"img": text(ALICE), "name": "ANN"}
    for field, value in (("metadata", {"b": "x" * 6000}), ("labels", {"one": "more"})):
        assert_error(client.post("/register", json=more | {field: value}), 422, "validation_error", field)
    (ann,) = listed(client)
    assert (ann["faces"], len(ann["labels"]), set(ann["metadata"])) == (1, 50, {"a"})


def test_the_answer_says_who_was_not_compared(client, engine, monkeypatch):
    monkeypatch.setattr("services.gallery.left_out._SLOW_S", 1e9)
    register(client, ALICE, "Alice")
    answer = client.post("/identify", json={"img": text(BOB)}).json
    assert "not_compared" not in answer
    assert "spaces" not in client.get("/collections").json["collections"][0]
    engine.missing = {"VGG-Face"}
    for name in ("Bob", "Bill"):
        register(client, BOB, name, model_name="Dlib")
    register(client, ALICE, "Bill", model_name="Facenet")
    engine.missing = set()
    for route in ("identify", "recognize"):
        answer = client.post(f"/{route}", json={"img": text(BOB)}).json
        assert answer["not_compared"]["persons"] == 2
        ways = {(way["model"], way["alignment"]): way["persons"] for way in answer["not_compared"]["spaces"]}
        assert ways == {("Dlib", "template"): 2, ("Facenet", "eyes"): 1}
    answer = client.post("/identify", json={"img": text(BOB), "model_name": "Dlib"}).json
    assert answer["not_compared"]["persons"] == 1
    engine.missing = {"VGG-Face"}
    register(client, ALICE, "Alice", model_name="Dlib")
    assert "not_compared" not in client.post("/identify", json={"img": text(BOB), "model_name": "Dlib"}).json
    (collection,) = client.get("/collections").json["collections"]
    counts = {way["model"]: way["persons"] for way in collection["spaces"]}
    assert (collection["persons"], counts) == (3, {"Dlib": 3, "Facenet": 1, "VGG-Face": 1})


def test_the_models_of_a_collection_are_found_without_reading_its_faces(app, client):
    store = services_of(app).gallery.persons._store
    steps = []

    def count(connection, *_):
        connection.set_progress_handler(lambda: steps.append(1), 1)

    def steps_with(faces):
        spaces = list(store.spaces("default"))
        more = [face(space=spaces[number % 2], embedding=np.ones(128)) for number in range(faces)]
        store.register(Registration(faces=more, name="Bob", collection="default", event=REGISTER))
        steps.clear()
        assert len(store.spaces("default")) == 3
        return len(steps)

    for model in ("Dlib", "OpenFace"):
        register(client, ALICE, "Ann", model_name=model)
    sa.event.listen(store._database._engine, "checkout", count)
    few = steps_with(2)
    assert 0 < few <= steps_with(1000) <= 1.2 * few


def test_a_refused_name_says_which_field_in_every_kind_of_request(client):
    for unsafe in ("An\u202en", "An\x1b[31mn"):
        for answer in (
            client.post("/register", json={"img": text(ALICE), "name": unsafe}),
            client.post("/register", data={"img": text(ALICE), "name": unsafe}),
            client.post("/register", query_string={"name": unsafe}, data=b"x", content_type="image/png"),
        ):
            assert_error(answer, 422, "validation_error", "name")

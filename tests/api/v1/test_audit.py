"""GET /audit, the command line of the audit trail, and what is in it."""

import json
import re
import sqlite3
from contextlib import closing
from hashlib import sha256

import numpy as np
import pytest

from api.context import services_of
from schemas.audit import AuditQuery
from tests.api.v1.test_gallery import UNKNOWN, identify, register, text
from tests.conftest import assert_error
from tests.pictures import ALICE, ALICIA, BOB, MASK, write_photo


@pytest.fixture
def listed(app):
    """All events as `GET /audit` lists them."""

    def events(**query):
        assert services_of(app).audit.log.flush(30)
        answer = app.test_client().get("/audit", query_string=query)
        assert answer.status_code == 200, answer.json
        return answer.json["events"]

    return events


def run(app, *arguments):
    assert services_of(app).audit.log.flush(30)
    return app.test_cli_runner().invoke(args=["audit", *map(str, arguments)])


def test_whatever_changes_the_gallery_is_in_the_trail(app, client, listed, tmp_path):
    alice = register(client, ALICE, "Alice", headers={"X-Request-Id": "first"})
    bob, twin = register(client, BOB, "Bob"), register(client, ALICIA, "Twin")
    client.post(f"/persons/{alice['person_id']}/merge", json={"person_ids": [twin["person_id"]]})
    client.patch(f"/persons/{alice['person_id']}", json={"name": "Alicia"})
    client.delete(f"/faces/{alice['id']}")
    client.delete(f"/persons/{bob['person_id']}")
    client.post("/collections", json={"name": "staff"})
    register(client, BOB, "Bob", collection="staff")
    client.delete("/collections/staff?with_persons=true")
    write_photo(tmp_path / "people" / "Cid" / "1.png", BOB)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["gallery", "enroll", str(tmp_path / "people")]).exit_code == 0
    events = listed()
    assert [event["action"] for event in events] == [
        "register", "register", "register", "merge", "change", "forget", "forget", "add_collection", "register",
        "forget", "remove_collection", "register",
    ]  # fmt: skip
    first = events[0]
    assert (first["person_id"], first["face_id"], first["outcome"]) == (alice["person_id"], alice["id"], "done")
    assert (first["request_id"], first["key_id"], first["details"]) == ("first", "", {"model": "VGG-Face"})
    assert events[3]["details"] == {"merged": [twin["person_id"]]}
    assert listed(person_id=bob["person_id"], action="forget") == [events[6]]


def test_whatever_the_gallery_refuses_is_in_the_trail_without_any_text_of_the_client(client, listed):
    alice, bob = register(client, ALICE, "Alice"), register(client, BOB, "Bob")
    register(client, BOB, "Bob", collection="staff", retain_until="2030-01-01T00:00:00Z")
    person, other = f"/persons/{alice['person_id']}", bob["person_id"]
    refused = [
        client.post("/register", json={"img": text(ALICE), "name": "Eve", "on_duplicate": "reject"}),
        client.post("/register", json={"img": text(ALICE), "person_id": UNKNOWN.upper()}),
        client.post("/register", json={"img": text(ALICE), "person_id": "Eve Secret"}),
        client.patch(person, json={"name": "Bob"}),
        client.patch("/persons/Eve Secret", json={"name": "Bob"}),
        client.post(f"{person}/merge", json={"person_ids": ["Eve Secret", other]}),
        client.delete("/persons/Eve Secret"),
        client.delete(f"/faces/{UNKNOWN}"),
        client.post("/forget", json={"id": UNKNOWN}),
        client.post("/collections", json={"name": "staff"}),
        client.delete("/collections/staff"),
        client.delete(f"/collections/Eve{'%00' * 200}"),
    ]
    assert {answer.status_code for answer in refused} == {404, 409}
    events = [event for event in listed() if event["outcome"] == "refused"]
    assert [(event["action"], event["person_id"], event["face_id"]) for event in events] == [
        ("register", alice["person_id"], alice["id"]),
        ("register", UNKNOWN, ""),
        ("register", "", ""),
        ("change", alice["person_id"], ""),
        ("change", "", ""),
        ("merge", alice["person_id"], ""),
        ("forget", "", ""),
        ("forget", "", UNKNOWN),
        ("forget", UNKNOWN, ""),
        ("add_collection", "", ""),
        ("remove_collection", "", ""),
        ("remove_collection", "", ""),
    ]
    assert [event["details"]["reason"] for event in events] == [answer.json["error_code"] for answer in refused]
    assert events[0]["details"]["distance"] == 0
    assert "Eve" not in json.dumps(events)


def test_an_import_is_in_the_trail_with_the_faces(app, client, make_app, tmp_path):
    kept = register(client, ALICE, "Alice")
    app.test_cli_runner().invoke(args=["gallery", "export", str(tmp_path / "gallery.zip")])
    other = make_app(data_path=tmp_path / "other")
    other.test_cli_runner().invoke(args=["gallery", "import", str(tmp_path / "gallery.zip")])
    assert services_of(other).audit.log.flush(30)
    (event,) = other.test_client().get("/audit").json["events"]
    assert (event["action"], event["person_id"], event["collection"]) == ("import", kept["person_id"], "default")
    assert event["details"] == {"face_ids": [kept["id"]]}


@pytest.mark.parametrize("route", ["identify", "recognize"])
def test_every_identification_is_in_the_trail(client, listed, route):
    alice = register(client, ALICE, "Alice")
    identify(client, ALICE, BOB, MASK, route=route, anti_spoofing=True)
    identify(client, BOB, route=route)
    match, unknown, spoof, other = listed(action=route)
    assert (match["outcome"], match["person_id"], match["face_id"]) == ("match", alice["person_id"], alice["id"])
    assert match["details"] == {
        "model": "VGG-Face", "similarity_metric": "cosine", "threshold": 0.01, "distance": 0.0,
    }  # fmt: skip
    assert (unknown["outcome"], unknown["person_id"], unknown["face_id"]) == ("unknown", "", "")
    assert (unknown["details"]["distance"] is None) == (route == "recognize")
    assert (spoof["outcome"], spoof["collection"]) == ("unknown", "default")
    assert match["request_id"] == spoof["request_id"] != other["request_id"]


def test_every_look_into_the_photo_folder_is_in_the_trail_without_whom_it_found(client, listed, photos):
    for name in ("grace/1.png", "grace/2.png"):
        write_photo(photos / name, ALICE)
    write_photo(photos / "cid" / "1.png", MASK)
    answer = client.post("/find", json={"img": text(ALICE, BOB), "similarity_search": True, "threshold": 0.01})
    assert [len(rows) for rows in answer.json["result"]] == [3, 3]
    client.post("/find", json={"img": text(BOB), "threshold": 0.01})
    match, unknown, nobody = listed(action="find")
    about = {"model": "VGG-Face", "similarity_metric": "cosine", "threshold": 0.01}
    assert match["outcome"] == "match"
    assert match["details"] == about | {"distance": 0.0, "photos": 2}
    assert unknown["outcome"] == nobody["outcome"] == "unknown"
    assert unknown["details"]["distance"] > unknown["details"]["threshold"]
    assert nobody["details"] == about | {"distance": None, "photos": 0}
    assert match["request_id"] == unknown["request_id"] != nobody["request_id"]
    assert "grace" not in repr((match, unknown, nobody))


def test_whoever_takes_all_embeddings_out_is_in_the_trail(app, client, listed, tmp_path):
    register(client, ALICE, "Alice")
    assert app.test_cli_runner().invoke(args=["gallery", "export", str(tmp_path / "gallery.zip")]).exit_code == 0
    (event,) = listed(action="export")
    assert (event["outcome"], event["details"]) == ("done", {"persons": 1, "faces": 1})


def test_changes_of_keys_are_in_the_trail_without_what_opens(app):
    runner = app.test_cli_runner()
    said = runner.invoke(args=["keys", "create", "front door", "--scope", "faces", "--collection", "staff"]).stdout
    _, number, secret = re.search(r"fsk_\S+", said)[0].split("_", 2)
    for _ in range(2):  # the second has nothing to revoke
        assert runner.invoke(args=["keys", "revoke", number]).exit_code == 0
    assert services_of(app).audit.log.flush(30)
    created, revoked = services_of(app).audit.trail.page(AuditQuery()).events
    assert (created.action, created.collection) == ("create_key", "staff")
    assert created.details == {"key": number, "scopes": ["faces"]}
    assert (revoked.action, revoked.details) == ("revoke_key", {"key": number})
    for part in (secret, "front door", sha256(secret.encode()).hexdigest()):
        assert part not in repr((created, revoked))


def test_an_ambiguous_face_and_one_as_far_away_as_can_be_name_nobody(client, listed):
    register(client, ALICE, "Alice")
    register(client, ALICE, "Twin")
    identify(client, ALICE)
    far = {"embedding": [3e38] * 4096, "distance_metric": "euclidean"}
    with np.errstate(over="ignore", invalid="ignore"):
        assert client.post("/identify", json=far).status_code == 200
    ambiguous, unknown = listed(action="identify")
    assert (ambiguous["outcome"], ambiguous["person_id"], ambiguous["details"]["distance"]) == ("ambiguous", "", 0.0)
    assert (unknown["outcome"], unknown["person_id"], unknown["details"]["distance"] > 1e38) == ("unknown", "", True)


def test_the_trail_holds_no_name_no_picture_and_no_embedding(client, listed, settings):
    register(client, ALICE, "Grace Hopper", labels={"team": "blue-team"}, metadata={"badge": "b-123"}, store_crop=True)
    identify(client, ALICE)
    client.post("/verify", json={"img1": text(ALICE), "img2": text(ALICE)})
    assert len(listed()) == 3
    with sqlite3.connect(settings.data_path / "gallery.db") as database:
        rows = [*database.execute("SELECT * FROM events"), *database.execute("SELECT * FROM seals")]
    database.close()
    said = repr(rows)
    for secret in ("Grace", "Hopper", "blue-team", "b-123", text(ALICE)[:40], "PNG"):
        assert secret not in said
    assert max(len(str(value)) for row in rows for value in row) < 200  # an embedding has thousands


def test_the_trail_is_paged(client, listed):
    for number in range(5):
        register(client, ALICE, f"{number}")
    every = listed()
    page = client.get("/audit?limit=3").json
    assert page["events"] == every[:3]
    rest = client.get("/audit", query_string={"limit": 3, "after": page["next_after"]}).json
    assert (rest["events"], rest["next_after"]) == (every[3:], None)
    assert listed(person_id="nobody") == []
    for query, field in (({"after": "3"}, "after"), ({"action": "DROP"}, "action"), ({"limit": 0}, "limit")):
        assert_error(client.get("/audit", query_string=query), 422, "validation_error", field)


def test_the_chain_is_proved_and_a_change_is_named(app, client, settings):
    empty = run(app, "verify")
    assert (empty.exit_code, empty.stdout.splitlines()[0]) == (0, "0 events in 0 batches, 0 not sealed yet")
    register(client, ALICE, "Alice")
    whole = run(app, "verify")
    noted = whole.stdout.split()[-1]
    assert (whole.exit_code, whole.stdout.splitlines()[0]) == (0, "1 events in 1 batches, 0 not sealed yet")
    register(client, BOB, "Bob")
    assert run(app, "verify", "--expect", noted).exit_code == 0
    missing = run(app, "verify", "--expect", "f" * 64)
    assert missing.exit_code == 1
    assert "cut off" in missing.stderr
    with sqlite3.connect(settings.data_path / "gallery.db") as database:
        database.execute("DROP TRIGGER events_are_not_changed")
        database.execute("UPDATE events SET person_id = '' WHERE id = 1")
    database.close()
    broken = run(app, "verify")
    said = "batch 1: its seal or one of its 1 events was changed"
    assert (broken.exit_code, broken.stdout.splitlines()[0]) == (1, said)
    assert broken.stderr == "Error: Audit trail verification FAILED: see the batches listed above.\n"


def test_the_chain_is_proved_over_http(app, client, settings):
    def verified(**query):
        assert services_of(app).audit.log.flush(30)
        answer = client.get("/audit/verify", query_string=query)
        assert answer.status_code == 200, answer.json
        return answer.json

    nothing = {"success": True, "intact": True, "events": 0, "batches": 0, "unsealed": 0, "problems": []}
    assert verified() == nothing | {"last_hash": "0" * 64}
    register(client, ALICE, "Alice")
    noted = verified()["last_hash"]
    register(client, BOB, "Bob")
    whole = verified(expect=noted)
    assert (whole["intact"], whole["expected_found"], whole["events"], whole["batches"]) == (True, True, 2, 2)
    missing = verified(expect="f" * 64)
    assert (missing["intact"], missing["expected_found"], missing["problems"]) == (False, False, [])
    with closing(sqlite3.connect(settings.data_path / "gallery.db")) as database, database:
        database.execute("DROP TRIGGER events_are_not_changed")
        database.execute("UPDATE events SET person_id = '' WHERE id = 1")
    broken = verified()
    assert (broken["intact"], broken["problems"]) == (False, ["batch 1: its seal or one of its 1 events was changed"])
    for expect in ("F" * 64, "f" * 63, ""):
        refused = client.get("/audit/verify", query_string={"expect": expect})
        assert_error(refused, 422, "validation_error", "expect")


def test_a_trail_too_long_for_a_request_ends_at_the_deadline(make_app):
    app, patient = make_app(request_timeout_s=1e-9), make_app()
    register(patient.test_client(), ALICE, "Alice")
    assert services_of(patient).audit.log.flush(30)
    assert_error(app.test_client().get("/audit/verify"), 503, "deadline_exceeded")


def test_the_trail_is_exported_to_a_file_or_the_output(app, client, listed, tmp_path):
    register(client, ALICE, "Alice")
    register(client, BOB, "Bob")
    file = tmp_path / "audit.jsonl"
    said = run(app, "export", file)
    assert (said.exit_code, said.stdout.split()[:2]) == (0, ["2", "events"])
    assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line, event in zip(lines, listed(), strict=True):
        assert {name: line[name] for name in event if name not in ("id", "at")} == {
            name: value for name, value in event.items() if name not in ("id", "at")
        }
        assert (str(line["id"]), len(line["hash"])) == (event["id"], 64)
    assert run(app, "export").stdout == run(app, "export", "-").stdout == file.read_text()


def test_a_file_that_cannot_be_written_and_a_batch_that_cannot_be_read_are_one_line(app, client, settings, tmp_path):
    register(client, ALICE, "Alice")
    (tmp_path / "file").write_text("")
    result = run(app, "export", tmp_path / "file" / "audit.jsonl")
    assert (result.exit_code, result.stderr) == (1, "Error: The file cannot be written: File exists.\n")
    with sqlite3.connect(settings.data_path / "gallery.db") as database:
        database.execute("DROP TRIGGER events_are_not_changed")
        database.execute("UPDATE events SET details = '{'")
    database.close()
    file = tmp_path / "audit.jsonl"
    file.write_text("old")
    result = run(app, "export", file)
    assert (result.exit_code, result.stderr) == (1, "Error: Batch 1 cannot be read. Run: face-service audit verify\n")
    assert file.read_text() == "old"


@pytest.mark.parametrize("said", ["at = 'yesterday'", "details = '{'", "details = '7'"])
@pytest.mark.parametrize("route", ["/audit", "/verifications"])
def test_what_was_never_recorded_is_no_defect_of_the_service(app, client, settings, route, said):
    answer = register(client, ALICE, "Alice")
    client.post("/verify", json={"img1": text(ALICE), "person_id": answer["person_id"]})
    assert services_of(app).audit.log.flush(30)
    with sqlite3.connect(settings.data_path / "gallery.db") as database:
        database.execute("DROP TRIGGER events_are_not_changed")
        database.execute(f"UPDATE events SET {said}")
    database.close()
    error = assert_error(client.get(route), 503, "service_unavailable")
    assert "audit verify" in error["message"]

"""Requests that register persons, and ask who somebody is."""

from tests.recorded.asking import Scenario, ask, run

NOBODY = "00000000-0000-4000-8000-000000000000"
_ALICE = {"img": "@alice", "name": "Alice"}
_ONCE = {"Idempotency-Key": "once"}
_FRAMES = ["@alice>20", "@alice>26"]

_REGISTER = (
    ask(
        "alice",
        "POST /register",
        json=_ALICE
        | {
            "labels": {"team": "blue"},
            "metadata": {"badge": 7, "more": [None, 1.5]},
            "retain_until": "2030-01-02T03:04:05Z",
        },
    ),
    ask("alice_again", "POST /register", json=_ALICE | {"labels": {"floor": "2"}, "store_crop": True}),
    ask("by_id", "POST /register", raw="alicia", query={"person_id": "{alice.person_id}", "anti_spoofing": "true"}),
    ask("as_form", "POST /register", files={"img": "bob.jpg"}, form={"name": "Bob", "labels": '{"team": "red"}'}),
    ask("capture", "POST /api/v1/register", json={"frames": _FRAMES, "name": "Carol", "collection": "staff"}),
    ask("largest", "POST /register", json={"img": "@two sizes", "name": "Dan", "face_policy": "largest"}),
    ask("first", "POST /register", json=_ALICE | {"name": "Eve"}, headers=_ONCE),
    ask("sent_again", "POST /register", json=_ALICE | {"name": "Eve"}, headers=_ONCE),
    ask("sent_with_another", "POST /register", json=_ALICE | {"name": "Eva"}, headers=_ONCE),
    ask("empty_key", "POST /register", json=_ALICE, headers={"Idempotency-Key": ""}),
    ask("duplicate_refused", "POST /register", json={"img": "@bob", "name": "Rob", "on_duplicate": "reject"}),
    ask("duplicate_merged", "POST /register", json={"img": "@bob", "name": "Rob", "on_duplicate": "merge"}),
    ask("several", "POST /register", json={"img": "@alice+bob", "name": "X"}),
    ask("nobody_there", "POST /register", json={"img": "@nobody", "name": "X"}),
    ask("spoof", "POST /register", json={"img": "@mask", "name": "X", "anti_spoofing": True}),
    ask("spoofed_capture", "POST /register", json={"frames": ["@print>20", "@print>30"], "name": "X"}),
    ask("low_quality", "POST /register", json=_ALICE | {"min_quality": 0.9}),
    ask("unknown_person", "POST /register", json={"img": "@alice", "person_id": NOBODY}),
    ask("neither_name_nor_id", "POST /register", json={"img": "@alice"}),
    ask("both_name_and_id", "POST /register", json=_ALICE | {"person_id": NOBODY}),
    ask(
        "wrong_values",
        "POST /register",
        json={
            "img": "a",
            "name": "a\nb",
            "collection": "../x",
            "labels": {"a b": "c", "d": 1},
            "metadata": {"e": "\0"},
            "retain_until": "2030-01-01T00:00:00",
            "min_quality": 2,
            "on_duplicate": "keep",
        },
    ),
    ask("labels_are_no_json", "POST /register", form=_ALICE | {"labels": "team=blue"}),
    ask("trail", "GET /audit", query={"action": "register"}),
)

_IDENTIFY = (
    ask("empty", "POST /identify", json={"img": "@alice"}),
    ask("alice", "POST /register", json=_ALICE | {"labels": {"team": "blue"}}),
    ask("alicia", "POST /register", json={"img": "@alicia", "name": "Alicia"}),
    ask("bob", "POST /register", json={"img": "@bob", "name": "Bob", "labels": {"team": "red"}}),
    ask("zoe", "POST /register", json={"img": "@alice", "name": "Zoë", "collection": "staff", "model_name": "Dlib"}),
    ask("match", "POST /identify", json={"img": "@alice+mask", "threshold": 0.001}),
    ask("ambiguous", "POST /identify", json={"img": "@alice", "threshold": 1, "top_k": 2}),
    ask("raw_body", "POST /identify", raw="alice", query={"top_k": "1", "labels": '{"team": "red"}'}),
    ask("one_person", "POST /identify", json={"img": "@alice", "person_id": "{bob.person_id}"}),
    ask("spoof", "POST /identify", json={"img": "@print", "anti_spoofing": True, "distance_metric": "euclidean"}),
    ask("embedded", "POST /represent", json={"img": "@bob"}),
    ask("by_embedding", "POST /identify", json={"embedding": "{embedded.result.0.embedding}", "top_k": 1}),
    ask("short_embedding", "POST /identify", json={"embedding": [1.0, 2.0]}),
    ask("probe_missing", "POST /identify", json={}),
    ask("too_many", "POST /identify", json={"img": "@alice", "top_k": 101}),
    ask("unknown_collection", "POST /identify", json={"img": "@alice", "collection": "nowhere"}),
    ask("unknown_person", "POST /identify", json={"img": "@alice", "person_id": NOBODY}),
    ask("other_model", "POST /identify", json={"img": "@alice", "model_name": "Dlib"}),
    ask("other_collection", "POST /identify", json={"img": "@alice", "collection": "staff", "model_name": "Dlib"}),
    ask("recognize", "POST /recognize", json={"img": "@bob+alice", "top_k": 1}),
    ask("recognize_all", "POST /api/v1/recognize", json={"img": "@mask"}),
    ask("recognize_with_threshold", "POST /recognize", json={"img": "@bob", "threshold": 1}),
    ask("verify_person", "POST /verify", json={"img1": "@bob+alice", "person_id": "{alice.person_id}"}),
    ask("verify_capture", "POST /verify", json={"frames": _FRAMES, "person_id": "{bob.person_id}", "threshold": 0.01}),
    ask(
        "verify_other_model",
        "POST /verify",
        json={"img1": "@bob", "person_id": "{zoe.person_id}", "model_name": "Facenet"},
    ),
    ask("verify_nobody", "POST /verify", json={"img1": "@bob", "person_id": NOBODY}),
    ask("verify_pair", "POST /verify", json={"img1": "@bob", "img2": "@alice", "threshold": 0.01}),
    ask("verifications", "GET /verifications"),
    ask("verifications_page", "GET /verifications", query={"limit": "2"}),
    ask("verifications_rest", "GET /verifications", query={"after": "{verifications_page.next_after}", "limit": "2"}),
    ask("verifications_wrong", "GET /verifications", query={"after": "3", "limit": "0", "action": "verify"}),
    ask("trail", "GET /audit", query={"action": "identify"}),
    ask("trail_of_a_person", "GET /audit", query={"person_id": "{bob.person_id}"}),
    ask("trail_page", "GET /api/v1/audit", query={"limit": "2"}),
    ask("trail_rest", "GET /audit", query={"limit": "2", "after": "{trail_page.next_after}"}),
    ask("trail_wrong", "GET /audit", query={"action": "DROP", "limit": "1001"}),
)

GALLERY = (
    Scenario(name="register", steps=_REGISTER),
    Scenario(name="identify", steps=_IDENTIFY),
    Scenario(
        name="encrypted gallery",
        settings={"gallery_key": ("ab" * 32,)},
        files={"photos/alice/1.png": "alice"},
        steps=(
            ask("alice", "POST /register", json=_ALICE | {"store_crop": True}),
            ask("match", "POST /identify", json={"img": "@alice"}),
            ask("face", "GET /faces/{alice.id}"),
            ask("crop", "GET /faces/{alice.id}/crop"),
            run("rotate", "gallery rotate-key"),
            ask("found", "POST /find", json={"img": "@alice"}),
            ask("forgotten", "DELETE /persons/{alice.person_id}"),
        ),
    ),
    Scenario(
        name="few verifications are kept",
        settings={"record_verifications": False},
        steps=(
            ask("alice", "POST /register", json=_ALICE),
            ask("pair", "POST /verify", json={"img1": "@bob", "img2": "@alice"}),
            ask("person", "POST /verify", json={"img1": "@alice", "person_id": "{alice.person_id}"}),
            ask("verifications", "GET /verifications"),
        ),
    ),
)

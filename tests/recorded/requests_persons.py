"""Requests about the persons, faces and collections that are stored."""

from tests.recorded.asking import Scenario, ask
from tests.recorded.requests_gallery import NOBODY

_UNTIL = "2030-01-02T03:04:05+02:00"

_PERSONS = (
    ask("ann", "POST /register", json={"img": "@alice", "name": "Ann", "labels": {"x": "1"}, "metadata": {"a": [1]}}),
    ask("bob", "POST /register", json={"img": "@bob", "name": "bob", "labels": {"x": "2"}, "retain_until": _UNTIL}),
    ask("cid", "POST /register", json={"img": "@bob", "name": "Cid", "collection": "staff"}),
    ask("list", "GET /persons"),
    ask("page", "GET /persons", query={"limit": "2"}),
    ask("rest", "GET /api/v1/persons", query={"limit": "2", "cursor": "{page.next_cursor}"}),
    ask("of_a_collection", "GET /persons", query={"collection": "staff"}),
    ask("by_name_and_label", "GET /persons", query={"name": "B", "labels": '{"x": "2"}'}),
    ask("wrong_query", "GET /persons", query={"limit": "0", "collection": "a b", "labels": "x", "order": "name"}),
    ask("wrong_cursor", "GET /persons", query={"cursor": "abc"}),
    ask("person", "GET /persons/{ann.person_id}"),
    ask("unknown_person", f"GET /persons/{NOBODY}"),
    ask("no_id", "GET /persons/x"),
    ask(
        "changed",
        "PATCH /persons/{ann.person_id}",
        json={"name": " Anna ", "labels": {"y": "1"}, "metadata": {}, "retain_until": _UNTIL},
    ),
    ask("nothing_changed", "PATCH /persons/{ann.person_id}", form={}),
    ask("kept_for_ever", "PATCH /api/v1/persons/{ann.person_id}", json={"retain_until": None}),
    ask("name_taken", "PATCH /persons/{ann.person_id}", json={"name": "bob"}),
    ask("name_empty", "PATCH /persons/{ann.person_id}", json={"name": " ", "labels": {"a": 1}}),
    ask("change_nobody", f"PATCH /persons/{NOBODY}", json={}),
    ask("merge_undecided", "POST /persons/{ann.person_id}/merge", json={"person_ids": ["{bob.person_id}"]}),
    ask(
        "merged",
        "POST /persons/{ann.person_id}/merge",
        json={"person_ids": ["{bob.person_id}"], "retain_until": None},
    ),
    ask("merged_person", "GET /persons/{ann.person_id}"),
    ask("merge_nobody", "POST /persons/{ann.person_id}/merge", json={"person_ids": [NOBODY]}),
    ask("merge_nothing", "POST /persons/{ann.person_id}/merge", json={"person_ids": []}),
    ask("merge_over_collections", "POST /persons/{ann.person_id}/merge", json={"person_ids": ["{cid.person_id}"]}),
    ask("forgotten", "DELETE /persons/{cid.person_id}"),
    ask("forgotten_twice", "DELETE /persons/{cid.person_id}"),
    ask("trail", "GET /audit"),
)

_FACES = (
    ask("alice", "POST /register", json={"img": "@alice", "name": "Alice", "store_crop": True}),
    ask("plain", "POST /register", json={"img": "@alice", "name": "Alice", "align": False, "expand_percentage": 3}),
    ask("face", "GET /faces/{alice.id}"),
    ask("crop", "GET /faces/{alice.id}/crop"),
    ask("crops", "POST /faces/crops", json={"ids": ["{alice.id}", "{plain.id}"], "size": 32}),
    ask("plain_face", "GET /api/v1/faces/{plain.id}"),
    ask("set_aside", "PATCH /faces/{plain.id}", json={"set_aside": True}),
    ask("change_nothing", "PATCH /faces/{plain.id}", json={}),
    ask("move_to_nobody", "PATCH /faces/{plain.id}", json={"person_id": NOBODY}),
    ask("no_crop", "GET /faces/{plain.id}/crop"),
    ask("unknown_face", f"GET /faces/{NOBODY}"),
    ask("unknown_crop", "GET /faces/x/crop"),
    ask("forget_face", "POST /forget", json={"id": "{plain.id}"}),
    ask("delete_face", "DELETE /faces/{alice.id}"),
    ask("delete_face_again", "DELETE /faces/{alice.id}"),
    ask("empty_person", "GET /persons/{alice.person_id}"),
    ask("forget_person", "POST /api/v1/forget", form={"id": "{alice.person_id}"}),
    ask("forget_nobody", "POST /forget", json={"id": NOBODY}),
    ask("forget_nothing", "POST /forget", json={}),
    ask("forget_a_picture", "POST /forget", raw="alice"),
    ask("trail", "GET /audit", query={"action": "forget"}),
)

_COLLECTIONS = (
    ask("none", "GET /collections"),
    ask("made", "POST /collections", json={"name": "staff"}),
    ask("made_twice", "POST /collections", json={"name": "staff"}),
    ask("wrong_name", "POST /collections", form={"name": "../staff"}),
    ask("carol", "POST /register", json={"img": "@bob", "name": "Carol", "collection": "staff"}),
    ask("dora", "POST /register", json={"img": "@alice", "name": "Dora", "collection": "guests"}),
    ask("list", "GET /api/v1/collections"),
    ask("not_empty", "DELETE /collections/staff"),
    ask("wrong_query", "DELETE /collections/staff", query={"with_persons": "perhaps"}),
    ask("removed", "DELETE /collections/staff", query={"with_persons": "true"}),
    ask("removed_twice", "DELETE /collections/staff"),
    ask("gone_with_it", "GET /persons/{carol.person_id}"),
    ask("left", "GET /collections"),
    ask("trail", "GET /audit", query={"after": "1-1"}),
)

PERSONS = (
    Scenario(name="persons", steps=_PERSONS),
    Scenario(name="faces", steps=_FACES),
    Scenario(name="collections", steps=_COLLECTIONS),
)

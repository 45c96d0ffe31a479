"""Requests with keys, and more of them than may be."""

from tests.recorded.asking import Scenario, ask, run

_KEY = "a-key-of-the-setting-with-all-scopes"
_OTHER = _KEY[::-1]
_ALL = {"X-API-Key": _KEY}
_WRONG = {"X-API-Key": "w" * 40}
_FINDER = {"Authorization": "Bearer {finder.last}"}
_MINE = {"Authorization": "bearer {mine.last}"}
_PAIR = {"img1": "@alice", "img2": "@alice"}
_MISS = {"img1": "@mask", "person_id": "{alice.person_id}", "threshold": 0.001}

_KEYS = (
    run("finder", "keys create finder --scope find"),
    run("mine", "keys create mine --scope faces --scope gallery:read --scope gallery:write --collection mine"),
    ask("no_key", "GET /persons"),
    ask("no_key_before_the_body", "POST /verify", text="{"),
    ask("public_without_key", "GET /health"),
    ask("public_page_without_key", "GET /ready"),
    ask("setting", "GET /persons", headers=_ALL),
    ask("setting_as_bearer", "GET /collections", headers={"Authorization": f"Bearer {_KEY}"}),
    ask("same_key_twice", "GET /collections", headers=_ALL | {"Authorization": f"Bearer {_KEY}"}),
    ask("two_keys", "GET /collections", headers=_ALL | {"Authorization": f"Bearer {_OTHER}"}),
    ask("wrong_key", "GET /collections", headers=_WRONG),
    ask("key_in_the_query", "GET /collections", query={"api_key": _KEY}),
    ask("scope_find", "GET /find/indexes", headers=_FINDER),
    ask("scope_missing", "POST /verify", json=_PAIR, headers=_FINDER),
    ask("scope_missing_for_get", "GET /audit", headers=_MINE),
    ask("theirs", "POST /register", json={"img": "@bob", "name": "Bob", "collection": "theirs"}, headers=_ALL),
    ask("own", "POST /register", json={"img": "@alice", "name": "Alice", "store_crop": True}, headers=_MINE),
    ask("other_collection", "POST /identify", json={"img": "@bob", "collection": "theirs"}, headers=_MINE),
    ask("other_collection_listed", "GET /persons", query={"collection": "theirs"}, headers=_MINE),
    ask("other_collection_made", "POST /collections", json={"name": "theirs2"}, headers=_MINE),
    ask("other_collection_removed", "DELETE /collections/theirs", headers=_MINE),
    ask("own_list", "GET /persons", headers=_MINE),
    ask("own_collections", "GET /collections", headers=_MINE),
    ask("own_search", "POST /identify", json={"img": "@bob", "threshold": 1}, headers=_MINE),
    ask("their_person", "GET /persons/{theirs.person_id}", headers=_MINE),
    ask("their_face", "GET /faces/{theirs.id}/crop", headers=_MINE),
    ask(
        "verify_their_person",
        "POST /verify",
        json=_PAIR | {"img2": None, "person_id": "{theirs.person_id}"},
        headers=_MINE,
    ),
    ask("own_face", "GET /faces/{own.id}", headers=_MINE),
    ask("limits", "GET /limits", headers=_MINE),
    ask("key_made", "POST /keys", json={"name": "door", "scopes": ["find"]}, headers=_ALL),
    ask("key_of_more_scopes", "POST /keys", json={"name": "door", "scopes": ["admin"]}, headers=_MINE),
    ask("key_revoked", "DELETE /keys/{key_made.id}", headers=_ALL),
    ask("key_of_nobody", "DELETE /keys/0123456789ab", headers=_ALL),
    ask("keys", "GET /keys", headers=_ALL),
    ask("trail", "GET /audit", headers=_ALL),
    ask("trail_verified", "GET /audit/verify", headers=_ALL),
    run("revoked", "keys revoke {mine.key}"),
    ask("after_revoking", "GET /persons", headers=_MINE),
)

ACCESS = (
    Scenario(name="keys", steps=_KEYS, settings={"api_keys": (_KEY, _OTHER)}),
    Scenario(
        name="scope for a person",
        settings={"api_keys": (_KEY,)},
        steps=(
            run("faces", "keys create faces --scope faces"),
            ask("alice", "POST /register", json={"img": "@alice", "name": "Alice"}, headers=_ALL),
            ask("pair", "POST /verify", json=_PAIR, headers={"X-API-Key": "{faces.last}"}),
            ask("person", "POST /verify", json=_MISS, headers={"X-API-Key": "{faces.last}"}),
            ask("verifications", "GET /verifications", headers=_ALL),
        ),
    ),
    Scenario(
        name="a key is required",
        settings={"require_auth": True},
        steps=(ask("no_key", "POST /verify", json=_PAIR), ask("public", "GET /ready")),
    ),
    Scenario(
        name="wrong keys",
        settings={"api_keys": (_KEY,)},
        steps=(
            ask("ten", "GET /persons", headers=_WRONG, times=10),
            ask("eleven", "GET /persons", headers=_WRONG),
            ask("right", "GET /persons", headers=_ALL),
        ),
    ),
    Scenario(
        name="rate limit",
        settings={"rate_limit": "2/hour"},
        steps=(
            ask("first", "GET /persons"),
            ask("public", "GET /health"),
            ask("second", "POST /verify", text="{"),
            ask("third", "GET /collections"),
            ask("unknown_path", "GET /nothing"),
            ask("options", "OPTIONS /verify"),
        ),
    ),
    Scenario(
        name="rate limit of an address",
        settings={
            "rate_limit_address": "2/hour",
            "rate_limit": "9/hour",
            "rate_limit_storage": "database",
            "trusted_proxies": 1,
        },
        steps=(
            ask("first", "GET /persons", headers={"X-Forwarded-For": "203.0.113.1"}),
            ask("second", "GET /persons", headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}),
            ask("third", "GET /persons", headers={"X-Forwarded-For": "203.0.113.1"}),
            ask("another", "GET /persons", headers={"X-Forwarded-For": "203.0.113.2"}),
        ),
    ),
    Scenario(
        name="person lock",
        settings={"person_lock_misses": 2, "person_lock_s": 3600},
        steps=(
            ask("alice", "POST /register", json={"img": "@alice", "name": "Alice"}),
            ask("misses", "POST /verify", json=_MISS, times=2),
            ask("locked", "POST /verify", json=_MISS | {"img1": "@alice"}),
            ask("lock", "GET /audit", query={"action": "lock"}),
        ),
    ),
)

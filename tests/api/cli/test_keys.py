"""The command line of the API keys."""

import pytest

from api.context import services_of
from core.exceptions import Unauthorized
from core.scopes import Scope


@pytest.fixture
def keys(app):
    """Runs `keys …`, and gives the result."""
    return lambda *arguments: app.test_cli_runner().invoke(args=["keys", *arguments])


def test_a_key_is_made_listed_and_revoked(app, keys):
    made = keys("create", "front door", "--scope", "faces", "--scope", "find", "--collection", "staff", "--days", "30")
    token = made.stdout.strip()
    assert made.exit_code == 0
    assert "not shown again" in made.stderr
    caller = services_of(app).access.keys.caller(token)
    assert (caller.scopes, caller.collection) == ({Scope.FACES, Scope.FIND}, "staff")
    listed = keys("list").stdout
    assert f"{caller.key_id}  valid until " in listed
    assert "never used: faces find of staff  (front door)" in listed
    assert token not in listed
    assert token.split("_", 2)[2] not in listed
    assert keys("revoke", caller.key_id).exit_code == 0
    assert f"{caller.key_id}  revoked" in keys("list").stdout


def test_a_scope_is_added_to_a_key(app, keys):
    token = keys("create", "front door", "--scope", "gallery:read", "--collection", "staff").stdout.strip()
    key_id = token.split("_")[1]
    for _ in range(2):
        granted = keys("grant", key_id, "embeddings")
        assert (granted.exit_code, granted.stdout) == (0, "Granted.\n")
    caller = services_of(app).access.keys.caller(token)
    assert (caller.scopes, caller.collection) == ({Scope.GALLERY_READ, Scope.EMBEDDINGS}, "staff")
    refused = keys("grant", key_id, "admin")
    assert (refused.exit_code, "one collection" in refused.stderr) == (1, True)
    keys("revoke", key_id)
    refused = keys("grant", key_id, "find")
    assert (refused.exit_code, "revoked" in refused.stderr) == (1, True)


def test_the_keys_of_the_setting_are_not_listed(make_app):
    app = make_app(api_keys=("s" * 40,))
    assert app.test_cli_runner().invoke(args=["keys", "list"]).stdout == ""
    with pytest.raises(Unauthorized):
        services_of(app).access.keys.caller(None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "x"), "Missing option '--scope'"),
        (("create", "x", "--scope", "everything"), "is not one of"),
        (("create", "x", "--scope", "find", "--days", "0"), "is not in the range"),
        (("create", "x", "--scope", "find", "--collection", "a/b"), "Invalid value for '--collection'"),
        (("create", "x", "--scope", "admin", "--collection", "a"), "cannot have the scope admin"),
        (("revoke", "nobody"), "No API key has this id"),
        (("grant", "nobody", "find"), "No API key has this id"),
        (("grant", "nobody", "everything"), "is not one of"),
    ],
)
def test_what_is_wrong_is_one_line(keys, arguments, message):
    result = keys(*arguments)
    assert result.exit_code != 0
    assert message in result.stderr


def test_a_database_that_is_away_is_one_line(make_app):
    app = make_app(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    result = app.test_cli_runner().invoke(args=["keys", "list"])
    assert (result.exit_code, result.stderr) == (1, "Error: The database does not answer.\n")

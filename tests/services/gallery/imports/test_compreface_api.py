"""The subjects of CompreFace, from a server with the routes that its documentation has."""

import pytest

from services.gallery.imports.compreface_api import UnreadableApi
from tests.pictures import ALICE, ALICIA, BOB, photo
from tests.services.gallery.imports.compreface import KEY
from tests.services.gallery.imports.compreface_server import serving
from tests.services.gallery.imports.importing import POLICY, kill_after, names

PEOPLE = {"Alice": [photo(ALICE), photo(ALICIA)], "Bob / B?": [photo(BOB)], "Nobody yet": []}


def test_every_image_of_every_page_is_embedded_anew(register, sources, store):
    with serving(PEOPLE) as server:
        assert register(sources.compreface_api(server.url + "/", KEY)) == (3, 0, {"Nobody yet": "no_image"})
        assert names(store) == {"Alice": 2, "Bob / B?": 1}
        server.asked.clear()
        assert register(sources.compreface_api(server.url, KEY)) == (0, 3, {"Nobody yet": "no_image"})
        assert not [path for path in server.asked if path.endswith("/img")]


def test_what_has_no_image_or_a_bad_one_is_refused(register, sources, store):
    people = {"Alice": [None, photo(ALICE, BOB), b"hello", bytes(POLICY.max_bytes + 1)]}
    with serving(people) as server:
        server.faces.append({"image_id": "../../admin", "subject": "Mallory"})
        done = register(sources.compreface_api(server.url, KEY))
    assert done[:2] == (0, 0)
    reasons = ["no_image", "several_faces", "image_decode_error", "image_too_large", "no_image"]
    assert [done[2][f"{face['subject']}/{face['image_id']}"] for face in server.faces] == reasons
    assert not [path for path in server.asked if "admin" in path]


def test_an_import_that_was_killed_resumes(register, sources, store, tmp_path):
    people = {f"p{number}": [photo((ALICE, BOB)[number % 2])] for number in range(6)}
    with serving(people) as server:
        kill_after(2, tmp_path, "compreface_api", server.url, KEY)
        enrolled, known, refused = register(sources.compreface_api(server.url, KEY))
    assert (enrolled + known, refused) == (6, {})
    assert known >= 2
    assert names(store) == dict.fromkeys(people, 1)


def test_a_server_that_cannot_be_used_is_said_on_one_line(register, sources):
    def refused(url, key=KEY):
        with pytest.raises(UnreadableApi) as error:
            register(sources.compreface_api(url, key))
        assert key not in str(error.value)
        return str(error.value)

    assert refused("ftp://127.0.0.1") == "The URL must begin with http:// or https://."
    for url in ("http://127.0.0.1:1", "http://[", "http://", "https://a b"):
        assert refused(url) == "The server does not answer."
    with serving(PEOPLE) as server:
        assert refused(server.url, "wrong") == "The server refuses the request or the API key: status 401."
        assert refused(f"{server.url}/elsewhere") == "The server's answers are not CompreFace's."
        server.faces.append({"face": 1})
        assert refused(server.url) == "The server's answers are not CompreFace's."


def test_faces_that_change_while_they_are_listed_are_not_left_out(register, sources, store):
    with serving(PEOPLE) as server:
        server.faces.append(server.faces[0])  # as when a page begins later than it did before
        with pytest.raises(UnreadableApi, match="changed while they were listed"):
            register(sources.compreface_api(server.url, KEY))
    assert names(store) == {}


def test_the_key_does_not_follow_a_redirect(register, sources):
    with serving(PEOPLE) as other, serving(PEOPLE) as server:
        server.redirects_to = f"{other.url}/api/v1/recognition/subjects"
        with pytest.raises(UnreadableApi, match="status 302"):
            register(sources.compreface_api(server.url, KEY))
    assert other.asked == []

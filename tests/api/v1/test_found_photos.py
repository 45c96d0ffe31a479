"""`GET /find/photos/{id}`: what /find found is shown, and nothing else."""

from base64 import urlsafe_b64encode

import cv2
import numpy as np
import pytest

from api.context import services_of
from core.scopes import Scope
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE, Block, encoded, photo, picture, write_photo


def photo_id(name):
    return urlsafe_b64encode(name.encode()).decode().rstrip("=")


def decoded(answer):
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    return cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("paths", ["deepface", "relative"])
def test_a_hit_is_opened_by_its_id(make_app, photos, paths):
    write_photo(photos / "Zoë & co" / "1 %.png", ALICE)
    client = make_app(identity_paths=paths).test_client()
    ((hit,),) = client.post("/find?refresh=wait", data=photo(ALICE), content_type="image/png").json["result"]
    shown = decoded(client.get(f"/find/photos/{hit['photo_id']}"))
    assert shown.shape == (120, 200, 3)
    assert np.abs(shown[50, 40].astype(int) - ALICE).max() < 16
    assert decoded(client.get(f"/find/photos/{hit['photo_id']}?size=100")).shape == (60, 100, 3)


def test_metadata_stays_on_the_server(client, photos):
    content = encoded(picture(Block(ALICE)), ".jpg")
    (photos / "1.jpg").write_bytes(content[:2] + b"\xff\xfe\x00\x08secret"[:10] + content[2:])
    assert b"secret" in (photos / "1.jpg").read_bytes()
    answer = client.get(f"/find/photos/{photo_id('1.jpg')}")
    assert answer.status_code == 200
    assert b"secret" not in answer.data


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png", "a/../../secret.png", "/etc/passwd", "out.png", "folder/out.png", ".", "", "text.txt",
        "a\0.png", "@eaDir/1.png", ".trash/1.png", "mine/1.png", "nothing.png", "a" * 5000,
    ],
)  # fmt: skip
def test_no_other_file_is_shown(make_app, photos, tmp_path, name):
    write_photo(tmp_path / "secret.png", ALICE)
    (photos / "out.png").symlink_to(tmp_path / "secret.png")
    (photos / "folder").symlink_to(tmp_path)
    (photos / "text.txt").write_text("x" * 100)
    for folder in ("@eaDir", ".trash", "mine"):
        write_photo(photos / folder / "1.png", ALICE)
    client = make_app(find_skip=("mine",)).test_client()
    assert client.get(f"/find/photos/{photo_id(name) or '%00'}").status_code == 404


@pytest.mark.parametrize("number", ["x", "%00", "%FF", "....", "_", "a" * 9000])
def test_what_is_no_id_is_not_found(client, number):
    assert_error(client.get(f"/find/photos/{number}"), 404, "not_found")


def test_the_size_has_limits(client, photos):
    write_photo(photos / "1.png", ALICE)
    for size in ("15", "4097", "x"):
        assert_error(client.get(f"/find/photos/{photo_id('1.png')}?size={size}"), 422, "validation_error", "size")


def test_only_a_key_with_the_scope_find_sees_photos(make_app, photos):
    write_photo(photos / "1.png", ALICE)
    app = make_app(api_keys=(KEY,))
    key = services_of(app).access.keys.create("x", set(Scope) - {Scope.FIND})[1]
    path = f"/find/photos/{photo_id('1.png')}"
    assert_error(app.test_client().get(path, headers={"X-API-Key": key}), 403, "forbidden")
    assert_error(app.test_client().get(path), 401, "unauthorized")
    assert app.test_client().get(path, headers={"X-API-Key": KEY}).status_code == 200


def test_without_a_folder_there_is_no_photo(make_app):
    assert_error(make_app(faces_db_path="").test_client().get("/find/photos/x"), 503, "service_unavailable")

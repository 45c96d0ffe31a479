"""What is answered about a JPEG that lacks its last bytes."""

import io
import json

import pytest

from tests.conftest import assert_error
from tests.pictures import ALICE, photo

CUT_OFF = photo(ALICE, suffix=".jpg")[:-2]
WHOLE = photo(ALICE, suffix=".jpg")


def warned(answer):
    assert answer.status_code in (200, 201), answer.get_json()
    return [warning["field"] for warning in answer.get_json().get("warnings", [])]


@pytest.mark.parametrize(
    "path", ["extract", "represent", "analyze", "quality", "find", "register", "identify", "recognize"]
)
def test_every_endpoint_with_an_image_warns_of_it(client, photos, path):
    (photos / "alice.png").write_bytes(photo(ALICE))
    more = {"name": "Alice"} if path == "register" else {}
    if path in ("identify", "recognize"):
        client.post("/register", data={"img": (io.BytesIO(WHOLE), "1"), "name": "Alice"})
    for content, expected in ((CUT_OFF, ["img"]), (WHOLE, [])):
        answer = client.post(f"/{path}", data={"img": (io.BytesIO(content), "1"), **more})
        assert warned(answer) == expected
        assert ("warnings" in answer.get_json()) is bool(expected)
        assert "lacks its last bytes" in json.dumps(answer.get_json()) or not expected


def test_each_image_of_a_pair_and_of_frames_is_named(client):
    def files(**contents):
        return {name: (io.BytesIO(content), name) for name, content in contents.items()}

    verify = {
        (first, second): files(img1=first, img2=second) for first in (WHOLE, CUT_OFF) for second in (WHOLE, CUT_OFF)
    }
    for (first, second), data in verify.items():
        named = [name for name, content in (("img1", first), ("img2", second)) if content == CUT_OFF]
        assert warned(client.post("/verify", data=data)) == named
    compared = client.post(
        "/compare", data={"img": (io.BytesIO(CUT_OFF), "1"), "target_vector": json.dumps([1.0] * 4096)}
    )
    assert compared.status_code != 200 or warned(compared) == ["img"]


def test_a_half_one_is_refused(client):
    answer = client.post("/extract", data=WHOLE[: len(WHOLE) // 2], content_type="image/jpeg")
    assert_error(answer, 400, "image_decode_error", "img")


def test_in_the_photo_folder_it_is_indexed(client, photos, caplog):
    (photos / "alice.jpg").write_bytes(CUT_OFF)
    answer = client.post("/find", data={"img": (io.BytesIO(WHOLE), "1"), "refresh": "wait"})
    assert len(answer.get_json()["result"][0]) == 1
    assert warned(answer) == []
    assert "lacks its last bytes" in caplog.text

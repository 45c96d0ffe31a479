"""`Accept: image/png` on /extract and /analyze: the image of the request with its faces drawn on it."""

import cv2
import numpy as np
import pytest

from tests.conftest import assert_error
from tests.pictures import ALICE, BOB, Block, encoded, photo, picture, write_photo

PNG = {"Accept": "image/png"}


def shown(answer):
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    return cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("route", ["/extract", "/analyze"])
def test_the_faces_are_drawn_where_the_answer_says(client, route):
    content = photo(ALICE, BOB)
    answer = client.post(route, data=content, content_type="image/png")
    assert answer.mimetype == "application/json"
    before = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    after = shown(client.post(route, data=content, content_type="image/png", headers=PNG))
    assert after.shape == before.shape
    changed = (after != before).any(axis=2)
    for face in answer.json["result"]:
        area = face.get("region") or face["facial_area"]
        for x, y in ((area["x"], area["y"] + area["h"] // 2), (area["x"] + area["w"] // 2, area["y"] + area["h"])):
            assert changed[y, x]
        middle = area["y"] + area["h"] // 2 + 4, area["x"] + area["w"] // 4
        assert not changed[middle]
    assert not changed[:, :8].any()


def test_a_large_image_is_drawn_smaller(client):
    large = encoded(picture(Block(ALICE, x=400, y=400, w=800, h=800), width=4000, height=2000))
    assert shown(client.post("/extract", data=large, content_type="image/png", headers=PNG)).shape == (1024, 2048, 3)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/png", "image/png"),
        ("image/png, application/json;q=0.5", "image/png"),
        ("application/json, image/png", "application/json"),
        ("*/*", "application/json"),
        ("image/webp", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_header_decides(client, accept, kind):
    answer = client.post("/extract", data=photo(ALICE), content_type="image/png", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, kind)


def test_images_of_every_kind_are_drawn_and_errors_stay_json(client, photos):
    write_photo(photos / "1.png", ALICE)
    assert shown(client.post("/extract", json={"img": "1.png"}, headers=PNG)).shape == (120, 200, 3)
    assert shown(client.post("/extract", data={"img": (photos / "1.png").open("rb")}, headers=PNG)).shape[2] == 3
    assert_error(client.post("/extract", json={"img": "2.png"}, headers=PNG), 400, "image_decode_error", "img")
    assert_error(
        client.post("/analyze", json={"img": "1.png", "actions": []}, headers=PNG), 422, "validation_error", "actions"
    )

"""Persons who were cut out of a picture by its alpha, which keeps their colours: nobody is found there."""

import base64
import io

import numpy as np
import pytest

from core.images.decoding import ImagePolicy, decode
from tests.pictures import ALICE, BOB, Block, encoded, photo, picture
from tests.shared import field_photo

BOTH = picture(Block(ALICE), Block(BOB, x=120))
WHITE = 255
STRICT = 0.005  # cosine; white is farther from Bob's colour


def without_bob(dtype=np.uint8):
    image = np.dstack([BOTH, np.full(BOTH.shape[:2], 255, np.uint8)]).astype(dtype)
    image[:, 100:, 3] = 0
    return image * 257 if dtype == np.uint16 else image


PICTURES = {
    "PNG": encoded(without_bob(), ".png"),
    "16 bits": encoded(without_bob(np.uint16), ".png"),
    "WebP": encoded(without_bob(), ".webp"),
}


def colours(answer):
    """Of the faces that were found; the white of what is transparent counts as one."""
    return {round(face["embedding"][1]) for face in answer.get_json()["result"]}


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_who_was_cut_out_is_found_by_no_endpoint(make_app, photos, content):
    (photos / "bob").mkdir()
    (photos / "bob" / "gone.png").write_bytes(content)
    client = make_app().test_client()
    for body in ({"img": base64.b64encode(content).decode()}, {"img": "bob/gone.png"}):
        found = colours(client.post("/represent", json=body))
        assert ALICE[1] in found
        assert BOB[1] not in found
    files = {"img1": (io.BytesIO(content), "1"), "img2": (io.BytesIO(photo(BOB)), "2")}
    assert client.post("/verify", data={**files, "threshold": STRICT}).get_json()["verified"] is False
    bob = {"img": base64.b64encode(photo(BOB)).decode(), "threshold": STRICT}
    assert client.post("/find", json={**bob, "refresh": "wait"}).get_json()["result"] == [[]]


def test_of_the_couple_from_the_field_only_one_is_left():
    policy = ImagePolicy(max_bytes=10_000_000, max_pixels=10_000_000)
    image = decode(field_photo("couple_left_cut_out.png"), policy)
    assert (image[:, 470:] == WHITE).all()
    assert not (image[:, :450] == WHITE).all()

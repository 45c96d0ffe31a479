"""Which faces are good enough to be registered and identified, on the fake engine."""

import io
from base64 import b64encode

import numpy as np
import pytest

from tests.api.v1.test_gallery import register, text
from tests.conftest import assert_error
from tests.pictures import ALICE, BOB, Block, encoded, picture


def sharp(colour=ALICE):
    """A face of this colour that is not uniform: large, bright and full of detail."""
    drawn = picture(Block(colour, w=100, h=50)).astype(int)
    drawn[drawn.any(axis=2)] += np.random.default_rng(0).integers(-14, 15, (100 * 50, 1))
    return encoded(np.clip(drawn, 0, 255).astype(np.uint8))


GOOD, DULL = (b64encode(content).decode() for content in (sharp(), encoded(picture(Block(ALICE)))))


@pytest.fixture
def client(make_app):
    return make_app(min_quality=0.45).test_client()


def refused(client, **body):
    error = assert_error(client.post("/register", json={"name": "Alice"} | body), 422, "low_quality", "img")
    assert client.get("/persons").json["persons"] == []
    return error


def test_a_good_face_is_registered_and_a_dull_one_refused_with_its_reasons(client):
    error = refused(client, img=DULL)
    assert error["details"]["reasons"] == ["blurred"]
    assert (error["details"]["score"], error["details"]["min_quality"]) == (0, 0.45)
    assert error["message"].endswith("quality 0 (blurred).")
    assert client.post("/register", json={"img": GOOD, "name": "Alice"}).status_code == 201


def test_the_request_decides_over_the_setting(client, make_app):
    score = client.post("/quality", json={"img": GOOD}).json["result"][0]["quality"]["score"]
    assert 0.45 < score < 1
    assert refused(client, img=GOOD, min_quality=1)["details"]["min_quality"] == 1
    assert refused(client, img=DULL, min_quality=0.01)
    assert client.post("/register", json={"img": DULL, "name": "Alice", "min_quality": 0}).status_code == 201
    lax = make_app(min_quality=0).test_client()
    assert lax.post("/register", json={"img": DULL, "name": "Alicia"}).status_code == 201


def test_forms_and_raw_images_are_judged_alike(client):
    name, dull = {"name": "Alice"}, encoded(picture(Block(ALICE)))
    assert_error(client.post("/register", data=name | {"img": DULL}), 422, "low_quality", "img")
    assert_error(client.post("/register", data=name | {"img": (io.BytesIO(dull), "x.png")}), 422, "low_quality", "img")
    raw = client.post("/register", query_string=name, data=dull, content_type="image/png")
    assert_error(raw, 422, "low_quality", "img")
    assert client.post("/register", data=name | {"img": DULL, "min_quality": "0"}).status_code == 201
    lax = name | {"min_quality": 0}
    assert client.post("/register", query_string=lax, data=dull, content_type="image/png").status_code == 201


@pytest.mark.parametrize("options", [{"enforce_detection": False}, {"detector_backend": "skip"}])
def test_what_shows_no_face_is_not_registered(client, options):
    noise = np.random.default_rng(0).integers(60, 256, (200, 200, 3), np.uint8)  # sharp, bright and large
    wall = b64encode(encoded(noise)).decode()
    answer = client.post("/quality", json={"img": wall} | options).json
    assert (answer["acceptable"], answer["reasons"], answer["result"][0]["quality"]["score"]) == (False, ["no_face"], 0)
    assert refused(client, img=wall, **options)["details"]["reasons"] == ["no_face"]
    assert refused(client, img=wall, min_quality=0.9, **options)


def test_a_capture_needs_one_good_frame(client):
    def capture(*frames):
        return client.post("/register", json={"frames": frames, "name": "Alice"})

    moved = b64encode(encoded(picture(Block(ALICE, x=26)))).decode()
    assert_error(capture(DULL, moved), 422, "low_quality", "frames")
    assert capture(moved, GOOD).status_code == 201


@pytest.mark.parametrize("route", ["identify", "recognize"])
def test_a_probe_of_low_quality_is_unknown_if_the_request_says_so(client, route):
    register(client, ALICE, "Alice", min_quality=0)

    def ask(img, **options):
        (face,) = client.post(f"/{route}", json={"img": img} | options).json["result"]
        return face["decision"], [match["match"] for match in face["matches"]], face["reason"]

    assert ask(DULL)[:2] == ask(DULL, min_quality=0)[:2] == ask(GOOD, min_quality=0.45)[:2] == ("match", [True])
    listed = [False] if route == "identify" else []
    assert ask(DULL, min_quality=0.45) == ("unknown", listed, "The face is below min_quality: quality 0 (blurred).")
    assert ask(GOOD, min_quality=1)[:2] == ("unknown", listed)
    form = client.post(f"/{route}", data={"img": DULL, "min_quality": "0.45"}).json["result"][0]
    assert form["decision"] == "unknown"


def test_an_embedding_has_no_quality(client):
    register(client, BOB, "Bob", min_quality=0)
    embedding = client.post("/represent", json={"img": text(BOB)}).json["result"][0]["embedding"]
    (face,) = client.post("/identify", json={"embedding": embedding, "min_quality": 1}).json["result"]
    assert face["decision"] == "match"


@pytest.mark.parametrize("value", [-0.1, 1.1, "x", True])
def test_min_quality_is_a_share(client, value):
    for route in ("register", "identify", "recognize"):
        body = {"img": GOOD, "min_quality": value} | ({"name": "x"} if route == "register" else {})
        assert_error(client.post(f"/{route}", json=body), 422, "validation_error", "min_quality")

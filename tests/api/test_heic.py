"""HEIC images by every way into the service, where their decoder is installed."""

import base64
import io

import pytest

from tests.conftest import assert_error
from tests.pictures import ALICE, Block, photo, picture

pillow_heif = pytest.importorskip("pillow_heif", reason="requirements-heic.txt is not installed")


@pytest.fixture(scope="module")
def content():
    image = picture(Block(ALICE))
    file = pillow_heif.from_bytes(mode="BGR", size=image.shape[1::-1], data=image.tobytes())
    written = io.BytesIO()
    file.save(written, quality=95)
    return written.getvalue()


def test_a_heic_image_is_read_whichever_way_it_comes(client, photos, content):
    (photos / "alice").mkdir()
    (photos / "alice" / "1.HEIC").write_bytes(content)
    text = base64.b64encode(content).decode()
    answers = [
        client.post("/represent", data=content, content_type="image/heic"),
        client.post("/represent", data={"img": (io.BytesIO(content), "1.heic")}),
        *(client.post("/represent", json={"img": img}) for img in (text, f"data:;base64,{text}", "alice/1.HEIC")),
    ]
    embeddings = [answer.get_json()["result"][0]["embedding"] for answer in answers]
    assert all(embedding == embeddings[0] for embedding in embeddings)
    found = client.post("/find", data={"img": (io.BytesIO(photo(ALICE)), "1"), "refresh": "wait"}).get_json()
    assert [row["person"] for row in found["result"][0]] == ["alice"]
    registered = client.post("/register", data={"img": (io.BytesIO(content), "1"), "name": "Alice"})
    assert registered.status_code == 201


def test_a_damaged_one_is_refused(client, content):
    answer = client.post("/extract", data=content[: len(content) // 2], content_type="image/heic")
    assert_error(answer, 400, "image_decode_error", "img")

"""Errors about what other services or tools would take name what to send instead."""

import gzip
import json

import pytest

from tests.api.test_inputs import ALICE_PNG, ALICE_TEXT, body_for
from tests.conftest import assert_error

FORM = "application/x-www-form-urlencoded"
TEXT = json.dumps({"img": ALICE_TEXT}).encode()


def said_of(response, field):
    return next(entry["msg"] for entry in response.json["details"]["fields"] if entry["field"] == field)


@pytest.mark.parametrize(
    ("route", "name", "meant"),
    [
        ("extract", "img_path", "img"),
        ("extract", "image", "img"),
        ("analyze", "file", "img"),
        ("represent", "image_url", "img"),
        ("find", "url", "img"),
        ("extract", "Img", "img"),
        ("extract", "img1", "img"),
        ("extract", "img_base64", "img"),
        ("verify", "img1_path", "img1"),
        ("verify", "img2-path", "img2"),
        ("verify", "image2", "img2"),
        ("verify", "file_1", "img1"),
        ("verify", "img", "img1 or img2"),
        ("verify", "source", "img1 or img2"),
        ("verify", "detector", "detector_backend"),
        ("verify", "Detector_Backend", "detector_backend"),
        ("verify", "model", "model_name"),
        ("verify", "distance_metrics", "distance_metric"),
        ("analyze", "action", "actions"),
        ("find", "treshold", "threshold"),
        ("identify", "topk", "top_k"),
        ("register", "persons_id", "person_id"),
        ("register", "photo", "img"),
        ("register", "username", "name"),
        ("verify", "distance", "distance_metric"),
        ("compare", "target_vektor", "target_vector"),
        ("forget", "ids", "id"),
        ("collections", "names", "name"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(client, route, name, meant):
    for sent in (
        {"json": {name: "a"}},
        {"data": {name: "a"}},
        {"data": {name: "a"}, "content_type": "multipart/form-data"},
    ):
        response = client.post(f"/{route}", **sent)
        assert response.json["error_code"] == "validation_error"
        assert said_of(response, name).endswith(f". Did you mean {meant}?"), said_of(response, name)


def test_a_near_miss_beside_an_image_is_told_what_was_meant(client):
    response = client.post("/extract?max_face=1", data=ALICE_PNG, content_type="image/png")
    assert said_of(response, "max_face").endswith("Did you mean max_faces?")
    response = client.get("/persons?colection=a")
    assert said_of(response, "colection").endswith("Did you mean collection?")


@pytest.mark.parametrize("name", ["x", "zzzzzz", "", "a" * 10_000, "\ud800", "k"])
def test_what_is_near_nothing_is_told_nothing(client, name):
    response = client.post("/extract", data=json.dumps({"img": "a", name: 1}), content_type="application/json")
    (entry,) = response.json["details"]["fields"]
    assert "mean" not in entry["msg"]


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("verify", "silent"),
        ("analyze", "silent"),
        ("analyze", "model_name"),
        ("extract", "model_name"),
        ("extract", "grayscale"),
        ("extract", "normalize_face"),
        ("represent", "l2_normalize"),
        ("find", "db_path"),
        ("find", "refresh_database"),
        ("represent", "actions"),
    ],
)
def test_a_parameter_of_deepfaces_own_is_told_what_to_do(client, route, name):
    for prefix in ("", "/api/v1"):
        for kind in ("json", "data"):
            response = client.post(f"{prefix}/{route}", **{kind: body_for(route) | {name: "true"}})
            assert_error(response, 422, "validation_error", name)
            assert "eave it out" in said_of(response, name)


def test_actions_in_one_text_are_told_to_be_a_list(client):
    response = client.post("/analyze", json={"img": "a", "actions": "age,gender"})
    assert_error(response, 422, "validation_error", "actions")
    assert '["age", "gender"]' in said_of(response, "actions")
    assert client.post("/analyze", data={"img": ALICE_TEXT, "actions": "age,gender"}).status_code == 200


def test_json_may_begin_with_a_byte_order_mark_as_windows_writes_it(client):
    body = b"\xef\xbb\xbf" + json.dumps({"img": ALICE_TEXT}).encode()
    assert client.post("/extract", data=body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("kind", ["", FORM, "text/plain", "application/octet-stream"])
@pytest.mark.parametrize("body", [TEXT, b"\r\n  " + TEXT, b"\xef\xbb\xbf" + TEXT, b"[1]"])
def test_json_under_another_type_is_told_the_header(client, kind, body):
    for route in ("extract", "verify", "forget"):
        response = client.post(f"/{route}", data=body, content_type=kind)
        message = assert_error(response, 415, "unsupported_media_type")["message"]
        assert "looks like JSON" in message
        assert "Content-Type: application/json" in message
        assert (kind or "no Content-Type") in message


@pytest.mark.parametrize("kind", ["", FORM, "application/octet-stream"])
def test_an_image_under_another_type_is_told_the_header(client, kind):
    response = client.post("/extract", data=ALICE_PNG, content_type=kind)
    assert "Content-Type: image/png" in assert_error(response, 415, "unsupported_media_type")["message"]
    response = client.post("/verify", data=ALICE_PNG, content_type=kind)
    assert "multipart form" in assert_error(response, 415, "unsupported_media_type")["message"]
    response = client.post("/forget", data=ALICE_PNG, content_type=kind or "image/png")
    assert assert_error(response, 415, "unsupported_media_type")["message"].endswith("Send JSON or a form.")


def test_any_other_body_without_a_type_is_told_that_it_has_none(client):
    message = assert_error(client.post("/extract", data=b"{}", content_type="a" * 999), 415, "unsupported_media_type")
    assert len(message["message"]) < 200
    message = assert_error(client.post("/extract", data=b"img=a"), 415, "unsupported_media_type")["message"]
    assert message.startswith("The request has no Content-Type")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip"])
@pytest.mark.parametrize("kind", ["application/json", "image/png", "multipart/form-data; boundary=B", FORM])
def test_a_compressed_body_is_refused_by_name(client, coding, kind):
    response = client.post(
        "/extract", data=gzip.compress(TEXT), content_type=kind, headers={"Content-Encoding": coding}
    )
    message = assert_error(response, 415, "unsupported_media_type")["message"]
    assert coding.rpartition(" ")[2].lower() in message


def test_a_body_that_says_it_is_as_it_is_is_read(client):
    for coding in ("identity", ""):
        response = client.post(
            "/extract", data=TEXT, content_type="application/json", headers={"Content-Encoding": coding}
        )
        assert response.status_code == 200

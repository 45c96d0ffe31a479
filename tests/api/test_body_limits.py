"""Bodies of too much, of half, or of what no client means: refused before they cost anything."""

import json

import pytest

from tests.api.test_inputs import ALICE_PNG, ALICE_TEXT, ROUTES, multipart, post_json
from tests.conftest import assert_error


def test_many_fields_or_values_are_one_error_and_never_parsed(client, monkeypatch):
    numbers = range(20_000)
    monkeypatch.setattr("api.inputs.json", None)
    monkeypatch.setattr("werkzeug.formparser.parse_qsl", None)
    for values in ({str(number): 1 for number in numbers}, {"img": "a", "actions": list(numbers)}):
        text = json.dumps(values)
        assert_error(post_json(client, "analyze", text), 422, "validation_error", "body")
    form = {"data": "&".join(f"{n}=1" for n in numbers), "content_type": "application/x-www-form-urlencoded"}
    assert_error(client.post("/analyze", **form), 422, "validation_error", "body")


def test_some_more_fields_or_values_than_there_are_are_one_error(client):
    fields = {str(number): 1 for number in range(101)}
    assert_error(client.post("/extract", json=fields), 422, "validation_error", "body")
    assert_error(
        client.post("/extract", **multipart(*((name, b"", False) for name in fields))), 422, "validation_error", "body"
    )
    actions = {"img": "a", "actions": [1] * 5_000}
    assert_error(client.post("/analyze", json=actions), 422, "validation_error", "actions[0]")
    assert_error(
        client.post("/analyze", data={"img": "a", "actions": "," * 5_000}), 422, "validation_error", "actions[0]"
    )


def test_a_part_without_a_name_is_an_error_of_the_body(client):
    image = ("img", ALICE_PNG, True)
    for disposition in (b"form-data", b"attachment", b'form-data; name=""', b'form-data; filename="f"'):
        form = multipart(image)
        form["data"] = b"--B\r\nContent-Disposition: %s\r\n\r\nx\r\n" % disposition * 2 + form["data"]
        assert_error(client.post("/extract", **form), 422, "validation_error", "body")
    assert_error(client.post("/extract", data={"": "x", "img": "a"}), 422, "validation_error", "body")


def test_a_part_with_endless_headers_is_an_error_and_never_parsed(client, monkeypatch):
    monkeypatch.setattr("werkzeug.formparser.MultiPartParser", None)
    for head in (b'Content-Disposition: form-data; name="%s"' % (b"\\" * 10_000), b"a: b\r\n" * 2000):
        form = multipart(("img", ALICE_PNG, True))
        form["data"] = b"--B\r\n" + head + b"\r\n\r\nx\r\n" + form["data"]
        assert_error(client.post("/extract", **form), 422, "validation_error", "body")


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=B", "image/png"])
def test_a_body_that_was_cut_off_is_an_error_although_what_came_is_whole(client, kind):
    form = multipart(("img", ALICE_PNG, True))["data"]
    whole = {"application/json": json.dumps({"img": ALICE_TEXT}).encode(), "image/png": ALICE_PNG}.get(kind, form)
    assert client.post("/extract", data=whole, content_type=kind).status_code == 200
    cut_off = {"CONTENT_LENGTH": str(len(whole) + 9), "wsgi.input_terminated": True}  # as gunicorn says
    response = client.post("/extract", data=whole, content_type=kind, environ_overrides=cut_off)
    assert_error(response, 422, "validation_error", "body")


def test_half_a_character_is_answered_like_any_other_text(client):
    assert_error(post_json(client, "extract", '{"img": "\\ud800"}'), 400, "image_decode_error", "img")
    assert_error(post_json(client, "extract", '{"img": "a", "\\ud800": 1}'), 422, "validation_error", "body")
    assert_error(post_json(client, "extract", '{"\\ud800": 1, "\\ud800": 2}'), 422, "validation_error", "?")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=B", "application/x-www-form-urlencoded", "image/png"]
)
def test_a_body_over_the_limit_is_413(make_app, route, kind):
    client = make_app(max_body_bytes=1000).test_client()
    response = client.post(f"/{route}", data=b"x" * 1001, content_type=kind)
    if kind == "image/png" and route == "verify":
        assert_error(response, 415, "unsupported_media_type")
    else:
        assert_error(response, 413, "request_too_large")


def test_a_form_of_a_thousand_and_one_parts_is_413(client):
    parts = [(f"p{number}", b"x", False) for number in range(1001)]
    assert_error(client.post("/extract", **multipart(*parts)), 413, "request_too_large")

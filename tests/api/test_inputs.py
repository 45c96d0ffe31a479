"""One request in every form, and every way to get a body wrong, on every route that takes one."""

import json
import os
from base64 import b64encode, encodebytes
from urllib.parse import quote, quote_plus

import numpy as np
import pytest

from tests.conftest import assert_error
from tests.pictures import ALICE, ALICIA, BOB, encoded, photo, picture

ALICE_PNG = photo(ALICE)
ALICE_TEXT = b64encode(ALICE_PNG).decode()

SINGLE = ("analyze", "represent", "find", "extract")
ROUTES = ("verify", *SINGLE)


def body_for(route):
    return {"img1": ALICE_TEXT, "img2": ALICE_TEXT} if route == "verify" else {"img": ALICE_TEXT}


def post_json(client, route, text):
    return client.post(f"/{route}", data=text, content_type="application/json")


def embeddings(response):
    assert response.status_code == 200, response.json
    return [face["embedding"] for face in response.json["result"]]


def multipart(*parts):
    body = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b'; filename="f"' if is_file else b"", content)
        for name, content, is_file in parts
    )
    return {"data": body + b"--B--\r\n", "content_type": "multipart/form-data; boundary=B"}


def test_the_same_photo_gives_the_same_embedding_whichever_way_it_comes(client, photos):
    content = photo(ALICE, BOB, suffix=".jpg")
    (photos / "Zoë.jpg").write_bytes(content)
    text = b64encode(content).decode()
    answers = [
        embeddings(response)
        for response in (
            client.post("/represent", json={"img": text}),
            client.post("/represent", json={"img": f"data:image/jpeg;base64,{text}"}),
            client.post("/represent", json={"img": "Zoë.jpg"}),
            client.post("/represent", json={"img": str(photos / "Zoë.jpg")}),
            client.post("/represent", data={"img": text}),
            client.post("/represent", **multipart(("img", content, True))),
            client.post("/represent", data=content, content_type="image/jpeg"),
            client.post("/represent", data=content, content_type="image/whatever"),
            client.post("/api/v1/represent", data=content, content_type="image/png"),
        )
    ]
    assert answers[0]
    assert all(answer == answers[0] for answer in answers)


def test_a_file_may_hold_the_boundary_within_its_bytes(client):
    content = photo(ALICE) + b"--B" + b"a" * 10_000 + b"\r\n--Ba" + b"a" * 10_000
    assert embeddings(client.post("/represent", **multipart(("img", content, True))))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_base64_in_a_form_is_read_however_its_plus_signs_came(client, suffix):
    kind = "application/x-www-form-urlencoded"
    for more in range(3):  # each padding
        content = photo(ALICE, BOB, suffix=suffix) + b"\xfb\xef\xbe" * 5 + bytes(more)
        text = b64encode(content).decode()
        assert "+" in text
        expected = embeddings(client.post("/represent", data=content, content_type="image/png"))
        uri = f"data:image/jpeg;base64,{text}"
        for sent in (
            f"img={text}",  # curl -d img=$(base64 -w0 photo.jpg)
            f"img={uri}",
            f"img={quote_plus(text)}",
            f"img={quote(uri, safe='')}",
            f"img={quote_plus(f'  {text} ')}",
            f"img={quote_plus(f'data:image/jpeg;base64, {text} ')}",
            f"img={quote_plus(text.rstrip('='))}&align=true",
            f"align=true&img={quote_plus(encodebytes(content))}",
            f"img={''.join(f'%{ord(character):02x}' for character in text)}",
        ):
            assert embeddings(client.post("/represent", data=sent, content_type=kind)) == expected, sent[:60]


def test_the_plus_sign_in_a_path_of_a_form_is_a_blank(client, photos):
    (photos / "a b+c.png").write_bytes(ALICE_PNG)
    kind = "application/x-www-form-urlencoded"
    assert client.post("/represent", data="img=a+b%2Bc.png", content_type=kind).status_code == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_text_beside_the_image_of_a_form_is_limited(client, kind):
    image = {"img": b64encode(ALICE_PNG + os.urandom(200_000)).decode()}

    def ask(**fields):
        return client.post("/register", data={**image, "name": "Alice", **fields}, content_type=kind)

    assert ask(metadata=json.dumps({"a": "é" * 9000})).status_code == 201
    assert_error(ask(metadata=" " * 70_000), 422, "validation_error", "metadata")
    assert_error(ask(metadata=" " * 40_000, labels=" " * 40_000), 422, "validation_error", "labels")
    assert_error(ask(image="A" * 70_000), 422, "validation_error", "image")


def test_a_form_holds_embeddings_up_to_the_number_of_values(client):
    vectors = json.dumps([[0.12345678901234567] * 4096] * 100)
    response = client.post("/compare", data={"img": ALICE_TEXT, "target_vectors": vectors})
    assert response.status_code == 200, response.json
    many = json.dumps([[0] * 4096] * 130)
    parts = multipart(("img", ALICE_PNG, True), ("target_vectors", many.encode(), False))
    for form in ({"data": {"img": ALICE_TEXT, "target_vectors": many}}, parts):
        assert_error(client.post("/compare", **form), 422, "validation_error", "body")


@pytest.mark.parametrize("is_file", [True, False])
def test_a_photo_of_many_megabytes_fits_into_a_multipart_part_and_stays_in_memory(client, is_file, monkeypatch):
    def on_disk(*_, **__):
        pytest.fail("a picture was written to disk")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(f"tempfile.{name}", on_disk)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", on_disk, raising=False)
    content = encoded(np.random.default_rng(0).integers(0, 255, (1200, 1200, 3), np.uint8))
    assert 3_000_000 < len(content) < 10_000_000
    part = ("img", content if is_file else b64encode(content), is_file)
    response = client.post("/extract", **multipart(part, ("enforce_detection", b"false", False)))
    assert response.status_code == 200


def test_options_come_with_the_form_or_in_the_query_of_a_raw_image(client):
    content = photo(ALICE, BOB)
    for response in (
        client.post("/represent", json={"img": b64encode(content).decode(), "max_faces": 1}),
        client.post("/represent", data={"img": b64encode(content).decode(), "max_faces": "1"}),
        client.post("/represent?max_faces=1", data=content, content_type="image/png"),
    ):
        assert len(embeddings(response)) == 1


@pytest.mark.parametrize("actions", [["age, gender"], ["age", "gender"]])
def test_a_form_gives_a_list_by_commas_or_repetition(client, actions):
    answer = client.post("/analyze", data={"img": ALICE_TEXT, "actions": actions}).json
    assert {"age", "gender"} < set(answer["result"][0])
    assert "race" not in answer["result"][0]


def test_a_form_says_false_in_words_and_json_does_not(client):
    data = {"img": b64encode(photo()).decode(), "enforce_detection": "false"}
    assert client.post("/represent", data=data).status_code == 200
    assert_error(client.post("/represent", json=data), 422, "validation_error", "enforce_detection")
    assert_error(
        client.post("/represent", data=data | {"enforce_detection": "maybe"}),
        422,
        "validation_error",
        "enforce_detection",
    )


@pytest.mark.parametrize("route", ROUTES)
def test_null_means_left_out(client, route):
    nulls = {"detector_backend": None, "enforce_detection": None, "max_faces": None}
    assert client.post(f"/{route}", json=body_for(route) | nulls).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '"x"', "{]}", "\xff", "{'img': 1}", '{"threshold": NaN}', '{"threshold": Infinity}',
        "[" * 100_000, '{"a":' * 100_000, '{"img": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_a_validation_error_of_the_body(client, route, text):
    assert_error(post_json(client, route, text.encode("latin-1")), 422, "validation_error", "body")


@pytest.mark.parametrize("route", ROUTES)
def test_every_wrong_field_is_named_at_once(client, route):
    wrong = {"detector_backend": "x", "max_faces": 0, "align": 1, "extra": 1}
    response = client.post(f"/{route}", json=body_for(route) | wrong)
    body = response.json
    assert_error(response, 422, "validation_error", *[entry["field"] for entry in body["details"]["fields"]])
    assert {entry["field"] for entry in body["details"]["fields"]} == set(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": -1}, {"threshold": "0.4"}, {"k": 0}, {"k": True}, {"k": 1.5},
        {"distance_metric": "manhattan"}, {"model_name": "Dlib "}, {"model_name": ["Dlib"]}, {"normalization": 1},
        {"expand_percentage": 101}, {"alignment": "nose"}, {"detection": "half"}, {"refresh": True},
        {"img": 5}, {"img": ""}, {"img": None}, {"img": ["a"]}, {"img": {"a": 1}},
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(client, wrong):
    (field,) = wrong
    response = post_json(client, "find", json.dumps(body_for("find") | wrong).encode())
    assert_error(response, 422, "validation_error", field)


def test_a_whole_number_may_be_written_with_a_point(client):
    options = {"expand_percentage": 5.0, "max_faces": 1.0, "k": 1e2, "threshold": 1}
    assert client.post("/find", json=body_for("find") | options).status_code == 200
    for name, value in (("expand_percentage", 5.5), ("max_faces", 0.0), ("max_faces", 1e300), ("k", -1.0)):
        assert_error(client.post("/find", json=body_for("find") | {name: value}), 422, "validation_error", name)


def test_a_number_beyond_every_float_is_named(client):
    assert_error(post_json(client, "find", '{"img": "a", "threshold": 1e999}'), 422, "validation_error", "threshold")


@pytest.mark.parametrize("route", ROUTES)
def test_missing_images_are_named(client, route):
    names = ("img1", "img2") if route == "verify" else ("img",)
    for response in (
        client.post(f"/{route}"),
        client.post(f"/{route}", json={}),
        client.post(f"/{route}", data={"max_faces": "1"}),
    ):
        body = response.json
        assert [entry["field"] for entry in body["details"]["fields"]] == list(names), body


@pytest.mark.parametrize("route", ROUTES)
def test_an_option_of_another_endpoint_is_unknown(client, route):
    option = {"verify": "k", "analyze": "model_name", "represent": "threshold", "find": "actions", "extract": "k"}[
        route
    ]
    response = client.post(f"/{route}", json=body_for(route) | {option: 1})
    assert_error(response, 422, "validation_error", option)


def test_a_field_given_twice_is_an_error_in_every_form(client):
    twice = '{"img": "a", "img": "b"}'
    assert_error(post_json(client, "represent", twice), 422, "validation_error", "img")
    nested = '{"img": {"a": 1, "a": 2}}'
    assert_error(post_json(client, "represent", nested), 422, "validation_error", "a")
    for data in ({"img": ["a", "b"]}, {"img": [ALICE_TEXT], "align": ["true", "false"]}):
        name = next(name for name, values in data.items() if len(values) > 1)
        assert_error(client.post("/represent", data=data), 422, "validation_error", name)
    response = client.post("/represent?img=a", data=ALICE_PNG, content_type="image/png")
    assert_error(response, 422, "validation_error", "img")


def test_duplicate_parts_are_an_error_and_a_file_is_no_option(client):
    image = ("img", ALICE_PNG, True)
    assert client.post("/extract", **multipart(image)).status_code == 200
    for second in (image, ("img", ALICE_TEXT.encode(), False)):
        assert_error(client.post("/extract", **multipart(image, second)), 422, "validation_error", "img")
    wrong = client.post("/extract", **multipart(image, ("align", b"true", True), ("actions", b"age", True)))
    assert {entry["field"] for entry in wrong.json["details"]["fields"]} >= {"actions"}


def test_the_query_string_of_a_json_body_is_not_silently_ignored(client):
    response = client.post("/represent?max_faces=1", json=body_for("represent"))
    assert_error(response, 422, "validation_error", "max_faces")


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_is_neither_json_form_nor_image_is_415(client, route):
    for kind in ("text/plain", "application/octet-stream", "application/xml", "nonsense"):
        assert_error(client.post(f"/{route}", data=b"x", content_type=kind), 415, "unsupported_media_type")
    assert_error(client.post(f"/{route}", data=b"x"), 415, "unsupported_media_type")


def test_one_raw_image_is_no_body_for_a_pair(client):
    assert_error(client.post("/verify", data=ALICE_PNG, content_type="image/png"), 415, "unsupported_media_type")


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_without_a_length_is_411(client, route):
    response = client.post(f"/{route}", headers={"Transfer-Encoding": "chunked"}, content_type="application/json")
    assert_error(response, 411, "length_required")


def test_an_image_over_the_limits_is_413_and_names_its_field(make_app):
    client = make_app(max_image_bytes=2_000, max_image_pixels=30_000).test_client()
    large = encoded(picture(width=200, height=200))
    response = client.post("/verify", json={"img1": ALICE_TEXT, "img2": b64encode(large).decode()})
    assert_error(response, 413, "image_too_large", "img2")
    response = client.post("/extract", data=ALICE_PNG + bytes(2_000), content_type="image/png")
    assert_error(response, 413, "image_too_large", "img")


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("missing.jpg", 400, "image_decode_error"),
        ("data:image/png;base64,AAAA", 400, "image_decode_error"),
        ("../secret.png", 403, "image_source_forbidden"),
        ("/etc/passwd", 403, "image_source_forbidden"),
        ("http://127.0.0.1:9/a.png", 403, "image_source_forbidden"),
        ("HTTP://localhost/a.png", 403, "image_source_forbidden"),
        ("https://user:pw@example.com/", 403, "image_source_forbidden"),
    ],
)
def test_a_source_that_gives_no_image_names_its_field(client, source, status, code):
    assert_error(client.post("/represent", json={"img": source}), status, code, "img")
    response = client.post("/verify", json={"img1": ALICE_TEXT, "img2": source})
    assert_error(response, status, code, "img2")


def test_a_photo_without_a_face_names_its_field(client):
    none = b64encode(photo()).decode()
    assert_error(client.post("/verify", json={"img1": none, "img2": none}), 422, "no_face_detected", "img1")
    assert_error(client.post("/analyze", json={"img": none}), 422, "no_face_detected", "img")


def test_the_two_images_of_a_pair_may_come_in_two_ways(client):
    import io

    data = {"img1": (io.BytesIO(photo(ALICIA)), "a.png"), "img2": ALICE_TEXT}
    assert client.post("/verify", data=data).json["verified"] is True

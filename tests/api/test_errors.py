"""The one error body on every route, whatever goes wrong."""

import logging

import pytest

from core import exceptions
from core.exceptions import DeepFaceError, ServiceError
from tests.conftest import assert_error
from tests.pictures import ALICE, photo

POSTS = ("/verify", "/analyze", "/represent", "/find", "/extract")
GETS = ("/", "/health", "/ready", "/openapi.json")


def subclasses(cls):
    return [cls] + [leaf for child in cls.__subclasses__() for leaf in subclasses(child)]


def concrete_errors():
    return [cls for cls in subclasses(ServiceError) if "code" in vars(cls)]


def test_every_error_has_a_code_of_its_own_and_says_when_it_is_raised():
    codes = [cls.code for cls in concrete_errors()]
    assert len(codes) == len(set(codes))
    for cls in concrete_errors():
        assert cls.__doc__.startswith("Raised "), cls
        assert 400 <= cls.status <= 599


def test_the_tree_in_the_modules_docstring_is_complete():
    for cls in concrete_errors():
        tree = exceptions.__doc__
        assert f"{cls.__name__:24}"[: len(cls.__name__) + 1] in tree
        assert f"{cls.status} {cls.code}\n" in tree + "\n"


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/v1/nothing", "/verify/x", "/%00", "/Ö", "/verify%2f.."])
def test_an_unknown_path_is_404(client, path):
    for response in (client.get(path), client.post(path, data=b"x")):
        assert_error(response, 404, "not_found")


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_the_wrong_method_is_405_and_allow_lists_the_right_one(client, prefix):
    for path in POSTS:
        response = client.get(prefix + path)
        assert_error(response, 405, "method_not_allowed")
        assert "POST" in response.headers["Allow"]
    for path in GETS:
        response = client.delete(prefix + path)
        assert_error(response, 405, "method_not_allowed")
        assert "GET" in response.headers["Allow"]


def test_a_failure_of_deepface_is_logged_with_its_traceback_and_answered_without(client, engine, caplog):
    def detect(*_):
        try:
            raise ValueError("/home/operator/secret " + "A" * 100)
        except ValueError as error:
            raise DeepFaceError from error

    engine.detect = detect
    with caplog.at_level(logging.ERROR):
        body = assert_error(client.post("/extract", data=photo(ALICE), content_type="image/png"), 500, "deepface_error")
    assert "secret" not in str(body)
    assert "ValueError" in caplog.text


def test_anything_unforeseen_is_an_internal_error(client, engine, caplog):
    engine.detect = lambda *_: 1 / 0
    with caplog.at_level(logging.ERROR):
        assert_error(client.post("/extract", data=photo(ALICE), content_type="image/png"), 500, "internal_error")
    assert "ZeroDivisionError" in caplog.text


def test_find_without_a_folder_says_what_is_missing(make_app, photos):
    image = {"data": photo(ALICE), "content_type": "image/png"}
    assert_error(make_app(faces_db_path="").test_client().post("/find", **image), 503, "service_unavailable")
    client = make_app().test_client()
    photos.rmdir()
    assert_error(client.post("/find", **image), 400, "db_not_found")


def test_a_missing_model_is_503_and_missing_liveness_412(client, engine):
    image = {"data": photo(ALICE), "content_type": "image/png"}
    engine.missing |= {"ArcFace", "MiniFASNet"}
    assert_error(client.post("/represent?model_name=ArcFace", **image), 503, "model_unavailable")
    assert_error(client.post("/represent?anti_spoofing=true", **image), 412, "liveness_unavailable")

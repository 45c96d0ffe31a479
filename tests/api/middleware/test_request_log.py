import io
import json
import logging
import re

import pytest

from tests.pictures import ALICE, photo


@pytest.fixture
def access_log(client):
    """The JSON lines of the access log written during the test."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    (stdout,) = logging.getLogger().handlers[-1:]
    handler.setFormatter(stdout.formatter)
    handler.addFilter(stdout.filters[0])
    logger = logging.getLogger("access")
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


@pytest.mark.parametrize("path", ["/", "/health", "/nothing", "/verify"])
def test_every_answer_carries_an_id_and_its_time(client, path):
    headers = client.get(path).headers
    assert re.fullmatch(r"[0-9a-f]{32}", headers["X-Request-Id"])
    assert float(headers["X-Response-Time-Ms"]) >= 0


def test_a_sane_id_of_the_client_is_kept_and_another_replaced(client):
    assert client.get("/health", headers={"X-Request-Id": "aB-1._"}).headers["X-Request-Id"] == "aB-1._"
    for bad in ("", "a b", "x" * 129, "é", "a;b", '"'):
        assert client.get("/health", headers={"X-Request-Id": bad}).headers["X-Request-Id"] != bad


def test_one_line_per_request_says_what_was_done_and_nothing_of_the_picture(client, access_log):
    content = photo(ALICE)
    client.post(
        "/api/v1/represent?model_name=ArcFace", data=content, content_type="image/png", headers={"X-Request-Id": "me"}
    )
    client.get("/no\nsuch\x1bpath")
    represent, unknown = access_log()
    assert (
        represent.items()
        >= {
            "method": "POST",
            "route": "/api/v1/represent",
            "status": 200,
            "model": "ArcFace",
            "detector": "opencv",
            "faces": 1,
            "request_id": "me",
        }.items()
    )
    assert represent["ms"] > 0
    known = "time level logger message method route status ms model detector faces request_id"
    assert set(represent) <= set(known.split())
    assert (unknown["route"], unknown["status"]) == (None, 404)
    assert "such" not in json.dumps(unknown)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_trace_of_the_caller_is_in_the_log(client, access_log):
    client.get("/health", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    client.get("/health", headers={"traceparent": f"00-{TRACE}-0000000000000000-01"})
    client.get("/health")
    assert [line.get("trace_id") for line in access_log()] == [TRACE, None, None]

import io
import json
import logging
import logging.config

import pytest

from core.logging import annotate, begin_request, end_request, facts, logging_config
from core.settings import Settings


@pytest.fixture
def lines(request):
    """Configures logging for the format of the test's parameter, and returns the lines written since."""
    stream = io.StringIO()
    config = logging_config(Settings(log_format=request.param))
    config["handlers"]["stdout"]["stream"] = stream
    logging.config.dictConfig(config)
    return lambda: stream.getvalue().splitlines()


FORGERY = "a\nb\r\nc\x1b[31m\u2028d"


@pytest.mark.parametrize("lines", ["json"], indirect=True)
def test_a_json_line_has_time_level_logger_message_and_the_requests_id(lines):
    token = begin_request("abc")
    annotate(model="Dlib")
    logging.getLogger("x").info("hello %s", "you", extra={"ms": 1.5})
    end_request(token)
    logging.getLogger("x").info("outside")
    first, second = map(json.loads, lines())
    assert {key: first[key] for key in ("level", "logger", "message", "request_id", "ms")} == {
        "level": "INFO",
        "logger": "x",
        "message": "hello you",
        "request_id": "abc",
        "ms": 1.5,
    }
    assert "time" in first
    assert "request_id" not in second


@pytest.mark.parametrize("lines", ["json", "text"], indirect=True)
def test_no_field_can_forge_a_line(lines):
    logging.getLogger("x").info(FORGERY, extra={"route": FORGERY})
    written = lines()
    assert len(written) == 1
    assert "\x1b" not in written[0]


@pytest.mark.parametrize("lines", ["text"], indirect=True)
def test_the_lines_of_a_traceback_are_indented_whatever_the_exception_quotes(lines):
    logging.getLogger("x").error("failed", exc_info=ValueError(FORGERY))
    first, *traceback = lines()
    assert first.endswith("ERROR   failed")
    assert traceback == ["    ValueError: a", r"    b\r", r"    c\x1b[31m\u2028d"]


@pytest.mark.parametrize("lines", ["text"], indirect=True)
def test_a_text_line_carries_the_extra_fields(lines):
    logging.getLogger("x").warning("request", extra={"status": 200})
    assert lines()[0].endswith("WARNING request status=200")


def test_facts_are_those_of_the_current_request_only():
    annotate(model="nobody's")
    assert facts() == {}
    token = begin_request("abc")
    annotate(model="Dlib")
    assert facts() == {"request_id": "abc", "model": "Dlib"}
    end_request(token)
    assert facts() == {}

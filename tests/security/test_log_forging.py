"""Forging log lines on the real server, in a service that logs all that a client says."""

import json
import re
from collections import Counter

import pytest

from tests.conftest import KEY
from tests.security.forgeries import FIELDS, FORGED_JSON, FORGED_TEXT, forgeries
from tests.security.test_bodies import answers_to
from tests.serving import served, wait_for

NAMES = {
    log_format: f"log forging: line ends and terminal codes in every field, log as {written}"
    for log_format, written in (("json", "JSON"), ("text", "text"))
}
FORGED = {"json": FORGED_JSON, "text": FORGED_TEXT}
PER_REQUEST = ("request", "failed")  # the messages of the lines that standins.talkative writes
TEXT_LINE = re.compile(r"(\S+) [\d:,]{12} (?:DEBUG  |INFO   |WARNING|ERROR  ) (\w+).*|    .*", re.DOTALL)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def message(line, log_format):
    """The message of a line, or its first word; None for one of a traceback, and what is wrong with any other."""
    if CONTROL.search(line):
        return "with a control character"
    if log_format == "json":
        try:
            known = json.loads(line)
        except ValueError:
            return "not JSON"
        return "forged" if "forged" in known else known.get("message", "without a message")
    match = TEXT_LINE.fullmatch(line)
    if match is None:
        return "not a line"
    return "forged" if match[1] == FORGED_TEXT[:10] else match[2]


WRONG = ("with a control character", "not JSON", "without a message", "not a line", "forged")


def attacked(folder, log_format, count, app="tests.security.standins:talkative()"):
    """How many requests were sent, and what in the log is not the service's own."""

    def written():
        lines = log.read_bytes().decode().removesuffix("\n").split("\n")
        return Counter(message(line, log_format) for line in lines)

    with served(folder, app=app, API_KEYS=KEY, LOG_FORMAT=log_format) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        before = written()
        answered = Counter()  # by the service itself, not by gunicorn
        for field, sent in forgeries(count, forged=FORGED[log_format]):
            answered[field] += sum("x-request-id" in head.lower() for head, _ in answers_to(address, [sent]))
        after = written()
    assert len(+answered) > len(FIELDS) / 2
    found = [f"{after[what]} lines {what}" for what in WRONG if after[what]]
    lines = {name: after[name] - before[name] for name in PER_REQUEST}
    if set(lines.values()) != {answered.total()}:
        found.append(f"{lines} lines for {answered.total()} answers")
    return count, found


@pytest.mark.parametrize("log_format", FORGED)
def test_no_field_forges_a_line(log_format, tmp_path, attack, cases):
    attack(NAMES[log_format], *attacked(tmp_path, log_format, cases(100, 1000)))


def test_a_formatter_that_does_not_escape_is_noticed(tmp_path, attack):
    attack(NAMES["text"], *attacked(tmp_path, "text", 100, "tests.security.weakened:with_plain_lines()"), twin=True)

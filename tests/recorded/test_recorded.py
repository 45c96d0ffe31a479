"""The program answers as it was recorded; `python -m tests.recorded.record` records anew what is to be otherwise."""

import re
from copy import deepcopy
from difflib import unified_diff

import pytest

from api.compat import DOORS
from tests.conftest import PROJECT
from tests.recorded.asking import Ask
from tests.recorded.commands import COMMANDS
from tests.recorded.record import ANSWERS, OUTPUTS, dumped, recorded
from tests.recorded.replaying import play
from tests.recorded.requests import REQUESTS

KEPT = recorded(ANSWERS)
KEPT_OUTPUTS = recorded(OUTPUTS)
NOT_PROVOKED = {"storage_full"}  # needs a disk that is full

_MAX_STEPS = 5  # of which a failure shows what is different
_MAX_LINES = 20


def differences(kept, found):
    """What is different, by step, as a text for people; empty if nothing is."""
    told = []
    for name in kept | found:
        before, after = (dumped(steps.get(name)).splitlines() for steps in (kept, found))
        if before != after:
            asked = (found.get(name) or kept[name])["asked"]
            lines = list(unified_diff(before, after, "recorded", "answered", n=1, lineterm=""))
            told.append("\n".join([f"{name}: {asked}", *lines[:_MAX_LINES], *["..."][: len(lines) - _MAX_LINES]]))
    return "\n\n".join([*told[:_MAX_STEPS], *([f"and {len(told) - _MAX_STEPS} more"] if told[_MAX_STEPS:] else [])])


def assert_as_recorded(scenario, kept, folder):
    if told := differences(kept[scenario.name], play(scenario, folder)):
        pytest.fail(f"{scenario.name}\n\n{told}", pytrace=False)


@pytest.mark.parametrize("scenario", REQUESTS, ids=lambda scenario: scenario.name)
def test_every_request_is_answered_as_recorded(scenario, tmp_path):
    assert_as_recorded(scenario, KEPT, tmp_path)


@pytest.mark.parametrize("scenario", COMMANDS, ids=lambda scenario: scenario.name)
def test_every_command_says_what_was_recorded(scenario, tmp_path):
    assert_as_recorded(scenario, KEPT_OUTPUTS, tmp_path)


@pytest.mark.parametrize(("scenarios", "kept"), [(REQUESTS, KEPT), (COMMANDS, KEPT_OUTPUTS)])
def test_what_is_recorded_is_what_is_asked(scenarios, kept):
    assert {one.name: [step.name for step in one.steps] for one in scenarios} == {
        name: list(steps) for name, steps in kept.items()
    }
    assert len(kept) == len(scenarios)
    for step in (step for steps in kept.values() for step in steps.values()):
        assert not step.keys() & {"not answered before", "raised"}, step
    for scenario in scenarios:
        assert len({step.name for step in scenario.steps}) == len(scenario.steps), scenario.name


def test_every_route_is_asked_at_the_root():
    doors = tuple(path for door in DOORS.values() for path in door.paths)  # tests/api/compat asks them
    operations = KEPT["service"]["openapi"]["body"]["operations"]
    routes = [route for route in operations if not route.split()[1].startswith(doors)]
    assert len(routes) > 25
    asked = {step.said for one in REQUESTS for step in one.steps if isinstance(step, Ask)}
    for route in routes:
        pattern = re.sub(r"{\w+}", "[^/]+", route)
        assert any(re.fullmatch(pattern, one) for one in asked), route


def test_every_error_is_provoked():
    reference = (PROJECT / "docs" / "reference" / "errors.md").read_text()
    codes = set(re.findall(r"^\| `(\w+)` \| \d{3} \|", reference, re.MULTILINE))
    assert codes
    provoked = {step["body"]["error_code"] for steps in KEPT.values() for step in steps.values() if is_error(step)}
    assert codes - provoked == NOT_PROVOKED


def is_error(step):
    return isinstance(step.get("body"), dict) and "error_code" in step["body"]


def with_another_message(step):
    step["body"]["message"] += " "


def with_another_status(step):
    step["status"] += 1


def with_another_header(step):
    step["headers"]["WWW-Authenticate"] = "Basic"


def without_a_header(step):
    step["headers"] |= {"Cache-Control": None}


def in_another_order(step):
    step["body"] = dict(reversed(step["body"].items()))


@pytest.mark.parametrize(
    "change",
    [with_another_message, with_another_status, with_another_header, without_a_header, in_another_order],
    ids=lambda change: change.__name__,
)
def test_an_answer_that_has_changed_is_shown(change):
    kept = KEPT["keys"]
    assert differences(kept, deepcopy(kept)) == ""
    found = deepcopy(kept)
    change(found["no_key"])
    told = differences(kept, found)
    assert told.startswith("no_key: GET /persons\n--- recorded\n+++ answered\n")

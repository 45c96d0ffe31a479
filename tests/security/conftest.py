"""The table of attacks: how often each was tried, what got through, and what got through its weakened twin."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from tests import discretion
from tests.security.tried import TRIED

_ATTACK = "attack"  # a report's property: name, number of tries, what got through, and whether it was the twin


def is_full() -> bool:
    """Whether this is the run with the larger numbers."""
    return os.environ.get("ATTACKS") == "full"


@pytest.fixture(scope="session")
def cases() -> Callable[[int, int], int]:
    """How many random cases a suite tries: of its two numbers the first, or where `make attack` runs it the second."""
    return lambda quick, full: full if is_full() else quick


@pytest.fixture(autouse=True)
def _no_answer_tells(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever is answered during an attack tells nothing; the twins' applications may."""
    send, call = requests.Session.send, FlaskClient.open

    def sent(self: requests.Session, prepared: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(self, prepared, **options)
        discretion.hear(prepared.path_url.partition("?")[0], f"{answer.headers} {answer.content.decode('latin-1')}")
        return answer

    def called(self: FlaskClient, *arguments: Any, **options: Any) -> Any:
        answer = call(self, *arguments, **options)
        discretion.hear(answer.request.path, f"{answer.headers} {answer.get_data().decode('latin-1')}")
        return answer

    monkeypatch.setattr(requests.Session, "send", sent)
    monkeypatch.setattr(FlaskClient, "open", called)
    discretion.overheard.clear()
    yield
    is_twin = any(key == _ATTACK and value[-1] for key, value in request.node.user_properties)
    assert is_twin or not discretion.overheard, discretion.overheard[:10]


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Records `tries` of an attack, by a name of `TRIED`, and fails if any of them got through.

    `breaches` describes what got through. With `twin=True` the attacked code was a weakened copy of ours: then the
    test fails unless something did, for an attack that nothing can fail proves nothing. An attack with several checks
    has to notice what each of them is for: some breach has to say each of `noticing`.
    """

    def record(
        name: str, tries: int, breaches: list[str], *, twin: bool = False, noticing: Collection[str] = ()
    ) -> None:
        expected = TRIED[name][is_full()]
        request.node.user_properties.append((_ATTACK, (name, tries, len(breaches), twin)))
        if twin:
            assert breaches, "the attack does not notice a weakened guard"
            unnoticed = [said for said in noticing if not any(said in breach for breach in breaches)]
            assert not unnoticed, (unnoticed, breaches[:10])
        else:
            assert not breaches, breaches[:10]
            assert tries == expected, "tests/security/tried.py, and SECURITY.md, say another number"

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tries, let_through, by_the_twin = defaultdict[str, int](int), defaultdict[str, int](int), defaultdict[str, int](int)
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for key, value in report.user_properties if report.when == "call" else ():
            if key == _ATTACK:  # also from the processes that the tests are shared among
                name, tried, breaches, is_twin = value
                tries[name] += 0 if is_twin else tried
                (by_the_twin if is_twin else let_through)[name] += breaches
    if tries:
        terminalreporter.section("attacks")
        width = max(map(len, tries)) + 2
        terminalreporter.line(f"{'attack':<{width}}{'tries':>8}{'let through':>14}{'by the twin':>14}")
        for name in filter(tries.__contains__, TRIED):
            terminalreporter.line(f"{name:<{width}}{tries[name]:>8}{let_through[name]:>14}{by_the_twin[name]:>14}")

"""The table of attacks: how often each was tried, what got through, and what got through its weakened twin."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass
class Attack:
    """One line of the table; counts are of single attempts."""

    tries: int = 0
    let_through: int = 0
    twin_let_through: int = 0


_TABLE = pytest.StashKey[dict[str, Attack]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = {}


@pytest.fixture(scope="session")
def cases() -> Callable[[int, int], int]:
    """How many random cases a suite tries: of its two numbers the first, or where `make attack` runs it the second."""
    return lambda quick, full: full if os.environ.get("ATTACKS") == "full" else quick


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Records `tries` of an attack and fails if any of them got through.

    `breaches` describes what got through. With `twin=True` the attacked code was a weakened copy of ours: then the
    test fails unless something did, for an attack that nothing can fail proves nothing.
    """

    def record(name: str, tries: int, breaches: list[str], *, twin: bool = False) -> None:
        line = request.config.stash[_TABLE].setdefault(name, Attack())
        if twin:
            line.twin_let_through += len(breaches)
            assert breaches, "the attack does not notice a weakened guard"
        else:
            line.tries += tries
            line.let_through += len(breaches)
            assert not breaches, breaches[:10]

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table = config.stash[_TABLE]
    if table:
        terminalreporter.section("attacks")
        terminalreporter.line(f"{'attack':<50}{'tries':>8}{'let through':>14}{'by the twin':>14}")
        for name, line in table.items():
            terminalreporter.line(f"{name:<50}{line.tries:>8}{line.let_through:>14}{line.twin_let_through:>14}")

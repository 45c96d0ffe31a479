"""`python -m tests.recorded.record` writes anew what the program answers; `git diff` then shows what has changed."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.recorded.asking import Scenario
from tests.recorded.commands import COMMANDS
from tests.recorded.replaying import SETTINGS, Recorded, play
from tests.recorded.requests import REQUESTS

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.json"
OUTPUTS = HERE / "commands.json"

_WIDTH = 118


def dumped(value: Any, indent: int = 0) -> str:
    """The text in which answers are kept and compared: keys in their order, and in a line what fits into it."""
    text = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or indent + len(text) <= _WIDTH:
        return text
    inner = indent + 1
    if isinstance(value, dict):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {dumped(one, inner)}" for name, one in value.items()]
    else:
        parts = [dumped(one, inner) for one in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    separator = f",\n{' ' * inner}"
    return f"{first}\n{' ' * inner}{separator.join(parts)}\n{' ' * indent}{last}"


def recorded(file: Path) -> dict[str, Recorded]:
    """What was kept in a file, by scenario and step."""
    found: dict[str, Recorded] = json.loads(file.read_text("utf-8"))
    return found


def record(scenarios: Sequence[Scenario], file: Path) -> None:
    """Play the scenarios, and keep what they were answered."""
    found: dict[str, Recorded] = {}
    for scenario in scenarios:
        # What an engine was held back from is done in the background, and may still write into the folder.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
            for name in SETTINGS:
                patch.delenv(name.upper(), raising=False)
            patch.chdir(folder)  # in which there is no `.env`
            found[scenario.name] = play(scenario, Path(folder))
    file.write_text(dumped(found) + "\n", "utf-8")


if __name__ == "__main__":
    record(REQUESTS, ANSWERS)
    record(COMMANDS, OUTPUTS)

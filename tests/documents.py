"""The blocks of the documents: which are run, what they show, and how that is compared with what really comes out."""

import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from api.cli.demo.photos import PhotoFolder
from tests.conftest import PROJECT
from tests.serving import served, wait_for

DOCS = PROJECT / "docs"
RUN = ("sh", "python", "sql")
SHOWN = ("json", "text")
SERVICE = "http://localhost:5000"  # what the documents call it
# A value that another run has otherwise: an ID, a token, a hash.
OTHERWISE = re.compile(r"fsk_[\w-]+…?|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{8,64}\b")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of a page: its language, its further words (`no-run`) and its text."""

    language: str
    words: tuple[str, ...]
    text: str

    @property
    def is_run(self) -> bool:
        return self.language in RUN and "no-run" not in self.words


def blocks(path):
    found = re.findall(r"^( *)```(\w+)([^\n]*)\n(.*?)^ *```", path.read_text(), re.DOTALL | re.MULTILINE)
    return [
        Block(language=language, words=tuple(words.split()), text=re.sub(rf"(?m)^{indent}", "", text))
        for indent, language, words, text in found
    ]


def pages():
    """The documents with blocks, but for those that are made from the code."""
    written = [path for path in sorted(DOCS.rglob("*.md")) if path.parent.name != "reference"]
    return [path for path in (PROJECT / "README.md", *written) if blocks(path)]


@contextlib.contextmanager
def serving(folder, settings):
    """A service with these settings and those of a `.env` in the folder; gives its address."""
    with served(folder, **{"DEFAULT_MODEL": "", "MIN_QUALITY": "0.45"} | settings) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        yield url


class Shell:
    """One shell for all blocks of a page, so that its variables are kept."""

    def __init__(self, folder, environment):
        self._process = subprocess.Popen(
            ["bash", "-eu", "-o", "pipefail"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, text):
        """What the commands print; the last command of `text` may end with any code."""
        self._process.stdin.write(f"{text}\nprintf '\\n\\036\\n'\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line == "\036\n":
                return "".join(lines).strip("\n")
            lines.append(line)
        pytest.fail(f"A command failed:\n{text}\n{''.join(lines)}")

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


@dataclass
class Reader:
    """Somebody who follows a page with a service of their own, from a folder with the sample photos."""

    folder: Path
    settings: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)  # as the page shows them, and as they are here

    def follow(self, path):
        PhotoFolder(self.folder / "faces_db").write()
        coming, output = blocks(path), None
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "DATA_PATH": str(self.folder / "data"),
            "DEEPFACE_HOME": str(self.folder / "home"),
        } | self.settings
        shell = Shell(self.folder, environment)
        try:
            while coming:
                with serving(self.folder, self.settings) as url:
                    before = self.env()
                    while coming and self.env() == before:
                        output = self.take(coming.pop(0), url, shell, output)
        finally:
            shell.close()

    def env(self):
        file = self.folder / ".env"
        return file.read_text() if file.exists() else ""

    def take(self, block, url, shell, output):
        """Run or compare a block; gives what the next one may show."""
        if "no-run" in block.words:
            return output
        if block.is_run:
            text = block.text.replace(SERVICE, url)
            for shown, real in self.ids.items():
                text = text.replace(shown, real)
            if block.language == "python":
                (self.folder / "block.py").write_text(text)
                text = "python block.py"
            return shell.run(text)
        if block.language in SHOWN and output is not None:
            compare = self.compare_json if block.language == "json" else self.compare_text
            compare(block.text, output)
        return output

    def compare_json(self, shown, output):
        self.shows(json.loads(shown), json.loads(output.splitlines()[-1]))

    def shows(self, shown, real, at="answer"):
        """Assert that what a page shows of an answer is in the real one."""
        if isinstance(shown, dict):
            assert shown.keys() <= real.keys(), f"{at} has only {list(real)}"
            for name, value in shown.items():
                self.shows(value, real[name], f"{at}.{name}")
        elif isinstance(shown, list):
            assert len(shown) <= len(real), at
            for number, (one, other) in enumerate(zip(shown, real, strict=False)):
                self.shows(one, other, f"{at}[{number}]")
        elif isinstance(shown, str) and at.rpartition(".")[2] in ("name", "version"):
            assert shown == real, at
        elif isinstance(shown, str) and OTHERWISE.fullmatch(shown):
            assert OTHERWISE.fullmatch(real), at
            self.ids[shown] = real
        elif isinstance(shown, str) and re.match(r"\d{4}-\d\d-\d\dT", shown):
            assert re.match(r"\d{4}-\d\d-\d\dT", real), at
        elif isinstance(shown, bool) or shown is None or isinstance(shown, str):
            assert shown == real, at
        else:  # a measured number: another processor gives a slightly different one
            assert type(shown) is type(real), at
            if not at.endswith((".time", "milliseconds", "_s")):
                assert real == pytest.approx(shown, rel=0.1, abs=3 if isinstance(shown, int) else 0.02), at

    def compare_text(self, shown, output):
        """Each line of the page is printed, in this order; numbers and IDs may be others."""
        lines = iter(output.splitlines())
        for line in shown.strip("\n").splitlines():
            pattern = self.pattern(line)
            matches = (re.fullmatch(pattern, other.rstrip()) for other in lines)
            match = next(filter(None, matches), None)
            assert match, f"{line!r} is not in:\n{output}"
            self.ids |= dict(zip(OTHERWISE.findall(line), match.groups(), strict=True))

    @staticmethod
    def pattern(line):
        pieces = OTHERWISE.split(line.rstrip())
        plain = [re.sub(r"\d+(?:\\\.\d+)?", r"[\\d.]+", re.escape(piece)).replace("…", ".*") for piece in pieces]
        return "((?:fsk_)?[\\w-]+)".join(plain)

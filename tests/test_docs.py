"""The documentation says what the code does: tables against classes, commands against the Makefile."""

import itertools
import json
import re
import shlex
import subprocess
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from api.cli import face_service
from core import __version__
from core.settings import Settings
from docs.generate.pages import PAGES, pages
from schemas.names import Metric
from services.models.catalogue import catalogue
from services.models.licensing import commercial_use
from tests.conftest import PROJECT
from tests.security.tried import TRIED

DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text()
COMMANDS = ("face-service", ".venv/bin/face-service")
DOCUMENTS = {path: path.read_text() for path in (*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"))}


def table(header, text=README):
    """The rows of the table (the README's) whose first cells are these, each a list of cells."""
    start = text.index(f"| {' | '.join(header)} |")
    lines = text[start:].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def shell_commands(text):
    blocks_of_shell = re.findall(r"```sh[^\n]*\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks_of_shell for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line]


def test_the_reference_is_what_the_code_says():
    for name, text in pages().items():
        assert (PAGES / name).read_text() == text, f"{name} is out of date. Run: make reference"
    assert {path.name for path in PAGES.iterdir()} == set(pages())


def test_the_reference_says_what_to_do_about_each_error():
    text = DOCUMENTS[DOCS / "reference/errors.md"]
    rows = table(["error_code", "HTTP", "raised when", "what to do"], text)
    assert rows
    assert [row[0] for row in rows if not row[3].endswith((".", "MiniFASNet", "build"))] == []


def test_every_setting_of_a_document_is_one():
    for path, text in DOCUMENTS.items():
        for block in re.findall(r"```properties\n(.*?)```", text, re.DOTALL):
            values = dict(line.split("=", 1) for line in block.splitlines())
            assert {name.lower() for name in values} <= set(Settings.model_fields), path
            Settings(_env_file=None, **{name.lower(): value for name, value in values.items()})


# What begins a command that no test runs, and what checks it.
NOT_RUN = {
    "make": "test_every_make_target_and_file_a_document_names_exists",
    "docker": "tests/test_container.py, against the Compose specification",
    "systemctl": "tests/test_container.py, by systemd-analyze",
    "systemd-run": "tests/test_container.py, by systemd-analyze",
    "nginx": "tests/test_nginx.py, by nginx",
    "kubectl": "tests/test_kubernetes.py, by kubernetes-validate",
    **dict.fromkeys(
        ("pg_dump", "pg_restore", "pg_basebackup"), "tests/services/backup/test_postgresql.py, which runs them"
    ),
    **dict.fromkeys(("openapi-python-client", "openapi-ts", "openapi-typescript"), "tests/clients/test_clients.py"),
    "face-service": "test_every_command_of_a_document_exists",
    ".venv/bin/python": "test_every_make_target_and_file_a_document_names_exists",
    ".venv/bin/pip": "test_every_make_target_and_file_a_document_names_exists",
    **dict.fromkeys(("python3", "useradd", "cd", "install", "sed", "curl", "(umask"), "nothing: plain commands"),
}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_block_that_is_not_run_names_exists(path):
    for block in re.findall(r"```sh no-run\n(.*?)```", DOCUMENTS[path], re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            assert not line.strip() or line.split()[0] in NOT_RUN, line
            for file in re.findall(r"(?:-r|-f|install -m \d+(?: -g \S+)?) (\S+)", line):
                assert (PROJECT / file).exists(), line


def test_the_documented_thresholds_are_the_measured_ones():
    rows = table(["alignment", "detector", *get_args(Metric.__value__)], DOCUMENTS[DOCS / "explanation/thresholds.md"])
    documented = {
        (alignment, detector): [float(number) for number in numbers[:4]]
        for alignment, named, *numbers in rows
        for detector in (("opencv", "dlib", "yunet") if named == "all three" else (named,))
    }
    measured = catalogue.find("Dlib").measured_thresholds
    assert documented == {(one.alignment, one.detector): list(one.values.values()) for one in measured}


def test_the_table_of_presets_is_the_catalogues():
    for (cell, names, size, use, _, summary), preset in zip(
        table(["preset", "models", "weights", "commercial use", "answers without internet", "what for"]),
        catalogue.PRESETS.values(),
        strict=True,
    ):
        models = catalogue.models_of(preset)
        sizes = [file.size for model in models for file in model.files]
        assert (cell, names) == (f"`{preset.name}`", ", ".join(model.name for model in models))
        assert size == ("not published" if None in sizes else f"{sum(sizes) / 1_000_000:.1f} MB")
        assert (use, summary) == (commercial_use(models), preset.summary)


def test_the_table_of_attacks_is_what_the_tests_try():
    text = DOCUMENTS[PROJECT / "SECURITY.md"]
    rows = table(["attack", "in every test run", "by `make attack`", "let through"], text)
    assert rows == [[name, f"{quick:,}", f"{full:,}", "0"] for name, (quick, full) in TRIED.items()]


def test_the_newest_release_of_the_changelog_has_a_date_and_is_this_version():
    releases = re.findall(r"^## \[([\d.]+)\] - (\S+)$", DOCUMENTS[PROJECT / "CHANGELOG.md"], re.MULTILINE)
    assert releases[0][0] == __version__
    dates = [date.fromisoformat(day) for _, day in releases]
    assert dates == sorted(dates, reverse=True)


def test_the_example_settings_are_settings():
    lines = [line for line in (PROJECT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    assert {name.lower() for name in given} <= set(Settings.model_fields)
    preset = catalogue.PRESETS[given["MODEL_PRESET"]]
    assert (preset.model, preset.detector) == ("Dlib", "dlib")
    assert not {"DEFAULT_MODEL", "DEFAULT_DETECTOR"} & set(given)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_and_file_a_document_names_exists(path):
    targets = set(re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for command in shell_commands(DOCUMENTS[path]):
        if command.startswith("make"):
            assert set(command.split()[1:]) <= targets, command
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", DOCUMENTS[path]):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_a_document_exists(path):
    lines = [line for line in shell_commands(DOCUMENTS[path]) if re.search(r"(^|[ /])face-service [a-z]", line)]
    for command in map(shlex.split, lines):
        place = next(number for number, word in enumerate(command) if word in COMMANDS)
        group, *rest = itertools.takewhile(lambda word: not word.startswith("-"), command[place + 1 :])
        assert CliRunner().invoke(face_service, [group, *rest[:1], "--help"]).exit_code == 0, command


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_json_of_a_document_is_json(path):
    for block in blocks("json", DOCUMENTS[path]):
        json.loads(block)


def test_the_project_names_no_machine_of_its_makers():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=False).stdout
    for name in filter(None, tracked.split("\0")):
        text = (PROJECT / name).read_text(errors="replace") if (PROJECT / name).exists() else ""
        assert not re.search(r"/(root|home|work)/\w", text) or name in (
            "tests/test_docs.py",
            "tests/api/test_errors.py",
        ), name


def test_every_requirement_is_pinned_exactly():
    for path in Path(PROJECT).glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            requirement = line.split("#")[0].strip()
            pinned = re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+( ; sys_platform == 'linux')?", requirement)
            assert not requirement or requirement.startswith("-r ") or pinned, line


def pins(path):
    """The pins of a file of requirements, in lower case, without extras, comments and hashes."""
    lines = [line.split("#")[0].split("\\")[0].strip().lower() for line in path.read_text().splitlines()]
    given = [line.partition("==") for line in lines if line and not line.startswith(("-r ", "--hash"))]
    return {(re.sub("[-_.]+", "-", name.partition("[")[0]), version) for name, _, version in given}


@pytest.mark.parametrize("path", sorted(PROJECT.glob("requirements*.txt")), ids=lambda path: path.name)
def test_every_requirement_is_locked_with_hashes(path):
    """If it fails after a change of the requirements: make lock-hashes."""
    lock = path.with_suffix(".lock")
    assert pins(lock) == pins(path)
    for requirement in re.findall(r"^[\w.-]+==.*(?:\n .*)*", lock.read_text(), re.MULTILINE):
        assert re.fullmatch(r"\S+( ; .+)?( \\\n    --hash=sha256:[0-9a-f]{64})+", requirement), requirement
    included = [line.replace(".txt", ".lock") for line in path.read_text().splitlines() if line.startswith("-r ")]
    assert [line for line in lock.read_text().splitlines() if line.startswith("-r ")] == included

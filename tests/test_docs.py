"""The documentation says what the code does: tables against classes, commands against the Makefile, curl for real."""

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from api.cli import face_service
from core.settings import Settings
from docs.generate import PAGES, pages
from schemas import faces, find, gallery
from schemas.common import Metric
from services.models.catalogue import catalogue
from services.models.licensing import commercial_use
from tests.conftest import PROJECT
from tests.security.tried import TRIED
from tests.serving import served, wait_for

DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text()
DOCUMENTS = {path: path.read_text() for path in (*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"))}


def table(header, text=README):
    """The rows of the table (the README's) whose first cells are these, each a list of cells."""
    start = text.index(f"| {' | '.join(header)} |")
    lines = text[start:].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def shell_commands(text):
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines() if line]


def test_the_reference_is_what_the_code_says():
    for name, text in pages().items():
        assert (PAGES / name).read_text() == text, f"{name} is out of date. Run: make reference"
    assert {path.name for path in PAGES.iterdir()} == {*pages(), "models.md"}


def test_the_documented_thresholds_are_the_measured_ones():
    rows = table(["alignment", "detector", *get_args(Metric)], DOCUMENTS[DOCS / "explanation/thresholds.md"])
    documented = {
        (alignment, detector): [float(number) for number in numbers[:4]]
        for alignment, named, *numbers in rows
        for detector in (("opencv", "dlib", "yunet") if named == "all three" else (named,))
    }
    measured = catalogue.find("Dlib").measured_thresholds
    assert documented == {(one.alignment, one.detector): list(one.values.values()) for one in measured}


def test_the_table_of_options_is_the_request_models():
    endpoints = ["verify", "analyze", "represent", "find", "extract", "register", "identify"]
    documented = {name: set() for name in endpoints}
    for first, _, *marks in table(["option", "default", *endpoints], DOCUMENTS[DOCS / "how-to/requests.md"]):
        for option in re.findall(r"`(\w+)`", first):
            for name, mark in zip(endpoints, marks, strict=True):
                documented[name] |= {option} if mark == "x" else set()
    for name in endpoints:
        of_gallery = name in ("register", "identify")
        group = gallery if of_gallery else find if name == "find" else faces
        fields = set(getattr(group, f"{name.capitalize()}Request").model_fields)
        assert documented[name] == fields - ({"img"} if of_gallery else {"img", "img1", "img2", "person_id"})
    recognize = set(gallery.RecognizeRequest.model_fields)
    assert recognize - {"img"} == documented["identify"]
    assert set(faces.QualityRequest.model_fields) - {"img"} <= documented["extract"]


def test_the_tables_of_models_are_the_catalogue():
    text = DOCUMENTS[DOCS / "reference/models.md"]
    for model in catalogue.MODELS.values():
        terms, sizes = model.license, [file.size for file in model.files]
        size = "not published" if None in sizes else f"{sum(sizes) / 1_000_000:.1f} MB" if sizes else "-"
        said = (model.name, model.task, size, terms.name, terms.commercial_use, f"[{terms.reason}]({terms.source})")
        assert f"| {' | '.join(said)} |" in text, model.name
        if model.extra is not None:
            needs = re.escape(f"`{model.extra.command}`" if model.extra.command else f"none. {model.extra.refusal}")
            assert re.search(rf"^\| (\S+, )*{model.name}(, \S+)* \| {needs} \|$", text, re.MULTILINE), model.name
        for number in model.accuracy:
            assert f"| {model.name} | {number.benchmark} | {number.metric} | {number.value} |" in text
    assert len(re.findall(r"^\| .* \| (?:yes|no|unclear) \| \[", text, re.MULTILINE)) == len(catalogue.MODELS)


def test_the_table_of_presets_is_the_catalogues():
    for (cell, names, size, use, summary), preset in zip(
        table(["preset", "models", "weights", "commercial use", "what for"]),
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
    commands = [shlex.split(line) for line in shell_commands(DOCUMENTS[path]) if "face-service " in line]
    for command in commands:
        place = next(number for number, word in enumerate(command) if word.endswith("face-service"))
        group, *rest = itertools.takewhile(lambda word: not word.startswith("-"), command[place + 1 :])
        assert CliRunner().invoke(face_service, [group, *rest[:1], "--help"]).exit_code == 0, command


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_json_of_a_document_is_json(path):
    for block in blocks("json", DOCUMENTS[path]):
        json.loads(block)


def assert_shows(shown, real):
    """Assert that what a document shows of an answer is in the real one; numbers may be a little off."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_shows(value, real[name])
    elif isinstance(shown, list):
        for one, other in zip(shown, real, strict=False):
            assert_shows(one, other)
        assert len(shown) <= len(real)
    elif isinstance(shown, float):
        assert real == pytest.approx(shown, abs=2)
    elif isinstance(shown, str) and "/" in shown:
        assert os.path.dirname(shown) == os.path.dirname(real)
    else:
        assert type(real) is type(shown)
        assert real == pytest.approx(shown, abs=60) if type(shown) is int else real == shown


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.models
def test_the_readmes_commands_answer_what_it_shows(tmp_path):
    with served(tmp_path, FACES_DB_PATH="./faces_db", MODEL_PRESET="offline", DEFAULT_MODEL="") as (url, _, _):
        wait_for(f"{url}/ready")
        demo = [sys.executable, str(PROJECT / "examples" / "demo.py"), "--url", url]
        output = subprocess.run(demo, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        answer = None
        for language, block in re.findall(r"```(sh|json|python)\n(.*?)```", README, re.DOTALL):
            local = block.replace("http://localhost:5000", url)
            if language == "json":
                assert_shows(json.loads(block), answer)
            elif language == "python":
                subprocess.run([sys.executable, "-c", local], cwd=tmp_path, check=True)
            elif "curl" in block:
                for line in local.splitlines():
                    result = subprocess.run(shlex.split(line), cwd=tmp_path, capture_output=True, text=True, check=True)
                    answer = json.loads(result.stdout)
                    assert answer["success"] is True, line
    expected = blocks("text")[0].splitlines()
    without_numbers = [re.sub(r"distance [\d.]+", "distance", line) for line in (*expected, *output.splitlines())]
    assert set(without_numbers[: len(expected)]) <= set(without_numbers[len(expected) :])


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
            pinned = re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", requirement)
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
        assert re.fullmatch(r"\S+( \\\n    --hash=sha256:[0-9a-f]{64})+", requirement), requirement
    included = [line.replace(".txt", ".lock") for line in path.read_text().splitlines() if line.startswith("-r ")]
    assert [line for line in lock.read_text().splitlines() if line.startswith("-r ")] == included

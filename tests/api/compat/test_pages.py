"""The page of every door, played against the real server with Dlib: each command answers what the page shows."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from api.compat import DOORS
from tests.conftest import PROJECT
from tests.serving import served, wait_for
from tests.test_docs import assert_shows

PAGES = sorted((PROJECT / "docs" / "how-to").glob("from-*.md"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a server with the sample photos, and the folder in which its `faces_db` is."""
    folder = tmp_path_factory.mktemp("server")
    with served(folder, FACES_DB_PATH="./faces_db", MODEL_PRESET="offline", DEFAULT_MODEL="") as (url, *_):
        wait_for(f"{url}/ready")
        demo = [sys.executable, str(PROJECT / "examples" / "demo.py"), "--url", url]
        subprocess.run(demo, cwd=folder, capture_output=True, check=True)
        yield url, folder


def test_every_door_has_a_page():
    assert {page.stem for page in PAGES} == {f"from-{name}" for name in DOORS}


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.models
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_the_page_answer_what_it_shows(server, page):
    url, folder = server
    answer = ""
    for language, block in re.findall(r"```(sh|json|python|text)\n(.*?)```", page.read_text(), re.DOTALL):
        local = block.replace("http://localhost:5000", url)
        if language == "json":
            assert_shows(json.loads(block), json.loads(answer))
        elif language == "text":
            assert answer == block
        elif language == "python":
            answer = output_of([sys.executable, "-c", local], folder)
        else:
            for line in filter(None, local.splitlines()):
                answer = output_of(["bash", "-c", line], folder)


def output_of(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout

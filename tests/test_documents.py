"""Every command of README and docs is run against a real server, and answers what the page shows."""

import shutil

import pytest

from tests.conftest import PROJECT
from tests.documents import Reader, blocks, pages, serving

# What a page needs beside the photos and the settings of `.env.example`.
SETTINGS = {"MODEL_PRESET": "offline", "FACES_DB_PATH": "./faces_db"}
ELSEWHERE = {"customer_sql.md"}  # tests/services/gallery/test_customer_sql.py runs it

pytestmark = [pytest.mark.models, pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The folders of a service that was started once: models are installed and prepared."""
    folder = tmp_path_factory.mktemp("prepared")
    with serving(folder, SETTINGS):
        return folder


RUN = [path for path in pages() if path.name not in ELSEWHERE and any(block.is_run for block in blocks(path))]


@pytest.mark.parametrize("path", RUN, ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_commands_of_a_page_answer_what_it_shows(path, prepared, tmp_path):
    for name in ("home", "data"):
        shutil.copytree(prepared / name, tmp_path / name)
    Reader(tmp_path, SETTINGS).follow(path)

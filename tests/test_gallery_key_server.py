"""GALLERY_KEY and the real server: it starts with the right key only, and goes on while the key is replaced."""

import os
import subprocess
import sys

import pytest
import requests

from tests.conftest import PROJECT
from tests.serving import served, wait_for
from tests.test_gallery_server import found, post
from tests.test_server import HOPPER

OLD, NEW = "ab" * 32, "cd" * 32
WRONG = "The service cannot start. GALLERY_KEY: the encryption key does not match this gallery"
NONE = "The service cannot start. GALLERY_KEY: the gallery is encrypted, but no encryption key is set"
OF_AN_INDEX = (
    "The service cannot start. GALLERY_KEY: {}. Set the right key, or delete DATA_PATH/folder_index to rebuild all"
    " indexes"
)
WRONG_INDEX = OF_AN_INDEX.format("the encryption key does not match an index of the photo folder")
NO_INDEX_KEY = OF_AN_INDEX.format("an index of the photo folder is encrypted, but no encryption key is set")


def gallery(folder, *arguments, key=""):
    """What `face-service gallery …` says and ends with, run beside the server."""
    command = [sys.executable, "-m", "api.cli", "gallery", *arguments]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "DATA_PATH": str(folder / "data"),
                   "DEEPFACE_HOME": str(folder / "home"), "LOG_LEVEL": "ERROR", "GALLERY_KEY": key}  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip().splitlines()[-1:]


def in_the_folder(url):
    """Whom `/find` finds."""
    (rows,) = requests.post(f"{url}/find", files={"img": HOPPER}, timeout=60).json()["result"]
    return [row["person"] for row in rows]


@pytest.mark.models
def test_an_encrypted_gallery_opens_with_its_key_only_and_the_key_can_be_replaced(tmp_path):
    (tmp_path / "photos" / "hopper").mkdir(parents=True)
    (tmp_path / "photos" / "hopper" / "1.jpg").write_bytes(HOPPER)
    with served(tmp_path) as (url, _, process):  # without a key
        wait_for(f"{url}/ready", alive=process)
        assert post(url, "register", 1, name="p1").status_code == 201
        assert in_the_folder(url) == ["hopper"]
    (index,) = (tmp_path / "data" / "folder_index").glob("*.index")
    assert b"hopper/1.jpg" in index.read_bytes()
    with served(tmp_path, GALLERY_KEY=OLD) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        assert b"hopper/1.jpg" not in index.read_bytes()
        assert "1 faces are not encrypted with the first key of GALLERY_KEY" in log.read_text()
        assert post(url, "register", 2, name="p2", store_crop="true").status_code == 201
        assert (found(url, 1), found(url, 2)) == ("p1", "p2")
        assert in_the_folder(url) == ["hopper"]
    for key, line, of_index in (("", NONE, NO_INDEX_KEY), (NEW, WRONG, WRONG_INDEX)):
        with served(tmp_path, GALLERY_KEY=key) as (_, log, process):
            assert process.wait(60) == 1
        assert log.read_text().splitlines()[0] == line  # workers of before may still add theirs
        assert gallery(tmp_path, "stats", key=key) == (1, "", [of_index])
    database = tmp_path / "data" / "gallery.db"
    database.rename(tmp_path / "aside")
    with served(tmp_path, GALLERY_KEY=NEW) as (_, log, process):
        assert process.wait(60) == 1
    assert log.read_text().splitlines()[0] == WRONG_INDEX
    (tmp_path / "aside").rename(database)
    with served(tmp_path, GALLERY_KEY=f"{NEW},{OLD}") as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        said = "2 faces encrypted with the first key; no other key is in use"
        assert gallery(tmp_path, "rotate-key", key=f"{NEW},{OLD}")[:2] == (0, said)
        assert post(url, "register", 3, name="p3").status_code == 201
        assert [found(url, number) for number in (1, 2, 3)] == ["p1", "p2", "p3"]
    with served(tmp_path, GALLERY_KEY=NEW) as (url, log, process):
        wait_for(f"{url}/ready", alive=process)
        assert [found(url, number) for number in (1, 2, 3)] == ["p1", "p2", "p3"]
        assert in_the_folder(url) == ["hopper"]
        for secret in (OLD, NEW, "not encrypted", "rotate-key"):
            assert secret not in log.read_text()
    assert gallery(tmp_path, "stats", key=OLD)[0] == 1


def test_a_key_in_another_form_is_refused_without_being_shown(tmp_path):
    with served(tmp_path, GALLERY_KEY="no-key-at-all") as (_, log, process):
        assert process.wait(60) == 1
    (line,) = log.read_text().splitlines()
    assert line.startswith("The service cannot start. GALLERY_KEY: ")
    assert "no-key-at-all" not in line
    assert gallery(tmp_path, "rotate-key") == (1, "", ["Error: GALLERY_KEY: no encryption key is set"])

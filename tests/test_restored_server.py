"""A backup that is put back under the real server, with two workers."""

import os
import shutil
import subprocess
import sys
import time

import pytest
import requests

from tests.conftest import PROJECT
from tests.pictures import ALICE, BOB, photo
from tests.serving import served, wait_for

SECONDS = 30


def register(url, colour, name):
    answer = requests.post(f"{url}/register", files={"img": photo(colour)}, data={"name": name}, timeout=30)
    assert answer.status_code == 201, answer.text


def listed(url):
    return sorted(one["name"] for one in requests.get(f"{url}/persons", timeout=30).json()["persons"])


def identified(url, colour):
    """The names that several connections, and so both workers, find for the picture."""
    found = set()
    for _ in range(8):
        answer = requests.post(f"{url}/identify", files={"img": photo(colour)}, timeout=30)
        assert answer.status_code == 200, answer.text
        (face,) = answer.json()["result"]
        found.add(next((match["name"] for match in face["matches"] if match["match"]), None))
    return found


def command(tmp_path, *arguments):
    """What a command of the service says beside the server."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "DATA_PATH": str(tmp_path / "data"),
        "DEEPFACE_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "api.cli", *arguments]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("put_back", ["mv", "cp", "restore"])
def test_a_backup_put_back_under_the_server_is_served_within_seconds(tmp_path, put_back):
    app = "tests.security.standins:observed()"
    with served(tmp_path, app=app, WORKERS="2", DEFAULT_DETECTOR="opencv") as (url, log, _):
        wait_for(f"{url}/ready")
        register(url, ALICE, "Alice")
        data = tmp_path / "data"
        if put_back == "restore":
            command(tmp_path, "backup", "backup")
        else:
            shutil.copyfile(data / "gallery.db", tmp_path / "backup")
        register(url, BOB, "Bob")
        assert (identified(url, ALICE), identified(url, BOB)) == ({"Alice"}, {"Bob"})
        if put_back == "restore":
            command(tmp_path, "restore", "backup")
        elif put_back == "mv":
            os.replace(tmp_path / "backup", data / "gallery.db")
        else:
            shutil.copyfile(tmp_path / "backup", data / "gallery.db")
        end = time.monotonic() + SECONDS
        while identified(url, BOB) != {None}:
            assert time.monotonic() < end
        assert (listed(url), identified(url, ALICE)) == (["Alice"], {"Alice"})
        register(url, BOB, "Bob")
        assert identified(url, BOB) == {"Bob"}
        assert put_back == "cp" or "the database was replaced by another one" in log.read_text()

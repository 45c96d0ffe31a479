"""`face-service demo` beside a real server."""

import os
import subprocess
import sys

import pytest
import requests

from tests.conftest import PROJECT
from tests.serving import served, wait_for


def demo(folder, url, *options, **settings):
    """The command with the server's settings; gives its exit code and what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "DATA_PATH": str(folder / "data"),
        "DEEPFACE_HOME": str(folder / "home"),
        "FACES_DB_PATH": str(folder / "photos"),
    }
    command = [sys.executable, "-m", "api.cli", "demo", "--url", url, *options]
    done = subprocess.run(
        command, cwd=folder, env=environment | settings, capture_output=True, text=True, check=False
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def contents(url):
    """What the service has in its gallery and indexes."""
    collections = requests.get(f"{url}/collections", timeout=30).json()["collections"]
    return [collection["name"] for collection in collections], [
        index["faces"] for index in requests.get(f"{url}/find/indexes", timeout=30).json().get("indexes", [])
    ]


@pytest.mark.models
def test_the_demo_waits_shows_everything_and_leaves_nothing_behind_unless_told_to(tmp_path):
    with served(tmp_path, DEFAULT_DETECTOR="dlib", FACES_DB_PATH="photos") as (url, *_):  # which does not listen yet
        code, said = demo(tmp_path, url, FACES_DB_PATH="photos")
        assert code == 0, said
        for line in (
            "Waiting: ",
            "Two photos of the astronaut: same person, ",
            "Grace Hopper: different people, ",
            "Analyze: skipped. Models are not installed: age",
            "Wrote 8 photos of 2 people to photos",
            "Find: photos/astronaut/tilted.jpg, distance 0.0",
            "Register: Grace Hopper in the collection demo-",
            "Another photo of Grace Hopper: match Grace Hopper, ",
            "The astronaut: unknown, ",
            "Deleted the photos and the person again",
        ):
            assert line in said
        assert not (tmp_path / "photos").exists()
        (tmp_path / "photos").mkdir()
        probe = {"img": (PROJECT / "api/cli/demo/hopper.jpg").read_bytes()}
        found = requests.post(f"{url}/find", files=probe, data={"refresh": "wait"}, timeout=60).json()
        assert found["result"] == [[]]
        names, faces = contents(url)
        assert [name for name in names if name.startswith("demo")] == []
        assert sum(faces) == 0

        assert demo(tmp_path, url, "--keep", FACES_DB_PATH="photos")[0] == 0
        names, faces = contents(url)
        assert len([name for name in names if name.startswith("demo")]) == 1
        assert sum(faces) >= 8
        assert len(list((tmp_path / "photos").rglob("*.jpg"))) == 8


@pytest.mark.models
def test_the_demo_writes_no_photo_where_it_cannot_or_must_not(tmp_path):
    with served(tmp_path, DEFAULT_DETECTOR="dlib") as (url, *_):
        wait_for(f"{url}/ready")
        (tmp_path / "photos").mkdir()
        assert "Find: skipped. The setting FACES_DB_PATH is empty." in demo(tmp_path, url, FACES_DB_PATH="")[1]
        other = demo(tmp_path, url, FACES_DB_PATH=str(tmp_path / "other"))
        assert "Find: nothing. The service searches another folder" in other[1]
        assert "FACES_DB_PATH cannot be written" in demo(tmp_path, url, FACES_DB_PATH=str(tmp_path / "log"))[1]
        assert demo(tmp_path, url, "--keep")[0] == 0
        for photo in (tmp_path / "photos").rglob("*.jpg"):
            photo.unlink()
        requests.post(f"{url}/find", files={"img": (PROJECT / "api/cli/demo/hopper.jpg").read_bytes()}, timeout=60)
        assert "Is its disk mounted?" in demo(tmp_path, url)[1]
        assert list((tmp_path / "photos").rglob("*.jpg")) == []


def test_the_demo_says_that_nothing_answers(tmp_path, monkeypatch):
    with served(tmp_path, start=["-c", "import time; time.sleep(60)"]) as (url, *_):
        monkeypatch.setattr("api.cli.demo.client.START_TIMEOUT_S", 0)
        from api.cli.demo.client import Client

        with pytest.raises(SystemExit, match="Start the service first"):
            Client(url, None).wait_until_ready()

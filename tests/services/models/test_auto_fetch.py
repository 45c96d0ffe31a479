"""AUTO_FETCH: what is to be preloaded is fetched at the start, and nothing else ever."""

import threading

import pytest

from api.context import services_of
from api.factory import create_app
from services.models.catalogue.catalogue import find
from services.models.licensing import LicensePolicy
from services.models.manager import AutoFetch, ModelService
from services.models.weights import Weights
from tests.conftest import assert_error
from tests.fakes import FakeEngine
from tests.pictures import ALICE, photo

(ARCFACE,) = find("ArcFace").files


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / ARCFACE.name).write_bytes(b"weights")
    return folder


@pytest.fixture
def weights(tmp_path, mirror):
    return Weights(tmp_path / "home", mirror=str(mirror))


def models(weights):
    return ModelService(weights=weights, licenses=LicensePolicy("any"))


def test_what_is_named_is_fetched_once(weights):
    auto_fetch = AutoFetch(models=models(weights), names=["ArcFace"])
    auto_fetch.prepare("opencv", print)
    auto_fetch.prepare("ArcFace", print)
    assert weights.path(ARCFACE).read_bytes() == b"weights"
    weights.path(ARCFACE).unlink()
    auto_fetch.prepare("ArcFace", print)
    assert not weights.path(ARCFACE).exists()


def test_a_failure_is_logged_and_raises_nothing(weights, caplog):
    AutoFetch(models=models(weights), names=["Facenet"]).prepare("Facenet", print)
    assert "facenet_weights.onnx does not exist" in caplog.text


def test_several_workers_fetch_a_file_once(tmp_path, mirror):
    folders = [Weights(tmp_path / "home", mirror=str(mirror)) for _ in range(4)]
    threads = [
        threading.Thread(target=AutoFetch(models=models(folder), names=["ArcFace"]).prepare, args=("ArcFace", print))
        for folder in folders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders[0].path(ARCFACE).read_bytes() == b"weights"
    assert folders[0].problem(ARCFACE) is None


@pytest.mark.parametrize("auto_fetch", [True, False])
def test_the_server_fetches_at_its_start_if_told_to_and_a_request_never_does(settings, weights, mirror, auto_fetch):
    changes = {"default_model": "ArcFace", "auto_fetch": auto_fetch, "weights_mirror": str(mirror)}
    app = create_app(settings.model_copy(update=changes), engine=FakeEngine(missing=["Facenet"]))
    assert not weights.path(ARCFACE).exists()
    services_of(app).health.readiness.start()
    assert services_of(app).health.readiness.wait(10)
    assert weights.path(ARCFACE).exists() is auto_fetch
    (mirror / "facenet_weights.onnx").write_bytes(b"weights")
    image = {"data": photo(ALICE), "content_type": "image/png"}
    client = app.test_client()
    assert_error(client.post("/represent?model_name=Facenet", **image), 503, "model_unavailable")
    assert not weights.path(find("Facenet").files[0]).exists()


def test_while_it_fetches_ready_says_how_far_it_is(settings):
    app = create_app(settings, engine=FakeEngine())
    readiness, client = services_of(app).health.readiness, app.test_client()
    said, go_on = threading.Event(), threading.Event()

    def slowly(name, say):
        say(f"Fetching {name}: 1 of 2 MB.")
        said.set()
        assert go_on.wait(10)

    readiness._prepare = slowly
    readiness.start()
    assert said.wait(10)
    parts = assert_error(client.get("/ready"), 503, "model_loading")["details"]["parts"]
    assert parts[0] == {"name": "VGG-Face", "state": "loading", "message": "Fetching VGG-Face: 1 of 2 MB."}
    go_on.set()
    assert readiness.wait(10)
    assert client.get("/ready").status_code == 200

"""The commands of the weights, as an operator calls them."""

import pytest

from services.models.catalogue import catalogue
from services.models.catalogue.catalogue import find
from services.models.weights import Weights

CONTENT = b"weights"
LIVENESS = [file.name for file in find("MiniFASNet").files]


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name in ("arcface_weights.onnx", *LIVENESS):
        (folder / name).write_bytes(CONTENT)
    return folder


@pytest.fixture
def folder(settings):
    return settings.deepface_home / ".deepface" / "weights"


@pytest.fixture
def app(make_app, mirror):
    return make_app(weights_mirror=str(mirror))


def run(app, *arguments):
    result = app.test_cli_runner().invoke(args=["weights", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_list_shows_every_model_with_its_size_licence_and_files(app):
    code, output, _ = run(app, "list")
    lines = {line.split()[2]: line for line in output.splitlines()}
    assert code == 0
    assert len(lines) == len(catalogue.MODELS)
    assert lines["ArcFace"].split() == ["missing", "recognition", "ArcFace", "?", "no", "arcface_weights.onnx"]
    assert " 38.7 MB  yes " in lines["SFace"]
    assert lines["opencv"].split()[::3] == ["ok", "-"]
    assert lines["mediapipe"].startswith("missing")
    assert "mediapipe.solutions" in lines["mediapipe"]
    assert lines["Buffalo_L"].endswith("(pip install --no-deps -r requirements-insightface.txt)")
    assert "pip install" not in lines["yunet"]


def test_fetch_gets_the_missing_files_of_the_models_named(app, folder):
    code, output, _ = run(app, "fetch", "MiniFASNet", "opencv")
    assert (code, output) == (0, "".join(f"{name}: done\n" for name in LIVENESS))
    assert (folder / LIVENESS[0]).read_bytes() == CONTENT
    assert run(app, "fetch", "MiniFASNet", "opencv") == (0, "Nothing to fetch.\n", "")


def test_fetch_replaces_a_file_that_is_wrong(app, folder):
    run(app, "fetch", "ArcFace")
    (folder / "arcface_weights.onnx").write_bytes(b"damaged")
    assert run(app, "fetch", "ArcFace")[1] == "arcface_weights.onnx: done\n"
    assert (folder / "arcface_weights.onnx").read_bytes() == CONTENT


def test_fetch_and_bundle_take_a_preset(app, mirror, tmp_path):
    (mirror / "vgg_face_weights.onnx").write_bytes(CONTENT)
    assert run(app, "fetch", "--preset", "deepface")[:2] == (0, "vgg_face_weights.onnx: done\n")
    code, output, _ = run(app, "bundle", tmp_path / "x.tar", "--preset", "deepface")
    assert (code, output) == (0, "1 files: vgg_face_weights.onnx\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fetch", "Nobody"), "Unknown model 'Nobody'"),
        (("fetch", "--preset", "nobody"), "Unknown preset 'nobody'"),
        (("fetch", "ArcFace", "Facenet"), "facenet_weights.onnx does not exist"),
        (("verify", "Nobody"), "Unknown model 'Nobody'"),
        (("accept", "ArcFace"), "A file cannot be read or written: No such file"),
        (("bundle", "x.tar", "ArcFace"), "arcface_weights.onnx is not installed: fetch it first."),
        (("bundle", "no/such/folder", "opencv"), "These models have no files."),
    ],
)
def test_what_cannot_be_done_is_one_line_and_not_zero(app, arguments, said):
    code, _, error = run(app, *arguments)
    assert code == 1
    assert said in error.splitlines()[-1]
    assert error.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("command", ["fetch", "accept", "bundle x.tar"])
def test_naming_nothing_says_what_is_missing(app, command):
    assert run(app, *command.split())[0] == 2


def test_a_model_outside_the_license_policy_is_not_fetched(make_app, mirror, folder):
    app = make_app(license_policy="commercial", model_preset="commercial", weights_mirror=str(mirror))
    code, _, error = run(app, "fetch", "MiniFASNet", "ArcFace")
    assert (code, error.count("\n")) == (1, 1)
    assert error.startswith("Error: LICENSE_POLICY=commercial forbids ArcFace")
    assert not folder.exists()


def test_verify_reads_what_is_here_and_ends_with_1_if_something_is_wrong(app, folder):
    assert run(app, "verify") == (0, "", "")
    run(app, "fetch", "ArcFace", "MiniFASNet")
    code, output, _ = run(app, "verify")
    assert (code, output.splitlines()) == (0, [f"ok      {name}" for name in ("arcface_weights.onnx", *LIVENESS)])
    (folder / LIVENESS[1]).write_bytes(b"Weights")
    code, output, error = run(app, "verify")
    assert code == 1
    assert output.splitlines()[2].startswith(f"wrong   {LIVENESS[1]}: expected SHA-256 ")
    assert error == "Error: Files are damaged or missing. Run: face-service weights fetch MiniFASNet\n"


def test_verify_of_a_model_names_what_is_missing(app):
    code, output, _ = run(app, "verify", "ArcFace")
    assert (code, output) == (1, "missing arcface_weights.onnx\n")


def test_weights_of_ones_own_are_accepted(app, folder):
    folder.mkdir(parents=True)
    (folder / "centerface.onnx").write_bytes(b"my own")
    assert run(app, "verify")[0] == 1
    assert run(app, "accept", "centerface")[:2] == (0, "centerface.onnx: accepted\n")
    assert run(app, "verify")[:2] == (0, "ok      centerface.onnx\n")


def test_a_bundle_goes_to_a_machine_without_internet(app, make_app, tmp_path):
    run(app, "fetch", "ArcFace")
    bundle = tmp_path / "bundle.tar"
    assert run(app, "bundle", bundle, "ArcFace")[:2] == (0, "1 files: arcface_weights.onnx\n")
    other = make_app(deepface_home=tmp_path / "offline")
    assert run(other, "import", bundle)[:2] == (0, "1 files: arcface_weights.onnx\n")
    assert Weights(tmp_path / "offline").path(find("ArcFace").files[0]).read_bytes() == CONTENT
    bundle.write_bytes(b"no bundle")
    code, _, error = run(other, "import", bundle)
    assert code == 1
    assert error.splitlines()[-1].startswith("Error: The file is not an archive of weights")


def test_without_a_network_each_source_is_named_and_the_disk_is_not_blamed(make_app, monkeypatch):
    """A proxy that is not there stands for the network that is not; Google Drive's files go through a library."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    app = make_app()
    drives = [model for model in catalogue.MODELS.values() if "drive.google.com" in str(model.files)]
    assert drives
    for model in (*drives, find("age")):
        code, _, said = run(app, "fetch", model.name)
        assert code == 1
        urls = [url for file in model.files[:1] for url in file.urls]
        assert all(f"{url} cannot be reached" in said for url in urls), said
        assert "cannot be read or written" not in said

import pytest

from services.engine import catalogue
from services.engine.base import FetchError, Weights
from services.models import ModelService, UnknownModel


class FakeWeights(Weights):
    """Has no file until it is fetched; the sources of `broken` do not answer."""

    def __init__(self, broken=()):
        self.here = set()
        self.broken = broken

    def files(self, model):
        return model.files

    def missing(self, model):
        return [file for file in model.files if file.name not in self.here]

    def digest(self, file):
        return file.name

    def fetch(self, file, progress):
        progress(1, 2)
        if file.name in self.broken:
            raise FetchError(f"{file.name}: 404")
        self.here.add(file.name)


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=["weights", *arguments])


def test_list_shows_every_model_with_its_files(app):
    result = run(app, "list")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(catalogue.MODELS)
    (line,) = [line for line in result.output.splitlines() if " ArcFace " in line]
    assert line.split() == ["missing", "recognition", "ArcFace", "arcface_weights.onnx"]
    (opencv,) = [line for line in result.output.splitlines() if " opencv " in line]
    assert opencv.startswith("ok")


def test_a_model_whose_package_is_missing_is_not_ok(app):
    (line,) = [line for line in run(app, "list").output.splitlines() if " mediapipe " in line]
    assert line.startswith("missing")
    assert "pip install mediapipe" in line


def test_fetching_a_model_without_files_says_so(app):
    result = run(app, "fetch", "opencv")
    assert (result.exit_code, result.output) == (0, "Nothing to fetch.\n")


def test_fetching_a_model_nobody_knows_is_one_line_and_not_zero(app):
    result = run(app, "fetch", "Nobody")
    assert result.exit_code == 1
    assert result.output.startswith("Error: There is no model 'Nobody'")


def test_fetching_nothing_says_what_is_missing(app):
    assert run(app, "fetch").exit_code == 2


def test_fetch_gets_the_missing_files_of_the_models_named():
    service = ModelService(weights=FakeWeights())
    assert list(service.fetch(["MiniFASNet", "opencv"], lambda _: lambda done, total: None)) == [
        "2.7_80x80_MiniFASNetV2.onnx",
        "4_0_0_80x80_MiniFASNetV1SE.onnx",
    ]
    assert list(service.fetch(["MiniFASNet"], lambda _: lambda done, total: None)) == []


def test_fetch_stops_at_a_file_no_source_has():
    service = ModelService(weights=FakeWeights(broken=["arcface_weights.onnx"]))
    with pytest.raises(FetchError, match="404"):
        list(service.fetch(["ArcFace"], lambda _: lambda done, total: None))
    with pytest.raises(UnknownModel):
        list(service.fetch(["ArcFace", "x"], lambda _: lambda done, total: None))

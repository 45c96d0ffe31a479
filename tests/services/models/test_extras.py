"""The packages that models need beyond the requirements, and the OpenCV that some of them overwrite."""

import importlib.util
import re
from pathlib import Path

import cv2
import pytest

from services.models import extras
from services.models.catalogue import catalogue
from services.models.extras import OPENCV, opencv_problem, package_problem
from services.models.manager import is_installed
from services.models.weights import Weights
from tests.conftest import PROJECT

OPTIONAL = [model for model in catalogue.MODELS.values() if model.extra is not None]
BRINGS_OPENCV = ("insightface", "ultralytics", "mediapipe")


@pytest.fixture
def no_classifier(monkeypatch):
    """OpenCV as the package opencv-python 5 leaves it: the cascades' files are there, what reads them is not."""
    monkeypatch.delattr(cv2, "CascadeClassifier")
    monkeypatch.setattr(cv2, "__version__", "5.0.0")


@pytest.fixture
def owners(monkeypatch):
    """The packages that installed OpenCV."""
    names = ["opencv-contrib-python-headless"]
    monkeypatch.setattr(extras, "packages_distributions", lambda: {"cv2": names})
    return names


def test_every_optional_model_has_one_command_or_one_reason():
    assert {model.name for model in OPTIONAL if model.extra.refusal} == {"mediapipe"}
    for model in OPTIONAL:
        assert (model.extra.command is None) == (model.extra.refusal is not None), model.name
        assert model.extra.modules


@pytest.mark.parametrize("model", [model for model in OPTIONAL if model.extra.command], ids=lambda model: model.name)
def test_every_command_has_exact_versions_and_none_brings_another_opencv(model):
    for step in model.extra.command.split(" && "):
        assert step.startswith("pip install ")
        words = step.removeprefix("pip install ").split()
        files = re.findall(r"-r (\S+)", step)
        named = [word for word in words if not word.startswith("-") and word not in files]
        pins = named + [line for name in files for line in lines_of(name)]
        assert pins
        for pin in pins:
            assert re.fullmatch(r"[\w.-]+==[\w.]+", pin), pin
            assert not pin.startswith("opencv"), pin
            assert "--no-deps" in words or not pin.startswith(BRINGS_OPENCV), pin


def lines_of(name):
    lines = [line.split("#")[0].strip() for line in (PROJECT / name).read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("-r ")]


@pytest.mark.parametrize("model", OPTIONAL, ids=lambda model: model.name)
def test_a_model_without_its_packages_is_not_installed_and_says_what_to_do(model, tmp_path):
    if all(importlib.util.find_spec(module) for module in model.extra.modules):
        pytest.skip("its packages are here")
    assert not is_installed(model, Weights(tmp_path))
    assert package_problem(model).endswith(model.extra.command or model.extra.refusal)


def test_a_package_without_the_one_it_runs_on_is_missing_too(tmp_path, monkeypatch):
    if importlib.util.find_spec("tensorflow"):
        pytest.skip("TensorFlow is here")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mtcnn").mkdir()
    (tmp_path / "mtcnn" / "__init__.py").touch()
    assert "needs a missing package" in package_problem(catalogue.find("mtcnn"))


def test_mediapipe_is_refused_even_if_it_is_installed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mediapipe.py").touch()
    problem = package_problem(catalogue.find("mediapipe"))
    assert problem.startswith("Model mediapipe cannot be used. DeepFace needs mediapipe.solutions.")
    assert "pip install" not in problem


def test_the_command_that_puts_opencv_back_installs_the_version_of_the_requirements():
    for name in ("requirements-onnx.txt", "requirements-gpu.txt"):
        assert OPENCV in lines_of(name)


def test_the_opencv_of_the_requirements_has_no_problem():
    assert opencv_problem() is None


def test_an_opencv_without_cascades_is_named_with_what_overwrote_it(no_classifier, owners):
    owners.append("opencv-python")
    assert opencv_problem() == (
        "Detectors need OpenCV 4 with its Haar cascades, but OpenCV 5.0.0 is installed without them."
        " opencv-python may have overwritten opencv-contrib-python-headless. Run: pip uninstall --yes opencv-python &&"
        f" pip install --force-reinstall --no-deps {OPENCV}"
    )


def test_a_newer_version_of_our_own_package_is_replaced(no_classifier, owners):
    assert "uninstall" not in opencv_problem()
    assert opencv_problem().endswith(f"Run: pip install --force-reinstall --no-deps {OPENCV}")


def test_opencv_5_is_a_problem_even_with_cascades(monkeypatch, owners):
    monkeypatch.setattr(cv2, "__version__", "5.1.0")
    assert "OpenCV 5.1.0 is installed with them." in opencv_problem()


def test_an_opencv_without_the_cascades_files_is_named(tmp_path, monkeypatch, owners):
    (tmp_path / "data").mkdir()
    real = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
    (tmp_path / "data" / real.name).write_bytes(real.read_bytes())  # the eyes' is missing
    monkeypatch.setattr(cv2, "__file__", str(tmp_path / "__init__.py"))
    assert f"OpenCV {cv2.__version__} is installed without them." in opencv_problem()


def test_every_detector_needs_the_cascades_and_no_other_model(no_classifier):
    affected = {model.name for model in catalogue.MODELS.values() if "Haar" in (package_problem(model) or "")}
    detectors = {model.name for model in catalogue.MODELS.values() if model.task == "detection"}
    assert detectors - {"skip"} - {model.name for model in OPTIONAL} <= affected <= detectors - {"skip"}

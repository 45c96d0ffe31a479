"""The catalogue repeats DeepFace's names, sizes, URLs and thresholds; here it is compared with the installed one."""

import importlib

import pytest

from services.models.catalogue import catalogue


@pytest.fixture(scope="module", autouse=True)
def _home(deepface_home):
    """DeepFace finds its files in the tests' own home."""


def rows(task):
    return [model for model in catalogue.MODELS.values() if model.task == task]


def test_the_names_are_deepfaces():
    from deepface.modules.modeling import AVAILABLE_MODELS

    assert {model.name for model in rows("recognition")} == set(AVAILABLE_MODELS["facial_recognition"])
    assert {model.name for model in rows("detection")} == {"skip", *AVAILABLE_MODELS["face_detector"]}
    deepfaces = catalogue.ATTRIBUTE_MODELS["deepface"].values()
    assert {name.capitalize() for name in deepfaces} == set(AVAILABLE_MODELS["facial_attribute"])


def test_the_thresholds_are_deepfaces():
    from deepface.config.threshold import thresholds

    assert {model.name: model.thresholds for model in rows("recognition")} == thresholds


@pytest.mark.parametrize("model", [model for model in rows("recognition") if model.extra is None], ids=lambda m: m.name)
def test_input_and_dimension_are_those_of_deepfaces_client(real_client, model):
    from deepface.modules.modeling import get_model_class

    client = get_model_class("facial_recognition", model.name)()
    assert (client.input_shape, client.output_shape) == (model.input_px, model.dim)


def test_the_urls_and_file_names_are_deepfaces():
    from deepface.commons.weight_utils import WEIGHT_SOURCES
    from deepface.models.face_detection.Yolo import YoloModel
    from deepface.modules.modeling import get_model_class
    from retinaface.model.retinaface_onnx_model import WEIGHTS_URLS

    theirs = {tuple(WEIGHTS_URLS), *((model.url,) for model in YoloModel)}
    for task, name, attributes in WEIGHT_SOURCES:
        module = importlib.import_module(get_model_class(task, name).__module__)
        for attribute in attributes:
            url = getattr(module, attribute)
            theirs.add((url,) if isinstance(url, str) else tuple(url))
    files = [file for model in catalogue.MODELS.values() for file in model.files if file.urls]
    ours = {file.urls for file in files if not file.name.startswith("buffalo_l/")}  # has no constant in DeepFace
    assert ours == theirs
    for file in files:
        if "drive.google.com" not in file.urls[0]:
            assert file.urls[0].rpartition("/")[2].removesuffix(".bz2") == file.name
    assert {model.file_name for model in YoloModel} <= {file.name for file in files}

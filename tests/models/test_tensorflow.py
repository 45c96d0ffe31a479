"""DeepFace on TensorFlow: Dlib and Haar for real, and two of its Keras networks with random weights.

Runs in an environment and a process of its own (`make test-tensorflow`): DeepFace chooses its framework once.
"""

import base64
import importlib.util
import logging

import cv2
import numpy as np
import pytest

from core.config import Settings
from core.images import decode
from core.runtime import prepare_process
from tests.models.test_parity import POLICY, assert_same, post

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed; make test-tensorflow"
)


@pytest.fixture(scope="module", autouse=True)
def _keras_weights(deepface_home):
    """Random weights of two networks, built by DeepFace's own code and saved where it looks for them."""
    prepare_process(Settings(_env_file=None, deepface_home=deepface_home, deepface_engine="tensorflow"))
    from deepface.commons import weight_utils
    from deepface.models.demography.tf import Emotion
    from deepface.models.facial_recognition.tf import OpenFace

    originals = weight_utils.download_weights_if_necessary, weight_utils.load_model_weights
    weight_utils.download_weights_if_necessary = lambda **_: ""
    weight_utils.load_model_weights = lambda model, weight_file: model
    weights = deepface_home / ".deepface" / "weights"
    Emotion.load_model().save_weights(str(weights / "facial_expression_model_weights.h5"))
    OpenFace.load_model().save_weights(str(weights / "openface_weights.h5"))
    weight_utils.download_weights_if_necessary, weight_utils.load_model_weights = originals


@pytest.fixture
def real_settings(settings, deepface_home):
    """Those of the other tests of real networks, on TensorFlow."""
    changes = {"deepface_home": deepface_home, "default_model": "Dlib", "deepface_engine": "tensorflow"}
    return settings.model_copy(update=changes)


@pytest.fixture(scope="module")
def one(hopper):
    return cv2.imencode(".jpg", cv2.resize(cv2.imread(str(hopper)), None, fx=0.6, fy=0.6))[1].tobytes()


def test_deepface_runs_on_tensorflow(real_client):
    from deepface.commons import backend_utils

    assert backend_utils.get_backend_engine() == "tensorflow"


@pytest.mark.parametrize("model", ["Dlib", "OpenFace"])
@pytest.mark.parametrize("detector", ["opencv", "dlib"])
def test_verify_and_represent(real_client, one, astronaut, model, detector):
    from deepface import DeepFace

    options = {"model_name": model, "detector_backend": detector}
    contents = {"img1": one, "img2": astronaut.read_bytes()}
    images = [decode(content, POLICY) for content in contents.values()]
    ours, theirs = post(real_client, "verify", contents, **options), DeepFace.verify(*images, **options)
    del ours["success"], ours["time"], theirs["time"]
    assert_same(ours, theirs)
    ours = post(real_client, "represent", {"img": one}, **options)
    assert_same(ours["result"], DeepFace.represent(images[0], **options))


def test_analyze_and_liveness(real_client, one):
    from deepface import DeepFace

    options = {"actions": ["emotion"]}
    ours = post(real_client, "analyze", {"img": one}, **options)
    assert_same(ours["result"], DeepFace.analyze(decode(one, POLICY), silent=True, **options))
    (face,) = post(real_client, "extract", {"img": one}, anti_spoofing=True)["result"]
    assert 0 <= face["antispoof_score"] <= 1
    assert face["is_real"] or face["antispoof_score"] <= 0.5


def test_find(real_client, one, photos):
    (photos / "hopper.jpg").write_bytes(one)
    (rows,) = post(real_client, "find", {"img": one}, model_name="OpenFace")["result"]
    assert [row["distance"] for row in rows] == [0.0]


def test_a_missing_network_names_the_keras_file(real_client, one):
    response = real_client.post("/analyze", json={"img": base64.b64encode(one).decode(), "actions": ["age"]})
    assert response.json["details"]["missing_files"] == ["age_model_weights.h5"]


def test_threads_get_the_serial_answers(real_client, one, astronaut):
    from concurrent.futures import ThreadPoolExecutor

    logging.getLogger("access").setLevel(logging.WARNING)
    works = [
        {"img": content, "model": model} for content in (one, astronaut.read_bytes()) for model in ("Dlib", "OpenFace")
    ]

    def embed(work):
        answer = post(
            real_client.application.test_client(), "represent", {"img": work["img"]}, model_name=work["model"]
        )
        return answer["result"][0]["embedding"]

    serial = [embed(work) for work in works]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(embed, works * 5))
    for number, answer in enumerate(answers):
        assert np.allclose(answer, serial[number % len(works)], atol=1e-5)

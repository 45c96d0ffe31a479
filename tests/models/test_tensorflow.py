"""DeepFace on TensorFlow, in an environment and a process of its own (`make test-tensorflow`)."""

import importlib.util

import pytest

from core.process import prepare_process
from core.settings import Settings
from tests.models.small_set import SmallSet

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


class TestTensorFlow(SmallSet):
    framework = "tensorflow"
    ending = ".h5"

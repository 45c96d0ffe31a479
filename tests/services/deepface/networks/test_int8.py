"""Dense layers in 8 bits: what they answer, and what is left as it is."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from services.deepface.networks import int8
from services.deepface.networks.int8 import with_int8_weights
from services.deepface.networks.onnx_cpu import OnnxRuntime

CHANNELS, SIDE, OUTPUTS = 5, 7, 64
INPUTS = CHANNELS * SIDE * SIDE  # no multiple of a block
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(OUTPUTS, INPUTS)).astype(np.float32)
PICTURES = RNG.random((3, CHANNELS, SIDE, SIDE), np.float32)

DENSE = {
    "MatMul": ({}, WEIGHTS.T, False),
    "Gemm": ({}, WEIGHTS.T, True),
    "Gemm transposed": ({"transB": 1}, WEIGHTS, False),
    "Conv": ({}, WEIGHTS.reshape(OUTPUTS, CHANNELS, SIDE, SIDE), True),
    "Conv without bias": ({"pads": [0, 0, 0, 0]}, WEIGHTS.reshape(OUTPUTS, CHANNELS, SIDE, SIDE), False),
}
NOT_DENSE = {
    "Conv padded": ({"pads": [1, 1, 1, 1]}, WEIGHTS.reshape(OUTPUTS, CHANNELS, SIDE, SIDE), False),
    "Conv of a smaller kernel": ({}, WEIGHTS[:, : CHANNELS * 9].reshape(OUTPUTS, CHANNELS, 3, 3), False),
    "Gemm scaled": ({"alpha": 0.5}, WEIGHTS.T, False),
    "MatMul of a batch": ({}, np.ascontiguousarray(WEIGHTS.T)[None], False),
}


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch):
    monkeypatch.setattr(int8, "_MIN_BYTES", WEIGHTS[:, : CHANNELS * 9].nbytes)


def network(title, says, weights, has_bias):
    """A network of one layer, whose weights are written as a constant."""
    kind = title.split()[0]
    constant = helper.make_node("Constant", [], ["weights"], value=numpy_helper.from_array(weights))
    before = [] if kind == "Conv" else [helper.make_node("Flatten", ["pictures"], ["flat"])]
    inputs = ["pictures" if kind == "Conv" else "flat", "weights", *(["bias"] if has_bias else [])]
    shape = ["n", CHANNELS, SIDE, SIDE]
    graph = helper.make_graph(
        [constant, *before, helper.make_node(kind, inputs, ["output"], **says)],
        title,
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.arange(OUTPUTS, dtype=np.float32), "bias")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def answers(content):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"pictures": PICTURES})
    return output


@pytest.mark.parametrize("title", DENSE)
def test_a_dense_layer_answers_nearly_the_same_from_a_quarter_of_its_weights(title):
    exact = network(title, *DENSE[title])
    ours = with_int8_weights(exact)
    before, after = answers(exact), answers(ours)
    assert before.shape == after.shape
    for one, other in zip(before.reshape(3, -1), after.reshape(3, -1), strict=True):
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.9999
    assert not np.array_equal(before, after)
    assert WEIGHTS.nbytes / 4 < sum(len(one.raw_data) for one in onnx.load_from_string(ours).graph.initializer)
    assert len(ours) < len(exact) * 0.35


@pytest.mark.parametrize("title", NOT_DENSE)
def test_what_is_no_dense_layer_is_left_as_it_is(title):
    assert with_int8_weights(network(title, *NOT_DENSE[title])) is None


def test_a_small_layer_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(int8, "_MIN_BYTES", WEIGHTS.nbytes + 1)
    assert with_int8_weights(network("MatMul", *DENSE["MatMul"])) is None


def test_no_weight_is_off_by_more_than_half_a_step():
    matrix = WEIGHTS * np.logspace(-6, 3, OUTPUTS, dtype=np.float32)[:, None]
    matrix[3] = 0
    packed, scales = int8._packed(matrix)
    read = ((packed.astype(np.float64) - 128) * scales[:, :, None]).reshape(OUTPUTS, -1)
    assert np.all(read[:, INPUTS:] == 0)
    assert np.all(np.abs(read[:, :INPUTS] - matrix) <= np.repeat(scales, 32, axis=1)[:, :INPUTS] * 0.501)
    assert np.all(packed >= 1)


def test_the_kept_form_answers_as_the_network_that_is_prepared_anew(tmp_path):
    (tmp_path / "network.onnx").write_bytes(network("Gemm", *DENSE["Gemm"]))

    def opened(folder):
        runtime = OnnxRuntime(name="onnx-int8", threads=1, folder=folder, rewritten=with_int8_weights)
        (output,) = runtime.open(str(tmp_path / "network.onnx")).run(None, {"pictures": PICTURES})
        return output

    assert np.array_equal(opened(tmp_path / "kept"), opened(tmp_path / "kept"))
    assert np.array_equal(opened(tmp_path / "kept"), opened(None))

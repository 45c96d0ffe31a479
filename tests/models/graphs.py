"""Tiny networks with the real ones' inputs and outputs, so that DeepFace's own loading and processing can run."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from services.models.catalogue import catalogue
from services.models.catalogue.types import Model
from services.models.weights import Weights

_OUTPUTS = {"age": 101, "gender": 2, "emotion": 7, "race": 6, catalogue.LIVENESS: 3}
_CELLS = 8  # the picture is averaged to this many cells a side before the one random layer


def write_graphs(weights: Path) -> None:
    """Write a graph for every recognition, attribute and liveness network of the catalogue that is an ONNX file."""
    for model in catalogue.MODELS.values():
        for number, file in enumerate(model.files):
            is_packaged = file.package is not None
            if model.task != "detection" and file.name.endswith(".onnx") and model.extra is None and not is_packaged:
                (weights / file.name).write_bytes(_graph(model, number).SerializeToString())


def write_on_trunk(path: Path, *, classes: int, seed: int) -> None:
    """Write an attribute network of which the convolution is the same for every seed, and the dense layer is not."""
    kernel = np.random.default_rng(0).normal(size=(4, 3, 28, 28)).astype(np.float32) / 100
    dense = np.random.default_rng(1 + seed).normal(size=(4 * 8 * 8, classes)).astype(np.float32) / 10
    nodes = [
        helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["found"], strides=[28, 28]),
        helper.make_node("Relu", ["found"], ["positive"]),
        helper.make_node("Flatten", ["positive"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["output"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "on a trunk",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 224, 224, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(dense, "dense")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


def accept_all(home: Path) -> None:
    """Have made files taken for right where others are published."""
    weights = Weights(home)
    for file in (file for model in catalogue.MODELS.values() for file in model.files):
        if weights.size(file) is not None:
            weights.accept(file)


def _graph(model: Model, number: int) -> onnx.ModelProto:
    """Average pooling, one random dense layer and, where the real network ends in it, a softmax.

    Like the real files the input is channels-last, of any batch size; only SFace's is channels-first, one at a time.
    """
    assert model.input_px is not None
    width, height = model.input_px
    channels = 1 if model.name == "emotion" else 3
    outputs = model.dim or _OUTPUTS[model.name]
    channels_first = model.name == "SFace"
    shape = [1, channels, height, width] if channels_first else ["n", height, width, channels]
    rng = np.random.default_rng([number, *model.name.encode()])
    weights = rng.normal(size=(channels * _CELLS * _CELLS, outputs)).astype(np.float32)
    kernel = [height // _CELLS, width // _CELLS]

    steps = [] if channels_first else [helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2])]
    steps += [
        helper.make_node(
            "AveragePool", ["input" if channels_first else "planes"], ["pooled"], kernel_shape=kernel, strides=kernel
        ),
        helper.make_node("Slice", ["pooled", "zero", "cells", "axes"], ["cut"]),
        helper.make_node("Flatten", ["cut"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["dense"]),
    ]
    if model.dim is None:
        steps.append(helper.make_node("Softmax", ["dense"], ["output"], axis=1))
    else:
        steps.append(helper.make_node("Identity", ["dense"], ["output"]))
    graph = helper.make_graph(
        steps,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [shape[0], outputs])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([0, 0]), "zero"),
            numpy_helper.from_array(np.array([_CELLS, _CELLS]), "cells"),
            numpy_helper.from_array(np.array([2, 3]), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

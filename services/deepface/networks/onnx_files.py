"""Loads ONNX files in a form that is easy to rewrite."""

from collections import Counter
from typing import Any

import onnx


def loaded(network: str | bytes) -> Any:
    """The network of a file, given by its path or content.

    All constants are among the weights, and the faces are the only input.
    """
    model = onnx.load_model_from_string(network) if isinstance(network, bytes) else onnx.load(network)
    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]:
        graph.initializer.add().CopyFrom(node.attribute[0].t)
        graph.initializer[-1].name = node.output[0]
        graph.node.remove(node)
    weights = {tensor.name for tensor in graph.initializer}
    for value in [value for value in graph.input if value.name in weights]:
        graph.input.remove(value)
    return model


def graph_parts(content: bytes) -> "Counter[bytes]":
    """What a graph consists of, whatever its names and order: operators with their attributes, and constants.

    Raises:
        google.protobuf.message.DecodeError: the content is no graph.
    """
    graph = onnx.ModelProto.FromString(content).graph
    parts = Counter[bytes]()
    for node in graph.node:
        attributes = sorted(one.SerializeToString(deterministic=True) for one in node.attribute)
        parts[b" ".join([node.op_type.encode(), node.domain.encode(), *attributes])] += 1
    for constant in graph.initializer:
        nameless = onnx.TensorProto()
        nameless.CopyFrom(constant)
        nameless.ClearField("name")
        parts[nameless.SerializeToString(deterministic=True)] += 1
    return parts

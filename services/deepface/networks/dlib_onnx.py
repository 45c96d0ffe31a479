"""dlib's recognition network on ONNX Runtime, which takes a tenth of dlib's own time.

The layers are those of `anet_type` in dlib's examples/dnn_face_recognition_ex.cpp. The parameters come from dlib's file
(format: dlib/dnn/core.h, layers.h), which has for each layer in order its name and a tensor of its parameters.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

_SIDE_PX = 150
_DIMENSION = 128

# Mean red, green and blue of the training images, and the divisor of the differences (`input_rgb_image_sized` in
# dlib/dnn/input.h).
_MEAN = (122.782, 117.001, 104.298)
_SCALE = 256.0

# Filters of each residual block, and whether it halves the sides, from input to output.
_BLOCKS = (
    *((32, False),) * 3,
    *((64, True), *((64, False),) * 3),
    *((128, True), *((128, False),) * 2),
    *((256, True), *((256, False),) * 2),
    (256, True),
)

_TENSOR_VERSION = 2
_LENGTH, _NEGATIVE = 0x0F, 0x80  # in the first byte of an integer: how many bytes follow, and its sign

Floats = npt.NDArray[np.float32]


class NotDlibs(ValueError):
    """The file is not dlib's recognition network, or it is damaged."""


def graph_of(path: Path) -> bytes:
    """The network of dlib_face_recognition_resnet_model_v1.dat as the content of an ONNX file.

    The input is RGB images of shape (n, 150, 150, 3), 0 to 255. The output is embeddings of shape (n, 128).

    Raises:
        NotDlibs: the file is another network, or damaged.
    """
    content: bytes = _Graph(_Parameters(path.read_bytes())).made().SerializeToString()
    return content


class DlibNetwork:
    """Replaces dlib's `face_recognition_model_v1` in DeepFace's client."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def compute_face_descriptor(self, faces: npt.NDArray[np.uint8]) -> Floats:
        """The embeddings, shape (n, 128), of RGB crops of shape (n, 150, 150, 3)."""
        embeddings: Floats = self._session.run(None, {"faces": faces.astype(np.float32)})[0]
        return embeddings


class _Parameters:
    """The parameters of the layers, in the order of the file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def next(self, layer: str, *shape: int, skipped: int = 0) -> Floats:
        """The parameters of the next layer of this name. `skipped` integers are between the name and them.

        Raises:
            NotDlibs: there is no such layer, it has another shape, or the file is truncated.
        """
        name = layer.encode()
        self._at = self._content.find(name, self._at) + len(name)
        if self._at < len(name):
            raise NotDlibs(f"layer {layer} is missing")
        for _ in range(skipped):
            self._integer()
        version, *sides = (self._integer() for _ in range(5))
        count = int(np.prod(shape))
        if version != _TENSOR_VERSION or int(np.prod(sides)) != count:
            raise NotDlibs(f"layer {layer} has unexpected shape {sides}")
        try:
            values = np.frombuffer(self._content, "<f4", count, self._at)
        except ValueError as error:
            raise NotDlibs("file is truncated") from error
        self._at += values.nbytes
        return values.astype(np.float32)

    def _integer(self) -> int:
        """The next integer in dlib's format (dlib/serialize.h): a byte of length and sign, then little-endian bytes."""
        head, *rest = self._content[self._at : self._at + 1 + _LENGTH] or (0,)
        length = head & _LENGTH
        self._at += 1 + length
        value = int.from_bytes(rest[:length], "little")
        return -value if head & _NEGATIVE else value


class _Graph:
    """Builds the network as an ONNX graph, layer by layer."""

    def __init__(self, parameters: _Parameters) -> None:
        self._parameters = parameters
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def made(self) -> Any:
        """The complete ONNX model."""
        mean = self._constant(np.array(_MEAN, np.float32))
        scale = self._constant(np.array(_SCALE, np.float32))
        scaled = self._node("Div", self._node("Sub", "faces", mean), scale)
        x = self._node("Transpose", scaled, perm=[0, 3, 1, 2])
        channels, side = 32, _SIDE_PX
        x = self._node("Relu", self._convolution(x, 3, channels, 7, stride=2))
        side = (side - 7) // 2 + 1
        x = self._node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
        side = (side - 3) // 2 + 1
        for filters, down in _BLOCKS:
            x, side = self._block(x, channels, filters, side, down=down)
            channels = filters
        pooled = self._node("Flatten", self._node("GlobalAveragePool", x))
        weights = self._parameters.next("fc_2", channels, _DIMENSION, skipped=2).reshape(channels, _DIMENSION)
        self._nodes.append(helper.make_node("MatMul", [pooled, self._constant(weights)], ["embeddings"]))
        graph = helper.make_graph(
            self._nodes,
            "dlib",
            [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", _SIDE_PX, _SIDE_PX, 3])],
            [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", _DIMENSION])],
            self._constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    def _block(self, x: str, channels: int, filters: int, side: int, *, down: bool) -> tuple[str, int]:
        """The output of a residual block, and its side. If the block halves the side, the shortcut is an average."""
        inner = self._node("Relu", self._convolution(x, channels, filters, 3, stride=2 if down else 1))
        inner = self._convolution(inner, filters, filters, 3)
        if down:
            x = self._node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
            # dlib adds tensors of different size as if the smaller one were padded with zeros.
            inner = self._padded(inner, 0, side // 2 - (side - 1) // 2)
            x = self._padded(x, filters - channels, 0)
            side //= 2
        return self._node("Relu", self._node("Add", inner, x)), side

    def _convolution(self, x: str, channels: int, filters: int, side: int, stride: int = 1) -> str:
        """A convolution merged with the affine layer after it. With a stride, it has no padding."""
        count = filters * channels * side * side
        parameters = self._parameters.next("con_4", count + filters)
        weights, bias = parameters[:count].reshape(filters, channels, side, side), parameters[count:]
        gamma, beta = self._parameters.next("affine_", 2, filters).reshape(2, filters)
        padding = 0 if stride > 1 else side // 2
        return self._node(
            "Conv",
            x,
            self._constant(weights * gamma[:, None, None, None]),
            self._constant(bias * gamma + beta),
            strides=[stride, stride],
            pads=[padding] * 4,
        )

    def _padded(self, x: str, channels: int, side: int) -> str:
        """The tensor with zeros added after the last channel, and on the right and at the bottom."""
        if not channels and not side:
            return x
        return self._node("Pad", x, self._constant(np.array([0, 0, 0, 0, 0, channels, side, side], np.int64)))

    def _constant(self, value: npt.NDArray[Any]) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def _node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"value{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

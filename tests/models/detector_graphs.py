"""Made networks in place of detectors' and of Buffalo_L, with their inputs and outputs: bright spots are faces.

They are for the drawn face of the self-test, in which the white of the eyes is the brightest.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

_FACE_PX = 80  # side of the boxes that the made CenterFace gives
_STEEP = 1.0  # of the sigmoid that tells bright from dark, for a step of 1 of 255
_RED, _BLUE = 0, 2  # of skin, and of the white of eyes
_SSD_BOX = (1, 0.95, 0.25, 0.2, 0.75, 0.8)  # class, confidence, left, top, right, bottom as shares

FLOAT = TensorProto.FLOAT


def write_detector_graphs(weights: Path) -> None:
    """Write all of them where DeepFace looks for the real files."""
    (weights / "centerface.onnx").write_bytes(_centerface().SerializeToString())
    (weights / "retinaface.onnx").write_bytes(_retinaface().SerializeToString())
    (weights / "deploy.prototxt").write_text(_ssd())
    (weights / "res10_300x300_ssd_iter_140000.caffemodel").write_bytes(b"")  # no layer of it has weights
    if not (weights / "face_detection_yunet_2023mar.onnx").exists():  # the real one may lie in the shared folder
        (weights / "face_detection_yunet_2023mar.onnx").write_bytes(_yunet().SerializeToString())
    (weights / "buffalo_l").mkdir(exist_ok=True)
    (weights / "buffalo_l" / "webface_r50.onnx").write_bytes(_buffalo().SerializeToString())


def _model(nodes, inputs, outputs, constants):
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "made", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _values(name, shape):
    return helper.make_tensor_value_info(name, FLOAT, shape)


def _bright(channel, *, threshold, scale):
    """Weights and bias of a 1 x 1 convolution that gives, for each scale, so many times channel less threshold."""
    weights = np.zeros((len(scale), 3, 1, 1), np.float32)
    weights[:, channel, 0, 0] = scale
    return weights, -np.array(scale, np.float32) * threshold


def _centerface():
    """Planes of RGB, 0 to 255, to heat, log of a quarter of the size, offset and landmarks, a quarter as large."""
    heat, heat_bias = _bright(_BLUE, threshold=192, scale=[_STEEP])
    landmarks = np.array([0.35, 0.3, 0.35, 0.7, 0.55, 0.5, 0.75, 0.35, 0.75, 0.65], np.float32)  # y and x as shares
    constants = {"heat": heat, "heat_bias": heat_bias}
    nodes = [
        helper.make_node("AveragePool", ["input"], ["quarter"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["quarter", "heat", "heat_bias"], ["hot"]),
        helper.make_node("Sigmoid", ["hot"], ["537"]),
    ]
    plain = {"538": np.full(2, np.log(_FACE_PX / 4), np.float32), "539": np.zeros(2, np.float32), "540": landmarks}
    for name, bias in plain.items():
        constants |= {f"weights{name}": np.zeros((len(bias), 3, 1, 1), np.float32), f"bias{name}": bias}
        nodes.append(helper.make_node("Conv", ["quarter", f"weights{name}", f"bias{name}"], [name]))
    channels = {"537": 1, "538": 2, "539": 2, "540": 10}
    outputs = [_values(name, [1, count, "h4", "w4"]) for name, count in channels.items()]
    return _model(nodes, [_values("input", [1, 3, "h", "w"])], outputs, constants)


def _retinaface():
    """(n, h, w, 3) in RGB to probabilities, boxes and landmarks of two anchors a cell, at three steps; only the largest
    anchor of the widest step ever shows a face."""
    nodes = [helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2])]
    constants, outputs = {}, []
    for step in (32, 16, 8):
        nodes.append(
            helper.make_node("AveragePool", ["planes"], [f"cells{step}"], kernel_shape=[step] * 2, strides=[step] * 2)
        )
        scores, bias = _bright(_RED, threshold=205, scale=[0, 0, _STEEP, 0])  # background twice, face twice
        bias += np.array([0, 0, 0 if step == 32 else -1000, -1000], np.float32)
        for what, weights, offset in (
            ("class", scores, bias),
            ("box", np.zeros((8, 3, 1, 1), np.float32), np.zeros(8, np.float32)),
            ("landmark", np.zeros((20, 3, 1, 1), np.float32), _spread()),
        ):
            name = f"{what}{step}"
            constants |= {f"{name}_w": weights, f"{name}_b": offset}
            nodes.append(helper.make_node("Conv", [f"cells{step}", f"{name}_w", f"{name}_b"], [f"{name}_planes"]))
            last = f"{name}_planes"
            if what == "class":
                nodes.append(helper.make_node("Sigmoid", [last], [f"{name}_sigmoid"]))
                last = f"{name}_sigmoid"
            nodes.append(helper.make_node("Transpose", [last], [name], perm=[0, 2, 3, 1]))
            outputs.append(_values(name, ["n", f"h{step}", f"w{step}", len(offset)]))
    return _model(nodes, [_values("input", ["n", "h", "w", 3])], outputs, constants)


def _yunet():
    """Planes of BGR, 640 x 640, to a list of cells of three steps: class, object, box and landmarks; as above."""
    nodes, constants, outputs = [], {"list": np.array([1, -1, 1]), "boxes": np.array([1, -1, 4])}, []
    constants["points"] = np.array([1, -1, 10])
    landmarks = np.array([-0.6, -0.4, 0.6, -0.4, 0, 0.2, -0.4, 0.8, 0.4, 0.8], np.float32)  # x and y in steps
    for step in (8, 16, 32):
        nodes.append(
            helper.make_node("AveragePool", ["input"], [f"cells{step}"], kernel_shape=[step] * 2, strides=[step] * 2)
        )
        scores, bias = _bright(2, threshold=205 if step == 32 else 1000, scale=[_STEEP])
        for what, weights, offset, shape in (
            ("cls", scores, bias, "list"),
            ("obj", scores, bias, "list"),
            ("bbox", np.zeros((4, 3, 1, 1), np.float32), np.log([1, 1, 3, 3]).astype(np.float32), "boxes"),
            ("kps", np.zeros((10, 3, 1, 1), np.float32), landmarks, "points"),
        ):
            name = f"{what}_{step}"
            constants |= {f"{name}_w": weights, f"{name}_b": offset}
            nodes.append(helper.make_node("Conv", [f"cells{step}", f"{name}_w", f"{name}_b"], [f"{name}_planes"]))
            last = f"{name}_planes"
            if shape == "list":
                nodes.append(helper.make_node("Sigmoid", [last], [f"{name}_sigmoid"]))
                last = f"{name}_sigmoid"
            nodes.append(helper.make_node("Transpose", [last], [f"{name}_last"], perm=[0, 2, 3, 1]))
            nodes.append(helper.make_node("Reshape", [f"{name}_last", shape], [name]))
            outputs.append(_values(name, [1, (640 // step) ** 2, len(offset)]))
    outputs.sort(key=lambda output: ("cls", "obj", "bbox", "kps").index(output.name.split("_")[0]))
    return _model(nodes, [_values("input", [1, 3, 640, 640])], outputs, constants)


def _spread():
    """Landmarks of two anchors, x and y from their middle as shares of their size: eyes, nose, corners of the mouth."""
    return np.tile(np.array([-0.2, -0.15, 0.2, -0.15, 0, 0.05, -0.15, 0.25, 0.15, 0.25], np.float32), 2)


def _ssd():
    """Caffe's text: whatever the picture, one row of image, class, confidence, left, top, right and bottom."""
    rows = [
        'input: "data"', "input_dim: 1", "input_dim: 3", "input_dim: 300", "input_dim: 300",
        'layer { name: "mean" type: "Pooling" bottom: "data" top: "mean"'
        " pooling_param { pool: AVE global_pooling: true } }",
        'layer { name: "cut" type: "Slice" bottom: "mean" top: "one" top: "rest"'
        " slice_param { axis: 1 slice_point: 1 } }",
    ]  # fmt: skip
    values = (0, *_SSD_BOX)
    for number, value in enumerate(values):
        rows.append(
            f'layer {{ name: "v{number}" type: "Power" bottom: "one" top: "v{number}"'
            f" power_param {{ power: 1 scale: 0 shift: {value} }} }}"
        )
    bottoms = " ".join(f'bottom: "v{number}"' for number in range(len(values)))
    rows.append(
        f'layer {{ name: "detection_out" type: "Concat" {bottoms} top: "detection_out" concat_param {{ axis: 3 }} }}'
    )
    return "\n".join(rows)


def _buffalo():
    """Planes of 112 x 112 to 512 numbers, as insightface reads them."""
    weights = np.random.default_rng(0).normal(size=(3 * 8 * 8, 512)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input"], ["pooled"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["output"]),
    ]
    outputs = [_values("output", ["n", 512])]
    return _model(nodes, [_values("input", ["n", 3, 112, 112])], outputs, {"weights": weights})

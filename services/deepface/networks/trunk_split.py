"""Cuts off the first layers that several networks have in common, so that they run once for all of them.

DeepFace's age, gender and race networks were trained on top of VGG-Face's convolutions, which were not changed. The
files show whether they share layers: their first nodes must be equal, with weights equal to the bit.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper, shape_inference

from core.encryption import Keyring
from core.files import signature_of
from services.deepface.networks.onnx_files import loaded
from services.deepface.networks.prepared import PreparedFiles, PreparedNetworks

_PLAN, _TRUNK = "plan.json", "trunk.onnx"
_COSTLY = "Conv"  # only a trunk with such a node is worth sharing
_ANY = "n"  # a variable number of faces


@dataclass(frozen=True, slots=True)
class Split:
    """The files of networks that share a trunk: the file of the trunk, and the file of each head by network name."""

    trunk: Path
    heads: dict[str, Path]
    files: PreparedFiles

    def content(self, path: Path) -> bytes:
        """The content of one of the files; raises NotAuthentic if it is not as `split` wrote it."""
        return self.files.read(path.name)


def split(files: dict[str, Path], folder: Path, keyring: Keyring | None = None) -> Split | None:
    """The networks cut into trunk and heads, kept below `folder` until a file changes; None if no two share a trunk.

    `files` are ONNX files by network name. If several groups share a trunk, the largest group is used. `keyring`
    authenticates what is kept.

    Raises:
        OSError: a file cannot be read, or `folder` cannot be written.
    """
    return split_in(PreparedNetworks(folder, keyring), files)


def split_in(prepared: PreparedNetworks, files: dict[str, Path]) -> Split | None:
    """As `split`."""
    states = sorted(f"{name} {signature_of(path.stat())}" for name, path in files.items())
    kept = f"trunk-{sha256(chr(10).join(states).encode()).hexdigest()}"
    return prepared.load(kept, lambda draft: _write(files, draft), _planned)


def _planned(files: PreparedFiles) -> Split | None:
    names: list[str] = json.loads(files.read(_PLAN))
    files.check()
    heads = {name: files.folder / _head(name) for name in names}
    return Split(files.folder / _TRUNK, heads, files) if names else None


def _head(name: str) -> str:
    return f"{name}.onnx"


def _write(files: dict[str, Path], folder: Path) -> None:
    """Write the trunk, the heads, and the plan: the names of the networks that share the trunk."""
    (folder / _PLAN).write_text(json.dumps(_write_parts(files, folder)))


def _write_parts(files: dict[str, Path], folder: Path) -> list[str]:
    steps = {name: _steps(loaded(str(path))) for name, path in files.items()}
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, own in steps.items():
        if beginning := _up_to_costly(own):
            groups[beginning].append(name)
    largest = max(groups.values(), key=len, default=[])
    names = sorted(largest)
    if len(names) < 2:
        return []
    in_step = zip(*(steps[name] for name in names), strict=False)
    same = len(list(takewhile(lambda step: len(set(step)) == 1, in_step)))
    cut: Cut | None = None
    for name in names:
        model = loaded(str(files[name]))
        if cut is None:
            cut = _last_cut(model, same)
            if cut is None:
                return []
            _save(_first_part(model, cut), folder / _TRUNK)
        _save(_second_part(model, cut), folder / _head(name))
    return names


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut after the first `nodes` nodes. `shape` is that of the one value that crosses it, faces first."""

    nodes: int
    shape: list[int | str | None]


def _steps(model: Any) -> list[str]:
    """A text for each node in order, equal for the same operation on the same values.

    Empty for a network with several inputs, and for one with graphs inside nodes, which use more than their inputs.
    """
    graph = model.graph
    if len(graph.input) != 1 or any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return []
    known = {graph.input[0].name: f"input {_shape(graph.input[0])}", "": ""}
    for tensor in graph.initializer:
        content = tensor.raw_data or tensor.SerializeToString()
        known[tensor.name] = f"{tensor.data_type} {list(tensor.dims)} {sha256(content).hexdigest()}"
    steps = []
    for place, node in enumerate(graph.node):
        attributes = sorted(attribute.SerializeToString().hex() for attribute in node.attribute)
        inputs = [known.get(name, f"unknown {name}") for name in node.input]
        for number, name in enumerate(node.output):
            known[name] = f"value {place} {number}"
        steps.append(f"{node.domain} {node.op_type} {inputs} {len(node.output)} {attributes}")
    return steps


def _shape(value: Any) -> list[int | str | None]:
    """The sides of a value; None for a variable side, `_ANY` for a variable first side, the number of faces."""
    first, *rest = (dimension.dim_value or None for dimension in value.type.tensor_type.shape.dim)
    return [first or _ANY, *rest]


def _up_to_costly(steps: list[str]) -> tuple[str, ...]:
    """The steps up to the first costly one; empty if there is none."""
    for place, step in enumerate(steps):
        if step.split(" ")[1] == _COSTLY:
            return tuple(steps[: place + 1])
    return ()


def _last_cut(model: Any, most: int) -> Cut | None:
    """The last cut after at most `most` nodes, with a costly node before it and a single value for all faces across."""
    graph = model.graph
    nodes = graph.node[:most]
    known = shape_inference.infer_shapes(_part(model, nodes, list(graph.input), []))
    values = {value.name: value for value in known.graph.value_info}
    faces = graph.input[0].type.tensor_type.shape.dim[0]
    for cut in range(most, 0, -1):
        if not any(node.op_type == _COSTLY for node in nodes[:cut]):
            return None
        crossing = _crossing(graph, cut)
        value = values.get(next(iter(crossing))) if len(crossing) == 1 else None
        if value is not None and value.type.tensor_type.elem_type == TensorProto.FLOAT:
            dimensions = value.type.tensor_type.shape.dim
            if dimensions and dimensions[0] == faces:
                return Cut(cut, _shape(value))
    return None


def _crossing(graph: Any, cut: int) -> set[str]:
    """The values from before the cut that later nodes or the outputs use."""
    made = {graph.input[0].name} | {name for node in graph.node[:cut] for name in node.output}
    needed = {name for node in graph.node[cut:] for name in node.input} | {output.name for output in graph.output}
    return made & needed


def _first_part(model: Any, cut: Cut) -> Any:
    return _part(model, model.graph.node[: cut.nodes], list(model.graph.input), [_features(model, cut)])


def _second_part(model: Any, cut: Cut) -> Any:
    return _part(model, model.graph.node[cut.nodes :], [_features(model, cut)], list(model.graph.output))


def _features(model: Any, cut: Cut) -> Any:
    """The value that crosses the cut, with the network's own name for it."""
    (name,) = _crossing(model.graph, cut.nodes)
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, cut.shape)


def _part(model: Any, nodes: Iterable[Any], inputs: list[Any], outputs: list[Any]) -> Any:
    """A model with only these nodes and the weights that they need."""
    nodes = list(nodes)
    needed = {name for node in nodes for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    graph = helper.make_graph(nodes, model.graph.name, inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _save(model: Any, path: Path) -> None:
    path.write_bytes(model.SerializeToString())
